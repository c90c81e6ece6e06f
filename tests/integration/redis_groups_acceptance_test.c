/* SPDX-License-Identifier: MIT
 * redis_groups_acceptance_test.c - groups that are paused and resumed over several processes, and the view of
 * the systems that are connected. Counted from ledgers and from the server. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/host.h"
#include "support/members.h"
#include "support/scene.h"
#include "support/until.h"

#define TOPIC "order-events"
#define GROUP "workers"
#define HEARTBEATS "evs:hb:{" TOPIC "}:" GROUP

static const char *const type[] = {"order.paid"};
enum { EVENTS_MAX = 1000, BEATS = 4 };

static evs_system *connect_operator(void) {
  return host_connect("{\"service\":\"operator\",\"transports\":{\"main\":{\"type\":\"redis-streams\","
                      "\"url\":\"%s\"}},\"fleet\":{\"interval\":100}}",
                      store.server.url);
}

static pid_t start_member(const char *name, const char *delay_ms) {
  const char *const words[] = {"--url",
                               store.server.url,
                               "--group",
                               GROUP,
                               "--consumer",
                               name,
                               "--subscribe",
                               "order.*",
                               "--delay-ms",
                               delay_ms,
                               "--fleet-interval",
                               "100",
                               "--session-timeout",
                               "1200",
                               "--concurrency",
                               "2",
                               NULL};
  pid_t pid = member_start(&book, EVS_MEMBER, words);
  member_ready(&book, pid);
  return pid;
}

/* ---- what the fleet shows ---------------------------------------------------------------------- */

typedef struct fleet {
  int members;       /* rows of the service "member" */
  int paused, quiet; /* of them: with their group paused; with no handler running */
} fleet;

static fleet look(evs_system *system) {
  fleet seen = {0};
  json_t *answer = host_call(system, "fleet", "{}"), *row;
  size_t i;
  json_array_foreach(json_object_get(answer, "instances"), i, row) {
    const json_t *stats = json_object_get(row, "stats");
    const json_t *first = json_array_get(json_object_get(stats, "subscriptions"), 0);
    if (strcmp(json_string_value(json_object_get(row, "service")), "member") != 0)
      continue;
    assert_true(json_equal(json_object_get(row, "instance"), json_object_get(stats, "instance")));
    assert_true(json_is_integer(json_object_get(row, "at")) &&
                json_is_integer(json_object_get(row, "ageMs")));
    seen.members++;
    seen.paused += json_is_true(json_object_get(first, "paused"));
    seen.quiet += json_integer_value(json_object_get(first, "inFlight")) == 0;
  }
  json_decref(answer);
  return seen;
}

/* Handlers that run in the process `pid`. */
static long long in_flight_of(evs_system *system, pid_t pid) {
  long long count = 0;
  json_t *answer = host_call(system, "fleet", "{}"), *row;
  size_t i;
  json_array_foreach(json_object_get(answer, "instances"), i, row) {
    const json_t *stats = json_object_get(row, "stats");
    const json_t *first = json_array_get(json_object_get(stats, "subscriptions"), 0);
    if (json_integer_value(json_object_get(stats, "pid")) == pid)
      count = json_integer_value(json_object_get(first, "inFlight"));
  }
  json_decref(answer);
  return count;
}

static bool all_stand_still(evs_system *system, int members) {
  fleet seen = look(system);
  return seen.members == members && seen.paused == members && seen.quiet == members;
}

/* ---- beats, by which members follow ------------------------------------------------------------- */

static long long beats_of(const char *name) {
  char *names =
      redis_text(&store.server, "EVAL %s 1 %s %s",
                 "for _, f in ipairs(redis.call('HKEYS', KEYS[1])) do if string.sub(f, 1, #ARGV[1]) == "
                 "ARGV[1] then return redis.call('HGET', KEYS[1], f) end end return '0'",
                 HEARTBEATS, name);
  long long beats = strtoll(names, NULL, 10);
  free(names);
  return beats;
}

/* Long enough for a member to do what it must not do. */
static void wait_beats(const char *name) {
  long long before = beats_of(name);
  TEST_UNTIL(beats_of(name) >= before + BEATS);
}

static void change(evs_system *system, const char *method) {
  json_decref(host_call(system, method, "{\"group\":\"" GROUP "\",\"actor\":\"ann\",\"reason\":\"look\"}"));
}

/* Every event once, however often its group was paused. */
static void expect_each_once(int events) {
  int seen[EVENTS_MAX] = {0};
  TEST_UNTIL(ledger_handled(&book, 0) >= (size_t)events && redis_pending(&store.server, TOPIC, GROUP) == 0);
  for (size_t i = 0; i < book.count; i++) {
    if (!book.lines[i].ready)
      seen[atoi(book.lines[i].id + 2)]++;
  }
  for (int i = 0; i < events; i++)
    assert_int_equal(seen[i], 1);
}

/* ---- pausing ------------------------------------------------------------------------------------ */

static void a_pause_stops_every_member_and_a_resume_loses_nothing(void **state) {
  (void)state;
  evs_system *system = connect_operator();
  start_member("one", "3");
  start_member("two", "3");
  host_publish_many(system, type, 1, 0, 400);
  TEST_UNTIL(ledger_handled(&book, 0) >= 20);
  change(system, "groups.pause");
  TEST_UNTIL(all_stand_still(system, 2));
  size_t handled = ledger_handled(&book, 0);
  assert_true(handled < 400);
  host_publish_many(system, type, 1, 400, 100);
  wait_beats("c:one#");
  wait_beats("c:two#");
  assert_int_equal(ledger_handled(&book, 0), handled);
  assert_int_equal(redis_pending_of(&store.server, TOPIC, GROUP, "one#"), 0);
  assert_int_equal(redis_pending_of(&store.server, TOPIC, GROUP, "two#"), 0);
  change(system, "groups.resume");
  expect_each_once(500);
  host_close(system, 1000);
}

static void idle_members_that_wait_in_a_read_are_paused_too(void **state) {
  (void)state;
  evs_system *system = connect_operator();
  host_publish_many(system, type, 1, 0, 1);
  start_member("one", "0");
  TEST_UNTIL(ledger_handled(&book, 0) == 1 && redis_pending(&store.server, TOPIC, GROUP) == 0);
  change(system, "groups.pause");
  TEST_UNTIL(all_stand_still(system, 1));
  host_publish_many(system, type, 1, 1, 10);
  wait_beats("c:one#");
  assert_int_equal(ledger_handled(&book, 0), 1);
  assert_int_equal(redis_pending(&store.server, TOPIC, GROUP), 0);
  change(system, "groups.resume");
  expect_each_once(11);
  host_close(system, 1000);
}

static void a_pause_outlives_all_members_and_holds_for_new_ones(void **state) {
  (void)state;
  evs_system *system = connect_operator();
  pid_t first = start_member("one", "0");
  host_publish_many(system, type, 1, 0, 10);
  TEST_UNTIL(ledger_handled(&book, 0) == 10);
  change(system, "groups.pause");
  assert_int_equal(member_stop(first), 0);
  host_close(system, 1000);
  system = connect_operator();
  host_publish_many(system, type, 1, 10, 10);
  start_member("two", "0");
  wait_beats("c:two#");
  assert_int_equal(ledger_handled(&book, 0), 10);
  change(system, "groups.resume");
  expect_each_once(20);
  host_close(system, 1000);
}

static void what_a_dead_member_held_waits_for_the_resume(void **state) {
  (void)state;
  evs_system *system = connect_operator();
  start_member("one", "0");
  pid_t doomed = start_member("doomed", "60000"); /* takes two and never ends */
  int events = 0;
  TEST_UNTIL(({
    if (events < EVENTS_MAX && ledger_handled(&book, 0) == (size_t)events) { /* it has none of those so far */
      host_publish_many(system, type, 1, events, 10);
      events += 10;
    }
    in_flight_of(system, doomed) > 0; /* not only read, which a pause would hand back */
  }));
  change(system, "groups.pause");
  TEST_UNTIL(look(system).paused == 2 && redis_pending_of(&store.server, TOPIC, GROUP, "one#") == 0 &&
             redis_pending_of(&store.server, TOPIC, GROUP, "doomed#") == in_flight_of(system, doomed));
  size_t handled = ledger_handled(&book, 0);
  long long held = redis_pending_of(&store.server, TOPIC, GROUP, "doomed#");
  assert_true(held > 0);
  member_kill(doomed);
  wait_beats("c:one#"); /* longer than a session */
  wait_beats("c:one#");
  assert_int_equal(redis_pending_of(&store.server, TOPIC, GROUP, "doomed#"), held);
  assert_int_equal(ledger_handled(&book, 0), handled);
  change(system, "groups.resume");
  expect_each_once(events);
  host_close(system, 1000);
}

static json_t *row_of_group(evs_system *system) {
  json_t *answer = host_call(system, "groups", "{}");
  json_t *row = json_incref(json_array_get(json_object_get(answer, "groups"), 0));
  json_decref(answer);
  return row;
}

static void groups_say_who_paused_them_and_where_their_members_are(void **state) {
  (void)state;
  evs_system *system = connect_operator();
  pid_t pid = start_member("one", "60000");
  host_publish_many(system, type, 1, 0, 1);
  TEST_UNTIL(redis_pending(&store.server, TOPIC, GROUP) == 1);
  json_t *answer = host_call(system, "groups.pause", "{\"group\":\"" GROUP "\",\"reason\":\"a look\"}");
  json_t *row = row_of_group(system), *paused = json_object_get(row, "paused");
  assert_true(json_equal(json_object_get(answer, "paused"), paused));
  assert_ptr_equal(strstr(json_string_value(json_object_get(paused, "by")), "operator@"),
                   json_string_value(json_object_get(paused, "by")));
  assert_string_equal(json_string_value(json_object_get(paused, "reason")), "a look");
  json_int_t at = json_integer_value(json_object_get(paused, "at"));
  json_int_t oldest = json_integer_value(json_object_get(row, "oldestPendingAt"));
  assert_true(oldest > 0 && oldest <= at);
  const json_t *member = json_array_get(json_object_get(row, "members"), 0);
  assert_int_equal(json_integer_value(json_object_get(member, "pid")), pid);
  assert_true(json_is_string(json_object_get(member, "host")));
  json_decref(answer);
  json_decref(row);
  answer = host_call(system, "groups.resume", "{\"group\":\"" GROUP "\"}");
  row = row_of_group(system);
  assert_true(json_is_null(json_object_get(answer, "paused")));
  assert_true(json_is_null(json_object_get(row, "paused")));
  json_decref(answer);
  json_decref(row);
  host_close(system, 1000);
}

static void a_pause_and_a_resume_are_in_the_log(void **state) {
  (void)state;
  static const char *const actions[] = {"groups.resume", "groups.resume", "groups.pause"}; /* newest first */
  static const char *const results[] = {"nothing", "done", "done"};
  evs_system *system = connect_operator();
  change(system, "groups.pause");
  change(system, "groups.resume");
  change(system, "groups.resume");
  json_t *answer = host_call(system, "audit", "{}"), *items = json_object_get(answer, "items"), *row;
  size_t i;
  assert_int_equal(json_array_size(items), 3);
  json_array_foreach(items, i, row) {
    assert_string_equal(json_string_value(json_object_get(row, "action")), actions[i]);
    assert_string_equal(json_string_value(json_object_get(row, "result")), results[i]);
    assert_string_equal(json_string_value(json_object_get(row, "actor")), "ann");
    assert_string_equal(json_string_value(json_object_get(row, "reason")), "look");
    assert_string_equal(json_string_value(json_object_get(json_object_get(row, "scope"), "group")), GROUP);
  }
  json_decref(answer);
  host_close(system, 1000);
}

static void refused(evs_system *system, const char *params) {
  char *answer = NULL;
  assert_int_equal(evs_call(system, "groups.pause", params, strlen(params), 0, &answer, NULL),
                   EVS_VALIDATION);
}

static void wrong_arguments_of_a_pause_are_refused(void **state) {
  (void)state;
  evs_system *system = connect_operator();
  char long_text[1024];
  refused(system, "{}");
  refused(system, "{\"group\":\"\"}");
  refused(system, "{\"group\":7}");
  refused(system, "{\"group\":\"g\",\"reason\":7}");
  refused(system, "{\"group\":\"g\",\"actor\":7}");
  refused(system, "{\"group\":\"g\",\"actor\":\"\"}");
  snprintf(long_text, sizeof long_text, "{\"group\":\"g\",\"actor\":\"%0201d\"}", 0);
  refused(system, long_text);
  snprintf(long_text, sizeof long_text, "{\"group\":\"g\",\"reason\":\"%0501d\"}", 0);
  refused(system, long_text);
  assert_int_equal(redis_number(&store.server, "EXISTS evs:paused"), 0);
  host_close(system, 1000);
}

/* ---- the fleet ---------------------------------------------------------------------------------- */

static void systems_appear_and_vanish_when_they_close_or_die(void **state) {
  (void)state;
  evs_system *system = connect_operator();
  pid_t closes = start_member("one", "0"), dies = start_member("two", "0");
  TEST_UNTIL(look(system).members == 2);
  assert_int_equal(member_stop(closes), 0);
  assert_int_equal(look(system).members, 1); /* at once, not by its time to live */
  assert_int_equal(redis_number(&store.server, "ZCARD evs:fleet"), 2);
  member_kill(dies);
  TEST_UNTIL(look(system).members == 0);
  host_close(system, 1000);
  assert_int_equal(redis_number(&store.server, "KEYS evs:fleet:*"), 0);
}

static void a_system_that_must_not_be_seen_writes_nothing(void **state) {
  (void)state;
  evs_system *system = connect_operator();
  evs_system *hidden = host_connect(
      "{\"service\":\"member\",\"transports\":{\"main\":{\"type\":\"redis-streams\",\"url\":\"%s\"}},"
      "\"fleet\":{\"enabled\":false,\"interval\":100}}",
      store.server.url);
  host_publish_many(hidden, type, 1, 0, 1);
  TEST_UNTIL(redis_number(&store.server, "ZCARD evs:fleet") == 1);
  host_close(hidden, 1000);
  assert_int_equal(redis_number(&store.server, "KEYS evs:fleet:*"), 1);
  host_close(system, 1000);
}

static void what_is_no_document_of_a_system_is_left_out(void **state) {
  (void)state;
  evs_system *system = connect_operator();
  static const char *const names[] = {"ZADD", "evs:fleet", "1", "member:a", "2", "member:b",   "3", "nothing",
                                      "4",    ":c",        "5", "member:",  "6", "member:\xff"};
  redis_words(&store.server, sizeof names / sizeof names[0], names);
  redis_number(&store.server, "SET evs:fleet:member:a %s", "{\"broken\"");
  redis_number(&store.server, "SET evs:fleet:member:b %s", "[1]");
  redis_number(&store.server, "SET evs:fleet:nothing %s", "{}");
  TEST_UNTIL(redis_number(&store.server, "ZCARD evs:fleet") >= 1);
  assert_int_equal(look(system).members, 0);
  host_close(system, 1000);
}

/* ---- another's decisions ------------------------------------------------------------------------ */

static json_t *explained(const char *config, const char *query) {
  char *text = NULL;
  evs_error *error = NULL;
  if (evs_explain_config(config, strlen(config), query, strlen(query), &text, &error) != EVS_OK)
    fail_msg("%s", evs_error_json(error));
  json_t *root = json_loads(text, 0, NULL);
  evs_string_free(text);
  return root;
}

static json_t *explained_by_itself(evs_system *system, const char *query) {
  char *text = NULL;
  assert_int_equal(evs_explain(system, query, strlen(query), &text, NULL), EVS_OK);
  json_t *root = json_loads(text, 0, NULL);
  evs_string_free(text);
  return root;
}

static void the_fleet_carries_what_explains_as_the_system_itself_does(void **state) {
  (void)state;
  static const char *const queries[] = {"{\"type\":\"order.paid\"}",
                                        "{\"type\":\"user.created\",\"originPrefix\":\"us\"}",
                                        "{\"type\":\"order.sent\",\"key\":\"7\"}", "{\"type\":\"no..type\"}"};
  evs_system *reader = connect_operator();
  evs_system *system = host_connect(
      "{\"service\":\"shop\",\"originPrefix\":\"eu.de\",\"origins\":[\"eu.de\",\"us\"],\"transports\":{"
      "\"main\":{\"type\":\"redis-streams\",\"url\":\"%s\"},\"side\":{\"type\":\"memory\"}},\"routing\":{"
      "\"topicMapping\":{\"user.*\":\"people\"},\"routes\":[{\"name\":\"paid\",\"pattern\":\"order.paid\","
      "\"transports\":[\"main\",\"side\"],\"topic\":\"money\"},{\"pattern\":\"*.order.*\",\"transport\":"
      "\"main\","
      "\"partitions\":4}]},\"fleet\":{\"interval\":100}}",
      store.server.url);
  host_subscribe(system, "{\"pattern\":\"order.*\",\"name\":\"all\",\"transport\":\"side\"}");
  host_subscribe(system, "{\"pattern\":\"user.*\",\"origins\":[\"us\"],\"transport\":\"side\"}");
  json_t *document = NULL;
  TEST_UNTIL(({
    json_t *answer = host_call(reader, "fleet", "{}"), *row;
    size_t i;
    json_array_foreach(json_object_get(answer, "instances"), i, row) {
      const json_t *stats = json_object_get(row, "stats");
      if (json_array_size(json_object_get(stats, "subscriptions")) == 2 && !document)
        document = json_deep_copy(stats);
    }
    json_decref(answer);
    document != NULL;
  }));
  char *config = json_dumps(document, 0);
  assert_null(strstr(config, store.server.url)); /* where its store is concerns nobody here */
  for (size_t i = 0; i < sizeof queries / sizeof queries[0]; i++) {
    json_t *theirs = explained_by_itself(system, queries[i]), *ours = explained(config, queries[i]);
    assert_true(json_equal(theirs, ours));
    json_decref(theirs);
    json_decref(ours);
  }
  free(config);
  json_decref(document);
  host_close(system, 1000);
  host_close(reader, 1000);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, scene_redis, scene_end)

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(a_pause_stops_every_member_and_a_resume_loses_nothing),
      TEST(idle_members_that_wait_in_a_read_are_paused_too),
      TEST(a_pause_outlives_all_members_and_holds_for_new_ones),
      TEST(what_a_dead_member_held_waits_for_the_resume),
      TEST(groups_say_who_paused_them_and_where_their_members_are),
      TEST(a_pause_and_a_resume_are_in_the_log),
      TEST(wrong_arguments_of_a_pause_are_refused),
      TEST(systems_appear_and_vanish_when_they_close_or_die),
      TEST(a_system_that_must_not_be_seen_writes_nothing),
      TEST(what_is_no_document_of_a_system_is_left_out),
      TEST(the_fleet_carries_what_explains_as_the_system_itself_does),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
