/* SPDX-License-Identifier: MIT
 * closed.c - what a writer adds beside the members that its schema names is a slip of the pen, or a name that
 * a later version may want: it is refused, as unevaluatedProperties: false in every such schema would. */
#include "schema/evaluate.h"

/* The keyword that is blamed: properties where the schema itself has it, else what refers to it. */
static uint32_t blamed_op(const evaluation *e, const evsi_frame *f) {
  const evsi_schema_record *record = &e->schema->records[f->record];
  for (uint32_t op = record->first_op; op < f->last_op; op++)
    if (e->schema->ops[op].keyword == EVSI_KEY_PROPERTIES)
      return op;
  return record->first_op;
}

static evsi_step refuse_member(evaluation *e, const evsi_frame *f, uint32_t key) {
  enum { SHOWN_MAX = 100 };
  evs_bytes name = evsi_node_bytes(&e->document, key);
  evsi_frame at = *f;
  at.op = blamed_op(e, f);
  at.node = key + 1;
  return evsi_refuse(e, &at, "%.*s is no member that the schema names",
                     (int)(name.size < SHOWN_MAX ? name.size : SHOWN_MAX), name.data);
}

evsi_step evsi_check_closed(evaluation *e, evsi_frame *f) {
  evsi_step step = EVSI_STEP_VALID;
  if (f->is_invalid || f->is_in_place || !f->names || evsi_value(e, f)->kind != EVSI_NODE_OBJECT)
    return step;
  if (!evsi_stamp_marks(e, f))
    return EVSI_STEP_INVALID;
  for (uint32_t key = evsi_node_first(f->node); key < evsi_value(e, f)->end;
       key = evsi_node_next(&e->document, key + 1)) {
    e->work++;
    if (e->stamps[key + 1] != f->count)
      step = refuse_member(e, f, key);
    if (step == EVSI_STEP_INVALID && f->is_quiet)
      break;
  }
  return step;
}
