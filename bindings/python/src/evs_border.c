/* SPDX-License-Identifier: MIT
 * evs_border.c - the module itself, see evs_border.h. */
#include "evs_border.h"

static PyMethodDef functions[] = {
    {"split", evsi_border_split, METH_VARARGS, NULL},
    {"step", evsi_border_step, METH_VARARGS, NULL},
    {NULL, NULL, 0, NULL},
};

static int add_class(PyObject *module, const char *name, PyType_Spec *spec) {
  PyObject *made = PyType_FromSpec(spec);
  if (made && PyModule_AddObject(module, name, made) == 0)
    return 0;
  Py_XDECREF(made);
  return -1;
}

static int fill(PyObject *module) {
  if (evsi_border_step_names() != 0 || add_class(module, "Record", &evsi_border_record) != 0)
    return -1;
  return add_class(module, "StandIn", &evsi_border_stand_in);
}

static PyModuleDef_Slot slots[] = {{Py_mod_exec, fill}, {0, NULL}};

static struct PyModuleDef border = {PyModuleDef_HEAD_INIT, .m_name = "libevents._border",
                                    .m_methods = functions, .m_slots = slots};

PyMODINIT_FUNC PyInit__border(void); /* is called by its name */

PyMODINIT_FUNC PyInit__border(void) {
  return PyModuleDef_Init(&border);
}
