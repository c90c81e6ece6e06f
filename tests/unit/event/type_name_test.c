/* SPDX-License-Identifier: MIT
 * type_name_test.c - types and origin prefixes: what is stripped, folded and refused, and where. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/buf.h"
#include "event/type_name.h"

static void the_own_prefix_is_stripped_once_in_any_case(void **state) {
  (void)state;
  static const struct {
    const char *type;
    const char *prefix;
    const char *expected;
  } cases[] = {
      {"eu.de.user.created", "eu.de", "user.created"},
      {"EU.De.User", "eu.de", "user"},
      {"eu.de.eu.de.user", "eu.de", "eu.de.user"},
      {"eu.dex.user", "eu.de", "eu.dex.user"},
      {"eu.de", "eu.de", "eu.de"},
      {"us-east.user", "us-east", "user"}, /* before the grammar sees the dash */
      {"user.created", "", "user.created"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    char out[EVSI_TYPE_MAX + 1];
    evs_error *error = NULL;
    assert_int_equal(evsi_type_fold(evsi_text(cases[i].type), cases[i].prefix, false, out, NULL, &error),
                     EVS_OK);
    assert_string_equal(out, cases[i].expected);
  }
}

static void folding_is_reported(void **state) {
  (void)state;
  char out[EVSI_TYPE_MAX + 1];
  bool folded = true;
  evsi_type_fold(evsi_text("user.created"), NULL, false, out, &folded, NULL);
  assert_false(folded);
  evsi_type_fold(evsi_text("User.created"), NULL, false, out, &folded, NULL);
  assert_true(folded);
  assert_string_equal(out, "user.created");
}

static void a_refusal_names_the_type_the_byte_and_the_position(void **state) {
  (void)state;
  static const struct {
    const char *type;
    const char *part;
    const char *prefix;
  } cases[] = {
      {"user_created", "'_' at byte 4", ""},    {"us\xC3\xA9r", "0xc3 at byte 2", ""},
      {"user..created", "empty at byte 5", ""}, {".user", "empty at byte 0", ""},
      {"user.", "empty at byte 5", ""},         {"", "is empty", ""},
      {"user.*", "'*' at byte 5", ""},          {"a b", "0x20 at byte 1", ""},
      {"eu..de", "empty at byte 0", "eu"},      {"eu.", "is empty", "eu"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    char out[EVSI_TYPE_MAX + 1];
    evs_error *error = NULL;
    assert_int_equal(evsi_type_fold(evsi_text(cases[i].type), cases[i].prefix, false, out, NULL, &error),
                     EVS_VALIDATION);
    if (!strstr(evs_error_message(error), cases[i].part))
      fail_msg("%s: %s", cases[i].type, evs_error_message(error));
    assert_string_equal(evs_error_path(error), "/type");
    evs_error_free(error);
  }
}

static void extended_types_allow_underscore_and_dash_and_nothing_else(void **state) {
  (void)state;
  char out[EVSI_TYPE_MAX + 1];
  evs_error *error = NULL;
  assert_int_equal(evsi_type_fold(evsi_text("user_x.made-up"), "", true, out, NULL, &error), EVS_OK);
  assert_int_equal(evsi_type_fold(evsi_text("user+x"), "", true, out, NULL, &error), EVS_VALIDATION);
  evs_error_free(error);
}

static void length_is_bounded_after_the_prefix_is_gone(void **state) {
  (void)state;
  char text[300], out[EVSI_TYPE_MAX + 1];
  evs_error *error = NULL;
  memcpy(text, "eu.", 3);
  memset(text + 3, 'a', sizeof text - 3);
  assert_int_equal(evsi_type_fold(evsi_bytes(text, 3 + EVSI_TYPE_MAX), "eu", false, out, NULL, &error),
                   EVS_OK);
  assert_int_equal(strlen(out), EVSI_TYPE_MAX);
  assert_int_equal(evsi_type_fold(evsi_bytes(text, 4 + EVSI_TYPE_MAX), "eu", false, out, NULL, &error),
                   EVS_VALIDATION);
  evs_error_free(error);
}

static void prefixes_allow_underscore_and_dash(void **state) {
  (void)state;
  char out[EVSI_TYPE_MAX + 1];
  evs_error *error = NULL;
  assert_int_equal(evsi_prefix_fold(evsi_text("US-East.a_1"), out, &error), EVS_OK);
  assert_string_equal(out, "us-east.a_1");
  static const char *const bad[] = {"", ".", "a.", "a..b", "*", "a b", "\xC3\xA9"};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    assert_int_equal(evsi_prefix_fold(evsi_text(bad[i]), out, &error), EVS_VALIDATION);
    assert_string_equal(evs_error_path(error), "/originPrefix");
    evs_error_free(error);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_own_prefix_is_stripped_once_in_any_case),
      cmocka_unit_test(folding_is_reported),
      cmocka_unit_test(a_refusal_names_the_type_the_byte_and_the_position),
      cmocka_unit_test(extended_types_allow_underscore_and_dash_and_nothing_else),
      cmocka_unit_test(length_is_bounded_after_the_prefix_is_gone),
      cmocka_unit_test(prefixes_allow_underscore_and_dash),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
