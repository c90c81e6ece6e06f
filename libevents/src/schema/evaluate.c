/* SPDX-License-Identifier: MIT
 * evaluate.c - the stack of frames. Marks, scopes and findings are stacks beside it: what a schema noted that
 * turned out not to be valid is cut off again. */
#include "schema/evaluate.h"

enum { FRAMES_MAX = 400000 };

static evsi_step_fn *const steps[] = {
    [EVSI_KEY_REF] = evsi_step_ref,
    [EVSI_KEY_DYNAMIC_REF] = evsi_step_dynamic_ref,
    [EVSI_KEY_TYPE] = evsi_step_type,
    [EVSI_KEY_CONST] = evsi_step_const,
    [EVSI_KEY_ENUM] = evsi_step_enum,
    [EVSI_KEY_MAXIMUM] = evsi_step_maximum,
    [EVSI_KEY_EXCLUSIVE_MAXIMUM] = evsi_step_exclusive_maximum,
    [EVSI_KEY_MINIMUM] = evsi_step_minimum,
    [EVSI_KEY_EXCLUSIVE_MINIMUM] = evsi_step_exclusive_minimum,
    [EVSI_KEY_MULTIPLE_OF] = evsi_step_multiple_of,
    [EVSI_KEY_MAX_LENGTH] = evsi_step_max_length,
    [EVSI_KEY_MIN_LENGTH] = evsi_step_min_length,
    [EVSI_KEY_PATTERN] = evsi_step_pattern,
    [EVSI_KEY_FORMAT] = evsi_step_format,
    [EVSI_KEY_MAX_ITEMS] = evsi_step_max_items,
    [EVSI_KEY_MIN_ITEMS] = evsi_step_min_items,
    [EVSI_KEY_UNIQUE_ITEMS] = evsi_step_unique_items,
    [EVSI_KEY_MAX_PROPERTIES] = evsi_step_max_properties,
    [EVSI_KEY_MIN_PROPERTIES] = evsi_step_min_properties,
    [EVSI_KEY_REQUIRED] = evsi_step_required,
    [EVSI_KEY_DEPENDENT_REQUIRED] = evsi_step_dependent_required,
    [EVSI_KEY_PREFIX_ITEMS] = evsi_step_prefix_items,
    [EVSI_KEY_ITEMS] = evsi_step_items,
    [EVSI_KEY_ADDITIONAL_ITEMS] = evsi_step_additional_items,
    [EVSI_KEY_CONTAINS] = evsi_step_contains,
    [EVSI_KEY_PROPERTIES] = evsi_step_properties,
    [EVSI_KEY_PATTERN_PROPERTIES] = evsi_step_pattern_properties,
    [EVSI_KEY_ADDITIONAL_PROPERTIES] = evsi_step_additional_properties,
    [EVSI_KEY_PROPERTY_NAMES] = evsi_step_property_names,
    [EVSI_KEY_DEPENDENT_SCHEMAS] = evsi_step_dependent_schemas,
    [EVSI_KEY_DEPENDENCIES] = evsi_step_dependencies,
    [EVSI_KEY_ALL_OF] = evsi_step_all_of,
    [EVSI_KEY_ANY_OF] = evsi_step_any_of,
    [EVSI_KEY_ONE_OF] = evsi_step_one_of,
    [EVSI_KEY_NOT] = evsi_step_not,
    [EVSI_KEY_IF] = evsi_step_if,
    [EVSI_KEY_UNEVALUATED_ITEMS] = evsi_step_unevaluated_items,
    [EVSI_KEY_UNEVALUATED_PROPERTIES] = evsi_step_unevaluated_properties,
    [EVSI_KEY_FALSE] = evsi_step_false,
};

evsi_step evsi_give_up(evaluation *e, const char *why) {
  e->gave_up = why;
  return EVSI_STEP_INVALID;
}

bool evsi_judge(evaluation *e, evsi_regex_verdict verdict, bool *out_matches) {
  if (verdict == EVSI_REGEX_GAVE_UP)
    evsi_give_up(e, "a regular expression needs too much work for a text");
  if (verdict == EVSI_REGEX_SHORT_OF_MEMORY)
    e->no_memory = true;
  *out_matches = verdict == EVSI_REGEX_YES;
  return !e->gave_up && !e->no_memory;
}

bool evsi_match(evaluation *e, uint32_t regex, uint32_t node, bool *out_matches) {
  enum { BYTES_PER_STEP = 64 };
  evs_bytes text = evsi_node_bytes(&e->document, node);
  e->work += 1 + text.size / BYTES_PER_STEP;
  return evsi_judge(e, evsi_regex_match(e->schema->regexes[regex], &e->regex, text), out_matches);
}

evsi_step evsi_short_of_memory(evaluation *e) {
  e->no_memory = true;
  return EVSI_STEP_INVALID;
}

evsi_step evsi_apply_in_place(evaluation *e, const evsi_frame *f, uint32_t record) {
  e->request = (evsi_request){.record = record, .node = f->node, .is_in_place = true};
  return EVSI_STEP_APPLY;
}

evsi_step evsi_apply_quietly(evaluation *e, uint32_t record, uint32_t node, bool is_in_place) {
  e->request = (evsi_request){.record = record, .node = node, .is_in_place = is_in_place, .is_quiet = true};
  return EVSI_STEP_APPLY;
}

bool evsi_mark(evaluation *e, const evsi_frame *f, uint32_t node) {
  if (!f->tracks)
    return true;
  if (!evsi_grow(e->marks, e->mark_capacity, (uint64_t)e->mark_count + 1)) {
    e->no_memory = true;
    return false;
  }
  e->marks[e->mark_count++] = node;
  return true;
}

static bool enter_scope(evaluation *e, uint32_t resource) {
  if (e->scope_count && e->scopes[e->scope_count - 1] == resource)
    return true;
  if (!evsi_grow(e->scopes, e->scope_capacity, (uint64_t)e->scope_count + 1))
    return false;
  e->scopes[e->scope_count++] = resource;
  return true;
}

static bool push(evaluation *e, const evsi_request *request, bool is_quiet, bool tracks) {
  const evsi_schema_record *record = &e->schema->records[request->record];
  if (e->frame_count == FRAMES_MAX) {
    evsi_give_up(e, "the schema applies schemas within schemas too deeply");
    return false;
  }
  evsi_frame frame = {.record = request->record,
                      .node = request->node,
                      .op = record->first_op,
                      .last_op = record->first_op + record->op_count,
                      .marks = e->mark_count,
                      .scopes = e->scope_count,
                      .remarks = e->remark_count,
                      .findings = e->finding_count,
                      .fills = e->fill_count,
                      .is_quiet = is_quiet,
                      .is_in_place = request->is_in_place,
                      .tracks = tracks || record->tracks || e->is_closed};
  if (!evsi_grow(e->frames, e->frame_capacity, (uint64_t)e->frame_count + 1) ||
      !enter_scope(e, record->resource)) {
    evsi_short_of_memory(e);
    return false;
  }
  e->frames[e->frame_count++] = frame;
  return true;
}

/* Ends the topmost frame. What it marked counts for the frame below when both are about the same value. */
static void pop(evaluation *e, bool *out_valid) {
  const evsi_frame *f = &e->frames[e->frame_count - 1];
  bool is_valid = !f->is_invalid;
  if (e->collects)
    evsi_remark_frame(e, f);
  e->frame_count--;
  if (!is_valid || !f->is_in_place)
    e->mark_count = f->marks;
  if (!is_valid)
    e->fill_count = f->fills;
  bool names = f->names && f->is_in_place && is_valid;
  e->scope_count = f->scopes;
  if (!e->frame_count) {
    *out_valid = is_valid;
    return;
  }
  evsi_frame *below = &e->frames[e->frame_count - 1];
  below->is_resumed = true;
  below->was_valid = is_valid;
  below->names |= names;
}

/* The frame goes on with its next operation, or, where only the verdict counts, ends. */
static void finish_op(evaluation *e, evsi_frame *f, bool is_valid) {
  f->is_invalid |= !is_valid;
  f->op = f->is_invalid && f->is_quiet ? f->last_op : f->op + 1;
  f->is_resumed = f->has_failed = false;
  f->cursor = f->count = 0;
  f->findings = e->finding_count;
}

static bool is_within_bounds(evaluation *e) {
  if (++e->work + e->equality.work <= e->work_max)
    return true;
  evsi_give_up(e, "too much work for the size of the text");
  return false;
}

static bool is_quiet_below(const evaluation *e, const evsi_frame *f) {
  return !e->collects && (f->is_quiet || e->request.is_quiet);
}

/* A schema that applies no other one needs no place on the stack where only the verdict counts: most are of
 * that kind, such as those of plain members. EVSI_STEP_APPLY: it is to be pushed. */
static evsi_step apply_flat(evaluation *e, const evsi_frame *below) {
  const evsi_schema_record *record = &e->schema->records[e->request.record];
  if (!record->is_flat || !is_quiet_below(e, below) || e->is_closed || e->fills_in)
    return EVSI_STEP_APPLY;
  evsi_frame frame = {.record = e->request.record, .node = e->request.node, .is_quiet = true};
  evsi_step step = EVSI_STEP_VALID;
  for (uint32_t i = 0; i < record->op_count && step == EVSI_STEP_VALID; i++) {
    const evsi_op *op = &e->schema->ops[record->first_op + i];
    step = is_within_bounds(e) ? steps[op->keyword](e, &frame, op) : EVSI_STEP_INVALID;
  }
  return step;
}

evsi_step evsi_apply(evaluation *e, const evsi_frame *f, uint32_t record, uint32_t node) {
  e->request = (evsi_request){.record = record, .node = node};
  return apply_flat(e, f);
}

/* What the operation of a frame asked for. */
static void apply_request(evaluation *e, evsi_frame *f) {
  evsi_step step = apply_flat(e, f);
  if (step == EVSI_STEP_APPLY) {
    push(e, &e->request, is_quiet_below(e, f), f->tracks && e->request.is_in_place);
    return;
  }
  f->is_resumed = true;
  f->was_valid = step == EVSI_STEP_VALID;
}

bool evsi_evaluate(evaluation *e, bool is_quiet, bool *out_valid) {
  evsi_request root = {.record = e->root, .node = 0};
  e->frame_count = e->mark_count = e->scope_count = e->finding_count = e->remark_count = e->fill_count = 0;
  e->number_node = UINT32_MAX; /* none yet */
  e->gave_up = NULL;
  e->work = e->equality.work = 0;
  push(e, &root, is_quiet, false);
  while (e->frame_count && !e->gave_up && !e->no_memory && !e->equality.no_memory) {
    evsi_frame *f = &e->frames[e->frame_count - 1];
    if (f->op == f->last_op) {
      if (e->is_closed && evsi_check_closed(e, f) == EVSI_STEP_INVALID)
        f->is_invalid = true;
      pop(e, out_valid);
      continue;
    }
    if (!is_within_bounds(e))
      break;
    const evsi_op *op = &e->schema->ops[f->op];
    evsi_step step = steps[op->keyword](e, f, op);
    if (step != EVSI_STEP_APPLY)
      finish_op(e, f, step == EVSI_STEP_VALID);
    else
      apply_request(e, f);
  }
  e->no_memory |= e->equality.no_memory;
  return !e->gave_up && !e->no_memory;
}
