/* SPDX-License-Identifier: MIT
 * no_memory_test.c - what a system stands on, loops, streams and TLS, while each allocation fails once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/env.h"
#include "base/held.h"
#include "base/tls.h"
#include "unit/support/shortage.h"

static void on_wake(void *data) {
  (void)data;
}

static void on_event(void *data) {
  (void)data;
}

static void on_data(void *data, const char *bytes, size_t size) {
  (void)data;
  (void)bytes;
  (void)size;
}

/* The loop goes on until then. */
static void stop(void *data) {
  evsi_env_default()->io->loop_stop(data);
}

static void on_closed(void *data, const char *reason) {
  (void)reason;
  stop(data);
}

static evs_status make_a_timer(void *data) {
  const evsi_io *io = data;
  evsi_loop *loop = io->loop_new(on_wake, NULL);
  evsi_timer *timer = loop ? io->timer_new(loop, on_event, NULL) : NULL;
  if (timer)
    io->timer_free(timer);
  if (loop)
    io->loop_free(loop);
  return timer ? EVS_OK : EVS_NOMEM;
}

static void a_loop_and_its_timers_tell_of_no_memory(void **state) {
  (void)state;
  shortage_of_each(make_a_timer, (void *)evsi_env_default()->io, SHORTAGE_IS_TOLD);
  shortage_of_each(make_a_timer, (void *)&evsi_io_held, SHORTAGE_IS_TOLD);
}

static struct {
  evsi_loop *loop;
  evsi_timer *end;
} world;

static evs_status look_at_a_folder(void *data) {
  const evsi_io *io = data;
  evsi_watch *watch = io->watch_new(world.loop, "/", on_event, NULL);
  if (watch)
    io->watch_free(watch);
  io->timer_start(world.end, 0);
  io->loop_run(world.loop);
  return watch ? EVS_OK : EVS_NOMEM;
}

static evs_status connect_to_a_socket(void *data) {
  static const evsi_stream_events events = {on_event, on_data, on_closed};
  const evsi_io *io = data;
  const evsi_address address = {.path = "/nobody/is/there", .connect_timeout_ms = 1000};
  evsi_stream *stream = io->stream_open(world.loop, &address, &events, world.loop);
  if (!stream)
    return EVS_NOMEM;
  io->loop_run(world.loop);
  return EVS_OK;
}

static void what_runs_on_a_loop_tells_of_no_memory(void **state) {
  (void)state;
  const evsi_io *io = evsi_env_default()->io;
  world.loop = io->loop_new(on_wake, NULL);
  world.end = io->timer_new(world.loop, stop, world.loop);
  shortage_of_each(look_at_a_folder, (void *)io, SHORTAGE_IS_TOLD);
  shortage_of_each(connect_to_a_socket, (void *)io, SHORTAGE_IS_TOLD);
  io->timer_free(world.end);
  io->loop_free(world.loop);
}

static evs_status greet(void *data) {
  (void)data;
  const evsi_tls_options options = {.verify = true};
  evsi_tls *tls = NULL;
  evs_error *error = NULL;
  evs_status status = evsi_tls_new(&options, &tls, &error);
  evs_error_free(error);
  if (status != EVS_OK)
    return status;
  size_t size = 0;
  evsi_buf plain = {0};
  evsi_tls_session *session = evsi_tls_session_new(tls, "example.com");
  bool goes_on = session && evsi_tls_receive(session, "", 0, &plain);
  char *hello = goes_on ? evsi_tls_take(session, &size) : NULL;
  status = hello ? EVS_OK : EVS_NOMEM;
  if (goes_on && !hello)
    assert_string_equal(evsi_tls_problem(session), "out of memory");
  evsi_free(hello);
  evsi_buf_free(&plain);
  evsi_tls_session_free(session);
  evsi_tls_free(tls);
  return status;
}

static void a_session_of_tls_tells_of_no_memory(void **state) {
  (void)state;
  shortage_of_each(greet, NULL, SHORTAGE_IS_TOLD);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_loop_and_its_timers_tell_of_no_memory),
      cmocka_unit_test(what_runs_on_a_loop_tells_of_no_memory),
      cmocka_unit_test(a_session_of_tls_tells_of_no_memory),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
