/* SPDX-License-Identifier: MIT
 * system.c - opens and releases a system: configuration, parts in the order of their dependence, the I/O
 * thread with all signals blocked. */
#include "system/system.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/held.h"

static _Atomic uint64_t fork_generation;
static pthread_once_t fork_once = PTHREAD_ONCE_INIT;

static void on_child(void) {
  atomic_fetch_add(&fork_generation, 1);
}

static void watch_forks(void) {
  pthread_atfork(NULL, NULL, on_child);
}

uint64_t evsi_fork_generation(void) {
  return atomic_load_explicit(&fork_generation, memory_order_relaxed);
}

static void on_wake(void *data) {
  evs_system *system = data;
  evsi_tasks_run(&system->tasks);
}

static void on_tick(void *data) {
  evs_system *system = data;
  bool is_disconnecting = evsi_links_step(system);
  bool again = evsi_requests_check(system) || is_disconnecting;
  if (system->close_phase > 0 && !evsi_close_step(system))
    return;
  system->ticking = false;
  if (again || system->close_phase > 0)
    evsi_system_tick(system);
}

void evsi_system_tick(evs_system *system) {
  enum { TICK_MS = 5 };
  if (system->ticking)
    return;
  system->ticking = true;
  system->host_env->io->timer_start(system->tick, TICK_MS);
}

static void *io_thread(void *data) {
  evs_system *system = data;
  evsi_pulse(system);
  system->env->io->loop_run(system->loop);
  return NULL;
}

static bool start_thread(evs_system *system) {
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  system->has_thread = pthread_create(&system->thread, NULL, io_thread, system) == 0;
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  return system->has_thread;
}

static bool route_of(evs_system *system, const char *type, evsi_decision *out) {
  evs_error *error = NULL;
  evsi_route_query query = {
      .type = evsi_text(type), .partition = EVS_PARTITION_NONE, .transport = -1, .is_dry = true};
  const char *prefix = system->config->origin_prefix;
  size_t size = strlen(prefix);
  if (size && strncmp(type, prefix, size) == 0 && type[size] == '.')
    query.type = evsi_text(type + size + 1);
  bool is_found = evsi_router_route(system->router, &query, out, &error) == EVS_OK;
  evs_error_free(error);
  return is_found;
}

static void topic_of(void *data, const char *pattern, char out_topic[201]) {
  evsi_decision decision;
  out_topic[0] = '\0';
  evsi_reload_hold(data);
  if (route_of(data, pattern, &decision))
    memcpy(out_topic, decision.topic, sizeof decision.topic);
  evsi_reload_let(data);
}

static bool ordering_of(void *data, const char *type, uint32_t transport, evsi_ordering *out) {
  evs_system *system = data;
  evsi_decision decision;
  evsi_reload_hold(system);
  bool is_known = route_of(data, type, &decision) && decision.route;
  if (is_known) {
    bool is_said = decision.route->ordering != EVSI_ORDER_NONE;
    *out = is_said ? decision.route->ordering : system->config->transports[transport].ordering;
  }
  evsi_reload_let(system);
  return is_known;
}

static void log_from_consume(void *data, int32_t level, const char *message, const evsi_log_field *fields) {
  evs_system *system = data;
  evsi_log_write(&system->log, level, "consume", message, fields);
}

static uint64_t schemas_known_at(void *data) {
  return evsi_schemas_known_at(data);
}

static void look_for_schemas(void *data) {
  evsi_schemas_look(data);
}

static bool make_loop(evs_system *system) {
  bool is_held = system->opened_with->testing.holds_clock;
  const evsi_io *io = is_held ? &evsi_io_held : system->host_env->io;
  system->loop = io->loop_new(on_wake, system);
  if (!system->loop)
    return false;
  system->host_loop = is_held ? evsi_held_real(system->loop) : system->loop;
  system->env = is_held ? evsi_held_env(system->loop) : system->host_env;
  return true;
}

static bool build_base(evs_system *system) {
  system->fork_generation = evsi_fork_generation();
  pthread_mutex_init(&system->lock, NULL);
  pthread_rwlock_init(&system->reload_lock, NULL);
  evsi_slots_init(&system->requests);
  system->close_task.run = evsi_close_begin;
  system->fleet_task.run = evsi_fleet_run;
  system->env = system->host_env = evsi_env_default();
  evsi_system_log_init(system);
  if (!make_loop(system) || !evsi_identity_init(system))
    return false;
  evsi_tasks_init(&system->tasks, system->env, system->loop);
  system->has_tasks = true;
  system->world = (evsi_world){.env = system->env, .loop = system->loop, .tasks = &system->tasks};
  system->tick = system->host_env->io->timer_new(system->host_loop, on_tick, system);
  system->fleet_timer = system->host_env->io->timer_new(system->host_loop, evsi_fleet_renew, system);
  system->pulse_timer = system->host_env->io->timer_new(system->host_loop, evsi_pulse, system);
  system->has_wake = evsi_wake_init(&system->wake);
  if (!system->has_wake)
    return false;
  evsi_records_init(&system->records, &system->wake);
  evsi_stats_init(&system->stats, system->env, system->config->statistics.max_labels);
  system->has_records = system->has_stats = true;
  return system->tick && system->fleet_timer && system->pulse_timer;
}

static evs_status build_transports(evs_system *system, evs_error **out_error) {
  const evsi_config *config = system->config;
  system->links = evsi_calloc(config->transport_count, sizeof *system->links);
  system->hosts = evsi_calloc(config->transport_count, sizeof *system->hosts);
  if (!system->links || !system->hosts)
    return evsi_error_nomem(out_error);
  for (uint32_t i = 0; i < config->transport_count; i++) {
    system->links[i].index = i;
    system->links[i].config = &config->transports[i];
    evs_status status = evsi_link_create(system, i, out_error);
    if (status != EVS_OK)
      return status;
    system->link_count++;
  }
  return EVS_OK;
}

static evs_status build_stages(evs_system *system, evs_error **out_error) {
  evsi_router *router = NULL;
  evs_status status = evsi_router_new(system->config, &router, out_error);
  if (status != EVS_OK)
    return status;
  system->router = router;
  evsi_publisher_setup publisher = {.config = system->config,
                                    .env = system->env,
                                    .loop = system->loop,
                                    .tasks = &system->tasks,
                                    .router = system->router,
                                    .stats = &system->stats,
                                    .records = &system->records,
                                    .links = system->links,
                                    .schemas = evsi_schemas_registry(system)};
  evsi_consume_setup consume = {.config = system->config,
                                .env = system->env,
                                .loop = system->loop,
                                .tasks = &system->tasks,
                                .stats = &system->stats,
                                .records = &system->records,
                                .wake = &system->wake,
                                .links = system->links,
                                .topic_of = topic_of,
                                .ordering_of = ordering_of,
                                .log = log_from_consume,
                                .data = system,
                                .schemas = evsi_schemas_registry(system),
                                .schemas_known_at = schemas_known_at,
                                .look_for_schemas = look_for_schemas};
  system->publisher = evsi_publisher_new(&publisher);
  system->consume = evsi_consume_new(&consume);
  return system->publisher && system->consume ? EVS_OK : evsi_error_nomem(out_error);
}

static void free_system(evs_system *system) {
  for (uint32_t i = 0; i < system->link_count; i++) {
    if (system->links[i].transport)
      system->links[i].ops->destroy(system->links[i].transport);
  }
  for (uint32_t i = 0; system->hosts && i < system->opened_with->transport_count; i++)
    system->env->io->timer_free(system->hosts[i].wake_timer);
  evsi_operations_release(system);
  evsi_consume_free(system->consume);
  evsi_publisher_free(system->publisher);
  evsi_reload_free(system);
  evsi_schemas_free(system);
  system->host_env->io->timer_free(system->tick);
  system->host_env->io->timer_free(system->fleet_timer);
  system->host_env->io->timer_free(system->pulse_timer);
  if (system->loop)
    system->env->io->loop_free(system->loop);
  if (system->has_tasks)
    evsi_tasks_destroy(&system->tasks);
  if (system->has_stats)
    evsi_stats_destroy(&system->stats);
  if (system->has_records)
    evsi_records_destroy(&system->records);
  if (system->has_wake)
    evsi_wake_destroy(&system->wake);
  evsi_log_destroy(&system->log);
  evsi_slots_free(&system->requests);
  pthread_mutex_destroy(&system->lock);
  evsi_free(system->links);
  evsi_free(system->hosts);
  evsi_config_free(system->opened_with);
  evsi_free(system);
}

evs_status evsi_system_open(const char *json, size_t size, evs_system **out_system, evs_error **out_error) {
  evsi_config *config = NULL;
  pthread_once(&fork_once, watch_forks);
  evs_status status = evsi_config_load(json, size, &config, out_error);
  if (status != EVS_OK)
    return status;
  evs_system *system = evsi_calloc(1, sizeof *system);
  if (!system) {
    evsi_config_free(config);
    return evsi_error_nomem(out_error);
  }
  system->config = config;
  system->opened_with = config;
  if (!build_base(system))
    status = evsi_error(out_error, EVS_INTERNAL, NULL,
                        "the event loop could not be made: no memory or no descriptors left");
  if (status == EVS_OK)
    status = build_transports(system, out_error);
  if (status == EVS_OK)
    status = evsi_schemas_open(system, out_error);
  if (status == EVS_OK)
    status = build_stages(system, out_error);
  if (status == EVS_OK && !start_thread(system))
    status = evsi_error(out_error, EVS_INTERNAL, NULL,
                        "the I/O thread could not be started: the limit on threads is reached");
  if (status != EVS_OK) {
    free_system(system);
    return status;
  }
  *out_system = system;
  return EVS_OK;
}

void evsi_system_release(evs_system *system) {
  if (system->fork_generation != evsi_fork_generation()) {
    /* Locks may be held by threads that do not exist here: only the descriptor is safe to let go. */
    close(system->wake.fd);
    return;
  }
  if (atomic_load(&system->state) < EVSI_CLOSING) /* a close that is under way keeps its deadline */
    evsi_system_close(system, 0);
  pthread_join(system->thread, NULL);
  free_system(system);
}
