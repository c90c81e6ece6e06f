/* SPDX-License-Identifier: MIT
 * file_letter.h - dead letters as rows: writing and removing them together with the counts of their kinds,
 * and reading rows as users see them. Private to transport/file. @thread worker. */
#ifndef EVSI_FILE_LETTER_H
#define EVSI_FILE_LETTER_H

#include "event/dead_letter.h"
#include "transport/file/file_store.h"

enum { EVSI_FILE_ROW_BYTES = 16384 /* of a value, where its beginning will do */ };

/* Stores one, and counts it; gives its number. */
int64_t evsi_file_letter_write(evsi_file_store *store, int64_t stream, const evsi_file_event *event,
                               evs_bytes record);
/* The entry of an ordered stream that stayed behind this letter and holds up others goes on: in its old place
 * as `event`, whose number is given, or with NULL it is let go by. False: the letter holds up nothing. */
bool evsi_file_let_go(evsi_file_store *store, int64_t letter, const evsi_file_event *event,
                      int64_t *out_number);
/* Takes one away, and off the count; what it held up goes on. */
void evsi_file_letter_remove(evsi_file_store *store, int64_t letter);
/* Whoever drives an operation sees that what it sent dies again. */
void evsi_file_note_death(evsi_file_store *store, int64_t stream, evs_bytes requeue);

/* Appends {"fields":[[name, value]…]}, all that is stored of an event. */
void evsi_file_event_fields(const evsi_file_event *event, evsi_buf *out);
/* The same without the frame: `[name, value],…`. */
void evsi_file_event_pairs(const evsi_file_event *event, evsi_buf *out);

/* The columns that evsi_file_letter_read() reads, for a row `l` of letter or archive and its stream `s`; ?1
 * is how many bytes of large values are wanted. */
#define EVSI_FILE_LETTER_COLUMNS(id, note, archive)                                                          \
  id ", s.name, s.topic, s.partition, substr(l.data, 1, ?1), substr(l.raw, 1, ?1), l.requeue, l.batch, "     \
     "l.more,"                                                                                               \
     " l.dead, " note ", " archive ", length(l.data), length(l.raw)"
enum { EVSI_FILE_LETTER_ROW = 14 };               /* how many these are */
static const int64_t evsi_file_whole = INT32_MAX; /* SQLite takes no more */

/* A row; its texts are the statement's or in `scratch`, which keeps the id first. */
void evsi_file_letter_read(const char *transport, sqlite3_stmt *row, evsi_dead_letter *out,
                           evsi_buf *scratch);
void evsi_file_letter_event(sqlite3_stmt *row, evsi_file_event *out);

/* "<transport>/<stream>/<number>", the other way and back; false: it is none of this transport. */
void evsi_file_letter_id(const char *transport, const char *stream, int64_t number, evsi_buf *out);
bool evsi_file_letter_split(const char *transport, const char *id, char out_stream[EVSI_FILE_NAME_MAX],
                            int64_t *out_number);

#endif
