/* SPDX-License-Identifier: MIT
 * job.h - one accepted event on its way out, private to publish/. */
#ifndef EVSI_JOB_H
#define EVSI_JOB_H

#include "base/slots.h"
#include "event/parcel.h"
#include "publish/publisher.h"
#include "validate/event_check.h"

typedef struct evsi_job evsi_job;
typedef struct evsi_gate evsi_gate;
typedef struct evsi_batcher evsi_batcher;
struct evsi_batch_queue;

/* The event for one transport. Its bytes belong to the job and stay until the transport answered. */
typedef struct evsi_send {
  struct evsi_send *next; /* in the lane's queue or list of sent ones */
  struct evsi_send *prev;
  evsi_job *job;
  uint64_t sequence; /* order of acceptance: kept over retries */
  uint32_t link;
  evsi_label *label; /* of its transport */
  uint32_t attempts;
  bool sent;         /* the transport has it and will answer */
  bool maybe_stored; /* an earlier attempt may have reached the store */
  bool settled;      /* has its outcome; only waits for the transport's answer */
  bool is_duplicate;
  bool is_due;                    /* waits no longer for others to go with it */
  struct evsi_batch_queue *batch; /* with batching: its topic and partition */
  uint32_t held;                  /* attempts that were held back: they do not count as retries */
  evs_status status;
  uint32_t outcome;
  uint32_t acknowledgement; /* that was reached */
  char offset[48];
  evs_tp_event event;
} evsi_send;

struct evsi_job {
  evsi_job *next; /* while it waits in the gate */
  uint64_t token;
  evsi_publish_waiter *waiter;
  size_t index; /* in the waiter */
  uint64_t started_us;
  uint64_t deadline_ms;
  uint64_t cost; /* bytes counted as in flight */
  evs_bytes id;
  evs_bytes batch_key; /* or empty */
  evsi_parcel *parcel; /* what direct transports get; NULL: none is among its transports */
  evsi_labels labels;  /* without the transport: there may be several */
  /* Of several sends: */
  _Atomic uint32_t open;    /* those without an outcome */
  _Atomic uint32_t holders; /* those whose bytes a transport may still read, and open ones */
  char *message;
  bool is_owed;        /* its report is still to come, and it is in flight until then */
  evs_bytes transport; /* name of its first one */
  uint32_t send_count;
  evsi_send sends[];
};

typedef struct evsi_send_list {
  evsi_send *first;
  evsi_send *last;
} evsi_send_list;

void evsi_send_list_append(evsi_send_list *list, evsi_send *send);
void evsi_send_list_remove(evsi_send_list *list, evsi_send *send);
/* Puts a send back in the order of its sequence; *hint speeds up a run of them. */
void evsi_send_list_restore(evsi_send_list *list, evsi_send *send, evsi_send **hint);

/* One transport's way out. */
typedef struct evsi_lane {
  evsi_task task;
  evsi_publisher *publisher;
  evsi_link *link;
  pthread_mutex_t lock;
  evsi_send_list inbox; /* @locks lock: from callers */
  _Atomic uint64_t retry_at_ms;
  /* @thread io from here on */
  evsi_batcher *batcher; /* what waits is there in place of the queue; NULL: batching is off */
  evsi_send_list queue;
  evsi_send_list sent;
  evs_tp_event *vector; /* for one call of the transport */
  evsi_send **picked;   /* what it is made of */
  size_t vector_size;
  evsi_timer *timer;
  uint64_t limit_ms; /* no time limit of a send ends before; UINT64_MAX: there is none */
  bool connected;
  bool is_held;   /* the store takes nothing: one event at a time asks whether it does again */
  uint32_t holds; /* how often it said so without a break */
  char why_not[256];
  uint64_t held_since_ms; /* @locks lock, wall clock, 0: not held */
  char held_why[256];     /* @locks lock */
} evsi_lane;

struct evsi_publisher {
  evsi_publisher_setup setup;
  _Atomic uint64_t in_flight;
  _Atomic uint64_t in_flight_bytes;
  _Atomic uint64_t sequence;
  _Atomic uint32_t entering; /* callers that are about to hand events on */
  _Atomic bool is_sealed;    /* set once, by closing: whoever enters later is refused */
  pthread_mutex_t lock;      /* of the slots */
  evsi_slots sends;
  evsi_lane *lanes;
  evsi_gate *gate;
  _Atomic bool via_lanes; /* events wait for each other: none goes to a transport on its caller's thread */
};

/* Gives a job to the lanes of its transports; any thread. */
void evsi_publisher_hand_on(evsi_publisher *publisher, evsi_job *job);

/* What one call has found out, for its next event: mostly that is of the same type, and goes the same way. */
typedef struct evsi_run {
  uint32_t events;
  uint64_t now_us, wall_ms;                 /* looked at every few events */
  uint64_t sequence;                        /* of the next event */
  uint64_t entering_events, entering_bytes; /* in flight, and not counted yet as such */
  evsi_checked_type type;
  evsi_router *router;  /* that decided; NULL: nothing is decided that another event may share */
  uint32_t decided_for; /* type.changes at that time */
  evs_bytes topic, transport;
  evsi_decision decision;
  evs_bytes decided; /* its topic */
  evsi_labels labels;
} evsi_run;

/* Counts what is in flight by it. */
void evsi_run_count(evsi_publisher *publisher, evsi_run *run);
/* Builds a job, or NULL with the error. run: all zero before the first event of a call. */
evsi_job *evsi_job_new(evsi_publisher *publisher, const evs_event *event, evsi_run *run,
                       evs_error **out_error);
/* How one send ended. */
typedef struct evsi_ending {
  evs_status status;
  uint32_t outcome;
  uint32_t acknowledgement;
  bool is_duplicate;
  evs_bytes offset;
  const char *message;          /* of a failure, or NULL */
  struct evsi_harvest *harvest; /* of what was stored */
} evsi_ending;

/* What its event is counted under. */
evsi_labels evsi_send_labels(const evsi_send *send);
/* One send got its outcome; reports the job when it was the last. */
void evsi_job_settle(evsi_publisher *publisher, evsi_send *send, const evsi_ending *ending);
/* What outcomes that came together came to: their reports go to the host together, and what is alike is
 * counted at once. */
typedef struct evsi_harvest {
  uint64_t now_us;
  evsi_send *hint; /* see evsi_send_list_restore() */
  evsi_report *first, **end;
  uint64_t events, bytes; /* are in flight until then */
  evsi_labels labels;     /* of what was stored, and is not counted yet: */
  uint64_t stored, stored_bytes;
  uint64_t latency_us, latencies; /* so many alike are not recorded yet */
} evsi_harvest;

/* The transport needs the bytes of this send no more. harvest: takes a report that is owed; or NULL */
void evsi_job_release(evsi_publisher *publisher, evsi_send *send, evsi_harvest *harvest);
void evsi_harvest_deliver(evsi_publisher *publisher, evsi_harvest *harvest);
/* An event that was refused before it became a job. False: without memory for the report that is owed. */
bool evsi_job_refuse(evsi_publisher *publisher, const evs_event *event, evsi_publish_waiter *waiter,
                     size_t index, const evs_error *error);

void evsi_waiter_put(evsi_publish_waiter *waiter, size_t index, const evs_report *report);
void evsi_waiter_hold(evsi_publish_waiter *waiter);
void evsi_waiter_drop(evsi_publish_waiter *waiter);

bool evsi_lane_init(evsi_lane *lane, evsi_publisher *publisher, evsi_link *link);
void evsi_lane_destroy(evsi_lane *lane);
/* Takes sends from a caller; any thread. */
void evsi_lane_offer(evsi_lane *lane, evsi_send_list sends);
void evsi_lane_outcome(evsi_lane *lane, evsi_send *send, const evs_tp_outcome *outcome,
                       evsi_harvest *harvest);
void evsi_lane_run(evsi_lane *lane);
/* The same, and time limits of what has ended are forgotten at once. */
void evsi_lane_look(evsi_lane *lane);
/* All that waits for others to go with it goes; @thread io. */
void evsi_lane_flush(evsi_lane *lane);
/* Ends all that has no outcome yet; @thread io. */
void evsi_lane_abort(evsi_lane *lane, const char *why);
void evsi_lane_connected(evsi_lane *lane, bool connected, const char *message);
/* Has it something on its way, or to send? @thread io */
bool evsi_lane_is_sending(evsi_lane *lane);
/* Since when the store takes nothing (wall clock, ms) and why, or 0; any thread. */
uint64_t evsi_lane_held(evsi_lane *lane, char out_why[256]);

#endif
