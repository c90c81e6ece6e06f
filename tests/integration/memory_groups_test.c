/* SPDX-License-Identifier: MIT
 * memory_groups_test.c - within one process: groups that are paused, and what a system tells about itself. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "support/host.h"
#include "support/until.h"

#define ON(bus, service)                                                                                     \
  "{\"service\":\"" service "\",\"transports\":{\"main\":{\"type\":\"memory\",\"name\":\"" bus "\","         \
  "\"retry\":{\"baseDelay\":1,\"maxDelay\":1,\"jitter\":0}}}}"

enum { SOON_MS = 50 };

static void change(evs_system *system, const char *method) {
  json_decref(host_call(system, method, "{\"group\":\"workers\",\"actor\":\"ann\"}"));
}

static evs_system *member_of(const char *config) {
  evs_system *system = host_connect("%s", config);
  host_subscribe(system, "{\"pattern\":\"user.created\",\"group\":\"workers\",\"concurrency\":2}");
  host_ready(system);
  return system;
}

/* Acknowledges what comes to any of the systems until so many were handled. */
static void handle(evs_system *const *systems, size_t count, int wanted) {
  int handled = 0;
  TEST_UNTIL(({
    for (size_t i = 0; i < count; i++) {
      host_message message;
      if (host_take(systems[i], &message, 0)) {
        assert_true(host_ack(systems[i], message.delivery));
        handled++;
      }
    }
    handled >= wanted;
  }));
  assert_int_equal(handled, wanted);
}

static void a_paused_group_starts_nothing_in_any_system_of_the_bus(void **state) {
  (void)state;
  enum { COUNT = 40 };
  evs_system *members[2] = {member_of(ON("pause", "a")), member_of(ON("pause", "b"))};
  host_message running[2], none;
  for (int i = 0; i < COUNT; i++)
    host_publish(members[0], "user.created", "1");
  for (int i = 0; i < 2; i++)
    running[i] = host_next(members[i]);
  change(members[0], "groups.pause");
  host_publish(members[1], "user.created", "1");
  for (int i = 0; i < 2; i++) {
    assert_false(host_take(members[i], &none, SOON_MS));
    assert_true(host_ack(members[i], running[i].delivery)); /* what runs may end */
    assert_false(host_take(members[i], &none, SOON_MS));
  }
  change(members[1], "groups.resume");
  handle(members, 2, COUNT - 2 + 1);
  host_close(members[0], 1000);
  host_close(members[1], 1000);
}

static void a_member_that_comes_later_and_a_retry_wait_too(void **state) {
  (void)state;
  evs_system *first = member_of(ON("late", "a"));
  host_publish(first, "user.created", "1");
  host_message failing = host_next(first), none;
  change(first, "groups.pause");
  assert_true(host_fail(first, failing.delivery, EVS_FAIL_RETRY, "Error"));
  evs_system *members[2] = {first, member_of(ON("late", "b"))};
  host_publish(first, "user.created", "2");
  for (int i = 0; i < 2; i++)
    assert_false(host_take(members[i], &none, SOON_MS));
  change(first, "groups.resume");
  handle(members, 2, 2);
  host_close(members[0], 1000);
  host_close(members[1], 1000);
}

static void pausing_twice_and_resuming_what_runs_are_harmless(void **state) {
  (void)state;
  evs_system *system = member_of(ON("twice", "a"));
  change(system, "groups.resume");
  change(system, "groups.pause");
  change(system, "groups.pause");
  change(system, "groups.resume");
  host_publish(system, "user.created", "1");
  handle(&system, 1, 1);
  host_close(system, 1000);
}

static void a_drain_and_a_close_do_not_wait_for_a_paused_group(void **state) {
  (void)state;
  evs_system *system = member_of(ON("drain", "a"));
  for (int i = 0; i < 10; i++)
    host_publish(system, "user.created", "1");
  host_message running = host_next(system);
  change(system, "groups.pause");
  assert_true(host_ack(system, running.delivery));
  json_decref(host_call(system, "drain", "{}"));
  host_close(system, 1000);
}

static void groups_say_that_they_are_paused(void **state) {
  (void)state;
  evs_system *system = member_of(ON("say", "a"));
  json_t *answer = host_call(system, "groups.pause", "{\"group\":\"workers\",\"reason\":\"a look\"}");
  json_t *groups = host_call(system, "groups", "{}");
  const json_t *paused = json_object_get(json_array_get(json_object_get(groups, "groups"), 0), "paused");
  assert_true(json_equal(json_object_get(answer, "paused"), paused));
  assert_string_equal(json_string_value(json_object_get(paused, "reason")), "a look");
  assert_ptr_equal(strstr(json_string_value(json_object_get(paused, "by")), "a@"),
                   json_string_value(json_object_get(paused, "by")));
  json_decref(answer);
  json_decref(groups);
  json_t *stats = host_stats(system);
  assert_true(
      json_is_true(json_object_get(json_array_get(json_object_get(stats, "subscriptions"), 0), "paused")));
  json_decref(stats);
  host_close(system, 1000);
}

static void the_fleet_of_a_store_that_nobody_sees_is_the_system_itself(void **state) {
  (void)state;
  evs_system *system = host_connect(ON("fleet", "a")), *other = host_connect(ON("fleet", "b"));
  json_t *answer = host_call(system, "fleet", "{}"), *rows = json_object_get(answer, "instances");
  json_t *stats = host_stats(system), *row = json_array_get(rows, 0);
  assert_int_equal(json_array_size(rows), 1);
  assert_string_equal(json_string_value(json_object_get(row, "service")), "a");
  assert_true(json_equal(json_object_get(row, "instance"), json_object_get(stats, "instance")));
  assert_true(json_equal(json_object_get(json_object_get(row, "stats"), "generation"),
                         json_object_get(stats, "generation")));
  json_decref(stats);
  json_decref(answer);
  host_close(system, 1000);
  host_close(other, 1000);
}

static char *text_of(evs_system *system, const char *name) {
  json_t *stats = host_stats(system);
  char *text = strdup(json_string_value(json_object_get(stats, name)));
  json_decref(stats);
  return text;
}

static void systems_are_told_apart_and_configurations_too(void **state) {
  (void)state;
  evs_system *systems[3] = {host_connect(ON("id", "a")), host_connect(ON("id", "a")),
                            host_connect(ON("id", "b"))};
  char *instances[3], *generations[3];
  for (int i = 0; i < 3; i++) {
    instances[i] = text_of(systems[i], "instance");
    generations[i] = text_of(systems[i], "generation");
    assert_int_equal(strlen(instances[i]), 16);
    assert_int_equal(strlen(generations[i]), 16);
  }
  assert_string_not_equal(instances[0], instances[1]);
  assert_string_equal(generations[0], generations[1]);
  assert_string_not_equal(generations[0], generations[2]);
  for (int i = 0; i < 3; i++) {
    free(instances[i]);
    free(generations[i]);
    host_close(systems[i], 1000);
  }
}

static json_int_t sum_of(const json_t *buckets) {
  json_int_t sum = 0, last = -1;
  size_t i;
  json_t *each;
  json_array_foreach(buckets, i, each) {
    assert_true(json_integer_value(json_array_get(each, 0)) > last);
    last = json_integer_value(json_array_get(each, 0));
    sum += json_integer_value(json_array_get(each, 1));
  }
  return sum;
}

static void statistics_have_what_several_processes_can_add_up(void **state) {
  (void)state;
  evs_system *system = member_of(ON("sum", "a"));
  for (int i = 0; i < 5; i++)
    host_publish(system, "user.created", "1");
  handle(&system, 1, 5);
  json_t *stats = host_stats(system), *publisher = json_object_get(stats, "publisher");
  const json_t *handler = json_object_get(json_object_get(stats, "consumer"), "processingTime");
  assert_int_equal(sum_of(json_object_get(json_object_get(publisher, "latency"), "buckets")), 5);
  assert_int_equal(sum_of(json_object_get(handler, "buckets")), 5);
  assert_true(
      json_integer_value(json_object_get(json_object_get(publisher, "lastPublishTime"), "user.created")) >=
      json_integer_value(json_object_get(stats, "startedAt")));
  assert_int_equal(json_integer_value(json_object_get(stats, "pid")), getpid());
  json_decref(stats);
  host_close(system, 1000);
}

/* Systems of one bus and one group, each with a partition of its own. */
static void members_of_a_bus_take_the_partitions_that_they_name(void **state) {
  (void)state;
  enum { COUNT = 20 };
  evs_system *members[2];
  for (int i = 0; i < 2; i++) {
    members[i] = host_connect(
        "{\"service\":\"s%d\",\"transports\":{\"main\":{\"type\":\"memory\",\"name\":\"parts\"}},\"routing\":"
        "{\"routes\":[{\"pattern\":\"user.*\",\"transport\":\"main\",\"partitions\":2}]}}",
        i);
    host_subscribe(members[i], "{\"pattern\":\"user.*\",\"group\":\"g\",\"partition\":%d}", i);
    host_ready(members[i]);
  }
  for (int i = 0; i < COUNT; i++) {
    evs_event event = host_event("user.created", i % 2 ? "1" : "0");
    event.partition = i % 2 + 1;
    host_try(members[0], &event);
  }
  for (int i = 0; i < COUNT; i++) {
    host_message message = host_next(members[i % 2]);
    assert_int_equal(atoi(message.body), i % 2);
    host_ack(members[i % 2], message.delivery);
  }
  for (int i = 0; i < 2; i++) {
    assert_int_equal(host_stat(members[i], "consumer", "unmatchedMessages"), 0);
    host_close(members[i], 1000);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(members_of_a_bus_take_the_partitions_that_they_name),
      cmocka_unit_test(a_paused_group_starts_nothing_in_any_system_of_the_bus),
      cmocka_unit_test(a_member_that_comes_later_and_a_retry_wait_too),
      cmocka_unit_test(pausing_twice_and_resuming_what_runs_are_harmless),
      cmocka_unit_test(a_drain_and_a_close_do_not_wait_for_a_paused_group),
      cmocka_unit_test(groups_say_that_they_are_paused),
      cmocka_unit_test(the_fleet_of_a_store_that_nobody_sees_is_the_system_itself),
      cmocka_unit_test(systems_are_told_apart_and_configurations_too),
      cmocka_unit_test(statistics_have_what_several_processes_can_add_up),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
