/* SPDX-License-Identifier: MIT
 * map.h - uthash with our allocator; a failed insertion leaves the item out (HASH_FIND tells). */
#ifndef EVSI_MAP_H
#define EVSI_MAP_H

#include "base/alloc.h"

#define HASH_NONFATAL_OOM 1
#define uthash_malloc(size) evsi_alloc(size)
#define uthash_free(ptr, size) evsi_free(ptr)
#include <uthash.h>

#endif
