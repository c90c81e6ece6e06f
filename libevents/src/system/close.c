/* SPDX-License-Identifier: MIT
 * close.c - ending a system: stop fetching, let publishes and handlers finish until the deadline, hand the
 * rest back, close the transports, give the last record, stop the loop. */
#include <inttypes.h>
#include <stdio.h>

#include "system/system.h"

enum { TRANSPORTS_DEADLINE_MS = 2000 };

void evsi_system_close(evs_system *system, uint32_t deadline_ms) {
  uint64_t deadline = evsi_now_ms(system->host_env) + deadline_ms;
  uint64_t before = atomic_load(&system->close_deadline_ms);
  /* A second call may only shorten the deadline. */
  while ((before == 0 || deadline < before) &&
         !atomic_compare_exchange_weak(&system->close_deadline_ms, &before, deadline)) {
  }
  int state = atomic_load(&system->state);
  while (state < EVSI_CLOSING && !atomic_compare_exchange_weak(&system->state, &state, EVSI_CLOSING)) {
  }
  if (state < EVSI_CLOSING)
    evsi_tasks_post(&system->tasks, &system->close_task);
}

void evsi_close_begin(evsi_task *task) {
  evs_system *system = (evs_system *)((char *)task - offsetof(evs_system, close_task));
  system->close_phase = 1;
  evsi_consume_stop(system->consume);
  evsi_operations_end(system);
  evsi_tasks_post(&system->tasks, &system->fleet_task); /* others see that it is not ready any more */
  evsi_system_tick(system);
}

static bool has_links_open(evs_system *system) {
  bool open = false;
  pthread_mutex_lock(&system->lock);
  for (uint32_t i = 0; i < system->link_count; i++)
    open = open || !system->hosts[i].closed;
  pthread_mutex_unlock(&system->lock);
  return open;
}

static void close_transports(evs_system *system) {
  system->abandoned = evsi_consume_abandon(system->consume, NULL);
  evsi_publisher_abort(system->publisher, "the system was closed before the store answered");
  evsi_tasks_run(&system->tasks); /* what was handed back goes to the transports first */
  system->close_phase = 2;
  system->transports_deadline_ms = evsi_now_ms(system->host_env) + TRANSPORTS_DEADLINE_MS;
  evsi_fleet_withdraw(system);
  evsi_links_close(system, TRANSPORTS_DEADLINE_MS);
}

static void give_last_record(evs_system *system) {
  char detail[96];
  evsi_log_flush(&system->log, true);
  snprintf(detail, sizeof detail, "{\"released\":%" PRIu64 ",\"abandoned\":%" PRIu64 "}",
           evsi_consume_released(system->consume), system->abandoned);
  evs_report report = {.kind = EVS_REPORT_CLOSED, .detail = evsi_text(detail)};
  evsi_report *last = evsi_report_new(&report);
  atomic_store(&system->state, EVSI_CLOSED);
  if (last)
    evsi_records_add(&system->records, last);
  atomic_store(&system->is_over, true);
  /* Also those that found the state, and not the record yet. */
  evsi_wake_signal(&system->wake, EVSI_WAKE_ALL);
}

bool evsi_close_step(evs_system *system) {
  uint64_t now = evsi_now_ms(system->host_env);
  if (system->close_phase == 1) {
    evsi_publisher_flush(system->publisher);
    bool is_late = now >= atomic_load(&system->close_deadline_ms);
    bool is_busy =
        evsi_publisher_in_flight(system->publisher) > 0 || !evsi_consume_idle(system->consume, NULL);
    if ((!is_busy || is_late) && evsi_publisher_seal(system->publisher))
      close_transports(system);
    return true;
  }
  if (has_links_open(system) && now < system->transports_deadline_ms)
    return true;
  evsi_requests_abort(system);
  give_last_record(system);
  system->env->io->loop_stop(system->loop);
  return false;
}
