/* SPDX-License-Identifier: MIT
 * json_scan.c - one pass over JSON text, for checking and for finding members. Builds no tree and keeps no
 * numbers; duplicate keys are the caller's business. */
#include "event/json_scan.h"

#include <string.h>

/* Where a scan stands. `bad` stays at the first offending byte. */
typedef struct scan {
  const char *at;
  const char *end;
  const char *error;
} scan;

/* One bit per open level says whether it is an object. */
typedef struct levels {
  uint64_t is_object[EVSI_JSON_DEPTH_MAX / 64];
  unsigned depth;
} levels;

static bool fail(scan *s, const char *why) {
  s->error = why;
  return false;
}

static void skip_space(scan *s) {
  while (s->at < s->end && (*s->at == ' ' || *s->at == '\n' || *s->at == '\r' || *s->at == '\t'))
    s->at++;
}

static bool is_digit(const scan *s) {
  return s->at < s->end && *s->at >= '0' && *s->at <= '9';
}

static bool is_hex(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

/* Steps over eight bytes at a time while none of them is a quote, a backslash, a control or not ASCII. */
static void skip_plain(scan *s) {
  const uint64_t ones = UINT64_C(0x0101010101010101), high = UINT64_C(0x8080808080808080);
  while (s->end - s->at >= 8) {
    uint64_t word;
    memcpy(&word, s->at, 8);
    uint64_t quote = word ^ (ones * '"'), slash = word ^ (ones * '\\');
    uint64_t stop = (quote - ones) | (slash - ones) | (word - ones * 0x20) | word;
    if (stop & high)
      return;
    s->at += 8;
  }
}

static bool scan_escape(scan *s) {
  if (s->end - s->at < 2)
    return fail(s, "the text ends inside a string");
  char c = s->at[1];
  if (c != 'u') {
    if (c == '\0' || !strchr("\"\\/bfnrt", c))
      return fail(s, "no such escape in a string");
    s->at += 2;
    return true;
  }
  if (s->end - s->at < 6)
    return fail(s, "the text ends inside a string");
  for (int i = 2; i < 6; i++)
    if (!is_hex(s->at[i]))
      return fail(s, "\\u needs four hex digits");
  s->at += 6;
  return true;
}

/* At the opening quote; leaves behind the closing one. */
static bool scan_string(scan *s) {
  s->at++;
  for (;;) {
    skip_plain(s);
    if (s->at == s->end)
      return fail(s, "the text ends inside a string");
    unsigned char c = (unsigned char)*s->at;
    if (c == '"') {
      s->at++;
      return true;
    }
    if (c == '\\') {
      if (!scan_escape(s))
        return false;
      continue;
    }
    if (c < 0x20)
      return fail(s, "a control character in a string must be escaped");
    size_t length = evsi_utf8_sequence(s->at, (size_t)(s->end - s->at));
    if (!length)
      return fail(s, "not UTF-8");
    s->at += length;
  }
}

static bool scan_digits(scan *s) {
  if (!is_digit(s))
    return fail(s, "a number needs a digit here");
  while (is_digit(s))
    s->at++;
  return true;
}

static bool scan_number(scan *s) {
  if (*s->at == '-')
    s->at++;
  if (s->at < s->end && *s->at == '0') {
    s->at++;
    if (is_digit(s))
      return fail(s, "a number has no leading zero");
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

static bool scan_word(scan *s, const char *word) {
  size_t size = strlen(word);
  if ((size_t)(s->end - s->at) < size || memcmp(s->at, word, size) != 0)
    return fail(s, "a value is expected here");
  s->at += size;
  return true;
}

static bool scan_scalar(scan *s) {
  switch (*s->at) {
  case '"':
    return scan_string(s);
  case 't':
    return scan_word(s, "true");
  case 'f':
    return scan_word(s, "false");
  case 'n':
    return scan_word(s, "null");
  default:
    if (*s->at == '-' || is_digit(s))
      return scan_number(s);
    return fail(s, "a value is expected here");
  }
}

static bool level_is_object(const levels *l) {
  unsigned top = l->depth - 1;
  return l->is_object[top / 64] >> (top % 64) & 1;
}

static bool level_open(scan *s, levels *l, bool is_object) {
  if (l->depth == EVSI_JSON_DEPTH_MAX)
    return fail(s, "nested deeper than 512 levels");
  uint64_t bit = UINT64_C(1) << (l->depth % 64);
  if (is_object)
    l->is_object[l->depth / 64] |= bit;
  else
    l->is_object[l->depth / 64] &= ~bit;
  l->depth++;
  s->at++;
  return true;
}

static bool scan_key(scan *s) {
  skip_space(s);
  if (s->at == s->end || *s->at != '"')
    return fail(s, "a key in quotes is expected here");
  if (!scan_string(s))
    return false;
  skip_space(s);
  if (s->at == s->end || *s->at != ':')
    return fail(s, "a colon is expected here");
  s->at++;
  return true;
}

/* Behind a value or an empty bracket: closes what ends here, and stops before the next value or at depth 0.
 */
static bool scan_after_value(scan *s, levels *l) {
  while (l->depth > 0) {
    bool is_object = level_is_object(l);
    skip_space(s);
    if (s->at == s->end)
      return fail(s, is_object ? "the text ends inside an object" : "the text ends inside an array");
    if (*s->at == ',') {
      s->at++;
      return !is_object || scan_key(s);
    }
    if (*s->at != (is_object ? '}' : ']'))
      return fail(s, is_object ? "a comma or } is expected here" : "a comma or ] is expected here");
    s->at++;
    l->depth--;
  }
  return true;
}

/* One whole value, from where it begins. */
static bool scan_value(scan *s) {
  levels l = {.depth = 0};
  do {
    skip_space(s);
    if (s->at == s->end)
      return fail(s, "the text ends where a value is expected");
    bool is_object = *s->at == '{';
    if (is_object || *s->at == '[') {
      if (!level_open(s, &l, is_object))
        return false;
      skip_space(s);
      bool is_empty = s->at < s->end && *s->at == (is_object ? '}' : ']');
      if (!is_empty) {
        if (is_object && !scan_key(s))
          return false;
        continue;
      }
    } else if (!scan_scalar(s)) {
      return false;
    }
    if (!scan_after_value(s, &l))
      return false;
  } while (l.depth > 0);
  return true;
}

static scan scan_from(evs_bytes text, size_t offset) {
  const char *data = text.size ? text.data : "";
  return (scan){
      .at = data + (offset < text.size ? offset : text.size), .end = data + text.size, .error = NULL};
}

const char *evsi_json_check(evs_bytes text, size_t *out_offset) {
  scan s = scan_from(text, 0);
  const char *start = s.at;
  if (scan_value(&s)) {
    skip_space(&s);
    if (s.at != s.end)
      s.error = "nothing may follow the value";
  }
  if (out_offset)
    *out_offset = (size_t)(s.at - start);
  return s.error;
}

/* Up to the next member of an object or item of an array: behind the bracket or a comma. False at the end,
 * too. */
static bool step_in(scan *s, bool is_first, bool is_object) {
  skip_space(s);
  if (is_first) {
    if (s->at == s->end || *s->at != (is_object ? '{' : '['))
      return fail(s, is_object ? "an object is expected" : "an array is expected");
    s->at++;
    skip_space(s);
  }
  if (s->at == s->end)
    return fail(s, is_object ? "the text ends inside an object" : "the text ends inside an array");
  if (*s->at == (is_object ? '}' : ']')) {
    s->at++;
    skip_space(s);
    return s->at == s->end ? false : fail(s, "nothing may follow the value");
  }
  if (is_first)
    return true;
  if (*s->at != ',')
    return fail(s, is_object ? "a comma or } is expected here" : "a comma or ] is expected here");
  s->at++;
  return true;
}

static bool take_value(scan *s, evs_bytes *out_value) {
  skip_space(s);
  const char *value = s->at;
  bool is_whole = scan_value(s);
  *out_value = evsi_bytes(value, (size_t)(s->at - value));
  return is_whole;
}

bool evsi_json_member(evs_bytes object, size_t *cursor, evs_bytes *out_key, evs_bytes *out_value,
                      const char **out_error) {
  scan s = scan_from(object, *cursor);
  const char *start = s.at - *cursor;
  *out_error = NULL;
  bool has_member = step_in(&s, *cursor == 0, true);
  skip_space(&s);
  const char *quote = s.at;
  if (has_member)
    has_member = scan_key(&s);
  if (has_member) {
    const char *behind = s.at;
    while (behind[-1] != '"') /* back over the colon and the space before it */
      behind--;
    *out_key = evsi_bytes(quote + 1, (size_t)(behind - 1 - (quote + 1)));
    has_member = take_value(&s, out_value);
  }
  *cursor = (size_t)(s.at - start);
  *out_error = s.error;
  return has_member;
}

bool evsi_json_item(evs_bytes array, size_t *cursor, evs_bytes *out_value, const char **out_error) {
  scan s = scan_from(array, *cursor);
  const char *start = s.at - *cursor;
  bool has_item = step_in(&s, *cursor == 0, false) && take_value(&s, out_value);
  *cursor = (size_t)(s.at - start);
  *out_error = s.error;
  return has_item;
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

static size_t utf8_put(uint32_t point, char out[4]) {
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

bool evsi_json_string(evs_bytes value, evsi_buf *scratch, evs_bytes *out_text) {
  scan s = scan_from(value, 0);
  if (s.at == s.end || *s.at != '"' || !scan_string(&s) || s.at != s.end)
    return false;
  const char *at = value.data + 1, *end = s.end - 1;
  if (!memchr(at, '\\', (size_t)(end - at))) {
    *out_text = evsi_bytes(at, (size_t)(end - at));
    return true;
  }
  /* The text without escapes is never longer, so one reservation keeps earlier spans where they are. */
  if (!evsi_buf_reserve(scratch, (size_t)(end - at)))
    return false;
  size_t start = scratch->size;
  while (at < end) {
    char bytes[4] = {*at, 0, 0, 0};
    size_t size = 1;
    uint32_t point = 0;
    if (*at != '\\') {
      at++;
    } else if (at[1] != 'u') {
      bytes[0] = unescape_short(at[1]);
      at += 2;
    } else if (unescape_unicode(&at, end, &point)) {
      size = utf8_put(point, bytes);
    } else {
      return false;
    }
    evsi_buf_add(scratch, bytes, size);
  }
  *out_text = evsi_bytes(scratch->data + start, scratch->size - start);
  return true;
}
