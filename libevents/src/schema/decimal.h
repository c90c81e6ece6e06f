/* SPDX-License-Identifier: MIT
 * decimal.h - numbers of JSON by their text: compared, hashed and divided exactly, whatever their size.
 * Nothing is rounded; only exponents beyond 10^15 are taken for 10^15. */
#ifndef EVSI_DECIMAL_H
#define EVSI_DECIMAL_H

#include <stdbool.h>
#include <stdint.h>

#include "libevents.h"

enum { EVSI_DIVISOR_DIGITS_MAX = 108 };

/* 0.d1d2d3… × 10^point, the first and the last digit not 0; zero has no digits. */
typedef struct evsi_decimal {
  const char *digits; /* within the text: there may be a point among them */
  uint32_t count;
  bool is_negative;
  bool is_small; /* then `small` is the value */
  int64_t small;
  int64_t point;
} evsi_decimal;

/* `text` is a number of JSON and has to stay as long as the decimal is used. */
evsi_decimal evsi_decimal_parse(evs_bytes text);
bool evsi_decimal_is_integer(const evsi_decimal *number);
int evsi_decimal_compare(const evsi_decimal *a, const evsi_decimal *b); /* < 0, 0, > 0 */
uint64_t evsi_decimal_hash(const evsi_decimal *number);                 /* equal numbers, equal hashes */
/* As a count: UINT64_MAX when it is larger. False when it is no integer or negative. */
bool evsi_decimal_to_count(const evsi_decimal *number, uint64_t *out_count);

/* What multipleOf divides by: prepared once. */
typedef struct evsi_divisor {
  evsi_decimal value;
  uint64_t parts[6]; /* its digits as an integer, 18 to a part, the lowest first */
  uint32_t part_count;
} evsi_divisor;

/* False when it is not above zero or has more than EVSI_DIVISOR_DIGITS_MAX digits. */
bool evsi_divisor_prepare(evsi_divisor *divisor, const evsi_decimal *value);
bool evsi_decimal_is_multiple(const evsi_decimal *number, const evsi_divisor *divisor);

#endif
