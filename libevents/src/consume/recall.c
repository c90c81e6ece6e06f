/* SPDX-License-Identifier: MIT
 * recall.c - questions to the transport for what was set aside of ordered streams, in the order in which they
 * were asked, a few at a time. What it has no memory for waits, and is asked again. */
#include <string.h>

#include "base/alloc.h"
#include "consume/engine.h"

enum { RECALL_MAX = 64 };

struct evsi_recall {
  evsi_recall *next;
  const evsi_order *order;
  evs_tp_place place;
  char offset[];
};

bool evsi_recall_add(evsi_group *group, const evsi_order *order, const evs_tp_place *place) {
  evsi_recall *recall = evsi_calloc(1, sizeof *recall + place->offset.size);
  if (!recall)
    return false;
  recall->order = order;
  recall->place = *place;
  memcpy(recall->offset, place->offset.data, place->offset.size);
  recall->place.offset.data = recall->offset;
  *(group->recalls_last ? &group->recalls_last->next : &group->recalls_first) = recall;
  group->recalls_last = recall;
  evsi_tasks_post(group->consume->setup.tasks, &group->task);
  return true;
}

void evsi_recalls_drop(evsi_group *group, const evsi_order *order) {
  evsi_recall **link = &group->recalls_first;
  group->recalls_last = NULL;
  while (*link) {
    evsi_recall *each = *link;
    if (!order || each->order == order) {
      *link = each->next;
      evsi_free(each);
      continue;
    }
    group->recalls_last = each;
    link = &each->next;
  }
}

/* @locks consume. Takes a few; gives the last of them, or NULL: there are none. */
static evsi_recall *take_some(evsi_group *group, evs_tp_place *out, size_t *out_count) {
  evsi_recall *last = NULL;
  *out_count = 0;
  for (evsi_recall *each = group->recalls_first; each && *out_count < RECALL_MAX; each = each->next) {
    out[(*out_count)++] = each->place;
    last = each;
  }
  if (!last)
    return NULL;
  group->recalls_first = last->next;
  if (!group->recalls_first)
    group->recalls_last = NULL;
  last->next = NULL;
  return last;
}

/* @locks consume. Before all that were asked for meanwhile. */
static void put_back(evsi_group *group, evsi_recall *first, evsi_recall *last) {
  last->next = group->recalls_first;
  group->recalls_first = first;
  if (!last->next)
    group->recalls_last = last;
}

/* Asks for a few; false: there are none, or the transport calls for patience. */
static bool send_some(evsi_group *group) {
  evs_tp_place places[RECALL_MAX];
  size_t count;
  pthread_mutex_lock(&group->consume->lock);
  evsi_recall *first = group->recalls_first, *last = take_some(group, places, &count);
  uint64_t refusals = group->refusals;
  pthread_mutex_unlock(&group->consume->lock);
  if (!last)
    return false;
  group->link->ops->recall(group->link->transport, places, count);
  pthread_mutex_lock(&group->consume->lock);
  bool is_taken = group->refusals == refusals;
  if (!is_taken)
    put_back(group, first, last);
  pthread_mutex_unlock(&group->consume->lock);
  while (is_taken && first) {
    evsi_recall *next = first->next;
    evsi_free(first);
    first = next;
  }
  return is_taken;
}

void evsi_recalls_send(evsi_group *group) {
  while (send_some(group)) {
  }
}
