/* SPDX-License-Identifier: MIT
 * sampler.h - a sample of everything each two seconds for a quarter of an hour, on a thread of its own. */
#ifndef EVSD_SAMPLER_H
#define EVSD_SAMPLER_H

#include <jansson.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "histogram.h"

struct evs_dashboard;

enum { EVSD_SAMPLE_MS = 2000, EVSD_SAMPLES = 450 };

typedef struct evsd_sample {
  uint64_t at_ms;
  double published, consumed, failed; /* in a second */
  int64_t dead_letters;               /* -1: not known */
  evsd_histogram latency;             /* since the sample before */
} evsd_sample;

typedef struct evsd_sampler {
  pthread_mutex_t lock;
  pthread_cond_t wake;
  pthread_t thread;
  bool is_running, is_stopping;
  evsd_sample ring[EVSD_SAMPLES];
  uint64_t taken; /* the newest is taken - 1 */
} evsd_sampler;

void evsd_sampler_init(evsd_sampler *sampler);
/* Starts the thread; false when there is none. */
bool evsd_sampler_start(struct evs_dashboard *dashboard);
/* Returns when the thread has ended. */
void evsd_sampler_stop(evsd_sampler *sampler);
void evsd_sampler_destroy(evsd_sampler *sampler);

/* When the newest sample was taken; 0: there is none. */
uint64_t evsd_sampler_at(evsd_sampler *sampler);
/* Dead letters at the newest sample, or null. */
json_t *evsd_sampler_dead_letters(evsd_sampler *sampler);
/* {p50, p95, p99} of the last minute, or null. */
json_t *evsd_sampler_latency(evsd_sampler *sampler);
/* Points [{at, published, …}] of steps that are over, after `since_ms`. */
json_t *evsd_sampler_points(evsd_sampler *sampler, uint64_t since_ms, uint64_t step_ms);

#endif
