/* SPDX-License-Identifier: MIT
 * compiler.c - compiling a schema as a whole: its documents and records, the order of the steps, the
 * problems. */
#include "schema/compiler.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "schema/grow.h"
#include "schema/uri.h"

bool evsi_compiler_no_memory(evsi_compiler *c) {
  c->no_memory = true;
  return false;
}

/* In another document than the first, its URI comes first. */
static void add_path(evsi_compiler *c, uint32_t document, uint32_t node, evsi_buf *out) {
  const evsi_schema *schema = c->schema;
  if (document != 0) {
    evsi_buf_add_text(
        out, schema->resources[schema->records[schema->documents[document].schema_of[0]].resource].uri);
    evsi_buf_add(out, "#", 1);
  }
  evsi_document_pointer(&schema->documents[document].tree, 0, node, out);
}

bool evsi_compiler_problem(evsi_compiler *c, uint32_t document, uint32_t node, const char *format, ...) {
  enum { FOUND_MAX = 100 };
  if (c->problem_count == EVSI_SCHEMA_PROBLEMS_MAX)
    return true;
  evsi_buf path = {0};
  char message[512];
  va_list args;
  va_start(args, format);
  vsnprintf(message, sizeof message, format, args);
  va_end(args);
  evs_bytes found = evsi_node_bytes(&c->schema->documents[document].tree, node);
  add_path(c, document, node, &path);
  evsi_buf_add_text(&c->problems, c->problem_count++ ? ",{\"path\":" : "{\"path\":");
  evsi_buf_add_json(&c->problems, path.data ? path.data : "", path.size);
  evsi_buf_add_text(&c->problems, ",\"message\":");
  evsi_buf_add_json(&c->problems, message, strlen(message));
  evsi_buf_add_text(&c->problems, ",\"found\":");
  evsi_buf_add_json(&c->problems, found.data, found.size < FOUND_MAX ? found.size : FOUND_MAX);
  evsi_buf_add_text(&c->problems, "}");
  c->no_memory |= path.failed || c->problems.failed;
  evsi_buf_free(&path);
  return !c->no_memory;
}

bool evsi_compiler_add_record(evsi_compiler *c, uint32_t document, uint32_t node, uint32_t resource,
                              uint32_t *out_record) {
  evsi_schema *schema = c->schema;
  uint32_t *known = &schema->documents[document].schema_of[node];
  if (*known == EVSI_SCHEMA_NONE) {
    if (!evsi_grow(schema->records, schema->record_capacity, (uint64_t)schema->record_count + 1))
      return evsi_compiler_no_memory(c);
    *known = schema->record_count++;
    schema->records[*known] = (evsi_schema_record){.document = document, .node = node, .resource = resource};
  }
  *out_record = *known;
  return true;
}

bool evsi_compiler_add_document(evsi_compiler *c, evs_bytes text, const char *uri, evsi_draft draft) {
  evsi_schema *schema = c->schema;
  if (!evsi_grow(schema->documents, schema->document_capacity, (uint64_t)schema->document_count + 1))
    return evsi_compiler_no_memory(c);
  evsi_schema_document *document = &schema->documents[schema->document_count];
  *document = (evsi_schema_document){.text = evsi_strndup(text.size ? text.data : "", text.size)};
  if (!document->text)
    return evsi_compiler_no_memory(c);
  uint32_t index = schema->document_count++, record;
  evs_status status =
      evsi_document_parse(&document->tree, evsi_bytes(document->text, text.size), &c->refusal);
  if (status != EVS_OK) {
    c->no_memory |= status == EVS_NOMEM;
    return false;
  }
  document->schema_of = evsi_alloc(document->tree.count * sizeof *document->schema_of);
  if (!document->schema_of)
    return evsi_compiler_no_memory(c);
  memset(document->schema_of, 0xFF, document->tree.count * sizeof *document->schema_of);
  if (!evsi_compiler_add_record(c, index, 0, EVSI_SCHEMA_NONE, &record) ||
      !evsi_resource_add(c, record, 0, uri, draft))
    return false;
  uint8_t kind = document->tree.nodes[0].kind;
  return kind == EVSI_NODE_OBJECT || kind == EVSI_NODE_BOOLEAN ||
         evsi_compiler_problem(c, index, 0, "expected a schema: an object or a boolean");
}

/* References are followed once all names are known, and may bring more of both. */
static bool compile_all(evsi_compiler *c) {
  while (c->compiled < c->schema->record_count) {
    while (c->scanned < c->schema->record_count)
      if (!evsi_scan_record(c, c->scanned++))
        return false;
    if (c->problem_count) /* what is malformed cannot be compiled */
      return true;
    if (!evsi_compile_record(c, c->compiled++))
      return false;
  }
  evsi_link_dynamics(c);
  return evsi_find_loops(c);
}

static evs_status compile_text(evsi_compiler *c, evs_bytes text, evs_error **out_error) {
  evs_bytes without, fragment;
  evsi_uri_split(c->options->uri, &without, &fragment);
  char *uri = evsi_strndup(without.size ? without.data : "", without.size);
  bool done = uri && evsi_compiler_add_document(c, text, uri, c->options->draft) && compile_all(c);
  evsi_free(uri);
  if (c->refusal && !c->no_memory)
    return evsi_error(out_error, EVS_VALIDATION, "", "the schema is %s", evs_error_message(c->refusal));
  if (!done)
    return evsi_error_nomem(out_error);
  if (!c->problem_count)
    return EVS_OK;
  char message[64];
  evsi_buf problems = {0};
  snprintf(message, sizeof message, "the schema has %u problem%s", c->problem_count,
           c->problem_count == 1 ? "" : "s");
  evsi_buf_addf(&problems, "[%s]", c->problems.data);
  evs_status status = problems.failed
                          ? evsi_error_nomem(out_error)
                          : evsi_error_problems(out_error, EVS_VALIDATION, message, problems.data);
  evsi_buf_free(&problems);
  return status;
}

evs_status evsi_schema_compile(evs_bytes text, const evsi_schema_options *options, evsi_schema **out_schema,
                               evs_error **out_error) {
  static const evsi_schema_options none = {.draft = EVSI_DRAFT_2020_12};
  evsi_compiler c = {.options = options ? options : &none, .schema = evsi_calloc(1, sizeof *c.schema)};
  if (!c.schema)
    return evsi_error_nomem(out_error);
  evs_status status = compile_text(&c, text, out_error);
  evsi_locations_free(&c);
  evsi_buf_free(&c.problems);
  evs_error_free(c.refusal);
  if (status == EVS_OK)
    *out_schema = c.schema;
  else
    evsi_schema_free(c.schema);
  return status;
}

void evsi_schema_free(evsi_schema *schema) {
  if (!schema)
    return;
  for (uint32_t i = 0; i < schema->document_count; i++) {
    evsi_document_free(&schema->documents[i].tree);
    evsi_free(schema->documents[i].text);
    evsi_free(schema->documents[i].schema_of);
  }
  for (uint32_t i = 0; i < schema->resource_count; i++)
    evsi_free(schema->resources[i].uri);
  for (uint32_t i = 0; i < schema->regex_count; i++)
    evsi_regex_free(schema->regexes[i]);
  evsi_free(schema->documents);
  evsi_free(schema->records);
  evsi_free(schema->resources);
  evsi_free(schema->ops);
  evsi_free(schema->numbers);
  evsi_free(schema->divisors);
  evsi_free(schema->regexes);
  evsi_free(schema->dynamics);
  evsi_free(schema);
}
