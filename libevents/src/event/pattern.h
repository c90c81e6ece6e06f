/* SPDX-License-Identifier: MIT
 * pattern.h - the grammar of patterns, one pattern at a time. Any thread. */
#ifndef EVSI_PATTERN_H
#define EVSI_PATTERN_H

#include <stdbool.h>
#include <stdint.h>

#include "libevents.h"

enum { EVSI_PATTERN_MAX = 512 };

/* What a pattern may match. origin_prefix: the system's own, folded, "" for none. origins_set false: a
 * pattern with a leading `*` receives every origin, an anchored one only its own. */
typedef struct evsi_origin_rule {
  const char *origin_prefix;
  const char *const *origins; /* folded; "" stands for events without a prefix */
  uint32_t origin_count;
  bool origins_set;
  bool extended_types;
} evsi_origin_rule;

/* Checks and folds to lower case. out: EVSI_PATTERN_MAX + 1 bytes. rule may be NULL (no prefix).
 * errors: EVS_VALIDATION with the reason and the byte position */
evs_status evsi_pattern_normalize(evs_bytes pattern, const evsi_origin_rule *rule, char *out,
                                  evs_error **out_error);

/* A regular expression stands in the place of a pattern: `/…/`, or `*./…/` for every origin. */
bool evsi_pattern_is_expression(evs_bytes pattern);

/* `*` or a leading `*.`: matches at any origin. */
bool evsi_pattern_is_floating(const char *pattern);

/* Writes a type that a normalised pattern matches, at no origin, to ask where such types go. False when the
 * pattern leaves the first segment of the type open, as regular expressions do. out: EVSI_PATTERN_MAX * 2
 * bytes. */
bool evsi_pattern_sample(const char *pattern, char *out);

/* Does a normalised pattern match a folded full type, by the texts alone? An anchored pattern is joined with
 * origin_prefix (folded, may be "") or taken as written where it begins with it. False also when memory is
 * short, then *out_failed is set. */
bool evsi_pattern_matches_text(const char *pattern, evs_bytes full_type, const char *origin_prefix,
                               bool *out_failed);

#endif
