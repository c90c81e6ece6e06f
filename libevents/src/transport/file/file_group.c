/* SPDX-License-Identifier: MIT
 * file_group.c - a consumer group of this process: its row among the members, the streams that it reads, and
 * what it holds. A group is NEW until it is in the store; one that was declared dead there goes on as
 * somebody new. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/json_text.h"
#include "transport/file/file_internal.h"

#define REPLAY_PAUSE "@replay-"

/* ---- what it holds ---------------------------------------------------------------------------- */

evsi_file_flight *evsi_file_flight_find(const evsi_file_group *group, int64_t place) {
  evsi_file_flight *flight = NULL;
  HASH_FIND(hh, group->flights, &place, sizeof place, flight);
  return flight;
}

evsi_file_flight *evsi_file_flight_add(evsi_file_group *group, evsi_file_reading *reading, int64_t place) {
  evsi_file_flight *flight = evsi_calloc(1, sizeof *flight);
  if (!flight)
    return NULL;
  flight->place = place;
  HASH_ADD(hh, group->flights, place, sizeof flight->place, flight);
  if (!flight->hh.tbl) {
    evsi_free(flight);
    return NULL;
  }
  reading->flights++;
  return flight;
}

void evsi_file_flight_drop(evsi_file_group *group, evsi_file_flight *flight) {
  int64_t id = evsi_file_stream_of(flight->place);
  evsi_file_reading *reading;
  HASH_FIND(hh, group->readings, &id, sizeof id, reading);
  if (reading && --reading->flights == 0 && reading->ordering != EVS_ORDER_NONE)
    group->must_balance = true; /* it may be given up, or taken again */
  HASH_DEL(group->flights, flight);
  evsi_free(flight);
}

void evsi_file_group_drop_flights(evsi_file_group *group) {
  evsi_file_flight *flight, *next;
  HASH_ITER(hh, group->flights, flight, next) {
    evsi_file_flight_drop(group, flight);
  }
}

evsi_file_reading *evsi_file_reading_find(const evsi_file_group *group, evs_bytes topic, int32_t partition) {
  evsi_file_reading *each = group->readings;
  while (each && (each->partition != partition || !evsi_bytes_equal(each->topic, topic)))
    each = each->hh.next;
  return each;
}

/* ---- life ------------------------------------------------------------------------------------- */

evsi_file_group *evsi_file_group_find(evs_transport *transport, uint64_t token) {
  evsi_file_group *group = transport->groups;
  while (group && group->token != token)
    group = group->next;
  return group;
}

static void drop_readings(evsi_file_group *group, bool is_all) {
  evsi_file_reading *each, *next;
  HASH_ITER(hh, group->readings, each, next) {
    if (!is_all && each->is_stored)
      continue;
    HASH_DEL(group->readings, each);
    evsi_free(each->name);
    evsi_free(each->heir);
    evsi_free(each);
  }
}

void evsi_file_group_free(evsi_file_group *group) {
  evsi_file_group_drop_flights(group);
  drop_readings(group, true);
  evsi_scope_topics_free(&group->topics);
  evsi_scope_partitions_free(&group->partitions);
  evsi_free(group->name);
  evsi_free(group->consumer);
  evsi_free(group->subscriptions);
  evsi_free(group->replay);
  evsi_free(group->member_name);
  evsi_free(group);
}

static bool set_text(char **out, evs_bytes text) {
  evsi_free(*out);
  *out = evsi_strndup(text.data ? text.data : "", text.size);
  return *out != NULL;
}

static evsi_file_group *group_new(evs_transport *transport, const evs_tp_group *spec) {
  evsi_file_group *group = evsi_calloc(1, sizeof *group);
  if (!group)
    return NULL;
  group->transport = transport;
  group->token = spec->group;
  bool is_made = set_text(&group->name, spec->name) && set_text(&group->consumer, spec->consumer) &&
                 (spec->replay.size == 0 || set_text(&group->replay, spec->replay));
  if (is_made) {
    group->next = transport->groups;
    transport->groups = group;
    return group;
  }
  evsi_file_group_free(group);
  return NULL;
}

void evsi_file_group_join(evs_transport *transport, const evs_tp_group *spec) {
  evsi_file_group *group = evsi_file_group_find(transport, spec->group);
  if (transport->is_closing)
    return;
  if (!group)
    group = group_new(transport, spec);
  if (!group || !evsi_scope_topics_set(&group->topics, spec) ||
      !evsi_scope_partitions_set(&group->partitions, spec) ||
      !set_text(&group->subscriptions, spec->subscriptions)) {
    transport->ops->again(transport->host, spec->group);
    return;
  }
  group->discover = spec->discover != 0;
  group->from_new = spec->from_new != 0;
  group->is_relaxed = spec->is_relaxed != 0;
  snprintf(group->from, sizeof group->from, "%.*s", (int)spec->from.size,
           spec->from.size ? spec->from.data : "");
  group->is_changed = group->is_looking = group->is_ready = true;
}

void evsi_file_group_leave(evs_transport *transport, uint64_t token) {
  evsi_file_group *group = evsi_file_group_find(transport, token);
  if (!group) {
    transport->ops->left(transport->host, token);
    return;
  }
  group->state = EVSI_GROUP_LEAVING;
}

/* ---- its row among the members ---------------------------------------------------------------- */

static evsi_file_store *store_of(const evsi_file_group *group) {
  return &group->transport->worker->store;
}

static char *info_of(const evsi_file_group *group) {
  char host[256] = "";
  gethostname(host, sizeof host - 1);
  json_t *subscriptions = evsi_json_load(evsi_text(group->subscriptions), 0, NULL);
  json_t *info = json_pack("{s:s,s:i,s:o}", "host", host, "pid", (int)getpid(), "subscriptions",
                           subscriptions ? subscriptions : json_array());
  char *text = info ? evsi_json_text(info) : NULL;
  json_decref(info);
  return text;
}

static bool make_name(evsi_file_group *group) {
  unsigned char random[8] = {0};
  evsi_buf name = {0};
  group->transport->world->env->random(random, sizeof random);
  evsi_buf_addf(&name, "%s#", group->consumer);
  for (size_t i = 0; i < sizeof random; i++)
    evsi_buf_addf(&name, "%02x", random[i]);
  evsi_free(group->member_name);
  group->member_name = evsi_buf_take(&name);
  return group->member_name != NULL;
}

static void attach(evsi_file_group *group, int64_t reader) {
  evsi_file_store *store = store_of(group);
  evsi_file_run(&store->db, "INSERT OR IGNORE INTO reading (reader, member) VALUES (?, ?)", "ii", reader,
                group->member);
  evsi_file_run(&store->db, "UPDATE reader SET version = version + 1 WHERE id = ?", "i", reader);
}

/* As somebody new: what the former one held waits for whoever comes first. */
static void enter(evsi_file_group *group, const char *info) {
  evsi_file_store *store = store_of(group);
  if (!make_name(group)) {
    evsi_file_fail(&store->db, SQLITE_NOMEM, "out of memory");
    return;
  }
  evsi_file_run(&store->db,
                "INSERT INTO member (grp, name, relaxed, looked, info)"
                " VALUES (?, ?, ?, (SELECT number FROM news), ?)",
                "ttit", group->name, group->member_name, (int64_t)group->is_relaxed, info);
  group->member = sqlite3_last_insert_rowid(store->db.sql);
  group->is_entered = false;
  group->beating_ms = evsi_file_now(group->transport->worker);
  for (evsi_file_reading *each = group->readings; each; each = each->hh.next) {
    evsi_file_order_lost(group, each); /* it was the former one's */
    attach(group, each->id);
  }
  evsi_file_news(store);
}

static void note_change(evsi_file_group *group, const char *info) {
  evsi_file_store *store = store_of(group);
  evsi_file_run(&store->db, "UPDATE member SET info = ?, relaxed = ? WHERE id = ?", "tii", info,
                (int64_t)group->is_relaxed, group->member);
  evsi_file_run(
      &store->db,
      "UPDATE reader SET version = version + 1 WHERE id IN (SELECT reader FROM reading WHERE member = ?)",
      "i", group->member);
  evsi_file_news(store);
}

static void keep_place(evsi_file_group *group) {
  evsi_file_store *store = store_of(group);
  bool is_there = group->member > 0 &&
                  evsi_file_get(&store->db, 0, "SELECT 1 FROM member WHERE id = ?", "i", group->member) == 1;
  if (store->db.error != SQLITE_OK || (is_there && !group->is_changed))
    return;
  char *info = info_of(group);
  if (!info) {
    evsi_file_fail(&store->db, SQLITE_NOMEM, "out of memory");
    return;
  }
  if (!is_there && group->is_entered)
    evsi_file_log(group->transport, 2, "group %s was taken for dead: it goes on as a new member",
                  group->name);
  if (is_there)
    note_change(group, info);
  else
    enter(group, info);
  group->is_looking = true;
  evsi_free(info);
}

/* ---- the streams that it reads ---------------------------------------------------------------- */

/* Behind which number a group begins that names a place: a number of an entry is below 2^40, which as a time
 * was in 2004; what is more is a time, and so is the first part of an offset of Redis. */
static int64_t behind_place(const evsi_file_group *group, const evsi_file_stream *stream) {
  evsi_file_store *store = store_of(group);
  int64_t given = strtoll(group->from, NULL, 10), end = evsi_file_place(stream->id, stream->last + 1);
  if (given <= (INT64_C(1) << EVSI_FILE_PLACE_BITS) && !strchr(group->from, '-'))
    return given < stream->first ? stream->first - 1 : given > stream->last ? stream->last : given - 1;
  int64_t first = evsi_file_get(
      &store->db, end, "SELECT id FROM entry WHERE id >= ? AND id < ? AND at >= ? ORDER BY id LIMIT 1", "iii",
      evsi_file_place(stream->id, stream->first), end, given);
  return evsi_file_number_of(first) - 1;
}

static int64_t make_reader(evsi_file_group *group, const evsi_file_stream *stream) {
  evsi_file_store *store = store_of(group);
  bool may_choose = !group->replay && !group->knew_topics;
  int64_t from = may_choose && group->from[0]    ? behind_place(group, stream)
                 : may_choose && group->from_new ? stream->last
                                                 : stream->first - 1;
  evsi_file_run(
      &store->db,
      "INSERT INTO reader (grp, stream, delivered, base, seen, version, owner) VALUES (?, ?, ?, ?, ?, 1,"
      " (SELECT 0 FROM topic WHERE name = ? AND ordering > 0))",
      "tiiiit", group->name, stream->id, from, from, (int64_t)store->now_ms,
      stream->feed ? NULL : stream->topic);
  return sqlite3_last_insert_rowid(store->db.sql);
}

static evsi_file_reading *reading_new(const evsi_file_stream *stream, int64_t reader) {
  evsi_file_reading *reading = evsi_calloc(1, sizeof *reading);
  if (!reading)
    return NULL;
  reading->id = reader;
  reading->stream = stream->id;
  reading->partition = stream->partition;
  reading->told = reading->version = -1;
  reading->name = evsi_strdup(stream->name);
  const char *topic = reading->name ? strstr(reading->name, stream->topic) : NULL;
  reading->topic = evsi_bytes(topic, strlen(stream->topic));
  if (topic)
    return reading;
  evsi_free(reading->name);
  evsi_free(reading);
  return NULL;
}

static void read_stream(evsi_file_group *group, const evsi_file_stream *stream) {
  evsi_file_store *store = store_of(group);
  evsi_file_reading *reading = NULL;
  for (reading = group->readings; reading && reading->stream != stream->id; reading = reading->hh.next) {
  }
  if (reading || store->db.error != SQLITE_OK)
    return;
  int64_t reader = evsi_file_get(&store->db, 0, "SELECT id FROM reader WHERE grp = ? AND stream = ?", "ti",
                                 group->name, stream->id);
  if (reader == 0)
    reader = make_reader(group, stream);
  attach(group, reader);
  evsi_file_news(store);
  reading = store->db.error == SQLITE_OK ? reading_new(stream, reader) : NULL;
  if (reading)
    HASH_ADD(hh, group->readings, id, sizeof reading->id, reading);
  if (reading && reading->hh.tbl)
    return;
  if (reading)
    evsi_free(reading->name);
  evsi_free(reading);
  evsi_file_fail(&store->db, SQLITE_NOMEM,
                 "out of memory"); /* nothing of it is kept: it is looked for again */
}

static void read_name(evsi_file_group *group, evs_bytes topic, int32_t partition) {
  char name[EVSI_FILE_NAME_MAX];
  if (!evsi_file_stream_name(topic, partition, name))
    return;
  const evsi_file_stream *stream = evsi_file_stream_find(store_of(group), name, true);
  if (stream)
    read_stream(group, stream);
}

static bool is_wanted(const evsi_file_group *group, evs_bytes topic) {
  const evs_transport *transport = group->transport;
  evsi_file_db *db = &store_of(group)->db;
  bool wants = false;
  sqlite3_stmt *type = evsi_file_query(db, "SELECT name FROM type WHERE topic = ?", "s", topic);
  while (!wants && evsi_file_next(db, type))
    wants = transport->ops->wants(transport->host, group->token, topic, evsi_file_bytes(type, 0)) != 0;
  evsi_file_done(type);
  return wants;
}

static void discover(evsi_file_group *group) {
  evsi_file_db *db = &store_of(group)->db;
  sqlite3_stmt *row = evsi_file_query(db, "SELECT name, partitions FROM topic", "");
  while (evsi_file_next(db, row)) {
    evs_bytes topic = evsi_file_bytes(row, 0);
    int partitions = sqlite3_column_int(row, 1);
    if (!evsi_scope_topics_have(&group->topics, topic) && !(group->discover && is_wanted(group, topic)))
      continue;
    if (partitions == 0)
      read_name(group, topic, EVS_PARTITION_NONE);
    for (int32_t i = 0; i < partitions; i++) {
      if (evsi_scope_partitions_have(&group->partitions, i))
        read_name(group, topic, i);
    }
  }
  for (size_t i = 0; i < group->topics.count; i++) {
    evs_bytes topic = evsi_text(group->topics.names[i]); /* read whether anybody registered it or not */
    if (evsi_file_get(db, 0, "SELECT 1 FROM topic WHERE name = ?", "s", topic) == 0)
      read_name(group, topic, EVS_PARTITION_NONE);
  }
}

static void discover_feeds(evsi_file_group *group) {
  evsi_file_db *db = &store_of(group)->db;
  sqlite3_stmt *row = evsi_file_query(db, "SELECT name FROM stream WHERE feed = ?", "t", group->replay);
  while (evsi_file_next(db, row)) {
    const evsi_file_stream *stream = evsi_file_stream_find(store_of(group), evsi_file_text(row, 0), false);
    if (stream)
      read_stream(group, stream);
  }
}

static void look_at_pause(evsi_file_group *group) {
  evs_transport *transport = group->transport;
  char name[EVSI_FILE_NAME_MAX];
  snprintf(name, sizeof name, "%s%s", group->replay ? REPLAY_PAUSE : "",
           group->replay ? group->replay : group->name);
  bool is_paused =
      evsi_file_get(&store_of(group)->db, 0, "SELECT 1 FROM paused WHERE name = ?", "t", name) == 1;
  if (store_of(group)->db.error != SQLITE_OK || is_paused == group->is_paused)
    return;
  group->is_paused = is_paused;
  group->is_ready = !is_paused;
  evsi_file_log(transport, 1, "group %s %s", group->name, is_paused ? "is paused" : "goes on");
  transport->ops->paused(transport->host, group->token, is_paused);
}

static void look_at_versions(evsi_file_group *group) {
  evsi_file_db *db = &store_of(group)->db;
  for (evsi_file_reading *each = group->readings; each; each = each->hh.next)
    each->version = evsi_file_get(db, 0, "SELECT version FROM reader WHERE id = ?", "i", each->id);
}

static void look(evsi_file_group *group) {
  group->is_looking = false; /* what others change from here on is looked at again */
  look_at_pause(group);
  if (group->replay)
    discover_feeds(group);
  else
    discover(group);
  look_at_versions(group);
  evsi_file_order_look(group);
  evsi_file_run(&store_of(group)->db, "UPDATE member SET looked = (SELECT number FROM news) WHERE id = ?",
                "i", group->member);
}

/* ---- in a transaction, and after it ----------------------------------------------------------- */

void evsi_file_group_work(evsi_file_group *group) {
  evsi_file_store *store = store_of(group);
  if (group->state == EVSI_GROUP_LEAVING) {
    if (group->member > 0)
      evsi_file_member_end(store, group->member, true);
    return;
  }
  keep_place(group);
  if (group->is_looking && store->db.error == SQLITE_OK)
    look(group);
  if (store->db.error == SQLITE_OK)
    evsi_file_order_work(group);
  if (group->has_unknown)
    evsi_file_release_unknown(group);
}

bool evsi_file_group_has_work(const evsi_file_group *group) {
  return group->state == EVSI_GROUP_NEW || group->state == EVSI_GROUP_LEAVING || group->is_looking ||
         group->is_changed || group->has_unknown || evsi_file_order_has_work(group);
}

void evsi_file_group_tell(evsi_file_group *group) {
  evs_transport *transport = group->transport;
  if (group->state == EVSI_GROUP_LEAVING) {
    group->state = EVSI_GROUP_LEFT;
    evsi_file_group_drop_flights(group);
    transport->ops->left(transport->host, group->token);
    return;
  }
  group->state = EVSI_GROUP_LIVE;
  group->is_changed = group->has_unknown = false;
  group->knew_topics = group->is_entered = true;
  if (group->beating_ms > 0)
    group->alive_ms = group->beating_ms;
  group->beating_ms = 0;
  evsi_file_order_tell(group);
  for (evsi_file_reading *each = group->readings; each; each = each->hh.next) {
    each->is_stored = true;
    if (each->told != each->version)
      evsi_file_tell_members(group, each);
  }
  if (group->is_joined_told)
    return;
  group->is_joined_told = true;
  transport->ops->joined(transport->host, group->token);
}

void evsi_file_group_undo(evsi_file_group *group) {
  if (!group->is_entered)
    group->member = 0;
  evsi_file_order_undo(group);
  drop_readings(group, false);
  group->beating_ms = 0;
  group->is_looking = group->is_ready = true; /* what was found is not true */
}
