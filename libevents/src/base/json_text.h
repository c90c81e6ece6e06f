/* SPDX-License-Identifier: MIT
 * json_text.h - JSON trees of jansson from texts of ours and back. */
#ifndef EVSI_JSON_TEXT_H
#define EVSI_JSON_TEXT_H

#include <jansson.h>

#include "libevents.h"

/* json_loadb() for any text, the empty one (no JSON) included, that is safe when memory is short: jansson's
 * scanner (2.14, lex_save) goes on when its buffer could not grow, and then reads past its end. What it takes
 * at most is asked for first. error: may be NULL; with json_error_out_of_memory as code when there is too
 * little. */
json_t *evsi_json_load(evs_bytes text, size_t flags, json_error_t *error);
/* The error for a text (`what` names it) that could not be read: EVS_NOMEM, or EVS_VALIDATION that says
 * where. */
evs_status evsi_json_refused(evs_error **out_error, const char *what, const json_error_t *why);

/* Compact text of a tree, freed with evsi_free(); NULL when memory is short. Takes no reference. */
char *evsi_json_text(const json_t *value);

#endif
