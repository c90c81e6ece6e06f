/* SPDX-License-Identifier: MIT
 * file_config.c - see file_config.h. */
#include "transport/file/file_config.h"

#include <jansson.h>
#include <string.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/error.h"
#include "base/json_text.h"
#include "transport/options.h"

static void fill_in(evsi_file_config *config, const json_t *root) {
  const json_t *idempotent = json_object_get(root, "idempotent"),
               *letters = json_object_get(root, "dlqRetention");
  const char *path = json_string_value(json_object_get(root, "path"));
  config->path = path ? evsi_strdup(path) : NULL;
  config->is_full_sync = evsi_option_is(root, "synchronous", "full");
  config->session_timeout_ms = evsi_option_number(root, "sessionTimeout", 15000, 100, 3600000);
  config->lock_timeout_ms = evsi_option_number(root, "lockTimeout", 2000, 10, 60000);
  config->poll_ms = evsi_option_number(root, "pollInterval", 1000, 20, 60000);
  config->batch_size = evsi_option_number(root, "batchSize", 500, 1, 10000);
  if (json_is_true(idempotent) || json_is_object(idempotent)) {
    config->idempotent_ms = evsi_option_number(idempotent, "window", 600000, 1000, 2592000000);
    config->idempotent_max = evsi_option_number(idempotent, "max", 100000, 1, 10000000);
  }
  config->retention = evsi_option_retention(root);
  config->dlq_most = evsi_option_large(letters, "maxMessages", 1000000);
  config->dlq_longest_ms = evsi_option_large(letters, "maxAge", UINT64_C(2592000000));
  config->retention_interval_ms = evsi_option_number(root, "retentionInterval", 10000, 100, 3600000);
  config->acknowledgement = evsi_option_acknowledgement(root);
}

evs_status evsi_file_config_load(evsi_file_config *config, const char *json, size_t size,
                                 evs_error **out_error) {
  memset(config, 0, sizeof *config);
  json_t *root = evsi_json_load(evsi_bytes(json, size), 0, NULL);
  evs_status status = root ? EVS_OK : evsi_error_nomem(out_error);
  if (root && (!json_is_object(root) || !json_is_string(json_object_get(root, "path"))))
    status = evsi_error(out_error, EVS_CONFIG, "/path", "a file transport needs a path");
  if (status == EVS_OK) {
    fill_in(config, root);
    if (!config->path || !config->retention)
      status = evsi_error_nomem(out_error);
  }
  json_decref(root);
  if (status != EVS_OK)
    evsi_file_config_free(config);
  return status;
}

void evsi_file_config_free(evsi_file_config *config) {
  evsi_free(config->path);
  evsi_free(config->retention);
  memset(config, 0, sizeof *config);
}
