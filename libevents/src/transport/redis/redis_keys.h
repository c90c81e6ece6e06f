/* SPDX-License-Identifier: MIT
 * redis_keys.h - names of keys and ids of entries. Everything that one script touches has the same hash
 * tag, {topic} or {topic:partition}, so it lives in one slot of a cluster. */
#ifndef EVSI_REDIS_KEYS_H
#define EVSI_REDIS_KEYS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "libevents.h"
#include "transport/redis/redis_command.h"

#define EVSI_REDIS_REGISTRY "evs:topics"
#define EVSI_REDIS_PAUSED "evs:paused"
#define EVSI_REDIS_INDEX "evs:fp:"
#define EVSI_REDIS_ARCHIVE "evs:archive:"
#define EVSI_REDIS_ARCHIVED "evs:archived:"
#define EVSI_REDIS_PROGRESS "evs:op:"
#define EVSI_REDIS_RETENTION "evs:retention:"
#define EVSI_REDIS_FEED "evs:replay:"
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
/* prefix{name}suffix, or NULL when memory is short. */
char *evsi_redis_key(const char *prefix, evs_bytes name, const char *suffix);
/* The same as an argument. */
void evsi_redis_arg_key(evsi_redis_args *args, const char *prefix, evs_bytes name, const char *suffix);
/* The name in "<prefix>{name}", or empty. */
evs_bytes evsi_redis_name_in_key(const char *prefix, evs_bytes key);

bool evsi_redis_id_parse(evs_bytes text, evsi_redis_id *out_id);
int evsi_redis_id_compare(evsi_redis_id a, evsi_redis_id b);
evs_bytes evsi_redis_id_text(evsi_redis_id id, char out[EVSI_REDIS_ID_TEXT]);

#endif
