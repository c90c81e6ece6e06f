/* SPDX-License-Identifier: MIT
 * redis_operations_acceptance_test.c - bulk changes of dead letters as jobs: they survive their process, keep
 * to a rate, and do what is asked of them meanwhile. What was moved is looked up in the store. */
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
           "\"url\":\"%s\",\"sessionTimeout\":900}}}",
           server.url);
  return text;
}

static evs_system *connect_host(void) {
  return host_connect("%s", config());
}

/* Dead letters of group billing, numbered from 1, as a consumer's script would have left them. */
static void bury(int count) {
  static const char script[] =
      "redis.call('HSETNX', 'evs:topics', '" TOPIC "', '{\"partitions\":0,\"types\":[\"order.paid\"]}') "
      "for i = 1, tonumber(ARGV[1]) do "
      "redis.call('XADD', KEYS[1], i .. '-0', 'data', '{\"v\":1,\"header\":{\"id\":\"e-' .. i .. "
      "'\",\"type\":\"order.paid\"},\"body\":' .. i .. '}', 'dead', '{\"group\":\"billing\",\"attempts\":1,"
      "\"error\":{\"class\":\"E\",\"message\":\"no\"},\"requeueCount\":0}') end return 1";
  assert_int_equal(redis_number(&server, "EVAL %s 1 dlq:{" TOPIC "} %d", script, count), 1);
}

/* How many of the letters 1 to count have exactly one copy in the topic, said by the copies themselves. */
static long long moved_once(int count) {
  static const char script[] =
      "local seen, once = {}, 0 "
      "for _, e in ipairs(redis.call('XRANGE', KEYS[1], '-', '+')) do "
      "local id = cjson.decode(e[2][2]).header.id seen[id] = (seen[id] or 0) + 1 end "
      "for i = 1, tonumber(ARGV[1]) do if seen['e-' .. i] == 1 then once = once + 1 end end return once";
  return redis_number(&server, "EVAL %s 1 stream:{" TOPIC "} %d", script, count);
}

static json_t *start(evs_system *system, const char *more) {
  return host_call(system, "operations.start", "{\"kind\":\"requeue\",\"filter\":{},\"actor\":\"ana\"%s}",
                   more);
}

static json_t *get(evs_system *system, const char *id) {
  return host_call(system, "operations.get", "{\"id\":\"%s\"}", id);
}

static const char *word(const json_t *object, const char *name) {
  const char *text = json_string_value(json_object_get(object, name));
  return text ? text : "";
}

static long long number(const json_t *object, const char *name) {
  return json_integer_value(json_object_get(object, name));
}

static bool is_state(evs_system *system, const char *id, const char *state) {
  json_t *operation = get(system, id);
  bool is = strcmp(word(operation, "state"), state) == 0;
  json_decref(operation);
  return is;
}

static long long done(evs_system *system, const char *id) {
  json_t *operation = get(system, id);
  long long count = number(operation, "done");
  json_decref(operation);
  return count;
}

static void set(evs_system *system, const char *id, const char *change) {
  json_decref(host_call(system, "operations.set", "{\"id\":\"%s\",%s}", id, change));
}

static void keep_id(json_t *operation, char out_id[64]) {
  snprintf(out_id, 64, "%s", word(operation, "id"));
  json_decref(operation);
}

/* ---- a process that dies ------------------------------------------------------------------------ */

/* A process that starts the operation, or takes over the one there is, until it is killed. */
static pid_t run_elsewhere(bool starts) {
  return starts ? caller_start(EVS_CALLER, config(), "operations.start",
                               "{\"kind\":\"requeue\",\"filter\":{},\"actor\":\"ana\",\"rate\":1000}")
                : caller_start(EVS_CALLER, config(), "operations.list", "{}");
}

static void an_operation_survives_kill_9_and_moves_each_letter_once(void **state) {
  (void)state;
  enum { LETTERS = 10000 };
  char id[64];
  bury(LETTERS);
  for (int killed = 0; killed < 2; killed++) {
    long long before = redis_dead(&server, TOPIC);
    pid_t child = run_elsewhere(killed == 0);
    TEST_UNTIL(redis_dead(&server, TOPIC) < before - 1000);
    member_kill(child);
    assert_true(redis_dead(&server, TOPIC) > 0);
  }
  evs_system *system = connect_host();
  json_t *list = host_call(system, "operations.list", "{}");
  json_t *operation = json_array_get(json_object_get(list, "operations"), 0);
  assert_string_equal(word(operation, "state"), "running");
  snprintf(id, sizeof id, "%s", word(operation, "id"));
  json_decref(list);
  set(system, id, "\"rate\":null");
  TEST_UNTIL(is_state(system, id, "done"));
  operation = get(system, id);
  assert_int_equal(number(operation, "done"), LETTERS);
  assert_int_equal(number(operation, "skipped"), 0);
  assert_int_equal(number(operation, "failed"), 0);
  assert_int_equal(number(operation, "remaining"), 0);
  json_decref(operation);
  assert_int_equal(redis_dead(&server, TOPIC), 0);
  assert_int_equal(redis_length(&server, TOPIC), LETTERS);
  assert_int_equal(moved_once(LETTERS), LETTERS);
  assert_int_equal(redis_number(&server, "XLEN evs:archive:{" TOPIC "}"), LETTERS);
  host_close(system, 1000);
}

/* ---- doing what is asked ------------------------------------------------------------------------ */

/* The process that drives it has beaten `times` more, so it has seen what was asked of it before. */
static void wait_for_beats(const char *id, int times) {
  long long before = redis_number(&server, "HGET evs:operations %s:b", id);
  TEST_UNTIL(redis_number(&server, "HGET evs:operations %s:b", id) >= before + times);
}

static void an_operation_pauses_resumes_changes_its_rate_and_aborts(void **state) {
  (void)state;
  char id[64];
  bury(1000);
  evs_system *system = connect_host(), *other = connect_host();
  json_t *started = start(system, ",\"rate\":20");
  assert_int_equal(number(json_object_get(started, "snapshot"), "count"), 1000);
  keep_id(started, id);
  TEST_UNTIL(done(system, id) >= 4);
  set(other, id, "\"state\":\"paused\"");
  wait_for_beats(id, 2);
  long long paused_at = redis_length(&server, TOPIC);
  wait_for_beats(id, 2);
  assert_int_equal(redis_length(&server, TOPIC), paused_at);
  assert_true(is_state(other, id, "paused"));
  set(other, id, "\"state\":\"running\",\"rate\":30");
  TEST_UNTIL(done(other, id) > paused_at);
  set(other, id, "\"state\":\"aborted\"");
  TEST_UNTIL(done(other, id) == redis_length(&server, TOPIC));
  assert_true(is_state(other, id, "aborted"));
  host_close(system, 1000); /* from here on nobody could move any more */
  long long moved = redis_length(&server, TOPIC);
  assert_true(moved > paused_at && moved < 1000);
  assert_int_equal(redis_dead(&server, TOPIC), 1000 - moved);
  host_close(other, 1000);
}

static void what_fails_again_meanwhile_is_not_taken_again(void **state) {
  (void)state;
  char id[64];
  bury(300);
  evs_system *system = connect_host();
  host_subscribe(system, "{\"pattern\":\"order.*\",\"group\":\"billing\"}");
  host_ready(system);
  keep_id(start(system, ",\"rate\":300"), id);
  for (int failed = 0; failed < 300; failed++)
    assert_true(host_fail(system, host_next(system).delivery, EVS_FAIL_REJECT, "StillBroken"));
  TEST_UNTIL(is_state(system, id, "done"));
  assert_int_equal(done(system, id), 300);
  TEST_UNTIL(redis_dead(&server, TOPIC) == 300);
  json_t *sum = host_call(system, "dlq.count", "{\"filter\":{\"requeued\":true}}");
  assert_int_equal(number(sum, "count"), 300);
  json_decref(sum);
  host_close(system, 1000);
}

static void the_same_key_is_the_same_operation(void **state) {
  (void)state;
  char first[64], second[64];
  bury(10);
  evs_system *system = connect_host();
  keep_id(start(system, ",\"key\":\"k1\""), first);
  keep_id(start(system, ",\"key\":\"k1\""), second);
  assert_string_equal(first, second);
  TEST_UNTIL(is_state(system, first, "done"));
  keep_id(start(system, ",\"key\":\"k1\""), second);
  assert_string_equal(first, second);
  assert_int_equal(redis_length(&server, TOPIC), 10);
  host_close(system, 1000);
}

static void discarded_letters_come_back_by_an_operation_and_all_is_in_the_log(void **state) {
  (void)state;
  char id[64];
  bury(250);
  evs_system *system = connect_host();
  keep_id(host_call(system, "operations.start",
                    "{\"kind\":\"discard\",\"filter\":{\"group\":\"billing\"},"
                    "\"actor\":\"ana\",\"reason\":\"a test\"}"),
          id);
  TEST_UNTIL(is_state(system, id, "done"));
  assert_int_equal(redis_dead(&server, TOPIC), 0);
  json_t *archive = host_call(system, "dlq.archive", "{\"limit\":1,\"body\":false}");
  const json_t *kept = json_array_get(json_object_get(archive, "items"), 0);
  assert_string_equal(word(kept, "operation"), id);
  assert_string_equal(word(kept, "archivedBy"), "ana");
  assert_string_equal(word(kept, "reason"), "a test");
  json_decref(archive);
  keep_id(host_call(system, "operations.start", "{\"kind\":\"restore\",\"filter\":{}}"), id);
  TEST_UNTIL(is_state(system, id, "done"));
  assert_int_equal(redis_dead(&server, TOPIC), 250);
  assert_int_equal(redis_number(&server, "XLEN evs:archive:{" TOPIC "}"), 0);
  TEST_UNTIL(redis_number(&server, "XLEN evs:audit") == 4);
  json_t *log = host_call(system, "audit", "{}");
  const json_t *last = json_array_get(json_object_get(log, "items"), 0);
  assert_string_equal(word(last, "action"), "operations.end");
  assert_string_equal(word(last, "operation"), id);
  assert_int_equal(number(last, "count"), 250);
  assert_string_equal(word(json_array_get(json_object_get(log, "items"), 3), "actor"), "ana");
  json_decref(log);
  host_close(system, 1000);
}

static void assert_refused(evs_system *system, evs_status status, const char *method, const char *params) {
  char *answer = NULL;
  evs_error *error = NULL;
  evs_status was = evs_call(system, method, params, strlen(params), 5000, &answer, &error);
  if (was != status)
    fail_msg("%s %s: %d", method, params, (int)was);
  evs_error_free(error);
}

static void what_cannot_be_is_refused(void **state) {
  (void)state;
  char id[64], params[200];
  evs_system *system = connect_host();
  static const char *const wrong[] = {"{}",
                                      "{\"kind\":\"requeue\"}",
                                      "{\"kind\":\"eat\",\"filter\":{}}",
                                      "{\"kind\":\"requeue\",\"filter\":{\"x\":1}}",
                                      "{\"kind\":\"requeue\",\"filter\":{},\"rate\":0}",
                                      "{\"kind\":\"requeue\",\"filter\":{},\"key\":\"\"}"};
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
    assert_refused(system, EVS_VALIDATION, "operations.start", wrong[i]);
  assert_refused(system, EVS_NOT_FOUND, "operations.get", "{\"id\":\"none\"}");
  assert_refused(system, EVS_VALIDATION, "operations.get", "{}");
  keep_id(start(system, ""), id);
  TEST_UNTIL(is_state(system, id, "done"));
  snprintf(params, sizeof params, "{\"id\":\"%s\",\"state\":\"paused\"}", id);
  assert_refused(system, EVS_CONFLICT, "operations.set", params);
  assert_refused(system, EVS_NOT_FOUND, "job.list", "{}");
  host_close(system, 1000);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(an_operation_survives_kill_9_and_moves_each_letter_once, setup,
                                      teardown),
      cmocka_unit_test_setup_teardown(an_operation_pauses_resumes_changes_its_rate_and_aborts, setup,
                                      teardown),
      cmocka_unit_test_setup_teardown(what_fails_again_meanwhile_is_not_taken_again, setup, teardown),
      cmocka_unit_test_setup_teardown(the_same_key_is_the_same_operation, setup, teardown),
      cmocka_unit_test_setup_teardown(discarded_letters_come_back_by_an_operation_and_all_is_in_the_log,
                                      setup, teardown),
      cmocka_unit_test_setup_teardown(what_cannot_be_is_refused, setup, teardown),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
