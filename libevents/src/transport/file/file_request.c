/* SPDX-License-Identifier: MIT
 * file_request.c - see file_request.h: which requests there are, running one, and its answer. */
#include "transport/file/file_request.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/json_text.h"

/* ---- answers ---------------------------------------------------------------------------------- */

static void give(evsi_file_request *request, evs_status status, char *text) {
  if (request->answer || !text) {
    evsi_free(text);
    request->status = text || request->answer ? request->status : EVS_NOMEM;
    return;
  }
  request->status = status;
  request->answer = text;
}

void evsi_file_answer(evsi_file_request *request, json_t *document) {
  give(request, EVS_OK, document ? evsi_json_text(document) : NULL);
  json_decref(document);
}

void evsi_file_answer_text(evsi_file_request *request, evsi_buf *json) {
  give(request, EVS_OK, evsi_buf_take(json));
}

void evsi_file_refuse(evsi_file_request *request, evs_status status, const char *format, ...) {
  char text[512];
  va_list values;
  va_start(values, format);
  vsnprintf(text, sizeof text, format, values);
  va_end(values);
  give(request, status, evsi_strdup(text));
}

/* ---- arguments and columns -------------------------------------------------------------------- */

json_t *evsi_file_given(const evsi_file_request *request, const char *name) {
  return json_object_get(request->params, name);
}

const char *evsi_file_param(const evsi_file_request *request, const char *name) {
  const char *text = json_string_value(evsi_file_given(request, name));
  return text && *text ? text : NULL;
}

uint64_t evsi_file_param_number(const evsi_file_request *request, const char *name, uint64_t fallback, uint64_t most) {
  const json_t *value = evsi_file_given(request, name);
  json_int_t number = json_integer_value(value);
  if (!json_is_integer(value) || number < 0)
    return fallback;
  return (uint64_t)number > most ? most : (uint64_t)number;
}

json_t *evsi_file_json_text(sqlite3_stmt *row, int column) {
  evs_bytes text = evsi_file_bytes(row, column);
  json_t *value = text.data ? json_stringn(text.data, text.size) : NULL;
  return value ? value : json_null();
}

json_t *evsi_file_json_partition(int64_t partition) {
  return partition == EVS_PARTITION_NONE ? json_null() : json_integer(partition);
}

json_t *evsi_file_json_value(sqlite3_stmt *row, int column) {
  evs_bytes text = evsi_file_bytes(row, column);
  json_t *value =
      text.size > 0 ? json_loadb(text.data, text.size, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL) : NULL;
  return value ? value : json_null();
}

/* ---- running ---------------------------------------------------------------------------------- */

typedef struct method {
  const char *name;
  void (*run)(evsi_file_request *request);
  bool may_write;
} method;

static const method *find(const char *name) {
  static const method all[] = {{"topics", evsi_file_request_topics, false},
                               {"groups", evsi_file_request_groups, false},
                               {"groups.pause", evsi_file_request_pause, true},
                               {"groups.resume", evsi_file_request_resume, true},
                               {"fleet", evsi_file_request_fleet, false},
                               {"doctor", evsi_file_request_doctor, false},
                               {"tail", evsi_file_request_tail, false},
                               {"delayed", evsi_file_request_delayed, false},
                               {"delayed.cancel", evsi_file_request_delayed_cancel, true},
                               {"retention", evsi_file_request_retention, false},
                               {"conservation", evsi_file_request_conservation, false},
                               {"dlq.list", evsi_file_request_dlq_list, false},
                               {"dlq.get", evsi_file_request_dlq_get, false},
                               {"dlq.groups", evsi_file_request_dlq_groups, false},
                               {"dlq.count", evsi_file_request_dlq_count, false},
                               {"dlq.requeue", evsi_file_request_dlq_requeue, true},
                               {"dlq.discard", evsi_file_request_dlq_discard, true},
                               {"dlq.restore", evsi_file_request_dlq_restore, true},
                               {"dlq.note", evsi_file_request_dlq_note, true},
                               {"dlq.export", evsi_file_request_dlq_export, false},
                               {"dlq.import", evsi_file_request_dlq_import, true},
                               {"dlq.archive", evsi_file_request_dlq_archive, false},
                               {"audit", evsi_file_request_audit, false},
                               {"job.list", evsi_file_request_job_list, false},
                               {"job.create", evsi_file_request_job_create, true},
                               {"job.write", evsi_file_request_job_write, true},
                               {"job.beat", evsi_file_request_job_beat, true},
                               {"job.claim", evsi_file_request_job_claim, true},
                               {"job.forget", evsi_file_request_job_forget, true},
                               {"job.audit", evsi_file_request_job_audit, true},
                               {"job.bounds", evsi_file_request_job_bounds, false},
                               {"job.enter", evsi_file_request_job_enter, true},
                               {"job.step", evsi_file_request_job_step, true},
                               {"job.outcomes", evsi_file_request_job_outcomes, false},
                               {"job.left", evsi_file_request_job_left, true},
                               {"job.gate", evsi_file_request_job_gate, true}};
  for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
    if (strcmp(all[i].name, name) == 0)
      return &all[i];
  }
  return NULL;
}

static void carry_out(evsi_file_request *request, const method *asked) {
  evsi_file_worker *worker = request->transport->worker;
  if (evsi_file_begin_work(worker, asked->may_write))
    asked->run(request);
  if (evsi_file_end_work(worker))
    return;
  evsi_free(request->answer); /* nothing of it is there */
  request->answer = NULL;
  evsi_file_refuse(request, EVS_TRANSPORT, "%s", worker->store.db.why);
}

static void run(evs_transport *transport, const evsi_file_job *job) {
  const method *asked = find(job->as.request.method);
  const char *params = job->as.request.params;
  evsi_file_request request = {.transport = transport, .store = &transport->worker->store};
  request.params = *params ? json_loads(params, JSON_ALLOW_NUL, NULL) : json_object();
  if (!asked)
    evsi_file_refuse(&request, EVS_UNSUPPORTED, "a file has no request %.64s", job->as.request.method);
  else if (!json_is_object(request.params))
    evsi_file_refuse(&request, EVS_VALIDATION, "the arguments of a request are a JSON object");
  else
    carry_out(&request, asked);
  if (request.answer)
    evsi_file_note_replied(transport, job->token, request.status, evsi_text(request.answer));
  else
    evsi_file_note_replied(transport, job->token, EVS_NOMEM, evsi_text("out of memory"));
  evsi_free(request.answer);
  json_decref(request.params);
}

void evsi_file_requests(evs_transport *transport) {
  evsi_file_job *job = transport->requests_first;
  bool is_open = transport->worker->is_open;
  if (!is_open && job && !transport->worker->is_fatal && !transport->is_closing)
    return; /* it may still come; the system limits the time */
  transport->requests_first = transport->requests_last = NULL;
  while (job) {
    evsi_file_job *next = job->next;
    if (is_open)
      run(transport, job);
    else
      evsi_file_note_replied(transport, job->token, EVS_TRANSPORT, evsi_text("the file could not be opened"));
    evsi_file_job_free(job);
    job = next;
  }
}
