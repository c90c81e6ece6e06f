/* SPDX-License-Identifier: MIT
 * file_crash_acceptance_test.c - the machine stops at every single write of a run, in the midst of it or
 * before it: afterwards every event whose publisher was told so is there, and nothing is half there. */
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "support/host.h"
#include "support/until.h"

enum { EVENTS = 12, WRITES = 200, WRITES_MAX = 4000 };

/* ---- a disk that stops ------------------------------------------------------------------------ */

static atomic_int writes_left;
static atomic_bool is_down;
static sqlite3_vfs *real_vfs, disk;

typedef struct disk_file {
  sqlite3_file base;
  sqlite3_file *real;
} disk_file;

static sqlite3_file *real_of(sqlite3_file *file) {
  return ((disk_file *)file)->real;
}

static int disk_close(sqlite3_file *file) {
  return real_of(file)->pMethods->xClose(real_of(file));
}

static int disk_read(sqlite3_file *file, void *bytes, int size, sqlite3_int64 at) {
  return is_down ? SQLITE_IOERR_READ : real_of(file)->pMethods->xRead(real_of(file), bytes, size, at);
}

/* The write at which it stops gets half of its bytes to the disk. */
static int disk_write(sqlite3_file *file, const void *bytes, int size, sqlite3_int64 at) {
  if (is_down)
    return SQLITE_IOERR_WRITE;
  if (atomic_fetch_sub(&writes_left, 1) > 1)
    return real_of(file)->pMethods->xWrite(real_of(file), bytes, size, at);
  is_down = true;
  if (size > 1)
    real_of(file)->pMethods->xWrite(real_of(file), bytes, size / 2, at);
  return SQLITE_IOERR_WRITE;
}

static int disk_truncate(sqlite3_file *file, sqlite3_int64 size) {
  return is_down ? SQLITE_IOERR_TRUNCATE : real_of(file)->pMethods->xTruncate(real_of(file), size);
}

static int disk_sync(sqlite3_file *file, int flags) {
  return is_down ? SQLITE_IOERR_FSYNC : real_of(file)->pMethods->xSync(real_of(file), flags);
}

static int disk_size(sqlite3_file *file, sqlite3_int64 *out_size) {
  return real_of(file)->pMethods->xFileSize(real_of(file), out_size);
}

static int disk_lock(sqlite3_file *file, int level) {
  return real_of(file)->pMethods->xLock(real_of(file), level);
}

static int disk_unlock(sqlite3_file *file, int level) {
  return real_of(file)->pMethods->xUnlock(real_of(file), level);
}

static int disk_check_lock(sqlite3_file *file, int *out_is_reserved) {
  return real_of(file)->pMethods->xCheckReservedLock(real_of(file), out_is_reserved);
}

static int disk_control(sqlite3_file *file, int operation, void *argument) {
  return real_of(file)->pMethods->xFileControl(real_of(file), operation, argument);
}

static int disk_sector(sqlite3_file *file) {
  return real_of(file)->pMethods->xSectorSize(real_of(file));
}

static int disk_traits(sqlite3_file *file) {
  return real_of(file)->pMethods->xDeviceCharacteristics(real_of(file));
}

static int disk_shm_map(sqlite3_file *file, int page, int size, int extend, void volatile **out) {
  return real_of(file)->pMethods->xShmMap(real_of(file), page, size, extend, out);
}

static int disk_shm_lock(sqlite3_file *file, int offset, int count, int flags) {
  return real_of(file)->pMethods->xShmLock(real_of(file), offset, count, flags);
}

static void disk_shm_barrier(sqlite3_file *file) {
  real_of(file)->pMethods->xShmBarrier(real_of(file));
}

static int disk_shm_unmap(sqlite3_file *file, int is_deleted) {
  return real_of(file)->pMethods->xShmUnmap(real_of(file), is_deleted);
}

static int disk_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags, int *out_flags) {
  static const sqlite3_io_methods methods = {.iVersion = 2,
                                             .xClose = disk_close,
                                             .xRead = disk_read,
                                             .xWrite = disk_write,
                                             .xTruncate = disk_truncate,
                                             .xSync = disk_sync,
                                             .xFileSize = disk_size,
                                             .xLock = disk_lock,
                                             .xUnlock = disk_unlock,
                                             .xCheckReservedLock = disk_check_lock,
                                             .xFileControl = disk_control,
                                             .xSectorSize = disk_sector,
                                             .xDeviceCharacteristics = disk_traits,
                                             .xShmMap = disk_shm_map,
                                             .xShmLock = disk_shm_lock,
                                             .xShmBarrier = disk_shm_barrier,
                                             .xShmUnmap = disk_shm_unmap};
  disk_file *made = (disk_file *)file;
  (void)vfs;
  made->real = (sqlite3_file *)(made + 1);
  int code = is_down ? SQLITE_CANTOPEN : real_vfs->xOpen(real_vfs, name, made->real, flags, out_flags);
  file->pMethods = code == SQLITE_OK ? &methods : NULL;
  return code;
}

static int disk_delete(sqlite3_vfs *vfs, const char *name, int is_synced) {
  (void)vfs;
  return is_down ? SQLITE_IOERR_DELETE : real_vfs->xDelete(real_vfs, name, is_synced);
}

static void use_disk(void) {
  real_vfs = sqlite3_vfs_find(NULL);
  disk = *real_vfs;
  disk.zName = "a disk that stops";
  disk.szOsFile = (int)sizeof(disk_file) + real_vfs->szOsFile;
  disk.xOpen = disk_open;
  disk.xDelete = disk_delete;
  sqlite3_vfs_register(&disk, 1);
}

/* ---- a run ------------------------------------------------------------------------------------ */

static char folder[64], path[96];
static bool is_stored[EVENTS];

static int remove_one(const char *name, const struct stat *about, int kind, struct FTW *place) {
  (void)about, (void)kind, (void)place;
  return remove(name);
}

static evs_system *open_file(void) {
  return host_open(
      "{\"service\":\"s\",\"publisher\":{\"retry\":{\"maxRetries\":0}},\"transports\":{\"main\":{\"type\":"
      "\"file\",\"path\":\"%s\"}}}",
      path);
}

static void note_reports(evs_system *system) {
  host_report report;
  while (host_report_of(system, EVS_REPORT_PUBLISH, &report, 10)) {
    if (report.outcome == EVS_OUTCOME_STORED)
      is_stored[report.token - 1] = true;
  }
}

static bool all_stored(void) {
  for (int i = 0; i < EVENTS; i++) {
    if (!is_stored[i])
      return false;
  }
  return true;
}

static void acknowledge_some(evs_system *system) {
  host_message message;
  while (host_take(system, &message, 10))
    host_ack(system, message.delivery);
}

/* Publishes and consumes until all is done or the disk stops. */
static void run_until_the_disk_stops(int writes) {
  char *answer = NULL, id[16];
  memset(is_stored, 0, sizeof is_stored);
  writes_left = writes;
  evs_system *system = open_file();
  host_subscribe(system, "{\"pattern\":\"order.*\"}");
  if (evs_call(system, "connect", "{}", 2, 300, &answer, NULL) == EVS_OK)
    evs_string_free(answer);
  for (int i = 0; i < EVENTS && !is_down; i++) {
    evs_event event = host_event("order.placed", "{\"some\":\"body\"}");
    snprintf(id, sizeof id, "e-%d", i);
    event.id = host_bytes(id);
    event.token = (uint64_t)i + 1;
    assert_int_equal(evs_publish(system, &event, 1, NULL, NULL), EVS_OK);
    note_reports(system);
    acknowledge_some(system);
  }
  uint64_t end = test_now_ms() + test_deadline_ms();
  while (!is_down && !all_stored() && test_now_ms() < end)
    note_reports(system);
  note_reports(system);
  host_close(system, 0);
}

static bool is_there(const json_t *entries, int event) {
  char id[16];
  size_t i;
  json_t *entry;
  snprintf(id, sizeof id, "e-%d", event);
  json_array_foreach(entries, i, entry) {
    const char *found = json_string_value(json_object_get(json_object_get(entry, "header"), "id"));
    if (found && strcmp(found, id) == 0)
      return true;
  }
  return false;
}

static void check_what_is_there(int writes) {
  evs_system *system = open_file();
  json_decref(host_call(system, "connect", "{}"));
  json_t *tail = host_call(system, "tail", "{\"from\":\"start\"}"),
         *check = host_call(system, "file.check", "{}");
  json_t *books = host_call(system, "conservation", "{}");
  for (int i = 0; i < EVENTS; i++) {
    if (is_stored[i] && !is_there(json_object_get(tail, "entries"), i))
      fail_msg("stopped at write %d: event %d was stored and is gone", writes, i);
  }
  if (!json_is_true(json_object_get(check, "ok")) || !json_is_true(json_object_get(books, "holds")))
    fail_msg("stopped at write %d: something is half there", writes);
  json_decref(tail);
  json_decref(check);
  json_decref(books);
  host_close(system, 2000);
}

/* How many writes from one stop to the next: a run has about 200 of them. */
static int step(void) {
  json_t *counts = json_load_file(EVS_SOURCE_DIR "/tests/support/counts.json", 0, NULL);
  const json_t *row = json_object_get(counts, "crash_stops");
  json_int_t stops = json_integer_value(json_object_get(row, getenv("EVS_LONG") ? "long" : "short"));
  json_decref(counts);
  return stops > 0 && stops < WRITES ? WRITES / (int)stops : 1;
}

static void whatever_write_the_machine_stops_at_nothing_that_was_stored_is_lost(void **state) {
  bool has_stopped = true;
  int stops = 0;
  (void)state;
  use_disk();
  for (int writes = 1; has_stopped && writes < WRITES_MAX; writes += step(), stops++) {
    snprintf(folder, sizeof folder, "/tmp/events-XXXXXX");
    test_require(mkdtemp(folder) != NULL, "a temporary folder");
    snprintf(path, sizeof path, "%s/events.db", folder);
    run_until_the_disk_stops(writes);
    has_stopped = is_down;
    is_down = false;
    writes_left = 1 << 30;
    check_what_is_there(writes);
    nftw(folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
  }
  assert_false(has_stopped); /* the last run came to its end */
  assert_true(stops > 10);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(whatever_write_the_machine_stops_at_nothing_that_was_stored_is_lost),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
