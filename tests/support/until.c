/* SPDX-License-Identifier: MIT
 * until.c - see until.h. */
#include "support/until.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

uint64_t test_now_ms(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

void test_pause(void) {
  struct timespec moment = {.tv_nsec = 3000000};
  nanosleep(&moment, NULL);
}

uint64_t test_deadline_ms(void) {
  return 60000;
}

void test_failed(const char *what) {
  fail_msg("not so: %s", what);
  abort(); /* fail_msg() has jumped out of the test */
}
