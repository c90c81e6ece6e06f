/* SPDX-License-Identifier: MIT
 * held.c - see held.h. The thread and its wake-ups are those of the real loop below; timers are a list. */
#include "base/held.h"

#include "base/alloc.h"

struct evsi_timer {
  evsi_timer *next; /* of those that run, by due time */
  evsi_loop *loop;
  void (*fire)(void *data);
  void *data;
  uint64_t due_us;
  bool is_new; /* it was started while others fired */
};

struct evsi_loop {
  struct evsi_loop *real; /* of evsi_io_uv: whose struct is another */
  evsi_env env;
  evsi_held_clock clock;
  evsi_timer *first;
};

static evsi_loop *loop_new(void (*on_wake)(void *data), void *data) {
  const evsi_env *world = evsi_env_default();
  evsi_loop *loop = evsi_calloc(1, sizeof *loop);
  if (!loop)
    return NULL;
  loop->real = evsi_io_uv.loop_new(on_wake, data);
  if (!loop->real) {
    evsi_free(loop);
    return NULL;
  }
  loop->clock.began_us = evsi_now_us(world);
  loop->clock.began_wall_ms = evsi_wall_ms(world);
  atomic_init(&loop->clock.now_us, loop->clock.began_us);
  loop->env = *world;
  loop->env.io = &evsi_io_held;
  loop->env.held = &loop->clock;
  return loop;
}

static void loop_run(evsi_loop *loop) {
  evsi_io_uv.loop_run(loop->real);
}

static void loop_stop(evsi_loop *loop) {
  evsi_io_uv.loop_stop(loop->real);
}

static void loop_wake(evsi_loop *loop) {
  evsi_io_uv.loop_wake(loop->real);
}

static void loop_free(evsi_loop *loop) {
  evsi_io_uv.loop_free(loop->real);
  evsi_free(loop);
}

static evsi_timer *timer_new(evsi_loop *loop, void (*fire)(void *data), void *data) {
  evsi_timer *timer = evsi_calloc(1, sizeof *timer);
  if (timer)
    *timer = (evsi_timer){.loop = loop, .fire = fire, .data = data};
  return timer;
}

static void timer_stop(evsi_timer *timer) {
  evsi_timer **at = &timer->loop->first;
  while (*at && *at != timer)
    at = &(*at)->next;
  if (*at)
    *at = timer->next;
}

static void timer_start(evsi_timer *timer, uint64_t delay_ms) {
  evsi_timer **at = &timer->loop->first;
  timer_stop(timer);
  timer->due_us = atomic_load(&timer->loop->clock.now_us) + delay_ms * 1000;
  timer->is_new = true;
  while (*at && (*at)->due_us <= timer->due_us)
    at = &(*at)->next;
  timer->next = *at;
  *at = timer;
}

static void timer_free(evsi_timer *timer) {
  if (!timer)
    return;
  timer_stop(timer);
  evsi_free(timer);
}

const evsi_env *evsi_held_env(const evsi_loop *loop) {
  return &loop->env;
}

evsi_loop *evsi_held_real(const evsi_loop *loop) {
  return loop->real;
}

uint64_t evsi_held_next_us(const evsi_loop *loop) {
  return loop->first ? loop->first->due_us : UINT64_MAX;
}

void evsi_held_move(evsi_loop *loop, uint64_t now_us) {
  if (now_us > atomic_load(&loop->clock.now_us))
    atomic_store(&loop->clock.now_us, now_us);
}

/* The first that is due and was not started since this firing began. */
static evsi_timer *next_due(const evsi_loop *loop) {
  uint64_t now_us = atomic_load(&loop->clock.now_us);
  evsi_timer *timer = loop->first;
  while (timer && timer->is_new)
    timer = timer->next;
  return timer && timer->due_us <= now_us ? timer : NULL;
}

bool evsi_held_fire(evsi_loop *loop) {
  bool any = false;
  for (evsi_timer *timer = loop->first; timer; timer = timer->next)
    timer->is_new = false;
  for (evsi_timer *timer; (timer = next_due(loop)); any = true) {
    timer_stop(timer);
    timer->fire(timer->data);
  }
  return any;
}

const evsi_io evsi_io_held = {
    .loop_new = loop_new,
    .loop_run = loop_run,
    .loop_stop = loop_stop,
    .loop_wake = loop_wake,
    .loop_free = loop_free,
    .timer_new = timer_new,
    .timer_start = timer_start,
    .timer_stop = timer_stop,
    .timer_free = timer_free,
};
