/* SPDX-License-Identifier: MIT
 * redis_scripts.h - the Lua scripts of this transport: called by hash, sent in full when a connection or the
 * server does not know them. What they do stands in scripts/. @thread io. */
#ifndef EVSI_REDIS_SCRIPTS_H
#define EVSI_REDIS_SCRIPTS_H

#include "transport/redis/redis_conn.h"

#define EVSI_REDIS_SCRIPT_LIST(X)                                                                            \
  X(ACK)                                                                                                     \
  X(AUDIT)                                                                                                   \
  X(BUNDLE)                                                                                                  \
  X(CANCEL)                                                                                                  \
  X(CLAIM)                                                                                                   \
  X(CONSUMERS)                                                                                               \
  X(COPY_IN)                                                                                                 \
  X(COPY_OUT)                                                                                                \
  X(DEAD)                                                                                                    \
  X(DUE)                                                                                                     \
  X(EXPECT)                                                                                                  \
  X(FATES)                                                                                                   \
  X(FETCH)                                                                                                   \
  X(FLEET)                                                                                                   \
  X(HAND)                                                                                                    \
  X(HEARTBEAT)                                                                                               \
  X(IMPORT)                                                                                                  \
  X(JOBS)                                                                                                    \
  X(JOIN)                                                                                                    \
  X(KEEP)                                                                                                    \
  X(LEASE)                                                                                                   \
  X(LEAVE)                                                                                                   \
  X(LETTERS)                                                                                                 \
  X(LOOK)                                                                                                    \
  X(MARK)                                                                                                    \
  X(MOVE)                                                                                                    \
  X(NOTE)                                                                                                    \
  X(OUTBOX)                                                                                                  \
  X(OWNED)                                                                                                   \
  X(PARK)                                                                                                    \
  X(PRUNE)                                                                                                   \
  X(READY)                                                                                                   \
  X(REAP)                                                                                                    \
  X(RECOVER)                                                                                                 \
  X(REGISTER)                                                                                                \
  X(REMOVE)                                                                                                  \
  X(REPLAY)                                                                                                  \
  X(RESTORE)                                                                                                 \
  X(RIPEN)                                                                                                   \
  X(SCHEMAS)                                                                                                 \
  X(SEND)                                                                                                    \
  X(SENT)                                                                                                    \
  X(STORE)                                                                                                   \
  X(SWEEP)                                                                                                   \
  X(TRIM)                                                                                                    \
  X(WAITING)

typedef enum evsi_redis_script {
#define X(name) EVSI_REDIS_##name,
  EVSI_REDIS_SCRIPT_LIST(X)
#undef X
      EVSI_REDIS_SCRIPTS
} evsi_redis_script;

typedef struct evsi_redis_scripts {
  evsi_redis_conn *conn;
  char *text[EVSI_REDIS_SCRIPTS];
  char sha1[EVSI_REDIS_SCRIPTS][41];
  bool known[EVSI_REDIS_SCRIPTS]; /* the server has it, as far as this connection saw */
} evsi_redis_scripts;

bool evsi_redis_scripts_init(evsi_redis_scripts *scripts, evsi_redis_conn *conn);
void evsi_redis_scripts_free(evsi_redis_scripts *scripts);
void evsi_redis_scripts_forget(evsi_redis_scripts *scripts); /* another server may answer now */

/* Calls a script; args holds first `keys` keys, then arguments, and is emptied. False: not sent, and fn is
 * not called. */
bool evsi_redis_script_call(evsi_redis_scripts *scripts, evsi_redis_script script, uint32_t keys,
                            evsi_redis_args *args, evsi_redis_reply_fn fn, void *data, uint64_t tag);

/* The same over another connection to the server. */
typedef struct evsi_redis_script_to {
  evsi_redis_scripts *scripts;
  evsi_redis_conn *conn;
  evsi_redis_script script;
  uint32_t keys;
} evsi_redis_script_to;
bool evsi_redis_script_call_on(const evsi_redis_script_to *to, evsi_redis_args *args, evsi_redis_reply_fn fn,
                               void *data, uint64_t tag);

#endif
