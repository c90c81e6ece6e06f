/* SPDX-License-Identifier: MIT
 * redis_claim.c - taking over: entries of dead members, of consumers that never registered, and parked
 * entries that are due. A member is dead when its counter stands still for sessionTimeout on our own
 * monotonic clock; the script looks at the counter once more before it takes anything. */
#include <stdio.h>
#include <string.h>

#include "transport/redis/redis_error.h"
#include "transport/redis/redis_internal.h"

enum { AT_ONCE = 100, DUE_RETRY_MS = 1000, DUE_SLEEP_MAX_MS = 3600000, STRANGER_SESSIONS = 10 };

static bool can_take(const evsi_redis_stream *stream) {
  return stream->state == EVSI_STREAM_LIVE && !stream->group->is_leaving;
}

/* Whoever gets an ordered stream takes all of it; here a dead member is only declared dead. */
static uint32_t credits_of(const evsi_redis_stream *stream) {
  if (stream->ordering != EVS_ORDER_NONE)
    return 0;
  uint32_t credits = evsi_redis_credits(stream->group);
  return credits < AT_ONCE ? credits : AT_ONCE;
}

/* False when the script refused us or failed; then that is dealt with. */
static bool is_ok(evsi_redis_stream *stream, uint64_t generation, const evsi_redis_reply *reply,
                  const char *what) {
  if (evsi_redis_is(evsi_redis_item(reply, 0), "FENCED"))
    evsi_redis_group_fenced(stream->group, generation);
  else if (reply->type != EVSI_REDIS_ARRAY && stream->state == EVSI_STREAM_LIVE)
    evsi_redis_stream_failed(stream, reply, what);
  else if (reply->type == EVSI_REDIS_ARRAY)
    return true;
  return false;
}

/* ---- dead members ----------------------------------------------------------------------------- */

static void on_claimed(evsi_redis_stream *stream, void *context, uint64_t generation,
                       const evsi_redis_reply *reply) {
  evs_transport *transport = stream->group->transport;
  evsi_redis_member *member = NULL;
  (void)context;
  HASH_FIND_STR(stream->members, stream->claiming, member);
  stream->is_claiming = false;
  if (!is_ok(stream, generation, reply, "claiming from"))
    return;
  const evsi_redis_reply *answer = evsi_redis_item(reply, 0);
  if (evsi_redis_is(answer, "ALIVE")) {
    if (member)
      member->changed_ms = evsi_redis_now(transport);
    return;
  }
  if (member)
    member->is_alive = false;
  size_t count = evsi_redis_deliver(stream, evsi_redis_item(reply, 1), 1);
  if (count > 0) {
    evsi_redis_count(transport, "claimedMessages", count);
    evsi_redis_log(transport, 2, "member %s of group %s stopped: its entries on %s are taken over",
                   stream->claiming, stream->group->name, stream->key);
  }
  bool is_done = evsi_redis_is(answer, "DONE") || evsi_redis_is(answer, "GONE");
  if (is_done && member) {
    HASH_DEL(stream->members, member);
    evsi_free(member->info);
    evsi_free(member->name);
    evsi_free(member);
  }
  /* A page without anything new waits for the next beat: what it holds is being settled. */
  stream->must_claim = is_done || (stream->ordering == EVS_ORDER_NONE &&
                                   (count > 0 || evsi_redis_credits(stream->group) == 0));
  stream->group->must_balance = true;
  evsi_redis_work_later(transport);
}

static void claim(evsi_redis_stream *stream, const evsi_redis_member *dead) {
  evsi_redis_args args = {0};
  evsi_free(stream->claiming);
  stream->claiming = evsi_strdup(dead->name);
  if (!stream->claiming)
    return;
  evsi_redis_arg_text(&args, dead->name);
  evsi_redis_arg_u64(&args, dead->counter);
  evsi_redis_arg_u64(&args, credits_of(stream));
  stream->is_claiming = true;
  if (!evsi_redis_stream_call(stream, EVSI_REDIS_CLAIM, &args, on_claimed, NULL))
    stream->is_claiming = false;
}

void evsi_redis_claim_dead(evsi_redis_stream *stream) {
  const evs_transport *transport = stream->group->transport;
  uint64_t now = evsi_redis_now(transport);
  if (!can_take(stream) || stream->is_claiming)
    return;
  stream->must_claim = false;
  for (evsi_redis_member *member = stream->members; member; member = member->hh.next) {
    bool is_late = now - member->changed_ms >= transport->config.session_timeout_ms;
    if (evsi_redis_is_self(stream->group, member) || (member->is_alive && !is_late))
      continue;
    if (!member->is_alive && credits_of(stream) == 0 && stream->ordering == EVS_ORDER_NONE) {
      stream->must_claim = true; /* when there are credits again */
      continue;
    }
    claim(stream, member);
    return;
  }
}

/* ---- strangers -------------------------------------------------------------------------------- */

static void on_swept(evsi_redis_stream *stream, void *context, uint64_t generation,
                     const evsi_redis_reply *reply) {
  (void)context;
  if (!is_ok(stream, generation, reply, "sweeping"))
    return;
  size_t count = evsi_redis_deliver(stream, evsi_redis_item(reply, 1), 1);
  if (count > 0)
    evsi_redis_count(stream->group->transport, "claimedMessages", count);
  evsi_redis_work_later(stream->group->transport);
}

void evsi_redis_claim_strangers(evsi_redis_stream *stream, const evsi_redis_reply *strangers) {
  const evsi_redis_config *config = &stream->group->transport->config;
  uint64_t idle =
      config->stale_ms > 0 ? config->stale_ms : (uint64_t)config->session_timeout_ms * STRANGER_SESSIONS;
  for (size_t i = 0; i + 1 < strangers->count; i += 2) {
    uint32_t credits = can_take(stream) ? credits_of(stream) : 0;
    evsi_redis_args args = {0};
    if (credits == 0)
      return;
    evsi_redis_arg_bytes(&args, evsi_redis_text(evsi_redis_item(strangers, i)));
    evsi_redis_arg_u64(&args, idle);
    evsi_redis_arg_u64(&args, credits);
    evsi_redis_stream_call(stream, EVSI_REDIS_SWEEP, &args, on_swept, NULL);
  }
}

static void on_reaped(evsi_redis_stream *stream, void *context, uint64_t generation,
                      const evsi_redis_reply *reply) {
  evs_transport *transport = stream->group->transport;
  (void)context;
  if (!is_ok(stream, generation, reply, "removing stale consumers from"))
    return;
  int64_t count = evsi_redis_integer(evsi_redis_item(reply, 1));
  if (count <= 0)
    return;
  evsi_redis_count(transport, "staleConsumersRemoved", (uint64_t)count);
  evsi_redis_log(transport, 1, "%lld consumers of other libraries are gone from group %s on %s",
                 (long long)count, stream->group->name, stream->key);
}

void evsi_redis_claim_reap(evsi_redis_stream *stream) {
  const evsi_redis_config *config = &stream->group->transport->config;
  uint64_t now = evsi_redis_now(stream->group->transport);
  evsi_redis_args args = {0};
  if (config->stale_ms == 0 || now < stream->reap_ms || !can_take(stream))
    return;
  stream->reap_ms = now + config->stale_look_ms;
  evsi_redis_arg_u64(&args, config->stale_ms);
  evsi_redis_arg_u64(&args, config->stale_most);
  evsi_redis_stream_call(stream, EVSI_REDIS_REAP, &args, on_reaped, NULL);
}

/* ---- parked entries --------------------------------------------------------------------------- */

void evsi_redis_due_in(evsi_redis_stream *stream, uint64_t delay_ms) {
  evs_transport *transport = stream->group->transport;
  uint64_t now = evsi_redis_now(transport);
  uint64_t at = now + (delay_ms < DUE_SLEEP_MAX_MS ? delay_ms : DUE_SLEEP_MAX_MS);
  if (stream->due_ms == 0 || at < stream->due_ms)
    stream->due_ms = at;
  if (transport->due_ms != 0 && transport->due_ms <= at)
    return;
  transport->due_ms = at;
  transport->world->env->io->timer_start(transport->due_timer, at - now);
}

static void on_due(evsi_redis_stream *stream, void *context, uint64_t generation,
                   const evsi_redis_reply *reply) {
  (void)context;
  stream->is_taking_due = false;
  if (!is_ok(stream, generation, reply, "taking parked entries from")) {
    evsi_redis_due_in(stream, DUE_RETRY_MS);
    return;
  }
  int64_t more = evsi_redis_integer(evsi_redis_item(reply, 2));
  int64_t next = evsi_redis_integer(evsi_redis_item(reply, 3));
  evsi_redis_deliver(stream, evsi_redis_item(reply, 1), 1);
  if (more > 0 || next >= 0)
    evsi_redis_due_in(stream, more > 0 ? 0 : (uint64_t)next);
}

void evsi_redis_claim_due(evsi_redis_stream *stream) {
  if (!can_take(stream) || stream->ordering != EVS_ORDER_NONE || stream->is_taking_due ||
      stream->due_ms == 0 || evsi_redis_now(stream->group->transport) < stream->due_ms)
    return;
  uint32_t credits = credits_of(stream);
  evsi_redis_args args = {0};
  if (credits == 0)
    return; /* stays due until there are some */
  evsi_redis_arg_u64(&args, credits);
  evsi_redis_arg_text(&args, stream->must_repair_due ? "1" : "0");
  stream->must_repair_due = false;
  stream->due_ms = 0;
  stream->is_taking_due = true;
  if (!evsi_redis_stream_call(stream, EVSI_REDIS_DUE, &args, on_due, NULL))
    stream->is_taking_due = false;
}
