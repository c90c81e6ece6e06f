/* SPDX-License-Identifier: MIT
 * buf_test.c - the byte buffer, UTF-8 checks and the allocator below. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/buf.h"

static void a_growing_buffer_keeps_its_text_and_a_nul_behind(void **state) {
  (void)state;
  evsi_buf buf = {0};
  for (int i = 0; i < 1000; i++)
    evsi_buf_addf(&buf, "%d,", i % 10);
  assert_false(buf.failed);
  assert_int_equal(buf.size, 2000);
  assert_int_equal(strlen(buf.data), 2000);
  assert_memory_equal(buf.data + 1990, "5,6,7,8,9,", 10);
  evsi_buf_clear(&buf);
  assert_string_equal(buf.data, "");
  evsi_buf_free(&buf);
}

static void taking_an_empty_buffer_gives_an_empty_text(void **state) {
  (void)state;
  evsi_buf buf = {0};
  char *text = evsi_buf_take(&buf);
  assert_string_equal(text, "");
  evsi_free(text);
}

static void json_text_is_escaped_and_bad_bytes_are_replaced(void **state) {
  (void)state;
  evsi_buf buf = {0};
  const char text[] = "a\"\\\n\t\x01\xC3\xA9\xFF\xED\xA0\x80z";
  evsi_buf_add_json(&buf, text, sizeof text - 1);
  assert_string_equal(buf.data,
                      "\"a\\\"\\\\\\n\\t\\u0001\xC3\xA9\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBDz\"");
  evsi_buf_free(&buf);
}

static void what_must_be_escaped_is_found_wherever_it_stands(void **state) {
  (void)state;
  enum { SIZE = 40 };
  static const struct {
    char byte;
    const char *written;
  } cases[] = {{'"', "\\\""}, {'\\', "\\\\"}, {'\n', "\\n"}, {0x1F, "\\u001f"}, {(char)0x80, "\xEF\xBF\xBD"}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    for (int at = 0; at < SIZE; at++) {
      char text[SIZE], expected[SIZE + 16];
      evsi_buf out = {0};
      memset(text, 'x', sizeof text);
      text[at] = cases[i].byte;
      snprintf(expected, sizeof expected, "\"%.*s%s%.*s\"", at, text, cases[i].written, SIZE - 1 - at,
               text + at + 1);
      assert_true(evsi_json_plain(text, sizeof text) <= (size_t)at);
      evsi_buf_add_json(&out, text, sizeof text);
      assert_string_equal(out.data, expected);
      evsi_buf_free(&out);
    }
  }
}

static void utf8_is_checked_strictly(void **state) {
  (void)state;
  static const struct {
    const char *text;
    bool valid;
  } cases[] = {
      {"", true},
      {"plain ascii that is longer than eight bytes", true},
      {"\xC3\xA9", true},
      {"twelve ascii\xE2\x82\xAC", true},
      {"\xF0\x9F\x98\x80", true},
      {"\xF4\x8F\xBF\xBF", true},
      {"\xC0\xAF", false},         /* overlong */
      {"\xE0\x80\xAF", false},     /* overlong */
      {"\xF0\x80\x80\xAF", false}, /* overlong */
      {"\xED\xA0\x80", false},     /* surrogate */
      {"\xF4\x90\x80\x80", false}, /* above U+10FFFF */
      {"\xF8\x88\x80\x80\x80", false},
      {"\x80", false},
      {"abc\xE2\x82", false}, /* cut off */
      {"1234567\xC3", false}, /* cut off in a word of eight */
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
    if (evsi_utf8_valid(cases[i].text, strlen(cases[i].text)) != cases[i].valid)
      fail_msg("case %zu is not %d", i, cases[i].valid);
}

static void *no_memory(void *ptr, size_t size) {
  if (size == 0)
    free(ptr);
  return NULL;
}

static void a_failed_allocation_is_remembered_and_take_gives_nothing(void **state) {
  (void)state;
  evsi_buf buf = {0};
  evsi_buf_add_text(&buf, "kept");
  evsi_alloc_replace(no_memory);
  char big[4096];
  memset(big, 'x', sizeof big);
  evsi_buf_add(&buf, big, sizeof big);
  evsi_buf_add_text(&buf, "y");
  assert_true(buf.failed);
  assert_string_equal(buf.data, "kept");
  assert_null(evsi_buf_take(&buf));
  assert_null(evsi_alloc(1));
  evsi_alloc_replace(NULL);
  assert_null(buf.data);
}

static void impossible_sizes_are_refused(void **state) {
  (void)state;
  evsi_buf buf = {0};
  assert_null(evsi_calloc(SIZE_MAX / 2, 3));
  assert_false(evsi_buf_reserve(&buf, SIZE_MAX - 8));
  assert_true(buf.failed);
  evsi_buf_free(&buf);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_growing_buffer_keeps_its_text_and_a_nul_behind),
      cmocka_unit_test(taking_an_empty_buffer_gives_an_empty_text),
      cmocka_unit_test(json_text_is_escaped_and_bad_bytes_are_replaced),
      cmocka_unit_test(what_must_be_escaped_is_found_wherever_it_stands),
      cmocka_unit_test(utf8_is_checked_strictly),
      cmocka_unit_test(a_failed_allocation_is_remembered_and_take_gives_nothing),
      cmocka_unit_test(impossible_sizes_are_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
