/* SPDX-License-Identifier: MIT
 * api_system.c - the boundary: open, close, wake, statistics, requests. Checks arguments, nothing else. */
#include "api/guard.h"
#include "base/alloc.h"

evs_status evsi_guard(const evs_system *system, int closed_is_fine, evs_error **out_error) {
  if (!system)
    return evsi_error(out_error, EVS_ARGUMENT, NULL, "the system is NULL: open one with evs_system_open()");
  if (system->fork_generation != evsi_fork_generation())
    return evsi_error(
        out_error, EVS_FORKED, NULL,
        "this system was opened before fork() and belongs to the parent: open a new one in the child");
  if (!closed_is_fine && atomic_load(&system->state) >= EVSI_CLOSING)
    return evsi_error(out_error, EVS_CLOSED, NULL, "the system was closed: open a new one");
  return EVS_OK;
}

evs_status evs_system_open(const char *config_json, size_t config_size, evs_system **out_system,
                           evs_error **out_error) {
  if (!config_json || !out_system)
    return evsi_error(out_error, EVS_ARGUMENT, NULL, "the configuration or out_system is NULL");
  return evsi_system_open(config_json, config_size, out_system, out_error);
}

evs_status evs_system_close(evs_system *system, uint32_t deadline_ms, evs_error **out_error) {
  evs_status status = evsi_guard(system, 1, out_error);
  if (status == EVS_OK)
    evsi_system_close(system, deadline_ms);
  return status;
}

void evs_system_release(evs_system *system) {
  if (system)
    evsi_system_release(system);
}

int evs_system_wake_fd(evs_system *system) {
  return system && system->fork_generation == evsi_fork_generation() ? evsi_wake_watch(&system->wake) : -1;
}

void evs_wake_clear(evs_system *system) {
  if (system && system->fork_generation == evsi_fork_generation())
    evsi_wake_mute(&system->wake);
}

static evs_status give(char *text, char **out_text, evs_error **out_error) {
  if (!text)
    return evsi_error_nomem(out_error);
  *out_text = text;
  return EVS_OK;
}

evs_status evs_system_stats(evs_system *system, char **out_json, evs_error **out_error) {
  evs_status status = evsi_guard(system, 1, out_error);
  if (status != EVS_OK)
    return status;
  if (!out_json)
    return evsi_error(out_error, EVS_ARGUMENT, NULL, "out_json is NULL");
  return give(evsi_system_stats_json(system), out_json, out_error);
}

evs_status evs_system_metrics(evs_system *system, char **out_text, evs_error **out_error) {
  evsi_buf out = {0};
  evs_status status = evsi_guard(system, 1, out_error);
  if (status != EVS_OK)
    return status;
  if (!out_text)
    return evsi_error(out_error, EVS_ARGUMENT, NULL, "out_text is NULL");
  evsi_stats_metrics(&system->stats, &out);
  return give(evsi_buf_take(&out), out_text, out_error);
}

evs_status evs_system_status(evs_system *system, char **out_json, evs_error **out_error) {
  evs_status status = evsi_guard(system, 1, out_error);
  if (status != EVS_OK)
    return status;
  if (!out_json)
    return evsi_error(out_error, EVS_ARGUMENT, NULL, "out_json is NULL");
  return give(evsi_system_status_json(system), out_json, out_error);
}

evs_status evs_request(evs_system *system, const char *method, const char *params_json, size_t params_size,
                       uint32_t timeout_ms, uint64_t token, evs_error **out_error) {
  evs_status status = evsi_guard(system, method && evsi_is_telling(method), out_error);
  if (status != EVS_OK)
    return status;
  if (!method || (!params_json && params_size > 0))
    return evsi_error(out_error, EVS_ARGUMENT, NULL, "the method or its arguments are NULL");
  return evsi_request_start(system, method, evsi_bytes(params_json, params_size), timeout_ms, token, NULL,
                            out_error);
}

evs_status evs_call(evs_system *system, const char *method, const char *params_json, size_t params_size,
                    uint32_t timeout_ms, char **out_json, evs_error **out_error) {
  evs_status status = evsi_guard(system, 0, out_error);
  if (status != EVS_OK)
    return status;
  if (!method || !out_json || (!params_json && params_size > 0))
    return evsi_error(out_error, EVS_ARGUMENT, NULL, "the method, its arguments or out_json are NULL");
  return evsi_request_call(system, method, evsi_bytes(params_json, params_size), timeout_ms, out_json,
                           out_error);
}
