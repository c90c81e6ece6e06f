/* SPDX-License-Identifier: MIT
 * file_import.c - the request `dlq.import`: lines of dlq.export become dead letters again, or events in their
 * topics. Each line is taken or refused by itself, with its number; the same line again does nothing. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/json_text.h"
#include "event/envelope.h"
#include "event/identity.h"
#include "event/json_scan.h"
#include "transport/file/file_fields.h"
#include "transport/file/file_request.h"

enum {
  VERSION = 1,
  LINES_MOST = 1000,
  RECORD_MOST = 1048576,
  NOTE_MOST = 16384,
  ID_MOST = 512,
  PARTITIONS_MOST = 65536
};
static const uint64_t KNOWN_MS = 30ULL * 24 * 3600 * 1000;

/* ---- one line --------------------------------------------------------------------------------- */

typedef struct line {
  const json_t *root;
  char name[EVSI_FILE_NAME_MAX]; /* of the stream */
  evsi_file_fields fields;
} line;

static const char *read_place(line *out) {
  const json_t *topic = json_object_get(out->root, "topic"),
               *partition = json_object_get(out->root, "partition");
  json_int_t number = json_integer_value(partition);
  const char *name = json_string_value(topic);
  if (!name || json_string_length(topic) != strlen(name) || !evsi_file_is_topic(name))
    return "topic is no name that a topic can have";
  if (partition && !json_is_null(partition) &&
      (!json_is_integer(partition) || number < 0 || number >= PARTITIONS_MOST))
    return "partition must be null or 0 to 65535";
  return evsi_file_stream_name(evsi_text(name),
                               json_is_integer(partition) ? (int32_t)number : EVS_PARTITION_NONE, out->name)
             ? NULL
             : "topic is no name that a topic can have";
}

static const char *check_object(const json_t *root, const char *name, size_t most) {
  const json_t *value = json_object_get(root, name);
  if (!value || json_is_null(value))
    return NULL;
  if (!json_is_object(value))
    return "dead and note must be objects";
  char *text = evsi_json_text(value);
  const char *why = !text ? "out of memory" : strlen(text) > most ? "dead or note is too large" : NULL;
  evsi_free(text);
  return why;
}

static const char *read_line(line *out, bool is_event) {
  static const char *const known[] = {"v", "id", "topic", "partition", "fields", "dead", "note"};
  const json_t *root = out->root, *id = json_object_get(root, "id");
  size_t found = 0;
  for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
    found += json_object_get(root, known[i]) != NULL;
  if (!json_is_object(root) || found < json_object_size(root))
    return "it is no object of v, id, topic, partition, fields, dead and note";
  if (json_integer_value(json_object_get(root, "v")) != VERSION)
    return "v must be 1";
  if (!json_is_string(id) || json_string_length(id) == 0 || json_string_length(id) > ID_MOST)
    return "id must be a text of 1 to 512 bytes";
  const char *why = read_place(out);
  why = why ? why : check_object(root, "dead", RECORD_MOST);
  why = why ? why : check_object(root, "note", NOTE_MOST);
  if (!why && !is_event && !json_is_object(json_object_get(root, "dead")))
    return "dead is missing: it says who failed, and why";
  return why ? why : evsi_file_fields_read(&out->fields, json_object_get(root, "fields"));
}

/* ---- storing it ------------------------------------------------------------------------------- */

typedef struct import {
  evsi_file_request *request;
  bool is_event, all_groups;
} import;

/* Another stream of a topic that is here would have no reader. */
static bool has_partition(const import *made, const line *of) {
  evs_bytes topic;
  int32_t partition;
  evsi_file_split_name(evsi_text(of->name), &topic, &partition);
  int64_t partitions =
      evsi_file_get(&made->request->store->db, -1, "SELECT partitions FROM topic WHERE name = ?", "s", topic);
  return partitions < 0 || (partitions == 0 ? partition == EVS_PARTITION_NONE
                                            : partition != EVS_PARTITION_NONE && partition < partitions);
}

static void register_line(const import *made, const line *of, const json_t *lines) {
  evsi_envelope envelope = {0};
  evsi_buf scratch = {0}, type = {0};
  evs_bytes topic;
  int32_t partition;
  evsi_file_split_name(evsi_text(of->name), &topic, &partition);
  json_int_t highest = partition;
  size_t i;
  json_t *each;
  json_array_foreach(lines, i, each) { /* a new topic has as many partitions as all lines together say */
    json_t *root = json_is_string(each)
                       ? evsi_json_load(evsi_text(json_string_value(each)), JSON_ALLOW_NUL, NULL)
                       : NULL;
    const char *name = json_string_value(json_object_get(root, "topic"));
    json_int_t other = json_integer_value(json_object_get(root, "partition"));
    if (partition != EVS_PARTITION_NONE && name && evsi_bytes_equal(evsi_text(name), topic) &&
        other > highest && other < PARTITIONS_MOST)
      highest = other;
    json_decref(root);
  }
  evs_bytes data = evsi_bytes(of->fields.data.data, of->fields.data.size);
  if (data.size > 0 && !evsi_envelope_decode(data, &envelope, &scratch)) {
    evsi_buf_add_bytes(&type, envelope.origin_prefix);
    evsi_buf_add_text(&type, envelope.origin_prefix.size > 0 ? "." : "");
    evsi_buf_add_bytes(&type, envelope.type);
  }
  const evsi_file_topic about = {.name = topic,
                                 .type = evsi_bytes(type.data, type.size),
                                 .partitions = partition == EVS_PARTITION_NONE ? 0 : (uint32_t)highest + 1};
  evsi_file_register(made->request->store, &about);
  evsi_buf_free(&scratch);
  evsi_buf_free(&type);
}

static char *requeue_of(const import *made, const line *of) {
  const json_t *record = json_object_get(of->root, "dead");
  json_t *group = made->all_groups ? NULL : json_object_get(record, "group");
  json_int_t count = json_integer_value(json_object_get(record, "requeueCount"));
  json_t *requeue = json_pack("{s:O,s:I,s:O*}", "from", json_object_get(of->root, "id"), "count", count + 1,
                              "group", json_is_string(group) ? group : NULL);
  char *text = requeue ? evsi_json_text(requeue) : NULL;
  json_decref(requeue);
  return text;
}

static int64_t store_event(const import *made, line *of, evsi_file_stream *stream, evsi_file_event *event) {
  char *requeue = requeue_of(made, of);
  event->requeue = evsi_text(requeue);
  int64_t number = evsi_file_append(made->request->store, stream, event);
  evsi_free(requeue);
  return number;
}

static int64_t store_letter(const import *made, const line *of, const evsi_file_stream *stream,
                            const evsi_file_event *event) {
  evsi_file_store *store = made->request->store;
  const json_t *note = json_object_get(of->root, "note");
  char *record = evsi_json_text(json_object_get(of->root, "dead"));
  char *text = json_is_object(note) ? evsi_json_text(note) : NULL;
  int64_t number = evsi_file_letter_write(store, stream->id, event, evsi_text(record));
  evsi_file_run(&store->db, "UPDATE letter SET note = ? WHERE id = ?", "ti", text, number);
  evsi_free(record);
  evsi_free(text);
  return number;
}

static void told(const import *made, json_t *result, const line *of, const char *place, bool is_new) {
  evsi_buf id = {0};
  json_object_set_new(result, "outcome", json_string(is_new ? "imported" : "already_imported"));
  if (made->is_event) {
    json_object_set_new(result, "topic", json_string(of->name));
    json_object_set_new(result, "offset", json_string(place));
    return;
  }
  evsi_buf_addf(&id, "%s/%s/%s", made->request->transport->name, of->name, place);
  json_object_set_new(result, "id", json_string(id.data ? id.data : ""));
  evsi_buf_free(&id);
}

static const char *store_line(const import *made, line *of, json_t *result) {
  evsi_file_store *store = made->request->store;
  char hash[65], key[80], place[EVSI_FILE_NUMBER_TEXT];
  char *text = evsi_json_text(of->root);
  evsi_file_event event = evsi_file_fields_event(&of->fields);
  evsi_file_stream *stream = evsi_file_stream_find(store, of->name, true);
  bool is_hashed = text && evsi_sha256_hex(evsi_text(text), hash) == 0;
  evsi_free(text);
  snprintf(key, sizeof key, "%s/%s", made->is_event ? "line" : "dead", is_hashed ? hash : "");
  if (stream && is_hashed) {
    bool is_new = !evsi_file_known(store, stream->id, evsi_text(key), KNOWN_MS, place);
    if (is_new) {
      int64_t number =
          made->is_event ? store_event(made, of, stream, &event) : store_letter(made, of, stream, &event);
      snprintf(place, sizeof place, "%" PRId64, number);
      evsi_file_remember(store, stream->id, evsi_text(key), place);
    }
    told(made, result, of, place, is_new);
  }
  return stream && is_hashed ? NULL : "out of memory";
}

/* ---- all of them ------------------------------------------------------------------------------ */

static const char *import_line(const import *made, const json_t *text, const json_t *lines, json_t *result) {
  size_t offset;
  line of = {.root = NULL};
  evs_bytes bytes = evsi_bytes(json_string_value(text), json_string_length(text));
  if (!json_is_string(text))
    return "it is no text";
  if (bytes.size == 0 || evsi_json_check(bytes, &offset))
    return "it is no JSON";
  json_t *root = evsi_json_load(bytes, JSON_ALLOW_NUL | JSON_REJECT_DUPLICATES, NULL);
  of.root = root;
  const char *why = root ? read_line(&of, made->is_event) : "it has a member twice";
  if (!why && made->is_event && !of.fields.has_data && !of.fields.has_raw && !of.fields.more_text)
    why = "no field is left of the event";
  if (!why && !has_partition(made, &of))
    why = "its topic is here with other partitions";
  if (!why) {
    register_line(made, &of, lines);
    why = store_line(made, &of, result);
  }
  evsi_file_fields_free(&of.fields);
  json_decref(root);
  return why;
}

void evsi_file_request_dlq_import(evsi_file_request *request) {
  const char *into = evsi_file_param(request, "into");
  json_t *lines = evsi_file_given(request, "lines"), *results, *text;
  json_int_t first = (json_int_t)evsi_file_param_number(request, "from", 1, INT64_MAX / 2), done = 0;
  size_t count = json_array_size(lines), i;
  const import made = {.request = request,
                       .is_event = into && strcmp(into, "stream") == 0,
                       .all_groups = json_is_true(evsi_file_given(request, "allGroups"))};
  if (count == 0 || count > LINES_MOST) {
    evsi_file_refuse(request, EVS_VALIDATION, "lines must be a list of 1 to 1000 texts");
    return;
  }
  if (into && strcmp(into, "dead") != 0 && !made.is_event) {
    evsi_file_refuse(request, EVS_VALIDATION, "into must be \"dead\" or \"stream\"");
    return;
  }
  results = json_array();
  json_array_foreach(lines, i, text) {
    json_t *result = json_pack("{s:I}", "line", first + (json_int_t)i);
    const char *why = import_line(&made, text, lines, result), *outcome;
    if (why) {
      json_object_set_new(result, "outcome", json_string("error"));
      json_object_set_new(result, "message",
                          json_sprintf("line %lld: %s", (long long)first + (long long)i, why));
    }
    outcome = json_string_value(json_object_get(result, "outcome"));
    done += outcome && strcmp(outcome, "imported") == 0;
    json_array_append_new(results, result);
  }
  const evsi_file_audit_row row = {.action = "dlq.import",
                                   .scope =
                                       json_pack("{s:s,s:I,s:I}", "into", made.is_event ? "stream" : "dead",
                                                 "from", first, "total", (json_int_t)count),
                                   .count = (uint64_t)done,
                                   .result = evsi_file_audit_result((uint64_t)done, count)};
  evsi_file_audit(request, &row);
  evsi_file_answer(request, json_pack("{s:I,s:o}", "imported", done, "results", results));
}
