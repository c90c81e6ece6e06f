/* SPDX-License-Identifier: MIT
 * stats.h - counters, latencies, rates and newest errors of one system. Counting takes no lock; finding a
 * label takes a shared one. Names are in counters.def and labels.def, once, for JSON and Prometheus. */
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
#include "observe/meter.h"

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
#define X(id, side, json, prometheus, help) EVSI_LABELED_##id,
#include "observe/labels.def"
#undef X
  EVSI_LABELED_COUNTS
} evsi_labeled;
typedef enum { EVSI_SIDE_PUBLISHER, EVSI_SIDE_CONSUMER, EVSI_SIDES } evsi_side;

typedef struct evsi_last_error {
  char text[256];
  uint64_t at; /* wall clock; 0: there was none */
} evsi_last_error;

/* One type, topic, transport or subscription; lives as long as its statistics. */
typedef struct evsi_label {
  char *name;
  uint32_t id; /* 0, 1, 2 … within its dimension */
  _Atomic uint64_t counts[EVSI_LABELED_COUNTS];
  _Atomic uint64_t sent_ms; /* wall clock of the newest that was sent, 0: none */
  /* @locks stats->moments; NULL until there is something to keep */
  evsi_last_error *errors[EVSI_SIDES];
  evsi_meter *meters[EVSI_SIDES]; /* of what was sent, and of what was received */
  UT_hash_handle hh;
} evsi_label;

/* Those of one event. Each may be NULL. */
typedef struct evsi_labels {
  evsi_label *type, *topic, *transport;
} evsi_labels;

/* Counters whose rates are told. */
enum { EVSI_RATED_COUNTERS = 7 };
typedef struct evsi_rated_counter {
  evsi_counter counter;
  evsi_side side;
  const char *name;
} evsi_rated_counter;
extern const evsi_rated_counter evsi_rated[EVSI_RATED_COUNTERS];

typedef struct evsi_stats {
  const evsi_env *env;
  uint64_t started_ms;
  uint32_t max_labels;
  _Atomic uint64_t counters[EVSI_COUNTERS];
  evsi_histogram publish_latency;    /* accepted until the store answered */
  evsi_histogram handler_latency;    /* handed to the host until settled */
  evsi_histogram end_to_end_latency; /* timestamp of the event until handed, by wall clocks */
  evsi_histogram batch_sizes;        /* events in a vector, not microseconds */
  pthread_rwlock_t lock;             /* of the labels; taken before the other */
  evsi_label *labels[EVSI_LABEL_DIMENSIONS];
  pthread_mutex_t moments;
  /* @locks moments */
  evsi_last_error errors[EVSI_SIDES];
  evsi_meter_clock clock;
  evsi_meter meters[EVSI_RATED_COUNTERS];
} evsi_stats;

void evsi_stats_init(evsi_stats *stats, const evsi_env *env, uint32_t max_labels);
void evsi_stats_destroy(evsi_stats *stats);

static inline void evsi_count(evsi_stats *stats, evsi_counter counter, uint64_t amount) {
  atomic_fetch_add_explicit(&stats->counters[counter], amount, memory_order_relaxed);
}
static inline void evsi_count_label(evsi_label *label, evsi_labeled what, uint64_t amount) {
  if (label)
    atomic_fetch_add_explicit(&label->counts[what], amount, memory_order_relaxed);
}
static inline void evsi_count_labels(const evsi_labels *labels, evsi_labeled what, uint64_t amount) {
  evsi_count_label(labels->type, what, amount);
  evsi_count_label(labels->topic, what, amount);
  evsi_count_label(labels->transport, what, amount);
}
/* As those above, of what only one thread at a time counts (its owner locks): a plain addition. */
static inline void evsi_count_alone(_Atomic uint64_t *counter, uint64_t amount) {
  uint64_t before = atomic_load_explicit(counter, memory_order_relaxed);
  atomic_store_explicit(counter, before + amount, memory_order_relaxed);
}
static inline void evsi_count_label_alone(evsi_label *label, evsi_labeled what, uint64_t amount) {
  if (label)
    evsi_count_alone(&label->counts[what], amount);
}
static inline void evsi_count_labels_alone(const evsi_labels *labels, evsi_labeled what, uint64_t amount) {
  evsi_count_label_alone(labels->type, what, amount);
  evsi_count_label_alone(labels->topic, what, amount);
  evsi_count_label_alone(labels->transport, what, amount);
}
static inline void evsi_count_batch(evsi_stats *stats, size_t events) {
  evsi_count(stats, EVSI_COUNT_BATCHES_SENT, 1);
  evsi_histogram_record(&stats->batch_sizes, events);
}
/* When an event under this label was sent. */
static inline void evsi_label_sent_at(evsi_label *label, uint64_t wall_ms) {
  if (label)
    atomic_store_explicit(&label->sent_ms, wall_ms, memory_order_relaxed);
}

/* The label of a name; past max_labels the one called "other". NULL only when memory is short. */
evsi_label *evsi_stats_label(evsi_stats *stats, evsi_dimension dimension, evs_bytes name);
/* The same where the label of the event before is at hand: mostly the next one has it, too. */
void evsi_stats_relabel(evsi_stats *stats, evsi_dimension dimension, evs_bytes name, evsi_label **label);
/* Adds to the counter with this JSON name, if there is one (transports count by name). */
void evsi_stats_count_name(evsi_stats *stats, const char *json_name, uint64_t amount);
/* The newest error of a side, and of these labels where they are given. */
void evsi_stats_error(evsi_stats *stats, evsi_side side, const evsi_labels *labels, const char *text);
/* The newest error of one label. */
void evsi_stats_label_error(evsi_stats *stats, evsi_side side, evsi_label *label, const char *text);
/* Looks at what rates are told of; once a second, by one thread. */
void evsi_stats_look(evsi_stats *stats);

/* Appends an object of the names of a dimension that were counted, each with its count. */
void evsi_stats_labels_json(evsi_stats *stats, evsi_dimension dimension, evsi_labeled what, evsi_buf *out);
/* Appends the members `"publisher":{…},"consumer":{…},"transport":{…},"uptime":…,"version":…`. */
void evsi_stats_json(evsi_stats *stats, evsi_buf *out);
/* Appends everything as Prometheus text. */
void evsi_stats_metrics(evsi_stats *stats, evsi_buf *out);

#endif
