/* SPDX-License-Identifier: MIT
 * ours.c - ours ROLE CONFIG COUNT PAYLOAD: what libevents does in C, measured; CONFIG is the JSON of one
 * transport. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "libevents.h"
#include "program.h"

enum { BATCH = 512, PATIENCE_MS = 30000, RATE = 5000 };

typedef struct job {
  const char *transport;
  long count;
  payload body;
} job;

static void must(evs_status status, evs_error **error, const char *what) {
  if (status != EVS_OK)
    die(what, *error ? evs_error_json(*error) : "failed");
}

static evs_bytes text(const char *value) {
  return (evs_bytes){.data = value, .size = strlen(value)};
}

static void call(evs_system *system, const char *method) {
  char *answer = NULL;
  evs_error *error = NULL;
  must(evs_call(system, method, "{}", 2, PATIENCE_MS, &answer, &error), &error, method);
  evs_string_free(answer);
}

static evs_system *open_with(const char *transport, const char *more) {
  char *config = NULL;
  evs_system *system = NULL;
  evs_error *error = NULL;
  if (asprintf(&config, "{\"service\":\"bench\",\"transports\":{\"main\":%s}%s}", transport, more) < 0)
    die("opening", "no memory");
  must(evs_system_open(config, strlen(config), &system, &error), &error, "opening");
  free(config);
  call(system, "connect");
  return system;
}

static void close_it(evs_system *system) {
  evs_system_close(system, PATIENCE_MS, NULL);
  evs_system_release(system);
}

/* Takes the reports that are there, waiting for the first; gives how many events were stored. */
static long take_reports(evs_system *system) {
  evs_batch *batch = NULL;
  evs_error *error = NULL;
  size_t count = 0;
  long stored = 0;
  must(evs_poll(system, EVS_POLL_REPORTS, 4096, PATIENCE_MS, &batch, &error), &error, "waiting for outcomes");
  const evs_report *reports = evs_batch_reports(batch, &count);
  for (size_t i = 0; i < count; i++) {
    if (reports[i].kind == EVS_REPORT_PUBLISH && reports[i].outcome != EVS_OUTCOME_STORED)
      die("an event", "was not stored");
    stored += reports[i].kind == EVS_REPORT_PUBLISH;
  }
  evs_batch_release(batch);
  return stored;
}

/* Offers up to BATCH events from number `first` on; gives how many were taken. */
static size_t offer(evs_system *system, const job *j, long first) {
  evs_event events[BATCH];
  size_t wanted = j->count - first < BATCH ? (size_t)(j->count - first) : BATCH, taken = 0;
  for (size_t i = 0; i < wanted; i++)
    events[i] = (evs_event){.struct_size = sizeof *events,
                            .token = (uint64_t)first + i + 1,
                            .type = text("bench.tick"),
                            .body = {.data = j->body.text, .size = j->body.size}};
  evs_error *error = NULL;
  evs_status status = evs_publish(system, events, wanted, &taken, &error);
  if (status != EVS_QUEUE_FULL)
    must(status, &error, "publishing");
  else
    evs_error_free(error);
  return taken;
}

static void publish(const job *j) {
  evs_system *system = open_with(j->transport, "");
  long offered = 0, stored = 0;
  uint64_t begun = now_ns();
  while (stored < j->count) {
    size_t taken = offered < j->count ? offer(system, j, offered) : 0;
    offered += (long)taken;
    if (taken == 0)
      stored += take_reports(system);
  }
  tell_rate(stored, begun);
  close_it(system);
}

static void one_by_one(const job *j) {
  evs_system *system = open_with(j->transport, "");
  job single = *j;
  uint64_t begun = now_ns();
  for (long i = 0; i < j->count; i++) {
    single.count = i + 1;
    if (offer(system, &single, i) != 1)
      die("an event", "found no room");
    while (take_reports(system) == 0) /* something else was told */
      ;
  }
  tell_rate(j->count, begun);
  close_it(system);
}

static void subscribe(evs_system *system, const char *options) {
  uint64_t subscription;
  evs_error *error = NULL;
  must(evs_subscribe(system, options, strlen(options), &subscription, &error), &error, "subscribing");
}

/* Takes events and acknowledges them until there were `count`; notes how old they are where `ages` is given.
 */
static void handle(evs_system *system, long count, uint64_t *ages) {
  uint64_t deliveries[BATCH];
  for (long handled = 0; handled < count;) {
    evs_batch *batch = NULL;
    evs_error *error = NULL;
    size_t found = 0;
    must(evs_poll(system, EVS_POLL_MESSAGES, BATCH, PATIENCE_MS, &batch, &error), &error,
         "waiting for events");
    const evs_message *messages = evs_batch_messages(batch, &found);
    for (size_t i = 0; i < found; i++) {
      deliveries[i] = messages[i].delivery;
      if (ages && handled + (long)i < count)
        ages[handled + (long)i] = stamp_age_ns(messages[i].body.data, messages[i].body.size);
    }
    must(evs_ack(system, deliveries, found, NULL, &error), &error, "acknowledging");
    evs_batch_release(batch);
    handled += (long)found;
  }
}

static void consume(const job *j) {
  evs_system *system = open_with(j->transport, "");
  uint64_t begun = now_ns();
  subscribe(system, "{\"pattern\":\"bench.*\",\"group\":\"bench\",\"concurrency\":4096,\"prefetch\":4096}");
  handle(system, j->count, NULL);
  call(system, "drain");
  tell_rate(j->count, begun);
  close_it(system);
}

typedef struct taker {
  evs_system *system;
  long count;
  uint64_t *ages;
} taker;

static void *take(void *data) {
  const taker *t = data;
  handle(t->system, t->count, t->ages);
  return NULL;
}

/* One thread publishes at a rate, another one handles what the store gives back. */
static void latency(const job *j) {
  evs_system *system = open_with(j->transport, "");
  taker t = {system, j->count, calloc((size_t)j->count, sizeof *t.ages)};
  pthread_t thread;
  subscribe(system, "{\"pattern\":\"bench.*\",\"group\":\"bench\",\"concurrency\":4096,\"prefetch\":4096}");
  call(system, "ready");
  if (!t.ages || pthread_create(&thread, NULL, take, &t) != 0)
    die("starting", "no memory");
  job single = *j;
  uint64_t begun = now_ns();
  for (long i = 0; i < j->count; i++) {
    sleep_until_ns(begun + (uint64_t)i * (1000000000u / RATE));
    stamp_write(single.body.text + single.body.stamp, now_ns());
    single.count = i + 1;
    if (offer(system, &single, i) != 1)
      die("an event", "found no room");
  }
  pthread_join(thread, NULL);
  tell_latency(t.ages, j->count);
  free(t.ages);
  close_it(system);
}

/* Publishes and handles on one thread, through memory. */
static void memory(const job *j, const char *more) {
  evs_system *system = open_with("{\"type\":\"memory\"}", more);
  long offered = 0;
  subscribe(system, "{\"pattern\":\"bench.*\",\"group\":\"bench\",\"concurrency\":4096,\"prefetch\":4096}");
  call(system, "ready");
  uint64_t begun = now_ns();
  for (long handled = 0; handled < j->count; handled = offered) {
    size_t taken = offer(system, j, offered);
    handle(system, (long)taken, NULL);
    offered += (long)taken;
    if (taken > 0)
      take_reports(system);
  }
  tell_rate(j->count, begun);
  close_it(system);
}

static void memory_threads(const job *j) {
  evs_system *system = open_with("{\"type\":\"memory\"}", "");
  taker t = {system, j->count, NULL};
  pthread_t thread;
  long offered = 0, stored = 0;
  subscribe(system, "{\"pattern\":\"bench.*\",\"group\":\"bench\",\"concurrency\":4096,\"prefetch\":4096}");
  call(system, "ready");
  uint64_t begun = now_ns();
  if (pthread_create(&thread, NULL, take, &t) != 0)
    die("starting", "no memory");
  while (stored < j->count) {
    size_t taken = offered < j->count ? offer(system, j, offered) : 0;
    offered += (long)taken;
    stored += take_reports(system);
  }
  pthread_join(thread, NULL);
  tell_rate(j->count, begun);
  close_it(system);
}

/* The same with a thousand routes, of which the last one is taken. */
static void memory_routes(const job *j) {
  enum { ROUTES = 1000, ROUTE_MAX = 64 };
  char *more = malloc(ROUTES * ROUTE_MAX + 64);
  if (!more)
    die("starting", "no memory");
  size_t size = (size_t)sprintf(more, ",\"routing\":{\"routes\":[");
  for (int i = 0; i < ROUTES; i++)
    size += (size_t)sprintf(more + size, "{\"pattern\":\"other%d.*\",\"transports\":[\"main\"]},", i);
  sprintf(more + size, "{\"pattern\":\"bench.*\",\"transports\":[\"main\"]}]}");
  memory(j, more);
  free(more);
}

int main(int argc, char **argv) {
  if (argc != 5)
    return 2;
  job j = {.transport = argv[2], .count = strtol(argv[3], NULL, 10), .body = payload_read(argv[4])};
  const char *role = argv[1];
  if (strcmp(role, "publish") == 0)
    publish(&j);
  else if (strcmp(role, "one-by-one") == 0)
    one_by_one(&j);
  else if (strcmp(role, "consume") == 0)
    consume(&j);
  else if (strcmp(role, "latency") == 0)
    latency(&j);
  else if (strcmp(role, "memory") == 0)
    memory(&j, "");
  else if (strcmp(role, "memory-threads") == 0)
    memory_threads(&j);
  else if (strcmp(role, "memory-routes") == 0)
    memory_routes(&j);
  else
    return 2;
  free(j.body.text);
  return 0;
}
