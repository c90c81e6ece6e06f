/* SPDX-License-Identifier: MIT
 * file_dlq.c - the requests `dlq.list`, `dlq.export`, `dlq.archive` and `dlq.get`: dead letters in the order
 * of their numbers, and what the archive kept of them. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "event/json_scan.h"
#include "transport/file/file_dlq.h"

enum {
  LIMIT_DEFAULT = 50,
  LIMIT_MOST = 500,
  SCAN_MOST = 5000,
  PAGE_BYTES = 8 << 20,
  ENVELOPE_BYTES = 65536, /* more than stands before a body */
  LINE_VERSION = 1
};

/* ---- reading rows ----------------------------------------------------------------------------- */

/* Behind the columns of a letter: does it contain the text ?2, and its place in the order. ?3: where to go
 * on; ?4: how many; ?5: the only stream. */
#define TEXT_IN(column) "instr(cast(coalesce(" column ", '') AS BLOB), ?2)"
#define SELECT(id, note, archive)                                                                            \
  "SELECT " EVSI_FILE_LETTER_COLUMNS(id, note, archive) ", ?2 IS NULL OR " TEXT_IN("l.data") " OR " TEXT_IN( \
      "l.raw") " OR " TEXT_IN("l.dead") " OR " TEXT_IN("l.requeue") " OR " TEXT_IN("l.more") ", l.id"
#define LETTERS                                                                                              \
  SELECT("l.id", "l.note", "NULL") " FROM letter l CROSS JOIN stream s ON s.id = l.stream WHERE "
#define ARCHIVE                                                                                              \
  SELECT("l.letter", "NULL", "l.archive") " FROM archive l CROSS JOIN stream s ON s.id = l.stream WHERE "
#define ONE "l.stream = ?5 AND "
#define UP "l.id > ?3 ORDER BY l.id LIMIT ?4"
#define DOWN "l.id < ?3 ORDER BY l.id DESC LIMIT ?4"

static const char *const texts[2][2][2] = {
    {{LETTERS UP, LETTERS DOWN}, {LETTERS ONE UP, LETTERS ONE DOWN}},
    {{ARCHIVE UP, ARCHIVE DOWN}, {ARCHIVE ONE UP, ARCHIVE ONE DOWN}},
};

bool evsi_file_filter(evsi_file_request *request, const json_t *filter, bool is_strict,
                      evsi_dead_filter *out) {
  evs_error *error = NULL;
  memset(out, 0, sizeof *out);
  evs_status status = filter && !json_is_object(filter)
                          ? evsi_error(&error, EVS_VALIDATION, NULL, "filter must be an object")
                          : evsi_dead_filter_load(out, filter, is_strict, &error);
  if (status != EVS_OK)
    evsi_file_refuse(request, status, "%s", error ? evs_error_message(error) : "out of memory");
  evs_error_free(error);
  return status == EVS_OK;
}

/* The only stream of a topic, -1 where nothing is there, 0 where there are several: then all are looked at.
 */
static int64_t only_stream(const evsi_file_request *request, const char *topic) {
  evsi_file_db *db = &request->store->db;
  int64_t count =
      evsi_file_get(db, 0, "SELECT count(*) FROM stream WHERE topic = ? AND feed IS NULL", "t", topic);
  if (count != 1)
    return count == 0 ? -1 : 0;
  return evsi_file_get(db, -1, "SELECT id FROM stream WHERE topic = ? AND feed IS NULL", "t", topic);
}

void evsi_file_rows_begin(evsi_file_request *request, const evsi_file_rows_query *query,
                          evsi_file_rows *out) {
  int64_t stream = query->stream;
  if (stream == 0 && query->filter->topic)
    stream = only_stream(request, query->filter->topic);
  memset(out, 0, sizeof *out);
  out->request = request;
  out->filter = query->filter;
  out->statement =
      evsi_file_query(&request->store->db, texts[query->is_archive][stream != 0][query->is_newest_first],
                      stream != 0 ? "ibiii" : "ibii", query->longest, evsi_text(query->filter->text),
                      query->behind, query->most, stream);
}

bool evsi_file_rows_next(evsi_file_rows *rows) {
  while (evsi_file_next(&rows->request->store->db, rows->statement)) {
    rows->scanned++;
    rows->place = sqlite3_column_int64(rows->statement, EVSI_FILE_LETTER_ROW + 1);
    evsi_file_letter_read(rows->request->transport->name, rows->statement, &rows->letter, &rows->scratch);
    if (sqlite3_column_int(rows->statement, EVSI_FILE_LETTER_ROW) &&
        evsi_dead_filter_takes(rows->filter, &rows->letter))
      return true;
  }
  rows->is_ended = true;
  return false;
}

void evsi_file_rows_end(evsi_file_rows *rows) {
  evsi_file_done(rows->statement);
  evsi_buf_free(&rows->scratch);
}

/* ---- lists ------------------------------------------------------------------------------------ */

static void add_json(evsi_buf *out, const char *name, evs_bytes text) {
  size_t offset;
  bool is_json = text.size > 0 && *text.data == '{' && !evsi_json_check(text, &offset);
  evsi_buf_addf(out, ",\"%s\":", name);
  evsi_buf_add_bytes(out, is_json ? text : evsi_text("null"));
}

/* All that is stored of a letter, byte for byte. */
static void add_line(const evsi_file_rows *rows, evsi_buf *out) {
  const evsi_dead_letter *letter = &rows->letter;
  evsi_file_event event;
  evsi_file_letter_event(rows->statement, &event);
  evsi_buf_addf(out, "{\"v\":%d,\"id\":", LINE_VERSION);
  evsi_buf_add_json(out, letter->id.data, letter->id.size);
  evsi_buf_add_text(out, ",\"topic\":");
  evsi_buf_add_json(out, letter->topic.data, letter->topic.size);
  if (letter->partition == EVS_PARTITION_NONE)
    evsi_buf_add_text(out, ",\"partition\":null,\"fields\":[");
  else
    evsi_buf_addf(out, ",\"partition\":%d,\"fields\":[", (int)letter->partition);
  evsi_file_event_pairs(&event, out);
  evsi_buf_add_text(out, "]");
  add_json(out, "dead", letter->record);
  add_json(out, "note", letter->note);
  evsi_buf_add_text(out, "}");
}

typedef struct listing {
  evsi_file_rows_query query;
  bool is_export;
  evsi_dead_view view;
  uint64_t limit;
} listing;

static bool seek(evsi_file_request *request, listing *list) {
  const char *cursor = evsi_file_param(request, "cursor");
  char *end = NULL;
  list->query.behind = list->query.is_newest_first ? INT64_MAX : 0;
  if (!cursor)
    return true;
  list->query.behind = strtoll(cursor + 1, &end, 10);
  if (*cursor == (list->query.is_newest_first ? 'n' : 'o') && end > cursor + 1 && *end == '\0')
    return true;
  evsi_file_refuse(request, EVS_VALIDATION,
                   "cursor is not one that a former page of this order gave as next");
  return false;
}

static void answer_list(evsi_file_request *request, const listing *list) {
  evsi_file_rows rows;
  evsi_buf json = {0};
  uint64_t given = 0;
  evsi_buf_add_text(&json, "{\"items\":[");
  evsi_file_rows_begin(request, &list->query, &rows);
  while (given < list->limit && json.size < PAGE_BYTES && evsi_file_rows_next(&rows)) {
    evsi_buf_add_text(&json, given++ > 0 ? "," : "");
    if (list->is_export)
      add_line(&rows, &json);
    else
      evsi_dead_letter_json(&rows.letter, &list->view, &json);
  }
  /* The statement ends after so many rows, too: then there may be more. */
  bool is_end = rows.is_ended && rows.scanned < (uint64_t)list->query.most;
  if (is_end)
    evsi_buf_add_text(&json, "],\"next\":null");
  else
    evsi_buf_addf(&json, "],\"next\":\"%c%" PRId64 "\"", list->query.is_newest_first ? 'n' : 'o', rows.place);
  evsi_buf_addf(&json, ",\"scanned\":%" PRIu64 ",\"exhausted\":%s}", rows.scanned, is_end ? "true" : "false");
  json.failed |= rows.scratch.failed;
  evsi_file_rows_end(&rows);
  evsi_file_answer_text(request, &json);
  evsi_buf_free(&json);
}

static void list_letters(evsi_file_request *request, bool is_archive, bool is_newest_first, bool is_export) {
  evsi_dead_filter filter;
  bool is_row = !is_export && json_is_false(evsi_file_given(request, "body"));
  listing list = {.query = {.is_archive = is_archive,
                            .is_newest_first = is_newest_first,
                            .longest = is_row ? EVSI_FILE_ROW_BYTES : evsi_file_whole,
                            .most = SCAN_MOST,
                            .filter = &filter},
                  .is_export = is_export,
                  .view = {.is_row = is_row, .max_body = UINT64_MAX}};
  list.limit = evsi_file_param_number(request, "limit", LIMIT_DEFAULT, LIMIT_MOST);
  list.limit += list.limit == 0;
  if (!evsi_file_filter(request, request->params, false, &filter))
    return;
  if (seek(request, &list))
    answer_list(request, &list);
  evsi_dead_filter_free(&filter);
}

void evsi_file_request_dlq_list(evsi_file_request *request) {
  const char *order = evsi_file_param(request, "order");
  if (order && strcmp(order, "newest") != 0 && strcmp(order, "oldest") != 0)
    evsi_file_refuse(request, EVS_VALIDATION, "order must be \"newest\" or \"oldest\"");
  else
    list_letters(request, false, order && *order == 'n', false);
}

void evsi_file_request_dlq_export(evsi_file_request *request) {
  list_letters(request, false, false, true);
}

void evsi_file_request_dlq_archive(evsi_file_request *request) {
  list_letters(request, true, true, false);
}

/* ---- one -------------------------------------------------------------------------------------- */

static sqlite3_stmt *find_one(evsi_file_request *request, const char *stream, int64_t number,
                              int64_t longest) {
  evsi_file_db *db = &request->store->db;
  if (json_is_true(evsi_file_given(request, "archived")))
    return evsi_file_query(
        db,
        "SELECT " EVSI_FILE_LETTER_COLUMNS("l.letter", "NULL",
                                           "l.archive") " FROM archive l JOIN stream s ON s.id = l.stream "
                                                        "WHERE l.letter = ?2 AND s.name = ?3",
        "iit", longest, number, stream);
  return evsi_file_query(
      db,
      "SELECT " EVSI_FILE_LETTER_COLUMNS(
          "l.id", "l.note",
          "NULL") " FROM letter l JOIN stream s ON s.id = l.stream WHERE l.id = ?2 AND s.name = ?3",
      "iit", longest, number, stream);
}

void evsi_file_request_dlq_get(evsi_file_request *request) {
  const char *id = evsi_file_param(request, "id");
  char stream[EVSI_FILE_NAME_MAX];
  int64_t number;
  bool is_limited = json_is_integer(evsi_file_given(request, "maxBody"));
  const evsi_dead_view view = {.max_body =
                                   evsi_file_param_number(request, "maxBody", UINT64_MAX, UINT64_MAX)};
  int64_t longest = is_limited
                        ? (int64_t)evsi_file_param_number(request, "maxBody", 0, UINT32_MAX) + ENVELOPE_BYTES
                        : evsi_file_whole;
  evsi_dead_letter letter;
  evsi_buf scratch = {0}, json = {0};
  if (!id) {
    evsi_file_refuse(request, EVS_VALIDATION, "dlq.get needs the id of a dead letter");
    return;
  }
  sqlite3_stmt *row = evsi_file_letter_split(request->transport->name, id, stream, &number)
                          ? find_one(request, stream, number, longest)
                          : NULL;
  if (evsi_file_next(&request->store->db, row)) {
    evsi_file_letter_read(request->transport->name, row, &letter, &scratch);
    evsi_dead_letter_json(&letter, &view, &json);
    json.failed |= scratch.failed;
    evsi_file_answer_text(request, &json);
  } else if (json_is_true(evsi_file_given(request, "archived"))) {
    evsi_file_refuse(request, EVS_NOT_FOUND, "the archive has no dead letter %.300s", id);
  } else {
    evsi_file_refuse(request, EVS_NOT_FOUND,
                     "no dead letter %.300s: it was requeued or discarded, or never there", id);
  }
  evsi_file_done(row);
  evsi_buf_free(&scratch);
  evsi_buf_free(&json);
}
