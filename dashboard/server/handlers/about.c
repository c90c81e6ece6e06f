/* SPDX-License-Identifier: MIT
 * about.c - GET /about: versions, the configuration without secrets, and what the dashboard itself costs. */
#include "../assets.h"
#include "../transports.h"
#include "handlers.h"

static json_t *own_costs(evs_dashboard *dashboard, const json_t *stats) {
  json_t *commands = json_object_get(json_object_get(stats, "transport"), "commands");
  return json_pack("{s:I, s:I, s:I, s:I, s:f, s:o, s:I}", "requests",
                   (json_int_t)atomic_load(&dashboard->costs.requests), "refused",
                   (json_int_t)atomic_load(&dashboard->costs.refused), "threadsInUse",
                   (json_int_t)atomic_load(&dashboard->costs.connections), "threads",
                   (json_int_t)dashboard->options.threads, "uptime",
                   (double)(evsd_now_ms() - dashboard->started_ms) / 1000, "storeCommands",
                   commands ? json_incref(commands) : json_null(), "storeCalls",
                   (json_int_t)atomic_load(&dashboard->store.calls));
}

static json_t *asset_list(void) {
  json_t *list = json_array();
  for (size_t i = 0; i < evsd_asset_count; i++)
    json_array_append_new(list, json_pack("{s:s, s:s, s:I}", "path", evsd_assets[i].path, "hash",
                                          evsd_assets[i].sha256, "size", (json_int_t)evsd_assets[i].size));
  return list;
}

void evsd_get_about(evsd_request *request) {
  evs_dashboard *dashboard = request->dashboard;
  json_t *stats = evsd_own_stats(dashboard), *routing = json_object_get(stats, "routing");
  json_t *about = json_pack(
      "{s:s, s:s, s:o, s:{s:o, s:o, s:o}, s:o, s:o}", "version", evs_version(), "civetweb", mg_version(),
      "transports", evsd_transports_json(dashboard), "config", "generation", evsd_member(stats, "generation"),
      "routing", routing ? json_incref(routing) : json_object(), "dashboard",
      json_deep_copy(dashboard->options.shown), "own", own_costs(dashboard, stats), "assets", asset_list());
  json_decref(stats);
  evsd_reply_json(request, 200, about);
}
