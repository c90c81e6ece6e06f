/* SPDX-License-Identifier: MIT
 * file_audit.c - the log of who changed what, about the newest 100,000 rows, written with what it tells of.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/json_text.h"
#include "transport/file/file_request.h"

enum { ROWS_MOST = 100000, LIMIT_DEFAULT = 50, LIMIT_MOST = 500, SCOPE_IDS = 20 };

static json_t *given(const evsi_file_request *request, const char *name) {
  json_t *value = evsi_file_given(request, name);
  return json_is_string(value) ? json_incref(value) : json_null();
}

json_t *evsi_file_audit_ids(const json_t *ids) {
  json_t *some = json_array();
  for (size_t i = 0; i < json_array_size(ids) && i < SCOPE_IDS; i++)
    json_array_append(some, json_array_get(ids, i));
  return json_pack("{s:o,s:I}", "ids", some, "total", (json_int_t)json_array_size(ids));
}

const char *evsi_file_audit_result(uint64_t done, uint64_t of) {
  return done == 0 ? "nothing" : done == of ? "done" : "partly";
}

void evsi_file_audit(evsi_file_request *request, const evsi_file_audit_row *row) {
  json_t *document = json_pack(
      "{s:I,s:o,s:o,s:s,s:o,s:I,s:s,s:o,s:o}", "at", (json_int_t)request->store->now_ms, "actor",
      given(request, "actor"), "address", given(request, "address"), "action", row->action, "scope",
      row->scope, "count", (json_int_t)row->count, "result", row->result, "reason", given(request, "reason"),
      "operation", row->operation ? json_string(row->operation) : json_null());
  char *text = document ? evsi_json_text(document) : NULL;
  evsi_file_run(&request->store->db, "INSERT INTO audit (row) VALUES (?)", "t", text ? text : "{}");
  evsi_file_run(&request->store->db, "DELETE FROM audit WHERE id <= ?", "i",
                sqlite3_last_insert_rowid(request->store->db.sql) - ROWS_MOST);
  evsi_free(text);
  json_decref(document);
}

void evsi_file_request_audit(evsi_file_request *request) {
  const char *cursor = evsi_file_param(request, "cursor");
  char *end = NULL, last[EVSI_FILE_NUMBER_TEXT] = "";
  int64_t before = cursor ? strtoll(cursor, &end, 10) : INT64_MAX;
  uint64_t limit = evsi_file_param_number(request, "limit", LIMIT_DEFAULT, LIMIT_MOST);
  json_t *items = json_array();
  if (cursor && (*end || before <= 0)) {
    json_decref(items);
    evsi_file_refuse(request, EVS_VALIDATION, "cursor is not one that a former page gave as next");
    return;
  }
  limit += limit == 0;
  sqlite3_stmt *row =
      evsi_file_query(&request->store->db, "SELECT id, row FROM audit WHERE id < ? ORDER BY id DESC LIMIT ?",
                      "ii", before, (int64_t)limit);
  while (evsi_file_next(&request->store->db, row)) {
    json_t *item = evsi_file_json_value(row, 1);
    snprintf(last, sizeof last, "%" PRId64, (int64_t)sqlite3_column_int64(row, 0));
    json_object_set_new(item, "id", json_string(last));
    json_array_append_new(items, item);
  }
  bool has_more = json_array_size(items) >= limit;
  evsi_file_answer(
      request, json_pack("{s:o,s:o}", "items", items, "next", has_more ? json_string(last) : json_null()));
}
