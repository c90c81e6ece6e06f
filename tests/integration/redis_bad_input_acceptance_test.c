/* SPDX-License-Identifier: MIT
 * redis_bad_input_acceptance_test.c - hostile and unlucky input: configurations, events, servers, entries
 * that others wrote, handlers. Each ends in a clear error or a dead letter; the process lives and nothing
 * that was stored is lost. */
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
#define STREAM "stream:{" TOPIC "}"
#define REDIS "{\"service\":\"shop\",\"transports\":{\"main\":{\"type\":\"redis-streams\",\"url\":\"%s\"}}}"
#define QUICK_SESSION                                                                                        \
  "{\"service\":\"shop\",\"transports\":{\"main\":{\"type\":\"redis-streams\",\"url\":\"%s\","               \
  "\"sessionTimeout\":1000}}}"

enum { SOON_MS = 50 };

static redis_server server;

static int setup(void **state) {
  (void)state;
  redis_server_start(&server, NULL);
  return 0;
}

static int setup_with_password(void **state) {
  static const char *const options[] = {"--requirepass", "s3cret", NULL};
  (void)state;
  redis_server_start(&server, options);
  return 0;
}

static int teardown(void **state) {
  (void)state;
  redis_server_stop(&server);
  return 0;
}

static json_t *open_refused(const char *config) {
  evs_system *system = NULL;
  evs_error *error = NULL;
  evs_status status = evs_system_open(config, strlen(config), &system, &error);
  json_t *problem = host_refused(status, EVS_CONFIG, error);
  assert_null(system);
  return problem;
}

static void a_wrong_configuration_names_all_its_faults_at_once(void **state) {
  (void)state;
  json_t *error = open_refused("{\"servise\":\"shop\",\"service\":7,\"transports\":{\"main\":{\"type\":"
                               "\"redis-streams\",\"sesionTimeout\":1000,"
                               "\"port\":\"6379\",\"retry\":{\"maxRetries\":-1,\"backoffStrategy\":"
                               "\"linear\"}},\"other\":{\"type\":\"rediss\"}},"
                               "\"consumer\":{\"prefetch\":0}}");
  assert_true(host_has_problem(error, "/servise", "service"));
  assert_true(host_has_problem(error, "/transports/main/sesionTimeout", "sessionTimeout"));
  static const char *const paths[] = {"/service",
                                      "/transports/main/port",
                                      "/transports/main/retry/maxRetries",
                                      "/transports/main/retry/backoffStrategy",
                                      "/transports/other/type",
                                      "/consumer/prefetch"};
  for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
    if (!host_has_problem(error, paths[i], ""))
      fail_msg("no problem is named at %s", paths[i]);
  }
  json_decref(error);
}

static void text_that_is_no_configuration_is_refused_with_its_place(void **state) {
  (void)state;
  static const char *const texts[] = {"",
                                      "{",
                                      "[]",
                                      "null",
                                      "{\"service\":\"a\",\"service\":\"b\"}",
                                      "{\"service\":\"\xff\"}",
                                      "{\"service\":\"shop\",\"transports\":{}}"};
  for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
    json_t *error = open_refused(texts[i]);
    assert_true(json_array_size(json_object_get(error, "problems")) > 0);
    json_decref(error);
  }
}

static void subscribe_refuses_bad_patterns_and_options(void **state) {
  (void)state;
  static const char *const patterns[] = {
      "",         "order",   "order..paid",    ".order.paid", "order.paid.",
      "or der.x", "*.*.x y", "order.\xc3\xa4", "a*b.c"};
  evs_system *system = host_open(REDIS, server.url);
  uint64_t token = 0;
  for (size_t i = 0; i < sizeof patterns / sizeof patterns[0]; i++) {
    evs_error *error = NULL;
    json_t *options = json_pack("{s:s}", "pattern", patterns[i]);
    char *text = json_dumps(options, 0);
    evs_status status = evs_subscribe(system, text, strlen(text), &token, &error);
    bool is_type_alone = strcmp(patterns[i], "order") == 0;
    if (!is_type_alone) {
      assert_true(status == EVS_VALIDATION || status == EVS_CONFIG);
      assert_true(strlen(evs_error_message(error)) > 20);
    }
    evs_error_free(error);
    free(text);
    json_decref(options);
  }
  evs_error *error = NULL;
  const char *unknown = "{\"pattern\":\"order.paid\",\"concurency\":2}";
  evs_status refused = evs_subscribe(system, unknown, strlen(unknown), &token, &error);
  json_t *problem = host_refused(refused, EVS_CONFIG, error);
  assert_true(host_has_problem(problem, "/concurency", "concurrency"));
  json_decref(problem);
  host_close(system, 0);
}

/* Publishes an event that must be refused; its message must say this. */
static void see_refused(evs_system *system, const evs_event *event, const char *says) {
  host_report report = host_try(system, event);
  assert_int_equal(report.outcome, EVS_OUTCOME_REFUSED);
  assert_string_equal(evs_status_name(report.status), "EVS_VALIDATION");
  if (!strstr(report.message, says))
    fail_msg("the message should say %s: %s", says, report.message);
}

static void events_that_break_a_rule_are_refused_and_store_nothing(void **state) {
  (void)state;
  enum { LARGE = 1048577 };
  evs_system *system = host_connect(REDIS, server.url);
  static const char *const bad_types[] = {"",        "Order Paid",   "order..paid",
                                          "order.*", "order.paid\n", "order.\xff"};
  for (size_t i = 0; i < sizeof bad_types / sizeof bad_types[0]; i++) {
    evs_event event = host_event(bad_types[i], "1");
    see_refused(system, &event, "type");
  }
  evs_event event = host_event("order.paid", "\"\xff\xfe\"");
  see_refused(system, &event, "UTF-8");
  event = host_event("order.paid", "{\"a\":");
  see_refused(system, &event, "JSON");
  event = host_event("order.paid", "1");
  event.headers = host_bytes("{\"a\":1}");
  see_refused(system, &event, "header");
  char *large = malloc(LARGE);
  memset(large, 'x', LARGE);
  large[0] = large[LARGE - 1] = '"';
  event = host_event("order.paid", NULL);
  event.body = (evs_bytes){large, LARGE};
  see_refused(system, &event, "bodyBytes");
  event.body.size = LARGE - 1;
  large[LARGE - 2] = '"';
  assert_int_equal(host_try(system, &event).outcome, EVS_OUTCOME_STORED);
  free(large);
  assert_int_equal(redis_length(&server, TOPIC), 1);
  host_close(system, 1000);
}

static void calls_at_the_wrong_time_say_what_to_do(void **state) {
  (void)state;
  evs_system *system = host_open(REDIS, server.url);
  evs_event event = host_event("order.paid", "1");
  char *answer = NULL;
  assert_int_equal(evs_publish(system, &event, 1, NULL, NULL), EVS_TRANSPORT);
  assert_non_null(strstr(evs_error_message(evs_last_error()), "connect"));
  assert_int_equal(evs_call(system, "dlq.list", NULL, 0, 0, &answer, NULL), EVS_TRANSPORT);
  json_decref(host_call(system, "connect", "{}"));
  host_publish(system, "order.paid", "1");
  host_report last;
  assert_int_equal(evs_system_close(system, 1000, NULL), EVS_OK);
  assert_true(host_report_of(system, EVS_REPORT_CLOSED, &last, 10000));
  assert_int_equal(evs_publish(system, &event, 1, NULL, NULL), EVS_CLOSED);
  assert_int_equal(evs_call(system, "dlq.list", NULL, 0, 0, &answer, NULL), EVS_CLOSED);
  evs_system_release(system);
}

static void an_absent_server_is_named_and_used_once_it_is_there(void **state) {
  (void)state;
  char place[32];
  char *answer = NULL;
  redis_server_halt(&server);
  snprintf(place, sizeof place, "%d", server.port);
  evs_system *system = host_open(REDIS, server.url);
  evs_error *error = NULL;
  assert_int_equal(evs_call(system, "connect", NULL, 0, 500, &answer, &error), EVS_TRANSPORT);
  assert_non_null(strstr(evs_error_message(error), place));
  evs_error_free(error);
  evs_event event = host_event("order.paid", "1");
  event.timeout_ms = 200;
  host_report report = host_try(system, &event);
  assert_int_equal(report.outcome, EVS_OUTCOME_REFUSED);
  assert_int_equal(report.status, EVS_TIMEOUT);
  json_t *status = host_status(system);
  const json_t *transport = json_object_get(json_object_get(status, "transports"), "main");
  assert_true(json_is_false(json_object_get(transport, "connected")));
  assert_true(json_is_string(json_object_get(transport, "lastError")));
  json_decref(status);
  redis_server_again(&server);
  event.timeout_ms = 0;
  assert_int_equal(host_try(system, &event).outcome, EVS_OUTCOME_STORED);
  assert_int_equal(redis_length(&server, TOPIC), 1);
  host_close(system, 1000);
}

static void a_wrong_password_is_said_at_once(void **state) {
  (void)state;
  static const char *const wrong[] = {"", ":wrong@", "nobody:s3cret@"};
  char *answer = NULL;
  for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
    evs_error *error = NULL;
    evs_system *system =
        host_open("{\"service\":\"shop\",\"transports\":{\"main\":{\"type\":\"redis-streams\","
                  "\"url\":\"redis://%s127.0.0.1:%d\"}}}",
                  wrong[i], server.port);
    /* Waiting its whole time would be EVS_TRANSPORT too: so that long nobody waits for a test. */
    uint64_t began = test_now_ms();
    assert_int_equal(evs_call(system, "connect", NULL, 0, 60000, &answer, &error), EVS_TRANSPORT);
    assert_true(test_now_ms() - began < 30000);
    assert_non_null(strstr(evs_error_message(error), "password"));
    assert_null(strstr(evs_error_json(error), "s3cret"));
    evs_error_free(error);
    host_close(system, 0);
  }
  evs_system *system =
      host_connect("{\"service\":\"shop\",\"transports\":{\"main\":{\"type\":\"redis-streams\","
                   "\"url\":\"redis://:s3cret@127.0.0.1:%d\"}}}",
                   server.port);
  host_publish(system, "order.paid", "1");
  assert_int_equal(redis_length(&server, TOPIC), 1);
  host_close(system, 1000);
}

/* Entries in forms that no publisher of ours writes. */
static void write_malformed_entries(void) {
  static const char *const entries[][8] = {
      {"XADD", STREAM, "*", "foo", "bar"},
      {"XADD", STREAM, "*", "data", ""},
      {"XADD", STREAM, "*", "data", "not json"},
      {"XADD", STREAM, "*", "data",
       "{\"v\":99,\"header\":{\"id\":\"x\",\"type\":\"order.paid\"},\"body\":1}"},
      {"XADD", STREAM, "*", "data", "{}"},
      {"XADD", STREAM, "*", "data", "[1,2]"},
      {"XADD", STREAM, "*", "data", "{\"v\":1,\"header\":7,\"body\":1}"},
      {"XADD", STREAM, "*", "data", "{\"v\":1,\"header\":{\"id\":\"x\"},\"body\":1}"},
      {"XADD", STREAM, "*", "data", "{\"v\":1,\"header\":{\"id\":\"x\",\"type\":\"order.paid\"},\"body\":"},
      {"XADD", STREAM, "*", "data", "\xff\xfe\x01"},
      {"XADD", STREAM, "*", "raw", "only raw"},
      {"XADD", STREAM, "*", "a", "1", "b", "2"},
  };
  for (size_t i = 0; i < sizeof entries / sizeof entries[0]; i++) {
    int words = 0;
    while (words < 8 && entries[i][words])
      words++;
    assert_true(redis_words(&server, words, entries[i]) > 0);
  }
}
enum { MALFORMED = 12 };

static void malformed_entries_become_dead_letters_and_their_neighbours_arrive(void **state) {
  (void)state;
  evs_system *system = host_connect(REDIS, server.url);
  host_publish(system, "order.paid", "1");
  write_malformed_entries();
  host_publish(system, "order.paid", "2");
  host_subscribe(system, "{\"pattern\":\"order.paid\"}");
  host_ready(system);
  for (int i = 1; i <= 2; i++) {
    host_message message = host_next(system);
    assert_int_equal(atoi(message.body), i);
    assert_true(host_ack(system, message.delivery));
  }
  TEST_UNTIL(redis_dead(&server, TOPIC) == MALFORMED && redis_pending(&server, TOPIC, "shop") == 0);
  assert_int_equal(host_stat(system, "consumer", "malformedMessages"), MALFORMED);
  json_t *answer = host_call(system, "dlq.list", "{\"topic\":\"" TOPIC "\"}");
  size_t i;
  json_t *item;
  assert_int_equal(json_array_size(json_object_get(answer, "items")), MALFORMED);
  json_array_foreach(json_object_get(answer, "items"), i, item) {
    const json_t *error = json_object_get(item, "error");
    assert_string_equal(json_string_value(json_object_get(error, "class")), "MalformedEntry");
    assert_true(json_string_length(json_object_get(error, "message")) > 10);
  }
  json_decref(answer);
  host_message none;
  assert_false(host_take(system, &none, SOON_MS));
  host_close(system, 1000);
}

static void a_body_that_was_changed_in_the_store_is_not_delivered(void **state) {
  (void)state;
  evs_system *system = host_connect(REDIS, server.url);
  host_subscribe(system, "{\"pattern\":\"order.paid\"}");
  host_ready(system);
  const char *const forged[] = {
      "XADD", STREAM, "*", "data",
      "{\"v\":1,\"header\":{\"id\":\"x\",\"type\":\"order.paid\",\"origin\":\"shop\",\"timestamp\":"
      "\"2025-01-01T00:00:00.000Z\",\"version\":\"1.0.0\",\"hash\":"
      "\"0000000000000000000000000000000000000000000000000000000000000000\"},\"body\":1}"};
  assert_true(redis_words(&server, 5, forged) > 0);
  TEST_UNTIL(redis_dead(&server, TOPIC) == 1);
  json_t *answer = host_call(system, "dlq.list", "{}");
  const json_t *item = json_array_get(json_object_get(answer, "items"), 0);
  assert_string_equal(json_string_value(json_object_get(json_object_get(item, "error"), "class")),
                      "HashMismatch");
  json_decref(answer);
  host_close(system, 1000);
}

static void a_key_of_another_kind_is_named_and_harms_only_its_topic(void **state) {
  (void)state;
  assert_true(redis_number(&server, "SET %s %s", "stream:{bad-events}", "a string") >= 0);
  evs_system *system = host_connect(REDIS, server.url);
  evs_event event = host_event("bad.thing", "1");
  event.timeout_ms = 2000;
  host_report report = host_try(system, &event);
  assert_int_not_equal(report.outcome, EVS_OUTCOME_STORED);
  if (!strstr(report.message, "stream:{bad-events}"))
    fail_msg("the message should name the key: %s", report.message);
  host_publish(system, "order.paid", "1");
  host_close(system, 1000);
}

static void a_hanging_handler_ends_in_a_dead_letter_and_the_rest_goes_on(void **state) {
  (void)state;
  evs_system *system =
      host_connect("{\"service\":\"shop\",\"transports\":{\"main\":{\"type\":\"redis-streams\","
                   "\"url\":\"%s\",\"retry\":{\"maxRetries\":1,\"baseDelay\":1,\"jitter\":0}}}}",
                   server.url);
  host_subscribe(system, "{\"pattern\":\"order.stuck\",\"handlerTimeout\":30,\"concurrency\":2}");
  uint64_t other = host_subscribe(system, "{\"pattern\":\"order.paid\"}");
  host_ready(system);
  host_publish(system, "order.stuck", "1");
  host_message first = host_next(system), second = host_next(system);
  assert_int_equal(first.attempt, 1);
  assert_int_equal(second.attempt, 2);
  TEST_UNTIL(redis_dead(&server, TOPIC) == 1);
  json_t *answer = host_call(system, "dlq.list", "{}");
  const json_t *item = json_array_get(json_object_get(answer, "items"), 0);
  assert_string_equal(json_string_value(json_object_get(json_object_get(item, "error"), "class")),
                      "HandlerTimeout");
  json_decref(answer);
  host_publish(system, "order.paid", "2");
  host_message next = host_next(system);
  assert_int_equal(next.subscription, other);
  assert_true(host_ack(system, next.delivery));
  assert_false(host_ack(system, first.delivery));
  assert_false(host_fail(system, second.delivery, EVS_FAIL_RETRY, "TooLate"));
  assert_int_equal(host_stat(system, "consumer", "timedOutMessages"), 2);
  TEST_UNTIL(redis_pending(&server, TOPIC, "shop") == 0);
  assert_int_equal(redis_dead(&server, TOPIC), 1);
  host_close(system, 1000);
}

static void a_slow_handler_keeps_its_message_past_the_session_timeout(void **state) {
  (void)state;
  evs_system *slow = host_connect(QUICK_SESSION, server.url);
  host_subscribe(slow, "{\"pattern\":\"order.paid\",\"handlerTimeout\":0}");
  host_ready(slow);
  host_publish(slow, "order.paid", "1");
  host_message message = host_next(slow), none;
  evs_system *other = host_connect(QUICK_SESSION, server.url);
  host_subscribe(other, "{\"pattern\":\"order.paid\"}");
  host_ready(other);
  assert_false(host_take(other, &none, 3000)); /* thrice the session: a live member keeps what it holds */
  assert_true(host_ack(slow, message.delivery));
  TEST_UNTIL(redis_pending(&server, TOPIC, "shop") == 0);
  TEST_UNTIL(host_stat(slow, "consumer", "acknowledgedMessages") == 1);
  host_close(slow, 1000);
  host_close(other, 1000);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_wrong_configuration_names_all_its_faults_at_once),
      cmocka_unit_test(text_that_is_no_configuration_is_refused_with_its_place),
      cmocka_unit_test_setup_teardown(subscribe_refuses_bad_patterns_and_options, setup, teardown),
      cmocka_unit_test_setup_teardown(events_that_break_a_rule_are_refused_and_store_nothing, setup,
                                      teardown),
      cmocka_unit_test_setup_teardown(calls_at_the_wrong_time_say_what_to_do, setup, teardown),
      cmocka_unit_test_setup_teardown(an_absent_server_is_named_and_used_once_it_is_there, setup, teardown),
      cmocka_unit_test_setup_teardown(a_wrong_password_is_said_at_once, setup_with_password, teardown),
      cmocka_unit_test_setup_teardown(malformed_entries_become_dead_letters_and_their_neighbours_arrive,
                                      setup, teardown),
      cmocka_unit_test_setup_teardown(a_body_that_was_changed_in_the_store_is_not_delivered, setup, teardown),
      cmocka_unit_test_setup_teardown(a_key_of_another_kind_is_named_and_harms_only_its_topic, setup,
                                      teardown),
      cmocka_unit_test_setup_teardown(a_hanging_handler_ends_in_a_dead_letter_and_the_rest_goes_on, setup,
                                      teardown),
      cmocka_unit_test_setup_teardown(a_slow_handler_keeps_its_message_past_the_session_timeout, setup,
                                      teardown),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
