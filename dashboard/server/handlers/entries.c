/* SPDX-License-Identifier: MIT
 * entries.c - GET /dlq/entries and GET /dlq/archive: pages of dead letters, without their bodies. */
#include <stdlib.h>
#include <string.h>

#include "../base64.h"
#include "handlers.h"
#include "scope.h"

enum { LIMIT_DEFAULT = 50, LIMIT_MAX = 500 };

json_t *evsd_entry_summary(const json_t *item) {
  const char *id = evsd_text(item, "id", "");
  const json_t *error = json_object_get(item, "error"), *header = json_object_get(item, "header");
  const char *type = evsd_text(item, "type", evsd_text(header, "type", ""));
  char *key = evsd_key_of_id(id);
  json_t *summary = json_pack(
      "{s:s, s:s, s:s, s:o, s:s, s:o, s:o, s:o, s:{s:o, s:o}, s:I, s:I, s:o, s:o, s:o, s:o}", "id", id, "key",
      key ? key : "", "topic", evsd_text(item, "topic", ""), "partition", evsd_member(item, "partition"),
      "type", type, "group", evsd_member(item, "group"), "subscription", evsd_member(item, "subscription"),
      "fingerprint", evsd_member(item, "fingerprint"), "error", "class", evsd_member(error, "class"),
      "message", evsd_member(error, "message"), "attempts",
      json_integer_value(json_object_get(item, "attempts")), "requeueCount",
      json_integer_value(json_object_get(item, "requeueCount")), "firstFailureAt",
      evsd_member(item, "firstFailureAt"), "lastFailureAt", evsd_member(item, "lastFailureAt"), "size",
      evsd_member(item, "size"), "note", evsd_member(item, "note"));
  free(key);
  return summary;
}

json_t *evsd_entry_archived(const json_t *item) {
  return json_pack("{s:I, s:s, s:s, s:o, s:o}", "at", json_integer_value(json_object_get(item, "archivedAt")),
                   "by", evsd_text(item, "archivedBy", "?"), "action", evsd_text(item, "action", "discarded"),
                   "copy", evsd_member(item, "copy"), "reason", evsd_member(item, "reason"));
}

static bool take_numbers(evsd_request *request, json_t *params) {
  static const struct {
    const char *name;
    uint64_t max;
  } numbers[] = {{"since", UINT64_C(1) << 53}, {"until", UINT64_C(1) << 53}, {"minAttempts", 1000000}};
  for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
    uint64_t number = 0;
    if (!evsd_query_number(request, numbers[i].name, 0, numbers[i].max, &number))
      return false;
    if (evsd_query_text(request, numbers[i].name))
      json_object_set_new(params, numbers[i].name, json_integer((json_int_t)number));
  }
  uint64_t limit = LIMIT_DEFAULT;
  if (!evsd_query_number(request, "limit", 1, LIMIT_MAX, &limit))
    return false;
  json_object_set_new(params, "limit", json_integer((json_int_t)limit));
  const char *requeued = evsd_query_text(request, "requeued");
  if (requeued && strcmp(requeued, "true") != 0 && strcmp(requeued, "false") != 0) {
    evsd_problem(request, 400, "bad_parameter", "The parameter requeued must be true or false.");
    return false;
  }
  if (requeued)
    json_object_set_new(params, "requeued", json_boolean(strcmp(requeued, "true") == 0));
  return true;
}

/* The arguments of dlq.list or dlq.archive from the query; NULL after a problem. */
static json_t *params_of(evsd_request *request) {
  static const char *const known[] = {"fingerprint", "topic", "type",  "group",  "subscription",
                                      "text",        "since", "until", "cursor", "minAttempts",
                                      "requeued",    "limit", NULL};
  static const char *const texts[] = {"fingerprint",  "topic", "type",  "group",
                                      "subscription", "text",  "cursor"};
  if (!evsd_query_read(request, known) || (evsd_query_text(request, "text") && !evsd_may_search(request)))
    return NULL;
  json_t *params = json_pack("{s:b}", "body", 0);
  for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
    const char *text = evsd_query_text(request, texts[i]);
    if (text && *text)
      json_object_set_new(params, texts[i], json_string(text));
  }
  if (take_numbers(request, params))
    return params;
  json_decref(params);
  return NULL;
}

/* How many there are of a selection that the store counts without looking at each. */
static json_t *total_of(evsd_request *request) {
  static const char *const dear[] = {"type",  "group", "subscription", "text",
                                     "since", "until", "minAttempts",  "requeued"};
  static const char *const cheap[] = {"topic", "fingerprint"};
  json_t *filter = json_object();
  evsd_failure failure;
  bool is_cheap = true;
  for (size_t i = 0; i < sizeof dear / sizeof dear[0]; i++)
    is_cheap = is_cheap && !evsd_query_text(request, dear[i]);
  for (size_t i = 0; i < sizeof cheap / sizeof cheap[0]; i++) {
    const char *text = evsd_query_text(request, cheap[i]);
    if (text && *text)
      json_object_set_new(filter, cheap[i], json_string(text));
  }
  json_t *count = is_cheap ? evsd_store_json(request->dashboard, "dlq.count",
                                             json_pack("{s:O}", "filter", filter), &failure)
                           : NULL;
  json_t *total = json_is_true(json_object_get(count, "exact")) ? evsd_member(count, "count") : json_null();
  json_decref(count);
  json_decref(filter);
  return total;
}

/* Takes `items` and `total` over. */
static json_t *page_of(const json_t *answer, json_t *items, json_t *total) {
  json_t *next = json_object_get(answer, "next"), *exhausted = json_object_get(answer, "exhausted");
  bool is_last = exhausted ? json_is_true(exhausted) : !json_is_string(next);
  return json_pack("{s:o, s:o, s:o, s:b, s:o, s:b}", "items", items, "next", evsd_member(answer, "next"),
                   "scanned", evsd_member(answer, "scanned"), "exhausted", is_last, "total", total,
                   "totalExact", json_is_integer(total));
}

void evsd_get_entries(evsd_request *request) {
  json_t *params = params_of(request), *items = json_array(), *item;
  size_t i;
  if (params)
    json_object_set_new(params, "order", json_string("newest"));
  json_t *answer = params ? evsd_store_ask(request, "dlq.list", params) : NULL;
  json_array_foreach(json_object_get(answer, "items"), i, item)
      json_array_append_new(items, evsd_entry_summary(item));
  if (answer)
    evsd_reply_json(request, 200, page_of(answer, json_incref(items), total_of(request)));
  json_decref(items);
  json_decref(answer);
}

void evsd_get_archive(evsd_request *request) {
  json_t *params = params_of(request), *items = json_array(), *item;
  size_t i;
  json_t *answer = params ? evsd_store_ask(request, "dlq.archive", params) : NULL;
  json_array_foreach(json_object_get(answer, "items"), i, item) {
    json_t *summary = evsd_entry_summary(item);
    json_object_set_new(summary, "archived", evsd_entry_archived(item));
    json_array_append_new(items, summary);
  }
  if (answer)
    evsd_reply_json(request, 200, page_of(answer, json_incref(items), json_null()));
  json_decref(items);
  json_decref(answer);
}
