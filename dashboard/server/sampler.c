/* SPDX-License-Identifier: MIT
 * sampler.c - see sampler.h. */
#include "sampler.h"

#include <time.h>

#include "dashboard.h"

enum { LATENCY_MS = 60000 };

void evsd_sampler_init(evsd_sampler *sampler) {
  pthread_condattr_t attributes;
  pthread_condattr_init(&attributes);
  pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
  pthread_mutex_init(&sampler->lock, NULL);
  pthread_cond_init(&sampler->wake, &attributes);
  pthread_condattr_destroy(&attributes);
}

void evsd_sampler_destroy(evsd_sampler *sampler) {
  for (int i = 0; i < EVSD_SAMPLES; i++)
    evsd_histogram_free(&sampler->ring[i].latency);
  pthread_cond_destroy(&sampler->wake);
  pthread_mutex_destroy(&sampler->lock);
}

static int64_t count_dead_letters(evs_dashboard *dashboard) {
  evsd_failure failure;
  json_t *answer = evsd_store_json(dashboard, "dlq.count", json_pack("{s:{}}", "filter"), &failure);
  int64_t count = answer ? json_integer_value(json_object_get(answer, "count")) : -1;
  json_decref(answer);
  return count;
}

static void take(evs_dashboard *dashboard, bool is_first) {
  evsd_sampler *sampler = &dashboard->sampler;
  evsd_sample sample = {.at_ms = evsd_wall_ms()};
  if (!is_first) /* evsd_sampler_start() has done it */
    evsd_fleet_sample_own(dashboard, &sample.latency);
  evsd_fleet_sample_others(dashboard, is_first ? 0 : EVSD_SAMPLE_MS, &sample.latency);
  sample.dead_letters = count_dead_letters(dashboard);
  evsd_instances view = evsd_fleet_view(dashboard);
  for (size_t i = 0; i < view.count; i++) {
    sample.published += evsd_rate(&view.items[i], "publisher", "totalMessagesSent");
    sample.consumed += evsd_rate(&view.items[i], "consumer", "handledMessages");
    sample.failed += evsd_rate(&view.items[i], "consumer", "failedMessages");
  }
  evsd_instances_free(&view);
  pthread_mutex_lock(&sampler->lock);
  evsd_sample *place = &sampler->ring[sampler->taken++ % EVSD_SAMPLES];
  evsd_histogram_free(&place->latency);
  *place = sample;
  pthread_mutex_unlock(&sampler->lock);
}

/* True when it is time for the next sample, false when there will be none. */
static bool wait_for_next(evsd_sampler *sampler, struct timespec *next) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  next->tv_sec += EVSD_SAMPLE_MS / 1000;
  if (next->tv_sec < now.tv_sec)
    *next = now; /* the machine slept, or the store took long */
  pthread_mutex_lock(&sampler->lock);
  int over = 0;
  while (!sampler->is_stopping && over == 0)
    over = pthread_cond_timedwait(&sampler->wake, &sampler->lock, next);
  bool goes_on = !sampler->is_stopping;
  pthread_mutex_unlock(&sampler->lock);
  return goes_on;
}

static void *run(void *argument) {
  evs_dashboard *dashboard = argument;
  struct timespec next;
  clock_gettime(CLOCK_MONOTONIC, &next);
  take(dashboard, true);
  while (wait_for_next(&dashboard->sampler, &next))
    take(dashboard, false);
  return NULL;
}

bool evsd_sampler_start(evs_dashboard *dashboard) {
  evsd_sampler *sampler = &dashboard->sampler;
  evsd_histogram none = {0};
  evsd_fleet_sample_own(dashboard, &none); /* what is published from now on is in the first rate */
  sampler->is_running = pthread_create(&sampler->thread, NULL, run, dashboard) == 0;
  return sampler->is_running;
}

void evsd_sampler_stop(evsd_sampler *sampler) {
  if (!sampler->is_running)
    return;
  pthread_mutex_lock(&sampler->lock);
  sampler->is_stopping = true;
  pthread_cond_signal(&sampler->wake);
  pthread_mutex_unlock(&sampler->lock);
  pthread_join(sampler->thread, NULL);
  sampler->is_running = false;
}

/* @locks sampler->lock */
static const evsd_sample *newest(const evsd_sampler *sampler) {
  return sampler->taken ? &sampler->ring[(sampler->taken - 1) % EVSD_SAMPLES] : NULL;
}

/* The number of the oldest that is kept. @locks sampler->lock */
static uint64_t oldest(const evsd_sampler *sampler) {
  return sampler->taken > EVSD_SAMPLES ? sampler->taken - EVSD_SAMPLES : 0;
}

uint64_t evsd_sampler_at(evsd_sampler *sampler) {
  pthread_mutex_lock(&sampler->lock);
  uint64_t at = newest(sampler) ? newest(sampler)->at_ms : 0;
  pthread_mutex_unlock(&sampler->lock);
  return at;
}

json_t *evsd_sampler_dead_letters(evsd_sampler *sampler) {
  pthread_mutex_lock(&sampler->lock);
  int64_t count = newest(sampler) ? newest(sampler)->dead_letters : -1;
  pthread_mutex_unlock(&sampler->lock);
  return count >= 0 ? json_integer(count) : json_null();
}

json_t *evsd_sampler_latency(evsd_sampler *sampler) {
  evsd_histogram merged = {0};
  pthread_mutex_lock(&sampler->lock);
  uint64_t from = newest(sampler) ? newest(sampler)->at_ms - LATENCY_MS : 0;
  for (uint64_t i = oldest(sampler); i < sampler->taken; i++) {
    if (sampler->ring[i % EVSD_SAMPLES].at_ms > from)
      evsd_histogram_merge(&merged, &sampler->ring[i % EVSD_SAMPLES].latency);
  }
  pthread_mutex_unlock(&sampler->lock);
  json_t *latency = merged.count == 0
                        ? json_null()
                        : json_pack("{s:o, s:o, s:o}", "p50", evsd_histogram_percentile(&merged, 0.5), "p95",
                                    evsd_histogram_percentile(&merged, 0.95), "p99",
                                    evsd_histogram_percentile(&merged, 0.99));
  evsd_histogram_free(&merged);
  return latency;
}

/* The samples of one step together. */
typedef struct step_sum {
  uint64_t end_ms, count;
  double published, consumed, failed;
  int64_t dead_letters;
  evsd_histogram latency;
} step_sum;

static void end_step(step_sum *sum, json_t *points) {
  if (sum->count) {
    double count = (double)sum->count;
    json_array_append_new(points,
                          json_pack("{s:I, s:f, s:f, s:f, s:o, s:o, s:o, s:o}", "at", (json_int_t)sum->end_ms,
                                    "published", sum->published / count, "consumed", sum->consumed / count,
                                    "failed", sum->failed / count, "deadLetters",
                                    sum->dead_letters >= 0 ? json_integer(sum->dead_letters) : json_null(),
                                    "p50", evsd_histogram_percentile(&sum->latency, 0.5), "p95",
                                    evsd_histogram_percentile(&sum->latency, 0.95), "p99",
                                    evsd_histogram_percentile(&sum->latency, 0.99)));
  }
  evsd_histogram_free(&sum->latency);
}

json_t *evsd_sampler_points(evsd_sampler *sampler, uint64_t since_ms, uint64_t step_ms) {
  json_t *points = json_array();
  step_sum sum = {0};
  pthread_mutex_lock(&sampler->lock);
  for (uint64_t i = oldest(sampler); i < sampler->taken; i++) {
    const evsd_sample *sample = &sampler->ring[i % EVSD_SAMPLES];
    /* The smallest step is one sample, whose times are not even. */
    uint64_t end_ms = step_ms <= EVSD_SAMPLE_MS ? sample->at_ms : (sample->at_ms / step_ms + 1) * step_ms;
    if (end_ms <= since_ms)
      continue;
    if (end_ms != sum.end_ms) {
      end_step(&sum, points);
      sum = (step_sum){.end_ms = end_ms};
    }
    sum.count++;
    sum.published += sample->published;
    sum.consumed += sample->consumed;
    sum.failed += sample->failed;
    sum.dead_letters = sample->dead_letters;
    evsd_histogram_merge(&sum.latency, &sample->latency);
  }
  if (newest(sampler) && sum.end_ms > newest(sampler)->at_ms)
    sum.count = 0; /* not over yet */
  end_step(&sum, points);
  pthread_mutex_unlock(&sampler->lock);
  return points;
}
