/* SPDX-License-Identifier: MIT
 * matcher.h - all patterns of one consumer group in one trie, and its regular expressions behind it: which
 * subscriptions receive an event?
 * Patterns are tried at any origin first; then each one's origins decide: an event that a subscription would
 * take at another origin is `filtered`, never `unmatched`.
 * Matching changes nothing, so any number of threads may match; while one adds or removes, the owner locks.
 */
#ifndef EVSI_MATCHER_H
#define EVSI_MATCHER_H

#include <stdbool.h>
#include <stdint.h>

#include "event/pattern.h"
#include "libevents.h"

typedef struct evsi_matcher evsi_matcher;

evsi_matcher *evsi_matcher_new(void);
void evsi_matcher_free(evsi_matcher *matcher);

/* Checks and normalises a pattern or a regular expression (consume/expression.h). out: EVSI_PATTERN_MAX + 1
 * bytes. errors: EVS_VALIDATION, EVS_NOMEM */
evs_status evsi_matcher_normalize(evs_bytes pattern, const evsi_origin_rule *rule, char *out,
                                  evs_error **out_error);

/* id: the owner's number for this subscription; the same pattern may be added under several ids.
 * errors: EVS_VALIDATION for an invalid pattern (text and position), EVS_NOMEM */
evs_status evsi_matcher_add(evsi_matcher *matcher, const char *pattern, const evsi_origin_rule *rule,
                            uint32_t id, evs_error **out_error);
void evsi_matcher_remove(evsi_matcher *matcher, uint32_t id);
/* Another one after each change, never 0: what was matched before may be so no more. */
uint64_t evsi_matcher_version(const evsi_matcher *matcher);

/* Writes the ids of the subscriptions that receive the event, ascending, the lowest `max` of them. Returns
 * how many there are; more than `max` is an upper bound: call again with room for as many. Prefix and type
 * may be in any case. *out_filtered: none receives it, but one would at another origin. */
uint32_t evsi_matcher_match(const evsi_matcher *matcher, evs_bytes origin_prefix, evs_bytes type,
                            uint32_t *out_ids, uint32_t max, bool *out_filtered);

/* The subscriptions whose regular expression is too much work for this event, at an origin that they take, so
 * that nobody can tell whether they receive it. They are none of those that evsi_matcher_match() gives. */
uint32_t evsi_matcher_undecided(const evsi_matcher *matcher, evs_bytes origin_prefix, evs_bytes type,
                                uint32_t *out_ids, uint32_t max);

/* Can any subscription match this full type, at any origin? */
bool evsi_matcher_can_match(const evsi_matcher *matcher, evs_bytes full_type);

#endif
