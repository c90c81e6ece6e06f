/* SPDX-License-Identifier: MIT
 * file_fetch.c - what a group takes: first what waited until it was due, then what is new. It becomes pending
 * under our name in the transaction, and is delivered after that. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "transport/file/file_internal.h"
#include "transport/file/file_letter.h"

enum { BYTES_AT_ONCE = 8 << 20, DELIVER_AT_ONCE = 64, DUE_AGAIN_MS = 50 };

/* One entry, with its bytes in the buffer of the handful. */
typedef struct taken {
  evsi_file_reading *reading;
  int64_t place; /* of its pending row */
  uint32_t deliveries, flags;
  uint64_t wait_ms;
  size_t data, data_size, raw, raw_size, requeue, requeue_size, state, state_size;
} taken;

struct evsi_file_handful {
  evsi_file_group *group;
  evsi_buf bytes;
  size_t count, capacity;
  taken *entries;
};

static evsi_file_db *db_of(const evsi_file_group *group) {
  return &group->transport->worker->store.db;
}

/* ---- is there something? ---------------------------------------------------------------------- */

/* From when on we take back what we handed back ourselves: others come first. */
static int64_t least_due(const evsi_file_group *group) {
  return evsi_file_now(group->transport->worker) < group->released_ms ? 1 : 0;
}

/* Is anything due? Notes when the next of it is. Others of the group may read what we do not. */
static bool look_when_due(evsi_file_group *group) {
  evsi_file_worker *worker = group->transport->worker;
  int64_t wall = (int64_t)evsi_file_wall(worker);
  uint64_t now = evsi_file_now(worker);
  int64_t due =
      evsi_file_get(db_of(group), -1,
                    "SELECT min(p.due) FROM reader r JOIN pending p ON p.reader = r.id"
                    " WHERE r.grp = ?1"
                    " AND EXISTS (SELECT 1 FROM reading g WHERE g.reader = r.id AND g.member = ?3)"
                    " AND p.due IS NOT NULL AND (p.due >= ?2 OR p.member = ?3)"
                    " AND (p.member IS NULL OR p.member = ?3)"
                    " AND (?4 OR r.owner IS NULL OR r.owner = ?3)",
                    "tiii", group->name, least_due(group), group->member, (int64_t)group->is_relaxed);
  group->due_ms = due > wall ? now + (uint64_t)(due - wall) : 0;
  if (group->released_ms > now && (group->due_ms == 0 || group->released_ms < group->due_ms))
    group->due_ms = group->released_ms;
  return due >= 0 && due <= wall;
}

static bool is_unread(const evsi_file_group *group) {
  return evsi_file_get(db_of(group), 0,
                       "SELECT 1 FROM reader r JOIN stream s ON s.id = r.stream WHERE r.grp = ?1"
                       " AND EXISTS (SELECT 1 FROM reading g WHERE g.reader = r.id AND g.member = ?3)"
                       " AND s.last > r.delivered AND (?2 OR r.owner IS NULL OR r.owner = ?3) LIMIT 1",
                       "tii", group->name, (int64_t)group->is_relaxed, group->member) == 1;
}

bool evsi_file_has_entries(evsi_file_group *group) {
  evs_transport *transport = group->transport;
  evsi_file_worker *worker = transport->worker;
  if (group->due_ms > 0 && evsi_file_now(worker) >= group->due_ms) {
    group->is_ready = true;
    group->due_ms = 0;
  }
  if (!group->is_ready || group->state != EVSI_GROUP_LIVE)
    return false;
  db_of(group)->error = SQLITE_OK;
  bool has_any = !group->is_paused && look_when_due(group);
  has_any = !group->is_paused && (has_any || evsi_file_order_has_entries(group) || is_unread(group));
  if (db_of(group)->error != SQLITE_OK)
    return true; /* a transaction finds out what is wrong, and when it may be tried again */
  /* Without credits the host says when there are some again. */
  group->is_ready = has_any && transport->ops->credits(transport->host, group->token) > 0;
  return group->is_ready;
}

/* ---- taking ----------------------------------------------------------------------------------- */

static size_t keep(evsi_buf *bytes, evs_bytes text) {
  size_t at = bytes->size;
  evsi_buf_add(bytes, text.data, text.size);
  return at;
}

static void keep_malformed(evsi_buf *bytes, const evsi_file_event *event, taken *entry) {
  entry->flags = EVS_ENTRY_MALFORMED;
  entry->data = bytes->size;
  evsi_file_event_fields(event, bytes);
  entry->data_size = bytes->size - entry->data;
}

static taken *add_taken(evsi_file_handful *handful) {
  if (handful->count == handful->capacity) {
    size_t capacity = handful->capacity ? 2 * handful->capacity : 64;
    taken *grown = evsi_realloc(handful->entries, capacity * sizeof *grown);
    if (!grown) {
      evsi_file_fail(db_of(handful->group), SQLITE_NOMEM, "out of memory");
      return NULL;
    }
    handful->entries = grown;
    handful->capacity = capacity;
  }
  taken *entry = &handful->entries[handful->count++];
  memset(entry, 0, sizeof *entry);
  return entry;
}

/* From columns data, raw, requeue, batch, more of a row. is_there: its body was not removed. */
static taken *take_row(evsi_file_handful *handful, sqlite3_stmt *row, int column, bool is_there) {
  evsi_file_event event;
  taken *entry = add_taken(handful);
  if (!entry)
    return NULL;
  evsi_file_event_read(row, column, &event);
  entry->data_size = event.data.size;
  if (!is_there)
    entry->flags = EVS_ENTRY_TRIMMED;
  else if (!event.data.data)
    keep_malformed(&handful->bytes, &event, entry);
  else
    entry->data = keep(&handful->bytes, event.data);
  entry->flags |= is_there && event.data.data && event.is_batch ? EVS_ENTRY_BATCH : 0;
  entry->raw = keep(&handful->bytes, event.raw);
  entry->raw_size = event.raw.size;
  entry->requeue = keep(&handful->bytes, event.requeue);
  entry->requeue_size = event.requeue.size;
  return entry;
}

static void take_due(evsi_file_handful *handful, evsi_file_reading *reading, size_t most) {
  evsi_file_group *group = handful->group;
  evsi_file_store *store = &group->transport->worker->store;
  size_t first = handful->count;
  sqlite3_stmt *row = evsi_file_query(
      &store->db,
      "SELECT p.id, p.deliveries, p.state, e.id, e.data, e.raw, e.requeue, e.batch, e.more FROM pending p"
      " LEFT JOIN entry e ON e.id = ?1 + p.id - ?2"
      " WHERE p.reader = ?3 AND p.due IS NOT NULL AND p.due <= ?4 AND (p.due >= ?5 OR p.member = ?6)"
      " AND (p.member IS NULL OR p.member = ?6) AND (?8 OR (SELECT owner FROM reader WHERE id = ?3) IS NULL)"
      " ORDER BY p.due, p.id LIMIT ?7",
      "iiiiiiii", evsi_file_place(reading->stream, 0), evsi_file_place(reading->id, 0), reading->id,
      (int64_t)store->now_ms, least_due(group), group->member, (int64_t)(most - handful->count),
      (int64_t)group->is_relaxed);
  while (handful->bytes.size < BYTES_AT_ONCE && evsi_file_next(&store->db, row)) {
    evs_bytes state = evsi_file_bytes(row, 2);
    taken *entry = take_row(handful, row, 4, sqlite3_column_type(row, 3) != SQLITE_NULL);
    if (!entry)
      break;
    entry->reading = reading;
    entry->place = sqlite3_column_int64(row, 0);
    entry->deliveries = (uint32_t)sqlite3_column_int(row, 1) + 1;
    entry->state = keep(&handful->bytes, state);
    entry->state_size = state.size;
  }
  evsi_file_done(row);
  for (size_t i = first; i < handful->count; i++)
    evsi_file_run(&store->db,
                  "UPDATE pending SET member = ?, due = NULL, deliveries = deliveries + 1 WHERE id = ?", "ii",
                  group->member, handful->entries[i].place);
}

static void take_new(evsi_file_handful *handful, evsi_file_reading *reading, int64_t delivered, size_t most) {
  evsi_file_group *group = handful->group;
  evsi_file_db *db = db_of(group);
  size_t first = handful->count;
  int64_t last = delivered;
  sqlite3_stmt *row = evsi_file_query(
      db, "SELECT id, data, raw, requeue, batch, more FROM entry WHERE id > ? AND id < ? ORDER BY id LIMIT ?",
      "iii", evsi_file_place(reading->stream, delivered), evsi_file_place(reading->stream + 1, 0),
      (int64_t)(most - handful->count));
  while (handful->bytes.size < BYTES_AT_ONCE && evsi_file_next(db, row)) {
    taken *entry = take_row(handful, row, 1, true);
    if (!entry)
      break;
    last = evsi_file_number_of(sqlite3_column_int64(row, 0));
    entry->reading = reading;
    entry->place = evsi_file_place(reading->id, last);
    entry->deliveries = 1;
  }
  evsi_file_done(row);
  for (size_t i = first; i < handful->count; i++)
    evsi_file_run(db, "INSERT INTO pending (id, reader, member, deliveries) VALUES (?, ?, ?, 1)", "iii",
                  handful->entries[i].place, reading->id, group->member);
  if (last > delivered)
    evsi_file_run(db, "UPDATE reader SET delivered = ? WHERE id = ?", "ii", last, reading->id);
}

/* ---- taking, of an ordered stream ------------------------------------------------------------- */

#define PENDING_COLUMNS                                                                                      \
  "p.id, p.deliveries, p.state, coalesce(p.due, -1), e.id, iif(x.pending, x.data, e.data),"                  \
  " iif(x.pending, x.raw, e.raw), iif(x.pending, x.requeue, e.requeue), iif(x.pending, x.batch, e.batch),"   \
  " iif(x.pending, x.more, e.more) FROM pending p LEFT JOIN entry e ON e.id = ?1 + p.id - ?2"                \
  " LEFT JOIN replaced x ON x.pending = p.id WHERE"

/* A row of these columns. It counts as delivered once more where it waited until now. */
static taken *take_pending(evsi_file_handful *handful, evsi_file_reading *reading, sqlite3_stmt *row) {
  int64_t now = (int64_t)handful->group->transport->worker->store.now_ms, due = sqlite3_column_int64(row, 3);
  evs_bytes state = evsi_file_bytes(row, 2);
  taken *entry = take_row(handful, row, 5, sqlite3_column_type(row, 4) != SQLITE_NULL);
  if (!entry)
    return NULL;
  entry->reading = reading;
  entry->place = sqlite3_column_int64(row, 0);
  entry->deliveries = (uint32_t)sqlite3_column_int(row, 1) + (due >= 0 && due <= now);
  entry->wait_ms = due > now ? (uint64_t)(due - now) : 0;
  entry->state = keep(&handful->bytes, state);
  entry->state_size = state.size;
  return entry;
}

static void note_taken(const evsi_file_handful *handful, size_t first) {
  evsi_file_store *store = &handful->group->transport->worker->store;
  for (size_t i = first; i < handful->count; i++)
    evsi_file_run(&store->db,
                  "UPDATE pending SET member = ?1, deliveries = deliveries + (due IS NOT NULL AND due <= ?2),"
                  " due = iif(due <= ?2, NULL, due) WHERE id = ?3 AND (member IS NOT ?1 OR due <= ?2)",
                  "iii", handful->group->member, (int64_t)store->now_ms, handful->entries[i].place);
}

/* What the host asked for, in the order in which it did. */
static void take_recalled(evsi_file_handful *handful, evsi_file_reading *reading, size_t most) {
  evsi_file_db *db = db_of(handful->group);
  size_t first = handful->count;
  const evsi_file_flight *each = reading->recalled_first;
  for (; each && handful->count < most && handful->bytes.size < BYTES_AT_ONCE; each = each->recalled_next) {
    sqlite3_stmt *row =
        evsi_file_query(db, "SELECT " PENDING_COLUMNS " p.id = ?3", "iii",
                        evsi_file_place(reading->stream, 0), evsi_file_place(reading->id, 0), each->place);
    if (evsi_file_next(db, row))
      take_pending(handful, reading, row);
    evsi_file_done(row);
  }
  note_taken(handful, first);
}

/* It was given with the rest of its time to wait, and the host has not put it aside yet: it is given again
 * once it has. */
static bool is_with_host(const evsi_file_group *group, int64_t place) {
  evsi_file_flight *flight = evsi_file_flight_find(group, place);
  if (!flight || flight->is_aside)
    return false;
  flight->is_ripe = true;
  return true;
}

/* What was parked and is due, of those that were given before. */
static void take_ripe(evsi_file_handful *handful, evsi_file_reading *reading, size_t most) {
  evsi_file_db *db = db_of(handful->group);
  size_t first = handful->count;
  sqlite3_stmt *row = evsi_file_query(
      db, "SELECT " PENDING_COLUMNS " p.reader = ?3 AND p.due <= ?4 AND p.id <= ?5 ORDER BY p.id LIMIT ?6",
      "iiiiii", evsi_file_place(reading->stream, 0), evsi_file_place(reading->id, 0), reading->id,
      (int64_t)handful->group->transport->worker->store.now_ms, evsi_file_place(reading->id, reading->walked),
      (int64_t)(most - handful->count));
  while (handful->bytes.size < BYTES_AT_ONCE && evsi_file_next(db, row)) {
    if (!is_with_host(handful->group, sqlite3_column_int64(row, 0)) && !take_pending(handful, reading, row))
      break;
  }
  evsi_file_done(row);
  note_taken(handful, first);
}

/* What was pending when the stream was taken, in its order; false: all of it was given. */
static bool walk(evsi_file_handful *handful, evsi_file_reading *reading, size_t most) {
  evsi_file_db *db = db_of(handful->group);
  size_t first = handful->count;
  sqlite3_stmt *row =
      evsi_file_query(db, "SELECT " PENDING_COLUMNS " p.id > ?3 AND p.id < ?4 ORDER BY p.id LIMIT ?5",
                      "iiiii", evsi_file_place(reading->stream, 0), evsi_file_place(reading->id, 0),
                      evsi_file_place(reading->id, reading->walked), evsi_file_place(reading->id + 1, 0),
                      (int64_t)(most - handful->count));
  while (handful->bytes.size < BYTES_AT_ONCE && evsi_file_next(db, row)) {
    if (!take_pending(handful, reading, row))
      break;
  }
  evsi_file_done(row);
  note_taken(handful, first);
  return handful->count > first;
}

/* Before what is new. */
static void take_ordered(evsi_file_handful *handful, evsi_file_reading *reading, size_t most) {
  if (!evsi_file_order_is_held(reading))
    return;
  take_recalled(handful, reading, most);
  if (handful->count < most)
    take_ripe(handful, reading, most);
  if (reading->is_walking && handful->count < most && evsi_file_order_may_go_on(reading))
    reading->is_walking = walk(handful, reading, most);
}

/* ---- taking, in turn -------------------------------------------------------------------------- */

static bool may_read(const evsi_file_reading *reading) {
  return reading->ordering == EVS_ORDER_NONE || (evsi_file_order_may_go_on(reading) && !reading->is_walking);
}

/* Streams take turns, so that none starves. */
static void take_all(evsi_file_handful *handful, size_t most) {
  evsi_file_group *group = handful->group;
  evsi_file_db *db = db_of(group);
  size_t count = HASH_COUNT(group->readings), skipped = 0;
  evsi_file_reading *first = group->readings;
  for (; first && skipped < group->rotate % (count ? count : 1); skipped++)
    first = first->hh.next;
  group->rotate++;
  for (evsi_file_reading *each = group->readings; each && handful->count < most; each = each->hh.next)
    (each->ordering == EVS_ORDER_NONE ? take_due : take_ordered)(handful, each, most);
  evsi_file_reading *each = first;
  for (size_t i = 0; i < count && handful->count < most && handful->bytes.size < BYTES_AT_ONCE; i++) {
    int64_t delivered = evsi_file_get(db, -1,
                                      "SELECT r.delivered FROM reader r JOIN stream s ON s.id = r.stream "
                                      "WHERE r.id = ?1 AND s.last > r.delivered"
                                      " AND (?2 OR r.owner IS NULL OR r.owner = ?3)",
                                      "iii", each->id, (int64_t)group->is_relaxed, group->member);
    size_t share =
        i + 1 < count ? (most - handful->count + count - i - 1) / (count - i) : most - handful->count;
    if (delivered >= 0 && may_read(each))
      take_new(handful, each, delivered, handful->count + share);
    each = each->hh.next ? each->hh.next : group->readings;
  }
}

evsi_file_handful *evsi_file_fetch(evsi_file_group *group) {
  evs_transport *transport = group->transport;
  if (!group->is_ready || group->state != EVSI_GROUP_LIVE || group->is_paused || !group->is_entered)
    return NULL;
  size_t credits = transport->ops->credits(transport->host, group->token);
  size_t most = credits < transport->config.batch_size ? credits : transport->config.batch_size;
  evsi_file_handful *handful = most > 0 ? evsi_calloc(1, sizeof *handful) : NULL;
  if (!handful)
    return NULL;
  handful->group = group;
  take_all(handful, most);
  if (handful->bytes.failed)
    evsi_file_fail(db_of(group), SQLITE_NOMEM, "out of memory");
  if (handful->count > 0)
    return handful;
  evsi_file_forget_handful(handful);
  group->is_ready = false;
  /* It may have become ready only now, or something is due only now, or has to wait for its stream. */
  if (look_when_due(group))
    group->due_ms = evsi_file_now(transport->worker) + DUE_AGAIN_MS;
  return NULL;
}

/* ---- giving ----------------------------------------------------------------------------------- */

void evsi_file_forget_handful(evsi_file_handful *handful) {
  evsi_buf_free(&handful->bytes);
  evsi_free(handful->entries);
  evsi_free(handful);
}

static evs_bytes span(const evsi_file_handful *handful, size_t at, size_t size) {
  return evsi_bytes(size > 0 ? handful->bytes.data + at : NULL, size);
}

/* Memory is short: an entry is to be as if it had not been given. */
static void forget_given(evsi_file_group *group, evsi_file_reading *reading) {
  if (reading->ordering == EVS_ORDER_NONE)
    group->has_unknown = true;
  else
    evsi_file_order_yield(group, reading, evsi_bytes(NULL, 0)); /* what follows would come too early */
}

/* One that is held already, since we were taken for dead meanwhile, is ours again and not given twice. */
static bool note_flight(evsi_file_group *group, const taken *entry) {
  evsi_file_reading *reading = entry->reading;
  evsi_file_flight *flight = evsi_file_flight_find(group, entry->place);
  bool is_new = flight == NULL, is_back = flight && flight->is_aside;
  if (is_new)
    flight = evsi_file_flight_add(group, reading, entry->place);
  if (!flight) {
    forget_given(group, reading);
    return false;
  }
  flight->deliveries = entry->deliveries;
  if (reading->ordering != EVS_ORDER_NONE)
    evsi_file_order_given(reading, flight);
  return is_new || is_back;
}

static evs_tp_entry entry_of(const evsi_file_handful *handful, const taken *from,
                             char offset[EVSI_FILE_NUMBER_TEXT]) {
  snprintf(offset, EVSI_FILE_NUMBER_TEXT, "%" PRId64, evsi_file_number_of(from->place));
  return (evs_tp_entry){.struct_size = sizeof(evs_tp_entry),
                        .partition = from->reading->partition,
                        .flags = from->flags,
                        .deliveries = from->deliveries,
                        .topic = from->reading->topic,
                        .offset = evsi_text(offset),
                        .data = span(handful, from->data, from->data_size),
                        .raw = span(handful, from->raw, from->raw_size),
                        .requeue = span(handful, from->requeue, from->requeue_size),
                        .state = span(handful, from->state, from->state_size),
                        .ordering = from->reading->ordering,
                        .on_dead_letter = from->reading->on_dead_letter,
                        .wait_ms = from->wait_ms};
}

/* Gives entries from `*at` on; moves it behind them. */
static void deliver_some(const evsi_file_handful *handful, size_t *at) {
  evsi_file_group *group = handful->group;
  const evs_transport *transport = group->transport;
  evs_tp_entry list[DELIVER_AT_ONCE];
  const taken *given[DELIVER_AT_ONCE];
  char offsets[DELIVER_AT_ONCE][EVSI_FILE_NUMBER_TEXT];
  size_t count = 0;
  for (; *at < handful->count && count < DELIVER_AT_ONCE; (*at)++) {
    const taken *from = &handful->entries[*at];
    bool is_given_up = from->reading->ordering != EVS_ORDER_NONE && !evsi_file_order_is_held(from->reading);
    if (is_given_up || !note_flight(group, from))
      continue;
    given[count] = from;
    list[count] = entry_of(handful, from, offsets[count]);
    count++;
  }
  size_t done = count > 0 ? transport->ops->deliver(transport->host, group->token, list, count) : 0;
  for (; done < count; done++) {
    forget_given(group, given[done]->reading);
    evsi_file_flight_drop(group, evsi_file_flight_find(group, given[done]->place));
  }
}

void evsi_file_deliver(evsi_file_handful *handful) {
  for (size_t at = 0; at < handful->count;)
    deliver_some(handful, &at);
  evsi_file_forget_handful(handful);
}
