/* SPDX-License-Identifier: MIT
 * redis_stream.c - one stream of one group: its keys, script calls on it, registering and leaving. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "transport/redis/redis_error.h"
#include "transport/redis/redis_internal.h"

enum { BROKEN_RETRY_MS = 30000, LOST_RETRY_MS = 1000, AGAIN_MS = 100 };
static const evsi_retry_policy RETRY = {0, EVS_BACKOFF_EXPONENTIAL, 50, 5000, 0.2};

/* The keys of each script: s(tream), h(eartbeat), m(eta), d(ue), q (dead letters), i(ndex), l(ease), which an
 * unordered stream does not have. */
static const char *const key_letters[EVSI_REDIS_SCRIPTS] = {
    [EVSI_REDIS_ACK] = "shml",     [EVSI_REDIS_BUNDLE] = "shmdqil", [EVSI_REDIS_CLAIM] = "shm",
    [EVSI_REDIS_DEAD] = "shmdqil", [EVSI_REDIS_DUE] = "shmd",       [EVSI_REDIS_FETCH] = "shmdl",
    [EVSI_REDIS_HAND] = "shm",     [EVSI_REDIS_JOIN] = "shmd",      [EVSI_REDIS_KEEP] = "shm",
    [EVSI_REDIS_LEASE] = "shl",    [EVSI_REDIS_LEAVE] = "shmdl",    [EVSI_REDIS_OWNED] = "shm",
    [EVSI_REDIS_PARK] = "shmdl",   [EVSI_REDIS_READY] = "shdl",     [EVSI_REDIS_REAP] = "sh",
    [EVSI_REDIS_RECOVER] = "shdl", [EVSI_REDIS_SWEEP] = "shm",
};

/* ---- life ------------------------------------------------------------------------------------- */

evsi_redis_stream *evsi_redis_stream_find(evsi_redis_group *group, evs_bytes topic, int32_t partition) {
  char name[EVSI_REDIS_NAME_MAX];
  evsi_redis_stream *stream = NULL;
  if (evsi_redis_stream_name(topic, partition, name))
    HASH_FIND_STR(group->by_name, name, stream);
  return stream;
}

static bool make_keys(evsi_redis_stream *stream) {
  const evsi_redis_group *group = stream->group;
  const evsi_redis_layout *layout = &group->transport->config.layout;
  evs_bytes name = evsi_text(stream->name);
  char suffix[EVSI_REDIS_NAME_MAX];
  if (group->replay)
    snprintf(suffix, sizeof suffix, ":%s", group->replay);
  stream->key = group->replay ? evsi_redis_key(layout, EVSI_REDIS_FEED, name, suffix)
                              : evsi_redis_stream_key(layout, name);
  snprintf(suffix, sizeof suffix, ":%s%s", group->replay ? EVSI_REDIS_REPLAY_GROUP : "",
           group->replay ? group->replay : group->name);
  stream->dlq = evsi_redis_dlq_key(layout, name);
  stream->index = evsi_redis_key(layout, EVSI_REDIS_INDEX, name, "");
  stream->hb = evsi_redis_key(layout, "evs:hb:", name, suffix);
  stream->meta = evsi_redis_key(layout, "evs:meta:", name, suffix);
  stream->due = evsi_redis_key(layout, "evs:due:", name, suffix);
  stream->lease = evsi_redis_key(layout, EVSI_REDIS_LEASE_KEY, name, suffix);
  return stream->lease && stream->key && stream->dlq && stream->index && stream->hb && stream->meta &&
         stream->due;
}

static bool reserve(evsi_redis_group *group) {
  if (group->stream_count < group->stream_capacity)
    return true;
  size_t capacity = group->stream_capacity ? group->stream_capacity * 2 : 8;
  evsi_redis_stream **list = evsi_realloc(group->streams, capacity * sizeof *list);
  if (list)
    group->streams = list;
  evsi_redis_stream **set = list ? evsi_realloc(group->read_set, capacity * sizeof *set) : NULL;
  if (set)
    group->read_set = set;
  evsi_redis_stream **answered = set ? evsi_realloc(group->answered, capacity * sizeof *answered) : NULL;
  if (!answered)
    return false;
  group->answered = answered;
  group->stream_capacity = capacity;
  return true;
}

evsi_redis_stream *evsi_redis_stream_add(evsi_redis_group *group, evs_bytes topic, int32_t partition) {
  char name[EVSI_REDIS_NAME_MAX];
  evsi_redis_stream *stream = evsi_redis_stream_find(group, topic, partition);
  if (stream || !evsi_redis_stream_name(topic, partition, name) || !reserve(group))
    return stream;
  stream = evsi_calloc(1, sizeof *stream);
  if (!stream)
    return NULL;
  stream->group = group;
  stream->partition = partition;
  stream->is_fresh = true;
  stream->is_order_known = group->is_relaxed || group->replay;
  stream->name = evsi_strdup(name);
  if (stream->name && make_keys(stream)) {
    stream->topic = evsi_bytes(stream->name, topic.size);
    HASH_ADD_KEYPTR(hh, group->by_name, stream->name, strlen(stream->name), stream);
    if (stream->hh.tbl) {
      group->streams[group->stream_count++] = stream;
      return stream;
    }
  }
  evsi_redis_stream_free(stream);
  return NULL;
}

void evsi_redis_stream_free(evsi_redis_stream *stream) {
  evsi_redis_flight *flight, *next;
  HASH_ITER(hh, stream->flights, flight, next) {
    evsi_redis_flight_remove(stream, flight);
  }
  evsi_redis_members_free(stream);
  evsi_free(stream->name);
  evsi_free(stream->key);
  evsi_free(stream->hb);
  evsi_free(stream->meta);
  evsi_free(stream->due);
  evsi_free(stream->dlq);
  evsi_free(stream->index);
  evsi_free(stream->lease);
  evsi_free(stream->owner);
  evsi_free(stream->heir);
  evsi_free(stream->former);
  evsi_free(stream->claiming);
  evsi_free(stream);
}

/* ---- calling scripts -------------------------------------------------------------------------- */

typedef struct stream_call {
  evsi_redis_stream *stream;
  evsi_redis_stream_fn fn;
  void *context;
  uint64_t generation;
} stream_call;

static void on_reply(void *data, uint64_t tag, const evsi_redis_reply *reply) {
  stream_call *call = data;
  stream_call copy = *call;
  (void)tag;
  evsi_free(call);
  copy.stream->group->calls--;
  copy.fn(copy.stream, copy.context, copy.generation, reply);
}

static uint32_t put_keys(const evsi_redis_stream *stream, const char *letters, evsi_redis_args *args) {
  for (const char *at = letters; *at; at++) {
    if (*at == 'l' && stream->ordering == EVS_ORDER_NONE)
      continue;
    const char *key = *at == 's'   ? stream->key
                      : *at == 'h' ? stream->hb
                      : *at == 'm' ? stream->meta
                      : *at == 'd' ? stream->due
                      : *at == 'q' ? stream->dlq
                      : *at == 'l' ? stream->lease
                                   : stream->index;
    evsi_redis_arg_text(args, key);
  }
  return args->count;
}

bool evsi_redis_stream_call(evsi_redis_stream *stream, evsi_redis_script script, evsi_redis_args *args,
                            evsi_redis_stream_fn fn, void *context) {
  evsi_redis_group *group = stream->group;
  stream_call *call = evsi_alloc(sizeof *call);
  evsi_redis_args all = {0};
  uint32_t keys = put_keys(stream, key_letters[script], &all);
  evsi_redis_arg_text(&all, group->name);
  evsi_redis_arg_text(&all, group->member);
  evsi_redis_arg_text(&all, group->epoch);
  if (args) {
    evsi_buf_add(&all.body, args->body.data, args->body.size);
    all.body.failed |= args->body.failed;
    all.count += args->count;
    evsi_redis_args_free(args);
  }
  if (call) {
    *call = (stream_call){stream, fn, context, group->generation};
    group->calls++;
    if (evsi_redis_script_call(&group->transport->scripts, script, keys, &all, on_reply, call, 0))
      return true;
    group->calls--;
  }
  evsi_free(call);
  evsi_redis_args_free(&all);
  return false;
}

void evsi_redis_stream_failed(evsi_redis_stream *stream, const evsi_redis_reply *reply, const char *what) {
  evs_transport *transport = stream->group->transport;
  evsi_redis_error_class error = evsi_redis_error_classify(reply);
  uint64_t now = evsi_redis_now(transport);
  if (stream->state != EVSI_STREAM_LEFT)
    stream->state = EVSI_STREAM_NEW;
  if (error == EVSI_REDIS_ERROR_CONNECTION)
    return; /* everything begins again once it is back */
  char action[EVSI_REDIS_NAME_MAX + 128], text[EVSI_REDIS_ERROR_TEXT];
  snprintf(action, sizeof action, "%s %s for group %.100s", what, stream->key, stream->group->name);
  evsi_redis_error_text(reply, action, text);
  stream->is_broken = !evsi_redis_error_transient(error);
  stream->failures++;
  stream->retry_ms =
      now + (stream->is_broken ? BROKEN_RETRY_MS
                               : evsi_backoff_delay(transport->world->env, &RETRY, stream->failures));
  if (error != EVSI_REDIS_ERROR_LOST_GROUP)
    evsi_redis_log(transport, stream->is_broken ? 3 : 2, "%s", text);
  evsi_redis_group_retry_at(stream->group, stream->retry_ms);
}

void evsi_redis_stream_again(evsi_redis_stream *stream) {
  stream->state = EVSI_STREAM_NEW;
  stream->retry_ms = evsi_redis_now(stream->group->transport) + AGAIN_MS;
  evsi_redis_group_retry_at(stream->group, stream->retry_ms);
}

/* ---- joining ---------------------------------------------------------------------------------- */

static void add_info(const evsi_redis_group *group, evsi_redis_args *args) {
  char host[65] = "";
  evsi_buf info = {0};
  gethostname(host, sizeof host - 1);
  evsi_buf_add_text(&info, "{\"host\":");
  evsi_buf_add_json(&info, host, strlen(host));
  evsi_buf_addf(&info, ",\"pid\":%d,\"clientId\":%" PRId64 "%s,\"subscriptions\":", (int)getpid(),
                group->reader.client_id, group->is_relaxed ? ",\"relaxed\":true" : "");
  evsi_buf_add_text(&info, group->subscriptions);
  evsi_buf_add_text(&info, "}");
  evsi_redis_arg(args, info.data, info.size);
  args->body.failed |= info.failed;
  evsi_buf_free(&info);
}

static void note_created(evsi_redis_stream *stream, int64_t created) {
  evs_transport *transport = stream->group->transport;
  evsi_redis_flight *flight;
  if (created == 0)
    return;
  /* Nothing is pending in a group that is new. What is held is kept: when it is read again it is known. */
  while ((flight = evsi_redis_flights_pop(&stream->owed)))
    evsi_redis_flight_remove(stream, flight);
  if ((created != 2 && !stream->was_live) || stream->group->replay)
    return; /* a feed ends */
  evsi_redis_count(transport, "groupsRecreated", 1);
  evsi_redis_log(transport, 2, "group %s on %s was gone and is created again; events may come twice",
                 stream->group->name, stream->key);
}

/* onGroupLost says that somebody has to look into it first. */
static void wait_for_group(evsi_redis_stream *stream) {
  evs_transport *transport = stream->group->transport;
  stream->state = EVSI_STREAM_NEW;
  stream->is_broken = true;
  stream->retry_ms = evsi_redis_now(transport) + LOST_RETRY_MS;
  evsi_redis_log(transport, 3,
                 "group %s on %s is gone: nothing is read there until it exists again (onGroupLost is fail; "
                 "make it with XGROUP CREATE)",
                 stream->group->name, stream->key);
  evsi_redis_group_retry_at(stream->group, stream->retry_ms);
}

static void on_join(evsi_redis_stream *stream, void *context, uint64_t generation,
                    const evsi_redis_reply *reply) {
  (void)context;
  if (stream->state != EVSI_STREAM_JOINING)
    return;
  if (evsi_redis_is(evsi_redis_item(reply, 0), "FENCED")) {
    evsi_redis_group_fenced(stream->group, generation);
    return;
  }
  if (generation != stream->group->generation) {
    stream->state = EVSI_STREAM_NEW;
    return;
  }
  if (evsi_redis_is(evsi_redis_item(reply, 0), "LOST")) {
    wait_for_group(stream);
    return;
  }
  if (!evsi_redis_is(evsi_redis_item(reply, 0), "OK")) {
    evsi_redis_stream_failed(stream, reply, "joining");
    return;
  }
  int64_t created = evsi_redis_integer(evsi_redis_item(reply, 1));
  bool may_have_pending = created == 0 && (!stream->is_fresh || stream->former);
  bool is_newcomer = stream->is_fresh;
  char topic[EVSI_REDIS_NAME_MAX];
  snprintf(topic, sizeof topic, "%.*s", (int)stream->topic.size, stream->topic.data);
  evsi_redis_foreign_look(stream->group->transport, topic);
  note_created(stream, created);
  /* Of an ordered stream all is pending that is not settled, for whoever has it. */
  may_have_pending = may_have_pending && stream->ordering == EVS_ORDER_NONE;
  stream->state = may_have_pending ? EVSI_STREAM_RECOVER : EVSI_STREAM_LIVE;
  if (!may_have_pending) {
    evsi_free(stream->former);
    stream->former = NULL;
    stream->was_live = true;
  }
  stream->is_fresh = false;
  stream->is_broken = false;
  stream->needs_recovery = false;
  stream->failures = 0;
  evsi_redis_members_update(stream, (uint64_t)evsi_redis_integer(evsi_redis_item(reply, 2)),
                            evsi_redis_item(reply, 3));
  stream->alive_ms = stream->joined_ms;
  if (stream->hold == EVSI_HOLD_OWNED)
    evsi_redis_order_take(stream);
  evsi_redis_reader_wake(stream->group); /* so that it reads this stream too */
  if (is_newcomer) {
    evsi_redis_beat_stream_soon(stream); /* what was handed back before waits for somebody */
    evsi_redis_members_poke_all(stream); /* and who hands back later has to know us */
  }
  evsi_redis_work_later(stream->group->transport);
}

void evsi_redis_stream_join(evsi_redis_stream *stream) {
  const evsi_redis_group *group = stream->group;
  bool is_first = !group->replay && !stream->was_live;
  const char *start = is_first && group->start[0]                           ? group->start
                      : is_first && group->from_new && !stream->starts_late ? "$"
                                                                            : "0";
  evsi_redis_args args = {0};
  add_info(group, &args);
  evsi_redis_arg_text(&args, start);
  evsi_redis_arg_text(&args, stream->is_fresh ? "1" : "0");
  evsi_redis_arg_text(&args, group->replay || !group->transport->config.fails_without_group ? ""
                             : stream->was_live                                             ? "had"
                                                                                            : "new");
  stream->state = EVSI_STREAM_JOINING;
  stream->joined_ms = evsi_redis_now(group->transport);
  if (!evsi_redis_stream_call(stream, EVSI_REDIS_JOIN, &args, on_join, NULL))
    evsi_redis_stream_again(stream);
}

/* ---- leaving ---------------------------------------------------------------------------------- */

static void on_leave(evsi_redis_stream *stream, void *context, uint64_t generation,
                     const evsi_redis_reply *reply) {
  (void)context;
  (void)generation;
  if (stream->state != EVSI_STREAM_LEAVING)
    return;
  if (evsi_redis_is(evsi_redis_item(reply, 0), "MORE")) {
    evsi_redis_stream_leave(stream);
    return;
  }
  bool is_done = evsi_redis_is(evsi_redis_item(reply, 0), "DONE");
  if (is_done && evsi_redis_integer(evsi_redis_item(reply, 1)) > 0)
    evsi_redis_members_poke_all(stream);
  if (is_done || evsi_redis_is(evsi_redis_item(reply, 0), "FENCED"))
    stream->state = EVSI_STREAM_LEFT;
  else
    evsi_redis_stream_failed(stream, reply, "leaving");
  evsi_redis_work_later(stream->group->transport);
}

void evsi_redis_stream_leave(evsi_redis_stream *stream) {
  stream->state = EVSI_STREAM_LEAVING;
  if (!evsi_redis_stream_call(stream, EVSI_REDIS_LEAVE, NULL, on_leave, NULL))
    stream->state = EVSI_STREAM_NEW;
}
