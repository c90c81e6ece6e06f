/* SPDX-License-Identifier: MIT
 * operations.c - see operations.h: the life of the engine, its timer, and watching over the operations of
 * others. That an owner is gone is told by its beat, which stands still on our own clock. */
#include "deadletter/operations.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "deadletter/operations_inner.h"

enum { SESSION_TIMEOUT_MS = 15000, ENDED_MOST = 300, ENDED_KEPT = 200 };

/* ---- life ------------------------------------------------------------------------------------- */

static void on_timer(void *data);

evsi_operations *evsi_operations_new(const evsi_operations_setup *setup) {
  evsi_operations *operations = evsi_calloc(1, sizeof *operations);
  if (!operations)
    return NULL;
  operations->setup = *setup;
  operations->session_timeout_ms = SESSION_TIMEOUT_MS;
  operations->watched = json_object();
  operations->timer = setup->env->io->timer_new(setup->loop, on_timer, operations);
  if (operations->watched && operations->timer)
    return operations;
  evsi_operations_free(operations);
  return NULL;
}

void evsi_operations_free(evsi_operations *operations) {
  if (!operations)
    return;
  while (operations->jobs) {
    evsi_job *job = operations->jobs;
    operations->jobs = job->next;
    evsi_job_free(job);
  }
  if (operations->timer)
    operations->setup.env->io->timer_free(operations->timer);
  json_decref(operations->watched);
  evsi_free(operations);
}

void evsi_operations_stop(evsi_operations *operations) {
  operations->is_stopped = true;
  operations->setup.env->io->timer_stop(operations->timer);
}

uint64_t evsi_operations_now(const evsi_operations *operations) {
  return evsi_now_ms(operations->setup.env);
}

void evsi_operations_wake(evsi_operations *operations) {
  operations->is_awake = true; /* also within a turn, which sets the timer when it ends */
  if (!operations->is_stopped)
    operations->setup.env->io->timer_start(operations->timer, 0);
}

void evsi_operations_ask(evsi_operations *operations, const char *method, json_t *params, evsi_answer_fn fn,
                         void *context) {
  if (params)
    operations->setup.ask(operations->setup.data, method, params, fn, context);
  else
    fn(context, EVS_NOMEM, NULL, "out of memory");
}

bool evsi_operations_random_id(const evsi_operations *operations, char out_hex[EVSI_JOB_OWNER_TEXT]) {
  unsigned char bytes[(EVSI_JOB_OWNER_TEXT - 1) / 2];
  if (!operations->setup.env->random(bytes, sizeof bytes))
    return false;
  for (size_t i = 0; i < sizeof bytes; i++)
    snprintf(out_hex + 2 * i, 3, "%02x", bytes[i]);
  return true;
}

/* ---- the operations of others ------------------------------------------------------------------ */

/* What is needed once the store gave an operation to us. */
typedef struct claim {
  evsi_operations *operations;
  char owner[EVSI_JOB_OWNER_TEXT];
  json_t *document;
  json_int_t version;
} claim;

static void on_claimed(void *context, evs_status status, const json_t *answer, const char *message) {
  claim *made = context;
  char text[200];
  (void)message;
  if (status == EVS_OK && json_is_true(json_object_get(answer, "isClaimed")) &&
      evsi_job_add(made->operations, made->document, made->version, made->owner)) {
    snprintf(text, sizeof text, "operation %.64s goes on here: its process is gone",
             made->operations->jobs->id);
    made->operations->setup.log(made->operations->setup.data, 1, text);
  }
  json_decref(made->document);
  evsi_free(made);
}

static void take_over(evsi_operations *operations, const json_t *row) {
  claim *made = evsi_calloc(1, sizeof *made);
  if (!made || !evsi_operations_random_id(operations, made->owner)) {
    evsi_free(made);
    return;
  }
  made->operations = operations;
  made->document = json_incref(json_object_get(row, "document"));
  made->version = json_integer_value(json_object_get(row, "version"));
  evsi_operations_ask(operations, "job.claim",
                      json_pack("{s:O,s:O,s:s}", "id", json_object_get(row, "id"), "beat",
                                json_object_get(row, "beat"), "owner", made->owner),
                      on_claimed, made);
}

static bool is_ours(const evsi_operations *operations, const char *id) {
  for (const evsi_job *job = operations->jobs; job; job = job->next) {
    if (strcmp(job->id, id) == 0)
      return true;
  }
  return false;
}

/* Sees to one operation of another process; true while it has to be watched. */
static bool watch(evsi_operations *operations, const json_t *row) {
  const char *id = json_string_value(json_object_get(row, "id"));
  json_t *beat = json_object_get(row, "beat");
  uint64_t now = evsi_operations_now(operations);
  if (!id || evsi_operation_is_ended(json_object_get(row, "document")) || is_ours(operations, id)) {
    json_object_del(operations->watched, id ? id : "");
    return false;
  }
  json_t *seen = json_object_get(operations->watched, id);
  if (!seen || !json_equal(json_object_get(seen, "beat"), beat)) {
    json_object_set_new(operations->watched, id,
                        json_pack("{s:O,s:I}", "beat", beat, "since", (json_int_t)now));
    return true;
  }
  uint64_t since = (uint64_t)json_integer_value(json_object_get(seen, "since"));
  if (now - since < operations->session_timeout_ms)
    return true;
  json_object_del(operations->watched, id);
  take_over(operations, row);
  return true;
}

/* Operations that ended are kept for a look back, the newest of them. */
static void on_forgotten(void *context, evs_status status, const json_t *answer, const char *message) {
  (void)context, (void)status, (void)answer, (void)message;
}

static int by_start(const void *a, const void *b) {
  json_int_t left = json_integer_value(json_object_get(*(json_t *const *)a, "startedAt"));
  json_int_t right = json_integer_value(json_object_get(*(json_t *const *)b, "startedAt"));
  return (left < right) - (left > right);
}

static void forget_old(evsi_operations *operations, const json_t *rows) {
  json_t **ended = evsi_calloc(json_array_size(rows) + 1, sizeof *ended), *row, *ids = json_array();
  size_t i, count = 0;
  json_array_foreach(rows, i, row) {
    json_t *document = json_object_get(row, "document");
    if (ended && evsi_operation_is_ended(document))
      ended[count++] = document;
  }
  if (count > ENDED_MOST) {
    qsort(ended, count, sizeof *ended, by_start);
    for (i = ENDED_KEPT; i < count; i++)
      json_array_append(ids, json_object_get(ended[i], "id"));
    evsi_operations_ask(operations, "job.forget", json_pack("{s:O}", "ids", ids), on_forgotten, NULL);
  }
  json_decref(ids);
  evsi_free(ended);
}

void evsi_operations_watch(evsi_operations *operations, const json_t *answer) {
  json_int_t timeout = json_integer_value(json_object_get(answer, "sessionTimeout"));
  bool has_any = false;
  size_t i;
  json_t *row;
  if (timeout > 0)
    operations->session_timeout_ms = (uint64_t)timeout;
  json_array_foreach(json_object_get(answer, "jobs"), i, row) {
    has_any |= watch(operations, row);
  }
  forget_old(operations, json_object_get(answer, "jobs"));
  operations->watch_ms = 0;
  if (has_any)
    operations->watch_ms = evsi_operations_now(operations) + operations->session_timeout_ms / 3;
  evsi_operations_wake(operations);
}

static void on_looked(void *context, evs_status status, const json_t *answer, const char *message) {
  evsi_operations *operations = context;
  (void)message;
  operations->is_looking = false;
  if (status == EVS_OK)
    evsi_operations_watch(operations, answer);
  else
    operations->watch_ms = evsi_operations_now(operations) + operations->session_timeout_ms / 3;
  evsi_operations_wake(operations);
}

/* ---- the timer -------------------------------------------------------------------------------- */

/* Operations that ended or went to another process; the latter are watched from now on. */
static void remove_over(evsi_operations *operations) {
  evsi_job **at = &operations->jobs;
  while (*at) {
    evsi_job *job = *at;
    if (!job->is_over || job->is_asking) {
      at = &job->next;
      continue;
    }
    if (!evsi_operation_is_ended(job->document) && operations->watch_ms == 0)
      operations->watch_ms = evsi_operations_now(operations);
    *at = job->next;
    evsi_job_free(job);
  }
}

static void on_timer(void *data) {
  evsi_operations *operations = data;
  uint64_t now = evsi_operations_now(operations);
  operations->is_awake = false;
  remove_over(operations);
  if (operations->watch_ms > 0 && now >= operations->watch_ms && !operations->is_looking) {
    operations->is_looking = true;
    operations->watch_ms = 0;
    evsi_operations_ask(operations, "job.list", json_object(), on_looked, operations);
  }
  /* The answer to a look wakes us: a time that came meanwhile must not, or the loop would never read it. */
  uint64_t next = operations->is_looking ? 0 : operations->watch_ms;
  for (evsi_job *job = operations->jobs; job; job = job->next) {
    uint64_t due = evsi_job_turn(job, now);
    if (due > 0 && (next == 0 || due < next))
      next = due;
  }
  if (next > 0 && !operations->is_awake && !operations->is_stopped)
    operations->setup.env->io->timer_start(operations->timer, next > now ? next - now : 0);
}
