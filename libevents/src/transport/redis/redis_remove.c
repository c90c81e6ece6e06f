/* SPDX-License-Identifier: MIT
 * redis_remove.c - the request `topics.remove`: stream by stream all that stands under its name, by a script
 * that refuses while a group has members, and then the name. What expires by itself is left to that. */
#include <string.h>

#include "base/json_text.h"
#include "transport/redis/redis_audit.h"
#include "transport/redis/redis_entry.h"
#include "transport/redis/redis_outbox.h"

static void refuse(evsi_redis_request *request, evs_status status, const char *why) {
  evsi_redis_request_answer(request, status, evsi_text(why));
}

static const char *topic_of(const evsi_redis_request *request) {
  return evsi_redis_request_text(request, "topic");
}

/* ---- the name --------------------------------------------------------------------------------- */

static void answer(evsi_redis_request *request) {
  json_t *document =
      json_pack("{s:s,s:I}", "topic", topic_of(request), "entries", (json_int_t)request->count);
  evsi_redis_request_json(request, document);
  json_decref(document);
}

static void note(evsi_redis_request *request) {
  request->step = answer;
  evsi_redis_audit(request, &(evsi_redis_audit_row){.action = "topics.remove",
                                                    .scope = json_pack("{s:s}", "topic", topic_of(request)),
                                                    .count = request->count,
                                                    .result = "done"});
}

static void on_done(evsi_redis_request *request, uint64_t tag, const evsi_redis_reply *reply) {
  (void)tag;
  evsi_redis_request_refused(request, reply, "taking a topic out of an index");
}

/* Those who read the registry see that it has changed. */
static void on_unregistered(evsi_redis_request *request, uint64_t tag, const evsi_redis_reply *reply) {
  evsi_redis_args args = {0};
  (void)tag;
  if (evsi_redis_request_refused(request, reply, "taking a topic out of the registry") ||
      evsi_redis_integer(reply) == 0)
    return;
  evsi_redis_arg_text(&args, "HINCRBY");
  evsi_redis_arg_text(&args, request->transport->config.layout.registry);
  evsi_redis_arg_text(&args, "@version");
  evsi_redis_arg_u64(&args, 1);
  evsi_redis_request_send(request, &args, on_done, 0);
}

static void take_out(evsi_redis_request *request, const char *command, const char *key, const char *name) {
  evsi_redis_args args = {0};
  if (request->is_answered)
    return;
  evsi_redis_arg_text(&args, command);
  evsi_redis_arg_text(&args, key);
  evsi_redis_arg_text(&args, name);
  evsi_redis_request_send(request, &args, command[0] == 'H' ? on_unregistered : on_done, 0);
}

static void unregister(evsi_redis_request *request) {
  const evsi_redis_layout *layout = &request->transport->config.layout;
  request->step = note;
  take_out(request, "HDEL", layout->registry, topic_of(request));
  for (size_t i = 0; i < request->stream_count; i++) {
    take_out(request, "ZREM", layout->delays, request->streams[i].name);
    take_out(request, "ZREM", layout->outboxes, request->streams[i].name);
  }
}

/* ---- streams ---------------------------------------------------------------------------------- */

static void on_removed(evsi_redis_request *request, uint64_t tag, const evsi_redis_reply *reply) {
  const evsi_redis_reply *verdict = evsi_redis_item(reply, 0);
  (void)tag;
  if (evsi_redis_request_refused(request, reply, "removing a stream"))
    return;
  if (evsi_redis_is(verdict, "MEMBER"))
    refuse(request, EVS_CONFLICT,
           "a group of this topic has members: end them, or remove it with force when they are dead");
  else if (evsi_redis_is(verdict, "GROUP"))
    refuse(request, EVS_CONFLICT, "groups of this topic come and go just now: try again");
  else
    request->count += (uint64_t)evsi_redis_integer(evsi_redis_item(reply, 1));
}

/* All keys of a stream but those that expire. groups: names. */
static void remove_stream(evsi_redis_request *request, const evsi_redis_known *known, const json_t *groups) {
  static const char *const of_group[] = {"evs:hb:", "evs:meta:", "evs:due:", EVSI_REDIS_LEASE_KEY};
  static const char *const beside[] = {
      EVSI_REDIS_RETENTION,  EVSI_REDIS_INDEX, EVSI_REDIS_ARCHIVE, EVSI_REDIS_ARCHIVED, EVSI_REDIS_NOTES,
      EVSI_REDIS_OUTBOX_KEY, EVSI_REDIS_IDS,   EVSI_REDIS_DELAY,   EVSI_REDIS_DELAYED,  "evs:copy:"};
  const evsi_redis_layout *layout = &request->transport->config.layout;
  evsi_redis_request_script call = {.script = EVSI_REDIS_REMOVE};
  evs_bytes name = evsi_text(known->name);
  char suffix[EVSI_REDIS_NAME_MAX + 1] = ":";
  size_t i;
  json_t *group;
  json_array_foreach(groups, i, group) {
    evsi_bytes_copy(suffix + 1, sizeof suffix - 1, evsi_text(json_string_value(group)));
    for (size_t k = 0; k < sizeof of_group / sizeof of_group[0]; k++)
      evsi_redis_arg_key(&call.args, evsi_redis_key(layout, of_group[k], name, suffix));
  }
  evsi_redis_arg_text(&call.args, known->key);
  evsi_redis_arg_text(&call.args, known->dlq);
  for (i = 0; i < sizeof beside / sizeof beside[0]; i++)
    evsi_redis_arg_key(&call.args, evsi_redis_key(layout, beside[i], name, ""));
  call.keys = call.args.count;
  evsi_redis_arg_text(&call.args, json_is_true(json_object_get(request->params, "force")) ? "1" : "0");
  json_array_foreach(groups, i, group) {
    evsi_redis_arg_text(&call.args, json_string_value(group));
  }
  evsi_redis_request_call(request, &call, on_removed, 0);
}

static void remove_streams(evsi_redis_request *request) {
  request->step = unregister;
  for (size_t i = 0; i < request->stream_count && !request->is_answered; i++)
    remove_stream(request, &request->streams[i], json_array_get(request->before, i));
}

static void on_groups(evsi_redis_request *request, uint64_t tag, const evsi_redis_reply *reply) {
  json_t *groups = json_array_get(request->before, (size_t)tag);
  bool is_missing = reply->type == EVSI_REDIS_ERROR && strncmp(reply->text.data, "ERR no such key", 15) == 0;
  if (is_missing || evsi_redis_request_refused(request, reply, "XINFO GROUPS of a topic"))
    return;
  for (size_t i = 0; i < reply->count; i++) {
    evs_bytes name = evsi_redis_field(evsi_redis_item(reply, i), "name");
    if (name.size >= EVSI_REDIS_NAME_MAX || !evsi_utf8_valid(name.data ? name.data : "", name.size))
      refuse(request, EVS_UNSUPPORTED, "a group of this topic has a name that is none of ours");
    else if (json_array_append_new(groups, json_stringn(name.data ? name.data : "", name.size)) != 0)
      refuse(request, EVS_NOMEM, "out of memory");
  }
}

static void ask_groups(evsi_redis_request *request) {
  request->step = remove_streams;
  request->before = json_array();
  for (size_t i = 0; i < request->stream_count && !request->is_answered; i++) {
    evsi_redis_args args = {0};
    json_array_append_new(request->before, json_array());
    evsi_redis_arg_text(&args, "XINFO");
    evsi_redis_arg_text(&args, "GROUPS");
    evsi_redis_arg_text(&args, request->streams[i].key);
    evsi_redis_request_send(request, &args, on_groups, i);
  }
}

void evsi_redis_request_topics_remove(evsi_redis_request *request) {
  const char *topic = topic_of(request);
  evs_bytes name = {0};
  int32_t partition = 0;
  if (topic)
    evsi_redis_split_name(evsi_text(topic), &name, &partition);
  if (!topic || !evsi_redis_is_topic(topic) || partition != EVS_PARTITION_NONE) {
    refuse(request, EVS_VALIDATION, "topic must be the name of a topic, without a partition");
    return;
  }
  if (request->transport->config.layout.is_plain) {
    refuse(request, EVS_UNSUPPORTED,
           "streams of keyLayout plain are shared with other libraries, and not removed");
    return;
  }
  evsi_redis_request_streams(request, ask_groups);
}
