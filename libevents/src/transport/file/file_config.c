/* SPDX-License-Identifier: MIT
 * file_config.c - see file_config.h. Ranges were checked before; here values that are missing get their
 * defaults and impossible ones are bounded, so that a plain options object works too. */
#include "transport/file/file_config.h"

#include <jansson.h>
#include <string.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/error.h"
#include "base/json_text.h"

enum { RETENTION_DEFAULT = 100000 };

static uint32_t number(const json_t *root, const char *key, uint32_t fallback, uint32_t low, uint32_t high) {
  const json_t *value = json_object_get(root, key);
  double given = json_number_value(value);
  if (!json_is_number(value))
    return fallback;
  if (given < low)
    return low;
  return given > high ? high : (uint32_t)given;
}

static uint64_t large(const json_t *root, const char *key, uint64_t fallback) {
  const json_t *value = json_object_get(root, key);
  return json_is_integer(value) && json_integer_value(value) > 0 ? (uint64_t)json_integer_value(value)
                                                                 : fallback;
}

/* Something is always bounded: a stream that nobody bounds grows until the disk is full. */
static char *retention_of(const json_t *root) {
  json_t *given = json_object_get(root, "retention");
  json_t *retention = json_is_object(given) ? json_copy(given) : json_object();
  if (large(retention, "maxMessages", 0) == 0 && large(retention, "maxAge", 0) == 0 &&
      large(retention, "maxSize", 0) == 0)
    json_object_set_new(retention, "maxMessages", json_integer(RETENTION_DEFAULT));
  char *text = evsi_json_text(retention);
  json_decref(retention);
  return text;
}

static bool is_word(const json_t *root, const char *key, const char *word) {
  const char *text = json_string_value(json_object_get(root, key));
  return text && strcmp(text, word) == 0;
}

static void fill_in(evsi_file_config *config, const json_t *root) {
  const json_t *idempotent = json_object_get(root, "idempotent"),
               *letters = json_object_get(root, "dlqRetention");
  const char *path = json_string_value(json_object_get(root, "path"));
  config->path = path ? evsi_strdup(path) : NULL;
  config->is_full_sync = is_word(root, "synchronous", "full");
  config->session_timeout_ms = number(root, "sessionTimeout", 15000, 100, 3600000);
  config->lock_timeout_ms = number(root, "lockTimeout", 2000, 10, 60000);
  config->poll_ms = number(root, "pollInterval", 1000, 20, 60000);
  config->batch_size = number(root, "batchSize", 500, 1, 10000);
  if (json_is_true(idempotent) || json_is_object(idempotent)) {
    config->idempotent_ms = number(idempotent, "window", 600000, 1000, 2592000000);
    config->idempotent_max = number(idempotent, "max", 100000, 1, 10000000);
  }
  config->retention = retention_of(root);
  config->dlq_most = large(letters, "maxMessages", 1000000);
  config->dlq_longest_ms = large(letters, "maxAge", UINT64_C(2592000000));
  config->retention_interval_ms = number(root, "retentionInterval", 10000, 100, 3600000);
  config->acknowledgement = is_word(root, "acknowledgement", "none")      ? EVS_ACKNOWLEDGE_NONE
                            : is_word(root, "acknowledgement", "fsynced") ? EVS_ACKNOWLEDGE_FSYNCED
                                                                          : EVS_ACKNOWLEDGE_STORED;
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
