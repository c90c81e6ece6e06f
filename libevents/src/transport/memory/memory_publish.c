/* SPDX-License-Identifier: MIT
 * memory_publish.c - an event into the queue of every group that reads it, on the publisher's thread. */
#include <string.h>

#include "base/buf.h"
#include "transport/memory/memory_bus.h"

enum { REPORT_MAX = 64 };

static memory_event *copy_event(const evs_tp_event *from) {
  evs_bytes raw = from->parcel ? evsi_bytes(NULL, 0) : from->raw;
  memory_event *event = evsi_calloc(1, sizeof *event + from->topic.size + from->full_type.size +
                                           from->data.size + raw.size + 4);
  if (!event)
    return NULL;
  char *at = event->bytes;
  event->topic = evsi_bytes_place(&at, from->topic);
  event->full_type = evsi_bytes_place(&at, from->full_type);
  event->data = evsi_bytes_place(&at, from->data);
  event->raw = evsi_bytes_place(&at, raw);
  event->parcel = evsi_parcel_hold(from->parcel);
  event->partition = from->partition;
  event->ordering = from->ordering;
  return event;
}

/* @locks bus. True when every group that reads the event has room for it. */
static bool has_room(const evs_transport *transport, const memory_event *event) {
  for (memory_group *group = transport->bus->groups; group; group = group->next) {
    if (group->waiting >= transport->max_queue && evsi_memory_group_reads(group, event))
      return false;
  }
  return true;
}

/* @locks bus. False when memory is short. */
static bool queue_event(evs_transport *transport, memory_event *event) {
  event->sequence = ++transport->bus->sequence;
  evsi_digits(event->sequence, event->offset);
  event->holders = 1;
  for (memory_group *group = transport->bus->groups; group; group = group->next) {
    if (!evsi_memory_group_reads(group, event))
      continue;
    memory_entry *entry = evsi_calloc(1, sizeof *entry);
    if (!entry)
      return false;
    entry->event = event;
    event->holders++;
    evsi_memory_queue(group, entry, false);
  }
  return true;
}

void evsi_memory_publish_one(evs_transport *transport, const evs_tp_event *from, evs_tp_outcome *outcome,
                             char *offset) {
  *outcome = (evs_tp_outcome){.struct_size = sizeof *outcome, .token = from->token, .status = EVS_OK};
  memory_event *event = copy_event(from);
  if (!event) {
    outcome->status = EVS_NOMEM;
    outcome->flags = EVS_TP_NOT_SENT;
    outcome->message = evsi_text("out of memory");
    return;
  }
  pthread_mutex_lock(&transport->bus->lock);
  if (!has_room(transport, event)) {
    outcome->status = EVS_QUEUE_FULL;
    outcome->flags = EVS_TP_TRANSIENT | EVS_TP_NOT_SENT;
    outcome->message =
        evsi_text("the queue of a consumer group is full (maxQueue): its handlers are slower than "
                  "the publishers");
    evsi_parcel_drop(event->parcel);
    evsi_free(event);
  } else {
    if (!queue_event(transport, event)) {
      outcome->status = EVS_NOMEM;
      outcome->message = evsi_text("out of memory: not every group got the event");
    }
    memcpy(offset, event->offset, sizeof event->offset);
    outcome->offset = evsi_text(offset);
    evsi_memory_event_drop(event);
  }
  pthread_mutex_unlock(&transport->bus->lock);
}

void evsi_memory_publish(evs_transport *transport, const evs_tp_event *events, size_t count) {
  evs_tp_outcome outcomes[REPORT_MAX];
  char offsets[REPORT_MAX][EVSI_MEMORY_OFFSET];
  uint64_t call = transport->is_rehearsal ? atomic_fetch_add(&transport->rehearsal.calls, 1) + 1 : 0;
  while (count > 0) {
    size_t part = count < REPORT_MAX ? count : REPORT_MAX;
    for (size_t i = 0; i < part; i++) {
      if (transport->is_rehearsal)
        evsi_memory_rehearse(transport, call, &events[i], &outcomes[i], offsets[i]);
      else
        evsi_memory_publish_one(transport, &events[i], &outcomes[i], offsets[i]);
    }
    transport->ops->published(transport->host, outcomes, part);
    events += part;
    count -= part;
  }
  evsi_memory_pump(transport->bus);
}
