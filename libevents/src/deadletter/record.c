/* SPDX-License-Identifier: MIT
 * record.c - see record.h. */
#include "deadletter/record.h"

#include <ctype.h>
#include <string.h>

#include "base/buf.h"
#include "base/json_text.h"
#include "event/identity.h"

/* Numbers and hex runs of ids vary between failures that are alike. */
static void add_shape(evsi_buf *out, const char *message) {
  while (*message) {
    if (isdigit((unsigned char)*message)) {
      while (isxdigit((unsigned char)*message) || *message == '-')
        message++;
      evsi_buf_add(out, "#", 1);
    } else {
      evsi_buf_add(out, message++, 1);
    }
  }
}

void evsi_fingerprint(evs_bytes type, const char *error_class, const char *message, char out_hex[17]) {
  evsi_buf text = {0};
  char hex[65] = "";
  evsi_buf_add_bytes(&text, type);
  evsi_buf_add(&text, "\n", 1);
  evsi_buf_add_text(&text, error_class);
  evsi_buf_add(&text, "\n", 1);
  add_shape(&text, message);
  if (!text.failed)
    evsi_sha256_hex(evsi_bytes(text.data, text.size), hex);
  evsi_buf_free(&text);
  memcpy(out_hex, hex, 16);
  out_hex[16] = '\0';
}

static json_t *text_of(evs_bytes bytes) {
  json_t *value = json_stringn(bytes.data ? bytes.data : "", bytes.size);
  return value ? value : json_null();
}

static json_int_t requeue_count(evs_bytes requeue) {
  json_t *root = requeue.size ? json_loadb(requeue.data, requeue.size, 0, NULL) : NULL;
  json_int_t count = json_integer_value(json_object_get(root, "count"));
  json_decref(root);
  return count;
}

static const char *text_in(const json_t *object, const char *key) {
  const char *text = json_string_value(json_object_get(object, key));
  return text ? text : "";
}

char *evsi_dead_record_text(const evsi_dead_record *record) {
  char fingerprint[17];
  evsi_fingerprint(record->type, text_in(record->error, "class"), text_in(record->error, "message"),
                   fingerprint);
  json_t *first = json_array_get(record->subscriptions, 0);
  json_t *root =
      json_pack("{s:o,s:o,s:o,s:s,s:o,s:o,s:O?,s:I,s:o,s:I,s:I,s:s,s:s,s:s,s:I}", "originalId",
                text_of(record->original_id), "topic", text_of(record->topic), "partition",
                record->partition == EVS_PARTITION_NONE ? json_null() : json_integer(record->partition),
                "group", record->group, "subscription", first ? json_incref(first) : json_null(),
                "subscriptions", record->subscriptions ? json_incref(record->subscriptions) : json_array(),
                "error", record->error, "attempts", (json_int_t)record->attempts, "history",
                record->history ? json_incref(record->history) : json_array(), "firstFailureAt",
                (json_int_t)record->first_failure_ms, "lastFailureAt", (json_int_t)record->last_failure_ms,
                "fingerprint", fingerprint, "consumer", record->consumer, "service", record->service,
                "requeueCount", requeue_count(record->requeue));
  char *text = root ? evsi_json_text(root) : NULL;
  json_decref(root);
  return text;
}
