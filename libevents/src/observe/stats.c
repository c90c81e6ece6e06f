/* SPDX-License-Identifier: MIT
 * stats.c - labels, rates, newest errors. The JSON snapshot is in stats_json.c, the Prometheus text in
 * metrics_text.c. */
#include "observe/stats.h"

#include <stdio.h>
#include <string.h>

const evsi_rated_counter evsi_rated[EVSI_RATED_COUNTERS] = {
    {EVSI_COUNT_SENT, EVSI_SIDE_PUBLISHER, "sent"},
    {EVSI_COUNT_SEND_FAILED, EVSI_SIDE_PUBLISHER, "failed"},
    {EVSI_COUNT_RECEIVED, EVSI_SIDE_CONSUMER, "received"},
    {EVSI_COUNT_ACKED, EVSI_SIDE_CONSUMER, "acknowledged"},
    {EVSI_COUNT_FAILED, EVSI_SIDE_CONSUMER, "failed"},
    {EVSI_COUNT_RETRIED, EVSI_SIDE_CONSUMER, "retried"},
    {EVSI_COUNT_DEAD, EVSI_SIDE_CONSUMER, "deadLettered"},
};

void evsi_stats_init(evsi_stats *stats, const evsi_env *env, uint32_t max_labels) {
  memset(stats, 0, sizeof *stats);
  stats->env = env;
  stats->started_ms = evsi_now_ms(env);
  stats->max_labels = max_labels;
  pthread_rwlock_init(&stats->lock, NULL);
  pthread_mutex_init(&stats->moments, NULL);
  evsi_meter_clock_init(&stats->clock, stats->started_ms);
}

static void free_label(evsi_label *label) {
  for (int side = 0; side < EVSI_SIDES; side++) {
    evsi_free(label->errors[side]);
    evsi_free(label->meters[side]);
  }
  evsi_free(label->name);
  evsi_free(label);
}

void evsi_stats_destroy(evsi_stats *stats) {
  for (int d = 0; d < EVSI_LABEL_DIMENSIONS; d++) {
    evsi_label *label, *next;
    HASH_ITER(hh, stats->labels[d], label, next) {
      HASH_DEL(stats->labels[d], label);
      free_label(label);
    }
  }
  pthread_mutex_destroy(&stats->moments);
  pthread_rwlock_destroy(&stats->lock);
}

/* @locks stats->lock, for writing */
static evsi_label *add_label(evsi_stats *stats, evsi_dimension dimension, evs_bytes name) {
  evsi_label *label = NULL;
  HASH_FIND(hh, stats->labels[dimension], name.data, name.size, label);
  if (label)
    return label;
  uint32_t count = HASH_COUNT(stats->labels[dimension]);
  if (count >= stats->max_labels) {
    name = evsi_text("other");
    HASH_FIND(hh, stats->labels[dimension], name.data, name.size, label);
    if (label)
      return label;
  }
  label = evsi_calloc(1, sizeof *label);
  if (!label || !(label->name = evsi_strndup(name.data, name.size))) {
    evsi_free(label);
    return NULL;
  }
  label->id = count;
  HASH_ADD_KEYPTR(hh, stats->labels[dimension], label->name, name.size, label);
  if (label->hh.tbl)
    return label;
  evsi_free(label->name);
  evsi_free(label);
  return NULL;
}

evsi_label *evsi_stats_label(evsi_stats *stats, evsi_dimension dimension, evs_bytes name) {
  evsi_label *label = NULL;
  pthread_rwlock_rdlock(&stats->lock);
  HASH_FIND(hh, stats->labels[dimension], name.data, name.size, label);
  pthread_rwlock_unlock(&stats->lock);
  if (label)
    return label;
  pthread_rwlock_wrlock(&stats->lock);
  label = add_label(stats, dimension, name);
  pthread_rwlock_unlock(&stats->lock);
  return label;
}

void evsi_stats_relabel(evsi_stats *stats, evsi_dimension dimension, evs_bytes name, evsi_label **label) {
  if (!*label || !evsi_bytes_equal(evsi_text((*label)->name), name))
    *label = evsi_stats_label(stats, dimension, name);
}

void evsi_stats_count_name(evsi_stats *stats, const char *json_name, uint64_t amount) {
  static const char *const names[] = {
#define X(id, section, json, prometheus, help) json,
#include "observe/counters.def"
#undef X
  };
  /* From the back: what transports count is declared last, and some names stand in two sections. */
  for (int i = EVSI_COUNTERS - 1; i >= 0; i--) {
    if (strcmp(names[i], json_name) == 0) {
      evsi_count(stats, (evsi_counter)i, amount);
      return;
    }
  }
}

/* ---- newest errors, rates ----------------------------------------------------------------------- */

static void set_error(evsi_last_error *error, const char *text, uint64_t at) {
  snprintf(error->text, sizeof error->text, "%s", text);
  error->at = at;
}

/* @locks stats->moments. Where memory is short the label has none. */
static void set_label_error(evsi_label *label, evsi_side side, const char *text, uint64_t at) {
  if (label && !label->errors[side])
    label->errors[side] = evsi_calloc(1, sizeof *label->errors[side]);
  if (label && label->errors[side])
    set_error(label->errors[side], text, at);
}

void evsi_stats_error(evsi_stats *stats, evsi_side side, const evsi_labels *labels, const char *text) {
  uint64_t now = evsi_wall_ms(stats->env);
  pthread_mutex_lock(&stats->moments);
  set_error(&stats->errors[side], text, now);
  if (labels) {
    set_label_error(labels->type, side, text, now);
    set_label_error(labels->topic, side, text, now);
    set_label_error(labels->transport, side, text, now);
  }
  pthread_mutex_unlock(&stats->moments);
}

void evsi_stats_label_error(evsi_stats *stats, evsi_side side, evsi_label *label, const char *text) {
  uint64_t now = evsi_wall_ms(stats->env);
  pthread_mutex_lock(&stats->moments);
  set_label_error(label, side, text, now);
  pthread_mutex_unlock(&stats->moments);
}

/* @locks stats->moments */
static void look_at_label(const evsi_stats *stats, evsi_label *label, bool is_new_step,
                          bool is_subscription) {
  const evsi_labeled rated[EVSI_SIDES] = {EVSI_LABELED_SENT,
                                          is_subscription ? EVSI_LABELED_HANDLED : EVSI_LABELED_RECEIVED};
  for (int side = 0; side < EVSI_SIDES; side++) {
    uint64_t count = atomic_load_explicit(&label->counts[rated[side]], memory_order_relaxed);
    if (count > 0 && !label->meters[side])
      label->meters[side] = evsi_calloc(1, sizeof *label->meters[side]);
    if (label->meters[side])
      evsi_meter_look(label->meters[side], &stats->clock, is_new_step, count);
  }
}

void evsi_stats_look(evsi_stats *stats) {
  pthread_rwlock_rdlock(&stats->lock);
  pthread_mutex_lock(&stats->moments);
  bool is_new_step = evsi_meter_clock_look(&stats->clock, evsi_now_ms(stats->env));
  for (int i = 0; i < EVSI_RATED_COUNTERS; i++)
    evsi_meter_look(&stats->meters[i], &stats->clock, is_new_step,
                    atomic_load_explicit(&stats->counters[evsi_rated[i].counter], memory_order_relaxed));
  for (int d = 0; d < EVSI_LABEL_DIMENSIONS; d++) {
    for (evsi_label *label = stats->labels[d]; label; label = label->hh.next)
      look_at_label(stats, label, is_new_step, d == EVSI_LABEL_SUBSCRIPTION);
  }
  pthread_mutex_unlock(&stats->moments);
  pthread_rwlock_unlock(&stats->lock);
}
