/* SPDX-License-Identifier: MIT
 * redis_keys_test.c - keys of both layouts, and the names that are found in them. */
#include "transport/redis/redis_keys.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"

static const evsi_redis_layout tagged = {.stream_prefix = "stream:", .dlq_prefix = "dlq:"};
static const evsi_redis_layout plain = {.stream_prefix = "stream:", .dlq_prefix = "dlq:", .is_plain = true};

static void assert_key(char *key, const char *expected) {
  assert_non_null(key);
  assert_string_equal(key, expected);
  evsi_free(key);
}

static void assert_name(evs_bytes name, const char *expected) {
  assert_int_equal(name.size, strlen(expected));
  assert_memory_equal(name.size ? name.data : "", expected, name.size);
}

static void tagged_keys_of_a_topic_share_its_tag(void **state) {
  (void)state;
  evs_bytes name = evsi_text("user-events:3");
  assert_key(evsi_redis_stream_key(&tagged, name), "stream:{user-events:3}");
  assert_key(evsi_redis_dlq_key(&tagged, name), "dlq:{user-events:3}");
  assert_key(evsi_redis_key(&tagged, "evs:hb:", name, ":shop"), "evs:hb:{user-events:3}:shop");
}

/* The keys of which a layout has one, from a prefix. */
static void assert_singles(const char *prefix, bool is_plain, const char *end) {
  evsi_redis_layout layout = {
      .stream_prefix = evsi_strdup(prefix), .dlq_prefix = evsi_strdup("dlq:"), .is_plain = is_plain};
  char expected[64];
  assert_true(evsi_redis_layout_complete(&layout));
  const char *const made[] = {layout.registry, layout.operations, layout.delays, layout.outboxes};
  static const char *const kinds[] = {"topics", "operations", "delays", "outboxes"};
  for (size_t i = 0; i < 4; i++) {
    snprintf(expected, sizeof expected, "evs:%s%s", kinds[i], end);
    assert_string_equal(made[i], expected);
  }
  evsi_redis_layout_free(&layout);
}

static void transports_whose_streams_begin_otherwise_share_no_key(void **state) {
  (void)state;
  static const evsi_redis_layout other = {.stream_prefix = "app:", .dlq_prefix = "dead:"};
  evs_bytes name = evsi_text("user-events");
  assert_key(evsi_redis_key(&other, "evs:hb:", name, ":shop"), "evs:hb:app:{user-events}:shop");
  assert_singles("stream:", false, "");
  assert_singles("app:", false, ":tagged:app:");
  assert_singles("stream:", true, ":plain");
  assert_singles("app:", true, ":plain:app:");
}

static void plain_keys_are_those_of_the_published_library(void **state) {
  (void)state;
  evs_bytes name = evsi_text("user-events");
  assert_key(evsi_redis_stream_key(&plain, name), "stream:user-events");
  assert_key(evsi_redis_dlq_key(&plain, name), "dlq:stream:user-events");
}

static void what_stands_beside_a_plain_stream_never_meets_a_tagged_one(void **state) {
  (void)state;
  evs_bytes name = evsi_text("user-events");
  assert_key(evsi_redis_key(&plain, "evs:hb:", name, ":shop"), "evs:hb:{stream:user-events}:shop");
}

static void names_are_found_in_keys_of_their_own_layout_only(void **state) {
  (void)state;
  assert_name(evsi_redis_name_in_stream_key(&tagged, evsi_text("stream:{user-events}")), "user-events");
  assert_name(evsi_redis_name_in_stream_key(&tagged, evsi_text("stream:user-events")), "");
  assert_name(evsi_redis_name_in_stream_key(&tagged, evsi_text("stream:{}")), "");
  assert_name(evsi_redis_name_in_dlq_key(&tagged, evsi_text("dlq:{user-events}")), "user-events");
  assert_name(evsi_redis_name_in_stream_key(&plain, evsi_text("stream:user-events")), "user-events");
  assert_name(evsi_redis_name_in_stream_key(&plain, evsi_text("stream:{user-events}")), "");
  assert_name(evsi_redis_name_in_stream_key(&plain, evsi_text("dlq:stream:user-events")), "");
  assert_name(evsi_redis_name_in_stream_key(&plain, evsi_text("stream:")), "");
  assert_name(evsi_redis_name_in_dlq_key(&plain, evsi_text("dlq:stream:user-events")), "user-events");
  assert_name(evsi_redis_name_in_dlq_key(&plain, evsi_text("dlq:user-events")), "");
}

static void copies_for_a_replay_are_no_topics(void **state) {
  (void)state;
  assert_name(evsi_redis_name_in_stream_key(&plain, evsi_text("stream:user-events:replay:1763920000000")),
              "");
}

static void a_prefix_stands_for_itself_in_a_pattern(void **state) {
  (void)state;
  evsi_buf out = {0};
  evsi_redis_pattern_add(&out, "a*b?[c]\\^:");
  assert_string_equal(out.data, "a\\*b\\?\\[c\\]\\\\\\^:");
  evsi_buf_free(&out);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(tagged_keys_of_a_topic_share_its_tag),
      cmocka_unit_test(transports_whose_streams_begin_otherwise_share_no_key),
      cmocka_unit_test(plain_keys_are_those_of_the_published_library),
      cmocka_unit_test(what_stands_beside_a_plain_stream_never_meets_a_tagged_one),
      cmocka_unit_test(names_are_found_in_keys_of_their_own_layout_only),
      cmocka_unit_test(copies_for_a_replay_are_no_topics),
      cmocka_unit_test(a_prefix_stands_for_itself_in_a_pattern),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
