/* SPDX-License-Identifier: MIT
 * redis_settle.c - carries out how entries end: settlements are collected for a turn of the loop, then many
 * ids go to one script call. What is not answered is sent again: each script looks first whether the entry
 * is still ours, so repeating harms nothing. Nothing is decided here. */
#include <stdio.h>
#include <string.h>

#include "transport/redis/redis_error.h"
#include "transport/redis/redis_internal.h"

enum { ACKS_AT_ONCE = 500, OTHERS_AT_ONCE = 100, TRIMMED = 2, RELEASE_SELF_MS = 1000 };
static const evsi_retry_policy RETRY = {0, EVS_BACKOFF_EXPONENTIAL, 100, 5000, 0.2};

/* One script call; flights stay in the table until it is answered. */
typedef struct batch {
  evsi_redis_script script;
  size_t count;
  evsi_redis_flight *flights[];
} batch;

/* ---- outcomes --------------------------------------------------------------------------------- */

void evsi_redis_settle_report(evs_transport *transport) {
  evs_tp_outcome list[EVSI_REDIS_OUTCOMES];
  size_t count = transport->settled.count;
  if (count == 0)
    return;
  memcpy(list, transport->settled.list, count * sizeof list[0]);
  transport->settled.count = 0; /* the host may settle more at once */
  transport->ops->settled(transport->host, list, count);
}

void evsi_redis_settled(evs_transport *transport, const evs_tp_outcome *outcome) {
  transport->settled.list[transport->settled.count++] = *outcome;
  if (transport->settled.count == EVSI_REDIS_OUTCOMES || outcome->message.size > 0)
    evsi_redis_settle_report(transport);
  else
    evsi_redis_work_later(transport);
}

void evsi_redis_settle_answer(evsi_redis_stream *stream, evsi_redis_flight *flight, evs_status status,
                              uint32_t flags, const char *message) {
  evs_tp_outcome outcome = {.struct_size = sizeof outcome,
                            .flags = flags,
                            .token = flight->settlement.token,
                            .status = status,
                            .message = evsi_text(message)};
  bool goes_on = status == EVS_OK && flight->settlement.kind == EVS_SETTLE_KEEP;
  if (goes_on || (flags & EVS_TP_MEMBERS_MOVED))
    flight->state = EVSI_FLIGHT_HELD; /* it is decided later, or anew */
  else
    evsi_redis_flight_remove(stream, flight);
  evsi_redis_settled(stream->group->transport, &outcome);
}

void evsi_redis_settle(evs_transport *transport, const evs_tp_settlement *settlements, size_t count) {
  for (size_t i = 0; i < count; i++) {
    evs_tp_settlement given = settlements[i], *settlement = &given;
    evsi_redis_group *group = evsi_redis_group_find(transport, settlement->group);
    evsi_redis_stream *stream =
        group ? evsi_redis_stream_find(group, settlement->topic, settlement->partition) : NULL;
    evsi_redis_id id;
    evsi_redis_flight *flight =
        stream && evsi_redis_id_parse(settlement->offset, &id) ? evsi_redis_flight_find(stream, id) : NULL;
    if (!flight || flight->state != EVSI_FLIGHT_HELD) {
      evs_tp_outcome outcome = {
          .struct_size = sizeof outcome, .token = settlement->token, .status = EVS_CONFLICT};
      evsi_redis_settled(transport, &outcome);
      continue;
    }
    if (stream->ordering != EVS_ORDER_NONE && evsi_redis_order_settle(stream, flight, settlement))
      continue;
    flight->settlement = *settlement;
    flight->state = EVSI_FLIGHT_QUEUED;
    flight->is_uncertain = false;
    evsi_redis_flights_push(&stream->queued, flight);
  }
  evsi_redis_work_later(transport);
}

/* ---- answers ---------------------------------------------------------------------------------- */

static void queue_again(evsi_redis_stream *stream, batch *sent, bool is_uncertain) {
  for (size_t i = 0; i < sent->count; i++) {
    sent->flights[i]->state = EVSI_FLIGHT_QUEUED;
    sent->flights[i]->is_uncertain |= is_uncertain;
    evsi_redis_flights_push(&stream->queued, sent->flights[i]);
  }
}

static void note_failure(evsi_redis_stream *stream, batch *sent, const evsi_redis_reply *reply) {
  evs_transport *transport = stream->group->transport;
  evsi_redis_error_class error = evsi_redis_error_classify(reply);
  bool may_be_done = error == EVSI_REDIS_ERROR_CONNECTION && reply->integer == 1;
  char action[EVSI_REDIS_NAME_MAX + 128], text[EVSI_REDIS_ERROR_TEXT];
  queue_again(stream, sent, may_be_done);
  if (error == EVSI_REDIS_ERROR_CONNECTION)
    return;
  stream->settle_failures++;
  stream->settle_retry_ms =
      evsi_redis_now(transport) + evsi_backoff_delay(transport->world->env, &RETRY, stream->settle_failures);
  if (error == EVSI_REDIS_ERROR_LOST_GROUP) {
    stream->state = EVSI_STREAM_NEW;
    return;
  }
  snprintf(action, sizeof action, "settling entries of %s for group %.100s", stream->key,
           stream->group->name);
  evsi_redis_error_text(reply, action, text);
  evsi_redis_log(transport, evsi_redis_error_transient(error) ? 2 : 3, "%s; it is tried again", text);
}

static void moved(evsi_redis_stream *stream, batch *sent, const evsi_redis_reply *reply) {
  evsi_redis_members_update(stream, (uint64_t)evsi_redis_integer(evsi_redis_item(reply, 1)),
                            evsi_redis_item(reply, 2));
  for (size_t i = 0; i < sent->count; i++)
    evsi_redis_settle_answer(stream, sent->flights[i], EVS_CONFLICT, EVS_TP_MEMBERS_MOVED, NULL);
}

static void acknowledged(evsi_redis_stream *stream, batch *sent, const evsi_redis_reply *reply) {
  int64_t count = evsi_redis_integer(evsi_redis_item(reply, 1));
  size_t certain = 0;
  for (size_t i = 0; i < sent->count; i++) {
    certain += !sent->flights[i]->is_uncertain;
    evsi_redis_settle_answer(stream, sent->flights[i], EVS_OK, 0, NULL);
  }
  if (count < (int64_t)certain)
    evsi_redis_count(stream->group->transport, "staleSettlements", certain - (size_t)(count < 0 ? 0 : count));
}

/* What others have to know, or we, once it is done. */
static void follow_up(evsi_redis_stream *stream, const evsi_redis_flight *flight) {
  const evs_tp_settlement *settlement = &flight->settlement;
  if (settlement->kind == EVS_SETTLE_HAND_OVER) {
    evsi_redis_members_poke(stream, settlement->member);
  } else if (settlement->kind == EVS_SETTLE_PARK) {
    evsi_redis_due_in(stream, settlement->delay_ms + 1);
  } else if (settlement->kind == EVS_SETTLE_RELEASE) {
    evsi_redis_members_poke_all(stream);
    evsi_redis_due_in(stream, RELEASE_SELF_MS); /* the others come first */
  }
}

static void settled_one(evsi_redis_stream *stream, evsi_redis_flight *flight, int64_t outcome) {
  evsi_redis_id id = flight->id;
  uint32_t deliveries = flight->deliveries;
  if (outcome == 1 && stream->ordering != EVS_ORDER_NONE && evsi_redis_order_kept(stream, flight))
    return;
  if (outcome == 1)
    follow_up(stream, flight);
  bool is_done = outcome != 0 || (flight->is_uncertain && flight->settlement.kind != EVS_SETTLE_KEEP);
  evsi_redis_settle_answer(stream, flight, is_done ? EVS_OK : EVS_CONFLICT, 0, NULL);
  if (outcome != TRIMMED)
    return;
  /* It lost its body while it was handled: it comes back as what it is now. */
  evsi_redis_flight *again = evsi_redis_flight_add(stream, id);
  if (!again)
    return;
  again->deliveries = deliveries;
  again->state = EVSI_FLIGHT_OWED;
  evsi_redis_flights_push(&stream->owed, again);
}

static void on_settled(evsi_redis_stream *stream, void *context, uint64_t generation,
                       const evsi_redis_reply *reply) {
  batch *sent = context;
  const evsi_redis_reply *first = evsi_redis_item(reply, 0);
  evsi_redis_retention_touch(stream->group->transport, stream->name);
  if (reply->type != EVSI_REDIS_ARRAY || reply->count == 0) {
    note_failure(stream, sent, reply);
  } else if (evsi_redis_is(first, "FENCED")) {
    queue_again(stream, sent, false); /* decided by what is found pending under the new name */
    evsi_redis_group_fenced(stream->group, generation);
  } else if (evsi_redis_is(first, "MOVED")) {
    moved(stream, sent, reply);
  } else {
    stream->settle_failures = 0;
    if (sent->script == EVSI_REDIS_ACK)
      acknowledged(stream, sent, reply);
    for (size_t i = 0; sent->script != EVSI_REDIS_ACK && i < sent->count; i++)
      settled_one(stream, sent->flights[i], evsi_redis_integer(evsi_redis_item(reply, i)));
  }
  evsi_free(sent);
  evsi_redis_work_later(stream->group->transport);
}

/* ---- sending ---------------------------------------------------------------------------------- */

static evsi_redis_script script_of(const evsi_redis_stream *stream, const evs_tp_settlement *settlement) {
  if (settlement->letter_count > 0)
    return EVSI_REDIS_BUNDLE;
  switch (settlement->kind) {
  case EVS_SETTLE_PARK:
  case EVS_SETTLE_RELEASE:
    return EVSI_REDIS_PARK;
  case EVS_SETTLE_DEAD_LETTER:
    return EVSI_REDIS_DEAD;
  case EVS_SETTLE_HAND_OVER:
    return EVSI_REDIS_HAND;
  case EVS_SETTLE_KEEP:
    return EVSI_REDIS_KEEP;
  default:
    return stream->group->transport->config.fences_entries ? EVSI_REDIS_OWNED : EVSI_REDIS_ACK;
  }
}

static bool go_together(const evsi_redis_stream *stream, const evs_tp_settlement *a,
                        const evs_tp_settlement *b) {
  uint32_t checks = a->flags & EVS_SETTLE_CHECK_MEMBERS;
  return script_of(stream, a) == script_of(stream, b) && checks == (b->flags & EVS_SETTLE_CHECK_MEMBERS) &&
         (!checks || a->members_version == b->members_version);
}

/* Takes from the queue what can go with its head. */
static batch *collect(evsi_redis_stream *stream) {
  evs_tp_settlement first = stream->queued.first->settlement;
  evsi_redis_script script = script_of(stream, &first);
  /* One entry may bring thousands of letters. */
  size_t most = script == EVSI_REDIS_ACK ? ACKS_AT_ONCE : script == EVSI_REDIS_BUNDLE ? 1 : OTHERS_AT_ONCE;
  batch *made = evsi_alloc(sizeof *made + most * sizeof made->flights[0]);
  evsi_redis_flights rest = {NULL, NULL};
  evsi_redis_flight *flight;
  if (!made)
    return NULL;
  made->script = script;
  made->count = 0;
  while (made->count < most && (flight = evsi_redis_flights_pop(&stream->queued))) {
    if (go_together(stream, &first, &flight->settlement)) {
      flight->state = EVSI_FLIGHT_SENT;
      made->flights[made->count++] = flight;
    } else {
      evsi_redis_flights_push(&rest, flight);
    }
  }
  if (rest.last) {
    rest.last->next = stream->queued.first;
    stream->queued.first = rest.first;
    stream->queued.last = stream->queued.last ? stream->queued.last : rest.last;
  }
  return made;
}

static void put_id(evsi_redis_args *args, const evsi_redis_flight *flight) {
  char text[EVSI_REDIS_ID_TEXT];
  evsi_redis_arg_bytes(args, evsi_redis_id_text(flight->id, text));
}

/* Ids with kept state first: their number says how many of them to forget. */
static void put_acks(const batch *made, evsi_redis_args *args) {
  uint64_t kept = 0;
  for (size_t i = 0; i < made->count; i++)
    kept += (made->flights[i]->settlement.flags & EVS_SETTLE_HAS_STATE) != 0;
  evsi_redis_arg_u64(args, kept);
  for (int has_state = 1; has_state >= 0; has_state--) {
    for (size_t i = 0; i < made->count; i++) {
      bool has = (made->flights[i]->settlement.flags & EVS_SETTLE_HAS_STATE) != 0;
      if (has == (has_state == 1))
        put_id(args, made->flights[i]);
    }
  }
}

/* How park.lua and bundle.lua park: delay, delivery count to set, state. */
static void put_parking(const evsi_redis_flight *flight, evsi_redis_args *args) {
  const evs_tp_settlement *settlement = &flight->settlement;
  if (settlement->kind == EVS_SETTLE_RELEASE) {
    evsi_redis_arg_text(args, "-1");
    /* Whoever gets it next counts this delivery again: handing back is not counted. */
    evsi_redis_arg_u64(args, flight->deliveries > 0 ? flight->deliveries - 1 : 0);
  } else {
    evsi_redis_arg_u64(args, settlement->delay_ms);
    evsi_redis_arg_text(args, "-1");
  }
  evsi_redis_arg_bytes(args, settlement->state);
}

static void put_bundle(const evsi_redis_flight *flight, evsi_redis_args *args) {
  const evs_tp_settlement *settlement = &flight->settlement;
  evsi_redis_arg_text(args, settlement->kind == EVS_SETTLE_ACK         ? "ack"
                            : settlement->kind == EVS_SETTLE_HAND_OVER ? "hand"
                                                                       : "park");
  put_parking(flight, args);
  evsi_redis_arg_bytes(args, settlement->member);
  for (uint64_t i = 0; i < settlement->letter_count; i++) {
    evsi_redis_arg_bytes(args, settlement->letters[i].data);
    evsi_redis_arg_bytes(args, settlement->letters[i].record);
  }
}

static void put_other(const batch *made, const evsi_redis_flight *flight, evsi_redis_args *args) {
  const evs_tp_settlement *settlement = &flight->settlement;
  put_id(args, flight);
  if (made->script == EVSI_REDIS_DEAD) {
    evsi_redis_arg_bytes(args, settlement->record);
    evsi_redis_arg_bytes(args,
                         settlement->flags & EVS_SETTLE_STAYS ? settlement->state : evsi_bytes(NULL, 0));
  } else if (made->script == EVSI_REDIS_KEEP) {
    evsi_redis_arg_bytes(args, settlement->state);
  } else if (made->script == EVSI_REDIS_HAND) {
    evsi_redis_arg_bytes(args, settlement->member);
    evsi_redis_arg_bytes(args, settlement->state);
  } else if (made->script == EVSI_REDIS_BUNDLE) {
    put_bundle(flight, args);
  } else if (made->script == EVSI_REDIS_PARK) {
    put_parking(flight, args);
  }
}

void evsi_redis_settle_flush(evsi_redis_stream *stream) {
  if (evsi_redis_now(stream->group->transport) < stream->settle_retry_ms)
    return;
  while (stream->queued.first && stream->state == EVSI_STREAM_LIVE) {
    evsi_redis_args args = {0};
    batch *made = collect(stream);
    if (!made)
      return;
    const evs_tp_settlement *first = &made->flights[0]->settlement;
    if (first->flags & EVS_SETTLE_CHECK_MEMBERS)
      evsi_redis_arg_u64(&args, first->members_version);
    else
      evsi_redis_arg_text(&args, "");
    if (made->script == EVSI_REDIS_ACK)
      put_acks(made, &args);
    for (size_t i = 0; made->script != EVSI_REDIS_ACK && i < made->count; i++)
      put_other(made, made->flights[i], &args);
    if (evsi_redis_stream_call(stream, made->script, &args, on_settled, made))
      continue;
    queue_again(stream, made, false);
    evsi_free(made);
    return;
  }
}
