/* SPDX-License-Identifier: MIT
 * punycode.c - decodes labels, and encodes them again to see whether they were encoded well. */
#include "schema/punycode.h"

#include <string.h>
#include <strings.h>

enum {
  LABEL_MAX = 63,
  NAME_MAX_SIZE = 253,
  BASE = 36,
  T_MIN = 1,
  T_MAX = 26,
  SKEW = 38,
  DAMP = 700,
  BIAS = 72,
  FIRST = 128
};

/* A label as code points; no more fit into one that is encoded. */
typedef struct label {
  uint32_t points[LABEL_MAX];
  uint32_t count;
} label;

static uint32_t adapt(uint32_t delta, uint32_t count, bool is_first) {
  uint32_t k = 0;
  delta = is_first ? delta / DAMP : delta / 2;
  delta += delta / count;
  for (; delta > (BASE - T_MIN) * T_MAX / 2; k += BASE)
    delta /= BASE - T_MIN;
  return k + (BASE - T_MIN + 1) * delta / (delta + SKEW);
}

static uint32_t threshold(uint32_t k, uint32_t bias) {
  if (k <= bias)
    return T_MIN;
  return k >= bias + T_MAX ? T_MAX : k - bias;
}

static int digit_of(char c) {
  if (c >= '0' && c <= '9')
    return c - '0' + 26;
  c |= 0x20;
  return c >= 'a' && c <= 'z' ? c - 'a' : -1;
}

/* One number of variable length at *at. */
static bool take_delta(const char **at, const char *end, uint32_t bias, uint32_t *out_delta) {
  uint64_t delta = 0, weight = 1;
  for (uint32_t k = BASE;; k += BASE) {
    int digit = *at < end ? digit_of(*(*at)++) : -1;
    uint32_t t = threshold(k, bias);
    if (digit < 0)
      return false;
    delta += (uint64_t)digit * weight;
    weight *= BASE - t;
    if (delta > UINT32_MAX || weight > UINT32_MAX)
      return false;
    *out_delta = (uint32_t)delta;
    if ((uint32_t)digit < t)
      return true;
  }
}

static bool decode(evs_bytes text, label *out) {
  const char *at = text.data, *end = text.data + text.size, *dash = NULL;
  uint64_t point = FIRST, place = 0;
  uint32_t bias = BIAS;
  for (const char *c = at; c < end; c++)
    if (*c == '-')
      dash = c;
  out->count = 0;
  for (; dash && at < dash; at++)
    out->points[out->count++] = (unsigned char)(*at >= 'A' && *at <= 'Z' ? *at | 0x20 : *at);
  at += dash != NULL;
  while (at < end) {
    uint32_t delta;
    if (!take_delta(&at, end, bias, &delta) || out->count == LABEL_MAX)
      return false;
    bias = adapt(delta, out->count + 1, place == 0 && point == FIRST);
    place += delta;
    point += place / (out->count + 1);
    place %= out->count + 1;
    if (point > 0x10FFFF || (point >= 0xD800 && point <= 0xDFFF))
      return false;
    memmove(out->points + place + 1, out->points + place, (out->count - place) * sizeof *out->points);
    out->points[place++] = (uint32_t)point;
    out->count++;
  }
  return true;
}

static void put_delta(evsi_buf *out, uint32_t delta, uint32_t bias) {
  static const char digits[] = "abcdefghijklmnopqrstuvwxyz0123456789";
  for (uint32_t k = BASE;; k += BASE) {
    uint32_t t = threshold(k, bias);
    if (delta < t)
      break;
    evsi_buf_add(out, &digits[t + (delta - t) % (BASE - t)], 1);
    delta = (delta - t) / (BASE - t);
  }
  evsi_buf_add(out, &digits[delta], 1);
}

static uint32_t next_point(const label *from, uint32_t point) {
  uint32_t least = UINT32_MAX;
  for (uint32_t i = 0; i < from->count; i++)
    if (from->points[i] >= point && from->points[i] < least)
      least = from->points[i];
  return least;
}

/* `from` has something beyond ASCII. */
static void encode(const label *from, evsi_buf *out) {
  uint32_t basic = 0, delta = 0, bias = BIAS, point = FIRST;
  for (uint32_t i = 0; i < from->count; i++) {
    char c = (char)from->points[i];
    if (from->points[i] < FIRST && ++basic)
      evsi_buf_add(out, &c, 1);
  }
  if (basic)
    evsi_buf_add(out, "-", 1);
  for (uint32_t done = basic; done < from->count; delta++, point++) {
    uint32_t next = next_point(from, point);
    delta += (next - point) * (done + 1); /* at most 0x10FFFF × 64 */
    point = next;
    for (uint32_t i = 0; i < from->count; i++) {
      delta += from->points[i] < point;
      if (from->points[i] != point)
        continue;
      put_delta(out, delta, bias);
      bias = adapt(delta, done + 1, done == basic);
      delta = 0;
      done++;
    }
  }
}

static uint32_t read_utf8(const char *at, size_t size) {
  static const unsigned char masks[] = {0, 0x7F, 0x1F, 0x0F, 0x07};
  uint32_t point = (unsigned char)at[0] & masks[size];
  for (size_t i = 1; i < size; i++)
    point = point << 6 | ((unsigned char)at[i] & 0x3F);
  return point;
}

static void write_utf8(uint32_t point, evsi_buf *out) {
  char bytes[4];
  int size = point < 0x80 ? 1 : point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;
  static const unsigned char leads[] = {0, 0, 0xC0, 0xE0, 0xF0};
  for (int i = size - 1; i > 0; i--, point >>= 6)
    bytes[i] = (char)(0x80 | (point & 0x3F));
  bytes[0] = (char)(leads[size] | point);
  evsi_buf_add(out, bytes, (size_t)size);
}

/* The size of the encoded label, 0 when it is none; appends the decoded one. */
static size_t take_label(evs_bytes text, evsi_buf *out) {
  label points = {.count = 0};
  evsi_buf encoded = {0};
  bool is_encoded = text.size > 4 && (text.data[0] | 0x20) == 'x' && (text.data[1] | 0x20) == 'n' &&
                    text.data[2] == '-' && text.data[3] == '-';
  evs_bytes rest = is_encoded ? evsi_bytes(text.data + 4, text.size - 4) : text;
  bool is_plain = true, ok = text.size > 0;
  for (uint64_t i = 0; i < text.size; i++)
    is_plain &= (unsigned char)text.data[i] < 0x80;
  if (is_encoded)
    ok = is_plain && text.size <= LABEL_MAX && decode(rest, &points);
  for (uint64_t i = 0, size; !is_encoded && ok && i < text.size; i += size) {
    size = evsi_utf8_sequence(text.data + i, text.size - i);
    ok = points.count < LABEL_MAX;
    if (ok)
      points.points[points.count++] = read_utf8(text.data + i, size);
  }
  size_t length = text.size;
  if (ok && (is_encoded || !is_plain)) {
    bool has_more = false;
    for (uint32_t i = 0; i < points.count; i++)
      has_more |= points.points[i] >= FIRST;
    encode(&points, &encoded);
    length = encoded.size + 4;
    ok = has_more &&
         (!is_encoded || (encoded.size == rest.size && strncasecmp(encoded.data, rest.data, rest.size) == 0));
  }
  for (uint32_t i = 0; ok && i < points.count; i++)
    write_utf8(points.points[i], out);
  out->failed |= encoded.failed;
  evsi_buf_free(&encoded);
  return ok && length <= LABEL_MAX ? length : 0;
}

/* The size of the separator at `at`: a dot, or one of the three that look like it. */
static size_t separator(const char *at, size_t size) {
  static const char *const wide[] = {"\xE3\x80\x82", "\xEF\xBC\x8E", "\xEF\xBD\xA1"};
  if (*at == '.')
    return 1;
  for (int i = 0; size >= 3 && i < 3; i++)
    if (memcmp(at, wide[i], 3) == 0)
      return 3;
  return 0;
}

bool evsi_hostname_decode(evs_bytes name, evsi_buf *out) {
  size_t total = 0;
  for (uint64_t from = 0;;) {
    uint64_t to = from;
    while (to < name.size && !separator(name.data + to, name.size - to))
      to++;
    size_t length = take_label(evsi_bytes(name.data + from, to - from), out);
    total += length + (from > 0);
    if (!length || total > NAME_MAX_SIZE)
      return false;
    if (to == name.size)
      return true;
    evsi_buf_add(out, ".", 1);
    from = to + separator(name.data + to, name.size - to);
  }
}
