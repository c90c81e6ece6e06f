/* SPDX-License-Identifier: MIT
 * routing.c - GET /routes: the route tables of all services; GET /routes/coverage: what they are worth; POST
 * /routes:trace: where an event would go, and why. Publishes nothing. */
#include <stdlib.h>
#include <string.h>

#include "../json.h"
#include "handlers.h"
#include "jsontext.h"

enum { TYPE_MAX = 1024, KEY_MAX = 4096, SAMPLE_MAX = 1 << 20 };

/* Processes of a service share its configuration: the first one of each that is alive speaks for it. */
static const evsd_instance *speaker_of(const evsd_instances *view, const char *service) {
  const evsd_instance *found = NULL;
  for (size_t i = 0; i < view->count; i++) {
    const evsd_instance *instance = &view->items[i];
    if (strcmp(instance->service, service) == 0 && instance->is_live && (!found || instance->is_own))
      found = instance;
  }
  return found;
}

/* Of one service by one configuration: during a deployment there are two of them. */
static bool is_same(const evsd_instance *one, const evsd_instance *other) {
  return strcmp(one->service, other->service) == 0 &&
         strcmp(evsd_text(one->stats, "generation", ""), evsd_text(other->stats, "generation", "")) == 0;
}

static json_t *route_of(const evsd_instances *view, const evsd_instance *speaker, size_t index) {
  json_t *route = json_array_get(json_object_get(speaker->stats, "routes"), index);
  json_int_t hits = 0, last = 0;
  double rate = 0;
  for (size_t i = 0; i < view->count; i++) {
    const evsd_instance *instance = &view->items[i];
    if (!is_same(instance, speaker))
      continue;
    const json_t *now = json_array_get(json_object_get(instance->stats, "routes"), index);
    const json_t *before = json_array_get(json_object_get(instance->before, "routes"), index);
    json_int_t count = json_integer_value(json_object_get(now, "hits"));
    json_int_t at = json_integer_value(json_object_get(now, "lastHit"));
    hits += count;
    last = at > last ? at : last;
    rate += evsd_rate_of(instance, count, json_integer_value(json_object_get(before, "hits")));
  }
  return json_pack("{s:I, s:s, s:s, s:s, s:I, s:o, s:o, s:b, s:I, s:f, s:o}", "order", (json_int_t)index,
                   "service", speaker->service, "name", evsd_text(route, "name", ""), "pattern",
                   evsd_text(route, "pattern", ""), "priority",
                   json_integer_value(json_object_get(route, "priority")), "transports",
                   evsd_member(route, "transports"), "topic", evsd_member(route, "topic"), "enabled",
                   json_is_true(json_object_get(route, "enabled")), "hits", hits, "hitsRate", rate, "lastHit",
                   last ? json_integer(last) : json_null());
}

void evsd_get_routes(evsd_request *request) {
  evsd_instances view = evsd_fleet_view(request->dashboard);
  json_t *items = json_array(), *services = json_array(), *defaults = json_object(), *generation = NULL;
  for (size_t i = 0; i < view.count; i++) {
    const evsd_instance *instance = &view.items[i];
    if (instance->is_own)
      generation = evsd_member(instance->stats, "generation");
    if (speaker_of(&view, instance->service) != instance)
      continue;
    json_t *routing = json_deep_copy(json_object_get(instance->stats, "routing"));
    json_object_del(routing, "routes");
    json_array_append_new(services, json_string(instance->service));
    json_object_set_new(defaults, instance->service, routing ? routing : json_object());
    for (size_t j = 0; j < json_array_size(json_object_get(instance->stats, "routes")); j++)
      json_array_append_new(items, route_of(&view, instance, j));
  }
  evsd_instances_free(&view);
  json_t *list = evsd_list_of(items);
  json_object_set_new(list, "generation", generation ? generation : json_null());
  json_object_set_new(list, "defaults", defaults);
  json_object_set_new(list, "services", services);
  evsd_reply_json(request, 200, list);
}

/* ---- coverage ---------------------------------------------------------------------------------- */

/* A route by its name, or by its pattern. */
static json_t *label_of(const evsd_instance *speaker, const json_t *place) {
  size_t index = (size_t)json_integer_value(place);
  const json_t *route = json_array_get(json_object_get(speaker->stats, "routes"), index);
  const char *name = evsd_text(route, "name", "");
  return json_string(*name ? name : evsd_text(route, "pattern", ""));
}

/* The rows of a list of pairs, with labels in place of places. */
static json_t *pairs_of(const evsd_instance *speaker, const json_t *pairs, const char *other,
                        const char *why) {
  json_t *rows = json_array(), *each;
  size_t i;
  json_array_foreach(pairs, i, each) {
    json_array_append_new(rows, json_pack("{s:o, s:o, s:s}", "route",
                                          label_of(speaker, json_object_get(each, "route")), "other",
                                          label_of(speaker, json_object_get(each, other)), "because",
                                          evsd_text(each, why, "")));
  }
  return rows;
}

static json_t *never_hit(const evsd_instances *view, const evsd_instance *speaker) {
  json_t *labels = json_array();
  size_t count = json_array_size(json_object_get(speaker->stats, "routes"));
  for (size_t i = 0; i < count; i++) {
    json_t *route = route_of(view, speaker, i), *place = json_integer((json_int_t)i);
    if (json_is_true(json_object_get(route, "enabled")) &&
        json_integer_value(json_object_get(route, "hits")) == 0)
      json_array_append_new(labels, label_of(speaker, place));
    json_decref(place);
    json_decref(route);
  }
  return labels;
}

/* How many events of each type no route took, in all processes of the service. */
static json_t *unmatched(const evsd_instances *view, const evsd_instance *speaker) {
  json_t *counts = json_object(), *rows = json_array(), *label;
  const char *type;
  for (size_t i = 0; i < view->count; i++) {
    json_t *types = json_object_get(json_object_get(view->items[i].stats, "publisher"), "byType");
    json_object_foreach(is_same(&view->items[i], speaker) ? types : NULL, type, label) {
      json_int_t count = json_integer_value(json_object_get(label, "unrouted"));
      if (count > 0)
        json_object_set_new(counts, type,
                            json_integer(count + json_integer_value(json_object_get(counts, type))));
    }
  }
  json_object_foreach(counts, type, label)
      json_array_append_new(rows, json_pack("{s:s, s:O}", "type", type, "count", label));
  json_decref(counts);
  return rows;
}

static json_t *coverage_of(const evsd_instances *view, const evsd_instance *speaker) {
  char *config = json_dumps(speaker->stats, JSON_COMPACT), *text = NULL;
  evs_error *error = NULL;
  if (config)
    evs_coverage_config(config, strlen(config), &text, &error);
  json_t *found = text ? json_loads(text, 0, NULL) : NULL;
  free(config);
  evs_string_free(text);
  evs_error_free(error);
  json_t *row =
      json_pack("{s:s, s:o, s:o, s:o, s:o, s:I}", "service", speaker->service, "neverHit",
                never_hit(view, speaker), "unmatched", unmatched(view, speaker), "shadowed",
                pairs_of(speaker, json_object_get(found, "shadowed"), "by", "because"), "overlapping",
                pairs_of(speaker, json_object_get(found, "overlapping"), "with", "decidedBy"), "examined",
                json_integer_value(json_object_get(found, "examined")));
  json_decref(found);
  return row;
}

void evsd_get_coverage(evsd_request *request) {
  evsd_instances view = evsd_fleet_view(request->dashboard);
  json_t *items = json_array();
  for (size_t i = 0; i < view.count; i++) {
    const evsd_instance *instance = &view.items[i];
    bool has_routes = json_array_size(json_object_get(instance->stats, "routes")) > 0;
    if (has_routes && speaker_of(&view, instance->service) == instance)
      json_array_append_new(items, coverage_of(&view, instance));
  }
  evsd_instances_free(&view);
  evsd_reply_json(request, 200, evsd_list_of(items));
}

/* ---- the tester -------------------------------------------------------------------------------- */

static bool read_sample(evsd_request *request, json_t *query) {
  static const char *const known[] = {"service", "type", "originPrefix", "headers", "bodyText", "key", NULL};
  static const char *const texts[] = {"type", "originPrefix", "key"};
  const char *text = NULL, *service = NULL;
  if (!evsd_body_members(request, known) || !evsd_body_text(request, "service", TYPE_MAX, &service) ||
      !evsd_body_text(request, "bodyText", SAMPLE_MAX, &text))
    return false;
  evs_bytes sample = {text, text ? strlen(text) : 0};
  json_t *body = !text ? json_null() : evsd_json_is_flat(sample) ? jsontext_parse(sample) : NULL;
  if (!body) {
    evsd_problem(request, 422, "refused", "The body is not JSON text, or is nested too deep.");
    evsd_problem_set(request, "path", json_string("/bodyText"));
    return false;
  }
  json_decref(body);
  if (json_object_get(request->body, "headers"))
    json_object_set(query, "headers", json_object_get(request->body, "headers"));
  for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
    if (!evsd_body_text(request, texts[i], i ? KEY_MAX : TYPE_MAX, &text))
      return false;
    if (text)
      json_object_set(query, texts[i], json_object_get(request->body, texts[i]));
  }
  return true;
}

/* Another service's decision is made by its configuration, as it stands in its statistics. */
static evs_status explain(evsd_request *request, const char *query, char **out_answer,
                          evs_error **out_error) {
  const char *service = json_string_value(json_object_get(request->body, "service"));
  evs_status status = EVS_NOT_FOUND;
  if (!service)
    return evs_explain(request->dashboard->system, query, strlen(query), out_answer, out_error);
  evsd_instances view = evsd_fleet_view(request->dashboard);
  const evsd_instance *speaker = speaker_of(&view, service);
  char *config = speaker ? json_dumps(speaker->stats, JSON_COMPACT) : NULL;
  if (config)
    status = evs_explain_config(config, strlen(config), query, strlen(query), out_answer, out_error);
  else
    evs_error_create(EVS_NOT_FOUND, "/service", "no process of this service is alive", out_error);
  free(config);
  evsd_instances_free(&view);
  return status;
}

void evsd_post_trace(evsd_request *request) {
  json_t *query = json_object();
  char *answer = NULL;
  evs_error *error = NULL;
  if (!read_sample(request, query)) {
    json_decref(query);
    return;
  }
  char *text = json_dumps(query, JSON_COMPACT);
  json_decref(query);
  evs_status status = explain(request, text, &answer, &error);
  free(text);
  if (status == EVS_OK) {
    evsd_reply_json(request, 200, json_loads(answer, 0, NULL));
  } else {
    evsd_problem(request, status == EVS_NOT_FOUND ? 404 : 422, evsd_failure_code(status), "%s",
                 evs_error_message(error));
    evsd_problem_set(request, "path", json_string(evs_error_path(error)));
  }
  evs_string_free(answer);
  evs_error_free(error);
}
