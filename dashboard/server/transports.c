/* SPDX-License-Identifier: MIT
 * transports.c - see transports.h. */
#include "transports.h"

#include <stdio.h>
#include <string.h>

#include "dashboard.h"

static json_t *time_or_null(const json_t *value) {
  return json_integer_value(value) > 0 ? json_integer(json_integer_value(value)) : json_null();
}

json_t *evsd_transports_json(evs_dashboard *dashboard) {
  char *text = NULL;
  json_t *list = json_array(), *transport;
  const char *name;
  if (evs_system_status(dashboard->system, &text, NULL) != EVS_OK)
    return list;
  json_t *status = json_loads(text, 0, NULL);
  evs_string_free(text);
  json_object_foreach(json_object_get(status, "transports"), name, transport) {
    json_t *type = json_object_get(transport, "type"), *last = json_object_get(transport, "lastError");
    json_array_append_new(list,
                          json_pack("{s:s, s:s, s:b, s:o, s:O?, s:o}", "name", name, "type",
                                    json_is_string(type) ? json_string_value(type) : "?", "connected",
                                    json_is_true(json_object_get(transport, "connected")), "since",
                                    time_or_null(json_object_get(transport, "since")), "lastError", last,
                                    "nextTry", time_or_null(json_object_get(transport, "nextTry"))));
  }
  json_decref(status);
  return list;
}

bool evsd_transports_connected(evs_dashboard *dashboard, char *why, size_t size) {
  json_t *list = evsd_transports_json(dashboard), *transport;
  bool connected = json_array_size(list) > 0;
  size_t i;
  snprintf(why, size, "the system is closed");
  json_array_foreach(list, i, transport) {
    if (json_is_true(json_object_get(transport, "connected")))
      continue;
    const char *last = json_string_value(json_object_get(transport, "lastError"));
    connected = false;
    snprintf(why, size, "The transport %.64s is not connected%s%.380s",
             json_string_value(json_object_get(transport, "name")), last ? ": " : ".", last ? last : "");
    break;
  }
  json_decref(list);
  return connected;
}

bool evsd_transports_keep(const json_t *transports) {
  size_t i;
  json_t *transport;
  json_array_foreach(transports, i, transport) {
    if (strcmp(json_string_value(json_object_get(transport, "type")), "memory") != 0)
      return true;
  }
  return false;
}
