/* SPDX-License-Identifier: MIT
 * file_query.c - the requests `topics`, `groups`, `tail` and `doctor`: what the file holds, and how far
 * groups are. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "event/dead_letter.h"
#include "event/stored_batch.h"
#include "transport/file/file_request.h"

enum { TAIL_DEFAULT = 100, TAIL_MOST = 1000 };

/* ---- topics ----------------------------------------------------------------------------------- */

static json_t *types_of(evsi_file_request *request, const char *topic) {
  json_t *types = json_array();
  sqlite3_stmt *row =
      evsi_file_query(&request->store->db, "SELECT name FROM type WHERE topic = ? ORDER BY name", "t", topic);
  while (evsi_file_next(&request->store->db, row)) {
    if (strcmp(evsi_file_text(row, 0), "*") == 0)
      json_array_clear(types);
    json_array_append_new(types, evsi_file_json_text(row, 0));
  }
  return types;
}

void evsi_file_request_topics(evsi_file_request *request) {
  json_t *topics = json_array();
  sqlite3_stmt *row = evsi_file_query(&request->store->db,
                                      "SELECT s.topic, s.partition, s.last - s.first + 1, (SELECT count(*) "
                                      "FROM letter l WHERE l.stream = s.id),"
                                      " (SELECT count(*) FROM delayed d WHERE d.stream = s.id) FROM stream s "
                                      "WHERE s.feed IS NULL ORDER BY s.name",
                                      "");
  while (evsi_file_next(&request->store->db, row))
    json_array_append_new(topics,
                          json_pack("{s:o,s:o,s:I,s:I,s:I,s:o}", "topic", evsi_file_json_text(row, 0),
                                    "partition", evsi_file_json_partition(sqlite3_column_int64(row, 1)),
                                    "entries", (json_int_t)sqlite3_column_int64(row, 2), "deadLetters",
                                    (json_int_t)sqlite3_column_int64(row, 3), "delayed",
                                    (json_int_t)sqlite3_column_int64(row, 4), "types",
                                    types_of(request, evsi_file_text(row, 0))));
  evsi_file_answer(request, json_pack("{s:o}", "topics", topics));
}

/* ---- groups ----------------------------------------------------------------------------------- */

enum { LETTERS_SHOWN = 10 };

/* Who handles an ordered stream, and what holds it up; null where it has no order. */
static json_t *order_of(evsi_file_request *request, int64_t reader) {
  evsi_file_db *db = &request->store->db;
  int64_t from = evsi_file_place(reader, 0), to = evsi_file_place(reader + 1, 0) - 1;
  sqlite3_stmt *row = evsi_file_query(db,
                                      "SELECT m.name FROM reader r LEFT JOIN member m ON m.id = r.owner "
                                      "WHERE r.id = ? AND r.owner IS NOT NULL",
                                      "i", reader);
  if (!evsi_file_next(db, row))
    return json_null();
  json_t *owner = sqlite3_column_type(row, 0) == SQLITE_NULL ? json_null() : evsi_file_json_text(row, 0);
  evsi_file_done(row);
  int64_t blocked = evsi_file_get(
      db, 0, "SELECT count(*) FROM pending WHERE letter IS NOT NULL AND id BETWEEN ? AND ?", "ii", from, to);
  json_t *letters = json_array();
  row =
      evsi_file_query(db,
                      "SELECT p.letter, s.name FROM pending p JOIN letter l ON l.id = p.letter"
                      " JOIN stream s ON s.id = l.stream WHERE p.letter IS NOT NULL AND p.id BETWEEN ? AND ?"
                      " ORDER BY p.id LIMIT ?",
                      "iii", from, to, (int64_t)LETTERS_SHOWN);
  while (evsi_file_next(db, row)) {
    evsi_buf id = {0};
    evsi_file_letter_id(request->transport->name, evsi_file_text(row, 1), sqlite3_column_int64(row, 0), &id);
    json_array_append_new(letters, json_stringn(id.data ? id.data : "", id.size));
    evsi_buf_free(&id);
  }
  return json_pack("{s:o,s:I,s:o}", "owner", owner, "blocked", (json_int_t)blocked, "letters", letters);
}

static json_t *members_of(evsi_file_request *request, int64_t reader) {
  json_t *members = json_array();
  sqlite3_stmt *row =
      evsi_file_query(&request->store->db,
                      "SELECT m.name, m.info, (SELECT count(*) FROM pending p WHERE p.id BETWEEN ?2 AND ?3 "
                      "AND p.member = m.id)"
                      " FROM reading r JOIN member m ON m.id = r.member WHERE r.reader = ?1 ORDER BY m.id",
                      "iii", reader, evsi_file_place(reader, 0), evsi_file_place(reader + 1, 0) - 1);
  while (evsi_file_next(&request->store->db, row)) {
    json_t *info = evsi_file_json_value(row, 1);
    json_array_append_new(
        members, json_pack("{s:o,s:I,s:b,s:b,s:n,s:O*,s:O*}", "name", evsi_file_json_text(row, 0), "pending",
                           (json_int_t)sqlite3_column_int64(row, 2), "alive", 1, "registered", 1, "idleMs",
                           "host", json_object_get(info, "host"), "pid", json_object_get(info, "pid")));
    json_decref(info);
  }
  return members;
}

typedef struct pending_counts {
  int64_t all, parked, oldest;
} pending_counts;

static pending_counts count_pending(evsi_file_request *request, int64_t reader, int64_t stream) {
  evsi_file_db *db = &request->store->db;
  int64_t from = evsi_file_place(reader, 0), to = evsi_file_place(reader + 1, 0) - 1;
  pending_counts counts = {0, 0, -1};
  counts.all = evsi_file_get(db, 0, "SELECT count(*) FROM pending WHERE id BETWEEN ? AND ?", "ii", from, to);
  counts.parked =
      evsi_file_get(db, 0, "SELECT count(*) FROM pending WHERE reader = ? AND due IS NOT NULL", "i", reader);
  int64_t lowest =
      evsi_file_get(db, 0, "SELECT min(id) FROM pending WHERE id BETWEEN ? AND ?", "ii", from, to);
  if (lowest > 0)
    counts.oldest = evsi_file_get(db, -1, "SELECT at FROM entry WHERE id = ?", "i",
                                  evsi_file_place(stream, evsi_file_number_of(lowest)));
  return counts;
}

static json_t *group_row(evsi_file_request *request, sqlite3_stmt *row) {
  int64_t reader = sqlite3_column_int64(row, 0), delivered = sqlite3_column_int64(row, 4);
  int64_t first = sqlite3_column_int64(row, 5), last = sqlite3_column_int64(row, 6);
  pending_counts counts = count_pending(request, reader, sqlite3_column_int64(row, 8));
  json_int_t entries = last - first + 1, behind = delivered >= first ? last - delivered : entries;
  return json_pack(
      "{s:o,s:o,s:o,s:I,s:o,s:I,s:b,s:I,s:I,s:o,s:o,s:o,s:o}", "topic", evsi_file_json_text(row, 1),
      "partition", evsi_file_json_partition(sqlite3_column_int64(row, 2)), "group",
      evsi_file_json_text(row, 3), "entries", entries, "lastDelivered", json_sprintf("%" PRId64, delivered),
      "lag", behind, "lagExact", 1, "pending", (json_int_t)counts.all, "parked", (json_int_t)counts.parked,
      "oldestPendingAt", counts.oldest >= 0 ? json_integer(counts.oldest) : json_null(), "paused",
      evsi_file_json_value(row, 7), "order", order_of(request, reader), "members",
      members_of(request, reader));
}

void evsi_file_request_groups(evsi_file_request *request) {
  json_t *groups = json_array();
  sqlite3_stmt *row = evsi_file_query(
      &request->store->db,
      "SELECT r.id, s.topic, s.partition, r.grp, r.delivered, s.first, s.last,"
      " (SELECT record FROM paused WHERE name = r.grp), s.id FROM reader r JOIN stream s ON s.id = r.stream"
      " WHERE s.feed IS NULL AND (?1 IS NULL OR s.topic = ?1) ORDER BY s.name, r.grp",
      "t", evsi_file_param(request, "topic"));
  while (evsi_file_next(&request->store->db, row))
    json_array_append_new(groups, group_row(request, row));
  evsi_file_answer(request, json_pack("{s:o}", "groups", groups));
}

/* ---- tail ------------------------------------------------------------------------------------- */

/* A stream that is shown, and the place where the next call goes on. */
typedef struct tailed {
  int64_t id, first, last, position;
  char name[EVSI_FILE_NAME_MAX];
} tailed;

typedef struct tail {
  tailed *streams;
  size_t count;
  uint64_t shown, limit;
  evsi_buf json;
} tail;

static bool is_asked_for(const evsi_file_request *request, const char *topic) {
  const json_t *topics = evsi_file_given(request, "topics");
  size_t i;
  json_t *each;
  json_array_foreach(topics, i, each) {
    if (json_is_string(each) && strcmp(json_string_value(each), topic) == 0)
      return true;
  }
  return json_array_size(topics) == 0;
}

static bool find_streams(evsi_file_request *request, tail *all) {
  evsi_file_db *db = &request->store->db;
  sqlite3_stmt *row = evsi_file_query(
      db, "SELECT id, first, last, name, topic FROM stream WHERE feed IS NULL ORDER BY name", "");
  while (evsi_file_next(db, row)) {
    if (!is_asked_for(request, evsi_file_text(row, 4)))
      continue;
    tailed *grown = evsi_realloc(all->streams, (all->count + 1) * sizeof *grown);
    if (!grown) {
      evsi_file_done(row);
      return false;
    }
    all->streams = grown;
    tailed *each = &grown[all->count++];
    *each = (tailed){.id = sqlite3_column_int64(row, 0), .first = sqlite3_column_int64(row, 1)};
    each->last = sqlite3_column_int64(row, 2);
    snprintf(each->name, sizeof each->name, "%s", evsi_file_text(row, 3));
  }
  return true;
}

/* Columns: id, topic, partition, then those of an event. */
static void show_one(tail *all, sqlite3_stmt *row, const char *offset, const evsi_file_event *event) {
  evs_bytes topic = evsi_file_bytes(row, 1);
  int partition = sqlite3_column_int(row, 2);
  evsi_buf found = {0};
  evsi_buf_add_text(&all->json, all->shown++ > 0 ? ",{\"topic\":" : "{\"topic\":");
  evsi_buf_add_json(&all->json, topic.data, topic.size);
  if (partition == EVS_PARTITION_NONE)
    evsi_buf_add_text(&all->json, ",\"partition\":null");
  else
    evsi_buf_addf(&all->json, ",\"partition\":%d", partition);
  evsi_buf_addf(&all->json, ",\"offset\":\"%s\",", offset);
  if (!event->data.data)
    evsi_file_event_fields(event, &found);
  evsi_stored_json(&all->json, event->data.data ? event->data : evsi_bytes(found.data, found.size),
                   event->raw, !event->data.data);
  evsi_buf_add_text(&all->json, "}");
  evsi_buf_free(&found);
}

static void show(tail *all, sqlite3_stmt *row) {
  evsi_file_event event;
  evsi_stored_batch batch;
  char offset[2 * EVSI_FILE_NUMBER_TEXT];
  int64_t number = evsi_file_number_of(sqlite3_column_int64(row, 0));
  evsi_file_event_read(row, 3, &event);
  snprintf(offset, sizeof offset, "%" PRId64, number);
  if (!event.is_batch || evsi_stored_batch_decode(event.data, &batch)) {
    show_one(all, row, offset, &event);
    return;
  }
  for (uint32_t i = 0; i < batch.count; i++) {
    event.data = batch.events[i];
    snprintf(offset, sizeof offset, "%" PRId64 "/%" PRIu32, number, i);
    show_one(all, row, offset, &event);
  }
  evsi_stored_batch_free(&batch);
}

/* The next one to show: of all streams the one that was stored first; NULL: none is left. */
static tailed *next_of(evsi_file_request *request, tail *all) {
  tailed *best = NULL;
  int64_t best_at = 0;
  for (size_t i = 0; i < all->count; i++) {
    tailed *each = &all->streams[i];
    if (each->position >= each->last)
      continue;
    int64_t at = evsi_file_get(&request->store->db, 0, "SELECT at FROM entry WHERE id = ?", "i",
                               evsi_file_place(each->id, each->position + 1));
    if (!best || at < best_at) {
      best = each;
      best_at = at;
    }
  }
  return best;
}

static void show_all(evsi_file_request *request, tail *all) {
  evsi_file_db *db = &request->store->db;
  tailed *each;
  while (all->shown < all->limit && (each = next_of(request, all))) {
    sqlite3_stmt *row = evsi_file_query(
        db,
        "SELECT e.id, s.topic, s.partition, e.data, e.raw, e.requeue, e.batch, e.more FROM entry e, stream s"
        " WHERE e.id = ? AND s.id = ?",
        "ii", evsi_file_place(each->id, ++each->position), each->id);
    if (evsi_file_next(db, row))
      show(all, row);
    evsi_file_done(row);
  }
}

/* Back from the end by as many as are wanted, the oldest of them first. */
static void seek_newest(evsi_file_request *request, tail *all) {
  for (size_t i = 0; i < all->count; i++)
    all->streams[i].position = all->streams[i].last;
  for (uint64_t count = 0; count < all->limit; count++) {
    tailed *best = NULL;
    int64_t best_at = 0;
    for (size_t i = 0; i < all->count; i++) {
      tailed *each = &all->streams[i];
      if (each->position < each->first)
        continue;
      int64_t at = evsi_file_get(&request->store->db, 0, "SELECT at FROM entry WHERE id = ?", "i",
                                 evsi_file_place(each->id, each->position));
      if (!best || at >= best_at) {
        best = each;
        best_at = at;
      }
    }
    if (!best)
      return;
    best->position--;
  }
}

static void seek(evsi_file_request *request, tail *all) {
  const json_t *positions = evsi_file_given(request, "positions");
  const char *from = evsi_file_param(request, "from");
  bool is_start = json_is_object(positions) || (from && strcmp(from, "start") == 0);
  for (size_t i = 0; is_start && i < all->count; i++) {
    tailed *each = &all->streams[i];
    const char *position = json_string_value(json_object_get(positions, each->name));
    each->position = position ? strtoll(position, NULL, 10) : 0;
    if (each->position < each->first - 1)
      each->position = each->first - 1;
  }
  if (!is_start && from && strcmp(from, "end") == 0)
    all->limit = 0; /* only what comes from now on */
  if (!is_start)
    seek_newest(request, all);
}

void evsi_file_request_tail(evsi_file_request *request) {
  tail all = {.limit = evsi_file_param_number(request, "limit", TAIL_DEFAULT, TAIL_MOST)};
  bool is_found = find_streams(request, &all);
  seek(request, &all);
  evsi_buf_add_text(&all.json, "{\"entries\":[");
  show_all(request, &all);
  evsi_buf_add_text(&all.json, "],\"positions\":{");
  for (size_t i = 0; i < all.count; i++) {
    evsi_buf_add_text(&all.json, i > 0 ? "," : "");
    evsi_buf_add_json(&all.json, all.streams[i].name, strlen(all.streams[i].name));
    evsi_buf_addf(&all.json, ":\"%" PRId64 "\"", all.streams[i].position);
  }
  evsi_buf_add_text(&all.json, "}}");
  all.json.failed |= !is_found;
  evsi_file_answer_text(request, &all.json);
  evsi_buf_free(&all.json);
  evsi_free(all.streams);
}

/* ---- doctor ----------------------------------------------------------------------------------- */

void evsi_file_request_doctor(evsi_file_request *request) {
  evsi_file_db *db = &request->store->db;
  bool is_full = request->transport->config.is_full_sync;
  json_t *findings = json_array();
  sqlite3_stmt *row = evsi_file_query(db, "PRAGMA quick_check(1)", "");
  if (evsi_file_next(db, row) && strcmp(evsi_file_text(row, 0), "ok") != 0)
    json_array_append_new(findings,
                          json_pack("{s:s,s:s,s:o}", "level", "error", "check", "persistence", "message",
                                    json_sprintf("the file is damaged: %s", evsi_file_text(row, 0))));
  evsi_file_done(row);
  evsi_file_answer(
      request, json_pack("{s:b,s:o,s:s,s:s,s:{s:s,s:s}}", "ok", json_array_size(findings) == 0, "findings",
                         findings, "guarantee",
                         is_full ? "What was stored survives a crash of the process and of the machine. Each "
                                   "event is delivered at "
                                   "least once."
                                 : "What was stored survives a crash of every process; when the machine "
                                   "itself stops, the newest "
                                   "may be lost (synchronous: full). Each event is delivered at least once.",
                         "address", db->path, "server", "kind", "sqlite", "version", sqlite3_libversion()));
}
