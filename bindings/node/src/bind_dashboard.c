/* SPDX-License-Identifier: MIT
 * bind_dashboard.c - starts and stops dashboards (see dashboards.h).
 *
 * Starting returns when it listens, which takes milliseconds. Stopping waits for requests that are under way,
 * so it runs on a thread of Node's pool. A dashboard is counted by the list of its system and by a stop under
 * way; the counts change on the environment's thread only, the lock guards the handle. */
#include <dlfcn.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "bindings.h"
#include "dashboards.h"
#include "env_state.h"
#include "value.h"

enum { STOP_MS = 2000, STOP_TRIES = 3 };

/* The functions of libevents_dashboard.h, under names of our own: the header belongs to a library that may
 * not be there. */
typedef evs_status (*start_function)(evs_system *system, const char *options_json, size_t options_size,
                                     void **out_dashboard, evs_error **out_error);
typedef const char *(*url_function)(const void *dashboard);
typedef evs_status (*stop_function)(void *dashboard, uint32_t deadline_ms);

struct evsn_dashboard {
  evsn_dashboard *next;
  uint32_t id;
  uint32_t users;
  pthread_mutex_t lock;
  void *handle; /* NULL once it has stopped */
  stop_function stop;
};

static void drop(evsn_dashboard *dashboard) {
  if (--dashboard->users > 0)
    return;
  pthread_mutex_destroy(&dashboard->lock);
  free(dashboard);
}

static evs_status stop(evsn_dashboard *dashboard, uint32_t deadline_ms) {
  pthread_mutex_lock(&dashboard->lock);
  evs_status status = dashboard->handle ? dashboard->stop(dashboard->handle, deadline_ms) : EVS_OK;
  if (status == EVS_OK)
    dashboard->handle = NULL;
  pthread_mutex_unlock(&dashboard->lock);
  return status;
}

bool evsn_dashboards_stop(evsn_dashboard *list) {
  bool have_stopped = true;
  for (; list; list = list->next) {
    evs_status status = EVS_TIMEOUT;
    for (int i = 0; i < STOP_TRIES && status != EVS_OK; i++)
      status = stop(list, STOP_MS);
    have_stopped = have_stopped && status == EVS_OK;
  }
  return have_stopped;
}

void evsn_dashboards_drop(evsn_dashboard *list) {
  while (list) {
    evsn_dashboard *next = list->next;
    drop(list);
    list = next;
  }
}

/* ---- starting -------------------------------------------------------------------------------------- */

typedef struct dashboard_library {
  start_function start;
  url_function url;
  stop_function stop;
} dashboard_library;

/* Never unloaded: its threads may be on their way out. */
static bool load(napi_env env, const char *file, dashboard_library *out_library) {
  void *library = dlopen(file, RTLD_NOW | RTLD_LOCAL);
  if (library) {
    *(void **)&out_library->start = dlsym(library, "evs_dashboard_start");
    *(void **)&out_library->url = dlsym(library, "evs_dashboard_url");
    *(void **)&out_library->stop = dlsym(library, "evs_dashboard_stop");
    if (out_library->start && out_library->url && out_library->stop)
      return true;
  }
  const char *reason = dlerror();
  napi_throw_error(env, "EVS_UNSUPPORTED", reason ? reason : "the library has no dashboard");
  return false;
}

static napi_value describe(napi_env env, evsn_dashboard *dashboard, const char *url) {
  napi_value result;
  if (napi_create_object(env, &result) != napi_ok ||
      !evsn_set(env, result, "dashboard", evsn_new_number(env, dashboard->id)) ||
      !evsn_set(env, result, "url", evsn_new_text(env, url, strlen(url))))
    return NULL;
  return result;
}

static napi_value start(napi_env env, evsn_system *system, const dashboard_library *library,
                        evs_bytes options) {
  evs_error *error = NULL;
  evsn_dashboard *dashboard = calloc(1, sizeof *dashboard);
  if (!dashboard)
    return evsn_throw(env, EVS_NOMEM, NULL);
  evs_status status = library->start(system->handle, options.data, options.size, &dashboard->handle, &error);
  if (status != EVS_OK) {
    free(dashboard);
    return evsn_throw(env, status, error);
  }
  pthread_mutex_init(&dashboard->lock, NULL);
  dashboard->users = 1;
  dashboard->stop = library->stop;
  dashboard->id = system->dashboards ? system->dashboards->id + 1 : 1;
  dashboard->next = system->dashboards;
  system->dashboards = dashboard;
  return describe(env, dashboard, library->url(dashboard->handle));
}

/* dashboardStart(id, library, options) → {dashboard, url} */
napi_value evsn_dashboard_start(napi_env env, napi_callback_info info) {
  napi_value args[3], result = NULL;
  evsn_arena arena = {NULL};
  evs_bytes file, options;
  dashboard_library library;
  evsn_system *system = evsn_args(env, info, 3, args) ? evsn_env_find(env, args[0]) : NULL;
  if (system && evsn_text(env, &arena, args[1], &file) && evsn_text(env, &arena, args[2], &options) &&
      load(env, file.data, &library))
    result = start(env, system, &library, options);
  evsn_arena_free(&arena);
  return result;
}

/* ---- stopping -------------------------------------------------------------------------------------- */

typedef struct stop_work {
  napi_async_work work;
  napi_deferred deferred;
  evsn_dashboard *dashboard;
  uint32_t deadline_ms;
  evs_status status;
} stop_work;

static void run_stop(napi_env env, void *data) {
  stop_work *stopping = data;
  (void)env;
  stopping->status = stop(stopping->dashboard, stopping->deadline_ms);
}

static void finish_stop(napi_env env, napi_status ended, void *data) {
  stop_work *stopping = data;
  napi_value value;
  (void)ended; /* never cancelled */
  if (stopping->status != EVS_OK)
    napi_reject_deferred(env, stopping->deferred, evsn_new_error(env, stopping->status, NULL));
  else if (napi_get_undefined(env, &value) == napi_ok)
    napi_resolve_deferred(env, stopping->deferred, value);
  drop(stopping->dashboard);
  napi_delete_async_work(env, stopping->work);
  free(stopping);
}

static evsn_dashboard *find(evsn_system *system, uint32_t id) {
  evsn_dashboard *dashboard = system->dashboards;
  while (dashboard && dashboard->id != id)
    dashboard = dashboard->next;
  return dashboard;
}

/* dashboardStop(id, dashboard, deadlineMs) → promise; EVS_TIMEOUT where requests are still under way. */
napi_value evsn_dashboard_stop(napi_env env, napi_callback_info info) {
  napi_value args[3], name, promise;
  uint32_t id, deadline_ms;
  evsn_system *system = evsn_args(env, info, 3, args) ? evsn_env_find(env, args[0]) : NULL;
  if (!system || !evsn_uint32(env, args[1], &id) || !evsn_uint32(env, args[2], &deadline_ms))
    return NULL;
  evsn_dashboard *dashboard = find(system, id);
  if (!dashboard)
    return evsn_throw(env, EVS_NOT_FOUND, NULL);
  stop_work *stopping = calloc(1, sizeof *stopping);
  if (!stopping || napi_create_promise(env, &stopping->deferred, &promise) != napi_ok ||
      napi_create_string_utf8(env, "libevents.dashboard", NAPI_AUTO_LENGTH, &name) != napi_ok ||
      napi_create_async_work(env, NULL, name, run_stop, finish_stop, stopping, &stopping->work) != napi_ok) {
    free(stopping);
    return evsn_throw(env, EVS_NOMEM, NULL);
  }
  stopping->dashboard = dashboard;
  stopping->deadline_ms = deadline_ms;
  dashboard->users++;
  napi_queue_async_work(env, stopping->work);
  return promise;
}
