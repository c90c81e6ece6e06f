/* SPDX-License-Identifier: MIT
 * schema_store.c - schemas as a folder or a store keeps them. A store keeps texts by key: "type" for what
 * holds for a type, "type@version" for a version; it takes a change only from who knows the state that it
 * has. */
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/json_text.h"
#include "schema/registry_folder.h"
#include "system/schemas.h"

/* ---- taking over what is kept --------------------------------------------------------------------- */

static void on_refused(void *data, const evsi_stored *item, const evs_error *error) {
  evsi_schemas_alarm(data, "version %s of %s, as it is kept, is not used: %s", item->version, item->type,
                     evs_error_message(error));
}

static bool holds(const evsi_stored_set *set, const evsi_schema_version *version) {
  const char *type = evsi_schema_type_name(version->type);
  for (uint32_t i = 0; i < set->count; i++)
    if (set->items[i].version && strcmp(set->items[i].version, version->name) == 0 &&
        strcmp(set->items[i].type, type) == 0)
      return true;
  return false;
}

/* Whether everything that is known is among what is kept: as a rule it is, which costs little to tell. */
static bool is_all_kept(const evsi_schemas *schemas, const evsi_stored_set *set) {
  evsi_registry_walk walk = {NULL, 0};
  uint32_t known = 0, kept = 0;
  while (evsi_registry_next(schemas->registry, &walk))
    known++;
  for (uint32_t i = 0; i < set->count; i++)
    kept += set->items[i].is_through;
  return known == kept;
}

/* What was known and is kept no more stays in use: it is not for a deleted key to let everything pass. */
static void look_for_losses(evsi_schemas *schemas, const evsi_stored_set *set) {
  evsi_registry_walk walk = {NULL, 0};
  const evsi_schema_version *each, *lost = NULL;
  uint32_t count = 0;
  if (is_all_kept(schemas, set))
    return;
  while ((each = evsi_registry_next(schemas->registry, &walk))) {
    if (holds(set, each))
      continue;
    lost = each;
    count++;
  }
  if (lost)
    evsi_schemas_alarm(
        schemas,
        "%u versions of schemas are not kept any more, such as %s of %s; those known here stay in "
        "use: register them again",
        count, lost->name, evsi_schema_type_name(lost->type));
}

static void take_over(evsi_schemas *schemas, evsi_stored_set *set) {
  schemas->alarm[0] = '\0';
  evsi_registry_load(schemas->registry, set,
                     &(evsi_load){.is_trusted = !schemas->is_whole, .refused = on_refused, .data = schemas});
  look_for_losses(schemas, set);
}

/* ---- a folder ------------------------------------------------------------------------------------- */

static void read_folder(evsi_schemas *schemas) {
  const evsi_config *config = schemas->system->opened_with;
  evsi_stored_set set = {.items = NULL};
  evs_error *error = NULL;
  bool is_changed = false;
  uint64_t now = evsi_wall_ms(schemas->system->env);
  if (evsi_schema_folder_read(config->schemas.folder, &schemas->fingerprint, &set, &is_changed, &error) ==
      EVS_OK) {
    if (is_changed)
      take_over(schemas, &set);
    atomic_store(&schemas->known_at_ms, now);
  } else {
    evsi_schemas_alarm(schemas, "%s; the schemas known here stay in use", evs_error_message(error));
    evs_error_free(error);
  }
  evsi_stored_free(&set);
}

static void write_folder(evsi_schemas *schemas) {
  const char *folder = schemas->system->opened_with->schemas.folder;
  evsi_schema_change *change = schemas->first;
  evs_error *error = NULL;
  evs_status status = EVS_OK;
  if (change->kind == EVSI_CHANGE_REGISTER)
    status = evsi_schema_folder_add(folder, change->plan.version, change->type, &error);
  if (status == EVS_CONFLICT) {
    evs_error_free(error);
    schemas->fingerprint = 0;
    read_folder(schemas);
    evsi_schema_change_again(schemas);
    return;
  }
  if (status == EVS_OK)
    status = evsi_schema_change_apply(schemas, change, &error);
  if (status == EVS_OK)
    evsi_schema_folder_note(folder, schemas->registry, change->type, &error);
  evsi_schema_change_done(schemas, error);
}

/* ---- reading a store ------------------------------------------------------------------------------ */

static uint64_t time_in(const json_t *object, const char *name) {
  json_int_t value = json_integer_value(json_object_get(object, name));
  return value > 0 ? (uint64_t)value : 0;
}

static char *copy_in(const json_t *object, const char *name) {
  const json_t *text = json_object_get(object, name);
  return json_is_string(text) ? evsi_strndup(json_string_value(text), json_string_length(text)) : NULL;
}

/* One key of the store. What nobody of ours wrote is passed over, and told. */
static bool take_item(evsi_schemas *schemas, const char *key, const char *value, evsi_stored_set *set) {
  const char *at = strchr(key, '@');
  json_t *record = value ? evsi_json_load(evsi_text(value), 0, NULL) : NULL;
  char *text = at ? copy_in(record, "schemaText") : NULL;
  const char *mode = json_string_value(json_object_get(record, "compatibility"));
  const char *policy = json_string_value(json_object_get(record, "policy"));
  evsi_stored item = {.registered_ms = time_in(record, "registeredAt"),
                      .removed_ms = time_in(record, "removedAt"),
                      .text = text};
  item.has_rule = !at && mode && evsi_compat_rule_parse(mode, &item.rule);
  item.rule.policy = policy && strcmp(policy, "strict") == 0 ? EVSI_COMPAT_STRICT : EVSI_COMPAT_PRAGMATIC;
  evsi_stored *place = text || item.has_rule ? evsi_stored_add(set) : NULL;
  if (place) {
    *place = item;
    place->type = evsi_strndup(key, at ? (size_t)(at - key) : strlen(key));
    place->version = at ? evsi_strdup(at + 1) : NULL;
    place->registered_by = copy_in(record, "registeredBy");
  } else {
    evsi_free(text);
    evsi_schemas_alarm(schemas, "what is kept under %.100s is no schema", key);
  }
  json_decref(record);
  return !place || (place->type && (!at || place->version));
}

static void declare_types(evsi_schemas *schemas) {
  const evsi_stored_set *types = &schemas->system->opened_with->schemas.types;
  if (schemas->is_whole || schemas->declared > 0)
    return;
  schemas->declared = types->count;
  schemas->is_short = false;
  if (types->count == 0)
    evsi_schemas_whole(schemas);
  for (uint32_t i = 0; i < types->count; i++) {
    const evsi_stored *item = &types->items[i];
    evsi_schema_change *change = evsi_calloc(1, sizeof *change);
    json_t *params = json_pack("{s:s,s:s,s:s,s:s}", "type", item->type, "version", item->version,
                               "schemaText", item->text, "actor", schemas->system->opened_with->service);
    if (!change || !params) {
      evsi_free(change);
      json_decref(params);
      schemas->declared--;
      schemas->is_short = true;
      continue;
    }
    change->kind = EVSI_CHANGE_REGISTER;
    change->params = params;
    evsi_schema_change_add(schemas, change);
  }
}

static void take_answer(evsi_schemas *schemas, const json_t *answer) {
  const char *state = json_string_value(json_object_get(answer, "state")), *key;
  json_t *items = json_object_get(answer, "items"), *value;
  evsi_stored_set set = {.items = NULL};
  bool fine = true;
  if (json_is_object(items)) {
    json_object_foreach(items, key, value) fine =
        take_item(schemas, key, json_string_value(value), &set) && fine;
    if (fine)
      take_over(schemas, &set);
    if (fine && state)
      snprintf(schemas->known, sizeof schemas->known, "%s", state);
  }
  if (fine)
    atomic_store(&schemas->known_at_ms, schemas->asked_at_ms);
  evsi_stored_free(&set);
}

static void go_on(evsi_schemas *schemas) {
  if (schemas->first && schemas->waits_for_read) {
    schemas->waits_for_read = false;
    evsi_schema_change_again(schemas);
  }
  declare_types(schemas);
}

static void on_read(void *data, evs_status status, evs_bytes json_or_message) {
  evsi_schemas *schemas = data;
  schemas->is_asking = false;
  if (status == EVS_OK) {
    json_t *answer = evsi_json_load(json_or_message, 0, NULL);
    take_answer(schemas, answer);
    json_decref(answer);
    schemas->has_told = false;
    go_on(schemas);
    return;
  }
  if (status == EVS_CLOSED)
    return;
  if (!schemas->has_told)
    evsi_schemas_alarm(schemas, "the registry of schemas cannot be read: %.*s", (int)json_or_message.size,
                       json_or_message.data);
  schemas->has_told = true;
  if (status == EVS_UNSUPPORTED) /* then there is only what is declared, in memory */
    go_on(schemas);
}

static void read_store(evsi_schemas *schemas) {
  evs_system *system = schemas->system;
  uint32_t link = system->opened_with->schemas.transport;
  evsi_buf params = {0};
  if (schemas->is_asking || !atomic_load(&system->links[link].connected))
    return;
  evsi_buf_addf(&params, "{\"known\":\"%s\"}", schemas->known);
  char *text = evsi_buf_take(&params);
  if (!text)
    return; /* the next look asks again */
  schemas->is_asking = true;
  schemas->asked_at_ms = evsi_wall_ms(system->env);
  evsi_request_inner(system, link, "schemas.read", text, on_read, schemas);
}

void evsi_schema_store_read(evsi_schemas *schemas) {
  switch (schemas->system->opened_with->schemas.where) {
  case EVSI_SCHEMAS_IN_MEMORY:
    return;
  case EVSI_SCHEMAS_IN_FOLDER:
    read_folder(schemas);
    return;
  case EVSI_SCHEMAS_IN_TRANSPORT:
    read_store(schemas);
    return;
  }
}

/* ---- writing to a store --------------------------------------------------------------------------- */

static json_t *record_of(const evsi_schema_version *version, uint64_t removed_ms) {
  json_t *by = version->registered_by ? json_string(version->registered_by) : json_null();
  json_t *record = json_pack("{s:s,s:I,s:o}", "schemaText", version->text, "registeredAt",
                             (json_int_t)version->registered_ms, "registeredBy", by);
  if (removed_ms)
    json_object_set_new(record, "removedAt", json_integer((json_int_t)removed_ms));
  return record;
}

static json_t *rule_record(const evsi_compat_rule *rule) {
  return json_pack("{s:s,s:s}", "compatibility", evsi_compat_rule_word(rule), "policy",
                   evsi_compat_policy_word(rule->policy));
}

/* Takes both. NULL: no memory. */
static json_t *set_record(json_t *set, const char *key, json_t *record) {
  char *text = record ? evsi_json_text(record) : NULL;
  bool is_set = text && json_object_set_new(set, key, json_string(text)) == 0;
  json_decref(record);
  evsi_free(text);
  if (is_set)
    return set;
  json_decref(set);
  return NULL;
}

/* What the change is in the store, by key. NULL: no memory. */
static json_t *records_of(const evsi_schemas *schemas, const evsi_schema_change *change) {
  char key[EVSI_TYPE_MAX + EVSI_NUMBER_TEXT + 2];
  evsi_compat_rule rule;
  json_t *set = json_object();
  switch (change->kind) {
  case EVSI_CHANGE_REGISTER:
    snprintf(key, sizeof key, "%s@%s", change->type, change->plan.version->name);
    set = set_record(set, key, record_of(change->plan.version, 0));
    if (!evsi_registry_rule(schemas->registry, evsi_text(change->type), &rule))
      set = set_record(set, change->type, rule_record(&change->plan.rule));
    break;
  case EVSI_CHANGE_SET:
    set = set_record(set, change->type, rule_record(&change->rule));
    break;
  case EVSI_CHANGE_REMOVE:
    snprintf(key, sizeof key, "%s@%s", change->type, change->version->name);
    set = set_record(set, key, record_of(change->version, change->now_ms));
    break;
  }
  return set;
}

static void on_written(void *data, evs_status status, evs_bytes json_or_message) {
  evsi_schemas *schemas = data;
  evs_error *error = NULL;
  json_t *answer = NULL;
  if (status == EVS_CLOSED)
    return; /* the requests are answered by the end of the system */
  if (status == EVS_OK)
    answer = evsi_json_load(json_or_message, 0, NULL);
  const char *state = json_string_value(json_object_get(answer, "state"));
  if (status == EVS_OK && !json_is_true(json_object_get(answer, "written"))) {
    schemas->waits_for_read = true;
    read_store(schemas);
  } else if (status == EVS_OK || (status == EVS_UNSUPPORTED && !schemas->first->request)) {
    snprintf(schemas->known, sizeof schemas->known, "%s", state ? state : "");
    evsi_schema_change_apply(schemas, schemas->first, &error);
    evsi_schema_change_done(schemas, error);
  } else {
    evsi_error(&error, status, NULL, "the registry of schemas cannot be written: %.*s",
               (int)json_or_message.size, json_or_message.data);
    evsi_schema_change_done(schemas, error);
  }
  json_decref(answer);
}

/* What the log says of it. */
static json_t *scope_of(const evsi_schema_change *change) {
  switch (change->kind) {
  case EVSI_CHANGE_REGISTER:
    return json_pack("{s:s,s:s}", "type", change->type, "version", change->plan.version->name);
  case EVSI_CHANGE_SET:
    return json_pack("{s:s}", "type", change->type);
  case EVSI_CHANGE_REMOVE:
    return json_pack("{s:s,s:s}", "type", change->type, "version", change->version->name);
  }
  return NULL;
}

static void write_store(evsi_schemas *schemas) {
  static const char *const actions[] = {[EVSI_CHANGE_REGISTER] = "schemas.register",
                                        [EVSI_CHANGE_SET] = "schemas.set",
                                        [EVSI_CHANGE_REMOVE] = "schemas.remove"};
  evs_system *system = schemas->system;
  json_t *params =
      json_pack("{s:s,s:o,s:s,s:o}", "expected", schemas->known, "set", records_of(schemas, schemas->first),
                "action", actions[schemas->first->kind], "scope", scope_of(schemas->first));
  const json_t *actor = json_object_get(schemas->first->params, "actor");
  evs_error *error = NULL;
  if (params && actor)
    json_object_set(params, "actor", (json_t *)actor);
  char *text = params ? evsi_json_text(params) : NULL;
  json_decref(params);
  if (text) {
    evsi_request_inner(system, system->opened_with->schemas.transport, "schemas.write", text, on_written,
                       schemas);
    return;
  }
  evsi_error_nomem(&error);
  evsi_schema_change_done(schemas, error);
}

void evsi_schema_store_write(evsi_schemas *schemas) {
  evs_error *error = NULL;
  switch (schemas->system->opened_with->schemas.where) {
  case EVSI_SCHEMAS_IN_MEMORY:
    evsi_schema_change_apply(schemas, schemas->first, &error);
    evsi_schema_change_done(schemas, error);
    return;
  case EVSI_SCHEMAS_IN_FOLDER:
    write_folder(schemas);
    return;
  case EVSI_SCHEMAS_IN_TRANSPORT:
    write_store(schemas);
    return;
  }
}
