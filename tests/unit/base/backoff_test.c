/* SPDX-License-Identifier: MIT
 * backoff_test.c - delays at their limits, and the spread of jitter. Ordinary delays are in the vectors. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/backoff.h"

static uint32_t roll;
static bool has_random;

static bool give_roll(void *bytes, size_t size) {
  memcpy(bytes, &roll, size < sizeof roll ? size : sizeof roll);
  return has_random;
}

static uint64_t delay(double jitter, uint32_t given_roll, uint32_t retry) {
  const evsi_env env = {.random = give_roll};
  evsi_retry_policy policy = {
      .strategy = EVS_BACKOFF_EXPONENTIAL, .base_delay_ms = 1000, .max_delay_ms = 10000, .jitter = jitter};
  roll = given_roll;
  return evsi_backoff_delay(&env, &policy, retry);
}

static void huge_retry_numbers_stay_at_the_cap(void **state) {
  (void)state;
  assert_int_equal(evsi_backoff_plain(EVS_BACKOFF_EXPONENTIAL, 1, 30000, UINT32_MAX), 30000);
  assert_int_equal(evsi_backoff_plain(EVS_BACKOFF_FIBONACCI, 1, 30000, UINT32_MAX), 30000);
  assert_true(evsi_backoff_plain(EVS_BACKOFF_EXPONENTIAL, 3, UINT64_MAX, 200) == UINT64_MAX);
  assert_true(evsi_backoff_plain(EVS_BACKOFF_FIBONACCI, 3, UINT64_MAX, 200) == UINT64_MAX);
  assert_int_equal(evsi_backoff_plain(EVS_BACKOFF_FIBONACCI, 0, 30000, UINT32_MAX), 0);
}

static void a_base_above_the_cap_is_capped(void **state) {
  (void)state;
  for (int32_t strategy = EVS_BACKOFF_FIXED; strategy <= EVS_BACKOFF_FIBONACCI; strategy++)
    assert_int_equal(evsi_backoff_plain(strategy, 5000, 200, 1), 200);
}

static void jitter_spreads_evenly_to_both_sides(void **state) {
  (void)state;
  has_random = true;
  assert_int_equal(delay(0.2, 0, 1), 800);
  assert_in_range(delay(0.2, UINT32_MAX / 2, 1), 999, 1000);
  assert_in_range(delay(0.2, UINT32_MAX, 1), 1199, 1200);
}

static void jitter_never_passes_the_cap(void **state) {
  (void)state;
  has_random = true;
  assert_int_equal(delay(0.5, UINT32_MAX, 10), 10000);
  assert_int_equal(delay(0.5, 0, 10), 5000);
}

static void without_random_numbers_the_plain_delay_is_used(void **state) {
  (void)state;
  has_random = false;
  assert_int_equal(delay(0.5, 0, 2), 2000);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(huge_retry_numbers_stay_at_the_cap),
      cmocka_unit_test(a_base_above_the_cap_is_capped),
      cmocka_unit_test(jitter_spreads_evenly_to_both_sides),
      cmocka_unit_test(jitter_never_passes_the_cap),
      cmocka_unit_test(without_random_numbers_the_plain_delay_is_used),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
