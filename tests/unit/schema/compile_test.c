/* SPDX-License-Identifier: MIT
 * compile_test.c - what is wrong with a schema is said, each with its path and reason, and nothing is
 * fetched. */
#include "schema_fixture.h"

/* Malformed values: what the meta-schema refuses, too. */
static const struct {
  const char *schema, *path, *reason;
} malformed[] = {
    {"{\"type\":\"text\"}", "/type", "\\\"null\\\", \\\"boolean\\\""},
    {"{\"type\":[]}", "/type", "array of some of them"},
    {"{\"type\":[\"string\",\"strin\"]}", "/type/1", "array of some of them"},
    {"{\"type\":[\"string\",\"string\"]}", "/type", "array of some of them"},
    {"{\"minLength\":-1}", "/minLength", "a whole number, at least 0"},
    {"{\"maxItems\":1.5}", "/maxItems", "a whole number, at least 0"},
    {"{\"maximum\":\"1\"}", "/maximum", "a number"},
    {"{\"multipleOf\":0}", "/multipleOf", "a number above 0"},
    {"{\"pattern\":7}", "/pattern", "a string"},
    {"{\"required\":\"a\"}", "/required", "an array of different strings"},
    {"{\"required\":[\"a\",\"b\",\"a\"]}", "/required", "an array of different strings"},
    {"{\"required\":[\"a\",1]}", "/required/1", "a string"},
    {"{\"enum\":1}", "/enum", "an array"},
    {"{\"uniqueItems\":1}", "/uniqueItems", "true or false"},
    {"{\"properties\":[]}", "/properties", "an object of schemas"},
    {"{\"properties\":{\"a/b\":1}}", "/properties/a~1b", "a schema: an object or a boolean"},
    {"{\"$defs\":{\"x\":{\"items\":{\"not\":null}}}}", "/$defs/x/items/not",
     "a schema: an object or a boolean"},
    {"{\"allOf\":[]}", "/allOf", "an array of at least one schema"},
    {"{\"anyOf\":{}}", "/anyOf", "an array of at least one schema"},
    {"{\"oneOf\":[true,3]}", "/oneOf/1", "a schema: an object or a boolean"},
    {"{\"items\":[true]}", "/items", "prefixItems"},
    {"{\"dependentRequired\":{\"a\":[1]}}", "/dependentRequired/a/0", "a string"},
    {"{\"dependentSchemas\":{\"a\":[]}}", "/dependentSchemas/a", "a schema: an object or a boolean"},
    {"{\"$anchor\":\"1a\"}", "/$anchor", "a name of letters"},
    {"{\"$id\":7}", "/$id", "a string"},
    {"{\"$id\":\"http://x/y#z\"}", "/$id", "an $id has no fragment"},
    {"{\"title\":1}", "/title", "a string"},
    {"7", "", "a schema: an object or a boolean"},
};

static void expect_problem(const char *schema, const char *path, const char *reason) {
  char *error = refusal_of(schema, NULL), place[256];
  snprintf(place, sizeof place, "\"path\":\"%s\",\"message\":\"", path);
  const char *found = strstr(error, place);
  if (!found || !strstr(found, reason))
    fail_msg("%s gives %s", schema, error);
  free(error);
}

static void malformed_values_are_told_with_path_and_reason(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof malformed / sizeof *malformed; i++)
    expect_problem(malformed[i].schema, malformed[i].path, malformed[i].reason);
}

static void the_meta_schema_refuses_what_the_compiler_refuses(void **state) {
  (void)state;
  evsi_schema *meta = compile("{\"$ref\":\"https://json-schema.org/draft/2020-12/schema\"}");
  for (size_t i = 0; i < sizeof malformed / sizeof *malformed; i++)
    if (strcmp(verdict_of(meta, malformed[i].schema), "invalid") != 0)
      fail_msg("%s is %s", malformed[i].schema, verdict_of(meta, malformed[i].schema));
  evsi_schema_free(meta);
}

static void regular_expressions_are_checked_where_they_stand(void **state) {
  (void)state;
  expect_problem("{\"pattern\":\"(\"}", "/pattern", "no regular expression of ECMA-262");
  expect_problem("{\"pattern\":\"(?<=a+)b\"}", "/pattern", "cannot be matched here");
  expect_problem("{\"patternProperties\":{\"ok\":true,\"a**\":true}}", "/patternProperties/a**",
                 "nothing to repeat");
}

static void all_problems_are_told_at_once(void **state) {
  (void)state;
  char *error = refusal_of("{\"minLength\":-1,\"properties\":{\"a\":1,\"b\":{\"type\":\"x\"}}}", NULL);
  assert_non_null(strstr(error, "the schema has 3 problems"));
  free(error);
}

static void references_to_what_is_not_there_are_told(void **state) {
  (void)state;
  expect_problem("{\"$ref\":\"#/$defs/missing\"}", "/$ref",
                 "refers to a place that is not there: #/$defs/missing");
  expect_problem("{\"$ref\":\"#missing\"}", "/$ref", "refers to a name that is not there: #missing");
  expect_problem("{\"$ref\":\"http://x/y\"}", "/$ref", "refers to a schema that is not there: http://x/y#");
  expect_problem("{\"$ref\":\"#/title\",\"title\":\"x\"}", "/$ref", "refers to what is no schema");
  expect_problem("{\"$ref\":\"#/allOf/2\",\"allOf\":[true]}", "/$ref", "refers to a place that is not there");
  expect_problem("{\"$schema\":\"http://json-schema.org/draft-04/schema#\"}", "/$schema",
                 "neither draft-07 nor 2020-12");
}

static void two_schemas_of_one_name_are_told(void **state) {
  (void)state;
  expect_problem("{\"$defs\":{\"a\":{\"$anchor\":\"n\"},\"b\":{\"$anchor\":\"n\"}}}", "/$defs/b/$anchor",
                 "another schema has this name already");
  expect_problem("{\"$defs\":{\"a\":{\"$id\":\"http://x/y\"},\"b\":{\"$id\":\"http://x/y\"}}}",
                 "/$defs/b/$id", "another schema has this name already");
}

static void what_is_no_json_is_no_schema(void **state) {
  (void)state;
  char *error = refusal_of("{\"type\":", NULL);
  assert_non_null(strstr(error, "the schema is no JSON at byte 8"));
  free(error);
  error = refusal_of("{\"type\":\"null\",\"type\":\"string\"}", NULL);
  assert_non_null(strstr(error, "has a key twice"));
  free(error);
}

typedef struct shelf {
  const char *uri, *text;
  int asked;
  char last[200];
} shelf;

static bool look_up(void *user, const char *uri, evs_bytes *out_text) {
  shelf *s = user;
  s->asked++;
  snprintf(s->last, sizeof s->last, "%s", uri);
  if (strcmp(uri, s->uri) != 0)
    return false;
  *out_text = evsi_text(s->text);
  return true;
}

static void other_documents_come_from_the_caller_by_their_absolute_uri(void **state) {
  (void)state;
  shelf s = {.uri = "http://x/types/money.json",
             .text = "{\"$defs\":{\"m\":{\"type\":\"number\",\"minimum\":0}}}"};
  evsi_schema_options options = {
      .uri = evsi_text("http://x/orders/order.json"), .lookup = look_up, .user = &s};
  evsi_schema *schema = compile_with("{\"properties\":{\"a\":{\"$ref\":\"../types/money.json#/$defs/"
                                     "m\"},\"b\":{\"$ref\":\"/types/money.json#/$defs/m\"}}}",
                                     &options);
  assert_int_equal(s.asked, 1);
  assert_string_equal(s.last, "http://x/types/money.json");
  assert_string_equal(verdict_of(schema, "{\"a\":1}"), "valid");
  assert_string_equal(verdict_of(schema, "{\"b\":-1}"), "invalid");
  evsi_schema_free(schema);
}

static void a_problem_in_another_document_is_told_with_its_uri(void **state) {
  (void)state;
  shelf s = {.uri = "http://x/y", .text = "{\"properties\":{\"a\":{\"type\":7}}}"};
  evsi_schema_options options = {.lookup = look_up, .user = &s};
  char *error = refusal_of("{\"$ref\":\"http://x/y\"}", &options);
  assert_non_null(strstr(error, "\"path\":\"http://x/y#/properties/a/type\""));
  free(error);
  s.text = "{";
  error = refusal_of("{\"$ref\":\"http://x/y\"}", &options);
  assert_non_null(strstr(error, "refers to what is no JSON: http://x/y#"));
  free(error);
}

static void draft_07_is_read_by_its_own_rules(void **state) {
  (void)state;
  evsi_schema_options options = {.draft = EVSI_DRAFT_07};
  evsi_schema *schema = compile_with(
      "{\"items\":[{\"type\":\"integer\"}],\"additionalItems\":false,\"prefixItems\":7}", &options);
  assert_string_equal(verdict_of(schema, "[1]"), "valid");
  assert_string_equal(verdict_of(schema, "[\"a\"]"), "invalid");
  assert_string_equal(verdict_of(schema, "[1,2]"), "invalid");
  evsi_schema_free(schema);
  /* What stands beside a $ref is not looked at. */
  schema = compile_with(
      "{\"$ref\":\"#/definitions/a\",\"maximum\":1,\"definitions\":{\"a\":{\"type\":\"integer\"}}}",
      &options);
  assert_string_equal(verdict_of(schema, "5"), "valid");
  evsi_schema_free(schema);
}

static void formats_are_remarks_unless_asked_for(void **state) {
  (void)state;
  expect("{\"format\":\"date\"}", "\"yesterday\"", "valid");
  evsi_schema_options options = {.asserts_format = true};
  evsi_schema *schema =
      compile_with("{\"format\":\"date\",\"properties\":{\"a\":{\"format\":\"of-our-own\"}}}", &options);
  assert_string_equal(verdict_of(schema, "\"2026-02-29\""), "invalid");
  assert_string_equal(verdict_of(schema, "\"2024-02-29\""), "valid");
  assert_string_equal(verdict_of(schema, "{\"a\":\"x\"}"), "valid");
  evsi_schema_free(schema);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(malformed_values_are_told_with_path_and_reason),
      cmocka_unit_test(the_meta_schema_refuses_what_the_compiler_refuses),
      cmocka_unit_test(regular_expressions_are_checked_where_they_stand),
      cmocka_unit_test(all_problems_are_told_at_once),
      cmocka_unit_test(references_to_what_is_not_there_are_told),
      cmocka_unit_test(two_schemas_of_one_name_are_told),
      cmocka_unit_test(what_is_no_json_is_no_schema),
      cmocka_unit_test(other_documents_come_from_the_caller_by_their_absolute_uri),
      cmocka_unit_test(a_problem_in_another_document_is_told_with_its_uri),
      cmocka_unit_test(draft_07_is_read_by_its_own_rules),
      cmocka_unit_test(formats_are_remarks_unless_asked_for),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
