/* SPDX-License-Identifier: MIT
 * redis_members_test.c - several members of one group: death, fencing, hand-over, release, leaving. */
#include "unit/transport/redis_fixture.h"

#define TWO_SAME "[{\"pattern\":\"*\"}]"

static void entries_of_a_dead_member_are_claimed_with_their_deliveries(void **state) {
  (void)state;
  evs_host *dead = host_connected(), *other = host_connected();
  publish_and_wait(other, "t", "a.b", 250);
  join_as(dead, "g", "dead", "t", TWO_SAME);
  wait_count(&dead->entry_count, 250);
  join_as(other, "g", "other", "t", TWO_SAME);
  host_free(dead); /* without leaving: as a crash */
  wait_count(&other->entry_count, 250);
  assert_int_equal(other->entries[0].deliveries, 2);
  assert_int_equal(other->claimed, 250);
  assert_int_equal(settle_all(other, 0, 250, EVS_SETTLE_ACK), 250);
  assert_int_equal(redis_pending(&server, "t", "g"), 0);
  host_close(other);
}

static bool is_dead_gone(void *data) {
  return redis_number(&server, "XINFO CONSUMERS stream:{t} g") == 1 &&
         strstr(((evs_host *)data)->members, "dead#") == NULL;
}

static void the_consumer_of_a_dead_member_is_removed(void **state) {
  (void)state;
  evs_host *dead = host_connected(), *other = host_connected();
  publish_and_wait(other, "t", "a.b", 1);
  join_as(dead, "g", "dead", "t", TWO_SAME);
  wait_count(&dead->entry_count, 1);
  join_as(other, "g", "other", "t", TWO_SAME);
  host_free(dead);
  wait_count(&other->entry_count, 1);
  EXPECT_SOON(is_dead_gone, other);
  host_close(other);
}

static void a_member_that_lives_is_not_claimed_from(void **state) {
  (void)state;
  evs_host *one = host_connected(), *other = host_connected();
  publish_and_wait(other, "t", "a.b", 20);
  join_as(one, "g", "one", "t", TWO_SAME);
  wait_count(&one->entry_count, 20);
  join_as(other, "g", "other", "t", TWO_SAME);
  run_for(2500); /* four times sessionTimeout */
  assert_int_equal(other->entry_count, 0);
  assert_int_equal(settle_all(one, 0, 20, EVS_SETTLE_ACK), 20);
  host_close(one);
  host_close(other);
}

/* What a member does that takes another for dead, by hand. */
static void declare_dead(const char *member, const char *id) {
  redis_number(&server, "HDEL evs:hb:{t}:g e:%s", member);
  redis_number(&server, "XCLAIM stream:{t} g thief 0 %s", id);
}

static void own_name(evs_host *host, char out[64]) {
  const char *at = strstr(host->members, "\"consumer\":\"");
  assert_non_null(at);
  sscanf(at, "\"consumer\":\"%63[^\"]", out);
}

static void a_member_declared_dead_cannot_settle_what_was_taken_from_it(void **state) {
  (void)state;
  evs_host *host = host_connected();
  char before[64], after[64];
  publish_and_wait(host, "t", "a.b", 2);
  join(host, "g", "t");
  wait_count(&host->entry_count, 2);
  own_name(host, before);
  declare_dead(before, host->entries[0].offset);
  assert_int_equal(settle_all(host, 0, 2, EVS_SETTLE_ACK), 1);
  for (size_t i = 0; i < 2; i++)
    assert_true(host->settled[i].status == EVS_OK || host->settled[i].status == EVS_CONFLICT);
  assert_int_equal(redis_pending(&server, "t", "g"), 1);
  assert_int_equal(redis_pending_of(&server, "t", "g", "thief"), 1);
  own_name(host, after);
  assert_string_not_equal(before, after);
  publish_and_wait(host, "t", "a.b", 1);
  wait_count(&host->entry_count, 3); /* it goes on under its new name */
  assert_int_equal(settle_all(host, 2, 3, EVS_SETTLE_ACK), 1);
  host_close(host);
}

static bool has_two_members(void *data) {
  const char *members = ((evs_host *)data)->members;
  const char *first = strstr(members, "\"consumer\"");
  return first && strstr(first + 1, "\"consumer\"");
}

static void name_of_other(evs_host *host, char out[64]) {
  const char *at = strstr(host->members, "\"self\":false");
  assert_non_null(at);
  while (strncmp(at, "\"consumer\":\"", 12) != 0)
    at--;
  sscanf(at, "\"consumer\":\"%63[^\"]", out);
}

static void hand_over_gives_an_entry_to_the_named_member_at_once(void **state) {
  (void)state;
  evs_host *one = host_connected(), *two = host_connected();
  char name[64];
  publish_and_wait(one, "t", "a.b", 40);
  join_as(one, "g", "one", "t", "[{\"pattern\":\"a.*\"}]");
  wait_count(&one->entry_count, 40);
  join_as(two, "g", "two", "t", "[{\"pattern\":\"x.*\"}]");
  EXPECT_SOON(has_two_members, one);
  assert_non_null(strstr(one->members, "\"subscriptions\":[{\"pattern\":\"x.*\"}]"));
  name_of_other(one, name);
  for (size_t i = 0; i < 40; i++) {
    evs_tp_settlement give = settlement_of(&one->entries[i], EVS_SETTLE_HAND_OVER);
    give.member = bytes(name);
    give.state = bytes("{\"s\":1}");
    give.flags |= EVS_SETTLE_CHECK_MEMBERS;
    give.members_version = one->members_version;
    evsi_redis_transport.settle(one->transport, &give, 1);
  }
  wait_count(&one->settled_count, 40);
  for (size_t i = 0; i < 40; i++)
    assert_int_equal(one->settled[i].status, EVS_OK);
  wait_count(&two->entry_count, 40);
  assert_string_equal(two->entries[0].state, "{\"s\":1}");
  assert_int_equal(two->entries[0].deliveries, 1);
  assert_int_equal(settle_all(two, 0, 40, EVS_SETTLE_ACK), 40);
  assert_int_equal(redis_pending(&server, "t", "g"), 0);
  host_close(one);
  host_close(two);
}

static void a_decision_about_members_is_refused_once_they_changed(void **state) {
  (void)state;
  evs_host *host = host_connected();
  publish_and_wait(host, "t", "a.b", 1);
  join(host, "g", "t");
  wait_count(&host->entry_count, 1);
  uint64_t before = host->members_version;
  redis_number(&server, "HINCRBY evs:hb:{t}:g @v 5");
  evs_tp_settlement ack = settlement_of(&host->entries[0], EVS_SETTLE_ACK);
  ack.flags |= EVS_SETTLE_CHECK_MEMBERS;
  ack.members_version = before;
  evsi_redis_transport.settle(host->transport, &ack, 1);
  wait_count(&host->settled_count, 1);
  assert_int_equal(host->settled[0].flags, EVS_TP_MEMBERS_MOVED);
  assert_int_equal(host->members_version, before + 5);
  ack.members_version = host->members_version;
  evsi_redis_transport.settle(host->transport, &ack, 1);
  wait_count(&host->settled_count, 2);
  assert_int_equal(host->settled[1].status, EVS_OK);
  assert_int_equal(redis_pending(&server, "t", "g"), 0);
  host_close(host);
}

static void a_released_entry_goes_to_another_member_uncounted(void **state) {
  (void)state;
  evs_host *one = host_connected(), *two = host_connected();
  publish_and_wait(one, "t", "a.b", 10);
  join_as(one, "g", "one", "t", TWO_SAME);
  wait_count(&one->entry_count, 10);
  join_as(two, "g", "two", "t", TWO_SAME);
  EXPECT_SOON(has_two_members, one);
  one->credits = 0;
  assert_int_equal(settle_all(one, 0, 10, EVS_SETTLE_RELEASE), 10);
  wait_count(&two->entry_count, 10);
  assert_int_equal(two->entries[0].deliveries, 1);
  host_close(one);
  host_close(two);
}

static void leaving_waits_for_what_is_held_and_removes_the_member(void **state) {
  (void)state;
  evs_host *one = host_connected(), *two = host_connected();
  publish_and_wait(one, "t", "a.b", 10);
  join_as(one, "g", "one", "t", TWO_SAME);
  wait_count(&one->entry_count, 10);
  evsi_redis_transport.leave(one->transport, GROUP);
  run_for(100);
  assert_int_equal(one->left, 0);
  assert_int_equal(settle_all(one, 0, 10, EVS_SETTLE_ACK), 10);
  wait_flag(&one->left, 1);
  assert_int_equal(redis_number(&server, "XINFO CONSUMERS stream:{t} g"), 0);
  publish_and_wait(one, "t", "a.b", 5);
  run_for(50);
  assert_int_equal(one->entry_count, 10);
  join_as(two, "g", "two", "t", TWO_SAME);
  wait_count(&two->entry_count, 5);
  host_close(one);
  host_close(two);
}

static void closing_hands_back_what_is_held(void **state) {
  (void)state;
  evs_host *one = host_connected(), *two = host_connected();
  publish_and_wait(one, "t", "a.b", 700);
  join_as(one, "g", "one", "t", TWO_SAME);
  wait_count(&one->entry_count, 700);
  join_as(two, "g", "two", "t", TWO_SAME);
  host_close(one);
  wait_count(&two->entry_count, 700);
  assert_int_equal(two->entries[699].deliveries, 1);
  assert_int_equal(settle_all(two, 0, 700, EVS_SETTLE_ACK), 700);
  host_close(two);
}

static void entries_of_a_foreign_consumer_are_taken_after_a_long_time(void **state) {
  (void)state;
  evs_host *host = host_connected();
  publish_and_wait(host, "t", "a.b", 3);
  redis_number(&server, "XGROUP CREATE stream:{t} g 0");
  redis_number(&server, "XREADGROUP GROUP g foreign COUNT 2 STREAMS stream:{t} >");
  join(host, "g", "t");
  wait_count(&host->entry_count, 1);
  wait_count(&host->entry_count, 3); /* ten times sessionTimeout */
  assert_int_equal(settle_all(host, 0, 3, EVS_SETTLE_ACK), 3);
  assert_int_equal(redis_pending(&server, "t", "g"), 0);
  host_close(host);
}

static void what_a_member_holds_survives_that_its_consumer_is_deleted(void **state) {
  (void)state;
  static const uint32_t kinds[] = {EVS_SETTLE_ACK, EVS_SETTLE_PARK, EVS_SETTLE_RELEASE,
                                   EVS_SETTLE_DEAD_LETTER};
  evs_host *host = host_connected();
  char name[64];
  publish_and_wait(host, "t", "a.b", 4);
  join(host, "g", "t");
  wait_count(&host->entry_count, 4);
  own_name(host, name);
  assert_int_equal(redis_number(&server, "XGROUP DELCONSUMER stream:{t} g %s", name), 4);
  for (size_t i = 0; i < 4; i++)
    assert_int_equal(settle_all(host, i, i + 1, kinds[i]), 1);
  assert_int_equal(redis_dead(&server, "t"), 1);
  wait_count(&host->entry_count, 6); /* what was parked and what was handed back */
  assert_int_equal(settle_all(host, 4, 6, EVS_SETTLE_ACK), 2);
  assert_int_equal(redis_pending(&server, "t", "g"), 0);
  host_close(host);
}

static void parked_entries_survive_that_their_consumer_is_deleted(void **state) {
  (void)state;
  evs_host *host = host_connected();
  publish_and_wait(host, "t", "a.b", 1);
  join(host, "g", "t");
  wait_count(&host->entry_count, 1);
  evs_tp_settlement park = settlement_of(&host->entries[0], EVS_SETTLE_PARK);
  park.delay_ms = 200;
  park.state = bytes("{\"a\":1}");
  evsi_redis_transport.settle(host->transport, &park, 1);
  wait_count(&host->settled_count, 1);
  assert_int_equal(redis_number(&server, "XGROUP DELCONSUMER stream:{t} g @retry"), 1);
  wait_count(&host->entry_count, 2);
  assert_string_equal(host->entries[1].state, "{\"a\":1}");
  assert_int_equal(settle_all(host, 1, 2, EVS_SETTLE_ACK), 1);
  host_close(host);
}

static bool has_reconnected(void *data) {
  const evs_host *host = data;
  return host->reconnects > 0 && host->is_connected;
}

static void what_is_held_survives_a_deleted_consumer_and_a_lost_connection(void **state) {
  (void)state;
  evs_host *host = host_connected();
  char name[64];
  publish_and_wait(host, "t", "a.b", 2);
  join(host, "g", "t");
  wait_count(&host->entry_count, 2);
  own_name(host, name);
  assert_int_equal(redis_number(&server, "XGROUP DELCONSUMER stream:{t} g %s", name), 2);
  assert_true(redis_number(&server, "CLIENT KILL TYPE normal SKIPME yes") > 0);
  EXPECT_SOON(has_reconnected, host);
  publish_and_wait(host, "t", "a.b", 1);
  wait_count(&host->entry_count, 3); /* it reads again, so it has compared */
  assert_int_equal(settle_all(host, 0, 1, EVS_SETTLE_PARK), 1);
  wait_count(&host->entry_count, 4);
  assert_int_equal(settle_all(host, 1, 4, EVS_SETTLE_ACK), 3);
  host_close(host);
}

enum { MANY = 250, EACH = 20 };

static void publish_to_many(evs_host *host) {
  redis_number(
      &server, "EVAL %s 0 %d %d",
      "for t = 1, ARGV[1] do redis.call('HSET', 'evs:topics', 't' .. t, '{\"partitions\":0,\"types\":"
      "[\"a.b\"]}') for i = 1, ARGV[2] do redis.call('XADD', 'stream:{t' .. t .. '}', '*', 'data', "
      "'{\"v\":1,\"header\":{\"id\":\"e\",\"type\":\"a.b\"},\"body\":1}') end end return 1",
      MANY, EACH);
  join(host, "g", NULL);
  wait_count(&host->entry_count, MANY * EACH);
}

static bool all_have_beaten(void *data) {
  (void)data;
  return redis_number(
             &server, "EVAL %s 0 %d",
             "local beaten = 0 for t = 1, ARGV[1] do for i, value in ipairs(redis.call('HGETALL', "
             "'evs:hb:{t' .. t .. '}:g')) do local name = value if string.sub(name, 1, 2) == 'c:' and "
             "tonumber(redis.call('HGET', 'evs:hb:{t' .. t .. '}:g', name)) >= 3 then "
             "beaten = beaten + 1 end end end return beaten",
             MANY) == MANY;
}

static void each_of_many_streams_has_its_heartbeats(void **state) {
  (void)state;
  evs_host *host = host_connected();
  publish_to_many(host);
  EXPECT_SOON(all_have_beaten, NULL);
  host_close(host);
}

static void of_many_streams_each_gives_several_entries_at_a_time(void **state) {
  (void)state;
  evs_host *host = host_connected();
  size_t changes = 0;
  publish_to_many(host);
  for (size_t i = 1; i < host->entry_count; i++)
    changes += strcmp(host->entries[i].topic, host->entries[i - 1].topic) != 0;
  assert_true(changes >= MANY - 1 && changes < MANY * EACH / 4);
  assert_int_equal(settle_all(host, 0, MANY * EACH, EVS_SETTLE_ACK), MANY * EACH);
  host_close(host);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(entries_of_a_dead_member_are_claimed_with_their_deliveries),
      TEST(the_consumer_of_a_dead_member_is_removed),
      TEST(a_member_that_lives_is_not_claimed_from),
      TEST(a_member_declared_dead_cannot_settle_what_was_taken_from_it),
      TEST(hand_over_gives_an_entry_to_the_named_member_at_once),
      TEST(a_decision_about_members_is_refused_once_they_changed),
      TEST(a_released_entry_goes_to_another_member_uncounted),
      TEST(leaving_waits_for_what_is_held_and_removes_the_member),
      TEST(closing_hands_back_what_is_held),
      TEST(entries_of_a_foreign_consumer_are_taken_after_a_long_time),
      TEST(what_a_member_holds_survives_that_its_consumer_is_deleted),
      TEST(parked_entries_survive_that_their_consumer_is_deleted),
      TEST(what_is_held_survives_a_deleted_consumer_and_a_lost_connection),
      TEST(each_of_many_streams_has_its_heartbeats),
      TEST(of_many_streams_each_gives_several_entries_at_a_time),
  };
  return cmocka_run_group_tests(tests, fixture_start, fixture_end);
}
