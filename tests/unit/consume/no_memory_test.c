/* SPDX-License-Identifier: MIT
 * no_memory_test.c - the engine while any single allocation fails, its own or one of the JSON library: an
 * entry may come again or stay in the store, and is never lost, never settled twice, and nothing crashes. */
#include "unit/consume/scripted.h"

#include "unit/support/shortage.h"

enum { ALLOCATIONS_MAX = 2000 };

/* What is delivered, and how its handlers end. */
typedef struct play {
  const char *data, *kept;
  uint32_t flags, failure; /* 0: handled well */
} play;

/* Gives whether the engine took it. */
static bool deliver_entry(const play *what) {
  const evs_tp_entry entry = {.struct_size = sizeof entry,
                              .partition = EVS_PARTITION_NONE,
                              .flags = what->flags,
                              .deliveries = 1,
                              .topic = evsi_text("order-events"),
                              .offset = evsi_text(ID),
                              .data = evsi_text(what->data),
                              .state = evsi_text(what->kept)};
  return evsi_consume_deliver(world.consume, world.group, &entry, 1) == 1;
}

static void end_message(const evs_message *message, uint32_t failure) {
  const evs_failure how = {.struct_size = sizeof how,
                           .kind = failure,
                           .delivery = message->delivery,
                           .error_class = evsi_text("Broken"),
                           .message = evsi_text("no luck")};
  if (failure)
    evsi_consume_fail(world.consume, &how, 1);
  else
    evsi_consume_ack(world.consume, &message->delivery, 1);
}

/* Takes and ends what there is; what could not be taken is taken the next time. */
static size_t host_turn(uint32_t failure) {
  bool left;
  evs_batch *batch = evsi_batch_new();
  if (!batch)
    return 0;
  evsi_consume_take(world.consume, batch, MESSAGES_MAX, &left);
  size_t count = batch->message_count;
  for (size_t i = 0; i < count; i++)
    end_message(&batch->messages[i], failure);
  evsi_batch_free(batch);
  turn();
  return count;
}

static bool loses_it(const play *what, const settled *end) {
  return what->failure != 0 && end->kind == EVS_SETTLE_ACK && end->letter_count == 0;
}

/* Plays with the n-th allocation failing; false when there were not as many. */
static bool play_failing_at(const play *what, long n) {
  void *none = NULL;
  assert_int_equal(setup(&none), 0);
  subscribe(ORDERS);
  shortage_begin(n, false);
  bool is_taken = deliver_entry(what);
  host_turn(what->failure);
  bool has_failed = shortage_end();
  while (host_turn(what->failure) > 0) {
  }
  if (is_taken != (world.settled_count > 0))
    fail_msg("allocation %ld fails: an entry that was %s is %s", n, is_taken ? "taken" : "refused",
             is_taken ? "forgotten" : "settled");
  if (is_taken) {
    const settled *end = last(1);
    if (loses_it(what, end))
      fail_msg("the entry is lost when allocation %ld fails", n);
    answer_with(end, 0);
  }
  assert_true(evsi_consume_idle(world.consume, NULL));
  teardown(&none);
  return has_failed;
}

static void play_all(const play *what) {
  long n = 0;
  shortage_of_json(true);
  play_failing_at(what, n); /* what is made once in a process */
  long before = shortage_alive();
  while (n < ALLOCATIONS_MAX && play_failing_at(what, n))
    n++;
  assert_int_equal(shortage_alive(), before);
  shortage_of_json(false);
  assert_in_range(n, 5, ALLOCATIONS_MAX - 1);
}

#define EVENT "{\"v\":1,\"header\":{\"id\":\"e\",\"type\":\"order.paid\"},\"body\":1}"
#define KEPT                                                                                                 \
  "{\"a\":1,\"f\":5,\"t\":6,\"h\":[{\"at\":1}],\"e\":{\"class\":\"E\",\"message\":\"m\",\"stack\":\"\"}}"
#define BATCH                                                                                                \
  "{\"data\":[{\"header\":{\"id\":\"a\",\"type\":\"order.paid\"},\"body\":1},{\"header\":{\"id\":\"b\","     \
  "\"type\":\"order.sent\"},\"body\":2}],\"metadata\":{\"batch\":true}}"

static void an_event_that_is_handled(void **state) {
  (void)state;
  play_all(&(play){EVENT, "", 0, 0});
}

static void an_event_that_fails_and_is_tried_again(void **state) {
  (void)state;
  play_all(&(play){EVENT, KEPT, 0, EVS_FAIL_RETRY});
}

static void an_event_that_fails_for_good(void **state) {
  (void)state;
  play_all(&(play){EVENT, KEPT, 0, EVS_FAIL_REJECT});
}

static void an_event_that_is_handed_back(void **state) {
  (void)state;
  play_all(&(play){EVENT, "", 0, EVS_FAIL_RELEASE});
}

static void several_events_that_fail_for_good(void **state) {
  (void)state;
  play_all(&(play){BATCH, "{\"b\":{\"1\":{\"a\":1}}}", EVS_ENTRY_BATCH, EVS_FAIL_REJECT});
}

static void several_events_that_fail_and_are_tried_again(void **state) {
  (void)state;
  play_all(&(play){BATCH, "", EVS_ENTRY_BATCH, EVS_FAIL_RETRY});
}

static void an_entry_that_cannot_be_read(void **state) {
  (void)state;
  play_all(&(play){"{\"fields\":[]}", "", EVS_ENTRY_MALFORMED, EVS_FAIL_REJECT});
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(an_event_that_is_handled),
      cmocka_unit_test(an_event_that_fails_and_is_tried_again),
      cmocka_unit_test(an_event_that_fails_for_good),
      cmocka_unit_test(an_event_that_is_handed_back),
      cmocka_unit_test(several_events_that_fail_for_good),
      cmocka_unit_test(several_events_that_fail_and_are_tried_again),
      cmocka_unit_test(an_entry_that_cannot_be_read),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
