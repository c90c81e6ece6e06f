/* SPDX-License-Identifier: MIT
 * evs_border.h - the module libevents._border: what is done for each event and is slow in Python. It keeps to
 * the stable ABI of Python 3.9; of libevents it knows only how evs_python.h lays a batch out. */
#ifndef EVS_BORDER_H
#define EVS_BORDER_H

#include <Python.h>

/* The class Record: the columns and the texts of one delivery. */
extern PyType_Spec evsi_border_record;

/* split(columns, texts, count, kind) - a batch, as evspy_batch_copy() laid it out in two bytearrays, as a
 * list of objects of `kind`, which is Record or a class made of it. */
PyObject *evsi_border_split(PyObject *module, PyObject *args);

/* The class StandIn: the current task of a coroutine's first step. */
extern PyType_Spec evsi_border_stand_in;

/* step(kind, enter, leave, loop, coroutine, context) - sends None to the coroutine within its context, while
 * an object of `kind`, which is made of StandIn, is the current task. None: it ended, and nobody made a task
 * of that object. Else the object, what the coroutine gave, and the error that it ended with. */
PyObject *evsi_border_step(PyObject *module, PyObject *args);
int evsi_border_step_names(void);

#endif
