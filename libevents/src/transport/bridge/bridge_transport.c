/* SPDX-License-Identifier: MIT
 * bridge_transport.c - life of a bridge, publishing through it, and what its program tells. */
#include "transport/bridge/bridge_transport.h"

#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/json_text.h"
#include "event/base64.h"
#include "transport/bridge/bridge_internal.h"

/* ---- records ----------------------------------------------------------------------------------- */

void evsi_bridge_call(evsi_buf *out, const char *call) {
  evsi_buf_addf(out, "{\"call\":\"%s\"", call);
}

void evsi_bridge_member(evsi_buf *out, const char *name, evs_bytes text) {
  evsi_buf_addf(out, ",\"%s\":", name);
  evsi_buf_add_json(out, text.data, text.size);
}

bool evsi_bridge_tell(evs_transport *transport, evsi_buf *call) {
  evsi_buf_add_text(call, "}");
  bool is_told =
      !call->failed && transport->ops->tell(transport->host, 0, evsi_bytes(call->data, call->size));
  if (!is_told)
    transport->ops->log(transport->host, 3, "out of memory: the program was not told what to do");
  evsi_buf_free(call);
  return is_told;
}

static bool tell(evs_transport *transport, const char *what) {
  evsi_buf call = {0};
  evsi_bridge_call(&call, what);
  return evsi_bridge_tell(transport, &call);
}

/* ---- life -------------------------------------------------------------------------------------- */

static void finish(evs_transport *transport) {
  if (transport->is_closed_told)
    return;
  transport->is_closed_told = true;
  transport->world.env->io->timer_stop(transport->close_timer);
  transport->ops->closed(transport->host);
}

static void on_close_deadline(void *data) {
  finish(data);
}

static bool has_word(const json_t *list, const char *word) {
  bool has = false;
  for (size_t i = 0; i < json_array_size(list) && !has; i++)
    has = strcmp(json_string_value(json_array_get(list, i)), word) == 0;
  return has;
}

static evs_status create(const evs_host_ops *ops, evs_host *host, const void *env, const char *name,
                         const char *config_json, size_t config_size, evs_transport **out_transport,
                         evs_error **out_error) {
  json_t *config = evsi_json_load(evsi_bytes(config_json, config_size), 0, NULL);
  evs_transport *transport = evsi_calloc(1, sizeof *transport);
  if (transport) {
    transport->ops = ops;
    transport->host = host;
    transport->world = *(const evsi_world *)env;
    transport->name = evsi_strdup(name);
    transport->has_patterns = has_word(json_object_get(config, "capabilities"), "patternRouting");
    transport->close_timer =
        transport->world.env->io->timer_new(transport->world.loop, on_close_deadline, transport);
  }
  json_decref(config);
  *out_transport = transport;
  if (transport && transport->name && transport->close_timer)
    return EVS_OK;
  if (transport) {
    transport->world.env->io->timer_free(transport->close_timer);
    evsi_free(transport->name);
    evsi_free(transport);
  }
  return evsi_error_nomem(out_error);
}

static void connect_program(evs_transport *transport) {
  transport->must_connect = !tell(transport, "connect");
  transport->is_used = transport->is_used || !transport->must_connect;
  if (transport->must_connect)
    transport->ops->wake(transport->host, BRIDGE_TRY_AGAIN_MS);
}

static void wake(evs_transport *transport) {
  if (transport->must_connect && !transport->is_closing)
    connect_program(transport);
  evsi_bridge_wake(transport);
}

static void close_program(evs_transport *transport, uint32_t deadline_ms) {
  if (transport->is_closing)
    return;
  transport->is_closing = true;
  if (!transport->is_used) {
    finish(transport);
    return;
  }
  evsi_bridge_leave_all(transport);
  transport->world.env->io->timer_start(transport->close_timer, deadline_ms);
  tell(transport, "close");
}

static void destroy(evs_transport *transport) {
  while (transport->groups) {
    bridge_group *group = transport->groups;
    transport->groups = group->next;
    evsi_bridge_group_free(group);
  }
  evsi_bridge_forget_untold(transport);
  transport->world.env->io->timer_free(transport->close_timer);
  evsi_free(transport->name);
  evsi_free(transport);
}

/* ---- publishing -------------------------------------------------------------------------------- */

static void add_event(evsi_buf *out, const evs_tp_event *event) {
  evsi_buf_addf(out, "{\"token\":%llu", (unsigned long long)event->token);
  evsi_bridge_member(out, "topic", event->topic);
  evsi_bridge_member(out, "type", event->full_type);
  evsi_bridge_member(out, "id", event->id);
  evsi_bridge_member(out, "data", event->data);
  if (event->partition != EVS_PARTITION_NONE)
    evsi_buf_addf(out, ",\"partition\":%d", event->partition);
  if (event->raw.size > 0) {
    evsi_buf_add_text(out, ",\"raw\":\"");
    evsi_base64(out, event->raw);
    evsi_buf_add_text(out, "\"");
  }
  evsi_buf_add_text(out, "}");
}

static void publish(evs_transport *transport, const evs_tp_event *events, size_t count) {
  evsi_buf call = {0};
  evsi_bridge_call(&call, "publish");
  evsi_buf_add_text(&call, ",\"events\":[");
  for (size_t i = 0; i < count; i++) {
    evsi_buf_add_text(&call, i ? "," : "");
    add_event(&call, &events[i]);
  }
  evsi_buf_add_text(&call, "]");
  evsi_bridge_tell(transport, &call); /* where memory is short they end by their time limit */
}

static void take_outcome(evs_transport *transport, const json_t *answer) {
  const json_t *token = json_object_get(answer, "token");
  const char *error = json_string_value(json_object_get(answer, "error"));
  evs_tp_outcome outcome = {.struct_size = sizeof outcome,
                            .token = (uint64_t)json_integer_value(token),
                            .offset = evsi_text(json_string_value(json_object_get(answer, "offset")))};
  if (error) {
    outcome.status = EVS_TRANSPORT;
    outcome.message = evsi_text(error);
    if (json_is_true(json_object_get(answer, "transient")))
      outcome.flags |= EVS_TP_TRANSIENT;
    if (json_is_true(json_object_get(answer, "notStored")))
      outcome.flags |= EVS_TP_NOT_SENT;
  }
  if (json_is_integer(token) && json_integer_value(token) > 0)
    transport->ops->published(transport->host, &outcome, 1);
}

/* ---- what the program tells -------------------------------------------------------------------- */

static void take_state(evs_transport *transport, const json_t *state) {
  const char *error = json_string_value(json_object_get(state, "error"));
  transport->is_connected = json_is_true(json_object_get(state, "connected"));
  transport->ops->state(transport->host, transport->is_connected,
                        json_is_true(json_object_get(state, "fatal")), evsi_text(error ? error : ""), 0);
}

static void take_all(evs_transport *transport, const json_t *params, uint64_t token) {
  size_t i;
  json_t *each;
  const char *refusal =
      params ? evsi_bridge_take(transport, json_object_get(params, "entries")) : evsi_bridge_no_memory;
  evs_status status = !refusal ? EVS_OK : refusal == evsi_bridge_no_memory ? EVS_NOMEM : EVS_VALIDATION;
  json_array_foreach(json_object_get(params, "published"), i, each) take_outcome(transport, each);
  if (json_is_object(json_object_get(params, "state")))
    take_state(transport, json_object_get(params, "state"));
  evsi_bridge_subscribed(transport, json_object_get(params, "subscribed"));
  evsi_bridge_unsubscribed(transport, json_object_get(params, "unsubscribed"));
  transport->ops->replied(transport->host, token, status, evsi_text(refusal ? refusal : "{}"));
  if (json_is_true(json_object_get(params, "closed")) && transport->is_closing)
    finish(transport);
}

static json_t *groups_json(const evs_transport *transport) {
  json_t *list = json_array();
  for (const bridge_group *group = transport->groups; group; group = group->next) {
    json_int_t lag = 0;
    for (const bridge_entry *each = group->first; each; each = each->next)
      lag++;
    json_array_append_new(list,
                          json_pack("{s:s,s:I,s:I,s:n,s:n}", "group", group->name, "lag", lag, "pending",
                                    (json_int_t)group->count - lag, "oldestPendingAt", "paused"));
  }
  return json_pack("{s:o}", "groups", list);
}

static void request(evs_transport *transport, const char *method, const char *params_json, size_t params_size,
                    uint64_t token) {
  char text[160];
  if (strcmp(method, "transport.tell") == 0) {
    json_t *params = evsi_json_load(evsi_bytes(params_json, params_size), 0, NULL);
    take_all(transport, params, token);
    json_decref(params);
    return;
  }
  if (strcmp(method, "groups") == 0) {
    json_t *groups = groups_json(transport);
    char *answer = evsi_json_text(groups);
    json_decref(groups);
    transport->ops->replied(transport->host, token, answer ? EVS_OK : EVS_NOMEM,
                            evsi_text(answer ? answer : "out of memory"));
    evsi_free(answer);
    return;
  }
  snprintf(text, sizeof text, "transport %.60s of the program does not offer %.40s", transport->name, method);
  transport->ops->replied(transport->host, token, EVS_UNSUPPORTED, evsi_text(text));
}

const evs_transport_ops evsi_bridge_transport = {
    .struct_size = sizeof(evs_transport_ops),
    .abi = EVS_TRANSPORT_ABI,
    .type = "bridge",
    .capabilities = EVS_CAP_PUBLISH | EVS_CAP_SUBSCRIBE | EVS_CAP_PATTERN_ROUTING | EVS_CAP_BATCHING |
                    EVS_CAP_PARTITIONING | EVS_CAP_CONSUMER_GROUPS,
    .create = create,
    .connect = connect_program,
    .close = close_program,
    .destroy = destroy,
    .publish = publish,
    .join = evsi_bridge_join,
    .leave = evsi_bridge_leave,
    .resume = evsi_bridge_resume,
    .settle = evsi_bridge_settle,
    .request = request,
    .wake = wake,
};
