/* SPDX-License-Identifier: MIT
 * compat_object.c - keywords about objects: what members there may be, and what they may be. */
#include "schema/compat_inner.h"

static const evsi_schema_document *wide_document(const evsi_comparison *c, uint32_t wide) {
  return &c->wide->documents[c->wide->records[wide].document];
}

/* Under the pragmatic policy readers fill in what is not sent and has a default. */
static bool has_default(const evsi_comparison *c, uint32_t wide, evs_bytes name) {
  const evsi_document *doc = &wide_document(c, wide)->tree;
  uint32_t node = c->wide->records[wide].node;
  uint32_t properties = evsi_document_find(doc, node, evsi_text("properties"));
  if (c->policy == EVSI_COMPAT_STRICT || properties == EVSI_NODE_NONE ||
      doc->nodes[properties].kind != EVSI_NODE_OBJECT)
    return false;
  uint32_t schema = evsi_document_find(doc, properties, name);
  return schema != EVSI_NODE_NONE && doc->nodes[schema].kind == EVSI_NODE_OBJECT &&
         evsi_document_find(doc, schema, evsi_text("default")) != EVSI_NODE_NONE;
}

static verdict required_follows(evsi_comparison *c, const evsi_set *set, const evsi_op *op, uint32_t wide) {
  const evsi_document *doc = &wide_document(c, wide)->tree;
  verdict v = EVSI_COMPAT_YES;
  for (uint32_t at = evsi_node_first(op->value); at < doc->nodes[op->value].end;
       at = evsi_node_next(doc, at)) {
    evs_bytes name = evsi_node_bytes(doc, at);
    if (c->work > EVSI_COMPAT_WORK_MAX)
      return evsi_reason(c, EVSI_COMPAT_UNKNOWN, op, "too many members are required");
    if (evsi_set_requires(c, set, name) || has_default(c, wide, name))
      continue;
    v = evsi_worse(v, evsi_reason(c, EVSI_COMPAT_NO, op, "%.*s is required, and was not",
                                  (int)(name.size < 100 ? name.size : 100), name.data));
  }
  return v;
}

static bool may_have(evsi_comparison *c, const evsi_set *set, evs_bytes name) {
  evsi_set values;
  evsi_set_of_member(c, set, name, &values);
  return !values.is_empty;
}

static verdict names_follow(evsi_comparison *c, const evsi_set *set, const evsi_op *op, uint32_t wide,
                            uint32_t names) {
  const evsi_document *doc = &wide_document(c, wide)->tree;
  verdict v = EVSI_COMPAT_YES;
  for (uint32_t at = evsi_node_first(names); at < doc->nodes[names].end; at = evsi_node_next(doc, at))
    if (!evsi_set_requires(c, set, evsi_node_bytes(doc, at)))
      v = EVSI_COMPAT_UNKNOWN;
  return evsi_reason(c, v, op, "what members need each other cannot be compared");
}

/* Shown where the member cannot be there, or what it needs holds without it. */
static verdict dependencies_follow(evsi_comparison *c, const evsi_set *set, const evsi_op *op,
                                   uint32_t wide) {
  const evsi_schema_document *document = wide_document(c, wide);
  const evsi_document *doc = &document->tree;
  verdict v = EVSI_COMPAT_YES;
  for (uint32_t at = evsi_node_first(op->value); at < doc->nodes[op->value].end;
       at = evsi_node_next(doc, at + 1)) {
    if (!may_have(c, set, evsi_node_bytes(doc, at)))
      continue;
    if (doc->nodes[at + 1].kind == EVSI_NODE_ARRAY)
      v = evsi_worse(v, names_follow(c, set, op, wide, at + 1));
    else if (evsi_subset_quietly(c, set, document->schema_of[at + 1]) != EVSI_COMPAT_YES)
      v = evsi_worse(
          v, evsi_reason(c, EVSI_COMPAT_UNKNOWN, op, "what members need each other cannot be compared"));
  }
  return v;
}

static verdict properties_follow(evsi_comparison *c, const evsi_set *set, const evsi_op *op, uint32_t wide) {
  const evsi_schema_document *document = wide_document(c, wide);
  const evsi_document *doc = &document->tree;
  verdict v = EVSI_COMPAT_YES;
  for (uint32_t at = evsi_node_first(op->value); at < doc->nodes[op->value].end;
       at = evsi_node_next(doc, at + 1)) {
    evsi_set values;
    evs_bytes name = evsi_node_bytes(doc, at);
    evsi_set_of_member(c, set, name, &values);
    v = evsi_worse(v, evsi_subset_below(c, &values, document->schema_of[at + 1], name));
  }
  return v;
}

/* What keywords about members have in common: which names are meant, and the schema for those. */
typedef struct target {
  const evsi_op *op;
  uint32_t schema;
  const evsi_set *names; /* records of the wider side whose names are not meant */
  uint32_t regex;        /* or only names that match are meant: the expression, else EVSI_SCHEMA_NONE */
  evs_bytes pattern;     /* its text */
} target;

static bool is_meant(evsi_comparison *c, const target *t, evs_bytes name) {
  if (t->regex != EVSI_SCHEMA_NONE)
    return evsi_compat_matches(c, c->wide, t->regex, name);
  for (uint32_t i = 0; i < t->names->count; i++)
    if (evsi_compat_names(c, c->wide, t->names->records[i], name, NULL))
      return false;
  return true;
}

/* The members that the set names. */
static verdict named_follow(evsi_comparison *c, const evsi_set *set, const target *t) {
  verdict v = EVSI_COMPAT_YES;
  uint64_t cursor = 0;
  uint32_t record;
  const evsi_op *own;
  while ((own = evsi_set_next(c, set, EVSI_KEY_PROPERTIES, &cursor, &record))) {
    const evsi_document *doc = evsi_schema_tree(c->narrow, record);
    for (uint32_t at = evsi_node_first(own->value); at < doc->nodes[own->value].end;
         at = evsi_node_next(doc, at + 1)) {
      evsi_set values;
      evs_bytes name = evsi_node_bytes(doc, at);
      if (!is_meant(c, t, name))
        continue;
      evsi_set_of_member(c, set, name, &values);
      v = evsi_worse(v, evsi_subset_below(c, &values, t->schema, name));
    }
  }
  return v;
}

/* Is the text one of the patterns of the wider side whose names are not meant? */
static bool is_pattern_excluded(const evsi_comparison *c, const target *t, evs_bytes pattern) {
  for (uint32_t i = 0; t->regex == EVSI_SCHEMA_NONE && i < t->names->count; i++) {
    const evsi_schema_record *r = &c->wide->records[t->names->records[i]];
    const evsi_document *doc = evsi_schema_tree(c->wide, t->names->records[i]);
    for (uint32_t k = r->first_op; k < r->first_op + r->op_count; k++)
      if (c->wide->ops[k].keyword == EVSI_KEY_PATTERN_PROPERTIES &&
          evsi_document_find(doc, c->wide->ops[k].value, pattern) != EVSI_NODE_NONE)
        return true;
  }
  return false;
}

/* The members that the set describes by patterns. Whether a name matches two patterns is not known. */
static verdict patterns_follow(evsi_comparison *c, const evsi_set *set, const target *t, bool *out_has_same) {
  verdict v = EVSI_COMPAT_YES;
  uint64_t cursor = 0;
  uint32_t record;
  const evsi_op *own;
  *out_has_same = false;
  while ((own = evsi_set_next(c, set, EVSI_KEY_PATTERN_PROPERTIES, &cursor, &record))) {
    const evsi_schema_document *document = &c->narrow->documents[c->narrow->records[record].document];
    const evsi_document *doc = &document->tree;
    for (uint32_t at = evsi_node_first(own->value); at < doc->nodes[own->value].end;
         at = evsi_node_next(doc, at + 1)) {
      evs_bytes pattern = evsi_node_bytes(doc, at);
      bool is_same = t->regex != EVSI_SCHEMA_NONE && evsi_bytes_equal(pattern, t->pattern);
      evsi_set values;
      if (is_pattern_excluded(c, t, pattern))
        continue;
      *out_has_same |= is_same;
      evsi_set_clear(&values);
      evsi_set_add(c, &values, document->schema_of[at + 1]);
      if (is_same)
        v = evsi_worse(v, evsi_subset_below(c, &values, t->schema, pattern));
      else if (evsi_subset_quietly(c, &values, t->schema) != EVSI_COMPAT_YES)
        v = evsi_worse(v, evsi_reason(c, EVSI_COMPAT_UNKNOWN, t->op, "patterns of names cannot be compared"));
    }
  }
  return v;
}

static verdict members_follow(evsi_comparison *c, const evsi_set *set, const target *t) {
  bool has_same;
  verdict v = named_follow(c, set, t);
  v = evsi_worse(v, patterns_follow(c, set, t, &has_same));
  if (has_same) /* the rest does not match */
    return v;
  evsi_set others;
  evsi_set_of_other_members(c, set, &others);
  return evsi_worse(v, evsi_subset_below(c, &others, t->schema, evsi_text("*")));
}

static verdict pattern_properties_follow(evsi_comparison *c, const evsi_set *set, const evsi_op *op,
                                         uint32_t wide) {
  const evsi_schema_document *document = wide_document(c, wide);
  uint32_t at = evsi_node_first(op->value);
  verdict v = EVSI_COMPAT_YES;
  for (uint32_t i = 0; i < op->entries; i++, at = evsi_node_next(&document->tree, at + 1)) {
    target t = {.op = op,
                .schema = document->schema_of[at + 1],
                .regex = op->table + i,
                .pattern = evsi_node_bytes(&document->tree, at)};
    v = evsi_worse(v, members_follow(c, set, &t));
  }
  return v;
}

/* additionalProperties is about the names of its own schema, unevaluatedProperties about those of all that
 * apply. */
static verdict rest_follows(evsi_comparison *c, const evsi_set *set, const evsi_op *op, uint32_t wide) {
  evsi_set names;
  evsi_comparison other = {.narrow = c->wide, .policy = c->policy};
  evsi_set_clear(&names);
  if (op->keyword == EVSI_KEY_UNEVALUATED_PROPERTIES)
    evsi_set_add(&other, &names, wide);
  else
    names.records[names.count++] = wide;
  target t = {.op = op, .schema = op->schema, .names = &names, .regex = EVSI_SCHEMA_NONE};
  if (op->keyword == EVSI_KEY_ADDITIONAL_PROPERTIES || evsi_set_decides_alone(&other, &names))
    return members_follow(c, set, &t);
  c->quiet++;
  verdict v = members_follow(c, set, &t);
  c->quiet--;
  return v == EVSI_COMPAT_YES
             ? v
             : evsi_reason(c, EVSI_COMPAT_UNKNOWN, op, "what is looked at cannot be compared");
}

static verdict property_names_follow(evsi_comparison *c, const evsi_set *set, const evsi_op *op) {
  evsi_set names;
  uint64_t cursor = 0;
  uint32_t record;
  const evsi_op *own;
  evsi_set_clear(&names);
  while ((own = evsi_set_next(c, set, EVSI_KEY_PROPERTY_NAMES, &cursor, &record)))
    evsi_set_add(c, &names, own->schema);
  names.types &= 1 << EVSI_NODE_STRING;
  names.is_plain = false;
  if (evsi_subset_quietly(c, &names, op->schema) == EVSI_COMPAT_YES)
    return EVSI_COMPAT_YES;
  return evsi_reason(c, EVSI_COMPAT_UNKNOWN, op, "names cannot be compared");
}

static verdict count_follows(evsi_comparison *c, const evsi_set *set, const evsi_op *op) {
  bool is_most = op->keyword == EVSI_KEY_MAX_PROPERTIES;
  if (is_most ? evsi_has_count(c, set, op->keyword, 0, op->count)
              : !op->count || evsi_has_count(c, set, op->keyword, op->count, UINT64_MAX))
    return EVSI_COMPAT_YES;
  uint64_t cursor = 0;
  uint32_t record;
  const evsi_op *own;
  while (!is_most && (own = evsi_set_next(c, set, EVSI_KEY_REQUIRED, &cursor, &record)))
    if (evsi_schema_tree(c->narrow, record)->nodes[own->value].count >= op->count)
      return EVSI_COMPAT_YES;
  return evsi_reason(c, EVSI_COMPAT_NO, op,
                     is_most ? "more members were allowed" : "fewer members were allowed");
}

verdict evsi_follows_object(evsi_comparison *c, const evsi_set *set, const evsi_op *op, uint32_t wide) {
  if (!(set->types & 1 << EVSI_NODE_OBJECT))
    return EVSI_COMPAT_YES;
  switch (op->keyword) {
  case EVSI_KEY_REQUIRED:
    return required_follows(c, set, op, wide);
  case EVSI_KEY_MAX_PROPERTIES:
  case EVSI_KEY_MIN_PROPERTIES:
    return count_follows(c, set, op);
  case EVSI_KEY_DEPENDENT_REQUIRED:
  case EVSI_KEY_DEPENDENT_SCHEMAS:
  case EVSI_KEY_DEPENDENCIES:
    return dependencies_follow(c, set, op, wide);
  case EVSI_KEY_PROPERTIES:
    return properties_follow(c, set, op, wide);
  case EVSI_KEY_PATTERN_PROPERTIES:
    return pattern_properties_follow(c, set, op, wide);
  case EVSI_KEY_ADDITIONAL_PROPERTIES:
  case EVSI_KEY_UNEVALUATED_PROPERTIES:
    return rest_follows(c, set, op, wide);
  case EVSI_KEY_PROPERTY_NAMES:
    return property_names_follow(c, set, op);
  default:
    return EVSI_COMPAT_YES;
  }
}
