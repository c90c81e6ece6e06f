/* SPDX-License-Identifier: MIT
 * histogram.c - see histogram.h. */
#include "histogram.h"

#include <stdlib.h>
#include <string.h>

enum { BUCKETS_MAX = 4096 };

void evsd_histogram_free(evsd_histogram *histogram) {
  free(histogram->buckets);
  *histogram = (evsd_histogram){0};
}

static void add(evsd_histogram *histogram, uint64_t upper_us, uint64_t count) {
  size_t at = histogram->count;
  while (at > 0 && histogram->buckets[at - 1].upper_us >= upper_us)
    at--;
  if (at < histogram->count && histogram->buckets[at].upper_us == upper_us) {
    histogram->buckets[at].count += count;
    return;
  }
  if (histogram->count == histogram->room) {
    size_t room = histogram->room ? histogram->room * 2 : 16;
    evsd_bucket *more = room > BUCKETS_MAX ? NULL : realloc(histogram->buckets, room * sizeof *more);
    if (!more)
      return; /* a latency less in a chart */
    histogram->buckets = more;
    histogram->room = room;
  }
  memmove(&histogram->buckets[at + 1], &histogram->buckets[at],
          (histogram->count - at) * sizeof *histogram->buckets);
  histogram->buckets[at] = (evsd_bucket){upper_us, count};
  histogram->count++;
}

static evsd_bucket bucket_at(const json_t *buckets, size_t i) {
  const json_t *pair = json_array_get(buckets, i);
  return (evsd_bucket){(uint64_t)json_integer_value(json_array_get(pair, 0)),
                       (uint64_t)json_integer_value(json_array_get(pair, 1))};
}

void evsd_histogram_add_since(evsd_histogram *histogram, const json_t *newer, const json_t *older) {
  size_t j = 0, known = json_array_size(older);
  for (size_t i = 0; i < json_array_size(newer); i++) {
    evsd_bucket bucket = bucket_at(newer, i);
    while (j < known && bucket_at(older, j).upper_us < bucket.upper_us)
      j++;
    uint64_t before =
        j < known && bucket_at(older, j).upper_us == bucket.upper_us ? bucket_at(older, j).count : 0;
    if (bucket.count > before)
      add(histogram, bucket.upper_us, bucket.count - before);
  }
}

void evsd_histogram_merge(evsd_histogram *into, const evsd_histogram *from) {
  for (size_t i = 0; i < from->count; i++)
    add(into, from->buckets[i].upper_us, from->buckets[i].count);
}

json_t *evsd_histogram_percentile(const evsd_histogram *histogram, double share) {
  uint64_t total = 0, seen = 0;
  for (size_t i = 0; i < histogram->count; i++)
    total += histogram->buckets[i].count;
  for (size_t i = 0; i < histogram->count; i++) {
    seen += histogram->buckets[i].count;
    if ((double)seen >= (double)total * share)
      return json_real((double)histogram->buckets[i].upper_us / 1000.0);
  }
  return json_null();
}
