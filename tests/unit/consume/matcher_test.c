/* SPDX-License-Identifier: MIT
 * matcher_test.c - who receives an event: patterns, origins, and `filtered` against `unmatched`. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "consume/matcher.h"
#include "unit/support/shortage.h"

/* One subscription in a matcher of its own. Result: 'd'elivered, 'f'iltered or 'u'nmatched. */
static char ask(const char *own, const char *const *origins, uint32_t origin_count, const char *pattern,
                const char *event_prefix, const char *type) {
  evsi_origin_rule rule = {
      .origin_prefix = own, .origins = origins, .origin_count = origin_count, .origins_set = origins != NULL};
  evsi_matcher *matcher = evsi_matcher_new();
  uint32_t id = 99;
  bool filtered;
  assert_int_equal(evsi_matcher_add(matcher, pattern, &rule, 7, NULL), EVS_OK);
  uint32_t count = evsi_matcher_match(matcher, evsi_text(event_prefix), evsi_text(type), &id, 1, &filtered);
  assert_in_range(count, 0, 1);
  assert_int_equal(id, count ? 7 : 99);
  assert_false(count && filtered);
  evsi_matcher_free(matcher);
  return count ? 'd' : filtered ? 'f' : 'u';
}

static void origins_not_given_isolate_anchored_patterns_only(void **state) {
  (void)state;
  assert_int_equal(ask("eu.de", NULL, 0, "user.*", "eu.de", "user.created"), 'd');
  assert_int_equal(ask("eu.de", NULL, 0, "user.*", "EU.DE", "User.Created"), 'd');
  assert_int_equal(ask("eu.de", NULL, 0, "user.*", "us.ca", "user.created"), 'f');
  assert_int_equal(ask("eu.de", NULL, 0, "user.*", "", "user.created"), 'f');
  assert_int_equal(ask("eu.de", NULL, 0, "user.*", "us.ca", "order.created"), 'u');
  assert_int_equal(ask("eu.de", NULL, 0, "*.user.*", "us.ca", "user.created"), 'd');
  assert_int_equal(ask("eu.de", NULL, 0, "*", "", "user.created"), 'd');
  assert_int_equal(ask("", NULL, 0, "user.*", "eu.de", "user.created"), 'f');
}

static void given_origins_hold_for_every_pattern(void **state) {
  (void)state;
  const char *origins[] = {"us.ca"}, *unprefixed[] = {""};
  assert_int_equal(ask("eu.de", origins, 1, "user.*", "us.ca", "user.created"), 'd');
  assert_int_equal(ask("eu.de", origins, 1, "user.*", "eu.de", "user.created"), 'd');
  assert_int_equal(ask("eu.de", origins, 1, "*", "fr.pa", "user.created"), 'f');
  assert_int_equal(ask("eu.de", origins, 1, "*", "", "user.created"), 'f');
  assert_int_equal(ask("eu.de", unprefixed, 1, "*", "", "user.created"), 'd');
  assert_int_equal(ask("eu.de", unprefixed, 0, "*.user.*", "us.ca", "user.created"), 'f');
  assert_int_equal(ask("", origins, 1, "user.*", "", "user.created"), 'd');
}

static void a_pattern_that_begins_with_an_origin_is_also_meant_as_written(void **state) {
  (void)state;
  const char *origins[] = {"us.ca"};
  assert_int_equal(ask("eu.de", NULL, 0, "eu.de.user.*", "eu.de", "user.created"), 'd');
  assert_int_equal(ask("eu.de", NULL, 0, "eu.de.user.*", "us.ca", "user.created"), 'f');
  assert_int_equal(ask("eu.de", NULL, 0, "eu.de.user.*", "eu.de", "eu.de.user.created"), 'd');
  assert_int_equal(ask("eu.de", NULL, 0, "eu.de.*", "eu.de", "user"), 'd');
  assert_int_equal(ask("eu.de", NULL, 0, "eu.de.*.b", "eu.de", "a.b"), 'd');
  assert_int_equal(ask("eu.de", NULL, 0, "eu.de.*.b", "eu.de", "x.a.b"), 'u');
  assert_int_equal(ask("eu.de", origins, 1, "us.ca.user.*", "us.ca", "user.created"), 'd');
  assert_int_equal(ask("eu.de", origins, 1, "us.ca.user.*", "eu.de", "user.created"), 'f');
  assert_int_equal(ask("user", NULL, 0, "user.*", "user", "created"), 'd');
  assert_int_equal(ask("user", NULL, 0, "user.*", "user", "user.created"), 'd');
}

static void no_text_of_prefix_and_type_fakes_another_origin(void **state) {
  (void)state;
  evsi_origin_rule rule = {.origin_prefix = "eu.de"};
  evsi_matcher *matcher = evsi_matcher_new();
  uint32_t id;
  bool filtered;
  evsi_matcher_add(matcher, "user.*", &rule, 0, NULL);
  evsi_matcher_add(matcher, "eu.de.user.*", &rule, 1, NULL);
  assert_int_equal(
      evsi_matcher_match(matcher, evsi_text(""), evsi_text("eu.de.user.created"), &id, 1, &filtered), 0);
  assert_int_equal(
      evsi_matcher_match(matcher, evsi_text("eu"), evsi_text("de.user.created"), &id, 1, &filtered), 0);
  assert_int_equal(
      evsi_matcher_match(matcher, evsi_bytes("eu.de\0x", 7), evsi_text("user.created"), &id, 1, &filtered),
      0);
  evsi_matcher_free(matcher);
}

static void ids_come_ascending_and_single_and_the_lowest_stay(void **state) {
  (void)state;
  static const uint32_t order[] = {5, 1, 9, 3, 7, 0, 8};
  evsi_origin_rule rule = {.origin_prefix = "user"};
  evsi_matcher *matcher = evsi_matcher_new();
  uint32_t ids[8];
  bool filtered;
  for (size_t i = 0; i < 7; i++) /* "user.*" at "user" matches by both of its readings */
    evsi_matcher_add(matcher, i % 2 ? "*.user.*" : "user.*", &rule, order[i], NULL);
  assert_int_equal(evsi_matcher_match(matcher, evsi_text("user"), evsi_text("user.x"), ids, 8, &filtered), 7);
  static const uint32_t expected[] = {0, 1, 3, 5, 7, 8, 9};
  assert_memory_equal(ids, expected, sizeof expected);
  for (uint32_t max = 0; max < 7; max++) {
    ids[max] = 1234;
    assert_in_range(evsi_matcher_match(matcher, evsi_text("user"), evsi_text("user.x"), ids, max, &filtered),
                    7, 14);
    assert_memory_equal(ids, expected, max * sizeof *ids);
    assert_int_equal(ids[max], 1234);
  }
  evsi_matcher_free(matcher);
}

static void a_removed_subscription_receives_nothing_and_its_number_is_free(void **state) {
  (void)state;
  evsi_origin_rule rule = {.origin_prefix = ""};
  evsi_matcher *matcher = evsi_matcher_new();
  uint32_t ids[4];
  bool filtered;
  evs_error *error = NULL;
  evsi_matcher_add(matcher, "a.*", &rule, 0, NULL);
  evsi_matcher_add(matcher, "*.b", &rule, 1, NULL);
  assert_int_equal(evsi_matcher_add(matcher, "c", &rule, 1, &error), EVS_ARGUMENT);
  evs_error_free(error);
  evsi_matcher_remove(matcher, 0);
  evsi_matcher_remove(matcher, 0);
  assert_int_equal(evsi_matcher_match(matcher, evsi_text(""), evsi_text("a.b"), ids, 4, &filtered), 1);
  assert_int_equal(ids[0], 1);
  assert_int_equal(evsi_matcher_add(matcher, "a.b", &rule, 0, NULL), EVS_OK);
  assert_int_equal(evsi_matcher_match(matcher, evsi_text(""), evsi_text("a.b"), ids, 4, &filtered), 2);
  evsi_matcher_free(matcher);
}

static void can_match_looks_at_any_origin(void **state) {
  (void)state;
  evsi_origin_rule rule = {.origin_prefix = "eu.de"};
  evsi_matcher *matcher = evsi_matcher_new();
  evsi_matcher_add(matcher, "user.created", &rule, 0, NULL);
  evsi_matcher_add(matcher, "eu.de.order.*", &rule, 1, NULL);
  assert_true(evsi_matcher_can_match(matcher, evsi_text("user.created")));
  assert_true(evsi_matcher_can_match(matcher, evsi_text("us.ca.user.created")));
  assert_true(evsi_matcher_can_match(matcher, evsi_text("EU.DE.Order.Placed")));
  assert_true(evsi_matcher_can_match(matcher, evsi_text("order.placed")));
  assert_false(evsi_matcher_can_match(matcher, evsi_text("user.deleted")));
  assert_false(evsi_matcher_can_match(matcher, evsi_text("")));
  evsi_matcher_remove(matcher, 0);
  assert_false(evsi_matcher_can_match(matcher, evsi_text("user.created")));
  evsi_matcher_free(matcher);
}

static void invalid_patterns_are_refused(void **state) {
  (void)state;
  evsi_origin_rule rule = {.origin_prefix = ""};
  evsi_matcher *matcher = evsi_matcher_new();
  evs_error *error = NULL;
  assert_int_equal(evsi_matcher_add(matcher, "a..b", &rule, 0, &error), EVS_VALIDATION);
  assert_non_null(strstr(evs_error_message(error), "byte 2"));
  evs_error_free(error);
  assert_false(evsi_matcher_can_match(matcher, evsi_text("a.b")));
  evsi_matcher_free(matcher);
}

static void oversized_names_match_nothing(void **state) {
  (void)state;
  evsi_origin_rule rule = {.origin_prefix = ""};
  evsi_matcher *matcher = evsi_matcher_new();
  uint32_t id;
  bool filtered;
  char text[4096];
  memset(text, 'a', sizeof text);
  evsi_matcher_add(matcher, "*", &rule, 0, NULL);
  for (size_t size = 500; size < sizeof text; size++) {
    assert_int_equal(evsi_matcher_match(matcher, evsi_text(""), evsi_bytes(text, size), &id, 1, &filtered),
                     size <= 510);
    assert_int_equal(
        evsi_matcher_match(matcher, evsi_bytes(text, size), evsi_text("aaaaaaaaaaa"), &id, 1, &filtered), 0);
  }
  evsi_matcher_free(matcher);
}

static void any_failed_allocation_is_told_and_changes_nothing(void **state) {
  (void)state;
  const char *origins[] = {"us.ca", "eu"};
  evsi_origin_rule rule = {
      .origin_prefix = "eu.de", .origins = origins, .origin_count = 2, .origins_set = true};
  bool reached_end = false;
  for (long at = 0; !reached_end; at++) {
    long before = shortage_alive();
    shortage_begin(at, false);
    evs_error *error = NULL;
    uint32_t id;
    bool filtered;
    evsi_matcher *matcher = evsi_matcher_new();
    evs_status status = matcher ? evsi_matcher_add(matcher, "eu.de.user.*", &rule, 0, &error) : EVS_NOMEM;
    reached_end = !shortage_end();
    if (matcher) {
      assert_int_equal(status, reached_end ? EVS_OK : EVS_NOMEM);
      assert_int_equal(
          evsi_matcher_match(matcher, evsi_text("eu.de"), evsi_text("user.x"), &id, 1, &filtered),
          reached_end);
      assert_int_equal(evsi_matcher_add(matcher, "*", &rule, 1, NULL), EVS_OK);
    }
    evs_error_free(error);
    evsi_matcher_free(matcher);
    assert_int_equal(shortage_alive(), before);
    assert_true(at < 500);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(origins_not_given_isolate_anchored_patterns_only),
      cmocka_unit_test(given_origins_hold_for_every_pattern),
      cmocka_unit_test(a_pattern_that_begins_with_an_origin_is_also_meant_as_written),
      cmocka_unit_test(no_text_of_prefix_and_type_fakes_another_origin),
      cmocka_unit_test(ids_come_ascending_and_single_and_the_lowest_stay),
      cmocka_unit_test(a_removed_subscription_receives_nothing_and_its_number_is_free),
      cmocka_unit_test(can_match_looks_at_any_origin),
      cmocka_unit_test(invalid_patterns_are_refused),
      cmocka_unit_test(oversized_names_match_nothing),
      cmocka_unit_test(any_failed_allocation_is_told_and_changes_nothing),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
