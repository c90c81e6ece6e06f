/* SPDX-License-Identifier: MIT
 * taking_test.c - the engine with what not every subscription takes: other origins, other headers, and
 * regular expressions of which nobody can tell. */
#include "unit/consume/scripted.h"

#define TOO_MUCH "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaad"

static void deliver_event(const char *data) {
  const evs_tp_entry entry = {.struct_size = sizeof entry,
                              .partition = EVS_PARTITION_NONE,
                              .deliveries = 1,
                              .topic = evsi_text("order-events"),
                              .offset = evsi_text(ID),
                              .data = evsi_text(data)};
  evsi_consume_deliver(world.consume, world.group, &entry, 1);
}

static void settled_as(uint32_t kind, evsi_counter counter) {
  assert_int_equal(last(1)->kind, kind);
  answer_with(last(1), 0);
  assert_int_equal(counted(counter), 1);
}

static void a_foreign_event_whose_body_is_no_json_is_filtered(void **state) {
  (void)state;
  subscribe(ORDERS);
  deliver_event(
      "{\"v\":1,\"header\":{\"id\":\"e\",\"type\":\"order.paid\",\"originPrefix\":\"us.ca\"},\"body\":{x}}");
  settled_as(EVS_SETTLE_ACK, EVSI_COUNT_FILTERED);
}

static void an_own_event_whose_body_is_no_json_is_dead(void **state) {
  (void)state;
  subscribe(ORDERS);
  deliver_event("{\"v\":1,\"header\":{\"id\":\"e\",\"type\":\"order.paid\"},\"body\":{x}}");
  settled_as(EVS_SETTLE_DEAD_LETTER, EVSI_COUNT_DEAD);
}

static void a_foreign_event_without_a_header_that_can_be_read_is_dead(void **state) {
  (void)state;
  subscribe(ORDERS);
  deliver_event("{\"v\":1,\"header\":{\"id\":\"e\",\"originPrefix\":\"us.ca\"},\"body\":{x}}");
  settled_as(EVS_SETTLE_DEAD_LETTER, EVSI_COUNT_DEAD);
}

static void what_a_filter_leaves_out_is_counted_as_filtered(void **state) {
  (void)state;
  taken got[MESSAGES_MAX];
  subscribe("{\"pattern\":\"order.*\",\"filter\":{\"region\":[\"eu\",\"us\"],\"test\":null}}");
  deliver_event(
      "{\"header\":{\"id\":\"e\",\"type\":\"order.paid\"},\"headers\":{\"region\":\"eu\"},\"body\":1}");
  assert_int_equal(take(got, MESSAGES_MAX), 1);
  ack(got[0].delivery);
  answer_with(last(1), 0);
  deliver_event(
      "{\"header\":{\"id\":\"e\",\"type\":\"order.paid\"},\"headers\":{\"region\":\"eu\",\"test\":\"\"},"
      "\"body\":1}");
  assert_int_equal(last(2)->kind, EVS_SETTLE_ACK);
  answer_with(last(2), 0);
  assert_int_equal(counted(EVSI_COUNT_FILTERED), 1);
  assert_int_equal(counted(EVSI_COUNT_UNMATCHED), 0);
  assert_int_equal(counted(EVSI_COUNT_ACKED), 2);
}

static void another_member_gets_what_only_its_filter_takes(void **state) {
  (void)state;
  subscribe("{\"pattern\":\"order.*\",\"filter\":{\"region\":\"eu\"}}");
  members(
      "[{\"consumer\":\"me\",\"self\":true,\"subscriptions\":[{\"pattern\":\"order.*\",\"filter\":{"
      "\"region\":"
      "\"eu\"}}]},{\"consumer\":\"other\",\"subscriptions\":[{\"pattern\":\"order.*\",\"filter\":{\"region\":"
      "\"us\"}}]}]",
      7);
  deliver_event(
      "{\"header\":{\"id\":\"e\",\"type\":\"order.paid\"},\"headers\":{\"region\":\"us\"},\"body\":1}");
  assert_int_equal(last(1)->kind, EVS_SETTLE_HAND_OVER);
  assert_string_equal(last(1)->member, "other");
  answer_with(last(1), 0);
  deliver_event(
      "{\"header\":{\"id\":\"e\",\"type\":\"order.paid\"},\"headers\":{\"region\":\"af\"},\"body\":1}");
  assert_int_equal(last(2)->kind, EVS_SETTLE_ACK);
  answer_with(last(2), 0);
  assert_int_equal(counted(EVSI_COUNT_FILTERED), 1);
}

static void of_several_events_in_an_entry_each_is_filtered_by_itself(void **state) {
  (void)state;
  taken got[MESSAGES_MAX];
  subscribe("{\"pattern\":\"order.*\",\"filter\":{\"header.id\":\"e-1\"}}");
  deliver_orders(3, NULL);
  assert_int_equal(take(got, MESSAGES_MAX), 1);
  assert_string_equal(got[0].body, "1");
  ack(got[0].delivery);
  assert_int_equal(last(1)->kind, EVS_SETTLE_ACK);
  answer_with(last(1), 0);
  assert_int_equal(counted(EVSI_COUNT_FILTERED), 2);
  assert_int_equal(counted(EVSI_COUNT_ACKED), 3);
}

static void an_event_of_which_an_expression_cannot_tell_is_its_dead_letter(void **state) {
  (void)state;
  taken got[MESSAGES_MAX];
  subscribe("{\"pattern\":\"/^(?:(?:a|a)+)+[bc]$/\",\"name\":\"bomb\"}");
  deliver_event("{\"header\":{\"id\":\"e\",\"type\":\"" TOO_MUCH "\"},\"body\":1}");
  assert_int_equal(take(got, MESSAGES_MAX), 0);
  const json_t *record = last(1)->record;
  assert_int_equal(last(1)->kind, EVS_SETTLE_DEAD_LETTER);
  assert_string_equal(json_string_value(json_array_get(json_object_get(record, "subscriptions"), 0)), "bomb");
  assert_string_equal(json_string_value(json_object_get(json_object_get(record, "error"), "class")),
                      "PatternTooExpensive");
}

static void others_handle_it_before(void **state) {
  (void)state;
  taken got[MESSAGES_MAX];
  subscribe("{\"pattern\":\"/^(?:(?:a|a)+)+[bc]$/\",\"name\":\"bomb\"}");
  subscribe("{\"pattern\":\"*\",\"name\":\"all\"}");
  deliver_event("{\"header\":{\"id\":\"e\",\"type\":\"" TOO_MUCH "\"},\"body\":1}");
  assert_int_equal(take(got, MESSAGES_MAX), 1);
  assert_int_equal(world.settled_count, 0);
  ack(got[0].delivery);
  const json_t *names = json_object_get(last(1)->record, "subscriptions");
  assert_int_equal(last(1)->kind, EVS_SETTLE_DEAD_LETTER);
  assert_int_equal(json_array_size(names), 1);
  assert_string_equal(json_string_value(json_array_get(names, 0)), "bomb");
}

static void there_are_no_more_subscriptions_than_patterns_may_be(void **state) {
  (void)state;
  uint64_t token;
  evs_error *error = NULL;
  world.config->limits.patterns = 1;
  subscribe(ORDERS);
  assert_int_equal(evsi_consume_subscribe(world.consume, ORDERS, strlen(ORDERS), &token, &error), EVS_CONFIG);
  assert_string_equal(evs_error_path(error), "/pattern");
  evs_error_free(error);
}

static void nothing_is_drained_before_the_transport_has_heard_that_there_is_room(void **state) {
  (void)state;
  taken got[MESSAGES_MAX];
  subscribe(ORDERS);
  deliver_orders(4, NULL);
  assert_int_equal(evsi_consume_credits(world.consume, world.group), 0); /* it has more */
  assert_int_equal(take(got, MESSAGES_MAX), 4);
  for (int i = 0; i < 4; i++)
    ack(got[i].delivery);
  answer_with(last(1), 0);
  assert_true(evsi_consume_idle(world.consume, NULL));
  assert_false(evsi_consume_drained(world.consume));
  turn();
  assert_true(evsi_consume_drained(world.consume));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(a_foreign_event_whose_body_is_no_json_is_filtered, setup, teardown),
      cmocka_unit_test_setup_teardown(an_own_event_whose_body_is_no_json_is_dead, setup, teardown),
      cmocka_unit_test_setup_teardown(a_foreign_event_without_a_header_that_can_be_read_is_dead, setup,
                                      teardown),
      cmocka_unit_test_setup_teardown(what_a_filter_leaves_out_is_counted_as_filtered, setup, teardown),
      cmocka_unit_test_setup_teardown(another_member_gets_what_only_its_filter_takes, setup, teardown),
      cmocka_unit_test_setup_teardown(of_several_events_in_an_entry_each_is_filtered_by_itself, setup,
                                      teardown),
      cmocka_unit_test_setup_teardown(an_event_of_which_an_expression_cannot_tell_is_its_dead_letter, setup,
                                      teardown),
      cmocka_unit_test_setup_teardown(others_handle_it_before, setup, teardown),
      cmocka_unit_test_setup_teardown(there_are_no_more_subscriptions_than_patterns_may_be, setup, teardown),
      cmocka_unit_test_setup_teardown(nothing_is_drained_before_the_transport_has_heard_that_there_is_room,
                                      setup, teardown),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
