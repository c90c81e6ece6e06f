/* SPDX-License-Identifier: MIT
 * identity_test.c - ids rise and are UUIDs of version 7, timestamps are RFC 3339, hashes need no state. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "event/identity.h"

static uint64_t wall;
static bool has_random = true;
static _Atomic uint64_t rolls;

static uint64_t give_wall(void) {
  return wall;
}

static uint64_t give_us(void) {
  return 5;
}

static bool give_random(void *bytes, size_t size) {
  uint64_t roll = atomic_fetch_add(&rolls, UINT64_C(0x9E3779B97F4A7C15));
  for (size_t i = 0; i < size; i++)
    ((unsigned char *)bytes)[i] = (unsigned char)(roll >> (8 * (i % 8)));
  return has_random;
}

static const evsi_env env = {.now_us = give_us, .wall_ms = give_wall, .random = give_random};

static void an_id_is_a_uuid_of_version_7_with_the_time_in_front(void **state) {
  (void)state;
  char id[37];
  wall = UINT64_C(0x019A00000000);
  evsi_uuid7(&env, evsi_wall_ms(&env), id);
  assert_int_equal(strlen(id), 36);
  assert_memory_equal(id, "019a0000-0000-7", 15);
  assert_non_null(strchr("89ab", id[19]));
  for (int i = 0; i < 36; i++)
    assert_non_null(strchr(i == 8 || i == 13 || i == 18 || i == 23 ? "-" : "0123456789abcdef", id[i]));
}

static bool give_two_numbers(void *bytes, size_t size) {
  uint64_t *numbers = bytes;
  for (size_t i = 0; i < size / sizeof *numbers; i++)
    numbers[i] = i % 2 ? UINT64_MAX : 0;
  return true;
}

/* On a thread of its own: numbers are got for many ids of a thread at once. */
static void *make_of_two_numbers(void *id) {
  const evsi_env two = {.now_us = give_us, .wall_ms = give_wall, .random = give_two_numbers};
  evsi_uuid7(&two, evsi_wall_ms(&two), id);
  return NULL;
}

static void the_counter_and_the_rest_of_an_id_are_different_random_numbers(void **state) {
  (void)state;
  char id[37];
  pthread_t thread;
  wall = UINT64_C(0x019A10000000);
  assert_int_equal(pthread_create(&thread, NULL, make_of_two_numbers, id), 0);
  pthread_join(thread, NULL);
  assert_string_equal(id, "019a1000-0000-7000-bfff-ffffffffffff");
}

static void ids_rise_within_a_millisecond_and_when_the_clock_goes_back(void **state) {
  (void)state;
  char before[37], now[37];
  wall = UINT64_C(0x019A10000000);
  evsi_uuid7(&env, evsi_wall_ms(&env), before);
  for (int i = 0; i < 20000; i++) { /* more than the counter has room for */
    if (i == 10000)
      wall -= 60000;
    evsi_uuid7(&env, evsi_wall_ms(&env), now);
    assert_true(strcmp(before, now) < 0);
    memcpy(before, now, sizeof now);
  }
}

enum { THREADS = 4, PER_THREAD = 5000 };
static char made[THREADS * PER_THREAD][37];

static void *make_ids(void *start) {
  for (int i = 0; i < PER_THREAD; i++)
    evsi_uuid7(&env, evsi_wall_ms(&env), ((char(*)[37])start)[i]);
  return NULL;
}

/* A thread's random numbers are got for many ids at once. */
static void a_child_does_not_make_its_parents_ids(void **state) {
  (void)state;
  char parent[37], child[37];
  int ends[2];
  evsi_uuid7(evsi_env_default(), evsi_wall_ms(evsi_env_default()), parent);
  assert_int_equal(pipe(ends), 0);
  pid_t pid = fork();
  assert_true(pid >= 0);
  evsi_uuid7(evsi_env_default(), evsi_wall_ms(evsi_env_default()), parent);
  if (pid == 0)
    _exit(write(ends[1], parent, sizeof parent) == (ssize_t)sizeof parent ? 0 : 1);
  assert_int_equal(read(ends[0], child, sizeof child), sizeof child);
  assert_int_equal(waitpid(pid, NULL, 0), pid);
  assert_string_not_equal(parent + 19, child + 19); /* behind the time and the counter */
  close(ends[0]);
  close(ends[1]);
}

static int compare_ids(const void *a, const void *b) {
  return strcmp(a, b);
}

static void assert_ids_of_threads_are_unique(void) {
  pthread_t threads[THREADS];
  for (int i = 0; i < THREADS; i++)
    pthread_create(&threads[i], NULL, make_ids, made[i * PER_THREAD]);
  for (int i = 0; i < THREADS; i++)
    pthread_join(threads[i], NULL);
  qsort(made, THREADS * PER_THREAD, sizeof *made, compare_ids);
  for (int i = 1; i < THREADS * PER_THREAD; i++)
    assert_string_not_equal(made[i - 1], made[i]);
}

static void ids_of_many_threads_are_unique(void **state) {
  (void)state;
  assert_ids_of_threads_are_unique();
}

static void ids_are_unique_also_without_random_numbers(void **state) {
  (void)state;
  has_random = false;
  assert_ids_of_threads_are_unique();
  has_random = true;
}

static void timestamps_are_utc_with_milliseconds(void **state) {
  (void)state;
  static const struct {
    uint64_t ms;
    const char *text;
  } cases[] = {
      {0, "1970-01-01T00:00:00.000Z"},
      {UINT64_C(951782399999), "2000-02-28T23:59:59.999Z"},
      {UINT64_C(951782400000), "2000-02-29T00:00:00.000Z"},
      {UINT64_C(1769860800123), "2026-01-31T12:00:00.123Z"},
      {UINT64_C(4107542400000), "2100-03-01T00:00:00.000Z"},
      {UINT64_C(253402300799999), "9999-12-31T23:59:59.999Z"},
      {UINT64_MAX, "9999-12-31T23:59:59.999Z"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    char text[25];
    evsi_timestamp(cases[i].ms, text);
    assert_string_equal(text, cases[i].text);
    assert_true(evsi_timestamp_valid(evsi_text(text)));
  }
}

static void foreign_timestamps_are_checked_as_rfc_3339(void **state) {
  (void)state;
  static const char *const good[] = {"2026-01-31T12:00:00Z", "2026-01-31t12:00:00.1z",
                                     "2026-01-31T12:00:00+05:30", "2024-02-29T23:59:60-00:00",
                                     "2026-01-31T12:00:00.123456789Z"};
  static const char *const bad[] = {"",
                                    "2026",
                                    "2026-01-31",
                                    "2026-01-31 12:00:00Z",
                                    "2026-01-31T12:00:00",
                                    "2026-02-29T12:00:00Z",
                                    "2026-13-01T12:00:00Z",
                                    "2026-00-01T12:00:00Z",
                                    "2026-01-32T12:00:00Z",
                                    "2026-01-31T24:00:00Z",
                                    "2026-01-31T12:60:00Z",
                                    "2026-01-31T12:00:61Z",
                                    "2026-01-31T12:00:00.Z",
                                    "2026-01-31T12:00:00+5:30",
                                    "2026-01-31T12:00:00+24:00",
                                    "2026-01-31T12:00:00Zx",
                                    "2026-01-31T12:00:00+0530"};
  for (size_t i = 0; i < sizeof good / sizeof *good; i++)
    if (!evsi_timestamp_valid(evsi_text(good[i])))
      fail_msg("%s is refused", good[i]);
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
    if (evsi_timestamp_valid(evsi_text(bad[i])))
      fail_msg("%s is accepted", bad[i]);
  assert_false(evsi_timestamp_valid(evsi_bytes("2026-01-31T12:00:00\0", 20)));
}

static void a_timestamp_is_read_whatever_was_read_before(void **state) {
  (void)state;
  static const struct {
    const char *text;
    uint64_t ms;
  } cases[] = {
      {"2026-01-31T12:00:00.123Z", UINT64_C(1769860800123)},
      {"2026-01-31T12:00:00.999Z", UINT64_C(1769860800999)},
      {"2026-01-31T12:00:00.9x9Z", 0},
      {"2026-01-31T12:00:00+0000", 0},
      {"2026-01-31T12:00:00.000Z", UINT64_C(1769860800000)},
      {"2026-01-31T12:00:01.000Z", UINT64_C(1769860801000)},
      {"2026-02-31T12:00:01.000Z", 0},
      {"1969-12-31T23:59:59.999Z", 0},
      {"1969-12-31T23:59:59.998Z", 0},
      {"1970-01-01T00:00:00.001Z", 1},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
    assert_int_equal(evsi_timestamp_ms(evsi_text(cases[i].text)), cases[i].ms);
}

static void nothing_but_zeros_is_no_timestamp(void **state) {
  (void)state;
  char zeros[25] = {0};
  memcpy(zeros + 19, ".001Z", 5);
  assert_int_equal(evsi_timestamp_ms(evsi_bytes(zeros, 24)), 0);
}

static void the_hash_of_nothing_is_known(void **state) {
  (void)state;
  char hex[65];
  assert_int_equal(evsi_sha256_hex(evsi_bytes(NULL, 0), hex), 0);
  assert_string_equal(hex, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(an_id_is_a_uuid_of_version_7_with_the_time_in_front),
      cmocka_unit_test(the_counter_and_the_rest_of_an_id_are_different_random_numbers),
      cmocka_unit_test(ids_rise_within_a_millisecond_and_when_the_clock_goes_back),
      cmocka_unit_test(ids_of_many_threads_are_unique),
      cmocka_unit_test(ids_are_unique_also_without_random_numbers),
      cmocka_unit_test(nothing_but_zeros_is_no_timestamp), /* before any other is read */
      cmocka_unit_test(timestamps_are_utc_with_milliseconds),
      cmocka_unit_test(a_timestamp_is_read_whatever_was_read_before),
      cmocka_unit_test(foreign_timestamps_are_checked_as_rfc_3339),
      cmocka_unit_test(the_hash_of_nothing_is_known),
      cmocka_unit_test(a_child_does_not_make_its_parents_ids),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
