/* SPDX-License-Identifier: MIT
 * file_admin.c - the requests `file.check`, `file.vacuum` and `file.backup`: about the file as such. They run
 * outside of a transaction, and take as long as the file is large: meanwhile this worker does nothing else.
 */
#include <string.h>
#include <sys/stat.h>

#include "transport/file/file_open.h"
#include "transport/file/file_request.h"

enum { PROBLEMS_MOST = 100 };

static int64_t pages(evsi_file_db *db, const char *pragma) {
  return evsi_file_get(db, 0, pragma, "") * evsi_file_get(db, 0, "PRAGMA page_size", "");
}

static json_t *problems_of(evsi_file_db *db) {
  json_t *problems = json_array();
  sqlite3_stmt *row = evsi_file_query(db, "PRAGMA integrity_check", "");
  while (evsi_file_next(db, row)) {
    if (strcmp(evsi_file_text(row, 0), "ok") != 0 && json_array_size(problems) < PROBLEMS_MOST)
      json_array_append_new(problems, evsi_file_json_text(row, 0));
  }
  return problems;
}

/* Rows that belong to nothing: no statement of ours leaves any. */
static void check_rows(evsi_file_db *db, json_t *problems) {
  if (evsi_file_get(db, 0, "SELECT count(*) FROM pending WHERE reader NOT IN (SELECT id FROM reader)", "") >
      0)
    json_array_append_new(problems, json_string("entries are pending for a group that is not there"));
  if (evsi_file_get(db, 0, "SELECT count(*) FROM reader WHERE stream NOT IN (SELECT id FROM stream)", "") > 0)
    json_array_append_new(problems, json_string("a group reads a stream that is not there"));
  if (evsi_file_get(db, 0, "SELECT count(*) FROM letter WHERE stream NOT IN (SELECT id FROM stream)", "") > 0)
    json_array_append_new(problems, json_string("dead letters belong to a stream that is not there"));
}

/* As this connection has them; `synchronous` is what the last publish wanted. */
static json_t *pragmas_of(evsi_file_db *db) {
  json_t *pragmas = json_object();
  sqlite3_stmt *mode = evsi_file_query(db, "PRAGMA journal_mode", "");
  if (evsi_file_next(db, mode))
    json_object_set_new(pragmas, "journal_mode", evsi_file_json_text(mode, 0));
  evsi_file_done(mode);
  json_object_set_new(pragmas, "synchronous", json_integer(evsi_file_get(db, -1, "PRAGMA synchronous", "")));
  json_object_set_new(pragmas, "page_size", json_integer(evsi_file_get(db, -1, "PRAGMA page_size", "")));
  json_object_set_new(pragmas, "cache_size", json_integer(evsi_file_get(db, 0, "PRAGMA cache_size", "")));
  json_object_set_new(pragmas, "wal_autocheckpoint",
                      json_integer(evsi_file_get(db, -1, "PRAGMA wal_autocheckpoint", "")));
  return pragmas;
}

void evsi_file_request_check(evsi_file_request *request) {
  evsi_file_db *db = &request->store->db;
  json_t *problems = problems_of(db);
  check_rows(db, problems);
  evsi_file_answer(request,
                   json_pack("{s:s,s:b,s:o,s:I,s:I,s:I,s:o}", "path", db->path, "ok",
                             json_array_size(problems) == 0, "problems", problems, "format",
                             (json_int_t)evsi_file_get(db, 0, "PRAGMA user_version", ""), "bytes",
                             (json_int_t)pages(db, "PRAGMA page_count"), "freeBytes",
                             (json_int_t)pages(db, "PRAGMA freelist_count"), "pragmas", pragmas_of(db)));
}

void evsi_file_request_vacuum(evsi_file_request *request) {
  evsi_file_db *db = &request->store->db;
  int64_t before = pages(db, "PRAGMA page_count");
  evsi_file_run(db, "VACUUM", "");
  evsi_file_run(db, "PRAGMA wal_checkpoint(TRUNCATE)", "");
  evsi_file_answer(request, json_pack("{s:s,s:I,s:I}", "path", db->path, "bytesBefore", (json_int_t)before,
                                      "bytes", (json_int_t)pages(db, "PRAGMA page_count")));
}

/* All of one moment, while others write. */
void evsi_file_request_backup(evsi_file_request *request) {
  const char *to = evsi_file_param(request, "to");
  struct stat about;
  if (!to) {
    evsi_file_refuse(request, EVS_VALIDATION, "to is required: the path of a file that is not there yet");
    return;
  }
  if (stat(to, &about) == 0) {
    evsi_file_refuse(request, EVS_CONFLICT, "%.300s is there already: a backup overwrites nothing", to);
    return;
  }
  evsi_file_run(&request->store->db, "VACUUM INTO ?", "t", to);
  if (stat(to, &about) == 0)
    evsi_file_answer(request, json_pack("{s:s,s:I}", "to", to, "bytes", (json_int_t)about.st_size));
}
