/* SPDX-License-Identifier: MIT
 * entry.c - one stored entry in this process: a copy of its bytes, held by the engine and by every message
 * that a host still reads; and the events that such an entry carries, which live as long as it does. */
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/blocks.h"
#include "base/json_text.h"
#include "consume/engine.h"

/* A handler may fail with any text, one with a NUL too. */
static json_t *load_state(evs_bytes state) {
  enum { FLAGS = JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL };
  return evsi_json_load(state, FLAGS, NULL);
}

/* With room for so many bytes behind it. */
static evsi_entry *new_entry(size_t room) {
  evsi_entry *entry = evsi_block(sizeof *entry + room);
  if (entry)
    memset(entry, 0, sizeof *entry);
  return entry;
}

evsi_entry *evsi_entry_new(evsi_group *group, const evs_tp_entry *stored, uint64_t now_us) {
  evsi_parcel *parcel = evsi_link_is_direct(group->link) ? stored->parcel : NULL;
  evs_bytes raw = parcel ? evsi_bytes(NULL, 0) : stored->raw;
  size_t size =
      5 + stored->topic.size + stored->offset.size + stored->data.size + raw.size + stored->requeue.size;
  evsi_entry *entry = new_entry(size);
  if (!entry)
    return NULL;
  entry->token = evsi_slots_add(&group->consume->settlements, entry);
  if (entry->token == 0) {
    evsi_block_free(entry);
    return NULL;
  }
  char *at = entry->bytes;
  entry->group = group;
  entry->events = 1;
  atomic_init(&entry->holders, 1);
  entry->cost = size - stored->data.size - raw.size + evsi_stored_bytes(parcel, stored->data, stored->raw);
  entry->received_us = now_us;
  entry->stored = *stored;
  entry->stored.topic = evsi_bytes_place(&at, stored->topic);
  entry->stored.offset = evsi_bytes_place(&at, stored->offset);
  entry->stored.data = evsi_bytes_place(&at, stored->data);
  entry->stored.raw = evsi_bytes_place(&at, raw);
  entry->stored.requeue = evsi_bytes_place(&at, stored->requeue);
  entry->stored.state = evsi_bytes(NULL, 0);
  if (parcel) {
    entry->parcel = evsi_parcel_hold(parcel);
    entry->envelope = parcel->envelope;
    entry->stored.raw = parcel->raw;
  }
  evsi_stats_relabel(group->consume->setup.stats, EVSI_LABEL_TOPIC, entry->stored.topic,
                     &group->labels.topic);
  entry->labels = group->labels;
  entry->labels.type = NULL; /* not known yet */
  entry->had_state = stored->state.size > 0;
  json_t *kept = load_state(stored->state);
  evsi_entry_state_load(&entry->state, kept);
  entry->kept = json_incref(json_object_get(kept, "b"));
  evsi_suspect_count(entry);
  json_decref(kept);
  return entry;
}

evsi_entry *evsi_entry_of(evsi_entry *carrier, uint32_t index, const json_t *kept) {
  size_t size = carrier->stored.offset.size + 12;
  evsi_entry *event = new_entry(size);
  if (!event)
    return NULL;
  int length = snprintf(event->bytes, size, "%.*s/%u", (int)carrier->stored.offset.size,
                        carrier->stored.offset.data, index);
  event->group = carrier->group;
  event->order = carrier->order;
  event->carrier = carrier;
  event->index = index;
  event->stored = carrier->stored;
  event->labels = carrier->labels;
  event->stored.flags = 0;
  event->stored.offset = evsi_bytes(event->bytes, (size_t)length);
  event->stored.data = carrier->bundle->parts[index].data;
  evsi_entry_state_load(&event->state, kept);
  return event;
}

const char *evsi_entry_read(evsi_entry *entry) {
  return entry->envelope.id.size > 0
             ? NULL
             : evsi_envelope_decode(entry->stored.data, &entry->envelope, &entry->scratch);
}

void evsi_entry_hold(evsi_entry *entry) {
  evsi_entry *holding = entry->carrier ? entry->carrier : entry;
  atomic_fetch_add(&holding->holders, 1);
}

static void free_entry(evsi_entry *entry) {
  for (uint32_t i = 0; entry->bundle && i < entry->bundle->count; i++) {
    if (entry->bundle->parts[i].event)
      free_entry(entry->bundle->parts[i].event); /* which has no bundle */
  }
  for (uint32_t i = 0; i < entry->delivery_count; i++)
    evsi_subscription_drop(entry->deliveries[i].subscription);
  evsi_bundle_free(entry->bundle);
  json_decref(entry->kept);
  evsi_entry_state_free(&entry->state);
  evsi_buf_free(&entry->scratch);
  evsi_buf_free(&entry->plain);
  evsi_free(entry->place);
  evsi_free(entry->settlement_state);
  evsi_free(entry->record);
  evsi_free(entry->member);
  if (entry->deliveries != &entry->only)
    evsi_free(entry->deliveries);
  evsi_views_free(entry->views);
  evsi_parcel_drop(entry->parcel);
  evsi_block_free(entry);
}

void evsi_entries_drop(void **held, size_t count) {
  evsi_group *group = NULL; /* of those that ended last, which are mostly of one */
  uint32_t ended = 0;
  for (size_t i = 0; i < count; i++) {
    evsi_entry *entry = held[i];
    evsi_entry *holding = entry->carrier ? entry->carrier : entry;
    if (atomic_fetch_sub(&holding->holders, 1) > 1)
      continue;
    if (holding->group != group) {
      evsi_group_drop(group, ended);
      group = holding->group;
      ended = 0;
    }
    free_entry(holding);
    ended++;
  }
  evsi_group_drop(group, ended);
}

void evsi_entry_drop(evsi_entry *entry) {
  evsi_entries_drop(&(void *){entry}, 1);
}
