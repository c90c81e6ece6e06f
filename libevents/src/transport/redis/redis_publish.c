/* SPDX-License-Identifier: MIT
 * redis_publish.c - events out: one pipelined XADD each, behind the registration of their topic and type
 * where this process did not do that yet. Retries are the publisher's business. */
#include <stdio.h>
#include <string.h>

#include "transport/redis/redis_error.h"
#include "transport/redis/redis_internal.h"

enum { TYPES_MAX = 1000, REGISTER_AT_ONCE = 500 };

typedef struct published_type {
  char *name;
  UT_hash_handle hh;
  bool is_registered;
} published_type;

/* A topic that this process publishes to. */
struct evsi_redis_topic {
  evs_transport *transport;
  char *name;
  UT_hash_handle hh;
  uint32_t partitions;
  bool has_any; /* more types than are told apart: registered as `*` */
  published_type *types;
  evsi_redis_trim **trims; /* of its streams, by partition + 1, as far as they were published to */
};

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

static void add_outcome(evs_transport *transport, const evs_tp_outcome *outcome) {
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
  add_outcome(transport, &outcome);
}

static void on_added(void *data, uint64_t token, const evsi_redis_reply *reply) {
  const evsi_redis_topic *topic = data;
  evs_transport *transport = topic->transport;
  char action[EVSI_REDIS_NAME_MAX + 128], text[EVSI_REDIS_ERROR_TEXT];
  transport->publishing--;
  if (reply->type == EVSI_REDIS_STRING) {
    evs_tp_outcome outcome = {.struct_size = sizeof outcome, .token = token, .offset = reply->text};
    add_outcome(transport, &outcome);
    return;
  }
  evsi_redis_error_class error = evsi_redis_error_classify(reply);
  uint32_t flags = evsi_redis_error_transient(error) ? EVS_TP_TRANSIENT : 0;
  /* A refusal is certain; only a lost connection leaves it open. */
  if (error != EVSI_REDIS_ERROR_CONNECTION || reply->integer == 0)
    flags |= EVS_TP_NOT_SENT;
  snprintf(action, sizeof action, "publishing to %s{%s%s}", transport->config.stream_prefix, topic->name,
           topic->partitions > 0 ? ":…" : "");
  evsi_redis_error_text(reply, action, text);
  refuse(transport, token, EVS_TRANSPORT, flags, text);
}

/* ---- the registry ----------------------------------------------------------------------------- */

static evsi_redis_topic *find_topic(evs_transport *transport, const evs_tp_event *event) {
  evsi_redis_topic *topic = NULL;
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
  HASH_ADD_KEYPTR(hh, transport->topics, topic->name, event->topic.size, topic);
  if (topic->hh.tbl)
    return topic;
  evsi_free(topic->name);
  evsi_free(topic);
  return NULL;
}

static published_type *find_type(evsi_redis_topic *topic, evs_bytes name) {
  published_type *type = NULL;
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

static void on_registered(void *data, uint64_t tag, const evsi_redis_reply *reply) {
  evs_transport *transport = data;
  char text[EVSI_REDIS_ERROR_TEXT];
  (void)tag;
  if (reply->type == EVSI_REDIS_ARRAY) {
    evs_bytes id = evsi_redis_text(evsi_redis_item(reply, 0));
    snprintf(transport->own_registry_id, sizeof transport->own_registry_id, "%.*s", (int)id.size,
             id.size ? id.data : "");
    return;
  }
  evsi_redis_publish_forget(transport); /* with the next event it is tried again */
  if (reply->type != EVSI_REDIS_ERROR)
    return;
  evsi_redis_error_text(reply, "registering a topic in " EVSI_REDIS_REGISTRY, text);
  evsi_redis_log(transport, 2, "%s; pattern subscriptions may not find it meanwhile", text);
}

static void put_head(evs_transport *transport, const evsi_redis_topic *topic, evsi_redis_args *args) {
  unsigned char random[8] = {0};
  char id[17];
  transport->world->env->random(random, sizeof random);
  for (size_t i = 0; i < sizeof random; i++)
    snprintf(id + 2 * i, 3, "%02x", random[i]);
  evsi_redis_arg_text(args, EVSI_REDIS_REGISTRY);
  evsi_redis_arg_text(args, id); /* used if there is no registry yet */
  evsi_redis_arg_text(args, topic->name);
  evsi_redis_arg_u64(args, topic->partitions);
}

/* Registers the types of a topic that are not registered. */
static void register_types(evs_transport *transport, evsi_redis_topic *topic) {
  published_type *type = topic->types;
  while (type) {
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
      evsi_redis_script_call(&transport->scripts, EVSI_REDIS_REGISTER, 1, &args, on_registered, transport, 0);
    evsi_redis_args_free(&args);
  }
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
    evsi_free(topic->trims);
    evsi_free(topic->name);
    evsi_free(topic);
  }
}

/* ---- sending ---------------------------------------------------------------------------------- */

/* Without memory nothing is trimmed, which is no reason not to publish. */
static void touch(evsi_redis_topic *topic, const evs_tp_event *event, const char *name) {
  uint32_t at = (uint32_t)(event->partition + 1);
  if (at > topic->partitions)
    return;
  if (!topic->trims)
    topic->trims = evsi_calloc((size_t)topic->partitions + 1, sizeof *topic->trims);
  if (topic->trims && !topic->trims[at])
    topic->trims[at] = evsi_redis_retention_touch(topic->transport, name);
  if (topic->trims && topic->trims[at])
    evsi_redis_retention_published(topic->trims[at], event->retention);
}

/* Adds one XADD to the output. */
static bool add_event(evsi_redis_topic *topic, const evs_tp_event *event) {
  evs_transport *transport = topic->transport;
  char name[EVSI_REDIS_NAME_MAX];
  if (!evsi_redis_stream_name(event->topic, event->partition, name))
    return false;
  const char *prefix = transport->config.stream_prefix;
  size_t key_size = strlen(prefix) + strlen(name) + 2;
  evsi_buf *out = evsi_redis_conn_begin(evsi_redis_conn_for_key(transport, name),
                                        key_size + event->data.size + event->raw.size + 128);
  if (!out)
    return false;
  evsi_redis_put_head(out, event->raw.size ? 7 : 5);
  evsi_buf_add(out, "$4\r\nXADD\r\n", 10);
  evsi_buf_addf(out, "$%zu\r\n%s{%s}\r\n", key_size, prefix, name);
  evsi_buf_add(out, "$1\r\n*\r\n$4\r\ndata\r\n", 17);
  evsi_redis_put(out, event->data.data, event->data.size);
  if (event->raw.size) {
    evsi_buf_add(out, "$3\r\nraw\r\n", 9);
    evsi_redis_put(out, event->raw.data, event->raw.size);
  }
  touch(topic, event, name);
  transport->publishing++;
  evsi_redis_conn_expect(evsi_redis_conn_for_key(transport, name), on_added, topic, event->token);
  return true;
}

static void publish_one(evs_transport *transport, const evs_tp_event *event) {
  char text[256];
  if (!transport->command.is_up) {
    snprintf(text, sizeof text, "not connected to %s", transport->config.shown);
    refuse(transport, event->token, EVS_TRANSPORT, EVS_TP_TRANSIENT | EVS_TP_NOT_SENT, text);
    return;
  }
  if (event->data.size > transport->command.bulk_max || event->raw.size > transport->command.bulk_max) {
    /* The server would close the connection, with everything else that is on it. */
    snprintf(text, sizeof text, "the event has %zu bytes, the server takes %zu (proto-max-bulk-len)",
             (size_t)(event->data.size + event->raw.size), (size_t)transport->command.bulk_max);
    refuse(transport, event->token, EVS_VALIDATION, EVS_TP_NOT_SENT, text);
    return;
  }
  evsi_redis_topic *topic = find_topic(transport, event);
  published_type *type = topic ? find_type(topic, event->full_type) : NULL;
  if (type && !type->is_registered)
    register_types(transport, topic);
  if (!type || !add_event(topic, event))
    refuse(transport, event->token, EVS_NOMEM, EVS_TP_TRANSIENT | EVS_TP_NOT_SENT,
           "not sent: out of memory, or the connection was just lost");
}

void evsi_redis_publish(evs_transport *transport, const evs_tp_event *events, size_t count) {
  transport->published_since_look = true;
  for (size_t i = 0; i < count; i++)
    publish_one(transport, &events[i]);
  evsi_redis_publish_report(transport);
}
