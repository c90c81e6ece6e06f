/* SPDX-License-Identifier: MIT
 * file_order.c - ordered streams: one member of a group handles one at a time, its owner, until it gives it
 * up or has no row any more. Whoever takes it is first given all that is pending there, in order. Parked
 * entries stay with it. What waits for what is the host's business; who is to have which stream is
 * file_balance.c's. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "transport/file/file_internal.h"

enum { ASIDE_MOST = 10000 };

static evsi_file_db *db_of(const evsi_file_group *group) {
  return &group->transport->worker->store.db;
}

static uint64_t session_of(const evsi_file_group *group) {
  return group->transport->config.session_timeout_ms;
}

static void tell_host(const evsi_file_group *group, evsi_file_reading *reading, uint64_t until_ms) {
  const evs_transport *transport = group->transport;
  const evs_tp_place place = {.struct_size = sizeof place,
                              .partition = reading->partition,
                              .group = group->token,
                              .topic = reading->topic};
  reading->told_until_ms = until_ms;
  transport->ops->lease(transport->host, &place, until_ms);
}

/* ---- what waits here -------------------------------------------------------------------------- */

static void set_aside(evsi_file_reading *reading, evsi_file_flight *flight) {
  flight->is_aside = true;
  reading->aside++;
}

/* It is given again, before what was not seen yet. */
static void call_back(evsi_file_group *group, evsi_file_reading *reading, evsi_file_flight *flight) {
  flight->is_asked_for = true;
  flight->recalled_next = NULL;
  *(reading->recalled_last ? &reading->recalled_last->recalled_next : &reading->recalled_first) = flight;
  reading->recalled_last = flight;
  group->is_ready = true;
}

void evsi_file_order_given(evsi_file_reading *reading, evsi_file_flight *flight) {
  evsi_file_flight **link = &reading->recalled_first, *before = NULL;
  int64_t number = evsi_file_number_of(flight->place);
  reading->walked = number > reading->walked ? number : reading->walked;
  reading->aside -= flight->is_aside;
  for (; flight->is_asked_for && *link && *link != flight; link = &(*link)->recalled_next)
    before = *link;
  if (flight->is_asked_for && *link) {
    *link = flight->recalled_next;
    reading->recalled_last = flight->recalled_next ? reading->recalled_last : before;
  }
  flight->is_aside = flight->is_asked_for = flight->is_ripe = false;
}

/* What no handler has is not ours to give any more; whoever takes the stream finds it pending. */
static void drop_waiting(evsi_file_group *group, evsi_file_reading *reading) {
  evsi_file_flight *flight, *next;
  HASH_ITER(hh, group->flights, flight, next) {
    if (flight->is_aside && evsi_file_stream_of(flight->place) == reading->id)
      evsi_file_flight_drop(group, flight);
  }
  reading->recalled_first = reading->recalled_last = NULL;
  reading->aside = 0;
}

bool evsi_file_order_may_go_on(const evsi_file_reading *reading) {
  return evsi_file_order_is_held(reading) && reading->aside < ASIDE_MOST;
}

bool evsi_file_order_has_entries(const evsi_file_group *group) {
  for (const evsi_file_reading *each = group->readings; each; each = each->hh.next) {
    if (each->hold == EVSI_HOLD_OWNED && (each->recalled_first || each->is_walking))
      return true;
  }
  return false;
}

/* ---- losing and giving up --------------------------------------------------------------------- */

void evsi_file_order_lost(evsi_file_group *group, evsi_file_reading *reading) {
  if (reading->hold == EVSI_HOLD_NONE)
    return;
  reading->hold = EVSI_HOLD_NONE;
  drop_waiting(group, reading);
  group->must_balance = true;
  tell_host(group, reading, 0);
}

void evsi_file_order_yield(evsi_file_group *group, evsi_file_reading *reading, evs_bytes to) {
  if (reading->hold != EVSI_HOLD_OWNED)
    return;
  reading->hold = EVSI_HOLD_YIELDING;
  evsi_free(reading->heir);
  reading->heir = to.size > 0 ? evsi_strndup(to.data, to.size) : NULL;
  drop_waiting(group, reading);
  tell_host(group, reading, 0);
}

static void give(evsi_file_group *group, evsi_file_reading *reading) {
  evsi_file_store *store = &group->transport->worker->store;
  evsi_file_give_back(store, reading->id, group->member, true);
  evsi_file_run(&store->db,
                "UPDATE reader SET owner = 0, heir = (SELECT id FROM member WHERE grp = ? AND name = ?)"
                " WHERE id = ? AND owner = ?",
                "ttii", group->name, reading->heir, reading->id, group->member);
  evsi_file_news(store);
  reading->hold = EVSI_HOLD_GIVING;
}

/* ---- taking ----------------------------------------------------------------------------------- */

bool evsi_file_order_take(evsi_file_group *group, evsi_file_reading *reading) {
  evsi_file_store *store = &group->transport->worker->store;
  if (reading->flights > 0)
    return false; /* a handler from before still has something of it */
  int64_t count = evsi_file_run(&store->db,
                                "UPDATE reader SET owner = ?1, heir = NULL WHERE id = ?2 AND owner = 0"
                                " AND (heir IS NULL OR heir = ?1 OR heir NOT IN (SELECT id FROM member))",
                                "ii", group->member, reading->id);
  if (count == 0)
    return false;
  evsi_file_give_back(store, reading->id, 0, true); /* of members that read it before it had an order */
  reading->hold = EVSI_HOLD_TAKING;
  reading->is_walking = true;
  reading->walked = 0;
  return true;
}

/* Until when nobody else may take the stream: the others wait for a whole session since they last saw us
 * alive, which is later than when we proved it. A tenth is left for a handler to begin. */
static uint64_t until_of(const evsi_file_group *group) {
  return group->alive_ms + session_of(group) - session_of(group) / 10;
}

/* ---- in a transaction, and after it ----------------------------------------------------------- */

void evsi_file_order_look(evsi_file_group *group) {
  evsi_file_db *db = db_of(group);
  for (evsi_file_reading *each = group->readings; each && !group->is_relaxed && !group->replay;
       each = each->hh.next) {
    sqlite3_stmt *row =
        evsi_file_query(db, "SELECT ordering, on_dead_letter FROM topic WHERE name = ?", "s", each->topic);
    if (!evsi_file_next(db, row))
      continue;
    each->ordering = (uint32_t)sqlite3_column_int(row, 0);
    each->on_dead_letter = (uint32_t)sqlite3_column_int(row, 1);
    evsi_file_done(row);
  }
  group->must_balance = true;
}

void evsi_file_order_work(evsi_file_group *group) {
  for (evsi_file_reading *each = group->readings; each; each = each->hh.next) {
    if (each->hold == EVSI_HOLD_YIELDING && each->flights == 0)
      give(group, each);
  }
  if (!group->must_balance)
    return;
  group->must_balance = false;
  evsi_file_balance(group);
}

bool evsi_file_order_has_work(const evsi_file_group *group) {
  for (const evsi_file_reading *each = group->readings; each; each = each->hh.next) {
    if (each->hold == EVSI_HOLD_YIELDING && each->flights == 0)
      return true;
  }
  return group->must_balance;
}

void evsi_file_order_tell(evsi_file_group *group) {
  for (evsi_file_reading *each = group->readings; each; each = each->hh.next) {
    if (each->hold == EVSI_HOLD_GIVING)
      each->hold = EVSI_HOLD_NONE;
    if (each->hold == EVSI_HOLD_TAKING) {
      each->hold = EVSI_HOLD_OWNED;
      group->is_ready = true;
    }
    if (each->hold == EVSI_HOLD_OWNED && each->told_until_ms != until_of(group))
      tell_host(group, each, until_of(group));
  }
}

void evsi_file_order_undo(evsi_file_group *group) {
  for (evsi_file_reading *each = group->readings; each; each = each->hh.next) {
    if (each->hold == EVSI_HOLD_GIVING)
      each->hold = EVSI_HOLD_YIELDING;
    if (each->hold == EVSI_HOLD_TAKING)
      each->hold = EVSI_HOLD_NONE;
  }
  group->must_balance = true;
}

/* ---- settlements ------------------------------------------------------------------------------ */

static void drop(const evsi_file_settling *settling) {
  evsi_file_flight_drop(settling->group, settling->flight);
}

static void keep_aside(const evsi_file_settling *settling, bool is_wanted) {
  evsi_file_reading *reading = settling->reading;
  evsi_file_flight *flight = settling->flight;
  if (reading->hold != EVSI_HOLD_OWNED) {
    drop(settling);
    return;
  }
  flight->is_settling = false;
  set_aside(reading, flight);
  if (is_wanted || flight->is_ripe)
    call_back(settling->group, reading, flight);
}

bool evsi_file_order_settle(evsi_file_settling *settling) {
  evs_tp_settlement *settlement = &settling->settlement;
  evsi_file_reading *reading = settling->reading;
  if (reading->hold != EVSI_HOLD_OWNED && reading->hold != EVSI_HOLD_YIELDING) {
    if (settlement->kind != EVS_SETTLE_ASIDE)
      return false; /* whether it is still ours says the file */
    drop(settling);
    return true;
  }
  settling->outcome.status = EVS_OK;
  if (settlement->kind == EVS_SETTLE_HAND_OVER) {
    /* In order only the whole stream can go there. */
    evsi_file_order_yield(settling->group, reading, settlement->member);
    settlement->kind = EVS_SETTLE_RELEASE;
  }
  bool is_plain = settlement->state.size == 0 && settlement->letter_count == 0;
  if (settlement->kind == EVS_SETTLE_ASIDE)
    keep_aside(settling, settling->flight->is_asked_for);
  else if (settlement->kind == EVS_SETTLE_RELEASE && is_plain)
    keep_aside(settling, true);
  else
    return false;
  return true;
}

bool evsi_file_order_kept(const evsi_file_settling *settling) {
  const evs_tp_settlement *settlement = &settling->settlement;
  bool goes_on = settlement->kind == EVS_SETTLE_RELEASE;
  bool waits = settlement->kind == EVS_SETTLE_PARK || (settlement->flags & EVS_SETTLE_STAYS) != 0;
  if (settling->reading->ordering == EVS_ORDER_NONE || settling->outcome.status != EVS_OK ||
      (!goes_on && !waits))
    return false;
  keep_aside(settling, goes_on);
  return true;
}

/* ---- asked for -------------------------------------------------------------------------------- */

void evsi_file_order_recall(evs_transport *transport, const evs_tp_place *places, size_t count) {
  for (size_t i = 0; i < count; i++) {
    evsi_file_group *group = evsi_file_group_find(transport, places[i].group);
    evsi_file_reading *reading =
        group ? evsi_file_reading_find(group, places[i].topic, places[i].partition) : NULL;
    if (!reading || reading->hold != EVSI_HOLD_OWNED)
      continue;
    char text[EVSI_FILE_NUMBER_TEXT];
    snprintf(text, sizeof text, "%.*s", (int)places[i].offset.size, places[i].offset.data);
    evsi_file_flight *flight =
        evsi_file_flight_find(group, evsi_file_place(reading->id, strtoll(text, NULL, 10)));
    if (!flight)
      evsi_file_order_yield(group, reading, evsi_bytes(NULL, 0)); /* memory was short: all begins anew */
    else if (flight->is_aside && !flight->is_asked_for)
      call_back(group, reading, flight);
    else
      flight->is_asked_for = true;
  }
}
