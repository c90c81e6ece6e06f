/* SPDX-License-Identifier: MIT
 * redis_pause_test.c - a member follows what the store says of its group, whatever comes between; and what a
 * system shows of itself is there for a while. */
#include "unit/transport/redis_fixture.h"

enum { BEATS_MS = 1000 /* five times a third of sessionTimeout */ };

static void set_paused(const char *record) {
  redis_number(&server, "HSET evs:paused g %s", record);
}

static bool is_paused(void *data) {
  return ((evs_host *)data)->is_paused == 1;
}

static bool is_resumed(void *data) {
  return ((evs_host *)data)->is_paused == 0;
}

static evs_host *host_joined(void) {
  evs_host *host = host_connected();
  join(host, "g", "t");
  return host;
}

static void a_member_follows_a_pause_and_its_end(void **state) {
  (void)state;
  evs_host *host = host_joined();
  set_paused("{\"by\":\"ann\",\"at\":1,\"reason\":\"a look\"}");
  EXPECT_SOON(is_paused, host);
  assert_non_null(strstr(host->last_log, "group g is paused by ann: a look"));
  publish_and_wait(host, "t", "a.b", 3);
  run_for(BEATS_MS);
  assert_int_equal(host->entry_count, 0);
  redis_number(&server, "HDEL evs:paused g");
  EXPECT_SOON(is_resumed, host);
  wait_count(&host->entry_count, 3);
  host_close(host);
}

static void a_new_member_takes_nothing_of_a_paused_group(void **state) {
  (void)state;
  set_paused("{\"by\":\"ann\",\"at\":1,\"reason\":null}");
  evs_host *host = host_connected();
  publish_and_wait(host, "t", "a.b", 3);
  join(host, "g", "t");
  run_for(BEATS_MS);
  assert_int_equal(host->entry_count, 0);
  assert_int_equal(redis_pending(&server, "t", "g"), 0); /* not even taken and kept back */
  redis_number(&server, "DEL evs:paused");
  wait_count(&host->entry_count, 3);
  host_close(host);
}

static void a_pause_of_another_group_is_none_of_ours(void **state) {
  (void)state;
  redis_number(&server, "HSET evs:paused other {}");
  evs_host *host = host_joined();
  publish_and_wait(host, "t", "a.b", 3);
  wait_count(&host->entry_count, 3);
  host_close(host);
}

static void retries_that_are_due_stay_parked(void **state) {
  (void)state;
  evs_host *host = host_joined();
  publish_and_wait(host, "t", "a.b", 1);
  wait_count(&host->entry_count, 1);
  set_paused("{\"by\":\"ann\"}");
  EXPECT_SOON(is_paused, host);
  assert_int_equal(settle_all(host, 0, 1, EVS_SETTLE_PARK), 1); /* what runs may end, so or so */
  run_for(BEATS_MS);
  assert_int_equal(host->entry_count, 1);
  assert_int_equal(redis_pending_of(&server, "t", "g", "@retry"), 1);
  redis_number(&server, "DEL evs:paused");
  wait_count(&host->entry_count, 2);
  host_close(host);
}

static bool is_connected_again(void *data) {
  return ((evs_host *)data)->reconnects >= 2; /* commands and reader */
}

static void a_pause_outlives_a_lost_connection_and_may_come_with_it(void **state) {
  (void)state;
  evs_host *host = host_joined();
  set_paused("{\"by\":\"ann\"}");
  redis_number(&server, "CLIENT KILL TYPE normal SKIPME yes");
  EXPECT_SOON(is_connected_again, host);
  publish_and_wait(host, "t", "a.b", 3);
  run_for(BEATS_MS);
  assert_int_equal(host->entry_count, 0);
  redis_number(&server, "CLIENT KILL TYPE normal SKIPME yes");
  redis_number(&server, "DEL evs:paused");
  wait_count(&host->entry_count, 3);
  host_close(host);
}

static void a_record_that_cannot_be_read_pauses_as_well(void **state) {
  (void)state;
  evs_host *host = host_joined();
  set_paused("{\"by\"");
  EXPECT_SOON(is_paused, host);
  assert_non_null(strstr(host->last_log, "paused by somebody"));
  host_close(host);
}

static void a_store_that_does_not_tell_stops_nobody(void **state) {
  (void)state;
  redis_number(&server, "SET evs:paused x");
  evs_host *host = host_joined();
  assert_non_null(strstr(host->last_log, "groups cannot be paused"));
  publish_and_wait(host, "t", "a.b", 3);
  wait_count(&host->entry_count, 3);
  request(host, "groups.pause", "{\"group\":\"g\",\"actor\":\"ann\"}");
  assert_int_equal(host->replies[host->reply_count - 1].status, EVS_TRANSPORT);
  host_close(host);
}

/* ---- announcements ------------------------------------------------------------------------------ */

static void announce(evs_host *host, const char *document, uint32_t ttl_ms) {
  evsi_redis_transport.announce(host->transport, bytes("a:b"), bytes("7"), bytes(document), ttl_ms);
}

static bool is_shown(void *data) {
  (void)data;
  return redis_number(&server, "EXISTS evs:fleet:a:b:7") == 1 &&
         redis_number(&server, "ZCARD evs:fleet") == 1;
}

static bool is_hidden(void *data) {
  (void)data;
  return redis_number(&server, "EXISTS evs:fleet:a:b:7") == 0;
}

static void what_is_announced_is_shown_until_its_time_is_over(void **state) {
  (void)state;
  evs_host *host = host_connected();
  announce(host, "{\"x\":1}", 60000);
  EXPECT_SOON(is_shown, host);
  const char *answer = request(host, "fleet", "{}");
  assert_non_null(strstr(answer, "\"service\":\"a:b\",\"instance\":\"7\""));
  assert_non_null(strstr(answer, "\"stats\":{\"x\":1}"));
  announce(host, "{\"x\":2}", 1);
  EXPECT_SOON(is_hidden, host);
  assert_string_equal(request(host, "fleet", "{}"), "{\"instances\":[]}");
  host_close(host);
}

static void closing_waits_until_an_announcement_is_taken_back(void **state) {
  (void)state;
  evs_host *host = host_connected();
  announce(host, "{}", 60000);
  EXPECT_SOON(is_shown, host);
  announce(host, NULL, 0);
  host_close(host);
  assert_int_equal(redis_number(&server, "EXISTS evs:fleet:a:b:7 evs:fleet"), 0);
}

static void names_of_systems_that_nobody_hears_of_are_forgotten(void **state) {
  (void)state;
  evs_host *host = host_connected();
  redis_number(&server, "ZADD evs:fleet 1 gone:1");
  announce(host, "{}", 60000);
  EXPECT_SOON(is_shown, host);
  host_close(host);
}

static void a_store_that_takes_no_announcement_is_told_once(void **state) {
  (void)state;
  evs_host *host = host_connected();
  redis_number(&server, "SET evs:fleet x");
  announce(host, "{}", 60000);
  request(host, "topics", "{}"); /* answered after it */
  assert_non_null(strstr(host->last_log, "showing this system to others"));
  host->last_log[0] = '\0';
  announce(host, "{}", 60000);
  request(host, "topics", "{}");
  assert_string_equal(host->last_log, "");
  host_close(host);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(a_member_follows_a_pause_and_its_end),
      TEST(a_new_member_takes_nothing_of_a_paused_group),
      TEST(a_pause_of_another_group_is_none_of_ours),
      TEST(retries_that_are_due_stay_parked),
      TEST(a_pause_outlives_a_lost_connection_and_may_come_with_it),
      TEST(a_record_that_cannot_be_read_pauses_as_well),
      TEST(a_store_that_does_not_tell_stops_nobody),
      TEST(what_is_announced_is_shown_until_its_time_is_over),
      TEST(closing_waits_until_an_announcement_is_taken_back),
      TEST(names_of_systems_that_nobody_hears_of_are_forgotten),
      TEST(a_store_that_takes_no_announcement_is_told_once),
  };
  return cmocka_run_group_tests(tests, fixture_start, fixture_end);
}
