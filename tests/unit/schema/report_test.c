/* SPDX-License-Identifier: MIT
 * report_test.c - what is wrong with a text is said for each place: both paths, keyword, expected, actual. */
#include "schema_fixture.h"

static void expect_in(const char *report, const char *part) {
  if (!strstr(report, part))
    fail_msg("no %s in %s", part, report);
}

static void an_error_has_both_paths_the_keyword_and_both_values(void **state) {
  (void)state;
  char *report = report_of("{\"properties\":{\"a/b\":{\"items\":{\"maximum\":10}}}}", "{\"a/b\":[1,11]}",
                           EVSI_REPORT_OWN, 10);
  assert_string_equal(report,
                      "{\"valid\":false,\"errors\":[{\"instancePath\":\"/a~1b/1\",\"schemaPath\":"
                      "\"/properties/a~1b/items/maximum\",\"keyword\":\"maximum\",\"expected\":\"10\","
                      "\"actual\":\"11\",\"message\":\"is too large\"}],\"more\":false}");
  evsi_free(report);
}

static void the_schemas_path_goes_through_references(void **state) {
  (void)state;
  const char *schema = "{\"$id\":\"http://x/s\",\"properties\":{\"a\":{\"$ref\":\"#/$defs/"
                       "n\"}},\"$defs\":{\"n\":{\"type\":\"null\"}}}";
  char *report = report_of(schema, "{\"a\":1}", EVSI_REPORT_BASIC, 10);
  assert_string_equal(report,
                      "{\"valid\":false,\"errors\":[{\"instanceLocation\":\"/a\",\"keywordLocation\":"
                      "\"/properties/a/$ref/type\",\"absoluteKeywordLocation\":\"http://x/s#/$defs/n/type\","
                      "\"error\":\"is of another type\"}]}");
  evsi_free(report);
}

static void a_valid_text_has_no_errors(void **state) {
  (void)state;
  char *report = report_of("{\"anyOf\":[{\"type\":\"null\"},true]}", "1", EVSI_REPORT_OWN, 10);
  assert_string_equal(report, "{\"valid\":true,\"errors\":[],\"more\":false}");
  evsi_free(report);
  report = report_of("true", "1", EVSI_REPORT_BASIC, 10);
  assert_string_equal(report, "{\"valid\":true,\"annotations\":[]}");
  evsi_free(report);
}

static void remarks_on_values_are_told_where_the_schema_holds(void **state) {
  (void)state;
  const char *schema =
      "{\"$id\":\"http://x/s\",\"title\":\"an order\",\"properties\":{\"a\":{\"contentEncoding\":\"base64\","
      "\"contentMediaType\":\"image/png\",\"x-owner\":{\"team\":1}}},"
      "\"anyOf\":[{\"title\":\"no\",\"type\":\"null\"},{\"if\":{\"description\":\"yes\"}}]}";
  char *report = report_of(schema, "{\"a\":\"iVBO\"}", EVSI_REPORT_BASIC, 10);
  expect_in(
      report,
      "{\"instanceLocation\":\"/a\",\"keywordLocation\":\"/properties/a/contentEncoding\","
      "\"absoluteKeywordLocation\":\"http://x/s#/properties/a/contentEncoding\",\"annotation\":\"base64\"}");
  expect_in(report, "\"annotation\":{\"team\":1}");
  expect_in(report, "\"annotation\":\"an order\"");
  expect_in(report, "\"keywordLocation\":\"/anyOf/1/if/description\"");
  assert_null(strstr(report, "\"no\""));
  evsi_free(report);
}

static void every_error_is_told_and_not_only_the_first(void **state) {
  (void)state;
  char *report =
      report_of("{\"required\":[\"x\",\"y\"],\"maxProperties\":1,\"properties\":{\"a\":{\"type\":\"null\"}},"
                "\"allOf\":[{\"properties\":{\"b\":false}},{\"minProperties\":9}]}",
                "{\"a\":1,\"b\":2}", EVSI_REPORT_OWN, 10);
  expect_in(report, "lacks \\\"x\\\", \\\"y\\\"");
  expect_in(report, "\"schemaPath\":\"/maxProperties\"");
  expect_in(report, "\"schemaPath\":\"/properties/a/type\"");
  expect_in(report, "\"schemaPath\":\"/allOf/0/properties/b\",\"keyword\":\"\"");
  expect_in(report, "\"schemaPath\":\"/allOf/1/minProperties\"");
  evsi_free(report);
}

static void the_errors_of_branches_are_told_only_when_none_holds(void **state) {
  (void)state;
  const char *schema = "{\"anyOf\":[{\"type\":\"null\"},{\"minimum\":5}],\"maximum\":3}";
  char *report = report_of(schema, "7", EVSI_REPORT_OWN, 10);
  assert_null(strstr(report, "anyOf"));
  expect_in(report, "\"schemaPath\":\"/maximum\"");
  evsi_free(report);
  report = report_of(schema, "1", EVSI_REPORT_OWN, 10);
  expect_in(report, "\"schemaPath\":\"/anyOf/0/type\"");
  expect_in(report, "\"schemaPath\":\"/anyOf/1/minimum\"");
  expect_in(report, "\"schemaPath\":\"/anyOf\"");
  evsi_free(report);
}

static void at_most_as_many_errors_as_asked_for_are_told(void **state) {
  (void)state;
  char *report = report_of("{\"items\":false}", "[1,2,3,4]", EVSI_REPORT_OWN, 2);
  expect_in(report, "\"instancePath\":\"/1\"");
  assert_null(strstr(report, "\"instancePath\":\"/2\""));
  expect_in(report, "\"more\":true");
  evsi_free(report);
}

static void a_large_value_is_told_by_its_size(void **state) {
  (void)state;
  evsi_buf text = {0};
  evsi_buf_add_text(&text, "[\"");
  for (int i = 0; i < 1000; i++)
    evsi_buf_add_text(&text, "secret ");
  evsi_buf_add_text(&text, "\"]");
  char *report = report_of("{\"items\":{\"maxLength\":5}}", text.data, EVSI_REPORT_OWN, 2);
  expect_in(report, "a string of 7000 bytes");
  assert_null(strstr(report, "secret"));
  evsi_free(report);
  evsi_buf_free(&text);
}

static void a_members_name_is_told_at_the_member(void **state) {
  (void)state;
  char *report = report_of("{\"propertyNames\":{\"maxLength\":3}}", "{\"abcd\":1}", EVSI_REPORT_OWN, 2);
  expect_in(report, "\"instancePath\":\"/abcd\",\"schemaPath\":\"/propertyNames/maxLength\"");
  expect_in(report, "\"actual\":\"\\\"abcd\\\"\"");
  evsi_free(report);
}

static void a_report_needs_a_validation_by_the_same_schema(void **state) {
  (void)state;
  evsi_schema *schema = compile("true");
  evsi_validation *validation = evsi_validation_create();
  char *report = NULL;
  assert_int_equal(evsi_schema_report(schema, validation, EVSI_REPORT_OWN, 1, &report, NULL), EVS_ARGUMENT);
  evsi_validation_free(validation);
  evsi_schema_free(schema);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(an_error_has_both_paths_the_keyword_and_both_values),
      cmocka_unit_test(the_schemas_path_goes_through_references),
      cmocka_unit_test(a_valid_text_has_no_errors),
      cmocka_unit_test(remarks_on_values_are_told_where_the_schema_holds),
      cmocka_unit_test(every_error_is_told_and_not_only_the_first),
      cmocka_unit_test(the_errors_of_branches_are_told_only_when_none_holds),
      cmocka_unit_test(at_most_as_many_errors_as_asked_for_are_told),
      cmocka_unit_test(a_large_value_is_told_by_its_size),
      cmocka_unit_test(a_members_name_is_told_at_the_member),
      cmocka_unit_test(a_report_needs_a_validation_by_the_same_schema),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
