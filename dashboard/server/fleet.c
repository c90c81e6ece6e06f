/* SPDX-License-Identifier: MIT
 * fleet.c - see fleet.h. */
#include "fleet.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dashboard.h"

/* The store lists those that live. While it is away they count as alive for a little longer; who is gone is
 * shown as such for as long as the charts reach back. */
enum { LIVE_MS = 15000, REMEMBERED_MS = 900000, INSTANCES_MAX = 1000, STEP_MIN_MS = 100 };

void evsd_fleet_init(evsd_fleet *fleet) {
  pthread_mutex_init(&fleet->lock, NULL);
}

static void free_instance(evsd_instance *instance) {
  free(instance->id);
  free(instance->service);
  evsd_document_drop(instance->now);
  evsd_document_drop(instance->mark);
  evsd_document_drop(instance->old);
}

void evsd_instances_free(evsd_instances *view) {
  for (size_t i = 0; i < view->count; i++)
    free_instance(&view->items[i]);
  free(view->items);
  *view = (evsd_instances){0};
}

void evsd_fleet_destroy(evsd_fleet *fleet) {
  evsd_instances_free(&fleet->table);
  pthread_mutex_destroy(&fleet->lock);
}

const char *evsd_text(const json_t *object, const char *name, const char *otherwise) {
  const char *text = json_string_value(json_object_get(object, name));
  return text ? text : otherwise;
}

json_int_t evsd_counter(const json_t *stats, const char *section, const char *name) {
  return json_integer_value(json_object_get(json_object_get(stats, section), name));
}

double evsd_rate_of(const evsd_instance *instance, json_int_t newer, json_int_t older) {
  if (!instance->before || !instance->is_live || newer <= older || instance->at_ms <= instance->before_at_ms)
    return 0;
  return (double)(newer - older) * 1000.0 / (double)(instance->at_ms - instance->before_at_ms);
}

double evsd_rate(const evsd_instance *instance, const char *section, const char *name) {
  return evsd_rate_of(instance, evsd_counter(instance->stats, section, name),
                      evsd_counter(instance->before, section, name));
}

json_t *evsd_own_stats(evs_dashboard *dashboard) {
  char *text = NULL;
  json_t *stats = NULL;
  if (evs_system_stats(dashboard->system, &text, NULL) == EVS_OK)
    stats = json_loads(text, 0, NULL);
  evs_string_free(text);
  return stats ? stats : json_object();
}

/* The row of an instance, a new one where it is not known; NULL when there are too many.
 * @locks fleet->lock */
static evsd_instance *row_of(evsd_fleet *fleet, const char *service, const char *instance) {
  char id[256];
  snprintf(id, sizeof id, "%s:%s", service, instance);
  evsd_instances *table = &fleet->table;
  for (size_t i = 0; i < table->count; i++) {
    if (strcmp(table->items[i].id, id) == 0)
      return &table->items[i];
  }
  evsd_instance *more =
      table->count < INSTANCES_MAX ? realloc(table->items, (table->count + 1) * sizeof *more) : NULL;
  if (!more)
    return NULL;
  table->items = more;
  more[table->count] = (evsd_instance){.id = strdup(id), .service = strdup(service)};
  return &more[table->count++];
}

/* @locks fleet->lock */
static void set_now(evsd_instance *row, evsd_document *document, uint64_t at_ms) {
  evsd_document_drop(row->now);
  row->now = evsd_document_hold(document);
  row->stats = evsd_document_root(document);
  row->at_ms = at_ms;
}

/* Takes `stats` over. A document that is known already changes nothing, nor does one of the same moment,
 * whose rates would be noise. @locks fleet->lock */
static void take_sample(evsd_instance *row, json_t *stats, uint64_t at_ms, evsd_histogram *latency) {
  evsd_document *sample = NULL;
  if (row && at_ms >= row->mark_at_ms + STEP_MIN_MS)
    sample = evsd_document_new(json_incref(stats));
  json_decref(stats);
  if (!sample)
    return;
  evsd_document_drop(row->old);
  row->old = row->mark;
  row->before = evsd_document_root(row->old);
  row->before_at_ms = row->mark_at_ms;
  row->mark = sample;
  row->mark_at_ms = at_ms;
  set_now(row, sample, at_ms);
  if (row->before) {
    const json_t *newer = json_object_get(json_object_get(stats, "consumer"), "processingTime");
    const json_t *older = json_object_get(json_object_get(row->before, "consumer"), "processingTime");
    evsd_histogram_add_since(latency, json_object_get(newer, "buckets"), json_object_get(older, "buckets"));
  }
}

/* @locks fleet->lock */
static void sample_others(evsd_fleet *fleet, const json_t *answer, evsd_histogram *latency) {
  size_t i;
  json_t *given;
  json_array_foreach(json_object_get(answer, "instances"), i, given) {
    evsd_instance *row = row_of(fleet, evsd_text(given, "service", "?"), evsd_text(given, "instance", "?"));
    if (!row || row->is_own)
      continue;
    json_t *stats = json_object_get(given, "stats"), *age = json_object_get(given, "ageMs");
    row->is_live = true;
    row->age_ms = (uint64_t)json_integer_value(age);
    if (json_is_object(stats))
      take_sample(row, json_incref(stats), (uint64_t)json_integer_value(json_object_get(given, "at")),
                  latency);
  }
}

/* Forgets those that have been gone for long. @locks fleet->lock */
static void forget_gone(evsd_fleet *fleet) {
  evsd_instances *table = &fleet->table;
  for (size_t i = table->count; i-- > 0;) {
    evsd_instance *row = &table->items[i];
    if (row->is_own)
      continue;
    if (row->stats && row->age_ms < REMEMBERED_MS)
      continue;
    free_instance(row);
    *row = table->items[--table->count];
  }
}

void evsd_fleet_sample_own(evs_dashboard *dashboard, evsd_histogram *latency) {
  evsd_fleet *fleet = &dashboard->fleet;
  if (dashboard->options.hide_self)
    return; /* it does nothing but serve this */
  json_t *own = evsd_own_stats(dashboard);
  pthread_mutex_lock(&fleet->lock);
  evsd_instance *row =
      row_of(fleet, evsd_text(own, "service", "this process"), evsd_text(own, "instance", "own"));
  if (row)
    row->is_own = row->is_live = true;
  take_sample(row, own, evsd_wall_ms(), latency);
  pthread_mutex_unlock(&fleet->lock);
}

void evsd_fleet_sample_others(evs_dashboard *dashboard, uint64_t passed_ms, evsd_histogram *latency) {
  evsd_fleet *fleet = &dashboard->fleet;
  evsd_failure failure;
  json_t *answer = evsd_store_json(dashboard, "fleet", json_object(), &failure);
  pthread_mutex_lock(&fleet->lock);
  for (size_t i = 0; i < fleet->table.count; i++) {
    evsd_instance *other = &fleet->table.items[i];
    other->age_ms += other->is_own ? 0 : passed_ms;
    other->is_live = other->is_own || (other->is_live && !answer && other->age_ms < LIVE_MS);
  }
  sample_others(fleet, answer, latency);
  forget_gone(fleet);
  json_decref(answer);
  pthread_mutex_unlock(&fleet->lock);
}

evsd_instances evsd_fleet_view(evs_dashboard *dashboard) {
  evsd_fleet *fleet = &dashboard->fleet;
  evsd_document *own = evsd_document_new(evsd_own_stats(dashboard));
  pthread_mutex_lock(&fleet->lock);
  evsd_instances view = {.items = calloc(fleet->table.count + 1, sizeof *view.items)};
  for (size_t i = 0; view.items && i < fleet->table.count; i++) {
    evsd_instance *row = &fleet->table.items[i], *copy = &view.items[view.count++];
    if (row->is_own && own)
      set_now(row, own, evsd_wall_ms());
    *copy = *row;
    copy->id = strdup(row->id);
    copy->service = strdup(row->service);
    evsd_document_hold(copy->now);
    evsd_document_hold(copy->mark);
    evsd_document_hold(copy->old);
  }
  pthread_mutex_unlock(&fleet->lock);
  evsd_document_drop(own);
  return view;
}
