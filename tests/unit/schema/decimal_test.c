/* SPDX-License-Identifier: MIT
 * decimal_test.c - numbers are compared and divided by their text, exactly. */
#include "schema_fixture.h"

#include "schema/decimal.h"

static evsi_decimal number(const char *text) {
  return evsi_decimal_parse(evsi_text(text));
}

static void numbers_are_ordered_by_value_whatever_their_form(void **state) {
  (void)state;
  static const struct {
    const char *left, *right;
    int order;
  } cases[] = {
      {"1", "1.0", 0},
      {"1", "10e-1", 0},
      {"0", "-0.0", 0},
      {"0", "0e5", 0},
      {"-1", "1", -1},
      {"-2", "-1", -1},
      {"-1.5", "-1.25", -1},
      {"9007199254740993", "9007199254740992", 1},
      {"18446744073709551616", "18446744073709551615", 1},
      {"0.1", "0.10000000000000000000000000000000001", -1},
      {"100", "1e2", 0},
      {"123456789012345678901234567890", "1.2345678901234567890123456789e29", 0},
      {"1e400", "1e399", 1},
      {"-1e400", "-1e399", -1},
      {"1e-400", "0", 1},
      {"0.001", "0.01", -1},
      {"12.5", "125e-1", 0},
      {"99999999999999999999", "1e20", -1},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    evsi_decimal left = number(cases[i].left), right = number(cases[i].right);
    int order = evsi_decimal_compare(&left, &right), back = evsi_decimal_compare(&right, &left);
    if ((order > 0) - (order < 0) != cases[i].order || (back > 0) - (back < 0) != -cases[i].order)
      fail_msg("%s against %s gives %d and %d", cases[i].left, cases[i].right, order, back);
    if (!cases[i].order)
      assert_int_equal(evsi_decimal_hash(&left), evsi_decimal_hash(&right));
  }
}

static void whole_numbers_are_integers_in_every_form(void **state) {
  (void)state;
  static const char *const whole[] = {"0",      "-0",   "1.0",   "1e3",
                                      "120e-1", "0.00", "1e400", "12345678901234567890.0"};
  static const char *const broken[] = {"0.5", "1e-1", "123e-2", "1.00000000000000000000000000001", "1e-400"};
  for (size_t i = 0; i < sizeof whole / sizeof *whole; i++) {
    evsi_decimal n = number(whole[i]);
    assert_true(evsi_decimal_is_integer(&n));
  }
  for (size_t i = 0; i < sizeof broken / sizeof *broken; i++) {
    evsi_decimal n = number(broken[i]);
    assert_false(evsi_decimal_is_integer(&n));
  }
}

static void counts_are_read_from_whole_numbers_only(void **state) {
  (void)state;
  uint64_t count;
  evsi_decimal three = number("3.0"), thousand = number("1e3"), huge = number("1e400"), minus = number("-1"),
               half = number("0.5"), zero = number("-0");
  assert_true(evsi_decimal_to_count(&three, &count) && count == 3);
  assert_true(evsi_decimal_to_count(&thousand, &count) && count == 1000);
  assert_true(evsi_decimal_to_count(&huge, &count) && count == UINT64_MAX);
  assert_true(evsi_decimal_to_count(&zero, &count) && count == 0);
  assert_false(evsi_decimal_to_count(&minus, &count));
  assert_false(evsi_decimal_to_count(&half, &count));
}

static void multiples_are_decided_exactly(void **state) {
  (void)state;
  static const struct {
    const char *number, *divisor;
    bool is_multiple;
  } cases[] = {
      {"0.3", "0.1", true},
      {"0.35", "0.1", false},
      {"19.99", "0.01", true},
      {"4.35", "0.01", true},
      {"0.0075", "0.0001", true},
      {"0.00751", "0.0001", false},
      {"1e308", "0.5", true},
      {"1e308", "0.123456789", false},
      {"1e308", "3", false},
      {"3e308", "3", true},
      {"12391239123", "1e-8", true},
      {"0", "7", true},
      {"-21", "7", true},
      {"9007199254740993", "2", false},
      {"123456789012345678901234567890", "10", true},
      {"123456789012345678901234567891", "10", false},
      {"152415787532388367501905199875019052100", "12345678901234567890", true},
      {"152415787532388367501905199875019052101", "12345678901234567890", false},
      {"1e40", "1024", true},
      {"1e9", "1024", false},
      {"7", "1e400", false},
      {"1e-400", "1e-401", true},
      {"1000000000000000000000000000000000000000000000000000007",
       "1000000000000000000000000000000000000000000000000000007", true},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    evsi_decimal n = number(cases[i].number), d = number(cases[i].divisor);
    evsi_divisor divisor;
    assert_true(evsi_divisor_prepare(&divisor, &d));
    if (evsi_decimal_is_multiple(&n, &divisor) != cases[i].is_multiple)
      fail_msg("%s of %s", cases[i].number, cases[i].divisor);
  }
}

static void only_numbers_above_zero_divide(void **state) {
  (void)state;
  evsi_divisor divisor;
  evsi_decimal zero = number("0.0"), minus = number("-1");
  assert_false(evsi_divisor_prepare(&divisor, &zero));
  assert_false(evsi_divisor_prepare(&divisor, &minus));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(numbers_are_ordered_by_value_whatever_their_form),
      cmocka_unit_test(whole_numbers_are_integers_in_every_form),
      cmocka_unit_test(counts_are_read_from_whole_numbers_only),
      cmocka_unit_test(multiples_are_decided_exactly),
      cmocka_unit_test(only_numbers_above_zero_divide),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
