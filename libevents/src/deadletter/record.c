/* SPDX-License-Identifier: MIT
 * record.c - see record.h. */
#include "deadletter/record.h"

#include <string.h>

#include "base/json_text.h"
#include "event/fingerprint.h"

static json_t *text_of(evs_bytes bytes) {
  json_t *value = json_stringn(bytes.data ? bytes.data : "", bytes.size);
  return value ? value : json_null();
}

static json_t *load(evs_bytes requeue) {
  return evsi_json_load(requeue, 0, NULL);
}

static json_int_t requeue_count(evs_bytes requeue) {
  json_t *root = load(requeue);
  json_int_t count = json_integer_value(json_object_get(root, "count"));
  json_decref(root);
  return count;
}

/* "/<index>" of one of several events of an entry, or empty. */
static evs_bytes index_in(evs_bytes id) {
  const char *at = id.size ? memchr(id.data, '/', id.size) : NULL;
  return at ? evsi_bytes(at, id.size - (size_t)(at - id.data)) : evsi_bytes(NULL, 0);
}

/* Of an event that a replay brought: where it is stored, not where it came by. */
static json_t *original_id(const evsi_dead_record *record) {
  json_t *root = load(record->requeue), *replay = json_object_get(root, "replay");
  const char *offset = replay ? json_string_value(json_object_get(root, "offset")) : NULL;
  evs_bytes index = index_in(record->original_id);
  json_t *id = offset ? json_sprintf("%s%.*s", offset, (int)index.size, index.size ? index.data : "")
                      : text_of(record->original_id);
  json_decref(root);
  return id;
}

static evs_bytes text_in(const json_t *object, const char *key) {
  const json_t *text = json_object_get(object, key);
  return evsi_bytes(json_string_value(text), json_string_length(text));
}

char *evsi_dead_record_text(const evsi_dead_record *record) {
  char fingerprint[EVSI_FINGERPRINT_TEXT];
  const evsi_failure_kind kind = {evsi_text(record->group), record->type, text_in(record->error, "class"),
                                  text_in(record->error, "message")};
  evsi_fingerprint(&kind, fingerprint);
  json_t *first = json_array_get(record->subscriptions, 0);
  json_t *root =
      json_pack("{s:o,s:o,s:o,s:o,s:s,s:o,s:o,s:O?,s:I,s:o,s:I,s:I,s:s,s:s,s:s,s:I}", "originalId",
                original_id(record), "topic", text_of(record->topic), "partition",
                record->partition == EVS_PARTITION_NONE ? json_null() : json_integer(record->partition),
                "type", record->type.size ? text_of(record->type) : json_null(), "group", record->group,
                "subscription", first ? json_incref(first) : json_null(), "subscriptions",
                record->subscriptions ? json_incref(record->subscriptions) : json_array(), "error",
                record->error, "attempts", (json_int_t)record->attempts, "history",
                record->history ? json_incref(record->history) : json_array(), "firstFailureAt",
                (json_int_t)record->first_failure_ms, "lastFailureAt", (json_int_t)record->last_failure_ms,
                "fingerprint", fingerprint, "consumer", record->consumer, "service", record->service,
                "requeueCount", requeue_count(record->requeue));
  bool is_whole = root && (!record->holds || !json_object_set_new(root, "holds", json_string(record->holds)));
  char *text = is_whole ? evsi_json_text(root) : NULL;
  json_decref(root);
  return text;
}
