/* SPDX-License-Identifier: MIT
 * store_ordering_acceptance_test.c - the order of keys and partitions, in several processes and through
 * retries, handing over, being stopped and being killed. Judged by the ledger that the members share, in
 * which a line stands for each run of a handler, in the order in which they ended. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/host.h"
#include "support/members.h"
#include "support/scene.h"
#include "support/until.h"

#define TOPIC "order-events"
#define GROUP "workers"

enum { EVENTS_MAX = 40000, PARTITIONS = 6 };

static evs_system *connect_publisher(const char *ordering, int partitions) {
  return host_connect("{\"service\":\"publisher\",\"transports\":{\"main\":{%s}},\"routing\":{\"routes\":[{"
                      "\"pattern\":\"order.*\",\"transport\":\"main\","
                      "\"ordering\":\"%s\",\"partitions\":%d}]}}",
                      store.transport, ordering, partitions);
}

static pid_t start_reader(const char *name, const char *pattern, const char *const *more) {
  const char *words[40] = {
      store.option,  store.place, "--group",           GROUP,  "--consumer",          name,
      "--subscribe", pattern,     "--session-timeout", "1000", "--discover-interval", "200"};
  int count = store.is_file ? 10 : 12; /* a file tells of new topics by itself */
  words[count] = NULL;
  for (int i = 0; more && more[i]; i++)
    words[count++] = more[i];
  words[count] = NULL;
  pid_t pid = member_start(&book, EVS_MEMBER, words);
  member_ready(&book, pid);
  return pid;
}

static pid_t start_member(const char *name, const char *const *more) {
  return start_reader(name, "order.*", more);
}

typedef struct verdict {
  int missing, repeated, disordered;
} verdict;

/* Of each key the next one may only run when the one before has run to success. */
static verdict judge(int keys, int events) {
  static int next[EVENTS_MAX];
  static bool done[EVENTS_MAX];
  verdict result = {0, 0, 0};
  memset(done, 0, sizeof done);
  for (int key = 0; key < keys; key++)
    next[key] = key;
  ledger_read(&book);
  for (size_t i = 0; i < book.count; i++) {
    const ledger_line *line = &book.lines[i];
    if (line->ready)
      continue;
    int number = atoi(line->id + 2), key = number % keys;
    assert_true(number >= 0 && number < EVENTS_MAX);
    if (number > next[key]) {
      if (result.disordered == 0)
        print_message("e-%d ran before e-%d\n", number, next[key]);
      result.disordered++;
    }
    if (line->failed)
      continue;
    result.repeated += done[number];
    done[number] = true;
    if (number == next[key])
      next[key] += keys;
  }
  for (int i = 0; i < events; i++)
    result.missing += !done[i];
  return result;
}

static bool is_done(evs_system *system, int keys, int events) {
  return ledger_handled(&book, 0) >= (size_t)events && judge(keys, events).missing == 0 &&
         store_pending(system, TOPIC, GROUP) <= 0;
}

static void tell(evs_system *system, const char *method) {
  json_t *answer = host_call(system, method, "{}");
  char *text = json_dumps(answer, JSON_INDENT(2));
  fprintf(stderr, "%s: %s\n", method, text); /* which is more than print_error() takes */
  free(text);
  json_decref(answer);
}

/* What comes to a stand for good is told before the test fails. */
static bool is_stuck(evs_system *system, int keys, int events) {
  static size_t handled;
  static uint64_t since_ms;
  enum { STANDSTILL_MS = 30000 };
  if (ledger_handled(&book, 0) != handled || since_ms == 0) {
    handled = ledger_handled(&book, 0);
    since_ms = test_now_ms();
  }
  if (test_now_ms() - since_ms < STANDSTILL_MS)
    return false;
  print_error("%d of %d events are missing\n", judge(keys, events).missing, events);
  tell(system, "groups");
  tell(system, "dlq.list");
  return true;
}

static void expect_order(evs_system *system, int keys, int events, int repeated_most) {
  TEST_UNTIL(is_done(system, keys, events) || is_stuck(system, keys, events));
  assert_true(is_done(system, keys, events));
  verdict result = judge(keys, events);
  assert_int_equal(result.disordered, 0);
  assert_true(result.repeated <= repeated_most);
}

static const char *const stumbling[] = {"--fail-every", "7", NULL};

static void a_strict_topic_keeps_its_order_through_retries(void **state) {
  (void)state;
  evs_system *system = connect_publisher("strict", 0);
  start_member("one", stumbling);
  host_publish_keyed(system, "order.created", 1, 0, 500);
  expect_order(system, 1, 500, 0);
  host_close(system, 1000);
}

static void a_key_keeps_its_order_while_others_go_on(void **state) {
  (void)state;
  static const char *const slow_retry[] = {"--fail-every", "101", "--retry-delay", "1500", NULL};
  evs_system *system = connect_publisher("per-key", 0);
  start_member("one", slow_retry);
  host_publish_keyed(system, "order.created", 10, 0, 1000); /* e-0, e-101 …: each of a key of its own */
  TEST_UNTIL(ledger_handled(&book, 0) >= 100);
  expect_order(system, 10, 1000, 0);
  /* Others went on: between two runs of an event that failed stand events of other keys. */
  size_t between = 0;
  bool waits = false;
  for (size_t i = 0; i < book.count; i++) {
    const ledger_line *line = &book.lines[i];
    if (line->ready || strcmp(line->id, "e-101") != 0) {
      between += waits;
      continue;
    }
    waits = line->failed;
  }
  assert_true(between > 100);
  host_close(system, 1000);
}

static void partitions_keep_their_order_while_members_come_and_go(void **state) {
  (void)state;
  static const char *const working[] = {"--fail-every", "23", "--delay-ms", "1", NULL};
  evs_system *system = connect_publisher("per-partition", PARTITIONS);
  pid_t one = start_member("one", working);
  host_publish_keyed(system, "order.created", 30, 0, 2000);
  TEST_UNTIL(ledger_handled(&book, one) >= 200);
  pid_t two = start_member("two", working);
  host_publish_keyed(system, "order.created", 30, 2000, 2000);
  TEST_UNTIL(ledger_handled(&book, two) >= 100);
  pid_t three = start_member("three", working);
  TEST_UNTIL(ledger_handled(&book, three) >= 100);
  assert_int_equal(member_stop(one), 0);
  host_publish_keyed(system, "order.created", 30, 4000, 1000);
  expect_order(system, 30, 5000, 0);
  host_close(system, 1000);
}

static void a_killed_member_breaks_no_order(void **state) {
  (void)state;
  static const char *const working[] = {"--fail-every", "23", "--delay-ms", "1", NULL};
  evs_system *system = connect_publisher("per-key", 2);
  pid_t one = start_member("one", working);
  start_member("two", working);
  host_publish_keyed(system, "order.created", 20, 0, 3000);
  TEST_UNTIL(ledger_handled(&book, one) >= 200);
  member_kill(one);
  expect_order(system, 20, 3000, 64);
  host_close(system, 1000);
}

/* The owner hands each event that it has no handler for to the other, and the stream with it. */
static void members_that_want_different_types_keep_the_order_of_their_topic(void **state) {
  (void)state;
  static const char *const types[] = {"order.created", "order.paid"};
  evs_system *system = connect_publisher("strict", 0);
  pid_t one = start_reader("one", types[0], stumbling), two = start_reader("two", types[1], stumbling);
  host_publish_many(system, types, 2, 0, 10);
  expect_order(system, 1, 10, 0);
  assert_int_equal(ledger_handled(&book, one), 5 + 1); /* e-0 failed once, */
  assert_int_equal(ledger_handled(&book, two), 5 + 1); /* and e-7 */
  host_close(system, 1000);
}

/* It wakes in the belief that it is still the one. */
static void a_member_that_was_stopped_past_its_session_breaks_no_order(void **state) {
  (void)state;
  static const char *const working[] = {"--fail-every", "23", "--delay-ms", "1", NULL};
  evs_system *system = connect_publisher("strict", 0);
  pid_t sleeper = start_member("sleeper", working);
  host_publish_keyed(system, "order.created", 1, 0, 2000);
  TEST_UNTIL(ledger_handled(&book, sleeper) >= 100);
  scene_freeze(sleeper);
  pid_t other = start_member("other", working);
  TEST_UNTIL(ledger_handled(&book, other) >= 100);
  assert_int_equal(kill(sleeper, SIGCONT), 0);
  expect_order(system, 1, 2000, 2);
  host_close(system, 1000);
}

static void equal_members_get_equal_shares(void **state) {
  (void)state;
  enum { EVENTS = 30000 };
  static const char *const names[] = {"one", "two", "three"};
  static const char *const working[] = {"--delay-ms", "1", NULL};
  pid_t members[3];
  evs_system *system = connect_publisher("per-partition", PARTITIONS);
  for (int i = 0; i < 3; i++)
    members[i] = start_member(names[i], working);
  host_publish_keyed(system, "order.created", 300, 0, EVENTS);
  expect_order(system, 300, EVENTS, 0);
  for (int i = 0; i < 3; i++) {
    print_message("%s: %zu of %d\n", names[i], ledger_handled(&book, members[i]), EVENTS);
    assert_in_range(ledger_handled(&book, members[i]), EVENTS * 25 / 100, EVENTS * 42 / 100);
  }
  host_close(system, 1000);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      SCENE_ON_BOTH(a_strict_topic_keeps_its_order_through_retries),
      SCENE_ON_BOTH(a_key_keeps_its_order_while_others_go_on),
      SCENE_ON_BOTH(partitions_keep_their_order_while_members_come_and_go),
      SCENE_ON_BOTH(a_killed_member_breaks_no_order),
      SCENE_ON_BOTH(a_member_that_was_stopped_past_its_session_breaks_no_order),
      SCENE_ON_BOTH(members_that_want_different_types_keep_the_order_of_their_topic),
      SCENE_ON_BOTH(equal_members_get_equal_shares),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
