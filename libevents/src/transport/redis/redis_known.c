/* SPDX-License-Identifier: MIT
 * redis_known.c - which streams there are, for a request: those of the registry, those that groups of this
 * process read, and those that are asked for by name. In the plain layout most are registered by nobody; they
 * are found by their keys. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "transport/redis/redis_entry.h"
#include "base/json_text.h"
#include "transport/redis/redis_request.h"

/* How long names that were found count as all there are: longer the more keys there are to look through. */
enum { PAGE_VALID_MS = 200, VALID_MOST_MS = 60000, FOUND_MOST = 100000 };

static bool add_known(evsi_redis_request *request, evs_bytes topic, int32_t partition, json_t *types) {
  const evsi_redis_layout *layout = &request->transport->config.layout;
  char name[EVSI_REDIS_NAME_MAX];
  if (!evsi_redis_stream_name(topic, partition, name))
    return true;
  if (!request->names)
    request->names = json_object();
  if (json_object_get(request->names, name))
    return true;
  json_object_set_new(request->names, name, json_true());
  evsi_redis_known *grown = evsi_realloc(request->streams, (request->stream_count + 1) * sizeof *grown);
  if (!grown)
    return false;
  request->streams = grown;
  evsi_redis_known *known = &grown[request->stream_count++];
  memset(known, 0, sizeof *known);
  known->name = evsi_strdup(name);
  known->key = evsi_redis_stream_key(layout, evsi_text(name));
  known->dlq = evsi_redis_dlq_key(layout, evsi_text(name));
  known->topic = evsi_bytes(known->name, topic.size);
  known->partition = partition;
  known->types = json_incref(types);
  return known->name && known->key && known->dlq;
}

static int by_name(const void *a, const void *b) {
  return strcmp(((const evsi_redis_known *)a)->name, ((const evsi_redis_known *)b)->name);
}

/* The one topic that the request is about, or NULL. */
static const char *only_topic(const evsi_redis_request *request) {
  return request->filter.topic ? request->filter.topic : evsi_redis_request_text(request, "topic");
}

static bool is_asked_for(const evsi_redis_request *request, const char *topic) {
  const json_t *topics = json_object_get(request->params, "topics");
  const char *only = only_topic(request);
  size_t i;
  json_t *each;
  if (only)
    return strcmp(only, topic) == 0;
  if (json_array_size(topics) == 0)
    return true;
  json_array_foreach(topics, i, each) {
    if (strcmp(json_string_value(each) ? json_string_value(each) : "", topic) == 0)
      return true;
  }
  return false;
}

static bool add_registered(evsi_redis_request *request, const evsi_redis_reply *fields) {
  bool ok = true;
  for (size_t i = 0; i + 1 < fields->count; i += 2) {
    evs_bytes topic = evsi_redis_text(evsi_redis_item(fields, i));
    evs_bytes value = evsi_redis_text(evsi_redis_item(fields, i + 1));
    if (topic.size == 0 || topic.data[0] == '@' || !is_asked_for(request, topic.data))
      continue;
    json_t *root = evsi_json_load(value, 0, NULL);
    json_t *types = json_object_get(root, "types");
    json_int_t partitions = json_integer_value(json_object_get(root, "partitions"));
    size_t before = request->stream_count;
    if (partitions <= 0)
      ok = ok && add_known(request, topic, EVS_PARTITION_NONE, types);
    for (json_int_t p = 0; p < partitions && p < 65536; p++)
      ok = ok && add_known(request, topic, (int32_t)p, types);
    for (size_t at = before; at < request->stream_count; at++)
      request->streams[at].is_ordered = json_is_string(json_object_get(root, "ordering"));
    json_decref(root);
  }
  return ok;
}

static bool is_about_all(const evsi_redis_request *request) {
  return !only_topic(request) && json_array_size(json_object_get(request->params, "topics")) == 0;
}

static bool add_found(evsi_redis_request *request) {
  const char *name;
  json_t *each;
  bool ok = true;
  if (!is_about_all(request))
    return true;
  json_object_foreach(request->transport->seen_streams, name, each) {
    ok = ok && add_known(request, evsi_text(name), EVS_PARTITION_NONE, NULL);
  }
  return ok;
}

/* What nobody registered is known by those who read it, or by name. */
static bool add_others(evsi_redis_request *request, const evsi_redis_reply *fields) {
  const json_t *topics = json_object_get(request->params, "topics");
  const char *only = only_topic(request);
  bool ok = true;
  size_t i;
  json_t *each;
  for (evsi_redis_group *group = request->transport->groups; group; group = group->hh.next) {
    for (size_t s = 0; s < group->stream_count; s++) {
      const evsi_redis_stream *stream = group->streams[s];
      char topic[EVSI_REDIS_NAME_MAX];
      snprintf(topic, sizeof topic, "%.*s", (int)stream->topic.size, stream->topic.data);
      if (is_asked_for(request, topic))
        ok = ok && add_known(request, stream->topic, stream->partition, NULL);
    }
  }
  if (only && evsi_redis_field(fields, only).size == 0)
    ok = ok && add_known(request, evsi_text(only), EVS_PARTITION_NONE, NULL);
  json_array_foreach(topics, i, each) {
    const char *topic = json_string_value(each);
    if (topic && evsi_redis_field(fields, topic).size == 0)
      ok = ok && add_known(request, evsi_text(topic), EVS_PARTITION_NONE, NULL);
  }
  return ok;
}

static void on_registry(evsi_redis_request *request, uint64_t tag, const evsi_redis_reply *reply) {
  (void)tag;
  if (evsi_redis_request_refused(request, reply, "reading the registry of topics"))
    return;
  if (!add_registered(request, reply) || !add_others(request, reply) || !add_found(request)) {
    evsi_redis_request_answer(request, EVS_NOMEM, evsi_text("out of memory"));
    return;
  }
  if (request->stream_count > 1)
    qsort(request->streams, request->stream_count, sizeof *request->streams, by_name);
}

static void read_registry(evsi_redis_request *request) {
  evsi_redis_args args = {0};
  evsi_redis_arg_text(&args, "HGETALL");
  evsi_redis_arg_text(&args, request->transport->config.layout.registry);
  evsi_redis_request_send(request, &args, on_registry, 0);
}

/* ---- by their keys ---------------------------------------------------------------------------- */

static void scan(evsi_redis_request *request, evs_bytes cursor, uint64_t pages);

static void note_found(evsi_redis_request *request, evs_bytes key) {
  const evsi_redis_layout *layout = &request->transport->config.layout;
  evs_bytes name = evsi_redis_name_in_stream_key(layout, key);
  char text[EVSI_REDIS_NAME_MAX];
  if (name.size == 0)
    name = evsi_redis_name_in_dlq_key(layout, key);
  if (evsi_redis_stream_name(name, EVS_PARTITION_NONE, text) && json_object_size(request->found) < FOUND_MOST)
    json_object_set_new(request->found, text, json_true());
}

/* What was found serves the requests that follow, too. */
static void keep_found(evsi_redis_request *request, uint64_t pages) {
  evs_transport *transport = request->transport;
  uint64_t valid_ms = pages * PAGE_VALID_MS < VALID_MOST_MS ? pages * PAGE_VALID_MS : VALID_MOST_MS;
  json_decref(transport->seen_streams);
  transport->seen_streams = request->found;
  request->found = NULL;
  transport->seen_until_ms = evsi_redis_now(transport) + valid_ms;
}

static void on_scanned(evsi_redis_request *request, uint64_t tag, const evsi_redis_reply *reply) {
  evs_bytes cursor = evsi_redis_text(evsi_redis_item(reply, 0));
  const evsi_redis_reply *keys = evsi_redis_item(reply, 1);
  uint64_t pages = tag + 1;
  for (size_t i = 0; i < keys->count; i++)
    note_found(request, evsi_redis_text(evsi_redis_item(keys, i)));
  /* Who may not scan sees what is registered. */
  if (cursor.size > 0 && !evsi_bytes_equal(cursor, evsi_text("0"))) {
    scan(request, cursor, pages);
    return;
  }
  keep_found(request, pages);
  read_registry(request);
}

/* One pass finds streams and dead letters: the key of both holds the prefix of streams. */
static void scan(evsi_redis_request *request, evs_bytes cursor, uint64_t pages) {
  evsi_redis_args args = {0};
  evsi_buf pattern = {0};
  evsi_buf_add_text(&pattern, "*");
  evsi_redis_pattern_add(&pattern, request->transport->config.layout.stream_prefix);
  evsi_buf_add_text(&pattern, "*");
  evsi_redis_put_scan(&args, cursor, evsi_bytes(pattern.data, pattern.size));
  args.body.failed |= pattern.failed;
  evsi_redis_request_send(request, &args, on_scanned, pages);
  evsi_buf_free(&pattern);
}

void evsi_redis_request_streams(evsi_redis_request *request, void (*next)(evsi_redis_request *request)) {
  const evs_transport *transport = request->transport;
  bool must_scan = transport->config.layout.is_plain && is_about_all(request) &&
                   evsi_redis_now(transport) >= transport->seen_until_ms;
  request->step = next;
  if (!must_scan) {
    read_registry(request);
    return;
  }
  request->found = json_object();
  scan(request, evsi_text("0"), 0);
}
