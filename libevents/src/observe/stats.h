/* SPDX-License-Identifier: MIT
 * stats.h - counters and latencies of one system. Counting takes no lock; finding a label takes a shared one.
 * Names are in counters.def, once, for JSON and Prometheus. */
#ifndef EVSI_STATS_H
#define EVSI_STATS_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/env.h"
#include "base/map.h"
#include "libevents.h"
#include "observe/histogram.h"

typedef enum {
#define X(id, section, json, prometheus, help) EVSI_COUNT_##id,
#include "observe/counters.def"
#undef X
  EVSI_COUNTERS
} evsi_counter;

typedef enum {
  EVSI_LABEL_TYPE,
  EVSI_LABEL_TOPIC,
  EVSI_LABEL_TRANSPORT,
  EVSI_LABEL_SUBSCRIPTION,
  EVSI_LABEL_DIMENSIONS
} evsi_dimension;
typedef enum {
  EVSI_LABELED_SENT,
  EVSI_LABELED_RECEIVED,
  EVSI_LABELED_FAILED,
  EVSI_LABELED_UNROUTED, /* published, and no route took it */
  EVSI_LABELED_COUNTS
} evsi_labeled;

/* One type, topic, transport or subscription; lives as long as its statistics. */
typedef struct evsi_label {
  char *name;
  uint32_t id; /* 0, 1, 2 … within its dimension */
  _Atomic uint64_t counts[EVSI_LABELED_COUNTS];
  _Atomic uint64_t sent_ms; /* wall clock of the newest that was sent, 0: none */
  UT_hash_handle hh;
} evsi_label;

typedef struct evsi_stats {
  const evsi_env *env;
  uint64_t started_ms;
  uint32_t max_labels;
  _Atomic uint64_t counters[EVSI_COUNTERS];
  evsi_histogram publish_latency;    /* accepted until the store answered */
  evsi_histogram handler_latency;    /* handed to the host until settled */
  evsi_histogram end_to_end_latency; /* timestamp of the event until handed, by wall clocks */
  pthread_rwlock_t lock;             /* of the labels and last errors */
  evsi_label *labels[EVSI_LABEL_DIMENSIONS];
  char publisher_error[256];
  char consumer_error[256];
  uint64_t publisher_error_at;
  uint64_t consumer_error_at;
} evsi_stats;

void evsi_stats_init(evsi_stats *stats, const evsi_env *env, uint32_t max_labels);
void evsi_stats_destroy(evsi_stats *stats);

static inline void evsi_count(evsi_stats *stats, evsi_counter counter, uint64_t amount) {
  atomic_fetch_add_explicit(&stats->counters[counter], amount, memory_order_relaxed);
}
static inline void evsi_count_label(evsi_label *label, evsi_labeled what) {
  if (label)
    atomic_fetch_add_explicit(&label->counts[what], 1, memory_order_relaxed);
}
/* When an event under this label was sent. */
static inline void evsi_label_sent_at(evsi_label *label, uint64_t wall_ms) {
  if (label)
    atomic_store_explicit(&label->sent_ms, wall_ms, memory_order_relaxed);
}

/* The label of a name; past max_labels the one called "other". NULL only when memory is short. */
evsi_label *evsi_stats_label(evsi_stats *stats, evsi_dimension dimension, evs_bytes name);
/* Adds to the counter with this JSON name, if there is one (transports count by name). */
void evsi_stats_count_name(evsi_stats *stats, const char *json_name, uint64_t amount);
void evsi_stats_error(evsi_stats *stats, int is_publisher, const char *text);

/* Appends an object of the names of a dimension that were counted, each with its count. */
void evsi_stats_labels_json(evsi_stats *stats, evsi_dimension dimension, evsi_labeled what, evsi_buf *out);
/* Appends the members `"publisher":{…},"consumer":{…},"transport":{…},"uptime":…,"version":…`. */
void evsi_stats_json(evsi_stats *stats, evsi_buf *out);
/* Appends everything as Prometheus text. */
void evsi_stats_metrics(evsi_stats *stats, evsi_buf *out);

#endif
