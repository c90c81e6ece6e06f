/* SPDX-License-Identifier: MIT
 * backoff.c - how long to wait before a retry. Whether to retry at all is the caller's business. */
#include "base/backoff.h"

/* Doubling or Fibonacci pass any 64-bit cap long before this many steps. */
enum { BACKOFF_STEPS_MAX = 128 };

static uint64_t add_capped(uint64_t a, uint64_t b, uint64_t cap) {
  return a >= cap || b >= cap - a ? cap : a + b;
}

static uint64_t fibonacci_delay(uint64_t base, uint64_t cap, uint32_t retry) {
  uint64_t before = 0, now = base < cap ? base : cap;
  for (uint32_t i = 1; i < retry && i < BACKOFF_STEPS_MAX && now < cap; i++) {
    uint64_t next = add_capped(before, now, cap);
    before = now;
    now = next;
  }
  return now;
}

static uint64_t exponential_delay(uint64_t base, uint64_t cap, uint32_t retry) {
  uint64_t now = base < cap ? base : cap;
  for (uint32_t i = 1; i < retry && i < BACKOFF_STEPS_MAX && now < cap; i++)
    now = add_capped(now, now, cap);
  return now;
}

uint64_t evsi_backoff_plain(int32_t strategy, uint64_t base_ms, uint64_t max_ms, uint32_t retry) {
  if (strategy == EVS_BACKOFF_FIBONACCI)
    return fibonacci_delay(base_ms, max_ms, retry);
  if (strategy == EVS_BACKOFF_EXPONENTIAL)
    return exponential_delay(base_ms, max_ms, retry);
  return base_ms < max_ms ? base_ms : max_ms;
}

uint64_t evsi_backoff_delay(const evsi_env *env, const evsi_retry_policy *policy, uint32_t retry) {
  uint64_t delay = evsi_backoff_plain(policy->strategy, policy->base_delay_ms, policy->max_delay_ms, retry);
  double jitter = policy->jitter < 0 ? 0 : policy->jitter > 1 ? 1 : policy->jitter;
  uint32_t roll;
  /* Without random numbers the plain delay is still right, only less spread; who holds the clock reckons. */
  if (jitter <= 0 || delay == 0 || env->held || !env->random(&roll, sizeof roll))
    return delay;
  double factor = 1 - jitter + 2 * jitter * ((double)roll / (double)UINT32_MAX);
  double spread = (double)delay * factor;
  /* The cap holds for what is waited, not only for what was planned. */
  return spread >= (double)policy->max_delay_ms ? policy->max_delay_ms : (uint64_t)spread;
}
