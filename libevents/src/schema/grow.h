/* SPDX-License-Identifier: MIT
 * grow.h - arrays that grow, of which schemas and documents have many. */
#ifndef EVSI_GROW_H
#define EVSI_GROW_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/alloc.h"

/* Room for `more` items behind `count`; *array points to items of `size` bytes and stays as it was when
 * memory is short. */
static inline bool evsi_grow_items(void *array, uint32_t *capacity, uint64_t need, size_t size) {
  if (need <= *capacity)
    return true;
  if (need > UINT32_MAX / 2)
    return false;
  uint64_t wanted = *capacity ? (uint64_t)*capacity * 2 : 16;
  while (wanted < need)
    wanted *= 2;
  void *old;
  memcpy(&old, array, sizeof old);
  void *grown = evsi_realloc(old, (size_t)(wanted * size));
  if (!grown)
    return false;
  memcpy(array, &grown, sizeof grown);
  *capacity = (uint32_t)wanted;
  return true;
}

#define evsi_grow(array, capacity, need) evsi_grow_items(&(array), &(capacity), (need), sizeof *(array))

#endif
