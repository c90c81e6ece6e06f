/* SPDX-License-Identifier: MIT
 * redis_config.c - see redis_config.h. */
#include "transport/redis/redis_config.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/json_text.h"
#include "transport/options.h"

static bool copy_text(const json_t *root, const char *key, const char *fallback, char **out) {
  const char *text = json_string_value(json_object_get(root, key));
  if (!text)
    text = fallback;
  *out = text ? evsi_strdup(text) : NULL;
  return *out || !text;
}

static char *shown_address(const evsi_redis_config *config) {
  char text[512];
  if (config->path)
    snprintf(text, sizeof text, "unix://%s", config->path);
  else
    snprintf(text, sizeof text, strchr(config->host, ':') ? "%s://[%s]:%u" : "%s://%s:%u",
             config->tls ? "rediss" : "redis", config->host, (unsigned)config->port);
  return evsi_strdup(text);
}

static void fill_acknowledgement(evsi_redis_config *config, const json_t *root) {
  const json_t *given = json_object_get(root, "acknowledgement");
  config->acknowledgement = evsi_option_acknowledgement(root);
  config->replicas = evsi_option_number(given, "replicated", 1, 1, 100);
  config->acknowledge_timeout_ms = evsi_option_number(given, "timeout", 1000, 1, 300000);
}

static void fill_idempotent(evsi_redis_config *config, const json_t *given) {
  if (!json_is_true(given) && !json_is_object(given))
    return;
  config->idempotent_ms = evsi_option_number(given, "window", 600000, 1000, 2592000000);
  config->idempotent_max = evsi_option_number(given, "max", 100000, 1, 10000000);
}

static void fill_liveness(evsi_redis_config *config, const json_t *root) {
  const json_t *stale = json_object_get(root, "staleConsumerDetection");
  config->fences_entries = evsi_option_is(root, "fence", "entry");
  config->fails_without_group = evsi_option_is(root, "onGroupLost", "fail");
  config->stale_look_ms = evsi_option_number(stale, "cleanupInterval", 120000, 100, 86400000);
  config->stale_most = evsi_option_number(stale, "maxStaleConsumers", 100, 1, 10000);
  if (json_is_true(json_object_get(stale, "enabled")))
    config->stale_ms = evsi_option_large(stale, "staleThreshold", 60000);
}

static bool fill_in(evsi_redis_config *config, const json_t *root) {
  const json_t *reconnect = json_object_get(root, "reconnect");
  const json_t *letters = json_object_get(root, "dlqRetention");
  const json_t *jitter = json_object_get(reconnect, "jitter");
  config->layout.is_plain = evsi_option_is(root, "keyLayout", "plain");
  config->port = (uint16_t)evsi_option_number(root, "port", 6379, 1, 65535);
  config->db = evsi_option_number(root, "db", 0, 0, 65535);
  config->session_timeout_ms = evsi_option_number(root, "sessionTimeout", 15000, 100, 3600000);
  config->connect_timeout_ms = evsi_option_number(root, "connectTimeout", 5000, 100, 300000);
  config->handshake_timeout_ms = evsi_option_number(root, "handshakeTimeout", 5000, 100, 300000);
  config->keep_alive = !json_is_false(json_object_get(root, "keepAlive"));
  config->command_timeout_ms = evsi_option_number(root, "commandTimeout", 5000, 100, 300000);
  config->block_ms = evsi_option_number(root, "blockTime", 5000, 100, 30000);
  config->batch_size = evsi_option_number(root, "batchSize", 500, 1, 10000);
  config->discover_ms = evsi_option_number(root, "discoverInterval", 5000, 50, 3600000);
  fill_liveness(config, root);
  fill_acknowledgement(config, root);
  fill_idempotent(config, json_object_get(root, "idempotent"));
  config->dlq_most = evsi_option_large(letters, "maxMessages", 1000000);
  config->dlq_longest_ms = evsi_option_large(letters, "maxAge", UINT64_C(2592000000));
  config->retention_interval_ms = evsi_option_number(root, "retentionInterval", 10000, 100, 3600000);
  config->reconnect.strategy = EVS_BACKOFF_EXPONENTIAL;
  config->reconnect.base_delay_ms = evsi_option_number(reconnect, "baseDelay", 100, 1, 86400000);
  config->reconnect.max_delay_ms = evsi_option_number(reconnect, "maxDelay", 5000, 1, 86400000);
  config->reconnect.jitter = json_is_number(jitter) ? json_number_value(jitter) : 0.2;
  return copy_text(root, "host", "localhost", &config->host) &&
         copy_text(root, "path", NULL, &config->path) &&
         copy_text(root, "username", NULL, &config->username) &&
         copy_text(root, "password", NULL, &config->password) &&
         copy_text(root, "streamPrefix", "stream:", &config->layout.stream_prefix) &&
         copy_text(root, "dlqStreamPrefix", "dlq:", &config->layout.dlq_prefix) &&
         evsi_redis_layout_complete(&config->layout) &&
         (config->retention = evsi_option_retention(root)) != NULL &&
         (config->shown = shown_address(config)) != NULL;
}

static evs_status load_tls(evsi_redis_config *config, const json_t *tls, evs_error **out_error) {
  if (!json_is_object(tls) && !json_is_true(tls))
    return EVS_OK;
  evsi_tls_options options = {
      .ca = json_string_value(json_object_get(tls, "ca")),
      .ca_path = json_string_value(json_object_get(tls, "caPath")),
      .cert = json_string_value(json_object_get(tls, "cert")),
      .key = json_string_value(json_object_get(tls, "key")),
      .key_password = json_string_value(json_object_get(tls, "keyPassword")),
      .verify = !json_is_false(json_object_get(tls, "verify")),
  };
  if (!copy_text(tls, "serverName", NULL, &config->server_name))
    return evsi_error_nomem(out_error);
  return evsi_tls_new(&options, &config->tls, out_error);
}

evs_status evsi_redis_config_load(evsi_redis_config *config, const char *json, size_t size,
                                  evs_error **out_error) {
  memset(config, 0, sizeof *config);
  json_t *root = evsi_json_load(evsi_bytes(json, size), 0, NULL);
  if (!root)
    return evsi_error_nomem(out_error);
  if (!json_is_object(root)) {
    json_decref(root);
    return evsi_error(out_error, EVS_CONFIG, "",
                      "the options of a redis-streams transport are no JSON object");
  }
  evs_status status = load_tls(config, json_object_get(root, "tls"), out_error);
  if (status == EVS_OK && !fill_in(config, root))
    status = evsi_error_nomem(out_error);
  json_decref(root);
  if (status != EVS_OK)
    evsi_redis_config_free(config);
  return status;
}

void evsi_redis_config_free(evsi_redis_config *config) {
  if (config->password)
    explicit_bzero(config->password, strlen(config->password));
  evsi_free(config->host);
  evsi_free(config->path);
  evsi_free(config->username);
  evsi_free(config->password);
  evsi_redis_layout_free(&config->layout);
  evsi_free(config->server_name);
  evsi_tls_free(config->tls);
  evsi_free(config->retention);
  evsi_free(config->shown);
  memset(config, 0, sizeof *config);
}
