/* SPDX-License-Identifier: MIT
 * options_test.c - the options of transports that keep events: defaults, bounds, and a limit in any case. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "libevents.h"
#include "transport/options.h"

static json_t *options(const char *text) {
  json_t *root = json_loads(text, 0, NULL);
  assert_non_null(root);
  return root;
}

static void a_number_is_within_its_bounds_whatever_is_given(void **state) {
  (void)state;
  json_t *given = options("{\"low\":-1e300,\"high\":1e300,\"fine\":7.5,\"text\":\"7\",\"large\":4294967296}");
  assert_int_equal(evsi_option_number(given, "low", 5, 2, 9), 2);
  assert_int_equal(evsi_option_number(given, "high", 5, 2, 9), 9);
  assert_int_equal(evsi_option_number(given, "fine", 5, 2, 9), 7);
  assert_int_equal(evsi_option_number(given, "text", 5, 2, 9), 5);
  assert_int_equal(evsi_option_number(NULL, "fine", 5, 2, 9), 5);
  assert_int_equal(evsi_option_large(given, "large", 5), INT64_C(4294967296));
  assert_int_equal(evsi_option_large(given, "low", 5), 5);
  json_decref(given);
}

static void streams_have_a_limit_in_any_case(void **state) {
  (void)state;
  static const char *const cases[][2] = {
      {"{}", "{\"maxMessages\":100000}"},
      {"{\"retention\":{\"maxMessages\":0,\"force\":true}}", "{\"maxMessages\":100000,\"force\":true}"},
      {"{\"retention\":{\"maxAge\":5}}", "{\"maxAge\":5}"},
      {"{\"retention\":\"long\"}", "{\"maxMessages\":100000}"}};
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    json_t *given = options(cases[i][0]), *wanted = options(cases[i][1]);
    char *text = evsi_option_retention(given);
    json_t *found = options(text);
    assert_true(json_equal(found, wanted));
    evsi_free(text);
    json_decref(found);
    json_decref(wanted);
    json_decref(given);
  }
}

static void an_acknowledgement_is_a_word_or_how_many_replicas(void **state) {
  (void)state;
  static const struct {
    const char *text;
    uint32_t level;
  } cases[] = {{"{}", EVS_ACKNOWLEDGE_STORED},
               {"{\"acknowledgement\":\"none\"}", EVS_ACKNOWLEDGE_NONE},
               {"{\"acknowledgement\":\"stored\"}", EVS_ACKNOWLEDGE_STORED},
               {"{\"acknowledgement\":\"fsynced\"}", EVS_ACKNOWLEDGE_FSYNCED},
               {"{\"acknowledgement\":{\"replicated\":2}}", EVS_ACKNOWLEDGE_REPLICATED}};
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    json_t *given = options(cases[i].text);
    assert_int_equal(evsi_option_acknowledgement(given), cases[i].level);
    json_decref(given);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_number_is_within_its_bounds_whatever_is_given),
      cmocka_unit_test(streams_have_a_limit_in_any_case),
      cmocka_unit_test(an_acknowledgement_is_a_word_or_how_many_replicas),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
