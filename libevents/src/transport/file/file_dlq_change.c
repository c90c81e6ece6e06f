/* SPDX-License-Identifier: MIT
 * file_dlq_change.c - the requests `dlq.requeue`, `dlq.discard`, `dlq.restore` and `dlq.note`: by ids, or by
 * a filter that takes what is there when the request begins. */
#include <stdio.h>
#include <string.h>

#include "base/json_text.h"
#include "event/base64.h"
#include "event/envelope_edit.h"
#include "transport/file/file_move.h"

enum {
  LIMIT_DEFAULT = 10000,
  LIMIT_MOST = 1000000,
  RESULTS_MOST = 10000,
  NOTE_MOST = 2000,
  NOTED_MOST = 1000
};

/* ---- with an edit ----------------------------------------------------------------------------- */

static const char *edit_event(evsi_file_request *request, const evsi_file_event *event,
                              evsi_file_move *move) {
  const json_t *edit = evsi_file_given(request, "edit"), *body = json_object_get(edit, "body");
  const json_t *raw = json_object_get(edit, "raw");
  const char *actor = evsi_file_param(request, "actor");
  evsi_edit wanted = {.is_raw = json_is_string(raw),
                      .content_type = evsi_text(json_string_value(json_object_get(edit, "contentType"))),
                      .actor = evsi_text(actor ? actor : "unknown")};
  if (wanted.is_raw == json_is_string(body))
    return "give either \"body\", JSON text, or \"raw\", base64";
  if (event->data.size == 0)
    return "it holds no event that can be read";
  if (wanted.is_raw &&
      !evsi_base64_decode(&move->raw, evsi_bytes(json_string_value(raw), json_string_length(raw))))
    return "raw is not base64";
  if (wanted.is_raw && move->raw.size == 0)
    return "raw must not be empty";
  wanted.body = wanted.is_raw ? evsi_bytes(move->raw.data, move->raw.size)
                              : evsi_bytes(json_string_value(body), json_string_length(body));
  return evsi_envelope_edit(event->data, event->raw, &wanted, &move->data);
}

/* One that is gone is told as such when it is moved. */
static bool edit_letter(evsi_file_request *request, const json_t *ids, evsi_file_move *move) {
  const char *id = json_string_value(json_array_get(ids, 0)), *why = NULL;
  char stream[EVSI_FILE_NAME_MAX];
  int64_t number = 0;
  evsi_file_event event;
  if (json_array_size(ids) != 1) {
    evsi_file_refuse(request, EVS_VALIDATION, "an edit needs ids with exactly one id");
    return false;
  }
  if (!id || !evsi_file_letter_split(request->transport->name, id, stream, &number))
    return true;
  sqlite3_stmt *row = evsi_file_query(
      &request->store->db, "SELECT data, raw, requeue, batch, more FROM letter WHERE id = ?", "i", number);
  if (evsi_file_next(&request->store->db, row)) {
    evsi_file_event_read(row, 0, &event);
    why = edit_event(request, &event, move);
    evsi_file_done(row);
  }
  if (why)
    evsi_file_refuse(request, EVS_VALIDATION, "the dead letter cannot be edited: %s", why);
  return !why;
}

/* ---- which ------------------------------------------------------------------------------------ */

/* Ids of what a filter selects now; NULL: it was answered why not. */
static json_t *select_letters(evsi_file_request *request, const evsi_file_move *move) {
  json_t *filter = evsi_file_given(request, "filter"), *ids;
  uint64_t limit = evsi_file_param_number(request, "limit", LIMIT_DEFAULT, LIMIT_MOST);
  evsi_dead_filter selected;
  evsi_file_rows rows;
  if (move->is_edit || move->kind == EVSI_FILE_RESTORE || !json_is_object(filter)) {
    evsi_file_refuse(request, EVS_VALIDATION,
                     move->is_edit || move->kind == EVSI_FILE_RESTORE
                         ? "give ids, a list of texts"
                         : "give either ids, a list of texts, or a filter");
    return NULL;
  }
  if (!evsi_file_filter(request, filter, true, &selected))
    return NULL;
  const evsi_file_rows_query query = {.longest = EVSI_FILE_ROW_BYTES, .most = INT64_MAX, .filter = &selected};
  ids = json_array();
  evsi_file_rows_begin(request, &query, &rows);
  while (json_array_size(ids) < limit && evsi_file_rows_next(&rows))
    json_array_append_new(ids, json_stringn(rows.letter.id.data, rows.letter.id.size));
  evsi_file_rows_end(&rows);
  evsi_dead_filter_free(&selected);
  return ids;
}

/* ---- changing --------------------------------------------------------------------------------- */

static void note(evsi_file_request *request, const evsi_file_move *move, uint64_t done, uint64_t of) {
  static const char *const actions[] = {[EVSI_FILE_REQUEUE] = "dlq.requeue",
                                        [EVSI_FILE_DISCARD] = "dlq.discard",
                                        [EVSI_FILE_PURGE] = "dlq.purge",
                                        [EVSI_FILE_RESTORE] = "dlq.restore"};
  json_t *ids = evsi_file_given(request, "ids");
  if (move->is_dry)
    return;
  const evsi_file_audit_row row = {
      .action = move->is_edit ? "dlq.edit" : actions[move->kind],
      .scope = json_is_array(ids) ? evsi_file_audit_ids(ids)
                                  : json_pack("{s:O}", "filter", evsi_file_given(request, "filter")),
      .count = done,
      .result = evsi_file_audit_result(done, of)};
  evsi_file_audit(request, &row);
  evsi_file_archive_trim(request->store);
}

static void change_all(evsi_file_request *request, evsi_file_move *move, const json_t *ids) {
  json_t *results = json_array(), *id;
  size_t i;
  json_int_t done = 0;
  json_array_foreach(ids, i, id) {
    json_t *result = evsi_file_move_one(request, move, json_string_value(id));
    done += evsi_file_move_is_done(move, result);
    if (json_array_size(results) < RESULTS_MOST)
      json_array_append(results, result);
    json_decref(result);
  }
  note(request, move, (uint64_t)done, json_array_size(ids));
  json_t *document =
      json_pack("{s:I,s:o}", evsi_file_move_done(move->kind), move->is_dry ? 0 : done, "results", results);
  if (move->is_dry)
    json_object_set_new(document, "wouldBe", json_integer(done));
  evsi_file_answer(request, document);
}

static void change(evsi_file_request *request, evsi_file_move_kind kind) {
  evsi_file_move move;
  json_t *ids = evsi_file_given(request, "ids");
  if (evsi_file_move_load(request, kind, &move)) {
    ids = json_is_array(ids) ? json_incref(ids) : select_letters(request, &move);
    if (ids && (!move.is_edit || edit_letter(request, ids, &move)))
      change_all(request, &move, ids);
    json_decref(ids);
  }
  evsi_file_move_free(&move);
}

void evsi_file_request_dlq_requeue(evsi_file_request *request) {
  change(request, EVSI_FILE_REQUEUE);
}

void evsi_file_request_dlq_discard(evsi_file_request *request) {
  change(request, json_is_true(evsi_file_given(request, "purge")) ? EVSI_FILE_PURGE : EVSI_FILE_DISCARD);
}

void evsi_file_request_dlq_restore(evsi_file_request *request) {
  change(request, EVSI_FILE_RESTORE);
}

/* ---- notes ------------------------------------------------------------------------------------ */

static char *note_text(const evsi_file_request *request) {
  const char *by = evsi_file_param(request, "actor");
  json_t *text = evsi_file_given(request, "note");
  json_t *note = json_is_string(text) ? json_pack("{s:O,s:s,s:I}", "text", text, "by", by ? by : "unknown",
                                                  "at", (json_int_t)request->store->now_ms)
                                      : NULL;
  char *made = note ? evsi_json_text(note) : NULL;
  json_decref(note);
  return made;
}

static bool note_one(evsi_file_request *request, const json_t *id, const char *text) {
  char stream[EVSI_FILE_NAME_MAX];
  int64_t number;
  if (!json_is_string(id) ||
      !evsi_file_letter_split(request->transport->name, json_string_value(id), stream, &number))
    return false;
  return evsi_file_run(
             &request->store->db,
             "UPDATE letter SET note = ? WHERE id = ? AND stream = (SELECT id FROM stream WHERE name = ?)",
             "tit", text, number, stream) > 0;
}

void evsi_file_request_dlq_note(evsi_file_request *request) {
  json_t *note_given = evsi_file_given(request, "note"), *ids = evsi_file_given(request, "ids"), *results,
         *id;
  size_t count = json_array_size(ids), done = 0, i;
  if (count == 0 || count > NOTED_MOST) {
    evsi_file_refuse(request, EVS_VALIDATION, "ids must be a list of 1 to 1000 texts");
    return;
  }
  if (!json_is_null(note_given) &&
      (json_string_length(note_given) == 0 || json_string_length(note_given) > NOTE_MOST)) {
    evsi_file_refuse(request, EVS_VALIDATION,
                     "note must be a text of 1 to 2000 bytes, or null to take it away");
    return;
  }
  char *text = note_text(request);
  results = json_array();
  json_array_foreach(ids, i, id) {
    bool is_noted = note_one(request, id, text);
    done += is_noted;
    json_array_append_new(results,
                          json_pack("{s:O,s:s}", "id", id, "outcome", is_noted ? "noted" : "not_found"));
  }
  const evsi_file_audit_row row = {.action = "dlq.note",
                                   .scope = evsi_file_audit_ids(ids),
                                   .count = done,
                                   .result = evsi_file_audit_result(done, count)};
  evsi_file_audit(request, &row);
  evsi_free(text);
  evsi_file_answer(request, json_pack("{s:I,s:o}", "noted", (json_int_t)done, "results", results));
}
