/* SPDX-License-Identifier: MIT
 * router.c - decides where an event goes. Which routes match is the matcher's work; here they are ranked
 * once, so that the lowest number that matches is the winner. */
#include "route/router.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/error.h"
#include "event/pattern.h"
#include "event/type_name.h"
#include "route/partition.h"
#include "route/router_parts.h"

typedef struct ranked {
  const evsi_route *route;
  uint32_t number;
  uint32_t literals;
  bool is_floating;
} ranked;

uint32_t evsi_pattern_literals(const char *pattern) {
  uint32_t count = 0;
  while (*pattern) {
    size_t size = strcspn(pattern, ".");
    count += !(size == 1 && *pattern == '*');
    pattern += size + (pattern[size] == '.');
  }
  return count;
}

/* Enabled ones first, then priority, then the more specific pattern, then the earlier declaration. */
static int compare_ranked(const void *left, const void *right) {
  const ranked *a = left, *b = right;
  if (a->route->enabled != b->route->enabled)
    return a->route->enabled ? -1 : 1;
  if (a->route->priority != b->route->priority)
    return a->route->priority > b->route->priority ? -1 : 1;
  if (a->literals != b->literals)
    return a->literals > b->literals ? -1 : 1;
  if (a->is_floating != b->is_floating)
    return a->is_floating ? 1 : -1;
  return a->number < b->number ? -1 : 1;
}

static evs_status link_routes(evsi_router *router, const ranked *order, evs_error **out_error) {
  const evsi_config *config = router->config;
  /* The configuration has checked the patterns, with all origins known; nothing is to be refused here. */
  evsi_origin_rule rule = {.origin_prefix = config->origin_prefix, .extended_types = true};
  for (uint32_t rank = 0; rank < config->routing.route_count; rank++) {
    const evsi_route *route = order[rank].route;
    if (route->transport_count > EVSI_DECISION_TRANSPORTS_MAX)
      return evsi_error(out_error, EVS_CONFIG, "/routing/routes",
                        "route %s names %u transports, at most %d are allowed", route->pattern,
                        route->transport_count, EVSI_DECISION_TRANSPORTS_MAX);
    router->by_rank[rank] = order[rank].number;
    router->enabled += route->enabled;
    evs_status status = evsi_matcher_add(router->matcher, route->pattern, &rule, rank, out_error);
    if (status != EVS_OK)
      return status;
  }
  return EVS_OK;
}

static evs_status rank_routes(evsi_router *router, evs_error **out_error) {
  const evsi_config *config = router->config;
  uint32_t count = config->routing.route_count;
  ranked *order = evsi_calloc((size_t)count + 1, sizeof *order);
  if (!order)
    return evsi_error_nomem(out_error);
  for (uint32_t i = 0; i < count; i++) {
    const evsi_route *route = &config->routing.routes[i];
    order[i] = (ranked){.route = route,
                        .number = i,
                        .literals = evsi_pattern_literals(route->pattern),
                        .is_floating = evsi_pattern_is_floating(route->pattern)};
  }
  qsort(order, count, sizeof *order, compare_ranked);
  evs_status status = link_routes(router, order, out_error);
  evsi_free(order);
  return status;
}

evs_status evsi_router_new(const evsi_config *config, evsi_router **out_router, evs_error **out_error) {
  evsi_router *router = evsi_calloc(1, sizeof *router);
  if (!router)
    return evsi_error_nomem(out_error);
  size_t room = (size_t)config->routing.route_count + 1;
  router->config = config;
  router->matcher = evsi_matcher_new();
  router->by_rank = evsi_calloc(room, sizeof *router->by_rank);
  router->uses = evsi_calloc(room, sizeof *router->uses);
  evs_status status = router->matcher && router->by_rank && router->uses
                          ? evsi_topics_init(&router->topics, config, out_error)
                          : evsi_error_nomem(out_error);
  if (status == EVS_OK)
    status = rank_routes(router, out_error);
  if (status != EVS_OK) {
    evsi_router_free(router);
    return status;
  }
  *out_router = router;
  return EVS_OK;
}

void evsi_router_free(evsi_router *router) {
  if (!router)
    return;
  evsi_matcher_free(router->matcher);
  evsi_topics_free(&router->topics);
  evsi_free(router->by_rank);
  evsi_free(router->uses);
  evsi_free(router);
}

static bool is_same_text(const char *a, const char *b) {
  return a && b ? strcmp(a, b) == 0 : a == b;
}

static bool is_same_route(const evsi_route *a, const evsi_route *b) {
  return strcmp(a->pattern, b->pattern) == 0 && is_same_text(a->name, b->name) &&
         is_same_text(a->topic, b->topic);
}

/* Changed tables are mostly alike, so that the search begins where the last one ended. */
void evsi_router_inherit(evsi_router *router, const evsi_router *from) {
  const evsi_config *new = router->config, *old = from->config;
  uint32_t count = old->routing.route_count, at = 0;
  for (uint32_t i = 0; i < new->routing.route_count; i++) {
    uint32_t tried = 0;
    while (tried < count &&
           !is_same_route(&new->routing.routes[i], &old->routing.routes[(at + tried) % count]))
      tried++;
    if (tried == count)
      continue;
    at = (at + tried) % count;
    const evsi_route_use *use = &from->uses[at++];
    atomic_store(&router->uses[i].hits, atomic_load(&use->hits));
    atomic_store(&router->uses[i].last_hit_ms, atomic_load(&use->last_hit_ms));
    atomic_store(&router->uses[i].turn, atomic_load(&use->turn));
  }
}

static evs_status choose_transports(const evsi_router *router, const evsi_route_query *query,
                                    evsi_decision *decision, evs_error **out_error) {
  const evsi_config *config = router->config;
  const evsi_route *route = decision->route;
  decision->transport_count = 1;
  if (query->transport >= 0) {
    if ((uint32_t)query->transport >= config->transport_count)
      return evsi_error(out_error, EVS_ROUTING, "/transport", "there is no transport number %d",
                        query->transport);
    decision->transports[0] = (uint32_t)query->transport;
    return EVS_OK;
  }
  if (route && route->transport_count > 0) {
    decision->transport_count = route->transport_count;
    memcpy(decision->transports, route->transports, route->transport_count * sizeof *route->transports);
    return EVS_OK;
  }
  if (config->routing.default_transport >= 0) {
    decision->transports[0] = (uint32_t)config->routing.default_transport;
    return EVS_OK;
  }
  decision->transport_count = 0;
  return evsi_error(
      out_error, EVS_ROUTING, "/type",
      "no route takes \"%.*s\" and there is no default transport; add a route that matches, or set "
      "routing.defaultTransport",
      (int)query->type.size, query->type.data);
}

static evs_status choose_topic(const evsi_router *router, const evsi_route_query *query,
                               evsi_evidence *evidence, evsi_decision *decision, evs_error **out_error) {
  char full[EVSI_MATCH_TEXT_MAX + 1];
  evs_bytes origin = evidence->origin;
  if (decision->route && decision->route->topic) {
    evsi_bytes_copy(decision->topic, sizeof decision->topic, evsi_text(decision->route->topic));
    return EVS_OK;
  }
  size_t size = evsi_bytes_copy(full, sizeof full, origin);
  if (origin.size)
    size += evsi_bytes_copy(full + size, sizeof full - size, evsi_text("."));
  size += evsi_bytes_copy(full + size, sizeof full - size, query->type);
  evs_bytes full_type = {full, size};
  if (evsi_topics_choose(&router->topics, full_type, query->type, decision->topic, &evidence->mapping) ==
      EVS_OK)
    return EVS_OK;
  return evsi_error(
      out_error, EVS_ROUTING, "/type",
      "the first segment of \"%.*s\" makes no topic name of at most %d bytes; map the type with "
      "routing.topicMapping or give its route a topic",
      (int)query->type.size, query->type.data, EVSI_TOPIC_MAX);
}

static evs_status choose_partition(evsi_router *router, const evsi_route_query *query, bool is_dry,
                                   evsi_decision *decision, evs_error **out_error) {
  const evsi_route *route = decision->route;
  decision->partitions = route ? route->partitions : 0;
  decision->partition = EVS_PARTITION_NONE;
  if (query->partition != EVS_PARTITION_NONE) {
    if (query->partition < 0 || (uint32_t)query->partition >= decision->partitions)
      return evsi_error(out_error, EVS_ROUTING, "/partition",
                        "there is no partition %d: topic %s has %u partitions, numbered from 0",
                        query->partition, decision->topic, decision->partitions);
    decision->partition = query->partition;
    return EVS_OK;
  }
  if (decision->partitions == 0)
    return EVS_OK;
  if (route->partition != EVS_PARTITION_NONE) {
    decision->partition = route->partition;
    return EVS_OK;
  }
  if (route->partitioning == EVSI_PARTITION_BY_KEY && query->key.size > 0) {
    decision->partition = (int32_t)evsi_partition_of_key(query->key, decision->partitions);
    return EVS_OK;
  }
  evsi_route_use *use = &router->uses[route - router->config->routing.routes];
  uint32_t turn = is_dry ? atomic_load_explicit(&use->turn, memory_order_relaxed)
                         : atomic_fetch_add_explicit(&use->turn, 1, memory_order_relaxed);
  decision->partition = (int32_t)(turn % decision->partitions);
  return EVS_OK;
}

evs_status evsi_router_decide(evsi_router *router, const evsi_route_query *query, evsi_evidence *evidence,
                              evsi_decision *out_decision, evs_error **out_error) {
  bool filtered;
  memset(out_decision, 0, sizeof *out_decision);
  out_decision->partition = EVS_PARTITION_NONE;
  evidence->mapping = EVSI_TOPIC_BY_STRATEGY;
  evidence->count = evsi_matcher_match(router->matcher, evidence->origin, query->type, evidence->ranks,
                                       evidence->max, &filtered);
  if (evidence->count > 0 && evidence->ranks[0] < router->enabled)
    out_decision->route = &router->config->routing.routes[router->by_rank[evidence->ranks[0]]];
  evs_status status = choose_transports(router, query, out_decision, out_error);
  if (status == EVS_OK)
    status = choose_topic(router, query, evidence, out_decision, out_error);
  if (status == EVS_OK)
    status = choose_partition(router, query, evidence->is_dry, out_decision, out_error);
  return status;
}

static bool leads_to(const evsi_route *route, const evsi_route_query *query) {
  if (!route->enabled || !route->topic || !evsi_bytes_equal(evsi_text(route->topic), query->topic))
    return false;
  bool leads = route->transport_count == 0;
  for (uint32_t i = 0; i < route->transport_count && !leads; i++)
    leads = route->transports[i] == (uint32_t)query->transport;
  return leads;
}

/* Where is said, and how that topic is laid out by the first route that leads there. */
static evs_status go_to_topic(evsi_router *router, const evsi_route_query *query, evsi_decision *out_decision,
                              evs_error **out_error) {
  const evsi_config *config = router->config;
  memset(out_decision, 0, sizeof *out_decision);
  if (query->transport < 0)
    return evsi_error(out_error, EVS_ROUTING, "/topic", "a topic is one of a transport: name that, too");
  if (query->topic.size > EVSI_TOPIC_MAX || !evsi_topic_is_valid(query->topic))
    return evsi_error(
        out_error, EVS_ROUTING, "/topic",
        "\"%.*s\" is no topic: use a-z and 0-9 in parts joined by single '-', at most %d bytes, "
        "such as order-events",
        (int)(query->topic.size < 64 ? query->topic.size : 64), query->topic.data, EVSI_TOPIC_MAX);
  memcpy(out_decision->topic, query->topic.data, query->topic.size);
  out_decision->transports[0] = (uint32_t)query->transport;
  out_decision->transport_count = 1;
  for (uint32_t i = 0; i < config->routing.route_count && !out_decision->route; i++)
    out_decision->route = leads_to(&config->routing.routes[i], query) ? &config->routing.routes[i] : NULL;
  return choose_partition(router, query, query->is_dry, out_decision, out_error);
}

void evsi_router_used(evsi_router *router, const evsi_route *route, uint64_t wall_ms) {
  evsi_route_use *use = &router->uses[route - router->config->routing.routes];
  atomic_fetch_add_explicit(&use->hits, 1, memory_order_relaxed);
  if (wall_ms)
    atomic_store_explicit(&use->last_hit_ms, wall_ms, memory_order_relaxed);
}

evs_status evsi_router_route(evsi_router *router, const evsi_route_query *query, evsi_decision *out_decision,
                             evs_error **out_error) {
  uint32_t winner = 0;
  if (query->topic.size > 0)
    return go_to_topic(router, query, out_decision, out_error);
  evsi_evidence evidence = {.origin = evsi_text(router->config->origin_prefix),
                            .is_dry = query->is_dry,
                            .ranks = &winner,
                            .max = 1};
  evs_status status = evsi_router_decide(router, query, &evidence, out_decision, out_error);
  if (status == EVS_OK && out_decision->route && !query->is_dry)
    evsi_router_used(router, out_decision->route, query->wall_ms);
  return status;
}
