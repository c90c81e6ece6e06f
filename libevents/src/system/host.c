/* SPDX-License-Identifier: MIT
 * host.c - libevents' functions for transports: each passes on to the stage that it belongs to. */
#include <stdio.h>
#include <string.h>

#include "system/system.h"

static void on_state(evs_host *host, int32_t connected, int32_t fatal, evs_bytes message,
                     uint64_t next_try_ms) {
  evs_system *system = host->system;
  bool is_connected = connected != 0;
  char text[256];
  snprintf(text, sizeof text, "%.*s", (int)message.size, message.size ? message.data : "");
  pthread_mutex_lock(&system->lock);
  bool changed = host->connected != is_connected;
  if (changed)
    host->since_ms = evsi_wall_ms(system->env);
  host->connected = is_connected;
  host->fatal = fatal != 0;
  host->next_try_ms = next_try_ms;
  if (!is_connected)
    memcpy(host->message, text, sizeof host->message);
  pthread_mutex_unlock(&system->lock);
  atomic_store(&system->links[host->index].connected, is_connected);
  if (!is_connected)
    evsi_system_log(system, fatal ? 3 : 2, system->links[host->index].config->name, text);
  else if (changed)
    evsi_system_log(system, 1, system->links[host->index].config->name, "connected");
  if (is_connected && changed)
    evsi_tasks_post(&system->tasks, &system->fleet_task);
  if (is_connected && changed)
    evsi_schemas_look(system);
  evsi_publisher_connected(system->publisher, host->index, is_connected, text);
}

static void on_closed(evs_host *host) {
  pthread_mutex_lock(&host->system->lock);
  host->closed = true;
  host->connected = false;
  pthread_mutex_unlock(&host->system->lock);
  atomic_store(&host->system->links[host->index].connected, false);
}

static void on_published(evs_host *host, const evs_tp_outcome *outcomes, size_t count) {
  evsi_publisher_outcomes(host->system->publisher, host->index, outcomes, count);
}

static void on_settled(evs_host *host, const evs_tp_outcome *outcomes, size_t count) {
  evsi_consume_settled(host->system->consume, outcomes, count);
}

static void on_replied(evs_host *host, uint64_t token, evs_status status, evs_bytes json_or_message) {
  evsi_requests_answer(host->system, token, status, json_or_message);
}

static void on_joined(evs_host *host, uint64_t group) {
  evsi_consume_joined(host->system->consume, group);
}

static void on_again(evs_host *host, uint64_t group) {
  evsi_consume_again(host->system->consume, group);
}

static void on_left(evs_host *host, uint64_t group) {
  evsi_consume_left(host->system->consume, group);
}

static size_t on_deliver(evs_host *host, uint64_t group, const evs_tp_entry *entries, size_t count) {
  return evsi_consume_deliver(host->system->consume, group, entries, count);
}

static uint32_t on_credits(evs_host *host, uint64_t group) {
  return evsi_consume_credits(host->system->consume, group);
}

static int32_t on_wants(evs_host *host, uint64_t group, evs_bytes topic, evs_bytes full_type) {
  return evsi_consume_wants(host->system->consume, group, topic, full_type);
}

static void on_members(evs_host *host, uint64_t group, evs_bytes topic, int32_t partition, uint64_t version,
                       evs_bytes json) {
  evsi_consume_members(host->system->consume, group, topic, partition, version, json);
}

static void on_paused(evs_host *host, uint64_t group, int32_t is_paused) {
  evsi_consume_paused(host->system->consume, group, is_paused != 0);
}

static void on_lease(evs_host *host, const evs_tp_place *stream, uint64_t until_ms) {
  evsi_consume_lease(host->system->consume, stream, until_ms);
}

static void on_count(evs_host *host, const char *counter, uint64_t amount) {
  evsi_stats_count_name(&host->system->stats, counter, amount);
}

static void on_log(evs_host *host, int32_t level, const char *message) {
  evsi_system_log(host->system, level, host->system->links[host->index].config->name, message);
}

/* ---- for plug-ins ------------------------------------------------------------------------------ */

static void on_wake_wanted(evs_host *host, uint64_t after_ms) {
  evs_system *system = host->system;
  uint64_t at = evsi_now_ms(system->env) + after_ms;
  pthread_mutex_lock(&system->lock);
  bool is_earlier = at < host->wake_at_ms;
  if (is_earlier)
    host->wake_at_ms = at;
  pthread_mutex_unlock(&system->lock);
  if (is_earlier)
    evsi_tasks_post(&system->tasks, &host->wake_task);
}

void evsi_host_woken(evsi_task *task) {
  evs_host *host = (evs_host *)((char *)task - offsetof(evs_host, wake_task));
  evs_system *system = host->system;
  uint64_t now = evsi_now_ms(system->env);
  pthread_mutex_lock(&system->lock);
  uint64_t at = host->wake_at_ms;
  pthread_mutex_unlock(&system->lock);
  if (at != UINT64_MAX)
    system->env->io->timer_start(host->wake_timer, at > now ? at - now : 0);
}

void evsi_host_on_wake(void *data) {
  evs_host *host = data;
  const evsi_link *link = &host->system->links[host->index];
  pthread_mutex_lock(&host->system->lock);
  host->wake_at_ms = UINT64_MAX;
  pthread_mutex_unlock(&host->system->lock);
  if (link->transport && link->ops->wake)
    link->ops->wake(link->transport);
}

static uint64_t on_now(evs_host *host) {
  return evsi_now_ms(host->system->env);
}

static int32_t on_tell(evs_host *host, uint64_t token, evs_bytes json) {
  evs_report report = {.kind = EVS_REPORT_TRANSPORT,
                       .token = token,
                       .transport = evsi_text(host->system->links[host->index].config->name),
                       .detail = json};
  evsi_report *copy = evsi_report_new(&report);
  if (copy)
    evsi_records_add(&host->system->records, copy);
  return copy != NULL;
}

const evs_host_ops evsi_host_ops = {
    .struct_size = sizeof(evs_host_ops),
    .abi = EVS_TRANSPORT_ABI,
    .state = on_state,
    .closed = on_closed,
    .published = on_published,
    .settled = on_settled,
    .replied = on_replied,
    .joined = on_joined,
    .left = on_left,
    .deliver = on_deliver,
    .credits = on_credits,
    .wants = on_wants,
    .members = on_members,
    .count = on_count,
    .log = on_log,
    .paused = on_paused,
    .lease = on_lease,
    .wake = on_wake_wanted,
    .now_ms = on_now,
    .tell = on_tell,
    .again = on_again,
};
