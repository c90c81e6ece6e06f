/* SPDX-License-Identifier: MIT
 * redis_tail.c - the request `tail`: entries as they were stored, read without a group, so that nothing is
 * taken from anybody. Positions go out and come back with the next call. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "event/stored_batch.h"
#include "transport/redis/redis_entry.h"
#include "transport/redis/redis_request.h"

enum { LIMIT_DEFAULT = 100, LIMIT_MOST = 1000 };

/* One event, waiting to be put in order. */
typedef struct tail_entry {
  evsi_redis_id id;
  size_t stream;
  size_t from, size; /* its JSON in request->out */
} tail_entry;

/* What is shown of an entry, or of one of the events in it. */
typedef struct tail_event {
  evsi_redis_id id;
  size_t stream;
  evs_bytes offset, data, raw;
  bool is_malformed;
} tail_event;

static void add_event(evsi_redis_request *request, const tail_event *event) {
  const evsi_redis_known *known = &request->streams[event->stream];
  tail_entry entry = {.id = event->id, .stream = event->stream, .from = request->out.size};
  evsi_buf *out = &request->out;
  evsi_buf_add_text(out, "{\"topic\":");
  evsi_buf_add_json(out, known->topic.data, known->topic.size);
  if (known->partition == EVS_PARTITION_NONE)
    evsi_buf_add_text(out, ",\"partition\":null,\"offset\":");
  else
    evsi_buf_addf(out, ",\"partition\":%d,\"offset\":", (int)known->partition);
  evsi_buf_add_json(out, event->offset.data, event->offset.size);
  evsi_buf_add(out, ",", 1);
  evsi_stored_json(out, event->data, event->raw, event->is_malformed);
  evsi_buf_add(out, "}", 1);
  entry.size = out->size - entry.from;
  tail_entry *grown = evsi_realloc(request->extra, (request->count + 1) * sizeof *grown);
  if (!grown) {
    out->failed = true;
    return;
  }
  request->extra = grown;
  grown[request->count++] = entry;
}

static void add_batch(evsi_redis_request *request, const tail_event *whole, const evsi_stored_batch *batch) {
  for (uint32_t i = 0; i < batch->count; i++) {
    char place[EVSI_REDIS_ID_TEXT + 12];
    tail_event event = *whole;
    snprintf(place, sizeof place, "%.*s/%" PRIu32, (int)whole->offset.size, whole->offset.data, i);
    event.offset = evsi_text(place);
    event.data = batch->events[i];
    add_event(request, &event);
  }
}

static void add_entry(evsi_redis_request *request, size_t stream, const evsi_redis_reply *item) {
  tail_event event = {.stream = stream, .offset = evsi_redis_text(evsi_redis_item(item, 0))};
  evs_tp_entry stored = {0};
  evsi_stored_batch batch;
  evsi_buf scratch = {0};
  if (!evsi_redis_id_parse(event.offset, &event.id))
    return;
  evsi_redis_entry_read(evsi_redis_item(item, 1), &stored);
  event.data = stored.data;
  event.raw = stored.raw;
  event.is_malformed = (stored.flags & EVS_ENTRY_MALFORMED) != 0;
  if (event.is_malformed) {
    evsi_redis_entry_as_json(evsi_redis_item(item, 1), &scratch);
    event.data = evsi_bytes(scratch.data, scratch.size);
  }
  if ((stored.flags & EVS_ENTRY_BATCH) && !evsi_stored_batch_decode(stored.data, &batch)) {
    add_batch(request, &event, &batch);
    evsi_stored_batch_free(&batch);
  } else {
    add_event(request, &event);
  }
  request->out.failed |= scratch.failed;
  evsi_buf_free(&scratch);
}

/* Of one stream no more is shown than the limit: what is behind that many events comes with another call. */
static void add_entries(evsi_redis_request *request, size_t stream, const evsi_redis_reply *entries) {
  uint64_t most = request->count + request->limit;
  for (size_t i = 0; i < entries->count && request->count < most; i++)
    add_entry(request, stream, evsi_redis_item(entries, i));
}

static int by_id(const void *a, const void *b) {
  const tail_entry *left = a, *right = b;
  int order = evsi_redis_id_compare(left->id, right->id);
  if (order == 0)
    order = (left->stream > right->stream) - (left->stream < right->stream);
  return order != 0 ? order : (left->from > right->from) - (left->from < right->from);
}

static void answer(evsi_redis_request *request) {
  tail_entry *entries = request->extra;
  evsi_buf json = {0};
  bool wants_newest = request->has_filter; /* of all streams together */
  if (request->count > 1)
    qsort(entries, request->count, sizeof *entries, by_id);
  uint64_t first = wants_newest && request->count > request->limit ? request->count - request->limit : 0;
  uint64_t end = request->count - first > request->limit ? first + request->limit : request->count;
  /* A position is that of an entry: the events of one stay together. */
  while (!wants_newest && end > 0 && end < request->count && entries[end].stream == entries[end - 1].stream &&
         evsi_redis_id_compare(entries[end].id, entries[end - 1].id) == 0)
    end++;
  evsi_buf_add_text(&json, "{\"entries\":[");
  for (uint64_t i = first; i < end; i++) {
    evsi_redis_known *known = &request->streams[entries[i].stream];
    if (i > first)
      evsi_buf_add(&json, ",", 1);
    evsi_buf_add(&json, request->out.data + entries[i].from, entries[i].size);
    evsi_redis_id_text(entries[i].id, known->position);
  }
  evsi_buf_add_text(&json, "],\"positions\":{");
  for (size_t i = 0; i < request->stream_count; i++) {
    const evsi_redis_known *known = &request->streams[i];
    if (i > 0)
      evsi_buf_add(&json, ",", 1);
    evsi_buf_add_json(&json, known->name, strlen(known->name));
    evsi_buf_addf(&json, ":\"%s\"", known->position[0] ? known->position : "0-0");
  }
  evsi_buf_add_text(&json, "}}");
  if (json.failed || request->out.failed)
    evsi_redis_request_answer(request, EVS_NOMEM, evsi_text("out of memory"));
  else
    evsi_redis_request_answer(request, EVS_OK, evsi_bytes(json.data, json.size));
  evsi_buf_free(&json);
}

static void on_range(evsi_redis_request *request, uint64_t tag, const evsi_redis_reply *reply) {
  if (evsi_redis_request_refused(request, reply, "reading a topic"))
    return;
  add_entries(request, (size_t)tag, reply);
}

/* The newest entries: where the next call goes on is behind the newest, shown or not. */
static void on_newest(evsi_redis_request *request, uint64_t tag, const evsi_redis_reply *reply) {
  if (evsi_redis_request_refused(request, reply, "reading a topic"))
    return;
  evs_bytes last = evsi_redis_text(evsi_redis_item(evsi_redis_item(reply, 0), 0));
  if (last.size > 0)
    snprintf(request->streams[tag].position, EVSI_REDIS_ID_TEXT, "%.*s", (int)last.size, last.data);
  add_entries(request, (size_t)tag, reply);
}

static void ask_range(evsi_redis_request *request, size_t stream) {
  evsi_redis_args args = {0};
  char start[EVSI_REDIS_ID_TEXT + 1];
  snprintf(start, sizeof start, "(%s", request->streams[stream].position);
  evsi_redis_arg_text(&args, "XRANGE");
  evsi_redis_arg_text(&args, request->streams[stream].key);
  evsi_redis_arg_text(&args, start);
  evsi_redis_arg_text(&args, "+");
  evsi_redis_arg_text(&args, "COUNT");
  evsi_redis_arg_u64(&args, request->limit > 0 ? request->limit : 1);
  evsi_redis_request_send(request, &args, on_range, stream);
}

static void ask_newest(evsi_redis_request *request, size_t stream) {
  evsi_redis_args args = {0};
  evsi_redis_arg_text(&args, "XREVRANGE");
  evsi_redis_arg_text(&args, request->streams[stream].key);
  evsi_redis_arg_text(&args, "+");
  evsi_redis_arg_text(&args, "-");
  evsi_redis_arg_text(&args, "COUNT");
  evsi_redis_arg_u64(&args, request->limit > 0 ? request->limit : 1);
  evsi_redis_request_send(request, &args, on_newest, stream);
}

static void read_streams(evsi_redis_request *request) {
  const json_t *positions = json_object_get(request->params, "positions");
  const char *from = evsi_redis_request_text(request, "from");
  bool goes_on = json_is_object(positions), from_start = from && strcmp(from, "start") == 0;
  request->step = answer;
  request->limit = evsi_redis_request_number(request, "limit", LIMIT_DEFAULT, LIMIT_MOST);
  request->has_filter = !goes_on && !from_start;
  if (request->has_filter && from && strcmp(from, "end") == 0)
    request->limit = 0; /* only what comes from now on */
  for (size_t i = 0; i < request->stream_count && !request->is_answered; i++) {
    evsi_redis_known *known = &request->streams[i];
    const char *position = json_string_value(json_object_get(positions, known->name));
    evsi_redis_id id;
    bool is_id = position && evsi_redis_id_parse(evsi_text(position), &id);
    snprintf(known->position, sizeof known->position, "%s", is_id ? position : "0-0");
    if (request->has_filter)
      ask_newest(request, i);
    else
      ask_range(request, i);
  }
}

void evsi_redis_request_tail(evsi_redis_request *request) {
  evsi_redis_request_streams(request, read_streams);
}
