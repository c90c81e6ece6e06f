/* SPDX-License-Identifier: MIT
 * linger_test.c - acknowledgements in quick succession go to a store together, and none of them waits where
 * something waits for it. */
#include "unit/consume/scripted.h"

static int setup_far(void **state) {
  int failed = setup(state);
  world.link.ops = &scripted_far;
  return failed;
}

/* Takes that many events, each an entry of its own. */
static void take_events(taken out[MESSAGES_MAX], int count) {
  subscribe("{\"pattern\":\"order.*\",\"concurrency\":16}");
  for (int i = 0; i < count; i++) {
    char offset[24];
    snprintf(offset, sizeof offset, "%d-0", i + 1);
    const evs_tp_entry entry = {
        .struct_size = sizeof entry,
        .partition = EVS_PARTITION_NONE,
        .deliveries = 1,
        .topic = evsi_text("order-events"),
        .offset = evsi_text(offset),
        .data = evsi_text("{\"header\":{\"id\":\"e\",\"type\":\"order.paid\"},\"body\":1}")};
    evsi_consume_deliver(world.consume, world.group, &entry, 1);
  }
  assert_int_equal(take(out, MESSAGES_MAX), count);
}

/* The tasks alone: no time passes. */
static void expect_sent(size_t count) {
  evsi_tasks_run(&world.tasks);
  assert_int_equal(world.settled_count, count);
}

/* The first of them is acknowledged, and sent. */
static void take_and_ack_first(taken out[MESSAGES_MAX], int count) {
  take_events(out, count);
  ack(out[0].delivery);
  expect_sent(1);
}

static void the_first_is_sent_at_once_and_those_behind_it_together(void **state) {
  (void)state;
  taken got[MESSAGES_MAX];
  take_and_ack_first(got, 3);
  ack(got[1].delivery);
  ack(got[2].delivery);
  expect_sent(1);
  fire(LINGERING);
  assert_int_equal(world.settled_count, 3);
}

static void after_a_pause_one_is_sent_at_once_again(void **state) {
  (void)state;
  taken got[MESSAGES_MAX];
  take_events(got, 2);
  ack(got[0].delivery);
  turn();
  ack(got[1].delivery);
  expect_sent(2);
}

static void what_is_no_acknowledgement_takes_along_what_lingers(void **state) {
  (void)state;
  taken got[MESSAGES_MAX];
  take_and_ack_first(got, 3);
  ack(got[1].delivery);
  fail_as(got[2].delivery, EVS_FAIL_REJECT, 0);
  expect_sent(3);
  assert_int_equal(world.settled[1].kind, EVS_SETTLE_ACK);
  assert_int_equal(world.settled[2].kind, EVS_SETTLE_DEAD_LETTER);
}

static void nothing_lingers_where_the_store_waits_for_room(void **state) {
  (void)state;
  taken got[MESSAGES_MAX];
  take_and_ack_first(got, 4); /* as many as may be prefetched */
  assert_int_equal(evsi_consume_credits(world.consume, world.group), 0);
  ack(got[1].delivery);
  expect_sent(2);
}

static void the_end_takes_along_what_lingers(void **state) {
  (void)state;
  taken got[MESSAGES_MAX];
  take_and_ack_first(got, 2);
  ack(got[1].delivery);
  expect_sent(1);
  evsi_consume_stop(world.consume);
  assert_int_equal(world.settled_count, 2);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(the_first_is_sent_at_once_and_those_behind_it_together, setup_far,
                                      teardown),
      cmocka_unit_test_setup_teardown(after_a_pause_one_is_sent_at_once_again, setup_far, teardown),
      cmocka_unit_test_setup_teardown(what_is_no_acknowledgement_takes_along_what_lingers, setup_far,
                                      teardown),
      cmocka_unit_test_setup_teardown(nothing_lingers_where_the_store_waits_for_room, setup_far, teardown),
      cmocka_unit_test_setup_teardown(the_end_takes_along_what_lingers, setup_far, teardown),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
