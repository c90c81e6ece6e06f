/* SPDX-License-Identifier: MIT
 * shortage.c - the failing allocator. With EVS_SHORTAGE_LOG=FOLDER it writes there from where the allocations
 * were asked for that failed: tests/unit/support/sites.py says from that which ones never did. */
#include "unit/support/shortage.h"

#include <dlfcn.h>
#include <execinfo.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "base/alloc.h"

enum { FRAMES = 10, STACKS_MAX = 8192, ALLOCATIONS_MAX = 100000 };

typedef struct stack {
  void *frames[FRAMES]; /* the first is this file's */
} stack;

static struct {
  _Atomic long allowed, alive, gap, until_next;
  _Atomic bool goes_on, of_places, has_failed;
  pthread_mutex_t lock;
  stack *seen; /* those that failed, each once; a table by hash, all zero: free */
  size_t seen_count;
} shortage = {.allowed = SHORTAGE_NEVER, .lock = PTHREAD_MUTEX_INITIALIZER};

static size_t place_of(const stack *asked) {
  uint64_t hash = 0;
  for (int i = 1; i < FRAMES; i++)
    hash = (hash ^ (uintptr_t)asked->frames[i]) * 0x9E3779B97F4A7C15u;
  size_t place = (size_t)(hash >> 32) % STACKS_MAX;
  while (shortage.seen[place].frames[1] && memcmp(&shortage.seen[place], asked, sizeof *asked) != 0)
    place = (place + 1) % STACKS_MAX;
  return place;
}

static void write_seen(void) {
  Dl_info program;
  char path[4096];
  dladdr((void *)&shortage, &program);
  const char *name = strrchr(program.dli_fname, '/');
  snprintf(path, sizeof path, "%s/%s", getenv("EVS_SHORTAGE_LOG"), name ? name + 1 : program.dli_fname);
  FILE *out = fopen(path, "w");
  if (!out)
    return;
  for (size_t i = 0; i < STACKS_MAX; i++)
    for (int j = 1; j < FRAMES && shortage.seen[i].frames[j]; j++)
      fprintf(out, "0x%lx%s",
              (unsigned long)((char *)shortage.seen[i].frames[j] - (char *)program.dli_fbase - 1),
              j + 1 < FRAMES && shortage.seen[i].frames[j + 1] ? " " : "\n");
  fclose(out);
}

/* Gives whether this is the first time that who asks now is noted. */
static bool note_who_asked(void) {
  stack asked = {{NULL}};
  backtrace(asked.frames, FRAMES);
  asked.frames[0] = NULL;
  pthread_mutex_lock(&shortage.lock);
  if (!shortage.seen) {
    shortage.seen = calloc(STACKS_MAX, sizeof *shortage.seen);
    if (getenv("EVS_SHORTAGE_LOG"))
      atexit(write_seen);
  }
  size_t place = place_of(&asked);
  bool is_new = !shortage.seen[place].frames[1] && shortage.seen_count < STACKS_MAX / 2;
  if (is_new) {
    shortage.seen[place] = asked;
    shortage.seen_count++;
  }
  pthread_mutex_unlock(&shortage.lock);
  return is_new;
}

static bool fails(void) {
  if (shortage.of_places)
    return atomic_fetch_sub(&shortage.until_next, 1) <= 0 && note_who_asked() &&
           (atomic_store(&shortage.until_next, shortage.gap), true);
  long left = atomic_fetch_sub(&shortage.allowed, 1);
  if (left > 0 || (left < 0 && !shortage.goes_on))
    return false;
  shortage.has_failed = true;
  if (getenv("EVS_SHORTAGE_LOG"))
    note_who_asked();
  return true;
}

static void *counting_realloc(void *ptr, size_t size) {
  if (size == 0) {
    shortage.alive -= ptr != NULL;
    free(ptr);
    return NULL;
  }
  void *got = fails() ? NULL : realloc(ptr, size);
  shortage.alive += got && !ptr;
  return got;
}

/* The scanner of the JSON library writes behind its buffer when that cannot grow (by doubling): it is spared.
 */
static void *counting_malloc(size_t size) {
  bool is_scanner = size >= 16 && (size & (size - 1)) == 0;
  void *got = !is_scanner && fails() ? NULL : malloc(size);
  shortage.alive += got != NULL;
  return got;
}

static void counting_free(void *ptr) {
  shortage.alive -= ptr != NULL;
  free(ptr);
}

void shortage_of_json(bool is_wanted) {
  json_set_alloc_funcs(is_wanted ? counting_malloc : malloc, is_wanted ? counting_free : free);
}

void shortage_begin(long allowed, bool goes_on) {
  evsi_alloc_replace(counting_realloc); /* and stays: what it counted in, it has to count out */
  shortage.has_failed = false;
  shortage.allowed = allowed;
  shortage.goes_on = goes_on;
}

void shortage_of_places(long gap) {
  evsi_alloc_replace(counting_realloc);
  shortage.gap = gap;
  shortage.of_places = true;
}

size_t shortage_places(void) {
  pthread_mutex_lock(&shortage.lock);
  size_t count = shortage.seen_count;
  pthread_mutex_unlock(&shortage.lock);
  return count;
}

bool shortage_end(void) {
  shortage.of_places = false;
  shortage.allowed = SHORTAGE_NEVER;
  return shortage.has_failed;
}

long shortage_alive(void) {
  return shortage.alive;
}

/* One walk of the way; gives whether there was a shortage. */
static bool walk(shortage_way way, void *context, long allowed, bool goes_on, shortage_rule rule) {
  long before = shortage_alive();
  shortage_begin(allowed, goes_on);
  evs_status status = way(context);
  bool was_short = shortage_end();
  const char *how = goes_on ? "all" : "one";
  if (status != EVS_OK && (status != EVS_NOMEM || !was_short))
    fail_msg("after %ld allocations, when %s failed: %s", allowed, how, evs_status_name(status));
  if (status == EVS_OK && was_short && rule == SHORTAGE_IS_TOLD)
    fail_msg("after %ld allocations, when %s failed: nothing was told", allowed, how);
  if (shortage_alive() != before)
    fail_msg("after %ld allocations, when %s failed: %ld blocks are left", allowed, how,
             shortage_alive() - before);
  return was_short;
}

long shortage_of_each(shortage_way way, void *context, shortage_rule rule) {
  long count = 0;
  shortage_begin(SHORTAGE_NEVER, false);
  assert_int_equal(way(context), EVS_OK); /* what is made once in a process is made now */
  for (int goes_on = 0; goes_on <= 1; goes_on++)
    for (count = 0; walk(way, context, count, goes_on, rule); count++)
      assert_true(count < ALLOCATIONS_MAX);
  assert_true(count > 0);
  return count;
}
