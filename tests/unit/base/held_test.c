/* SPDX-License-Identifier: MIT
 * held_test.c - the clock that stands still: timers by due time, moved by the test alone. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/held.h"

enum { TIMERS = 3 };

static struct {
  evsi_loop *loop;
  evsi_timer *timers[TIMERS];
  int again; /* times that a timer starts itself again */
  uint64_t again_ms;
  char fired[64];
} world;

static void on_wake(void *data) {
  (void)data;
}

static void fire(void *data) {
  evsi_timer **which = data;
  size_t size = strlen(world.fired);
  snprintf(world.fired + size, sizeof world.fired - size, "%c", (char)('a' + (which - world.timers)));
  if (world.again-- > 0)
    evsi_io_held.timer_start(*which, world.again_ms);
}

static int open_world(void **state) {
  (void)state;
  memset(&world, 0, sizeof world);
  world.loop = evsi_io_held.loop_new(on_wake, NULL);
  for (int i = 0; i < TIMERS; i++)
    world.timers[i] = evsi_io_held.timer_new(world.loop, fire, &world.timers[i]);
  return world.loop ? 0 : -1;
}

static int close_world(void **state) {
  (void)state;
  for (int i = 0; i < TIMERS; i++)
    evsi_io_held.timer_free(world.timers[i]);
  evsi_io_held.loop_free(world.loop);
  return 0;
}

static void start(int which, uint64_t delay_ms) {
  evsi_io_held.timer_start(world.timers[which], delay_ms);
}

static uint64_t now_us(void) {
  return evsi_now_us(evsi_held_env(world.loop));
}

static void move(uint64_t ms) {
  evsi_held_move(world.loop, now_us() + ms * 1000);
}

static void a_held_clock_goes_when_it_is_moved_only(void **state) {
  (void)state;
  const evsi_env *env = evsi_held_env(world.loop);
  uint64_t began_us = evsi_now_us(env), began_wall_ms = evsi_wall_ms(env);
  uint64_t until_ms = evsi_now_ms(evsi_env_default()) + 2;
  while (evsi_now_ms(evsi_env_default()) < until_ms)
    assert_int_equal(evsi_now_us(env), began_us);
  move(1500);
  assert_int_equal(evsi_now_us(env), began_us + 1500000);
  assert_int_equal(evsi_now_ms(env), (began_us + 1500000) / 1000);
  assert_int_equal(evsi_wall_ms(env), began_wall_ms + 1500);
  evsi_held_move(world.loop, began_us);
  assert_int_equal(evsi_now_us(env), began_us + 1500000);
}

static void timers_fire_in_the_order_of_their_time_then_of_their_start(void **state) {
  (void)state;
  start(0, 20);
  start(1, 10);
  start(2, 10);
  assert_int_equal(evsi_held_next_us(world.loop), now_us() + 10000);
  move(9);
  assert_false(evsi_held_fire(world.loop));
  move(1);
  assert_true(evsi_held_fire(world.loop));
  assert_string_equal(world.fired, "bc");
  move(1000);
  assert_true(evsi_held_fire(world.loop));
  assert_string_equal(world.fired, "bca");
  assert_int_equal(evsi_held_next_us(world.loop), UINT64_MAX);
}

static void a_timer_that_starts_itself_waits_for_the_next_firing(void **state) {
  (void)state;
  world.again = 2;
  start(0, 0);
  for (int turn = 0; turn < 3; turn++)
    assert_true(evsi_held_fire(world.loop));
  assert_false(evsi_held_fire(world.loop));
  assert_string_equal(world.fired, "aaa");
}

static void a_timer_that_was_stopped_or_started_anew_fires_at_its_last_time_only(void **state) {
  (void)state;
  start(0, 10);
  start(1, 10);
  evsi_io_held.timer_stop(world.timers[0]);
  start(1, 30);
  move(10);
  assert_false(evsi_held_fire(world.loop));
  move(20);
  assert_true(evsi_held_fire(world.loop));
  assert_string_equal(world.fired, "b");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(a_held_clock_goes_when_it_is_moved_only, open_world, close_world),
      cmocka_unit_test_setup_teardown(timers_fire_in_the_order_of_their_time_then_of_their_start, open_world,
                                      close_world),
      cmocka_unit_test_setup_teardown(a_timer_that_starts_itself_waits_for_the_next_firing, open_world,
                                      close_world),
      cmocka_unit_test_setup_teardown(a_timer_that_was_stopped_or_started_anew_fires_at_its_last_time_only,
                                      open_world, close_world),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
