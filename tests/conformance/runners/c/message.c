/* SPDX-License-Identifier: MIT
 * message.c - see message.h. */
#include "message.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/until.h"

static json_t *text_json(evs_bytes text) {
  return json_stringn(text.size ? text.data : "", text.size);
}

static json_t *text_or_null(evs_bytes text) {
  return text.size ? text_json(text) : json_null();
}

/* Integers too large for jansson are rounded; exact ones are compared as texts. */
static json_t *parsed(evs_bytes text) {
  size_t how = JSON_DECODE_ANY | JSON_ALLOW_NUL | JSON_DECODE_INT_AS_REAL;
  json_t *value = text.size ? json_loadb(text.data, text.size, how, NULL) : NULL;
  return value ? value : json_null();
}

static json_t *hex_json(evs_bytes bytes) {
  char *digits = malloc(2 * bytes.size + 1);
  test_require(digits != NULL, "memory for digits");
  digits[0] = '\0';
  for (uint64_t i = 0; i < bytes.size; i++)
    snprintf(digits + 2 * i, 3, "%02x", (unsigned char)bytes.data[i]);
  json_t *text = json_string(digits);
  free(digits);
  return text;
}

static json_t *partition_json(int32_t partition) {
  return partition == EVS_PARTITION_NONE ? json_null() : json_integer(partition);
}

/* What a replay brought was not requeued: the two look alike in the store only. */
static void set_replay(json_t *run) {
  json_t *came = json_object_get(run, "requeue"), *id = json_object_get(came, "replay");
  if (!id)
    return;
  json_object_set_new(run, "replay",
                      json_pack("{s:O,s:O}", "id", id, "offset", json_object_get(came, "offset")));
  json_object_set_new(run, "requeue", json_null());
}

json_t *message_json(const evs_message *message) {
  json_t *run = json_pack(
      "{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:I, s:o, s:o, s:o, s:o, s:o, s:o}", "id",
      text_json(message->id), "type", text_json(message->type), "origin", text_json(message->origin),
      "originPrefix", text_or_null(message->origin_prefix), "timestamp", text_json(message->timestamp),
      "version", text_json(message->version), "hash", text_or_null(message->hash), "headers",
      message->headers.size ? parsed(message->headers) : json_object(), "attempt",
      (json_int_t)message->attempt, "transport", text_json(message->transport), "topic",
      text_json(message->topic), "partition", partition_json(message->partition), "group",
      text_json(message->group), "pattern", text_json(message->pattern), "requeue", parsed(message->requeue));
  test_require(run != NULL, "a message is UTF-8");
  set_replay(run);
  if (message->content_type.size) {
    json_object_set_new(run, "contentType", text_json(message->content_type));
    json_object_set_new(run, "bytes", hex_json(message->body));
    return run;
  }
  json_object_set_new(run, "contentType", json_string("application/json"));
  json_object_set_new(run, "text", text_json(message->body));
  json_object_set_new(run, "body", parsed(message->body));
  return run;
}

json_t *report_json(const evs_report *report) {
  static const char *const outcomes[] = {NULL, "stored", "refused", "unknown"};
  static const char *const levels[] = {NULL, "none", "stored", "replicated", "fsynced"};
  const char *outcome = report->outcome <= EVS_OUTCOME_UNKNOWN ? outcomes[report->outcome] : "?";
  json_t *root = json_pack("{s:s, s:s?, s:I, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "status",
                           evs_status_name(report->status), "outcome", outcome, "attempts",
                           (json_int_t)report->attempts, "partition", partition_json(report->partition), "id",
                           text_json(report->id), "transport", text_json(report->transport), "topic",
                           text_json(report->topic), "offset", text_json(report->offset), "message",
                           text_json(report->message), "detail", parsed(report->detail));
  test_require(root != NULL, "a report is UTF-8");
  if (report->acknowledgement > 0 && report->acknowledgement <= EVS_ACKNOWLEDGE_FSYNCED)
    json_object_set_new(root, "acknowledgement", json_string(levels[report->acknowledgement]));
  json_object_set_new(root, "duplicate", json_boolean(report->is_duplicate));
  return root;
}

static evs_bytes member(const json_t *event, const char *name) {
  const json_t *text = json_object_get(event, name);
  return (evs_bytes){json_string_value(text), json_string_length(text)};
}

static evs_bytes bytes_of(const char *digits, char **out_kept) {
  size_t size = strlen(digits) / 2;
  char *bytes = malloc(size + 1);
  test_require(bytes != NULL, "memory for bytes");
  for (size_t i = 0; i < size; i++) {
    char two[3] = {digits[2 * i], digits[2 * i + 1], '\0'};
    bytes[i] = (char)strtoul(two, NULL, 16);
  }
  *out_kept = bytes;
  return (evs_bytes){bytes, size};
}

/* A word, or {"replicated", "timeout"}. */
static void set_level(const json_t *given, evs_event *to) {
  static const char *const words[] = {"none", "stored", "replicated", "fsynced"};
  const char *word = json_is_object(given) ? "replicated" : json_string_value(given);
  for (uint32_t i = 0; word && i < sizeof words / sizeof *words; i++) {
    if (strcmp(words[i], word) == 0)
      to->acknowledgement = EVS_ACKNOWLEDGE_NONE + i;
  }
  to->replicas = (uint32_t)json_integer_value(json_object_get(given, "replicated"));
  to->acknowledge_timeout_ms = (uint32_t)json_integer_value(json_object_get(given, "timeout"));
}

test_event message_event_of(const json_t *event, uint64_t token) {
  test_event made = {.event = {.struct_size = sizeof made.event, .token = token}};
  evs_event *to = &made.event;
  const json_t *partition = json_object_get(event, "partition");
  const json_t *body = json_object_get(event, "body");
  const json_t *headers = json_object_get(event, "headers");
  to->type = member(event, "type");
  to->content_type = member(event, "contentType");
  to->key = member(event, "key");
  to->id = member(event, "id");
  to->timestamp = member(event, "timestamp");
  to->version = member(event, "version");
  to->transport = member(event, "transport");
  to->batch_key = member(event, "batchKey");
  to->partition = partition ? (int32_t)json_integer_value(partition) + 1 : 0;
  to->timeout_ms = (uint32_t)json_integer_value(json_object_get(event, "timeout"));
  to->delay_ms = (uint64_t)json_integer_value(json_object_get(event, "delay"));
  set_level(json_object_get(event, "acknowledgement"), to);
  to->body = member(event, "text");
  if (json_object_get(event, "bytes")) {
    to->body = bytes_of(json_string_value(json_object_get(event, "bytes")), &made.body);
  } else if (body) {
    made.body = json_dumps(body, JSON_COMPACT | JSON_ENCODE_ANY);
    to->body = (evs_bytes){made.body, strlen(made.body)};
  }
  if (headers) {
    made.headers = json_dumps(headers, JSON_COMPACT);
    to->headers = (evs_bytes){made.headers, strlen(made.headers)};
  }
  return made;
}

void message_event_free(test_event *event) {
  free(event->body);
  free(event->headers);
}
