/* SPDX-License-Identifier: MIT
 * histogram.h - a log-linear (HDR-style) histogram of microseconds: 16 steps per power of two, so within
 * 6.25 % of the true value, up to 2^40 µs. Recording takes no lock. */
#ifndef EVSI_HISTOGRAM_H
#define EVSI_HISTOGRAM_H

#include <stdatomic.h>
#include <stdint.h>

enum { EVSI_HISTOGRAM_BUCKETS = 16 * 38 };

typedef struct evsi_histogram {
  _Atomic uint64_t buckets[EVSI_HISTOGRAM_BUCKETS];
  _Atomic uint64_t count;
  _Atomic uint64_t sum_us;
  _Atomic uint64_t max_us;
} evsi_histogram;

typedef struct evsi_percentiles {
  uint64_t count;
  double mean_ms, p50_ms, p90_ms, p99_ms, p999_ms, max_ms;
} evsi_percentiles;

/* Events in one bucket, and the largest value that falls into it. */
uint64_t evsi_histogram_bucket(const evsi_histogram *histogram, unsigned bucket, uint64_t *out_upper_us);
void evsi_histogram_record(evsi_histogram *histogram, uint64_t us);
void evsi_histogram_record_many(evsi_histogram *histogram, uint64_t us, uint64_t times);
/* The same, where only one thread at a time records (its owner locks). */
void evsi_histogram_record_alone(evsi_histogram *histogram, uint64_t us);
evsi_percentiles evsi_histogram_read(const evsi_histogram *histogram);

#endif
