/* SPDX-License-Identifier: MIT
 * config_suggest.h - near misses: which known name did somebody mean? */
#ifndef EVSI_CONFIG_SUGGEST_H
#define EVSI_CONFIG_SUGGEST_H

#include <stddef.h>

enum { EVSI_SUGGEST_MAX = 64 };

/* The best candidate so far; begin with all zero but `word`. */
typedef struct evsi_suggest {
  const char *word;
  const char *best; /* points into what was offered; NULL: nothing is near */
  size_t best_size;
  size_t distance;
} evsi_suggest;

void evsi_suggest_offer(evsi_suggest *suggest, const char *name, size_t size);
/* Offers every word of "a|b|c". */
void evsi_suggest_offer_all(evsi_suggest *suggest, const char *choices);

/* Edits (insert, delete, replace, swap of neighbours) between two names, letter case aside. Sizes at most
 * EVSI_SUGGEST_MAX. */
size_t evsi_edit_distance(const char *a, size_t a_size, const char *b, size_t b_size);

#endif
