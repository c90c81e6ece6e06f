/* SPDX-License-Identifier: MIT
 * scan.c - the first look at a schema: are its keywords' values well formed, which schemas are inside, and
 * which names (URIs, anchors) does it give. */
#include <string.h>

#include "schema/compiler.h"
#include "schema/grow.h"
#include "schema/shape.h"
#include "schema/uri.h"

enum { D07 = 1 << EVSI_DRAFT_07, D2020 = 1 << EVSI_DRAFT_2020_12, BOTH = D07 | D2020 };

static const struct {
  const char *text;
  uint8_t drafts;
  uint8_t vocabulary;
  uint8_t shape;
} keywords[] = {
#define EVSI_KEYWORD(id, text, drafts, vocabulary, shape)                                                    \
  {text, drafts, EVSI_VOCABULARY_##vocabulary, EVSI_SHAPE_##shape},
#include "schema/keywords.def"
};

const char *evsi_keyword_text(uint8_t keyword) {
  return keyword < EVSI_KEYWORD_COUNT ? keywords[keyword].text : "";
}

evsi_keyword evsi_keyword_find(evs_bytes name, const evsi_resource *resource) {
  for (unsigned i = 0; i < EVSI_KEYWORD_COUNT; i++) {
    if (keywords[i].text[0] != name.data[0] || strlen(keywords[i].text) != name.size ||
        memcmp(keywords[i].text, name.data, name.size) != 0)
      continue;
    bool is_on = keywords[i].drafts & 1 << resource->draft && keywords[i].vocabulary & resource->vocabularies;
    return is_on ? (evsi_keyword)i : EVSI_KEYWORD_COUNT;
  }
  return EVSI_KEYWORD_COUNT;
}

/* Is it not what it should be? Then that is a problem, and *out_ok false when memory is short. */
static bool is_malformed(evsi_compiler *c, const evsi_schema_record *record, uint32_t value, evsi_shape shape,
                         bool *out_ok) {
  evsi_shape_fault fault = evsi_shape_check(&c->schema->documents[record->document].tree, value, shape);
  *out_ok = true;
  if (fault.no_memory)
    *out_ok = evsi_compiler_no_memory(c);
  else if (fault.expected)
    *out_ok = evsi_compiler_problem(c, record->document, fault.node, "expected %s", fault.expected);
  return fault.no_memory || fault.expected;
}

static bool add_schema(evsi_compiler *c, const evsi_schema_record *parent, uint32_t node) {
  uint32_t record;
  bool ok;
  if (is_malformed(c, parent, node, EVSI_SHAPE_SCHEMA, &ok))
    return ok;
  return evsi_compiler_add_record(c, parent->document, node, parent->resource, &record);
}

/* Items of an array, or values of an object: those that are schemas. */
static bool add_children(evsi_compiler *c, const evsi_schema_record *parent, uint32_t value,
                         bool only_schemas) {
  const evsi_document *doc = &c->schema->documents[parent->document].tree;
  bool is_object = doc->nodes[value].kind == EVSI_NODE_OBJECT;
  uint32_t end = doc->nodes[value].end;
  for (uint32_t at = evsi_node_first(value); at < end; at = evsi_node_next(doc, at)) {
    at += is_object;
    if (only_schemas && doc->nodes[at].kind == EVSI_NODE_ARRAY)
      continue;
    if (!add_schema(c, parent, at))
      return false;
  }
  return true;
}

static bool add_inner_schemas(evsi_compiler *c, const evsi_schema_record *record, uint32_t value,
                              evsi_shape shape) {
  const evsi_document *doc = &c->schema->documents[record->document].tree;
  const evsi_resource *resource = &c->schema->resources[record->resource];
  switch (shape) {
  case EVSI_SHAPE_ITEMS:
    if (doc->nodes[value].kind == EVSI_NODE_ARRAY && resource->draft == EVSI_DRAFT_2020_12)
      return evsi_compiler_problem(c, record->document, value,
                                   "expected a schema; since 2020-12 a schema for each item is prefixItems");
    if (doc->nodes[value].kind == EVSI_NODE_ARRAY)
      return add_children(c, record, value, false);
    return add_schema(c, record, value);
  case EVSI_SHAPE_SCHEMA:
    return add_schema(c, record, value);
  case EVSI_SHAPE_SCHEMAS:
  case EVSI_SHAPE_SCHEMA_MAP:
  case EVSI_SHAPE_REGEX_MAP:
    return add_children(c, record, value, false);
  case EVSI_SHAPE_DEPENDENCIES:
    return add_children(c, record, value, true);
  default:
    return true;
  }
}

static bool scan_keyword(evsi_compiler *c, const evsi_schema_record *record, uint32_t key) {
  const evsi_document *doc = &c->schema->documents[record->document].tree;
  evsi_keyword keyword =
      evsi_keyword_find(evsi_node_bytes(doc, key), &c->schema->resources[record->resource]);
  if (keyword == EVSI_KEYWORD_COUNT)
    return true;
  bool ok;
  if (is_malformed(c, record, key + 1, (evsi_shape)keywords[keyword].shape, &ok))
    return ok;
  return add_inner_schemas(c, record, key + 1, (evsi_shape)keywords[keyword].shape);
}

/* Names a schema: the URI of its resource, with the name behind a number sign. */
static bool add_anchor(evsi_compiler *c, uint32_t index, uint32_t node, evs_bytes name, bool is_dynamic) {
  evsi_schema *schema = c->schema;
  const evsi_schema_record *record = &schema->records[index];
  evsi_location place = {.document = record->document, .node = record->node, .is_dynamic = is_dynamic};
  evsi_buf uri = {0};
  evsi_buf_addf(&uri, "%s#%.*s", schema->resources[record->resource].uri, (int)name.size, name.data);
  bool ok = uri.failed ? evsi_compiler_no_memory(c) : evsi_location_add(c, uri.data, place, node);
  evsi_buf_free(&uri);
  if (!ok || !is_dynamic)
    return ok;
  if (!evsi_grow(schema->dynamics, schema->dynamic_capacity, (uint64_t)schema->dynamic_count + 1))
    return evsi_compiler_no_memory(c);
  schema->dynamics[schema->dynamic_count++] = (evsi_dynamic){name, record->resource, index};
  return true;
}

/* A schema with an $id begins a resource; in draft-07 a fragment in it is a name within. */
static bool scan_id(evsi_compiler *c, uint32_t index, uint32_t id) {
  evsi_schema *schema = c->schema;
  evsi_schema_record record = schema->records[index];
  const evsi_resource *outer = &schema->resources[record.resource];
  evs_bytes without, fragment;
  evsi_uri_split(evsi_node_bytes(&schema->documents[record.document].tree, id), &without, &fragment);
  if (fragment.size && outer->draft == EVSI_DRAFT_2020_12)
    return evsi_compiler_problem(c, record.document, id,
                                 "an $id has no fragment; a name within is an $anchor");
  if (without.size) {
    evsi_buf uri = {0};
    evsi_uri_resolve(evsi_text(outer->uri), without, &uri);
    bool ok =
        uri.failed ? evsi_compiler_no_memory(c) : evsi_resource_add(c, index, id, uri.data, outer->draft);
    evsi_buf_free(&uri);
    if (!ok)
      return false;
  }
  return !fragment.size || add_anchor(c, index, id, fragment, false);
}

static uint32_t find_string(const evsi_document *doc, uint32_t object, const char *key) {
  uint32_t value = evsi_document_find(doc, object, evsi_text(key));
  return value != EVSI_NODE_NONE && doc->nodes[value].kind == EVSI_NODE_STRING ? value : EVSI_NODE_NONE;
}

static bool scan_names(evsi_compiler *c, uint32_t index) {
  const evsi_document *doc = evsi_schema_tree(c->schema, index);
  uint32_t node = c->schema->records[index].node;
  uint32_t id = find_string(doc, node, "$id");
  if (id != EVSI_NODE_NONE && !scan_id(c, index, id))
    return false;
  if (c->schema->resources[c->schema->records[index].resource].draft == EVSI_DRAFT_07)
    return true;
  uint32_t anchor = find_string(doc, node, "$anchor"), dynamic = find_string(doc, node, "$dynamicAnchor");
  return (anchor == EVSI_NODE_NONE || add_anchor(c, index, anchor, evsi_node_bytes(doc, anchor), false)) &&
         (dynamic == EVSI_NODE_NONE || add_anchor(c, index, dynamic, evsi_node_bytes(doc, dynamic), true));
}

bool evsi_scan_record(evsi_compiler *c, uint32_t index) {
  const evsi_document *doc = evsi_schema_tree(c->schema, index);
  evsi_schema_record record = c->schema->records[index];
  if (doc->nodes[record.node].kind != EVSI_NODE_OBJECT)
    return true;
  /* Beside a $ref draft-07 knows nothing; but what `definitions` holds there is often meant to be referred
   * to. */
  uint32_t reference = find_string(doc, record.node, "$ref");
  if (reference != EVSI_NODE_NONE && c->schema->resources[record.resource].draft == EVSI_DRAFT_07) {
    uint32_t definitions = evsi_document_find(doc, record.node, evsi_text("definitions"));
    return definitions == EVSI_NODE_NONE || scan_keyword(c, &record, definitions - 1);
  }
  if (!scan_names(c, index))
    return false;
  record = c->schema->records[index];
  uint32_t end = doc->nodes[record.node].end;
  for (uint32_t key = evsi_node_first(record.node); key < end; key = evsi_node_next(doc, key + 1))
    if (!scan_keyword(c, &record, key))
      return false;
  return true;
}
