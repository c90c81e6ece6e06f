/* SPDX-License-Identifier: MIT
 * redis_audit.c - see redis_audit.h; and the request `audit`, which lists the rows. */
#include "transport/redis/redis_audit.h"

#include <stdio.h>

#include "base/json_text.h"
#include "transport/redis/redis_entry.h"
#include "transport/redis/redis_error.h"

enum { ROWS_MOST = 100000, LIMIT_DEFAULT = 50, LIMIT_MOST = 500 };

/* ---- writing ---------------------------------------------------------------------------------- */

static void on_written(evsi_redis_request *request, uint64_t tag, const evsi_redis_reply *reply) {
  char text[EVSI_REDIS_ERROR_TEXT];
  (void)tag;
  if (reply->type != EVSI_REDIS_ERROR)
    return;
  evsi_redis_error_text(reply, "writing " EVSI_REDIS_AUDIT, text);
  evsi_redis_log(request->transport, 3, "%s; what was changed is not in the log", text);
}

static json_t *given(const evsi_redis_request *request, const char *name) {
  json_t *value = json_object_get(request->params, name);
  return json_is_string(value) ? json_incref(value) : json_null();
}

void evsi_redis_audit(evsi_redis_request *request, const evsi_redis_audit_row *row) {
  uint64_t now = evsi_wall_ms(request->transport->world->env);
  json_t *document = json_pack("{s:I,s:o,s:o,s:s,s:o,s:I,s:s,s:o,s:o}", "at", (json_int_t)now, "actor",
                               given(request, "actor"), "address", given(request, "address"), "action",
                               row->action, "scope", row->scope, "count", (json_int_t)row->count, "result",
                               row->result, "reason", given(request, "reason"), "operation",
                               row->operation ? json_string(row->operation) : json_null());
  char *text = document ? evsi_json_text(document) : NULL;
  evsi_redis_args args = {0};
  evsi_redis_arg_text(&args, "XADD");
  evsi_redis_arg_text(&args, EVSI_REDIS_AUDIT);
  evsi_redis_arg_text(&args, "MAXLEN");
  evsi_redis_arg_text(&args, "~");
  evsi_redis_arg_u64(&args, ROWS_MOST);
  evsi_redis_arg_text(&args, "*");
  evsi_redis_arg_text(&args, "row");
  evsi_redis_arg_text(&args, text ? text : "{}");
  evsi_redis_request_send(request, &args, on_written, 0);
  evsi_free(text);
  json_decref(document);
}

/* ---- audit ------------------------------------------------------------------------------------ */

static void add_row(json_t *items, const evsi_redis_reply *entry) {
  evs_bytes id = evsi_redis_text(evsi_redis_item(entry, 0));
  evs_bytes text = evsi_redis_field(evsi_redis_item(entry, 1), "row");
  json_t *row = evsi_json_load(text, 0, NULL);
  if (!json_is_object(row)) {
    json_decref(row);
    row = json_object(); /* written by hand: shown as there, with nothing known */
  }
  json_object_set_new(row, "id", json_stringn(id.data ? id.data : "", id.size));
  json_array_append_new(items, row);
}

static void on_rows(evsi_redis_request *request, uint64_t tag, const evsi_redis_reply *reply) {
  (void)tag;
  if (evsi_redis_request_refused(request, reply, "reading " EVSI_REDIS_AUDIT))
    return;
  json_t *items = json_array();
  for (size_t i = 0; i < reply->count; i++)
    add_row(items, evsi_redis_item(reply, i));
  bool has_more = reply->count >= request->limit;
  evs_bytes last = evsi_redis_text(evsi_redis_item(evsi_redis_item(reply, reply->count - 1), 0));
  json_t *document = json_pack("{s:o,s:o}", "items", items, "next",
                               has_more && last.size ? json_stringn(last.data, last.size) : json_null());
  evsi_redis_request_json(request, document);
  json_decref(document);
}

void evsi_redis_request_audit(evsi_redis_request *request) {
  const char *cursor = evsi_redis_request_text(request, "cursor");
  char from[EVSI_REDIS_ID_TEXT + 1] = "+";
  evsi_redis_id id;
  evsi_redis_args args = {0};
  if (cursor && !evsi_redis_id_parse(evsi_text(cursor), &id)) {
    evsi_redis_request_answer(request, EVS_VALIDATION,
                              evsi_text("cursor is not one that a former page gave as next"));
    return;
  }
  request->limit = evsi_redis_request_number(request, "limit", LIMIT_DEFAULT, LIMIT_MOST);
  request->limit += request->limit == 0;
  if (cursor)
    snprintf(from, sizeof from, "(%s", cursor);
  evsi_redis_arg_text(&args, "XREVRANGE");
  evsi_redis_arg_text(&args, EVSI_REDIS_AUDIT);
  evsi_redis_arg_text(&args, from);
  evsi_redis_arg_text(&args, "-");
  evsi_redis_arg_text(&args, "COUNT");
  evsi_redis_arg_u64(&args, request->limit);
  evsi_redis_request_send(request, &args, on_rows, 0);
}
