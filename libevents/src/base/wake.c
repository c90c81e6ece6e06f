/* SPDX-License-Identifier: MIT
 * wake.c - see wake.h. */
#include "base/wake.h"

#include <errno.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

void evsi_cond_init(pthread_cond_t *cond) {
  pthread_condattr_t attributes;
  pthread_condattr_init(&attributes);
  pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
  pthread_cond_init(cond, &attributes);
  pthread_condattr_destroy(&attributes);
}

bool evsi_cond_wait(pthread_cond_t *cond, pthread_mutex_t *lock, uint64_t deadline_us) {
  struct timespec until = {.tv_sec = (time_t)(deadline_us / 1000000u),
                           .tv_nsec = (long)(deadline_us % 1000000u) * 1000};
  return pthread_cond_timedwait(cond, lock, &until) != ETIMEDOUT;
}

bool evsi_wake_init(evsi_wake *wake) {
  wake->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  if (wake->fd < 0)
    return false;
  pthread_mutex_init(&wake->lock, NULL);
  for (int kinds = 0; kinds <= EVSI_WAKE_ALL; kinds++)
    evsi_cond_init(&wake->changed[kinds]);
  wake->generation = 0;
  wake->raised = wake->is_watched = wake->muted = false;
  return true;
}

void evsi_wake_destroy(evsi_wake *wake) {
  close(wake->fd);
  for (int kinds = 0; kinds <= EVSI_WAKE_ALL; kinds++)
    pthread_cond_destroy(&wake->changed[kinds]);
  pthread_mutex_destroy(&wake->lock);
}

/* @locks wake->lock */
static void raise_fd(evsi_wake *wake) {
  uint64_t one = 1;
  if (wake->raised || wake->muted)
    return;
  wake->raised = !wake->is_watched || write(wake->fd, &one, sizeof one) == sizeof one;
}

int evsi_wake_watch(evsi_wake *wake) {
  pthread_mutex_lock(&wake->lock);
  bool was_raised = wake->raised && !wake->is_watched;
  wake->is_watched = true;
  if (was_raised) {
    wake->raised = false;
    raise_fd(wake);
  }
  pthread_mutex_unlock(&wake->lock);
  return wake->fd;
}

/* Whoever is woken while the lock is held would at once wait for that. */
void evsi_wake_signal(evsi_wake *wake, evsi_wake_kinds kinds) {
  pthread_mutex_lock(&wake->lock);
  wake->generation++;
  raise_fd(wake);
  pthread_mutex_unlock(&wake->lock);
  for (int waited = 1; waited <= EVSI_WAKE_ALL; waited++)
    if (waited & kinds)
      pthread_cond_broadcast(&wake->changed[waited]);
}

void evsi_wake_keep(evsi_wake *wake) {
  pthread_mutex_lock(&wake->lock);
  raise_fd(wake);
  pthread_mutex_unlock(&wake->lock);
}

uint64_t evsi_wake_lower(evsi_wake *wake) {
  uint64_t count;
  pthread_mutex_lock(&wake->lock);
  if (wake->raised && (!wake->is_watched || read(wake->fd, &count, sizeof count) == sizeof count))
    wake->raised = false;
  uint64_t generation = wake->generation;
  pthread_mutex_unlock(&wake->lock);
  return generation;
}

bool evsi_wake_wait(evsi_wake *wake, evsi_wake_kinds kinds, uint64_t generation, uint64_t deadline_us) {
  bool in_time = true;
  pthread_mutex_lock(&wake->lock);
  while (wake->generation == generation && in_time)
    in_time = evsi_cond_wait(&wake->changed[kinds], &wake->lock, deadline_us);
  bool changed = wake->generation != generation;
  pthread_mutex_unlock(&wake->lock);
  return changed;
}

void evsi_wake_mute(evsi_wake *wake) {
  pthread_mutex_lock(&wake->lock);
  wake->muted = true;
  pthread_mutex_unlock(&wake->lock);
}
