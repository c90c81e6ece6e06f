/* SPDX-License-Identifier: MIT
 * config_fuzz.c - libFuzzer target: any bytes as a configuration and as options of a subscription. Beyond not
 * crashing, what the check calls valid must load, and what loads must have what others rely on. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "config/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char document[] = "{\"service\":\"s\",\"transports\":{\"m\":{\"type\":\"memory\"},"
                               "\"r\":{\"type\":\"redis-streams\"}}}";

static void require(int condition) {
  if (!condition)
    abort();
}

static void fuzz_options(const char *text, size_t size) {
  static evsi_config *config;
  evsi_subscription_options options = {0};
  evs_error *error = NULL;
  if (!config)
    require(evsi_config_load(document, sizeof document - 1, &config, NULL) == EVS_OK);
  evs_status status = evsi_subscription_options_load(config, text, size, &options, &error);
  require(status == EVS_OK || status == EVS_CONFIG);
  require(status != EVS_OK ||
          (options.pattern && options.group && options.transport < config->transport_count));
  evsi_subscription_options_free(&options);
  evs_error_free(error);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  const char *text = (const char *)data;
  evsi_config *config = NULL;
  evs_error *error = NULL;
  char *report = NULL;
  evs_status status = evsi_config_load(text, size, &config, &error);
  require(status == EVS_OK || status == EVS_CONFIG);
  require((status == EVS_OK) == (config != NULL) && (status == EVS_OK) == (error == NULL));
  if (config) {
    require(config->service && config->origin_prefix && config->transport_count > 0);
    require(config->routing.default_transport < (int32_t)config->transport_count);
    for (uint32_t i = 0; i < config->routing.route_count; i++)
      require(config->routing.routes[i].pattern && config->routing.routes[i].transport_count > 0);
  }
  require(evsi_config_report(text, size, &report, NULL) == EVS_OK);
  require((strstr(report, "{\"valid\":true") == report) == (status == EVS_OK));
  evsi_free(report);
  evs_error_free(error);
  evsi_config_free(config);
  fuzz_options(text, size);
  return 0;
}
