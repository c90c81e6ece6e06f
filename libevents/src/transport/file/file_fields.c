/* SPDX-License-Identifier: MIT
 * file_fields.c - see file_fields.h. */
#include "transport/file/file_fields.h"

#include <string.h>

#include "base/json_text.h"
#include "event/base64.h"

enum { FIELDS_MOST = 3400 };

const char evsi_file_fields_short[] = "out of memory";

void evsi_file_fields_free(evsi_file_fields *fields) {
  evsi_buf_free(&fields->data);
  evsi_buf_free(&fields->raw);
  evsi_buf_free(&fields->requeue);
  evsi_free(fields->more_text);
  json_decref(fields->more);
}

/* A text, or {"base64": …}. */
static const char *value_of(const json_t *value, evsi_buf *out) {
  const json_t *encoded = json_object_get(value, "base64");
  evsi_buf_clear(out);
  if (json_is_string(value))
    evsi_buf_add(out, json_string_value(value), json_string_length(value));
  else if (json_object_size(value) != 1 || !json_is_string(encoded) ||
           !evsi_base64_decode(out, evsi_bytes(json_string_value(encoded), json_string_length(encoded))))
    return "a field is neither a text nor {\"base64\": …}";
  return NULL;
}

static const char *take(json_t *pair, evsi_file_fields *out) {
  const json_t *name = json_array_get(pair, 0), *value = json_array_get(pair, 1);
  const char *text = json_string_value(name);
  evsi_buf other = {0};
  if (!json_is_array(pair) || json_array_size(pair) != 2)
    return "fields must be a list of [name, value]";
  bool is_data = text && strcmp(text, "data") == 0, is_raw = text && strcmp(text, "raw") == 0;
  bool is_requeue = text && strcmp(text, "requeue") == 0;
  const char *why = value_of(value, is_data      ? &out->data
                                    : is_raw     ? &out->raw
                                    : is_requeue ? &out->requeue
                                                 : &other);
  out->has_data |= is_data;
  out->has_raw |= is_raw;
  out->has_requeue |= is_requeue;
  if (text && strcmp(text, "batch") == 0)
    out->is_batch = json_is_string(value) && strcmp(json_string_value(value), "true") == 0;
  else if (!is_data && !is_raw && !is_requeue && !why)
    why = !json_is_string(name)                ? value_of(name, &other)
          : json_array_append(out->more, pair) ? evsi_file_fields_short
                                               : NULL;
  bool failed = out->data.failed || out->raw.failed || out->requeue.failed || other.failed;
  evsi_buf_free(&other);
  return failed ? evsi_file_fields_short : why;
}

const char *evsi_file_fields_read(evsi_file_fields *out, const json_t *pairs) {
  const char *why = NULL;
  size_t count = json_array_size(pairs);
  if (count == 0 || count > FIELDS_MOST)
    return "fields must be a list of 1 to 3,400 [name, value]";
  out->more = json_array();
  for (size_t i = 0; i < count && !why; i++)
    why = take(json_array_get(pairs, i), out);
  bool has_more = json_array_size(out->more) > 0;
  out->more_text = has_more ? evsi_json_text(out->more) : NULL;
  return has_more && !out->more_text ? evsi_file_fields_short : why;
}

static evs_bytes span(const evsi_buf *buf, bool is_there) {
  return is_there ? evsi_bytes(buf->data ? buf->data : "", buf->size) : evsi_bytes(NULL, 0);
}

evsi_file_event evsi_file_fields_event(const evsi_file_fields *fields) {
  return (evsi_file_event){.data = span(&fields->data, fields->has_data),
                           .raw = span(&fields->raw, fields->has_raw),
                           .requeue = span(&fields->requeue, fields->has_requeue),
                           .more = evsi_text(fields->more_text),
                           .is_batch = fields->is_batch};
}
