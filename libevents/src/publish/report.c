/* SPDX-License-Identifier: MIT
 * report.c - what became of an event: counted, and told to the host. */
#include <assert.h>
#include <string.h>

#include "base/alloc.h"
#include "base/blocks.h"
#include "base/error.h"
#include "publish/job.h"

/* False: there is no memory for a report that is owed. */
static bool deliver_report(evsi_publisher *publisher, evsi_publish_waiter *waiter, size_t index,
                           const evs_report *report) {
  if (waiter) {
    evsi_waiter_put(waiter, index, report);
    evsi_waiter_drop(waiter);
    return true;
  }
  if (report->token == 0)
    return true;
  evsi_report *copy = evsi_report_new(report);
  if (copy)
    evsi_records_add(publisher->setup.records, copy);
  return copy != NULL;
}

/* Every transport of a fan-out, when there are several. */
static void add_fan_out(evsi_publisher *publisher, const evsi_job *job, evsi_buf *out) {
  static const char *const names[] = {"", "stored", "refused", "unknown"};
  evsi_buf_add_text(out, "{\"transports\":[");
  for (uint32_t i = 0; i < job->send_count; i++) {
    const char *name = publisher->setup.links[job->sends[i].link].config->name;
    evsi_buf_add_text(out, i ? ",{\"transport\":" : "{\"transport\":");
    evsi_buf_add_json(out, name, strlen(name));
    evsi_buf_addf(out, ",\"outcome\":\"%s\",\"offset\":\"%s\"}", names[job->sends[i].outcome],
                  job->sends[i].offset);
  }
  evsi_buf_add_text(out, "]}");
}

static const evsi_send *worst(const evsi_job *job) {
  const evsi_send *worst = &job->sends[0];
  for (uint32_t i = 1; i < job->send_count; i++) {
    if (job->sends[i].outcome > worst->outcome)
      worst = &job->sends[i];
  }
  return worst;
}

evsi_labels evsi_send_labels(const evsi_send *send) {
  evsi_labels labels = send->job->labels;
  labels.transport = send->label;
  return labels;
}

/* What its report says without texts. */
static evs_report bare_report(const evsi_job *job, const evsi_send *send) {
  return (evs_report){.struct_size = sizeof(evs_report),
                      .kind = EVS_REPORT_PUBLISH,
                      .token = job->token,
                      .status = send->status,
                      .outcome = send->outcome,
                      .attempts = send->attempts,
                      .partition = send->event.partition,
                      .acknowledgement = send->acknowledgement,
                      .is_duplicate = send->is_duplicate};
}

static void count_stored(evsi_publisher *publisher, evsi_harvest *harvest) {
  evsi_stats *stats = publisher->setup.stats;
  if (harvest->stored == 0)
    return;
  evsi_count(stats, EVSI_COUNT_SENT, harvest->stored);
  evsi_count(stats, EVSI_COUNT_SENT_BYTES, harvest->stored_bytes);
  evsi_count_labels(&harvest->labels, EVSI_LABELED_SENT, harvest->stored);
  evsi_count_labels(&harvest->labels, EVSI_LABELED_SENT_BYTES, harvest->stored_bytes);
  evsi_label_sent_at(harvest->labels.type, evsi_wall_ms(publisher->setup.env));
  harvest->stored = harvest->stored_bytes = 0;
}

static void note_stored(evsi_publisher *publisher, const evsi_send *send, evsi_harvest *harvest) {
  evsi_labels labels = evsi_send_labels(send);
  if (memcmp(&labels, &harvest->labels, sizeof labels) != 0)
    count_stored(publisher, harvest);
  harvest->labels = labels;
  harvest->stored++;
  harvest->stored_bytes += evsi_stored_bytes(send->event.parcel, send->event.data, send->event.raw);
  if (send->job->send_count > 1) /* another thread may tell of it all */
    count_stored(publisher, harvest);
  if (send->event.delay_ms > 0)
    evsi_count(publisher->setup.stats, EVSI_COUNT_DELAYED, 1);
  if (!send->is_duplicate)
    return;
  evsi_count(publisher->setup.stats, EVSI_COUNT_DUPLICATES, 1);
  evsi_count_labels(&labels, EVSI_LABELED_DUPLICATE, 1);
}

static void record_latencies(evsi_publisher *publisher, evsi_harvest *harvest) {
  if (harvest->latencies > 0)
    evsi_histogram_record_many(&publisher->setup.stats->publish_latency, harvest->latency_us,
                               harvest->latencies);
  harvest->latencies = 0;
}

static void note_latency(evsi_publisher *publisher, evsi_harvest *harvest, uint64_t us) {
  if (harvest->latency_us != us)
    record_latencies(publisher, harvest);
  harvest->latency_us = us;
  harvest->latencies++;
}

static void count_harvest(evsi_publisher *publisher, evsi_harvest *harvest) {
  count_stored(publisher, harvest);
  record_latencies(publisher, harvest);
}

void evsi_harvest_deliver(evsi_publisher *publisher, evsi_harvest *harvest) {
  count_harvest(publisher, harvest);
  if (!harvest->first)
    return;
  atomic_fetch_sub(&publisher->in_flight, harvest->events);
  atomic_fetch_sub(&publisher->in_flight_bytes, harvest->bytes);
  evsi_records_add(publisher->setup.records, harvest->first);
}

/* Nobody reads the job any more: it becomes its report, with its texts where they are. */
static evsi_report *become_report(evsi_job *job) {
  static_assert(sizeof(evsi_report) <= offsetof(evsi_job, sends) + offsetof(evsi_send, offset),
                "what a report refers to is behind it");
  const evsi_send *send = worst(job);
  evs_report text = bare_report(job, send);
  text.id = job->id;
  text.transport = job->send_count == 1 ? job->transport : evsi_bytes(NULL, 0);
  text.topic = send->event.topic;
  text.offset = evsi_text(send->offset);
  evsi_report *report = (evsi_report *)job;
  memset(report, 0, sizeof *report);
  report->public = text;
  return report;
}

void evsi_job_release(evsi_publisher *publisher, evsi_send *send, evsi_harvest *harvest) {
  evsi_job *job = send->job;
  if (job->send_count > 1 && atomic_fetch_sub(&job->holders, 1) != 1)
    return;
  evsi_free(job->message);
  evsi_parcel_drop(job->parcel);
  if (!job->is_owed) {
    evsi_block_free(job);
    return;
  }
  evsi_harvest alone = {.end = &alone.first}, *into = harvest ? harvest : &alone;
  into->events++;
  into->bytes += job->cost;
  *into->end = become_report(job);
  into->end = &(*into->end)->next;
  if (!harvest)
    evsi_harvest_deliver(publisher, &alone);
}

/* Is there nothing to tell that the job has not, and does nobody else read it? Then its report needs no
 * memory. One that holds an event's bytes would keep them until the host has taken it. */
static bool can_become_report(const evsi_job *job) {
  return job->send_count == 1 && !job->waiter && job->token != 0 && !job->message && job->parcel &&
         !job->sends[0].sent;
}

/* Who is told finds it counted. */
static void tell(evsi_publisher *publisher, evsi_job *job, const evsi_send *send, evsi_harvest *harvest) {
  evsi_buf detail = {0};
  if (job->send_count > 1)
    add_fan_out(publisher, job, &detail);
  evs_report report = bare_report(job, send);
  report.id = job->id;
  report.transport = evsi_text(publisher->setup.links[send->link].config->name);
  report.topic = send->event.topic;
  report.offset = evsi_text(send->offset);
  report.message = evsi_text(job->message);
  report.detail = evsi_bytes(detail.data, detail.size);
  if (harvest)
    count_harvest(publisher, harvest);
  atomic_fetch_sub(&publisher->in_flight, 1);
  atomic_fetch_sub(&publisher->in_flight_bytes, job->cost);
  job->is_owed = !deliver_report(publisher, job->waiter, job->index, &report);
  if (job->is_owed) {
    atomic_fetch_add(&publisher->in_flight, 1);
    atomic_fetch_add(&publisher->in_flight_bytes, job->cost);
  }
  evsi_buf_free(&detail);
}

static void report_job(evsi_publisher *publisher, evsi_job *job, evsi_harvest *harvest) {
  const evsi_send *send = worst(job);
  if (send->status == EVS_OK && harvest) {
    note_latency(publisher, harvest, harvest->now_us - job->started_us);
  } else if (send->status == EVS_OK) { /* the worst of several, and not the last */
    evsi_histogram_record(&publisher->setup.stats->publish_latency,
                          evsi_now_us(publisher->setup.env) - job->started_us);
  } else {
    evsi_count(publisher->setup.stats, EVSI_COUNT_SEND_FAILED, 1);
    evsi_labels labels = evsi_send_labels(send);
    evsi_count_labels(&labels, EVSI_LABELED_SEND_FAILED, 1);
    evsi_stats_error(publisher->setup.stats, EVSI_SIDE_PUBLISHER, &labels,
                     job->message ? job->message : evs_status_name(send->status));
  }
  if (can_become_report(job))
    job->is_owed = true;
  else
    tell(publisher, job, send, harvest);
}

void evsi_job_settle(evsi_publisher *publisher, evsi_send *send, const evsi_ending *ending) {
  evsi_job *job = send->job;
  send->settled = true;
  send->status = ending->status;
  send->outcome = ending->outcome;
  send->acknowledgement = ending->acknowledgement;
  send->is_duplicate = ending->is_duplicate;
  evsi_bytes_copy(send->offset, sizeof send->offset, ending->offset);
  if (ending->message) {
    pthread_mutex_lock(&publisher->lock); /* several transports may fail at once */
    if (!job->message)
      job->message = evsi_strdup(ending->message);
    pthread_mutex_unlock(&publisher->lock);
  }
  if (ending->status == EVS_OK)
    note_stored(publisher, send, ending->harvest);
  if (job->send_count == 1 || atomic_fetch_sub(&job->open, 1) == 1)
    report_job(publisher, job, ending->harvest);
}

bool evsi_job_refuse(evsi_publisher *publisher, const evs_event *event, evsi_publish_waiter *waiter,
                     size_t index, const evs_error *error) {
  evs_report report = {
      .kind = EVS_REPORT_PUBLISH,
      .token = event->token,
      .status = evs_error_status(error),
      .outcome = EVS_OUTCOME_REFUSED,
      .partition = EVS_PARTITION_NONE,
      .id = event->id,
      .message = evsi_text(evs_error_message(error)),
      .detail = evsi_text(evs_error_json(error)),
  };
  evsi_count(publisher->setup.stats, EVSI_COUNT_SEND_INVALID, 1);
  evsi_count(publisher->setup.stats, EVSI_COUNT_SEND_FAILED, 1);
  evsi_stats_error(publisher->setup.stats, EVSI_SIDE_PUBLISHER, NULL, evs_error_message(error));
  if (waiter)
    evsi_waiter_hold(waiter);
  return deliver_report(publisher, waiter, index, &report);
}
