/* SPDX-License-Identifier: MIT
 * body_check.h - the body of an event that is to be published against the schema of its type. */
#ifndef EVSI_BODY_CHECK_H
#define EVSI_BODY_CHECK_H

#include "config/config.h"
#include "observe/stats.h"

typedef struct evsi_body_check {
  const evsi_config *config;
  evsi_registry *schemas;
  evsi_stats *stats;
} evsi_body_check;

/* Behind evsi_event_check(). out_version: what the header says of the body; lives as long as the event and
 * the registry. errors: EVS_VALIDATION with problems[] where publisher.validationMode is strict */
evs_status evsi_body_check_event(const evsi_body_check *check, const char *type, const evs_event *event,
                                 evs_bytes *out_version, evs_error **out_error);

#endif
