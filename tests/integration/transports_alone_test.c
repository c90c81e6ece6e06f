/* SPDX-License-Identifier: MIT
 * transports_alone_test.c - one transport of a system used by itself: events to a topic of it without routes,
 * subscriptions to a topic, and connecting and disconnecting it while the others go on. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/folder.h"
#include "support/host.h"
#include "support/redis_server.h"
#include "support/until.h"

enum { SOON_MS = 50 };

#define ROUTED                                                                                               \
  "{\"service\":\"shop\",\"originPrefix\":\"eu.de\",\"transports\":{\"main\":{\"type\":\"memory\"},"         \
  "\"other\":{"                                                                                              \
  "\"type\":\"memory\"}},\"routing\":{\"routes\":[{\"pattern\":\"order.*\",\"transport\":\"other\","         \
  "\"topic\":"                                                                                               \
  "\"order-events\"},{\"pattern\":\"part.*\",\"transport\":\"main\",\"topic\":\"part-events\","              \
  "\"partitions\":"                                                                                          \
  "4}]}}"

static evs_event to_topic(const char *topic, const char *type, const char *body) {
  evs_event event = host_event(type, body);
  event.transport = host_bytes("main");
  event.topic = host_bytes(topic);
  return event;
}

/* ---- publishing and subscribing ---------------------------------------------------------------- */

static void what_goes_to_a_topic_asks_no_route(void **state) {
  (void)state;
  evs_system *system = host_connect(ROUTED);
  host_subscribe(system, "{\"pattern\":\"*\",\"transport\":\"main\",\"topics\":[\"audit-events\"]}");
  host_ready(system);
  evs_event event = to_topic("audit-events", "order.placed", "7");
  host_report stored = host_try(system, &event);
  assert_int_equal(stored.outcome, EVS_OUTCOME_STORED);
  assert_string_equal(stored.topic, "audit-events");
  host_message message = host_next(system);
  assert_string_equal(message.type, "order.placed");
  assert_string_equal(message.topic, "audit-events");
  assert_string_equal(message.origin, "shop");
  host_ack(system, message.delivery);
  host_close(system, 1000);
}

static void what_a_route_says_of_the_topic_itself_holds(void **state) {
  (void)state;
  evs_system *system = host_connect(ROUTED);
  evs_event event = to_topic("part-events", "any.thing", "7");
  event.key = host_bytes("k");
  event.partition = 3 + 1;
  assert_int_equal(host_try(system, &event).outcome, EVS_OUTCOME_STORED);
  event.partition = 4 + 1;
  assert_int_equal(host_try(system, &event).status, EVS_ROUTING);
  event = to_topic("other-events", "any.thing", "7");
  event.partition = 1; /* that topic has none */
  assert_int_equal(host_try(system, &event).status, EVS_ROUTING);
  host_close(system, 1000);
}

static void the_event_is_checked_as_every_other(void **state) {
  (void)state;
  evs_system *system = host_connect(ROUTED);
  evs_event event = to_topic("audit-events", "not a type", "7");
  assert_int_equal(host_try(system, &event).status, EVS_VALIDATION);
  event = to_topic("audit-events", "a.b", "{no json");
  assert_int_equal(host_try(system, &event).status, EVS_VALIDATION);
  event = to_topic("Audit Events", "a.b", "7");
  host_report refused = host_try(system, &event);
  assert_int_equal(refused.status, EVS_ROUTING);
  assert_non_null(strstr(refused.message, "is no topic"));
  event = to_topic("audit-events", "a.b", "7");
  event.transport = host_bytes("");
  assert_int_equal(host_try(system, &event).status, EVS_ROUTING);
  host_close(system, 1000);
}

static void an_event_that_is_passed_on_keeps_its_origin(void **state) {
  (void)state;
  evs_system *system = host_connect(ROUTED);
  host_subscribe(system, "{\"pattern\":\"*\",\"transport\":\"main\",\"topics\":[\"audit-events\"]}");
  host_ready(system);
  evs_event event = to_topic("audit-events", "sale.made", "7");
  event.origin = host_bytes("till");
  event.origin_prefix = host_bytes("us.ca");
  assert_int_equal(host_try(system, &event).outcome, EVS_OUTCOME_STORED);
  host_message message = host_next(system);
  assert_string_equal(message.origin, "till");
  host_ack(system, message.delivery);
  event.topic = host_bytes("");
  host_report refused = host_try(system, &event);
  assert_int_equal(refused.status, EVS_VALIDATION);
  assert_non_null(strstr(refused.message, "passed on"));
  host_close(system, 1000);
}

static void who_names_topics_gets_nothing_from_others_beside_who_names_none(void **state) {
  (void)state;
  evs_system *system = host_connect("{\"service\":\"shop\",\"transports\":{\"main\":{\"type\":\"memory\"}}}");
  uint64_t named = host_subscribe(system, "{\"pattern\":\"*\",\"topics\":[\"audit-events\"]}");
  uint64_t open = host_subscribe(system, "{\"pattern\":\"order.*\"}");
  host_ready(system);
  host_publish(system, "order.placed", "1");
  host_publish(system, "audit.made", "2");
  host_publish(system, "mail.sent", "3"); /* for nobody: the group does not read that topic */
  bool had_order = false, had_audit = false;
  for (int i = 0; i < 2; i++) {
    host_message message = host_next(system);
    had_order = had_order || (message.subscription == open && strcmp(message.body, "1") == 0);
    had_audit = had_audit || (message.subscription == named && strcmp(message.body, "2") == 0);
    host_ack(system, message.delivery);
  }
  assert_true(had_order && had_audit);
  json_decref(host_call(system, "drain", "{}"));
  host_message none;
  assert_false(host_take(system, &none, SOON_MS));
  assert_int_equal(host_stat(system, "consumer", "unmatchedMessages"), 0);
  host_close(system, 1000);
}

/* ---- connecting -------------------------------------------------------------------------------- */

static bool is_connected(evs_system *system, const char *name) {
  json_t *status = host_status(system);
  const json_t *one = json_object_get(json_object_get(status, "transports"), name);
  bool is = json_is_true(json_object_get(one, "connected"));
  json_decref(status);
  return is;
}

static evs_status ask(evs_system *system, const char *method, const char *params, char *text, size_t size) {
  evs_error *error = NULL;
  char *answer = NULL;
  evs_status status = evs_call(system, method, params, strlen(params), 20000, &answer, &error);
  snprintf(text, size, "%s", error ? evs_error_message(error) : "");
  evs_error_free(error);
  evs_string_free(answer);
  return status;
}

#define TWO(first)                                                                                           \
  "{\"service\":\"shop\",\"publisher\":{\"timeout\":20000},\"transports\":{\"main\":" first                  \
  ",\"other\":{\"type\":\"memory\"}}}"

static void only_the_named_transport_is_connected(void **state) {
  (void)state;
  evs_system *system = host_open(TWO("{\"type\":\"memory\"}"));
  host_subscribe(system, "{\"pattern\":\"a.b\",\"transport\":\"main\"}");
  json_decref(host_call(system, "connect", "{\"transport\":\"other\"}"));
  assert_true(is_connected(system, "other"));
  assert_false(is_connected(system, "main"));
  json_decref(host_call(system, "connect", "{}"));
  assert_true(is_connected(system, "main"));
  char text[300];
  assert_int_equal(ask(system, "connect", "{\"transport\":\"third\"}", text, sizeof text), EVS_NOT_FOUND);
  assert_int_equal(ask(system, "disconnect", "{}", text, sizeof text), EVS_VALIDATION);
  assert_int_equal(ask(system, "disconnect", "{\"transport\":\"main\",\"deadline\":-1}", text, sizeof text),
                   EVS_VALIDATION);
  host_close(system, 1000);
}

/* What is published meanwhile waits, what was not handled comes again, and nothing is lost or handled twice.
 */
static void disconnect_and_connect_again(const char *config) {
  evs_system *system = host_open("%s", config);
  json_decref(host_call(system, "connect", "{}"));
  host_subscribe(system, "{\"pattern\":\"a.b\",\"transport\":\"main\",\"concurrency\":1}");
  host_subscribe(system, "{\"pattern\":\"c.d\",\"transport\":\"other\"}");
  host_ready(system);
  host_publish(system, "a.b", "1");
  host_publish(system, "a.b", "2");
  host_message held = host_next(system);
  assert_string_equal(held.body, "1");
  json_decref(host_call(system, "disconnect", "{\"transport\":\"main\",\"deadline\":0}"));
  assert_false(is_connected(system, "main"));
  host_ack(system, held.delivery); /* too late: it was handed back */
  evs_event event = host_event("c.d", "5");
  event.transport = host_bytes("other");
  assert_int_equal(host_try(system, &event).outcome, EVS_OUTCOME_STORED);
  host_message elsewhere = host_next(system);
  assert_string_equal(elsewhere.body, "5");
  host_ack(system, elsewhere.delivery);
  event = host_event("a.b", "3");
  event.token = 77;
  event.transport = host_bytes("main");
  assert_int_equal(evs_publish(system, &event, 1, NULL, NULL), EVS_OK);
  char text[300];
  assert_int_equal(ask(system, "groups", "{\"transport\":\"main\"}", text, sizeof text), EVS_TRANSPORT);
  json_decref(host_call(system, "connect", "{\"transport\":\"main\"}"));
  bool seen[4] = {false};
  for (int i = 0; i < 3; i++) {
    host_message message = host_next(system);
    int number = atoi(message.body);
    assert_true(number >= 1 && number <= 3 && !seen[number]);
    seen[number] = true;
    host_ack(system, message.delivery);
  }
  host_report report;
  assert_true(host_report_of(system, EVS_REPORT_PUBLISH, &report, 20000));
  assert_int_equal(report.token, 77);
  assert_int_equal(report.outcome, EVS_OUTCOME_STORED);
  json_decref(host_call(system, "drain", "{}"));
  host_close(system, 1000);
}

static void memory_can_be_disconnected_and_connected_again(void **state) {
  (void)state;
  disconnect_and_connect_again(TWO("{\"type\":\"memory\"}"));
}

static void a_file_can_be_disconnected_and_connected_again(void **state) {
  char config[400], folder[FOLDER_SIZE];
  (void)state;
  folder_make(folder);
  snprintf(config, sizeof config, TWO("{\"type\":\"file\",\"path\":\"%s/a.db\"}"), folder);
  disconnect_and_connect_again(config);
  folder_remove(folder);
}

static void redis_can_be_disconnected_and_connected_again(void **state) {
  static const char *const options[] = {NULL};
  char config[400];
  redis_server server = {0};
  (void)state;
  redis_server_start(&server, options);
  snprintf(config, sizeof config,
           TWO("{\"type\":\"redis-streams\",\"url\":\"redis://127.0.0.1:%d\",\"sessionTimeout\":1000}"),
           server.port);
  disconnect_and_connect_again(config);
  redis_server_stop(&server);
}

static void a_plug_in_can_be_disconnected_and_connected_again(void **state) {
  (void)state;
  disconnect_and_connect_again(
      TWO("{\"type\":\"plugin\",\"library\":\"" EVS_BINARY_DIR "/examples/journal.so\"}"));
}

static void handlers_may_end_until_the_deadline(void **state) {
  char text[300];
  (void)state;
  evs_system *system = host_connect(TWO("{\"type\":\"memory\"}"));
  host_subscribe(system, "{\"pattern\":\"a.b\",\"transport\":\"main\"}");
  host_ready(system);
  host_publish(system, "a.b", "1");
  host_message held = host_next(system);
  const char *params = "{\"transport\":\"main\",\"deadline\":20000}";
  assert_int_equal(evs_request(system, "disconnect", params, strlen(params), 30000, 5, NULL), EVS_OK);
  host_report report;
  assert_false(host_report_of(system, EVS_REPORT_REQUEST, &report, SOON_MS));
  assert_int_equal(ask(system, "connect", "{\"transport\":\"main\"}", text, sizeof text), EVS_TRANSPORT);
  assert_non_null(strstr(text, "still being disconnected"));
  assert_true(host_ack(system, held.delivery));
  assert_true(host_report_of(system, EVS_REPORT_REQUEST, &report, 20000));
  assert_int_equal(report.status, EVS_OK);
  host_close(system, 1000);
}

static void a_system_closes_while_a_transport_is_being_disconnected(void **state) {
  (void)state;
  evs_system *system = host_connect(TWO("{\"type\":\"memory\"}"));
  host_subscribe(system, "{\"pattern\":\"a.b\",\"transport\":\"main\"}");
  host_ready(system);
  host_publish(system, "a.b", "1");
  host_next(system);
  const char *params = "{\"transport\":\"main\",\"deadline\":60000}";
  assert_int_equal(evs_request(system, "disconnect", params, strlen(params), 60000, 5, NULL), EVS_OK);
  host_close(system, 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(what_goes_to_a_topic_asks_no_route),
      cmocka_unit_test(what_a_route_says_of_the_topic_itself_holds),
      cmocka_unit_test(the_event_is_checked_as_every_other),
      cmocka_unit_test(an_event_that_is_passed_on_keeps_its_origin),
      cmocka_unit_test(who_names_topics_gets_nothing_from_others_beside_who_names_none),
      cmocka_unit_test(only_the_named_transport_is_connected),
      cmocka_unit_test(memory_can_be_disconnected_and_connected_again),
      cmocka_unit_test(a_file_can_be_disconnected_and_connected_again),
      cmocka_unit_test(redis_can_be_disconnected_and_connected_again),
      cmocka_unit_test(a_plug_in_can_be_disconnected_and_connected_again),
      cmocka_unit_test(handlers_may_end_until_the_deadline),
      cmocka_unit_test(a_system_closes_while_a_transport_is_being_disconnected),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
