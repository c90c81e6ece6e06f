/* SPDX-License-Identifier: MIT
 * redis_job_outcomes.c - the request `job.outcomes` of the operations engine: how many letters that an
 * operation sent died again (counted where they die), and how many of its first copies are not through yet.
 */
#include <stdio.h>
#include <string.h>

#include "transport/redis/redis_jobs.h"

static const char *name_at(const evsi_redis_request *request, size_t at) {
  const char *name = json_string_value(json_array_get(json_object_get(request->params, "streams"), at));
  return name ? name : "";
}

static void answer(evsi_redis_request *request) {
  json_t *document =
      json_pack("{s:I,s:I}", "again", (json_int_t)request->done, "waiting", (json_int_t)request->count);
  evsi_redis_request_json(request, document);
  json_decref(document);
}

static void on_waiting(evsi_redis_request *request, uint64_t tag, const evsi_redis_reply *reply) {
  int64_t count = evsi_redis_integer(reply);
  (void)tag;
  if (!evsi_redis_request_refused(request, reply, "looking at entries of a topic"))
    request->count += count > 0 ? (uint64_t)count : 0;
}

/* The copies of one stream of letters: in the stream itself, or where they were sent to. */
static void ask_waiting(evsi_redis_request *request, size_t at) {
  evsi_redis_request_script call = {.script = EVSI_REDIS_FATES, .keys = 1};
  const char *copies = json_string_value(json_array_get(request->result, at));
  const char *to = evsi_redis_request_text(request, "to");
  evs_bytes name = evsi_text(to ? to : name_at(request, at));
  evsi_redis_arg_key(&call.args, evsi_redis_stream_key(&request->transport->config.layout, name));
  while (*copies) {
    size_t size = strcspn(copies, " ");
    evsi_redis_arg(&call.args, copies, size);
    copies += size + (copies[size] == ' ');
  }
  evsi_redis_request_call(request, &call, on_waiting, at);
}

static void look(evsi_redis_request *request) {
  request->step = answer;
  for (size_t i = 0; i < json_array_size(request->result) && !request->is_answered; i++) {
    if (json_string_length(json_array_get(request->result, i)) > 0)
      ask_waiting(request, i);
  }
}

static void on_progress(evsi_redis_request *request, uint64_t tag, const evsi_redis_reply *reply) {
  int64_t again = evsi_redis_integer(evsi_redis_item(reply, 0));
  evs_bytes copies = evsi_redis_text(evsi_redis_item(reply, 1));
  bool is_canary = json_is_true(json_object_get(request->params, "isCanary"));
  (void)tag;
  if (evsi_redis_request_refused(request, reply, "reading " EVSI_REDIS_PROGRESS))
    return;
  request->done += again > 0 ? (uint64_t)again : 0;
  json_array_append_new(request->result, is_canary && copies.size > 0 ? json_stringn(copies.data, copies.size)
                                                                      : json_string(""));
}

static void ask_progress(evsi_redis_request *request, const char *name) {
  const char *id = evsi_redis_request_text(request, "id");
  evsi_redis_args args = {0};
  char suffix[EVSI_REDIS_NAME_MAX];
  snprintf(suffix, sizeof suffix, ":%s", id ? id : "");
  evsi_redis_arg_text(&args, "HMGET");
  evsi_redis_arg_key(&args, evsi_redis_key(&request->transport->config.layout, EVSI_REDIS_PROGRESS,
                                           evsi_text(name), suffix));
  evsi_redis_arg_text(&args, "again");
  evsi_redis_arg_text(&args, "copies");
  evsi_redis_request_send(request, &args, on_progress, 0);
}

/* What was sent to another topic dies there; the target comes last, and has no copies of its own. */
void evsi_redis_request_job_outcomes(evsi_redis_request *request) {
  const char *to = evsi_redis_request_text(request, "to");
  size_t count = json_array_size(json_object_get(request->params, "streams"));
  bool is_listed = false;
  request->step = look;
  request->result = json_array();
  for (size_t i = 0; i < count && !request->is_answered; i++) {
    is_listed |= to && strcmp(name_at(request, i), to) == 0;
    ask_progress(request, name_at(request, i));
  }
  if (to && !is_listed && !request->is_answered)
    ask_progress(request, to);
}
