/* SPDX-License-Identifier: MIT
 * pulse.c - what happens once a second while a system lives, and the health that it shows: live while the I/O
 * thread has its pulse, ready while events can come and go. */
#include <stdio.h>
#include <string.h>

#include "system/system.h"

enum { PULSE_MS = 1000, STOPPED_MS = 10000 };

void evsi_pulse(void *data) {
  evs_system *system = data;
  atomic_store(&system->pulse_ms, evsi_now_ms(system->host_env));
  evsi_stats_look(&system->stats);
  evsi_log_flush(&system->log, false);
  system->host_env->io->timer_start(system->pulse_timer, PULSE_MS);
}

static void add_reason(evsi_buf *out, const char *text) {
  if (out->size > 0)
    evsi_buf_add_text(out, ",");
  evsi_buf_add_json(out, text, strlen(text));
}

static void add_unconnected(evs_system *system, evsi_buf *out) {
  pthread_mutex_lock(&system->lock);
  for (uint32_t i = 0; i < system->link_count; i++) {
    const struct evs_host *host = &system->hosts[i];
    char text[400];
    if (host->connected)
      continue;
    snprintf(text, sizeof text, "transport %.100s is not connected%s%s", system->links[i].config->name,
             host->message[0] ? ": " : "", host->message);
    add_reason(out, text);
  }
  pthread_mutex_unlock(&system->lock);
}

static void add_why_not_ready(evs_system *system, evsi_buf *out) {
  int state = atomic_load(&system->state);
  if (state == EVSI_NEW)
    add_reason(out, "the system was not connected yet");
  if (state == EVSI_CLOSING)
    add_reason(out, "the system is closing");
  if (state == EVSI_CLOSED)
    add_reason(out, "the system is closed");
  if (state != EVSI_OPEN)
    return;
  add_unconnected(system, out);
  if (!evsi_schemas_ready(system))
    add_reason(out, "the registry of schemas was not read yet");
  if (!evsi_consume_ready(system->consume, NULL))
    add_reason(out, "the store has not taken every subscription yet");
  if (evsi_requests_drain(system))
    add_reason(out, "the system is being drained");
}

static bool is_live(evs_system *system, evsi_buf *reasons) {
  uint64_t now = evsi_now_ms(system->host_env), pulse = atomic_load(&system->pulse_ms);
  bool has_stopped = pulse > 0 && now > pulse + STOPPED_MS;
  if (has_stopped)
    add_reason(reasons, "the I/O thread has not run for more than 10 seconds");
  return !has_stopped && atomic_load(&system->state) != EVSI_CLOSED;
}

void evsi_health_json(evs_system *system, evsi_buf *out) {
  evsi_buf reasons = {0};
  bool live = is_live(system, &reasons);
  add_why_not_ready(system, &reasons);
  evsi_buf_addf(out, "\"live\":%s,\"ready\":%s,\"reasons\":[", live ? "true" : "false",
                reasons.size == 0 && !reasons.failed ? "true" : "false");
  if (reasons.size > 0)
    evsi_buf_add(out, reasons.data, reasons.size);
  evsi_buf_add_text(out, "]");
  evsi_buf_free(&reasons);
}
