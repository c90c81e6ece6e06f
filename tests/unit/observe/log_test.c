/* SPDX-License-Identifier: MIT
 * log_test.c - log records: what they look like, how many pass, and that none is forgotten. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "base/line_out.h"
#include "observe/log.h"

static struct {
  uint64_t now_ms;
  bool refuses;
  evsi_log log;
  json_t *lines; /* that came through */
} world;

static uint64_t now_ms(void) {
  return world.now_ms;
}

static const evsi_env env = {.now_ms = now_ms, .wall_ms = now_ms};

static bool take(void *data, evs_bytes line) {
  (void)data;
  assert_true(line.size <= EVSI_LINE_MAX);
  assert_null(memchr(line.data, '\n', line.size));
  if (world.refuses)
    return false;
  json_t *record = json_loadb(line.data, line.size, JSON_REJECT_DUPLICATES, NULL);
  assert_non_null(record);
  json_array_append_new(world.lines, record);
  return true;
}

static int begin(void **state) {
  (void)state;
  world.now_ms = 5000;
  world.refuses = false;
  world.lines = json_array();
  evsi_log_init(&world.log, &env, take, NULL);
  return 0;
}

static int end(void **state) {
  (void)state;
  evsi_log_destroy(&world.log);
  json_decref(world.lines);
  return 0;
}

static const json_t *line(size_t index) {
  return json_array_get(world.lines, index);
}

static const char *text_of(size_t index, const char *name) {
  return json_string_value(json_object_get(line(index), name));
}

/* How many records the lines stand for. */
static json_int_t told(void) {
  json_int_t sum = 0;
  for (size_t i = 0; i < json_array_size(world.lines); i++)
    sum += 1 + json_integer_value(json_object_get(line(i), "repeated")) +
           json_integer_value(json_object_get(line(i), "lost"));
  return sum;
}

static void say(const char *message) {
  evsi_log_write(&world.log, EVSI_LOG_WARN, "main", message, NULL);
}

static void a_record_has_level_time_component_message_and_fields(void **state) {
  (void)state;
  evsi_log_write(&world.log, EVSI_LOG_ERROR, "consume", "an event \"failed\"",
                 (evsi_log_field[]){{"type", {"order.paid", 10}}, {"id", {"a\nb", 3}}, {NULL}});
  assert_string_equal(text_of(0, "level"), "error");
  assert_int_equal(json_integer_value(json_object_get(line(0), "time")), 5000);
  assert_string_equal(text_of(0, "component"), "consume");
  assert_string_equal(text_of(0, "message"), "an event \"failed\"");
  const json_t *fields = json_object_get(line(0), "fields");
  assert_string_equal(json_string_value(json_object_get(fields, "type")), "order.paid");
  assert_string_equal(json_string_value(json_object_get(fields, "id")), "a\nb");
  say("without");
  assert_null(json_object_get(line(1), "fields"));
}

static void what_is_below_the_level_is_not_made(void **state) {
  (void)state;
  atomic_store(&world.log.level, EVSI_LOG_ERROR);
  say("a warning");
  assert_int_equal(json_array_size(world.lines), 0);
  atomic_store(&world.log.level, EVSI_LOG_WARN);
  say("a warning");
  assert_int_equal(json_array_size(world.lines), 1);
}

static void the_same_passes_once_a_second_and_the_others_are_counted(void **state) {
  (void)state;
  for (int i = 0; i < 7; i++)
    say("lost the connection");
  assert_int_equal(json_array_size(world.lines), 1);
  world.now_ms += 1000;
  say("lost the connection");
  assert_int_equal(json_array_size(world.lines), 2);
  assert_int_equal(json_integer_value(json_object_get(line(1), "repeated")), 6);
  assert_int_equal(told(), 8);
}

static void what_was_held_back_is_told_although_nothing_follows(void **state) {
  (void)state;
  for (int i = 0; i < 7; i++)
    say("lost the connection");
  evsi_log_flush(&world.log, false);
  assert_int_equal(json_array_size(world.lines), 1);
  world.now_ms += 1000;
  evsi_log_flush(&world.log, false);
  evsi_log_flush(&world.log, true);
  assert_int_equal(json_array_size(world.lines), 2);
  assert_string_equal(text_of(1, "message"), "lost the connection");
  assert_int_equal(told(), 7);
}

static void the_same_with_other_numbers_is_the_same(void **state) {
  (void)state;
  say("no answer for 1000 ms");
  say("no answer for 20000 ms");
  say("no answer for ever");
  assert_int_equal(json_array_size(world.lines), 2);
}

static void the_first_field_tells_what_a_message_is_about(void **state) {
  (void)state;
  const evsi_log_field paid[] = {{"type", {"order.paid", 10}}, {"id", {"1", 1}}, {NULL}};
  const evsi_log_field paid_again[] = {{"type", {"order.paid", 10}}, {"id", {"2", 1}}, {NULL}};
  const evsi_log_field sent[] = {{"type", {"order.sent", 10}}, {"id", {"1", 1}}, {NULL}};
  evsi_log_write(&world.log, EVSI_LOG_WARN, "consume", "nobody takes it", paid);
  evsi_log_write(&world.log, EVSI_LOG_WARN, "consume", "nobody takes it", paid_again);
  evsi_log_write(&world.log, EVSI_LOG_WARN, "consume", "nobody takes it", sent);
  assert_int_equal(json_array_size(world.lines), 2);
}

static void many_kinds_are_bounded_together_and_none_is_forgotten(void **state) {
  (void)state;
  enum { KINDS = 1000, TIMES = 3 };
  for (int i = 0; i < KINDS * TIMES; i++) {
    char message[64];
    snprintf(message, sizeof message, "kind %c%c%c", 'a' + i % KINDS / 100, 'a' + i % KINDS / 10 % 10,
             'a' + i % 10);
    say(message);
  }
  assert_true(json_array_size(world.lines) < 130);
  evsi_log_flush(&world.log, true);
  assert_true(json_array_size(world.lines) < 200);
  assert_int_equal(told(), KINDS * TIMES);
}

static void what_nobody_took_is_told_to_the_next_who_does(void **state) {
  (void)state;
  world.refuses = true;
  say("one");
  say("two");
  world.refuses = false;
  say("three");
  assert_int_equal(json_integer_value(json_object_get(line(0), "lost")), 2);
  say("four");
  assert_null(json_object_get(line(1), "lost"));
  assert_int_equal(told(), 4);
}

static void passwords_in_urls_are_masked(void **state) {
  (void)state;
  say("no way to redis://shop:s3cr@t@db:6379/0, nor to rediss://:other@db");
  evsi_log_write(&world.log, EVSI_LOG_WARN, "main", "see",
                 (evsi_log_field[]){{"url", {"redis://u:pw@h", 14}}, {"plain", {"http://h/@", 10}}, {NULL}});
  assert_string_equal(text_of(0, "message"), "no way to redis://***@db:6379/0, nor to rediss://***@db");
  const json_t *fields = json_object_get(line(1), "fields");
  assert_string_equal(json_string_value(json_object_get(fields, "url")), "redis://***@h");
  assert_string_equal(json_string_value(json_object_get(fields, "plain")), "http://h/@");
}

static void a_line_is_bounded_whatever_is_in_it(void **state) {
  (void)state;
  char bad[5000];
  memset(bad, 1, sizeof bad);
  bad[sizeof bad - 1] = '\0';
  const evs_bytes whole = {bad, sizeof bad - 1};
  evsi_log_write(&world.log, EVSI_LOG_WARN, "x", "long",
                 (evsi_log_field[]){{"a", whole}, {"b", whole}, {"c", whole}, {NULL}});
  assert_int_equal(json_array_size(world.lines), 1);
  memset(bad, 'a', sizeof bad - 1);
  say(bad);
  assert_int_equal(strlen(text_of(1, "message")), EVSI_LOG_MESSAGE);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
  const struct CMUnitTest tests[] = {
      TEST(a_record_has_level_time_component_message_and_fields),
      TEST(what_is_below_the_level_is_not_made),
      TEST(the_same_passes_once_a_second_and_the_others_are_counted),
      TEST(what_was_held_back_is_told_although_nothing_follows),
      TEST(the_same_with_other_numbers_is_the_same),
      TEST(the_first_field_tells_what_a_message_is_about),
      TEST(many_kinds_are_bounded_together_and_none_is_forgotten),
      TEST(what_nobody_took_is_told_to_the_next_who_does),
      TEST(passwords_in_urls_are_masked),
      TEST(a_line_is_bounded_whatever_is_in_it),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
