/* SPDX-License-Identifier: MIT
 * host.c - a program with a dashboard, led by tests: dashboard_host CONFIG OPTIONS prints the address, then
 * does what each line of stdin says, {"do": …}, and answers each with one line. Ends with stdin. publish
 * type, body (text) or hex (bytes), contentType?, count?   → {"stored": n} subscribe  options, outcome: "ack"
 * | "fail", message? → {} stop       deadline (ms)                             → {"status"} signals →
 * {"sigpipe": "default" | "ignored" | "handled"} */
#include <jansson.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "libevents_dashboard.h"

enum { MESSAGES_MAX = 64, WAIT_MS = 20000 };

static evs_system *host_system;
static evs_dashboard *dashboard;
static atomic_int is_ending;
static atomic_bool fails; /* what handlers do */
static char failure_text[4096] = "the handler failed";
static pthread_mutex_t text_lock = PTHREAD_MUTEX_INITIALIZER;

static int give_up(evs_error *error) {
  fprintf(stderr, "%s\n", evs_error_json(error));
  evs_error_free(error);
  return 1;
}

static void settle(const evs_message *message) {
  if (!atomic_load(&fails)) {
    evs_ack(host_system, &message->delivery, 1, NULL, NULL);
    return;
  }
  pthread_mutex_lock(&text_lock);
  evs_failure failure = {.struct_size = sizeof failure,
                         .kind = EVS_FAIL_RETRY,
                         .delivery = message->delivery,
                         .error_class = {"HandlerError", 12},
                         .message = {failure_text, strlen(failure_text)},
                         .stack = {"at handler (host.c:1)", 21}};
  evs_fail(host_system, &failure, 1, NULL, NULL);
  pthread_mutex_unlock(&text_lock);
}

static void *consume(void *argument) {
  while (!atomic_load(&is_ending)) {
    evs_batch *batch = NULL;
    size_t count = 0;
    if (evs_poll(host_system, EVS_POLL_MESSAGES | EVS_POLL_REPORTS, MESSAGES_MAX, 100, &batch, NULL) !=
        EVS_OK)
      continue;
    const evs_message *messages = evs_batch_messages(batch, &count);
    for (size_t i = 0; i < count; i++)
      settle(&messages[i]);
    evs_batch_release(batch);
  }
  return argument;
}

/* The bytes of "hex", for bodies that no JSON text can carry. */
static evs_bytes hex_bytes(const char *hex) {
  static char bytes[65536];
  size_t size = 0;
  unsigned int value = 0;
  for (; *hex && size < sizeof bytes && sscanf(hex, "%2x", &value) == 1; hex += 2)
    bytes[size++] = (char)value;
  return (evs_bytes){bytes, size};
}

static json_t *publish(const json_t *line) {
  const char *type = json_string_value(json_object_get(line, "type"));
  const char *content_type = json_string_value(json_object_get(line, "contentType"));
  const char *hex = json_string_value(json_object_get(line, "hex"));
  const json_t *body = json_object_get(line, "body"), *given = json_object_get(line, "count");
  json_int_t stored = 0, count = given ? json_integer_value(given) : 1;
  for (json_int_t i = 0; i < count; i++) {
    evs_event event = {.struct_size = sizeof event,
                       .type = {type, strlen(type)},
                       .body = {json_string_value(body), json_string_length(body)}};
    if (hex)
      event.body = hex_bytes(hex);
    if (content_type)
      event.content_type = (evs_bytes){content_type, strlen(content_type)};
    evs_batch *reports = NULL;
    size_t got = 0;
    if (evs_publish_wait(host_system, &event, 1, WAIT_MS, &reports, NULL) != EVS_OK)
      continue;
    const evs_report *report = evs_batch_reports(reports, &got);
    stored += got == 1 && report->outcome == EVS_OUTCOME_STORED;
    evs_batch_release(reports);
  }
  return json_pack("{s:I}", "stored", stored);
}

static json_t *subscribe(const json_t *line) {
  const char *message = json_string_value(json_object_get(line, "message"));
  const char *outcome = json_string_value(json_object_get(line, "outcome"));
  json_t *options = json_object_get(line, "options");
  atomic_store(&fails, outcome && strcmp(outcome, "fail") == 0);
  if (message) {
    pthread_mutex_lock(&text_lock);
    snprintf(failure_text, sizeof failure_text, "%s", message);
    pthread_mutex_unlock(&text_lock);
  }
  if (!options)
    return json_object();
  char *text = json_dumps(options, JSON_COMPACT), *answer = NULL;
  uint64_t token = 0;
  evs_status status = evs_subscribe(host_system, text, strlen(text), &token, NULL);
  if (status == EVS_OK)
    status = evs_call(host_system, "ready", "{}", 2, WAIT_MS, &answer, NULL);
  free(text);
  evs_string_free(answer);
  return json_pack("{s:s}", "status", evs_status_name(status));
}

static json_t *stop(const json_t *line) {
  uint32_t deadline = (uint32_t)json_integer_value(json_object_get(line, "deadline"));
  evs_status status = evs_dashboard_stop(dashboard, deadline);
  if (status == EVS_OK)
    dashboard = NULL;
  return json_pack("{s:s}", "status", evs_status_name(status));
}

static json_t *signals(void) {
  struct sigaction action;
  sigaction(SIGPIPE, NULL, &action);
  return json_pack("{s:s}", "sigpipe",
                   action.sa_handler == SIG_DFL   ? "default"
                   : action.sa_handler == SIG_IGN ? "ignored"
                                                  : "handled");
}

static json_t *obey(const json_t *line) {
  const char *what = json_string_value(json_object_get(line, "do"));
  if (!what)
    return json_pack("{s:s}", "error", "no \"do\"");
  if (strcmp(what, "publish") == 0)
    return publish(line);
  if (strcmp(what, "subscribe") == 0)
    return subscribe(line);
  if (strcmp(what, "stop") == 0)
    return stop(line);
  return strcmp(what, "signals") == 0 ? signals() : json_pack("{s:s}", "error", "unknown \"do\"");
}

static void lead(void) {
  static char line[1 << 22];
  while (fgets(line, sizeof line, stdin)) {
    json_t *order = json_loads(line, 0, NULL), *answer = obey(order);
    char *text = json_dumps(answer, JSON_COMPACT);
    puts(text);
    fflush(stdout);
    free(text);
    json_decref(answer);
    json_decref(order);
  }
}

int main(int argc, char **argv) {
  evs_error *error = NULL;
  char *answer = NULL;
  pthread_t consumer;
  if (argc != 3)
    return 2;
  if (evs_system_open(argv[1], strlen(argv[1]), &host_system, &error) != EVS_OK)
    return give_up(error);
  evs_status status = evs_call(host_system, "connect", "{}", 2, WAIT_MS, &answer, &error);
  evs_string_free(answer);
  if (status == EVS_OK)
    status = evs_dashboard_start(host_system, argv[2], strlen(argv[2]), &dashboard, &error);
  if (status == EVS_OK) {
    pthread_create(&consumer, NULL, consume, NULL);
    puts(evs_dashboard_url(dashboard));
    fflush(stdout);
    lead();
    atomic_store(&is_ending, 1);
    pthread_join(consumer, NULL);
  }
  while (evs_dashboard_stop(dashboard, WAIT_MS) == EVS_TIMEOUT) {
  }
  evs_system_close(host_system, 1000, NULL);
  evs_system_release(host_system);
  return status == EVS_OK ? 0 : give_up(error);
}
