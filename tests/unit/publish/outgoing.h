/* SPDX-License-Identifier: MIT
 * outgoing.h - for tests of the publisher alone: a clock that the test moves, timers that fire by it, and a
 * transport that keeps what it is given until the test says what became of it. */
#ifndef OUTGOING_H
#define OUTGOING_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "publish/publisher.h"

enum { TIMERS_MAX = 8, SENT_MAX = 4096, REPORTS_MAX = 4096 };

typedef struct timer {
  void (*fire)(void *data);
  void *data;
  uint64_t due_us; /* UINT64_MAX: not running */
} timer;

/* One event as the transport got it. */
typedef struct sent {
  uint64_t token, at_us;
  size_t call; /* which call of publish brought it */
  int32_t partition;
  char topic[48], id[48];
  bool is_answered;
} sent;

static struct {
  uint64_t now_us;
  timer timers[TIMERS_MAX];
  size_t timer_count;
  evsi_config *config;
  evsi_link link;
  evsi_tasks tasks;
  evsi_stats stats;
  evsi_records records;
  evsi_wake wake;
  evsi_router *router;
  evsi_registry *schemas;
  evsi_publisher *publisher;
  sent sent[SENT_MAX];
  size_t sent_count, calls;
} world;

/* ---- the world -------------------------------------------------------------------------------- */

static inline void on_loop_wake(evsi_loop *loop) {
  (void)loop;
}

static inline evsi_timer *timer_new(evsi_loop *loop, void (*fire)(void *data), void *data) {
  (void)loop;
  assert_true(world.timer_count < TIMERS_MAX);
  timer *made = &world.timers[world.timer_count++];
  *made = (timer){fire, data, UINT64_MAX};
  return (evsi_timer *)made;
}

static inline void timer_start(evsi_timer *which, uint64_t delay_ms) {
  ((timer *)which)->due_us = world.now_us + delay_ms * 1000;
}

static inline void timer_stop(evsi_timer *which) {
  ((timer *)which)->due_us = UINT64_MAX;
}

static inline void timer_free(evsi_timer *which) {
  if (which)
    timer_stop(which);
}

static inline uint64_t now_us(void) {
  return world.now_us;
}

static inline uint64_t now_ms(void) {
  return world.now_us / 1000;
}

static inline bool random_bytes(void *bytes, size_t size) {
  static uint64_t count;
  memset(bytes, 0, size);
  count++;
  memcpy(bytes, &count, size < sizeof count ? size : sizeof count);
  return true;
}

static const evsi_io io = {.loop_wake = on_loop_wake,
                           .timer_new = timer_new,
                           .timer_start = timer_start,
                           .timer_stop = timer_stop,
                           .timer_free = timer_free};
static const evsi_env env = {now_ms, now_us, now_ms, random_bytes, &io, NULL};

static inline void copy(char *out, size_t size, evs_bytes text) {
  snprintf(out, size, "%.*s", (int)text.size, text.size ? text.data : "");
}

static inline void take_events(evs_transport *transport, const evs_tp_event *events, size_t count) {
  (void)transport;
  for (size_t i = 0; i < count; i++) {
    assert_true(world.sent_count < SENT_MAX);
    sent *to = &world.sent[world.sent_count++];
    *to = (sent){.token = events[i].token,
                 .at_us = world.now_us,
                 .call = world.calls,
                 .partition = events[i].partition};
    copy(to->topic, sizeof to->topic, events[i].topic);
    copy(to->id, sizeof to->id, events[i].id);
  }
  world.calls++;
}

static const evs_transport_ops store = {.struct_size = sizeof store,
                                        .type = "redis-streams",
                                        .capabilities = EVS_CAP_PUBLISH,
                                        .publish = take_events};

/* publisher: members of `publisher` in the configuration; routing: of `routing`. Connected from the start. */
static inline void open_world(const char *publisher, const char *routing) {
  char config[1024];
  int size =
      snprintf(config, sizeof config,
               "{\"service\":\"shop\",\"transports\":{\"main\":{\"type\":\"redis-streams\"}},\"publisher\":{"
               "%s},\"routing\":{%s}}",
               publisher, routing);
  memset(&world, 0, sizeof world);
  world.now_us = 1000000;
  assert_int_equal(evsi_config_load(config, (size_t)size, &world.config, NULL), EVS_OK);
  world.link = (evsi_link){.ops = &store, .state = EVSI_LINK_OPEN, .config = &world.config->transports[0]};
  evsi_tasks_init(&world.tasks, &env, NULL);
  evsi_stats_init(&world.stats, &env, 100);
  evsi_wake_init(&world.wake);
  evsi_records_init(&world.records, &world.wake);
  assert_int_equal(evsi_router_new(world.config, &world.router, NULL), EVS_OK);
  world.schemas = evsi_registry_new(&(evsi_registry_setup){.env = &env});
  assert_non_null(world.schemas);
  const evsi_publisher_setup parts = {.config = world.config,
                                      .env = &env,
                                      .tasks = &world.tasks,
                                      .router = world.router,
                                      .stats = &world.stats,
                                      .records = &world.records,
                                      .links = &world.link,
                                      .schemas = world.schemas};
  world.publisher = evsi_publisher_new(&parts);
  assert_non_null(world.publisher);
  evsi_publisher_connected(world.publisher, 0, true, "");
}

static inline void answer(sent *event, evs_status status, uint32_t flags) {
  const evs_tp_outcome outcome = {.struct_size = sizeof outcome,
                                  .flags = flags,
                                  .token = event->token,
                                  .status = status,
                                  .offset = evsi_text(status == EVS_OK ? "1-0" : "")};
  assert_false(event->is_answered);
  event->is_answered = true;
  evsi_publisher_outcomes(world.publisher, 0, &outcome, 1);
}

/* Whatever the transport has and nobody answered. */
static inline void answer_rest(void) {
  for (size_t i = 0; i < world.sent_count; i++) {
    if (!world.sent[i].is_answered)
      answer(&world.sent[i], EVS_OK, 0);
  }
}

static inline void close_world(void) {
  evsi_publisher_seal(world.publisher);
  evsi_publisher_abort(world.publisher, "closed");
  answer_rest(); /* a transport answers all before it is closed */
  evsi_publisher_free(world.publisher);
  evsi_router_free(world.router);
  evsi_registry_free(world.schemas);
  evsi_records_destroy(&world.records);
  evsi_wake_destroy(&world.wake);
  evsi_stats_destroy(&world.stats);
  evsi_tasks_destroy(&world.tasks);
  evsi_config_free(world.config);
}

/* ---- what the tests do ------------------------------------------------------------------------ */

/* Tasks run when the loop comes to them; some post others. */
static inline void run_tasks(void) {
  while (world.tasks.head)
    evsi_tasks_run(&world.tasks);
}

/* Time goes on to `to_us`; timers fire at their time. */
static inline void advance_to(uint64_t to_us) {
  run_tasks();
  for (;;) {
    timer *next = NULL;
    for (size_t i = 0; i < world.timer_count; i++) {
      if (world.timers[i].due_us <= to_us && (!next || world.timers[i].due_us < next->due_us))
        next = &world.timers[i];
    }
    if (!next)
      break;
    world.now_us = next->due_us > world.now_us ? next->due_us : world.now_us;
    next->due_us = UINT64_MAX;
    next->fire(next->data);
    run_tasks();
  }
  world.now_us = to_us;
}

static inline void advance(uint64_t ms) {
  advance_to(world.now_us + ms * 1000);
}

static inline evs_event event_of(const char *type, const char *id, uint64_t token) {
  return (evs_event){.struct_size = sizeof(evs_event),
                     .token = token,
                     .type = evsi_text(type),
                     .body = evsi_text("1"),
                     .id = evsi_text(id)};
}

static inline void publish_event(const evs_event *event) {
  size_t accepted = 0;
  assert_int_equal(evsi_publisher_publish(world.publisher, event, 1, NULL, 0, &accepted, NULL), EVS_OK);
  assert_int_equal(accepted, 1);
}

static inline void publish(const char *type, const char *id, uint64_t token) {
  evs_event event = event_of(type, id, token);
  publish_event(&event);
}

typedef struct ended {
  uint64_t token;
  evs_status status;
  uint32_t outcome, attempts;
  char message[256];
} ended;

/* The reports that came since the last look. */
static inline size_t take_reports(ended *out, size_t most) {
  bool left = false;
  evs_batch *batch = evsi_batch_new();
  assert_true(evsi_records_take(&world.records, batch, most, &left));
  for (size_t i = 0; i < batch->report_count; i++) {
    const evs_report *from = &batch->reports[i];
    out[i] = (ended){from->token, from->status, from->outcome, from->attempts, ""};
    copy(out[i].message, sizeof out[i].message, from->message);
  }
  size_t count = batch->report_count;
  evsi_batch_free(batch);
  return count;
}

static inline uint64_t counted(evsi_counter counter) {
  return atomic_load(&world.stats.counters[counter]);
}

#endif
