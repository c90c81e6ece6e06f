/* SPDX-License-Identifier: MIT
 * env_state.c - see env_state.h.
 *
 * Everything runs on the environment's own thread: its loop, which is Node's, waits for the descriptors of
 * the systems. A descriptor stays in the loop's set, and what it says between a wake-up and rearm() counts
 * for nothing: where JavaScript has taken everything by then, as it mostly has, no call to the kernel is
 * needed.
 *
 * Teardown: the cleanup hook releases what is still open, and Node waits until the loop has let go of the
 * last descriptor, so that a dead environment is never woken. process.exit() runs no such hook: JavaScript
 * calls shutdown() from the process's own event for that. */
#include "env_state.h"

#include <stdint.h>
#include <stdlib.h>
#include <uv.h>

#include "value.h"

struct evsn_env {
  napi_env env;
  uv_loop_t *loop;
  evsn_system *systems;
  uint32_t last_id;
  napi_ref on_wake;
  napi_ref make_error;
  napi_ref make_list;
  napi_async_context context; /* of onWake */
  napi_async_cleanup_hook_handle hook;
  uint32_t closing; /* watches that the loop has not let go of */
  bool is_ending;
};

/* A system's descriptor in the loop; the loop frees it. */
struct evsn_watch {
  uv_poll_t poll;
  evsn_env *state;
  uint32_t id;
  bool is_armed;
};

static evsn_env *state_of(napi_env env) {
  void *state = NULL;
  napi_get_instance_data(env, &state);
  return state;
}

static napi_value referred(napi_env env, napi_ref reference) {
  napi_value value = NULL;
  if (reference)
    napi_get_reference_value(env, reference, &value);
  return value;
}

/* ---- waiting --------------------------------------------------------------------------------------- */

/* Calls onWake(id); what it throws is thrown by nobody, as in any other callback of the loop. */
static void wake(evsn_env *state, uint32_t id) {
  napi_env env = state->env;
  napi_handle_scope scope;
  napi_value receiver, error, argument, callback;
  bool is_pending = false;
  if (napi_open_handle_scope(env, &scope) != napi_ok)
    return;
  callback = referred(env, state->on_wake);
  argument = evsn_new_number(env, id);
  if (callback && argument && napi_get_global(env, &receiver) == napi_ok)
    napi_make_callback(env, state->context, receiver, callback, 1, &argument, NULL);
  if (napi_is_exception_pending(env, &is_pending) == napi_ok && is_pending &&
      napi_get_and_clear_last_exception(env, &error) == napi_ok)
    napi_fatal_exception(env, error);
  napi_close_handle_scope(env, scope);
}

static void on_readable(uv_poll_t *poll, int status, int events) {
  evsn_watch *watch = poll->data;
  (void)status; /* an error is what poll() says then */
  (void)events;
  if (!watch->is_armed) { /* it is not taken yet: the loop must not ask again and again */
    uv_poll_stop(poll);
    return;
  }
  watch->is_armed = false;
  wake(watch->state, watch->id);
}

static void arm(evsn_watch *watch) {
  watch->is_armed = true;
  if (!uv_is_active((uv_handle_t *)&watch->poll))
    uv_poll_start(&watch->poll, UV_READABLE, on_readable);
}

static evsn_watch *watch_new(evsn_env *state, int fd, uint32_t id) {
  evsn_watch *watch = calloc(1, sizeof *watch);
  if (!watch || uv_poll_init(state->loop, &watch->poll, fd) != 0) {
    free(watch);
    return NULL;
  }
  watch->poll.data = watch;
  watch->state = state;
  watch->id = id;
  uv_unref((uv_handle_t *)&watch->poll);
  return watch;
}

/* The environment may end when nothing of it is in the loop any more. */
static void end_if_closed(evsn_env *state) {
  if (state->is_ending && state->closing == 0)
    napi_remove_async_cleanup_hook(state->hook);
}

static void on_closed(uv_handle_t *poll) {
  evsn_watch *watch = poll->data;
  evsn_env *state = watch->state;
  free(watch);
  state->closing--;
  end_if_closed(state);
}

static void watch_close(evsn_watch *watch) {
  watch->state->closing++;
  uv_close((uv_handle_t *)&watch->poll, on_closed);
}

/* ---- life ------------------------------------------------------------------------------------------ */

/* All begin to close before the first is waited for. */
static void release_all(evsn_env *state) {
  for (evsn_system *system = state->systems; system; system = system->next) {
    watch_close(system->watch);
    evs_wake_clear(system->handle);
    evs_system_close(system->handle, 0, NULL);
  }
  while (state->systems) {
    evsn_system *system = state->systems;
    state->systems = system->next;
    evsn_system_end(system);
    evsn_system_free(system);
  }
}

static void on_cleanup(napi_async_cleanup_hook_handle hook, void *data) {
  evsn_env *state = data;
  (void)hook;
  release_all(state);
  napi_async_destroy(state->env, state->context);
  napi_delete_reference(state->env, state->on_wake);
  napi_delete_reference(state->env, state->make_error);
  napi_delete_reference(state->env, state->make_list);
  state->on_wake = state->make_error = state->make_list = NULL;
  state->is_ending = true;
  end_if_closed(state);
}

static void on_unload(napi_env env, void *data, void *hint) {
  (void)env;
  (void)hint;
  free(data);
}

bool evsn_env_init(napi_env env) {
  evsn_env *state = calloc(1, sizeof *state);
  if (!state) {
    napi_throw_error(env, "EVS_NOMEM", "out of memory");
    return false;
  }
  state->env = env;
  if (napi_get_uv_event_loop(env, &state->loop) == napi_ok &&
      napi_set_instance_data(env, state, on_unload, NULL) == napi_ok)
    return true;
  free(state);
  napi_throw_error(env, "EVS_INTERNAL", "the environment takes no instance data");
  return false;
}

napi_value evsn_env_install(napi_env env, napi_callback_info info) {
  napi_value args[3], name;
  evsn_env *state = state_of(env);
  if (!evsn_args(env, info, 3, args))
    return NULL;
  if (state->on_wake) {
    napi_throw_error(env, "EVS_ARGUMENT", "the addon is installed already in this environment");
    return NULL;
  }
  if (napi_create_string_utf8(env, "libevents", NAPI_AUTO_LENGTH, &name) != napi_ok ||
      napi_async_init(env, NULL, name, &state->context) != napi_ok) {
    napi_throw_error(env, "EVS_INTERNAL", "no way to wake up JavaScript could be made");
    return NULL;
  }
  napi_create_reference(env, args[0], 1, &state->on_wake);
  napi_create_reference(env, args[1], 1, &state->make_error);
  napi_create_reference(env, args[2], 1, &state->make_list);
  napi_add_async_cleanup_hook(env, on_cleanup, state, &state->hook);
  return NULL;
}

napi_value evsn_env_shutdown(napi_env env, napi_callback_info info) {
  (void)info;
  release_all(state_of(env));
  return NULL;
}

napi_value evsn_error_maker(napi_env env) {
  evsn_env *state = state_of(env);
  return state ? referred(env, state->make_error) : NULL;
}

napi_value evsn_list_maker(napi_env env) {
  evsn_env *state = state_of(env);
  return state ? referred(env, state->make_list) : NULL;
}

/* ---- systems --------------------------------------------------------------------------------------- */

evsn_system *evsn_env_add(napi_env env, evs_system *handle) {
  evsn_env *state = state_of(env);
  evsn_system *system = calloc(1, sizeof *system);
  evsn_watch *watch = system ? watch_new(state, evs_system_wake_fd(handle), state->last_id + 1) : NULL;
  if (!watch) {
    free(system);
    napi_throw_error(env, "EVS_INTERNAL", "no descriptor or memory to watch the system with");
    return NULL;
  }
  *system = (evsn_system){.next = state->systems, .id = ++state->last_id, .handle = handle, .watch = watch};
  state->systems = system;
  return system;
}

evsn_system *evsn_env_find(napi_env env, napi_value id) {
  uint32_t number = 0;
  evsn_system *system = state_of(env)->systems;
  if (!evsn_uint32(env, id, &number))
    return NULL;
  while (system && system->id != number)
    system = system->next;
  if (!system)
    evsn_throw(env, EVS_CLOSED, NULL);
  return system;
}

void evsn_env_rearm(evsn_system *system) {
  arm(system->watch);
}

void evsn_env_hold(evsn_system *system, bool holds) {
  uv_handle_t *handle = (uv_handle_t *)&system->watch->poll;
  if (holds)
    uv_ref(handle);
  else
    uv_unref(handle);
}

void evsn_env_remove(napi_env env, evsn_system *system) {
  evsn_system **link = &state_of(env)->systems;
  while (*link != system)
    link = &(*link)->next;
  *link = system->next;
  watch_close(system->watch);
}

void evsn_system_end(evsn_system *system) {
  /* One that still answers requests would use the system: then its memory stays. */
  if (evsn_dashboards_stop(system->dashboards))
    evs_system_release(system->handle);
}

void evsn_system_free(evsn_system *system) {
  evsn_dashboards_drop(system->dashboards);
  free(system);
}
