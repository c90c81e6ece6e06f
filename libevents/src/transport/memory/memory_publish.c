/* SPDX-License-Identifier: MIT
 * memory_publish.c - an event into the queue of every group that reads it, on the publisher's thread. */
#include <string.h>

#include "base/blocks.h"
#include "base/buf.h"
#include "transport/memory/memory_bus.h"

static memory_event *copy_event(const evs_tp_event *from) {
  evs_bytes raw = from->parcel ? evsi_bytes(NULL, 0) : from->raw;
  memory_event *event =
      evsi_block(sizeof *event + from->topic.size + from->full_type.size + from->data.size + raw.size + 4);
  if (!event)
    return NULL;
  char *at = event->bytes;
  *event = (memory_event){.partition = from->partition, .ordering = from->ordering, .holders = 1};
  event->topic = evsi_bytes_place(&at, from->topic);
  event->full_type = evsi_bytes_place(&at, from->full_type);
  event->data = evsi_bytes_place(&at, from->data);
  event->raw = evsi_bytes_place(&at, raw);
  event->parcel = evsi_parcel_hold(from->parcel);
  return event;
}

/* @locks bus. Who reads it; what reads an event reads all that are like it. */
static void find_readers(memory_bus *bus, const memory_event *event, const memory_event *before) {
  if (before && evsi_bytes_equal(before->topic, event->topic) &&
      evsi_bytes_equal(before->full_type, event->full_type))
    return;
  for (memory_group *group = bus->groups; group; group = group->next)
    group->reads = evsi_memory_group_reads(group, event);
}

/* @locks bus. True when every group that reads the event has room for it. */
static bool has_room(const evs_transport *transport) {
  for (const memory_group *group = transport->bus->groups; group; group = group->next) {
    if (group->reads && group->waiting >= transport->max_queue)
      return false;
  }
  return true;
}

/* @locks bus. False when memory is short. */
static bool queue_event(memory_bus *bus, memory_event *event) {
  event->sequence = ++bus->sequence;
  evsi_digits(event->sequence, event->offset);
  for (memory_group *group = bus->groups; group; group = group->next) {
    if (!group->reads)
      continue;
    memory_entry *entry = event->first.event ? evsi_calloc(1, sizeof *entry) : &event->first;
    if (!entry)
      return false;
    entry->event = event;
    event->holders++;
    evsi_memory_queue(group, entry, false);
  }
  return true;
}

/* @locks bus */
static void store(evs_transport *transport, memory_event *event, evs_tp_outcome *outcome,
                  evsi_memory_offset *offset) {
  if (!has_room(transport)) {
    outcome->status = EVS_QUEUE_FULL;
    outcome->flags = EVS_TP_TRANSIENT | EVS_TP_NOT_SENT;
    outcome->message =
        evsi_text("the queue of a consumer group is full (maxQueue): its handlers are slower than "
                  "the publishers");
    return;
  }
  if (!queue_event(transport->bus, event)) {
    outcome->status = EVS_NOMEM;
    outcome->message = evsi_text("out of memory: not every group got the event");
  }
  memcpy(offset, event->offset, sizeof event->offset);
  outcome->offset = evsi_text(*offset);
}

void evsi_memory_store(evs_transport *transport, const evs_tp_event *events, size_t count,
                       evs_tp_outcome *outcomes, evsi_memory_offset *offsets) {
  memory_event *made[EVSI_MEMORY_TOGETHER];
  const memory_event *before = NULL;
  for (size_t i = 0; i < count; i++) {
    made[i] = copy_event(&events[i]);
    outcomes[i] = (evs_tp_outcome){.struct_size = sizeof *outcomes, .token = events[i].token};
    if (!made[i]) {
      outcomes[i].status = EVS_NOMEM;
      outcomes[i].flags = EVS_TP_NOT_SENT;
      outcomes[i].message = evsi_text("out of memory");
    }
  }
  pthread_mutex_lock(&transport->bus->lock);
  for (size_t i = 0; i < count; i++) {
    if (!made[i])
      continue;
    find_readers(transport->bus, made[i], before);
    store(transport, made[i], &outcomes[i], &offsets[i]);
    before = made[i];
  }
  for (size_t i = 0; i < count; i++) {
    if (made[i])
      evsi_memory_event_drop(made[i]);
  }
  pthread_mutex_unlock(&transport->bus->lock);
}

void evsi_memory_publish(evs_transport *transport, const evs_tp_event *events, size_t count) {
  evs_tp_outcome outcomes[EVSI_MEMORY_TOGETHER];
  evsi_memory_offset offsets[EVSI_MEMORY_TOGETHER];
  uint64_t call = transport->is_rehearsal ? atomic_fetch_add(&transport->rehearsal.calls, 1) + 1 : 0;
  while (count > 0) {
    size_t part = count < EVSI_MEMORY_TOGETHER ? count : EVSI_MEMORY_TOGETHER;
    for (size_t i = 0; transport->is_rehearsal && i < part; i++)
      evsi_memory_rehearse(transport, call, &events[i], &outcomes[i], &offsets[i]);
    if (!transport->is_rehearsal)
      evsi_memory_store(transport, events, part, outcomes, offsets);
    transport->ops->published(transport->host, outcomes, part);
    events += part;
    count -= part;
  }
  evsi_memory_pump(transport->bus);
}
