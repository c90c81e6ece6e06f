/* SPDX-License-Identifier: MIT
 * stored_batch.c - see stored_batch.h. What stands in `metadata` is not believed: the events are counted. */
#include "event/stored_batch.h"

#include <string.h>

#include "base/alloc.h"
#include "event/json_scan.h"

const char evsi_stored_batch_no_memory[] = "out of memory";

/* The member `data`, whole text checked on the way. */
static const char *find_list(evs_bytes data, evs_bytes *out_list) {
  evs_bytes key, value;
  const char *why = NULL;
  size_t cursor = 0;
  *out_list = evsi_bytes(NULL, 0);
  while (evsi_json_member(data, &cursor, &key, &value, &why)) {
    if (!evsi_bytes_equal(key, evsi_text("data")))
      continue;
    if (out_list->size > 0)
      return "data is there twice";
    *out_list = value;
  }
  if (why)
    return why;
  return out_list->size > 0 && *out_list->data == '[' ? NULL : "a batch needs an array of events in data";
}

static bool add(evsi_stored_batch *batch, uint32_t *capacity, evs_bytes event) {
  if (batch->count == *capacity) {
    uint32_t more = *capacity ? *capacity * 2 : 64;
    evs_bytes *grown = evsi_realloc(batch->events, more * sizeof *grown);
    if (!grown)
      return false;
    batch->events = grown;
    *capacity = more;
  }
  batch->events[batch->count++] = event;
  return true;
}

static const char *find_events(evs_bytes list, evsi_stored_batch *batch) {
  uint32_t capacity = 0;
  evs_bytes event;
  const char *why = NULL;
  size_t cursor = 0;
  while (evsi_json_item(list, &cursor, &event, &why)) {
    if (batch->count == EVSI_STORED_BATCH_MAX)
      return "a batch holds at most 10,000 events";
    if (!add(batch, &capacity, event))
      return evsi_stored_batch_no_memory;
  }
  return why || batch->count > 0 ? why : "a batch without events";
}

const char *evsi_stored_batch_decode(evs_bytes data, evsi_stored_batch *out_batch) {
  evs_bytes list;
  memset(out_batch, 0, sizeof *out_batch);
  const char *why = find_list(data, &list);
  if (!why)
    why = find_events(list, out_batch);
  if (why)
    evsi_stored_batch_free(out_batch);
  return why;
}

void evsi_stored_batch_free(evsi_stored_batch *batch) {
  evsi_free(batch->events);
  memset(batch, 0, sizeof *batch);
}
