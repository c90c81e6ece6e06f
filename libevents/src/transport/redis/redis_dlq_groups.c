/* SPDX-License-Identifier: MIT
 * redis_dlq_groups.c - the request `dlq.groups`: how many dead letters of each kind there are, from the index
 * of fingerprints that the scripts keep. The work grows with the kinds, not with the letters. */
#include <stdlib.h>
#include <string.h>

#include "event/fingerprint.h"
#include "base/json_text.h"
#include "transport/redis/redis_index.h"
#include "transport/redis/redis_letters.h"

enum { LIMIT_DEFAULT = 1000, LIMIT_MOST = 10000 };

/* ---- reading the index ------------------------------------------------------------------------ */

static json_int_t number_of(const json_t *row, const char *name) {
  return json_integer_value(json_object_get(row, name));
}

static void add_to(json_t *row, const char *name, int64_t value) {
  json_object_set_new(row, name, json_integer(number_of(row, name) + (json_int_t)value));
}

static json_t *row_of(json_t *rows, evs_bytes fingerprint) {
  char name[EVSI_FINGERPRINT_TEXT];
  snprintf(name, sizeof name, "%.*s", (int)fingerprint.size, fingerprint.data);
  json_t *row = json_object_get(rows, name);
  if (!row) {
    row = json_pack("{s:[]}", "topics");
    json_object_set_new(rows, name, row);
  }
  return row;
}

/* A field "<fingerprint>:<part>", or 0. */
static char part_of(evs_bytes field, evs_bytes *out_fingerprint) {
  if (field.size < 3 || field.size > EVSI_FINGERPRINT_TEXT + 1 || field.data[field.size - 2] != ':')
    return 0;
  *out_fingerprint = evsi_bytes(field.data, field.size - 2);
  return field.data[field.size - 1];
}

static void take_number(json_t *row, char part, int64_t value, const evsi_redis_known *known, size_t at) {
  if (part == 'n' && value > 0) {
    add_to(row, "count", value);
    json_array_append_new(json_object_get(row, "topics"), json_stringn(known->topic.data, known->topic.size));
  } else if (part == 'r' && value > 0) {
    add_to(row, "back", value);
  } else if (part == 'f' && (!json_object_get(row, "firstAt") || value < number_of(row, "firstAt"))) {
    json_object_set_new(row, "firstAt", json_integer(value));
  } else if (part == 'l' && value > number_of(row, "lastAt")) {
    json_object_set_new(row, "lastAt", json_integer(value));
    json_object_set_new(row, "stream", json_integer((json_int_t)at)); /* whose words describe it */
  }
}

static void take_text(json_t *row, char part, evs_bytes value) {
  if (part == 'i')
    json_object_set_new(row, "entry", json_stringn(value.data ? value.data : "", value.size));
  else if (part == 'd')
    json_object_set_new(row, "about", evsi_json_load(value, JSON_ALLOW_NUL, NULL));
}

static void on_index(evsi_redis_request *request, uint64_t tag, const evsi_redis_reply *reply) {
  const evsi_redis_known *known = &request->streams[tag];
  evs_bytes fingerprint;
  if (evsi_redis_request_refused(request, reply, "reading " EVSI_REDIS_INDEX))
    return;
  for (size_t i = 0; i + 1 < reply->count; i += 2) {
    char part = part_of(evsi_redis_text(evsi_redis_item(reply, i)), &fingerprint);
    if (part)
      take_number(row_of(request->result, fingerprint), part,
                  evsi_redis_integer(evsi_redis_item(reply, i + 1)), known, (size_t)tag);
  }
  for (size_t i = 0; i + 1 < reply->count; i += 2) {
    char part = part_of(evsi_redis_text(evsi_redis_item(reply, i)), &fingerprint);
    json_t *row = part ? row_of(request->result, fingerprint) : NULL;
    if (row && number_of(row, "stream") == (json_int_t)tag)
      take_text(row, part, evsi_redis_text(evsi_redis_item(reply, i + 1)));
  }
}

static void on_length(evsi_redis_request *request, uint64_t tag, const evsi_redis_reply *reply) {
  if (!evsi_redis_request_refused(request, reply, "XLEN of dead letters"))
    request->streams[tag].dead = evsi_redis_integer(reply);
}

static void ask(evsi_redis_request *request, const char *command, const char *key, evsi_redis_request_fn fn,
                uint64_t tag) {
  evsi_redis_args args = {0};
  evsi_redis_arg_text(&args, command);
  evsi_redis_arg_text(&args, key);
  evsi_redis_request_send(request, &args, fn, tag);
}

void evsi_redis_index_read(evsi_redis_request *request, void (*next)(evsi_redis_request *request)) {
  const evsi_redis_layout *layout = &request->transport->config.layout;
  request->step = next;
  request->result = json_object();
  for (size_t i = 0; i < request->stream_count && !request->is_answered; i++) {
    char *index = evsi_redis_key(layout, EVSI_REDIS_INDEX, evsi_text(request->streams[i].name), "");
    ask(request, "XLEN", request->streams[i].dlq, on_length, i);
    if (!request->is_answered)
      ask(request, "HGETALL", index ? index : "", on_index, i);
    evsi_free(index);
  }
}

uint64_t evsi_redis_index_letters(const evsi_redis_request *request) {
  uint64_t total = 0;
  for (size_t i = 0; i < request->stream_count; i++)
    total += request->streams[i].dead > 0 ? (uint64_t)request->streams[i].dead : 0;
  return total;
}

uint64_t evsi_redis_index_counted(const evsi_redis_request *request) {
  const char *name;
  json_t *row;
  uint64_t counted = 0;
  json_object_foreach(request->result, name, row) {
    counted += (uint64_t)number_of(row, "count");
  }
  return counted;
}

/* ---- dlq.groups ------------------------------------------------------------------------------- */

typedef struct kind {
  const char *fingerprint;
  const json_t *row;
} kind;

static int by_time(const void *a, const void *b) {
  const kind *left = a, *right = b;
  json_int_t first = number_of(left->row, "lastAt"), second = number_of(right->row, "lastAt");
  return first != second ? (first < second ? 1 : -1) : strcmp(left->fingerprint, right->fingerprint);
}

static json_t *copy_of(const json_t *object, const char *name) {
  json_t *value = json_object_get(object, name);
  return value ? json_incref(value) : json_null();
}

static json_t *template_of(const json_t *message) {
  evsi_buf text = {0};
  evsi_message_template(evsi_bytes(json_string_value(message), json_string_length(message)), &text);
  json_t *value = text.failed ? NULL : json_stringn(text.data ? text.data : "", text.size);
  evsi_buf_free(&text);
  return value ? value : json_null();
}

static json_t *last_id(const evsi_redis_request *request, const json_t *row) {
  const evsi_redis_known *known = &request->streams[number_of(row, "stream")];
  const char *entry = json_string_value(json_object_get(row, "entry"));
  evsi_buf id = {0};
  evsi_redis_letter_id(request->transport, evsi_text(known->name), evsi_text(entry ? entry : ""), &id);
  json_t *value = id.failed ? NULL : json_stringn(id.data, id.size);
  evsi_buf_free(&id);
  return value ? value : json_null();
}

static json_t *describe(const evsi_redis_request *request, const kind *of) {
  const json_t *about = json_object_get(of->row, "about");
  return json_pack("{s:s,s:I,s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:o}", "fingerprint", of->fingerprint, "count",
                   number_of(of->row, "count"), "firstAt", copy_of(of->row, "firstAt"), "lastAt",
                   copy_of(of->row, "lastAt"), "topics", copy_of(of->row, "topics"), "type",
                   copy_of(about, "type"), "group", copy_of(about, "group"), "errorClass",
                   copy_of(about, "class"), "message", template_of(json_object_get(about, "message")),
                   "sample", copy_of(about, "message"), "lastId", last_id(request, of->row));
}

static void answer_groups(evsi_redis_request *request) {
  size_t size = json_object_size(request->result), count = 0;
  kind *kinds = evsi_calloc(size > 0 ? size : 1, sizeof *kinds);
  uint64_t total = evsi_redis_index_letters(request), counted = evsi_redis_index_counted(request);
  json_t *list = json_array(), *row;
  const char *name;
  if (!kinds) {
    json_decref(list);
    evsi_redis_request_answer(request, EVS_NOMEM, evsi_text("out of memory"));
    return;
  }
  json_object_foreach(request->result, name, row) {
    if (number_of(row, "count") > 0)
      kinds[count++] = (kind){name, row};
  }
  qsort(kinds, count, sizeof *kinds, by_time);
  for (size_t i = 0; i < count && i < request->limit; i++)
    json_array_append_new(list, describe(request, &kinds[i]));
  json_t *document =
      json_pack("{s:o,s:I,s:I,s:I}", "groups", list, "groupCount", (json_int_t)count, "total",
                (json_int_t)total, "unindexed", (json_int_t)(total > counted ? total - counted : 0));
  evsi_redis_request_json(request, document);
  json_decref(document);
  evsi_free(kinds);
}

static void read_index(evsi_redis_request *request) {
  evsi_redis_index_read(request, answer_groups);
}

void evsi_redis_request_dlq_groups(evsi_redis_request *request) {
  request->limit = evsi_redis_request_number(request, "limit", LIMIT_DEFAULT, LIMIT_MOST);
  evsi_redis_request_streams(request, read_index);
}
