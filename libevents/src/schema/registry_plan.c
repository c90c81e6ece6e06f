/* SPDX-License-Identifier: MIT
 * registry_plan.c - may a schema become a version of its type, and which? Everything is checked before
 * anything is kept. */
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/json_text.h"
#include "event/identity.h"
#include "event/type_name.h"
#include "schema/program.h"
#include "schema/registry_inner.h"

#define SCHEMAS_URI "libevents://schemas/"

/* ---- references to other schemas ---------------------------------------------------------------- */

static evsi_schema_version *find_named(evsi_registry *registry, const char *path) {
  evsi_schema_version *version;
  const char *slash = strchr(path, '/');
  if (!slash)
    return NULL;
  evsi_registry_find(registry, evsi_bytes(path, (size_t)(slash - path)), evsi_text(slash + 1), &version);
  return version;
}

static evsi_schema_version *find_id(const evsi_registry *registry, const char *uri) {
  evsi_registry_walk walk = {NULL, 0};
  evsi_schema_version *each, *found = NULL;
  while ((each = evsi_registry_next(registry, &walk))) {
    const evsi_schema *program = evsi_validator_program(each->schema);
    if (strcmp(program->resources[program->records[0].resource].uri, uri) == 0)
      found = each; /* the highest version that has the name */
  }
  return found;
}

static bool look_up(void *user, const char *uri, evs_bytes *out_text) {
  evsi_registry *registry = user;
  bool is_ours = strncmp(uri, SCHEMAS_URI, strlen(SCHEMAS_URI)) == 0;
  const evsi_schema_version *found =
      is_ours ? find_named(registry, uri + strlen(SCHEMAS_URI)) : find_id(registry, uri);
  if (found)
    *out_text = evsi_text(found->text);
  return found != NULL;
}

evs_status evsi_registry_compile(evsi_registry *registry, const char *type, evs_bytes text, evs_schema **out,
                                 evs_error **out_error) {
  char uri[sizeof SCHEMAS_URI + EVSI_TYPE_MAX + 16];
  snprintf(uri, sizeof uri, SCHEMAS_URI "%s/new", type);
  evsi_schema_options options = {.asserts_format = registry->setup.asserts_format,
                                 .uri = evsi_text(uri),
                                 .lookup = look_up,
                                 .user = registry};
  if (text.size > EVSI_SCHEMA_TEXT_MAX)
    return evsi_error(out_error, EVS_VALIDATION, "/schema",
                      "the schema has %llu bytes, at most %d are allowed", (unsigned long long)text.size,
                      EVSI_SCHEMA_TEXT_MAX);
  return evsi_validator_new(text, &options, out, out_error);
}

/* ---- comparing ---------------------------------------------------------------------------------- */

/* Those that a new version is held against: all of a transitive rule, also removed ones, since what was
 * written by them may still be stored; else the latest. */
typedef struct earlier {
  const evsi_schema *schemas[EVSI_REGISTRY_VERSIONS_MAX];
  const char *names[EVSI_REGISTRY_VERSIONS_MAX];
  uint32_t count;
} earlier;

static void add_earlier(earlier *out, const evsi_schema_version *version) {
  out->schemas[out->count] = evsi_validator_program(version->schema);
  out->names[out->count++] = version->name;
}

static void collect(const evsi_schema_type *type, bool is_transitive, earlier *out) {
  out->count = 0;
  if (!is_transitive) {
    const evsi_schema_version *latest = evsi_type_latest(type);
    if (latest)
      add_earlier(out, latest);
    return;
  }
  for (uint32_t i = 0; i < type->count; i++)
    add_earlier(out, type->versions[i]);
}

static evs_status compare(const evsi_schema_type *type, const evs_schema *candidate,
                          const evsi_compat_rule *rule, bool *out_allowed, char **out_report) {
  earlier *before = evsi_alloc(sizeof *before);
  if (!before)
    return EVS_NOMEM;
  collect(type, rule->is_transitive, before);
  evsi_compat_question question = {.earlier = before->schemas,
                                   .labels = before->names,
                                   .earlier_count = before->count,
                                   .candidate = evsi_validator_program(candidate),
                                   .mode = rule->mode,
                                   .is_transitive = true,
                                   .policy = rule->policy};
  evs_status status = evsi_compat_check(&question, out_allowed, out_report, NULL);
  evsi_free(before);
  return status;
}

/* Would it be allowed by another mode, against the latest? */
static evs_status would_be_allowed(const evsi_schema_type *type, const evs_schema *candidate,
                                   const evsi_compat_rule *rule, bool *out_allowed) {
  char *report = NULL;
  evs_status status = compare(type, candidate, rule, out_allowed, &report);
  evsi_free(report);
  return status;
}

static json_t *problem_of(const json_t *reason) {
  const char *direction = json_string_value(json_object_get(reason, "direction"));
  const char *version = json_string_value(json_object_get(reason, "version"));
  char expected[128];
  snprintf(expected, sizeof expected, "%s compatible with version %s", direction ? direction : "",
           version ? version : "");
  json_t *problem = json_pack("{s:O,s:O,s:O,s:s,s:n}", "path", json_object_get(reason, "path"), "message",
                              json_object_get(reason, "message"), "found", json_object_get(reason, "keyword"),
                              "expected", expected, "suggestion");
  json_t *example = json_object_get(reason, "example");
  if (example)
    json_object_set(problem, "example", example);
  return problem;
}

static evs_status refuse(const evsi_plan *plan, evs_error **out_error) {
  json_t *report = evsi_json_load(evsi_text(plan->report), 0, NULL), *problems = json_array(), *reason;
  char message[512];
  size_t i;
  json_array_foreach(json_object_get(report, "reasons"), i, reason)
      json_array_append_new(problems, problem_of(reason));
  const char *first = json_string_value(json_object_get(json_array_get(problems, 0), "message"));
  snprintf(
      message, sizeof message,
      "version %s of %s may not follow those before it (%s): %s; register a schema that is compatible, or "
      "change the compatibility of the type",
      plan->version->name, plan->type, evsi_compat_rule_word(&plan->rule), first ? first : "");
  char *text = evsi_json_text(problems);
  json_decref(report);
  json_decref(problems);
  evs_status status =
      text ? evsi_error_problems(out_error, EVS_CONFLICT, message, text) : evsi_error_nomem(out_error);
  evsi_free(text);
  return status;
}

/* ---- which version ------------------------------------------------------------------------------ */

/* A patch means the same, a minor version accepts all that was accepted. */
static evs_status choose_number(const evsi_schema_type *type, const evs_schema *candidate,
                                evsi_compat_policy policy, evsi_number *out) {
  const evsi_compat_rule same = {EVSI_COMPAT_FULL, false, EVSI_COMPAT_STRICT};
  const evsi_compat_rule wider = {EVSI_COMPAT_BACKWARD, false, policy};
  bool is_same = false, is_wider = false;
  *out = (evsi_number){{1, 0, 0}};
  if (!type || type->count == 0)
    return EVS_OK;
  evs_status status = would_be_allowed(type, candidate, &same, &is_same);
  if (status == EVS_OK && !is_same)
    status = would_be_allowed(type, candidate, &wider, &is_wider);
  *out = evsi_number_next(&type->versions[type->count - 1]->number, is_same ? 2 : is_wider ? 1 : 0);
  return status;
}

/* The version that the registration asks for, where it is there: the same is fine, another is not. */
static evs_status find_same(const evsi_schema_type *type, const evsi_registration *in,
                            const evsi_number *number, evsi_plan *out, evs_error **out_error) {
  evsi_schema_version *there = number ? evsi_type_version(type, number) : evsi_type_latest(type);
  if (there && evsi_bytes_equal(evsi_text(there->text), in->text)) {
    if (!number || !atomic_load(&there->removed_ms)) {
      out->same = there;
      return EVS_OK;
    }
    return evsi_error(out_error, EVS_CONFLICT, "/version", "version %s of %s was removed; take a higher one",
                      there->name, type->name);
  }
  if (!number)
    return EVS_OK;
  const evsi_schema_version *highest = type->count ? type->versions[type->count - 1] : NULL;
  if (there)
    return evsi_error(
        out_error, EVS_CONFLICT, "/version",
        "version %s of %s is there with another schema, and versions never change; take a version "
        "above %s",
        there->name, type->name, highest->name);
  if (highest && evsi_number_compare(number, &highest->number) < 0)
    return evsi_error(out_error, EVS_CONFLICT, "/version",
                      "version %.*s of %s is below %s, and versions only go up", (int)in->version.size,
                      in->version.data, type->name, highest->name);
  return EVS_OK;
}

static evs_status check_bounds(const evsi_registry *registry, const evsi_schema_type *type,
                               evs_error **out_error) {
  if (type && type->count >= EVSI_REGISTRY_VERSIONS_MAX)
    return evsi_error(out_error, EVS_VALIDATION, "/version", "%s has %d versions, no more are allowed",
                      type->name, EVSI_REGISTRY_VERSIONS_MAX);
  if (!type && atomic_load(&registry->type_count) >= EVSI_REGISTRY_TYPES_MAX)
    return evsi_error(out_error, EVS_VALIDATION, "/type", "%d types have schemas, no more are allowed",
                      EVSI_REGISTRY_TYPES_MAX);
  return EVS_OK;
}

static evs_status fill_version(const evsi_registration *in, const evsi_number *number,
                               evsi_schema_version *version, evs_error **out_error) {
  version->number = *number;
  evsi_number_text(number, version->name);
  version->text = evsi_strndup(in->text.data, in->text.size);
  version->registered_by = in->registered_by ? evsi_strdup(in->registered_by) : NULL;
  version->registered_ms = in->registered_ms;
  atomic_init(&version->is_own, in->is_own);
  atomic_init(&version->removed_ms, in->removed_ms);
  if (!version->text || (in->registered_by && !version->registered_by))
    return evsi_error_nomem(out_error);
  if (evsi_sha256_hex(in->text, version->hash) != 0)
    return evsi_error(out_error, EVS_INTERNAL, NULL, "OpenSSL could not compute a SHA-256");
  return EVS_OK;
}

static evs_status plan_new(evsi_registry *registry, const evsi_registration *in, const evsi_number *number,
                           evsi_plan *out, evs_error **out_error) {
  const evsi_schema_type *type = evsi_registry_type(registry, evsi_text(out->type));
  bool allowed = true;
  evs_status status = check_bounds(registry, type, out_error);
  if (status != EVS_OK)
    return status;
  out->version = evsi_calloc(1, sizeof *out->version);
  if (!out->version)
    return evsi_error_nomem(out_error);
  status = evsi_registry_compile(registry, out->type, in->text, &out->version->schema, out_error);
  if (status != EVS_OK)
    return status;
  evsi_number chosen;
  if (number)
    chosen = *number;
  else if (choose_number(type, out->version->schema, out->rule.policy, &chosen) != EVS_OK)
    return evsi_error_nomem(out_error);
  status = fill_version(in, &chosen, out->version, out_error);
  if (status != EVS_OK || !type || in->is_trusted)
    return status;
  if (compare(type, out->version->schema, &out->rule, &allowed, &out->report) != EVS_OK)
    return evsi_error_nomem(out_error);
  return allowed ? EVS_OK : refuse(out, out_error);
}

static evs_status plan(evsi_registry *registry, const evsi_registration *in, evsi_plan *out,
                       evs_error **out_error) {
  evsi_number number;
  bool has_number = in->version.size > 0;
  evs_status status = evsi_type_fold(in->type, "", true, out->type, NULL, out_error);
  if (status != EVS_OK)
    return status;
  if (has_number && !evsi_number_parse(in->version, &number))
    return evsi_error(out_error, EVS_VALIDATION, "/version",
                      "\"%.*s\" is no version; write <major>.<minor>.<patch>, such as 1.2.0",
                      (int)(in->version.size < 64 ? in->version.size : 64), in->version.data);
  const evsi_schema_type *type = evsi_registry_type(registry, evsi_text(out->type));
  out->rule = type ? type->rule : in->rule ? *in->rule : registry->setup.rule;
  if (type)
    status = find_same(type, in, has_number ? &number : NULL, out, out_error);
  if (status != EVS_OK || out->same)
    return status;
  return plan_new(registry, in, has_number ? &number : NULL, out, out_error);
}

evs_status evsi_registry_plan(evsi_registry *registry, const evsi_registration *registration, evsi_plan *out,
                              evs_error **out_error) {
  *out = (evsi_plan){.version = NULL};
  evs_status status = plan(registry, registration, out, out_error);
  if (status != EVS_OK)
    evsi_plan_free(out);
  return status;
}

void evsi_plan_free(evsi_plan *out) {
  evsi_version_free(out->version);
  evsi_free(out->report);
  *out = (evsi_plan){.version = NULL};
}

evs_status evsi_registry_compare(evsi_registry *registry, const evsi_registration *in, char **out_json,
                                 evs_error **out_error) {
  const evsi_schema_type *type = evsi_registry_type(registry, in->type);
  evs_schema *candidate = NULL;
  bool allowed;
  if (!type)
    return evsi_error(out_error, EVS_NOT_FOUND, "/type", "there is no schema of type %.*s",
                      (int)in->type.size, in->type.data ? in->type.data : "");
  evs_status status = evsi_registry_compile(registry, type->name, in->text, &candidate, out_error);
  if (status != EVS_OK)
    return status;
  if (compare(type, candidate, in->rule ? in->rule : &type->rule, &allowed, out_json) != EVS_OK)
    status = evsi_error_nomem(out_error);
  evsi_validator_free(candidate);
  return status;
}
