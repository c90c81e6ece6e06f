/* SPDX-License-Identifier: MIT
 * compile.c - the operations of one schema, in the order of keywords.def. Relies on what scan.c has checked.
 */
#include "schema/compiler.h"
#include "schema/grow.h"
#include "schema/shape.h"

/* The values of a schema's keywords; 0: not there. */
typedef struct present {
  uint32_t values[EVSI_KEYWORD_COUNT];
} present;

/* Documents move when one is added: looked up each time. */
static const evsi_document *tree_of(const evsi_compiler *c, uint32_t record) {
  return evsi_schema_tree(c->schema, record);
}

static uint32_t record_at(const evsi_compiler *c, uint32_t record, uint32_t node) {
  return node == EVSI_NODE_NONE ? EVSI_SCHEMA_NONE
                                : c->schema->documents[c->schema->records[record].document].schema_of[node];
}

static const evsi_resource *resource_of(const evsi_compiler *c, uint32_t record) {
  return &c->schema->resources[c->schema->records[record].resource];
}

static evsi_decimal number_at(const evsi_compiler *c, uint32_t record, uint32_t node) {
  return evsi_decimal_parse(evsi_node_bytes(tree_of(c, record), node));
}

static uint64_t count_at(const evsi_compiler *c, uint32_t record, uint32_t node) {
  evsi_decimal number = number_at(c, record, node);
  uint64_t count = 0;
  evsi_decimal_to_count(&number, &count);
  return count;
}

static bool add_number(evsi_compiler *c, uint32_t record, evsi_op *op) {
  evsi_schema *s = c->schema;
  if (!evsi_grow(s->numbers, s->number_capacity, (uint64_t)s->number_count + 1))
    return evsi_compiler_no_memory(c);
  op->table = s->number_count;
  s->numbers[s->number_count++] = number_at(c, record, op->value);
  return true;
}

static bool add_divisor(evsi_compiler *c, uint32_t record, evsi_op *op) {
  evsi_schema *s = c->schema;
  evsi_decimal number = number_at(c, record, op->value);
  if (!evsi_grow(s->divisors, s->divisor_capacity, (uint64_t)s->divisor_count + 1))
    return evsi_compiler_no_memory(c);
  op->table = s->divisor_count;
  evsi_divisor_prepare(&s->divisors[s->divisor_count++], &number);
  return true;
}

static bool keep_regex(evsi_compiler *c, evsi_regex *regex) {
  evsi_schema *s = c->schema;
  if (regex && evsi_grow(s->regexes, s->regex_capacity, (uint64_t)s->regex_count + 1)) {
    s->regexes[s->regex_count++] = regex;
    return true;
  }
  evsi_regex_free(regex);
  return evsi_compiler_no_memory(c);
}

static bool add_regex(evsi_compiler *c, uint32_t record, uint32_t node) {
  evsi_buf why = {0};
  evsi_regex *regex = NULL;
  evsi_regex_fault fault = evsi_regex_compile(evsi_node_bytes(tree_of(c, record), node), &regex, &why);
  bool ok = true;
  if (fault == EVSI_REGEX_FINE)
    ok = keep_regex(c, regex);
  else if (fault == EVSI_REGEX_NO_MEMORY || why.failed)
    ok = evsi_compiler_no_memory(c);
  else
    ok = evsi_compiler_problem(c, c->schema->records[record].document, node, "%s: %s",
                               fault == EVSI_REGEX_INVALID
                                   ? "no regular expression of ECMA-262"
                                   : "a regular expression that cannot be matched here",
                               why.data);
  evsi_buf_free(&why);
  return ok;
}

static bool add_key_regexes(evsi_compiler *c, uint32_t record, evsi_op *op) {
  const evsi_document *doc = tree_of(c, record);
  op->table = c->schema->regex_count;
  op->entries = doc->nodes[op->value].count;
  for (uint32_t at = evsi_node_first(op->value); at < doc->nodes[op->value].end;
       at = evsi_node_next(doc, at + 1))
    if (!add_regex(c, record, at))
      return false;
  return true;
}

static bool add_format(evsi_compiler *c, uint32_t record, evsi_op *op) {
  op->format = evsi_format_find(evsi_node_bytes(tree_of(c, record), op->value));
  op->table = c->schema->regex_count;
  op->entries = op->format && evsi_format_has_expression(op->format);
  return !op->entries || keep_regex(c, evsi_format_compile(op->format));
}

static uint8_t types_at(const evsi_document *doc, uint32_t node) {
  uint8_t types = 0;
  if (doc->nodes[node].kind == EVSI_NODE_STRING)
    return evsi_type_bit(doc, node);
  for (uint32_t at = evsi_node_first(node); at < doc->nodes[node].end; at = evsi_node_next(doc, at))
    types |= evsi_type_bit(doc, at);
  return types;
}

static bool add_reference(evsi_compiler *c, uint32_t record, evsi_op *op) {
  evs_bytes dynamic;
  if (!evsi_resolve(c, record, op->value, &op->schema, &dynamic))
    return false;
  op->entries =
      op->keyword == EVSI_KEY_DYNAMIC_REF && dynamic.size; /* how many follows in evsi_link_dynamics() */
  return true;
}

static void read_contains(const evsi_compiler *c, uint32_t record, const present *p, evsi_op *op) {
  uint32_t least = p->values[EVSI_KEY_MIN_CONTAINS], most = p->values[EVSI_KEY_MAX_CONTAINS];
  op->count = least ? count_at(c, record, least) : 1;
  op->limit = most ? count_at(c, record, most) : UINT64_MAX;
}

/* The expressions of patternProperties, which stand in the operation before. */
static void read_beside(const evsi_compiler *c, uint32_t record, const present *p, evsi_op *op) {
  const evsi_schema *s = c->schema;
  op->beside = p->values[EVSI_KEY_PROPERTIES];
  for (uint32_t i = s->records[record].first_op; i < s->op_count; i++) {
    if (s->ops[i].keyword != EVSI_KEY_PATTERN_PROPERTIES)
      continue;
    op->table = s->ops[i].table;
    op->entries = s->ops[i].entries;
  }
}

/* Fills in what the keyword needs. *out_needed: false when it says nothing. */
static bool fill(evsi_compiler *c, uint32_t record, const present *p, evsi_op *op, bool *out_needed) {
  const evsi_document *doc = tree_of(c, record);
  switch (op->keyword) {
  case EVSI_KEY_REF:
  case EVSI_KEY_DYNAMIC_REF:
    return add_reference(c, record, op);
  case EVSI_KEY_TYPE:
    op->types = types_at(doc, op->value);
    return true;
  case EVSI_KEY_MAXIMUM:
  case EVSI_KEY_EXCLUSIVE_MAXIMUM:
  case EVSI_KEY_MINIMUM:
  case EVSI_KEY_EXCLUSIVE_MINIMUM:
    return add_number(c, record, op);
  case EVSI_KEY_MULTIPLE_OF:
    return add_divisor(c, record, op);
  case EVSI_KEY_MAX_LENGTH:
  case EVSI_KEY_MIN_LENGTH:
  case EVSI_KEY_MAX_ITEMS:
  case EVSI_KEY_MIN_ITEMS:
  case EVSI_KEY_MAX_PROPERTIES:
  case EVSI_KEY_MIN_PROPERTIES:
    op->count = count_at(c, record, op->value);
    return true;
  case EVSI_KEY_PATTERN:
    op->table = c->schema->regex_count;
    return add_regex(c, record, op->value);
  case EVSI_KEY_FORMAT:
    *out_needed =
        c->options->asserts_format || resource_of(c, record)->vocabularies & EVSI_VOCABULARY_ASSERTS_FORMAT;
    return !*out_needed || add_format(c, record, op);
  case EVSI_KEY_UNIQUE_ITEMS:
    *out_needed = doc->nodes[op->value].text[0] == 't';
    return true;
  case EVSI_KEY_ITEMS:
    op->count = p->values[EVSI_KEY_PREFIX_ITEMS] ? doc->nodes[p->values[EVSI_KEY_PREFIX_ITEMS]].count : 0;
    return true;
  case EVSI_KEY_ADDITIONAL_ITEMS:
    *out_needed = p->values[EVSI_KEY_ITEMS] && doc->nodes[p->values[EVSI_KEY_ITEMS]].kind == EVSI_NODE_ARRAY;
    op->count = *out_needed ? doc->nodes[p->values[EVSI_KEY_ITEMS]].count : 0;
    return true;
  case EVSI_KEY_CONTAINS:
    read_contains(c, record, p, op);
    return true;
  case EVSI_KEY_PATTERN_PROPERTIES:
    return add_key_regexes(c, record, op);
  case EVSI_KEY_ADDITIONAL_PROPERTIES:
    read_beside(c, record, p, op);
    return true;
  case EVSI_KEY_IF:
    op->yes = record_at(c, record, p->values[EVSI_KEY_THEN]);
    op->no = record_at(c, record, p->values[EVSI_KEY_ELSE]);
    return true;
  default:
    return true;
  }
}

static bool add_op(evsi_compiler *c, uint32_t record, const present *p, evsi_op op) {
  evsi_schema *s = c->schema;
  bool needed = true;
  if (!fill(c, record, p, &op, &needed))
    return false;
  if (!needed)
    return true;
  if (!evsi_grow(s->ops, s->op_capacity, (uint64_t)s->op_count + 1))
    return evsi_compiler_no_memory(c);
  s->ops[s->op_count++] = op;
  s->records[record].op_count++;
  return true;
}

static void find_keywords(const evsi_compiler *c, uint32_t record, present *out) {
  const evsi_document *doc = tree_of(c, record);
  const evsi_resource *resource = resource_of(c, record);
  uint32_t node = c->schema->records[record].node;
  *out = (present){.values = {0}};
  for (uint32_t key = evsi_node_first(node); key < doc->nodes[node].end; key = evsi_node_next(doc, key + 1)) {
    evsi_keyword keyword = evsi_keyword_find(evsi_node_bytes(doc, key), resource);
    if (keyword != EVSI_KEYWORD_COUNT)
      out->values[keyword] = key + 1;
  }
  uint32_t reference = out->values[EVSI_KEY_REF];
  if (resource->draft == EVSI_DRAFT_07 && reference) {
    *out = (present){.values = {0}};
    out->values[EVSI_KEY_REF] = reference;
  }
}

static bool is_flat(const evsi_schema *s, const evsi_schema_record *record) {
  for (uint32_t i = record->first_op; i < record->first_op + record->op_count; i++) {
    evsi_keyword keyword = (evsi_keyword)s->ops[i].keyword;
    if (keyword < EVSI_KEY_TYPE || keyword > EVSI_KEY_DEPENDENT_REQUIRED)
      return false;
  }
  return true;
}

bool evsi_compile_record(evsi_compiler *c, uint32_t record) {
  evsi_schema *s = c->schema;
  uint32_t node = s->records[record].node;
  const evsi_node *root = &tree_of(c, record)->nodes[node];
  present p = {.values = {0}};
  s->records[record].first_op = s->op_count;
  if (root->kind == EVSI_NODE_BOOLEAN)
    return root->text[0] == 't' || add_op(c, record, &p, (evsi_op){.keyword = EVSI_KEY_FALSE, .value = node});
  find_keywords(c, record, &p);
  for (int keyword = 0; keyword < EVSI_KEYWORDS_APPLIED; keyword++) {
    uint32_t value = p.values[keyword];
    if (value &&
        !add_op(
            c, record, &p,
            (evsi_op){.keyword = (uint8_t)keyword, .value = value, .schema = record_at(c, record, value)}))
      return false;
  }
  s->records[record].tracks =
      p.values[EVSI_KEY_UNEVALUATED_ITEMS] || p.values[EVSI_KEY_UNEVALUATED_PROPERTIES];
  s->records[record].is_flat = is_flat(s, &s->records[record]);
  return true;
}
