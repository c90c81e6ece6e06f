/* SPDX-License-Identifier: MIT
 * schema_change.c - changes of schemas, one after the other: each is checked against what is known, kept, and
 * then done in memory. When others were faster it is checked again. */
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/json_text.h"
#include "system/schemas.h"

enum { TRIES_MAX = 10 };

void evsi_schema_change_free(evsi_schema_change *change) {
  evsi_plan_free(&change->plan);
  json_decref(change->params);
  evsi_free(change);
}

/* ---- checking ------------------------------------------------------------------------------------- */

static evs_bytes text_in(const json_t *params, const char *name) {
  const json_t *text = json_object_get(params, name);
  return evsi_bytes(json_string_value(text), json_string_length(text));
}

static evs_status check_type(evsi_schema_change *change, evs_error **out_error) {
  return evsi_type_fold(text_in(change->params, "type"), "", true, change->type, NULL, out_error);
}

static evs_status plan_registration(evsi_schemas *schemas, evsi_schema_change *change,
                                    evs_error **out_error) {
  evsi_compat_rule rule;
  char *text = NULL;
  evs_status status = evsi_schema_param(change->params, "schemaText", "schema", &text, out_error);
  if (status != EVS_OK)
    return status;
  if (!text)
    return evsi_error(out_error, EVS_VALIDATION, "/schema",
                      "there is no schema: give schemaText, or schema as an object or a boolean");
  evsi_registry_rule(schemas->registry, evsi_text(change->type), &rule);
  status = evsi_schema_rule_params(change->params, &rule, out_error);
  evsi_registration in = {.type = evsi_text(change->type),
                          .version = text_in(change->params, "version"),
                          .text = evsi_text(text),
                          .rule = &rule,
                          .registered_ms = change->now_ms,
                          .registered_by = json_string_value(json_object_get(change->params, "actor")),
                          .is_own = true};
  evsi_plan_free(&change->plan);
  if (status == EVS_OK)
    status = evsi_registry_plan(schemas->registry, &in, &change->plan, out_error);
  evsi_free(text);
  return status;
}

static evs_status plan_rule(evsi_schemas *schemas, evsi_schema_change *change, evs_error **out_error) {
  if (!evsi_registry_rule(schemas->registry, evsi_text(change->type), &change->rule))
    return evsi_error(out_error, EVS_NOT_FOUND, "/type", "there is no schema of type %s", change->type);
  return evsi_schema_rule_params(change->params, &change->rule, out_error);
}

static evs_status plan_removal(evsi_schemas *schemas, evsi_schema_change *change, evs_error **out_error) {
  evs_bytes version = text_in(change->params, "version");
  if (version.size == 0)
    return evsi_error(out_error, EVS_VALIDATION, "/version", "version is required");
  if (evsi_registry_find(schemas->registry, evsi_text(change->type), version, &change->version) !=
      EVSI_SCHEMA_FOUND)
    return evsi_error(out_error, EVS_NOT_FOUND, "/version", "there is no version %.*s of type %s",
                      (int)(version.size < 64 ? version.size : 64), version.data, change->type);
  return EVS_OK;
}

evs_status evsi_schema_change_plan(evsi_schemas *schemas, evsi_schema_change *change, evs_error **out_error) {
  evs_status status = check_type(change, out_error);
  change->now_ms = evsi_wall_ms(schemas->system->env);
  if (status != EVS_OK)
    return status;
  switch (change->kind) {
  case EVSI_CHANGE_REGISTER:
    return plan_registration(schemas, change, out_error);
  case EVSI_CHANGE_SET:
    return plan_rule(schemas, change, out_error);
  case EVSI_CHANGE_REMOVE:
    return plan_removal(schemas, change, out_error);
  }
  return status;
}

evs_status evsi_schema_change_apply(evsi_schemas *schemas, evsi_schema_change *change,
                                    evs_error **out_error) {
  switch (change->kind) {
  case EVSI_CHANGE_REGISTER:
    return evsi_registry_commit(schemas->registry, &change->plan, out_error);
  case EVSI_CHANGE_SET:
    return evsi_registry_set_rule(schemas->registry, evsi_text(change->type), &change->rule, out_error);
  case EVSI_CHANGE_REMOVE:
    evsi_registry_remove(change->version, change->now_ms);
    return EVS_OK;
  }
  return EVS_OK;
}

/* ---- answers -------------------------------------------------------------------------------------- */

/* The members `verdict` and `reasons` of the comparison; without one there was nothing to compare with. */
static void add_report(const evsi_plan *plan, evsi_buf *out) {
  json_t *report = plan->report ? evsi_json_load(evsi_text(plan->report), 0, NULL) : NULL;
  const char *verdict = json_string_value(json_object_get(report, "verdict"));
  char *reasons = report ? evsi_json_text(json_object_get(report, "reasons")) : NULL;
  evsi_buf_addf(out, ",\"verdict\":\"%s\",\"reasons\":%s", verdict ? verdict : "compatible",
                reasons ? reasons : "[]");
  evsi_free(reasons);
  json_decref(report);
}

static void add_registration(const evsi_schema_change *change, const char *outcome, evsi_buf *out) {
  const evsi_plan *plan = &change->plan;
  const evsi_schema_version *version = plan->version ? plan->version : plan->same;
  evsi_buf_add_text(out, "{\"type\":");
  evsi_buf_add_json(out, change->type, strlen(change->type));
  evsi_buf_addf(out, ",\"version\":\"%s\",\"outcome\":\"%s\",\"hash\":\"%s\"", version->name, outcome,
                version->hash);
  add_report(plan, out);
  evsi_buf_addf(out, ",\"compatibility\":\"%s\",\"policy\":\"%s\"}", evsi_compat_rule_word(&plan->rule),
                evsi_compat_policy_word(plan->rule.policy));
}

static void add_answer(evsi_schemas *schemas, const evsi_schema_change *change, const char *outcome,
                       evsi_buf *out) {
  evsi_compat_rule rule;
  switch (change->kind) {
  case EVSI_CHANGE_REGISTER:
    add_registration(change, outcome, out);
    return;
  case EVSI_CHANGE_SET:
    evsi_buf_add_text(out, "{\"type\":");
    evsi_buf_add_json(out, change->type, strlen(change->type));
    evsi_buf_addf(out, ",\"compatibility\":\"%s\",\"policy\":\"%s\"}", evsi_compat_rule_word(&change->rule),
                  evsi_compat_policy_word(change->rule.policy));
    return;
  case EVSI_CHANGE_REMOVE:
    evsi_registry_rule(schemas->registry, evsi_text(change->type), &rule);
    evsi_version_json(change->version, &rule, false, out);
    return;
  }
}

static void answer(evsi_schemas *schemas, const evsi_schema_change *change, const char *outcome) {
  evsi_buf out = {0};
  if (!change->request)
    return;
  add_answer(schemas, change, outcome, &out);
  if (out.failed)
    evsi_requests_answer(schemas->system, change->request, EVS_NOMEM, evsi_text("out of memory"));
  else
    evsi_requests_answer(schemas->system, change->request, EVS_OK, evsi_bytes(out.data, out.size));
  evsi_buf_free(&out);
}

/* ---- the queue ------------------------------------------------------------------------------------ */

/* The first change is over. */
static void drop_first(evsi_schemas *schemas) {
  evsi_schema_change *change = schemas->first;
  schemas->first = change->next;
  if (!schemas->first)
    schemas->last = NULL;
  if (!change->request && --schemas->declared == 0 && !schemas->is_short)
    evsi_schemas_whole(schemas);
  evsi_schema_change_free(change);
}

/* What the configuration declares and cannot be had is told; the system works with what there is. */
static void refuse(evsi_schemas *schemas, evs_error *error) {
  const evsi_schema_change *change = schemas->first;
  if (change->request)
    evsi_requests_fail(schemas->system, change->request, error);
  else if (evs_error_status(error) == EVS_NOMEM)
    schemas->is_short = true;
  else
    evsi_schemas_alarm(schemas, "what schemas.types says of %s is not used: %s", change->type,
                       evs_error_message(error));
  if (!change->request)
    evs_error_free(error);
}

/* True: it is over, with nothing to keep. */
static bool is_over_at_once(evsi_schemas *schemas, evsi_schema_change *change) {
  evs_error *error = NULL;
  if (evsi_schema_change_plan(schemas, change, &error) != EVS_OK) {
    refuse(schemas, error);
    return true;
  }
  if (change->kind != EVSI_CHANGE_REGISTER)
    return false;
  if (change->plan.same) {
    atomic_store(&change->plan.same->is_own, true);
    answer(schemas, change, "unchanged");
    return true;
  }
  if (!json_is_true(json_object_get(change->params, "dryRun")))
    return false;
  answer(schemas, change, "would_be_registered");
  return true;
}

static void begin(evsi_schemas *schemas) {
  while (schemas->first && is_over_at_once(schemas, schemas->first))
    drop_first(schemas);
  if (schemas->first)
    evsi_schema_store_write(schemas);
}

void evsi_schema_change_add(evsi_schemas *schemas, evsi_schema_change *change) {
  bool is_first = !schemas->first;
  *(schemas->last ? &schemas->last->next : &schemas->first) = change;
  schemas->last = change;
  if (is_first)
    begin(schemas);
}

void evsi_schema_change_done(evsi_schemas *schemas, evs_error *error) {
  if (error)
    refuse(schemas, error);
  else
    answer(schemas, schemas->first, "registered");
  drop_first(schemas);
  begin(schemas);
}

void evsi_schema_change_again(evsi_schemas *schemas) {
  evs_error *error = NULL;
  if (++schemas->first->tries < TRIES_MAX) {
    begin(schemas);
    return;
  }
  evsi_error(&error, EVS_AGAIN, NULL, "others change the registry of schemas all the time: try again");
  evsi_schema_change_done(schemas, error);
}
