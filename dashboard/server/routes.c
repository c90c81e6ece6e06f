/* SPDX-License-Identifier: MIT
 * routes.c - see routes.h. The handlers are in handlers/, one file per resource. */
#include "routes.h"

#include <stdio.h>
#include <string.h>

#include "handlers/handlers.h"

#define API "/api/v1"

/* A path with an action stands before the one that would take the action for a part of a name. */
static const evsd_route routes[] = {
    {"GET", "/healthz", 0, true, false, evsd_get_health},
    {"GET", "/readyz", 0, true, false, evsd_get_ready},
    {"GET", "/metrics", EVSD_VIEW, false, false, evsd_get_metrics},
    {"GET", API "/session", EVSD_VIEW, false, false, evsd_get_session},
    {"GET", API "/overview", EVSD_VIEW, false, false, evsd_get_overview},
    {"GET", API "/series", EVSD_VIEW, false, false, evsd_get_series},
    {"GET", API "/publishers", EVSD_VIEW, false, false, evsd_get_publishers},
    {"GET", API "/publishers/{}", EVSD_VIEW, false, false, evsd_get_publisher},
    {"GET", API "/groups", EVSD_VIEW, false, false, evsd_get_groups},
    {"POST", API "/groups/{}:pause", EVSD_PAUSE, false, true, evsd_post_group_pause},
    {"POST", API "/groups/{}:resume", EVSD_PAUSE, false, true, evsd_post_group_resume},
    {"GET", API "/groups/{}", EVSD_VIEW, false, false, evsd_get_group},
    {"GET", API "/routes", EVSD_VIEW, false, false, evsd_get_routes},
    {"GET", API "/routes/coverage", EVSD_VIEW, false, false, evsd_get_coverage},
    {"POST", API "/routes:trace", EVSD_VIEW, false, false, evsd_post_trace},
    {"GET", API "/schemas", EVSD_VIEW, false, false, evsd_get_schemas},
    {"POST", API "/schemas/{}:validate", EVSD_VIEW, false, false, evsd_post_schema_validate},
    {"GET", API "/schemas/{}/diff", EVSD_VIEW, false, false, evsd_get_schema_diff},
    {"GET", API "/schemas/{}", EVSD_VIEW, false, false, evsd_get_schema},
    {"GET", API "/dlq/groups", EVSD_VIEW, false, false, evsd_get_fingerprints},
    {"GET", API "/dlq/groups/{}", EVSD_VIEW, false, false, evsd_get_fingerprint},
    {"GET", API "/dlq/entries", EVSD_VIEW, false, false, evsd_get_entries},
    {"GET", API "/dlq/archive", EVSD_VIEW, false, false, evsd_get_archive},
    {"GET", API "/dlq/entries/{}/body", EVSD_PAYLOAD, false, false, evsd_get_entry_body},
    {"POST", API "/dlq/entries/{}:requeue", EVSD_REQUEUE, false, true, evsd_post_entry_requeue},
    {"POST", API "/dlq/entries/{}:discard", EVSD_ARCHIVE, false, true, evsd_post_entry_discard},
    {"POST", API "/dlq/entries/{}:restore", EVSD_ARCHIVE, false, true, evsd_post_entry_restore},
    {"POST", API "/dlq/entries/{}:note", EVSD_ARCHIVE, false, true, evsd_post_entry_note},
    {"GET", API "/dlq/entries/{}", EVSD_VIEW, false, false, evsd_get_entry},
    {"POST", API "/dlq:preview", EVSD_VIEW, false, false, evsd_post_preview},
    {"GET", API "/operations", EVSD_VIEW, false, false, evsd_get_operations},
    {"POST", API "/operations", EVSD_VIEW, false, true, evsd_post_operation},
    {"GET", API "/operations/{}", EVSD_VIEW, false, false, evsd_get_operation},
    {"PATCH", API "/operations/{}", EVSD_VIEW, false, true, evsd_patch_operation},
    {"GET", API "/audit", EVSD_AUDIT, false, false, evsd_get_audit},
    {"GET", API "/about", EVSD_VIEW, false, false, evsd_get_about},
    {"GET", API "/openapi.json", EVSD_VIEW, false, false, evsd_get_openapi},
    {"GET", "/assets/{}", EVSD_VIEW, false, false, evsd_get_asset},
    {"GET", "/", EVSD_VIEW, false, false, evsd_get_page},
    {"GET", "/publishers", EVSD_VIEW, false, false, evsd_get_page},
    {"GET", "/consumers", EVSD_VIEW, false, false, evsd_get_page},
    {"GET", "/consumers/{}", EVSD_VIEW, false, false, evsd_get_page},
    {"GET", "/routes", EVSD_VIEW, false, false, evsd_get_page},
    {"GET", "/routes/test", EVSD_VIEW, false, false, evsd_get_page},
    {"GET", "/schemas", EVSD_VIEW, false, false, evsd_get_page},
    {"GET", "/schemas/{}", EVSD_VIEW, false, false, evsd_get_page},
    {"GET", "/dlq", EVSD_VIEW, false, false, evsd_get_page},
    {"GET", "/dlq/entries", EVSD_VIEW, false, false, evsd_get_page},
    {"GET", "/dlq/entries/{}", EVSD_VIEW, false, false, evsd_get_page},
    {"GET", "/operations", EVSD_VIEW, false, false, evsd_get_page},
    {"GET", "/operations/{}", EVSD_VIEW, false, false, evsd_get_page},
    {"GET", "/about", EVSD_VIEW, false, false, evsd_get_page},
};

/* Does the path fit, and with which part for `{}`? */
static bool fits(const char *pattern, const char *path, const char **out_param, size_t *out_size) {
  const char *variable = strstr(pattern, "{}");
  *out_param = NULL;
  *out_size = 0;
  if (!variable)
    return strcmp(pattern, path) == 0;
  size_t before = (size_t)(variable - pattern), after = strlen(variable + 2), size = strlen(path);
  if (size <= before + after || strncmp(pattern, path, before) != 0 ||
      strcmp(path + size - after, variable + 2) != 0)
    return false;
  *out_param = path + before;
  *out_size = size - before - after;
  return !memchr(*out_param, '/', *out_size);
}

const evsd_route *evsd_route_find(const char *method, const char *path, const char **out_param,
                                  size_t *out_param_size, char out_allow[64]) {
  const char *wanted = strcmp(method, "HEAD") == 0 ? "GET" : method;
  out_allow[0] = '\0';
  for (size_t i = 0; i < sizeof routes / sizeof routes[0]; i++) {
    if (!fits(routes[i].path, path, out_param, out_param_size))
      continue;
    if (strcmp(routes[i].method, wanted) == 0)
      return &routes[i];
    size_t used = strlen(out_allow);
    snprintf(out_allow + used, 64 - used, "%s%s", used ? ", " : "", routes[i].method);
  }
  *out_param = NULL;
  return NULL;
}
