/* SPDX-License-Identifier: MIT
 * redis_line.c - see redis_line.h. */
#include "transport/redis/redis_line.h"

#include <stdio.h>
#include <string.h>

#include "base/json_text.h"
#include "event/base64.h"
#include "event/envelope.h"
#include "event/identity.h"
#include "event/json_scan.h"
#include "transport/redis/redis_entry.h"
#include "transport/redis/redis_outbox.h"

/* Scripts pass on no more than about 8,000 arguments. */
enum { VERSION = 1, FIELDS_MOST = 3400, RECORD_MOST = 1048576, NOTE_MOST = 16384, PARTITIONS_MOST = 65536 };

/* ---- writing ---------------------------------------------------------------------------------- */

/* From the last field `dead` on everything is ours. */
static size_t count_event_fields(const evsi_redis_reply *fields) {
  for (size_t i = fields->count / 2; i-- > 0;) {
    if (evsi_redis_is(evsi_redis_item(fields, 2 * i), "dead"))
      return i;
  }
  return fields->count / 2;
}

static void add_json(evsi_buf *out, const char *name, evs_bytes text) {
  size_t offset;
  bool is_json = text.size > 0 && *text.data == '{' && !evsi_json_check(text, &offset);
  evsi_buf_addf(out, ",\"%s\":", name);
  evsi_buf_add_bytes(out, is_json ? text : evsi_text("null"));
}

void evsi_redis_line_write(const evsi_dead_letter *letter, const evsi_redis_reply *fields, evsi_buf *out) {
  size_t count = count_event_fields(fields);
  evsi_buf_addf(out, "{\"v\":%d,\"id\":", VERSION);
  evsi_buf_add_json(out, letter->id.data, letter->id.size);
  evsi_buf_add_text(out, ",\"topic\":");
  evsi_buf_add_json(out, letter->topic.data, letter->topic.size);
  if (letter->partition == EVS_PARTITION_NONE)
    evsi_buf_add_text(out, ",\"partition\":null,\"fields\":[");
  else
    evsi_buf_addf(out, ",\"partition\":%d,\"fields\":[", (int)letter->partition);
  for (size_t i = 0; i < count; i++) {
    evsi_buf_add_text(out, i > 0 ? ",[" : "[");
    evsi_redis_value_json(out, evsi_redis_text(evsi_redis_item(fields, 2 * i)));
    evsi_buf_add_text(out, ",");
    evsi_redis_value_json(out, evsi_redis_text(evsi_redis_item(fields, 2 * i + 1)));
    evsi_buf_add_text(out, "]");
  }
  evsi_buf_add_text(out, "]");
  add_json(out, "dead", letter->record);
  add_json(out, "note", letter->note);
  evsi_buf_add_text(out, "}");
}

/* ---- MessagePack ------------------------------------------------------------------------------- */

static void pack_head(evsi_buf *out, unsigned char byte, uint32_t count) {
  const unsigned char bytes[5] = {byte, (unsigned char)(count >> 24), (unsigned char)(count >> 16),
                                  (unsigned char)(count >> 8), (unsigned char)count};
  evsi_buf_add(out, bytes, sizeof bytes);
}

static void pack_text(evsi_buf *out, evs_bytes text) {
  pack_head(out, 0xdb, (uint32_t)text.size);
  evsi_buf_add_bytes(out, text);
}

/* ---- reading ---------------------------------------------------------------------------------- */

static const char *value_of(const json_t *value, evsi_buf *out) {
  const json_t *encoded = json_object_get(value, "base64");
  if (json_is_string(value))
    evsi_buf_add(out, json_string_value(value), json_string_length(value));
  else if (json_object_size(value) != 1 || !json_is_string(encoded) ||
           !evsi_base64_decode(out, evsi_bytes(json_string_value(encoded), json_string_length(encoded))))
    return "a field is neither a text nor {\"base64\": …}";
  return NULL;
}

static char *full_type_of(evs_bytes data) {
  evsi_buf scratch = {0}, type = {0};
  evsi_envelope envelope;
  if (data.size > 0 && evsi_envelope_decode(data, &envelope, &scratch) == NULL) {
    evsi_buf_add_bytes(&type, envelope.origin_prefix);
    evsi_buf_add_text(&type, envelope.origin_prefix.size > 0 ? "." : "");
    evsi_buf_add_bytes(&type, envelope.type);
  }
  evsi_buf_free(&scratch);
  return evsi_buf_take(&type);
}

/* One pair of `fields`; what is there of `requeue` gives way to a new one. */
static const char *add_field(const json_t *pair, bool is_event, evsi_redis_line *out, uint32_t *count) {
  evsi_buf name = {0}, value = {0};
  const char *why = json_is_array(pair) && json_array_size(pair) == 2
                        ? value_of(json_array_get(pair, 0), &name)
                        : "fields must be a list of [name, value]";
  why = why ? why : value_of(json_array_get(pair, 1), &value);
  evs_bytes name_text = evsi_bytes(name.data, name.size), text = evsi_bytes(value.data, value.size);
  if (!why && !(is_event && evsi_bytes_equal(name_text, evsi_text("requeue")))) {
    pack_text(&out->entry, name_text);
    pack_text(&out->entry, text);
    *count += 2;
  }
  if (!why && evsi_bytes_equal(name_text, evsi_text("data"))) {
    evsi_free(out->type);
    out->type = full_type_of(text);
    out->entry.failed |= !out->type;
  }
  out->entry.failed |= name.failed || value.failed;
  evsi_buf_free(&name);
  evsi_buf_free(&value);
  return why;
}

static void add_requeue(const json_t *root, bool all_groups, evsi_redis_line *out) {
  const json_t *record = json_object_get(root, "dead");
  json_t *group = all_groups ? NULL : json_object_get(record, "group");
  json_int_t count = json_integer_value(json_object_get(record, "requeueCount"));
  json_t *requeue = json_pack("{s:O,s:I,s:O*}", "from", json_object_get(root, "id"), "count", count + 1,
                              "group", json_is_string(group) ? group : NULL);
  char *text = requeue ? evsi_json_text(requeue) : NULL;
  pack_text(&out->entry, evsi_text("requeue"));
  pack_text(&out->entry, evsi_text(text));
  out->entry.failed |= text == NULL;
  evsi_free(text);
  json_decref(requeue);
}

static const char *read_fields(const json_t *root, const evsi_redis_line_use *use, evsi_redis_line *out) {
  const json_t *fields = json_object_get(root, "fields");
  const char *why = NULL;
  uint32_t count = use->is_event ? 2 : 0;
  if (!json_is_array(fields) || json_array_size(fields) == 0 || json_array_size(fields) > FIELDS_MOST)
    return "fields must be a list of 1 to 3,400 [name, value]";
  pack_head(&out->entry, 0xdd, 0); /* the count follows when it is known */
  for (size_t i = 0; i < json_array_size(fields) && !why; i++)
    why = add_field(json_array_get(fields, i), use->is_event, out, &count);
  if (!why && use->is_event && count == 2)
    return "no field is left of the event";
  if (!why && use->is_event)
    add_requeue(root, use->all_groups, out);
  for (size_t i = 0; i < 4 && !out->entry.failed; i++)
    out->entry.data[1 + i] = (char)(count >> (24 - 8 * i));
  if (!out->type)
    out->type = evsi_strdup("");
  return why;
}

static const char *read_place(const json_t *root, evsi_redis_line *out) {
  const json_t *topic = json_object_get(root, "topic"), *partition = json_object_get(root, "partition");
  json_int_t number = json_integer_value(partition);
  const char *name = json_string_value(topic);
  char stream[EVSI_REDIS_NAME_MAX];
  if (!name || json_string_length(topic) != strlen(name) || !evsi_redis_is_topic(name))
    return "topic is no name that a topic can have";
  if (partition && !json_is_null(partition) &&
      (!json_is_integer(partition) || number < 0 || number >= PARTITIONS_MOST))
    return "partition must be null or 0 to 65535";
  if (!evsi_redis_stream_name(evsi_text(name),
                              json_is_integer(partition) ? (int32_t)number : EVS_PARTITION_NONE, stream))
    return "topic is no name that a topic can have";
  out->name = evsi_strdup(stream);
  return NULL;
}

static const char *read_object(const json_t *root, const char *name, size_t most, char **out) {
  const json_t *value = json_object_get(root, name);
  if (!value || json_is_null(value))
    return NULL;
  if (!json_is_object(value))
    return "dead and note must be objects";
  *out = evsi_json_text(value);
  if (!*out)
    return "out of memory";
  return strlen(*out) > most ? "dead or note is too large" : NULL;
}

static const char *read_line(const json_t *root, const evsi_redis_line_use *use, evsi_redis_line *out) {
  static const char *const known[] = {"v", "id", "topic", "partition", "fields", "dead", "note"};
  size_t found = 0;
  for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
    found += json_object_get(root, known[i]) != NULL;
  if (!json_is_object(root) || found < json_object_size(root))
    return "it is no object of v, id, topic, partition, fields, dead and note";
  if (json_integer_value(json_object_get(root, "v")) != VERSION)
    return "v must be 1";
  const json_t *id = json_object_get(root, "id");
  if (!json_is_string(id) || json_string_length(id) == 0 || json_string_length(id) > 512)
    return "id must be a text of 1 to 512 bytes";
  const char *why = read_place(root, out);
  why = why ? why : read_object(root, "dead", RECORD_MOST, &out->record);
  why = why ? why : read_object(root, "note", NOTE_MOST, &out->note);
  if (!why && !out->record && !use->is_event)
    return "dead is missing: it says who failed, and why";
  return why ? why : read_fields(root, use, out);
}

static bool hash_line(const json_t *root, evsi_redis_line *out) {
  evsi_buf all = {0};
  const json_t *id = json_object_get(root, "id");
  evsi_buf_add(&all, json_string_value(id), json_string_length(id) + 1);
  evsi_buf_add(&all, out->entry.data, out->entry.size);
  bool is_done = !all.failed && !evsi_sha256_hex(evsi_bytes(all.data, all.size), out->hash);
  evsi_buf_free(&all);
  return is_done;
}

const char *evsi_redis_line_read(evs_bytes text, const evsi_redis_line_use *use, evsi_redis_line *out) {
  size_t offset;
  memset(out, 0, sizeof *out);
  if (text.size == 0 || evsi_json_check(text, &offset))
    return "it is no JSON";
  json_t *root = evsi_json_load(text, JSON_ALLOW_NUL | JSON_REJECT_DUPLICATES, NULL);
  const char *why = root ? read_line(root, use, out) : "it has a member twice";
  if (!why && (out->entry.failed || !out->name || !out->type || !hash_line(root, out)))
    why = "out of memory";
  json_decref(root);
  return why;
}

void evsi_redis_line_free(evsi_redis_line *line) {
  evsi_free(line->name);
  evsi_free(line->type);
  evsi_free(line->record);
  evsi_free(line->note);
  evsi_buf_free(&line->entry);
}
