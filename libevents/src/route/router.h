/* SPDX-License-Identifier: MIT
 * router.h - where an event goes: route, topic, transports, partition. Any thread: once built nothing changes
 * but counters. */
#ifndef EVSI_ROUTER_H
#define EVSI_ROUTER_H

#include <stdbool.h>
#include <stdint.h>

#include "config/config.h"
#include "libevents.h"

typedef struct evsi_router evsi_router;

enum { EVSI_TOPIC_MAX = 200, EVSI_DECISION_TRANSPORTS_MAX = 16 };

typedef struct evsi_decision {
  char topic[EVSI_TOPIC_MAX + 1];
  const evsi_route *route;                           /* NULL: no route took it */
  uint32_t transports[EVSI_DECISION_TRANSPORTS_MAX]; /* indexes into config->transports */
  uint32_t transport_count;
  uint32_t partitions; /* of the topic; 0: none */
  int32_t partition;   /* EVS_PARTITION_NONE: none */
} evsi_decision;

typedef struct evsi_route_query {
  evs_bytes type;    /* folded and checked, without the own origin prefix */
  evs_bytes key;     /* or empty */
  int32_t partition; /* explicit, or EVS_PARTITION_NONE */
  int32_t transport; /* explicit index, or -1 */
  evs_bytes topic;   /* explicit, with a transport: no pattern is asked; or empty */
  uint64_t wall_ms;  /* becomes the route's last hit; 0: leaves it */
  bool is_dry;       /* only asked: nothing is counted, nobody's turn is taken */
} evsi_route_query;

/* config is lent and must outlive the router. */
evs_status evsi_router_new(const evsi_config *config, evsi_router **out_router, evs_error **out_error);
void evsi_router_free(evsi_router *router);

/* Routes that both have, by name, pattern and topic, go on counting where `from` is. */
void evsi_router_inherit(evsi_router *router, const evsi_router *from);

/* errors: EVS_ROUTING when no transport takes it, or the partition does not exist */
evs_status evsi_router_route(evsi_router *router, const evsi_route_query *query, evsi_decision *out_decision,
                             evs_error **out_error);

/* Notes that another event went this way. */
void evsi_router_used(evsi_router *router, const evsi_route *route, uint64_t wall_ms);

/* All routes in declaration order, each with its hits and last hit, as a JSON array text (for statistics and
 * the dashboard), freed with evsi_free(). NULL when memory is short. */
char *evsi_router_routes_json(evsi_router *router);

/* The document of evs_explain(), without `subscriptions` (its caller knows them): a JSON object text.
 * An invalid or empty type gives topic "unroutable" and says why in `error`. */
evs_status evsi_router_explain(evsi_router *router, const char *query_json, size_t size, char **out_json,
                               evs_error **out_error);

#endif
