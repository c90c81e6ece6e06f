/* SPDX-License-Identifier: MIT
 * operation_job.c - drives one operation that this system owns: enters its streams, moves a few letters at a
 * time as fast as its rate allows, and beats, so that others see it live and it sees what they ask of it.
 * Counts and positions are the store's: what is not known for sure is read again from there. */
#include <stdio.h>
#include <string.h>

#include "deadletter/operations_inner.h"

enum {
  STEP_MOST = 100,
  BEAT_MS = 250,
  PAUSED_BEAT_MS = 1000,
  STEPS_PER_SECOND = 5,
  RETRY_MS = 500,
  FULL_MS = 100
};

/* ---- life ------------------------------------------------------------------------------------- */

static const char *text_of(const json_t *object, const char *name) {
  const char *text = json_string_value(json_object_get(object, name));
  return text ? text : "";
}

static uint64_t number_of(const json_t *object, const char *name) {
  json_int_t number = json_integer_value(json_object_get(object, name));
  return number > 0 ? (uint64_t)number : 0;
}

static bool add_streams(evsi_job *job) {
  json_t *bounds = json_object_get(json_object_get(job->document, "snapshot"), "bounds"), *bound;
  const char *name;
  job->streams = evsi_calloc(json_object_size(bounds) + 1, sizeof *job->streams);
  if (!job->streams)
    return false;
  json_object_foreach(bounds, name, bound) {
    evsi_job_stream *stream = &job->streams[job->stream_count++];
    stream->name = evsi_strdup(name);
    stream->bound = evsi_strdup(json_is_string(bound) ? json_string_value(bound) : "");
    stream->position = evsi_strdup("");
    if (!stream->name || !stream->bound || !stream->position)
      return false;
  }
  return true;
}

bool evsi_job_add(evsi_operations *operations, const json_t *document, json_int_t version,
                  const char *owner) {
  evsi_job *job = evsi_calloc(1, sizeof *job);
  if (!job)
    return false;
  job->operations = operations;
  job->document = json_deep_copy(document);
  job->version = version;
  job->id = evsi_strdup(text_of(document, "id"));
  job->errors = json_array();
  job->again = -1;
  snprintf(job->owner, sizeof job->owner, "%s", owner);
  if (!job->document || !job->id || !job->errors || !add_streams(job)) {
    evsi_job_free(job);
    return false;
  }
  job->next = operations->jobs;
  operations->jobs = job;
  evsi_operations_wake(operations);
  return true;
}

void evsi_job_free(evsi_job *job) {
  for (size_t i = 0; i < job->stream_count; i++) {
    evsi_free(job->streams[i].name);
    evsi_free(job->streams[i].bound);
    evsi_free(job->streams[i].position);
  }
  evsi_free(job->streams);
  evsi_free(job->id);
  evsi_free(job->last_error);
  json_decref(job->document);
  json_decref(job->ending);
  json_decref(job->stopped);
  json_decref(job->errors);
  evsi_free(job);
}

/* ---- asking ----------------------------------------------------------------------------------- */

void evsi_job_ask(evsi_job *job, const char *method, json_t *params, evsi_job_answer_fn fn) {
  job->is_asking = true;
  evsi_operations_ask(job->operations, method, params, fn, job);
}

bool evsi_job_answered(evsi_job *job, evs_status status, const char *message) {
  job->is_asking = false;
  evsi_operations_wake(job->operations);
  if (status == EVS_OK)
    return true;
  job->is_entered = false;
  job->retry_ms = evsi_operations_now(job->operations) + RETRY_MS;
  evsi_free(job->last_error);
  job->last_error = evsi_strdup(message ? message : "");
  return false;
}

static void lose(evsi_job *job) {
  char text[200];
  snprintf(text, sizeof text, "operation %.64s was taken over by another process", job->id);
  job->operations->setup.log(job->operations->setup.data, 2, text);
  job->is_over = true;
}

/* ---- entering: the store takes us for the owner, and says how far it is ------------------------ */

static void note_error(evsi_job *job, const char *id, const char *message) {
  if (json_array_size(job->errors) < EVSI_JOB_ERRORS)
    json_array_append_new(job->errors, json_pack("{s:s,s:s}", "id", id, "message", message));
}

/* Without memory the store is asked once more how far it is: a replay would copy what is behind that twice.
 */
static bool set_position(evsi_job *job, evsi_job_stream *stream, const char *position) {
  char *copy = evsi_strdup(position);
  if (!copy)
    return evsi_job_answered(job, EVS_NOMEM, "out of memory");
  evsi_free(stream->position);
  stream->position = copy;
  return true;
}

static void on_entered(void *context, evs_status status, const json_t *answer, const char *message) {
  evsi_job *job = context;
  if (!evsi_job_answered(job, status, message))
    return;
  json_array_clear(job->errors);
  for (size_t i = 0; i < job->stream_count; i++) {
    evsi_job_stream *stream = &job->streams[i];
    const json_t *known = json_object_get(json_object_get(answer, "streams"), stream->name);
    json_t *each;
    size_t at;
    if (!set_position(job, stream, text_of(known, "position")))
      return;
    stream->done = number_of(known, "done");
    stream->skipped = number_of(known, "skipped");
    stream->failed = number_of(known, "failed");
    json_array_foreach(json_object_get(known, "errors"), at, each) {
      note_error(job, text_of(each, "id"), text_of(each, "message"));
    }
  }
  job->is_entered = job->is_unwritten = true;
}

static void enter(evsi_job *job) {
  json_t *names = json_array();
  for (size_t i = 0; i < job->stream_count; i++)
    json_array_append_new(names, json_string(job->streams[i].name));
  evsi_job_ask(job, "job.enter",
               json_pack("{s:s,s:s,s:o}", "id", job->id, "owner", job->owner, "streams", names), on_entered);
}

/* ---- beating ---------------------------------------------------------------------------------- */

typedef struct counts {
  uint64_t done, skipped, failed;
} counts;

static counts sum_up(const evsi_job *job) {
  counts sum = {0, 0, 0};
  for (size_t i = 0; i < job->stream_count; i++) {
    sum.done += job->streams[i].done;
    sum.skipped += job->streams[i].skipped;
    sum.failed += job->streams[i].failed;
  }
  return sum;
}

uint64_t evsi_job_done(const evsi_job *job) {
  return sum_up(job).done;
}

static json_t *progress_of(const evsi_job *job) {
  counts sum = sum_up(job);
  return json_pack("{s:I,s:I,s:I,s:o,s:O,s:I,s:o}", "done", (json_int_t)sum.done, "skipped",
                   (json_int_t)sum.skipped, "failed", (json_int_t)sum.failed, "again",
                   job->again < 0 ? json_null() : json_integer(job->again), "errors", job->errors,
                   "updatedAt", (json_int_t)evsi_wall_ms(job->operations->setup.env), "lastError",
                   job->last_error ? json_string(job->last_error) : json_null());
}

static void on_beaten(void *context, evs_status status, const json_t *answer, const char *message) {
  evsi_job *job = context;
  const json_t *document = json_object_get(answer, "document");
  if (!evsi_job_answered(job, status, message))
    return;
  if (!json_is_true(json_object_get(answer, "isOwner")) || !json_is_object(document)) {
    lose(job);
    return;
  }
  json_decref(job->document);
  job->document = json_deep_copy(document);
  job->version = json_integer_value(json_object_get(answer, "version"));
  job->is_over = evsi_operation_is_ended(job->document); /* aborted, and our counts are written */
}

static void beat(evsi_job *job, uint64_t now) {
  uint64_t third = job->operations->session_timeout_ms / 3;
  uint64_t usual = evsi_operation_is_state(job->document, "running") ? BEAT_MS : PAUSED_BEAT_MS;
  job->beat_ms = now + (third < usual ? third : usual);
  job->is_unwritten = false;
  evsi_job_ask(job, "job.beat",
               json_pack("{s:s,s:s,s:o}", "id", job->id, "owner", job->owner, "progress", progress_of(job)),
               on_beaten);
}

/* ---- moving ----------------------------------------------------------------------------------- */

/* Letters that were handled use up time at the operation's rate. */
static void pace(evsi_job *job, uint64_t handled) {
  uint64_t rate = number_of(job->document, "rate"), now = evsi_operations_now(job->operations);
  uint64_t earliest = now > 1000 / STEPS_PER_SECOND ? now - 1000 / STEPS_PER_SECOND : 0;
  if (rate == 0)
    job->step_ms = now;
  else
    job->step_ms = (job->step_ms > earliest ? job->step_ms : earliest) + handled * 1000 / rate;
}

static void on_stepped(void *context, evs_status status, const json_t *answer, const char *message) {
  evsi_job *job = context;
  evsi_job_stream *stream = &job->streams[job->at];
  json_t *each;
  size_t i;
  if (!evsi_job_answered(job, status, message))
    return;
  if (!json_is_true(json_object_get(answer, "isOwner"))) {
    lose(job);
    return;
  }
  uint64_t done = number_of(answer, "done"), skipped = number_of(answer, "skipped");
  uint64_t failed = number_of(answer, "failed");
  stream->done += done;
  stream->skipped += skipped;
  stream->failed += failed;
  stream->is_done = json_is_true(json_object_get(answer, "isEnd"));
  if (!set_position(job, stream, text_of(answer, "position")))
    return;
  json_array_foreach(json_object_get(answer, "errors"), i, each) {
    note_error(job, text_of(each, "id"), text_of(each, "message"));
  }
  evsi_free(job->last_error);
  job->last_error = NULL;
  job->is_unwritten = true;
  pace(job, done + skipped + failed);
  if (json_is_true(json_object_get(answer, "isFull")))
    job->step_ms = evsi_operations_now(job->operations) + FULL_MS; /* who reads it has to catch up */
}

static void step(evsi_job *job) {
  static const char *const copied[] = {"kind",    "filter", "allGroups", "group",       "actor",
                                       "address", "reason", "to",        "maxRedrives", "force"};
  const evsi_job_stream *stream = &job->streams[job->at];
  uint64_t rate = number_of(job->document, "rate"), most = rate / STEPS_PER_SECOND;
  uint64_t canary = evsi_job_canary_left(job);
  most = rate == 0 || most > STEP_MOST ? STEP_MOST : most > 0 ? most : 1;
  most = most < canary ? most : canary;
  json_t *params = json_pack("{s:s,s:s,s:s,s:s,s:s,s:I,s:b}", "id", job->id, "owner", job->owner, "stream",
                             stream->name, "position", stream->position, "bound", stream->bound, "limit",
                             (json_int_t)most, "isCanary", canary != UINT64_MAX);
  for (size_t i = 0; params && i < sizeof copied / sizeof copied[0]; i++)
    json_object_set(params, copied[i], json_object_get(job->document, copied[i]));
  evsi_job_ask(job, "job.step", params, on_stepped);
}

/* ---- ending ----------------------------------------------------------------------------------- */

static void on_logged(void *context, evs_status status, const json_t *answer, const char *message) {
  evsi_job *job = context;
  (void)answer;
  if (evsi_job_answered(job, status, message))
    job->is_over = true;
}

static void on_ended(void *context, evs_status status, const json_t *answer, const char *message) {
  evsi_job *job = context;
  if (!evsi_job_answered(job, status, message))
    return;
  if (!json_is_true(json_object_get(answer, "isWritten"))) {
    job->beat_ms = 0; /* somebody changed it: read it anew, and decide anew */
    return;
  }
  json_decref(job->document);
  job->document = job->ending;
  job->ending = NULL;
  evsi_job_ask(job, "job.audit", evsi_operation_row(job->document, job->document, "end", sum_up(job).done),
               on_logged);
}

/* Done, or stopped by a rule of its own. */
static void end(evsi_job *job) {
  json_int_t now = (json_int_t)evsi_wall_ms(job->operations->setup.env);
  json_decref(job->ending);
  job->ending = json_deep_copy(job->document);
  json_object_set_new(job->ending, "state", json_string(job->stopped ? "stopped" : "done"));
  if (job->stopped)
    json_object_set(job->ending, "stopped", job->stopped);
  json_object_set_new(job->ending, "endedAt", json_integer(now));
  json_object_set_new(job->ending, "updatedAt", json_integer(now));
  evsi_job_ask(job, "job.write",
               json_pack("{s:s,s:I,s:O}", "id", job->id, "version", job->version, "document", job->ending),
               on_ended);
}

static bool find_stream(evsi_job *job) {
  while (job->at < job->stream_count && job->streams[job->at].is_done)
    job->at++;
  return job->at < job->stream_count;
}

static uint64_t next_of(const evsi_job *job, bool may_step, bool is_watched) {
  uint64_t next = job->beat_ms;
  if (may_step && job->step_ms < next)
    next = job->step_ms;
  return is_watched && job->watch_ms < next ? job->watch_ms : next;
}

uint64_t evsi_job_turn(evsi_job *job, uint64_t now) {
  if (job->is_asking || job->is_over)
    return 0;
  if (now < job->retry_ms)
    return job->retry_ms;
  if (!job->is_entered) {
    job->at = 0;
    for (size_t i = 0; i < job->stream_count; i++)
      job->streams[i].is_done = false;
    enter(job);
    return 0;
  }
  bool is_running = evsi_operation_is_state(job->document, "running"), has_more = find_stream(job);
  bool is_watched = is_running && !job->stopped && evsi_job_is_watched(job);
  bool is_held = evsi_job_canary_left(job) == 0 || (evsi_job_canary_left(job) != UINT64_MAX && !has_more);
  bool is_at_end = is_running && (job->stopped || (!has_more && !is_held));
  if (now >= job->beat_ms || (is_at_end && job->is_unwritten))
    beat(job, now);
  else if (is_watched && now >= job->watch_ms)
    evsi_job_watch(job, has_more);
  else if (is_at_end)
    end(job);
  else if (is_running && !is_held && now >= job->step_ms)
    step(job);
  else
    return next_of(job, is_running && !is_held, is_watched);
  return 0;
}

void evsi_job_look(evsi_operations *operations, const char *id) {
  for (evsi_job *job = operations->jobs; job; job = job->next) {
    if (strcmp(job->id, id) == 0)
      job->beat_ms = 0;
  }
  evsi_operations_wake(operations);
}
