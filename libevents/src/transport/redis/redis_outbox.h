/* SPDX-License-Identifier: MIT
 * redis_outbox.h - sending dead letters to other topics, which may lie in another slot. What is to go there
 * was laid into the outbox of its stream by the step that took it from the dead letters; from there it is
 * added to its topic under a key that tells what came before, and goes to the archive. Each step may be done
 * again by anybody, so what a process left behind is sent by the next one. Private to transport/redis.
 * @thread io. */
#ifndef EVSI_REDIS_OUTBOX_H
#define EVSI_REDIS_OUTBOX_H

#include "transport/redis/redis_request.h"

/* Can a topic, or one of its partitions, have this name? */
bool evsi_redis_is_topic(const char *name);
/* Checks the argument `to` and the topic that it names; goes on with `next`, or answers why not. */
void evsi_redis_target_check(evsi_redis_request *request, void (*next)(evsi_redis_request *request));

/* Adds a type of a stream to the registry, so that consumers find it there. */
void evsi_redis_request_register(evsi_redis_request *request, const char *name, const char *type,
                                 evsi_redis_request_fn fn);
/* Before the first letter goes into the outbox of a stream: from now on others look into it. */
void evsi_redis_outbox_mark(evsi_redis_request *request, const char *name);
/* Once nothing is open: sends what the outbox of a stream holds, then goes on with `next`. */
void evsi_redis_outbox_send(evsi_redis_request *request, const char *name,
                            void (*next)(evsi_redis_request *request));
/* Where the copy of a letter was stored that this request sent; NULL: it is not there yet. */
const char *evsi_redis_outbox_copy(const evsi_redis_request *request, const char *name, const char *letter);
/* Why something could not be sent, or NULL. */
const char *evsi_redis_outbox_error(const evsi_redis_request *request);
void evsi_redis_outbox_free(struct evsi_redis_outbox *outbox);

/* Sends what other processes left behind in the outboxes of these streams: {name…}. */
void evsi_redis_outbox_seen(evs_transport *transport, const evsi_redis_reply *names);

#endif
