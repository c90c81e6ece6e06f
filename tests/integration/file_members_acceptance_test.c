/* SPDX-License-Identifier: MIT
 * file_members_acceptance_test.c - several processes on one file: one is killed, one stands still, all are
 * killed again and again. Counted from their ledgers, not from the library's own numbers. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/host.h"
#include "support/scene.h"
#include "support/until.h"

enum { EVENTS_MAX = 4000, HELD = 100, STORM_MEMBERS = 3, STORM_KILLS = 8 };

static evs_system *connect_publisher(void) {
  return host_connect("{\"service\":\"publisher\",\"transports\":{\"main\":{%s}}}", store.transport);
}

static pid_t start_in(const char *group, const char *pattern, const char *name, const char *const *more) {
  const char *words[40] = {"--file",     store.place, "--group",           group, "--subscribe", pattern,
                           "--consumer", name,        "--session-timeout", "1000"};
  int count = 10;
  for (int i = 0; more && more[i]; i++)
    words[count++] = more[i];
  return member_start(&book, EVS_MEMBER, words);
}

static pid_t start_member(const char *name, const char *const *more) {
  return start_in("workers", "order.*", name, more);
}

static pid_t started(const char *name, const char *const *more) {
  pid_t pid = start_member(name, more);
  member_ready(&book, pid);
  return pid;
}

/* How often each event was handled. */
static int runs[EVENTS_MAX];

static int count_missing(int events) {
  int missing = 0;
  memset(runs, 0, sizeof runs);
  ledger_read(&book);
  for (size_t i = 0; i < book.count; i++) {
    int event = book.lines[i].ready ? -1 : atoi(book.lines[i].id + 2);
    if (event >= 0 && event < EVENTS_MAX)
      runs[event]++;
  }
  for (int i = 0; i < events; i++)
    missing += runs[i] == 0;
  return missing;
}

static long long number_in(evs_system *system, const char *request, const char *list, const char *name) {
  json_t *answer = host_call(system, request, "{}"), *row;
  long long sum = 0;
  size_t i;
  json_array_foreach(json_object_get(answer, list), i, row) {
    sum += json_integer_value(json_object_get(row, name));
  }
  json_decref(answer);
  return sum;
}

static bool is_settled(evs_system *system) {
  return number_in(system, "groups", "groups", "pending") == 0 &&
         number_in(system, "groups", "groups", "lag") == 0;
}

static bool books_balance(evs_system *system) {
  json_t *answer = host_call(system, "conservation", "{}");
  bool holds = json_is_true(json_object_get(answer, "holds"));
  json_decref(answer);
  return holds;
}

static void a_killed_member_loses_nothing_and_repeats_what_it_held_only(void **state) {
  (void)state;
  static const char *const types[] = {"order.placed"};
  static const char *const holding[] = {"--hold", "100", NULL};
  evs_system *system = connect_publisher();
  started("steady", NULL);
  pid_t doomed = started("doomed", holding);
  host_publish_many(system, types, 1, 0, EVENTS_MAX);
  TEST_UNTIL(ledger_handled(&book, doomed) >= HELD);
  member_kill(doomed);
  TEST_UNTIL(is_settled(system));
  assert_int_equal(count_missing(EVENTS_MAX), 0);
  int repeated = 0;
  for (int i = 0; i < EVENTS_MAX; i++)
    repeated += runs[i] - 1;
  assert_true(repeated <= 2 * HELD); /* what it took, and what was on its way to it */
  assert_true(books_balance(system));
  host_close(system, 5000);
}

static void a_member_that_stood_still_is_refused_and_goes_on_as_a_new_one(void **state) {
  (void)state;
  static const char *const types[] = {"order.placed"};
  static const char *const slow[] = {"--delay-ms", "5", "--concurrency", "4", "--prefetch", "16", NULL};
  evs_system *system = connect_publisher();
  pid_t still = started("still", slow);
  started("other", slow);
  host_publish_many(system, types, 1, 0, 200);
  TEST_UNTIL(ledger_handled(&book, still) > 4);
  scene_freeze(still);
  TEST_UNTIL(is_settled(system)); /* the other one took over what it held */
  size_t before = ledger_handled(&book, still);
  kill(still, SIGCONT);
  host_publish_many(system, types, 1, 200, 200);
  TEST_UNTIL(is_settled(system) && ledger_handled(&book, still) > before + 8);
  assert_int_equal(count_missing(400), 0);
  assert_true(books_balance(system));
  host_close(system, 5000);
}

/* Kills come so often that an event may be held at three of them, at the last one alone, which is blame
 * enough (decision 0020): here nothing is to be blamed. */
#define BLAMELESS "--max-crashes", "1000"

static pid_t start_worker(const char *name) {
  static const char *const blameless[] = {BLAMELESS, NULL};
  return start_member(name, blameless);
}

/* A member whose handler fails each time. */
static pid_t start_grave(const char *name) {
  static const char *const failing[] = {BLAMELESS, "--fail",        "Poison", "--max-retries",
                                        "1",       "--retry-delay", "5",      NULL};
  return start_in("graves", "poison.*", name, failing);
}

/* Dead letters that should not be there: of an event that no handler refused, or one more of the same. They
 * are told as they are. */
static int count_surplus(evs_system *system) {
  static int letters[EVENTS_MAX];
  char cursor[64] = "";
  int surplus = 0;
  memset(letters, 0, sizeof letters);
  do {
    json_t *page = host_call(system, "dlq.list", "{\"limit\":500%s%s%s}", *cursor ? ",\"cursor\":\"" : "",
                             cursor, *cursor ? "\"" : "");
    const json_t *next = json_object_get(page, "next"), *letter;
    size_t i;
    json_array_foreach(json_object_get(page, "items"), i, letter) {
      const json_t *header = json_object_get(letter, "header"), *error = json_object_get(letter, "error");
      int event = atoi(json_string_value(json_object_get(header, "id")) + 2);
      if (strcmp(json_string_value(json_object_get(error, "class")), "Poison") == 0 && letters[event]++ == 0)
        continue;
      char *text = json_dumps(letter, JSON_INDENT(2));
      print_error("%s\n", text);
      free(text);
      surplus++;
    }
    snprintf(cursor, sizeof cursor, "%s", json_is_string(next) ? json_string_value(next) : "");
    json_decref(page);
  } while (*cursor);
  return surplus;
}

static void a_storm_of_kills_loses_nothing_and_buries_each_poisonous_event_once(void **state) {
  (void)state;
  static const char *const types[] = {"order.placed", "poison.taken"};
  pid_t workers[STORM_MEMBERS], graves[STORM_MEMBERS];
  char name[16];
  evs_system *system = connect_publisher();
  for (int i = 0; i < STORM_MEMBERS; i++) {
    snprintf(name, sizeof name, "m-%d", i);
    workers[i] = start_worker(name);
    graves[i] = start_grave(name);
  }
  for (int i = 0; i < STORM_KILLS; i++) {
    size_t before = ledger_handled(&book, 0);
    host_publish_many(system, types, 2, i * EVENTS_MAX / STORM_KILLS, EVENTS_MAX / STORM_KILLS);
    TEST_UNTIL(ledger_handled(&book, 0) > before); /* somebody is in the midst of it */
    int victim = i % STORM_MEMBERS;
    member_kill(workers[victim]);
    member_kill(graves[victim]);
    snprintf(name, sizeof name, "n-%d", i);
    workers[victim] = start_worker(name);
    graves[victim] = start_grave(name);
  }
  TEST_UNTIL(count_missing(EVENTS_MAX) == 0 && is_settled(system));
  assert_int_equal(count_surplus(system), 0);
  assert_int_equal(number_in(system, "topics", "topics", "deadLetters"), EVENTS_MAX / 2);
  assert_true(books_balance(system));
  host_close(system, 5000);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(a_killed_member_loses_nothing_and_repeats_what_it_held_only, scene_file,
                                      scene_end),
      cmocka_unit_test_setup_teardown(a_member_that_stood_still_is_refused_and_goes_on_as_a_new_one,
                                      scene_file, scene_end),
      cmocka_unit_test_setup_teardown(a_storm_of_kills_loses_nothing_and_buries_each_poisonous_event_once,
                                      scene_file, scene_end),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
