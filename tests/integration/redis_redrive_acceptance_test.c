/* SPDX-License-Identifier: MIT
 * redis_redrive_acceptance_test.c - sending dead letters again while it is not known that their cause is
 * mended: canaries, operations that stop themselves, other topics, processes that are killed on the way, and
 * hashes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/host.h"
#include "support/members.h"
#include "support/redis_server.h"
#include "support/until.h"

#define TOPIC "order-events"

static redis_server server;

static int setup(void **state) {
  (void)state;
  redis_server_start(&server, NULL);
  return 0;
}

static int teardown(void **state) {
  (void)state;
  members_end();
  redis_server_stop(&server);
  return 0;
}

static const char *config(void) {
  static char text[512];
  snprintf(text, sizeof text,
           "{\"service\":\"operator\",\"transports\":{\"main\":{\"type\":\"redis-streams\","
           "\"url\":\"%s\",\"sessionTimeout\":900,\"discoverInterval\":200,"
           "\"retry\":{\"maxRetries\":0}}}}",
           server.url);
  return text;
}

static evs_system *connect_host(void) {
  return host_connect("%s", config());
}

/* Dead letters of group billing, numbered from 1, as a consumer's script would have left them. */
static void bury(int count, int requeued) {
  static const char script[] =
      "redis.call('HSETNX', 'evs:topics', '" TOPIC "', '{\"partitions\":0,\"types\":[\"order.paid\"]}') "
      "for i = 1, tonumber(ARGV[1]) do "
      "redis.call('XADD', KEYS[1], i .. '-0', 'data', '{\"v\":1,\"header\":{\"id\":\"e-' .. i .. "
      "'\",\"type\":\"order.paid\",\"hash\":\"' .. ARGV[3] .. '\"},\"body\":7}', 'dead', "
      "'{\"group\":\"billing\",\"attempts\":1,\"error\":{\"class\":\"E\",\"message\":\"no\"},"
      "\"requeueCount\":' .. ARGV[2] .. '}') end return 1";
  /* of the body 7 */
  static const char hash[] = "7902699be42c8a8e46fbbb4501726517e86b22c56a189f7625a6da49081b2451";
  assert_int_equal(redis_number(&server, "EVAL %s 1 dlq:{" TOPIC "} %d %d %s", script, count, requeued, hash),
                   1);
}

static const char *word(const json_t *object, const char *name) {
  const char *text = json_string_value(json_object_get(object, name));
  return text ? text : "";
}

static long long number(const json_t *object, const char *name) {
  return json_integer_value(json_object_get(object, name));
}

static void start(evs_system *system, const char *more, char out_id[64]) {
  json_t *operation =
      host_call(system, "operations.start", "{\"kind\":\"requeue\",\"filter\":{},\"actor\":\"ana\"%s}", more);
  snprintf(out_id, 64, "%s", word(operation, "id"));
  json_decref(operation);
}

static json_t *get(evs_system *system, const char *id) {
  return host_call(system, "operations.get", "{\"id\":\"%s\"}", id);
}

static bool is_state(evs_system *system, const char *id, const char *state) {
  json_t *operation = get(system, id);
  bool is = strcmp(word(operation, "state"), state) == 0;
  json_decref(operation);
  return is;
}

static void assert_stopped(evs_system *system, const char *id, const char *rule) {
  json_t *operation = get(system, id);
  assert_string_equal(word(operation, "state"), "stopped");
  assert_string_equal(word(json_object_get(operation, "stopped"), "rule"), rule);
  assert_true(json_is_integer(json_object_get(operation, "endedAt")));
  json_decref(operation);
}

/* The process that drives it has beaten `times` more. */
static void wait_for_beats(const char *id, int times) {
  long long before = redis_number(&server, "HGET evs:operations %s:b", id);
  TEST_UNTIL(redis_number(&server, "HGET evs:operations %s:b", id) >= before + times);
}

/* ---- canaries ------------------------------------------------------------------------------------ */

static void a_canary_that_dies_again_stops_the_operation_before_the_rest(void **state) {
  (void)state;
  char id[64];
  bury(1000, 0);
  evs_system *system = connect_host();
  host_subscribe(system, "{\"pattern\":\"order.*\",\"group\":\"billing\"}");
  host_ready(system);
  start(system, ",\"canary\":{\"count\":5},\"stop\":{\"share\":0.2}", id);
  assert_true(host_fail(system, host_next(system).delivery, EVS_FAIL_REJECT, "StillBroken"));
  TEST_UNTIL(is_state(system, id, "stopped"));
  assert_stopped(system, id, "canary");
  assert_true(redis_length(&server, TOPIC) <= 5);
  json_t *log = host_call(system, "audit", "{}");
  assert_string_equal(word(json_array_get(json_object_get(log, "items"), 0), "result"), "stopped");
  json_decref(log);
  host_close(system, 1000);
}

static void a_canary_that_was_handled_lets_the_rest_go(void **state) {
  (void)state;
  char id[64];
  bury(50, 0);
  evs_system *system = connect_host();
  host_subscribe(system, "{\"pattern\":\"order.*\",\"group\":\"billing\"}");
  host_ready(system);
  start(system, ",\"canary\":{\"count\":5}", id);
  host_message last = {0};
  for (int i = 0; i < 5; i++) {
    last = host_next(system);
    if (i < 4)
      assert_true(host_ack(system, last.delivery));
  }
  wait_for_beats(id, 4); /* it looked at the outcomes meanwhile: one is not known */
  assert_int_equal(redis_length(&server, TOPIC), 5);
  assert_true(host_ack(system, last.delivery));
  for (int i = 5; i < 50; i++)
    assert_true(host_ack(system, host_next(system).delivery));
  TEST_UNTIL(is_state(system, id, "done"));
  assert_int_equal(redis_length(&server, TOPIC), 50);
  host_close(system, 1000);
}

static void a_canary_that_nobody_handles_stops_the_operation(void **state) {
  (void)state;
  char id[64];
  bury(50, 0);
  evs_system *system = connect_host();
  start(system, ",\"canary\":{\"count\":3,\"outcomeTimeout\":600}", id);
  TEST_UNTIL(is_state(system, id, "stopped"));
  assert_stopped(system, id, "outcomeTimeout");
  assert_int_equal(redis_length(&server, TOPIC), 3);
  host_close(system, 1000);
}

static void a_share_that_dies_again_stops_the_operation(void **state) {
  (void)state;
  char id[64];
  bury(1000, 0);
  evs_system *system = connect_host();
  host_subscribe(system, "{\"pattern\":\"order.*\",\"group\":\"billing\"}");
  host_ready(system);
  start(system, ",\"rate\":20,\"stop\":{\"share\":0.2,\"least\":10}", id);
  while (!is_state(system, id, "stopped")) {
    host_message message;
    if (host_take(system, &message, 100))
      host_fail(system, message.delivery, EVS_FAIL_REJECT, "StillBroken");
  }
  assert_stopped(system, id, "share");
  assert_true(redis_length(&server, TOPIC) < 1000);
  host_close(system, 1000);
}

static void an_operation_does_not_send_what_came_back_too_often(void **state) {
  (void)state;
  char id[64];
  bury(3, 10);
  evs_system *system = connect_host();
  start(system, "", id);
  TEST_UNTIL(is_state(system, id, "done"));
  json_t *operation = get(system, id);
  assert_int_equal(number(operation, "failed"), 3);
  assert_int_equal(json_array_size(json_object_get(operation, "errors")), 3);
  json_decref(operation);
  start(system, ",\"force\":true", id);
  TEST_UNTIL(is_state(system, id, "done"));
  assert_int_equal(redis_length(&server, TOPIC), 3);
  host_close(system, 1000);
}

/* ---- another topic, and processes that are killed on the way ----------------------------------------- */

static pid_t run_elsewhere(bool starts) {
  return starts ? caller_start(EVS_CALLER, config(), "operations.start",
                               "{\"kind\":\"requeue\",\"filter\":{},\"actor\":\"ana\",\"to\":\"repair\","
                               "\"create\":true,\"rate\":3000}")
                : caller_start(EVS_CALLER, config(), "operations.list", "{}");
}

static long long sent_once(int count) {
  static const char script[] =
      "local seen, once = {}, 0 "
      "for _, e in ipairs(redis.call('XRANGE', KEYS[1], '-', '+')) do "
      "local id = cjson.decode(e[2][2]).header.id seen[id] = (seen[id] or 0) + 1 end "
      "for i = 1, tonumber(ARGV[1]) do if seen['e-' .. i] == 1 then once = once + 1 end end return once";
  return redis_number(&server, "EVAL %s 1 stream:{repair} %d", script, count);
}

static void letters_get_to_another_topic_once_whoever_is_killed_meanwhile(void **state) {
  (void)state;
  enum { LETTERS = 6000, KILLS = 4 };
  char id[64];
  bury(LETTERS, 0);
  for (int killed = 0; killed < KILLS; killed++) {
    long long before = redis_dead(&server, TOPIC);
    pid_t child = run_elsewhere(killed == 0);
    TEST_UNTIL(redis_dead(&server, TOPIC) < before - 300);
    member_kill(child);
  }
  evs_system *system = connect_host();
  json_t *list = host_call(system, "operations.list", "{}");
  snprintf(id, sizeof id, "%s", word(json_array_get(json_object_get(list, "operations"), 0), "id"));
  json_decref(list);
  TEST_UNTIL(is_state(system, id, "done"));
  json_t *operation = get(system, id);
  assert_int_equal(number(operation, "done"), LETTERS);
  json_decref(operation);
  TEST_UNTIL(redis_number(&server, "EXISTS evs:outbox:{" TOPIC "}") == 0);
  assert_int_equal(redis_number(&server, "XLEN stream:{repair}"), LETTERS);
  assert_int_equal(sent_once(LETTERS), LETTERS);
  assert_int_equal(redis_number(&server, "XLEN evs:archive:{" TOPIC "}"), LETTERS);
  host_close(system, 1000);
}

static void a_canary_in_another_topic_is_judged_there(void **state) {
  (void)state;
  char id[64];
  bury(100, 0);
  evs_system *system = connect_host();
  host_subscribe(system, "{\"pattern\":\"order.*\",\"group\":\"menders\"}");
  host_ready(system);
  start(system, ",\"to\":\"repair\",\"create\":true,\"canary\":{\"count\":4}", id);
  for (int i = 0; i < 4; i++) {
    host_message message = host_next(system);
    assert_string_equal(message.topic, "repair");
    assert_true(host_ack(system, message.delivery));
  }
  for (int i = 4; i < 100; i++)
    assert_true(host_ack(system, host_next(system).delivery));
  TEST_UNTIL(is_state(system, id, "done"));
  assert_int_equal(redis_number(&server, "XLEN stream:{repair}"), 100);
  host_close(system, 1000);
}

/* ---- hashes are checked ------------------------------------------------------------------------------ */

static void requeued_and_edited_events_pass_the_check_of_their_hash(void **state) {
  (void)state;
  bury(2, 0);
  evs_system *system = connect_host();
  host_subscribe(system, "{\"pattern\":\"order.*\",\"group\":\"billing\"}");
  host_ready(system);
  json_decref(host_call(system, "dlq.requeue", "{\"ids\":[\"main/" TOPIC "/1-0\"]}"));
  json_decref(host_call(system, "dlq.requeue",
                        "{\"ids\":[\"main/" TOPIC "/2-0\"],\"edit\":{\"body\":\"{\\\"mended\\\": true}\"}}"));
  host_message message = host_next(system);
  assert_string_equal(message.body, "7");
  assert_true(host_ack(system, message.delivery));
  message = host_next(system);
  assert_string_equal(message.body, "{\"mended\": true}");
  assert_true(host_ack(system, message.delivery));
  assert_int_equal(redis_dead(&server, TOPIC), 0);
  host_close(system, 1000);
}

static void a_group_that_it_is_not_for_does_not_judge_what_came_back(void **state) {
  (void)state;
  redis_number(&server, "HSETNX evs:topics " TOPIC " %s", "{\"partitions\":0,\"types\":[\"order.paid\"]}");
  evs_system *system = connect_host();
  host_subscribe(system, "{\"pattern\":\"order.*\",\"group\":\"shipping\"}");
  host_ready(system);
  static const char wrong[] =
      "{\"v\":1,\"header\":{\"id\":\"e-1\",\"type\":\"order.paid\",\"hash\":\"00\"},\"body\":7}";
  static const char *const data[] = {wrong, "no envelope"};
  for (size_t i = 0; i < 2; i++)
    redis_number(&server, "XADD stream:{" TOPIC "} * data %s requeue %s", data[i],
                 "{\"group\":\"billing\",\"from\":\"main/" TOPIC "/1-0\",\"count\":1}");
  TEST_UNTIL(host_stat(system, "consumer", "requeuedElsewhere") == 2);
  TEST_UNTIL(redis_pending(&server, TOPIC, "shipping") == 0);
  assert_int_equal(redis_dead(&server, TOPIC), 0);
  host_close(system, 1000);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(a_canary_that_dies_again_stops_the_operation_before_the_rest),
      TEST(a_canary_that_was_handled_lets_the_rest_go),
      TEST(a_canary_that_nobody_handles_stops_the_operation),
      TEST(a_share_that_dies_again_stops_the_operation),
      TEST(an_operation_does_not_send_what_came_back_too_often),
      TEST(letters_get_to_another_topic_once_whoever_is_killed_meanwhile),
      TEST(a_canary_in_another_topic_is_judged_there),
      TEST(requeued_and_edited_events_pass_the_check_of_their_hash),
      TEST(a_group_that_it_is_not_for_does_not_judge_what_came_back),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
