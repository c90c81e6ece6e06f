/* SPDX-License-Identifier: MIT
 * host.c - see host.h. */
#include "host.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void must(evs_status status, evs_error **error, const char *what) {
  if (status != EVS_OK)
    die(what, *error ? evs_error_json(*error) : "failed");
}

static evs_bytes text(const char *value) {
  return (evs_bytes){.data = value, .size = strlen(value)};
}

/* Whether a caller that does not wait found nothing. */
static bool has_nothing(evs_status status, uint32_t wait_ms, evs_error *error) {
  if (status != EVS_AGAIN || wait_ms > 0)
    return false;
  evs_error_free(error);
  return true;
}

int play_role(int argc, char **argv, const role *roles, size_t count) {
  if (argc != 5)
    return 2;
  char *number = strchr(argv[1], '/');
  job j = {.transport = argv[2], .count = strtol(argv[3], NULL, 10), .body = payload_read(argv[4])};
  if (number) {
    *number = '\0';
    j.number = strtol(number + 1, NULL, 10);
  }
  const role *found = NULL;
  for (size_t i = 0; i < count && !found; i++)
    found = strcmp(roles[i].name, argv[1]) == 0 ? &roles[i] : NULL;
  if (found)
    found->play(&j);
  free(j.body.text);
  return found ? 0 : 2;
}

void host_call(evs_system *system, const char *method) {
  char *answer = NULL;
  evs_error *error = NULL;
  must(evs_call(system, method, "{}", 2, PATIENCE_MS, &answer, &error), &error, method);
  evs_string_free(answer);
}

evs_system *host_open(const char *transport, const char *more) {
  char *config = NULL;
  evs_system *system = NULL;
  evs_error *error = NULL;
  if (asprintf(&config, "{\"service\":\"bench\",\"transports\":{\"main\":%s}%s}", transport, more) < 0)
    die("opening", "no memory");
  must(evs_system_open(config, strlen(config), &system, &error), &error, "opening");
  free(config);
  host_call(system, "connect");
  return system;
}

void host_close(evs_system *system) {
  evs_system_close(system, PATIENCE_MS, NULL);
  evs_system_release(system);
}

void host_subscribe(evs_system *system, const char *pattern) {
  char options[256];
  uint64_t subscription;
  evs_error *error = NULL;
  int size =
      snprintf(options, sizeof options,
               "{\"pattern\":\"%s\",\"group\":\"bench\",\"concurrency\":2048,\"prefetch\":2048}", pattern);
  must(evs_subscribe(system, options, (size_t)size, &subscription, &error), &error, "subscribing");
}

size_t host_offer(evs_system *system, const job *j, const char *type, long first) {
  evs_event events[BATCH];
  size_t wanted = j->count - first < BATCH ? (size_t)(j->count - first) : BATCH, taken = 0;
  for (size_t i = 0; i < wanted; i++)
    events[i] = (evs_event){.struct_size = sizeof *events,
                            .token = (uint64_t)first + i + 1,
                            .type = text(type),
                            .body = {.data = j->body.text, .size = j->body.size}};
  evs_error *error = NULL;
  evs_status status = evs_publish(system, events, wanted, &taken, &error);
  if (status != EVS_QUEUE_FULL)
    must(status, &error, "publishing");
  else
    evs_error_free(error);
  return taken;
}

long host_reports(evs_system *system, uint32_t wait_ms, long *refused) {
  evs_batch *batch = NULL;
  evs_error *error = NULL;
  size_t count = 0;
  long stored = 0;
  evs_status status = evs_poll(system, EVS_POLL_REPORTS, 4096, wait_ms, &batch, &error);
  if (has_nothing(status, wait_ms, error))
    return 0;
  must(status, &error, "waiting for outcomes");
  const evs_report *reports = evs_batch_reports(batch, &count);
  for (size_t i = 0; i < count; i++) {
    if (reports[i].kind != EVS_REPORT_PUBLISH)
      continue;
    if (reports[i].outcome == EVS_OUTCOME_STORED)
      stored++;
    else if (refused)
      ++*refused;
    else
      die("an event", "was not stored");
  }
  evs_batch_release(batch);
  return stored;
}

long host_take(taker *t, uint32_t most, uint32_t wait_ms) {
  uint64_t deliveries[BATCH];
  evs_batch *batch = NULL;
  evs_error *error = NULL;
  size_t found = 0;
  long handled = atomic_load(&t->handled);
  evs_status status = evs_poll(t->system, EVS_POLL_MESSAGES, most, wait_ms, &batch, &error);
  if (has_nothing(status, wait_ms, error))
    return 0;
  must(status, &error, "waiting for events");
  const evs_message *messages = evs_batch_messages(batch, &found);
  for (size_t i = 0; i < found; i++) {
    deliveries[i] = messages[i].delivery;
    if (t->ages && handled + (long)i < t->count)
      t->ages[handled + (long)i] = stamp_age_ns(messages[i].body.data, messages[i].body.size);
  }
  must(evs_ack(t->system, deliveries, found, NULL, &error), &error, "acknowledging");
  evs_batch_release(batch);
  atomic_store(&t->handled, handled + (long)found);
  return (long)found;
}

void host_take_all(taker *t) {
  while (atomic_load(&t->handled) < t->count)
    host_take(t, BATCH, PATIENCE_MS);
}

void *host_take_thread(void *data) {
  host_take_all(data);
  return NULL;
}
