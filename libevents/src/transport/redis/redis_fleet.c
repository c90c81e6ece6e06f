/* SPDX-License-Identifier: MIT
 * redis_fleet.c - the systems that are connected to a server: each keeps a document with a time to live, and
 * a sorted set tells their names. Two keys, since these lie in different slots of a cluster. */
#include "transport/redis/redis_error.h"
#include "base/json_text.h"
#include "transport/redis/redis_request.h"

#define FLEET "evs:fleet"

/* The longest `fleet.interval` is 10 minutes, and a document lives three times as long. */
enum { SILENCE_MAX_MS = 3600000, INSTANCES_MAX = 1000 };

/* ---- showing oneself -------------------------------------------------------------------------- */

static void on_announced(void *data, uint64_t tag, const evsi_redis_reply *reply) {
  evs_transport *transport = data;
  char text[EVSI_REDIS_ERROR_TEXT];
  (void)tag;
  transport->requests--;
  if (reply->type == EVSI_REDIS_ERROR && !transport->is_fleet_refused) {
    evsi_redis_error_text(reply, "showing this system to others (" FLEET ")", text);
    evsi_redis_log(transport, 2, "%s", text);
    transport->is_fleet_refused = true;
  }
  evsi_redis_work_later(transport);
}

static void send(evs_transport *transport, evsi_redis_args *args) {
  transport->requests++;
  if (!evsi_redis_conn_send(&transport->command, args, 0, on_announced, transport, 0))
    transport->requests--;
  evsi_redis_args_free(args);
}

static void show(evs_transport *transport, const char *key, evs_bytes document, uint32_t ttl_ms) {
  evsi_redis_args set = {0}, note = {0};
  evsi_redis_arg_text(&set, "SET");
  evsi_redis_arg_text(&set, key);
  evsi_redis_arg_bytes(&set, document);
  evsi_redis_arg_text(&set, "PX");
  evsi_redis_arg_u64(&set, ttl_ms);
  send(transport, &set);
  evsi_redis_arg_text(&note, FLEET);
  evsi_redis_arg_text(&note, key + sizeof FLEET);
  evsi_redis_arg_u64(&note, SILENCE_MAX_MS);
  transport->requests++;
  if (!evsi_redis_script_call(&transport->scripts, EVSI_REDIS_FLEET, 1, &note, on_announced, transport, 0))
    transport->requests--;
}

static void take_back(evs_transport *transport, const char *key) {
  evsi_redis_args del = {0}, forget = {0};
  evsi_redis_arg_text(&del, "DEL");
  evsi_redis_arg_text(&del, key);
  send(transport, &del);
  evsi_redis_arg_text(&forget, "ZREM");
  evsi_redis_arg_text(&forget, FLEET);
  evsi_redis_arg_text(&forget, key + sizeof FLEET);
  send(transport, &forget);
}

void evsi_redis_announce(evs_transport *transport, evs_bytes service, evs_bytes instance, evs_bytes document,
                         uint32_t ttl_ms) {
  evsi_buf key = {0};
  if (!transport->command.is_up || transport->is_closing)
    return;
  evsi_buf_add_text(&key, FLEET ":");
  evsi_buf_add_bytes(&key, service);
  evsi_buf_add_text(&key, ":");
  evsi_buf_add_bytes(&key, instance);
  if (!key.failed && ttl_ms > 0)
    show(transport, key.data, document, ttl_ms);
  else if (!key.failed)
    take_back(transport, key.data);
  evsi_buf_free(&key);
}

/* ---- the request `fleet` ---------------------------------------------------------------------- */

/* The name is <service>:<instance>; a service may have colons, an instance has none. */
static json_t *row_of(evs_bytes name, int64_t at) {
  uint64_t size = name.size;
  while (size > 0 && name.data[size - 1] != ':')
    size--;
  if (size < 2)
    return NULL;
  return json_pack("{s:s%,s:s%,s:I}", "service", name.data, (size_t)size - 1, "instance", name.data + size,
                   (size_t)(name.size - size), "at", (json_int_t)at);
}

static void on_names(evsi_redis_request *request, uint64_t tag, const evsi_redis_reply *reply) {
  (void)tag;
  if (evsi_redis_request_refused(request, reply, "reading " FLEET))
    return;
  for (size_t i = 0; i + 1 < reply->count; i += 2) {
    json_t *row =
        row_of(evsi_redis_text(evsi_redis_item(reply, i)), evsi_redis_integer(evsi_redis_item(reply, i + 1)));
    if (row)
      json_array_append_new(request->before, row);
  }
}

/* One that ended unseen has no document any more; what is none is left out. */
static void on_document(evsi_redis_request *request, uint64_t tag, const evsi_redis_reply *reply) {
  json_t *row = json_array_get(request->before, (size_t)tag);
  if (evsi_redis_request_refused(request, reply, "reading " FLEET))
    return;
  evs_bytes text = evsi_redis_text(reply);
  json_t *stats = evsi_json_load(text, 0, NULL);
  if (!json_is_object(stats)) {
    json_decref(stats);
    return;
  }
  uint64_t at = (uint64_t)json_integer_value(json_object_get(row, "at"));
  json_object_set_new(row, "ageMs",
                      json_integer(request->now_ms > at ? (json_int_t)(request->now_ms - at) : 0));
  json_object_set_new(row, "stats", stats);
  json_array_append(request->result, row);
}

static void answer_fleet(evsi_redis_request *request) {
  json_t *document = json_pack("{s:O}", "instances", request->result);
  evsi_redis_request_json(request, document);
  json_decref(document);
}

static void ask_documents(evsi_redis_request *request) {
  size_t i;
  json_t *row;
  request->step = answer_fleet;
  json_array_foreach(request->before, i, row) {
    evsi_redis_args args = {0};
    evsi_buf key = {0};
    evsi_buf_addf(&key, FLEET ":%s:%s", json_string_value(json_object_get(row, "service")),
                  json_string_value(json_object_get(row, "instance")));
    evsi_redis_arg_text(&args, "GET");
    evsi_redis_arg(&args, key.data, key.size);
    args.body.failed |= key.failed;
    evsi_buf_free(&key);
    evsi_redis_request_send(request, &args, on_document, i);
    if (request->is_answered)
      return;
  }
}

static void ask_names(evsi_redis_request *request) {
  evsi_redis_args args = {0};
  request->step = ask_documents;
  request->before = json_array();
  request->result = json_array();
  evsi_redis_arg_text(&args, "ZREVRANGE");
  evsi_redis_arg_text(&args, FLEET);
  evsi_redis_arg_u64(&args, 0);
  evsi_redis_arg_u64(&args, INSTANCES_MAX - 1);
  evsi_redis_arg_text(&args, "WITHSCORES");
  evsi_redis_request_send(request, &args, on_names, 0);
}

void evsi_redis_request_fleet(evsi_redis_request *request) {
  evsi_redis_request_time(request, ask_names);
}
