/* SPDX-License-Identifier: MIT
 * envelope_edit_test.c - another body for a stored event, byte for byte; and the base64 that carries bytes.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "event/base64.h"
#include "event/envelope_edit.h"

#define HASH_OF_1 "6b86b273ff34fce19d6b804eff5a3f5747ada4eaa22f1d49c01e52ddb7875b4b"
#define HASH_OF_2 "d4735e3a265e16eee03f59718b9b5d03019c07d8b6c51f90da3a666eec13ab35"

static void assert_edited(const char *data, const char *raw, evsi_edit edit, const char *expected) {
  evsi_buf out = {0};
  edit.actor = evsi_text("ana");
  assert_null(evsi_envelope_edit(evsi_text(data), evsi_text(raw), &edit, &out));
  assert_string_equal(out.data, expected);
  evsi_buf_free(&out);
}

static void only_the_body_and_what_tells_of_it_change(void **state) {
  (void)state;
  assert_edited(
      "{\"v\":1,\"header\":{\"id\":\"e\",\"x\": {\"y\":[1, 2]},\"type\":\"a.b\",\"hash\":\"old\"},"
      "\"headers\":{\"k\":\"v\"},\"body\":1,\"more\": 7 }",
      NULL, (evsi_edit){.body = evsi_text("2")},
      "{\"v\":1,\"header\":{\"id\":\"e\",\"x\":{\"y\":[1, 2]},\"type\":\"a.b\",\"hash\":\"" HASH_OF_2
      "\",\"editedFrom\":\"" HASH_OF_1 "\",\"editedBy\":\"ana\"},\"headers\":{\"k\":\"v\"},"
      "\"more\":7,\"body\":2}");
}

static void bytes_stand_beside_the_envelope_with_their_type(void **state) {
  (void)state;
  assert_edited(
      "{\"v\":1,\"header\":{\"id\":\"e\",\"type\":\"a.b\"},\"body\":1}", NULL,
      (evsi_edit){.body = evsi_text("2"), .is_raw = true},
      "{\"v\":1,\"header\":{\"id\":\"e\",\"type\":\"a.b\",\"contentType\":\"application/octet-stream\","
      "\"hash\":\"" HASH_OF_2 "\",\"editedFrom\":\"" HASH_OF_1 "\",\"editedBy\":\"ana\"}}");
  assert_edited("{\"v\":1,\"header\":{\"id\":\"e\",\"type\":\"a.b\",\"contentType\":\"image/x\"}}", "1",
                (evsi_edit){.body = evsi_text("2"), .is_raw = true},
                "{\"v\":1,\"header\":{\"id\":\"e\",\"type\":\"a.b\",\"contentType\":\"image/x\","
                "\"hash\":\"" HASH_OF_2 "\",\"editedFrom\":\"" HASH_OF_1 "\",\"editedBy\":\"ana\"}}");
}

static void json_in_place_of_bytes_has_no_content_type(void **state) {
  (void)state;
  assert_edited("{\"v\":1,\"header\":{\"id\":\"e\",\"type\":\"a.b\",\"contentType\":\"image/x\"}}", "1",
                (evsi_edit){.body = evsi_text("2")},
                "{\"v\":1,\"header\":{\"id\":\"e\",\"type\":\"a.b\",\"hash\":\"" HASH_OF_2
                "\",\"editedFrom\":"
                "\"" HASH_OF_1 "\",\"editedBy\":\"ana\"},\"body\":2}");
}

static void what_is_no_event_or_no_json_is_refused(void **state) {
  (void)state;
  static const char good[] = "{\"v\":1,\"header\":{\"id\":\"e\",\"type\":\"a.b\"},\"body\":1}";
  const evsi_edit json = {.body = evsi_text("2")}, broken = {.body = evsi_text("{\"a\":}")};
  evsi_buf out = {0};
  assert_non_null(evsi_envelope_edit(evsi_text("{\"v\":2}"), evsi_text(NULL), &json, &out));
  assert_non_null(evsi_envelope_edit(evsi_text(""), evsi_text(NULL), &json, &out));
  assert_non_null(evsi_envelope_edit(evsi_text(good), evsi_text(NULL), &broken, &out));
  evsi_buf_free(&out);
}

static void base64_goes_both_ways(void **state) {
  (void)state;
  static const char *const pairs[][2] = {{"", ""},        {"f", "Zg=="},        {"fo", "Zm8="},
                                         {"foo", "Zm9v"}, {"foob", "Zm9vYg=="}, {"fooba", "Zm9vYmE="}};
  static const char *const wrong[] = {"Z", "Zg=", "Zg===", "Z!==", "Zm9v\n", "=Zg="};
  for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
    evsi_buf text = {0}, back = {0};
    evsi_base64(&text, evsi_text(pairs[i][0]));
    assert_string_equal(text.data ? text.data : "", pairs[i][1]);
    assert_true(evsi_base64_decode(&back, evsi_text(pairs[i][1])));
    assert_string_equal(back.data ? back.data : "", pairs[i][0]);
    evsi_buf_free(&text);
    evsi_buf_free(&back);
  }
  for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
    evsi_buf back = {0};
    assert_false(evsi_base64_decode(&back, evsi_text(wrong[i])));
    evsi_buf_free(&back);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(only_the_body_and_what_tells_of_it_change),
      cmocka_unit_test(bytes_stand_beside_the_envelope_with_their_type),
      cmocka_unit_test(json_in_place_of_bytes_has_no_content_type),
      cmocka_unit_test(what_is_no_event_or_no_json_is_refused),
      cmocka_unit_test(base64_goes_both_ways),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
