/* SPDX-License-Identifier: MIT
 * format_test.c - host names with labels of other scripts: decoded, encoded again, and held against their
 * rules. The other formats have the official suite. */
#include "schema_fixture.h"

#include "schema/punycode.h"

static void expect_decoded(const char *name, const char *decoded) {
  evsi_buf out = {0};
  bool ok = evsi_hostname_decode(evsi_text(name), &out);
  evsi_buf_reserve(&out, 0);
  if (ok != (decoded != NULL) || (ok && strcmp(out.data, decoded) != 0))
    fail_msg("%s gives %s", name, ok ? out.data : "nothing");
  evsi_buf_free(&out);
}

static void encoded_labels_are_decoded(void **state) {
  (void)state;
  expect_decoded("example.com", "example.com");
  expect_decoded("xn--bcher-kva.example", "b\xC3\xBC"
                                          "cher.example");
  expect_decoded("XN--BCHER-KVA", "b\xC3\xBC"
                                  "cher");
  expect_decoded("xn--fiqs8s", "\xE4\xB8\xAD\xE5\x9B\xBD");
  expect_decoded("xn--4dbcagdahymbxekheh6e0a7fei0b",
                 "\xD7\x9C\xD7\x9E\xD7\x94\xD7\x94\xD7\x9D\xD7\xA4\xD7\xA9\xD7\x95\xD7\x98\xD7\x9C\xD7\x90"
                 "\xD7\x9E\xD7\x93"
                 "\xD7\x91\xD7\xA8\xD7\x99\xD7\x9D\xD7\xA2\xD7\x91\xD7\xA8\xD7\x99\xD7\xAA");
  expect_decoded("a\xE3\x80\x82"
                 "b\xEF\xBC\x8E"
                 "c",
                 "a.b.c");
}

static void what_is_wrongly_encoded_is_no_name(void **state) {
  (void)state;
  static const char *const wrong[] = {
      "",        ".", "a..b", "a.", "xn--99999999", "xn--example-", "xn--\xC3\xBC", "xn--bcher-kvb9999999999",
      "xn--a_b-"};
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
    expect_decoded(wrong[i], NULL);
}

static void names_are_held_against_the_rules_of_their_script(void **state) {
  (void)state;
  evsi_schema_options options = {.asserts_format = true};
  evsi_schema *schema = compile_with("{\"format\":\"idn-hostname\"}", &options);
  assert_string_equal(verdict_of(schema, "\"b\xC3\xBC"
                                         "cher.example\""),
                      "valid");
  assert_string_equal(verdict_of(schema, "\"xn--bcher-kva.example\""), "valid");
  assert_string_equal(verdict_of(schema, "\"-b\xC3\xBC"
                                         "cher\""),
                      "invalid");
  assert_string_equal(verdict_of(schema, "\"a\xD7\x90\""), "invalid");
  assert_string_equal(verdict_of(schema, "\"\xD7\x90"
                                         "1.com\""),
                      "valid");
  evsi_schema_free(schema);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(encoded_labels_are_decoded),
      cmocka_unit_test(what_is_wrongly_encoded_is_no_name),
      cmocka_unit_test(names_are_held_against_the_rules_of_their_script),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
