/* SPDX-License-Identifier: MIT
 * equal.c - comparing and hashing values of any depth without recursion. */
#include "schema/equal.h"

#include <string.h>

#include "schema/decimal.h"
#include "schema/grow.h"

#define PRIME UINT64_C(0x100000001B3)

static bool scalars_equal(const evsi_document *a, uint32_t left, const evsi_document *b, uint32_t right) {
  const evsi_node *l = &a->nodes[left], *r = &b->nodes[right];
  if (l->kind == EVSI_NODE_NUMBER) {
    evsi_decimal x = evsi_decimal_parse(evsi_node_bytes(a, left));
    evsi_decimal y = evsi_decimal_parse(evsi_node_bytes(b, right));
    return evsi_decimal_compare(&x, &y) == 0;
  }
  return l->size == r->size && memcmp(l->text, r->text, l->size) == 0;
}

/* Puts the children of two containers beside each other. False when they cannot be equal. */
static bool pair_children(evsi_equality *e, uint32_t *count, const evsi_document *a, evsi_pair pair,
                          const evsi_document *b) {
  const evsi_node *l = &a->nodes[pair.left], *r = &b->nodes[pair.right];
  if (l->count != r->count)
    return false;
  if (!evsi_grow(e->pairs, e->capacity, (uint64_t)*count + l->count)) {
    e->no_memory = true;
    return false;
  }
  uint32_t other = evsi_node_first(pair.right);
  for (uint32_t at = evsi_node_first(pair.left); at < l->end; at = evsi_node_next(a, at)) {
    if (l->kind == EVSI_NODE_OBJECT) {
      other = evsi_document_find(b, pair.right, evsi_node_bytes(a, at));
      if (other == EVSI_NODE_NONE)
        return false;
      at++;
    }
    e->pairs[(*count)++] = (evsi_pair){at, other};
    other = evsi_node_next(b, other);
  }
  return true;
}

bool evsi_equal(evsi_equality *e, const evsi_document *a, uint32_t left, const evsi_document *b,
                uint32_t right) {
  uint32_t count = 0;
  evsi_pair pair = {left, right};
  for (;;) {
    uint8_t kind = a->nodes[pair.left].kind;
    e->work++;
    if (kind != b->nodes[pair.right].kind)
      return false;
    if (kind == EVSI_NODE_ARRAY || kind == EVSI_NODE_OBJECT) {
      if (!pair_children(e, &count, a, pair, b))
        return false;
    } else if (!scalars_equal(a, pair.left, b, pair.right)) {
      return false;
    }
    if (!count)
      return true;
    pair = e->pairs[--count];
  }
}

void evsi_equality_free(evsi_equality *e) {
  evsi_free(e->pairs);
  *e = (evsi_equality){.pairs = NULL};
}

static uint64_t hash_bytes(evs_bytes bytes) {
  uint64_t hash = UINT64_C(0xCBF29CE484222325);
  for (uint64_t i = 0; i < bytes.size; i++)
    hash = (hash ^ (unsigned char)bytes.data[i]) * PRIME;
  return hash;
}

static uint64_t mix(uint64_t hash) {
  hash ^= hash >> 33;
  hash *= UINT64_C(0xFF51AFD7ED558CCD);
  return hash ^ hash >> 33;
}

static uint64_t hash_node(const evsi_document *doc, uint32_t node, uint64_t children) {
  evs_bytes text = evsi_node_bytes(doc, node);
  uint64_t own = children;
  if (doc->nodes[node].kind == EVSI_NODE_NUMBER) {
    evsi_decimal number = evsi_decimal_parse(text);
    own = evsi_decimal_hash(&number);
  } else if (doc->nodes[node].kind <= EVSI_NODE_STRING) {
    own = hash_bytes(text);
  }
  return mix(own * PRIME + doc->nodes[node].kind);
}

/* From the last node to the first: children are done before their parents, and gathered there. Members add
 * up, so that their order does not count. */
void evsi_document_hash(const evsi_document *doc, uint64_t *hashes) {
  memset(hashes, 0, doc->count * sizeof *hashes);
  for (uint32_t node = doc->count; node-- > 0;) {
    const evsi_node *n = &doc->nodes[node];
    hashes[node] = hash_node(doc, node, hashes[node]);
    if (node == 0)
      break;
    if (n->is_key)
      hashes[n->parent] += mix(hashes[node] + PRIME * hashes[node + 1]);
    else if (doc->nodes[n->parent].kind == EVSI_NODE_ARRAY)
      hashes[n->parent] = hashes[n->parent] * PRIME + hashes[node];
  }
}
