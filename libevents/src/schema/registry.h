/* SPDX-License-Identifier: MIT
 * registry.h - the schemas of event types, each in versions that never change: found by any thread while one
 * thread adds. Knows what may follow what; where schemas are kept beside memory is the business of others. */
#ifndef EVSI_REGISTRY_H
#define EVSI_REGISTRY_H

#include <stdatomic.h>

#include "base/buf.h"
#include "base/env.h"
#include "schema/compat.h"
#include "schema/validator.h"
#include "schema/version.h"

enum { EVSI_REGISTRY_TYPES_MAX = 10000, EVSI_REGISTRY_VERSIONS_MAX = 1000, EVSI_SCHEMA_TEXT_MAX = 4 << 20 };

typedef struct evsi_registry evsi_registry;
typedef struct evsi_schema_type evsi_schema_type;

/* What a new version of a type has to be, seen from those before. */
typedef struct evsi_compat_rule {
  evsi_compat_mode mode;
  bool is_transitive;
  evsi_compat_policy policy;
} evsi_compat_rule;

typedef struct evsi_registry_setup {
  const evsi_env *env;
  evsi_compat_rule rule; /* of types that say nothing */
  bool asserts_format;
} evsi_registry_setup;

/* Lives as long as the registry; what is not atomic never changes. */
typedef struct evsi_schema_version {
  const evsi_schema_type *type;
  evsi_number number;
  char name[EVSI_NUMBER_TEXT];
  char hash[65]; /* SHA-256 of the text */
  char *text;
  evs_schema *schema;
  uint64_t registered_ms;
  char *registered_by; /* NULL: not known */
  _Atomic bool is_own; /* this system said it itself */
  _Atomic uint64_t removed_ms;
  _Atomic uint64_t validated;
  _Atomic uint64_t invalid;
} evsi_schema_version;

/* The registering of a version: everything is lent. */
typedef struct evsi_registration {
  evs_bytes type;
  evs_bytes version; /* empty: the next one that fits */
  evs_bytes text;
  const evsi_compat_rule *rule; /* of a new type, or to compare by; NULL: what holds */
  uint64_t registered_ms;
  uint64_t removed_ms;
  const char *registered_by;
  bool is_own;
  bool is_trusted; /* whoever kept it held it against the others */
} evsi_registration;

/* What a registration comes to. */
typedef struct evsi_plan {
  evsi_schema_version *version; /* new and not yet found, or NULL where that is `same` */
  evsi_schema_version *same;
  char type[256];
  evsi_compat_rule rule;
  char *report; /* of evsi_compat_check(), or NULL where there was nothing to compare with */
} evsi_plan;

evsi_registry *evsi_registry_new(const evsi_registry_setup *setup);
void evsi_registry_free(evsi_registry *registry);

typedef enum evsi_schema_found {
  EVSI_SCHEMA_FOUND,
  EVSI_SCHEMA_NO_TYPE,
  EVSI_SCHEMA_NO_VERSION
} evsi_schema_found;

/* Any thread. By number, or the latest that was not removed where `version` is empty or "latest". */
evsi_schema_found evsi_registry_find(evsi_registry *registry, evs_bytes type, evs_bytes version,
                                     evsi_schema_version **out_version);
/* Any thread. By what a publisher writes that names no version: the highest that this system said itself,
 * else the latest. NULL: none. */
evsi_schema_version *evsi_registry_current(evsi_registry *registry, evs_bytes type);

bool evsi_registry_is_empty(const evsi_registry *registry); /* any thread */

/* Validates and counts. errors: as evsi_validator_judge() */
evs_status evsi_version_judge(evsi_schema_version *version, evsi_reading how, evs_bytes body,
                              evsi_verdict *out, evs_error **out_error);

/* ---- the thread that adds ---- */

/* Checks everything and changes nothing.
 * errors: EVS_VALIDATION for the schema, type or version; EVS_CONFLICT with problems[] when it may not follow
 *         those that are there; EVS_NOMEM */
evs_status evsi_registry_plan(evsi_registry *registry, const evsi_registration *registration, evsi_plan *out,
                              evs_error **out_error);
void evsi_plan_free(evsi_plan *plan);
/* What was planned is found from now on. Where the same version came from elsewhere since, that one is
 * `same`. */
evs_status evsi_registry_commit(evsi_registry *registry, evsi_plan *plan, evs_error **out_error);
/* By what the registry has under libevents://schemas/<type>/<version> and by $id. errors: EVS_VALIDATION */
evs_status evsi_registry_compile(evsi_registry *registry, const char *type, evs_bytes text, evs_schema **out,
                                 evs_error **out_error);
/* Holds a schema against the versions that are there: *out_json as evsi_compat_check(). */
evs_status evsi_registry_compare(evsi_registry *registry, const evsi_registration *in, char **out_json,
                                 evs_error **out_error);

/* False: there is no such type. */
bool evsi_registry_rule(const evsi_registry *registry, evs_bytes type, evsi_compat_rule *out);
evs_status evsi_registry_set_rule(evsi_registry *registry, evs_bytes type, const evsi_compat_rule *rule,
                                  evs_error **out_error);
void evsi_registry_remove(evsi_schema_version *version, uint64_t now_ms);

/* "backward-transitive" and the like. False: it is none. */
bool evsi_compat_rule_parse(const char *mode, evsi_compat_rule *out);
const char *evsi_compat_rule_word(const evsi_compat_rule *rule);
const char *evsi_compat_policy_word(evsi_compat_policy policy);

const char *evsi_schema_type_name(const evsi_schema_type *type);
evsi_compat_policy evsi_schema_type_policy(const evsi_schema_type *type); /* any thread */
/* Walks all versions, types in the order of their names: start with {0}. NULL at the end. */
typedef struct evsi_registry_walk {
  const evsi_schema_type *type;
  uint32_t index;
} evsi_registry_walk;
evsi_schema_version *evsi_registry_next(const evsi_registry *registry, evsi_registry_walk *walk);
bool evsi_registry_is_latest(const evsi_schema_version *version);

/* ---- registry_json.c ---- */
/* Appends what the requests tell of a version. */
void evsi_version_json(const evsi_schema_version *version, const evsi_compat_rule *rule, bool with_text,
                       evsi_buf *out);
/* What is different between two texts of schemas, as items of a JSON array. errors: EVS_VALIDATION, EVS_NOMEM
 */
evs_status evsi_schema_diff(evs_bytes before, evs_bytes after, evsi_buf *out, evs_error **out_error);

#endif
