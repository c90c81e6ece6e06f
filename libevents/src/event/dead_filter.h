/* SPDX-License-Identifier: MIT
 * dead_filter.h - which dead letters are meant: the members of docs/requests.md. Pure; any thread. */
#ifndef EVSI_DEAD_FILTER_H
#define EVSI_DEAD_FILTER_H

#include <jansson.h>

#include "event/dead_letter.h"
#include "event/pattern_trie.h"

typedef enum { EVSI_REQUEUED_ANY, EVSI_REQUEUED_YES, EVSI_REQUEUED_NO } evsi_requeued;

/* What is absent selects everything. Zero it, then load. */
typedef struct evsi_dead_filter {
  char *topic, *type, *group, *subscription, *text, *fingerprint;
  evsi_pattern_trie *pattern;  /* of `type`, if it is one */
  uint64_t since_ms, until_ms; /* of the last failure; until 0: no end */
  uint64_t min_attempts;
  evsi_requeued requeued;
} evsi_dead_filter;

/* Takes its members from an object. A strict load refuses others: in a filter of its own a misspelt member
 * would select everything. errors: EVS_VALIDATION, EVS_NOMEM */
evs_status evsi_dead_filter_load(evsi_dead_filter *filter, const json_t *object, bool is_strict,
                                 evs_error **out_error);
void evsi_dead_filter_free(evsi_dead_filter *filter);
/* Everything but `text`, which the store looks for: it has the whole event. */
bool evsi_dead_filter_takes(const evsi_dead_filter *filter, const evsi_dead_letter *letter);
/* Does it select by topic and fingerprint at most? */
bool evsi_dead_filter_is_simple(const evsi_dead_filter *filter);

#endif
