/* SPDX-License-Identifier: MIT
 * file_internal.h - one file transport, its groups, and the worker that does their work. Private to
 * transport/file.
 *
 * A process has one worker thread for each file. It owns the connection and everything that is not marked
 * otherwise here; what hosts ask comes to it as jobs, and it does many in one transaction. What it has to say
 * goes to libevents directly where that may be called from any thread, and by way of the loop where it may
 * not. */
#ifndef EVSI_FILE_INTERNAL_H
#define EVSI_FILE_INTERNAL_H

#include <jansson.h>
#include <pthread.h>

#include "base/world.h"
#include "libevents_transport.h"
#include "transport/file/file_config.h"
#include "transport/file/file_store.h"
#include "transport/scope.h"

typedef struct evsi_file_worker evsi_file_worker;
typedef struct evsi_file_group evsi_file_group;

typedef enum {
  EVSI_FILE_CONNECT,
  EVSI_FILE_PUBLISH,
  EVSI_FILE_SETTLE,
  EVSI_FILE_JOIN,
  EVSI_FILE_LEAVE,
  EVSI_FILE_RESUME,
  EVSI_FILE_RECALL,
  EVSI_FILE_REQUEST,
  EVSI_FILE_ANNOUNCE,
  EVSI_FILE_CLOSE
} evsi_file_job_kind;

/* Something to do, from the I/O thread to the worker. Freed by whoever has done it. */
typedef struct evsi_file_job {
  struct evsi_file_job *next;
  evs_transport *transport;
  evsi_file_job_kind kind;
  uint64_t token; /* of a group, a request; deadline of a close */
  size_t count;
  union {
    evs_tp_event *events;
    evs_tp_settlement *settlements;
    evs_tp_group *group;
    evs_tp_place *places;
    struct {
      char *method, *params;
    } request;
    struct {
      evs_bytes service, instance, document;
      uint32_t ttl_ms;
    } announcement;
  } as;
  void *bytes;                 /* what `as` points into */
  struct evsi_file_note *note; /* made with it, so that what was done can be told: of a publish, a request */
} evsi_file_job;

/* Something that libevents wants to be told on the I/O thread. */
typedef enum {
  EVSI_NOTE_STATE,
  EVSI_NOTE_PUBLISHED,
  EVSI_NOTE_REPLIED,
  EVSI_NOTE_CLOSED
} evsi_file_note_kind;
typedef struct evsi_file_note {
  struct evsi_file_note *next;
  evsi_file_note_kind kind;
  bool is_connected, is_fatal;
  evs_status status;
  uint64_t number; /* token of a request; when the next try is, of a state */
  char *text;      /* taken */
  size_t count;
  evs_tp_outcome *outcomes; /* with their offsets in one allocation */
} evsi_file_note;

/* A settlement on its way. */
typedef struct evsi_file_settling {
  struct evsi_file_settling *next;
  evs_tp_settlement settlement; /* its bytes are the host's until it is answered */
  evs_tp_outcome outcome;
  evsi_file_group *group;
  struct evsi_file_reading *reading; /* NULL: it is not held */
  struct evsi_file_flight *flight;
} evsi_file_settling;

struct evs_transport {
  const evs_host_ops *ops;
  evs_host *host;
  const evsi_world *world;
  char *name;
  evsi_file_config config;
  evsi_file_worker *worker; /* @thread io; NULL until it connects */
  evsi_watch *watch;        /* @thread io */
  evsi_file_job *closing;   /* made with us, so that closing needs no memory */
  bool is_closing_asked;    /* @thread io */

  pthread_mutex_t notes_lock;
  evsi_file_note *notes_first, *notes_last; /* @locks notes_lock */
  evsi_file_note *closed_note;              /* made with us, as is `closing` */
  evsi_task notes_task;

  evs_transport *next; /* among those of the worker */
  evsi_file_group *groups;
  evsi_file_settling *settling_first, *settling_last;
  evsi_file_job *requests_first, *requests_last;
  bool is_closing, is_detached, is_told_connected;
  uint64_t close_deadline_ms;
  uint64_t beat_ms, retention_ms; /* when the next one is */
  int64_t news;                   /* as last looked at */
  uint64_t retention_looks;
  json_t *used; /* streams that it publishes to or reads, by name: true, its limits have to be looked at */
};

/* Whether this member handles an ordered stream. */
typedef enum {
  EVSI_HOLD_NONE,
  EVSI_HOLD_TAKING,   /* in the transaction that is open */
  EVSI_HOLD_OWNED,    /* it alone gets its entries */
  EVSI_HOLD_YIELDING, /* it does, but nothing begins any more */
  EVSI_HOLD_GIVING    /* it is given up in the transaction that is open */
} evsi_file_hold;

/* What is held of one stream's entries for one group. */
typedef struct evsi_file_reading {
  UT_hash_handle hh;
  int64_t id;      /* of the reader */
  int64_t stream;  /* its id */
  char *name;      /* of the stream; of a feed: of the stream that fills it */
  evs_bytes topic; /* within name */
  int32_t partition;
  int64_t version;             /* of the membership */
  int64_t told;                /* the one that the host was told */
  int64_t acked, dead, handed; /* in this transaction */
  bool is_stored;              /* the transaction that made it was committed */
  size_t flights;              /* of its entries */

  /* of an ordered stream, see file_order.c */
  uint32_t ordering, on_dead_letter; /* EVS_ORDER_…, EVS_DEAD_LETTER_… */
  evsi_file_hold hold;
  bool is_walking; /* what was pending when it was taken was not all given yet */
  int64_t walked;  /* highest number that was given */
  char *heir;      /* member that is to have it next, or NULL */
  uint64_t free_ms, told_until_ms;
  size_t aside; /* flights that wait here */
  struct evsi_file_flight *recalled_first, *recalled_last;
} evsi_file_reading;

/* An entry that is pending under our name. */
typedef struct evsi_file_flight {
  int64_t place; /* of its pending row */
  UT_hash_handle hh;
  uint32_t deliveries;
  bool is_settling;
  bool is_aside;     /* of an ordered stream: waits until the host asks for it, or it is due */
  bool is_asked_for; /* the host wants it again */
  bool is_ripe;      /* it was due before the host had put it aside */
  struct evsi_file_flight *recalled_next;
} evsi_file_flight;

typedef enum { EVSI_GROUP_NEW, EVSI_GROUP_LIVE, EVSI_GROUP_LEAVING, EVSI_GROUP_LEFT } evsi_file_group_state;

struct evsi_file_group {
  evsi_file_group *next;
  evs_transport *transport;
  uint64_t token;
  char *name, *consumer, *subscriptions, *replay;
  evsi_scope_topics topics;
  bool discover, from_new, is_relaxed;
  char from[48]; /* where a new one begins, see evs_tp_group */
  evsi_scope_partitions partitions;
  evsi_file_group_state state;
  int64_t member;  /* our row; 0: none */
  bool is_entered; /* the transaction that made it was committed */
  char *member_name;
  bool is_changed; /* what it subscribes to is to be written */
  bool is_joined_told, knew_topics, is_paused;
  bool is_ready;     /* there may be something to take */
  bool is_looking;   /* at the registry, members and pauses, in the next transaction */
  bool has_unknown;  /* something of ours is pending that memory was too short to know */
  bool must_balance; /* who is there, or who has which ordered stream, may have changed */
  uint64_t alive_ms,
      beating_ms;       /* when it proved to live: the last time, and in the transaction that is open */
  uint64_t released_ms; /* what was handed back is for others until then (monotonic) */
  uint64_t due_ms;      /* when something parked is due (monotonic), 0: nothing known */
  size_t rotate;
  evsi_file_reading *readings;
  evsi_file_flight *flights;
};

typedef struct evsi_file_watched evsi_file_watched;

struct evsi_file_worker {
  evsi_file_worker *next; /* @locks the list of workers */
  char *path;
  uint32_t users; /* @locks the list of workers */
  pthread_t thread;
  int wake_fd; /* the file beside it that others watch */

  pthread_mutex_t lock;
  pthread_cond_t changed;
  evsi_file_job *jobs_first, *jobs_last; /* @locks lock */
  bool is_stirred, is_stopping;          /* @locks lock */
  bool is_given_up;                      /* @locks lock: a close is late, waits end */

  const evsi_env *env;
  evsi_file_store store;
  bool is_open, is_fatal;
  uint64_t open_retry_ms, retry_ms, poll_ms, delayed_ms;
  uint32_t failures;
  evs_transport *transports;
  evsi_file_job *publishes_first, *publishes_last;
  evsi_file_watched *watched; /* beats of members of other processes */
};

/* ---- file_worker.c ---- */
/* Joins the worker of this file, or starts one; NULL: no memory, no thread. @thread io */
evsi_file_worker *evsi_file_worker_use(const char *path, const evsi_env *env);
/* Ends the use: returns when the worker touches the transport no more. @thread io */
void evsi_file_worker_leave(evsi_file_worker *worker, evs_transport *transport);
/* @thread io. What comes after the transport has ended is dropped: libevents was told that it is closed. */
void evsi_file_worker_add(evsi_file_worker *worker, evsi_file_job *job);
void evsi_file_worker_stir(evsi_file_worker *worker);   /* any thread: the file has changed */
uint64_t evsi_file_now(const evsi_file_worker *worker); /* monotonic */
uint64_t evsi_file_wall(const evsi_file_worker *worker);
bool evsi_file_begin_work(evsi_file_worker *worker, bool may_write);
/* Commits; on failure notes that the file is in trouble, and when to try again. */
bool evsi_file_end_work(evsi_file_worker *worker);
void evsi_file_job_free(evsi_file_job *job);

/* ---- file_transport.c ---- @thread io */
void evsi_file_transport_watch(evs_transport *transport); /* tells the worker when others wrote */

/* ---- file_note.c: to the I/O thread ---- */
void evsi_file_notes_init(evs_transport *transport);
void evsi_file_notes_free(evs_transport *transport);
evsi_file_note *evsi_file_note_new(evsi_file_note_kind kind); /* NULL: no memory */
void evsi_file_note_free(evsi_file_note *note);
/* False: no memory. */
bool evsi_file_note_state(evs_transport *transport, bool is_connected, bool is_fatal, const char *why,
                          uint64_t next_try_ms);
/* With the outcomes that the job's note holds. */
void evsi_file_note_published(evsi_file_job *job);
void evsi_file_note_replied(evsi_file_job *job, evs_status status, evs_bytes text);
void evsi_file_note_closed(evs_transport *transport);
void evsi_file_log(const evs_transport *transport, int32_t level, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* ---- file_publish.c ---- */
bool evsi_file_publish_make(evsi_file_job *job); /* a place for each outcome; false: no memory */
void evsi_file_publish_all(evsi_file_worker *worker);
void evsi_file_publish_refuse(evsi_file_job *job, const char *why, uint32_t flags); /* frees the job */
/* Moves what is due into its streams. */
void evsi_file_ripen(evsi_file_worker *worker);

/* ---- file_group.c ---- */
void evsi_file_group_join(evs_transport *transport, const evs_tp_group *spec);
void evsi_file_group_leave(evs_transport *transport, uint64_t token);
evsi_file_group *evsi_file_group_find(evs_transport *transport, uint64_t token);
void evsi_file_group_free(evsi_file_group *group);
void evsi_file_group_drop_flights(evsi_file_group *group);
/* Within a transaction: whatever is due to happen to its place in the store. */
void evsi_file_group_work(evsi_file_group *group);
bool evsi_file_group_has_work(const evsi_file_group *group);
/* After the transaction: what the host has to know. */
void evsi_file_group_tell(evsi_file_group *group);
/* The transaction was not committed: what it had made is not there. */
void evsi_file_group_undo(evsi_file_group *group);
evsi_file_flight *evsi_file_flight_find(const evsi_file_group *group, int64_t place);
evsi_file_flight *evsi_file_flight_add(evsi_file_group *group, evsi_file_reading *reading,
                                       int64_t place); /* NULL: no memory */
void evsi_file_flight_drop(evsi_file_group *group, evsi_file_flight *flight);
evsi_file_reading *evsi_file_reading_find(const evsi_file_group *group, evs_bytes topic, int32_t partition);

/* ---- file_order.c: ordered streams ---- */
bool evsi_file_order_has_work(const evsi_file_group *group);
bool evsi_file_order_has_entries(const evsi_file_group *group);
/* Is it given to this member, within the transaction? */
static inline bool evsi_file_order_is_held(const evsi_file_reading *reading) {
  return reading->hold == EVSI_HOLD_OWNED || reading->hold == EVSI_HOLD_TAKING;
}
/* May anything be given to the host that it was not given yet? */
bool evsi_file_order_may_go_on(const evsi_file_reading *reading);
/* Within a transaction: looks which streams are ordered; gives up and takes. */
void evsi_file_order_look(evsi_file_group *group);
void evsi_file_order_work(evsi_file_group *group);
bool evsi_file_order_take(evsi_file_group *group, evsi_file_reading *reading);
/* After it. */
void evsi_file_order_tell(evsi_file_group *group);
void evsi_file_order_undo(evsi_file_group *group);
/* Gives it up as soon as nothing of it is being handled; to: a member that is to have it, or empty. */
void evsi_file_order_yield(evsi_file_group *group, evsi_file_reading *reading, evs_bytes to);
/* It is not ours any more. */
void evsi_file_order_lost(evsi_file_group *group, evsi_file_reading *reading);
/* An entry goes to the host. */
void evsi_file_order_given(evsi_file_reading *reading, evsi_file_flight *flight);
void evsi_file_order_recall(evs_transport *transport, const evs_tp_place *places, size_t count);
/* A settlement that is a matter of this member alone was dealt with; false: the file has to know of it, in
 * the form that it has now. */
bool evsi_file_order_settle(evsi_file_settling *settling);
/* A settlement was carried out; true: the entry stays with this member. */
bool evsi_file_order_kept(const evsi_file_settling *settling);

/* ---- file_balance.c ---- */
/* Within a transaction: takes ordered streams that are free and due to this member, or gives one up that is
 * due to another. */
void evsi_file_balance(evsi_file_group *group);

/* ---- file_members.c ---- */
/* Within a transaction: our beats, and who else lives. */
void evsi_file_beat(evs_transport *transport);
void evsi_file_watched_free(evsi_file_worker *worker);
void evsi_file_tell_members(evsi_file_group *group, evsi_file_reading *reading);
/* What a member (0: any) holds of a reader waits for others. is_counted: it was not handled. Gives how many.
 */
int64_t evsi_file_give_back(evsi_file_store *store, int64_t reader, int64_t member, bool is_counted);
/* Takes a member out: what it holds waits for others. Gives how many entries that were. */
int64_t evsi_file_member_end(evsi_file_store *store, int64_t member, bool is_counted);

/* ---- file_fetch.c ---- */
/* May it take something now? Looks without writing. */
bool evsi_file_has_entries(evsi_file_group *group);
/* Within a transaction; deliver afterwards, or forget. */
typedef struct evsi_file_handful evsi_file_handful;
evsi_file_handful *evsi_file_fetch(evsi_file_group *group);
void evsi_file_deliver(evsi_file_handful *handful);
void evsi_file_forget_handful(evsi_file_handful *handful);

/* ---- file_settle.c ---- */
void evsi_file_settle_add(evs_transport *transport, const evs_tp_settlement *settlements, size_t count);
/* Within a transaction. */
void evsi_file_settle_all(evs_transport *transport);
/* Within a transaction: entries of streams without an order that are ours and that nobody here knows of wait
 * for a while, as if they had not been given. */
void evsi_file_release_unknown(evsi_file_group *group);
/* After it: answers what was carried out, or keeps it. */
void evsi_file_settle_told(evs_transport *transport, bool is_done);
/* Answers everything that is left as a failure. */
void evsi_file_settle_fail(evs_transport *transport, const char *why);

/* ---- file_request.c ---- */
void evsi_file_requests(evs_transport *transport);
void evsi_file_announce(evsi_file_worker *worker, const evsi_file_job *job);

/* ---- file_retention.c ---- */
void evsi_file_retention_touch(evs_transport *transport, const char *stream);
void evsi_file_retention_look(evs_transport *transport);

#endif
