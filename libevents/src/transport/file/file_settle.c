/* SPDX-License-Identifier: MIT
 * file_settle.c - how entries end: everything that waits is carried out in one transaction and answered after
 * it. One that is not committed is carried out again. Nothing is decided here. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "transport/file/file_internal.h"
#include "transport/file/file_letter.h"

enum { OUTCOMES_AT_ONCE = 256, RELEASE_SELF_MS = 1000, RELEASE_ALONE_MS = 50 };

static evsi_file_store *store_of(const evsi_file_settling *settling) {
  return &settling->group->transport->worker->store;
}

/* ---- taking them ------------------------------------------------------------------------------ */

static bool number_in(evs_bytes offset, int64_t *out) {
  char text[EVSI_FILE_NUMBER_TEXT], *end;
  if (offset.size == 0 || offset.size >= sizeof text)
    return false;
  snprintf(text, sizeof text, "%.*s", (int)offset.size, offset.data);
  *out = strtoll(text, &end, 10);
  return *end == '\0' && *out > 0;
}

static void find_flight(evs_transport *transport, evsi_file_settling *settling) {
  const evs_tp_settlement *settlement = &settling->settlement;
  int64_t number;
  settling->group = evsi_file_group_find(transport, settlement->group);
  evsi_file_reading *reading =
      settling->group ? evsi_file_reading_find(settling->group, settlement->topic, settlement->partition)
                      : NULL;
  /* The feeds of a replay may have the same topic: the entry says which it is. */
  for (; reading && number_in(settlement->offset, &number); reading = reading->hh.next) {
    evsi_file_flight *flight = evsi_file_flight_find(settling->group, evsi_file_place(reading->id, number));
    if (!flight || flight->is_settling || !evsi_bytes_equal(reading->topic, settlement->topic) ||
        reading->partition != settlement->partition)
      continue;
    settling->reading = reading;
    settling->flight = flight;
    flight->is_settling = true;
    return;
  }
}

static void append(evs_transport *transport, evsi_file_settling *settling) {
  *(transport->settling_last ? &transport->settling_last->next : &transport->settling_first) = settling;
  transport->settling_last = settling;
}

void evsi_file_settle_add(evs_transport *transport, const evs_tp_settlement *settlements, size_t count) {
  for (size_t i = 0; i < count; i++) {
    evsi_file_settling *settling = evsi_calloc(1, sizeof *settling);
    evs_tp_outcome outcome = {.struct_size = sizeof outcome,
                              .token = settlements[i].token,
                              .status = settling ? EVS_CONFLICT : EVS_NOMEM};
    if (settling) {
      settling->settlement = settlements[i];
      find_flight(transport, settling);
    }
    if (!settling || !settling->flight) {
      evsi_free(settling);
      transport->ops->settled(transport->host, &outcome, 1);
      continue;
    }
    settling->outcome = outcome;
    if (settling->reading->ordering != EVS_ORDER_NONE && evsi_file_order_settle(settling)) {
      transport->ops->settled(transport->host, &settling->outcome, 1);
      evsi_free(settling);
      continue;
    }
    append(transport, settling);
  }
}

/* ---- carrying them out ------------------------------------------------------------------------ */

static bool has_moved(const evsi_file_settling *settling) {
  const evs_tp_settlement *settlement = &settling->settlement;
  return (settlement->flags & EVS_SETTLE_CHECK_MEMBERS) &&
         evsi_file_get(&store_of(settling)->db, 0, "SELECT version FROM reader WHERE id = ?", "i",
                       settling->reading->id) != (int64_t)settlement->members_version;
}

static evs_bytes kept_state(const evsi_file_settling *settling) {
  return settling->settlement.state.size > 0 ? settling->settlement.state : evsi_bytes(NULL, 0);
}

static bool is_ordered(const evsi_file_settling *settling) {
  return settling->reading->ordering != EVS_ORDER_NONE;
}

static void forget_replaced(const evsi_file_settling *settling) {
  if (is_ordered(settling))
    evsi_file_run(&store_of(settling)->db, "DELETE FROM replaced WHERE pending = ?", "i",
                  settling->flight->place);
}

static bool acknowledge(evsi_file_settling *settling) {
  int64_t count = evsi_file_run(&store_of(settling)->db,
                                "DELETE FROM pending WHERE id = ? AND member = ? AND due IS NULL", "ii",
                                settling->flight->place, settling->group->member);
  settling->reading->acked += count;
  forget_replaced(settling);
  return count > 0;
}

static bool keep_state(const evsi_file_settling *settling) {
  return evsi_file_run(
             &store_of(settling)->db,
             "UPDATE pending SET state = coalesce(?, state) WHERE id = ? AND member = ? AND due IS NULL",
             "sii", kept_state(settling), settling->flight->place, settling->group->member) > 0;
}

static bool park(evsi_file_settling *settling) {
  evsi_file_store *store = store_of(settling);
  int64_t delay =
      settling->settlement.delay_ms < INT64_MAX / 4 ? (int64_t)settling->settlement.delay_ms : INT64_MAX / 4;
  return evsi_file_run(
             &store->db,
             "UPDATE pending SET member = iif(?1, member, NULL), due = ?2, state = coalesce(?3, state)"
             " WHERE id = ?4 AND member = ?5 AND due IS NULL",
             "iisii", (int64_t)is_ordered(settling), (int64_t)store->now_ms + delay, kept_state(settling),
             settling->flight->place, settling->group->member) > 0;
}

/* Others may have it now, and we again a little later. Gives whether it was ours. */
static bool hand_back(evsi_file_group *group, const evsi_file_reading *reading, int64_t place,
                      evs_bytes state) {
  evsi_file_store *store = &group->transport->worker->store;
  int64_t members =
      evsi_file_get(&store->db, 0, "SELECT count(*) FROM reading WHERE reader = ?", "i", reading->id);
  store->is_stirring = true;
  group->released_ms =
      evsi_file_now(group->transport->worker) + (members > 1 ? RELEASE_SELF_MS : RELEASE_ALONE_MS);
  return evsi_file_run(&store->db,
                       "UPDATE pending SET member = NULL, due = 0, deliveries = max(0, deliveries - 1),"
                       " state = coalesce(?, state) WHERE id = ? AND member = ? AND due IS NULL",
                       "sii", state, place, group->member) > 0;
}

static bool release(evsi_file_settling *settling) {
  if (is_ordered(settling)) /* it stays with this member, or goes with the stream */
    return keep_state(settling);
  return hand_back(settling->group, settling->reading, settling->flight->place, kept_state(settling));
}

void evsi_file_release_unknown(evsi_file_group *group) {
  evsi_file_db *db = &group->transport->worker->store.db;
  for (const evsi_file_reading *each = group->readings; each; each = each->hh.next) {
    if (each->ordering != EVS_ORDER_NONE)
      continue;
    sqlite3_stmt *row = evsi_file_query(
        db, "SELECT id FROM pending WHERE id BETWEEN ? AND ? AND member = ? AND due IS NULL", "iii",
        evsi_file_place(each->id, 0), evsi_file_place(each->id + 1, 0) - 1, group->member);
    while (evsi_file_next(db, row)) {
      int64_t place = sqlite3_column_int64(row, 0);
      if (!evsi_file_flight_find(group, place))
        hand_back(group, each, place, evsi_bytes(NULL, 0));
    }
    evsi_file_done(row);
  }
}

/* To a member that is still there; else it is decided anew. */
static bool hand_over(evsi_file_settling *settling, bool *out_moved) {
  evsi_file_store *store = store_of(settling);
  int64_t target =
      evsi_file_get(&store->db, 0,
                    "SELECT m.id FROM member m JOIN reading r ON r.member = m.id AND r.reader = ?"
                    " WHERE m.name = ?",
                    "is", settling->reading->id, settling->settlement.member);
  *out_moved = target == 0;
  if (target == 0)
    return false;
  store->is_stirring = true;
  int64_t count =
      evsi_file_run(&store->db,
                    "UPDATE pending SET member = ?, due = 0, deliveries = max(0, deliveries - 1),"
                    " state = coalesce(?, state) WHERE id = ? AND member = ? AND due IS NULL",
                    "isii", target, kept_state(settling), settling->flight->place, settling->group->member);
  settling->reading->handed += count;
  return count > 0;
}

static bool is_ours(const evsi_file_settling *settling) {
  return evsi_file_get(&store_of(settling)->db, 0,
                       "SELECT 1 FROM pending WHERE id = ? AND member = ? AND due IS NULL", "ii",
                       settling->flight->place, settling->group->member) == 1;
}

/* The stream that the letters of an entry go to: for a feed the one that it was filled from. */
static int64_t letters_of(const evsi_file_settling *settling) {
  evsi_file_store *store = store_of(settling);
  const char *slash = strchr(settling->reading->name, '/');
  if (settling->reading->name[0] != '@' || !slash)
    return settling->reading->stream;
  const evsi_file_stream *stream = evsi_file_stream_find(store, slash + 1, true);
  return stream ? stream->id : 0;
}

/* Its dead letters, each a copy of the entry; single events bring their own data. Gives the number of the one
 * for the whole of it. */
static int64_t write_letters(evsi_file_settling *settling) {
  evsi_file_store *store = store_of(settling);
  const evs_tp_settlement *settlement = &settling->settlement;
  evsi_file_event event = {.data = evsi_text("")}; /* a body that was removed: a tombstone */
  int64_t stream = letters_of(settling);
  sqlite3_stmt *row = evsi_file_query(
      &store->db,
      "SELECT data, raw, requeue, batch, more FROM replaced WHERE pending = ?1 UNION ALL"
      " SELECT data, raw, requeue, batch, more FROM entry WHERE id = ?2 LIMIT 1",
      "ii", settling->flight->place,
      evsi_file_place(settling->reading->stream, evsi_file_number_of(settling->flight->place)));
  if (evsi_file_next(&store->db, row))
    evsi_file_event_read(row, 0, &event);
  evs_bytes requeue = event.requeue;
  if (settling->group->replay) /* who requeues it sends the event, not the replay of it */
    event.requeue = evsi_bytes(NULL, 0);
  int64_t letter = 0;
  if (settlement->kind == EVS_SETTLE_DEAD_LETTER)
    letter = evsi_file_letter_write(store, stream, &event, settlement->record);
  event.is_batch = settlement->kind == EVS_SETTLE_DEAD_LETTER && event.is_batch;
  for (uint64_t i = 0; i < settlement->letter_count; i++) {
    event.data = settlement->letters[i].data;
    evsi_file_letter_write(store, stream, &event, settlement->letters[i].record);
    evsi_file_note_death(store, stream, requeue);
  }
  if (settlement->kind == EVS_SETTLE_DEAD_LETTER)
    evsi_file_note_death(store, stream, requeue);
  evsi_file_done(row);
  return letter;
}

static bool bury(evsi_file_settling *settling) {
  int64_t letter = write_letters(settling);
  if (settling->settlement.flags & EVS_SETTLE_STAYS)
    return evsi_file_run(&store_of(settling)->db, "UPDATE pending SET state = ?, letter = ? WHERE id = ?",
                         "sii", settling->settlement.state, letter, settling->flight->place) > 0;
  forget_replaced(settling);
  int64_t count = evsi_file_run(&store_of(settling)->db, "DELETE FROM pending WHERE id = ?", "i",
                                settling->flight->place);
  settling->reading->dead += count;
  return count > 0;
}

/* What becomes of the entry; false: it is not ours any more, or *out_moved. */
static bool carry_out(evsi_file_settling *settling, bool *out_moved) {
  switch (settling->settlement.kind) {
  case EVS_SETTLE_ACK:
    return acknowledge(settling);
  case EVS_SETTLE_PARK:
    return park(settling);
  case EVS_SETTLE_RELEASE:
    return release(settling);
  case EVS_SETTLE_HAND_OVER:
    return hand_over(settling, out_moved);
  case EVS_SETTLE_DEAD_LETTER:
    return is_ours(settling) && bury(settling);
  case EVS_SETTLE_KEEP:
    return keep_state(settling);
  default:
    return false; /* it stays pending */
  }
}

static void settle_one(evsi_file_settling *settling) {
  bool has_letters = settling->settlement.letter_count > 0;
  bool is_moved = has_moved(settling), is_done = false;
  settling->outcome.status = EVS_CONFLICT;
  settling->outcome.flags = 0;
  if (!is_moved && (!has_letters || is_ours(settling)))
    is_done = carry_out(settling, &is_moved);
  if (is_done && has_letters)
    write_letters(settling);
  if (is_moved)
    settling->outcome.flags = EVS_TP_MEMBERS_MOVED;
  else if (is_done)
    settling->outcome.status = EVS_OK;
}

static void write_counts(evsi_file_group *group) {
  evsi_file_db *db = &group->transport->worker->store.db;
  for (evsi_file_reading *each = group->readings; each; each = each->hh.next) {
    if (each->acked + each->dead + each->handed > 0)
      evsi_file_run(db,
                    "UPDATE reader SET acked = acked + ?, dead = dead + ?, handed = handed + ? WHERE id = ?",
                    "iiii", each->acked, each->dead, each->handed, each->id);
    each->acked = each->dead = each->handed = 0;
  }
}

void evsi_file_settle_all(evs_transport *transport) {
  for (evsi_file_group *group = transport->groups; group; group = group->next) {
    for (evsi_file_reading *each = group->readings; each; each = each->hh.next)
      each->acked = each->dead = each->handed = 0;
  }
  for (evsi_file_settling *each = transport->settling_first; each; each = each->next)
    settle_one(each);
  for (evsi_file_group *group = transport->groups; group; group = group->next)
    write_counts(group);
}

/* ---- answering -------------------------------------------------------------------------------- */

/* It is the host's again, or nobody's. */
static void let_go(evsi_file_settling *settling) {
  bool is_kept = settling->settlement.kind == EVS_SETTLE_KEEP && settling->outcome.status == EVS_OK;
  if (is_kept || (settling->outcome.flags & EVS_TP_MEMBERS_MOVED))
    settling->flight->is_settling = false;
  else if (!evsi_file_order_kept(settling))
    evsi_file_flight_drop(settling->group, settling->flight);
}

static void follow_up(evs_transport *transport, const evsi_file_settling *settling) {
  settling->group->is_ready = true; /* when is what was parked due? */
  if (settling->settlement.kind == EVS_SETTLE_ACK)
    evsi_file_retention_touch(transport, settling->reading->name);
  if (settling->outcome.flags & EVS_TP_MEMBERS_MOVED)
    evsi_file_tell_members(settling->group, settling->reading);
}

void evsi_file_settle_told(evs_transport *transport, bool is_done) {
  evs_tp_outcome list[OUTCOMES_AT_ONCE];
  size_t count = 0;
  while (is_done && transport->settling_first) {
    evsi_file_settling *settling = transport->settling_first;
    transport->settling_first = settling->next;
    if (!settling->next)
      transport->settling_last = NULL;
    follow_up(transport, settling);
    let_go(settling);
    list[count++] = settling->outcome;
    evsi_free(settling);
    if (count < OUTCOMES_AT_ONCE && transport->settling_first)
      continue;
    transport->ops->settled(transport->host, list, count);
    count = 0;
  }
}

void evsi_file_settle_fail(evs_transport *transport, const char *why) {
  while (transport->settling_first) {
    evsi_file_settling *settling = transport->settling_first;
    transport->settling_first = settling->next;
    settling->outcome.status = EVS_TRANSPORT;
    settling->outcome.flags = EVS_TP_TRANSIENT;
    settling->outcome.message = evsi_text(why);
    transport->ops->settled(transport->host, &settling->outcome, 1);
    evsi_free(settling);
  }
  transport->settling_last = NULL;
}
