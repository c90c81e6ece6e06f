/* SPDX-License-Identifier: MIT
 * redis_job_store.c - the requests `job.list`, `job.create`, `job.write`, `job.beat`, `job.claim`,
 * `job.forget` and `job.audit` of the operations engine: what stands in evs:operations. Moving letters:
 * redis_jobs.c. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json_text.h"
#include "transport/redis/redis_audit.h"
#include "transport/redis/redis_entry.h"
#include "transport/redis/redis_jobs.h"

/* ---- calling the script ------------------------------------------------------------------------ */

static void put_text(evsi_redis_args *args, const json_t *value) {
  evsi_redis_arg(args, json_is_string(value) ? json_string_value(value) : "", json_string_length(value));
}

static void put_json(evsi_redis_args *args, const json_t *value) {
  char *text = value ? evsi_json_text(value) : NULL;
  args->body.failed |= text == NULL;
  evsi_redis_arg_text(args, text ? text : "");
  evsi_free(text);
}

static evsi_redis_request_script begin(const evsi_redis_request *request, const char *verb,
                                       const json_t *id) {
  evsi_redis_request_script call = {.script = EVSI_REDIS_JOBS, .keys = 1};
  evsi_redis_arg_text(&call.args, request->transport->config.layout.operations);
  evsi_redis_arg_text(&call.args, verb);
  put_text(&call.args, id);
  return call;
}

static const json_t *given(const evsi_redis_request *request, const char *name) {
  return json_object_get(request->params, name);
}

static bool is_ok(const evsi_redis_reply *reply) {
  return evsi_redis_is(evsi_redis_item(reply, 0), "OK");
}

static void answer(evsi_redis_request *request, json_t *document) {
  evsi_redis_request_json(request, document);
  json_decref(document);
}

/* ---- create, write, beat, claim, forget -------------------------------------------------------- */

static void on_created(evsi_redis_request *request, uint64_t tag, const evsi_redis_reply *reply) {
  evs_bytes id = evsi_redis_text(evsi_redis_item(reply, 1));
  (void)tag;
  if (!evsi_redis_request_refused(request, reply, "writing operations"))
    answer(request, json_pack("{s:o,s:b}", "id", json_stringn(id.data ? id.data : "", id.size), "isNew",
                              is_ok(reply)));
}

static void on_written(evsi_redis_request *request, uint64_t tag, const evsi_redis_reply *reply) {
  (void)tag;
  if (!evsi_redis_request_refused(request, reply, "writing operations"))
    answer(request, json_pack("{s:b,s:b}", "isWritten", is_ok(reply), "isClaimed", is_ok(reply)));
}

static json_t *load(evs_bytes text) {
  json_t *value = evsi_json_load(text, 0, NULL);
  return value ? value : json_null();
}

static void on_beaten(evsi_redis_request *request, uint64_t tag, const evsi_redis_reply *reply) {
  (void)tag;
  if (!evsi_redis_request_refused(request, reply, "writing operations"))
    answer(request, json_pack("{s:b,s:I,s:o}", "isOwner", is_ok(reply), "version",
                              (json_int_t)evsi_redis_integer(evsi_redis_item(reply, 1)), "document",
                              load(evsi_redis_text(evsi_redis_item(reply, 2)))));
}

void evsi_redis_request_job_create(evsi_redis_request *request) {
  evsi_redis_request_script call = begin(request, "create", given(request, "id"));
  put_json(&call.args, given(request, "document"));
  put_text(&call.args, given(request, "owner"));
  put_text(&call.args, given(request, "key"));
  evsi_redis_request_call(request, &call, on_created, 0);
}

void evsi_redis_request_job_write(evsi_redis_request *request) {
  evsi_redis_request_script call = begin(request, "write", given(request, "id"));
  evsi_redis_arg_u64(&call.args, (uint64_t)json_integer_value(given(request, "version")));
  put_json(&call.args, given(request, "document"));
  evsi_redis_request_call(request, &call, on_written, 0);
}

void evsi_redis_request_job_beat(evsi_redis_request *request) {
  evsi_redis_request_script call = begin(request, "beat", given(request, "id"));
  put_text(&call.args, given(request, "owner"));
  put_json(&call.args, given(request, "progress"));
  evsi_redis_request_call(request, &call, on_beaten, 0);
}

void evsi_redis_request_job_claim(evsi_redis_request *request) {
  evsi_redis_request_script call = begin(request, "claim", given(request, "id"));
  put_text(&call.args, given(request, "beat"));
  put_text(&call.args, given(request, "owner"));
  evsi_redis_request_call(request, &call, on_written, 0);
}

static void on_forgotten(evsi_redis_request *request, uint64_t tag, const evsi_redis_reply *reply) {
  (void)tag;
  evsi_redis_request_refused(request, reply, "writing operations");
}

static void done(evsi_redis_request *request) {
  answer(request, json_object());
}

void evsi_redis_request_job_forget(evsi_redis_request *request) {
  size_t i;
  json_t *id;
  request->step = done;
  json_array_foreach(given(request, "ids"), i, id) {
    evsi_redis_request_script call = begin(request, "forget", id);
    evsi_redis_request_call(request, &call, on_forgotten, 0);
  }
}

/* ---- list ------------------------------------------------------------------------------------- */

static void answer_list(evsi_redis_request *request, json_t *jobs) {
  answer(request, json_pack("{s:o,s:I}", "jobs", jobs, "sessionTimeout",
                            (json_int_t)request->transport->config.session_timeout_ms));
}

static json_t *text_json(evs_bytes text) {
  return json_stringn(text.data ? text.data : "", text.size);
}

/* A row from the five values of one operation. */
static json_t *row_of(evs_bytes id, const evs_bytes values[4]) {
  json_t *document = load(values[0]);
  if (!json_is_object(document)) {
    json_decref(document);
    return NULL;
  }
  json_t *version = text_json(values[1]);
  json_t *row = json_pack("{s:o,s:o,s:I,s:o,s:o}", "id", text_json(id), "document", document, "version",
                          (json_int_t)strtoll(json_string_value(version), NULL, 10), "beat",
                          text_json(values[2]), "progress", load(values[3]));
  json_decref(version);
  return row;
}

static void on_all(evsi_redis_request *request, uint64_t tag, const evsi_redis_reply *reply) {
  static const char *const parts[] = {"", ":v", ":b", ":p"};
  json_t *jobs = json_array();
  (void)tag;
  for (size_t i = 0; i + 1 < reply->count; i += 2) {
    evs_bytes id = evsi_redis_text(evsi_redis_item(reply, i)), values[4];
    if (id.size == 0 || id.size > 64 || memchr(id.data, ':', id.size))
      continue;
    for (size_t p = 0; p < sizeof parts / sizeof parts[0]; p++) {
      char field[80];
      snprintf(field, sizeof field, "%.*s%s", (int)id.size, id.data, parts[p]);
      values[p] = evsi_redis_field(reply, field);
    }
    json_t *row = row_of(id, values);
    if (row)
      json_array_append_new(jobs, row);
  }
  if (evsi_redis_request_refused(request, reply, "reading operations"))
    json_decref(jobs);
  else
    answer_list(request, jobs);
}

static void on_one(evsi_redis_request *request, uint64_t tag, const evsi_redis_reply *reply) {
  const json_t *id = given(request, "id");
  evs_bytes values[4];
  (void)tag;
  if (evsi_redis_request_refused(request, reply, "reading operations"))
    return;
  for (size_t p = 0; p < sizeof values / sizeof values[0]; p++)
    values[p] = evsi_redis_text(evsi_redis_item(reply, p));
  json_t *row = row_of(evsi_bytes(json_string_value(id), json_string_length(id)), values);
  json_t *jobs = json_array();
  if (row)
    json_array_append_new(jobs, row);
  answer_list(request, jobs);
}

void evsi_redis_request_job_list(evsi_redis_request *request) {
  static const char *const parts[] = {"", ":v", ":b", ":p"};
  const char *id = evsi_redis_request_text(request, "id");
  evsi_redis_args args = {0};
  evsi_redis_arg_text(&args, id ? "HMGET" : "HGETALL");
  evsi_redis_arg_text(&args, request->transport->config.layout.operations);
  for (size_t p = 0; id && p < sizeof parts / sizeof parts[0]; p++) {
    char field[80];
    snprintf(field, sizeof field, "%.64s%s", id, parts[p]);
    evsi_redis_arg_text(&args, field);
  }
  evsi_redis_request_send(request, &args, id ? on_one : on_all, 0);
}

/* ---- audit ------------------------------------------------------------------------------------ */

void evsi_redis_request_job_audit(evsi_redis_request *request) {
  const char *action = evsi_redis_request_text(request, "action");
  const char *result = evsi_redis_request_text(request, "result");
  const evsi_redis_audit_row row = {.action = action ? action : "",
                                    .scope = json_deep_copy(given(request, "scope")),
                                    .count = evsi_redis_request_number(request, "count", 0, UINT64_MAX),
                                    .result = result ? result : "",
                                    .operation = evsi_redis_request_text(request, "operation")};
  request->step = done;
  evsi_redis_audit(request, &row);
}
