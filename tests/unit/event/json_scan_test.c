/* SPDX-License-Identifier: MIT
 * json_scan_test.c - JSON text is accepted or refused as RFC 8259 has it, and members are found. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "event/json_scan.h"

static const char *check(const char *text, size_t *offset) {
  /* An exact copy on the heap, so that a sanitizer sees a read behind the end. */
  size_t size = strlen(text);
  char *copy = malloc(size ? size : 1);
  memcpy(copy, text, size);
  const char *why = evsi_json_check(evsi_bytes(copy, size), offset);
  free(copy);
  return why;
}

static void valid_texts_are_accepted(void **state) {
  (void)state;
  static const char *const texts[] = {
      "null",
      " true ",
      "false",
      "0",
      "-0",
      "-12.5e+3",
      "1E5",
      "0.0",
      "\"\"",
      "\"\\u00e9\\ud800\\n\\/\"",
      "[]",
      "[ ]",
      "{}",
      "{ }",
      "[1,2,[3,{}],\"x\"]",
      "{\"a\":{\"b\":[{\"c\":null}]},\"a\":1}",
      "\t\n\r {\"a\" : 1 , \"b\" : [ ] } \n",
      "\"\xC3\xA9 \xF0\x9F\x98\x80\"",
      "\"a string that is longer than a word\"",
  };
  for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
    size_t offset;
    const char *why = check(texts[i], &offset);
    if (why)
      fail_msg("%s: %s at %zu", texts[i], why, offset);
  }
}

static void invalid_texts_are_refused_at_their_offset(void **state) {
  (void)state;
  static const struct {
    const char *text;
    size_t offset;
  } cases[] = {
      {"", 0},
      {"  ", 2},
      {"nul", 0},
      {"tru e", 0},
      {"01", 1},
      {"-", 1},
      {"1.", 2},
      {".5", 0},
      {"1e", 2},
      {"+1", 0},
      {"NaN", 0},
      {"'a'", 0},
      {"\"a", 2},
      {"\"\\x\"", 1},
      {"\"\\u12g4\"", 1},
      {"\"\\", 1},
      {"\"\\u1", 1},
      {"\"a\tb\"", 2},
      {"\"\xFFz\"", 1},
      {"\"\xED\xA0\x80\"", 1},
      {"[1,]", 3},
      {"[1 2]", 3},
      {"[", 1},
      {"[1", 2},
      {"]", 0},
      {"[}", 1},
      {"{\"a\"}", 4},
      {"{\"a\":}", 5},
      {"{\"a\":1,}", 7},
      {"{a:1}", 1},
      {"{\"a\":1 \"b\"}", 7},
      {"{1:2}", 1},
      {"{\"a\":[1}", 7},
      {"[1]]", 3},
      {"1 2", 2},
      {"{\"a\":1", 6},
      {"{,}", 1},
      {"[,]", 1},
      {"\xEF\xBB\xBF{}", 0},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    size_t offset = 999;
    const char *why = check(cases[i].text, &offset);
    if (!why)
      fail_msg("%s is accepted", cases[i].text);
    if (offset != cases[i].offset)
      fail_msg("%s: %s at %zu, expected at %zu", cases[i].text, why, offset, cases[i].offset);
  }
}

static void nul_bytes_are_no_space(void **state) {
  (void)state;
  assert_non_null(evsi_json_check(evsi_bytes("1\0", 2), NULL));
  assert_non_null(evsi_json_check(evsi_bytes("\"\\\0\"", 4), NULL));
  assert_non_null(evsi_json_check(evsi_bytes(NULL, 0), NULL));
}

static char *nest(size_t depth, const char *open, const char *inner, const char *close) {
  evsi_buf buf = {0};
  for (size_t i = 0; i < depth; i++)
    evsi_buf_add_text(&buf, open);
  evsi_buf_add_text(&buf, inner);
  for (size_t i = 0; i < depth; i++)
    evsi_buf_add_text(&buf, close);
  return buf.data;
}

static void depth_is_bounded(void **state) {
  (void)state;
  static const char *const opens[] = {"[", "{\"a\":"}, *const closes[] = {"]", "}"};
  for (int i = 0; i < 2; i++) {
    char *good = nest(EVSI_JSON_DEPTH_MAX, opens[i], "1", closes[i]);
    char *bad = nest(EVSI_JSON_DEPTH_MAX + 1, opens[i], "1", closes[i]);
    char *endless = nest(1000000, opens[i], "1", "");
    assert_null(evsi_json_check(evsi_text(good), NULL));
    assert_string_equal(evsi_json_check(evsi_text(bad), NULL), "nested deeper than 512 levels");
    assert_non_null(evsi_json_check(evsi_text(endless), NULL));
    free(good);
    free(bad);
    free(endless);
  }
}

static void brackets_must_close_what_they_opened_at_every_depth(void **state) {
  (void)state;
  char *mixed = nest(200, "[{\"a\":", "1", "}]");
  assert_null(evsi_json_check(evsi_text(mixed), NULL));
  char *at = strchr(mixed, '}');
  for (; *at; at++) {
    char was = *at;
    *at = was == '}' ? ']' : '}';
    assert_non_null(evsi_json_check(evsi_text(mixed), NULL));
    *at = was;
  }
  free(mixed);
}

/* Small steps away from valid texts: jansson is the judge. */
static void mutated_texts_are_judged_as_by_jansson(void **state) {
  (void)state;
  static const char *const seeds[] = {"{\"a\":[1,0.1e1,true],\"b\":{\"c\":null}}",
                                      "[[],{},\"x\\n\\u00e9\",-1]", "\"\\\"\\\\\"",
                                      "{\"a\":{\"b\":{\"c\":[1]}}}"};
  static const char alphabet[] = "{}[],:\"\\ 01-.eEtfnul\n\x01\xC3\xA9";
  unsigned seed = 7;
  size_t accepted = 0, refused = 0;
  for (int round = 0; round < 200000; round++) {
    char text[64];
    snprintf(text, sizeof text, "%s", seeds[round % 4]);
    size_t size = strlen(text);
    for (int change = 0; change <= round % 3; change++)
      text[rand_r(&seed) % size] = alphabet[rand_r(&seed) % (sizeof alphabet - 1)];
    json_error_t fault;
    json_t *tree = json_loadb(text, size, JSON_DECODE_ANY | JSON_ALLOW_NUL, &fault);
    if (!tree && json_error_code(&fault) == json_error_numeric_overflow)
      continue;
    const char *why = evsi_json_check(evsi_bytes(text, size), NULL);
    if ((why == NULL) != (tree != NULL))
      fail_msg("%.*s: %s, jansson: %s", (int)size, text, why ? why : "valid", tree ? "valid" : fault.text);
    accepted += tree != NULL;
    refused += tree == NULL;
    json_decref(tree);
  }
  assert_true(accepted > 1000 && refused > 1000);
}

static void members_are_found_with_their_exact_bytes(void **state) {
  (void)state;
  evs_bytes object = evsi_text(" { \"a\" : 1.50 ,\"b\\n\":\"x\", \"c\":{ \"d\" : [ ] } } ");
  static const char *const expected[][2] = {{"a", "1.50"}, {"b\\n", "\"x\""}, {"c", "{ \"d\" : [ ] }"}};
  size_t cursor = 0, count = 0;
  evs_bytes key = {0}, value = {0};
  const char *why = NULL;
  while (evsi_json_member(object, &cursor, &key, &value, &why)) {
    assert_true(count < 3);
    assert_true(evsi_bytes_equal(key, evsi_text(expected[count % 3][0])));
    assert_true(evsi_bytes_equal(value, evsi_text(expected[count % 3][1])));
    count++;
  }
  assert_null(why);
  assert_int_equal(count, 3);
}

static void a_walk_over_members_ends_in_an_error_where_the_text_is_wrong(void **state) {
  (void)state;
  static const char *const texts[] = {"",          "[1]",        "{",   "{\"a\":1",          "{\"a\":1,}",
                                      "{\"a\" 1}", "{\"a\":1}x", "{}x", "{\"a\":1 \"b\":2}", "{\"a",
                                      "{\"a\":",   "null"};
  for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
    size_t cursor = 0;
    evs_bytes key, value;
    const char *why = NULL;
    while (evsi_json_member(evsi_text(texts[i]), &cursor, &key, &value, &why))
      continue;
    if (!why)
      fail_msg("%s has no error", texts[i]);
  }
}

static void an_object_is_walked_where_it_stands(void **state) {
  (void)state;
  evs_bytes key, value, text = evsi_text(" { \"a\" : [1] , \"b\":2 } ,\"c\"");
  size_t cursor = 0;
  const char *why = NULL;
  assert_true(evsi_json_key(text, &cursor, &key, &why));
  assert_true(evsi_bytes_equal(key, evsi_text("a")));
  assert_int_equal(text.data[cursor], '[');
  assert_true(evsi_json_value(text, &cursor, 1, &value, &why));
  assert_true(evsi_bytes_equal(value, evsi_text("[1]")));
  assert_true(evsi_json_key(text, &cursor, &key, &why) && evsi_json_value(text, &cursor, 1, &value, &why));
  assert_false(evsi_json_key(text, &cursor, &key, &why));
  assert_null(why);
  assert_true(evsi_bytes_equal(evsi_bytes(text.data + cursor, text.size - cursor), evsi_text(" ,\"c\"")));
  assert_string_equal(evsi_json_end(text, &cursor), "nothing may follow the value");
}

static void empty_objects_have_no_members(void **state) {
  (void)state;
  size_t cursor = 0;
  evs_bytes key, value;
  const char *why = "unset";
  assert_false(evsi_json_member(evsi_text(" { } "), &cursor, &key, &value, &why));
  assert_null(why);
}

static void items_are_found_with_their_exact_bytes(void **state) {
  (void)state;
  static const char *const expected[] = {"1", "{ \"a\" : [ ] }", "\"x,]\"", "[[2],3]", "null"};
  evs_bytes item, array = evsi_text(" [1 , { \"a\" : [ ] },\"x,]\",[[2],3] ,\tnull ] ");
  const char *why = "unset";
  size_t cursor = 0;
  for (size_t i = 0; i < sizeof expected / sizeof *expected; i++) {
    assert_true(evsi_json_item(array, &cursor, &item, &why));
    assert_true(evsi_bytes_equal(item, evsi_text(expected[i])));
  }
  assert_false(evsi_json_item(array, &cursor, &item, &why));
  assert_null(why);
  cursor = 0;
  assert_false(evsi_json_item(evsi_text("[ ]"), &cursor, &item, &why));
  assert_null(why);
}

static void a_walk_over_items_ends_in_an_error_where_the_text_is_wrong(void **state) {
  (void)state;
  static const char *const texts[] = {"",     "{}",  "1",     "[",   "[1",    "[1,",
                                      "[1,]", "[,]", "[1 2]", "[1}", "[1] 2", "[nul]"};
  for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
    evs_bytes item;
    const char *why = NULL;
    size_t cursor = 0;
    while (evsi_json_item(evsi_text(texts[i]), &cursor, &item, &why))
      continue;
    if (!why)
      fail_msg("%s has no error", texts[i]);
  }
}

static void strings_are_unescaped_into_scratch_only_when_needed(void **state) {
  (void)state;
  evsi_buf scratch = {0};
  evs_bytes text, plain = evsi_text("\"plain\"");
  assert_true(evsi_json_string(plain, &scratch, &text));
  assert_ptr_equal(text.data, plain.data + 1);
  assert_int_equal(text.size, 5);
  assert_int_equal(scratch.size, 0);
  evs_bytes escaped = evsi_text("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u0041\\u00E9\\u20ac\\uD83D\\ude00\"");
  assert_true(evsi_json_string(escaped, &scratch, &text));
  assert_true(evsi_bytes_equal(text, evsi_text("\"\\/\b\f\n\r\tA\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80")));
  evsi_buf_free(&scratch);
}

static void what_is_no_string_or_half_a_surrogate_is_refused(void **state) {
  (void)state;
  static const char *const texts[] = {
      "", "1", "null", "\"a", "\"a\"b", "\"\\ud800\"", "\"\\ud800x\"", "\"\\udc00\"", "\"\\ud800\\u0041\""};
  for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
    evsi_buf scratch = {0};
    evs_bytes text;
    if (evsi_json_string(evsi_text(texts[i]), &scratch, &text))
      fail_msg("%s is accepted", texts[i]);
    evsi_buf_free(&scratch);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(valid_texts_are_accepted),
      cmocka_unit_test(invalid_texts_are_refused_at_their_offset),
      cmocka_unit_test(nul_bytes_are_no_space),
      cmocka_unit_test(depth_is_bounded),
      cmocka_unit_test(brackets_must_close_what_they_opened_at_every_depth),
      cmocka_unit_test(mutated_texts_are_judged_as_by_jansson),
      cmocka_unit_test(members_are_found_with_their_exact_bytes),
      cmocka_unit_test(a_walk_over_members_ends_in_an_error_where_the_text_is_wrong),
      cmocka_unit_test(an_object_is_walked_where_it_stands),
      cmocka_unit_test(empty_objects_have_no_members),
      cmocka_unit_test(items_are_found_with_their_exact_bytes),
      cmocka_unit_test(a_walk_over_items_ends_in_an_error_where_the_text_is_wrong),
      cmocka_unit_test(strings_are_unescaped_into_scratch_only_when_needed),
      cmocka_unit_test(what_is_no_string_or_half_a_surrogate_is_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
