/* SPDX-License-Identifier: MIT
 * redis_delayed.c - the requests `delayed` and `delayed.cancel`: what waits to be due, and taking it back. */
#include <stdio.h>
#include <string.h>

#include "event/envelope.h"
#include "transport/redis/redis_audit.h"
#include "transport/redis/redis_letters.h"

enum { LIMIT_DEFAULT = 100, LIMIT_MOST = 1000, IDS_MOST = 1000, COLUMNS = 4, SCORE_TEXT = 32 };

/* Where a page begins: behind this entry. */
typedef struct position {
  char after[SCORE_TEXT]; /* when it is due */
  char member[EVSI_REDIS_ID_TEXT];
  char name[EVSI_REDIS_NAME_MAX]; /* of its stream */
} position;

static void put_keys(const evsi_redis_request *request, evsi_redis_request_script *script, evs_bytes name) {
  const evsi_redis_layout *layout = &request->transport->config.layout;
  script->keys = 2;
  evsi_redis_arg_key(&script->args, evsi_redis_key(layout, EVSI_REDIS_DELAY, name, ""));
  evsi_redis_arg_key(&script->args, evsi_redis_key(layout, EVSI_REDIS_DELAYED, name, ""));
}

/* ---- listing ---------------------------------------------------------------------------------- */

static void answer_list(evsi_redis_request *request) {
  const position *last = request->extra;
  bool is_more = request->at < request->stream_count && request->count >= request->limit;
  char cursor[EVSI_REDIS_NAME_MAX + 2 * EVSI_REDIS_ID_TEXT];
  snprintf(cursor, sizeof cursor, "%s %s %s", last->after, last->member, last->name);
  json_t *document =
      json_pack("{s:O,s:o}", "items", request->result, "next", is_more ? json_string(cursor) : json_null());
  evsi_redis_request_json(request, document);
  json_decref(document);
}

static json_t *bytes_json(evs_bytes text) {
  json_t *value = text.size ? json_stringn(text.data, text.size) : NULL;
  return value ? value : json_null();
}

/* columns: member, when it is due, data or "", size. */
static json_t *item_json(const evsi_redis_request *request, const evsi_redis_known *known,
                         evsi_redis_reply *const *columns) {
  evsi_buf id = {0}, scratch = {0}, entry = {0};
  evsi_envelope envelope = {0};
  evs_bytes data = evsi_redis_text(columns[2]);
  bool is_read = data.size > 0 && !evsi_envelope_decode(data, &envelope, &scratch);
  evsi_buf_add_text(&entry, "@");
  evsi_buf_add_bytes(&entry, evsi_redis_text(columns[0]));
  evsi_redis_letter_id(request->transport, evsi_text(known->name), evsi_bytes(entry.data, entry.size), &id);
  json_t *item = json_pack(
      "{s:o,s:o,s:o,s:I,s:o,s:o,s:I}", "id", bytes_json(evsi_bytes(id.data, id.size)), "topic",
      bytes_json(known->topic), "partition",
      known->partition == EVS_PARTITION_NONE ? json_null() : json_integer(known->partition), "dueAt",
      (json_int_t)evsi_redis_integer(columns[1]), "eventId", is_read ? bytes_json(envelope.id) : json_null(),
      "type", is_read ? bytes_json(envelope.type) : json_null(), "bytes",
      (json_int_t)evsi_redis_integer(columns[3]));
  evsi_buf_free(&id);
  evsi_buf_free(&entry);
  evsi_buf_free(&scratch);
  return item;
}

static void on_page(evsi_redis_request *request, uint64_t asked, const evsi_redis_reply *reply) {
  position *last = request->extra;
  const evsi_redis_known *known = &request->streams[request->at];
  size_t count = reply->count / COLUMNS;
  if (evsi_redis_request_refused(request, reply, "reading delayed events"))
    return;
  for (size_t i = 0; i < count; i++) {
    json_array_append_new(request->result, item_json(request, known, reply->items + i * COLUMNS));
    evsi_bytes_copy(last->after, sizeof last->after,
                    evsi_redis_text(evsi_redis_item(reply, i * COLUMNS + 1)));
    evsi_bytes_copy(last->member, sizeof last->member, evsi_redis_text(evsi_redis_item(reply, i * COLUMNS)));
    snprintf(last->name, sizeof last->name, "%s", known->name);
  }
  request->count += count;
  if (count >= asked)
    return;
  request->at++;
}

/* A page of each stream, from the one that the position is in. */
static void list_step(evsi_redis_request *request) {
  const position *last = request->extra;
  evsi_redis_request_script script = {.script = EVSI_REDIS_WAITING};
  while (request->at < request->stream_count && strcmp(request->streams[request->at].name, last->name) < 0)
    request->at++; /* before the cursor */
  if (request->at >= request->stream_count || request->count >= request->limit) {
    answer_list(request);
    return;
  }
  evs_bytes name = evsi_text(request->streams[request->at].name);
  bool is_within = strcmp(request->streams[request->at].name, last->name) == 0;
  put_keys(request, &script, name);
  evsi_redis_arg_text(&script.args, is_within ? last->after : "-inf");
  evsi_redis_arg_text(&script.args, is_within ? last->member : "");
  evsi_redis_arg_u64(&script.args, request->limit - request->count);
  evsi_redis_request_call(request, &script, on_page, request->limit - request->count);
}

/* "<due> <member> <stream>", as an answer gave it. */
static bool read_cursor(const char *text, position *out) {
  size_t due = strspn(text, "0123456789"),
         member = due && text[due] == ' ' ? strspn(text + due + 1, "0123456789") : 0;
  const char *name = text + due + member + 2;
  if (due == 0 || due >= SCORE_TEXT || member == 0 || member >= EVSI_REDIS_ID_TEXT ||
      text[due + 1 + member] != ' ' || strlen(name) >= EVSI_REDIS_NAME_MAX)
    return false;
  snprintf(out->after, sizeof out->after, "%.*s", (int)due, text);
  snprintf(out->member, sizeof out->member, "%.*s", (int)member, text + due + 1);
  snprintf(out->name, sizeof out->name, "%s", name);
  return true;
}

void evsi_redis_request_delayed(evsi_redis_request *request) {
  const char *cursor = evsi_redis_request_text(request, "cursor");
  position *begin = evsi_calloc(1, sizeof *begin);
  request->extra = begin;
  request->result = json_array();
  request->limit = evsi_redis_request_number(request, "limit", LIMIT_DEFAULT, LIMIT_MOST);
  if (request->limit == 0)
    request->limit = 1;
  if (!begin || !request->result)
    evsi_redis_request_answer(request, EVS_NOMEM, evsi_text("out of memory"));
  else if (cursor && !read_cursor(cursor, begin))
    evsi_redis_request_answer(request, EVS_VALIDATION,
                              evsi_text("the cursor is not one that an answer gave as `next`"));
  else
    evsi_redis_request_streams(request, list_step);
}

/* ---- taking back ------------------------------------------------------------------------------ */

static void answer_cancel(evsi_redis_request *request) {
  json_t *document =
      json_pack("{s:I,s:O}", "cancelled", (json_int_t)request->done, "results", request->result);
  evsi_redis_request_json(request, document);
  json_decref(document);
}

static void add_result(evsi_redis_request *request, size_t at, bool is_done) {
  json_t *id = json_array_get(json_object_get(request->params, "ids"), at);
  request->done += is_done;
  json_array_append_new(request->result,
                        json_pack("{s:O,s:s}", "id", id, "outcome", is_done ? "cancelled" : "not_found"));
}

static void on_cancelled(evsi_redis_request *request, uint64_t at, const evsi_redis_reply *reply) {
  if (!evsi_redis_request_refused(request, reply, "cancelling a delayed event"))
    add_result(request, (size_t)at, evsi_redis_integer(evsi_redis_item(reply, 0)) == 1);
}

static void cancel_step(evsi_redis_request *request) {
  json_t *ids = json_object_get(request->params, "ids");
  evsi_redis_request_script script = {.script = EVSI_REDIS_CANCEL};
  evs_bytes name, entry;
  if (request->at >= json_array_size(ids)) {
    const evsi_redis_audit_row row = {.action = "delayed.cancel",
                                      .scope = json_pack("{s:O}", "ids", ids),
                                      .count = request->done,
                                      .result = request->done == 0                      ? "nothing"
                                                : request->done == json_array_size(ids) ? "done"
                                                                                        : "partly"};
    request->step = answer_cancel;
    evsi_redis_audit(request, &row);
    return;
  }
  size_t at = request->at++;
  const char *id = json_string_value(json_array_get(ids, at));
  if (!id || !evsi_redis_address_split(request->transport, id, &name, &entry) || entry.size < 2 ||
      entry.data[0] != '@') {
    add_result(request, at, false);
    return;
  }
  put_keys(request, &script, name);
  evsi_redis_arg(&script.args, entry.data + 1, entry.size - 1);
  evsi_redis_request_call(request, &script, on_cancelled, at);
}

void evsi_redis_request_delayed_cancel(evsi_redis_request *request) {
  const json_t *ids = json_object_get(request->params, "ids");
  request->result = json_array();
  request->step = cancel_step;
  if (!json_is_array(ids) || json_array_size(ids) == 0 || json_array_size(ids) > IDS_MOST)
    evsi_redis_request_answer(request, EVS_VALIDATION, evsi_text("give ids, a list of 1 to 1000 texts"));
}
