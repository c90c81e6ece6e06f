/* SPDX-License-Identifier: MIT
 * jsontext.h - finds the exact text of a part of a JSON document, so that bodies leave and arrive with the
 * digits and the key order that they had. The walk is for text that a parser has already accepted. */
#ifndef EVENTS_CLI_JSONTEXT_H
#define EVENTS_CLI_JSONTEXT_H

#include <stdbool.h>

#include <jansson.h>

#include "libevents.h"

/* Any JSON value, or NULL. Integers stay integers unless one of them is too large for 64 bits. */
json_t *jsontext_parse(evs_bytes text);

/* Walks an array or the members of an object from *cursor = 0. False at the end. out_name (an object's, with
 * its quotes) may be NULL. */
bool jsontext_next(evs_bytes text, size_t *cursor, evs_bytes *out_name, evs_bytes *out_value);

/* The members of an object without `body`, `raw` and `entry`: those hold what others wrote, as large, deep or
 * odd as they like, and are shown as text. NULL when it is no object. */
json_t *jsontext_frame(evs_bytes object);

/* The value of an object's member; the last one where a name stands twice. Empty when there is none. */
evs_bytes jsontext_member(evs_bytes object, const char *name);

#endif
