/* SPDX-License-Identifier: MIT
 * compat_value.c - keywords about one value: does a limit follow from another? And values that are listed one
 * by one, which are simply tried. */
#include "schema/compat_inner.h"

enum { NUMBERS = 1 << EVSI_NODE_NUMBER | EVSI_TYPE_INTEGER, STRINGS = 1 << EVSI_NODE_STRING };

static const evsi_decimal *number_of(const evsi_schema *s, const evsi_op *op) {
  return &s->numbers[op->table];
}

/* Is there a limit at least as tight? `side` is 1 for upper ones, -1 for lower ones. */
static bool has_tighter(const evsi_comparison *c, const evsi_set *set, const evsi_op *op, int side) {
  int inclusive = side > 0 ? EVSI_KEY_MAXIMUM : EVSI_KEY_MINIMUM;
  int exclusive = side > 0 ? EVSI_KEY_EXCLUSIVE_MAXIMUM : EVSI_KEY_EXCLUSIVE_MINIMUM;
  for (int i = 0; i < 2; i++) {
    int keyword = i ? exclusive : inclusive;
    uint64_t cursor = 0;
    uint32_t record;
    const evsi_op *own;
    while ((own = evsi_set_next(c, set, keyword, &cursor, &record))) {
      int order = side * evsi_decimal_compare(number_of(c->narrow, own), number_of(c->wide, op));
      if (order < 0 || (order == 0 && (op->keyword == inclusive || keyword == exclusive)))
        return true;
    }
  }
  return false;
}

static bool has_multiple(const evsi_comparison *c, const evsi_set *set, const evsi_op *op) {
  const evsi_divisor *divisor = &c->wide->divisors[op->table];
  evsi_decimal one = evsi_decimal_parse(evsi_text("1"));
  if (!(set->types & 1 << EVSI_NODE_NUMBER) && evsi_decimal_is_multiple(&one, divisor))
    return true; /* of every integer */
  uint64_t cursor = 0;
  uint32_t record;
  const evsi_op *own;
  while ((own = evsi_set_next(c, set, EVSI_KEY_MULTIPLE_OF, &cursor, &record)))
    if (evsi_decimal_is_multiple(&c->narrow->divisors[own->table].value, divisor))
      return true;
  return false;
}

bool evsi_has_count(const evsi_comparison *c, const evsi_set *set, int keyword, uint64_t least,
                    uint64_t most) {
  uint64_t cursor = 0;
  uint32_t record;
  const evsi_op *own;
  while ((own = evsi_set_next(c, set, keyword, &cursor, &record)))
    if (own->count >= least && own->count <= most)
      return true;
  return false;
}

static bool has_same_text(const evsi_comparison *c, const evsi_set *set, const evsi_op *op, uint32_t wide) {
  evs_bytes text = evsi_node_bytes(evsi_schema_tree(c->wide, wide), op->value);
  uint64_t cursor = 0;
  uint32_t record;
  const evsi_op *own;
  while ((own = evsi_set_next(c, set, op->keyword, &cursor, &record)))
    if (evsi_bytes_equal(evsi_node_bytes(evsi_schema_tree(c->narrow, record), own->value), text))
      return true;
  return false;
}

static verdict types_follow(evsi_comparison *c, const evsi_set *set, const evsi_op *op) {
  uint8_t wide = op->types & 1 << EVSI_NODE_NUMBER ? op->types | EVSI_TYPE_INTEGER : op->types;
  uint8_t lost = set->types & (uint8_t)~wide;
  for (unsigned kind = 0; kind <= EVSI_NODE_OBJECT; kind++)
    if (lost & 1u << kind)
      return evsi_reason(c, EVSI_COMPAT_NO, op, "the type %s is not accepted any more",
                         wide & EVSI_TYPE_INTEGER && kind == EVSI_NODE_NUMBER
                             ? "number (only integer)"
                             : evsi_node_kind_name((uint8_t)kind));
  return lost ? evsi_reason(c, EVSI_COMPAT_NO, op, "the type integer is not accepted any more")
              : EVSI_COMPAT_YES;
}

static verdict unless(evsi_comparison *c, bool holds, const evsi_op *op, const char *message) {
  return holds ? EVSI_COMPAT_YES : evsi_reason(c, EVSI_COMPAT_NO, op, "%s", message);
}

verdict evsi_follows_value(evsi_comparison *c, const evsi_set *set, const evsi_op *op, uint32_t wide) {
  bool has_numbers = set->types & NUMBERS, has_strings = set->types & STRINGS;
  switch (op->keyword) {
  case EVSI_KEY_TYPE:
    return types_follow(c, set, op);
  case EVSI_KEY_CONST:
  case EVSI_KEY_ENUM:
    return evsi_reason(c, EVSI_COMPAT_NO, op, "only listed values are accepted, and there were others");
  case EVSI_KEY_MAXIMUM:
  case EVSI_KEY_EXCLUSIVE_MAXIMUM:
    return unless(c, !has_numbers || has_tighter(c, set, op, 1), op, "larger numbers were allowed");
  case EVSI_KEY_MINIMUM:
  case EVSI_KEY_EXCLUSIVE_MINIMUM:
    return unless(c, !has_numbers || has_tighter(c, set, op, -1), op, "smaller numbers were allowed");
  case EVSI_KEY_MULTIPLE_OF:
    return unless(c, !has_numbers || has_multiple(c, set, op), op, "other numbers were allowed");
  case EVSI_KEY_MAX_LENGTH:
    return unless(c, !has_strings || evsi_has_count(c, set, op->keyword, 0, op->count), op,
                  "longer texts were allowed");
  case EVSI_KEY_MIN_LENGTH:
    return unless(c, !has_strings || !op->count || evsi_has_count(c, set, op->keyword, op->count, UINT64_MAX),
                  op, "shorter texts were allowed");
  case EVSI_KEY_PATTERN:
  case EVSI_KEY_FORMAT:
    if (!has_strings || has_same_text(c, set, op, wide))
      return EVSI_COMPAT_YES;
    return evsi_reason(c, EVSI_COMPAT_UNKNOWN, op,
                       "it is new or another one, and what it accepts cannot be compared");
  default:
    return EVSI_COMPAT_YES;
  }
}

/* Is it null or a boolean, or does it list its values? */
static const evsi_op *listing(const evsi_comparison *c, const evsi_set *set, uint32_t *out_record) {
  static const int keywords[] = {EVSI_KEY_CONST, EVSI_KEY_ENUM};
  for (int i = 0; i < 2; i++) {
    uint64_t cursor = 0;
    const evsi_op *op = evsi_set_next(c, set, keywords[i], &cursor, out_record);
    if (op)
      return op;
  }
  return NULL;
}

static bool has_few_values(const evsi_set *set) {
  return !(set->types & ~(1u << EVSI_NODE_NULL | 1u << EVSI_NODE_BOOLEAN));
}

bool evsi_set_is_listed(const evsi_comparison *c, const evsi_set *set) {
  uint32_t record;
  if (c->narrow->dynamic_count || c->wide->dynamic_count)
    return false; /* what a schema inside accepts depends on the way to it */
  return has_few_values(set) || listing(c, set, &record);
}

/* Is one value accepted by a schema? Without a verdict it is taken for what does not help. */
static bool accepts(evsi_comparison *c, const evsi_schema *schema, uint32_t record, evs_bytes text,
                    bool otherwise) {
  bool valid = otherwise;
  evs_error *error = NULL;
  if (evsi_schema_validate_by(schema, record, c->validation, text, &valid, &error) == EVS_NOMEM)
    c->no_memory = true;
  evs_error_free(error);
  return valid;
}

static uint8_t type_bit_of(evs_bytes text) {
  switch (text.data[0]) {
  case 'n':
    return 1 << EVSI_NODE_NULL;
  case 't':
  case 'f':
    return 1 << EVSI_NODE_BOOLEAN;
  case '"':
    return 1 << EVSI_NODE_STRING;
  case '[':
    return 1 << EVSI_NODE_ARRAY;
  case '{':
    return 1 << EVSI_NODE_OBJECT;
  default:
    break;
  }
  evsi_decimal number = evsi_decimal_parse(text);
  return evsi_decimal_is_integer(&number) ? NUMBERS : 1 << EVSI_NODE_NUMBER;
}

static bool is_in_set(evsi_comparison *c, const evsi_set *set, evs_bytes text) {
  if (!(set->types & type_bit_of(text)))
    return false;
  for (uint32_t i = 0; i < set->count; i++)
    if (!accepts(c, c->narrow, set->records[i], text, true))
      return false;
  return true;
}

static verdict value_follows(evsi_comparison *c, const evsi_set *set, evs_bytes text, uint32_t wide) {
  enum { SHOWN_SIZE_MAX = 60 };
  c->work++;
  if (!is_in_set(c, set, text) || accepts(c, c->wide, wide, text, false))
    return EVSI_COMPAT_YES;
  return evsi_reason(c, EVSI_COMPAT_NO, NULL, "the value %.*s is not accepted any more",
                     (int)(text.size < SHOWN_SIZE_MAX ? text.size : SHOWN_SIZE_MAX), text.data);
}

static verdict node_follows(evsi_comparison *c, const evsi_set *set, uint32_t record, uint32_t node,
                            uint32_t wide) {
  const evsi_document *doc = evsi_schema_tree(c->narrow, record);
  evs_bytes bytes = evsi_node_bytes(doc, node);
  evsi_buf text = {0};
  if (doc->nodes[node].kind == EVSI_NODE_STRING)
    evsi_buf_add_json(&text, bytes.data, bytes.size);
  else
    evsi_buf_add_bytes(&text, bytes);
  c->no_memory |= text.failed;
  verdict v =
      text.failed ? EVSI_COMPAT_UNKNOWN : value_follows(c, set, evsi_bytes(text.data, text.size), wide);
  evsi_buf_free(&text);
  return v;
}

verdict evsi_listed_follow(evsi_comparison *c, const evsi_set *set, uint32_t wide) {
  static const char *const few[] = {"null", "true", "false"};
  uint32_t record;
  const evsi_op *op = listing(c, set, &record);
  verdict v = EVSI_COMPAT_YES;
  if (!op) {
    for (int i = 0; i < 3; i++)
      v = evsi_worse(v, value_follows(c, set, evsi_text(few[i]), wide));
    return v;
  }
  if (op->keyword == EVSI_KEY_CONST)
    return node_follows(c, set, record, op->value, wide);
  const evsi_document *doc = evsi_schema_tree(c->narrow, record);
  for (uint32_t at = evsi_node_first(op->value); at < doc->nodes[op->value].end;
       at = evsi_node_next(doc, at)) {
    if (c->work > EVSI_COMPAT_WORK_MAX)
      return evsi_reason(c, EVSI_COMPAT_UNKNOWN, op, "too many values to be tried");
    v = evsi_worse(v, node_follows(c, set, record, at, wide));
  }
  return v;
}
