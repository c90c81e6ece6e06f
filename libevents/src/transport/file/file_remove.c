/* SPDX-License-Identifier: MIT
 * file_remove.c - the request `topics.remove`: a topic with all that is kept of it, in one transaction. */
#include "base/json_text.h"
#include "transport/file/file_request.h"

/* Every row that one number names, stream or reader. */
static void remove_of(evsi_file_db *db, const char *const *statements, size_t count, int64_t id) {
  for (size_t i = 0; i < count; i++)
    evsi_file_run(db, statements[i], "i", id);
}

static int64_t remove_between(evsi_file_db *db, const char *statement, int64_t id) {
  return evsi_file_run(db, statement, "ii", evsi_file_place(id, 0), evsi_file_place(id + 1, 0) - 1);
}

/* Numbers that a query gives, kept since their rows go meanwhile. */
static json_t *numbers(evsi_file_db *db, const char *query, const char *topic) {
  json_t *found = json_array();
  sqlite3_stmt *row = evsi_file_query(db, query, "t", topic);
  while (evsi_file_next(db, row)) {
    if (json_array_append_new(found, json_integer(sqlite3_column_int64(row, 0))) != 0)
      evsi_file_fail(db, SQLITE_NOMEM, "out of memory"); /* and nothing is removed */
  }
  return found;
}

static void remove_readers(evsi_file_db *db, const char *topic) {
  static const char *const statements[] = {"DELETE FROM reading WHERE reader = ?",
                                           "DELETE FROM reader WHERE id = ?"};
  json_t *readers =
      numbers(db, "SELECT r.id FROM reader r JOIN stream s ON s.id = r.stream WHERE s.topic = ?", topic);
  json_t *reader;
  size_t i;
  json_array_foreach(readers, i, reader) {
    int64_t id = json_integer_value(reader);
    remove_between(db, "DELETE FROM replaced WHERE pending BETWEEN ? AND ?", id);
    remove_between(db, "DELETE FROM pending WHERE id BETWEEN ? AND ?", id);
    remove_of(db, statements, sizeof statements / sizeof statements[0], id);
  }
  json_decref(readers);
}

/* Gives how many entries there were. */
static int64_t remove_streams(evsi_file_db *db, const char *topic) {
  static const char *const statements[] = {
      "DELETE FROM letter WHERE stream = ?",
      "DELETE FROM kind WHERE stream = ?",
      "DELETE FROM archive WHERE stream = ?",
      "DELETE FROM delayed WHERE stream = ?",
      "DELETE FROM known WHERE stream = ?",
      "DELETE FROM copied WHERE stream = (SELECT name FROM stream WHERE id = ?)",
      "DELETE FROM progress WHERE stream = ?",
      "DELETE FROM stream WHERE id = ?"};
  json_t *streams = numbers(db, "SELECT id FROM stream WHERE topic = ?", topic), *stream;
  int64_t entries = 0;
  size_t i;
  json_array_foreach(streams, i, stream) {
    int64_t id = json_integer_value(stream);
    entries += remove_between(db, "DELETE FROM entry WHERE id BETWEEN ? AND ?", id);
    remove_of(db, statements, sizeof statements / sizeof statements[0], id);
  }
  json_decref(streams);
  return entries;
}

static bool has_members(evsi_file_db *db, const char *topic) {
  return evsi_file_get(
             db, 0,
             "SELECT 1 FROM reading JOIN reader r ON r.id = reading.reader JOIN stream s ON s.id = r.stream"
             " WHERE s.topic = ? LIMIT 1",
             "t", topic) == 1;
}

void evsi_file_request_topics_remove(evsi_file_request *request) {
  evsi_file_db *db = &request->store->db;
  const char *topic = evsi_file_param(request, "topic");
  evs_bytes name = {0};
  int32_t partition = 0;
  if (topic)
    evsi_file_split_name(evsi_text(topic), &name, &partition);
  if (!topic || !evsi_file_is_topic(topic) || partition != EVS_PARTITION_NONE) {
    evsi_file_refuse(request, EVS_VALIDATION, "topic must be the name of a topic, without a partition");
    return;
  }
  if (!json_is_true(evsi_file_given(request, "force")) && has_members(db, topic)) {
    evsi_file_refuse(
        request, EVS_CONFLICT,
        "a group of this topic has members: end them, or remove it with force when they are dead");
    return;
  }
  remove_readers(db, topic);
  int64_t entries = remove_streams(db, topic);
  evsi_file_run(db, "DELETE FROM type WHERE topic = ?", "t", topic);
  evsi_file_run(db, "DELETE FROM topic WHERE name = ?", "t", topic);
  evsi_file_forget_types(request->store);
  evsi_file_news(request->store);
  const evsi_file_audit_row row = {.action = "topics.remove",
                                   .scope = json_pack("{s:s}", "topic", topic),
                                   .count = (uint64_t)entries,
                                   .result = "done"};
  evsi_file_audit(request, &row);
  evsi_file_answer(request, json_pack("{s:s,s:I}", "topic", topic, "entries", (json_int_t)entries));
}
