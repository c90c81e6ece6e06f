/* SPDX-License-Identifier: MIT
 * api_explain.c - the boundary: the whole routing decision, with the subscriptions of this process. */
#include <jansson.h>

#include "api/guard.h"
#include "base/alloc.h"
#include "base/json_text.h"
#include "route/explain.h"

/* The subscriptions that would receive the explained event, as a JSON array; NULL when memory is short. */
static json_t *subscriptions_of(evs_system *system, evsi_explained *event) {
  evsi_buf text = {0};
  evsi_buf_add_text(&text, "[");
  evsi_consume_explain(system->consume, &event->event, event->has_headers ? &event->headers : NULL, &text);
  evsi_buf_add_text(&text, "]");
  json_t *list = text.failed ? NULL : evsi_json_load(evsi_bytes(text.data, text.size), 0, NULL);
  evsi_buf_free(&text);
  return list;
}

/* The version of a schema that a body published now would be held against. */
static json_t *schema_of(evs_system *system, evs_bytes type) {
  const evsi_schema_version *version = evsi_registry_current(evsi_schemas_registry(system), type);
  if (!version)
    return json_null();
  return json_pack("{s:s,s:s}", "type", evsi_schema_type_name(version->type), "version", version->name);
}

/* What the router does not know. False when memory is short. */
static bool complete(evs_system *system, json_t *decision, evs_bytes query) {
  evsi_explained event;
  bool ok = evsi_explained_read(decision, query, &event), is_valid = event.event.type.size > 0;
  ok = ok &&
       !json_object_set_new(decision, "schema", is_valid ? schema_of(system, event.event.type) : json_null());
  ok = ok && !json_object_set_new(decision, "subscriptions",
                                  is_valid ? subscriptions_of(system, &event) : json_array());
  evsi_explained_free(&event);
  return ok;
}

evs_status evs_explain(evs_system *system, const char *query_json, size_t query_size, char **out_json,
                       evs_error **out_error) {
  char *text = NULL;
  evs_status status = evsi_guard(system, 1, out_error);
  if (status != EVS_OK)
    return status;
  if (!query_json || !out_json)
    return evsi_error(out_error, EVS_ARGUMENT, NULL, "query_json or out_json is NULL");
  evsi_reload_hold(system);
  status = evsi_router_explain(system->router, query_json, query_size, &text, out_error);
  evsi_reload_let(system);
  if (status != EVS_OK)
    return status;
  json_t *decision = evsi_json_load(evsi_text(text), 0, NULL);
  evsi_free(text);
  bool is_complete = decision && complete(system, decision, evsi_bytes(query_json, query_size));
  *out_json = is_complete ? evsi_json_text(decision) : NULL;
  json_decref(decision);
  return *out_json ? EVS_OK : evsi_error_nomem(out_error);
}

evs_status evs_explain_config(const char *config_json, size_t config_size, const char *query_json,
                              size_t query_size, char **out_json, evs_error **out_error) {
  if (!config_json || !query_json || !out_json)
    return evsi_error(out_error, EVS_ARGUMENT, NULL, "config_json, query_json or out_json is NULL");
  return evsi_explain_config(evsi_bytes(config_json, config_size), evsi_bytes(query_json, query_size),
                             out_json, out_error);
}

evs_status evs_coverage_config(const char *config_json, size_t config_size, char **out_json,
                               evs_error **out_error) {
  if (!config_json || !out_json)
    return evsi_error(out_error, EVS_ARGUMENT, NULL, "config_json or out_json is NULL");
  return evsi_coverage_config(evsi_bytes(config_json, config_size), out_json, out_error);
}
