/* SPDX-License-Identifier: MIT
 * wake.h - tells a host that records wait: one descriptor for event loops, a condition for blocked polls.
 * Wake-ups are at least one, never a count: take until empty, then wait again. */
#ifndef EVSI_WAKE_H
#define EVSI_WAKE_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct evsi_wake {
  pthread_mutex_t lock;
  pthread_cond_t changed;
  uint64_t generation; /* rises with every signal, for those who wait */
  int fd;
  bool raised; /* the descriptor is readable */
  bool muted;
} evsi_wake;

bool evsi_wake_init(evsi_wake *wake);
void evsi_wake_destroy(evsi_wake *wake);
void evsi_wake_signal(evsi_wake *wake); /* something new waits */
void evsi_wake_keep(evsi_wake *wake);   /* something is left: keep the descriptor readable */
/* Lowers the descriptor before taking; returns the generation to wait from. */
uint64_t evsi_wake_lower(evsi_wake *wake);
/* Waits for a newer generation until the deadline on CLOCK_MONOTONIC; false on timeout. */
bool evsi_wake_wait(evsi_wake *wake, uint64_t generation, uint64_t deadline_us);
void evsi_wake_mute(evsi_wake *wake); /* no write to the descriptor after this returned */

/* Helpers for conditions on the monotonic clock. */
void evsi_cond_init(pthread_cond_t *cond);
bool evsi_cond_wait(pthread_cond_t *cond, pthread_mutex_t *lock, uint64_t deadline_us);

#endif
