/* SPDX-License-Identifier: MIT
 * until.h - waiting for a state with a deadline, never by sleeping for a guessed time. */
#ifndef UNTIL_H
#define UNTIL_H

#include <stdbool.h>
#include <stdint.h>

/* Milliseconds of the monotonic clock. */
uint64_t test_now_ms(void);
void test_pause(void); /* a few milliseconds between two looks */
/* Fails the running test, or the program where none runs, with this text. */
_Noreturn void test_failed(const char *what);
static inline void test_require(bool condition, const char *what) {
  if (!condition)
    test_failed(what);
}
/* How long a test waits for what must come: sanitizers are slow, so it is long. */
uint64_t test_deadline_ms(void);

/* Looks again and again until the expression holds; fails the test when it does not within `ms`. */
#define TEST_WITHIN(ms, expression)                                                                          \
  do {                                                                                                       \
    uint64_t until_ = test_now_ms() + (ms);                                                                  \
    bool holds_;                                                                                             \
    while (!(holds_ = (expression)) && test_now_ms() < until_)                                               \
      test_pause();                                                                                          \
    test_require(holds_, #expression);                                                                       \
  } while (0)
#define TEST_UNTIL(expression) TEST_WITHIN(test_deadline_ms(), expression)

#endif
