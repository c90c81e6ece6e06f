/* SPDX-License-Identifier: MIT
 * bench_report.c - what a load test came to, as text and as JSON. */
#include <stdlib.h>
#include <string.h>

#include "bench.h"
#include "output.h"
#include "session.h"

static const struct {
  const char *name, *title;
  double share;
} percentiles[] = {{"p50", "P50", 0.5},
                   {"p90", "P90", 0.9},
                   {"p99", "P99", 0.99},
                   {"p999", "P99.9", 0.999},
                   {"p9999", "P99.99", 0.9999}};
enum { PERCENTILES = sizeof percentiles / sizeof percentiles[0] };

bool bench_has_schedule(const bench_run *run) {
  return run->plan.rate > 0;
}

/* ---- adding up -------------------------------------------------------------------------------- */

/* Every event that is stored has to arrive at each pattern that wants it. */
bench_losses bench_count_lost(const bench_run *run) {
  const bench_plan *plan = &run->plan;
  bench_losses losses = {.sum = 0};
  uint64_t end = bench_bits_end(&run->stored_bits);
  for (uint64_t number = 0; number < end; number++) {
    if (!bench_bits_have(&run->stored_bits, number))
      continue;
    for (size_t i = 0; i < plan->pattern_count; i++) {
      bool is_wanted = plan->wanted[number % plan->types * plan->pattern_count + i];
      losses.expected[i] += is_wanted;
      losses.lost[i] += is_wanted && !bench_bits_have(&run->handled_bits[i], number);
    }
  }
  for (size_t i = 0; i < plan->pattern_count; i++)
    losses.sum += losses.lost[i];
  return losses;
}

static void merge(bench_latency *to, const bench_latency *from) {
  histogram_merge(&to->from_due, &from->from_due);
  histogram_merge(&to->from_offer, &from->from_offer);
}

static double seconds_until(const bench_run *run, uint64_t ns) {
  return ns > run->began_ns ? (double)(ns - run->began_ns) / 1e9 : 0;
}

void bench_sum_up(const bench_run *run, bench_result *out) {
  const bench_plan *plan = &run->plan;
  uint64_t published_ns = 0, handled_ns = 0;
  for (size_t i = 0; i < run->publishers_running; i++) {
    const bench_publisher *publisher = &run->publishers[i];
    merge(&out->publish, &publisher->latency);
    out->bytes += publisher->bytes;
    published_ns = publisher->last_ns > published_ns ? publisher->last_ns : published_ns;
  }
  for (size_t i = 0; i < run->consumers_running; i++) {
    merge(&out->handle, &run->consumers[i].latency);
    handled_ns = run->consumers[i].last_ns > handled_ns ? run->consumers[i].last_ns : handled_ns;
  }
  out->publish_s = seconds_until(run, published_ns);
  out->handle_s = seconds_until(run, handled_ns);
  out->cpu_s = bench_cpu_seconds() - run->cpu_before_s;
  out->losses = bench_count_lost(run);
  if (!bench_has_schedule(run) || session_stopped())
    return;
  double wanted = (double)plan->count;
  if (plan->duration_ns != UINT64_MAX && (double)plan->rate * (double)plan->duration_ns / 1e9 < wanted)
    wanted = (double)plan->rate * (double)plan->duration_ns / 1e9;
  out->late = wanted > (double)run->offered ? (uint64_t)wanted - run->offered : 0;
}

static double per_second(uint64_t count, double seconds) {
  return seconds > 0 ? (double)count / seconds : 0;
}

/* ---- text ------------------------------------------------------------------------------------- */

static void add_row(output_table *table, const char *what, const histogram *of) {
  output_table_cell(table, "%s", what);
  output_table_cell(table, "%.3f", histogram_mean_ms(of));
  for (size_t i = 0; i < PERCENTILES; i++)
    output_table_cell(table, "%.3f", histogram_percentile_ms(of, percentiles[i].share));
  output_table_cell(table, "%.3f", (double)of->max_ns / 1e6);
}

static void print_latencies(const bench_run *run, const bench_result *result) {
  const char *titles[PERCENTILES + 3] = {"MILLISECONDS", "MEAN"};
  for (size_t i = 0; i < PERCENTILES; i++)
    titles[i + 2] = percentiles[i].title;
  titles[PERCENTILES + 2] = "MAX";
  output_table *table = output_table_new(titles, PERCENTILES + 3);
  add_row(table, "until stored", &result->publish.from_due);
  if (bench_has_schedule(run))
    add_row(table, "  from being offered", &result->publish.from_offer);
  if (run->consumer_count > 0)
    add_row(table, "until handled", &result->handle.from_due);
  if (run->consumer_count > 0 && bench_has_schedule(run))
    add_row(table, "  from being offered", &result->handle.from_offer);
  output_table_end(table, true);
}

static void print_verdict(const bench_run *run, const bench_result *result) {
  if (result->late > 0)
    printf("too fast: %llu events of the rate were not offered in time, and no latency tells of them\n",
           (unsigned long long)result->late);
  if (run->refused + run->unknown > 0)
    printf("not stored: %llu refused, %llu unknown; the first: %s\n", run->refused, run->unknown,
           run->refusal ? run->refusal : "no answer");
  if (run->consumer_count == 0)
    return;
  for (size_t i = 0; i < run->plan.pattern_count; i++)
    if (result->losses.lost[i] > 0)
      printf("lost: %llu of %llu for %s\n", (unsigned long long)result->losses.lost[i],
             (unsigned long long)result->losses.expected[i], run->plan.patterns[i]);
  if (run->repeated + run->wrong > 0)
    printf("repeated: %llu; not of this run, or not wanted: %llu\n", run->repeated, run->wrong);
  else if (result->losses.sum == 0)
    puts("each stored event arrived once");
}

void bench_print(const bench_run *run, const bench_result *result) {
  printf("published  %llu in %.2f s  %.0f/s  %.1f MiB/s\n", run->stored, result->publish_s,
         per_second(run->stored, result->publish_s), per_second(result->bytes, result->publish_s) / 1048576);
  if (run->consumer_count > 0)
    printf("handled    %lld in %.2f s  %.0f/s\n", run->handled, result->handle_s,
           per_second((uint64_t)run->handled, result->handle_s));
  printf("processor  %.2f s of this process\n\n", result->cpu_s);
  print_latencies(run, result);
  putchar('\n');
  print_verdict(run, result);
}

/* ---- JSON ------------------------------------------------------------------------------------- */

static json_t *latency_json(const histogram *of) {
  json_t *document = json_pack("{s:I,s:f,s:f}", "count", (json_int_t)of->count, "mean", histogram_mean_ms(of),
                               "max", (double)of->max_ns / 1e6);
  for (size_t i = 0; i < PERCENTILES; i++)
    json_object_set_new(document, percentiles[i].name,
                        json_real(histogram_percentile_ms(of, percentiles[i].share)));
  return document;
}

static json_t *series_json(const bench_run *run) {
  json_t *published = json_array(), *handled = json_array();
  for (size_t i = 0; i < run->sample_count; i++) {
    json_array_append_new(published, json_integer((json_int_t)run->samples[i].published));
    json_array_append_new(handled, json_integer((json_int_t)run->samples[i].handled));
  }
  return json_pack("{s:I,s:o,s:o}", "everyMs", (json_int_t)(run->sample_ns / 1000000), "published", published,
                   "handled", handled);
}

static json_t *patterns_json(const bench_run *run, const bench_result *result) {
  json_t *patterns = json_array();
  for (size_t i = 0; i < run->plan.pattern_count; i++)
    json_array_append_new(patterns, json_pack("{s:s,s:I,s:I}", "pattern", run->plan.patterns[i], "expected",
                                              (json_int_t)result->losses.expected[i], "lost",
                                              (json_int_t)result->losses.lost[i]));
  return patterns;
}

static json_t *plan_json(const bench_run *run) {
  const bench_plan *plan = &run->plan;
  return json_pack("{s:s,s:s,s:s,s:i,s:i,s:i,s:i,s:i,s:o}", "store", run->cli->store ? run->cli->store : "",
                   "transport", plan->transport, "topic", plan->topic, "publishers", (int)plan->publishers,
                   "consumers", (int)plan->consumers, "types", (int)plan->types, "smallest",
                   (int)plan->smallest, "largest", (int)plan->largest, "rate",
                   plan->rate > 0 ? json_integer((json_int_t)plan->rate) : json_null());
}

static json_t *published_json(const bench_run *run, const bench_result *result) {
  return json_pack("{s:I,s:I,s:I,s:I,s:I,s:f,s:f,s:f,s:o,s:o}", "offered", (json_int_t)run->offered, "stored",
                   (json_int_t)run->stored, "refused", (json_int_t)run->refused, "unknown",
                   (json_int_t)run->unknown, "late", (json_int_t)result->late, "seconds", result->publish_s,
                   "perSecond", per_second(run->stored, result->publish_s), "bytesPerSecond",
                   per_second(result->bytes, result->publish_s), "latencyMs",
                   latency_json(&result->publish.from_due), "latencyFromOfferMs",
                   latency_json(&result->publish.from_offer));
}

static json_t *handled_json(const bench_run *run, const bench_result *result) {
  return json_pack("{s:I,s:I,s:I,s:I,s:f,s:f,s:o,s:o,s:o}", "handled", (json_int_t)run->handled, "lost",
                   (json_int_t)result->losses.sum, "repeated", (json_int_t)run->repeated, "wrong",
                   (json_int_t)run->wrong, "seconds", result->handle_s, "perSecond",
                   per_second((uint64_t)run->handled, result->handle_s), "latencyMs",
                   latency_json(&result->handle.from_due), "latencyFromOfferMs",
                   latency_json(&result->handle.from_offer), "patterns", patterns_json(run, result));
}

void bench_print_json(const bench_run *run, const bench_result *result) {
  json_t *document = json_pack(
      "{s:o,s:b,s:o,s:o,s:f,s:o,s:o}", "plan", plan_json(run), "corrected", bench_has_schedule(run),
      "published", published_json(run, result), "handled",
      run->consumer_count > 0 ? handled_json(run, result) : json_null(), "processorSeconds", result->cpu_s,
      "refusal", run->refusal ? json_string(run->refusal) : json_null(), "series", series_json(run));
  output_json(document, false);
  json_decref(document);
}
