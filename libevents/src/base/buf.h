/* SPDX-License-Identifier: MIT
 * buf.h - a growable byte buffer. A failed allocation is remembered (`failed`), so that a caller may append
 * many times and check once. Always NUL-terminated behind `size` when data is not NULL. */
#ifndef EVSI_BUF_H
#define EVSI_BUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "libevents.h"

typedef struct evsi_buf {
  char *data;
  size_t size;
  size_t capacity;
  bool failed;
} evsi_buf;

void evsi_buf_init(evsi_buf *buf); /* all zero is initialised too */
void evsi_buf_free(evsi_buf *buf);
void evsi_buf_clear(evsi_buf *buf); /* keeps the memory */
bool evsi_buf_grow(evsi_buf *buf, size_t more);

static inline bool evsi_buf_reserve(evsi_buf *buf, size_t more) {
  /* One byte beyond `size` always belongs to the closing NUL. */
  if (!buf->failed && buf->data && buf->capacity - buf->size > more)
    return true;
  return evsi_buf_grow(buf, more);
}

/* Inline: most calls know their size, and find room. */
static inline void evsi_buf_add(evsi_buf *buf, const void *data, size_t size) {
  if (!evsi_buf_reserve(buf, size))
    return;
  if (size)
    memcpy(buf->data + buf->size, data, size);
  buf->size += size;
  buf->data[buf->size] = '\0';
}
void evsi_buf_add_text(evsi_buf *buf, const char *text);
void evsi_buf_add_bytes(evsi_buf *buf, evs_bytes bytes);
void evsi_buf_addf(evsi_buf *buf, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* A JSON string with quotes; bytes that are not UTF-8 become U+FFFD. */
void evsi_buf_add_json(evsi_buf *buf, const char *data, size_t size);
/* How many bytes of a JSON string from here on surely stand for themselves, looked at many at a time: ASCII,
 * no control character, quotation mark or backslash. */
size_t evsi_json_plain(const char *data, size_t size);
char *evsi_buf_take(evsi_buf *buf); /* the text, freed with evsi_free; NULL when failed; buf is empty after */

static inline evs_bytes evsi_bytes(const char *data, size_t size) {
  evs_bytes b = {data, size};
  return b;
}
static inline bool evsi_bytes_equal(evs_bytes a, evs_bytes b) {
  return a.size == b.size && (a.size == 0 || (a.data && b.data && memcmp(a.data, b.data, a.size) == 0));
}
/* Bytes of a C string; NULL gives none. */
static inline evs_bytes evsi_text(const char *text) {
  return evsi_bytes(text, text ? strlen(text) : 0);
}
/* Copies bytes and a NUL to *at, moves *at behind them, and gives the copy. */
static inline evs_bytes evsi_bytes_place(char **at, evs_bytes from) {
  evs_bytes placed = {*at, from.size};
  if (from.size)
    memcpy(*at, from.data, from.size);
  (*at)[from.size] = '\0';
  *at += from.size + 1;
  return placed;
}
/* Copies as much as fits into `capacity` bytes (at least 1) with its NUL; gives how much that was. */
size_t evsi_bytes_copy(char *out, size_t capacity, evs_bytes from);
/* Decimal digits and a NUL; gives how many digits. snprintf() would cost as much as the rest of a command. */
enum { EVSI_DIGITS_TEXT = 21 };
size_t evsi_digits(uint64_t value, char out[EVSI_DIGITS_TEXT]);
/* Size of the UTF-8 sequence at `text` (size at least 1); 0: none, overlong, surrogate, cut off, too high. */
size_t evsi_utf8_sequence(const char *text, size_t size);
bool evsi_utf8_valid(const char *data, size_t size);

#endif
