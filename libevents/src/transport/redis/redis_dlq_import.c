/* SPDX-License-Identifier: MIT
 * redis_dlq_import.c - the request `dlq.import`: lines of dlq.export become dead letters again, or events in
 * their topics. Each line is taken or refused by itself, with its number; the same line again does nothing.
 */
#include <stdio.h>
#include <string.h>

#include "transport/redis/redis_audit.h"
#include "transport/redis/redis_error.h"
#include "transport/redis/redis_line.h"
#include "transport/redis/redis_outbox.h"

enum { LINES_MOST = 1000 };

static const uint64_t sent_ms = 30ULL * 24 * 3600 * 1000;

typedef struct import {
  evsi_redis_line_use use;
  evsi_redis_line *lines;
  size_t count;
} import;

static void import_free(void *data) {
  import *made = data;
  for (size_t i = 0; made && i < made->count; i++)
    evsi_redis_line_free(&made->lines[i]);
  if (made)
    evsi_free(made->lines);
  evsi_free(made);
}

static json_t *lines_of(const evsi_redis_request *request) {
  return json_object_get(request->params, "lines");
}

/* ---- answering -------------------------------------------------------------------------------- */

static void answer(evsi_redis_request *request) {
  json_t *document =
      json_pack("{s:I,s:O}", "imported", (json_int_t)request->done, "results", request->result);
  evsi_redis_request_json(request, document);
  json_decref(document);
}

static void finish(evsi_redis_request *request) {
  const import *made = request->extra;
  const evsi_redis_audit_row row = {
      .action = "dlq.import",
      .scope = json_pack("{s:s,s:I,s:I}", "into", made->use.is_event ? "stream" : "dead", "from",
                         (json_int_t)evsi_redis_request_number(request, "from", 1, INT64_MAX / 2), "total",
                         (json_int_t)made->count),
      .count = request->done,
      .result = request->done == 0             ? "nothing"
                : request->done == made->count ? "done"
                                               : "partly"};
  request->step = answer;
  evsi_redis_audit(request, &row);
}

static json_t *result_at(const evsi_redis_request *request, size_t at) {
  return json_array_get(request->result, at);
}

static void refuse_line(evsi_redis_request *request, size_t at, const char *why) {
  json_t *result = result_at(request, at);
  json_object_set_new(result, "outcome", json_string("error"));
  json_object_set_new(
      result, "message",
      json_sprintf("line %lld: %s", (long long)json_integer_value(json_object_get(result, "line")), why));
}

/* ---- storing ---------------------------------------------------------------------------------- */

static void on_stored(evsi_redis_request *request, uint64_t at, const evsi_redis_reply *reply) {
  const import *made = request->extra;
  const evsi_redis_line *line = &made->lines[at];
  const evsi_redis_reply *pair = made->use.is_event ? evsi_redis_item(reply, 0) : reply;
  evs_bytes id = evsi_redis_text(evsi_redis_item(pair, 0));
  bool is_new = evsi_redis_integer(evsi_redis_item(pair, 1)) == 1;
  char text[EVSI_REDIS_ERROR_TEXT];
  json_t *result = result_at(request, (size_t)at);
  if (reply->type == EVSI_REDIS_ERROR) {
    evsi_redis_error_text(reply, "importing", text);
    refuse_line(request, (size_t)at, text);
    return;
  }
  request->done += is_new;
  json_object_set_new(result, "outcome", json_string(is_new ? "imported" : "already_imported"));
  if (made->use.is_event) {
    json_object_set_new(result, "topic", json_string(line->name));
    json_object_set_new(result, "offset", json_stringn(id.data ? id.data : "", id.size));
    return;
  }
  evsi_buf whole = {0};
  evsi_redis_letter_id(request->transport, evsi_text(line->name), id, &whole);
  json_object_set_new(result, "id", whole.failed ? NULL : json_stringn(whole.data, whole.size));
  evsi_buf_free(&whole);
}

static void store(evsi_redis_request *request, size_t at) {
  const import *made = request->extra;
  const evsi_redis_line *line = &made->lines[at];
  const evsi_redis_layout *layout = &request->transport->config.layout;
  evs_bytes name = evsi_text(line->name);
  evsi_redis_request_script call = {.script = made->use.is_event ? EVSI_REDIS_SEND : EVSI_REDIS_IMPORT,
                                    .keys = made->use.is_event ? 2 : 4};
  char suffix[96];
  snprintf(suffix, sizeof suffix, ":%s/%s", made->use.is_event ? "line" : "dead", line->hash);
  evsi_redis_arg_key(&call.args, made->use.is_event ? evsi_redis_stream_key(layout, name)
                                                    : evsi_redis_dlq_key(layout, name));
  if (!made->use.is_event) {
    evsi_redis_arg_key(&call.args, evsi_redis_key(layout, EVSI_REDIS_INDEX, name, ""));
    evsi_redis_arg_key(&call.args, evsi_redis_key(layout, EVSI_REDIS_NOTES, name, ""));
  }
  evsi_redis_arg_key(&call.args, evsi_redis_key(layout, EVSI_REDIS_SENT_KEY, name, suffix));
  evsi_redis_arg_u64(&call.args, sent_ms);
  evsi_redis_arg(&call.args, line->entry.data, line->entry.size);
  if (!made->use.is_event) {
    evsi_redis_arg_text(&call.args, line->record);
    evsi_redis_arg_text(&call.args, line->note ? line->note : "");
  }
  evsi_redis_request_call(request, &call, on_stored, at);
}

/* ---- which streams they go to ------------------------------------------------------------------ */

static void on_registered(evsi_redis_request *request, uint64_t tag, const evsi_redis_reply *reply) {
  (void)tag;
  evsi_redis_request_refused(request, reply, "registering a topic");
}

/* A topic that is known has the partitions that it has: elsewhere nobody would look for the letter. */
static bool has_stream(const evsi_redis_request *request, const char *name) {
  evs_bytes topic;
  int32_t partition;
  bool is_known = false;
  evsi_redis_split_name(evsi_text(name), &topic, &partition);
  for (size_t i = 0; i < request->stream_count; i++) {
    if (strcmp(request->streams[i].name, name) == 0)
      return true;
    is_known |= evsi_bytes_equal(request->streams[i].topic, topic);
  }
  return !is_known;
}

static bool is_open(const evsi_redis_request *request, size_t at) {
  return !json_object_get(result_at(request, at), "outcome");
}

static bool is_repeated(const evsi_redis_request *request, size_t at) {
  const import *made = request->extra;
  for (size_t i = 0; i < at; i++) {
    if (is_open(request, i) && strcmp(made->lines[i].name, made->lines[at].name) == 0 &&
        strcmp(made->lines[i].type, made->lines[at].type) == 0)
      return true;
  }
  return false;
}

/* The partition of the same topic with the highest number: a new topic has as many. */
static const char *highest(const evsi_redis_request *request, size_t at) {
  const import *made = request->extra;
  evs_bytes topic, other;
  int32_t partition, most;
  const char *name = made->lines[at].name;
  evsi_redis_split_name(evsi_text(name), &topic, &most);
  for (size_t i = 0; i < made->count; i++) {
    if (!is_open(request, i))
      continue;
    evsi_redis_split_name(evsi_text(made->lines[i].name), &other, &partition);
    if (evsi_bytes_equal(topic, other) && partition > most) {
      most = partition;
      name = made->lines[i].name;
    }
  }
  return name;
}

static void import_all(evsi_redis_request *request) {
  const import *made = request->extra;
  request->step = finish;
  for (size_t i = 0; i < made->count && !request->is_answered; i++) {
    if (is_open(request, i) && !has_stream(request, made->lines[i].name))
      refuse_line(request, i, "its topic is here with other partitions");
    if (is_open(request, i) && !is_repeated(request, i))
      evsi_redis_request_register(request, highest(request, i), made->lines[i].type, on_registered);
  }
  for (size_t i = 0; i < made->count && !request->is_answered; i++) {
    if (is_open(request, i))
      store(request, i);
  }
}

/* ---- starting --------------------------------------------------------------------------------- */

static void read_lines(evsi_redis_request *request) {
  import *made = request->extra;
  json_int_t first = (json_int_t)evsi_redis_request_number(request, "from", 1, INT64_MAX / 2);
  request->result = json_array();
  for (; made->count < json_array_size(lines_of(request)); made->count++) {
    size_t at = made->count;
    const json_t *line = json_array_get(lines_of(request), at);
    json_array_append_new(request->result, json_pack("{s:I}", "line", first + (json_int_t)at));
    const char *why =
        json_is_string(line)
            ? evsi_redis_line_read(evsi_bytes(json_string_value(line), json_string_length(line)), &made->use,
                                   &made->lines[at])
            : "it is no text";
    if (why)
      refuse_line(request, at, why);
  }
}

void evsi_redis_request_dlq_import(evsi_redis_request *request) {
  const char *into = evsi_redis_request_text(request, "into");
  size_t count = json_array_size(lines_of(request));
  import *made = evsi_calloc(1, sizeof *made);
  request->extra = made;
  request->extra_free = import_free;
  if (count == 0 || count > LINES_MOST) {
    evsi_redis_request_answer(request, EVS_VALIDATION, evsi_text("lines must be a list of 1 to 1000 texts"));
  } else if (into && strcmp(into, "dead") != 0 && strcmp(into, "stream") != 0) {
    evsi_redis_request_answer(request, EVS_VALIDATION, evsi_text("into must be \"dead\" or \"stream\""));
  } else if (!made || !(made->lines = evsi_calloc(count, sizeof *made->lines))) {
    evsi_redis_request_answer(request, EVS_NOMEM, evsi_text("out of memory"));
  } else {
    made->use.is_event = into && strcmp(into, "stream") == 0;
    made->use.all_groups = json_is_true(json_object_get(request->params, "allGroups"));
    read_lines(request);
    evsi_redis_request_streams(request, import_all);
  }
}
