/* SPDX-License-Identifier: MIT
 * memory_order.c - ordered streams on a bus: one member of a group gets all of one, what it sets aside stays
 * here, and whoever follows it gets what is left in order, parked entries included. */
#include <string.h>

#include "transport/memory/memory_bus.h"

static memory_ordered *find_or_add(memory_group *group, const memory_event *event) {
  memory_ordered *order = group->orders;
  while (order && (order->partition != event->partition || strlen(order->topic) != event->topic.size ||
                   memcmp(order->topic, event->topic.data, event->topic.size) != 0))
    order = order->next;
  if (order)
    return order;
  order = evsi_calloc(1, sizeof *order + event->topic.size + 1);
  if (!order)
    return NULL;
  memcpy(order->topic, event->topic.data, event->topic.size);
  order->partition = event->partition;
  order->next = group->orders;
  group->orders = order;
  return order;
}

static bool is_in(const memory_ordered *order, const memory_event *event) {
  return event->ordering != EVS_ORDER_NONE && order->partition == event->partition &&
         strlen(order->topic) == event->topic.size &&
         memcmp(order->topic, event->topic.data, event->topic.size) == 0;
}

/* Is an entry of the stream with a member, or will it come again? */
static bool is_busy(const memory_group *group, const memory_ordered *order) {
  for (const memory_entry *entry = group->held; entry; entry = entry->hh.next) {
    if (is_in(order, entry->event))
      return true;
  }
  for (const memory_entry *entry = group->parked; entry; entry = entry->next) {
    if (is_in(order, entry->event))
      return true;
  }
  return false;
}

static bool wants(const memory_member *member, const memory_event *event) {
  return member->transport->ops->wants(member->transport->host, member->token, event->topic,
                                       event->full_type) != 0;
}

memory_member *evsi_memory_order_choose(memory_group *group, const memory_event *event,
                                        memory_member *chosen) {
  memory_ordered *order = find_or_add(group, event);
  if (!order) {
    evsi_memory_stand_still(group);
    return NULL;
  }
  memory_member *owner = order->transport ? evsi_memory_member(group, order->transport, order->token) : NULL;
  if (order->transport && !owner)
    return NULL; /* it is leaving just now */
  /* Another one that has the handler takes over between two entries. */
  bool may_change = !owner || (chosen && chosen != owner && !wants(owner, event) && !is_busy(group, order));
  if (!may_change) {
    bool has_credit =
        !owner->is_leaving && owner->transport->ops->credits(owner->transport->host, owner->token) > 0;
    return has_credit ? owner : NULL;
  }
  if (!chosen)
    return NULL;
  order->transport = chosen->transport;
  order->token = chosen->token;
  return chosen;
}

static void bring_back_parked(memory_group *group, const memory_ordered *order) {
  memory_entry **link = &group->parked;
  while (*link) {
    memory_entry *entry = *link;
    if (!is_in(order, entry->event)) {
      link = &entry->next;
      continue;
    }
    *link = entry->next;
    evsi_memory_queue(group, entry, true); /* with its due time: the next owner learns what waits for what */
  }
}

void evsi_memory_order_disown(memory_group *group, const evs_transport *transport) {
  for (memory_ordered *order = group->orders; order; order = order->next) {
    if (order->transport != transport || evsi_memory_member(group, transport, order->token))
      continue;
    order->transport = NULL;
    bring_back_parked(group, order);
  }
}

void evsi_memory_order_aside(memory_group *group, memory_entry *entry) {
  entry->deliveries--;
  if (entry->is_early) { /* its member waits for it, even if its time has come meanwhile */
    HASH_DEL(group->held, entry);
    entry->member = NULL;
    evsi_memory_park(group, entry);
    return;
  }
  entry->is_aside = true;
  group->waiting++;
  if (entry->is_recalled)
    evsi_memory_order_recall(group, entry->sequence);
}

void evsi_memory_order_recall(memory_group *group, uint64_t sequence) {
  memory_entry *entry = evsi_memory_held(group, sequence);
  if (!entry)
    return;
  entry->is_recalled = !entry->is_aside; /* comes as soon as it was set aside */
  if (!entry->is_aside)
    return;
  entry->is_aside = false;
  group->waiting--;
  HASH_DEL(group->held, entry);
  entry->member = NULL;
  evsi_memory_queue(group, entry, true);
}

void evsi_memory_order_free(memory_group *group) {
  while (group->orders) {
    memory_ordered *order = group->orders;
    group->orders = order->next;
    evsi_free(order);
  }
}
