/* SPDX-License-Identifier: MIT
 * request_methods.c - the names, as docs/requests.md has them. */
#include "system/request_methods.h"

#include <stddef.h>
#include <string.h>

static const char *const own_methods[] = {"connect", "disconnect", "ready",  "flush",
                                          "drain",   "coverage",   "reload", "testing.advance"};
static const char *const link_methods[] = {"connect", "disconnect", "ready"};
static const char *const transport_methods[] = {"groups",         "groups.pause",     "groups.resume",
                                                "fleet",          "topics",           "tail",
                                                "delayed",        "delayed.cancel",   "dlq.list",
                                                "dlq.get",        "dlq.groups",       "dlq.count",
                                                "dlq.requeue",    "dlq.discard",      "dlq.archive",
                                                "dlq.restore",    "dlq.note",         "dlq.export",
                                                "dlq.import",     "operations.start", "operations.list",
                                                "operations.get", "operations.set",   "audit",
                                                "doctor",         "retention",        "conservation",
                                                "replay.start",   "replay.list",      "replay.get",
                                                "replay.set",     "file.check",       "file.vacuum",
                                                "file.backup",    "copy.look",        "copy.read",
                                                "copy.write",     "schemas.read",     "schemas.write",
                                                "transport.tell", "testing.fail",     "testing.published",
                                                "topics.remove"};

static const char *const changing_methods[] = {
    "delayed.cancel",   "groups.pause", "groups.resume",    "dlq.requeue",    "dlq.discard",  "dlq.restore",
    "dlq.note",         "dlq.import",   "operations.start", "operations.set", "replay.start", "replay.set",
    "schemas.register", "schemas.set",  "schemas.remove",   "topics.remove"};

static bool is_one_of(const char *method, const char *const *names, size_t count) {
  for (size_t i = 0; i < count; i++) {
    if (strcmp(method, names[i]) == 0)
      return true;
  }
  return false;
}

bool evsi_method_is_own(const char *method) {
  return is_one_of(method, own_methods, sizeof own_methods / sizeof own_methods[0]);
}

bool evsi_method_is_of_link(const char *method) {
  return is_one_of(method, link_methods, sizeof link_methods / sizeof link_methods[0]);
}

bool evsi_method_is_of_transport(const char *method) {
  return is_one_of(method, transport_methods, sizeof transport_methods / sizeof transport_methods[0]);
}

bool evsi_method_changes(const char *method) {
  return is_one_of(method, changing_methods, sizeof changing_methods / sizeof changing_methods[0]);
}
