/* SPDX-License-Identifier: MIT
 * parcel.h - one event with all that is told of it, in a block that is shared and never changes: what passes
 * within a process as it is, where its stored form would be written only to be read again. Any thread. */
#ifndef EVSI_PARCEL_H
#define EVSI_PARCEL_H

#include <stdatomic.h>

#include "event/envelope.h"

typedef struct evsi_parcel {
  _Atomic uint32_t holders;
  uint64_t made_ms;       /* its timestamp; 0: it has none that we read */
  uint64_t text_size;     /* that its envelope would have as text: what is counted */
  evsi_envelope envelope; /* points into bytes */
  evs_bytes raw;          /* beside the envelope: a body that is not JSON */
  char bytes[];
} evsi_parcel;

/* Copies the event, held once. made_ms: 0 where its timestamp is the caller's. NULL when memory is short. */
evsi_parcel *evsi_parcel_new(const evsi_envelope *envelope, evs_bytes raw, uint64_t made_ms);
void evsi_parcel_drop(evsi_parcel *parcel); /* NULL is fine */

static inline evsi_parcel *evsi_parcel_hold(evsi_parcel *parcel) {
  if (parcel)
    atomic_fetch_add_explicit(&parcel->holders, 1, memory_order_relaxed);
  return parcel;
}

/* Bytes that an event takes in a store, the same for one that travels as a parcel. */
static inline uint64_t evsi_stored_bytes(const evsi_parcel *parcel, evs_bytes data, evs_bytes raw) {
  return (parcel ? parcel->text_size : data.size) + raw.size;
}

#endif
