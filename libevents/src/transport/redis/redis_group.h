/* SPDX-License-Identifier: MIT
 * redis_group.h - the state of one consumer group in this process: its streams, its members, and the
 * entries that it holds. Private to transport/redis. All @thread io.
 *
 * A stream of a group goes through NEW (registered nowhere) -> JOINING -> RECOVER (what is pending under
 * our name is compared with what we hold) -> LIVE. Anything that shakes the trust in the server's state (a
 * lost connection, a lost group, a refused epoch) leads back to NEW: there is no other way to repair. */
#ifndef EVSI_REDIS_GROUP_H
#define EVSI_REDIS_GROUP_H

#include <string.h>

#include "base/map.h"
#include "libevents_transport.h"
#include "transport/redis/redis_conn.h"
#include "transport/redis/redis_keys.h"
#include "transport/redis/redis_scripts.h"
#include "transport/scope.h"

typedef struct evsi_redis_group evsi_redis_group;
typedef struct evsi_redis_stream evsi_redis_stream;

typedef enum evsi_redis_flight_state {
  EVSI_FLIGHT_OWED,   /* pending under our name, its body is still to be fetched */
  EVSI_FLIGHT_ASIDE,  /* of an ordered stream: waits until the host asks for it, or it is due */
  EVSI_FLIGHT_HELD,   /* delivered */
  EVSI_FLIGHT_QUEUED, /* its settlement waits to be sent */
  EVSI_FLIGHT_SENT
} evsi_redis_flight_state;

/* One entry that is pending under our name. */
typedef struct evsi_redis_flight {
  evsi_redis_id id;
  UT_hash_handle hh;
  struct evsi_redis_flight *next; /* among those owed, or those queued */
  evs_tp_settlement settlement;
  uint64_t generation; /* of the incarnation under whose name it was last seen pending */
  uint32_t deliveries;
  uint8_t state;     /* evsi_redis_flight_state */
  bool is_uncertain; /* its settlement was sent once and never answered */
  bool is_seen;      /* recovery found it pending */
  bool is_asked_for; /* of an ordered stream: the host wants it again */
  bool must_count;   /* of an ordered stream: when it is fetched, that is one more delivery */
} evsi_redis_flight;

typedef struct evsi_redis_flights {
  evsi_redis_flight *first, *last;
} evsi_redis_flights;

/* A member of the group on one stream, as the heartbeat hash shows it. */
typedef struct evsi_redis_member {
  char *name;
  UT_hash_handle hh;
  char *info; /* JSON {host, pid, clientId, subscriptions}, or NULL */
  uint64_t counter;
  uint64_t changed_ms; /* local monotonic time when the counter was last seen to change */
  int64_t client_id;   /* of its reading connection */
  bool is_alive;       /* has an epoch */
  bool is_relaxed;     /* takes no ordered stream */
  bool is_counted;     /* its counter was seen before */
  bool is_seen;
} evsi_redis_member;

/* Whether this member handles an ordered stream. */
typedef enum evsi_redis_hold {
  EVSI_HOLD_NONE,
  EVSI_HOLD_ASKED,    /* on its way to us */
  EVSI_HOLD_OWNED,    /* the lease is ours */
  EVSI_HOLD_YIELDING, /* it is, but nothing begins any more */
  EVSI_HOLD_GIVING    /* on its way to nobody */
} evsi_redis_hold;

typedef enum evsi_redis_stream_state {
  EVSI_STREAM_NEW,
  EVSI_STREAM_JOINING,
  EVSI_STREAM_RECOVER,
  EVSI_STREAM_RECOVERING,
  EVSI_STREAM_LIVE,
  EVSI_STREAM_LEAVING,
  EVSI_STREAM_LEFT
} evsi_redis_stream_state;

struct evsi_redis_stream {
  evsi_redis_group *group;
  char *name; /* topic or topic:partition */
  UT_hash_handle hh;
  evs_bytes topic; /* points into name */
  int32_t partition;
  char *key, *hb, *meta, *due, *dlq, *index;
  evsi_redis_stream_state state;
  bool was_live;  /* established at least once */
  bool is_fresh;  /* joins under a name that was never registered */
  bool is_broken; /* cannot be established without a change by somebody */
  bool needs_recovery;
  bool starts_late; /* its topic came after the group: it is read from the beginning */
  char *former;     /* name of the incarnation before, under which entries may be pending */
  uint64_t retry_ms;
  uint32_t failures;

  uint64_t version; /* of the membership */
  evsi_redis_member *members;
  bool is_claiming, must_claim;
  char *claiming; /* the dead member whose entries are being claimed */

  evsi_redis_flight *flights;
  evsi_redis_flights owed, queued;
  bool is_fetching, recovering_former;
  size_t owed_known; /* as the last recovery found them */
  bool is_more_owed; /* than those: the others are looked for once they are fetched */
  uint64_t settle_retry_ms;
  uint32_t settle_failures;

  uint64_t due_ms; /* local time when parked entries are due; 0: none known */
  bool is_taking_due, must_repair_due;

  bool is_hot;     /* the last read left some behind */
  bool is_in_read; /* the read that is on its way asks for it */
  bool is_beat_due;

  /* of an ordered stream, see redis_order.c */
  uint32_t ordering, on_dead_letter;   /* EVS_ORDER_…, EVS_DEAD_LETTER_… */
  bool is_order_known, is_order_asked; /* known: the registry was read after its first entry, and says so */
  char *lease, *owner, *heir;
  evsi_redis_hold hold;
  bool is_confirming;   /* it was ours before a loss: is it still? */
  bool is_asking_ready; /* what is due? */
  uint64_t alive_ms;    /* when we proved to live the last time */
  uint64_t joined_ms;
  uint64_t free_ms; /* since when nobody alive has it */
  evsi_redis_flights recalled;
  size_t aside;

  uint64_t reap_ms; /* when to look for consumers of other libraries that are gone */
};

struct evsi_redis_group {
  evs_transport *transport;
  uint64_t token;
  UT_hash_handle hh;
  char *name, *consumer, *subscriptions;
  bool is_relaxed;   /* does without the order of topics */
  bool must_balance; /* who is there, or who has what, has changed */
  char *replay;      /* it reads the feeds of this replay, not the streams; NULL: a usual group */
  char *member;      /* consumer#incarnation */
  char epoch[17];
  uint64_t generation; /* of the incarnation */
  bool discover, from_new, is_leaving, was_asked_to_leave, is_registry_seen, is_joined_told;
  bool is_clash_told;             /* another process has its consumer's name */
  bool is_paused, is_pause_known; /* until it is known nothing is read */
  size_t pause_asked;             /* its place in the question that is on its way, from 1; 0: not in it */
  uint64_t short_ms;              /* it takes nothing before: the host was short of memory */
  bool knew_topics;     /* the registry was read for it before: what is new in it came after the group */
  bool was_scanned_for; /* the same for streams that nobody registered */
  evsi_scope_topics topics;
  evsi_scope_partitions partitions;
  char start[EVSI_REDIS_ID_TEXT]; /* id behind which a new group begins; "": as from_new says */
  evsi_redis_stream *by_name;
  evsi_redis_stream **streams; /* in the order they came */
  size_t stream_count, stream_capacity;
  uint32_t calls; /* script calls without an answer: the group stays in memory until they came */

  evsi_redis_conn reader;
  bool is_reading, is_blocking, must_wake, is_waking;
  evsi_redis_stream **read_set;
  evsi_redis_stream **answered; /* whose entries came, while they are delivered */
  size_t arriving;              /* entries that the host is about to get */
  size_t read_count, read_each, rotate, rotate_hot, hot_turns, quiet;
  uint64_t read_retry_ms;
  uint32_t read_failures;
  evsi_timer *timer; /* for retries of anything here */
  uint64_t timer_ms; /* when it fires; 0: it is not set */
};

/* ---- redis_group.c ---- */
void evsi_redis_group_join(evs_transport *transport, const evs_tp_group *spec);
void evsi_redis_group_leave(evs_transport *transport, uint64_t token);
evsi_redis_group *evsi_redis_group_find(evs_transport *transport, uint64_t token);
/* Does whatever can be done now: joins, recovers, settles, reads, leaves. */
void evsi_redis_group_pump(evsi_redis_group *group);
/* Everything is looked at again. */
void evsi_redis_group_resync(evsi_redis_group *group);
/* Somebody declared us dead: goes on under a new name. generation: of the refused call. */
void evsi_redis_group_fenced(evsi_redis_group *group, uint64_t generation);
bool evsi_redis_group_holds_any(const evsi_redis_group *group, evsi_redis_flight_state from);
void evsi_redis_group_free(evsi_redis_group *group);
void evsi_redis_group_retry_at(evsi_redis_group *group, uint64_t at_ms);

/* ---- redis_stream.c ---- */
evsi_redis_stream *evsi_redis_stream_find(evsi_redis_group *group, evs_bytes topic, int32_t partition);
/* Finds or adds; NULL when memory is short or the name is impossible. */
evsi_redis_stream *evsi_redis_stream_add(evsi_redis_group *group, evs_bytes topic, int32_t partition);
void evsi_redis_stream_free(evsi_redis_stream *stream);
void evsi_redis_stream_join(evsi_redis_stream *stream);
void evsi_redis_stream_leave(evsi_redis_stream *stream);
/* Joins a little later: memory was short. */
void evsi_redis_stream_again(evsi_redis_stream *stream);
void evsi_redis_stream_failed(evsi_redis_stream *stream, const evsi_redis_reply *reply, const char *what);
/* Calls a script on this stream with its keys, then group, member and epoch, then args (emptied; NULL: none).
 * generation: of the incarnation that called. False: not sent, fn is not called. */
typedef void (*evsi_redis_stream_fn)(evsi_redis_stream *stream, void *context, uint64_t generation,
                                     const evsi_redis_reply *reply);
bool evsi_redis_stream_call(evsi_redis_stream *stream, evsi_redis_script script, evsi_redis_args *args,
                            evsi_redis_stream_fn fn, void *context);

/* ---- redis_recover.c ---- */
void evsi_redis_stream_recover(evsi_redis_stream *stream);
/* Fetches bodies that are owed, as far as credits go. */
void evsi_redis_stream_fetch(evsi_redis_stream *stream);

/* ---- redis_flight.c ---- */
evsi_redis_flight *evsi_redis_flight_find(evsi_redis_stream *stream, evsi_redis_id id);
evsi_redis_flight *evsi_redis_flight_add(evsi_redis_stream *stream, evsi_redis_id id);
void evsi_redis_flight_remove(evsi_redis_stream *stream, evsi_redis_flight *flight);
void evsi_redis_flights_push(evsi_redis_flights *list, evsi_redis_flight *flight);
evsi_redis_flight *evsi_redis_flights_pop(evsi_redis_flights *list);
void evsi_redis_flights_drop(evsi_redis_flights *list, evsi_redis_flight *flight);

/* ---- redis_entry.c ---- */
/* Delivers entries {id, fields or nil[, deliveries[, state]]}; those that are held already are left out.
 * Returns how many were new. deliveries: for entries that bring no count of their own. */
size_t evsi_redis_deliver(evsi_redis_stream *stream, const evsi_redis_reply *entries, uint32_t deliveries);

/* ---- redis_members.c ---- */
/* Reads the heartbeat hash (field, value…) and tells the host who is in the group now. */
void evsi_redis_members_update(evsi_redis_stream *stream, uint64_t version, const evsi_redis_reply *fields);
/* Reads the counters of a beat {name, counter, alive…}. */
void evsi_redis_members_beat(evsi_redis_stream *stream, const evsi_redis_reply *counters);
void evsi_redis_members_free(evsi_redis_stream *stream);
/* Counts from now on again: while we were cut off nobody's counter could be seen to move. */
void evsi_redis_members_rewatch(evsi_redis_stream *stream);
/* Wakes another member's reader, or all others', so that it looks for entries that it was given. */
void evsi_redis_members_poke(evsi_redis_stream *stream, evs_bytes name);
void evsi_redis_members_poke_all(evsi_redis_stream *stream);

/* ---- redis_reader.c ---- */
extern const evsi_redis_conn_events evsi_redis_reader_events;
void evsi_redis_reader_pump(evsi_redis_group *group);
void evsi_redis_reader_wake(evsi_redis_group *group);

/* ---- redis_claim.c ---- */
void evsi_redis_claim_dead(evsi_redis_stream *stream);
void evsi_redis_claim_strangers(evsi_redis_stream *stream, const evsi_redis_reply *strangers);
/* Removes what is left of consumers that never registered, where that was asked for. */
void evsi_redis_claim_reap(evsi_redis_stream *stream);
void evsi_redis_claim_due(evsi_redis_stream *stream);
/* Parked entries are due in so many ms. */
void evsi_redis_due_in(evsi_redis_stream *stream, uint64_t delay_ms);

/* ---- redis_order.c ---- */
/* What the registry says of a stream's topic. */
void evsi_redis_order_set(evsi_redis_stream *stream, uint32_t ordering, uint32_t on_dead_letter);
const char *evsi_redis_order_word(uint32_t ordering); /* "" for none */
const char *evsi_redis_policy_word(uint32_t policy);
uint32_t evsi_redis_order_of(const char *word);
uint32_t evsi_redis_policy_of(const char *word);
/* May its entries be given to the host, and may new ones be read? */
bool evsi_redis_order_may_deliver(const evsi_redis_stream *stream);
bool evsi_redis_order_may_read(const evsi_redis_stream *stream);
/* Entries came before it was known whether they are ordered: they are fetched again when it is. */
void evsi_redis_order_owe(evsi_redis_stream *stream, const evsi_redis_reply *entries);
void evsi_redis_order_ask(evsi_redis_stream *stream);
/* Asks for the stream; after a loss, whether it is still ours. */
void evsi_redis_order_take(evsi_redis_stream *stream);
/* Gives it up as soon as nothing of it is being handled; to: a member that is to have it, or NULL. */
void evsi_redis_order_yield(evsi_redis_stream *stream, const char *to);
/* It is not ours any more. */
void evsi_redis_order_lost(evsi_redis_stream *stream);
void evsi_redis_order_beat(evsi_redis_stream *stream, const evsi_redis_reply *answer, uint64_t sent_ms);
/* Does what can be done now, in its turn of the group. */
void evsi_redis_order_pump(evsi_redis_stream *stream);
void evsi_redis_order_recall(evs_transport *transport, const evs_tp_place *places, size_t count);
/* A settlement that is a matter of this member alone was dealt with; false: the server has to know of it, in
 * the form that it has now. */
bool evsi_redis_order_settle(evsi_redis_stream *stream, evsi_redis_flight *flight,
                             evs_tp_settlement *settlement);
/* A settlement was carried out; true: the entry stays with this member. */
bool evsi_redis_order_kept(evsi_redis_stream *stream, evsi_redis_flight *flight);
/* Where fetching goes on, or NULL. */
evsi_redis_flight *evsi_redis_order_next(const evsi_redis_stream *stream);

/* ---- redis_balance.c ---- */
/* Takes ordered streams that are free and due to this member, or gives one up that is due to another. */
void evsi_redis_balance(evsi_redis_group *group);

/* ---- redis_settle.c ---- */
void evsi_redis_settled(evs_transport *transport, const evs_tp_outcome *outcome);
void evsi_redis_settle(evs_transport *transport, const evs_tp_settlement *settlements, size_t count);
void evsi_redis_settle_flush(evsi_redis_stream *stream);
void evsi_redis_settle_answer(evsi_redis_stream *stream, evsi_redis_flight *flight, evs_status status,
                              uint32_t flags, const char *message);
void evsi_redis_settle_report(evs_transport *transport); /* gives collected outcomes to the host */

static inline bool evsi_redis_is_self(const evsi_redis_group *group, const evsi_redis_member *member) {
  return strcmp(member->name, group->member) == 0;
}

#endif
