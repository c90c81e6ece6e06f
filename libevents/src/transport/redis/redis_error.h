/* SPDX-License-Identifier: MIT
 * redis_error.h - what an error reply means: a class to act on, and a text that says how to fix it. */
#ifndef EVSI_REDIS_ERROR_H
#define EVSI_REDIS_ERROR_H

#include "transport/redis/redis_reply.h"

typedef enum evsi_redis_error_class {
  EVSI_REDIS_ERROR_OTHER,
  EVSI_REDIS_ERROR_CONNECTION,   /* no reply: the outcome may be unknown */
  EVSI_REDIS_ERROR_LOST_GROUP,   /* NOGROUP, UNBLOCKED: look at the group again */
  EVSI_REDIS_ERROR_BACKPRESSURE, /* OOM, MISCONF: hold and try again */
  EVSI_REDIS_ERROR_TOPOLOGY,     /* READONLY, MOVED, CLUSTERDOWN …: another server answers */
  EVSI_REDIS_ERROR_BUSY,         /* LOADING, BUSY, too many clients: wait */
  EVSI_REDIS_ERROR_NOSCRIPT,
  EVSI_REDIS_ERROR_EXISTS,    /* BUSYGROUP: done already */
  EVSI_REDIS_ERROR_WRONGTYPE, /* the key holds something else */
  EVSI_REDIS_ERROR_SECURITY   /* NOAUTH, WRONGPASS, NOPERM */
} evsi_redis_error_class;

enum { EVSI_REDIS_ERROR_TEXT = 512 };

evsi_redis_error_class evsi_redis_error_classify(const evsi_redis_reply *reply);
/* May the same command succeed later without a change? */
bool evsi_redis_error_transient(evsi_redis_error_class error_class);
/* Does it say that the server takes no writes for now, whatever they are? */
bool evsi_redis_error_holds(evsi_redis_error_class error_class);
/* "XADD on stream:{orders} was refused: OOM …; raise maxmemory …". what: the action, e.g. "publishing to
 * orders". out: EVSI_REDIS_ERROR_TEXT bytes. */
void evsi_redis_error_text(const evsi_redis_reply *reply, const char *what, char *out);

#endif
