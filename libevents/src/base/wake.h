/* SPDX-License-Identifier: MIT
 * wake.h - tells a host that records wait: one descriptor for event loops, a condition for blocked polls.
 * Wake-ups are at least one, never a count: take until empty, then wait again. */
#ifndef EVSI_WAKE_H
#define EVSI_WAKE_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

/* What there is to take; who waits for one kind is not woken by the other. */
typedef enum evsi_wake_kinds {
  EVSI_WAKE_REPORTS = 1,
  EVSI_WAKE_MESSAGES = 2,
  EVSI_WAKE_ALL = 3
} evsi_wake_kinds;

typedef struct evsi_wake {
  pthread_mutex_t lock;
  pthread_cond_t changed[EVSI_WAKE_ALL + 1]; /* of those who wait for these kinds */
  uint64_t generation;                       /* rises with every signal, for those who wait */
  int fd;
  bool raised;     /* the descriptor is readable, or will be once it is watched */
  bool is_watched; /* somebody asked for the descriptor: before that it costs nothing */
  bool muted;
} evsi_wake;

bool evsi_wake_init(evsi_wake *wake);
void evsi_wake_destroy(evsi_wake *wake);
int evsi_wake_watch(evsi_wake *wake);                          /* gives the descriptor */
void evsi_wake_signal(evsi_wake *wake, evsi_wake_kinds kinds); /* something new waits */
void evsi_wake_keep(evsi_wake *wake); /* something is left: keep the descriptor readable */
/* Lowers the descriptor before taking; returns the generation to wait from. */
uint64_t evsi_wake_lower(evsi_wake *wake);
/* Waits for a newer generation until the deadline on CLOCK_MONOTONIC; false on timeout. */
bool evsi_wake_wait(evsi_wake *wake, evsi_wake_kinds kinds, uint64_t generation, uint64_t deadline_us);
void evsi_wake_mute(evsi_wake *wake); /* no write to the descriptor after this returned */

/* Helpers for conditions on the monotonic clock. */
void evsi_cond_init(pthread_cond_t *cond);
bool evsi_cond_wait(pthread_cond_t *cond, pthread_mutex_t *lock, uint64_t deadline_us);

#endif
