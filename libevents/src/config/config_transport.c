/* SPDX-License-Identifier: MIT
 * config_transport.c - rules of transports that look at more than one key, what their types can do, and
 * whether that is enough for what the document asks for. */
#include "config/config_build.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "config/config_capability.h"
#include "config/config_suggest.h"
#include "libevents_transport.h"

enum {
  BRIDGE_CAPABILITIES = EVS_CAP_PUBLISH | EVS_CAP_SUBSCRIBE | EVS_CAP_PATTERN_ROUTING | EVS_CAP_BATCHING |
                        EVS_CAP_PARTITIONING | EVS_CAP_CONSUMER_GROUPS,
  MEMORY_CAPABILITIES = BRIDGE_CAPABILITIES | EVS_CAP_ORDERING,
  STORE_CAPABILITIES = MEMORY_CAPABILITIES | EVS_CAP_PERSISTENCE | EVS_CAP_DELAY | EVS_CAP_DURABILITY |
                       EVS_CAP_RETENTION | EVS_CAP_REPLAY
};

uint64_t evsi_transport_capabilities(const evsi_transport_config *transport) {
  return transport->capabilities;
}

void evsi_build_urls(evsi_check *check, json_t *given) {
  const char *name;
  json_t *entry;
  size_t top = evsi_check_push(check, "transports");
  json_object_foreach(json_object_get(given, "transports"), name, entry) {
    const char *type = evsi_get_text(entry, "type");
    const evsi_section *section = type ? evsi_section_transport(type) : NULL;
    if (!section || !evsi_section_find(section, "url"))
      continue;
    size_t mark = evsi_check_push(check, name);
    evsi_url_apply(check, section, entry);
    evsi_check_pop(check, mark);
  }
  evsi_check_pop(check, top);
}

static void set_default(evsi_check *check, json_t *object, const char *key, const char *value) {
  if (!json_object_get(object, key) && json_object_set_new(object, key, json_string(value)) != 0)
    check->nomem = true;
}

void evsi_build_compat(evsi_check *check, json_t *given) {
  const char *name;
  json_t *entry;
  json_object_foreach(json_object_get(given, "transports"), name, entry) {
    if (!evsi_get_text(entry, "compat"))
      continue;
    set_default(check, entry, "keyLayout", "plain");
    set_default(check, entry, "groupId", "default-group");
  }
}

void evsi_build_publisher(evsi_check *check, json_t *given) {
  static const char *const keys[] = {"acknowledgement", "idempotent"};
  const char *name;
  json_t *entry;
  json_object_foreach(json_object_get(given, "transports"), name, entry) {
    const char *type = evsi_get_text(entry, "type");
    const evsi_section *section = type ? evsi_section_transport(type) : NULL;
    for (size_t i = 0; section && i < sizeof keys / sizeof keys[0]; i++) {
      json_t *value = json_object_get(json_object_get(given, "publisher"), keys[i]);
      if (value && evsi_section_find(section, keys[i]) && !json_object_get(entry, keys[i]))
        check->nomem |= json_object_set(entry, keys[i], value) != 0;
    }
  }
}

/* Names stand in dead letter ids (<transport>/<topic>/…), in paths and in labels. */
static void check_name(evsi_check *check, const char *name) {
  size_t size = strlen(name);
  if (size >= 1 && size <= 64 &&
      strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-") == size)
    return;
  evsi_check_problem(check, &(evsi_problem){.message = "is not a valid name of a transport",
                                            .expected = "1 to 64 letters, digits, '.', '_' or '-'"});
}

static bool begins_with(const char *text, const char *start) {
  return strncmp(text, start, strlen(start)) == 0;
}

/* Keys are told apart by how they begin, also when the server is searched for streams. */
static void check_prefixes(evsi_check *check, const json_t *full) {
  const char *stream = evsi_get_text(full, "streamPrefix"), *dlq = evsi_get_text(full, "dlqStreamPrefix");
  if (!stream || !dlq)
    return;
  static const char own[] = "evs:";
  if (begins_with(stream, dlq) || begins_with(dlq, stream))
    evsi_check_problem(check, &(evsi_problem){.message = "streamPrefix and dlqStreamPrefix begin alike",
                                              .expected = "neither begins with the other"});
  if (begins_with(stream, own) || begins_with(dlq, own) || begins_with(own, stream) || begins_with(own, dlq))
    evsi_check_problem(check,
                       &(evsi_problem){.message = "a prefix collides with \"evs:\", which begins the keys "
                                                  "that the transport keeps for itself",
                                       .expected = "prefixes such as \"stream:\" and \"dlq:\""});
}

static bool is_type(const evsi_transport_config *transport, const char *type) {
  return !transport->type || strcmp(transport->type, type) == 0;
}

/* What the document may count on; of a transport that is not built in, what it says itself. */
static uint64_t capabilities_of(evsi_check *check, const evsi_transport_config *transport,
                                const json_t *full) {
  bool is_plugin = is_type(transport, "plugin");
  if (is_type(transport, "memory"))
    return MEMORY_CAPABILITIES;
  if (!is_plugin && !is_type(transport, "bridge"))
    return STORE_CAPABILITIES | (transport->enable_dlq ? (uint64_t)EVS_CAP_DLQ : 0);
  size_t mark = evsi_check_push(check, "capabilities");
  uint64_t read = evsi_capabilities_read(check, json_object_get(full, "capabilities"),
                                         is_plugin ? evsi_capabilities_all() : BRIDGE_CAPABILITIES);
  evsi_check_pop(check, mark);
  return read;
}

/* Where a plug-in comes from, and what it is given. */
static void build_plugin(evsi_check *check, evsi_transport_config *out, const json_t *full) {
  out->library = evsi_build_text(check, evsi_get_text(full, "library"));
  out->plugin = evsi_build_text(check, evsi_get_text(full, "plugin"));
  out->options_json = evsi_json_text(json_object_get(full, "options"));
  out->enable_dlq = out->capabilities & EVS_CAP_DLQ;
  if (!out->library == !out->plugin)
    evsi_check_problem(check, &(evsi_problem){.message = "a plug-in has either \"library\" or \"plugin\"",
                                              .found = out->library ? "both" : "neither",
                                              .expected = "one of the two"});
  else if (out->library && !strchr(out->library, '/'))
    evsi_check_problem(
        check, &(evsi_problem){.message = "\"library\" is no path: it would be searched for elsewhere",
                               .found = out->library,
                               .expected = "a path with a slash in it, such as ./transport.so"});
}

static void build_one(evsi_build *build, evsi_transport_config *out, json_t *full) {
  evsi_check *check = build->check;
  out->type = evsi_build_text(check, evsi_get_text(full, "type"));
  out->group_id = evsi_build_text(check, evsi_get_text(full, "groupId"));
  out->consumer_id = evsi_build_text(check, evsi_get_text(full, "consumerId"));
  out->enable_dlq = evsi_get_bool(full, "enableDLQ");
  out->max_crashes = (uint32_t)evsi_get_int(full, "maxCrashes");
  int64_t most = evsi_get_int(json_object_get(build->given, "consumer"), "maxCrashes");
  if (most > 0 && out->max_crashes > 0)
    out->max_crashes = (uint32_t)most;
  const char *layout = evsi_get_text(full, "keyLayout");
  out->is_plain = layout && strcmp(layout, "plain") == 0;
  out->starts_new = evsi_get_text(full, "compat") != NULL;
  out->ordering = evsi_transport_ordering(full);
  evsi_retry_override(&out->retry, json_object_get(full, "retry"));
  evsi_retry_override(&out->retry, json_object_get(json_object_get(build->given, "consumer"), "retry"));
  check_prefixes(check, full);
  out->capabilities = capabilities_of(check, out, full);
  if (out->type && strcmp(out->type, "plugin") == 0) {
    build_plugin(check, out, full);
    return;
  }
  json_t *options = json_copy(full);
  if (options) {
    json_object_del(options, "url");
    out->options_json = evsi_json_text(options);
  }
  check->nomem |= !out->options_json;
  json_decref(options);
}

void evsi_build_transports(evsi_build *build) {
  json_t *transports = json_object_get(build->full, "transports");
  evsi_config *config = build->config;
  size_t count = json_object_size(transports);
  config->transports = evsi_build_array(build->check, count, sizeof *config->transports);
  if (!config->transports)
    return;
  size_t top = evsi_check_push(build->check, "transports");
  const char *name;
  json_t *entry;
  json_object_foreach(transports, name, entry) {
    size_t mark = evsi_check_push(build->check, name);
    evsi_transport_config *out = &config->transports[config->transport_count++];
    check_name(build->check, name);
    out->name = evsi_build_text(build->check, name);
    build_one(build, out, entry);
    evsi_check_pop(build->check, mark);
  }
  evsi_check_pop(build->check, top);
}

static void unknown_transport(evsi_check *check, const evsi_config *config, const char *name) {
  char found[EVSI_FOUND_SIZE], expected[EVSI_FOUND_SIZE];
  evsi_suggest suggest = {.word = name};
  size_t used = (size_t)snprintf(expected, sizeof expected, "one of:");
  for (uint32_t i = 0; i < config->transport_count && !evsi_check_full(check); i++) {
    const char *known = config->transports[i].name;
    if (!known)
      return;
    evsi_suggest_offer(&suggest, known, strlen(known));
    if (used < sizeof expected)
      used += (size_t)snprintf(expected + used, sizeof expected - used, " %s", known);
  }
  if (used >= sizeof expected)
    snprintf(expected, sizeof expected, "a name under transports");
  evsi_text_cut(name, found, sizeof found);
  evsi_check_problem(check, &(evsi_problem){.message = "no transport has this name",
                                            .found = found,
                                            .expected = expected,
                                            .suggestion = suggest.best});
}

int32_t evsi_transport_index(evsi_check *check, const evsi_config *config, const char *name) {
  for (uint32_t i = 0; i < config->transport_count; i++)
    if (config->transports[i].name && strcmp(config->transports[i].name, name) == 0)
      return (int32_t)i;
  /* Without any transport the missing part was told already. */
  if (config->transport_count > 0)
    unknown_transport(check, config, name);
  return -1;
}

/* ---- features ---------------------------------------------------------------------------------- */

typedef struct feature {
  const char *name;
  uint64_t capability;
} feature;

/* `which`: indexes of the transports that count, NULL for all. */
static void check_feature(evsi_build *build, const feature *asked, const uint32_t *which, uint32_t count) {
  uint32_t have = 0;
  char message[200];
  for (uint32_t i = 0; i < count; i++) {
    const evsi_transport_config *transport = &build->config->transports[which ? which[i] : i];
    have += (evsi_transport_capabilities(transport) & asked->capability) != 0;
  }
  if (have == count)
    return;
  snprintf(message, sizeof message, "asks for %s, which %s of the transports %s", asked->name,
           have ? "only some" : "none", have ? "have" : "has");
  evsi_problem problem = {.message = message, .expected = "a transport that can do it, or leave it out"};
  if (have)
    evsi_check_warning(build->check, &problem);
  else
    evsi_check_problem(build->check, &problem);
}

/* The published library knows one stream for a topic, and its consumers read no other. */
static void check_layout(evsi_build *build, const evsi_route *route) {
  for (uint32_t i = 0; i < route->transport_count; i++) {
    const evsi_transport_config *transport = &build->config->transports[route->transports[i]];
    if (transport->is_plain)
      evsi_check_problem(
          build->check,
          &(evsi_problem){.message =
                              "asks for partitions, which a transport with keyLayout plain does not have",
                          .found = transport->name,
                          .expected = "keyLayout tagged, or leave partitions out"});
  }
}

static void check_partitions(evsi_build *build, const evsi_route *route) {
  static const feature partitioning = {"partitions", EVS_CAP_PARTITIONING};
  size_t mark = evsi_check_push(build->check, "partitions");
  check_feature(build, &partitioning, route->transports, route->transport_count);
  check_layout(build, route);
  evsi_check_pop(build->check, mark);
}

static void check_partition(evsi_build *build, const evsi_route *route) {
  char found[32], expected[64];
  if (route->partitions == 0 || route->partition < (int32_t)route->partitions)
    return;
  size_t mark = evsi_check_push(build->check, "partition");
  snprintf(found, sizeof found, "%d", route->partition);
  snprintf(expected, sizeof expected, "0 to %u", route->partitions - 1);
  evsi_check_problem(
      build->check,
      &(evsi_problem){.message = "is none of the route's partitions", .found = found, .expected = expected});
  evsi_check_pop(build->check, mark);
}

static void check_retention(evsi_build *build, const evsi_route *route) {
  static const feature retention = {"retention", EVS_CAP_RETENTION};
  size_t mark = evsi_check_push(build->check, "retention");
  check_feature(build, &retention, route->transports, route->transport_count);
  evsi_check_pop(build->check, mark);
}

static void check_ordering(evsi_build *build, const evsi_route *route) {
  static const feature ordering = {"an order", EVS_CAP_ORDERING};
  size_t mark = evsi_check_push(build->check, "ordering");
  if (route->ordering != EVSI_ORDER_NONE)
    check_feature(build, &ordering, route->transports, route->transport_count);
  evsi_check_pop(build->check, mark);
  evsi_check_route_ordering(build, route);
}

static void check_route_features(evsi_build *build) {
  size_t top = evsi_check_push(build->check, "routing");
  size_t list = evsi_check_push(build->check, "routes");
  for (uint32_t i = 0; i < build->config->routing.route_count; i++) {
    const evsi_route *route = &build->config->routing.routes[i];
    size_t mark = evsi_check_push_index(build->check, i);
    if (route->partitions > 0)
      check_partitions(build, route);
    check_partition(build, route);
    if (route->retention_json)
      check_retention(build, route);
    check_ordering(build, route);
    evsi_check_pop(build->check, mark);
  }
  evsi_check_pop(build->check, list);
  evsi_check_pop(build->check, top);
}

void evsi_build_features(evsi_build *build) {
  static const struct {
    const char *part, *key, *value;
    feature feature;
  } asked[] = {
      {"routing", "enablePatternRouting", NULL, {"pattern routing", EVS_CAP_PATTERN_ROUTING}},
      {"routing", "enableBatching", NULL, {"batching", EVS_CAP_BATCHING}},
      {"routing", "enablePartitioning", NULL, {"partitioning", EVS_CAP_PARTITIONING}},
      {"routing", "enableConsumerGroups", NULL, {"consumer groups", EVS_CAP_CONSUMER_GROUPS}},
      {"consumer", "onUnmatched", "dlq", {"dead letters", EVS_CAP_DLQ}},
  };
  for (size_t i = 0; i < sizeof asked / sizeof asked[0]; i++) {
    const json_t *value = json_object_get(json_object_get(build->full, asked[i].part), asked[i].key);
    const char *text = json_string_value(value);
    if (!json_is_true(value) && !(asked[i].value && text && strcmp(text, asked[i].value) == 0))
      continue;
    size_t mark = evsi_check_push(build->check, asked[i].part);
    evsi_check_push(build->check, asked[i].key);
    check_feature(build, &asked[i].feature, NULL, build->config->transport_count);
    evsi_check_pop(build->check, mark);
  }
  check_route_features(build);
}
