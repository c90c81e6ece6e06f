/* SPDX-License-Identifier: MIT
 * host.c - see host.h. */
#include "support/host.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/until.h"

enum { CALL_MS = 30000, PART = 250 };

static void must(evs_status status, evs_error *error, const char *what) {
  if (status == EVS_OK)
    return;
  char text[1024];
  snprintf(text, sizeof text, "%s: %s", what, evs_error_json(error));
  evs_error_free(error);
  fail_msg("%s", text);
}

static char *format_text(const char *format, va_list arguments) {
  char *text = NULL;
  test_require(vasprintf(&text, format, arguments) >= 0, "memory for a text");
  return text;
}

static evs_system *open_text(char *config) {
  evs_system *system = NULL;
  evs_error *error = NULL;
  evs_status status = evs_system_open(config, strlen(config), &system, &error);
  free(config);
  must(status, error, "open");
  return system;
}

evs_system *host_open(const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  char *config = format_text(format, arguments);
  va_end(arguments);
  return open_text(config);
}

evs_system *host_connect(const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  char *config = format_text(format, arguments);
  va_end(arguments);
  evs_system *system = open_text(config);
  json_decref(host_call(system, "connect", "{}"));
  return system;
}

void host_close(evs_system *system, uint32_t deadline_ms) {
  host_report last;
  evs_error *error = NULL;
  must(evs_system_close(system, deadline_ms, &error), error, "close");
  test_require(host_report_of(system, EVS_REPORT_CLOSED, &last, CALL_MS), "the last record came");
  evs_system_release(system);
}

json_t *host_call(evs_system *system, const char *method, const char *params, ...) {
  char *answer = NULL;
  evs_error *error = NULL;
  va_list arguments;
  va_start(arguments, params);
  char *text = format_text(params, arguments);
  va_end(arguments);
  evs_status status = evs_call(system, method, text, strlen(text), CALL_MS, &answer, &error);
  free(text);
  must(status, error, method);
  json_t *root = json_loads(answer, JSON_DECODE_ANY, NULL);
  evs_string_free(answer);
  test_require(root != NULL, "an answer is JSON");
  return root;
}

void host_ready(evs_system *system) {
  json_decref(host_call(system, "ready", "{}"));
}

uint64_t host_subscribe(evs_system *system, const char *format, ...) {
  uint64_t token = 0;
  evs_error *error = NULL;
  va_list arguments;
  va_start(arguments, format);
  char *text = format_text(format, arguments);
  va_end(arguments);
  evs_status status = evs_subscribe(system, text, strlen(text), &token, &error);
  free(text);
  must(status, error, "subscribe");
  return token;
}

evs_bytes host_bytes(const char *text) {
  return (evs_bytes){text, text ? strlen(text) : 0};
}

evs_event host_event(const char *type, const char *body) {
  return (evs_event){.struct_size = sizeof(evs_event), .type = host_bytes(type), .body = host_bytes(body)};
}

#define COPY(to, from) snprintf(to, sizeof(to), "%.*s", (int)(from).size, (from).size ? (from).data : "")

static host_report copy_report(const evs_report *from) {
  host_report report = {
      .token = from->token, .status = from->status, .outcome = from->outcome, .attempts = from->attempts};
  report.acknowledgement = from->acknowledgement;
  report.is_duplicate = from->is_duplicate;
  COPY(report.id, from->id);
  COPY(report.topic, from->topic);
  COPY(report.offset, from->offset);
  bool is_told = from->kind == EVS_REPORT_LOG || from->kind == EVS_REPORT_TRANSPORT;
  COPY(report.message, is_told ? from->detail : from->message);
  return report;
}

host_report host_try(evs_system *system, const evs_event *event) {
  evs_batch *batch = NULL;
  evs_error *error = NULL;
  size_t count = 0;
  must(evs_publish_wait(system, event, 1, CALL_MS, &batch, &error), error, "publish");
  const evs_report *reports = evs_batch_reports(batch, &count);
  test_require(count == 1, "one report for one event");
  host_report report = copy_report(reports);
  evs_batch_release(batch);
  return report;
}

host_report host_publish(evs_system *system, const char *type, const char *body) {
  evs_event event = host_event(type, body);
  host_report report = host_try(system, &event);
  if (report.outcome != EVS_OUTCOME_STORED)
    fail_msg("%s was not stored: %s", type, report.message);
  return report;
}

/* Types in turn, and keys in turn; key_count 0: without keys. */
typedef struct turns {
  const char *const *types;
  int type_count, key_count;
} turns;

static void publish_part(evs_system *system, const turns *in_turn, int from, int count) {
  evs_event events[PART];
  char ids[PART][16], bodies[PART][16], keys[PART][16];
  evs_batch *batch = NULL;
  evs_error *error = NULL;
  size_t reported = 0;
  for (int i = 0; i < count; i++) {
    snprintf(ids[i], sizeof ids[i], "e-%d", from + i);
    snprintf(bodies[i], sizeof bodies[i], "%d", from + i);
    events[i] = host_event(in_turn->types[(from + i) % in_turn->type_count], bodies[i]);
    events[i].id = host_bytes(ids[i]);
    if (in_turn->key_count == 0)
      continue;
    snprintf(keys[i], sizeof keys[i], "k-%d", (from + i) % in_turn->key_count);
    events[i].key = host_bytes(keys[i]);
  }
  must(evs_publish_wait(system, events, (size_t)count, CALL_MS, &batch, &error), error, "publish");
  const evs_report *reports = evs_batch_reports(batch, &reported);
  test_require(reported == (size_t)count, "a report for each event");
  for (size_t i = 0; i < reported; i++) {
    if (reports[i].outcome != EVS_OUTCOME_STORED)
      fail_msg("an event was not stored: %.*s", (int)reports[i].message.size, reports[i].message.data);
  }
  evs_batch_release(batch);
}

static void publish_parts(evs_system *system, const turns *in_turn, int from, int count) {
  for (int done = 0; done < count; done += PART)
    publish_part(system, in_turn, from + done, count - done < PART ? count - done : PART);
}

void host_publish_many(evs_system *system, const char *const *types, int type_count, int from, int count) {
  publish_parts(system, &(turns){types, type_count, 0}, from, count);
}

void host_publish_keyed(evs_system *system, const char *type, int keys, int from, int count) {
  publish_parts(system, &(turns){&type, 1, keys}, from, count);
}

static void copy_message(const evs_message *from, host_message *out) {
  *out = (host_message){.subscription = from->subscription,
                        .delivery = from->delivery,
                        .attempt = from->attempt,
                        .deliveries = from->deliveries};
  COPY(out->id, from->id);
  COPY(out->type, from->type);
  COPY(out->group, from->group);
  COPY(out->pattern, from->pattern);
  COPY(out->topic, from->topic);
  COPY(out->offset, from->offset);
  COPY(out->content_type, from->content_type);
  COPY(out->origin, from->origin);
  COPY(out->body, from->body);
  COPY(out->headers, from->headers);
  COPY(out->requeue, from->requeue);
  COPY(out->version, from->version);
  COPY(out->validation, from->validation);
}

/* False: there is none in time. Where a test makes memory short, it is tried again. */
static bool poll_one(evs_system *system, uint32_t what, uint32_t timeout_ms, evs_batch **out) {
  evs_error *error = NULL;
  evs_status status = evs_poll(system, what, 1, timeout_ms, out, &error);
  while (status == EVS_NOMEM) {
    evs_error_free(error);
    error = NULL;
    status = evs_poll(system, what, 1, timeout_ms, out, &error);
  }
  if (status != EVS_AGAIN)
    must(status, error, "poll");
  return status == EVS_OK;
}

bool host_take(evs_system *system, host_message *out, uint32_t timeout_ms) {
  evs_batch *batch = NULL;
  size_t count = 0;
  if (!poll_one(system, EVS_POLL_MESSAGES, timeout_ms, &batch))
    return false;
  const evs_message *messages = evs_batch_messages(batch, &count);
  test_require(count == 1, "one message was asked for");
  copy_message(messages, out);
  evs_batch_release(batch);
  return true;
}

host_message host_next(evs_system *system) {
  host_message message;
  test_require(host_take(system, &message, (uint32_t)test_deadline_ms()), "a message came");
  return message;
}

bool host_report_of(evs_system *system, uint32_t kind, host_report *out, uint32_t timeout_ms) {
  uint64_t until = test_now_ms() + timeout_ms;
  for (uint64_t now = test_now_ms();; now = test_now_ms()) {
    evs_batch *batch = NULL;
    size_t count = 0;
    bool has_one = poll_one(system, EVS_POLL_REPORTS, until > now ? (uint32_t)(until - now) : 0, &batch);
    if (!has_one && now >= until)
      return false;
    if (!has_one)
      continue;
    const evs_report *reports = evs_batch_reports(batch, &count);
    bool found = count == 1 && reports->kind == kind;
    if (found)
      *out = copy_report(reports);
    evs_batch_release(batch);
    if (found)
      return true;
  }
}

bool host_ack(evs_system *system, uint64_t delivery) {
  size_t stale = 0;
  evs_error *error = NULL;
  must(evs_ack(system, &delivery, 1, &stale, &error), error, "ack");
  return stale == 0;
}

static bool settle(evs_system *system, const evs_failure *failure) {
  size_t stale = 0;
  evs_error *error = NULL;
  must(evs_fail(system, failure, 1, &stale, &error), error, "fail");
  return stale == 0;
}

bool host_fail(evs_system *system, uint64_t delivery, uint32_t kind, const char *error_class) {
  evs_failure failure = {.struct_size = sizeof failure,
                         .kind = kind,
                         .delivery = delivery,
                         .error_class = host_bytes(error_class),
                         .message = host_bytes("it failed on purpose"),
                         .stack = host_bytes("at the test\nat the handler")};
  return settle(system, &failure);
}

bool host_later(evs_system *system, uint64_t delivery, uint64_t delay_ms) {
  evs_failure failure = {
      .struct_size = sizeof failure, .kind = EVS_FAIL_LATER, .delivery = delivery, .delay_ms = delay_ms};
  return settle(system, &failure);
}

static json_t *take_json(evs_status status, char *text, evs_error *error, const char *what) {
  must(status, error, what);
  json_t *root = json_loads(text, 0, NULL);
  evs_string_free(text);
  test_require(root != NULL, "it is JSON");
  return root;
}

json_t *host_stats(evs_system *system) {
  char *text = NULL;
  evs_error *error = NULL;
  evs_status status = evs_system_stats(system, &text, &error);
  return take_json(status, text, error, "stats");
}

json_t *host_status(evs_system *system) {
  char *text = NULL;
  evs_error *error = NULL;
  evs_status status = evs_system_status(system, &text, &error);
  return take_json(status, text, error, "status");
}

long long host_stat(evs_system *system, const char *section, const char *name) {
  json_t *stats = host_stats(system);
  const json_t *value = json_object_get(json_object_get(stats, section), name);
  long long number = json_is_integer(value) ? json_integer_value(value) : -1;
  json_decref(stats);
  return number;
}

json_t *host_refused(evs_status status, evs_status expected, evs_error *error) {
  json_t *root = json_loads(evs_error_json(error), 0, NULL);
  evs_error_free(error);
  assert_string_equal(evs_status_name(status), evs_status_name(expected));
  test_require(json_is_object(root), "an error has JSON");
  return root;
}

static bool says(const json_t *problem, const char *member, const char *text) {
  const char *value = json_string_value(json_object_get(problem, member));
  return value && strstr(value, text);
}

bool host_has_problem(const json_t *error, const char *path, const char *text) {
  size_t i;
  json_t *each;
  json_array_foreach(json_object_get(error, "problems"), i, each) {
    const char *at = json_string_value(json_object_get(each, "path"));
    if (at && strcmp(at, path) == 0 &&
        (says(each, "message", text) || says(each, "suggestion", text) || says(each, "expected", text) ||
         says(each, "found", text)))
      return true;
  }
  return false;
}
