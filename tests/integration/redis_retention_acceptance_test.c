/* SPDX-License-Identifier: MIT
 * redis_retention_acceptance_test.c - streams are trimmed while events flow and nothing that a group still
 * needs is lost; what others trimmed becomes tombstones, as many as were pending; and the books balance
 * throughout. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/host.h"
#include "support/redis_server.h"
#include "support/until.h"

#define TOPIC "order-events"

static const char *const type[] = {"order.paid"};
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

static evs_system *connect_host(const char *service, const char *options) {
  return host_connect(
      "{\"service\":\"%s\",\"transports\":{\"main\":{\"type\":\"redis-streams\",\"url\":\"%s\","
      "\"retentionInterval\":100,\"discoverInterval\":2000,\"sessionTimeout\":900%s}}}",
      service, server.url, options);
}

static void subscribe(evs_system *system, const char *group, int prefetch) {
  host_subscribe(system, "{\"pattern\":\"order.*\",\"group\":\"%s\",\"prefetch\":%d,\"concurrency\":1000}",
                 group, prefetch);
  host_ready(system);
}

static void handle(evs_system *system, int count) {
  for (int i = 0; i < count; i++)
    host_ack(system, host_next(system).delivery);
}

static bool holds(evs_system *system) {
  json_t *answer = host_call(system, "conservation", "{}");
  bool is = json_is_true(json_object_get(answer, "holds"));
  if (!is)
    json_dumpf(answer, stderr, 0);
  json_decref(answer);
  return is;
}

static long long column(evs_system *system, const char *group, const char *name) {
  json_t *answer = host_call(system, "conservation", "{\"topic\":\"" TOPIC "\"}"), *row;
  long long number = -1;
  size_t i;
  json_array_foreach(json_object_get(answer, "groups"), i, row) {
    if (strcmp(json_string_value(json_object_get(row, "group")), group) == 0)
      number = json_integer_value(json_object_get(row, name));
  }
  json_decref(answer);
  return number;
}

static void a_group_that_is_behind_loses_nothing_to_trimming(void **state) {
  (void)state;
  enum { EVENTS = 3000 };
  evs_system *fast = connect_host("fast", ",\"retention\":{\"maxMessages\":100}");
  evs_system *slow = connect_host("slow", "");
  subscribe(fast, "fast", 256);
  subscribe(slow, "slow", 1);
  for (int i = 0; i < 3; i++) {
    host_publish_many(fast, type, 1, 1 + i * EVENTS / 3, EVENTS / 3);
    handle(fast, EVENTS / 3);
    assert_true(holds(fast));
  }
  assert_int_equal(redis_length(&server, TOPIC), EVENTS);
  handle(slow, EVENTS); /* it can, since all are there */
  TEST_UNTIL(redis_length(&server, TOPIC) <= 200);
  assert_true(redis_length(&server, TOPIC) >= 100);
  TEST_UNTIL(column(fast, "slow", "acknowledged") == EVENTS);
  assert_true(holds(slow));
  host_close(fast, 5000);
  host_close(slow, 5000);
}

static void what_others_trim_becomes_as_many_tombstones_as_were_pending(void **state) {
  (void)state;
  enum { EVENTS = 20, KEPT = 5 };
  redis_number(&server, "FLUSHALL");
  evs_system *system = connect_host("shop", "");
  subscribe(system, "shop", 1000);
  host_publish_many(system, type, 1, 1, EVENTS);
  TEST_UNTIL(redis_pending(&server, TOPIC, "shop") == EVENTS);
  redis_number(&server, "XTRIM stream:{" TOPIC "} MAXLEN = %d", KEPT);
  host_close(system, 100); /* what it holds comes back to the next one */
  system = connect_host("shop", "");
  subscribe(system, "shop", 1000);
  handle(system, KEPT);
  TEST_UNTIL(redis_dead(&server, TOPIC) == EVENTS - KEPT);
  TEST_UNTIL(redis_pending(&server, TOPIC, "shop") == 0);
  TEST_UNTIL(host_stat(system, "consumer", "lostToTrim") == EVENTS - KEPT);
  json_t *letters = host_call(system, "dlq.list", "{\"limit\":1}");
  json_t *letter = json_array_get(json_object_get(letters, "items"), 0);
  assert_string_equal(json_string_value(json_object_get(json_object_get(letter, "error"), "class")),
                      "LostToTrim");
  json_decref(letters);
  assert_int_equal(column(system, "shop", "dead"), EVENTS - KEPT);
  assert_true(holds(system));
  host_close(system, 5000);
}

static void retries_and_requeues_stay_accounted_for(void **state) {
  (void)state;
  redis_number(&server, "FLUSHALL");
  evs_system *system = connect_host("shop", ",\"retry\":{\"maxRetries\":1,\"baseDelay\":5}");
  subscribe(system, "shop", 1000);
  host_publish_many(system, type, 1, 1, 10);
  for (int i = 0; i < 20; i++)
    host_fail(system, host_next(system).delivery, EVS_FAIL_RETRY, "Broken");
  TEST_UNTIL(redis_dead(&server, TOPIC) == 10);
  assert_true(holds(system));
  json_decref(host_call(system, "dlq.requeue", "{\"filter\":{}}"));
  handle(system, 10);
  TEST_UNTIL(column(system, "shop", "acknowledged") == 10);
  assert_int_equal(column(system, "shop", "published"), 20);
  assert_int_equal(column(system, "shop", "dead"), 10);
  assert_true(holds(system));
  host_close(system, 5000);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_group_that_is_behind_loses_nothing_to_trimming),
      cmocka_unit_test(what_others_trim_becomes_as_many_tombstones_as_were_pending),
      cmocka_unit_test(retries_and_requeues_stay_accounted_for),
  };
  return cmocka_run_group_tests(tests, setup, teardown);
}
