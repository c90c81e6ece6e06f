/* SPDX-License-Identifier: MIT
 * event_check.h - is an event that a caller hands to the publisher acceptable? Type, headers, body, id,
 * timestamp and sizes; schemas will join here. Any thread. */
#ifndef EVSI_EVENT_CHECK_H
#define EVSI_EVENT_CHECK_H

#include "config/config.h"
#include "event/type_name.h"
#include "libevents.h"

/* The type of an event, and as what it was given: the next event of a call mostly has the same. */
typedef struct evsi_checked_type {
  uint32_t changes;          /* how often it became another one */
  const evsi_config *config; /* by which it was checked; NULL: there is none yet */
  bool is_own;               /* of an event of this system */
  evs_bytes given;
  size_t size;
  char text[EVSI_TYPE_MAX + 1]; /* folded, without the own origin prefix */
} evsi_checked_type;

/* Checks everything. type: all zero, or that of an event before, whose bytes are still there.
 * errors: EVS_VALIDATION, EVS_UNSUPPORTED, EVS_ARGUMENT: what, where and what is allowed */
evs_status evsi_event_check(const evsi_config *config, const evs_event *event, evsi_checked_type *type,
                            evs_error **out_error);

#endif
