/* SPDX-License-Identifier: MIT
 * problems.h - the faults of a document, collected so that all are told at once. */
#ifndef EVSD_PROBLEMS_H
#define EVSD_PROBLEMS_H

#include <jansson.h>
#include <stddef.h>

#include "libevents.h"

typedef struct evsd_problems {
  size_t count;
  char path[128]; /* of the first */
  char text[4096];
  size_t used;
} evsd_problems;

void evsd_problem_add(evsd_problems *problems, const char *path, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* EVS_OK when there is none, else EVS_CONFIG with an error that names them all. */
evs_status evsd_problems_end(const evsd_problems *problems, evs_error **out_error);
/* The known name that is most like `name`, or NULL. `known` ends with NULL. */
const char *evsd_suggest(const char *name, const char *const *known);
/* Adds a problem for each member of `object` that is not known. */
void evsd_problems_unknown(evsd_problems *problems, const char *path, json_t *object,
                           const char *const *known);

#endif
