/* SPDX-License-Identifier: MIT
 * decimal.c - arithmetic on the digits of a number's text. */
#include "schema/decimal.h"

enum { PART_DIGITS = 18, SMALL_DIGITS = 18 };
#define EXPONENT_MAX INT64_C(1000000000000000)
#define PART_BASE UINT64_C(1000000000000000000)

/* Reads one digit after the other, and steps over the point. */
static unsigned next_digit(const char **at) {
  if (**at == '.')
    (*at)++;
  return (unsigned)(*(*at)++ - '0');
}

static int64_t parse_exponent(const char *at, const char *end) {
  bool is_negative = *at == '-';
  if (*at == '-' || *at == '+')
    at++;
  int64_t exponent = 0;
  for (; at < end; at++) {
    exponent = exponent * 10 + (*at - '0');
    if (exponent > EXPONENT_MAX)
      exponent = EXPONENT_MAX;
  }
  return is_negative ? -exponent : exponent;
}

/* Digits without point and exponent, few enough for 64 bits: most numbers. */
static bool parse_small(evs_bytes text, evsi_decimal *number) {
  const char *at = text.data, *end = text.data + text.size;
  bool is_negative = *at == '-';
  if (is_negative)
    at++;
  if (end - at > SMALL_DIGITS)
    return false;
  const char *first = at;
  int64_t value = 0;
  for (; at < end; at++) {
    if (*at < '0' || *at > '9')
      return false;
    value = value * 10 + (*at - '0');
  }
  number->is_small = true;
  number->is_negative = is_negative && value;
  number->small = is_negative ? -value : value;
  number->digits = first;
  number->point = end - first;
  number->count = value ? (uint32_t)(end - first) : 0;
  while (number->count && first[number->count - 1] == '0')
    number->count--;
  return true;
}

evsi_decimal evsi_decimal_parse(evs_bytes text) {
  evsi_decimal number = {.digits = text.data};
  if (parse_small(text, &number))
    return number;
  const char *at = text.data, *end = text.data + text.size;
  number.is_negative = *at == '-';
  if (number.is_negative)
    at++;
  int64_t whole =
      0; /* digits before the point, from the first that is not 0; below 0: zeros behind the point */
  uint32_t seen = 0;
  bool is_behind_point = false;
  for (; at < end && *at != 'e' && *at != 'E'; at++) {
    if (*at == '.') {
      is_behind_point = true;
      continue;
    }
    if (!seen && *at == '0') {
      whole -= is_behind_point;
      continue;
    }
    if (!seen)
      number.digits = at;
    seen++;
    whole += !is_behind_point;
    if (*at != '0')
      number.count = seen;
  }
  number.point = whole + (at < end ? parse_exponent(at + 1, end) : 0);
  if (!number.count) {
    number = (evsi_decimal){.digits = text.data, .is_small = true};
  }
  return number;
}

bool evsi_decimal_is_integer(const evsi_decimal *number) {
  return number->count == 0 || number->point >= number->count;
}

static int compare_magnitudes(const evsi_decimal *a, const evsi_decimal *b) {
  if (!a->count || !b->count)
    return (a->count > 0) - (b->count > 0);
  if (a->point != b->point)
    return a->point < b->point ? -1 : 1;
  const char *left = a->digits, *right = b->digits;
  uint32_t both = a->count < b->count ? a->count : b->count;
  for (uint32_t i = 0; i < both; i++) {
    unsigned l = next_digit(&left), r = next_digit(&right);
    if (l != r)
      return l < r ? -1 : 1;
  }
  return (a->count > b->count) - (a->count < b->count);
}

int evsi_decimal_compare(const evsi_decimal *a, const evsi_decimal *b) {
  if (a->is_small && b->is_small)
    return (a->small > b->small) - (a->small < b->small);
  if (a->is_negative != b->is_negative)
    return a->is_negative ? -1 : 1;
  int order = compare_magnitudes(a, b);
  return a->is_negative ? -order : order;
}

uint64_t evsi_decimal_hash(const evsi_decimal *number) {
  uint64_t hash = UINT64_C(0xCBF29CE484222325) ^ (number->is_negative ? 1 : 0);
  if (!number->count)
    return hash;
  hash = (hash ^ (uint64_t)number->point) * UINT64_C(0x100000001B3);
  const char *at = number->digits;
  for (uint32_t i = 0; i < number->count; i++)
    hash = (hash ^ next_digit(&at)) * UINT64_C(0x100000001B3);
  return hash;
}

bool evsi_decimal_to_count(const evsi_decimal *number, uint64_t *out_count) {
  if (number->is_negative || !evsi_decimal_is_integer(number))
    return false;
  *out_count = UINT64_MAX;
  if (number->count == 0)
    *out_count = 0;
  if (number->count == 0 || number->point > SMALL_DIGITS)
    return true;
  const char *at = number->digits;
  uint64_t count = 0;
  for (int64_t i = 0; i < number->point; i++)
    count = count * 10 + (i < number->count ? next_digit(&at) : 0);
  *out_count = count;
  return true;
}

bool evsi_divisor_prepare(evsi_divisor *divisor, const evsi_decimal *value) {
  if (value->is_negative || !value->count || value->count > EVSI_DIVISOR_DIGITS_MAX)
    return false;
  *divisor = (evsi_divisor){.value = *value, .part_count = (value->count + PART_DIGITS - 1) / PART_DIGITS};
  const char *at = value->digits;
  for (uint32_t i = value->count; i-- > 0;)
    divisor->parts[i / PART_DIGITS] = divisor->parts[i / PART_DIGITS] * 10 + next_digit(&at);
  return true;
}

static bool rest_is_below(const uint64_t *rest, const evsi_divisor *divisor) {
  for (uint32_t i = divisor->part_count; i-- > 0;)
    if (rest[i] != divisor->parts[i])
      return rest[i] < divisor->parts[i];
  return false;
}

/* rest = (rest × 10 + digit) mod divisor. The top part may pass its base for a moment: 10^19 fits in 64 bits.
 */
static void divide_step(uint64_t *rest, unsigned digit, const evsi_divisor *divisor) {
  uint32_t last = divisor->part_count - 1;
  uint64_t carry = digit;
  for (uint32_t i = 0; i <= last; i++) {
    rest[i] = rest[i] * 10 + carry;
    carry = 0;
    if (i < last) {
      carry = rest[i] / PART_BASE;
      rest[i] %= PART_BASE;
    }
  }
  while (!rest_is_below(rest, divisor)) {
    uint64_t borrow = 0;
    for (uint32_t i = 0; i <= last; i++) {
      uint64_t take = divisor->parts[i] + borrow;
      borrow = rest[i] < take;
      rest[i] = rest[i] - take + (borrow && i < last ? PART_BASE : 0);
    }
  }
}

/* number = a × 10^x and divisor = b × 10^y with whole a and b that do not end in 0. With x < y a quotient
 * would make a end in 0. Else b has to divide a × 10^(x-y); zeros beyond the factors 2 and 5 of b change
 * nothing. */
bool evsi_decimal_is_multiple(const evsi_decimal *number, const evsi_divisor *divisor) {
  if (!number->count)
    return true;
  if (number->is_small && divisor->value.is_small)
    return number->small % divisor->value.small == 0;
  int64_t zeros = (number->point - number->count) - (divisor->value.point - divisor->value.count);
  if (zeros < 0)
    return false;
  if (zeros > 4 * (int64_t)divisor->value.count)
    zeros = 4 * (int64_t)divisor->value.count;
  uint64_t rest[6] = {0};
  const char *at = number->digits;
  for (uint32_t i = 0; i < number->count; i++)
    divide_step(rest, next_digit(&at), divisor);
  for (int64_t i = 0; i < zeros; i++)
    divide_step(rest, 0, divisor);
  for (uint32_t i = 0; i < divisor->part_count; i++)
    if (rest[i])
      return false;
  return true;
}
