/* SPDX-License-Identifier: MIT
 * redis_keys_test.c - keys of both layouts, and the names that are found in them. */
#include "transport/redis/redis_keys.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"

static const evsi_redis_layout tagged = {"stream:", "dlq:", false};
static const evsi_redis_layout plain = {"stream:", "dlq:", true};

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
  assert_string_equal(evsi_redis_registry(&tagged), "evs:topics");
  assert_string_equal(evsi_redis_operations(&tagged), "evs:operations");
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
  assert_string_equal(evsi_redis_registry(&plain), "evs:topics:plain");
  assert_string_equal(evsi_redis_operations(&plain), "evs:operations:plain");
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
      cmocka_unit_test(plain_keys_are_those_of_the_published_library),
      cmocka_unit_test(what_stands_beside_a_plain_stream_never_meets_a_tagged_one),
      cmocka_unit_test(names_are_found_in_keys_of_their_own_layout_only),
      cmocka_unit_test(copies_for_a_replay_are_no_topics),
      cmocka_unit_test(a_prefix_stands_for_itself_in_a_pattern),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
