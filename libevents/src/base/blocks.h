/* SPDX-License-Identifier: MIT
 * blocks.h - memory for what each event needs for a moment. What is given back is kept for the next one, by
 * the thread that gave it back: neither a lock nor a walk through the heap for each. Any thread. */
#ifndef EVSI_BLOCKS_H
#define EVSI_BLOCKS_H

#include <stddef.h>

void *evsi_block(size_t size); /* not zeroed; NULL when memory is short */
void evsi_block_free(void *ptr);

#endif
