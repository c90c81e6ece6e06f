/* SPDX-License-Identifier: MIT
 * request_methods.h - which requests there are, and who answers each. */
#ifndef EVSI_REQUEST_METHODS_H
#define EVSI_REQUEST_METHODS_H

#include <stdbool.h>

bool evsi_method_is_own(const char *method);          /* the system answers it */
bool evsi_method_is_of_link(const char *method);      /* an own one that may be about one transport only */
bool evsi_method_is_of_transport(const char *method); /* a transport answers it */
bool evsi_method_changes(const char *method);         /* and notes who asked */

#endif
