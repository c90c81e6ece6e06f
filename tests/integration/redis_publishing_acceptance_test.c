/* SPDX-License-Identifier: MIT
 * redis_publishing_acceptance_test.c - what a publisher is told and when: levels of acknowledgement, a store
 * that takes nothing for a while, answers that are lost, ids that come twice, and delivery later. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "support/host.h"
#include "support/proxy.h"
#include "support/redis_server.h"
#include "support/until.h"

#define TOPIC "order-events"

static redis_server server;
static test_proxy proxy;

static int setup(void **state) {
  (void)state;
  redis_server_start(&server, NULL);
  return 0;
}

static int setup_synced(void **state) {
  static const char *const options[] = {"--appendonly", "yes", "--appendfsync", "always", NULL};
  (void)state;
  redis_server_start(&server, options);
  return 0;
}

static int teardown(void **state) {
  (void)state;
  redis_server_stop(&server);
  return 0;
}

/* more: further members of the transport, each with a comma before it. */
static evs_system *connect_with(int port, const char *more) {
  return host_connect("{\"service\":\"shop\",\"transports\":{\"main\":{\"type\":\"redis-streams\",\"url\":"
                      "\"redis://127.0.0.1:%d\",\"reconnect\":{\"baseDelay\":20,\"maxDelay\":100}%s}},"
                      "\"publisher\":{\"timeout\":20000,\"retry\":{\"baseDelay\":20,\"maxDelay\":100}}}",
                      port, more);
}

static evs_event event_of(const char *id) {
  evs_event event = host_event("order.placed", "{\"n\":1}");
  event.id = host_bytes(id);
  return event;
}

/* ---- who finds it ----------------------------------------------------------------------------- */

static void a_new_topic_is_found_at_once_by_the_patterns_of_its_own_system(void **state) {
  (void)state;
  evs_system *system = connect_with(server.port, ",\"discoverInterval\":3600000");
  host_subscribe(system, "{\"pattern\":\"*\"}");
  host_ready(system);
  host_publish(system, "order.placed", "1");
  assert_true(host_ack(system, host_next(system).delivery));
  host_publish(system, "user.created", "2");
  assert_true(host_ack(system, host_next(system).delivery));
  host_close(system, 5000);
}

static void the_first_events_of_a_topic_do_not_wait_for_reads_of_others(void **state) {
  (void)state;
  host_message message;
  evs_system *system = connect_with(server.port, ",\"blockTime\":30000,\"sessionTimeout\":3600000");
  host_subscribe(system, "{\"pattern\":\"order.placed\"}");
  host_subscribe(system, "{\"pattern\":\"user.created\",\"concurrency\":2}");
  host_ready(system);
  host_publish(system, "order.placed", "1");
  host_publish(system, "user.created", "1");
  host_publish(system, "user.created", "2");
  for (int i = 0; i < 3; i++)
    assert_true(host_take(system, &message, 20000)); /* far less than a read waits; none is settled */
  host_close(system, 5000);
}

/* ---- acknowledgement -------------------------------------------------------------------------- */

static void the_report_says_which_level_was_reached(void **state) {
  (void)state;
  evs_system *system = connect_with(server.port, "");
  evs_event event = event_of("a");
  host_report report = host_try(system, &event);
  assert_int_equal(report.outcome, EVS_OUTCOME_STORED);
  assert_int_equal(report.acknowledgement, EVS_ACKNOWLEDGE_STORED);
  event.acknowledgement = EVS_ACKNOWLEDGE_NONE;
  report = host_try(system, &event);
  assert_int_equal(report.status, EVS_OK);
  assert_int_equal(report.outcome, EVS_OUTCOME_UNKNOWN); /* nobody confirmed it */
  assert_int_equal(report.acknowledgement, EVS_ACKNOWLEDGE_NONE);
  TEST_UNTIL(redis_length(&server, TOPIC) == 2);
  host_close(system, 5000);
}

static void without_a_replica_replicated_is_unknown_and_the_event_is_there(void **state) {
  (void)state;
  evs_system *system = connect_with(server.port, "");
  evs_event event = event_of("a");
  event.acknowledgement = EVS_ACKNOWLEDGE_REPLICATED;
  event.acknowledge_timeout_ms = 200;
  host_report report = host_try(system, &event);
  assert_int_equal(report.status, EVS_TIMEOUT);
  assert_int_equal(report.outcome, EVS_OUTCOME_UNKNOWN);
  assert_int_equal(report.acknowledgement, EVS_ACKNOWLEDGE_STORED); /* that much is known */
  assert_non_null(strstr(report.message, "0 of 1 replicas"));
  assert_string_not_equal(report.offset, "");
  assert_int_equal(redis_length(&server, TOPIC), 1); /* it was not sent again */
  host_close(system, 5000);
}

static void a_replica_confirms_until_its_link_is_cut(void **state) {
  (void)state;
  redis_server replica;
  char port[8];
  snprintf(port, sizeof port, "%d", server.port);
  const char *const options[] = {"--replicaof", "127.0.0.1", port, NULL};
  redis_server_start(&replica, options);
  evs_system *system = connect_with(server.port, ",\"acknowledgement\":{\"replicated\":1,\"timeout\":10000}");
  TEST_UNTIL(redis_number(&server, "WAIT 1 10") == 1);
  host_report report = host_publish(system, "order.placed", "1");
  assert_int_equal(report.acknowledgement, EVS_ACKNOWLEDGE_REPLICATED);
  redis_number(&replica, "REPLICAOF NO ONE");
  TEST_UNTIL(redis_number(&server, "WAIT 1 10") == 0);
  evs_event event = event_of("cut");
  event.acknowledgement = EVS_ACKNOWLEDGE_REPLICATED;
  event.acknowledge_timeout_ms = 200;
  report = host_try(system, &event);
  assert_int_equal(report.outcome, EVS_OUTCOME_UNKNOWN);
  assert_int_equal(redis_length(&server, TOPIC), 2);
  assert_int_equal(redis_length(&replica, TOPIC), 1); /* what was told is what is there */
  host_close(system, 5000);
  redis_server_stop(&replica);
}

static void fsynced_needs_a_server_that_can_tell(void **state) {
  (void)state;
  evs_system *system = connect_with(server.port, "");
  evs_event event = event_of("a");
  bool can_tell =
      redis_number(&server, "COMMAND INFO WAITAOF") == 1 && redis_number(&server, "WAITAOF 0 0 1") >= 0;
  event.acknowledgement = EVS_ACKNOWLEDGE_FSYNCED;
  host_report report = host_try(system, &event);
  if (!can_tell) {
    assert_int_equal(report.status, EVS_UNSUPPORTED);
    assert_int_equal(report.outcome, EVS_OUTCOME_REFUSED);
    assert_non_null(strstr(report.message, "appendfsync always"));
  } else {
    assert_int_equal(report.outcome, EVS_OUTCOME_UNKNOWN); /* there is no append-only file */
  }
  host_close(system, 5000);
}

static void fsynced_is_reached_where_each_write_is_synced(void **state) {
  (void)state;
  evs_system *system = connect_with(server.port, ",\"acknowledgement\":\"fsynced\"");
  host_report report = host_publish(system, "order.placed", "1");
  assert_int_equal(report.acknowledgement, EVS_ACKNOWLEDGE_FSYNCED);
  host_close(system, 5000);
}

/* ---- back-pressure ---------------------------------------------------------------------------- */

static bool is_held(evs_system *system, const char *why) {
  json_t *status = host_status(system);
  json_t *held = json_object_get(json_object_get(json_object_get(status, "transports"), "main"), "heldBack");
  const char *reason = json_string_value(json_object_get(held, "reason"));
  bool is_so = why ? reason && strstr(reason, why) != NULL : json_is_null(held);
  is_so = is_so && json_is_true(json_object_get(status, "healthy")) == (why == NULL);
  json_decref(status);
  return is_so;
}

/* Publishes while the server takes nothing, looks at what it costs, lets it take again. */
static void hold_and_go_on(const char *word, void (*block)(void), void (*allow)(void)) {
  enum { EVENTS = 100, COMMANDS_MOST = 40, WINDOW_MS = 2000 };
  evs_system *system = connect_with(server.port, "");
  host_publish(system, "order.placed", "0");
  block();
  evs_event events[EVENTS];
  size_t accepted = 0;
  for (int i = 0; i < EVENTS; i++) {
    events[i] = host_event("order.placed", "1");
    events[i].token = (uint64_t)i + 1;
  }
  assert_int_equal(evs_publish(system, events, EVENTS, &accepted, NULL), EVS_OK);
  assert_int_equal(accepted, EVENTS);
  TEST_UNTIL(is_held(system, word));
  long long before = redis_commands(&server);
  uint64_t end = test_now_ms() + WINDOW_MS;
  while (test_now_ms() < end)
    test_pause();
  assert_true(redis_commands(&server) - before < COMMANDS_MOST);
  allow();
  for (int i = 0; i < EVENTS; i++) {
    host_report report;
    assert_true(host_report_of(system, EVS_REPORT_PUBLISH, &report, (uint32_t)test_deadline_ms()));
    assert_int_equal(report.outcome, EVS_OUTCOME_STORED);
  }
  assert_true(is_held(system, NULL));
  assert_int_equal(redis_length(&server, TOPIC), EVENTS + 1); /* each once */
  assert_int_equal(host_stat(system, "publisher", "heldBack"), 1);
  host_close(system, 5000);
}

static void fill_memory(void) {
  redis_number(&server, "CONFIG SET maxmemory 1");
}

static void free_memory(void) {
  redis_number(&server, "CONFIG SET maxmemory 0");
}

static void a_full_server_holds_events_back_until_it_has_room(void **state) {
  (void)state;
  hold_and_go_on("maxmemory", fill_memory, free_memory);
}

/* A folder of the name of the dump: saving fails, and the server takes no writes. */
static void break_disk(void) {
  char path[128];
  snprintf(path, sizeof path, "%s/dump.rdb", server.folder);
  remove(path);
  test_require(mkdir(path, 0700) == 0, "a folder in the way");
  snprintf(path, sizeof path, "%s/dump.rdb/x", server.folder);
  test_require(mkdir(path, 0700) == 0, "a folder that is not empty");
  redis_number(&server, "CONFIG SET save %s", "3600 1");
  redis_number(&server, "BGSAVE");
  TEST_UNTIL(redis_number(&server, "SET probe 1") == -1);
}

static void repair_disk(void) {
  char path[128];
  snprintf(path, sizeof path, "%s/dump.rdb/x", server.folder);
  test_require(rmdir(path) == 0, "the folder is gone");
  snprintf(path, sizeof path, "%s/dump.rdb", server.folder);
  test_require(rmdir(path) == 0, "the folder is gone");
  redis_number(&server, "BGSAVE");
}

static void a_broken_disk_holds_events_back_until_it_writes(void **state) {
  (void)state;
  hold_and_go_on("MISCONF", break_disk, repair_disk);
}

static void make_replica(void) {
  redis_number(&server, "REPLICAOF 127.0.0.1 1");
}

static void make_primary(void) {
  redis_number(&server, "REPLICAOF NO ONE");
}

static void a_read_only_server_holds_events_back_until_it_is_promoted(void **state) {
  (void)state;
  hold_and_go_on("READONLY", make_replica, make_primary);
}

static void what_is_held_past_its_time_is_refused_not_unknown(void **state) {
  (void)state;
  evs_system *system = connect_with(server.port, "");
  evs_event event = event_of("a");
  assert_int_equal(host_try(system, &event).outcome, EVS_OUTCOME_STORED);
  fill_memory();
  event.timeout_ms = 2000; /* the server has refused it long before */
  host_report report = host_try(system, &event);
  assert_int_equal(report.status, EVS_TIMEOUT);
  assert_int_equal(report.outcome, EVS_OUTCOME_REFUSED);
  assert_non_null(strstr(report.message, "not stored"));
  assert_non_null(strstr(report.message, "maxmemory"));
  free_memory();
  host_close(system, 5000);
}

/* ---- ids -------------------------------------------------------------------------------------- */

static void an_id_is_stored_once_and_the_second_gets_its_offset(void **state) {
  (void)state;
  evs_system *system = connect_with(server.port, ",\"idempotent\":true");
  evs_event event = event_of("once");
  host_report first = host_try(system, &event), second = host_try(system, &event);
  assert_int_equal(first.outcome, EVS_OUTCOME_STORED);
  assert_int_equal(first.is_duplicate, 0);
  assert_int_equal(second.outcome, EVS_OUTCOME_STORED);
  assert_int_equal(second.is_duplicate, 1);
  assert_string_equal(first.offset, second.offset);
  assert_int_equal(redis_length(&server, TOPIC), 1);
  assert_int_equal(host_stat(system, "publisher", "duplicateMessages"), 1);
  host_close(system, 5000);
}

static void ids_are_forgotten_by_number_and_by_time(void **state) {
  (void)state;
  evs_system *system = connect_with(server.port, ",\"idempotent\":{\"max\":10,\"window\":1000}");
  char id[16];
  for (int i = 0; i < 30; i++) {
    snprintf(id, sizeof id, "id-%d", i);
    evs_event event = event_of(id);
    assert_int_equal(host_try(system, &event).is_duplicate, 0);
  }
  assert_true(redis_number(&server, "HLEN evs:idem:{" TOPIC "}") <= 2 * 10 + 2);
  evs_event last = event_of("id-29");
  TEST_UNTIL(redis_number(&server, "EXISTS evs:idem:{" TOPIC "}") == 0); /* by the server's clock */
  assert_int_equal(host_try(system, &last).is_duplicate, 0);
  assert_int_equal(redis_length(&server, TOPIC), 31);
  host_close(system, 5000);
}

static void an_answer_that_is_cut_anywhere_leaves_one_copy(void **state) {
  (void)state;
  proxy_start(&proxy, server.port);
  evs_system *system = connect_with(proxy.port, ",\"idempotent\":true");
  host_publish(system, "order.placed", "0");
  for (int bytes = 0; bytes < 24; bytes += 3) {
    char id[16];
    snprintf(id, sizeof id, "cut-%d", bytes);
    evs_event event = event_of(id);
    proxy_cut_next_answer(&proxy, bytes);
    host_report report = host_try(system, &event);
    assert_int_equal(report.outcome, EVS_OUTCOME_STORED);
    assert_int_equal(report.is_duplicate, 0); /* it was the event itself that was sent again */
  }
  assert_true(atomic_load(&proxy.cuts) > 0);
  assert_int_equal(redis_length(&server, TOPIC), 9);
  host_close(system, 5000);
  proxy_stop(&proxy);
}

static void without_a_retry_a_lost_answer_is_unknown(void **state) {
  (void)state;
  proxy_start(&proxy, server.port);
  evs_system *system =
      host_connect("{\"service\":\"shop\",\"transports\":{\"main\":{\"type\":\"redis-streams\",\"url\":"
                   "\"redis://127.0.0.1:%d\"}},\"publisher\":{\"retry\":{\"maxRetries\":0}}}",
                   proxy.port);
  host_publish(system, "order.placed", "0");
  evs_event event = event_of("a");
  proxy_cut_next_answer(&proxy, 4);
  host_report report = host_try(system, &event);
  assert_int_equal(report.outcome, EVS_OUTCOME_UNKNOWN);
  assert_string_equal(report.id, "a"); /* so that it can be published again under it */
  host_close(system, 5000);
  proxy_stop(&proxy);
}

static void a_requeued_event_is_remembered_as_a_copy(void **state) {
  (void)state;
  evs_system *system = connect_with(server.port, ",\"idempotent\":true,\"maxRetries\":0");
  host_subscribe(system, "{\"pattern\":\"order.*\"}");
  host_ready(system);
  evs_event event = event_of("dead");
  assert_int_equal(host_try(system, &event).outcome, EVS_OUTCOME_STORED);
  host_message message = host_next(system);
  assert_true(host_fail(system, message.delivery, EVS_FAIL_REJECT, "Broken"));
  TEST_UNTIL(redis_dead(&server, TOPIC) == 1);
  json_decref(host_call(system, "dlq.requeue", "{\"filter\":{}}"));
  message = host_next(system); /* the guard knows the event, and lets its copy pass */
  assert_string_equal(message.id, "dead");
  assert_true(host_ack(system, message.delivery));
  assert_int_equal(redis_number(&server, "HEXISTS evs:idem:{" TOPIC "} i:dead/r1"), 1);
  host_close(system, 5000);
}

/* ---- later ------------------------------------------------------------------------------------ */

static void a_delayed_event_comes_when_it_is_due(void **state) {
  (void)state;
  evs_system *system = connect_with(server.port, "");
  host_subscribe(system, "{\"pattern\":\"order.*\"}");
  host_ready(system);
  evs_event event = event_of("later");
  event.delay_ms = 500;
  host_report report = host_try(system, &event);
  assert_int_equal(report.outcome, EVS_OUTCOME_STORED);
  assert_int_equal(report.offset[0], '@');
  assert_int_equal(redis_length(&server, TOPIC), 0);
  host_message message = host_next(system);
  assert_string_equal(message.id, "later");
  assert_true(host_ack(system, message.delivery));
  assert_int_equal(redis_number(&server, "ZCARD evs:delay:{" TOPIC "}"), 0);
  assert_int_equal(host_stat(system, "publisher", "delayedMessages"), 1);
  TEST_UNTIL(host_stat(system, "transport", "delayedMoved") == 1); /* the answer may come after the event */
  host_close(system, 5000);
}

static void another_process_moves_what_a_dead_one_left(void **state) {
  (void)state;
  evs_system *system = connect_with(server.port, "");
  evs_event event = event_of("orphan");
  event.delay_ms = 1500;
  assert_int_equal(host_try(system, &event).outcome, EVS_OUTCOME_STORED);
  host_close(system, 5000);
  assert_int_equal(redis_length(&server, TOPIC), 0);
  system = connect_with(server.port, ",\"discoverInterval\":200"); /* it neither reads nor publishes */
  TEST_UNTIL(redis_length(&server, TOPIC) == 1);
  host_close(system, 5000);
}

static void what_waits_is_listed_counted_and_taken_back(void **state) {
  (void)state;
  evs_system *system = connect_with(server.port, "");
  for (int i = 0; i < 5; i++) {
    char id[16];
    snprintf(id, sizeof id, "d-%d", i);
    evs_event event = event_of(id);
    event.delay_ms = 3600000;
    assert_int_equal(host_try(system, &event).outcome, EVS_OUTCOME_STORED);
  }
  json_t *page = host_call(system, "delayed", "{\"limit\":3}");
  json_t *first = json_array_get(json_object_get(page, "items"), 0);
  assert_int_equal(json_array_size(json_object_get(page, "items")), 3);
  assert_string_equal(json_string_value(json_object_get(first, "eventId")), "d-0");
  assert_string_equal(json_string_value(json_object_get(first, "type")), "order.placed");
  json_t *rest = host_call(system, "delayed", "{\"limit\":3,\"cursor\":\"%s\"}",
                           json_string_value(json_object_get(page, "next")));
  assert_int_equal(json_array_size(json_object_get(rest, "items")), 2);
  assert_true(json_is_null(json_object_get(rest, "next")));
  json_t *topics = host_call(system, "topics", "{}");
  json_t *topic = json_array_get(json_object_get(topics, "topics"), 0);
  assert_int_equal(json_integer_value(json_object_get(topic, "delayed")), 5);
  const char *id = json_string_value(json_object_get(first, "id"));
  json_t *done = host_call(system, "delayed.cancel", "{\"ids\":[\"%s\",\"%s\",\"main/x\"]}", id, id);
  assert_int_equal(json_integer_value(json_object_get(done, "cancelled")), 1);
  assert_int_equal(redis_number(&server, "ZCARD evs:delay:{" TOPIC "}"), 4);
  json_t *audit = host_call(system, "audit", "{}");
  json_t *row = json_array_get(json_object_get(audit, "items"), 0);
  assert_string_equal(json_string_value(json_object_get(row, "action")), "delayed.cancel");
  json_decref(audit);
  json_decref(done);
  json_decref(topics);
  json_decref(rest);
  json_decref(page);
  host_close(system, 5000);
}

static void many_that_are_due_at_once_come_each_once(void **state) {
  enum { EVENTS = 1200 };
  (void)state;
  evs_system *system = connect_with(server.port, ""),
             *other = connect_with(server.port, ",\"discoverInterval\":50");
  static evs_event events[EVENTS];
  static char ids[EVENTS][16];
  evs_batch *batch = NULL;
  size_t count = 0;
  for (int i = 0; i < EVENTS; i++) {
    snprintf(ids[i], sizeof ids[i], "m-%04d", i);
    events[i] = event_of(ids[i]);
    events[i].delay_ms = 300;
  }
  assert_int_equal(evs_publish_wait(system, events, EVENTS, 20000, &batch, NULL), EVS_OK);
  evs_batch_reports(batch, &count);
  evs_batch_release(batch);
  assert_int_equal(count, EVENTS);
  TEST_UNTIL(redis_length(&server, TOPIC) == EVENTS);
  assert_int_equal(redis_number(&server, "HLEN evs:delayed:{" TOPIC "}"), 1); /* its counter */
  host_close(other, 5000);
  host_close(system, 5000);
}

static void a_transport_that_cannot_says_so(void **state) {
  (void)state;
  evs_system *system =
      host_connect("{\"service\":\"shop\",\"transports\":{\"main\":{\"type\":\"%s\"}}}", "memory");
  evs_event event = event_of("a");
  event.delay_ms = 5;
  host_report report = host_try(system, &event);
  assert_int_equal(report.status, EVS_UNSUPPORTED);
  assert_int_equal(report.outcome, EVS_OUTCOME_REFUSED);
  event.delay_ms = 0;
  event.acknowledgement = EVS_ACKNOWLEDGE_FSYNCED;
  assert_int_equal(host_try(system, &event).status, EVS_UNSUPPORTED);
  host_close(system, 5000);
}

#define ON_SERVER(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void) {
  const struct CMUnitTest tests[] = {
      ON_SERVER(a_new_topic_is_found_at_once_by_the_patterns_of_its_own_system),
      ON_SERVER(the_first_events_of_a_topic_do_not_wait_for_reads_of_others),
      ON_SERVER(the_report_says_which_level_was_reached),
      ON_SERVER(without_a_replica_replicated_is_unknown_and_the_event_is_there),
      ON_SERVER(a_replica_confirms_until_its_link_is_cut),
      ON_SERVER(fsynced_needs_a_server_that_can_tell),
      cmocka_unit_test_setup_teardown(fsynced_is_reached_where_each_write_is_synced, setup_synced, teardown),
      ON_SERVER(a_full_server_holds_events_back_until_it_has_room),
      ON_SERVER(a_broken_disk_holds_events_back_until_it_writes),
      ON_SERVER(a_read_only_server_holds_events_back_until_it_is_promoted),
      ON_SERVER(what_is_held_past_its_time_is_refused_not_unknown),
      ON_SERVER(an_id_is_stored_once_and_the_second_gets_its_offset),
      ON_SERVER(ids_are_forgotten_by_number_and_by_time),
      ON_SERVER(a_requeued_event_is_remembered_as_a_copy),
      ON_SERVER(an_answer_that_is_cut_anywhere_leaves_one_copy),
      ON_SERVER(without_a_retry_a_lost_answer_is_unknown),
      ON_SERVER(a_delayed_event_comes_when_it_is_due),
      ON_SERVER(another_process_moves_what_a_dead_one_left),
      ON_SERVER(what_waits_is_listed_counted_and_taken_back),
      ON_SERVER(many_that_are_due_at_once_come_each_once),
      cmocka_unit_test(a_transport_that_cannot_says_so),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
