/* SPDX-License-Identifier: MIT
 * addon.c - the C runner within a Node process: play(folder, transports) gives a promise of whether all hold.
 * It plays on a thread of its own, so that the JavaScript side can do its part meanwhile. */
#include <node_api.h>
#include <stdlib.h>

#include "../runner.h"

enum { PATH_BYTES = 4096 };

typedef struct play_work {
  char folder[PATH_BYTES], transports[PATH_BYTES];
  int status;
  napi_deferred deferred;
  napi_async_work work;
} play_work;

static void run(napi_env env, void *data) {
  (void)env;
  play_work *play = data;
  play->status = scenarios_run(play->folder, play->transports);
}

static void finish(napi_env env, napi_status status, void *data) {
  play_work *play = data;
  napi_value holds = NULL;
  napi_get_boolean(env, status == napi_ok && play->status == 0, &holds);
  napi_resolve_deferred(env, play->deferred, holds);
  napi_delete_async_work(env, play->work);
  free(play);
}

static napi_value play(napi_env env, napi_callback_info info) {
  size_t count = 2;
  napi_value arguments[2], promise = NULL, name = NULL;
  play_work *play = calloc(1, sizeof *play);
  if (!play || napi_get_cb_info(env, info, &count, arguments, NULL, NULL) != napi_ok ||
      napi_get_value_string_utf8(env, arguments[0], play->folder, PATH_BYTES, NULL) != napi_ok ||
      napi_get_value_string_utf8(env, arguments[1], play->transports, PATH_BYTES, NULL) != napi_ok) {
    free(play);
    napi_throw_type_error(env, NULL, "play(folder, transports): two paths");
    return NULL;
  }
  napi_create_promise(env, &play->deferred, &promise);
  napi_create_string_utf8(env, "play", NAPI_AUTO_LENGTH, &name);
  napi_create_async_work(env, NULL, name, run, finish, play, &play->work);
  napi_queue_async_work(env, play->work);
  return promise;
}

NAPI_MODULE_INIT() {
  napi_value function = NULL;
  napi_create_function(env, "play", NAPI_AUTO_LENGTH, play, NULL, &function);
  napi_set_named_property(env, exports, "play", function);
  return exports;
}
