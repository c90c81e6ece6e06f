/* SPDX-License-Identifier: MIT
 * guard.h - the checks that every call on a system begins with. */
#ifndef EVSI_GUARD_H
#define EVSI_GUARD_H

#include "base/error.h"
#include "system/system.h"

/* EVS_OK when the system may be used; else the error: NULL, forked, or closed (unless closed is fine). */
evs_status evsi_guard(const evs_system *system, int closed_is_fine, evs_error **out_error);

#endif
