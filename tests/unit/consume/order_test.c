/* SPDX-License-Identifier: MIT
 * order_test.c - the engine with ordered streams, over a transport that does what the test says: which event
 * begins when, what is set aside and asked for again, and what a lease allows. */
#include "unit/consume/scripted.h"

static uint32_t ordering, policy;
static uint64_t wait_ms;

static void come(const char *offset, const char *key, const char *kept) {
  char data[200];
  snprintf(data, sizeof data,
           "{\"v\":1,\"header\":{\"id\":\"e-%s\",\"type\":\"order.paid\"%s%s%s},\"body\":%s}", offset,
           key ? ",\"key\":\"" : "", key ? key : "", key ? "\"" : "", offset);
  const evs_tp_entry entry = {.struct_size = sizeof entry,
                              .partition = EVS_PARTITION_NONE,
                              .deliveries = 1,
                              .topic = evsi_text("order-events"),
                              .offset = evsi_text(offset),
                              .data = evsi_text(data),
                              .state = kept ? evsi_text(kept) : evsi_bytes(NULL, 0),
                              .ordering = ordering,
                              .on_dead_letter = policy,
                              .wait_ms = wait_ms};
  evsi_consume_deliver(world.consume, world.group, &entry, 1);
}

/* The offsets that a host gets now, a blank behind each; their deliveries. */
static const char *taken_now(uint64_t out[MESSAGES_MAX]) {
  static char text[256];
  taken got[MESSAGES_MAX];
  size_t count = take(got, MESSAGES_MAX), size = 0;
  text[0] = '\0';
  for (size_t i = 0; i < count && size < sizeof text; i++) {
    size += (size_t)snprintf(text + size, sizeof text - size, "%s ", got[i].offset);
    out[i] = got[i].delivery;
  }
  return text;
}

static const char *recalled_now(void) {
  static char text[sizeof world.recalled];
  turn();
  memcpy(text, world.recalled, sizeof text);
  world.recalled[0] = '\0';
  return text;
}

static void pass_time(void) {
  world.now_ms += 1000;
  fire(TIME_LIMITS);
}

static int setup_strict(void **state) {
  ordering = EVS_ORDER_STRICT;
  policy = EVS_DEAD_LETTER_SKIP;
  wait_ms = 0;
  return setup(state);
}

static void the_next_begins_when_the_store_has_taken_the_one_before(void **state) {
  (void)state;
  uint64_t got[MESSAGES_MAX];
  subscribe(ORDERS);
  come("1", NULL, NULL);
  come("2", NULL, NULL);
  assert_string_equal(taken_now(got), "1 ");
  ack(got[0]);
  assert_string_equal(taken_now(got), "");
  answer_with(last(1), 0);
  assert_string_equal(taken_now(got), "2 ");
}

static void keys_do_not_wait_for_each_other(void **state) {
  (void)state;
  uint64_t got[MESSAGES_MAX];
  ordering = EVS_ORDER_PER_KEY;
  subscribe(ORDERS);
  come("1", "a", NULL);
  come("2", "a", NULL);
  come("3", "b", NULL);
  come("4", NULL, NULL);
  assert_string_equal(taken_now(got), "1 3 4 ");
}

static void what_waits_for_a_retry_is_set_aside_and_asked_for_in_order(void **state) {
  (void)state;
  uint64_t got[MESSAGES_MAX];
  subscribe(ORDERS);
  come("1", NULL, NULL);
  come("2", NULL, NULL);
  come("3", NULL, NULL);
  taken_now(got);
  fail_as(got[0], EVS_FAIL_RETRY, 0);
  assert_int_equal(world.settled_count, 3);
  assert_string_equal(world.settled[0].offset, "2");
  assert_int_equal(world.settled[0].kind, EVS_SETTLE_ASIDE);
  assert_string_equal(world.settled[1].offset, "3");
  assert_int_equal(last(3)->kind, EVS_SETTLE_PARK);
  for (size_t i = 0; i < 3; i++)
    answer_with(&world.settled[i], 0);
  come("4", NULL, NULL);
  assert_int_equal(last(4)->kind, EVS_SETTLE_ASIDE);
  answer_with(last(4), 0);
  assert_true(evsi_consume_idle(world.consume, NULL)); /* nothing is held */
  assert_string_equal(recalled_now(), "");
  come("1", NULL, "{\"a\":1}");
  assert_string_equal(taken_now(got), "1 ");
  ack(got[0]);
  answer_with(last(5), 0);
  assert_string_equal(recalled_now(), "2 3 4 ");
  come("2", NULL, NULL);
  come("3", NULL, NULL);
  assert_string_equal(taken_now(got), "2 ");
}

static void what_a_transport_has_no_memory_for_is_asked_again(void **state) {
  (void)state;
  uint64_t got[MESSAGES_MAX];
  subscribe(ORDERS);
  for (const char *const *offset = (const char *const[]){"1", "2", "3", NULL}; *offset; offset++)
    come(*offset, NULL, NULL);
  taken_now(got);
  fail_as(got[0], EVS_FAIL_RETRY, 0);
  for (size_t i = 0; i < 3; i++)
    answer_with(&world.settled[i], 0);
  come("1", NULL, "{\"a\":1}");
  taken_now(got);
  ack(got[0]);
  answer_with(last(4), 0);
  world.is_short_of_memory = true;
  assert_string_equal(recalled_now(), "");
  pass_time();
  assert_string_equal(recalled_now(), "");
  world.is_short_of_memory = false;
  pass_time();
  assert_string_equal(recalled_now(), "2 3 ");
  pass_time();
  assert_string_equal(recalled_now(), "");
}

static void one_that_was_asked_for_and_comes_too_early_keeps_its_place(void **state) {
  (void)state;
  uint64_t got[MESSAGES_MAX];
  wait_ms = 500; /* as after a change of owners: it is parked and not due */
  subscribe(ORDERS);
  come("1", NULL, "{\"a\":1}");
  wait_ms = 0;
  come("2", NULL, NULL);
  come("3", NULL, NULL);
  for (size_t i = 0; i < 3; i++) {
    assert_int_equal(world.settled[i].kind, EVS_SETTLE_ASIDE);
    answer_with(&world.settled[i], 0);
  }
  come("1", NULL, "{\"a\":1}");
  taken_now(got);
  ack(got[0]);
  answer_with(last(4), 0);
  assert_string_equal(recalled_now(), "2 3 ");
  come("2", NULL, NULL);
  taken_now(got);
  fail_as(got[0], EVS_FAIL_RETRY, 0);
  answer_with(last(5), 0);
  come("3", NULL, NULL);
  assert_int_equal(last(6)->kind, EVS_SETTLE_ASIDE);
  answer_with(last(6), 0);
  come("4", NULL, NULL);
  answer_with(last(7), 0);
  come("2", NULL, "{\"a\":1}");
  taken_now(got);
  ack(got[0]);
  answer_with(last(8), 0);
  assert_string_equal(recalled_now(), "3 4 ");
}

static void hold(uint64_t until) {
  const evs_tp_place stream = {.struct_size = sizeof stream,
                               .partition = EVS_PARTITION_NONE,
                               .group = world.group,
                               .topic = evsi_text("order-events")};
  evsi_consume_lease(world.consume, &stream, until);
}

static void come_as_batch(const char *offset, int count, const char *kept) {
  char *data = batch_of(count, "order.paid");
  const evs_tp_entry entry = {.struct_size = sizeof entry,
                              .partition = EVS_PARTITION_NONE,
                              .flags = EVS_ENTRY_BATCH,
                              .deliveries = 1,
                              .topic = evsi_text("order-events"),
                              .offset = evsi_text(offset),
                              .data = evsi_text(data),
                              .state = kept ? evsi_text(kept) : evsi_bytes(NULL, 0),
                              .ordering = ordering};
  evsi_consume_deliver(world.consume, world.group, &entry, 1);
  evsi_free(data);
}

static void events_of_one_entry_keep_their_order_through_a_retry(void **state) {
  (void)state;
  uint64_t got[MESSAGES_MAX];
  subscribe(ORDERS);
  come_as_batch("1", 3, NULL);
  come("2", NULL, NULL);
  assert_string_equal(taken_now(got), "1/0 ");
  ack(got[0]);
  assert_string_equal(taken_now(got), "1/1 ");
  fail_as(got[0], EVS_FAIL_RETRY, 0);
  assert_string_equal(taken_now(got), "");
  assert_int_equal(world.settled_count, 2);
  assert_int_equal(world.settled[0].kind, EVS_SETTLE_ASIDE);
  const settled *parked = last(2);
  assert_int_equal(parked->kind, EVS_SETTLE_PARK);
  assert_string_equal(parked->offset, "1");
  assert_null(state_of(parked, "0"));
  char *kept = json_dumps(parked->state, JSON_COMPACT);
  for (size_t i = 0; i < 2; i++)
    answer_with(&world.settled[i], 0);
  come_as_batch("1", 3, kept);
  free(kept);
  assert_string_equal(taken_now(got), "1/1 ");
  ack(got[0]);
  assert_string_equal(taken_now(got), "1/2 ");
  assert_string_equal(recalled_now(), "");
  ack(got[0]);
  assert_int_equal(last(3)->kind, EVS_SETTLE_ACK);
  answer_with(last(3), 0);
  assert_string_equal(recalled_now(), "2 ");
}

static void nothing_begins_past_the_time_of_a_lease(void **state) {
  (void)state;
  uint64_t got[MESSAGES_MAX];
  subscribe(ORDERS);
  hold(world.now_ms + 100);
  come("1", NULL, NULL);
  world.now_ms += 100;
  assert_string_equal(taken_now(got), "");
  assert_false(evsi_consume_any(world.consume));
  hold(world.now_ms + 100);
  assert_string_equal(taken_now(got), "1 ");
}

static void what_no_handler_has_goes_back_when_the_stream_is_given_up(void **state) {
  (void)state;
  uint64_t got[MESSAGES_MAX];
  subscribe(ORDERS);
  hold(world.now_ms + 100);
  come("1", NULL, NULL);
  come("2", NULL, NULL);
  taken_now(got);
  hold(0);
  assert_int_equal(last(1)->kind, EVS_SETTLE_RELEASE);
  assert_string_equal(last(1)->offset, "2");
  answer_with(last(1), 0);
  ack(got[0]);
  assert_int_equal(last(2)->kind, EVS_SETTLE_ACK);
  answer_with(last(2), 0);
  assert_true(evsi_consume_idle(world.consume, NULL));
}

static void a_pause_keeps_what_waits_in_its_place(void **state) {
  (void)state;
  uint64_t got[MESSAGES_MAX];
  subscribe(ORDERS);
  come("1", NULL, NULL);
  come("2", NULL, NULL);
  evsi_consume_paused(world.consume, world.group, true);
  assert_int_equal(world.settled_count, 2);
  for (size_t i = 0; i < 2; i++) {
    bool is_first = strcmp(world.settled[i].offset, "1") == 0;
    assert_int_equal(world.settled[i].kind, is_first ? EVS_SETTLE_RELEASE : EVS_SETTLE_ASIDE);
    answer_with(&world.settled[i], 0);
  }
  evsi_consume_paused(world.consume, world.group, false);
  come("3", NULL, NULL);
  answer_with(last(3), 0);
  come("1", NULL, NULL);
  assert_string_equal(taken_now(got), "1 ");
  ack(got[0]);
  answer_with(last(4), 0);
  assert_string_equal(recalled_now(), "2 3 ");
}

static void a_letter_that_blocks_leaves_its_entry_where_it_is(void **state) {
  (void)state;
  uint64_t got[MESSAGES_MAX];
  policy = EVS_DEAD_LETTER_BLOCK;
  subscribe(ORDERS);
  come("1", "a", NULL);
  come("2", "b", NULL);
  taken_now(got);
  fail_as(got[0], EVS_FAIL_REJECT, 0);
  const settled *dead = last(2);
  assert_int_equal(dead->kind, EVS_SETTLE_DEAD_LETTER);
  assert_true(dead->flags & EVS_SETTLE_STAYS);
  assert_int_equal(json_integer_value(json_object_get(dead->state, "d")), 1);
  assert_string_equal(json_string_value(json_object_get(dead->record, "holds")), "lane");
  answer_with(&world.settled[0], 0);
  answer_with(dead, 0);
  assert_string_equal(taken_now(got), "");
  come("1", "a", "{\"d\":2}"); /* somebody discarded it */
  assert_int_equal(last(3)->kind, EVS_SETTLE_ACK);
  answer_with(last(3), 0);
  assert_string_equal(recalled_now(), "2 ");
}

static void a_group_that_relaxes_takes_what_comes(void **state) {
  (void)state;
  uint64_t got[MESSAGES_MAX];
  subscribe("{\"pattern\":\"order.*\",\"concurrency\":100,\"ordering\":\"none\"}");
  come("1", NULL, NULL);
  come("2", NULL, NULL);
  assert_string_equal(taken_now(got), "1 2 ");
}

static void all_of_a_group_relax_or_none(void **state) {
  (void)state;
  uint64_t token;
  evs_error *error = NULL;
  const char *other = "{\"pattern\":\"order.*\",\"ordering\":\"none\"}";
  subscribe(ORDERS);
  assert_int_equal(evsi_consume_subscribe(world.consume, other, strlen(other), &token, &error), EVS_CONFIG);
  assert_string_equal(evs_error_path(error), "/ordering");
  evs_error_free(error);
}

#define ORDER_TEST(name) cmocka_unit_test_setup_teardown(name, setup_strict, teardown)

int main(void) {
  const struct CMUnitTest tests[] = {
      ORDER_TEST(the_next_begins_when_the_store_has_taken_the_one_before),
      ORDER_TEST(keys_do_not_wait_for_each_other),
      ORDER_TEST(what_waits_for_a_retry_is_set_aside_and_asked_for_in_order),
      ORDER_TEST(what_a_transport_has_no_memory_for_is_asked_again),
      ORDER_TEST(one_that_was_asked_for_and_comes_too_early_keeps_its_place),
      ORDER_TEST(events_of_one_entry_keep_their_order_through_a_retry),
      ORDER_TEST(nothing_begins_past_the_time_of_a_lease),
      ORDER_TEST(what_no_handler_has_goes_back_when_the_stream_is_given_up),
      ORDER_TEST(a_pause_keeps_what_waits_in_its_place),
      ORDER_TEST(a_letter_that_blocks_leaves_its_entry_where_it_is),
      ORDER_TEST(a_group_that_relaxes_takes_what_comes),
      ORDER_TEST(all_of_a_group_relax_or_none),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
