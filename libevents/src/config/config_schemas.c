/* SPDX-License-Identifier: MIT
 * config_schemas.c - where schemas are kept, and those that the document itself declares: they are compiled
 * and held against each other here, so that what is wrong with them is told with all else. */
#include "config/config_build.h"

#include <string.h>

#include "base/alloc.h"
#include "base/env.h"
#include "event/type_name.h"
#include "libevents_transport.h"

/* ---- where ---------------------------------------------------------------------------------------- */

static void problem_at(evsi_check *check, const char *key, const evsi_problem *problem) {
  size_t mark = evsi_check_push(check, key);
  evsi_check_problem(check, problem);
  evsi_check_pop(check, mark);
}

static bool keeps_events(const evsi_transport_config *transport) {
  return evsi_transport_capabilities(transport) & EVS_CAP_PERSISTENCE;
}

static void choose_transport(evsi_build *build, const json_t *schemas) {
  evsi_config *config = build->config;
  const char *name = evsi_get_text(schemas, "transport");
  int32_t index = -1;
  if (name) {
    size_t mark = evsi_check_push(build->check, "transport");
    index = evsi_transport_index(build->check, config, name);
    evsi_check_pop(build->check, mark);
  }
  for (uint32_t i = 0; !name && i < config->transport_count && index < 0; i++)
    if (keeps_events(&config->transports[i]))
      index = (int32_t)i;
  if (index >= 0 && keeps_events(&config->transports[index]))
    config->schemas.transport = (uint32_t)index;
  else if (index >= 0 || !name)
    problem_at(
        build->check, name ? "transport" : "registry",
        &(evsi_problem){.message = "asks for a transport that keeps schemas, and this one keeps nothing",
                        .found = name,
                        .expected = "a transport with a store, or another registry"});
}

static void build_where(evsi_build *build, const json_t *schemas) {
  evsi_config *config = build->config;
  const char *registry = evsi_get_text(schemas, "registry"), *folder = evsi_get_text(schemas, "folder");
  bool is_folder = registry && strcmp(registry, "folder") == 0;
  if (registry && strcmp(registry, "transport") == 0) {
    config->schemas.where = EVSI_SCHEMAS_IN_TRANSPORT;
    choose_transport(build, schemas);
  } else if (is_folder) {
    config->schemas.where = EVSI_SCHEMAS_IN_FOLDER;
  }
  config->schemas.folder = evsi_build_text(build->check, folder);
  if (is_folder && !folder)
    problem_at(build->check, "folder",
               &(evsi_problem){.message = "is required by the registry \"folder\"",
                               .expected = "the path of a folder"});
}

/* ---- declared types ------------------------------------------------------------------------------- */

static bool is_type(evsi_check *check, const char *name, char folded[EVSI_TYPE_MAX + 1]) {
  evs_error *error = NULL;
  if (evsi_type_fold(evsi_text(name), "", true, folded, NULL, &error) == EVS_OK)
    return true;
  evsi_check_problem(check, &(evsi_problem){.message = evs_error_message(error),
                                            .found = name,
                                            .expected = "an event type without origin prefix"});
  evs_error_free(error);
  return false;
}

static char *text_of(const json_t *schema) {
  return json_is_string(schema) ? evsi_strndup(json_string_value(schema), json_string_length(schema))
                                : evsi_json_text(schema);
}

static void take_version(evsi_build *build, const char *type, const char *version, const json_t *schema) {
  evsi_number number;
  bool is_schema = json_is_object(schema) || json_is_boolean(schema) || json_is_string(schema);
  if (!evsi_number_parse(evsi_text(version), &number)) {
    evsi_check_problem(build->check, &(evsi_problem){.message = "is no version of a schema",
                                                     .found = version,
                                                     .expected = "<major>.<minor>.<patch>, such as 1.2.0"});
    return;
  }
  if (!is_schema) {
    evsi_check_problem(
        build->check,
        &(evsi_problem){.message = "is no schema", .expected = "an object, true, false, or the text of one"});
    return;
  }
  evsi_stored *item = evsi_stored_add(&build->config->schemas.types);
  if (item) {
    item->type = evsi_build_text(build->check, type);
    item->version = evsi_build_text(build->check, version);
    item->text = text_of(schema);
  }
  build->check->nomem |= !item || !item->text;
}

static void take_types(evsi_build *build, const json_t *types) {
  const char *type, *version;
  json_t *versions, *schema;
  json_object_foreach((json_t *)types, type, versions) {
    char folded[EVSI_TYPE_MAX + 1];
    size_t mark = evsi_check_push(build->check, type);
    if (is_type(build->check, type, folded)) {
      json_object_foreach(versions, version, schema) {
        size_t inner = evsi_check_push(build->check, version);
        take_version(build, folded, version, schema);
        evsi_check_pop(build->check, inner);
      }
    }
    evsi_check_pop(build->check, mark);
  }
}

/* What the compiler or the comparison found, each at its place. */
static void tell(void *data, const evsi_stored *item, const evs_error *error) {
  evsi_check *check = data;
  if (evs_error_status(error) == EVS_NOMEM) {
    check->nomem = true;
    return;
  }
  json_t *document = evsi_json_load(evsi_text(evs_error_json(error)), 0, NULL), *problem;
  json_t *problems = json_object_get(document, "problems");
  size_t mark = evsi_check_push(check, item->type), i;
  evsi_check_push(check, item->version);
  if (json_array_size(problems) == 0)
    evsi_check_problem(check,
                       &(evsi_problem){.message = evs_error_message(error),
                                       .expected = "a schema that compiles and may follow the others"});
  bool is_schema = evs_error_status(error) == EVS_VALIDATION; /* else the paths are places in bodies */
  json_array_foreach(problems, i, problem) {
    const char *path = evsi_get_text(problem, "path"), *message = evsi_get_text(problem, "message");
    const char *found = evsi_get_text(problem, "found"), *expected = evsi_get_text(problem, "expected");
    size_t inner = check->path.size;
    if (is_schema && path && *path == '/')
      evsi_buf_add_text(&check->path, path);
    evsi_check_problem(check, &(evsi_problem){.message = message ? message : "",
                                              .found = is_schema ? found : path,
                                              .expected = expected ? expected : "a valid schema"});
    evsi_check_pop(check, inner);
  }
  evsi_check_pop(check, mark);
  json_decref(document);
}

static void check_types(evsi_build *build) {
  evsi_config *config = build->config;
  evsi_registry_setup setup = {.env = evsi_env_default(),
                               .rule = config->schemas.rule,
                               .asserts_format = config->schemas.asserts_format};
  evsi_registry *registry = evsi_registry_new(&setup);
  if (registry)
    evsi_registry_load(registry, &config->schemas.types,
                       &(evsi_load){.is_own = true, .refused = tell, .data = build->check});
  build->check->nomem |= !registry;
  evsi_registry_free(registry);
}

void evsi_build_schemas(evsi_build *build) {
  evsi_config *config = build->config;
  const json_t *schemas = json_object_get(build->full, "schemas");
  const char *mode = evsi_get_text(schemas, "compatibility"), *policy = evsi_get_text(schemas, "policy");
  const char *unknown = evsi_get_text(schemas, "onUnknownVersion"),
             *format = evsi_get_text(schemas, "format");
  size_t mark = evsi_check_push(build->check, "schemas");
  build_where(build, schemas);
  config->schemas.refresh_ms = (uint32_t)evsi_get_int(schemas, "refresh");
  if (mode)
    evsi_compat_rule_parse(mode, &config->schemas.rule);
  config->schemas.rule.policy =
      policy && strcmp(policy, "strict") == 0 ? EVSI_COMPAT_STRICT : EVSI_COMPAT_PRAGMATIC;
  config->schemas.on_unknown = unknown && strcmp(unknown, "dlq") == 0     ? EVSI_UNKNOWN_DLQ
                               : unknown && strcmp(unknown, "fetch") == 0 ? EVSI_UNKNOWN_FETCH
                                                                          : EVSI_UNKNOWN_LATEST;
  config->schemas.asserts_format = format && strcmp(format, "assertion") == 0;
  config->schemas.required = evsi_get_bool(schemas, "required");
  size_t types = evsi_check_push(build->check, "types");
  take_types(build, json_object_get(schemas, "types"));
  if (!evsi_check_failed(build->check))
    check_types(build);
  evsi_check_pop(build->check, types);
  evsi_check_pop(build->check, mark);
}
