/* SPDX-License-Identifier: MIT
 * redis_topics.c - which streams a group reads: topics that it names, and those of the registry that can
 * hold a type it wants; it is read again when its version changed. Streams that nobody registered are found
 * by a slow scan. */
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "transport/redis/redis_error.h"
#include "base/json_text.h"
#include "transport/redis/redis_entry.h"
#include "transport/redis/redis_internal.h"

/* A pass over all keys comes as seldom as there are many of them: one page in SCAN_PAGE_MS on average. */
enum { SCAN_EVERY_MS = 60000, SCAN_PAGE_MS = 1000, PARTITIONS_MAX = 65536 };

/* ---- applying the registry to groups ---------------------------------------------------------- */

/* One registered topic. */
typedef struct registered {
  evs_bytes name;
  uint32_t partitions;
  const json_t *types;
  uint32_t ordering, on_dead_letter;
  bool is_registered;
  bool is_late; /* it was not there when the registry was read before */
} registered;

static void add_stream(evsi_redis_group *group, const registered *topic, int32_t partition) {
  evsi_redis_stream *stream = evsi_redis_stream_find(group, topic->name, partition);
  if (!evsi_scope_partitions_have(&group->partitions, partition))
    return;
  if (!stream) {
    stream = evsi_redis_stream_add(group, topic->name, partition);
    if (!stream) {
      evsi_redis_log(group->transport, 3, "topic %.*s cannot be read: its name is too long, or out of memory",
                     (int)topic->name.size, topic->name.data);
      return;
    }
    stream->starts_late = topic->is_late && group->knew_topics;
    evsi_redis_work_later(group->transport);
  }
  if (topic->is_registered)
    evsi_redis_order_set(stream, topic->ordering, topic->on_dead_letter);
}

static void add_topic(evsi_redis_group *group, const registered *topic) {
  if (topic->partitions == 0)
    add_stream(group, topic, EVS_PARTITION_NONE);
  for (uint32_t i = 0; i < topic->partitions; i++)
    add_stream(group, topic, (int32_t)i);
}

static bool is_wanted(const evsi_redis_group *group, const registered *topic) {
  const evs_transport *transport = group->transport;
  size_t i;
  json_t *type;
  json_array_foreach(topic->types, i, type) {
    evs_bytes text = evsi_bytes(json_string_value(type), json_string_length(type));
    if (text.size && transport->ops->wants(transport->host, group->token, topic->name, text))
      return true;
  }
  return false;
}

static void apply_topic(evs_transport *transport, const registered *topic) {
  for (evsi_redis_group *group = transport->groups; group; group = group->hh.next) {
    if (group->is_leaving)
      continue;
    if (evsi_scope_topics_have(&group->topics, topic->name) || (group->discover && is_wanted(group, topic)))
      add_topic(group, topic);
  }
}

/* Topics that are named are read whether somebody registered them or not. */
static void add_named(evsi_redis_group *group, const evsi_redis_reply *fields) {
  for (size_t i = 0; i < group->topics.count; i++) {
    const registered topic = {.name = evsi_text(group->topics.names[i])};
    if (evsi_redis_field(fields, group->topics.names[i]).size == 0)
      add_stream(group, &topic, EVS_PARTITION_NONE);
  }
}

static void note_known(evs_transport *transport, const evsi_redis_reply *fields) {
  json_t *known = json_object();
  for (size_t i = 0; i + 1 < fields->count; i += 2) {
    evs_bytes name = evsi_redis_text(evsi_redis_item(fields, i));
    json_object_set_new(known, name.size ? name.data : "", json_true());
  }
  json_decref(transport->known_topics);
  transport->known_topics = known;
}

static void apply_registry(evs_transport *transport, const evsi_redis_reply *fields) {
  bool had_any = transport->known_topics != NULL;
  for (size_t i = 0; i + 1 < fields->count; i += 2) {
    evs_bytes name = evsi_redis_text(evsi_redis_item(fields, i));
    evs_bytes value = evsi_redis_text(evsi_redis_item(fields, i + 1));
    if (name.size == 0 || name.data[0] == '@')
      continue;
    json_t *root = evsi_json_load(value, 0, NULL);
    json_int_t partitions = json_integer_value(json_object_get(root, "partitions"));
    registered topic = {.name = name, .types = json_object_get(root, "types"), .is_registered = true};
    topic.ordering = evsi_redis_order_of(json_string_value(json_object_get(root, "ordering")));
    topic.on_dead_letter = evsi_redis_policy_of(json_string_value(json_object_get(root, "onDeadLetter")));
    topic.partitions = partitions > 0 && partitions <= PARTITIONS_MAX ? (uint32_t)partitions : 0;
    topic.is_late = had_any && !json_object_get(transport->known_topics, name.data);
    apply_topic(transport, &topic);
    json_decref(root);
  }
  for (evsi_redis_group *group = transport->groups; group; group = group->hh.next) {
    if (group->is_leaving)
      continue;
    add_named(group, fields);
    group->is_registry_seen = group->knew_topics = true;
  }
  note_known(transport, fields);
}

/* May this group read streams that nobody registered? In the plain layout those are the rule, and groups are
 * shared by services that read different ones: what a pattern says nothing about is left alone. */
static bool wants_found(const evsi_redis_group *group, evs_bytes topic) {
  const evs_transport *transport = group->transport;
  return group->discover && !group->is_leaving &&
         transport->ops->wants(transport->host, group->token, topic,
                               evsi_text(transport->config.layout.is_plain ? "" : "*"));
}

/* A stream that was found by its key; what is registered meanwhile is left to the registry. */
static void add_found(evs_transport *transport, const char *name) {
  registered topic = {.is_late = false};
  int32_t partition;
  char text[EVSI_REDIS_NAME_MAX];
  evsi_redis_split_name(evsi_text(name), &topic.name, &partition);
  if (!evsi_redis_stream_name(topic.name, EVS_PARTITION_NONE, text) ||
      json_object_get(transport->known_topics, text))
    return;
  for (evsi_redis_group *group = transport->groups; group; group = group->hh.next) {
    topic.is_late = group->was_scanned_for;
    if (wants_found(group, topic.name))
      add_stream(group, &topic, partition);
  }
}

static void note_scanned(evs_transport *transport) {
  for (evsi_redis_group *group = transport->groups; group; group = group->hh.next)
    group->was_scanned_for = true;
}

static void apply_found(evs_transport *transport) {
  size_t i;
  json_t *name;
  if (!transport->found_streams)
    return;
  json_array_foreach(transport->found_streams, i, name) {
    add_found(transport, json_string_value(name));
  }
  json_decref(transport->found_streams);
  transport->found_streams = NULL;
  note_scanned(transport);
}

static void scan_if_due(evs_transport *transport);

/* Publishers register a topic before its first entry: what came from one that is not there has no order. */
static void settle_unregistered(evs_transport *transport) {
  for (evsi_redis_group *group = transport->groups; group; group = group->hh.next) {
    for (size_t i = 0; i < group->stream_count; i++) {
      evsi_redis_stream *stream = group->streams[i];
      stream->is_order_known = stream->is_order_known || stream->is_order_asked;
    }
  }
}

static void on_registry(void *data, uint64_t tag, const evsi_redis_reply *reply) {
  evs_transport *transport = data;
  static const evsi_redis_reply nothing = {.type = EVSI_REDIS_ARRAY};
  (void)tag;
  transport->is_reading_registry = false;
  if (reply->type == EVSI_REDIS_LOST)
    return;
  if (reply->type == EVSI_REDIS_ARRAY) {
    evsi_bytes_copy(transport->registry_id, sizeof transport->registry_id, evsi_redis_field(reply, "@id"));
    evsi_bytes_copy(transport->registry_version, sizeof transport->registry_version,
                    evsi_redis_field(reply, "@version"));
    apply_registry(transport, reply);
    apply_found(transport);
  } else {
    char text[EVSI_REDIS_ERROR_TEXT];
    evsi_redis_error_text(reply, "reading the registry of topics", text);
    evsi_redis_log(transport, 2, "%s; only topics that are named are read", text);
    apply_registry(transport, &nothing);
  }
  if (transport->must_read_registry) {
    evsi_redis_topics_read(transport);
  } else {
    settle_unregistered(transport);
    scan_if_due(transport);
  }
  evsi_redis_work_later(transport);
}

/* Memory was short: groups that wait for it join once more. */
static void read_again(evs_transport *transport) {
  transport->is_reading_registry = false;
  for (evsi_redis_group *group = transport->groups; group; group = group->hh.next) {
    if (!group->is_registry_seen)
      transport->ops->again(transport->host, group->token);
  }
}

void evsi_redis_topics_read(evs_transport *transport) {
  evsi_redis_args args = {0};
  transport->must_read_registry = transport->is_reading_registry;
  if (transport->is_reading_registry || !transport->command.is_up || !transport->groups)
    return;
  evsi_redis_arg_text(&args, "HGETALL");
  evsi_redis_arg_text(&args, transport->config.layout.registry);
  transport->is_reading_registry = true;
  if (!evsi_redis_conn_send(&transport->command, &args, 0, on_registry, transport, 0))
    read_again(transport);
  evsi_redis_args_free(&args);
}

/* ---- streams that nobody registered ----------------------------------------------------------- */

static void note_found(evs_transport *transport, evs_bytes key) {
  evs_bytes name = evsi_redis_name_in_stream_key(&transport->config.layout, key), topic;
  int32_t partition;
  char text[EVSI_REDIS_NAME_MAX];
  evsi_redis_split_name(name, &topic, &partition);
  if (!evsi_redis_stream_name(topic, EVS_PARTITION_NONE, text) ||
      json_object_get(transport->known_topics, text))
    return;
  if (!transport->found_streams)
    transport->found_streams = json_array();
  json_array_append_new(transport->found_streams, json_stringn(name.data, name.size));
}

static void scan(evs_transport *transport, evs_bytes cursor, uint64_t pages);

static void on_scanned(void *data, uint64_t tag, const evsi_redis_reply *reply) {
  evs_transport *transport = data;
  evs_bytes cursor = evsi_redis_text(evsi_redis_item(reply, 0));
  const evsi_redis_reply *keys = evsi_redis_item(reply, 1);
  uint64_t pages = tag + 1, least = transport->config.layout.is_plain ? 0 : SCAN_EVERY_MS;
  uint64_t until_next = pages * SCAN_PAGE_MS > least ? pages * SCAN_PAGE_MS : least;
  transport->is_scanning = false;
  if (reply->type == EVSI_REDIS_LOST) {
    transport->scan_ms = 0;
    return;
  }
  for (size_t i = 0; i < keys->count; i++)
    note_found(transport, evsi_redis_text(evsi_redis_item(keys, i)));
  transport->scan_ms = evsi_redis_now(transport) + until_next;
  if (cursor.size > 0 && !evsi_bytes_equal(cursor, evsi_text("0")))
    scan(transport, cursor, pages);
  else if (transport->found_streams)
    evsi_redis_topics_read(transport); /* who of them was registered since it was read? */
  else
    note_scanned(transport);
  evsi_redis_work_later(transport); /* a group may be waiting for it */
}

static void scan(evs_transport *transport, evs_bytes cursor, uint64_t pages) {
  evsi_redis_args args = {0};
  evsi_buf pattern = {0};
  evsi_redis_pattern_add(&pattern, transport->config.layout.stream_prefix);
  evsi_buf_add_text(&pattern, transport->config.layout.is_plain ? "*" : "{*}");
  evsi_redis_put_scan(&args, cursor, evsi_bytes(pattern.data, pattern.size));
  args.body.failed |= pattern.failed;
  transport->is_scanning = evsi_redis_conn_send(&transport->command, &args, 0, on_scanned, transport, pages);
  evsi_redis_args_free(&args);
  evsi_buf_free(&pattern);
}

static void scan_if_due(evs_transport *transport) {
  if (transport->is_scanning || evsi_redis_now(transport) < transport->scan_ms)
    return;
  for (evsi_redis_group *group = transport->groups; group; group = group->hh.next) {
    if (!wants_found(group, evsi_bytes(NULL, 0)))
      continue;
    scan(transport, evsi_text("0"), 0);
    return;
  }
}

bool evsi_redis_topics_awaited(const evsi_redis_group *group) {
  if (!group->is_registry_seen)
    return true;
  return group->transport->config.layout.is_plain && !group->was_scanned_for &&
         wants_found(group, evsi_bytes(NULL, 0));
}

void evsi_redis_topics_seen(evs_transport *transport, const evsi_redis_reply *registry) {
  const evsi_redis_reply *id = evsi_redis_item(registry, 0);
  bool is_same = evsi_redis_is(id, transport->registry_id) &&
                 evsi_redis_is(evsi_redis_item(registry, 1), transport->registry_version);
  if (transport->own_registry_id[0] && !evsi_redis_is(id, transport->own_registry_id))
    evsi_redis_publish_register_all(transport); /* it was lost, and what we had written with it */
  if (!is_same)
    evsi_redis_topics_read(transport);
  else
    scan_if_due(transport);
}
