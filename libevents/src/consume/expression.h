/* SPDX-License-Identifier: MIT
 * expression.h - regular expressions in the place of patterns: `/source/flags` is tried on the type without
 * its origin prefix, so that no expression can reach another origin; `*./source/flags` takes every origin.
 * Like patterns they do not know upper case. Any thread. */
#ifndef EVSI_EXPRESSION_H
#define EVSI_EXPRESSION_H

#include "event/pattern.h"
#include "schema/regex.h"

/* Checks `/source/flags` and leaves out the flags, none of which changes what matches. out:
 * EVSI_PATTERN_MAX + 1 bytes. errors: EVS_VALIDATION with the reason, EVS_NOMEM */
evs_status evsi_expression_normalize(evs_bytes pattern, char *out, evs_error **out_error);

/* Of a normalised one; freed with evsi_regex_free(). errors: the same */
evs_status evsi_expression_compile(const char *pattern, evsi_regex **out, evs_error **out_error);

/* Tries it on a folded type without origin prefix, which may be any bytes. memory: as of evsi_regex_match()
 */
evsi_regex_verdict evsi_expression_try(const evsi_regex *regex, evsi_regex_memory **memory, evs_bytes type);

/* Could it match this folded full type, wherever its origin prefix ends? True also where that is too much
 * work to tell. */
bool evsi_expression_can_match(const evsi_regex *regex, evsi_regex_memory **memory, evs_bytes full_type);

/* The same as evsi_pattern_matches_text() for a normalised expression. errors: EVS_VALIDATION where it is too
 * much work to tell, EVS_NOMEM */
evs_status evsi_expression_matches(const char *pattern, evs_bytes full_type, const char *origin_prefix,
                                   bool *out_matches, evs_error **out_error);

#endif
