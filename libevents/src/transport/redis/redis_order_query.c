/* SPDX-License-Identifier: MIT
 * redis_order_query.c - of the request `groups`: who handles an ordered stream, and what is held up by which
 * dead letters. A few of them are named; all are counted. */
#include <string.h>

#include "transport/redis/redis_letters.h"

enum { LETTERS_SHOWN = 10 };
static const char *const own_fields[] = {"owner", "epoch", "reader", "heir"};
enum { OWN_FIELDS = sizeof own_fields / sizeof own_fields[0] };

static json_t *order_at(evsi_redis_request *request, uint64_t tag) {
  return json_object_get(json_array_get(request->result, (size_t)tag), "order");
}

static void on_owner(evsi_redis_request *request, uint64_t tag, const evsi_redis_reply *reply) {
  json_t *order = order_at(request, tag);
  if (evsi_redis_request_refused(request, reply, "HMGET of a lease"))
    return;
  evs_bytes owner = evsi_redis_text(evsi_redis_item(reply, 0));
  if (owner.size > 0)
    json_object_set_new(order, "owner", json_stringn(owner.data, owner.size));
  json_int_t own = 0;
  for (size_t i = 0; i < OWN_FIELDS; i++)
    own += evsi_redis_text(evsi_redis_item(reply, i)).size > 0;
  json_int_t fields = json_integer_value(json_object_get(order, "blocked"));
  json_object_set_new(order, "blocked", json_integer(fields > own ? fields - own : 0));
}

static void on_length(evsi_redis_request *request, uint64_t tag, const evsi_redis_reply *reply) {
  if (!evsi_redis_request_refused(request, reply, "HLEN of a lease"))
    json_object_set_new(order_at(request, tag), "blocked", json_integer(evsi_redis_integer(reply)));
}

/* Field b:<entry>, value: the letter. */
static void on_some(evsi_redis_request *request, uint64_t tag, const evsi_redis_reply *reply) {
  const json_t *row = json_array_get(request->result, (size_t)tag);
  const evsi_redis_reply *pairs = evsi_redis_item(reply, 1);
  json_t *letters = json_object_get(order_at(request, tag), "letters");
  const json_t *partition = json_object_get(row, "partition");
  char name[EVSI_REDIS_NAME_MAX];
  if (evsi_redis_request_refused(request, reply, "HSCAN of a lease") ||
      !evsi_redis_stream_name(
          evsi_text(json_string_value(json_object_get(row, "topic"))),
          json_is_integer(partition) ? (int32_t)json_integer_value(partition) : EVS_PARTITION_NONE, name))
    return;
  for (size_t i = 0; i + 1 < pairs->count && json_array_size(letters) < LETTERS_SHOWN; i += 2) {
    evsi_buf id = {0};
    evsi_redis_letter_id(request->transport, evsi_text(name), evsi_redis_text(evsi_redis_item(pairs, i + 1)),
                         &id);
    if (!id.failed)
      json_array_append_new(letters, json_stringn(id.data, id.size));
    evsi_buf_free(&id);
  }
}

static void send(evsi_redis_request *request, const char *const *words, size_t count,
                 evsi_redis_request_fn fn, uint64_t tag) {
  evsi_redis_args args = {0};
  for (size_t i = 0; i < count; i++)
    evsi_redis_arg_text(&args, words[i]);
  if (!request->is_answered)
    evsi_redis_request_send(request, &args, fn, tag);
  evsi_redis_args_free(&args);
}

void evsi_redis_request_order(evsi_redis_request *request, const char *name, const char *suffix, size_t at) {
  char *lease =
      evsi_redis_key(&request->transport->config.layout, EVSI_REDIS_LEASE_KEY, evsi_text(name), suffix);
  json_t *row = json_array_get(request->result, at);
  json_object_set_new(row, "order", json_pack("{s:n,s:i,s:[]}", "owner", "blocked", 0, "letters"));
  if (!lease) {
    evsi_redis_request_answer(request, EVS_NOMEM, evsi_text("out of memory"));
    return;
  }
  const char *const length[] = {"HLEN", lease};
  const char *const owner[] = {"HMGET", lease, own_fields[0], own_fields[1], own_fields[2], own_fields[3]};
  const char *const some[] = {"HSCAN", lease, "0", "MATCH", "b:*", "COUNT", "100"};
  send(request, length, 2, on_length, at);
  send(request, owner, 2 + OWN_FIELDS, on_owner, at);
  send(request, some, 7, on_some, at);
  evsi_free(lease);
}
