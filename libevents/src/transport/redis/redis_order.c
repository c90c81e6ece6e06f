/* SPDX-License-Identifier: MIT
 * redis_order.c - ordered streams: one member of a group handles one at a time, by a lease that has no time
 * limit in the server: it is given up, or lost with the heartbeat. Whoever takes it first goes through all
 * that is pending in the group, in order, and reads new entries behind that. Parked entries stay with it.
 * What waits for what is the host's business; who is to have which stream is redis_balance.c's. */
#include <stdio.h>
#include <string.h>

#include "transport/redis/redis_error.h"
#include "transport/redis/redis_internal.h"

enum { ASIDE_MOST = 10000, READY_AT_ONCE = 100, READY_AGAIN_MS = 1000 };

static const char *const order_words[] = {"", "per-key", "per-partition", "strict"};
static const char *const policy_words[] = {"skip", "block", "park-key"};

const char *evsi_redis_order_word(uint32_t ordering) {
  return ordering < sizeof order_words / sizeof order_words[0] ? order_words[ordering] : "";
}

const char *evsi_redis_policy_word(uint32_t policy) {
  return policy < sizeof policy_words / sizeof policy_words[0] ? policy_words[policy] : policy_words[0];
}

uint32_t evsi_redis_order_of(const char *word) {
  for (uint32_t i = 1; word && i < sizeof order_words / sizeof order_words[0]; i++) {
    if (strcmp(word, order_words[i]) == 0)
      return i;
  }
  return EVS_ORDER_NONE;
}

uint32_t evsi_redis_policy_of(const char *word) {
  for (uint32_t i = 1; word && i < sizeof policy_words / sizeof policy_words[0]; i++) {
    if (strcmp(word, policy_words[i]) == 0)
      return i;
  }
  return EVS_DEAD_LETTER_SKIP;
}

/* ---- what may be done ------------------------------------------------------------------------- */

/* Until when nobody else may take the stream: the others wait for a whole session since they last saw us
 * alive, which is later than when we proved it. A tenth is left for a handler to begin. */
static uint64_t until_of(const evsi_redis_stream *stream) {
  uint64_t session = stream->group->transport->config.session_timeout_ms;
  return stream->alive_ms + session - session / 10;
}

static bool is_valid(const evsi_redis_stream *stream) {
  return stream->hold == EVSI_HOLD_OWNED && !stream->is_confirming &&
         evsi_redis_now(stream->group->transport) < until_of(stream);
}

bool evsi_redis_order_may_deliver(const evsi_redis_stream *stream) {
  return stream->ordering == EVS_ORDER_NONE ? stream->is_order_known : is_valid(stream);
}

bool evsi_redis_order_may_read(const evsi_redis_stream *stream) {
  if (stream->state != EVSI_STREAM_LIVE)
    return false;
  if (stream->ordering == EVS_ORDER_NONE) /* what came before its order was known goes first */
    return !stream->is_order_asked || !stream->owed.first;
  /* What is pending comes before what is new. */
  return is_valid(stream) && !stream->owed.first && !stream->is_more_owed && stream->aside < ASIDE_MOST;
}

static void tell_host(const evsi_redis_stream *stream, uint64_t until_ms) {
  const evsi_redis_group *group = stream->group;
  evs_transport *transport = group->transport;
  const evs_tp_place place = {.struct_size = sizeof place,
                              .partition = stream->partition,
                              .group = group->token,
                              .topic = stream->topic};
  transport->ops->lease(transport->host, &place, until_ms);
}

void evsi_redis_order_owe(evsi_redis_stream *stream, const evsi_redis_reply *entries) {
  if (stream->ordering != EVS_ORDER_NONE)
    return; /* whoever has the stream finds them pending */
  for (size_t i = 0; i < entries->count; i++) {
    evsi_redis_id id;
    if (!evsi_redis_id_parse(evsi_redis_text(evsi_redis_item(evsi_redis_item(entries, i), 0)), &id) ||
        evsi_redis_flight_find(stream, id))
      continue;
    evsi_redis_flight *flight = evsi_redis_flight_add(stream, id);
    if (!flight)
      continue;
    flight->state = EVSI_FLIGHT_OWED;
    flight->deliveries = 1;
    evsi_redis_flights_push(&stream->owed, flight);
  }
  evsi_redis_order_ask(stream);
}

void evsi_redis_order_ask(evsi_redis_stream *stream) {
  if (stream->is_order_asked)
    return;
  stream->is_order_asked = true;
  evsi_redis_topics_read(stream->group->transport);
}

/* ---- losing and giving up --------------------------------------------------------------------- */

/* What no handler has is not ours to give any more; whoever takes the stream finds it pending. */
static void drop_waiting(evsi_redis_stream *stream) {
  evsi_redis_flight *flight, *next;
  HASH_ITER(hh, stream->flights, flight, next) {
    if (flight->state == EVSI_FLIGHT_OWED || flight->state == EVSI_FLIGHT_ASIDE)
      evsi_redis_flight_remove(stream, flight);
  }
  stream->owed = stream->recalled = (evsi_redis_flights){NULL, NULL};
  stream->aside = 0;
  stream->is_more_owed = false;
}

void evsi_redis_order_set(evsi_redis_stream *stream, uint32_t ordering, uint32_t on_dead_letter) {
  bool is_relaxed = stream->group->is_relaxed || stream->group->replay;
  stream->is_order_known = true;
  stream->on_dead_letter = on_dead_letter;
  if (is_relaxed || ordering == stream->ordering)
    return;
  stream->ordering = ordering;
  drop_waiting(stream); /* whoever takes it finds all of it pending */
  stream->group->must_balance = true;
  evsi_redis_reader_wake(stream->group); /* it may have to do without this stream */
  evsi_redis_beat_stream_soon(stream);
}

static bool is_idle(const evsi_redis_stream *stream) {
  return !stream->flights && !stream->is_fetching && !stream->is_asking_ready &&
         !(stream->group->is_reading && stream->is_in_read);
}

/* What a handler decided of a stream that is not ours any more: others have it. */
static void refuse_queued(evsi_redis_stream *stream) {
  evsi_redis_flight *flight;
  while ((flight = evsi_redis_flights_pop(&stream->queued)))
    evsi_redis_settle_answer(stream, flight, EVS_CONFLICT, 0, NULL);
}

void evsi_redis_order_lost(evsi_redis_stream *stream) {
  if (stream->ordering == EVS_ORDER_NONE || stream->hold == EVSI_HOLD_NONE)
    return;
  stream->hold = EVSI_HOLD_NONE;
  stream->is_confirming = false;
  drop_waiting(stream);
  refuse_queued(stream);
  stream->group->must_balance = true;
  tell_host(stream, 0);
}

void evsi_redis_order_yield(evsi_redis_stream *stream, const char *to) {
  if (stream->hold != EVSI_HOLD_OWNED)
    return;
  stream->hold = EVSI_HOLD_YIELDING;
  evsi_free(stream->heir);
  stream->heir = to ? evsi_strdup(to) : NULL;
  drop_waiting(stream);
  tell_host(stream, 0);
  if (stream->is_in_read)
    evsi_redis_reader_wake(stream->group);
  evsi_redis_work_later(stream->group->transport);
}

static void on_given(evsi_redis_stream *stream, void *context, uint64_t generation,
                     const evsi_redis_reply *reply) {
  (void)context;
  if (stream->hold != EVSI_HOLD_GIVING)
    return;
  if (evsi_redis_is(evsi_redis_item(reply, 0), "FENCED")) {
    evsi_redis_group_fenced(stream->group, generation);
    return;
  }
  stream->hold = EVSI_HOLD_NONE;
  stream->group->must_balance = true;
  if (!evsi_redis_is(evsi_redis_item(reply, 0), "OK")) {
    if (stream->state == EVSI_STREAM_LIVE)
      evsi_redis_stream_failed(stream, reply, "giving up");
    return; /* the next beat says whose it is */
  }
  evsi_free(stream->owner);
  stream->owner = NULL;
  stream->free_ms = evsi_redis_now(stream->group->transport);
  evsi_redis_members_poke_all(stream);
  evsi_redis_work_later(stream->group->transport);
}

static void give(evsi_redis_stream *stream) {
  evsi_redis_args args = {0};
  evsi_redis_arg_text(&args, "give");
  evsi_redis_arg_text(&args, stream->heir ? stream->heir : "");
  stream->hold = EVSI_HOLD_GIVING;
  if (!evsi_redis_stream_call(stream, EVSI_REDIS_LEASE, &args, on_given, NULL))
    stream->hold = EVSI_HOLD_YIELDING;
}

/* ---- taking ----------------------------------------------------------------------------------- */

static void on_woken(void *data, uint64_t client_id, const evsi_redis_reply *reply) {
  (void)data;
  (void)client_id;
  (void)reply;
}

/* A dead member's read may wait in the server, which would give it what is new. What reaches it all the same,
 * on a slow network, shows with the next beat as pending under its name. */
static void end_read(evsi_redis_stream *stream, evs_bytes reader) {
  evs_transport *transport = stream->group->transport;
  evsi_redis_args args = {0};
  if (reader.size == 0)
    return;
  evsi_redis_arg_text(&args, "CLIENT");
  evsi_redis_arg_text(&args, "UNBLOCK");
  evsi_redis_arg_bytes(&args, reader);
  evsi_redis_conn_send(&transport->command, &args, 0, on_woken, NULL, 0);
  evsi_redis_args_free(&args);
}

static void set_owner(evsi_redis_stream *stream, evs_bytes name) {
  const evs_transport *transport = stream->group->transport;
  bool had_owner = stream->owner != NULL;
  evsi_free(stream->owner);
  stream->owner = name.size > 0 ? evsi_strndup(name.data, name.size) : NULL;
  if (!stream->owner && (had_owner || stream->free_ms == 0))
    stream->free_ms = evsi_redis_now(transport);
}

static void on_taken(evsi_redis_stream *stream, void *context, uint64_t generation,
                     const evsi_redis_reply *reply) {
  evsi_redis_group *group = stream->group;
  bool was_ours = stream->is_confirming;
  (void)context;
  stream->is_confirming = false;
  if (evsi_redis_is(evsi_redis_item(reply, 0), "FENCED")) {
    stream->hold = was_ours ? stream->hold : EVSI_HOLD_NONE;
    evsi_redis_group_fenced(group, generation);
    return;
  }
  if (generation != group->generation || (stream->hold != EVSI_HOLD_ASKED && !was_ours))
    return;
  if (evsi_redis_is(evsi_redis_item(reply, 0), "HELD")) {
    set_owner(stream, evsi_redis_text(evsi_redis_item(reply, 1)));
    if (was_ours)
      evsi_redis_order_lost(stream);
    stream->hold = EVSI_HOLD_NONE;
    return;
  }
  if (!evsi_redis_is(evsi_redis_item(reply, 0), "OK")) {
    stream->hold = was_ours ? stream->hold : EVSI_HOLD_NONE;
    evsi_redis_stream_failed(stream, reply, "taking");
    return;
  }
  evs_bytes before = evsi_redis_text(evsi_redis_item(reply, 2));
  if (before.size > 0 && !evsi_bytes_equal(before, evsi_text(group->member)))
    end_read(stream, evsi_redis_text(evsi_redis_item(reply, 3)));
  set_owner(stream, evsi_text(group->member));
  stream->hold = EVSI_HOLD_OWNED;
  if (stream->state == EVSI_STREAM_LIVE)
    stream->state = EVSI_STREAM_RECOVER;
  tell_host(stream, until_of(stream));
  evsi_redis_work_later(group->transport);
}

void evsi_redis_order_take(evsi_redis_stream *stream) {
  evsi_redis_args args = {0};
  bool is_ours = stream->hold == EVSI_HOLD_OWNED;
  if (stream->is_confirming || stream->hold == EVSI_HOLD_ASKED || (!is_ours && !is_idle(stream)))
    return; /* a handler from before still has something of it */
  evsi_redis_arg_text(&args, "take");
  evsi_redis_arg_u64(&args, (uint64_t)stream->group->reader.client_id);
  stream->is_confirming = is_ours;
  stream->hold = is_ours ? EVSI_HOLD_OWNED : EVSI_HOLD_ASKED;
  if (evsi_redis_stream_call(stream, EVSI_REDIS_LEASE, &args, on_taken, NULL))
    return;
  stream->is_confirming = false;
  stream->hold = is_ours ? EVSI_HOLD_OWNED : EVSI_HOLD_NONE;
}

void evsi_redis_order_beat(evsi_redis_stream *stream, const evsi_redis_reply *answer, uint64_t sent_ms) {
  evs_bytes owner = evsi_redis_text(evsi_redis_item(answer, 9));
  int64_t others = evsi_redis_integer(evsi_redis_item(answer, 10));
  bool is_ours = evsi_bytes_equal(owner, evsi_text(stream->group->member));
  stream->alive_ms = sent_ms;
  stream->group->must_balance = true;
  if (stream->hold == EVSI_HOLD_ASKED || stream->hold == EVSI_HOLD_GIVING || stream->is_confirming)
    return; /* its own answer comes */
  set_owner(stream, owner);
  if (stream->hold == EVSI_HOLD_OWNED && !is_ours) {
    evsi_redis_order_lost(stream);
    return;
  }
  if (stream->hold != EVSI_HOLD_OWNED)
    return;
  tell_host(stream, until_of(stream));
  bool is_more = evsi_redis_integer(evsi_redis_item(answer, 2)) > (int64_t)HASH_COUNT(stream->flights);
  if (others > 0 || (is_more && !stream->is_more_owed))
    stream->needs_recovery = true; /* something went to another member after all, or got lost on its way */
  if (evsi_redis_integer(evsi_redis_item(answer, 3)) > 0)
    evsi_redis_due_in(stream, 0);
  else if (evsi_redis_integer(evsi_redis_item(answer, 4)) >= 0)
    evsi_redis_due_in(stream, (uint64_t)evsi_redis_integer(evsi_redis_item(answer, 4)));
}

/* ---- entries that stay with this member ------------------------------------------------------- */

static void set_aside(evsi_redis_stream *stream, evsi_redis_flight *flight) {
  if (stream->hold != EVSI_HOLD_OWNED) {
    evsi_redis_flight_remove(stream, flight);
    return;
  }
  flight->state = EVSI_FLIGHT_ASIDE;
  stream->aside++;
}

/* It is to be delivered again, before what was not seen yet. */
static void call_back(evsi_redis_stream *stream, evsi_redis_flight *flight) {
  flight->state = EVSI_FLIGHT_OWED;
  flight->is_asked_for = true;
  evsi_redis_flights_push(&stream->recalled, flight);
  evsi_redis_work_later(stream->group->transport);
}

static void answer(evsi_redis_stream *stream, uint64_t token) {
  const evs_tp_outcome outcome = {.struct_size = sizeof outcome, .token = token};
  evsi_redis_settled(stream->group->transport, &outcome);
}

static void hand_back(evsi_redis_stream *stream, evsi_redis_flight *flight) {
  if (stream->hold == EVSI_HOLD_OWNED)
    call_back(stream, flight);
  else
    evsi_redis_flight_remove(stream, flight);
}

bool evsi_redis_order_settle(evsi_redis_stream *stream, evsi_redis_flight *flight,
                             evs_tp_settlement *settlement) {
  uint64_t token = settlement->token;
  if (stream->hold != EVSI_HOLD_OWNED && stream->hold != EVSI_HOLD_YIELDING) {
    evsi_redis_flight_remove(stream, flight);
    const evs_tp_outcome outcome = {.struct_size = sizeof outcome, .token = token, .status = EVS_CONFLICT};
    evsi_redis_settled(stream->group->transport, &outcome);
    return true;
  }
  if (settlement->kind == EVS_SETTLE_HAND_OVER) {
    /* In order only the whole stream can go there. */
    char member[EVSI_REDIS_NAME_MAX];
    snprintf(member, sizeof member, "%.*s", (int)settlement->member.size, settlement->member.data);
    evsi_redis_order_yield(stream, member);
    settlement->kind = EVS_SETTLE_RELEASE;
  }
  if (settlement->kind == EVS_SETTLE_ASIDE) {
    bool is_wanted = flight->is_asked_for;
    set_aside(stream, flight);
    if (is_wanted && stream->hold == EVSI_HOLD_OWNED) {
      stream->aside--;
      call_back(stream, flight);
    }
  } else if (settlement->kind == EVS_SETTLE_RELEASE && settlement->state.size == 0 &&
             settlement->letter_count == 0) {
    hand_back(stream, flight);
  } else {
    return false;
  }
  answer(stream, token);
  return true;
}

bool evsi_redis_order_kept(evsi_redis_stream *stream, evsi_redis_flight *flight) {
  const evs_tp_settlement settlement = flight->settlement; /* the flight may end here */
  bool goes_on = settlement.kind == EVS_SETTLE_RELEASE;
  bool waits = settlement.kind == EVS_SETTLE_PARK || (settlement.flags & EVS_SETTLE_STAYS) != 0;
  if (!goes_on && !waits)
    return false;
  if (goes_on) {
    hand_back(stream, flight);
  } else {
    flight->must_count = true;
    set_aside(stream, flight);
    if (settlement.kind == EVS_SETTLE_PARK)
      evsi_redis_due_in(stream, settlement.delay_ms + 1);
  }
  answer(stream, settlement.token);
  return true;
}

void evsi_redis_order_recall(evs_transport *transport, const evs_tp_place *places, size_t count) {
  for (size_t i = 0; i < count; i++) {
    evsi_redis_group *group = evsi_redis_group_find(transport, places[i].group);
    evsi_redis_stream *stream =
        group ? evsi_redis_stream_find(group, places[i].topic, places[i].partition) : NULL;
    evsi_redis_id id;
    if (!stream || stream->hold != EVSI_HOLD_OWNED || !evsi_redis_id_parse(places[i].offset, &id))
      continue;
    evsi_redis_flight *flight = evsi_redis_flight_find(stream, id);
    if (!flight) {
      evsi_redis_order_yield(stream, NULL); /* somebody took it away: all begins anew */
    } else if (flight->state == EVSI_FLIGHT_ASIDE) {
      stream->aside--;
      call_back(stream, flight);
    } else {
      flight->is_asked_for = true;
    }
  }
}

/* ---- what is due ------------------------------------------------------------------------------ */

static void on_ready(evsi_redis_stream *stream, void *context, uint64_t generation,
                     const evsi_redis_reply *reply) {
  const evsi_redis_reply *found = evsi_redis_item(reply, 1);
  int64_t next = evsi_redis_integer(evsi_redis_item(reply, 2));
  (void)context;
  stream->is_asking_ready = false;
  if (evsi_redis_is(evsi_redis_item(reply, 0), "FENCED")) {
    evsi_redis_group_fenced(stream->group, generation);
    return;
  }
  if (!evsi_redis_is(evsi_redis_item(reply, 0), "OK")) {
    evsi_redis_due_in(stream, READY_AGAIN_MS);
    return;
  }
  for (size_t i = 0; i + 1 < found->count && stream->hold == EVSI_HOLD_OWNED; i += 2) {
    evsi_redis_id id;
    if (!evsi_redis_id_parse(evsi_redis_text(evsi_redis_item(found, i)), &id))
      continue;
    evsi_redis_flight *flight = evsi_redis_flight_find(stream, id);
    bool is_pending = evsi_redis_integer(evsi_redis_item(found, i + 1)) == 1;
    if (!is_pending && flight && flight->state == EVSI_FLIGHT_ASIDE) {
      evsi_redis_order_yield(stream, NULL);
    } else if (is_pending && flight && flight->state == EVSI_FLIGHT_ASIDE) {
      stream->aside--;
      flight->must_count = true;
      call_back(stream, flight);
    }
  }
  if (next >= 0)
    evsi_redis_due_in(stream, (uint64_t)next);
  evsi_redis_work_later(stream->group->transport);
}

static void ask_ready(evsi_redis_stream *stream) {
  evsi_redis_args args = {0};
  if (stream->is_asking_ready || stream->due_ms == 0 ||
      evsi_redis_now(stream->group->transport) < stream->due_ms)
    return;
  evsi_redis_arg_u64(&args, READY_AT_ONCE);
  stream->due_ms = 0;
  stream->is_asking_ready = true;
  if (!evsi_redis_stream_call(stream, EVSI_REDIS_READY, &args, on_ready, NULL))
    stream->is_asking_ready = false;
}

/* ---- in its turn ------------------------------------------------------------------------------ */

evsi_redis_flight *evsi_redis_order_next(const evsi_redis_stream *stream) {
  if (!is_valid(stream))
    return NULL;
  if (stream->recalled.first)
    return stream->recalled.first;
  return stream->aside < ASIDE_MOST ? stream->owed.first : NULL;
}

void evsi_redis_order_pump(evsi_redis_stream *stream) {
  const evsi_redis_group *group = stream->group;
  if (stream->hold != EVSI_HOLD_OWNED && stream->hold != EVSI_HOLD_YIELDING)
    refuse_queued(stream);
  if (stream->hold == EVSI_HOLD_YIELDING && is_idle(stream))
    give(stream);
  if (stream->hold == EVSI_HOLD_YIELDING && group->is_reading && stream->is_in_read)
    evsi_redis_reader_wake(stream->group);
  if (!is_valid(stream))
    return;
  ask_ready(stream);
  if (group->is_reading && !stream->is_in_read && evsi_redis_order_may_read(stream))
    evsi_redis_reader_wake(stream->group); /* so that it reads this stream, too */
}
