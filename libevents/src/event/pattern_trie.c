/* SPDX-License-Identifier: MIT
 * pattern_trie.c - patterns as a tree of segments, with two roots: one for patterns that begin at the first
 * segment, one for those with a leading `*.`, which may begin at any. A node below the first root is as deep
 * as the segment that it is about. Below the other one a match walks with the *set* of positions at which a
 * node can be reached. So no node is visited twice whatever the patterns and the type are. Who may receive
 * what (origins) is not known here. */
#include "event/pattern_trie.h"

#include <string.h>

#include "base/alloc.h"
#include "base/map.h"

/* Shorter chains than the default: a match is mostly look-ups, and each step along a chain may miss the
 * cache. */
#undef HASH_BKT_CAPACITY_THRESH
#define HASH_BKT_CAPACITY_THRESH 5U

enum { SEGMENTS_MAX = EVSI_MATCH_TEXT_MAX / 2 + 1, SET_WORDS = SEGMENTS_MAX / 64 + 1 };

struct node;

/* One distinct text between dots, shared by all patterns. */
typedef struct segment {
  UT_hash_handle hh;
  struct node *only; /* where the only edge of this name leads; NULL: there may be several */
  uint64_t parents;  /* sketch of the nodes with an edge of this name, see edge_is_likely() */
  uint32_t uses;
  char text[];
} segment;

/* Most have one id, and keep it in themselves. */
typedef struct id_list {
  union {
    uint32_t one;
    uint32_t *many; /* with a capacity */
  } ids;
  uint32_t count;
  uint32_t capacity;
} id_list;

typedef struct edge_key {
  struct node *parent;
  segment *name; /* NULL: the wildcard edge */
} edge_key;

/* What a match reads comes first. */
typedef struct node {
  edge_key key;
  struct node *wildcard;
  struct node *only; /* its only child by name; NULL: there may be several */
  uint64_t names;    /* sketch of the segments that its edges have */
  id_list exact;     /* patterns that end here */
  id_list rest;      /* patterns that go on with a trailing `*`: one or more segments */
  uint32_t children; /* the wildcard included */
  UT_hash_handle hh; /* in trie->edges, by key; not for the roots */
} node;

struct evsi_pattern_trie {
  segment *segments;
  node *edges;
  node anchored;
  node floating;
};

evsi_pattern_trie *evsi_pattern_trie_new(void) {
  return evsi_calloc(1, sizeof(evsi_pattern_trie));
}

static void list_free(id_list *list) {
  if (list->capacity > 0)
    evsi_free(list->ids.many);
}

static void node_free(node *n) {
  list_free(&n->exact);
  list_free(&n->rest);
  evsi_free(n);
}

void evsi_pattern_trie_free(evsi_pattern_trie *trie) {
  if (!trie)
    return;
  node *n, *next_node;
  HASH_ITER(hh, trie->edges, n, next_node) {
    HASH_DEL(trie->edges, n);
    node_free(n);
  }
  segment *s, *next_segment;
  HASH_ITER(hh, trie->segments, s, next_segment) {
    HASH_DEL(trie->segments, s);
    evsi_free(s);
  }
  id_list *lists[] = {&trie->anchored.exact, &trie->anchored.rest, &trie->floating.exact,
                      &trie->floating.rest};
  for (size_t i = 0; i < sizeof lists / sizeof *lists; i++)
    list_free(lists[i]);
  evsi_free(trie);
}

/* MurmurHash3's finaliser: what is hashed are addresses, which differ in few bits, and uthash doubles its
 * table when a bucket fills up. */
static unsigned hash_mix(uint64_t x) {
  x = (x ^ x >> 33) * UINT64_C(0xFF51AFD7ED558CCD);
  x = (x ^ x >> 33) * UINT64_C(0xC4CEB9FE1A85EC53);
  return (unsigned)(x ^ x >> 33);
}

static unsigned segment_hash(const char *text, size_t size) {
  uint64_t hash = size;
  for (; size >= 8; text += 8, size -= 8) {
    uint64_t word;
    memcpy(&word, text, 8);
    hash = (hash ^ word) * UINT64_C(0xD6E8FEB86659FD93);
    hash ^= hash >> 29;
  }
  uint64_t tail = 0;
  memcpy(&tail, text, size);
  return hash_mix((hash ^ tail) * UINT64_C(0xD6E8FEB86659FD93));
}

static unsigned edge_hash(edge_key key) {
  return hash_mix((uint64_t)(uintptr_t)key.parent * UINT64_C(0x9E3779B97F4A7C15) +
                  (uint64_t)(uintptr_t)key.name);
}

static uint64_t sketch_bit(const void *of) {
  return UINT64_C(1) << (hash_mix((uint64_t)(uintptr_t)of) & 63);
}

/* False when there is surely no such edge. Most look-ups of a match are for edges that do not exist, and end
 * here, without a walk through the table. Bits stay set when an edge goes, which only costs a look-up. */
static bool edge_is_likely(edge_key key) {
  return (key.parent->names & sketch_bit(key.name)) && (key.name->parents & sketch_bit(key.parent));
}

static segment *segment_find(const evsi_pattern_trie *trie, const char *text, size_t size) {
  segment *found = NULL;
  unsigned hash = segment_hash(text, size);
  HASH_FIND_BYHASHVALUE(hh, trie->segments, text, size, hash, found);
  return found;
}

static node *edge_find(const evsi_pattern_trie *trie, edge_key key) {
  node *found = NULL;
  unsigned hash = edge_hash(key);
  HASH_FIND_BYHASHVALUE(hh, trie->edges, &key, sizeof key, hash, found);
  return found;
}

/* The child of a node by a name. What has one edge only is not looked up: with many patterns each look-up
 * misses the cache. */
static const node *child_of(const evsi_pattern_trie *trie, const node *parent, segment *name) {
  edge_key key = {.parent = (node *)parent, .name = name};
  if (name->only)
    return name->only->key.parent == parent ? name->only : NULL;
  if (parent->only)
    return parent->only->key.name == name ? parent->only : NULL;
  return edge_is_likely(key) ? edge_find(trie, key) : NULL;
}

/* Its `uses` may be 0 until an edge takes it. */
static segment *segment_get(evsi_pattern_trie *trie, const char *text, size_t size) {
  segment *s = segment_find(trie, text, size);
  if (s)
    return s;
  s = evsi_calloc(1, sizeof *s + size + 1);
  if (!s)
    return NULL;
  memcpy(s->text, text, size);
  unsigned hash = segment_hash(text, size);
  HASH_ADD_KEYPTR_BYHASHVALUE(hh, trie->segments, s->text, size, hash, s);
  if (!s->hh.tbl) {
    evsi_free(s);
    return NULL;
  }
  return s;
}

static void segment_drop_unused(evsi_pattern_trie *trie, segment *s) {
  if (!s || s->uses > 0)
    return;
  HASH_DEL(trie->segments, s);
  evsi_free(s);
}

static uint32_t literals_of(const node *n) {
  return n->children - (n->wildcard ? 1u : 0u);
}

static node *edge_get(evsi_pattern_trie *trie, edge_key key) {
  node *n = edge_find(trie, key);
  if (n)
    return n;
  n = evsi_calloc(1, sizeof *n);
  if (!n)
    return NULL;
  n->key = key;
  unsigned hash = edge_hash(key);
  HASH_ADD_KEYPTR_BYHASHVALUE(hh, trie->edges, &n->key, sizeof n->key, hash, n);
  if (!n->hh.tbl) {
    node_free(n);
    return NULL;
  }
  key.parent->children++;
  if (!key.name) {
    key.parent->wildcard = n;
    return n;
  }
  key.name->only = ++key.name->uses == 1 ? n : NULL;
  key.parent->only = literals_of(key.parent) == 1 ? n : NULL;
  key.name->parents |= sketch_bit(key.parent);
  key.parent->names |= sketch_bit(key.name);
  return n;
}

/* Removes nodes that nothing needs any more, from here up to a root. */
static void node_prune(evsi_pattern_trie *trie, node *n) {
  while (n->key.parent && n->children == 0 && n->exact.count == 0 && n->rest.count == 0) {
    node *parent = n->key.parent;
    segment *name = n->key.name;
    HASH_DEL(trie->edges, n);
    node_free(n);
    parent->children--;
    if (name) {
      name->only = parent->only = NULL;
      name->uses--;
      segment_drop_unused(trie, name);
    } else {
      parent->wildcard = NULL;
    }
    n = parent;
  }
}

static const uint32_t *list_ids(const id_list *list) {
  return list->capacity > 0 ? list->ids.many : &list->ids.one;
}

static bool list_grow(id_list *list) {
  uint32_t one = list->ids.one, capacity = list->capacity > 0 ? list->capacity * 2 : 2;
  uint32_t *ids = evsi_realloc(list->capacity > 0 ? list->ids.many : NULL, capacity * sizeof *ids);
  if (!ids)
    return false;
  if (list->capacity == 0)
    ids[0] = one;
  list->ids.many = ids;
  list->capacity = capacity;
  return true;
}

static bool list_add(id_list *list, uint32_t id) {
  const uint32_t *ids = list_ids(list);
  for (uint32_t i = 0; i < list->count; i++)
    if (ids[i] == id)
      return true;
  if (list->capacity == 0 && list->count == 0) {
    list->ids.one = id;
    list->count = 1;
    return true;
  }
  if (list->count >= list->capacity && !list_grow(list))
    return false;
  list->ids.many[list->count++] = id;
  return true;
}

static void list_remove(id_list *list, uint32_t id) {
  uint32_t *ids = list->capacity > 0 ? list->ids.many : &list->ids.one;
  for (uint32_t i = 0; i < list->count; i++) {
    if (ids[i] != id)
      continue;
    memmove(ids + i, ids + i + 1, (list->count - i - 1) * sizeof *ids);
    list->count--;
    return;
  }
}

static bool is_star(const char *text, size_t size) {
  return size == 1 && text[0] == '*';
}

/* Where a pattern ends: its node and which of the node's lists. Creates the way there when asked to. */
typedef struct place {
  node *at;
  bool is_rest;
} place;

static node *step(evsi_pattern_trie *trie, node *from, evs_bytes text, bool create) {
  edge_key key = {.parent = from};
  if (!is_star(text.data, text.size)) {
    key.name = create ? segment_get(trie, text.data, text.size) : segment_find(trie, text.data, text.size);
    if (!key.name)
      return NULL;
  }
  node *next = create ? edge_get(trie, key) : edge_find(trie, key);
  if (!next && create)
    segment_drop_unused(trie, key.name);
  return next;
}

static place locate(evsi_pattern_trie *trie, const char *pattern, bool is_tail, bool create) {
  place p = {.at = &trie->anchored};
  if (!is_tail && pattern[0] == '*' && pattern[1] == '.') {
    p.at = &trie->floating;
    pattern += 2;
  }
  for (;;) {
    size_t size = strcspn(pattern, ".");
    bool is_last = pattern[size] == '\0';
    if (is_last && is_star(pattern, size)) {
      p.is_rest = true;
      return p;
    }
    node *next = step(trie, p.at, (evs_bytes){pattern, size}, create);
    if (!next) {
      if (create)
        node_prune(trie, p.at);
      p.at = NULL;
      return p;
    }
    p.at = next;
    if (is_last)
      return p;
    pattern += size + 1;
  }
}

static bool trie_add(evsi_pattern_trie *trie, const char *pattern, bool is_tail, uint32_t id) {
  place p = locate(trie, pattern, is_tail, true);
  if (!p.at)
    return false;
  if (list_add(p.is_rest ? &p.at->rest : &p.at->exact, id))
    return true;
  node_prune(trie, p.at);
  return false;
}

static void trie_remove(evsi_pattern_trie *trie, const char *pattern, bool is_tail, uint32_t id) {
  place p = locate(trie, pattern, is_tail, false);
  if (!p.at)
    return;
  list_remove(p.is_rest ? &p.at->rest : &p.at->exact, id);
  node_prune(trie, p.at);
}

bool evsi_pattern_trie_add(evsi_pattern_trie *trie, const char *pattern, uint32_t id) {
  return trie_add(trie, pattern, false, id);
}

void evsi_pattern_trie_remove(evsi_pattern_trie *trie, const char *pattern, uint32_t id) {
  trie_remove(trie, pattern, false, id);
}

bool evsi_pattern_trie_add_tail(evsi_pattern_trie *trie, const char *tail, uint32_t id) {
  return trie_add(trie, tail, true, id);
}

void evsi_pattern_trie_remove_tail(evsi_pattern_trie *trie, const char *tail, uint32_t id) {
  trie_remove(trie, tail, true, id);
}

/* Bit p: the next segment to be matched is number p; bit `count`: the type is used up. */
typedef struct positions {
  uint64_t words[SET_WORDS];
} positions;

/* A node whose children are being visited. `open` holds what literal edges have not been tried with. */
typedef struct frame {
  const node *at;
  bool wildcard_is_open;
  positions here;
  positions open;
} frame;

/* Of the first root: a node and the segment that its children are about. */
typedef struct place_in_type {
  const node *at;
  uint32_t position;
} place_in_type;

typedef struct walk {
  const evsi_pattern_trie *trie;
  bool (*found)(void *data, uint32_t id);
  void *data;
  evs_bytes type;
  uint32_t count;                    /* of segments */
  uint32_t looked_up;                /* so many of the first ones */
  uint16_t starts[SEGMENTS_MAX + 1]; /* where a segment begins; the last: behind the end, as after a dot */
  segment *segments[SEGMENTS_MAX];   /* NULL: in no pattern */
  place_in_type open[SEGMENTS_MAX + 1];
  /* Of the second root. */
  uint32_t words;              /* of the sets, as many as this type needs */
  positions known;             /* segments that occur in some pattern */
  uint16_t same[SEGMENTS_MAX]; /* next position with the same text; 0: none */
  frame stack[SEGMENTS_MAX + 1];
  uint32_t depth;
} walk;

static void set_clear(positions *set) {
  *set = (positions){{0}};
}

static void set_add(positions *set, uint32_t position) {
  set->words[position / 64] |= UINT64_C(1) << (position % 64);
}

static bool set_has(const positions *set, uint32_t position) {
  return set->words[position / 64] >> (position % 64) & 1;
}

/* The lowest position, or UINT32_MAX. */
static uint32_t set_first(const positions *set, uint32_t words) {
  for (uint32_t w = 0; w < words; w++)
    if (set->words[w])
      return w * 64 + (uint32_t)__builtin_ctzll(set->words[w]);
  return UINT32_MAX;
}

static void set_remove(positions *set, uint32_t position) {
  set->words[position / 64] &= ~(UINT64_C(1) << (position % 64));
}

/* False when there are more segments than any valid type has. */
static bool walk_split(walk *w) {
  w->count = w->looked_up = 0;
  w->starts[0] = 0;
  for (uint64_t i = 0; i <= w->type.size; i++) {
    if (i < w->type.size && w->type.data[i] != '.')
      continue;
    if (w->count == SEGMENTS_MAX)
      return false;
    w->starts[++w->count] = (uint16_t)(i + 1);
  }
  return true;
}

/* Most matches end before the last segment is needed. */
static segment *segment_at(walk *w, uint32_t position) {
  for (; w->looked_up <= position; w->looked_up++) {
    uint32_t from = w->starts[w->looked_up], end = w->starts[w->looked_up + 1] - 1u;
    w->segments[w->looked_up] = segment_find(w->trie, w->type.data + from, end - from);
  }
  return w->segments[position];
}

static bool report(const walk *w, const id_list *list) {
  const uint32_t *ids = list_ids(list);
  for (uint32_t i = 0; i < list->count; i++)
    if (!w->found(w->data, ids[i]))
      return false;
  return true;
}

/* ---- patterns that begin at the first segment --------------------------------------------------- */

static bool walk_anchored(walk *w) {
  uint32_t open = 0;
  w->open[open++] = (place_in_type){&w->trie->anchored, 0};
  while (open > 0) {
    place_in_type here = w->open[--open];
    const id_list *list = here.position == w->count ? &here.at->exact : &here.at->rest;
    if (!report(w, list))
      return false;
    if (here.position == w->count)
      continue;
    segment *name = literals_of(here.at) > 0 ? segment_at(w, here.position) : NULL;
    const node *child = name ? child_of(w->trie, here.at, name) : NULL;
    if (child)
      w->open[open++] = (place_in_type){child, here.position + 1};
    if (here.at->wildcard)
      w->open[open++] = (place_in_type){here.at->wildcard, here.position + 1};
  }
  return true;
}

/* ---- patterns with a leading `*.` --------------------------------------------------------------- */

static void find_same(walk *w) {
  segment_at(w, w->count - 1);
  w->words = w->count / 64 + 1;
  set_clear(&w->known);
  for (uint32_t i = w->count; i-- > 0;) {
    w->same[i] = 0;
    if (!w->segments[i])
      continue;
    set_add(&w->known, i);
    for (uint32_t j = i + 1; j < w->count && !w->same[i]; j++)
      if (w->segments[j] == w->segments[i])
        w->same[i] = (uint16_t)j;
  }
}

/* Enters a node: reports its patterns and queues its children. False to stop the whole match. */
static bool walk_enter(walk *w, const node *at, const positions *here) {
  if (at->exact.count && set_has(here, w->count) && !report(w, &at->exact))
    return false;
  bool has_more = set_first(here, w->words) < w->count;
  if (!has_more)
    return true;
  if (at->rest.count && !report(w, &at->rest))
    return false;
  if (at->children == 0)
    return true;
  frame *f = &w->stack[w->depth++];
  *f = (frame){.at = at, .wildcard_is_open = at->wildcard != NULL};
  bool has_literals = literals_of(at) > 0;
  for (uint32_t i = 0; i < w->words; i++) {
    f->here.words[i] = here->words[i];
    f->open.words[i] = has_literals ? here->words[i] & w->known.words[i] : 0;
  }
  return true;
}

/* Every position one further; the one behind the last segment has nowhere to go. */
static void set_advance(const walk *w, const positions *from, positions *out) {
  uint64_t carry = 0;
  for (uint32_t i = 0; i < w->words; i++) {
    uint64_t word = from->words[i];
    if (i == w->count / 64)
      word &= ~(UINT64_C(1) << (w->count % 64));
    out->words[i] = word << 1 | carry;
    carry = word >> 63;
  }
}

/* The next child of the frame's node that can be reached, with its positions; NULL when there is none left.
 */
static const node *frame_next(const walk *w, frame *f, positions *out) {
  if (f->wildcard_is_open) {
    f->wildcard_is_open = false;
    set_advance(w, &f->here, out);
    return f->at->wildcard;
  }
  uint32_t first;
  while ((first = set_first(&f->open, w->words)) != UINT32_MAX) {
    set_clear(out);
    uint32_t p = first;
    do {
      if (set_has(&f->open, p))
        set_add(out, p + 1);
      set_remove(&f->open, p);
      p = w->same[p];
    } while (p != 0);
    const node *child = child_of(w->trie, f->at, w->segments[first]);
    if (child)
      return child;
  }
  return NULL;
}

static void walk_floating(walk *w) {
  const node *root = &w->trie->floating;
  if (root->children == 0 && root->rest.count == 0)
    return;
  find_same(w);
  positions start = {{0}};
  for (uint32_t i = 0; i < w->count; i++)
    set_add(&start, i);
  w->depth = 0;
  if (!walk_enter(w, root, &start))
    return;
  while (w->depth > 0) {
    positions here = {{0}};
    const node *child = frame_next(w, &w->stack[w->depth - 1], &here);
    if (!child)
      w->depth--;
    else if (!walk_enter(w, child, &here))
      return;
  }
}

void evsi_pattern_trie_match(const evsi_pattern_trie *trie, evs_bytes type,
                             bool (*found)(void *data, uint32_t id), void *data) {
  if (type.size == 0 || type.size > EVSI_MATCH_TEXT_MAX)
    return;
  walk w; /* filled as far as the type needs: clearing all of it would cost more than the match */
  w.trie = trie;
  w.found = found;
  w.data = data;
  w.type = type;
  if (walk_split(&w) && walk_anchored(&w))
    walk_floating(&w);
}
