/* SPDX-License-Identifier: MIT
 * envelope_test.c - the stored form of an event, written and read, and what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "event/envelope.h"

static const char *decode(const char *text, evsi_envelope *out, evsi_buf *scratch) {
  return evsi_envelope_decode(evsi_text(text), out, scratch);
}

static void assert_bytes(evs_bytes found, const char *expected) {
  if (!evsi_bytes_equal(found, evsi_text(expected)))
    fail_msg("\"%.*s\" is not \"%s\"", (int)found.size, found.data, expected);
}

static void an_envelope_is_written_in_the_documented_order(void **state) {
  (void)state;
  evsi_envelope envelope = {.id = evsi_text("i"),
                            .type = evsi_text("user.created"),
                            .origin = evsi_text("sh\"op"),
                            .origin_prefix = evsi_text("eu.de"),
                            .timestamp = evsi_text("2026-01-31T12:00:00.123Z"),
                            .version = evsi_text("1.0.0"),
                            .hash = evsi_text("ab"),
                            .headers = evsi_text("{\"a\":\"b\"}"),
                            .body = evsi_text("{ \"x\" : 1.50 }")};
  evsi_buf out = {0};
  evsi_envelope_encode(&out, &envelope, EVSI_FORM_OWN);
  assert_string_equal(out.data,
                      "{\"v\":1,\"header\":{\"id\":\"i\",\"type\":\"user.created\",\"origin\":\"sh\\\"op\","
                      "\"originPrefix\":\"eu.de\",\"timestamp\":\"2026-01-31T12:00:00.123Z\",\"hash\":\"ab\","
                      "\"version\":\"1.0.0\"},\"headers\":{\"a\":\"b\"},\"body\":{ \"x\" : 1.50 }}");
  evsi_buf_free(&out);
}

static void the_published_form_is_written_without_v(void **state) {
  (void)state;
  evsi_envelope envelope = {.id = evsi_text("i"),
                            .type = evsi_text("a.b"),
                            .headers = evsi_text("{\"a\":\"b\"}"),
                            .body = evsi_text("[1]")};
  evsi_buf out = {0};
  evsi_envelope_encode(&out, &envelope, EVSI_FORM_PUBLISHED);
  assert_string_equal(out.data,
                      "{\"header\":{\"id\":\"i\",\"type\":\"a.b\"},\"headers\":{\"a\":\"b\"},\"body\":[1]}");
  evsi_buf_free(&out);
}

static void what_was_written_is_read_back_with_the_body_untouched(void **state) {
  (void)state;
  evsi_envelope in = {.id = evsi_text("i\n\x01"),
                      .type = evsi_text("a.b"),
                      .origin = evsi_text("\\\xC3\xA9"),
                      .body = evsi_text("[1, 2.50,\"\\u00e9\"]")};
  evsi_envelope back;
  evsi_buf out = {0}, scratch = {0};
  evsi_envelope_encode(&out, &in, EVSI_FORM_OWN);
  assert_null(decode(out.data, &back, &scratch));
  assert_bytes(back.id, "i\n\x01");
  assert_bytes(back.type, "a.b");
  assert_bytes(back.origin, "\\\xC3\xA9");
  assert_bytes(back.body, "[1, 2.50,\"\\u00e9\"]");
  assert_int_equal(back.origin_prefix.size, 0);
  assert_int_equal(back.headers.size, 0);
  evsi_buf_free(&out);
  evsi_buf_free(&scratch);
}

static void an_absent_body_is_null_unless_bytes_travel_beside(void **state) {
  (void)state;
  evsi_envelope in = {.id = evsi_text("i"), .type = evsi_text("a")}, back;
  evsi_buf out = {0}, scratch = {0};
  evsi_envelope_encode(&out, &in, EVSI_FORM_OWN);
  assert_null(decode(out.data, &back, &scratch));
  assert_bytes(back.body, "null");
  evsi_buf_clear(&out);
  in.content_type = evsi_text("image/png");
  evsi_envelope_encode(&out, &in, EVSI_FORM_OWN);
  assert_null(strstr(out.data, "body"));
  assert_null(decode(out.data, &back, &scratch));
  assert_int_equal(back.body.size, 0);
  assert_bytes(back.content_type, "image/png");
  evsi_buf_free(&out);
  evsi_buf_free(&scratch);
}

static void the_size_of_an_envelope_is_told_without_writing_it(void **state) {
  (void)state;
  const evsi_envelope envelopes[] = {
      {.id = evsi_text("i"), .type = evsi_text("a.b")},
      {.id = evsi_text("i\n"),
       .type = evsi_text("a"),
       .origin = evsi_text("\xFF\"\xC3\xA9"),
       .body = evsi_text("[1]")},
      {.id = evsi_text("i"),
       .type = evsi_text("a"),
       .content_type = evsi_text("image/png"),
       .headers = evsi_text("{\"a\":\"b\"}")},
      {.id = evsi_text("i"),
       .type = evsi_text("a"),
       .encoding = evsi_text("zstd"),
       .key = evsi_text("k"),
       .hash = evsi_text("ab"),
       .timestamp = evsi_text("t"),
       .version = evsi_text("1"),
       .origin_prefix = evsi_text("eu")},
  };
  for (size_t i = 0; i < sizeof envelopes / sizeof *envelopes; i++) {
    evsi_buf out = {0};
    evsi_envelope_encode(&out, &envelopes[i], EVSI_FORM_OWN);
    assert_int_equal(evsi_envelope_size(&envelopes[i]), out.size);
    evsi_buf_free(&out);
  }
}

static void members_may_come_in_any_order_and_unknown_ones_are_ignored(void **state) {
  (void)state;
  evsi_envelope back;
  evsi_buf scratch = {0};
  assert_null(decode(
      " { \"body\" : 7 , \"later\":[{}], \"header\":{\"x\":{},\"version\":\"2\",\"type\":\"a\",\"id\":\"i\","
      "\"originPrefix\":null}, \"v\" : 1 } ",
      &back, &scratch));
  assert_bytes(back.body, "7");
  assert_bytes(back.id, "i");
  assert_bytes(back.version, "2");
  assert_int_equal(back.origin_prefix.size, 0);
  evsi_buf_free(&scratch);
}

static void the_published_form_has_no_v_and_may_lack_a_body(void **state) {
  (void)state;
  evsi_envelope back;
  evsi_buf scratch = {0};
  assert_null(decode("{\"header\":{\"id\":\"i\",\"type\":\"a\"},\"body\":{\"n\":1}}", &back, &scratch));
  assert_bytes(back.body, "{\"n\":1}");
  assert_null(
      decode("{\"header\":{\"id\":\"i\",\"type\":\"a\"},\"headers\":{\"k\":\"v\"}}", &back, &scratch));
  assert_bytes(back.body, "null");
  assert_bytes(back.headers, "{\"k\":\"v\"}");
  evsi_buf_free(&scratch);
}

static void keys_and_many_texts_with_escapes_stay_valid_together(void **state) {
  (void)state;
  evsi_envelope back;
  evsi_buf scratch = {0};
  assert_null(decode(
      "{\"\\u0068eader\":{\"i\\u0064\":\"\\u0069\\n\",\"type\":\"\\u0061.b\",\"origin\":\"\\u006f\\t\","
      "\"version\":\"\\u0031\"},\"bod\\u0079\":0}",
      &back, &scratch));
  assert_bytes(back.id, "i\n");
  assert_bytes(back.type, "a.b");
  assert_bytes(back.origin, "o\t");
  assert_bytes(back.version, "1");
  assert_bytes(back.body, "0");
  evsi_buf_free(&scratch);
}

static void malformed_envelopes_are_refused_with_a_reason(void **state) {
  (void)state;
  static const struct {
    const char *text;
    const char *why;
  } cases[] = {
      {"", "an object is expected"},
      {"[]", "an object is expected"},
      {"{\"v\":2,\"header\":{\"id\":\"i\",\"type\":\"a\"},\"body\":1}", "unknown format"},
      {"{\"v\":\"1\",\"header\":{\"id\":\"i\",\"type\":\"a\"},\"body\":1}", "unknown format"},
      {"{\"v\":null}", "unknown format"},
      {"{\"v\":1}", "header is missing or not an object"},
      {"{\"v\":1,\"header\":[]}", "header is missing or not an object"},
      {"{\"v\":1,\"header\":{},\"body\":1}", "header.id is missing"},
      {"{\"v\":1,\"header\":{\"id\":\"i\"},\"body\":1}", "header.type is missing"},
      {"{\"v\":1,\"header\":{\"id\":\"\",\"type\":\"a\"},\"body\":1}", "header.id is missing"},
      {"{\"v\":1,\"header\":{\"id\":7,\"type\":\"a\"},\"body\":1}", "header.id is not a text"},
      {"{\"v\":1,\"header\":{\"id\":null,\"type\":\"a\"},\"body\":1}", "header.id is not a text"},
      {"{\"v\":1,\"header\":{\"id\":\"i\",\"type\":\"a\",\"origin\":{}},\"body\":1}",
       "header.origin is not a text"},
      {"{\"v\":1,\"header\":{\"id\":\"i\",\"id\":\"j\",\"type\":\"a\"},\"body\":1}",
       "header.id is there twice"},
      {"{\"v\":1,\"header\":{\"id\":\"i\",\"\\u0069d\":\"j\",\"type\":\"a\"},\"body\":1}",
       "header.id is there twice"},
      {"{\"v\":1,\"header\":{\"id\":\"i\",\"type\":\"a\"},\"body\":1,\"body\":2}", "body is there twice"},
      {"{\"header\":{\"id\":\"i\",\"type\":\"a\"},\"header\":{\"id\":\"j\",\"type\":\"b\"},\"body\":1}",
       "header is there twice"},
      {"{\"v\":1,\"v\":1,\"header\":{\"id\":\"i\",\"type\":\"a\"},\"body\":1}", "v is there twice"},
      {"{\"v\":1,\"header\":{\"id\":\"i\",\"type\":\"a\"}}", "body is missing"},
      {"{\"v\":1,\"header\":{\"id\":\"i\",\"type\":\"a\"},\"headers\":[],\"body\":1}",
       "headers is not an object"},
      {"{\"v\":1,\"header\":{\"id\":\"i\",\"type\":\"a\"},\"headers\":{\"a\":1},\"body\":1}",
       "headers has a value that is not a text"},
      {"{\"v\":1,\"header\":{\"id\":\"i\",\"type\":\"a\"},\"body\":1}x", "nothing may follow the value"},
      {"{\"v\":1,\"header\":{\"id\":\"i\",\"type\":\"\xFF\"},\"body\":1}", "not UTF-8"},
      /* What is no JSON comes first, then the format, then the header. */
      {"{\"v\":2,\"header\": {\"id\":7} ,\"body\":}", "a value is expected here"},
      {"{\"v\":2,\"header\": {\"id\":7} ,\"body\":1}", "unknown format"},
      {"{\"v\":1,\"header\": {\"id\":7} ,\"body\":1}", "header.id is not a text"},
      {"{\"v\":1,\"header\":{\"id\":\"\\n\",\"type\":x},\"body\":1}", "a value is expected here"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    evsi_envelope back;
    evsi_buf scratch = {0};
    const char *why = decode(cases[i].text, &back, &scratch);
    if (!why || strcmp(why, cases[i].why) != 0)
      fail_msg("%s: %s", cases[i].text, why ? why : "accepted");
    evsi_buf_free(&scratch);
  }
}

/* The header counts as a level. */
static void a_header_is_nested_no_deeper_than_other_json(void **state) {
  (void)state;
  for (int depth = 511; depth <= 512; depth++) {
    evsi_envelope back;
    evsi_buf scratch = {0}, text = {0};
    evsi_buf_add_text(&text, "{\"header\":{\"id\":\"i\",\"type\":\"a\",\"x\":");
    for (int i = 0; i < depth; i++)
      evsi_buf_add_text(&text, "[");
    for (int i = 0; i < depth; i++)
      evsi_buf_add_text(&text, "]");
    evsi_buf_add_text(&text, "},\"body\":1}");
    const char *why = evsi_envelope_decode(evsi_bytes(text.data, text.size), &back, &scratch);
    assert_true(depth < 512 ? why == NULL : why && strcmp(why, "nested deeper than 512 levels") == 0);
    evsi_buf_free(&text);
    evsi_buf_free(&scratch);
  }
}

static void every_cut_of_an_envelope_is_malformed(void **state) {
  (void)state;
  const char *text =
      "{\"v\":1,\"header\":{\"id\":\"i\\n\",\"type\":\"a.b\"},\"headers\":{\"k\":\"v\"},\"body\":[1,{}]}";
  for (size_t size = 0; size < strlen(text); size++) {
    evsi_envelope back;
    evsi_buf scratch = {0};
    assert_non_null(evsi_envelope_decode(evsi_bytes(text, size), &back, &scratch));
    evsi_buf_free(&scratch);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(an_envelope_is_written_in_the_documented_order),
      cmocka_unit_test(the_published_form_is_written_without_v),
      cmocka_unit_test(what_was_written_is_read_back_with_the_body_untouched),
      cmocka_unit_test(an_absent_body_is_null_unless_bytes_travel_beside),
      cmocka_unit_test(the_size_of_an_envelope_is_told_without_writing_it),
      cmocka_unit_test(members_may_come_in_any_order_and_unknown_ones_are_ignored),
      cmocka_unit_test(the_published_form_has_no_v_and_may_lack_a_body),
      cmocka_unit_test(keys_and_many_texts_with_escapes_stay_valid_together),
      cmocka_unit_test(malformed_envelopes_are_refused_with_a_reason),
      cmocka_unit_test(a_header_is_nested_no_deeper_than_other_json),
      cmocka_unit_test(every_cut_of_an_envelope_is_malformed),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
