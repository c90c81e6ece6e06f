/* SPDX-License-Identifier: MIT
 * consume.h - the way of an event in: a transport delivers entries to a group, each becomes one delivery
 * per matching subscription, the host takes and settles these, and the settlement engine tells the
 * transport how the entry ends. Neutral to transports; one lock for the state of all groups. */
#ifndef EVSI_CONSUME_H
#define EVSI_CONSUME_H

#include "base/env.h"
#include "base/tasks.h"
#include "config/config.h"
#include "event/header_filter.h"
#include "event/records.h"
#include "observe/log.h"
#include "observe/stats.h"
#include "transport/transport.h"

typedef struct evsi_consume evsi_consume;

/* Everything is lent and outlives the engine. topic_of: the topic to which an exact type is published, or
 * an empty text; ordering_of: that of the topic, false where no route leads there. They belong to the router,
 * which stands before consuming. */
typedef struct evsi_consume_setup {
  _Atomic(const evsi_config *) config; /* replaced by evsi_consume_reload() */
  const evsi_env *env;
  evsi_loop *loop;
  evsi_tasks *tasks;
  evsi_stats *stats;
  evsi_records *records;
  evsi_wake *wake;
  evsi_link *links;
  void (*topic_of)(void *data, const char *pattern, char out_topic[201]);
  bool (*ordering_of)(void *data, const char *type, uint32_t transport, evsi_ordering *out);
  void (*log)(void *data, int32_t level, const char *message, const evsi_log_field *fields);
  void *data;
  evsi_registry *schemas;                   /* NULL: bodies are not looked at */
  uint64_t (*schemas_known_at)(void *data); /* wall clock: when the registry was last known to be whole */
  void (*look_for_schemas)(void *data);     /* soon; any thread */
} evsi_consume_setup;

evsi_consume *evsi_consume_new(const evsi_consume_setup *setup);
void evsi_consume_free(evsi_consume *consume);
/* Looks which handlers are late, and forgets time limits of those that ended; @thread io. */
void evsi_consume_look(evsi_consume *consume);

/* ---- for hosts, any thread ---- */
evs_status evsi_consume_subscribe(evsi_consume *consume, const char *json, size_t size, uint64_t *out_token,
                                  evs_error **out_error);
evs_status evsi_consume_unsubscribe(evsi_consume *consume, uint64_t token, evs_error **out_error);
/* Adds up to max messages to the batch; *out_left: more could be taken now. False when memory is short. */
bool evsi_consume_take(evsi_consume *consume, evs_batch *batch, size_t max, bool *out_left);
bool evsi_consume_any(evsi_consume *consume); /* could a message be taken now? */
size_t evsi_consume_ack(evsi_consume *consume, const uint64_t *deliveries,
                        size_t count); /* gives the stale ones */
size_t evsi_consume_fail(evsi_consume *consume, const evs_failure *failures, size_t count);
/* Appends `"subscriptions":[…]`. */
void evsi_consume_json(evsi_consume *consume, evsi_buf *out);
/* Appends the subscriptions that receive this event, as JSON array members {name, group}. headers: NULL when
 * they are not known; then subscriptions with a filter of headers tell it. */
void evsi_consume_explain(evsi_consume *consume, const evsi_envelope *event, evsi_headers *headers,
                          evsi_buf *out);

/* ---- for transports, see evs_host_ops ---- */
size_t evsi_consume_deliver(evsi_consume *consume, uint64_t group_token, const evs_tp_entry *entries,
                            size_t count);
void evsi_consume_settled(evsi_consume *consume, const evs_tp_outcome *outcomes, size_t count);
uint32_t evsi_consume_credits(evsi_consume *consume, uint64_t token);
bool evsi_consume_wants(evsi_consume *consume, uint64_t token, evs_bytes topic, evs_bytes full_type);
void evsi_consume_members(evsi_consume *consume, uint64_t group_token, evs_bytes topic, int32_t partition,
                          uint64_t version, evs_bytes text);
void evsi_consume_lease(evsi_consume *consume, const evs_tp_place *stream, uint64_t until_ms);
void evsi_consume_paused(evsi_consume *consume, uint64_t token, bool is_paused);
void evsi_consume_joined(evsi_consume *consume, uint64_t token);
void evsi_consume_again(evsi_consume *consume, uint64_t token);
void evsi_consume_left(evsi_consume *consume, uint64_t token);

/* ---- for the system, @thread io ---- */
/* Another configuration of the same transports: groups read where its routes lead, subscriptions that say
 * nothing of their own have its concurrency. */
void evsi_consume_reload(evsi_consume *consume, const evsi_config *config);
/* Joins all groups of a transport; later subscriptions join by themselves. */
void evsi_consume_start(evsi_consume *consume, uint32_t link);
/* Is every group established, but for those of transports that the program disconnected? link: NULL: of all.
 */
bool evsi_consume_ready(evsi_consume *consume, const evsi_link *link);
/* Nothing is queued, held by the host or being settled. */
bool evsi_consume_idle(evsi_consume *consume, const evsi_link *link);
/* Idle, and each transport was told that there is room again: one that has more at hand gives it then. */
bool evsi_consume_drained(evsi_consume *consume);
/* No further delivery; what the host does not hold is handed back. */
void evsi_consume_stop(evsi_consume *consume);
/* The same for the groups of a transport that is open no more. */
void evsi_consume_end(evsi_consume *consume, const evsi_link *link);
/* Hands back what the host still holds; gives how many entries that were. */
uint64_t evsi_consume_abandon(evsi_consume *consume, const evsi_link *link);
uint64_t evsi_consume_released(evsi_consume *consume);

#endif
