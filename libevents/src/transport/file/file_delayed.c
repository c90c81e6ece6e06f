/* SPDX-License-Identifier: MIT
 * file_delayed.c - the requests `delayed` and `delayed.cancel`: what waits to be due, and taking it back. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "event/envelope.h"
#include "transport/file/file_request.h"

enum { LIMIT_DEFAULT = 100, LIMIT_MOST = 1000, IDS_MOST = 1000, DATA_MOST = 65536 };

static json_t *bytes_json(evs_bytes text) {
  json_t *value = text.size ? json_stringn(text.data, text.size) : NULL;
  return value ? value : json_null();
}

/* Columns: id, due, name, topic, partition, data or null, size. */
static json_t *item_of(const evsi_file_request *request, sqlite3_stmt *row) {
  evsi_envelope envelope = {0};
  evsi_buf scratch = {0};
  evs_bytes data = evsi_file_bytes(row, 5);
  bool is_read = data.size > 0 && !evsi_envelope_decode(data, &envelope, &scratch);
  json_t *item = json_pack("{s:o,s:o,s:o,s:I,s:o,s:o,s:I}", "id",
                           json_sprintf("%s/%s/@%016" PRId64, request->transport->name,
                                        evsi_file_text(row, 2), (int64_t)sqlite3_column_int64(row, 0)),
                           "topic", evsi_file_json_text(row, 3), "partition",
                           evsi_file_json_partition(sqlite3_column_int64(row, 4)), "dueAt",
                           (json_int_t)sqlite3_column_int64(row, 1), "eventId",
                           is_read ? bytes_json(envelope.id) : json_null(), "type",
                           is_read ? bytes_json(envelope.type) : json_null(), "bytes",
                           (json_int_t)sqlite3_column_int64(row, 6));
  evsi_buf_free(&scratch);
  return item;
}

/* "<name of the stream> <due> <id>": behind this one. */
static bool read_cursor(const char *cursor, char name[EVSI_FILE_NAME_MAX], int64_t *due, int64_t *id) {
  name[0] = '\0';
  *due = *id = INT64_MIN;
  if (!cursor)
    return true;
  const char *space = strchr(cursor, ' ');
  if (!space || space - cursor >= EVSI_FILE_NAME_MAX)
    return false;
  char *end = NULL;
  snprintf(name, EVSI_FILE_NAME_MAX, "%.*s", (int)(space - cursor), cursor);
  *due = strtoll(space, &end, 10);
  if (*end != ' ')
    return false;
  *id = strtoll(end, &end, 10);
  return *end == '\0';
}

void evsi_file_request_delayed(evsi_file_request *request) {
  char name[EVSI_FILE_NAME_MAX], next[EVSI_FILE_NAME_MAX + 2 * EVSI_FILE_NUMBER_TEXT] = "";
  int64_t due, id;
  uint64_t limit = evsi_file_param_number(request, "limit", LIMIT_DEFAULT, LIMIT_MOST);
  if (!read_cursor(evsi_file_param(request, "cursor"), name, &due, &id)) {
    evsi_file_refuse(request, EVS_VALIDATION, "cursor is not one that a former page gave as next");
    return;
  }
  limit += limit == 0;
  json_t *items = json_array();
  sqlite3_stmt *row = evsi_file_query(
      &request->store->db,
      "SELECT d.id, d.due, s.name, s.topic, s.partition, iif(length(d.data) <= ?1, d.data, NULL),"
      " coalesce(length(d.data), 0) + coalesce(length(d.raw), 0) FROM delayed d JOIN stream s ON s.id = "
      "d.stream"
      " WHERE (?2 IS NULL OR s.topic = ?2) AND (s.name, d.due, d.id) > (?3, ?4, ?5) ORDER BY s.name, d.due, "
      "d.id"
      " LIMIT ?6",
      "ittiii", (int64_t)DATA_MOST, evsi_file_param(request, "topic"), name, due, id, (int64_t)limit);
  while (evsi_file_next(&request->store->db, row)) {
    json_array_append_new(items, item_of(request, row));
    snprintf(next, sizeof next, "%s %" PRId64 " %" PRId64, evsi_file_text(row, 2),
             (int64_t)sqlite3_column_int64(row, 1), (int64_t)sqlite3_column_int64(row, 0));
  }
  bool has_more = json_array_size(items) >= limit;
  evsi_file_answer(
      request, json_pack("{s:o,s:o}", "items", items, "next", has_more ? json_string(next) : json_null()));
}

/* "<transport>/<stream>/@<number>". */
static int64_t number_of(const evsi_file_request *request, const char *id) {
  size_t head = strlen(request->transport->name);
  const char *last = id ? strrchr(id, '/') : NULL;
  if (!last || strncmp(id, request->transport->name, head) != 0 || id[head] != '/' || last[1] != '@')
    return 0;
  return strtoll(last + 2, NULL, 10);
}

void evsi_file_request_delayed_cancel(evsi_file_request *request) {
  json_t *ids = evsi_file_given(request, "ids"), *results, *id;
  size_t count = json_array_size(ids), done = 0, i;
  if (count == 0 || count > IDS_MOST) {
    evsi_file_refuse(request, EVS_VALIDATION, "give ids, a list of 1 to 1000 texts");
    return;
  }
  results = json_array();
  json_array_foreach(ids, i, id) {
    int64_t gone = evsi_file_run(&request->store->db, "DELETE FROM delayed WHERE id = ?", "i",
                                 number_of(request, json_string_value(id)));
    done += gone > 0;
    json_array_append_new(results,
                          json_pack("{s:O,s:s}", "id", id, "outcome", gone > 0 ? "cancelled" : "not_found"));
  }
  const evsi_file_audit_row row = {.action = "delayed.cancel",
                                   .scope = json_pack("{s:O}", "ids", ids),
                                   .count = done,
                                   .result = evsi_file_audit_result(done, count)};
  evsi_file_audit(request, &row);
  evsi_file_answer(request, json_pack("{s:I,s:o}", "cancelled", (json_int_t)done, "results", results));
}
