/* SPDX-License-Identifier: MIT
 * version.c - see version.h. */
#include "schema/version.h"

#include <stdio.h>

enum { DIGITS_MAX = 9 };

/* Reads digits from *at on, and moves it behind them. */
static bool parse_part(const char **at, const char *end, uint32_t *out) {
  const char *start = *at;
  *out = 0;
  for (; *at < end && **at >= '0' && **at <= '9' && *at - start <= DIGITS_MAX; ++*at)
    *out = *out * 10 + (uint32_t)(**at - '0');
  size_t digits = (size_t)(*at - start);
  return digits >= 1 && digits <= DIGITS_MAX && (digits == 1 || *start != '0');
}

bool evsi_number_parse(evs_bytes text, evsi_number *out) {
  const char *at = text.data, *end = text.data + text.size;
  for (int i = 0; i < 3; i++) {
    if (i > 0 && (at == end || *at++ != '.'))
      return false;
    if (!parse_part(&at, end, &out->part[i]))
      return false;
  }
  return at == end;
}

void evsi_number_text(const evsi_number *number, char out[EVSI_NUMBER_TEXT]) {
  snprintf(out, EVSI_NUMBER_TEXT, "%u.%u.%u", number->part[0], number->part[1], number->part[2]);
}

int evsi_number_compare(const evsi_number *a, const evsi_number *b) {
  for (int i = 0; i < 3; i++)
    if (a->part[i] != b->part[i])
      return a->part[i] < b->part[i] ? -1 : 1;
  return 0;
}

evsi_number evsi_number_next(const evsi_number *number, int part) {
  evsi_number next = {{0, 0, 0}};
  for (int i = 0; i <= part; i++)
    next.part[i] = number->part[i] + (i == part);
  return next;
}
