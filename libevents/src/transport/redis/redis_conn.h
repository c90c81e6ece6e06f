/* SPDX-License-Identifier: MIT
 * redis_conn.h - one connection to a server: pipelined commands, replies matched in order, one write per
 * turn of the loop, a deadline on the monotonic clock, and new attempts with growing delays when it is lost.
 * What is sent and what replies mean is the business of others. All @thread io. */
#ifndef EVSI_REDIS_CONN_H
#define EVSI_REDIS_CONN_H

#include "base/buf.h"
#include "base/channel.h"
#include "base/world.h"
#include "libevents_transport.h"
#include "transport/redis/redis_command.h"
#include "transport/redis/redis_config.h"
#include "transport/redis/redis_reply.h"

typedef struct evsi_redis_conn evsi_redis_conn;
typedef struct evsi_redis_socket evsi_redis_socket;

/* What all connections of a transport share. */
typedef struct evsi_redis_net {
  const evsi_world *world;
  const evsi_redis_config *config;
  const evs_host_ops *ops;
  evs_host *host;
  uint32_t open_sockets;
  void (*on_socket_closed)(void *net);
  evs_transport *transport; /* NULL once it is freed: the last socket frees this then */
} evsi_redis_net;

/* Always called exactly once for a command that was accepted; with EVSI_REDIS_LOST when no reply can come.
 * The reply is valid during the call. */
typedef void (*evsi_redis_reply_fn)(void *data, uint64_t tag, const evsi_redis_reply *reply);

typedef struct evsi_redis_conn_events {
  void (*up)(void *data); /* commands are accepted now */
  /* No commands are accepted. fatal: trying again cannot help, though it is done, slowly. */
  void (*down)(void *data, const char *reason, bool fatal, uint64_t next_try_ms);
  void (*drained)(void *data); /* the replies that came together were handled; may be NULL */
} evsi_redis_conn_events;

typedef struct evsi_redis_expected {
  evsi_redis_reply_fn fn;
  void *data;
  uint64_t tag;
  uint32_t timeout_ms;
} evsi_redis_expected;

struct evsi_redis_conn {
  evsi_redis_net *net;
  const evsi_redis_conn_events *events;
  void *data;
  const char *role; /* part of the name that CLIENT LIST shows */
  evsi_redis_socket *socket;
  evsi_timer *flush_timer, *deadline_timer, *retry_timer;
  evsi_buf out;
  evsi_redis_expected *expected; /* ring */
  size_t expected_capacity, expected_first, expected_count;
  uint64_t replied;     /* commands answered on this socket */
  uint64_t written;     /* commands handed to the socket */
  uint64_t progress_ms; /* when the last reply came, or the first command of a burst was sent */
  uint64_t opened_ms;   /* when the last attempt to connect began */
  uint64_t bulk_max;    /* proto-max-bulk-len of the server */
  int64_t client_id;    /* 0: unknown */
  uint32_t attempts;
  uint32_t handshake_left;
  bool started, is_up, was_up, flush_due, watching, handling;
  bool fatal;
  char reason[512];
};

evs_status evsi_redis_conn_init(evsi_redis_conn *conn, evsi_redis_net *net, const char *role,
                                const evsi_redis_conn_events *events, void *data);
void evsi_redis_conn_start(evsi_redis_conn *conn);
/* Ends it; every open command is answered with EVSI_REDIS_LOST. No events follow. */
void evsi_redis_conn_stop(evsi_redis_conn *conn);
/* After stop, or if it never started. */
void evsi_redis_conn_free(evsi_redis_conn *conn);
/* Drops the socket; what follows is as if the server had closed it. */
void evsi_redis_conn_drop(evsi_redis_conn *conn, const char *reason);

/* Room for one command of about `size` bytes: write exactly one command to the result, then call expect().
 * NULL: not connected, or no memory; nothing was taken then. */
evsi_buf *evsi_redis_conn_begin(evsi_redis_conn *conn, size_t size);
void evsi_redis_conn_expect(evsi_redis_conn *conn, evsi_redis_reply_fn fn, void *data, uint64_t tag);
/* Sends collected arguments as one command and empties them; timeout 0: the usual one. */
bool evsi_redis_conn_send(evsi_redis_conn *conn, evsi_redis_args *args, uint32_t timeout_ms,
                          evsi_redis_reply_fn fn, void *data, uint64_t tag);
/* Writes what is collected now, also while replies are being handled. */
void evsi_redis_conn_flush(evsi_redis_conn *conn);

#endif
