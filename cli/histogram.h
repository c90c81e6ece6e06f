/* SPDX-License-Identifier: MIT
 * histogram.h - how long many things took, in nanoseconds: 128 steps for each power of two, as in Gil Tene's
 * HdrHistogram, so that any percentile is within 0.8 % of the true one. For one thread; several are merged.
 */
#ifndef EVENTS_CLI_HISTOGRAM_H
#define EVENTS_CLI_HISTOGRAM_H

#include <stdint.h>

enum { HISTOGRAM_STEPS = 128, HISTOGRAM_POWERS = 36 /* the last one ends after an hour */ };

typedef struct histogram {
  uint64_t count, max_ns;
  double sum_ns;
  uint64_t buckets[HISTOGRAM_STEPS * HISTOGRAM_POWERS];
} histogram;

void histogram_record(histogram *to, uint64_t ns);
void histogram_merge(histogram *to, const histogram *from);
/* share: 0.99 is the 99th percentile. 0 when nothing was recorded. */
double histogram_percentile_ms(const histogram *from, double share);
double histogram_mean_ms(const histogram *from);

#endif
