/* SPDX-License-Identifier: MIT
 * metrics_text.c - the statistics as Prometheus text exposition (format 0.0.4). */
#include <string.h>

#include "observe/stats.h"

static void add_summary(evsi_buf *out, const char *name, const char *help, const evsi_histogram *histogram) {
  evsi_percentiles p = evsi_histogram_read(histogram);
  evsi_buf_addf(out, "# HELP %s %s\n# TYPE %s summary\n", name, help, name);
  evsi_buf_addf(out, "%s{quantile=\"0.5\"} %.6f\n%s{quantile=\"0.9\"} %.6f\n", name, p.p50_ms / 1000, name,
                p.p90_ms / 1000);
  evsi_buf_addf(out, "%s{quantile=\"0.99\"} %.6f\n%s{quantile=\"0.999\"} %.6f\n", name, p.p99_ms / 1000, name,
                p.p999_ms / 1000);
  evsi_buf_addf(out, "%s_sum %.6f\n%s_count %llu\n", name, p.mean_ms * (double)p.count / 1000, name,
                (unsigned long long)p.count);
}

static void add_label_value(evsi_buf *out, const char *text) {
  for (; *text; text++) {
    if (*text == '"' || *text == '\\')
      evsi_buf_add(out, "\\", 1);
    if (*text == '\n')
      evsi_buf_add_text(out, "\\n");
    else
      evsi_buf_add(out, text, 1);
  }
}

/* @locks stats->lock, for reading. A name without a count has no lines. */
static void add_by_label(evsi_stats *stats, evsi_buf *out, evsi_dimension dimension, const char *label_name) {
  static const struct {
    const char *name, *help;
  } counts[] = {
#define X(id, side, json, prometheus, help) {prometheus, help},
#include "observe/labels.def"
#undef X
  };
  for (int what = 0; what < EVSI_LABELED_COUNTS; what++) {
    bool has_head = false;
    for (evsi_label *label = stats->labels[dimension]; label; label = label->hh.next) {
      uint64_t count = atomic_load_explicit(&label->counts[what], memory_order_relaxed);
      if (count == 0)
        continue;
      if (!has_head)
        evsi_buf_addf(
            out, "# HELP libevents_%s_by_%s_total %s, by %s\n# TYPE libevents_%s_by_%s_total counter\n",
            counts[what].name, label_name, counts[what].help, label_name, counts[what].name, label_name);
      has_head = true;
      evsi_buf_addf(out, "libevents_%s_by_%s_total{%s=\"", counts[what].name, label_name, label_name);
      add_label_value(out, label->name);
      evsi_buf_addf(out, "\"} %llu\n", (unsigned long long)count);
    }
  }
}

void evsi_stats_metrics(evsi_stats *stats, evsi_buf *out) {
  static const struct {
    const char *name, *help;
  } counters[] = {
#define X(id, section, json, prometheus, help) {prometheus, help},
#include "observe/counters.def"
#undef X
  };
  for (int i = 0; i < EVSI_COUNTERS; i++)
    evsi_buf_addf(out, "# HELP %s %s\n# TYPE %s counter\n%s %llu\n", counters[i].name, counters[i].help,
                  counters[i].name, counters[i].name,
                  (unsigned long long)atomic_load_explicit(&stats->counters[i], memory_order_relaxed));
  add_summary(out, "libevents_publish_seconds", "Publish until the store answered", &stats->publish_latency);
  add_summary(out, "libevents_handler_seconds", "Handed to a handler until settled", &stats->handler_latency);
  add_summary(out, "libevents_end_to_end_seconds", "Event timestamp until handed",
              &stats->end_to_end_latency);
  pthread_rwlock_rdlock(&stats->lock);
  add_by_label(stats, out, EVSI_LABEL_TYPE, "type");
  add_by_label(stats, out, EVSI_LABEL_TOPIC, "topic");
  add_by_label(stats, out, EVSI_LABEL_TRANSPORT, "transport");
  add_by_label(stats, out, EVSI_LABEL_SUBSCRIPTION, "subscription");
  pthread_rwlock_unlock(&stats->lock);
}
