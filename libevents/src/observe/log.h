/* SPDX-License-Identifier: MIT
 * log.h - log records of one system: a line of JSON each. The same message about the same thing passes once a
 * second, all together so many a second; what was held back is told as a number, sooner or later. Where the
 * lines go is the system's business. */
#ifndef EVSI_LOG_H
#define EVSI_LOG_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/env.h"
#include "libevents.h"

typedef enum { EVSI_LOG_DEBUG, EVSI_LOG_INFO, EVSI_LOG_WARN, EVSI_LOG_ERROR } evsi_log_level;

enum {
  EVSI_LOG_PLACES = 64,   /* messages that are remembered */
  EVSI_LOG_MESSAGE = 1000 /* bytes; what is longer is cut */
};

/* What a message is about. The first field tells messages apart: the same about another type, topic or group
 * is another message. A list of them ends with a name of NULL. */
typedef struct evsi_log_field {
  const char *name;
  evs_bytes text;
} evsi_log_field;

/* A message that was told, and what was held back since. */
typedef struct evsi_log_place {
  uint64_t hash, at_ms;
  uint32_t held;
  int32_t level;
  char component[65];
  char message[EVSI_LOG_MESSAGE + 1];
} evsi_log_place;

/* Takes a line, without its line feed; false: it is lost. Any thread. */
typedef bool (*evsi_log_sink)(void *data, evs_bytes line);

typedef struct evsi_log {
  const evsi_env *env;
  evsi_log_sink sink;
  void *data;
  _Atomic int32_t level; /* what is below it is not logged */
  _Atomic uint64_t lost; /* lines that the sink did not take and no line has told yet */
  pthread_mutex_t lock;
  /* @locks lock */
  evsi_log_place places[EVSI_LOG_PLACES];
  evsi_log_place crowd; /* of what was too much of all kinds */
  uint64_t second;
  uint32_t in_second;
} evsi_log;

void evsi_log_init(evsi_log *log, const evsi_env *env, evsi_log_sink sink, void *data);
void evsi_log_destroy(evsi_log *log);

/* Any thread; never waits for anybody. fields may be NULL. Passwords in URLs are masked. */
void evsi_log_write(evsi_log *log, int32_t level, const char *component, const char *message,
                    const evsi_log_field *fields);
/* Tells what was held back: of messages that have been silent for a second, or of all. */
void evsi_log_flush(evsi_log *log, bool all);

#endif
