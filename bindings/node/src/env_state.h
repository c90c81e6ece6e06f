/* SPDX-License-Identifier: MIT
 * env_state.h - what one Node environment (the main thread, or a worker) has: its open systems, whose
 * wake-ups its loop waits for, and what it calls in JavaScript.
 *
 * The addon has no global state: every environment has its own, and several may live in one process. */
#ifndef EVSN_ENV_STATE_H
#define EVSN_ENV_STATE_H

#include <node_api.h>
#include <stdbool.h>

#include "dashboards.h"
#include "libevents.h"

typedef struct evsn_env evsn_env;
typedef struct evsn_watch evsn_watch;

/* One opened system. JavaScript knows it by its number, which is never used again. */
typedef struct evsn_system {
  struct evsn_system *next;
  uint32_t id;
  evs_system *handle;
  evsn_watch *watch;
  evsn_dashboard *dashboards;
} evsn_system;

/* evsn_env_init - makes the environment's state and its cleanup hook. False with an exception pending. */
bool evsn_env_init(napi_env env);

/* evsn_env_install - install(onWake, makeError, makeList): what to call when records wait, how errors are
 * made, and what gives its arguments as a list. */
napi_value evsn_env_install(napi_env env, napi_callback_info info);

/* evsn_env_shutdown - shutdown(): releases every system, for the end of the process. */
napi_value evsn_env_shutdown(napi_env env, napi_callback_info info);

/* evsn_error_maker - the function that makes errors, or NULL before install(). */
napi_value evsn_error_maker(napi_env env);

/* evsn_list_maker - the function that makes lists, or NULL before install(). */
napi_value evsn_list_maker(napi_env env);

/* evsn_env_add - takes an opened system; gives its entry, or NULL with an exception pending. The system's
 * records are announced to onWake(id) once; evsn_env_rearm() asks for the next time. */
evsn_system *evsn_env_add(napi_env env, evs_system *handle);

/* evsn_env_find - the system of a number, or NULL with the exception EVS_CLOSED pending. */
evsn_system *evsn_env_find(napi_env env, napi_value id);

/* evsn_env_rearm - the next record, or one that waits already, calls onWake again. */
void evsn_env_rearm(evsn_system *system);

/* evsn_env_hold - whether the system keeps the process from ending by itself. */
void evsn_env_hold(evsn_system *system, bool holds);

/* evsn_env_remove - forgets a system, which the caller then has to end and free. No wake-up of it follows. */
void evsn_env_remove(napi_env env, evsn_system *system);

/* evsn_system_end - stops its dashboards and releases it. thread: any; blocks: see evs_system_release() */
void evsn_system_end(evsn_system *system);

/* evsn_system_free - frees what evsn_system_end() left. thread: the environment's */
void evsn_system_free(evsn_system *system);

#endif
