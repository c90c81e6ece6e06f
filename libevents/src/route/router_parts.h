/* SPDX-License-Identifier: MIT
 * router_parts.h - the inside of the router, shared by router.c, which decides, and explain.c, which tells
 * what was decided. */
#ifndef EVSI_ROUTER_PARTS_H
#define EVSI_ROUTER_PARTS_H

#include <stdatomic.h>

#include "consume/matcher.h"
#include "route/router.h"
#include "route/topic.h"

_Static_assert(EVSI_TOPIC_BYTES == EVSI_TOPIC_MAX + 1, "topic.h and router.h agree on the room for a topic");

/* What changes while a route is used. */
typedef struct evsi_route_use {
  _Atomic uint64_t hits;
  _Atomic uint64_t last_hit_ms;
  _Atomic uint32_t turn; /* of round robin */
} evsi_route_use;

struct evsi_router {
  const evsi_config *config;
  evsi_matcher *matcher; /* its numbers are ranks: the lowest that matches wins */
  uint32_t *by_rank;     /* rank to route number */
  uint32_t enabled;      /* ranks from here on are disabled routes */
  evsi_route_use *uses;  /* by route number */
  evsi_topics topics;
};

/* What is asked beyond the query, and what was seen on the way to a decision. The owner gives the room for
 * ranks: one is enough to decide. */
typedef struct evsi_evidence {
  evs_bytes origin; /* of the event, folded */
  bool is_dry;      /* nobody's turn is taken */
  uint32_t *ranks;  /* of all routes that match, ascending */
  uint32_t max;
  uint32_t count;
  int64_t mapping; /* EVSI_TOPIC_BY_STRATEGY; without meaning when the route named the topic */
} evsi_evidence;

/* Decides and counts nothing. errors as evsi_router_route() */
evs_status evsi_router_decide(evsi_router *router, const evsi_route_query *query, evsi_evidence *evidence,
                              evsi_decision *out_decision, evs_error **out_error);

/* Literal segments of a pattern. */
uint32_t evsi_pattern_literals(const char *pattern);

#endif
