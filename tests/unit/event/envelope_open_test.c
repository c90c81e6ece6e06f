/* SPDX-License-Identifier: MIT
 * envelope_open_test.c - a stored event with a compressed body, as if it had been stored without. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/compress.h"
#include "event/envelope.h"
#include "event/envelope_edit.h"
#include "event/envelope_open.h"

#define HEADER "{\"id\":\"e-1\",\"type\":\"order.paid\",\"contentEncoding\":\"zstd\",\"hash\":\"ab\"}"

static evsi_buf packed_of(const char *body) {
  evsi_buf packed = {0};
  assert_true(evsi_compress(EVSI_ENCODING_ZSTD, 0, evsi_text(body), &packed));
  return packed;
}

static bool open_it(const char *data, const evsi_buf *raw, uint64_t most, evsi_buf *out_data,
                    evsi_buf *out_raw) {
  *out_data = *out_raw = (evsi_buf){0};
  return evsi_envelope_open(evsi_text(data), evsi_bytes(raw->data, raw->size), most, out_data, out_raw);
}

static void a_json_body_comes_into_the_envelope(void **state) {
  (void)state;
  evsi_buf data, rest, raw = packed_of("{\"n\":1.50}");
  assert_true(open_it("{\"v\":1,\"header\":" HEADER ",\"headers\":{\"a\":\"b\"}}", &raw, 100, &data, &rest));
  assert_string_equal(data.data,
                      "{\"v\":1,\"header\":{\"id\":\"e-1\",\"type\":\"order.paid\",\"hash\":\"ab\"},"
                      "\"headers\":{\"a\":\"b\"},\"body\":{\"n\":1.50}}");
  assert_int_equal(rest.size, 0);
  evsi_buf_free(&data);
  evsi_buf_free(&rest);
  evsi_buf_free(&raw);
}

static void other_bytes_stay_beside_it(void **state) {
  (void)state;
  evsi_buf data, rest, raw = packed_of("not JSON");
  assert_true(open_it("{\"v\":1,\"header\":{\"id\":\"e-1\",\"type\":\"a\",\"contentType\":\"text/"
                      "plain\",\"contentEncoding\":\"zstd\"}}",
                      &raw, 100, &data, &rest));
  assert_string_equal(data.data,
                      "{\"v\":1,\"header\":{\"id\":\"e-1\",\"type\":\"a\",\"contentType\":\"text/plain\"}}");
  assert_string_equal(rest.data, "not JSON");
  evsi_buf_free(&data);
  evsi_buf_free(&rest);
  evsi_buf_free(&raw);
}

static void what_is_not_compressed_unknown_too_large_or_broken_is_left_alone(void **state) {
  (void)state;
  evsi_buf data, rest, raw = packed_of("[1,2,3,4,5,6,7,8]"), text = packed_of("not JSON");
  static const char *const others[] = {
      "{\"v\":1,\"header\":{\"id\":\"e-1\",\"type\":\"a\"},\"body\":1}", "", "{", "[]",
      "{\"v\":1,\"header\":{\"id\":\"e-1\",\"type\":\"a\",\"contentEncoding\":\"br\"}}"};
  for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
    assert_false(open_it(others[i], &raw, 100, &data, &rest));
    evsi_buf_free(&data);
    evsi_buf_free(&rest);
  }
  assert_false(open_it("{\"v\":1,\"header\":" HEADER "}", &raw, 16, &data, &rest));
  evsi_buf_free(&rest);
  assert_false(open_it("{\"v\":1,\"header\":" HEADER "}", &text, 100, &data, &rest));
  evsi_buf_free(&rest);
  raw.size--;
  assert_false(open_it("{\"v\":1,\"header\":" HEADER "}", &raw, 100, &data, &rest));
  evsi_buf_free(&rest);
  evsi_buf_free(&raw);
  evsi_buf_free(&text);
}

static void an_edit_replaces_it_and_names_the_hash_of_what_was_published(void **state) {
  (void)state;
  evsi_buf out = {0}, raw = packed_of("1");
  const evsi_edit edit = {.body = evsi_text("2"), .actor = evsi_text("me")};
  assert_null(evsi_envelope_edit(evsi_text("{\"v\":1,\"header\":" HEADER "}"), evsi_bytes(raw.data, raw.size),
                                 &edit, &out));
  assert_null(strstr(out.data, "contentEncoding"));
  assert_non_null(strstr(out.data, "\"body\":2"));
  assert_non_null(strstr(
      out.data, "\"editedFrom\":\"6b86b273ff34fce19d6b804eff5a3f5747ada4eaa22f1d49c01e52ddb7875b4b\""));
  evsi_buf_free(&out);
  evsi_buf_free(&raw);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_json_body_comes_into_the_envelope),
      cmocka_unit_test(other_bytes_stay_beside_it),
      cmocka_unit_test(what_is_not_compressed_unknown_too_large_or_broken_is_left_alone),
      cmocka_unit_test(an_edit_replaces_it_and_names_the_hash_of_what_was_published),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
