/* SPDX-License-Identifier: MIT
 * config_load.c - the stages of reading a configuration, in order: text, keys with types and ranges,
 * transports, routing, features. Later stages run although earlier ones complained, so that everything is
 * told at once. */
#include "config/config_build.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "event/type_name.h"

/* ---- values without rules of their own ---------------------------------------------------------- */

static void build_prefix(evsi_build *build) {
  evsi_check *check = build->check;
  const char *prefix = evsi_get_text(build->full, "originPrefix");
  char folded[EVSI_TYPE_MAX + 1] = "", found[EVSI_FOUND_SIZE];
  evs_error *error = NULL;
  if (prefix && *prefix && evsi_prefix_fold(evsi_text(prefix), folded, &error) != EVS_OK) {
    size_t mark = evsi_check_push(check, "originPrefix");
    evsi_text_cut(prefix, found, sizeof found);
    evsi_check_problem(check, &(evsi_problem){.message = evs_error_message(error),
                                              .found = found,
                                              .expected = "segments of a-z, 0-9, '_' and '-' joined by '.'"});
    evsi_check_pop(check, mark);
    evs_error_free(error);
    folded[0] = '\0';
  }
  build->config->origin_prefix = evsi_build_text(check, folded);
  if (prefix && json_object_set_new(build->full, "originPrefix", json_string(folded)) != 0)
    check->nomem = true;
}

static int32_t log_level_of(const char *word) {
  static const char *const words[] = {"debug", "info", "warn", "error"};
  int32_t level = 0;
  while (word && level < 3 && strcmp(words[level], word) != 0)
    level++;
  return level;
}

static void build_identity(evsi_build *build) {
  evsi_config *config = build->config;
  const char *service = evsi_get_text(build->full, "service");
  if (service && strspn(service, " ") == strlen(service)) {
    size_t mark = evsi_check_push(build->check, "service");
    evsi_check_problem(
        build->check,
        &(evsi_problem){.message = "must not be blank", .found = service, .expected = "name of the service"});
    evsi_check_pop(build->check, mark);
  }
  config->service = evsi_build_text(build->check, service);
  config->validation_mode = evsi_get_mode(build->full, EVSI_VALIDATE_WARN);
  config->log_level = log_level_of(evsi_get_text(build->full, "logLevel"));
  const char *output = evsi_get_text(build->full, "logOutput");
  config->logs_to_stderr = output && strcmp(output, "stderr") == 0;
  build_prefix(build);
  json_t *origins = json_object_get(build->full, "origins");
  if (!json_is_array(origins))
    return;
  size_t mark = evsi_check_push(build->check, "origins");
  config->origins_set = true;
  evsi_build_origins(build->check, origins, &config->origins, &config->origin_count);
  evsi_check_pop(build->check, mark);
}

static void build_publisher(evsi_build *build) {
  evsi_config *config = build->config;
  const json_t *limits = json_object_get(build->full, "limits");
  const json_t *publisher = json_object_get(build->full, "publisher");
  config->limits.body_bytes = (uint64_t)evsi_get_int(limits, "bodyBytes");
  config->limits.header_count = (uint32_t)evsi_get_int(limits, "headerCount");
  config->limits.header_bytes = (uint32_t)evsi_get_int(limits, "headerBytes");
  config->limits.patterns = (uint32_t)evsi_get_int(limits, "patterns");
  evsi_retry_override(&config->publisher.retry, json_object_get(publisher, "retry"));
  config->publisher.timeout_ms = (uint32_t)evsi_get_int(publisher, "timeout");
  config->publisher.max_in_flight = (uint32_t)evsi_get_int(publisher, "maxInFlight");
  config->publisher.max_in_flight_bytes = (uint64_t)evsi_get_int(publisher, "maxInFlightBytes");
  config->publisher.hash = evsi_get_bool(publisher, "hash");
  config->publisher.validation_mode = evsi_get_mode(publisher, config->validation_mode);
  if (config->publisher.max_in_flight_bytes >= config->limits.body_bytes)
    return;
  char found[64], expected[64];
  size_t mark = evsi_check_push(build->check, "publisher");
  evsi_check_push(build->check, "maxInFlightBytes");
  snprintf(found, sizeof found, "%llu", (unsigned long long)config->publisher.max_in_flight_bytes);
  snprintf(expected, sizeof expected, "at least limits.bodyBytes: %llu",
           (unsigned long long)config->limits.body_bytes);
  evsi_check_problem(build->check,
                     &(evsi_problem){.message = "is less than the largest body: such an event could "
                                                "never be published",
                                     .found = found,
                                     .expected = expected});
  evsi_check_pop(build->check, mark);
}

static void build_consumer(evsi_build *build) {
  evsi_config *config = build->config;
  const json_t *consumer = json_object_get(build->full, "consumer");
  json_t *defaults = evsi_fill(&evsi_section_retry, NULL);
  build->check->nomem |= !defaults;
  evsi_retry_override(&config->consumer.retry, defaults);
  evsi_retry_override(&config->consumer.retry, json_object_get(consumer, "retry"));
  json_decref(defaults);
  config->consumer.handler_timeout_ms = (uint32_t)evsi_get_int(consumer, "handlerTimeout");
  config->consumer.concurrency = (uint32_t)evsi_get_int(consumer, "concurrency");
  config->consumer.prefetch = (uint32_t)evsi_get_int(consumer, "prefetch");
  config->consumer.prefetch_bytes = (uint64_t)evsi_get_int(consumer, "prefetchBytes");
  config->consumer.unmatched_grace_ms = (uint32_t)evsi_get_int(consumer, "unmatchedGrace");
  config->consumer.max_deferrals = (uint32_t)evsi_get_int(consumer, "maxDeferrals");
  config->consumer.close_deadline_ms = (uint32_t)evsi_get_int(consumer, "closeDeadline");
  const char *unmatched = evsi_get_text(consumer, "onUnmatched");
  config->consumer.on_unmatched =
      unmatched && strcmp(unmatched, "dlq") == 0 ? EVSI_UNMATCHED_DLQ : EVSI_UNMATCHED_ACK;
  const char *ordering = evsi_get_text(consumer, "ordering");
  config->consumer.has_ordering = ordering != NULL;
  config->consumer.ordering = evsi_ordering_of(ordering);
  config->consumer.verify_hash = evsi_get_bool(consumer, "verifyHash");
  config->consumer.validation_mode = evsi_get_mode(consumer, config->validation_mode);
  config->statistics.max_labels =
      (uint32_t)evsi_get_int(json_object_get(build->full, "statistics"), "maxLabels");
  const json_t *fleet = json_object_get(build->full, "fleet");
  config->fleet.enabled = evsi_get_bool(fleet, "enabled");
  config->fleet.interval_ms = (uint32_t)evsi_get_int(fleet, "interval");
}

/* ---- stages ------------------------------------------------------------------------------------ */

static void run_stages(evsi_build *build) {
  build_identity(build);
  build_publisher(build);
  evsi_build_sending(build);
  build_consumer(build);
  evsi_build_transports(build);
  evsi_build_routing(build);
  evsi_build_features(build);
  evsi_build_schemas(build);
  evsi_build_testing(build);
  evsi_fill_mask(build->check, &evsi_section_system, build->full);
  build->config->normalized_json = evsi_json_text(build->full);
  build->config->routing_json = evsi_json_text(json_object_get(build->full, "routing"));
  build->check->nomem |= !build->config->normalized_json || !build->config->routing_json;
}

/* The configuration, or NULL when check holds problems. Takes the reference to `input`. */
static evsi_config *load_tree(evsi_check *check, json_t *input) {
  evsi_build build = {.check = check, .given = json_object(), .config = evsi_calloc(1, sizeof(evsi_config))};
  if (build.given) {
    evsi_walk(check, &evsi_section_system, input, build.given, build.given);
    evsi_build_urls(check, build.given);
    evsi_build_compat(check, build.given);
    evsi_build_publisher(check, build.given);
    build.full = evsi_fill(&evsi_section_system, build.given);
  }
  if (build.full && build.config)
    run_stages(&build);
  else
    check->nomem = true;
  json_decref(input);
  json_decref(build.given);
  json_decref(build.full);
  if (!evsi_check_failed(check))
    return build.config;
  evsi_config_free(build.config);
  return NULL;
}

static evsi_config *load(evsi_check *check, const char *json, size_t size) {
  json_t *input = evsi_check_parse(check, json, size);
  return input ? load_tree(check, input) : NULL;
}

evs_status evsi_config_load(const char *json, size_t size, evsi_config **out_config, evs_error **out_error) {
  evsi_check check;
  if (!evsi_check_init(&check, true))
    return evsi_error_nomem(out_error);
  evsi_config *config = load(&check, json, size);
  evs_status status = config ? EVS_OK : evsi_check_error(&check, "configuration", out_error);
  evsi_check_free(&check);
  if (config)
    *out_config = config;
  return status;
}

/* Routing asks of transports only what they are called, so any that can do everything stands for them. */
static json_t *named_transports(const json_t *transports) {
  const char *name;
  json_t *each, *out = json_object();
  json_object_foreach((json_t *)transports, name, each) {
    json_object_set_new(out, name, json_pack("{s:s}", "type", "memory"));
  }
  return out;
}

/* A new document of the members that decide where events go. */
static json_t *routing_part(const json_t *document) {
  static const char *const members[] = {"originPrefix", "origins", "routing"};
  json_t *part = json_pack("{s:s,s:{s:i}}", "service", "explained", "limits", "patterns", 1000000);
  for (size_t i = 0; part && i < sizeof members / sizeof members[0]; i++) {
    json_t *value = json_object_get(document, members[i]);
    if (value)
      json_object_set(part, members[i], value);
  }
  json_t *transports = json_object_get(document, "transports");
  if (part && transports)
    json_object_set_new(part, "transports",
                        json_is_object(transports) ? named_transports(transports) : json_incref(transports));
  return part;
}

evs_status evsi_config_load_routing(const char *json, size_t size, evsi_config **out_config,
                                    evs_error **out_error) {
  evsi_check check;
  if (!evsi_check_init(&check, false))
    return evsi_error_nomem(out_error);
  json_t *document = evsi_check_parse(&check, json, size);
  json_t *part = document ? routing_part(document) : NULL;
  check.nomem |= document && !part;
  evsi_config *config = part ? load_tree(&check, part) : NULL;
  evs_status status = config ? EVS_OK : evsi_check_error(&check, "configuration", out_error);
  json_decref(document);
  evsi_check_free(&check);
  if (config)
    *out_config = config;
  return status;
}

evs_status evsi_config_report(const char *json, size_t size, char **out_json, evs_error **out_error) {
  evsi_check check;
  if (!evsi_check_init(&check, true))
    return evsi_error_nomem(out_error);
  evsi_config *config = load(&check, json, size);
  char *problems = evsi_json_text(check.problems), *warnings = evsi_json_text(check.warnings);
  char *report = NULL;
  bool nomem = check.nomem || check.path.failed || !problems || !warnings;
  if (!nomem) {
    evsi_buf text = {0};
    evsi_buf_addf(&text, "{\"valid\":%s,\"problems\":%s,\"warnings\":%s,\"normalized\":%s}",
                  config ? "true" : "false", problems, warnings, config ? config->normalized_json : "null");
    report = evsi_buf_take(&text);
  }
  evsi_free(problems);
  evsi_free(warnings);
  evsi_config_free(config);
  evsi_check_free(&check);
  if (!report)
    return evsi_error_nomem(out_error);
  *out_json = report;
  return EVS_OK;
}

/* ---- the end of it ----------------------------------------------------------------------------- */

static void free_texts(char **texts, uint32_t count) {
  for (uint32_t i = 0; i < count; i++)
    evsi_free(texts[i]);
  evsi_free(texts);
}

static void free_routing(evsi_config *config) {
  for (uint32_t i = 0; i < config->routing.route_count; i++) {
    evsi_free(config->routing.routes[i].name);
    evsi_free(config->routing.routes[i].pattern);
    evsi_free(config->routing.routes[i].topic);
    evsi_free(config->routing.routes[i].retention_json);
    evsi_free(config->routing.routes[i].transports);
  }
  for (uint32_t i = 0; i < config->routing.mapping_count; i++) {
    evsi_free(config->routing.mappings[i].pattern);
    evsi_free(config->routing.mappings[i].topic);
  }
  evsi_free(config->routing.routes);
  evsi_free(config->routing.mappings);
  evsi_free(config->routing.custom_topic);
  evsi_free(config->routing.topic_suffix);
}

void evsi_config_free(evsi_config *config) {
  if (!config)
    return;
  free_routing(config);
  for (uint32_t i = 0; i < config->transport_count; i++) {
    evsi_free(config->transports[i].name);
    evsi_free(config->transports[i].type);
    evsi_free(config->transports[i].options_json);
    evsi_free(config->transports[i].group_id);
    evsi_free(config->transports[i].consumer_id);
    evsi_free(config->transports[i].library);
    evsi_free(config->transports[i].plugin);
  }
  evsi_free(config->transports);
  evsi_stored_free(&config->schemas.types);
  evsi_free(config->schemas.folder);
  free_texts(config->origins, config->origin_count);
  evsi_free(config->normalized_json);
  evsi_free(config->routing_json);
  evsi_free(config->service);
  evsi_free(config->origin_prefix);
  evsi_free(config);
}

void evsi_subscription_options_free(evsi_subscription_options *options) {
  free_texts(options->topics, options->topic_count);
  free_texts(options->origins, options->origin_count);
  evsi_free(options->pattern);
  evsi_free(options->replay);
  evsi_free(options->from);
  evsi_free(options->filter_json);
  evsi_free(options->group);
  evsi_free(options->name);
  evsi_free(options->consumer);
  evsi_free(options->version);
  memset(options, 0, sizeof *options);
}
