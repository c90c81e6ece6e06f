/* SPDX-License-Identifier: MIT
 * redis_transport_test.c - publishing, delivering and settling with one or two members. */
#include "unit/transport/redis_fixture.h"

static void publishes_ten_thousand_events_and_gives_their_offsets(void **state) {
  (void)state;
  evs_host *host = host_connected();
  publish_and_wait(host, "t", "a.b", 10000);
  assert_int_equal(redis_length(&server, "t"), 10000);
  for (size_t i = 0; i < 10000; i++) {
    assert_int_equal(host->published[i].token, i + 1);
    assert_non_null(strchr(host->published[i].offset, '-'));
  }
  char *registered = redis_text(&server, "HGET evs:topics t");
  assert_non_null(strstr(registered, "\"partitions\":0"));
  assert_non_null(strstr(registered, "\"types\":[\"a.b\"]"));
  free(registered);
  host_close(host);
}

static void delivers_and_acknowledges_until_nothing_is_pending(void **state) {
  (void)state;
  evs_host *host = host_connected();
  publish_and_wait(host, "t", "a.b", 3000);
  join(host, "g", "t");
  wait_count(&host->entry_count, 3000);
  assert_string_equal(host->entries[0].topic, "t");
  assert_int_equal(host->entries[0].partition, EVS_PARTITION_NONE);
  assert_int_equal(host->entries[0].deliveries, 1);
  assert_non_null(strstr(host->entries[2999].data, "\"e2999\""));
  assert_int_equal(redis_pending(&server, "t", "g"), 3000);
  assert_int_equal(settle_all(host, 0, 3000, EVS_SETTLE_ACK), 3000);
  assert_int_equal(redis_pending(&server, "t", "g"), 0);
  publish_and_wait(host, "t", "a.b", 10);
  wait_count(&host->entry_count, 3010);
  host_close(host);
  assert_int_equal(redis_number(&server, "EXISTS evs:meta:{t}:g") <= 1, 1);
  assert_int_equal(redis_number(&server, "HLEN evs:hb:{t}:g"), 1); /* the version alone is left */
}

static void two_groups_each_get_everything(void **state) {
  (void)state;
  evs_host *one = host_connected(), *two = host_connected();
  join(one, "g1", "t");
  join(two, "g2", "t");
  publish_and_wait(one, "t", "a.b", 500);
  wait_count(&one->entry_count, 500);
  wait_count(&two->entry_count, 500);
  assert_int_equal(settle_all(one, 0, 500, EVS_SETTLE_ACK), 500);
  assert_int_equal(redis_pending(&server, "t", "g1"), 0);
  assert_int_equal(redis_pending(&server, "t", "g2"), 500);
  host_close(one);
  host_close(two);
}

static void no_more_is_read_than_there_are_credits(void **state) {
  (void)state;
  evs_host *host = host_connected();
  publish_and_wait(host, "t", "a.b", 100);
  host->credits = 0;
  join(host, "g", "t");
  run_for(100);
  assert_int_equal(host->entry_count, 0);
  host->credits = 7;
  host->credits_are_spent = 1;
  evsi_redis_transport.resume(host->transport, GROUP);
  wait_count(&host->entry_count, 7);
  run_for(100);
  assert_int_equal(host->entry_count, 7);
  assert_int_equal(redis_pending(&server, "t", "g"), 7);
  host_close(host);
}

static bool is_read_again(void) {
  char *stats = redis_text(&server, "INFO commandstats");
  bool is = strstr(stats, "cmdstat_xreadgroup:calls=2,") != NULL;
  free(stats);
  return is;
}

/* Before the host has the first entry. */
static void expect_second_read(evs_host *host) {
  host->delivering = NULL;
  TEST_UNTIL(is_read_again());
}

static void the_server_reads_on_while_the_host_gets_entries_but_no_more_than_there_are_credits(void **state) {
  (void)state;
  evs_host *host = host_new(",\"batchSize\":100");
  EXPECT_SOON(is_connected, host);
  publish_and_wait(host, "t", "a.b", 300);
  redis_number(&server, "CONFIG RESETSTAT");
  host->credits = 150;
  host->credits_are_spent = 1;
  host->delivering = expect_second_read;
  join(host, "g", "t");
  wait_count(&host->entry_count, 150);
  assert_null(host->delivering);
  run_for(100);
  assert_int_equal(host->entry_count, 150);
  assert_int_equal(redis_pending(&server, "t", "g"), 150);
  host_close(host);
}

static bool has_refused_ten(void *data) {
  return ((evs_host *)data)->refused >= 10;
}

static void what_a_host_has_no_memory_for_comes_again_undelivered(void **state) {
  (void)state;
  evs_host *host = host_connected();
  host->is_short_of_memory = true;
  join(host, "g", "t");
  publish_and_wait(host, "t", "a.b", 10);
  EXPECT_SOON(has_refused_ten, host);
  publish_and_wait(host, "t", "a.b", 1);
  host->is_short_of_memory = false;
  wait_count(&host->entry_count, 11);
  for (int i = 0; i < 11; i++) {
    assert_string_equal(host->entries[i].offset, host->published[i].offset);
    assert_int_equal(host->entries[i].deliveries, 1);
  }
  assert_int_equal(settle_all(host, 0, 11, EVS_SETTLE_ACK), 11);
  assert_int_equal(redis_pending(&server, "t", "g"), 0);
  host_close(host);
}

static void a_parked_entry_comes_back_with_its_state_and_one_more_delivery(void **state) {
  (void)state;
  evs_host *host = host_connected();
  publish_and_wait(host, "t", "a.b", 1);
  join(host, "g", "t");
  wait_count(&host->entry_count, 1);
  evs_tp_settlement park = settlement_of(&host->entries[0], EVS_SETTLE_PARK);
  park.delay_ms = 120;
  park.state = bytes("{\"attempts\":1}");
  evsi_redis_transport.settle(host->transport, &park, 1);
  wait_count(&host->settled_count, 1);
  assert_int_equal(host->settled[0].status, EVS_OK);
  assert_int_equal(redis_pending_of(&server, "t", "g", "@retry"), 1);
  wait_count(&host->entry_count, 2);
  assert_string_equal(host->entries[1].offset, host->entries[0].offset);
  assert_string_equal(host->entries[1].state, "{\"attempts\":1}");
  assert_string_equal(host->entries[1].data, host->entries[0].data);
  assert_int_equal(host->entries[1].deliveries, 2);
  assert_int_equal(settle_all(host, 1, 2, EVS_SETTLE_ACK), 1);
  assert_int_equal(redis_pending(&server, "t", "g"), 0);
  assert_int_equal(redis_number(&server, "HEXISTS evs:meta:{t}:g %s", host->entries[0].offset), 0);
  assert_int_equal(redis_number(&server, "ZCARD evs:due:{t}:g"), 0);
  host_close(host);
}

static void parked_entries_that_lost_their_due_time_come_back(void **state) {
  (void)state;
  evs_host *host = host_connected();
  publish_and_wait(host, "t", "a.b", 1);
  join(host, "g", "t");
  wait_count(&host->entry_count, 1);
  evs_tp_settlement park = settlement_of(&host->entries[0], EVS_SETTLE_PARK);
  park.delay_ms = 3600000;
  evsi_redis_transport.settle(host->transport, &park, 1);
  wait_count(&host->settled_count, 1);
  assert_int_equal(redis_number(&server, "DEL evs:due:{t}:g"), 1);
  wait_count(&host->entry_count, 2);
  host_close(host);
}

static void a_dead_letter_is_requeued_once_however_often_it_is_asked(void **state) {
  (void)state;
  evs_host *host = host_connected();
  publish_and_wait(host, "t", "a.b", 2);
  join(host, "g", "t");
  wait_count(&host->entry_count, 2);
  assert_int_equal(settle_all(host, 0, 2, EVS_SETTLE_DEAD_LETTER), 2);
  assert_int_equal(redis_pending(&server, "t", "g"), 0);
  assert_int_equal(redis_dead(&server, "t"), 2);
  const char *list = request(host, "dlq.list", "{}");
  assert_non_null(strstr(list, "\"message\":\"no luck\""));
  assert_non_null(strstr(list, "\"header\":{\"id\":\"e0\",\"type\":\"a.b\"}"));
  assert_non_null(strstr(list, "\"next\":null"));
  char id[128] = "";
  sscanf(strstr(list, "\"id\":\"main/"), "\"id\":\"%127[^\"]", id);
  char params[256];
  snprintf(params, sizeof params, "{\"id\":\"%s\"}", id);
  assert_non_null(strstr(request(host, "dlq.get", params), "\"attempts\":4"));
  snprintf(params, sizeof params, "{\"ids\":[\"%s\"]}", id);
  assert_non_null(strstr(request(host, "dlq.requeue", params), "{\"requeued\":1,"));
  const char *again = request(host, "dlq.requeue", params);
  assert_non_null(strstr(again, "\"requeued\":0"));
  assert_non_null(strstr(again, "already_requeued"));
  wait_count(&host->entry_count, 3);
  assert_non_null(strstr(host->entries[2].data, "\"e0\""));
  assert_non_null(strstr(host->entries[2].requeue, "\"group\":\"g\""));
  assert_non_null(strstr(host->entries[2].requeue, "\"subscriptions\":[\"s\"]"));
  assert_non_null(strstr(host->entries[2].requeue, "\"count\":1"));
  assert_int_equal(redis_length(&server, "t"), 3);
  assert_int_equal(redis_dead(&server, "t"), 1);
  host_close(host);
}

static void what_is_settled_at_once_ends_each_in_its_own_way(void **state) {
  (void)state;
  evs_host *host = host_connected();
  publish_and_wait(host, "t", "a.b", 3);
  join(host, "g", "t");
  wait_count(&host->entry_count, 3);
  evs_tp_settlement each[3];
  for (size_t i = 0; i < 3; i++)
    each[i] = settlement_of(&host->entries[i], i == 1 ? EVS_SETTLE_DEAD_LETTER : EVS_SETTLE_ACK);
  each[1].record = bytes("{\"originalId\":\"x\",\"group\":\"g\",\"subscriptions\":[\"s\"],\"attempts\":1,"
                         "\"error\":{\"class\":\"E\",\"message\":\"no luck\"},\"requeueCount\":0}");
  evsi_redis_transport.settle(host->transport, each, 3);
  wait_count(&host->settled_count, 3);
  for (size_t i = 0; i < 3; i++)
    assert_int_equal(host->settled[i].status, EVS_OK);
  assert_int_equal(redis_pending(&server, "t", "g"), 0);
  assert_int_equal(redis_dead(&server, "t"), 1);
  host_close(host);
}

static void dead_letters_are_requeued_and_discarded_by_filter(void **state) {
  (void)state;
  evs_host *host = host_connected();
  publish_and_wait(host, "t", "a.b", 150);
  publish_and_wait(host, "t", "a.c", 150);
  join(host, "g", "t");
  wait_count(&host->entry_count, 300);
  assert_int_equal(settle_all(host, 0, 300, EVS_SETTLE_DEAD_LETTER), 300);
  const char *page = request(host, "dlq.list", "{\"limit\":100,\"type\":\"a.c\"}");
  const char *next = strstr(page, "\"next\":\"");
  char cursor[128] = "", params[256];
  assert_non_null(next);
  sscanf(next, "\"next\":\"%127[^\"]", cursor);
  snprintf(params, sizeof params, "{\"limit\":100,\"type\":\"a.c\",\"cursor\":\"%s\"}", cursor);
  page = request(host, "dlq.list", params);
  assert_non_null(strstr(page, "\"next\":null"));
  assert_non_null(
      strstr(request(host, "dlq.requeue", "{\"filter\":{\"type\":\"a.c\"}}"), "\"requeued\":150"));
  assert_int_equal(redis_dead(&server, "t"), 150);
  assert_non_null(
      strstr(request(host, "dlq.discard", "{\"filter\":{\"topic\":\"t\"}}"), "\"discarded\":150"));
  assert_int_equal(redis_dead(&server, "t"), 0);
  assert_non_null(
      strstr(request(host, "dlq.discard", "{\"ids\":[\"main/t/1-1\",\"nonsense\"]}"), "\"discarded\":0"));
  assert_non_null(strstr(request(host, "dlq.list", "{\"type\":\"a..*\"}"), "a..*"));
  assert_int_equal(host->replies[host->reply_count - 1].status, EVS_VALIDATION);
  host_close(host);
}

static void malformed_entries_are_delivered_with_all_that_was_found(void **state) {
  (void)state;
  evs_host *host = host_connected();
  const char *entry_with_bytes[] = {"XADD", "stream:{t}", "*", "who", "\xff\xfe", "what", "x"};
  assert_true(redis_words(&server, 7, entry_with_bytes) > 0);
  publish_and_wait(host, "t", "a.b", 1);
  join(host, "g", "t");
  wait_count(&host->entry_count, 2);
  assert_int_equal(host->entries[0].flags, EVS_ENTRY_MALFORMED);
  assert_string_equal(host->entries[0].data,
                      "{\"fields\":[[\"who\",{\"base64\":\"//4=\"}],[\"what\",\"x\"]]}");
  assert_int_equal(host->entries[1].flags, 0);
  assert_int_equal(settle_all(host, 0, 1, EVS_SETTLE_DEAD_LETTER), 1);
  assert_non_null(strstr(request(host, "dlq.list", "{}"), "\"entry\":{\"fields\":[[\"who\""));
  host_close(host);
}

static void an_entry_whose_body_was_trimmed_becomes_a_tombstone(void **state) {
  (void)state;
  evs_host *host = host_connected();
  publish_and_wait(host, "t", "a.b", 1);
  join(host, "g", "t");
  wait_count(&host->entry_count, 1);
  assert_int_equal(redis_number(&server, "XTRIM stream:{t} MAXLEN 0"), 1);
  evs_tp_settlement park = settlement_of(&host->entries[0], EVS_SETTLE_PARK);
  evsi_redis_transport.settle(host->transport, &park, 1);
  wait_count(&host->entry_count, 2);
  assert_int_equal(host->entries[1].flags, EVS_ENTRY_TRIMMED);
  assert_int_equal(settle_all(host, 1, 2, EVS_SETTLE_DEAD_LETTER), 1);
  assert_int_equal(redis_pending(&server, "t", "g"), 0);
  assert_int_equal(redis_dead(&server, "t"), 1);
  assert_non_null(strstr(request(host, "dlq.requeue", "{\"filter\":{}}"), "\"outcome\":\"error\""));
  host_close(host);
}

/* Is the server's clock past the millisecond in which the last event was stored? */
static bool is_later(void *data) {
  const evs_host *host = data;
  long long stored = strtoll(host->published[host->published_count - 1].offset, NULL, 10);
  return redis_number(&server, "EVAL %s 0",
                      "local t = redis.call('TIME') return t[1] * 1000 + math.floor(t[2] / 1000)") > stored;
}

static void topics_groups_and_tail_tell_what_the_store_holds(void **state) {
  (void)state;
  evs_host *host = host_connected();
  publish_and_wait(host, "t", "a.b", 5);
  EXPECT_SOON(is_later, host); /* ids of two streams tell their order only by the millisecond */
  publish_and_wait(host, "u", "a.c", 2);
  join(host, "g", "t");
  wait_count(&host->entry_count, 5);
  assert_int_equal(settle_all(host, 0, 3, EVS_SETTLE_ACK), 3);
  const char *topics = request(host, "topics", "{}");
  assert_non_null(strstr(topics, "{\"topic\":\"t\",\"partition\":null,\"entries\":5,\"deadLetters\":0,"
                                 "\"delayed\":0,\"types\":[\"a.b\"]}"));
  const char *groups = request(host, "groups", "{\"topic\":\"t\"}");
  assert_non_null(strstr(groups, "\"group\":\"g\",\"entries\":5"));
  assert_non_null(strstr(groups, "\"lag\":0,\"lagExact\":true,\"pending\":2,\"parked\":0"));
  assert_non_null(strstr(groups, "\"pending\":2,\"alive\":true"));
  const char *tail = request(host, "tail", "{\"from\":\"start\",\"limit\":4}");
  assert_non_null(strstr(tail, "\"body\":3"));
  assert_null(strstr(tail, "\"body\":4"));
  const char *positions = strstr(tail, "\"positions\":");
  char params[512];
  snprintf(params, sizeof params, "{\"limit\":100,\"positions\":%.*s", (int)strlen(positions + 12),
           positions + 12);
  tail = request(host, "tail", params);
  assert_non_null(strstr(tail, "\"body\":4"));
  assert_non_null(strstr(tail, "\"topic\":\"u\""));
  assert_null(strstr(tail, "\"body\":3"));
  assert_non_null(strstr(request(host, "tail", "{\"from\":\"end\"}"), "\"entries\":[]"));
  request(host, "nonsense", "{}");
  assert_int_equal(host->replies[host->reply_count - 1].status, EVS_UNSUPPORTED);
  host_close(host);
}

static void topics_are_found_by_the_types_published_to_them(void **state) {
  (void)state;
  evs_host *host = host_connected(), *other = host_connected();
  host->wanted = "a.b";
  publish_and_wait(other, "first", "a.b", 3);
  publish_and_wait(other, "second", "x.y", 3);
  join(host, "g", NULL);
  wait_count(&host->entry_count, 3);
  publish_and_wait(other, "third", "a.b", 4);
  wait_count(&host->entry_count, 7);
  publish_and_wait(other, "second", "a.b", 1);
  wait_count(&host->entry_count, 11); /* now the topic is read, from its beginning */
  assert_string_equal(host->entries[8].topic, "second");
  host_close(host);
  host_close(other);
}

static void streams_that_nobody_registered_are_found_by_a_scan(void **state) {
  (void)state;
  evs_host *host = host_connected();
  assert_true(redis_number(&server, "XADD stream:{foreign:3} * data {}") > 0);
  join(host, "g", NULL);
  wait_count(&host->entry_count, 1);
  assert_string_equal(host->entries[0].topic, "foreign");
  assert_int_equal(host->entries[0].partition, 3);
  host_close(host);
}

static void a_group_from_new_gets_what_comes_after_it_and_new_topics_whole(void **state) {
  (void)state;
  evs_host *host = host_connected(), *other = host_connected();
  evs_bytes topics[] = {bytes("t")};
  evs_tp_group group = {
      .struct_size = sizeof group, .group = GROUP, .prefetch = 10, .from_new = 1, .discover = 1};
  group.name = bytes("g");
  group.consumer = bytes("c");
  group.topics = topics;
  group.topic_count = 1;
  publish_and_wait(other, "t", "a.b", 5);
  publish_and_wait(other, "u", "a.b", 5);
  evsi_redis_transport.join(host->transport, &group);
  wait_flag(&host->joined, 1);
  publish_and_wait(other, "t", "a.b", 1);
  publish_and_wait(other, "u", "a.b", 1);
  publish_and_wait(other, "v", "a.b", 3); /* a topic that came after the group */
  wait_count(&host->entry_count, 5);
  run_for(300);
  assert_int_equal(host->entry_count, 5);
  host_close(host);
  host_close(other);
}

static void partitions_are_streams_of_their_own(void **state) {
  (void)state;
  evs_host *host = host_connected();
  evs_tp_event events[6] = {{0}};
  for (uint32_t i = 0; i < 6; i++) {
    events[i] =
        (evs_tp_event){.struct_size = sizeof events[i], .partition = (int32_t)(i % 3), .partitions = 3};
    events[i].token = i + 1;
    events[i].topic = bytes("t");
    events[i].full_type = bytes("a.b");
    events[i].data = bytes("{}");
    events[i].raw = bytes("raw");
  }
  evsi_redis_transport.publish(host->transport, events, 6);
  wait_count(&host->published_count, 6);
  assert_int_equal(redis_number(&server, "XLEN stream:{t:2}"), 2);
  join(host, "g", NULL);
  wait_count(&host->entry_count, 6);
  int seen[3] = {0};
  for (size_t i = 0; i < 6; i++) {
    assert_string_equal(host->entries[i].topic, "t");
    assert_in_range(host->entries[i].partition, 0, 2);
    seen[host->entries[i].partition]++;
  }
  assert_int_equal(seen[0] + 10 * seen[1] + 100 * seen[2], 222);
  assert_int_equal(settle_all(host, 0, 5, EVS_SETTLE_ACK), 5);
  assert_int_equal(settle_all(host, 5, 6, EVS_SETTLE_DEAD_LETTER), 1);
  assert_non_null(strstr(request(host, "dlq.list", "{}"), "\"id\":\"main/t:"));
  assert_non_null(strstr(request(host, "dlq.requeue", "{\"filter\":{\"topic\":\"t\"}}"), "\"requeued\":1"));
  wait_count(&host->entry_count, 7);
  assert_int_equal(host->entries[6].partition, host->entries[5].partition);
  host_close(host);
}

static void a_script_that_the_server_forgot_is_sent_again(void **state) {
  (void)state;
  evs_host *host = host_connected();
  publish_and_wait(host, "t", "a.b", 2);
  join(host, "g", "t");
  wait_count(&host->entry_count, 2);
  assert_int_equal(settle_all(host, 0, 1, EVS_SETTLE_ACK), 1);
  redis_number(&server, "SCRIPT FLUSH");
  assert_int_equal(settle_all(host, 1, 2, EVS_SETTLE_ACK), 1);
  assert_true(host->reloaded > 0);
  host_close(host);
}

static void one_that_is_let_go_before_it_is_closed_tells_nothing_more(void **state) {
  (void)state;
  host_free(host_connected());
  evs_host *closing = host_connected();
  evsi_redis_transport.close(closing->transport, 2000);
  host_free(closing);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(publishes_ten_thousand_events_and_gives_their_offsets),
      TEST(delivers_and_acknowledges_until_nothing_is_pending),
      TEST(two_groups_each_get_everything),
      TEST(no_more_is_read_than_there_are_credits),
      TEST(the_server_reads_on_while_the_host_gets_entries_but_no_more_than_there_are_credits),
      TEST(what_a_host_has_no_memory_for_comes_again_undelivered),
      TEST(a_parked_entry_comes_back_with_its_state_and_one_more_delivery),
      TEST(parked_entries_that_lost_their_due_time_come_back),
      TEST(a_dead_letter_is_requeued_once_however_often_it_is_asked),
      TEST(what_is_settled_at_once_ends_each_in_its_own_way),
      TEST(dead_letters_are_requeued_and_discarded_by_filter),
      TEST(malformed_entries_are_delivered_with_all_that_was_found),
      TEST(an_entry_whose_body_was_trimmed_becomes_a_tombstone),
      TEST(topics_groups_and_tail_tell_what_the_store_holds),
      TEST(topics_are_found_by_the_types_published_to_them),
      TEST(streams_that_nobody_registered_are_found_by_a_scan),
      TEST(a_group_from_new_gets_what_comes_after_it_and_new_topics_whole),
      TEST(partitions_are_streams_of_their_own),
      TEST(a_script_that_the_server_forgot_is_sent_again),
      TEST(one_that_is_let_go_before_it_is_closed_tells_nothing_more),
  };
  return cmocka_run_group_tests(tests, fixture_start, fixture_end);
}
