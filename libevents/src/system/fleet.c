/* SPDX-License-Identifier: MIT
 * fleet.c - shows this system to others: its statistics are kept for a short while in every store that it is
 * connected to, renewed while it lives and taken back when it closes. */
#include "base/alloc.h"
#include "system/system.h"

enum { LIVES_INTERVALS = 3, DOCUMENT_MAX = 4 << 20 };

static void announce(evs_system *system, evs_bytes document, uint32_t ttl_ms) {
  for (uint32_t i = 0; i < system->link_count; i++) {
    const evsi_link *link = &system->links[i];
    if (evsi_link_announces(link) && atomic_load(&link->connected))
      link->ops->announce(link->transport, evsi_text(system->config->service),
                          evsi_text(system->identity.instance), document, ttl_ms);
  }
}

void evsi_fleet_renew(void *data) {
  evs_system *system = data;
  uint32_t interval = system->config->fleet.interval_ms;
  if (!system->config->fleet.enabled || system->close_phase > 1)
    return;
  system->host_env->io->timer_start(system->fleet_timer, interval);
  char *document = evsi_system_stats_json(system);
  evs_bytes text = evsi_text(document);
  if (document && text.size <= DOCUMENT_MAX)
    announce(system, text, interval * LIVES_INTERVALS);
  else if (document)
    evsi_system_log(system, 2, "fleet",
                    "the statistics are larger than 4 MiB and are not shown to other processes: use fewer "
                    "routes, or lower statistics.maxLabels");
  evsi_free(document);
}

void evsi_fleet_run(evsi_task *task) {
  evsi_fleet_renew((char *)task - offsetof(evs_system, fleet_task));
}

void evsi_fleet_withdraw(evs_system *system) {
  if (!system->config->fleet.enabled)
    return;
  system->host_env->io->timer_stop(system->fleet_timer);
  announce(system, evsi_bytes(NULL, 0), 0);
}

void evsi_fleet_answer_self(evs_system *system, uint64_t request) {
  evsi_buf out = {0};
  char *document = evsi_system_stats_json(system);
  evsi_buf_add_text(&out, "{\"instances\":[{\"service\":");
  evsi_buf_add_json(&out, system->config->service, evsi_text(system->config->service).size);
  evsi_buf_addf(&out, ",\"instance\":\"%s\",\"at\":%llu,\"ageMs\":0,\"stats\":", system->identity.instance,
                (unsigned long long)evsi_wall_ms(system->env));
  evsi_buf_add_bytes(&out, evsi_text(document));
  evsi_buf_add_text(&out, "}]}");
  if (document && !out.failed)
    evsi_requests_answer(system, request, EVS_OK, evsi_bytes(out.data, out.size));
  else
    evsi_requests_answer(system, request, EVS_NOMEM, evsi_text("out of memory"));
  evsi_free(document);
  evsi_buf_free(&out);
}
