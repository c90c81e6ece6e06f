/* SPDX-License-Identifier: MIT
 * redis_group.c - the life of a group in this process: joins, changes, goes on after losses, leaves. What is
 * done when is decided in one place, evsi_redis_group_pump(), from the state alone. */
#include <stdio.h>
#include <string.h>

#include "transport/redis/redis_internal.h"

/* ---- finding and making ----------------------------------------------------------------------- */

evsi_redis_group *evsi_redis_group_find(evs_transport *transport, uint64_t token) {
  evsi_redis_group *group = NULL;
  HASH_FIND(hh, transport->groups, &token, sizeof token, group);
  return group;
}

void evsi_redis_group_free(evsi_redis_group *group) {
  evsi_redis_conn_stop(&group->reader);
  evsi_redis_conn_free(&group->reader);
  HASH_CLEAR(hh, group->by_name);
  for (size_t i = 0; i < group->stream_count; i++)
    evsi_redis_stream_free(group->streams[i]);
  group->transport->world->env->io->timer_free(group->timer);
  evsi_scope_topics_free(&group->topics);
  evsi_scope_partitions_free(&group->partitions);
  evsi_free(group->streams);
  evsi_free(group->read_set);
  evsi_free(group->answered);
  evsi_free(group->name);
  evsi_free(group->consumer);
  evsi_free(group->replay);
  evsi_free(group->subscriptions);
  evsi_free(group->member);
  evsi_free(group);
}

static void on_timer(void *data) {
  evsi_redis_group *group = data;
  group->timer_ms = 0;
  evsi_redis_group_pump(group);
}

/* A name that nobody had before, so that a process that wakes up late is never taken for its successor. */
static bool incarnate(evsi_redis_group *group) {
  unsigned char random[8];
  char text[17];
  evsi_buf name = {0};
  if (!group->transport->world->env->random(random, sizeof random))
    return false;
  for (size_t i = 0; i < sizeof random; i++)
    snprintf(text + 2 * i, 3, "%02x", random[i]);
  evsi_buf_addf(&name, "%s#%s", group->consumer, text);
  char *member = evsi_buf_take(&name);
  if (!member)
    return false;
  evsi_free(group->member);
  group->member = member;
  memcpy(group->epoch, text, sizeof text);
  group->generation++;
  return true;
}

static evsi_redis_group *group_new(evs_transport *transport, const evs_tp_group *spec) {
  evsi_redis_group *group = evsi_calloc(1, sizeof *group);
  if (!group)
    return NULL;
  group->transport = transport;
  group->token = spec->group;
  group->name = evsi_strndup(spec->name.data, spec->name.size);
  group->consumer = evsi_strndup(spec->consumer.data, spec->consumer.size);
  group->replay = spec->replay.size > 0 ? evsi_strndup(spec->replay.data, spec->replay.size) : NULL;
  group->timer = transport->world->env->io->timer_new(transport->world->loop, on_timer, group);
  evs_status status =
      evsi_redis_conn_init(&group->reader, transport->net, "reader", &evsi_redis_reader_events, group);
  if (group->name && group->consumer && (group->replay || spec->replay.size == 0) && group->timer &&
      status == EVS_OK && incarnate(group)) {
    HASH_ADD(hh, transport->groups, token, sizeof group->token, group);
    if (group->hh.tbl)
      return group;
  }
  evsi_redis_group_free(group);
  return NULL;
}

/* The server is told the last entry that a group has behind it. Digits alone are a time. */
static void set_start(evsi_redis_group *group, evs_bytes from) {
  evsi_redis_id id;
  char text[EVSI_REDIS_ID_TEXT];
  snprintf(text, sizeof text, "%.*s%s", (int)from.size, from.size ? from.data : "",
           from.size && !memchr(from.data, '-', from.size) ? "-0" : "");
  group->start[0] = '\0';
  if (evsi_redis_id_parse(evsi_text(text), &id))
    evsi_redis_id_text(evsi_redis_id_before(id), group->start);
}

void evsi_redis_group_join(evs_transport *transport, const evs_tp_group *spec) {
  evsi_redis_group *group = evsi_redis_group_find(transport, spec->group);
  if (transport->is_closing || (group && group->is_leaving))
    return;
  bool is_known = group != NULL;
  if (!is_known)
    group = group_new(transport, spec);
  char *subscriptions = evsi_strndup(spec->subscriptions.data, spec->subscriptions.size);
  if (!group || !subscriptions || !evsi_scope_topics_set(&group->topics, spec) ||
      !evsi_scope_partitions_set(&group->partitions, spec)) {
    evsi_free(subscriptions);
    transport->ops->again(transport->host, spec->group);
    return;
  }
  bool is_changed = is_known && group->subscriptions && strcmp(subscriptions, group->subscriptions) != 0;
  evsi_free(group->subscriptions);
  group->subscriptions = subscriptions;
  group->discover = spec->discover != 0;
  group->from_new = spec->from_new != 0;
  group->is_relaxed = spec->is_relaxed != 0;
  set_start(group, spec->from);
  group->is_joined_told = false;
  group->is_registry_seen = false;
  if (is_changed)
    evsi_redis_group_resync(group); /* the other members learn the new subscriptions */
  evsi_redis_conn_start(&group->reader);
  evsi_redis_pause_ask(transport);
  evsi_redis_topics_read(transport);
  transport->scan_ms = group->discover ? evsi_redis_now(transport) : transport->scan_ms;
  evsi_redis_work_later(transport);
}

void evsi_redis_group_leave(evs_transport *transport, uint64_t token) {
  evsi_redis_group *group = evsi_redis_group_find(transport, token);
  if (!group) {
    transport->ops->left(transport->host, token);
    return;
  }
  group->is_leaving = true;
  group->was_asked_to_leave = true;
  evsi_redis_reader_wake(group);
  evsi_redis_work_later(transport);
}

/* ---- after losses ----------------------------------------------------------------------------- */

void evsi_redis_group_resync(evsi_redis_group *group) {
  for (size_t i = 0; i < group->stream_count; i++) {
    evsi_redis_stream *stream = group->streams[i];
    if (stream->state == EVSI_STREAM_LEFT)
      continue;
    stream->state = EVSI_STREAM_NEW;
    evsi_redis_members_rewatch(stream);
  }
}

static void begin_anew(evsi_redis_stream *stream, const char *old) {
  evsi_redis_order_lost(stream);
  if (!stream->is_fresh && !stream->former)
    stream->former = evsi_strdup(old);
  stream->is_fresh = true;
  stream->state = EVSI_STREAM_NEW;
}

void evsi_redis_group_fenced(evsi_redis_group *group, uint64_t generation) {
  char *old = group->member;
  if (generation != group->generation)
    return; /* the refusal of an incarnation that is gone already */
  group->member = NULL;
  bool is_new = incarnate(group);
  if (!is_new)
    group->member = old;
  for (size_t i = 0; i < group->stream_count; i++) {
    evsi_redis_stream *stream = group->streams[i];
    if (stream->state == EVSI_STREAM_LEFT)
      continue;
    if (is_new)
      begin_anew(stream, old);
    else
      evsi_redis_stream_again(stream); /* it asks under the old name, and is refused once more */
  }
  if (!is_new)
    return;
  evsi_redis_log(
      group->transport, 2,
      "group %s does not know member %s any more (taken for dead, or lost by the server): it goes on as %s",
      group->name, old, group->member);
  evsi_free(old);
  evsi_redis_reader_wake(group); /* it reads under the old name */
  evsi_redis_work_later(group->transport);
}

void evsi_redis_group_retry_at(evsi_redis_group *group, uint64_t at_ms) {
  uint64_t now = evsi_redis_now(group->transport);
  if (group->timer_ms != 0 && group->timer_ms <= at_ms)
    return; /* what is due later asks again when the timer has fired */
  group->timer_ms = at_ms;
  group->transport->world->env->io->timer_start(group->timer, at_ms > now ? at_ms - now : 0);
}

/* ---- what can be done now --------------------------------------------------------------------- */

bool evsi_redis_group_holds_any(const evsi_redis_group *group, evsi_redis_flight_state from) {
  for (size_t i = 0; i < group->stream_count; i++) {
    for (evsi_redis_flight *flight = group->streams[i]->flights; flight; flight = flight->hh.next) {
      if (flight->state >= (int)from)
        return true;
    }
  }
  return false;
}

/* Leaves once everything is settled; closing hands back what is held. True when the group is gone. */
static bool pump_leaving(evsi_redis_group *group) {
  evs_transport *transport = group->transport;
  bool is_left = true;
  if (group->is_reading || group->calls > 0 ||
      evsi_redis_group_holds_any(group, transport->is_closing ? EVSI_FLIGHT_QUEUED : EVSI_FLIGHT_HELD))
    return false;
  for (size_t i = 0; i < group->stream_count; i++) {
    evsi_redis_stream *stream = group->streams[i];
    if (stream->state != EVSI_STREAM_LEFT && stream->state != EVSI_STREAM_LEAVING &&
        evsi_redis_now(transport) >= stream->retry_ms)
      evsi_redis_stream_leave(stream);
    is_left = is_left && stream->state == EVSI_STREAM_LEFT;
  }
  if (!is_left)
    return false;
  uint64_t token = group->token;
  bool was_asked = group->was_asked_to_leave;
  HASH_DEL(transport->groups, group);
  evsi_redis_group_free(group);
  if (was_asked)
    transport->ops->left(transport->host, token);
  evsi_redis_group_gone(transport);
  return true;
}

static uint64_t sooner(uint64_t a, uint64_t b) {
  return a == 0 || (b != 0 && b < a) ? b : a;
}

/* Gives the time when this stream wants to be looked at again, 0: when something happens. */
static uint64_t pump_stream(evsi_redis_stream *stream, uint64_t now) {
  evsi_redis_group *group = stream->group;
  if (stream->state == EVSI_STREAM_NEW && group->reader.is_up) {
    if (now < stream->retry_ms)
      return stream->retry_ms;
    evsi_redis_stream_join(stream);
  }
  if (stream->state == EVSI_STREAM_LIVE && stream->needs_recovery)
    stream->state = EVSI_STREAM_RECOVER;
  if (stream->state == EVSI_STREAM_RECOVER && group->is_reading)
    evsi_redis_reader_wake(group);
  else if (stream->state == EVSI_STREAM_RECOVER)
    evsi_redis_stream_recover(stream);
  if (stream->state != EVSI_STREAM_LIVE)
    return 0;
  if (stream->ordering != EVS_ORDER_NONE)
    evsi_redis_order_pump(stream);
  evsi_redis_settle_flush(stream);
  if (!group->is_leaving) {
    evsi_redis_stream_fetch(stream);
    evsi_redis_claim_due(stream);
    if (stream->must_claim)
      evsi_redis_claim_dead(stream);
  }
  return stream->queued.first ? stream->settle_retry_ms : 0;
}

void evsi_redis_group_pump(evsi_redis_group *group) {
  evs_transport *transport = group->transport;
  uint64_t now = evsi_redis_now(transport), again = 0;
  bool is_ready = !evsi_redis_topics_awaited(group);
  if (!transport->command.is_up || (group->is_leaving && pump_leaving(group)))
    return;
  bool is_leaving_now = false;
  for (size_t i = 0; i < group->stream_count; i++) {
    evsi_redis_stream *stream = group->streams[i];
    is_leaving_now =
        is_leaving_now || stream->state == EVSI_STREAM_LEAVING || stream->state == EVSI_STREAM_LEFT;
  }
  for (size_t i = 0; i < group->stream_count && !is_leaving_now; i++) {
    evsi_redis_stream *stream = group->streams[i];
    again = sooner(again, pump_stream(stream, now));
    is_ready = is_ready && (stream->state == EVSI_STREAM_LIVE || stream->is_broken);
  }
  evsi_redis_balance(group);
  if (is_ready && !group->is_joined_told && !group->is_leaving) {
    group->is_joined_told = true;
    transport->ops->joined(transport->host, group->token);
  }
  if (group->must_wake)
    evsi_redis_reader_wake(group);
  if (!group->is_leaving)
    evsi_redis_reader_pump(group);
  if (!group->is_reading)
    again = sooner(again, group->read_retry_ms > now ? group->read_retry_ms : 0);
  again = sooner(again, group->short_ms > now ? group->short_ms : 0);
  if (again > now)
    evsi_redis_group_retry_at(group, again);
}
