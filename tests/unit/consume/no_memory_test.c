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
  uint32_t ordering, on_dead_letter;
  const char *options,
      *seen; /* of the subscription, NULL: all orders; the body as a handler sees it, or NULL */
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
                              .state = evsi_text(what->kept),
                              .ordering = what->ordering,
                              .on_dead_letter = what->on_dead_letter};
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
static size_t host_turn(const play *what) {
  bool left;
  evs_batch *batch = evsi_batch_new();
  if (!batch)
    return 0;
  evsi_consume_take(world.consume, batch, MESSAGES_MAX, &left);
  size_t count = batch->message_count;
  for (size_t i = 0; i < count; i++) {
    if (what->seen && !evsi_bytes_equal(batch->messages[i].body, evsi_text(what->seen)))
      fail_msg("a handler sees %.*s", (int)batch->messages[i].body.size, batch->messages[i].body.data);
    end_message(&batch->messages[i], what->failure);
  }
  evsi_batch_free(batch);
  turn();
  return count;
}

static bool loses_it(const play *what, const settled *end) {
  return what->failure != 0 && end->kind == EVS_SETTLE_ACK && end->letter_count == 0;
}

/* A letter that holds up others is one behind which its entry stays, and says so. */
static bool lets_others_pass(const settled *end) {
  bool stays = (end->flags & EVS_SETTLE_STAYS) && json_object_get(end->state, "d");
  return end->kind == EVS_SETTLE_DEAD_LETTER && !(stays && json_object_get(end->record, "holds"));
}

/* Plays with the n-th allocation failing; false when there were not as many. */
static bool play_failing_at(const play *what, long n) {
  void *none = NULL;
  assert_int_equal(setup(&none), 0);
  subscribe(what->options ? what->options : ORDERS);
  shortage_begin(n, false);
  bool is_taken = deliver_entry(what);
  host_turn(what);
  bool has_failed = shortage_end();
  while (host_turn(what) > 0) {
  }
  if (is_taken != (world.settled_count > 0))
    fail_msg("allocation %ld fails: an entry that was %s is %s", n, is_taken ? "taken" : "refused",
             is_taken ? "forgotten" : "settled");
  if (is_taken) {
    const settled *end = last(1);
    if (loses_it(what, end))
      fail_msg("the entry is lost when allocation %ld fails", n);
    if (what->on_dead_letter == EVS_DEAD_LETTER_BLOCK && lets_others_pass(end))
      fail_msg("its letter holds up nobody when allocation %ld fails", n);
    answer_with(end, 0);
  }
  assert_true(evsi_consume_idle(world.consume, NULL));
  teardown(&none);
  return has_failed;
}

static void play_all(const play *what) {
  long n = 0;
  shortage_of_json(true);
  play_failing_at(what, ALLOCATIONS_MAX); /* what is made once in a process */
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
  play_all(&(play){.data = EVENT, .kept = ""});
}

static void an_event_that_fails_and_is_tried_again(void **state) {
  (void)state;
  play_all(&(play){.data = EVENT, .kept = KEPT, .failure = EVS_FAIL_RETRY});
}

static void an_event_that_fails_for_good(void **state) {
  (void)state;
  play_all(&(play){.data = EVENT, .kept = KEPT, .failure = EVS_FAIL_REJECT});
}

static void an_event_that_is_handed_back(void **state) {
  (void)state;
  play_all(&(play){.data = EVENT, .kept = "", .failure = EVS_FAIL_RELEASE});
}

static void an_event_whose_dead_letter_holds_up_others(void **state) {
  (void)state;
  play_all(&(play){.data = EVENT,
                   .kept = KEPT,
                   .failure = EVS_FAIL_REJECT,
                   .ordering = EVS_ORDER_STRICT,
                   .on_dead_letter = EVS_DEAD_LETTER_BLOCK});
}

static void several_events_that_fail_for_good(void **state) {
  (void)state;
  play_all(&(play){.data = BATCH,
                   .kept = "{\"b\":{\"1\":{\"a\":1}}}",
                   .flags = EVS_ENTRY_BATCH,
                   .failure = EVS_FAIL_REJECT});
}

static void several_events_that_fail_and_are_tried_again(void **state) {
  (void)state;
  play_all(&(play){.data = BATCH, .kept = "", .flags = EVS_ENTRY_BATCH, .failure = EVS_FAIL_RETRY});
}

static void an_entry_that_cannot_be_read(void **state) {
  (void)state;
  play_all(&(play){
      .data = "{\"fields\":[]}", .kept = "", .flags = EVS_ENTRY_MALFORMED, .failure = EVS_FAIL_REJECT});
}

#define OTHERS                                                                                               \
  "[{\"consumer\":\"me\",\"self\":true,\"subscriptions\":[{\"pattern\":\"order.*\"}]},{\"consumer\":"        \
  "\"other\","                                                                                               \
  "\"subscriptions\":[{\"pattern\":\"user.*\"}]}]"
enum { VERSION = 7 };

/* Nobody here takes it, and another member does. What is decided of it on less than the whole list of members
 * names no version that the store has. */
static bool hear_of_others_failing_at(long n) {
  static const play what = {.data = "{\"v\":1,\"header\":{\"id\":\"e\",\"type\":\"user.gone\"},\"body\":1}",
                            .kept = ""};
  void *none = NULL;
  assert_int_equal(setup(&none), 0);
  subscribe(ORDERS);
  shortage_begin(n, false);
  members(OTHERS, VERSION);
  bool was_short = shortage_end();
  deliver_entry(&what);
  if (!(last(1)->flags & EVS_SETTLE_CHECK_MEMBERS) || last(1)->members_version != VERSION) {
    assert_true(was_short && (last(1)->flags & EVS_SETTLE_CHECK_MEMBERS));
    members(OTHERS, VERSION);
    answer_with(last(1), EVS_TP_MEMBERS_MOVED);
    evsi_tasks_run(&world.tasks);
  }
  const settled *end = &world.settled[world.settled_count - 1];
  assert_int_equal(end->kind, EVS_SETTLE_HAND_OVER);
  assert_string_equal(end->member, "other");
  answer_with(end, 0);
  teardown(&none);
  return was_short;
}

static void an_event_that_another_member_takes(void **state) {
  (void)state;
  long n = 0;
  shortage_of_json(true);
  hear_of_others_failing_at(ALLOCATIONS_MAX);
  long before = shortage_alive();
  while (hear_of_others_failing_at(n))
    assert_true(++n < ALLOCATIONS_MAX);
  assert_int_equal(shortage_alive(), before);
  shortage_of_json(false);
  assert_true(n > 5);
}

static void register_order(const char *version, const char *text) {
  const evsi_registration in = {.type = evsi_text("order.paid"),
                                .version = evsi_text(version),
                                .text = evsi_text(text),
                                .is_trusted = true};
  evsi_plan plan;
  assert_int_equal(evsi_registry_plan(the_schemas, &in, &plan, NULL), EVS_OK);
  assert_int_equal(evsi_registry_commit(the_schemas, &plan, NULL), EVS_OK);
  evsi_plan_free(&plan);
}

static int with_schemas(void **state) {
  (void)state;
  const evsi_registry_setup setup = {.env = evsi_env_default()};
  shortage_begin(SHORTAGE_NEVER, false); /* counts */
  the_schemas = evsi_registry_new(&setup);
  register_order("1.0.0", "{\"required\":[\"b\"],\"properties\":{\"b\":{\"default\":2}}}");
  register_order("2.0.0", "{\"required\":[\"b\"],\"properties\":{\"b\":{\"default\":3}}}");
  return 0;
}

static int without_schemas(void **state) {
  (void)state;
  evsi_registry_free(the_schemas);
  the_schemas = NULL;
  return 0;
}

#define LACKING                                                                                              \
  "{\"v\":1,\"header\":{\"id\":\"e\",\"type\":\"order.paid\",\"version\":\"1.0.0\"},\"body\":{\"a\":1}}"

static void an_event_that_lacks_what_its_schema_fills_in(void **state) {
  (void)state;
  play_all(&(play){.data = LACKING, .kept = "", .seen = "{\"a\":1,\"b\":2}"});
}

static void an_event_that_is_read_by_another_version(void **state) {
  (void)state;
  play_all(&(play){.data = LACKING,
                   .kept = "",
                   .options = "{\"pattern\":\"order.*\",\"version\":\"2.0.0\"}",
                   .seen = "{\"a\":1,\"b\":3}"});
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(an_event_that_is_handled),
      cmocka_unit_test(an_event_that_fails_and_is_tried_again),
      cmocka_unit_test(an_event_that_fails_for_good),
      cmocka_unit_test(an_event_that_is_handed_back),
      cmocka_unit_test(an_event_whose_dead_letter_holds_up_others),
      cmocka_unit_test(several_events_that_fail_for_good),
      cmocka_unit_test(several_events_that_fail_and_are_tried_again),
      cmocka_unit_test(an_entry_that_cannot_be_read),
      cmocka_unit_test(an_event_that_another_member_takes),
      cmocka_unit_test_setup_teardown(an_event_that_lacks_what_its_schema_fills_in, with_schemas,
                                      without_schemas),
      cmocka_unit_test_setup_teardown(an_event_that_is_read_by_another_version, with_schemas,
                                      without_schemas),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
