/* SPDX-License-Identifier: MIT
 * compat_subset.c - is every value of a set accepted by a schema? All its operations have to follow; where
 * they do not at once, the set is taken apart by its alternatives. Recursive, with the depth bounded. */
#include "schema/compat_inner.h"

/* An array of schemas of the wider side, or an object of them, one after the other. */
static uint32_t wide_record(const evsi_comparison *c, uint32_t wide, uint32_t node) {
  return c->wide->documents[c->wide->records[wide].document].schema_of[node];
}

static verdict all_of_follow(evsi_comparison *c, const evsi_set *set, const evsi_op *op, uint32_t wide) {
  const evsi_document *doc = evsi_schema_tree(c->wide, wide);
  verdict v = EVSI_COMPAT_YES;
  for (uint32_t at = evsi_node_first(op->value); at < doc->nodes[op->value].end; at = evsi_node_next(doc, at))
    v = evsi_worse(v, evsi_subset(c, set, wide_record(c, wide, at)));
  return v;
}

/* The best verdict of all alternatives, and which one it was. */
static verdict best_of(evsi_comparison *c, const evsi_set *set, const evsi_op *op, uint32_t wide,
                       uint32_t *out_node) {
  const evsi_document *doc = evsi_schema_tree(c->wide, wide);
  verdict best = EVSI_COMPAT_NO;
  for (uint32_t at = evsi_node_first(op->value); at < doc->nodes[op->value].end;
       at = evsi_node_next(doc, at)) {
    verdict v = evsi_subset_quietly(c, set, wide_record(c, wide, at));
    if (v < best || v == EVSI_COMPAT_YES) {
      best = v;
      *out_node = at;
    }
    if (v == EVSI_COMPAT_YES)
      break;
  }
  return best;
}

/* Types that a schema of the wider side accepts at most, by its own keyword. */
static uint8_t types_of(const evsi_comparison *c, uint32_t wide) {
  const evsi_schema_record *r = &c->wide->records[wide];
  uint8_t types = EVSI_TYPES_ALL;
  for (uint32_t k = r->first_op; k < r->first_op + r->op_count; k++) {
    const evsi_op *op = &c->wide->ops[k];
    if (op->keyword == EVSI_KEY_FALSE)
      types = 0;
    if (op->keyword == EVSI_KEY_TYPE)
      types &= op->types & EVSI_TYPE_INTEGER ? op->types | 1 << EVSI_NODE_NUMBER : op->types;
  }
  return types;
}

static bool is_disjoint(const evsi_comparison *c, const evsi_set *set, uint32_t wide) {
  uint8_t types = set->types & EVSI_TYPE_INTEGER ? set->types | 1 << EVSI_NODE_NUMBER : set->types;
  return !(types & types_of(c, wide) & EVSI_TYPES_ALL);
}

/* No other alternative may accept any of it. */
static verdict only_one_follows(evsi_comparison *c, const evsi_set *set, const evsi_op *op, uint32_t wide,
                                uint32_t chosen) {
  const evsi_document *doc = evsi_schema_tree(c->wide, wide);
  for (uint32_t at = evsi_node_first(op->value); at < doc->nodes[op->value].end; at = evsi_node_next(doc, at))
    if (at != chosen && !is_disjoint(c, set, wide_record(c, wide, at)))
      return EVSI_COMPAT_UNKNOWN;
  return EVSI_COMPAT_YES;
}

static verdict alternative_follows(evsi_comparison *c, const evsi_set *set, const evsi_op *op,
                                   uint32_t wide) {
  uint32_t chosen = 0;
  verdict v = best_of(c, set, op, wide, &chosen);
  if (v == EVSI_COMPAT_YES && op->keyword == EVSI_KEY_ONE_OF)
    v = only_one_follows(c, set, op, wide, chosen);
  return v;
}

/* Values of each type may follow from another alternative. */
static verdict alternatives_follow(evsi_comparison *c, const evsi_set *set, const evsi_op *op,
                                   uint32_t wide) {
  verdict v = alternative_follows(c, set, op, wide);
  if (v == EVSI_COMPAT_YES)
    return v;
  verdict by_type = EVSI_COMPAT_YES;
  for (unsigned bit = 1; bit <= EVSI_TYPE_INTEGER && by_type != EVSI_COMPAT_NO; bit <<= 1) {
    evsi_set part = *set;
    part.types &= (uint8_t)bit;
    part.is_plain = false;
    if (part.types)
      by_type = evsi_worse(by_type, alternative_follows(c, &part, op, wide));
  }
  const char *message = op->keyword == EVSI_KEY_ONE_OF
                            ? "it cannot be shown that exactly one of the alternatives accepts each value"
                            : "it cannot be shown that one of the alternatives accepts each value";
  return evsi_reason(c, by_type, op, "%s",
                     by_type == EVSI_COMPAT_NO ? "none of the alternatives accepts all values" : message);
}

static verdict not_follows(evsi_comparison *c, const evsi_set *set, const evsi_op *op) {
  if (is_disjoint(c, set, op->schema))
    return EVSI_COMPAT_YES;
  return evsi_reason(c, EVSI_COMPAT_UNKNOWN, op, "what must not be valid cannot be compared");
}

static verdict branches_follow(evsi_comparison *c, const evsi_set *set, const evsi_op *op) {
  verdict v = EVSI_COMPAT_YES;
  if (op->yes != EVSI_SCHEMA_NONE)
    v = evsi_worse(v, evsi_subset_quietly(c, set, op->yes));
  if (op->no != EVSI_SCHEMA_NONE)
    v = evsi_worse(v, evsi_subset_quietly(c, set, op->no));
  return v == EVSI_COMPAT_YES ? v : evsi_reason(c, EVSI_COMPAT_UNKNOWN, op, "conditions cannot be compared");
}

static verdict follows(evsi_comparison *c, const evsi_set *set, const evsi_op *op, uint32_t wide) {
  switch (op->keyword) {
  case EVSI_KEY_FALSE:
    return evsi_reason(c, EVSI_COMPAT_NO, op, "nothing is accepted here any more");
  case EVSI_KEY_REF:
    return evsi_subset(c, set, op->schema);
  case EVSI_KEY_DYNAMIC_REF:
    if (!op->entries)
      return evsi_subset(c, set, op->schema);
    return evsi_reason(c, EVSI_COMPAT_UNKNOWN, op, "dynamic references cannot be compared");
  case EVSI_KEY_ALL_OF:
    return all_of_follow(c, set, op, wide);
  case EVSI_KEY_ANY_OF:
  case EVSI_KEY_ONE_OF:
    return alternatives_follow(c, set, op, wide);
  case EVSI_KEY_NOT:
    return not_follows(c, set, op);
  case EVSI_KEY_IF:
    return branches_follow(c, set, op);
  default:
    break;
  }
  verdict v = evsi_follows_value(c, set, op, wide);
  v = evsi_worse(v, evsi_follows_object(c, set, op, wide));
  return evsi_worse(v, evsi_follows_array(c, set, op, wide));
}

static verdict all_follow(evsi_comparison *c, const evsi_set *set, uint32_t wide) {
  const evsi_schema_record *r = &c->wide->records[wide];
  verdict v = EVSI_COMPAT_YES;
  for (uint32_t k = r->first_op; k < r->first_op + r->op_count; k++)
    v = evsi_worse(v, follows(c, set, &c->wide->ops[k], wide));
  return v;
}

/* The alternatives of the set that were not taken apart yet. */
static const evsi_op *next_alternatives(const evsi_comparison *c, const evsi_set *set, uint32_t *out_record) {
  static const int keywords[] = {EVSI_KEY_ANY_OF, EVSI_KEY_ONE_OF};
  uint32_t skip = set->splits;
  for (int i = 0; i < 2; i++) {
    uint64_t cursor = 0;
    const evsi_op *op;
    while ((op = evsi_set_next(c, set, keywords[i], &cursor, out_record)))
      if (!skip--)
        return op;
  }
  return NULL;
}

static verdict parts_follow(evsi_comparison *c, const evsi_set *set, uint32_t wide) {
  uint32_t record;
  const evsi_op *op = next_alternatives(c, set, &record);
  const evsi_schema_document *document = &c->narrow->documents[c->narrow->records[record].document];
  const evsi_document *doc = &document->tree;
  verdict v = EVSI_COMPAT_YES;
  for (uint32_t at = evsi_node_first(op->value); at < doc->nodes[op->value].end;
       at = evsi_node_next(doc, at)) {
    evsi_set part = *set;
    part.splits++;
    evsi_set_add(c, &part, document->schema_of[at]);
    v = evsi_worse(v, evsi_subset(c, &part, wide));
  }
  return v;
}

/* A set of one schema that is being compared further out already: then it holds, if all else does. */
static bool is_assumed(const evsi_comparison *c, evsi_pair pair) {
  for (uint32_t i = 0; i < c->assumed_count; i++)
    if (c->assumed[i].left == pair.left && c->assumed[i].right == pair.right)
      return true;
  return false;
}

static verdict compare(evsi_comparison *c, const evsi_set *set, uint32_t wide) {
  uint32_t record;
  if (evsi_set_is_listed(c, set))
    return evsi_listed_follow(c, set, wide);
  if (!next_alternatives(c, set, &record))
    return all_follow(c, set, wide);
  c->quiet++;
  verdict v = all_follow(c, set, wide);
  c->quiet--;
  return v == EVSI_COMPAT_YES ? v : parts_follow(c, set, wide);
}

verdict evsi_subset(evsi_comparison *c, const evsi_set *set, uint32_t wide) {
  if (set->is_empty || !set->types || c->wide->records[wide].op_count == 0)
    return EVSI_COMPAT_YES;
  evsi_pair pair = {set->count ? set->records[0] : EVSI_SCHEMA_NONE, wide};
  bool is_plain = set->is_plain && set->count;
  if (is_plain && is_assumed(c, pair))
    return EVSI_COMPAT_YES;
  if (c->depth == EVSI_COMPAT_DEPTH_MAX || ++c->work > EVSI_COMPAT_WORK_MAX || c->no_memory)
    return evsi_reason(c, EVSI_COMPAT_UNKNOWN, NULL,
                       "the schemas are too large or too deep to be compared here");
  if (!evsi_grow(c->assumed, c->assumed_capacity, (uint64_t)c->assumed_count + 1)) {
    c->no_memory = true;
    return EVSI_COMPAT_UNKNOWN;
  }
  uint32_t before = c->assumed_count;
  if (is_plain)
    c->assumed[c->assumed_count++] = pair;
  c->depth++;
  verdict v = compare(c, set, wide);
  c->depth--;
  c->assumed_count = before;
  return v;
}

verdict evsi_subset_quietly(evsi_comparison *c, const evsi_set *set, uint32_t wide) {
  c->quiet++;
  verdict v = evsi_subset(c, set, wide);
  c->quiet--;
  return v;
}

verdict evsi_subset_below(evsi_comparison *c, const evsi_set *set, uint32_t wide, evs_bytes token) {
  size_t size = c->path.size;
  evsi_pointer_token(&c->path, token);
  c->no_memory |= c->path.failed;
  verdict v = evsi_subset(c, set, wide);
  c->path.size = size;
  return v;
}
