/* SPDX-License-Identifier: MIT
 * reading_test.c - who writes sends only members that have a name; who reads fills in what is required,
 * lacking, and has a default. */
#include "schema_fixture.h"

#include "schema/validator.h"

static evs_schema *open_schema(const char *text) {
  evs_schema *schema = NULL;
  evs_error *error = NULL;
  if (evsi_validator_new(evsi_text(text), NULL, &schema, &error) != EVS_OK)
    fail_msg("%s: %s", text, evs_error_json(error));
  return schema;
}

/* ---- filling in ----------------------------------------------------------------------------------- */

typedef struct filling {
  const char *schema, *text, *filled; /* NULL: nothing is filled in */
  bool is_valid;
} filling;

#define A_B(b) "{\"properties\":{\"a\":{\"type\":\"integer\"},\"b\":" b "},\"required\":[\"a\",\"b\"]}"

static const filling fillings[] = {
    {A_B("{\"default\":7}"), "{\"a\":1}", "{\"a\":1,\"b\":7}", true},
    {A_B("{\"default\":7}"), " { \"a\" : 2.00 } ", " { \"a\" : 2.00 ,\"b\":7} ", true},
    {A_B("{\"default\":7}"), "{\"a\":1,\"b\":null}", NULL, true},
    {A_B("{\"default\":{\"x\":[1, \"\\u00e9\"]}}"), "{\"a\":1}", "{\"a\":1,\"b\":{\"x\":[1, \"\\u00e9\"]}}",
     true},
    {A_B("{\"default\":\"q\\\"\"}"), "{\"a\":1}", "{\"a\":1,\"b\":\"q\\\"\"}", true},
    {A_B("{\"type\":\"string\"}"), "{\"a\":1}", NULL, false},
    {A_B("{\"type\":\"string\",\"default\":7}"), "{\"a\":1}", "{\"a\":1,\"b\":7}", false},
    {A_B("{\"default\":7}"), "{\"b\":1}", NULL, false},
    {"{\"properties\":{\"b\":{\"default\":7}}}", "{}", NULL, true},
    {"{\"properties\":{\"b\":{\"default\":7}},\"required\":[\"b\"]}", "{}", "{\"b\":7}", true},
    /* inside of others, and of what is referred to */
    {"{\"items\":{\"$ref\":\"#/$defs/x\"},\"$defs\":{\"x\":" A_B("{\"default\":[]}") "}}",
     "[{\"a\":1},{\"a\":2,\"b\":0},{\"a\":3}]", "[{\"a\":1,\"b\":[]},{\"a\":2,\"b\":0},{\"a\":3,\"b\":[]}]",
     true},
    {"{\"properties\":{\"o\":" A_B("{\"default\":1}") ",\"z\":{\"default\":2}},\"required\":[\"o\",\"z\"]}",
     "{\"o\":{\"a\":1}}", "{\"o\":{\"a\":1,\"b\":1},\"z\":2}", true},
    /* of alternatives only what holds; two that want the same fill it in once */
    {"{\"anyOf\":[{\"properties\":{\"k\":{\"const\":1},\"b\":{\"default\":1}},\"required\":[\"k\",\"b\"]},"
     "{\"properties\":{\"k\":{\"const\":2},\"c\":{\"default\":2}},\"required\":[\"k\",\"c\"]}]}",
     "{\"k\":2}", "{\"k\":2,\"c\":2}", true},
    {"{\"allOf\":[" A_B("{\"default\":1}") "," A_B("{\"default\":2}") "]}", "{\"a\":0}", "{\"a\":0,\"b\":1}",
     true},
    {"{\"not\":{\"properties\":{\"b\":{\"default\":1}},\"required\":[\"b\"]}}", "{}", NULL, false},
};

static void what_is_required_and_has_a_default_is_filled_in(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof fillings / sizeof fillings[0]; i++) {
    const filling *f = &fillings[i];
    evs_schema *schema = open_schema(f->schema);
    evsi_verdict verdict;
    assert_int_equal(evsi_validator_judge(schema, EVSI_READ_FILLED, evsi_text(f->text), &verdict, NULL),
                     EVS_OK);
    bool is_right = verdict.is_valid == f->is_valid &&
                    (f->filled ? verdict.filled && !strcmp(verdict.filled, f->filled) : !verdict.filled);
    if (!is_right)
      fail_msg("%s on %s: %s, %s", f->schema, f->text, verdict.is_valid ? "valid" : "invalid",
               verdict.filled ? verdict.filled : "nothing");
    evsi_free(verdict.filled);
    evsi_free(verdict.report);
    evsi_validator_free(schema);
  }
}

static void a_reader_without_a_default_is_told_what_lacks(void **state) {
  (void)state;
  evs_schema *schema = open_schema("{\"properties\":{\"b\":{\"default\":1}},\"required\":[\"a\",\"b\"]}");
  evsi_verdict verdict;
  assert_int_equal(evsi_validator_judge(schema, EVSI_READ_FILLED, evsi_text("{}"), &verdict, NULL), EVS_OK);
  assert_false(verdict.is_valid);
  assert_non_null(strstr(verdict.report, "\"message\":\"lacks \\\"a\\\"\""));
  evsi_free(verdict.report);
  evsi_validator_free(schema);
}

/* ---- closed --------------------------------------------------------------------------------------- */

typedef struct writing {
  const char *schema, *text;
  bool is_valid;
} writing;

static const writing writings[] = {
    {"{\"properties\":{\"a\":true}}", "{\"a\":1}", true},
    {"{\"properties\":{\"a\":true}}", "{\"a\":1,\"b\":1}", false},
    {"{\"properties\":{\"a\":true}}", "[1]", true},
    {"{\"type\":\"object\"}", "{\"b\":1}", true},
    {"{\"properties\":{\"a\":true},\"additionalProperties\":true}", "{\"b\":1}", true},
    {"{\"properties\":{\"a\":true},\"patternProperties\":{\"^x\":true}}", "{\"x1\":1}", true},
    {"{\"allOf\":[{\"properties\":{\"a\":true}},{\"properties\":{\"b\":true}}]}", "{\"a\":1,\"b\":1}", true},
    {"{\"allOf\":[{\"properties\":{\"a\":true}},{\"properties\":{\"b\":true}}]}", "{\"a\":1,\"c\":1}", false},
    {"{\"$ref\":\"#/$defs/x\",\"$defs\":{\"x\":{\"properties\":{\"a\":true}}}}", "{\"b\":1}", false},
    {"{\"items\":{\"properties\":{\"a\":true}}}", "[{\"a\":1},{\"b\":1}]", false},
    {"{\"properties\":{\"o\":{\"properties\":{\"a\":true}}}}", "{\"o\":{\"b\":1}}", false},
    {"{\"properties\":{\"o\":{\"type\":\"object\"}}}", "{\"o\":{\"b\":1}}", true},
    {"{\"not\":{\"properties\":{\"a\":{\"type\":\"string\"}}}}", "{\"a\":1,\"b\":2}", true},
};

static void a_member_without_a_name_is_refused_where_members_have_names(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof writings / sizeof writings[0]; i++) {
    const writing *w = &writings[i];
    evs_schema *schema = open_schema(w->schema);
    evsi_verdict verdict;
    assert_int_equal(evsi_validator_judge(schema, EVSI_READ_CLOSED, evsi_text(w->text), &verdict, NULL),
                     EVS_OK);
    if (verdict.is_valid != w->is_valid)
      fail_msg("%s on %s is %s", w->schema, w->text, verdict.is_valid ? "valid" : "invalid");
    evsi_free(verdict.report);
    evsi_validator_free(schema);
  }
}

static void the_member_without_a_name_is_named(void **state) {
  (void)state;
  evs_schema *schema =
      open_schema("{\"properties\":{\"o\":{\"$ref\":\"#/$defs/x\"}},\"$defs\":{\"x\":{\"properties\":"
                  "{\"a\":true}}}}");
  evsi_verdict verdict;
  assert_int_equal(
      evsi_validator_judge(schema, EVSI_READ_CLOSED, evsi_text("{\"o\":{\"totl\":1}}"), &verdict, NULL),
      EVS_OK);
  assert_non_null(strstr(verdict.report, "\"instancePath\":\"/o/totl\""));
  assert_non_null(strstr(verdict.report, "totl is no member that the schema names"));
  evsi_free(verdict.report);
  evsi_validator_free(schema);
}

static void the_next_text_is_read_plainly(void **state) {
  (void)state;
  evs_schema *schema = open_schema("{\"properties\":{\"a\":true}}");
  evsi_verdict verdict;
  assert_int_equal(evsi_validator_judge(schema, EVSI_READ_CLOSED, evsi_text("{\"b\":1}"), &verdict, NULL),
                   EVS_OK);
  assert_false(verdict.is_valid);
  evsi_free(verdict.report);
  int32_t valid = 0;
  assert_int_equal(evs_schema_validate(schema, evsi_text("{\"b\":1}"), &valid, NULL), EVS_OK);
  assert_int_equal(valid, 1);
  evsi_validator_free(schema);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(what_is_required_and_has_a_default_is_filled_in),
      cmocka_unit_test(a_reader_without_a_default_is_told_what_lacks),
      cmocka_unit_test(a_member_without_a_name_is_refused_where_members_have_names),
      cmocka_unit_test(the_member_without_a_name_is_named),
      cmocka_unit_test(the_next_text_is_read_plainly),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
