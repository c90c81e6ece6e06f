/* SPDX-License-Identifier: MIT
 * memory_testing_test.c - a system whose clock a test holds, through the public interface: everything happens
 * at its exact time, and nothing by itself. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "support/host.h"

#define MEMORY "\"service\":\"shop\",\"transports\":{\"main\":{\"type\":\"memory\"}}"
#define HELD MEMORY ",\"testing\":{\"holdClock\":true}"

static json_int_t member(evs_system *system, long ms, const char *name) {
  json_t *answer = host_call(system, "testing.advance", "{\"ms\":%ld}", ms);
  const json_t *value = json_object_get(answer, name);
  json_int_t number = json_is_null(value) ? -1 : json_integer_value(value);
  json_decref(answer);
  return number;
}

/* Moves the clock as far as `ms`, with no handlers in between. */
static json_int_t advance(evs_system *system, long ms) {
  json_int_t left = ms;
  do {
    left = member(system, (long)left, "left");
  } while (left > 0);
  return member(system, 0, "now");
}

static void publish_soon(evs_system *system, const char *type, uint64_t token) {
  evs_event event = host_event(type, "1");
  event.token = token;
  assert_int_equal(evs_publish(system, &event, 1, NULL, NULL), EVS_OK);
}

static size_t published(evs_system *system, json_int_t *out_since, size_t most) {
  json_t *answer = host_call(system, "testing.published", "{}");
  const json_t *events = json_object_get(answer, "events");
  size_t count = json_array_size(events);
  for (size_t i = 0; i < count && i < most; i++)
    out_since[i] = json_integer_value(json_object_get(json_array_get(events, i), "since"));
  json_decref(answer);
  return count;
}

static void nothing_is_due_until_the_clock_is_moved(void **state) {
  (void)state;
  evs_system *system =
      host_connect("{" HELD ",\"consumer\":{\"retry\":{\"baseDelay\":1000,\"jitter\":0.5}}}");
  host_message message;
  host_subscribe(system, "{\"pattern\":\"order.*\"}");
  host_ready(system);
  host_publish(system, "order.placed", "1");
  message = host_next(system);
  assert_true(host_fail(system, message.delivery, EVS_FAIL_RETRY, "Late"));
  assert_int_equal(member(system, 0, "next"), 1000);
  assert_int_equal(advance(system, 999), 999);
  assert_false(host_take(system, &message, 0));
  assert_int_equal(advance(system, 1), 1000);
  message = host_next(system);
  assert_int_equal(message.attempt, 2);
  assert_true(host_ack(system, message.delivery));
  assert_int_equal(member(system, 0, "next"), -1);
  host_close(system, 5000);
}

static void a_handler_is_late_by_the_held_clock(void **state) {
  (void)state;
  evs_system *system = host_connect("{" HELD ",\"consumer\":{\"handlerTimeout\":30000}}");
  host_subscribe(system, "{\"pattern\":\"order.*\"}");
  host_ready(system);
  host_publish(system, "order.placed", "1");
  host_message message = host_next(system);
  advance(system, 29000);
  assert_int_equal(host_stat(system, "consumer", "timedOutMessages"), 0);
  advance(system, 1001);
  assert_false(host_ack(system, message.delivery));
  host_close(system, 5000);
}

static void a_rate_limit_is_exact(void **state) {
  (void)state;
  evs_system *system =
      host_connect("{" HELD ",\"publisher\":{\"rateLimiting\":{\"maxRequests\":2,\"timeWindow\":1000}}}");
  json_int_t since[5] = {0};
  for (uint64_t i = 1; i <= 5; i++)
    publish_soon(system, "order.placed", i);
  advance(system, 10000);
  assert_int_equal(published(system, since, 5), 5);
  const json_int_t wanted[] = {0, 0, 1000, 1000, 2000};
  assert_memory_equal(since, wanted, sizeof wanted);
  host_close(system, 5000);
}

static void closing_does_not_wait_for_a_clock_that_stands(void **state) {
  (void)state;
  evs_system *system =
      host_connect("{" HELD ",\"publisher\":{\"batching\":{\"strategy\":\"time\",\"maxWaitMs\":60000}}}");
  host_report report;
  publish_soon(system, "order.placed", 7);
  assert_int_equal(evs_system_close(system, 5000, NULL), EVS_OK);
  assert_true(host_report_of(system, EVS_REPORT_PUBLISH, &report, 20000));
  assert_int_equal(report.outcome, EVS_OUTCOME_STORED);
  assert_true(host_report_of(system, EVS_REPORT_CLOSED, &report, 20000));
  evs_system_release(system);
}

static void publishing_fails_as_the_test_says(void **state) {
  (void)state;
  static const struct {
    const char *outcome;
    evs_status status;
    uint32_t wanted;
  } rows[] = {{"refused", EVS_TRANSPORT, EVS_OUTCOME_REFUSED},
              {"unknown", EVS_TRANSPORT, EVS_OUTCOME_UNKNOWN},
              {"lost", EVS_TRANSPORT, EVS_OUTCOME_UNKNOWN}};
  evs_system *system = host_connect("{" HELD ",\"originPrefix\":\"eu\"}");
  host_subscribe(system, "{\"pattern\":\"order.*\"}");
  host_ready(system);
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    evs_event event = host_event("order.placed", "1"), other = host_event("user.created", "1");
    json_decref(
        host_call(system, "testing.fail", "{\"outcome\":\"%s\",\"pattern\":\"order.*\"}", rows[i].outcome));
    assert_int_equal(host_try(system, &other).status, EVS_OK);
    host_report report = host_try(system, &event);
    assert_int_equal(report.status, rows[i].status);
    assert_int_equal(report.outcome, rows[i].wanted);
    assert_int_equal(host_try(system, &event).status, EVS_OK);
  }
  host_message message;
  for (int i = 0; i < 4; i++) /* the last of the failures is stored, too */
    assert_true(host_ack(system, host_next(system).delivery));
  assert_false(host_take(system, &message, 0));
  host_close(system, 0);
}

static void refused(evs_system *system, const char *method, const char *params, evs_status wanted) {
  char *answer = NULL;
  assert_int_equal(evs_call(system, method, params, strlen(params), 0, &answer, NULL), wanted);
  assert_null(answer);
}

static void wrong_arguments_are_refused(void **state) {
  (void)state;
  evs_system *system = host_connect("{" HELD "}");
  static const char *const advances[] = {"{}", "{\"ms\":-1}", "{\"ms\":1.5}", "{\"ms\":3155760000001}",
                                         "{\"ms\":\"1\"}"};
  for (size_t i = 0; i < sizeof advances / sizeof advances[0]; i++)
    refused(system, "testing.advance", advances[i], EVS_VALIDATION);
  refused(system, "testing.fail", "{}", EVS_VALIDATION);
  refused(system, "testing.fail", "{\"outcome\":\"sometimes\"}", EVS_VALIDATION);
  refused(system, "testing.fail", "{\"outcome\":\"refused\",\"times\":0}", EVS_VALIDATION);
  refused(system, "testing.fail", "{\"outcome\":\"refused\",\"pattern\":\"a..b\"}", EVS_VALIDATION);
  for (int i = 0; i < 1000; i++)
    json_decref(host_call(system, "testing.fail", "{\"outcome\":\"refused\"}"));
  refused(system, "testing.fail", "{\"outcome\":\"refused\"}", EVS_VALIDATION);
  host_close(system, 0);
}

static void a_clock_that_goes_is_not_moved(void **state) {
  (void)state;
  evs_system *system = host_connect("{" MEMORY "}");
  refused(system, "testing.advance", "{\"ms\":1}", EVS_UNSUPPORTED);
  refused(system, "testing.published", "{}", EVS_UNSUPPORTED);
  refused(system, "testing.fail", "{\"outcome\":\"refused\"}", EVS_UNSUPPORTED);
  host_close(system, 0);
}

static void what_was_published_is_given_page_by_page(void **state) {
  (void)state;
  static const char *const types[] = {"order.placed"};
  evs_system *system = host_connect("{" HELD "}");
  host_publish_many(system, types, 1, 0, 1500);
  json_t *first = host_call(system, "testing.published", "{}");
  json_int_t next = json_integer_value(json_object_get(first, "next"));
  assert_int_equal(json_array_size(json_object_get(first, "events")), 1000);
  assert_true(json_is_true(json_object_get(first, "more")));
  json_t *rest = host_call(system, "testing.published", "{\"from\":%ld}", (long)next);
  assert_int_equal(json_array_size(json_object_get(rest, "events")), 500);
  assert_true(json_is_false(json_object_get(rest, "more")));
  json_decref(first);
  json_decref(rest);
  host_close(system, 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(nothing_is_due_until_the_clock_is_moved),
      cmocka_unit_test(a_handler_is_late_by_the_held_clock),
      cmocka_unit_test(a_rate_limit_is_exact),
      cmocka_unit_test(closing_does_not_wait_for_a_clock_that_stands),
      cmocka_unit_test(publishing_fails_as_the_test_says),
      cmocka_unit_test(wrong_arguments_are_refused),
      cmocka_unit_test(a_clock_that_goes_is_not_moved),
      cmocka_unit_test(what_was_published_is_given_page_by_page),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
