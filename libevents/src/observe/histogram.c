/* SPDX-License-Identifier: MIT
 * histogram.c - see histogram.h. */
#include "observe/histogram.h"

static unsigned bucket_of(uint64_t us) {
  if (us < 16)
    return (unsigned)us;
  unsigned power = 63u - (unsigned)__builtin_clzll(us);
  if (power > 40)
    return EVSI_HISTOGRAM_BUCKETS - 1;
  return (power - 3) * 16 + (unsigned)(us >> (power - 4) & 15);
}

/* The largest value that falls into the bucket. */
static uint64_t bucket_top(unsigned bucket) {
  if (bucket < 16)
    return bucket;
  unsigned power = bucket / 16 + 3;
  return ((uint64_t)(16 + bucket % 16 + 1) << (power - 4)) - 1;
}

uint64_t evsi_histogram_bucket(const evsi_histogram *histogram, unsigned bucket, uint64_t *out_upper_us) {
  *out_upper_us = bucket_top(bucket);
  return atomic_load_explicit(&histogram->buckets[bucket], memory_order_relaxed);
}

void evsi_histogram_record(evsi_histogram *histogram, uint64_t us) {
  evsi_histogram_record_many(histogram, us, 1);
}

void evsi_histogram_record_many(evsi_histogram *histogram, uint64_t us, uint64_t times) {
  atomic_fetch_add_explicit(&histogram->buckets[bucket_of(us)], times, memory_order_relaxed);
  atomic_fetch_add_explicit(&histogram->count, times, memory_order_relaxed);
  atomic_fetch_add_explicit(&histogram->sum_us, us * times, memory_order_relaxed);
  uint64_t max = atomic_load_explicit(&histogram->max_us, memory_order_relaxed);
  while (us > max && !atomic_compare_exchange_weak_explicit(&histogram->max_us, &max, us,
                                                            memory_order_relaxed, memory_order_relaxed)) {
  }
}

static void add(_Atomic uint64_t *to, uint64_t amount) {
  atomic_store_explicit(to, atomic_load_explicit(to, memory_order_relaxed) + amount, memory_order_relaxed);
}

void evsi_histogram_record_alone(evsi_histogram *histogram, uint64_t us) {
  add(&histogram->buckets[bucket_of(us)], 1);
  add(&histogram->count, 1);
  add(&histogram->sum_us, us);
  if (us > atomic_load_explicit(&histogram->max_us, memory_order_relaxed))
    atomic_store_explicit(&histogram->max_us, us, memory_order_relaxed);
}

static double percentile(const uint64_t *buckets, uint64_t count, double share, uint64_t max) {
  uint64_t wanted = (uint64_t)((double)count * share + 0.5);
  uint64_t seen = 0;
  if (wanted == 0)
    wanted = 1;
  for (unsigned i = 0; i < EVSI_HISTOGRAM_BUCKETS; i++) {
    seen += buckets[i];
    if (seen >= wanted) {
      uint64_t top = bucket_top(i);
      return (double)(top < max ? top : max) / 1000.0;
    }
  }
  return (double)max / 1000.0;
}

evsi_percentiles evsi_histogram_read(const evsi_histogram *histogram) {
  uint64_t buckets[EVSI_HISTOGRAM_BUCKETS];
  uint64_t count = 0;
  for (unsigned i = 0; i < EVSI_HISTOGRAM_BUCKETS; i++) {
    buckets[i] = atomic_load_explicit(&histogram->buckets[i], memory_order_relaxed);
    count += buckets[i];
  }
  if (count == 0)
    return (evsi_percentiles){0};
  uint64_t max = atomic_load_explicit(&histogram->max_us, memory_order_relaxed);
  double sum = (double)atomic_load_explicit(&histogram->sum_us, memory_order_relaxed);
  return (evsi_percentiles){.count = count,
                            .mean_ms = sum / (double)count / 1000.0,
                            .p50_ms = percentile(buckets, count, 0.5, max),
                            .p90_ms = percentile(buckets, count, 0.9, max),
                            .p99_ms = percentile(buckets, count, 0.99, max),
                            .p999_ms = percentile(buckets, count, 0.999, max),
                            .max_ms = (double)max / 1000.0};
}
