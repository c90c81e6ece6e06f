/* SPDX-License-Identifier: MIT
 * file_bench.c - file_bench PATH COUNT: publishes so many events into a file in batches, then handles and
 * acknowledges them in batches; prints the seconds of both as one line of JSON. What a program in C gets,
 * without a test around it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "libevents.h"

enum { BATCH = 128, PATIENCE_MS = 30000 };

static double now_s(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void must(evs_status status, evs_error **error, const char *what) {
  if (status == EVS_OK)
    return;
  fprintf(stderr, "%s: %s\n", what, *error ? evs_error_json(*error) : "failed");
  exit(1);
}

static evs_bytes text(const char *value) {
  return (evs_bytes){.data = value, .size = strlen(value)};
}

static evs_system *open_file(const char *path) {
  char config[1024], *answer = NULL;
  evs_system *system = NULL;
  evs_error *error = NULL;
  snprintf(config, sizeof config,
           "{\"service\":\"bench\",\"transports\":{\"main\":{\"type\":\"file\",\"path\":\"%s\"}}}", path);
  must(evs_system_open(config, strlen(config), &system, &error), &error, "opening");
  must(evs_call(system, "connect", "{}", 2, PATIENCE_MS, &answer, &error), &error, "connecting");
  evs_string_free(answer);
  return system;
}

/* How many were stored among the reports that are there. */
static long take_reports(evs_system *system) {
  evs_batch *batch = NULL;
  evs_error *error = NULL;
  size_t count = 0;
  long stored = 0;
  evs_status status = evs_poll(system, EVS_POLL_REPORTS, 1024, PATIENCE_MS, &batch, &error);
  must(status, &error, "waiting for outcomes");
  const evs_report *reports = evs_batch_reports(batch, &count);
  for (size_t i = 0; i < count; i++)
    stored += reports[i].kind == EVS_REPORT_PUBLISH && reports[i].outcome == EVS_OUTCOME_STORED;
  evs_batch_release(batch);
  return stored;
}

static double publish(evs_system *system, long count) {
  evs_event events[BATCH];
  char bodies[BATCH][64];
  long offered = 0, stored = 0;
  double begun = now_s();
  while (stored < count) {
    size_t wanted = count - offered < BATCH ? (size_t)(count - offered) : BATCH, taken = 0;
    for (size_t i = 0; i < wanted; i++) {
      snprintf(bodies[i], sizeof bodies[i], "{\"number\":%ld,\"text\":\"a body of some bytes\"}",
               offered + (long)i);
      events[i] = (evs_event){.struct_size = sizeof *events,
                              .token = (uint64_t)(offered + (long)i) + 1,
                              .type = text("bench.tick"),
                              .body = text(bodies[i])};
    }
    evs_error *error = NULL;
    evs_status status = wanted > 0 ? evs_publish(system, events, wanted, &taken, &error) : EVS_QUEUE_FULL;
    if (status != EVS_QUEUE_FULL)
      must(status, &error, "publishing");
    else
      evs_error_free(error);
    offered += (long)taken;
    if (taken < BATCH)
      stored += take_reports(system);
  }
  return now_s() - begun;
}

static double handle(evs_system *system, long count) {
  static const char options[] = "{\"pattern\":\"bench.*\",\"group\":\"bench\",\"prefetch\":4096}";
  uint64_t subscription, deliveries[BATCH];
  evs_error *error = NULL;
  char *answer = NULL;
  double begun = now_s();
  must(evs_subscribe(system, options, strlen(options), &subscription, &error), &error, "subscribing");
  for (long handled = 0; handled < count;) {
    evs_batch *batch = NULL;
    size_t found = 0;
    must(evs_poll(system, EVS_POLL_MESSAGES, BATCH, PATIENCE_MS, &batch, &error), &error,
         "waiting for events");
    const evs_message *messages = evs_batch_messages(batch, &found);
    for (size_t i = 0; i < found; i++)
      deliveries[i] = messages[i].delivery;
    must(evs_ack(system, deliveries, found, NULL, &error), &error, "acknowledging");
    evs_batch_release(batch);
    handled += (long)found;
  }
  must(evs_call(system, "drain", "{}", 2, PATIENCE_MS, &answer, &error), &error, "draining");
  evs_string_free(answer);
  return now_s() - begun;
}

int main(int argc, char **argv) {
  if (argc != 3)
    return 2;
  long count = strtol(argv[2], NULL, 10);
  evs_system *system = open_file(argv[1]);
  double published = publish(system, count), handled = handle(system, count);
  printf("{\"publish\": %.3f, \"handle\": %.3f}\n", published, handled);
  evs_system_close(system, PATIENCE_MS, NULL);
  evs_system_release(system);
  return 0;
}
