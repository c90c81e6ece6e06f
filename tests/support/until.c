/* SPDX-License-Identifier: MIT
 * until.c - see until.h. */
#include "support/until.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
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

void test_require(bool condition, const char *what) {
  if (!condition)
    fail_msg("not so: %s", what);
}
