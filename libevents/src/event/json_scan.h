/* SPDX-License-Identifier: MIT
 * json_scan.h - checks JSON text (RFC 8259) and finds the exact bytes of its members, without building a
 * tree: a body keeps the bytes that were hashed. Iterative, depth-bounded, never reads past the end. */
#ifndef EVSI_JSON_SCAN_H
#define EVSI_JSON_SCAN_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "libevents.h"

enum { EVSI_JSON_DEPTH_MAX = 512 };

/* Is `text` exactly one JSON value, valid UTF-8? On failure *out_offset is where and the result says why
 * (static text); NULL when valid. */
const char *evsi_json_check(evs_bytes text, size_t *out_offset);

/* Walks the members of an object. Start with *cursor = 0; returns true per member with the key (between its
 * quotes, escapes kept) and the value's exact text; false at the end or on an error (*out_error set). */
bool evsi_json_member(evs_bytes object, size_t *cursor, evs_bytes *out_key, evs_bytes *out_value,
                      const char **out_error);

/* The steps of evsi_json_member(), for an object of which some values are walked where they stand. A key
 * leaves *cursor at its value, which evsi_json_value() steps over; outer: how many levels `text` stands in,
 * which count as its own. After the last member *cursor is behind the object, which more may follow;
 * evsi_json_end() gives why it may not, NULL when nothing does. */
bool evsi_json_key(evs_bytes text, size_t *cursor, evs_bytes *out_key, const char **out_error);
bool evsi_json_value(evs_bytes text, size_t *cursor, unsigned outer, evs_bytes *out_value,
                     const char **out_error);
const char *evsi_json_end(evs_bytes text, size_t *cursor);

/* evsi_json_member() for the values of an array. */
bool evsi_json_item(evs_bytes array, size_t *cursor, evs_bytes *out_value, const char **out_error);

/* The text of a JSON string value (with quotes). Points into `value`, or into scratch where it had escapes.
 * False when it is no string. Growing `scratch` never moves what was given before: callers reserve first. */
bool evsi_json_string(evs_bytes value, evsi_buf *scratch, evs_bytes *out_text);

#endif
