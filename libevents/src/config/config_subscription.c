/* SPDX-License-Identifier: MIT
 * config_subscription.c - options of one subscription over the values of the configuration. The grammar of
 * the pattern is checked where patterns are compiled. */
#include "config/config_build.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/json_text.h"
#include "event/pattern.h"
#include "libevents_transport.h"

static uint32_t number_or(const json_t *given, const char *key, uint32_t otherwise) {
  const json_t *value = json_object_get(given, key);
  return json_is_integer(value) ? (uint32_t)json_integer_value(value) : otherwise;
}

static const char *text_or(const json_t *given, const char *key, const char *otherwise) {
  const char *text = evsi_get_text(given, key);
  return text ? text : otherwise;
}

/* Index of the transport, -1 and a problem when there is none to take. */
static int32_t choose_transport(evsi_check *check, const evsi_config *config, const json_t *given) {
  const char *name = evsi_get_text(given, "transport");
  size_t mark = evsi_check_push(check, "transport");
  int32_t index = -1;
  if (name)
    index = evsi_transport_index(check, config, name);
  else if (config->routing.default_transport >= 0)
    index = config->routing.default_transport;
  else if (config->transport_count == 1)
    index = 0;
  else
    evsi_check_problem(check,
                       &(evsi_problem){.message = "is required: routing.defaultTransport is null and there "
                                                  "are several transports",
                                       .expected = "the name of a transport"});
  evsi_check_pop(check, mark);
  return index;
}

static void take_topics(evsi_check *check, const json_t *given, evsi_subscription_options *out) {
  const json_t *topics = json_object_get(given, "topics");
  size_t index;
  json_t *topic;
  if (!topics)
    return;
  out->topics = evsi_build_array(check, json_array_size(topics), sizeof *out->topics);
  size_t mark = evsi_check_push(check, "topics");
  json_array_foreach(topics, index, topic) {
    const char *text = json_string_value(topic);
    if (!text || !out->topics)
      continue;
    size_t entry = evsi_check_push_index(check, index);
    if (!*text || strlen(text) > EVSI_TOPIC_WORD_MAX)
      evsi_check_problem(check,
                         &(evsi_problem){.message = "is not the name of a topic",
                                         .expected = "1 to 200 bytes, with the suffix, as in user-events"});
    else if ((out->topics[out->topic_count] = evsi_build_text(check, text)))
      out->topic_count++;
    evsi_check_pop(check, entry);
  }
  evsi_check_pop(check, mark);
}

static void take_origins(evsi_check *check, const evsi_config *config, json_t *given,
                         evsi_subscription_options *out) {
  json_t *origins = json_object_get(given, "origins");
  out->origins_set = origins || config->origins_set;
  if (origins) {
    size_t mark = evsi_check_push(check, "origins");
    evsi_build_origins(check, origins, &out->origins, &out->origin_count);
    evsi_check_pop(check, mark);
    return;
  }
  out->origins = evsi_build_array(check, config->origin_count, sizeof *out->origins);
  for (uint32_t i = 0; out->origins && i < config->origin_count; i++)
    if ((out->origins[out->origin_count] = evsi_build_text(check, config->origins[i])))
      out->origin_count++;
}

static void take_filter(evsi_check *check, const json_t *given, evsi_subscription_options *out) {
  const json_t *filter = json_object_get(given, "filter");
  if (!json_is_object(filter) || json_object_size(filter) == 0)
    return;
  out->filter_json = evsi_json_text(filter);
  check->nomem |= !out->filter_json;
}

static void take_unmatched(evsi_check *check, const evsi_config *config, const json_t *given,
                           evsi_subscription_options *out) {
  const char *text = evsi_get_text(given, "onUnmatched");
  out->on_unmatched = config->consumer.on_unmatched;
  if (!text)
    return;
  out->on_unmatched = strcmp(text, "dlq") == 0 ? EVSI_UNMATCHED_DLQ : EVSI_UNMATCHED_ACK;
  if (out->on_unmatched == EVSI_UNMATCHED_ACK ||
      (evsi_transport_capabilities(&config->transports[out->transport]) & EVS_CAP_DLQ))
    return;
  size_t mark = evsi_check_push(check, "onUnmatched");
  evsi_check_problem(check,
                     &(evsi_problem){.message = "asks for dead letters, which the transport does not have",
                                     .found = "dlq",
                                     .expected = "ack, or another transport"});
  evsi_check_pop(check, mark);
}

static void check_replay(evsi_check *check, const evsi_transport_config *transport, const char *replay) {
  if (!replay || (evsi_transport_capabilities(transport) & EVS_CAP_REPLAY))
    return;
  size_t mark = evsi_check_push(check, "replay");
  evsi_check_problem(check, &(evsi_problem){.message = "asks for a replay, which the transport cannot do",
                                            .expected = "another transport"});
  evsi_check_pop(check, mark);
}

/* Which topics hold what a pattern can match only some transports know. */
static void check_pattern(evsi_check *check, const evsi_transport_config *transport, const json_t *given) {
  const char *pattern = evsi_get_text(given, "pattern");
  bool is_type = pattern && !strchr(pattern, '*') && !evsi_pattern_is_expression(evsi_text(pattern));
  if (!pattern || is_type || json_array_size(json_object_get(given, "topics")) > 0 ||
      (evsi_transport_capabilities(transport) & EVS_CAP_PATTERN_ROUTING))
    return;
  size_t mark = evsi_check_push(check, "pattern");
  evsi_check_problem(check,
                     &(evsi_problem){.message = "is a pattern, and the transport has no pattern routing",
                                     .found = pattern,
                                     .expected = "a type, or the topics to read in \"topics\""});
  evsi_check_pop(check, mark);
}

static void check_subscribe(evsi_check *check, const evsi_transport_config *transport) {
  if (evsi_transport_capabilities(transport) & EVS_CAP_SUBSCRIBE)
    return;
  size_t mark = evsi_check_push(check, "transport");
  evsi_check_problem(check, &(evsi_problem){.message = "takes no subscriptions",
                                            .found = transport->name,
                                            .expected = "a transport that has the capability subscribe"});
  evsi_check_pop(check, mark);
}

/* What fails for good is dropped where there is no store to keep it. */
static void check_drops(evsi_check *check, const evsi_config *config, const json_t *given,
                        const evsi_transport_config *transport) {
  bool keeps = evsi_transport_capabilities(transport) & EVS_CAP_PERSISTENCE;
  if (keeps || config->consumer.validation_mode != EVSI_VALIDATE_STRICT ||
      evsi_get_bool(given, "poisonHandler"))
    return;
  evsi_check_problem(
      check,
      &(evsi_problem){.message = "validationMode is strict, and this transport drops what fails for good: "
                                 "nobody would be told",
                      .found = transport->name,
                      .expected = "a poison message handler, validationMode warn, or a transport that keeps "
                                  "dead letters"});
}

/* Digits, or digits-digits: milliseconds, or an offset. */
static bool is_position(const char *text) {
  size_t ms = strspn(text, "0123456789");
  const char *rest = text + ms;
  size_t seq = *rest == '-' ? strspn(rest + 1, "0123456789") : 0;
  return ms > 0 && ms <= 20 && seq <= 20 && (*rest == '\0' || (seq > 0 && rest[1 + seq] == '\0'));
}

static void take_position(evsi_check *check, const char *key, const char *text,
                          evsi_subscription_options *out) {
  out->from_new = strcmp(text, "new") == 0;
  if (out->from_new || strcmp(text, "earliest") == 0)
    return;
  if (is_position(text)) {
    out->from = evsi_build_text(check, text);
    return;
  }
  size_t mark = evsi_check_push(check, key);
  evsi_check_problem(check,
                     &(evsi_problem){.message = "is no place in a stream",
                                     .found = text,
                                     .expected = "earliest, new, an offset such as 1763920000000-0, or "
                                                 "a time in ms since 1970"});
  evsi_check_pop(check, mark);
}

/* The published names say the same in two options. */
static void take_from(evsi_check *check, const evsi_transport_config *transport, const json_t *given,
                      evsi_subscription_options *out) {
  const char *from = evsi_get_text(given, "from"), *reset = evsi_get_text(given, "autoOffsetReset");
  const char *offset = evsi_get_text(given, "startOffset");
  bool is_specific = reset ? strcmp(reset, "specific") == 0 : offset != NULL;
  if (from && (reset || offset))
    evsi_check_problem(check,
                       &(evsi_problem){.message = "from is given beside autoOffsetReset or startOffset, "
                                                  "which say the same",
                                       .expected = "from alone"});
  else if (is_specific && !offset)
    evsi_check_problem(check, &(evsi_problem){.message = "autoOffsetReset is specific, and startOffset is "
                                                         "missing",
                                              .expected = "startOffset, or from in place of both"});
  else if (is_specific)
    take_position(check, "startOffset", offset, out);
  else if (reset)
    out->from_new = strcmp(reset, "latest") == 0;
  else
    take_position(check, "from", from ? from : transport->starts_new ? "new" : "earliest", out);
}

static void take_version(evsi_check *check, const json_t *given, evsi_subscription_options *out) {
  const char *version = evsi_get_text(given, "version");
  evsi_number number;
  if (!version)
    return;
  if (evsi_number_parse(evsi_text(version), &number)) {
    out->version = evsi_build_text(check, version);
    return;
  }
  size_t mark = evsi_check_push(check, "version");
  evsi_check_problem(check, &(evsi_problem){.message = "is no version of a schema",
                                            .found = version,
                                            .expected = "<major>.<minor>.<patch>, such as 1.2.0"});
  evsi_check_pop(check, mark);
}

static void take(evsi_check *check, const evsi_config *config, json_t *given,
                 evsi_subscription_options *out) {
  int32_t index = choose_transport(check, config, given);
  if (index < 0)
    return;
  const evsi_transport_config *transport = &config->transports[index];
  out->transport = (uint32_t)index;
  out->pattern = evsi_build_text(check, evsi_get_text(given, "pattern"));
  const char *replay = evsi_get_text(given, "replay");
  const char *group = transport->group_id ? transport->group_id : config->service;
  char own[80];
  snprintf(own, sizeof own, "@replay-%.64s", replay ? replay : "");
  out->group = evsi_build_text(check, text_or(given, "group", replay ? own : group));
  out->replay = evsi_build_text(check, replay);
  out->name = evsi_build_text(check, evsi_get_text(given, "name"));
  out->consumer = evsi_build_text(check, text_or(given, "consumer", transport->consumer_id));
  const json_t *partition = json_object_get(given, "partition");
  out->partition = json_is_integer(partition) ? (int32_t)json_integer_value(partition) : EVS_PARTITION_NONE;
  out->max_crashes = number_or(given, "maxCrashes", transport->max_crashes);
  take_version(check, given, out);
  take_from(check, transport, given, out);
  out->has_concurrency = json_is_integer(json_object_get(given, "concurrency"));
  out->concurrency = number_or(given, "concurrency", config->consumer.concurrency);
  out->batch = number_or(given, "batch", 1);
  out->prefetch = number_or(given, "prefetch", config->consumer.prefetch);
  if (out->prefetch < out->batch)
    out->prefetch = out->batch;
  out->handler_timeout_ms = number_or(given, "handlerTimeout", config->consumer.handler_timeout_ms);
  out->retry = transport->retry;
  evsi_retry_override(&out->retry, json_object_get(given, "retry"));
  take_filter(check, given, out);
  take_unmatched(check, config, given, out);
  check_subscribe(check, transport);
  check_pattern(check, transport, given);
  check_replay(check, transport, replay);
  evsi_subscription_ordering(check, config, given, out);
  check_drops(check, config, given, transport);
  take_topics(check, given, out);
  take_origins(check, config, given, out);
}

evs_status evsi_subscription_options_load(const evsi_config *config, const char *json, size_t size,
                                          evsi_subscription_options *out_options, evs_error **out_error) {
  evsi_check check;
  if (!evsi_check_init(&check, false))
    return evsi_error_nomem(out_error);
  evsi_subscription_options options = {0};
  json_t *input = evsi_check_parse(&check, json, size);
  json_t *given = json_object();
  check.nomem |= !given;
  if (input && given) {
    evsi_walk(&check, &evsi_section_subscription, input, given, given);
    take(&check, config, given, &options);
  }
  json_decref(input);
  json_decref(given);
  evs_status status = EVS_OK;
  if (evsi_check_failed(&check)) {
    status = evsi_check_error(&check, "subscription options", out_error);
    evsi_subscription_options_free(&options);
  } else {
    *out_options = options;
  }
  evsi_check_free(&check);
  return status;
}
