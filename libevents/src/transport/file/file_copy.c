/* SPDX-License-Identifier: MIT
 * file_copy.c - the requests `copy.look` and `copy.read`: everything that a stream has, page by page, in a
 * form that no store has. What another store is given so is written by its `copy.write`. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json_text.h"
#include "transport/file/file_copy.h"

enum { ROWS_DEFAULT = 500, ROWS_MOST = 1000, BYTES_AT_ONCE = 4 << 20 };

static const char *const orders[] = {"none", "per-key", "per-partition", "strict"};
static const char *const policies[] = {"skip", "block", "park-key"};

const char *evsi_file_order_word(int64_t ordering) {
  return ordering > 0 && ordering < (int64_t)(sizeof orders / sizeof orders[0]) ? orders[ordering] : NULL;
}

static uint32_t number_of(const char *word, const char *const *words, uint32_t count) {
  for (uint32_t i = 0; word && i < count; i++) {
    if (strcmp(word, words[i]) == 0)
      return i;
  }
  return 0;
}

uint32_t evsi_file_order_of(const char *word) {
  return number_of(word, orders, sizeof orders / sizeof orders[0]);
}

uint32_t evsi_file_policy_of(const char *word) {
  return number_of(word, policies, sizeof policies / sizeof policies[0]);
}

/* ---- looking ---------------------------------------------------------------------------------- */

static json_t *types_of(evsi_file_db *db, const char *topic) {
  json_t *types = json_array();
  sqlite3_stmt *row = evsi_file_query(db, "SELECT name FROM type WHERE topic = ? ORDER BY name", "t", topic);
  while (evsi_file_next(db, row))
    json_array_append_new(types, evsi_file_json_text(row, 0));
  return types;
}

static json_t *topics_of(evsi_file_db *db) {
  json_t *topics = json_object();
  sqlite3_stmt *row = evsi_file_query(db, "SELECT name, partitions, ordering, on_dead_letter FROM topic", "");
  while (evsi_file_next(db, row)) {
    const char *order = evsi_file_order_word(sqlite3_column_int64(row, 2));
    json_object_set_new(topics, evsi_file_text(row, 0),
                        json_pack("{s:I,s:o,s:s*,s:s*}", "partitions",
                                  (json_int_t)sqlite3_column_int64(row, 1), "types",
                                  types_of(db, evsi_file_text(row, 0)), "ordering", order, "onDeadLetter",
                                  order ? policies[sqlite3_column_int(row, 3) % 3] : NULL));
  }
  return topics;
}

static json_t *groups_of(evsi_file_db *db, int64_t stream) {
  json_t *groups = json_array();
  sqlite3_stmt *row = evsi_file_query(
      db, "SELECT grp, base, acked, dead, trimmed, handed FROM reader WHERE stream = ? ORDER BY grp", "i",
      stream);
  while (evsi_file_next(db, row))
    json_array_append_new(groups, json_pack("{s:o,s:I,s:I,s:I,s:I,s:I}", "group", evsi_file_json_text(row, 0),
                                            "base", (json_int_t)sqlite3_column_int64(row, 1), "acked",
                                            (json_int_t)sqlite3_column_int64(row, 2), "dead",
                                            (json_int_t)sqlite3_column_int64(row, 3), "trimmed",
                                            (json_int_t)sqlite3_column_int64(row, 4), "handed",
                                            (json_int_t)sqlite3_column_int64(row, 5)));
  return groups;
}

static json_t *streams_of(evsi_file_db *db) {
  json_t *streams = json_array();
  sqlite3_stmt *row = evsi_file_query(db,
                                      "SELECT id, name, topic, first, last, trimmed, forced, letters, "
                                      "limits, (SELECT count(DISTINCT g.member)"
                                      " FROM reading g JOIN reader r ON r.id = g.reader WHERE r.stream = "
                                      "s.id) FROM stream s WHERE feed IS NULL"
                                      " ORDER BY name",
                                      "");
  while (evsi_file_next(db, row)) {
    json_t *stream = json_pack(
        "{s:o,s:o,s:I,s:I,s:I,s:I,s:I,s:I,s:o}", "name", evsi_file_json_text(row, 1), "topic",
        evsi_file_json_text(row, 2), "first", (json_int_t)sqlite3_column_int64(row, 3), "last",
        (json_int_t)sqlite3_column_int64(row, 4), "trimmed", (json_int_t)sqlite3_column_int64(row, 5),
        "forced", (json_int_t)sqlite3_column_int64(row, 6), "letters",
        (json_int_t)sqlite3_column_int64(row, 7), "members", (json_int_t)sqlite3_column_int64(row, 9),
        "groups", groups_of(db, sqlite3_column_int64(row, 0)));
    if (sqlite3_column_type(row, 8) != SQLITE_NULL)
      json_object_set_new(stream, "limits", evsi_file_json_text(row, 8));
    json_array_append_new(streams, stream);
  }
  return streams;
}

static json_t *paused_of(evsi_file_db *db) {
  json_t *paused = json_object();
  sqlite3_stmt *row = evsi_file_query(db, "SELECT name, record FROM paused WHERE name NOT LIKE '@%'", "");
  while (evsi_file_next(db, row))
    json_object_set_new(paused, evsi_file_text(row, 0), evsi_file_json_value(row, 1));
  return paused;
}

void evsi_file_request_copy_look(evsi_file_request *request) {
  evsi_file_db *db = &request->store->db;
  evsi_file_answer(request,
                   json_pack("{s:o,s:o,s:o,s:o}", "source", json_sprintf("file%s", db->path), "topics",
                             topics_of(db), "streams", streams_of(db), "paused", paused_of(db)));
}

/* ---- rows ------------------------------------------------------------------------------------- */

/* What is being answered. */
typedef struct page {
  evsi_file_request *request;
  const evsi_file_stream *stream;
  json_t *rows;
  int64_t after, most;
  size_t bytes;
  char next[EVSI_FILE_NUMBER_TEXT];
} page;

static json_t *fields_of(page *made, const evsi_file_event *event) {
  evsi_buf text = {0};
  evsi_buf_add_text(&text, "[");
  evsi_file_event_pairs(event, &text);
  if (text.size == 1) /* nothing is stored of it */
    evsi_buf_add_text(&text, "[\"data\",\"\"]");
  evsi_buf_add_text(&text, "]");
  made->bytes += text.size;
  json_t *fields =
      text.failed ? NULL : evsi_json_load(evsi_bytes(text.data, text.size), JSON_ALLOW_NUL, NULL);
  evsi_buf_free(&text);
  return fields;
}

static void set_text(json_t *object, const char *name, sqlite3_stmt *row, int column) {
  if (sqlite3_column_type(row, column) != SQLITE_NULL)
    json_object_set_new(object, name, evsi_file_json_text(row, column));
}

/* Columns: id, at, data, raw, requeue, batch, more, dead, note. */
static json_t *letter_row(page *made, sqlite3_stmt *row) {
  evsi_file_event event;
  evsi_file_event_read(row, 2, &event);
  json_t *letter = json_pack("{s:I,s:o}", "at", (json_int_t)sqlite3_column_int64(row, 1), "fields",
                             fields_of(made, &event));
  set_text(letter, "dead", row, 7);
  set_text(letter, "note", row, 8);
  return letter;
}

/* The one behind which an entry stays. */
static json_t *own_letter(page *made, int64_t letter) {
  evsi_file_db *db = &made->request->store->db;
  sqlite3_stmt *row = evsi_file_query(
      db, "SELECT id, at, data, raw, requeue, batch, more, dead, note FROM letter WHERE id = ?", "i", letter);
  json_t *made_row = evsi_file_next(db, row) ? letter_row(made, row) : NULL;
  evsi_file_done(row);
  return made_row;
}

static json_t *pending_of(page *made, int64_t number) {
  evsi_file_db *db = &made->request->store->db;
  json_t *list = NULL;
  sqlite3_stmt *row = evsi_file_query(db,
                                      "SELECT r.grp, p.deliveries, coalesce(p.due, 0), p.state, p.letter, "
                                      "x.data, x.raw, x.requeue, x.batch, x.more,"
                                      " x.pending FROM reader r JOIN pending p ON p.id = (r.id << ?3) + ?1 "
                                      "LEFT JOIN replaced x ON x.pending = p.id"
                                      " WHERE r.stream = ?2",
                                      "iii", number, made->stream->id, (int64_t)EVSI_FILE_PLACE_BITS);
  while (evsi_file_next(db, row)) {
    json_t *pending =
        json_pack("{s:o,s:I,s:I}", "group", evsi_file_json_text(row, 0), "deliveries",
                  (json_int_t)sqlite3_column_int64(row, 1), "due", (json_int_t)sqlite3_column_int64(row, 2));
    evsi_file_event event;
    set_text(pending, "state", row, 3);
    evsi_file_event_read(row, 5, &event);
    if (sqlite3_column_type(row, 10) != SQLITE_NULL)
      json_object_set_new(pending, "fields", fields_of(made, &event));
    json_t *letter = sqlite3_column_int64(row, 4) > 0 ? own_letter(made, sqlite3_column_int64(row, 4)) : NULL;
    if (letter)
      json_object_set_new(pending, "letter", letter);
    list = list ? list : json_array();
    json_array_append_new(list, pending);
  }
  return list;
}

static json_t *delivered_to(page *made, int64_t number) {
  evsi_file_db *db = &made->request->store->db;
  json_t *list = NULL;
  sqlite3_stmt *row = evsi_file_query(db, "SELECT grp FROM reader WHERE stream = ? AND delivered = ?", "ii",
                                      made->stream->id, number);
  while (evsi_file_next(db, row)) {
    list = list ? list : json_array();
    json_array_append_new(list, evsi_file_json_text(row, 0));
  }
  return list;
}

static void add(page *made, json_t *row, int64_t number) {
  json_array_append_new(made->rows, row);
  snprintf(made->next, sizeof made->next, "%" PRId64, number);
}

static bool is_full(const page *made) {
  return (int64_t)json_array_size(made->rows) >= made->most || made->bytes >= BYTES_AT_ONCE;
}

/* Pending, and without a body: they stand before the first entry. */
static void read_gone(page *made) {
  evsi_file_db *db = &made->request->store->db;
  sqlite3_stmt *row = evsi_file_query(
      db,
      "SELECT DISTINCT p.id - (r.id << ?1) AS n FROM reader r JOIN pending p ON p.id > (r.id << ?1)"
      " AND p.id < (r.id << ?1) + ?2 WHERE r.stream = ?3 ORDER BY n DESC",
      "iii", (int64_t)EVSI_FILE_PLACE_BITS, made->stream->first, made->stream->id);
  while (evsi_file_next(db, row)) {
    int64_t number = sqlite3_column_int64(row, 0);
    json_array_append_new(made->rows, json_pack("{s:I,s:I,s:b,s:o*}", "n", (json_int_t)number, "at",
                                                (json_int_t)made->request->store->now_ms, "gone", 1,
                                                "pending", pending_of(made, number)));
  }
}

static void read_entries(page *made) {
  evsi_file_db *db = &made->request->store->db;
  if (made->after == 0)
    read_gone(made);
  made->most += (int64_t)json_array_size(made->rows);
  sqlite3_stmt *row = evsi_file_query(
      db, "SELECT id, at, data, raw, requeue, batch, more FROM entry WHERE id > ? AND id < ? ORDER BY id",
      "ii", evsi_file_place(made->stream->id, made->after), evsi_file_place(made->stream->id + 1, 0));
  while (!is_full(made) && evsi_file_next(db, row)) {
    int64_t number = evsi_file_number_of(sqlite3_column_int64(row, 0));
    evsi_file_event event;
    evsi_file_event_read(row, 2, &event);
    add(made,
        json_pack("{s:I,s:I,s:o,s:o*,s:o*}", "n", (json_int_t)number, "at",
                  (json_int_t)sqlite3_column_int64(row, 1), "fields", fields_of(made, &event), "pending",
                  pending_of(made, number), "delivered", delivered_to(made, number)),
        number);
  }
  evsi_file_done(row);
}

static void read_letters(page *made) {
  evsi_file_db *db = &made->request->store->db;
  sqlite3_stmt *row = evsi_file_query(
      db,
      "SELECT id, at, data, raw, requeue, batch, more, dead, note FROM letter WHERE stream = ? AND id > ?"
      " AND id NOT IN (SELECT letter FROM pending WHERE letter IS NOT NULL) ORDER BY id",
      "ii", made->stream->id, made->after);
  while (!is_full(made) && evsi_file_next(db, row))
    add(made, letter_row(made, row), sqlite3_column_int64(row, 0));
  evsi_file_done(row);
}

/* Elsewhere a letter is named by a text, which the archive has within. */
static void name_letter(json_t *row, sqlite3_stmt *stored) {
  json_t *about = evsi_file_json_value(stored, 9);
  json_object_set_new(about, "id",
                      json_sprintf("%" PRId64 "-%" PRId64, (int64_t)sqlite3_column_int64(stored, 1),
                                   (int64_t)sqlite3_column_int64(stored, 10)));
  char *text = evsi_json_text(about);
  json_object_set_new(row, "archive", json_string(text ? text : "{}"));
  evsi_free(text);
  json_decref(about);
}

static void read_archive(page *made) {
  evsi_file_db *db = &made->request->store->db;
  sqlite3_stmt *row = evsi_file_query(
      db,
      "SELECT id, at, data, raw, requeue, batch, more, dead, NULL, archive, letter FROM archive"
      " WHERE stream = ? AND id > ? ORDER BY id",
      "ii", made->stream->id, made->after);
  while (!is_full(made) && evsi_file_next(db, row)) {
    json_t *archived = letter_row(made, row);
    name_letter(archived, row);
    add(made, archived, sqlite3_column_int64(row, 0));
  }
  evsi_file_done(row);
}

static void read_delayed(page *made) {
  evsi_file_db *db = &made->request->store->db;
  sqlite3_stmt *row = evsi_file_query(
      db, "SELECT id, due, data, raw, NULL, NULL, NULL FROM delayed WHERE stream = ? AND id > ? ORDER BY id",
      "ii", made->stream->id, made->after);
  while (!is_full(made) && evsi_file_next(db, row)) {
    evsi_file_event event;
    evsi_file_event_read(row, 2, &event);
    add(made,
        json_pack("{s:I,s:o}", "due", (json_int_t)sqlite3_column_int64(row, 1), "fields",
                  fields_of(made, &event)),
        sqlite3_column_int64(row, 0));
  }
  evsi_file_done(row);
}

void evsi_file_request_copy_read(evsi_file_request *request) {
  static const struct {
    const char *what;
    void (*read)(page *made);
  } all[] = {{"entries", read_entries},
             {"letters", read_letters},
             {"archive", read_archive},
             {"delayed", read_delayed}};
  const char *name = evsi_file_param(request, "stream"), *what = evsi_file_param(request, "what");
  const char *after = evsi_file_param(request, "after");
  page made = {.request = request, .after = after ? strtoll(after, NULL, 10) : 0};
  made.most = (int64_t)evsi_file_param_number(request, "limit", ROWS_DEFAULT, ROWS_MOST);
  made.stream = name ? evsi_file_stream_find(request->store, name, false) : NULL;
  if (!made.stream) {
    evsi_file_refuse(request, EVS_NOT_FOUND, "there is no stream %.200s", name ? name : "without a name");
    return;
  }
  for (size_t i = 0; i < sizeof all / sizeof all[0] && !made.rows; i++) {
    if (!what || strcmp(what, all[i].what) != 0)
      continue;
    made.rows = json_array();
    all[i].read(&made);
  }
  if (made.rows)
    evsi_file_answer(request,
                     json_pack("{s:o,s:s}", "rows", made.rows, "next", is_full(&made) ? made.next : ""));
  else
    evsi_file_refuse(request, EVS_VALIDATION, "what must be entries, letters, archive or delayed");
}
