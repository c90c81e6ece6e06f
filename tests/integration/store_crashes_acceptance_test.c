/* SPDX-License-Identifier: MIT
 * store_crashes_acceptance_test.c - an event with which every process that handles it ends, and events that
 * were only near when a process was killed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "support/members.h"
#include "support/scene.h"
#include "support/until.h"

#define TOPIC "order-events"
#define GROUP "workers"

static const char *const type[] = {"order.paid"};
enum { COUNT = 60, POISON = 25, MAX_CRASHES = 3 };

static evs_system *connect_publisher(void) {
  return host_connect("{\"service\":\"publisher\",\"transports\":{\"main\":{%s}}}", store.transport);
}

static pid_t start_member(const char *name, const char *option, const char *value) {
  const char *words[] = {store.option,  store.place, "--group",           GROUP, "--consumer", name,
                         "--subscribe", "order.*",   "--session-timeout", "600", option,       value,
                         NULL};
  pid_t pid = member_start(&book, EVS_MEMBER, words);
  member_ready(&book, pid);
  return pid;
}

/* How often event i was handled. */
static int runs_of(int event) {
  int runs = 0;
  char id[16];
  snprintf(id, sizeof id, "e-%d", event);
  ledger_read(&book);
  for (size_t i = 0; i < book.count; i++)
    runs += !book.lines[i].ready && strcmp(book.lines[i].id, id) == 0;
  return runs;
}

static void an_event_that_ends_its_process_each_time_is_dead_after_max_crashes(void **state) {
  (void)state;
  char poison[16];
  int ended = 0;
  snprintf(poison, sizeof poison, "e-%d", POISON);
  evs_system *system = connect_publisher();
  host_publish_many(system, type, 1, 0, COUNT);
  while (store_dead(system, TOPIC) == 0) {
    pid_t pid = start_member("doomed", "--crash", poison);
    bool has_ended = false;
    TEST_UNTIL((has_ended = has_ended || member_ended(pid)) || store_dead(system, TOPIC) == 1);
    ended += has_ended;
    assert_true(ended <= MAX_CRASHES);
  }
  TEST_UNTIL(store_pending(system, TOPIC, GROUP) == 0);
  assert_int_equal(ended, MAX_CRASHES);
  assert_int_equal(store_dead(system, TOPIC), 1);
  for (int i = 0; i < COUNT; i++) {
    if (i == POISON)
      assert_int_equal(runs_of(i), 0); /* it never came to an end */
    else
      assert_in_range(runs_of(i), 1, 1 + MAX_CRASHES);
  }
  json_t *page = host_call(system, "dlq.list", "{\"limit\":10}");
  const json_t *letter = json_array_get(json_object_get(page, "items"), 0);
  assert_string_equal(json_string_value(json_object_get(json_object_get(letter, "header"), "id")), poison);
  assert_string_equal(json_string_value(json_object_get(json_object_get(letter, "error"), "class")),
                      "CrashLoop");
  json_decref(page);
  host_close(system, 1000);
}

/* Kills from outside hit whatever is there: nothing is dead by that. */
static void events_that_were_only_near_are_never_dead(void **state) {
  (void)state;
  evs_system *system = connect_publisher();
  host_publish_many(system, type, 1, 0, COUNT);
  for (int i = 0; i < MAX_CRASHES; i++) { /* once more, and one of them might be alone then */
    pid_t pid = start_member("near", "--hold", "1000");
    TEST_UNTIL(store_pending(system, TOPIC, GROUP) > 0);
    member_kill(pid);
  }
  start_member("steady", NULL, NULL);
  TEST_UNTIL(store_pending(system, TOPIC, GROUP) == 0 && ledger_handled(&book, 0) >= COUNT);
  assert_int_equal(store_dead(system, TOPIC), 0);
  host_close(system, 1000);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      SCENE_ON_BOTH(an_event_that_ends_its_process_each_time_is_dead_after_max_crashes),
      SCENE_ON_BOTH(events_that_were_only_near_are_never_dead),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
