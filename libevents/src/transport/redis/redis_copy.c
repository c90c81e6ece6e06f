/* SPDX-License-Identifier: MIT
 * redis_copy.c - the requests `copy.look`, `copy.read` and `copy.write`: everything that a stream has, page
 * by page, in a form that no store has, out of this one and into it. Each page is read and written by one
 * script. */
#include <stdio.h>
#include <string.h>

#include "base/json_text.h"
#include "event/base64.h"
#include "transport/redis/redis_entry.h"
#include "transport/redis/redis_request.h"

enum { ROWS_DEFAULT = 500, ROWS_MOST = 1000, FIELDS_MOST = 3400 };

static void refuse(evsi_redis_request *request, evs_status status, const char *why) {
  evsi_redis_request_answer(request, status, evsi_text(why));
}

/* ---- keys ------------------------------------------------------------------------------------- */

/* Those of both scripts, and of the one that writes three more. */
static evsi_redis_request_script begin(const evsi_redis_request *request, evsi_redis_script script,
                                       const char *stream) {
  static const char *const kinds[] = {
      EVSI_REDIS_ARCHIVE, EVSI_REDIS_NOTES,   EVSI_REDIS_DELAY,     EVSI_REDIS_DELAYED, EVSI_REDIS_RETENTION,
      "evs:meta:",        "evs:due:",         EVSI_REDIS_LEASE_KEY, "evs:hb:",          "evs:copy:",
      EVSI_REDIS_INDEX,   EVSI_REDIS_ARCHIVED};
  const evsi_redis_layout *layout = &request->transport->config.layout;
  evs_bytes name = evsi_text(stream);
  size_t count = sizeof kinds / sizeof kinds[0] - (script == EVSI_REDIS_COPY_OUT ? 3 : 0);
  evsi_redis_request_script call = {.script = script};
  evsi_redis_arg_key(&call.args, evsi_redis_stream_key(layout, name));
  evsi_redis_arg_key(&call.args, evsi_redis_dlq_key(layout, name));
  for (size_t i = 0; i < count; i++)
    evsi_redis_arg_key(&call.args, evsi_redis_key(layout, kinds[i], name, ""));
  call.keys = call.args.count;
  return call;
}

/* ---- rows, from the server and to it ---------------------------------------------------------- */

static json_t *value_json(evs_bytes bytes) {
  const char *data = bytes.data ? bytes.data : "";
  bool is_text = evsi_utf8_valid(data, bytes.size) && !memchr(data, 0, bytes.size);
  json_t *value = is_text ? json_stringn(data, bytes.size) : NULL;
  if (value)
    return value;
  evsi_buf text = {0};
  evsi_base64(&text, bytes);
  value = json_pack("{s:s%}", "base64", text.data ? text.data : "", text.size);
  evsi_buf_free(&text);
  return value;
}

/* `fields`, a number, becomes the pairs that follow in the reply. */
static void fill_fields(json_t *object, const evsi_redis_reply *row, size_t *at) {
  const json_t *count = json_object_get(object, "fields");
  if (!json_is_integer(count))
    return;
  json_t *pairs = json_array();
  for (json_int_t i = json_integer_value(count); i > 0; i--, *at += 2)
    json_array_append_new(pairs, json_pack("[o,o]", value_json(evsi_redis_text(evsi_redis_item(row, *at))),
                                           value_json(evsi_redis_text(evsi_redis_item(row, *at + 1)))));
  json_object_set_new(object, "fields", pairs);
}

static json_t *row_json(const evsi_redis_reply *reply) {
  evs_bytes text = evsi_redis_text(evsi_redis_item(reply, 0));
  json_t *row = evsi_json_load(text, JSON_ALLOW_NUL, NULL), *pending;
  size_t at = 1, i;
  if (!row)
    return NULL;
  fill_fields(row, reply, &at);
  json_array_foreach(json_object_get(row, "pending"), i, pending) {
    fill_fields(pending, reply, &at);
    fill_fields(json_object_get(pending, "letter"), reply, &at);
  }
  return row;
}

/* A text, or {"base64": …}. */
static bool put_value(const json_t *value, evsi_redis_args *args) {
  const json_t *encoded = json_object_get(value, "base64");
  evsi_buf bytes = {0};
  if (json_is_string(value)) {
    evsi_redis_arg(args, json_string_value(value), json_string_length(value));
    return true;
  }
  bool is_good =
      json_is_string(encoded) &&
      evsi_base64_decode(&bytes, evsi_bytes(json_string_value(encoded), json_string_length(encoded)));
  evsi_redis_arg(args, bytes.data ? bytes.data : "", bytes.size);
  evsi_buf_free(&bytes);
  return is_good;
}

/* The other way: pairs become their number, and follow. */
static bool put_fields(json_t *object, evsi_redis_args *args) {
  json_t *pairs = json_object_get(object, "fields"), *pair;
  size_t i, count = json_array_size(pairs);
  if (!pairs)
    return true;
  bool is_good = json_is_array(pairs) && count <= FIELDS_MOST;
  json_array_foreach(pairs, i, pair) {
    is_good = is_good && json_array_size(pair) == 2 && put_value(json_array_get(pair, 0), args) &&
              put_value(json_array_get(pair, 1), args);
  }
  json_object_set_new(object, "fields", json_integer((json_int_t)count));
  return is_good;
}

static bool put_row(json_t *row, evsi_redis_args *args) {
  evsi_redis_args parts = {0};
  json_t *pending;
  size_t i;
  bool is_good = json_is_object(row) && put_fields(row, &parts);
  json_array_foreach(json_object_get(row, "pending"), i, pending) {
    is_good =
        is_good && put_fields(pending, &parts) && put_fields(json_object_get(pending, "letter"), &parts);
  }
  char *text = is_good ? evsi_json_text(row) : NULL;
  evsi_redis_arg_text(args, text ? text : "{}");
  evsi_buf_add(&args->body, parts.body.data, parts.body.size);
  args->count += parts.count;
  args->body.failed |= parts.body.failed;
  evsi_redis_args_free(&parts);
  evsi_free(text);
  return text != NULL;
}

/* ---- looking ---------------------------------------------------------------------------------- */

static void answer_look(evsi_redis_request *request) {
  evsi_redis_request_json(request, request->result);
}

static void on_look(evsi_redis_request *request, uint64_t tag, const evsi_redis_reply *reply) {
  const evsi_redis_known *known = &request->streams[tag];
  evs_bytes text = evsi_redis_text(reply);
  if (evsi_redis_request_refused(request, reply, "looking at a stream"))
    return;
  json_t *row = evsi_json_load(text, JSON_ALLOW_NUL, NULL);
  json_object_set_new(row, "name", json_string(known->name));
  json_object_set_new(row, "topic", json_stringn(known->topic.data, known->topic.size));
  json_array_append_new(json_object_get(request->result, "streams"), row);
}

static void look_at_streams(evsi_redis_request *request) {
  request->step = answer_look;
  for (size_t i = 0; i < request->stream_count && !request->is_answered; i++) {
    evsi_redis_request_script call = begin(request, EVSI_REDIS_COPY_OUT, request->streams[i].name);
    evsi_redis_arg_text(&call.args, "look");
    evsi_redis_request_call(request, &call, on_look, i);
  }
}

/* The registry as it is: topics, and what begins with @ about itself. */
static void on_registry(evsi_redis_request *request, uint64_t tag, const evsi_redis_reply *reply) {
  json_t *topics = json_object_get(request->result, "topics");
  (void)tag;
  if (evsi_redis_request_refused(request, reply, "reading the registry of topics"))
    return;
  evs_bytes id = evsi_redis_field(reply, "@id");
  json_object_set_new(request->result, "source",
                      json_sprintf("redis/%.*s", (int)id.size, id.size ? id.data : ""));
  for (size_t i = 0; i + 1 < reply->count; i += 2) {
    evs_bytes name = evsi_redis_text(evsi_redis_item(reply, i));
    evs_bytes about = evsi_redis_text(evsi_redis_item(reply, i + 1));
    json_t *topic = evsi_json_load(about, 0, NULL);
    if (name.size > 0 && name.data[0] != '@' && json_is_object(topic))
      json_object_setn(topics, name.data, name.size, topic);
    json_decref(topic);
  }
}

static void on_paused(evsi_redis_request *request, uint64_t tag, const evsi_redis_reply *reply) {
  json_t *paused = json_object_get(request->result, "paused");
  (void)tag;
  if (evsi_redis_request_refused(request, reply, "reading which groups are paused"))
    return;
  for (size_t i = 0; i + 1 < reply->count; i += 2) {
    evs_bytes name = evsi_redis_text(evsi_redis_item(reply, i));
    evs_bytes record = evsi_redis_text(evsi_redis_item(reply, i + 1));
    if (name.size > 0 && name.data[0] != '@')
      json_object_setn_new(paused, name.data, name.size, evsi_json_load(record, 0, NULL));
  }
}

static void read_streams(evsi_redis_request *request) {
  evsi_redis_request_streams(request, look_at_streams);
}

static void ask(evsi_redis_request *request, const char *key, evsi_redis_request_fn fn) {
  evsi_redis_args args = {0};
  evsi_redis_arg_text(&args, "HGETALL");
  evsi_redis_arg_text(&args, key);
  evsi_redis_request_send(request, &args, fn, 0);
}

/* Its names are those of the tagged layout; the plain one has fields of others in each entry. */
static bool is_possible(evsi_redis_request *request) {
  if (!request->transport->config.layout.is_plain)
    return true;
  refuse(request, EVS_UNSUPPORTED,
         "streams of keyLayout plain are shared with other libraries, and not copied");
  return false;
}

void evsi_redis_request_copy_look(evsi_redis_request *request) {
  if (!is_possible(request))
    return;
  request->result = json_pack("{s:{},s:[],s:{}}", "topics", "streams", "paused");
  request->step = read_streams;
  ask(request, request->transport->config.layout.registry, on_registry);
  ask(request, EVSI_REDIS_PAUSED, on_paused);
}

/* ---- reading ---------------------------------------------------------------------------------- */

static void on_page(evsi_redis_request *request, uint64_t tag, const evsi_redis_reply *reply) {
  const evsi_redis_reply *found = evsi_redis_item(reply, 1);
  evs_bytes next = evsi_redis_text(evsi_redis_item(reply, 0));
  (void)tag;
  if (evsi_redis_request_refused(request, reply, "reading a page"))
    return;
  json_t *rows = json_array();
  for (size_t i = 0; i < found->count; i++) {
    json_t *row = row_json(evsi_redis_item(found, i));
    if (!row || json_array_append_new(rows, row) != 0) {
      json_decref(rows);
      refuse(request, EVS_TRANSPORT, "a state or a record is no text in UTF-8, and cannot be copied");
      return;
    }
  }
  request->result = json_pack("{s:o,s:s%}", "rows", rows, "next", next.data ? next.data : "", next.size);
}

static const char *stream_of(evsi_redis_request *request) {
  const char *name = evsi_redis_request_text(request, "stream");
  if (!name || strlen(name) >= EVSI_REDIS_NAME_MAX || strpbrk(name, "{}"))
    refuse(request, EVS_VALIDATION, "stream must be the name of a topic, <topic> or <topic>:<partition>");
  return request->is_answered ? NULL : name;
}

static bool is_what(const char *what, bool is_write) {
  static const char *const all[] = {"entries", "letters", "archive", "delayed", "begin", "end"};
  for (size_t i = 0; what && i < (is_write ? 6U : 4U); i++) {
    if (strcmp(what, all[i]) == 0)
      return true;
  }
  return false;
}

void evsi_redis_request_copy_read(evsi_redis_request *request) {
  const char *name = stream_of(request), *what = evsi_redis_request_text(request, "what");
  const char *after = evsi_redis_request_text(request, "after");
  if (!name || !is_possible(request))
    return;
  if (!is_what(what, false)) {
    refuse(request, EVS_VALIDATION, "what must be entries, letters, archive or delayed");
    return;
  }
  evsi_redis_request_script call = begin(request, EVSI_REDIS_COPY_OUT, name);
  evsi_redis_arg_text(&call.args, what);
  evsi_redis_arg_text(&call.args, after ? after : "");
  evsi_redis_arg_u64(&call.args, evsi_redis_request_number(request, "limit", ROWS_DEFAULT, ROWS_MOST));
  request->step = answer_look;
  evsi_redis_request_call(request, &call, on_page, 0);
}

/* ---- writing ---------------------------------------------------------------------------------- */

static void on_written(evsi_redis_request *request, uint64_t tag, const evsi_redis_reply *reply) {
  (void)tag;
  if (evsi_redis_request_refused(request, reply, "writing a page"))
    return;
  if (!evsi_redis_is(evsi_redis_item(reply, 0), "OK")) {
    refuse(request, EVS_CONFLICT,
           "the stream has something already that this copy did not bring: empty it first");
    return;
  }
  json_t *positions = json_object();
  for (size_t i = 1; i + 1 < reply->count; i += 2) {
    evs_bytes name = evsi_redis_text(evsi_redis_item(reply, i));
    evs_bytes value = evsi_redis_text(evsi_redis_item(reply, i + 1));
    if (name.size > 1 && name.data[0] == '>')
      json_object_setn_new(positions, name.data + 1, name.size - 1, json_stringn(value.data, value.size));
  }
  request->result = json_pack("{s:o}", "positions", positions);
}

static void on_done(evsi_redis_request *request, uint64_t tag, const evsi_redis_reply *reply) {
  (void)tag;
  evsi_redis_request_refused(request, reply, "registering what was copied");
}

static json_t *rows_of(const evsi_redis_request *request) {
  return json_object_get(request->params, "rows");
}

/* Whoever is connected looks at the streams that have delayed events. */
static void announce_delayed(evsi_redis_request *request, const char *name) {
  const json_t *first = json_array_get(rows_of(request), 0);
  evsi_redis_args args = {0};
  if (!first)
    return;
  evsi_redis_arg_text(&args, "ZADD");
  evsi_redis_arg_text(&args, request->transport->config.layout.delays);
  evsi_redis_arg_text(&args, "0");
  evsi_redis_arg_text(&args, name);
  evsi_redis_request_send(request, &args, on_done, 0);
}

/* {name, partitions, ordering, onDeadLetter, types}; made before the first entry is there. */
static void register_topic(evsi_redis_request *request) {
  const json_t *topic = json_object_get(request->params, "topic"), *type;
  evsi_redis_request_script call = {.script = EVSI_REDIS_REGISTER, .keys = 1};
  static const char *const words[] = {"ordering", "onDeadLetter"};
  const char *name = json_string_value(json_object_get(topic, "name"));
  char id[24];
  size_t i;
  if (!name)
    return;
  snprintf(id, sizeof id, "%016llx", (unsigned long long)evsi_wall_ms(request->transport->world->env));
  evsi_redis_arg_text(&call.args, request->transport->config.layout.registry);
  evsi_redis_arg_text(&call.args, id);
  evsi_redis_arg_text(&call.args, name);
  evsi_redis_arg_u64(&call.args, (uint64_t)json_integer_value(json_object_get(topic, "partitions")));
  evsi_redis_arg_text(&call.args, "tagged");
  for (i = 0; i < sizeof words / sizeof words[0]; i++) {
    const char *word = json_string_value(json_object_get(topic, words[i]));
    evsi_redis_arg_text(&call.args, word ? word : "");
  }
  json_array_foreach(json_object_get(topic, "types"), i, type) {
    evsi_redis_arg_text(&call.args, json_string_value(type) ? json_string_value(type) : "*");
  }
  evsi_redis_request_call(request, &call, on_done, 0);
}

static bool put_rows(evsi_redis_request *request, evsi_redis_args *args) {
  json_t *row;
  size_t i;
  json_array_foreach(rows_of(request), i, row) {
    if (!put_row(row, args))
      return false;
  }
  return true;
}

void evsi_redis_request_copy_write(evsi_redis_request *request) {
  const char *name = stream_of(request), *what = evsi_redis_request_text(request, "what");
  const char *copy = evsi_redis_request_text(request, "copy"),
             *next = evsi_redis_request_text(request, "next");
  if (!name || !is_possible(request))
    return;
  if (!is_what(what, true) || !copy || json_array_size(rows_of(request)) > ROWS_MOST) {
    refuse(request, EVS_VALIDATION, "copy, a text, what and up to 1000 rows are needed");
    return;
  }
  evsi_redis_request_script call = begin(request, EVSI_REDIS_COPY_IN, name);
  evsi_redis_arg_text(&call.args, what);
  evsi_redis_arg_text(&call.args, copy);
  evsi_redis_arg_text(&call.args, next ? next : "");
  if (!put_rows(request, &call.args)) {
    evsi_redis_args_free(&call.args);
    refuse(request, EVS_VALIDATION, "a row has no fields, or more than 3,400");
    return;
  }
  request->step = answer_look;
  if (strcmp(what, "begin") == 0)
    register_topic(request);
  if (strcmp(what, "delayed") == 0)
    announce_delayed(request, name);
  if (request->is_answered)
    evsi_redis_args_free(&call.args);
  else
    evsi_redis_request_call(request, &call, on_written, 0);
}
