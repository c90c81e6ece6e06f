/* SPDX-License-Identifier: MIT
 * memory_system_test.c - a whole system on the memory transport, through the public interface: an event's
 * way from publish to its handlers, and everything that a handler may answer. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/host.h"
#include "support/until.h"

#define QUICK_RETRY "\"retry\":{\"maxRetries\":2,\"baseDelay\":1,\"maxDelay\":5,\"jitter\":0}"
#define PLAIN "{\"service\":\"shop\",\"transports\":{\"main\":{\"type\":\"memory\"," QUICK_RETRY "}}}"

enum { SOON_MS = 50 }; /* how long a test looks for what must not come */

static void an_event_reaches_its_handler_as_it_was_published(void **state) {
  (void)state;
  evs_system *system = host_connect(PLAIN);
  uint64_t subscription = host_subscribe(system, "{\"pattern\":\"user.created\",\"group\":\"mail\"}");
  host_ready(system);
  evs_event event = host_event("User.Created", "{\"name\": \"Ada\",\"n\":1.50}");
  event.headers = host_bytes("{\"traceparent\":\"00-aa-bb-01\"}");
  event.id = host_bytes("event-1");
  host_report report = host_try(system, &event);
  assert_int_equal(report.outcome, EVS_OUTCOME_STORED);
  assert_string_equal(report.id, "event-1");
  assert_string_equal(report.topic, "user-events");
  host_message message = host_next(system);
  assert_int_equal(message.subscription, subscription);
  assert_string_equal(message.id, "event-1");
  assert_string_equal(message.type, "user.created");
  assert_string_equal(message.body, "{\"name\": \"Ada\",\"n\":1.50}");
  assert_string_equal(message.headers, "{\"traceparent\":\"00-aa-bb-01\"}");
  assert_string_equal(message.group, "mail");
  assert_string_equal(message.origin, "shop");
  assert_string_equal(message.topic, "user-events");
  assert_int_equal(message.attempt, 1);
  assert_int_equal(message.deliveries, 1);
  assert_true(host_ack(system, message.delivery));
  assert_false(host_ack(system, message.delivery));
  json_decref(host_call(system, "drain", "{}"));
  assert_int_equal(host_stat(system, "consumer", "acknowledgedMessages"), 1);
  host_close(system, 1000);
}

static void bytes_with_a_content_type_arrive_unchanged(void **state) {
  (void)state;
  static const char bytes[] = {'a', '\0', (char)0xff, '\n', 'z'};
  evs_system *system = host_connect(PLAIN);
  host_subscribe(system, "{\"pattern\":\"file.saved\"}");
  host_ready(system);
  evs_event event = host_event("file.saved", NULL);
  event.body = (evs_bytes){bytes, sizeof bytes};
  event.content_type = host_bytes("application/octet-stream");
  assert_int_equal(host_try(system, &event).outcome, EVS_OUTCOME_STORED);
  evs_batch *batch = NULL;
  size_t count = 0;
  assert_int_equal(evs_poll(system, EVS_POLL_MESSAGES, 10, 5000, &batch, NULL), EVS_OK);
  const evs_message *message = evs_batch_messages(batch, &count);
  assert_int_equal(count, 1);
  assert_int_equal(message->body.size, sizeof bytes);
  assert_memory_equal(message->body.data, bytes, sizeof bytes);
  assert_int_equal(message->content_type.size, strlen("application/octet-stream"));
  assert_int_equal(host_stat(system, "publisher", "totalBytesSent"),
                   host_stat(system, "consumer", "totalBytesReceived"));
  /* Message bytes stay good after the delivery was settled, until the batch is released. */
  assert_true(host_ack(system, message->delivery));
  assert_memory_equal(message->body.data, bytes, sizeof bytes);
  evs_batch_release(batch);
  host_close(system, 1000);
}

static void only_the_handler_that_failed_runs_again(void **state) {
  (void)state;
  evs_system *system = host_connect(PLAIN);
  uint64_t good = host_subscribe(system, "{\"pattern\":\"user.created\",\"name\":\"good\"}");
  uint64_t bad = host_subscribe(system, "{\"pattern\":\"user.*\",\"name\":\"bad\"}");
  host_ready(system);
  host_publish(system, "user.created", "1");
  int good_runs = 0, bad_runs = 0;
  while (bad_runs < 2) {
    host_message message = host_next(system);
    assert_true(message.subscription == good || message.subscription == bad);
    if (message.subscription == good) {
      good_runs++;
      assert_true(host_ack(system, message.delivery));
    } else if (bad_runs++ == 0) {
      assert_int_equal(message.attempt, 1);
      assert_true(host_fail(system, message.delivery, EVS_FAIL_RETRY, "FirstFailure"));
    } else {
      assert_int_equal(message.attempt, 2);
      assert_int_equal(message.deliveries, 2);
      assert_true(host_ack(system, message.delivery));
    }
  }
  json_decref(host_call(system, "drain", "{}"));
  host_message none;
  assert_false(host_take(system, &none, SOON_MS));
  assert_int_equal(good_runs, 1);
  assert_int_equal(host_stat(system, "consumer", "retriedMessages"), 1);
  assert_int_equal(host_stat(system, "consumer", "acknowledgedMessages"), 1);
  host_close(system, 1000);
}

static void a_handler_that_always_fails_gets_its_retries_and_one_attempt(void **state) {
  (void)state;
  evs_system *system = host_connect(PLAIN);
  host_subscribe(system, "{\"pattern\":\"user.created\"}");
  host_ready(system);
  host_publish(system, "user.created", "1");
  for (uint32_t attempt = 1; attempt <= 3; attempt++) {
    host_message message = host_next(system);
    assert_int_equal(message.attempt, attempt);
    assert_true(host_fail(system, message.delivery, EVS_FAIL_RETRY, "Broken"));
  }
  host_message none;
  assert_false(host_take(system, &none, SOON_MS));
  assert_int_equal(host_stat(system, "consumer", "failedMessages"), 3);
  assert_int_equal(host_stat(system, "consumer", "poisonMessages"), 1);
  json_t *stats = host_stats(system);
  json_t *error = json_object_get(json_object_get(stats, "consumer"), "lastError");
  assert_string_equal(json_string_value(error), "it failed on purpose");
  json_decref(stats);
  host_close(system, 1000);
}

static void a_rejected_event_is_not_tried_again(void **state) {
  (void)state;
  evs_system *system = host_connect(PLAIN);
  host_subscribe(system, "{\"pattern\":\"user.created\"}");
  host_ready(system);
  host_publish(system, "user.created", "1");
  assert_true(host_fail(system, host_next(system).delivery, EVS_FAIL_REJECT, "Unusable"));
  host_message none;
  assert_false(host_take(system, &none, SOON_MS));
  assert_int_equal(host_stat(system, "consumer", "poisonMessages"), 1);
  assert_int_equal(host_stat(system, "consumer", "retriedMessages"), 0);
  host_close(system, 1000);
}

static void later_is_no_failure_until_it_was_asked_too_often(void **state) {
  (void)state;
  evs_system *system = host_connect("{\"service\":\"shop\",\"consumer\":{\"maxDeferrals\":2},"
                                    "\"transports\":{\"main\":{\"type\":\"memory\"," QUICK_RETRY "}}}");
  host_subscribe(system, "{\"pattern\":\"user.created\"}");
  host_ready(system);
  host_publish(system, "user.created", "1");
  for (int i = 0; i < 2; i++) {
    host_message message = host_next(system);
    assert_int_equal(message.attempt, 1);
    assert_true(host_later(system, message.delivery, 1));
  }
  host_message third = host_next(system);
  assert_int_equal(third.attempt, 1);
  assert_true(host_later(system, third.delivery, 1));
  host_message fourth = host_next(system);
  assert_int_equal(fourth.attempt, 2);
  assert_true(host_ack(system, fourth.delivery));
  assert_int_equal(host_stat(system, "consumer", "failedMessages"), 1);
  host_close(system, 1000);
}

static void a_released_event_comes_back_as_if_it_had_not_been_delivered(void **state) {
  (void)state;
  evs_system *system = host_connect(PLAIN);
  host_subscribe(system, "{\"pattern\":\"user.created\"}");
  host_ready(system);
  host_publish(system, "user.created", "1");
  host_message first = host_next(system);
  assert_true(host_fail(system, first.delivery, EVS_FAIL_RELEASE, NULL));
  host_message second = host_next(system);
  assert_string_equal(second.id, first.id);
  assert_int_equal(second.attempt, 1);
  assert_int_equal(second.deliveries, 1);
  assert_true(second.delivery != first.delivery);
  assert_true(host_ack(system, second.delivery));
  assert_int_equal(host_stat(system, "consumer", "failedMessages"), 0);
  host_close(system, 1000);
}

/* By a clock that stands until it is moved, so that no busy machine makes the second attempt late, too. */
static void a_handler_past_its_time_limit_has_failed_and_its_late_answer_is_stale(void **state) {
  (void)state;
  evs_system *system = host_connect("{\"service\":\"shop\",\"transports\":{\"main\":{\"type\":\"memory\"}},"
                                    "\"testing\":{\"holdClock\":true}}");
  host_subscribe(system, "{\"pattern\":\"user.created\",\"handlerTimeout\":20,\"concurrency\":2,"
                         "\"retry\":{\"baseDelay\":5}}");
  host_ready(system);
  host_publish(system, "user.created", "1");
  host_message slow = host_next(system);
  for (int step = 0; step < 26; step++)
    json_decref(host_call(system, "testing.advance", "{\"ms\":1}"));
  host_message again = host_next(system);
  assert_string_equal(again.id, slow.id);
  assert_int_equal(again.attempt, 2);
  assert_false(host_ack(system, slow.delivery));
  assert_true(host_ack(system, again.delivery));
  assert_int_equal(host_stat(system, "consumer", "timedOutMessages"), 1);
  assert_int_equal(host_stat(system, "consumer", "staleSettlements"), 1);
  host_close(system, 1000);
}

static void a_hanging_handler_keeps_its_place_until_it_answers(void **state) {
  (void)state;
  evs_system *system = host_connect(PLAIN);
  host_subscribe(system, "{\"pattern\":\"user.created\",\"handlerTimeout\":20,\"concurrency\":1}");
  host_ready(system);
  host_publish(system, "user.created", "1");
  host_message hanging = host_next(system);
  TEST_UNTIL(host_stat(system, "consumer", "timedOutMessages") == 1);
  host_message none;
  assert_false(host_take(system, &none, SOON_MS));
  assert_false(host_ack(system, hanging.delivery));
  host_message again = host_next(system);
  assert_int_equal(again.attempt, 2);
  host_ack(system, again.delivery);
  host_close(system, 1000);
}

static void concurrency_bounds_what_a_host_holds(void **state) {
  (void)state;
  evs_system *system = host_connect(PLAIN);
  host_subscribe(system, "{\"pattern\":\"user.created\",\"concurrency\":2}");
  host_ready(system);
  for (int i = 0; i < 5; i++)
    host_publish(system, "user.created", "1");
  evs_batch *batch = NULL;
  size_t count = 0;
  assert_int_equal(evs_poll(system, EVS_POLL_MESSAGES, 10, 5000, &batch, NULL), EVS_OK);
  const evs_message *messages = evs_batch_messages(batch, &count);
  assert_int_equal(count, 2);
  uint64_t first = messages[0].delivery;
  evs_batch_release(batch);
  host_message none;
  assert_false(host_take(system, &none, SOON_MS));
  assert_true(host_ack(system, first));
  assert_true(host_take(system, &none, 5000));
  host_close(system, 0);
}

static void an_ended_subscription_gives_its_last_record_after_its_messages(void **state) {
  (void)state;
  evs_system *system = host_connect(PLAIN);
  uint64_t kept = host_subscribe(system, "{\"pattern\":\"user.created\",\"name\":\"kept\"}");
  uint64_t ended = host_subscribe(system, "{\"pattern\":\"user.*\",\"name\":\"ended\"}");
  host_ready(system);
  host_publish(system, "user.created", "1");
  host_message held = host_next(system);
  while (held.subscription != ended) {
    assert_true(host_ack(system, held.delivery));
    held = host_next(system);
  }
  assert_int_equal(evs_unsubscribe(system, ended, NULL), EVS_OK);
  assert_int_equal(evs_unsubscribe(system, ended, NULL), EVS_NOT_FOUND);
  host_report last;
  assert_false(host_report_of(system, EVS_REPORT_UNSUBSCRIBED, &last, SOON_MS));
  assert_true(host_ack(system, held.delivery));
  assert_true(host_report_of(system, EVS_REPORT_UNSUBSCRIBED, &last, 5000));
  assert_int_equal(last.token, ended);
  host_publish(system, "user.created", "2");
  /* The first event may still have to reach the other subscription, whichever came first. */
  for (int i = 0; i < 2; i++) {
    host_message message;
    if (!host_take(system, &message, SOON_MS))
      break;
    assert_int_equal(message.subscription, kept);
    assert_true(host_ack(system, message.delivery));
  }
  assert_true(evs_unsubscribe(system, kept, NULL) == EVS_OK);
  assert_true(host_report_of(system, EVS_REPORT_UNSUBSCRIBED, &last, 5000));
  assert_int_equal(last.token, kept);
  host_close(system, 1000);
}

static void what_a_message_lends_outlives_its_subscription(void **state) {
  (void)state;
  evs_system *system = host_connect(PLAIN);
  host_report report;
  evs_batch *batch = NULL;
  size_t count = 0;
  uint64_t subscription = host_subscribe(system, "{\"pattern\":\"user.*\"}");
  host_ready(system);
  host_publish(system, "user.created", "1");
  assert_int_equal(evs_poll(system, EVS_POLL_MESSAGES, 1, 20000, &batch, NULL), EVS_OK);
  const evs_message *message = evs_batch_messages(batch, &count);
  assert_int_equal(evs_unsubscribe(system, subscription, NULL), EVS_OK);
  assert_true(host_ack(system, message->delivery));
  assert_true(host_report_of(system, EVS_REPORT_UNSUBSCRIBED, &report, 20000));
  assert_int_equal(message->pattern.size, strlen("user.*"));
  assert_memory_equal(message->pattern.data, "user.*", strlen("user.*"));
  evs_batch_release(batch);
  host_close(system, 1000);
}

static void a_group_can_be_subscribed_again_after_its_last_subscription_ended(void **state) {
  (void)state;
  evs_system *system = host_connect(PLAIN);
  for (int round = 0; round < 3; round++) {
    host_report last;
    uint64_t token = host_subscribe(system, "{\"pattern\":\"user.created\"}");
    host_ready(system);
    host_publish(system, "user.created", "1");
    host_message message = host_next(system);
    assert_int_equal(message.subscription, token);
    assert_true(host_ack(system, message.delivery));
    assert_int_equal(evs_unsubscribe(system, token, NULL), EVS_OK);
    assert_true(host_report_of(system, EVS_REPORT_UNSUBSCRIBED, &last, 5000));
  }
  host_close(system, 1000);
}

static void every_group_gets_every_event_and_shares_it_among_its_subscriptions(void **state) {
  (void)state;
  evs_system *system = host_connect(PLAIN);
  host_subscribe(system, "{\"pattern\":\"order.*\",\"group\":\"a\"}");
  host_subscribe(system, "{\"pattern\":\"*.created\",\"group\":\"b\"}");
  host_ready(system);
  host_publish(system, "order.created", "1");
  host_publish(system, "order.paid", "2");
  int seen[2] = {0, 0};
  for (int i = 0; i < 3; i++) {
    host_message message = host_next(system);
    seen[message.group[0] - 'a']++;
    assert_true(host_ack(system, message.delivery));
  }
  host_message none;
  assert_false(host_take(system, &none, SOON_MS));
  assert_int_equal(seen[0], 2);
  assert_int_equal(seen[1], 1);
  host_close(system, 1000);
}

static void what_no_handler_takes_is_acknowledged_and_counted(void **state) {
  (void)state;
  evs_system *system = host_connect(PLAIN);
  host_subscribe(system, "{\"pattern\":\"user.created\"}");
  host_ready(system);
  host_publish(system, "user.deleted", "1");
  json_decref(host_call(system, "drain", "{}"));
  host_message none;
  assert_false(host_take(system, &none, SOON_MS));
  assert_int_equal(host_stat(system, "consumer", "unmatchedMessages"), 1);
  host_close(system, 1000);
}

#define AT(prefix)                                                                                           \
  "{\"service\":\"" prefix "\",\"originPrefix\":\"" prefix                                                   \
  "\",\"transports\":{\"main\":{\"type\":\"memory\","                                                        \
  "\"name\":\"origins\"}}}"

static void origins_decide_which_events_of_other_regions_arrive(void **state) {
  (void)state;
  evs_system *germany = host_connect(AT("eu.de"));
  evs_system *america = host_connect(AT("us"));
  uint64_t own = host_subscribe(germany, "{\"pattern\":\"user.created\",\"group\":\"own\"}");
  uint64_t listed =
      host_subscribe(germany, "{\"pattern\":\"user.created\",\"group\":\"listed\",\"origins\":[\"us\"]}");
  uint64_t all = host_subscribe(germany, "{\"pattern\":\"*.created\",\"group\":\"all\"}");
  host_ready(germany);
  host_publish(america, "user.created", "\"us\"");
  int runs[3] = {0, 0, 0};
  for (int i = 0; i < 2; i++) {
    host_message message = host_next(germany);
    assert_string_equal(message.body, "\"us\"");
    assert_string_equal(message.type, "user.created");
    runs[message.subscription == own ? 0 : message.subscription == listed ? 1 : 2]++;
    assert_true(message.subscription == listed || message.subscription == all);
    assert_true(host_ack(germany, message.delivery));
  }
  assert_int_equal(runs[1], 1);
  assert_int_equal(runs[2], 1);
  TEST_UNTIL(host_stat(germany, "consumer", "filteredMessages") == 1);
  assert_int_equal(host_stat(germany, "consumer", "unmatchedMessages"), 0);
  host_publish(germany, "user.created", "\"de\"");
  for (int i = 0; i < 3; i++) {
    host_message message = host_next(germany);
    assert_string_equal(message.body, "\"de\"");
    assert_true(host_ack(germany, message.delivery));
  }
  host_close(germany, 1000);
  host_close(america, 1000);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(an_event_reaches_its_handler_as_it_was_published),
      cmocka_unit_test(bytes_with_a_content_type_arrive_unchanged),
      cmocka_unit_test(only_the_handler_that_failed_runs_again),
      cmocka_unit_test(a_handler_that_always_fails_gets_its_retries_and_one_attempt),
      cmocka_unit_test(a_rejected_event_is_not_tried_again),
      cmocka_unit_test(later_is_no_failure_until_it_was_asked_too_often),
      cmocka_unit_test(a_released_event_comes_back_as_if_it_had_not_been_delivered),
      cmocka_unit_test(a_handler_past_its_time_limit_has_failed_and_its_late_answer_is_stale),
      cmocka_unit_test(a_hanging_handler_keeps_its_place_until_it_answers),
      cmocka_unit_test(concurrency_bounds_what_a_host_holds),
      cmocka_unit_test(an_ended_subscription_gives_its_last_record_after_its_messages),
      cmocka_unit_test(what_a_message_lends_outlives_its_subscription),
      cmocka_unit_test(a_group_can_be_subscribed_again_after_its_last_subscription_ended),
      cmocka_unit_test(every_group_gets_every_event_and_shares_it_among_its_subscriptions),
      cmocka_unit_test(what_no_handler_takes_is_acknowledged_and_counted),
      cmocka_unit_test(origins_decide_which_events_of_other_regions_arrive),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
