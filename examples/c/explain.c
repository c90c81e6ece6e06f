/* SPDX-License-Identifier: MIT
 * explain.c - asks where events would go, and why, without sending any.
 *
 *   cc explain.c -levents -o explain && ./explain order.placed user.deleted */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <libevents.h>

static const char config[] =
    "{\"service\": \"shop\","
    " \"transports\": {\"main\": {\"type\": \"memory\"}},"
    " \"routing\": {\"routes\": ["
    "   {\"name\": \"orders\", \"pattern\": \"order.*\", \"transport\": \"main\","
    "    \"topic\": \"sales\", \"priority\": 2},"
    "   {\"name\": \"deletions\", \"pattern\": \"*.deleted\", \"transport\": \"main\"}]}}";

static void check(evs_status status, evs_error *error) {
  if (status == EVS_OK)
    return;
  fprintf(stderr, "%s: %s\n", evs_status_name(status), evs_error_message(error));
  exit(1);
}

static void explain(evs_system *system, const char *type) {
  char query[512];
  char *answer = NULL;
  evs_error *error = NULL;
  int size = snprintf(query, sizeof query, "{\"type\": \"%s\", \"key\": \"7\"}", type);
  if (size < 0 || (size_t)size >= sizeof query) {
    fprintf(stderr, "%s: too long for a type\n", type);
    exit(1);
  }
  check(evs_explain(system, query, (size_t)size, &answer, &error), error);
  printf("%s\n", answer); /* topic, rule, transports, partition, and each route with its reason */
  evs_string_free(answer);
}

int main(int argc, char **argv) {
  evs_system *system = NULL;
  evs_error *error = NULL;
  check(evs_system_open(config, strlen(config), &system, &error), error);
  for (int i = 1; i < argc; i++)
    explain(system, argv[i]);
  if (argc == 1) {
    explain(system, "order.placed");
    explain(system, "user.deleted");
  }
  evs_system_release(system);
  return 0;
}
