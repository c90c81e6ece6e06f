/* SPDX-License-Identifier: MIT
 * redis_published_acceptance_test.c - a store that is shared with services of @logistically/events: what they
 * write, by hand here as that library writes it, is read; what is written is what they read. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/host.h"
#include "support/redis_server.h"
#include "support/until.h"

#define STREAM "stream:user-events"
#define DLQ "dlq:stream:user-events"
/* An event as that library stores it; its only argument is the id. */
#define ENVELOPE                                                                                             \
  "{\"header\":{\"id\":\"%s\",\"type\":\"user.created\",\"origin\":\"legacy\",\"timestamp\":"                \
  "\"2025-11-23T17:46:40.000Z\",\"hash\":\"" BODY_HASH "\",\"version\":\"1.0.0\"},\"body\":{\"id\":7}}"
#define BODY_HASH "a3c90e3b7448d23d9eacebd0ebf15cae100e21f9b2c688f3f9d238edcd26d67f"
#define PLAIN "\"type\":\"redis-streams\",\"keyLayout\":\"plain\",\"discoverInterval\":50"
#define COMPAT "\"type\":\"redis-streams\",\"compat\":\"logistically-3\",\"discoverInterval\":50"

static redis_server server;

static int setup(void **state) {
  (void)state;
  redis_server_start(&server, NULL);
  return 0;
}

static int teardown(void **state) {
  (void)state;
  redis_server_stop(&server);
  return 0;
}

static evs_system *connect_host(const char *service, const char *transport) {
  return host_connect("{\"service\":\"%s\",\"transports\":{\"main\":{%s,\"url\":\"%s\","
                      "\"retry\":{\"maxRetries\":0,\"baseDelay\":1,\"jitter\":0}}}}",
                      service, transport, server.url);
}

/* Adds an entry as the published library does, with more fields behind. */
static void add_published(const char *stream, const char *id, const char *more) {
  char envelope[512], topic[64];
  snprintf(envelope, sizeof envelope, ENVELOPE, id);
  snprintf(topic, sizeof topic, "%s", strchr(stream, ':') + 1);
  const char *words[16] = {"XADD",      stream,          "*",     "data", envelope,
                           "timestamp", "1763920000000", "topic", topic};
  int count = 9;
  char rest[64];
  snprintf(rest, sizeof rest, "%s", more);
  for (char *word = strtok(rest, " "); word; word = strtok(NULL, " "))
    words[count++] = word;
  assert_true(redis_words(&server, count, words) != -1);
}

static void add_published_letter(const char *id) {
  char envelope[512];
  snprintf(envelope, sizeof envelope, ENVELOPE, id);
  const char *words[] = {"XADD",           DLQ,           "*",        "originalId",   "1763920000000-0",
                         "originalStream", STREAM,        "error",    "mail is down", "timestamp",
                         "1763920007000",  "data",        envelope,   "timestamp",    "1763920000000",
                         "topic",          "user-events", "sequence", "{\"n\":1}"};
  assert_true(redis_words(&server, sizeof words / sizeof words[0], words) != -1);
}

/* Names, or values, of the fields of a stream's newest entry. */
static void assert_fields(const char *key, int first, const char *expected) {
  char *found = redis_text(&server, "EVAL %s 1 %s %d",
                           "local e = redis.call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', 1)[1][2] "
                           "local t = {} for i = tonumber(ARGV[1]), #e, 2 do t[#t + 1] = e[i] end "
                           "return table.concat(t, ' ')",
                           key, first);
  assert_string_equal(found, expected);
  free(found);
}

static char *field(const char *key, int number) {
  return redis_text(&server, "EVAL %s 1 %s %d",
                    "return redis.call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', 1)[1][2][2 * ARGV[1]]", key,
                    number);
}

static json_t *letters(evs_system *system) {
  json_t *answer = host_call(system, "dlq.list", "{}");
  json_t *items = json_incref(json_object_get(answer, "items"));
  json_decref(answer);
  return items;
}

static const char *text_at(const json_t *object, const char *name) {
  const char *text = json_string_value(json_object_get(object, name));
  test_require(text != NULL, name);
  return text;
}

static void change(evs_system *system, const char *method, const json_t *letter, const char *expected) {
  json_t *answer = host_call(system, method, "{\"ids\":[\"%s\"]}", text_at(letter, "id"));
  assert_string_equal(text_at(json_array_get(json_object_get(answer, "results"), 0), "outcome"), expected);
  json_decref(answer);
}

/* ---- events ----------------------------------------------------------------------------------- */

static void entries_of_the_published_library_are_handled(void **state) {
  (void)state;
  evs_system *system = connect_host("shop", PLAIN);
  add_published(STREAM, "first", "");
  add_published(STREAM, "second", "sequence 41 partition 3");
  host_subscribe(system, "{\"pattern\":\"user.*\"}");
  host_ready(system);
  static const char *const ids[] = {"first", "second"};
  for (int i = 0; i < 2; i++) {
    host_message message = host_next(system);
    assert_string_equal(message.id, ids[i]);
    assert_string_equal(message.type, "user.created");
    assert_string_equal(message.origin, "legacy");
    assert_string_equal(message.body, "{\"id\":7}");
    assert_string_equal(message.topic, "user-events");
    assert_true(host_ack(system, message.delivery));
  }
  TEST_UNTIL(redis_number(&server, "EVAL %s 1 %s shop", "return redis.call('XPENDING', KEYS[1], ARGV[1])[1]",
                          STREAM) == 0);
  host_close(system, 1000);
}

static void events_are_stored_as_the_published_library_reads_them(void **state) {
  (void)state;
  evs_system *system = connect_host("shop", PLAIN);
  evs_event event = host_event("user.created", "{\"id\":7}");
  event.headers = host_bytes("{\"tenant\":\"north\"}");
  assert_int_equal(host_try(system, &event).outcome, EVS_OUTCOME_STORED);
  assert_fields(STREAM, 1, "data timestamp topic");
  char *data = field(STREAM, 1), *time = field(STREAM, 2), *topic = field(STREAM, 3);
  assert_int_equal(strncmp(data, "{\"header\":{\"id\":\"", 16), 0);
  assert_non_null(strstr(data, "\"hash\":\"" BODY_HASH
                               "\",\"version\":\"1.0.0\"},\"headers\":{\"tenant\":\"north\"},"
                               "\"body\":{\"id\":7}}"));
  assert_true(strlen(time) == 13 && strspn(time, "0123456789") == 13);
  assert_string_equal(topic, "user-events");
  assert_int_equal(redis_number(&server, "HEXISTS evs:topics:plain user-events"), 1);
  assert_int_equal(redis_number(&server, "EXISTS evs:topics stream:{user-events}"), 0);
  free(data);
  free(time);
  free(topic);
  event = host_event("user.photo", "bytes");
  event.content_type = host_bytes("image/png");
  assert_int_equal(host_try(system, &event).outcome, EVS_OUTCOME_STORED);
  assert_fields(STREAM, 1, "data timestamp topic raw");
  host_close(system, 1000);
}

static void each_transport_of_a_route_gets_its_own_form(void **state) {
  (void)state;
  evs_system *system = host_connect(
      "{\"service\":\"shop\",\"transports\":{\"own\":{\"type\":\"redis-streams\",\"url\":\"%s/1\"},"
      "\"old\":{" PLAIN ",\"url\":\"%s/2\"}},\"routing\":{\"routes\":[{\"pattern\":\"user.*\","
      "\"transports\":[\"own\",\"old\"]}]}}",
      server.url, server.url);
  host_publish(system, "user.created", "1");
  static const char script[] = "redis.call('SELECT', ARGV[1]) "
                               "return string.sub(redis.call('XRANGE', ARGV[2], '-', '+')[1][2][2], 1, 9)";
  char *own = redis_text(&server, "EVAL %s 0 1 stream:{user-events}", script);
  char *old = redis_text(&server, "EVAL %s 0 2 " STREAM, script);
  assert_string_equal(own, "{\"v\":1,\"h");
  assert_string_equal(old, "{\"header\"");
  free(own);
  free(old);
  host_close(system, 1000);
}

static void compat_shares_the_default_group_and_begins_at_the_newest_event(void **state) {
  (void)state;
  add_published(STREAM, "before", "");
  evs_system *system = connect_host("shop", COMPAT);
  host_subscribe(system, "{\"pattern\":\"*.user.*\"}");
  host_ready(system);
  add_published(STREAM, "after", "");
  host_message message = host_next(system);
  assert_string_equal(message.id, "after");
  assert_string_equal(message.group, "default-group");
  assert_true(host_ack(system, message.delivery));
  host_close(system, 1000);
}

static void a_pattern_reads_the_stream_of_its_route_and_leaves_others_to_their_services(void **state) {
  (void)state;
  add_published("stream:order-events", "order", "");
  evs_system *system = connect_host("shop", COMPAT);
  host_subscribe(system, "{\"pattern\":\"user.*\",\"from\":\"earliest\"}");
  host_ready(system);
  add_published(STREAM, "user", "");
  host_message message = host_next(system);
  assert_string_equal(message.id, "user");
  assert_true(host_ack(system, message.delivery));
  assert_int_equal(redis_number(&server, "EXISTS evs:hb:{stream:user-events}:default-group"), 1);
  assert_int_equal(redis_number(&server, "XINFO GROUPS stream:order-events"), 0);
  host_close(system, 1000);
}

static void a_pattern_for_everything_reads_streams_that_nobody_registered(void **state) {
  (void)state;
  add_published(STREAM, "there", "");
  add_published("stream:user-events:replay:1763920000000", "copy", "");
  evs_system *system = connect_host("audit", PLAIN);
  host_subscribe(system, "{\"pattern\":\"*\"}");
  host_ready(system);
  host_message message = host_next(system), none;
  assert_string_equal(message.id, "there");
  assert_true(host_ack(system, message.delivery));
  add_published("stream:new-events", "later", "");
  message = host_next(system);
  assert_string_equal(message.id, "later");
  assert_true(host_ack(system, message.delivery));
  assert_false(host_take(system, &none, 50));
  host_close(system, 1000);
}

static void a_stream_of_the_published_library_beside_ours_is_told_and_counted(void **state) {
  (void)state;
  add_published(STREAM, "old", "");
  evs_system *system = connect_host("shop", "\"type\":\"redis-streams\"");
  host_publish(system, "order.created", "1");
  host_publish(system, "user.created", "1");
  host_publish(system, "user.deleted", "1");
  TEST_UNTIL(host_stat(system, "transport", "foreignStreams") == 1);
  host_report log;
  do {
    assert_true(host_report_of(system, EVS_REPORT_LOG, &log, (uint32_t)test_deadline_ms()));
  } while (!strstr(log.message, "logistically-3"));
  host_close(system, 1000);
}

/* ---- dead letters ----------------------------------------------------------------------------- */

static void a_dead_letter_begins_with_the_published_fields(void **state) {
  (void)state;
  evs_system *system = connect_host("shop", PLAIN);
  add_published(STREAM, "doomed", "");
  host_subscribe(system, "{\"pattern\":\"user.*\"}");
  host_ready(system);
  host_message message = host_next(system);
  assert_true(host_fail(system, message.delivery, EVS_FAIL_RETRY, "MailDown"));
  TEST_UNTIL(redis_number(&server, "XLEN " DLQ) == 1);
  assert_fields(DLQ, 1, "originalId originalStream error timestamp data timestamp topic dead fp");
  char *id = field(DLQ, 1), *stream = field(DLQ, 2), *error = field(DLQ, 3), *moved = field(DLQ, 4);
  char *published = field(DLQ, 6);
  assert_string_equal(id, message.offset);
  assert_string_equal(stream, STREAM);
  assert_string_equal(error, "it failed on purpose");
  assert_int_equal(strlen(moved), 13);
  assert_string_equal(published, "1763920000000");
  free(id);
  free(stream);
  free(error);
  free(moved);
  free(published);
  json_t *items = letters(system), *letter = json_array_get(items, 0);
  assert_string_equal(text_at(json_object_get(letter, "error"), "class"), "MailDown");
  assert_string_equal(text_at(letter, "group"), "shop");
  change(system, "dlq.requeue", letter, "requeued");
  json_decref(items);
  assert_fields(STREAM, 1, "data timestamp topic requeue");
  message = host_next(system);
  assert_string_equal(message.id, "doomed");
  assert_true(host_fail(system, message.delivery, EVS_FAIL_REJECT, "StillDown"));
  TEST_UNTIL(redis_number(&server, "XLEN " DLQ) == 1);
  assert_fields(DLQ, 1, "originalId originalStream error timestamp data timestamp topic requeue dead fp");
  host_close(system, 1000);
}

static void a_published_dead_letter_is_shown_counted_and_requeued_to_every_group(void **state) {
  (void)state;
  add_published_letter("lost");
  evs_system *system = connect_host("shop", PLAIN);
  json_t *items = letters(system), *letter = json_array_get(items, 0);
  assert_int_equal(json_array_size(items), 1);
  assert_string_equal(text_at(letter, "topic"), "user-events");
  assert_string_equal(text_at(letter, "originalId"), "1763920000000-0");
  assert_string_equal(text_at(json_object_get(letter, "error"), "message"), "mail is down");
  assert_string_equal(text_at(json_object_get(letter, "header"), "id"), "lost");
  assert_int_equal(json_integer_value(json_object_get(letter, "firstFailureAt")), 1763920007000);
  assert_int_equal(json_integer_value(json_object_get(letter, "lastFailureAt")), 1763920007000);
  assert_int_equal(json_integer_value(json_object_get(letter, "attempts")), 0);
  assert_true(json_is_null(json_object_get(letter, "group")));
  json_t *count = host_call(system, "dlq.count", "{}");
  assert_int_equal(json_integer_value(json_object_get(count, "count")), 1);
  json_decref(count);
  host_subscribe(system, "{\"pattern\":\"user.*\",\"group\":\"one\"}");
  host_subscribe(system, "{\"pattern\":\"user.*\",\"group\":\"two\"}");
  host_ready(system);
  change(system, "dlq.requeue", letter, "requeued");
  change(system, "dlq.requeue", letter, "already_requeued");
  json_decref(items);
  assert_fields(STREAM, 1, "data timestamp topic sequence requeue");
  for (int i = 0; i < 2; i++) {
    host_message message = host_next(system);
    assert_string_equal(message.id, "lost");
    assert_non_null(strstr(message.requeue, "\"count\":1"));
    assert_true(host_ack(system, message.delivery));
  }
  assert_int_equal(redis_number(&server, "XLEN " DLQ), 0);
  host_close(system, 1000);
}

static void a_discarded_published_dead_letter_comes_back_as_it_was(void **state) {
  (void)state;
  add_published_letter("lost");
  evs_system *system = connect_host("shop", PLAIN);
  json_t *items = letters(system);
  change(system, "dlq.discard", json_array_get(items, 0), "discarded");
  assert_int_equal(redis_number(&server, "XLEN " DLQ), 0);
  json_t *answer = host_call(system, "dlq.archive", "{}");
  const json_t *kept = json_array_get(json_object_get(answer, "items"), 0);
  assert_string_equal(text_at(kept, "action"), "discarded");
  assert_string_equal(text_at(json_object_get(kept, "error"), "message"), "mail is down");
  json_decref(answer);
  change(system, "dlq.restore", json_array_get(items, 0), "restored");
  json_decref(items);
  assert_fields(DLQ, 1, "originalId originalStream error timestamp data timestamp topic sequence");
  char *time = field(DLQ, 4);
  assert_string_equal(time, "1763920007000");
  free(time);
  host_close(system, 1000);
}

static void a_published_dead_letter_is_edited_and_sent_again(void **state) {
  (void)state;
  add_published_letter("lost");
  evs_system *system = connect_host("shop", PLAIN);
  host_subscribe(system, "{\"pattern\":\"user.*\"}");
  host_ready(system);
  json_t *items = letters(system);
  json_t *answer =
      host_call(system, "dlq.requeue", "{\"ids\":[\"%s\"],\"edit\":{\"body\":\"{\\\"id\\\":8}\"}}",
                text_at(json_array_get(items, 0), "id"));
  json_decref(answer);
  json_decref(items);
  host_message message = host_next(system);
  assert_string_equal(message.id, "lost");
  assert_string_equal(message.body, "{\"id\":8}");
  assert_true(host_ack(system, message.delivery));
  host_close(system, 1000);
}

static void an_operation_requeues_published_dead_letters(void **state) {
  (void)state;
  enum { LETTERS = 300 };
  char id[16];
  for (int i = 0; i < LETTERS; i++) {
    snprintf(id, sizeof id, "e-%d", i);
    add_published_letter(id);
  }
  evs_system *system = connect_host("shop", PLAIN);
  json_t *answer =
      host_call(system, "operations.start", "{\"kind\":\"requeue\",\"filter\":{\"topic\":\"user-events\"}}");
  json_decref(answer);
  TEST_UNTIL(redis_number(&server, "XLEN " DLQ) == 0);
  assert_int_equal(redis_number(&server, "XLEN " STREAM), LETTERS);
  assert_fields(STREAM, 1, "data timestamp topic sequence requeue");
  assert_int_equal(redis_number(&server, "EXISTS evs:operations"), 0);
  host_close(system, 1000);
}

/* ---- batches ---------------------------------------------------------------------------------- */

/* Two events in one entry, with what stands before and behind its fields. */
static void add_batch(const char *stream, const char *const *head, int head_count) {
  char first[512], second[512], data[1200];
  snprintf(first, sizeof first, ENVELOPE, "first");
  snprintf(second, sizeof second, ENVELOPE, "second");
  snprintf(data, sizeof data, "{\"data\":[%s,%s],\"metadata\":{\"batch\":true,\"count\":2}}", first, second);
  const char *words[24] = {"XADD", stream, "*"};
  int count = 3;
  for (int i = 0; i < head_count; i++)
    words[count++] = head[i];
  const char *const fields[] = {"data",        data,    "timestamp", "1763920000000", "topic",
                                "user-events", "batch", "true",      "count",         "2"};
  for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++)
    words[count++] = fields[i];
  assert_true(redis_words(&server, count, words) != -1);
}

static void an_event_of_a_published_batch_dies_as_a_published_dead_letter(void **state) {
  (void)state;
  evs_system *system = connect_host("shop", PLAIN);
  add_batch(STREAM, NULL, 0);
  host_subscribe(system, "{\"pattern\":\"user.created\",\"concurrency\":2}");
  host_ready(system);
  host_message first = host_next(system), second = host_next(system);
  assert_string_equal(second.id, "second");
  assert_true(host_ack(system, first.delivery));
  assert_true(host_fail(system, second.delivery, EVS_FAIL_RETRY, "Broken"));
  TEST_UNTIL(redis_number(&server, "XLEN " DLQ) == 1);
  assert_fields(DLQ, 1, "originalId originalStream error timestamp data timestamp topic dead fp");
  char *original = field(DLQ, 1);
  assert_string_equal(original, second.offset);
  free(original);
  json_t *items = letters(system);
  change(system, "dlq.requeue", json_array_get(items, 0), "requeued");
  json_decref(items);
  assert_fields(STREAM, 1, "data timestamp topic requeue");
  host_message again = host_next(system);
  assert_string_equal(again.id, "second");
  assert_true(host_ack(system, again.delivery));
  host_close(system, 1000);
}

static void a_published_dead_letter_that_is_a_batch_comes_back_as_its_events(void **state) {
  (void)state;
  static const char *const head[] = {"originalId", "1763920000000-0", "originalStream", STREAM,
                                     "error",      "mail is down",    "timestamp",      "1763920007000"};
  evs_system *system = connect_host("shop", PLAIN);
  add_batch(DLQ, head, sizeof head / sizeof head[0]);
  host_subscribe(system, "{\"pattern\":\"user.created\",\"concurrency\":2}");
  host_ready(system);
  json_t *items = letters(system);
  assert_int_equal(json_array_size(items), 1);
  change(system, "dlq.requeue", json_array_get(items, 0), "requeued");
  json_decref(items);
  static const char *const ids[] = {"first", "second"};
  for (int i = 0; i < 2; i++) {
    host_message message = host_next(system);
    assert_string_equal(message.id, ids[i]);
    assert_true(host_ack(system, message.delivery));
  }
  host_close(system, 1000);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
  const struct CMUnitTest tests[] = {
      TEST(entries_of_the_published_library_are_handled),
      TEST(events_are_stored_as_the_published_library_reads_them),
      TEST(each_transport_of_a_route_gets_its_own_form),
      TEST(compat_shares_the_default_group_and_begins_at_the_newest_event),
      TEST(a_pattern_reads_the_stream_of_its_route_and_leaves_others_to_their_services),
      TEST(a_pattern_for_everything_reads_streams_that_nobody_registered),
      TEST(a_stream_of_the_published_library_beside_ours_is_told_and_counted),
      TEST(a_dead_letter_begins_with_the_published_fields),
      TEST(a_published_dead_letter_is_shown_counted_and_requeued_to_every_group),
      TEST(a_discarded_published_dead_letter_comes_back_as_it_was),
      TEST(a_published_dead_letter_is_edited_and_sent_again),
      TEST(an_operation_requeues_published_dead_letters),
      TEST(an_event_of_a_published_batch_dies_as_a_published_dead_letter),
      TEST(a_published_dead_letter_that_is_a_batch_comes_back_as_its_events),
  };
#undef TEST
  return cmocka_run_group_tests(tests, NULL, NULL);
}
