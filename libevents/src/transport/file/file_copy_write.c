/* SPDX-License-Identifier: MIT
 * file_copy_write.c - the request `copy.write`: what `copy.read` of another store gave, each page once: how
 * far the copy is stands beside it, and is written in the same transaction. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/json_text.h"
#include "transport/file/file_copy.h"
#include "transport/file/file_fields.h"

enum { ROWS_MOST = 1000 };

/* A page that is being written. */
typedef struct writing {
  evsi_file_request *request;
  evsi_file_store *store;
  evsi_file_stream *stream;
  const char *why; /* not NULL: it cannot be */
} writing;

static int64_t integer_of(const json_t *object, const char *name) {
  return json_integer_value(json_object_get(object, name));
}

static const char *text_of(const json_t *object, const char *name) {
  return json_string_value(json_object_get(object, name));
}

/* ---- the beginning ---------------------------------------------------------------------------- */

/* Is something there that this copy did not bring? */
static bool is_taken(evsi_file_request *request, const char *name, const char *copy) {
  evsi_file_db *db = &request->store->db;
  bool is_known = evsi_file_get(db, 0, "SELECT 1 FROM copied WHERE stream = ? AND copy = ? LIMIT 1", "tt",
                                name, copy) == 1;
  return !is_known && evsi_file_get(db, 0,
                                    "SELECT 1 FROM stream s WHERE s.name = ? AND (s.last >= s.first OR"
                                    " EXISTS (SELECT 1 FROM letter WHERE stream = s.id) OR"
                                    " EXISTS (SELECT 1 FROM archive WHERE stream = s.id) OR"
                                    " EXISTS (SELECT 1 FROM delayed WHERE stream = s.id))",
                                    "t", name) == 1;
}

static void register_topic(evsi_file_request *request) {
  const json_t *about = evsi_file_given(request, "topic"), *type;
  const char *name = text_of(about, "name");
  evsi_file_topic topic = {.name = evsi_text(name),
                           .partitions = (uint32_t)integer_of(about, "partitions"),
                           .ordering = evsi_file_order_of(text_of(about, "ordering")),
                           .on_dead_letter = evsi_file_policy_of(text_of(about, "onDeadLetter"))};
  size_t i;
  if (!name || !evsi_file_is_topic(name))
    return;
  evsi_file_register(request->store, &topic);
  json_array_foreach(json_object_get(about, "types"), i, type) {
    topic.type = evsi_text(json_string_value(type));
    evsi_file_register(request->store, &topic);
  }
}

static void add_reader(const writing *at, const json_t *group, int64_t first) {
  evsi_file_db *db = &at->store->db;
  evsi_file_run(
      db,
      "INSERT OR REPLACE INTO reader (grp, stream, delivered, base, acked, dead, trimmed, handed, seen,"
      " version, owner) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 1,"
      " (SELECT 0 FROM topic WHERE name = ? AND ordering > 0))",
      "tiiiiiiiit", text_of(group, "group"), at->stream->id, first - 1, integer_of(group, "base"),
      integer_of(group, "acked"), integer_of(group, "dead"), integer_of(group, "trimmed"),
      integer_of(group, "handed"), (int64_t)at->store->now_ms, at->stream->topic);
}

static void begin(writing *at, const json_t *rows) {
  const json_t *about = json_array_get(rows, 0), *group;
  int64_t first = integer_of(about, "first");
  size_t i;
  if (first < 1)
    at->why = "a stream begins with a number of 1 or more";
  if (at->why ||
      evsi_file_get(&at->store->db, 0, "SELECT 1 FROM copied WHERE stream = ?", "t", at->stream->name))
    return; /* it was begun before */
  at->stream->first = first;
  at->stream->last = first - 1;
  at->stream->is_dirty = true;
  evsi_file_run(&at->store->db,
                "UPDATE stream SET limits = ?, trimmed = ?, forced = ?, letters = ? WHERE id = ?", "tiiii",
                text_of(about, "limits"), integer_of(about, "trimmed"), integer_of(about, "forced"),
                integer_of(about, "letters"), at->stream->id);
  json_array_foreach(json_object_get(about, "groups"), i, group) {
    add_reader(at, group, first);
  }
  evsi_file_news(at->store);
}

/* ---- rows ------------------------------------------------------------------------------------- */

static void be_short(const writing *at) {
  evsi_file_fail(&at->store->db, SQLITE_NOMEM, "out of memory");
}

static bool read_fields(writing *at, const json_t *row, evsi_file_fields *out) {
  const char *why = evsi_file_fields_read(out, json_object_get(row, "fields"));
  if (why == evsi_file_fields_short)
    be_short(at);
  else if (!at->why)
    at->why = why;
  return !why;
}

/* An entry names itself in the letter behind which it stays; what is no object stays as it is. NULL: no
 * memory. */
static char *own_record(const char *record, int64_t number) {
  json_error_t why = {0};
  json_t *root = evsi_json_load(evsi_text(record), JSON_ALLOW_NUL, &why);
  bool is_short = !root && json_error_code(&why) == json_error_out_of_memory;
  char *text = NULL;
  if (json_object_set_new(root, "originalId", json_sprintf("%" PRId64, number)) == 0)
    text = evsi_json_text(root);
  else if (!json_is_object(root) && !is_short)
    text = evsi_strdup(record);
  json_decref(root);
  return text;
}

/* number: of the entry that stays behind it, or 0. Gives the letter's. */
static int64_t write_letter(writing *at, const json_t *row, int64_t number) {
  evsi_file_fields fields = {.more = NULL};
  const char *record = text_of(row, "dead");
  char *own = number > 0 && record ? own_record(record, number) : NULL;
  int64_t letter = 0;
  if (number > 0 && record && !own)
    be_short(at);
  if (read_fields(at, row, &fields)) {
    const evsi_file_event event = evsi_file_fields_event(&fields);
    letter = evsi_file_letter_write(at->store, at->stream->id, &event, evsi_text(own ? own : record));
    evsi_file_run(&at->store->db, "UPDATE letter SET at = ?, note = ? WHERE id = ?", "iti",
                  integer_of(row, "at"), text_of(row, "note"), letter);
  }
  evsi_free(own);
  evsi_file_fields_free(&fields);
  return letter;
}

static void write_replaced(writing *at, const json_t *row, int64_t place) {
  evsi_file_fields fields = {.more = NULL};
  bool is_read = read_fields(at, row, &fields);
  const evsi_file_event event = evsi_file_fields_event(&fields);
  if (is_read)
    evsi_file_run(&at->store->db,
                  "INSERT INTO replaced (pending, data, raw, requeue, batch, more) VALUES (?, ?, ?, ?, "
                  "nullif(?, 0), ?)",
                  "ibbsis", place, event.data, event.raw, event.requeue, (int64_t)event.is_batch, event.more);
  evsi_file_fields_free(&fields);
}

/* The next number downwards from the first entry, for one that has no body any more. */
static int64_t number_of_gone(const writing *at, int64_t reader) {
  int64_t lowest = evsi_file_get(&at->store->db, 0, "SELECT min(id) FROM pending WHERE id BETWEEN ? AND ?",
                                 "ii", evsi_file_place(reader, 0), evsi_file_place(reader + 1, 0) - 1);
  int64_t number = lowest > 0 ? evsi_file_number_of(lowest) : at->stream->first;
  return (number < at->stream->first ? number : at->stream->first) - 1;
}

static void write_pending(writing *at, const json_t *row, int64_t number) {
  evsi_file_db *db = &at->store->db;
  int64_t reader = evsi_file_get(db, 0, "SELECT id FROM reader WHERE grp = ? AND stream = ?", "ti",
                                 text_of(row, "group"), at->stream->id);
  if (reader > 0 && number == 0)
    number = number_of_gone(at, reader);
  if (reader == 0 || number < 1) {
    at->why = reader == 0 ? "an entry is pending for a group that the copy did not begin with"
                          : "there is no place left for an entry without a body";
    return;
  }
  const json_t *letter = json_object_get(row, "letter");
  int64_t place = evsi_file_place(reader, number), held = letter ? write_letter(at, letter, number) : 0;
  evsi_file_run(
      db,
      "INSERT INTO pending (id, reader, due, deliveries, state, letter) VALUES (?, ?, ?, ?, ?, nullif(?, 0))",
      "iiiiti", place, reader, integer_of(row, "due"), integer_of(row, "deliveries"), text_of(row, "state"),
      held);
  if (json_object_get(row, "fields"))
    write_replaced(at, row, place);
}

static int64_t write_entry(writing *at, const json_t *row) {
  evsi_file_fields fields = {.more = NULL};
  uint64_t now = at->store->now_ms;
  int64_t number = 0;
  bool is_read = read_fields(at, row, &fields);
  if (is_read && integer_of(row, "n") != at->stream->last + 1)
    at->why = "entries do not follow each other";
  if (is_read && !at->why) {
    const evsi_file_event event = evsi_file_fields_event(&fields);
    at->store->now_ms = (uint64_t)integer_of(row, "at"); /* it keeps its time */
    number = evsi_file_append(at->store, at->stream, &event);
    at->store->now_ms = now;
  }
  evsi_file_fields_free(&fields);
  return number;
}

static void write_with_pending(writing *at, const json_t *row) {
  bool is_gone = json_is_true(json_object_get(row, "gone"));
  int64_t number = is_gone ? 0 : write_entry(at, row);
  const json_t *each;
  size_t i;
  json_array_foreach(json_object_get(row, "pending"), i, each) {
    if (!at->why)
      write_pending(at, each, number);
  }
  json_array_foreach(json_object_get(row, "delivered"), i, each) {
    evsi_file_run(&at->store->db, "UPDATE reader SET delivered = ? WHERE grp = ? AND stream = ?", "iti",
                  number, json_string_value(each), at->stream->id);
  }
}

static void write_free_letter(writing *at, const json_t *row) {
  write_letter(at, row, 0);
}

/* It was a letter, so that it has a number as letters have. */
static void write_archived(writing *at, const json_t *row) {
  int64_t letter = write_letter(at, row, 0);
  evsi_file_run(
      &at->store->db,
      "INSERT INTO archive (letter, stream, at, data, raw, requeue, batch, more, dead, fingerprint, back,"
      " archive) SELECT id, stream, at, data, raw, requeue, batch, more, dead, fingerprint, back, ?"
      " FROM letter WHERE id = ?",
      "ti", text_of(row, "archive") ? text_of(row, "archive") : "{}", letter);
  evsi_file_letter_remove(at->store, letter);
}

static void write_delayed(writing *at, const json_t *row) {
  evsi_file_fields fields = {.more = NULL};
  bool is_read = read_fields(at, row, &fields);
  const evsi_file_event event = evsi_file_fields_event(&fields);
  if (is_read)
    evsi_file_run(&at->store->db, "INSERT INTO delayed (stream, due, data, raw) VALUES (?, ?, ?, ?)", "iibb",
                  at->stream->id, integer_of(row, "due"), event.data, event.raw);
  evsi_file_fields_free(&fields);
  at->store->is_stirring = true;
}

/* ---- a page ----------------------------------------------------------------------------------- */

static void write_rows(writing *at, const char *what, const json_t *rows) {
  static const struct {
    const char *what;
    void (*write)(writing *at, const json_t *row);
  } all[] = {{"entries", write_with_pending},
             {"letters", write_free_letter},
             {"archive", write_archived},
             {"delayed", write_delayed}};
  const json_t *row;
  size_t i, kind = 0;
  if (strcmp(what, "begin") == 0) {
    begin(at, rows);
    return;
  }
  while (kind < sizeof all / sizeof all[0] && strcmp(all[kind].what, what) != 0)
    kind++;
  json_array_foreach(rows, i, row) {
    if (kind < sizeof all / sizeof all[0] && !at->why)
      all[kind].write(at, row);
  }
}

static json_t *positions_of(evsi_file_db *db, const char *stream) {
  json_t *positions = json_object();
  sqlite3_stmt *row = evsi_file_query(
      db, "SELECT what, position FROM copied WHERE stream = ? AND what <> 'begin'", "t", stream);
  while (evsi_file_next(db, row))
    json_object_set_new(positions, evsi_file_text(row, 0), evsi_file_json_text(row, 1));
  return positions;
}

void evsi_file_request_copy_write(evsi_file_request *request) {
  const char *name = evsi_file_param(request, "stream"), *what = evsi_file_param(request, "what");
  const char *copy = evsi_file_param(request, "copy"), *next = evsi_file_param(request, "next");
  const json_t *rows = evsi_file_given(request, "rows");
  if (!name || !what || !copy || json_array_size(rows) > ROWS_MOST || strlen(name) >= EVSI_FILE_NAME_MAX) {
    evsi_file_refuse(request, EVS_VALIDATION, "stream, copy, what and up to 1000 rows are needed");
    return;
  }
  if (is_taken(request, name, copy)) {
    evsi_file_refuse(request, EVS_CONFLICT,
                     "the stream has something already that this copy did not bring: empty it first");
    return;
  }
  register_topic(request);
  writing at = {.request = request,
                .store = request->store,
                .stream = evsi_file_stream_find(request->store, name, true)};
  if (!at.stream)
    return;
  write_rows(&at, what, rows);
  if (at.why) { /* nothing of the page stays */
    evsi_file_refuse(request, EVS_VALIDATION, "%s", at.why);
    evsi_file_fail(&request->store->db, SQLITE_ABORT, at.why);
    return;
  }
  evsi_file_run(&request->store->db,
                "INSERT OR REPLACE INTO copied (stream, what, copy, position) VALUES (?, ?, ?, ?)", "tttt",
                name, what, copy, next ? next : "");
  evsi_file_answer(request, json_pack("{s:o}", "positions", positions_of(&request->store->db, name)));
}
