/* SPDX-License-Identifier: MIT
 * memory_bus.h - what the memory transports of one process share, private to transport/memory/. A bus
 * without a name belongs to one system. Its lock is never held while libevents is called back, but for
 * credits() and wants(), which take no lock of ours. */
#ifndef EVSI_MEMORY_BUS_H
#define EVSI_MEMORY_BUS_H

#include <jansson.h>
#include <pthread.h>
#include <stdbool.h>

#include "base/map.h"
#include "base/world.h"
#include "event/parcel.h"
#include "libevents_transport.h"
#include "transport/scope.h"

typedef struct memory_bus memory_bus;
typedef struct memory_group memory_group;

enum { EVSI_MEMORY_OFFSET = 24, EVSI_MEMORY_DELIVER_MAX = 64 };

/* One event in one group. Waiting: in the queue; parked: in the list of due ones; else held by a member. */
typedef struct memory_entry {
  struct memory_entry *next;
  struct memory_event *event;
  uint64_t sequence; /* key among the held ones */
  uint64_t due_ms;
  uint32_t deliveries;
  char *state;
  bool is_aside, is_recalled; /* of an ordered stream: its member does not have it now; it asked for it */
  bool is_early;              /* it was given with the rest of its time to wait */
  evs_transport *member;      /* who holds it, */
  uint64_t token;             /* of several that one transport has in the group */
  UT_hash_handle hh;
} memory_entry;

/* Bytes of one event, shared by the groups that got it. */
typedef struct memory_event {
  uint32_t holders; /* @locks bus */
  uint64_t sequence;
  int32_t partition;
  uint32_t ordering;
  evs_bytes topic, full_type, data, raw;
  evsi_parcel *parcel; /* the event in place of data; NULL: it came as text */
  memory_entry first;  /* of the first group that reads it, as mostly only one does */
  char offset[EVSI_MEMORY_OFFSET];
  char bytes[];
} memory_event;

typedef struct memory_member {
  struct memory_member *next;
  evs_transport *transport;
  uint64_t token;
  evsi_scope_partitions partitions; /* that it takes */
  bool is_leaving;
  bool is_told_paused; /* what its host believes of the group */
} memory_member;

/* The one member that gets the entries of an ordered stream. */
typedef struct memory_ordered {
  struct memory_ordered *next;
  const evs_transport *transport; /* NULL: nobody yet */
  uint64_t token;
  int32_t partition;
  char topic[];
} memory_ordered;

struct memory_group {
  memory_group *next;
  char *name;
  memory_member *members;
  evsi_scope_topics topics;   /* of all members; read whatever their type */
  memory_entry *first, *last; /* waiting, in order */
  size_t waiting;
  bool reads;           /* the event that is being published */
  memory_entry *parked; /* by due time */
  memory_entry *held;   /* by sequence */
  memory_ordered *orders;
  char *paused;      /* JSON {by, at, reason}, or NULL */
  uint64_t short_ms; /* memory was too short to hand out what is first: looked at again then; 0: it was not */
};

/* What one member gets, copied out so that it can be delivered without the lock: entries, or the news that
 * its group was paused or goes on. */
typedef struct memory_handful {
  evs_transport *transport;
  uint64_t token;
  bool is_news, is_paused;
  size_t count;
  evs_tp_entry entries[EVSI_MEMORY_DELIVER_MAX];
  memory_event *events[EVSI_MEMORY_DELIVER_MAX];
  char *states[EVSI_MEMORY_DELIVER_MAX];
} memory_handful;

struct memory_bus {
  memory_bus *next;
  char *name; /* NULL: private */
  uint32_t holders;
  pthread_mutex_t lock;
  uint64_t sequence;
  memory_group *groups;
  bool pumping;                    /* a thread delivers */
  bool pump_again;                 /* it shall look once more */
  memory_handful *handful;         /* what it delivers from */
  const evs_transport *delivering; /* to whom, without the lock: must not go away meanwhile */
  pthread_cond_t delivered;
};

/* What a test that holds the clock wants to fail, and sees of what was published. */
typedef struct memory_rehearsal {
  pthread_mutex_t lock;
  struct memory_fault *faults;
  struct memory_note *notes, **notes_end;
  uint64_t first, count;  /* number of the first note, and how many there are */
  _Atomic uint64_t calls; /* to publish */
} memory_rehearsal;

struct evs_transport {
  const evs_host_ops *ops;
  evs_host *host;
  evsi_world world;
  char *name;
  memory_bus *bus;
  size_t max_queue;
  evsi_timer *timer;    /* parked entries and entries that wait for credits; @thread io */
  evsi_task timer_task; /* to start it from other threads */
  bool is_connected;
  bool is_rehearsal;
  memory_rehearsal rehearsal;
};

/* Finds or makes the bus of this name (NULL: a private one). NULL when memory is short. */
memory_bus *evsi_memory_bus_hold(const char *name);
void evsi_memory_bus_drop(memory_bus *bus);

/* @locks bus, all of these */
memory_group *evsi_memory_group(memory_bus *bus, evs_bytes name, bool create);
memory_member *evsi_memory_member(memory_group *group, const evs_transport *transport, uint64_t token);
/* What a member of the group holds, by its sequence. */
bool evsi_memory_hold(memory_group *group, memory_entry *entry); /* false: memory is short */
memory_entry *evsi_memory_held(const memory_group *group, uint64_t sequence);
/* token 0: any of the transport's. */
bool evsi_memory_has(const evs_transport *transport, uint64_t token, const memory_entry *entry);
bool evsi_memory_group_reads(const memory_group *group, const memory_event *event);
uint64_t evsi_memory_sequence(evs_bytes offset);
void evsi_memory_event_drop(memory_event *event);
void evsi_memory_entry_free(memory_entry *entry);
void evsi_memory_park(memory_group *group, memory_entry *entry);
/* Memory is short: an entry that nobody holds comes again to this transport's process after a while. */
void evsi_memory_put_off(memory_group *group, memory_entry *entry, evs_transport *transport);
/* The same of all that waits: nothing of the group is handed out until then. */
void evsi_memory_stand_still(memory_group *group);
void evsi_memory_queue(memory_group *group, memory_entry *entry, bool in_front);
/* Moves what is due to the queue; gives the time of the next one, 0 none. */
uint64_t evsi_memory_wake_due(memory_bus *bus, uint64_t now_ms);
/* A member whose host is still to be told that its group was paused or goes on; it counts as told. */
memory_member *evsi_memory_untold(memory_bus *bus, bool *out_paused);

/* ---- memory_order.c ---- @locks bus */
/* The member that takes an entry of an ordered stream now, or NULL; chosen: who would without an order. */
memory_member *evsi_memory_order_choose(memory_group *group, const memory_event *event,
                                        memory_member *chosen);
/* A member is gone, and what it had is in the queue: the next one gets what is parked, too. */
void evsi_memory_order_disown(memory_group *group, const evs_transport *transport);
void evsi_memory_order_aside(memory_group *group, memory_entry *entry);
void evsi_memory_order_recall(memory_group *group, uint64_t sequence);
void evsi_memory_order_free(memory_group *group);

/* ---- memory_request.c ---- */
/* Takes the reference; NULL: memory was short. */
void evsi_memory_answer(evs_transport *transport, uint64_t token, json_t *document);
void evsi_memory_request(evs_transport *transport, const char *method, const char *params_json,
                         size_t params_size, uint64_t token);

/* ---- memory_publish.c ---- any thread, without the lock */
void evsi_memory_publish(evs_transport *transport, const evs_tp_event *events, size_t count);
typedef char evsi_memory_offset[EVSI_MEMORY_OFFSET];
enum { EVSI_MEMORY_TOGETHER = 64 };
/* At most EVSI_MEMORY_TOGETHER; to their offsets the outcomes refer. Nothing is delivered yet. */
void evsi_memory_store(evs_transport *transport, const evs_tp_event *events, size_t count,
                       evs_tp_outcome *outcomes, evsi_memory_offset *offsets);

/* ---- memory_rehearsal.c ---- any thread, without the lock */
/* As evsi_memory_store() of one, but for what shall fail; it is noted. call: the same for what comes
 * together.
 */
void evsi_memory_rehearse(evs_transport *transport, uint64_t call, const evs_tp_event *from,
                          evs_tp_outcome *outcome, evsi_memory_offset *offset);
void evsi_memory_fail(evs_transport *transport, const json_t *params, uint64_t token);
void evsi_memory_published(evs_transport *transport, const json_t *params, uint64_t token);
void evsi_memory_rehearsal_free(memory_rehearsal *rehearsal);

/* ---- memory_transport.c ---- any thread, without the lock */
void evsi_memory_pump(memory_bus *bus); /* tells and delivers all that can be */

#endif
