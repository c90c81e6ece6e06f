/* SPDX-License-Identifier: MIT
 * match.c - match ROLE/NUMBER CONFIG COUNT PAYLOAD: how fast the trie finds the one pattern among NUMBER that
 * a type matches; of CONFIG and PAYLOAD nothing is used. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../../libevents/src/event/pattern_trie.h"
#include "program.h"

enum { TYPE_MAX = 48, TYPES = 1024 };

typedef struct found {
  uint32_t wanted;
  long right, wrong;
} found;

static bool note(void *data, uint32_t id) {
  found *f = data;
  if (id == f->wanted)
    f->right++;
  else
    f->wrong++;
  return true;
}

static void match(evsi_pattern_trie *trie, uint32_t patterns, long count) {
  static char types[TYPES][TYPE_MAX];
  static size_t sizes[TYPES];
  static uint32_t ids[TYPES];
  for (uint32_t i = 0; i < TYPES; i++) {
    ids[i] = (uint32_t)((uint64_t)i * patterns / TYPES);
    sizes[i] = (size_t)snprintf(types[i], TYPE_MAX, "area%u.order.created", ids[i]);
  }
  found f = {0};
  uint64_t begun = now_ns();
  for (long i = 0; i < count; i++) {
    size_t at = (size_t)(i * 619) % TYPES; /* not one after the other */
    f.wanted = ids[at];
    evsi_pattern_trie_match(trie, (evs_bytes){.data = types[at], .size = sizes[at]}, note, &f);
  }
  if (f.wrong > 0)
    die("a type", "matched what it does not match");
  tell_rate(f.right, begun);
}

int main(int argc, char **argv) {
  char *number = argc == 5 ? strchr(argv[1], '/') : NULL;
  long patterns = number ? strtol(number + 1, NULL, 10) : 0;
  evsi_pattern_trie *trie = evsi_pattern_trie_new();
  if (patterns < 1 || patterns > 10000000 || !trie)
    return 2;
  for (long i = 0; i < patterns; i++) {
    char pattern[TYPE_MAX];
    snprintf(pattern, sizeof pattern, "area%ld.order.*", i);
    if (!evsi_pattern_trie_add(trie, pattern, (uint32_t)i))
      die("the patterns", "no memory");
  }
  match(trie, (uint32_t)patterns, strtol(argv[3], NULL, 10));
  evsi_pattern_trie_free(trie);
  return 0;
}
