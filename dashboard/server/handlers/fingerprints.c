/* SPDX-License-Identifier: MIT
 * fingerprints.c - GET /dlq/groups, GET /dlq/groups/{fingerprint}: dead letters of the same kind together. */
#include <stdlib.h>
#include <string.h>

#include "../base64.h"
#include "handlers.h"

static json_t *fingerprint_of(const json_t *row, double total) {
  const char *last_id = json_string_value(json_object_get(row, "lastId"));
  json_int_t count = json_integer_value(json_object_get(row, "count"));
  char *key = last_id ? evsd_key_of_id(last_id) : NULL;
  json_t *document = json_pack(
      "{s:s, s:I, s:f, s:o, s:o, s:o, s:s, s:o, s:o, s:o, s:o, s:o, s:s?}", "fingerprint",
      evsd_text(row, "fingerprint", ""), "count", count, "share", total > 0 ? (double)count / total : 0,
      "firstAt", evsd_member(row, "firstAt"), "lastAt", evsd_member(row, "lastAt"), "topics",
      evsd_member(row, "topics"), "type", evsd_text(row, "type", ""), "group", evsd_member(row, "group"),
      "errorClass", evsd_member(row, "errorClass"), "message", evsd_member(row, "message"), "sample",
      evsd_member(row, "sample"), "lastId", evsd_member(row, "lastId"), "lastKey", key);
  free(key);
  return document;
}

static int by_count(const void *a, const void *b) {
  json_int_t left = json_integer_value(json_object_get(*(json_t *const *)a, "count"));
  json_int_t right = json_integer_value(json_object_get(*(json_t *const *)b, "count"));
  return left < right ? 1 : left > right ? -1 : 0;
}

static json_t *build(const json_t *answer) {
  json_t *rows = json_object_get(answer, "groups"), *list = json_array();
  size_t count = json_array_size(rows);
  double total = json_number_value(json_object_get(answer, "total"));
  json_t **sorted = calloc(count + 1, sizeof(json_t *));
  for (size_t i = 0; sorted && i < count; i++)
    sorted[i] = json_array_get(rows, i);
  if (sorted)
    qsort(sorted, count, sizeof *sorted, by_count);
  for (size_t i = 0; sorted && i < count; i++)
    json_array_append_new(list, fingerprint_of(sorted[i], total));
  free(sorted);
  return list;
}

json_t *evsd_fingerprints_build(evs_dashboard *dashboard, evsd_failure *failure) {
  evsd_document *answer = evsd_store_shared(dashboard, EVSD_SHARED_FINGERPRINTS, failure);
  json_t *list = answer ? build(evsd_document_root(answer)) : NULL;
  evsd_document_drop(answer);
  return list;
}

void evsd_get_fingerprints(evsd_request *request) {
  static const char *const known[] = {"topic", NULL};
  if (!evsd_query_read(request, known))
    return;
  const char *topic = evsd_query_text(request, "topic");
  evsd_failure failure;
  evsd_document *answer =
      topic ? evsd_document_new(evsd_store_json(request->dashboard, "dlq.groups",
                                                json_pack("{s:s}", "topic", topic), &failure))
            : evsd_store_shared(request->dashboard, EVSD_SHARED_FINGERPRINTS, &failure);
  if (!answer) {
    evsd_store_problem(request, &failure);
    return;
  }
  json_t *list = evsd_list_of(build(evsd_document_root(answer)));
  json_int_t total = json_integer_value(json_object_get(evsd_document_root(answer), "groupCount"));
  if (total >
      json_integer_value(json_object_get(list, "total"))) { /* the library gives the newest thousand */
    json_object_set_new(list, "total", json_integer(total));
    json_object_set_new(list, "exhausted", json_false());
  }
  evsd_document_drop(answer);
  evsd_reply_json(request, 200, list);
}

void evsd_get_fingerprint(evsd_request *request) {
  evsd_failure failure;
  json_t *list = evsd_fingerprints_build(request->dashboard, &failure), *row, *found = NULL;
  size_t i;
  if (!list) {
    evsd_store_problem(request, &failure);
    return;
  }
  json_array_foreach(list, i, row) {
    if (strcmp(evsd_text(row, "fingerprint", ""), request->param) == 0)
      found = json_incref(row);
  }
  json_decref(list);
  if (found)
    evsd_reply_json(request, 200, found);
  else
    evsd_problem(request, 404, "not_found", "There are no dead letters with this fingerprint any more.");
}
