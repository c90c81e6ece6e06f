/* SPDX-License-Identifier: MIT
 * file_due_test.c - what waits until it is due comes then, whatever else the worker finds at the same time:
 * nobody may have to publish something for it to be noticed. */
#include "unit/transport/file_fixture.h"
#include "unit/transport/gate.h"

enum { DELAY_MS = 200 };

static void park(evs_host *host, const entry *each) {
  evs_tp_settlement settlement = settlement_of(each, EVS_SETTLE_PARK);
  settlement.delay_ms = DELAY_MS;
  the_transport->settle(host->transport, &settlement, 1);
}

/* Something that makes all groups look anew at topics, members and pauses. */
static void change_something(evs_host *host) {
  const char *params = "{\"group\":\"another\"}";
  the_transport->request(host->transport, "groups.pause", params, strlen(params), 1);
}

/* The worker learns of both in one turn: it writes the one, and the other comes between it and the question
 * when that is due. */
static void parked_while_something_changes(evs_host *host, void (*publish_one)(evs_host *host)) {
  gate_close();
  host->delivering = gate_hold;
  publish_one(host);
  gate_wait(1);
  gate_open(1);
  wait_count(&host->entry_count, 1);
  publish_one(host);
  gate_wait(2);
  park(host, &host->entries[0]);
  change_something(host);
  gate_open(INT_MAX);
  wait_count(&host->entry_count, 3);
  assert_string_equal(host->entries[2].offset, host->entries[0].offset);
  host_close(host);
}

static void publish_plain(evs_host *host) {
  publish(host, "t", "a.b", 1);
}

static void a_retry_is_due_though_something_changed_as_it_was_parked(void **state) {
  (void)state;
  evs_host *host = host_connected();
  join(host, "g", "t");
  parked_while_something_changes(host, publish_plain);
}

static void a_retry_in_order_is_due_though_something_changed_as_it_was_parked(void **state) {
  (void)state;
  evs_host *host = host_connected();
  join(host, "g", "t");
  parked_while_something_changes(host, publish_in_order);
}

static void what_is_parked_during_a_pause_is_due_after_it(void **state) {
  (void)state;
  evs_host *host = host_connected();
  join(host, "g", "t");
  publish_and_wait(host, "t", "a.b", 1);
  wait_count(&host->entry_count, 1);
  request(host, "groups.pause", "{\"group\":\"g\"}");
  wait_flag(&host->is_paused, 1);
  park(host, &host->entries[0]);
  wait_count(&host->settled_count, 1);
  request(host, "groups.resume", "{\"group\":\"g\"}");
  wait_count(&host->entry_count, 2);
  host_close(host);
}

/* Of the same group, that only somebody else read: it waits for who comes to read it. */
static void what_others_left_hides_no_retry(void **state) {
  (void)state;
  evs_host *one = host_connected(), *other = host_connected();
  join_as(one, "g", "one", "t", "[{\"pattern\":\"*\"}]");
  join_as(other, "g", "other", "u", "[{\"pattern\":\"*\"}]");
  publish_and_wait(other, "u", "a.b", 1);
  wait_count(&other->entry_count, 1);
  host_close(other);
  publish_and_wait(one, "t", "a.b", 1);
  wait_count(&one->entry_count, 1);
  park(one, &one->entries[0]);
  wait_count(&one->entry_count, 2);
  assert_string_equal(one->entries[1].topic, "t");
  host_close(one);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST_ON_FILE(a_retry_is_due_though_something_changed_as_it_was_parked),
      TEST_ON_FILE(a_retry_in_order_is_due_though_something_changed_as_it_was_parked),
      TEST_ON_FILE(what_is_parked_during_a_pause_is_due_after_it),
      TEST_ON_FILE(what_others_left_hides_no_retry)};
  return cmocka_run_group_tests(tests, fixture_start, fixture_end);
}
