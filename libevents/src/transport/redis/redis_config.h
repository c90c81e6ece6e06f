/* SPDX-License-Identifier: MIT
 * redis_config.h - the options of one transport, from the JSON object that config/ has checked. */
#ifndef EVSI_REDIS_CONFIG_H
#define EVSI_REDIS_CONFIG_H

#include <stdbool.h>

#include "base/backoff.h"
#include "base/tls.h"
#include "libevents.h"
#include "transport/redis/redis_keys.h"

typedef struct evsi_redis_config {
  char *host;
  char *path; /* unix socket, or NULL */
  char *username;
  char *password; /* never shown */
  evsi_redis_layout layout;
  char *server_name; /* in its certificate; NULL: host */
  evsi_tls *tls;     /* NULL: none */
  char *shown;       /* address for messages, without secrets */
  uint16_t port;
  uint32_t db;
  uint32_t session_timeout_ms;
  uint32_t connect_timeout_ms;
  uint32_t handshake_timeout_ms;
  uint32_t command_timeout_ms;
  bool keep_alive;
  uint32_t block_ms;
  uint32_t batch_size;
  uint32_t discover_ms;
  evsi_retry_policy reconnect;
  uint32_t acknowledgement; /* EVS_ACKNOWLEDGE_… of events that ask for none */
  uint32_t replicas;
  uint32_t acknowledge_timeout_ms;
  uint64_t idempotent_ms; /* how long ids are remembered; 0: they are not */
  uint32_t idempotent_max;
  bool fences_entries;      /* who owns an entry is looked at before it is acknowledged */
  bool fails_without_group; /* a group that was lost is not made anew */
  uint64_t stale_ms;        /* how long a foreign consumer is idle until it is removed; 0: never */
  uint32_t stale_look_ms, stale_most;
  char *retention; /* JSON with at least one limit */
  uint32_t retention_interval_ms;
  uint64_t dlq_most, dlq_longest_ms;
} evsi_redis_config;

/* errors: EVS_CONFIG, EVS_NOMEM. On failure nothing is left to free. */
evs_status evsi_redis_config_load(evsi_redis_config *config, const char *json, size_t size,
                                  evs_error **out_error);
void evsi_redis_config_free(evsi_redis_config *config);

#endif
