/* SPDX-License-Identifier: MIT
 * border_step.c - a coroutine up to its first pause, see evs_border.h. What most do, ending without one,
 * costs no exception and no call in Python; _step.py takes care of the others. */
#include "evs_border.h"

#include <stddef.h>
#include <structmember.h>

typedef struct stand_in {
  PyObject_HEAD PyObject *loop, *coroutine, *context;
  PyObject *rest, *task; /* made by _step.py when somebody needs them */
} stand_in;

static PyObject *run_name, *send_name;

int evsi_border_step_names(void) {
  if (!run_name)
    run_name = PyUnicode_InternFromString("run");
  if (!send_name)
    send_name = PyUnicode_InternFromString("send");
  return run_name && send_name ? 0 : -1;
}

static stand_in *new_stand_in(PyTypeObject *kind, PyObject *loop, PyObject *coroutine, PyObject *context) {
  allocfunc alloc = (allocfunc)PyType_GetSlot(kind, Py_tp_alloc);
  stand_in *self = (stand_in *)alloc(kind, 0);
  if (!self)
    return NULL;
  Py_INCREF(self->loop = loop);
  Py_INCREF(self->coroutine = coroutine);
  Py_INCREF(self->context = context);
  return self;
}

static int traverse(PyObject *object, visitproc visit, void *arg) {
  stand_in *self = (stand_in *)object;
  Py_VISIT(Py_TYPE(object));
  Py_VISIT(self->loop);
  Py_VISIT(self->coroutine);
  Py_VISIT(self->context);
  Py_VISIT(self->rest);
  Py_VISIT(self->task);
  return 0;
}

static int clear(PyObject *object) {
  stand_in *self = (stand_in *)object;
  Py_CLEAR(self->loop);
  Py_CLEAR(self->coroutine);
  Py_CLEAR(self->context);
  Py_CLEAR(self->rest);
  Py_CLEAR(self->task);
  return 0;
}

static void dispose(PyObject *object) {
  PyTypeObject *kind = Py_TYPE(object);
  freefunc release = (freefunc)PyType_GetSlot(kind, Py_tp_free);
  PyObject_GC_UnTrack(object);
  clear(object);
  release(object);
  Py_DECREF(kind);
}

static PyMemberDef members[] = {
    {"_loop", T_OBJECT, offsetof(stand_in, loop), READONLY, NULL},
    {"_coroutine", T_OBJECT, offsetof(stand_in, coroutine), READONLY, NULL},
    {"_context", T_OBJECT, offsetof(stand_in, context), READONLY, NULL},
    {"_rest", T_OBJECT, offsetof(stand_in, rest), 0, NULL},
    {"_task", T_OBJECT, offsetof(stand_in, task), 0, NULL},
    {NULL, 0, 0, 0, NULL},
};

static PyType_Slot slots[] = {
    {Py_tp_dealloc, dispose},
    {Py_tp_traverse, traverse},
    {Py_tp_clear, clear},
    {Py_tp_members, members},
    {0, NULL},
};

PyType_Spec evsi_border_stand_in = {
    .name = "libevents._border.StandIn",
    .basicsize = sizeof(stand_in),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC,
    .slots = slots,
};

static PyObject *send(PyObject *context, PyObject *coroutine) {
  PyObject *function = PyObject_GetAttr(coroutine, send_name);
  PyObject *given = function ? PyObject_CallMethodObjArgs(context, run_name, function, Py_None, NULL) : NULL;
  Py_XDECREF(function);
  return given;
}

/* The exception that is set, as an object. */
static PyObject *take_error(void) {
  PyObject *type, *error, *trace;
  PyErr_Fetch(&type, &error, &trace);
  PyErr_NormalizeException(&type, &error, &trace);
  if (trace)
    PyException_SetTraceback(error, trace);
  Py_XDECREF(type);
  Py_XDECREF(trace);
  return error;
}

/* Takes the references to what was given, or to the error. */
static PyObject *outcome(stand_in *self, PyObject *given, PyObject *error) {
  PyObject *tuple = PyTuple_Pack(3, self, given ? given : Py_None, error ? error : Py_None);
  Py_XDECREF(given);
  Py_XDECREF(error);
  return tuple;
}

static PyObject *run_entered(stand_in *self) {
  PyObject *given = send(self->context, self->coroutine);
  if (given)
    return outcome(self, given, NULL);
  if (!self->task && PyErr_ExceptionMatches(PyExc_StopIteration)) {
    PyErr_Clear();
    Py_RETURN_NONE;
  }
  return outcome(self, NULL, take_error());
}

PyObject *evsi_border_step(PyObject *module, PyObject *args) {
  PyObject *kind, *enter, *leave, *loop, *coroutine, *context;
  (void)module;
  if (!PyArg_UnpackTuple(args, "step", 6, 6, &kind, &enter, &leave, &loop, &coroutine, &context))
    return NULL;
  stand_in *self = new_stand_in((PyTypeObject *)kind, loop, coroutine, context);
  PyObject *entered = self ? PyObject_CallFunctionObjArgs(enter, loop, self, NULL) : NULL, *result = NULL;
  if (entered) {
    result = run_entered(self);
    PyObject *left = PyObject_CallFunctionObjArgs(leave, loop, self, NULL);
    if (!left)
      Py_CLEAR(result);
    Py_XDECREF(left);
  }
  Py_XDECREF(entered);
  Py_XDECREF(self);
  return result;
}
