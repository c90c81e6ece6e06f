/* SPDX-License-Identifier: MIT
 * redis_quiet_test.c - there is no state in which the transport spins: whatever keeps it from working, it
 * asks the server a few things a second, as few as when all is well. */
#include "unit/transport/redis_fixture.h"

/* Beats and questions about pauses come every 200 ms here, looks every 100 ms, reads block for 5 s. Twice
 * what that is; a loop without a pause would be thousands. */
enum { SETTLED_MS = 300, WATCHED_MS = 600, COMMANDS_MOST = 30 };

static void expect_quiet(evs_host *host, const char *state) {
  run_for(SETTLED_MS); /* what the change itself asks for */
  uint64_t before = host->commands;
  run_for(WATCHED_MS);
  if (host->commands - before > COMMANDS_MOST)
    fail_msg("%s: %llu commands in %d ms", state, (unsigned long long)(host->commands - before), WATCHED_MS);
}

static evs_host *host_of_group(void) {
  redis_number(&server, "FLUSHALL");
  evs_host *host = host_connected();
  join(host, "g", "t");
  return host;
}

/* Of a group that reads two topics. */
static evs_host *host_of_two(void) {
  evs_bytes topics[] = {bytes("t"), bytes("other")};
  evs_tp_group group = {.struct_size = sizeof group, .group = GROUP, .prefetch = 256};
  redis_number(&server, "FLUSHALL");
  evs_host *host = host_connected();
  group.name = bytes("g");
  group.consumer = bytes("c");
  group.topics = topics;
  group.topic_count = 2;
  evsi_redis_transport.join(host->transport, &group);
  wait_flag(&host->joined, 1);
  return host;
}

static void nothing_to_do_and_one_look_for_all(void **state) {
  (void)state;
  evs_host *host = host_of_group();
  run_for(SETTLED_MS);
  uint64_t before = host->commands;
  run_for(1000);
  /* In a second about 5 beats, 5 questions about pauses, 10 looks and a read. */
  assert_in_range(host->commands - before, 1, 30);
  host_close(host);
}

static void handlers_that_take_nothing_more(void **state) {
  (void)state;
  evs_host *host = host_of_group();
  host->credits = 0;
  publish_and_wait(host, "t", "a.b", 100);
  expect_quiet(host, "no credits, entries unread");
  host->credits = 10;
  host->credits_are_spent = 1;
  evsi_redis_transport.resume(host->transport, GROUP);
  wait_count(&host->entry_count, 10);
  expect_quiet(host, "credits used up, entries unread");
  host_close(host);
}

static void a_paused_group(void **state) {
  (void)state;
  evs_host *host = host_of_group();
  request(host, "groups.pause", "{\"group\":\"g\"}");
  wait_flag(&host->is_paused, 1);
  publish_and_wait(host, "t", "a.b", 100);
  expect_quiet(host, "paused");
  host_close(host);
}

static void parked_entries_that_are_due_while_there_is_no_room(void **state) {
  (void)state;
  evs_host *host = host_of_group();
  publish_and_wait(host, "t", "a.b", 10);
  wait_count(&host->entry_count, 10);
  for (size_t i = 0; i < 10; i++) {
    evs_tp_settlement park = settlement_of(&host->entries[i], EVS_SETTLE_PARK);
    park.delay_ms = i < 5 ? 1 : 3600000;
    park.state = bytes("{}");
    park.flags = EVS_SETTLE_HAS_STATE;
    host->credits = 0;
    evsi_redis_transport.settle(host->transport, &park, 1);
  }
  wait_count(&host->settled_count, 10);
  expect_quiet(host, "due, and no credits");
  host_close(host);
}

static void a_server_that_takes_nothing_more(void **state) {
  (void)state;
  evs_host *host = host_of_group();
  publish_and_wait(host, "t", "a.b", 10);
  wait_count(&host->entry_count, 10);
  redis_number(&server, "CONFIG SET maxmemory 1");
  evs_tp_settlement dead = settlement_of(&host->entries[0], EVS_SETTLE_DEAD_LETTER);
  dead.record = bytes("{}");
  evsi_redis_transport.settle(host->transport, &dead, 1);
  expect_quiet(host, "out of memory");
  redis_number(&server, "CONFIG SET maxmemory 0");
  wait_count(&host->settled_count, 1);
  host_close(host);
}

static void a_user_whose_rights_were_taken_away(void **state) {
  (void)state;
  redis_user(&server, "user worker off ~* +@all", "pass");
  redis_number(&server, "FLUSHALL");
  evs_host *host = host_new(",\"username\":\"worker\",\"password\":\"pass\"");
  EXPECT_SOON(is_connected, host);
  join(host, "g", "t");
  static const char *const rights[] = {"-xreadgroup", "-evalsha -eval", "-xack", "-hgetall", "resetkeys"};
  for (size_t i = 0; i < sizeof rights / sizeof rights[0]; i++) {
    char words[128], *rest = NULL;
    const char *command[8] = {"ACL", "SETUSER", "worker"};
    int count = 3;
    snprintf(words, sizeof words, "%s", rights[i]);
    for (char *word = strtok_r(words, " ", &rest); word; word = strtok_r(NULL, " ", &rest))
      command[count++] = word;
    redis_words(&server, count, command);
    publish(host, "t", "a.b", 1);
    expect_quiet(host, rights[i]);
    redis_number(&server, "ACL SETUSER worker allkeys +@all");
  }
  publish_and_wait(host, "t", "a.b", 1);
  host_close(host);
}

/* Whoever put something else where a key of ours should be: that is told, and others go on. */
static void keys_of_another_type(void **state) {
  (void)state;
  static const char *const keys[] = {
      "evs:hb:{t}:g", "evs:meta:{t}:g", "evs:due:{t}:g", "evs:retention:{t}", "evs:topics",
      "evs:delays",   "evs:outboxes",   "evs:paused",    "evs:delayed:{t}",   "evs:fleet",
      "evs:idem:{t}", "evs:operations", "evs:delay:{t}", "evs:fp:{t}",        "dlq:{t}",
      "stream:{t}",   "evs:archive:{t}"};
  for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
    evs_host *host = host_of_two();
    publish_and_wait(host, "t", "a.b", 1);
    publish_and_wait(host, "other", "a.b", 1);
    wait_count(&host->entry_count, 2);
    assert_true(redis_number(&server, "SET %s x", keys[i]) >= 0);
    publish(host, "t", "a.b", 1);
    expect_quiet(host, keys[i]);
    size_t before = host->entry_count;
    publish_and_wait(host, "other", "a.b", 1); /* what has nothing to do with it */
    if (strstr(keys[i], "{t}"))
      wait_count(&host->entry_count, before + 1);
    redis_number(&server, "DEL %s", keys[i]);
    publish_and_wait(host, "t", "a.b", 1);
    host_close(host);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(nothing_to_do_and_one_look_for_all),
      TEST(handlers_that_take_nothing_more),
      TEST(a_paused_group),
      TEST(parked_entries_that_are_due_while_there_is_no_room),
      TEST(a_server_that_takes_nothing_more),
      TEST(a_user_whose_rights_were_taken_away),
      TEST(keys_of_another_type),
  };
  return cmocka_run_group_tests(tests, fixture_start, fixture_end);
}
