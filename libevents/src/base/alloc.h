/* SPDX-License-Identifier: MIT
 * alloc.h - the one way to memory in the core. Everything returns NULL when there is none; callers check.
 * Tests may replace the allocator to make any single allocation fail. */
#ifndef EVSI_ALLOC_H
#define EVSI_ALLOC_H

#include <stdbool.h>
#include <stddef.h>

typedef void *(*evsi_realloc_fn)(void *ptr, size_t size); /* size 0 frees */

/* Before the first system is opened; NULL restores the default. */
void evsi_alloc_replace(evsi_realloc_fn fn);
/* Nothing was put in its place. */
bool evsi_alloc_is_default(void);

void *evsi_alloc(size_t size);
void *evsi_calloc(size_t count, size_t size); /* zeroed; checks the product */
void *evsi_realloc(void *ptr, size_t size);
void evsi_free(void *ptr);
char *evsi_strdup(const char *text);
char *evsi_strndup(const char *data, size_t size); /* adds a NUL */

#endif
