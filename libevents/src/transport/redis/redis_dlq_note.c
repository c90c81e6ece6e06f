/* SPDX-License-Identifier: MIT
 * redis_dlq_note.c - the request `dlq.note`: what somebody writes on dead letters, kept beside them until
 * they are moved, when it goes along. */
#include <stdio.h>
#include <string.h>

#include "transport/redis/redis_audit.h"
#include "transport/redis/redis_letters.h"

enum { NOTE_MOST = 2000, IDS_MOST = 1000, AT_ONCE = 100, SCOPE_IDS = 20 };

static json_t *ids_of(const evsi_redis_request *request) {
  return json_object_get(request->params, "ids");
}

static void answer(evsi_redis_request *request) {
  json_t *document = json_pack("{s:I,s:O}", "noted", (json_int_t)request->done, "results", request->result);
  evsi_redis_request_json(request, document);
  json_decref(document);
}

static void finish(evsi_redis_request *request) {
  size_t total = json_array_size(ids_of(request));
  json_t *some = json_array();
  for (size_t i = 0; i < total && i < SCOPE_IDS; i++)
    json_array_append(some, json_array_get(ids_of(request), i));
  const evsi_redis_audit_row row = {.action = "dlq.note",
                                    .scope = json_pack("{s:o,s:I}", "ids", some, "total", (json_int_t)total),
                                    .count = request->done,
                                    .result = request->done == 0       ? "nothing"
                                              : request->done == total ? "done"
                                                                       : "partly"};
  request->step = answer;
  evsi_redis_audit(request, &row);
}

static void add_result(evsi_redis_request *request, size_t at, bool is_noted) {
  request->done += is_noted;
  json_array_append_new(request->result, json_pack("{s:O,s:s}", "id", json_array_get(ids_of(request), at),
                                                   "outcome", is_noted ? "noted" : "not_found"));
}

static void on_noted(evsi_redis_request *request, uint64_t from, const evsi_redis_reply *reply) {
  if (evsi_redis_request_refused(request, reply, "writing " EVSI_REDIS_NOTES))
    return;
  for (size_t i = 0; i < reply->count; i++)
    add_result(request, (size_t)from + i, evsi_redis_integer(evsi_redis_item(reply, i)) == 1);
}

static bool split_at(const evsi_redis_request *request, size_t at, evs_bytes *out_name,
                     evs_bytes *out_entry) {
  const char *id = json_string_value(json_array_get(ids_of(request), at));
  return id && evsi_redis_letter_split(request->transport, id, out_name, out_entry);
}

/* The next ids of one stream, each turn. */
static void note_next(evsi_redis_request *request) {
  evsi_redis_request_script call = {.script = EVSI_REDIS_NOTE, .keys = 2};
  const char *text = evsi_redis_request_text(request, "note"),
             *by = evsi_redis_request_text(request, "actor");
  size_t from = request->at, total = json_array_size(ids_of(request));
  evs_bytes name, next, entry;
  if (from >= total) {
    finish(request);
    return;
  }
  if (!split_at(request, from, &name, &entry)) {
    add_result(request, request->at++, false);
    return;
  }
  const evsi_redis_layout *layout = &request->transport->config.layout;
  evsi_redis_arg_key(&call.args, evsi_redis_dlq_key(layout, name));
  evsi_redis_arg_key(&call.args, evsi_redis_key(layout, EVSI_REDIS_NOTES, name, ""));
  evsi_redis_arg_text(&call.args, text ? text : "");
  evsi_redis_arg_text(&call.args, by ? by : "unknown");
  while (request->at < total && request->at - from < AT_ONCE &&
         split_at(request, request->at, &next, &entry) && evsi_bytes_equal(name, next)) {
    evsi_redis_arg_bytes(&call.args, entry);
    request->at++;
  }
  evsi_redis_request_call(request, &call, on_noted, from);
}

void evsi_redis_request_dlq_note(evsi_redis_request *request) {
  const json_t *note = json_object_get(request->params, "note");
  size_t count = json_array_size(ids_of(request));
  request->result = json_array();
  request->step = note_next;
  if (count == 0 || count > IDS_MOST)
    evsi_redis_request_answer(request, EVS_VALIDATION, evsi_text("ids must be a list of 1 to 1000 texts"));
  else if (!json_is_null(note) && (json_string_length(note) == 0 || json_string_length(note) > NOTE_MOST))
    evsi_redis_request_answer(request, EVS_VALIDATION,
                              evsi_text("note must be a text of 1 to 2000 bytes, or null to take it away"));
}
