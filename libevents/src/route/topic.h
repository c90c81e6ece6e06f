/* SPDX-License-Identifier: MIT
 * topic.h - the topic of an event for which no route names one: mapping, then strategy. Any thread. */
#ifndef EVSI_TOPIC_H
#define EVSI_TOPIC_H

#include "config/config.h"
#include "event/pattern_trie.h"
#include "libevents.h"

enum { EVSI_TOPIC_BYTES = 201, EVSI_TOPIC_BY_STRATEGY = -1 };

typedef struct evsi_topics {
  const evsi_config *config;
  evsi_pattern_trie *mappings; /* by declaration number */
} evsi_topics;

/* config is lent. errors: EVS_NOMEM */
evs_status evsi_topics_init(evsi_topics *topics, const evsi_config *config, evs_error **out_error);
void evsi_topics_free(evsi_topics *topics);

/* Writes the topic; *out_mapping is the number of the mapping that gave it, or EVSI_TOPIC_BY_STRATEGY.
 * type is what stands behind the origin prefix in full_type; both folded.
 * errors: EVS_ROUTING when the first segment makes no topic name */
evs_status evsi_topics_choose(const evsi_topics *topics, evs_bytes full_type, evs_bytes type,
                              char out_topic[EVSI_TOPIC_BYTES], int64_t *out_mapping);

#endif
