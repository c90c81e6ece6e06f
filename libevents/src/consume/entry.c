/* SPDX-License-Identifier: MIT
 * entry.c - one stored entry in this process: a copy of its bytes, held by the engine and by every message
 * that a host still reads. */
#include "base/alloc.h"
#include "consume/engine.h"

evsi_entry *evsi_entry_new(evsi_group *group, const evs_tp_entry *stored) {
  size_t size = 5 + stored->topic.size + stored->offset.size + stored->data.size + stored->raw.size +
                stored->requeue.size;
  evsi_entry *entry = evsi_calloc(1, sizeof *entry);
  if (!entry)
    return NULL;
  entry->bytes = evsi_alloc(size);
  if (!entry->bytes) {
    evsi_free(entry);
    return NULL;
  }
  char *at = entry->bytes;
  entry->group = group;
  atomic_init(&entry->holders, 1);
  entry->cost = size;
  entry->received_us = group->consume->setup.env->now_us();
  entry->stored = *stored;
  entry->stored.topic = evsi_bytes_place(&at, stored->topic);
  entry->stored.offset = evsi_bytes_place(&at, stored->offset);
  entry->stored.data = evsi_bytes_place(&at, stored->data);
  entry->stored.raw = evsi_bytes_place(&at, stored->raw);
  entry->stored.requeue = evsi_bytes_place(&at, stored->requeue);
  entry->stored.state = evsi_bytes(NULL, 0);
  entry->had_state = stored->state.size > 0;
  if (!evsi_entry_state_load(&entry->state, stored->state)) {
    evsi_entry_drop(entry);
    return NULL;
  }
  return entry;
}

void evsi_entry_hold(evsi_entry *entry) {
  atomic_fetch_add(&entry->holders, 1);
}

void evsi_entry_drop(void *held) {
  evsi_entry *entry = held;
  if (atomic_fetch_sub(&entry->holders, 1) != 1)
    return;
  evsi_entry_state_free(&entry->state);
  evsi_buf_free(&entry->scratch);
  evsi_free(entry->settlement_state);
  evsi_free(entry->record);
  evsi_free(entry->member);
  evsi_free(entry->deliveries);
  evsi_free(entry->bytes);
  evsi_free(entry);
}
