/* SPDX-License-Identifier: MIT
 * pattern_trie_test.c - the trie against a second, naive matcher on random patterns, and its bounds: work per
 * match, memory, removal. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "event/pattern_trie.h"
#include "unit/support/shortage.h"

enum { IDS = 400 };

typedef struct seen {
  uint32_t times[IDS];
  uint32_t total;
} seen;

static bool note(void *data, uint32_t id) {
  seen *s = data;
  s->times[id]++;
  s->total++;
  return true;
}

/* The rules as they read, by trying everything; small inputs only. */
static bool naive_from(const char *pattern, const char *type) {
  size_t p = strcspn(pattern, "."), t = strcspn(type, ".");
  bool is_star = p == 1 && *pattern == '*', is_last = pattern[p] == '\0';
  if (is_star && is_last)
    return true;
  if (!is_star && (p != t || memcmp(pattern, type, p) != 0))
    return false;
  if (is_last || type[t] == '\0')
    return is_last && type[t] == '\0';
  return naive_from(pattern + p + 1, type + t + 1);
}

static bool naive(const char *pattern, const char *type) {
  if (strncmp(pattern, "*.", 2) != 0)
    return naive_from(pattern, type);
  for (const char *at = type; at; at = strchr(at, '.') ? strchr(at, '.') + 1 : NULL)
    if (naive_from(pattern + 2, at))
      return true;
  return false;
}

static void random_name(unsigned *seed, bool is_pattern, char *out) {
  int count = 1 + rand_r(seed) % 5;
  *out = '\0';
  for (int i = 0; i < count; i++) {
    int roll = rand_r(seed) % (is_pattern ? 5 : 3);
    sprintf(out + strlen(out), "%s%s", i ? "." : "",
            roll >= 3   ? "*"
            : roll == 2 ? "bb"
            : roll == 1 ? "b"
                        : "a");
  }
}

static void random_patterns_match_as_the_rules_read(void **state) {
  (void)state;
  unsigned seed = 11;
  static char patterns[IDS][32];
  evsi_pattern_trie *trie = evsi_pattern_trie_new();
  for (uint32_t i = 0; i < IDS; i++) {
    random_name(&seed, true, patterns[i]);
    assert_true(evsi_pattern_trie_add(trie, patterns[i], i));
  }
  uint32_t matches = 0;
  for (int round = 0; round < 3000; round++) {
    char type[32];
    seen s = {.total = 0};
    random_name(&seed, false, type);
    evsi_pattern_trie_match(trie, evsi_text(type), note, &s);
    matches += s.total;
    for (uint32_t i = 0; i < IDS; i++)
      if (s.times[i] != naive(patterns[i], type))
        fail_msg("%s on %s: %u times", patterns[i], type, s.times[i]);
    if (round % 10 == 0) { /* keep it changing */
      uint32_t id = (uint32_t)rand_r(&seed) % IDS;
      evsi_pattern_trie_remove(trie, patterns[id], id);
      random_name(&seed, true, patterns[id]);
      assert_true(evsi_pattern_trie_add(trie, patterns[id], id));
    }
  }
  assert_true(matches > 1000);
  evsi_pattern_trie_free(trie);
}

static void a_tail_takes_a_leading_star_as_one_segment(void **state) {
  (void)state;
  evsi_pattern_trie *trie = evsi_pattern_trie_new();
  evsi_pattern_trie_add_tail(trie, "*.x", 0);
  evsi_pattern_trie_add_tail(trie, "*", 1);
  static const char *const types[] = {"x", "a.x", "a.b.x"};
  static const uint32_t expected[] = {0, 1, 0};
  for (int i = 0; i < 3; i++) {
    seen s = {.total = 0};
    evsi_pattern_trie_match(trie, evsi_text(types[i]), note, &s);
    assert_int_equal(s.times[0], expected[i]);
    assert_int_equal(s.times[1], 1);
  }
  evsi_pattern_trie_remove_tail(trie, "*.x", 0);
  seen s = {.total = 0};
  evsi_pattern_trie_match(trie, evsi_text("a.x"), note, &s);
  assert_int_equal(s.times[0], 0);
  evsi_pattern_trie_free(trie);
}

static void ids_share_a_pattern_and_leave_alone(void **state) {
  (void)state;
  evsi_pattern_trie *trie = evsi_pattern_trie_new();
  for (uint32_t i = 0; i < 5; i++)
    evsi_pattern_trie_add(trie, "a.*", i);
  evsi_pattern_trie_add(trie, "a.*", 2);
  evsi_pattern_trie_remove(trie, "a.*", 3);
  evsi_pattern_trie_remove(trie, "a.*", 77);
  evsi_pattern_trie_remove(trie, "a.b.c.d", 1);
  evsi_pattern_trie_remove(trie, "nowhere.*", 1);
  seen s = {.total = 0};
  evsi_pattern_trie_match(trie, evsi_text("a.b"), note, &s);
  assert_int_equal(s.total, 4);
  assert_int_equal(s.times[2], 1);
  assert_int_equal(s.times[3], 0);
  evsi_pattern_trie_free(trie);
}

static bool note_first(void *data, uint32_t id) {
  (void)id;
  ++*(int *)data;
  return false;
}

static void found_may_stop_the_walk(void **state) {
  (void)state;
  evsi_pattern_trie *trie = evsi_pattern_trie_new();
  static const char *const patterns[] = {"*", "a.*", "a.b", "*.b", "*.*", "a.*.*"};
  for (uint32_t i = 0; i < 6; i++)
    evsi_pattern_trie_add(trie, patterns[i], i);
  int count = 0;
  evsi_pattern_trie_match(trie, evsi_text("a.b"), note_first, &count);
  assert_int_equal(count, 1);
  evsi_pattern_trie_free(trie);
}

/* Text of `count` segments, from a repeated unit. */
static char *repeat(const char *unit, int count) {
  evsi_buf buf = {0};
  for (int i = 0; i < count; i++)
    evsi_buf_addf(&buf, "%s%s", i ? "." : "", unit);
  return buf.data;
}

/* Patterns that make a backtracking matcher try a number of ways that doubles with each segment would keep
 * this test busy for longer than any timeout. */
static void repetitive_patterns_cost_no_more_than_nodes_times_positions(void **state) {
  (void)state;
  evsi_pattern_trie *trie = evsi_pattern_trie_new();
  for (int length = 1; length <= 60; length++) {
    char *plain = repeat("*.a", length), *ends = NULL;
    evsi_buf text = {0};
    evsi_buf_addf(&text, "%s.*", plain);
    ends = text.data;
    evsi_pattern_trie_add(trie, plain, (uint32_t)length);
    evsi_pattern_trie_add(trie, ends, (uint32_t)(100 + length));
    evsi_pattern_trie_add(trie, plain + 2, (uint32_t)(200 + length));
    free(plain);
    free(ends);
  }
  char *longest = repeat("a", (EVSI_MATCH_TEXT_MAX + 1) / 2);
  assert_int_equal(strlen(longest), EVSI_MATCH_TEXT_MAX);
  for (int round = 0; round < 100; round++) {
    seen s = {.total = 0};
    evsi_pattern_trie_match(trie, evsi_text(longest), note, &s);
    for (int length = 1; length <= 60; length++) {
      assert_int_equal(s.times[length], 1);
      assert_int_equal(s.times[100 + length], 1);
      assert_int_equal(s.times[200 + length], 0);
    }
  }
  free(longest);
  evsi_pattern_trie_free(trie);
}

/* Positions beyond 63 live in further words of a set; every length must agree with the naive matcher. */
static void long_types_match_at_every_length(void **state) {
  (void)state;
  static const char *const patterns[] = {"*", "*.a", "*.z", "*.a.*", "a.*", "*.*.a", "*.a.a.z", "*.z.*"};
  evsi_pattern_trie *trie = evsi_pattern_trie_new();
  for (uint32_t i = 0; i < 8; i++)
    evsi_pattern_trie_add(trie, patterns[i], i);
  for (int length = 1; length <= 255; length++) {
    char *type = repeat("a", length);
    for (int with_z = 0; with_z < 2; with_z++) {
      seen s = {.total = 0};
      if (with_z)
        type[strlen(type) - 1] = 'z';
      evsi_pattern_trie_match(trie, evsi_text(type), note, &s);
      for (uint32_t i = 0; i < 8; i++)
        if (s.times[i] != naive(patterns[i], type))
          fail_msg("%s on %d segments", patterns[i], length);
    }
    free(type);
  }
  evsi_pattern_trie_free(trie);
}

static void texts_that_are_no_types_match_nothing_dangerous(void **state) {
  (void)state;
  evsi_pattern_trie *trie = evsi_pattern_trie_new();
  evsi_pattern_trie_add(trie, "*", 0);
  evsi_pattern_trie_add(trie, "a.*.b", 1);
  evsi_pattern_trie_add(trie, "*.b", 2);
  char long_text[EVSI_MATCH_TEXT_MAX + 1];
  memset(long_text, 'a', sizeof long_text);
  seen s = {.total = 0};
  evsi_pattern_trie_match(trie, evsi_bytes(long_text, sizeof long_text), note, &s);
  evsi_pattern_trie_match(trie, evsi_bytes(NULL, 0), note, &s);
  assert_int_equal(s.total, 0);
  evsi_pattern_trie_match(trie, evsi_text("..."), note, &s);
  evsi_pattern_trie_match(trie, evsi_text("*.*"), note, &s);
  evsi_pattern_trie_match(trie, evsi_bytes("a\0.b", 4), note, &s);
  assert_int_equal(s.times[0], 3);
  assert_int_equal(s.times[1], 0);
  assert_int_equal(s.times[2], 1);
  evsi_pattern_trie_free(trie);
}

static void removed_patterns_leave_no_memory_behind(void **state) {
  (void)state;
  shortage_begin(SHORTAGE_NEVER, false);
  evsi_pattern_trie *trie = evsi_pattern_trie_new();
  char text[64];
  evsi_pattern_trie_add(trie, "first.one", 1); /* the tables */
  long before = shortage_alive();
  for (int round = 0; round < 3; round++) {
    for (uint32_t i = 0; i < 1000; i++) {
      snprintf(text, sizeof text, "%sa%u.*.b%u%s", i % 2 ? "*." : "", i % 50, i, i % 3 ? ".*" : "");
      assert_true(evsi_pattern_trie_add(trie, text, i));
    }
    for (uint32_t i = 0; i < 1000; i++) {
      snprintf(text, sizeof text, "%sa%u.*.b%u%s", i % 2 ? "*." : "", i % 50, i, i % 3 ? ".*" : "");
      evsi_pattern_trie_remove(trie, text, i);
    }
    assert_int_equal(shortage_alive(), before);
  }
  evsi_pattern_trie_free(trie);
  assert_int_equal(shortage_alive(), 0);
}

static void any_failed_allocation_leaves_the_trie_as_it_was(void **state) {
  (void)state;
  size_t failures = 0;
  for (long at = 0; at < 60; at++) {
    shortage_begin(at, false);
    evsi_pattern_trie *trie = evsi_pattern_trie_new();
    bool first = trie && evsi_pattern_trie_add(trie, "a.*.c", 1);
    bool second = trie && evsi_pattern_trie_add(trie, "*.c", 2);
    bool third = trie && evsi_pattern_trie_add(trie, "a.b.*", 3);
    bool fourth = trie && evsi_pattern_trie_add(trie, "a.b.*", 4);
    shortage_end();
    failures += !(first && second && third && fourth);
    seen s = {.total = 0};
    if (trie)
      evsi_pattern_trie_match(trie, evsi_text("a.b.c"), note, &s);
    assert_int_equal(s.times[1], first);
    assert_int_equal(s.times[2], second);
    assert_int_equal(s.times[3], third);
    assert_int_equal(s.times[4], fourth);
    evsi_pattern_trie_free(trie);
    assert_int_equal(shortage_alive(), 0);
  }
  assert_true(failures > 10);
}

static void matching_allocates_nothing(void **state) {
  (void)state;
  evsi_pattern_trie *trie = evsi_pattern_trie_new();
  evsi_pattern_trie_add(trie, "*.user.*", 1);
  evsi_pattern_trie_add(trie, "*", 2);
  shortage_begin(0, true);
  seen s = {.total = 0};
  evsi_pattern_trie_match(trie, evsi_text("eu.de.user.created"), note, &s);
  assert_false(shortage_end());
  assert_int_equal(s.total, 2);
  evsi_pattern_trie_free(trie);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(random_patterns_match_as_the_rules_read),
      cmocka_unit_test(a_tail_takes_a_leading_star_as_one_segment),
      cmocka_unit_test(ids_share_a_pattern_and_leave_alone),
      cmocka_unit_test(found_may_stop_the_walk),
      cmocka_unit_test(repetitive_patterns_cost_no_more_than_nodes_times_positions),
      cmocka_unit_test(long_types_match_at_every_length),
      cmocka_unit_test(texts_that_are_no_types_match_nothing_dangerous),
      cmocka_unit_test(removed_patterns_leave_no_memory_behind),
      cmocka_unit_test(any_failed_allocation_leaves_the_trie_as_it_was),
      cmocka_unit_test(matching_allocates_nothing),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
