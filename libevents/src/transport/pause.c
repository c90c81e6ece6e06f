/* SPDX-License-Identifier: MIT
 * pause.c - see pause.h. */
#include "transport/pause.h"

enum { GROUP_MAX = 200, REASON_MAX = 500 };

const char *evsi_pause_check(const json_t *params) {
  const json_t *group = json_object_get(params, "group"), *reason = json_object_get(params, "reason");
  bool has_reason = reason && !json_is_null(reason);
  if (json_string_length(group) < 1 || json_string_length(group) > GROUP_MAX)
    return "group is required: the name of a consumer group, a text of 1 to 200 bytes";
  if (has_reason && (!json_is_string(reason) || json_string_length(reason) > REASON_MAX))
    return "reason must be null or a text of at most 500 bytes";
  return NULL;
}

json_t *evsi_pause_record(const json_t *params, uint64_t at_ms) {
  return json_pack("{s:O?,s:I,s:O?}", "by", json_object_get(params, "actor"), "at", (json_int_t)at_ms,
                   "reason", json_object_get(params, "reason"));
}

json_t *evsi_pause_answer(const json_t *params, const json_t *record) {
  return json_pack("{s:O,s:O?}", "group", json_object_get(params, "group"), "paused", record);
}
