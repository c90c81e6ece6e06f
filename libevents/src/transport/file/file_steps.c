/* SPDX-License-Identifier: MIT
 * file_steps.c - the requests `job.bounds`, `job.enter`, `job.step` and `job.outcomes` of the engine of
 * operations: how far one is in a stream is written with what it moves there. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "transport/file/file_move.h"

enum { AT_ONCE = 100, LOOKED_AT_ONCE = 1000, ERRORS_MOST = 20 };

static bool is_replay(const evsi_file_request *request) {
  const char *kind = evsi_file_param(request, "kind");
  return kind && strcmp(kind, "replay") == 0;
}

static bool load_kind(evsi_file_request *request, evsi_file_move_kind *out) {
  if (evsi_file_move_kind_of(evsi_file_param(request, "kind"), out))
    return true;
  evsi_file_refuse(request, EVS_VALIDATION, "there is no such kind of operation");
  return false;
}

/* ---- bounds ----------------------------------------------------------------------------------- */

static void find_bounds(evsi_file_request *request, const evsi_dead_filter *filter, bool is_archive) {
  json_t *bounds = json_object();
  evsi_file_db *db = &request->store->db;
  sqlite3_stmt *row =
      is_archive ? evsi_file_query(db,
                                   "SELECT s.name, max(l.id) FROM archive l JOIN stream s ON s.id = l.stream"
                                   " WHERE ?1 IS NULL OR s.topic = ?1 GROUP BY s.id ORDER BY s.name",
                                   "t", filter->topic)
                 : evsi_file_query(db,
                                   "SELECT s.name, max(l.id) FROM letter l JOIN stream s ON s.id = l.stream"
                                   " WHERE ?1 IS NULL OR s.topic = ?1 GROUP BY s.id ORDER BY s.name",
                                   "t", filter->topic);
  while (evsi_file_next(db, row))
    json_object_set_new(bounds, evsi_file_text(row, 0),
                        json_sprintf("%" PRId64, (int64_t)sqlite3_column_int64(row, 1)));
  evsi_file_answer(request, json_pack("{s:o}", "bounds", bounds));
}

void evsi_file_request_job_bounds(evsi_file_request *request) {
  evsi_file_move move = {.to = NULL};
  evsi_file_move_kind kind;
  evsi_dead_filter filter;
  if (is_replay(request)) {
    evsi_file_replay_bounds(request);
    return;
  }
  if (!load_kind(request, &kind) || !evsi_file_move_load(request, kind, &move) ||
      !evsi_file_filter(request, evsi_file_given(request, "filter"), true, &filter))
    return;
  find_bounds(request, &filter, kind == EVSI_FILE_RESTORE);
  evsi_dead_filter_free(&filter);
}

/* ---- entering --------------------------------------------------------------------------------- */

static json_t *errors_of(evsi_file_request *request, const char *operation, const char *stream) {
  json_t *errors = json_array();
  char head[2 * EVSI_FILE_NAME_MAX];
  size_t size = (size_t)snprintf(head, sizeof head, "%s/%s/", request->transport->name, stream);
  sqlite3_stmt *row =
      evsi_file_query(&request->store->db, "SELECT letter, why FROM refused WHERE operation = ? LIMIT ?",
                      "ti", operation, (int64_t)ERRORS_MOST);
  while (evsi_file_next(&request->store->db, row)) {
    if (strncmp(evsi_file_text(row, 0), head, size) == 0)
      json_array_append_new(errors, json_pack("{s:o,s:o}", "id", evsi_file_json_text(row, 0), "message",
                                              evsi_file_json_text(row, 1)));
  }
  return errors;
}

/* Whoever owned it before is refused in this stream from here on. */
static json_t *enter(evsi_file_request *request, const char *operation, const char *name) {
  evsi_file_db *db = &request->store->db;
  const evsi_file_stream *stream = evsi_file_stream_find(request->store, name, true);
  if (!stream)
    return json_null();
  evsi_file_run(db,
                "INSERT INTO progress (operation, stream, owner) VALUES (?, ?, ?)"
                " ON CONFLICT (operation, stream) DO UPDATE SET owner = excluded.owner",
                "tit", operation, stream->id, evsi_file_param(request, "owner"));
  sqlite3_stmt *row = evsi_file_query(
      db, "SELECT position, done, skipped, failed FROM progress WHERE operation = ? AND stream = ?", "ti",
      operation, stream->id);
  if (!evsi_file_next(db, row))
    return json_null();
  int64_t position = sqlite3_column_int64(row, 0);
  json_t *known = json_pack(
      "{s:o,s:I,s:I,s:I,s:o}", "position",
      position > 0 ? json_sprintf("%" PRId64, position) : json_string(""), "done",
      (json_int_t)sqlite3_column_int64(row, 1), "skipped", (json_int_t)sqlite3_column_int64(row, 2), "failed",
      (json_int_t)sqlite3_column_int64(row, 3), "errors", errors_of(request, operation, name));
  evsi_file_done(row);
  return known;
}

void evsi_file_request_job_enter(evsi_file_request *request) {
  const char *operation = evsi_file_param(request, "id");
  json_t *streams = json_object(), *name;
  size_t i;
  json_array_foreach(evsi_file_given(request, "streams"), i, name) {
    if (json_is_string(name))
      json_object_set_new(streams, json_string_value(name),
                          enter(request, operation, json_string_value(name)));
  }
  evsi_file_answer(request, json_pack("{s:o}", "streams", streams));
}

/* ---- a step ----------------------------------------------------------------------------------- */

typedef struct step {
  evsi_file_move move;
  int64_t stream, position;
  json_int_t done, failed, skipped;
  json_t *errors;
  bool is_end;
} step;

static bool is_owner(evsi_file_request *request, const char *operation, int64_t stream) {
  return evsi_file_get(&request->store->db, 0,
                       "SELECT 1 FROM progress WHERE operation = ? AND stream = ? AND owner = ?", "tit",
                       operation, stream, evsi_file_param(request, "owner")) == 1;
}

static void note_result(evsi_file_request *request, step *made, json_t *result) {
  const char *outcome = json_string_value(json_object_get(result, "outcome"));
  bool is_error = outcome && (strcmp(outcome, "error") == 0 || strcmp(outcome, "too_often") == 0);
  bool is_done = evsi_file_move_is_done(&made->move, result);
  made->done += is_done;
  made->failed += is_error;
  made->skipped += !is_done && !is_error;
  if (is_error) {
    json_array_append(made->errors, result);
    evsi_file_run(&request->store->db,
                  "INSERT OR IGNORE INTO refused (operation, letter, why) VALUES (?, ?, ?)", "ttt",
                  made->move.operation, json_string_value(json_object_get(result, "id")),
                  json_string_value(json_object_get(result, "message")));
  }
  json_decref(result);
}

/* Ids of the next letters that the filter takes, and where it stopped looking. */
static json_t *select_next(evsi_file_request *request, step *made, const evsi_dead_filter *filter,
                           int64_t bound) {
  uint64_t limit = evsi_file_param_number(request, "limit", 1, AT_ONCE);
  const evsi_file_rows_query query = {.is_archive = made->move.kind == EVSI_FILE_RESTORE,
                                      .longest = EVSI_FILE_ROW_BYTES,
                                      .behind = made->position,
                                      .most = LOOKED_AT_ONCE,
                                      .stream = made->stream,
                                      .filter = filter};
  evsi_file_rows rows;
  json_t *ids = json_array();
  bool is_beyond = false;
  evsi_file_rows_begin(request, &query, &rows);
  while (json_array_size(ids) < limit && evsi_file_rows_next(&rows) && !(is_beyond = rows.place > bound)) {
    json_array_append_new(ids, json_stringn(rows.letter.id.data, rows.letter.id.size));
    made->position = rows.place;
  }
  bool is_full = json_array_size(ids) >= limit;
  made->is_end =
      !is_full && (is_beyond || rows.place >= bound || (rows.is_ended && rows.scanned < LOOKED_AT_ONCE));
  if (!is_full && rows.place > made->position)
    made->position = rows.place < bound ? rows.place : bound;
  evsi_file_rows_end(&rows);
  return ids;
}

static void carry_out(evsi_file_request *request, step *made, const evsi_dead_filter *filter, int64_t bound) {
  json_t *ids = select_next(request, made, filter, bound), *id;
  size_t i;
  json_array_foreach(ids, i, id) {
    note_result(request, made, evsi_file_move_one(request, &made->move, json_string_value(id)));
  }
  json_decref(ids);
  evsi_file_run(
      &request->store->db,
      "UPDATE progress SET position = ?, done = done + ?, skipped = skipped + ?, failed = failed + ?"
      " WHERE operation = ? AND stream = ?",
      "iiiiti", made->position, (int64_t)made->done, (int64_t)made->skipped, (int64_t)made->failed,
      made->move.operation, made->stream);
  evsi_file_archive_trim(request->store);
}

static void answer_step(evsi_file_request *request, step *made, bool is_ours) {
  evsi_file_answer(request,
                   json_pack("{s:b,s:o,s:b,s:I,s:I,s:I,s:o}", "isOwner", is_ours, "position",
                             made->position > 0 ? json_sprintf("%" PRId64, made->position) : json_string(""),
                             "isEnd", made->is_end, "done", made->done, "failed", made->failed, "skipped",
                             made->skipped, "errors", made->errors));
}

static void begin_step(evsi_file_request *request) {
  const char *name = evsi_file_param(request, "stream"), *bound = evsi_file_param(request, "bound");
  const char *position = evsi_file_param(request, "position"), *operation = evsi_file_param(request, "id");
  evsi_file_move_kind kind;
  evsi_dead_filter filter;
  step made = {.errors = NULL};
  const evsi_file_stream *stream = name ? evsi_file_stream_find(request->store, name, true) : NULL;
  if (!stream || !bound || !operation) {
    evsi_file_refuse(request, EVS_VALIDATION, "the operation cannot be read");
    return;
  }
  if (!load_kind(request, &kind) ||
      !evsi_file_filter(request, evsi_file_given(request, "filter"), true, &filter))
    return;
  json_object_set_new(request->params, "create", json_true()); /* its target was checked when it began */
  if (evsi_file_move_load(request, kind, &made.move)) {
    made.move.operation = operation;
    made.stream = stream->id;
    made.position = position ? strtoll(position, NULL, 10) : 0;
    made.errors = json_array();
    bool is_ours = is_owner(request, operation, made.stream);
    if (is_ours)
      carry_out(request, &made, &filter, strtoll(bound, NULL, 10));
    answer_step(request, &made, is_ours);
  }
  evsi_dead_filter_free(&filter);
}

void evsi_file_request_job_step(evsi_file_request *request) {
  if (is_replay(request))
    evsi_file_replay_step(request);
  else
    begin_step(request);
}

/* ---- what became of it ------------------------------------------------------------------------ */

/* A copy is through when every group that it is for was given it and has settled it. */
static bool is_waiting(evsi_file_request *request, int64_t place) {
  evsi_file_db *db = &request->store->db;
  int64_t stream = evsi_file_stream_of(place), number = evsi_file_number_of(place);
  bool is_there = false, is_somebodys = false, is_open = false;
  sqlite3_stmt *row = evsi_file_query(db, "SELECT requeue FROM entry WHERE id = ?", "i", place);
  json_t *requeue = NULL;
  if (evsi_file_next(db, row)) {
    is_there = true;
    requeue = evsi_file_json_value(row, 0);
    evsi_file_done(row);
  }
  const char *only = json_string_value(json_object_get(requeue, "group"));
  sqlite3_stmt *reader =
      evsi_file_query(db, "SELECT id, grp, delivered FROM reader WHERE stream = ?", "i", stream);
  while (evsi_file_next(db, reader)) {
    if (only && strcmp(only, evsi_file_text(reader, 1)) != 0)
      continue;
    is_somebodys = true;
    is_open |= sqlite3_column_int64(reader, 2) < number ||
               evsi_file_get(db, 0, "SELECT 1 FROM pending WHERE id = ?", "i",
                             evsi_file_place(sqlite3_column_int64(reader, 0), number)) == 1;
  }
  json_decref(requeue);
  return is_open || (is_there && !is_somebodys);
}

void evsi_file_request_job_outcomes(evsi_file_request *request) {
  evsi_file_db *db = &request->store->db;
  const char *operation = evsi_file_param(request, "id");
  json_int_t waiting = 0;
  int64_t again =
      evsi_file_get(db, 0, "SELECT total(again) FROM progress WHERE operation = ?", "t", operation);
  if (json_is_true(evsi_file_given(request, "isCanary"))) {
    sqlite3_stmt *row = evsi_file_query(db, "SELECT copy FROM canary WHERE operation = ?", "t", operation);
    while (evsi_file_next(db, row))
      waiting += is_waiting(request, sqlite3_column_int64(row, 0));
  }
  evsi_file_answer(request, json_pack("{s:I,s:I}", "again", (json_int_t)again, "waiting", waiting));
}
