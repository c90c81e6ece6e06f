/* SPDX-License-Identifier: MIT
 * hostile_test.c - schemas and texts that are made to hurt end with a verdict or a reason, within bounds. */
#include "schema_fixture.h"

#include "schema/compat.h"

static char *repeated(const char *before, const char *part, size_t count, const char *after) {
  evsi_buf text = {0};
  evsi_buf_add_text(&text, before);
  for (size_t i = 0; i < count; i++)
    evsi_buf_add_text(&text, part);
  evsi_buf_add_text(&text, after);
  return evsi_buf_take(&text);
}

/* Opens and closes `count` levels. */
static char *nested(const char *open, size_t count, const char *inside, const char *close) {
  evsi_buf text = {0};
  for (size_t i = 0; i < count; i++)
    evsi_buf_add_text(&text, open);
  evsi_buf_add_text(&text, inside);
  for (size_t i = 0; i < count; i++)
    evsi_buf_add_text(&text, close);
  return evsi_buf_take(&text);
}

static void a_text_nested_10000_deep_is_validated_to_its_innermost_value(void **state) {
  (void)state;
  char *right = nested("[", 10000, "1", "]"), *wrong = nested("[", 10000, "\"x\"", "]");
  const char *schema = "{\"type\":[\"array\",\"integer\"],\"items\":{\"$ref\":\"#\"}}";
  expect(schema, right, "valid");
  expect(schema, wrong, "invalid");
  char *report = report_of(schema, wrong, EVSI_REPORT_OWN, 10);
  assert_non_null(strstr(report, "/0/0/0/0"));
  assert_non_null(strstr(report, "\"actual\":\"\\\"x\\\"\""));
  evsi_free(report);
  evsi_free(right);
  evsi_free(wrong);
}

static void deep_values_are_compared_without_recursion(void **state) {
  (void)state;
  char *deep = nested("[", 5000, "{\"a\":1}", "]");
  evsi_buf twice = {0}, constant = {0};
  evsi_buf_addf(&twice, "[%s,0,1,2,3,4,5,6,%s]", deep, deep);
  evsi_buf_addf(&constant, "{\"const\":%s}", deep);
  expect("{\"uniqueItems\":true}", twice.data, "invalid");
  expect(constant.data, deep, "valid");
  evsi_buf_free(&twice);
  evsi_buf_free(&constant);
  evsi_free(deep);
}

static void a_schema_nested_10000_deep_is_compiled(void **state) {
  (void)state;
  char *schema = nested("{\"items\":", 10000, "false", "}");
  char *below = nested("[", 9999, "", "]"), *at = nested("[", 10000, "1", "]");
  expect(schema, below, "valid");
  expect(schema, at, "invalid");
  evsi_free(schema);
  evsi_free(below);
  evsi_free(at);
  char *alternatives = nested("{\"allOf\":[", 9000, "{\"type\":\"null\"}", "]}");
  expect(alternatives, "null", "valid");
  expect(alternatives, "1", "invalid");
  evsi_free(alternatives);
}

static void nesting_beyond_the_limit_is_refused_with_a_reason(void **state) {
  (void)state;
  char *deep = nested("[", 20001, "", "]");
  evsi_schema *schema = compile("true");
  assert_non_null(strstr(verdict_of(schema, deep), "nested deeper than 20,000 levels"));
  evsi_schema_free(schema);
  evsi_free(deep);
}

static void a_hundred_thousand_properties_are_found_each(void **state) {
  (void)state;
  evsi_buf schema = {0}, text = {0};
  evsi_buf_add_text(&schema, "{\"additionalProperties\":false,\"required\":[\"p99999\"],\"properties\":{");
  evsi_buf_add_text(&text, "{");
  for (int i = 0; i < 100000; i++) {
    evsi_buf_addf(&schema, "%s\"p%d\":{\"type\":\"integer\"}", i ? "," : "", i);
    evsi_buf_addf(&text, "%s\"p%d\":%d", i ? "," : "", i, i);
  }
  evsi_buf_add_text(&schema, "}}");
  evsi_buf_add_text(&text, "}");
  expect(schema.data, text.data, "valid");
  text.data[text.size - 1] = ',';
  evsi_buf_add_text(&text, "\"q\":1}");
  expect(schema.data, text.data, "invalid");
  evsi_buf_free(&schema);
  evsi_buf_free(&text);
}

static void a_key_that_stands_twice_is_refused_in_small_and_large_objects(void **state) {
  (void)state;
  evsi_schema *schema = compile("true");
  assert_non_null(strstr(verdict_of(schema, "{\"a\":1,\"b\":2,\"a\":3}"), "has a key twice"));
  assert_non_null(strstr(verdict_of(schema, "{\"\\u0061\":1,\"a\":3}"), "has a key twice"));
  evsi_buf many = {0};
  evsi_buf_add_text(&many, "{\"k7\":0");
  for (int i = 0; i < 100; i++)
    evsi_buf_addf(&many, ",\"k%d\":1", i);
  evsi_buf_add_text(&many, "}");
  assert_non_null(strstr(verdict_of(schema, many.data), "has a key twice"));
  evsi_buf_free(&many);
  evsi_schema_free(schema);
}

static void regular_expressions_that_explode_are_given_up(void **state) {
  (void)state;
  char *text = repeated("\"", "a", 2000, "!\""), *long_text = repeated("\"", "a", 500000, "!\"");
  static const char *const patterns[] = {"^(a+)+$", "(a|a)*b", "(a*)*b", "([a-z]+)*9", "(.*)*x"};
  for (size_t i = 0; i < sizeof patterns / sizeof *patterns; i++) {
    char json[128];
    snprintf(json, sizeof json, "{\"pattern\":\"%s\"}", patterns[i]);
    evsi_schema *schema = compile(json);
    assert_string_not_equal(verdict_of(schema, text), "valid");
    assert_string_not_equal(verdict_of(schema, long_text), "valid");
    evsi_schema_free(schema);
  }
  evsi_schema *schema = compile("{\"not\":{\"pattern\":\"^(a+)+$\"}}");
  assert_non_null(strstr(verdict_of(schema, text), "too much work"));
  evsi_schema_free(schema);
  evsi_free(text);
  evsi_free(long_text);
}

static void an_ordinary_pattern_is_matched_against_a_long_text(void **state) {
  (void)state;
  char *text = repeated("\"", "ab1 ", 250000, "\""), *bad = repeated("\"", "ab1 ", 250000, "!\"");
  expect("{\"pattern\":\"^[a-z0-9 ]+$\"}", text, "valid");
  expect("{\"pattern\":\"^[a-z0-9 ]+$\"}", bad, "invalid");
  expect("{\"pattern\":\"!$\"}", bad, "valid");
  evsi_free(text);
  evsi_free(bad);
}

static void schemas_that_double_the_work_at_each_step_are_given_up(void **state) {
  (void)state;
  evsi_buf schema = {0};
  evsi_buf_add_text(&schema, "{\"$defs\":{\"d40\":{\"type\":\"integer\"}");
  for (int i = 39; i >= 0; i--)
    evsi_buf_addf(&schema, ",\"d%d\":{\"allOf\":[{\"$ref\":\"#/$defs/d%d\"},{\"$ref\":\"#/$defs/d%d\"}]}", i,
                  i + 1, i + 1);
  evsi_buf_add_text(&schema, "},\"$ref\":\"#/$defs/d0\"}");
  evsi_schema *compiled = compile(schema.data);
  assert_non_null(strstr(verdict_of(compiled, "1"), "too much work"));
  evsi_schema_free(compiled);
  evsi_buf_free(&schema);
}

static void loops_of_references_are_found_when_compiling(void **state) {
  (void)state;
  static const char *const loops[] = {
      "{\"$ref\":\"#\"}",
      "{\"allOf\":[{\"$ref\":\"#/$defs/a\"}],\"$defs\":{\"a\":{\"$ref\":\"#/$defs/"
      "b\"},\"b\":{\"anyOf\":[{\"$ref\":\"#/$defs/a\"}]}}}",
      "{\"not\":{\"$ref\":\"#\"}}",
      "{\"if\":true,\"then\":{\"$ref\":\"#\"}}",
      "{\"dependentSchemas\":{\"a\":{\"$ref\":\"#\"}}}",
      "{\"$schema\":\"http://json-schema.org/draft-07/schema#\",\"dependencies\":{\"a\":{\"$ref\":\"#\"}}}",
  };
  for (size_t i = 0; i < sizeof loops / sizeof *loops; i++) {
    char *error = refusal_of(loops[i], NULL);
    assert_non_null(strstr(error, "applies itself to the same value, without end"));
    free(error);
  }
  expect("{\"properties\":{\"a\":{\"$ref\":\"#\"}},\"type\":\"object\"}", "{\"a\":{\"a\":{}}}", "valid");
}

static void a_dynamic_reference_that_never_ends_is_given_up(void **state) {
  (void)state;
  evsi_schema *schema = compile(
      "{\"$id\":\"http://x/a\",\"$dynamicAnchor\":\"n\",\"$ref\":\"b\",\"$defs\":{\"b\":{\"$id\":\"b\","
      "\"$dynamicAnchor\":\"n\",\"anyOf\":[{\"$dynamicRef\":\"#n\"}]}}}");
  assert_non_null(strstr(verdict_of(schema, "1"), "too deeply"));
  evsi_schema_free(schema);
}

static void items_with_equal_hashes_or_none_are_told_apart(void **state) {
  (void)state;
  evsi_buf text = {0};
  evsi_buf_add_text(&text, "[0");
  for (int i = 1; i < 50000; i++)
    evsi_buf_addf(&text, ",{\"a\":%d,\"b\":[%d]}", i, i);
  evsi_buf_add_text(&text, "]");
  expect("{\"uniqueItems\":true}", text.data, "valid");
  text.data[text.size - 1] = ',';
  evsi_buf_add_text(&text, "{\"b\":[7.0],\"a\":7}]");
  expect("{\"uniqueItems\":true}", text.data, "invalid");
  evsi_buf_free(&text);
}

static void schemas_of_any_depth_are_compared_within_bounds(void **state) {
  (void)state;
  static const char *const parts[][2] = {
      {"{\"type\":\"object\",\"properties\":{\"a\":", "}}"},
      {"{\"allOf\":[", "]}"},
      {"{\"anyOf\":[{\"type\":\"null\"},", "]}"},
  };
  for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
    char *old = nested(parts[i][0], 5000, "{\"maximum\":1}", parts[i][1]);
    char *candidate = nested(parts[i][0], 5000, "{\"maximum\":2}", parts[i][1]);
    evsi_schema *before = compile(old), *after = compile(candidate);
    evsi_compat_question question = {.earlier = (const evsi_schema *const *)&before,
                                     .earlier_count = 1,
                                     .candidate = after,
                                     .mode = EVSI_COMPAT_BACKWARD,
                                     .policy = EVSI_COMPAT_STRICT};
    bool allowed = true;
    char *report = NULL;
    assert_int_equal(evsi_compat_check(&question, &allowed, &report, NULL), EVS_OK);
    assert_false(allowed);
    assert_non_null(strstr(report, "\"reasons\":[{"));
    evsi_free(report);
    evsi_schema_free(before);
    evsi_schema_free(after);
    evsi_free(old);
    evsi_free(candidate);
  }
}

static void what_is_no_json_is_said_with_its_place(void **state) {
  (void)state;
  evsi_schema *schema = compile("true");
  assert_non_null(strstr(verdict_of(schema, "{\"a\":\xFF}"), "byte 5"));
  assert_non_null(strstr(verdict_of(schema, "\"\xC0\x80\""), "not UTF-8"));
  assert_non_null(strstr(verdict_of(schema, "\"\\ud800\""), "surrogate"));
  assert_non_null(strstr(verdict_of(schema, ""), "a value is expected"));
  assert_non_null(strstr(verdict_of(schema, "1 2"), "nothing may follow"));
  evsi_schema_free(schema);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_text_nested_10000_deep_is_validated_to_its_innermost_value),
      cmocka_unit_test(deep_values_are_compared_without_recursion),
      cmocka_unit_test(a_schema_nested_10000_deep_is_compiled),
      cmocka_unit_test(nesting_beyond_the_limit_is_refused_with_a_reason),
      cmocka_unit_test(a_hundred_thousand_properties_are_found_each),
      cmocka_unit_test(a_key_that_stands_twice_is_refused_in_small_and_large_objects),
      cmocka_unit_test(regular_expressions_that_explode_are_given_up),
      cmocka_unit_test(an_ordinary_pattern_is_matched_against_a_long_text),
      cmocka_unit_test(schemas_that_double_the_work_at_each_step_are_given_up),
      cmocka_unit_test(loops_of_references_are_found_when_compiling),
      cmocka_unit_test(a_dynamic_reference_that_never_ends_is_given_up),
      cmocka_unit_test(items_with_equal_hashes_or_none_are_told_apart),
      cmocka_unit_test(schemas_of_any_depth_are_compared_within_bounds),
      cmocka_unit_test(what_is_no_json_is_said_with_its_place),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
