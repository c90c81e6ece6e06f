/* SPDX-License-Identifier: MIT
 * entry.c - GET /dlq/entries/{key} and its /body: one dead letter whole. The body never becomes a JSON value
 * on the way, so that its bytes stay what they are. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../base64.h"
#include "../json.h"
#include "../redact.h"
#include "entry.h"
#include "handlers.h"

enum { SHOWN_MAX = 65536, PREVIEW_MAX = 16384 };

void evsd_item_free(evsd_item *item) {
  json_decref(item->frame);
  free(item->raw);
  evs_string_free(item->text);
}

/* `raw` where the body is no JSON text, `entry` where the event is in no known form. */
static void take_body(evsd_item *item) {
  evs_bytes whole = {item->text, strlen(item->text)};
  json_t *raw = jsontext_parse(jsontext_member(whole, "raw"));
  item->body = jsontext_member(whole, "body");
  if (json_is_string(raw)) {
    size_t size = 0;
    item->raw = evsd_base64_decode(json_string_value(raw), &size);
    item->body = (evs_bytes){item->raw, item->raw ? size : 0};
  } else if (!item->body.data) {
    item->body = jsontext_member(whole, "entry");
  }
  json_decref(raw);
}

/* What is small comes at once; 64 MiB take their time, from a store far away or on a busy machine. */
bool evsd_item_get(evs_dashboard *dashboard, json_t *params, evsd_item *out, evsd_failure *failure) {
  enum { LARGE_TIMEOUT_MS = 20000 };
  *out = (evsd_item){.text = evsd_store_text(dashboard, "dlq.get", params, LARGE_TIMEOUT_MS, failure)};
  if (!out->text)
    return false;
  out->frame = evsd_json_frame((evs_bytes){out->text, strlen(out->text)});
  take_body(out);
  return true;
}

bool evsd_is_redacting(const evsd_request *request) {
  return json_array_size(request->dashboard->options.redact) > 0 && !evsd_may(request, EVSD_UNREDACTED);
}

char *evsd_entry_id(evsd_request *request) {
  char *id = evsd_id_of_key(request->param);
  if (!id)
    evsd_problem(request, 404, "not_found", "This is not the key of a dead letter.");
  return id;
}

void evsd_entry_gone(evsd_request *request, const char *id, int status) {
  evsd_item item;
  evsd_failure failure;
  if (!evsd_item_get(request->dashboard, json_pack("{s:s, s:b, s:i}", "id", id, "archived", 1, "maxBody", 0),
                     &item, &failure)) {
    if (failure.status == EVS_NOT_FOUND)
      evsd_problem(request, 404, "not_found",
                   "There is no dead letter of this id, nor is it in the archive.");
    else
      evsd_store_problem(request, &failure);
    return;
  }
  json_t *archived = evsd_entry_archived(item.frame), *value;
  const char *name;
  evsd_problem(request, status, "dlq_entry_gone", "This dead letter was %s by %s.",
               evsd_text(archived, "action", "?"), evsd_text(archived, "by", "?"));
  json_object_del(archived, "reason");
  json_object_foreach(archived, name, value) evsd_problem_set(request, name, json_incref(value));
  json_decref(archived);
  evsd_item_free(&item);
}

/* At most `max` bytes, not through a character. */
static json_t *text_start(evs_bytes body, size_t max) {
  size_t size = body.size < max ? (size_t)body.size : max;
  while (size > 0 && size < body.size && ((unsigned char)body.data[size] & 0xc0) == 0x80)
    size--;
  return json_stringn(body.data, size);
}

static void show_raw(json_t *entry, evs_bytes body) {
  bool is_large = body.size > SHOWN_MAX;
  char *text = evsd_base64_encode((evs_bytes){body.data, is_large ? PREVIEW_MAX : body.size});
  json_object_set_new(entry, "raw", json_string(text ? text : ""));
  json_object_set_new(entry, "tooLarge", json_boolean(is_large));
  free(text);
}

static void show_text(json_t *entry, evs_bytes body) {
  bool is_large = body.size > SHOWN_MAX;
  json_t *text = text_start(body, is_large ? PREVIEW_MAX : SHOWN_MAX);
  if (!text) { /* no UTF-8: bytes, then */
    show_raw(entry, body);
    return;
  }
  json_object_set_new(entry, is_large ? "bodyPreview" : "bodyText", text);
  json_object_set_new(entry, "tooLarge", json_boolean(is_large));
}

static void show_redacted(evsd_request *request, json_t *entry, const evsd_item *item) {
  json_t *found = json_array();
  char *text = item->raw ? NULL : evsd_redact(item->body, request->dashboard->options.redact, found);
  if (text)
    show_text(entry, (evs_bytes){text, strlen(text)});
  else
    json_object_set_new(entry, "withheld", json_string("redaction")); /* no members to look at */
  json_object_set_new(entry, "redacted", found);
  free(text);
}

static void show_body(evsd_request *request, json_t *entry, const evsd_item *item) {
  json_t *size = json_object_get(item->frame, "bodySize");
  json_object_set_new(entry, "bodySize",
                      size ? json_incref(size) : json_integer((json_int_t)item->body.size));
  if (!evsd_may(request, EVSD_PAYLOAD)) {
    json_object_set_new(entry, "withheld", json_string("permission"));
  } else if (size) { /* the library left it out */
    json_object_set_new(entry, "bodyPreview", evsd_member(item->frame, "bodyPreview"));
    json_object_set_new(entry, "raw", evsd_member(item->frame, "rawPreview"));
    json_object_set_new(entry, "tooLarge", json_true());
  } else if (evsd_is_redacting(request)) {
    show_redacted(request, entry, item);
  } else if (item->raw) {
    show_raw(entry, item->body);
  } else {
    show_text(entry, item->body);
  }
}

static json_t *error_of(const json_t *error) {
  if (json_is_string(error))
    return json_pack("{s:n, s:O, s:n}", "class", "message", error, "stack");
  return json_pack("{s:o, s:o, s:o}", "class", evsd_member(error, "class"), "message",
                   evsd_member(error, "message"), "stack", evsd_member(error, "stack"));
}

/* The attempts as they are kept, the newest first. */
static json_t *history_of(const json_t *frame) {
  json_t *kept = json_object_get(frame, "history"), *attempt, *history = json_array();
  size_t i;
  json_array_foreach(kept, i, attempt) json_array_insert_new(
      history, 0,
      json_pack("{s:o, s:o, s:o, s:o}", "at", evsd_member(attempt, "at"), "consumer",
                evsd_member(attempt, "consumer"), "durationMs", evsd_member(attempt, "durationMs"), "error",
                error_of(json_object_get(attempt, "error"))));
  return history;
}

/* Whole numbers that a double cannot hold become texts, since pages read JSON into doubles. */
static json_t *exact_header(const json_t *frame) {
  json_t *header = json_deep_copy(json_object_get(frame, "header")), *value;
  const char *name;
  void *next;
  json_object_foreach_safe(header, next, name, value) {
    json_int_t number = json_integer_value(value);
    if (number > INT64_C(1) << 53 || number < -(INT64_C(1) << 53))
      json_object_set_new(header, name, json_sprintf("%lld", (long long)number));
  }
  return json_is_object(header) ? header : json_object();
}

static json_t *entry_of(evsd_request *request, const evsd_item *item, bool is_archived) {
  static const char *const copied[] = {"originalId", "consumer", "service"};
  static const char *const empty[] = {"bodyText", "raw", "bodyPreview", "withheld"};
  const json_t *frame = item->frame;
  json_t *entry = evsd_entry_summary(frame), *header = exact_header(frame);
  json_t *headers = json_object_get(frame, "headers"), *names = json_object_get(frame, "subscriptions");
  for (size_t i = 0; i < sizeof copied / sizeof copied[0]; i++)
    json_object_set_new(entry, copied[i], evsd_member(frame, copied[i]));
  for (size_t i = 0; i < sizeof empty / sizeof empty[0]; i++)
    json_object_set_new(entry, empty[i], json_null());
  json_object_set_new(entry, "subscriptions", names ? json_incref(names) : json_array());
  json_object_set_new(entry, "error", error_of(json_object_get(frame, "error")));
  json_object_set_new(entry, "history", history_of(frame));
  json_object_set_new(entry, "contentType", evsd_member(header, "contentType"));
  json_object_set_new(entry, "header", header);
  json_object_set_new(entry, "headers", json_is_object(headers) ? json_incref(headers) : json_object());
  json_object_set_new(entry, "tooLarge", json_false());
  json_object_set_new(entry, "redacted", json_array());
  json_object_set_new(entry, "archived", is_archived ? evsd_entry_archived(frame) : json_null());
  show_body(request, entry, item);
  json_object_set(entry, "size", json_object_get(entry, "bodySize"));
  return entry;
}

static json_t *get_params(const char *id, bool is_archived) {
  json_t *params = json_pack("{s:s}", "id", id);
  if (is_archived)
    json_object_set_new(params, "archived", json_true());
  return params;
}

void evsd_get_entry(evsd_request *request) {
  static const char *const known[] = {"archived", NULL};
  if (!evsd_query_read(request, known))
    return;
  const char *archived = evsd_query_text(request, "archived");
  bool is_archived = archived && strcmp(archived, "true") == 0;
  char *id = evsd_entry_id(request);
  if (!id)
    return;
  json_t *params = get_params(id, is_archived);
  if (!evsd_is_redacting(request)) /* what is not shown need not be sent */
    json_object_set_new(params, "maxBody", json_integer(evsd_may(request, EVSD_PAYLOAD) ? SHOWN_MAX : 0));
  evsd_item item;
  evsd_failure failure;
  if (evsd_item_get(request->dashboard, params, &item, &failure)) {
    evsd_reply_json(request, 200, entry_of(request, &item, is_archived));
    evsd_item_free(&item);
  } else if (failure.status == EVS_NOT_FOUND && !is_archived) {
    evsd_entry_gone(request, id, 404);
  } else {
    evsd_store_problem(request, &failure);
  }
  free(id);
}

void evsd_get_entry_body(evsd_request *request) {
  evsd_item item;
  evsd_failure failure;
  if (evsd_is_redacting(request)) {
    evsd_problem(request, 403, "redaction_active",
                 "Bodies are redacted for you, so they cannot be downloaded; the role admin can.");
    return;
  }
  char *id = evsd_entry_id(request);
  if (!id)
    return;
  if (!evsd_item_get(request->dashboard, get_params(id, false), &item, &failure)) {
    if (failure.status == EVS_NOT_FOUND)
      evsd_entry_gone(request, id, 404);
    else
      evsd_store_problem(request, &failure);
    free(id);
    return;
  }
  char *copy = malloc((size_t)item.body.size + 1);
  if (copy) {
    memcpy(copy, item.body.size ? item.body.data : "", (size_t)item.body.size);
    evsd_reply_bytes(request, "application/octet-stream", copy, (size_t)item.body.size);
    request->reply.owned = copy;
    evsd_reply_header(request, "Content-Disposition: attachment; filename=\"body.%s\"",
                      item.raw ? "bin" : "json");
  }
  evsd_item_free(&item);
  free(id);
}
