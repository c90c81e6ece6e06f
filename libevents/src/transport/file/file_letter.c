/* SPDX-License-Identifier: MIT
 * file_letter.c - see file_letter.h. */
#include "transport/file/file_letter.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json_text.h"
#include "event/base64.h"
#include "event/json_scan.h"

enum { MESSAGE_MOST = 1024, FINGERPRINT_MOST = 16, OPERATION_MOST = 64, KINDS_MOST = 5000 };

static const char HEX[] = "0123456789abcdefABCDEF";

/* ---- fields ----------------------------------------------------------------------------------- */

static void add_value(evsi_buf *out, evs_bytes bytes) {
  bool is_text = evsi_utf8_valid(bytes.data, bytes.size) && !memchr(bytes.data, 0, bytes.size);
  if (is_text) { /* texts with a NUL in them are refused by many a reader */
    evsi_buf_add_json(out, bytes.data, bytes.size);
    return;
  }
  evsi_buf_add_text(out, "{\"base64\":\"");
  evsi_base64(out, bytes);
  evsi_buf_add_text(out, "\"}");
}

static void add_pair(evsi_buf *out, size_t start, const char *name, evs_bytes value) {
  if (!value.data)
    return;
  evsi_buf_addf(out, "%s[\"%s\",", out->size > start ? "," : "", name);
  add_value(out, value);
  evsi_buf_add_text(out, "]");
}

void evsi_file_event_pairs(const evsi_file_event *event, evsi_buf *out) {
  size_t start = out->size;
  add_pair(out, start, "data", event->data);
  add_pair(out, start, "raw", event->raw);
  add_pair(out, start, "requeue", event->requeue);
  add_pair(out, start, "batch", event->is_batch ? evsi_text("true") : evsi_bytes(NULL, 0));
  if (event->more.size > 2) { /* a list: its brackets are left out */
    evsi_buf_add_text(out, out->size > start ? "," : "");
    evsi_buf_add(out, event->more.data + 1, event->more.size - 2);
  }
}

void evsi_file_event_fields(const evsi_file_event *event, evsi_buf *out) {
  evsi_buf_add_text(out, "{\"fields\":[");
  evsi_file_event_pairs(event, out);
  evsi_buf_add_text(out, "]}");
}

/* ---- what a record says ----------------------------------------------------------------------- */

static size_t cut(const char *text, size_t size) {
  size_t most = size < MESSAGE_MOST ? size : MESSAGE_MOST;
  while (most > 0 && most < size && ((unsigned char)text[most] & 0xc0) == 0x80)
    most--;
  return most;
}

/* {type, group, class, message} of a record: what describes its kind. */
static char *describe(const json_t *record) {
  const json_t *error = json_object_get(record, "error"), *message = json_object_get(error, "message");
  const char *text = json_is_string(message) ? json_string_value(message) : "";
  json_t *about = json_pack("{s:O*,s:O*,s:O*,s:s%}", "type", json_object_get(record, "type"), "group",
                            json_object_get(record, "group"), "class", json_object_get(error, "class"),
                            "message", text, cut(text, json_string_length(message)));
  char *described = about ? evsi_json_text(about) : NULL;
  json_decref(about);
  return described;
}

static const char *fingerprint_of(const json_t *record) {
  const char *text = json_string_value(json_object_get(record, "fingerprint"));
  size_t size = text ? strlen(text) : 0;
  return size > 0 && size <= FINGERPRINT_MOST && strspn(text, HEX) == size ? text : NULL;
}

static int64_t time_of(const json_t *record, const evsi_file_store *store) {
  const json_t *at = json_object_get(record, "lastFailureAt");
  return json_is_integer(at) ? json_integer_value(at) : (int64_t)store->now_ms;
}

static json_t *load(evs_bytes text) {
  json_t *root = text.size > 0 ? evsi_json_load(text, JSON_ALLOW_NUL, NULL) : NULL;
  if (json_is_object(root))
    return root;
  json_decref(root);
  return NULL;
}

/* ---- writing and removing --------------------------------------------------------------------- */

static void count_kind(evsi_file_store *store, int64_t stream, const json_t *record, int64_t letter) {
  char *about = describe(record);
  int64_t at = time_of(record, store);
  bool is_back = json_integer_value(json_object_get(record, "requeueCount")) > 0;
  evsi_file_run(&store->db,
                "INSERT INTO kind (stream, fingerprint, count, back, first, last, newest, about)"
                " VALUES (?, ?, 1, ?, ?, ?, ?, ?) ON CONFLICT (stream, fingerprint) DO UPDATE SET"
                " count = count + 1, back = back + excluded.back, first = min(first, excluded.first),"
                " newest = iif(excluded.last >= last, excluded.newest, newest),"
                " about = iif(excluded.last >= last, excluded.about, about), last = max(last, excluded.last)",
                "itiiiit", stream, fingerprint_of(record), (int64_t)is_back, at, at, letter,
                about ? about : "{}");
  evsi_free(about);
}

/* Messages that somebody makes up could fill the counts: what would be one kind of failure too many is in
 * none. */
static bool has_room(evsi_file_store *store, int64_t stream, const char *fingerprint) {
  return evsi_file_get(&store->db, 0, "SELECT 1 FROM kind WHERE stream = ? AND fingerprint = ?", "it", stream,
                       fingerprint) == 1 ||
         evsi_file_get(&store->db, 0, "SELECT count(*) FROM kind WHERE stream = ?", "i", stream) < KINDS_MOST;
}

int64_t evsi_file_letter_write(evsi_file_store *store, int64_t stream, const evsi_file_event *event,
                               evs_bytes record) {
  json_t *root = load(record);
  const char *fingerprint = fingerprint_of(root);
  if (fingerprint && !has_room(store, stream, fingerprint))
    fingerprint = NULL;
  bool is_back = json_integer_value(json_object_get(root, "requeueCount")) > 0;
  evsi_file_run(&store->db,
                "INSERT INTO letter (stream, at, data, raw, requeue, batch, more, dead, fingerprint, back)"
                " VALUES (?, ?, ?, ?, ?, nullif(?, 0), ?, ?, ?, ?)",
                "iibbsissti", stream, (int64_t)store->now_ms, event->data, event->raw, event->requeue,
                (int64_t)event->is_batch, event->more, record.size ? record : evsi_bytes(NULL, 0),
                fingerprint, (int64_t)is_back);
  int64_t letter = sqlite3_last_insert_rowid(store->db.sql);
  if (fingerprint)
    count_kind(store, stream, root, letter);
  json_decref(root);
  return letter;
}

bool evsi_file_let_go(evsi_file_store *store, int64_t letter, const evsi_file_event *event,
                      int64_t *out_number) {
  evsi_file_db *db = &store->db;
  char state[48];
  sqlite3_stmt *row = evsi_file_query(db, "SELECT id, deliveries FROM pending WHERE letter = ?", "i", letter);
  if (!evsi_file_next(db, row))
    return false;
  int64_t place = sqlite3_column_int64(row, 0);
  snprintf(state, sizeof state, "{\"d\":%d,\"n\":%d}", event ? 0 : 2, sqlite3_column_int(row, 1));
  evsi_file_done(row);
  if (event)
    evsi_file_run(db,
                  "INSERT OR REPLACE INTO replaced (pending, data, raw, requeue, batch, more)"
                  " VALUES (?, ?, ?, ?, nullif(?, 0), ?)",
                  "ibbsis", place, event->data, event->raw.size ? event->raw : evsi_bytes(NULL, 0),
                  event->requeue, (int64_t)event->is_batch, event->more);
  evsi_file_run(db, "UPDATE pending SET state = ?, due = ?, letter = NULL WHERE id = ?", "tii", state,
                (int64_t)store->now_ms, place);
  store->is_stirring = true;
  if (out_number)
    *out_number = evsi_file_number_of(place);
  return true;
}

void evsi_file_letter_remove(evsi_file_store *store, int64_t letter) {
  evsi_file_let_go(store, letter, NULL, NULL);
  evsi_file_run(&store->db,
                "UPDATE kind SET count = count - 1, back = back - (SELECT back FROM letter WHERE id = ?1)"
                " WHERE (stream, fingerprint) = (SELECT stream, fingerprint FROM letter WHERE id = ?1)",
                "i", letter);
  evsi_file_run(
      &store->db,
      "DELETE FROM kind WHERE (stream, fingerprint) = (SELECT stream, fingerprint FROM letter WHERE id = ?)"
      " AND count <= 0",
      "i", letter);
  evsi_file_run(&store->db, "DELETE FROM letter WHERE id = ?", "i", letter);
}

void evsi_file_note_death(evsi_file_store *store, int64_t stream, evs_bytes requeue) {
  json_t *root = load(requeue);
  const char *operation = json_string_value(json_object_get(root, "operation"));
  size_t size = operation ? strlen(operation) : 0;
  if (size > 0 && size <= OPERATION_MOST && strspn(operation, HEX) == size)
    evsi_file_run(&store->db,
                  "INSERT INTO progress (operation, stream, again) VALUES (?, ?, 1)"
                  " ON CONFLICT (operation, stream) DO UPDATE SET again = again + 1",
                  "ti", operation, stream);
  json_decref(root);
}

/* ---- reading ---------------------------------------------------------------------------------- */

void evsi_file_letter_id(const char *transport, const char *stream, int64_t number, evsi_buf *out) {
  evsi_buf_addf(out, "%s/%s/%" PRId64, transport, stream, number);
}

bool evsi_file_letter_split(const char *transport, const char *id, char out_stream[EVSI_FILE_NAME_MAX],
                            int64_t *out_number) {
  size_t head = strlen(transport);
  const char *last = strrchr(id, '/');
  char *end;
  if (strncmp(id, transport, head) != 0 || id[head] != '/' || !last || last <= id + head + 1 ||
      (size_t)(last - id) - head - 1 >= EVSI_FILE_NAME_MAX || last[1] < '0' || last[1] > '9')
    return false;
  snprintf(out_stream, EVSI_FILE_NAME_MAX, "%.*s", (int)((size_t)(last - id) - head - 1), id + head + 1);
  *out_number = strtoll(last + 1, &end, 10);
  return *end == '\0' && *out_number > 0;
}

void evsi_file_letter_event(sqlite3_stmt *row, evsi_file_event *out) {
  evsi_file_event_read(row, 4, out);
}

void evsi_file_letter_read(const char *transport, sqlite3_stmt *row, evsi_dead_letter *out,
                           evsi_buf *scratch) {
  evsi_file_event event;
  memset(out, 0, sizeof *out);
  evsi_file_letter_event(row, &event);
  evsi_buf_clear(scratch);
  evsi_file_letter_id(transport, evsi_file_text(row, 1), sqlite3_column_int64(row, 0), scratch);
  size_t id_end = scratch->size;
  out->is_malformed = !event.data.data;
  if (out->is_malformed)
    evsi_file_event_fields(&event, scratch);
  /* Only now does scratch stay where it is. */
  out->id = evsi_bytes(scratch->data, id_end);
  out->topic = evsi_file_bytes(row, 2);
  out->partition = sqlite3_column_int(row, 3);
  out->data = out->is_malformed ? evsi_bytes(scratch->data + id_end, scratch->size - id_end) : event.data;
  out->data_size = out->is_malformed ? out->data.size : (uint64_t)sqlite3_column_int64(row, 12);
  out->raw = event.raw;
  out->raw_size = (uint64_t)sqlite3_column_int64(row, 13);
  out->record = evsi_file_bytes(row, 9);
  out->note = evsi_file_bytes(row, 10);
  out->archive = evsi_file_bytes(row, 11);
}
