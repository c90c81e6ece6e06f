/* SPDX-License-Identifier: MIT
 * stats_test.c - what is counted by name: bounded names, newest errors, rates, and lack of memory. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "base/alloc.h"
#include "observe/stats.h"

static uint64_t now;

static uint64_t now_ms(void) {
  return now;
}

static const evsi_env env = {.now_ms = now_ms, .wall_ms = now_ms};

static json_t *snapshot(evsi_stats *stats) {
  evsi_buf out = {0};
  evsi_buf_add_text(&out, "{");
  evsi_stats_json(stats, &out);
  evsi_buf_add_text(&out, "}");
  json_t *root = json_loads(out.data, JSON_REJECT_DUPLICATES, NULL);
  evsi_buf_free(&out);
  assert_non_null(root);
  return root;
}

static const json_t *label(const json_t *root, const char *side, const char *dimension, const char *name) {
  return json_object_get(json_object_get(json_object_get(root, side), dimension), name);
}

static json_int_t count(const json_t *root, const char *name, const char *what) {
  return json_integer_value(json_object_get(label(root, "publisher", "byType", name), what));
}

static void sent(evsi_stats *stats, const char *type) {
  evsi_count_label(evsi_stats_label(stats, EVSI_LABEL_TYPE, evsi_text(type)), EVSI_LABELED_SENT, 1);
}

static void names_past_the_limit_count_as_other(void **state) {
  (void)state;
  evsi_stats stats;
  char name[16];
  evsi_stats_init(&stats, &env, 2);
  for (int i = 0; i < 10; i++) {
    snprintf(name, sizeof name, "t%d", i % 5);
    sent(&stats, name);
  }
  json_t *root = snapshot(&stats);
  assert_int_equal(json_object_size(json_object_get(json_object_get(root, "publisher"), "byType")), 3);
  assert_int_equal(count(root, "t0", "sent"), 2);
  assert_int_equal(count(root, "t1", "sent"), 2);
  assert_int_equal(count(root, "other", "sent"), 6);
  json_decref(root);
  evsi_stats_destroy(&stats);
}

static void a_name_tells_what_was_counted_of_it_on_each_side(void **state) {
  (void)state;
  evsi_stats stats;
  evsi_stats_init(&stats, &env, 10);
  evsi_label *type = evsi_stats_label(&stats, EVSI_LABEL_TYPE, evsi_text("a \"b\""));
  evsi_count_label(type, EVSI_LABELED_SENT, 3);
  evsi_count_label(type, EVSI_LABELED_FAILED, 2);
  json_t *root = snapshot(&stats);
  assert_int_equal(count(root, "a \"b\"", "sent"), 3);
  assert_int_equal(json_object_size(label(root, "publisher", "byType", "a \"b\"")), 1);
  assert_int_equal(
      json_integer_value(json_object_get(label(root, "consumer", "byType", "a \"b\""), "failed")), 2);
  json_decref(root);
  evsi_stats_destroy(&stats);
}

static void the_newest_error_is_kept_in_all_and_by_name(void **state) {
  (void)state;
  evsi_stats stats;
  evsi_stats_init(&stats, &env, 10);
  evsi_labels labels = {.type = evsi_stats_label(&stats, EVSI_LABEL_TYPE, evsi_text("a.b"))};
  evsi_count_labels(&labels, EVSI_LABELED_SEND_FAILED, 1);
  now = 1000;
  evsi_stats_error(&stats, EVSI_SIDE_PUBLISHER, &labels, "first");
  now = 2000;
  evsi_stats_error(&stats, EVSI_SIDE_PUBLISHER, NULL, "second");
  json_t *root = snapshot(&stats);
  const json_t *all = json_object_get(root, "publisher"), *one = label(root, "publisher", "byType", "a.b");
  assert_string_equal(json_string_value(json_object_get(all, "lastError")), "second");
  assert_int_equal(json_integer_value(json_object_get(all, "lastErrorTime")), 2000);
  assert_string_equal(json_string_value(json_object_get(one, "lastError")), "first");
  assert_int_equal(json_integer_value(json_object_get(one, "lastErrorTime")), 1000);
  assert_null(json_object_get(json_object_get(root, "consumer"), "lastError"));
  json_decref(root);
  evsi_stats_destroy(&stats);
}

static void rates_come_from_looks(void **state) {
  (void)state;
  evsi_stats stats;
  now = 0;
  evsi_stats_init(&stats, &env, 10);
  for (int second = 0; second < 3; second++) {
    for (int i = 0; i < 5; i++) {
      sent(&stats, "a.b");
      evsi_count(&stats, EVSI_COUNT_SENT, 1);
    }
    now += 1000;
    evsi_stats_look(&stats);
  }
  json_t *root = snapshot(&stats);
  const json_t *all = json_object_get(json_object_get(json_object_get(root, "publisher"), "rates"), "sent");
  const json_t *one = json_object_get(label(root, "publisher", "byType", "a.b"), "rate");
  assert_true(json_number_value(json_object_get(all, "second")) == 5);
  assert_true(json_number_value(json_object_get(one, "minute")) == 5);
  json_decref(root);
  evsi_stats_destroy(&stats);
}

static int fail_after;

static void *refuse(void *ptr, size_t size) {
  if (size == 0) {
    free(ptr);
    return NULL;
  }
  return fail_after > 0 && --fail_after == 0 ? NULL : realloc(ptr, size);
}

static void without_memory_counting_goes_on(void **state) {
  (void)state;
  evsi_alloc_replace(refuse);
  for (int after = 1; after < 12; after++) {
    evsi_stats stats;
    fail_after = after;
    evsi_stats_init(&stats, &env, 10);
    evsi_labels labels = {.type = evsi_stats_label(&stats, EVSI_LABEL_TYPE, evsi_text("a.b")),
                          .topic = evsi_stats_label(&stats, EVSI_LABEL_TOPIC, evsi_text("a-events"))};
    evsi_count_labels(&labels, EVSI_LABELED_SENT, 1);
    evsi_count(&stats, EVSI_COUNT_SENT, 1);
    evsi_stats_error(&stats, EVSI_SIDE_PUBLISHER, &labels, "no");
    evsi_stats_look(&stats);
    fail_after = 0;
    json_t *root = snapshot(&stats);
    assert_int_equal(
        json_integer_value(json_object_get(json_object_get(root, "publisher"), "totalMessagesSent")), 1);
    json_decref(root);
    evsi_stats_destroy(&stats);
  }
  evsi_alloc_replace(NULL);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(names_past_the_limit_count_as_other),
      cmocka_unit_test(a_name_tells_what_was_counted_of_it_on_each_side),
      cmocka_unit_test(the_newest_error_is_kept_in_all_and_by_name),
      cmocka_unit_test(rates_come_from_looks),
      cmocka_unit_test(without_memory_counting_goes_on),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
