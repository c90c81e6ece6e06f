/* SPDX-License-Identifier: MIT
 * env_state.c - see env_state.h.
 *
 * Threads: everything runs on the environment's own thread, but watch(), which only waits for descriptors and
 * asks Node to call on_wake(). Systems are registered one-shot, so that there is at most one such call for
 * each until JavaScript has taken its records and asks again: a burst costs one wake-up.
 *
 * Teardown: the cleanup hook ends the thread before Node takes its function away, so that a dead environment
 * is never woken, and releases what is still open. process.exit() runs no such hook: JavaScript calls
 * shutdown() from the process's own event for that. */
#include "env_state.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "value.h"

enum { EVENTS_MAX = 16, STOP_ID = 0 };

struct evsn_env {
  napi_env env;
  evsn_system *systems;
  uint32_t next_id;
  uint32_t held; /* systems that keep the loop alive */
  napi_threadsafe_function wake;
  napi_ref make_error;
  napi_ref make_list;
  napi_async_cleanup_hook_handle hook;
  pthread_t watcher;
  bool is_watching;
  int epoll_fd;
  int stop_fd;
};

static evsn_env *state_of(napi_env env) {
  void *state = NULL;
  napi_get_instance_data(env, &state);
  return state;
}

/* ---- waiting --------------------------------------------------------------------------------------- */

static void *watch(void *data) {
  evsn_env *state = data;
  struct epoll_event events[EVENTS_MAX];
  for (;;) {
    int count = epoll_wait(state->epoll_fd, events, EVENTS_MAX, -1);
    if (count < 0 && errno != EINTR)
      return NULL;
    for (int i = 0; i < count; i++) {
      if (events[i].data.u64 == STOP_ID)
        return NULL;
      napi_call_threadsafe_function(state->wake, (void *)(uintptr_t)events[i].data.u64,
                                    napi_tsfn_nonblocking);
    }
  }
}

/* `env` is NULL while the environment goes down: then nobody is there to be told. */
static void on_wake(napi_env env, napi_value callback, void *context, void *data) {
  napi_value receiver, id;
  (void)context;
  if (!env || napi_get_undefined(env, &receiver) != napi_ok)
    return;
  id = evsn_new_number(env, (double)(uintptr_t)data);
  napi_call_function(env, receiver, callback, 1, &id, NULL);
}

static bool add_descriptor(evsn_env *state, int fd, uint32_t events, uint64_t id) {
  struct epoll_event event = {.events = events, .data.u64 = id};
  return epoll_ctl(state->epoll_fd, EPOLL_CTL_ADD, fd, &event) == 0;
}

static bool start_watching(evsn_env *state) {
  sigset_t all, before;
  if (state->is_watching)
    return true;
  state->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
  state->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (state->epoll_fd >= 0 && state->stop_fd >= 0 &&
      add_descriptor(state, state->stop_fd, EPOLLIN, STOP_ID)) {
    sigfillset(&all); /* signals belong to the host's threads */
    pthread_sigmask(SIG_SETMASK, &all, &before);
    state->is_watching = pthread_create(&state->watcher, NULL, watch, state) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
  }
  if (state->is_watching)
    return true;
  close(state->epoll_fd);
  close(state->stop_fd);
  return false;
}

static void stop_watching(evsn_env *state) {
  uint64_t one = 1;
  if (!state->is_watching)
    return;
  while (write(state->stop_fd, &one, sizeof one) < 0 && errno == EINTR) {
  }
  pthread_join(state->watcher, NULL);
  close(state->epoll_fd);
  close(state->stop_fd);
  state->is_watching = false;
}

/* ---- life ------------------------------------------------------------------------------------------ */

/* All begin to close before the first is waited for. */
static void release_all(evsn_env *state) {
  for (evsn_system *system = state->systems; system; system = system->next) {
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

/* Twice is fine: the second time finds nothing. */
static void shut_down(evsn_env *state) {
  stop_watching(state);
  release_all(state);
}

static void on_cleanup(napi_async_cleanup_hook_handle hook, void *data) {
  evsn_env *state = data;
  shut_down(state);
  if (state->wake)
    napi_release_threadsafe_function(state->wake, napi_tsfn_abort);
  state->wake = NULL;
  napi_delete_reference(state->env, state->make_error);
  napi_delete_reference(state->env, state->make_list);
  state->make_error = state->make_list = NULL;
  napi_remove_async_cleanup_hook(hook);
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
  state->next_id = STOP_ID + 1;
  if (napi_set_instance_data(env, state, on_unload, NULL) == napi_ok)
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
  if (state->wake) {
    napi_throw_error(env, "EVS_ARGUMENT", "the addon is installed already in this environment");
    return NULL;
  }
  napi_create_string_utf8(env, "libevents", NAPI_AUTO_LENGTH, &name);
  napi_create_reference(env, args[1], 1, &state->make_error);
  napi_create_reference(env, args[2], 1, &state->make_list);
  if (napi_create_threadsafe_function(env, args[0], NULL, name, 0, 1, NULL, NULL, NULL, on_wake,
                                      &state->wake) != napi_ok) {
    napi_throw_error(env, "EVS_INTERNAL", "no function to wake up JavaScript could be made");
    return NULL;
  }
  napi_unref_threadsafe_function(env, state->wake);
  /* After the function, since hooks run in reverse: ours ends the thread that calls it. */
  napi_add_async_cleanup_hook(env, on_cleanup, state, &state->hook);
  return NULL;
}

napi_value evsn_env_shutdown(napi_env env, napi_callback_info info) {
  (void)info;
  shut_down(state_of(env));
  return NULL;
}

static napi_value referred(napi_env env, napi_ref reference) {
  napi_value value = NULL;
  if (reference)
    napi_get_reference_value(env, reference, &value);
  return value;
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
  if (system && state->wake && start_watching(state)) {
    system->id = state->next_id++;
    system->handle = handle;
    if (add_descriptor(state, evs_system_wake_fd(handle), EPOLLIN | EPOLLONESHOT, system->id)) {
      system->next = state->systems;
      state->systems = system;
      return system;
    }
  }
  free(system);
  napi_throw_error(env, "EVS_INTERNAL", "no thread, descriptor or memory to watch the system with");
  return NULL;
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

void evsn_env_rearm(napi_env env, evsn_system *system) {
  struct epoll_event event = {.events = EPOLLIN | EPOLLONESHOT, .data.u64 = system->id};
  epoll_ctl(state_of(env)->epoll_fd, EPOLL_CTL_MOD, evs_system_wake_fd(system->handle), &event);
}

void evsn_env_hold(napi_env env, evsn_system *system, bool holds) {
  evsn_env *state = state_of(env);
  if (system->holds_loop == holds)
    return;
  system->holds_loop = holds;
  state->held += holds ? 1u : -1u;
  if (holds && state->held == 1)
    napi_ref_threadsafe_function(env, state->wake);
  else if (state->held == 0)
    napi_unref_threadsafe_function(env, state->wake);
}

void evsn_env_remove(napi_env env, evsn_system *system) {
  evsn_env *state = state_of(env);
  evsn_system **link = &state->systems;
  while (*link != system)
    link = &(*link)->next;
  *link = system->next;
  evsn_env_hold(env, system, false);
  epoll_ctl(state->epoll_fd, EPOLL_CTL_DEL, evs_system_wake_fd(system->handle), NULL);
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
