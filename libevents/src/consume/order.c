/* SPDX-License-Identifier: MIT
 * order.c - ordered streams: the events of a lane (a key, a partition) are handled one after the other, and
 * the next begins only when the transport has settled the one before it for good. What comes again (a retry,
 * something handed back) holds up its lane; those behind it are set aside in the transport, where they cost
 * no memory here, and asked for when it is their turn. A dead letter may hold up a lane or, by a gate, one
 * key of it. Nothing here is kept: whoever gets the stream next builds the same from what is pending, in
 * order. */
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "consume/engine.h"

enum { RECALL_AHEAD = 16, STREAM_NAME_MAX = 256 };

/* An entry that the transport keeps, or may have to: held_up by it, or behind what holds up. */
struct evsi_order_place {
  evsi_order_place *next;
  bool is_recalled;
  uint64_t size;
  char offset[];
};

/* A lane has what is held, of which the first one has begun, and behind that what was set aside. A gate has
 * no held ones: its entries pass a lane, and it is closed to all but the one that closed it. */
struct evsi_order_lane {
  evsi_order *order;
  evsi_entry *first, *last;
  evsi_order_place *aside_first, *aside_last;
  evsi_order_place *parked; /* comes before all of these */
  uint32_t recalled;        /* of those aside, asked for and not there yet */
  UT_hash_handle hh;
  uint64_t key_size;
  char key[];
};

struct evsi_order {
  evsi_group *group;
  char *stream; /* topic, or topic:partition */
  uint64_t topic_size;
  int32_t partition;
  uint64_t until_ms;
  evsi_order_lane *lanes, *gates;
  UT_hash_handle hh;
};

/* ---- finding and forgetting ------------------------------------------------------------------- */

bool evsi_order_applies(const evsi_entry *entry) {
  return entry->stored.ordering != EVS_ORDER_NONE && !entry->carrier && !entry->group->is_relaxed &&
         !entry->group->replay;
}

static evsi_order *find_or_add(evsi_group *group, evs_bytes topic, int32_t partition) {
  char name[STREAM_NAME_MAX];
  evsi_order *order = NULL;
  if (partition == EVS_PARTITION_NONE)
    snprintf(name, sizeof name, "%.*s", (int)topic.size, topic.data);
  else
    snprintf(name, sizeof name, "%.*s:%d", (int)topic.size, topic.data, partition);
  HASH_FIND_STR(group->orders, name, order);
  if (order)
    return order;
  order = evsi_calloc(1, sizeof *order);
  if (!order || !(order->stream = evsi_strdup(name))) {
    evsi_free(order);
    return NULL;
  }
  order->group = group;
  order->topic_size = topic.size;
  order->partition = partition;
  order->until_ms = UINT64_MAX;
  HASH_ADD_KEYPTR(hh, group->orders, order->stream, strlen(order->stream), order);
  if (order->hh.tbl)
    return order;
  evsi_free(order->stream);
  evsi_free(order);
  return NULL;
}

static evsi_order_lane *find_lane(evsi_order_lane *table, evs_bytes key) {
  evsi_order_lane *lane = NULL;
  HASH_FIND(hh, table, key.size ? key.data : "", key.size, lane);
  return lane;
}

static evsi_order_lane *find_or_add_lane(evsi_order *order, evsi_order_lane **table, evs_bytes key) {
  evsi_order_lane *lane = find_lane(*table, key);
  if (lane)
    return lane;
  lane = evsi_calloc(1, sizeof *lane + key.size + 1);
  if (!lane)
    return NULL;
  lane->order = order;
  lane->key_size = key.size;
  if (key.size > 0)
    memcpy(lane->key, key.data, key.size);
  HASH_ADD_KEYPTR(hh, *table, lane->key, lane->key_size, lane);
  if (lane->hh.tbl)
    return lane;
  evsi_free(lane);
  return NULL;
}

static evsi_order_lane **table_of(const evsi_order_lane *lane, bool is_gate) {
  return is_gate ? &lane->order->gates : &lane->order->lanes;
}

static void free_lane(evsi_order_lane *lane, bool is_gate) {
  while (lane->aside_first) {
    evsi_order_place *place = lane->aside_first;
    lane->aside_first = place->next;
    evsi_free(place);
  }
  HASH_DEL(*table_of(lane, is_gate), lane);
  evsi_free(lane->parked);
  evsi_free(lane);
}

static void free_if_empty(evsi_order_lane *lane, bool is_gate) {
  if (!lane->first && !lane->aside_first && !lane->parked)
    free_lane(lane, is_gate);
}

static void free_lanes(evsi_order *order) {
  evsi_order_lane *lane, *next;
  HASH_ITER(hh, order->lanes, lane, next) {
    free_lane(lane, false);
  }
  HASH_ITER(hh, order->gates, lane, next) {
    free_lane(lane, true);
  }
}

void evsi_orders_free(evsi_group *group) {
  evsi_order *order, *next;
  evsi_recalls_drop(group, NULL);
  HASH_ITER(hh, group->orders, order, next) {
    free_lanes(order);
    HASH_DEL(group->orders, order);
    evsi_free(order->stream);
    evsi_free(order);
  }
}

/* ---- places ----------------------------------------------------------------------------------- */

static evsi_order_place *place_new(const evsi_entry *entry) {
  evsi_order_place *place = evsi_calloc(1, sizeof *place + entry->stored.offset.size);
  if (!place)
    return NULL;
  place->size = entry->stored.offset.size;
  memcpy(place->offset, entry->stored.offset.data, place->size);
  return place;
}

static bool is_at(const evsi_order_place *place, const evsi_entry *entry) {
  return place && evsi_bytes_equal(evsi_bytes(place->offset, place->size), entry->stored.offset);
}

/* The next of those that were set aside, when that was asked for and is this one. */
static bool is_recalled(const evsi_order_lane *lane, const evsi_entry *entry) {
  return lane && lane->aside_first && lane->aside_first->is_recalled && is_at(lane->aside_first, entry);
}

/* One that was asked for comes when others have gone before it: it is kept where it is. */
static bool comes_too_early(evsi_order_lane *lane, const evsi_entry *entry) {
  uint32_t left = lane->recalled;
  for (evsi_order_place *place = lane->aside_first; place && left > 0; place = place->next) {
    left -= place->is_recalled;
    if (!place->is_recalled || !is_at(place, entry))
      continue;
    place->is_recalled = false;
    lane->recalled--;
    return true;
  }
  return false;
}

static void add_aside(evsi_order_lane *lane, evsi_order_place *place, evsi_order_place *after) {
  place->is_recalled = false;
  place->next = after ? after->next : lane->aside_first;
  *(after ? &after->next : &lane->aside_first) = place;
  if (!place->next)
    lane->aside_last = place;
}

static evsi_order_place *take_aside(evsi_order_lane *lane) {
  evsi_order_place *place = lane->aside_first;
  lane->aside_first = place->next;
  if (!lane->aside_first)
    lane->aside_last = NULL;
  lane->recalled -= place->is_recalled;
  place->next = NULL;
  return place;
}

static evsi_order_place *take_place(evsi_entry *entry) {
  evsi_order_place *place = entry->place;
  entry->place = NULL;
  return place;
}

static void append(evsi_order_lane *lane, evsi_entry *entry) {
  entry->lane = lane;
  entry->lane_next = NULL;
  *(lane->last ? &lane->last->lane_next : &lane->first) = entry;
  lane->last = entry;
}

/* Before those that have not begun. */
static void put_early(evsi_order_lane *lane, evsi_entry *entry) {
  evsi_entry *begun = lane->first && lane->first->has_begun ? lane->first : NULL;
  entry->lane = lane;
  entry->lane_next = begun ? begun->lane_next : lane->first;
  *(begun ? &begun->lane_next : &lane->first) = entry;
  if (!entry->lane_next)
    lane->last = entry;
}

static void unlink_first(evsi_order_lane *lane) {
  evsi_entry *entry = lane->first;
  lane->first = entry->lane_next;
  if (!lane->first)
    lane->last = NULL;
  entry->lane = NULL;
  entry->lane_next = NULL;
}

/* Gives all that is held and has not begun to the transport to keep, before what it keeps already. */
static void set_aside(evsi_order_lane *lane, evsi_outgoing *outgoing) {
  evsi_entry *begun = lane->first && lane->first->has_begun ? lane->first : NULL;
  evsi_entry *each = begun ? begun->lane_next : lane->first;
  evsi_order_place *after = NULL;
  *(begun ? &begun->lane_next : &lane->first) = NULL;
  lane->last = begun;
  while (each) {
    evsi_entry *next = each->lane_next;
    evsi_order_place *place = take_place(each);
    each->lane = NULL;
    each->lane_next = NULL;
    add_aside(lane, place, after);
    after = place;
    evsi_settle_as(each, EVS_SETTLE_ASIDE, 0, outgoing);
    each = next;
  }
}

/* ---- beginning -------------------------------------------------------------------------------- */

static void ask_for(evsi_order_lane *lane, evsi_order_place *place) {
  const evsi_order *order = lane->order;
  const evs_tp_place asked = {.struct_size = sizeof asked,
                              .partition = order->partition,
                              .group = order->group->token,
                              .topic = evsi_bytes(order->stream, order->topic_size),
                              .offset = evsi_bytes(place->offset, place->size)};
  place->is_recalled = evsi_recall_add(order->group, order, &asked);
  if (place->is_recalled)
    lane->recalled++;
  else
    evsi_group_try_again(order->group);
}

static void recall(evsi_order_lane *lane, uint32_t most) {
  evsi_order_place *place = lane->parked ? NULL : lane->aside_first;
  for (uint32_t i = 0; place && i < most; i++, place = place->next) {
    if (!place->is_recalled)
      ask_for(lane, place);
  }
}

/* Does its dead letter hold up others still, or is it not due yet? */
static bool must_wait(const evsi_entry *entry) {
  uint32_t letter = entry->state.letter;
  return entry->stored.wait_ms > 0 || letter == EVSI_LETTER_HOLDS_LANE || letter == EVSI_LETTER_HOLDS_KEY;
}

/* The first one of the lane comes again, and all others wait for it. */
static void park(evsi_order_lane *lane, evsi_outgoing *outgoing) {
  evsi_entry *entry = lane->first;
  lane->parked = take_place(entry);
  unlink_first(lane);
  set_aside(lane, outgoing);
}

/* One that may not begin, since something with its key comes first; true: it was dealt with. */
static bool wait_at_gate(evsi_entry *entry, evsi_outgoing *outgoing) {
  evsi_order *order = entry->order;
  evsi_order_lane *gate = find_lane(order->gates, entry->envelope.key);
  bool closes = entry->state.letter == EVSI_LETTER_HOLDS_KEY;
  if (!gate && closes)
    gate = find_or_add_lane(order, &order->gates, entry->envelope.key);
  if (!gate)
    return false;
  entry->gate = gate;
  bool is_closer = is_at(gate->parked, entry);
  if (closes && (is_closer || !gate->parked)) {
    evsi_free(gate->parked);
    gate->parked = take_place(entry);
  } else if (is_closer) {
    return false;
  } else if (!gate->parked && is_recalled(gate, entry)) {
    gate->parked = take_aside(gate);
    return false;
  } else if (!comes_too_early(gate, entry)) {
    add_aside(gate, take_place(entry), gate->aside_last);
  }
  unlink_first(entry->lane);
  entry->gate = NULL;
  evsi_settle_as(entry, EVS_SETTLE_ASIDE, 0, outgoing);
  return true;
}

static void start(evsi_order_lane *lane, evsi_outgoing *outgoing) {
  if (!evsi_group_may_begin(lane->order->group)) {
    set_aside(lane, outgoing);
    return;
  }
  while (lane->first && !lane->first->has_begun) {
    evsi_entry *entry = lane->first;
    if (entry->stored.ordering != EVS_ORDER_PER_KEY && entry->envelope.key.size > 0 &&
        wait_at_gate(entry, outgoing))
      continue;
    if (must_wait(entry)) {
      park(lane, outgoing);
      evsi_settle_as(entry, EVS_SETTLE_ASIDE, 0, outgoing);
      return;
    }
    entry->has_begun = true;
    entry->group->consume->wake_host = true;
    evsi_begin(entry, outgoing);
    return;
  }
  if (!lane->first)
    recall(lane, RECALL_AHEAD);
}

/* ---- coming ----------------------------------------------------------------------------------- */

/* False: memory is too short to know its key. */
static bool read_key(evsi_entry *entry) {
  if (entry->stored.flags & (EVS_ENTRY_MALFORMED | EVS_ENTRY_TRIMMED | EVS_ENTRY_BATCH))
    return true;
  const char *why = evsi_entry_read(entry);
  if (why)
    memset(&entry->envelope, 0, sizeof entry->envelope); /* said when it begins */
  return why != evsi_envelope_no_memory;
}

/* Is it the one that its key waits for? It is older than all that has not begun. */
static bool opens_gate(const evsi_order *order, const evsi_entry *entry) {
  const evsi_order_lane *gate = order->gates ? find_lane(order->gates, entry->envelope.key) : NULL;
  return gate && (is_at(gate->parked, entry) || is_recalled(gate, entry));
}

static void enter(evsi_order_lane *lane, evsi_entry *entry, evsi_outgoing *outgoing) {
  if (is_at(lane->parked, entry)) {
    evsi_free(lane->parked);
    lane->parked = NULL;
    put_early(lane, entry);
  } else if (is_recalled(lane, entry)) {
    evsi_free(take_aside(lane));
    append(lane, entry);
  } else if (opens_gate(lane->order, entry)) {
    put_early(lane, entry);
  } else if (lane->parked || lane->aside_first) {
    if (!comes_too_early(lane, entry))
      add_aside(lane, take_place(entry), lane->aside_last);
    evsi_settle_as(entry, EVS_SETTLE_ASIDE, 0, outgoing);
    return;
  } else {
    append(lane, entry);
  }
  if (lane->parked)
    set_aside(lane, outgoing);
  else
    start(lane, outgoing);
}

void evsi_order_arrived(evsi_entry *entry, evsi_outgoing *outgoing) {
  evsi_order *order = find_or_add(entry->group, entry->stored.topic, entry->stored.partition);
  bool is_read = read_key(entry);
  evs_bytes key = entry->envelope.key;
  bool is_by_key = entry->stored.ordering == EVS_ORDER_PER_KEY;
  entry->order = order;
  if (order && is_read && is_by_key && key.size == 0) { /* belongs to no other */
    entry->has_begun = true;
    evsi_begin(entry, outgoing);
    return;
  }
  evsi_order_lane *lane =
      order && is_read ? find_or_add_lane(order, &order->lanes, is_by_key ? key : evsi_bytes(NULL, 0)) : NULL;
  entry->place = lane ? place_new(entry) : NULL;
  if (entry->place)
    enter(lane, entry, outgoing);
  else /* memory may be there when it comes again */
    evsi_settle_as(entry, EVS_SETTLE_RELEASE, 0, outgoing);
}

/* ---- ending ----------------------------------------------------------------------------------- */

static bool comes_again(const evs_tp_settlement *settlement) {
  return settlement->kind == EVS_SETTLE_PARK || settlement->kind == EVS_SETTLE_RELEASE ||
         settlement->kind == EVS_SETTLE_HAND_OVER || (settlement->flags & EVS_SETTLE_STAYS) != 0;
}

void evsi_order_decided(evsi_entry *entry, evsi_outgoing *outgoing) {
  evsi_order_lane *lane = entry->lane;
  if (!comes_again(&entry->settlement))
    return;
  if (entry->state.letter != EVSI_LETTER_HOLDS_KEY || entry->stored.ordering == EVS_ORDER_PER_KEY) {
    park(lane, outgoing);
    return;
  }
  /* The lane goes on without it when it was settled; its key does not. */
  evsi_order *order = entry->order;
  evsi_order_lane *gate = find_or_add_lane(order, &order->gates, entry->envelope.key);
  if (gate && !gate->parked)
    gate->parked = take_place(entry);
}

/* The next with its key may come. */
static void pass_gate(evsi_entry *entry) {
  evsi_order_lane *gate = entry->gate;
  if (!gate || entry->state.letter == EVSI_LETTER_HOLDS_KEY)
    return;
  evsi_free(gate->parked);
  gate->parked = NULL;
  recall(gate, 1);
  free_if_empty(gate, true);
}

void evsi_order_settled(evsi_entry *entry, evsi_outgoing *outgoing) {
  evsi_order_lane *lane = entry->lane;
  unlink_first(lane);
  pass_gate(entry);
  start(lane, outgoing);
  free_if_empty(lane, false);
}

void evsi_order_forget(evsi_entry *entry) {
  evsi_order_lane *lane = entry->lane;
  if (lane->first == entry) {
    evsi_free(lane->parked);
    lane->parked = take_place(entry);
    unlink_first(lane);
  }
  entry->lane = NULL;
}

/* ---- what may begin --------------------------------------------------------------------------- */

bool evsi_order_may_hand(const evsi_entry *entry) {
  return entry->order->until_ms > evsi_now_ms(entry->group->consume->setup.env);
}

/* What no handler has goes back; nothing of the stream is remembered. */
static void give_up(evsi_order *order, evsi_outgoing *outgoing) {
  evsi_consume *consume = order->group->consume;
  evsi_recalls_drop(order->group, order);
  evsi_entry *entry, *next;
  for (entry = consume->entries; entry; entry = entry->all_next) {
    if (entry->order == order)
      entry->lane = entry->gate = NULL;
  }
  free_lanes(order);
  for (entry = consume->entries; entry; entry = next) {
    next = entry->all_next;
    if (entry->order != order || entry->is_settling)
      continue;
    if (!entry->has_begun || entry->suspicion == EVSI_SUSPECT_WAITS) {
      evsi_suspect_forget(entry);
      evsi_settle_as(entry, EVS_SETTLE_RELEASE, 0, outgoing);
      continue;
    }
    if (!entry->bundle) {
      evsi_deliveries_release(entry, outgoing);
      continue;
    }
    evsi_bundle_hold_up(entry, outgoing);
    for (uint32_t i = 0; i < entry->bundle->count; i++) {
      if (entry->bundle->parts[i].event)
        evsi_deliveries_release(entry->bundle->parts[i].event, outgoing);
    }
  }
}

void evsi_orders_begin(evsi_group *group, evsi_outgoing *outgoing) {
  evsi_order *order, *next_order;
  evsi_order_lane *lane, *next_lane;
  HASH_ITER(hh, group->orders, order, next_order) {
    if (!evsi_group_may_begin(group) && !group->is_paused) {
      give_up(order, outgoing);
      continue;
    }
    HASH_ITER(hh, order->lanes, lane, next_lane) {
      start(lane, outgoing);
      free_if_empty(lane, false);
    }
    HASH_ITER(hh, order->gates, lane, next_lane) {
      recall(lane, 1);
    }
  }
}

static void wake_if_any(evsi_group *group) {
  for (const evsi_subscription *each = group->subscriptions; each; each = each->next) {
    if (!evsi_subscription_can_take(each))
      continue;
    evsi_wake_signal(group->consume->setup.wake, EVSI_WAKE_MESSAGES);
    return;
  }
}

void evsi_consume_lease(evsi_consume *consume, const evs_tp_place *stream, uint64_t until_ms) {
  evsi_outgoing outgoing = {NULL, NULL};
  pthread_mutex_lock(&consume->lock);
  evsi_group *group = evsi_slots_get(&consume->groups_by_token, stream->group);
  evsi_order *order = group ? find_or_add(group, stream->topic, stream->partition) : NULL;
  if (order) {
    bool was_over = order->until_ms <= evsi_now_ms(consume->setup.env);
    order->until_ms = until_ms;
    if (until_ms == 0)
      give_up(order, &outgoing);
    else if (was_over)
      wake_if_any(group);
  }
  pthread_mutex_unlock(&consume->lock);
  evsi_settle_send(consume, &outgoing);
}
