/* SPDX-License-Identifier: MIT
 * explain_config.c - explains by the configuration of another process, and compares its routes: it is loaded,
 * a router is made of it, and that router explains. Nothing here decides. */
#include <string.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/error.h"
#include "base/json_text.h"
#include "consume/matcher.h"
#include "event/pattern.h"
#include "route/coverage.h"
#include "route/explain.h"
#include "route/router.h"

bool evsi_explained_read(const json_t *explanation, evs_bytes query, evsi_explained *out_explained) {
  const char *type = json_string_value(json_object_get(explanation, "type"));
  const char *full = json_string_value(json_object_get(explanation, "fullType"));
  *out_explained = (evsi_explained){.has_headers = false};
  if (!type || !full)
    return true;
  size_t prefix = strlen(full) > strlen(type) ? strlen(full) - strlen(type) - 1 : 0;
  out_explained->event.origin_prefix = evsi_bytes(full, prefix);
  out_explained->event.type = evsi_text(type);
  json_t *asked = evsi_json_load(query, 0, NULL); /* it was read before: only memory can be missing */
  out_explained->headers.tree = json_incref(json_object_get(asked, "headers"));
  out_explained->has_headers = json_is_object(out_explained->headers.tree);
  json_decref(asked);
  return asked != NULL;
}

void evsi_explained_free(evsi_explained *explained) {
  json_decref(explained->headers.tree);
}

/* ---- the subscriptions of the other process ---------------------------------------------------- */

typedef struct listeners {
  const json_t *rows; /* [{name, pattern, group, origins}], as statistics have them */
  evsi_matcher *matcher;
  const char **origins; /* room for those of one row */
} listeners;

static evs_status add_row(listeners *all, const evsi_config *config, uint32_t index, evs_error **out_error) {
  const json_t *row = json_array_get(all->rows, index), *origins = json_object_get(row, "origins"), *each;
  const char *pattern = json_string_value(json_object_get(row, "pattern"));
  size_t i;
  if (!pattern)
    return evsi_error(out_error, EVS_CONFIG, "/subscriptions", "subscription %u has no pattern", index);
  evsi_origin_rule rule = {.origin_prefix = config->origin_prefix,
                           .origins_set = json_is_array(origins),
                           .extended_types = config->routing.extended_types};
  const char **grown = evsi_realloc(all->origins, (json_array_size(origins) + 1) * sizeof *grown);
  if (!grown)
    return evsi_error_nomem(out_error);
  all->origins = grown;
  json_array_foreach(origins, i, each) {
    if (json_is_string(each))
      grown[rule.origin_count++] = json_string_value(each);
  }
  rule.origins = grown;
  return evsi_matcher_add(all->matcher, pattern, &rule, index, out_error);
}

static evs_status add_rows(listeners *all, const evsi_config *config, evs_error **out_error) {
  evs_status status = EVS_OK;
  all->matcher = evsi_matcher_new();
  if (!all->matcher)
    return evsi_error_nomem(out_error);
  for (uint32_t i = 0; status == EVS_OK && i < json_array_size(all->rows); i++)
    status = add_row(all, config, i, out_error);
  return status;
}

/* False when memory is short. */
static bool add_receiver(json_t *list, const json_t *row, evsi_explained *event, bool is_undecided) {
  json_t *filter = json_object_get(row, "filter");
  if (event->has_headers && !evsi_header_filter_takes(filter, &event->event, &event->headers))
    return true;
  json_t *found =
      json_pack("{s:O?,s:O?}", "name", json_object_get(row, "name"), "group", json_object_get(row, "group"));
  bool ok =
      found && (!json_is_object(filter) || event->has_headers || !json_object_set(found, "filter", filter));
  if (ok && is_undecided)
    ok = !json_object_set_new(found, "undecided", json_true());
  if (ok)
    return !json_array_append_new(list, found);
  json_decref(found);
  return false;
}

static bool add_receivers_of(const listeners *all, evsi_explained *event, json_t *list) {
  evs_bytes origin = event->event.origin_prefix, type = event->event.type;
  uint32_t room = (uint32_t)json_array_size(all->rows) + 1;
  uint32_t *indexes = evsi_calloc(room, sizeof *indexes);
  bool filtered, ok = indexes != NULL;
  uint32_t count = ok ? evsi_matcher_match(all->matcher, origin, type, indexes, room, &filtered) : 0;
  for (uint32_t i = 0; ok && i < count; i++)
    ok = add_receiver(list, json_array_get(all->rows, indexes[i]), event, false);
  count = ok ? evsi_matcher_undecided(all->matcher, origin, type, indexes, room) : 0;
  for (uint32_t i = 0; ok && i < count; i++)
    ok = add_receiver(list, json_array_get(all->rows, indexes[i]), event, true);
  evsi_free(indexes);
  return ok;
}

/* Those that receive the explained event, or NULL when memory is short. */
static json_t *receivers(const listeners *all, const json_t *explanation, evs_bytes query) {
  evsi_explained event;
  json_t *list = json_array();
  bool ok = list && evsi_explained_read(explanation, query, &event);
  if (ok && event.event.type.size > 0)
    ok = add_receivers_of(all, &event, list);
  if (list)
    evsi_explained_free(&event);
  if (ok)
    return list;
  json_decref(list);
  return NULL;
}

/* ---- the whole --------------------------------------------------------------------------------- */

static evs_status explain(const evsi_config *config, evs_bytes query, json_t **out_explanation,
                          evs_error **out_error) {
  evsi_router *router = NULL;
  char *text = NULL;
  evs_status status = evsi_router_new(config, &router, out_error);
  if (status == EVS_OK)
    status = evsi_router_explain(router, query.data, query.size, &text, out_error);
  evsi_router_free(router);
  if (status != EVS_OK)
    return status;
  *out_explanation = evsi_json_load(evsi_text(text), 0, NULL);
  evsi_free(text);
  return *out_explanation ? EVS_OK : evsi_error_nomem(out_error);
}

static evs_status add_receivers(const evsi_config *config, const json_t *document, evs_bytes query,
                                json_t *explanation, evs_error **out_error) {
  listeners all = {.rows = json_object_get(document, "subscriptions")};
  evs_status status = add_rows(&all, config, out_error);
  json_t *list = status == EVS_OK ? receivers(&all, explanation, query) : NULL;
  if (status == EVS_OK && json_object_set_new(explanation, "subscriptions", list) != 0)
    status = evsi_error_nomem(out_error);
  evsi_matcher_free(all.matcher);
  evsi_free(all.origins);
  return status;
}

evs_status evsi_explain_config(evs_bytes config_json, evs_bytes query, char **out_json,
                               evs_error **out_error) {
  evsi_config *config = NULL;
  json_t *explanation = NULL;
  evs_status status = evsi_config_load_routing(config_json.data, config_json.size, &config, out_error);
  if (status != EVS_OK)
    return status;
  json_t *document = evsi_json_load(config_json, 0, NULL);
  status = document ? explain(config, query, &explanation, out_error) : evsi_error_nomem(out_error);
  if (status == EVS_OK)
    status = add_receivers(config, document, query, explanation, out_error);
  if (status == EVS_OK && !(*out_json = evsi_json_text(explanation)))
    status = evsi_error_nomem(out_error);
  json_decref(explanation);
  json_decref(document);
  evsi_config_free(config);
  return status;
}

evs_status evsi_coverage_config(evs_bytes config_json, char **out_json, evs_error **out_error) {
  enum { EXAMINED_MAX = 200 };
  evsi_config *config = NULL;
  evsi_router *router = NULL;
  evsi_buf out = {0};
  evs_status status = evsi_config_load_routing(config_json.data, config_json.size, &config, out_error);
  if (status == EVS_OK)
    status = evsi_router_new(config, &router, out_error);
  if (status == EVS_OK) {
    evsi_buf_add_text(&out, "{");
    evsi_router_compare(router, EXAMINED_MAX, &out);
    evsi_buf_add_text(&out, "}");
    if (!(*out_json = evsi_buf_take(&out)))
      status = evsi_error_nomem(out_error);
  }
  evsi_router_free(router);
  evsi_config_free(config);
  return status;
}
