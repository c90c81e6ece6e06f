/* SPDX-License-Identifier: MIT
 * redis_query.c - the requests `topics` and `groups`: what the store holds, and how far groups are. */
#include <string.h>

#include "transport/redis/redis_request.h"

#include "base/json_text.h"

enum { CONSUMERS_MOST = 1000 };

static json_t *text_json(evs_bytes text) {
  json_t *value = json_stringn(text.data ? text.data : "", text.size);
  return value ? value : json_null();
}

static json_t *partition_json(int32_t partition) {
  return partition == EVS_PARTITION_NONE ? json_null() : json_integer(partition);
}

static bool is_missing(const evsi_redis_reply *reply) {
  return reply->type == EVSI_REDIS_ERROR && (strncmp(reply->text.data, "ERR no such key", 15) == 0 ||
                                             strncmp(reply->text.data, "NOGROUP", 7) == 0);
}

static void ask(evsi_redis_request *request, const char *command, const char *key, evsi_redis_request_fn fn,
                uint64_t tag) {
  evsi_redis_args args = {0};
  evsi_redis_arg_text(&args, command);
  evsi_redis_arg_text(&args, key);
  evsi_redis_request_send(request, &args, fn, tag);
}

/* ---- topics ----------------------------------------------------------------------------------- */

static void on_length(evsi_redis_request *request, uint64_t tag, const evsi_redis_reply *reply) {
  if (!evsi_redis_request_refused(request, reply, "XLEN of a topic"))
    request->streams[tag].length = evsi_redis_integer(reply);
}

static void on_dead_length(evsi_redis_request *request, uint64_t tag, const evsi_redis_reply *reply) {
  if (!evsi_redis_request_refused(request, reply, "XLEN of dead letters"))
    request->streams[tag].dead = evsi_redis_integer(reply);
}

static void on_delayed(evsi_redis_request *request, uint64_t tag, const evsi_redis_reply *reply) {
  if (!evsi_redis_request_refused(request, reply, "ZCARD of delayed events"))
    request->streams[tag].delayed = evsi_redis_integer(reply);
}

static void answer_topics(evsi_redis_request *request) {
  json_t *list = json_array();
  for (size_t i = 0; i < request->stream_count; i++) {
    const evsi_redis_known *known = &request->streams[i];
    json_array_append_new(list, json_pack("{s:o,s:o,s:I,s:I,s:I,s:o}", "topic", text_json(known->topic),
                                          "partition", partition_json(known->partition), "entries",
                                          (json_int_t)known->length, "deadLetters", (json_int_t)known->dead,
                                          "delayed", (json_int_t)known->delayed, "types",
                                          known->types ? json_incref(known->types) : json_array()));
  }
  json_t *document = json_pack("{s:o}", "topics", list);
  evsi_redis_request_json(request, document);
  json_decref(document);
}

static void ask_lengths(evsi_redis_request *request) {
  request->step = answer_topics;
  for (size_t i = 0; i < request->stream_count && !request->is_answered; i++) {
    ask(request, "XLEN", request->streams[i].key, on_length, i);
    if (!request->is_answered)
      ask(request, "XLEN", request->streams[i].dlq, on_dead_length, i);
    char *delay = evsi_redis_key(&request->transport->config.layout, EVSI_REDIS_DELAY,
                                 evsi_text(request->streams[i].name), "");
    if (!request->is_answered && delay)
      ask(request, "ZCARD", delay, on_delayed, i);
    evsi_free(delay);
  }
}

void evsi_redis_request_topics(evsi_redis_request *request) {
  evsi_redis_request_streams(request, ask_lengths);
}

/* ---- groups ----------------------------------------------------------------------------------- */

static void answer_groups(evsi_redis_request *request) {
  json_t *document = json_pack("{s:O}", "groups", request->result);
  evsi_redis_request_json(request, document);
  json_decref(document);
}

static json_t *find_member(json_t *group, evs_bytes name) {
  json_t *members = json_object_get(group, "members"), *each;
  size_t i;
  json_array_foreach(members, i, each) {
    json_t *known = json_object_get(each, "name");
    if (evsi_bytes_equal(evsi_bytes(json_string_value(known), json_string_length(known)), name))
      return each;
  }
  each = json_pack("{s:o,s:i,s:b,s:b,s:n}", "name", text_json(name), "pending", 0, "alive", 0, "registered",
                   0, "idleMs");
  json_array_append_new(members, each);
  return each;
}

static void on_pending(evsi_redis_request *request, uint64_t tag, const evsi_redis_reply *reply) {
  json_t *group = json_array_get(request->result, (size_t)tag);
  const evsi_redis_reply *consumers = evsi_redis_item(reply, 3);
  evsi_redis_id oldest;
  if (is_missing(reply) || evsi_redis_request_refused(request, reply, "XPENDING of a group"))
    return;
  if (evsi_redis_id_parse(evsi_redis_text(evsi_redis_item(reply, 1)), &oldest))
    json_object_set_new(group, "oldestPendingAt", json_integer((json_int_t)oldest.ms));
  for (size_t i = 0; i < consumers->count; i++) {
    evs_bytes name = evsi_redis_text(evsi_redis_item(evsi_redis_item(consumers, i), 0));
    int64_t pending = evsi_redis_integer(evsi_redis_item(evsi_redis_item(consumers, i), 1));
    if (evsi_bytes_equal(name, evsi_text("@retry")))
      json_object_set_new(group, "parked", json_integer(pending));
    else
      json_object_set_new(find_member(group, name), "pending", json_integer(pending));
  }
}

static void set_place(json_t *member, evs_bytes info) {
  json_t *root = evsi_json_load(info, 0, NULL);
  json_t *host = json_object_get(root, "host"), *pid = json_object_get(root, "pid");
  if (json_is_string(host))
    json_object_set(member, "host", host);
  if (json_is_integer(pid))
    json_object_set(member, "pid", pid);
  json_decref(root);
}

static void on_heartbeat(evsi_redis_request *request, uint64_t tag, const evsi_redis_reply *reply) {
  json_t *group = json_array_get(request->result, (size_t)tag);
  if (evsi_redis_request_refused(request, reply, "HGETALL of a heartbeat"))
    return;
  for (size_t i = 0; i + 1 < reply->count; i += 2) {
    evs_bytes field = evsi_redis_text(evsi_redis_item(reply, i));
    if (field.size < 3 || field.data[1] != ':' || !strchr("cei", field.data[0]))
      continue;
    json_t *member = find_member(group, evsi_bytes(field.data + 2, field.size - 2));
    json_object_set_new(member, "registered", json_true());
    if (field.data[0] == 'e')
      json_object_set_new(member, "alive", json_true());
    else if (field.data[0] == 'i')
      set_place(member, evsi_redis_text(evsi_redis_item(reply, i + 1)));
  }
}

/* Also those of other libraries, and what has nothing pending. */
static void on_consumers(evsi_redis_request *request, uint64_t tag, const evsi_redis_reply *reply) {
  json_t *group = json_array_get(request->result, (size_t)tag);
  if (evsi_redis_request_refused(request, reply, "XINFO CONSUMERS of a group"))
    return;
  for (size_t i = 0; i + 2 < reply->count; i += 3) {
    evs_bytes name = evsi_redis_text(evsi_redis_item(reply, i));
    if (name.size == 0 || name.data[0] == '@')
      continue;
    json_t *member = find_member(group, name);
    json_object_set_new(member, "pending", json_integer(evsi_redis_integer(evsi_redis_item(reply, i + 1))));
    json_object_set_new(member, "idleMs", json_integer(evsi_redis_integer(evsi_redis_item(reply, i + 2))));
  }
}

static void ask_consumers(evsi_redis_request *request, const evsi_redis_known *known, evs_bytes group,
                          size_t at) {
  evsi_redis_request_script call = {.script = EVSI_REDIS_CONSUMERS, .keys = 1};
  evsi_redis_arg_text(&call.args, known->key);
  evsi_redis_arg_bytes(&call.args, group);
  evsi_redis_arg_u64(&call.args, CONSUMERS_MOST);
  evsi_redis_request_call(request, &call, on_consumers, at);
}

static void ask_about(evsi_redis_request *request, const evsi_redis_known *known, evs_bytes group,
                      size_t at) {
  evsi_redis_args args = {0};
  evsi_buf suffix = {0};
  evsi_buf_add(&suffix, ":", 1);
  evsi_buf_add_bytes(&suffix, group);
  char *hb = suffix.failed ? NULL
                           : evsi_redis_key(&request->transport->config.layout,
                                            "evs:hb:", evsi_text(known->name), suffix.data);
  if (hb && known->is_ordered)
    evsi_redis_request_order(request, known->name, suffix.data, at);
  evsi_buf_free(&suffix);
  if (request->is_answered) {
    evsi_free(hb);
    return;
  }
  evsi_redis_arg_text(&args, "XPENDING");
  evsi_redis_arg_text(&args, known->key);
  evsi_redis_arg_bytes(&args, group);
  evsi_redis_request_send(request, &args, on_pending, at);
  if (!request->is_answered && hb)
    ask(request, "HGETALL", hb, on_heartbeat, at);
  if (!request->is_answered)
    ask_consumers(request, known, group, at);
  evsi_free(hb);
}

static const evsi_redis_reply *value_of(const evsi_redis_reply *pairs, const char *name) {
  for (size_t i = 0; i + 1 < pairs->count; i += 2) {
    if (evsi_redis_is(evsi_redis_item(pairs, i), name))
      return evsi_redis_item(pairs, i + 1);
  }
  return evsi_redis_item(pairs, pairs->count);
}

static json_t *paused_of(const evsi_redis_request *request, evs_bytes group) {
  return json_object_get(request->before, group.data ? group.data : "");
}

static void on_paused(evsi_redis_request *request, uint64_t tag, const evsi_redis_reply *reply) {
  (void)tag;
  if (evsi_redis_request_refused(request, reply, "reading " EVSI_REDIS_PAUSED))
    return;
  for (size_t i = 0; i + 1 < reply->count; i += 2) {
    evs_bytes group = evsi_redis_text(evsi_redis_item(reply, i));
    evs_bytes text = evsi_redis_text(evsi_redis_item(reply, i + 1));
    json_t *record = evsi_json_load(text, 0, NULL);
    json_object_set_new(request->before, group.data ? group.data : "", record ? record : json_object());
  }
}

static void on_groups(evsi_redis_request *request, uint64_t tag, const evsi_redis_reply *reply) {
  evsi_redis_known *known = &request->streams[tag];
  if (is_missing(reply) || evsi_redis_request_refused(request, reply, "XINFO GROUPS of a topic"))
    return;
  for (size_t i = 0; i < reply->count && !request->is_answered; i++) {
    const evsi_redis_reply *each = evsi_redis_item(reply, i), *lag = value_of(each, "lag");
    evs_bytes name = evsi_redis_text(value_of(each, "name"));
    /* The server's number is wrong after trimming, and missing after deletions. */
    bool is_known = lag->type == EVSI_REDIS_INTEGER;
    bool is_exact = is_known && lag->integer <= known->length;
    int64_t count = is_exact ? lag->integer : known->length;
    json_array_append_new(
        request->result,
        json_pack("{s:o,s:o,s:o,s:I,s:o,s:o,s:b,s:I,s:i,s:n,s:O?,s:n,s:[]}", "topic", text_json(known->topic),
                  "partition", partition_json(known->partition), "group", text_json(name), "entries",
                  (json_int_t)known->length, "lastDelivered",
                  text_json(evsi_redis_text(value_of(each, "last-delivered-id"))), "lag",
                  is_known ? json_integer(count) : json_null(), "lagExact", is_exact, "pending",
                  (json_int_t)evsi_redis_integer(value_of(each, "pending")), "parked", 0, "oldestPendingAt",
                  "paused", paused_of(request, name), "order", "members"));
    ask_about(request, known, name, json_array_size(request->result) - 1);
  }
}

static void ask_groups(evsi_redis_request *request) {
  request->step = answer_groups;
  request->result = json_array();
  for (size_t i = 0; i < request->stream_count && !request->is_answered; i++) {
    evsi_redis_args args = {0};
    ask(request, "XLEN", request->streams[i].key, on_length, i);
    evsi_redis_arg_text(&args, "XINFO");
    evsi_redis_arg_text(&args, "GROUPS");
    evsi_redis_arg_text(&args, request->streams[i].key);
    if (!request->is_answered)
      evsi_redis_request_send(request, &args, on_groups, i);
    evsi_redis_args_free(&args);
  }
}

static void ask_streams(evsi_redis_request *request) {
  evsi_redis_request_streams(request, ask_groups);
}

void evsi_redis_request_groups(evsi_redis_request *request) {
  request->step = ask_streams;
  request->before = json_object();
  ask(request, "HGETALL", EVSI_REDIS_PAUSED, on_paused, 0);
}
