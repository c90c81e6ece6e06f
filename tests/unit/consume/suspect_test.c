/* SPDX-License-Identifier: MIT
 * suspect_test.c - the engine with entries that were held when processes ended: what counts as a crash, that
 * such an entry is handled alone and the store knows it, and when it is dead. */
#include "unit/consume/scripted.h"

static evs_transport_ops lasting;

static int setup_lasting(void **state) {
  int failed = setup(state);
  lasting = scripted;
  lasting.capabilities |= EVS_CAP_PERSISTENCE;
  world.link.ops = &lasting;
  return failed;
}

/* One event under this offset, delivered so often. */
static void deliver_event(const char *offset, uint32_t deliveries, const json_t *kept) {
  static const char data[] = "{\"header\":{\"id\":\"e\",\"type\":\"order.paid\"},\"body\":1}";
  char *text = kept ? json_dumps(kept, JSON_COMPACT) : NULL;
  const evs_tp_entry entry = {.struct_size = sizeof entry,
                              .partition = EVS_PARTITION_NONE,
                              .deliveries = deliveries,
                              .topic = evsi_text("order-events"),
                              .offset = evsi_text(offset),
                              .data = evsi_text(data),
                              .state = text ? evsi_text(text) : evsi_bytes(NULL, 0)};
  evsi_consume_deliver(world.consume, world.group, &entry, 1);
  free(text);
}

static json_int_t number(const settled *of, const char *name) {
  return json_integer_value(json_object_get(of->state, name));
}

static void what_came_once_too_often_is_handled_alone(void **state) {
  (void)state;
  taken got[MESSAGES_MAX];
  subscribe(ORDERS);
  deliver_event("1-0", 1, NULL);
  assert_int_equal(take(got, MESSAGES_MAX), 1);
  uint64_t before = got[0].delivery;
  deliver_event("2-0", 3, NULL); /* two crashes of three */
  deliver_event("3-0", 1, NULL);
  assert_int_equal(take(got, MESSAGES_MAX), 0); /* one is with the host, and the suspect must be alone */
  assert_int_equal(world.settled_count, 0);
  ack(before);
  answer_with(last(2), 0); /* the store knows: only now it may begin */
  assert_int_equal(world.settled[0].kind, EVS_SETTLE_ACK);
  assert_int_equal(world.settled[1].kind, EVS_SETTLE_KEEP);
  assert_int_equal(number(&world.settled[1], "x"), 3);
  assert_int_equal(take(got, MESSAGES_MAX), 1);
  assert_string_equal(got[0].offset, "2-0");
  ack(got[0].delivery);
  assert_int_equal(take(got, MESSAGES_MAX), 0);
  assert_int_equal(last(3)->kind, EVS_SETTLE_ACK);
  assert_true(last(3)->flags & EVS_SETTLE_HAS_STATE);
  answer_with(last(3), 0);
  assert_int_equal(take(got, MESSAGES_MAX), 1);
  assert_string_equal(got[0].offset, "3-0");
}

static void what_was_alone_when_the_process_ended_is_dead(void **state) {
  (void)state;
  subscribe(ORDERS);
  deliver_event("1-0", 3, NULL);
  const settled *kept = last(1);
  deliver_event("1-0", 4, kept->state); /* as if it was another process */
  const settled *dead = last(2);
  assert_int_equal(dead->kind, EVS_SETTLE_DEAD_LETTER);
  const json_t *error = json_object_get(dead->record, "error");
  assert_string_equal(json_string_value(json_object_get(error, "class")), "CrashLoop");
  assert_int_equal(json_integer_value(json_object_get(dead->record, "attempts")), 0);
  assert_int_equal(counted(EVSI_COUNT_CRASHED), 1);
}

static void what_only_waited_when_the_process_ended_is_never_dead(void **state) {
  (void)state;
  subscribe(ORDERS);
  deliver_event("1-0", 30, NULL);
  assert_int_equal(last(1)->kind, EVS_SETTLE_KEEP);
}

static void suspects_are_handled_one_after_the_other(void **state) {
  (void)state;
  taken got[MESSAGES_MAX];
  subscribe(ORDERS);
  deliver_event("1-0", 3, NULL);
  deliver_event("2-0", 3, NULL);
  answer_with(last(1), 0);
  assert_int_equal(take(got, MESSAGES_MAX), 1);
  assert_string_equal(got[0].offset, "1-0");
  ack(got[0].delivery);
  answer_with(last(2), 0);
  answer_with(last(3), 0);
  assert_int_equal(take(got, MESSAGES_MAX), 1);
  assert_string_equal(got[0].offset, "2-0");
}

static void failures_and_waiting_are_no_crashes(void **state) {
  (void)state;
  taken got[MESSAGES_MAX];
  subscribe(ORDERS);
  deliver_event("1-0", 1, NULL);
  take(got, MESSAGES_MAX);
  fail_as(got[0].delivery, EVS_FAIL_RETRY, 0);
  answer_with(last(1), 0);
  deliver_event("1-0", 2, last(1)->state);
  assert_int_equal(take(got, MESSAGES_MAX), 1);
  fail_as(got[0].delivery, EVS_FAIL_LATER, 5);
  answer_with(last(2), 0);
  deliver_event("1-0", 3, last(2)->state);
  assert_int_equal(take(got, MESSAGES_MAX), 1);
  ack(got[0].delivery);
  answer_with(last(3), 0);
  assert_int_equal(counted(EVSI_COUNT_CRASHED), 0);
}

/* A crash before the first attempt, and another after it. */
static void crashes_add_up_over_attempts(void **state) {
  (void)state;
  taken got[MESSAGES_MAX];
  subscribe(ORDERS);
  deliver_event("1-0", 2, NULL);
  take(got, MESSAGES_MAX);
  fail_as(got[0].delivery, EVS_FAIL_RETRY, 0);
  answer_with(last(1), 0);
  assert_int_equal(number(last(1), "c"), 1);
  deliver_event("1-0", 4, last(1)->state);
  assert_int_equal(last(2)->kind, EVS_SETTLE_KEEP);
  assert_int_equal(number(last(2), "c"), 2);
}

static void handing_back_is_no_crash_though_it_was_alone(void **state) {
  (void)state;
  taken got[MESSAGES_MAX];
  subscribe(ORDERS);
  deliver_event("1-0", 3, NULL);
  answer_with(last(1), 0);
  take(got, MESSAGES_MAX);
  fail_as(got[0].delivery, EVS_FAIL_RELEASE, 0);
  const settled *back = last(2);
  assert_int_equal(back->kind, EVS_SETTLE_RELEASE);
  assert_int_equal(number(back, "x"), 0);
  assert_int_equal(number(back, "c"), 2);
  answer_with(back, 0);
  deliver_event("1-0", 4, back->state); /* and the process that waited with it ended */
  assert_int_equal(last(3)->kind, EVS_SETTLE_KEEP);
}

static void a_paused_group_hands_its_suspects_back(void **state) {
  (void)state;
  taken got[MESSAGES_MAX];
  subscribe(ORDERS);
  deliver_event("1-0", 1, NULL);
  take(got, MESSAGES_MAX);
  deliver_event("2-0", 3, NULL);
  evsi_consume_paused(world.consume, world.group, true);
  assert_int_equal(last(1)->kind, EVS_SETTLE_RELEASE);
  assert_string_equal(last(1)->offset, "2-0");
  answer_with(last(1), 0);
  ack(got[0].delivery);
  assert_int_equal(last(2)->kind, EVS_SETTLE_ACK);
}

static void a_suspect_that_is_not_ours_any_more_lets_the_next_begin(void **state) {
  (void)state;
  taken got[MESSAGES_MAX];
  subscribe(ORDERS);
  deliver_event("1-0", 3, NULL);
  deliver_event("2-0", 1, NULL);
  const evs_tp_outcome gone = {.struct_size = sizeof gone, .token = last(1)->token, .status = EVS_CONFLICT};
  evsi_consume_settled(world.consume, &gone, 1);
  assert_int_equal(take(got, MESSAGES_MAX), 1);
  assert_string_equal(got[0].offset, "2-0");
}

static void each_subscription_may_say_how_many_crashes(void **state) {
  (void)state;
  taken got[MESSAGES_MAX];
  subscribe("{\"pattern\":\"order.*\",\"maxCrashes\":5}");
  deliver_event("1-0", 4, NULL);
  assert_int_equal(take(got, MESSAGES_MAX), 1);
  ack(got[0].delivery);
  answer_with(last(1), 0);
  deliver_event("2-0", 5, NULL);
  assert_int_equal(last(2)->kind, EVS_SETTLE_KEEP);
}

static void an_entry_with_several_events_is_a_suspect_as_a_whole(void **state) {
  (void)state;
  taken got[MESSAGES_MAX];
  subscribe(ORDERS);
  deliver_orders(3, NULL); /* for the third time */
  const settled *kept = last(1);
  assert_int_equal(kept->kind, EVS_SETTLE_KEEP);
  answer_with(kept, 0);
  assert_int_equal(take(got, MESSAGES_MAX), 3);
  ack(got[0].delivery);
  fail_as(got[1].delivery, EVS_FAIL_RETRY, 0);
  ack(got[2].delivery);
  const settled *parked = last(2);
  assert_int_equal(parked->kind, EVS_SETTLE_PARK);
  assert_int_equal(number(parked, "n"), 3);
  assert_int_equal(number(parked, "c"), 2);
  assert_int_equal(json_object_size(json_object_get(parked->state, "b")), 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup_lasting, teardown)

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(what_came_once_too_often_is_handled_alone),
      TEST(what_was_alone_when_the_process_ended_is_dead),
      TEST(what_only_waited_when_the_process_ended_is_never_dead),
      TEST(suspects_are_handled_one_after_the_other),
      TEST(failures_and_waiting_are_no_crashes),
      TEST(crashes_add_up_over_attempts),
      TEST(handing_back_is_no_crash_though_it_was_alone),
      TEST(a_paused_group_hands_its_suspects_back),
      TEST(a_suspect_that_is_not_ours_any_more_lets_the_next_begin),
      TEST(each_subscription_may_say_how_many_crashes),
      TEST(an_entry_with_several_events_is_a_suspect_as_a_whole),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
