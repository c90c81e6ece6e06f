/* SPDX-License-Identifier: MIT
 * redis_replay_acceptance_test.c - what is stored comes again to one handler, at a rate, until it is paused,
 * aborted or through; the group that handled it before notices nothing; and a replay survives its process. */
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

static int clear(void **state) {
  (void)state;
  return redis_number(&server, "FLUSHALL") >= 0 ? 0 : -1;
}

static const char *config(void) {
  static char text[512];
  snprintf(text, sizeof text,
           "{\"service\":\"shop\",\"transports\":{\"main\":{\"type\":\"redis-streams\",\"url\":\"%s\","
           "\"sessionTimeout\":900,\"retry\":{\"maxRetries\":1,\"baseDelay\":5}}}}",
           server.url);
  return text;
}

static evs_system *connect_host(void) {
  return host_connect("%s", config());
}

/* Events e-1 to e-<count>, of two types in turn, and a live group that has not handled any of them. */
static evs_system *publish_some(int count) {
  static const char *const types[] = {"order.paid", "order.placed"};
  evs_system *system = connect_host();
  host_publish_many(system, types, 2, 1, count);
  redis_number(&server, "XGROUP CREATE stream:{" TOPIC "} live 0");
  redis_number(&server, "XREADGROUP GROUP live c COUNT 2 STREAMS stream:{" TOPIC "} >");
  return system;
}

/* Everything that the live group's state consists of. */
static char *live_state(void) {
  return redis_text(
      &server, "EVAL %s 1 stream:{" TOPIC "}",
      "return cjson.encode({redis.call('XINFO', 'GROUPS', KEYS[1]), "
      "redis.call('XPENDING', KEYS[1], 'live', '-', '+', 100)[1][4], redis.call('XLEN', KEYS[1])})");
}

static void start(evs_system *system, const char *params, char out_id[64]) {
  json_t *made = host_call(system, "replay.start", "{%s}", params);
  snprintf(out_id, 64, "%s", json_string_value(json_object_get(made, "id")));
  json_decref(made);
}

static void subscribe(evs_system *system, const char *id) {
  host_subscribe(system, "{\"pattern\":\"order.*\",\"replay\":\"%s\",\"concurrency\":100}", id);
  host_ready(system);
}

static long long number(evs_system *system, const char *id, const char *name) {
  json_t *made = host_call(system, "replay.get", "{\"id\":\"%s\"}", id);
  long long value = json_integer_value(json_object_get(made, name));
  json_decref(made);
  return value;
}

static bool is_state(evs_system *system, const char *id, const char *state) {
  json_t *made = host_call(system, "replay.get", "{\"id\":\"%s\"}", id);
  bool is = strcmp(json_string_value(json_object_get(made, "state")), state) == 0;
  json_decref(made);
  return is;
}

static void expect(evs_system *system, const char *const *ids, int count) {
  for (int i = 0; i < count; i++) {
    host_message message = host_next(system);
    assert_string_equal(message.id, ids[i]);
    assert_non_null(strstr(message.requeue, "\"replay\""));
    host_ack(system, message.delivery);
  }
}

static void a_handler_gets_again_what_is_stored_and_the_live_group_notices_nothing(void **state) {
  (void)state;
  static const char *const all[] = {"e-1", "e-2", "e-3", "e-4", "e-5", "e-6"};
  char id[64];
  evs_system *system = publish_some(6);
  char *before = live_state();
  start(system, "\"filter\":{\"topic\":\"" TOPIC "\"}", id);
  subscribe(system, id);
  expect(system, all, 6);
  TEST_UNTIL(is_state(system, id, "done"));
  TEST_UNTIL(number(system, id, "unhandled") == 0);
  assert_int_equal(number(system, id, "done"), 6);
  assert_int_equal(number(system, id, "remaining"), 0);
  char *after = live_state();
  assert_string_equal(after, before);
  free(before);
  free(after);
  host_close(system, 1000);
}

static void by_type_by_offset_and_by_time(void **state) {
  (void)state;
  static const char *const paid[] = {"e-2", "e-4", "e-6"}, *const middle[] = {"e-2", "e-3"};
  char id[64], params[256];
  evs_system *system = publish_some(6);
  start(system, "\"filter\":{\"type\":\"*.paid\"}", id);
  subscribe(system, id);
  expect(system, paid, 3);
  char *from = redis_text(&server, "EVAL %s 1 stream:{" TOPIC "}",
                          "return redis.call('XRANGE', KEYS[1], '-', '+')[2][1]");
  char *to = redis_text(&server, "EVAL %s 1 stream:{" TOPIC "}",
                        "return redis.call('XRANGE', KEYS[1], '-', '+')[3][1]");
  snprintf(params, sizeof params, "\"filter\":{\"fromOffset\":\"%s\",\"toOffset\":\"%s\"}", from, to);
  start(system, params, id);
  subscribe(system, id);
  expect(system, middle, 2);
  snprintf(params, sizeof params, "\"filter\":{\"until\":%lld}", strtoll(from, NULL, 10) - 100000);
  start(system, params, id);
  TEST_UNTIL(is_state(system, id, "done"));
  assert_int_equal(number(system, id, "done"), 0);
  snprintf(params, sizeof params, "\"filter\":{\"since\":%lld}", strtoll(from, NULL, 10) - 100000);
  start(system, params, id);
  TEST_UNTIL(number(system, id, "done") == 6);
  free(from);
  free(to);
  host_close(system, 1000);
}

/* A second entry of the same millisecond is past the offset that ends it, though not past the time. */
static void an_offset_ends_a_replay_before_the_time_of_its_end_is_over(void **state) {
  (void)state;
  char id[64];
  evs_system *system = publish_some(1);
  for (int i = 0; i < 2; i++)
    redis_number(&server, "XADD stream:{" TOPIC "} 9000000000000-%d data %s", i,
                 "{\"v\":1,\"header\":{\"id\":\"e-late\",\"type\":\"order.paid\"},\"body\":1}");
  start(system,
        "\"filter\":{\"since\":9000000000000,\"until\":9000000000000,\"toOffset\":\"9000000000000-0\"}", id);
  TEST_UNTIL(is_state(system, id, "done"));
  assert_int_equal(number(system, id, "done"), 1);
  host_close(system, 1000);
}

static void a_replay_keeps_its_rate_and_stops_when_it_is_told(void **state) {
  (void)state;
  char id[64];
  host_message message;
  evs_system *system = publish_some(2000);
  start(system, "\"rate\":50,\"filter\":{}", id);
  subscribe(system, id);
  for (int i = 0; i < 20; i++)
    host_ack(system, host_next(system).delivery);
  json_decref(host_call(system, "replay.set", "{\"id\":\"%s\",\"state\":\"paused\"}", id));
  while (host_take(system, &message, 1000)) /* a second later nothing comes any more */
    host_ack(system, message.delivery);
  long long paused_at = number(system, id, "done");
  assert_true(paused_at < 2000);
  assert_false(host_take(system, &message, 1500));
  assert_int_equal(number(system, id, "done"), paused_at);
  json_decref(host_call(system, "replay.set", "{\"id\":\"%s\",\"state\":\"running\",\"rate\":null}", id));
  TEST_UNTIL(number(system, id, "done") > paused_at + 200);
  json_decref(host_call(system, "replay.set", "{\"id\":\"%s\",\"state\":\"aborted\"}", id));
  while (host_take(system, &message, 1000))
    host_ack(system, message.delivery);
  assert_false(host_take(system, &message, 1500));
  assert_true(is_state(system, id, "aborted"));
  assert_true(number(system, id, "done") < 2000);
  host_close(system, 1000);
}

static void a_feed_waits_for_who_reads_it(void **state) {
  (void)state;
  char id[64];
  evs_system *system = publish_some(3000);
  start(system, "\"filter\":{}", id);
  TEST_UNTIL(number(system, id, "done") >= 1000);
  assert_true(redis_number(&server, "XLEN evs:replay:{" TOPIC "}:%s", id) <= 1100);
  subscribe(system, id);
  for (int i = 1; i <= 3000; i++) {
    char expected[16];
    host_message message = host_next(system);
    snprintf(expected, sizeof expected, "e-%d", i);
    assert_string_equal(message.id, expected);
    host_ack(system, message.delivery);
  }
  TEST_UNTIL(is_state(system, id, "done"));
  TEST_UNTIL(number(system, id, "unhandled") == 0);
  host_close(system, 1000);
}

static void what_fails_in_a_replay_is_a_dead_letter_that_cannot_be_requeued_to_nobody(void **state) {
  (void)state;
  char id[64];
  evs_system *system = publish_some(1);
  start(system, "\"filter\":{}", id);
  subscribe(system, id);
  for (int i = 0; i < 2; i++)
    host_fail(system, host_next(system).delivery, EVS_FAIL_RETRY, "Broken");
  TEST_UNTIL(redis_dead(&server, TOPIC) == 1);
  json_t *letters = host_call(system, "dlq.list", "{}");
  json_t *letter = json_array_get(json_object_get(letters, "items"), 0);
  char *stored = redis_text(&server, "EVAL %s 1 stream:{" TOPIC "}",
                            "return redis.call('XRANGE', KEYS[1], '-', '+')[1][1]");
  assert_string_equal(json_string_value(json_object_get(letter, "originalId")), stored);
  free(stored);
  json_decref(letters);
  json_t *answer = host_call(system, "dlq.requeue", "{\"filter\":{}}");
  json_t *result = json_array_get(json_object_get(answer, "results"), 0);
  assert_string_equal(json_string_value(json_object_get(result, "outcome")), "error");
  assert_non_null(strstr(json_string_value(json_object_get(result, "message")), "replay"));
  json_decref(answer);
  assert_int_equal(redis_dead(&server, TOPIC), 1);
  host_close(system, 1000);
}

/* Two events in one entry, as the published library writes them, of the types order.<first> and
 * order.<second>. */
static char *store_batch(const char *first, const char *second) {
  static const char event[] =
      "{\"header\":{\"id\":\"%s-%d\",\"type\":\"order.%s\",\"origin\":\"web\",\"timestamp\":"
      "\"2025-11-23T17:46:40.000Z\",\"version\":\"1.0.0\"},\"body\":1}";
  char one[256], two[256], data[640];
  snprintf(one, sizeof one, event, first, 1, first);
  snprintf(two, sizeof two, event, first, 2, second);
  snprintf(data, sizeof data, "{\"data\":[%s,%s],\"metadata\":{}}", one, two);
  return redis_text(&server, "XADD stream:" TOPIC " * data %s timestamp 1 topic " TOPIC " batch true count 2",
                    data);
}

static void an_entry_with_several_events_is_replayed_when_one_of_them_is_meant(void **state) {
  (void)state;
  char id[64], expected[128];
  char *meant = store_batch("placed", "paid");
  free(store_batch("sent", "placed"));
  evs_system *system = host_connect(
      "{\"service\":\"shop\",\"transports\":{\"main\":{\"type\":\"redis-streams\",\"url\":\"%s\","
      "\"keyLayout\":\"plain\"}}}",
      server.url);
  start(system, "\"filter\":{\"type\":\"order.paid\"}", id);
  subscribe(system, id);
  host_message first = host_next(system), second = host_next(system);
  assert_string_equal(first.id, "placed-1");
  assert_string_equal(second.id, "placed-2");
  host_ack(system, first.delivery);
  host_fail(system, second.delivery, EVS_FAIL_REJECT, "Broken");
  TEST_UNTIL(number(system, id, "unhandled") == 0);
  assert_int_equal(number(system, id, "done"), 1);
  char *head =
      redis_text(&server, "EVAL %s 1 dlq:stream:" TOPIC,
                 "local f = redis.call('XRANGE', KEYS[1], '-', '+')[1][2] return f[1] .. ' ' .. f[2] .. ' ' "
                 ".. f[3] .. ' ' .. f[4]");
  snprintf(expected, sizeof expected, "originalId %s/1 originalStream stream:" TOPIC, meant);
  assert_string_equal(head, expected);
  free(head);
  free(meant);
  host_close(system, 1000);
}

static void a_new_group_can_be_the_target_and_the_same_key_is_the_same_replay(void **state) {
  (void)state;
  static const char *const all[] = {"e-1", "e-2"};
  char id[64], again[64];
  evs_system *system = publish_some(2);
  start(system, "\"group\":\"report\",\"key\":\"k\",\"filter\":{}", id);
  start(system, "\"group\":\"report\",\"key\":\"k\",\"filter\":{}", again);
  assert_string_equal(id, again);
  host_subscribe(system, "{\"pattern\":\"order.*\",\"group\":\"report\",\"replay\":\"%s\"}", id);
  host_ready(system);
  expect(system, all, 2);
  json_t *list = host_call(system, "replay.list", "{}");
  assert_int_equal(json_array_size(json_object_get(list, "replays")), 1);
  json_decref(list);
  list = host_call(system, "operations.list", "{}");
  assert_int_equal(json_array_size(json_object_get(list, "operations")), 0);
  json_decref(list);
  host_close(system, 1000);
}

static void a_replay_survives_kill_9_and_brings_each_event_once(void **state) {
  (void)state;
  enum { EVENTS = 600 };
  bool seen[EVENTS + 1] = {false};
  evs_system *system = publish_some(EVENTS);
  host_close(system, 1000);
  pid_t child =
      caller_start(EVS_CALLER, config(), "replay.start", "{\"filter\":{},\"rate\":100,\"key\":\"k\"}");
  TEST_UNTIL(redis_number(&server, "EVAL %s 0",
                          "local n = 0 for _, k in ipairs(redis.call('KEYS', 'evs:replay:*')) "
                          "do n = n + redis.call('XLEN', k) end return n") > 20);
  member_kill(child);
  char id[64];
  system = connect_host();
  start(system, "\"filter\":{},\"key\":\"k\"", id); /* the same: who asks takes over */
  json_decref(host_call(system, "replay.set", "{\"id\":\"%s\",\"rate\":null}", id));
  subscribe(system, id);
  for (int i = 0; i < EVENTS; i++) {
    host_message message = host_next(system);
    int which = (int)strtol(message.id + 2, NULL, 10);
    assert_false(seen[which]);
    seen[which] = true;
    host_ack(system, message.delivery);
  }
  TEST_UNTIL(is_state(system, id, "done"));
  assert_int_equal(number(system, id, "done"), EVENTS);
  host_close(system, 1000);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup(a_handler_gets_again_what_is_stored_and_the_live_group_notices_nothing, clear),
      cmocka_unit_test_setup(by_type_by_offset_and_by_time, clear),
      cmocka_unit_test_setup(an_offset_ends_a_replay_before_the_time_of_its_end_is_over, clear),
      cmocka_unit_test_setup(a_replay_keeps_its_rate_and_stops_when_it_is_told, clear),
      cmocka_unit_test_setup(a_feed_waits_for_who_reads_it, clear),
      cmocka_unit_test_setup(what_fails_in_a_replay_is_a_dead_letter_that_cannot_be_requeued_to_nobody,
                             clear),
      cmocka_unit_test_setup(an_entry_with_several_events_is_replayed_when_one_of_them_is_meant, clear),
      cmocka_unit_test_setup(a_new_group_can_be_the_target_and_the_same_key_is_the_same_replay, clear),
      cmocka_unit_test_setup(a_replay_survives_kill_9_and_brings_each_event_once, clear),
  };
  return cmocka_run_group_tests(tests, setup, teardown);
}
