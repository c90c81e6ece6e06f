/* SPDX-License-Identifier: MIT
 * engine.h - the state of consuming, private to consume/. Everything is guarded by evsi_consume.lock;
 * transports are never called with it held. */
#ifndef EVSI_ENGINE_H
#define EVSI_ENGINE_H

#include <jansson.h>
#include <stdatomic.h>

#include "base/error.h"
#include "base/slots.h"
#include "consume/consume.h"
#include "consume/matcher.h"
#include "event/parcel.h"

typedef struct evsi_group evsi_group;
typedef struct evsi_subscription evsi_subscription;
typedef struct evsi_entry evsi_entry;
typedef struct evsi_bundle evsi_bundle;
typedef struct evsi_delivery evsi_delivery;
typedef struct evsi_order evsi_order;             /* an ordered stream of a group */
typedef struct evsi_order_lane evsi_order_lane;   /* of it: what comes one after the other */
typedef struct evsi_order_place evsi_order_place; /* of one entry in a lane */
typedef struct evsi_recall evsi_recall;
typedef struct evsi_kind evsi_kind; /* the last type that came, and who takes it */

typedef enum {
  EVSI_DELIVERY_QUEUED,    /* waits in its subscription */
  EVSI_DELIVERY_HANDED,    /* the host has it */
  EVSI_DELIVERY_DONE,      /* its handler succeeded */
  EVSI_DELIVERY_FAILED,    /* another attempt is due */
  EVSI_DELIVERY_EXHAUSTED, /* no attempt is left, or rejected */
  EVSI_DELIVERY_LATER,     /* the handler asked to see it later */
  EVSI_DELIVERY_RELEASED   /* handed back unhandled */
} evsi_delivery_state;

/* A body as handlers see it that read by one version of its schema. */
typedef struct evsi_view {
  struct evsi_view *next;
  char version[EVSI_NUMBER_TEXT]; /* of a subscription; "": the event's own */
  char *body;                     /* with what it lacked, or NULL: as it is stored */
  char *validation;               /* JSON: why it is not valid, or NULL */
} evsi_view;

struct evsi_delivery {
  evsi_delivery *next; /* in the subscription's queue, or its list of handed ones */
  evsi_delivery *prev;
  evsi_entry *entry;
  evsi_subscription *subscription;
  uint64_t id; /* 0 once the host can name it no more */
  uint64_t handed_us;
  const evsi_view *view; /* of the body; NULL: as it is stored */
  evsi_delivery_state state;
  evsi_delivery_state late_state; /* how it ended for the entry when is_late */
  bool is_late;                   /* its time limit passed; the host has not answered yet */
};

/* Of an ordered entry whose dead letter holds up others: what became of the letter. */
typedef enum {
  EVSI_LETTER_REQUEUED = 0, /* or there was none */
  EVSI_LETTER_HOLDS_LANE = 1,
  EVSI_LETTER_DISCARDED = 2,
  EVSI_LETTER_HOLDS_KEY = 3
} evsi_letter_state;

/* What survives a redelivery, kept by the transport as JSON between attempts. */
typedef struct evsi_entry_state {
  uint32_t attempts; /* failed ones */
  uint32_t deferrals;
  uint64_t first_failure_ms; /* wall clock */
  uint64_t last_failure_ms;
  uint64_t unmatched_since_ms; /* or since when the version of its schema is missed */
  uint32_t crashes;            /* deliveries that ended without an outcome, up to the last that had one */
  uint32_t counted;            /* deliveries until then, as the store counts */
  uint32_t alone;              /* which delivery, by that count, is handled alone; 0: none */
  uint32_t letter;             /* evsi_letter_state of an entry that stayed behind its dead letter */
  json_t *done;                /* names of subscriptions that are through */
  json_t *exhausted;           /* names of subscriptions that failed for good */
  json_t *history;             /* newest 16 failures, oldest first */
  json_t *error;               /* {class, message, stack} of the newest failure */
} evsi_entry_state;

typedef enum {
  EVSI_SUSPECT_NOT,
  EVSI_SUSPECT_WAITS, /* until nothing else is with the host */
  EVSI_SUSPECT_ALONE  /* nothing else begins until it is settled */
} evsi_suspicion;

/* One stored entry that this process holds for a group, until the transport has settled it; or one of the
 * several events of such an entry. */
struct evsi_entry {
  evsi_entry *next;                /* among the settlements on their way, or the bundles to begin */
  evsi_entry *all_next, *all_prev; /* among all that are held */
  evsi_group *group;
  evsi_bundle *bundle;      /* its events, where it holds several */
  evsi_entry *carrier;      /* of one of several events: the entry that holds it, and settles for it */
  uint32_t index;           /* its place in the carrier */
  uint32_t events;          /* how many the group holds by it */
  _Atomic uint32_t holders; /* the engine, and each message in a batch; those of an event are its carrier's */
  uint64_t token;           /* of its settlement, from the first on: settling must not need memory */
  bool is_settling;
  evs_tp_entry stored; /* bytes point into `bytes` */
  evsi_envelope envelope;
  evsi_buf scratch;
  evsi_buf plain; /* its body, where that is stored compressed */
  uint64_t cost;
  uint64_t received_us;
  evsi_entry_state state;
  uint32_t crashes; /* with this entry, until it was delivered now */
  evsi_suspicion suspicion;
  evsi_entry *suspect_next;
  json_t *kept; /* of a bundle: index -> state of the events that are not through; NULL: all of them */
  bool had_state;
  bool is_unmatched; /* no subscription here takes it */
  bool is_filtered;  /* and that since its headers are not those that they ask for */
  evsi_order *order; /* NULL: it begins when it comes */
  evsi_order_lane *lane, *gate;
  evsi_order_place *place;
  evsi_entry *lane_next;
  bool has_begun;
  evs_tp_settlement settlement;
  char *settlement_state;
  char *record;
  char *member;
  evsi_labels labels;
  uint32_t delivery_count;
  uint32_t open; /* deliveries queued or handed */
  evsi_delivery *deliveries;
  evsi_delivery only; /* what this points to where there is but one, as mostly */
  evsi_view *views;
  evsi_parcel *parcel; /* what a direct transport carries; NULL: it is read from its stored form */
  char bytes[];
};

/* One event of a bundle. */
typedef struct evsi_part {
  evs_bytes data;      /* points into the carrier */
  evsi_entry *event;   /* NULL: not begun, or through */
  uint64_t decided_us; /* when it was decided how it ends */
  bool is_through;     /* acknowledged or dead since an earlier delivery */
} evsi_part;

/* The events of an entry that holds several. They are begun a few at a time, and each is decided like an
 * entry of its own; when the last one is, one settlement carries out all of it. */
struct evsi_bundle {
  evs_tp_letter *letters;
  bool is_decided; /* all of them are */
  uint32_t count;
  uint32_t begun;  /* the first so many */
  uint32_t open;   /* begun and not decided */
  bool is_held_up; /* one of an ordered entry comes again: those behind it wait for it */
  evsi_part parts[];
};

struct evsi_subscription {
  evsi_subscription *next; /* in the group */
  evsi_group *group;
  uint64_t token;
  uint32_t number; /* in the group's matcher */
  char name[192];
  evsi_subscription_options options;
  char pattern[EVSI_PATTERN_MAX + 1];
  json_t *filter;      /* of options.filter_json; NULL: takes all headers */
  evsi_report *ending; /* its last record, made in time: it must come; NULL once it did */
  evsi_label *label;
  evs_message told; /* what all its messages say alike */
  evsi_delivery *queue_first, *queue_last;
  evsi_subscription *waiting_next, *waiting_prev; /* in the engine's list, while any is queued */
  evsi_delivery *handed_first, *handed_last;      /* oldest first */
  uint32_t queued;
  uint32_t handed;
  uint32_t references;      /* deliveries in entries that are not settled */
  _Atomic uint32_t holders; /* itself, and deliveries in entries: a batch lends its pattern beyond its end */
  bool is_closing;
  bool is_closed; /* its last record was given */
};

/* Live members of a group on one stream, as the transport told. */
typedef struct evsi_member {
  char *consumer;
  evsi_matcher *matcher;
  int32_t *partitions; /* of each of its subscriptions the only one that it takes, or EVS_PARTITION_NONE */
  json_t *subscriptions;
} evsi_member;

typedef struct evsi_membership {
  char *stream; /* topic, or topic:partition */
  uint64_t version;
  bool all_same;        /* every member registered the same subscriptions */
  evsi_member *members; /* the others */
  size_t member_count;
  UT_hash_handle hh;
} evsi_membership;

struct evsi_group {
  evsi_task task; /* joins, resumes or leaves on the I/O thread */
  evsi_consume *consume;
  evsi_link *link;
  uint64_t token;
  char *name;
  char *replay; /* NULL: it takes what is published */
  char *consumer;
  evsi_labels labels; /* of the last entry */
  evsi_kind *kind;
  evsi_matcher *matcher;
  evsi_matcher *searching; /* of those that name no topics; NULL: as matcher, since none does */
  evsi_subscription *subscriptions;
  uint32_t next_ordinal;
  uint64_t held; /* events in entries that are not settled */
  uint64_t held_bytes;
  uint32_t events_each;                     /* in the fullest entry that came last */
  evsi_entry *bundles_first, *bundles_last; /* with events that are not begun */
  uint32_t open;                            /* events of bundles that are begun and not decided */
  bool is_beginning;                        /* evsi_bundles_begin is at work */
  bool starved;                             /* credits ran out: tell the transport when some are back */
  bool must_join, must_resume, must_leave;
  bool is_joined;        /* the transport established it */
  uint64_t again_us;     /* when what memory was too short for is tried again; 0: there is nothing */
  bool is_unheard;       /* the transport did not do what it was asked */
  uint64_t refusals;     /* how often it had no memory for that */
  evsi_entry *unsettled; /* and to settle these */
  bool is_paused;        /* an operator said so: nothing is read, nothing is handed out */
  bool is_leaving;
  bool has_left;       /* the transport knows nothing of it any more */
  atomic_uint holders; /* the engine, its entries, and who works on it without the lock */
  evsi_membership *memberships;
  bool lacks_members; /* memory was short for who else is in it */
  evsi_order *orders;
  evsi_recall *recalls_first, *recalls_last;
  bool is_relaxed; /* does without the order of topics */
  evsi_group *next;
};

struct evsi_consume {
  evsi_consume_setup setup;
  pthread_mutex_t lock;
  evsi_slots groups_by_token;
  evsi_slots subscriptions_by_token;
  evsi_slots deliveries;
  evsi_slots settlements;
  evsi_group *groups;
  evsi_subscription **by_number; /* matcher numbers, across groups */
  uint32_t number_count;
  evsi_subscription *waiting; /* those with queued deliveries, in turns of evsi_consume_take() */
  bool wake_host;             /* a delivery became ready to take */
  evsi_entry *entries;        /* all that are held */
  evsi_entry *outgoing_first, *outgoing_last; /* settlements for transports on the I/O thread */
  size_t outgoing_count;
  evsi_timer *linger_timer; /* @thread io */
  bool is_lingering;        /* some were just sent: acknowledgements wait for the timer */
  evsi_task send_task;
  evsi_task timer_task;
  evsi_timer *timer; /* handler time limits */
  uint64_t timer_at_us;
  uint64_t released;
  uint64_t running;                     /* deliveries that the host has and that are within their time */
  evsi_entry *suspects, *suspects_last; /* are handled one by one, and nothing beside them */
  bool started;                         /* joined at least once */
  bool stopping;
};

/* A list of settled entries that still have to be told to their transport, built under the lock. */
typedef struct evsi_outgoing {
  evsi_entry *first;
  evsi_entry *last;
} evsi_outgoing;

/* ---- entry.c ---- */
/* It takes over one hold of the group. */
evsi_entry *evsi_entry_new(evsi_group *group, const evs_tp_entry *stored, uint64_t now_us);
/* One of the events that a carrier holds; it lives as long as the carrier. kept: its state, or NULL. */
evsi_entry *evsi_entry_of(evsi_entry *carrier, uint32_t index, const json_t *kept);
void evsi_entry_hold(evsi_entry *entry);
void evsi_entry_drop(evsi_entry *entry);
/* The same of all that a batch holds. */
void evsi_entries_drop(void **held, size_t count);
/* Its envelope, which is read once. NULL, or why it is malformed (static text). */
const char *evsi_entry_read(evsi_entry *entry);

/* ---- body.c ---- */
evs_bytes evsi_body_of(const evsi_entry *entry); /* as it was published, once it is open */
/* Undoes its compression. False: it cannot be handled, and its end was decided. @locks consume */
bool evsi_body_open(evsi_entry *entry, evsi_outgoing *outgoing);

/* ---- entry_state.c ---- */
void evsi_entry_state_load(evsi_entry_state *state, const json_t *kept);
json_t *evsi_entry_state_json(const evsi_entry_state *state); /* NULL when memory is short */
void evsi_entry_state_free(evsi_entry_state *state);
bool evsi_names_have(const json_t *names, const char *name);
void evsi_names_add(json_t **names, const char *name);
void evsi_entry_state_failed(evsi_entry *entry, const evs_failure *failure, uint64_t duration_us);

/* ---- dispatch.c ---- @locks consume */
/* An entry came, or an event of one: begins it when its turn has come. */
void evsi_dispatch(evsi_entry *entry, evsi_outgoing *outgoing);
/* Makes deliveries for the subscriptions of the group, or decides at once. */
void evsi_begin(evsi_entry *entry, evsi_outgoing *outgoing);

/* ---- kind.c ---- @locks consume */
evsi_kind *evsi_kind_new(void);
/* As evsi_matcher_match(), of the group; the entry gets the label of its type. */
uint32_t evsi_kind_match(evsi_entry *entry, uint32_t *out_numbers, uint32_t max, bool *out_filtered);

/* ---- view.c ---- @locks consume */
/* Holds the body against the schema of its version. False: it was settled. */
bool evsi_view_entry(evsi_entry *entry, evsi_outgoing *outgoing);
/* Chooses how the delivery's handler sees the body, and gives its state: it is exhausted when the body is not
 * valid for this handler, which is noted, and released when memory is too short to tell. */
evsi_delivery_state evsi_view_delivery(evsi_delivery *delivery);
void evsi_views_free(evsi_view *view);

/* ---- order.c ---- @locks consume */
bool evsi_order_applies(const evsi_entry *entry);
/* An entry of an ordered stream came. */
void evsi_order_arrived(evsi_entry *entry, evsi_outgoing *outgoing);
/* It was decided how it ends: what comes again holds up those behind it. */
void evsi_order_decided(evsi_entry *entry, evsi_outgoing *outgoing);
/* The transport is through with it: the next one begins. */
void evsi_order_settled(evsi_entry *entry, evsi_outgoing *outgoing);
/* It leaves memory although it was not settled. */
void evsi_order_forget(evsi_entry *entry);
/* What the group may begin has changed: by pausing, stopping, ending subscriptions. */
void evsi_orders_begin(evsi_group *group, evsi_outgoing *outgoing);
bool evsi_order_may_hand(const evsi_entry *entry);
void evsi_orders_free(evsi_group *group);

/* ---- recall.c ---- @locks consume */
/* Notes a question for what was set aside; false: no memory. */
bool evsi_recall_add(evsi_group *group, const evsi_order *order, const evs_tp_place *place);
/* What was asked for of an order, or of all (NULL), is of no more use. */
void evsi_recalls_drop(evsi_group *group, const evsi_order *order);
/* Asks the transport; without the lock, on the I/O thread. */
void evsi_recalls_send(evsi_group *group);

/* ---- bundle.c ---- @locks consume */
/* An entry that holds several events. */
void evsi_bundle_open(evsi_entry *carrier, evsi_outgoing *outgoing);
/* Begins events as far as the group's prefetch goes; where nothing may begin, hands back what is left. */
void evsi_bundles_begin(evsi_group *group, evsi_outgoing *outgoing);
/* It was decided how this event of a bundle ends. */
void evsi_bundle_decided(evsi_entry *event, evsi_outgoing *outgoing);
/* All are decided: settles the carrier. Again when the transport asks to decide anew. */
void evsi_bundle_settle(evsi_entry *carrier, evsi_outgoing *outgoing);
/* None of its events begins any more: those that have not are kept for the next time. */
void evsi_bundle_hold_up(evsi_entry *carrier, evsi_outgoing *outgoing);
void evsi_bundle_free(evsi_bundle *bundle);

/* ---- suspect.c ---- @locks consume */
/* Counts the crashes of an entry that came. */
void evsi_suspect_count(evsi_entry *entry);
/* True: it waits until it can be handled alone, or was dead. */
bool evsi_suspect_take(evsi_entry *entry, evsi_outgoing *outgoing);
/* May a delivery of this entry be handed out now? */
bool evsi_suspect_lets(const evsi_consume *consume, const evsi_entry *entry);
/* Goes on with the next one if nothing is with the host. */
void evsi_suspects_begin(evsi_consume *consume, evsi_outgoing *outgoing);
/* Those of groups that begin nothing go back. */
void evsi_suspects_hand_back(evsi_consume *consume, evsi_outgoing *outgoing);
/* The store knows that it is alone. */
void evsi_suspect_kept(evsi_entry *entry, evsi_outgoing *outgoing);
void evsi_suspect_forget(evsi_entry *entry);

/* ---- settle.c ---- @locks consume */
/* All deliveries of the entry ended: decides what becomes of it. */
void evsi_settle_entry(evsi_entry *entry, evsi_outgoing *outgoing);
void evsi_settle_as(evsi_entry *entry, uint32_t kind, uint64_t delay_ms, evsi_outgoing *outgoing);
void evsi_unsettled_send(evsi_group *group, evsi_outgoing *outgoing); /* what memory was too short for */
/* Notes in its state how many deliveries are accounted for when it ends by this kind. */
void evsi_settle_account(evsi_entry *entry, uint32_t kind);
/* Writes down beside the entry what this process knows of it. */
void evsi_settle_keep(evsi_entry *entry, evsi_outgoing *outgoing);
/* An entry that nobody may handle goes to the dead letters, or where these are off, as configured. */
void evsi_settle_dead(evsi_entry *entry, const char *error_class, const char *message,
                      evsi_outgoing *outgoing);
/* No subscription here takes it: another member, or acknowledge and count (as filtered: is_filtered). */
void evsi_settle_unmatched(evsi_entry *entry, evsi_outgoing *outgoing);
/* Tells the transports; without the lock. */
void evsi_settle_send(evsi_consume *consume, evsi_outgoing *outgoing);
/* Tells those that work on the I/O thread; @thread io. */
void evsi_settle_flush(evsi_consume *consume); /* @thread io */

/* ---- delivery.c ---- @locks consume */
/* Hands back what of an entry waits for a handler. */
void evsi_deliveries_release(evsi_entry *entry, evsi_outgoing *outgoing);
void evsi_delivery_queue(evsi_delivery *delivery);
void evsi_delivery_unlink(evsi_delivery *delivery);
void evsi_delivery_forget(evsi_delivery *delivery);
bool evsi_subscription_can_take(const evsi_subscription *subscription);
void evsi_timer_arm(evsi_consume *consume, uint64_t at_us);

static inline void evsi_consume_log(const evsi_consume *consume, evsi_log_level level, const char *message,
                                    const evsi_log_field *fields) {
  consume->setup.log(consume->setup.data, (int32_t)level, message, fields);
}

/* ---- group.c ---- @locks consume */
evsi_group *evsi_group_find(evsi_consume *consume, const evsi_subscription_options *options,
                            evs_error **out_error);
void evsi_group_changed(evsi_group *group); /* its subscriptions: joins again */
/* Memory is too short for something that nothing else would begin again. */
void evsi_group_try_again(evsi_group *group);
/* Begins what is due by now; gives when the next is, 0: there is none. */
uint64_t evsi_groups_try_again(evsi_consume *consume, uint64_t now_us, evsi_outgoing *outgoing);
/* Tells the transport what changed; without the lock, on the I/O thread or for a direct transport on any. */
void evsi_group_apply(evsi_group *group);
uint32_t evsi_group_prefetch(const evsi_group *group);
bool evsi_group_may_begin(const evsi_group *group); /* may something new be given to its handlers? */
bool evsi_group_is_ending(const evsi_group *group); /* it takes nothing more */
void evsi_group_hold(evsi_group *group, uint32_t times);
void evsi_group_drop(evsi_group *group, uint32_t times); /* any thread: the last one frees it */
void evsi_group_end_if_over(evsi_group *group);
void evsi_subscription_drop(evsi_subscription *subscription); /* any thread */
evsi_origin_rule evsi_subscription_rule(const evsi_consume *consume,
                                        const evsi_subscription_options *options);
/* Gives the last record of an ended subscription, and frees it when nothing refers to it any more. */
void evsi_subscription_close_if_done(evsi_subscription *subscription);
void evsi_entry_finished(evsi_entry *entry); /* settled: credits come back, the entry is dropped */

/* ---- topics.c ---- @locks consume */
/* Does it take what is in this topic? One that names none takes all. */
bool evsi_subscription_reads(const evsi_subscription *subscription, evs_bytes topic);
/* It is in the group's matcher; and out of it again. */
evs_status evsi_topics_add(evsi_subscription *subscription, evs_error **out_error);
void evsi_topics_remove(const evsi_subscription *subscription);
/* May something of this type in this topic be for the group? */
bool evsi_topics_want(const evsi_group *group, evs_bytes topic, evs_bytes full_type);

/* ---- relax.c ---- @locks consume */
evs_status evsi_relax_check(const evsi_group *group, const evsi_subscription *subscription,
                            evs_error **out_error);
void evsi_relax_update(evsi_group *group); /* from its subscriptions */

/* ---- members.c ---- @locks consume */
/* Does a subscription to one partition, or to all (EVS_PARTITION_NONE), take what is stored in this one? */
bool evsi_partition_fits(int32_t only, int32_t stored);
evsi_membership *evsi_membership_find(evsi_group *group, evs_bytes topic, int32_t partition);
const evsi_member *evsi_membership_match(const evsi_membership *membership, const evsi_entry *entry);
void evsi_memberships_free(evsi_group *group);

#endif
