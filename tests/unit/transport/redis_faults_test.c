/* SPDX-License-Identifier: MIT
 * redis_faults_test.c - what happens to the transport when the server loses data, refuses, or goes away. */
#include "unit/transport/redis_fixture.h"

/* After a loss: everything published from now on arrives and can be settled, and nothing spins. */
static void expect_it_goes_on(evs_host *host) {
  size_t before = host->entry_count;
  publish_and_wait(host, "t", "a.b", 20);
  run_for(0);
  while (host->entry_count < before + 20 ||
         strstr(host->entries[host->entry_count - 1].data, "\"e19\"") == NULL)
    wait_count(&host->entry_count, host->entry_count + 1);
  size_t from = host->entry_count - 20;
  assert_int_equal(settle_all(host, from, host->entry_count, EVS_SETTLE_ACK), 20);
  uint64_t commands = host->commands;
  run_for(1000);
  /* Two commands a beat, every 200 ms, and one look at what others changed every 100 ms here;
   * a hot loop would be thousands. */
  assert_in_range(host->commands - commands, 0, 40);
}

static evs_host *host_with_entries(size_t count) {
  evs_host *host = host_connected();
  publish_and_wait(host, "t", "a.b", count);
  join(host, "g", "t");
  wait_count(&host->entry_count, count);
  return host;
}

static void goes_on_after_flushall(void **state) {
  (void)state;
  evs_host *host = host_with_entries(10);
  redis_number(&server, "FLUSHALL");
  expect_it_goes_on(host);
  assert_true(host->recreated >= 1);
  assert_int_equal(redis_number(&server, "HEXISTS evs:topics t"), 1);
  settle_all(host, 0, 10, EVS_SETTLE_ACK); /* of entries that are gone: answered, whatever it is */
  host_close(host);
}

static bool is_registered(void *data) {
  (void)data;
  return redis_number(&server, "HEXISTS evs:topics t") == 1;
}

static void a_lost_registry_is_written_again_by_those_who_publish(void **state) {
  (void)state;
  evs_host *host = host_connected();
  publish_and_wait(host, "t", "a.b", 1);
  redis_number(&server, "DEL evs:topics");
  publish_and_wait(host, "t", "a.b", 1);
  EXPECT_SOON(is_registered, NULL);
  host_close(host);
}

static void goes_on_after_the_stream_was_deleted(void **state) {
  (void)state;
  evs_host *host = host_with_entries(10);
  redis_number(&server, "DEL stream:{t}");
  expect_it_goes_on(host);
  assert_true(host->recreated >= 1);
  host_close(host);
}

static bool is_recreated(void *data) {
  return ((evs_host *)data)->recreated > 0;
}

static void a_destroyed_group_begins_again_where_nothing_is_lost(void **state) {
  (void)state;
  evs_host *host = host_with_entries(10);
  assert_int_equal(settle_all(host, 0, 5, EVS_SETTLE_ACK), 5);
  run_for(500); /* a beat writes the low-water mark */
  redis_number(&server, "XGROUP DESTROY stream:{t} g");
  EXPECT_SOON(is_recreated, host);
  run_for(100);
  /* The five that are held came again and are known; the five that were settled did not come. */
  assert_int_equal(host->entry_count, 10);
  assert_int_equal(redis_pending(&server, "t", "g"), 5);
  assert_int_equal(settle_all(host, 5, 10, EVS_SETTLE_ACK), 5);
  assert_int_equal(redis_pending(&server, "t", "g"), 0);
  expect_it_goes_on(host);
  host_close(host);
}

static void goes_on_after_a_lost_heartbeat_hash(void **state) {
  (void)state;
  evs_host *host = host_with_entries(10);
  redis_number(&server, "DEL evs:hb:{t}:g");
  assert_int_equal(settle_all(host, 0, 10, EVS_SETTLE_ACK), 10);
  assert_int_equal(redis_pending(&server, "t", "g"), 0);
  expect_it_goes_on(host);
  host_close(host);
}

static bool is_down(void *data) {
  return !((evs_host *)data)->is_connected;
}

static bool is_up_again(void *data) {
  return ((evs_host *)data)->is_connected && ((evs_host *)data)->reconnects > 0;
}

static void goes_on_after_a_restart_and_settles_what_was_held(void **state) {
  (void)state;
  static const char *const with_file[] = {"--appendonly", "yes", "--appendfsync", "always", NULL};
  redis_server_stop(&server);
  redis_server_start(&server, with_file);
  evs_host *host = host_with_entries(10);
  redis_server_halt(&server);
  EXPECT_SOON(is_down, host);
  assert_non_null(strstr(host->message, "lost the connection to redis://127.0.0.1"));
  publish(host, "t", "a.b", 1);
  wait_count(&host->published_count, 11);
  assert_int_equal(host->published[10].flags, EVS_TP_TRANSIENT | EVS_TP_NOT_SENT);
  for (size_t i = 0; i < 10; i++) {
    evs_tp_settlement ack = settlement_of(&host->entries[i], EVS_SETTLE_ACK);
    evsi_redis_transport.settle(host->transport, &ack, 1);
  }
  run_for(100);
  assert_int_equal(host->settled_count, 0); /* kept until the server is back */
  redis_server_again(&server);
  EXPECT_SOON(is_up_again, host);
  wait_count(&host->settled_count, 10);
  for (size_t i = 0; i < 10; i++)
    assert_int_equal(host->settled[i].status, EVS_OK);
  assert_int_equal(redis_pending(&server, "t", "g"), 0);
  assert_int_equal(host->recreated, 0);
  expect_it_goes_on(host);
  host_close(host);
  redis_server_stop(&server);
  redis_server_start(&server, NULL);
}

static void a_lost_reader_connection_loses_no_entry(void **state) {
  (void)state;
  evs_host *host = host_with_entries(10);
  for (int i = 0; i < 20; i++) {
    publish(host, "t", "a.b", 100);
    redis_number(&server, "CLIENT KILL TYPE normal SKIPME yes");
    run_for(30);
  }
  EXPECT_SOON(is_connected, host);
  run_for(300);
  long long stored = redis_length(&server, "t");
  wait_count(&host->entry_count, (size_t)stored);
  assert_int_equal(host->entry_count, stored);
  assert_int_equal(settle_all(host, 0, host->entry_count, EVS_SETTLE_ACK), stored);
  assert_int_equal(redis_pending(&server, "t", "g"), 0);
  host_close(host);
}

static void out_of_memory_holds_what_needs_memory_and_goes_on(void **state) {
  (void)state;
  evs_host *host = host_with_entries(10);
  redis_number(&server, "CONFIG SET maxmemory 1");
  size_t before = host->published_count;
  publish(host, "t", "a.b", 1);
  wait_count(&host->published_count, before + 1);
  assert_int_equal(host->published[before].status, EVS_TRANSPORT);
  assert_int_equal(host->published[before].flags, EVS_TP_TRANSIENT | EVS_TP_NOT_SENT | EVS_TP_HELD);
  assert_non_null(strstr(host->published[before].message, "maxmemory"));
  assert_int_equal(settle_all(host, 0, 5, EVS_SETTLE_ACK), 5); /* allowed all the time */
  evs_tp_settlement dead = settlement_of(&host->entries[5], EVS_SETTLE_DEAD_LETTER);
  dead.record = bytes("{}");
  evsi_redis_transport.settle(host->transport, &dead, 1);
  run_for(2000); /* longer than sessionTimeout: nobody is taken for dead meanwhile */
  assert_int_equal(host->settled_count, 5);
  redis_number(&server, "CONFIG SET maxmemory 0");
  wait_count(&host->settled_count, 6);
  assert_int_equal(host->settled[5].status, EVS_OK);
  assert_int_equal(redis_dead(&server, "t"), 1);
  expect_it_goes_on(host);
  host_close(host);
}

static void a_key_of_another_type_stops_only_its_topic(void **state) {
  (void)state;
  evs_host *host = host_connected();
  redis_number(&server, "SET stream:{bad} x");
  publish_and_wait(host, "t", "a.b", 3);
  evs_bytes topics[] = {bytes("bad"), bytes("t")};
  evs_tp_group group = {.struct_size = sizeof group, .group = GROUP, .prefetch = 10};
  group.name = bytes("g");
  group.consumer = bytes("c");
  group.topics = topics;
  group.topic_count = 2;
  evsi_redis_transport.join(host->transport, &group);
  wait_flag(&host->joined, 1);
  wait_count(&host->entry_count, 3);
  assert_non_null(strstr(host->last_log, "stream:{bad}"));
  publish(host, "bad", "a.b", 1);
  wait_count(&host->published_count, 4);
  assert_int_equal(host->published[3].flags, EVS_TP_NOT_SENT);
  host_close(host);
}

static void a_wrong_password_is_told_as_fatal(void **state) {
  (void)state;
  redis_number(&server, "CONFIG SET requirepass secret");
  evs_host *wrong = host_new(",\"password\":\"guess\"");
  evs_host *none = host_new("");
  evs_host *right = host_new(",\"password\":\"secret\"");
  wait_flag(&wrong->is_fatal, 1);
  wait_flag(&none->is_fatal, 1);
  assert_non_null(strstr(wrong->message, "WRONGPASS"));
  assert_non_null(strstr(none->message, "NOAUTH"));
  assert_null(strstr(wrong->message, "guess"));
  EXPECT_SOON(is_connected, right);
  server.password = "secret";
  redis_number(&server, "CONFIG SET requirepass nopass");
  server.password = "nopass";
  redis_words(&server, 4, (const char *const[]){"CONFIG", "SET", "requirepass", ""});
  server.password = NULL;
  EXPECT_SOON(is_connected, none); /* it went on trying */
  host_close(wrong);
  host_close(none);
  host_close(right);
}

static void connects_once_the_server_is_there(void **state) {
  (void)state;
  redis_server_halt(&server);
  evs_host *host = host_new("");
  run_for(200);
  assert_false(host->is_connected);
  char wanted[128];
  snprintf(wanted, sizeof wanted,
           "cannot connect to redis://127.0.0.1:%d: connection refused; is redis-server running there?",
           server.port);
  assert_string_equal(host->message, wanted);
  redis_server_again(&server);
  EXPECT_SOON(is_connected, host);
  host_close(host);
}

static void closing_without_a_server_ends_at_once(void **state) {
  (void)state;
  evs_host *never = host_new("");
  evsi_redis_transport.close(never->transport, 5000);
  EXPECT_SOON(is_closed, never);
  host_free(never);
  redis_server_halt(&server);
  evs_host *host = host_new("");
  run_for(100);
  host_close(host);
  redis_server_again(&server);
}

static void closing_answers_every_publish(void **state) {
  (void)state;
  evs_host *host = host_connected();
  publish(host, "t", "a.b", 5000);
  evsi_redis_transport.close(host->transport, 5000);
  EXPECT_SOON(is_closed, host);
  assert_int_equal(host->published_count, 5000);
  for (size_t i = 0; i < 5000; i++)
    assert_int_equal(host->published[i].status, EVS_OK);
  assert_int_equal(redis_length(&server, "t"), 5000);
  host_free(host);
}

static void a_hundred_idle_topics_cost_few_commands(void **state) {
  (void)state;
  evs_bytes topics[100];
  static char names[100][16];
  evs_host *host = host_new(",\"sessionTimeout\":15000,\"discoverInterval\":5000");
  EXPECT_SOON(is_connected, host);
  for (int i = 0; i < 100; i++) {
    snprintf(names[i], sizeof names[i], "topic%d", i);
    topics[i] = bytes(names[i]);
  }
  evs_tp_group group = {.struct_size = sizeof group, .group = GROUP, .prefetch = 256, .discover = 1};
  group.name = bytes("g");
  group.consumer = bytes("c");
  group.topics = topics;
  group.topic_count = 100;
  evsi_redis_transport.join(host->transport, &group);
  wait_flag(&host->joined, 1);
  run_for(500);
  uint64_t before = host->commands;
  run_for(6000);
  assert_in_range(host->commands - before, 1, 29); /* fewer than five a second */
  publish_and_wait(host, "topic77", "a.b", 1);
  wait_count(&host->entry_count, 1);
  assert_string_equal(host->entries[0].topic, "topic77");
  host_close(host);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(goes_on_after_flushall),
      TEST(a_lost_registry_is_written_again_by_those_who_publish),
      TEST(goes_on_after_the_stream_was_deleted),
      TEST(a_destroyed_group_begins_again_where_nothing_is_lost),
      TEST(goes_on_after_a_lost_heartbeat_hash),
      TEST(goes_on_after_a_restart_and_settles_what_was_held),
      TEST(a_lost_reader_connection_loses_no_entry),
      TEST(out_of_memory_holds_what_needs_memory_and_goes_on),
      TEST(a_key_of_another_type_stops_only_its_topic),
      TEST(a_wrong_password_is_told_as_fatal),
      TEST(connects_once_the_server_is_there),
      TEST(closing_without_a_server_ends_at_once),
      TEST(closing_answers_every_publish),
      TEST(a_hundred_idle_topics_cost_few_commands),
  };
  return cmocka_run_group_tests(tests, fixture_start, fixture_end);
}
