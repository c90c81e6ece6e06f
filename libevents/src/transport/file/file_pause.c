/* SPDX-License-Identifier: MIT
 * file_pause.c - the requests `groups.pause` and `groups.resume`, and those about who is there: systems keep
 * their statistics in the file for a while. */
#include "base/json_text.h"
#include "transport/file/file_request.h"
#include "transport/pause.h"

enum { INSTANCES_MAX = 1000 };

/* ---- pausing ---------------------------------------------------------------------------------- */

static void note(evsi_file_request *request, const char *action, bool is_change) {
  const evsi_file_audit_row row = {.action = action,
                                   .scope = json_pack("{s:O}", "group", evsi_file_given(request, "group")),
                                   .count = is_change,
                                   .result = is_change ? "done" : "nothing"};
  evsi_file_audit(request, &row);
  evsi_file_news(request->store);
}

static bool is_checked(evsi_file_request *request) {
  const char *why = evsi_pause_check(request->params);
  if (why)
    evsi_file_refuse(request, EVS_VALIDATION, "%s", why);
  return !why;
}

void evsi_file_request_pause(evsi_file_request *request) {
  if (!is_checked(request))
    return;
  json_t *record = evsi_pause_record(request->params, request->store->now_ms);
  char *text = record ? evsi_json_text(record) : NULL;
  evsi_file_run(&request->store->db, "INSERT OR REPLACE INTO paused (name, record) VALUES (?, ?)", "tt",
                evsi_file_param(request, "group"), text ? text : "{}");
  note(request, "groups.pause", true);
  evsi_file_answer(request, evsi_pause_answer(request->params, record));
  evsi_free(text);
  json_decref(record);
}

void evsi_file_request_resume(evsi_file_request *request) {
  if (!is_checked(request))
    return;
  int64_t count = evsi_file_run(&request->store->db, "DELETE FROM paused WHERE name = ?", "t",
                                evsi_file_param(request, "group"));
  note(request, "groups.resume", count > 0);
  evsi_file_answer(request, evsi_pause_answer(request->params, NULL));
}

/* ---- who is there ----------------------------------------------------------------------------- */

void evsi_file_announce(evsi_file_worker *worker, const evsi_file_job *job) {
  evsi_file_db *db = &worker->store.db;
  evs_bytes service = job->as.announcement.service, instance = job->as.announcement.instance;
  if (!evsi_file_begin_work(worker, true)) {
    evsi_file_end_work(worker);
    return;
  }
  int64_t now = (int64_t)worker->store.now_ms;
  evsi_file_run(db, "DELETE FROM fleet WHERE until < ?", "i", now);
  if (job->as.announcement.ttl_ms > 0)
    evsi_file_run(
        db, "INSERT OR REPLACE INTO fleet (service, instance, at, until, document) VALUES (?, ?, ?, ?, ?)",
        "ssiis", service, instance, now, now + (int64_t)job->as.announcement.ttl_ms,
        job->as.announcement.document);
  else
    evsi_file_run(db, "DELETE FROM fleet WHERE service = ? AND instance = ?", "ss", service, instance);
  evsi_file_end_work(worker);
}

void evsi_file_request_fleet(evsi_file_request *request) {
  json_t *instances = json_array();
  int64_t now = (int64_t)request->store->now_ms;
  sqlite3_stmt *row = evsi_file_query(
      &request->store->db,
      "SELECT service, instance, at, document FROM fleet WHERE until >= ? ORDER BY at DESC LIMIT ?", "ii",
      now, (int64_t)INSTANCES_MAX);
  while (evsi_file_next(&request->store->db, row)) {
    int64_t at = sqlite3_column_int64(row, 2);
    json_t *stats = evsi_file_json_value(row, 3);
    json_array_append_new(instances,
                          json_pack("{s:o,s:o,s:I,s:I,s:o}", "service", evsi_file_json_text(row, 0),
                                    "instance", evsi_file_json_text(row, 1), "at", (json_int_t)at, "ageMs",
                                    (json_int_t)(now > at ? now - at : 0), "stats", stats));
  }
  evsi_file_answer(request, json_pack("{s:o}", "instances", instances));
}
