/* SPDX-License-Identifier: MIT
 * redis_target.c - the topic to which a dead letter may be sent instead of its own: a name that can be one,
 * in the registry or made on purpose, one partition of it, and a stream. */
#include <stdio.h>
#include <string.h>

#include "transport/redis/redis_outbox.h"

#include "base/json_text.h"

static const char *target_of(const evsi_redis_request *request) {
  const char *to = evsi_redis_request_text(request, "to");
  return to ? to : "";
}

static void refuse(evsi_redis_request *request, evs_status status, const char *why) {
  char text[512];
  snprintf(text, sizeof text, "to: %.200s %s", target_of(request), why);
  evsi_redis_request_answer(request, status, evsi_text(text));
}

bool evsi_redis_is_topic(const char *to) {
  size_t size = strlen(to);
  for (size_t i = 0; i < size; i++) {
    if ((unsigned char)to[i] < 0x21 || strchr("{}/", to[i]))
      return false;
  }
  return size > 0 && size <= 200 && evsi_utf8_valid(to, size);
}

static void on_registered(evsi_redis_request *request, uint64_t tag, const evsi_redis_reply *reply) {
  evs_bytes text = evsi_redis_text(reply), topic;
  int32_t partition;
  (void)tag;
  if (evsi_redis_request_refused(request, reply, "reading the registry of topics"))
    return;
  evsi_redis_split_name(evsi_text(target_of(request)), &topic, &partition);
  json_t *known = evsi_json_load(text, 0, NULL);
  json_int_t partitions = json_integer_value(json_object_get(known, "partitions"));
  bool may_create = json_is_true(json_object_get(request->params, "create"));
  if (!known && !may_create)
    refuse(request, EVS_NOT_FOUND,
           "is no topic that anything was published to: with \"create\" it becomes one");
  else if (partitions > 0 && (partition == EVS_PARTITION_NONE || partition >= partitions))
    refuse(request, EVS_VALIDATION, "names no partition of a topic that has them: give <topic>:<partition>");
  else if (known && partitions == 0 && partition != EVS_PARTITION_NONE)
    refuse(request, EVS_VALIDATION, "names a partition of a topic that has none: leave the number out");
  json_decref(known);
}

static void on_length(evsi_redis_request *request, uint64_t tag, const evsi_redis_reply *reply) {
  (void)tag;
  evsi_redis_request_refused(request, reply, "looking at the topic that \"to\" names");
}

void evsi_redis_target_check(evsi_redis_request *request, void (*next)(evsi_redis_request *request)) {
  const json_t *to = json_object_get(request->params, "to");
  const evsi_redis_layout *layout = &request->transport->config.layout;
  evsi_redis_args args = {0};
  evs_bytes topic;
  int32_t partition;
  request->step = next;
  if (!to || json_is_null(to))
    return;
  if (!json_is_string(to) || json_string_length(to) != strlen(json_string_value(to)) ||
      !evsi_redis_is_topic(json_string_value(to))) {
    evsi_redis_request_answer(request, EVS_VALIDATION,
                              evsi_text("to must be the name of a topic, <topic> or <topic>:<partition>"));
    return;
  }
  evsi_redis_split_name(evsi_text(target_of(request)), &topic, &partition);
  evsi_redis_arg_text(&args, "HGET");
  evsi_redis_arg_text(&args, layout->registry);
  evsi_redis_arg_bytes(&args, topic);
  evsi_redis_request_send(request, &args, on_registered, 0);
  if (request->is_answered)
    return;
  evsi_redis_arg_text(&args, "XLEN");
  evsi_redis_arg_key(&args, evsi_redis_stream_key(layout, evsi_text(target_of(request))));
  evsi_redis_request_send(request, &args, on_length, 0);
}

void evsi_redis_request_register(evsi_redis_request *request, const char *name, const char *type,
                                 evsi_redis_request_fn fn) {
  const evsi_redis_layout *layout = &request->transport->config.layout;
  evsi_redis_request_script call = {.script = EVSI_REDIS_REGISTER, .keys = 1};
  unsigned char random[8] = {0};
  char id[17];
  evs_bytes topic;
  int32_t partition;
  evsi_redis_split_name(evsi_text(name), &topic, &partition);
  request->transport->world->env->random(random, sizeof random);
  for (size_t i = 0; i < sizeof random; i++)
    snprintf(id + 2 * i, 3, "%02x", random[i]);
  evsi_redis_arg_text(&call.args, layout->registry);
  evsi_redis_arg_text(&call.args, id); /* used if there is no registry yet */
  evsi_redis_arg_bytes(&call.args, topic);
  evsi_redis_arg_u64(&call.args, partition == EVS_PARTITION_NONE ? 0 : (uint64_t)partition + 1);
  evsi_redis_arg_text(&call.args, layout->is_plain ? "plain" : "tagged");
  evsi_redis_arg_text(&call.args, ""); /* its order is for those to say who publish to it */
  evsi_redis_arg_text(&call.args, "");
  if (type[0])
    evsi_redis_arg_text(&call.args, type);
  evsi_redis_request_call(request, &call, fn, 0);
}
