/* SPDX-License-Identifier: MIT
 * batching_test.c - publisher.batching in virtual time: what goes together, when, and in which order; then
 * many random interleavings of publishing, waiting, answers and failures. */
#include "outgoing.h"
#include "support/counts.h"

#define SPLIT "\"routes\":[{\"pattern\":\"split.*\",\"transport\":\"main\",\"partitions\":6}]"

static void publish_at(const char *type, int number, int partition, const char *batch_key) {
  char id[16];
  snprintf(id, sizeof id, "%d", number);
  evs_event event = event_of(type, id, (uint64_t)number + 1);
  event.partition = partition + 1;
  event.batch_key = evsi_text(batch_key);
  publish_event(&event);
  run_tasks();
}

static void publish_range(const char *type, int from, int count) {
  for (int i = from; i < from + count; i++)
    publish_at(type, i, -1, NULL);
}

/* ---- when -------------------------------------------------------------------------------------- */

static void by_size_a_batch_goes_when_it_is_full(void **state) {
  (void)state;
  open_world("\"batching\":{\"maxSize\":3,\"maxWaitMs\":1000}", "");
  publish_range("order.paid", 0, 2);
  assert_int_equal(world.calls, 0);
  publish_range("order.paid", 2, 2);
  assert_int_equal(world.calls, 1);
  assert_int_equal(world.sent_count, 3);
  close_world();
}

static void by_size_nothing_waits_longer_than_it_may(void **state) {
  (void)state;
  open_world("\"batching\":{\"maxSize\":3,\"maxWaitMs\":20}", "");
  publish_range("order.paid", 0, 1);
  advance(15);
  publish_range("order.paid", 1, 1);
  advance(4);
  assert_int_equal(world.calls, 0);
  advance(1);
  assert_int_equal(world.calls, 1);
  assert_int_equal(world.sent_count, 2);
  close_world();
}

static void by_time_the_first_event_says_when_and_a_batch_is_never_too_large(void **state) {
  (void)state;
  open_world("\"batching\":{\"strategy\":\"time\",\"maxSize\":4,\"maxWaitMs\":20}", "");
  publish_range("order.paid", 0, 9);
  advance(19);
  assert_int_equal(world.calls, 0);
  advance(1);
  assert_int_equal(world.calls, 1);
  while (world.sent_count < 9) {
    answer_rest();
    run_tasks();
  }
  assert_int_equal(world.calls, 3);
  assert_int_equal(world.sent[3].call, 0);
  assert_int_equal(world.sent[8].call, 2);
  close_world();
}

static void by_partition_each_fills_by_itself(void **state) {
  (void)state;
  open_world("\"batching\":{\"strategy\":\"partition\",\"maxSize\":2,\"maxWaitMs\":20}", SPLIT);
  publish_at("split.it", 0, 0, NULL);
  publish_at("split.it", 1, 1, NULL);
  publish_at("order.paid", 2, -1, NULL);
  assert_int_equal(world.calls, 0);
  publish_at("split.it", 3, 1, NULL);
  assert_int_equal(world.calls, 1);
  assert_string_equal(world.sent[0].id, "1");
  assert_string_equal(world.sent[1].id, "3");
  advance(20);
  assert_int_equal(world.calls, 3);
  close_world();
}

static void bytes_fill_a_batch_too_and_one_that_has_more_goes_alone(void **state) {
  (void)state;
  open_world("\"batching\":{\"maxBytes\":600,\"maxWaitMs\":1000}", "");
  char body[900];
  memset(body, 'x', sizeof body);
  body[0] = body[sizeof body - 1] = '"';
  publish_range("order.paid", 0, 1);
  evs_event large = event_of("order.paid", "large", 9);
  large.body = evsi_bytes(body, sizeof body);
  publish_event(&large);
  run_tasks();
  assert_int_equal(world.sent_count, 1);
  answer_rest();
  run_tasks();
  assert_int_equal(world.sent_count, 2);
  assert_int_equal(world.calls, 2);
  close_world();
}

static void flush_waits_for_nothing(void **state) {
  (void)state;
  open_world("\"batching\":{\"maxSize\":100,\"maxWaitMs\":60000}", "");
  publish_range("order.paid", 0, 2);
  publish_range("user.made", 2, 1);
  evsi_publisher_flush(world.publisher);
  assert_int_equal(world.calls, 2);
  assert_int_equal(world.sent_count, 3);
  close_world();
}

/* ---- what together ----------------------------------------------------------------------------- */

static void batch_keys_are_kept_apart_and_the_order_stays(void **state) {
  (void)state;
  open_world("\"batching\":{\"maxSize\":4,\"maxWaitMs\":20}", "");
  publish_at("order.paid", 0, -1, "a");
  publish_at("order.paid", 1, -1, "a");
  publish_at("order.paid", 2, -1, "b");
  publish_at("order.paid", 3, -1, NULL);
  while (world.sent_count < 4) {
    answer_rest();
    run_tasks();
  }
  assert_int_equal(world.calls, 3);
  for (size_t i = 0; i < 4; i++)
    assert_int_equal(atoi(world.sent[i].id), i);
  close_world();
}

static void no_more_batches_are_under_way_than_allowed(void **state) {
  (void)state;
  open_world("\"batching\":{\"maxSize\":1,\"maxConcurrentBatches\":2}", "");
  publish_range("order.paid", 0, 1);
  publish_range("user.made", 1, 1);
  publish_range("cart.full", 2, 1);
  assert_int_equal(world.calls, 2);
  answer(&world.sent[1], EVS_OK, 0);
  run_tasks();
  assert_int_equal(world.calls, 3);
  close_world();
}

static void what_failed_goes_before_what_came_later(void **state) {
  (void)state;
  ended reports[8] = {{0}};
  open_world("\"retry\":{\"baseDelay\":10,\"jitter\":0},\"batching\":{\"maxSize\":2}", "");
  publish_range("order.paid", 0, 4);
  assert_int_equal(world.calls, 1);
  answer(&world.sent[0], EVS_TRANSPORT, EVS_TP_TRANSIENT | EVS_TP_NOT_SENT);
  answer(&world.sent[1], EVS_TRANSPORT, EVS_TP_TRANSIENT | EVS_TP_NOT_SENT);
  run_tasks();
  assert_int_equal(take_reports(reports, 8), 0);
  advance(10);
  assert_int_equal(world.calls, 2);
  assert_string_equal(world.sent[2].id, "0");
  assert_string_equal(world.sent[3].id, "1");
  answer_rest();
  run_tasks();
  answer_rest();
  assert_int_equal(take_reports(reports, 8), 4);
  for (uint64_t i = 0; i < 4; i++) {
    assert_int_equal(reports[i].token, i + 1);
    assert_int_equal(reports[i].attempts, i < 2 ? 2 : 1);
  }
  close_world();
}

static void what_waits_past_its_timeout_is_refused_and_makes_room(void **state) {
  (void)state;
  ended reports[8] = {{0}};
  open_world("\"timeout\":50,\"batching\":{\"maxSize\":2,\"maxWaitMs\":1000}", "");
  publish_range("order.paid", 0, 1);
  advance(50);
  assert_int_equal(take_reports(reports, 8), 1);
  assert_int_equal(reports[0].outcome, EVS_OUTCOME_REFUSED);
  publish_range("order.paid", 1, 1);
  assert_int_equal(world.calls, 0);
  publish_range("order.paid", 2, 1);
  assert_int_equal(world.calls, 1);
  close_world();
}

static void what_waits_when_the_system_closes_is_refused(void **state) {
  (void)state;
  ended reports[8] = {{0}};
  open_world("\"batching\":{\"maxWaitMs\":1000}", SPLIT);
  publish_at("split.it", 0, 0, NULL);
  publish_at("split.it", 1, 1, NULL);
  world.link.connected = false;
  evsi_publisher_connected(world.publisher, 0, false, "gone");
  evsi_publisher_abort(world.publisher, "closed");
  assert_int_equal(take_reports(reports, 8), 2);
  assert_int_equal(reports[0].status, EVS_CLOSED);
  assert_int_equal(reports[1].outcome, EVS_OUTCOME_REFUSED);
  close_world();
}

/* ---- random interleavings ---------------------------------------------------------------------- */

enum { EVENTS = 24, PLACES = 7, MAX_SIZE = 3, MAX_WAIT_MS = 5, MAX_BATCHES = 5 };

typedef enum { FATE_STORED, FATE_FAILS, FATE_ONE_REFUSED, FATES } fate;

/* One event of an interleaving. */
typedef struct known {
  int place;
  uint64_t at_us;
  bool is_sent, is_answered, is_reported;
} known;

static struct {
  uint64_t state;
  known events[EVENTS];
  int published, reported;
  size_t seen;             /* entries of world.sent that were judged */
  int last_stored[PLACES]; /* in each place, number of the newest */
  fate fates[SENT_MAX];    /* of a call */
  size_t refused[SENT_MAX];
} run;

static uint64_t roll(uint64_t below) {
  run.state ^= run.state << 13;
  run.state ^= run.state >> 7;
  run.state ^= run.state << 17;
  return run.state % below;
}

static int place_of(const sent *event) {
  return strcmp(event->topic, "split-events") == 0 ? event->partition : PLACES - 1;
}

/* What was given to the transport since the last look; what will be stored is stored in this order. */
static void judge_calls(void) {
  while (run.seen < world.sent_count) {
    size_t first = run.seen, call = world.sent[first].call;
    int place = place_of(&world.sent[first]);
    while (run.seen < world.sent_count && world.sent[run.seen].call == call)
      assert_int_equal(place_of(&world.sent[run.seen++]), place);
    assert_true(run.seen - first <= MAX_SIZE);
    run.fates[call] = roll(4) ? FATE_STORED : (fate)roll(FATES);
    run.refused[call] = first + roll(run.seen - first);
    for (size_t i = first; i < run.seen; i++) {
      int number = atoi(world.sent[i].id);
      run.events[number].is_sent = true;
      if (run.fates[call] == FATE_FAILS || (run.fates[call] == FATE_ONE_REFUSED && i == run.refused[call]))
        continue;
      assert_true(number > run.last_stored[place]);
      run.last_stored[place] = number;
    }
  }
}

static size_t calls_under_way(bool busy[PLACES]) {
  size_t under_way = 0, last = SIZE_MAX;
  memset(busy, 0, PLACES * sizeof *busy);
  for (size_t i = 0; i < world.sent_count; i++) {
    if (world.sent[i].is_answered)
      continue;
    busy[place_of(&world.sent[i])] = true;
    under_way += world.sent[i].call != last;
    last = world.sent[i].call;
  }
  return under_way;
}

/* Only what stands behind a batch that has no answer, or a pause after a failure, waits longer; and timers
 * count whole milliseconds. */
static void judge_waiting(bool pauses) {
  bool busy[PLACES];
  size_t under_way = calls_under_way(busy);
  assert_true(under_way <= MAX_BATCHES);
  for (int i = 0; i < run.published; i++) {
    const known *event = &run.events[i];
    if (!event->is_sent && !pauses && under_way < MAX_BATCHES && !busy[event->place])
      assert_true(world.now_us - event->at_us < (MAX_WAIT_MS + 1) * 1000);
  }
}

static void answer_call(size_t call) {
  for (size_t i = 0; i < world.sent_count; i++) {
    sent *event = &world.sent[i];
    if (event->call != call || event->is_answered)
      continue;
    bool is_refused = run.fates[call] == FATE_ONE_REFUSED && i == run.refused[call];
    run.events[atoi(event->id)].is_answered = run.fates[call] != FATE_FAILS;
    if (run.fates[call] == FATE_FAILS)
      answer(event, EVS_TRANSPORT, EVS_TP_TRANSIENT | EVS_TP_NOT_SENT);
    else
      answer(event, is_refused ? EVS_VALIDATION : EVS_OK, is_refused ? EVS_TP_NOT_SENT : 0);
  }
}

static void answer_some(void) {
  for (size_t i = 0; i < world.sent_count; i++) {
    if (!world.sent[i].is_answered && roll(2)) {
      answer_call(world.sent[i].call);
      return;
    }
  }
}

/* Nobody is told before the store answered, and everybody once. */
static void judge_reports(void) {
  ended reports[EVENTS] = {{0}};
  size_t count = take_reports(reports, EVENTS);
  for (size_t i = 0; i < count; i++) {
    known *event = &run.events[reports[i].token - 1];
    assert_true(event->is_sent && !event->is_reported);
    assert_true(event->is_answered || reports[i].attempts == 4);
    event->is_reported = true;
    run.reported++;
  }
}

static void one_step(void) {
  switch (roll(8)) {
  case 0:
  case 1:
    advance_to(world.now_us + roll(MAX_WAIT_MS * 1000));
    break;
  case 2:
  case 3:
    answer_some();
    run_tasks();
    break;
  case 4:
    if (roll(20) == 0)
      evsi_publisher_flush(world.publisher);
    break;
  default:
    if (run.published == EVENTS)
      break;
    int place = (int)roll(PLACES);
    run.events[run.published] = (known){.place = place, .at_us = world.now_us};
    publish_at(place == PLACES - 1 ? "order.paid" : "split.it", run.published++,
               place == PLACES - 1 ? -1 : place, NULL);
  }
  judge_calls();
  judge_reports();
}

static bool has_failed_lately(void) {
  for (size_t call = 0; call < world.calls; call++) {
    if (run.fates[call] == FATE_FAILS)
      return true;
  }
  return false;
}

static void interleave(uint64_t seed) {
  memset(&run, 0, sizeof run);
  memset(run.last_stored, -1, sizeof run.last_stored);
  run.state = seed * 2654435761u + 88172645463325252u;
  world.sent_count = world.calls = 0;
  while (run.published < EVENTS) {
    one_step();
    judge_waiting(has_failed_lately());
  }
  for (int i = 0; run.reported < EVENTS; i++) {
    if (i == 1000)
      fail_msg("seed %llu: %d of %d events have an outcome", (unsigned long long)seed, run.reported, EVENTS);
    advance(1);
    judge_calls();
    answer_some();
    run_tasks();
    judge_calls();
    judge_reports();
  }
  assert_int_equal(evsi_publisher_in_flight(world.publisher), 0);
}

static void interleave_many(const char *strategy, uint64_t from) {
  char publisher[256];
  snprintf(
      publisher, sizeof publisher,
      "\"retry\":{\"baseDelay\":1,\"maxDelay\":2,\"jitter\":0,\"maxRetries\":3},\"batching\":{\"strategy\":"
      "\"%s\",\"maxSize\":%d,\"maxWaitMs\":%d,\"maxConcurrentBatches\":%d}",
      strategy, MAX_SIZE, MAX_WAIT_MS, MAX_BATCHES);
  open_world(publisher, SPLIT);
  int count = test_count("batch_interleavings") / 3 + 1;
  for (int i = 0; i < count; i++)
    interleave(from + (uint64_t)i);
  close_world();
}

static void interleavings_keep_every_promise_by_size(void **state) {
  (void)state;
  interleave_many("size", 1);
}

static void interleavings_keep_every_promise_by_time(void **state) {
  (void)state;
  interleave_many("time", 1000001);
}

static void interleavings_keep_every_promise_by_partition(void **state) {
  (void)state;
  interleave_many("partition", 2000001);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(by_size_a_batch_goes_when_it_is_full),
      cmocka_unit_test(by_size_nothing_waits_longer_than_it_may),
      cmocka_unit_test(by_time_the_first_event_says_when_and_a_batch_is_never_too_large),
      cmocka_unit_test(by_partition_each_fills_by_itself),
      cmocka_unit_test(bytes_fill_a_batch_too_and_one_that_has_more_goes_alone),
      cmocka_unit_test(flush_waits_for_nothing),
      cmocka_unit_test(batch_keys_are_kept_apart_and_the_order_stays),
      cmocka_unit_test(no_more_batches_are_under_way_than_allowed),
      cmocka_unit_test(what_failed_goes_before_what_came_later),
      cmocka_unit_test(what_waits_past_its_timeout_is_refused_and_makes_room),
      cmocka_unit_test(what_waits_when_the_system_closes_is_refused),
      cmocka_unit_test(interleavings_keep_every_promise_by_size),
      cmocka_unit_test(interleavings_keep_every_promise_by_time),
      cmocka_unit_test(interleavings_keep_every_promise_by_partition),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
