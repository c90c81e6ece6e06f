/* SPDX-License-Identifier: MIT
 * compat_test.c - which schema may take the place of which: a table of changes in both policies, and random
 * pairs against values that are simply tried. */
#include "schema_fixture.h"

#include <jansson.h>

#include "schema/compat.h"

/* The verdict, and the report; freed with evsi_free(). */
static bool is_allowed(const char *old, const char *candidate, evsi_compat_mode mode,
                       evsi_compat_policy policy, char **out_report) {
  evsi_schema *before = compile(old), *after = compile(candidate);
  evsi_compat_question question = {.earlier = (const evsi_schema *const *)&before,
                                   .earlier_count = 1,
                                   .candidate = after,
                                   .mode = mode,
                                   .policy = policy};
  bool allowed = false;
  assert_int_equal(evsi_compat_check(&question, &allowed, out_report, NULL), EVS_OK);
  evsi_schema_free(before);
  evsi_schema_free(after);
  return allowed;
}

typedef struct change {
  const char *old, *candidate;
  bool strict, pragmatic;
} change;

#define OPEN(rest) "{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"string\"}" rest "}"
#define CLOSED(rest) OPEN(rest ",\"additionalProperties\":false")
#define PARTLY(rest) OPEN(rest ",\"additionalProperties\":{\"type\":\"integer\"}")
#define AND_B ",\"b\":{\"type\":\"integer\"}}"
#define AND_B_TEXT ",\"b\":{\"type\":\"string\"}}"
#define AND_B_DEFAULT ",\"b\":{\"type\":\"integer\",\"default\":0}}"
#define NEEDS_B ",\"required\":[\"b\"]"

/* Read backward: old data, new readers. */
static const change changes[] = {
    /* a member more, that may be missing */
    {OPEN("}"), OPEN(AND_B), false, true},
    {OPEN("}"), OPEN(",\"b\":true}"), true, true},
    {OPEN("},\"additionalProperties\":true"), OPEN(AND_B), false, false},
    {CLOSED("}"), CLOSED(AND_B), true, true},
    {PARTLY("}"), PARTLY(AND_B), true, true},
    {PARTLY("}"), PARTLY(AND_B_TEXT), false, false},
    /* a required one with a default */
    {OPEN("}"), OPEN(AND_B_DEFAULT NEEDS_B), false, true},
    {CLOSED("}"), CLOSED(AND_B_DEFAULT NEEDS_B), false, true},
    {PARTLY("}"), PARTLY(AND_B_DEFAULT NEEDS_B), false, true},
    /* a required one without */
    {OPEN("}"), OPEN(AND_B NEEDS_B), false, false},
    {CLOSED("}"), CLOSED(AND_B NEEDS_B), false, false},
    {PARTLY("}"), PARTLY(AND_B NEEDS_B), false, false},
    /* a member less */
    {OPEN(AND_B), OPEN("}"), true, true},
    {CLOSED(AND_B), CLOSED("}"), false, false},
    {CLOSED(",\"b\":false}"), CLOSED("}"), true, true},
    {PARTLY(AND_B), PARTLY("}"), true, true},
    {PARTLY(AND_B_TEXT), PARTLY("}"), false, false},
    /* a required one is not any more */
    {OPEN(AND_B NEEDS_B), OPEN(AND_B), true, true},
    /* open and closed */
    {CLOSED("}"), OPEN("}"), true, true},
    {OPEN("}"), CLOSED("}"), false, true},
    {"{\"type\":\"object\"}", CLOSED("}"), false, false},
    /* types */
    {"{\"type\":\"integer\"}", "{\"type\":\"number\"}", true, true},
    {"{\"type\":\"number\"}", "{\"type\":\"integer\"}", false, false},
    {"{\"type\":\"string\"}", "{\"type\":[\"string\",\"null\"]}", true, true},
    {"{\"type\":[\"string\",\"number\"]}", "{\"anyOf\":[{\"type\":\"string\"},{\"type\":\"number\"}]}", true,
     true},
    {"{\"anyOf\":[{\"type\":\"string\"},{\"type\":\"number\"}]}", "{\"type\":[\"string\",\"number\"]}", true,
     true},
    {"{\"anyOf\":[{\"type\":\"string\"},{\"type\":\"number\"}]}",
     "{\"oneOf\":[{\"type\":\"string\"},{\"type\":\"number\"}]}", true, true},
    {"{\"anyOf\":[{\"type\":\"integer\"},{\"minimum\":1}]}",
     "{\"oneOf\":[{\"type\":\"integer\"},{\"minimum\":1}]}", false, true},
    {"{\"oneOf\":[{\"type\":\"integer\"},{\"type\":\"string\"}]}",
     "{\"anyOf\":[{\"type\":\"integer\"},{\"type\":\"string\"}]}", true, true},
    /* listed values */
    {"{\"const\":\"a\"}", "{\"enum\":[\"a\",\"b\"]}", true, true},
    {"{\"enum\":[\"a\",\"b\"]}", "{\"const\":\"a\"}", false, false},
    {"{\"enum\":[1,\"a\",null]}", "{\"type\":[\"integer\",\"string\",\"null\"]}", true, true},
    {"{\"enum\":[1,2]}", "{\"maximum\":1}", false, false},
    {"{\"$ref\":\"#/$defs/e\",\"$defs\":{\"e\":{\"enum\":[\"a\",\"b\"]}}}", "{\"enum\":[\"b\",\"a\",\"c\"]}",
     true, true},
    {"{\"type\":\"boolean\"}", "{\"enum\":[true,false]}", true, true},
    {"{\"enum\":[1,\"a\"],\"type\":\"integer\"}", "{\"const\":1.0}", true, true},
    /* limits */
    {"{\"maximum\":5}", "{\"maximum\":5.5}", true, true},
    {"{\"maximum\":5}", "{\"exclusiveMaximum\":5}", false, false},
    {"{\"exclusiveMaximum\":5}", "{\"maximum\":5}", true, true},
    {"{\"minimum\":9007199254740993}", "{\"minimum\":9007199254740992}", true, true},
    {"{\"minimum\":9007199254740992}", "{\"minimum\":9007199254740993}", false, false},
    {"{\"multipleOf\":0.2}", "{\"multipleOf\":0.1}", true, true},
    {"{\"multipleOf\":3}", "{\"multipleOf\":2}", false, false},
    {"{\"type\":\"integer\"}", "{\"multipleOf\":0.5}", true, true},
    {"{\"type\":\"string\",\"minLength\":2}", "{\"minLength\":1}", true, true},
    {"{\"minLength\":1}", "{\"minLength\":2}", false, false},
    {"{\"type\":\"integer\"}", "{\"maxLength\":2}", true, true},
    {"{\"pattern\":\"^a\"}", "{\"pattern\":\"^a\"}", true, true},
    {"{\"pattern\":\"^a\"}", "{}", true, true},
    {"{\"pattern\":\"^a\"}", "{\"pattern\":\"^(a)\"}", false, true},
    {"{\"required\":[\"a\"]}", "{\"minProperties\":2}", false, false},
    {"{\"type\":\"object\",\"required\":[\"a\",\"b\"]}", "{\"minProperties\":2}", true, true},
    {"{\"type\":\"array\",\"maxItems\":1}", "{\"uniqueItems\":true}", true, true},
    /* items */
    {"{\"type\":\"array\",\"prefixItems\":[{\"type\":\"integer\"}],\"items\":false}",
     "{\"items\":{\"type\":\"integer\"}}", true, true},
    {"{\"type\":\"array\",\"items\":{\"type\":\"integer\"}}",
     "{\"prefixItems\":[{\"type\":\"number\"}],\"items\":{\"type\":\"number\"}}", true, true},
    {"{\"type\":\"array\",\"items\":{\"type\":\"number\"}}",
     "{\"prefixItems\":[true,{\"type\":\"integer\"}]}", false, false},
    {"{\"type\":\"array\",\"prefixItems\":[{\"type\":\"integer\"},{\"type\":\"string\"}],\"maxItems\":2}",
     "{\"items\":{\"type\":\"integer\"}}", false, false},
    {"{\"$schema\":\"http://json-schema.org/draft-07/"
     "schema#\",\"type\":\"array\",\"items\":[{\"type\":\"integer\"}],\"additionalItems\":false}",
     "{\"prefixItems\":[{\"type\":\"number\"}],\"items\":false}", true, true},
    {"{\"type\":\"array\",\"contains\":{\"const\":1}}", "{\"contains\":{\"type\":\"integer\"}}", true, true},
    /* combinations */
    {"{\"allOf\":[{\"type\":\"integer\"},{\"minimum\":3}]}", "{\"type\":\"number\",\"minimum\":2}", true,
     true},
    {"{\"type\":\"integer\",\"minimum\":3}", "{\"allOf\":[{\"type\":\"integer\"},{\"minimum\":3}]}", true,
     true},
    {"{\"type\":\"string\"}", "{\"not\":{\"type\":\"null\"}}", true, true},
    {"{\"type\":\"string\"}", "{\"if\":{\"minLength\":3},\"then\":{\"type\":\"string\"}}", true, true},
    /* names by patterns */
    {"{\"type\":\"object\",\"patternProperties\":{\"^x-\":{\"type\":\"integer\"}},\"additionalProperties\":"
     "false}",
     "{\"type\":\"object\",\"patternProperties\":{\"^x-\":{\"type\":\"number\"}},\"additionalProperties\":"
     "false}",
     true, true},
    {"{\"type\":\"object\",\"properties\":{\"x-a\":{\"type\":\"string\"}},\"additionalProperties\":false}",
     "{\"patternProperties\":{\"^x-\":{\"type\":\"number\"}}}", false, false},
    /* closed by unevaluatedProperties, through what it combines */
    {"{\"type\":\"object\",\"allOf\":[{\"properties\":{\"a\":{\"type\":\"string\"}}}],"
     "\"unevaluatedProperties\":false}",
     OPEN(",\"b\":{\"type\":\"null\"}}"), true, true},
    {OPEN("}"), "{\"allOf\":[{\"properties\":{\"a\":true}}],\"unevaluatedProperties\":false}", false, true},
    /* recursive ones */
    {"{\"type\":\"object\",\"properties\":{\"next\":{\"$ref\":\"#\"},\"v\":{\"type\":\"integer\"}},"
     "\"additionalProperties\":false}",
     "{\"type\":\"object\",\"properties\":{\"next\":{\"$ref\":\"#\"},\"v\":{\"type\":\"number\"}},"
     "\"additionalProperties\":false}",
     true, true},
    {"{\"type\":\"object\",\"properties\":{\"next\":{\"$ref\":\"#\"},\"v\":{\"type\":\"number\"}}}",
     "{\"type\":\"object\",\"properties\":{\"next\":{\"$ref\":\"#\"},\"v\":{\"type\":\"integer\"}}}", false,
     false},
    /* remarks */
    {"{\"title\":\"a\",\"x-owner\":1}", "{\"title\":\"b\",\"description\":\"c\"}", true, true},
};

static void changes_get_the_verdict_of_the_table(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
    char *strict, *pragmatic;
    bool by_strict =
        is_allowed(changes[i].old, changes[i].candidate, EVSI_COMPAT_BACKWARD, EVSI_COMPAT_STRICT, &strict);
    bool by_pragmatic = is_allowed(changes[i].old, changes[i].candidate, EVSI_COMPAT_BACKWARD,
                                   EVSI_COMPAT_PRAGMATIC, &pragmatic);
    if (by_strict != changes[i].strict || by_pragmatic != changes[i].pragmatic)
      fail_msg("%s to %s: strict %d, pragmatic %d: %s", changes[i].old, changes[i].candidate, by_strict,
               by_pragmatic, strict);
    evsi_free(strict);
    evsi_free(pragmatic);
  }
}

static void forward_is_backward_the_other_way_round(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
    char *report;
    bool allowed =
        is_allowed(changes[i].candidate, changes[i].old, EVSI_COMPAT_FORWARD, EVSI_COMPAT_STRICT, &report);
    if (allowed != changes[i].strict)
      fail_msg("%s to %s: %s", changes[i].candidate, changes[i].old, report);
    evsi_free(report);
  }
}

static void full_needs_both_and_none_needs_nothing(void **state) {
  (void)state;
  char *report;
  assert_false(
      is_allowed("{\"maximum\":5}", "{\"maximum\":6}", EVSI_COMPAT_FULL, EVSI_COMPAT_PRAGMATIC, &report));
  assert_non_null(strstr(report, "\"direction\":\"forward\""));
  evsi_free(report);
  assert_true(is_allowed("{\"maximum\":5}", "{\"exclusiveMaximum\":5}", EVSI_COMPAT_NONE, EVSI_COMPAT_STRICT,
                         &report));
  assert_string_equal(report, "{\"verdict\":\"compatible\",\"allowed\":true,\"reasons\":[]}");
  evsi_free(report);
}

static void a_reason_names_the_place_the_keyword_and_why(void **state) {
  (void)state;
  char *report;
  assert_false(
      is_allowed("{\"properties\":{\"items\":{\"items\":{\"properties\":{\"a/b\":{\"type\":\"number\"}}}}}}",
                 "{\"properties\":{\"items\":{\"items\":{\"properties\":{\"a/"
                 "b\":{\"type\":\"number\",\"maximum\":9}}}}}}",
                 EVSI_COMPAT_BACKWARD, EVSI_COMPAT_STRICT, &report));
  static const char expected[] =
      "{\"verdict\":\"incompatible\",\"allowed\":false,\"reasons\":[{\"direction\":\"backward\",\"path\":\"/"
      "items/*/a~1b\","
      "\"keyword\":\"maximum\",\"verdict\":\"incompatible\",\"message\":\"larger numbers were allowed\","
      "\"example\":\"{\\\"items\\\":[";
  assert_memory_equal(report, expected, sizeof expected - 1);
  evsi_free(report);
}

/* Is the text of the report's example accepted by the one schema, and not by the other? */
static void example_shows_it(const char *report, const char *old, const char *candidate) {
  json_t *root = json_loads(report, 0, NULL), *reasons = json_object_get(root, "reasons");
  const json_t *last = json_array_get(reasons, json_array_size(reasons) - 1);
  const char *example = json_string_value(json_object_get(last, "example"));
  if (!example)
    fail_msg("%s to %s: no example in %s", old, candidate, report);
  expect(old, example, "valid");
  expect(candidate, example, "invalid");
  json_decref(root);
}

static void what_is_incompatible_has_an_example(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
    char *report;
    is_allowed(changes[i].old, changes[i].candidate, EVSI_COMPAT_BACKWARD, EVSI_COMPAT_STRICT, &report);
    if (strncmp(report, "{\"verdict\":\"incompatible\"", 25) == 0)
      example_shows_it(report, changes[i].old, changes[i].candidate);
    evsi_free(report);
  }
}

static void only_transitive_modes_look_at_all_earlier_schemas(void **state) {
  (void)state;
  evsi_schema *first = compile(CLOSED(AND_B_TEXT)), *second = compile(OPEN("}")),
              *third = compile(OPEN(AND_B));
  const evsi_schema *earlier[] = {first, second};
  evsi_compat_question question = {
      .earlier = earlier, .earlier_count = 2, .candidate = third, .mode = EVSI_COMPAT_BACKWARD};
  bool allowed = false;
  char *report;
  assert_int_equal(evsi_compat_check(&question, &allowed, &report, NULL), EVS_OK);
  assert_true(allowed);
  evsi_free(report);
  question.is_transitive = true;
  assert_int_equal(evsi_compat_check(&question, &allowed, &report, NULL), EVS_OK);
  assert_false(allowed);
  assert_non_null(strstr(report, "{\"direction\":\"backward\",\"path\":\"/b\",\"keyword\":\"type\""));
  evsi_free(report);
  evsi_schema_free(first);
  evsi_schema_free(second);
  evsi_schema_free(third);
}

/* ---- random pairs ---- */
static uint64_t seed;

static unsigned draw(unsigned below) {
  seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
  return (unsigned)(seed >> 33) % below;
}

static const char *const values[] = {
    "null",
    "true",
    "false",
    "0",
    "1",
    "2",
    "3",
    "-1",
    "0.5",
    "2.5",
    "\"\"",
    "\"a\"",
    "\"ab\"",
    "\"x-1\"",
    "[]",
    "[1]",
    "[1,1]",
    "[\"a\"]",
    "[1,\"a\"]",
    "[null,2,2.5]",
    "[[1],{\"a\":1}]",
    "{}",
    "{\"a\":1}",
    "{\"a\":\"a\"}",
    "{\"b\":1}",
    "{\"b\":null}",
    "{\"a\":1,\"b\":2}",
    "{\"a\":\"ab\",\"b\":[1]}",
    "{\"x-1\":1}",
    "{\"x-1\":\"a\",\"a\":2}",
    "{\"c\":{\"a\":1}}",
    "{\"a\":{\"a\":1,\"b\":\"a\"}}",
    "{\"a\":{\"a\":{}}}",
    "{\"a\":0.5,\"c\":[]}",
    "{\"a\":null,\"b\":null,\"c\":null}",
};

static void add_schema(evsi_buf *out, int depth);

static void add_list(evsi_buf *out, const char *keyword, int depth) {
  evsi_buf_addf(out, ",\"%s\":[", keyword);
  for (unsigned i = 0, count = 1 + draw(2); i < count; i++) {
    evsi_buf_add_text(out, i ? "," : "");
    add_schema(out, depth);
  }
  evsi_buf_add_text(out, "]");
}

static void add_map(evsi_buf *out, const char *keyword, const char *const *names, int depth) {
  evsi_buf_addf(out, ",\"%s\":{", keyword);
  unsigned chosen = 1 + draw(3), count = 0;
  for (unsigned i = 0; i < 2; i++) {
    if (!(chosen & 1u << i))
      continue;
    evsi_buf_addf(out, "%s\"%s\":", count++ ? "," : "", names[i]);
    add_schema(out, depth);
  }
  evsi_buf_add_text(out, "}");
}

static void add_keyword(evsi_buf *out, unsigned which, int depth) {
  static const char *const types[] = {"null", "boolean", "integer", "number", "string", "array", "object"};
  static const char *const limits[] = {
      "maximum",   "minimum",  "exclusiveMaximum", "exclusiveMinimum", "maxLength",
      "minLength", "maxItems", "minItems",         "maxProperties",    "minProperties"};
  static const char *const single[] = {"items",           "additionalProperties",  "not",
                                       "contains",        "unevaluatedProperties", "propertyNames",
                                       "unevaluatedItems"};
  static const char *const lists[] = {"allOf", "anyOf", "oneOf", "prefixItems"};
  static const char *const names[] = {"a", "b"}, *const patterns[] = {"^x-", "a"};
  if (which == 0)
    evsi_buf_addf(out, ",\"type\":[\"%s\",\"%s\"]", types[draw(3)], types[3 + draw(4)]);
  else if (which == 1)
    evsi_buf_addf(out, ",\"type\":\"%s\"", types[draw(7)]);
  else if (which == 2)
    evsi_buf_addf(out, ",\"enum\":[%s,%s]", values[draw(20)], values[20 + draw(15)]);
  else if (which == 3)
    evsi_buf_addf(out, ",\"multipleOf\":%s", draw(2) ? "1" : "0.5");
  else if (which == 4)
    evsi_buf_addf(out, ",\"required\":[\"%s\"]", draw(2) ? "a" : "b");
  else if (which == 5)
    evsi_buf_addf(out, ",\"uniqueItems\":true");
  else if (which == 6)
    evsi_buf_addf(out, ",\"pattern\":\"%s\"", patterns[draw(2)]);
  else if (which == 7)
    evsi_buf_addf(out, ",\"dependentRequired\":{\"a\":[\"b\"]}");
  else if (which < 10)
    evsi_buf_addf(out, ",\"%s\":%u", limits[draw(10)], draw(3));
  else if (depth > 0 && which < 13)
    add_map(out, "properties", names, depth - 1);
  else if (depth > 0 && which == 13)
    add_map(out, "patternProperties", patterns, depth - 1);
  else if (depth > 0 && which < 17)
    add_list(out, lists[draw(4)], depth - 1);
  else if (depth > 0) {
    evsi_buf_addf(out, ",\"%s\":", single[draw(7)]);
    if (draw(3))
      add_schema(out, depth - 1);
    else
      evsi_buf_add_text(out, "false");
  }
}

static void add_schema(evsi_buf *out, int depth) {
  uint32_t used = 0;
  evsi_buf_add_text(out, "{\"x\":0");
  for (unsigned i = 0, count = draw(4); i < count; i++) {
    unsigned which = draw(20);
    unsigned family = which == 1                  ? 0
                      : which == 9                ? 8
                      : which >= 10 && which < 13 ? 10
                      : which >= 14               ? 14
                                                  : which;
    if (used & 1u << family)
      continue;
    used |= 1u << family;
    add_keyword(out, which, depth);
  }
  evsi_buf_add_text(out, "}");
}

/* The candidate is often a copy with something more or less, so that many pairs are compatible. */
static void add_pair(evsi_buf *old, evsi_buf *candidate) {
  uint64_t start = seed;
  add_schema(old, 2);
  switch (draw(4)) {
  case 0:
    add_schema(candidate, 2);
    return;
  case 1:
    evsi_buf_addf(candidate, "{\"anyOf\":[%s,", old->data);
    add_schema(candidate, 1);
    evsi_buf_add_text(candidate, "]}");
    return;
  case 2: { /* and the other way round */
    evsi_buf copy = {0};
    evsi_buf_addf(candidate, "%s", old->data);
    evsi_buf_addf(&copy, "{\"allOf\":[%s,", old->data);
    add_schema(&copy, 1);
    evsi_buf_add_text(&copy, "]}");
    evsi_buf_free(old);
    *old = copy;
    return;
  }
  default:
    break;
  }
  /* From the same numbers, but for some at the end. */
  seed = start;
  add_schema(candidate, 1);
}

/* A value that the old one accepts and the candidate does not, or NULL. */
static const char *lost_value(const evsi_schema *old, const evsi_schema *candidate) {
  for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
    bool was_valid = strcmp(verdict_of(old, values[i]), "valid") == 0;
    if (was_valid && strcmp(verdict_of(candidate, values[i]), "valid") != 0)
      return values[i];
  }
  return NULL;
}

static void what_is_called_compatible_loses_no_value(void **state) {
  (void)state;
  unsigned pairs = getenv("EVS_LONG") ? 200000 : 5000, compatible = 0, lossless = 0;
  for (unsigned i = 0; i < pairs; i++) {
    evsi_buf old = {0}, candidate = {0};
    seed = i;
    add_pair(&old, &candidate);
    char *report = NULL;
    bool allowed = is_allowed(old.data, candidate.data, EVSI_COMPAT_BACKWARD, EVSI_COMPAT_STRICT, &report);
    evsi_schema *before = compile(old.data), *after = compile(candidate.data);
    const char *lost = lost_value(before, after);
    if (allowed && lost)
      fail_msg("pair %u: %s to %s loses %s", i, old.data, candidate.data, lost);
    compatible += allowed;
    lossless += !lost;
    evsi_free(report);
    evsi_schema_free(before);
    evsi_schema_free(after);
    evsi_buf_free(&old);
    evsi_buf_free(&candidate);
  }
  print_message("of %u pairs %u lose no value, %u are called compatible\n", pairs, lossless, compatible);
  assert_true(compatible > pairs / 10 && compatible < pairs);
}

static void a_schema_may_always_take_its_own_place(void **state) {
  (void)state;
  for (unsigned i = 0; i < 500; i++) {
    evsi_buf text = {0};
    char *report;
    seed = i;
    add_schema(&text, 2);
    if (!is_allowed(text.data, text.data, EVSI_COMPAT_FULL, EVSI_COMPAT_STRICT, &report))
      fail_msg("%s: %s", text.data, report);
    evsi_free(report);
    evsi_buf_free(&text);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(changes_get_the_verdict_of_the_table),
      cmocka_unit_test(forward_is_backward_the_other_way_round),
      cmocka_unit_test(full_needs_both_and_none_needs_nothing),
      cmocka_unit_test(a_reason_names_the_place_the_keyword_and_why),
      cmocka_unit_test(what_is_incompatible_has_an_example),
      cmocka_unit_test(only_transitive_modes_look_at_all_earlier_schemas),
      cmocka_unit_test(a_schema_may_always_take_its_own_place),
      cmocka_unit_test(what_is_called_compatible_loses_no_value),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
