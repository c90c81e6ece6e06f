/* SPDX-License-Identifier: MIT
 * links.c - the life of one transport within a system: made, connected, disconnected while the others go on,
 * and connected again. */
#include <stdio.h>

#include "base/alloc.h"
#include "base/error.h"
#include "system/system.h"

enum { CLOSING_MS = 2000 };

/* A transport knows its options, the document knows where they stand. Takes `error`. */
static evs_status place_error(evs_error *error, const char *transport, evs_error **out_error) {
  char path[256];
  evs_status status = evs_error_status(error);
  snprintf(path, sizeof path, "/transports/%s%s", transport,
           evs_error_path(error) ? evs_error_path(error) : "");
  evsi_error(out_error, status, path, "%s", evs_error_message(error));
  evs_error_free(error);
  return status;
}

static evs_status prepare(evs_system *system, uint32_t index) {
  evs_host *host = &system->hosts[index];
  host->system = system;
  host->index = index;
  host->wake_at_ms = UINT64_MAX;
  host->wake_task.run = evsi_host_woken;
  if (!host->wake_timer)
    host->wake_timer = system->env->io->timer_new(system->loop, evsi_host_on_wake, host);
  return host->wake_timer ? EVS_OK : EVS_NOMEM;
}

evs_status evsi_link_create(evs_system *system, uint32_t index, evs_error **out_error) {
  evsi_link *link = &system->links[index];
  const evsi_transport_config *config = link->config;
  evs_error *error = NULL;
  if (prepare(system, index) != EVS_OK)
    return evsi_error_nomem(out_error);
  evs_status status = EVS_OK;
  if (!link->ops)
    status = evsi_transport_find(config, &link->table, &error);
  if (status == EVS_OK) {
    link->ops = &link->table;
    const void *world = evsi_link_is_plugin(link) ? NULL : &system->world;
    status =
        link->ops->create(&evsi_host_ops, &system->hosts[index], world, config->name, config->options_json,
                          evsi_text(config->options_json).size, &link->transport, &error);
  }
  return status == EVS_OK ? EVS_OK : place_error(error, config->name, out_error);
}

/* ---- connecting -------------------------------------------------------------------------------- */

/* What worked on the I/O thread only can be made anew; a direct one may still be used by other threads. */
static bool make_anew(evs_system *system, uint32_t index, char *out_why, size_t size) {
  evsi_link *link = &system->links[index];
  evs_error *error = NULL;
  if (evsi_link_is_direct(link))
    return true;
  if (link->transport)
    link->ops->destroy(link->transport);
  link->transport = NULL;
  if (evsi_link_create(system, index, &error) == EVS_OK)
    return true;
  snprintf(out_why, size, "%s", error ? evs_error_message(error) : "out of memory");
  evs_error_free(error);
  return false;
}

bool evsi_link_connect(evs_system *system, uint32_t index, char *out_why, size_t size) {
  evsi_link *link = &system->links[index];
  evs_host *host = &system->hosts[index];
  if (evsi_link_is_open(link))
    return true;
  if (host->ending) {
    snprintf(out_why, size, "transport %s is still being disconnected: wait for that first",
             link->config->name);
    return false;
  }
  if (evsi_link_is_off(link) && !make_anew(system, index, out_why, size))
    return false;
  pthread_mutex_lock(&system->lock);
  host->closed = host->fatal = false;
  host->message[0] = '\0';
  pthread_mutex_unlock(&system->lock);
  atomic_store(&link->state, EVSI_LINK_OPEN);
  link->ops->connect(link->transport);
  if (evsi_schemas_ready(system))
    evsi_consume_start(system->consume, index);
  return true;
}

/* ---- disconnecting ----------------------------------------------------------------------------- */

void evsi_link_disconnect(evs_system *system, uint32_t index, uint32_t deadline_ms) {
  evsi_link *link = &system->links[index];
  evs_host *host = &system->hosts[index];
  uint64_t deadline = evsi_now_ms(system->host_env) + deadline_ms;
  if (host->ending && deadline < host->ending_deadline_ms)
    host->ending_deadline_ms = deadline;
  if (!evsi_link_is_open(link))
    return;
  atomic_store(&link->state, EVSI_LINK_OFF);
  host->ending = 1;
  host->ending_deadline_ms = deadline;
  evsi_consume_end(system->consume, link);
  evsi_system_tick(system);
}

bool evsi_link_is_ending(const evs_system *system, uint32_t index) {
  return system->hosts[index].ending != 0;
}

/* Nothing is sent any more; what waits stays until it is connected again, or until its time is up. */
static void close_link(evs_system *system, uint32_t index) {
  evsi_link *link = &system->links[index];
  evsi_consume_abandon(system->consume, link);
  evsi_tasks_run(&system->tasks); /* what was handed back goes to the transport first */
  evsi_publisher_connected(system->publisher, index, false, "it was disconnected");
  system->hosts[index].ending = 2;
  link->ops->close(link->transport, CLOSING_MS);
}

static bool is_closed(evs_system *system, uint32_t index) {
  pthread_mutex_lock(&system->lock);
  bool closed = system->hosts[index].closed;
  pthread_mutex_unlock(&system->lock);
  return closed;
}

static void forget_error(evs_system *system, uint32_t index) {
  pthread_mutex_lock(&system->lock);
  system->hosts[index].next_try_ms = 0;
  snprintf(system->hosts[index].message, sizeof system->hosts[index].message, "it was disconnected");
  pthread_mutex_unlock(&system->lock);
}

static void step(evs_system *system, uint32_t index) {
  evs_host *host = &system->hosts[index];
  if (host->ending == 1) {
    evsi_publisher_flush(system->publisher);
    bool is_busy = evsi_publisher_is_sending(system->publisher, index) ||
                   !evsi_consume_idle(system->consume, &system->links[index]);
    if (!is_busy || evsi_now_ms(system->host_env) >= host->ending_deadline_ms)
      close_link(system, index);
  }
  if (host->ending == 2 && is_closed(system, index)) {
    host->ending = 0;
    forget_error(system, index);
  }
}

bool evsi_links_step(evs_system *system) {
  bool any = false;
  for (uint32_t i = 0; i < system->link_count; i++) {
    if (system->hosts[i].ending)
      step(system, i);
    any = any || system->hosts[i].ending;
  }
  return any;
}

void evsi_links_close(evs_system *system, uint32_t deadline_ms) {
  for (uint32_t i = 0; i < system->link_count; i++) {
    bool is_closing = system->hosts[i].ending == 2;
    if (is_closing || is_closed(system, i))
      continue;
    if (system->hosts[i].ending)
      system->hosts[i].ending = 2;
    system->links[i].ops->close(system->links[i].transport, deadline_ms);
  }
}
