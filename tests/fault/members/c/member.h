/* SPDX-License-Identifier: MIT
 * member.h - the member program in C: reads its job (tests/fault/README.md), writes its ledger, publishes or
 * handles events until it is told to stop. It does the same as member.py and member.mjs. */
#ifndef FAULT_MEMBER_H
#define FAULT_MEMBER_H

#include <jansson.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "libevents.h"

typedef struct member {
  json_t *job;
  const char *folder;
  evs_system *system;
  int ledger;
  atomic_long runs;
  atomic_int hung; /* handlers that never end */
} member;

/* Set by SIGTERM. */
extern volatile sig_atomic_t member_stopping;

/* Ends the process with a message. */
_Noreturn void member_fail(const char *what, const evs_error *error);
void member_sleep(long ms);

/* Appends a line {"what": …} with the time, in one write. Takes over `line`. */
void member_write(member *self, const char *what, json_t *line);
/* Leaves a mark that outlives the process; false where it was there. */
bool member_mark(const member *self, const char *id, long number);

/* Publishes all events of the job's file, in batches. */
void member_publish(member *self);
/* One handler thread: takes messages until the system is closed. */
void *member_consume(void *data);

#endif
