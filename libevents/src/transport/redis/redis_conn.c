/* SPDX-License-Identifier: MIT
 * redis_conn.c - see redis_conn.h. A socket object outlives its connection until the stream says `closed`,
 * so a late event finds the socket and no connection. */
#include "transport/redis/redis_conn.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "transport/redis/redis_error.h"

/* ATTEMPT_MS: a connection is tried at most once in this time. */
enum { ATTEMPT_MS = 1000, EXPECTED_FIRST = 64, FLUSH_BYTES = 1024 * 1024, OUT_RESERVE = 64 * 1024 };
static const uint64_t BULK_MAX_DEFAULT = UINT64_C(512) * 1024 * 1024;

struct evsi_redis_socket {
  evsi_redis_conn *conn; /* NULL: given up */
  evsi_redis_net *net;
  evsi_channel *channel;
  evsi_redis_parser *parser;
};

static const evsi_io *io_of(const evsi_redis_conn *conn) {
  return conn->net->world->env->io;
}

static uint64_t now_of(const evsi_redis_conn *conn) {
  return evsi_now_ms(conn->net->world->env);
}

/* ---- commands on their way -------------------------------------------------------------------- */

static bool reserve_expected(evsi_redis_conn *conn) {
  if (conn->expected_count < conn->expected_capacity)
    return true;
  size_t capacity = conn->expected_capacity ? conn->expected_capacity * 2 : EXPECTED_FIRST;
  evsi_redis_expected *ring = evsi_alloc(capacity * sizeof *ring);
  if (!ring)
    return false;
  for (size_t i = 0; i < conn->expected_count; i++)
    ring[i] = conn->expected[(conn->expected_first + i) & (conn->expected_capacity - 1)];
  evsi_free(conn->expected);
  conn->expected = ring;
  conn->expected_capacity = capacity;
  conn->expected_first = 0;
  return true;
}

static evsi_redis_expected take_expected(evsi_redis_conn *conn) {
  evsi_redis_expected first = conn->expected[conn->expected_first];
  conn->expected_first = (conn->expected_first + 1) & (conn->expected_capacity - 1);
  conn->expected_count--;
  conn->replied++;
  return first;
}

static uint64_t time_left(const evsi_redis_conn *conn) {
  const evsi_redis_expected *first = &conn->expected[conn->expected_first];
  uint64_t end = conn->progress_ms + first->timeout_ms;
  uint64_t now = now_of(conn);
  return end > now ? end - now : 0;
}

/* One timer for all: it is set anew only when it fires, and then looks how long there really is. */
static void on_deadline(void *data) {
  evsi_redis_conn *conn = data;
  conn->watching = false;
  if (conn->expected_count == 0 || !conn->socket)
    return;
  uint64_t left = time_left(conn);
  if (left == 0) {
    char reason[160];
    snprintf(reason, sizeof reason, "the server did not answer within %" PRIu32 " ms (%s)",
             conn->expected[conn->expected_first].timeout_ms,
             conn->is_up ? "commandTimeout" : "handshakeTimeout");
    evsi_redis_conn_drop(conn, reason);
    return;
  }
  conn->watching = true;
  io_of(conn)->timer_start(conn->deadline_timer, left);
}

static void flush(evsi_redis_conn *conn) {
  conn->flush_due = false;
  if (conn->out.size == 0 || !conn->socket)
    return;
  uint64_t all = conn->replied + conn->expected_count;
  conn->net->ops->count(conn->net->host, "commands", all - conn->written);
  conn->written = all;
  size_t size = conn->out.size;
  char *bytes = evsi_buf_take(&conn->out);
  if (!bytes || !evsi_channel_write(conn->socket->channel, bytes, size))
    evsi_redis_conn_drop(conn, bytes ? "the connection was lost" : "out of memory");
}

static void on_flush(void *data) {
  flush(data);
}

void evsi_redis_conn_flush(evsi_redis_conn *conn) {
  flush(conn);
}

static evsi_buf *begin(evsi_redis_conn *conn, size_t size) {
  size_t room = conn->out.size == 0 && size < OUT_RESERVE ? OUT_RESERVE : size;
  if (!conn->socket || !reserve_expected(conn))
    return NULL;
  if (!evsi_buf_reserve(&conn->out, room)) {
    conn->out.failed = false; /* what is in it already stays whole */
    return NULL;
  }
  return &conn->out;
}

static void expect(evsi_redis_conn *conn, const evsi_redis_expected *expected) {
  if (conn->expected_count == 0)
    conn->progress_ms = now_of(conn);
  conn->expected[(conn->expected_first + conn->expected_count) & (conn->expected_capacity - 1)] = *expected;
  conn->expected_count++;
  if (!conn->watching) {
    conn->watching = true;
    io_of(conn)->timer_start(conn->deadline_timer, expected->timeout_ms);
  }
  if (conn->out.failed) {
    evsi_redis_conn_drop(conn, "out of memory");
  } else if (conn->out.size >= FLUSH_BYTES && !conn->handling) {
    flush(conn);
  } else if (!conn->flush_due) {
    conn->flush_due = true;
    if (!conn->handling) /* else it is flushed when the replies at hand are done with */
      io_of(conn)->timer_start(conn->flush_timer, 0);
  }
}

evsi_buf *evsi_redis_conn_begin(evsi_redis_conn *conn, size_t size) {
  return conn->is_up ? begin(conn, size) : NULL;
}

void evsi_redis_conn_expect(evsi_redis_conn *conn, evsi_redis_reply_fn fn, void *data, uint64_t tag) {
  evsi_redis_expected expected = {fn, data, tag, conn->net->config->command_timeout_ms};
  expect(conn, &expected);
}

static bool send_args(evsi_redis_conn *conn, evsi_redis_args *args, const evsi_redis_expected *expected) {
  evsi_buf *out = args->body.failed ? NULL : begin(conn, args->body.size + 32);
  if (out) {
    evsi_redis_put_head(out, args->count);
    evsi_buf_add(out, args->body.data, args->body.size);
    expect(conn, expected);
  }
  evsi_buf_clear(&args->body);
  args->count = 0;
  return out != NULL;
}

bool evsi_redis_conn_send(evsi_redis_conn *conn, evsi_redis_args *args, uint32_t timeout_ms,
                          evsi_redis_reply_fn fn, void *data, uint64_t tag) {
  evsi_redis_expected expected = {fn, data, tag,
                                  timeout_ms ? timeout_ms : conn->net->config->command_timeout_ms};
  if (conn->is_up)
    return send_args(conn, args, &expected);
  evsi_buf_clear(&args->body);
  args->count = 0;
  return false;
}

/* ---- losing and finding the server ------------------------------------------------------------ */

static void answer_lost(evsi_redis_conn *conn) {
  char reason[sizeof conn->reason];
  snprintf(reason, sizeof reason, "%s", conn->reason);
  while (conn->expected_count > 0) {
    evsi_redis_reply lost = {.type = EVSI_REDIS_LOST, .integer = conn->replied < conn->written};
    lost.text = evsi_text(reason);
    evsi_redis_expected first = take_expected(conn);
    first.fn(first.data, first.tag, &lost);
  }
}

static void forget_socket(evsi_redis_conn *conn) {
  evsi_redis_socket *socket = conn->socket;
  conn->socket = NULL;
  conn->is_up = false;
  conn->flush_due = false;
  conn->handling = false;
  io_of(conn)->timer_stop(conn->flush_timer);
  io_of(conn)->timer_stop(conn->deadline_timer);
  conn->watching = false;
  evsi_buf_free(&conn->out);
  if (!socket)
    return;
  socket->conn = NULL;
  if (socket->channel)
    evsi_channel_close(socket->channel);
}

static void connect_again(evsi_redis_conn *conn) {
  const evsi_redis_config *config = conn->net->config;
  evsi_retry_policy policy = config->reconnect;
  conn->attempts++;
  uint64_t delay =
      conn->fatal ? policy.max_delay_ms : evsi_backoff_delay(conn->net->world->env, &policy, conn->attempts);
  /* On top, so that the spread of many processes stays in it. */
  uint64_t since = now_of(conn) - conn->opened_ms;
  if (since + delay < ATTEMPT_MS)
    delay += ATTEMPT_MS - since;
  io_of(conn)->timer_start(conn->retry_timer, delay);
  conn->events->down(conn->data, conn->reason, conn->fatal, delay);
}

void evsi_redis_conn_drop(evsi_redis_conn *conn, const char *reason) {
  if (!conn->socket || !conn->started)
    return;
  bool was_up = conn->is_up;
  snprintf(conn->reason, sizeof conn->reason, "%s to %.200s: %.250s",
           was_up ? "lost the connection" : "cannot connect", conn->net->config->shown, reason);
  forget_socket(conn);
  answer_lost(conn);
  if (conn->started)
    connect_again(conn);
}

static void on_closed(void *data, const char *reason) {
  evsi_redis_socket *socket = data;
  evsi_redis_net *net = socket->net;
  evsi_redis_conn *conn = socket->conn;
  socket->channel = NULL;
  if (conn) {
    bool is_refused = reason && strstr(reason, "refused");
    char text[256];
    snprintf(text, sizeof text, "%s%s", reason ? reason : "closed",
             is_refused ? "; is redis-server running there?" : "");
    evsi_redis_conn_drop(conn, text);
  }
  evsi_redis_parser_free(socket->parser);
  evsi_free(socket);
  net->open_sockets--;
  net->on_socket_closed(net);
}

/* ---- handshake -------------------------------------------------------------------------------- */

enum { HELLO_AUTH, HELLO_PING, HELLO_SELECT, HELLO_NAME, HELLO_BULK, HELLO_ID };

static void name_step(const evsi_redis_conn *conn, uint64_t step, char out[128]) {
  const char *user = conn->net->config->username;
  if (step == HELLO_AUTH)
    snprintf(out, 128, "signing in as the user %.80s", user ? user : "default");
  else
    snprintf(out, 128, step == HELLO_SELECT ? "choosing the database" : "the handshake");
}

static void on_hello(void *data, uint64_t step, const evsi_redis_reply *reply) {
  evsi_redis_conn *conn = data;
  if (reply->type == EVSI_REDIS_LOST)
    return;
  evsi_redis_error_class error = evsi_redis_error_classify(reply);
  bool is_needed =
      step == HELLO_AUTH || step == HELLO_SELECT ||
      (step == HELLO_PING && !(error == EVSI_REDIS_ERROR_SECURITY &&
                               strncmp(reply->text.data ? reply->text.data : "", "NOPERM", 6) == 0));
  if (reply->type == EVSI_REDIS_ERROR && is_needed) {
    char what[128], text[EVSI_REDIS_ERROR_TEXT];
    name_step(conn, step, what);
    evsi_redis_error_text(reply, what, text);
    conn->fatal = error == EVSI_REDIS_ERROR_SECURITY;
    evsi_redis_conn_drop(conn, text);
    return;
  }
  if (step == HELLO_ID && reply->type == EVSI_REDIS_INTEGER)
    conn->client_id = reply->integer;
  if (step == HELLO_BULK && reply->type == EVSI_REDIS_ARRAY && reply->count == 2)
    conn->bulk_max = (uint64_t)evsi_redis_integer(evsi_redis_item(reply, 1));
  if (--conn->handshake_left > 0)
    return;
  if (conn->was_up)
    conn->net->ops->count(conn->net->host, "reconnects", 1);
  conn->is_up = conn->was_up = true;
  conn->attempts = 0;
  conn->events->up(conn->data);
}

static void say_hello(evsi_redis_conn *conn, evsi_redis_args *args, int step) {
  evsi_redis_expected expected = {on_hello, conn, (uint64_t)step, conn->net->config->handshake_timeout_ms};
  conn->handshake_left++;
  if (!send_args(conn, args, &expected))
    evsi_redis_conn_drop(conn, "out of memory");
}

static void say_words(evsi_redis_conn *conn, int step, const char *const *words, size_t count) {
  evsi_redis_args args = {0};
  for (size_t i = 0; i < count && words[i]; i++)
    evsi_redis_arg_text(&args, words[i]);
  say_hello(conn, &args, step);
  evsi_redis_args_free(&args);
}

static void on_connected(void *data) {
  evsi_redis_socket *socket = data;
  evsi_redis_conn *conn = socket->conn;
  if (!conn)
    return;
  const evsi_redis_config *config = conn->net->config;
  char db[16], name[64];
  snprintf(db, sizeof db, "%" PRIu32, config->db);
  snprintf(name, sizeof name, "libevents-%s", conn->role);
  conn->handshake_left = 0;
  conn->client_id = 0;
  conn->bulk_max = BULK_MAX_DEFAULT;
  const char *auth[] = {"AUTH", config->username ? config->username : config->password, config->password};
  if (config->password)
    say_words(conn, HELLO_AUTH, auth, config->username ? 3 : 2);
  say_words(conn, HELLO_PING, (const char *[]){"PING"}, 1);
  if (config->db > 0)
    say_words(conn, HELLO_SELECT, (const char *[]){"SELECT", db}, 2);
  say_words(conn, HELLO_NAME, (const char *[]){"CLIENT", "SETNAME", name}, 3);
  say_words(conn, HELLO_BULK, (const char *[]){"CONFIG", "GET", "proto-max-bulk-len"}, 3);
  say_words(conn, HELLO_ID, (const char *[]){"CLIENT", "ID"}, 2);
}

/* ---- replies ---------------------------------------------------------------------------------- */

static void handle_replies(evsi_redis_socket *socket) {
  const evsi_redis_reply *reply;
  int rc = 1;
  while (socket->conn && (rc = evsi_redis_parser_next(socket->parser, &reply)) == 1) {
    evsi_redis_conn *conn = socket->conn;
    if (conn->expected_count == 0) {
      evsi_redis_error_class error = evsi_redis_error_classify(reply);
      /* A server that is full says so before it is asked anything. */
      evsi_redis_conn_drop(conn, error == EVSI_REDIS_ERROR_OTHER ? "an answer came without a command"
                                                                 : reply->text.data);
      return;
    }
    evsi_redis_expected first = take_expected(conn);
    first.fn(first.data, first.tag, reply);
  }
  if (rc < 0 && socket->conn)
    evsi_redis_conn_drop(socket->conn, "it does not answer like a Redis or Valkey server");
}

static void on_received(void *data, const char *bytes, size_t size) {
  evsi_redis_socket *socket = data;
  evsi_redis_conn *conn = socket->conn;
  if (!conn)
    return;
  if (conn->is_up) /* the handshake has one time limit, however its bytes trickle in */
    conn->progress_ms = now_of(conn);
  if (!evsi_redis_parser_feed(socket->parser, bytes, size)) {
    evsi_redis_conn_drop(conn, "out of memory");
    return;
  }
  conn->handling = true;
  handle_replies(socket);
  if (!socket->conn)
    return;
  if (conn->events->drained)
    conn->events->drained(conn->data);
  if (!socket->conn)
    return;
  conn->handling = false;
  flush(conn);
}

static const evsi_stream_events stream_events = {on_connected, on_received, on_closed};

static void open_socket(evsi_redis_conn *conn) {
  const evsi_redis_config *config = conn->net->config;
  evsi_channel_options options = {.address = {.host = config->path ? NULL : config->host,
                                              .path = config->path,
                                              .port = config->port,
                                              .connect_timeout_ms = config->connect_timeout_ms,
                                              .user_timeout_ms = config->command_timeout_ms,
                                              .keep_alive = config->keep_alive},
                                  .tls = config->tls,
                                  .server_name = config->server_name ? config->server_name : config->host,
                                  .handshake_timeout_ms = config->handshake_timeout_ms};
  evsi_redis_socket *socket = evsi_calloc(1, sizeof *socket);
  conn->replied = 0;
  conn->written = 0;
  conn->fatal = false;
  conn->opened_ms = now_of(conn);
  if (socket) {
    socket->conn = conn;
    socket->net = conn->net;
    socket->parser = evsi_redis_parser_new();
    if (socket->parser)
      socket->channel = evsi_channel_open(conn->net->world, &options, &stream_events, socket);
    if (socket->channel) {
      conn->net->open_sockets++;
      conn->socket = socket;
      return;
    }
    evsi_redis_parser_free(socket->parser);
    evsi_free(socket);
  }
  snprintf(conn->reason, sizeof conn->reason, "cannot connect to %s: out of memory", config->shown);
  connect_again(conn);
}

static void on_retry(void *data) {
  evsi_redis_conn *conn = data;
  if (conn->started && !conn->socket)
    open_socket(conn);
}

/* ---- life ------------------------------------------------------------------------------------- */

evs_status evsi_redis_conn_init(evsi_redis_conn *conn, evsi_redis_net *net, const char *role,
                                const evsi_redis_conn_events *events, void *data) {
  memset(conn, 0, sizeof *conn);
  conn->net = net;
  conn->role = role;
  conn->events = events;
  conn->data = data;
  const evsi_io *io = io_of(conn);
  conn->flush_timer = io->timer_new(net->world->loop, on_flush, conn);
  conn->deadline_timer = io->timer_new(net->world->loop, on_deadline, conn);
  conn->retry_timer = io->timer_new(net->world->loop, on_retry, conn);
  if (conn->flush_timer && conn->deadline_timer && conn->retry_timer)
    return EVS_OK;
  evsi_redis_conn_free(conn);
  return EVS_NOMEM;
}

void evsi_redis_conn_start(evsi_redis_conn *conn) {
  if (conn->started)
    return;
  conn->started = true;
  open_socket(conn);
}

void evsi_redis_conn_stop(evsi_redis_conn *conn) {
  if (!conn->started)
    return;
  conn->started = false;
  snprintf(conn->reason, sizeof conn->reason, "the connection to %s was closed", conn->net->config->shown);
  io_of(conn)->timer_stop(conn->retry_timer);
  forget_socket(conn);
  answer_lost(conn);
}

void evsi_redis_conn_free(evsi_redis_conn *conn) {
  const evsi_io *io = conn->net ? io_of(conn) : NULL;
  if (!io)
    return;
  io->timer_free(conn->flush_timer);
  io->timer_free(conn->deadline_timer);
  io->timer_free(conn->retry_timer);
  evsi_buf_free(&conn->out);
  evsi_free(conn->expected);
  memset(conn, 0, sizeof *conn);
}
