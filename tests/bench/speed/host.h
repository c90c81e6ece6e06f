/* SPDX-License-Identifier: MIT
 * host.h - what measured programs in C do with libevents: open, offer events, take reports, handle. What
 * fails ends the program. */
#ifndef BENCH_HOST_H
#define BENCH_HOST_H

#include <stdatomic.h>

#include "libevents.h"
#include "program.h"

enum { BATCH = 512, PATIENCE_MS = 30000, RATE = 5000 };

typedef struct job {
  const char *transport; /* the JSON of one */
  long count;
  long number; /* what stands after the role: ROLE/NUMBER */
  payload body;
} job;

/* A role is a name and what it does. */
typedef struct role {
  const char *name;
  void (*play)(const job *j);
} role;

/* Plays the role that the command line names: ROLE[/NUMBER] CONFIG COUNT PAYLOAD. Gives the exit status. */
int play_role(int argc, char **argv, const role *roles, size_t count);

/* Takes events until there were as many as asked for. */
typedef struct taker {
  evs_system *system;
  long count;
  uint64_t *ages; /* how old each is, where given */
  atomic_long handled;
} taker;

/* Opens a system with one transport and `more` members of the configuration (",…"), and connects it. */
evs_system *host_open(const char *transport, const char *more);
void host_close(evs_system *system);
/* A request without parameters. */
void host_call(evs_system *system, const char *method);

/* Subscribes by a pattern, with a reader that is far ahead. */
void host_subscribe(evs_system *system, const char *pattern);

/* Offers up to BATCH events of `type` from number `first` on; gives how many were taken. */
size_t host_offer(evs_system *system, const job *j, const char *type, long first);

/* Takes the reports that are there, waiting up to `wait_ms` for the first; gives how many events were stored
 * and counts the refused ones, which end the program where `refused` is NULL. */
long host_reports(evs_system *system, uint32_t wait_ms, long *refused);

/* Takes up to `most` events and acknowledges them; gives how many there were within `wait_ms`. */
long host_take(taker *t, uint32_t most, uint32_t wait_ms);
/* Until all that the taker is to take is handled. */
void host_take_all(taker *t);
/* The same as the body of a thread, of a `taker *`. */
void *host_take_thread(void *data);

#endif
