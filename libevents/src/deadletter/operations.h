/* SPDX-License-Identifier: MIT
 * operations.h - bulk changes of dead letters as jobs that survive their process: requeue, discard or restore
 * all that a filter selects, at a rate, with pause and abort. What they are stands in the store; whoever owns
 * one drives it step by step, and when its beat stands still another connected system takes it over. Neutral
 * to transports: those answer the `job.` requests (docs/decisions/0008-operations.md). @thread io. */
#ifndef EVSI_OPERATIONS_H
#define EVSI_OPERATIONS_H

#include <jansson.h>

#include "base/env.h"
#include "libevents.h"

/* `answer` is borrowed, and NULL unless status is EVS_OK. */
typedef void (*evsi_answer_fn)(void *context, evs_status status, const json_t *answer, const char *message);

/* Of a host's request. */
typedef struct evsi_operations_answer {
  evs_status status;
  const char *path; /* of a wrong argument, a JSON pointer, or NULL */
  evs_bytes json_or_message;
} evsi_operations_answer;

typedef struct evsi_operations_setup {
  const evsi_env *env;
  evsi_loop *loop;
  void *data;
  /* Asks the transport; params is taken. fn is called exactly once, perhaps before this returns. */
  void (*ask)(void *data, const char *method, json_t *params, evsi_answer_fn fn, void *context);
  /* Answers a host's request. */
  void (*answer)(void *data, uint64_t request, const evsi_operations_answer *answer);
  void (*log)(void *data, int32_t level, const char *message);
} evsi_operations_setup;

/* The operations on one transport. */
typedef struct evsi_operations evsi_operations;

evsi_operations *evsi_operations_new(const evsi_operations_setup *setup);
void evsi_operations_free(evsi_operations *operations); /* nothing is asked any more */
/* From here on nothing new is begun: the system closes, and what is unfinished is left to others. */
void evsi_operations_stop(evsi_operations *operations);
/* "operations.start", "operations.list", "operations.get" or "operations.set" of a host, or the same of
 * "replay.": a replay is an operation that copies what is stored into a feed of its own. */
void evsi_operations_request(evsi_operations *operations, const char *method, const char *params_json,
                             uint64_t request);

#endif
