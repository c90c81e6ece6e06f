/* SPDX-License-Identifier: MIT
 * topic.c - words that become topics. A route's own topic comes before all this and is the router's. */
#include "route/topic.h"

#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/error.h"
#include "event/pattern.h"

/* A mapping matches at any origin: as if written with a leading `*.`. */
static bool add_mapping(evsi_topics *topics, const char *pattern, uint32_t number) {
  char floated[EVSI_PATTERN_MAX + 3];
  if (evsi_pattern_is_floating(pattern))
    return evsi_pattern_trie_add(topics->mappings, pattern, number);
  int size = snprintf(floated, sizeof floated, "*.%s", pattern);
  return size > 0 && (size_t)size < sizeof floated &&
         evsi_pattern_trie_add(topics->mappings, floated, number);
}

evs_status evsi_topics_init(evsi_topics *topics, const evsi_config *config, evs_error **out_error) {
  topics->config = config;
  topics->mappings = evsi_pattern_trie_new();
  bool ok = topics->mappings != NULL;
  for (uint32_t i = 0; ok && i < config->routing.mapping_count; i++)
    ok = add_mapping(topics, config->routing.mappings[i].pattern, i);
  return ok ? EVS_OK : evsi_error_nomem(out_error);
}

void evsi_topics_free(evsi_topics *topics) {
  evsi_pattern_trie_free(topics->mappings);
  topics->mappings = NULL;
}

static bool note_lowest(void *data, uint32_t number) {
  uint32_t *lowest = data;
  if (number < *lowest)
    *lowest = number;
  return number != 0; /* nothing comes before the first */
}

/* Topic names know single dashes between letters and digits; types may be extended by `_` and `-`. */
static size_t topic_word(evs_bytes segment, char *out, size_t room) {
  size_t size = 0;
  bool is_gap = false;
  for (uint64_t i = 0; i < segment.size; i++) {
    char c = segment.data[i];
    if (c == '_' || c == '-') {
      is_gap = size > 0;
      continue;
    }
    if (size + is_gap + 1 > room)
      return 0;
    if (is_gap)
      out[size++] = '-';
    out[size++] = c;
    is_gap = false;
  }
  return size;
}

/* False when it is no topic name, or a too long one. */
static bool namespace_topic(const evsi_config *config, evs_bytes type, char out_topic[EVSI_TOPIC_BYTES]) {
  const char *dot = memchr(type.data, '.', type.size);
  const char *suffix = config->routing.topic_suffix ? config->routing.topic_suffix : "";
  size_t suffix_size = strlen(suffix);
  size_t size = topic_word(evsi_bytes(type.data, dot ? (size_t)(dot - type.data) : type.size), out_topic,
                           EVSI_TOPIC_BYTES - 1);
  if (size == 0)
    return false;
  bool has_suffix = size > suffix_size && memcmp(out_topic + size - suffix_size, suffix, suffix_size) == 0;
  if (has_suffix)
    suffix_size = 0;
  if (size + suffix_size >= EVSI_TOPIC_BYTES)
    return false;
  memcpy(out_topic + size, suffix, suffix_size);
  out_topic[size + suffix_size] = '\0';
  return true;
}

evs_status evsi_topics_choose(const evsi_topics *topics, evs_bytes full_type, evs_bytes type,
                              char out_topic[EVSI_TOPIC_BYTES], int64_t *out_mapping) {
  const evsi_config *config = topics->config;
  uint32_t lowest = UINT32_MAX;
  evsi_pattern_trie_match(topics->mappings, full_type, note_lowest, &lowest);
  if (lowest != UINT32_MAX) {
    *out_mapping = lowest;
    evsi_bytes_copy(out_topic, EVSI_TOPIC_BYTES, evsi_text(config->routing.mappings[lowest].topic));
    return EVS_OK;
  }
  *out_mapping = EVSI_TOPIC_BY_STRATEGY;
  if (config->routing.strategy == EVSI_TOPIC_CUSTOM && config->routing.custom_topic) {
    evsi_bytes_copy(out_topic, EVSI_TOPIC_BYTES, evsi_text(config->routing.custom_topic));
    return EVS_OK;
  }
  return namespace_topic(config, type, out_topic) ? EVS_OK : EVS_ROUTING;
}
