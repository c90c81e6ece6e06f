/* SPDX-License-Identifier: MIT
 * redis_bundle_test.c - entries with several events in Redis: they are given on as such, and the dead letters
 * of single events are written in the same step as what becomes of the entry, once, or not at all. */
#include "unit/transport/redis_fixture.h"

#define STATE "{\"b\":{\"1\":{\"a\":1}}}"
#define RECORD(index, fingerprint)                                                                           \
  "{\"originalId\":\"x/" index "\",\"group\":\"g\",\"subscriptions\":[\"s\"],\"attempts\":1,\"error\":{"     \
  "\"class\":\"E\",\"message\":\"no luck\"},\"fingerprint\":\"" fingerprint "\",\"requeueCount\":0}"

static const char *const letter_data[2] = {"{\"header\":{\"id\":\"e0\",\"type\":\"a.b\"},\"body\":0}", "7"};

/* Letters that live as long as the test: the transport lends them until the outcome. */
static const evs_tp_letter *letters(void) {
  static evs_tp_letter made[2];
  static const char *const records[2] = {RECORD("0", "aaaa"), RECORD("2", "bbbb")};
  for (size_t i = 0; i < 2; i++)
    made[i] = (evs_tp_letter){
        .struct_size = sizeof made[i], .data = bytes(letter_data[i]), .record = bytes(records[i])};
  return made;
}

static void store_batch(void) {
  assert_true(redis_number(&server, "XADD %s * data %s timestamp 1 topic t batch true count 3", "stream:{t}",
                           "{\"data\":[1,2,3]}") > 0);
}

/* A host that holds one entry with three events. */
static evs_host *host_with_batch(void) {
  evs_host *host = host_connected();
  store_batch();
  join(host, "g", "t");
  wait_count(&host->entry_count, 1);
  assert_int_equal(host->entries[0].flags, EVS_ENTRY_BATCH);
  return host;
}

static evs_tp_settlement with_letters(const evs_host *host, uint32_t kind) {
  evs_tp_settlement made = settlement_of(&host->entries[0], kind);
  made.letters = letters();
  made.letter_count = 2;
  if (kind != EVS_SETTLE_ACK)
    made.state = bytes(STATE);
  return made;
}

static const outcome *settle_one(evs_host *host, const evs_tp_settlement *settlement) {
  size_t before = host->settled_count;
  evsi_redis_transport.settle(host->transport, settlement, 1);
  wait_count(&host->settled_count, before + 1);
  return &host->settled[before];
}

/* The names and values of the oldest letter but the record, with spaces between. */
static char *letter_fields(void) {
  return redis_text(
      &server, "EVAL %s 1 dlq:{t}",
      "local f = redis.call('XRANGE', KEYS[1], '-', '+')[1][2] local t = {} for i, v in ipairs(f) "
      "do if v == 'dead' then break end t[i] = v end return table.concat(t, ' ')");
}

static void letters_are_written_and_the_entry_is_acknowledged_in_one_step(void **state) {
  (void)state;
  evs_host *host = host_with_batch();
  evs_tp_settlement end = with_letters(host, EVS_SETTLE_ACK);
  assert_int_equal(settle_one(host, &end)->status, EVS_OK);
  assert_int_equal(redis_pending(&server, "t", "g"), 0);
  assert_int_equal(redis_dead(&server, "t"), 2);
  assert_int_equal(redis_number(&server, "HGET evs:fp:{t} %s", "aaaa:n"), 1);
  assert_int_equal(redis_number(&server, "HGET evs:fp:{t} %s", "bbbb:n"), 1);
  char *fields = letter_fields(), expected[128];
  snprintf(expected, sizeof expected, "data %s timestamp 1 topic t", letter_data[0]);
  assert_string_equal(fields, expected); /* one event: neither batch nor count */
  free(fields);
  assert_non_null(
      strstr(request(host, "dlq.requeue", "{\"filter\":{\"fingerprint\":\"aaaa\"}}"), "\"requeued\":1"));
  wait_count(&host->entry_count, 2);
  assert_int_equal(host->entries[1].flags, 0);
  assert_string_equal(host->entries[1].data, letter_data[0]);
  host_close(host);
}

static void letters_are_written_and_the_rest_is_parked_with_its_state(void **state) {
  (void)state;
  evs_host *host = host_with_batch();
  evs_tp_settlement park = with_letters(host, EVS_SETTLE_PARK);
  park.delay_ms = 120;
  assert_int_equal(settle_one(host, &park)->status, EVS_OK);
  assert_int_equal(redis_dead(&server, "t"), 2);
  wait_count(&host->entry_count, 2);
  assert_int_equal(host->entries[1].flags, EVS_ENTRY_BATCH);
  assert_string_equal(host->entries[1].state, STATE);
  assert_int_equal(host->entries[1].deliveries, 2);
  assert_int_equal(settle_all(host, 1, 2, EVS_SETTLE_ACK), 1);
  assert_int_equal(redis_number(&server, "HEXISTS evs:meta:{t}:g %s", host->entries[0].offset), 0);
  assert_int_equal(redis_dead(&server, "t"), 2);
  host_close(host);
}

static void what_is_handed_back_keeps_its_state_and_is_not_counted(void **state) {
  (void)state;
  evs_host *host = host_with_batch();
  evs_tp_settlement release = with_letters(host, EVS_SETTLE_RELEASE);
  assert_int_equal(settle_one(host, &release)->status, EVS_OK);
  wait_count(&host->entry_count, 2);
  assert_string_equal(host->entries[1].state, STATE);
  assert_int_equal(host->entries[1].deliveries, 1);
  release = settlement_of(&host->entries[1], EVS_SETTLE_RELEASE); /* without letters and state: as it was */
  assert_int_equal(settle_one(host, &release)->status, EVS_OK);
  wait_count(&host->entry_count, 3);
  assert_string_equal(host->entries[2].state, STATE);
  assert_int_equal(host->entries[2].deliveries, 1);
  assert_int_equal(redis_dead(&server, "t"), 2);
  host_close(host);
}

static void expect_books(evs_host *host, int published, int acknowledged, int pending) {
  char expected[128];
  const char *answer = request(host, "conservation", "{\"topic\":\"t\"}");
  snprintf(expected, sizeof expected,
           "\"pending\":%d,\"unread\":0,\"published\":%d,\"acknowledged\":%d,\"dead\":0,", pending, published,
           acknowledged);
  if (!strstr(answer, expected) || !strstr(answer, "\"unaccounted\":0,"))
    fail_msg("%s", answer);
}

static void the_books_count_entries_whatever_becomes_of_their_events(void **state) {
  (void)state;
  evs_host *host = host_with_batch();
  store_batch();
  wait_count(&host->entry_count, 2);
  evs_tp_settlement park = with_letters(host, EVS_SETTLE_PARK);
  park.delay_ms = 120;
  assert_int_equal(settle_one(host, &park)->status, EVS_OK);
  expect_books(host, 2, 0, 2);
  wait_count(&host->entry_count, 3);
  evs_tp_settlement end = with_letters(host, EVS_SETTLE_ACK);
  assert_int_equal(settle_one(host, &end)->status, EVS_OK);
  expect_books(host, 2, 1, 1);
  assert_int_equal(redis_dead(&server, "t"), 4);
  assert_int_equal(settle_all(host, 1, 2, EVS_SETTLE_ACK), 1);
  expect_books(host, 2, 2, 0);
  host_close(host);
}

static bool is_member_known(void *data) {
  return strstr(((evs_host *)data)->members, "\"other#") != NULL;
}

static void the_rest_is_handed_to_a_member_that_lives_or_nothing_is_done(void **state) {
  (void)state;
  evs_host *host = host_with_batch(), *other = host_connected();
  evs_tp_settlement hand = with_letters(host, EVS_SETTLE_HAND_OVER);
  hand.member = bytes("nobody#1");
  assert_int_equal(settle_one(host, &hand)->flags, EVS_TP_MEMBERS_MOVED);
  assert_int_equal(redis_dead(&server, "t"), 0);
  join_as(other, "g", "other", "t", "[{\"pattern\":\"*\"}]");
  EXPECT_SOON(is_member_known, host);
  char name[64];
  sscanf(strstr(host->members, "\"other#"), "\"%63[^\"]", name);
  hand.member = bytes(name);
  hand.flags |= EVS_SETTLE_CHECK_MEMBERS;
  hand.members_version = host->members_version;
  assert_int_equal(settle_one(host, &hand)->status, EVS_OK);
  wait_count(&other->entry_count, 1);
  assert_string_equal(other->entries[0].state, STATE);
  assert_int_equal(redis_dead(&server, "t"), 2);
  host_close(other);
  host_close(host);
}

static void a_decision_about_former_members_writes_nothing(void **state) {
  (void)state;
  evs_host *host = host_with_batch();
  evs_tp_settlement end = with_letters(host, EVS_SETTLE_ACK);
  end.flags |= EVS_SETTLE_CHECK_MEMBERS;
  end.members_version = host->members_version + 1;
  assert_int_equal(settle_one(host, &end)->flags, EVS_TP_MEMBERS_MOVED);
  assert_int_equal(redis_dead(&server, "t"), 0);
  assert_int_equal(redis_pending(&server, "t", "g"), 1);
  end.members_version = host->members_version;
  assert_int_equal(settle_one(host, &end)->status, EVS_OK);
  assert_int_equal(redis_dead(&server, "t"), 2);
  host_close(host);
}

static void an_entry_that_somebody_else_has_gets_no_letters(void **state) {
  (void)state;
  evs_host *host = host_with_batch();
  assert_int_equal(redis_number(&server, "XCLAIM stream:{t} g thief 0 %s", host->entries[0].offset), 1);
  evs_tp_settlement end = with_letters(host, EVS_SETTLE_ACK);
  assert_int_equal(settle_one(host, &end)->status, EVS_CONFLICT);
  assert_int_equal(redis_dead(&server, "t"), 0);
  assert_int_equal(redis_pending_of(&server, "t", "g", "thief"), 1);
  host_close(host);
}

static void a_member_declared_dead_writes_its_letters_once_under_its_new_name(void **state) {
  (void)state;
  evs_host *host = host_with_batch();
  const char *at = strstr(host->members, "\"consumer\":\"");
  char name[64];
  sscanf(at, "\"consumer\":\"%63[^\"]", name);
  assert_int_equal(redis_number(&server, "HDEL evs:hb:{t}:g e:%s", name), 1);
  evs_tp_settlement end = with_letters(host, EVS_SETTLE_ACK);
  assert_int_equal(settle_one(host, &end)->status, EVS_OK);
  assert_int_equal(redis_dead(&server, "t"), 2);
  assert_int_equal(redis_pending(&server, "t", "g"), 0);
  host_close(host);
}

static void what_was_trimmed_meanwhile_comes_back_as_such(void **state) {
  (void)state;
  evs_host *host = host_with_batch();
  assert_int_equal(redis_number(&server, "XTRIM stream:{t} MAXLEN 0"), 1);
  evs_tp_settlement park = with_letters(host, EVS_SETTLE_PARK);
  assert_int_equal(settle_one(host, &park)->status, EVS_OK);
  wait_count(&host->entry_count, 2);
  assert_int_equal(host->entries[1].flags, EVS_ENTRY_TRIMMED);
  assert_int_equal(redis_dead(&server, "t"), 0);
  assert_int_equal(settle_all(host, 1, 2, EVS_SETTLE_DEAD_LETTER), 1);
  assert_int_equal(redis_dead(&server, "t"), 1);
  host_close(host);
}

static void what_ends_needs_no_body_for_its_letters(void **state) {
  (void)state;
  evs_host *host = host_with_batch();
  assert_int_equal(redis_number(&server, "XTRIM stream:{t} MAXLEN 0"), 1);
  evs_tp_settlement end = with_letters(host, EVS_SETTLE_ACK);
  assert_int_equal(settle_one(host, &end)->status, EVS_OK);
  char *fields = letter_fields(), expected[128];
  snprintf(expected, sizeof expected, "data %s", letter_data[0]);
  assert_string_equal(fields, expected);
  free(fields);
  assert_int_equal(redis_pending(&server, "t", "g"), 0);
  host_close(host);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(letters_are_written_and_the_entry_is_acknowledged_in_one_step),
      TEST(letters_are_written_and_the_rest_is_parked_with_its_state),
      TEST(what_is_handed_back_keeps_its_state_and_is_not_counted),
      TEST(the_books_count_entries_whatever_becomes_of_their_events),
      TEST(the_rest_is_handed_to_a_member_that_lives_or_nothing_is_done),
      TEST(a_decision_about_former_members_writes_nothing),
      TEST(an_entry_that_somebody_else_has_gets_no_letters),
      TEST(a_member_declared_dead_writes_its_letters_once_under_its_new_name),
      TEST(what_was_trimmed_meanwhile_comes_back_as_such),
      TEST(what_ends_needs_no_body_for_its_letters),
  };
  return cmocka_run_group_tests(tests, fixture_start, fixture_end);
}
