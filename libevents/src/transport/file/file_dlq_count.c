/* SPDX-License-Identifier: MIT
 * file_dlq_count.c - the requests `dlq.groups` and `dlq.count`: how many dead letters there are of each kind,
 * from the counts that are kept with them; and how many a filter selects. */
#include <string.h>

#include "event/fingerprint.h"
#include "base/json_text.h"
#include "transport/file/file_dlq.h"

enum { LIMIT_DEFAULT = 1000, LIMIT_MOST = 10000, SCAN_MOST = 20000, NAMES_MOST = 1000 };

/* ---- kinds ------------------------------------------------------------------------------------ */

static json_t *copy_of(const json_t *object, const char *name) {
  json_t *value = json_object_get(object, name);
  return value ? json_incref(value) : json_null();
}

static json_t *template_of(const json_t *message) {
  evsi_buf text = {0};
  evsi_message_template(evsi_bytes(json_string_value(message), json_string_length(message)), &text);
  json_t *value = text.failed ? NULL : json_stringn(text.data ? text.data : "", text.size);
  evsi_buf_free(&text);
  return value ? value : json_null();
}

/* Columns: fingerprint, count, first, last, topics, about, newest, name of its stream. */
static json_t *kind_of(const evsi_file_request *request, sqlite3_stmt *row) {
  json_t *about = evsi_file_json_value(row, 5);
  evsi_buf id = {0};
  evsi_file_letter_id(request->transport->name, evsi_file_text(row, 7), sqlite3_column_int64(row, 6), &id);
  json_t *kind = json_pack("{s:o,s:I,s:I,s:I,s:o,s:o,s:o,s:o,s:o,s:o,s:s}", "fingerprint",
                           evsi_file_json_text(row, 0), "count", (json_int_t)sqlite3_column_int64(row, 1),
                           "firstAt", (json_int_t)sqlite3_column_int64(row, 2), "lastAt",
                           (json_int_t)sqlite3_column_int64(row, 3), "topics", evsi_file_json_value(row, 4),
                           "type", copy_of(about, "type"), "group", copy_of(about, "group"), "errorClass",
                           copy_of(about, "class"), "message", template_of(json_object_get(about, "message")),
                           "sample", copy_of(about, "message"), "lastId", id.data ? id.data : "");
  evsi_buf_free(&id);
  json_decref(about);
  return kind;
}

static int64_t letters_in(evsi_file_request *request, const char *topic) {
  return evsi_file_get(&request->store->db, 0,
                       "SELECT count(*) FROM letter WHERE ?1 IS NULL OR stream IN"
                       " (SELECT id FROM stream WHERE topic = ?1)",
                       "t", topic);
}

static int64_t counted_in(evsi_file_request *request, const char *topic) {
  return evsi_file_get(
      &request->store->db, 0,
      "SELECT total(k.count) FROM kind k JOIN stream s ON s.id = k.stream WHERE ?1 IS NULL OR"
      " s.topic = ?1",
      "t", topic);
}

void evsi_file_request_dlq_groups(evsi_file_request *request) {
  const char *topic = evsi_file_param(request, "topic");
  uint64_t limit = evsi_file_param_number(request, "limit", LIMIT_DEFAULT, LIMIT_MOST), count = 0;
  int64_t total = letters_in(request, topic), counted = counted_in(request, topic);
  json_t *groups = json_array();
  /* SQLite takes the other columns from the row of the maximum: the words of the newest describe a kind. */
  sqlite3_stmt *row = evsi_file_query(
      &request->store->db,
      "SELECT k.fingerprint, sum(k.count), min(k.first), max(k.last) AS last, json_group_array(DISTINCT "
      "s.topic),"
      " k.about, k.newest, s.name FROM kind k JOIN stream s ON s.id = k.stream"
      " WHERE ?1 IS NULL OR s.topic = ?1 GROUP BY k.fingerprint ORDER BY last DESC, k.fingerprint",
      "t", topic);
  while (evsi_file_next(&request->store->db, row)) {
    if (count++ < limit)
      json_array_append_new(groups, kind_of(request, row));
  }
  evsi_file_answer(request, json_pack("{s:o,s:I,s:I,s:I}", "groups", groups, "groupCount", (json_int_t)count,
                                      "total", (json_int_t)total, "unindexed",
                                      (json_int_t)(total > counted ? total - counted : 0)));
}

/* ---- counting by a filter --------------------------------------------------------------------- */

typedef struct tally {
  json_t *by_type, *by_group;
  json_int_t count, back, scanned, oldest, newest;
} tally;

/* Names come from events: so many are kept apart, the rest is summed up. */
static void add_to(json_t *counts, const json_t *name, json_int_t count) {
  const char *key = json_is_string(name) ? json_string_value(name) : "unknown";
  if (!json_object_get(counts, key) && json_object_size(counts) >= NAMES_MOST)
    key = "other";
  json_object_set_new(counts, key, json_integer(json_integer_value(json_object_get(counts, key)) + count));
}

static void add_times(tally *sum, json_int_t first, json_int_t last) {
  if (first > 0 && (sum->oldest == 0 || first < sum->oldest))
    sum->oldest = first;
  if (last > sum->newest)
    sum->newest = last;
}

static void count_kinds(evsi_file_request *request, const evsi_dead_filter *filter, tally *sum) {
  sqlite3_stmt *row = evsi_file_query(
      &request->store->db,
      "SELECT k.count, k.back, k.first, k.last, k.about FROM kind k JOIN stream s ON s.id = k.stream"
      " WHERE (?1 IS NULL OR s.topic = ?1) AND (?2 IS NULL OR k.fingerprint = ?2)",
      "tt", filter->topic, filter->fingerprint);
  while (evsi_file_next(&request->store->db, row)) {
    json_t *about = evsi_file_json_value(row, 4);
    json_int_t count = sqlite3_column_int64(row, 0);
    sum->count += count;
    sum->back += sqlite3_column_int64(row, 1);
    add_to(sum->by_type, json_object_get(about, "type"), count);
    add_to(sum->by_group, json_object_get(about, "group"), count);
    add_times(sum, sqlite3_column_int64(row, 2), sqlite3_column_int64(row, 3));
    json_decref(about);
  }
}

/* Records without a type leave it to the event. */
static json_t *type_of(const json_t *record, const evsi_dead_letter *letter) {
  evsi_dead_event event;
  json_t *type = json_object_get(record, "type");
  if (json_is_string(type) || !evsi_dead_letter_event(letter, &event))
    return type ? json_incref(type) : json_null();
  json_t *header = evsi_json_load(event.header, 0, NULL);
  type = copy_of(header, "type");
  json_decref(header);
  return type;
}

static void count_letter(tally *sum, const evsi_dead_letter *letter) {
  json_t *record = letter->record.size ? evsi_json_load(letter->record, JSON_ALLOW_NUL, NULL) : NULL;
  json_t *type = type_of(record, letter);
  json_int_t at = json_integer_value(json_object_get(record, "lastFailureAt"));
  sum->count++;
  sum->back += json_integer_value(json_object_get(record, "requeueCount")) > 0;
  add_to(sum->by_type, type, 1);
  add_to(sum->by_group, json_object_get(record, "group"), 1);
  add_times(sum, at, at);
  json_decref(type);
  json_decref(record);
}

/* False: there are more than it looks at. */
static bool count_letters(evsi_file_request *request, const evsi_dead_filter *filter, tally *sum) {
  const evsi_file_rows_query query = {.longest = EVSI_FILE_ROW_BYTES, .most = SCAN_MOST, .filter = filter};
  evsi_file_rows rows;
  evsi_file_rows_begin(request, &query, &rows);
  while (evsi_file_rows_next(&rows))
    count_letter(sum, &rows.letter);
  sum->scanned = (json_int_t)rows.scanned;
  evsi_file_rows_end(&rows);
  return rows.scanned < SCAN_MOST;
}

void evsi_file_request_dlq_count(evsi_file_request *request) {
  evsi_dead_filter filter;
  tally sum = {.by_type = json_object(), .by_group = json_object()};
  if (!evsi_file_filter(request, evsi_file_given(request, "filter"), true, &filter)) {
    json_decref(sum.by_type);
    json_decref(sum.by_group);
    return;
  }
  bool is_exact = true;
  bool is_indexed = evsi_dead_filter_is_simple(&filter) &&
                    letters_in(request, filter.topic) == counted_in(request, filter.topic);
  if (is_indexed)
    count_kinds(request, &filter, &sum);
  else
    is_exact = count_letters(request, &filter, &sum);
  evsi_file_answer(request, json_pack("{s:I,s:b,s:I,s:o,s:o,s:I,s:o,s:o}", "count", sum.count, "exact",
                                      is_exact, "scanned", sum.scanned, "byType", sum.by_type, "byGroup",
                                      sum.by_group, "requeuedBefore", sum.back, "oldestAt",
                                      sum.oldest > 0 ? json_integer(sum.oldest) : json_null(), "newestAt",
                                      sum.newest > 0 ? json_integer(sum.newest) : json_null()));
  evsi_dead_filter_free(&filter);
}
