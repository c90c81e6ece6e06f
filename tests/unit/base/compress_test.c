/* SPDX-License-Identifier: MIT
 * compress_test.c - what is compressed comes back, with a bound on its size; what is broken says so. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/compress.h"
#include "unit/support/shortage.h"

static const evsi_encoding encodings[] = {EVSI_ENCODING_ZSTD, EVSI_ENCODING_LZ4};
enum { ENCODINGS = sizeof encodings / sizeof *encodings, LARGE = 3 * 1024 * 1024 };

static evsi_buf packed_of(evsi_encoding encoding, const char *bytes, size_t size) {
  evsi_buf packed = {0};
  assert_true(evsi_compress(encoding, 0, evsi_bytes(bytes, size), &packed));
  return packed;
}

static const char *unpack(evsi_encoding encoding, const char *bytes, size_t size, uint64_t most,
                          evsi_buf *out) {
  *out = (evsi_buf){0};
  return evsi_decompress(encoding, evsi_bytes(bytes, size), most, out);
}

static void what_is_compressed_comes_back_byte_by_byte(void **state) {
  (void)state;
  static char text[LARGE];
  static const size_t sizes[] = {0, 1, 63, 64 * 1024 - 1, 64 * 1024, 64 * 1024 + 1, LARGE};
  uint32_t mixed = 1; /* a linear congruence: neither regular nor always another one */
  for (size_t i = 0; i < sizeof text; i++) {
    mixed = mixed * 1664525 + 1013904223;
    text[i] = (char)(i % 7 ? 'a' + i % 26 : mixed >> 24);
  }
  for (int e = 0; e < ENCODINGS; e++) {
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
      evsi_buf plain, packed = packed_of(encodings[e], text, sizes[s]);
      assert_null(unpack(encodings[e], packed.data, packed.size, sizes[s], &plain));
      assert_int_equal(plain.size, sizes[s]);
      assert_memory_equal(plain.data ? plain.data : "", text, sizes[s]);
      evsi_buf_free(&plain);
      evsi_buf_free(&packed);
    }
  }
}

static void every_level_can_be_read(void **state) {
  (void)state;
  static char text[100000];
  memset(text, 'x', sizeof text);
  for (int32_t level = 0; level <= 19; level++) {
    evsi_encoding encoding = level > 12 ? EVSI_ENCODING_ZSTD : encodings[level % 2];
    evsi_buf plain, packed = {0};
    assert_true(evsi_compress(encoding, level, evsi_bytes(text, sizeof text), &packed));
    assert_true(packed.size < 1000);
    assert_null(unpack(encoding, packed.data, packed.size, sizeof text, &plain));
    assert_int_equal(plain.size, sizeof text);
    evsi_buf_free(&plain);
    evsi_buf_free(&packed);
  }
}

static void a_bomb_goes_off_at_the_bound(void **state) {
  (void)state;
  static char zeros[LARGE];
  for (int e = 0; e < ENCODINGS; e++) {
    evsi_buf plain, packed = packed_of(encodings[e], zeros, sizeof zeros);
    assert_true(packed.size < LARGE / 100);
    assert_string_equal(unpack(encodings[e], packed.data, packed.size, 100000, &plain),
                        "the body is larger, when it is decompressed, than limits.bodyBytes allows");
    assert_true(plain.capacity <= 512 * 1024);
    evsi_buf_free(&plain);
    assert_non_null(unpack(encodings[e], packed.data, packed.size, LARGE - 1, &plain));
    evsi_buf_free(&plain);
    evsi_buf_free(&packed);
  }
}

/* Written by hand: a window of 2 MiB, and as its last block one byte 26,624 times. */
static void a_frame_that_keeps_its_size_to_itself_is_bounded_too(void **state) {
  (void)state;
  enum { SIZE = 26624 };
  static const char frame[] = "\x28\xb5\x2f\xfd\x00\x58\x03\x40\x03"
                              "a";
  evsi_buf plain;
  assert_null(unpack(EVSI_ENCODING_ZSTD, frame, sizeof frame - 1, SIZE, &plain));
  assert_int_equal(plain.size, SIZE);
  evsi_buf_free(&plain);
  assert_string_equal(unpack(EVSI_ENCODING_ZSTD, frame, sizeof frame - 1, SIZE - 1, &plain),
                      "the body is larger, when it is decompressed, than limits.bodyBytes allows");
  evsi_buf_free(&plain);
}

static void what_is_cut_off_is_refused_wherever_it_is_cut(void **state) {
  (void)state;
  static const char text[] =
      "to be, or not to be, or to be, or not to be, that is the question, is the question";
  for (int e = 0; e < ENCODINGS; e++) {
    evsi_buf plain, packed = packed_of(encodings[e], text, sizeof text);
    for (size_t size = 0; size < packed.size; size++) {
      assert_non_null(unpack(encodings[e], packed.data, size, 1000, &plain));
      evsi_buf_free(&plain);
    }
    evsi_buf_free(&packed);
  }
}

static void what_is_changed_is_noticed(void **state) {
  (void)state;
  static char text[500];
  for (size_t i = 0; i < sizeof text; i++)
    text[i] = (char)('a' + i * i % 26);
  for (int e = 0; e < ENCODINGS; e++) {
    evsi_buf packed = packed_of(encodings[e], text, sizeof text);
    for (size_t bit = 0; bit < packed.size * 8; bit++) {
      evsi_buf plain;
      packed.data[bit / 8] ^= (char)(1 << bit % 8);
      const char *why = unpack(encodings[e], packed.data, packed.size, 1000, &plain);
      assert_true(why || (plain.size == sizeof text && memcmp(plain.data, text, sizeof text) == 0));
      packed.data[bit / 8] ^= (char)(1 << bit % 8);
      evsi_buf_free(&plain);
    }
    evsi_buf_free(&packed);
  }
}

static void nothing_may_follow_a_frame(void **state) {
  (void)state;
  for (int e = 0; e < ENCODINGS; e++) {
    evsi_buf plain, packed = packed_of(encodings[e], "abc", 3);
    evsi_buf_add(&packed, "x", 1);
    assert_string_equal(unpack(encodings[e], packed.data, packed.size, 1000, &plain),
                        "something follows the compressed body");
    evsi_buf_free(&plain);
    evsi_buf_free(&packed);
  }
}

static void one_algorithm_does_not_read_the_other(void **state) {
  (void)state;
  evsi_buf plain, packed = packed_of(EVSI_ENCODING_ZSTD, "abc", 3);
  assert_string_equal(unpack(EVSI_ENCODING_LZ4, packed.data, packed.size, 1000, &plain),
                      "the compressed body is broken");
  evsi_buf_free(&plain);
  assert_non_null(unpack(EVSI_ENCODING_UNKNOWN, packed.data, packed.size, 1000, &plain));
  evsi_buf_free(&packed);
}

static void words_are_those_of_the_configuration(void **state) {
  (void)state;
  assert_int_equal(evsi_encoding_of(evsi_text("zstd")), EVSI_ENCODING_ZSTD);
  assert_int_equal(evsi_encoding_of(evsi_text("lz4")), EVSI_ENCODING_LZ4);
  assert_int_equal(evsi_encoding_of(evsi_text("br")), EVSI_ENCODING_UNKNOWN);
  assert_int_equal(evsi_encoding_of(evsi_text("")), EVSI_ENCODING_NONE);
  assert_string_equal(evsi_encoding_word(EVSI_ENCODING_LZ4), "lz4");
}

static evs_status pack_and_unpack(void *encoding) {
  static char text[200000];
  const evsi_encoding as = *(const evsi_encoding *)encoding;
  memset(text, 'y', sizeof text);
  evsi_buf packed = {0}, plain = {0};
  const char *why = evsi_decompress_no_memory;
  if (evsi_compress(as, 0, evsi_bytes(text, sizeof text), &packed))
    why = unpack(as, packed.data, packed.size, sizeof text, &plain);
  assert_true(!why || why == evsi_decompress_no_memory);
  evsi_buf_free(&packed);
  evsi_buf_free(&plain);
  return why ? EVS_NOMEM : EVS_OK;
}

static void every_allocation_may_fail(void **state) {
  (void)state;
  for (int e = 0; e < ENCODINGS; e++)
    shortage_of_each(pack_and_unpack, (void *)&encodings[e], SHORTAGE_IS_TOLD);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(what_is_compressed_comes_back_byte_by_byte),
      cmocka_unit_test(every_level_can_be_read),
      cmocka_unit_test(a_bomb_goes_off_at_the_bound),
      cmocka_unit_test(a_frame_that_keeps_its_size_to_itself_is_bounded_too),
      cmocka_unit_test(what_is_cut_off_is_refused_wherever_it_is_cut),
      cmocka_unit_test(what_is_changed_is_noticed),
      cmocka_unit_test(nothing_may_follow_a_frame),
      cmocka_unit_test(one_algorithm_does_not_read_the_other),
      cmocka_unit_test(words_are_those_of_the_configuration),
      cmocka_unit_test(every_allocation_may_fail),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
