/* SPDX-License-Identifier: MIT
 * redis_recover.c - compares what is pending under our name with what we hold, after anything that may have
 * made the two differ: entries that we do not know are fetched, those that are not ours any more are given
 * up. Only while no read is on its way, else its entries would look unknown. */
#include <stdio.h>

#include "transport/redis/redis_error.h"
#include "transport/redis/redis_internal.h"

/* OWED_MOST: others may give us any number, and each that we know of costs memory. */
enum { PAGE = 1000, FETCH_AT_ONCE = 100, OWED_MOST = 10000 };

static void see(evsi_redis_stream *stream, const evsi_redis_reply *found) {
  for (size_t i = 0; i + 2 < found->count; i += 3) {
    evsi_redis_id id;
    if (!evsi_redis_id_parse(evsi_redis_text(evsi_redis_item(found, i)), &id))
      continue;
    evsi_redis_flight *flight = evsi_redis_flight_find(stream, id);
    if (!flight && stream->owed_known >= OWED_MOST) {
      stream->is_more_owed = true;
      continue;
    }
    if (!flight) {
      flight = evsi_redis_flight_add(stream, id);
      if (!flight)
        continue;
      flight->state = EVSI_FLIGHT_OWED;
      stream->owed_known++;
      flight->deliveries = (uint32_t)evsi_redis_integer(evsi_redis_item(found, i + 1));
      flight->must_count = evsi_redis_integer(evsi_redis_item(found, i + 2)) == 1;
      evsi_redis_flights_push(&stream->owed, flight);
    }
    flight->is_seen = true;
    flight->generation = stream->group->generation;
  }
}

/* Nobody can have taken it from this incarnation: somebody deleted its consumer, and with it the list.
 * Scripts give it its place again. */
static bool is_still_ours(const evsi_redis_stream *stream, const evsi_redis_flight *flight) {
  return flight->generation == stream->group->generation && !flight->is_uncertain;
}

static void give_up_unseen(evsi_redis_stream *stream) {
  bool is_missed = false;
  evsi_redis_flight *flight, *next;
  HASH_ITER(hh, stream->flights, flight, next) {
    if (flight->is_seen || flight->state == EVSI_FLIGHT_SENT || is_still_ours(stream, flight))
      continue;
    if (flight->state == EVSI_FLIGHT_QUEUED) {
      evsi_redis_flights_drop(&stream->queued, flight);
      /* Gone after a settlement without an answer: that settlement was carried out. */
      bool is_done = flight->is_uncertain && flight->settlement.kind != EVS_SETTLE_KEEP;
      evsi_redis_settle_answer(stream, flight, is_done ? EVS_OK : EVS_CONFLICT, 0, NULL);
      continue;
    }
    if (flight->state == EVSI_FLIGHT_OWED)
      evsi_redis_flights_drop(flight->is_asked_for ? &stream->recalled : &stream->owed, flight);
    is_missed = is_missed || flight->state == EVSI_FLIGHT_ASIDE || flight->is_asked_for;
    stream->aside -= flight->state == EVSI_FLIGHT_ASIDE;
    evsi_redis_flight_remove(stream, flight);
  }
  if (is_missed)
    evsi_redis_order_yield(stream, NULL); /* the host waits for it: all begins anew */
}

static void ask(evsi_redis_stream *stream, const char *start);

static void on_page(evsi_redis_stream *stream, void *context, uint64_t generation,
                    const evsi_redis_reply *reply) {
  (void)context;
  if (stream->state != EVSI_STREAM_RECOVERING)
    return;
  if (evsi_redis_is(evsi_redis_item(reply, 0), "FENCED")) {
    evsi_redis_group_fenced(stream->group, generation);
    return;
  }
  if (!evsi_redis_is(evsi_redis_item(reply, 0), "OK")) {
    evsi_redis_stream_failed(stream, reply, "recovering");
    return;
  }
  evs_bytes last = evsi_redis_text(evsi_redis_item(reply, 2));
  see(stream, evsi_redis_item(reply, 1));
  if (last.size > 0) {
    char start[EVSI_REDIS_ID_TEXT + 1];
    snprintf(start, sizeof start, "(%.*s", (int)last.size, last.data);
    ask(stream, start);
    return;
  }
  if (stream->recovering_former) {
    stream->recovering_former = false;
    evsi_free(stream->former);
    stream->former = NULL;
    ask(stream, "-");
    return;
  }
  give_up_unseen(stream);
  stream->state = EVSI_STREAM_LIVE;
  stream->was_live = true;
  evsi_redis_work_later(stream->group->transport);
}

static void ask(evsi_redis_stream *stream, const char *start) {
  evsi_redis_args args = {0};
  const char *own = stream->ordering == EVS_ORDER_NONE ? stream->group->member : "";
  evsi_redis_arg_text(&args, stream->recovering_former ? stream->former : own);
  evsi_redis_arg_text(&args, start);
  evsi_redis_arg_u64(&args, PAGE);
  if (!evsi_redis_stream_call(stream, EVSI_REDIS_RECOVER, &args, on_page, NULL))
    evsi_redis_stream_again(stream);
}

void evsi_redis_stream_recover(evsi_redis_stream *stream) {
  stream->owed_known = 0;
  for (evsi_redis_flight *flight = stream->flights; flight; flight = flight->hh.next) {
    flight->is_seen = false;
    stream->owed_known += flight->state == EVSI_FLIGHT_OWED;
  }
  stream->state = EVSI_STREAM_RECOVERING;
  stream->needs_recovery = false;
  stream->is_more_owed = false;
  stream->recovering_former = stream->former != NULL && stream->ordering == EVS_ORDER_NONE;
  ask(stream, "-");
}

static void on_fetched(evsi_redis_stream *stream, void *context, uint64_t generation,
                       const evsi_redis_reply *reply) {
  (void)context;
  stream->is_fetching = false;
  if (stream->group->is_leaving)
    return; /* still pending under our name: leaving hands it back */
  if (evsi_redis_is(evsi_redis_item(reply, 0), "FENCED"))
    evsi_redis_group_fenced(stream->group, generation);
  else if (evsi_redis_is(evsi_redis_item(reply, 0), "OK"))
    evsi_redis_deliver(stream, evsi_redis_item(reply, 1), 1);
  else
    evsi_redis_stream_failed(stream, reply, "fetching from");
  evsi_redis_work_later(stream->group->transport);
}

/* Where fetching begins: in order, or what is owed. */
static evsi_redis_flight *first_owed(evsi_redis_stream *stream) {
  if (stream->ordering != EVS_ORDER_NONE)
    return evsi_redis_order_next(stream);
  if (!stream->is_order_known && stream->owed.first)
    evsi_redis_order_ask(stream);
  if (stream->is_order_asked && stream->is_order_known && !stream->owed.first) {
    stream->is_order_asked = false;
    evsi_redis_reader_wake(stream->group); /* so that it reads this stream again */
  }
  return stream->is_order_known ? stream->owed.first : NULL;
}

/* Appends ids from here on: of those that count as delivered once more, or of those that do not. */
static uint32_t put_run(evsi_redis_flight *flight, uint32_t most, bool counts, evsi_redis_args *args) {
  uint32_t count = 0;
  for (; flight && count < most && flight->must_count == counts; flight = flight->next, count++) {
    char text[EVSI_REDIS_ID_TEXT];
    evsi_redis_arg_bytes(args, evsi_redis_id_text(flight->id, text));
    flight->deliveries += counts;
    flight->must_count = false;
  }
  return count;
}

void evsi_redis_stream_fetch(evsi_redis_stream *stream) {
  if (evsi_redis_now(stream->group->transport) < stream->group->short_ms)
    return;
  if (!stream->owed.first && stream->is_more_owed) {
    stream->needs_recovery = true;
    evsi_redis_work_later(stream->group->transport);
    return;
  }
  evsi_redis_flight *first = stream->is_fetching ? NULL : first_owed(stream);
  uint32_t credits = first ? evsi_redis_credits(stream->group) : 0;
  evsi_redis_args args = {0}, ids = {0};
  if (credits == 0)
    return;
  bool counts = first->must_count;
  uint32_t count = put_run(first, credits < FETCH_AT_ONCE ? credits : FETCH_AT_ONCE, counts, &ids);
  evsi_redis_arg_u64(&args, counts ? count : 0);
  evsi_buf_add(&args.body, ids.body.data, ids.body.size);
  args.body.failed |= ids.body.failed;
  args.count += ids.count;
  evsi_redis_args_free(&ids);
  stream->is_fetching = true;
  if (!evsi_redis_stream_call(stream, EVSI_REDIS_FETCH, &args, on_fetched, NULL))
    stream->is_fetching = false;
}
