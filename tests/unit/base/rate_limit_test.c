/* SPDX-License-Identifier: MIT
 * rate_limit_test.c - the limiters against what they promise, under random schedules in virtual time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/rate_limit.h"
#include "support/counts.h"
#include "unit/support/shortage.h"

enum { PASSED_MAX = 6000 };

static uint64_t random_state;

static uint64_t roll(uint64_t below) {
  random_state ^= random_state << 13;
  random_state ^= random_state >> 7;
  random_state ^= random_state << 17;
  return random_state % below;
}

static evsi_limiter *limiter_of(evsi_rate_strategy strategy, uint32_t requests, uint64_t window_us) {
  const evsi_rate rate = {strategy, requests, window_us};
  evsi_limiter *limiter = evsi_limiter_new(&rate, 0);
  assert_non_null(limiter);
  return limiter;
}

static bool passes(evsi_limiter *limiter, uint64_t now_us) {
  uint64_t wait_us = 0;
  bool passed = evsi_limiter_take(limiter, now_us, &wait_us);
  assert_true(passed || wait_us > 0);
  return passed;
}

static void a_window_lets_as_many_pass_as_it_says_and_the_next_when_the_first_is_over(void **state) {
  (void)state;
  uint64_t wait_us = 0;
  evsi_limiter *limiter = limiter_of(EVSI_RATE_SLIDING_WINDOW, 2, 1000);
  assert_true(passes(limiter, 100));
  assert_true(passes(limiter, 600));
  assert_false(evsi_limiter_take(limiter, 1000, &wait_us));
  assert_int_equal(wait_us, 100);
  assert_false(passes(limiter, 1099));
  assert_true(passes(limiter, 1100));
  assert_false(passes(limiter, 1599));
  assert_true(passes(limiter, 1600));
  evsi_limiter_free(limiter);
}

static void a_window_has_no_second_burst_at_its_boundary(void **state) {
  (void)state;
  evsi_limiter *limiter = limiter_of(EVSI_RATE_SLIDING_WINDOW, 5, 1000);
  for (int i = 0; i < 5; i++)
    assert_true(passes(limiter, 999));
  for (uint64_t now = 1000; now < 1999; now++)
    assert_false(passes(limiter, now));
  for (int i = 0; i < 5; i++)
    assert_true(passes(limiter, 1999));
  assert_false(passes(limiter, 1999));
  evsi_limiter_free(limiter);
}

static void a_bucket_fills_evenly_and_no_higher_than_full(void **state) {
  (void)state;
  uint64_t wait_us = 0;
  evsi_limiter *limiter = limiter_of(EVSI_RATE_TOKEN_BUCKET, 4, 1000);
  for (int i = 0; i < 4; i++)
    assert_true(passes(limiter, 5000));
  assert_false(evsi_limiter_take(limiter, 5000, &wait_us));
  assert_int_equal(wait_us, 250);
  assert_false(passes(limiter, 5249));
  assert_true(passes(limiter, 5250));
  for (int i = 0; i < 4; i++)
    assert_true(passes(limiter, 900000));
  assert_false(passes(limiter, 900000));
  evsi_limiter_free(limiter);
}

/* What would pass by the definition, from all that passed before. */
static bool window_model(const uint64_t *passed, size_t count, const evsi_rate *rate, uint64_t now_us) {
  size_t within = 0;
  for (size_t i = 0; i < count; i++)
    within += now_us - passed[i] < rate->window_us;
  return within < rate->max_requests;
}

/* The same for a bucket, which holds requests times window, in numbers that cannot overflow here. */
typedef struct bucket {
  uint64_t level, at_us;
} bucket;

static bool bucket_model(bucket *b, const evsi_rate *rate, uint64_t now_us) {
  uint64_t full = rate->max_requests * rate->window_us;
  uint64_t level = b->level + (now_us - b->at_us) * rate->max_requests;
  b->level = level < full ? level : full;
  b->at_us = now_us;
  if (b->level < rate->window_us)
    return false;
  b->level -= rate->window_us;
  return true;
}

static void try_schedule(evsi_rate_strategy strategy, uint64_t seed) {
  static uint64_t passed[PASSED_MAX];
  random_state = seed * 2654435761u + 88172645463325252u;
  const evsi_rate rate = {strategy, (uint32_t)(1 + roll(20)), 1 + roll(5000)};
  evsi_limiter *limiter = evsi_limiter_new(&rate, 0);
  bucket b = {rate.max_requests * rate.window_us, 0};
  uint64_t now = roll(1000), wait = 0;
  size_t count = 0;
  for (int i = 0; i < 200; i++) {
    bool expected = strategy == EVSI_RATE_TOKEN_BUCKET ? bucket_model(&b, &rate, now)
                                                       : window_model(passed, count, &rate, now);
    bool got = evsi_limiter_take(limiter, now, &wait);
    if (got != expected)
      fail_msg("seed %llu: request %d at %llu: %d", (unsigned long long)seed, i, (unsigned long long)now,
               got);
    if (got)
      passed[count++] = now;
    /* often just when it said, or a moment before */
    now += !got && roll(2) ? wait - roll(2) : roll(3) ? roll(10) : roll(2 * rate.window_us);
  }
  evsi_limiter_free(limiter);
}

static void windows_are_exact_under_random_schedules(void **state) {
  (void)state;
  for (int seed = 1; seed <= test_count("rate_schedules"); seed++)
    try_schedule(EVSI_RATE_SLIDING_WINDOW, (uint64_t)seed);
}

static void buckets_are_exact_under_random_schedules(void **state) {
  (void)state;
  for (int seed = 1; seed <= test_count("rate_schedules"); seed++)
    try_schedule(EVSI_RATE_TOKEN_BUCKET, (uint64_t)seed);
}

/* Past 4,096 requests times are rounded: to the safe side, and by a 4,096th of the window. */
static void a_wide_window_never_lets_more_pass_and_is_late_by_little(void **state) {
  (void)state;
  enum { REQUESTS = 5000, WINDOW = 1000000 };
  static uint64_t passed[200000];
  evsi_limiter *limiter = limiter_of(EVSI_RATE_SLIDING_WINDOW, REQUESTS, WINDOW);
  size_t count = 0;
  random_state = 42;
  for (uint64_t now = 0; now < 4 * WINDOW; now += roll(120)) {
    if (passes(limiter, now))
      passed[count++] = now;
  }
  for (size_t i = REQUESTS; i < count; i++)
    assert_true(passed[i] - passed[i - REQUESTS] >= WINDOW);
  assert_true(count > 19000);
  evsi_limiter_free(limiter);
}

static void the_widest_bucket_does_not_overflow(void **state) {
  (void)state;
  uint64_t window_us = EVSI_RATE_WINDOW_MAX_MS * 1000, wait_us = 0;
  evsi_limiter *limiter = limiter_of(EVSI_RATE_TOKEN_BUCKET, EVSI_RATE_REQUESTS_MAX, window_us);
  for (int i = 0; i < 1000; i++)
    assert_true(passes(limiter, 1));
  assert_true(passes(limiter, window_us)); /* nearly a window later it holds no more than full */
  assert_false(evsi_limiter_is_rested(limiter, window_us));
  assert_true(evsi_limiter_is_rested(limiter, 2 * window_us));
  evsi_limiter_free(limiter);
  limiter = limiter_of(EVSI_RATE_TOKEN_BUCKET, 1, window_us);
  assert_true(passes(limiter, 0));
  assert_false(evsi_limiter_take(limiter, 1, &wait_us));
  assert_int_equal(wait_us, window_us - 1);
  evsi_limiter_free(limiter);
}

static void a_limiter_is_rested_when_nothing_counts_any_more(void **state) {
  (void)state;
  evsi_limiter *limiter = limiter_of(EVSI_RATE_SLIDING_WINDOW, 3, 1000);
  assert_true(evsi_limiter_is_rested(limiter, 0));
  assert_true(passes(limiter, 10));
  assert_false(evsi_limiter_is_rested(limiter, 1009));
  assert_true(evsi_limiter_is_rested(limiter, 1010));
  evsi_limiter_free(limiter);
}

static void without_memory_a_window_still_never_lets_more_pass(void **state) {
  (void)state;
  enum { REQUESTS = 100, WINDOW = 10000 };
  uint64_t passed[1000];
  size_t count = 0;
  for (long allowed = 0; allowed < 2; allowed++) {
    const evsi_rate rate = {EVSI_RATE_SLIDING_WINDOW, REQUESTS, WINDOW};
    shortage_begin(allowed, true);
    assert_null(evsi_limiter_new(&rate, 0));
    assert_true(shortage_end());
  }
  evsi_limiter *limiter = limiter_of(EVSI_RATE_SLIDING_WINDOW, REQUESTS, WINDOW);
  shortage_begin(0, true); /* it cannot grow */
  for (uint64_t now = 0; now < 10 * WINDOW; now += 37) {
    if (passes(limiter, now))
      passed[count++] = now;
  }
  for (size_t i = REQUESTS; i < count; i++)
    assert_true(passed[i] - passed[i - REQUESTS] >= WINDOW);
  assert_true(shortage_end());
  assert_true(count > REQUESTS);
  evsi_limiter_free(limiter);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_window_lets_as_many_pass_as_it_says_and_the_next_when_the_first_is_over),
      cmocka_unit_test(a_window_has_no_second_burst_at_its_boundary),
      cmocka_unit_test(a_bucket_fills_evenly_and_no_higher_than_full),
      cmocka_unit_test(windows_are_exact_under_random_schedules),
      cmocka_unit_test(buckets_are_exact_under_random_schedules),
      cmocka_unit_test(a_wide_window_never_lets_more_pass_and_is_late_by_little),
      cmocka_unit_test(the_widest_bucket_does_not_overflow),
      cmocka_unit_test(a_limiter_is_rested_when_nothing_counts_any_more),
      cmocka_unit_test(without_memory_a_window_still_never_lets_more_pass),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
