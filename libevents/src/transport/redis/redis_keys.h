/* SPDX-License-Identifier: MIT
 * redis_keys.h - names of keys and ids of entries. In the tagged layout everything that one script touches
 * has the same hash tag, {topic} or {topic:partition}, so it lives in one slot of a cluster. The plain layout
 * has the keys of the published library for streams and dead letters; all else is tagged with the whole key
 * of its stream, so that the two never meet. Nor do transports whose streams begin otherwise. */
#ifndef EVSI_REDIS_KEYS_H
#define EVSI_REDIS_KEYS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "libevents.h"
#include "transport/redis/redis_command.h"

#define EVSI_REDIS_PAUSED "evs:paused"
#define EVSI_REDIS_INDEX "evs:fp:"
#define EVSI_REDIS_ARCHIVE "evs:archive:"
#define EVSI_REDIS_ARCHIVED "evs:archived:"
#define EVSI_REDIS_PROGRESS "evs:op:"
#define EVSI_REDIS_IDS "evs:idem:"
#define EVSI_REDIS_DELAY "evs:delay:"
#define EVSI_REDIS_DELAYED "evs:delayed:"
#define EVSI_REDIS_OUTBOX_KEY "evs:outbox:"
#define EVSI_REDIS_SENT_KEY "evs:sent:"
#define EVSI_REDIS_NOTES "evs:notes:"
#define EVSI_REDIS_RETENTION "evs:retention:"
#define EVSI_REDIS_FEED "evs:replay:"
#define EVSI_REDIS_LEASE_KEY "evs:lease:"
/* Begins the group of a replay, and what the keys beside its feeds are named by. */
#define EVSI_REDIS_REPLAY_GROUP "@replay-"

typedef struct evsi_redis_id {
  uint64_t ms, seq;
} evsi_redis_id;

enum { EVSI_REDIS_ID_TEXT = 48, EVSI_REDIS_NAME_MAX = 256 };

/* "topic" or "topic:3"; out: EVSI_REDIS_NAME_MAX bytes. False when it does not fit. */
bool evsi_redis_stream_name(evs_bytes topic, int32_t partition, char *out);
/* The other way: a number behind the last colon is a partition. */
void evsi_redis_split_name(evs_bytes name, evs_bytes *out_topic, int32_t *out_partition);

/* How one transport names its keys. */
typedef struct evsi_redis_layout {
  char *stream_prefix;
  char *dlq_prefix;
  bool is_plain;
  char *registry, *operations, *delays, *outboxes; /* keys of which there is one for all streams */
} evsi_redis_layout;

/* Makes the keys of which there is one, from the rest. False when memory is short. */
bool evsi_redis_layout_complete(evsi_redis_layout *layout);
void evsi_redis_layout_free(evsi_redis_layout *layout);

/* Keys, or NULL when memory is short: of the events, of the dead letters, and of what stands beside them,
 * kind{name}suffix. */
char *evsi_redis_stream_key(const evsi_redis_layout *layout, evs_bytes name);
char *evsi_redis_dlq_key(const evsi_redis_layout *layout, evs_bytes name);
char *evsi_redis_key(const evsi_redis_layout *layout, const char *kind, evs_bytes name, const char *suffix);
/* The name in the key of a stream, or of its dead letters; empty when it is no such key. */
evs_bytes evsi_redis_name_in_stream_key(const evsi_redis_layout *layout, evs_bytes key);
evs_bytes evsi_redis_name_in_dlq_key(const evsi_redis_layout *layout, evs_bytes key);

/* Appends a text so that a pattern of SCAN takes it as it is. */
void evsi_redis_pattern_add(evsi_buf *out, const char *text);

bool evsi_redis_id_parse(evs_bytes text, evsi_redis_id *out_id);
/* The one before it; 0-0 has none and stays. */
evsi_redis_id evsi_redis_id_before(evsi_redis_id id);
int evsi_redis_id_compare(evsi_redis_id a, evsi_redis_id b);
evs_bytes evsi_redis_id_text(evsi_redis_id id, char out[EVSI_REDIS_ID_TEXT]);

#endif
