/* SPDX-License-Identifier: MIT
 * pure_test.c - the public functions that need no system, beyond what the vectors show: bad arguments. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/buf.h"
#include "libevents.h"

static const evs_bytes hollow = {NULL, 3}, none = {NULL, 0};

static void a_size_without_data_is_an_argument_error(void **state) {
  (void)state;
  evs_error *error = NULL;
  char *text = NULL, hex[65];
  int32_t flag = 7;
  assert_int_equal(evs_type_check(hollow, 0, NULL), EVS_ARGUMENT);
  assert_int_equal(evs_pattern_normalize(hollow, none, 0, &text, NULL), EVS_ARGUMENT);
  assert_int_equal(evs_pattern_normalize(evsi_text("a"), hollow, 0, &text, NULL), EVS_ARGUMENT);
  assert_int_equal(evs_pattern_matches(evsi_text("a"), hollow, none, &flag, NULL), EVS_ARGUMENT);
  assert_int_equal(evs_full_type(hollow, none, &text, NULL), EVS_ARGUMENT);
  assert_int_equal(evs_body_hash(hollow, hex), EVS_ARGUMENT);
  assert_int_equal(evs_partition_for_key(hollow, 4), 0);
  assert_int_equal(evs_key_slot(hollow), 0);
  assert_int_equal(evs_config_check(NULL, 4, &text, &error), EVS_ARGUMENT);
  evs_error_free(error);
  assert_null(text);
  assert_int_equal(flag, 7);
}

static void a_missing_place_for_the_answer_is_an_argument_error(void **state) {
  (void)state;
  assert_int_equal(evs_pattern_normalize(evsi_text("a"), none, 0, NULL, NULL), EVS_ARGUMENT);
  assert_int_equal(evs_pattern_matches(evsi_text("a"), evsi_text("a"), none, NULL, NULL), EVS_ARGUMENT);
  assert_int_equal(evs_full_type(evsi_text("a"), none, NULL, NULL), EVS_ARGUMENT);
  assert_int_equal(evs_origin_delivered("{}", 2, NULL, NULL), EVS_ARGUMENT);
  assert_int_equal(evs_body_hash(none, NULL), EVS_ARGUMENT);
  assert_int_equal(evs_config_check("{}", 2, NULL, NULL), EVS_ARGUMENT);
}

static void invalid_names_are_validation_errors_with_a_reason(void **state) {
  (void)state;
  evs_error *error = NULL;
  int32_t flag;
  char *text = NULL;
  assert_int_equal(evs_pattern_matches(evsi_text("a..b"), evsi_text("a"), none, &flag, &error),
                   EVS_VALIDATION);
  assert_non_null(strstr(evs_error_message(error), "byte 2"));
  evs_error_free(error);
  assert_int_equal(evs_pattern_matches(evsi_text("a"), evsi_text("a"), evsi_text("x..y"), &flag, &error),
                   EVS_VALIDATION);
  assert_string_equal(evs_error_path(error), "/originPrefix");
  evs_error_free(error);
  assert_int_equal(evs_full_type(evsi_text("a."), none, &text, &error), EVS_VALIDATION);
  evs_error_free(error);
  assert_null(text);
}

static void patterns_may_name_the_own_prefix_with_dashes(void **state) {
  (void)state;
  char *text = NULL;
  int32_t matches = 0;
  assert_int_equal(evs_pattern_normalize(evsi_text("US-East.User.*"), evsi_text("us-east"), 0, &text, NULL),
                   EVS_OK);
  assert_string_equal(text, "us-east.user.*");
  evs_string_free(text);
  assert_int_equal(evs_pattern_matches(evsi_text("us-east.user.*"), evsi_text("us-east.user.x"),
                                       evsi_text("us-east"), &matches, NULL),
                   EVS_OK);
  assert_int_equal(matches, 1);
}

static void wrong_origin_queries_are_refused(void **state) {
  (void)state;
  static const char *const queries[] = {"",
                                        "[]",
                                        "{}",
                                        "{\"type\":\"a\"}",
                                        "{\"pattern\":\"a\"}",
                                        "{\"type\":\"a\",\"pattern\":\"a..b\"}",
                                        "{\"type\":\"a\",\"pattern\":\"a\",\"origins\":7}",
                                        "{\"type\":\"a\",\"pattern\":\"a\",\"origins\":[1]}",
                                        "{\"type\":\"a\",\"pattern\":\"a\",\"originPrefix\":\"*\"}",
                                        "{\"type\":\"\",\"pattern\":\"a\"}"};
  for (size_t i = 0; i < sizeof queries / sizeof *queries; i++) {
    evs_error *error = NULL;
    int32_t delivered = 7;
    if (evs_origin_delivered(queries[i], strlen(queries[i]), &delivered, &error) != EVS_VALIDATION)
      fail_msg("%s is not refused", queries[i]);
    assert_int_equal(delivered, 7);
    evs_error_free(error);
  }
}

static void the_version_is_the_headers(void **state) {
  (void)state;
  assert_string_equal(evs_version(), EVS_VERSION);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_size_without_data_is_an_argument_error),
      cmocka_unit_test(a_missing_place_for_the_answer_is_an_argument_error),
      cmocka_unit_test(invalid_names_are_validation_errors_with_a_reason),
      cmocka_unit_test(patterns_may_name_the_own_prefix_with_dashes),
      cmocka_unit_test(wrong_origin_queries_are_refused),
      cmocka_unit_test(the_version_is_the_headers),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
