/* SPDX-License-Identifier: MIT
 * file_retention_acceptance_test.c - what is removed from a file, and what is not: of a topic that is new,
 * since who its events are for may not have seen it yet; and by who only looks at the file. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>

#include <cmocka.h>

#include "support/members.h"
#include "support/scene.h"
#include "support/until.h"

enum { KEPT = 10, EVENTS = 200, OTHERS = 30 };

static const char *const order[] = {"order.placed"}, *const part[] = {"part.moved"};

/* Keeps few, and looks often; nobody is taken for dead here. */
static evs_system *connect_quick(const char *pattern) {
  evs_system *system =
      host_connect("{\"service\":\"quick\",\"transports\":{\"main\":{%s,\"sessionTimeout\":60000,"
                   "\"retention\":{\"maxMessages\":%d},\"retentionInterval\":100}}}",
                   store.transport, KEPT);
  host_subscribe(system, "{\"pattern\":\"%s\"}", pattern);
  host_ready(system);
  return system;
}

static pid_t start_late(void) {
  static const char *const words[] = {
      "--group",     "late",    "--consumer",        "late",  "--file", store.place,
      "--subscribe", "order.*", "--session-timeout", "60000", NULL};
  pid_t pid = member_start(&book, EVS_MEMBER, words);
  member_ready(&book, pid);
  return pid;
}

static void handle(evs_system *system, int count) {
  for (int i = 0; i < count; i++)
    assert_true(host_ack(system, host_next(system).delivery));
}

/* So that it has looked at its streams since. */
static void trim_parts(evs_system *system) {
  for (int round = 0; round < 2; round++) {
    host_publish_many(system, part, 1, 0, OTHERS);
    handle(system, OTHERS);
    TEST_UNTIL(store_length(system, "part-events") == KEPT);
  }
}

static void a_new_topic_stays_whole_until_all_members_have_looked(void **state) {
  (void)state;
  evs_system *quick = connect_quick("*");
  host_publish_many(quick, part, 1, 0, 1); /* this topic is known to all */
  pid_t late = start_late();
  scene_freeze(late);
  host_publish_many(quick, order, 1, 0, EVENTS);
  handle(quick, 1 + EVENTS);
  trim_parts(quick);
  assert_int_equal(store_length(quick, "order-events"), EVENTS);
  assert_int_equal(kill(late, SIGCONT), 0);
  TEST_UNTIL(ledger_handled(&book, late) == EVENTS);
  host_publish_many(quick, order, 1, EVENTS, 1);
  handle(quick, 1);
  TEST_UNTIL(store_length(quick, "order-events") == KEPT);
  TEST_UNTIL(ledger_handled(&book, late) == EVENTS + 1);
  host_close(quick, 1000);
}

static void who_does_not_use_a_topic_removes_nothing_of_it(void **state) {
  (void)state;
  evs_system *owner = host_connect("{\"service\":\"owner\",\"transports\":{\"main\":{%s}}}", store.transport);
  host_subscribe(owner, "{\"pattern\":\"order.*\"}");
  host_ready(owner);
  host_publish_many(owner, order, 1, 0, EVENTS);
  handle(owner, EVENTS);
  evs_system *other = connect_quick("part.*");
  trim_parts(other);
  assert_int_equal(store_length(other, "order-events"), EVENTS);
  host_close(other, 1000);
  host_close(owner, 1000);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(a_new_topic_stays_whole_until_all_members_have_looked, scene_file,
                                      scene_end),
      cmocka_unit_test_setup_teardown(who_does_not_use_a_topic_removes_nothing_of_it, scene_file, scene_end),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
