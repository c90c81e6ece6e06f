/* SPDX-License-Identifier: MIT
 * redis_store.c - events that are stored by a script: each id once, or to be delivered later. Events of one
 * stream that come together go into one call. */
#include <string.h>

#include "transport/redis/redis_publish.h"

enum { EVENTS_MOST = 128, BYTES_MOST = 1 << 20 };

struct evsi_redis_store {
  evsi_redis_way way;
  evsi_redis_args args;
  bool has_delay;
  size_t count;
  uint64_t tokens[EVENTS_MOST];
};

bool evsi_redis_store_needed(const evs_transport *transport, const evs_tp_event *event) {
  return event->delay_ms > 0 || transport->config.idempotent_ms > 0;
}

/* ---- answers ---------------------------------------------------------------------------------- */

static void take_outcomes(const evsi_redis_store *store, const evsi_redis_reply *reply) {
  for (size_t i = 0; i < store->count; i++) {
    evs_tp_outcome outcome = {.struct_size = sizeof outcome,
                              .token = store->tokens[i],
                              .acknowledgement = store->way.level,
                              .offset = evsi_redis_text(evsi_redis_item(reply, 2 + 2 * i))};
    if (evsi_redis_integer(evsi_redis_item(reply, 3 + 2 * i)) == 1)
      outcome.flags = EVS_TP_DUPLICATE;
    evsi_redis_stored(&store->way, &outcome);
  }
}

static void on_stored(void *data, uint64_t tag, const evsi_redis_reply *reply) {
  evsi_redis_store *store = data;
  evs_transport *transport = store->way.topic->transport;
  bool is_told = store->way.level == EVS_ACKNOWLEDGE_NONE;
  bool is_fine = reply->type == EVSI_REDIS_ARRAY && reply->count == 2 + 2 * store->count;
  (void)tag;
  if (is_told) {
    transport->publishing -= store->count;
    if (!is_fine)
      evsi_redis_lost_unconfirmed(&store->way, reply);
  } else if (is_fine) {
    take_outcomes(store, reply);
  } else {
    for (size_t i = 0; i < store->count; i++)
      evsi_redis_not_stored(&store->way, store->tokens[i], reply);
  }
  if (is_fine && store->has_delay)
    evsi_redis_delay_stored(transport, store->way.name, evsi_redis_integer(evsi_redis_item(reply, 0)),
                            evsi_redis_text(evsi_redis_item(reply, 1)));
  evsi_free(store);
}

/* ---- sending ---------------------------------------------------------------------------------- */

static evsi_redis_store *store_new(const evs_transport *transport, const evsi_redis_way *way) {
  const evsi_redis_config *config = &transport->config;
  evsi_redis_store *store = evsi_calloc(1, sizeof *store);
  if (!store)
    return NULL;
  store->way = *way;
  evs_bytes name = evsi_text(way->name);
  evsi_redis_arg_key(&store->args, evsi_redis_stream_key(&config->layout, name));
  evsi_redis_arg_key(&store->args, evsi_redis_key(&config->layout, EVSI_REDIS_IDS, name, ""));
  evsi_redis_arg_key(&store->args, evsi_redis_key(&config->layout, EVSI_REDIS_DELAY, name, ""));
  evsi_redis_arg_key(&store->args, evsi_redis_key(&config->layout, EVSI_REDIS_DELAYED, name, ""));
  evsi_redis_arg_u64(&store->args, config->idempotent_ms);
  evsi_redis_arg_u64(&store->args, config->idempotent_max);
  evsi_redis_arg_text(&store->args, config->layout.is_plain ? way->name : "");
  return store;
}

static bool fits(const evsi_redis_store *store, const evsi_redis_way *way) {
  return store->count < EVENTS_MOST && store->args.body.size < BYTES_MOST && store->way.topic == way->topic &&
         store->way.conn == way->conn && store->way.wait == way->wait && store->way.level == way->level &&
         strcmp(store->way.name, way->name) == 0;
}

void evsi_redis_store_add(evs_transport *transport, const evsi_redis_way *way, const evs_tp_event *event) {
  if (transport->store && !fits(transport->store, way))
    evsi_redis_store_flush(transport);
  if (!transport->store)
    transport->store = store_new(transport, way);
  evsi_redis_store *store = transport->store;
  if (!store) {
    evsi_redis_not_sent(way, event->token);
    return;
  }
  store->has_delay |= event->delay_ms > 0;
  evsi_redis_arg_bytes(&store->args, event->id);
  evsi_redis_arg_u64(&store->args, event->delay_ms);
  evsi_redis_arg_bytes(&store->args, event->data);
  evsi_redis_arg_bytes(&store->args, event->raw);
  store->tokens[store->count++] = event->token;
}

/* What nobody waits for is told as sent. */
static void tell_sent(evs_transport *transport, const evsi_redis_store *store) {
  for (size_t i = 0; i < store->count; i++) {
    evs_tp_outcome sent = {.struct_size = sizeof sent, .token = store->tokens[i]};
    sent.acknowledgement = EVS_ACKNOWLEDGE_NONE;
    evsi_redis_publish_outcome(transport, &sent);
  }
}

void evsi_redis_store_flush(evs_transport *transport) {
  evsi_redis_store *store = transport->store;
  enum { KEYS = 4 };
  if (!store)
    return;
  transport->store = NULL;
  if (store->has_delay)
    evsi_redis_delay_announce(transport, store->way.conn, store->way.name);
  const evsi_redis_script_to to = {&transport->scripts, store->way.conn, EVSI_REDIS_STORE, KEYS};
  if (evsi_redis_script_call_on(&to, &store->args, on_stored, store, 0)) {
    if (store->way.level == EVS_ACKNOWLEDGE_NONE)
      tell_sent(transport, store);
    return;
  }
  for (size_t i = 0; i < store->count; i++)
    evsi_redis_not_sent(&store->way, store->tokens[i]);
  evsi_redis_args_free(&store->args);
  evsi_free(store);
}
