/* SPDX-License-Identifier: MIT
 * config_walk.h - from a document to its settings, driven by the table: what was given (synonyms resolved,
 * ${…} replaced, each value of its type and in its range), then the same with all defaults. */
#ifndef EVSI_CONFIG_WALK_H
#define EVSI_CONFIG_WALK_H

#include "config/config_problem.h"
#include "config/config_table.h"

/* Checks `input` against a section and puts what is right into `given`. `root`: where absolute synonyms go.
 */
void evsi_walk(evsi_check *check, const evsi_section *section, const json_t *input, json_t *given,
               json_t *root);

/* Puts a value under its name; a different one that is there already is a problem. Takes the reference. */
void evsi_walk_put(evsi_check *check, json_t *given, const evsi_key *key, json_t *value);

/* One value of a leaf: a new reference, or NULL and a problem. */
json_t *evsi_value_check(evsi_check *check, const evsi_key *key, const json_t *value);

/* A text with ${NAME} and ${NAME:-default} replaced ($${ stands for ${): from evsi_alloc, or NULL and a
 * problem. */
char *evsi_value_expand(evsi_check *check, const char *text);

/* What was given, and the default of every other key that is built: a new reference, or NULL. */
json_t *evsi_fill(const evsi_section *section, const json_t *given);
/* Hides secrets in place. */
void evsi_fill_mask(evsi_check *check, const evsi_section *section, json_t *full);

#endif
