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

uint64_t evsi_file_param_number(const evsi_file_request *request, const char *name, uint64_t fallback,
                                uint64_t most) {
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
  json_t *value = text.size > 0 ? evsi_json_load(text, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL) : NULL;
  return value ? value : json_null();
}

/* ---- running ---------------------------------------------------------------------------------- */

typedef enum { READS, WRITES, ALONE /* in no transaction */ } manner;

typedef struct method {
  const char *name;
  void (*run)(evsi_file_request *request);
  manner manner;
} method;

static const method *find(const char *name) {
  static const method all[] = {{"topics", evsi_file_request_topics, READS},
                               {"topics.remove", evsi_file_request_topics_remove, WRITES},
                               {"groups", evsi_file_request_groups, READS},
                               {"groups.pause", evsi_file_request_pause, WRITES},
                               {"groups.resume", evsi_file_request_resume, WRITES},
                               {"fleet", evsi_file_request_fleet, READS},
                               {"doctor", evsi_file_request_doctor, READS},
                               {"tail", evsi_file_request_tail, READS},
                               {"file.check", evsi_file_request_check, READS},
                               {"file.vacuum", evsi_file_request_vacuum, ALONE},
                               {"file.backup", evsi_file_request_backup, ALONE},
                               {"copy.look", evsi_file_request_copy_look, READS},
                               {"copy.read", evsi_file_request_copy_read, READS},
                               {"copy.write", evsi_file_request_copy_write, WRITES},
                               {"delayed", evsi_file_request_delayed, READS},
                               {"delayed.cancel", evsi_file_request_delayed_cancel, WRITES},
                               {"retention", evsi_file_request_retention, READS},
                               {"conservation", evsi_file_request_conservation, READS},
                               {"dlq.list", evsi_file_request_dlq_list, READS},
                               {"dlq.get", evsi_file_request_dlq_get, READS},
                               {"dlq.groups", evsi_file_request_dlq_groups, READS},
                               {"dlq.count", evsi_file_request_dlq_count, READS},
                               {"dlq.requeue", evsi_file_request_dlq_requeue, WRITES},
                               {"dlq.discard", evsi_file_request_dlq_discard, WRITES},
                               {"dlq.restore", evsi_file_request_dlq_restore, WRITES},
                               {"dlq.note", evsi_file_request_dlq_note, WRITES},
                               {"dlq.export", evsi_file_request_dlq_export, READS},
                               {"dlq.import", evsi_file_request_dlq_import, WRITES},
                               {"dlq.archive", evsi_file_request_dlq_archive, READS},
                               {"audit", evsi_file_request_audit, READS},
                               {"job.list", evsi_file_request_job_list, READS},
                               {"job.create", evsi_file_request_job_create, WRITES},
                               {"job.write", evsi_file_request_job_write, WRITES},
                               {"job.beat", evsi_file_request_job_beat, WRITES},
                               {"job.claim", evsi_file_request_job_claim, WRITES},
                               {"job.forget", evsi_file_request_job_forget, WRITES},
                               {"job.audit", evsi_file_request_job_audit, WRITES},
                               {"job.bounds", evsi_file_request_job_bounds, READS},
                               {"job.enter", evsi_file_request_job_enter, WRITES},
                               {"job.step", evsi_file_request_job_step, WRITES},
                               {"job.outcomes", evsi_file_request_job_outcomes, READS},
                               {"job.left", evsi_file_request_job_left, WRITES},
                               {"job.gate", evsi_file_request_job_gate, WRITES},
                               {"schemas.read", evsi_file_request_schemas_read, READS},
                               {"schemas.write", evsi_file_request_schemas_write, WRITES}};
  for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
    if (strcmp(all[i].name, name) == 0)
      return &all[i];
  }
  return NULL;
}

static void carry_out(evsi_file_request *request, const method *asked) {
  evsi_file_worker *worker = request->transport->worker;
  worker->store.db.error = SQLITE_OK;
  if (asked->manner == ALONE || evsi_file_begin_work(worker, asked->manner == WRITES))
    asked->run(request);
  if (asked->manner == ALONE ? worker->store.db.error == SQLITE_OK : evsi_file_end_work(worker))
    return;
  evsi_free(request->answer); /* nothing of it is there */
  request->answer = NULL;
  evsi_file_refuse(request, EVS_TRANSPORT, "%s", worker->store.db.why);
}

static void run(evs_transport *transport, evsi_file_job *job) {
  const method *asked = find(job->as.request.method);
  const char *params = job->as.request.params;
  evsi_file_request request = {.transport = transport, .store = &transport->worker->store};
  request.params = *params ? evsi_json_load(evsi_text(params), JSON_ALLOW_NUL, NULL) : json_object();
  if (!asked)
    evsi_file_refuse(&request, EVS_UNSUPPORTED, "a file has no request %.64s", job->as.request.method);
  else if (!request.params)
    evsi_file_refuse(&request, EVS_NOMEM, "out of memory");
  else if (!json_is_object(request.params))
    evsi_file_refuse(&request, EVS_VALIDATION, "the arguments of a request are a JSON object");
  else
    carry_out(&request, asked);
  if (request.answer)
    evsi_file_note_replied(job, request.status, evsi_text(request.answer));
  else
    evsi_file_note_replied(job, EVS_NOMEM, evsi_text("out of memory"));
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
      evsi_file_note_replied(job, EVS_TRANSPORT, evsi_text("the file could not be opened"));
    evsi_file_job_free(job);
    job = next;
  }
}
