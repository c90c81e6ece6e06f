/* SPDX-License-Identifier: MIT
 * file_open.c - see file_open.h. */
#include "transport/file/file_open.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "file_schema_data.h"

/* ---- where it lies ---------------------------------------------------------------------------- */

/* File systems whose locks or shared memory do not reach the other machines that see the same file. */
static const char *network_kind(const char *folder) {
  static const struct {
    unsigned int magic;
    const char *name;
  } kinds[] = {{0x6969, "NFS"},        {0xff534d42, "CIFS"}, {0xfe534d42, "SMB"}, {0x517b, "SMB"},
               {0x01021997, "9P"},     {0x00c36400, "Ceph"}, {0x5346414f, "AFS"}, {0x73757245, "Coda"},
               {0x0bd00bd0, "Lustre"}, {0x47504653, "GPFS"}};
  struct statfs about;
  if (statfs(folder, &about) != 0)
    return NULL;
  for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
    if ((unsigned int)about.f_type == kinds[i].magic)
      return kinds[i].name;
  }
  return NULL;
}

static void folder_of(const char *path, char *out, size_t size) {
  const char *slash = strrchr(path, '/');
  snprintf(out, size, "%.*s", slash ? (int)(slash - path + (slash == path)) : 1, slash ? path : ".");
}

/* The text is of our own words: no format of others. */
static bool refuse(evsi_file_db *db, const char *why) {
  evsi_file_fail(db, SQLITE_CANTOPEN, why);
  return false;
}

static bool check_place(evsi_file_db *db, const char *path) {
  char folder[4096], text[200];
  struct stat about;
  folder_of(path, folder, sizeof folder);
  if (stat(folder, &about) != 0 || !S_ISDIR(about.st_mode))
    return refuse(db, "its folder does not exist: make it first");
  const char *network = network_kind(folder);
  if (network) {
    snprintf(
        text, sizeof text,
        "it lies on a network file system (%s), where processes on several machines would damage it: use "
        "a local disk, or a server",
        network);
    return refuse(db, text);
  }
  bool is_there = stat(path, &about) == 0;
  if (is_there && !S_ISREG(about.st_mode))
    return refuse(db, "it is no regular file");
  if (access(is_there ? path : folder, W_OK) != 0)
    return refuse(db, is_there ? "it may not be written" : "its folder may not be written");
  if (is_there && access(folder, W_OK) != 0)
    return refuse(db, "its folder may not be written, and SQLite keeps its log there");
  return true;
}

/* ---- what it is ------------------------------------------------------------------------------- */

static int64_t pragma(evsi_file_db *db, const char *sql) {
  return evsi_file_get(db, 0, sql, "");
}

/* What leads from each format to the next one; an empty file has format 0. So one that was brought forward is
 * as if it had been made today. */
static const char *const STEPS[] = {EVSI_SQL_SCHEMA, EVSI_SQL_SCHEMA_2};
_Static_assert(sizeof STEPS / sizeof STEPS[0] == EVSI_FILE_FORMAT, "each format is reached by a step");

static bool bring_forward(evsi_file_db *db, int64_t format) {
  char text[160];
  int code = SQLITE_OK;
  for (int64_t at = format; code == SQLITE_OK && at < EVSI_FILE_FORMAT; at++)
    code = sqlite3_exec(db->sql, STEPS[at], NULL, NULL, NULL);
  snprintf(text, sizeof text, "PRAGMA application_id=%d; PRAGMA user_version=%d", EVSI_FILE_APPLICATION,
           EVSI_FILE_FORMAT);
  if (code == SQLITE_OK)
    code = sqlite3_exec(db->sql, text, NULL, NULL, NULL);
  if (code != SQLITE_OK)
    evsi_file_failed(db, sqlite3_extended_errcode(db->sql));
  return code == SQLITE_OK;
}

/* Within a transaction, so that two that come at the same time make it, or bring it forward, once. */
static bool check_format(evsi_file_db *db) {
  char text[200];
  int64_t application = pragma(db, "PRAGMA application_id"), format = pragma(db, "PRAGMA user_version");
  int64_t tables = evsi_file_get(db, 0, "SELECT count(*) FROM sqlite_schema", "");
  if (db->error != SQLITE_OK)
    return false;
  bool is_empty = application == 0 && format == 0 && tables == 0;
  if (!is_empty && (application != EVSI_FILE_APPLICATION || format < 1))
    return refuse(db, "it is a file of another program");
  if (format == EVSI_FILE_FORMAT)
    return true;
  if (format < EVSI_FILE_FORMAT)
    return bring_forward(db, format);
  snprintf(text, sizeof text,
           "its format is %lld, and this version of libevents knows formats up to %d: use a newer one",
           (long long)format, EVSI_FILE_FORMAT);
  return refuse(db, text);
}

enum { QUICK_TRIES = 50, SLOW_MS = 5 };

/* Soon at first, as others write for a moment only; then less often. */
static int on_busy(void *data, int tries) {
  evsi_file_db *db = data;
  int waited = tries < QUICK_TRIES ? tries : QUICK_TRIES + (tries - QUICK_TRIES) * SLOW_MS;
  if ((uint32_t)waited >= db->patience_ms || (db->give_up && db->give_up(db->give_up_data)))
    return 0;
  sqlite3_sleep(tries < QUICK_TRIES ? 1 : SLOW_MS);
  return 1;
}

static bool set_up(evsi_file_db *db) {
  sqlite3_busy_handler(db->sql, on_busy, db);
  sqlite3_extended_result_codes(db->sql, 1);
  static const char options[] =
      "PRAGMA synchronous=NORMAL; PRAGMA foreign_keys=OFF; PRAGMA temp_store=MEMORY;"
      "PRAGMA cache_size=-16000; PRAGMA wal_autocheckpoint=4000;"
      "PRAGMA journal_size_limit=67108864;";
  if (sqlite3_exec(db->sql, options, NULL, NULL, NULL) == SQLITE_OK)
    return true;
  evsi_file_failed(db, sqlite3_extended_errcode(db->sql));
  return false;
}

static bool set_journal(evsi_file_db *db) {
  sqlite3_stmt *mode = evsi_file_query(db, "PRAGMA journal_mode=WAL", "");
  bool is_wal = evsi_file_next(db, mode) && strcmp(evsi_file_text(mode, 0), "wal") == 0;
  evsi_file_done(mode);
  if (!is_wal && db->error == SQLITE_OK)
    refuse(db, "its file system offers no shared memory, which SQLite's log needs: use another one");
  return is_wal;
}

bool evsi_file_open(evsi_file_db *db, const char *path, bool *out_fatal) {
  db->error = SQLITE_OK;
  db->why[0] = '\0';
  *out_fatal = false;
  if (!db->path && !(db->path = evsi_strdup(path))) {
    evsi_file_fail(db, SQLITE_NOMEM, "out of memory");
    return false;
  }
  if (!check_place(db, path)) {
    *out_fatal = true;
    return false;
  }
  int code =
      sqlite3_open_v2(path, &db->sql, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, NULL);
  if (code != SQLITE_OK)
    evsi_file_failed(db, code);
  bool is_open = code == SQLITE_OK && set_up(db);
  if (is_open && evsi_file_begin(db, true)) { /* looked at before anything in it is changed */
    check_format(db);
    evsi_file_end(db);
  }
  is_open = is_open && db->error == SQLITE_OK && set_journal(db);
  struct stat about;
  if (is_open && stat(path, &about) == 0) {
    db->device = about.st_dev;
    db->node = about.st_ino;
  }
  if (is_open)
    return true;
  *out_fatal = !evsi_file_is_transient(db) || (db->error & 0xff) == SQLITE_CANTOPEN;
  return false;
}
