/* SPDX-License-Identifier: MIT
 * store.c - see store.h. */
#include "support/store.h"

#include <stdio.h>
#include <string.h>

void store_start_redis(test_store *store) {
  memset(store, 0, sizeof *store);
  redis_server_start(&store->server, NULL);
  store->option = "--url";
  snprintf(store->place, sizeof store->place, "%s", store->server.url);
  snprintf(store->transport, sizeof store->transport, "\"type\":\"redis-streams\",\"url\":\"%s\"",
           store->place);
}

void store_start_file(test_store *store) {
  memset(store, 0, sizeof *store);
  store->is_file = true;
  store->option = "--file";
  folder_make(store->folder);
  snprintf(store->place, sizeof store->place, "%s/events.db", store->folder);
  snprintf(store->transport, sizeof store->transport, "\"type\":\"file\",\"path\":\"%s\"", store->place);
}

void store_stop(test_store *store) {
  if (store->is_file)
    folder_remove(store->folder);
  else
    redis_server_stop(&store->server);
}

static long long sum_of(evs_system *system, const char *method, const char *topic, const char *group,
                        const char *member) {
  json_t *answer = host_call(system, method, "{}"), *row;
  long long sum = 0;
  size_t i;
  json_array_foreach(json_object_get(answer, method), i, row) {
    const char *name = json_string_value(json_object_get(row, "topic"));
    const char *of = json_string_value(json_object_get(row, "group"));
    if (name && strcmp(name, topic) == 0 && (!group || (of && strcmp(of, group) == 0)))
      sum += json_integer_value(json_object_get(row, member));
  }
  json_decref(answer);
  return sum;
}

long long store_pending(evs_system *system, const char *topic, const char *group) {
  return sum_of(system, "groups", topic, group, "pending");
}

long long store_dead(evs_system *system, const char *topic) {
  return sum_of(system, "topics", topic, NULL, "deadLetters");
}

long long store_length(evs_system *system, const char *topic) {
  return sum_of(system, "topics", topic, NULL, "entries");
}
