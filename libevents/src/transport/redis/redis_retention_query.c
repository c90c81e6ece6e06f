/* SPDX-License-Identifier: MIT
 * redis_retention_query.c - the request `retention`: for each stream how long it is, what bounds it, what
 * holds entries beyond that, and what was trimmed. Looks with the script that trims, which changes nothing
 * then. */
#include <string.h>

#include "transport/redis/redis_request.h"
#include "base/json_text.h"
#include "transport/redis/redis_retention.h"

enum { OTHER_GROUPS_MOST = 3, NODE_ENTRIES = 100 /* trimming is by nodes: so many may be left over */ };

/* Rows stand in request->result, at the index of their stream. */
static json_t *row_of(const evsi_redis_request *request, size_t at) {
  return json_array_get(request->result, at);
}

static json_t *text_json(evs_bytes text) {
  return json_stringn(text.data ? text.data : "", text.size);
}

static void answer(evsi_redis_request *request) {
  json_t *document = json_pack("{s:O}", "streams", request->result);
  evsi_redis_request_json(request, document);
  json_decref(document);
}

/* ---- counters --------------------------------------------------------------------------------- */

static void on_counters(evsi_redis_request *request, uint64_t tag, const evsi_redis_reply *reply) {
  static const char *const names[] = {"trimmed", "forced", "letters", "at"};
  static const char *const members[] = {"trimmed", "trimmedByForce", "trimmedDeadLetters", "lastTrimAt"};
  json_t *row = row_of(request, (size_t)tag);
  if (evsi_redis_request_refused(request, reply, "reading what was trimmed"))
    return;
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
    int64_t value = evsi_redis_integer(evsi_redis_item(reply, i));
    bool is_never = strcmp(names[i], "at") == 0 && value == 0;
    json_object_set_new(row, members[i], is_never ? json_null() : json_integer(value));
  }
}

static void ask_counters(evsi_redis_request *request) {
  request->step = answer;
  for (size_t i = 0; i < request->stream_count && !request->is_answered; i++) {
    evs_bytes name = evsi_text(request->streams[i].name);
    evsi_redis_args args = {0};
    evsi_redis_arg_text(&args, "HMGET");
    evsi_redis_arg_key(&args,
                       evsi_redis_key(&request->transport->config.layout, EVSI_REDIS_RETENTION, name, ""));
    evsi_redis_arg_text(&args, "trimmed");
    evsi_redis_arg_text(&args, "forced");
    evsi_redis_arg_text(&args, "letters");
    evsi_redis_arg_text(&args, "at");
    evsi_redis_request_send(request, &args, on_counters, i);
  }
}

/* ---- looking ---------------------------------------------------------------------------------- */

static void look(evsi_redis_request *request, size_t tag, const json_t *groups);

static void set_limits(json_t *row, evs_bytes text) {
  json_t *limits = evsi_json_load(text, 0, NULL);
  json_object_set_new(row, "limits", limits ? limits : json_object());
}

static void set_state(json_t *row, const evsi_redis_reply *reply) {
  const evsi_redis_reply *why = evsi_redis_item(reply, 5);
  evs_bytes reason = evsi_redis_text(why), group = evsi_redis_text(evsi_redis_item(reply, 6));
  int64_t since = evsi_redis_integer(evsi_redis_item(reply, 7));
  int64_t beyond = evsi_redis_integer(evsi_redis_item(reply, 4));
  bool is_alone = evsi_redis_is(why, "nobody");
  bool is_forced = json_is_true(json_object_get(json_object_get(row, "limits"), "force"));
  bool is_held = beyond > 0 && reason.size > 0 && !is_forced;
  const char *state = is_alone                ? "noGroup"
                      : is_held               ? "held"
                      : beyond > NODE_ENTRIES ? "trimming"
                                              : "withinLimits";
  json_object_set_new(row, "state", json_string(state));
  json_t *holder = is_alone || reason.size == 0
                       ? json_null()
                       : json_pack("{s:o,s:o,s:o}", "group", text_json(group), "why", text_json(reason),
                                   "since", since > 0 ? json_integer(since) : json_null());
  json_object_set_new(row, "heldBy", holder);
}

static void on_look(evsi_redis_request *request, uint64_t tag, const evsi_redis_reply *reply) {
  size_t at = (size_t)tag % request->stream_count, tries = (size_t)tag / request->stream_count;
  json_t *row = row_of(request, at), *groups = evsi_redis_retention_groups(reply);
  if (groups && tries < OTHER_GROUPS_MOST) {
    look(request, at + (tries + 1) * request->stream_count, groups);
    json_decref(groups);
    return;
  }
  json_decref(groups);
  if (evsi_redis_request_refused(request, reply, "looking at a stream"))
    return;
  int64_t bytes = evsi_redis_integer(evsi_redis_item(reply, 9));
  evs_bytes floor = evsi_redis_text(evsi_redis_item(reply, 11));
  json_object_set_new(row, "entries", json_integer(evsi_redis_integer(evsi_redis_item(reply, 8))));
  json_object_set_new(row, "bytes", bytes >= 0 ? json_integer(bytes) : json_null());
  json_object_set_new(row, "beyond", json_integer(evsi_redis_integer(evsi_redis_item(reply, 4))));
  json_object_set_new(row, "floor", floor.size > 0 ? text_json(floor) : json_null());
  set_limits(row, evsi_redis_text(evsi_redis_item(reply, 10)));
  set_state(row, reply);
}

static void look(evsi_redis_request *request, size_t tag, const json_t *groups) {
  const evsi_redis_known *known = &request->streams[tag % request->stream_count];
  const evsi_redis_trim_call call = {.name = known->name, .groups = groups, .is_look = true};
  evsi_redis_request_script script = {.script = EVSI_REDIS_TRIM};
  script.keys = evsi_redis_retention_args(request->transport, &call, &script.args);
  evsi_redis_request_call(request, &script, on_look, tag);
}

static void look_all(evsi_redis_request *request) {
  request->step = ask_counters;
  request->result = json_array();
  for (size_t i = 0; i < request->stream_count; i++) {
    const evsi_redis_known *known = &request->streams[i];
    json_t *partition = known->partition == EVS_PARTITION_NONE ? json_null() : json_integer(known->partition);
    json_array_append_new(request->result,
                          json_pack("{s:o,s:o}", "topic", text_json(known->topic), "partition", partition));
  }
  for (size_t i = 0; i < request->stream_count && !request->is_answered; i++)
    look(request, i, NULL);
}

void evsi_redis_request_retention(evsi_redis_request *request) {
  evsi_redis_request_streams(request, look_all);
}
