/* SPDX-License-Identifier: MIT
 * scope.h - what a group was told to read, as every transport keeps it: topics by name, and partitions. */
#ifndef EVSI_SCOPE_H
#define EVSI_SCOPE_H

#include <stdbool.h>
#include <stddef.h>

#include "libevents_transport.h"

typedef struct evsi_scope_topics {
  char **names;
  size_t count;
} evsi_scope_topics;

typedef struct evsi_scope_partitions {
  int32_t *numbers;
  size_t count; /* 0: all of them */
} evsi_scope_partitions;

/* Takes over those of a group's specification, in place of what there was. False: no memory, all is as
 * before. */
bool evsi_scope_topics_set(evsi_scope_topics *topics, const evs_tp_group *spec);
/* Those that are not there yet, to what there is. False: no memory, some may be missing. */
bool evsi_scope_topics_add(evsi_scope_topics *topics, const evs_tp_group *spec);
bool evsi_scope_topics_have(const evsi_scope_topics *topics, evs_bytes name);
void evsi_scope_topics_free(evsi_scope_topics *topics);

bool evsi_scope_partitions_set(evsi_scope_partitions *partitions, const evs_tp_group *spec);
/* A topic without partitions is always among them. */
bool evsi_scope_partitions_have(const evsi_scope_partitions *partitions, int32_t number);
void evsi_scope_partitions_free(evsi_scope_partitions *partitions);

#endif
