/* SPDX-License-Identifier: MIT
 * no_memory_test.c - every allocation of the publisher fails once: nothing is lost from its counts, nothing
 * leaks (the sanitizers see to that), and what was accepted ends. */
#include "outgoing.h"

#include "unit/support/shortage.h"

enum { EVENTS = 6 };

/* Publishes under the shortage, goes on without it; gives whether there was memory for all. */
static bool publish_with(const char *publisher, long limit, bool goes_on) {
  static const char *const types[] = {"order.paid", "split.it", "user.made"};
  size_t accepted = 0;
  open_world(publisher, "\"routes\":[{\"pattern\":\"split.*\",\"transport\":\"main\",\"partitions\":2}]");
  shortage_begin(limit, goes_on);
  for (int i = 0; i < EVENTS; i++) {
    evs_event event = event_of(types[i % 3], "", (uint64_t)i + 1);
    event.key = evsi_text("k");
    evsi_publisher_publish(world.publisher, &event, 1, NULL, 0, &accepted, NULL);
    run_tasks();
  }
  advance(20);
  bool was_enough = !shortage_end();
  for (int i = 0; i < 20 && evsi_publisher_in_flight(world.publisher) > 0; i++) {
    answer_rest();
    advance(10);
  }
  assert_int_equal(evsi_publisher_in_flight(world.publisher), 0);
  close_world();
  return was_enough;
}

static void fail_each(const char *publisher) {
  for (int goes_on = 0; goes_on <= 1; goes_on++) {
    long limit = 0, before = 0;
    publish_with(publisher, limit, goes_on);
    for (before = shortage_alive(); !publish_with(publisher, limit, goes_on); limit++)
      assert_true(limit < 10000);
    assert_int_equal(shortage_alive(), before);
    assert_true(limit > 10);
  }
}

static void without_memory_what_goes_at_once_ends(void **state) {
  (void)state;
  fail_each("\"timeout\":1000");
}

static void without_memory_what_waits_for_others_ends(void **state) {
  (void)state;
  fail_each("\"batching\":{\"strategy\":\"partition\",\"maxSize\":2,\"maxWaitMs\":5}");
}

static void without_memory_what_waits_for_a_limit_ends(void **state) {
  (void)state;
  fail_each("\"rateLimiting\":{\"maxRequests\":1,\"timeWindow\":5,\"scope\":\"type\"}");
}

static void without_memory_what_is_compressed_ends(void **state) {
  (void)state;
  fail_each("\"compression\":{\"algorithm\":\"zstd\",\"minBytes\":0},\"batching\":true");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(without_memory_what_goes_at_once_ends),
      cmocka_unit_test(without_memory_what_waits_for_others_ends),
      cmocka_unit_test(without_memory_what_waits_for_a_limit_ends),
      cmocka_unit_test(without_memory_what_is_compressed_ends),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
