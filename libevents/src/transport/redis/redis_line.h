/* SPDX-License-Identifier: MIT
 * redis_line.h - a dead letter as one line of JSON that holds all that is stored of it, byte for byte:
 * written by dlq.export, read by dlq.import, from whatever hands it comes. Private to transport/redis; any
 * thread. */
#ifndef EVSI_REDIS_LINE_H
#define EVSI_REDIS_LINE_H

#include "transport/redis/redis_letters.h"

/* What is made of it: a dead letter again, or its event again, for the group that failed or for all. */
typedef struct evsi_redis_line_use {
  bool is_event, all_groups;
} evsi_redis_line_use;

/* A line that was read. */
typedef struct evsi_redis_line {
  char *name;          /* of its stream */
  char *type;          /* full type of the event, or "" when it cannot be read */
  char *record, *note; /* JSON, NULL: none */
  char hash[65];       /* of what is stored: the same for the same line, however it is written */
  evsi_buf entry;      /* fields of the event as MessagePack */
} evsi_redis_line;

/* fields: the whole stored entry of the letter. */
void evsi_redis_line_write(const evsi_dead_letter *letter, const evsi_redis_reply *fields, evsi_buf *out);
/* NULL, or why it cannot be used (static text); free the line in any case. */
const char *evsi_redis_line_read(evs_bytes text, const evsi_redis_line_use *use, evsi_redis_line *out);
void evsi_redis_line_free(evsi_redis_line *line);

#endif
