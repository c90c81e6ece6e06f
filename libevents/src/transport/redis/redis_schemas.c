/* SPDX-License-Identifier: MIT
 * redis_schemas.c - the registry of schemas in the store, one hash for all services: questions of the system,
 * which knows what the texts in it mean. */
#include "transport/redis/redis_audit.h"
#include "transport/redis/redis_request.h"

#define SCHEMAS "evs:schemas"

static const char *text_of(const evsi_redis_request *request, const char *name) {
  const char *text = json_string_value(json_object_get(request->params, name));
  return text ? text : "";
}

/* The script's arguments that both have; the id is for a registry that begins. */
static void add_common(evsi_redis_request *request, const char *state, evsi_redis_args *args) {
  char id[17];
  unsigned char bytes[8] = {0};
  request->transport->world->env->random(bytes, sizeof bytes);
  for (size_t i = 0; i < sizeof bytes; i++)
    snprintf(id + 2 * i, 3, "%02x", bytes[i]);
  evsi_redis_arg_text(args, SCHEMAS);
  evsi_redis_arg_text(args, state);
  evsi_redis_arg_text(args, id);
}

static json_t *items_of(const evsi_redis_reply *fields) {
  json_t *items = json_object();
  for (size_t i = 0; i + 1 < fields->count; i += 2) {
    evs_bytes key = evsi_redis_text(evsi_redis_item(fields, i));
    evs_bytes value = evsi_redis_text(evsi_redis_item(fields, i + 1));
    bool is_own = key.size > 0 && key.data[0] == '@';
    char *name = is_own ? NULL : evsi_strndup(key.data ? key.data : "", key.size);
    if (name)
      json_object_set_new(items, name, json_stringn(value.data ? value.data : "", value.size));
    evsi_free(name);
  }
  return items;
}

static void on_read(evsi_redis_request *request, uint64_t tag, const evsi_redis_reply *reply) {
  (void)tag;
  if (evsi_redis_request_refused(request, reply, "reading " SCHEMAS))
    return;
  evs_bytes state = evsi_redis_text(evsi_redis_item(reply, 0));
  const evsi_redis_reply *fields = evsi_redis_item(reply, 1);
  bool has_items = fields->type == EVSI_REDIS_ARRAY;
  json_t *document = json_pack("{s:s%,s:o}", "state", state.data ? state.data : "", (size_t)state.size,
                               "items", has_items ? items_of(fields) : json_null());
  evsi_redis_request_json(request, document);
  json_decref(document);
}

void evsi_redis_request_schemas_read(evsi_redis_request *request) {
  evsi_redis_request_script script = {.script = EVSI_REDIS_SCHEMAS, .keys = 1};
  add_common(request, text_of(request, "known"), &script.args);
  evsi_redis_request_call(request, &script, on_read, 0);
}

static void answer_written(evsi_redis_request *request) {
  evsi_redis_request_json(request, request->result);
}

static void on_written(evsi_redis_request *request, uint64_t tag, const evsi_redis_reply *reply) {
  (void)tag;
  if (evsi_redis_request_refused(request, reply, "writing " SCHEMAS))
    return;
  bool is_written = evsi_redis_integer(evsi_redis_item(reply, 0)) == 1;
  evs_bytes state = evsi_redis_text(evsi_redis_item(reply, 1));
  request->result = json_pack("{s:b,s:s%}", "written", is_written, "state", state.data ? state.data : "",
                              (size_t)state.size);
  request->step = answer_written;
  if (is_written)
    evsi_redis_audit(request,
                     &(evsi_redis_audit_row){.action = text_of(request, "action"),
                                             .scope = json_incref(json_object_get(request->params, "scope")),
                                             .count = 1,
                                             .result = "done"});
}

void evsi_redis_request_schemas_write(evsi_redis_request *request) {
  evsi_redis_request_script script = {.script = EVSI_REDIS_SCHEMAS, .keys = 1};
  const char *key;
  json_t *value;
  add_common(request, text_of(request, "expected"), &script.args);
  json_object_foreach(json_object_get(request->params, "set"), key, value) {
    evsi_redis_arg_text(&script.args, key);
    evsi_redis_arg(&script.args, json_string_value(value), json_string_length(value));
  }
  evsi_redis_request_call(request, &script, on_written, 0);
}
