/* SPDX-License-Identifier: MIT
 * system.h - the owner of everything in one opened system, its I/O thread and its life. */
#ifndef EVSI_SYSTEM_H
#define EVSI_SYSTEM_H

#include <jansson.h>
#include <pthread.h>
#include <stdatomic.h>

#include "base/slots.h"
#include "base/world.h"
#include "config/config.h"
#include "consume/consume.h"
#include "event/records.h"
#include "observe/log.h"
#include "observe/stats.h"
#include "publish/publisher.h"
#include "route/router.h"
#include "transport/transport.h"

typedef enum { EVSI_NEW, EVSI_OPEN, EVSI_CLOSING, EVSI_CLOSED } evsi_system_state;

/* libevents' side of one transport. */
struct evs_host {
  evs_system *system;
  uint32_t index;
  /* @locks system->lock */
  bool connected, fatal, closed;
  uint64_t since_ms;   /* wall clock: when `connected` last changed */
  uint64_t wake_at_ms; /* when the transport wants to be woken; UINT64_MAX: not at all */
  uint64_t next_try_ms;
  char message[256];
  evsi_task wake_task; /* to set the timer, from any thread */
  evsi_timer *wake_timer;
  /* @thread io: while it is being disconnected */
  int ending; /* 0 not, 1 handlers and publishes may end, 2 the transport closes */
  uint64_t ending_deadline_ms;
};

/* Which of all opened systems this is. */
typedef struct evsi_identity {
  char instance[17];   /* 16 hex digits, new for every opened system */
  char generation[17]; /* of the configuration: equal where the normalised documents are */
  char host[65];
  int pid;
  uint64_t started_at_ms; /* wall clock */
} evsi_identity;

typedef struct evsi_request evsi_request;
typedef struct evsi_schemas evsi_schemas;
typedef struct evsi_operations_link evsi_operations_link;

/* A configuration that was replaced, kept for those who still read it. */
typedef struct evsi_retired evsi_retired;
typedef struct evsi_kept evsi_kept;

struct evs_system {
  _Atomic(evsi_config *) config; /* read it on the I/O thread, or between evsi_reload_hold() and _let() */
  evsi_config *opened_with;      /* its first one, which lives as long as the system, as transports do */
  const evsi_env *env;
  const evsi_env *host_env; /* of those who wait outside: a clock that a test holds does not hold them up */
  evsi_identity identity;
  evsi_loop *loop, *host_loop;
  evsi_tasks tasks;
  evsi_world world;
  evsi_wake wake;
  evsi_records records;
  evsi_stats stats;
  evsi_schemas *schemas;
  _Atomic(evsi_router *) router; /* as config */
  pthread_rwlock_t reload_lock;
  evsi_retired *retired; /* @thread io */
  evsi_kept *kept;       /* @thread io */
  evsi_log log;
  _Atomic bool logs_to_stderr;
  _Atomic uint64_t pulse_ms; /* when the I/O thread had its last pulse */
  evsi_publisher *publisher;
  evsi_consume *consume;
  evsi_link *links;
  struct evs_host *hosts;
  uint32_t link_count; /* links that have a transport */
  pthread_t thread;
  bool has_thread, has_tasks, has_records, has_stats, has_wake;
  uint64_t fork_generation;
  _Atomic int state;    /* evsi_system_state */
  _Atomic bool is_over; /* closed, and the last record can be taken */
  pthread_mutex_t lock;

  /* @locks lock */
  evsi_slots requests;
  bool requests_sealed; /* the loop is about to stop */

  /* @thread io */
  evsi_timer *tick; /* runs while requests wait or the system closes */
  bool ticking;
  evsi_timer *pulse_timer;
  evsi_timer *fleet_timer;
  evsi_task fleet_task; /* to renew at once, from any thread */
  evsi_task close_task;
  _Atomic uint64_t close_deadline_ms;
  int close_phase;                 /* 0 not begun, 1 host still works, 2 transports close */
  uint64_t transports_deadline_ms; /* of phase 2; a hurried second close must not cut the handing back */
  uint64_t abandoned;
  evsi_operations_link *operations; /* one for each link; NULL until a host asks for operations */
};

/* Builds everything and starts the I/O thread. */
evs_status evsi_system_open(const char *json, size_t size, evs_system **out_system, evs_error **out_error);
void evsi_system_close(evs_system *system, uint32_t deadline_ms); /* any thread, idempotent */
void evsi_system_release(evs_system *system);
/* Rises in every forked child. */
uint64_t evsi_fork_generation(void);

/* ---- testing.c ---- */
/* Moves a held clock to when something is due next, at most so far as the request says, and runs what is due.
 */
void evsi_testing_advance(evs_system *system, const char *params, uint64_t request);

/* ---- host.c ---- */
extern const evs_host_ops evsi_host_ops;
void evsi_host_woken(evsi_task *task);
void evsi_host_on_wake(void *data);

/* ---- links.c ---- */
/* Builds the transport of a link, or builds it anew. */
evs_status evsi_link_create(evs_system *system, uint32_t index, evs_error **out_error);
/* @thread io, all of these. Begins to connect; nothing when it is open. False: it cannot be now, and why. */
bool evsi_link_connect(evs_system *system, uint32_t index, char *out_why, size_t size);
/* Begins to disconnect; a later call may only shorten the deadline. */
void evsi_link_disconnect(evs_system *system, uint32_t index, uint32_t deadline_ms);
bool evsi_link_is_ending(const evs_system *system, uint32_t index);
/* Goes on with what is being disconnected; true while something is. */
bool evsi_links_step(evs_system *system);
/* Begins to close all that are not closed; a closed one says so by host.closed. */
void evsi_links_close(evs_system *system, uint32_t deadline_ms);

/* ---- request.c ---- */
typedef struct evsi_request_waiter evsi_request_waiter;
/* Starts a request; with a waiter the answer goes there. */
evs_status evsi_request_start(evs_system *system, const char *method, evs_bytes params, uint32_t timeout_ms,
                              uint64_t token, evsi_request_waiter *waiter, evs_error **out_error);
evs_status evsi_request_call(evs_system *system, const char *method, evs_bytes params, uint32_t timeout_ms,
                             char **out_json, evs_error **out_error);
/* Does anybody wait for a drain? Any thread. */
bool evsi_requests_drain(evs_system *system);
/* The program goes on to answer a transport of its own while the system closes. */
bool evsi_is_telling(const char *method);
/* Looks which requests can be answered now; @thread io. True while some wait. */
bool evsi_requests_check(evs_system *system);
void evsi_requests_answer(evs_system *system, uint64_t id, evs_status status, evs_bytes json_or_message);
/* The same for a failure that one of the arguments caused: path is a JSON pointer to it, or NULL. */
void evsi_requests_refuse(evs_system *system, uint64_t id, evs_status status, const char *path,
                          evs_bytes json_or_message);
/* The same for a failure with all that it tells; frees the error. */
void evsi_requests_fail(evs_system *system, uint64_t id, evs_error *error);
void evsi_requests_abort(evs_system *system);

/* A question to a transport that no host made; params (from evsi_alloc) is taken. fn is called exactly once,
 * perhaps before this returns; @thread io. */
typedef void (*evsi_request_then)(void *data, evs_status status, evs_bytes json_or_message);
void evsi_request_inner(evs_system *system, uint32_t link, const char *method, char *params,
                        evsi_request_then fn, void *data);

/* ---- reload.c ---- */
/* Configuration and router are not replaced, nor freed, between these; any thread. */
void evsi_reload_hold(evs_system *system);
void evsi_reload_let(evs_system *system);
/* Checks the document of a reload: as a whole, and that what cannot change has not. Any thread. */
evs_status evsi_reload_check(evs_system *system, const json_t *params, evsi_config **out_config,
                             evs_error **out_error);
/* Works by this configuration from now on, and answers; takes it. @thread io */
void evsi_reload_apply(evs_system *system, evsi_config *config, uint64_t request);
void evsi_reload_free(evs_system *system);

/* ---- pulse.c ---- */
void evsi_pulse(void *data); /* @thread io; and again after a second */
/* Appends `"live":…,"ready":…,"reasons":[…]`; any thread. */
void evsi_health_json(evs_system *system, evsi_buf *out);

/* ---- fleet.c ---- @thread io */
void evsi_fleet_renew(void *data); /* and again after fleet.interval */
void evsi_fleet_run(evsi_task *task);
void evsi_fleet_withdraw(evs_system *system);
/* The answer to the request `fleet` where nobody else can be seen. */
void evsi_fleet_answer_self(evs_system *system, uint64_t request);

/* ---- schemas.c ---- @thread io */
/* Any thread: behind the transports, before what uses it. errors: EVS_CONFIG for a folder */
evs_status evsi_schemas_open(evs_system *system, evs_error **out_error);
void evsi_schemas_free(evs_system *system);
evsi_registry *evsi_schemas_registry(const evs_system *system); /* any thread */
/* Looks soon whether others changed something; any thread. */
void evsi_schemas_look(evs_system *system);
/* Any thread: when all that is kept was known last (wall clock, ms). */
uint64_t evsi_schemas_known_at(const evs_system *system);
/* What is kept was read, and what is declared is in: only then consuming begins. */
bool evsi_schemas_ready(const evs_system *system);
void evsi_schemas_whole(evsi_schemas *schemas);

/* ---- schema_requests.c ---- @thread io */
bool evsi_is_schemas_method(const char *method); /* any thread */
void evsi_schemas_begin(evs_system *system, const char *method, const char *params, uint64_t request);

/* ---- edit_check.c ---- @thread io */
bool evsi_is_edit(const evs_system *system, const char *method, const char *params);
/* Passes the request on to the transport when the new body is valid. */
void evsi_edit_begin(evs_system *system, uint32_t link, const char *params, uint64_t request);

/* ---- operations_link.c ---- @thread io */
bool evsi_is_operations_method(const char *method); /* any thread */
void evsi_operations_begin(evs_system *system, uint32_t link, const char *method, const char *params,
                           uint64_t request);
void evsi_operations_end(evs_system *system); /* nothing new is begun */
void evsi_operations_release(evs_system *system);

/* ---- close.c ---- @thread io */
void evsi_close_begin(evsi_task *task);
bool evsi_close_step(evs_system *system);  /* false once the loop may stop */
void evsi_system_tick(evs_system *system); /* makes the tick run */

/* ---- status.c ---- */
bool evsi_identity_init(evs_system *system);
/* Of which configuration it works by: equal where the normalised documents are. False: SHA-256 is not there.
 */
bool evsi_generation_of(const evsi_config *config, char out[17]);
void evsi_system_log(evs_system *system, int32_t level, const char *component, const char *message);
void evsi_system_log_init(evs_system *system);
void evsi_system_log_set(evs_system *system, const evsi_config *config); /* its level, and where it goes */
char *evsi_system_stats_json(evs_system *system);
char *evsi_system_status_json(evs_system *system);

#endif
