/* SPDX-License-Identifier: MIT
 * api_publish.c - the boundary: publish, and publish and wait. */
#include "api/guard.h"

static evs_status guard_publish(const evs_system *system, const evs_event *events, size_t count,
                                evs_error **out_error) {
  evs_status status = evsi_guard(system, 0, out_error);
  if (status != EVS_OK)
    return status;
  if (!events && count > 0)
    return evsi_error(out_error, EVS_ARGUMENT, NULL, "events is NULL");
  if (atomic_load(&system->state) == EVSI_NEW)
    return evsi_error(out_error, EVS_TRANSPORT, NULL,
                      "the system is not connected: make the request \"connect\" before publishing");
  return EVS_OK;
}

evs_status evs_publish(evs_system *system, const evs_event *events, size_t count, size_t *out_accepted,
                       evs_error **out_error) {
  if (out_accepted)
    *out_accepted = 0;
  evs_status status = guard_publish(system, events, count, out_error);
  if (status != EVS_OK)
    return status;
  return evsi_publisher_publish(system->publisher, events, count, NULL, 0, out_accepted, out_error);
}

evs_status evs_publish_wait(evs_system *system, const evs_event *events, size_t count, uint32_t timeout_ms,
                            evs_batch **out_reports, evs_error **out_error) {
  evs_status status = guard_publish(system, events, count, out_error);
  if (status != EVS_OK)
    return status;
  if (!out_reports)
    return evsi_error(out_error, EVS_ARGUMENT, NULL, "out_reports is NULL");
  uint64_t deadline_us = evsi_now_us(system->host_env) + timeout_ms * UINT64_C(1000);
  return evsi_publisher_publish_wait(system->publisher, events, count, deadline_us, out_reports, out_error);
}
