/* SPDX-License-Identifier: MIT
 * fingerprint_test.c - which failures fall into one group, and that no message takes long. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "event/fingerprint.h"

static void assert_template(const char *message, const char *expected) {
  evsi_buf out = {0};
  evsi_message_template(evsi_text(message), &out);
  assert_false(out.failed);
  assert_string_equal(out.data ? out.data : "", expected);
  evsi_buf_free(&out);
}

static void numbers_are_one_mark_however_they_are_written(void **state) {
  (void)state;
  assert_template("order 7 of 12345", "order # of #");
  assert_template("took 3.25 s, not 1e-9", "took # s, not #");
  assert_template("at -5 degrees", "at # degrees");
  assert_template("10.0.0.1:5432 refused", "# refused");
  assert_template("retry in 1,000ms", "retry in #ms");
  assert_template("on 2026-01-31", "on #");
  assert_template("v2 failed", "v# failed");
}

static void ids_and_hex_runs_are_one_mark(void **state) {
  (void)state;
  assert_template("no 019ab1f3-5c00-7c5e-8a54-0c1d6a2f7b10 here", "no # here");
  assert_template("no ffffffff-aaaa-bbbb-cccc-dddddddddddd here", "no # here");
  assert_template("address 0x7f at 0xDEADBEEF", "address # at #");
  assert_template("commit 3cdf1ee, tree deadbeef", "commit #, tree #");
}

static void words_stay_words(void **state) {
  (void)state;
  assert_template("a decade of facades", "a decade of facades");
  assert_template("can't add: it isn't there", "can't add: it isn't there");
  assert_template("stop - or go", "stop - or go");
  assert_template("", "");
}

static void quoted_texts_are_one_mark(void **state) {
  (void)state;
  assert_template("no user \"ana\"", "no user \"*\"");
  assert_template("no user 'Bob 7' and `x`", "no user '*' and `*`");
  assert_template("open \"here\nand 'closed'", "open \"here\nand '*'");
  assert_template("ends with \"", "ends with \"");
}

static void a_long_hostile_message_is_read_in_one_pass(void **state) {
  (void)state;
  enum { SIZE = 4 << 20 };
  static const char *const parts[] = {"\"", "'a", "0-", "a", "\n\"", "f-", "\"'`"};
  char *text = malloc(SIZE);
  for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
    evsi_buf out = {0};
    for (size_t at = 0; at < SIZE; at++)
      text[at] = parts[i][at % strlen(parts[i])];
    evsi_message_template(evsi_bytes(text, SIZE), &out); /* a square of this would not end */
    assert_true(out.size > 0 && !out.failed);
    evsi_buf_free(&out);
  }
  free(text);
}

static void assert_alike(evsi_failure_kind a, evsi_failure_kind b, bool alike) {
  char left[EVSI_FINGERPRINT_TEXT], right[EVSI_FINGERPRINT_TEXT];
  evsi_fingerprint(&a, left);
  evsi_fingerprint(&b, right);
  assert_int_equal(strlen(left), EVSI_FINGERPRINT_TEXT - 1);
  assert_int_equal(strcmp(left, right) == 0, alike);
}

static void another_group_type_class_or_wording_is_another_fingerprint(void **state) {
  (void)state;
  const evsi_failure_kind one = {evsi_text("g"), evsi_text("a.b"), evsi_text("E"), evsi_text("no user 7")};
  evsi_failure_kind other = one;
  other.message = evsi_text("no user 99");
  assert_alike(one, other, true);
  other.message = evsi_text("no order 7");
  assert_alike(one, other, false);
  other = one;
  other.group = evsi_text("h");
  assert_alike(one, other, false);
  other = one;
  other.type = evsi_text("a.c");
  assert_alike(one, other, false);
  other = one;
  other.error_class = evsi_text("F");
  assert_alike(one, other, false);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(numbers_are_one_mark_however_they_are_written),
      cmocka_unit_test(ids_and_hex_runs_are_one_mark),
      cmocka_unit_test(words_stay_words),
      cmocka_unit_test(quoted_texts_are_one_mark),
      cmocka_unit_test(a_long_hostile_message_is_read_in_one_pass),
      cmocka_unit_test(another_group_type_class_or_wording_is_another_fingerprint),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
