/* SPDX-License-Identifier: MIT
 * redis_outage_acceptance_test.c - what a store may do to its users: lose everything, a stream, a group, or
 * be away for a while. Publishing and consuming go on by themselves, and nobody asks without end: the server
 * counts the commands, a stand-in for it the connections. */
#include <arpa/inet.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "support/host.h"
#include "support/members.h"
#include "support/redis_server.h"
#include "support/until.h"

#define TOPIC "order-events"
#define GROUP "workers"

/* Most commands, those within scripts included, that a quiet publisher and a quiet member may cause in a
 * second; a loop without a pause makes thousands. */
enum {
  QUIET_COMMANDS = 100,
  QUIET_CONNECTIONS = 40,
  WINDOW_MS = 1500,
  EVENTS = 200,
  EVENTS_MAX = 10 * EVENTS
};

static const char *const types[] = {"order.created"};

static redis_server server;
static test_ledger book;

static int setup_with(const char *const *options) {
  redis_server_start(&server, options);
  ledger_open(&book);
  return 0;
}

static int setup(void **state) {
  (void)state;
  return setup_with(NULL);
}

static int setup_durable(void **state) {
  static const char *const options[] = {"--appendonly", "yes", "--appendfsync", "always", NULL};
  (void)state;
  return setup_with(options);
}

static int teardown(void **state) {
  (void)state;
  members_end();
  ledger_close(&book);
  redis_server_stop(&server);
  return 0;
}

static evs_system *connect_publisher(void) {
  return host_connect(
      "{\"service\":\"publisher\",\"transports\":{\"main\":{\"type\":\"redis-streams\",\"url\":\"%s\"}}}",
      server.url);
}

static pid_t start_member(const char *delay_ms) {
  const char *words[] = {"--url",         server.url,   "--group", GROUP, "--subscribe",
                         "order.created", "--delay-ms", delay_ms,  NULL};
  pid_t pid = member_start(&book, EVS_MEMBER, words);
  member_ready(&book, pid);
  return pid;
}

/* How many of the events from..from+count are in the ledger. */
static int handled_of(int from, int count) {
  static bool seen[EVENTS_MAX];
  int handled = 0;
  memset(seen, 0, sizeof seen);
  ledger_read(&book);
  for (size_t i = 0; i < book.count; i++) {
    int event = book.lines[i].ready ? -1 : atoi(book.lines[i].id + 2);
    if (event >= from && event < from + count && !seen[event]) {
      seen[event] = true;
      handled++;
    }
  }
  return handled;
}

static void publish_and_see_handled(evs_system *system, int from) {
  host_publish_many(system, types, 1, from, EVENTS);
  TEST_UNTIL(handled_of(from, EVENTS) == EVENTS);
  TEST_UNTIL(redis_pending(&server, TOPIC, GROUP) == 0);
}

/* Watches for a while; this is a measurement, nothing waits for it. */
static void see_that_nobody_spins(void) {
  long long before = redis_commands(&server);
  uint64_t began = test_now_ms();
  while (test_now_ms() - began < WINDOW_MS)
    test_pause();
  uint64_t took = test_now_ms() - began;
  long long commands = redis_commands(&server) - before;
  if (commands * 1000 > (long long)took * QUIET_COMMANDS)
    fail_msg("%lld commands in %llu ms", commands, (unsigned long long)took);
}

static void a_quiet_system_asks_next_to_nothing(void **state) {
  (void)state;
  start_member("0");
  evs_system *system = connect_publisher();
  publish_and_see_handled(system, 0);
  see_that_nobody_spins();
  host_close(system, 1000);
}

static void all_goes_on_after_flushall(void **state) {
  (void)state;
  start_member("0");
  evs_system *system = connect_publisher();
  publish_and_see_handled(system, 0);
  assert_true(redis_number(&server, "FLUSHALL") >= 0);
  publish_and_see_handled(system, EVENTS);
  assert_true(redis_number(&server, "FLUSHALL") >= 0);
  see_that_nobody_spins();
  publish_and_see_handled(system, 2 * EVENTS);
  see_that_nobody_spins();
  host_close(system, 1000);
}

static void all_goes_on_after_the_scripts_were_forgotten(void **state) {
  (void)state;
  start_member("0");
  evs_system *system = connect_publisher();
  publish_and_see_handled(system, 0);
  assert_true(redis_number(&server, "SCRIPT FLUSH") >= 0);
  publish_and_see_handled(system, EVENTS);
  see_that_nobody_spins();
  host_close(system, 1000);
}

static void all_goes_on_after_the_stream_was_deleted(void **state) {
  (void)state;
  start_member("0");
  evs_system *system = connect_publisher();
  publish_and_see_handled(system, 0);
  assert_int_equal(redis_number(&server, "DEL stream:{" TOPIC "}"), 1);
  see_that_nobody_spins();
  publish_and_see_handled(system, EVENTS);
  see_that_nobody_spins();
  host_close(system, 1000);
}

static void all_goes_on_after_the_group_was_destroyed_and_nothing_is_lost(void **state) {
  (void)state;
  start_member("2");
  evs_system *system = connect_publisher();
  host_publish_many(system, types, 1, 0, EVENTS);
  TEST_UNTIL(handled_of(0, EVENTS) >= 20);
  assert_int_equal(redis_number(&server, "XGROUP DESTROY stream:{" TOPIC "} " GROUP), 1);
  TEST_UNTIL(handled_of(0, EVENTS) == EVENTS);
  publish_and_see_handled(system, EVENTS);
  see_that_nobody_spins();
  host_close(system, 1000);
}

static void all_goes_on_after_a_restart_that_lost_everything(void **state) {
  (void)state;
  start_member("0");
  evs_system *system = connect_publisher();
  publish_and_see_handled(system, 0);
  redis_server_kill(&server);
  redis_server_again(&server);
  publish_and_see_handled(system, EVENTS);
  see_that_nobody_spins();
  host_close(system, 1000);
}

static void what_was_stored_is_handled_over_a_restart(void **state) {
  (void)state;
  start_member("2");
  evs_system *system = connect_publisher();
  host_publish_many(system, types, 1, 0, EVENTS);
  TEST_UNTIL(handled_of(0, EVENTS) >= 20);
  redis_server_halt(&server);
  redis_server_again(&server);
  TEST_UNTIL(handled_of(0, EVENTS) == EVENTS);
  TEST_UNTIL(redis_pending(&server, TOPIC, GROUP) == 0);
  publish_and_see_handled(system, EVENTS);
  see_that_nobody_spins();
  host_close(system, 1000);
}

static void events_published_while_the_store_is_away_are_stored_when_it_is_back(void **state) {
  (void)state;
  evs_system *system = connect_publisher();
  host_publish(system, "order.created", "0");
  redis_server_halt(&server);
  evs_event events[50];
  for (int i = 0; i < 50; i++) {
    events[i] = host_event("order.created", "1");
    events[i].token = (uint64_t)i + 1;
  }
  size_t accepted = 0;
  assert_int_equal(evs_publish(system, events, 50, &accepted, NULL), EVS_OK);
  assert_int_equal(accepted, 50);
  TEST_UNTIL(({
    json_t *status = host_status(system);
    bool connected = json_is_true(json_object_get(status, "connected"));
    json_decref(status);
    !connected;
  }));
  redis_server_again(&server);
  for (int i = 0; i < 50; i++) {
    host_report report;
    assert_true(host_report_of(system, EVS_REPORT_PUBLISH, &report, (uint32_t)test_deadline_ms()));
    assert_int_equal(report.outcome, EVS_OUTCOME_STORED);
  }
  assert_true(redis_length(&server, TOPIC) >= 50);
  host_close(system, 1000);
}

/* Stands where the server was: takes connections and ends them, and counts. */
static int count_connections(int port, uint64_t for_ms) {
  int count = 0, yes = 1;
  struct sockaddr_in address = {
      .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  struct pollfd listening = {.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), .events = POLLIN};
  setsockopt(listening.fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  test_require(bind(listening.fd, (struct sockaddr *)&address, sizeof address) == 0 &&
                   listen(listening.fd, 64) == 0,
               "the server's port is free");
  for (uint64_t began = test_now_ms(), now = began; now - began < for_ms; now = test_now_ms()) {
    if (poll(&listening, 1, 20) <= 0)
      continue;
    int peer = accept(listening.fd, NULL, NULL);
    if (peer >= 0) {
      count++;
      close(peer);
    }
  }
  close(listening.fd);
  return count;
}

static void connecting_again_is_not_hurried_while_the_store_is_away(void **state) {
  (void)state;
  start_member("0");
  evs_system *system = connect_publisher();
  publish_and_see_handled(system, 0);
  redis_server_kill(&server);
  int connections = count_connections(server.port, 2000);
  if (connections == 0 || connections > QUIET_CONNECTIONS)
    fail_msg("%d connections in 2 s", connections);
  redis_server_again(&server);
  publish_and_see_handled(system, EVENTS);
  host_close(system, 1000);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(a_quiet_system_asks_next_to_nothing, setup, teardown),
      cmocka_unit_test_setup_teardown(all_goes_on_after_flushall, setup, teardown),
      cmocka_unit_test_setup_teardown(all_goes_on_after_the_scripts_were_forgotten, setup, teardown),
      cmocka_unit_test_setup_teardown(all_goes_on_after_the_stream_was_deleted, setup, teardown),
      cmocka_unit_test_setup_teardown(all_goes_on_after_the_group_was_destroyed_and_nothing_is_lost, setup,
                                      teardown),
      cmocka_unit_test_setup_teardown(all_goes_on_after_a_restart_that_lost_everything, setup, teardown),
      cmocka_unit_test_setup_teardown(what_was_stored_is_handled_over_a_restart, setup_durable, teardown),
      cmocka_unit_test_setup_teardown(events_published_while_the_store_is_away_are_stored_when_it_is_back,
                                      setup_durable, teardown),
      cmocka_unit_test_setup_teardown(connecting_again_is_not_hurried_while_the_store_is_away, setup,
                                      teardown),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
