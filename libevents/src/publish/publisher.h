/* SPDX-License-Identifier: MIT
 * publisher.h - the way of an event out: check, route, encode on the caller's thread; then a lane per
 * transport sends it on the I/O thread, again after a failure that can pass, until it has an outcome. */
#ifndef EVSI_PUBLISHER_H
#define EVSI_PUBLISHER_H

#include "base/env.h"
#include "base/tasks.h"
#include "config/config.h"
#include "event/records.h"
#include "observe/stats.h"
#include "route/router.h"
#include "transport/transport.h"

typedef struct evsi_publisher evsi_publisher;
typedef struct evsi_publish_waiter evsi_publish_waiter;

/* What a publisher works with; everything is lent and outlives it. */
typedef struct evsi_publisher_setup {
  _Atomic(const evsi_config *) config; /* with the router replaced by evsi_publisher_reload() */
  const evsi_env *env;
  evsi_loop *loop;
  evsi_tasks *tasks;
  _Atomic(evsi_router *) router;
  evsi_stats *stats;
  evsi_records *records;
  evsi_link *links;
  evsi_registry *schemas;
} evsi_publisher_setup;

evsi_publisher *evsi_publisher_new(const evsi_publisher_setup *setup);
void evsi_publisher_free(evsi_publisher *publisher);

/* See evs_publish(). waiter: collects the reports instead of the records, the first one at `base`; or NULL.
 */
evs_status evsi_publisher_publish(evsi_publisher *publisher, const evs_event *events, size_t count,
                                  evsi_publish_waiter *waiter, size_t base, size_t *out_accepted,
                                  evs_error **out_error);

/* See evs_publish_wait(). */
evs_status evsi_publisher_publish_wait(evsi_publisher *publisher, const evs_event *events, size_t count,
                                       uint64_t deadline_us, evs_batch **out_reports, evs_error **out_error);

/* Another rate limit than the configured one; counting begins anew. Any thread. */
void evsi_publisher_limit(evsi_publisher *publisher, const evsi_rate_limiting *policy);

/* Outcomes from a transport; any thread. */
void evsi_publisher_outcomes(evsi_publisher *publisher, uint32_t link, const evs_tp_outcome *outcomes,
                             size_t count);
/* The connection of a transport came or went; @thread io. message: why it went, or "". */
void evsi_publisher_connected(evsi_publisher *publisher, uint32_t link, bool connected, const char *message);
/* Since when a transport's store takes no events (wall clock, ms) and why; 0: it takes them. Any thread. */
uint64_t evsi_publisher_held(const evsi_publisher *publisher, uint32_t link, char out_why[256]);
/* Has a transport events that it has not answered, or that it could take now? @thread io */
bool evsi_publisher_is_sending(evsi_publisher *publisher, uint32_t link);
/* Events accepted and without an outcome. */
uint64_t evsi_publisher_in_flight(const evsi_publisher *publisher);
/* From now on events are routed by these. Those whose call is under way may still be by the former ones: they
 * are needed until evsi_publisher_is_quiet() was true once after this. */
void evsi_publisher_reload(evsi_publisher *publisher, const evsi_config *config, evsi_router *router);
/* No call is under way now. */
bool evsi_publisher_is_quiet(const evsi_publisher *publisher);
/* Nothing is accepted from now on. False while a caller that came before is still handing events on. */
bool evsi_publisher_seal(evsi_publisher *publisher);
/* Looks for what is due, and forgets time limits of what has ended; @thread io. */
void evsi_publisher_look(evsi_publisher *publisher);
/* What waits for others to go with it goes now; @thread io. */
void evsi_publisher_flush(evsi_publisher *publisher);
/* Ends every event that has no outcome yet, with `status` and why; @thread io. */
void evsi_publisher_abort(evsi_publisher *publisher, const char *why);

#endif
