/* SPDX-License-Identifier: MIT
 * explain.c - tells a routing decision, and how often routes were taken. The decision itself comes from
 * evsi_router_decide(), which also routes; only the wording is made here. */
#include <jansson.h>
#include <string.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/error.h"
#include "base/error_struct.h"
#include "base/json_text.h"
#include "event/pattern.h"
#include "event/segment.h"
#include "event/type_name.h"
#include "route/router_parts.h"

enum { SPLIT_MAX = EVSI_PATTERN_MAX };

/* A question and what the router made of it. */
typedef struct explanation {
  evsi_router *router;
  json_t *query;
  char origin[EVSI_TYPE_MAX + 1];
  char type[EVSI_TYPE_MAX + 1];
  bool has_type; /* it is valid, so that routes could be asked */
  evsi_evidence evidence;
  bool *matched; /* by route number */
  evsi_decision decision;
  evs_error *fault; /* why the event goes nowhere */
} explanation;

typedef struct split {
  evs_bytes parts[SPLIT_MAX];
  uint32_t count;
} split;

static void split_text(const char *text, split *out) {
  out->count = 0;
  while (out->count < SPLIT_MAX) {
    size_t size = strcspn(text, ".");
    out->parts[out->count++] = evsi_bytes(text, size);
    if (text[size] == '\0')
      return;
    text += size + 1;
  }
}

static bool is_star(evs_bytes part) {
  return part.size == 1 && part.data[0] == '*';
}

/* Says where pattern and type part. `shift` segments of the type come before the pattern's first. */
static void tell_difference(evsi_buf *out, const split *pattern, const split *type, uint32_t shift) {
  for (uint32_t i = 0; i < pattern->count; i++) {
    evs_bytes wanted = pattern->parts[i];
    if (shift + i >= type->count) {
      evsi_buf_addf(out, "segment %u is missing, expected %.*s", shift + i + 1, (int)wanted.size,
                    wanted.data);
      return;
    }
    evs_bytes found = type->parts[shift + i];
    if (is_star(wanted) || evsi_bytes_equal(wanted, found))
      continue;
    evsi_buf_addf(out, "segment %u: %.*s is not %.*s", shift + i + 1, (int)found.size, found.data,
                  (int)wanted.size, wanted.data);
    return;
  }
  uint32_t next = shift + pattern->count;
  if (next < type->count)
    evsi_buf_addf(out, "segment %u: %.*s is one too many", next + 1, (int)type->parts[next].size,
                  type->parts[next].data);
}

static void tell_floating(evsi_buf *out, const char *pattern, const char *full_type, const split *type) {
  split wanted;
  split_text(pattern + 2, &wanted);
  /* With a trailing `*` there is no one place to compare with. */
  if (is_star(wanted.parts[wanted.count - 1])) {
    evsi_buf_addf(out, "%s is nowhere in %s", pattern + 2, full_type);
    return;
  }
  tell_difference(out, &wanted, type, type->count > wanted.count ? type->count - wanted.count : 0);
}

static const char *origin_name(const char *origin) {
  return origin[0] ? origin : "(none)";
}

static void full_text(evsi_buf *out, const char *origin, const char *type) {
  evsi_buf_addf(out, "%s%s%s", origin, origin[0] ? "." : "", type);
}

static void tell_no_match(const explanation *e, const evsi_route *route, evsi_buf *out) {
  const char *own = e->router->config->origin_prefix;
  evsi_buf full = {0}, joined = {0};
  split type, wanted;
  full_text(&full, e->origin, e->type);
  bool as_written = evsi_prefix_length(evsi_text(route->pattern), own) > 0;
  full_text(&joined, as_written ? "" : own, route->pattern);
  if (full.failed || joined.failed) {
    out->failed = true;
  } else if (evsi_pattern_is_floating(route->pattern)) {
    split_text(full.data, &type);
    tell_floating(out, route->pattern, full.data, &type);
  } else if (strcmp(own, e->origin) != 0) {
    evsi_buf_addf(out, "origin %s is not %s", origin_name(e->origin), origin_name(own));
  } else {
    split_text(full.data, &type);
    split_text(joined.data, &wanted);
    tell_difference(out, &wanted, &type, 0);
  }
  evsi_buf_free(&full);
  evsi_buf_free(&joined);
}

static void route_label(evsi_buf *out, const explanation *e, const evsi_route *route) {
  evsi_buf_addf(out, "routes[%u]", (unsigned)(route - e->router->config->routing.routes));
  if (route->name)
    evsi_buf_addf(out, " (%s)", route->name);
}

/* Why a route that matches lost to the winner. */
static void tell_loss(const explanation *e, const evsi_route *route, evsi_buf *out) {
  const evsi_route *winner = e->decision.route;
  if (route->priority != winner->priority)
    evsi_buf_addf(out, "priority %lld is lower priority than %lld of ", (long long)route->priority,
                  (long long)winner->priority);
  else if (evsi_pattern_literals(route->pattern) != evsi_pattern_literals(winner->pattern) ||
           evsi_pattern_is_floating(route->pattern) != evsi_pattern_is_floating(winner->pattern))
    evsi_buf_addf(out, "less specific than ");
  else
    evsi_buf_addf(out, "declared after ");
  route_label(out, e, winner);
}

static void tell_route(const explanation *e, uint32_t number, evsi_buf *out) {
  const evsi_route *route = &e->router->config->routing.routes[number];
  bool matched = route->enabled && e->matched[number];
  evsi_buf reason = {0};
  if (!route->enabled)
    evsi_buf_add_text(&reason, "disabled");
  else if (!matched)
    tell_no_match(e, route, &reason);
  else if (route == e->decision.route)
    evsi_buf_addf(&reason, "priority %lld", (long long)route->priority);
  else
    tell_loss(e, route, &reason);
  evsi_buf_add_text(out, number ? ",{\"name\":" : "{\"name\":");
  if (route->name)
    evsi_buf_add_json(out, route->name, strlen(route->name));
  else
    evsi_buf_add_text(out, "null");
  evsi_buf_add_text(out, ",\"pattern\":");
  evsi_buf_add_json(out, route->pattern, strlen(route->pattern));
  evsi_buf_addf(out, ",\"matched\":%s,\"reason\":", matched ? "true" : "false");
  evsi_buf_add_json(out, reason.data, reason.size);
  evsi_buf_add_text(out, "}");
  out->failed |= reason.failed;
  evsi_buf_free(&reason);
}

static void tell_rule(const explanation *e, evsi_buf *out) {
  const evsi_route *route = e->decision.route;
  if (e->fault)
    evsi_buf_add_text(out, "null");
  else if (route && route->topic)
    evsi_buf_addf(out, "\"routes[%u]\"", (unsigned)(route - e->router->config->routing.routes));
  else if (e->evidence.mapping != EVSI_TOPIC_BY_STRATEGY)
    evsi_buf_addf(out, "\"topicMapping[%lld]\"", (long long)e->evidence.mapping);
  else
    evsi_buf_add_text(out, e->router->config->routing.strategy == EVSI_TOPIC_CUSTOM ? "\"custom\""
                                                                                    : "\"namespace\"");
}

static void tell_transports(const explanation *e, evsi_buf *out) {
  evsi_buf_add_text(out, "[");
  for (uint32_t i = 0; !e->fault && i < e->decision.transport_count; i++) {
    const char *name = e->router->config->transports[e->decision.transports[i]].name;
    if (i)
      evsi_buf_add_text(out, ",");
    evsi_buf_add_json(out, name, strlen(name));
  }
  evsi_buf_add_text(out, "]");
}

static void tell_all(const explanation *e, evsi_buf *out) {
  const evsi_config *config = e->router->config;
  const json_t *given = json_object_get(e->query, "type");
  evsi_buf full = {0};
  full_text(&full, e->origin, e->type);
  evsi_buf_add_text(out, "{\"type\":");
  if (e->has_type)
    evsi_buf_add_json(out, e->type, strlen(e->type));
  else
    evsi_buf_add_json(out, json_string_value(given), json_string_length(given));
  evsi_buf_add_text(out, ",\"fullType\":");
  if (e->has_type)
    evsi_buf_add_json(out, full.data, full.size);
  else
    evsi_buf_add_text(out, "null");
  evsi_buf_addf(out, ",\"topic\":\"%s\",\"topicRule\":", e->fault ? "unroutable" : e->decision.topic);
  tell_rule(e, out);
  evsi_buf_add_text(out, ",\"transports\":");
  tell_transports(e, out);
  if (e->fault || e->decision.partition == EVS_PARTITION_NONE)
    evsi_buf_add_text(out, ",\"partition\":null");
  else
    evsi_buf_addf(out, ",\"partition\":%d", (int)e->decision.partition);
  evsi_buf_add_text(out, ",\"schema\":null,\"routes\":[");
  for (uint32_t i = 0; e->has_type && i < config->routing.route_count; i++)
    tell_route(e, i, out);
  evsi_buf_add_text(out, "]");
  if (e->fault) {
    evsi_buf_add_text(out, ",\"error\":");
    evsi_buf_add_json(out, e->fault->message, strlen(e->fault->message));
  }
  evsi_buf_add_text(out, "}");
  out->failed |= full.failed;
  evsi_buf_free(&full);
}

/* A text member of the query; absent and null give `otherwise`. */
static evs_status query_text(const json_t *query, const char *name, const char *otherwise, evs_bytes *out,
                             evs_error **out_error) {
  const json_t *value = json_object_get(query, name);
  *out = evsi_text(otherwise);
  if (!value || (json_is_null(value) && otherwise))
    return EVS_OK;
  if (!json_is_string(value)) {
    char path[32] = "/";
    strncat(path, name, sizeof path - 2);
    return evsi_error(out_error, EVS_VALIDATION, path, "%s must be a text", name);
  }
  *out = evsi_bytes(json_string_value(value), json_string_length(value));
  return EVS_OK;
}

static evs_status check_headers(json_t *headers, evs_error **out_error) {
  const char *name;
  json_t *value;
  bool is_good = !headers || json_is_object(headers);
  json_object_foreach(headers, name, value) is_good = is_good && json_is_string(value);
  return is_good ? EVS_OK
                 : evsi_error(out_error, EVS_VALIDATION, "/headers", "headers must be an object of texts");
}

static evs_status check_query(const json_t *query, evs_error **out_error) {
  static const char *const known[] = {"type", "originPrefix", "headers", "body", "key"};
  const char *name;
  json_t *value;
  if (!json_is_object(query))
    return evsi_error(out_error, EVS_VALIDATION, "",
                      "the query must be a JSON object {type, originPrefix?, headers?, body?, key?}");
  json_object_foreach((json_t *)query, name, value) {
    bool is_known = false;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
      is_known |= strcmp(name, known[i]) == 0;
    if (!is_known)
      return evsi_error(
          out_error, EVS_VALIDATION, "",
          "\"%.64s\" is not known in a query; it may have type, originPrefix, headers, body and key", name);
  }
  if (!json_object_get(query, "type"))
    return evsi_error(out_error, EVS_VALIDATION, "/type",
                      "type is missing; give the event type to be explained");
  return check_headers(json_object_get(query, "headers"), out_error);
}

/* Fills in the decision, or the fault that the document is to show. Fails only when the query is wrong. */
static evs_status examine(explanation *e, evs_error **out_error) {
  const evsi_config *config = e->router->config;
  evs_bytes type, origin, key;
  evs_status status = check_query(e->query, out_error);
  if (status == EVS_OK)
    status = query_text(e->query, "type", NULL, &type, out_error);
  if (status == EVS_OK)
    status = query_text(e->query, "originPrefix", config->origin_prefix, &origin, out_error);
  if (status == EVS_OK)
    status = query_text(e->query, "key", "", &key, out_error);
  if (status == EVS_OK && origin.size > 0)
    status = evsi_prefix_fold(origin, e->origin, out_error);
  if (status != EVS_OK)
    return status;
  status = evsi_type_fold(type, e->origin, config->routing.extended_types, e->type, NULL, &e->fault);
  if (status == EVS_NOMEM)
    return evsi_error_nomem(out_error);
  if (status != EVS_OK)
    return EVS_OK;
  e->has_type = true;
  e->evidence.origin = evsi_text(e->origin);
  evsi_route_query query = {
      .type = evsi_text(e->type), .key = key, .partition = EVS_PARTITION_NONE, .transport = -1};
  status = evsi_router_decide(e->router, &query, &e->evidence, &e->decision, &e->fault);
  for (uint32_t i = 0; i < e->evidence.count && i < e->evidence.max; i++)
    e->matched[e->router->by_rank[e->evidence.ranks[i]]] = true;
  return status == EVS_NOMEM ? evsi_error_nomem(out_error) : EVS_OK;
}

evs_status evsi_router_explain(evsi_router *router, const char *query_json, size_t size, char **out_json,
                               evs_error **out_error) {
  json_error_t why;
  uint32_t room = router->config->routing.route_count + 1;
  explanation e = {.router = router, .evidence = {.max = room, .is_dry = true}};
  evsi_buf out = {0};
  e.query = evsi_json_load(evsi_bytes(query_json, query_json ? size : 0), JSON_REJECT_DUPLICATES, &why);
  if (!e.query)
    return evsi_json_refused(out_error, "the query", &why);
  e.evidence.ranks = evsi_calloc(room, sizeof *e.evidence.ranks);
  e.matched = evsi_calloc(room, sizeof *e.matched);
  evs_status status = e.evidence.ranks && e.matched ? examine(&e, out_error) : evsi_error_nomem(out_error);
  if (status == EVS_OK) {
    tell_all(&e, &out);
    char *text = evsi_buf_take(&out);
    if (text)
      *out_json = text;
    else
      status = evsi_error_nomem(out_error);
  }
  evsi_error_destroy(e.fault);
  evsi_free(e.evidence.ranks);
  evsi_free(e.matched);
  json_decref(e.query);
  return status;
}

static void tell_use(evsi_router *router, uint32_t number, evsi_buf *out) {
  const evsi_config *config = router->config;
  const evsi_route *route = &config->routing.routes[number];
  uint64_t last = atomic_load_explicit(&router->uses[number].last_hit_ms, memory_order_relaxed);
  evsi_buf_addf(out, "%s{\"order\":%u,\"name\":", number ? "," : "", number);
  if (route->name)
    evsi_buf_add_json(out, route->name, strlen(route->name));
  else
    evsi_buf_add_text(out, "null");
  evsi_buf_add_text(out, ",\"pattern\":");
  evsi_buf_add_json(out, route->pattern, strlen(route->pattern));
  evsi_buf_add_text(out, ",\"transports\":[");
  for (uint32_t i = 0; i < route->transport_count; i++) {
    const char *name = config->transports[route->transports[i]].name;
    if (i)
      evsi_buf_add_text(out, ",");
    evsi_buf_add_json(out, name, strlen(name));
  }
  evsi_buf_addf(out, "],\"priority\":%lld,\"topic\":", (long long)route->priority);
  if (route->topic)
    evsi_buf_add_json(out, route->topic, strlen(route->topic));
  else
    evsi_buf_add_text(out, "null");
  evsi_buf_addf(out, ",\"enabled\":%s,\"hits\":%llu,\"lastHit\":", route->enabled ? "true" : "false",
                (unsigned long long)atomic_load_explicit(&router->uses[number].hits, memory_order_relaxed));
  if (last)
    evsi_buf_addf(out, "%llu}", (unsigned long long)last);
  else
    evsi_buf_add_text(out, "null}");
}

char *evsi_router_routes_json(evsi_router *router) {
  evsi_buf out = {0};
  evsi_buf_add_text(&out, "[");
  for (uint32_t i = 0; i < router->config->routing.route_count; i++)
    tell_use(router, i, &out);
  evsi_buf_add_text(&out, "]");
  return evsi_buf_take(&out);
}
