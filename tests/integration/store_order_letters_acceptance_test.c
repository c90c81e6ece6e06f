/* SPDX-License-Identifier: MIT
 * store_order_letters_acceptance_test.c - what a dead letter of an ordered topic means for the events behind
 * it: nothing, all of them wait, or those of its key do, until it is requeued or discarded. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/host.h"
#include "support/scene.h"
#include "support/until.h"

#define TOPIC "order-events"
#define GROUP "workers"

/* Another application on the same server, whose keys have names of their own. */
static int setup_renamed(void **state) {
  scene_redis(state);
  size_t size = strlen(store.transport);
  snprintf(store.transport + size, sizeof store.transport - size,
           ",\"streamPrefix\":\"shop:\",\"dlqStreamPrefix\":\"shop-dead:\"");
  return 0;
}

static evs_system *connect_policy(const char *ordering, const char *policy) {
  evs_system *system = host_connect(
      "{\"service\":\"shop\",\"transports\":{\"main\":{%s,"
      "\"sessionTimeout\":1000%s,\"retry\":{\"maxRetries\":0}}},"
      "\"routing\":{\"routes\":[{\"pattern\":\"order.*\",\"transport\":\"main\",\"ordering\":\"%s\","
      "\"onDeadLetter\":\"%s\"}]}}",
      store.transport, store.is_file ? "" : ",\"discoverInterval\":100", ordering, policy);
  host_subscribe(system, "{\"pattern\":\"order.*\",\"group\":\"" GROUP "\"}");
  host_ready(system);
  return system;
}

/* Handles what comes within a while, e-<bad> badly (-1: none); writes the numbers in the order they came. */
static int handle(evs_system *system, int bad, uint32_t quiet_ms, char *out) {
  host_message message;
  int count = 0;
  *out = '\0';
  while (host_take(system, &message, quiet_ms)) {
    int number = atoi(message.id + 2);
    sprintf(out + strlen(out), "%s%d", count++ ? " " : "", number);
    if (number == bad)
      host_fail(system, message.delivery, EVS_FAIL_REJECT, "Poison");
    else
      host_ack(system, message.delivery);
  }
  return count;
}

/* Handles until so many came. */
static void expect_handled(evs_system *system, int bad, const char *wanted) {
  char came[512] = "", more[256];
  uint64_t until = test_now_ms() + test_deadline_ms();
  while (strlen(came) < strlen(wanted) && test_now_ms() < until) {
    if (handle(system, bad, 100, more) > 0)
      sprintf(came + strlen(came), "%s%s", came[0] ? " " : "", more);
  }
  assert_string_equal(came, wanted);
}

static void expect_quiet(evs_system *system) {
  host_message message;
  assert_false(host_take(system, &message, 1500));
}

static char *only_letter(evs_system *system) {
  TEST_UNTIL(store_dead(system, TOPIC) == 1);
  json_t *list = host_call(system, "dlq.list", "{\"topic\":\"" TOPIC "\"}");
  char *id =
      strdup(json_string_value(json_object_get(json_array_get(json_object_get(list, "items"), 0), "id")));
  json_decref(list);
  return id;
}

static void change_letter(evs_system *system, const char *method, const char *more) {
  char *id = only_letter(system);
  json_t *answer = host_call(system, method, "{\"ids\":[\"%s\"]%s}", id, more);
  assert_int_equal(json_integer_value(json_object_get(
                       answer, strcmp(method, "dlq.requeue") == 0 ? "requeued" : "discarded")),
                   1);
  json_decref(answer);
  free(id);
}

/* Keys: e-0, e-2, e-4 … have k-0, the others k-1. */
static void a_dead_letter_that_is_skipped_holds_up_nothing(void **state) {
  (void)state;
  evs_system *system = connect_policy("strict", "skip");
  host_publish_keyed(system, "order.created", 2, 0, 6);
  expect_handled(system, 2, "0 1 2 3 4 5");
  TEST_UNTIL(store_dead(system, TOPIC) == 1 && store_pending(system, TOPIC, GROUP) == 0);
  host_close(system, 1000);
}

static void a_dead_letter_that_blocks_is_requeued_in_its_old_place(void **state) {
  (void)state;
  evs_system *system = connect_policy("strict", "block");
  host_publish_keyed(system, "order.created", 2, 0, 6);
  expect_handled(system, 2, "0 1 2");
  expect_quiet(system);
  assert_int_equal(store_pending(system, TOPIC, GROUP), 4);
  change_letter(system, "dlq.requeue", "");
  expect_handled(system, -1, "2 3 4 5");
  TEST_UNTIL(store_pending(system, TOPIC, GROUP) == 0);
  assert_int_equal(store_length(system, TOPIC), 6);
  assert_int_equal(store_dead(system, TOPIC), 0);
  host_close(system, 1000);
}

static void a_dead_letter_that_blocks_is_discarded_and_the_others_go_on(void **state) {
  (void)state;
  evs_system *system = connect_policy("strict", "block");
  host_publish_keyed(system, "order.created", 2, 0, 6);
  expect_handled(system, 2, "0 1 2");
  expect_quiet(system);
  change_letter(system, "dlq.discard", "");
  expect_handled(system, -1, "3 4 5");
  TEST_UNTIL(store_pending(system, TOPIC, GROUP) == 0);
  host_close(system, 1000);
}

static void a_dead_letter_blocks_through_a_change_of_members(void **state) {
  (void)state;
  evs_system *system = connect_policy("strict", "block");
  host_publish_keyed(system, "order.created", 2, 0, 6);
  expect_handled(system, 2, "0 1 2");
  TEST_UNTIL(store_dead(system, TOPIC) == 1);
  host_close(system, 1000);
  system = connect_policy("strict", "block");
  expect_quiet(system);
  change_letter(system, "dlq.requeue", "");
  expect_handled(system, -1, "2 3 4 5");
  host_close(system, 1000);
}

/* How often each number came before nothing came for a while. */
static void count_handled(evs_system *system, int bad, int counts[10]) {
  char came[512];
  memset(counts, 0, 10 * sizeof counts[0]);
  handle(system, bad, 1500, came);
  for (char *at = strtok(came, " "); at; at = strtok(NULL, " "))
    counts[atoi(at)]++;
}

static void parks_a_key(const char *ordering) {
  static const int before[10] = {1, 1, 1, 1, 0, 1, 0, 1, 0, 0};
  static const int after[10] = {[9] = 1};
  int counts[10];
  evs_system *system = connect_policy(ordering, "park-key");
  host_publish_keyed(system, "order.created", 2, 0, 8);
  TEST_UNTIL(store_length(system, TOPIC) == 8);
  count_handled(system, 2, counts);
  assert_memory_equal(counts, before, sizeof before);
  assert_int_equal(store_dead(system, TOPIC), 1);
  host_publish_keyed(system, "order.created", 2, 8, 2);
  count_handled(system, -1, counts);
  assert_memory_equal(counts, after, sizeof after);
  change_letter(system, "dlq.requeue", "");
  expect_handled(system, -1, "2 4 6 8");
  TEST_UNTIL(store_pending(system, TOPIC, GROUP) == 0);
  host_close(system, 1000);
}

static void a_dead_letter_parks_its_key_in_a_strict_topic(void **state) {
  (void)state;
  parks_a_key("strict");
}

static void a_dead_letter_parks_its_key_in_a_topic_of_keys(void **state) {
  (void)state;
  parks_a_key("per-key");
}

static void a_parked_key_waits_through_a_change_of_members(void **state) {
  (void)state;
  static const int before[10] = {1, 1, 1, 1, 0, 1, 0, 1, 0, 0};
  static const int after[10] = {[9] = 1};
  int counts[10];
  evs_system *system = connect_policy("strict", "park-key");
  host_publish_keyed(system, "order.created", 2, 0, 8);
  count_handled(system, 2, counts);
  assert_memory_equal(counts, before, sizeof before);
  host_close(system, 1000);
  system = connect_policy("strict", "park-key");
  host_publish_keyed(system, "order.created", 2, 8, 2);
  count_handled(system, -1, counts);
  assert_memory_equal(counts, after, sizeof after);
  change_letter(system, "dlq.requeue", "");
  expect_handled(system, -1, "2 4 6 8");
  host_close(system, 1000);
}

static void an_edited_body_runs_in_the_old_place(void **state) {
  (void)state;
  host_message message;
  char came[512];
  evs_system *system = connect_policy("strict", "block");
  host_publish_keyed(system, "order.created", 2, 0, 3);
  expect_handled(system, 1, "0 1");
  change_letter(system, "dlq.requeue", ",\"edit\":{\"body\":\"{\\\"mended\\\":true}\"},\"actor\":\"me\"");
  TEST_UNTIL(host_take(system, &message, 100));
  assert_string_equal(message.id, "e-1");
  assert_string_equal(message.body, "{\"mended\":true}");
  host_ack(system, message.delivery);
  TEST_UNTIL(handle(system, -1, 100, came) > 0);
  assert_string_equal(came, "2");
  host_close(system, 1000);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      SCENE_ON_BOTH(a_dead_letter_that_is_skipped_holds_up_nothing),
      SCENE_ON_BOTH(a_dead_letter_that_blocks_is_requeued_in_its_old_place),
      SCENE_ON_BOTH(a_dead_letter_that_blocks_is_discarded_and_the_others_go_on),
      SCENE_ON_BOTH(a_dead_letter_blocks_through_a_change_of_members),
      SCENE_ON_BOTH(a_dead_letter_parks_its_key_in_a_strict_topic),
      SCENE_ON_BOTH(a_dead_letter_parks_its_key_in_a_topic_of_keys),
      SCENE_ON_BOTH(a_parked_key_waits_through_a_change_of_members),
      SCENE_ON_BOTH(an_edited_body_runs_in_the_old_place),
      {"a dead letter that blocks is requeued under other names",
       a_dead_letter_that_blocks_is_requeued_in_its_old_place, setup_renamed, scene_end, NULL},
      {"a dead letter that blocks is discarded under other names",
       a_dead_letter_that_blocks_is_discarded_and_the_others_go_on, setup_renamed, scene_end, NULL},
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
