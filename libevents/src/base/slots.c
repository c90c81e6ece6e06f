/* SPDX-License-Identifier: MIT
 * slots.c - see slots.h. */
#include "base/slots.h"

#include "base/alloc.h"

enum { INDEX_BITS = 24, GENERATION_MASK = (1 << 29) - 1 };
#define NO_SLOT UINT32_MAX

void evsi_slots_init(evsi_slots *slots) {
  *slots = (evsi_slots){.first_free = NO_SLOT};
}

void evsi_slots_free(evsi_slots *slots) {
  evsi_free(slots->slots);
  evsi_slots_init(slots);
}

static int grow(evsi_slots *slots) {
  uint32_t capacity = slots->capacity ? slots->capacity * 2 : 64;
  if (capacity > 1u << INDEX_BITS)
    return 0;
  evsi_slot *grown = evsi_realloc(slots->slots, capacity * sizeof *grown);
  if (!grown)
    return 0;
  for (uint32_t i = slots->capacity; i < capacity; i++)
    grown[i] = (evsi_slot){.generation = 1, .next_free = i + 1 < capacity ? i + 1 : NO_SLOT};
  slots->first_free = slots->capacity;
  slots->slots = grown;
  slots->capacity = capacity;
  return 1;
}

uint64_t evsi_slots_add(evsi_slots *slots, void *object) {
  if (slots->first_free == NO_SLOT && !grow(slots))
    return 0;
  uint32_t index = slots->first_free;
  evsi_slot *slot = &slots->slots[index];
  slots->first_free = slot->next_free;
  slot->object = object;
  slots->used++;
  return (uint64_t)slot->generation << INDEX_BITS | index;
}

static evsi_slot *find(const evsi_slots *slots, uint64_t id) {
  uint64_t index = id & ((1u << INDEX_BITS) - 1);
  if (index >= slots->capacity)
    return NULL;
  evsi_slot *slot = &slots->slots[index];
  return slot->object && slot->generation == id >> INDEX_BITS ? slot : NULL;
}

void *evsi_slots_get(const evsi_slots *slots, uint64_t id) {
  evsi_slot *slot = find(slots, id);
  return slot ? slot->object : NULL;
}

void *evsi_slots_remove(evsi_slots *slots, uint64_t id) {
  evsi_slot *slot = find(slots, id);
  if (!slot)
    return NULL;
  void *object = slot->object;
  slot->object = NULL;
  slot->generation = (slot->generation + 1) & GENERATION_MASK;
  if (slot->generation == 0)
    slot->generation = 1;
  slot->next_free = slots->first_free;
  slots->first_free = (uint32_t)(id & ((1u << INDEX_BITS) - 1));
  slots->used--;
  return object;
}

void *evsi_slots_next(const evsi_slots *slots, uint32_t *cursor) {
  while (*cursor < slots->capacity) {
    void *object = slots->slots[(*cursor)++].object;
    if (object)
      return object;
  }
  return NULL;
}
