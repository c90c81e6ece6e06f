/* SPDX-License-Identifier: MIT
 * memory_bus.c - buses, groups and queues of the memory transport. */
#include "transport/memory/memory_bus.h"

#include <string.h>

#include "base/blocks.h"

enum { SHORT_MS = 100 };

static pthread_mutex_t buses_lock = PTHREAD_MUTEX_INITIALIZER;
static memory_bus *buses;

static void bus_free(memory_bus *bus) {
  pthread_cond_destroy(&bus->delivered);
  pthread_mutex_destroy(&bus->lock);
  evsi_free(bus->handful);
  evsi_free(bus->name);
  evsi_free(bus);
}

static memory_bus *bus_new(const char *name) {
  memory_bus *bus = evsi_calloc(1, sizeof *bus);
  if (!bus)
    return NULL;
  pthread_mutex_init(&bus->lock, NULL);
  pthread_cond_init(&bus->delivered, NULL);
  bus->handful = evsi_calloc(1, sizeof *bus->handful);
  bus->name = name ? evsi_strdup(name) : NULL;
  if (bus->handful && (bus->name || !name))
    return bus;
  bus_free(bus);
  return NULL;
}

memory_bus *evsi_memory_bus_hold(const char *name) {
  pthread_mutex_lock(&buses_lock);
  memory_bus *bus = name ? buses : NULL;
  while (bus && (!bus->name || strcmp(bus->name, name) != 0))
    bus = bus->next;
  if (!bus && (bus = bus_new(name))) {
    bus->next = buses;
    buses = bus;
  }
  if (bus)
    bus->holders++;
  pthread_mutex_unlock(&buses_lock);
  return bus;
}

static void free_entries(memory_entry *entry) {
  while (entry) {
    memory_entry *next = entry->next;
    evsi_memory_entry_free(entry);
    entry = next;
  }
}

static void free_group(memory_group *group) {
  memory_entry *entry, *next;
  HASH_ITER(hh, group->held, entry, next) {
    HASH_DEL(group->held, entry);
    evsi_memory_entry_free(entry);
  }
  free_entries(group->first);
  free_entries(group->parked);
  while (group->members) {
    memory_member *member = group->members;
    group->members = member->next;
    evsi_scope_partitions_free(&member->partitions);
    evsi_free(member);
  }
  evsi_memory_order_free(group);
  evsi_scope_topics_free(&group->topics);
  evsi_free(group->paused);
  evsi_free(group->name);
  evsi_free(group);
}

void evsi_memory_bus_drop(memory_bus *bus) {
  if (!bus)
    return;
  pthread_mutex_lock(&buses_lock);
  bool is_last = --bus->holders == 0;
  if (is_last) {
    memory_bus **link = &buses;
    while (*link != bus)
      link = &(*link)->next;
    *link = bus->next;
  }
  pthread_mutex_unlock(&buses_lock);
  if (!is_last)
    return;
  while (bus->groups) {
    memory_group *group = bus->groups;
    bus->groups = group->next;
    free_group(group);
  }
  bus_free(bus);
}

memory_group *evsi_memory_group(memory_bus *bus, evs_bytes name, bool create) {
  memory_group *group = bus->groups;
  while (group && (strlen(group->name) != name.size || memcmp(group->name, name.data, name.size) != 0))
    group = group->next;
  if (group || !create)
    return group;
  group = evsi_calloc(1, sizeof *group);
  if (!group || !(group->name = evsi_strndup(name.data, name.size))) {
    evsi_free(group);
    return NULL;
  }
  group->next = bus->groups;
  bus->groups = group;
  return group;
}

memory_member *evsi_memory_member(memory_group *group, const evs_transport *transport, uint64_t token) {
  memory_member *member = group->members;
  while (member && (member->transport != transport || member->token != token))
    member = member->next;
  return member;
}

/* Sequences are spread as they are: one after the other. */
bool evsi_memory_hold(memory_group *group, memory_entry *entry) {
  unsigned place = (unsigned)entry->sequence;
  HASH_ADD_BYHASHVALUE(hh, group->held, sequence, sizeof entry->sequence, place, entry);
  return entry->hh.tbl != NULL;
}

memory_entry *evsi_memory_held(const memory_group *group, uint64_t sequence) {
  unsigned place = (unsigned)sequence;
  memory_entry *entry = NULL;
  HASH_FIND_BYHASHVALUE(hh, group->held, &sequence, sizeof sequence, place, entry);
  return entry;
}

bool evsi_memory_has(const evs_transport *transport, uint64_t token, const memory_entry *entry) {
  return entry->member == transport && (token == 0 || entry->token == token);
}

bool evsi_memory_group_reads(const memory_group *group, const memory_event *event) {
  if (evsi_scope_topics_have(&group->topics, event->topic))
    return true;
  for (const memory_member *each = group->members; each; each = each->next) {
    if (!each->is_leaving &&
        each->transport->ops->wants(each->transport->host, each->token, event->topic, event->full_type))
      return true;
  }
  return false;
}

uint64_t evsi_memory_sequence(evs_bytes offset) {
  uint64_t sequence = 0;
  for (uint64_t i = 0; i < offset.size && offset.data[i] >= '0' && offset.data[i] <= '9'; i++)
    sequence = sequence * 10 + (uint64_t)(offset.data[i] - '0');
  return sequence;
}

void evsi_memory_event_drop(memory_event *event) {
  if (--event->holders > 0)
    return;
  evsi_parcel_drop(event->parcel);
  evsi_block_free(event);
}

void evsi_memory_entry_free(memory_entry *entry) {
  memory_event *event = entry->event;
  evsi_free(entry->state);
  if (entry != &event->first)
    evsi_free(entry);
  evsi_memory_event_drop(event);
}

void evsi_memory_park(memory_group *group, memory_entry *entry) {
  memory_entry **link = &group->parked;
  while (*link && (*link)->due_ms <= entry->due_ms)
    link = &(*link)->next;
  entry->next = *link;
  *link = entry;
}

void evsi_memory_put_off(memory_group *group, memory_entry *entry, evs_transport *transport) {
  entry->member = NULL;
  entry->due_ms = evsi_now_ms(transport->world.env) + SHORT_MS;
  evsi_memory_park(group, entry);
  evsi_tasks_post(transport->world.tasks, &transport->timer_task);
}

void evsi_memory_stand_still(memory_group *group) {
  evs_transport *transport = group->members->transport;
  group->short_ms = evsi_now_ms(transport->world.env) + SHORT_MS;
  evsi_tasks_post(transport->world.tasks, &transport->timer_task);
}

void evsi_memory_queue(memory_group *group, memory_entry *entry, bool in_front) {
  group->waiting++;
  if (in_front) { /* before what was published after it */
    memory_entry **link = &group->first;
    while (*link && (*link)->event->sequence < entry->event->sequence)
      link = &(*link)->next;
    entry->next = *link;
    *link = entry;
    if (!entry->next)
      group->last = entry;
    return;
  }
  entry->next = NULL;
  *(group->last ? &group->last->next : &group->first) = entry;
  group->last = entry;
}

uint64_t evsi_memory_wake_due(memory_bus *bus, uint64_t now_ms) {
  uint64_t next = 0;
  for (memory_group *group = bus->groups; group; group = group->next) {
    while (group->parked && group->parked->due_ms <= now_ms) {
      memory_entry *entry = group->parked;
      group->parked = entry->next;
      evsi_memory_queue(group, entry, entry->event->ordering != EVS_ORDER_NONE);
    }
    if (group->short_ms <= now_ms)
      group->short_ms = 0;
    if (group->parked && (next == 0 || group->parked->due_ms < next))
      next = group->parked->due_ms;
    if (group->short_ms != 0 && (next == 0 || group->short_ms < next))
      next = group->short_ms;
  }
  return next;
}

memory_member *evsi_memory_untold(memory_bus *bus, bool *out_paused) {
  for (memory_group *group = bus->groups; group; group = group->next) {
    *out_paused = group->paused != NULL;
    for (memory_member *each = group->members; each; each = each->next) {
      if (each->is_told_paused == *out_paused)
        continue;
      each->is_told_paused = *out_paused;
      return each;
    }
  }
  return NULL;
}
