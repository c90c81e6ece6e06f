/* SPDX-License-Identifier: MIT
 * redis_dead_letters_acceptance_test.c - groups and handlers that fail for good: attempts, what a dead letter
 * keeps, requeue to the group that failed, requeueing twice, discarding. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/host.h"
#include "support/members.h"
#include "support/scene.h"
#include "support/until.h"

#define TOPIC "order-events"
#define HEADERS                                                                                              \
  "{\"traceparent\":\"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\",\"tenant\":\"north\"}"

static const char *const types[] = {"order.created"};

/* A system whose handlers get one attempt and this many retries. */
static evs_system *connect_host(const char *service, int retries) {
  return host_connect(
      "{\"service\":\"%s\",\"transports\":{\"main\":{\"type\":\"redis-streams\",\"url\":\"%s\","
      "\"retry\":{\"maxRetries\":%d,\"baseDelay\":5,\"maxDelay\":20,\"jitter\":0}}}}",
      service, store.server.url, retries);
}

static json_t *dead_letters(evs_system *system) {
  json_t *answer = host_call(system, "dlq.list", "{\"topic\":\"" TOPIC "\"}");
  json_t *items = json_incref(json_object_get(answer, "items"));
  json_decref(answer);
  test_require(json_is_array(items), "a list of dead letters");
  return items;
}

static const char *text_at(const json_t *item, const char *outer, const char *inner) {
  const json_t *value = json_object_get(item, outer);
  value = inner ? json_object_get(value, inner) : value;
  test_require(json_is_string(value), inner ? inner : outer);
  return json_string_value(value);
}

/* Requeues or discards; gives the outcome of the only id. */
static void change(evs_system *system, const char *method, const char *id, char out_outcome[32]) {
  json_t *answer = host_call(system, method, "{\"ids\":[\"%s\"]}", id);
  const json_t *results = json_object_get(answer, "results");
  assert_int_equal(json_array_size(results), 1);
  snprintf(out_outcome, 32, "%s", text_at(json_array_get(results, 0), "outcome", NULL));
  json_decref(answer);
}

/* Every group has been given everything, and settled it. */
static bool all_is_settled(evs_system *system) {
  json_t *answer = host_call(system, "groups", "{\"topic\":\"" TOPIC "\"}");
  size_t i;
  json_t *row;
  bool settled = json_array_size(json_object_get(answer, "groups")) > 0;
  json_array_foreach(json_object_get(answer, "groups"), i, row) {
    settled = settled && json_integer_value(json_object_get(row, "pending")) == 0 &&
              json_integer_value(json_object_get(row, "lag")) == 0;
  }
  json_decref(answer);
  return settled;
}

static void fail_all_attempts(evs_system *system, uint32_t attempts) {
  for (uint32_t attempt = 1; attempt <= attempts; attempt++) {
    host_message message = host_next(system);
    assert_int_equal(message.attempt, attempt);
    assert_true(host_fail(system, message.delivery, EVS_FAIL_RETRY, "PaymentRefused"));
  }
}

static void a_handler_that_always_fails_leaves_one_dead_letter_with_all_that_is_known(void **state) {
  (void)state;
  evs_system *system = connect_host("shop", 2);
  host_subscribe(system, "{\"pattern\":\"order.created\",\"name\":\"charge\",\"group\":\"billing\"}");
  host_ready(system);
  evs_event event = host_event("order.created", "{\"total\": 12.50}");
  event.headers = host_bytes(HEADERS);
  event.id = host_bytes("order-1");
  assert_int_equal(host_try(system, &event).outcome, EVS_OUTCOME_STORED);
  fail_all_attempts(system, 3);
  TEST_UNTIL(redis_dead(&store.server, TOPIC) == 1);
  assert_int_equal(redis_pending(&store.server, TOPIC, "billing"), 0);
  json_t *items = dead_letters(system);
  assert_int_equal(json_array_size(items), 1);
  const json_t *item = json_array_get(items, 0);
  assert_string_equal(text_at(item, "error", "class"), "PaymentRefused");
  assert_string_equal(text_at(item, "error", "message"), "it failed on purpose");
  assert_string_equal(text_at(item, "error", "stack"), "at the test\nat the handler");
  assert_string_equal(text_at(item, "header", "id"), "order-1");
  assert_string_equal(text_at(item, "header", "type"), "order.created");
  assert_string_equal(text_at(item, "headers", "traceparent"),
                      "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
  assert_string_equal(text_at(item, "headers", "tenant"), "north");
  assert_string_equal(text_at(item, "group", NULL), "billing");
  assert_string_equal(text_at(item, "subscription", NULL), "charge");
  assert_string_equal(text_at(item, "topic", NULL), TOPIC);
  assert_int_equal(json_integer_value(json_object_get(item, "attempts")), 3);
  assert_int_equal(json_array_size(json_object_get(item, "history")), 3);
  assert_int_equal(json_integer_value(json_object_get(item, "requeueCount")), 0);
  assert_true(json_real_value(json_object_get(json_object_get(item, "body"), "total")) == 12.5);
  json_t *one = host_call(system, "dlq.get", "{\"id\":\"%s\"}", text_at(item, "id", NULL));
  assert_string_equal(text_at(one, "id", NULL), text_at(item, "id", NULL));
  json_decref(one);
  json_decref(items);
  host_close(system, 1000);
}

static void requeueing_delivers_once_with_attempts_anew(void **state) {
  (void)state;
  char outcome[32];
  evs_system *system = connect_host("shop", 1);
  host_subscribe(system, "{\"pattern\":\"order.created\",\"group\":\"billing\"}");
  host_ready(system);
  evs_event event = host_event("order.created", "{\"total\":12.50}");
  event.headers = host_bytes(HEADERS);
  event.id = host_bytes("order-1");
  assert_int_equal(host_try(system, &event).outcome, EVS_OUTCOME_STORED);
  fail_all_attempts(system, 2);
  TEST_UNTIL(redis_dead(&store.server, TOPIC) == 1);
  json_t *items = dead_letters(system);
  const char *id = text_at(json_array_get(items, 0), "id", NULL);
  change(system, "dlq.requeue", id, outcome);
  assert_string_equal(outcome, "requeued");
  change(system, "dlq.requeue", id, outcome);
  assert_string_equal(outcome, "already_requeued");
  json_decref(items);
  host_message message = host_next(system), none;
  assert_string_equal(message.id, "order-1");
  assert_string_equal(message.body, "{\"total\":12.50}");
  assert_string_equal(message.headers, HEADERS);
  assert_int_equal(message.attempt, 1);
  json_t *requeue = json_loads(message.requeue, 0, NULL);
  assert_int_equal(json_integer_value(json_object_get(requeue, "count")), 1);
  assert_string_equal(text_at(requeue, "group", NULL), "billing");
  json_decref(requeue);
  assert_true(host_fail(system, message.delivery, EVS_FAIL_REJECT, "StillRefused"));
  TEST_UNTIL(redis_dead(&store.server, TOPIC) == 1 && all_is_settled(system));
  assert_false(host_take(system, &none, 50));
  assert_int_equal(redis_length(&store.server, TOPIC), 2);
  items = dead_letters(system);
  assert_int_equal(json_integer_value(json_object_get(json_array_get(items, 0), "requeueCount")), 1);
  assert_int_equal(json_integer_value(json_object_get(json_array_get(items, 0), "attempts")), 1);
  json_decref(items);
  host_close(system, 1000);
}

static pid_t start_member(const char *group, const char *const *more) {
  const char *words[24] = {"--url",   store.server.url, "--group", group,           "--subscribe",
                           "order.*", "--max-retries",  "1",       "--retry-delay", "5"};
  int count = 10;
  for (int i = 0; more && more[i]; i++)
    words[count++] = more[i];
  pid_t pid = member_start(&book, EVS_MEMBER, words);
  member_ready(&book, pid);
  return pid;
}

static void two_groups_get_everything_and_requeue_serves_only_the_one_that_failed(void **state) {
  (void)state;
  static const char *const failing[] = {"--fail", "MailServerDown", NULL};
  enum { EVENTS = 1000 };
  pid_t audit = start_member("audit", NULL);
  pid_t mail = start_member("mail", failing);
  evs_system *system = connect_host("operator", 1);
  host_publish_many(system, types, 1, 0, EVENTS);
  TEST_UNTIL(redis_dead(&store.server, TOPIC) == EVENTS && ledger_handled(&book, audit) >= EVENTS);
  TEST_UNTIL(all_is_settled(system));
  assert_int_equal(ledger_handled(&book, audit), EVENTS);
  assert_int_equal(ledger_handled(&book, mail), EVENTS * 2);
  assert_int_equal(member_stop(mail), 0);
  pid_t mended = start_member("mail", NULL);
  json_t *answer = host_call(system, "dlq.requeue", "{\"filter\":{\"group\":\"mail\"},\"limit\":100000}");
  assert_int_equal(json_integer_value(json_object_get(answer, "requeued")), EVENTS);
  json_decref(answer);
  TEST_UNTIL(ledger_handled(&book, mended) >= EVENTS && all_is_settled(system));
  assert_int_equal(ledger_handled(&book, mended), EVENTS);
  assert_int_equal(ledger_handled(&book, audit), EVENTS);
  assert_int_equal(redis_dead(&store.server, TOPIC), 0);
  int seen[EVENTS] = {0};
  for (size_t i = 0; i < book.count; i++) {
    const ledger_line *line = &book.lines[i];
    if (line->ready || line->pid != mended)
      continue;
    assert_int_equal(line->attempt, 1);
    seen[atoi(line->id + 2)]++;
  }
  for (int i = 0; i < EVENTS; i++)
    assert_int_equal(seen[i], 1);
  host_close(system, 1000);
}

static void requeue_runs_only_the_handlers_that_failed(void **state) {
  (void)state;
  char outcome[32];
  evs_system *system = connect_host("shop", 0);
  uint64_t good = host_subscribe(system, "{\"pattern\":\"order.created\",\"name\":\"good\"}");
  uint64_t bad = host_subscribe(system, "{\"pattern\":\"order.*\",\"name\":\"bad\"}");
  host_ready(system);
  host_publish(system, "order.created", "1");
  for (int i = 0; i < 2; i++) {
    host_message message = host_next(system);
    if (message.subscription == good)
      assert_true(host_ack(system, message.delivery));
    else
      assert_true(host_fail(system, message.delivery, EVS_FAIL_RETRY, "Broken"));
  }
  TEST_UNTIL(redis_dead(&store.server, TOPIC) == 1);
  json_t *items = dead_letters(system);
  assert_string_equal(text_at(json_array_get(items, 0), "subscription", NULL), "bad");
  change(system, "dlq.requeue", text_at(json_array_get(items, 0), "id", NULL), outcome);
  assert_string_equal(outcome, "requeued");
  json_decref(items);
  host_message again = host_next(system), none;
  assert_int_equal(again.subscription, bad);
  assert_true(host_ack(system, again.delivery));
  TEST_UNTIL(all_is_settled(system));
  assert_false(host_take(system, &none, 50));
  host_close(system, 1000);
}

static void a_discarded_dead_letter_is_gone(void **state) {
  (void)state;
  char outcome[32];
  evs_system *system = connect_host("shop", 0);
  host_subscribe(system, "{\"pattern\":\"order.created\"}");
  host_ready(system);
  host_publish(system, "order.created", "1");
  assert_true(host_fail(system, host_next(system).delivery, EVS_FAIL_RETRY, "Broken"));
  TEST_UNTIL(redis_dead(&store.server, TOPIC) == 1);
  json_t *items = dead_letters(system);
  const char *id = text_at(json_array_get(items, 0), "id", NULL);
  change(system, "dlq.discard", id, outcome);
  assert_string_equal(outcome, "discarded");
  change(system, "dlq.requeue", id, outcome);
  assert_string_equal(outcome, "already_discarded");
  assert_int_equal(redis_dead(&store.server, TOPIC), 0);
  assert_int_equal(redis_length(&store.server, TOPIC), 1);
  json_decref(items);
  host_close(system, 1000);
}

static void a_retry_survives_the_member_that_asked_for_it(void **state) {
  (void)state;
  evs_system *first = connect_host("shop", 3);
  host_subscribe(first, "{\"pattern\":\"order.created\",\"group\":\"billing\"}");
  host_ready(first);
  host_publish(first, "order.created", "1");
  assert_true(host_fail(first, host_next(first).delivery, EVS_FAIL_RETRY, "Broken"));
  host_close(first, 5000);
  evs_system *second = connect_host("shop", 3);
  host_subscribe(second, "{\"pattern\":\"order.created\",\"group\":\"billing\"}");
  host_ready(second);
  host_message message = host_next(second);
  assert_int_equal(message.attempt, 2);
  assert_true(host_ack(second, message.delivery));
  TEST_UNTIL(all_is_settled(second));
  host_close(second, 1000);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(
          a_handler_that_always_fails_leaves_one_dead_letter_with_all_that_is_known, scene_redis, scene_end),
      cmocka_unit_test_setup_teardown(requeueing_delivers_once_with_attempts_anew, scene_redis, scene_end),
      cmocka_unit_test_setup_teardown(two_groups_get_everything_and_requeue_serves_only_the_one_that_failed,
                                      scene_redis, scene_end),
      cmocka_unit_test_setup_teardown(requeue_runs_only_the_handlers_that_failed, scene_redis, scene_end),
      cmocka_unit_test_setup_teardown(a_discarded_dead_letter_is_gone, scene_redis, scene_end),
      cmocka_unit_test_setup_teardown(a_retry_survives_the_member_that_asked_for_it, scene_redis, scene_end),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
