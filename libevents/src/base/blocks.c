/* SPDX-License-Identifier: MIT
 * blocks.c - racks of blocks of like size ("Magazines and Vmem", Bonwick and Adams, 2001): each thread has
 * two of a size, and only a whole one passes through the depot that all share, from who gives back to who
 * asks. */
#include "base/blocks.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/alloc.h"

enum {
  STEP = 64,
  SIZES = 33, /* of blocks: up to 2 KiB */
  RACK_BYTES = 64 * 1024,
  DEPOT_RACKS = 64 /* at most, of all sizes */
};

/* An address that is used after its end is to be found. */
#if defined(__SANITIZE_ADDRESS__)
enum { IS_WATCHED = true };
#elif defined(__has_feature)
enum { IS_WATCHED = __has_feature(address_sanitizer) };
#else
enum { IS_WATCHED = false };
#endif

typedef struct block {
  struct block *next; /* in its rack */
  size_t steps;       /* its size */
  union {
    struct block *next_rack; /* of the first one in a rack that is in the depot */
    max_align_t start;
  };
} block;

typedef struct rack {
  block *first;
  size_t count;
} rack;

typedef struct shelf {
  rack open, full;
} shelf;

/* Where the linker has room for a pointer in the memory of each thread, finding it costs no call. */
#ifdef __GLIBC__
#define IN_REACH __attribute__((tls_model("initial-exec")))
#else
#define IN_REACH
#endif
static _Thread_local shelf *own IN_REACH; /* one for each size; NULL: nothing was kept yet */

static struct {
  pthread_mutex_t lock;
  block *racks[SIZES];
  size_t count;
} depot = {.lock = PTHREAD_MUTEX_INITIALIZER};

static pthread_key_t thread_end;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static bool has_key;

static size_t places(size_t steps) {
  return RACK_BYTES / (steps * STEP);
}

static void free_rack(rack *from) {
  while (from->first) {
    block *next = from->first->next;
    evsi_free(from->first);
    from->first = next;
  }
  from->count = 0;
}

/* Nobody waits for the depot: who finds it locked does without, also in a child of a fork() that found it so.
 */
static bool put_in_depot(size_t steps, rack *full) {
  if (pthread_mutex_trylock(&depot.lock) != 0)
    return false;
  bool has_room = depot.count < DEPOT_RACKS;
  if (has_room) {
    full->first->next_rack = depot.racks[steps];
    depot.racks[steps] = full->first;
    depot.count++;
  }
  pthread_mutex_unlock(&depot.lock);
  return has_room;
}

static rack take_from_depot(size_t steps) {
  rack taken = {NULL, 0};
  if (pthread_mutex_trylock(&depot.lock) != 0)
    return taken;
  if (depot.racks[steps]) {
    taken = (rack){depot.racks[steps], places(steps)};
    depot.racks[steps] = taken.first->next_rack;
    depot.count--;
  }
  pthread_mutex_unlock(&depot.lock);
  return taken;
}

static void end_shelves(void *data) {
  shelf *shelves = data;
  own = NULL;
  for (size_t steps = 0; steps < SIZES; steps++) {
    free_rack(&shelves[steps].open);
    free_rack(&shelves[steps].full);
  }
  evsi_free(shelves);
}

static void make_key(void) {
  has_key = pthread_key_create(&thread_end, end_shelves) == 0;
}

/* They end with the thread, or are not made. */
static shelf *make_shelves(void) {
  pthread_once(&once, make_key);
  shelf *made = has_key ? evsi_calloc(SIZES, sizeof *made) : NULL;
  if (!made || pthread_setspecific(thread_end, made) == 0)
    return made;
  evsi_free(made);
  return NULL;
}

/* Where blocks of this size are kept, or NULL: nowhere. */
static inline shelf *shelf_of(size_t steps) {
  if (IS_WATCHED || steps >= SIZES || !evsi_alloc_is_default())
    return NULL;
  if (!own)
    own = make_shelves();
  return own ? &own[steps] : NULL;
}

void *evsi_block(size_t size) {
  size_t steps = size / STEP + 1;
  shelf *kept = shelf_of(steps);
  if (kept && !kept->open.first) {
    kept->open = kept->full.first ? kept->full : take_from_depot(steps);
    kept->full = (rack){NULL, 0};
  }
  block *got = kept ? kept->open.first : NULL;
  if (got) {
    kept->open.first = got->next;
    kept->open.count--;
  } else {
    got = evsi_alloc(offsetof(block, start) + (steps < SIZES ? steps * STEP : size));
  }
  if (!got)
    return NULL;
  got->steps = steps;
  return &got->start;
}

void evsi_block_free(void *ptr) {
  if (!ptr)
    return;
  block *given = (block *)((char *)ptr - offsetof(block, start));
  shelf *kept = shelf_of(given->steps);
  if (!kept) {
    evsi_free(given);
    return;
  }
  if (kept->open.count == places(given->steps)) {
    if (kept->full.first && !put_in_depot(given->steps, &kept->full))
      free_rack(&kept->full);
    kept->full = kept->open;
    kept->open = (rack){NULL, 0};
  }
  given->next = kept->open.first;
  kept->open.first = given;
  kept->open.count++;
}
