/* SPDX-License-Identifier: MIT
 * compat_array.c - keywords about arrays: how many items there may be, and what they may be. */
#include <stdio.h>

#include "schema/compat_inner.h"

enum { ITEMS_MAX = 1000 };

static verdict item_follows(evsi_comparison *c, const evsi_set *set, uint64_t index, uint32_t schema,
                            bool is_rest) {
  char token[24];
  evsi_set values;
  snprintf(token, sizeof token, "%llu", (unsigned long long)index);
  evsi_set_of_item(c, set, index, &values);
  return evsi_subset_below(c, &values, schema, evsi_text(is_rest ? "*" : token));
}

/* Can there be an item at that index? */
static bool may_have_item(const evsi_comparison *c, const evsi_set *set, uint64_t index) {
  return !evsi_has_count(c, set, EVSI_KEY_MAX_ITEMS, 0, index);
}

/* One schema for all items from an index on: those of the set that have their own, then all others. */
static verdict rest_follows(evsi_comparison *c, const evsi_set *set, const evsi_op *op, uint64_t from) {
  uint64_t prefix = evsi_set_prefix(c, set), index = from;
  verdict v = EVSI_COMPAT_YES;
  if (prefix > ITEMS_MAX)
    return evsi_reason(c, EVSI_COMPAT_UNKNOWN, op, "too many items with schemas of their own");
  for (; index < prefix && may_have_item(c, set, index); index++)
    v = evsi_worse(v, item_follows(c, set, index, op->schema, false));
  return may_have_item(c, set, index) ? evsi_worse(v, item_follows(c, set, index, op->schema, true)) : v;
}

static verdict prefix_follows(evsi_comparison *c, const evsi_set *set, const evsi_op *op, uint32_t wide) {
  const evsi_schema_document *document = &c->wide->documents[c->wide->records[wide].document];
  const evsi_document *doc = &document->tree;
  verdict v = EVSI_COMPAT_YES;
  uint64_t index = 0;
  for (uint32_t at = evsi_node_first(op->value); at < doc->nodes[op->value].end;
       at = evsi_node_next(doc, at), index++)
    if (may_have_item(c, set, index))
      v = evsi_worse(v, item_follows(c, set, index, document->schema_of[at], false));
  return v;
}

/* Items that the schema itself, and what it refers to, looks at by their place are not meant. */
static verdict unevaluated_follows(evsi_comparison *c, const evsi_set *set, const evsi_op *op,
                                   uint32_t wide) {
  evsi_set own;
  evsi_comparison other = {.narrow = c->wide, .policy = c->policy};
  uint64_t cursor = 0;
  uint32_t record;
  const evsi_op *items;
  evsi_set_clear(&own);
  evsi_set_add(&other, &own, wide);
  while ((items = evsi_set_next(&other, &own, EVSI_KEY_ITEMS, &cursor, &record)))
    if (items->schema != EVSI_SCHEMA_NONE)
      return EVSI_COMPAT_YES;
  return rest_follows(c, set, op, evsi_set_prefix(&other, &own));
}

static verdict contains_follows(evsi_comparison *c, const evsi_set *set, const evsi_op *op) {
  uint64_t cursor = 0;
  uint32_t record;
  const evsi_op *own;
  bool has_least = op->count == 0, has_most = op->limit == UINT64_MAX || !may_have_item(c, set, op->limit);
  while (!has_least && (own = evsi_set_next(c, set, EVSI_KEY_CONTAINS, &cursor, &record))) {
    evsi_set values;
    evsi_set_clear(&values);
    evsi_set_add(c, &values, own->schema);
    has_least = own->count >= op->count && evsi_subset_quietly(c, &values, op->schema) == EVSI_COMPAT_YES;
  }
  if (has_least && has_most)
    return EVSI_COMPAT_YES;
  return evsi_reason(c, EVSI_COMPAT_UNKNOWN, op, "how many items are of a kind cannot be compared");
}

static verdict unless(evsi_comparison *c, bool holds, const evsi_op *op, const char *message) {
  return holds ? EVSI_COMPAT_YES : evsi_reason(c, EVSI_COMPAT_NO, op, "%s", message);
}

static bool is_unique(const evsi_comparison *c, const evsi_set *set) {
  uint64_t cursor = 0;
  uint32_t record;
  return !may_have_item(c, set, 1) || evsi_set_next(c, set, EVSI_KEY_UNIQUE_ITEMS, &cursor, &record);
}

verdict evsi_follows_array(evsi_comparison *c, const evsi_set *set, const evsi_op *op, uint32_t wide) {
  if (!(set->types & 1 << EVSI_NODE_ARRAY))
    return EVSI_COMPAT_YES;
  switch (op->keyword) {
  case EVSI_KEY_MAX_ITEMS:
    return unless(c, evsi_has_count(c, set, op->keyword, 0, op->count), op, "more items were allowed");
  case EVSI_KEY_MIN_ITEMS:
    return unless(c, !op->count || evsi_has_count(c, set, op->keyword, op->count, UINT64_MAX), op,
                  "fewer items were allowed");
  case EVSI_KEY_UNIQUE_ITEMS:
    return unless(c, is_unique(c, set), op, "equal items were allowed");
  case EVSI_KEY_CONTAINS:
    return contains_follows(c, set, op);
  case EVSI_KEY_PREFIX_ITEMS:
    return prefix_follows(c, set, op, wide);
  case EVSI_KEY_ITEMS:
    return op->schema == EVSI_SCHEMA_NONE ? prefix_follows(c, set, op, wide)
                                          : rest_follows(c, set, op, op->count);
  case EVSI_KEY_ADDITIONAL_ITEMS:
    return rest_follows(c, set, op, op->count);
  case EVSI_KEY_UNEVALUATED_ITEMS:
    return unevaluated_follows(c, set, op, wide);
  default:
    return EVSI_COMPAT_YES;
  }
}
