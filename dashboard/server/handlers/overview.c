/* SPDX-License-Identifier: MIT
 * overview.c - GET /overview and GET /series: is anything wrong, and since when? What the store does not give
 * is named in `unavailable`; the rest is answered. */
#include <stdlib.h>
#include <string.h>

#include "../transports.h"
#include "handlers.h"

enum { WORST = 5, SERIES_MAX = 900 };

static void miss(json_t *unavailable, const char *part, const evsd_failure *failure) {
  json_array_append_new(unavailable,
                        json_pack("{s:s, s:s, s:s}", "part", part, "code", evsd_failure_code(failure->status),
                                  "detail", failure->message));
}

/* Orders by a number, the largest first; null is the smallest. */
static int by_lag(const void *a, const void *b) {
  double left = json_number_value(json_object_get(*(json_t *const *)a, "lag"));
  double right = json_number_value(json_object_get(*(json_t *const *)b, "lag"));
  return left < right ? 1 : left > right ? -1 : 0;
}

static int by_last(const void *a, const void *b) {
  double left = json_number_value(json_object_get(*(json_t *const *)a, "lastAt"));
  double right = json_number_value(json_object_get(*(json_t *const *)b, "lastAt"));
  return left < right ? 1 : left > right ? -1 : 0;
}

/* The first of a list in an order; takes the list over. */
static json_t *first_of(json_t *list, int (*order)(const void *, const void *)) {
  size_t count = json_array_size(list);
  json_t **items = calloc(count + 1, sizeof(json_t *)), *first = json_array();
  for (size_t i = 0; items && i < count; i++)
    items[i] = json_array_get(list, i);
  if (items)
    qsort(items, count, sizeof *items, order);
  for (size_t i = 0; items && i < count && i < WORST; i++)
    json_array_append(first, items[i]);
  free(items);
  json_decref(list);
  return first;
}

static json_t *totals_of(const evsd_instances *view, json_t **out_rates) {
  json_int_t published = 0, consumed = 0, failed = 0, dead = 0;
  double rates[3] = {0};
  for (size_t i = 0; i < view->count; i++) {
    const evsd_instance *instance = &view->items[i];
    published += evsd_counter(instance->stats, "publisher", "totalMessagesSent");
    consumed += evsd_counter(instance->stats, "consumer", "handledMessages");
    failed += evsd_counter(instance->stats, "consumer", "failedMessages");
    dead += evsd_counter(instance->stats, "consumer", "deadLetteredMessages");
    rates[0] += evsd_rate(instance, "publisher", "totalMessagesSent");
    rates[1] += evsd_rate(instance, "consumer", "handledMessages");
    rates[2] += evsd_rate(instance, "consumer", "failedMessages");
  }
  *out_rates = json_pack("{s:f, s:f, s:f}", "published", rates[0], "consumed", rates[1], "failed", rates[2]);
  return json_pack("{s:I, s:I, s:I, s:I}", "published", published, "consumed", consumed, "failed", failed,
                   "deadLettered", dead);
}

static json_t *notes_of(const json_t *transports) {
  json_t *notes = json_array(), *transport;
  size_t i;
  json_array_foreach(transports, i, transport) {
    if (strcmp(evsd_text(transport, "type", ""), "memory") == 0)
      json_array_append_new(notes,
                            json_sprintf("%s: events in memory are lost when the process ends, and there are "
                                         "no dead letters",
                                         evsd_text(transport, "name", "?")));
  }
  return notes;
}

static size_t live_count(const evsd_instances *view) {
  size_t count = 0;
  for (size_t i = 0; i < view->count; i++)
    count += view->items[i].is_live;
  return count;
}

void evsd_get_overview(evsd_request *request) {
  evs_dashboard *dashboard = request->dashboard;
  evsd_failure failure;
  json_t *unavailable = json_array(), *rates = NULL, *transports = evsd_transports_json(dashboard);
  evsd_instances view = evsd_fleet_view(dashboard);
  json_t *totals = totals_of(&view, &rates);
  json_t *groups = evsd_groups_build(dashboard, &failure);
  if (!groups)
    miss(unavailable, "groups", &failure);
  json_t *fingerprints = NULL;
  if (evsd_transports_keep(transports)) {
    fingerprints = evsd_fingerprints_build(dashboard, &failure);
    if (!fingerprints)
      miss(unavailable, "deadLetters", &failure);
  }
  json_t *overview = json_pack(
      "{s:I, s:o, s:o, s:{s:o}, s:o, s:o, s:o, s:O, s:I, s:o, s:o}", "at",
      (json_int_t)evsd_sampler_at(&dashboard->sampler), "rates", rates, "totals", totals, "deadLetters",
      "total", evsd_sampler_dead_letters(&dashboard->sampler), "latency",
      evsd_sampler_latency(&dashboard->sampler), "groups", first_of(groups ? groups : json_array(), by_lag),
      "fingerprints", first_of(fingerprints ? fingerprints : json_array(), by_last), "transports", transports,
      "instances", (json_int_t)live_count(&view), "notes", notes_of(transports), "unavailable", unavailable);
  json_decref(transports);
  evsd_instances_free(&view);
  evsd_reply_json(request, 200, overview);
}

void evsd_get_series(evsd_request *request) {
  static const char *const known[] = {"range", "step", "since", NULL};
  uint64_t range = SERIES_MAX, step = EVSD_SAMPLE_MS / 1000, since = 0;
  evsd_sampler *sampler = &request->dashboard->sampler;
  if (!evsd_query_read(request, known) || !evsd_query_number(request, "range", 10, SERIES_MAX, &range) ||
      !evsd_query_number(request, "step", 2, 60, &step) ||
      !evsd_query_number(request, "since", 0, UINT64_C(1) << 53, &since))
    return;
  uint64_t at = evsd_sampler_at(sampler), from = at > range * 1000 ? at - range * 1000 : 0;
  json_t *points = evsd_sampler_points(sampler, since > from ? since : from, step * 1000);
  evsd_reply_json(
      request, 200,
      json_pack("{s:I, s:I, s:o}", "at", (json_int_t)at, "step", (json_int_t)step, "points", points));
}
