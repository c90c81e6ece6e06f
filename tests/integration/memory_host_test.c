/* SPDX-License-Identifier: MIT
 * memory_host_test.c - what a host may ask of a system besides messages: requests, outcomes, bounds,
 * statistics, explaining, closing and forks; on the memory transport, through the public interface. */
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "support/host.h"
#include "support/until.h"

#define PLAIN "{\"service\":\"shop\",\"transports\":{\"main\":{\"type\":\"memory\"}}}"
#define QUICK "\"retry\":{\"baseDelay\":1,\"maxDelay\":5,\"jitter\":0}"

enum { SOON_MS = 50 };

static void publishing_before_connect_is_refused_and_says_how(void **state) {
  (void)state;
  evs_system *system = host_open(PLAIN);
  evs_event event = host_event("user.created", "1");
  size_t accepted = 7;
  evs_error *error = NULL;
  assert_int_equal(evs_publish(system, &event, 1, &accepted, &error), EVS_TRANSPORT);
  assert_int_equal(accepted, 0);
  assert_non_null(strstr(evs_error_message(error), "connect"));
  evs_error_free(error);
  host_close(system, 0);
}

static void requests_answer_by_return_and_by_report(void **state) {
  (void)state;
  evs_system *system = host_open(PLAIN);
  host_report answer;
  assert_int_equal(evs_request(system, "connect", NULL, 0, 0, 41, NULL), EVS_OK);
  assert_true(host_report_of(system, EVS_REPORT_REQUEST, &answer, 5000));
  assert_int_equal(answer.token, 41);
  assert_int_equal(answer.status, EVS_OK);
  static const char *const methods[] = {"connect", "ready", "flush", "drain"};
  for (size_t i = 0; i < 4; i++)
    json_decref(host_call(system, methods[i], "{}"));
  json_t *groups = host_call(system, "groups", "{}");
  assert_true(json_is_array(json_object_get(groups, "groups")));
  json_decref(groups);
  json_t *status = host_status(system);
  assert_true(json_is_true(json_object_get(status, "connected")));
  assert_string_equal(json_string_value(json_object_get(status, "state")), "open");
  json_decref(status);
  host_close(system, 0);
}

static void a_request_that_cannot_be_made_says_why(void **state) {
  (void)state;
  char *answer = NULL;
  evs_system *system = host_connect(PLAIN);
  assert_int_equal(evs_call(system, "reboot", NULL, 0, 0, &answer, NULL), EVS_NOT_FOUND);
  assert_non_null(strstr(evs_error_message(evs_last_error()), "reboot"));
  assert_int_equal(evs_call(system, "ready", "[1]", 3, 0, &answer, NULL), EVS_VALIDATION);
  assert_int_equal(evs_call(system, "ready", "{\"a\":", 5, 0, &answer, NULL), EVS_VALIDATION);
  assert_int_equal(evs_call(system, "dlq.list", NULL, 0, 0, &answer, NULL), EVS_UNSUPPORTED);
  const char *nowhere = "{\"transport\":\"nowhere\"}";
  assert_int_equal(evs_call(system, "groups", nowhere, strlen(nowhere), 0, &answer, NULL), EVS_NOT_FOUND);
  assert_null(answer);
  host_close(system, 0);
}

static void drain_waits_for_what_handlers_hold(void **state) {
  (void)state;
  char *answer = NULL;
  evs_system *system = host_connect(PLAIN);
  host_subscribe(system, "{\"pattern\":\"user.created\"}");
  host_ready(system);
  host_publish(system, "user.created", "1");
  host_message held = host_next(system);
  assert_int_equal(evs_call(system, "drain", NULL, 0, 30, &answer, NULL), EVS_TIMEOUT);
  assert_true(host_ack(system, held.delivery));
  json_decref(host_call(system, "drain", "{}"));
  host_close(system, 0);
}

static void outcomes_come_in_the_order_of_the_events(void **state) {
  (void)state;
  enum { COUNT = 200 };
  evs_system *system = host_connect(PLAIN);
  evs_event events[COUNT];
  char ids[COUNT][16];
  for (int i = 0; i < COUNT; i++) {
    snprintf(ids[i], sizeof ids[i], "e-%d", i);
    events[i] = host_event(i % 7 == 3 ? "not a type" : "user.created", "1");
    events[i].id = host_bytes(ids[i]);
  }
  evs_batch *batch = NULL;
  size_t count = 0;
  assert_int_equal(evs_publish_wait(system, events, COUNT, 5000, &batch, NULL), EVS_OK);
  const evs_report *reports = evs_batch_reports(batch, &count);
  assert_int_equal(count, COUNT);
  for (int i = 0; i < COUNT; i++) {
    bool is_good = i % 7 != 3;
    assert_int_equal(reports[i].outcome, is_good ? EVS_OUTCOME_STORED : EVS_OUTCOME_REFUSED);
    assert_int_equal(reports[i].status, is_good ? EVS_OK : EVS_VALIDATION);
    assert_int_equal(reports[i].id.size, strlen(ids[i]));
    assert_memory_equal(reports[i].id.data, ids[i], strlen(ids[i]));
    assert_true(is_good || reports[i].message.size > 0);
  }
  evs_batch_release(batch);
  assert_int_equal(evs_publish_wait(system, events, 0, 5000, &batch, NULL), EVS_OK);
  evs_batch_reports(batch, &count);
  assert_int_equal(count, 0);
  evs_batch_release(batch);
  host_close(system, 0);
}

static void only_events_with_a_token_are_reported(void **state) {
  (void)state;
  evs_system *system = host_connect(PLAIN);
  evs_event events[3] = {host_event("user.created", "1"), host_event("user.created", "2"),
                         host_event("", "3")};
  events[1].token = 11;
  events[2].token = 12;
  size_t accepted = 0;
  assert_int_equal(evs_publish(system, events, 3, &accepted, NULL), EVS_OK);
  assert_int_equal(accepted, 3);
  host_report reports[2], none;
  for (int i = 0; i < 2; i++)
    assert_true(host_report_of(system, EVS_REPORT_PUBLISH, &reports[i], 5000));
  assert_false(host_report_of(system, EVS_REPORT_PUBLISH, &none, SOON_MS));
  const host_report *stored = &reports[reports[0].token == 11 ? 0 : 1];
  const host_report *refused = &reports[reports[0].token == 11 ? 1 : 0];
  assert_int_equal(stored->token, 11);
  assert_int_equal(stored->outcome, EVS_OUTCOME_STORED);
  assert_int_equal(refused->token, 12);
  assert_int_equal(refused->outcome, EVS_OUTCOME_REFUSED);
  assert_int_equal(refused->status, EVS_VALIDATION);
  host_close(system, 0);
}

static void a_full_queue_refuses_when_no_retry_is_left(void **state) {
  (void)state;
  evs_system *system = host_connect("{\"service\":\"shop\",\"publisher\":{\"retry\":{\"maxRetries\":0}},"
                                    "\"transports\":{\"main\":{\"type\":\"memory\",\"maxQueue\":2}}}");
  host_subscribe(system, "{\"pattern\":\"user.created\",\"prefetch\":1}");
  host_ready(system);
  for (int i = 0; i < 3; i++) /* one is held for the handler, two wait */
    host_publish(system, "user.created", "1");
  evs_event event = host_event("user.created", "1");
  host_report report = host_try(system, &event);
  assert_int_equal(report.outcome, EVS_OUTCOME_REFUSED);
  assert_int_equal(report.status, EVS_QUEUE_FULL);
  assert_non_null(strstr(report.message, "maxQueue"));
  assert_true(host_ack(system, host_next(system).delivery));
  TEST_UNTIL(host_try(system, &event).outcome == EVS_OUTCOME_STORED);
  host_close(system, 0);
}

static void a_full_queue_holds_events_back_until_there_is_room(void **state) {
  (void)state;
  evs_system *system = host_connect(
      "{\"service\":\"shop\",\"publisher\":{\"maxInFlight\":3,\"retry\":{\"maxRetries\":1000,"
      "\"baseDelay\":1,\"maxDelay\":5}},\"transports\":{\"main\":{\"type\":\"memory\",\"maxQueue\":1}}}");
  host_subscribe(system, "{\"pattern\":\"user.created\",\"prefetch\":1}");
  host_ready(system);
  evs_event events[7];
  for (int i = 0; i < 7; i++) {
    events[i] = host_event("user.created", "1");
    events[i].token = (uint64_t)i + 1;
  }
  size_t accepted = 0, offered = 0;
  evs_error *error = NULL;
  /* One is delivered, one waits, three are in flight: no more are accepted. */
  TEST_UNTIL(evs_publish(system, events + offered, 1, &accepted, NULL) == EVS_QUEUE_FULL ||
             (offered += accepted) == 7);
  assert_int_equal(offered, 5);
  assert_int_equal(evs_publish(system, events + offered, 2, &accepted, &error), EVS_QUEUE_FULL);
  assert_int_equal(accepted, 0);
  assert_non_null(strstr(evs_error_message(error), "maxInFlight"));
  evs_error_free(error);
  for (int i = 0; i < 5; i++)
    assert_true(host_ack(system, host_next(system).delivery));
  for (int i = 0; i < 5; i++) {
    host_report report;
    assert_true(host_report_of(system, EVS_REPORT_PUBLISH, &report, 5000));
    assert_int_equal(report.outcome, EVS_OUTCOME_STORED);
  }
  assert_true(host_stat(system, "publisher", "retriedMessages") > 0);
  host_close(system, 0);
}

static void reports_that_nobody_takes_are_bounded(void **state) {
  (void)state;
  evs_system *system = host_connect("{\"service\":\"shop\",\"publisher\":{\"maxInFlight\":3},"
                                    "\"transports\":{\"main\":{\"type\":\"memory\"}}}");
  evs_event events[5];
  for (int i = 0; i < 5; i++) {
    events[i] = host_event("user.created", "1");
    events[i].token = (uint64_t)i + 1;
  }
  size_t accepted = 0;
  evs_error *error = NULL;
  for (int i = 0; i < 3; i++)
    assert_int_equal(evs_publish(system, events + i, 1, NULL, NULL), EVS_OK);
  assert_int_equal(evs_publish(system, events + 3, 2, &accepted, &error), EVS_QUEUE_FULL);
  assert_int_equal(accepted, 0);
  assert_non_null(strstr(evs_error_message(error), "evs_poll()"));
  evs_error_free(error);
  events[3].token = 0; /* of which nothing is told */
  assert_int_equal(evs_publish(system, events + 3, 1, NULL, NULL), EVS_OK);
  assert_int_equal(host_try(system, events + 3).outcome, EVS_OUTCOME_STORED); /* nor by a report to take */
  host_report report;
  assert_true(host_report_of(system, EVS_REPORT_PUBLISH, &report, 5000));
  assert_int_equal(evs_publish(system, events + 4, 1, NULL, NULL), EVS_OK);
  host_close(system, 5000);
}

static bool is_readable(int fd) {
  struct pollfd one = {.fd = fd, .events = POLLIN};
  return poll(&one, 1, 0) == 1;
}

static void a_descriptor_that_is_asked_for_late_tells_what_was_there_before(void **state) {
  (void)state;
  evs_system *system = host_connect("{\"service\":\"shop\",\"transports\":{\"main\":{\"type\":\"memory\"}}}");
  evs_event event = host_event("user.created", "1");
  host_report report;
  event.token = 1;
  assert_int_equal(evs_publish(system, &event, 1, NULL, NULL), EVS_OK); /* stored when it returns */
  assert_true(is_readable(evs_system_wake_fd(system)));
  assert_true(host_report_of(system, EVS_REPORT_PUBLISH, &report, 5000));
  assert_false(is_readable(evs_system_wake_fd(system)));
  assert_int_equal(evs_publish(system, &event, 1, NULL, NULL), EVS_OK);
  assert_true(is_readable(evs_system_wake_fd(system)));
  host_close(system, 5000);
}

/* A line of the Prometheus text: a comment, or name{labels} value. */
static bool is_metric_line(const char *line) {
  if (strncmp(line, "# HELP ", 7) == 0 || strncmp(line, "# TYPE ", 7) == 0)
    return true;
  size_t name = strspn(line, "abcdefghijklmnopqrstuvwxyz_0123456789");
  const char *at = line + name;
  if (*at == '{') {
    at = strstr(at, "\"} ");
    at = at ? at + 2 : "";
  }
  char *end = NULL;
  if (name == 0 || strncmp(line, "libevents_", 10) != 0 || *at != ' ')
    return false;
  strtod(at + 1, &end);
  return end != at + 1 && *end == '\0';
}

static void statistics_count_what_happened_in_both_forms(void **state) {
  (void)state;
  evs_system *system =
      host_connect("{\"service\":\"shop\",\"transports\":{\"main\":{\"type\":\"memory\"," QUICK "}}}");
  host_subscribe(system, "{\"pattern\":\"user.created\",\"name\":\"mail \\\"1\\\"\",\"handlerTimeout\":0}");
  host_ready(system);
  for (int i = 0; i < 3; i++)
    host_publish(system, "user.created", "1");
  evs_event bad = host_event("user..created", "1");
  host_try(system, &bad);
  assert_true(host_fail(system, host_next(system).delivery, EVS_FAIL_RETRY, "Once"));
  for (int i = 0; i < 3; i++)
    assert_true(host_ack(system, host_next(system).delivery));
  assert_int_equal(host_stat(system, "publisher", "totalMessagesSent"), 3);
  assert_int_equal(host_stat(system, "publisher", "invalidMessages"),
                   host_stat(system, "publisher", "failedMessages"));
  assert_int_equal(host_stat(system, "consumer", "totalMessagesReceived"), 4);
  assert_int_equal(host_stat(system, "consumer", "handledMessages"), 3);
  assert_int_equal(host_stat(system, "consumer", "failedMessages"), 1);
  json_t *stats = host_stats(system);
  const json_t *consumer = json_object_get(stats, "consumer");
  assert_int_equal(json_integer_value(json_object_get(
                       json_object_get(consumer, "handledMessagesBySubscription"), "mail \"1\"")),
                   3);
  assert_int_equal(json_integer_value(json_object_get(json_object_get(consumer, "processingTime"), "count")),
                   4);
  assert_int_equal(json_integer_value(json_object_get(json_object_get(consumer, "endToEnd"), "count")), 4);
  assert_int_equal(json_integer_value(json_object_get(stats, "inFlight")), 0);
  json_decref(stats);
  char *text = NULL;
  assert_int_equal(evs_system_metrics(system, &text, NULL), EVS_OK);
  assert_non_null(strstr(text, "\nlibevents_published_total 3\n"));
  assert_non_null(
      strstr(text, "libevents_handled_by_subscription_total{subscription=\"mail \\\"1\\\"\"} 3\n"));
  char *rest = NULL;
  for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
    if (!is_metric_line(line))
      fail_msg("not a line of the exposition format: %s", line);
  }
  evs_string_free(text);
  host_close(system, 0);
}

static void explain_tells_where_an_event_goes_and_who_takes_it(void **state) {
  (void)state;
  evs_system *system = host_connect(PLAIN);
  host_subscribe(system, "{\"pattern\":\"user.*\",\"name\":\"all users\",\"group\":\"mail\"}");
  host_subscribe(system, "{\"pattern\":\"order.*\"}");
  char *text = NULL;
  const char *query = "{\"type\":\"user.created\"}";
  assert_int_equal(evs_explain(system, query, strlen(query), &text, NULL), EVS_OK);
  json_t *answer = json_loads(text, 0, NULL);
  evs_string_free(text);
  assert_string_equal(json_string_value(json_object_get(answer, "topic")), "user-events");
  const json_t *subscriptions = json_object_get(answer, "subscriptions");
  assert_int_equal(json_array_size(subscriptions), 1);
  const json_t *only = json_array_get(subscriptions, 0);
  assert_string_equal(json_string_value(json_object_get(only, "name")), "all users");
  assert_string_equal(json_string_value(json_object_get(only, "group")), "mail");
  json_decref(answer);
  host_close(system, 0);
}

static void after_close_every_call_says_closed(void **state) {
  (void)state;
  evs_system *system = host_connect(PLAIN);
  uint64_t token = host_subscribe(system, "{\"pattern\":\"user.created\"}");
  host_ready(system);
  host_publish(system, "user.created", "1");
  host_message held = host_next(system);
  evs_batch *batch = NULL;
  host_report last;
  assert_int_equal(evs_system_close(system, 0, NULL), EVS_OK);
  assert_int_equal(evs_system_close(system, 1000, NULL), EVS_OK);
  assert_true(host_report_of(system, EVS_REPORT_CLOSED, &last, 5000));
  evs_event event = host_event("user.created", "1");
  char *answer = NULL;
  assert_int_equal(evs_poll(system, EVS_POLL_MESSAGES | EVS_POLL_REPORTS, 1, 1000, &batch, NULL), EVS_CLOSED);
  assert_int_equal(evs_publish(system, &event, 1, NULL, NULL), EVS_CLOSED);
  assert_int_equal(evs_publish_wait(system, &event, 1, 10, &batch, NULL), EVS_CLOSED);
  assert_int_equal(evs_ack(system, &held.delivery, 1, NULL, NULL), EVS_CLOSED);
  assert_int_equal(evs_unsubscribe(system, token, NULL), EVS_CLOSED);
  assert_int_equal(evs_subscribe(system, "{}", 2, &token, NULL), EVS_CLOSED);
  assert_int_equal(evs_call(system, "ready", NULL, 0, 0, &answer, NULL), EVS_CLOSED);
  assert_int_equal(evs_request(system, "ready", NULL, 0, 0, 1, NULL), EVS_CLOSED);
  evs_system_release(system);
}

static void close_waits_for_a_handler_until_its_deadline(void **state) {
  (void)state;
  evs_system *system = host_connect(PLAIN);
  host_subscribe(system, "{\"pattern\":\"user.created\"}");
  host_ready(system);
  host_publish(system, "user.created", "1");
  host_message held = host_next(system);
  host_report last;
  assert_int_equal(evs_system_close(system, 30000, NULL), EVS_OK);
  assert_false(host_report_of(system, EVS_REPORT_CLOSED, &last, SOON_MS));
  assert_true(host_ack(system, held.delivery));
  assert_true(host_report_of(system, EVS_REPORT_CLOSED, &last, 25000));
  assert_int_equal(host_stat(system, "consumer", "acknowledgedMessages"), 1);
  evs_system_release(system);
}

static void a_poll_for_one_kind_leaves_the_wake_up_for_the_other(void **state) {
  (void)state;
  evs_system *system = host_connect(PLAIN);
  host_subscribe(system, "{\"pattern\":\"user.created\"}");
  host_ready(system);
  evs_event event = host_event("user.created", "1");
  event.token = 5;
  assert_int_equal(evs_publish(system, &event, 1, NULL, NULL), EVS_OK);
  evs_batch *messages = NULL;
  size_t count = 0;
  assert_int_equal(evs_poll(system, EVS_POLL_MESSAGES, 64, 5000, &messages, NULL), EVS_OK);
  uint64_t delivery = evs_batch_messages(messages, &count)->delivery;
  evs_batch_release(messages);
  assert_int_equal(count, 1);
  /* The report still waits. */
  assert_true(is_readable(evs_system_wake_fd(system)));
  host_report report;
  assert_true(host_report_of(system, EVS_REPORT_PUBLISH, &report, 5000));
  evs_batch *batch = NULL;
  while (evs_poll(system, EVS_POLL_REPORTS, 64, 0, &batch, NULL) == EVS_OK)
    evs_batch_release(batch);
  assert_false(is_readable(evs_system_wake_fd(system)));
  assert_true(host_ack(system, delivery));
  host_close(system, 1000);
}

static int use_in_child(evs_system *system) {
  evs_event event = {.struct_size = sizeof event, .type = {"user.created", 12}};
  evs_batch *batch = NULL;
  char *text = NULL;
  if (evs_publish(system, &event, 1, NULL, NULL) != EVS_FORKED ||
      evs_poll(system, EVS_POLL_REPORTS, 1, 0, &batch, NULL) != EVS_FORKED ||
      evs_system_stats(system, &text, NULL) != EVS_FORKED || evs_system_wake_fd(system) != -1)
    return 1;
  evs_system_release(system);
#ifndef __SANITIZE_THREAD__ /* it does not know threads that are started after a fork */
  evs_system *own = NULL;
  if (evs_system_open(PLAIN, strlen(PLAIN), &own, NULL) != EVS_OK ||
      evs_call(own, "connect", NULL, 0, 0, &text, NULL) != EVS_OK)
    return 2;
  evs_string_free(text);
  if (evs_publish_wait(own, &event, 1, 5000, &batch, NULL) != EVS_OK)
    return 3;
  evs_batch_release(batch);
  evs_system_release(own);
#endif
  return 0;
}

static void a_forked_child_cannot_use_the_system_but_opens_its_own(void **state) {
  (void)state;
  evs_system *system = host_connect(PLAIN);
  host_subscribe(system, "{\"pattern\":\"user.created\"}");
  host_ready(system);
  fflush(NULL);
  pid_t pid = fork();
  assert_true(pid >= 0);
  if (pid == 0)
    _exit(use_in_child(system));
  int status = 0;
  assert_int_equal(waitpid(pid, &status, 0), pid);
  assert_true(WIFEXITED(status));
  assert_int_equal(WEXITSTATUS(status), 0);
  /* And the parent's goes on. */
  host_publish(system, "user.created", "1");
  assert_true(host_ack(system, host_next(system).delivery));
  host_close(system, 1000);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(publishing_before_connect_is_refused_and_says_how),
      cmocka_unit_test(requests_answer_by_return_and_by_report),
      cmocka_unit_test(a_request_that_cannot_be_made_says_why),
      cmocka_unit_test(drain_waits_for_what_handlers_hold),
      cmocka_unit_test(outcomes_come_in_the_order_of_the_events),
      cmocka_unit_test(only_events_with_a_token_are_reported),
      cmocka_unit_test(a_full_queue_refuses_when_no_retry_is_left),
      cmocka_unit_test(a_full_queue_holds_events_back_until_there_is_room),
      cmocka_unit_test(reports_that_nobody_takes_are_bounded),
      cmocka_unit_test(a_descriptor_that_is_asked_for_late_tells_what_was_there_before),
      cmocka_unit_test(statistics_count_what_happened_in_both_forms),
      cmocka_unit_test(explain_tells_where_an_event_goes_and_who_takes_it),
      cmocka_unit_test(after_close_every_call_says_closed),
      cmocka_unit_test(close_waits_for_a_handler_until_its_deadline),
      cmocka_unit_test(a_poll_for_one_kind_leaves_the_wake_up_for_the_other),
      cmocka_unit_test(a_forked_child_cannot_use_the_system_but_opens_its_own),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
