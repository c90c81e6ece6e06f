/* SPDX-License-Identifier: MIT
 * apply_in_place.c - keywords that apply other schemas to the same value. */
#include "schema/evaluate.h"

evsi_step evsi_step_ref(evaluation *e, evsi_frame *f, const evsi_op *op) {
  if (!f->is_resumed)
    return evsi_apply_in_place(e, f, op->schema);
  return f->was_valid ? EVSI_STEP_VALID : EVSI_STEP_INVALID;
}

/* The outermost resource that has the name decides; what the reference says by itself is only the last
 * resort. */
static uint32_t dynamic_target(evaluation *e, const evsi_op *op) {
  for (uint32_t i = 0; op->entries && i < e->scope_count; i++) {
    e->work += op->entries;
    for (uint32_t k = op->table; k < op->table + op->entries; k++)
      if (e->schema->dynamics[k].resource == e->scopes[i])
        return e->schema->dynamics[k].schema;
  }
  return op->schema;
}

evsi_step evsi_step_dynamic_ref(evaluation *e, evsi_frame *f, const evsi_op *op) {
  if (!f->is_resumed)
    return evsi_apply_in_place(e, f, dynamic_target(e, op));
  return f->was_valid ? EVSI_STEP_VALID : EVSI_STEP_INVALID;
}

/* The next schema of an array of them, or EVSI_SCHEMA_NONE. The cursor is behind the one before. */
static uint32_t next_schema(const evaluation *e, evsi_frame *f, const evsi_op *op) {
  const evsi_document *doc = evsi_tree(e, f);
  uint32_t at = f->is_resumed ? f->cursor : evsi_node_first(op->value);
  if (at == doc->nodes[op->value].end)
    return EVSI_SCHEMA_NONE;
  f->cursor = evsi_node_next(doc, at);
  return evsi_record_of(e, f, at);
}

evsi_step evsi_step_all_of(evaluation *e, evsi_frame *f, const evsi_op *op) {
  f->has_failed |= f->is_resumed && !f->was_valid;
  uint32_t record = f->has_failed && f->is_quiet ? EVSI_SCHEMA_NONE : next_schema(e, f, op);
  if (record != EVSI_SCHEMA_NONE)
    return evsi_apply_in_place(e, f, record);
  return f->has_failed ? EVSI_STEP_INVALID : EVSI_STEP_VALID;
}

/* One is enough, unless what each looks at is noted. */
evsi_step evsi_step_any_of(evaluation *e, evsi_frame *f, const evsi_op *op) {
  f->count += f->is_resumed && f->was_valid;
  uint32_t record = f->count && !f->tracks ? EVSI_SCHEMA_NONE : next_schema(e, f, op);
  if (record != EVSI_SCHEMA_NONE)
    return evsi_apply_in_place(e, f, record);
  if (!f->count)
    return evsi_refuse(e, f, "is valid by none of the schemas");
  evsi_forget(e, f);
  return EVSI_STEP_VALID;
}

evsi_step evsi_step_one_of(evaluation *e, evsi_frame *f, const evsi_op *op) {
  f->count += f->is_resumed && f->was_valid;
  uint32_t record = f->count > 1 ? EVSI_SCHEMA_NONE : next_schema(e, f, op);
  if (record != EVSI_SCHEMA_NONE)
    return evsi_apply_in_place(e, f, record);
  if (!f->count)
    return evsi_refuse(e, f, "is valid by none of the schemas");
  evsi_forget(e, f);
  return f->count == 1 ? EVSI_STEP_VALID : evsi_refuse(e, f, "is valid by more than one of the schemas");
}

evsi_step evsi_step_not(evaluation *e, evsi_frame *f, const evsi_op *op) {
  if (!f->is_resumed)
    return evsi_apply_quietly(e, op->schema, f->node, true);
  return f->was_valid ? evsi_refuse(e, f, "is valid by the schema that it must not be valid by")
                      : EVSI_STEP_VALID;
}

/* The outcome of `if` chooses the branch, and that of the branch is ours. */
evsi_step evsi_step_if(evaluation *e, evsi_frame *f, const evsi_op *op) {
  if (!f->is_resumed)
    return evsi_apply_quietly(e, op->schema, f->node, true);
  if (f->cursor)
    return f->was_valid ? EVSI_STEP_VALID : EVSI_STEP_INVALID;
  uint32_t branch = f->was_valid ? op->yes : op->no;
  f->cursor = 1;
  return branch == EVSI_SCHEMA_NONE ? EVSI_STEP_VALID : evsi_apply_in_place(e, f, branch);
}

/* For each name that is a member, its schema; with arrays of names, of draft-07, those are members, too. */
static evsi_step apply_for_members(evaluation *e, evsi_frame *f, const evsi_op *op) {
  const evsi_document *doc = evsi_tree(e, f);
  f->has_failed |= f->is_resumed && !f->was_valid;
  uint32_t at = f->is_resumed ? f->cursor : evsi_node_first(op->value);
  if (evsi_value(e, f)->kind != EVSI_NODE_OBJECT || (f->has_failed && f->is_quiet))
    at = doc->nodes[op->value].end;
  for (; at < doc->nodes[op->value].end; at = evsi_node_next(doc, at + 1)) {
    e->work++;
    if (evsi_document_find(&e->document, f->node, evsi_node_bytes(doc, at)) == EVSI_NODE_NONE)
      continue;
    if (doc->nodes[at + 1].kind == EVSI_NODE_ARRAY) {
      f->has_failed |= evsi_check_required(e, f, at + 1, ", which another member needs") == EVSI_STEP_INVALID;
      continue;
    }
    f->cursor = evsi_node_next(doc, at + 1);
    return evsi_apply_in_place(e, f, evsi_record_of(e, f, at + 1));
  }
  return f->has_failed ? EVSI_STEP_INVALID : EVSI_STEP_VALID;
}

evsi_step evsi_step_dependent_schemas(evaluation *e, evsi_frame *f, const evsi_op *op) {
  return apply_for_members(e, f, op);
}

evsi_step evsi_step_dependencies(evaluation *e, evsi_frame *f, const evsi_op *op) {
  return apply_for_members(e, f, op);
}
