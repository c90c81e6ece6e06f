/* SPDX-License-Identifier: MIT
 * rate_limit.h - may another one pass now, and if not, when? Counts one stream of requests; whoever shares it
 * locks it. Pure: the caller brings the time. */
#ifndef EVSI_RATE_LIMIT_H
#define EVSI_RATE_LIMIT_H

#include <stdbool.h>
#include <stdint.h>

typedef enum {
  EVSI_RATE_SLIDING_WINDOW, /* at most so many in any window, wherever it begins */
  EVSI_RATE_TOKEN_BUCKET    /* so many at once when rested; the window brings back as many, evenly */
} evsi_rate_strategy;

/* The product of both is below 2^63. */
enum { EVSI_RATE_REQUESTS_MAX = 100000000 };
#define EVSI_RATE_WINDOW_MAX_MS UINT64_C(86400000)

typedef struct evsi_rate {
  evsi_rate_strategy strategy;
  uint32_t max_requests; /* 1 to EVSI_RATE_REQUESTS_MAX */
  uint64_t window_us;    /* 1 to EVSI_RATE_WINDOW_MAX_MS, in microseconds */
} evsi_rate;

typedef struct evsi_limiter evsi_limiter;

/* NULL when memory is short. now_us: of a monotonic clock, here and below. */
evsi_limiter *evsi_limiter_new(const evsi_rate *rate, uint64_t now_us);
void evsi_limiter_free(evsi_limiter *limiter);

/* True: one passed, and counts. False: none does before *out_wait_us (1 or more) are over. */
bool evsi_limiter_take(evsi_limiter *limiter, uint64_t now_us, uint64_t *out_wait_us);

/* Is it as it was when it was new? */
bool evsi_limiter_is_rested(evsi_limiter *limiter, uint64_t now_us);

#endif
