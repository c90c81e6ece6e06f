/* SPDX-License-Identifier: MIT
 * file_db.h - SQL on the one connection that a process has to a file: statements by their text, transactions,
 * and one sticky error for each transaction, so that a caller runs many statements and asks once. Private to
 * transport/file. @thread worker. */
#ifndef EVSI_FILE_DB_H
#define EVSI_FILE_DB_H

#include <sqlite3.h>
#include <stdbool.h>

#include "base/buf.h"
#include "base/map.h"

enum { EVSI_FILE_PLACE_BITS = 40, EVSI_FILE_WHY = 320 };

typedef struct evsi_file_statement evsi_file_statement;

typedef struct evsi_file_db {
  sqlite3 *sql;
  char *path;
  evsi_file_statement *statements; /* by the address of their text */
  int error;                       /* SQLite's code of what failed since begin(), 0: nothing */
  char why[EVSI_FILE_WHY];
  bool is_full_sync;
  uint64_t transactions;
  uint64_t device, node;       /* which file it is */
  int64_t data_version;        /* rises when another connection commits */
  bool (*give_up)(void *data); /* asked while another process writes; NULL: never */
  void *give_up_data;
  uint32_t patience_ms; /* how long another process may write */
} evsi_file_db;

/* Places: see schema.sql. */
static inline int64_t evsi_file_place(int64_t stream, int64_t number) {
  return (int64_t)((uint64_t)stream << EVSI_FILE_PLACE_BITS) + number;
}
static inline int64_t evsi_file_number_of(int64_t place) {
  return place & (((int64_t)1 << EVSI_FILE_PLACE_BITS) - 1);
}
static inline int64_t evsi_file_stream_of(int64_t place) {
  return place >> EVSI_FILE_PLACE_BITS;
}

/* A statement with its values: `types` has a letter for each: i int64_t, t text (const char *, NULL: null),
 * s evs_bytes as text, b evs_bytes as a blob; of the last two one without data is null. The text must be a
 * literal: its address names the statement, so one that is being stepped must not be asked for again. */
sqlite3_stmt *evsi_file_query(evsi_file_db *db, const char *sql, const char *types, ...);
/* The next row; false at the end, or when something failed. */
bool evsi_file_next(evsi_file_db *db, sqlite3_stmt *statement);
/* Ends it before its last row. */
void evsi_file_done(sqlite3_stmt *statement);
/* Runs one to its end; gives how many rows it changed. */
int64_t evsi_file_run(evsi_file_db *db, const char *sql, const char *types, ...);
/* The first column of the first row, or the fallback. */
int64_t evsi_file_get(evsi_file_db *db, int64_t fallback, const char *sql, const char *types, ...);

evs_bytes evsi_file_bytes(sqlite3_stmt *statement, int column);  /* until the next step; no data: null */
const char *evsi_file_text(sqlite3_stmt *statement, int column); /* the same, NULL: null */

/* Begins a transaction; false: not now, `why` and `error` tell. What follows fails without harm. */
bool evsi_file_begin(evsi_file_db *db, bool may_write);
/* Ends it: everything is stored, or nothing and false. */
bool evsi_file_end(evsi_file_db *db);
/* May it succeed later? Else the file is damaged, or not to be written. */
bool evsi_file_is_transient(const evsi_file_db *db);
/* Commits that follow reach the disk before they are done, or with the next checkpoint. */
void evsi_file_set_full_sync(evsi_file_db *db, bool is_full);
/* Is the file still there under its name? */
bool evsi_file_is_there(const evsi_file_db *db);
/* Has another connection committed since this was asked? */
bool evsi_file_has_changed(evsi_file_db *db);
/* How many bytes may be stored, so that what acknowledging takes is left. False: fewer than are needed, also
 * after trying to make some. */
bool evsi_file_find_room(evsi_file_db *db, uint64_t needed, uint64_t *out_room);
/* Notes a failure that SQLite did not tell of. */
void evsi_file_fail(evsi_file_db *db, int code, const char *why);
void evsi_file_failed(evsi_file_db *db, int code); /* one that SQLite told of, in our words */

void evsi_file_db_close(evsi_file_db *db);

#endif
