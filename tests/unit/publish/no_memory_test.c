/* SPDX-License-Identifier: MIT
 * no_memory_test.c - every allocation of the publisher fails once: nothing is lost from its counts, nothing
 * leaks (the sanitizers see to that), and what was accepted ends. */
#include "outgoing.h"

#include "base/alloc.h"

enum { EVENTS = 6 };

static long allowed;

static void *failing(void *ptr, size_t size) {
  if (size == 0) {
    free(ptr);
    return NULL;
  }
  return allowed-- > 0 ? realloc(ptr, size) : NULL;
}

/* Publishes under the shortage, goes on without it; gives whether there was memory for all. */
static bool publish_with(const char *publisher, long limit) {
  static const char *const types[] = {"order.paid", "split.it", "user.made"};
  size_t accepted = 0;
  open_world(publisher, "\"routes\":[{\"pattern\":\"split.*\",\"transport\":\"main\",\"partitions\":2}]");
  allowed = limit;
  evsi_alloc_replace(failing);
  for (int i = 0; i < EVENTS; i++) {
    evs_event event = event_of(types[i % 3], "", (uint64_t)i + 1);
    event.key = evsi_text("k");
    evsi_publisher_publish(world.publisher, &event, 1, NULL, 0, &accepted, NULL);
    run_tasks();
  }
  advance(20);
  bool was_enough = allowed > 0;
  evsi_alloc_replace(NULL);
  for (int i = 0; i < 20 && evsi_publisher_in_flight(world.publisher) > 0; i++) {
    answer_rest();
    advance(10);
  }
  assert_int_equal(evsi_publisher_in_flight(world.publisher), 0);
  close_world();
  return was_enough;
}

static void fail_each(const char *publisher) {
  long limit = 0;
  while (!publish_with(publisher, limit))
    assert_true(++limit < 10000);
  print_message("%ld allocations\n", limit);
  assert_true(limit > 10);
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
