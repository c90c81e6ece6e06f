/* SPDX-License-Identifier: MIT
 * bench_chart.c - a load test as a picture: events a second over the time, and latency by percentile. SVG by
 * itself. */
#include <math.h>

#include "bench.h"

enum { WIDTH = 720, HEIGHT = 520, LEFT = 80, RIGHT = 20, PANEL = 180, FIRST = 50, SECOND = 300 };

/* A panel of the picture: what is at its right end and at its top. */
typedef struct panel {
  FILE *to;
  double top;
  double most_x, most_y;
} panel;

static double x_of(const panel *at, double x) {
  return LEFT + (at->most_x > 0 ? x / at->most_x : 0) * (WIDTH - LEFT - RIGHT);
}

static double y_of(const panel *at, double y) {
  return at->top + PANEL - (at->most_y > 0 ? y / at->most_y : 0) * PANEL;
}

static void text(const panel *at, double x, double y, const char *anchor, const char *content) {
  fprintf(at->to, "<text x=\"%.0f\" y=\"%.0f\" text-anchor=\"%s\">%s</text>\n", x, y, anchor, content);
}

static void frame(const panel *at, const char *title, const char *first, const char *second) {
  char label[32];
  text(at, LEFT, at->top - 12, "start", title);
  fprintf(at->to, "<text x=\"%d\" y=\"%.0f\" text-anchor=\"end\"><tspan class=\"a\">%s</tspan> ",
          WIDTH - RIGHT, at->top - 12, first);
  fprintf(at->to, "<tspan class=\"b\">%s</tspan></text>\n", second);
  for (int i = 0; i <= 4; i++) {
    double y = at->most_y * i / 4;
    snprintf(label, sizeof label, at->most_y < 10 ? "%.3g" : "%.0f", y);
    fprintf(at->to, "<line x1=\"%d\" x2=\"%d\" y1=\"%.1f\" y2=\"%.1f\"/>\n", LEFT, WIDTH - RIGHT, y_of(at, y),
            y_of(at, y));
    text(at, LEFT - 8, y_of(at, y) + 4, "end", label);
  }
}

/* ---- events a second -------------------------------------------------------------------------- */

static double rate_at(const bench_run *run, size_t i, bool is_handled) {
  const bench_sample *now = &run->samples[i], none = {0}, *before = i > 0 ? &run->samples[i - 1] : &none;
  uint64_t count = is_handled ? now->handled - before->handled : now->published - before->published;
  return (double)count / ((double)run->sample_ns / 1e9);
}

static void rate_line(const panel *at, const bench_run *run, bool is_handled) {
  fprintf(at->to, "<polyline class=\"%s\" points=\"", is_handled ? "b" : "a");
  for (size_t i = 0; i < run->sample_count; i++)
    fprintf(at->to, "%.1f,%.1f ", x_of(at, (double)(i + 1)), y_of(at, rate_at(run, i, is_handled)));
  fputs("\"/>\n", at->to);
}

static void rates(const bench_run *run, FILE *to) {
  panel at = {.to = to, .top = FIRST, .most_x = (double)run->sample_count};
  char end[32];
  for (size_t i = 0; i < run->sample_count; i++)
    at.most_y = fmax(at.most_y, fmax(rate_at(run, i, false), rate_at(run, i, true)));
  frame(&at, "events a second", "published", run->consumer_count > 0 ? "handled" : "");
  snprintf(end, sizeof end, "%.1f s", (double)run->sample_count * (double)run->sample_ns / 1e9);
  text(&at, LEFT, FIRST + PANEL + 18, "start", "0 s");
  text(&at, WIDTH - RIGHT, FIRST + PANEL + 18, "end", end);
  rate_line(&at, run, false);
  if (run->consumer_count > 0)
    rate_line(&at, run, true);
}

/* ---- latencies -------------------------------------------------------------------------------- */

enum { NINES = 4, STEPS = 20 /* of each nine */ };

static void latency_line(const panel *at, const histogram *of, const char *class) {
  fprintf(at->to, "<polyline class=\"%s\" points=\"", class);
  for (int i = 0; i <= NINES * STEPS; i++) {
    double nines = (double)i / STEPS;
    fprintf(at->to, "%.1f,%.1f ", x_of(at, nines),
            y_of(at, histogram_percentile_ms(of, 1 - pow(10, -nines))));
  }
  fputs("\"/>\n", at->to);
}

static void latencies(const bench_run *run, const bench_result *result, FILE *to) {
  static const char *const marks[NINES + 1] = {"0 %", "90 %", "99 %", "99.9 %", "99.99 %"};
  const bench_latency *latency = run->consumer_count > 0 ? &result->handle : &result->publish;
  panel at = {.to = to, .top = SECOND, .most_x = NINES};
  at.most_y = fmax(histogram_percentile_ms(&latency->from_due, 1 - pow(10, -NINES)),
                   histogram_percentile_ms(&latency->from_offer, 1 - pow(10, -NINES)));
  frame(&at, run->consumer_count > 0 ? "milliseconds until handled" : "milliseconds until stored",
        bench_has_schedule(run) ? "from when it was due" : "from being offered",
        bench_has_schedule(run) ? "from being offered" : "");
  for (int i = 0; i <= NINES; i++)
    text(&at, x_of(&at, i), SECOND + PANEL + 18, i == 0 ? "start" : i == NINES ? "end" : "middle", marks[i]);
  latency_line(&at, &latency->from_due, "a");
  if (bench_has_schedule(run))
    latency_line(&at, &latency->from_offer, "b");
}

void bench_chart(const bench_run *run, const bench_result *result, FILE *to) {
  fprintf(to,
          "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" font-family=\"sans-serif\" "
          "font-size=\"13\">\n"
          "<style>svg{background:#fff;fill:#222}line{stroke:#ddd}polyline{fill:none;stroke-width:2}"
          ".a{fill:#1f6feb}.b{fill:#c2410c}polyline.a{fill:none;stroke:#1f6feb}polyline.b{fill:none;stroke:#"
          "c2410c}"
          "</style>\n",
          WIDTH, HEIGHT);
  rates(run, to);
  latencies(run, result, to);
  fputs("</svg>\n", to);
}
