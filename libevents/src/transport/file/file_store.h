/* SPDX-License-Identifier: MIT
 * file_store.h - what is in a file: streams and their entries, the registry of topics, delayed events, ids
 * that were published lately. Everything happens within a transaction. Private to transport/file. @thread
 * worker. */
#ifndef EVSI_FILE_STORE_H
#define EVSI_FILE_STORE_H

#include "libevents_transport.h"
#include "transport/file/file_db.h"

enum { EVSI_FILE_NAME_MAX = 256, EVSI_FILE_NUMBER_TEXT = 24, EVSI_FILE_TYPES_MAX = 1000 };

/* A stream as it is in the transaction that is open. */
typedef struct evsi_file_stream {
  char *name; /* topic or topic:partition; a feed's begins with @replay */
  UT_hash_handle hh;
  int64_t id;
  char *topic;
  int32_t partition;
  char *feed; /* the replay that fills it, or NULL */
  int64_t first, last, bytes;
  uint64_t loaded; /* the transaction in which this was true */
  bool is_dirty;
} evsi_file_stream;

/* A type that this process registered, or found registered. */
typedef struct evsi_file_type evsi_file_type;

typedef struct evsi_file_store {
  evsi_file_db db;
  evsi_file_stream *streams;
  evsi_file_type *types;
  uint64_t now_ms;          /* wall clock at the begin of the transaction */
  bool is_stirring;         /* others have to look: there are entries, or news */
  uint32_t since_forgotten; /* ids that were remembered since old ones were forgotten */
} evsi_file_store;

/* What is stored of an event: columns of entry, letter and archive. Spans are lent. */
typedef struct evsi_file_event {
  evs_bytes data, raw, requeue, more; /* data NULL: malformed */
  bool is_batch;
} evsi_file_event;

bool evsi_file_store_begin(evsi_file_store *store, uint64_t now_ms, bool may_write);
bool evsi_file_store_end(evsi_file_store *store);
void evsi_file_store_free(evsi_file_store *store);

/* "topic" or "topic:partition"; false: too long. */
bool evsi_file_stream_name(evs_bytes topic, int32_t partition, char out[EVSI_FILE_NAME_MAX]);
void evsi_file_split_name(evs_bytes name, evs_bytes *out_topic, int32_t *out_partition);
bool evsi_file_is_topic(const char *name);

/* The stream of this name, made if `may_make`; NULL: there is none, or something failed. */
evsi_file_stream *evsi_file_stream_find(evsi_file_store *store, const char *name, bool may_make);
evsi_file_stream *evsi_file_stream_by_id(evsi_file_store *store, int64_t id);
/* The feed of a replay beside a stream. */
evsi_file_stream *evsi_file_feed_find(evsi_file_store *store, const evsi_file_stream *of, const char *replay,
                                      bool may_make);

/* Adds an entry; gives its number. */
int64_t evsi_file_append(evsi_file_store *store, evsi_file_stream *stream, const evsi_file_event *event);
/* The columns data, raw, requeue, batch, more of a row, from this one on. */
void evsi_file_event_read(sqlite3_stmt *row, int column, evsi_file_event *out);
uint64_t evsi_file_event_size(const evsi_file_event *event);
/* Removes entries up to this number. */
void evsi_file_cut(evsi_file_store *store, evsi_file_stream *stream, int64_t number);

/* What a publisher says of a topic. */
typedef struct evsi_file_topic {
  evs_bytes name, type;
  uint32_t partitions, ordering, on_dead_letter; /* EVS_ORDER_…, EVS_DEAD_LETTER_… */
} evsi_file_topic;
/* Sees to it that a topic and a type are registered. Who comes first says how many partitions, and who names
 * an order first which: gives the order that holds. */
uint32_t evsi_file_register(evsi_file_store *store, const evsi_file_topic *topic);
/* What was registered may not be so any more. */
void evsi_file_forget_types(evsi_file_store *store);
/* Members shall look at topics, pauses and each other. */
void evsi_file_news(evsi_file_store *store);

/* Where an id is known from, or false. window_ms 0: nothing is. */
bool evsi_file_known(evsi_file_store *store, int64_t stream, evs_bytes id, uint64_t window_ms,
                     char out_place[EVSI_FILE_NUMBER_TEXT]);
void evsi_file_remember(evsi_file_store *store, int64_t stream, evs_bytes id, const char *place);
/* Forgets what is beyond the window, a few more than came. */
void evsi_file_forget(evsi_file_store *store, int64_t stream, uint64_t window_ms, uint64_t most);

#endif
