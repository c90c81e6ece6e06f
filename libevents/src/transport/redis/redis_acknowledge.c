/* SPDX-License-Identifier: MIT
 * redis_acknowledge.c - levels of acknowledgement beyond "the server has it": events that want replicas or
 * the disk go over a connection of their own, since WAIT and WAITAOF block one, and each vector asks once. */
#include <stdio.h>
#include <string.h>

#include "transport/redis/redis_error.h"
#include "transport/redis/redis_publish.h"

typedef struct stored_event {
  uint64_t token;
  uint32_t flags;
  char offset[EVSI_REDIS_ID_TEXT];
} stored_event;

/* Events that are waited for together. */
struct evsi_redis_wait {
  evs_transport *transport;
  evsi_redis_wait *next;
  uint32_t level, replicas, timeout_ms;
  size_t open;  /* sent, and not answered */
  bool is_lost; /* the question could not be sent */
  size_t count, capacity;
  stored_event *stored;
};

/* ---- telling ---------------------------------------------------------------------------------- */

static void tell(const evsi_redis_wait *wait, const stored_event *event, const evs_tp_outcome *end) {
  evs_tp_outcome outcome = *end;
  outcome.struct_size = sizeof outcome;
  outcome.token = event->token;
  outcome.flags |= event->flags;
  outcome.offset = evsi_text(event->offset);
  wait->transport->publishing--;
  evsi_redis_publish_outcome(wait->transport, &outcome);
}

/* Everything that was stored ends so. */
static void finish(evsi_redis_wait *wait, evs_status status, const char *message) {
  const evs_tp_outcome end = {.status = status,
                              .acknowledgement = status == EVS_OK ? wait->level : EVS_ACKNOWLEDGE_STORED,
                              .message = evsi_text(message)};
  for (size_t i = 0; i < wait->count; i++)
    tell(wait, &wait->stored[i], &end);
  evsi_free(wait->stored);
  evsi_free(wait);
}

static void finish_lost(evsi_redis_wait *wait) {
  finish(wait, EVS_TRANSPORT,
         "the server has the event, but the connection was lost before replicas or its disk were known to");
}

void evsi_redis_wait_less(evsi_redis_wait *wait) {
  if (--wait->open == 0 && wait->is_lost)
    finish_lost(wait);
}

static bool reserve(evsi_redis_wait *wait) {
  if (wait->count < wait->capacity)
    return true;
  size_t capacity = wait->capacity ? wait->capacity * 2 : 64;
  stored_event *grown = evsi_realloc(wait->stored, capacity * sizeof *grown);
  if (!grown)
    return false;
  wait->stored = grown;
  wait->capacity = capacity;
  return true;
}

void evsi_redis_wait_stored(evsi_redis_wait *wait, const evs_tp_outcome *outcome) {
  stored_event event = {.token = outcome->token, .flags = outcome->flags};
  snprintf(event.offset, sizeof event.offset, "%.*s", (int)outcome->offset.size, outcome->offset.data);
  if (reserve(wait)) {
    wait->stored[wait->count++] = event;
  } else {
    const evs_tp_outcome end = {.status = EVS_NOMEM,
                                .acknowledgement = EVS_ACKNOWLEDGE_STORED,
                                .message = evsi_text("the server has the event; out of memory for more")};
    tell(wait, &event, &end);
  }
  evsi_redis_wait_less(wait);
}

/* ---- asking ----------------------------------------------------------------------------------- */

/* WAIT gives a number of replicas, WAITAOF {own disk, replicas' disks}. */
static void on_waited(void *data, uint64_t tag, const evsi_redis_reply *reply) {
  evsi_redis_wait *wait = data;
  char text[EVSI_REDIS_ERROR_TEXT + 128];
  bool is_disk = wait->level == EVS_ACKNOWLEDGE_FSYNCED;
  (void)tag;
  if (reply->type == EVSI_REDIS_LOST) {
    finish_lost(wait);
    return;
  }
  if (reply->type == EVSI_REDIS_ERROR) {
    evsi_redis_error_text(reply, is_disk ? "WAITAOF" : "WAIT", text);
    finish(wait, EVS_TRANSPORT, text);
    return;
  }
  int64_t got = evsi_redis_integer(is_disk ? evsi_redis_item(reply, 0) : reply);
  int64_t wanted = is_disk ? 1 : wait->replicas;
  if (got >= wanted) {
    finish(wait, EVS_OK, NULL);
    return;
  }
  if (is_disk)
    snprintf(text, sizeof text, "the server has the event, but did not tell within %u ms that its disk has",
             (unsigned)wait->timeout_ms);
  else
    snprintf(text, sizeof text, "the server has the event, but only %lld of %lld replicas told within %u ms",
             (long long)got, (long long)wanted, (unsigned)wait->timeout_ms);
  finish(wait, EVS_TIMEOUT, text);
}

static bool ask(evsi_redis_wait *wait) {
  evs_transport *transport = wait->transport;
  evsi_redis_args args = {0};
  bool is_disk = wait->level == EVS_ACKNOWLEDGE_FSYNCED;
  evsi_redis_arg_text(&args, is_disk ? "WAITAOF" : "WAIT");
  evsi_redis_arg_u64(&args, is_disk ? 1 : wait->replicas);
  if (is_disk)
    evsi_redis_arg_u64(&args, 0);
  evsi_redis_arg_u64(&args, wait->timeout_ms);
  bool is_sent =
      evsi_redis_conn_send(&transport->durable, &args,
                           wait->timeout_ms + transport->config.command_timeout_ms, on_waited, wait, 0);
  evsi_redis_args_free(&args);
  return is_sent;
}

void evsi_redis_wait_ask(evs_transport *transport) {
  evsi_redis_wait *next;
  for (evsi_redis_wait *wait = transport->waits; wait; wait = next) {
    next = wait->next;
    transport->waits = next;
    if (wait->open > 0 && ask(wait))
      continue;
    wait->is_lost = true;
    if (wait->open == 0)
      finish_lost(wait); /* none of them could be sent */
  }
}

static evsi_redis_wait *join(evs_transport *transport, const evsi_redis_wait *like) {
  for (evsi_redis_wait *wait = transport->waits; wait; wait = wait->next) {
    if (wait->level == like->level && wait->replicas == like->replicas &&
        wait->timeout_ms == like->timeout_ms) {
      wait->open++;
      return wait;
    }
  }
  evsi_redis_wait *wait = evsi_calloc(1, sizeof *wait);
  if (!wait)
    return NULL;
  *wait = *like;
  wait->open = 1;
  wait->next = transport->waits;
  transport->waits = wait;
  return wait;
}

/* ---- the connection --------------------------------------------------------------------------- */

enum { PROBE_WAITAOF, PROBE_APPEND, PROBES };

static void on_probed(void *data, uint64_t probe, const evsi_redis_reply *reply) {
  evs_transport *transport = data;
  if (reply->type == EVSI_REDIS_LOST)
    return;
  if (probe == PROBE_WAITAOF)
    transport->has_waitaof = evsi_redis_item(reply, 0)->type == EVSI_REDIS_ARRAY;
  bool is_on = false, is_always = false;
  for (size_t i = 0; probe == PROBE_APPEND && i + 1 < reply->count; i += 2) {
    is_on |= evsi_redis_is(evsi_redis_item(reply, i), "appendonly") &&
             evsi_redis_is(evsi_redis_item(reply, i + 1), "yes");
    is_always |= evsi_redis_is(evsi_redis_item(reply, i), "appendfsync") &&
                 evsi_redis_is(evsi_redis_item(reply, i + 1), "always");
  }
  if (probe == PROBE_APPEND)
    transport->is_always_synced = is_on && is_always;
  transport->is_durable_ready = --transport->fsync_probes == 0;
}

static void probe(evs_transport *transport, uint64_t which, const char *const words[3]) {
  evsi_redis_args args = {0};
  for (size_t i = 0; i < 3; i++)
    evsi_redis_arg_text(&args, words[i]);
  evsi_redis_conn_send(&transport->durable, &args, 0, on_probed, transport, which);
  evsi_redis_args_free(&args);
}

static void on_up(void *data) {
  evs_transport *transport = data;
  transport->fsync_probes = PROBES;
  transport->is_durable_ready = false;
  probe(transport, PROBE_WAITAOF, (const char *const[]){"COMMAND", "INFO", "WAITAOF"});
  probe(transport, PROBE_APPEND, (const char *const[]){"CONFIG", "GET", "append*"});
}

static void on_down(void *data, const char *reason, bool fatal, uint64_t next_try_ms) {
  evs_transport *transport = data;
  (void)reason;
  (void)fatal;
  (void)next_try_ms;
  transport->is_durable_ready = false;
  evsi_redis_publish_report(transport);
}

static void on_drained(void *data) {
  evsi_redis_publish_report(data);
}

static const evsi_redis_conn_events events = {on_up, on_down, on_drained};

bool evsi_redis_durable_init(evs_transport *transport) {
  return evsi_redis_conn_init(&transport->durable, transport->net, "publish", &events, transport) == EVS_OK;
}

void evsi_redis_durable_stop(evs_transport *transport) {
  transport->is_durable_ready = false;
  evsi_redis_conn_stop(&transport->durable);
}

/* ---- which way -------------------------------------------------------------------------------- */

static bool refuse(evs_tp_outcome *out, evs_status status, uint32_t flags, const char *message) {
  out->status = status;
  out->flags = flags | EVS_TP_NOT_SENT;
  out->message = evsi_text(message);
  return false;
}

static bool find_durable(evs_transport *transport, evsi_redis_wait *like, evsi_redis_way *way,
                         evs_tp_outcome *out_refused) {
  if (!transport->durable.started)
    evsi_redis_conn_start(&transport->durable);
  if (!transport->durable.is_up || !transport->is_durable_ready)
    return refuse(out_refused, EVS_TRANSPORT, EVS_TP_TRANSIENT | EVS_TP_HELD,
                  transport->durable.reason[0] ? transport->durable.reason
                                               : "the connection for acknowledged publishing is being made");
  bool is_disk = like->level == EVS_ACKNOWLEDGE_FSYNCED;
  if (is_disk && !transport->has_waitaof && !transport->is_always_synced)
    return refuse(out_refused, EVS_UNSUPPORTED, 0,
                  "the server cannot tell when its disk has an event: it needs WAITAOF (Redis 7.2) or "
                  "appendonly yes with appendfsync always");
  way->conn = &transport->durable;
  /* Such a server answers only when its disk has it. */
  if (is_disk && transport->is_always_synced) {
    way->level = like->level;
    return true;
  }
  way->wait = join(transport, like);
  return way->wait ? true : refuse(out_refused, EVS_NOMEM, EVS_TP_TRANSIENT, "out of memory");
}

bool evsi_redis_way_find(evs_transport *transport, const evs_tp_event *event, evsi_redis_way *way,
                         evs_tp_outcome *out_refused) {
  const evsi_redis_config *config = &transport->config;
  bool is_own = event->acknowledgement != 0;
  evsi_redis_wait like = {.transport = transport,
                          .level = is_own ? event->acknowledgement : config->acknowledgement,
                          .replicas = is_own ? event->replicas : config->replicas,
                          .timeout_ms = event->acknowledge_timeout_ms ? event->acknowledge_timeout_ms
                                                                      : config->acknowledge_timeout_ms};
  if (!evsi_redis_stream_name(event->topic, event->partition, way->name))
    return refuse(out_refused, EVS_VALIDATION, 0, "the name of the topic is too long");
  if (like.level > EVS_ACKNOWLEDGE_STORED)
    return find_durable(transport, &like, way, out_refused);
  way->conn = evsi_redis_conn_for_key(transport, way->name);
  way->level = like.level;
  return true;
}
