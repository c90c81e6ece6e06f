/* SPDX-License-Identifier: MIT
 * redis_request.h - one request of a host: commands are sent, and when all are answered the next step is
 * taken, until the request answers. Private to transport/redis. */
#ifndef EVSI_REDIS_REQUEST_H
#define EVSI_REDIS_REQUEST_H

#include "event/dead_filter.h"
#include "transport/redis/redis_internal.h"

/* A stream that is known by the registry or by a group of this process. */
typedef struct evsi_redis_known {
  char *name; /* topic or topic:partition */
  evs_bytes topic;
  int32_t partition;
  char *key, *dlq;
  json_t *types;                     /* or NULL */
  char position[EVSI_REDIS_ID_TEXT]; /* where reading goes on */
  int64_t length, dead, delayed;
  bool is_ordered; /* as the registry has it */
  bool is_done;
} evsi_redis_known;

struct evsi_redis_request {
  evs_transport *transport;
  uint64_t token;
  json_t *params;
  uint32_t open; /* commands without an answer */
  bool is_answered;
  void (*step)(evsi_redis_request *request); /* once nothing is open */
  evsi_redis_known *streams;                 /* by name */
  size_t stream_count;
  json_t *names; /* of those streams, so that each is there once */
  json_t *found; /* names while keys are looked through */

  evsi_dead_filter filter;
  evsi_buf out;
  uint64_t limit, count, done, scanned;
  uint64_t now_ms; /* of the server, where it was asked */
  size_t at;
  bool has_filter;
  bool is_own;                      /* no host asked, nobody is answered */
  struct evsi_redis_outbox *outbox; /* what it sends to other topics, or NULL */
  json_t *result;                   /* document that grows */
  json_t *before;                   /* what an earlier step brought */
  void *extra;                      /* of the request */
  void (*extra_free)(void *extra);  /* evsi_free() unless set */
};

typedef void (*evsi_redis_request_fn)(evsi_redis_request *request, uint64_t tag,
                                      const evsi_redis_reply *reply);

/* Sends a command for a request; on failure the request is answered with it. */
void evsi_redis_request_send(evsi_redis_request *request, evsi_redis_args *args, evsi_redis_request_fn fn,
                             uint64_t tag);
/* A script call: args holds its first `keys` keys, then arguments, and is emptied. */
typedef struct evsi_redis_request_script {
  evsi_redis_script script;
  uint32_t keys;
  evsi_redis_args args;
} evsi_redis_request_script;
void evsi_redis_request_call(evsi_redis_request *request, evsi_redis_request_script *script,
                             evsi_redis_request_fn fn, uint64_t tag);
/* A request that no host made. */
void evsi_redis_request_own(evs_transport *transport, void (*step)(evsi_redis_request *request));
/* The answer; nothing is sent afterwards. */
void evsi_redis_request_answer(evsi_redis_request *request, evs_status status, evs_bytes json_or_message);
void evsi_redis_request_json(evsi_redis_request *request, const json_t *document);
/* Answers with what was refused; true if the reply is an error. */
bool evsi_redis_request_refused(evsi_redis_request *request, const evsi_redis_reply *reply, const char *what);
/* ---- redis_known.c ---- */
/* Finds the streams, all or those of `topic`; then goes on with `next`. */
void evsi_redis_request_streams(evsi_redis_request *request, void (*next)(evsi_redis_request *request));

/* Asks the server for its time, `now_ms`; then goes on with `next`. */
void evsi_redis_request_time(evsi_redis_request *request, void (*next)(evsi_redis_request *request));

uint64_t evsi_redis_request_number(const evsi_redis_request *request, const char *name, uint64_t fallback,
                                   uint64_t most);
const char *evsi_redis_request_text(const evsi_redis_request *request, const char *name);

/* ---- redis_query.c ---- */
void evsi_redis_request_topics(evsi_redis_request *request);
void evsi_redis_request_groups(evsi_redis_request *request);
/* ---- redis_remove.c ---- */
void evsi_redis_request_topics_remove(evsi_redis_request *request);
/* ---- redis_order_query.c ---- */
/* Adds what there is to say about the order to the row `at`. */
void evsi_redis_request_order(evsi_redis_request *request, const char *name, const char *suffix, size_t at);
/* ---- redis_pause.c ---- */
void evsi_redis_request_pause(evsi_redis_request *request);
void evsi_redis_request_resume(evsi_redis_request *request);
/* ---- redis_fleet.c ---- */
void evsi_redis_request_fleet(evsi_redis_request *request);
/* ---- redis_doctor.c ---- */
void evsi_redis_request_doctor(evsi_redis_request *request);
/* ---- redis_tail.c ---- */
void evsi_redis_request_tail(evsi_redis_request *request);
/* ---- redis_retention_query.c ---- */
void evsi_redis_request_retention(evsi_redis_request *request);
/* ---- redis_conservation.c ---- */
void evsi_redis_request_conservation(evsi_redis_request *request);
/* ---- redis_dlq.c ---- */
void evsi_redis_request_dlq_get(evsi_redis_request *request);
/* Loads the filter of the arguments, or answers why not; false then. */
bool evsi_redis_request_filter(evsi_redis_request *request, const json_t *filter, bool is_strict);
/* ---- redis_delayed.c ---- */
void evsi_redis_request_delayed(evsi_redis_request *request);
void evsi_redis_request_delayed_cancel(evsi_redis_request *request);
/* ---- redis_copy.c ---- */
void evsi_redis_request_copy_look(evsi_redis_request *request);
void evsi_redis_request_copy_read(evsi_redis_request *request);
void evsi_redis_request_copy_write(evsi_redis_request *request);
/* ---- redis_dlq_list.c ---- */
void evsi_redis_request_dlq_list(evsi_redis_request *request);
void evsi_redis_request_dlq_export(evsi_redis_request *request);
void evsi_redis_request_dlq_archive(evsi_redis_request *request);
/* ---- redis_dlq_note.c ---- */
void evsi_redis_request_dlq_note(evsi_redis_request *request);
/* ---- redis_dlq_import.c ---- */
void evsi_redis_request_dlq_import(evsi_redis_request *request);
/* ---- redis_dlq_groups.c ---- */
void evsi_redis_request_dlq_groups(evsi_redis_request *request);
/* ---- redis_dlq_count.c ---- */
void evsi_redis_request_dlq_count(evsi_redis_request *request);
/* ---- redis_dlq_change.c ---- */
void evsi_redis_request_dlq_requeue(evsi_redis_request *request);
void evsi_redis_request_dlq_discard(evsi_redis_request *request);
void evsi_redis_request_dlq_restore(evsi_redis_request *request);
/* ---- redis_schemas.c ---- */
void evsi_redis_request_schemas_read(evsi_redis_request *request);
void evsi_redis_request_schemas_write(evsi_redis_request *request);

#endif
