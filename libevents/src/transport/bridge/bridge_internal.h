/* SPDX-License-Identifier: MIT
 * bridge_internal.h - what the files of the bridge share. All of it is used on the I/O thread only.
 *
 * The program's transport subscribes to one topic (or to all, `*`) for one group at a time, and gives entries
 * with a number of its own. Until they are settled they are kept here: waiting, held by libevents, or parked
 * for their next attempt. Retries thus need nothing of the program's transport. */
#ifndef EVSI_BRIDGE_INTERNAL_H
#define EVSI_BRIDGE_INTERNAL_H

#include <jansson.h>
#include <stdbool.h>

#include "base/buf.h"
#include "base/map.h"
#include "base/world.h"
#include "libevents_transport.h"

enum { BRIDGE_QUEUE_MAX = 100000, BRIDGE_TRY_AGAIN_MS = 100 };

typedef struct bridge_group bridge_group;

/* One group on one topic, as the program's transport knows it. */
typedef struct bridge_subscription {
  struct bridge_subscription *next;
  bridge_group *group;
  uint64_t number;
  bool is_confirmed;
  char topic[]; /* `*`: all */
} bridge_subscription;

/* One entry until it is settled. */
typedef struct bridge_entry {
  struct bridge_entry *next; /* waiting, parked, or untold */
  bridge_group *group;
  uint64_t sequence; /* its offset */
  uint64_t delivery; /* the program's number for it */
  int32_t partition;
  uint32_t deliveries;
  uint64_t due_ms;
  char *state;
  const char *outcome; /* that the program was not told yet: memory was short */
  evs_bytes topic, data, raw;
  UT_hash_handle hh; /* held */
  char bytes[];
} bridge_entry;

struct bridge_group {
  bridge_group *next;
  uint64_t token;
  char *name;
  bool is_leaving, is_told;
  bridge_subscription *subscriptions;
  bridge_entry *first, *last; /* waiting, in order */
  bridge_entry *parked;       /* by due time */
  bridge_entry *held;         /* by sequence */
  size_t count;               /* of all three */
};

struct evs_transport {
  const evs_host_ops *ops;
  evs_host *host;
  evsi_world world;
  char *name;
  bool has_patterns; /* the program's transport can subscribe to all topics at once */
  bool must_connect; /* the program was not told yet: memory was short */
  bool is_used;      /* it was told: it has something to close */
  bool is_connected, is_closing, is_closed_told;
  uint64_t next_number;
  bridge_group *groups;
  bridge_entry *untold;
  evsi_timer *close_timer;
};

/* A record for the program: begins it, ends it. What is between is members of an object. */
void evsi_bridge_call(evsi_buf *out, const char *call);
bool evsi_bridge_tell(evs_transport *transport, evsi_buf *call); /* false: no memory; is logged */
void evsi_bridge_member(evsi_buf *out, const char *name, evs_bytes text);

/* ---- bridge_group.c ---- */
void evsi_bridge_join(evs_transport *transport, const evs_tp_group *spec);
void evsi_bridge_leave(evs_transport *transport, uint64_t token);
void evsi_bridge_resume(evs_transport *transport, uint64_t token);
/* The program's answers. */
void evsi_bridge_subscribed(evs_transport *transport, const json_t *list);
void evsi_bridge_unsubscribed(evs_transport *transport, const json_t *list);
void evsi_bridge_leave_all(evs_transport *transport);
bridge_subscription *evsi_bridge_subscription(const evs_transport *transport, uint64_t number);
void evsi_bridge_group_free(bridge_group *group);
/* A group that leaves, once nothing of it is left. */
void evsi_bridge_forget_if_done(evs_transport *transport, bridge_group *group);

/* ---- bridge_entry.c ---- */
/* Entries that the program's transport gives. Why one cannot be taken, or NULL; evsi_bridge_no_memory is
 * that. */
extern const char evsi_bridge_no_memory[];
const char *evsi_bridge_take(evs_transport *transport, const json_t *list);
/* Gives what waits, as far as credits go. */
void evsi_bridge_deliver(evs_transport *transport, bridge_group *group);
void evsi_bridge_settle(evs_transport *transport, const evs_tp_settlement *settlements, size_t count);
void evsi_bridge_wake(evs_transport *transport);
void evsi_bridge_forget_untold(evs_transport *transport);
/* All of the group's go back to the program's transport. */
void evsi_bridge_return_all(evs_transport *transport, bridge_group *group);

#endif
