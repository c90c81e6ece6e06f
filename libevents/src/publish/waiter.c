/* SPDX-License-Identifier: MIT
 * waiter.c - collects the reports of one evs_publish_wait() call, in the order of its events. */
#include "base/alloc.h"
#include "base/error.h"
#include "base/error_struct.h"
#include "base/wake.h"
#include "publish/job.h"

struct evsi_publish_waiter {
  pthread_mutex_t lock;
  pthread_cond_t done;
  uint32_t holders;
  size_t count;
  size_t arrived;
  evsi_report *reports[];
};

static evsi_publish_waiter *waiter_new(size_t count) {
  evsi_publish_waiter *waiter = NULL;
  if (count <= (SIZE_MAX - sizeof *waiter) / sizeof(evsi_report *))
    waiter = evsi_calloc(1, sizeof *waiter + count * sizeof(evsi_report *));
  if (!waiter)
    return NULL;
  pthread_mutex_init(&waiter->lock, NULL);
  evsi_cond_init(&waiter->done);
  waiter->holders = 1;
  waiter->count = count;
  return waiter;
}

void evsi_waiter_hold(evsi_publish_waiter *waiter) {
  pthread_mutex_lock(&waiter->lock);
  waiter->holders++;
  pthread_mutex_unlock(&waiter->lock);
}

void evsi_waiter_drop(evsi_publish_waiter *waiter) {
  pthread_mutex_lock(&waiter->lock);
  uint32_t left = --waiter->holders;
  pthread_mutex_unlock(&waiter->lock);
  if (left > 0)
    return;
  for (size_t i = 0; i < waiter->count; i++)
    evsi_report_free(waiter->reports[i]);
  pthread_cond_destroy(&waiter->done);
  pthread_mutex_destroy(&waiter->lock);
  evsi_free(waiter);
}

void evsi_waiter_put(evsi_publish_waiter *waiter, size_t index, const evs_report *report) {
  evsi_report *copy = evsi_report_new(report);
  pthread_mutex_lock(&waiter->lock);
  waiter->reports[index] = copy;
  waiter->arrived++;
  pthread_cond_signal(&waiter->done);
  pthread_mutex_unlock(&waiter->lock);
}

/* @locks waiter->lock. Links the reports in order. A missing one is of unknown outcome where the event was
 * accepted; the others, from `accepted` on, are certainly not stored, for the reason in `refused`. */
static evsi_report *collect(evsi_publish_waiter *waiter, size_t accepted, const evs_error *refused) {
  evs_report missing = {.kind = EVS_REPORT_PUBLISH,
                        .status = EVS_TIMEOUT,
                        .outcome = EVS_OUTCOME_UNKNOWN,
                        .partition = EVS_PARTITION_NONE,
                        .message = evsi_text("no outcome in time: the event may or may not be stored")};
  evsi_report *first = NULL;
  evsi_report **tail = &first;
  for (size_t i = 0; i < waiter->count; i++) {
    if (i == accepted && refused) {
      missing.status = refused->status;
      missing.outcome = EVS_OUTCOME_REFUSED;
      missing.message = evsi_text(refused->message);
    }
    evsi_report *report = waiter->reports[i] ? waiter->reports[i] : evsi_report_new(&missing);
    waiter->reports[i] = NULL;
    if (!report)
      continue;
    *tail = report;
    tail = &report->next;
  }
  *tail = NULL;
  return first;
}

/* Waits until `count` reports arrived; false at the deadline. */
static bool wait_for(evsi_publish_waiter *waiter, size_t count, uint64_t deadline_us) {
  bool in_time = true;
  pthread_mutex_lock(&waiter->lock);
  while (waiter->arrived < count && in_time)
    in_time = evsi_cond_wait(&waiter->done, &waiter->lock, deadline_us);
  bool arrived = waiter->arrived >= count;
  pthread_mutex_unlock(&waiter->lock);
  return arrived;
}

/* Offers everything; where the publisher is full, waits for the next report, or a moment for those of others.
 * Gives how many it took, and in out_refused why not all. */
static size_t offer_all(evsi_publisher *publisher, const evs_event *events, evsi_publish_waiter *waiter,
                        uint64_t deadline_us, evs_error **out_refused) {
  enum { MOMENT_US = 1000 };
  size_t offered = 0;
  while (offered < waiter->count) {
    size_t accepted = 0;
    evs_status status = evsi_publisher_publish(publisher, events + offered, waiter->count - offered, waiter,
                                               offered, &accepted, out_refused);
    offered += accepted;
    if (status == EVS_OK)
      continue;
    uint64_t now = evsi_now_us(evsi_env_default());
    if (status != EVS_QUEUE_FULL || now >= deadline_us)
      return offered;
    evsi_error_destroy(*out_refused);
    *out_refused = NULL;
    pthread_mutex_lock(&waiter->lock);
    size_t arrived = waiter->arrived;
    pthread_mutex_unlock(&waiter->lock);
    bool own_wait = arrived < offered;
    wait_for(waiter, arrived + 1, own_wait || now + MOMENT_US > deadline_us ? deadline_us : now + MOMENT_US);
  }
  return offered;
}

evs_status evsi_publisher_publish_wait(evsi_publisher *publisher, const evs_event *events, size_t count,
                                       uint64_t deadline_us, evs_batch **out_reports, evs_error **out_error) {
  evs_batch *batch = evsi_batch_new();
  evsi_publish_waiter *waiter = waiter_new(count);
  if (!batch || !waiter) {
    evsi_batch_free(batch);
    if (waiter)
      evsi_waiter_drop(waiter);
    return evsi_error_nomem(out_error);
  }
  evs_error *refused = NULL;
  size_t accepted = offer_all(publisher, events, waiter, deadline_us, &refused);
  wait_for(waiter, accepted, deadline_us);
  pthread_mutex_lock(&waiter->lock);
  evsi_report *first = collect(waiter, accepted, refused);
  pthread_mutex_unlock(&waiter->lock);
  evsi_error_destroy(refused);
  evsi_waiter_drop(waiter);
  if (!evsi_batch_set_reports(batch, first, count)) {
    evsi_batch_free(batch);
    return evsi_error_nomem(out_error);
  }
  *out_reports = batch;
  return EVS_OK;
}
