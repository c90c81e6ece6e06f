/* SPDX-License-Identifier: MIT
 * redis_heartbeat.c - a script call every third of sessionTimeout for all streams of all groups: proves that
 * we live, and brings what others did: counters, membership, parked entries, entries given to us. Of many
 * streams some go into one call, so that the server comes to others in between; a stream with news of its own
 * has a beat for itself. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "transport/redis/redis_error.h"
#include "transport/redis/redis_internal.h"

enum { BEATS_PER_SESSION = 3, SOON_MS = 20, REPLAY_BEAT_MS = 500, STREAMS_AT_ONCE = 100 };

/* Which streams a beat was for. */
typedef struct beat {
  evs_transport *transport;
  size_t count;
  struct {
    uint64_t token;
    size_t index;
    uint64_t generation;
  } streams[STREAMS_AT_ONCE];
} beat;

static void read_beat(evsi_redis_stream *stream, const evsi_redis_reply *answer, uint64_t sent_ms) {
  uint64_t version = (uint64_t)evsi_redis_integer(evsi_redis_item(answer, 1));
  int64_t own = evsi_redis_integer(evsi_redis_item(answer, 2));
  int64_t due = evsi_redis_integer(evsi_redis_item(answer, 3));
  int64_t next = evsi_redis_integer(evsi_redis_item(answer, 4));
  const evsi_redis_reply *fields = evsi_redis_item(answer, 8);
  if (fields->type == EVSI_REDIS_ARRAY)
    evsi_redis_members_update(stream, version, fields);
  evsi_redis_members_beat(stream, evsi_redis_item(answer, 6));
  if (stream->ordering != EVS_ORDER_NONE) {
    evsi_redis_order_beat(stream, answer, sent_ms);
    evsi_redis_claim_dead(stream);
    return;
  }
  /* More than we know of: given to us by another member, or lost on the way with a connection. */
  if (own > (int64_t)HASH_COUNT(stream->flights) && !stream->is_more_owed)
    stream->needs_recovery = true;
  if (evsi_redis_integer(evsi_redis_item(answer, 5)) == 1)
    stream->must_repair_due = true;
  if (due > 0 || stream->must_repair_due)
    evsi_redis_due_in(stream, 0);
  else if (next >= 0)
    evsi_redis_due_in(stream, (uint64_t)next);
  evsi_redis_claim_dead(stream);
  evsi_redis_claim_strangers(stream, evsi_redis_item(answer, 7));
  evsi_redis_claim_reap(stream);
}

static void read_answer(evsi_redis_stream *stream, uint64_t generation, const evsi_redis_reply *answer) {
  const evsi_redis_reply *word = evsi_redis_item(answer, 0);
  evs_bytes text = evsi_redis_text(evsi_redis_item(answer, 1));
  if (stream->state != EVSI_STREAM_LIVE)
    return;
  if (evsi_redis_is(word, "FENCED"))
    evsi_redis_group_fenced(stream->group, generation);
  else if (evsi_redis_is(word, "NOGROUP"))
    stream->state = EVSI_STREAM_NEW;
  else if (evsi_redis_is(word, "ERROR"))
    evsi_redis_log(stream->group->transport, 2, "heartbeat on %s failed: %.*s", stream->key, (int)text.size,
                   text.size ? text.data : "");
  else if (evsi_redis_is(word, "OK") && generation == stream->group->generation)
    read_beat(stream, answer, stream->group->transport->beat_sent_ms);
}

static void beat_after_last(evs_transport *transport) {
  uint64_t since = evsi_redis_now(transport) - transport->beat_sent_ms;
  transport->world->env->io->timer_start(transport->beat_timer, since < SOON_MS ? SOON_MS - since : 0);
}

static void on_beat(void *data, uint64_t tag, const evsi_redis_reply *reply) {
  beat *sent = data;
  evs_transport *transport = sent->transport;
  char text[EVSI_REDIS_ERROR_TEXT];
  (void)tag;
  transport->beats_open--;
  if (reply->type == EVSI_REDIS_ERROR) {
    evsi_redis_error_text(reply, "the heartbeat", text);
    evsi_redis_log(transport, 2, "%s", text);
  }
  for (size_t i = 0; i < sent->count; i++) {
    evsi_redis_group *group = evsi_redis_group_find(transport, sent->streams[i].token);
    if (group && sent->streams[i].index < group->stream_count)
      read_answer(group->streams[sent->streams[i].index], sent->streams[i].generation,
                  evsi_redis_item(reply, i));
  }
  evsi_free(sent);
  if (transport->beats_open == 0 && transport->beat_due != EVSI_BEAT_NONE)
    beat_after_last(transport);
  evsi_redis_work_later(transport);
}

static void put_keys(const beat *sent, evsi_redis_args *args) {
  for (size_t i = 0; i < sent->count; i++) {
    evsi_redis_group *group = evsi_redis_group_find(sent->transport, sent->streams[i].token);
    const evsi_redis_stream *stream = group->streams[sent->streams[i].index];
    evsi_redis_arg_text(args, stream->key);
    evsi_redis_arg_text(args, stream->hb);
    evsi_redis_arg_text(args, stream->meta);
    evsi_redis_arg_text(args, stream->due);
    evsi_redis_arg_text(args, stream->lease);
  }
}

static void put_selves(const beat *sent, evsi_redis_args *args) {
  for (size_t i = 0; i < sent->count; i++) {
    evsi_redis_group *group = evsi_redis_group_find(sent->transport, sent->streams[i].token);
    evsi_redis_arg_text(args, group->name);
    evsi_redis_arg_text(args, group->member);
    evsi_redis_arg_text(args, group->epoch);
    const evsi_redis_stream *stream = group->streams[sent->streams[i].index];
    evsi_redis_arg_u64(args, stream->version);
    evsi_redis_arg_text(args, stream->ordering == EVS_ORDER_NONE ? "" : "1");
  }
}

static void send_beat(beat *sent) {
  evs_transport *transport = sent->transport;
  evsi_redis_args args = {0};
  put_keys(sent, &args);
  uint32_t keys = args.count;
  put_selves(sent, &args);
  transport->beats_open++;
  if (evsi_redis_script_call(&transport->scripts, EVSI_REDIS_HEARTBEAT, keys, &args, on_beat, sent, 0))
    return;
  transport->beats_open--;
  evsi_free(sent);
}

/* Into the beat at hand, or a new one. False: no memory. */
static bool add_stream(evs_transport *transport, beat **at_hand, evsi_redis_group *group, size_t index) {
  if (*at_hand && (*at_hand)->count == STREAMS_AT_ONCE) {
    send_beat(*at_hand);
    *at_hand = NULL;
  }
  if (!*at_hand && !(*at_hand = evsi_calloc(1, sizeof **at_hand)))
    return false;
  beat *into = *at_hand;
  into->transport = transport;
  into->streams[into->count].token = group->token;
  into->streams[into->count].index = index;
  into->streams[into->count++].generation = group->generation;
  return true;
}

static void beat_for(evs_transport *transport, bool all) {
  beat *at_hand = NULL;
  for (evsi_redis_group *group = transport->groups; group; group = group->hh.next) {
    for (size_t i = 0; i < group->stream_count; i++) {
      evsi_redis_stream *stream = group->streams[i];
      bool is_meant = all || stream->is_beat_due;
      stream->is_beat_due = false;
      if (is_meant && stream->state == EVSI_STREAM_LIVE && !add_stream(transport, &at_hand, group, i))
        return;
    }
  }
  if (at_hand)
    send_beat(at_hand);
}

/* Pausing and aborting a replay must be seen within a second. */
static uint32_t interval_of(const evs_transport *transport) {
  uint32_t third = transport->config.session_timeout_ms / BEATS_PER_SESSION;
  for (evsi_redis_group *group = transport->groups; group; group = group->hh.next) {
    if (group->replay && third > REPLAY_BEAT_MS)
      return REPLAY_BEAT_MS;
  }
  return third;
}

void evsi_redis_beat(evs_transport *transport) {
  uint64_t now = evsi_redis_now(transport), next = now + interval_of(transport);
  if (now >= transport->beat_all_ms)
    transport->beat_due = EVSI_BEAT_ALL;
  if (transport->beat_due == EVSI_BEAT_ALL || next < transport->beat_all_ms)
    transport->beat_all_ms = next;
  transport->world->env->io->timer_start(transport->beat_timer, transport->beat_all_ms - now);
  evsi_redis_pause_ask(transport); /* before the beat, whose answer may bring entries */
  if (!transport->command.is_up || transport->beats_open > 0)
    return; /* what is due stays so */
  bool all = transport->beat_due == EVSI_BEAT_ALL;
  transport->beat_due = EVSI_BEAT_NONE;
  transport->beat_sent_ms = now;
  beat_for(transport, all);
}

static void beat_soon(evs_transport *transport, evsi_beat_due due) {
  if (transport->beat_due < due)
    transport->beat_due = due;
  if (transport->beats_open == 0) /* else those on their way may have been answered too early */
    beat_after_last(transport);
}

void evsi_redis_beat_soon(evs_transport *transport) {
  beat_soon(transport, EVSI_BEAT_ALL);
}

void evsi_redis_beat_stream_soon(evsi_redis_stream *stream) {
  stream->is_beat_due = true;
  beat_soon(stream->group->transport, EVSI_BEAT_SOME);
}
