/* SPDX-License-Identifier: MIT
 * histogram.h - latencies of many processes together: percentiles cannot be averaged, counts of the same
 * buckets can be added. */
#ifndef EVSD_HISTOGRAM_H
#define EVSD_HISTOGRAM_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

typedef struct evsd_bucket {
  uint64_t upper_us, count;
} evsd_bucket;

/* Sorted by upper_us, only those that have something. All zero is an empty one. */
typedef struct evsd_histogram {
  evsd_bucket *buckets;
  size_t count, room;
} evsd_histogram;

void evsd_histogram_free(evsd_histogram *histogram);
/* Adds what came since: the buckets [[upper_us, count]…] of a newer statistics document without those of an
 * older one of the same process. */
void evsd_histogram_add_since(evsd_histogram *histogram, const json_t *newer, const json_t *older);
void evsd_histogram_merge(evsd_histogram *into, const evsd_histogram *from);
/* Milliseconds; null when nothing was measured. */
json_t *evsd_histogram_percentile(const evsd_histogram *histogram, double share);

#endif
