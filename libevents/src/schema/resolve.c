/* SPDX-License-Identifier: MIT
 * resolve.c - from a reference to the schema that it means, which may have to be looked up first. */
#include "schema/compiler.h"
#include "schema/uri.h"

typedef struct reference {
  uint32_t record; /* in which it stands */
  uint32_t node;
  evs_bytes uri; /* absolute, without fragment, and closed by a NUL */
  evs_bytes fragment;
} reference;

static bool unresolved(evsi_compiler *c, const reference *r, const char *why) {
  return evsi_compiler_problem(c, c->schema->records[r->record].document, r->node, "%s: %s#%.*s", why,
                               r->uri.data, (int)r->fragment.size, r->fragment.data);
}

/* Takes in the document of that URI. Problem or not: the location tells. */
static bool load(evsi_compiler *c, const reference *r) {
  evsi_draft draft = c->schema->resources[c->schema->records[r->record].resource].draft;
  evs_bytes text;
  if (!evsi_compiler_look_up(c, r->uri.data, &text))
    return unresolved(c, r, "refers to a schema that is not there");
  if (c->schema->document_count == EVSI_SCHEMA_DOCUMENTS_MAX)
    return unresolved(c, r, "more than 1,000 documents");
  uint32_t first = c->schema->record_count;
  if (!evsi_compiler_add_document(c, text, r->uri.data, draft)) {
    evs_error_free(c->refusal);
    c->refusal = NULL;
    return !c->no_memory && unresolved(c, r, "refers to what is no JSON");
  }
  /* What is inside has names that the reference may mean. */
  for (uint32_t record = first; record < c->schema->record_count; record++)
    if (!evsi_scan_record(c, record))
      return false;
  c->scanned = c->schema->record_count;
  return true;
}

/* The resource that a node belongs to is that of the nearest schema around it. */
static uint32_t resource_of(const evsi_schema *schema, uint32_t document, uint32_t node) {
  const evsi_schema_document *doc = &schema->documents[document];
  while (doc->schema_of[node] == EVSI_SCHEMA_NONE)
    node = doc->tree.nodes[node].parent;
  return schema->records[doc->schema_of[node]].resource;
}

static bool resolve_pointer(evsi_compiler *c, const reference *r, const evsi_location *base,
                            uint32_t *out_record) {
  evsi_schema *schema = c->schema;
  const evsi_document *doc = &schema->documents[base->document].tree;
  uint32_t node = base->node;
  evsi_buf scratch = {0};
  bool is_there =
      c->work < EVSI_SCHEMA_WORK_MAX && evsi_document_resolve(doc, &node, r->fragment, &scratch, &c->work);
  c->no_memory |= scratch.failed;
  evsi_buf_free(&scratch);
  if (c->no_memory)
    return false;
  if (!is_there)
    return unresolved(c, r,
                      c->work < EVSI_SCHEMA_WORK_MAX ? "refers to a place that is not there"
                                                     : "comes after references that take too much work");
  if (doc->nodes[node].kind != EVSI_NODE_OBJECT && doc->nodes[node].kind != EVSI_NODE_BOOLEAN)
    return unresolved(c, r, "refers to what is no schema");
  return evsi_compiler_add_record(c, base->document, node, resource_of(schema, base->document, node),
                                  out_record);
}

static bool resolve_anchor(evsi_compiler *c, const reference *r, uint32_t *out_record, bool *out_is_dynamic) {
  evsi_buf name = {0};
  evsi_buf_addf(&name, "%s#%.*s", r->uri.data, (int)r->fragment.size, r->fragment.data);
  if (name.failed)
    return evsi_compiler_no_memory(c);
  const evsi_location *place = evsi_location_find(c, name.data);
  evsi_buf_free(&name);
  if (!place)
    return unresolved(c, r, "refers to a name that is not there");
  *out_is_dynamic = place->is_dynamic;
  *out_record = c->schema->documents[place->document].schema_of[place->node];
  return true;
}

static bool resolve_parts(evsi_compiler *c, const reference *r, uint32_t *out_record, bool *out_is_dynamic) {
  const evsi_location *base = evsi_location_find(c, r->uri.data);
  if (!base) {
    if (!load(c, r))
      return false;
    base = evsi_location_find(c, r->uri.data);
  }
  if (!base)
    return true;
  /* A document is found by the URI that it was asked for, and may call itself differently. */
  uint32_t record = c->schema->documents[base->document].schema_of[base->node];
  const char *own = c->schema->resources[c->schema->records[record].resource].uri;
  reference same = *r;
  same.uri = evsi_text(own);
  if (!r->fragment.size || r->fragment.data[0] == '/')
    return resolve_pointer(c, &same, base, out_record);
  return resolve_anchor(c, &same, out_record, out_is_dynamic);
}

bool evsi_resolve(evsi_compiler *c, uint32_t record, uint32_t node, uint32_t *out_record,
                  evs_bytes *out_dynamic) {
  const evsi_schema *schema = c->schema;
  evs_bytes text = evsi_node_bytes(evsi_schema_tree(schema, record), node), without, fragment;
  evsi_buf absolute = {0}, uri = {0}, unescaped = {0};
  bool is_dynamic = false;
  *out_record = EVSI_SCHEMA_NONE;
  evsi_uri_resolve(evsi_text(schema->resources[schema->records[record].resource].uri), text, &absolute);
  evsi_uri_split(evsi_bytes(absolute.data, absolute.size), &without, &fragment);
  evsi_buf_add_bytes(&uri, without);
  evsi_uri_unescape(fragment, &unescaped);
  evsi_buf_reserve(&unescaped, 0);
  bool ok = !absolute.failed && !uri.failed && !unescaped.failed;
  if (ok) {
    reference r = {record, node, evsi_bytes(uri.data, uri.size), evsi_bytes(unescaped.data, unescaped.size)};
    ok = resolve_parts(c, &r, out_record, &is_dynamic);
  } else {
    evsi_compiler_no_memory(c);
  }
  /* The name is kept where it stands in the schema: an anchor has no escapes. */
  evsi_uri_split(text, &without, &fragment);
  *out_dynamic = is_dynamic ? fragment : evsi_bytes(NULL, 0);
  evsi_buf_free(&absolute);
  evsi_buf_free(&uri);
  evsi_buf_free(&unescaped);
  return ok;
}
