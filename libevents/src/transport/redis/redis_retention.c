/* SPDX-License-Identifier: MIT
 * redis_retention.c - keeps streams within their limits: now and then, those to which this process published
 * or in which it settled are trimmed by a script, as far as their groups allow. The store says whose turn it
 * is, so that many processes do the work of one. Nothing is decided here. */
#include "transport/redis/redis_retention.h"

#include <stdio.h>
#include <string.h>

#include "transport/redis/redis_error.h"

enum {
  TRIM_AT_ONCE = 10000,
  PRUNE_AT_ONCE = 100,
  CALLS_AT_ONCE = 16, /* of all streams together */
  QUIET_LOOKS = 60,   /* so many looks pass until a stream that nothing happens to is looked at again */
  OTHER_GROUPS_MOST = 3,
  LOOKS_UNTIL_FOUND =
      3 /* so often others have looked at the topics, surely, when a stream is trimmed first */
};
#define GROUP_LIFETIME_MS "604800000" /* 7 days */

/* A stream that this process has to do with. */
struct evsi_redis_trim {
  evs_transport *transport;
  char *name; /* topic or topic:partition */
  UT_hash_handle hh;
  const char
      *limits;    /* of its route, in JSON; "": its route has none; NULL: nothing is published to it here */
  json_t *groups; /* names as last seen */
  bool is_touched, is_asking, is_warned;
  uint32_t tries;
};

/* ---- which streams ---------------------------------------------------------------------------- */

static evsi_redis_trim *find_or_add(evs_transport *transport, const char *name) {
  evsi_redis_trim *trim = NULL;
  HASH_FIND_STR(transport->trims, name, trim);
  if (trim)
    return trim;
  trim = evsi_calloc(1, sizeof *trim);
  if (!trim)
    return NULL;
  trim->transport = transport;
  trim->name = evsi_strdup(name);
  trim->groups = json_array();
  if (trim->name && trim->groups)
    HASH_ADD_KEYPTR(hh, transport->trims, trim->name, strlen(trim->name), trim);
  if (trim->hh.tbl)
    return trim;
  json_decref(trim->groups);
  evsi_free(trim->name);
  evsi_free(trim);
  return NULL;
}

evsi_redis_trim *evsi_redis_retention_touch(evs_transport *transport, const char *name) {
  evsi_redis_trim *trim = find_or_add(transport, name);
  if (trim)
    trim->is_touched = true;
  return trim;
}

void evsi_redis_retention_published(evsi_redis_trim *trim, evs_bytes limits) {
  trim->is_touched = true;
  trim->limits = limits.size > 0 ? limits.data : "";
}

void evsi_redis_retention_free(evs_transport *transport) {
  evsi_redis_trim *trim, *next;
  HASH_ITER(hh, transport->trims, trim, next) {
    HASH_DEL(transport->trims, trim);
    json_decref(trim->groups);
    evsi_free(trim->name);
    evsi_free(trim);
  }
}

/* ---- asking ----------------------------------------------------------------------------------- */

uint32_t evsi_redis_retention_args(const evs_transport *transport, const evsi_redis_trim_call *call,
                                   evsi_redis_args *args) {
  const evsi_redis_layout *layout = &transport->config.layout;
  evs_bytes name = evsi_text(call->name);
  const char *group;
  char suffix[EVSI_REDIS_NAME_MAX];
  size_t i;
  json_t *each;
  evsi_redis_arg_key(args, evsi_redis_stream_key(layout, name));
  evsi_redis_arg_key(args, evsi_redis_key(layout, EVSI_REDIS_RETENTION, name, ""));
  json_array_foreach(call->groups, i, each) {
    group = json_string_value(each);
    snprintf(suffix, sizeof suffix, ":%s", group ? group : "");
    evsi_redis_arg_key(args, evsi_redis_key(layout, "evs:meta:", name, suffix));
  }
  uint32_t keys = args->count;
  evsi_redis_arg_text(args, call->is_look ? "look" : "trim");
  evsi_redis_arg_u64(args, transport->config.retention_interval_ms);
  evsi_redis_arg_u64(args, TRIM_AT_ONCE);
  evsi_redis_arg_text(args, GROUP_LIFETIME_MS);
  evsi_redis_arg_u64(args, LOOKS_UNTIL_FOUND * (uint64_t)transport->config.discover_ms);
  evsi_redis_arg_text(args, call->limits ? call->limits : "-");
  evsi_redis_arg_text(args, transport->config.retention);
  json_array_foreach(call->groups, i, each) {
    evsi_redis_arg(args, json_string_value(each), json_string_length(each));
  }
  return keys;
}

json_t *evsi_redis_retention_groups(const evsi_redis_reply *reply) {
  if (!evsi_redis_is(evsi_redis_item(reply, 0), "GROUPS"))
    return NULL;
  json_t *groups = json_array();
  for (size_t i = 1; i < reply->count; i++) {
    evs_bytes name = evsi_redis_text(evsi_redis_item(reply, i));
    json_array_append_new(groups, json_stringn(name.data ? name.data : "", name.size));
  }
  return groups;
}

static void end(evsi_redis_trim *trim, const evsi_redis_reply *reply, const char *what) {
  char text[EVSI_REDIS_ERROR_TEXT], action[EVSI_REDIS_NAME_MAX + 64];
  evs_transport *transport = trim->transport;
  trim->is_asking = false;
  transport->trimming--;
  if (!reply || reply->type != EVSI_REDIS_ERROR)
    return;
  snprintf(action, sizeof action, "%s {%s}", what, trim->name);
  evsi_redis_error_text(reply, action, text);
  if (evsi_redis_error_classify(reply) != EVSI_REDIS_ERROR_SECURITY) {
    evsi_redis_log(transport, 2, "%s", text);
  } else if (!transport->must_not_trim) {
    transport->must_not_trim = true; /* until it connects again: a user may be given more rights */
    evsi_redis_log(transport, 1, "%s; it is left to others", text);
  }
}

/* ---- dead letters ----------------------------------------------------------------------------- */

static void prune(evsi_redis_trim *trim);

static void on_pruned(void *data, uint64_t tag, const evsi_redis_reply *reply) {
  evsi_redis_trim *trim = data;
  int64_t removed = evsi_redis_integer(evsi_redis_item(reply, 0));
  (void)tag;
  if (reply->type == EVSI_REDIS_ARRAY && removed > 0)
    evsi_redis_count(trim->transport, "trimmedDeadLetters", (uint64_t)removed);
  if (reply->type == EVSI_REDIS_ARRAY && evsi_redis_integer(evsi_redis_item(reply, 1)) == 1 &&
      !trim->transport->is_closing)
    prune(trim);
  else
    end(trim, reply, "removing old dead letters of");
}

static void prune(evsi_redis_trim *trim) {
  evs_transport *transport = trim->transport;
  const evsi_redis_layout *layout = &transport->config.layout;
  evs_bytes name = evsi_text(trim->name);
  evsi_redis_args args = {0};
  evsi_redis_arg_key(&args, evsi_redis_dlq_key(layout, name));
  evsi_redis_arg_key(&args, evsi_redis_key(layout, EVSI_REDIS_INDEX, name, ""));
  evsi_redis_arg_key(&args, evsi_redis_key(layout, EVSI_REDIS_RETENTION, name, ""));
  evsi_redis_arg_key(&args, evsi_redis_key(layout, EVSI_REDIS_NOTES, name, ""));
  evsi_redis_arg_key(&args, evsi_redis_stream_key(layout, name));
  evsi_redis_arg_u64(&args, transport->config.dlq_most);
  evsi_redis_arg_u64(&args, transport->config.dlq_longest_ms);
  evsi_redis_arg_u64(&args, PRUNE_AT_ONCE);
  if (!evsi_redis_script_call(&transport->scripts, EVSI_REDIS_PRUNE, 5, &args, on_pruned, trim, 0))
    end(trim, NULL, NULL);
}

/* ---- events ----------------------------------------------------------------------------------- */

static void ask(evsi_redis_trim *trim);

/* Told once, until it is within its limits again. */
static void warn(evsi_redis_trim *trim, const evsi_redis_reply *reply) {
  const evsi_redis_reply *why = evsi_redis_item(reply, 5);
  evs_bytes group = evsi_redis_text(evsi_redis_item(reply, 6));
  bool is_held = evsi_redis_integer(evsi_redis_item(reply, 4)) > 0 && evsi_redis_text(why).size > 0;
  if (is_held && !trim->is_warned && evsi_redis_is(why, "nobody"))
    evsi_redis_log(
        trim->transport, 2,
        "%s is beyond its limits and has no consumer group: it is not trimmed unless retention.force "
        "is set",
        trim->name);
  else if (is_held && !trim->is_warned)
    evsi_redis_log(trim->transport, 2,
                   "%s is beyond its limits and cannot be trimmed: group %.*s has %s entries there",
                   trim->name, (int)group.size, group.size ? group.data : "", evsi_redis_text(why).data);
  trim->is_warned = is_held;
}

static void on_trimmed(void *data, uint64_t tag, const evsi_redis_reply *reply) {
  evsi_redis_trim *trim = data;
  evs_transport *transport = trim->transport;
  json_t *groups = evsi_redis_retention_groups(reply);
  (void)tag;
  if (groups) {
    json_decref(trim->groups);
    trim->groups = groups;
    if (trim->tries++ < OTHER_GROUPS_MOST && !transport->is_closing)
      ask(trim);
    else
      end(trim, NULL, NULL);
    return;
  }
  if (evsi_redis_is(evsi_redis_item(reply, 0), "WAIT"))
    trim->is_touched = true; /* another process did it just now: what came since waits for the next turn */
  if (!evsi_redis_is(evsi_redis_item(reply, 0), "DONE")) {
    end(trim, reply, "trimming");
    return;
  }
  int64_t removed = evsi_redis_integer(evsi_redis_item(reply, 1));
  int64_t forced = evsi_redis_integer(evsi_redis_item(reply, 2));
  if (removed > 0)
    evsi_redis_count(transport, "trimmedMessages", (uint64_t)removed);
  if (forced > 0)
    evsi_redis_count(transport, "trimmedByForce", (uint64_t)forced);
  warn(trim, reply);
  if (evsi_redis_integer(evsi_redis_item(reply, 3)) == 1 && !transport->is_closing)
    ask(trim);
  else
    prune(trim);
}

static void ask(evsi_redis_trim *trim) {
  evs_transport *transport = trim->transport;
  evsi_redis_args args = {0};
  const evsi_redis_trim_call call = {.name = trim->name, .limits = trim->limits, .groups = trim->groups};
  uint32_t keys = evsi_redis_retention_args(transport, &call, &args);
  if (!evsi_redis_script_call(&transport->scripts, EVSI_REDIS_TRIM, keys, &args, on_trimmed, trim, 0))
    end(trim, NULL, NULL);
}

/* ---- now and then ----------------------------------------------------------------------------- */

/* What is quiet grows old, too; a few of those streams have their turn with each look, since all at once
 * would be a burst in a system that is idle. */
static void touch_some(evs_transport *transport) {
  uint64_t turn = transport->retention_looks++ % QUIET_LOOKS, at = 0;
  for (evsi_redis_group *group = transport->groups; group; group = group->hh.next) {
    for (size_t i = 0; i < group->stream_count; i++)
      find_or_add(transport, group->streams[i]->name);
  }
  for (evsi_redis_trim *trim = transport->trims; trim; trim = trim->hh.next)
    trim->is_touched = trim->is_touched || at++ % QUIET_LOOKS == turn;
}

void evsi_redis_retention_look(evs_transport *transport) {
  transport->world->env->io->timer_start(transport->retention_timer, transport->config.retention_interval_ms);
  if (!transport->command.is_up || transport->is_closing || transport->must_not_trim)
    return;
  touch_some(transport);
  for (evsi_redis_trim *trim = transport->trims; trim && transport->trimming < CALLS_AT_ONCE;
       trim = trim->hh.next) {
    if (!trim->is_touched || trim->is_asking)
      continue;
    trim->is_touched = false;
    trim->is_asking = true;
    trim->tries = 0;
    transport->trimming++;
    ask(trim);
  }
}
