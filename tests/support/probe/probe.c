/* SPDX-License-Identifier: MIT
 * probe.c - lets tests in Python drive the inside of the publisher by hand, with a clock of their own:
 * limiters and batchers as they are, and the pauses between attempts. */
#include <stdlib.h>
#include <string.h>

#include "base/backoff.h"
#include "base/rate_limit.h"
#include "publish/batcher.h"

#pragma GCC visibility push(default)

/* ---- limiters ---------------------------------------------------------------------------------- */

void *probe_limiter(int strategy, uint32_t requests, uint64_t window_us, uint64_t now_us);
int64_t probe_limiter_take(void *limiter, uint64_t now_us);
void probe_limiter_free(void *limiter);

void *probe_limiter(int strategy, uint32_t requests, uint64_t window_us, uint64_t now_us) {
  const evsi_rate rate = {(evsi_rate_strategy)strategy, requests, window_us};
  return evsi_limiter_new(&rate, now_us);
}

/* 0: it passed; else how long to wait. */
int64_t probe_limiter_take(void *limiter, uint64_t now_us) {
  uint64_t wait_us = 0;
  return evsi_limiter_take(limiter, now_us, &wait_us) ? 0 : (int64_t)wait_us;
}

void probe_limiter_free(void *limiter) {
  evsi_limiter_free(limiter);
}

/* ---- pauses ------------------------------------------------------------------------------------ */

static uint32_t given_roll;

static bool give_roll(void *bytes, size_t size) {
  memcpy(bytes, &given_roll, size < sizeof given_roll ? size : sizeof given_roll);
  return true;
}

uint64_t probe_pause(int strategy, uint64_t base_ms, uint64_t max_ms, double jitter, uint32_t roll,
                     uint32_t retry);

/* As evsi_backoff_delay() with this random number. */
uint64_t probe_pause(int strategy, uint64_t base_ms, uint64_t max_ms, double jitter, uint32_t roll,
                     uint32_t retry) {
  const evsi_env env = {.random = give_roll};
  const evsi_retry_policy policy = {0, strategy, base_ms, max_ms, jitter};
  given_roll = roll;
  return evsi_backoff_delay(&env, &policy, retry);
}

/* ---- batchers ---------------------------------------------------------------------------------- */

enum { EVENTS_MAX = 512 };

typedef struct probe_event {
  evsi_send send;
  struct {
    evsi_job job;
    evsi_send none[1];
  } owner;
  char topic[16], batch_key[16];
} probe_event;

typedef struct probe_batcher {
  evsi_batcher *batcher;
  probe_event events[EVENTS_MAX]; /* by number, which is the order of acceptance */
} probe_batcher;

void *probe_batcher_new(int strategy, uint32_t max_size, uint64_t max_bytes, uint32_t max_wait_ms,
                        uint32_t max_concurrent);
void probe_batcher_free(probe_batcher *probe);
void probe_batcher_add(probe_batcher *probe, uint32_t number, const char *topic, int32_t partition,
                       const char *batch_key, uint64_t bytes, uint64_t now_ms);
uint32_t probe_batcher_take(probe_batcher *probe, uint32_t *out_numbers);
int64_t probe_batcher_tick(probe_batcher *probe, uint64_t now_ms);
void probe_batcher_done(probe_batcher *probe, uint32_t number);
void probe_batcher_again(probe_batcher *probe, uint32_t number);
void probe_batcher_remove(probe_batcher *probe, uint32_t number);
void probe_batcher_flush(probe_batcher *probe);

void *probe_batcher_new(int strategy, uint32_t max_size, uint64_t max_bytes, uint32_t max_wait_ms,
                        uint32_t max_concurrent) {
  const evsi_batching policy = {
      true, (evsi_batch_strategy)strategy, max_size, max_bytes, max_wait_ms, max_concurrent};
  probe_batcher *probe = calloc(1, sizeof *probe);
  if (probe)
    probe->batcher = evsi_batcher_new(&policy);
  return probe;
}

void probe_batcher_free(probe_batcher *probe) {
  evsi_batcher_free(probe->batcher);
  free(probe);
}

void probe_batcher_add(probe_batcher *probe, uint32_t number, const char *topic, int32_t partition,
                       const char *batch_key, uint64_t bytes, uint64_t now_ms) {
  static const char zeros[1 << 16];
  probe_event *event = &probe->events[number];
  strncpy(event->topic, topic, sizeof event->topic - 1);
  strncpy(event->batch_key, batch_key, sizeof event->batch_key - 1);
  event->owner.job.started_us = now_ms * 1000;
  event->owner.job.batch_key = evsi_text(event->batch_key);
  event->send = (evsi_send){.job = &event->owner.job, .sequence = number};
  event->send.event.topic = evsi_text(event->topic);
  event->send.event.partition = partition;
  event->send.event.data = evsi_bytes(zeros, bytes < sizeof zeros ? bytes : sizeof zeros);
  evsi_batcher_add(probe->batcher, &event->send);
}

uint32_t probe_batcher_take(probe_batcher *probe, uint32_t *out_numbers) {
  evsi_send *sends[EVENTS_MAX];
  size_t count = evsi_batcher_take(probe->batcher, sends, EVENTS_MAX);
  for (size_t i = 0; i < count; i++)
    out_numbers[i] = (uint32_t)sends[i]->sequence;
  return (uint32_t)count;
}

/* When something is due next, or -1. */
int64_t probe_batcher_tick(probe_batcher *probe, uint64_t now_ms) {
  uint64_t next = evsi_batcher_tick(probe->batcher, now_ms);
  return next == UINT64_MAX ? -1 : (int64_t)next;
}

void probe_batcher_done(probe_batcher *probe, uint32_t number) {
  evsi_batcher_done(probe->batcher, &probe->events[number].send);
}

void probe_batcher_again(probe_batcher *probe, uint32_t number) {
  evsi_batcher_again(probe->batcher, &probe->events[number].send);
}

void probe_batcher_remove(probe_batcher *probe, uint32_t number) {
  evsi_batcher_remove(probe->batcher, &probe->events[number].send);
}

void probe_batcher_flush(probe_batcher *probe) {
  evsi_batcher_flush(probe->batcher);
}
