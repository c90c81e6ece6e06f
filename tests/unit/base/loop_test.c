/* SPDX-License-Identifier: MIT
 * loop_test.c - the loop goes on whatever its timers do. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/env.h"

typedef struct fixture {
  const evsi_io *io;
  evsi_loop *loop;
  evsi_timer *first, *second;
  int fired, woken, file;
} fixture;

static void on_wake(void *data) {
  fixture *f = data;
  f->woken++;
  f->io->loop_stop(f->loop);
}

static void start(fixture *f, void (*first)(void *data), void (*second)(void *data)) {
  f->io = evsi_env_default()->io;
  f->loop = f->io->loop_new(on_wake, f);
  f->first = f->io->timer_new(f->loop, first, f);
  f->second = f->io->timer_new(f->loop, second, f);
  alarm(60); /* a loop that never reads ends the test */
}

static void end(fixture *f) {
  alarm(0);
  f->io->timer_free(f->first);
  f->io->timer_free(f->second);
  f->io->loop_free(f->loop);
}

static void again_at_once(void *data) {
  fixture *f = data;
  if (f->fired++ == 0)
    f->io->loop_wake(f->loop);
  f->io->timer_start(f->first, 0);
}

static void not_used(void *data) {
  (void)data;
  fail();
}

static void a_timer_that_starts_itself_at_once_does_not_keep_the_loop_from_reading(void **state) {
  (void)state;
  fixture f = {0};
  start(&f, again_at_once, not_used);
  f.io->timer_start(f.first, 0);
  f.io->loop_run(f.loop);
  assert_int_equal(f.woken, 1);
  assert_in_range(f.fired, 1, 4);
  end(&f);
}

static void start_second(void *data) {
  fixture *f = data;
  if (f->fired++ == 0)
    f->io->loop_wake(f->loop);
  f->io->timer_start(f->second, 0);
}

static void start_first(void *data) {
  fixture *f = data;
  f->io->timer_start(f->first, 0);
}

static void timers_that_start_each_other_do_not_keep_the_loop_from_reading(void **state) {
  (void)state;
  fixture f = {0};
  start(&f, start_second, start_first);
  f.io->timer_start(f.first, 0);
  f.io->loop_run(f.loop);
  assert_int_equal(f.woken, 1);
  assert_in_range(f.fired, 1, 4);
  end(&f);
}

static void start_and_stop(void *data) {
  fixture *f = data;
  if (f->fired++ > 0) {
    f->io->loop_wake(f->loop);
    return;
  }
  f->io->timer_start(f->second, 0);
  f->io->timer_stop(f->second);
  f->io->timer_start(f->first, 0);
}

static void a_timer_that_waits_for_its_turn_can_be_stopped(void **state) {
  (void)state;
  fixture f = {0};
  start(&f, start_and_stop, not_used);
  f.io->timer_start(f.first, 0);
  f.io->loop_run(f.loop);
  assert_int_equal(f.fired, 2);
  end(&f);
}

static void free_the_held(void *data) {
  fixture *f = data;
  f->io->timer_free(f->second);
  f->second = NULL;
  f->io->loop_wake(f->loop);
}

static void hold_both(void *data) {
  fixture *f = data;
  f->io->timer_start(f->first, 0);
  f->io->timer_start(f->second, 0);
}

static void a_timer_that_waits_for_its_turn_can_be_freed(void **state) {
  (void)state;
  fixture f = {0};
  start(&f, free_the_held, not_used);
  evsi_timer *begin = f.io->timer_new(f.loop, hold_both, &f);
  f.io->timer_start(begin, 0);
  f.io->loop_run(f.loop);
  assert_int_equal(f.woken, 1);
  f.io->timer_free(begin);
  end(&f);
}

static void on_changed(void *data) {
  fixture *f = data;
  f->fired++;
  f->io->loop_stop(f->loop);
}

static void write_byte(void *data) {
  const fixture *f = data;
  assert_int_equal(pwrite(f->file, "!", 1, 0), 1);
}

static void a_watch_tells_when_the_file_is_written_to(void **state) {
  (void)state;
  char path[] = "/tmp/events-XXXXXX";
  fixture f = {.file = mkstemp(path)};
  assert_true(f.file >= 0);
  start(&f, write_byte, not_used);
  evsi_watch *watch = f.io->watch_new(f.loop, path, on_changed, &f);
  assert_non_null(watch);
  f.io->timer_start(f.first, 0);
  f.io->loop_run(f.loop);
  assert_int_equal(f.fired, 1);
  f.io->watch_free(watch);
  end(&f);
  close(f.file);
  unlink(path);
}

static void what_is_not_there_cannot_be_watched(void **state) {
  (void)state;
  fixture f = {0};
  start(&f, not_used, not_used);
  assert_null(f.io->watch_new(f.loop, "/nowhere/at all", on_changed, &f));
  end(&f);
}

/* Stands still until the timer is due, with something to read behind it. */
static void stand_still_once(void *data) {
  fixture *f = data;
  uint64_t until = evsi_env_default()->now_ms() + 20;
  if (f->woken++ > 0)
    return;
  f->io->loop_wake(f->loop);
  while (evsi_env_default()->now_ms() < until) {
  }
}

static void stop_when_late(void *data) {
  fixture *f = data;
  f->fired++;
  assert_int_equal(f->woken, 2);
  f->io->loop_stop(f->loop);
}

static void what_arrived_in_time_is_read_before_a_timer_that_is_late_fires(void **state) {
  (void)state;
  fixture f = {.io = evsi_env_default()->io};
  f.loop = f.io->loop_new(stand_still_once, &f);
  f.first = f.io->timer_new(f.loop, stop_when_late, &f);
  alarm(60);
  f.io->timer_start(f.first, 5);
  f.io->loop_wake(f.loop);
  f.io->loop_run(f.loop);
  assert_int_equal(f.fired, 1);
  end(&f);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_timer_that_starts_itself_at_once_does_not_keep_the_loop_from_reading),
      cmocka_unit_test(timers_that_start_each_other_do_not_keep_the_loop_from_reading),
      cmocka_unit_test(a_timer_that_waits_for_its_turn_can_be_stopped),
      cmocka_unit_test(a_timer_that_waits_for_its_turn_can_be_freed),
      cmocka_unit_test(a_watch_tells_when_the_file_is_written_to),
      cmocka_unit_test(what_is_not_there_cannot_be_watched),
      cmocka_unit_test(what_arrived_in_time_is_read_before_a_timer_that_is_late_fires),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
