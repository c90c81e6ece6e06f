/* SPDX-License-Identifier: MIT
 * file_db.c - see file_db.h. */
#include "transport/file/file_db.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

struct evsi_file_statement {
  const char *text;
  sqlite3_stmt *statement;
  UT_hash_handle hh;
};

/* ---- failures --------------------------------------------------------------------------------- */

void evsi_file_fail(evsi_file_db *db, int code, const char *why) {
  if (db->error != SQLITE_OK)
    return;
  db->error = code;
  snprintf(db->why, sizeof db->why, "%s: %s", db->path, why);
}

static const char *explain(int code, const char *message) {
  switch (code & 0xff) {
  case SQLITE_NOMEM:
    return "out of memory";
  case SQLITE_BUSY:
  case SQLITE_LOCKED:
    return "another process has been writing for too long";
  case SQLITE_FULL:
    return "the disk is full";
  case SQLITE_READONLY:
  case SQLITE_PERM:
    return "it may not be written";
  case SQLITE_CORRUPT:
    return "it is damaged: restore a backup";
  case SQLITE_NOTADB:
    return "it is no file of events, or damaged at its beginning";
  case SQLITE_CANTOPEN:
    return "it cannot be opened";
  default:
    return message;
  }
}

void evsi_file_failed(evsi_file_db *db, int code) {
  evsi_file_fail(db, code, explain(code, db->sql ? sqlite3_errmsg(db->sql) : "out of memory"));
}

bool evsi_file_is_transient(const evsi_file_db *db) {
  int code = db->error & 0xff;
  return code != SQLITE_CORRUPT && code != SQLITE_NOTADB && code != SQLITE_READONLY && code != SQLITE_PERM &&
         code != SQLITE_SCHEMA;
}

/* ---- statements ------------------------------------------------------------------------------- */

static sqlite3_stmt *prepare(evsi_file_db *db, const char *sql) {
  evsi_file_statement *found = NULL;
  HASH_FIND(hh, db->statements, &sql, sizeof sql, found);
  if (found)
    return found->statement;
  found = evsi_calloc(1, sizeof *found);
  int code = found ? sqlite3_prepare_v3(db->sql, sql, -1, SQLITE_PREPARE_PERSISTENT, &found->statement, NULL)
                   : SQLITE_NOMEM;
  if (code != SQLITE_OK) {
    evsi_file_failed(db, code);
    evsi_free(found);
    return NULL;
  }
  found->text = sql;
  HASH_ADD(hh, db->statements, text, sizeof found->text, found);
  if (found->hh.tbl)
    return found->statement;
  sqlite3_finalize(found->statement);
  evsi_free(found);
  evsi_file_fail(db, SQLITE_NOMEM, "out of memory");
  return NULL;
}

static int bind_bytes(sqlite3_stmt *statement, int at, evs_bytes bytes, bool is_text) {
  if (!bytes.data)
    return sqlite3_bind_null(statement, at);
  return is_text ? sqlite3_bind_text64(statement, at, bytes.data, bytes.size, SQLITE_STATIC, SQLITE_UTF8)
                 : sqlite3_bind_blob64(statement, at, bytes.data, bytes.size, SQLITE_STATIC);
}

static int bind(sqlite3_stmt *statement, const char *types, va_list *values) {
  int code = SQLITE_OK;
  for (int at = 1; *types && code == SQLITE_OK; types++, at++) {
    if (*types == 'i')
      code = sqlite3_bind_int64(statement, at, va_arg(*values, int64_t));
    else if (*types == 't')
      code = bind_bytes(statement, at, evsi_text(va_arg(*values, const char *)), true);
    else
      code = bind_bytes(statement, at, va_arg(*values, evs_bytes), *types == 's');
  }
  return code;
}

static sqlite3_stmt *query(evsi_file_db *db, const char *sql, const char *types, va_list *values) {
  sqlite3_stmt *statement = db->error == SQLITE_OK ? prepare(db, sql) : NULL;
  if (!statement)
    return NULL;
  sqlite3_reset(statement);
  int code = bind(statement, types, values);
  if (code == SQLITE_OK)
    return statement;
  evsi_file_failed(db, code);
  return NULL;
}

sqlite3_stmt *evsi_file_query(evsi_file_db *db, const char *sql, const char *types, ...) {
  va_list values;
  va_start(values, types);
  sqlite3_stmt *statement = query(db, sql, types, &values);
  va_end(values);
  return statement;
}

void evsi_file_done(sqlite3_stmt *statement) {
  if (!statement)
    return;
  sqlite3_reset(statement);
  sqlite3_clear_bindings(statement);
}

bool evsi_file_next(evsi_file_db *db, sqlite3_stmt *statement) {
  if (!statement)
    return false;
  int code = db->error == SQLITE_OK ? sqlite3_step(statement) : SQLITE_DONE;
  if (code == SQLITE_ROW)
    return true;
  if (code != SQLITE_DONE)
    evsi_file_failed(db, sqlite3_extended_errcode(db->sql));
  evsi_file_done(statement);
  return false;
}

int64_t evsi_file_run(evsi_file_db *db, const char *sql, const char *types, ...) {
  va_list values;
  va_start(values, types);
  sqlite3_stmt *statement = query(db, sql, types, &values);
  va_end(values);
  while (evsi_file_next(db, statement)) {
  }
  return statement && db->error == SQLITE_OK ? sqlite3_changes64(db->sql) : 0;
}

int64_t evsi_file_get(evsi_file_db *db, int64_t fallback, const char *sql, const char *types, ...) {
  va_list values;
  va_start(values, types);
  sqlite3_stmt *statement = query(db, sql, types, &values);
  va_end(values);
  if (!evsi_file_next(db, statement))
    return fallback;
  if (sqlite3_column_type(statement, 0) != SQLITE_NULL)
    fallback = sqlite3_column_int64(statement, 0);
  evsi_file_done(statement);
  return fallback;
}

evs_bytes evsi_file_bytes(sqlite3_stmt *statement, int column) {
  if (sqlite3_column_type(statement, column) == SQLITE_NULL)
    return evsi_bytes(NULL, 0);
  const char *data = sqlite3_column_blob(statement, column); /* NULL for one of no bytes */
  return evsi_bytes(data ? data : "", (size_t)sqlite3_column_bytes(statement, column));
}

const char *evsi_file_text(sqlite3_stmt *statement, int column) {
  return (const char *)sqlite3_column_text(statement, column);
}

/* ---- transactions ----------------------------------------------------------------------------- */

bool evsi_file_begin(evsi_file_db *db, bool may_write) {
  db->error = SQLITE_OK;
  db->why[0] = '\0';
  if (may_write)
    evsi_file_run(db, "BEGIN IMMEDIATE", "");
  else
    evsi_file_run(db, "BEGIN", "");
  db->transactions++;
  return db->error == SQLITE_OK;
}

static void roll_back(evsi_file_db *db) {
  if (!sqlite3_get_autocommit(db->sql))
    sqlite3_exec(db->sql, "ROLLBACK", NULL, NULL, NULL);
  /* Room in the log comes back with a checkpoint: what is acknowledged frees more than it needs. */
  if ((db->error & 0xff) == SQLITE_FULL)
    sqlite3_wal_checkpoint_v2(db->sql, NULL, SQLITE_CHECKPOINT_RESTART, NULL, NULL);
}

bool evsi_file_end(evsi_file_db *db) {
  if (db->error == SQLITE_OK)
    evsi_file_run(db, "COMMIT", "");
  if (db->error == SQLITE_OK)
    return true;
  roll_back(db);
  return false;
}

bool evsi_file_is_there(const evsi_file_db *db) {
  struct stat about;
  return stat(db->path, &about) == 0 && about.st_dev == db->device && about.st_ino == db->node;
}

/* ---- room ------------------------------------------------------------------------------------- */

enum { ROOM_MOST = 8 << 20, ROOM_SHARE = 16 };

/* What is written goes into the log, and later into the file, which grows by as much: it takes its room
 * twice, what is in the log already once more, and pages are not filled to the brim. And whoever acknowledges
 * needs the log. */
static uint64_t room_left(const evsi_file_db *db) {
  struct statvfs disk;
  struct stat about;
  char path[4200];
  snprintf(path, sizeof path, "%s-wal", db->path);
  if (statvfs(db->path, &disk) != 0)
    return UINT64_MAX; /* then a commit finds out */
  uint64_t share = (uint64_t)disk.f_blocks * disk.f_frsize / ROOM_SHARE;
  uint64_t log = stat(path, &about) == 0 ? (uint64_t)about.st_size : 0;
  uint64_t taken = log + (share < ROOM_MOST ? share : ROOM_MOST);
  uint64_t free = (uint64_t)disk.f_bavail * disk.f_frsize;
  return free > taken ? (free - taken) / 5 * 2 : 0;
}

bool evsi_file_find_room(evsi_file_db *db, uint64_t needed, uint64_t *out_room) {
  *out_room = room_left(db);
  if (*out_room < needed) {
    sqlite3_wal_checkpoint_v2(db->sql, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
    *out_room = room_left(db);
  }
  if (*out_room >= needed)
    return true;
  db->error = SQLITE_OK;
  evsi_file_fail(db, SQLITE_FULL, "the disk is nearly full: what is left is for acknowledging events");
  return false;
}

void evsi_file_set_full_sync(evsi_file_db *db, bool is_full) {
  if (db->is_full_sync == is_full)
    return;
  db->is_full_sync = is_full;
  sqlite3_exec(db->sql, is_full ? "PRAGMA synchronous=FULL" : "PRAGMA synchronous=NORMAL", NULL, NULL, NULL);
}

bool evsi_file_has_changed(evsi_file_db *db) {
  db->error = SQLITE_OK;
  int64_t before = db->data_version;
  db->data_version = evsi_file_get(db, before, "PRAGMA data_version", "");
  return db->data_version != before;
}

void evsi_file_db_close(evsi_file_db *db) {
  evsi_file_statement *each, *next;
  HASH_ITER(hh, db->statements, each, next) {
    HASH_DEL(db->statements, each);
    sqlite3_finalize(each->statement);
    evsi_free(each);
  }
  sqlite3_close_v2(db->sql);
  db->sql = NULL;
  evsi_free(db->path);
  db->path = NULL;
}
