/* SPDX-License-Identifier: MIT
 * env.h - the outside world of one system: clock, random numbers, and a loop with timers and byte streams.
 * Nothing else in the core asks the operating system for these, so that a test can put a model in their
 * place (the seam is byte streams: a model of a server can be plugged in). Memory: alloc.h. */
#ifndef EVSI_ENV_H
#define EVSI_ENV_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "libevents.h"

typedef struct evsi_loop evsi_loop;
typedef struct evsi_timer evsi_timer;
typedef struct evsi_stream evsi_stream;
typedef struct evsi_watch evsi_watch;

/* Where a stream goes: host and port, or path of a unix socket (then host is NULL). */
typedef struct evsi_address {
  const char *host;
  const char *path;
  uint16_t port;
  uint32_t connect_timeout_ms; /* for the look-up and all addresses together */
  uint32_t
      user_timeout_ms; /* how long what was sent may stay without an answer of the network; 0: the system's */
  bool keep_alive;
} evsi_address;

/* All on the loop's thread. `closed` is the last call for a stream, exactly once, also when connecting
 * failed; `reason` is NULL after stream_close(). */
typedef struct evsi_stream_events {
  void (*connected)(void *data);
  void (*received)(void *data, const char *bytes, size_t size);
  void (*closed)(void *data, const char *reason);
} evsi_stream_events;

typedef struct evsi_io {
  evsi_loop *(*loop_new)(void (*on_wake)(void *data), void *data);
  void (*loop_run)(evsi_loop *loop);  /* until loop_stop() */
  void (*loop_stop)(evsi_loop *loop); /* loop's thread */
  void (*loop_wake)(evsi_loop *loop); /* any thread: on_wake runs at least once afterwards */
  void (*loop_free)(evsi_loop *loop); /* after loop_run returned, or if it never ran */

  evsi_timer *(*timer_new)(evsi_loop *loop, void (*fire)(void *data), void *data);
  /* Once; restarts a running one. Between two runs of a timer the loop looks at its streams, however short
   * the delay is; and before it fires after a delay, so that what arrived in time is not late. */
  void (*timer_start)(evsi_timer *timer, uint64_t delay_ms);
  void (*timer_stop)(evsi_timer *timer);
  void (*timer_free)(evsi_timer *timer); /* NULL is fine; fires no more */

  /* Tells when the file's content changes, whoever does it. NULL: it cannot be watched here. */
  evsi_watch *(*watch_new)(evsi_loop *loop, const char *path, void (*changed)(void *data), void *data);
  void (*watch_free)(evsi_watch *watch);

  /* NULL when memory is short. The address is copied. Name look-up, connect and its time limit included. */
  evsi_stream *(*stream_open)(evsi_loop *loop, const evsi_address *address, const evsi_stream_events *events,
                              void *data);
  /* Takes `bytes` (from evsi_alloc) and frees it when written. Returns false when the stream is gone. */
  bool (*stream_write)(evsi_stream *stream, char *bytes, size_t size);
  void (*stream_close)(evsi_stream *stream); /* `closed` follows later; unsent bytes are dropped */
} evsi_io;

/* A clock that stands still until a test moves it (held.h). */
typedef struct evsi_held_clock {
  _Atomic uint64_t now_us;
  uint64_t began_us, began_wall_ms;
} evsi_held_clock;

typedef struct evsi_env {
  uint64_t (*now_ms)(void);
  uint64_t (*now_us)(void);
  uint64_t (*wall_ms)(void);
  bool (*random)(void *bytes, size_t size);
  const evsi_io *io;
  const evsi_held_clock *held; /* NULL: time is the world's */
} evsi_env;

/* Monotonic. */
static inline uint64_t evsi_now_us(const evsi_env *env) {
  return env->held ? atomic_load(&env->held->now_us) : env->now_us();
}

static inline uint64_t evsi_now_ms(const evsi_env *env) {
  return env->held ? atomic_load(&env->held->now_us) / 1000 : env->now_ms();
}

/* Since 1970, for timestamps only. */
static inline uint64_t evsi_wall_ms(const evsi_env *env) {
  if (!env->held)
    return env->wall_ms();
  return env->held->began_wall_ms + (atomic_load(&env->held->now_us) - env->held->began_us) / 1000;
}

/* The real world: clock_gettime, getrandom, libuv. */
const evsi_env *evsi_env_default(void);

extern const evsi_io evsi_io_uv; /* loop_uv.c */

#endif
