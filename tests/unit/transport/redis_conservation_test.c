/* SPDX-License-Identifier: MIT
 * redis_conservation_test.c - the request `conservation`: what was added for a group equals what became of
 * it, exactly, whatever happens to the entries, and it says so when something was taken behind our back. */
#include <jansson.h>

#include "unit/support/shortage.h"
#include "unit/transport/redis_fixture.h"

static json_t *ask(evs_host *host) {
  json_t *answer = json_loads(request(host, "conservation", "{\"topic\":\"t\"}"), 0, NULL);
  assert_non_null(answer);
  return answer;
}

static json_t *row_in(json_t *answer, const char *group) {
  size_t i;
  json_t *row;
  json_array_foreach(json_object_get(answer, "groups"), i, row) {
    if (strcmp(json_string_value(json_object_get(row, "group")), group) == 0)
      return row;
  }
  fail_msg("there is no row of group %s", group);
  return NULL;
}

typedef struct expected {
  long long published, acknowledged, dead, pending, unread, trimmed, unaccounted;
} expected;

static void expect(evs_host *host, const char *group, const expected *numbers) {
  json_t *answer = ask(host), *row = row_in(answer, group);
  const struct {
    const char *name;
    long long number;
  } all[] = {{"published", numbers->published},
             {"acknowledged", numbers->acknowledged},
             {"dead", numbers->dead},
             {"pending", numbers->pending},
             {"unread", numbers->unread},
             {"trimmed", numbers->trimmed},
             {"unaccounted", numbers->unaccounted}};
  for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
    if (json_integer_value(json_object_get(row, all[i].name)) != all[i].number ||
        !json_is_integer(json_object_get(row, all[i].name)))
      fail_msg("%s is not %lld in %s", all[i].name, all[i].number, json_dumps(row, 0));
  }
  assert_int_equal(json_is_true(json_object_get(row, "holds")), numbers->unaccounted == 0);
  json_decref(answer);
}

/* Asks while the allocation behind so many others fails; gives whether there was such a one. */
static bool ask_short_of(evs_host *host, const char *whole, long allowed) {
  shortage_begin(allowed, false);
  const char *answer = request(host, "conservation", "{\"topic\":\"t\"}");
  bool was_short = shortage_end();
  evs_status status = host->replies[host->reply_count - 1].status;
  if (status == EVS_OK)
    assert_string_equal(answer, whole);
  else
    assert_true(was_short && (status == EVS_NOMEM || status == EVS_TRANSPORT));
  if (status == EVS_TRANSPORT)
    EXPECT_SOON(is_connected, host);
  return was_short;
}

static void without_memory_there_is_no_half_of_an_answer(void **state) {
  (void)state;
  evs_host *host = host_connected(), *other = host_connected();
  join(host, "g", "t");
  join(other, "h", "t");
  publish_and_wait(host, "t", "a.b", 3);
  wait_count(&host->entry_count, 3);
  wait_count(&other->entry_count, 3);
  assert_int_equal(settle_all(host, 0, 3, EVS_SETTLE_ACK), 3);
  char *whole = strdup(request(host, "conservation", "{\"topic\":\"t\"}"));
  for (long allowed = 0; ask_short_of(host, whole, allowed); allowed++)
    assert_true(allowed < 10000);
  free(whole);
  host_close(host);
  host_close(other);
}

/* A member that takes so many entries and no more. */
static evs_host *host_taking(uint32_t credits) {
  evs_host *host = host_connected();
  host->credits_are_spent = 1;
  host->credits = credits;
  join(host, "g", "t");
  return host;
}

static void each_way_an_entry_goes_is_counted(void **state) {
  (void)state;
  evs_host *host = host_taking(100);
  publish_and_wait(host, "t", "a.b", 100);
  wait_count(&host->entry_count, 100);
  assert_int_equal(settle_all(host, 0, 40, EVS_SETTLE_ACK), 40);
  assert_int_equal(settle_all(host, 40, 50, EVS_SETTLE_DEAD_LETTER), 10);
  publish_and_wait(host, "t", "a.b", 7);
  redis_number(&server, "XDEL stream:{t} %s", host->entries[50].offset); /* pending: it becomes a tombstone */
  assert_int_equal(settle_all(host, 50, 51, EVS_SETTLE_DEAD_LETTER), 1);
  expect(host, "g", &(expected){107, 40, 11, 49, 7, 0, 0});
  host_close(host);
}

static void a_group_counts_from_where_it_begins(void **state) {
  (void)state;
  evs_host *host = host_connected();
  publish_and_wait(host, "t", "a.b", 20);
  join(host, "g", "t"); /* from the beginning */
  wait_count(&host->entry_count, 20);
  evs_bytes topics[1] = {bytes("t")};
  evs_tp_group group = {.struct_size = sizeof group, .group = GROUP + 1, .prefetch = 256, .from_new = 1};
  group.name = bytes("late");
  group.consumer = bytes("c");
  group.topics = topics;
  group.topic_count = 1;
  group.subscriptions = bytes("[{\"pattern\":\"*\"}]");
  int before = host->joined;
  evsi_redis_transport.join(host->transport, &group);
  wait_flag(&host->joined, before + 1);
  publish_and_wait(host, "t", "a.b", 5);
  wait_count(&host->entry_count, 30);
  expect(host, "g", &(expected){25, 0, 0, 25, 0, 0, 0});
  expect(host, "late", &(expected){5, 0, 0, 5, 0, 0, 0});
  host_close(host);
}

static void entries_trimmed_by_force_are_accounted_for(void **state) {
  (void)state;
  evs_host *host = host_new(",\"retentionInterval\":100,\"retention\":{\"maxMessages\":100,\"force\":true}");
  EXPECT_SOON(is_connected, host);
  host->credits = 0;
  join(host, "g", "t");
  publish_and_wait(host, "t", "a.b", 3000);
  wait_count((size_t *)&host->trimmed_by_force, 2800);
  long long gone = redis_number(&server, "HGET evs:meta:{t}:g @trimmed");
  assert_true(gone >= 2800);
  expect(host, "g", &(expected){3000, 0, 0, 0, 3000 - gone, gone, 0});
  host_close(host);
}

static void what_others_take_is_missed(void **state) {
  (void)state;
  evs_host *host = host_taking(10);
  publish_and_wait(host, "t", "a.b", 10);
  wait_count(&host->entry_count, 10);
  redis_number(&server, "XACK stream:{t} g %s", host->entries[3].offset);
  expect(host, "g", &(expected){10, 0, 0, 9, 0, 0, 1});
  json_t *answer = ask(host);
  assert_true(json_is_false(json_object_get(answer, "holds")));
  json_decref(answer);
  publish_and_wait(host, "t", "a.b", 10);
  redis_number(&server, "XTRIM stream:{t} MAXLEN = 4"); /* six unread ones, and those before */
  expect(host, "g", &(expected){20, 0, 0, 9, 4, 0, 7});
  host_close(host);
}

static void a_group_without_counters_is_counted_from_now_on(void **state) {
  (void)state;
  evs_host *host = host_connected();
  join(host, "g", "t");
  publish_and_wait(host, "t", "a.b", 10);
  wait_count(&host->entry_count, 10);
  assert_int_equal(settle_all(host, 0, 6, EVS_SETTLE_ACK), 6);
  redis_number(&server, "HDEL evs:meta:{t}:g @base @acked"); /* as an earlier version left it */
  json_t *answer = ask(host);
  assert_true(json_is_true(json_object_get(row_in(answer, "g"), "isNew")));
  json_decref(answer);
  expect(host, "g", &(expected){4, 0, 0, 4, 0, 0, 0});
  assert_int_equal(settle_all(host, 6, 10, EVS_SETTLE_ACK), 4);
  publish_and_wait(host, "t", "a.b", 3);
  wait_count(&host->entry_count, 13);
  expect(host, "g", &(expected){7, 4, 0, 3, 0, 0, 0});
  host_close(host);
}

static void groups_of_others_have_no_counters(void **state) {
  (void)state;
  evs_host *host = host_connected();
  publish_and_wait(host, "t", "a.b", 10);
  redis_number(&server, "XGROUP CREATE stream:{t} foreign 0");
  json_t *answer = ask(host), *row = row_in(answer, "foreign");
  assert_true(json_is_null(json_object_get(row, "holds")));
  assert_int_equal(json_integer_value(json_object_get(row, "unread")), 10);
  assert_true(json_is_true(json_object_get(answer, "holds")));
  json_decref(answer);
  host_close(host);
}

static void it_holds_while_events_come_and_go(void **state) {
  (void)state;
  evs_host *host = host_connected();
  join(host, "g", "t");
  for (int round = 0; round < 20; round++) {
    size_t from = host->entry_count;
    publish(host, "t", "a.b", 500);
    json_t *answer = ask(host), *row = row_in(answer, "g");
    if (!json_is_true(json_object_get(row, "holds")))
      fail_msg("does not hold: %s", json_dumps(row, 0));
    json_decref(answer);
    free(host->replies[--host->reply_count].text);
    wait_count(&host->entry_count, from + 500);
    assert_int_equal(settle_all(host, from, from + 400, EVS_SETTLE_ACK), 400);
  }
  host_close(host);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(without_memory_there_is_no_half_of_an_answer),
      TEST(each_way_an_entry_goes_is_counted),
      TEST(a_group_counts_from_where_it_begins),
      TEST(entries_trimmed_by_force_are_accounted_for),
      TEST(what_others_take_is_missed),
      TEST(a_group_without_counters_is_counted_from_now_on),
      TEST(groups_of_others_have_no_counters),
      TEST(it_holds_while_events_come_and_go),
  };
  return cmocka_run_group_tests(tests, fixture_start, fixture_end);
}
