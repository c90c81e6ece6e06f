/* SPDX-License-Identifier: MIT
 * member.c - a consumer that tests start, kill and count: takes events of its subscriptions and appends one
 * JSON line to its ledger for each that it handled, before it settles it. So what a ledger lacks was never
 * handled, and what it has twice was. */
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#include "libevents.h"
#include "support/member/options.h"

enum { BATCH = 64, POLL_MS = 100, CONNECT_MS = 60000, CLOSE_MS = 5000 };

typedef struct member_program {
  member_options options;
  evs_system *system;
  int ledger;
  long held;
} member_program;

static volatile sig_atomic_t stopping;

static void on_signal(int number) {
  (void)number;
  stopping = 1;
}

static void fail(const char *what, const evs_error *error) {
  fprintf(stderr, "evs_member: %s: %s\n", what, error ? evs_error_json(error) : strerror(errno));
  exit(1);
}

static uint64_t now_ms(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static void append(const member_program *member, json_t *line) {
  char *text = json_dumps(line, JSON_COMPACT);
  size_t size = text ? strlen(text) : 0;
  if (!text)
    fail("a line for the ledger", NULL);
  text[size] = '\n'; /* in place of the NUL: one write, so that lines of several members do not mix */
  if (write(member->ledger, text, size + 1) != (ssize_t)size + 1)
    fail("write to the ledger", NULL);
  free(text);
  json_decref(line);
}

static void set(json_t *object, const char *key, long value) {
  if (value > 0)
    json_object_set_new(object, key, json_integer(value));
}

static json_t *configuration(const member_options *options) {
  json_t *transport =
      json_pack("{s:s,s:s,s:{s:i,s:i,s:i}}", "type", options->file ? "file" : "redis-streams",
                options->file ? "path" : "url", options->file ? options->file : options->url, "retry",
                "maxRetries", (int)options->max_retries, "baseDelay", (int)options->retry_delay, "jitter", 0);
  set(transport, "sessionTimeout", options->session_timeout);
  set(transport, "discoverInterval", options->discover_interval);
  set(transport, "maxCrashes", options->max_crashes);
  json_t *fleet = json_object();
  set(fleet, "interval", options->fleet_interval);
  return json_pack("{s:s,s:{s:o},s:o}", "service", options->service, "transports", "main", transport, "fleet",
                   fleet);
}

static json_t *subscription(const member_options *options, const char *pattern) {
  json_t *object = json_pack("{s:s,s:s}", "pattern", pattern, "name", pattern);
  if (options->group)
    json_object_set_new(object, "group", json_string(options->group));
  if (options->consumer)
    json_object_set_new(object, "consumer", json_string(options->consumer));
  set(object, "handlerTimeout", options->handler_timeout);
  set(object, "prefetch", options->prefetch);
  set(object, "concurrency", options->hold > options->concurrency ? options->hold : options->concurrency);
  return object;
}

static void open_system(member_program *member) {
  evs_error *error = NULL;
  json_t *config = configuration(&member->options);
  char *text = json_dumps(config, 0);
  if (evs_system_open(text, strlen(text), &member->system, &error) != EVS_OK)
    fail("open", error);
  free(text);
  json_decref(config);
  for (int i = 0; i < member->options.pattern_count; i++) {
    uint64_t token;
    json_t *options = subscription(&member->options, member->options.patterns[i]);
    text = json_dumps(options, 0);
    if (evs_subscribe(member->system, text, strlen(text), &token, &error) != EVS_OK)
      fail("subscribe", error);
    free(text);
    json_decref(options);
  }
}

static void connect_system(member_program *member) {
  static const char *const steps[] = {"connect", "ready"};
  for (int i = 0; i < 2; i++) {
    char *answer = NULL;
    evs_error *error = NULL;
    if (evs_call(member->system, steps[i], NULL, 0, CONNECT_MS, &answer, &error) != EVS_OK)
      fail(steps[i], error);
    evs_string_free(answer);
  }
  append(member, json_pack("{s:b,s:i}", "ready", 1, "pid", (int)getpid()));
}

/* Is it one of those that fail at first? */
static bool stumbles(const member_program *member, const evs_message *message) {
  const char *dash = message->id.size ? memchr(message->id.data, '-', message->id.size) : NULL;
  return member->options.fail_every > 0 && message->attempt == 1 && dash &&
         strtol(dash + 1, NULL, 10) % member->options.fail_every == 0;
}

static bool fails(const member_program *member, const evs_message *message) {
  return member->options.fail_class || stumbles(member, message);
}

static void settle(member_program *member, const evs_message *message) {
  evs_error *error = NULL;
  evs_failure failure = {.struct_size = sizeof failure,
                         .kind = EVS_FAIL_RETRY,
                         .delivery = message->delivery,
                         .message = {"the member fails on purpose", 27},
                         .stack = {"member.c: settle", 16}};
  if (member->options.fail_class)
    failure.error_class = (evs_bytes){member->options.fail_class, strlen(member->options.fail_class)};
  evs_status status = fails(member, message) ? evs_fail(member->system, &failure, 1, NULL, &error)
                                             : evs_ack(member->system, &message->delivery, 1, NULL, &error);
  if (status != EVS_OK)
    fail("settle", error);
}

static void handle(member_program *member, const evs_message *message) {
  bool hold = member->held < member->options.hold;
  const char *crash = member->options.crash;
  if (crash && message->id.size == strlen(crash) && memcmp(message->id.data, crash, message->id.size) == 0)
    kill(getpid(), SIGKILL); /* as the kernel does when memory is short */
  struct timespec delay = {.tv_sec = member->options.delay_ms / 1000,
                           .tv_nsec = member->options.delay_ms % 1000 * 1000000};
  if (member->options.delay_ms > 0)
    nanosleep(&delay, NULL);
  append(member,
         json_pack("{s:s#,s:s#,s:s#,s:s#,s:i,s:i,s:i,s:b,s:b}", "id", message->id.data, (int)message->id.size,
                   "type", message->type.data, (int)message->type.size, "subscription", message->pattern.data,
                   (int)message->pattern.size, "group", message->group.data, (int)message->group.size,
                   "attempt", (int)message->attempt, "deliveries", (int)message->deliveries, "pid",
                   (int)getpid(), "held", hold, "failed", fails(member, message)));
  if (hold)
    member->held++;
  else
    settle(member, message);
}

/* One call of poll; false when nothing came. */
static bool take(member_program *member) {
  evs_batch *batch = NULL;
  evs_error *error = NULL;
  size_t count;
  bool is_full = member->options.hold > 0 && member->held >= member->options.hold;
  evs_status status =
      evs_poll(member->system, is_full ? EVS_POLL_REPORTS : EVS_POLL_MESSAGES | EVS_POLL_REPORTS,
               member->options.hold > 0 ? 1 : BATCH, POLL_MS, &batch, &error);
  if (status == EVS_AGAIN)
    return false;
  if (status != EVS_OK)
    fail("poll", error);
  const evs_message *messages = evs_batch_messages(batch, &count);
  for (size_t i = 0; i < count; i++)
    handle(member, &messages[i]);
  evs_batch_release(batch);
  return count > 0;
}

static void run(member_program *member) {
  uint64_t last = now_ms();
  while (!stopping) {
    if (take(member))
      last = now_ms();
    else if (member->options.until_idle_ms > 0 && now_ms() - last >= (uint64_t)member->options.until_idle_ms)
      return;
  }
}

/* Closes; what came meanwhile and is in no ledger goes back to the store. */
static void close_system(member_program *member) {
  evs_error *error = NULL;
  if (evs_system_close(member->system, member->options.hold > 0 ? 0 : CLOSE_MS, &error) != EVS_OK)
    fail("close", error);
  for (bool is_open = true; is_open;) {
    evs_batch *batch = NULL;
    size_t count = 0;
    evs_status status = evs_poll(member->system, EVS_POLL_REPORTS, BATCH, POLL_MS, &batch, &error);
    if (status != EVS_OK && status != EVS_AGAIN)
      fail("the last record", error);
    const evs_report *reports = evs_batch_reports(batch, &count);
    for (size_t i = 0; i < count; i++)
      is_open = is_open && reports[i].kind != EVS_REPORT_CLOSED;
    evs_batch_release(batch);
  }
  evs_system_release(member->system);
}

int main(int argc, char **argv) {
  member_program member = {.ledger = -1};
  if (!member_options_read(&member.options, argc, argv))
    return 2;
  prctl(PR_SET_PDEATHSIG, SIGKILL); /* a test that dies takes its members with it */
  struct sigaction action = {.sa_handler = on_signal};
  sigaction(SIGTERM, &action, NULL);
  member.ledger = open(member.options.ledger, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
  if (member.ledger < 0)
    fail(member.options.ledger, NULL);
  open_system(&member);
  connect_system(&member);
  run(&member);
  close_system(&member);
  close(member.ledger);
  return 0;
}
