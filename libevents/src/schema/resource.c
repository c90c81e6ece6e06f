/* SPDX-License-Identifier: MIT
 * resource.c - what schemas are called, and which language each is written in. */
#include <string.h>

#include "schema/compiler.h"
#include "schema/grow.h"
#include "schema/metaschema.h"
#include "schema/uri.h"

#define DRAFT_07 "http://json-schema.org/draft-07/schema"
#define DRAFT_2020_12 "https://json-schema.org/draft/2020-12/schema"
#define VOCABULARY "https://json-schema.org/draft/2020-12/vocab/"

static evsi_location *find_location(const evsi_compiler *c, const char *uri) {
  evsi_location *found;
  HASH_FIND_STR(c->locations, uri, found);
  return found;
}

const evsi_location *evsi_location_find(const evsi_compiler *c, const char *uri) {
  return find_location(c, uri);
}

bool evsi_location_add(evsi_compiler *c, const char *uri, evsi_location place, uint32_t named) {
  evsi_location *other = find_location(c, uri);
  if (other && (other->document != place.document || other->node != place.node))
    return evsi_compiler_problem(c, place.document, named, "another schema has this name already");
  if (other) {
    other->is_dynamic |= place.is_dynamic;
    return true;
  }
  size_t size = strlen(uri) + 1;
  evsi_location *location = evsi_alloc(sizeof *location + size);
  if (!location)
    return evsi_compiler_no_memory(c);
  *location = place;
  memcpy(location->uri, uri, size);
  HASH_ADD_KEYPTR(hh, c->locations, location->uri, size - 1, location);
  if (find_location(c, uri))
    return true;
  evsi_free(location);
  return evsi_compiler_no_memory(c);
}

void evsi_locations_free(evsi_compiler *c) {
  evsi_location *location, *next;
  HASH_ITER(hh, c->locations, location, next) {
    HASH_DEL(c->locations, location);
    evsi_free(location);
  }
}

bool evsi_compiler_look_up(const evsi_compiler *c, const char *uri, evs_bytes *out_text) {
  if (evsi_metaschema_find(uri, out_text))
    return true;
  return c->options->lookup && c->options->lookup(c->options->user, uri, out_text);
}

static uint32_t vocabulary_bit(evs_bytes uri) {
  static const struct {
    const char *name;
    uint32_t bits;
  } known[] = {
      {"core", EVSI_VOCABULARY_CORE},
      {"applicator", EVSI_VOCABULARY_APPLICATOR},
      {"unevaluated", EVSI_VOCABULARY_UNEVALUATED},
      {"validation", EVSI_VOCABULARY_VALIDATION},
      {"meta-data", EVSI_VOCABULARY_META},
      {"format-annotation", EVSI_VOCABULARY_FORMAT},
      {"format-assertion", EVSI_VOCABULARY_FORMAT | EVSI_VOCABULARY_ASSERTS_FORMAT},
      {"content", EVSI_VOCABULARY_CONTENT},
  };
  size_t prefix = strlen(VOCABULARY);
  if (uri.size <= prefix || memcmp(uri.data, VOCABULARY, prefix) != 0)
    return 0;
  for (size_t i = 0; i < sizeof known / sizeof *known; i++)
    if (strlen(known[i].name) == uri.size - prefix &&
        memcmp(known[i].name, uri.data + prefix, uri.size - prefix) == 0)
      return known[i].bits;
  return 0;
}

/* The vocabularies that a meta-schema names. False: it asks for one that is unknown here. */
static bool read_vocabularies(const evsi_document *meta, uint32_t *out_bits) {
  uint32_t list = evsi_document_find(meta, 0, evsi_text("$vocabulary"));
  *out_bits = EVSI_VOCABULARY_ALL;
  if (list == EVSI_NODE_NONE || meta->nodes[list].kind != EVSI_NODE_OBJECT)
    return true;
  *out_bits = EVSI_VOCABULARY_CORE;
  for (uint32_t at = evsi_node_first(list); at < meta->nodes[list].end; at = evsi_node_next(meta, at + 1)) {
    uint32_t bits = vocabulary_bit(evsi_node_bytes(meta, at));
    if (!bits && meta->nodes[at + 1].kind == EVSI_NODE_BOOLEAN && meta->nodes[at + 1].text[0] == 't')
      return false;
    *out_bits |= bits;
  }
  return true;
}

static bool known_draft(evs_bytes uri, evsi_draft *out_draft) {
  evs_bytes without, fragment;
  evsi_uri_split(uri, &without, &fragment);
  static const char *const uris[] = {[EVSI_DRAFT_2020_12] = DRAFT_2020_12, [EVSI_DRAFT_07] = DRAFT_07};
  for (int draft = EVSI_DRAFT_2020_12; draft <= EVSI_DRAFT_07; draft++) {
    if (evsi_bytes_equal(without, evsi_text(uris[draft]))) {
      *out_draft = (evsi_draft)draft;
      return true;
    }
  }
  return false;
}

/* A meta-schema of somebody's own: its draft is that of its $schema, its keywords those of its vocabularies.
 */
static const char *read_metaschema(evsi_compiler *c, evs_bytes uri, evsi_resource *resource) {
  static const char unknown[] = "neither draft-07 nor 2020-12, and no meta-schema that is known here";
  evsi_document meta = {0};
  evs_error *error = NULL;
  evs_bytes text;
  char *name = evsi_strndup(uri.data, uri.size);
  evs_status status = name ? EVS_NOT_FOUND : EVS_NOMEM;
  if (name && evsi_compiler_look_up(c, name, &text))
    status = evsi_document_parse(&meta, text, &error);
  c->no_memory |= status == EVS_NOMEM;
  bool found = status == EVS_OK && meta.nodes[0].kind == EVSI_NODE_OBJECT;
  const char *wrong = found ? NULL : unknown;
  uint32_t own = found ? evsi_document_find(&meta, 0, evsi_text("$schema")) : EVSI_NODE_NONE;
  if (own != EVSI_NODE_NONE && !known_draft(evsi_node_bytes(&meta, own), &resource->draft))
    wrong = unknown;
  if (!wrong && !read_vocabularies(&meta, &resource->vocabularies))
    wrong = "its meta-schema asks for a vocabulary that is not known here";
  evs_error_free(error);
  evsi_document_free(&meta);
  evsi_free(name);
  return wrong;
}

/* What the schema says of its own language; `resource` holds what its surroundings say. NULL: fine. */
static const char *read_language(evsi_compiler *c, evsi_resource *resource, uint32_t *out_says) {
  const evsi_document *doc = &c->schema->documents[resource->document].tree;
  if (doc->nodes[resource->node].kind != EVSI_NODE_OBJECT)
    return NULL;
  *out_says = evsi_document_find(doc, resource->node, evsi_text("$schema"));
  if (*out_says == EVSI_NODE_NONE || known_draft(evsi_node_bytes(doc, *out_says), &resource->draft))
    return NULL;
  return read_metaschema(c, evsi_node_bytes(doc, *out_says), resource);
}

bool evsi_resource_add(evsi_compiler *c, uint32_t index, uint32_t named, const char *uri, evsi_draft draft) {
  evsi_schema *schema = c->schema;
  evsi_schema_record *record = &schema->records[index];
  evsi_resource resource = {record->document, record->node, NULL, draft, EVSI_VOCABULARY_ALL};
  const evsi_resource *before =
      record->resource == EVSI_SCHEMA_NONE ? NULL : &schema->resources[record->resource];
  const char *wrong = NULL;
  uint32_t says;
  if (before && before->document == record->document && before->node == record->node)
    resource = *before; /* a second name of the same schema */
  else
    wrong = read_language(c, &resource, &says);
  resource.uri = evsi_strdup(uri);
  if (!resource.uri ||
      !evsi_grow(schema->resources, schema->resource_capacity, (uint64_t)schema->resource_count + 1)) {
    evsi_free(resource.uri);
    return evsi_compiler_no_memory(c);
  }
  record->resource = schema->resource_count;
  schema->resources[schema->resource_count++] = resource;
  if (wrong && !evsi_compiler_problem(c, resource.document, says, "%s", wrong))
    return false;
  return evsi_location_add(c, uri, (evsi_location){.document = resource.document, .node = resource.node},
                           named);
}
