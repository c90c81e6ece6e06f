/* SPDX-License-Identifier: MIT
 * check_container.c - keywords about arrays and objects as a whole. */
#include <stdlib.h>

#include "schema/evaluate.h"

static evsi_step at_most(evaluation *e, const evsi_frame *f, evsi_node_kind kind, uint64_t limit) {
  const evsi_node *value = evsi_value(e, f);
  if (value->kind != kind || value->count <= limit)
    return EVSI_STEP_VALID;
  return evsi_refuse(e, f, "has too many: %u", value->count);
}

static evsi_step at_least(evaluation *e, const evsi_frame *f, evsi_node_kind kind, uint64_t limit) {
  const evsi_node *value = evsi_value(e, f);
  if (value->kind != kind || value->count >= limit)
    return EVSI_STEP_VALID;
  return evsi_refuse(e, f, "has too few: %u", value->count);
}

evsi_step evsi_step_max_items(evaluation *e, evsi_frame *f, const evsi_op *op) {
  return at_most(e, f, EVSI_NODE_ARRAY, op->count);
}

evsi_step evsi_step_min_items(evaluation *e, evsi_frame *f, const evsi_op *op) {
  return at_least(e, f, EVSI_NODE_ARRAY, op->count);
}

evsi_step evsi_step_max_properties(evaluation *e, evsi_frame *f, const evsi_op *op) {
  return at_most(e, f, EVSI_NODE_OBJECT, op->count);
}

evsi_step evsi_step_min_properties(evaluation *e, evsi_frame *f, const evsi_op *op) {
  return at_least(e, f, EVSI_NODE_OBJECT, op->count);
}

/* The list of what is missing is cut where it gets long. */
evsi_step evsi_check_required(evaluation *e, const evsi_frame *f, uint32_t names, const char *because) {
  enum { LISTED_SIZE_MAX = 200 };
  const evsi_document *doc = evsi_tree(e, f);
  evsi_buf missing = {0};
  uint32_t place = 0;
  for (uint32_t at = evsi_node_first(names); at < doc->nodes[names].end; at = evsi_node_next(doc, at)) {
    evs_bytes name = evsi_node_bytes(doc, at);
    e->work++;
    if (evsi_document_find_next(&e->document, f->node, name, &place) != EVSI_NODE_NONE ||
        evsi_fill_note(e, f, name))
      continue;
    if (f->is_quiet)
      return EVSI_STEP_INVALID;
    evsi_buf_add_text(&missing, missing.size ? ", " : "");
    if (missing.size < LISTED_SIZE_MAX)
      evsi_buf_add_json(&missing, name.data, name.size < LISTED_SIZE_MAX ? name.size : LISTED_SIZE_MAX);
    else
      break;
  }
  evsi_step step = EVSI_STEP_VALID;
  if (missing.failed)
    step = evsi_short_of_memory(e);
  else if (missing.size)
    step = evsi_refuse(e, f, "lacks %s%s", missing.data, because);
  evsi_buf_free(&missing);
  return step;
}

evsi_step evsi_step_required(evaluation *e, evsi_frame *f, const evsi_op *op) {
  return evsi_value(e, f)->kind == EVSI_NODE_OBJECT ? evsi_check_required(e, f, op->value, "")
                                                    : EVSI_STEP_VALID;
}

evsi_step evsi_step_dependent_required(evaluation *e, evsi_frame *f, const evsi_op *op) {
  const evsi_document *doc = evsi_tree(e, f);
  evsi_step result = EVSI_STEP_VALID;
  if (evsi_value(e, f)->kind != EVSI_NODE_OBJECT)
    return EVSI_STEP_VALID;
  for (uint32_t at = evsi_node_first(op->value); at < doc->nodes[op->value].end;
       at = evsi_node_next(doc, at + 1)) {
    e->work++;
    if (evsi_document_find(&e->document, f->node, evsi_node_bytes(doc, at)) == EVSI_NODE_NONE)
      continue;
    if (evsi_check_required(e, f, at + 1, ", which another member needs") == EVSI_STEP_INVALID)
      result = EVSI_STEP_INVALID;
  }
  return result;
}

/* Few items are compared with each other, many by the order of their hashes. */
static bool few_are_unique(evaluation *e, uint32_t array) {
  const evsi_document *doc = &e->document;
  uint32_t end = doc->nodes[array].end;
  for (uint32_t a = evsi_node_first(array); a < end; a = evsi_node_next(doc, a))
    for (uint32_t b = evsi_node_next(doc, a); b < end; b = evsi_node_next(doc, b))
      if (evsi_equal(&e->equality, doc, a, doc, b))
        return false;
  return true;
}

typedef struct hashed {
  uint64_t hash;
  uint32_t node;
} hashed;

static int compare_hashes(const void *left, const void *right) {
  const hashed *a = left, *b = right;
  return (a->hash > b->hash) - (a->hash < b->hash);
}

static bool compute_hashes(evaluation *e) {
  if (!e->has_hashes) {
    if (!evsi_grow(e->hashes, e->hash_capacity, e->document.count))
      return false;
    evsi_document_hash(&e->document, e->hashes);
    e->has_hashes = true;
  }
  return true;
}

/* Items with equal hashes are beside each other, and compared; that may be many, so the work is counted. */
static bool sorted_are_unique(evaluation *e, const hashed *items, uint32_t count) {
  for (uint32_t i = 0; i < count; i++) {
    for (uint32_t k = i + 1; k < count && items[k].hash == items[i].hash; k++) {
      if (evsi_equal(&e->equality, &e->document, items[i].node, &e->document, items[k].node))
        return false;
      if (e->work + e->equality.work > e->work_max) {
        evsi_give_up(e, "too much work to tell many items apart");
        return false;
      }
    }
  }
  return true;
}

static bool many_are_unique(evaluation *e, uint32_t array) {
  const evsi_document *doc = &e->document;
  uint32_t count = doc->nodes[array].count, n = 0;
  hashed *items = compute_hashes(e) ? evsi_calloc(count, sizeof *items) : NULL;
  if (!items) {
    e->no_memory = true;
    return false;
  }
  for (uint32_t at = evsi_node_first(array); at < doc->nodes[array].end; at = evsi_node_next(doc, at))
    items[n++] = (hashed){e->hashes[at], at};
  qsort(items, count, sizeof *items, compare_hashes);
  bool unique = sorted_are_unique(e, items, count);
  evsi_free(items);
  return unique;
}

evsi_step evsi_step_unique_items(evaluation *e, evsi_frame *f, const evsi_op *op) {
  enum { FEW = 6 };
  (void)op;
  const evsi_node *value = evsi_value(e, f);
  if (value->kind != EVSI_NODE_ARRAY || value->count < 2)
    return EVSI_STEP_VALID;
  bool unique = value->count <= FEW ? few_are_unique(e, f->node) : many_are_unique(e, f->node);
  return unique ? EVSI_STEP_VALID : evsi_refuse(e, f, "has an item twice");
}
