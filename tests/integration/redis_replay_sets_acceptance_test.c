/* SPDX-License-Identifier: MIT
 * redis_replay_sets_acceptance_test.c - a replay brings exactly what its filter selects, each event once and
 * in order, by every selector and by several together; however many there are, and whatever they look like.
 * The group that handles them meanwhile keeps its pending list and its counters. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/counts.h"
#include "support/host.h"
#include "support/redis_server.h"
#include "support/until.h"

#define TOPIC "order-events"

/* Event n of so many is the entry n-0, so that n is its offset and its time; types come in turn, and one of
 * ten has its header behind a body that looks like a header. */
enum { TYPES = 4, AT_ONCE = 10000 };
static const char fill_script[] =
    "local types = {'order.paid', 'order.placed', 'order.sent', 'refund.sent'} "
    "for n = tonumber(ARGV[1]), tonumber(ARGV[2]) do "
    "local header = '\"header\":{\"id\":\"e-' .. n .. '\",\"type\":\"' .. types[n % 4 + 1] .. '\"}' "
    "local body = '\"body\":{\"header\":{\"type\":\"order.paid\"},\"n\":' .. n .. '}' "
    "redis.call('XADD', KEYS[1], n .. '-0', 'data', n % 10 == 3 and '{\"v\":1,' .. body .. ',' .. header .. "
    "'}' "
    "or '{\"v\":1,' .. header .. ',' .. body .. '}') end return 1";

static redis_server server;
static int events;

static int setup(void **state) {
  (void)state;
  redis_server_start(&server, NULL);
  events = test_count("replayed_events");
  redis_number(
      &server, "HSETNX evs:topics " TOPIC " %s",
      "{\"partitions\":0,\"types\":[\"order.paid\",\"order.placed\",\"order.sent\",\"refund.sent\"]}");
  for (int from = 1; from <= events; from += AT_ONCE) {
    int to = from + AT_ONCE - 1 < events ? from + AT_ONCE - 1 : events;
    test_require(redis_number(&server, "EVAL %s 1 stream:{" TOPIC "} %d %d", fill_script, from, to) == 1,
                 "fill");
  }
  redis_number(&server, "XGROUP CREATE stream:{" TOPIC "} live 0");
  redis_number(&server, "XREADGROUP GROUP live c COUNT 100 STREAMS stream:{" TOPIC "} >");
  redis_number(&server, "XACK stream:{" TOPIC "} live 1-0 2-0");
  return 0;
}

static int teardown(void **state) {
  (void)state;
  redis_server_stop(&server);
  return 0;
}

/* What the live group has: its counters, and each pending entry with its deliveries. */
static char *live_state(void) {
  return redis_text(&server, "EVAL %s 1 stream:{" TOPIC "}",
                    "local pending = redis.call('XPENDING', KEYS[1], 'live', '-', '+', 1000) "
                    "for _, each in ipairs(pending) do each[3] = 0 end " /* how long it idles */
                    "local live for _, each in ipairs(redis.call('XINFO', 'GROUPS', KEYS[1])) do "
                    "if each[2] == 'live' then live = each end end "
                    "return cjson.encode({live, pending, redis.call('XLEN', KEYS[1])})");
}

static evs_system *connect_host(void) {
  return host_connect(
      "{\"service\":\"shop\",\"transports\":{\"main\":{\"type\":\"redis-streams\",\"url\":\"%s\"}}}",
      server.url);
}

typedef bool selects(int event);

static bool is_state(evs_system *system, const char *id, const char *state) {
  json_t *replay = host_call(system, "replay.get", "{\"id\":\"%s\"}", id);
  bool is = strcmp(json_string_value(json_object_get(replay, "state")), state) == 0;
  json_decref(replay);
  return is;
}

static void take_selected(evs_system *system, selects *wanted) {
  for (int n = 1; n <= events; n++) {
    char expected[24];
    if (!wanted(n))
      continue;
    host_message message = host_next(system);
    snprintf(expected, sizeof expected, "e-%d", n);
    assert_string_equal(message.id, expected);
    host_ack(system, message.delivery);
  }
}

static void expect_set(const char *filter, selects *wanted) {
  host_message more;
  char *before = live_state();
  evs_system *system = connect_host();
  json_t *started = host_call(system, "replay.start", "{\"filter\":{%s}}", filter);
  const char *id = json_string_value(json_object_get(started, "id"));
  host_subscribe(system, "{\"pattern\":\"*.*\",\"replay\":\"%s\",\"concurrency\":100}", id);
  host_ready(system);
  take_selected(system, wanted);
  TEST_UNTIL(is_state(system, id, "done"));
  assert_false(host_take(system, &more, 100));
  json_decref(started);
  char *after = live_state();
  assert_string_equal(after, before);
  free(before);
  free(after);
  host_close(system, 1000);
}

static bool all(int n) {
  return n > 0;
}

static bool from_quarter_to_half(int n) {
  return n >= events / 4 && n <= events / 2;
}

static bool is_paid(int n) {
  return n % TYPES == 0;
}

static bool is_order(int n) {
  return n % TYPES != 3;
}

static bool is_sent_late(int n) {
  return n % TYPES >= 2 && n >= events - 50;
}

static bool none(int n) {
  return n < 0;
}

static void a_replay_of_everything_brings_everything(void **state) {
  (void)state;
  expect_set("\"topic\":\"" TOPIC "\"", all);
}

static void a_replay_by_offsets_brings_what_lies_between(void **state) {
  (void)state;
  char filter[128];
  snprintf(filter, sizeof filter, "\"fromOffset\":\"%d-0\",\"toOffset\":\"%d-0\"", events / 4, events / 2);
  expect_set(filter, from_quarter_to_half);
}

static void a_replay_by_times_brings_what_lies_between(void **state) {
  (void)state;
  char filter[128];
  snprintf(filter, sizeof filter, "\"since\":%d,\"until\":%d", events / 4, events / 2);
  expect_set(filter, from_quarter_to_half);
}

static void a_replay_by_type_brings_that_type_alone(void **state) {
  (void)state;
  expect_set("\"type\":\"order.paid\"", is_paid);
}

static void a_replay_by_pattern_brings_what_matches(void **state) {
  (void)state;
  expect_set("\"type\":\"order.*\"", is_order);
}

static void a_replay_by_several_selectors_brings_what_fits_all(void **state) {
  (void)state;
  char filter[128];
  snprintf(filter, sizeof filter, "\"type\":\"*.sent\",\"since\":%d", events - 50);
  expect_set(filter, is_sent_late);
}

static void a_replay_that_selects_nothing_ends_at_once(void **state) {
  (void)state;
  expect_set("\"type\":\"order.lost\"", none);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_replay_of_everything_brings_everything),
      cmocka_unit_test(a_replay_by_offsets_brings_what_lies_between),
      cmocka_unit_test(a_replay_by_times_brings_what_lies_between),
      cmocka_unit_test(a_replay_by_type_brings_that_type_alone),
      cmocka_unit_test(a_replay_by_pattern_brings_what_matches),
      cmocka_unit_test(a_replay_by_several_selectors_brings_what_fits_all),
      cmocka_unit_test(a_replay_that_selects_nothing_ends_at_once),
  };
  return cmocka_run_group_tests(tests, setup, teardown);
}
