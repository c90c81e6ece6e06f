/* SPDX-License-Identifier: MIT
 * border_record.c - deliveries as objects, see evs_border.h. Each copies its part of the batch: whoever keeps
 * one message keeps no other. */
#include "evs_border.h"
#include "evs_python.h"

#include <stddef.h>
#include <string.h>
#include <structmember.h>

typedef struct record {
  PyObject_HEAD PyObject *text; /* bytes: all texts of the delivery */
  PyObject *seen;               /* the body in place of what was published, and its version */
  PyObject *body;               /* parsed */
  PyObject *headers;            /* parsed */
  int64_t columns[EVSPY_MESSAGE_COLUMNS];
} record;

static record *new_record(PyTypeObject *kind, const int64_t *columns) {
  allocfunc alloc = (allocfunc)PyType_GetSlot(kind, Py_tp_alloc);
  record *self = (record *)alloc(kind, 0);
  if (self)
    memcpy(self->columns, columns, sizeof self->columns);
  return self;
}

static PyObject *make(PyTypeObject *kind, PyObject *args, PyObject *names) {
  PyObject *given;
  (void)names;
  if (!PyArg_UnpackTuple(args, "Record", 1, 1, &given))
    return NULL;
  if (!PyType_IsSubtype(Py_TYPE(given), kind)) {
    PyErr_SetString(PyExc_TypeError, "a record is made of another one only");
    return NULL;
  }
  record *other = (record *)given, *self = new_record(kind, other->columns);
  if (!self)
    return NULL;
  Py_INCREF(self->text = other->text);
  Py_XINCREF(self->seen = other->seen);
  return (PyObject *)self;
}

static int traverse(PyObject *object, visitproc visit, void *arg) {
  record *self = (record *)object;
  Py_VISIT(Py_TYPE(object));
  Py_VISIT(self->seen);
  Py_VISIT(self->body);
  Py_VISIT(self->headers);
  return 0;
}

static int clear(PyObject *object) {
  record *self = (record *)object;
  Py_CLEAR(self->seen);
  Py_CLEAR(self->body);
  Py_CLEAR(self->headers);
  return 0;
}

static void dispose(PyObject *object) {
  PyTypeObject *kind = Py_TYPE(object);
  freefunc release = (freefunc)PyType_GetSlot(kind, Py_tp_free);
  PyObject_GC_UnTrack(object);
  clear(object);
  Py_XDECREF(((record *)object)->text);
  release(object);
  Py_DECREF(kind);
}

/* ---- its texts ------------------------------------------------------------------------------------------
 */

/* Where a text begins, and its size; a column that is none of a text has an empty one. */
static const char *text_at(const record *self, int64_t column, Py_ssize_t *size) {
  const int64_t *ends = self->columns;
  *size = 0;
  if (column < EVSPY_MESSAGE_ID || column >= EVSPY_MESSAGE_COLUMNS)
    return "";
  int64_t begin = column == EVSPY_MESSAGE_ID ? 0 : ends[column - 1];
  *size = (Py_ssize_t)(ends[column] - begin);
  return PyBytes_AsString(self->text) + begin;
}

static PyObject *bytes_of(PyObject *object, PyObject *column) {
  long number = PyLong_AsLong(column);
  Py_ssize_t size;
  const char *text = text_at((record *)object, number, &size);
  return PyErr_Occurred() ? NULL : PyBytes_FromStringAndSize(text, size);
}

static PyObject *text_of(PyObject *object, PyObject *column) {
  long number = PyLong_AsLong(column);
  Py_ssize_t size;
  const char *text = text_at((record *)object, number, &size);
  return PyErr_Occurred() ? NULL : PyUnicode_DecodeUTF8(text, size, "replace");
}

static PyObject *json_text(PyObject *object, PyObject *nothing) {
  Py_ssize_t size;
  (void)nothing;
  text_at((record *)object, EVSPY_MESSAGE_CONTENT_TYPE, &size);
  if (size > 0)
    Py_RETURN_NONE;
  const char *text = text_at((record *)object, EVSPY_MESSAGE_BODY, &size);
  return PyUnicode_DecodeUTF8(text, size, NULL);
}

static PyMethodDef methods[] = {
    {"_bytes_of", bytes_of, METH_O, "The text of a column."},
    {"_text_of", text_of, METH_O, "The same as str; what is no UTF-8 is replaced."},
    {"_json_text", json_text, METH_NOARGS,
     "The body, where it is JSON; None: a content type says what it is."},
    {NULL, NULL, 0, NULL},
};

#define NUMBER(name, column)                                                                                 \
  { name, T_LONGLONG, offsetof(record, columns) + (column) * sizeof(int64_t), READONLY, NULL }

static PyMemberDef members[] = {
    NUMBER("_subscription", EVSPY_MESSAGE_SUBSCRIPTION),
    NUMBER("_delivery", EVSPY_MESSAGE_DELIVERY),
    NUMBER("_attempt", EVSPY_MESSAGE_ATTEMPT),
    NUMBER("_deliveries", EVSPY_MESSAGE_DELIVERIES),
    NUMBER("_handler_timeout", EVSPY_MESSAGE_HANDLER_TIMEOUT),
    NUMBER("_partition", EVSPY_MESSAGE_PARTITION),
    {"_seen", T_OBJECT, offsetof(record, seen), 0, NULL},
    {"_body", T_OBJECT, offsetof(record, body), 0, NULL},
    {"_headers", T_OBJECT, offsetof(record, headers), 0, NULL},
    {NULL, 0, 0, 0, NULL},
};

static PyType_Slot slots[] = {
    {Py_tp_new, make},
    {Py_tp_dealloc, dispose},
    {Py_tp_traverse, traverse},
    {Py_tp_clear, clear},
    {Py_tp_methods, methods},
    {Py_tp_members, members},
    {0, NULL},
};

PyType_Spec evsi_border_record = {
    .name = "libevents._border.Record",
    .basicsize = sizeof(record),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC,
    .slots = slots,
};

/* ---- a batch --------------------------------------------------------------------------------------------
 */

static PyObject *split_one(PyTypeObject *kind, const int64_t *columns, const char *texts) {
  PyObject *text = PyBytes_FromStringAndSize(texts + columns[EVSPY_MESSAGE_START],
                                             (Py_ssize_t)columns[EVSPY_MESSAGE_COLUMNS - 1]);
  record *self = text ? new_record(kind, columns) : NULL;
  if (self)
    self->text = text;
  else
    Py_XDECREF(text);
  return (PyObject *)self;
}

PyObject *evsi_border_split(PyObject *module, PyObject *args) {
  PyObject *columns, *texts, *kind;
  Py_ssize_t count;
  (void)module;
  if (!PyArg_ParseTuple(args, "YYnO:split", &columns, &texts, &count, &kind))
    return NULL;
  const char *row = PyByteArray_AsString(columns), *text = PyByteArray_AsString(texts);
  PyObject *list = PyList_New(count);
  for (Py_ssize_t i = 0; list && i < count; i++) {
    PyObject *each =
        split_one((PyTypeObject *)kind, (const int64_t *)(const void *)row + i * EVSPY_MESSAGE_COLUMNS, text);
    if (each)
      PyList_SetItem(list, i, each);
    else
      Py_CLEAR(list);
  }
  return list;
}
