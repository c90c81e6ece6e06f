/* SPDX-License-Identifier: MIT
 * schema_test.c - schemas by themselves through the public interface: options, reports, filling in,
 * comparing, many threads at once, bad arguments. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "libevents.h"

static const evs_bytes none = {NULL, 0};

static evs_schema *compile(const char *text, const char *options) {
  evs_schema *schema = NULL;
  evs_error *error = NULL;
  if (evs_schema_compile(evsi_text(text), evsi_text(options), &schema, &error) != EVS_OK)
    fail_msg("%s: %s", text, evs_error_json(error));
  return schema;
}

static int is_valid(const evs_schema *schema, const char *text) {
  int32_t valid = 7;
  assert_int_equal(evs_schema_validate(schema, evsi_text(text), &valid, NULL), EVS_OK);
  return valid;
}

static void a_schema_decides_and_says_why(void **state) {
  (void)state;
  evs_schema *schema = compile("{\"required\":[\"a\",\"b\"],\"properties\":{\"a\":{\"maximum\":9}}}", NULL);
  char *report = NULL;
  assert_int_equal(is_valid(schema, "{\"a\":1,\"b\":2}"), 1);
  assert_int_equal(is_valid(schema, "{\"a\":10}"), 0);
  assert_int_equal(evs_schema_report(schema, evsi_text("{\"a\":10}"), none, &report, NULL), EVS_OK);
  assert_non_null(
      strstr(report, "{\"valid\":false,\"errors\":[{\"instancePath\":\"\",\"schemaPath\":\"/required\""));
  assert_non_null(strstr(
      report, "\"instancePath\":\"/a\",\"schemaPath\":\"/properties/a/maximum\",\"keyword\":\"maximum\","
              "\"expected\":\"9\",\"actual\":\"10\""));
  evs_string_free(report);
  assert_int_equal(evs_schema_report(schema, evsi_text("{\"a\":10}"),
                                     evsi_text("{\"form\":\"basic\",\"limit\":1}"), &report, NULL),
                   EVS_OK);
  assert_non_null(strstr(report, "\"keywordLocation\":\"/required\""));
  assert_null(strstr(report, "/properties/a/maximum"));
  evs_string_free(report);
  evs_schema_free(schema);
}

static void options_choose_draft_format_and_documents(void **state) {
  (void)state;
  const char *tuple = "{\"items\":[{\"type\":\"string\"}]}";
  evs_schema *schema = compile(tuple, "{\"draft\":\"draft-07\"}");
  assert_int_equal(is_valid(schema, "[1]"), 0);
  evs_schema_free(schema);
  schema = compile("{\"format\":\"email\"}", NULL);
  assert_int_equal(is_valid(schema, "\"x\""), 1);
  evs_schema_free(schema);
  schema = compile("{\"format\":\"email\"}", "{\"format\":\"assertion\"}");
  assert_int_equal(is_valid(schema, "\"x\""), 0);
  evs_schema_free(schema);
  schema =
      compile("{\"$ref\":\"b\"}", "{\"uri\":\"https://a.example/a\",\"documents\":{\"https://a.example/b\":"
                                  "{\"$ref\":\"c\"},\"https://a.example/c\":\"{\\\"const\\\":7}\"}}");
  assert_int_equal(is_valid(schema, "7"), 1);
  assert_int_equal(is_valid(schema, "8"), 0);
  evs_schema_free(schema);
}

static void a_reader_fills_in_through_the_interface(void **state) {
  (void)state;
  evs_schema *schema = compile("{\"properties\":{\"b\":{\"default\":1}},\"required\":[\"b\"]}", NULL);
  char *text = NULL;
  assert_int_equal(evs_schema_fill(schema, evsi_text("{\"a\":0}"), &text, NULL), EVS_OK);
  assert_string_equal(text, "{\"a\":0,\"b\":1}");
  evs_string_free(text);
  assert_int_equal(evs_schema_fill(schema, evsi_text("{\"b\":0}"), &text, NULL), EVS_OK);
  assert_null(text);
  evs_schema_free(schema);
}

static void two_schemas_are_compared_in_both_directions(void **state) {
  (void)state;
  evs_schema *older = compile("{\"type\":\"integer\"}", NULL),
             *newer = compile("{\"type\":\"number\"}", NULL);
  char *report = NULL;
  assert_int_equal(evs_schema_compat(older, newer, none, &report, NULL), EVS_OK);
  assert_string_equal(report, "{\"verdict\":\"compatible\",\"allowed\":true,\"reasons\":[]}");
  evs_string_free(report);
  assert_int_equal(
      evs_schema_compat(older, newer, evsi_text("{\"mode\":\"full\",\"policy\":\"strict\"}"), &report, NULL),
      EVS_OK);
  assert_non_null(strstr(
      report, "{\"verdict\":\"incompatible\",\"allowed\":false,\"reasons\":[{\"direction\":\"forward\","
              "\"path\":\"\",\"keyword\":\"type\""));
  evs_string_free(report);
  evs_schema_free(older);
  evs_schema_free(newer);
}

static void wrong_options_are_refused_with_their_path(void **state) {
  (void)state;
  static const char *const wrong[][2] = {
      {"{\"draft\":\"4\"}", "/draft"},       {"{\"format\":true}", "/format"}, {"{\"uri\":1}", "/uri"},
      {"{\"documents\":[]}", "/documents"},  {"{\"formt\":\"\"}", "/formt"},   {"[]", ""},
      {"{\"uri\":\"a\",\"uri\":\"b\"}", ""},
  };
  for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
    evs_schema *schema = NULL;
    evs_error *error = NULL;
    assert_int_equal(evs_schema_compile(evsi_text("true"), evsi_text(wrong[i][0]), &schema, &error),
                     EVS_VALIDATION);
    assert_string_equal(evs_error_path(error), wrong[i][1]);
    evs_error_free(error);
  }
  evs_schema *schema = compile("true", NULL);
  char *report = NULL;
  assert_int_equal(evs_schema_report(schema, evsi_text("1"), evsi_text("{\"limit\":0}"), &report, NULL),
                   EVS_VALIDATION);
  assert_int_equal(evs_schema_report(schema, evsi_text("1"), evsi_text("{\"form\":\"x\"}"), &report, NULL),
                   EVS_VALIDATION);
  assert_int_equal(evs_schema_compat(schema, schema, evsi_text("{\"mode\":\"none\"}"), &report, NULL),
                   EVS_VALIDATION);
  evs_schema_free(schema);
}

static void what_is_no_schema_or_no_json_is_refused(void **state) {
  (void)state;
  evs_schema *schema = NULL;
  evs_error *error = NULL;
  assert_int_equal(
      evs_schema_compile(evsi_text("{\"type\":\"strin\",\"minimum\":\"1\"}"), none, &schema, &error),
      EVS_VALIDATION);
  assert_non_null(strstr(evs_error_json(error), "\"path\":\"/type\""));
  assert_non_null(strstr(evs_error_json(error), "\"path\":\"/minimum\""));
  evs_error_free(error);
  assert_int_equal(evs_schema_compile(none, none, &schema, NULL), EVS_VALIDATION);
  schema = compile("true", NULL);
  int32_t valid;
  assert_int_equal(evs_schema_validate(schema, evsi_text("{"), &valid, NULL), EVS_VALIDATION);
  evs_schema_free(schema);
}

static void null_and_hollow_arguments_are_argument_errors(void **state) {
  (void)state;
  const evs_bytes hollow = {NULL, 3};
  evs_schema *schema = compile("true", NULL);
  char *text = NULL;
  int32_t valid;
  assert_int_equal(evs_schema_compile(hollow, none, &schema, NULL), EVS_ARGUMENT);
  assert_int_equal(evs_schema_compile(evsi_text("true"), none, NULL, NULL), EVS_ARGUMENT);
  assert_int_equal(evs_schema_validate(NULL, none, &valid, NULL), EVS_ARGUMENT);
  assert_int_equal(evs_schema_validate(schema, hollow, &valid, NULL), EVS_ARGUMENT);
  assert_int_equal(evs_schema_validate(schema, none, NULL, NULL), EVS_ARGUMENT);
  assert_int_equal(evs_schema_report(schema, none, hollow, &text, NULL), EVS_ARGUMENT);
  assert_int_equal(evs_schema_fill(schema, none, NULL, NULL), EVS_ARGUMENT);
  assert_int_equal(evs_schema_compat(schema, NULL, none, &text, NULL), EVS_ARGUMENT);
  evs_schema_free(schema);
  evs_schema_free(NULL);
}

/* ---- many threads ----------------------------------------------------------------------------------- */

enum { THREADS = 8, ROUNDS = 2000 };

static void *validate_often(void *data) {
  const evs_schema *schema = data;
  intptr_t wrong = 0;
  for (int i = 0; i < ROUNDS; i++) {
    char text[32];
    int32_t valid = 7;
    snprintf(text, sizeof text, "{\"a\":%d}", i % 20);
    evs_status status = evs_schema_validate(schema, evsi_text(text), &valid, NULL);
    wrong += status != EVS_OK || valid != (i % 20 <= 9);
  }
  return (void *)wrong;
}

static void many_threads_use_one_schema(void **state) {
  (void)state;
  pthread_t threads[THREADS];
  evs_schema *schema = compile("{\"properties\":{\"a\":{\"maximum\":9}}}", NULL);
  for (int i = 0; i < THREADS; i++)
    assert_int_equal(pthread_create(&threads[i], NULL, validate_often, schema), 0);
  for (int i = 0; i < THREADS; i++) {
    void *wrong;
    pthread_join(threads[i], &wrong);
    assert_int_equal((intptr_t)wrong, 0);
  }
  evs_schema_free(schema);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_schema_decides_and_says_why),
      cmocka_unit_test(options_choose_draft_format_and_documents),
      cmocka_unit_test(a_reader_fills_in_through_the_interface),
      cmocka_unit_test(two_schemas_are_compared_in_both_directions),
      cmocka_unit_test(wrong_options_are_refused_with_their_path),
      cmocka_unit_test(what_is_no_schema_or_no_json_is_refused),
      cmocka_unit_test(null_and_hollow_arguments_are_argument_errors),
      cmocka_unit_test(many_threads_use_one_schema),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
