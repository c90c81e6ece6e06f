/* SPDX-License-Identifier: MIT
 * redis_request.c - see redis_request.h: starting, sending commands, and counting answers. */
#include "transport/redis/redis_request.h"

#include <stdio.h>
#include <string.h>

#include "base/json_text.h"
#include "transport/redis/redis_audit.h"
#include "transport/redis/redis_error.h"
#include "transport/redis/redis_jobs.h"
#include "transport/redis/redis_outbox.h"
#include "transport/redis/redis_replay.h"

/* ---- life ------------------------------------------------------------------------------------- */

static void request_free(evsi_redis_request *request) {
  for (size_t i = 0; i < request->stream_count; i++) {
    evsi_free(request->streams[i].name);
    evsi_free(request->streams[i].key);
    evsi_free(request->streams[i].dlq);
    json_decref(request->streams[i].types);
  }
  evsi_free(request->streams);
  json_decref(request->names);
  json_decref(request->found);
  evsi_dead_filter_free(&request->filter);
  evsi_buf_free(&request->out);
  evsi_redis_outbox_free(request->outbox);
  json_decref(request->result);
  json_decref(request->before);
  json_decref(request->params);
  (request->extra_free ? request->extra_free : evsi_free)(request->extra);
  evsi_free(request);
}

/* Takes the next step, or ends a request that has answered. */
static void go_on(evsi_redis_request *request) {
  while (request->open == 0 && !request->is_answered)
    request->step(request);
  if (request->open > 0)
    return;
  evs_transport *transport = request->transport;
  request_free(request);
  transport->requests--;
  evsi_redis_work_later(transport);
}

void evsi_redis_request_answer(evsi_redis_request *request, evs_status status, evs_bytes json_or_message) {
  evs_transport *transport = request->transport;
  if (request->is_answered)
    return;
  request->is_answered = true;
  if (!request->is_own)
    transport->ops->replied(transport->host, request->token, status, json_or_message);
}

void evsi_redis_request_json(evsi_redis_request *request, const json_t *document) {
  char *text = document ? evsi_json_text(document) : NULL;
  if (text)
    evsi_redis_request_answer(request, EVS_OK, evsi_text(text));
  else
    evsi_redis_request_answer(request, EVS_NOMEM, evsi_text("out of memory"));
  evsi_free(text);
}

bool evsi_redis_request_refused(evsi_redis_request *request, const evsi_redis_reply *reply,
                                const char *what) {
  char text[EVSI_REDIS_ERROR_TEXT];
  if (reply->type != EVSI_REDIS_ERROR && reply->type != EVSI_REDIS_LOST)
    return false;
  evsi_redis_error_text(reply, what, text);
  evsi_redis_request_answer(request, EVS_TRANSPORT, evsi_text(text));
  return true;
}

uint64_t evsi_redis_request_number(const evsi_redis_request *request, const char *name, uint64_t fallback,
                                   uint64_t most) {
  const json_t *value = json_object_get(request->params, name);
  json_int_t number = json_integer_value(value);
  if (!json_is_integer(value) || number < 0)
    return fallback;
  return (uint64_t)number > most ? most : (uint64_t)number;
}

const char *evsi_redis_request_text(const evsi_redis_request *request, const char *name) {
  const char *text = json_string_value(json_object_get(request->params, name));
  return text && *text ? text : NULL;
}

void evsi_redis_request_start(evs_transport *transport, const char *method, const char *params_json,
                              size_t params_size, uint64_t token) {
  static const struct {
    const char *method;
    void (*step)(evsi_redis_request *request);
  } all[] = {{"topics", evsi_redis_request_topics},
             {"topics.remove", evsi_redis_request_topics_remove},
             {"groups", evsi_redis_request_groups},
             {"groups.pause", evsi_redis_request_pause},
             {"groups.resume", evsi_redis_request_resume},
             {"fleet", evsi_redis_request_fleet},
             {"doctor", evsi_redis_request_doctor},
             {"tail", evsi_redis_request_tail},
             {"delayed", evsi_redis_request_delayed},
             {"delayed.cancel", evsi_redis_request_delayed_cancel},
             {"retention", evsi_redis_request_retention},
             {"conservation", evsi_redis_request_conservation},
             {"dlq.list", evsi_redis_request_dlq_list},
             {"dlq.get", evsi_redis_request_dlq_get},
             {"dlq.groups", evsi_redis_request_dlq_groups},
             {"dlq.count", evsi_redis_request_dlq_count},
             {"dlq.requeue", evsi_redis_request_dlq_requeue},
             {"dlq.discard", evsi_redis_request_dlq_discard},
             {"dlq.note", evsi_redis_request_dlq_note},
             {"dlq.export", evsi_redis_request_dlq_export},
             {"dlq.import", evsi_redis_request_dlq_import},
             {"dlq.archive", evsi_redis_request_dlq_archive},
             {"dlq.restore", evsi_redis_request_dlq_restore},
             {"audit", evsi_redis_request_audit},
             {"schemas.read", evsi_redis_request_schemas_read},
             {"schemas.write", evsi_redis_request_schemas_write},
             {"copy.look", evsi_redis_request_copy_look},
             {"copy.read", evsi_redis_request_copy_read},
             {"copy.write", evsi_redis_request_copy_write},
             {"job.list", evsi_redis_request_job_list},
             {"job.create", evsi_redis_request_job_create},
             {"job.write", evsi_redis_request_job_write},
             {"job.beat", evsi_redis_request_job_beat},
             {"job.claim", evsi_redis_request_job_claim},
             {"job.forget", evsi_redis_request_job_forget},
             {"job.audit", evsi_redis_request_job_audit},
             {"job.bounds", evsi_redis_request_job_bounds},
             {"job.enter", evsi_redis_request_job_enter},
             {"job.step", evsi_redis_request_job_step},
             {"job.outcomes", evsi_redis_request_job_outcomes},
             {"job.left", evsi_redis_request_job_left},
             {"job.gate", evsi_redis_request_job_gate}};
  evsi_redis_request *request = evsi_calloc(1, sizeof *request);
  if (!request) {
    transport->ops->replied(transport->host, token, EVS_NOMEM, evsi_text("out of memory"));
    return;
  }
  request->transport = transport;
  request->token = token;
  request->params =
      params_size > 0 ? evsi_json_load(evsi_bytes(params_json, params_size), 0, NULL) : json_object();
  transport->requests++;
  for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
    if (strcmp(all[i].method, method) == 0)
      request->step = all[i].step;
  }
  char text[256];
  if (!request->step) {
    snprintf(text, sizeof text, "redis-streams has no request %.64s", method);
    evsi_redis_request_answer(request, EVS_UNSUPPORTED, evsi_text(text));
  } else if (!request->params) {
    evsi_redis_request_answer(request, EVS_NOMEM, evsi_text("out of memory"));
  } else if (!json_is_object(request->params)) {
    evsi_redis_request_answer(request, EVS_VALIDATION,
                              evsi_text("the arguments of a request are a JSON object"));
  } else if (!transport->command.is_up || transport->is_closing) {
    snprintf(text, sizeof text, "not connected to %s: %s is not possible now", transport->config.shown,
             method);
    evsi_redis_request_answer(request, EVS_TRANSPORT, evsi_text(text));
  }
  go_on(request);
}

void evsi_redis_request_own(evs_transport *transport, void (*step)(evsi_redis_request *request)) {
  evsi_redis_request *request = evsi_calloc(1, sizeof *request);
  if (!request)
    return;
  request->transport = transport;
  request->params = json_object();
  request->is_own = true;
  request->step = step;
  transport->requests++;
  go_on(request);
}

/* ---- commands --------------------------------------------------------------------------------- */

typedef struct request_call {
  evsi_redis_request *request;
  evsi_redis_request_fn fn;
} request_call;

static void on_reply(void *data, uint64_t tag, const evsi_redis_reply *reply) {
  request_call call = *(request_call *)data;
  evsi_free(data);
  /* Errors are for those who asked: some mean only that a stream is not there. */
  if (reply->type == EVSI_REDIS_LOST)
    evsi_redis_request_refused(call.request, reply, "the request");
  if (!call.request->is_answered)
    call.fn(call.request, tag, reply);
  call.request->open--;
  go_on(call.request);
}

static request_call *call_new(evsi_redis_request *request, evsi_redis_request_fn fn) {
  request_call *call = evsi_alloc(sizeof *call);
  if (!call)
    return NULL;
  *call = (request_call){request, fn};
  request->open++;
  return call;
}

static void not_sent(evsi_redis_request *request, request_call *call) {
  if (call)
    request->open--;
  evsi_free(call);
  evsi_redis_request_answer(request, EVS_TRANSPORT, evsi_text("the connection was lost, or out of memory"));
}

void evsi_redis_request_send(evsi_redis_request *request, evsi_redis_args *args, evsi_redis_request_fn fn,
                             uint64_t tag) {
  request_call *call = call_new(request, fn);
  if (!call || !evsi_redis_conn_send(&request->transport->command, args, 0, on_reply, call, tag))
    not_sent(request, call);
  evsi_redis_args_free(args);
}

void evsi_redis_request_call(evsi_redis_request *request, evsi_redis_request_script *script,
                             evsi_redis_request_fn fn, uint64_t tag) {
  request_call *call = call_new(request, fn);
  if (!call || !evsi_redis_script_call(&request->transport->scripts, script->script, script->keys,
                                       &script->args, on_reply, call, tag))
    not_sent(request, call);
  evsi_redis_args_free(&script->args);
}

static void on_time(evsi_redis_request *request, uint64_t tag, const evsi_redis_reply *reply) {
  (void)tag;
  if (!evsi_redis_request_refused(request, reply, "TIME"))
    request->now_ms = (uint64_t)evsi_redis_integer(evsi_redis_item(reply, 0)) * 1000 +
                      (uint64_t)evsi_redis_integer(evsi_redis_item(reply, 1)) / 1000;
}

void evsi_redis_request_time(evsi_redis_request *request, void (*next)(evsi_redis_request *request)) {
  evsi_redis_args args = {0};
  evsi_redis_arg_text(&args, "TIME");
  request->step = next;
  evsi_redis_request_send(request, &args, on_time, 0);
}
