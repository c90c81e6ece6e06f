/* SPDX-License-Identifier: MIT
 * config_sending.c - parts of `publisher` that say how events go out: rate limiting, batching, compression.
 */
#include "config/config_build.h"

#include <stdio.h>
#include <string.h>

static bool is_word(const json_t *object, const char *key, const char *word) {
  const char *given = evsi_get_text(object, key);
  return given && strcmp(given, word) == 0;
}

static void build_rate_limiting(evsi_build *build, const json_t *part) {
  evsi_rate_limiting *out = &build->config->publisher.rate_limiting;
  out->enabled = evsi_get_bool(part, "enabled"); /* of no object neither */
  if (!out->enabled)
    return;
  out->rate = (evsi_rate){.max_requests = (uint32_t)evsi_get_int(part, "maxRequests"),
                          .window_us = (uint64_t)evsi_get_int(part, "timeWindow") * 1000};
  out->rate.strategy =
      is_word(part, "strategy", "token-bucket") ? EVSI_RATE_TOKEN_BUCKET : EVSI_RATE_SLIDING_WINDOW;
  out->on_limit = is_word(part, "onLimit", "reject") ? EVSI_RATE_REJECT : EVSI_RATE_WAIT;
  out->scope = is_word(part, "scope", "type")    ? EVSI_RATE_PER_TYPE
               : is_word(part, "scope", "topic") ? EVSI_RATE_PER_TOPIC
                                                 : EVSI_RATE_PER_SYSTEM;
}

static void build_batching(evsi_build *build, const json_t *part) {
  evsi_batching *out = &build->config->publisher.batching;
  out->enabled = evsi_get_bool(part, "enabled"); /* of no object neither */
  out->strategy = is_word(part, "strategy", "time")        ? EVSI_BATCH_BY_TIME
                  : is_word(part, "strategy", "partition") ? EVSI_BATCH_BY_PARTITION
                                                           : EVSI_BATCH_BY_SIZE;
  out->max_size = (uint32_t)evsi_get_int(part, "maxSize");
  out->max_bytes = (uint64_t)evsi_get_int(part, "maxBytes");
  out->max_wait_ms = (uint32_t)evsi_get_int(part, "maxWaitMs");
  out->max_concurrent = (uint32_t)evsi_get_int(part, "maxConcurrentBatches");
}

static void build_compression(evsi_build *build, const json_t *part) {
  enum { LZ4_LEVEL_MAX = 12 };
  evsi_compression *out = &build->config->publisher.compression;
  const char *word = evsi_get_text(part, "algorithm");
  out->algorithm = evsi_encoding_of(evsi_text(word));
  out->min_bytes = (uint64_t)evsi_get_int(part, "minBytes");
  out->level = (int32_t)evsi_get_int(part, "level");
  if (out->algorithm != EVSI_ENCODING_LZ4 || out->level <= LZ4_LEVEL_MAX)
    return;
  char found[16];
  snprintf(found, sizeof found, "%d", (int)out->level);
  size_t mark = evsi_check_push(build->check, "publisher");
  evsi_check_push(build->check, "compression");
  evsi_check_push(build->check, "level");
  evsi_check_problem(build->check, &(evsi_problem){.message = "is more than lz4 has",
                                                   .found = found,
                                                   .expected = "1 to 12, or algorithm: zstd"});
  evsi_check_pop(build->check, mark);
}

void evsi_build_sending(evsi_build *build) {
  const json_t *publisher = json_object_get(build->full, "publisher");
  build_rate_limiting(build, json_object_get(publisher, "rateLimiting"));
  build_batching(build, json_object_get(publisher, "batching"));
  build_compression(build, json_object_get(publisher, "compression"));
}
