/* SPDX-License-Identifier: MIT
 * operation_watch.c - what becomes of the letters that an operation sent: its first ones (the canary) have to
 * succeed before it goes on, and it stops itself when too many die again. */
#include <stdio.h>
#include <string.h>

#include "deadletter/operations_inner.h"

enum { LOOK_MS = 250 };

static const json_t *canary_of(const evsi_job *job) {
  const json_t *canary = json_object_get(job->document, "canary");
  bool is_open = json_is_object(canary) && !json_is_integer(json_object_get(canary, "passedAt"));
  return is_open ? canary : NULL;
}

bool evsi_job_is_watched(const evsi_job *job) {
  return canary_of(job) || json_is_object(json_object_get(job->document, "stop"));
}

uint64_t evsi_job_canary_left(const evsi_job *job) {
  const json_t *canary = canary_of(job);
  json_int_t count = json_integer_value(json_object_get(canary, "count"));
  json_int_t done = (json_int_t)evsi_job_done(job);
  if (!canary)
    return UINT64_MAX;
  return count > done ? (uint64_t)(count - done) : 0;
}

/* ---- deciding --------------------------------------------------------------------------------- */

static void stop(evsi_job *job, const char *rule, const char *message) {
  job->stopped = json_pack("{s:s,s:s}", "rule", rule, "message", message);
}

static void on_passed(void *context, evs_status status, const json_t *answer, const char *message) {
  evsi_job *job = context;
  (void)answer;
  if (evsi_job_answered(job, status, message))
    job->beat_ms = 0; /* reads its document anew, as it is now, whoever wrote it */
}

static void pass_canary(evsi_job *job) {
  json_t *document = json_deep_copy(job->document);
  json_int_t now = (json_int_t)evsi_wall_ms(job->operations->setup.env);
  json_object_set_new(json_object_get(document, "canary"), "passedAt", json_integer(now));
  evsi_job_ask(job, "job.write",
               json_pack("{s:s,s:I,s:o}", "id", job->id, "version", job->version, "document", document),
               on_passed);
}

static void judge_canary(evsi_job *job, json_int_t waiting) {
  const json_t *canary = canary_of(job);
  uint64_t limit = (uint64_t)json_integer_value(json_object_get(canary, "outcomeTimeout"));
  uint64_t now = evsi_operations_now(job->operations);
  unsigned long long done = evsi_job_done(job);
  char text[160];
  if (job->again > 0) {
    snprintf(text, sizeof text, "%lld of the first %llu died again", (long long)job->again, done);
    stop(job, "canary", text);
  } else if (job->held_ms > 0 && waiting == 0) {
    pass_canary(job);
  } else if (job->held_ms > 0 && now - job->held_ms >= limit) {
    snprintf(text, sizeof text, "of the first %llu the outcome of %lld was not known in time", done,
             (long long)waiting);
    stop(job, "outcomeTimeout", text);
  }
}

static void judge_share(evsi_job *job) {
  const json_t *rule = json_object_get(job->document, "stop");
  double share = json_number_value(json_object_get(rule, "share"));
  unsigned long long done = evsi_job_done(job);
  char text[160];
  if (!json_is_object(rule) ||
      done < (unsigned long long)json_integer_value(json_object_get(rule, "least")) ||
      (double)job->again <= share * (double)done)
    return;
  snprintf(text, sizeof text, "%lld of %llu died again, more than %.4g %%", (long long)job->again, done,
           100 * share);
  stop(job, "share", text);
}

/* ---- asking ----------------------------------------------------------------------------------- */

static void on_outcomes(void *context, evs_status status, const json_t *answer, const char *message) {
  evsi_job *job = context;
  int64_t before = job->again;
  if (!evsi_job_answered(job, status, message))
    return;
  job->again = json_integer_value(json_object_get(answer, "again"));
  job->is_unwritten |= job->again != before;
  if (canary_of(job))
    judge_canary(job, json_integer_value(json_object_get(answer, "waiting")));
  else
    judge_share(job);
}

void evsi_job_watch(evsi_job *job, bool has_more) {
  bool is_held = evsi_job_canary_left(job) == 0 || !has_more;
  uint64_t now = evsi_operations_now(job->operations);
  job->watch_ms = now + LOOK_MS;
  job->held_ms = !is_held ? 0 : job->held_ms > 0 ? job->held_ms : now;
  json_t *names = json_array();
  for (size_t i = 0; i < job->stream_count; i++)
    json_array_append_new(names, json_string(job->streams[i].name));
  json_t *params =
      json_pack("{s:s,s:o,s:b}", "id", job->id, "streams", names, "isCanary", canary_of(job) != NULL);
  json_object_set(params, "to", json_object_get(job->document, "to"));
  evsi_job_ask(job, "job.outcomes", params, on_outcomes);
}
