/* SPDX-License-Identifier: MIT
 * body.h - the body of an event against the schema of its type: which version counts, is it valid, and what
 * is told of it. The same for who writes and who reads. */
#ifndef EVSI_BODY_H
#define EVSI_BODY_H

#include "schema/registry.h"

/* What a version that nobody knows is held against. */
typedef enum { EVSI_UNKNOWN_LATEST, EVSI_UNKNOWN_DLQ, EVSI_UNKNOWN_FETCH } evsi_on_unknown_version;

typedef struct evsi_body_rules {
  evsi_registry *registry;
  evsi_on_unknown_version on_unknown;
  bool required; /* a type without a schema is not valid */
  bool
      is_writing; /* a version that was removed is not valid; pragmatic writers are closed, readers fill in */
} evsi_body_rules;

typedef enum evsi_body_state {
  EVSI_BODY_UNCHECKED, /* there is no schema */
  EVSI_BODY_VALID,
  EVSI_BODY_INVALID,
  EVSI_BODY_UNKNOWN, /* EVSI_UNKNOWN_FETCH: the version may come to be known */
  EVSI_BODY_NO_MEMORY
} evsi_body_state;

typedef struct evsi_judgement {
  const evsi_schema_version *version; /* that it was held against, or NULL */
  char *errors;                       /* where it is not valid: a JSON array, never empty */
  bool has_more;                      /* errors than those */
  char *filled;                       /* the body with what it lacked, or NULL */
  char reason[256];                   /* where it is not valid: the first of them in words */
} evsi_judgement;

/* `version` empty: the latest. evsi_judgement_free() after it, whatever it gave. */
evsi_body_state evsi_body_judge(const evsi_body_rules *rules, evs_bytes type, evs_bytes version,
                                evs_bytes body, evsi_judgement *out);
void evsi_judgement_free(evsi_judgement *judgement);

/* What goes along with an event that is not valid: {type, version, schemaHash, bodyHash, errors, more}; freed
 * with evsi_free(), NULL: no memory. */
char *evsi_judgement_json(const evsi_judgement *judgement, evs_bytes type, evs_bytes body);
/* EVS_VALIDATION with problems[] at `place` ("/body") and below. */
evs_status evsi_judgement_error(const evsi_judgement *judgement, evs_bytes type, const char *place,
                                evs_error **out_error);

#endif
