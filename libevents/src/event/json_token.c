/* SPDX-License-Identifier: MIT
 * json_token.c - one pass over each token; keeps no numbers and builds nothing. */
#include "event/json_token.h"

#include <string.h>

#include "base/buf.h"

bool evsi_token_fail(evsi_token_scan *s, const char *why) {
  s->error = why;
  return false;
}

static bool is_digit(const evsi_token_scan *s) {
  return s->at < s->end && *s->at >= '0' && *s->at <= '9';
}

static bool is_hex(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

static bool scan_escape(evsi_token_scan *s) {
  if (s->end - s->at < 2)
    return evsi_token_fail(s, "the text ends inside a string");
  char c = s->at[1];
  if (c != 'u') {
    if (c == '\0' || !strchr("\"\\/bfnrt", c))
      return evsi_token_fail(s, "no such escape in a string");
    s->at += 2;
    return true;
  }
  if (s->end - s->at < 6)
    return evsi_token_fail(s, "the text ends inside a string");
  for (int i = 2; i < 6; i++)
    if (!is_hex(s->at[i]))
      return evsi_token_fail(s, "\\u needs four hex digits");
  s->at += 6;
  return true;
}

/* At the opening quote; leaves behind the closing one. */
bool evsi_token_string(evsi_token_scan *s) {
  s->at++;
  s->has_escape = false;
  for (;;) {
    s->at += evsi_json_plain(s->at, (size_t)(s->end - s->at));
    if (s->at == s->end)
      return evsi_token_fail(s, "the text ends inside a string");
    unsigned char c = (unsigned char)*s->at;
    if (c == '"') {
      s->at++;
      return true;
    }
    if (c == '\\') {
      s->has_escape = true;
      if (!scan_escape(s))
        return false;
      continue;
    }
    if (c < 0x20)
      return evsi_token_fail(s, "a control character in a string must be escaped");
    size_t length = c < 0x80 ? 1 : evsi_utf8_sequence(s->at, (size_t)(s->end - s->at));
    if (!length)
      return evsi_token_fail(s, "not UTF-8");
    s->at += length;
  }
}

static bool scan_digits(evsi_token_scan *s) {
  if (!is_digit(s))
    return evsi_token_fail(s, "a number needs a digit here");
  while (is_digit(s))
    s->at++;
  return true;
}

static bool scan_number(evsi_token_scan *s) {
  if (*s->at == '-')
    s->at++;
  if (s->at < s->end && *s->at == '0') {
    s->at++;
    if (is_digit(s))
      return evsi_token_fail(s, "a number has no leading zero");
  } else if (!scan_digits(s)) {
    return false;
  }
  if (s->at < s->end && *s->at == '.') {
    s->at++;
    if (!scan_digits(s))
      return false;
  }
  if (s->at < s->end && (*s->at == 'e' || *s->at == 'E')) {
    s->at++;
    if (s->at < s->end && (*s->at == '+' || *s->at == '-'))
      s->at++;
    return scan_digits(s);
  }
  return true;
}

static bool scan_word(evsi_token_scan *s, const char *word) {
  size_t size = strlen(word);
  if ((size_t)(s->end - s->at) < size || memcmp(s->at, word, size) != 0)
    return evsi_token_fail(s, "a value is expected here");
  s->at += size;
  return true;
}

bool evsi_token_scalar(evsi_token_scan *s) {
  switch (*s->at) {
  case '"':
    return evsi_token_string(s);
  case 't':
    return scan_word(s, "true");
  case 'f':
    return scan_word(s, "false");
  case 'n':
    return scan_word(s, "null");
  default:
    if (*s->at == '-' || is_digit(s))
      return scan_number(s);
    return evsi_token_fail(s, "a value is expected here");
  }
}

static unsigned hex_value(char c) {
  return c <= '9' ? (unsigned)(c - '0') : (unsigned)((c | 0x20) - 'a') + 10;
}

static uint32_t hex4(const char *at) {
  return hex_value(at[0]) << 12 | hex_value(at[1]) << 8 | hex_value(at[2]) << 4 | hex_value(at[3]);
}

/* Undoes \uXXXX (or a surrogate pair) at `*at`. 0 is a valid result, so success is told apart. */
static bool unescape_unicode(const char **at, const char *end, uint32_t *out_point) {
  uint32_t point = hex4(*at + 2);
  *at += 6;
  *out_point = point;
  if (point < 0xD800 || point > 0xDFFF)
    return true;
  if (point > 0xDBFF || end - *at < 6 || (*at)[0] != '\\' || (*at)[1] != 'u')
    return false;
  uint32_t low = hex4(*at + 2);
  if (low < 0xDC00 || low > 0xDFFF)
    return false;
  *at += 6;
  *out_point = 0x10000 + ((point - 0xD800) << 10) + (low - 0xDC00);
  return true;
}

static size_t utf8_put(uint32_t point, char *out) {
  if (point < 0x80) {
    out[0] = (char)point;
    return 1;
  }
  if (point < 0x800) {
    out[0] = (char)(0xC0 | point >> 6);
    out[1] = (char)(0x80 | (point & 0x3F));
    return 2;
  }
  if (point < 0x10000) {
    out[0] = (char)(0xE0 | point >> 12);
    out[1] = (char)(0x80 | (point >> 6 & 0x3F));
    out[2] = (char)(0x80 | (point & 0x3F));
    return 3;
  }
  out[0] = (char)(0xF0 | point >> 18);
  out[1] = (char)(0x80 | (point >> 12 & 0x3F));
  out[2] = (char)(0x80 | (point >> 6 & 0x3F));
  out[3] = (char)(0x80 | (point & 0x3F));
  return 4;
}

static char unescape_short(char c) {
  static const char from[] = "bfnrt", to[] = "\b\f\n\r\t";
  const char *found = strchr(from, c);
  return found ? to[found - from] : c;
}

bool evsi_token_unescape(evs_bytes raw, char *out, size_t *out_size) {
  const char *at = raw.data, *end = raw.data + raw.size;
  char *to = out;
  while (at < end) {
    uint32_t point = 0;
    if (*at != '\\') {
      *to++ = *at++;
    } else if (at[1] != 'u') {
      *to++ = unescape_short(at[1]);
      at += 2;
    } else if (unescape_unicode(&at, end, &point)) {
      to += utf8_put(point, to);
    } else {
      return false;
    }
  }
  *out_size = (size_t)(to - out);
  return true;
}
