/* SPDX-License-Identifier: MIT
 * health.c - for machines that watch: /healthz, /readyz and /metrics. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "handlers.h"

void evsd_get_health(evsd_request *request) {
  evsd_reply_json(request, 200, json_pack("{s:s}", "status", "ok"));
}

/* As the system itself says; why not is told to who may log in, on its pages. */
void evsd_get_ready(evsd_request *request) {
  char *text = NULL;
  evs_error *error = NULL;
  evs_system_status(request->dashboard->system, &text, &error);
  json_t *status = text ? json_loads(text, 0, NULL) : NULL;
  bool is_ready = json_is_true(json_object_get(status, "ready"));
  evsd_reply_json(request, is_ready ? 200 : 503,
                  json_pack("{s:s}", "status", is_ready ? "ok" : "unavailable"));
  json_decref(status);
  evs_string_free(text);
  evs_error_free(error);
}

/* Our own lines after those of the system, all of which end in a line feed. */
void evsd_get_metrics(evsd_request *request) {
  evs_dashboard *dashboard = request->dashboard;
  char *text = NULL, own[1024];
  evs_error *error = NULL;
  if (evs_system_metrics(dashboard->system, &text, &error) != EVS_OK) {
    evsd_problem(request, 503, "closed", "%s", evs_error_message(error));
    evs_error_free(error);
    return;
  }
  snprintf(own, sizeof own,
           "# HELP libevents_dashboard_requests_total Requests to the dashboard\n"
           "# TYPE libevents_dashboard_requests_total counter\nlibevents_dashboard_requests_total %llu\n"
           "# HELP libevents_dashboard_refused_total Requests answered 401, 403 or 429\n"
           "# TYPE libevents_dashboard_refused_total counter\nlibevents_dashboard_refused_total %llu\n"
           "# HELP libevents_dashboard_connections Open connections, each of which occupies a thread\n"
           "# TYPE libevents_dashboard_connections gauge\nlibevents_dashboard_connections %u\n",
           (unsigned long long)atomic_load(&dashboard->costs.requests),
           (unsigned long long)atomic_load(&dashboard->costs.refused),
           atomic_load(&dashboard->costs.connections));
  size_t size = strlen(text);
  char *all = malloc(size + strlen(own) + 1);
  if (all) {
    memcpy(all, text, size);
    memcpy(all + size, own, strlen(own) + 1);
    evsd_reply_text(request, "text/plain; version=0.0.4; charset=utf-8", all);
  }
  evs_string_free(text);
}
