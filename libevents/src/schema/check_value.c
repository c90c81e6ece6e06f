/* SPDX-License-Identifier: MIT
 * check_value.c - keywords about one value by itself. */
#include "schema/evaluate.h"

evsi_step evsi_step_false(evaluation *e, evsi_frame *f, const evsi_op *op) {
  (void)op;
  return evsi_refuse(e, f, "nothing is allowed here");
}

enum { BYTES_PER_STEP = 64 };

static const evsi_decimal *number_of(evaluation *e, const evsi_frame *f) {
  if (e->number_node == f->node)
    return &e->number;
  evs_bytes text = evsi_node_bytes(&e->document, f->node);
  e->work += text.size / BYTES_PER_STEP;
  e->number = evsi_decimal_parse(text);
  e->number_node = f->node;
  return &e->number;
}

evsi_step evsi_step_type(evaluation *e, evsi_frame *f, const evsi_op *op) {
  const evsi_node *value = evsi_value(e, f);
  if (op->types & 1 << value->kind)
    return EVSI_STEP_VALID;
  if (value->kind == EVSI_NODE_NUMBER && op->types & EVSI_TYPE_INTEGER &&
      evsi_decimal_is_integer(number_of(e, f)))
    return EVSI_STEP_VALID;
  return evsi_refuse(e, f, "is of another type");
}

static bool equals(evaluation *e, const evsi_frame *f, uint32_t node) {
  return evsi_equal(&e->equality, &e->document, f->node, evsi_tree(e, f), node);
}

evsi_step evsi_step_const(evaluation *e, evsi_frame *f, const evsi_op *op) {
  return equals(e, f, op->value) ? EVSI_STEP_VALID : evsi_refuse(e, f, "is another value");
}

evsi_step evsi_step_enum(evaluation *e, evsi_frame *f, const evsi_op *op) {
  const evsi_document *doc = evsi_tree(e, f);
  for (uint32_t at = evsi_node_first(op->value); at < doc->nodes[op->value].end;
       at = evsi_node_next(doc, at)) {
    e->work++;
    if (equals(e, f, at))
      return EVSI_STEP_VALID;
  }
  return evsi_refuse(e, f, "is none of the values");
}

/* Below 0, 0 or above 0 as the value is less than, equal to or more than the limit. *out_applies: is it a
 * number? */
static int against_limit(evaluation *e, const evsi_frame *f, const evsi_op *op, bool *out_applies) {
  *out_applies = evsi_value(e, f)->kind == EVSI_NODE_NUMBER;
  if (!*out_applies)
    return 0;
  return evsi_decimal_compare(number_of(e, f), &e->schema->numbers[op->table]);
}

evsi_step evsi_step_maximum(evaluation *e, evsi_frame *f, const evsi_op *op) {
  bool applies;
  int order = against_limit(e, f, op, &applies);
  return !applies || order <= 0 ? EVSI_STEP_VALID : evsi_refuse(e, f, "is too large");
}

evsi_step evsi_step_exclusive_maximum(evaluation *e, evsi_frame *f, const evsi_op *op) {
  bool applies;
  int order = against_limit(e, f, op, &applies);
  return !applies || order < 0 ? EVSI_STEP_VALID : evsi_refuse(e, f, "is too large");
}

evsi_step evsi_step_minimum(evaluation *e, evsi_frame *f, const evsi_op *op) {
  bool applies;
  int order = against_limit(e, f, op, &applies);
  return !applies || order >= 0 ? EVSI_STEP_VALID : evsi_refuse(e, f, "is too small");
}

evsi_step evsi_step_exclusive_minimum(evaluation *e, evsi_frame *f, const evsi_op *op) {
  bool applies;
  int order = against_limit(e, f, op, &applies);
  return !applies || order > 0 ? EVSI_STEP_VALID : evsi_refuse(e, f, "is too small");
}

evsi_step evsi_step_multiple_of(evaluation *e, evsi_frame *f, const evsi_op *op) {
  if (evsi_value(e, f)->kind != EVSI_NODE_NUMBER)
    return EVSI_STEP_VALID;
  const evsi_decimal *number = number_of(e, f);
  e->work += number->is_small ? 0 : number->count; /* each digit is divided */
  return evsi_decimal_is_multiple(number, &e->schema->divisors[op->table])
             ? EVSI_STEP_VALID
             : evsi_refuse(e, f, "is no multiple");
}

/* Code points, not bytes, of which each has four at most. */
static uint64_t length_of(evaluation *e, const evsi_node *string) {
  uint64_t length = 0;
  e->work += string->size / BYTES_PER_STEP;
  for (uint32_t i = 0; i < string->size; i++)
    length += (string->text[i] & 0xC0) != 0x80;
  return length;
}

evsi_step evsi_step_max_length(evaluation *e, evsi_frame *f, const evsi_op *op) {
  const evsi_node *value = evsi_value(e, f);
  if (value->kind != EVSI_NODE_STRING || value->size <= op->count || length_of(e, value) <= op->count)
    return EVSI_STEP_VALID;
  return evsi_refuse(e, f, "is too long: %llu characters", (unsigned long long)length_of(e, value));
}

evsi_step evsi_step_min_length(evaluation *e, evsi_frame *f, const evsi_op *op) {
  const evsi_node *value = evsi_value(e, f);
  if (value->kind != EVSI_NODE_STRING || value->size / 4 >= op->count || length_of(e, value) >= op->count)
    return EVSI_STEP_VALID;
  return evsi_refuse(e, f, "is too short: %llu characters", (unsigned long long)length_of(e, value));
}

evsi_step evsi_step_pattern(evaluation *e, evsi_frame *f, const evsi_op *op) {
  bool matches;
  if (evsi_value(e, f)->kind != EVSI_NODE_STRING)
    return EVSI_STEP_VALID;
  if (!evsi_match(e, op->table, f->node, &matches))
    return EVSI_STEP_INVALID;
  return matches ? EVSI_STEP_VALID : evsi_refuse(e, f, "does not match");
}

evsi_step evsi_step_format(evaluation *e, evsi_frame *f, const evsi_op *op) {
  bool matches;
  if (evsi_value(e, f)->kind != EVSI_NODE_STRING || !op->format)
    return EVSI_STEP_VALID;
  const evsi_regex *regex = op->entries ? e->schema->regexes[op->table] : NULL;
  evs_bytes text = evsi_node_bytes(&e->document, f->node);
  if (!evsi_judge(e, evsi_format_check(op->format, regex, &e->regex, text), &matches))
    return EVSI_STEP_INVALID;
  return matches ? EVSI_STEP_VALID : evsi_refuse(e, f, "is not of that format");
}
