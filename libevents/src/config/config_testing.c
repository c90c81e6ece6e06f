/* SPDX-License-Identifier: MIT
 * config_testing.c - `testing`: a clock that a test holds is a clock of this process, and of one system. */
#include <string.h>

#include "config/config_build.h"

static void refuse(evsi_check *check, const char *key, const char *found, const char *expected) {
  size_t mark = evsi_check_push(check, key);
  evsi_check_problem(
      check, &(evsi_problem){.message = "does not go by the clock that a test holds (testing.holdClock)",
                             .found = found,
                             .expected = expected});
  evsi_check_pop(check, mark);
}

/* Of a bus that has a name others may be members, with another time. */
static void check_transport(evsi_check *check, const json_t *transport) {
  const char *type = evsi_get_text(transport, "type"), *name = evsi_get_text(transport, "name");
  if (type && strcmp(type, "memory") != 0)
    refuse(check, "type", type, "memory");
  else if (name)
    refuse(check, "name", name, "no name: a bus of its own");
}

void evsi_build_testing(evsi_build *build) {
  const char *name;
  json_t *each, *transports = json_object_get(build->full, "transports");
  build->config->testing.holds_clock = evsi_get_bool(json_object_get(build->full, "testing"), "holdClock");
  if (!build->config->testing.holds_clock)
    return;
  size_t top = evsi_check_push(build->check, "transports");
  json_object_foreach(transports, name, each) {
    size_t mark = evsi_check_push(build->check, name);
    check_transport(build->check, each);
    evsi_check_pop(build->check, mark);
  }
  evsi_check_pop(build->check, top);
}
