/* SPDX-License-Identifier: MIT
 * evs_border.c - the module itself, see evs_border.h. */
#include "evs_border.h"

static PyMethodDef functions[] = {
    {"encode", evsi_border_encode, METH_VARARGS, NULL},
    {"split", evsi_border_split, METH_VARARGS, NULL},
    {NULL, NULL, 0, NULL},
};

static int fill(PyObject *module) {
  PyObject *record = PyType_FromSpec(&evsi_border_record);
  return record && PyModule_AddObject(module, "Record", record) == 0 ? 0 : -1;
}

static PyModuleDef_Slot slots[] = {{Py_mod_exec, fill}, {0, NULL}};

static struct PyModuleDef border = {PyModuleDef_HEAD_INIT, .m_name = "libevents._border",
                                    .m_methods = functions, .m_slots = slots};

PyMODINIT_FUNC PyInit__border(void); /* is called by its name */

PyMODINIT_FUNC PyInit__border(void) {
  return PyModuleDef_Init(&border);
}
