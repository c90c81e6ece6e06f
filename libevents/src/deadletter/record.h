/* SPDX-License-Identifier: MIT
 * record.h - what is written beside a dead event: where it came from, who failed, why, and how often. */
#ifndef EVSI_RECORD_H
#define EVSI_RECORD_H

#include <jansson.h>
#include <stdint.h>

#include "libevents.h"

typedef struct evsi_dead_record {
  evs_bytes original_id; /* position of the entry in its stream */
  evs_bytes topic;
  int32_t partition;
  const char *group;
  const char *consumer;
  const char *service;
  evs_bytes type;        /* of the event, or empty when it could not be read */
  json_t *subscriptions; /* names that failed, or NULL; borrowed */
  json_t *error;         /* {class, message, stack}; borrowed */
  json_t *history;       /* borrowed, or NULL */
  uint32_t attempts;
  uint64_t first_failure_ms;
  uint64_t last_failure_ms;
  evs_bytes requeue; /* of the entry, to go on counting; or empty */
  const char *holds; /* "lane" or "key": what waits in an ordered topic until it was dealt with; or NULL */
} evsi_dead_record;

/* The record as JSON text (docs/wire-format.md), freed with evsi_free(); NULL when memory is short. */
char *evsi_dead_record_text(const evsi_dead_record *record);

#endif
