/* SPDX-License-Identifier: MIT
 * redis_members_acceptance_test.c - several processes in one group: one is killed, one is replaced, one hands
 * back what it holds. Counted from their ledgers and from the server, not from the library's own numbers. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/host.h"
#include "support/members.h"
#include "support/scene.h"
#include "support/until.h"

#define TOPIC "order-events"
#define GROUP "workers"

static const char *const types[] = {"order.created", "order.paid", "order.shipped"};
enum { TYPES = 3, ANY = TYPES, EVENTS_MAX = 10000, HELD = 250, AT_ONCE_MS = 10000 };

/* How often event i was handled by the subscription of a type, or by that of all types. */
static int runs[EVENTS_MAX][TYPES + 1];

static evs_system *connect_publisher(void) {
  return host_connect(
      "{\"service\":\"publisher\",\"transports\":{\"main\":{\"type\":\"redis-streams\",\"url\":\"%s\"}}}",
      store.server.url);
}

/* A member that takes these patterns, "" at the end; more: words for its command line. */
static pid_t start_member(const char *name, const char *const *patterns, const char *const *more) {
  const char *words[40] = {"--url", store.server.url, "--group", GROUP, "--consumer", name};
  int count = 6;
  for (int i = 0; patterns[i]; i++) {
    words[count++] = "--subscribe";
    words[count++] = patterns[i];
  }
  for (int i = 0; more && more[i]; i++)
    words[count++] = more[i];
  pid_t pid = member_start(&book, EVS_MEMBER, words);
  member_ready(&book, pid);
  return pid;
}

static int subscription_of(const ledger_line *line) {
  if (strcmp(line->subscription, "order.*") == 0)
    return ANY;
  for (int i = 0; i < TYPES; i++) {
    if (strcmp(line->subscription, types[i]) == 0)
      return i;
  }
  fail_msg("a handler that nobody registered: %s", line->subscription);
  return -1;
}

/* Counts the ledger anew; fails when a handler ran for a type that is not its own. */
static void count_runs(void) {
  memset(runs, 0, sizeof runs);
  ledger_read(&book);
  for (size_t i = 0; i < book.count; i++) {
    const ledger_line *line = &book.lines[i];
    if (line->ready)
      continue;
    int event = atoi(line->id + 2), subscription = subscription_of(line);
    assert_true(event >= 0 && event < EVENTS_MAX);
    assert_string_equal(line->type, types[event % TYPES]);
    assert_true(subscription == ANY || subscription == event % TYPES);
    assert_int_equal(line->attempt, 1); /* a crash is no failed attempt */
    runs[event][subscription]++;
  }
}

typedef struct tally {
  int missing, repeated; /* events and subscriptions */
} tally;

/* Compares with what should have run: which[i] for type i, which[ANY] for the pattern. */
static tally compare(int events, const bool *which) {
  tally result = {0, 0};
  count_runs();
  for (int i = 0; i < events; i++) {
    const int wanted[] = {which[i % TYPES] ? i % TYPES : -1, which[ANY] ? ANY : -1};
    for (int k = 0; k < 2; k++) {
      if (wanted[k] < 0)
        continue;
      int count = runs[i][wanted[k]];
      result.missing += count == 0;
      result.repeated += count > 1 ? count - 1 : 0;
    }
  }
  return result;
}

static size_t lines_needed(int events, const bool *which) {
  size_t lines = 0;
  for (int i = 0; i < events; i++)
    lines += (size_t)which[i % TYPES] + (size_t)which[ANY];
  return lines;
}

static void a_killed_member_loses_nothing_and_repeats_at_most_what_it_held(void **state) {
  (void)state;
  static const char *const patterns[] = {"order.created", "order.paid", "order.*", NULL};
  static const char *const lively[] = {"--session-timeout", "1000", NULL};
  static const char *const holding[] = {"--session-timeout", "1000", "--hold", "250", NULL};
  static const bool which[] = {true, true, false, true};
  int events = EVENTS_MAX;
  start_member("steady", patterns, lively);
  pid_t doomed = start_member("doomed", patterns, holding);
  evs_system *system = connect_publisher();
  host_publish_many(system, types, TYPES, 0, events / 2);
  TEST_UNTIL(ledger_handled(&book, doomed) >= HELD);
  long long held = redis_pending_of(&store.server, TOPIC, GROUP, "doomed");
  assert_true(held >= 100);
  member_kill(doomed);
  host_publish_many(system, types, TYPES, events / 2, events - events / 2);
  TEST_UNTIL(ledger_handled(&book, 0) >= lines_needed(events, which) + ledger_handled(&book, doomed) &&
             redis_pending(&store.server, TOPIC, GROUP) == 0);
  tally result = compare(events, which);
  assert_int_equal(result.missing, 0);
  assert_true(result.repeated <= (int)ledger_handled(&book, doomed));
  assert_true(result.repeated <= held * 2); /* an entry has at most two handlers */
  assert_int_equal(redis_length(&store.server, TOPIC), events);
  assert_int_equal(redis_dead(&store.server, TOPIC), 0);
  host_close(system, 1000);
}

static void a_rolling_change_of_handlers_loses_nothing(void **state) {
  (void)state;
  static const char *const before[] = {"order.created", "order.paid", NULL};
  static const char *const other[] = {"order.paid", "order.shipped", NULL};
  static const char *const after[] = {"order.created", "order.paid", "order.shipped", NULL};
  static const bool which[] = {true, true, true, false};
  int events = EVENTS_MAX;
  pid_t old = start_member("old", before, NULL);
  pid_t steady = start_member("steady", other, NULL);
  evs_system *system = connect_publisher();
  host_publish_many(system, types, TYPES, 0, events / 3);
  pid_t new = start_member("new", after, NULL);
  host_publish_many(system, types, TYPES, events / 3, events / 3);
  assert_int_equal(member_stop(old), 0);
  host_publish_many(system, types, TYPES, events / 3 * 2, events - events / 3 * 2);
  TEST_UNTIL(ledger_handled(&book, 0) >= (size_t)events && redis_pending(&store.server, TOPIC, GROUP) == 0);
  tally result = compare(events, which);
  assert_int_equal(result.missing, 0);
  assert_int_equal(result.repeated, 0);
  for (size_t i = 0; i < book.count; i++) {
    const ledger_line *line = &book.lines[i];
    assert_true(line->ready || strcmp(line->subscription, line->type) == 0);
    assert_false(line->pid == old && strcmp(line->type, "order.shipped") == 0);
    assert_false(line->pid == steady && strcmp(line->type, "order.created") == 0);
  }
  assert_true(ledger_handled(&book, old) > 0);
  assert_true(ledger_handled(&book, new) > 0);
  assert_int_equal(redis_dead(&store.server, TOPIC), 0);
  host_close(system, 1000);
}

static void events_without_a_handler_here_wait_for_a_member_that_has_it(void **state) {
  (void)state;
  static const char *const created[] = {"order.created", NULL};
  static const char *const shipped[] = {"order.shipped", NULL};
  static const char *const only[] = {"order.shipped"};
  evs_system *system = connect_publisher();
  start_member("one", created, NULL);
  pid_t second = start_member("two", shipped, NULL);
  host_publish_many(system, only, 1, 0, 50);
  TEST_UNTIL(ledger_handled(&book, second) >= 50 && redis_pending(&store.server, TOPIC, GROUP) == 0);
  assert_int_equal(ledger_handled(&book, 0), 50);
  host_close(system, 1000);
}

/* Members that differ are a change under way: whoever has the handler may still come. */
static void events_that_no_member_handles_yet_are_kept_for_one_that_will(void **state) {
  (void)state;
  enum { COUNT = 30 };
  static const char *const created[] = {"order.created", NULL};
  static const char *const paid[] = {"order.paid", NULL};
  static const char *const shipped[] = {"order.shipped", NULL};
  static const char *const only[] = {"order.shipped"};
  evs_system *system = connect_publisher();
  start_member("one", created, NULL);
  start_member("two", paid, NULL);
  host_publish_many(system, only, 1, 0, COUNT);
  TEST_UNTIL(redis_pending_of(&store.server, TOPIC, GROUP, "@retry") == COUNT);
  pid_t third = start_member("three", shipped, NULL);
  TEST_UNTIL(ledger_handled(&book, third) >= COUNT && redis_pending(&store.server, TOPIC, GROUP) == 0);
  assert_int_equal(ledger_handled(&book, 0), COUNT);
  host_close(system, 1000);
}

/* Closing must hand back, not wait for others to find the member dead: its session would last a minute. */
static void what_a_closing_system_holds_goes_to_another_at_once(void **state) {
  (void)state;
  enum { COUNT = 20 };
  static const char *const long_session[] = {"--session-timeout", "60000", NULL};
  static const char *const patterns[] = {"order.created", NULL};
  evs_system *first =
      host_connect("{\"service\":\"first\",\"transports\":{\"main\":{\"type\":\"redis-streams\","
                   "\"url\":\"%s\",\"sessionTimeout\":60000}}}",
                   store.server.url);
  host_subscribe(first, "{\"pattern\":\"order.created\",\"group\":\"" GROUP
                        "\",\"consumer\":\"first\",\"concurrency\":5}");
  host_ready(first);
  host_publish_many(first, types, 1, 0, COUNT);
  for (int i = 0; i < 5; i++)
    host_next(first);
  assert_true(redis_pending_of(&store.server, TOPIC, GROUP, "first") >= 5);
  pid_t second = start_member("second", patterns, long_session);
  uint64_t began = test_now_ms(); /* a beat, by which they would find it anyway, is 20 s away */
  /* However hurried: what is under way to the store is not cut off. */
  assert_int_equal(evs_system_close(first, 1000, NULL), EVS_OK);
  assert_int_equal(evs_system_close(first, 0, NULL), EVS_OK);
  evs_system_release(first);
  assert_true(redis_pending_of(&store.server, TOPIC, GROUP, "first") <= 0);
  TEST_UNTIL(ledger_handled(&book, second) >= COUNT && redis_pending(&store.server, TOPIC, GROUP) == 0);
  assert_true(test_now_ms() - began < AT_ONCE_MS);
  int seen[COUNT] = {0};
  for (size_t i = 0; i < book.count; i++) {
    if (!book.lines[i].ready)
      seen[atoi(book.lines[i].id + 2)]++;
  }
  for (int i = 0; i < COUNT; i++)
    assert_int_equal(seen[i], 1);
}

static void a_stopped_member_hands_back_what_it_had_not_begun(void **state) {
  (void)state;
  enum { COUNT = 100 };
  static const char *const patterns[] = {"order.*", NULL};
  static const char *const slow[] = {"--session-timeout", "60000", "--delay-ms", "20",
                                     "--concurrency",     "1",     NULL};
  static const char *const quick[] = {"--session-timeout", "60000", NULL};
  static const bool which[] = {false, false, false, true};
  pid_t first = start_member("first", patterns, slow);
  evs_system *system = connect_publisher();
  host_publish_many(system, types, TYPES, 0, COUNT);
  TEST_UNTIL(ledger_handled(&book, first) >= 5);
  assert_int_equal(member_stop(first), 0);
  size_t done = ledger_handled(&book, first);
  assert_true(done < COUNT);
  assert_int_equal(redis_pending_of(&store.server, TOPIC, GROUP, "first") <= 0, 1);
  pid_t second = start_member("second", patterns, quick);
  TEST_WITHIN(AT_ONCE_MS,
              ledger_handled(&book, 0) >= COUNT && redis_pending(&store.server, TOPIC, GROUP) == 0);
  tally result = compare(COUNT, which);
  assert_int_equal(result.missing, 0);
  assert_int_equal(result.repeated, 0);
  assert_int_equal(ledger_handled(&book, second), COUNT - done);
  host_close(system, 1000);
}

/* It wakes up in the belief that it still holds what others have taken over and settled. */
static void a_member_that_was_stopped_for_long_harms_nothing_when_it_wakes(void **state) {
  (void)state;
  enum { COUNT = 300 };
  static const char *const patterns[] = {"order.*", NULL};
  static const char *const slow[] = {"--session-timeout", "1000", "--delay-ms", "3", NULL};
  static const char *const lively[] = {"--session-timeout", "1000", NULL};
  static const bool which[] = {false, false, false, true};
  pid_t sleeper = start_member("sleeper", patterns, slow);
  evs_system *system = connect_publisher();
  host_publish_many(system, types, TYPES, 0, COUNT);
  TEST_UNTIL(ledger_handled(&book, sleeper) >= 20);
  assert_int_equal(kill(sleeper, SIGSTOP), 0);
  long long held = redis_pending(&store.server, TOPIC, GROUP);
  start_member("other", patterns, lively);
  TEST_UNTIL(compare(COUNT, which).missing == 0 && redis_pending(&store.server, TOPIC, GROUP) == 0);
  size_t before = ledger_handled(&book, sleeper);
  assert_int_equal(kill(sleeper, SIGCONT), 0);
  /* It works again: in the end it handles new events, too. */
  int published = COUNT;
  TEST_UNTIL(({
    host_publish_many(system, types, TYPES, published, TYPES);
    published += TYPES;
    published >= EVENTS_MAX - TYPES || ledger_handled(&book, sleeper) > before + (size_t)held;
  }));
  TEST_UNTIL(compare(published, which).missing == 0 && redis_pending(&store.server, TOPIC, GROUP) == 0);
  assert_true(compare(published, which).repeated <= held);
  assert_true(ledger_handled(&book, sleeper) > before + (size_t)held);
  assert_int_equal(redis_dead(&store.server, TOPIC), 0);
  host_close(system, 1000);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(a_killed_member_loses_nothing_and_repeats_at_most_what_it_held,
                                      scene_redis, scene_end),
      cmocka_unit_test_setup_teardown(a_rolling_change_of_handlers_loses_nothing, scene_redis, scene_end),
      cmocka_unit_test_setup_teardown(events_without_a_handler_here_wait_for_a_member_that_has_it,
                                      scene_redis, scene_end),
      cmocka_unit_test_setup_teardown(events_that_no_member_handles_yet_are_kept_for_one_that_will,
                                      scene_redis, scene_end),
      cmocka_unit_test_setup_teardown(what_a_closing_system_holds_goes_to_another_at_once, scene_redis,
                                      scene_end),
      cmocka_unit_test_setup_teardown(a_member_that_was_stopped_for_long_harms_nothing_when_it_wakes,
                                      scene_redis, scene_end),
      cmocka_unit_test_setup_teardown(a_stopped_member_hands_back_what_it_had_not_begun, scene_redis,
                                      scene_end),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
