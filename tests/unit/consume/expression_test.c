/* SPDX-License-Identifier: MIT
 * expression_test.c - regular expressions in the place of patterns: their syntax, what they match, whose
 * events they see, and that none of them takes long. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "consume/expression.h"
#include "consume/matcher.h"
#include "unit/support/shortage.h"

/* One subscription in a matcher of its own. Result: 'd'elivered, 'f'iltered or 'u'nmatched. */
static char ask(const char *own, const char *pattern, const char *event_prefix, const char *type) {
  evsi_origin_rule rule = {.origin_prefix = own};
  evsi_matcher *matcher = evsi_matcher_new();
  uint32_t id = 99;
  bool filtered;
  assert_int_equal(evsi_matcher_add(matcher, pattern, &rule, 7, NULL), EVS_OK);
  uint32_t count = evsi_matcher_match(matcher, evsi_text(event_prefix), evsi_text(type), &id, 1, &filtered);
  assert_int_equal(id, count ? 7 : 99);
  evsi_matcher_free(matcher);
  return count ? 'd' : filtered ? 'f' : 'u';
}

static void an_expression_is_searched_for_in_the_type(void **state) {
  (void)state;
  assert_int_equal(ask("", "/^order\\.(placed|paid)$/", "", "order.paid"), 'd');
  assert_int_equal(ask("", "/^order\\.(placed|paid)$/", "", "order.paid.late"), 'u');
  assert_int_equal(ask("", "/paid/", "", "order.paid.late"), 'd');
  assert_int_equal(ask("", "/^ORDER\\.[P-Q]/", "", "Order.Paid"), 'd');
  assert_int_equal(ask("", "/a/b/", "", "a/b"), 'd');
  assert_int_equal(ask("", "/a\\/b/", "", "a/b"), 'd');
}

static void an_expression_sees_its_own_origin_only_unless_it_floats(void **state) {
  (void)state;
  assert_int_equal(ask("eu.de", "/^user\\./", "eu.de", "user.created"), 'd');
  assert_int_equal(ask("eu.de", "/user/", "us.ca", "user.created"), 'f');
  assert_int_equal(ask("eu.de", "/user/", "", "user.created"), 'f');
  assert_int_equal(ask("eu.de", "/.*/", "us.ca", "order.created"), 'f');
  assert_int_equal(ask("eu.de", "/eu\\.de/", "eu.de", "user.created"), 'u'); /* the prefix is not looked at */
  assert_int_equal(ask("eu.de", "*./^user\\./", "us.ca", "user.created"), 'd');
  assert_int_equal(ask("eu.de", "*./^user\\./", "", "user.created"), 'd');
  assert_int_equal(ask("eu.de", "*./^user\\./", "user.x", "order.created"), 'u');
}

static void what_is_no_expression_is_refused_with_the_reason(void **state) {
  (void)state;
  static const struct {
    const char *pattern, *why;
  } cases[] = {
      {"/", "no closing slash"},  {"*./", "no closing slash"},
      {"/a", "no closing slash"}, {"//", "is empty"},
      {"//i", "is empty"},        {"/a/x", "flag"},
      {"/a/y", "flag"},           {"/(/", "parenthes"},
      {"/a/ ", "flag"},           {"/a{2,1}/", "numbers out of or"},
      {"/\xff/", "not UTF-8"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    char out[EVSI_PATTERN_MAX + 1];
    evs_error *error = NULL;
    assert_int_equal(evsi_matcher_normalize(evsi_text(cases[i].pattern), NULL, out, &error), EVS_VALIDATION);
    if (!strstr(evs_error_message(error), cases[i].why))
      fail_msg("%s: %s", cases[i].pattern, evs_error_message(error));
    assert_string_equal(evs_error_path(error), "/pattern");
    evs_error_free(error);
  }
}

static void its_normal_form_has_no_flags(void **state) {
  (void)state;
  char out[EVSI_PATTERN_MAX + 1];
  assert_int_equal(evsi_matcher_normalize(evsi_text("/a\\.B/dgimsu"), NULL, out, NULL), EVS_OK);
  assert_string_equal(out, "/a\\.B/");
  assert_int_equal(evsi_matcher_normalize(evsi_text("*./a/i"), NULL, out, NULL), EVS_OK);
  assert_string_equal(out, "*./a/");
}

static void can_match_tries_each_end_of_an_origin(void **state) {
  (void)state;
  evsi_origin_rule rule = {.origin_prefix = "eu.de"};
  evsi_matcher *matcher = evsi_matcher_new();
  evsi_matcher_add(matcher, "/^user\\.created$/", &rule, 0, NULL);
  assert_true(evsi_matcher_can_match(matcher, evsi_text("user.created")));
  assert_true(evsi_matcher_can_match(matcher, evsi_text("EU.de.User.created")));
  assert_false(evsi_matcher_can_match(matcher, evsi_text("user.deleted")));
  evsi_matcher_remove(matcher, 0);
  assert_false(evsi_matcher_can_match(matcher, evsi_text("user.created")));
  evsi_matcher_free(matcher);
}

static void an_expression_that_is_too_much_work_says_so(void **state) {
  (void)state;
  evsi_origin_rule rule = {.origin_prefix = "eu.de"};
  evsi_matcher *matcher = evsi_matcher_new();
  uint32_t ids[4];
  bool filtered;
  assert_int_equal(evsi_matcher_add(matcher, "/^(?:(?:a|a)+)+[bc]$/", &rule, 0, NULL), EVS_OK);
  evs_bytes own = evsi_text("eu.de"), type = evsi_text("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaad");
  assert_int_equal(evsi_matcher_undecided(matcher, own, type, ids, 4), 0); /* nobody tried yet */
  assert_int_equal(evsi_matcher_match(matcher, own, type, ids, 4, &filtered), 0);
  assert_int_equal(evsi_matcher_undecided(matcher, own, type, ids, 4), 1);
  assert_int_equal(ids[0], 0);
  assert_int_equal(evsi_matcher_undecided(matcher, own, evsi_text("aab"), ids, 4), 0);
  assert_int_equal(evsi_matcher_undecided(matcher, evsi_text("us.ca"), type, ids, 4), 0);
  assert_int_equal(evsi_matcher_match(matcher, evsi_text("us.ca"), type, ids, 4, &filtered), 0);
  assert_true(filtered);
  evsi_matcher_free(matcher);
}

/* Machine code counts its steps elsewhere than the interpreter: each of these must end all the same. */
static void bombs_of_all_kinds_end(void **state) {
  (void)state;
  static const char *const bombs[] = {
      "/^(a+)+$/",
      "/^(a|aa)+$/",
      "/^(?:a*)*[bc]/",
      "/a*a*a*a*a*a*a*a*[bc]/",
      "/^(.*)*.*.*.*[xyz]/",
      "/(?=(a+)+[bc])a/",
      "/^(?:(a+)\\1)+[b]/",
      "/^([a-z]+)*[0-9]$/",
      "/^(?:a?){60}a{60}$/",
      "/(?:a{1,30}){1,30}!/",
      "/(?<!(?:a|b))c.*.*.*.*[z]/",
  };
  char type[256];
  memset(type, 'a', sizeof type);
  type[254] = '-';
  type[255] = '\0';
  for (size_t i = 0; i < sizeof bombs / sizeof bombs[0]; i++) {
    char out[EVSI_PATTERN_MAX + 1];
    bool matches;
    evs_error *error = NULL;
    if (evsi_matcher_normalize(evsi_text(bombs[i]), NULL, out, &error) == EVS_OK)
      evsi_expression_matches(out, evsi_text(type), "", &matches, &error);
    evs_error_free(error);
  }
}

static void ten_thousand_expressions_find_theirs(void **state) {
  (void)state;
  enum { COUNT = 10000 };
  evsi_origin_rule rule = {.origin_prefix = ""};
  evsi_matcher *matcher = evsi_matcher_new();
  char text[64];
  uint32_t ids[4];
  bool filtered;
  for (uint32_t i = 0; i < COUNT; i++) {
    snprintf(text, sizeof text, "/^order\\.n%u\\..+$/", i);
    assert_int_equal(evsi_matcher_add(matcher, text, &rule, i, NULL), EVS_OK);
  }
  for (uint32_t i = 0; i < COUNT; i += 999) {
    snprintf(text, sizeof text, "order.n%u.placed", i);
    assert_int_equal(evsi_matcher_match(matcher, evsi_text(""), evsi_text(text), ids, 4, &filtered), 1);
    assert_int_equal(ids[0], i);
  }
  evsi_matcher_free(matcher);
}

/* An expression that memory is too short for while it matches is undecided, not without a match. */
static evs_status add_and_match(void *none) {
  (void)none;
  evsi_origin_rule rule = {.origin_prefix = ""};
  evs_error *error = NULL;
  uint32_t id;
  bool filtered;
  evsi_matcher *matcher = evsi_matcher_new();
  evs_status status = matcher ? evsi_matcher_add(matcher, "/^a$/", &rule, 0, &error) : EVS_NOMEM;
  if (status == EVS_OK && evsi_matcher_match(matcher, evsi_text(""), evsi_text("a"), &id, 1, &filtered) != 1)
    assert_true(evsi_matcher_undecided(matcher, evsi_text(""), evsi_text("a"), &id, 1) <= 1);
  evs_error_free(error);
  evsi_matcher_free(matcher);
  return status;
}

static void any_failed_allocation_is_told_and_loses_nothing(void **state) {
  (void)state;
  shortage_of_each(add_and_match, NULL, SHORTAGE_IS_BORNE);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(an_expression_is_searched_for_in_the_type),
      cmocka_unit_test(an_expression_sees_its_own_origin_only_unless_it_floats),
      cmocka_unit_test(what_is_no_expression_is_refused_with_the_reason),
      cmocka_unit_test(its_normal_form_has_no_flags),
      cmocka_unit_test(can_match_tries_each_end_of_an_origin),
      cmocka_unit_test(an_expression_that_is_too_much_work_says_so),
      cmocka_unit_test(bombs_of_all_kinds_end),
      cmocka_unit_test(ten_thousand_expressions_find_theirs),
      cmocka_unit_test(any_failed_allocation_is_told_and_loses_nothing),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
