/* SPDX-License-Identifier: MIT
 * gate_test.c - publisher.rateLimiting as the publisher applies it: who waits, who is refused, in which order
 * and when they go on. */
#include "outgoing.h"

static void publish_some(const char *type, int from, int count) {
  for (int i = from; i < from + count; i++) {
    char id[16];
    snprintf(id, sizeof id, "e-%d", i);
    publish(type, id, (uint64_t)i + 1);
  }
  run_tasks();
}

static void events_past_the_limit_wait_and_go_on_in_their_order(void **state) {
  (void)state;
  open_world("\"rateLimiting\":{\"maxRequests\":3,\"timeWindow\":100}", "");
  publish_some("order.paid", 0, 8);
  assert_int_equal(world.sent_count, 3);
  assert_int_equal(evsi_publisher_in_flight(world.publisher), 8);
  advance(99);
  assert_int_equal(world.sent_count, 3);
  advance(1);
  assert_int_equal(world.sent_count, 6);
  advance(100);
  assert_int_equal(world.sent_count, 8);
  for (size_t i = 0; i < 8; i++) {
    char id[16];
    snprintf(id, sizeof id, "e-%zu", i);
    assert_string_equal(world.sent[i].id, id);
  }
  assert_int_equal(counted(EVSI_COUNT_RATE_LIMITED), 5);
  close_world();
}

static unsigned roll(unsigned *seed) {
  *seed = *seed * 1103515245 + 12345;
  return *seed >> 8;
}

static void never_more_pass_than_a_window_allows_however_they_come(void **state) {
  (void)state;
  enum { REQUESTS = 7, WINDOW_US = 50000 };
  unsigned seed = 7;
  for (int round = 0; round < 200; round++) {
    open_world("\"rateLimiting\":{\"maxRequests\":7,\"timeWindow\":50}", "");
    for (int i = 0; i < 60; i++) {
      publish_some("order.paid", i, 1);
      advance_to(world.now_us + (uint64_t)(roll(&seed) % 3 ? roll(&seed) % 500 : roll(&seed) % 40000));
    }
    advance(2000);
    assert_int_equal(world.sent_count, 60);
    for (size_t i = REQUESTS; i < 60; i++)
      assert_true(world.sent[i].at_us - world.sent[i - REQUESTS].at_us >= WINDOW_US);
    close_world();
  }
}

static void with_reject_an_event_past_the_limit_is_refused_and_says_when_the_next_passes(void **state) {
  (void)state;
  ended reports[4] = {{0}};
  open_world("\"rateLimiting\":{\"maxRequests\":1,\"timeWindow\":100,\"onLimit\":\"reject\"}", "");
  publish_some("order.paid", 0, 1);
  advance(40);
  publish_some("order.paid", 1, 1);
  assert_int_equal(take_reports(reports, 4), 1);
  assert_int_equal(reports[0].token, 2);
  assert_int_equal(reports[0].status, EVS_RATE_LIMITED);
  assert_int_equal(reports[0].outcome, EVS_OUTCOME_REFUSED);
  assert_non_null(strstr(reports[0].message, "in 60 ms"));
  assert_int_equal(counted(EVSI_COUNT_SEND_INVALID), 0);
  assert_int_equal(evsi_publisher_in_flight(world.publisher), 1);
  advance(60);
  publish_some("order.paid", 2, 1);
  assert_int_equal(world.sent_count, 2);
  close_world();
}

static void with_scope_type_each_type_has_a_limit_of_its_own(void **state) {
  (void)state;
  open_world("\"rateLimiting\":{\"maxRequests\":1,\"timeWindow\":100,\"scope\":\"type\"}", "");
  publish_some("order.paid", 0, 2);
  publish_some("order.sent", 2, 2);
  assert_int_equal(world.sent_count, 2);
  advance(100);
  assert_int_equal(world.sent_count, 4);
  close_world();
}

static void with_scope_topic_types_of_a_topic_share_one(void **state) {
  (void)state;
  open_world("\"rateLimiting\":{\"maxRequests\":1,\"timeWindow\":100,\"scope\":\"topic\"}", "");
  publish_some("order.paid", 0, 1);
  publish_some("order.sent", 1, 1);
  publish_some("user.made", 2, 1);
  assert_int_equal(world.sent_count, 2);
  assert_string_equal(world.sent[1].topic, "user-events");
  close_world();
}

static void an_event_that_waits_past_its_timeout_is_refused_and_others_go_on(void **state) {
  (void)state;
  ended reports[4] = {{0}};
  open_world("\"timeout\":1000,\"rateLimiting\":{\"maxRequests\":1,\"timeWindow\":200}", "");
  publish_some("order.paid", 0, 1);
  evs_event hasty = event_of("order.paid", "hasty", 7);
  hasty.timeout_ms = 150;
  publish_event(&hasty);
  publish_some("order.paid", 2, 1);
  advance(150);
  assert_int_equal(take_reports(reports, 4), 1);
  assert_int_equal(reports[0].token, 7);
  assert_int_equal(reports[0].status, EVS_TIMEOUT);
  assert_int_equal(reports[0].outcome, EVS_OUTCOME_REFUSED);
  advance(50);
  assert_int_equal(world.sent_count, 2);
  assert_string_equal(world.sent[1].id, "e-2");
  close_world();
}

static void what_waits_when_the_system_closes_is_refused(void **state) {
  (void)state;
  ended reports[4] = {{0}};
  open_world("\"rateLimiting\":{\"maxRequests\":1,\"timeWindow\":200}", "");
  publish_some("order.paid", 0, 2);
  evsi_publisher_abort(world.publisher, "closed");
  assert_int_equal(take_reports(reports, 4), 2);
  assert_int_equal(reports[0].outcome + reports[1].outcome, EVS_OUTCOME_REFUSED + EVS_OUTCOME_UNKNOWN);
  close_world();
}

static void another_limit_holds_at_once_and_keeps_the_order(void **state) {
  (void)state;
  open_world("\"rateLimiting\":{\"maxRequests\":1,\"timeWindow\":1000}", "");
  publish_some("order.paid", 0, 5);
  publish_some("user.made", 5, 1);
  evsi_rate_limiting wider = world.config->publisher.rate_limiting;
  wider.scope = EVSI_RATE_PER_TOPIC;
  wider.rate.max_requests = 2;
  evsi_publisher_limit(world.publisher, &wider);
  run_tasks();
  assert_int_equal(world.sent_count, 4);
  wider.enabled = false;
  evsi_publisher_limit(world.publisher, &wider);
  publish_some("order.paid", 6, 1);
  assert_int_equal(world.sent_count, 7);
  static const char *const orders[] = {"e-0", "e-1", "e-2", "e-3", "e-4", "e-6"};
  size_t next = 0;
  for (size_t i = 0; i < world.sent_count; i++) {
    if (strcmp(world.sent[i].topic, "order-events") == 0)
      assert_string_equal(world.sent[i].id, orders[next++]);
  }
  publish_some("order.paid", 7, 1);
  assert_int_equal(world.sent_count, 8);
  close_world();
}

static void what_waits_for_many_limits_goes_on_in_the_order_it_came(void **state) {
  (void)state;
  enum { TYPES = 13, EVENTS = 52, PASS = 20 };
  bool passed[EVENTS] = {false};
  open_world("\"rateLimiting\":{\"maxRequests\":1,\"timeWindow\":1000,\"scope\":\"type\"}", "");
  for (int i = 0; i < EVENTS; i++) {
    char type[32];
    snprintf(type, sizeof type, "order.n%d", (i * i + i / TYPES) % TYPES);
    publish_some(type, i, 1);
  }
  size_t first = world.sent_count;
  assert_in_range(first, 2, TYPES);
  for (size_t i = 0; i < first; i++)
    passed[atoi(world.sent[i].id + 2)] = true;
  evsi_rate_limiting one = world.config->publisher.rate_limiting;
  one.scope = EVSI_RATE_PER_SYSTEM;
  one.rate.max_requests = PASS;
  evsi_publisher_limit(world.publisher, &one);
  run_tasks();
  assert_int_equal(world.sent_count, first + PASS);
  for (size_t i = first, event = 0; i < world.sent_count; i++, event++) {
    while (passed[event])
      event++;
    assert_int_equal(atoi(world.sent[i].id + 2), event);
  }
  close_world();
}

/* Types beyond the bound share a limiter, and those at rest make room. */
static void any_number_of_types_takes_bounded_memory(void **state) {
  (void)state;
  open_world(
      "\"maxInFlight\":100000,\"rateLimiting\":{\"maxRequests\":1,\"timeWindow\":1000,\"scope\":\"type\"}",
      "");
  for (int i = 0; i < 10010; i++) {
    char type[32];
    snprintf(type, sizeof type, "order.n%d", i);
    publish(type, "", 0);
    if (world.sent_count > SENT_MAX / 2 || i % 500 == 499) {
      run_tasks();
      answer_rest();
      world.sent_count = 0;
    }
  }
  run_tasks();
  answer_rest();
  assert_int_equal(counted(EVSI_COUNT_RATE_LIMITED), 9);
  close_world();
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(events_past_the_limit_wait_and_go_on_in_their_order),
      cmocka_unit_test(never_more_pass_than_a_window_allows_however_they_come),
      cmocka_unit_test(with_reject_an_event_past_the_limit_is_refused_and_says_when_the_next_passes),
      cmocka_unit_test(with_scope_type_each_type_has_a_limit_of_its_own),
      cmocka_unit_test(with_scope_topic_types_of_a_topic_share_one),
      cmocka_unit_test(an_event_that_waits_past_its_timeout_is_refused_and_others_go_on),
      cmocka_unit_test(what_waits_when_the_system_closes_is_refused),
      cmocka_unit_test(another_limit_holds_at_once_and_keeps_the_order),
      cmocka_unit_test(what_waits_for_many_limits_goes_on_in_the_order_it_came),
      cmocka_unit_test(any_number_of_types_takes_bounded_memory),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
