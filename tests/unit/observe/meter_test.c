/* SPDX-License-Identifier: MIT
 * meter_test.c - rates are what a list of all moments gives. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "observe/meter.h"

enum { SECOND = 1000 };

static evsi_meter_clock clock_of_all;
static evsi_meter meter;
static uint64_t now, count;

static void look(uint64_t after_ms, uint64_t more) {
  now += after_ms;
  count += more;
  bool is_new = evsi_meter_clock_look(&clock_of_all, now);
  evsi_meter_look(&meter, &clock_of_all, is_new, count);
}

static void begin(void) {
  now = 77;
  count = 0;
  meter = (evsi_meter){0};
  evsi_meter_clock_init(&clock_of_all, now);
}

static evsi_meter_reading read_meter(void) {
  return evsi_meter_read(&meter, &clock_of_all);
}

static void nothing_is_a_rate_of_zero(void **state) {
  (void)state;
  begin();
  assert_true(read_meter().second == 0 && read_meter().minute == 0);
  look(SECOND, 0);
  assert_true(read_meter().second == 0 && read_meter().five_minutes == 0);
}

static void a_steady_rate_is_the_same_in_all_windows(void **state) {
  (void)state;
  begin();
  for (int i = 0; i < 1000; i++) {
    look(SECOND, 10);
    evsi_meter_reading found = read_meter();
    assert_true(found.second == 10 && found.minute == 10 && found.five_minutes == 10);
  }
}

static void a_burst_leaves_each_window_when_that_is_over(void **state) {
  (void)state;
  begin();
  for (int i = 0; i < 400; i++)
    look(SECOND, 0);
  look(SECOND, 600);
  assert_true(read_meter().second == 600);
  look(SECOND, 0);
  assert_true(read_meter().second == 0);
  assert_true(read_meter().minute >= 10 && read_meter().minute < 11);
  assert_true(read_meter().five_minutes >= 2 && read_meter().five_minutes < 2.1);
  for (int i = 0; i < 60; i++)
    look(SECOND, 0);
  assert_true(read_meter().minute == 0 && read_meter().five_minutes >= 2);
  for (int i = 0; i < 240; i++)
    look(SECOND, 0);
  assert_true(read_meter().five_minutes == 0);
}

static void a_late_look_is_counted_by_its_time(void **state) {
  (void)state;
  begin();
  look(4 * SECOND, 20);
  assert_true(read_meter().second == 5 && read_meter().minute == 5);
  look(0, 0);
  assert_true(read_meter().second == 0 && read_meter().minute == 5);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(nothing_is_a_rate_of_zero),
      cmocka_unit_test(a_steady_rate_is_the_same_in_all_windows),
      cmocka_unit_test(a_burst_leaves_each_window_when_that_is_over),
      cmocka_unit_test(a_late_look_is_counted_by_its_time),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
