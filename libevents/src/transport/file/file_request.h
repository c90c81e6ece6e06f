/* SPDX-License-Identifier: MIT
 * file_request.h - what may be asked of a file by name (docs/requests.md): each request runs to its end in
 * one transaction of its own. Private to transport/file. @thread worker. */
#ifndef EVSI_FILE_REQUEST_H
#define EVSI_FILE_REQUEST_H

#include "event/dead_filter.h"
#include "transport/file/file_internal.h"
#include "transport/file/file_letter.h"

typedef struct evsi_file_request {
  evs_transport *transport;
  evsi_file_store *store;
  json_t *params;
  evs_status status;
  char *answer; /* JSON text, or why not; NULL: nothing was said yet */
} evsi_file_request;

/* The answer; the first one counts. The document is taken; NULL: no memory. */
void evsi_file_answer(evsi_file_request *request, json_t *document);
void evsi_file_answer_text(evsi_file_request *request, evsi_buf *json); /* empties it */
void evsi_file_refuse(evsi_file_request *request, evs_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

const char *evsi_file_param(const evsi_file_request *request, const char *name); /* NULL: none, or empty */
json_t *evsi_file_given(const evsi_file_request *request, const char *name);
uint64_t evsi_file_param_number(const evsi_file_request *request, const char *name, uint64_t fallback,
                                uint64_t most);
/* Texts of a statement as JSON. */
json_t *evsi_file_json_text(sqlite3_stmt *row, int column);
json_t *evsi_file_json_partition(int64_t partition);
json_t *evsi_file_json_value(sqlite3_stmt *row,
                             int column); /* of a column that holds JSON; null: it does not */

/* ---- file_audit.c ---- */
typedef struct evsi_file_audit_row {
  const char *action;
  json_t *scope; /* taken */
  uint64_t count;
  const char *result;
  const char *operation; /* or NULL */
} evsi_file_audit_row;
void evsi_file_audit(evsi_file_request *request, const evsi_file_audit_row *row);
/* Of a list of ids: the first ones and how many. */
json_t *evsi_file_audit_ids(const json_t *ids);
/* "done", "partly" or "nothing". */
const char *evsi_file_audit_result(uint64_t done, uint64_t of);
void evsi_file_request_audit(evsi_file_request *request);

/* ---- the requests, by file ---- */
void evsi_file_request_topics(evsi_file_request *request); /* file_query.c */
void evsi_file_request_groups(evsi_file_request *request);
void evsi_file_request_topics_remove(evsi_file_request *request); /* file_remove.c */
void evsi_file_request_tail(evsi_file_request *request);
void evsi_file_request_doctor(evsi_file_request *request);
void evsi_file_request_check(evsi_file_request *request); /* file_admin.c */
void evsi_file_request_vacuum(evsi_file_request *request);
void evsi_file_request_backup(evsi_file_request *request);
void evsi_file_request_pause(evsi_file_request *request); /* file_pause.c */
void evsi_file_request_resume(evsi_file_request *request);
void evsi_file_request_fleet(evsi_file_request *request);
void evsi_file_request_copy_look(evsi_file_request *request); /* file_copy.c */
void evsi_file_request_copy_read(evsi_file_request *request);
void evsi_file_request_copy_write(evsi_file_request *request); /* file_copy_write.c */
void evsi_file_request_delayed(evsi_file_request *request);    /* file_delayed.c */
void evsi_file_request_delayed_cancel(evsi_file_request *request);
void evsi_file_request_retention(evsi_file_request *request); /* file_retention.c */
void evsi_file_request_conservation(evsi_file_request *request);
void evsi_file_request_dlq_list(evsi_file_request *request); /* file_dlq.c */
void evsi_file_request_dlq_export(evsi_file_request *request);
void evsi_file_request_dlq_archive(evsi_file_request *request);
void evsi_file_request_dlq_get(evsi_file_request *request);
void evsi_file_request_dlq_groups(evsi_file_request *request); /* file_dlq_count.c */
void evsi_file_request_dlq_count(evsi_file_request *request);
void evsi_file_request_dlq_requeue(evsi_file_request *request); /* file_dlq_change.c */
void evsi_file_request_dlq_discard(evsi_file_request *request);
void evsi_file_request_dlq_restore(evsi_file_request *request);
void evsi_file_request_dlq_note(evsi_file_request *request);
void evsi_file_request_dlq_import(evsi_file_request *request); /* file_import.c */
void evsi_file_request_job_list(evsi_file_request *request);   /* file_jobs.c */
void evsi_file_request_job_create(evsi_file_request *request);
void evsi_file_request_job_write(evsi_file_request *request);
void evsi_file_request_job_beat(evsi_file_request *request);
void evsi_file_request_job_claim(evsi_file_request *request);
void evsi_file_request_job_forget(evsi_file_request *request);
void evsi_file_request_job_audit(evsi_file_request *request);
void evsi_file_request_job_enter(evsi_file_request *request); /* file_steps.c */
void evsi_file_request_job_bounds(evsi_file_request *request);
void evsi_file_request_job_step(evsi_file_request *request);
void evsi_file_request_job_outcomes(evsi_file_request *request);
void evsi_file_replay_bounds(evsi_file_request *request); /* file_replay.c */
void evsi_file_replay_step(evsi_file_request *request);
/* Nobody asks for it any more: its feeds go. */
void evsi_file_replay_forget(evsi_file_store *store, const char *id);
void evsi_file_request_job_left(evsi_file_request *request);
void evsi_file_request_job_gate(evsi_file_request *request);
void evsi_file_request_schemas_read(evsi_file_request *request); /* file_schemas.c */
void evsi_file_request_schemas_write(evsi_file_request *request);

#endif
