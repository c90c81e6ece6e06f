/* SPDX-License-Identifier: MIT
 * redis_flight.c - the table of entries that are pending under our name: what is in it is never delivered a
 * second time, whatever way it comes. */
#include "base/blocks.h"
#include "transport/redis/redis_internal.h"

evsi_redis_flight *evsi_redis_flight_find(evsi_redis_stream *stream, evsi_redis_id id) {
  evsi_redis_flight *flight = NULL;
  HASH_FIND(hh, stream->flights, &id, sizeof id, flight);
  return flight;
}

evsi_redis_flight *evsi_redis_flight_add(evsi_redis_stream *stream, evsi_redis_id id) {
  evsi_redis_flight *flight = evsi_block(sizeof *flight);
  if (!flight)
    return NULL;
  *flight = (evsi_redis_flight){.id = id, .generation = stream->group->generation};
  HASH_ADD(hh, stream->flights, id, sizeof flight->id, flight);
  if (flight->hh.tbl)
    return flight;
  evsi_block_free(flight);
  return NULL;
}

void evsi_redis_flight_remove(evsi_redis_stream *stream, evsi_redis_flight *flight) {
  HASH_DEL(stream->flights, flight);
  evsi_block_free(flight);
}

void evsi_redis_flights_push(evsi_redis_flights *list, evsi_redis_flight *flight) {
  flight->next = NULL;
  *(list->last ? &list->last->next : &list->first) = flight;
  list->last = flight;
}

evsi_redis_flight *evsi_redis_flights_pop(evsi_redis_flights *list) {
  evsi_redis_flight *flight = list->first;
  if (flight)
    list->first = flight->next;
  if (!list->first)
    list->last = NULL;
  return flight;
}

void evsi_redis_flights_drop(evsi_redis_flights *list, evsi_redis_flight *flight) {
  evsi_redis_flight *before = NULL;
  for (evsi_redis_flight *at = list->first; at; before = at, at = at->next) {
    if (at != flight)
      continue;
    *(before ? &before->next : &list->first) = at->next;
    if (list->last == at)
      list->last = before;
    return;
  }
}
