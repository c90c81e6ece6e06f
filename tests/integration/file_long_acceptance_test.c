/* SPDX-License-Identifier: MIT
 * file_long_acceptance_test.c - many events through one file that keeps few: what was published is handled,
 * each once, and neither the file nor the process grows. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "support/counts.h"
#include "support/scene.h"
#include "support/until.h"

enum { BATCH = 128, KEPT = 20000, PARTS = 10, AHEAD = 40000 };

typedef struct flow {
  evs_system *system;
  long count, offered, stored, handled;
  unsigned char *seen;
} flow;

/* Never far ahead of what is handled: it is about many, not about a backlog. */
static void offer(flow *all) {
  evs_event events[BATCH];
  char bodies[BATCH][24];
  size_t count = 0, taken = 0;
  evs_error *error = NULL;
  for (; count < BATCH && all->offered + (long)count < all->count; count++) {
    snprintf(bodies[count], sizeof bodies[count], "%ld", all->offered + (long)count);
    events[count] = host_event("order.placed", bodies[count]);
    events[count].token = (uint64_t)(all->offered + (long)count) + 1;
  }
  if (count == 0 || all->offered - all->handled > AHEAD)
    return;
  evs_status status = evs_publish(all->system, events, count, &taken, &error);
  test_require(status == EVS_OK || status == EVS_QUEUE_FULL, "publishing");
  evs_error_free(error);
  all->offered += (long)taken;
}

static void take_messages(flow *all, const evs_batch *batch) {
  uint64_t deliveries[BATCH];
  size_t count = 0;
  const evs_message *messages = evs_batch_messages(batch, &count);
  for (size_t i = 0; i < count; i++) {
    char body[24];
    snprintf(body, sizeof body, "%.*s", (int)messages[i].body.size, messages[i].body.data);
    long number = strtol(body, NULL, 10);
    test_require(number >= 0 && number < all->count && !all->seen[number], "each event once");
    all->seen[number] = 1;
    deliveries[i] = messages[i].delivery;
  }
  if (count > 0)
    test_require(evs_ack(all->system, deliveries, count, NULL, NULL) == EVS_OK, "acknowledging");
  all->handled += (long)count;
}

static void take(flow *all) {
  evs_batch *batch = NULL;
  evs_error *error = NULL;
  size_t count = 0;
  evs_status status = evs_poll(all->system, EVS_POLL_MESSAGES | EVS_POLL_REPORTS, BATCH, 1, &batch, &error);
  evs_error_free(error);
  if (status != EVS_OK)
    return;
  const evs_report *reports = evs_batch_reports(batch, &count);
  for (size_t i = 0; i < count; i++)
    all->stored += reports[i].kind == EVS_REPORT_PUBLISH && reports[i].outcome == EVS_OUTCOME_STORED;
  take_messages(all, batch);
  evs_batch_release(batch);
}

static long long size_of_file(void) {
  struct stat about;
  test_require(stat(store.place, &about) == 0, "the file");
  return (long long)about.st_size;
}

static long memory_kib(void) {
  char line[256];
  long kib = 0;
  FILE *status = fopen("/proc/self/status", "r");
  while (status && fgets(line, sizeof line, status)) {
    if (strncmp(line, "VmRSS:", 6) == 0)
      kib = strtol(line + 6, NULL, 10);
  }
  if (status)
    fclose(status);
  return kib;
}

static void many_events_go_through_a_file_that_stays_small(void **state) {
  (void)state;
  flow all = {.count = test_count("file_events")};
  long long sizes[PARTS + 1] = {0}, memory[PARTS + 1] = {0};
  all.seen = calloc((size_t)all.count, 1);
  all.system = host_connect("{\"service\":\"shop\",\"transports\":{\"main\":{%s,\"retentionInterval\":100,"
                            "\"retention\":{\"maxMessages\":%d}}}}",
                            store.transport, KEPT);
  host_subscribe(all.system, "{\"pattern\":\"order.*\",\"prefetch\":4096}");
  host_ready(all.system);
  uint64_t begun = test_now_ms();
  for (int part = 0, next = 1; all.handled < all.count || all.stored < all.count;) {
    offer(&all);
    take(&all);
    part = (int)(all.handled * PARTS / all.count);
    if (part < next)
      continue;
    next = part + 1;
    sizes[part] = size_of_file();
    memory[part] = memory_kib();
    print_message("%ld events, %lld ms, file %lld KiB, memory %lld KiB\n", all.handled,
                  (long long)(test_now_ms() - begun), sizes[part] / 1024, memory[part]);
    begun = test_now_ms();
  }
  assert_true(sizes[PARTS] <= 2 * sizes[PARTS / 2]);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__) /* these keep what was freed */
  assert_true(memory[PARTS] <= memory[PARTS / 2] + 65536);
#endif
  json_t *books = host_call(all.system, "conservation", "{}");
  assert_true(json_is_true(json_object_get(books, "holds")));
  json_decref(books);
  TEST_UNTIL(store_length(all.system, "order-events") <= 2 * KEPT);
  host_close(all.system, 10000);
  free(all.seen);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(many_events_go_through_a_file_that_stays_small, scene_file, scene_end),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
