/* SPDX-License-Identifier: MIT
 * apply_members.c - keywords that apply schemas to the members of an object. The cursor is the key of the
 * member whose turn it is. */
#include "schema/evaluate.h"

/* Begins or goes on: false when there is nothing more to do, and *out_step is the outcome. */
static bool goes_on(const evaluation *e, evsi_frame *f, evsi_step *out_step) {
  const evsi_node *value = evsi_value(e, f);
  *out_step = EVSI_STEP_VALID;
  if (value->kind != EVSI_NODE_OBJECT)
    return false;
  f->has_failed |= f->is_resumed && !f->was_valid;
  if (!f->is_resumed)
    f->cursor = evsi_node_first(f->node);
  if (f->has_failed)
    *out_step = EVSI_STEP_INVALID;
  return f->cursor < value->end && !(f->has_failed && f->is_quiet);
}

static evsi_step apply_to_member(evaluation *e, const evsi_frame *f, uint32_t key, uint32_t record) {
  return evsi_mark(e, f, key + 1) ? evsi_apply(e, f, record, key + 1) : EVSI_STEP_INVALID;
}

/* The key at the cursor, which moves to the next. */
static uint32_t take_key(evaluation *e, evsi_frame *f) {
  uint32_t key = f->cursor;
  e->work++;
  f->cursor = evsi_node_next(&e->document, key + 1);
  return key;
}

evsi_step evsi_step_properties(evaluation *e, evsi_frame *f, const evsi_op *op) {
  evsi_step step;
  f->names = true;
  if (!goes_on(e, f, &step))
    return step;
  while (f->cursor < evsi_value(e, f)->end) {
    uint32_t key = take_key(e, f);
    evs_bytes name = evsi_node_bytes(&e->document, key);
    uint32_t schema = evsi_document_find_next(evsi_tree(e, f), op->value, name, &f->count);
    if (schema == EVSI_NODE_NONE)
      continue;
    f->named++;
    evsi_step applied = apply_to_member(e, f, key, evsi_record_of(e, f, schema));
    if (applied != EVSI_STEP_VALID)
      return applied;
  }
  return step;
}

/* `count` is how many of the expressions were tried on the member at the cursor. */
evsi_step evsi_step_pattern_properties(evaluation *e, evsi_frame *f, const evsi_op *op) {
  evsi_step step;
  if (!goes_on(e, f, &step))
    return step;
  const evsi_document *doc = evsi_tree(e, f);
  for (; f->cursor < evsi_value(e, f)->end; take_key(e, f), f->count = 0) {
    uint32_t schema = evsi_node_first(op->value);
    for (uint32_t i = 0; i < op->entries; i++, schema = evsi_node_next(doc, schema + 1)) {
      if (i < f->count)
        continue;
      f->count = i + 1;
      bool matches;
      if (!evsi_match(e, op->table + i, f->cursor, &matches))
        return EVSI_STEP_INVALID;
      evsi_step applied =
          matches ? apply_to_member(e, f, f->cursor, evsi_record_of(e, f, schema + 1)) : EVSI_STEP_VALID;
      if (applied != EVSI_STEP_VALID)
        return applied;
    }
  }
  return step;
}

/* Is the member one of properties, or of patternProperties? False: no verdict. */
static bool find_name(evaluation *e, evsi_frame *f, const evsi_op *op, uint32_t key, bool *out_is_named) {
  evs_bytes name = evsi_node_bytes(&e->document, key);
  *out_is_named =
      op->beside && evsi_document_find_next(evsi_tree(e, f), op->beside, name, &f->count) != EVSI_NODE_NONE;
  for (uint32_t i = 0; !*out_is_named && i < op->entries; i++)
    if (!evsi_match(e, op->table + i, key, out_is_named))
      return false;
  return true;
}

evsi_step evsi_step_additional_properties(evaluation *e, evsi_frame *f, const evsi_op *op) {
  evsi_step step;
  if (!goes_on(e, f, &step) || f->named == evsi_value(e, f)->count)
    return step;
  while (f->cursor < evsi_value(e, f)->end) {
    uint32_t key = take_key(e, f);
    bool is_named;
    if (!find_name(e, f, op, key, &is_named))
      return EVSI_STEP_INVALID;
    evsi_step applied = is_named ? EVSI_STEP_VALID : apply_to_member(e, f, key, op->schema);
    if (applied != EVSI_STEP_VALID)
      return applied;
  }
  return step;
}

evsi_step evsi_step_property_names(evaluation *e, evsi_frame *f, const evsi_op *op) {
  evsi_step step;
  if (!goes_on(e, f, &step))
    return step;
  while (f->cursor < evsi_value(e, f)->end) {
    evsi_step applied = evsi_apply(e, f, op->schema, take_key(e, f));
    if (applied != EVSI_STEP_VALID)
      return applied;
  }
  return step;
}

/* After something invalid there would only be noise: its marks are gone. */
evsi_step evsi_step_unevaluated_properties(evaluation *e, evsi_frame *f, const evsi_op *op) {
  evsi_step step;
  if (f->is_invalid || !goes_on(e, f, &step))
    return f->is_invalid ? EVSI_STEP_VALID : step;
  if (!f->is_resumed && !evsi_stamp_marks(e, f))
    return EVSI_STEP_INVALID;
  while (f->cursor < evsi_value(e, f)->end) {
    uint32_t key = take_key(e, f);
    evsi_step applied =
        e->stamps[key + 1] != f->count ? apply_to_member(e, f, key, op->schema) : EVSI_STEP_VALID;
    if (applied != EVSI_STEP_VALID)
      return applied;
  }
  return step;
}
