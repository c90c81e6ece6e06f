/* SPDX-License-Identifier: MIT
 * publisher.c - accepts events on the callers' threads, bounds what is in flight, and hands each to the
 * lanes of its transports. */
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "publish/gate.h"

enum { TOGETHER_MAX = 64 };

evsi_publisher *evsi_publisher_new(const evsi_publisher_setup *setup) {
  evsi_publisher *publisher = evsi_calloc(1, sizeof *publisher);
  uint32_t count = setup->config->transport_count;
  if (!publisher)
    return NULL;
  publisher->setup = *setup;
  pthread_mutex_init(&publisher->lock, NULL);
  evsi_slots_init(&publisher->sends);
  publisher->lanes = evsi_calloc(count, sizeof *publisher->lanes);
  publisher->gate = evsi_gate_new(publisher, &setup->config->publisher.rate_limiting);
  atomic_init(&publisher->via_lanes,
              setup->config->publisher.rate_limiting.enabled || setup->config->publisher.batching.enabled);
  bool ok = publisher->lanes && publisher->gate;
  for (uint32_t i = 0; ok && i < count; i++)
    ok = evsi_lane_init(&publisher->lanes[i], publisher, &setup->links[i]);
  if (ok)
    return publisher;
  evsi_publisher_free(publisher);
  return NULL;
}

void evsi_publisher_free(evsi_publisher *publisher) {
  if (!publisher)
    return;
  for (uint32_t i = 0; publisher->lanes && i < publisher->setup.config->transport_count; i++)
    evsi_lane_destroy(&publisher->lanes[i]);
  evsi_free(publisher->lanes);
  evsi_gate_free(publisher->gate);
  evsi_slots_free(&publisher->sends);
  pthread_mutex_destroy(&publisher->lock);
  evsi_free(publisher);
}

uint64_t evsi_publisher_in_flight(const evsi_publisher *publisher) {
  return atomic_load(&publisher->in_flight);
}

uint64_t evsi_publisher_held(const evsi_publisher *publisher, uint32_t link, char out_why[256]) {
  return evsi_lane_held(&publisher->lanes[link], out_why);
}

/* Sends to a transport that works on the caller's thread and answers before it returns. */
static void send_direct(evsi_publisher *publisher, uint32_t link, evsi_send_list sends) {
  evs_tp_event vector[TOGETHER_MAX];
  while (sends.first) {
    size_t count = 0;
    pthread_mutex_lock(&publisher->lock);
    while (count < TOGETHER_MAX && sends.first) {
      evsi_send *send = sends.first;
      send->event.token = evsi_slots_add(&publisher->sends, send);
      if (send->event.token == 0)
        break;
      sends.first = send->next;
      send->sent = true;
      send->attempts++;
      vector[count++] = send->event;
    }
    pthread_mutex_unlock(&publisher->lock);
    if (count == 0) {
      evsi_lane_offer(&publisher->lanes[link], sends);
      return;
    }
    evsi_count_batch(publisher->setup.stats, count);
    publisher->setup.links[link].ops->publish(publisher->setup.links[link].transport, vector, count);
  }
}

static void hand_on(evsi_publisher *publisher, uint32_t link, evsi_send_list sends) {
  const evsi_link *to = &publisher->setup.links[link];
  if (!sends.first)
    return;
  if (evsi_link_is_direct(to) && atomic_load(&to->connected) && !atomic_load(&publisher->via_lanes))
    send_direct(publisher, link, sends);
  else
    evsi_lane_offer(&publisher->lanes[link], sends);
}

/* NULL: there is room for one more. As many reports as events may be in flight may wait to be taken. */
static const char *why_full(const evsi_publisher *publisher, const evsi_run *run, bool is_reported) {
  const evsi_config *config = publisher->setup.config;
  uint64_t most = config->publisher.max_in_flight;
  if (atomic_load(&publisher->in_flight) + run->entering_events >= most ||
      atomic_load(&publisher->in_flight_bytes) + run->entering_bytes >= config->publisher.max_in_flight_bytes)
    return "publisher.maxInFlight or maxInFlightBytes is reached: take reports with evs_poll() and offer the "
           "rest again";
  if (is_reported && evsi_records_publishes(publisher->setup.records) >= most)
    return "publisher.maxInFlight reports wait: take them with evs_poll() and offer the rest again; an event "
           "with token 0 has none";
  return NULL;
}

void evsi_run_count(evsi_publisher *publisher, evsi_run *run) {
  if (run->entering_events == 0)
    return;
  atomic_fetch_add(&publisher->in_flight, run->entering_events);
  atomic_fetch_add(&publisher->in_flight_bytes, run->entering_bytes);
  run->entering_events = run->entering_bytes = 0;
}

void evsi_publisher_hand_on(evsi_publisher *publisher, evsi_job *job) {
  uint32_t count = job->send_count; /* the last lane may free it */
  for (uint32_t i = 0; i < count; i++) {
    evsi_send_list one = {NULL, NULL};
    uint32_t link = job->sends[i].link;
    evsi_send_list_append(&one, &job->sends[i]);
    evsi_lane_offer(&publisher->lanes[link], one);
  }
}

void evsi_publisher_limit(evsi_publisher *publisher, const evsi_rate_limiting *policy) {
  if (policy->enabled)
    atomic_store(&publisher->via_lanes, true);
  evsi_gate_change(publisher->gate, policy);
}

/* It is in flight from here on; its sends go to the lists, unless a limit holds it up, or ends it. */
static void accept(evsi_publisher *publisher, evsi_job *job, evsi_run *run, evsi_send_list *lists) {
  run->entering_events++;
  run->entering_bytes += job->cost;
  if (!evsi_gate_is_open(publisher->gate)) {
    evsi_run_count(publisher, run);
    if (!evsi_gate_passes(publisher->gate, job))
      return;
  }
  for (uint32_t i = 0; i < job->send_count; i++)
    evsi_send_list_append(&lists[job->sends[i].link], &job->sends[i]);
}

/* Between counting oneself in and out nothing that is accepted can miss the end of the publisher. */
static bool enter(evsi_publisher *publisher) {
  atomic_fetch_add(&publisher->entering, 1);
  if (!atomic_load(&publisher->is_sealed))
    return true;
  atomic_fetch_sub(&publisher->entering, 1);
  return false;
}

static evs_status publish_all(evsi_publisher *publisher, const evs_event *events, size_t count,
                              evsi_publish_waiter *waiter, size_t base, size_t *out_accepted,
                              evs_error **out_error) {
  evsi_send_list lists[EVSI_TRANSPORTS_MAX] = {{NULL, NULL}};
  uint32_t links = publisher->setup.config->transport_count;
  evsi_run run = {0};
  evs_status status = EVS_OK;
  size_t taken = 0;
  for (; taken < count && status == EVS_OK; taken++) {
    const char *full = why_full(publisher, &run, !waiter && events[taken].token != 0);
    if (full) {
      status = evsi_error(out_error, EVS_QUEUE_FULL, NULL, "%s", full);
      break;
    }
    evs_error *error = NULL;
    evsi_job *job = evsi_job_new(publisher, &events[taken], &run, &error);
    if (!job) {
      bool is_told = evsi_job_refuse(publisher, &events[taken], waiter, base + taken, error);
      evs_error_free(error);
      if (is_told)
        continue;
      status = evsi_error_nomem(out_error);
      break;
    }
    job->index = base + taken;
    job->waiter = waiter;
    if (waiter)
      evsi_waiter_hold(waiter);
    accept(publisher, job, &run, lists);
  }
  evsi_run_count(publisher, &run);
  for (uint32_t i = 0; i < links; i++)
    hand_on(publisher, i, lists[i]);
  *out_accepted = taken;
  return status;
}

evs_status evsi_publisher_publish(evsi_publisher *publisher, const evs_event *events, size_t count,
                                  evsi_publish_waiter *waiter, size_t base, size_t *out_accepted,
                                  evs_error **out_error) {
  size_t accepted = 0;
  evs_status status = EVS_CLOSED;
  if (enter(publisher)) {
    status = publish_all(publisher, events, count, waiter, base, &accepted, out_error);
    atomic_fetch_sub(&publisher->entering, 1);
  } else {
    evsi_error(out_error, EVS_CLOSED, NULL, "the system was closed: open a new one");
  }
  if (out_accepted)
    *out_accepted = accepted;
  return status;
}

static bool is_same_limit(const evsi_rate_limiting *a, const evsi_rate_limiting *b) {
  return a->enabled == b->enabled && a->on_limit == b->on_limit && a->scope == b->scope &&
         a->rate.strategy == b->rate.strategy && a->rate.max_requests == b->rate.max_requests &&
         a->rate.window_us == b->rate.window_us;
}

void evsi_publisher_reload(evsi_publisher *publisher, const evsi_config *config, evsi_router *router) {
  const evsi_config *former = publisher->setup.config;
  if (!is_same_limit(&former->publisher.rate_limiting, &config->publisher.rate_limiting))
    evsi_publisher_limit(publisher, &config->publisher.rate_limiting);
  atomic_store(&publisher->setup.config, config);
  atomic_store(&publisher->setup.router, router);
}

bool evsi_publisher_is_sending(evsi_publisher *publisher, uint32_t link) {
  return evsi_lane_is_sending(&publisher->lanes[link]);
}

bool evsi_publisher_is_quiet(const evsi_publisher *publisher) {
  return atomic_load(&publisher->entering) == 0;
}

bool evsi_publisher_seal(evsi_publisher *publisher) {
  atomic_store(&publisher->is_sealed, true);
  return atomic_load(&publisher->entering) == 0;
}

void evsi_publisher_outcomes(evsi_publisher *publisher, uint32_t link, const evs_tp_outcome *outcomes,
                             size_t count) {
  evsi_send *sends[TOGETHER_MAX];
  evsi_send *hint = NULL;
  for (size_t first = 0; first < count; first += TOGETHER_MAX) {
    size_t part = count - first < TOGETHER_MAX ? count - first : TOGETHER_MAX;
    pthread_mutex_lock(&publisher->lock);
    for (size_t i = 0; i < part; i++)
      sends[i] = evsi_slots_remove(&publisher->sends, outcomes[first + i].token);
    pthread_mutex_unlock(&publisher->lock);
    evsi_harvest harvest = {.now_us = evsi_now_us(publisher->setup.env), .hint = hint, .end = &harvest.first};
    for (size_t i = 0; i < part; i++) {
      if (sends[i])
        evsi_lane_outcome(&publisher->lanes[link], sends[i], &outcomes[first + i], &harvest);
    }
    hint = harvest.hint;
    evsi_harvest_deliver(publisher, &harvest);
  }
  /* Only on the I/O thread, where the outcomes of these transports come, the queue may be looked at. */
  const evsi_lane *lane = &publisher->lanes[link];
  if (lane->batcher || (!evsi_link_is_direct(lane->link) && lane->queue.first))
    evsi_tasks_post(publisher->setup.tasks, &publisher->lanes[link].task);
}

void evsi_publisher_connected(evsi_publisher *publisher, uint32_t link, bool connected, const char *message) {
  evsi_lane_connected(&publisher->lanes[link], connected, message);
}

void evsi_publisher_look(evsi_publisher *publisher) {
  for (uint32_t i = 0; i < publisher->setup.config->transport_count; i++)
    evsi_lane_look(&publisher->lanes[i]);
}

void evsi_publisher_flush(evsi_publisher *publisher) {
  for (uint32_t i = 0; i < publisher->setup.config->transport_count; i++)
    evsi_lane_flush(&publisher->lanes[i]);
}

void evsi_publisher_abort(evsi_publisher *publisher, const char *why) {
  evsi_gate_abort(publisher->gate, why);
  for (uint32_t i = 0; i < publisher->setup.config->transport_count; i++)
    evsi_lane_abort(&publisher->lanes[i], why);
}
