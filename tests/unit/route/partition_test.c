/* SPDX-License-Identifier: MIT
 * partition_test.c - hashes of keys at the edges; ordinary keys are in the vectors. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/buf.h"
#include "route/partition.h"

static void murmur2_agrees_with_kafka(void **state) {
  (void)state;
  /* From Kafka's own UtilsTest. */
  assert_int_equal((int32_t)evsi_murmur2("21", 2), -973932308);
  assert_int_equal((int32_t)evsi_murmur2("foobar", 6), -790332482);
  assert_int_equal((int32_t)evsi_murmur2("a-little-bit-long-string", 24), -985981536);
  assert_int_equal((int32_t)evsi_murmur2("a-little-bit-longer-string", 26), -1486304829);
  assert_int_equal((int32_t)evsi_murmur2("abc", 3), 479470107);
}

static void nothing_to_choose_from_is_partition_0(void **state) {
  (void)state;
  assert_int_equal(evsi_partition_of_key(evsi_text("a"), 0), 0);
  assert_int_equal(evsi_partition_of_key(evsi_text("a"), 1), 0);
  assert_in_range(evsi_partition_of_key(evsi_bytes(NULL, 0), 7), 0, 6);
}

static void only_a_filled_hash_tag_decides_the_slot(void **state) {
  (void)state;
  uint32_t tag = evsi_slot_of_key(evsi_text("tag"));
  assert_int_equal(evsi_slot_of_key(evsi_text("a{tag}b")), tag);
  assert_int_equal(evsi_slot_of_key(evsi_text("{tag}{other}")), tag);
  assert_int_equal(evsi_slot_of_key(evsi_text("123456789")), 12739); /* XMODEM's check value 0x31C3 */
  assert_int_not_equal(evsi_slot_of_key(evsi_text("{}tag")), tag);
  assert_int_not_equal(evsi_slot_of_key(evsi_text("{tag")), tag);
  assert_int_not_equal(evsi_slot_of_key(evsi_text("tag}")), tag);
  assert_int_equal(evsi_slot_of_key(evsi_bytes(NULL, 0)), 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(murmur2_agrees_with_kafka),
      cmocka_unit_test(nothing_to_choose_from_is_partition_0),
      cmocka_unit_test(only_a_filled_hash_tag_decides_the_slot),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
