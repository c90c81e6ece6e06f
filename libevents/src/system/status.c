/* SPDX-License-Identifier: MIT
 * status.c - what a system tells about itself: log records, statistics, status. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/line_out.h"
#include "event/identity.h"
#include "system/system.h"

/* To standard error as a line, or to the host as a record. */
static bool take_log_line(void *data, evs_bytes line) {
  evs_system *system = data;
  if (atomic_load_explicit(&system->logs_to_stderr, memory_order_relaxed)) {
    evsi_buf text = {0};
    evsi_buf_add_bytes(&text, line);
    evsi_buf_add_text(&text, "\n");
    bool is_written = !text.failed && evsi_line_out(evsi_bytes(text.data, text.size));
    evsi_buf_free(&text);
    return is_written;
  }
  evsi_report *record = evsi_report_new(&(evs_report){.kind = EVS_REPORT_LOG, .detail = line});
  return record && evsi_records_add_log(&system->records, record);
}

void evsi_system_log_init(evs_system *system) {
  evsi_log_init(&system->log, system->env, take_log_line, system);
  evsi_system_log_set(system, system->opened_with);
}

void evsi_system_log_set(evs_system *system, const evsi_config *config) {
  atomic_store(&system->log.level, config->log_level);
  atomic_store(&system->logs_to_stderr, config->logs_to_stderr);
}

void evsi_system_log(evs_system *system, int32_t level, const char *component, const char *message) {
  evsi_log_write(&system->log, level, component, message, NULL);
}

/* Does the store take no events now, and why? */
static void add_held(evs_system *system, uint32_t link, evsi_buf *out) {
  char why[256];
  uint64_t since = evsi_publisher_held(system->publisher, link, why);
  if (since == 0) {
    evsi_buf_add_text(out, "null");
    return;
  }
  evsi_buf_addf(out, "{\"since\":%llu,\"reason\":", (unsigned long long)since);
  evsi_buf_add_json(out, why, strlen(why));
  evsi_buf_add_text(out, "}");
}

static bool any_held(evs_system *system) {
  char why[256];
  bool held = false;
  for (uint32_t i = 0; i < system->link_count; i++)
    held = held || evsi_publisher_held(system->publisher, i, why) != 0;
  return held;
}

static void add_transports(evs_system *system, evsi_buf *out) {
  evsi_buf_add_text(out, "\"transports\":{");
  pthread_mutex_lock(&system->lock);
  for (uint32_t i = 0; i < system->link_count; i++) {
    const struct evs_host *host = &system->hosts[i];
    evsi_buf_add_text(out, i ? "," : "");
    evsi_buf_add_json(out, system->links[i].config->name, strlen(system->links[i].config->name));
    evsi_buf_addf(
        out, ":{\"type\":\"%s\",\"connected\":%s,\"since\":%llu,\"lastError\":", system->links[i].ops->type,
        host->connected ? "true" : "false", (unsigned long long)host->since_ms);
    if (host->message[0])
      evsi_buf_add_json(out, host->message, strlen(host->message));
    else
      evsi_buf_add_text(out, "null");
    evsi_buf_addf(out, ",\"nextTry\":%llu,\"heldBack\":", (unsigned long long)host->next_try_ms);
    add_held(system, i, out);
    evsi_buf_add_text(out, "}");
  }
  pthread_mutex_unlock(&system->lock);
  evsi_buf_add_text(out, "}");
}

bool evsi_generation_of(const evsi_config *config, char out[17]) {
  char hash[65];
  if (evsi_sha256_hex(evsi_text(config->normalized_json), hash) != 0)
    return false;
  snprintf(out, 17, "%.16s", hash);
  return true;
}

bool evsi_identity_init(evs_system *system) {
  evsi_identity *identity = &system->identity;
  unsigned char random[8];
  if (!system->env->random(random, sizeof random) ||
      !evsi_generation_of(system->config, identity->generation))
    return false;
  for (size_t i = 0; i < sizeof random; i++)
    snprintf(identity->instance + 2 * i, 3, "%02x", random[i]);
  gethostname(identity->host, sizeof identity->host - 1);
  identity->pid = (int)getpid();
  identity->started_at_ms = evsi_wall_ms(system->env);
  return true;
}

static void add_text(evsi_buf *out, const char *name, const char *text) {
  evsi_buf_addf(out, "\"%s\":", name);
  if (text[0])
    evsi_buf_add_json(out, text, strlen(text));
  else
    evsi_buf_add_text(out, "null");
  evsi_buf_add_text(out, ",");
}

static void add_identity(evs_system *system, evsi_buf *out) {
  const evsi_identity *identity = &system->identity;
  add_text(out, "instance", identity->instance);
  add_text(out, "service", system->config->service);
  add_text(out, "host", identity->host);
  evsi_buf_addf(out, "\"pid\":%d,\"startedAt\":%llu,", identity->pid,
                (unsigned long long)identity->started_at_ms);
  add_text(out, "generation", identity->generation);
}

/* What evs_explain_config() needs to decide as this system does, beside `transports`. */
static void add_routing(evs_system *system, evsi_buf *out) {
  const evsi_config *config = system->config;
  add_text(out, "originPrefix", config->origin_prefix);
  evsi_buf_add_text(out, "\"origins\":");
  for (uint32_t i = 0; i < config->origin_count; i++) {
    evsi_buf_add_text(out, i ? "," : "[");
    evsi_buf_add_json(out, config->origins[i], strlen(config->origins[i]));
  }
  evsi_buf_add_text(out, config->origin_count ? "]," : config->origins_set ? "[]," : "null,");
  evsi_buf_addf(out, "\"routing\":%s,", config->routing_json);
}

char *evsi_system_stats_json(evs_system *system) {
  evsi_buf out = {0};
  evsi_buf_add_text(&out, "{");
  evsi_reload_hold(system);
  add_identity(system, &out);
  add_routing(system, &out);
  evsi_reload_let(system);
  evsi_stats_json(&system->stats, &out);
  evsi_buf_addf(&out, ",\"inFlight\":%llu,", (unsigned long long)evsi_publisher_in_flight(system->publisher));
  evsi_consume_json(system->consume, &out);
  evsi_buf_add_text(&out, ",\"health\":{");
  evsi_health_json(system, &out);
  evsi_buf_add_text(&out, "},");
  add_transports(system, &out);
  evsi_reload_hold(system);
  char *routes = evsi_router_routes_json(system->router);
  evsi_reload_let(system);
  evsi_buf_addf(&out, ",\"routes\":%s}", routes ? routes : "[]");
  evsi_free(routes);
  return evsi_buf_take(&out);
}

char *evsi_system_status_json(evs_system *system) {
  static const char *const names[] = {"new", "open", "closing", "closed"};
  evsi_buf out = {0};
  bool connected = system->link_count > 0;
  for (uint32_t i = 0; i < system->link_count; i++)
    connected = connected && atomic_load(&system->links[i].connected);
  int state = atomic_load(&system->state);
  evsi_buf_addf(&out, "{\"connected\":%s,\"healthy\":%s,\"state\":\"%s\",", connected ? "true" : "false",
                connected && state == EVSI_OPEN && !any_held(system) ? "true" : "false", names[state]);
  evsi_health_json(system, &out);
  evsi_buf_add_text(&out, ",");
  add_transports(system, &out);
  evsi_buf_addf(&out, ",\"uptime\":%.3f,\"version\":\"" EVS_VERSION "\"}",
                (double)(evsi_now_ms(system->env) - system->stats.started_ms) / 1000.0);
  return evsi_buf_take(&out);
}
