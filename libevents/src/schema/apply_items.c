/* SPDX-License-Identifier: MIT
 * apply_items.c - keywords that apply schemas to the items of an array. */
#include "schema/evaluate.h"

/* The node of the item that `skip` others stand before. */
static uint32_t item_behind(const evsi_document *doc, uint32_t array, uint64_t skip) {
  uint32_t at = evsi_node_first(array);
  if (skip >= doc->nodes[array].count)
    return doc->nodes[array].end;
  while (skip--)
    at = evsi_node_next(doc, at);
  return at;
}

/* False: what comes cannot change the verdict, which is all that counts. */
static bool wants_more(const evsi_frame *f) {
  return !(f->has_failed && f->is_quiet);
}

static evsi_step apply_to_item(evaluation *e, const evsi_frame *f, uint32_t item, uint32_t record) {
  return evsi_mark(e, f, item) ? evsi_apply(e, f, record, item) : EVSI_STEP_INVALID;
}

/* One schema for all items from the cursor on. */
static evsi_step apply_to_rest(evaluation *e, evsi_frame *f, uint32_t record, uint64_t skip) {
  const evsi_node *value = evsi_value(e, f);
  if (value->kind != EVSI_NODE_ARRAY)
    return EVSI_STEP_VALID;
  f->has_failed |= f->is_resumed && !f->was_valid;
  uint32_t at = f->is_resumed ? f->cursor : item_behind(&e->document, f->node, skip);
  for (; at < value->end && wants_more(f); at = f->cursor) {
    f->cursor = evsi_node_next(&e->document, at);
    evsi_step applied = apply_to_item(e, f, at, record);
    if (applied != EVSI_STEP_VALID)
      return applied;
  }
  return f->has_failed ? EVSI_STEP_INVALID : EVSI_STEP_VALID;
}

/* An array of schemas, one for each item. `count` is the schema's node, the cursor the item's. */
static evsi_step apply_to_first(evaluation *e, evsi_frame *f, const evsi_op *op) {
  const evsi_node *value = evsi_value(e, f);
  const evsi_document *doc = evsi_tree(e, f);
  if (value->kind != EVSI_NODE_ARRAY)
    return EVSI_STEP_VALID;
  f->has_failed |= f->is_resumed && !f->was_valid;
  uint32_t at = f->is_resumed ? f->cursor : evsi_node_first(f->node);
  uint32_t schema = f->is_resumed ? f->count : evsi_node_first(op->value);
  for (; at < value->end && schema < doc->nodes[op->value].end && wants_more(f);
       at = f->cursor, schema = f->count) {
    f->cursor = evsi_node_next(&e->document, at);
    f->count = evsi_node_next(doc, schema);
    evsi_step applied = apply_to_item(e, f, at, evsi_record_of(e, f, schema));
    if (applied != EVSI_STEP_VALID)
      return applied;
  }
  return f->has_failed ? EVSI_STEP_INVALID : EVSI_STEP_VALID;
}

evsi_step evsi_step_prefix_items(evaluation *e, evsi_frame *f, const evsi_op *op) {
  return apply_to_first(e, f, op);
}

evsi_step evsi_step_items(evaluation *e, evsi_frame *f, const evsi_op *op) {
  return op->schema == EVSI_SCHEMA_NONE ? apply_to_first(e, f, op)
                                        : apply_to_rest(e, f, op->schema, op->count);
}

evsi_step evsi_step_additional_items(evaluation *e, evsi_frame *f, const evsi_op *op) {
  return apply_to_rest(e, f, op->schema, op->count);
}

/* Ends as soon as the rest cannot change the verdict, unless what is looked at is noted. */
evsi_step evsi_step_contains(evaluation *e, evsi_frame *f, const evsi_op *op) {
  const evsi_node *value = evsi_value(e, f);
  if (value->kind != EVSI_NODE_ARRAY)
    return EVSI_STEP_VALID;
  uint32_t at = f->is_resumed ? f->cursor : evsi_node_first(f->node);
  if (f->is_resumed && f->was_valid) {
    f->count++;
    if (!evsi_mark(e, f, f->cursor))
      return EVSI_STEP_INVALID;
  }
  if (f->is_resumed)
    at = evsi_node_next(&e->document, at);
  bool is_decided = f->count > op->limit || (f->count >= op->count && op->limit == UINT64_MAX && !f->tracks);
  if (at < value->end && !is_decided) {
    f->cursor = at;
    return evsi_apply_quietly(e, op->schema, at, false);
  }
  if (f->count > op->limit)
    return evsi_refuse(e, f, "has more than %llu valid items", (unsigned long long)op->limit);
  if (f->count < op->count)
    return evsi_refuse(e, f, "has %u valid items, needs %llu", f->count, (unsigned long long)op->count);
  return EVSI_STEP_VALID;
}

bool evsi_stamp_marks(evaluation *e, evsi_frame *f) {
  uint32_t before = e->stamp_capacity;
  if (!evsi_grow(e->stamps, e->stamp_capacity, e->document.count)) {
    e->no_memory = true;
    return false;
  }
  memset(e->stamps + before, 0, (e->stamp_capacity - before) * sizeof *e->stamps);
  if (++e->stamp == 0) { /* after four thousand millions they begin anew */
    memset(e->stamps, 0, e->stamp_capacity * sizeof *e->stamps);
    e->stamp = 1;
  }
  f->count = e->stamp;
  for (uint32_t i = f->marks; i < e->mark_count; i++)
    e->stamps[e->marks[i]] = f->count;
  e->work += e->mark_count - f->marks;
  return true;
}

/* After something invalid there would only be noise: its marks are gone. */
evsi_step evsi_step_unevaluated_items(evaluation *e, evsi_frame *f, const evsi_op *op) {
  const evsi_node *value = evsi_value(e, f);
  if (value->kind != EVSI_NODE_ARRAY || f->is_invalid || (!f->is_resumed && !evsi_stamp_marks(e, f)))
    return EVSI_STEP_VALID;
  f->has_failed |= f->is_resumed && !f->was_valid;
  uint32_t at = f->is_resumed ? f->cursor : evsi_node_first(f->node);
  for (; at < value->end && wants_more(f); at = f->cursor) {
    f->cursor = evsi_node_next(&e->document, at);
    evsi_step applied = e->stamps[at] != f->count ? apply_to_item(e, f, at, op->schema) : EVSI_STEP_VALID;
    if (applied != EVSI_STEP_VALID)
      return applied;
  }
  return f->has_failed ? EVSI_STEP_INVALID : EVSI_STEP_VALID;
}
