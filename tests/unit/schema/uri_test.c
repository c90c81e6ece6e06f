/* SPDX-License-Identifier: MIT
 * uri_test.c - references are resolved as RFC 3986 shows it. */
#include "schema_fixture.h"

#include "schema/uri.h"

static void expect_target(const char *base, const char *reference, const char *target) {
  evsi_buf found = {0};
  evsi_uri_resolve(evsi_text(base), evsi_text(reference), &found);
  evsi_buf_reserve(&found, 0);
  if (strcmp(found.data, target) != 0)
    fail_msg("%s from %s is %s, not %s", reference, base, found.data, target);
  evsi_buf_free(&found);
}

static void references_lead_where_the_standard_says(void **state) {
  (void)state;
  static const char *const cases[][2] = {
      {"g:h", "g:h"},
      {"g", "http://a/b/c/g"},
      {"./g", "http://a/b/c/g"},
      {"g/", "http://a/b/c/g/"},
      {"/g", "http://a/g"},
      {"//g", "http://g"},
      {"?y", "http://a/b/c/d;p?y"},
      {"g?y", "http://a/b/c/g?y"},
      {"#s", "http://a/b/c/d;p?q#s"},
      {"g?y#s", "http://a/b/c/g?y#s"},
      {";x", "http://a/b/c/;x"},
      {"", "http://a/b/c/d;p?q"},
      {".", "http://a/b/c/"},
      {"..", "http://a/b/"},
      {"../g", "http://a/b/g"},
      {"../..", "http://a/"},
      {"../../../g", "http://a/g"},
      {"/./g", "http://a/g"},
      {"/../g", "http://a/g"},
      {"g.", "http://a/b/c/g."},
      {"..g", "http://a/b/c/..g"},
      {"./g/.", "http://a/b/c/g/"},
      {"g/../h", "http://a/b/c/h"},
      {"g;x=1/../y", "http://a/b/c/y"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
    expect_target("http://a/b/c/d;p?q", cases[i][0], cases[i][1]);
}

static void a_base_may_be_a_urn_or_missing(void **state) {
  (void)state;
  expect_target("urn:uuid:1", "#a", "urn:uuid:1#a");
  expect_target("", "other.json#/x", "other.json#/x");
  expect_target("http://a", "b", "http://a/b");
}

static void percent_escapes_are_undone_and_broken_ones_stay(void **state) {
  (void)state;
  evsi_buf out = {0};
  evsi_uri_unescape(evsi_text("a%20b%2Fc%zz%4"), &out);
  assert_string_equal(out.data, "a b/c%zz%4");
  evsi_buf_free(&out);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(references_lead_where_the_standard_says),
      cmocka_unit_test(a_base_may_be_a_urn_or_missing),
      cmocka_unit_test(percent_escapes_are_undone_and_broken_ones_stay),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
