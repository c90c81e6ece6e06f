/* SPDX-License-Identifier: MIT
 * json_token.h - the tokens of JSON text (RFC 8259): steps over strings, numbers and words, and undoes
 * escapes. For those that walk JSON text, json_scan.c and the schemas' documents; knows no nesting. */
#ifndef EVSI_JSON_TOKEN_H
#define EVSI_JSON_TOKEN_H

#include <stdbool.h>
#include <stddef.h>

#include "libevents.h"

/* Where a scan stands. `at` stays at the first offending byte; `error` is static text. */
typedef struct evsi_token_scan {
  const char *at;
  const char *end;
  const char *error;
  bool has_escape; /* the string that was stepped over last has one */
} evsi_token_scan;

/* Always false, so that a refusal is one statement. */
bool evsi_token_fail(evsi_token_scan *s, const char *why);

static inline void evsi_token_space(evsi_token_scan *s) {
  if (s->at<s->end && * s->at> ' ') /* mostly there is none */
    return;
  while (s->at < s->end && (*s->at == ' ' || *s->at == '\n' || *s->at == '\r' || *s->at == '\t'))
    s->at++;
}

/* At the opening quote; leaves behind the closing one. */
bool evsi_token_string(evsi_token_scan *s);
/* A string, a number, true, false or null. */
bool evsi_token_scalar(evsi_token_scan *s);
/* Undoes the escapes of what stands between the quotes of a string that was stepped over. `out` has room for
 * as many bytes as `raw`. False: half of a surrogate pair. */
bool evsi_token_unescape(evs_bytes raw, char *out, size_t *out_size);

#endif
