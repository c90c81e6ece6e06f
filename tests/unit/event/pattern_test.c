/* SPDX-License-Identifier: MIT
 * pattern_test.c - the grammar of patterns beyond the vectors: positions, origins and limits. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/buf.h"
#include "event/pattern.h"

static evs_status normalize(const char *pattern, const evsi_origin_rule *rule, char *out, evs_error **error) {
  return evsi_pattern_normalize(evsi_text(pattern), rule, out, error);
}

static void a_refusal_names_the_pattern_and_the_position(void **state) {
  (void)state;
  static const struct {
    const char *pattern;
    const char *part;
  } cases[] = {
      {"", "empty at byte 0"},          {"user*", "'*' at byte 4"},  {"**.a", "'*' at byte 0"},
      {"a.**", "'*' at byte 2"},        {"a..b", "'.' at byte 2"},   {".a", "'.' at byte 0"},
      {"a.", "'.' at byte 1"},          {"a.b c", "0x20 at byte 3"}, {"user_x", "'_' at byte 4"},
      {"a.\xC3\xA9", "0xc3 at byte 2"}, {"*a.b", "'*' at byte 0"},   {".", "'.' at byte 0"},
      {"_x", "'_' at byte 0"},          {"-a.b", "'-' at byte 0"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    char out[EVSI_PATTERN_MAX + 1];
    evs_error *error = NULL;
    assert_int_equal(normalize(cases[i].pattern, NULL, out, &error), EVS_VALIDATION);
    if (!strstr(evs_error_message(error), cases[i].part))
      fail_msg("%s: %s", cases[i].pattern, evs_error_message(error));
    evs_error_free(error);
  }
}

static void dashes_are_allowed_only_where_a_known_origin_stands(void **state) {
  (void)state;
  const char *origins[] = {"", "eu_west.1"};
  evsi_origin_rule rule = {
      .origin_prefix = "us-east", .origins = origins, .origin_count = 2, .origins_set = true};
  static const struct {
    const char *pattern;
    bool valid;
  } cases[] = {
      {"us-east.user.*", true},   {"US-East.User.*", true},
      {"eu_west.1.user", true},   {"us-west.user.*", false},
      {"user.us-east.*", false},  {"us-east.us-east.a", false},
      {"us-east", false},         {"*.us-east.a", false},
      {"us-eastern.user", false}, {"us-east.user_x.made", false},
      {"eu_west.user", false},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    char out[EVSI_PATTERN_MAX + 1];
    evs_error *error = NULL;
    if ((normalize(cases[i].pattern, &rule, out, &error) == EVS_OK) != cases[i].valid)
      fail_msg("%s: %s", cases[i].pattern, error ? evs_error_message(error) : "accepted");
    evs_error_free(error);
    rule.extended_types = true;
    assert_int_equal(normalize(cases[i].pattern, &rule, out, NULL), EVS_OK);
    rule.extended_types = false;
  }
}

static void length_is_bounded(void **state) {
  (void)state;
  char text[EVSI_PATTERN_MAX + 2], out[EVSI_PATTERN_MAX + 1];
  evs_error *error = NULL;
  memset(text, 'A', sizeof text);
  assert_int_equal(evsi_pattern_normalize(evsi_bytes(text, EVSI_PATTERN_MAX), NULL, out, &error), EVS_OK);
  assert_int_equal(strlen(out), EVSI_PATTERN_MAX);
  assert_int_equal(evsi_pattern_normalize(evsi_bytes(text, EVSI_PATTERN_MAX + 1), NULL, out, &error),
                   EVS_VALIDATION);
  evs_error_free(error);
}

static void floating_patterns_are_told_from_anchored_ones(void **state) {
  (void)state;
  assert_true(evsi_pattern_is_floating("*"));
  assert_true(evsi_pattern_is_floating("*.a"));
  assert_true(evsi_pattern_is_floating("*.*"));
  assert_false(evsi_pattern_is_floating("a.*"));
  assert_false(evsi_pattern_is_floating("a"));
}

static void a_pattern_gives_a_type_to_ask_for_routes_unless_its_first_segment_is_open(void **state) {
  (void)state;
  static const struct {
    const char *pattern, *sample;
  } cases[] = {{"user.created", "user.created"},
               {"user.*", "user.any"},
               {"*.user.*", "user.any"},
               {"*.user.created", "user.created"},
               {"user.*.done", "user.any.done"},
               {"*.created", NULL},
               {"*.*.user", NULL},
               {"*", NULL}};
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    char out[2 * EVSI_PATTERN_MAX] = "";
    assert_int_equal(evsi_pattern_sample(cases[i].pattern, out), cases[i].sample != NULL);
    assert_string_equal(out, cases[i].sample ? cases[i].sample : "");
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_refusal_names_the_pattern_and_the_position),
      cmocka_unit_test(dashes_are_allowed_only_where_a_known_origin_stands),
      cmocka_unit_test(length_is_bounded),
      cmocka_unit_test(floating_patterns_are_told_from_anchored_ones),
      cmocka_unit_test(a_pattern_gives_a_type_to_ask_for_routes_unless_its_first_segment_is_open),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
