/* SPDX-License-Identifier: MIT
 * schema.h - JSON Schema 2020-12 and draft-07: a schema is compiled once, then texts are validated against
 * it, from any number of threads. Knows nothing of events, and fetches nothing: what a schema refers to comes
 * from its caller. */
#ifndef EVSI_SCHEMA_H
#define EVSI_SCHEMA_H

#include <stdbool.h>

#include "libevents.h"

typedef struct evsi_schema evsi_schema;

typedef enum evsi_draft { EVSI_DRAFT_2020_12, EVSI_DRAFT_07 } evsi_draft;

/* The text of the schema with that URI (absolute where it can be, without fragment); false: there is none. It
 * is copied before the next call. */
typedef bool (*evsi_schema_lookup)(void *user, const char *uri, evs_bytes *out_text);

typedef struct evsi_schema_options {
  evsi_draft draft; /* of schemas without $schema */
  bool
      asserts_format; /* else `format` is a remark, unless the vocabulary of the meta-schema says otherwise */
  evs_bytes uri;      /* where the schema comes from: the base of its $id; may be empty */
  evsi_schema_lookup lookup; /* NULL: only what is inside, and the two meta-schemas */
  void *user;
} evsi_schema_options;

/* `options` may be NULL.
 * errors: EVS_VALIDATION with problems: path (in another document than the first: its URI and #path) and
 * reason; EVS_NOMEM */
evs_status evsi_schema_compile(evs_bytes text, const evsi_schema_options *options, evsi_schema **out_schema,
                               evs_error **out_error);
void evsi_schema_free(evsi_schema *schema); /* after the last validation */

/* What validating needs beside the schema; for one thread at a time, and any number of schemas. */
typedef struct evsi_validation evsi_validation;
evsi_validation *evsi_validation_create(void); /* NULL: no memory */
void evsi_validation_free(evsi_validation *validation);

/* How the texts of a validation are read from now on. */
typedef enum evsi_reading {
  EVSI_READ_PLAIN,  /* as the schema says; at first */
  EVSI_READ_CLOSED, /* where a schema names members, others are refused: for who writes */
  EVSI_READ_FILLED, /* what is required, lacking, and has a default counts as there: for who reads */
} evsi_reading;
void evsi_validation_read(evsi_validation *validation, evsi_reading how);

/* Parses `text` and says whether it is valid. It has to stay until the next validation or report.
 * errors: EVS_VALIDATION when it is no JSON, or when it cannot be decided within the bounds on work, depth
 * and memory of a pattern; EVS_NOMEM */
evs_status evsi_schema_validate(const evsi_schema *schema, evsi_validation *validation, evs_bytes text,
                                bool *out_valid, evs_error **out_error);

/* The text of the last validation, which was valid and EVSI_READ_FILLED, with what it lacked behind the other
 * members; *out_text stays NULL when nothing was lacking. Freed with evsi_free(). errors: EVS_NOMEM */
evs_status evsi_schema_fill(evsi_validation *validation, evs_bytes text, char **out_text,
                            evs_error **out_error);

typedef enum evsi_report_form {
  EVSI_REPORT_OWN, /* {valid, errors: [{instancePath, schemaPath, keyword, expected, actual, message}], more}
                    */
  EVSI_REPORT_BASIC, /* the standard's: {valid, errors or annotations: [{instanceLocation, keywordLocation,
                        …}]} */
} evsi_report_form;

/* Why the text of the last validation is not valid, or (basic) what the schema remarks on its values; at most
 * `limit` of each, freed with evsi_free(). */
evs_status evsi_schema_report(const evsi_schema *schema, evsi_validation *validation, evsi_report_form form,
                              uint32_t limit, char **out_json, evs_error **out_error);

#endif
