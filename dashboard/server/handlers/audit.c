/* SPDX-License-Identifier: MIT
 * audit.c - GET /audit: who did what, the newest first. There is no way to change it from here. */
#include "handlers.h"

void evsd_get_audit(evsd_request *request) {
  static const char *const known[] = {"limit", "cursor", NULL};
  uint64_t limit = 50;
  if (!evsd_query_read(request, known) || !evsd_query_number(request, "limit", 1, 500, &limit))
    return;
  const char *cursor = evsd_query_text(request, "cursor");
  json_t *answer = evsd_store_ask(request, "audit",
                                  json_pack("{s:I, s:s*}", "limit", (json_int_t)limit, "cursor", cursor));
  if (!answer)
    return;
  json_t *items = json_array(), *row;
  size_t i;
  json_array_foreach(json_object_get(answer, "items"), i, row) json_array_append_new(
      items, json_pack("{s:s, s:I, s:s, s:o, s:s, s:o, s:o, s:s, s:o, s:o}", "id", evsd_text(row, "id", ""),
                       "at", json_integer_value(json_object_get(row, "at")), "actor",
                       evsd_text(row, "actor", "?"), "address", evsd_member(row, "address"), "action",
                       evsd_text(row, "action", "?"), "scope", evsd_member(row, "scope"), "count",
                       evsd_member(row, "count"), "result", evsd_text(row, "result", ""), "reason",
                       evsd_member(row, "reason"), "operation", evsd_member(row, "operation")));
  json_t *next = json_object_get(answer, "next");
  evsd_reply_json(request, 200,
                  json_pack("{s:o, s:o, s:I, s:b, s:n, s:b}", "items", items, "next",
                            evsd_member(answer, "next"), "scanned", (json_int_t)json_array_size(items),
                            "exhausted", !json_is_string(next), "total", "totalExact", 0));
  json_decref(answer);
}
