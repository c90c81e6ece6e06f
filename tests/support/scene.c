/* SPDX-License-Identifier: MIT
 * scene.c - see scene.h. */
#include "support/scene.h"

#include <errno.h>
#include <signal.h>
#include <sqlite3.h>
#include <sys/wait.h>

#include "support/members.h"
#include "support/until.h"

test_store store;
test_ledger book;

int scene_redis(void **state) {
  (void)state;
  store_start_redis(&store);
  ledger_open(&book);
  return 0;
}

int scene_file(void **state) {
  (void)state;
  store_start_file(&store);
  ledger_open(&book);
  return 0;
}

static bool can_write(void) {
  enum { OTHERS_MS = 1000 };
  sqlite3 *file = NULL;
  test_require(sqlite3_open(store.place, &file) == SQLITE_OK, "the file opens");
  sqlite3_busy_timeout(file, OTHERS_MS);
  bool can = sqlite3_exec(file, "BEGIN IMMEDIATE; ROLLBACK", NULL, NULL, NULL) == SQLITE_OK;
  sqlite3_close(file);
  return can;
}

/* kill() returns before all threads stand still. */
static void stop(pid_t pid) {
  int status = 0;
  pid_t found = -1;
  test_require(kill(pid, SIGSTOP) == 0, "the member is there");
  do
    found = waitpid(pid, &status, WUNTRACED);
  while (found < 0 && errno == EINTR);
  test_require(found == pid && WIFSTOPPED(status), "the member stands still");
}

void scene_freeze(pid_t pid) {
  for (;;) {
    stop(pid);
    if (!store.is_file || can_write())
      return;
    test_require(kill(pid, SIGCONT) == 0, "the member is there");
  }
}

int scene_end(void **state) {
  (void)state;
  members_end();
  ledger_close(&book);
  store_stop(&store);
  return 0;
}
