/* SPDX-License-Identifier: MIT
 * event_check.h - is an event that a caller hands to the publisher acceptable? Type, headers, body, id,
 * timestamp and sizes; schemas will join here. Any thread. */
#ifndef EVSI_EVENT_CHECK_H
#define EVSI_EVENT_CHECK_H

#include "config/config.h"
#include "event/type_name.h"
#include "libevents.h"

/* Checks everything and folds the type into out_type (EVSI_TYPE_MAX + 1 bytes).
 * errors: EVS_VALIDATION, EVS_UNSUPPORTED, EVS_ARGUMENT: what, where and what is allowed */
evs_status evsi_event_check(const evsi_config *config, const evs_event *event, char *out_type,
                            evs_error **out_error);

#endif
