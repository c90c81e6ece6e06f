/* SPDX-License-Identifier: MIT
 * operations.c - bulk jobs: a filter becomes an operation of the core, which goes on without this process; up
 * to 500 keys are done at once. */
#include <stdlib.h>
#include <string.h>

#include "../base64.h"
#include "handlers.h"
#include "scope.h"

static bool require_kind(evsd_request *request, const char *kind) {
  return evsd_require(request, strcmp(kind, "requeue") == 0 ? EVSD_REQUEUE : EVSD_ARCHIVE);
}

static json_t *snapshot_of(const json_t *operation) {
  const json_t *snapshot = json_object_get(operation, "snapshot");
  json_t *bounds = json_object_get(snapshot, "bounds");
  if (!json_is_object(snapshot))
    return json_null();
  return json_pack("{s:o, s:I, s:o}", "count", evsd_member(snapshot, "count"), "takenAt",
                   json_integer_value(json_object_get(snapshot, "takenAt")), "bounds",
                   bounds ? json_incref(bounds) : json_object());
}

static json_t *errors_of(const json_t *operation) {
  json_t *errors = json_array(), *error;
  size_t i;
  json_array_foreach(json_object_get(operation, "errors"), i, error)
      json_array_append_new(errors, json_pack("{s:o, s:s}", "id", evsd_member(error, "id"), "message",
                                              evsd_text(error, "message", "")));
  return errors;
}

static json_int_t number(const json_t *object, const char *name) {
  return json_integer_value(json_object_get(object, name));
}

/* What it looks at while it runs; absent where the core is older, or nothing was asked. */
static json_t *with_rules(json_t *shown, const json_t *operation) {
  static const char *const names[] = {"to", "canary", "stop", "stopped", "again"};
  for (size_t i = 0; shown && i < sizeof names / sizeof names[0]; i++)
    json_object_set_new(shown, names[i], evsd_member(operation, names[i]));
  return shown;
}

/* An operation of the core as the interface shows it. */
static json_t *operation_of(const json_t *operation) {
  json_t *shown =
      json_pack("{s:o, s:s, s:o, s:o, s:o, s:s, s:s, s:I, s:I, s:I, s:o, s:o, s:o, s:o, s:I, s:I, s:o, s:n}",
                "id", evsd_member(operation, "id"), "kind", evsd_text(operation, "kind", "requeue"), "filter",
                evsd_member(operation, "filter"), "snapshot", snapshot_of(operation), "rate",
                evsd_member(operation, "rate"), "actor", evsd_text(operation, "actor", "?"), "state",
                evsd_text(operation, "state", "running"), "done", number(operation, "done"), "skipped",
                number(operation, "skipped"), "failed", number(operation, "failed"), "remaining",
                evsd_member(operation, "remaining"), "errors", errors_of(operation), "lastError",
                evsd_member(operation, "lastError"), "reason", evsd_member(operation, "reason"), "startedAt",
                number(operation, "startedAt"), "updatedAt", number(operation, "updatedAt"), "endedAt",
                evsd_member(operation, "endedAt"), "results");
  return with_rules(shown, operation);
}

void evsd_get_operations(evsd_request *request) {
  json_t *answer = evsd_store_ask(request, "operations.list", json_object()), *items, *operation;
  size_t i;
  if (!answer)
    return;
  items = json_array();
  json_array_foreach(json_object_get(answer, "operations"), i, operation)
      json_array_append_new(items, operation_of(operation));
  json_decref(answer);
  evsd_reply_json(request, 200, evsd_list_of(items));
}

void evsd_get_operation(evsd_request *request) {
  json_t *answer = evsd_store_ask(request, "operations.get", json_pack("{s:s}", "id", request->param));
  if (answer)
    evsd_reply_json(request, 200, operation_of(answer));
  json_decref(answer);
}

static json_t *result_of(const json_t *given) {
  static const char *const optional[] = {"message", "offset", "newId", "topic"};
  const char *id = evsd_text(given, "id", "");
  char *key = evsd_key_of_id(id);
  json_t *result = json_pack("{s:s, s:s, s:s}", "id", id, "key", key ? key : "", "outcome",
                             evsd_text(given, "outcome", "error"));
  free(key);
  for (size_t i = 0; i < sizeof optional / sizeof optional[0]; i++) {
    json_t *value = json_object_get(given, optional[i]);
    if (json_is_string(value))
      json_object_set(result, optional[i], value);
  }
  return result;
}

/* What was done at once, in the form of an operation that has ended. */
static json_t *ended_operation(evsd_request *request, const char *kind, const json_t *answer,
                               json_int_t started) {
  json_t *results = json_array(), *errors = json_array(), *given;
  json_int_t counts[3] = {0}; /* done, skipped, failed */
  size_t i;
  json_array_foreach(json_object_get(answer, "results"), i, given) {
    const char *outcome = evsd_text(given, "outcome", "error");
    bool is_error = strcmp(outcome, "error") == 0 || strcmp(outcome, "too_often") == 0;
    bool is_done = strcmp(outcome, "requeued") == 0 || strcmp(outcome, "discarded") == 0 ||
                   strcmp(outcome, "restored") == 0;
    counts[is_done ? 0 : is_error ? 2 : 1]++;
    if (is_error)
      json_array_append_new(errors, json_pack("{s:o, s:s}", "id", evsd_member(given, "id"), "message",
                                              evsd_text(given, "message", "")));
    json_array_append_new(results, result_of(given));
  }
  json_t *reason = json_object_get(request->body, "reason");
  json_t *shown =
      json_pack("{s:n, s:s, s:n, s:n, s:n, s:s, s:s, s:I, s:I, s:I, s:i, s:o, s:n, s:O?, s:I, s:I, s:I, s:o}",
                "id", "kind", kind, "filter", "snapshot", "rate", "actor", request->caller.name, "state",
                "done", "done", counts[0], "skipped", counts[1], "failed", counts[2], "remaining", 0,
                "errors", errors, "lastError", "reason", reason, "startedAt", started, "updatedAt",
                (json_int_t)evsd_wall_ms(), "endedAt", (json_int_t)evsd_wall_ms(), "results", results);
  return with_rules(shown, request->body);
}

static void do_at_once(evsd_request *request, const char *kind, json_t *ids, json_t *params) {
  char method[32] = "dlq.";
  json_int_t started = (json_int_t)evsd_wall_ms();
  strncat(method, kind, sizeof method - 5);
  json_object_set(params, "ids", ids);
  if (strcmp(kind, "discard") != 0)
    json_object_del(params, "reason");
  json_t *answer = evsd_store_ask(request, method, params);
  if (answer)
    evsd_reply_json(request, 200, ended_operation(request, kind, answer, started));
  json_decref(answer);
}

static void start(evsd_request *request, const char *kind, json_t *filter, json_t *params) {
  const char *key = evsd_header(request, "Idempotency-Key");
  json_t *rate = json_object_get(request->body, "rate");
  json_object_set_new(params, "kind", json_string(kind));
  json_object_set(params, "filter", filter);
  if (rate)
    json_object_set(params, "rate", rate);
  if (key) /* of this caller: another may use the same */
    json_object_set_new(params, "key", json_sprintf("%s/%s", request->caller.name, key));
  json_t *answer = evsd_store_ask(request, "operations.start", params);
  if (answer)
    evsd_reply_json(request, 202, operation_of(answer));
  json_decref(answer);
}

void evsd_post_operation(evsd_request *request) {
  static const char *const known[] = {"kind",  "scope",  "rate", "reason", "to",
                                      "force", "canary", "stop", NULL};
  const char *reason = NULL, *kind = evsd_body_members(request, known) ? evsd_kind_read(request) : NULL;
  evsd_scope scope = {0};
  uint32_t rate = 0;
  if (kind && require_kind(request, kind) && evsd_rate_read(request, &rate) &&
      evsd_body_text(request, "reason", EVSD_REASON_MAX, &reason) && evsd_scope_read(request, &scope) &&
      evsd_redrive_fits(request, &scope)) {
    json_t *params = evsd_actor_params(request);
    if (reason)
      json_object_set_new(params, "reason", json_string(reason));
    evsd_redrive_add(request, params);
    if (scope.ids)
      do_at_once(request, kind, scope.ids, params);
    else
      start(request, kind, scope.filter, params);
    evsd_store_forget(request->dashboard);
  }
  evsd_scope_free(&scope);
}

/* The body's {state?, rate?} as arguments; NULL after a problem. */
static json_t *changes_of(evsd_request *request) {
  static const char *const known[] = {"state", "rate", NULL};
  static const char *const states[] = {"paused", "running", "aborted"};
  json_t *state = json_object_get(request->body, "state"), *rate = json_object_get(request->body, "rate");
  uint32_t ignored = 0;
  bool is_state = !state;
  for (size_t i = 0; i < sizeof states / sizeof states[0]; i++)
    is_state = is_state || (json_is_string(state) && strcmp(json_string_value(state), states[i]) == 0);
  if (!evsd_body_members(request, known) || !evsd_rate_read(request, &ignored))
    return NULL;
  if (!is_state || (!state && !rate)) {
    evsd_problem(request, 400, "bad_body",
                 "Give \"state\" (paused, running or aborted), \"rate\" (entries in a second), or both.");
    return NULL;
  }
  json_t *params = evsd_actor_params(request);
  json_object_set_new(params, "id", json_string(request->param));
  json_object_update(params, request->body);
  return params;
}

void evsd_patch_operation(evsd_request *request) {
  json_t *params = changes_of(request);
  if (!params)
    return;
  json_t *known = evsd_store_ask(request, "operations.get", json_pack("{s:s}", "id", request->param));
  bool may = known && require_kind(request, evsd_text(known, "kind", "requeue"));
  json_t *answer = may ? evsd_store_ask(request, "operations.set", json_incref(params)) : NULL;
  if (answer)
    evsd_reply_json(request, 200, operation_of(answer));
  json_decref(answer);
  json_decref(known);
  json_decref(params);
}
