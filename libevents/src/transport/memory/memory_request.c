/* SPDX-License-Identifier: MIT
 * memory_request.c - what may be asked of the memory transport: its groups, and pausing them. */
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/json_text.h"
#include "transport/memory/memory_bus.h"
#include "transport/pause.h"

void evsi_memory_answer(evs_transport *transport, uint64_t token, json_t *document) {
  char *text = document ? evsi_json_text(document) : NULL;
  json_decref(document);
  transport->ops->replied(transport->host, token, text ? EVS_OK : EVS_NOMEM,
                          evsi_text(text ? text : "out of memory"));
  evsi_free(text);
}

/* @locks bus */
static json_t *groups_json(memory_bus *bus) {
  json_t *list = json_array();
  for (memory_group *group = bus->groups; group; group = group->next) {
    json_t *paused = evsi_json_load(evsi_text(group->paused), 0, NULL);
    json_array_append_new(
        list, json_pack("{s:s,s:I,s:I,s:n,s:o?}", "group", group->name, "lag", (json_int_t)group->waiting,
                        "pending", (json_int_t)HASH_COUNT(group->held), "oldestPendingAt", "paused", paused));
  }
  return json_pack("{s:o}", "groups", list);
}

static void list_groups(evs_transport *transport, const json_t *params, uint64_t token) {
  (void)params;
  pthread_mutex_lock(&transport->bus->lock);
  json_t *document = groups_json(transport->bus);
  pthread_mutex_unlock(&transport->bus->lock);
  evsi_memory_answer(transport, token, document);
}

/* record: NULL, the group goes on. */
static void set_paused(evs_transport *transport, const json_t *params, uint64_t token, const json_t *record) {
  const char *why = evsi_pause_check(params);
  if (why) {
    transport->ops->replied(transport->host, token, EVS_VALIDATION, evsi_text(why));
    return;
  }
  const char *name = json_string_value(json_object_get(params, "group"));
  char *text = record ? evsi_json_text(record) : NULL;
  pthread_mutex_lock(&transport->bus->lock);
  memory_group *group = text || !record ? evsi_memory_group(transport->bus, evsi_text(name), true) : NULL;
  if (group) {
    evsi_free(group->paused);
    group->paused = text;
  }
  pthread_mutex_unlock(&transport->bus->lock);
  if (!group)
    evsi_free(text);
  evsi_memory_pump(transport->bus);
  evsi_memory_answer(transport, token, group ? evsi_pause_answer(params, record) : NULL);
}

static void pause_group(evs_transport *transport, const json_t *params, uint64_t token) {
  json_t *record = evsi_pause_record(params, evsi_wall_ms(transport->world.env));
  set_paused(transport, params, token, record);
  json_decref(record);
}

static void resume_group(evs_transport *transport, const json_t *params, uint64_t token) {
  set_paused(transport, params, token, NULL);
}

void evsi_memory_request(evs_transport *transport, const char *method, const char *params_json,
                         size_t params_size, uint64_t token) {
  static const struct {
    const char *method;
    void (*run)(evs_transport *transport, const json_t *params, uint64_t token);
  } all[] = {{"groups", list_groups},
             {"groups.pause", pause_group},
             {"groups.resume", resume_group},
             {"testing.fail", evsi_memory_fail},
             {"testing.published", evsi_memory_published}};
  for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
    if (strcmp(all[i].method, method) != 0)
      continue;
    json_t *params = evsi_json_load(evsi_bytes(params_json, params_size), 0, NULL);
    if (params)
      all[i].run(transport, params, token);
    else
      evsi_memory_answer(transport, token, NULL);
    json_decref(params);
    return;
  }
  char text[160];
  snprintf(text, sizeof text, "transport %.60s of type memory does not offer %.40s: it keeps nothing",
           transport->name, method);
  transport->ops->replied(transport->host, token, EVS_UNSUPPORTED, evsi_text(text));
}
