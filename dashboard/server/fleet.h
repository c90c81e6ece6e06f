/* SPDX-License-Identifier: MIT
 * fleet.h - the statistics of all processes: our own, fresh, and those that the others left in the store.
 * Each instance counts once. Rates are differences of two documents of the same instance. */
#ifndef EVSD_FLEET_H
#define EVSD_FLEET_H

#include <jansson.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "document.h"
#include "histogram.h"
#include "store.h"

struct evs_dashboard;

typedef struct evsd_instance {
  char *id; /* service:instance */
  char *service;
  evsd_document *now, *mark, *old;          /* newest; of the last sample; of the one before that, or NULL */
  const json_t *stats, *before;             /* what now and old hold: to be read or copied */
  uint64_t at_ms, mark_at_ms, before_at_ms; /* when they were taken */
  uint64_t age_ms;                          /* since the last sign of life */
  bool is_own, is_live;
} evsd_instance;

/* A copy for one handler, or the table itself. */
typedef struct evsd_instances {
  evsd_instance *items;
  size_t count;
} evsd_instances;

typedef struct evsd_fleet {
  pthread_mutex_t lock;
  evsd_instances table;
} evsd_fleet;

void evsd_fleet_init(evsd_fleet *fleet);
void evsd_fleet_destroy(evsd_fleet *fleet);

/* Take a sample of this process, or of the others, `passed_ms` after the one before; add to `latency` what
 * handlers took in between. */
void evsd_fleet_sample_own(struct evs_dashboard *dashboard, evsd_histogram *latency);
void evsd_fleet_sample_others(struct evs_dashboard *dashboard, uint64_t passed_ms, evsd_histogram *latency);
/* What is known now, our own numbers as of this moment. Freed with evsd_instances_free(). */
evsd_instances evsd_fleet_view(struct evs_dashboard *dashboard);
void evsd_instances_free(evsd_instances *view);

/* The newest document of this process (json_decref); never NULL. */
json_t *evsd_own_stats(struct evs_dashboard *dashboard);

/* A counter: object member of a section, e.g. ("publisher", "totalMessagesSent"). */
json_int_t evsd_counter(const json_t *stats, const char *section, const char *name);
/* How much it grew in a second. */
double evsd_rate(const evsd_instance *instance, const char *section, const char *name);
/* The same of any two numbers, one of each document. */
double evsd_rate_of(const evsd_instance *instance, json_int_t newer, json_int_t older);
/* A text member, or `otherwise`. */
const char *evsd_text(const json_t *object, const char *name, const char *otherwise);

#endif
