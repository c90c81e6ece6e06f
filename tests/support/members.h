/* SPDX-License-Identifier: MIT
 * members.h - starts the programs of support/member, ends them, and reads the ledger that members share. */
#ifndef MEMBERS_H
#define MEMBERS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

typedef struct ledger_line {
  char id[64], type[64], subscription[64], group[64];
  int attempt, deliveries;
  pid_t pid;
  bool ready, held, failed;
} ledger_line;

typedef struct test_ledger {
  char path[64];
  int file;
  char *rest; /* of a line whose end is not there yet */
  size_t rest_size;
  ledger_line *lines;
  size_t count, capacity;
} test_ledger;

void ledger_open(test_ledger *ledger);
/* Reads what was added; gives the number of lines. */
size_t ledger_read(test_ledger *ledger);
void ledger_close(test_ledger *ledger); /* removes the file */
/* Handled events (lines of a process that say so) so far; pid 0: of all. */
size_t ledger_handled(test_ledger *ledger, pid_t pid);

/* Starts a member; words as for its command line, NULL at the end, without --ledger. */
pid_t member_start(test_ledger *ledger, const char *program, const char *const *words);
/* Starts the program that makes one request and stays (support/member/caller.c). */
pid_t caller_start(const char *program, const char *config, const char *method, const char *params);
/* Waits until it is subscribed, and fails the test when it ends instead. */
void member_ready(test_ledger *ledger, pid_t pid);
/* Has it ended by itself? Then it is gone from here, too. */
bool member_ended(pid_t pid);
void member_kill(pid_t pid); /* SIGKILL */
/* SIGTERM; gives the exit status, -1 when it ended otherwise. */
int member_stop(pid_t pid);
/* Kills those that are still there: for teardown. */
void members_end(void);

#endif
