/* SPDX-License-Identifier: MIT
 * redis_reply.h - replies of a server as trees, parsed with hiredis's reader into one arena, so that a read
 * of thousands of entries costs no allocation per field. What a reply means is the caller's business. */
#ifndef EVSI_REDIS_REPLY_H
#define EVSI_REDIS_REPLY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "libevents.h"

typedef enum evsi_redis_type {
  EVSI_REDIS_STRING = 1, /* as hiredis numbers them */
  EVSI_REDIS_ARRAY = 2,
  EVSI_REDIS_INTEGER = 3,
  EVSI_REDIS_NIL = 4,
  EVSI_REDIS_STATUS = 5,
  EVSI_REDIS_ERROR = 6,
  EVSI_REDIS_LOST = 7 /* no reply came: text says why, integer is 1 if the command may have been sent */
} evsi_redis_type;

typedef struct evsi_redis_reply {
  evsi_redis_type type;
  int64_t integer;
  evs_bytes text; /* of strings, statuses and errors; ends in a NUL */
  struct evsi_redis_reply **items;
  size_t count;
} evsi_redis_reply;

typedef struct evsi_redis_parser evsi_redis_parser;

evsi_redis_parser *evsi_redis_parser_new(void);
void evsi_redis_parser_free(evsi_redis_parser *parser);
bool evsi_redis_parser_feed(evsi_redis_parser *parser, const char *bytes, size_t size);
/* 1: *out_reply is the next reply, valid until the next call; 0: more bytes are needed; -1: these bytes are
 * no reply of a Redis server, or memory is short. */
int evsi_redis_parser_next(evsi_redis_parser *parser, const evsi_redis_reply **out_reply);

/* The n-th item of an array, or a nil reply where there is none: parsing hostile shapes needs no checks. */
const evsi_redis_reply *evsi_redis_item(const evsi_redis_reply *reply, size_t index);
/* Text of a string or status, else empty. */
evs_bytes evsi_redis_text(const evsi_redis_reply *reply);
/* An integer, also when it came as text; 0 otherwise. */
int64_t evsi_redis_integer(const evsi_redis_reply *reply);
bool evsi_redis_is(const evsi_redis_reply *reply, const char *text);

#endif
