/* SPDX-License-Identifier: MIT
 * loop_uv.c - the loop, timers, watches and byte streams of env.h on libuv. The only file that calls libuv;
 * uses nothing newer than libuv 1.44, since inside node the process's own copy answers. */
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <uv.h>

#include "base/alloc.h"
#include "base/env.h"

enum { KEEP_ALIVE_S = 15 };

struct evsi_loop {
  uv_loop_t uv;
  uv_async_t wake;
  uv_check_t turn_end; /* sockets were read */
  uv_idle_t no_wait;   /* active while timers are held: the loop looks at its sockets and does not wait */
  uint64_t turn;
  evsi_timer *held;
  void (*on_wake)(void *data);
  void *data;
};

struct evsi_timer {
  uv_timer_t uv;
  evsi_timer *next_held;
  uint64_t turn; /* in which it was started */
  bool is_limit; /* of time, not just "soon" */
  void (*fire)(void *data);
  void *data;
};

struct evsi_watch {
  uv_fs_event_t uv;
  void (*changed)(void *data);
  void *data;
};

struct evsi_stream {
  union {
    uv_tcp_t tcp;
    uv_pipe_t pipe;
    uv_stream_t stream;
    uv_handle_t handle;
  } uv;
  uv_getaddrinfo_t look_up;
  uv_connect_t connect;
  uv_timer_t deadline;
  struct addrinfo *addresses; /* of the look-up; `next` is the one to try after the current */
  struct addrinfo *next;
  uint64_t end_ms; /* when connecting has failed */
  uint32_t user_timeout_ms;
  const evsi_stream_events *events;
  void *data;
  evsi_loop *loop;
  char *path;
  int open_handles; /* handles and requests that still refer to this */
  bool has_handle;
  bool is_looking_up;
  bool is_told; /* `closed` was called */
  bool keep_alive;
  bool closing;
  char reason[160];
  char buffer[65536];
};

typedef struct write_request {
  uv_write_t uv;
  evsi_stream *stream;
  char *bytes;
} write_request;

static void on_async(uv_async_t *handle) {
  evsi_loop *loop = handle->data;
  loop->on_wake(loop->data);
}

/* ---- turns ------------------------------------------------------------------------------------ */

static void on_no_wait(uv_idle_t *handle) {
  (void)handle;
}

/* libuv runs timers that are due until none is, before it looks at a socket: timers that start each other
 * again would keep it from ever reading. One that was started since sockets were last read waits until they
 * are read again. So does one with a delay: when the process has stood still for long, what was answered
 * meanwhile waits in a socket and is not late. */
static void hold(evsi_loop *loop, evsi_timer *timer) {
  evsi_timer **end = &loop->held;
  while (*end)
    end = &(*end)->next_held;
  timer->next_held = NULL;
  *end = timer;
  uv_idle_start(&loop->no_wait, on_no_wait);
}

static void let_go(evsi_loop *loop, evsi_timer *timer) {
  evsi_timer **at = &loop->held;
  while (*at && *at != timer)
    at = &(*at)->next_held;
  if (*at)
    *at = timer->next_held;
}

static void on_turn_end(uv_check_t *handle) {
  evsi_loop *loop = handle->data;
  loop->turn++;
  while (loop->held) {
    evsi_timer *timer = loop->held;
    loop->held = timer->next_held;
    timer->fire(timer->data);
  }
  uv_idle_stop(&loop->no_wait);
}

static evsi_loop *loop_new(void (*on_wake)(void *data), void *data) {
  evsi_loop *loop = evsi_calloc(1, sizeof *loop);
  if (!loop)
    return NULL;
  loop->on_wake = on_wake;
  loop->data = data;
  if (uv_loop_init(&loop->uv) != 0) {
    evsi_free(loop);
    return NULL;
  }
  loop->uv.data = loop;
  if (uv_async_init(&loop->uv, &loop->wake, on_async) != 0) {
    uv_loop_close(&loop->uv);
    evsi_free(loop);
    return NULL;
  }
  loop->wake.data = loop;
  uv_check_init(&loop->uv, &loop->turn_end);
  uv_idle_init(&loop->uv, &loop->no_wait);
  loop->turn_end.data = loop;
  uv_check_start(&loop->turn_end, on_turn_end);
  return loop;
}

static void loop_run(evsi_loop *loop) {
  uv_run(&loop->uv, UV_RUN_DEFAULT);
}

static void loop_stop(evsi_loop *loop) {
  uv_stop(&loop->uv);
}

static void loop_wake(evsi_loop *loop) {
  uv_async_send(&loop->wake);
}

static void loop_free(evsi_loop *loop) {
  if (!loop)
    return;
  uv_close((uv_handle_t *)&loop->wake, NULL);
  uv_close((uv_handle_t *)&loop->turn_end, NULL);
  uv_close((uv_handle_t *)&loop->no_wait, NULL);
  uv_run(&loop->uv, UV_RUN_DEFAULT); /* lets every closing handle finish */
  uv_loop_close(&loop->uv);
  evsi_free(loop);
}

/* ---- timers ----------------------------------------------------------------------------------- */

static evsi_loop *loop_of(const evsi_timer *timer) {
  return timer->uv.loop->data;
}

static void on_timer(uv_timer_t *handle) {
  evsi_timer *timer = handle->data;
  if (timer->is_limit || timer->turn == loop_of(timer)->turn)
    hold(loop_of(timer), timer);
  else
    timer->fire(timer->data);
}

static evsi_timer *timer_new(evsi_loop *loop, void (*fire)(void *data), void *data) {
  evsi_timer *timer = evsi_calloc(1, sizeof *timer);
  if (!timer)
    return NULL;
  uv_timer_init(&loop->uv, &timer->uv);
  timer->uv.data = timer;
  timer->fire = fire;
  timer->data = data;
  return timer;
}

static void timer_start(evsi_timer *timer, uint64_t delay_ms) {
  uv_update_time(timer->uv.loop);
  let_go(loop_of(timer), timer);
  timer->turn = loop_of(timer)->turn;
  timer->is_limit = delay_ms > 0;
  uv_timer_start(&timer->uv, on_timer, delay_ms, 0);
}

static void timer_stop(evsi_timer *timer) {
  let_go(loop_of(timer), timer);
  uv_timer_stop(&timer->uv);
}

static void on_timer_closed(uv_handle_t *handle) {
  evsi_free(handle->data);
}

static void timer_free(evsi_timer *timer) {
  if (!timer)
    return;
  let_go(loop_of(timer), timer);
  uv_close((uv_handle_t *)&timer->uv, on_timer_closed);
}

/* ---- files ------------------------------------------------------------------------------------ */

static void on_file_event(uv_fs_event_t *handle, const char *name, int events, int status) {
  const evsi_watch *watch = handle->data;
  (void)name;
  (void)events;
  if (status == 0)
    watch->changed(watch->data);
}

static void on_watch_closed(uv_handle_t *handle) {
  evsi_free(handle->data);
}

static void watch_free(evsi_watch *watch) {
  uv_close((uv_handle_t *)&watch->uv, on_watch_closed);
}

static evsi_watch *watch_new(evsi_loop *loop, const char *path, void (*changed)(void *data), void *data) {
  evsi_watch *watch = evsi_calloc(1, sizeof *watch);
  if (!watch)
    return NULL;
  if (uv_fs_event_init(&loop->uv, &watch->uv) != 0) {
    evsi_free(watch);
    return NULL;
  }
  watch->uv.data = watch;
  watch->changed = changed;
  watch->data = data;
  if (uv_fs_event_start(&watch->uv, on_file_event, path, 0) == 0)
    return watch;
  watch_free(watch);
  return NULL;
}

/* ---- streams ---------------------------------------------------------------------------------- */

/* Ends the stream once nothing of libuv refers to it any more. A look-up that runs cannot be stopped; whoever
 * owns the stream does not wait for it. */
static void release(evsi_stream *stream) {
  stream->open_handles--;
  if (!stream->is_told && stream->open_handles <= stream->is_looking_up) {
    stream->is_told = true;
    stream->events->closed(stream->data, stream->reason[0] ? stream->reason : NULL);
  }
  if (stream->open_handles > 0)
    return;
  if (stream->addresses)
    uv_freeaddrinfo(stream->addresses);
  evsi_free(stream->path);
  evsi_free(stream);
}

static void on_handle_closed(uv_handle_t *handle) {
  release(handle->data);
}

static void shut(evsi_stream *stream, const char *reason) {
  if (stream->closing)
    return;
  stream->closing = true;
  if (reason)
    snprintf(stream->reason, sizeof stream->reason, "%s", reason);
  if (stream->is_looking_up)
    uv_cancel((uv_req_t *)&stream->look_up);
  uv_close((uv_handle_t *)&stream->deadline, on_handle_closed);
  if (stream->has_handle)
    uv_close(&stream->uv.handle, on_handle_closed);
}

static void on_failed_handle_closed(uv_handle_t *handle);

/* The time of one address, or of the look-up, is over. */
static void on_deadline(uv_timer_t *timer) {
  evsi_stream *stream = timer->data;
  if (stream->is_looking_up) {
    shut(stream, "timed out while looking up its name");
  } else if (stream->next && stream->has_handle) {
    stream->has_handle = false;
    uv_close(&stream->uv.handle, on_failed_handle_closed);
  } else {
    shut(stream, "timed out while connecting");
  }
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *out) {
  evsi_stream *stream = handle->data;
  (void)suggested;
  *out = uv_buf_init(stream->buffer, sizeof stream->buffer);
}

static void on_read(uv_stream_t *handle, ssize_t count, const uv_buf_t *buffer) {
  evsi_stream *stream = handle->data;
  if (stream->closing)
    return;
  if (count > 0)
    stream->events->received(stream->data, buffer->base, (size_t)count);
  else if (count < 0)
    shut(stream, count == UV_EOF ? "the server closed the connection" : uv_strerror((int)count));
}

static void try_next(evsi_stream *stream, int last_error);

static void on_failed_handle_closed(uv_handle_t *handle) {
  evsi_stream *stream = handle->data;
  if (!stream->closing)
    try_next(stream, UV_ECONNREFUSED);
  release(stream);
}

/* How long the system tries to keep a connection whose other side is silent. */
static void set_limits(evsi_stream *stream) {
  int fd;
  unsigned milliseconds = stream->user_timeout_ms;
  if (stream->path || uv_fileno(&stream->uv.handle, &fd) != 0)
    return;
  /* Before it is connected libuv would forget the delay. */
  uv_tcp_keepalive(&stream->uv.tcp, stream->keep_alive, KEEP_ALIVE_S);
  if (milliseconds > 0)
    setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &milliseconds, sizeof milliseconds);
}

static void on_connected(uv_connect_t *request, int status) {
  evsi_stream *stream = request->data;
  if (stream->closing || !stream->has_handle) { /* given up meanwhile */
    release(stream);
    return;
  }
  if (status != 0 && stream->next) {
    stream->has_handle = false;
    uv_close(&stream->uv.handle, on_failed_handle_closed);
  } else if (status != 0) {
    shut(stream, uv_strerror(status));
  } else {
    uv_timer_stop(&stream->deadline);
    set_limits(stream);
    uv_read_start(&stream->uv.stream, on_alloc, on_read);
    stream->events->connected(stream->data);
  }
  release(stream);
}

/* Each address gets its part of the time that is left, so that a silent one does not use up all of it. */
static void share_time(evsi_stream *stream, const struct addrinfo *address) {
  uint64_t now = uv_now(&stream->loop->uv), count = 0;
  for (; address; address = address->ai_next)
    count++;
  uint64_t left = stream->end_ms > now ? stream->end_ms - now : 0;
  uv_timer_start(&stream->deadline, on_deadline, left / count, 0);
}

/* Starts to connect to the next address; each handle and request counts in open_handles. */
static void try_next(evsi_stream *stream, int last_error) {
  struct addrinfo *address = stream->next;
  if (!address) {
    shut(stream, uv_strerror(last_error));
    return;
  }
  stream->next = address->ai_next;
  share_time(stream, address);
  int rc = uv_tcp_init(&stream->loop->uv, &stream->uv.tcp);
  if (rc != 0) {
    shut(stream, uv_strerror(rc));
    return;
  }
  stream->uv.handle.data = stream;
  stream->has_handle = true;
  stream->open_handles++;
  uv_tcp_nodelay(&stream->uv.tcp, 1);
  rc = uv_tcp_connect(&stream->connect, &stream->uv.tcp, address->ai_addr, on_connected);
  if (rc != 0) {
    shut(stream, uv_strerror(rc));
    return;
  }
  stream->connect.data = stream;
  stream->open_handles++;
}

static void not_found(evsi_stream *stream, int status) {
  char reason[sizeof stream->reason];
  snprintf(reason, sizeof reason, "its name was not found: %s", uv_strerror(status));
  shut(stream, reason);
}

static void on_looked_up(uv_getaddrinfo_t *request, int status, struct addrinfo *result) {
  evsi_stream *stream = request->data;
  stream->is_looking_up = false;
  stream->addresses = result;
  stream->next = result;
  if (!stream->closing && status != 0)
    not_found(stream, status);
  else if (!stream->closing)
    try_next(stream, UV_EAI_NONAME);
  release(stream);
}

static int open_pipe(evsi_stream *stream) {
  int rc = uv_pipe_init(&stream->loop->uv, &stream->uv.pipe, 0);
  if (rc != 0)
    return rc;
  stream->uv.handle.data = stream;
  stream->has_handle = true;
  stream->open_handles += 2; /* the handle and the request */
  stream->connect.data = stream;
  uv_pipe_connect(&stream->connect, &stream->uv.pipe, stream->path, on_connected);
  return 0;
}

static int open_tcp(evsi_stream *stream, const evsi_address *address) {
  char port[8];
  struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_protocol = IPPROTO_TCP};
  snprintf(port, sizeof port, "%u", address->port);
  stream->look_up.data = stream;
  int rc = uv_getaddrinfo(&stream->loop->uv, &stream->look_up, on_looked_up, address->host, port, &hints);
  if (rc == 0)
    stream->open_handles++;
  stream->is_looking_up = rc == 0;
  return rc;
}

static evsi_stream *stream_open(evsi_loop *loop, const evsi_address *address,
                                const evsi_stream_events *events, void *data) {
  evsi_stream *stream = evsi_calloc(1, sizeof *stream);
  if (!stream)
    return NULL;
  stream->loop = loop;
  stream->events = events;
  stream->data = data;
  stream->keep_alive = address->keep_alive;
  stream->user_timeout_ms = address->user_timeout_ms;
  if (address->path && !(stream->path = evsi_strdup(address->path))) {
    evsi_free(stream);
    return NULL;
  }
  uv_timer_init(&loop->uv, &stream->deadline);
  stream->deadline.data = stream;
  stream->open_handles = 1;
  uv_update_time(&loop->uv);
  stream->end_ms = uv_now(&loop->uv) + address->connect_timeout_ms;
  uv_timer_start(&stream->deadline, on_deadline, address->connect_timeout_ms, 0);
  int rc = address->path ? open_pipe(stream) : open_tcp(stream, address);
  if (rc != 0)
    shut(stream, uv_strerror(rc));
  return stream;
}

static void on_written(uv_write_t *request, int status) {
  write_request *write = (write_request *)request;
  evsi_stream *stream = write->stream;
  evsi_free(write->bytes);
  evsi_free(write);
  if (status != 0)
    shut(stream, uv_strerror(status));
  release(stream);
}

/* What the socket takes at once needs no request, and no look at whether it is writable. */
static size_t write_at_once(evsi_stream *stream, char *bytes, size_t size) {
  uv_buf_t buffer = uv_buf_init(bytes, (unsigned)size);
  int written = stream->closing ? 0 : uv_try_write(&stream->uv.stream, &buffer, 1);
  return written > 0 ? (size_t)written : 0; /* what is wrong, the request for the rest is told */
}

static bool stream_write(evsi_stream *stream, char *bytes, size_t size) {
  size_t written = write_at_once(stream, bytes, size);
  if (written == size && size > 0) {
    evsi_free(bytes);
    return true;
  }
  write_request *write = stream->closing ? NULL : evsi_alloc(sizeof *write);
  if (!write) {
    evsi_free(bytes);
    if (written > 0)
      shut(stream, "out of memory"); /* half of it is with the other side */
    return false;
  }
  write->stream = stream;
  write->bytes = bytes;
  uv_buf_t buffer = uv_buf_init(bytes + written, (unsigned)(size - written));
  int rc = uv_write(&write->uv, &stream->uv.stream, &buffer, 1, on_written);
  if (rc != 0) {
    evsi_free(bytes);
    evsi_free(write);
    shut(stream, uv_strerror(rc));
    return false;
  }
  stream->open_handles++;
  return true;
}

static void stream_close(evsi_stream *stream) {
  shut(stream, NULL);
}

const evsi_io evsi_io_uv = {
    .loop_new = loop_new,
    .loop_run = loop_run,
    .loop_stop = loop_stop,
    .loop_wake = loop_wake,
    .loop_free = loop_free,
    .timer_new = timer_new,
    .timer_start = timer_start,
    .timer_stop = timer_stop,
    .timer_free = timer_free,
    .watch_new = watch_new,
    .watch_free = watch_free,
    .stream_open = stream_open,
    .stream_write = stream_write,
    .stream_close = stream_close,
};
