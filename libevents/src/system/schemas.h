/* SPDX-License-Identifier: MIT
 * schemas.h - the schemas of one system: its registry, kept in step with a folder or a store, and changed by
 * requests one after the other. @thread io, unless said otherwise. */
#ifndef EVSI_SCHEMAS_H
#define EVSI_SCHEMAS_H

#include <jansson.h>

#include "event/type_name.h"
#include "system/system.h"

typedef enum evsi_change_kind { EVSI_CHANGE_REGISTER, EVSI_CHANGE_SET, EVSI_CHANGE_REMOVE } evsi_change_kind;

/* A change that waits for its turn, or for the store. */
typedef struct evsi_schema_change {
  struct evsi_schema_change *next;
  evsi_change_kind kind;
  uint64_t request; /* 0: nobody waits, the configuration declares it */
  json_t *params;
  evsi_plan plan;               /* of a registration */
  evsi_schema_version *version; /* that is removed */
  evsi_compat_rule rule;        /* that is set */
  uint64_t now_ms;
  uint32_t tries;
  char type[EVSI_TYPE_MAX + 1];
} evsi_schema_change;

struct evsi_schemas {
  evs_system *system;
  evsi_registry *registry;
  evsi_timer *timer;
  evsi_task task;               /* to look at once */
  _Atomic uint64_t known_at_ms; /* wall clock: all that was kept then is known */
  _Atomic bool is_whole;        /* what is kept was read once, and what is declared is in */
  bool is_asking;
  bool waits_for_read; /* the first change, since others were faster */
  bool has_told;       /* that the store cannot be asked */
  uint64_t asked_at_ms;
  uint64_t fingerprint; /* of the folder, as it was read last */
  char known[80];       /* of the store: which state was read last */
  char alarm[256];      /* what is wrong with what is kept, or "" */
  uint32_t declared;    /* types of the configuration that are on their way into the store */
  bool is_short;        /* memory was, for one of them: all are declared again */
  evsi_schema_change *first, *last;
};

/* ---- schema_store.c ---- */
/* Reads a folder at once, or asks the store. */
void evsi_schema_store_read(evsi_schemas *schemas);
/* Puts the first change where it is kept; evsi_schema_changes_done() follows, perhaps before this returns. */
void evsi_schema_store_write(evsi_schemas *schemas);
void evsi_schemas_alarm(evsi_schemas *schemas, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* ---- schema_change.c ---- */
/* Takes the change; it begins when those before it are through. */
void evsi_schema_change_add(evsi_schemas *schemas, evsi_schema_change *change);
/* The first change is kept, or not: `error` says why not, and is freed. */
void evsi_schema_change_done(evsi_schemas *schemas, evs_error *error);
/* Somebody else was faster, and what they changed is known now: the first change begins anew. */
void evsi_schema_change_again(evsi_schemas *schemas);
/* Does what the change is about, in memory. */
evs_status evsi_schema_change_apply(evsi_schemas *schemas, evsi_schema_change *change, evs_error **out_error);
void evsi_schema_change_free(evsi_schema_change *change);
/* A registration as a request or the configuration gives it, checked. */
evs_status evsi_schema_change_plan(evsi_schemas *schemas, evsi_schema_change *change, evs_error **out_error);

/* ---- schema_requests.c ---- */
/* `schemaText`, or `schema` as text; freed with evsi_free(). NULL: neither is there. */
evs_status evsi_schema_param(const json_t *params, const char *text_name, const char *value_name,
                             char **out_text, evs_error **out_error);
/* Rules of the params over those in *rule. */
evs_status evsi_schema_rule_params(const json_t *params, evsi_compat_rule *rule, evs_error **out_error);

/* ---- asyncapi_request.c ---- */
evs_status evsi_asyncapi_read(evsi_schemas *schemas, const json_t *params, evsi_buf *out,
                              evs_error **out_error);

#endif
