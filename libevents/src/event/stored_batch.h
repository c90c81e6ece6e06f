/* SPDX-License-Identifier: MIT
 * stored_batch.h - the `data` of an entry that holds several events, as the published library writes it:
 * {"data":[envelope,…],"metadata":{…}}. Finds where each envelope lies; does not read them. Pure; any thread.
 */
#ifndef EVSI_STORED_BATCH_H
#define EVSI_STORED_BATCH_H

#include <stdint.h>

#include "libevents.h"

enum { EVSI_STORED_BATCH_MAX = 10000 };

typedef struct evsi_stored_batch {
  evs_bytes *events; /* JSON values, each exactly as it stands in `data` */
  uint32_t count;    /* 1 to EVSI_STORED_BATCH_MAX */
} evsi_stored_batch;

/* Fills `out_batch`, to be freed with evsi_stored_batch_free(). Returns NULL, or why it is malformed (static
 * text); `evsi_stored_batch_no_memory` when memory is short: then it may well be a proper batch. */
const char *evsi_stored_batch_decode(evs_bytes data, evsi_stored_batch *out_batch);
void evsi_stored_batch_free(evsi_stored_batch *batch);
extern const char evsi_stored_batch_no_memory[];

#endif
