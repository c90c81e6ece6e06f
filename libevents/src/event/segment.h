/* SPDX-License-Identifier: MIT
 * segment.h - single characters and leading parts of dotted names, for types and patterns alike. */
#ifndef EVSI_SEGMENT_H
#define EVSI_SEGMENT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "libevents.h"

enum { EVSI_SHOWN_MAX = 8 };

static inline char evsi_fold(char c) {
  return c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
}

/* May a folded character stand in a segment? */
static inline bool evsi_segment_char(char c, bool extended) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || (extended && (c == '_' || c == '-'));
}

/* Bytes to cut so that `name` (in any case) loses the leading folded prefix and its dot; 0 when it does not
 * begin with it, or prefix is NULL or "". */
size_t evsi_prefix_length(evs_bytes name, const char *prefix);

/* A byte for an error text: 'x', or 0x1f when it cannot be shown alone. */
void evsi_byte_show(char c, char out[EVSI_SHOWN_MAX]);

#endif
