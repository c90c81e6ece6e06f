/* SPDX-License-Identifier: MIT
 * format_time.c - dates and times of RFC 3339, durations of its appendix A. */
#include <string.h>

#include "schema/format.h"

/* Exactly `count` digits at *at, which moves behind them. */
static bool take_number(const char **at, const char *end, int count, int *out_number) {
  int number = 0;
  if (end - *at < count)
    return false;
  for (int i = 0; i < count; i++) {
    char c = (*at)[i];
    if (c < '0' || c > '9')
      return false;
    number = number * 10 + (c - '0');
  }
  *at += count;
  *out_number = number;
  return true;
}

static bool take_char(const char **at, const char *end, char c) {
  if (*at == end || **at != c)
    return false;
  (*at)++;
  return true;
}

static bool take_date(const char **at, const char *end) {
  static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  int year, month, day;
  if (!take_number(at, end, 4, &year) || !take_char(at, end, '-') || !take_number(at, end, 2, &month) ||
      !take_char(at, end, '-') || !take_number(at, end, 2, &day) || month < 1 || month > 12 || day < 1)
    return false;
  bool is_leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
  return day <= days[month - 1] + (month == 2 && is_leap);
}

/* Minutes east of UTC. */
static bool take_offset(const char **at, const char *end, int *out_minutes) {
  int hours, minutes;
  *out_minutes = 0;
  if (take_char(at, end, 'Z') || take_char(at, end, 'z'))
    return true;
  bool is_west = *at < end && **at == '-';
  if (!take_char(at, end, '+') && !take_char(at, end, '-'))
    return false;
  if (!take_number(at, end, 2, &hours) || !take_char(at, end, ':') || !take_number(at, end, 2, &minutes) ||
      hours > 23 || minutes > 59)
    return false;
  *out_minutes = (hours * 60 + minutes) * (is_west ? -1 : 1);
  return true;
}

static bool take_time(const char **at, const char *end) {
  enum { DAY = 24 * 60 };
  int hour, minute, second, offset, digit;
  if (!take_number(at, end, 2, &hour) || !take_char(at, end, ':') || !take_number(at, end, 2, &minute) ||
      !take_char(at, end, ':') || !take_number(at, end, 2, &second))
    return false;
  if (take_char(at, end, '.')) {
    if (!take_number(at, end, 1, &digit))
      return false;
    while (take_number(at, end, 1, &digit)) {
    }
  }
  if (!take_offset(at, end, &offset) || hour > 23 || minute > 59 || second > 60)
    return false;
  /* A leap second is the last one of a day of UTC. */
  return second < 60 || (hour * 60 + minute - offset + DAY) % DAY == DAY - 1;
}

bool evsi_is_date(evs_bytes text) {
  const char *at = text.data, *end = text.data + text.size;
  return take_date(&at, end) && at == end;
}

bool evsi_is_time(evs_bytes text) {
  const char *at = text.data, *end = text.data + text.size;
  return take_time(&at, end) && at == end;
}

bool evsi_is_date_time(evs_bytes text) {
  const char *at = text.data, *end = text.data + text.size;
  return take_date(&at, end) && (take_char(&at, end, 'T') || take_char(&at, end, 't')) &&
         take_time(&at, end) && at == end;
}

/* Elements like "4H30M" with units out of `units`, in their order and none left out between two. */
static bool take_elements(const char **at, const char *end, const char *units) {
  const char *previous = NULL;
  while (*at < end && **at >= '0' && **at <= '9') {
    while (*at < end && **at >= '0' && **at <= '9')
      (*at)++;
    const char *unit = *at < end && **at ? strchr(units, **at) : NULL;
    if (!unit || (previous && unit != previous + 1))
      return false;
    previous = unit;
    (*at)++;
  }
  return previous != NULL;
}

bool evsi_is_duration(evs_bytes text) {
  const char *at = text.data, *end = text.data + text.size;
  if (!take_char(&at, end, 'P'))
    return false;
  const char *begin = at;
  if (take_elements(&at, end, "W") && at == end)
    return true;
  at = begin;
  if (!take_char(&at, end, 'T')) {
    if (!take_elements(&at, end, "YMD"))
      return false;
    if (at == end)
      return true;
    if (!take_char(&at, end, 'T'))
      return false;
  }
  return take_elements(&at, end, "HMS") && at == end;
}
