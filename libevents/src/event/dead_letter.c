/* SPDX-License-Identifier: MIT
 * dead_letter.c - see dead_letter.h. Bodies go through as they are; only the record is read as a tree. */
#include "event/dead_letter.h"

#include <jansson.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/json_text.h"
#include "event/envelope.h"
#include "event/json_scan.h"
#include "event/pattern.h"

/* ---- the stored entry ------------------------------------------------------------------------- */

void evsi_base64(evsi_buf *out, evs_bytes bytes) {
  static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  const unsigned char *at = (const unsigned char *)bytes.data;
  for (uint64_t i = 0; i < bytes.size; i += 3) {
    uint64_t left = bytes.size - i;
    uint32_t value =
        (uint32_t)at[i] << 16 | (left > 1 ? (uint32_t)at[i + 1] << 8 : 0) | (left > 2 ? at[i + 2] : 0);
    char quad[4] = {digits[value >> 18], digits[value >> 12 & 63], left > 1 ? digits[value >> 6 & 63] : '=',
                    left > 2 ? digits[value & 63] : '='};
    evsi_buf_add(out, quad, sizeof quad);
  }
}

static evs_bytes member_of(evs_bytes object, const char *name) {
  evs_bytes key, value, wanted = evsi_text(name);
  const char *error = NULL;
  size_t cursor = 0;
  while (evsi_json_member(object, &cursor, &key, &value, &error)) {
    if (evsi_bytes_equal(key, wanted))
      return value;
  }
  return evsi_bytes(NULL, 0);
}

static void add_member(evsi_buf *out, const char *name, evs_bytes json, const char *fallback) {
  evsi_buf_addf(out, "\"%s\":", name);
  if (json.size > 0)
    evsi_buf_add_bytes(out, json);
  else
    evsi_buf_add_text(out, fallback);
}

static void add_base64_member(evsi_buf *out, const char *name, evs_bytes bytes) {
  evsi_buf_addf(out, ",\"%s\":\"", name);
  evsi_base64(out, bytes);
  evsi_buf_add(out, "\"", 1);
}

/* What stands in place of an event that cannot be read. */
static void add_unreadable(evsi_buf *out, evs_bytes data, bool is_malformed) {
  evsi_buf_add_text(out, "\"header\":{},\"headers\":{},\"body\":null");
  if (is_malformed) {
    evsi_buf_add(out, ",", 1);
    add_member(out, "entry", data, "null");
  } else if (data.size > 0 && evsi_utf8_valid(data.data, data.size)) {
    evsi_buf_add_text(out, ",\"entry\":{\"fields\":[[\"data\",");
    evsi_buf_add_json(out, data.data, data.size);
    evsi_buf_add_text(out, "]]}");
  } else if (data.size > 0) {
    add_base64_member(out, "raw", data);
  }
}

void evsi_stored_json(evsi_buf *out, evs_bytes data, evs_bytes raw, bool is_malformed) {
  evsi_buf scratch = {0};
  evsi_envelope envelope;
  size_t offset;
  bool is_json = !is_malformed && data.size > 0 && evsi_json_check(data, &offset) == NULL;
  if (!is_json || evsi_envelope_decode(data, &envelope, &scratch) != NULL) {
    add_unreadable(out, data, is_malformed);
    evsi_buf_free(&scratch);
    return;
  }
  add_member(out, "header", member_of(data, "header"), "{}");
  evsi_buf_add(out, ",", 1);
  add_member(out, "headers", envelope.headers, "{}");
  evsi_buf_add(out, ",", 1);
  add_member(out, "body", envelope.body, "null");
  if (raw.size > 0)
    add_base64_member(out, "raw", raw);
  evsi_buf_free(&scratch);
}

/* ---- the whole letter ------------------------------------------------------------------------- */

static json_t *load_record(evs_bytes record) {
  json_t *root = record.size > 0 ? json_loadb(record.data, record.size, JSON_ALLOW_NUL, NULL) : NULL;
  if (json_is_object(root))
    return root;
  json_decref(root);
  return json_object();
}

static void add_from_record(evsi_buf *out, const json_t *record, const char *name, const char *fallback) {
  json_t *value = json_object_get(record, name);
  char *text = value && !json_is_null(value) ? evsi_json_text(value) : NULL;
  evsi_buf_addf(out, ",\"%s\":%s", name, text ? text : fallback);
  evsi_free(text);
}

void evsi_dead_letter_json(const evsi_dead_letter *letter, evsi_buf *out) {
  static const struct {
    const char *name, *fallback;
  } before[] = {{"originalId", "null"}, {"group", "null"}, {"subscription", "null"}, {"subscriptions", "[]"}},
    behind[] = {{"error", "null"},          {"attempts", "0"},         {"history", "[]"},
                {"firstFailureAt", "null"}, {"lastFailureAt", "null"}, {"fingerprint", "null"},
                {"consumer", "null"},       {"service", "null"},       {"requeueCount", "0"}};
  json_t *record = load_record(letter->record);
  evsi_buf_add_text(out, "{\"id\":");
  evsi_buf_add_json(out, letter->id.data, letter->id.size);
  evsi_buf_add_text(out, ",\"topic\":");
  evsi_buf_add_json(out, letter->topic.data, letter->topic.size);
  if (letter->partition == EVS_PARTITION_NONE)
    evsi_buf_add_text(out, ",\"partition\":null");
  else
    evsi_buf_addf(out, ",\"partition\":%d", (int)letter->partition);
  for (size_t i = 0; i < sizeof before / sizeof before[0]; i++)
    add_from_record(out, record, before[i].name, before[i].fallback);
  evsi_buf_add(out, ",", 1);
  evsi_stored_json(out, letter->data, letter->raw, letter->is_malformed);
  for (size_t i = 0; i < sizeof behind / sizeof behind[0]; i++)
    add_from_record(out, record, behind[i].name, behind[i].fallback);
  evsi_buf_add(out, "}", 1);
  out->failed |= record == NULL;
  json_decref(record);
}

/* ---- selecting -------------------------------------------------------------------------------- */

static bool copy_text(const json_t *root, const char *name, char **out) {
  const char *text = json_string_value(json_object_get(root, name));
  *out = text && *text ? evsi_strdup(text) : NULL;
  return *out || !text || !*text;
}

static evs_status load_pattern(evsi_dead_filter *filter, evs_error **out_error) {
  char pattern[EVSI_PATTERN_MAX + 1];
  if (!filter->type || !strchr(filter->type, '*'))
    return EVS_OK;
  const evsi_origin_rule rule = {.origin_prefix = "", .extended_types = true};
  evs_status status = evsi_pattern_normalize(evsi_text(filter->type), &rule, pattern, out_error);
  if (status != EVS_OK)
    return status;
  filter->pattern = evsi_pattern_trie_new();
  if (!filter->pattern || !evsi_pattern_trie_add(filter->pattern, pattern, 0))
    return evsi_error_nomem(out_error);
  return EVS_OK;
}

evs_status evsi_dead_filter_load(evsi_dead_filter *filter, const char *json, evs_error **out_error) {
  json_t *root = json_loads(json, 0, NULL);
  bool ok = copy_text(root, "topic", &filter->topic) && copy_text(root, "type", &filter->type) &&
            copy_text(root, "group", &filter->group) && copy_text(root, "text", &filter->text);
  json_decref(root);
  evs_status status = ok ? load_pattern(filter, out_error) : evsi_error_nomem(out_error);
  if (status != EVS_OK)
    evsi_dead_filter_free(filter);
  return status;
}

void evsi_dead_filter_free(evsi_dead_filter *filter) {
  evsi_free(filter->topic);
  evsi_free(filter->type);
  evsi_free(filter->group);
  evsi_free(filter->text);
  evsi_pattern_trie_free(filter->pattern);
  memset(filter, 0, sizeof *filter);
}

static bool found(void *data, uint32_t id) {
  (void)id;
  *(bool *)data = true;
  return false;
}

/* A type is meant with or without the prefix of its origin. */
static bool takes_type(const evsi_dead_filter *filter, const evsi_dead_letter *letter) {
  evsi_buf scratch = {0}, full = {0};
  evsi_envelope envelope;
  bool takes = false;
  if (!letter->is_malformed && letter->data.size > 0 &&
      evsi_envelope_decode(letter->data, &envelope, &scratch) == NULL) {
    evsi_buf_add_bytes(&full, envelope.origin_prefix);
    if (envelope.origin_prefix.size > 0)
      evsi_buf_add(&full, ".", 1);
    evsi_buf_add_bytes(&full, envelope.type);
    evs_bytes text = evsi_bytes(full.data, full.size);
    if (filter->pattern && !full.failed) {
      evsi_pattern_trie_match(filter->pattern, text, found, &takes);
      if (!takes)
        evsi_pattern_trie_match(filter->pattern, envelope.type, found, &takes);
    } else if (!full.failed) {
      takes = evsi_bytes_equal(text, evsi_text(filter->type)) ||
              evsi_bytes_equal(envelope.type, evsi_text(filter->type));
    }
  }
  evsi_buf_free(&scratch);
  evsi_buf_free(&full);
  return takes;
}

static bool takes_group(const char *group, evs_bytes record) {
  json_t *root = load_record(record);
  const char *name = json_string_value(json_object_get(root, "group"));
  bool takes = name && strcmp(name, group) == 0;
  json_decref(root);
  return takes;
}

static bool contains(evs_bytes text, const char *part) {
  return text.size > 0 && memmem(text.data, text.size, part, strlen(part)) != NULL;
}

bool evsi_dead_filter_takes(const evsi_dead_filter *filter, const evsi_dead_letter *letter) {
  if (filter->topic && !evsi_bytes_equal(letter->topic, evsi_text(filter->topic)))
    return false;
  if (filter->text && !contains(letter->data, filter->text) && !contains(letter->record, filter->text) &&
      !contains(letter->raw, filter->text))
    return false;
  if (filter->group && !takes_group(filter->group, letter->record))
    return false;
  return !filter->type || takes_type(filter, letter);
}

/* ---- going back ------------------------------------------------------------------------------- */

char *evsi_dead_letter_requeue(const evsi_dead_letter *letter, bool all_groups) {
  json_t *record = load_record(letter->record);
  json_t *field = json_object();
  json_t *group = json_object_get(record, "group"), *subscriptions = json_object_get(record, "subscriptions");
  json_int_t count = json_integer_value(json_object_get(record, "requeueCount")) + 1;
  if (!all_groups && json_is_string(group))
    json_object_set(field, "group", group);
  if (!all_groups && json_array_size(subscriptions) > 0)
    json_object_set(field, "subscriptions", subscriptions);
  json_object_set_new(field, "from", json_stringn(letter->id.data, letter->id.size));
  json_object_set_new(field, "count", json_integer(count));
  char *text = json_object_size(field) >= 2 ? evsi_json_text(field) : NULL;
  json_decref(field);
  json_decref(record);
  return text;
}
