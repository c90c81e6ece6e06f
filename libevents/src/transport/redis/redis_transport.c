/* SPDX-License-Identifier: MIT
 * redis_transport.c - the transport `redis-streams`: its life, its timers, and the functions that libevents
 * calls; each passes on to the file that does the work. */
#include "transport/redis/redis_transport.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "transport/redis/redis_internal.h"

enum { FIRST_LOOK_MS = 50 };

/* ---- small services --------------------------------------------------------------------------- */

static const evsi_io *io_of(const evs_transport *transport) {
  return transport->world->env->io;
}

evsi_redis_conn *evsi_redis_conn_for_key(evs_transport *transport, const char *key) {
  (void)key; /* one server has all keys */
  return &transport->command;
}

uint64_t evsi_redis_now(const evs_transport *transport) {
  return evsi_now_ms(transport->world->env);
}

void evsi_redis_log(evs_transport *transport, int32_t level, const char *format, ...) {
  char text[1024];
  va_list args;
  va_start(args, format);
  vsnprintf(text, sizeof text, format, args);
  va_end(args);
  transport->ops->log(transport->host, level, text);
}

void evsi_redis_count(evs_transport *transport, const char *counter, uint64_t amount) {
  transport->ops->count(transport->host, counter, amount);
}

uint32_t evsi_redis_credits(const evsi_redis_group *group) {
  evs_transport *transport = group->transport;
  bool may_take = !group->is_leaving && group->is_pause_known && !group->is_paused;
  return may_take ? transport->ops->credits(transport->host, group->token) : 0;
}

/* ---- work, once a turn ------------------------------------------------------------------------ */

void evsi_redis_work_later(evs_transport *transport) {
  if (transport->work_due || transport->is_finished)
    return;
  transport->work_due = true;
  io_of(transport)->timer_start(transport->work_timer, 0);
}

static void finish_if_done(evs_transport *transport);

void evsi_redis_work(evs_transport *transport) {
  evsi_redis_group *group, *next;
  if (transport->is_working || transport->is_finished)
    return;
  transport->is_working = true;
  transport->work_due = false;
  HASH_ITER(hh, transport->groups, group, next) {
    evsi_redis_group_pump(group);
  }
  evsi_redis_publish_report(transport);
  evsi_redis_settle_report(transport);
  transport->is_working = false;
  finish_if_done(transport);
}

static void on_work(void *data) {
  evsi_redis_work(data);
}

static void on_beat(void *data) {
  evsi_redis_beat(data);
}

static void on_discover(void *data) {
  evs_transport *transport = data;
  io_of(transport)->timer_start(transport->discover_timer, transport->config.discover_ms);
  evsi_redis_look(transport);
}

/* Sets the timer for the next stream that has parked entries. */
static void on_due(void *data) {
  evs_transport *transport = data;
  uint64_t now = evsi_redis_now(transport), next = 0;
  transport->due_ms = 0;
  evsi_redis_work(transport);
  for (evsi_redis_group *group = transport->groups; group; group = group->hh.next) {
    for (size_t i = 0; i < group->stream_count; i++) {
      uint64_t due = group->streams[i]->due_ms;
      if (due > now && (next == 0 || due < next))
        next = due;
    }
  }
  if (next == 0 || transport->is_finished)
    return;
  transport->due_ms = next;
  io_of(transport)->timer_start(transport->due_timer, next - now);
}

static void on_poke(void *data) {
  evsi_redis_poke_send(data);
}

static void on_retention(void *data) {
  evsi_redis_retention_look(data);
}

/* ---- the command connection ------------------------------------------------------------------- */

static void on_up(void *data) {
  evs_transport *transport = data;
  evsi_redis_scripts_forget(&transport->scripts);
  evsi_redis_publish_forget(transport);
  transport->poke_count = 0;
  transport->is_connected = true;
  for (evsi_redis_group *group = transport->groups; group; group = group->hh.next) {
    group->is_pause_known = false;
    evsi_redis_group_resync(group);
  }
  transport->is_pause_refused = transport->is_fleet_refused = transport->must_not_trim = false;
  transport->is_delay_refused = transport->is_look_refused = false;
  transport->delay_again_ms = 0;
  evsi_redis_pause_ask(transport);
  transport->ops->state(transport->host, 1, 0, evsi_bytes(NULL, 0), 0);
  evsi_redis_topics_read(transport);
  evsi_redis_look(transport);
  evsi_redis_work_later(transport);
}

static void on_down(void *data, const char *reason, bool fatal, uint64_t next_try_ms) {
  evs_transport *transport = data;
  transport->is_connected = false;
  transport->poke_count = 0;
  evsi_redis_publish_report(transport);
  transport->ops->state(transport->host, 0, fatal, evsi_text(reason), next_try_ms);
  evsi_redis_work_later(transport);
}

static void on_drained(void *data) {
  evsi_redis_publish_report(data);
}

static const evsi_redis_conn_events command_events = {on_up, on_down, on_drained};

/* ---- life ------------------------------------------------------------------------------------- */

static void on_socket_closed(void *data) {
  evsi_redis_net *net = data;
  evs_transport *transport = net->transport;
  if (!transport && net->open_sockets == 0)
    evsi_free(net);
  else if (transport)
    finish_if_done(transport);
}

static bool make_timers(evs_transport *transport) {
  struct {
    evsi_timer **timer;
    void (*fire)(void *data);
  } all[] = {{&transport->work_timer, on_work},         {&transport->beat_timer, on_beat},
             {&transport->discover_timer, on_discover}, {&transport->due_timer, on_due},
             {&transport->poke_timer, on_poke},         {&transport->retention_timer, on_retention}};
  for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
    *all[i].timer = io_of(transport)->timer_new(transport->world->loop, all[i].fire, transport);
    if (!*all[i].timer)
      return false;
  }
  return true;
}

static void stop_timers(evs_transport *transport) {
  evsi_timer *all[] = {transport->work_timer,  transport->beat_timer, transport->discover_timer,
                       transport->due_timer,   transport->poke_timer, transport->retention_timer,
                       transport->delay_timer, transport->close_timer};
  for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
    if (all[i])
      io_of(transport)->timer_stop(all[i]);
  }
}

static void on_close_deadline(void *data);

static void transport_free(evs_transport *transport) {
  evsi_timer *all[] = {transport->work_timer, transport->beat_timer, transport->discover_timer,
                       transport->due_timer,  transport->poke_timer, transport->retention_timer,
                       transport->close_timer};
  for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
    io_of(transport)->timer_free(all[i]);
  evsi_redis_publish_free(transport);
  evsi_redis_delay_free(transport);
  evsi_redis_retention_free(transport);
  evsi_redis_scripts_free(&transport->scripts);
  evsi_redis_conn_free(&transport->command);
  evsi_redis_conn_free(&transport->durable);
  json_decref(transport->known_topics);
  json_decref(transport->found_streams);
  json_decref(transport->seen_streams);
  json_decref(transport->looked_at);
  if (transport->net && transport->net->open_sockets == 0)
    evsi_free(transport->net);
  else if (transport->net)
    transport->net->transport = NULL; /* the last socket frees it */
  evsi_redis_config_free(&transport->config);
  evsi_free(transport->name);
  evsi_free(transport);
}

static bool make_net(evs_transport *transport) {
  evsi_redis_net *net = evsi_calloc(1, sizeof *net);
  if (!net)
    return false;
  net->world = transport->world;
  net->config = &transport->config;
  net->ops = transport->ops;
  net->host = transport->host;
  net->transport = transport;
  net->on_socket_closed = on_socket_closed;
  transport->net = net;
  return true;
}

static evs_status redis_create(const evs_host_ops *ops, evs_host *host, const void *env, const char *name,
                               const char *config_json, size_t config_size, evs_transport **out_transport,
                               evs_error **out_error) {
  evs_transport *transport = evsi_calloc(1, sizeof *transport);
  if (!transport)
    return evsi_error_nomem(out_error);
  transport->ops = ops;
  transport->host = host;
  transport->world = env;
  evs_status status = evsi_redis_config_load(&transport->config, config_json, config_size, out_error);
  if (status != EVS_OK) {
    evsi_free(transport);
    return status;
  }
  transport->name = evsi_strdup(name);
  if (transport->name && make_timers(transport) && make_net(transport) &&
      (transport->close_timer =
           io_of(transport)->timer_new(transport->world->loop, on_close_deadline, transport)) &&
      evsi_redis_conn_init(&transport->command, transport->net, "commands", &command_events, transport) ==
          EVS_OK &&
      evsi_redis_durable_init(transport) && evsi_redis_delay_init(transport) &&
      evsi_redis_scripts_init(&transport->scripts, &transport->command)) {
    *out_transport = transport;
    return EVS_OK;
  }
  transport_free(transport);
  return evsi_error_nomem(out_error);
}

static void redis_connect(evs_transport *transport) {
  if (transport->is_closing)
    return;
  evsi_redis_conn_start(&transport->command);
  if (transport->config.acknowledgement > EVS_ACKNOWLEDGE_STORED)
    evsi_redis_conn_start(&transport->durable);
  io_of(transport)->timer_start(transport->beat_timer, transport->config.session_timeout_ms / 3);
  io_of(transport)->timer_start(transport->discover_timer, FIRST_LOOK_MS);
  io_of(transport)->timer_start(transport->retention_timer, transport->config.retention_interval_ms);
}

/* ---- closing ---------------------------------------------------------------------------------- */

static void fail_settlements(evsi_redis_group *group) {
  for (size_t i = 0; i < group->stream_count; i++) {
    evsi_redis_flight *flight, *next;
    HASH_ITER(hh, group->streams[i]->flights, flight, next) {
      if (flight->state == EVSI_FLIGHT_QUEUED)
        evsi_redis_settle_answer(group->streams[i], flight, EVS_TRANSPORT, EVS_TP_TRANSIENT,
                                 "the transport was closed before the store answered");
    }
  }
}

/* Ends whatever is still open; afterwards only sockets may be left, which close by themselves. */
static void finish(evs_transport *transport) {
  evsi_redis_group *group, *next;
  if (transport->is_finished)
    return;
  transport->is_finished = true;
  stop_timers(transport);
  evsi_redis_conn_stop(&transport->command);
  evsi_redis_durable_stop(transport);
  HASH_ITER(hh, transport->groups, group, next) {
    fail_settlements(group);
    HASH_DEL(transport->groups, group);
    evsi_redis_group_free(group);
  }
  evsi_redis_publish_report(transport);
  evsi_redis_settle_report(transport);
}

static bool has_settlements(const evs_transport *transport) {
  for (evsi_redis_group *group = transport->groups; group; group = group->hh.next) {
    if (evsi_redis_group_holds_any(group, EVSI_FLIGHT_QUEUED))
      return true;
  }
  return false;
}

static void finish_if_done(evs_transport *transport) {
  if (!transport->is_closing || transport->is_closed_told)
    return;
  bool is_idle = !transport->groups && transport->publishing == 0 && transport->requests == 0;
  /* Without a connection only a settlement is worth waiting for. */
  if (!transport->is_finished && (is_idle || (!transport->command.is_up && !has_settlements(transport))))
    finish(transport);
  if (!transport->is_finished || transport->net->open_sockets > 0)
    return;
  transport->is_closed_told = true;
  transport->ops->closed(transport->host);
}

void evsi_redis_group_gone(evs_transport *transport) {
  if (transport->is_closing)
    evsi_redis_work_later(transport);
}

static void on_close_deadline(void *data) {
  finish(data);
  finish_if_done(data);
}

static void redis_close(evs_transport *transport, uint32_t deadline_ms) {
  if (transport->is_closing)
    return;
  transport->is_closing = true;
  for (evsi_redis_group *group = transport->groups; group; group = group->hh.next) {
    group->is_leaving = true;
    evsi_redis_reader_wake(group);
  }
  io_of(transport)->timer_start(transport->close_timer, deadline_ms);
  evsi_redis_work_later(transport);
  if (!transport->command.started)
    finish_if_done(transport);
}

static void redis_destroy(evs_transport *transport) {
  if (!transport)
    return;
  transport->is_closed_told = true;
  finish(transport);
  transport_free(transport);
}

static void redis_resume(evs_transport *transport, uint64_t group) {
  if (evsi_redis_group_find(transport, group))
    evsi_redis_work_later(transport);
}

const evs_transport_ops evsi_redis_transport = {
    .struct_size = sizeof(evs_transport_ops),
    .abi = EVS_TRANSPORT_ABI,
    .type = "redis-streams",
    .capabilities = EVS_CAP_PUBLISH | EVS_CAP_SUBSCRIBE | EVS_CAP_PATTERN_ROUTING | EVS_CAP_BATCHING |
                    EVS_CAP_PARTITIONING | EVS_CAP_CONSUMER_GROUPS | EVS_CAP_PERSISTENCE | EVS_CAP_DLQ |
                    EVS_CAP_DELAY | EVS_CAP_DURABILITY | EVS_CAP_RETENTION | EVS_CAP_REPLAY |
                    EVS_CAP_ORDERING,
    .create = redis_create,
    .connect = redis_connect,
    .close = redis_close,
    .destroy = redis_destroy,
    .publish = evsi_redis_publish,
    .join = evsi_redis_group_join,
    .leave = evsi_redis_group_leave,
    .resume = redis_resume,
    .settle = evsi_redis_settle,
    .request = evsi_redis_request_start,
    .announce = evsi_redis_announce,
    .recall = evsi_redis_order_recall,
};
