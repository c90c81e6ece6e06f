/* SPDX-License-Identifier: MIT
 * redis_audit.h - the log of what was changed by whom: rows of the stream evs:audit, about the newest
 * 100,000. Private to transport/redis. @thread io. */
#ifndef EVSI_REDIS_AUDIT_H
#define EVSI_REDIS_AUDIT_H

#include "transport/redis/redis_request.h"

#define EVSI_REDIS_AUDIT "evs:audit"

typedef struct evsi_redis_audit_row {
  const char *action;    /* name of the request, "dlq.requeue" */
  json_t *scope;         /* JSON of what it was about; its reference is taken */
  uint64_t count;        /* changed */
  const char *result;    /* "done", "partly", "nothing", or a state */
  const char *operation; /* or NULL */
} evsi_redis_audit_row;

/* Writes a row with actor, address and reason of the request's arguments; the request's next step follows
 * when it is written. That it could not be is logged and fails nothing: the change is made. */
void evsi_redis_audit(evsi_redis_request *request, const evsi_redis_audit_row *row);

void evsi_redis_request_audit(evsi_redis_request *request);

#endif
