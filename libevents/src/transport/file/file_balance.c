/* SPDX-License-Identifier: MIT
 * file_balance.c - which member of a group is to have which ordered stream. All members come to the same from
 * what the file says: of each topic everybody gets as many partitions as everybody else, and those that are
 * left over go to different members for different topics. Who has too many gives up one at a time; who has
 * too few takes what is free and due to it. */
#include <string.h>

#include "transport/file/file_internal.h"

enum { MEMBERS_MAX = 1024 };

/* The members that share a topic, each with what it has and what is due to it. */
typedef struct share {
  int64_t member;
  size_t has, due;
} share;

typedef struct owned {
  evsi_file_reading *reading;
  int64_t owner, heir; /* members, 0: nobody */
} owned;

typedef struct sharing {
  evsi_file_group *group;
  owned *streams; /* of the topic, by partition */
  size_t stream_count;
  share *members; /* beginning with those that get what is left over */
  size_t member_count;
  share *own;
} sharing;

static uint64_t hash_of(evs_bytes topic) {
  uint64_t hash = UINT64_C(14695981039346656037);
  for (uint64_t i = 0; i < topic.size; i++)
    hash = (hash ^ (unsigned char)topic.data[i]) * UINT64_C(1099511628211);
  return hash >> 32;
}

static evsi_file_db *db_of(const sharing *all) {
  return &all->group->transport->worker->store.db;
}

/* By number, turned by the topic. False: we are not among them. */
static bool list_members(sharing *all) {
  int64_t found[MEMBERS_MAX];
  size_t count = 0;
  const evsi_file_reading *head = all->streams[0].reading;
  sqlite3_stmt *row = evsi_file_query(db_of(all),
                                      "SELECT m.id FROM reading r JOIN member m ON m.id = r.member"
                                      " WHERE r.reader = ? AND m.relaxed = 0 ORDER BY m.id LIMIT ?",
                                      "ii", head->id, (int64_t)MEMBERS_MAX);
  while (evsi_file_next(db_of(all), row))
    found[count++] = sqlite3_column_int64(row, 0);
  all->members = count > 0 ? evsi_calloc(count, sizeof *all->members) : NULL;
  if (!all->members)
    return false;
  all->member_count = count;
  for (size_t i = 0; i < count; i++) {
    all->members[i].member = found[(hash_of(head->topic) + i) % count];
    if (all->members[i].member == all->group->member)
      all->own = &all->members[i];
  }
  return all->own != NULL;
}

/* Those of the topic that this member reads. */
static bool list_streams(sharing *all, const evsi_file_reading *first) {
  all->streams = evsi_calloc(HASH_COUNT(all->group->readings), sizeof *all->streams);
  for (evsi_file_reading *each = all->group->readings; all->streams && each; each = each->hh.next) {
    if (!evsi_bytes_equal(each->topic, first->topic))
      continue;
    owned *found = &all->streams[all->stream_count++];
    found->reading = each;
    found->owner = evsi_file_get(db_of(all), 0, "SELECT owner FROM reader WHERE id = ?", "i", each->id);
    found->heir = evsi_file_get(db_of(all), 0, "SELECT heir FROM reader WHERE id = ?", "i", each->id);
  }
  return all->stream_count > 0;
}

static void count_shares(sharing *all) {
  for (size_t i = 0; i < all->member_count; i++) {
    share *each = &all->members[i];
    each->due = all->stream_count / all->member_count + (i < all->stream_count % all->member_count);
    for (size_t s = 0; s < all->stream_count; s++)
      each->has += all->streams[s].owner == each->member;
  }
}

static bool is_moving(const evsi_file_group *group) {
  const evsi_file_reading *each = group->readings;
  while (each && each->hold != EVSI_HOLD_YIELDING && each->hold != EVSI_HOLD_GIVING)
    each = each->hh.next;
  return each != NULL;
}

static void give_up_one(sharing *all) {
  if (all->own->has <= all->own->due || is_moving(all->group))
    return;
  for (size_t i = all->stream_count; i-- > 0;) {
    evsi_file_reading *reading = all->streams[i].reading;
    if (reading->hold != EVSI_HOLD_OWNED)
      continue;
    evsi_file_order_yield(all->group, reading, evsi_bytes(NULL, 0));
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
  uint64_t now = evsi_file_now(transport->worker);
  for (size_t i = 0; i < all->stream_count; i++) {
    evsi_file_reading *reading = all->streams[i].reading;
    bool is_free = all->streams[i].owner == 0 && reading->hold == EVSI_HOLD_NONE;
    if (!is_free) {
      reading->free_ms = 0;
      continue;
    }
    reading->free_ms = reading->free_ms ? reading->free_ms : now;
    share *next = next_due(all);
    if (next)
      next->has++;
    /* Whoever does not come for what is due to it lets others have it. */
    bool is_left = now - reading->free_ms >= 2 * transport->config.session_timeout_ms;
    if (next == all->own || is_left || all->streams[i].heir == all->group->member)
      evsi_file_order_take(all->group, reading);
  }
}

static void balance_topic(evsi_file_group *group, const evsi_file_reading *first) {
  sharing all = {.group = group};
  if (list_streams(&all, first) && list_members(&all)) {
    count_shares(&all);
    give_up_one(&all);
    take_free(&all);
  }
  evsi_free(all.streams);
  evsi_free(all.members);
}

/* Is it the first one of its topic? */
static bool is_first(const evsi_file_group *group, const evsi_file_reading *reading) {
  const evsi_file_reading *each = group->readings;
  while (each != reading && !evsi_bytes_equal(each->topic, reading->topic))
    each = each->hh.next;
  return each == reading;
}

void evsi_file_balance(evsi_file_group *group) {
  for (const evsi_file_reading *each = group->readings; each; each = each->hh.next) {
    if (each->ordering != EVS_ORDER_NONE && is_first(group, each))
      balance_topic(group, each);
  }
}
