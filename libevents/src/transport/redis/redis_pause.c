/* SPDX-License-Identifier: MIT
 * redis_pause.c - groups that an operator paused, a hash in the store: every member asks for its groups
 * with each beat, so that all follow, also those that come later. While a group is paused it has no
 * credits, and so nothing is read, claimed or taken back from its parking place. */
#include <stdio.h>

#include "base/json_text.h"
#include "transport/pause.h"
#include "transport/redis/redis_audit.h"
#include "transport/redis/redis_error.h"
#include "transport/redis/redis_request.h"

/* ---- following -------------------------------------------------------------------------------- */

static void log_change(const evsi_redis_group *group, evs_bytes record) {
  if (!group->is_paused) {
    evsi_redis_log(group->transport, 1, "group %s goes on", group->name);
    return;
  }
  json_t *root = evsi_json_load(record, 0, NULL);
  const char *by = json_string_value(json_object_get(root, "by"));
  const char *reason = json_string_value(json_object_get(root, "reason"));
  evsi_redis_log(group->transport, 1, "group %s is paused by %s%s%s", group->name, by ? by : "somebody",
                 reason ? ": " : "", reason ? reason : "");
  json_decref(root);
}

static void apply(evsi_redis_group *group, const evsi_redis_reply *record) {
  evs_transport *transport = group->transport;
  bool is_paused = record->type == EVSI_REDIS_STRING;
  group->is_pause_known = true;
  if (is_paused == group->is_paused)
    return;
  group->is_paused = is_paused;
  log_change(group, evsi_redis_text(record));
  transport->ops->paused(transport->host, group->token, is_paused);
  if (is_paused)
    evsi_redis_reader_wake(group); /* it may be waiting for entries that are not wanted any more */
  else
    evsi_redis_beat_soon(transport); /* what is due or given to us meanwhile */
}

/* A store that does not tell, for good, keeps nobody from working. */
static void note_refused(evs_transport *transport, const evsi_redis_reply *reply) {
  char text[EVSI_REDIS_ERROR_TEXT];
  if (evsi_redis_error_transient(evsi_redis_error_classify(reply)))
    return;
  for (evsi_redis_group *group = transport->groups; group; group = group->hh.next)
    group->is_pause_known = group->is_pause_known || group->pause_asked > 0;
  if (transport->is_pause_refused)
    return;
  transport->is_pause_refused = true;
  evsi_redis_error_text(reply, "reading " EVSI_REDIS_PAUSED, text);
  evsi_redis_log(transport, 2, "%s; groups cannot be paused", text);
}

static void on_paused(void *data, uint64_t tag, const evsi_redis_reply *reply) {
  evs_transport *transport = data;
  (void)tag;
  transport->is_pause_asked = false;
  if (reply->type == EVSI_REDIS_LOST)
    return; /* asked again once the connection is back */
  if (reply->type == EVSI_REDIS_ERROR)
    note_refused(transport, reply);
  for (evsi_redis_group *group = transport->groups; group; group = group->hh.next) {
    if (reply->type == EVSI_REDIS_ARRAY && group->pause_asked > 0)
      apply(group, evsi_redis_item(reply, group->pause_asked - 1));
  }
  if (transport->must_ask_pause)
    evsi_redis_pause_ask(transport);
  evsi_redis_work_later(transport);
}

void evsi_redis_pause_ask(evs_transport *transport) {
  char field[EVSI_REDIS_NAME_MAX];
  evsi_redis_args args = {0};
  size_t count = 0;
  transport->must_ask_pause = transport->is_pause_asked;
  if (transport->is_pause_asked || !transport->command.is_up)
    return;
  evsi_redis_arg_text(&args, "HMGET");
  evsi_redis_arg_text(&args, EVSI_REDIS_PAUSED);
  for (evsi_redis_group *group = transport->groups; group; group = group->hh.next) {
    group->pause_asked = ++count;
    snprintf(field, sizeof field, "%s%s", group->replay ? EVSI_REDIS_REPLAY_GROUP : "",
             group->replay ? group->replay : group->name);
    evsi_redis_arg_text(&args, field);
  }
  if (count > 0)
    transport->is_pause_asked = evsi_redis_conn_send(&transport->command, &args, 0, on_paused, transport, 0);
  evsi_redis_args_free(&args);
}

/* ---- the requests ----------------------------------------------------------------------------- */

static bool is_checked(evsi_redis_request *request) {
  const char *why = evsi_pause_check(request->params);
  if (why)
    evsi_redis_request_answer(request, EVS_VALIDATION, evsi_text(why));
  return !why;
}

static void answer(evsi_redis_request *request) {
  json_t *document = evsi_pause_answer(request->params, request->result);
  evsi_redis_request_json(request, document);
  json_decref(document);
}

/* Pausing what is paused is a change, of who did it; resuming what runs is none. */
static void note(evsi_redis_request *request, const evsi_redis_reply *reply) {
  bool is_pause = request->result != NULL, is_change = is_pause || evsi_redis_integer(reply) > 0;
  evsi_redis_audit(
      request,
      &(evsi_redis_audit_row){.action = is_pause ? "groups.pause" : "groups.resume",
                              .scope = json_pack("{s:O}", "group", json_object_get(request->params, "group")),
                              .count = is_change,
                              .result = is_change ? "done" : "nothing"});
}

static void on_stored(evsi_redis_request *request, uint64_t tag, const evsi_redis_reply *reply) {
  (void)tag;
  if (evsi_redis_request_refused(request, reply, "writing " EVSI_REDIS_PAUSED))
    return;
  request->step = answer;
  evsi_redis_pause_ask(request->transport); /* the own groups follow at once */
  note(request, reply);
}

static void store(evsi_redis_request *request) {
  evsi_redis_args args = {0};
  request->result = evsi_pause_record(request->params, request->now_ms);
  char *record = request->result ? evsi_json_text(request->result) : NULL;
  evsi_redis_arg_text(&args, "HSET");
  evsi_redis_arg_text(&args, EVSI_REDIS_PAUSED);
  evsi_redis_arg_text(&args, json_string_value(json_object_get(request->params, "group")));
  evsi_redis_arg_bytes(&args, evsi_text(record));
  args.body.failed |= !record;
  evsi_free(record);
  evsi_redis_request_send(request, &args, on_stored, 0);
}

void evsi_redis_request_pause(evsi_redis_request *request) {
  if (is_checked(request))
    evsi_redis_request_time(request, store);
}

void evsi_redis_request_resume(evsi_redis_request *request) {
  evsi_redis_args args = {0};
  if (!is_checked(request))
    return;
  evsi_redis_arg_text(&args, "HDEL");
  evsi_redis_arg_text(&args, EVSI_REDIS_PAUSED);
  evsi_redis_arg_text(&args, json_string_value(json_object_get(request->params, "group")));
  evsi_redis_request_send(request, &args, on_stored, 0);
}
