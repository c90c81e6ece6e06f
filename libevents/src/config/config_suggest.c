/* SPDX-License-Identifier: MIT
 * config_suggest.c - Damerau-Levenshtein distance (neighbours swapped count once) and the choice of the
 * nearest name. Knows nothing of configuration. */
#include "config/config_suggest.h"

#include <string.h>

static char fold(char c) {
  return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
}

static size_t least(size_t a, size_t b) {
  return a < b ? a : b;
}

size_t evsi_edit_distance(const char *a, size_t a_size, const char *b, size_t b_size) {
  size_t rows[3][EVSI_SUGGEST_MAX + 1];
  size_t *before = rows[0], *last = rows[1], *now = rows[2];
  for (size_t j = 0; j <= b_size; j++)
    last[j] = j;
  memset(before, 0, sizeof rows[0]);
  for (size_t i = 1; i <= a_size; i++) {
    now[0] = i;
    for (size_t j = 1; j <= b_size; j++) {
      char x = fold(a[i - 1]), y = fold(b[j - 1]);
      size_t cost = least(least(last[j] + 1, now[j - 1] + 1), last[j - 1] + (x != y));
      if (i > 1 && j > 1 && x == fold(b[j - 2]) && fold(a[i - 2]) == y)
        cost = least(cost, before[j - 2] + 1);
      now[j] = cost;
    }
    size_t *free_row = before;
    before = last;
    last = now;
    now = free_row;
  }
  return last[b_size];
}

void evsi_suggest_offer(evsi_suggest *suggest, const char *name, size_t size) {
  size_t word_size = strlen(suggest->word);
  if (word_size == 0 || size == 0 || word_size > EVSI_SUGGEST_MAX || size > EVSI_SUGGEST_MAX)
    return;
  size_t shorter = least(size, word_size);
  size_t distance = evsi_edit_distance(suggest->word, word_size, name, size);
  /* A third of the letters may differ; a name cut short or spun out ("redis") is near too, but least. */
  if (distance > (shorter + 2) / 3) {
    if (shorter < 4 || strncmp(suggest->word, name, shorter) != 0)
      return;
    distance += EVSI_SUGGEST_MAX;
  }
  if (suggest->best && suggest->distance <= distance)
    return;
  suggest->best = name;
  suggest->best_size = size;
  suggest->distance = distance;
}

void evsi_suggest_offer_all(evsi_suggest *suggest, const char *choices) {
  while (choices && *choices) {
    size_t size = strcspn(choices, "|");
    evsi_suggest_offer(suggest, choices, size);
    choices += size + (choices[size] == '|');
  }
}
