/* SPDX-License-Identifier: MIT
 * fill.c - readers fill in what is required, was left out and has a default, so that a schema may ask for
 * more than the one before. Only where it is required: else absence means something. The rest of the text
 * stays byte for byte. */
#include <stdlib.h>

#include "schema/evaluate.h"

/* The default of a property of that schema, as nodes of its document. */
static bool find_default(const evaluation *e, uint32_t record, evs_bytes name, evsi_fill *out) {
  const evsi_document *doc = evsi_schema_tree(e->schema, record);
  uint32_t node = e->schema->records[record].node;
  uint32_t properties = evsi_document_find(doc, node, evsi_text("properties"));
  if (properties == EVSI_NODE_NONE || doc->nodes[properties].kind != EVSI_NODE_OBJECT)
    return false;
  uint32_t schema = evsi_document_find(doc, properties, name);
  if (schema == EVSI_NODE_NONE || doc->nodes[schema].kind != EVSI_NODE_OBJECT)
    return false;
  out->key = schema - 1;
  out->value = evsi_document_find(doc, schema, evsi_text("default"));
  return out->value != EVSI_NODE_NONE;
}

bool evsi_fill_note(evaluation *e, const evsi_frame *f, evs_bytes name) {
  evsi_fill fill = {.node = f->node, .record = f->record, .order = e->fill_count};
  if (!e->fills_in || !find_default(e, f->record, name, &fill))
    return false;
  if (!evsi_grow(e->fills, e->fill_capacity, (uint64_t)e->fill_count + 1)) {
    e->no_memory = true;
    return true;
  }
  e->fills[e->fill_count++] = fill;
  return true;
}

/* Where something is to be added. */
typedef struct place {
  const char *brace; /* that closes the object */
  const evsi_fill *fill;
} place;

static int compare_places(const void *left, const void *right) {
  const place *a = left, *b = right;
  if (a->brace != b->brace)
    return a->brace < b->brace ? -1 : 1;
  return (a->fill->order > b->fill->order) - (a->fill->order < b->fill->order);
}

static evs_bytes name_of(const evaluation *e, const evsi_fill *fill) {
  return evsi_node_bytes(evsi_schema_tree(e->schema, fill->record), fill->key);
}

/* Two schemas may want the same member: the first says what it is. */
static bool is_twice(const evaluation *e, const place *first, const place *at) {
  for (; first < at; first++)
    if (evsi_bytes_equal(name_of(e, first->fill), name_of(e, at->fill)))
      return true;
  return false;
}

static void add_raw(const evsi_document *doc, uint32_t node, evsi_buf *out) {
  evs_bytes text = evsi_node_bytes(doc, node);
  if (doc->nodes[node].kind == EVSI_NODE_STRING)
    evsi_buf_add_json(out, text.data ? text.data : "", text.size);
  else
    evsi_buf_add_bytes(out, text);
}

/* What is to be added to one object; gives the place behind. */
static const place *add_members(const evaluation *e, const place *first, const place *end, evsi_buf *out) {
  bool is_empty = e->document.nodes[first->fill->node].count == 0;
  const place *at = first;
  for (; at < end && at->brace == first->brace; at++) {
    const evsi_document *doc = evsi_schema_tree(e->schema, at->fill->record);
    if (is_twice(e, first, at))
      continue;
    evsi_buf_add_text(out, is_empty ? "" : ",");
    add_raw(doc, at->fill->key, out);
    evsi_buf_add_text(out, ":");
    add_raw(doc, at->fill->value, out);
    is_empty = false;
  }
  return at;
}

void evsi_fill_text(evaluation *e, evs_bytes text, evsi_buf *out) {
  const char *from = text.data;
  place *places = evsi_calloc(e->fill_count, sizeof *places);
  out->failed |= !places;
  for (uint32_t i = 0; places && i < e->fill_count; i++) {
    const evsi_node *object = &e->document.nodes[e->fills[i].node];
    places[i] = (place){.brace = object->text + object->size - 1, .fill = &e->fills[i]};
  }
  if (places)
    qsort(places, e->fill_count, sizeof *places, compare_places);
  const place *end = places + e->fill_count;
  for (const place *at = places; places && at < end;) {
    evsi_buf_add(out, from, (size_t)(at->brace - from));
    from = at->brace;
    at = add_members(e, at, end, out);
  }
  evsi_buf_add(out, from, (size_t)(text.data + text.size - from));
  evsi_free(places);
}
