/* SPDX-License-Identifier: MIT
 * stats_json.c - the statistics as members of the JSON snapshot. */
#include <string.h>

#include "observe/stats.h"

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

/* scale: 1 for milliseconds of what was recorded in microseconds, 1000 for the numbers themselves. */
static void add_histogram(evsi_buf *out, const char *name, const evsi_histogram *histogram, double scale) {
  evsi_percentiles p = evsi_histogram_read(histogram);
  evsi_buf_addf(out,
                ",\"%s\":{\"count\":%llu,\"mean\":%.3f,\"p50\":%.3f,\"p90\":%.3f,\"p99\":%.3f,\"p999\":%.3f,"
                "\"max\":%.3f,",
                name, (unsigned long long)p.count, p.mean_ms * scale, p.p50_ms * scale, p.p90_ms * scale,
                p.p99_ms * scale, p.p999_ms * scale, p.max_ms * scale);
  add_buckets(out, histogram);
  evsi_buf_add_text(out, "}");
}

static void add_mean(evsi_buf *out, const char *name, const evsi_histogram *histogram) {
  evsi_buf_addf(out, ",\"%s\":%.3f", name, evsi_histogram_read(histogram).mean_ms);
}

static void add_rate(evsi_buf *out, const char *name, const evsi_meter *rate, const evsi_meter_clock *clock) {
  evsi_meter_reading r = evsi_meter_read(rate, clock);
  evsi_buf_addf(out, "\"%s\":{\"second\":%.3f,\"minute\":%.3f,\"fiveMinutes\":%.3f}", name, r.second,
                r.minute, r.five_minutes);
}

/* @locks stats->moments */
static void add_rates(const evsi_stats *stats, evsi_buf *out, evsi_side side) {
  const char *comma = "";
  evsi_buf_add_text(out, ",\"rates\":{");
  for (int i = 0; i < EVSI_RATED_COUNTERS; i++) {
    if (evsi_rated[i].side != side)
      continue;
    evsi_buf_add_text(out, comma);
    add_rate(out, evsi_rated[i].name, &stats->meters[i], &stats->clock);
    comma = ",";
  }
  evsi_buf_add_text(out, "}");
}

/* One member of an object of numbers by label, unless it is 0; gives what stands before the next one. */
static const char *add_number(evsi_buf *out, const char *comma, const evsi_label *label, uint64_t number) {
  if (number == 0)
    return comma;
  evsi_buf_add_text(out, comma);
  evsi_buf_add_json(out, label->name, strlen(label->name));
  evsi_buf_addf(out, ":%llu", (unsigned long long)number);
  return ",";
}

/* @locks stats->lock, for reading */
static void add_counts(evsi_stats *stats, evsi_buf *out, evsi_dimension dimension, evsi_labeled what) {
  const char *comma = "";
  evsi_buf_add_text(out, "{");
  for (evsi_label *label = stats->labels[dimension]; label; label = label->hh.next)
    comma = add_number(out, comma, label, atomic_load_explicit(&label->counts[what], memory_order_relaxed));
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
  for (evsi_label *label = stats->labels[EVSI_LABEL_TYPE]; label; label = label->hh.next)
    comma = add_number(out, comma, label, atomic_load_explicit(&label->sent_ms, memory_order_relaxed));
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

/* @locks stats->moments */
static void add_error(evsi_buf *out, const evsi_last_error *error) {
  if (!error || error->at == 0)
    return;
  evsi_buf_add_text(out, ",\"lastError\":");
  evsi_buf_add_json(out, error->text, strlen(error->text));
  evsi_buf_addf(out, ",\"lastErrorTime\":%llu", (unsigned long long)error->at);
}

/* @locks stats->moments. What was counted of one label on one side; false: nothing. */
static bool add_label(const evsi_stats *stats, evsi_buf *out, const evsi_label *label, evsi_side side) {
  static const struct {
    evsi_side side;
    const char *json;
  } names[] = {
#define X(id, side, json, prometheus, help) {EVSI_SIDE_##side, json},
#include "observe/labels.def"
#undef X
  };
  const char *comma = "";
  evsi_buf_add_json(out, label->name, strlen(label->name));
  evsi_buf_add_text(out, ":{");
  for (int i = 0; i < EVSI_LABELED_COUNTS; i++) {
    uint64_t count = atomic_load_explicit(&label->counts[i], memory_order_relaxed);
    if (names[i].side != side || count == 0)
      continue;
    evsi_buf_addf(out, "%s\"%s\":%llu", comma, names[i].json, (unsigned long long)count);
    comma = ",";
  }
  bool has_any = *comma;
  if (has_any && label->meters[side]) {
    evsi_buf_add_text(out, comma);
    add_rate(out, "rate", label->meters[side], &stats->clock);
  }
  if (has_any)
    add_error(out, label->errors[side]);
  evsi_buf_add_text(out, "}");
  return has_any;
}

/* @locks stats->lock, for reading, and stats->moments */
static void add_dimension(const evsi_stats *stats, evsi_buf *out, evsi_dimension dimension, evsi_side side) {
  static const char *const names[] = {"byType", "byTopic", "byTransport", "bySubscription"};
  const char *comma = "";
  evsi_buf_addf(out, ",\"%s\":{", names[dimension]);
  for (const evsi_label *label = stats->labels[dimension]; label; label = label->hh.next) {
    size_t before = out->size;
    evsi_buf_add_text(out, comma);
    if (add_label(stats, out, label, side))
      comma = ",";
    else if (!out->failed)
      out->size = before;
  }
  evsi_buf_add_text(out, "}");
}

/* @locks stats->lock, for reading, and stats->moments */
static void add_side(const evsi_stats *stats, evsi_buf *out, evsi_side side) {
  for (int d = 0; d < EVSI_LABEL_DIMENSIONS; d++) {
    if (d != EVSI_LABEL_SUBSCRIPTION || side == EVSI_SIDE_CONSUMER)
      add_dimension(stats, out, (evsi_dimension)d, side);
  }
  add_rates(stats, out, side);
  add_error(out, &stats->errors[side]);
}

void evsi_stats_json(evsi_stats *stats, evsi_buf *out) {
  pthread_rwlock_rdlock(&stats->lock);
  pthread_mutex_lock(&stats->moments);
  add_counters(stats, out, "publisher");
  add_labels(stats, out, "totalMessagesSentByType", EVSI_LABEL_TYPE, EVSI_LABELED_SENT);
  add_labels(stats, out, "totalMessagesSentByTopic", EVSI_LABEL_TOPIC, EVSI_LABELED_SENT);
  add_labels(stats, out, "totalMessagesSentByTransport", EVSI_LABEL_TRANSPORT, EVSI_LABELED_SENT);
  add_sent_times(stats, out);
  add_mean(out, "averageLatency", &stats->publish_latency);
  add_histogram(out, "latency", &stats->publish_latency, 1);
  add_histogram(out, "batchSizes", &stats->batch_sizes, 1000);
  add_side(stats, out, EVSI_SIDE_PUBLISHER);
  evsi_buf_add_text(out, "},");
  add_counters(stats, out, "consumer");
  add_labels(stats, out, "totalMessagesReceivedByType", EVSI_LABEL_TYPE, EVSI_LABELED_RECEIVED);
  add_labels(stats, out, "totalMessagesReceivedByTopic", EVSI_LABEL_TOPIC, EVSI_LABELED_RECEIVED);
  add_labels(stats, out, "totalMessagesReceivedByTransport", EVSI_LABEL_TRANSPORT, EVSI_LABELED_RECEIVED);
  add_labels(stats, out, "failedMessagesByType", EVSI_LABEL_TYPE, EVSI_LABELED_FAILED);
  add_labels(stats, out, "handledMessagesBySubscription", EVSI_LABEL_SUBSCRIPTION, EVSI_LABELED_HANDLED);
  add_mean(out, "averageProcessingTime", &stats->handler_latency);
  add_histogram(out, "processingTime", &stats->handler_latency, 1);
  add_histogram(out, "endToEnd", &stats->end_to_end_latency, 1);
  add_side(stats, out, EVSI_SIDE_CONSUMER);
  evsi_buf_add_text(out, "},");
  add_counters(stats, out, "transport");
  pthread_mutex_unlock(&stats->moments);
  pthread_rwlock_unlock(&stats->lock);
  evsi_buf_addf(out, "},\"uptime\":%.3f,\"version\":\"" EVS_VERSION "\"",
                (double)(evsi_now_ms(stats->env) - stats->started_ms) / 1000.0);
}
