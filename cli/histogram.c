/* SPDX-License-Identifier: MIT
 * histogram.c - see histogram.h. */
#include "histogram.h"

enum { STEP_BITS = 7 }; /* of HISTOGRAM_STEPS */

static unsigned bucket_of(uint64_t ns) {
  if (ns < HISTOGRAM_STEPS)
    return (unsigned)ns;
  unsigned power = 63u - (unsigned)__builtin_clzll(ns) - STEP_BITS; /* how many bits are left out below */
  if (power + 1 >= HISTOGRAM_POWERS)
    return HISTOGRAM_STEPS * HISTOGRAM_POWERS - 1;
  return (power + 1) * HISTOGRAM_STEPS + (unsigned)(ns >> power & (HISTOGRAM_STEPS - 1));
}

/* The largest value that falls into the bucket. */
static uint64_t bucket_top(unsigned bucket) {
  if (bucket < HISTOGRAM_STEPS)
    return bucket;
  unsigned power = bucket / HISTOGRAM_STEPS - 1;
  return ((uint64_t)(HISTOGRAM_STEPS + bucket % HISTOGRAM_STEPS + 1) << power) - 1;
}

void histogram_record(histogram *to, uint64_t ns) {
  to->buckets[bucket_of(ns)]++;
  to->count++;
  to->sum_ns += (double)ns;
  if (ns > to->max_ns)
    to->max_ns = ns;
}

void histogram_merge(histogram *to, const histogram *from) {
  for (unsigned i = 0; i < HISTOGRAM_STEPS * HISTOGRAM_POWERS; i++)
    to->buckets[i] += from->buckets[i];
  to->count += from->count;
  to->sum_ns += from->sum_ns;
  if (from->max_ns > to->max_ns)
    to->max_ns = from->max_ns;
}

double histogram_percentile_ms(const histogram *from, double share) {
  uint64_t seen = 0;
  for (unsigned i = 0; i < HISTOGRAM_STEPS * HISTOGRAM_POWERS; i++) {
    seen += from->buckets[i];
    if (seen > 0 && (double)seen >= (double)from->count * share) {
      uint64_t top = bucket_top(i);
      return (double)(top < from->max_ns ? top : from->max_ns) / 1e6;
    }
  }
  return (double)from->max_ns / 1e6;
}

double histogram_mean_ms(const histogram *from) {
  return from->count > 0 ? from->sum_ns / (double)from->count / 1e6 : 0;
}
