/* SPDX-License-Identifier: MIT
 * fingerprint.c - see fingerprint.h. Each byte is looked at a bounded number of times, whatever the message
 * holds: it was written by whoever made the handler fail. */
#include "event/fingerprint.h"

#include <string.h>

#include "event/identity.h"

enum { HEX_RUN_MIN = 8, MIXED_HEX_MIN = 6, UUID_SIZE = 36 };

typedef struct reader {
  const char *start, *at, *end;
} reader;

static bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

static bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_hex(char c) {
  return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

static bool is_word(char c) {
  return is_digit(c) || is_letter(c);
}

static bool is_behind_word(const reader *r) {
  return r->at > r->start && is_word(r->at[-1]);
}

/* 8-4-4-4-12 hex digits, and no word goes on behind them. */
static bool skip_uuid(reader *r) {
  if (r->end - r->at < UUID_SIZE || (r->end - r->at > UUID_SIZE && is_word(r->at[UUID_SIZE])))
    return false;
  for (int i = 0; i < UUID_SIZE; i++) {
    bool is_dash = i == 8 || i == 13 || i == 18 || i == 23;
    if (is_dash ? r->at[i] != '-' : !is_hex(r->at[i]))
      return false;
  }
  r->at += UUID_SIZE;
  return true;
}

/* A word of hex digits that is no word of a language: long, or with digits in it, or behind 0x. */
static bool skip_hex(reader *r) {
  const char *at = r->at;
  bool is_marked = r->end - at > 2 && at[0] == '0' && (at[1] == 'x' || at[1] == 'X') && is_hex(at[2]);
  int digits = 0;
  at += is_marked ? 2 : 0;
  const char *from = at;
  for (; at < r->end && is_hex(*at); at++)
    digits += is_digit(*at);
  bool goes_on = at < r->end && is_word(*at);
  bool is_run = at - from >= HEX_RUN_MIN || (digits > 0 && at - from >= MIXED_HEX_MIN);
  if (goes_on || (!is_marked && !is_run))
    return false;
  r->at = at;
  return true;
}

/* 1e9, 2.5E-3: the exponent, if nothing of a word follows it. */
static void skip_exponent(reader *r) {
  const char *at = r->at;
  if (at == r->end || (*at != 'e' && *at != 'E'))
    return;
  at++;
  at += at < r->end && (*at == '+' || *at == '-');
  const char *digits = at;
  while (at < r->end && is_digit(*at))
    at++;
  if (at > digits && (at == r->end || !is_word(*at)))
    r->at = at;
}

/* Digits, and what joins digits: 3.14, 10.0.0.1:5432, 2026-01-31, 1,000. */
static bool skip_number(reader *r) {
  const char *at = r->at;
  at += *at == '-' && !is_behind_word(r);
  if (at == r->end || !is_digit(*at))
    return false;
  while (at < r->end && (is_digit(*at) || (memchr(".,:-", *at, 4) && at + 1 < r->end && is_digit(at[1]))))
    at++;
  r->at = at;
  skip_exponent(r);
  return true;
}

/* Up to the same quote on the same line. What has no end is no quotation: then no such quote follows on this
 * line, so that looking for it is not repeated. */
static bool skip_quoted(reader *r, evsi_buf *out) {
  char quote = *r->at;
  if ((quote != '"' && quote != '\'' && quote != '`') || is_behind_word(r))
    return false;
  const char *end = r->at + 1;
  while (end < r->end && *end != quote && *end != '\n')
    end++;
  if (end == r->end || *end != quote)
    return false;
  evsi_buf_add(out, &quote, 1);
  evsi_buf_add(out, "*", 1);
  evsi_buf_add(out, &quote, 1);
  r->at = end + 1;
  return true;
}

static bool skip_varying(reader *r) {
  if (!is_behind_word(r) && is_hex(*r->at) && (skip_uuid(r) || skip_hex(r)))
    return true;
  return skip_number(r);
}

void evsi_message_template(evs_bytes message, evsi_buf *out) {
  reader r = {message.data, message.data, message.data + message.size};
  while (r.at < r.end) {
    if (skip_quoted(&r, out))
      continue;
    if (skip_varying(&r)) {
      evsi_buf_add(out, "#", 1);
      continue;
    }
    evsi_buf_add(out, r.at++, 1);
  }
}

void evsi_fingerprint(const evsi_failure_kind *kind, char out_hex[EVSI_FINGERPRINT_TEXT]) {
  evsi_buf text = {0};
  char hex[65] = "";
  const evs_bytes parts[] = {kind->group, kind->type, kind->error_class};
  for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
    evsi_buf_add_bytes(&text, parts[i]);
    evsi_buf_add(&text, "\n", 1);
  }
  evsi_message_template(kind->message, &text);
  if (!text.failed)
    evsi_sha256_hex(evsi_bytes(text.data, text.size), hex);
  evsi_buf_free(&text);
  memcpy(out_hex, hex, EVSI_FINGERPRINT_TEXT - 1);
  out_hex[EVSI_FINGERPRINT_TEXT - 1] = '\0';
}
