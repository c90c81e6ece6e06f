/* SPDX-License-Identifier: MIT
 * stats.c - counting, labels, and the JSON snapshot. The Prometheus text is in metrics_text.c. */
#include "observe/stats.h"

#include <stdio.h>
#include <string.h>

void evsi_stats_init(evsi_stats *stats, const evsi_env *env, uint32_t max_labels) {
  memset(stats, 0, sizeof *stats);
  stats->env = env;
  stats->started_ms = evsi_now_ms(env);
  stats->max_labels = max_labels;
  pthread_rwlock_init(&stats->lock, NULL);
}

void evsi_stats_destroy(evsi_stats *stats) {
  for (int d = 0; d < EVSI_LABEL_DIMENSIONS; d++) {
    evsi_label *label, *next;
    HASH_ITER(hh, stats->labels[d], label, next) {
      HASH_DEL(stats->labels[d], label);
      evsi_free(label->name);
      evsi_free(label);
    }
  }
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

void evsi_stats_error(evsi_stats *stats, int is_publisher, const char *text) {
  pthread_rwlock_wrlock(&stats->lock);
  snprintf(is_publisher ? stats->publisher_error : stats->consumer_error, sizeof stats->publisher_error, "%s",
           text);
  *(is_publisher ? &stats->publisher_error_at : &stats->consumer_error_at) = evsi_wall_ms(stats->env);
  pthread_rwlock_unlock(&stats->lock);
}

/* The buckets that hold something, so that readers can add up what several processes measured: percentiles
 * cannot be averaged. */
static void add_buckets(evsi_buf *out, const evsi_histogram *histogram) {
  const char *comma = "";
  evsi_buf_add_text(out, "\"buckets\":[");
  for (unsigned i = 0; i < EVSI_HISTOGRAM_BUCKETS; i++) {
    uint64_t upper_us, count = evsi_histogram_bucket(histogram, i, &upper_us);
    if (count == 0)
      continue;
    evsi_buf_addf(out, "%s[%llu,%llu]", comma, (unsigned long long)upper_us, (unsigned long long)count);
    comma = ",";
  }
  evsi_buf_add_text(out, "]");
}

static void add_latency(evsi_buf *out, const char *name, const char *mean_name,
                        const evsi_histogram *histogram) {
  evsi_percentiles p = evsi_histogram_read(histogram);
  if (mean_name)
    evsi_buf_addf(out, ",\"%s\":%.3f", mean_name, p.mean_ms);
  evsi_buf_addf(out,
                ",\"%s\":{\"count\":%llu,\"mean\":%.3f,\"p50\":%.3f,\"p90\":%.3f,\"p99\":%.3f,\"p999\":%.3f,"
                "\"max\":%.3f,",
                name, (unsigned long long)p.count, p.mean_ms, p.p50_ms, p.p90_ms, p.p99_ms, p.p999_ms,
                p.max_ms);
  add_buckets(out, histogram);
  evsi_buf_add_text(out, "}");
}

/* @locks stats->lock, for reading */
static void add_counts(evsi_stats *stats, evsi_buf *out, evsi_dimension dimension, evsi_labeled what) {
  const char *comma = "";
  evsi_buf_add_text(out, "{");
  for (evsi_label *label = stats->labels[dimension]; label; label = label->hh.next) {
    uint64_t count = atomic_load_explicit(&label->counts[what], memory_order_relaxed);
    if (count == 0)
      continue;
    evsi_buf_add_text(out, comma);
    evsi_buf_add_json(out, label->name, strlen(label->name));
    evsi_buf_addf(out, ":%llu", (unsigned long long)count);
    comma = ",";
  }
  evsi_buf_add_text(out, "}");
}

/* @locks stats->lock, for reading */
static void add_labels(evsi_stats *stats, evsi_buf *out, const char *name, evsi_dimension dimension,
                       evsi_labeled what) {
  evsi_buf_addf(out, ",\"%s\":", name);
  add_counts(stats, out, dimension, what);
}

void evsi_stats_labels_json(evsi_stats *stats, evsi_dimension dimension, evsi_labeled what, evsi_buf *out) {
  pthread_rwlock_rdlock(&stats->lock);
  add_counts(stats, out, dimension, what);
  pthread_rwlock_unlock(&stats->lock);
}

/* @locks stats->lock, for reading */
static void add_sent_times(evsi_stats *stats, evsi_buf *out) {
  const char *comma = "";
  evsi_buf_add_text(out, ",\"lastPublishTime\":{");
  for (evsi_label *label = stats->labels[EVSI_LABEL_TYPE]; label; label = label->hh.next) {
    uint64_t at = atomic_load_explicit(&label->sent_ms, memory_order_relaxed);
    if (at == 0)
      continue;
    evsi_buf_add_text(out, comma);
    evsi_buf_add_json(out, label->name, strlen(label->name));
    evsi_buf_addf(out, ":%llu", (unsigned long long)at);
    comma = ",";
  }
  evsi_buf_add_text(out, "}");
}

static void add_counters(evsi_stats *stats, evsi_buf *out, const char *wanted) {
  static const struct {
    const char *section, *json;
  } names[] = {
#define X(id, section, json, prometheus, help) {section, json},
#include "observe/counters.def"
#undef X
  };
  const char *comma = "";
  evsi_buf_addf(out, "\"%s\":{", wanted);
  for (int i = 0; i < EVSI_COUNTERS; i++) {
    if (strcmp(names[i].section, wanted) != 0)
      continue;
    evsi_buf_addf(out, "%s\"%s\":%llu", comma, names[i].json,
                  (unsigned long long)atomic_load_explicit(&stats->counters[i], memory_order_relaxed));
    comma = ",";
  }
}

static void add_error(evsi_buf *out, const char *text, uint64_t at) {
  if (at == 0)
    return;
  evsi_buf_add_text(out, ",\"lastError\":");
  evsi_buf_add_json(out, text, strlen(text));
  evsi_buf_addf(out, ",\"lastErrorTime\":%llu", (unsigned long long)at);
}

void evsi_stats_json(evsi_stats *stats, evsi_buf *out) {
  pthread_rwlock_rdlock(&stats->lock);
  add_counters(stats, out, "publisher");
  add_labels(stats, out, "totalMessagesSentByType", EVSI_LABEL_TYPE, EVSI_LABELED_SENT);
  add_labels(stats, out, "totalMessagesSentByTopic", EVSI_LABEL_TOPIC, EVSI_LABELED_SENT);
  add_labels(stats, out, "totalMessagesSentByTransport", EVSI_LABEL_TRANSPORT, EVSI_LABELED_SENT);
  add_sent_times(stats, out);
  add_latency(out, "latency", "averageLatency", &stats->publish_latency);
  add_error(out, stats->publisher_error, stats->publisher_error_at);
  evsi_buf_add_text(out, "},");
  add_counters(stats, out, "consumer");
  add_labels(stats, out, "totalMessagesReceivedByType", EVSI_LABEL_TYPE, EVSI_LABELED_RECEIVED);
  add_labels(stats, out, "totalMessagesReceivedByTopic", EVSI_LABEL_TOPIC, EVSI_LABELED_RECEIVED);
  add_labels(stats, out, "totalMessagesReceivedByTransport", EVSI_LABEL_TRANSPORT, EVSI_LABELED_RECEIVED);
  add_labels(stats, out, "failedMessagesByType", EVSI_LABEL_TYPE, EVSI_LABELED_FAILED);
  add_labels(stats, out, "handledMessagesBySubscription", EVSI_LABEL_SUBSCRIPTION, EVSI_LABELED_RECEIVED);
  add_latency(out, "processingTime", "averageProcessingTime", &stats->handler_latency);
  add_latency(out, "endToEnd", NULL, &stats->end_to_end_latency);
  add_error(out, stats->consumer_error, stats->consumer_error_at);
  evsi_buf_add_text(out, "},");
  add_counters(stats, out, "transport");
  pthread_rwlock_unlock(&stats->lock);
  evsi_buf_addf(out, "},\"uptime\":%.3f,\"version\":\"" EVS_VERSION "\"",
                (double)(evsi_now_ms(stats->env) - stats->started_ms) / 1000.0);
}
