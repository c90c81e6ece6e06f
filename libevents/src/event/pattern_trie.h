/* SPDX-License-Identifier: MIT
 * pattern_trie.h - many normalised patterns, one walk: the only pattern matcher of libevents. The cost of a
 * match does not grow with the number of patterns that cannot match. Not synchronised: the owner locks. */
#ifndef EVSI_PATTERN_TRIE_H
#define EVSI_PATTERN_TRIE_H

#include <stdbool.h>
#include <stdint.h>

#include "libevents.h"

typedef struct evsi_pattern_trie evsi_pattern_trie;

evsi_pattern_trie *evsi_pattern_trie_new(void);
void evsi_pattern_trie_free(evsi_pattern_trie *trie);

/* Adds a normalised pattern, anchored at the start of the text that is matched (join a prefix first).
 * Several ids may share a pattern. False when memory is short. */
bool evsi_pattern_trie_add(evsi_pattern_trie *trie, const char *pattern, uint32_t id);
void evsi_pattern_trie_remove(evsi_pattern_trie *trie, const char *pattern, uint32_t id);

/* The same for what is left of a pattern once a prefix was cut off: a leading `*` here is one segment, as it
 * was in the middle of the whole pattern. */
bool evsi_pattern_trie_add_tail(evsi_pattern_trie *trie, const char *tail, uint32_t id);
void evsi_pattern_trie_remove_tail(evsi_pattern_trie *trie, const char *tail, uint32_t id);

enum {
  EVSI_MATCH_TEXT_MAX = 511
}; /* the longest prefix, a dot and the longest type; longer texts match nothing */

/* Calls `found` once per (pattern, id) that matches; `type` is folded. found returns false to stop. Allocates
 * nothing; any number of threads at a time as long as nobody adds or removes. */
void evsi_pattern_trie_match(const evsi_pattern_trie *trie, evs_bytes type,
                             bool (*found)(void *data, uint32_t id), void *data);

#endif
