/* SPDX-License-Identifier: MIT
 * ours.c - ours ROLE CONFIG COUNT PAYLOAD: what libevents does in C, measured; CONFIG is the JSON of one
 * transport. */
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "host.h"

enum { LOOKS = 100 }; /* at the memory, while events go through it */

static void publish(const job *j) {
  evs_system *system = host_open(j->transport, "");
  long offered = 0, stored = 0;
  uint64_t begun = now_ns();
  while (stored < j->count) {
    size_t taken = offered < j->count ? host_offer(system, j, "bench.tick", offered) : 0;
    offered += (long)taken;
    if (taken == 0)
      stored += host_reports(system, PATIENCE_MS, NULL);
  }
  tell_rate(stored, begun);
  host_close(system);
}

/* Offers event number `i` alone. */
static void offer_one(evs_system *system, const job *j, long i) {
  job single = *j;
  single.count = i + 1;
  if (host_offer(system, &single, "bench.tick", i) != 1)
    die("an event", "found no room");
}

static void one_by_one(const job *j) {
  evs_system *system = host_open(j->transport, "");
  uint64_t begun = now_ns();
  for (long i = 0; i < j->count; i++) {
    offer_one(system, j, i);
    while (host_reports(system, PATIENCE_MS, NULL) == 0) /* something else was told */
      ;
  }
  tell_rate(j->count, begun);
  host_close(system);
}

static void consume(const job *j) {
  taker t = {.system = host_open(j->transport, ""), .count = j->count};
  uint64_t begun = now_ns();
  host_subscribe(t.system, "bench.*");
  host_take_all(&t);
  host_call(t.system, "drain");
  tell_rate(j->count, begun);
  host_close(t.system);
}

static pthread_t start(taker *t) {
  pthread_t thread;
  if (pthread_create(&thread, NULL, host_take_thread, t) != 0)
    die("starting", "no memory");
  return thread;
}

/* One thread publishes at a rate, another one handles what the store gives back. */
static void latency(const job *j) {
  taker t = {.system = host_open(j->transport, ""),
             .count = j->count,
             .ages = calloc((size_t)j->count, sizeof *t.ages)};
  if (!t.ages)
    die("starting", "no memory");
  host_subscribe(t.system, "bench.*");
  host_call(t.system, "ready");
  pthread_t thread = start(&t);
  uint64_t begun = now_ns();
  for (long i = 0; i < j->count; i++) {
    uint64_t due = begun + (uint64_t)i * (1000000000u / RATE);
    sleep_until_ns(due);
    stamp_write(j->body.text + j->body.stamp, due);
    offer_one(t.system, j, i);
    host_reports(t.system, 0, NULL);
  }
  pthread_join(thread, NULL);
  tell_latency(t.ages, j->count);
  free(t.ages);
  host_close(t.system);
}

static long least(const long *looks, int from, int to) {
  long found = LONG_MAX;
  for (int i = from; i < to; i++)
    found = looks[i] > 0 && looks[i] < found ? looks[i] : found;
  return found;
}

/* From the second tenth to the last one, the least of each. */
static long growth_kib(const long looks[LOOKS]) {
  return least(looks, LOOKS - LOOKS / 10, LOOKS) - least(looks, LOOKS / 10, LOOKS / 5);
}

/* Publishes and handles on one thread, through memory; tells what was kept since the first tenth, if asked.
 */
static void through_memory(const job *j, const char *more, bool tells_growth) {
  taker t = {.system = host_open("{\"type\":\"memory\"}", more)};
  long offered = 0, looks[LOOKS] = {0};
  host_subscribe(t.system, "bench.*");
  host_call(t.system, "ready");
  uint64_t begun = now_ns();
  while (offered < j->count) {
    size_t taken = host_offer(t.system, j, "bench.tick", offered);
    offered += (long)taken;
    t.count = offered;
    host_take_all(&t);
    if (taken > 0)
      host_reports(t.system, PATIENCE_MS, NULL);
    if (tells_growth && offered < j->count)
      looks[offered * LOOKS / j->count] = rss_kib();
  }
  if (tells_growth)
    tell_growth(j->count, begun, growth_kib(looks));
  else
    tell_rate(j->count, begun);
  host_close(t.system);
}

static void memory(const job *j) {
  through_memory(j, "", false);
}

static void memory_kept(const job *j) {
  through_memory(j, "", true);
}

static void memory_threads(const job *j) {
  taker t = {.system = host_open("{\"type\":\"memory\"}", ""), .count = j->count};
  long offered = 0, stored = 0;
  host_subscribe(t.system, "bench.*");
  host_call(t.system, "ready");
  uint64_t begun = now_ns();
  pthread_t thread = start(&t);
  while (stored < j->count) {
    size_t taken = offered < j->count ? host_offer(t.system, j, "bench.tick", offered) : 0;
    offered += (long)taken;
    stored += host_reports(t.system, PATIENCE_MS, NULL);
  }
  pthread_join(thread, NULL);
  tell_rate(j->count, begun);
  host_close(t.system);
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
  through_memory(j, more, false);
  free(more);
}

int main(int argc, char **argv) {
  static const role roles[] = {
      {"publish", publish},
      {"one-by-one", one_by_one},
      {"consume", consume},
      {"latency", latency},
      {"memory", memory},
      {"memory-kept", memory_kept},
      {"memory-threads", memory_threads},
      {"memory-routes", memory_routes},
  };
  return play_role(argc, argv, roles, sizeof roles / sizeof *roles);
}
