/* SPDX-License-Identifier: MIT
 * asyncapi.c - writes the AsyncAPI document. Schemas go in as the texts that they are, so that no digit of
 * them is lost; what AsyncAPI has no words for (groups, partitions, order, dead letters) stands in
 * x-libevents members. */
#include "route/asyncapi.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "event/pattern.h"
#include "event/type_name.h"
#include "route/router_parts.h"
#include "schema/evaluate.h"

/* A type in one version, or without a schema. */
typedef struct message {
  char type[EVSI_TYPE_MAX + 1];
  const evsi_schema_version *version; /* NULL: nothing is known of its body */
  evsi_decision decision;             /* where this service would publish it */
  bool goes_somewhere;
} message;

typedef struct writer {
  const evsi_asyncapi_parts *parts;
  message *messages; /* those of a type one after the other */
  uint32_t count, capacity;
  evsi_buf out;
} writer;

static void add_string(evsi_buf *out, const char *before, const char *text) {
  evsi_buf_add_text(out, before);
  evsi_buf_add_json(out, text, strlen(text));
}

static bool add_message(writer *w, const char *type, const evsi_schema_version *version) {
  uint32_t winner = 0;
  evsi_evidence evidence = {
      .origin = evsi_text(w->parts->config->origin_prefix), .is_dry = true, .ranks = &winner, .max = 1};
  evsi_route_query query = {.type = evsi_text(type), .partition = EVS_PARTITION_NONE, .transport = -1};
  if (w->count == w->capacity) {
    uint32_t capacity = w->capacity ? 2 * w->capacity : 16;
    message *grown = evsi_realloc(w->messages, capacity * sizeof *grown);
    if (!grown)
      return false;
    w->messages = grown;
    w->capacity = capacity;
  }
  message *m = &w->messages[w->count++];
  *m = (message){.version = version};
  snprintf(m->type, sizeof m->type, "%s", type);
  m->goes_somewhere = evsi_router_decide(w->parts->router, &query, &evidence, &m->decision, NULL) == EVS_OK;
  return true;
}

static bool is_known(const writer *w, const char *type) {
  for (uint32_t i = 0; i < w->count; i++) {
    if (strcmp(w->messages[i].type, type) == 0)
      return true;
  }
  return false;
}

/* A pattern without a wildcard names a type: also one without a schema is spoken of. */
static bool add_named(writer *w, const char *pattern) {
  return strchr(pattern, '*') || strlen(pattern) > EVSI_TYPE_MAX || is_known(w, pattern) ||
         add_message(w, pattern, NULL);
}

static bool collect(writer *w) {
  const evsi_config *config = w->parts->config;
  evsi_registry_walk walk = {0};
  size_t i;
  json_t *subscription;
  for (evsi_schema_version *version; (version = evsi_registry_next(w->parts->registry, &walk));) {
    if (version->removed_ms == 0 && !add_message(w, evsi_schema_type_name(version->type), version))
      return false;
  }
  for (uint32_t r = 0; r < config->routing.route_count; r++) {
    if (config->routing.routes[r].enabled && !add_named(w, config->routing.routes[r].pattern))
      return false;
  }
  json_array_foreach(w->parts->subscriptions, i, subscription) {
    const char *pattern = json_string_value(json_object_get(subscription, "pattern"));
    if (pattern && !add_named(w, pattern))
      return false;
  }
  return true;
}

/* "order.placed" or "order.placed-1.0.0", as a name or at the end of a pointer: types and versions hold
 * nothing that would have to be escaped. */
static void add_name(evsi_buf *out, const message *m) {
  evsi_buf_addf(out, "%s%s%s", m->type, m->version ? "-" : "", m->version ? m->version->name : "");
}

static const char *draft_of(const evsi_schema_version *version) {
  const evsi_schema *program = evsi_validator_program(version->schema);
  return program->resources[0].draft == EVSI_DRAFT_07 ? "07" : "2020-12";
}

static void add_component(writer *w, const message *m) {
  evsi_buf *out = &w->out;
  evsi_buf_add_text(out, "\"");
  add_name(out, m);
  evsi_buf_add_text(out, "\":{\"contentType\":\"application/json\"");
  add_string(out, ",\"name\":", m->type);
  if (m->version) {
    evsi_buf_add_text(out, ",\"title\":\"");
    evsi_buf_addf(out, "%s %s", m->type, m->version->name);
    evsi_buf_addf(out,
                  "\",\"payload\":{\"schemaFormat\":\"application/schema+json;version=draft-%s\",\"schema\":",
                  draft_of(m->version));
    evsi_buf_add_text(out, m->version->text);
    add_string(out, "},\"x-libevents-version\":", m->version->name);
    evsi_buf_addf(out, ",\"x-libevents-latest\":%s", evsi_registry_is_latest(m->version) ? "true" : "false");
  }
  evsi_buf_add_text(out, "}");
}

static void add_components(writer *w) {
  evsi_buf_add_text(&w->out, ",\"components\":{\"messages\":{");
  for (uint32_t i = 0; i < w->count; i++) {
    evsi_buf_add_text(&w->out, i ? "," : "");
    add_component(w, &w->messages[i]);
  }
  evsi_buf_add_text(&w->out, "}}");
}

/* The first message with the topic of that one stands for the channel. */
static bool is_first_of_topic(const writer *w, uint32_t index) {
  const message *m = &w->messages[index];
  for (uint32_t i = 0; i < index; i++) {
    if (w->messages[i].goes_somewhere && strcmp(w->messages[i].decision.topic, m->decision.topic) == 0)
      return false;
  }
  return m->goes_somewhere;
}

static bool is_in_channel(const message *m, const char *topic) {
  return m->goes_somewhere && strcmp(m->decision.topic, topic) == 0;
}

static void add_channel(writer *w, const message *first) {
  evsi_buf *out = &w->out;
  const evsi_config *config = w->parts->config;
  const evsi_decision *decision = &first->decision;
  const char *comma = "", *topic = decision->topic;
  add_string(out, "", topic);
  add_string(out, ":{\"address\":", topic);
  evsi_buf_add_text(out, ",\"messages\":{");
  for (uint32_t i = 0; i < w->count; i++) {
    if (!is_in_channel(&w->messages[i], topic))
      continue;
    evsi_buf_addf(out, "%s\"", comma);
    add_name(out, &w->messages[i]);
    evsi_buf_add_text(out, "\":{\"$ref\":\"#/components/messages/");
    add_name(out, &w->messages[i]);
    evsi_buf_add_text(out, "\"}");
    comma = ",";
  }
  evsi_buf_add_text(out, "},\"x-libevents-transports\":[");
  for (uint32_t i = 0; i < decision->transport_count; i++)
    add_string(out, i ? "," : "", config->transports[decision->transports[i]].name);
  evsi_buf_addf(out, "],\"x-libevents-partitions\":%u", decision->partitions);
  const evsi_ordering ordering = decision->route ? decision->route->ordering : EVSI_ORDER_NONE;
  add_string(out, ",\"x-libevents-ordering\":", evsi_ordering_word(ordering));
  evsi_buf_add_text(out, "}");
}

static void add_channels(writer *w) {
  const char *comma = "";
  evsi_buf_add_text(&w->out, ",\"channels\":{");
  for (uint32_t i = 0; i < w->count; i++) {
    if (!is_first_of_topic(w, i))
      continue;
    evsi_buf_add_text(&w->out, comma);
    add_channel(w, &w->messages[i]);
    comma = ",";
  }
  evsi_buf_add_text(&w->out, "}");
}

/* The characters of a topic are the same in a JSON pointer and in a JSON text. */
static void add_reference(evsi_buf *out, const char *topic) {
  evsi_buf_addf(out, "\"channel\":{\"$ref\":\"#/channels/%s\"}", topic);
}

/* One for each channel: this service may publish to all that its routes lead to. */
static const char *add_sending(writer *w, const char *comma) {
  for (uint32_t i = 0; i < w->count; i++) {
    evsi_buf name = {0};
    if (!is_first_of_topic(w, i))
      continue;
    evsi_buf_addf(&name, "send %s", w->messages[i].decision.topic);
    w->out.failed |= name.failed;
    add_string(&w->out, comma, name.data ? name.data : "");
    evsi_buf_add_text(&w->out, ":{\"action\":\"send\",");
    add_reference(&w->out, w->messages[i].decision.topic);
    evsi_buf_add_text(&w->out, "}");
    evsi_buf_free(&name);
    comma = ",";
  }
  return comma;
}

static const char *text_of(const json_t *object, const char *name) {
  const char *text = json_string_value(json_object_get(object, name));
  return text ? text : "";
}

static void add_receiving_one(writer *w, const char *comma, const json_t *subscription, const char *topic) {
  evsi_buf name = {0};
  evsi_buf_addf(&name, "receive %s of %s by %s", text_of(subscription, "name"), topic,
                text_of(subscription, "group"));
  w->out.failed |= name.failed;
  add_string(&w->out, comma, name.data ? name.data : "");
  evsi_buf_add_text(&w->out, ":{\"action\":\"receive\",");
  add_reference(&w->out, topic);
  add_string(&w->out, ",\"x-libevents-group\":", text_of(subscription, "group"));
  add_string(&w->out, ",\"x-libevents-pattern\":", text_of(subscription, "pattern"));
  evsi_buf_add_text(&w->out, "}");
  evsi_buf_free(&name);
}

static bool takes(writer *w, const char *pattern, const char *type) {
  bool failed = false;
  evsi_buf full = {0};
  const char *prefix = w->parts->config->origin_prefix;
  evsi_buf_addf(&full, "%s%s%s", prefix, prefix[0] ? "." : "", type);
  bool matches =
      !full.failed && evsi_pattern_matches_text(pattern, evsi_bytes(full.data, full.size), prefix, &failed);
  w->out.failed |= full.failed || failed;
  evsi_buf_free(&full);
  return matches;
}

/* Does a pattern of a subscription take any message of the channel? */
static bool receives(writer *w, const char *pattern, const char *topic) {
  for (uint32_t i = 0; i < w->count; i++) {
    if (is_in_channel(&w->messages[i], topic) && takes(w, pattern, w->messages[i].type))
      return true;
  }
  return false;
}

static void add_operations(writer *w) {
  size_t s;
  json_t *subscription;
  evsi_buf_add_text(&w->out, ",\"operations\":{");
  const char *comma = add_sending(w, "");
  json_array_foreach(w->parts->subscriptions, s, subscription) {
    for (uint32_t i = 0; i < w->count; i++) {
      const char *topic = w->messages[i].decision.topic;
      if (!is_first_of_topic(w, i) || !receives(w, text_of(subscription, "pattern"), topic))
        continue;
      add_receiving_one(w, comma, subscription, topic);
      comma = ",";
    }
  }
  evsi_buf_add_text(&w->out, "}");
}

char *evsi_asyncapi_document(const evsi_asyncapi_parts *parts) {
  writer w = {.parts = parts};
  char *text = NULL;
  if (collect(&w)) {
    add_string(&w.out, "{\"asyncapi\":\"3.0.0\",\"info\":{\"title\":", parts->config->service);
    evsi_buf_add_text(&w.out, ",\"version\":\"1.0.0\"");
    if (parts->config->origin_prefix[0])
      add_string(&w.out, ",\"x-libevents-origin-prefix\":", parts->config->origin_prefix);
    evsi_buf_add_text(&w.out, "},\"defaultContentType\":\"application/json\"");
    add_channels(&w);
    add_operations(&w);
    add_components(&w);
    evsi_buf_add_text(&w.out, "}");
    text = evsi_buf_take(&w.out);
  }
  evsi_buf_free(&w.out);
  evsi_free(w.messages);
  return text;
}
