/* SPDX-License-Identifier: MIT
 * redis_batches_acceptance_test.c - entries in which another program stored many events at once: each event
 * is handled, retried, dead-lettered and requeued by itself, in every group, over a crash and over a close.
 */
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
#define STREAM "stream:{" TOPIC "}"
#define GROUP "shop"
enum { EVENTS = 100, MALFORMED = 50, FEW = 10, HELD = 5, SOON_MS = 50 };

/* ---- what the tests do ------------------------------------------------------------------------ */

static evs_system *connect_host(int retries) {
  return host_connect("{\"service\":\"" GROUP
                      "\",\"transports\":{\"main\":{\"type\":\"redis-streams\",\"url\":\"%s\","
                      "\"sessionTimeout\":1000,\"retry\":{\"maxRetries\":%d,\"baseDelay\":5,\"maxDelay\":20,"
                      "\"jitter\":0}}}}",
                      store.server.url, retries);
}

static pid_t start_member(const char *name, const char *const *more) {
  const char *words[24] = {"--url", store.server.url, "--consumer", name, "--session-timeout", "1000"};
  int count = 6;
  for (int i = 0; more[i]; i++)
    words[count++] = more[i];
  pid_t pid = member_start(&book, EVS_MEMBER, words);
  member_ready(&book, pid);
  return pid;
}

/* The batch as the published library writes it: events e-0, e-1 … with their number as body, types in turn.
 */
static char *batch_text(const char *const *types, int type_count, int count, int malformed) {
  char *text = NULL;
  size_t size = 0;
  FILE *out = open_memstream(&text, &size);
  test_require(out != NULL, "memory for a batch");
  fputs("{\"data\":[", out);
  for (int i = 0; i < count; i++) {
    const char *comma = i > 0 ? "," : "";
    if (i == malformed)
      fprintf(out, "%s{\"header\":7}", comma);
    else
      fprintf(out,
              "%s{\"header\":{\"id\":\"e-%d\",\"type\":\"%s\",\"origin\":\"web\",\"timestamp\":"
              "\"2025-11-23T17:46:40.000Z\",\"version\":\"1.0.0\"},\"body\":%d}",
              comma, i, types[i % type_count], i);
  }
  fprintf(out,
          "],\"metadata\":{\"batch\":true,\"count\":%d,\"timestamp\":1763920000000,\"topic\":\"" TOPIC "\"}}",
          count);
  fclose(out);
  return text;
}

/* Stores it; gives the id of the entry. */
static void store_batch(const char *const *types, int type_count, int count, int malformed, char out_id[40]) {
  char *data = batch_text(types, type_count, count, malformed);
  char *id =
      redis_text(&store.server, "XADD %s * data %s timestamp 1763920000000 topic %s batch true count %d",
                 STREAM, data, TOPIC, count);
  snprintf(out_id, 40, "%s", id);
  test_require(strchr(out_id, '-') != NULL, "the batch is stored");
  free(id);
  free(data);
}

static const char *const created[] = {"order.created"};

static bool all_is_settled(const char *group) {
  return redis_pending(&store.server, TOPIC, group) == 0;
}

static void requeue_all(evs_system *system, const char *group, int expected) {
  json_t *answer = host_call(system, "dlq.requeue", "{\"filter\":{\"group\":\"%s\"}}", group);
  assert_int_equal(json_integer_value(json_object_get(answer, "requeued")), expected);
  json_decref(answer);
}

/* Fields that begin with @ are the group's own. */
static long long kept_states(const char *group) {
  return redis_number(&store.server, "EVAL %s 1 evs:meta:{" TOPIC "}:%s",
                      "local n = 0 for _, name in ipairs(redis.call('HKEYS', KEYS[1])) do "
                      "if string.sub(name, 1, 1) ~= '@' then n = n + 1 end end return n",
                      group);
}

/* ---- tests ------------------------------------------------------------------------------------ */

/* How event i of a hundred ends, by its last digit. */
static void answer(evs_system *system, const host_message *message, int event) {
  bool is_first = message->attempt == 1;
  switch (event % 10) {
  case 1: /* fails twice, then succeeds */
    assert_true(message->attempt < 3 ? host_fail(system, message->delivery, EVS_FAIL_RETRY, "Broken")
                                     : host_ack(system, message->delivery));
    return;
  case 2: /* is rejected at once */
    assert_true(host_fail(system, message->delivery, EVS_FAIL_REJECT, "Refused"));
    return;
  case 3: /* never succeeds */
    assert_true(host_fail(system, message->delivery, EVS_FAIL_RETRY, "Broken"));
    return;
  case 4: /* fails once */
    assert_true(is_first ? host_fail(system, message->delivery, EVS_FAIL_RETRY, "Broken")
                         : host_ack(system, message->delivery));
    return;
  default:
    assert_true(host_ack(system, message->delivery));
  }
}

static int expected_runs(int event) {
  static const int by_digit[10] = {1, 3, 1, 3, 2, 1, 1, 1, 1, 1};
  return event == MALFORMED ? 0 : by_digit[event % 10];
}

/* Answers what comes until nothing is pending; counts runs[i] of event i and looks at its place and attempt.
 */
static void run_all(evs_system *system, const char *id, int runs[EVENTS]) {
  host_message message;
  uint64_t until = test_now_ms() + test_deadline_ms();
  while (!(all_is_settled(GROUP) && host_stat(system, "consumer", "totalMessagesReceived") > 0)) {
    test_require(test_now_ms() < until, "the batch is settled");
    if (!host_take(system, &message, SOON_MS))
      continue;
    int event = atoi(message.body);
    char place[60];
    snprintf(place, sizeof place, "%s/%d", id, event);
    assert_string_equal(message.offset, place);
    assert_string_equal(message.origin, "web");
    assert_int_equal(message.attempt, ++runs[event]);
    answer(system, &message, event);
  }
}

static void see_letters(evs_system *system, const char *id) {
  json_t *list = host_call(system, "dlq.list", "{\"topic\":\"" TOPIC "\",\"limit\":100}");
  size_t i;
  json_t *item;
  int malformed = 0;
  assert_int_equal(json_array_size(json_object_get(list, "items")), 21);
  json_array_foreach(json_object_get(list, "items"), i, item) {
    const char *place = json_string_value(json_object_get(item, "originalId"));
    const char *class = json_string_value(json_object_get(json_object_get(item, "error"), "class"));
    assert_non_null(place);
    assert_memory_equal(place, id, strlen(id));
    int event = atoi(place + strlen(id) + 1);
    bool is_malformed = event == MALFORMED;
    malformed += is_malformed;
    assert_string_equal(class, is_malformed ? "MalformedEntry" : event % 10 == 2 ? "Refused" : "Broken");
    assert_int_equal(json_integer_value(json_object_get(item, "attempts")), is_malformed      ? 0
                                                                            : event % 10 == 2 ? 1
                                                                                              : 3);
    if (!is_malformed)
      assert_int_equal(json_integer_value(json_object_get(item, "body")), event);
  }
  assert_int_equal(malformed, 1);
  json_decref(list);
}

static void each_of_a_hundred_events_in_one_entry_ends_in_its_own_way(void **state) {
  (void)state;
  char id[40];
  int runs[EVENTS] = {0};
  evs_system *system = connect_host(2);
  store_batch(created, 1, EVENTS, MALFORMED, id);
  host_subscribe(system, "{\"pattern\":\"order.created\",\"concurrency\":100}");
  host_ready(system);
  run_all(system, id, runs);
  for (int i = 0; i < EVENTS; i++)
    assert_int_equal(runs[i], expected_runs(i));
  TEST_UNTIL(host_stat(system, "consumer", "acknowledgedMessages") == EVENTS - 21);
  assert_int_equal(host_stat(system, "consumer", "deadLetteredMessages"), 21);
  assert_int_equal(host_stat(system, "consumer", "malformedMessages"), 1);
  assert_int_equal(redis_dead(&store.server, TOPIC), 21);
  assert_int_equal(kept_states(GROUP), 0);
  see_letters(system, id);
  requeue_all(system, GROUP, 21);
  for (int i = 0; i < 20; i++) { /* now as entries of their own */
    host_message message = host_next(system);
    assert_null(strchr(message.offset, '/'));
    assert_int_equal(message.attempt, 1);
    assert_true(strlen(message.requeue) > 0);
    runs[atoi(message.body)] += 100;
    assert_true(host_ack(system, message.delivery));
  }
  for (int i = 0; i < EVENTS; i++) {
    bool was_dead = i != MALFORMED && (i % 10 == 2 || i % 10 == 3);
    assert_int_equal(runs[i] / 100, was_dead);
  }
  TEST_UNTIL(all_is_settled(GROUP) &&
             redis_dead(&store.server, TOPIC) == 1); /* what is malformed remains so */
  host_close(system, 1000);
}

static void a_group_that_fails_gets_its_letters_and_the_other_group_goes_on(void **state) {
  (void)state;
  char id[40];
  static const char *const bad[] = {"--group",       "mail",   "--subscribe",
                                    "order.created", "--fail", "MailServerDown",
                                    "--max-retries", "0",      NULL};
  static const char *const mended[] = {"--group", "mail", "--subscribe", "order.created", NULL};
  pid_t failing = start_member("mail", bad);
  evs_system *system = connect_host(0);
  host_subscribe(system, "{\"pattern\":\"order.created\",\"concurrency\":100}");
  host_ready(system);
  store_batch(created, 1, EVENTS, -1, id);
  for (int i = 0; i < EVENTS; i++)
    assert_true(host_ack(system, host_next(system).delivery));
  TEST_UNTIL(redis_dead(&store.server, TOPIC) == EVENTS && all_is_settled(GROUP) && all_is_settled("mail"));
  assert_int_equal(ledger_handled(&book, failing), EVENTS);
  assert_int_equal(member_stop(failing), 0);
  pid_t member = start_member("mail", mended);
  requeue_all(system, "mail", EVENTS);
  TEST_UNTIL(ledger_handled(&book, member) >= EVENTS && all_is_settled("mail") && all_is_settled(GROUP));
  assert_int_equal(ledger_handled(&book, member), EVENTS);
  assert_int_equal(host_stat(system, "consumer", "totalMessagesReceived"), EVENTS);
  TEST_UNTIL(host_stat(system, "consumer", "requeuedElsewhere") == EVENTS);
  host_close(system, 1000);
}

static void what_a_killed_member_had_of_a_batch_is_handled_and_what_was_settled_stays_so(void **state) {
  (void)state;
  char id[40];
  static const char *const hold[] = {"--group", GROUP, "--subscribe", "order.created", "--hold", "5", NULL};
  static const char *const take[] = {"--group", GROUP, "--subscribe", "order.created", NULL};
  evs_system *system = connect_host(3);
  host_subscribe(system, "{\"pattern\":\"order.created\",\"concurrency\":100,\"retry\":{\"maxRetries\":3,"
                         "\"baseDelay\":1500,\"maxDelay\":1500,\"jitter\":0}}");
  host_ready(system);
  store_batch(created, 1, EVENTS, -1, id);
  for (int i = 0; i < EVENTS; i++) {
    host_message message = host_next(system);
    assert_true(atoi(message.body) < FEW ? host_fail(system, message.delivery, EVS_FAIL_RETRY, "Broken")
                                         : host_ack(system, message.delivery));
  }
  TEST_UNTIL(redis_pending_of(&store.server, TOPIC, GROUP, "@retry") == 1);
  host_close(system, 5000);
  pid_t killed = start_member("holds", hold);
  TEST_UNTIL(ledger_handled(&book, killed) == HELD);
  member_kill(killed);
  pid_t heir = start_member("takes", take);
  TEST_UNTIL(ledger_handled(&book, heir) == FEW && all_is_settled(GROUP));
  int seen[EVENTS] = {0};
  for (size_t i = 0; i < book.count; i++) {
    const ledger_line *line = &book.lines[i];
    if (line->ready || line->pid != heir)
      continue;
    assert_int_equal(line->attempt, 2); /* a crash is no failed attempt */
    seen[atoi(line->id + 2)]++;
  }
  for (int i = 0; i < EVENTS; i++)
    assert_int_equal(seen[i], i < FEW);
  assert_int_equal(redis_dead(&store.server, TOPIC), 0);
}

static void closing_hands_back_the_events_of_a_batch_that_nobody_handled(void **state) {
  (void)state;
  char id[40];
  evs_system *first = connect_host(0), *second = connect_host(0);
  bool was_handled[EVENTS] = {false};
  host_subscribe(first, "{\"pattern\":\"order.created\",\"concurrency\":5}");
  host_ready(first);
  store_batch(created, 1, EVENTS, -1, id);
  for (int i = 0; i < FEW; i++) {
    host_message message = host_next(first);
    was_handled[atoi(message.body)] = true;
    assert_true(host_ack(first, message.delivery));
  }
  host_close(first, 5000);
  host_subscribe(second, "{\"pattern\":\"order.created\",\"concurrency\":100}");
  host_ready(second);
  for (int i = FEW; i < EVENTS; i++) {
    host_message message = host_next(second);
    assert_false(was_handled[atoi(message.body)]);
    was_handled[atoi(message.body)] = true;
    assert_int_equal(message.attempt, 1);
    assert_int_equal(message.deliveries, 1); /* handing back is not counted */
    assert_true(host_ack(second, message.delivery));
  }
  TEST_UNTIL(all_is_settled(GROUP));
  host_close(second, 1000);
}

static void members_that_handle_different_types_share_a_batch(void **state) {
  (void)state;
  char id[40];
  static const char *const types[] = {"order.created", "order.paid"};
  static const char *const creates[] = {"--group", GROUP, "--subscribe", "order.created", NULL};
  static const char *const pays[] = {"--group", GROUP, "--subscribe", "order.paid", NULL};
  pid_t one = start_member("one", creates), two = start_member("two", pays);
  store_batch(types, 2, EVENTS, -1, id);
  TEST_UNTIL(ledger_handled(&book, 0) >= EVENTS && all_is_settled(GROUP));
  assert_int_equal(ledger_handled(&book, one), EVENTS / 2);
  assert_int_equal(ledger_handled(&book, two), EVENTS / 2);
  assert_int_equal(redis_dead(&store.server, TOPIC), 0);
}

/* A dead letter that holds a whole batch, as it was stored by hand or died as a whole. */
static void a_dead_letter_that_is_a_whole_batch_comes_back_as_all_its_events(void **state) {
  (void)state;
  evs_system *system = connect_host(0);
  host_subscribe(system, "{\"pattern\":\"order.created\",\"concurrency\":100}");
  host_ready(system);
  host_publish(system, "order.created", "0");
  assert_true(host_ack(system, host_next(system).delivery));
  char *data = batch_text(created, 1, FEW, -1);
  assert_true(redis_number(&store.server,
                           "XADD dlq:{" TOPIC "} * data %s timestamp 1 topic %s batch true count 10 dead %s",
                           data, TOPIC, "{\"group\":\"" GROUP "\",\"attempts\":3}") > 0);
  free(data);
  requeue_all(system, GROUP, 1);
  for (int i = 0; i < FEW; i++) {
    host_message message = host_next(system);
    assert_int_equal(atoi(message.body), i);
    assert_non_null(strchr(message.offset, '/'));
    assert_non_null(strstr(message.requeue, "\"group\":\"" GROUP "\""));
    assert_true(host_ack(system, message.delivery));
  }
  TEST_UNTIL(all_is_settled(GROUP));
  host_close(system, 1000);
}

static void a_field_that_says_batch_over_anything_else_makes_one_dead_letter(void **state) {
  (void)state;
  evs_system *system = connect_host(0);
  host_subscribe(system, "{\"pattern\":\"order.created\"}");
  host_ready(system);
  assert_true(redis_number(&store.server, "XADD %s * data %s batch true", STREAM,
                           "{\"data\":[{\"header\":{\"id\"") > 0);
  assert_true(redis_number(&store.server, "XADD %s * data %s batch true", STREAM, "{\"data\":[]}") > 0);
  assert_true(redis_number(&store.server, "XADD %s * other %s batch true", STREAM, "x") > 0);
  host_publish(system, "order.created", "7");
  host_message message = host_next(system);
  assert_string_equal(message.body, "7");
  assert_true(host_ack(system, message.delivery));
  TEST_UNTIL(redis_dead(&store.server, TOPIC) == 3 && all_is_settled(GROUP));
  char *fields = redis_text(&store.server, "EVAL %s 1 dlq:{" TOPIC "}",
                            "return redis.call('XRANGE', KEYS[1], '-', '+', 'COUNT', 1)[1][2][3]");
  assert_string_equal(fields, "batch"); /* the entry stays as it was */
  free(fields);
  host_close(system, 1000);
}

/* Reads on from positions; gives how many events came and where the next call goes on. */
static size_t tail(evs_system *system, json_t **positions, int expected_first) {
  char *from = *positions ? json_dumps(*positions, 0) : strdup("null");
  json_t *page = host_call(
      system, "tail", "{\"topics\":[\"" TOPIC "\"],\"from\":\"start\",\"positions\":%s,\"limit\":5}", from);
  const json_t *entries = json_object_get(page, "entries");
  size_t i;
  json_t *entry;
  json_array_foreach(entries, i, entry) {
    assert_int_equal(json_integer_value(json_object_get(entry, "body")), expected_first + (int)i);
  }
  size_t count = json_array_size(entries);
  json_decref(*positions);
  *positions = json_incref(json_object_get(page, "positions"));
  json_decref(page);
  free(from);
  return count;
}

static void tail_shows_each_event_and_never_cuts_a_batch(void **state) {
  (void)state;
  char id[40], place[48];
  json_t *positions = NULL;
  evs_system *system = connect_host(0);
  store_batch(created, 1, FEW, -1, id);
  host_publish(system, "order.created", "10");
  assert_int_equal(tail(system, &positions, 0), FEW); /* the limit is 5 */
  assert_int_equal(tail(system, &positions, FEW), 1);
  json_decref(positions);
  json_t *newest = host_call(system, "tail", "{\"topics\":[\"" TOPIC "\"],\"limit\":2}");
  const json_t *entries = json_object_get(newest, "entries");
  assert_int_equal(json_array_size(entries), 2);
  snprintf(place, sizeof place, "%s/%d", id, FEW - 1);
  assert_string_equal(json_string_value(json_object_get(json_array_get(entries, 0), "offset")), place);
  json_decref(newest);
  host_close(system, 1000);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, scene_redis, scene_end)

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(each_of_a_hundred_events_in_one_entry_ends_in_its_own_way),
      TEST(a_group_that_fails_gets_its_letters_and_the_other_group_goes_on),
      TEST(what_a_killed_member_had_of_a_batch_is_handled_and_what_was_settled_stays_so),
      TEST(closing_hands_back_the_events_of_a_batch_that_nobody_handled),
      TEST(members_that_handle_different_types_share_a_batch),
      TEST(a_dead_letter_that_is_a_whole_batch_comes_back_as_all_its_events),
      TEST(tail_shows_each_event_and_never_cuts_a_batch),
      TEST(a_field_that_says_batch_over_anything_else_makes_one_dead_letter),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
