/* SPDX-License-Identifier: MIT
 * rate_limit.c - see rate_limit.h. In whole numbers only, so that nothing drifts. */
#include "base/rate_limit.h"

#include <stddef.h>

#include "base/alloc.h"

/* Requests that pass at one time, or nearly, are kept together; so a window of any number of requests takes
 * at most this many places. Up to so many requests nothing is rounded. */
enum { RUNS_MAX = 4096, RUNS_FIRST = 16 };

typedef struct run {
  uint64_t first_us, last_us; /* all of them count until a window after the last: late, never early */
  uint64_t count;
} run;

struct evsi_limiter {
  evsi_rate rate;
  /* token bucket: one request is worth a window, and each microsecond brings max_requests */
  uint64_t level;
  uint64_t level_us;
  /* sliding window: a ring of what passed within the last window, oldest first */
  run *runs;
  size_t head, used, capacity;
  uint64_t passed;
};

static uint64_t full_level(const evsi_rate *rate) {
  return rate->max_requests * rate->window_us;
}

evsi_limiter *evsi_limiter_new(const evsi_rate *rate, uint64_t now_us) {
  evsi_limiter *limiter = evsi_calloc(1, sizeof *limiter);
  if (!limiter)
    return NULL;
  limiter->rate = *rate;
  limiter->level = full_level(rate);
  limiter->level_us = now_us;
  limiter->capacity = RUNS_FIRST;
  limiter->runs = evsi_calloc(limiter->capacity, sizeof *limiter->runs);
  if (limiter->runs)
    return limiter;
  evsi_free(limiter);
  return NULL;
}

void evsi_limiter_free(evsi_limiter *limiter) {
  if (!limiter)
    return;
  evsi_free(limiter->runs);
  evsi_free(limiter);
}

/* ---- token bucket ----------------------------------------------------------------------------- */

static void refill(evsi_limiter *limiter, uint64_t now_us) {
  const evsi_rate *rate = &limiter->rate;
  uint64_t elapsed = now_us - limiter->level_us, full = full_level(rate);
  limiter->level_us = now_us;
  /* A whole window fills it; less than that cannot overflow. */
  uint64_t level = elapsed >= rate->window_us ? full : limiter->level + elapsed * rate->max_requests;
  limiter->level = level < full ? level : full;
}

static bool take_token(evsi_limiter *limiter, uint64_t now_us, uint64_t *out_wait_us) {
  const evsi_rate *rate = &limiter->rate;
  refill(limiter, now_us);
  if (limiter->level >= rate->window_us) {
    limiter->level -= rate->window_us;
    return true;
  }
  *out_wait_us = (rate->window_us - limiter->level + rate->max_requests - 1) / rate->max_requests;
  return false;
}

/* ---- sliding window --------------------------------------------------------------------------- */

static run *run_at(const evsi_limiter *limiter, size_t index) {
  return &limiter->runs[(limiter->head + index) % limiter->capacity];
}

static void forget_old(evsi_limiter *limiter, uint64_t now_us) {
  while (limiter->used > 0 && now_us - run_at(limiter, 0)->last_us >= limiter->rate.window_us) {
    limiter->passed -= run_at(limiter, 0)->count;
    limiter->head = (limiter->head + 1) % limiter->capacity;
    limiter->used--;
  }
}

static bool grow(evsi_limiter *limiter) {
  size_t more = limiter->capacity * 2;
  run *runs = evsi_calloc(more, sizeof *runs);
  if (!runs)
    return false;
  for (size_t i = 0; i < limiter->used; i++)
    runs[i] = *run_at(limiter, i);
  evsi_free(limiter->runs);
  limiter->runs = runs;
  limiter->head = 0;
  limiter->capacity = more;
  return true;
}

/* Without memory it joins the last run, whose requests count longer for that. */
static void note_passed(evsi_limiter *limiter, uint64_t now_us) {
  const evsi_rate *rate = &limiter->rate;
  uint64_t near = rate->max_requests > RUNS_MAX ? rate->window_us / RUNS_MAX + 1 : 1;
  run *last = limiter->used > 0 ? run_at(limiter, limiter->used - 1) : NULL;
  bool joins = last && now_us - last->first_us < near;
  limiter->passed++;
  if (!last || (!joins && (limiter->used < limiter->capacity || grow(limiter)))) {
    *run_at(limiter, limiter->used++) = (run){now_us, now_us, 1};
    return;
  }
  last->last_us = now_us;
  last->count++;
}

static bool take_place(evsi_limiter *limiter, uint64_t now_us, uint64_t *out_wait_us) {
  forget_old(limiter, now_us);
  if (limiter->passed < limiter->rate.max_requests) {
    note_passed(limiter, now_us);
    return true;
  }
  *out_wait_us = run_at(limiter, 0)->last_us + limiter->rate.window_us - now_us;
  return false;
}

/* ---- both ------------------------------------------------------------------------------------- */

bool evsi_limiter_take(evsi_limiter *limiter, uint64_t now_us, uint64_t *out_wait_us) {
  return limiter->rate.strategy == EVSI_RATE_TOKEN_BUCKET ? take_token(limiter, now_us, out_wait_us)
                                                          : take_place(limiter, now_us, out_wait_us);
}

bool evsi_limiter_is_rested(evsi_limiter *limiter, uint64_t now_us) {
  if (limiter->rate.strategy == EVSI_RATE_TOKEN_BUCKET)
    refill(limiter, now_us);
  else
    forget_old(limiter, now_us);
  return limiter->used == 0 && limiter->level == full_level(&limiter->rate);
}
