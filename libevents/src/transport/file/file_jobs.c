/* SPDX-License-Identifier: MIT
 * file_jobs.c - what the engine of operations asks of a file: documents, owners and beats
 * (docs/decisions/0008). What an operation moves: file_steps.c. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json_text.h"
#include "transport/file/file_request.h"

/* Given arguments as JSON text, freed with evsi_free(). */
static char *text_of(const evsi_file_request *request, const char *name) {
  const json_t *value = evsi_file_given(request, name);
  return value ? evsi_json_text(value) : NULL;
}

void evsi_file_request_job_create(evsi_file_request *request) {
  evsi_file_db *db = &request->store->db;
  const char *id = evsi_file_param(request, "id"), *key = evsi_file_param(request, "key");
  char *document = text_of(request, "document");
  sqlite3_stmt *row = evsi_file_query(db, "SELECT id FROM operation WHERE key = ?", "t", key);
  bool is_known = key && evsi_file_next(db, row);
  if (is_known)
    evsi_file_answer(request, json_pack("{s:o,s:b}", "id", evsi_file_json_text(row, 0), "isNew", 0));
  evsi_file_done(row);
  if (!is_known && id && document) {
    evsi_file_run(db,
                  "INSERT INTO operation (id, document, version, owner, beat, key) VALUES (?, ?, 1, ?, 1, ?)",
                  "tttt", id, document, evsi_file_param(request, "owner"), key);
    evsi_file_answer(request, json_pack("{s:s,s:b}", "id", id, "isNew", 1));
  }
  if (!is_known && (!id || !document)) /* libevents gives both */
    evsi_file_refuse(request, EVS_NOMEM, "out of memory");
  evsi_free(document);
}

void evsi_file_request_job_write(evsi_file_request *request) {
  char *document = text_of(request, "document");
  int64_t count =
      evsi_file_run(&request->store->db,
                    "UPDATE operation SET document = ?, version = version + 1 WHERE id = ? AND version = ?",
                    "tti", document, evsi_file_param(request, "id"),
                    (int64_t)json_integer_value(evsi_file_given(request, "version")));
  evsi_file_answer(request, json_pack("{s:b}", "isWritten", count > 0));
  evsi_free(document);
}

void evsi_file_request_job_beat(evsi_file_request *request) {
  evsi_file_db *db = &request->store->db;
  const char *id = evsi_file_param(request, "id");
  char *progress = text_of(request, "progress");
  int64_t count =
      evsi_file_run(db, "UPDATE operation SET progress = ?, beat = beat + 1 WHERE id = ? AND owner = ?",
                    "ttt", progress, id, evsi_file_param(request, "owner"));
  evsi_free(progress);
  sqlite3_stmt *row = evsi_file_query(db, "SELECT version, document FROM operation WHERE id = ?", "t", id);
  if (count > 0 && evsi_file_next(db, row))
    evsi_file_answer(request, json_pack("{s:b,s:I,s:o}", "isOwner", 1, "version",
                                        (json_int_t)sqlite3_column_int64(row, 0), "document",
                                        evsi_file_json_value(row, 1)));
  else
    evsi_file_answer(request, json_pack("{s:b,s:I,s:n}", "isOwner", 0, "version", (json_int_t)0, "document"));
  evsi_file_done(row);
}

void evsi_file_request_job_claim(evsi_file_request *request) {
  const char *beat = evsi_file_param(request, "beat");
  int64_t count = evsi_file_run(&request->store->db,
                                "UPDATE operation SET owner = ?, beat = beat + 1 WHERE id = ? AND beat = ?",
                                "tti", evsi_file_param(request, "owner"), evsi_file_param(request, "id"),
                                beat ? (int64_t)strtoll(beat, NULL, 10) : -1);
  evsi_file_answer(request, json_pack("{s:b}", "isClaimed", count > 0));
}

void evsi_file_request_job_forget(evsi_file_request *request) {
  evsi_file_db *db = &request->store->db;
  size_t i;
  json_t *id;
  json_array_foreach(evsi_file_given(request, "ids"), i, id) {
    const char *text = json_string_value(id);
    evsi_file_run(db, "DELETE FROM operation WHERE id = ?", "t", text);
    evsi_file_run(db, "DELETE FROM progress WHERE operation = ?", "t", text);
    evsi_file_run(db, "DELETE FROM refused WHERE operation = ?", "t", text);
    evsi_file_run(db, "DELETE FROM canary WHERE operation = ?", "t", text);
    evsi_file_replay_forget(request->store, text ? text : "");
  }
  evsi_file_answer(request, json_object());
}

void evsi_file_request_job_list(evsi_file_request *request) {
  json_t *jobs = json_array();
  sqlite3_stmt *row = evsi_file_query(
      &request->store->db,
      "SELECT id, document, version, beat, progress FROM operation WHERE ?1 IS NULL OR id = ?1", "t",
      evsi_file_param(request, "id"));
  while (evsi_file_next(&request->store->db, row))
    json_array_append_new(jobs, json_pack("{s:o,s:o,s:I,s:o,s:o}", "id", evsi_file_json_text(row, 0),
                                          "document", evsi_file_json_value(row, 1), "version",
                                          (json_int_t)sqlite3_column_int64(row, 2), "beat",
                                          json_sprintf("%" PRId64, (int64_t)sqlite3_column_int64(row, 3)),
                                          "progress", evsi_file_json_value(row, 4)));
  evsi_file_answer(request, json_pack("{s:o,s:I}", "jobs", jobs, "sessionTimeout",
                                      (json_int_t)request->transport->config.session_timeout_ms));
}

void evsi_file_request_job_audit(evsi_file_request *request) {
  const char *action = evsi_file_param(request, "action"), *result = evsi_file_param(request, "result");
  const evsi_file_audit_row row = {.action = action ? action : "",
                                   .scope = json_deep_copy(evsi_file_given(request, "scope")),
                                   .count = evsi_file_param_number(request, "count", 0, INT64_MAX),
                                   .result = result ? result : "",
                                   .operation = evsi_file_param(request, "operation")};
  evsi_file_audit(request, &row);
  evsi_file_answer(request, json_object());
}
