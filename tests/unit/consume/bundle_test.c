/* SPDX-License-Identifier: MIT
 * bundle_test.c - the engine with entries that hold several events, over a transport that does what the test
 * says and a clock that the test moves: what each event gets, and what becomes of the entry as a whole. */
#include "unit/consume/scripted.h"

static void each_event_is_delivered_with_its_place_in_the_entry(void **state) {
  (void)state;
  taken got[MESSAGES_MAX];
  subscribe(ORDERS);
  deliver_orders(3, NULL);
  assert_int_equal(take(got, MESSAGES_MAX), 3);
  for (int i = 0; i < 3; i++) {
    char offset[40];
    snprintf(offset, sizeof offset, ID "/%d", i);
    assert_string_equal(got[i].offset, offset);
    assert_int_equal(atoi(got[i].body), i);
    assert_int_equal(got[i].attempt, 1);
    assert_int_equal(got[i].deliveries, 3);
  }
}

static void the_entry_is_acknowledged_when_all_its_events_are_handled(void **state) {
  (void)state;
  taken got[MESSAGES_MAX];
  subscribe(ORDERS);
  deliver_orders(3, NULL);
  take(got, MESSAGES_MAX);
  ack(got[2].delivery);
  ack(got[0].delivery);
  assert_int_equal(world.settled_count, 0);
  ack(got[1].delivery);
  const settled *end = last(1);
  assert_int_equal(end->kind, EVS_SETTLE_ACK);
  assert_string_equal(end->offset, ID);
  assert_int_equal(end->letter_count, 0);
  assert_false(evsi_consume_idle(world.consume, NULL));
  answer_with(end, 0);
  assert_true(evsi_consume_idle(world.consume, NULL));
  assert_int_equal(counted(EVSI_COUNT_ACKED), 3);
}

static void a_failed_event_comes_again_alone_with_its_own_attempts(void **state) {
  (void)state;
  taken got[MESSAGES_MAX];
  subscribe(ORDERS);
  deliver_orders(3, NULL);
  take(got, MESSAGES_MAX);
  ack(got[0].delivery);
  fail_as(got[1].delivery, EVS_FAIL_RETRY, 0);
  ack(got[2].delivery);
  const settled *parked = last(1);
  assert_int_equal(parked->kind, EVS_SETTLE_PARK);
  assert_int_equal(parked->delay_ms, 1000);
  assert_int_equal(json_object_size(json_object_get(parked->state, "b")), 1);
  assert_int_equal(json_integer_value(json_object_get(state_of(parked, "1"), "a")), 1);
  answer_with(parked, 0);
  assert_int_equal(counted(EVSI_COUNT_ACKED), 2);
  assert_int_equal(counted(EVSI_COUNT_RETRIED), 1);
  char *kept = json_dumps(parked->state, JSON_COMPACT);
  deliver_orders(3, kept);
  free(kept);
  assert_int_equal(take(got, MESSAGES_MAX), 1);
  assert_string_equal(got[0].offset, ID "/1");
  assert_int_equal(got[0].attempt, 2);
  ack(got[0].delivery);
  assert_int_equal(last(2)->kind, EVS_SETTLE_ACK);
  assert_true(last(2)->flags & EVS_SETTLE_HAS_STATE);
}

static void attempts_are_known_whatever_text_a_handler_failed_with(void **state) {
  (void)state;
  taken got[MESSAGES_MAX];
  subscribe(ORDERS);
  deliver_orders(1,
                 "{\"b\":{\"0\":{\"a\":1,\"e\":{\"class\":\"E\",\"message\":\"\\u0000\",\"stack\":\"\"}}}}");
  assert_int_equal(take(got, MESSAGES_MAX), 1);
  assert_int_equal(got[0].attempt, 2);
  ack(got[0].delivery);
}

static void an_event_that_failed_for_good_becomes_a_letter_of_its_own(void **state) {
  (void)state;
  taken got[MESSAGES_MAX];
  subscribe(ORDERS);
  deliver_orders(3, NULL);
  take(got, MESSAGES_MAX);
  fail_as(got[2].delivery, EVS_FAIL_REJECT, 0);
  ack(got[0].delivery);
  ack(got[1].delivery);
  const settled *end = last(1);
  assert_int_equal(end->kind, EVS_SETTLE_ACK);
  assert_int_equal(end->letter_count, 1);
  assert_string_equal(end->letters[0], "{\"header\":{\"id\":\"e-2\",\"type\":\"order.paid\"},\"body\":2}");
  assert_string_equal(json_string_value(json_object_get(end->records[0], "originalId")), ID "/2");
  assert_int_equal(json_integer_value(json_object_get(end->records[0], "attempts")), 1);
  answer_with(end, 0);
  assert_int_equal(counted(EVSI_COUNT_ACKED), 2);
  assert_int_equal(counted(EVSI_COUNT_DEAD), 1);
}

static void letters_are_written_though_neighbours_go_on(void **state) {
  (void)state;
  taken got[MESSAGES_MAX];
  subscribe(ORDERS);
  deliver_orders(3, "{\"b\":{\"0\":{\"a\":2},\"2\":{}}}");
  assert_int_equal(take(got, MESSAGES_MAX), 2);
  assert_int_equal(got[0].attempt, 3);
  fail_as(got[0].delivery, EVS_FAIL_RETRY, 0); /* its last attempt */
  fail_as(got[1].delivery, EVS_FAIL_RETRY, 0);
  const settled *parked = last(1);
  assert_int_equal(parked->kind, EVS_SETTLE_PARK);
  assert_int_equal(parked->letter_count, 1);
  assert_string_equal(json_string_value(json_object_get(parked->records[0], "originalId")), ID "/0");
  assert_int_equal(json_object_size(json_object_get(parked->state, "b")), 1);
  assert_non_null(state_of(parked, "2"));
}

static void a_malformed_event_dies_alone_and_its_neighbours_are_delivered(void **state) {
  (void)state;
  taken got[MESSAGES_MAX];
  subscribe(ORDERS);
  deliver("{\"data\":[7,{\"header\":{\"id\":\"e-1\",\"type\":\"order.paid\"},\"body\":1},{\"header\":{}}]}",
          NULL);
  assert_int_equal(take(got, MESSAGES_MAX), 1);
  assert_string_equal(got[0].offset, ID "/1");
  ack(got[0].delivery);
  const settled *end = last(1);
  assert_int_equal(end->kind, EVS_SETTLE_ACK);
  assert_int_equal(end->letter_count, 2);
  assert_string_equal(end->letters[0], "7");
  assert_string_equal(end->letters[1], "{\"header\":{}}");
  const json_t *error = json_object_get(end->records[0], "error");
  assert_string_equal(json_string_value(json_object_get(error, "class")), "MalformedEntry");
  assert_int_equal(counted(EVSI_COUNT_MALFORMED), 2);
}

static void an_entry_whose_events_cannot_be_found_dies_as_a_whole(void **state) {
  (void)state;
  subscribe(ORDERS);
  deliver("{\"data\":[{\"header\"", NULL);
  const settled *end = last(1);
  assert_int_equal(end->kind, EVS_SETTLE_DEAD_LETTER);
  assert_int_equal(end->letter_count, 0);
  assert_string_equal(json_string_value(json_object_get(end->record, "originalId")), ID);
}

static void events_that_nothing_happened_to_go_back_as_they_were(void **state) {
  (void)state;
  taken got[MESSAGES_MAX];
  subscribe(ORDERS);
  deliver_orders(6, NULL);
  assert_int_equal(take(got, 2), 2);
  evsi_consume_stop(world.consume);
  assert_int_equal(world.settled_count, 0); /* the host has two of them */
  fail_as(got[0].delivery, EVS_FAIL_RELEASE, 0);
  fail_as(got[1].delivery, EVS_FAIL_RELEASE, 0);
  const settled *back = last(1);
  assert_int_equal(back->kind, EVS_SETTLE_RELEASE);
  assert_null(back->state);
  answer_with(back, 0);
  assert_int_equal(counted(EVSI_COUNT_RELEASED), 6);
  assert_int_equal(evsi_consume_released(world.consume), 6);
}

static void what_was_handled_is_kept_when_the_rest_goes_back(void **state) {
  (void)state;
  taken got[MESSAGES_MAX];
  subscribe(ORDERS);
  deliver_orders(6, NULL);
  take(got, 1);
  evsi_consume_stop(world.consume);
  ack(got[0].delivery);
  const settled *back = last(1);
  assert_int_equal(back->kind, EVS_SETTLE_RELEASE);
  assert_int_equal(json_object_size(json_object_get(back->state, "b")), 5);
  assert_null(state_of(back, "0"));
  answer_with(back, 0);
  assert_int_equal(counted(EVSI_COUNT_ACKED), 1);
  assert_int_equal(counted(EVSI_COUNT_RELEASED), 5);
}

static void what_the_host_keeps_too_long_goes_back_at_the_end(void **state) {
  (void)state;
  taken got[MESSAGES_MAX];
  subscribe(ORDERS);
  deliver_orders(3, NULL);
  take(got, 2);
  evsi_consume_stop(world.consume);
  assert_int_equal(evsi_consume_abandon(world.consume, NULL), 2);
  assert_int_equal(last(1)->kind, EVS_SETTLE_RELEASE);
  answer_with(last(1), 0);
  assert_int_equal(evsi_consume_ack(world.consume, &got[0].delivery, 1), 1);
}

static void a_paused_group_gives_back_what_no_handler_has(void **state) {
  (void)state;
  taken got[MESSAGES_MAX];
  subscribe(ORDERS);
  deliver_orders(6, NULL);
  evsi_consume_paused(world.consume, world.group, true);
  assert_int_equal(last(1)->kind, EVS_SETTLE_RELEASE);
  answer_with(last(1), 0);
  assert_int_equal(take(got, MESSAGES_MAX), 0);
}

static void the_end_of_the_last_subscription_acknowledges_nothing(void **state) {
  (void)state;
  uint64_t token = subscribe(ORDERS);
  deliver_orders(6, NULL);
  assert_int_equal(evsi_consume_unsubscribe(world.consume, token, NULL), EVS_OK);
  assert_int_equal(last(1)->kind, EVS_SETTLE_RELEASE);
  assert_null(last(1)->state);
  answer_with(last(1), 0);
  assert_int_equal(counted(EVSI_COUNT_RELEASED), 6);
  assert_int_equal(counted(EVSI_COUNT_UNMATCHED), 0);
}

static void events_are_begun_as_far_as_prefetch_goes_and_credits_count_events(void **state) {
  (void)state;
  taken got[MESSAGES_MAX];
  subscribe(ORDERS);
  assert_int_equal(evsi_consume_credits(world.consume, world.group), 4);
  deliver_orders(2, NULL);
  assert_int_equal(evsi_consume_credits(world.consume, world.group), 1); /* two events: one entry as full */
  deliver_orders(10, NULL);
  assert_int_equal(evsi_consume_credits(world.consume, world.group), 0);
  assert_int_equal(take(got, MESSAGES_MAX), 4);
  assert_string_equal(got[2].offset, ID "/0");
  for (int i = 0; i < 4; i++)
    ack(got[i].delivery);
  assert_int_equal(last(1)->kind, EVS_SETTLE_ACK);
  answer_with(last(1), 0);
  assert_int_equal(evsi_consume_credits(world.consume, world.group), 0);
  for (int handled = 2; handled < 10;) {
    size_t count = take(got, MESSAGES_MAX);
    assert_true(count > 0 && count <= 4);
    for (size_t i = 0; i < count; i++, handled++) {
      assert_int_equal(atoi(got[i].body), handled);
      ack(got[i].delivery);
    }
  }
  assert_int_equal(last(2)->kind, EVS_SETTLE_ACK);
  answer_with(last(2), 0);
  assert_int_equal(evsi_consume_credits(world.consume, world.group), 1);
}

static void thousands_of_events_that_nobody_wants_end_without_deep_calls(void **state) {
  (void)state;
  subscribe(ORDERS);
  char *data = batch_of(10000, "invoice.sent");
  deliver(data, NULL);
  evsi_free(data);
  assert_int_equal(last(1)->kind, EVS_SETTLE_ACK);
  answer_with(last(1), 0);
  assert_int_equal(counted(EVSI_COUNT_UNMATCHED), 10000);
  assert_true(evsi_consume_idle(world.consume, NULL));
}

static void what_is_due_at_about_the_same_time_comes_together_and_the_rest_waits_on(void **state) {
  (void)state;
  taken got[MESSAGES_MAX];
  subscribe(ORDERS);
  deliver_orders(4, NULL);
  take(got, MESSAGES_MAX);
  fail_as(got[0].delivery, EVS_FAIL_LATER, 1000);
  fail_as(got[1].delivery, EVS_FAIL_LATER, 60000);
  world.now_ms += 300; /* 700 ms are left for the first */
  fail_as(got[2].delivery, EVS_FAIL_RETRY, 0);
  ack(got[3].delivery);
  const settled *parked = last(1);
  assert_int_equal(parked->kind, EVS_SETTLE_PARK);
  assert_int_equal(parked->delay_ms, 1000);
  assert_null(json_object_get(state_of(parked, "0"), "w"));
  assert_null(json_object_get(state_of(parked, "2"), "w"));
  assert_int_equal(json_integer_value(json_object_get(state_of(parked, "1"), "w")), 58700);
  answer_with(parked, 0);
  char *kept = json_dumps(parked->state, JSON_COMPACT);
  world.now_ms += 1000;
  deliver_orders(4, kept);
  free(kept);
  assert_int_equal(take(got, MESSAGES_MAX), 2);
  world.now_ms += 700; /* that its handlers take */
  ack(got[0].delivery);
  ack(got[1].delivery);
  parked = last(2);
  assert_int_equal(parked->kind, EVS_SETTLE_PARK);
  assert_int_equal(parked->delay_ms, 58000);
  assert_int_equal(json_integer_value(json_object_get(state_of(parked, "1"), "l")), 1);
  assert_null(json_object_get(state_of(parked, "1"), "w"));
}

static void without_dead_letters_an_event_stays_and_its_neighbours_go_on(void **state) {
  (void)state;
  taken got[MESSAGES_MAX];
  subscribe(ORDERS);
  deliver_orders(2, NULL);
  take(got, MESSAGES_MAX);
  fail_as(got[0].delivery, EVS_FAIL_REJECT, 0);
  fail_as(got[1].delivery, EVS_FAIL_RETRY, 0);
  const settled *parked = last(1);
  assert_int_equal(parked->letter_count, 0);
  assert_int_equal(parked->delay_ms, 1000);
  assert_true(json_integer_value(json_object_get(state_of(parked, "0"), "w")) > 1000 * 3600);
  answer_with(parked, 0);
  char *kept = json_dumps(parked->state, JSON_COMPACT);
  deliver_orders(2, kept);
  free(kept);
  assert_int_equal(take(got, MESSAGES_MAX), 1);
  assert_string_equal(got[0].offset, ID "/1");
  ack(got[0].delivery);
  assert_int_equal(last(2)->kind, EVS_SETTLE_PARK);
  assert_true(last(2)->delay_ms > 1000 * 3600);
  assert_int_equal(counted(EVSI_COUNT_STUCK), 1);
}

static void a_state_of_many_long_failures_keeps_the_attempts_only(void **state) {
  (void)state;
  enum { MANY = 100, LONG = 16000 };
  static char stack[LONG];
  taken got[MESSAGES_MAX];
  char *data = batch_of(MANY, "order.paid");
  memset(stack, 's', sizeof stack);
  subscribe(ORDERS);
  deliver(data, NULL);
  evsi_free(data);
  for (size_t done = 0, count; done < MANY; done += count) {
    count = take(got, MESSAGES_MAX);
    assert_true(count > 0);
    for (size_t i = 0; i < count; i++) {
      const evs_failure failure = {.struct_size = sizeof failure,
                                   .kind = EVS_FAIL_RETRY,
                                   .delivery = got[i].delivery,
                                   .stack = evsi_bytes(stack, sizeof stack)};
      evsi_consume_fail(world.consume, &failure, 1);
    }
  }
  const json_t *kept = state_of(last(1), "7");
  assert_int_equal(json_object_size(json_object_get(last(1)->state, "b")), MANY);
  assert_int_equal(json_integer_value(json_object_get(kept, "a")), 1);
  assert_null(json_object_get(kept, "e"));
  assert_null(json_object_get(kept, "h"));
}

static void a_handler_past_its_time_limit_fails_only_its_event(void **state) {
  (void)state;
  taken got[MESSAGES_MAX];
  subscribe("{\"pattern\":\"order.*\",\"concurrency\":100,\"handlerTimeout\":50}");
  deliver_orders(2, NULL);
  take(got, MESSAGES_MAX);
  ack(got[0].delivery);
  world.now_ms += 50;
  fire(TIME_LIMITS);
  const settled *parked = last(1);
  assert_int_equal(parked->kind, EVS_SETTLE_PARK);
  assert_non_null(state_of(parked, "1"));
  answer_with(parked, 0);
  assert_int_equal(evsi_consume_ack(world.consume, &got[1].delivery, 1), 1); /* too late, and harmless */
  assert_true(evsi_consume_idle(world.consume, NULL));
}

#define OTHERS                                                                                               \
  "[{\"consumer\":\"me\",\"self\":true,\"subscriptions\":[{\"pattern\":\"order.*\",\"originPrefix\":\"\"}]}" \
  ","                                                                                                        \
  "{\"consumer\":\"%s\",\"self\":false,\"subscriptions\":[{\"pattern\":\"%s\",\"originPrefix\":\"\"}]}]"

static void deliver_mixed(void) {
  deliver("{\"data\":[{\"header\":{\"id\":\"e-0\",\"type\":\"order.paid\"},\"body\":0},"
          "{\"header\":{\"id\":\"e-1\",\"type\":\"invoice.sent\"},\"body\":1}]}",
          NULL);
}

static void the_entry_goes_to_the_member_that_takes_what_is_left(void **state) {
  (void)state;
  taken got[MESSAGES_MAX];
  char json[512];
  subscribe(ORDERS);
  snprintf(json, sizeof json, OTHERS, "other#1", "invoice.*");
  members(json, 5);
  deliver_mixed();
  assert_int_equal(take(got, MESSAGES_MAX), 1);
  ack(got[0].delivery);
  const settled *handed = last(1);
  assert_int_equal(handed->kind, EVS_SETTLE_HAND_OVER);
  assert_string_equal(handed->member, "other#1");
  assert_int_equal(handed->members_version, 5);
  assert_true(handed->flags & EVS_SETTLE_CHECK_MEMBERS);
  assert_int_equal(json_object_size(json_object_get(handed->state, "b")), 1);
  assert_non_null(state_of(handed, "1"));
  answer_with(handed, 0);
  assert_int_equal(counted(EVSI_COUNT_ACKED), 1);
  assert_int_equal(counted(EVSI_COUNT_HANDED_OVER), 1);
}

static void who_is_there_counts_when_the_entry_is_settled(void **state) {
  (void)state;
  taken got[MESSAGES_MAX];
  char json[512];
  subscribe(ORDERS);
  deliver_mixed();
  snprintf(json, sizeof json, OTHERS, "other#1", "invoice.*");
  members(json, 5); /* after the entry came */
  take(got, MESSAGES_MAX);
  ack(got[0].delivery);
  assert_int_equal(last(1)->kind, EVS_SETTLE_HAND_OVER);
  snprintf(json, sizeof json, OTHERS, "other#2", "invoice.sent");
  members(json, 6);
  answer_with(last(1), EVS_TP_MEMBERS_MOVED);
  assert_string_equal(last(2)->member, "other#2");
  assert_int_equal(last(2)->members_version, 6);
  members("[{\"consumer\":\"me\",\"self\":true,\"subscriptions\":[]}]", 7);
  answer_with(last(2), EVS_TP_MEMBERS_MOVED);
  assert_int_equal(last(3)->kind, EVS_SETTLE_ACK);
  answer_with(last(3), 0);
  assert_int_equal(counted(EVSI_COUNT_ACKED), 2);
  assert_int_equal(counted(EVSI_COUNT_UNMATCHED), 1);
}

static void what_nobody_takes_is_decided_once_when_the_entry_ends(void **state) {
  (void)state;
  taken got[MESSAGES_MAX];
  subscribe("{\"pattern\":\"order.*\",\"concurrency\":100,\"onUnmatched\":\"dlq\"}");
  deliver_mixed();
  take(got, MESSAGES_MAX);
  world.now_ms += 5000;
  ack(got[0].delivery);
  const settled *end = last(1);
  assert_int_equal(end->kind, EVS_SETTLE_ACK);
  assert_int_equal(end->letter_count, 1);
  const json_t *history = json_object_get(end->records[0], "history");
  assert_int_equal(json_array_size(history), 1);
  assert_int_equal(json_integer_value(json_object_get(json_array_get(history, 0), "at")), world.now_ms);
}

static void a_message_outlives_the_settlement_of_its_entry(void **state) {
  (void)state;
  bool left;
  subscribe(ORDERS);
  deliver_orders(1, NULL);
  evs_batch *batch = evsi_batch_new();
  assert_true(evsi_consume_take(world.consume, batch, 1, &left));
  ack(batch->messages[0].delivery);
  answer_with(last(1), 0);
  assert_true(evsi_consume_idle(world.consume, NULL));
  assert_true(evsi_bytes_equal(batch->messages[0].offset, evsi_text(ID "/0")));
  assert_true(evsi_bytes_equal(batch->messages[0].id, evsi_text("e-0")));
  evsi_batch_free(batch);
}

static void a_settlement_of_what_is_no_longer_held_is_stale(void **state) {
  (void)state;
  taken got[MESSAGES_MAX];
  subscribe(ORDERS);
  deliver_orders(2, NULL);
  take(got, MESSAGES_MAX);
  ack(got[0].delivery);
  ack(got[1].delivery);
  const evs_tp_outcome outcome = {
      .struct_size = sizeof outcome, .token = last(1)->token, .status = EVS_CONFLICT};
  evsi_consume_settled(world.consume, &outcome, 1);
  assert_int_equal(counted(EVSI_COUNT_ACKED), 0);
  assert_int_equal(counted(EVSI_COUNT_STALE), 2);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(each_event_is_delivered_with_its_place_in_the_entry),
      TEST(the_entry_is_acknowledged_when_all_its_events_are_handled),
      TEST(a_failed_event_comes_again_alone_with_its_own_attempts),
      TEST(attempts_are_known_whatever_text_a_handler_failed_with),
      TEST(an_event_that_failed_for_good_becomes_a_letter_of_its_own),
      TEST(letters_are_written_though_neighbours_go_on),
      TEST(a_malformed_event_dies_alone_and_its_neighbours_are_delivered),
      TEST(an_entry_whose_events_cannot_be_found_dies_as_a_whole),
      TEST(events_that_nothing_happened_to_go_back_as_they_were),
      TEST(what_was_handled_is_kept_when_the_rest_goes_back),
      TEST(what_the_host_keeps_too_long_goes_back_at_the_end),
      TEST(a_paused_group_gives_back_what_no_handler_has),
      TEST(the_end_of_the_last_subscription_acknowledges_nothing),
      TEST(events_are_begun_as_far_as_prefetch_goes_and_credits_count_events),
      TEST(thousands_of_events_that_nobody_wants_end_without_deep_calls),
      TEST(what_is_due_at_about_the_same_time_comes_together_and_the_rest_waits_on),
      cmocka_unit_test_setup_teardown(without_dead_letters_an_event_stays_and_its_neighbours_go_on,
                                      setup_without_dead_letters, teardown),
      TEST(a_state_of_many_long_failures_keeps_the_attempts_only),
      TEST(a_handler_past_its_time_limit_fails_only_its_event),
      TEST(the_entry_goes_to_the_member_that_takes_what_is_left),
      TEST(who_is_there_counts_when_the_entry_is_settled),
      TEST(what_nobody_takes_is_decided_once_when_the_entry_ends),
      TEST(a_message_outlives_the_settlement_of_its_entry),
      TEST(a_settlement_of_what_is_no_longer_held_is_stale),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
