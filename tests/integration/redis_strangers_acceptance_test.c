/* SPDX-License-Identifier: MIT
 * redis_strangers_acceptance_test.c - members that have the name of another; consumers of other libraries
 * that are gone; groups that are lost, and entries that others take. Counted from the ledger and from the
 * server. */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "support/host.h"
#include "support/members.h"
#include "support/scene.h"
#include "support/until.h"

#define TOPIC "order-events"
#define GROUP "workers"

static const char *const type[] = {"order.paid"};
enum { COUNT = 60 };

static evs_system *connect_publisher(void) {
  return host_connect(
      "{\"service\":\"publisher\",\"transports\":{\"main\":{\"type\":\"redis-streams\",\"url\":\"%s\"}}}",
      store.server.url);
}

static void start_twin(void) {
  const char *const words[] = {
      "--url",       store.server.url, "--group",           GROUP, "--consumer", "twin",
      "--subscribe", "order.*",        "--session-timeout", "600", NULL};
  member_ready(&book, member_start(&book, EVS_MEMBER, words));
}

/* Both processes were given the same consumer name by mistake. */
static void two_processes_with_one_name_handle_each_event_once_and_say_so(void **state) {
  (void)state;
  evs_system *system = connect_publisher();
  host_publish_many(system, type, 1, 0, 1); /* members meet on a topic */
  start_twin();
  TEST_UNTIL(ledger_handled(&book, 0) == 1);
  evs_system *second = host_connect(
      "{\"service\":\"second\",\"transports\":{\"main\":{\"type\":\"redis-streams\",\"url\":\"%s\","
      "\"sessionTimeout\":600}}}",
      store.server.url);
  host_subscribe(second, "{\"pattern\":\"order.*\",\"group\":\"" GROUP "\",\"consumer\":\"twin\"}");
  host_ready(second);
  TEST_UNTIL(host_stat(second, "transport", "consumerNameClashes") == 1);
  host_publish_many(system, type, 1, 1, COUNT - 1);
  size_t own = 0;
  TEST_UNTIL(({
    host_message message;
    if (host_take(second, &message, 10)) {
      own++;
      host_ack(second, message.delivery);
    }
    own + ledger_handled(&book, 0) >= COUNT &&redis_pending(&store.server, TOPIC, GROUP) == 0;
  }));
  assert_int_equal(own + ledger_handled(&book, 0), COUNT);
  host_close(second, 1000);
  host_close(system, 1000);
}

/* ---- consumers of other libraries ------------------------------------------------------------- */

static long long consumers(void) {
  return redis_number(&store.server, "XINFO CONSUMERS stream:{" TOPIC "} " GROUP);
}

static void consumers_of_others_that_are_gone_are_removed_once_they_hold_nothing(void **state) {
  (void)state;
  evs_system *system = connect_publisher();
  host_publish_many(system, type, 1, 0, 1);
  assert_int_equal(redis_number(&store.server, "XGROUP CREATE stream:{" TOPIC "} " GROUP " 0"), 0);
  redis_number(&store.server, "XREADGROUP GROUP " GROUP " holding COUNT 1 STREAMS stream:{" TOPIC "} >");
  redis_number(&store.server, "XGROUP CREATECONSUMER stream:{" TOPIC "} " GROUP " empty");
  assert_int_equal(consumers(), 2);
  evs_system *second = host_connect(
      "{\"service\":\"second\",\"transports\":{\"main\":{\"type\":\"redis-streams\",\"url\":\"%s\","
      "\"sessionTimeout\":300,\"staleConsumerDetection\":{\"enabled\":true,\"staleThreshold\":1000,"
      "\"cleanupInterval\":100}}}}",
      store.server.url);
  host_subscribe(second, "{\"pattern\":\"order.*\",\"group\":\"" GROUP "\"}");
  host_ready(second);
  host_message taken = host_next(second); /* what one of them held comes first */
  assert_int_equal(taken.deliveries, 2);
  host_ack(second, taken.delivery);
  TEST_UNTIL(consumers() == 1 && host_stat(second, "transport", "staleConsumersRemoved") == 2);
  json_t *answer = host_call(second, "groups", "{}");
  const json_t *members = json_object_get(json_array_get(json_object_get(answer, "groups"), 0), "members");
  assert_int_equal(json_array_size(members), 1);
  assert_true(json_is_true(json_object_get(json_array_get(members, 0), "registered")));
  json_decref(answer);
  host_close(second, 1000);
  host_close(system, 1000);
}

/* ---- groups that are lost, entries that others take -------------------------------------------- */

static void a_lost_group_waits_for_somebody_where_it_shall(void **state) {
  (void)state;
  evs_system *system =
      host_connect("{\"service\":\"s\",\"transports\":{\"main\":{\"type\":\"redis-streams\",\"url\":\"%s\","
                   "\"sessionTimeout\":300,\"onGroupLost\":\"fail\"}}}",
                   store.server.url);
  host_subscribe(system, "{\"pattern\":\"order.*\",\"group\":\"" GROUP "\"}");
  host_ready(system);
  host_publish(system, "order.paid", "1");
  host_message first = host_next(system);
  host_ack(system, first.delivery);
  TEST_UNTIL(redis_pending(&store.server, TOPIC, GROUP) == 0);
  assert_int_equal(redis_number(&store.server, "XGROUP DESTROY stream:{" TOPIC "} " GROUP), 1);
  host_publish(system, "order.paid", "2");
  host_message none;
  assert_false(host_take(system, &none, 1500));
  assert_int_equal(host_stat(system, "transport", "groupsRecreated"), 0);
  assert_int_equal(redis_number(&store.server, "XGROUP CREATE stream:{" TOPIC "} " GROUP " 0"), 0);
  assert_string_equal(host_next(system).body, "1");
  host_close(system, 1000);
}

static void with_a_fence_on_entries_nobody_acknowledges_what_another_took(void **state) {
  (void)state;
  evs_system *system =
      host_connect("{\"service\":\"s\",\"transports\":{\"main\":{\"type\":\"redis-streams\",\"url\":\"%s\","
                   "\"fence\":\"entry\"}}}",
                   store.server.url);
  host_subscribe(system, "{\"pattern\":\"order.*\",\"group\":\"" GROUP "\",\"concurrency\":2}");
  host_ready(system);
  host_publish(system, "order.paid", "1");
  host_publish(system, "order.paid", "2");
  host_message first = host_next(system), second = host_next(system);
  redis_number(&store.server, "XCLAIM stream:{" TOPIC "} " GROUP " stranger 0 %s", first.offset);
  host_ack(system, first.delivery);
  host_ack(system, second.delivery);
  TEST_UNTIL(host_stat(system, "consumer", "staleSettlements") == 1 &&
             redis_pending(&store.server, TOPIC, GROUP) == 1);
  assert_int_equal(redis_pending_of(&store.server, TOPIC, GROUP, "stranger"), 1);
  host_close(system, 1000);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, scene_redis, scene_end)

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(two_processes_with_one_name_handle_each_event_once_and_say_so),
      TEST(consumers_of_others_that_are_gone_are_removed_once_they_hold_nothing),
      TEST(a_lost_group_waits_for_somebody_where_it_shall),
      TEST(with_a_fence_on_entries_nobody_acknowledges_what_another_took),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
