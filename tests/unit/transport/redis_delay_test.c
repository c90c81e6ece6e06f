/* SPDX-License-Identifier: MIT
 * redis_delay_test.c - the index of delayed events: who looks at a stream and finds nothing hides no event
 * that is stored meanwhile, and whose publisher may be gone by the time it is due. */
#include "transport/redis/redis_scripts.h"
#include "unit/transport/redis_fixture.h"

static const char MINUTE_MS[] = "60000";

/* When somebody has to look at stream t, as noted by one who read `seen` and then found out `at`. */
static long long noted_after(const char *seen, const char *at) {
  evsi_redis_scripts scripts;
  assert_true(evsi_redis_scripts_init(&scripts, NULL));
  const char *const words[] = {"EVAL",   scripts.text[EVSI_REDIS_EXPECT], "1", "evs:delays", "t", seen, at,
                               MINUTE_MS};
  assert_int_equal(redis_words(&server, sizeof words / sizeof *words, words), 0);
  evsi_redis_scripts_free(&scripts);
  char *text = redis_text(&server, "ZSCORE evs:delays t");
  long long noted = atoll(text);
  free(text);
  return noted;
}

static void a_later_time_is_noted_where_nobody_wrote_meanwhile(void **state) {
  (void)state;
  assert_int_equal(noted_after("", "1000"), 1000);
  assert_int_equal(noted_after("1000", "5000"), 5000);
  assert_int_equal(noted_after("5000", "2000"), 2000);
}

static void what_was_announced_meanwhile_is_not_hidden(void **state) {
  (void)state;
  redis_number(&server, "ZADD evs:delays 0 t");
  assert_int_equal(noted_after("1000", "5000"), 0);
  redis_number(&server, "ZADD evs:delays 3000 t");
  assert_int_equal(noted_after("1000", "5000"), 3000);
  assert_int_equal(noted_after("", "5000"), 3000);
}

static void what_others_store_sooner_is_noted_sooner(void **state) {
  (void)state;
  redis_number(&server, "ZADD evs:delays 3000 t");
  assert_int_equal(noted_after("0", "2000"), 2000);
  assert_int_equal(noted_after("0", "9000"), 2000);
}

static void what_is_being_announced_is_looked_at_again_soon(void **state) {
  (void)state;
  redis_number(&server, "ZADD evs:delays 0 t");
  long long before = (long long)evsi_env_default()->wall_ms(), noted = noted_after("0", "9000000000000");
  assert_in_range(noted, before + 60000, before + 60000 + (long long)test_deadline_ms());
}

static bool is_noted_for_later(void *data) {
  (void)data;
  return redis_number(&server, "ZCOUNT evs:delays 1000 +inf") == 1;
}

/* Two events, of which the one that is stored first is due last; those who published them are gone. */
static void what_is_due_first_comes_first_whoever_is_left(void **state) {
  (void)state;
  evs_host *publisher = host_connected();
  evs_tp_event events[2];
  for (size_t i = 0; i < 2; i++) {
    events[i] =
        (evs_tp_event){.struct_size = sizeof events[i], .partition = EVS_PARTITION_NONE, .token = i + 1};
    events[i].topic = bytes("t");
    events[i].full_type = bytes("a.b");
    events[i].delay_ms = i == 0 ? 3600000 : 300;
    events[i].data = bytes(i == 0 ? "{\"v\":1,\"header\":{\"id\":\"late\",\"type\":\"a.b\"},\"body\":1}"
                                  : "{\"v\":1,\"header\":{\"id\":\"soon\",\"type\":\"a.b\"},\"body\":2}");
    the_transport->publish(publisher->transport, &events[i], 1);
    wait_count(&publisher->published_count, i + 1);
  }
  host_close(publisher);
  evs_host *other = host_connected();
  join(other, "g", "t");
  wait_count(&other->entry_count, 1);
  assert_non_null(strstr(other->entries[0].data, "\"soon\""));
  EXPECT_SOON(is_noted_for_later, NULL);
  host_close(other);
}

int main(void) {
  const struct CMUnitTest tests[] = {TEST(a_later_time_is_noted_where_nobody_wrote_meanwhile),
                                     TEST(what_was_announced_meanwhile_is_not_hidden),
                                     TEST(what_others_store_sooner_is_noted_sooner),
                                     TEST(what_is_being_announced_is_looked_at_again_soon),
                                     TEST(what_is_due_first_comes_first_whoever_is_left)};
  return cmocka_run_group_tests(tests, fixture_start, fixture_end);
}
