/* SPDX-License-Identifier: MIT
 * redis_dlq.c - the requests `dlq.list` and `dlq.get`: reading dead letters. Changing them: redis_requeue.c.
 * A page ends at its limit or when enough was looked at; its cursor is the place where the next goes on. */
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/json_text.h"
#include "transport/redis/redis_entry.h"
#include "transport/redis/redis_request.h"

enum { LIMIT_DEFAULT = 50, LIMIT_MOST = 500, PAGE = 100, SCAN_MOST = 5000 };

/* ---- one letter ------------------------------------------------------------------------------- */

void evsi_redis_letter_read(evsi_redis_request *request, evs_bytes name, const evsi_redis_reply *entry,
                            evsi_dead_letter *letter, evsi_buf *scratch) {
  const evsi_redis_reply *fields = evsi_redis_item(entry, 1);
  evs_tp_entry stored = {0};
  memset(letter, 0, sizeof *letter);
  evsi_redis_entry_read(fields, &stored);
  evsi_redis_split_name(name, &letter->topic, &letter->partition);
  letter->raw = stored.raw;
  letter->record = evsi_redis_field(fields, "dead");
  letter->is_malformed = (stored.flags & EVS_ENTRY_MALFORMED) != 0;
  evsi_buf_clear(scratch);
  evsi_buf_add_text(scratch, request->transport->name);
  evsi_buf_add(scratch, "/", 1);
  evsi_buf_add_bytes(scratch, name);
  evsi_buf_add(scratch, "/", 1);
  evsi_buf_add_bytes(scratch, evsi_redis_text(evsi_redis_item(entry, 0)));
  size_t id_size = scratch->size;
  if (letter->is_malformed)
    evsi_redis_entry_as_json(fields, scratch);
  letter->id = evsi_bytes(scratch->data, id_size);
  letter->data =
      letter->is_malformed ? evsi_bytes(scratch->data + id_size, scratch->size - id_size) : stored.data;
}

bool evsi_redis_letter_split(const evs_transport *transport, const char *id, evs_bytes *out_name,
                             evs_bytes *out_entry) {
  size_t head = strlen(transport->name);
  const char *last = strrchr(id, '/');
  evsi_redis_id parsed;
  if (strncmp(id, transport->name, head) != 0 || id[head] != '/' || !last || last <= id + head + 1)
    return false;
  *out_name = evsi_bytes(id + head + 1, (size_t)(last - id) - head - 1);
  *out_entry = evsi_text(last + 1);
  return evsi_redis_id_parse(*out_entry, &parsed);
}

static void add_letter(evsi_redis_request *request, const evsi_dead_letter *letter) {
  evsi_buf_add_text(&request->out, request->count++ > 0 ? "," : "");
  evsi_dead_letter_json(letter, &request->out);
}

/* ---- dlq.list --------------------------------------------------------------------------------- */

static void answer_list(evsi_redis_request *request, bool has_more) {
  evsi_buf json = {0};
  evsi_buf_add_text(&json, "{\"items\":[");
  evsi_buf_add(&json, request->out.data, request->out.size);
  evsi_buf_add_text(&json, "],\"next\":");
  if (has_more) {
    evsi_buf cursor = {0};
    evsi_buf_addf(&cursor, "%s/%s", request->streams[request->at].name,
                  request->streams[request->at].position);
    evsi_buf_add_json(&json, cursor.data, cursor.size);
    json.failed |= cursor.failed;
    evsi_buf_free(&cursor);
  } else {
    evsi_buf_add_text(&json, "null");
  }
  evsi_buf_add_text(&json, "}");
  if (json.failed || request->out.failed)
    evsi_redis_request_answer(request, EVS_NOMEM, evsi_text("out of memory"));
  else
    evsi_redis_request_answer(request, EVS_OK, evsi_bytes(json.data, json.size));
  evsi_buf_free(&json);
}

static void on_page(evsi_redis_request *request, uint64_t tag, const evsi_redis_reply *reply) {
  evsi_redis_known *known = &request->streams[tag];
  evsi_buf scratch = {0};
  if (evsi_redis_request_refused(request, reply, "reading dead letters"))
    return;
  for (size_t i = 0; i < reply->count && request->count < request->limit; i++) {
    evsi_dead_letter letter;
    evs_bytes id = evsi_redis_text(evsi_redis_item(evsi_redis_item(reply, i), 0));
    evsi_redis_letter_read(request, evsi_text(known->name), evsi_redis_item(reply, i), &letter, &scratch);
    if (evsi_dead_filter_takes(&request->filter, &letter))
      add_letter(request, &letter);
    snprintf(known->position, sizeof known->position, "%.*s", (int)id.size, id.data);
    request->scanned++;
  }
  request->out.failed |= scratch.failed;
  evsi_buf_free(&scratch);
  if (request->count < request->limit && reply->count < PAGE)
    request->at++; /* the end of this stream */
}

static void read_page(evsi_redis_request *request) {
  if (request->at >= request->stream_count || request->count >= request->limit ||
      request->scanned >= SCAN_MOST) {
    answer_list(request, request->at < request->stream_count);
    return;
  }
  evsi_redis_known *known = &request->streams[request->at];
  evsi_redis_args args = {0};
  char start[EVSI_REDIS_ID_TEXT + 1];
  snprintf(start, sizeof start, "(%s", known->position[0] ? known->position : "0-0");
  if (!known->position[0])
    snprintf(known->position, sizeof known->position, "0-0");
  evsi_redis_arg_text(&args, "XRANGE");
  evsi_redis_arg_text(&args, known->dlq);
  evsi_redis_arg_text(&args, start);
  evsi_redis_arg_text(&args, "+");
  evsi_redis_arg_text(&args, "COUNT");
  evsi_redis_arg_u64(&args, PAGE);
  evsi_redis_request_send(request, &args, on_page, request->at);
}

/* Goes on where the cursor says; a stream that is gone meanwhile is passed over. */
static void seek(evsi_redis_request *request) {
  const char *cursor = evsi_redis_request_text(request, "cursor");
  const char *slash = cursor ? strrchr(cursor, '/') : NULL;
  evsi_redis_id id;
  request->step = read_page;
  if (!cursor)
    return;
  if (!slash || !evsi_redis_id_parse(evsi_text(slash + 1), &id)) {
    evsi_redis_request_answer(request, EVS_VALIDATION,
                              evsi_text("cursor is not one that a former page gave as next"));
    return;
  }
  size_t size = (size_t)(slash - cursor);
  for (; request->at < request->stream_count; request->at++) {
    evsi_redis_known *known = &request->streams[request->at];
    int order = strncmp(known->name, cursor, size);
    if (order == 0 && strlen(known->name) == size)
      snprintf(known->position, sizeof known->position, "%s", slash + 1);
    if (order > 0 || (order == 0 && strlen(known->name) >= size))
      return;
  }
}

void evsi_redis_request_dlq_list(evsi_redis_request *request) {
  evs_error *error = NULL;
  char *text = evsi_json_text(request->params);
  evs_status status = text ? evsi_dead_filter_load(&request->filter, text, &error) : EVS_NOMEM;
  evsi_free(text);
  request->limit = evsi_redis_request_number(request, "limit", LIMIT_DEFAULT, LIMIT_MOST);
  if (status != EVS_OK)
    evsi_redis_request_answer(request, status, evsi_text(error ? evs_error_message(error) : "out of memory"));
  else
    evsi_redis_request_streams(request, seek);
  evs_error_free(error);
}

/* ---- dlq.get ---------------------------------------------------------------------------------- */

static void not_found(evsi_redis_request *request, const char *id) {
  char text[512];
  snprintf(text, sizeof text, "no dead letter %.300s: it was requeued or discarded, or never there", id);
  evsi_redis_request_answer(request, EVS_NOT_FOUND, evsi_text(text));
}

static void on_letter(evsi_redis_request *request, uint64_t tag, const evsi_redis_reply *reply) {
  const char *id = evsi_redis_request_text(request, "id");
  evsi_dead_letter letter;
  evsi_buf scratch = {0};
  evs_bytes name, entry;
  (void)tag;
  if (evsi_redis_request_refused(request, reply, "reading a dead letter"))
    return;
  if (reply->count == 0 || !evsi_redis_letter_split(request->transport, id, &name, &entry)) {
    not_found(request, id);
    return;
  }
  evsi_redis_letter_read(request, name, evsi_redis_item(reply, 0), &letter, &scratch);
  evsi_dead_letter_json(&letter, &request->out);
  if (request->out.failed || scratch.failed)
    evsi_redis_request_answer(request, EVS_NOMEM, evsi_text("out of memory"));
  else
    evsi_redis_request_answer(request, EVS_OK, evsi_bytes(request->out.data, request->out.size));
  evsi_buf_free(&scratch);
}

void evsi_redis_request_dlq_get(evsi_redis_request *request) {
  const char *id = evsi_redis_request_text(request, "id");
  evs_bytes name, entry;
  evsi_redis_args args = {0};
  if (!id) {
    evsi_redis_request_answer(request, EVS_VALIDATION, evsi_text("dlq.get needs the id of a dead letter"));
    return;
  }
  if (!evsi_redis_letter_split(request->transport, id, &name, &entry)) {
    not_found(request, id);
    return;
  }
  char *key = evsi_redis_key(request->transport->config.dlq_prefix, name, "");
  evsi_redis_arg_text(&args, "XRANGE");
  evsi_redis_arg_text(&args, key ? key : "");
  evsi_redis_arg_bytes(&args, entry);
  evsi_redis_arg_bytes(&args, entry);
  evsi_redis_request_send(request, &args, on_letter, 0);
  evsi_free(key);
}
