/* SPDX-License-Identifier: MIT
 * redis_move.h - moving dead letters: to the archive (requeue, edit, discard), away for good, and back from
 * the archive. One call of a script moves many of one stream, each once. Private to transport/redis.
 * @thread io. */
#ifndef EVSI_REDIS_MOVE_H
#define EVSI_REDIS_MOVE_H

#include "transport/redis/redis_letters.h"

typedef enum {
  EVSI_MOVE_REQUEUE,
  EVSI_MOVE_DISCARD,
  EVSI_MOVE_PURGE,
  EVSI_MOVE_RESTORE
} evsi_redis_move_kind;

enum { EVSI_MOVES_AT_ONCE = 100 };

typedef struct evsi_redis_move {
  evsi_redis_move_kind kind;
  evs_bytes name;                           /* of the stream */
  const char *note;                         /* JSON for the archive: by, address, reason, operation */
  const char *options;                      /* of evsi_redis_move_options() */
  const json_t *ids;                        /* texts: whole ids of letters of that stream … */
  size_t from, count;                       /* … of which these are moved */
  evs_bytes data, raw;                      /* what is sent instead of the only one, or empty */
  const char *operation, *owner, *position; /* of a job that keeps count, or NULL */
} evsi_redis_move;

void evsi_redis_move_send(evsi_redis_request *request, const evsi_redis_move *move, evsi_redis_request_fn fn,
                          uint64_t tag);

/* What became of one: {"id", "outcome", "offset" | "newId" | "message"}. */
json_t *evsi_redis_move_result(const evsi_redis_request *request, evsi_redis_move_kind kind, const char *id,
                               const evsi_redis_reply *outcome);
/* Is this the outcome of success, or in a dry run that of what would have been one? */
bool evsi_redis_move_is_done(evsi_redis_move_kind kind, const char *outcome);
/* The outcome of success, and the name of the count in an answer: "requeued", "discarded", "restored". */
const char *evsi_redis_move_done(evsi_redis_move_kind kind);

/* The note of the archive for a request: who, from where, why, in which operation. Freed with evsi_free(). */
char *evsi_redis_move_note(const json_t *params, const char *operation);

/* What a request says about how to move, as JSON for the script; is_canary: the copies are noted for the
 * operation. Freed with evsi_free(); NULL: it was answered with what is wrong. */
char *evsi_redis_move_options(evsi_redis_request *request, bool is_canary);

/* Answers with what is wrong with `kind`, or sets it. */
bool evsi_redis_move_kind_of(const char *word, evsi_redis_move_kind *out);

#endif
