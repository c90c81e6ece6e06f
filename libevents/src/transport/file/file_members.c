/* SPDX-License-Identifier: MIT
 * file_members.c - who else is in a group. Each member raises its beat; who sees one stand still for the
 * session timeout, on the own monotonic clock, takes it out and lets its entries wait for whoever comes. A
 * member that was taken out has no row any more, so nothing that it settles finds what it held. */
#include <stdio.h>
#include <string.h>

#include "base/json_text.h"
#include "transport/file/file_internal.h"

enum { BEATS_IN_SESSION = 3, DEAD_AT_ONCE = 64 };

struct evsi_file_watched {
  int64_t member;
  UT_hash_handle hh;
  int64_t beat;
  uint64_t changed_ms; /* when it was last seen to change */
  bool is_seen;
};

void evsi_file_watched_free(evsi_file_worker *worker) {
  evsi_file_watched *each, *next;
  HASH_ITER(hh, worker->watched, each, next) {
    HASH_DEL(worker->watched, each);
    evsi_free(each);
  }
}

/* ---- taking out ------------------------------------------------------------------------------- */

/* What is parked there keeps its time. */
int64_t evsi_file_give_back(evsi_file_store *store, int64_t reader, int64_t member, bool is_counted) {
  return evsi_file_run(&store->db,
                       "UPDATE pending SET member = NULL, due = coalesce(due, 0),"
                       " deliveries = iif(due IS NULL, max(0, deliveries - ?1), deliveries)"
                       " WHERE id BETWEEN ?2 AND ?3 AND member IS NOT NULL AND (?4 = 0 OR member = ?4)",
                       "iiii", (int64_t)is_counted, evsi_file_place(reader, 0),
                       evsi_file_place(reader + 1, 0) - 1, member);
}

int64_t evsi_file_member_end(evsi_file_store *store, int64_t member, bool is_counted) {
  int64_t count = 0;
  sqlite3_stmt *row = evsi_file_query(&store->db, "SELECT reader FROM reading WHERE member = ?", "i", member);
  while (evsi_file_next(&store->db, row))
    count += evsi_file_give_back(store, sqlite3_column_int64(row, 0), member, is_counted);
  evsi_file_run(
      &store->db,
      "UPDATE reader SET version = version + 1, owner = iif(owner = ?1, 0, owner), heir = nullif(heir, ?1)"
      " WHERE id IN (SELECT reader FROM reading WHERE member = ?1)",
      "i", member);
  evsi_file_run(&store->db, "DELETE FROM reading WHERE member = ?", "i", member);
  evsi_file_run(&store->db, "DELETE FROM member WHERE id = ?", "i", member);
  evsi_file_news(store);
  return count;
}

/* ---- watching --------------------------------------------------------------------------------- */

/* now: the same by which it is judged: one that is later than that would make it dead since ever. */
static evsi_file_watched *watched_of(evsi_file_worker *worker, int64_t member, int64_t beat, uint64_t now) {
  evsi_file_watched *watched = NULL;
  HASH_FIND(hh, worker->watched, &member, sizeof member, watched);
  if (watched)
    return watched;
  watched = evsi_calloc(1, sizeof *watched);
  if (!watched)
    return NULL;
  *watched = (evsi_file_watched){.member = member, .beat = beat, .changed_ms = now};
  HASH_ADD(hh, worker->watched, member, sizeof watched->member, watched);
  if (watched->hh.tbl)
    return watched;
  evsi_free(watched);
  return NULL;
}

typedef struct dead_member {
  int64_t id;
  char name[256];
} dead_member;

static size_t find_dead(evs_transport *transport, const char *group, dead_member *out) {
  evsi_file_worker *worker = transport->worker;
  evsi_file_db *db = &worker->store.db;
  uint64_t now = evsi_file_now(worker);
  size_t count = 0;
  sqlite3_stmt *row = evsi_file_query(db, "SELECT id, beat, name FROM member WHERE grp = ?", "t", group);
  while (evsi_file_next(db, row)) {
    int64_t beat = sqlite3_column_int64(row, 1);
    evsi_file_watched *watched = watched_of(worker, sqlite3_column_int64(row, 0), beat, now);
    if (!watched)
      continue;
    watched->is_seen = true;
    if (watched->beat != beat)
      watched->changed_ms = now;
    watched->beat = beat;
    if (now - watched->changed_ms < transport->config.session_timeout_ms || count == DEAD_AT_ONCE)
      continue;
    out[count].id = watched->member;
    snprintf(out[count++].name, sizeof out->name, "%s", evsi_file_text(row, 2));
  }
  return count;
}

static void bury(evs_transport *transport, const char *group) {
  dead_member dead[DEAD_AT_ONCE];
  size_t count = find_dead(transport, group, dead);
  for (size_t i = 0; i < count; i++) {
    int64_t entries = evsi_file_member_end(&transport->worker->store, dead[i].id, false);
    if (entries > 0)
      transport->ops->count(transport->host, "claimedMessages", (uint64_t)entries);
    evsi_file_log(transport, 2, "member %s of group %s stopped: its entries are taken over", dead[i].name,
                  group);
  }
}

static void forget_unseen(evsi_file_worker *worker) {
  evsi_file_watched *each, *next;
  HASH_ITER(hh, worker->watched, each, next) {
    if (!each->is_seen) {
      HASH_DEL(worker->watched, each);
      evsi_free(each);
      continue;
    }
    each->is_seen = false;
  }
}

void evsi_file_beat(evs_transport *transport) {
  evsi_file_worker *worker = transport->worker;
  evsi_file_store *store = &worker->store;
  uint64_t now = evsi_file_now(worker), session = transport->config.session_timeout_ms;
  /* While we stood still nobody's beat could be seen to move. */
  if (transport->beat_ms > 0 && now - transport->beat_ms > session / BEATS_IN_SESSION)
    evsi_file_watched_free(worker);
  transport->beat_ms = now + session / BEATS_IN_SESSION;
  for (evsi_file_group *group = transport->groups; group; group = group->next) {
    if (group->member == 0)
      continue;
    if (evsi_file_run(&store->db, "UPDATE member SET beat = beat + 1 WHERE id = ?", "i", group->member) > 0)
      group->beating_ms = now;
    group->must_balance = true;
    evsi_file_run(&store->db, "UPDATE reader SET seen = ? WHERE grp = ?", "it", (int64_t)store->now_ms,
                  group->name);
  }
  for (const evsi_file_group *group = transport->groups; group; group = group->next)
    bury(transport, group->name);
  if (!worker->transports->next)
    forget_unseen(worker);
}

/* ---- what the host is told -------------------------------------------------------------------- */

/* Another process wrote it: what cannot be read has no subscriptions. False: no memory. */
static bool add_member(evsi_buf *json, sqlite3_stmt *row, const evsi_file_group *group) {
  evs_bytes name = evsi_file_bytes(row, 0);
  json_error_t why = {0};
  json_t *info = evsi_json_load(evsi_text(evsi_file_text(row, 1)), 0, &why);
  json_t *subscriptions = json_object_get(info, "subscriptions");
  char *text = json_is_array(subscriptions) ? evsi_json_text(subscriptions) : NULL;
  bool is_whole =
      info ? text || !json_is_array(subscriptions) : json_error_code(&why) != json_error_out_of_memory;
  evsi_buf_add_text(json, json->size > 1 ? ",{\"consumer\":" : "{\"consumer\":");
  evsi_buf_add_json(json, name.data, name.size);
  evsi_buf_addf(json, ",\"self\":%s,\"subscriptions\":%s}",
                sqlite3_column_int64(row, 2) == group->member ? "true" : "false", text ? text : "[]");
  evsi_free(text);
  json_decref(info);
  return is_whole;
}

void evsi_file_tell_members(evsi_file_group *group, evsi_file_reading *reading) {
  evs_transport *transport = group->transport;
  evsi_file_db *db = &transport->worker->store.db;
  evsi_buf json = {0};
  bool is_whole = true; /* who is missing would be taken for one that is gone */
  db->error = SQLITE_OK;
  /* The version first: who comes in between makes it an old one, which is looked at again. */
  int64_t version =
      evsi_file_get(db, reading->version, "SELECT version FROM reader WHERE id = ?", "i", reading->id);
  evsi_buf_add_text(&json, "[");
  sqlite3_stmt *row = evsi_file_query(
      db, "SELECT m.name, m.info, m.id FROM reading r JOIN member m ON m.id = r.member WHERE r.reader = ?",
      "i", reading->id);
  while (evsi_file_next(db, row))
    is_whole = add_member(&json, row, group) && is_whole;
  evsi_buf_add_text(&json, "]");
  if (is_whole && !json.failed && db->error == SQLITE_OK) {
    reading->told = reading->version = version;
    transport->ops->members(transport->host, group->token, reading->topic, reading->partition,
                            (uint64_t)version, evsi_bytes(json.data, json.size));
  }
  evsi_buf_free(&json);
}
