/* SPDX-License-Identifier: MIT
 * redis_dlq_count.c - the request `dlq.count`: how many dead letters a filter selects, by type and group. The
 * index answers for a topic or a fingerprint; anything else is looked for, up to a budget of letters and of
 * time: who asks has a limit of its own, and half a count in time is of more use than none. */
#include <stdio.h>
#include <string.h>

#include "transport/redis/redis_index.h"
#include "base/json_text.h"
#include "transport/redis/redis_letters.h"

enum { SCAN_MOST = 20000, SCAN_MOST_MS = 5000, PAGE = 500, NAMES_MOST = 1000 };

typedef struct tally {
  json_t *by_type, *by_group;
  uint64_t count, back;
  uint64_t oldest_ms, newest_ms;
  uint64_t until_ms; /* when it stops looking */
} tally;

static void tally_free(void *data) {
  tally *sum = data;
  if (sum) {
    json_decref(sum->by_type);
    json_decref(sum->by_group);
  }
  evsi_free(sum);
}

static void answer(evsi_redis_request *request, bool is_exact) {
  const tally *sum = request->extra;
  json_t *document =
      json_pack("{s:I,s:b,s:I,s:O,s:O,s:I,s:o,s:o}", "count", (json_int_t)sum->count, "exact", is_exact,
                "scanned", (json_int_t)request->scanned, "byType", sum->by_type, "byGroup", sum->by_group,
                "requeuedBefore", (json_int_t)sum->back, "oldestAt",
                sum->oldest_ms > 0 ? json_integer((json_int_t)sum->oldest_ms) : json_null(), "newestAt",
                sum->newest_ms > 0 ? json_integer((json_int_t)sum->newest_ms) : json_null());
  evsi_redis_request_json(request, document);
  json_decref(document);
}

/* Names come from events: so many are kept apart, the rest is summed up. */
static void add_to(json_t *counts, const json_t *name, uint64_t count) {
  const char *key = json_is_string(name) ? json_string_value(name) : "unknown";
  if (!json_object_get(counts, key) && json_object_size(counts) >= NAMES_MOST)
    key = "other";
  json_object_set_new(counts, key,
                      json_integer(json_integer_value(json_object_get(counts, key)) + (json_int_t)count));
}

static void add_times(tally *sum, uint64_t first_ms, uint64_t last_ms) {
  if (first_ms > 0 && (sum->oldest_ms == 0 || first_ms < sum->oldest_ms))
    sum->oldest_ms = first_ms;
  if (last_ms > sum->newest_ms)
    sum->newest_ms = last_ms;
}

static uint64_t number_of(const json_t *object, const char *name) {
  json_int_t number = json_integer_value(json_object_get(object, name));
  return number > 0 ? (uint64_t)number : 0;
}

/* ---- looking for them ------------------------------------------------------------------------- */

/* Records written before they had a type leave it to the event. */
static json_t *type_of(const json_t *record, const evsi_dead_letter *letter) {
  evsi_dead_event event;
  json_t *type = json_object_get(record, "type");
  if (json_is_string(type) || !evsi_dead_letter_event(letter, &event))
    return type ? json_incref(type) : json_null();
  json_t *header = evsi_json_load(event.header, 0, NULL);
  type = json_object_get(header, "type");
  type = type ? json_incref(type) : json_null();
  json_decref(header);
  return type;
}

static void count_letter(tally *sum, const evsi_dead_letter *letter) {
  json_t *record = evsi_json_load(letter->record, JSON_ALLOW_NUL, NULL);
  json_t *type = type_of(record, letter);
  uint64_t at = number_of(record, "lastFailureAt");
  sum->count++;
  sum->back += number_of(record, "requeueCount") > 0;
  add_to(sum->by_type, type, 1);
  add_to(sum->by_group, json_object_get(record, "group"), 1);
  add_times(sum, at, at);
  json_decref(type);
  json_decref(record);
}

static void on_page(evsi_redis_request *request, uint64_t tag, const evsi_redis_reply *reply) {
  evsi_redis_known *known = &request->streams[tag];
  const evsi_redis_reply *rows = evsi_redis_letters_rows(reply);
  evs_bytes last = evsi_redis_letters_last(reply);
  evsi_buf scratch = {0};
  if (evsi_redis_request_refused(request, reply, "counting dead letters"))
    return;
  for (size_t i = 0; i < rows->count; i++) {
    evsi_dead_letter letter;
    evsi_redis_letter_read(request->transport, evsi_text(known->name), evsi_redis_item(rows, i), &letter,
                           &scratch);
    if (evsi_dead_filter_takes(&request->filter, &letter))
      count_letter(request->extra, &letter);
  }
  evsi_buf_free(&scratch);
  request->scanned += evsi_redis_letters_seen(reply);
  snprintf(known->position, sizeof known->position, "%.*s", (int)last.size, last.size ? last.data : "");
  if (evsi_redis_letters_ended(reply))
    request->at++;
}

static void scan(evsi_redis_request *request) {
  const tally *sum = request->extra;
  bool is_end = request->at >= request->stream_count;
  if (is_end || request->scanned >= SCAN_MOST || evsi_redis_now(request->transport) >= sum->until_ms) {
    answer(request, is_end);
    return;
  }
  const evsi_redis_known *known = &request->streams[request->at];
  char from[EVSI_REDIS_ID_TEXT + 1];
  snprintf(from, sizeof from, "%s%s", known->position[0] ? "(" : "-", known->position);
  const evsi_redis_page page = {
      .key = known->dlq, .from = from, .to = "+", .most = PAGE, .longest = EVSI_LETTERS_ROW_BYTES};
  evsi_redis_letters_read(request, &page, on_page, request->at);
}

/* ---- asking the index ------------------------------------------------------------------------- */

static void sum_up(evsi_redis_request *request) {
  tally *sum = request->extra;
  const char *fingerprint;
  json_t *row;
  if (evsi_redis_index_counted(request) != evsi_redis_index_letters(request)) {
    request->step = scan; /* some are older than the index */
    return;
  }
  json_object_foreach(request->result, fingerprint, row) {
    const json_t *about = json_object_get(row, "about");
    uint64_t count = number_of(row, "count");
    if (count == 0 || (request->filter.fingerprint && strcmp(fingerprint, request->filter.fingerprint) != 0))
      continue;
    sum->count += count;
    sum->back += number_of(row, "back");
    add_to(sum->by_type, json_object_get(about, "type"), count);
    add_to(sum->by_group, json_object_get(about, "group"), count);
    add_times(sum, number_of(row, "firstAt"), number_of(row, "lastAt"));
  }
  answer(request, true);
}

static void begin(evsi_redis_request *request) {
  if (evsi_dead_filter_is_simple(&request->filter))
    evsi_redis_index_read(request, sum_up);
  else
    request->step = scan;
}

void evsi_redis_request_dlq_count(evsi_redis_request *request) {
  const json_t *filter = json_object_get(request->params, "filter");
  tally *sum = evsi_calloc(1, sizeof *sum);
  request->extra = sum;
  request->extra_free = tally_free;
  if (sum) {
    sum->until_ms = evsi_redis_now(request->transport) + SCAN_MOST_MS;
    sum->by_type = json_object();
    sum->by_group = json_object();
  }
  if (!sum || !sum->by_type || !sum->by_group)
    evsi_redis_request_answer(request, EVS_NOMEM, evsi_text("out of memory"));
  else if (filter && !json_is_object(filter))
    evsi_redis_request_answer(request, EVS_VALIDATION, evsi_text("filter must be an object"));
  else if (evsi_redis_request_filter(request, filter, true))
    evsi_redis_request_streams(request, begin);
}
