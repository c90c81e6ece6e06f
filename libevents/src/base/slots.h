/* SPDX-License-Identifier: MIT
 * slots.h - numbers for objects: 24 bits of slot and 29 of generation, so that an id fits in 53 bits and an
 * old id never finds a new object. Not synchronised: the owner locks. */
#ifndef EVSI_SLOTS_H
#define EVSI_SLOTS_H

#include <stdint.h>

typedef struct evsi_slot {
  void *object; /* NULL: free */
  uint32_t generation;
  uint32_t next_free;
} evsi_slot;

typedef struct evsi_slots {
  evsi_slot *slots;
  uint32_t capacity;
  uint32_t first_free; /* UINT32_MAX: none */
  uint32_t used;
} evsi_slots;

void evsi_slots_init(evsi_slots *slots);
void evsi_slots_free(evsi_slots *slots);
/* An id, never 0; 0 when memory is short or all 2^24 are in use. */
uint64_t evsi_slots_add(evsi_slots *slots, void *object);
void *evsi_slots_get(const evsi_slots *slots, uint64_t id);
/* Removes and gives the object, or NULL. */
void *evsi_slots_remove(evsi_slots *slots, uint64_t id);
/* Walks all objects: start with *cursor = 0; NULL at the end. */
void *evsi_slots_next(const evsi_slots *slots, uint32_t *cursor);

#endif
