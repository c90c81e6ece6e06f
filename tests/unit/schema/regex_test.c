/* SPDX-License-Identifier: MIT
 * regex_test.c - regular expressions mean what ECMA-262 says, not what PCRE2 would. */
#include "schema_fixture.h"

#include "schema/regex.h"

static bool matches(const char *pattern, const char *text) {
  evsi_buf why = {0};
  evsi_regex *regex = NULL;
  evsi_regex_memory *memory = NULL;
  if (evsi_regex_compile(evsi_text(pattern), &regex, &why) != EVSI_REGEX_FINE)
    fail_msg("%s: %s", pattern, why.data);
  evsi_regex_verdict verdict = evsi_regex_match(regex, &memory, evsi_text(text));
  assert_int_not_equal(verdict, EVSI_REGEX_GAVE_UP);
  evsi_regex_memory_free(memory);
  evsi_regex_free(regex);
  evsi_buf_free(&why);
  return verdict == EVSI_REGEX_YES;
}

static evsi_regex_fault fault_of(const char *pattern) {
  evsi_buf why = {0};
  evsi_regex *regex = NULL;
  evsi_regex_fault fault = evsi_regex_compile(evsi_text(pattern), &regex, &why);
  evsi_regex_free(regex);
  evsi_buf_free(&why);
  return fault;
}

static void expressions_match_what_they_mean_in_ecma(void **state) {
  (void)state;
  static const struct {
    const char *pattern, *text;
    bool is_match;
  } cases[] = {
      {"^a$", "a\n", false},
      {"^.$", "\r", false},
      {"^.$", "\xE2\x80\xA8", false},
      {"^.$", "\xF0\x9F\x90\xB2", true},
      {"^\\d$", "\xDF\x80", false},
      {"^\\v$", "\n", false},
      {"^\\v$", "\v", true},
      {"^[\\b]$", "\b", true},
      {"^[[:alpha:]]$", "b", false},
      {"^[[:alpha:]]$", "a]", true},
      {"^[\\s-x]$", "-", true},
      {"^[\\w-z]+$", "a-z", true},
      {"^[a-c-e]+$", "abc-e", true},
      {"^[\\S]$", "\xC2\xA0", false},
      {"^[^\\S]$", "\xC2\xA0", true},
      {"^\\u{1F432}$", "\xF0\x9F\x90\xB2", true},
      {"^\\uD83D\\uDC32$", "\xF0\x9F\x90\xB2", true},
      {"^[\\uD83D\\uDC32-\\u{1F434}]$", "\xF0\x9F\x90\xB3", true},
      {"^\\x41\\cA\\0$", "A\x01", false},
      {"^\\x41\\cA$", "A\x01", true},
      {"^(?<year>\\d{4})-\\k<year>$", "2026-2026", true},
      {"^(a)|\\1b$", "b", true},
      {"^a{,2}$", "a{,2}", true},
      {"^{a}$", "{a}", true},
      {"^[^]$", "x", true},
      {"[]", "x", false},
      {"^\\p{Lu}\\P{Lu}$", "Aa", true},
      {"^\\p{Script=Greek}+$", "\xCF\x80", true},
      {"^\\p{gc=Decimal_Number}$", "7", true},
      {"(?<!\\$)\\b\\d+", "$ 12", true},
      {"^\\-\\@\\/$", "-@/", true},
      {"\xC3\xA9", "caf\xC3\xA9", true},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
    if (matches(cases[i].pattern, cases[i].text) != cases[i].is_match)
      fail_msg("%s on %s", cases[i].pattern, cases[i].text);
}

static void what_is_no_expression_of_ecma_is_refused(void **state) {
  (void)state;
  static const char *const wrong[] = {
      "(",
      ")",
      "[a",
      "a**",
      "a++",
      "*a",
      "(?i)a",
      "(?#x)a",
      "(?P<n>a)",
      "(?>a)",
      "\\",
      "\\a",
      "\\Z",
      "\\z",
      "\\Qa\\E",
      "\\1",
      "\\8",
      "\\x4",
      "\\u12",
      "\\u{110000}",
      "\\ud83d",
      "\\p{No}x\\p",
      "\\p{Unknown_Thing}",
      "\\c1",
      "a{2}{3}",
      "(*UTF)a",
      "(?<n>a)(?<n>b)",
      "[b-a]",
      "\\k<n>",
      "\\07",
      "a{3,2}",
      "(?|a)",
      "\\p{^Lu}",
      "\\R",
      "\\K",
  };
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
    if (fault_of(wrong[i]) != EVSI_REGEX_INVALID)
      fail_msg("%s is not refused", wrong[i]);
}

static void what_cannot_be_matched_is_told_apart(void **state) {
  (void)state;
  assert_int_equal(fault_of("(?<=a+)b"), EVSI_REGEX_UNSUPPORTED);
  char *deep = malloc(20001);
  memset(deep, '(', 10000);
  memset(deep + 10000, ')', 10000);
  deep[20000] = '\0';
  assert_int_not_equal(fault_of(deep), EVSI_REGEX_FINE);
  deep[16000] = '\0';
  assert_int_not_equal(fault_of(deep), EVSI_REGEX_FINE);
  free(deep);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(expressions_match_what_they_mean_in_ecma),
      cmocka_unit_test(what_is_no_expression_of_ecma_is_refused),
      cmocka_unit_test(what_cannot_be_matched_is_told_apart),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
