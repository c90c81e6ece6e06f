/* SPDX-License-Identifier: MIT
 * redis_retention_test.c - what is trimmed and what never is; dead letters that are too many or too old; and
 * what the request `retention` says about it. */
#include <jansson.h>

#include "unit/transport/redis_fixture.h"

static evs_host *host_with(const char *retention) {
  char options[400];
  snprintf(options, sizeof options, ",\"retentionInterval\":100%s%s", retention[0] ? "," : "", retention);
  evs_host *host = host_new(options);
  EXPECT_SOON(is_connected, host);
  return host;
}

static long long length(void) {
  return redis_length(&server, "t");
}

static bool is_short(void *most) {
  return length() <= *(long long *)most;
}

static void wait_short(long long most) {
  EXPECT_SOON(is_short, &most);
}

/* The row of topic t. */
static json_t *row(evs_host *host) {
  json_t *answer = json_loads(request(host, "retention", "{\"topic\":\"t\"}"), 0, NULL);
  json_t *first = json_incref(json_array_get(json_object_get(answer, "streams"), 0));
  json_decref(answer);
  assert_non_null(first);
  return first;
}

static long long number_in(json_t *object, const char *name) {
  return json_integer_value(json_object_get(object, name));
}

static bool was_looked_at(void *data) {
  (void)data;
  return redis_number(&server, "HGET evs:retention:{t} at") > 0;
}

/* A whole look from now on, at which something could go. */
static void let_it_look(void) {
  redis_number(&server, "HDEL evs:retention:{t} at");
  EXPECT_SOON(was_looked_at, NULL);
}

static void acknowledged_entries_beyond_the_limit_are_trimmed(void **state) {
  (void)state;
  evs_host *host = host_with("\"retention\":{\"maxMessages\":1000}");
  join(host, "g", "t");
  publish_and_wait(host, "t", "a.b", 5000);
  wait_count(&host->entry_count, 5000);
  assert_int_equal(settle_all(host, 0, 5000, EVS_SETTLE_ACK), 5000);
  wait_short(1100);
  assert_true(length() >= 1000);
  let_it_look();
  assert_true(length() >= 1000);
  json_t *found = row(host);
  assert_int_equal(number_in(found, "trimmed"), 5000 - length());
  assert_int_equal(host->trimmed, 5000 - length());
  assert_int_equal(number_in(found, "trimmedByForce"), 0);
  assert_string_equal(json_string_value(json_object_get(found, "state")), "withinLimits");
  json_decref(found);
  host_close(host);
}

static bool is_found(void *data) {
  (void)data;
  return redis_number(&server, "HGET evs:retention:{t} found") > 0;
}

static void a_new_stream_waits_until_all_who_read_by_pattern_have_found_it(void **state) {
  (void)state;
  evs_host *host = host_with("\"retention\":{\"maxMessages\":10},\"discoverInterval\":3600000");
  join(host, "g", "t");
  publish_and_wait(host, "t", "a.b", 500);
  wait_count(&host->entry_count, 500);
  assert_int_equal(settle_all(host, 0, 500, EVS_SETTLE_ACK), 500);
  EXPECT_SOON(is_found, NULL);
  assert_int_equal(length(), 500);
  assert_int_equal(redis_number(&server, "HEXISTS evs:retention:{t} at"), 0);
  redis_number(&server, "XGROUP CREATE stream:{t} late 0"); /* this is what it waited for */
  redis_number(&server, "HINCRBY evs:retention:{t} found %d", -3 * 3600000);
  let_it_look();
  assert_int_equal(length(), 500);
  redis_number(&server, "XGROUP DESTROY stream:{t} late");
  wait_short(110);
  host_close(host);
}

static void what_a_live_group_has_not_acknowledged_stays(void **state) {
  (void)state;
  evs_host *host = host_with("\"retention\":{\"maxMessages\":10,\"maxAge\":1,\"maxSize\":1024}");
  redis_number(&server, "XGROUP CREATE stream:{t} slow 0 MKSTREAM"); /* of others, and it never reads */
  join(host, "g", "t");
  publish_and_wait(host, "t", "a.b", 2000);
  wait_count(&host->entry_count, 2000);
  assert_int_equal(settle_all(host, 0, 2000, EVS_SETTLE_ACK), 2000);
  let_it_look();
  assert_int_equal(length(), 2000);
  json_t *found = row(host), *holder = json_object_get(found, "heldBy");
  assert_string_equal(json_string_value(json_object_get(found, "state")), "held");
  assert_string_equal(json_string_value(json_object_get(holder, "group")), "slow");
  assert_string_equal(json_string_value(json_object_get(holder, "why")), "unread");
  assert_true(number_in(holder, "since") > 1000000000000);
  assert_true(number_in(found, "beyond") >= 1990);
  json_decref(found);
  assert_non_null(strstr(host->last_log, "group slow has unread entries"));
  host_close(host);
}

/* Entries of an hour ago, by their ids: the server's clock decides what is old. */
static void store_an_hour_ago(int count) {
  assert_int_equal(
      redis_number(&server, "EVAL %s 1 stream:{t} %d",
                   "local now = redis.call('TIME')[1] * 1000 for i = 1, ARGV[1] do "
                   "redis.call('XADD', KEYS[1], string.format('%.0f-0', now - 3600000 + i), 'data', "
                   "'{\"v\":1,\"header\":{\"id\":\"e\",\"type\":\"a.b\"},\"body\":1}') end "
                   "return 1",
                   count),
      1);
}

static void a_group_that_is_an_hour_behind_loses_nothing_by_any_limit(void **state) {
  (void)state;
  static const char *const limits[] = {"\"maxMessages\":10", "\"maxAge\":60000", "\"maxSize\":1024"};
  for (size_t i = 0; i < sizeof limits / sizeof limits[0]; i++) {
    char retention[64];
    snprintf(retention, sizeof retention, "\"retention\":{%s}", limits[i]);
    redis_number(&server, "FLUSHALL");
    store_an_hour_ago(500);
    evs_host *host = host_with(retention);
    host->credits = 0;
    join(host, "g", "t");
    publish_and_wait(host, "t", "a.b", 1); /* where something happens it looks at once */
    let_it_look();
    assert_int_equal(length(), 501);
    host->credits = 1000;
    evsi_redis_transport.resume(host->transport, GROUP);
    wait_count(&host->entry_count, 501);
    assert_int_equal(settle_all(host, 0, 250, EVS_SETTLE_ACK), 250);
    let_it_look();
    assert_true(length() >= 251); /* the others are pending */
    assert_int_equal(settle_all(host, 250, 501, EVS_SETTLE_ACK), 251);
    wait_short(110); /* now they go */
    host_close(host);
  }
}

static void a_pending_entry_holds_what_came_after_it(void **state) {
  (void)state;
  evs_host *host = host_with("\"retention\":{\"maxMessages\":10}");
  join(host, "g", "t");
  publish_and_wait(host, "t", "a.b", 2000);
  wait_count(&host->entry_count, 2000);
  assert_int_equal(settle_all(host, 0, 700, EVS_SETTLE_ACK), 700);
  assert_int_equal(settle_all(host, 701, 2000, EVS_SETTLE_ACK), 1299);
  wait_short(1400);
  let_it_look();
  assert_true(length() >= 1300);
  char *first = redis_text(&server, "EVAL %s 1 stream:{t}", "return redis.call('XPENDING', KEYS[1], 'g')[2]");
  assert_string_equal(first, host->entries[700].offset);
  free(first);
  json_t *found = row(host), *holder = json_object_get(found, "heldBy");
  assert_string_equal(json_string_value(json_object_get(holder, "why")), "pending");
  assert_string_equal(json_string_value(json_object_get(found, "floor")), host->entries[700].offset);
  json_decref(found);
  assert_int_equal(settle_all(host, 700, 701, EVS_SETTLE_ACK), 1);
  wait_short(110);
  host_close(host);
}

static void a_stream_without_a_group_is_never_trimmed(void **state) {
  (void)state;
  evs_host *host = host_with("\"retention\":{\"maxMessages\":10}");
  publish_and_wait(host, "t", "a.b", 2000);
  let_it_look();
  assert_int_equal(length(), 2000);
  json_t *found = row(host);
  assert_string_equal(json_string_value(json_object_get(found, "state")), "noGroup");
  json_decref(found);
  assert_non_null(strstr(host->last_log, "has no consumer group"));
  host_close(host);
}

static void a_group_without_a_member_for_a_week_holds_nothing(void **state) {
  (void)state;
  evs_host *host = host_with("\"retention\":{\"maxMessages\":10}");
  redis_number(&server, "XGROUP CREATE stream:{t} left 0 MKSTREAM");
  join(host, "g", "t");
  publish_and_wait(host, "t", "a.b", 2000);
  wait_count(&host->entry_count, 2000);
  assert_int_equal(settle_all(host, 0, 2000, EVS_SETTLE_ACK), 2000);
  let_it_look();
  assert_int_equal(length(), 2000);
  long long week_ago = redis_number(&server, "HGET evs:retention:{t} at") - 604800001;
  redis_number(&server, "HSET evs:retention:{t} g:left %lld", week_ago);
  wait_short(110);
  /* They are lost to it if it ever comes back, which is written down, but nobody was robbed by force. */
  assert_int_equal(redis_number(&server, "HGET evs:meta:{t}:left @trimmed"), 2000 - length());
  assert_int_equal(redis_number(&server, "HGET evs:retention:{t} forced"), 0);
  host_close(host);
}

static void by_force_the_limit_holds_and_what_is_lost_is_counted_exactly(void **state) {
  (void)state;
  evs_host *host = host_with("\"retention\":{\"maxMessages\":500,\"force\":true}");
  host->credits = 0; /* nothing is read */
  redis_number(&server, "XGROUP CREATE stream:{t} half 0 MKSTREAM");
  publish_and_wait(host, "t", "a.b", 150); /* within the limit */
  redis_number(&server, "XREADGROUP GROUP half c COUNT 150 STREAMS stream:{t} >");
  join(host, "g", "t");
  publish_and_wait(host, "t", "a.b", 2850);
  wait_short(600);
  let_it_look();
  assert_true(length() >= 500);
  long long gone = 3000 - length();
  assert_int_equal(redis_number(&server, "HGET evs:meta:{t}:g @trimmed"), gone);
  assert_int_equal(redis_number(&server, "HGET evs:meta:{t}:half @trimmed"), gone - 150);
  assert_int_equal(redis_number(&server, "HGET evs:retention:{t} forced"), gone);
  assert_int_equal(host->trimmed_by_force, gone);
  host_close(host);
}

static void old_entries_go_by_the_time_of_the_server(void **state) {
  (void)state;
  evs_host *host = host_with("\"retention\":{\"maxAge\":3600000}");
  join(host, "g", "t");
  long long now = redis_number(&server, "EVAL %s 0", "return redis.call('TIME')[1] * 1000");
  for (int i = 0; i < 500; i++) /* two hours old */
    redis_number(&server, "XADD stream:{t} %lld-%d data {}", now - 7200000, i + 1);
  publish_and_wait(host, "t", "a.b", 500);
  wait_count(&host->entry_count, 1000);
  assert_int_equal(settle_all(host, 0, 1000, EVS_SETTLE_ACK), 1000);
  wait_short(600);
  let_it_look();
  assert_true(length() >= 500);
  host_close(host);
}

static void a_stream_is_kept_within_its_size(void **state) {
  (void)state;
  evs_host *host = host_with("\"retention\":{\"maxSize\":65536}");
  join(host, "g", "t");
  publish_and_wait(host, "t", "a.b", 5000);
  wait_count(&host->entry_count, 5000);
  assert_int_equal(settle_all(host, 0, 5000, EVS_SETTLE_ACK), 5000);
  wait_short(1500);
  let_it_look();
  long long bytes = redis_number(&server, "MEMORY USAGE stream:{t}");
  assert_true(bytes > 32768 && bytes < 2 * 65536);
  host_close(host);
}

static bool knows_limits(void *data) {
  char *limits = redis_text(&server, "HGET evs:retention:{t} limits");
  bool is = strcmp(limits, data) == 0;
  free(limits);
  return is;
}

static void the_limits_of_a_route_hold_for_every_process(void **state) {
  (void)state;
  evs_host *publisher = host_with("\"retention\":{\"maxMessages\":100000}");
  evs_host *consumer = host_with("");
  evs_tp_event event = {.struct_size = sizeof event, .partition = EVS_PARTITION_NONE, .token = 1};
  event.topic = bytes("t");
  event.full_type = bytes("a.b");
  event.data = bytes("{\"v\":1,\"header\":{\"id\":\"e\",\"type\":\"a.b\"},\"body\":1}");
  event.retention = bytes("{\"maxMessages\":100}");
  join(consumer, "g", "t");
  publish_and_wait(publisher, "t", "a.b", 999);
  evsi_redis_transport.publish(publisher->transport, &event, 1);
  wait_count(&publisher->published_count, 1000);
  EXPECT_SOON(knows_limits, "{\"maxMessages\":100}"); /* the other process may look before this one */
  host_close(publisher);
  assert_true(length() >= 1000);
  wait_count(&consumer->entry_count, 1000);
  assert_int_equal(settle_all(consumer, 0, 1000, EVS_SETTLE_ACK), 1000);
  wait_short(200);
  assert_true(length() >= 100);
  host_close(consumer);
}

static long long dead(void) {
  return redis_dead(&server, "t");
}

static bool is_few(void *most) {
  return dead() <= *(long long *)most;
}

static bool have_240_gone(void *data) {
  return ((evs_host *)data)->trimmed_letters >= 240;
}

static void too_many_dead_letters_go_the_oldest_first_and_the_index_stays_right(void **state) {
  (void)state;
  evs_host *host = host_with("\"dlqRetention\":{\"maxMessages\":10}");
  join(host, "g", "t");
  publish_and_wait(host, "t", "a.b", 250);
  wait_count(&host->entry_count, 250);
  for (size_t i = 0; i < 250; i++) {
    evs_tp_settlement each = settlement_of(&host->entries[i], EVS_SETTLE_DEAD_LETTER);
    each.record = bytes("{\"group\":\"g\",\"error\":{\"class\":\"E\",\"message\":\"no\"},"
                        "\"fingerprint\":\"0123456789abcdef\",\"lastFailureAt\":1,\"requeueCount\":0}");
    evsi_redis_transport.settle(host->transport, &each, 1);
  }
  wait_count(&host->settled_count, 250);
  EXPECT_SOON(have_240_gone, host); /* the host is told after they went */
  assert_int_equal(dead(), 10);
  assert_int_equal(redis_number(&server, "HGET evs:fp:{t} 0123456789abcdef:n"), 10);
  assert_int_equal(redis_number(&server, "HGET evs:retention:{t} letters"), 240);
  assert_int_equal(host->trimmed_letters, 240);
  host_close(host);
}

static void dead_letters_older_than_their_age_go(void **state) {
  (void)state;
  long long one = 1;
  redis_number(&server, "XADD dlq:{t} 1000-1 data x dead {} fp 00ff");
  redis_number(&server, "XADD dlq:{t} * data y dead {} fp 00ff");
  redis_number(&server, "HSET evs:fp:{t} 00ff:n 2");
  redis_number(&server, "HSET evs:notes:{t} 1000-1 {} 1000-2 {}");
  evs_host *host = host_with("");
  join(host, "g", "t");
  EXPECT_SOON(is_few, &one);
  assert_int_equal(dead(), 1);
  assert_int_equal(redis_number(&server, "HEXISTS evs:notes:{t} 1000-1"), 0);
  assert_int_equal(redis_number(&server, "HEXISTS evs:notes:{t} 1000-2"), 1);
  assert_int_equal(redis_number(&server, "HGET evs:fp:{t} 00ff:n"), 1);
  host_close(host);
}

static bool is_kept_short(void *data) {
  (void)data;
  return redis_number(&server, "XLEN stream:t") <= 200 && redis_number(&server, "XLEN dlq:stream:t") == 0;
}

static void streams_of_the_plain_layout_are_kept_within_their_limits_too(void **state) {
  (void)state;
  redis_number(&server, "XADD dlq:stream:t 1000-1 originalId 1-1 originalStream stream:t error no data x");
  evs_host *host = host_with("\"keyLayout\":\"plain\",\"retention\":{\"maxMessages\":100}");
  join(host, "g", "t");
  publish_and_wait(host, "t", "a.b", 3000);
  wait_count(&host->entry_count, 3000);
  assert_int_equal(settle_all(host, 0, 3000, EVS_SETTLE_ACK), 3000);
  EXPECT_SOON(is_kept_short, NULL);
  assert_true(redis_number(&server, "XLEN stream:t") >= 100);
  assert_int_equal(redis_number(&server, "HGET evs:retention:{stream:t} letters"), 1);
  assert_non_null(strstr(request(host, "conservation", "{\"topic\":\"t\"}"), "\"acknowledged\":3000"));
  host_close(host);
}

static void two_processes_do_the_work_of_one(void **state) {
  (void)state;
  evs_host *one = host_with("\"retention\":{\"maxMessages\":100}");
  evs_host *two = host_with("\"retention\":{\"maxMessages\":100}");
  join(one, "g", "t");
  publish_and_wait(two, "t", "a.b", 3000);
  wait_count(&one->entry_count, 3000);
  assert_int_equal(settle_all(one, 0, 3000, EVS_SETTLE_ACK), 3000);
  wait_short(200);
  let_it_look();
  assert_true(length() >= 100);
  assert_int_equal((long long)(one->trimmed + two->trimmed), 3000 - length());
  host_close(one);
  host_close(two);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(acknowledged_entries_beyond_the_limit_are_trimmed),
      TEST(a_new_stream_waits_until_all_who_read_by_pattern_have_found_it),
      TEST(what_a_live_group_has_not_acknowledged_stays),
      TEST(a_group_that_is_an_hour_behind_loses_nothing_by_any_limit),
      TEST(a_pending_entry_holds_what_came_after_it),
      TEST(a_stream_without_a_group_is_never_trimmed),
      TEST(a_group_without_a_member_for_a_week_holds_nothing),
      TEST(by_force_the_limit_holds_and_what_is_lost_is_counted_exactly),
      TEST(old_entries_go_by_the_time_of_the_server),
      TEST(a_stream_is_kept_within_its_size),
      TEST(the_limits_of_a_route_hold_for_every_process),
      TEST(too_many_dead_letters_go_the_oldest_first_and_the_index_stays_right),
      TEST(dead_letters_older_than_their_age_go),
      TEST(streams_of_the_plain_layout_are_kept_within_their_limits_too),
      TEST(two_processes_do_the_work_of_one),
  };
  return cmocka_run_group_tests(tests, fixture_start, fixture_end);
}
