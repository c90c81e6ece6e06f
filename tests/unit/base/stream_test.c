/* SPDX-License-Identifier: MIT
 * stream_test.c - what a socket does not take at once follows in order, or the stream ends. */
#include <pthread.h>
#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/env.h"
#include "support/folder.h"
#include "unit/support/shortage.h"

enum { LARGE = 4 << 20, SMALL = 100, WRITES = 4, ALL = 2 * (LARGE + SMALL), DEADLINE_S = 60 };

/* A server that reads nothing until it is told to, and hangs up when it has all. */
typedef struct peer {
  int listener;
  sem_t may_read;
  size_t got, wrong;
} peer;

typedef struct client {
  evsi_loop *loop;
  evsi_stream *stream;
  peer *peer;
  size_t written;
  bool is_short;
  char reason[64];
} client;

static const evsi_io *io(void) {
  return evsi_env_default()->io;
}

static char byte_at(size_t place) {
  return (char)(place * 31 >> 3);
}

static void *serve(void *data) {
  peer *p = data;
  char bytes[65536];
  int socket = accept(p->listener, NULL, NULL);
  sem_wait(&p->may_read);
  for (ssize_t size; p->got < ALL && (size = read(socket, bytes, sizeof bytes)) > 0;)
    for (ssize_t i = 0; i < size; i++)
      p->wrong += bytes[i] != byte_at(p->got++);
  close(socket);
  return NULL;
}

/* Bytes that go on where the last ones ended. */
static bool write_more(client *c, size_t size) {
  char *bytes = evsi_alloc(size);
  for (size_t i = 0; i < size; i++)
    bytes[i] = byte_at(c->written + i);
  if (c->is_short)
    shortage_begin(0, true);
  bool is_taken = io()->stream_write(c->stream, bytes, size);
  shortage_end();
  c->written += is_taken ? size : 0;
  return is_taken;
}

static void on_connected(void *data) {
  static const size_t sizes[WRITES] = {SMALL, LARGE, SMALL, LARGE};
  client *c = data;
  for (int i = 0; i < WRITES && write_more(c, sizes[i]); i++)
    ;
  sem_post(&c->peer->may_read);
}

static void on_received(void *data, const char *bytes, size_t size) {
  (void)data;
  (void)bytes;
  (void)size;
}

static void on_closed(void *data, const char *reason) {
  client *c = data;
  snprintf(c->reason, sizeof c->reason, "%s", reason ? reason : "");
  io()->loop_stop(c->loop);
}

static void on_wake(void *data) {
  (void)data;
}

static void listen_at(peer *p, struct sockaddr_un *address) {
  p->listener = socket(AF_UNIX, SOCK_STREAM, 0);
  sem_init(&p->may_read, 0, 0);
  assert_int_equal(bind(p->listener, (struct sockaddr *)address, sizeof *address), 0);
  assert_int_equal(listen(p->listener, 1), 0);
}

/* Writes until the stream ends. */
static void talk(client *c, peer *p) {
  static const evsi_stream_events events = {on_connected, on_received, on_closed};
  char folder[FOLDER_SIZE];
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  pthread_t thread;
  folder_make(folder);
  snprintf(address.sun_path, sizeof address.sun_path, "%.80s/socket", folder);
  listen_at(p, &address);
  c->peer = p;
  c->loop = io()->loop_new(on_wake, c);
  assert_int_equal(pthread_create(&thread, NULL, serve, p), 0);
  c->stream = io()->stream_open(
      c->loop, &(evsi_address){.path = address.sun_path, .connect_timeout_ms = 1000 * DEADLINE_S}, &events,
      c);
  assert_non_null(c->stream);
  alarm(DEADLINE_S);
  io()->loop_run(c->loop);
  alarm(0);
  pthread_join(thread, NULL);
  io()->loop_free(c->loop);
  sem_destroy(&p->may_read);
  close(p->listener);
  folder_remove(folder);
}

static void what_a_socket_does_not_take_at_once_follows_in_order(void **state) {
  (void)state;
  client c = {0};
  peer p = {0};
  talk(&c, &p);
  assert_int_equal(c.written, ALL);
  assert_int_equal(p.got, ALL);
  assert_int_equal(p.wrong, 0);
}

static void without_memory_for_the_rest_the_stream_ends(void **state) {
  (void)state;
  client c = {.is_short = true};
  peer p = {0};
  talk(&c, &p);
  assert_int_equal(c.written, SMALL); /* went at once, and needed none */
  assert_in_range(p.got, SMALL + 1, SMALL + LARGE - 1);
  assert_int_equal(p.wrong, 0);
  assert_string_equal(c.reason, "out of memory");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(what_a_socket_does_not_take_at_once_follows_in_order),
      cmocka_unit_test(without_memory_for_the_rest_the_stream_ends),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
