/* SPDX-License-Identifier: MIT
 * redis_command.h - commands as RESP bytes, written straight into an output buffer. */
#ifndef EVSI_REDIS_COMMAND_H
#define EVSI_REDIS_COMMAND_H

#include "base/buf.h"

/* Arguments that are collected before their number is known. */
typedef struct evsi_redis_args {
  evsi_buf body;
  uint32_t count;
} evsi_redis_args;

void evsi_redis_put_head(evsi_buf *out, uint32_t count); /* "*<count>" */
void evsi_redis_put(evsi_buf *out, const void *data, size_t size);
void evsi_redis_put_text(evsi_buf *out, const char *text);
/* One argument of several texts. */
void evsi_redis_put_parts(evsi_buf *out, const char *const *parts, size_t count);
void evsi_redis_put_u64(evsi_buf *out, uint64_t value);

void evsi_redis_arg(evsi_redis_args *args, const void *data, size_t size);
void evsi_redis_arg_text(evsi_redis_args *args, const char *text);
void evsi_redis_arg_bytes(evsi_redis_args *args, evs_bytes bytes);
/* Takes over a key that was made for it; NULL: memory was short. */
void evsi_redis_arg_key(evsi_redis_args *args, char *key);
void evsi_redis_arg_u64(evsi_redis_args *args, uint64_t value);
/* SCAN for streams whose keys fit a pattern. */
void evsi_redis_put_scan(evsi_redis_args *args, evs_bytes cursor, evs_bytes pattern);
void evsi_redis_args_free(evsi_redis_args *args);

#endif
