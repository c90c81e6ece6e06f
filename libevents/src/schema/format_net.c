/* SPDX-License-Identifier: MIT
 * format_net.c - names and addresses of hosts. */
#include <string.h>

#include "schema/format.h"

static bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

static bool is_hex(char c) {
  return is_digit(c) || ((c | 0x20) >= 'a' && (c | 0x20) <= 'f');
}

bool evsi_is_ipv4(evs_bytes text) {
  const char *at = text.data, *end = text.data + text.size;
  for (int part = 0; part < 4; part++) {
    if (part && (at == end || *at++ != '.'))
      return false;
    const char *first = at;
    int value = 0;
    while (at < end && is_digit(*at) && at - first < 3)
      value = value * 10 + (*at++ - '0');
    if (at == first || value > 255 || (at - first > 1 && *first == '0'))
      return false;
  }
  return at == end;
}

/* Groups between colons from *at on; an IPv4 address counts two and ends them. -1: none. */
static int take_groups(const char *at, const char *end) {
  int groups = 0;
  if (at == end)
    return 0;
  for (;;) {
    const char *first = at;
    while (at < end && is_hex(*at))
      at++;
    if (at < end && *at == '.')
      return evsi_is_ipv4(evsi_bytes(first, (uint64_t)(end - first))) ? groups + 2 : -1;
    if (at == first || at - first > 4)
      return -1;
    groups++;
    if (at == end)
      return groups;
    if (*at++ != ':' || at == end)
      return -1;
  }
}

bool evsi_is_ipv6(evs_bytes text) {
  const char *begin = text.data, *end = text.data + text.size, *gap = NULL;
  for (const char *at = begin; at + 1 < end && !gap; at++)
    if (at[0] == ':' && at[1] == ':')
      gap = at;
  if (!gap)
    return take_groups(begin, end) == 8;
  if (memchr(begin, '.', (size_t)(gap - begin)))
    return false; /* an IPv4 address comes last */
  int left = take_groups(begin, gap), right = take_groups(gap + 2, end);
  return left >= 0 && right >= 0 && left + right <= 7;
}

/* Labels of letters, digits and inner hyphens; what a label of the form xn--… encodes is not looked at. */
bool evsi_is_hostname(evs_bytes text) {
  uint64_t label = 0;
  if (!text.size || text.size > 253)
    return false;
  for (uint64_t i = 0; i < text.size; i++) {
    char c = text.data[i];
    bool is_last = i + 1 == text.size || text.data[i + 1] == '.';
    if (c == '.') {
      if (!label || is_last)
        return false;
      label = 0;
      continue;
    }
    bool is_inner = label && !is_last;
    if (!is_digit(c) && !((c | 0x20) >= 'a' && (c | 0x20) <= 'z') && !(c == '-' && is_inner))
      return false;
    if (++label > 63)
      return false;
  }
  return true;
}

bool evsi_is_uuid(evs_bytes text) {
  if (text.size != 36)
    return false;
  for (uint64_t i = 0; i < 36; i++) {
    bool is_dash = i == 8 || i == 13 || i == 18 || i == 23;
    if (is_dash ? text.data[i] != '-' : !is_hex(text.data[i]))
      return false;
  }
  return true;
}

bool evsi_has_valid_ip_literal(evs_bytes text) {
  const char *open = memchr(text.data, '[', text.size);
  if (!open || (open[1] | 0x20) == 'v')
    return true;
  const char *close = memchr(open, ']', (size_t)(text.data + text.size - open));
  return close && evsi_is_ipv6(evsi_bytes(open + 1, (uint64_t)(close - open - 1)));
}
