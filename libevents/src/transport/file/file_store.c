/* SPDX-License-Identifier: MIT
 * file_store.c - see file_store.h. */
#include "transport/file/file_store.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FORGET_AT_ONCE = 1000 };

struct evsi_file_type {
  char *key; /* topic, type and the order that was asked for, with line feeds between them */
  UT_hash_handle hh;
};

/* ---- names ------------------------------------------------------------------------------------ */

bool evsi_file_stream_name(evs_bytes topic, int32_t partition, char out[EVSI_FILE_NAME_MAX]) {
  int size = partition == EVS_PARTITION_NONE
                 ? snprintf(out, EVSI_FILE_NAME_MAX, "%.*s", (int)topic.size, topic.size ? topic.data : "")
                 : snprintf(out, EVSI_FILE_NAME_MAX, "%.*s:%" PRId32, (int)topic.size,
                            topic.size ? topic.data : "", partition);
  return topic.size > 0 && size > 0 && size < EVSI_FILE_NAME_MAX;
}

void evsi_file_split_name(evs_bytes name, evs_bytes *out_topic, int32_t *out_partition) {
  uint64_t at = name.size;
  while (at > 0 && name.data[at - 1] >= '0' && name.data[at - 1] <= '9')
    at--;
  bool has_partition = at > 1 && at < name.size && name.size - at <= 6 && name.data[at - 1] == ':';
  *out_topic = has_partition ? evsi_bytes(name.data, at - 1) : name;
  *out_partition = EVS_PARTITION_NONE;
  if (has_partition) {
    char digits[8];
    snprintf(digits, sizeof digits, "%.*s", (int)(name.size - at), name.data + at);
    *out_partition = (int32_t)strtol(digits, NULL, 10);
  }
}

bool evsi_file_is_topic(const char *name) {
  size_t size = strlen(name);
  for (size_t i = 0; i < size; i++) {
    if ((unsigned char)name[i] < 0x21 || strchr("{}/@", name[i]))
      return false;
  }
  return size > 0 && size <= 200 && evsi_utf8_valid(name, size);
}

/* ---- streams ---------------------------------------------------------------------------------- */

static void stream_free(evsi_file_stream *stream) {
  evsi_free(stream->name);
  evsi_free(stream->topic);
  evsi_free(stream->feed);
  evsi_free(stream);
}

static void take_row(evsi_file_store *store, evsi_file_stream *stream, sqlite3_stmt *row) {
  stream->first = sqlite3_column_int64(row, 1);
  stream->last = sqlite3_column_int64(row, 2);
  stream->bytes = sqlite3_column_int64(row, 3);
  stream->loaded = store->db.transactions;
  stream->is_dirty = false;
}

static evsi_file_stream *add_stream(evsi_file_store *store, const char *name, sqlite3_stmt *row) {
  evsi_file_stream *stream = evsi_calloc(1, sizeof *stream);
  const char *topic = evsi_file_text(row, 4), *feed = evsi_file_text(row, 6);
  if (stream) {
    stream->id = sqlite3_column_int64(row, 0);
    stream->name = evsi_strdup(name);
    stream->topic = evsi_strdup(topic ? topic : "");
    stream->partition = sqlite3_column_int(row, 5);
    stream->feed = feed ? evsi_strdup(feed) : NULL;
    take_row(store, stream, row);
  }
  if (stream && stream->name && stream->topic && (stream->feed || !feed))
    HASH_ADD_KEYPTR(hh, store->streams, stream->name, strlen(stream->name), stream);
  if (stream && stream->hh.tbl)
    return stream;
  if (stream)
    stream_free(stream);
  evsi_file_fail(&store->db, SQLITE_NOMEM, "out of memory");
  return NULL;
}

/* As it is in this transaction; one that is gone or was made anew is looked for again. */
static evsi_file_stream *load(evsi_file_store *store, const char *name) {
  evsi_file_stream *stream = NULL;
  HASH_FIND_STR(store->streams, name, stream);
  if (stream && stream->loaded == store->db.transactions)
    return stream;
  sqlite3_stmt *row = evsi_file_query(
      &store->db, "SELECT id, first, last, bytes, topic, partition, feed FROM stream WHERE name = ?", "t",
      name);
  bool is_there = evsi_file_next(&store->db, row);
  if (stream && (!is_there || sqlite3_column_int64(row, 0) != stream->id)) {
    HASH_DEL(store->streams, stream);
    stream_free(stream);
    stream = NULL;
  }
  if (is_there && stream)
    take_row(store, stream, row);
  else if (is_there)
    stream = add_stream(store, name, row);
  if (is_there)
    evsi_file_done(row);
  return stream;
}

static evsi_file_stream *make(evsi_file_store *store, const char *name, evs_bytes topic, int32_t partition,
                              const char *feed) {
  evsi_file_run(&store->db, "INSERT INTO stream (name, topic, partition, feed) VALUES (?, ?, ?, ?)", "tsit",
                name, topic, (int64_t)partition, feed);
  return load(store, name);
}

evsi_file_stream *evsi_file_stream_find(evsi_file_store *store, const char *name, bool may_make) {
  evs_bytes topic;
  int32_t partition;
  evsi_file_stream *stream = load(store, name);
  if (stream || !may_make)
    return stream;
  evsi_file_split_name(evsi_text(name), &topic, &partition);
  return make(store, name, topic, partition, NULL);
}

evsi_file_stream *evsi_file_stream_by_id(evsi_file_store *store, int64_t id) {
  char name[EVSI_FILE_NAME_MAX];
  for (evsi_file_stream *each = store->streams; each; each = each->hh.next) {
    if (each->id == id)
      return load(store, each->name);
  }
  sqlite3_stmt *row = evsi_file_query(&store->db, "SELECT name FROM stream WHERE id = ?", "i", id);
  if (!evsi_file_next(&store->db, row))
    return NULL;
  snprintf(name, sizeof name, "%s", evsi_file_text(row, 0));
  evsi_file_done(row);
  return load(store, name);
}

evsi_file_stream *evsi_file_feed_find(evsi_file_store *store, const evsi_file_stream *of, const char *replay,
                                      bool may_make) {
  char name[EVSI_FILE_NAME_MAX + 80];
  snprintf(name, sizeof name, "@replay-%.64s/%s", replay, of->name);
  evsi_file_stream *feed = load(store, name);
  return feed || !may_make ? feed : make(store, name, evsi_text(of->topic), of->partition, replay);
}

/* ---- transactions ----------------------------------------------------------------------------- */

void evsi_file_forget_types(evsi_file_store *store) {
  evsi_file_type *type, *next;
  HASH_ITER(hh, store->types, type, next) {
    HASH_DEL(store->types, type);
    evsi_free(type->key);
    evsi_free(type);
  }
}

bool evsi_file_store_begin(evsi_file_store *store, uint64_t now_ms, bool may_write) {
  store->now_ms = now_ms;
  return evsi_file_begin(&store->db, may_write);
}

bool evsi_file_store_end(evsi_file_store *store) {
  for (evsi_file_stream *each = store->streams; each; each = each->hh.next) {
    if (each->is_dirty && each->loaded == store->db.transactions)
      evsi_file_run(&store->db, "UPDATE stream SET first = ?, last = ?, bytes = ? WHERE id = ?", "iiii",
                    each->first, each->last, each->bytes, each->id);
    each->is_dirty = false;
  }
  bool is_done = evsi_file_end(&store->db);
  if (!is_done)
    evsi_file_forget_types(store); /* they may be among what was undone */
  return is_done;
}

void evsi_file_store_free(evsi_file_store *store) {
  evsi_file_stream *stream, *next;
  HASH_ITER(hh, store->streams, stream, next) {
    HASH_DEL(store->streams, stream);
    stream_free(stream);
  }
  evsi_file_forget_types(store);
  evsi_file_db_close(&store->db);
}

/* ---- entries ---------------------------------------------------------------------------------- */

uint64_t evsi_file_event_size(const evsi_file_event *event) {
  return event->data.size + event->raw.size + event->requeue.size + event->more.size;
}

void evsi_file_event_read(sqlite3_stmt *row, int column, evsi_file_event *out) {
  out->data = evsi_file_bytes(row, column);
  out->raw = evsi_file_bytes(row, column + 1);
  out->requeue = evsi_file_bytes(row, column + 2);
  out->is_batch = sqlite3_column_int(row, column + 3) == 1;
  out->more = evsi_file_bytes(row, column + 4);
}

int64_t evsi_file_append(evsi_file_store *store, evsi_file_stream *stream, const evsi_file_event *event) {
  int64_t number = ++stream->last;
  stream->bytes += (int64_t)evsi_file_event_size(event);
  stream->is_dirty = true;
  store->is_stirring = true;
  evsi_file_run(
      &store->db,
      "INSERT INTO entry (id, at, data, raw, requeue, batch, more) VALUES (?, ?, ?, ?, ?, nullif(?, 0), ?)",
      "iibbsis", evsi_file_place(stream->id, number), (int64_t)store->now_ms, event->data,
      event->raw.size ? event->raw : evsi_bytes(NULL, 0), event->requeue, (int64_t)event->is_batch,
      event->more);
  return number;
}

void evsi_file_cut(evsi_file_store *store, evsi_file_stream *stream, int64_t number) {
  int64_t from = evsi_file_place(stream->id, stream->first), to = evsi_file_place(stream->id, number);
  if (number < stream->first)
    return;
  int64_t bytes = evsi_file_get(
      &store->db, 0,
      "SELECT total(coalesce(length(data), 0) + coalesce(length(raw), 0) + coalesce(length(requeue), 0) +"
      " coalesce(length(more), 0)) FROM entry WHERE id BETWEEN ? AND ?",
      "ii", from, to);
  evsi_file_run(&store->db, "DELETE FROM entry WHERE id BETWEEN ? AND ?", "ii", from, to);
  stream->bytes = stream->bytes > bytes ? stream->bytes - bytes : 0;
  stream->first = number + 1;
  stream->is_dirty = true;
}

/* ---- the registry ----------------------------------------------------------------------------- */

void evsi_file_news(evsi_file_store *store) {
  evsi_file_run(&store->db, "UPDATE news SET number = number + 1", "");
  store->is_stirring = true;
}

/* Readers that were there before the order wait until one of their members takes the streams. */
static void set_order(evsi_file_store *store, const evsi_file_topic *topic) {
  evsi_file_run(&store->db, "UPDATE topic SET ordering = ?, on_dead_letter = ? WHERE name = ?", "iis",
                (int64_t)topic->ordering, (int64_t)topic->on_dead_letter, topic->name);
  evsi_file_run(&store->db,
                "UPDATE reader SET owner = 0 WHERE owner IS NULL"
                " AND stream IN (SELECT id FROM stream WHERE topic = ? AND feed IS NULL)",
                "s", topic->name);
}

static bool add_type(evsi_file_store *store, const evsi_file_topic *topic) {
  int64_t known = evsi_file_get(&store->db, 0, "SELECT count(*) FROM type WHERE topic = ?", "s", topic->name);
  evs_bytes name = known >= EVSI_FILE_TYPES_MAX ? evsi_text("*") : topic->type;
  if (topic->type.size == 0 || known > EVSI_FILE_TYPES_MAX)
    return false;
  return evsi_file_run(&store->db, "INSERT OR IGNORE INTO type (topic, name) VALUES (?, ?)", "ss",
                       topic->name, name) > 0;
}

/* Gives the order that holds. */
static uint32_t add_topic(evsi_file_store *store, const evsi_file_topic *topic) {
  evsi_file_db *db = &store->db;
  bool has_changed =
      evsi_file_run(
          db,
          "INSERT OR IGNORE INTO topic (name, partitions, ordering, on_dead_letter, changed, changed_at)"
          " VALUES (?, ?, 0, 0, 0, 0)",
          "si", topic->name, (int64_t)topic->partitions) > 0;
  int64_t ordering = evsi_file_get(db, 0, "SELECT ordering FROM topic WHERE name = ?", "s", topic->name);
  if (ordering == EVS_ORDER_NONE && topic->ordering != EVS_ORDER_NONE) {
    set_order(store, topic);
    ordering = topic->ordering;
    has_changed = true;
  }
  if (!add_type(store, topic) && !has_changed)
    return (uint32_t)ordering;
  evsi_file_news(store);
  evsi_file_run(db, "UPDATE topic SET changed = (SELECT number FROM news), changed_at = ? WHERE name = ?",
                "is", (int64_t)store->now_ms, topic->name);
  return (uint32_t)ordering;
}

static void remember_type(evsi_file_store *store, const char *key, size_t size) {
  if (HASH_COUNT(store->types) >= 100 * EVSI_FILE_TYPES_MAX)
    evsi_file_forget_types(store);
  evsi_file_type *known = store->db.error == SQLITE_OK ? evsi_calloc(1, sizeof *known) : NULL;
  if (!known || !(known->key = evsi_strdup(key))) {
    evsi_free(known);
    return; /* looked for again with the next event */
  }
  HASH_ADD_KEYPTR(hh, store->types, known->key, size, known);
  if (!known->hh.tbl) {
    evsi_free(known->key);
    evsi_free(known);
  }
}

uint32_t evsi_file_register(evsi_file_store *store, const evsi_file_topic *topic) {
  char key[2 * EVSI_FILE_NAME_MAX + 64];
  evsi_file_type *known = NULL;
  int size =
      snprintf(key, sizeof key, "%.*s\n%.*s\n%u", (int)topic->name.size, topic->name.data,
               (int)topic->type.size, topic->type.size ? topic->type.data : "", (unsigned)topic->ordering);
  HASH_FIND(hh, store->types, key, (size_t)size, known);
  if (known)
    return topic->ordering;
  uint32_t ordering = add_topic(store, topic);
  remember_type(store, key, (size_t)size);
  return ordering;
}

/* ---- ids -------------------------------------------------------------------------------------- */

bool evsi_file_known(evsi_file_store *store, int64_t stream, evs_bytes id, uint64_t window_ms,
                     char out_place[EVSI_FILE_NUMBER_TEXT]) {
  if (window_ms == 0 || id.size == 0)
    return false;
  int64_t since = (int64_t)store->now_ms - (int64_t)window_ms;
  sqlite3_stmt *row = evsi_file_query(
      &store->db, "SELECT place FROM known WHERE stream = ? AND id = ? AND at > ?", "isi", stream, id, since);
  if (!evsi_file_next(&store->db, row))
    return false;
  snprintf(out_place, EVSI_FILE_NUMBER_TEXT, "%s", evsi_file_text(row, 0));
  evsi_file_done(row);
  return true;
}

void evsi_file_remember(evsi_file_store *store, int64_t stream, evs_bytes id, const char *place) {
  evsi_file_run(&store->db, "INSERT OR REPLACE INTO known (stream, id, at, place) VALUES (?, ?, ?, ?)",
                "isit", stream, id, (int64_t)store->now_ms, place);
}

void evsi_file_forget(evsi_file_store *store, int64_t stream, uint64_t window_ms, uint64_t most) {
  int64_t since = (int64_t)store->now_ms - (int64_t)window_ms;
  evsi_file_run(&store->db,
                "DELETE FROM known WHERE (stream, id) IN"
                " (SELECT stream, id FROM known WHERE stream = ? AND at <= ? ORDER BY at LIMIT ?)",
                "iii", stream, since, (int64_t)FORGET_AT_ONCE);
  int64_t count = evsi_file_get(&store->db, 0, "SELECT count(*) FROM known WHERE stream = ?", "i", stream);
  if (count > (int64_t)most)
    evsi_file_run(&store->db,
                  "DELETE FROM known WHERE (stream, id) IN"
                  " (SELECT stream, id FROM known WHERE stream = ? ORDER BY at LIMIT ?)",
                  "ii", stream, count - (int64_t)most);
}
