/* SPDX-License-Identifier: MIT
 * redis_requeue.c - the requests `dlq.requeue` and `dlq.discard`, by ids or by filter, in pages. Each letter
 * is changed by one script or command of its own, so repeating a request repeats nothing. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/json_text.h"
#include "transport/redis/redis_entry.h"
#include "transport/redis/redis_request.h"

enum { PAGE = 100, LIMIT_DEFAULT = 10000, LIMIT_MOST = 1000000, RESULTS_MOST = 10000 };

static void add_result(evsi_redis_request *request, const char *id, const char *outcome, const char *key,
                       evs_bytes value) {
  if (strcmp(outcome, "requeued") == 0 || strcmp(outcome, "discarded") == 0)
    request->done++;
  if (json_array_size(request->result) >= RESULTS_MOST)
    return; /* the counts go on */
  json_t *result = json_pack("{s:s,s:s}", "id", id, "outcome", outcome);
  if (key)
    json_object_set_new(result, key, json_stringn(value.data ? value.data : "", value.size));
  json_array_append_new(request->result, result);
}

/* ---- one letter ------------------------------------------------------------------------------- */

/* What the answers need; kept in a list so that tags can name them. */
static const char *id_of(const evsi_redis_request *request, uint64_t tag) {
  return json_string_value(json_array_get(request->ids, (size_t)tag));
}

static void on_changed(evsi_redis_request *request, uint64_t tag, const evsi_redis_reply *reply) {
  const evsi_redis_reply *word = evsi_redis_item(reply, 0);
  const char *id = id_of(request, tag);
  if (reply->type == EVSI_REDIS_INTEGER)
    add_result(request, id, reply->integer > 0 ? "discarded" : "not_found", NULL, evsi_bytes(NULL, 0));
  else if (evsi_redis_is(word, "OK"))
    add_result(request, id, "requeued", "offset", evsi_redis_text(evsi_redis_item(reply, 1)));
  else if (evsi_redis_is(word, "AGAIN"))
    add_result(request, id, "already_requeued", NULL, evsi_bytes(NULL, 0));
  else if (evsi_redis_is(word, "NONE"))
    add_result(request, id, "not_found", NULL, evsi_bytes(NULL, 0));
  else if (evsi_redis_is(word, "EMPTY"))
    add_result(request, id, "error", "message",
               evsi_text("its body was removed from the stream before it died: nothing is left to requeue"));
  else
    add_result(request, id, "error", "message",
               reply->type == EVSI_REDIS_ERROR ? reply->text
                                               : evsi_text("the server gave an unexpected answer"));
}

static void discard(evsi_redis_request *request, evs_bytes name, evs_bytes entry, uint64_t tag) {
  evsi_redis_args args = {0};
  char *key = evsi_redis_key(request->transport->config.dlq_prefix, name, "");
  evsi_redis_arg_text(&args, "XDEL");
  evsi_redis_arg_text(&args, key ? key : "");
  evsi_redis_arg_bytes(&args, entry);
  evsi_redis_request_send(request, &args, on_changed, tag);
  evsi_free(key);
}

/* letter NULL: it is not there; the script knows whether it was requeued before. */
static void requeue(evsi_redis_request *request, evs_bytes name, evs_bytes entry,
                    const evsi_dead_letter *letter, uint64_t tag) {
  const evsi_redis_config *config = &request->transport->config;
  evsi_redis_args args = {0};
  char *dlq = evsi_redis_key(config->dlq_prefix, name, "");
  char *stream = evsi_redis_key(config->stream_prefix, name, "");
  char *requeued = evsi_redis_key("evs:requeued:", name, "");
  char *field = letter ? evsi_dead_letter_requeue(letter, request->all_groups) : evsi_strdup("");
  if (dlq && stream && requeued && field) {
    evsi_redis_arg_text(&args, dlq);
    evsi_redis_arg_text(&args, stream);
    evsi_redis_arg_text(&args, requeued);
    evsi_redis_arg_bytes(&args, entry);
    evsi_redis_arg_text(&args, field);
    evsi_redis_request_call(request, 3, &args, on_changed, tag);
  } else {
    evsi_redis_request_answer(request, EVS_NOMEM, evsi_text("out of memory"));
  }
  evsi_free(dlq);
  evsi_free(stream);
  evsi_free(requeued);
  evsi_free(field);
}

/* ---- by ids ----------------------------------------------------------------------------------- */

static void answer(evsi_redis_request *request) {
  json_t *document = json_pack("{s:I,s:O}", request->is_discard ? "discarded" : "requeued",
                               (json_int_t)request->done, "results", request->result);
  evsi_redis_request_json(request, document);
  json_decref(document);
}

static void on_letter(evsi_redis_request *request, uint64_t tag, const evsi_redis_reply *reply) {
  evsi_dead_letter letter;
  evsi_buf scratch = {0};
  evs_bytes name, entry;
  if (evsi_redis_request_refused(request, reply, "reading a dead letter") ||
      !evsi_redis_letter_split(request->transport, id_of(request, tag), &name, &entry))
    return;
  if (reply->count > 0)
    evsi_redis_letter_read(request, name, evsi_redis_item(reply, 0), &letter, &scratch);
  requeue(request, name, entry, reply->count > 0 ? &letter : NULL, tag);
  evsi_buf_free(&scratch);
}

static void change_ids(evsi_redis_request *request) {
  size_t total = json_array_size(request->ids);
  size_t end = request->at + PAGE < total ? request->at + PAGE : total;
  if (request->at >= total) {
    answer(request);
    return;
  }
  for (; request->at < end && !request->is_answered; request->at++) {
    const char *id = id_of(request, request->at);
    evs_bytes name, entry;
    if (!id || !evsi_redis_letter_split(request->transport, id, &name, &entry)) {
      add_result(request, id ? id : "", "not_found", NULL, evsi_bytes(NULL, 0));
      continue;
    }
    if (request->is_discard) {
      discard(request, name, entry, request->at);
      continue;
    }
    char *key = evsi_redis_key(request->transport->config.dlq_prefix, name, "");
    evsi_redis_args args = {0};
    evsi_redis_arg_text(&args, "XRANGE");
    evsi_redis_arg_text(&args, key ? key : "");
    evsi_redis_arg_bytes(&args, entry);
    evsi_redis_arg_bytes(&args, entry);
    evsi_redis_request_send(request, &args, on_letter, request->at);
    evsi_free(key);
  }
}

/* ---- by filter -------------------------------------------------------------------------------- */

static void on_page(evsi_redis_request *request, uint64_t tag, const evsi_redis_reply *reply) {
  evsi_redis_known *known = &request->streams[tag];
  evs_bytes name = evsi_text(known->name);
  evsi_buf scratch = {0};
  if (evsi_redis_request_refused(request, reply, "reading dead letters"))
    return;
  for (size_t i = 0; i < reply->count && request->count < request->limit && !request->is_answered; i++) {
    const evsi_redis_reply *item = evsi_redis_item(reply, i);
    evs_bytes entry = evsi_redis_text(evsi_redis_item(item, 0));
    evsi_dead_letter letter;
    evsi_redis_letter_read(request, name, item, &letter, &scratch);
    snprintf(known->position, sizeof known->position, "%.*s", (int)entry.size, entry.data);
    if (!evsi_dead_filter_takes(&request->filter, &letter))
      continue;
    request->count++;
    json_array_append_new(request->ids, json_stringn(letter.id.data, letter.id.size));
    uint64_t at = json_array_size(request->ids) - 1;
    if (request->is_discard)
      discard(request, name, entry, at);
    else
      requeue(request, name, entry, &letter, at);
  }
  evsi_buf_free(&scratch);
  if (reply->count < PAGE)
    request->at++;
}

static void change_page(evsi_redis_request *request) {
  if (request->at >= request->stream_count || request->count >= request->limit) {
    answer(request);
    return;
  }
  evsi_redis_known *known = &request->streams[request->at];
  evsi_redis_args args = {0};
  char start[EVSI_REDIS_ID_TEXT + 1];
  snprintf(start, sizeof start, "(%s", known->position[0] ? known->position : "0-0");
  evsi_redis_arg_text(&args, "XRANGE");
  evsi_redis_arg_text(&args, known->dlq);
  evsi_redis_arg_text(&args, start);
  evsi_redis_arg_text(&args, "+");
  evsi_redis_arg_text(&args, "COUNT");
  evsi_redis_arg_u64(&args, PAGE);
  evsi_redis_request_send(request, &args, on_page, request->at);
}

/* ---- starting --------------------------------------------------------------------------------- */

static evs_status load_filter(evsi_redis_request *request, const json_t *filter, evs_error **out_error) {
  char *text = evsi_json_text(filter);
  evs_status status =
      text ? evsi_dead_filter_load(&request->filter, text, out_error) : evsi_error_nomem(out_error);
  evsi_free(text);
  return status;
}

static void change(evsi_redis_request *request) {
  json_t *ids = json_object_get(request->params, "ids"), *filter = json_object_get(request->params, "filter");
  evs_error *error = NULL;
  request->limit = evsi_redis_request_number(request, "limit", LIMIT_DEFAULT, LIMIT_MOST);
  request->all_groups = json_is_true(json_object_get(request->params, "allGroups"));
  request->result = json_array();
  if (json_is_array(ids)) {
    request->ids = json_incref(ids);
    request->step = change_ids;
  } else if (!json_is_object(filter)) {
    evsi_redis_request_answer(request, EVS_VALIDATION,
                              evsi_text("give either ids, a list of texts, or a filter"));
  } else if (load_filter(request, filter, &error) != EVS_OK) {
    evsi_redis_request_answer(request, evs_error_status(error), evsi_text(evs_error_message(error)));
  } else {
    request->ids = json_array();
    evsi_redis_request_streams(request, change_page);
  }
  evs_error_free(error);
}

void evsi_redis_request_dlq_requeue(evsi_redis_request *request) {
  change(request);
}

void evsi_redis_request_dlq_discard(evsi_redis_request *request) {
  request->is_discard = true;
  change(request);
}
