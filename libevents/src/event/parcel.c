/* SPDX-License-Identifier: MIT
 * parcel.c - see parcel.h. */
#include "event/parcel.h"

#include "base/blocks.h"
#include "event/identity.h"

static evs_bytes place(char **at, evs_bytes from) {
  return from.size > 0 ? evsi_bytes_place(at, from) : evsi_bytes(NULL, 0);
}

evsi_parcel *evsi_parcel_new(const evsi_envelope *envelope, evs_bytes raw, uint64_t made_ms) {
  enum { FIELDS = sizeof *envelope / sizeof(evs_bytes) };
  const evs_bytes *from = (const evs_bytes *)envelope;
  size_t size = raw.size + FIELDS + 1;
  for (size_t i = 0; i < FIELDS; i++)
    size += from[i].size;
  evsi_parcel *parcel = evsi_block(sizeof *parcel + size);
  if (!parcel)
    return NULL;
  evs_bytes *to = (evs_bytes *)&parcel->envelope;
  char *at = parcel->bytes;
  for (size_t i = 0; i < FIELDS; i++)
    to[i] = place(&at, from[i]);
  parcel->raw = place(&at, raw);
  parcel->made_ms = made_ms ? made_ms : evsi_timestamp_ms(envelope->timestamp);
  parcel->text_size = evsi_envelope_size(envelope);
  atomic_init(&parcel->holders, 1);
  return parcel;
}

void evsi_parcel_drop(evsi_parcel *parcel) {
  if (parcel && atomic_fetch_sub_explicit(&parcel->holders, 1, memory_order_acq_rel) == 1)
    evsi_block_free(parcel);
}
