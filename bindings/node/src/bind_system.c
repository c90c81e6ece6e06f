/* SPDX-License-Identifier: MIT
 * bind_system.c - a system's life, questions about it, and requests. Only release() waits for anything, and
 * that on a thread of Node's pool. */
#include <stdlib.h>

#include "bindings.h"
#include "env_state.h"
#include "value.h"

/* open(config) → id */
napi_value evsn_open(napi_env env, napi_callback_info info) {
  napi_value arg, id = NULL;
  evsn_arena arena = {NULL};
  evs_bytes config;
  evs_system *handle = NULL;
  evs_error *error = NULL;
  if (evsn_args(env, info, 1, &arg) && evsn_text(env, &arena, arg, &config)) {
    evs_status status = evs_system_open(config.data, config.size, &handle, &error);
    evsn_system *system = status == EVS_OK ? evsn_env_add(env, handle) : NULL;
    if (system)
      id = evsn_new_number(env, system->id);
    else if (status == EVS_OK)
      evs_system_release(handle);
    else
      evsn_throw(env, status, error);
  }
  evsn_arena_free(&arena);
  return id;
}

/* rearm(id): onWake is called again when there are records. */
napi_value evsn_rearm(napi_env env, napi_callback_info info) {
  napi_value arg;
  evsn_system *system = evsn_args(env, info, 1, &arg) ? evsn_env_find(env, arg) : NULL;
  if (system)
    evsn_env_rearm(system);
  return NULL;
}

/* hold(id, holds): does the system keep the process from ending by itself? */
napi_value evsn_hold(napi_env env, napi_callback_info info) {
  napi_value args[2];
  bool holds = false;
  evsn_system *system = evsn_args(env, info, 2, args) ? evsn_env_find(env, args[0]) : NULL;
  if (system && napi_get_value_bool(env, args[1], &holds) == napi_ok)
    evsn_env_hold(system, holds);
  return NULL;
}

/* close(id, deadlineMs): begins to close. */
napi_value evsn_close(napi_env env, napi_callback_info info) {
  napi_value args[2];
  uint32_t deadline_ms = 0;
  evs_error *error = NULL;
  evsn_system *system = evsn_args(env, info, 2, args) ? evsn_env_find(env, args[0]) : NULL;
  if (!system || !evsn_uint32(env, args[1], &deadline_ms))
    return NULL;
  evs_status status = evs_system_close(system->handle, deadline_ms, &error);
  return status == EVS_OK ? NULL : evsn_throw(env, status, error);
}

/* ---- release --------------------------------------------------------------------------------------- */

typedef struct release_work {
  napi_async_work work;
  napi_deferred deferred;
  evsn_system *system;
} release_work;

static void run_release(napi_env env, void *data) {
  (void)env;
  release_work *release = data;
  evsn_system_end(release->system);
}

static void finish_release(napi_env env, napi_status status, void *data) {
  release_work *release = data;
  napi_value nothing;
  (void)status; /* never cancelled */
  if (napi_get_undefined(env, &nothing) == napi_ok)
    napi_resolve_deferred(env, release->deferred, nothing);
  evsn_system_free(release->system);
  napi_delete_async_work(env, release->work);
  free(release);
}

/* release(id) → promise: frees the system; its number is unknown from here on. */
napi_value evsn_release(napi_env env, napi_callback_info info) {
  napi_value arg, name, promise = NULL;
  evsn_system *system = evsn_args(env, info, 1, &arg) ? evsn_env_find(env, arg) : NULL;
  release_work *release = system ? calloc(1, sizeof *release) : NULL;
  if (!system)
    return NULL;
  if (release && napi_create_promise(env, &release->deferred, &promise) == napi_ok &&
      napi_create_string_utf8(env, "libevents.release", NAPI_AUTO_LENGTH, &name) == napi_ok &&
      napi_create_async_work(env, NULL, name, run_release, finish_release, release, &release->work) ==
          napi_ok) {
    evsn_env_remove(env, system);
    release->system = system;
    napi_queue_async_work(env, release->work);
    return promise;
  }
  free(release);
  napi_throw_error(env, "EVS_NOMEM", "out of memory");
  return NULL;
}

/* ---- questions ------------------------------------------------------------------------------------- */

typedef evs_status (*evsn_snapshot)(evs_system *system, char **out_text, evs_error **out_error);

static napi_value snapshot(napi_env env, napi_callback_info info, evsn_snapshot take) {
  napi_value arg;
  char *text = NULL;
  evs_error *error = NULL;
  evsn_system *system = evsn_args(env, info, 1, &arg) ? evsn_env_find(env, arg) : NULL;
  if (!system)
    return NULL;
  evs_status status = take(system->handle, &text, &error);
  return status == EVS_OK ? evsn_give_text(env, text) : evsn_throw(env, status, error);
}

/* stats(id) → JSON */
napi_value evsn_stats(napi_env env, napi_callback_info info) {
  return snapshot(env, info, evs_system_stats);
}

/* metrics(id) → Prometheus text */
napi_value evsn_metrics(napi_env env, napi_callback_info info) {
  return snapshot(env, info, evs_system_metrics);
}

/* status(id) → JSON */
napi_value evsn_status(napi_env env, napi_callback_info info) {
  return snapshot(env, info, evs_system_status);
}

/* explain(id, query) → JSON */
napi_value evsn_explain(napi_env env, napi_callback_info info) {
  napi_value args[2], answer = NULL;
  evsn_arena arena = {NULL};
  evs_bytes query;
  char *text = NULL;
  evs_error *error = NULL;
  evsn_system *system = evsn_args(env, info, 2, args) ? evsn_env_find(env, args[0]) : NULL;
  if (system && evsn_text(env, &arena, args[1], &query)) {
    evs_status status = evs_explain(system->handle, query.data, query.size, &text, &error);
    answer = status == EVS_OK ? evsn_give_text(env, text) : evsn_throw(env, status, error);
  }
  evsn_arena_free(&arena);
  return answer;
}

/* request(id, method, params, timeoutMs, token): the answer is a record with this token. */
napi_value evsn_request(napi_env env, napi_callback_info info) {
  enum { ID, METHOD, PARAMS, TIMEOUT, TOKEN, COUNT };
  napi_value args[COUNT];
  evsn_arena arena = {NULL};
  evs_bytes method, params;
  uint32_t timeout_ms;
  uint64_t token;
  evs_error *error = NULL;
  evsn_system *system = evsn_args(env, info, COUNT, args) ? evsn_env_find(env, args[ID]) : NULL;
  if (system && evsn_text(env, &arena, args[METHOD], &method) &&
      evsn_text(env, &arena, args[PARAMS], &params) && evsn_uint32(env, args[TIMEOUT], &timeout_ms) &&
      evsn_token(env, args[TOKEN], &token)) {
    evs_status status =
        evs_request(system->handle, method.data, params.data, params.size, timeout_ms, token, &error);
    if (status != EVS_OK)
      evsn_throw(env, status, error);
  }
  evsn_arena_free(&arena);
  return NULL;
}
