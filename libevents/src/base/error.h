/* SPDX-License-Identifier: MIT
 * error.h - building the errors that leave through `out_error`. */
#ifndef EVSI_ERROR_H
#define EVSI_ERROR_H

#include "libevents.h"

/* Builds an error and returns `status`. With out_error NULL it becomes the thread's last error.
 * path: JSON pointer or NULL. The text says what, where, why and how to fix it; no secrets, no bodies. */
evs_status evsi_error(evs_error **out_error, evs_status status, const char *path, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* An error with problems: problems_json is an array of {path, message, found, expected, suggestion}. */
evs_status evsi_error_problems(evs_error **out_error, evs_status status, const char *message,
                               const char *problems_json);

/* An error out of the document that another had as its JSON. */
evs_status evsi_error_again(evs_error **out_error, evs_status status, evs_bytes json);

evs_status evsi_error_nomem(evs_error **out_error);

#endif
