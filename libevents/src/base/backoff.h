/* SPDX-License-Identifier: MIT
 * backoff.h - delays before retries, for publisher, consumer and connections alike. Pure but for jitter. */
#ifndef EVSI_BACKOFF_H
#define EVSI_BACKOFF_H

#include <stdint.h>

#include "base/env.h"

typedef struct evsi_retry_policy {
  uint32_t max_retries;
  int32_t strategy; /* EVS_BACKOFF_… */
  uint64_t base_delay_ms;
  uint64_t max_delay_ms;
  double jitter; /* 0 to 1: a delay is spread over [1 - jitter, 1 + jitter] */
} evsi_retry_policy;

/* Milliseconds before retry number `retry` (from 1), spread by the policy's jitter. */
uint64_t evsi_backoff_delay(const evsi_env *env, const evsi_retry_policy *policy, uint32_t retry);

/* The same without jitter: base; base * 2^(n-1); base * Fib(n); capped at max. */
uint64_t evsi_backoff_plain(int32_t strategy, uint64_t base_ms, uint64_t max_ms, uint32_t retry);

#endif
