/* SPDX-License-Identifier: MIT
 * redis_hand_written_acceptance_test.c - entries, dead letters and what stands beside them, written by hand
 * and wrong in every way: each entry ends handled or as a dead letter with its bytes, nothing stays, nobody
 * crashes, and what is right between them arrives. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/host.h"
#include "support/redis_server.h"
#include "support/until.h"

#define TOPIC "order-events"
#define STREAM "stream:{" TOPIC "}"

enum { DEEP = 100000, WIDE = 50000, LONG_TEXT = 1 << 20 };

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

static int clear(void **state) {
  (void)state;
  return redis_number(&server, "FLUSHALL") >= 0 ? 0 : -1;
}

static evs_system *connect_host(void) {
  return host_connect(
      "{\"service\":\"shop\",\"transports\":{\"main\":{\"type\":\"redis-streams\",\"url\":\"%s\","
      "\"sessionTimeout\":900,\"retry\":{\"maxRetries\":1,\"baseDelay\":60000}}}}",
      server.url);
}

static void add(const char *field, const char *value) {
  test_require(redis_number(&server, "XADD " STREAM " * %s %s", field, value) >= 0, "XADD");
}

static void add_right(int n) {
  char data[128];
  snprintf(data, sizeof data,
           "{\"v\":1,\"header\":{\"id\":\"right-%d\",\"type\":\"order.paid\"},\"body\":%d}", n, n);
  add("data", data);
}

/* `count` times `part`, between the two others. */
static char *repeat(const char *before, const char *part, size_t count, const char *after) {
  size_t size = strlen(part);
  char *text = malloc(strlen(before) + size * count + strlen(after) + 1);
  test_require(text != NULL, "memory");
  char *at = stpcpy(text, before);
  for (size_t i = 0; i < count; i++, at += size)
    memcpy(at, part, size);
  stpcpy(at, after);
  return text;
}

/* Takes what comes until all these right ones did; anything else that comes is handled, too. */
static void take_right(evs_system *system, int count) {
  int right = 0;
  while (right < count) {
    host_message message = host_next(system);
    right += strncmp(message.id, "right-", 6) == 0;
    host_ack(system, message.delivery);
  }
}

static bool is_through(evs_system *system) {
  host_message message;
  while (host_take(system, &message, 50))
    host_ack(system, message.delivery);
  return redis_pending(&server, TOPIC, "shop") == 0;
}

static void expect_all_through(evs_system *system) {
  TEST_UNTIL(is_through(system));
  json_t *books = host_call(system, "conservation", "{}");
  assert_true(json_is_true(json_object_get(books, "holds")));
  json_decref(books);
}

static const char *const wrong_data[] = {
    "",
    " ",
    "null",
    "true",
    "7",
    "\"text\"",
    "[]",
    "{}",
    "{",
    "}",
    "{}{}",
    "nan",
    "-",
    "\\",
    "\xef\xbb\xbf{}",
    "{\"header\":null,\"body\":1}",
    "{\"header\":[],\"body\":1}",
    "{\"header\":{},\"body\":1}",
    "{\"header\":{\"id\":null,\"type\":\"order.paid\"},\"body\":1}",
    "{\"header\":{\"id\":7,\"type\":\"order.paid\"},\"body\":1}",
    "{\"header\":{\"id\":\"\",\"type\":\"order.paid\"},\"body\":1}",
    "{\"header\":{\"id\":\"x\",\"type\":7},\"body\":1}",
    "{\"header\":{\"id\":\"x\",\"type\":\"\"},\"body\":1}",
    "{\"header\":{\"id\":\"x\",\"type\":\"order\"},\"body\":1}",
    "{\"header\":{\"id\":\"x\",\"type\":\"order.*\"},\"body\":1}",
    "{\"header\":{\"id\":\"x\",\"type\":\"order paid.\\n\"},\"body\":1}",
    "{\"header\":{\"id\":\"x\",\"type\":\"order.paid\"}}",
    "{\"header\":{\"id\":\"x\",\"type\":\"order.paid\"},\"body\":}",
    "{\"header\":{\"id\":\"x\",\"type\":\"order.paid\"},\"body\":01}",
    "{\"header\":{\"id\":\"x\",\"type\":\"order.paid\"},\"body\":\"\\ud800\"}",
    "{\"header\":{\"id\":\"x\",\"type\":\"order.paid\"},\"body\":\"\\u0000\"}",
    "{\"header\":{\"id\":\"x\",\"type\":\"order.paid\"},\"body\":\"\xc3\x28\"}",
    "{\"header\":{\"id\":\"x\",\"type\":\"order.paid\"},\"body\":1,\"body\":2}",
    "{\"header\":{\"id\":\"x\",\"id\":\"y\",\"type\":\"order.paid\"},\"body\":1}",
    "{\"header\":{\"id\":\"x\",\"type\":\"order.paid\"},\"headers\":7,\"body\":1}",
    "{\"header\":{\"id\":\"x\",\"type\":\"order.paid\"},\"headers\":{\"a\":{}},\"body\":1}",
    "{\"header\":{\"id\":\"x\",\"type\":\"order.paid\",\"timestamp\":\"yesterday\"},\"body\":1}",
    "{\"header\":{\"id\":\"x\",\"type\":\"order.paid\",\"hash\":\"zz\"},\"body\":1}",
    "{\"header\":{\"id\":\"x\",\"type\":\"order.paid\",\"contentType\":\"text/plain\"}}",
    "{\"v\":0,\"header\":{\"id\":\"x\",\"type\":\"order.paid\"},\"body\":1}",
    "{\"v\":\"1\",\"header\":{\"id\":\"x\",\"type\":\"order.paid\"},\"body\":1}",
    "{\"v\":1e400,\"header\":{\"id\":\"x\",\"type\":\"order.paid\"},\"body\":1}",
    "{\"v\":99999999999999999999,\"header\":{\"id\":\"x\",\"type\":\"order.paid\"},\"body\":1}",
};

static void entries_of_every_wrong_form_end_and_their_neighbours_arrive(void **state) {
  (void)state;
  size_t count = sizeof wrong_data / sizeof wrong_data[0];
  evs_system *system = connect_host();
  for (size_t i = 0; i < count; i++) {
    add("data", wrong_data[i]);
    add_right((int)i);
  }
  host_subscribe(system, "{\"pattern\":\"order.*\",\"concurrency\":100}");
  host_ready(system);
  take_right(system, (int)count);
  expect_all_through(system);
  host_close(system, 1000);
}

static void entries_without_measure_end_too(void **state) {
  (void)state;
  static const char head[] = "{\"header\":{\"id\":\"x\",\"type\":\"order.paid\"},\"body\":";
  char *large[] = {repeat(head, "[", DEEP, ""),
                   repeat("", "[", DEEP, ""),
                   repeat("{\"header\":", "{\"a\":", DEEP, ""),
                   repeat(head, "1", LONG_TEXT, "}"),
                   repeat("{\"header\":{\"id\":\"", "x", LONG_TEXT, "\"}}"),
                   repeat("{\"header\":{\"id\":\"x\",\"type\":\"order.", "p", LONG_TEXT, "\"},\"body\":1}"),
                   repeat("{\"header\":{\"id\":\"x\",\"type\":\"order.paid\"},\"headers\":{\"a\":\"1\"",
                          ",\"b\":\"2\"", WIDE, "},\"body\":1}")};
  evs_system *system = connect_host();
  for (size_t i = 0; i < sizeof large / sizeof large[0]; i++) {
    add("data", large[i]);
    add_right((int)i);
    free(large[i]);
  }
  assert_true(redis_number(
                  &server, "EVAL %s 1 " STREAM,
                  "local fields = {} for i = 1, 3000 do fields[2 * i - 1] = 'f' .. i fields[2 * i] = 'x' end "
                  "redis.call('XADD', KEYS[1], '*', unpack(fields)) return 1") == 1);
  host_subscribe(system, "{\"pattern\":\"order.*\",\"concurrency\":100}");
  host_ready(system);
  take_right(system, (int)(sizeof large / sizeof large[0]));
  expect_all_through(system);
  host_close(system, 1000);
}

static const char *const wrong_objects[] = {"",
                                            "null",
                                            "7",
                                            "[]",
                                            "{",
                                            "not json",
                                            "{\"group\":7}",
                                            "{\"group\":\"\",\"count\":-1}",
                                            "{\"count\":1e300}",
                                            "{\"from\":7,\"subscriptions\":7}",
                                            "{\"subscriptions\":[7,null,{}]}",
                                            "{\"operation\":\"../../x\"}",
                                            "{\"replay\":7,\"offset\":{}}",
                                            "{\"group\":\"shop\",\"group\":\"other\"}",
                                            "\xff\xfe",
                                            "{\"editedBy\":\"x\",\"count\":99999999999999999999}"};

static void a_wrong_requeue_field_does_no_harm(void **state) {
  (void)state;
  size_t count = sizeof wrong_objects / sizeof wrong_objects[0];
  evs_system *system = connect_host();
  for (size_t i = 0; i < count; i++) {
    redis_number(&server, "XADD " STREAM " * data %s requeue %s",
                 "{\"header\":{\"id\":\"x\",\"type\":\"order.paid\"},\"body\":1}", wrong_objects[i]);
    add_right((int)i);
  }
  host_subscribe(system, "{\"pattern\":\"order.*\",\"concurrency\":100}");
  host_ready(system);
  take_right(system, (int)count);
  expect_all_through(system);
  host_close(system, 1000);
}

static void a_wrong_state_beside_a_parked_entry_does_no_harm(void **state) {
  (void)state;
  evs_system *system = connect_host();
  host_subscribe(system, "{\"pattern\":\"order.*\",\"topics\":[\"" TOPIC "\"]}");
  host_ready(system);
  int count = sizeof wrong_objects / sizeof wrong_objects[0];
  for (int i = 0; i < count; i++) {
    add_right(i);
    host_message message = host_next(system);
    host_fail(system, message.delivery, EVS_FAIL_RETRY, "Broken");
    TEST_UNTIL(redis_number(&server, "ZCARD evs:due:{" TOPIC "}:shop") == i + 1);
    redis_number(&server, "HSET evs:meta:{" TOPIC "}:shop %s %s", message.offset, wrong_objects[i]);
  }
  redis_number(
      &server, "EVAL %s 1 evs:due:{" TOPIC "}:shop",
      "for _, id in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do redis.call('ZADD', KEYS[1], 0, id) end");
  take_right(system, count);
  expect_all_through(system);
  host_close(system, 1000);
}

/* As it stands: numbers and texts of letters are given as they were stored, and not every reader takes them.
 */
static char *answer_of(evs_system *system, const char *method, const char *params) {
  char *answer = NULL;
  evs_error *error = NULL;
  if (evs_call(system, method, params, strlen(params), 20000, &answer, &error) != EVS_OK)
    fail_msg("%s: %s", method, evs_error_json(error));
  return answer;
}

static size_t count_of(const char *text, const char *part) {
  size_t count = 0;
  for (const char *at = text; (at = strstr(at, part)); at++)
    count++;
  return count;
}

static void letters_of_every_wrong_form_are_listed_and_go_when_they_are_discarded(void **state) {
  (void)state;
  size_t objects = sizeof wrong_objects / sizeof wrong_objects[0],
         datas = sizeof wrong_data / sizeof wrong_data[0];
  redis_number(&server, "HSETNX evs:topics " TOPIC " %s", "{\"partitions\":0,\"types\":[\"order.paid\"]}");
  for (size_t i = 0; i < objects; i++)
    redis_number(&server, "XADD dlq:{" TOPIC "} * data %s dead %s fp %s",
                 "{\"header\":{\"id\":\"x\",\"type\":\"order.paid\"},\"body\":1}", wrong_objects[i],
                 wrong_objects[i]);
  for (size_t i = 0; i < datas; i++)
    redis_number(
        &server, "XADD dlq:{" TOPIC "} * data %s dead %s fp %s", wrong_data[i],
        "{\"group\":\"shop\",\"error\":{\"class\":7,\"message\":[]},\"history\":7,\"attempts\":\"x\"}", "zz");
  evs_system *system = connect_host();
  char *letters = answer_of(system, "dlq.list", "{\"limit\":500}");
  assert_int_equal(count_of(letters, "\"attempts\":"), objects + datas);
  evs_string_free(letters);
  evs_string_free(answer_of(system, "dlq.export", "{\"limit\":500}"));
  json_decref(host_call(system, "dlq.groups", "{}"));
  json_decref(host_call(system, "dlq.count", "{\"filter\":{}}"));
  json_decref(host_call(system, "dlq.requeue", "{\"filter\":{},\"dryRun\":true}"));
  json_decref(host_call(system, "dlq.discard", "{\"filter\":{}}"));
  assert_int_equal(redis_dead(&server, TOPIC), 0);
  evs_string_free(answer_of(system, "dlq.archive", "{\"limit\":500}"));
  host_close(system, 1000);
}

static void what_else_stands_in_the_store_does_no_harm(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof wrong_objects / sizeof wrong_objects[0]; i++) {
    const char *value = wrong_objects[i];
    redis_number(&server, "FLUSHALL");
    redis_number(&server, "HSET evs:topics " TOPIC " %s x %s @version %s", value, value, value);
    redis_number(&server, "HSET evs:paused nobody %s", value);
    redis_number(&server, "HSET evs:operations %s %s", "0123", value);
    redis_number(&server, "HSET evs:hb:{" TOPIC "}:shop c:x %s i:x %s e:x %s", value, value, value);
    redis_number(&server, "ZADD evs:fleet 99999999999999 %s", value);
    redis_number(&server, "XADD evs:audit * row %s", value);
    redis_number(&server, "ZADD evs:outboxes 1 %s", value);
    redis_number(&server, "HSET evs:outbox:{" TOPIC "} 1-0 %s", value);
    redis_number(&server, "ZADD evs:outboxes 2 " TOPIC);
    redis_number(&server, "ZADD evs:delays 0 %s", value);
    evs_system *system = connect_host();
    host_subscribe(system, "{\"pattern\":\"order.*\",\"topics\":[\"" TOPIC "\"]}");
    host_ready(system);
    add_right(1);
    take_right(system, 1);
    json_decref(host_call(system, "groups", "{}"));
    json_decref(host_call(system, "fleet", "{}"));
    json_decref(host_call(system, "audit", "{}"));
    json_decref(host_call(system, "operations.list", "{}"));
    host_close(system, 1000);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup(entries_of_every_wrong_form_end_and_their_neighbours_arrive, clear),
      cmocka_unit_test_setup(entries_without_measure_end_too, clear),
      cmocka_unit_test_setup(a_wrong_requeue_field_does_no_harm, clear),
      cmocka_unit_test_setup(a_wrong_state_beside_a_parked_entry_does_no_harm, clear),
      cmocka_unit_test_setup(letters_of_every_wrong_form_are_listed_and_go_when_they_are_discarded, clear),
      cmocka_unit_test_setup(what_else_stands_in_the_store_does_no_harm, clear),
  };
  return cmocka_run_group_tests(tests, setup, teardown);
}
