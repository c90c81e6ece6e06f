/* SPDX-License-Identifier: MIT
 * publishers.c - GET /publishers, GET /publishers/{id}: every process of the fleet as a publisher. */
#include <stdlib.h>
#include <string.h>

#include "handlers.h"

enum { TYPES_SHOWN = 20 };

static int by_sent(const void *a, const void *b) {
  json_int_t left = json_integer_value(json_object_get(*(json_t *const *)a, "sent"));
  json_int_t right = json_integer_value(json_object_get(*(json_t *const *)b, "sent"));
  return left < right ? 1 : left > right ? -1 : 0;
}

/* [{type, sent, lastPublishAt}], the most frequent first; at most `max`. */
static json_t *types_of(const json_t *stats, size_t max) {
  json_t *publisher = json_object_get(stats, "publisher"), *types = json_array(), *sent;
  json_t *counts = json_object_get(publisher, "totalMessagesSentByType");
  json_t *times = json_object_get(publisher, "lastPublishTime");
  json_t **rows = calloc(json_object_size(counts) + 1, sizeof(json_t *));
  size_t count = 0;
  const char *name;
  json_object_foreach(counts, name, sent) {
    if (rows)
      rows[count++] = json_pack("{s:s, s:I, s:o}", "type", name, "sent", json_integer_value(sent),
                                "lastPublishAt", evsd_member(times, name));
  }
  if (rows)
    qsort(rows, count, sizeof *rows, by_sent);
  for (size_t i = 0; i < count; i++) {
    if (i < max)
      json_array_append(types, rows[i]);
    json_decref(rows[i]);
  }
  free(rows);
  return types;
}

static json_t *last_publish(const json_t *stats) {
  json_t *times = json_object_get(json_object_get(stats, "publisher"), "lastPublishTime"), *at;
  json_int_t newest = 0;
  const char *type;
  json_object_foreach(times, type, at) {
    if (json_integer_value(at) > newest)
      newest = json_integer_value(at);
  }
  return newest ? json_integer(newest) : json_null();
}

static json_t *publisher_of(const evsd_instance *instance, size_t types_max) {
  const json_t *stats = instance->stats;
  json_int_t sent = evsd_counter(stats, "publisher", "totalMessagesSent");
  const char *state = !instance->is_live ? "gone" : sent == 0 ? "never" : "live";
  json_t *counts = json_object_get(json_object_get(stats, "publisher"), "totalMessagesSentByType");
  return json_pack("{s:s, s:s, s:o, s:o, s:s, s:I, s:I, s:f, s:f, s:I, s:f, s:o, s:I, s:o, s:o, s:I}", "id",
                   instance->id, "service", instance->service, "host", evsd_member(stats, "host"), "pid",
                   evsd_member(stats, "pid"), "state", state, "ageMs",
                   (json_int_t)(instance->is_live ? 0 : instance->age_ms), "sent", sent, "rate",
                   evsd_rate(instance, "publisher", "totalMessagesSent"), "bytesRate",
                   evsd_rate(instance, "publisher", "totalBytesSent"), "errors",
                   evsd_counter(stats, "publisher", "failedMessages"), "errorRate",
                   evsd_rate(instance, "publisher", "failedMessages"), "lastPublishAt", last_publish(stats),
                   "inFlight", json_integer_value(json_object_get(stats, "inFlight")), "inFlightLimit",
                   evsd_member(stats, "inFlightLimit"), "types", types_of(stats, types_max), "typeCount",
                   (json_int_t)json_object_size(counts));
}

void evsd_get_publishers(evsd_request *request) {
  evsd_instances view = evsd_fleet_view(request->dashboard);
  json_t *items = json_array();
  for (size_t i = 0; i < view.count; i++)
    json_array_append_new(items, publisher_of(&view.items[i], TYPES_SHOWN));
  evsd_instances_free(&view);
  evsd_reply_json(request, 200, evsd_list_of(items));
}

void evsd_get_publisher(evsd_request *request) {
  evsd_instances view = evsd_fleet_view(request->dashboard);
  json_t *found = NULL;
  for (size_t i = 0; i < view.count && !found; i++) {
    if (strcmp(view.items[i].id, request->param) == 0)
      found = publisher_of(&view.items[i], SIZE_MAX);
  }
  evsd_instances_free(&view);
  if (found)
    evsd_reply_json(request, 200, found);
  else
    evsd_problem(request, 404, "not_found", "There is no such publisher, or it has been gone for long.");
}
