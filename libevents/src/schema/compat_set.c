/* SPDX-License-Identifier: MIT
 * compat_set.c - the values that several schemas of the narrower side accept at once, as far as it is simple:
 * what is left out makes the set larger, so that nothing is shown that does not hold. */
#include "schema/compat_inner.h"

enum { NUMBER = 1 << EVSI_NODE_NUMBER };

void evsi_set_clear(evsi_set *set) {
  *set = (evsi_set){.types = EVSI_TYPES_ALL, .is_plain = true};
}

static uint8_t common_types(uint8_t a, uint8_t b) {
  enum { ANY_NUMBER = NUMBER | EVSI_TYPE_INTEGER };
  uint8_t common = a & b & EVSI_TYPES_ALL;
  if (!(common & NUMBER) && a & ANY_NUMBER && b & ANY_NUMBER)
    common |= EVSI_TYPE_INTEGER;
  return common;
}

static void put(evsi_set *set, uint32_t record) {
  for (uint32_t i = 0; i < set->count; i++)
    if (set->records[i] == record)
      return;
  if (set->count == EVSI_SET_RECORDS_MAX)
    set->is_cut = true;
  else
    set->records[set->count++] = record;
}

static void put_all(const evsi_schema *s, evsi_set *set, uint32_t record, const evsi_op *op) {
  const evsi_schema_document *document = &s->documents[s->records[record].document];
  const evsi_document *doc = &document->tree;
  for (uint32_t at = evsi_node_first(op->value); at < doc->nodes[op->value].end; at = evsi_node_next(doc, at))
    put(set, document->schema_of[at]);
}

/* The records are their own queue: what one refers to comes behind it. */
void evsi_set_add(const evsi_comparison *c, evsi_set *set, uint32_t record) {
  const evsi_schema *s = c->narrow;
  uint32_t from = set->count;
  set->is_plain &= from == 0;
  put(set, record);
  for (uint32_t i = from; i < set->count; i++) {
    const evsi_schema_record *r = &s->records[set->records[i]];
    for (uint32_t k = r->first_op; k < r->first_op + r->op_count; k++) {
      const evsi_op *op = &s->ops[k];
      if (op->keyword == EVSI_KEY_TYPE)
        set->types = common_types(set->types, op->types);
      if (op->keyword == EVSI_KEY_FALSE)
        set->is_empty = true;
      if (op->keyword == EVSI_KEY_REF)
        put(set, op->schema);
      if (op->keyword == EVSI_KEY_ALL_OF)
        put_all(s, set, set->records[i], op);
    }
  }
  set->is_empty |= !set->types;
}

const evsi_op *evsi_set_next(const evsi_comparison *c, const evsi_set *set, int keyword, uint64_t *cursor,
                             uint32_t *out_record) {
  const evsi_schema *s = c->narrow;
  uint32_t i = (uint32_t)(*cursor >> 32), k = (uint32_t)*cursor;
  for (; i < set->count; i++, k = 0) {
    const evsi_schema_record *r = &s->records[set->records[i]];
    for (; k < r->op_count; k++) {
      if (s->ops[r->first_op + k].keyword != keyword)
        continue;
      *cursor = (uint64_t)i << 32 | (k + 1);
      *out_record = set->records[i];
      return &s->ops[r->first_op + k];
    }
  }
  return NULL;
}

static bool has(const evsi_comparison *c, const evsi_set *set, int keyword) {
  uint64_t cursor = 0;
  uint32_t record;
  return evsi_set_next(c, set, keyword, &cursor, &record) != NULL;
}

bool evsi_set_decides_alone(const evsi_comparison *c, const evsi_set *set) {
  return !has(c, set, EVSI_KEY_ANY_OF) && !has(c, set, EVSI_KEY_ONE_OF) && !has(c, set, EVSI_KEY_IF) &&
         !has(c, set, EVSI_KEY_DEPENDENT_SCHEMAS) && !has(c, set, EVSI_KEY_DEPENDENCIES) &&
         !has(c, set, EVSI_KEY_DYNAMIC_REF) && !set->is_cut;
}

bool evsi_compat_matches(evsi_comparison *c, const evsi_schema *schema, uint32_t regex, evs_bytes name) {
  if (++c->work > EVSI_COMPAT_WORK_MAX) {
    c->is_uncertain = true;
    return false;
  }
  evsi_regex_verdict found = evsi_regex_match(schema->regexes[regex], &c->validation->regex, name);
  c->no_memory |= found == EVSI_REGEX_SHORT_OF_MEMORY;
  c->is_uncertain |= found == EVSI_REGEX_GAVE_UP;
  return found == EVSI_REGEX_YES;
}

bool evsi_compat_names(evsi_comparison *c, const evsi_schema *schema, uint32_t record, evs_bytes name,
                       evsi_set *out) {
  const evsi_schema_record *r = &schema->records[record];
  const evsi_schema_document *document = &schema->documents[r->document];
  bool is_named = false;
  for (uint32_t k = r->first_op; k < r->first_op + r->op_count; k++) {
    const evsi_op *op = &schema->ops[k];
    if (op->keyword == EVSI_KEY_PROPERTIES) {
      uint32_t at = evsi_document_find(&document->tree, op->value, name);
      is_named |= at != EVSI_NODE_NONE;
      if (at != EVSI_NODE_NONE && out)
        evsi_set_add(c, out, document->schema_of[at]);
    }
    uint32_t key = evsi_node_first(op->value);
    for (uint32_t i = 0; op->keyword == EVSI_KEY_PATTERN_PROPERTIES && i < op->entries; i++) {
      if (evsi_compat_matches(c, schema, op->table + i, name)) {
        is_named = true;
        if (out)
          evsi_set_add(c, out, document->schema_of[key + 1]);
      }
      key = evsi_node_next(&document->tree, key + 1);
    }
  }
  return is_named;
}

/* Adds what a keyword says of members that are not named. False: they are as free as can be. */
static bool add_rest(evsi_comparison *c, uint32_t record, uint8_t keyword, evsi_set *out) {
  const evsi_schema_record *r = &c->narrow->records[record];
  bool is_bound = false;
  for (uint32_t k = r->first_op; k < r->first_op + r->op_count; k++) {
    const evsi_op *op = &c->narrow->ops[k];
    if (op->keyword != keyword)
      continue;
    evsi_set_add(c, out, op->schema);
    is_bound |= c->narrow->records[op->schema].op_count > 0;
  }
  return is_bound;
}

/* unevaluatedProperties is about what no schema that applies looks at. */
static bool add_unevaluated(evsi_comparison *c, const evsi_set *set, evsi_set *out) {
  bool is_bound = false;
  if (!evsi_set_decides_alone(c, set) || has(c, set, EVSI_KEY_ADDITIONAL_PROPERTIES))
    return false;
  for (uint32_t i = 0; i < set->count; i++)
    is_bound |= add_rest(c, set->records[i], EVSI_KEY_UNEVALUATED_PROPERTIES, out);
  return is_bound;
}

/* Under the pragmatic policy nobody sends members of which a schema with named ones says nothing. */
static void assume_closed(const evsi_comparison *c, const evsi_set *set, bool is_bound, evsi_set *out) {
  bool says_something =
      is_bound || has(c, set, EVSI_KEY_ADDITIONAL_PROPERTIES) || has(c, set, EVSI_KEY_UNEVALUATED_PROPERTIES);
  if (c->policy == EVSI_COMPAT_PRAGMATIC && !says_something && has(c, set, EVSI_KEY_PROPERTIES))
    out->is_empty = true;
}

void evsi_set_of_member(evsi_comparison *c, const evsi_set *set, evs_bytes name, evsi_set *out) {
  bool is_named = false, is_bound = false;
  evsi_set_clear(out);
  for (uint32_t i = 0; i < set->count; i++) {
    if (evsi_compat_names(c, c->narrow, set->records[i], name, out))
      is_named = true;
    else
      is_bound |= add_rest(c, set->records[i], EVSI_KEY_ADDITIONAL_PROPERTIES, out);
  }
  if (is_named)
    return;
  is_bound |= add_unevaluated(c, set, out);
  assume_closed(c, set, is_bound, out);
}

void evsi_set_of_other_members(evsi_comparison *c, const evsi_set *set, evsi_set *out) {
  bool is_bound = false;
  evsi_set_clear(out);
  for (uint32_t i = 0; i < set->count; i++)
    is_bound |= add_rest(c, set->records[i], EVSI_KEY_ADDITIONAL_PROPERTIES, out);
  is_bound |= add_unevaluated(c, set, out);
  assume_closed(c, set, is_bound, out);
}

static bool is_prefix(const evsi_op *op) {
  return op->keyword == EVSI_KEY_PREFIX_ITEMS ||
         (op->keyword == EVSI_KEY_ITEMS && op->schema == EVSI_SCHEMA_NONE);
}

uint64_t evsi_set_prefix(const evsi_comparison *c, const evsi_set *set) {
  static const int keywords[] = {EVSI_KEY_PREFIX_ITEMS, EVSI_KEY_ITEMS};
  uint64_t longest = 0;
  for (int i = 0; i < 2; i++) {
    uint64_t cursor = 0;
    uint32_t record;
    const evsi_op *op;
    while ((op = evsi_set_next(c, set, keywords[i], &cursor, &record))) {
      uint64_t count =
          is_prefix(op) ? evsi_schema_tree(c->narrow, record)->nodes[op->value].count : op->count;
      longest = count > longest ? count : longest;
    }
  }
  return longest;
}

static void add_item(const evsi_comparison *c, uint32_t record, const evsi_op *op, uint64_t index,
                     evsi_set *out) {
  const evsi_schema_document *document = &c->narrow->documents[c->narrow->records[record].document];
  bool is_rest = op->keyword == EVSI_KEY_ITEMS || op->keyword == EVSI_KEY_ADDITIONAL_ITEMS;
  if (!is_prefix(op)) {
    if (is_rest && index >= op->count)
      evsi_set_add(c, out, op->schema);
    return;
  }
  uint32_t at = evsi_node_first(op->value);
  if (index >= document->tree.nodes[op->value].count)
    return;
  while (index--)
    at = evsi_node_next(&document->tree, at);
  evsi_set_add(c, out, document->schema_of[at]);
}

void evsi_set_of_item(const evsi_comparison *c, const evsi_set *set, uint64_t index, evsi_set *out) {
  evsi_set_clear(out);
  for (uint32_t i = 0; i < set->count; i++) {
    const evsi_schema_record *r = &c->narrow->records[set->records[i]];
    for (uint32_t k = r->first_op; k < r->first_op + r->op_count; k++)
      add_item(c, set->records[i], &c->narrow->ops[k], index, out);
  }
}

bool evsi_set_requires(evsi_comparison *c, const evsi_set *set, evs_bytes name) {
  uint64_t cursor = 0;
  uint32_t record;
  const evsi_op *op;
  while ((op = evsi_set_next(c, set, EVSI_KEY_REQUIRED, &cursor, &record))) {
    const evsi_document *doc = evsi_schema_tree(c->narrow, record);
    c->work += doc->nodes[op->value].count / 8;
    for (uint32_t at = evsi_node_first(op->value); at < doc->nodes[op->value].end;
         at = evsi_node_next(doc, at))
      if (evsi_bytes_equal(evsi_node_bytes(doc, at), name))
        return true;
  }
  return false;
}
