/* SPDX-License-Identifier: MIT
 * api_consume.c - the boundary: subscribe, poll, acknowledge, fail. */
#include "api/guard.h"

evs_status evs_subscribe(evs_system *system, const char *options_json, size_t options_size,
                         uint64_t *out_subscription, evs_error **out_error) {
  evs_status status = evsi_guard(system, 0, out_error);
  if (status != EVS_OK)
    return status;
  if (!options_json || !out_subscription)
    return evsi_error(out_error, EVS_ARGUMENT, NULL, "options_json or out_subscription is NULL");
  return evsi_consume_subscribe(system->consume, options_json, options_size, out_subscription, out_error);
}

evs_status evs_unsubscribe(evs_system *system, uint64_t subscription, evs_error **out_error) {
  evs_status status = evsi_guard(system, 0, out_error);
  return status == EVS_OK ? evsi_consume_unsubscribe(system->consume, subscription, out_error) : status;
}

/* Something waits that this caller does not take: the descriptor stays readable for whoever does. */
static bool has_other_kind(evs_system *system, uint32_t what) {
  return (!(what & EVS_POLL_REPORTS) && evsi_records_any(&system->records)) ||
         (!(what & EVS_POLL_MESSAGES) && evsi_consume_any(system->consume));
}

/* Takes what is there; EVS_AGAIN when that is nothing. */
static evs_status take(evs_system *system, uint32_t what, uint32_t max, evs_batch **out_batch) {
  bool more_messages = false, more_reports = false, ok = true;
  evs_batch *batch = evsi_batch_new();
  if (!batch) {
    evsi_wake_signal(&system->wake, EVSI_WAKE_ALL); /* what there is, is there still */
    return EVS_NOMEM;
  }
  if (what & EVS_POLL_MESSAGES)
    ok = evsi_consume_take(system->consume, batch, max, &more_messages);
  if (ok && (what & EVS_POLL_REPORTS))
    ok = evsi_records_take(&system->records, batch, max, &more_reports);
  if (more_messages || more_reports || !ok)
    evsi_wake_signal(&system->wake, EVSI_WAKE_ALL);
  else if (has_other_kind(system, what))
    evsi_wake_keep(&system->wake);
  if (batch->message_count + batch->report_count > 0) {
    *out_batch = batch;
    return EVS_OK;
  }
  evsi_batch_free(batch);
  return ok ? EVS_AGAIN : EVS_NOMEM;
}

evs_status evs_poll(evs_system *system, uint32_t what, uint32_t max, uint32_t timeout_ms,
                    evs_batch **out_batch, evs_error **out_error) {
  evs_status status = evsi_guard(system, 1, out_error);
  if (status != EVS_OK)
    return status;
  if (!out_batch || max == 0 || (what & (EVS_POLL_MESSAGES | EVS_POLL_REPORTS)) == 0)
    return evsi_error(out_error, EVS_ARGUMENT, NULL,
                      "out_batch is NULL, max is 0, or `what` names nothing to take");
  uint64_t deadline_us = evsi_now_us(system->host_env) + timeout_ms * UINT64_C(1000);
  evsi_wake_kinds kinds =
      (what & EVS_POLL_REPORTS ? EVSI_WAKE_REPORTS : 0) | (what & EVS_POLL_MESSAGES ? EVSI_WAKE_MESSAGES : 0);
  for (;;) {
    bool was_over = atomic_load(&system->is_over);
    uint64_t generation = evsi_wake_lower(&system->wake);
    status = take(system, what, max, out_batch);
    if (status == EVS_NOMEM)
      return evsi_error_nomem(out_error);
    if (status == EVS_OK)
      return EVS_OK;
    if (was_over)
      return evsi_error(out_error, EVS_CLOSED, NULL, "the system was closed and its last record taken");
    if (timeout_ms == 0 || !evsi_wake_wait(&system->wake, kinds, generation, deadline_us))
      return EVS_AGAIN;
  }
}

const evs_message *evs_batch_messages(const evs_batch *batch, size_t *out_count) {
  *out_count = batch ? batch->message_count : 0;
  return batch ? batch->messages : NULL;
}

const evs_report *evs_batch_reports(const evs_batch *batch, size_t *out_count) {
  *out_count = batch ? batch->report_count : 0;
  return batch ? batch->reports : NULL;
}

void evs_batch_release(evs_batch *batch) {
  evsi_batch_free(batch);
}

evs_status evs_ack(evs_system *system, const uint64_t *deliveries, size_t count, size_t *out_stale,
                   evs_error **out_error) {
  evs_status status = evsi_guard(system, 1, out_error);
  if (status != EVS_OK)
    return status;
  if (!deliveries && count > 0)
    return evsi_error(out_error, EVS_ARGUMENT, NULL, "deliveries is NULL");
  if (atomic_load(&system->state) == EVSI_CLOSED)
    return evsi_error(out_error, EVS_CLOSED, NULL,
                      "the system was closed; what was held went back to the store");
  size_t stale = evsi_consume_ack(system->consume, deliveries, count);
  if (out_stale)
    *out_stale = stale;
  return EVS_OK;
}

static evs_status check_failures(const evs_failure *failures, size_t count, evs_error **out_error) {
  if (!failures && count > 0)
    return evsi_error(out_error, EVS_ARGUMENT, NULL, "failures is NULL");
  for (size_t i = 0; i < count; i++) {
    if (failures[i].struct_size < sizeof *failures || failures[i].kind > EVS_FAIL_RELEASE)
      return evsi_error(
          out_error, EVS_ARGUMENT, NULL,
          "failure %zu has struct_size %u and kind %u: set them to sizeof(evs_failure) and EVS_FAIL_…", i,
          failures[i].struct_size, failures[i].kind);
  }
  return EVS_OK;
}

evs_status evs_fail(evs_system *system, const evs_failure *failures, size_t count, size_t *out_stale,
                    evs_error **out_error) {
  evs_status status = evsi_guard(system, 1, out_error);
  if (status == EVS_OK)
    status = check_failures(failures, count, out_error);
  if (status != EVS_OK)
    return status;
  if (atomic_load(&system->state) == EVSI_CLOSED)
    return evsi_error(out_error, EVS_CLOSED, NULL,
                      "the system was closed; what was held went back to the store");
  size_t stale = evsi_consume_fail(system->consume, failures, count);
  if (out_stale)
    *out_stale = stale;
  return EVS_OK;
}
