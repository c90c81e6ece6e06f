/* SPDX-License-Identifier: MIT
 * config_routing.c - checks routes, mappings and topic words and builds config->routing. Choosing a route for
 * an event is route/router. */
#include "config/config_build.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "config/config_suggest.h"
#include "event/pattern.h"
#include "event/type_name.h"

/* ---- topic words ------------------------------------------------------------------------------- */

static bool ends_with(const char *text, const char *end) {
  size_t size = strlen(text), end_size = strlen(end);
  return size >= end_size && strcmp(text + size - end_size, end) == 0;
}

/* The topic of a word, in evsi_alloc memory, or NULL and a problem at the reader's place. */
static char *topic_of(evsi_build *build, const char *word) {
  const char *suffix = build->config->routing.topic_suffix;
  char found[EVSI_FOUND_SIZE], topic[2 * EVSI_TOPIC_WORD_MAX + 1];
  if (!suffix)
    return NULL;
  evsi_text_cut(word, found, sizeof found);
  size_t size = strlen(word);
  if (size > EVSI_TOPIC_WORD_MAX)
    size = EVSI_TOPIC_WORD_MAX;
  bool folded = false;
  for (size_t i = 0; i < size; i++) {
    bool upper = word[i] >= 'A' && word[i] <= 'Z';
    topic[i] = upper ? (char)(word[i] + 32) : word[i];
    folded |= upper;
  }
  topic[size] = '\0';
  if (!ends_with(topic, suffix))
    snprintf(topic + size, sizeof topic - size, "%s", suffix);
  if (!evsi_topic_is_valid(evsi_text(topic)) || strlen(topic) > EVSI_TOPIC_WORD_MAX) {
    evsi_check_problem(build->check,
                       &(evsi_problem){.message = "is not a valid topic word",
                                       .found = found,
                                       .expected =
                                           "a-z and 0-9 in parts joined by single '-', at most 200 bytes "
                                           "with the suffix"});
    return NULL;
  }
  if (folded)
    evsi_check_warning(build->check, &(evsi_problem){.message = "has upper case, which becomes lower case",
                                                     .found = found,
                                                     .expected = topic});
  return evsi_build_text(build->check, topic);
}

/* ---- patterns ---------------------------------------------------------------------------------- */

/* The normal form, in evsi_alloc memory, or NULL and a problem. */
static char *pattern_of(evsi_build *build, const char *pattern) {
  const evsi_config *config = build->config;
  evsi_origin_rule rule = {.origin_prefix = config->origin_prefix ? config->origin_prefix : "",
                           .origins = (const char *const *)config->origins,
                           .origin_count = config->origin_count,
                           .origins_set = config->origins_set,
                           .extended_types = config->routing.extended_types};
  char normal[EVSI_PATTERN_MAX + 1], found[EVSI_FOUND_SIZE];
  evs_error *error = NULL;
  evs_status status = evsi_pattern_normalize(evsi_text(pattern), &rule, normal, &error);
  if (status == EVS_OK)
    return evsi_build_text(build->check, normal);
  if (status == EVS_NOMEM)
    build->check->nomem = true;
  evsi_text_cut(pattern, found, sizeof found);
  evsi_check_problem(build->check,
                     &(evsi_problem){.message = evs_error_message(error),
                                     .found = found,
                                     .expected = "a pattern such as user.created, user.* or *.user.*"});
  evs_error_free(error);
  return NULL;
}

/* ---- mappings ---------------------------------------------------------------------------------- */

static void build_mapping(evsi_build *build, json_t *normal, const char *name, const json_t *word) {
  char *pattern = pattern_of(build, name);
  char *topic = topic_of(build, json_string_value(word));
  evsi_config *config = build->config;
  if (pattern && json_object_get(normal, pattern)) {
    evsi_check_warning(build->check,
                       &(evsi_problem){.message = "is an earlier pattern in other letters: never used",
                                       .expected = pattern});
  } else if (pattern && topic) {
    if (json_object_set_new(normal, pattern, json_string(topic)) != 0)
      build->check->nomem = true;
    config->routing.mappings[config->routing.mapping_count++] = (evsi_topic_mapping){pattern, topic};
    return;
  }
  evsi_free(pattern);
  evsi_free(topic);
}

static void build_mappings(evsi_build *build, json_t *routing) {
  json_t *mapping = json_object_get(routing, "topicMapping");
  evsi_config *config = build->config;
  json_t *normal = json_object();
  config->routing.mappings =
      evsi_build_array(build->check, json_object_size(mapping), sizeof *config->routing.mappings);
  build->check->nomem |= !normal;
  size_t top = evsi_check_push(build->check, "topicMapping");
  const char *name;
  json_t *word;
  json_object_foreach(mapping, name, word) {
    if (!normal || !config->routing.mappings)
      break;
    size_t mark = evsi_check_push(build->check, name);
    build_mapping(build, normal, name, word);
    evsi_check_pop(build->check, mark);
  }
  evsi_check_pop(build->check, top);
  if (json_object_set_new(routing, "topicMapping", normal) != 0)
    build->check->nomem = true;
}

/* ---- routes ------------------------------------------------------------------------------------ */

static void build_route_transports(evsi_build *build, evsi_route *out, const json_t *names) {
  size_t count = json_array_size(names);
  out->transports = evsi_build_array(build->check, count, sizeof *out->transports);
  size_t top = evsi_check_push(build->check, "transports");
  for (size_t i = 0; out->transports && i < count; i++) {
    const char *name = json_string_value(json_array_get(names, i));
    size_t mark = evsi_check_push_index(build->check, i);
    int32_t index = name ? evsi_transport_index(build->check, build->config, name) : -1;
    bool repeated = false;
    for (uint32_t j = 0; j < out->transport_count; j++)
      repeated |= index >= 0 && out->transports[j] == (uint32_t)index;
    if (repeated)
      evsi_check_problem(build->check, &(evsi_problem){.message = "names a transport for the second time",
                                                       .found = name,
                                                       .expected = "each once"});
    else if (index >= 0)
      out->transports[out->transport_count++] = (uint32_t)index;
    evsi_check_pop(build->check, mark);
  }
  evsi_check_pop(build->check, top);
}

static char *build_member(evsi_build *build, json_t *route, const char *key,
                          char *(*normal_form)(evsi_build *, const char *)) {
  const char *text = evsi_get_text(route, key);
  if (!text)
    return NULL;
  size_t mark = evsi_check_push(build->check, key);
  char *normal = normal_form(build, text);
  evsi_check_pop(build->check, mark);
  if (normal && json_object_set_new(route, key, json_string(normal)) != 0)
    build->check->nomem = true;
  return normal;
}

/* A limit, or being forced, makes it one of the route's own. */
static char *retention_of(evsi_build *build, const json_t *route) {
  static const char *const limits[] = {"maxMessages", "maxAge", "maxSize"};
  const json_t *retention = json_object_get(route, "retention");
  bool is_given = evsi_get_bool(retention, "force");
  for (size_t i = 0; i < sizeof limits / sizeof limits[0]; i++)
    is_given |= json_is_integer(json_object_get(retention, limits[i]));
  char *text = is_given ? evsi_json_text(retention) : NULL;
  build->check->nomem |= is_given && !text;
  return text;
}

static void build_route(evsi_build *build, evsi_route *out, json_t *route) {
  out->name = evsi_build_text(build->check, evsi_get_text(route, "name"));
  out->pattern = build_member(build, route, "pattern", pattern_of);
  out->topic = build_member(build, route, "topic", topic_of);
  out->priority = evsi_get_int(route, "priority");
  out->partitions = (uint32_t)evsi_get_int(route, "partitions");
  const json_t *partition = json_object_get(route, "partition");
  out->partition = json_is_integer(partition) ? (int32_t)json_integer_value(partition) : EVS_PARTITION_NONE;
  const char *by = evsi_get_text(route, "partitionKey");
  out->partitioning =
      by && strcmp(by, "roundRobin") == 0 ? EVSI_PARTITION_ROUND_ROBIN : EVSI_PARTITION_BY_KEY;
  evsi_build_ordering(build, out, route);
  out->enabled = evsi_get_bool(route, "enabled");
  out->retention_json = retention_of(build, route);
  build_route_transports(build, out, json_object_get(route, "transports"));
}

static int compare_routes(const void *left, const void *right) {
  const evsi_route *a = *(const evsi_route *const *)left, *b = *(const evsi_route *const *)right;
  int order = strcmp(a->pattern, b->pattern);
  if (order != 0)
    return order;
  if (a->priority != b->priority)
    return a->priority < b->priority ? -1 : 1;
  return a < b ? -1 : a > b;
}

/* Of two routes with one pattern and priority the later one is never used. */
static void check_duplicates(evsi_build *build) {
  evsi_config *config = build->config;
  const evsi_route **sorted = evsi_build_array(build->check, config->routing.route_count, sizeof *sorted);
  size_t count = 0;
  for (uint32_t i = 0; sorted && i < config->routing.route_count; i++)
    if (config->routing.routes[i].pattern && config->routing.routes[i].enabled)
      sorted[count++] = &config->routing.routes[i];
  if (count > 1)
    qsort(sorted, count, sizeof *sorted, compare_routes);
  for (size_t i = 1; i < count; i++) {
    const evsi_route *first = sorted[i - 1], *second = sorted[i];
    if (first->priority != second->priority || strcmp(first->pattern, second->pattern) != 0)
      continue;
    char message[128];
    snprintf(message, sizeof message, "has the pattern and priority of route %zu: never used",
             (size_t)(first - config->routing.routes));
    size_t mark = evsi_check_push_index(build->check, (size_t)(second - config->routing.routes));
    evsi_check_warning(build->check, &(evsi_problem){.message = message,
                                                     .found = second->pattern,
                                                     .expected = "another priority, or one route"});
    evsi_check_pop(build->check, mark);
  }
  evsi_free(sorted);
}

static void build_routes(evsi_build *build, json_t *routing) {
  const json_t *routes = json_object_get(routing, "routes");
  evsi_config *config = build->config;
  size_t index;
  json_t *route;
  config->routing.routes =
      evsi_build_array(build->check, json_array_size(routes), sizeof *config->routing.routes);
  if (!config->routing.routes)
    return;
  size_t top = evsi_check_push(build->check, "routes");
  json_array_foreach(routes, index, route) {
    size_t mark = evsi_check_push_index(build->check, index);
    build_route(build, &config->routing.routes[config->routing.route_count++], route);
    evsi_check_pop(build->check, mark);
  }
  check_duplicates(build);
  evsi_check_pop(build->check, top);
}

/* ---- the rest ---------------------------------------------------------------------------------- */

static void build_suffix(evsi_build *build, json_t *routing) {
  const char *suffix = evsi_get_text(routing, "topicSuffix");
  char probe[EVSI_TOPIC_WORD_MAX];
  snprintf(probe, sizeof probe, "a%s", suffix ? suffix : "");
  if (suffix && !evsi_topic_is_valid(evsi_text(probe))) {
    size_t mark = evsi_check_push(build->check, "topicSuffix");
    evsi_check_problem(build->check,
                       &(evsi_problem){.message = "cannot end the name of a topic",
                                       .found = suffix,
                                       .expected = "such as \"-events\": a-z, 0-9 and single '-'; or "
                                                   "empty"});
    evsi_check_pop(build->check, mark);
    /* Otherwise every topic of the document would be blamed for it. */
    suffix = "-events";
  }
  build->config->routing.topic_suffix = evsi_build_text(build->check, suffix);
}

static void build_strategy(evsi_build *build, json_t *routing) {
  evsi_config *config = build->config;
  const char *strategy = evsi_get_text(routing, "defaultTopicStrategy");
  if (strategy && strcmp(strategy, "custom") == 0)
    config->routing.strategy = EVSI_TOPIC_CUSTOM;
  const char *word = evsi_get_text(routing, "customTopicWord");
  size_t mark = evsi_check_push(build->check, "customTopicWord");
  char *topic = word ? topic_of(build, word) : NULL;
  if (!word && config->routing.strategy == EVSI_TOPIC_CUSTOM)
    evsi_check_problem(build->check, &(evsi_problem){.message = "is required by the topic strategy custom",
                                                     .expected = "a topic word"});
  evsi_check_pop(build->check, mark);
  if (config->routing.strategy == EVSI_TOPIC_CUSTOM)
    config->routing.custom_topic = topic;
  else
    evsi_free(topic);
}

static void build_default_transport(evsi_build *build, json_t *routing) {
  evsi_config *config = build->config;
  const json_t *value = json_object_get(routing, "defaultTransport");
  const char *name = json_string_value(value);
  config->routing.default_transport = -1;
  if (json_is_null(value))
    return;
  size_t mark = evsi_check_push(build->check, "defaultTransport");
  if (name)
    config->routing.default_transport = evsi_transport_index(build->check, config, name);
  else if (config->transport_count > 0)
    config->routing.default_transport = 0;
  evsi_check_pop(build->check, mark);
  const char *first = config->transport_count > 0 ? config->transports[0].name : NULL;
  if (!name && first && json_object_set_new(routing, "defaultTransport", json_string(first)) != 0)
    build->check->nomem = true;
}

static void check_pattern_count(evsi_build *build) {
  const evsi_config *config = build->config;
  uint64_t count = (uint64_t)config->routing.route_count + config->routing.mapping_count;
  char found[64];
  if (count <= config->limits.patterns)
    return;
  snprintf(found, sizeof found, "%llu patterns", (unsigned long long)count);
  evsi_check_problem(build->check, &(evsi_problem){.message = "has more patterns than limits.patterns allows",
                                                   .found = found,
                                                   .expected = "fewer, or a higher limit"});
}

void evsi_build_routing(evsi_build *build) {
  evsi_config *config = build->config;
  json_t *routing = json_object_get(build->full, "routing");
  size_t mark = evsi_check_push(build->check, "routing");
  config->routing.validation_mode = evsi_get_mode(routing, config->validation_mode);
  config->routing.extended_types = evsi_get_bool(routing, "extendedTypes");
  build->check->strict = config->routing.validation_mode == EVSI_VALIDATE_STRICT;
  build_suffix(build, routing);
  build_strategy(build, routing);
  build_default_transport(build, routing);
  build_mappings(build, routing);
  build_routes(build, routing);
  check_pattern_count(build);
  evsi_check_pop(build->check, mark);
}
