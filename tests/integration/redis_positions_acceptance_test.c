/* SPDX-License-Identifier: MIT
 * redis_positions_acceptance_test.c - where a new group begins, and which partitions it reads: by offset, by
 * time, by the published names; a route that names the partition. */
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/host.h"
#include "support/redis_server.h"
#include "support/until.h"

enum { EVENTS = 6, QUIET_MS = 300 };

static redis_server server;

static int setup(void **state) {
  (void)state;
  redis_server_start(&server, NULL);
  return 0;
}

static int teardown(void **state) {
  (void)state;
  redis_server_stop(&server);
  return 0;
}

/* Four partitions; `more`: of the route. */
static evs_system *connect(const char *more) {
  return host_connect(
      "{\"service\":\"s\",\"transports\":{\"main\":{\"type\":\"redis-streams\",\"url\":\"%s\","
      "\"discoverInterval\":100}},\"routing\":{\"routes\":[{\"pattern\":\"parts.*\",\"transport\":\"main\","
      "\"partitions\":4%s}]}}",
      server.url, more);
}

/* Publishes a.b 0, 1, … and gives the offset of one of them. */
static void publish(evs_system *system, int wanted, char out_offset[40]) {
  for (int i = 0; i < EVENTS; i++) {
    char body[8];
    snprintf(body, sizeof body, "%d", i);
    host_report report = host_publish(system, "a.b", body);
    if (i == wanted)
      snprintf(out_offset, 40, "%s", report.offset);
  }
}

/* What a new group gets, in order; then nothing more comes. */
static void expect(evs_system *system, int from, int end) {
  host_message message;
  for (int i = from; i < end; i++) {
    message = host_next(system);
    assert_int_equal(atoi(message.body), i);
    host_ack(system, message.delivery);
  }
  assert_false(host_take(system, &message, QUIET_MS));
}

static void a_new_group_begins_at_an_offset(void **state) {
  (void)state;
  char offset[40];
  evs_system *system = connect("");
  publish(system, 2, offset);
  host_subscribe(system, "{\"pattern\":\"a.b\",\"group\":\"g\",\"from\":\"%s\"}", offset);
  expect(system, 2, EVENTS);
  host_subscribe(
      system, "{\"pattern\":\"a.b\",\"group\":\"h\",\"autoOffsetReset\":\"specific\",\"startOffset\":\"%s\"}",
      offset);
  expect(system, 2, EVENTS);
  host_close(system, 1000);
}

static void a_new_group_begins_at_a_time(void **state) {
  (void)state;
  char offset[40];
  evs_system *system = connect("");
  host_publish(system, "a.b", "\"before\"");
  long long now = redis_number(
      &server, "EVAL %s 0", "local t = redis.call('TIME') return t[1] * 1000 + math.floor(t[2] / 1000) + 1");
  TEST_UNTIL(redis_number(&server, "EVAL %s 0",
                          "local t = redis.call('TIME') return t[1] * 1000 + math.floor(t[2] / 1000)") > now);
  publish(system, 0, offset);
  host_subscribe(system, "{\"pattern\":\"a.b\",\"group\":\"g\",\"from\":%lld}", now);
  expect(system, 0, EVENTS);
  host_close(system, 1000);
}

static void a_group_that_exists_goes_on_where_it_was(void **state) {
  (void)state;
  char offset[40];
  evs_system *first = connect("");
  publish(first, 2, offset);
  host_subscribe(first, "{\"pattern\":\"a.b\",\"group\":\"g\"}");
  expect(first, 0, EVENTS);
  host_close(first, 1000);
  evs_system *second = connect("");
  host_subscribe(second, "{\"pattern\":\"a.b\",\"group\":\"g\",\"from\":\"%s\"}", offset);
  host_ready(second);
  expect(second, 0, 0);
  host_close(second, 1000);
}

/* One event to each partition; the number of the partition is its body. */
static void publish_to_each(evs_system *system) {
  for (int i = 0; i < 4; i++) {
    char body[8];
    snprintf(body, sizeof body, "%d", i);
    evs_event event = host_event("parts.made", body);
    event.partition = i + 1;
    assert_int_equal(host_try(system, &event).outcome, EVS_OUTCOME_STORED);
  }
}

static void a_subscription_to_a_partition_leaves_the_others_to_others(void **state) {
  (void)state;
  evs_system *first = connect(""), *second = connect("");
  host_subscribe(first, "{\"pattern\":\"parts.*\",\"group\":\"g\",\"partition\":1}");
  publish_to_each(first);
  expect(first, 1, 2);
  assert_int_equal(redis_number(&server, "XINFO GROUPS stream:{parts-events:0}"), 0);
  host_subscribe(second, "{\"pattern\":\"parts.*\",\"group\":\"g\",\"partition\":0}");
  host_subscribe(second, "{\"pattern\":\"parts.*\",\"group\":\"g\",\"partition\":2}");
  int seen = 0;
  for (int i = 0; i < 2; i++) {
    host_message message = host_next(second);
    seen |= 1 << atoi(message.body);
    host_ack(second, message.delivery);
  }
  assert_int_equal(seen, 1 << 0 | 1 << 2);
  expect(second, 0, 0);
  assert_int_equal(host_stat(first, "consumer", "unmatchedMessages"), 0);
  host_close(first, 1000);
  host_close(second, 1000);
}

static void a_partition_of_a_route_holds_for_events_that_name_none(void **state) {
  (void)state;
  evs_system *system = connect(",\"partition\":3");
  evs_event keyed = host_event("parts.made", "1"), named = host_event("parts.made", "2");
  keyed.key = host_bytes("any");
  named.partition = 1;
  assert_int_equal(host_try(system, &keyed).outcome, EVS_OUTCOME_STORED);
  assert_int_equal(host_try(system, &named).outcome, EVS_OUTCOME_STORED);
  assert_int_equal(redis_number(&server, "XLEN stream:{parts-events:3}"), 1);
  assert_int_equal(redis_number(&server, "XLEN stream:{parts-events:0}"), 1);
  host_close(system, 1000);
}

/* Two applications on one server, told apart by how their streams begin. */
static void applications_with_own_prefixes_do_not_meet(void **state) {
  (void)state;
  static const char format[] =
      "{\"service\":\"s\",\"transports\":{\"main\":{\"type\":\"redis-streams\",\"url\":\"%s\","
      "\"streamPrefix\":\"%s\",\"dlqStreamPrefix\":\"%s\",\"sessionTimeout\":300}}}";
  evs_system *one = host_connect(format, server.url, "one:", "dead1:");
  evs_system *two = host_connect(format, server.url, "two:", "dead2:");
  host_subscribe(one, "{\"pattern\":\"a.b\",\"group\":\"g\"}");
  host_subscribe(two, "{\"pattern\":\"a.b\",\"group\":\"g\"}");
  host_publish(one, "a.b", "1");
  host_publish(two, "a.b", "2");
  host_message first = host_next(one), second = host_next(two);
  assert_string_equal(first.body, "1");
  assert_string_equal(second.body, "2");
  host_ack(one, first.delivery);
  host_ack(two, second.delivery);
  assert_int_equal(redis_number(&server, "EXISTS evs:hb:one:{a-events}:g evs:hb:two:{a-events}:g"), 2);
  assert_int_equal(redis_number(&server, "EXISTS evs:hb:{a-events}:g evs:topics"), 0);
  json_t *answer = host_call(one, "topics", "{}");
  const json_t *topics = json_object_get(answer, "topics");
  assert_int_equal(json_array_size(topics), 1);
  assert_int_equal(json_integer_value(json_object_get(json_array_get(topics, 0), "entries")), 1);
  json_decref(answer);
  host_close(one, 1000);
  host_close(two, 1000);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(a_new_group_begins_at_an_offset),
      TEST(a_new_group_begins_at_a_time),
      TEST(a_group_that_exists_goes_on_where_it_was),
      TEST(a_subscription_to_a_partition_leaves_the_others_to_others),
      TEST(a_partition_of_a_route_holds_for_events_that_name_none),
      TEST(applications_with_own_prefixes_do_not_meet),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
