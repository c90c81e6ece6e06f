/* SPDX-License-Identifier: MIT
 * redis_publish.h - what the files that store events share: which topic, what is waited for, who is told.
 * Private to transport/redis. @thread io. */
#ifndef EVSI_REDIS_PUBLISH_H
#define EVSI_REDIS_PUBLISH_H

#include "transport/redis/redis_internal.h"

typedef struct evsi_redis_published_type evsi_redis_published_type;

/* A stream that this process publishes to. */
typedef struct evsi_redis_sink {
  evsi_redis_trim *trim;
  evsi_buf opening; /* its XADD from behind the number of arguments to the name of the first field */
} evsi_redis_sink;

/* A topic that this process publishes to. */
struct evsi_redis_topic {
  evs_transport *transport;
  char *name;
  UT_hash_handle hh;
  uint32_t partitions;
  uint32_t ordering, on_dead_letter; /* as its route has them */
  bool has_any;                      /* more types than are told apart: registered as `*` */
  evsi_redis_published_type *types;
  evsi_redis_published_type *last_type; /* that was published; mostly the next is the same */
  evsi_redis_sink *sinks;               /* its streams, by partition + 1, as far as there was one asked for */
  uint32_t sink_count;
};

/* Where an event goes, and what must have happened before it counts as stored. */
typedef struct evsi_redis_way {
  evsi_redis_topic *topic;
  evsi_redis_conn *conn;
  evsi_redis_wait *wait; /* NULL: the answer to the command itself is enough */
  uint32_t level;        /* EVS_ACKNOWLEDGE_… that the answer itself reaches; NONE: told when it was sent */
  char name[EVSI_REDIS_NAME_MAX]; /* of the stream */
} evsi_redis_way;

/* ---- redis_publish.c ---- */
/* One event has its outcome. */
void evsi_redis_stored(const evsi_redis_way *way, const evs_tp_outcome *outcome);
void evsi_redis_not_stored(const evsi_redis_way *way, uint64_t token, const evsi_redis_reply *reply);
void evsi_redis_not_sent(const evsi_redis_way *way, uint64_t token);
/* What was sent without waiting was refused after all: nobody is told but the log. */
void evsi_redis_lost_unconfirmed(const evsi_redis_way *way, const evsi_redis_reply *reply);
void evsi_redis_publish_outcome(evs_transport *transport, const evs_tp_outcome *outcome);

/* ---- redis_acknowledge.c ---- */
/* Finds out how the event is to be sent; false with an outcome when it cannot be now. */
bool evsi_redis_way_find(evs_transport *transport, const evs_tp_event *event, evsi_redis_way *way,
                         evs_tp_outcome *out_refused);
/* An event of a way that waits is there, or is not (and was told). */
void evsi_redis_wait_stored(evsi_redis_wait *wait, const evs_tp_outcome *outcome);
void evsi_redis_wait_less(evsi_redis_wait *wait);
/* Asks for replicas or the disk, once for all events of a vector. */
void evsi_redis_wait_ask(evs_transport *transport);

/* ---- redis_store.c ---- */
/* Does it need a script: is it delayed, or are ids looked at? */
bool evsi_redis_store_needed(const evs_transport *transport, const evs_tp_event *event);
/* Collects events of one stream into one call of a script. */
void evsi_redis_store_add(evs_transport *transport, const evsi_redis_way *way, const evs_tp_event *event);
void evsi_redis_store_flush(evs_transport *transport);

/* ---- redis_delay.c ---- */
/* Something is about to be stored for later in this stream: others can find it from now on. */
void evsi_redis_delay_announce(const evs_transport *transport, evsi_redis_conn *conn, const char *name);
/* It was stored: the next entry of the stream is due in `ms`, which is `at` by the server's clock. */
void evsi_redis_delay_stored(evs_transport *transport, const char *name, int64_t ms, evs_bytes at);

#endif
