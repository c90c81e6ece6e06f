/* SPDX-License-Identifier: MIT
 * redis_members.c - who else is in a group on one stream: counters that prove life, subscriptions for the
 * host, and the reading connections that can be woken. Whether a member is dead is decided in
 * redis_claim.c. */
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "base/json_text.h"
#include "transport/redis/redis_internal.h"

enum { POKE_TRIES = 40, POKE_AGAIN_MS = 50 };

/* ---- the table -------------------------------------------------------------------------------- */

static evsi_redis_member *find_or_add(evsi_redis_stream *stream, evs_bytes name) {
  evsi_redis_member *member = NULL;
  HASH_FIND(hh, stream->members, name.data, name.size, member);
  if (member)
    return member;
  member = evsi_calloc(1, sizeof *member);
  if (!member || !(member->name = evsi_strndup(name.data, name.size))) {
    evsi_free(member);
    return NULL;
  }
  member->changed_ms = evsi_redis_now(stream->group->transport);
  HASH_ADD_KEYPTR(hh, stream->members, member->name, name.size, member);
  if (member->hh.tbl)
    return member;
  evsi_free(member->name);
  evsi_free(member);
  return NULL;
}

static void remove_member(evsi_redis_stream *stream, evsi_redis_member *member) {
  HASH_DEL(stream->members, member);
  evsi_free(member->info);
  evsi_free(member->name);
  evsi_free(member);
}

void evsi_redis_members_free(evsi_redis_stream *stream) {
  evsi_redis_member *member, *next;
  HASH_ITER(hh, stream->members, member, next) {
    remove_member(stream, member);
  }
}

void evsi_redis_members_rewatch(evsi_redis_stream *stream) {
  for (evsi_redis_member *member = stream->members; member; member = member->hh.next)
    member->changed_ms = evsi_redis_now(stream->group->transport);
}

static void remove_unseen(evsi_redis_stream *stream) {
  evsi_redis_member *member, *next;
  HASH_ITER(hh, stream->members, member, next) {
    if (!member->is_seen)
      remove_member(stream, member);
  }
}

/* Names have an incarnation, so two processes with one consumer's name harm nothing; but somebody erred. A
 * counter that moves is no remains of an earlier run. */
static void note_clash(evsi_redis_group *group, const evsi_redis_member *member) {
  size_t size = strlen(group->consumer);
  if (group->is_clash_told || evsi_redis_is_self(group, member) ||
      strncmp(member->name, group->consumer, size) != 0 || member->name[size] != '#')
    return;
  group->is_clash_told = true;
  evsi_redis_count(group->transport, "consumerNameClashes", 1);
  evsi_redis_log(group->transport, 2,
                 "another live process is the consumer \"%s\" of group %s too: this one goes on as %s beside "
                 "%s; give each its own consumerId",
                 group->consumer, group->name, group->member, member->name);
}

static void set_counter(evsi_redis_stream *stream, evsi_redis_member *member, uint64_t counter) {
  if (member->counter != counter) {
    member->changed_ms = evsi_redis_now(stream->group->transport);
    if (member->is_counted)
      note_clash(stream->group, member);
  }
  member->counter = counter;
  member->is_counted = true;
}

void evsi_redis_members_beat(evsi_redis_stream *stream, const evsi_redis_reply *counters) {
  for (evsi_redis_member *member = stream->members; member; member = member->hh.next)
    member->is_seen = false;
  for (size_t i = 0; i + 2 < counters->count; i += 3) {
    evs_bytes name = evsi_redis_text(evsi_redis_item(counters, i));
    evsi_redis_member *member = name.size ? find_or_add(stream, name) : NULL;
    if (!member)
      continue;
    member->is_seen = true;
    member->is_alive = evsi_redis_integer(evsi_redis_item(counters, i + 2)) == 1;
    set_counter(stream, member, (uint64_t)evsi_redis_integer(evsi_redis_item(counters, i + 1)));
  }
  remove_unseen(stream);
}

/* ---- what the host is told -------------------------------------------------------------------- */

/* Another process wrote it: what cannot be read has no subscriptions. False: no memory. */
static bool add_subscriptions(const json_t *info, evsi_buf *json) {
  const json_t *subscriptions = json_object_get(info, "subscriptions");
  char *text = json_is_array(subscriptions) ? evsi_json_text(subscriptions) : NULL;
  evsi_buf_addf(json, ",\"subscriptions\":%s}", text ? text : "[]");
  bool is_whole = text || !json_is_array(subscriptions);
  evsi_free(text);
  return is_whole;
}

static bool is_alone(const evsi_redis_stream *stream) {
  for (const evsi_redis_member *member = stream->members; member; member = member->hh.next)
    if (member->is_alive && !evsi_redis_is_self(stream->group, member))
      return false;
  return true;
}

/* Who is there; what it subscribed to follows. */
static void add_name(const evsi_redis_group *group, const evsi_redis_member *member, evsi_buf *json) {
  evsi_buf_add_text(json, json->size > 1 ? ",{\"consumer\":" : "{\"consumer\":");
  evsi_buf_add_json(json, member->name, strlen(member->name));
  evsi_buf_addf(json, ",\"self\":%s", evsi_redis_is_self(group, member) ? "true" : "false");
}

/* False: no memory. */
static bool add_member(const evsi_redis_group *group, evsi_redis_member *member, evsi_buf *json) {
  json_error_t why = {0};
  json_t *info = evsi_json_load(evsi_text(member->info), 0, &why);
  if (!info)
    return json_error_code(&why) != json_error_out_of_memory;
  member->client_id = json_integer_value(json_object_get(info, "clientId"));
  member->is_relaxed = json_is_true(json_object_get(info, "relaxed"));
  add_name(group, member, json);
  bool is_whole = add_subscriptions(info, json);
  json_decref(info);
  return is_whole;
}

/* One that is alone needs none of its own subscriptions: of a thousand topics each would be read through a
 * thousand of them. False: no memory. */
static bool add_members(const evsi_redis_stream *stream, evsi_buf *json) {
  bool is_whole = true, has_none = is_alone(stream);
  for (evsi_redis_member *member = stream->members; member; member = member->hh.next) {
    if (!member->is_alive)
      continue;
    if (!has_none) {
      is_whole = add_member(stream->group, member, json) && is_whole;
      continue;
    }
    add_name(stream->group, member, json);
    evsi_buf_add_text(json, "}");
  }
  return is_whole;
}

/* All of them or nothing: who is missing would be taken for one that is gone. */
static bool tell_host(evsi_redis_stream *stream, uint64_t version) {
  evsi_redis_group *group = stream->group;
  evs_transport *transport = group->transport;
  evsi_buf json = {0};
  evsi_buf_add_text(&json, "[");
  bool is_whole = add_members(stream, &json);
  evsi_buf_add_text(&json, "]");
  is_whole = is_whole && !json.failed;
  if (is_whole)
    transport->ops->members(transport->host, group->token, stream->topic, stream->partition, version,
                            evsi_bytes(json.data, json.size));
  evsi_buf_free(&json);
  return is_whole;
}

/* False: no memory. */
static bool take_field(evsi_redis_stream *stream, evs_bytes field, const evsi_redis_reply *value) {
  evsi_redis_member *member = find_or_add(stream, evsi_bytes(field.data + 2, field.size - 2));
  if (!member)
    return false;
  member->is_seen = true;
  if (field.data[0] == 'c')
    set_counter(stream, member, (uint64_t)evsi_redis_integer(value));
  else if (field.data[0] == 'e')
    member->is_alive = true;
  else if (field.data[0] == 'i' && !member->info)
    return (member->info = evsi_strndup(evsi_redis_text(value).data, evsi_redis_text(value).size)) != NULL;
  return true;
}

void evsi_redis_members_update(evsi_redis_stream *stream, uint64_t version, const evsi_redis_reply *fields) {
  bool is_whole = true;
  for (evsi_redis_member *member = stream->members; member; member = member->hh.next) {
    member->is_seen = false;
    member->is_alive = false;
    evsi_free(member->info);
    member->info = NULL;
  }
  for (size_t i = 0; i + 1 < fields->count; i += 2) {
    evs_bytes field = evsi_redis_text(evsi_redis_item(fields, i));
    if (field.size >= 3 && field.data[1] == ':')
      is_whole = take_field(stream, field, evsi_redis_item(fields, i + 1)) && is_whole;
  }
  remove_unseen(stream);
  stream->group->must_balance = true;
  /* Without memory the next beat asks for all of it. */
  stream->version = is_whole && tell_host(stream, version) ? version : 0;
}

/* ---- waking others ---------------------------------------------------------------------------- */

static void on_poked(void *data, uint64_t client_id, const evsi_redis_reply *reply) {
  evs_transport *transport = data;
  bool was_blocked = reply->type == EVSI_REDIS_INTEGER && reply->integer == 1;
  bool may_try = reply->type == EVSI_REDIS_INTEGER;
  for (size_t i = 0; i < transport->poke_count; i++) {
    evsi_redis_poke *poke = &transport->pokes[i];
    if ((uint64_t)poke->client_id != client_id)
      continue;
    if (was_blocked || !may_try || --poke->tries == 0) {
      *poke = transport->pokes[--transport->poke_count];
      return;
    }
    /* It is not waiting just now, so it does not look up either: its beat would find the entry late. */
    poke->is_sent = false;
    transport->world->env->io->timer_start(transport->poke_timer, POKE_AGAIN_MS);
    return;
  }
}

void evsi_redis_poke_send(evs_transport *transport) {
  for (size_t i = transport->poke_count; i-- > 0;) {
    evsi_redis_poke *poke = &transport->pokes[i];
    evsi_redis_args args = {0};
    if (poke->is_sent)
      continue;
    evsi_redis_arg_text(&args, "CLIENT");
    evsi_redis_arg_text(&args, "UNBLOCK");
    evsi_redis_arg_u64(&args, (uint64_t)poke->client_id);
    poke->is_sent = true;
    if (!evsi_redis_conn_send(&transport->command, &args, 0, on_poked, transport, (uint64_t)poke->client_id))
      transport->poke_count = 0;
    evsi_redis_args_free(&args);
    if (transport->poke_count == 0)
      return;
  }
}

static void poke(evs_transport *transport, int64_t client_id) {
  for (size_t i = 0; i < transport->poke_count; i++) {
    if (transport->pokes[i].client_id == client_id)
      return;
  }
  if (client_id <= 0 || transport->poke_count == EVSI_REDIS_POKES)
    return;
  transport->pokes[transport->poke_count++] = (evsi_redis_poke){.client_id = client_id, .tries = POKE_TRIES};
}

void evsi_redis_members_poke(evsi_redis_stream *stream, evs_bytes name) {
  evsi_redis_member *member = NULL;
  HASH_FIND(hh, stream->members, name.data, name.size, member);
  if (!member)
    return;
  poke(stream->group->transport, member->client_id);
  evsi_redis_poke_send(stream->group->transport);
}

void evsi_redis_members_poke_all(evsi_redis_stream *stream) {
  for (evsi_redis_member *member = stream->members; member; member = member->hh.next) {
    if (member->is_alive && !evsi_redis_is_self(stream->group, member))
      poke(stream->group->transport, member->client_id);
  }
  evsi_redis_poke_send(stream->group->transport);
}
