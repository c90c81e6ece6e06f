/* SPDX-License-Identifier: MIT
 * session.c - GET /session: who am I, what may I do, what is this? */
#include "../accounts.h"
#include "../transports.h"
#include "handlers.h"

json_t *evsd_member(const json_t *object, const char *name) {
  json_t *value = json_object_get(object, name);
  return value ? json_deep_copy(value) : json_null();
}

void evsd_get_session(evsd_request *request) {
  evs_dashboard *dashboard = request->dashboard;
  const evsd_options *options = &dashboard->options;
  json_t *stats = evsd_own_stats(dashboard), *transports = evsd_transports_json(dashboard);
  bool is_unredacted = evsd_may(request, EVSD_UNREDACTED) || json_array_size(options->redact) == 0;
  json_t *session =
      json_pack("{s:s, s:s, s:o, s:b, s:b, s:o, s:o, s:s, s:o, s:s, s:o, s:o, s:b, s:o}", "actor",
                request->caller.name, "mode", request->caller.is_local ? "loopback" : "credentials",
                "permissions", evsd_permissions_json(request->caller.permissions), "unredacted",
                is_unredacted, "readOnly", options->read_only, "title", json_deep_copy(options->title),
                "environment", json_deep_copy(options->environment), "version", evs_version(), "generation",
                evsd_member(stats, "generation"), "bootId", dashboard->boot_id, "service",
                evsd_member(stats, "service"), "instance", evsd_member(stats, "instance"), "hasDeadLetters",
                evsd_transports_keep(transports), "transports", transports);
  json_decref(stats);
  evsd_reply_json(request, 200, session);
}
