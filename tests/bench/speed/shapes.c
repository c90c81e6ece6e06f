/* SPDX-License-Identifier: MIT
 * shapes.c - shapes ROLE[/NUMBER] CONFIG COUNT PAYLOAD: what libevents costs in C as something grows (topics,
 * publishing threads, bodies), while nothing happens, and while more comes than is handled. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "host.h"

enum { PUBLISHERS_MAX = 64, TYPE_MAX = 32, AHEAD = 8192, AHEAD_BYTES = 16 << 20, PAUSE_US = 50 };

static const char memory_config[] = "{\"type\":\"memory\"}";

/* ---- something grows ---- */

typedef struct flow {
  const job *j;
  taker *t;
  long types, publishers;
  atomic_long begun; /* publishers that have taken their part */
  atomic_long offered;
} flow;

/* Each burst is of the next type; none goes far ahead of what was handled. */
static void *publish_part(void *data) {
  flow *f = data;
  long part = atomic_fetch_add(&f->begun, 1), next = f->j->count * part / f->publishers;
  long ahead = AHEAD_BYTES / (long)f->j->body.size < AHEAD ? AHEAD_BYTES / (long)f->j->body.size : AHEAD;
  job mine = *f->j;
  mine.count = f->j->count * (part + 1) / f->publishers;
  long end = mine.count, burst = f->types > 1 ? BATCH / 16 : ahead < BATCH ? ahead : BATCH;
  for (long number = part; next < end; number++) {
    char type[TYPE_MAX];
    snprintf(type, sizeof type, "bench%ld.tick", number % f->types);
    mine.count = next + burst < end ? next + burst : end;
    while (atomic_load(&f->offered) - atomic_load(&f->t->handled) > ahead)
      usleep(PAUSE_US);
    long taken = (long)host_offer(f->t->system, &mine, type, next);
    atomic_fetch_add(&f->offered, taken);
    next += taken;
    if (taken == 0)
      usleep(PAUSE_US);
  }
  return NULL;
}

/* Events of so many types, each with its topic and subscription, from so many threads to one that handles. */
static void run_flow(const job *j, const char *transport, long types, long publishers) {
  taker t = {.system = host_open(transport, ""), .count = j->count};
  flow f = {.j = j, .t = &t, .types = types, .publishers = publishers};
  pthread_t threads[PUBLISHERS_MAX], taking;
  if (types < 1 || publishers < 1 || publishers > PUBLISHERS_MAX)
    die("the number after the role", "is too small or too large");
  for (long i = 0; i < types; i++) {
    char pattern[TYPE_MAX];
    snprintf(pattern, sizeof pattern, "bench%ld.*", i);
    host_subscribe(t.system, pattern);
  }
  host_call(t.system, "ready");
  uint64_t begun = now_ns();
  bool runs = pthread_create(&taking, NULL, host_take_thread, &t) == 0;
  for (long i = 0; i < publishers; i++)
    runs = runs && pthread_create(&threads[i], NULL, publish_part, &f) == 0;
  if (!runs)
    die("starting", "no memory");
  for (long stored = 0; stored < j->count;)
    stored += host_reports(t.system, PATIENCE_MS, NULL);
  for (long i = 0; i < publishers; i++)
    pthread_join(threads[i], NULL);
  pthread_join(taking, NULL);
  tell_rate(j->count, begun);
  host_close(t.system);
}

static void topics(const job *j) {
  run_flow(j, j->transport, j->number, 1);
}

static void memory_topics(const job *j) {
  run_flow(j, memory_config, j->number, 1);
}

static void memory_publishers(const job *j) {
  run_flow(j, memory_config, 1, j->number);
}

static void bodies(const job *j) {
  static const char head[] = "{\"text\":\"", tail[] = "\"}";
  size_t size = (size_t)j->number, frame = sizeof head + sizeof tail - 2;
  job sized = *j;
  if (size <= frame || size > BODY_MAX || !(sized.body.text = malloc(size)))
    die("the size of a body", "is too small or too large");
  sized.body.size = size;
  memset(sized.body.text, 'x', size);
  memcpy(sized.body.text, head, sizeof head - 1);
  memcpy(sized.body.text + size - (sizeof tail - 1), tail, sizeof tail - 1);
  run_flow(&sized, j->transport, 1, 1);
  free(sized.body.text);
}

/* ---- nothing happens ---- */

static double processor_seconds(void) {
  struct rusage used;
  getrusage(RUSAGE_SELF, &used);
  return (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
         (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6;
}

/* How many it has sent to the store. */
static long commands(evs_system *system) {
  static const char name[] = "\nlibevents_commands_total ";
  char *text = NULL;
  evs_error *error = NULL;
  if (evs_system_metrics(system, &text, &error) != EVS_OK)
    die("the metrics", error ? evs_error_json(error) : NULL);
  const char *row = strstr(text, name);
  if (!row)
    die("the metrics", "have no commands");
  long sent = strtol(row + sizeof name - 1, NULL, 10);
  evs_string_free(text);
  return sent;
}

/* So many subscriptions as events are asked for, connected. */
static void idle(const job *j) {
  enum { SETTLE_SECONDS = 8, WATCH_SECONDS = 30 };
  evs_system *system = host_open(j->transport, "");
  for (long i = 0; i < j->count; i++) {
    char pattern[TYPE_MAX];
    snprintf(pattern, sizeof pattern, "idle%ld.*", i);
    host_subscribe(system, pattern);
  }
  host_call(system, "ready");
  sleep(SETTLE_SECONDS);
  long sent = commands(system);
  double used = processor_seconds();
  uint64_t begun = now_ns();
  sleep(WATCH_SECONDS);
  double seconds = (double)(now_ns() - begun) / 1e9;
  printf(
      "{\"count\": %ld, \"cpu_percent\": %.4f, \"commands\": %.3f, \"rss_mib\": %.2f, \"peak_kib\": %ld}\n",
      j->count, 100 * (processor_seconds() - used) / seconds, (double)(commands(system) - sent) / seconds,
      (double)rss_kib() / 1024, peak_kib());
  host_close(system);
}

/* ---- more comes than is handled ---- */

/* For each event that is handled ten are offered: what the queues cannot hold is not taken, refused or left
 * in the store. */
static void overload(const job *j, const char *transport) {
  enum { OFFERED = 100, HANDLED = OFFERED / 10, TURNS_A_SECOND = 100, FILLED = 3 };
  taker t = {.system = host_open(transport, ""), .count = j->count};
  long turns = j->count / OFFERED, offered = 0, stored = 0, refused = 0, filled_kib = 0;
  host_subscribe(t.system, "bench.*");
  host_call(t.system, "ready");
  uint64_t begun = now_ns();
  for (long turn = 0; turn < turns; turn++) {
    sleep_until_ns(begun + (uint64_t)turn * (1000000000u / TURNS_A_SECOND));
    job some = *j;
    some.count = offered + OFFERED;
    offered += (long)host_offer(t.system, &some, "bench.tick", offered);
    stored += host_reports(t.system, 0, &refused);
    host_take(&t, HANDLED, 0);
    if (turn == turns / FILLED)
      filled_kib = rss_kib();
  }
  long growth_kib = rss_kib() - filled_kib;
  while (stored + refused < offered) {
    host_take(&t, BATCH, 0); /* what waits for room gets it */
    stored += host_reports(t.system, 0, &refused);
  }
  tell_growth(j->count, begun, growth_kib);
  host_close(t.system);
}

static void store_overload(const job *j) {
  overload(j, j->transport);
}

static void memory_overload(const job *j) {
  overload(j, "{\"type\":\"memory\",\"maxQueue\":10000}");
}

int main(int argc, char **argv) {
  static const role roles[] = {
      {"topics", topics},
      {"memory-topics", memory_topics},
      {"memory-publishers", memory_publishers},
      {"bodies", bodies},
      {"idle", idle},
      {"overload", store_overload},
      {"memory-overload", memory_overload},
  };
  return play_role(argc, argv, roles, sizeof roles / sizeof *roles);
}
