/* SPDX-License-Identifier: MIT
 * regex.h - regular expressions, of schemas and in the place of patterns: ECMA-262 with Unicode, matched by
 * PCRE2 within a bound on the work. A compiled one may be used by several threads at once. */
#ifndef EVSI_REGEX_H
#define EVSI_REGEX_H

#include <stdbool.h>

#include "base/buf.h"

enum { EVSI_REGEX_SIZE_MAX = 16 * 1024 };

typedef struct evsi_regex evsi_regex;
typedef struct evsi_regex_memory evsi_regex_memory;

typedef enum evsi_regex_verdict {
  EVSI_REGEX_NO,
  EVSI_REGEX_YES,
  EVSI_REGEX_GAVE_UP, /* too much work */
  EVSI_REGEX_SHORT_OF_MEMORY,
} evsi_regex_verdict;

typedef enum evsi_regex_fault {
  EVSI_REGEX_FINE,
  EVSI_REGEX_INVALID,     /* no regular expression of ECMA-262 */
  EVSI_REGEX_UNSUPPORTED, /* one, but beyond what can be matched here */
  EVSI_REGEX_NO_MEMORY,
} evsi_regex_fault;

/* Compiles; `why` receives the reason when it does not (static text or kept in `scratch`). */
evsi_regex_fault evsi_regex_compile(evs_bytes pattern, evsi_regex **out, evsi_buf *why);
/* The same for short names: without regard to case, in machine code where the system lets it, and with less
 * work until it gives up, since many of them are tried on each name. */
evsi_regex_fault evsi_regex_compile_folded(evs_bytes pattern, evsi_regex **out, evsi_buf *why);
/* The same for an expression of ours in PCRE2's own language. */
evsi_regex *evsi_regex_compile_own(const char *pattern);
void evsi_regex_free(evsi_regex *regex);

/* Is there a match anywhere in the text (UTF-8)? What matching needs is made at *memory (NULL at first), kept
 * for the next match of the same thread, and given back with evsi_regex_memory_free(). */
evsi_regex_verdict evsi_regex_match(const evsi_regex *regex, evsi_regex_memory **memory, evs_bytes text);
void evsi_regex_memory_free(evsi_regex_memory *memory);

/* Translates to PCRE2's language. NULL, or why the pattern is none (static text). */
const char *evsi_regex_translate(evs_bytes pattern, evsi_buf *out);

#endif
