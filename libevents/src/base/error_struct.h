/* SPDX-License-Identifier: MIT
 * error_struct.h - what an evs_error is made of, for error.c, the accessors of the public interface, and
 * the few that quote an error. Everybody else builds errors with error.h and passes them on. */
#ifndef EVSI_ERROR_STRUCT_H
#define EVSI_ERROR_STRUCT_H

#include <stdbool.h>

#include "libevents.h"

struct evs_error {
  evs_status status;
  bool fixed; /* static, never freed: the error for when there is no memory for one */
  const char *message;
  const char *path; /* "" when none */
  const char *json;
};

/* NULL is fine; static ones stay. */
void evsi_error_destroy(evs_error *error);

/* The thread's last error or NULL. */
const evs_error *evsi_error_last(void);

#endif
