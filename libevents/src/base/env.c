/* SPDX-License-Identifier: MIT
 * env.c - the real clock and random numbers. The loop is in loop_uv.c. */
#include "base/env.h"

#include <errno.h>
#include <sys/random.h>
#include <time.h>

static uint64_t clock_us(clockid_t id) {
  struct timespec ts;
  clock_gettime(id, &ts);
  return (uint64_t)ts.tv_sec * 1000000u + (uint64_t)ts.tv_nsec / 1000u;
}

static uint64_t now_us(void) {
  return clock_us(CLOCK_MONOTONIC);
}

static uint64_t now_ms(void) {
  return clock_us(CLOCK_MONOTONIC) / 1000u;
}

static uint64_t wall_ms(void) {
  return clock_us(CLOCK_REALTIME) / 1000u;
}

static bool random_bytes(void *bytes, size_t size) {
  char *at = bytes;
  while (size > 0) {
    ssize_t got = getrandom(at, size, 0);
    if (got < 0 && errno == EINTR)
      continue;
    if (got <= 0)
      return false;
    at += got;
    size -= (size_t)got;
  }
  return true;
}

const evsi_env *evsi_env_default(void) {
  static const evsi_env env = {
      .now_ms = now_ms, .now_us = now_us, .wall_ms = wall_ms, .random = random_bytes, .io = &evsi_io_uv};
  return &env;
}
