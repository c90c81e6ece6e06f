/* SPDX-License-Identifier: MIT
 * match.h - does what was found agree with what a scenario expects? The rules are those of every runner, see
 * scenarios/README.md. */
#ifndef MATCH_H
#define MATCH_H

#include <jansson.h>

/* gives: where the two differ, freed with free(); NULL when they agree. */
char *match_difference(const json_t *expected, const json_t *found);
/* The same for lists without an order: each expected entry takes the first that agrees with it. */
char *match_in_any_order(const json_t *expected, const json_t *found);
/* gives: the list with each entry that has `times` as often, without that member. */
json_t *match_repeated(const json_t *entries);

#endif
