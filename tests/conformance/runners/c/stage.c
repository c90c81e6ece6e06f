/* SPDX-License-Identifier: MIT
 * stage.c - see stage.h. */
#include "stage.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "message.h"
#include "support/until.h"

enum { TAKE_MAX = 64, TAKE_MS = 2 };

void stage_begin(test_stage *stage) {
  memset(stage, 0, sizeof *stage);
  stage->runs = json_array();
  stage->reports = json_object();
  stage->listed = json_array();
  stage->lines = json_array();
  stage->next_token = 1;
}

static void close_system(test_stage *stage, test_system *at) {
  if (!at->is_closed && evs_system_close(at->system, 2000, NULL) == EVS_OK)
    json_decref(stage_await(stage, at, EVS_REPORT_CLOSED, 0));
  evs_system_release(at->system);
  json_decref(at->transports);
  ledger_end(&at->ledger);
}

void stage_end(test_stage *stage) {
  for (size_t i = 0; i < stage->hung_count; i++)
    evs_ack(stage->hung[i].system, &stage->hung[i].delivery, 1, NULL, NULL);
  stage->hung_count = 0;
  for (size_t i = 0; i < stage->system_count; i++)
    close_system(stage, &stage->systems[i]);
  for (size_t i = 0; i < stage->handler_count; i++) {
    json_decref(stage->handlers[i].plan);
    json_decref(stage->handlers[i].runs);
  }
  json_decref(stage->runs);
  json_decref(stage->reports);
  json_decref(stage->listed);
  json_decref(stage->lines);
  json_decref(stage->operation);
}

json_t *stage_error(evs_error *error) {
  json_t *root = json_loads(evs_error_json(error), 0, NULL);
  evs_error_free(error);
  test_require(root != NULL, "an error has JSON");
  return root;
}

json_t *stage_error_of(const json_t *report) {
  json_t *error = json_copy(json_object_get(report, "detail"));
  if (!json_is_object(error))
    error = json_pack("{s:O, s:O}", "code", json_object_get(report, "status"), "message",
                      json_object_get(report, "message"));
  json_object_set(error, "outcome", json_object_get(report, "outcome"));
  return error;
}

test_system *stage_find(test_stage *stage, const char *name) {
  for (size_t i = 0; i < stage->system_count; i++)
    if (strcmp(stage->systems[i].name, name) == 0)
      return &stage->systems[i];
  return NULL;
}

static json_t *names_of(const json_t *object) {
  json_t *names = json_array();
  const char *name;
  json_t *value;
  json_object_foreach((json_t *)object, name, value) json_array_append_new(names, json_string(name));
  return names;
}

json_t *stage_open(test_stage *stage, const char *name, const json_t *config) {
  evs_system *system = NULL;
  evs_error *error = NULL;
  char *text = json_dumps(config, JSON_COMPACT);
  evs_status status = evs_system_open(text, strlen(text), &system, &error);
  free(text);
  if (status != EVS_OK)
    return stage_error(error);
  test_require(stage->system_count < STAGE_SYSTEMS_MAX, "room for a system");
  stage->systems[stage->system_count++] = (test_system){
      .name = name, .system = system, .transports = names_of(json_object_get(config, "transports"))};
  ledger_begin(&stage->systems[stage->system_count - 1].ledger, config);
  return NULL;
}

json_t *stage_subscribe(test_stage *stage, test_system *at, const json_t *options, test_handler handler) {
  evs_error *error = NULL;
  char *text = json_dumps(options, JSON_COMPACT);
  evs_status status = evs_subscribe(at->system, text, strlen(text), &handler.token, &error);
  free(text);
  if (status != EVS_OK)
    return stage_error(error);
  test_require(stage->handler_count < STAGE_HANDLERS_MAX, "room for a handler");
  handler.at = at;
  json_incref(handler.plan);
  handler.runs = json_object();
  stage->handlers[stage->handler_count++] = handler;
  return NULL;
}

test_handler *stage_handler_named(test_stage *stage, const char *name) {
  test_handler *newest = NULL;
  for (size_t i = 0; i < stage->handler_count; i++)
    if (strcmp(stage->handlers[i].name, name) == 0)
      newest = &stage->handlers[i];
  return newest;
}

/* ---- handlers --------------------------------------------------------------------------------- */

static json_int_t timed_out(evs_system *system) {
  char *text = NULL;
  if (evs_system_stats(system, &text, NULL) != EVS_OK)
    return JSON_INTEGER_IS_LONG_LONG ? INT64_MAX : INT32_MAX;
  json_t *stats = json_loads(text, 0, NULL);
  evs_string_free(text);
  json_int_t count =
      json_integer_value(json_object_get(json_object_get(stats, "consumer"), "timedOutMessages"));
  json_decref(stats);
  return count;
}

static void hang(test_stage *stage, test_system *at, uint64_t delivery) {
  test_require(stage->hung_count < STAGE_HUNG_MAX, "room for a handler that hangs");
  stage->hung[stage->hung_count++] = (test_hung){at->system, delivery, ++at->hang_count};
}

/* Handlers whose time limit was counted end now; their success comes too late. */
static void end_hung(test_stage *stage) {
  for (size_t i = 0; i < stage->hung_count;) {
    test_hung *each = &stage->hung[i];
    if (timed_out(each->system) < each->number) {
      i++;
      continue;
    }
    evs_ack(each->system, &each->delivery, 1, NULL, NULL);
    *each = stage->hung[--stage->hung_count];
  }
}

static const json_t *next_word(test_handler *handler, const json_t *run) {
  const char *id = json_string_value(json_object_get(run, "id"));
  const json_t *plan = handler->plan;
  if (json_is_object(plan)) {
    const json_t *own = json_object_get(plan, json_string_value(json_object_get(run, "type")));
    plan = own ? own : json_object_get(plan, "*");
  }
  json_int_t before = json_integer_value(json_object_get(handler->runs, id));
  json_object_set_new(handler->runs, id, json_integer(before + 1));
  size_t count = json_array_size(plan);
  return count ? json_array_get(plan, (size_t)before < count ? (size_t)before : count - 1) : NULL;
}

static evs_bytes text_or(const json_t *text, const char *otherwise) {
  const char *value = json_is_string(text) ? json_string_value(text) : otherwise;
  return (evs_bytes){value, strlen(value)};
}

static void perform(test_stage *stage, test_system *at, uint64_t delivery, const json_t *word) {
  const char *plain = json_is_string(word) ? json_string_value(word) : json_is_object(word) ? "" : "succeed";
  const json_t *error = json_object_get(word, "fail");
  evs_failure failure = {.struct_size = sizeof failure, .kind = EVS_FAIL_RETRY, .delivery = delivery};
  if (strcmp(plain, "hang") == 0) {
    hang(stage, at, delivery);
    return;
  }
  if (strcmp(plain, "succeed") == 0) {
    evs_ack(at->system, &delivery, 1, NULL, NULL);
    return;
  }
  failure.error_class = text_or(json_object_get(error, "class"), "Failed");
  failure.message = text_or(json_object_get(error, "message"), "it failed");
  if (json_object_get(word, "reject")) {
    failure.kind = EVS_FAIL_REJECT;
    failure.error_class = text_or(NULL, "Reject");
    failure.message = text_or(json_object_get(word, "reject"), "");
  } else if (json_object_get(word, "later")) {
    failure.kind = EVS_FAIL_LATER;
    failure.delay_ms = (uint64_t)json_integer_value(json_object_get(word, "later"));
  }
  evs_fail(at->system, &failure, 1, NULL, NULL);
}

static void handle(test_stage *stage, test_system *at, const evs_message *message) {
  test_handler *handler = NULL;
  for (size_t i = 0; i < stage->handler_count; i++)
    if (stage->handlers[i].at == at && stage->handlers[i].token == message->subscription)
      handler = &stage->handlers[i];
  test_require(handler != NULL, "a message is for a subscription of this scenario");
  json_t *run = message_json(message);
  json_object_set_new(run, "handler", json_string(handler->name));
  json_object_set_new(run, "at", json_string(at->name));
  json_array_append(stage->runs, run);
  const json_t *word = next_word(handler, run);
  ledger_ran(&at->ledger, run, word);
  perform(stage, at, message->delivery, word);
  json_decref(run);
}

/* ---- records ---------------------------------------------------------------------------------- */

static void key_of(char key[64], const test_system *at, uint32_t kind, uint64_t token) {
  snprintf(key, 64, "%.20s:%u:%llu", at->name, kind, (unsigned long long)token);
}

static void take(test_stage *stage, test_system *at) {
  evs_batch *batch = NULL;
  size_t count = 0;
  char key[64];
  if (evs_poll(at->system, EVS_POLL_MESSAGES | EVS_POLL_REPORTS, TAKE_MAX, TAKE_MS, &batch, NULL) != EVS_OK)
    return;
  const evs_message *messages = evs_batch_messages(batch, &count);
  for (size_t i = 0; i < count; i++)
    handle(stage, at, &messages[i]);
  const evs_report *reports = evs_batch_reports(batch, &count);
  for (size_t i = 0; i < count; i++) {
    key_of(key, at, reports[i].kind, reports[i].token);
    json_object_set_new(stage->reports, key, report_json(&reports[i]));
  }
  evs_batch_release(batch);
}

void stage_pump(test_stage *stage) {
  end_hung(stage);
  for (size_t i = 0; i < stage->system_count; i++)
    if (!stage->systems[i].is_closed)
      take(stage, &stage->systems[i]);
}

json_t *stage_await(test_stage *stage, test_system *at, uint32_t kind, uint64_t token) {
  char key[64], last[64];
  key_of(key, at, kind, token);
  key_of(last, at, EVS_REPORT_CLOSED, 0);
  while (!json_object_get(stage->reports, key) && !json_object_get(stage->reports, last))
    stage_pump(stage);
  at->is_closed = json_object_get(stage->reports, last) != NULL;
  json_t *report = json_incref(json_object_get(stage->reports, key));
  if (kind != EVS_REPORT_CLOSED)
    json_object_del(stage->reports, key);
  return report;
}
