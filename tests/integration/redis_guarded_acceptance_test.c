/* SPDX-License-Identifier: MIT
 * redis_guarded_acceptance_test.c - where ids are remembered (idempotent) and hashes are checked
 * (verifyHash), what an operator sends again passes both: requeued, edited, restored, imported and replayed
 * events are handled, each once, while the event itself cannot be published a second time. */
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

static int clear(void **state) {
  (void)state;
  return redis_number(&server, "FLUSHALL") >= 0 ? 0 : -1;
}

static evs_system *connect_host(void) {
  return host_connect(
      "{\"service\":\"shop\",\"consumer\":{\"verifyHash\":true},\"transports\":{\"main\":{\"type\":"
      "\"redis-streams\",\"url\":\"%s\",\"idempotent\":true,\"retry\":{\"maxRetries\":0}}}}",
      server.url);
}

static host_report publish(evs_system *system, const char *id) {
  evs_event event = host_event("order.paid", "{\"amount\":1250}");
  event.id = host_bytes(id);
  return host_try(system, &event);
}

/* Events e-1 to e-<count>, all of them dead letters of the group billing; and that group, which is well now.
 */
static evs_system *bury(int count) {
  evs_system *system = connect_host();
  host_subscribe(system, "{\"pattern\":\"order.*\",\"group\":\"billing\"}");
  host_ready(system);
  for (int n = 1; n <= count; n++) {
    char id[16];
    snprintf(id, sizeof id, "e-%d", n);
    assert_int_equal(publish(system, id).outcome, EVS_OUTCOME_STORED);
    host_fail(system, host_next(system).delivery, EVS_FAIL_REJECT, "Broken");
  }
  TEST_UNTIL(redis_dead(&server, TOPIC) == count);
  return system;
}

static char *letter_id(evs_system *system, int at) {
  json_t *letters = host_call(system, "dlq.list", "{\"order\":\"oldest\"}");
  const json_t *letter = json_array_get(json_object_get(letters, "items"), (size_t)at);
  char *id = strdup(json_string_value(json_object_get(letter, "id")));
  json_decref(letters);
  return id;
}

/* It comes once, with this body, and nothing else does. */
static void expect(evs_system *system, const char *id, const char *body) {
  host_message message = host_next(system), more;
  assert_string_equal(message.id, id);
  assert_string_equal(message.body, body);
  assert_true(host_ack(system, message.delivery));
  assert_false(host_take(system, &more, 200));
}

/* Published again it is the same event. */
static void expect_no_second(evs_system *system, const char *id) {
  host_report again = publish(system, id);
  assert_int_equal(again.outcome, EVS_OUTCOME_STORED);
  assert_int_equal(again.is_duplicate, 1);
}

static void a_requeued_event_is_handled_each_time_it_is_requeued(void **state) {
  (void)state;
  evs_system *system = bury(1);
  for (int round = 1; round <= 3; round++) {
    char *id = letter_id(system, 0);
    json_decref(host_call(system, "dlq.requeue", "{\"ids\":[\"%s\"]}", id));
    json_decref(host_call(system, "dlq.requeue", "{\"ids\":[\"%s\"]}", id)); /* done already */
    free(id);
    host_message message = host_next(system);
    assert_string_equal(message.id, "e-1");
    host_fail(system, message.delivery, EVS_FAIL_REJECT, "Broken");
    TEST_UNTIL(redis_dead(&server, TOPIC) == 1);
    assert_int_equal(redis_length(&server, TOPIC), 1 + round);
  }
  expect_no_second(system, "e-1");
  host_close(system, 1000);
}

static void an_edited_event_passes_with_its_new_hash(void **state) {
  (void)state;
  evs_system *system = bury(1);
  char *id = letter_id(system, 0);
  json_decref(
      host_call(system, "dlq.requeue", "{\"ids\":[\"%s\"],\"edit\":{\"body\":\"{\\\"amount\\\": 1}\"}}", id));
  expect(system, "e-1", "{\"amount\": 1}");
  assert_int_equal(redis_dead(&server, TOPIC), 0);
  free(id);
  expect_no_second(system, "e-1");
  host_close(system, 1000);
}

static void what_is_restored_from_the_archive_is_requeued_as_any_other(void **state) {
  (void)state;
  evs_system *system = bury(1);
  char *id = letter_id(system, 0);
  json_decref(host_call(system, "dlq.discard", "{\"ids\":[\"%s\"]}", id));
  json_decref(host_call(system, "dlq.restore", "{\"ids\":[\"%s\"]}", id));
  free(id);
  json_decref(host_call(system, "dlq.requeue", "{\"filter\":{}}"));
  expect(system, "e-1", "{\"amount\":1250}");
  host_close(system, 1000);
}

/* The only letter as a line of a file, in JSON. */
static char *exported(evs_system *system) {
  json_t *page = host_call(system, "dlq.export", "{}");
  char *line = json_dumps(json_array_get(json_object_get(page, "items"), 0), JSON_COMPACT);
  json_t *text = json_string(line);
  char *quoted = json_dumps(text, JSON_ENCODE_ANY);
  json_decref(text);
  json_decref(page);
  free(line);
  return quoted;
}

static void an_imported_event_is_handled_once_however_often_its_line_comes(void **state) {
  (void)state;
  evs_system *system = bury(1);
  char *line = exported(system);
  json_decref(host_call(system, "dlq.discard", "{\"filter\":{},\"purge\":true}"));
  for (int i = 0; i < 2; i++)
    json_decref(host_call(system, "dlq.import", "{\"lines\":[%s],\"into\":\"stream\"}", line));
  expect(system, "e-1", "{\"amount\":1250}");
  json_decref(host_call(system, "dlq.import", "{\"lines\":[%s]}", line));
  TEST_UNTIL(redis_dead(&server, TOPIC) == 1);
  json_decref(host_call(system, "dlq.requeue", "{\"filter\":{}}"));
  expect(system, "e-1", "{\"amount\":1250}");
  free(line);
  expect_no_second(system, "e-1");
  host_close(system, 1000);
}

static void a_replayed_event_is_handled_and_stored_nowhere_again(void **state) {
  (void)state;
  evs_system *system = bury(2);
  json_t *started = host_call(system, "replay.start", "{\"filter\":{\"topic\":\"" TOPIC "\"}}");
  host_subscribe(system, "{\"pattern\":\"order.*\",\"replay\":\"%s\"}",
                 json_string_value(json_object_get(started, "id")));
  json_decref(started);
  host_ready(system);
  for (int n = 1; n <= 2; n++) {
    char id[16];
    snprintf(id, sizeof id, "e-%d", n);
    host_message message = host_next(system);
    assert_string_equal(message.id, id);
    assert_string_equal(message.body, "{\"amount\":1250}");
    assert_true(host_ack(system, message.delivery));
  }
  assert_int_equal(redis_length(&server, TOPIC), 2);
  assert_int_equal(redis_dead(&server, TOPIC), 2); /* those of the live group */
  host_close(system, 1000);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup(a_requeued_event_is_handled_each_time_it_is_requeued, clear),
      cmocka_unit_test_setup(an_edited_event_passes_with_its_new_hash, clear),
      cmocka_unit_test_setup(what_is_restored_from_the_archive_is_requeued_as_any_other, clear),
      cmocka_unit_test_setup(an_imported_event_is_handled_once_however_often_its_line_comes, clear),
      cmocka_unit_test_setup(a_replayed_event_is_handled_and_stored_nowhere_again, clear),
  };
  return cmocka_run_group_tests(tests, setup, teardown);
}
