/* SPDX-License-Identifier: MIT
 * redis_balance.c - which member of a group is to have which ordered stream. All members come to the same
 * from the list of members: of each topic everybody gets as many partitions as everybody else, and those that
 * are left over go to different members for different topics. Who has too many gives up one at a time; who
 * has too few takes what is free and due to it. Two that see different lists meet at the lease. */
#include <stdlib.h>
#include <string.h>

#include "transport/redis/redis_internal.h"

enum { MEMBERS_MAX = 1024 };

/* The members that share a topic, each with what it has and what is due to it. */
typedef struct share {
  const char *name;
  size_t has, due;
} share;

typedef struct sharing {
  evsi_redis_group *group;
  evsi_redis_stream **streams; /* of the topic, by partition */
  size_t stream_count;
  share *members; /* beginning with those that get what is left over */
  size_t member_count;
  share *own;
} sharing;

static int by_name(const void *a, const void *b) {
  return strcmp(((const share *)a)->name, ((const share *)b)->name);
}

static uint64_t hash_of(evs_bytes topic) {
  uint64_t hash = UINT64_C(14695981039346656037);
  for (uint64_t i = 0; i < topic.size; i++)
    hash = (hash ^ (unsigned char)topic.data[i]) * UINT64_C(1099511628211);
  return hash >> 32;
}

static bool may_share(const evsi_redis_group *group, const evsi_redis_member *member) {
  bool is_relaxed = evsi_redis_is_self(group, member) ? group->is_relaxed : member->is_relaxed;
  return member->is_alive && !is_relaxed && member->info;
}

/* Sorted by name, turned by the topic. False when memory is short, or we are not among them yet. */
static bool list_members(sharing *all, const evsi_redis_stream *stream) {
  size_t most = HASH_COUNT(stream->members), count = 0;
  share *sorted = most > 0 && most <= MEMBERS_MAX ? evsi_calloc(2 * most, sizeof *sorted) : NULL;
  if (!sorted)
    return false;
  for (const evsi_redis_member *each = stream->members; each; each = each->hh.next) {
    if (may_share(stream->group, each))
      sorted[count++].name = each->name;
  }
  if (count > 1)
    qsort(sorted, count, sizeof *sorted, by_name);
  share *turned = sorted + most;
  size_t first = count > 0 ? (size_t)(hash_of(stream->topic) % count) : 0;
  for (size_t i = 0; i < count; i++) {
    turned[i] = sorted[(first + i) % count];
    if (strcmp(turned[i].name, all->group->member) == 0)
      all->own = &turned[i];
  }
  memcpy(sorted, turned, count * sizeof *sorted);
  all->own = all->own ? sorted + (all->own - turned) : NULL;
  all->members = sorted;
  all->member_count = count;
  return all->own != NULL;
}

static bool is_joined(const evsi_redis_stream *stream) {
  return stream->state == EVSI_STREAM_LIVE || stream->state == EVSI_STREAM_RECOVER ||
         stream->state == EVSI_STREAM_RECOVERING;
}

/* Those of the topic, from the first one on; false: not all of them are joined yet. */
static bool list_streams(sharing *all, const evsi_redis_stream *first) {
  evsi_redis_group *group = all->group;
  for (size_t i = 0; i < group->stream_count; i++) {
    evsi_redis_stream *stream = group->streams[i];
    if (!evsi_bytes_equal(stream->topic, first->topic))
      continue;
    if (!is_joined(stream))
      return false;
    all->streams[all->stream_count++] = stream;
  }
  return true;
}

static bool is_free(const evsi_redis_stream *stream) {
  evsi_redis_member *owner = NULL;
  if (stream->owner)
    HASH_FIND_STR(stream->members, stream->owner, owner);
  return !owner || !owner->is_alive;
}

static void count_shares(sharing *all) {
  for (size_t i = 0; i < all->member_count; i++) {
    share *each = &all->members[i];
    each->due = all->stream_count / all->member_count + (i < all->stream_count % all->member_count);
    for (size_t s = 0; s < all->stream_count; s++)
      each->has += all->streams[s]->owner && strcmp(all->streams[s]->owner, each->name) == 0;
  }
}

static bool is_moving(const evsi_redis_group *group) {
  for (size_t i = 0; i < group->stream_count; i++) {
    evsi_redis_hold hold = group->streams[i]->hold;
    if (hold == EVSI_HOLD_YIELDING || hold == EVSI_HOLD_GIVING)
      return true;
  }
  return false;
}

static void give_up_one(sharing *all) {
  if (all->own->has <= all->own->due || is_moving(all->group))
    return;
  for (size_t i = all->stream_count; i-- > 0;) {
    evsi_redis_stream *stream = all->streams[i];
    if (stream->hold != EVSI_HOLD_OWNED || stream->is_confirming || stream->state != EVSI_STREAM_LIVE)
      continue;
    evsi_redis_order_yield(stream, NULL);
    return;
  }
}

/* Whose turn is it to take the next free one? */
static share *next_due(sharing *all) {
  for (size_t i = 0; i < all->member_count; i++) {
    if (all->members[i].has < all->members[i].due)
      return &all->members[i];
  }
  return NULL;
}

static void take_free(sharing *all) {
  const evs_transport *transport = all->group->transport;
  uint64_t now = evsi_redis_now(transport);
  for (size_t i = 0; i < all->stream_count; i++) {
    evsi_redis_stream *stream = all->streams[i];
    if (!is_free(stream) || stream->hold != EVSI_HOLD_NONE)
      continue;
    share *next = next_due(all);
    if (next)
      next->has++;
    /* Whoever does not come for what is due to it lets others have it. */
    bool is_left = stream->free_ms > 0 && now - stream->free_ms >= 2 * transport->config.session_timeout_ms;
    if (next == all->own || is_left)
      evsi_redis_order_take(stream);
  }
}

static void balance_topic(evsi_redis_group *group, evsi_redis_stream *head) {
  sharing all = {.group = group};
  all.streams = evsi_calloc(group->stream_count, sizeof(evsi_redis_stream *));
  if (all.streams && list_streams(&all, head) && list_members(&all, head)) {
    count_shares(&all);
    give_up_one(&all);
    take_free(&all);
  }
  evsi_free(all.streams);
  evsi_free(all.members);
}

/* Is it the first one of its topic? */
static bool is_first(const evsi_redis_group *group, size_t index) {
  for (size_t i = 0; i < index; i++) {
    if (evsi_bytes_equal(group->streams[i]->topic, group->streams[index]->topic))
      return false;
  }
  return true;
}

void evsi_redis_balance(evsi_redis_group *group) {
  if (!group->must_balance || group->is_leaving)
    return;
  group->must_balance = false;
  for (size_t i = 0; i < group->stream_count; i++) {
    if (group->streams[i]->ordering != EVS_ORDER_NONE && is_first(group, i))
      balance_topic(group, group->streams[i]);
  }
}
