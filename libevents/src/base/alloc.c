/* SPDX-License-Identifier: MIT
 * alloc.c - the replaceable allocator behind all memory of the core. It keeps no books; limits on what may
 * be held live with the parts that hold it. */
#include "base/alloc.h"

#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static void *realloc_default(void *ptr, size_t size) {
  if (size == 0) {
    free(ptr);
    return NULL;
  }
  return realloc(ptr, size);
}

/* Atomic only so that a test may replace it while another thread is still winding down. */
static _Atomic(evsi_realloc_fn) realloc_current = realloc_default;

void evsi_alloc_replace(evsi_realloc_fn fn) {
  atomic_store(&realloc_current, fn ? fn : realloc_default);
}

bool evsi_alloc_is_default(void) {
  return atomic_load_explicit(&realloc_current, memory_order_relaxed) == realloc_default;
}

void *evsi_realloc(void *ptr, size_t size) {
  evsi_realloc_fn fn = atomic_load_explicit(&realloc_current, memory_order_relaxed);
  return fn(ptr, size ? size : 1);
}

void *evsi_alloc(size_t size) {
  return evsi_realloc(NULL, size);
}

void *evsi_calloc(size_t count, size_t size) {
  if (size && count > SIZE_MAX / size)
    return NULL;
  void *ptr = evsi_alloc(count * size);
  if (ptr)
    memset(ptr, 0, count * size);
  return ptr;
}

void evsi_free(void *ptr) {
  if (!ptr)
    return;
  evsi_realloc_fn fn = atomic_load_explicit(&realloc_current, memory_order_relaxed);
  fn(ptr, 0);
}

char *evsi_strndup(const char *data, size_t size) {
  if (size == SIZE_MAX)
    return NULL;
  char *text = evsi_alloc(size + 1);
  if (!text)
    return NULL;
  if (size)
    memcpy(text, data, size);
  text[size] = '\0';
  return text;
}

char *evsi_strdup(const char *text) {
  return evsi_strndup(text, strlen(text));
}
