/* SPDX-License-Identifier: MIT
 * json_text.h - JSON trees of jansson as texts of ours. */
#ifndef EVSI_JSON_TEXT_H
#define EVSI_JSON_TEXT_H

#include <jansson.h>

/* Compact text of a tree, freed with evsi_free(); NULL when memory is short. Takes no reference. */
char *evsi_json_text(const json_t *value);

#endif
