/* SPDX-License-Identifier: MIT
 * compiler.h - the parts of compiling a schema, for each other: scan.c finds the schemas and their names and
 * checks the keywords' values, resolve.c follows references, compile.c makes operations. */
#ifndef EVSI_COMPILER_H
#define EVSI_COMPILER_H

#include "base/buf.h"
#include "base/map.h"
#include "schema/program.h"

enum { EVSI_SCHEMA_PROBLEMS_MAX = 100, EVSI_SCHEMA_DOCUMENTS_MAX = 1000, EVSI_SCHEMA_WORK_MAX = 50000000 };

/* What a URI names: a resource, or with "#name" an anchor. */
typedef struct evsi_location {
  UT_hash_handle hh;
  uint32_t document;
  uint32_t node;
  bool is_dynamic;
  char uri[];
} evsi_location;

typedef struct evsi_compiler {
  evsi_schema *schema;
  const evsi_schema_options *options;
  evsi_location *locations; /* by URI */
  uint32_t scanned;         /* records up to here */
  uint32_t compiled;
  evsi_buf problems; /* items of a JSON array */
  uint32_t problem_count;
  uint64_t work;      /* of following references */
  evs_error *refusal; /* of a document that is no JSON */
  bool no_memory;
} evsi_compiler;

/* Each returns false only when memory is short; what is wrong with the schema is a problem, and goes on. */

/* Notes that what stands at `node` is wrong. */
bool evsi_compiler_problem(evsi_compiler *c, uint32_t document, uint32_t node, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
bool evsi_compiler_no_memory(evsi_compiler *c); /* false */

/* Takes in a copy of a text as a document with its records. False also when it is no JSON: why is in
 * c->refusal. */
bool evsi_compiler_add_document(evsi_compiler *c, evs_bytes text, const char *uri, evsi_draft draft);
/* The record of the schema at `node`, made when there is none. */
bool evsi_compiler_add_record(evsi_compiler *c, uint32_t document, uint32_t node, uint32_t resource,
                              uint32_t *out_record);

/* ---- scan.c ---- */
bool evsi_scan_record(evsi_compiler *c, uint32_t record);

/* ---- resource.c ---- */
/* Makes the schema of a record a resource with its own URI, said at the node `named`, and its own draft: that
 * of its $schema, else `draft`. */
bool evsi_resource_add(evsi_compiler *c, uint32_t record, uint32_t named, const char *uri, evsi_draft draft);
/* Enters what a URI names; it is a problem at the node `named` when it names something else already. */
bool evsi_location_add(evsi_compiler *c, const char *uri, evsi_location place, uint32_t named);
const evsi_location *evsi_location_find(const evsi_compiler *c, const char *uri);
void evsi_locations_free(evsi_compiler *c);
/* The text of a schema by its URI: built in, or from the caller. */
bool evsi_compiler_look_up(const evsi_compiler *c, const char *uri, evs_bytes *out_text);

/* ---- resolve.c ---- */
/* The record that the reference at `node` in `record` means, or EVSI_SCHEMA_NONE and a problem; and, where it
 * is a dynamic anchor, its name. */
bool evsi_resolve(evsi_compiler *c, uint32_t record, uint32_t node, uint32_t *out_record,
                  evs_bytes *out_dynamic);

/* ---- compile.c ---- */
bool evsi_compile_record(evsi_compiler *c, uint32_t record);

/* ---- link.c ---- */
/* Tells every dynamic reference which schemas it may mean. */
void evsi_link_dynamics(const evsi_compiler *c);
/* A schema that applies itself to the same value would never end: a problem for each. */
bool evsi_find_loops(evsi_compiler *c);

#endif
