/* SPDX-License-Identifier: MIT
 * json_text_test.c - reading and writing JSON trees, also when memory is short. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/json_text.h"

static size_t room;

static void *limited_realloc(void *ptr, size_t size) {
  if (size > room)
    return NULL;
  if (size > 0)
    return realloc(ptr, size);
  free(ptr);
  return NULL;
}

static void a_text_is_read_and_written(void **state) {
  (void)state;
  json_t *root = evsi_json_load(evsi_text("{\"a\": [1, \"\\u00e9\"]}"), 0, NULL);
  char *text = evsi_json_text(root);
  assert_string_equal(text, "{\"a\":[1,\"\xc3\xa9\"]}");
  evsi_free(text);
  json_decref(root);
}

static void what_is_no_json_says_where(void **state) {
  (void)state;
  json_error_t error;
  assert_null(evsi_json_load(evsi_text("{\"a\": }"), 0, &error));
  assert_int_equal(error.position, 7);
  assert_null(evsi_json_load(evsi_bytes(NULL, 0), 0, &error));
  assert_int_equal(json_error_code(&error), json_error_premature_end_of_input);
  assert_null(evsi_json_load(evsi_bytes(NULL, 0), 0, NULL));
}

static void a_text_that_memory_is_too_short_for_is_not_read(void **state) {
  (void)state;
  enum { SIZE = 100000 };
  char *text = malloc(SIZE);
  json_error_t error;
  memset(text, 'x', SIZE);
  text[0] = text[SIZE - 1] = '"';
  room = 2 * SIZE; /* the text fits, what its scanner needs besides does not */
  evsi_alloc_replace(limited_realloc);
  assert_null(evsi_json_load(evsi_bytes(text, SIZE), JSON_DECODE_ANY, &error));
  assert_int_equal(json_error_code(&error), json_error_out_of_memory);
  assert_string_equal(error.text, "out of memory");
  assert_null(evsi_json_load(evsi_bytes(text, SIZE), JSON_DECODE_ANY, NULL));
  assert_null(evsi_json_load(evsi_bytes(text, SIZE_MAX), JSON_DECODE_ANY, NULL));
  evsi_alloc_replace(NULL);
  json_t *value = evsi_json_load(evsi_bytes(text, SIZE), JSON_DECODE_ANY, &error);
  assert_int_equal(json_string_length(value), SIZE - 2);
  json_decref(value);
  free(text);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_text_is_read_and_written),
      cmocka_unit_test(what_is_no_json_says_where),
      cmocka_unit_test(a_text_that_memory_is_too_short_for_is_not_read),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
