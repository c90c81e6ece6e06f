/* SPDX-License-Identifier: MIT
 * waiting_test.c - an event of an ordered stream that has to wait, and whose stream changes hands meanwhile:
 * the next member is given it with the rest of its time, and puts it aside when that is over already. */
#include "transport/memory/memory_transport.h"
#include "unit/transport/file_fixture.h"

#define ALL "[{\"pattern\":\"*\"}]"
enum { REST_MS = 3000 };

static int on_redis(void **state) {
  the_transport = &evsi_redis_transport;
  the_place = NULL;
  return fixture_clear(state);
}

static int on_memory(void **state) {
  the_transport = &evsi_memory_transport;
  the_place = "\"name\":\"shared\"";
  return fixture_clear(state);
}

static void park(evs_host *host, const entry *each, uint64_t delay_ms) {
  size_t before = host->settled_count;
  evs_tp_settlement settlement = settlement_of(each, EVS_SETTLE_PARK);
  settlement.delay_ms = delay_ms;
  the_transport->settle(host->transport, &settlement, 1);
  wait_count(&host->settled_count, before + 1);
}

static void recall(evs_host *host, const entry *each) {
  const evs_tp_place asked = {.struct_size = sizeof asked,
                              .partition = EVS_PARTITION_NONE,
                              .group = GROUP,
                              .topic = bytes("t"),
                              .offset = bytes(each->offset)};
  the_transport->recall(host->transport, &asked, 1);
}

static void what_was_due_before_it_was_put_aside_comes_again(void **state) {
  (void)state;
  evs_host *one = host_connected(), *other = host_connected();
  join_as(one, "g", "one", "t", ALL);
  publish_in_order(one);
  wait_count(&one->entry_count, 1);
  park(one, &one->entries[0], REST_MS);
  join_as(other, "g", "other", "t", ALL);
  host_close(one);
  wait_count(&other->entry_count, 1);
  assert_in_range(other->entries[0].wait_ms, 1, REST_MS);
  run_for(other->entries[0].wait_ms + 500);
  assert_int_equal(settle_all(other, 0, 1, EVS_SETTLE_ASIDE), 1);
  wait_count(&other->entry_count, 2);
  assert_int_equal(other->entries[1].wait_ms, 0);
  assert_int_equal(other->entries[1].deliveries, 2);
  assert_int_equal(settle_all(other, 1, 2, EVS_SETTLE_ACK), 1);
  host_close(other);
}

static void what_a_handler_has_when_another_comes_is_still_its_own(void **state) {
  (void)state;
  evs_host *one = host_connected(), *other = host_connected();
  join_as(one, "g", "one", "t", ALL);
  publish_in_order(one);
  publish_in_order(one);
  wait_count(&one->entry_count, 2);
  park(one, &one->entries[0], 1);
  assert_int_equal(settle_all(one, 1, 2, EVS_SETTLE_ASIDE), 1);
  wait_count(&one->entry_count, 3);
  assert_int_equal(settle_all(one, 2, 3, EVS_SETTLE_ACK), 1);
  recall(one, &one->entries[1]);
  wait_count(&one->entry_count, 4);
  assert_string_equal(one->entries[3].offset, one->entries[1].offset);
  join_as(other, "g", "other", "t", ALL);
  run_for(1500); /* long enough to be asked for the stream */
  assert_int_equal(settle_all(one, 3, 4, EVS_SETTLE_ACK), 1);
  assert_int_equal(other->entry_count, 0);
  host_close(one);
  host_close(other);
}

#define ON(test, where, leave)                                                                               \
  { #test " (" #where ")", test, on_##where, leave, NULL }
#define ON_ALL(test)                                                                                         \
  ON(test, redis, fixture_leave), ON(test, file, file_leave), ON(test, memory, fixture_leave)

int main(void) {
  const struct CMUnitTest tests[] = {ON_ALL(what_was_due_before_it_was_put_aside_comes_again),
                                     ON_ALL(what_a_handler_has_when_another_comes_is_still_its_own)};
  return cmocka_run_group_tests(tests, fixture_start, fixture_end);
}
