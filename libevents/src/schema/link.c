/* SPDX-License-Identifier: MIT
 * link.c - what needs all operations: the candidates of dynamic references, and the search for loops. */
#include <stdlib.h>
#include <string.h>

#include "schema/compiler.h"
#include "schema/grow.h"
#include "schema/uri.h"

static int compare_names(evs_bytes a, evs_bytes b) {
  int order = memcmp(a.data, b.data, a.size < b.size ? a.size : b.size);
  return order ? order : (a.size > b.size) - (a.size < b.size);
}

static int compare_dynamics(const void *left, const void *right) {
  const evsi_dynamic *a = left, *b = right;
  return compare_names(a->name, b->name);
}

static uint32_t first_not_below(const evsi_schema *s, evs_bytes name) {
  uint32_t low = 0, high = s->dynamic_count;
  while (low < high) {
    uint32_t middle = low + (high - low) / 2;
    if (compare_names(s->dynamics[middle].name, name) < 0)
      low = middle + 1;
    else
      high = middle;
  }
  return low;
}

void evsi_link_dynamics(const evsi_compiler *c) {
  evsi_schema *s = c->schema;
  if (s->dynamic_count)
    qsort(s->dynamics, s->dynamic_count, sizeof *s->dynamics, compare_dynamics);
  for (uint32_t record = 0; record < s->record_count; record++) {
    for (uint32_t i = 0; i < s->records[record].op_count; i++) {
      evsi_op *op = &s->ops[s->records[record].first_op + i];
      if (op->keyword != EVSI_KEY_DYNAMIC_REF || !op->entries)
        continue;
      evs_bytes without, name;
      evsi_uri_split(evsi_node_bytes(evsi_schema_tree(s, record), op->value), &without, &name);
      op->table = first_not_below(s, name);
      op->entries = 0;
      while (op->table + op->entries < s->dynamic_count &&
             compare_names(s->dynamics[op->table + op->entries].name, name) == 0)
        op->entries++;
    }
  }
}

enum { UNSEEN, ON_THE_WAY, DONE };

/* Which records each record applies to the same value, behind each other; and the search through them. */
typedef struct edges {
  uint32_t *to;
  uint32_t count;
  uint32_t capacity;
  uint32_t *first; /* by record, and one more */
  uint32_t *next;  /* by record: the first that is not yet followed */
  uint32_t *way;   /* the records from the start to where the search is */
  uint8_t *state;  /* by record */
} edges;

static bool add_edge(edges *e, uint32_t to) {
  if (to == EVSI_SCHEMA_NONE)
    return true;
  if (!evsi_grow(e->to, e->capacity, (uint64_t)e->count + 1))
    return false;
  e->to[e->count++] = to;
  return true;
}

static bool add_children(edges *e, const evsi_schema_document *document, uint32_t value) {
  const evsi_document *doc = &document->tree;
  bool is_object = doc->nodes[value].kind == EVSI_NODE_OBJECT;
  for (uint32_t at = evsi_node_first(value); at < doc->nodes[value].end; at = evsi_node_next(doc, at)) {
    at += is_object;
    if (!add_edge(e, document->schema_of[at]))
      return false;
  }
  return true;
}

static bool add_edges(edges *e, const evsi_schema *s, uint32_t record) {
  const evsi_schema_document *document = &s->documents[s->records[record].document];
  for (uint32_t i = 0; i < s->records[record].op_count; i++) {
    const evsi_op *op = &s->ops[s->records[record].first_op + i];
    bool ok = true;
    switch (op->keyword) {
    case EVSI_KEY_DYNAMIC_REF: /* where it leads to is known only when it is applied: bounded there */
      ok = op->entries || add_edge(e, op->schema);
      break;
    case EVSI_KEY_REF:
    case EVSI_KEY_NOT:
      ok = add_edge(e, op->schema);
      break;
    case EVSI_KEY_IF:
      ok = add_edge(e, op->schema) && add_edge(e, op->yes) && add_edge(e, op->no);
      break;
    case EVSI_KEY_ALL_OF:
    case EVSI_KEY_ANY_OF:
    case EVSI_KEY_ONE_OF:
    case EVSI_KEY_DEPENDENT_SCHEMAS:
    case EVSI_KEY_DEPENDENCIES:
      ok = add_children(e, document, op->value);
      break;
    default:
      break;
    }
    if (!ok)
      return false;
  }
  return true;
}

/* Depth first, with the way as the stack. */
static bool walk(evsi_compiler *c, edges *e, uint32_t start) {
  uint32_t depth = 0;
  e->way[depth++] = start;
  e->state[start] = ON_THE_WAY;
  while (depth) {
    uint32_t record = e->way[depth - 1];
    if (e->next[record] == e->first[record + 1]) {
      e->state[record] = DONE;
      depth--;
      continue;
    }
    uint32_t to = e->to[e->next[record]++];
    const evsi_schema_record *r = &c->schema->records[to];
    if (e->state[to] == ON_THE_WAY &&
        !evsi_compiler_problem(c, r->document, r->node, "applies itself to the same value, without end"))
      return false;
    if (e->state[to] != UNSEEN)
      continue;
    e->way[depth++] = to;
    e->state[to] = ON_THE_WAY;
  }
  return true;
}

static bool search(evsi_compiler *c, edges *e) {
  const evsi_schema *s = c->schema;
  for (uint32_t record = 0; record < s->record_count; record++) {
    e->next[record] = e->first[record] = e->count;
    if (!add_edges(e, s, record))
      return evsi_compiler_no_memory(c);
    e->first[record + 1] = e->count;
  }
  for (uint32_t record = 0; record < s->record_count; record++)
    if (e->state[record] == UNSEEN && !walk(c, e, record))
      return false;
  return true;
}

bool evsi_find_loops(evsi_compiler *c) {
  uint32_t count = c->schema->record_count;
  edges e = {.first = evsi_calloc((size_t)count + 1, sizeof *e.first),
             .next = evsi_calloc(count, sizeof *e.next),
             .way = evsi_calloc(count, sizeof *e.way),
             .state = evsi_calloc(count, sizeof *e.state)};
  bool ok = e.first && e.next && e.way && e.state ? search(c, &e) : evsi_compiler_no_memory(c);
  evsi_free(e.to);
  evsi_free(e.first);
  evsi_free(e.next);
  evsi_free(e.way);
  evsi_free(e.state);
  return ok;
}
