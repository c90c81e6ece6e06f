/* SPDX-License-Identifier: MIT
 * buf.c - the growable byte buffer, spans of bytes and UTF-8 checks. Knows JSON only as far as writing one
 * string needs it; reading JSON is event/json_scan. */
#include "base/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "base/alloc.h"

enum { BUF_FIRST_CAPACITY = 64 };

void evsi_buf_init(evsi_buf *buf) {
  memset(buf, 0, sizeof *buf);
}

void evsi_buf_free(evsi_buf *buf) {
  evsi_free(buf->data);
  evsi_buf_init(buf);
}

void evsi_buf_clear(evsi_buf *buf) {
  buf->size = 0;
  buf->failed = false;
  if (buf->data)
    buf->data[0] = '\0';
}

bool evsi_buf_grow(evsi_buf *buf, size_t more) {
  if (buf->failed)
    return false;
  if (more > SIZE_MAX / 2 - buf->size - 1) {
    buf->failed = true;
    return false;
  }
  size_t need = buf->size + more + 1;
  size_t capacity = buf->capacity ? buf->capacity : BUF_FIRST_CAPACITY;
  while (capacity < need)
    capacity *= 2;
  char *data = evsi_realloc(buf->data, capacity);
  if (!data) {
    buf->failed = true;
    return false;
  }
  buf->data = data;
  buf->capacity = capacity;
  data[buf->size] = '\0';
  return true;
}

void evsi_buf_add_text(evsi_buf *buf, const char *text) {
  evsi_buf_add(buf, text, strlen(text));
}

void evsi_buf_add_bytes(evsi_buf *buf, evs_bytes bytes) {
  evsi_buf_add(buf, bytes.data, bytes.size);
}

void evsi_buf_addf(evsi_buf *buf, const char *format, ...) {
  va_list args, again;
  va_start(args, format);
  va_copy(again, args);
  int size = vsnprintf(NULL, 0, format, args);
  va_end(args);
  if (size < 0)
    buf->failed = true;
  else if (evsi_buf_reserve(buf, (size_t)size)) {
    vsnprintf(buf->data + buf->size, (size_t)size + 1, format, again);
    buf->size += (size_t)size;
  }
  va_end(again);
}

size_t evsi_utf8_sequence(const char *text, size_t size) {
  const unsigned char *data = (const unsigned char *)text;
  unsigned char a = data[0];
  if (a < 0x80)
    return 1;
  if (a < 0xC2 || a > 0xF4)
    return 0;
  size_t length = a < 0xE0 ? 2 : a < 0xF0 ? 3 : 4;
  if (size < length)
    return 0;
  unsigned char low = 0x80, high = 0xBF;
  if (a == 0xE0)
    low = 0xA0;
  else if (a == 0xED)
    high = 0x9F;
  else if (a == 0xF0)
    low = 0x90;
  else if (a == 0xF4)
    high = 0x8F;
  if (data[1] < low || data[1] > high)
    return 0;
  for (size_t i = 2; i < length; i++)
    if ((data[i] & 0xC0) != 0x80)
      return 0;
  return length;
}

bool evsi_utf8_valid(const char *data, size_t size) {
  const unsigned char *at = (const unsigned char *)data;
  size_t i = 0;
  while (i < size) {
    /* Eight ASCII bytes at a time: almost everything is ASCII. */
    while (size - i >= 8) {
      uint64_t word;
      memcpy(&word, at + i, 8);
      if (word & UINT64_C(0x8080808080808080))
        break;
      i += 8;
    }
    if (i == size)
      break;
    size_t length = evsi_utf8_sequence(data + i, size - i);
    if (!length)
      return false;
    i += length;
  }
  return true;
}

static void add_escape(evsi_buf *buf, unsigned char c) {
  switch (c) {
  case '"':
    evsi_buf_add(buf, "\\\"", 2);
    return;
  case '\\':
    evsi_buf_add(buf, "\\\\", 2);
    return;
  case '\n':
    evsi_buf_add(buf, "\\n", 2);
    return;
  case '\r':
    evsi_buf_add(buf, "\\r", 2);
    return;
  case '\t':
    evsi_buf_add(buf, "\\t", 2);
    return;
  default:
    evsi_buf_addf(buf, "\\u%04x", c);
  }
}

#ifdef __SSE2__
enum { AT_ONCE = 16 };

/* A bit for each of sixteen bytes that may not stand for itself; those of UTF-8 sequences are below 0x20,
 * too. */
static unsigned not_plain(const char *data) {
  __m128i bytes = _mm_loadu_si128((const __m128i *)data);
  __m128i quotes = _mm_cmpeq_epi8(bytes, _mm_set1_epi8('"'));
  __m128i slashes = _mm_cmpeq_epi8(bytes, _mm_set1_epi8('\\'));
  __m128i others = _mm_cmplt_epi8(bytes, _mm_set1_epi8(0x20));
  return (unsigned)_mm_movemask_epi8(_mm_or_si128(_mm_or_si128(quotes, slashes), others));
}
#else
enum { AT_ONCE = 8 };

/* The same for eight: a byte is marked by its high bit ("Determine if a word has a byte less than n", Bit
 * Twiddling Hacks). The lowest mark is right, as a borrow goes upwards only; of the other byte order any mark
 * means the first byte: what is plain may be called doubtful. */
static unsigned not_plain(const char *data) {
  const uint64_t ones = UINT64_C(0x0101010101010101), highs = UINT64_C(0x8080808080808080);
  uint64_t word;
  memcpy(&word, data, sizeof word);
  uint64_t quote = word ^ (ones * '"'), slash = word ^ (ones * '\\');
  uint64_t stop = ((quote - ones) | (slash - ones) | (word - ones * 0x20) | word) & highs;
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
  return stop ? 1u << __builtin_ctzll(stop) / 8 : 0;
#else
  return stop ? 1 : 0;
#endif
}
#endif

size_t evsi_json_plain(const char *data, size_t size) {
  size_t i = 0;
  for (; size - i >= AT_ONCE; i += AT_ONCE) {
    unsigned stops = not_plain(data + i);
    if (stops)
      return i + (size_t)__builtin_ctz(stops);
  }
  if (size >= AT_ONCE && i < size) { /* the rest, with some of what was plain before it */
    i = size - AT_ONCE;
    unsigned stops = not_plain(data + i);
    return stops ? i + (size_t)__builtin_ctz(stops) : size;
  }
  while (i < size && (unsigned char)data[i] - 0x20u < 0x60 && data[i] != '"' && data[i] != '\\')
    i++;
  return i;
}

/* Behind the first `plain` bytes, which are written. */
static void add_escaped(evsi_buf *buf, const char *data, size_t size, size_t plain) {
  const unsigned char *at = (const unsigned char *)data;
  size_t start = plain, i = plain;
  while (i < size) {
    i += evsi_json_plain(data + i, size - i);
    if (i == size)
      break;
    unsigned char c = at[i];
    bool escape = c < 0x20 || c == '"' || c == '\\';
    size_t length = escape ? 0 : evsi_utf8_sequence(data + i, size - i);
    if (length) {
      i += length;
      continue;
    }
    evsi_buf_add(buf, data + start, i - start);
    if (escape)
      add_escape(buf, c);
    else
      evsi_buf_add(buf, "\xEF\xBF\xBD", 3);
    start = ++i;
  }
  if (size > start)
    evsi_buf_add(buf, data + start, size - start);
}

void evsi_buf_add_json(evsi_buf *buf, const char *data, size_t size) {
  size_t plain = evsi_json_plain(data, size);
  if (size > SIZE_MAX / 2 || !evsi_buf_reserve(buf, size + 2)) /* it is longer only if something is escaped */
    return;
  char *out = buf->data + buf->size;
  *out++ = '"';
  if (plain)
    memcpy(out, data, plain);
  buf->size += 1 + plain;
  if (plain < size) {
    add_escaped(buf, data, size, plain);
    evsi_buf_add(buf, "\"", 1);
    return;
  }
  memcpy(out + plain, "\"", 2);
  buf->size++;
}

char *evsi_buf_take(evsi_buf *buf) {
  evsi_buf_reserve(buf, 0);
  if (buf->failed) {
    evsi_buf_free(buf);
    return NULL;
  }
  char *text = buf->data;
  evsi_buf_init(buf);
  return text;
}

size_t evsi_bytes_copy(char *out, size_t capacity, evs_bytes from) {
  size_t size = from.size < capacity ? from.size : capacity - 1;
  if (size)
    memcpy(out, from.data, size);
  out[size] = '\0';
  return size;
}

size_t evsi_digits(uint64_t value, char out[EVSI_DIGITS_TEXT]) {
  char digits[EVSI_DIGITS_TEXT];
  size_t at = sizeof digits;
  do {
    digits[--at] = (char)('0' + value % 10);
    value /= 10;
  } while (value > 0);
  memcpy(out, digits + at, sizeof digits - at);
  out[sizeof digits - at] = '\0';
  return sizeof digits - at;
}
