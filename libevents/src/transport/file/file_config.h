/* SPDX-License-Identifier: MIT
 * file_config.h - checked options of a file transport. Private to transport/file. */
#ifndef EVSI_FILE_CONFIG_H
#define EVSI_FILE_CONFIG_H

#include <stdbool.h>
#include <stdint.h>

#include "libevents.h"

typedef struct evsi_file_config {
  char *path;
  bool is_full_sync; /* each commit reaches the disk */
  uint32_t session_timeout_ms, lock_timeout_ms, poll_ms, batch_size;
  uint64_t idempotent_ms; /* how long ids are remembered; 0: they are not */
  uint64_t idempotent_max;
  char *retention; /* JSON {maxMessages, maxAge, maxSize, force} */
  uint64_t dlq_most, dlq_longest_ms;
  uint32_t retention_interval_ms;
  uint32_t acknowledgement; /* EVS_ACKNOWLEDGE_… */
} evsi_file_config;

evs_status evsi_file_config_load(evsi_file_config *config, const char *json, size_t size,
                                 evs_error **out_error);
void evsi_file_config_free(evsi_file_config *config);

#endif
