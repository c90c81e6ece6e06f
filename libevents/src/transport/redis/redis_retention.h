/* SPDX-License-Identifier: MIT
 * redis_retention.h - keeping streams and dead letters within their limits. Private to transport/redis.
 * @thread io. */
#ifndef EVSI_REDIS_RETENTION_H
#define EVSI_REDIS_RETENTION_H

#include "transport/redis/redis_internal.h"

/* A call of the script that trims a stream, or looks at it. */
typedef struct evsi_redis_trim_call {
  const char *name;   /* topic or topic:partition */
  const char *limits; /* of its route as this process has it (""), NULL: not known here */
  const json_t *groups;
  bool is_look;
} evsi_redis_trim_call;

/* Puts keys and arguments; returns how many keys. */
uint32_t evsi_redis_retention_args(const evs_transport *transport, const evsi_redis_trim_call *call,
                                   evsi_redis_args *args);
/* The groups that the script has to be called with, or NULL when it answered. */
json_t *evsi_redis_retention_groups(const evsi_redis_reply *reply);

#endif
