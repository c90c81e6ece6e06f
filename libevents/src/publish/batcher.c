/* SPDX-License-Identifier: MIT
 * batcher.c - see batcher.h. A queue for each topic and partition; a window counts what came since the last
 * time that all of its queues were let go: the lane has one, or with the strategy `partition` each queue. */
#include "publish/batcher.h"

#include <string.h>

#include "base/alloc.h"
#include "base/map.h"

/* What has come and may not go yet. */
typedef struct window {
  uint64_t bytes;
  uint32_t count;
  uint64_t since_ms; /* when the first of them was accepted */
} window;

typedef struct queue_name {
  evs_bytes topic;
  int32_t partition;
} queue_name;

typedef struct evsi_batch_queue {
  struct evsi_batch_queue *next_ready;
  bool is_ready; /* in the list of those that have something to send */
  evsi_send_list waiting;
  uint32_t due;       /* of them, from the first on, may go */
  uint32_t under_way; /* events of its batch without an answer */
  window window;
  UT_hash_handle hh;
  char name[]; /* the partition, then the topic */
} queue;

struct evsi_batcher {
  evsi_batching policy;
  queue *queues;
  queue *ready_first, *ready_last;
  uint32_t under_way; /* batches */
  uint32_t waiting;   /* events */
  window window;
};

evsi_batcher *evsi_batcher_new(const evsi_batching *policy) {
  evsi_batcher *batcher = evsi_calloc(1, sizeof *batcher);
  if (batcher)
    batcher->policy = *policy;
  return batcher;
}

static void free_queue(evsi_batcher *batcher, queue *q) {
  HASH_DEL(batcher->queues, q);
  evsi_free(q);
}

void evsi_batcher_free(evsi_batcher *batcher) {
  queue *q, *next;
  if (!batcher)
    return;
  HASH_ITER(hh, batcher->queues, q, next) {
    free_queue(batcher, q);
  }
  evsi_free(batcher);
}

/* ---- queues ----------------------------------------------------------------------------------- */

static queue *find_queue(evsi_batcher *batcher, const evs_tp_event *event) {
  char name[sizeof event->partition + 256];
  size_t size = sizeof event->partition + event->topic.size;
  queue *q = NULL;
  if (size > sizeof name)
    return NULL;
  memcpy(name, &event->partition, sizeof event->partition);
  memcpy(name + sizeof event->partition, event->topic.data, event->topic.size);
  HASH_FIND(hh, batcher->queues, name, size, q);
  if (q)
    return q;
  q = evsi_calloc(1, sizeof *q + size);
  if (!q)
    return NULL;
  memcpy(q->name, name, size);
  HASH_ADD_KEYPTR(hh, batcher->queues, q->name, size, q);
  if (q->hh.tbl)
    return q;
  evsi_free(q);
  return NULL;
}

/* Puts it at the end of those that may send, so that all get their turn. */
static void offer(evsi_batcher *batcher, queue *q) {
  if (q->is_ready || q->due == 0 || q->under_way > 0)
    return;
  q->is_ready = true;
  q->next_ready = NULL;
  *(batcher->ready_first ? &batcher->ready_last->next_ready : &batcher->ready_first) = q;
  batcher->ready_last = q;
}

static queue *take_ready(evsi_batcher *batcher) {
  queue *q = batcher->ready_first;
  batcher->ready_first = q->next_ready;
  q->is_ready = false;
  return q;
}

static void forget_if_empty(evsi_batcher *batcher, queue *q) {
  if (!q->waiting.first && q->under_way == 0 && !q->is_ready)
    free_queue(batcher, q);
}

/* ---- windows ---------------------------------------------------------------------------------- */

static uint64_t size_of(const evsi_send *send) {
  return evsi_stored_bytes(send->event.parcel, send->event.data, send->event.raw);
}

static window *window_of(evsi_batcher *batcher, queue *q) {
  return batcher->policy.strategy == EVSI_BATCH_BY_PARTITION ? &q->window : &batcher->window;
}

static void let_queue_go(evsi_batcher *batcher, queue *q) {
  for (evsi_send *send = q->waiting.last; send && !send->is_due; send = send->prev) {
    send->is_due = true;
    q->due++;
  }
  q->window = (window){0, 0, 0};
  offer(batcher, q);
}

static void let_all_go(evsi_batcher *batcher) {
  queue *q, *next;
  HASH_ITER(hh, batcher->queues, q, next) {
    let_queue_go(batcher, q);
    forget_if_empty(batcher, q);
  }
  batcher->window = (window){0, 0, 0};
}

void evsi_batcher_flush(evsi_batcher *batcher) {
  let_all_go(batcher);
}

static void note_came(evsi_batcher *batcher, queue *q, const evsi_send *send) {
  const evsi_batching *policy = &batcher->policy;
  window *w = window_of(batcher, q);
  uint64_t since_ms = send->job->started_us / 1000;
  if (w->count == 0 || since_ms < w->since_ms)
    w->since_ms = since_ms;
  w->count++;
  w->bytes += size_of(send);
  bool is_full = w->count >= policy->max_size || w->bytes >= policy->max_bytes;
  if (!is_full || policy->strategy == EVSI_BATCH_BY_TIME)
    return;
  if (policy->strategy == EVSI_BATCH_BY_PARTITION)
    let_queue_go(batcher, q);
  else
    let_all_go(batcher);
}

static bool is_over(const evsi_batcher *batcher, const window *w, uint64_t now_ms, uint64_t *next_ms) {
  if (w->count == 0)
    return false;
  uint64_t due_ms = w->since_ms + batcher->policy.max_wait_ms;
  if (due_ms <= now_ms)
    return true;
  *next_ms = due_ms < *next_ms ? due_ms : *next_ms;
  return false;
}

uint64_t evsi_batcher_tick(evsi_batcher *batcher, uint64_t now_ms) {
  uint64_t next_ms = UINT64_MAX;
  queue *q, *next;
  if (batcher->policy.strategy != EVSI_BATCH_BY_PARTITION) {
    if (is_over(batcher, &batcher->window, now_ms, &next_ms))
      let_all_go(batcher);
    return next_ms;
  }
  HASH_ITER(hh, batcher->queues, q, next) {
    if (is_over(batcher, &q->window, now_ms, &next_ms))
      let_queue_go(batcher, q);
    forget_if_empty(batcher, q);
  }
  return next_ms;
}

/* ---- coming and going ------------------------------------------------------------------------- */

/* In its place by the order of acceptance; before one that may go it may go, too. */
static void insert(evsi_batcher *batcher, queue *q, evsi_send *send) {
  evsi_send *hint = q->waiting.last;
  send->batch = q;
  evsi_send_list_restore(&q->waiting, send, &hint);
  send->is_due = send->is_due || (send->next && send->next->is_due);
  q->due += send->is_due;
  batcher->waiting++;
}

bool evsi_batcher_add(evsi_batcher *batcher, evsi_send *send) {
  queue *q = find_queue(batcher, &send->event);
  if (!q)
    return false;
  send->is_due = false;
  insert(batcher, q, send);
  if (send->is_due)
    offer(batcher, q);
  else
    note_came(batcher, q, send);
  return true;
}

static void unlink_send(evsi_batcher *batcher, queue *q, evsi_send *send) {
  evsi_send_list_remove(&q->waiting, send);
  q->due -= send->is_due;
  batcher->waiting--;
}

void evsi_batcher_remove(evsi_batcher *batcher, evsi_send *send) {
  queue *q = send->batch;
  unlink_send(batcher, q, send);
  window *w = window_of(batcher, q);
  if (send->is_due || w->count == 0)
    return;
  w->count--;
  w->bytes -= size_of(send);
}

static bool goes_along(const evsi_batching *policy, const evsi_send *first, const evsi_send *send,
                       uint64_t bytes) {
  return send->is_due && bytes + size_of(send) <= policy->max_bytes &&
         evsi_bytes_equal(first->job->batch_key, send->job->batch_key);
}

size_t evsi_batcher_take(evsi_batcher *batcher, evsi_send **out_sends, size_t most) {
  const evsi_batching *policy = &batcher->policy;
  queue *q = NULL;
  if (batcher->under_way >= policy->max_concurrent)
    return 0;
  while (batcher->ready_first && !q) {
    q = take_ready(batcher);
    if (q->due > 0)
      break;
    forget_if_empty(batcher, q); /* what it had was removed */
    q = NULL;
  }
  if (!q)
    return 0;
  size_t count = 0;
  uint64_t bytes = 0;
  most = most < policy->max_size ? most : policy->max_size;
  for (evsi_send *send = q->waiting.first, *next; send && count < most; send = next) {
    next = send->next;
    if (count > 0 && !goes_along(policy, out_sends[0], send, bytes))
      break;
    unlink_send(batcher, q, send);
    bytes += size_of(send);
    out_sends[count++] = send;
  }
  q->under_way = (uint32_t)count;
  batcher->under_way++;
  return count;
}

static void answered(evsi_batcher *batcher, queue *q) {
  if (--q->under_way > 0)
    return;
  batcher->under_way--;
  offer(batcher, q);
  forget_if_empty(batcher, q);
}

void evsi_batcher_done(evsi_batcher *batcher, evsi_send *send) {
  answered(batcher, send->batch);
}

void evsi_batcher_again(evsi_batcher *batcher, evsi_send *send) {
  send->is_due = true;
  insert(batcher, send->batch, send);
  answered(batcher, send->batch);
}

evsi_send_list *evsi_batcher_next_list(evsi_batcher *batcher, void **cursor) {
  queue *q = *cursor ? (queue *)((queue *)*cursor)->hh.next : batcher->queues;
  *cursor = q;
  return q ? &q->waiting : NULL;
}

bool evsi_batcher_has_waiting(const evsi_batcher *batcher) {
  return batcher->waiting > 0;
}
