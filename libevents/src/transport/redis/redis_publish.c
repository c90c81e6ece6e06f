/* SPDX-License-Identifier: MIT
 * redis_publish.c - events out: one pipelined XADD each, behind the registration of their topic and type
 * where this process did not do that yet. Retries are the publisher's business. */
#include <stdio.h>
#include <string.h>

#include "transport/redis/redis_error.h"
#include "transport/redis/redis_publish.h"

enum { TYPES_MAX = 1000, REGISTER_AT_ONCE = 500 };

struct evsi_redis_published_type {
  char *name;
  UT_hash_handle hh;
  bool is_registered;
};
typedef evsi_redis_published_type published_type;

/* ---- outcomes --------------------------------------------------------------------------------- */

void evsi_redis_publish_report(evs_transport *transport) {
  evs_tp_outcome list[EVSI_REDIS_OUTCOMES];
  char offsets[EVSI_REDIS_OUTCOMES][EVSI_REDIS_ID_TEXT];
  size_t count = transport->published.count;
  if (count == 0)
    return;
  memcpy(list, transport->published.list, count * sizeof list[0]);
  memcpy(offsets, transport->published.offsets, count * sizeof offsets[0]);
  transport->published.count = 0; /* the host may publish more at once */
  for (size_t i = 0; i < count; i++)
    list[i].offset.data = offsets[i];
  transport->ops->published(transport->host, list, count);
}

void evsi_redis_publish_outcome(evs_transport *transport, const evs_tp_outcome *outcome) {
  evsi_redis_outcomes *all = &transport->published;
  size_t at = all->count++;
  all->list[at] = *outcome;
  all->list[at].offset = evsi_bytes(NULL, 0);
  if (outcome->offset.size > 0 && outcome->offset.size < EVSI_REDIS_ID_TEXT) {
    memcpy(all->offsets[at], outcome->offset.data, outcome->offset.size);
    all->list[at].offset.size = outcome->offset.size;
  }
  if (all->count == EVSI_REDIS_OUTCOMES || outcome->message.size > 0)
    evsi_redis_publish_report(transport);
}

static void refuse(evs_transport *transport, uint64_t token, evs_status status, uint32_t flags,
                   const char *message) {
  evs_tp_outcome outcome = {.struct_size = sizeof outcome,
                            .flags = flags,
                            .token = token,
                            .status = status,
                            .message = evsi_text(message)};
  evsi_redis_publish_outcome(transport, &outcome);
}

void evsi_redis_stored(const evsi_redis_way *way, const evs_tp_outcome *outcome) {
  if (way->wait) {
    evsi_redis_wait_stored(way->wait, outcome);
    return;
  }
  way->topic->transport->publishing--;
  evsi_redis_publish_outcome(way->topic->transport, outcome);
}

static void describe(const evsi_redis_way *way, const evsi_redis_reply *reply, char *out) {
  const evsi_redis_topic *topic = way->topic;
  const evsi_redis_layout *layout = &topic->transport->config.layout;
  char action[EVSI_REDIS_NAME_MAX + 128];
  snprintf(action, sizeof action, layout->is_plain ? "publishing to %s%s%s" : "publishing to %s{%s%s}",
           layout->stream_prefix, topic->name, topic->partitions > 0 ? ":…" : "");
  evsi_redis_error_text(reply, action, out);
}

void evsi_redis_not_stored(const evsi_redis_way *way, uint64_t token, const evsi_redis_reply *reply) {
  char text[EVSI_REDIS_ERROR_TEXT];
  evsi_redis_error_class error = evsi_redis_error_classify(reply);
  uint32_t flags = evsi_redis_error_transient(error) ? EVS_TP_TRANSIENT : 0;
  /* A refusal is certain; only a lost connection leaves it open. */
  if (error != EVSI_REDIS_ERROR_CONNECTION || reply->integer == 0)
    flags |= EVS_TP_NOT_SENT;
  if (evsi_redis_error_holds(error))
    flags |= EVS_TP_HELD;
  describe(way, reply, text);
  if (way->wait)
    evsi_redis_wait_less(way->wait);
  way->topic->transport->publishing--;
  refuse(way->topic->transport, token, EVS_TRANSPORT, flags, text);
}

void evsi_redis_not_sent(const evsi_redis_way *way, uint64_t token) {
  if (way->wait)
    evsi_redis_wait_less(way->wait);
  way->topic->transport->publishing--;
  refuse(way->topic->transport, token, EVS_NOMEM, EVS_TP_TRANSIENT | EVS_TP_NOT_SENT,
         "not sent: out of memory, or the connection was just lost");
}

void evsi_redis_lost_unconfirmed(const evsi_redis_way *way, const evsi_redis_reply *reply) {
  char text[EVSI_REDIS_ERROR_TEXT];
  describe(way, reply, text);
  evsi_redis_log(way->topic->transport, 2, "%s; it was published without acknowledgement and may be lost",
                 text);
}

static void take_answer(const evsi_redis_way *way, uint64_t token, const evsi_redis_reply *reply) {
  if (reply->type != EVSI_REDIS_STRING) {
    evsi_redis_not_stored(way, token, reply);
    return;
  }
  evs_tp_outcome outcome = {.struct_size = sizeof outcome, .token = token, .offset = reply->text};
  outcome.acknowledgement = way->level;
  evsi_redis_stored(way, &outcome);
}

static void on_added(void *data, uint64_t token, const evsi_redis_reply *reply) {
  const evsi_redis_way way = {.topic = data};
  take_answer(&way, token, reply);
}

static void on_synced(void *data, uint64_t token, const evsi_redis_reply *reply) {
  const evsi_redis_way way = {.topic = data, .level = EVS_ACKNOWLEDGE_FSYNCED};
  take_answer(&way, token, reply);
}

static void on_unconfirmed(void *data, uint64_t token, const evsi_redis_reply *reply) {
  const evsi_redis_way way = {.topic = data};
  (void)token;
  way.topic->transport->publishing--;
  if (reply->type != EVSI_REDIS_STRING)
    evsi_redis_lost_unconfirmed(&way, reply);
}

/* One event whose outcome waits for more than the answer. */
typedef struct waiting_event {
  evsi_redis_topic *topic;
  evsi_redis_wait *wait;
} waiting_event;

static void on_added_first(void *data, uint64_t token, const evsi_redis_reply *reply) {
  const waiting_event *event = data;
  const evsi_redis_way way = {.topic = event->topic, .wait = event->wait};
  evsi_free(data);
  take_answer(&way, token, reply);
}

static evsi_redis_reply_fn on_answer_of(const evsi_redis_way *way) {
  return way->level == EVS_ACKNOWLEDGE_NONE      ? on_unconfirmed
         : way->level == EVS_ACKNOWLEDGE_FSYNCED ? on_synced
                                                 : on_added;
}

/* ---- the registry ----------------------------------------------------------------------------- */

static bool is_named(const UT_hash_handle *entry, evs_bytes name) {
  return evsi_bytes_equal(evsi_bytes(entry->key, entry->keylen), name);
}

static evsi_redis_topic *find_topic(evs_transport *transport, const evs_tp_event *event) {
  evsi_redis_topic *topic = transport->last_topic;
  if (topic && is_named(&topic->hh, event->topic))
    return topic;
  HASH_FIND(hh, transport->topics, event->topic.data, event->topic.size, topic);
  if (topic)
    return topic;
  topic = evsi_calloc(1, sizeof *topic);
  if (!topic || !(topic->name = evsi_strndup(event->topic.data, event->topic.size))) {
    evsi_free(topic);
    return NULL;
  }
  topic->transport = transport;
  topic->partitions = event->partitions;
  topic->ordering = event->ordering;
  topic->on_dead_letter = event->on_dead_letter;
  HASH_ADD_KEYPTR(hh, transport->topics, topic->name, event->topic.size, topic);
  if (topic->hh.tbl)
    return topic;
  evsi_free(topic->name);
  evsi_free(topic);
  return NULL;
}

static published_type *find_type(evsi_redis_topic *topic, evs_bytes name) {
  published_type *type = topic->last_type;
  if (type && is_named(&type->hh, name))
    return type;
  if (topic->has_any)
    name = evsi_text("*");
  HASH_FIND(hh, topic->types, name.data, name.size, type);
  if (type)
    return type;
  if (!topic->has_any && HASH_COUNT(topic->types) >= TYPES_MAX) {
    topic->has_any = true;
    return find_type(topic, name);
  }
  type = evsi_calloc(1, sizeof *type);
  if (!type || !(type->name = evsi_strndup(name.data, name.size))) {
    evsi_free(type);
    return NULL;
  }
  HASH_ADD_KEYPTR(hh, topic->types, type->name, name.size, type);
  if (type->hh.tbl)
    return type;
  evsi_free(type->name);
  evsi_free(type);
  return NULL;
}

/* Whoever named an order first has decided; who asks for another is told. */
static void note_order(evs_transport *transport, uint32_t asked, evs_bytes registered) {
  const char *word = evsi_redis_order_word(asked);
  if (!*word || evsi_bytes_equal(registered, evsi_text(word)))
    return;
  evsi_redis_log(transport, 2,
                 "a topic is registered with ordering %.*s, a route here asks for %s: the former holds",
                 (int)registered.size, registered.size ? registered.data : "", word);
}

static void on_registered(void *data, uint64_t tag, const evsi_redis_reply *reply) {
  evs_transport *transport = data;
  char text[EVSI_REDIS_ERROR_TEXT];
  if (reply->type == EVSI_REDIS_ARRAY) {
    evs_bytes id = evsi_redis_text(evsi_redis_item(reply, 0));
    note_order(transport, (uint32_t)tag, evsi_redis_text(evsi_redis_item(reply, 3)));
    snprintf(transport->own_registry_id, sizeof transport->own_registry_id, "%.*s", (int)id.size,
             id.size ? id.data : "");
    if (evsi_redis_integer(evsi_redis_item(reply, 2)) == 1)
      evsi_redis_topics_read(transport); /* the own groups need not wait for the next look */
    return;
  }
  evsi_redis_publish_forget(transport); /* with the next event it is tried again */
  if (reply->type != EVSI_REDIS_ERROR)
    return;
  evsi_redis_error_text(reply, "registering a topic", text);
  evsi_redis_log(transport, 2, "%s; pattern subscriptions may not find it meanwhile", text);
}

static void put_head(evs_transport *transport, const evsi_redis_topic *topic, evsi_redis_args *args) {
  unsigned char random[8] = {0};
  char id[17];
  transport->world->env->random(random, sizeof random);
  for (size_t i = 0; i < sizeof random; i++)
    snprintf(id + 2 * i, 3, "%02x", random[i]);
  evsi_redis_arg_text(args, transport->config.layout.registry);
  evsi_redis_arg_text(args, id); /* used if there is no registry yet */
  evsi_redis_arg_text(args, topic->name);
  evsi_redis_arg_u64(args, topic->partitions);
  evsi_redis_arg_text(args, transport->config.layout.is_plain ? "plain" : "tagged");
  evsi_redis_arg_text(args, evsi_redis_order_word(topic->ordering));
  evsi_redis_arg_text(args, evsi_redis_policy_word(topic->on_dead_letter));
}

/* Registers the types of a topic that are not registered. False: memory is short, it has to be tried again.
 */
static bool register_types(evs_transport *transport, evsi_redis_topic *topic) {
  published_type *type = topic->types;
  bool is_asked = true;
  while (type && is_asked) {
    evsi_redis_args args = {0};
    uint32_t head;
    put_head(transport, topic, &args);
    head = args.count;
    for (; type && args.count < head + REGISTER_AT_ONCE; type = type->hh.next) {
      if (!type->is_registered)
        evsi_redis_arg_text(&args, type->name);
      type->is_registered = true;
    }
    if (args.count > head)
      is_asked = evsi_redis_script_call(&transport->scripts, EVSI_REDIS_REGISTER, 1, &args, on_registered,
                                        transport, topic->ordering);
    evsi_redis_args_free(&args);
  }
  if (!is_asked)
    evsi_redis_publish_forget(transport);
  return is_asked;
}

void evsi_redis_publish_forget(evs_transport *transport) {
  for (evsi_redis_topic *topic = transport->topics; topic; topic = topic->hh.next) {
    for (published_type *type = topic->types; type; type = type->hh.next)
      type->is_registered = false;
  }
}

void evsi_redis_publish_register_all(evs_transport *transport) {
  evsi_redis_publish_forget(transport);
  for (evsi_redis_topic *topic = transport->topics; topic; topic = topic->hh.next)
    register_types(transport, topic);
}

void evsi_redis_publish_free(evs_transport *transport) {
  evsi_redis_topic *topic, *next_topic;
  published_type *type, *next_type;
  HASH_ITER(hh, transport->topics, topic, next_topic) {
    HASH_ITER(hh, topic->types, type, next_type) {
      HASH_DEL(topic->types, type);
      evsi_free(type->name);
      evsi_free(type);
    }
    HASH_DEL(transport->topics, topic);
    for (uint32_t i = 0; i < topic->sink_count; i++)
      evsi_buf_free(&topic->sinks[i].opening);
    evsi_free(topic->sinks);
    evsi_free(topic->name);
    evsi_free(topic);
  }
}

/* ---- sending ---------------------------------------------------------------------------------- */

/* What the published library keeps beside the envelope. */
static void put_published_fields(const evs_transport *transport, const evs_tp_event *event, evsi_buf *out) {
  evsi_redis_put_text(out, "timestamp");
  evsi_redis_put_u64(out, evsi_wall_ms(transport->world->env));
  evsi_redis_put_text(out, "topic");
  evsi_redis_put(out, event->topic.data, event->topic.size);
}

static void open_sink(evsi_redis_sink *sink, const evsi_redis_layout *layout, const char *name) {
  const char *parts[] = {layout->stream_prefix, layout->is_plain ? "" : "{", name,
                         layout->is_plain ? "" : "}"};
  evsi_buf *out = &sink->opening;
  evsi_buf_add_text(out, "$4\r\nXADD\r\n");
  evsi_redis_put_parts(out, parts, sizeof parts / sizeof *parts);
  evsi_buf_add_text(out, "$1\r\n*\r\n$4\r\ndata\r\n");
  if (out->failed)
    evsi_buf_free(out);
}

static bool reserve_sinks(evsi_redis_topic *topic, uint32_t count) {
  if (count <= topic->sink_count)
    return true;
  if (count <= topic->partitions) /* the others will follow */
    count = topic->partitions + 1;
  evsi_redis_sink *grown = evsi_realloc(topic->sinks, count * sizeof *grown);
  if (!grown)
    return false;
  memset(grown + topic->sink_count, 0, (count - topic->sink_count) * sizeof *grown);
  topic->sinks = grown;
  topic->sink_count = count;
  return true;
}

/* Where an event goes, with its limits noted. NULL when memory is short. */
static evsi_redis_sink *find_sink(evsi_redis_topic *topic, const evs_tp_event *event, const char *name) {
  uint32_t at = (uint32_t)(event->partition + 1);
  if (!reserve_sinks(topic, at + 1))
    return NULL;
  evsi_redis_sink *sink = &topic->sinks[at];
  if (!sink->trim) /* without memory nothing is trimmed, which is no reason not to publish */
    sink->trim = evsi_redis_retention_touch(topic->transport, name);
  if (sink->trim)
    evsi_redis_retention_published(sink->trim, event->retention);
  if (sink->opening.size == 0)
    open_sink(sink, &topic->transport->config.layout, name);
  return sink->opening.size > 0 ? sink : NULL;
}

/* Adds one XADD to the output. */
static bool add_event(const evsi_redis_way *way, const evsi_redis_sink *sink, const evs_tp_event *event) {
  evs_transport *transport = way->topic->transport;
  bool is_plain = transport->config.layout.is_plain;
  size_t size = sink->opening.size + event->data.size + event->raw.size + 384;
  waiting_event *waiting = way->wait ? evsi_alloc(sizeof *waiting) : NULL;
  evsi_buf *out = way->wait && !waiting ? NULL : evsi_redis_conn_begin(way->conn, size);
  if (!out) {
    evsi_free(waiting);
    return false;
  }
  evsi_redis_put_head(out, 5 + (event->raw.size ? 2 : 0) + (is_plain ? 4 : 0));
  evsi_buf_add(out, sink->opening.data, sink->opening.size);
  evsi_redis_put(out, event->data.data, event->data.size);
  if (is_plain)
    put_published_fields(transport, event, out);
  if (event->raw.size) {
    evsi_buf_add(out, "$3\r\nraw\r\n", 9);
    evsi_redis_put(out, event->raw.data, event->raw.size);
  }
  if (waiting) {
    *waiting = (waiting_event){way->topic, way->wait};
    evsi_redis_conn_expect(way->conn, on_added_first, waiting, event->token);
  } else {
    evsi_redis_conn_expect(way->conn, on_answer_of(way), way->topic, event->token);
  }
  return true;
}

static void send_event(evs_transport *transport, const evsi_redis_way *way, const evs_tp_event *event) {
  const evsi_redis_sink *sink = find_sink(way->topic, event, way->name);
  transport->publishing++;
  if (evsi_redis_store_needed(transport, event)) {
    evsi_redis_store_add(transport, way, event);
    return;
  }
  if (!sink || !add_event(way, sink, event)) {
    evsi_redis_not_sent(way, event->token);
  } else if (way->level == EVS_ACKNOWLEDGE_NONE) {
    evs_tp_outcome sent = {.struct_size = sizeof sent, .token = event->token};
    sent.acknowledgement = EVS_ACKNOWLEDGE_NONE;
    evsi_redis_publish_outcome(transport, &sent);
  }
}

static bool fits(evs_transport *transport, const evs_tp_event *event) {
  char text[256];
  if (event->data.size <= transport->command.bulk_max && event->raw.size <= transport->command.bulk_max)
    return true;
  /* The server would close the connection, with everything else that is on it. */
  snprintf(text, sizeof text, "the event has %zu bytes, the server takes %zu (proto-max-bulk-len)",
           (size_t)(event->data.size + event->raw.size), (size_t)transport->command.bulk_max);
  refuse(transport, event->token, EVS_VALIDATION, EVS_TP_NOT_SENT, text);
  return false;
}

static void publish_one(evs_transport *transport, const evs_tp_event *event) {
  evsi_redis_way way = {0};
  evs_tp_outcome refused = {.struct_size = sizeof refused, .token = event->token};
  if (!transport->command.is_up) {
    char text[256];
    snprintf(text, sizeof text, "not connected to %s", transport->config.shown);
    refuse(transport, event->token, EVS_TRANSPORT, EVS_TP_TRANSIENT | EVS_TP_NOT_SENT, text);
    return;
  }
  if (!fits(transport, event))
    return;
  if (!evsi_redis_way_find(transport, event, &way, &refused)) {
    evsi_redis_publish_outcome(transport, &refused);
    return;
  }
  way.topic = find_topic(transport, event);
  published_type *type = way.topic ? find_type(way.topic, event->full_type) : NULL;
  bool is_new = type && !type->is_registered;
  if (is_new)
    evsi_redis_foreign_look(transport, way.topic->name);
  /* Nothing is stored where it might never be looked for. */
  if (type && (!is_new || register_types(transport, way.topic))) {
    transport->last_topic = way.topic;
    way.topic->last_type = type;
    send_event(transport, &way, event);
    return;
  }
  if (way.wait)
    evsi_redis_wait_less(way.wait);
  refuse(transport, event->token, EVS_NOMEM, EVS_TP_TRANSIENT | EVS_TP_NOT_SENT, "not sent: out of memory");
}

void evsi_redis_publish(evs_transport *transport, const evs_tp_event *events, size_t count) {
  for (size_t i = 0; i < count; i++)
    publish_one(transport, &events[i]);
  evsi_redis_store_flush(transport);
  evsi_redis_wait_ask(transport);
  evsi_redis_publish_report(transport);
}
