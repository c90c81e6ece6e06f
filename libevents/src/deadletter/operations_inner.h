/* SPDX-License-Identifier: MIT
 * operations_inner.h - what the files of the operations engine share. Private to deadletter. @thread io. */
#ifndef EVSI_OPERATIONS_INNER_H
#define EVSI_OPERATIONS_INNER_H

#include <stdbool.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "deadletter/operations.h"

enum { EVSI_JOB_OWNER_TEXT = 33, EVSI_JOB_ERRORS = 20 };

/* How far an operation is in one stream of the store; its position is kept there with what was moved. */
typedef struct evsi_job_stream {
  char *name, *bound, *position;
  uint64_t done, skipped, failed;
  bool is_done;
} evsi_job_stream;

/* An operation that this system drives. At most one question of it is open. */
typedef struct evsi_job {
  struct evsi_job *next;
  evsi_operations *operations;
  char *id;
  char owner[EVSI_JOB_OWNER_TEXT];
  json_t *document;
  json_int_t version;
  evsi_job_stream *streams;
  size_t stream_count, at;
  json_t *ending;  /* the document of its end, being written, or NULL */
  json_t *stopped; /* the rule that stops it, or NULL */
  int64_t again;   /* died again of what it requeued; -1: not looked at */
  json_t *errors;
  char *last_error;
  bool is_asking, is_entered, is_unwritten, is_over;
  uint64_t step_ms, beat_ms, retry_ms, watch_ms, held_ms;
} evsi_job;

struct evsi_operations {
  evsi_operations_setup setup;
  evsi_timer *timer;
  evsi_job *jobs;
  json_t *watched;             /* of others: {id: {beat, since}} */
  uint64_t session_timeout_ms; /* as the transport says */
  uint64_t watch_ms;           /* when to look again; 0: nothing to watch */
  bool is_looking, is_stopped, is_awake;
};

/* ---- operations.c ---- */
uint64_t evsi_operations_now(const evsi_operations *operations);
/* The timer does what is due; sooner if it was to fire later. */
void evsi_operations_wake(evsi_operations *operations);
void evsi_operations_ask(evsi_operations *operations, const char *method, json_t *params, evsi_answer_fn fn,
                         void *context);
/* Sees who beats and takes over who does not; rows: answer of job.list. */
void evsi_operations_watch(evsi_operations *operations, const json_t *answer);
/* 32 hex digits; false when there are no random numbers. */
bool evsi_operations_random_id(const evsi_operations *operations, char out_hex[EVSI_JOB_OWNER_TEXT]);

/* ---- operation_job.c ---- */
/* Begins to drive an operation that `owner` owns; false when memory is short. */
bool evsi_job_add(evsi_operations *operations, const json_t *document, json_int_t version, const char *owner);
/* Does the next thing if it is due; gives when to look again, 0: when the open question is answered. */
uint64_t evsi_job_turn(evsi_job *job, uint64_t now);
/* If it is driven here: sees at once what was asked of it. */
void evsi_job_look(evsi_operations *operations, const char *id);
void evsi_job_free(evsi_job *job);

typedef void (*evsi_job_answer_fn)(void *job, evs_status status, const json_t *answer, const char *message);
/* The job's only open question; params is taken. */
void evsi_job_ask(evsi_job *job, const char *method, json_t *params, evsi_job_answer_fn fn);
/* Takes an answer. False: it failed, which passes or stays; then the job goes on from what the store knows.
 */
bool evsi_job_answered(evsi_job *job, evs_status status, const char *message);
/* What it moved so far. */
uint64_t evsi_job_done(const evsi_job *job);

/* ---- operation_watch.c ---- */
/* Does it look at what becomes of the letters that it sent? */
bool evsi_job_is_watched(const evsi_job *job);
/* Letters that it may still move before it has to wait for their outcome; UINT64_MAX: any number. */
uint64_t evsi_job_canary_left(const evsi_job *job);
/* Asks for the outcomes and decides: goes on, waits, or sets `stopped`. has_more: there are letters left. */
void evsi_job_watch(evsi_job *job, bool has_more);

/* ---- operation_document.c ---- */
/* What is wrong with arguments: which of them (a JSON pointer), and why. */
typedef struct evsi_refusal {
  const char *path, *why;
} evsi_refusal;
/* A new operation from the arguments of operations.start; NULL and *out_refusal when they are wrong. */
json_t *evsi_operation_new(const json_t *params, const char *id, uint64_t now_ms, evsi_refusal *out_refusal);
/* As hosts see it: the document with its progress. */
json_t *evsi_operation_view(const json_t *document, const json_t *progress);
/* Applies state and rate of operations.set; NULL, or why not. */
const char *evsi_operation_change(json_t *document, const json_t *params, uint64_t now_ms);
bool evsi_operation_is_state(const json_t *document, const char *state);
bool evsi_operation_is_ended(const json_t *document);
bool evsi_operation_is_replay(const json_t *document);
/* Names of the streams in its snapshot. */
json_t *evsi_operation_streams(const json_t *document);
/* A row of the audit log about it, by whom `by` names; what: "start", "set" or "end". */
json_t *evsi_operation_row(const json_t *document, const json_t *by, const char *what, uint64_t count);

#endif
