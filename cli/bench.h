/* SPDX-License-Identifier: MIT
 * bench.h - what the files of `events bench` share: what is to be done, the threads that do it, and what came
 * of it. Every publisher and every consumer is a system and a thread of its own, as several programs would
 * be. */
#ifndef EVENTS_CLI_BENCH_H
#define EVENTS_CLI_BENCH_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>

#include "bench_ledger.h"
#include "cli.h"
#include "histogram.h"

enum { BENCH_PATTERNS_MAX = 16, BENCH_SAMPLES = 200, BENCH_RUN_TEXT = 9 };

/* What was asked for. Event number n has type n % types. */
typedef struct bench_plan {
  char run[BENCH_RUN_TEXT]; /* names topic and groups, and stands in every body */
  char topic[32];
  char *transport;
  bool is_kept;                          /* something stays in the store unless it is removed */
  uint32_t publishers, consumers, types; /* consumers: of each pattern */
  uint32_t smallest, largest;            /* bytes of a body */
  uint64_t rate;                         /* events a second of all publishers; 0: as many as can be */
  uint64_t count, duration_ns;
  size_t pattern_count;
  const char *patterns[BENCH_PATTERNS_MAX];
  char **type_names;
  bool *wanted;       /* [type * pattern_count + pattern] */
  uint32_t *audience; /* [type]: how many patterns want it */
} bench_plan;

/* Latencies from two beginnings: when an event was due by the rate that was asked for, and when it was really
 * offered. Without a rate both are the same. */
typedef struct bench_latency {
  histogram from_due, from_offer;
} bench_latency;

struct bench_run;

typedef struct bench_publisher {
  struct bench_run *run;
  uint32_t index;
  evs_system *system;
  pthread_t thread;
  bench_latency latency;   /* until the store said what became of it */
  uint64_t bytes, last_ns; /* last_ns: of the newest outcome */
  struct bench_offers *offers;
} bench_publisher;

typedef struct bench_consumer {
  struct bench_run *run;
  size_t pattern;
  evs_system *system;
  pthread_t thread;
  bench_latency latency; /* until it was handed to the program */
  uint64_t last_ns;
} bench_consumer;

/* How many so far, every `sample_ns` since the beginning. */
typedef struct bench_sample {
  uint64_t published, handled;
} bench_sample;

typedef struct bench_run {
  cli_call *cli;
  bench_plan plan;
  bench_publisher *publishers;
  bench_consumer *consumers; /* those of pattern p begin at p * plan.consumers */
  size_t consumer_count, publishers_running, consumers_running;
  uint64_t began_ns;
  double cpu_before_s;
  atomic_bool stop_publishers, stop_consumers;
  atomic_uint publishers_left;
  atomic_ullong offered, stored, refused, unknown;
  atomic_llong expected, handled; /* deliveries; what is still to come is their difference */
  atomic_ullong repeated, wrong;
  bench_bits stored_bits, handled_bits[BENCH_PATTERNS_MAX];
  bench_sample samples[BENCH_SAMPLES];
  size_t sample_count;
  uint64_t sample_ns;
  pthread_mutex_t failing;
  atomic_bool has_failed;
  const char *failed_what;
  evs_error *failed_why;
  char *refusal; /* why the first event was not stored, or NULL */
} bench_run;

uint64_t bench_now_ns(void);
double bench_cpu_seconds(void);
/* The first failure ends the run; takes the error, which may be NULL. */
void bench_fail(bench_run *run, const char *what, evs_error *error);
/* Keeps the first reason for the end of the run; an event that is not stored ends nothing. */
void bench_note_refusal(bench_run *run, evs_bytes reason);

/* ---- bench_plan.c: exit codes ---- */
int bench_plan_make(const cli_call *cli, bench_plan *plan);
/* The rest, once the configuration is read. */
int bench_plan_check(cli_call *cli, bench_plan *plan);
void bench_plan_free(bench_plan *plan);

/* ---- bench_publish.c, bench_consume.c: what the threads do, given their bench_publisher, bench_consumer
 * ---- */
void *bench_publish(void *data);
void *bench_consume(void *data);

/* ---- bench_report.c ---- */
/* Stored events that a pattern wants, and those of them that did not arrive. */
typedef struct bench_losses {
  uint64_t lost[BENCH_PATTERNS_MAX], expected[BENCH_PATTERNS_MAX];
  uint64_t sum;
} bench_losses;
/* May be asked while the threads run. */
bench_losses bench_count_lost(const bench_run *run);

/* What came of it, once the threads have ended. late: events that the rate asked for and that were not even
 * offered in time. */
typedef struct bench_result {
  bench_latency publish, handle;
  bench_losses losses;
  uint64_t bytes, late;
  double publish_s, handle_s, cpu_s;
} bench_result;
void bench_sum_up(const bench_run *run, bench_result *out);
void bench_print(const bench_run *run, const bench_result *result);
void bench_print_json(const bench_run *run, const bench_result *result);
/* A rate that was asked for, and percentiles that could differ by it. */
bool bench_has_schedule(const bench_run *run);
/* ---- bench_chart.c ---- */
/* An SVG picture: events a second over the time, latency by percentile. */
void bench_chart(const bench_run *run, const bench_result *result, FILE *to);

#endif
