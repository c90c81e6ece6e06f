/* SPDX-License-Identifier: MIT
 * file_retention.c - keeps streams and dead letters within their limits, now and then, as far as the groups
 * allow; and the requests `retention` and `conservation`: what holds entries, and is every one accounted for.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/json_text.h"
#include "transport/file/file_request.h"

enum { CUT_AT_ONCE = 10000, PRUNE_AT_ONCE = 1000, ALL_AFTER = 60, ROUNDS_AT_ONCE = 4 };
static const int64_t GROUP_LIFETIME_MS = INT64_C(7) * 24 * 3600 * 1000;

void evsi_file_retention_touch(evs_transport *transport, const char *stream) {
  if (!json_is_true(json_object_get(transport->used, stream)))
    json_object_set_new(transport->used, stream, json_true());
}

/* ---- what there is, and who holds it ---------------------------------------------------------- */

typedef struct kept {
  json_t *limits;
  int64_t most, age, size; /* 0: no such limit */
  bool is_forced;
  int64_t floor; /* the lowest number that must stay */
  char group[EVSI_FILE_NAME_MAX];
  const char *why; /* "", "nobody", "pending" or "unread" */
  int64_t since;   /* when the entry at the floor was stored, 0: not known */
} kept;

static int64_t limit_of(const json_t *limits, const char *name) {
  json_int_t number = json_integer_value(json_object_get(limits, name));
  return number > 0 ? number : 0;
}

static void load_limits(evsi_file_store *store, const evs_transport *transport,
                        const evsi_file_stream *stream, kept *out) {
  sqlite3_stmt *row = evsi_file_query(&store->db, "SELECT limits FROM stream WHERE id = ?", "i", stream->id);
  if (evsi_file_next(&store->db, row))
    out->limits = evsi_file_json_value(row, 0);
  evsi_file_done(row);
  if (!json_is_object(out->limits)) {
    json_decref(out->limits);
    out->limits = evsi_json_load(evsi_text(transport->config.retention), 0, NULL);
  }
  out->most = limit_of(out->limits, "maxMessages");
  out->age = limit_of(out->limits, "maxAge");
  out->size = limit_of(out->limits, "maxSize");
  out->is_forced = json_is_true(json_object_get(out->limits, "force"));
}

static int64_t lowest_pending(evsi_file_store *store, int64_t reader) {
  int64_t place = evsi_file_get(&store->db, 0, "SELECT min(id) FROM pending WHERE id BETWEEN ? AND ?", "ii",
                                evsi_file_place(reader, 0), evsi_file_place(reader + 1, 0) - 1);
  return place > 0 ? evsi_file_number_of(place) : 0;
}

/* The group that is farthest back, of those that had a member within a week. */
static void find_floor(evsi_file_store *store, const evsi_file_stream *stream, kept *out) {
  bool is_read = false;
  out->floor = stream->last + 1;
  out->why = "";
  sqlite3_stmt *row = evsi_file_query(
      &store->db, "SELECT id, grp, delivered, seen FROM reader WHERE stream = ?", "i", stream->id);
  while (evsi_file_next(&store->db, row)) {
    int64_t pending = lowest_pending(store, sqlite3_column_int64(row, 0));
    int64_t lowest = pending > 0 ? pending : sqlite3_column_int64(row, 2) + 1;
    is_read = true;
    if ((int64_t)store->now_ms - sqlite3_column_int64(row, 3) >= GROUP_LIFETIME_MS || lowest >= out->floor)
      continue;
    out->floor = lowest > stream->first ? lowest : stream->first;
    out->why = pending > 0 ? "pending" : "unread";
    snprintf(out->group, sizeof out->group, "%s", evsi_file_text(row, 1));
  }
  if (!is_read) {
    out->floor = stream->first;
    out->why = "nobody";
  } else if (out->why[0]) {
    out->since = evsi_file_get(&store->db, 0, "SELECT at FROM entry WHERE id = ?", "i",
                               evsi_file_place(stream->id, out->floor));
  }
}

static kept look_at(evsi_file_store *store, const evs_transport *transport, const evsi_file_stream *stream) {
  kept found = {.limits = NULL};
  load_limits(store, transport, stream, &found);
  find_floor(store, stream, &found);
  return found;
}

/* How many of the oldest are too many, or too large together. */
static int64_t beyond_count(const evsi_file_stream *stream, const kept *about) {
  int64_t length = stream->last - stream->first + 1;
  int64_t beyond = about->most > 0 ? length - about->most : 0;
  if (about->size > 0 && stream->bytes > about->size) {
    int64_t by_size = (int64_t)((double)length * (1.0 - (double)about->size / (double)stream->bytes));
    beyond = by_size > beyond ? by_size : beyond;
  }
  return beyond > 0 ? beyond : 0;
}

/* How many of the oldest, of at most so many, are too old. */
static int64_t too_old(evsi_file_store *store, const evsi_file_stream *stream, const kept *about,
                       int64_t most) {
  int64_t end = stream->first + most <= stream->last ? stream->first + most : stream->last + 1;
  if (about->age == 0 || stream->last < stream->first)
    return 0;
  int64_t young =
      evsi_file_get(&store->db, evsi_file_place(stream->id, end),
                    "SELECT id FROM entry WHERE id >= ? AND id < ? AND at >= ? ORDER BY id LIMIT 1", "iii",
                    evsi_file_place(stream->id, stream->first), evsi_file_place(stream->id, end),
                    (int64_t)store->now_ms - about->age);
  return evsi_file_number_of(young) - stream->first;
}

/* ---- trimming --------------------------------------------------------------------------------- */

/* What a group was not given is lost to it, which is counted. */
static void note_lost(evsi_file_store *store, const evsi_file_stream *stream, int64_t cut) {
  evsi_file_run(
      &store->db,
      "UPDATE reader SET trimmed = trimmed + ?1 - max(delivered, ?2) WHERE stream = ?3 AND delivered < ?1",
      "iii", cut, stream->first - 1, stream->id);
}

/* Groups that read by pattern join a new stream when their members have looked at the topics again: what they
 * have not joined yet they cannot hold. A member that does not look for two sessions is dead. */
static bool is_new(evs_transport *transport, const evsi_file_stream *stream) {
  evsi_file_store *store = &transport->worker->store;
  int64_t since = (int64_t)store->now_ms - 2 * (int64_t)transport->config.session_timeout_ms;
  return evsi_file_get(&store->db, 0,
                       "SELECT 1 FROM topic t JOIN member m ON m.looked < t.changed WHERE t.name = ?"
                       " AND t.changed_at BETWEEN ? AND ? LIMIT 1",
                       "tii", stream->topic, since, (int64_t)store->now_ms) == 1;
}

/* True: there may be more to remove at once. */
static bool trim(evs_transport *transport, evsi_file_stream *stream) {
  evsi_file_store *store = &transport->worker->store;
  kept about = look_at(store, transport, stream);
  int64_t wanted = beyond_count(stream, &about), old = too_old(store, stream, &about, CUT_AT_ONCE);
  wanted = wanted > old ? wanted : old;
  int64_t cut = stream->first + (wanted < CUT_AT_ONCE ? wanted : CUT_AT_ONCE) - 1;
  if (!about.is_forced && cut >= about.floor)
    cut = about.floor - 1;
  int64_t count = cut - stream->first + 1;
  if (!about.is_forced && is_new(transport, stream))
    count = 0;
  int64_t forced =
      cut >= about.floor ? cut - (about.floor > stream->first ? about.floor : stream->first) + 1 : 0;
  json_decref(about.limits);
  if (count <= 0)
    return false;
  note_lost(store, stream, cut);
  evsi_file_cut(store, stream, cut);
  evsi_file_run(&store->db, "UPDATE stream SET trimmed = trimmed + ?, forced = forced + ? WHERE id = ?",
                "iii", count, forced, stream->id);
  transport->ops->count(transport->host, "trimmedMessages", (uint64_t)count);
  if (forced > 0)
    transport->ops->count(transport->host, "trimmedByForce", (uint64_t)forced);
  return count == CUT_AT_ONCE;
}

/* Letters are counted only where their numbers say that there may be too many. */
static void prune(evs_transport *transport, const evsi_file_stream *stream) {
  evsi_file_store *store = &transport->worker->store;
  int64_t ids[PRUNE_AT_ONCE], most = (int64_t)transport->config.dlq_most;
  int64_t since = (int64_t)store->now_ms - (int64_t)transport->config.dlq_longest_ms;
  size_t count = 0;
  int64_t span = evsi_file_get(&store->db, 0, "SELECT max(id) - min(id) + 1 FROM letter WHERE stream = ?",
                               "i", stream->id);
  int64_t letters = span > most ? evsi_file_get(&store->db, 0, "SELECT count(*) FROM letter WHERE stream = ?",
                                                "i", stream->id)
                                : span;
  sqlite3_stmt *row =
      evsi_file_query(&store->db, "SELECT id, at FROM letter WHERE stream = ? ORDER BY id LIMIT ?", "ii",
                      stream->id, (int64_t)PRUNE_AT_ONCE);
  while (evsi_file_next(&store->db, row) && (letters > most || sqlite3_column_int64(row, 1) < since)) {
    ids[count++] = sqlite3_column_int64(row, 0);
    letters--;
  }
  evsi_file_done(row);
  for (size_t i = 0; i < count; i++)
    evsi_file_letter_remove(store, ids[i]);
  if (count == 0)
    return;
  evsi_file_run(&store->db, "UPDATE stream SET letters = letters + ? WHERE id = ?", "ii", (int64_t)count,
                stream->id);
  transport->ops->count(transport->host, "trimmedDeadLetters", count);
}

/* One at a time of all processes: the file says when it was done last. */
static bool is_our_turn(evs_transport *transport, const evsi_file_stream *stream) {
  evsi_file_store *store = &transport->worker->store;
  int64_t now = (int64_t)store->now_ms;
  int64_t last = evsi_file_get(&store->db, 0, "SELECT trimmed_at FROM stream WHERE id = ?", "i", stream->id);
  int64_t since = now > last ? now - last : last - now;
  return since >= (int64_t)transport->config.retention_interval_ms / 2;
}

/* True: it has to be looked at again soon. */
static bool keep_within(evs_transport *transport, const char *name) {
  evsi_file_worker *worker = transport->worker;
  bool has_more = true;
  for (int round = 0; has_more && round < ROUNDS_AT_ONCE; round++) {
    bool is_begun = evsi_file_begin_work(worker, true);
    evsi_file_stream *stream = is_begun ? evsi_file_stream_find(&worker->store, name, false) : NULL;
    has_more =
        stream && !stream->feed && (round > 0 || is_our_turn(transport, stream)) && trim(transport, stream);
    if (stream && !has_more)
      prune(transport, stream);
    if (stream)
      evsi_file_run(&worker->store.db, "UPDATE stream SET trimmed_at = ? WHERE id = ?", "ii",
                    (int64_t)worker->store.now_ms, stream->id);
    has_more = evsi_file_end_work(worker) ? has_more : false;
  }
  return has_more;
}

/* What it uses, not what there is: who only looks at a file has no say in what is kept there. */
static void touch_all(evs_transport *transport) {
  const char *name;
  json_t *each;
  for (const evsi_file_group *group = transport->groups; group; group = group->next) {
    for (const evsi_file_reading *reading = group->readings; reading; reading = reading->hh.next)
      evsi_file_retention_touch(transport, reading->name);
  }
  json_object_foreach(transport->used, name, each) {
    json_object_iter_set_new(transport->used, json_object_key_to_iter(name), json_true());
  }
}

void evsi_file_retention_look(evs_transport *transport) {
  uint64_t now = evsi_file_now(transport->worker);
  const char *name;
  json_t *each;
  if (!transport->worker->is_open || transport->is_closing || now < transport->retention_ms)
    return;
  bool is_first = transport->retention_ms == 0;
  transport->retention_ms = now + transport->config.retention_interval_ms;
  if (is_first)
    return;
  if (transport->retention_looks++ % ALL_AFTER == 0)
    touch_all(transport);
  json_object_foreach(transport->used, name, each) {
    bool has_more = json_is_true(each) && keep_within(transport, name);
    json_object_iter_set_new(transport->used, json_object_key_to_iter(name), json_boolean(has_more));
    if (has_more)
      transport->retention_ms = now;
  }
}

/* ---- the requests ----------------------------------------------------------------------------- */

static const char *state_of(const kept *about, int64_t beyond) {
  if (strcmp(about->why, "nobody") == 0)
    return "noGroup";
  if (beyond > 0 && about->why[0] && !about->is_forced)
    return "held";
  return beyond > 0 ? "trimming" : "withinLimits";
}

static json_t *retention_row(evsi_file_request *request, sqlite3_stmt *row) {
  const evsi_file_stream *stream = evsi_file_stream_by_id(request->store, sqlite3_column_int64(row, 0));
  if (!stream)
    return json_null();
  kept about = look_at(request->store, request->transport, stream);
  int64_t beyond = beyond_count(stream, &about), trimmed_at = sqlite3_column_int64(row, 6);
  if (beyond == 0)
    beyond = too_old(request->store, stream, &about, 1);
  json_int_t entries = stream->last - stream->first + 1;
  bool is_held = about.why[0] && strcmp(about.why, "nobody") != 0;
  json_t *holder = is_held ? json_pack("{s:s,s:s,s:o}", "group", about.group, "why", about.why, "since",
                                       about.since > 0 ? json_integer(about.since) : json_null())
                           : json_null();
  return json_pack(
      "{s:o,s:o,s:I,s:I,s:o,s:I,s:s,s:o,s:o,s:I,s:I,s:I,s:o}", "topic", evsi_file_json_text(row, 1),
      "partition", evsi_file_json_partition(sqlite3_column_int64(row, 2)), "entries", entries, "bytes",
      (json_int_t)stream->bytes, "limits", about.limits ? about.limits : json_object(), "beyond",
      (json_int_t)beyond, "state", state_of(&about, beyond), "floor", json_sprintf("%" PRId64, about.floor),
      "heldBy", holder, "trimmed", (json_int_t)sqlite3_column_int64(row, 3), "trimmedByForce",
      (json_int_t)sqlite3_column_int64(row, 4), "trimmedDeadLetters",
      (json_int_t)sqlite3_column_int64(row, 5), "lastTrimAt",
      trimmed_at > 0 ? json_integer(trimmed_at) : json_null());
}

void evsi_file_request_retention(evsi_file_request *request) {
  json_t *streams = json_array();
  sqlite3_stmt *row =
      evsi_file_query(&request->store->db,
                      "SELECT id, topic, partition, trimmed, forced, letters, trimmed_at FROM stream"
                      " WHERE feed IS NULL AND (?1 IS NULL OR topic = ?1) ORDER BY name",
                      "t", evsi_file_param(request, "topic"));
  while (evsi_file_next(&request->store->db, row))
    json_array_append_new(streams, retention_row(request, row));
  evsi_file_answer(request, json_pack("{s:o}", "streams", streams));
}

/* Columns: topic, partition, group, base, delivered, acked, dead, trimmed, handed, first, last, id. */
static json_t *group_row(evsi_file_request *request, sqlite3_stmt *row) {
  int64_t base = sqlite3_column_int64(row, 3), delivered = sqlite3_column_int64(row, 4);
  int64_t acked = sqlite3_column_int64(row, 5), dead = sqlite3_column_int64(row, 6);
  int64_t trimmed = sqlite3_column_int64(row, 7), first = sqlite3_column_int64(row, 9);
  int64_t last = sqlite3_column_int64(row, 10), reader = sqlite3_column_int64(row, 11);
  int64_t unread = last - (delivered >= first - 1 ? delivered : first - 1);
  int64_t pending =
      evsi_file_get(&request->store->db, 0, "SELECT count(*) FROM pending WHERE id BETWEEN ? AND ?", "ii",
                    evsi_file_place(reader, 0), evsi_file_place(reader + 1, 0) - 1);
  int64_t missing = last - base - acked - dead - trimmed - unread - pending;
  return json_pack("{s:o,s:o,s:o,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:b,s:I,s:b}", "topic",
                   evsi_file_json_text(row, 0), "partition",
                   evsi_file_json_partition(sqlite3_column_int64(row, 1)), "group",
                   evsi_file_json_text(row, 2), "published", (json_int_t)(last - base), "acknowledged",
                   (json_int_t)acked, "dead", (json_int_t)dead, "pending", (json_int_t)pending, "unread",
                   (json_int_t)unread, "trimmed", (json_int_t)trimmed, "unaccounted", (json_int_t)missing,
                   "holds", missing == 0, "handedOver", (json_int_t)sqlite3_column_int64(row, 8), "isNew", 0);
}

static json_t *stream_rows(evsi_file_request *request) {
  json_t *streams = json_array();
  sqlite3_stmt *row = evsi_file_query(&request->store->db,
                                      "SELECT topic, partition, last - first + 1, last, trimmed FROM stream"
                                      " WHERE feed IS NULL AND (?1 IS NULL OR topic = ?1) ORDER BY name",
                                      "t", evsi_file_param(request, "topic"));
  while (evsi_file_next(&request->store->db, row))
    json_array_append_new(streams,
                          json_pack("{s:o,s:o,s:I,s:I,s:I,s:i}", "topic", evsi_file_json_text(row, 0),
                                    "partition", evsi_file_json_partition(sqlite3_column_int64(row, 1)),
                                    "entries", (json_int_t)sqlite3_column_int64(row, 2), "added",
                                    (json_int_t)sqlite3_column_int64(row, 3), "trimmed",
                                    (json_int_t)sqlite3_column_int64(row, 4), "removedByOthers", 0));
  return streams;
}

void evsi_file_request_conservation(evsi_file_request *request) {
  json_t *groups = json_array();
  bool holds = true;
  sqlite3_stmt *row =
      evsi_file_query(&request->store->db,
                      "SELECT s.topic, s.partition, r.grp, r.base, r.delivered, r.acked, r.dead, r.trimmed, "
                      "r.handed, s.first, s.last,"
                      " r.id FROM reader r JOIN stream s ON s.id = r.stream"
                      " WHERE s.feed IS NULL AND (?1 IS NULL OR s.topic = ?1) ORDER BY s.name, r.grp",
                      "t", evsi_file_param(request, "topic"));
  while (evsi_file_next(&request->store->db, row)) {
    json_t *group = group_row(request, row);
    holds = holds && json_is_true(json_object_get(group, "holds"));
    json_array_append_new(groups, group);
  }
  evsi_file_answer(
      request, json_pack("{s:b,s:o,s:o}", "holds", holds, "streams", stream_rows(request), "groups", groups));
}
