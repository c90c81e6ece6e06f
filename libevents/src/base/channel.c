/* SPDX-License-Identifier: MIT
 * channel.c - see channel.h. Without TLS it hands everything on as it is. */
#include "base/channel.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"

enum { REASON_SIZE = 256 };

struct evsi_channel {
  const evsi_io *io;
  evsi_stream *stream;
  evsi_tls_session *session; /* NULL: plain */
  evsi_timer *handshake;
  const evsi_stream_events *events;
  void *data;
  evsi_buf plain;
  uint32_t handshake_timeout_ms;
  bool is_connected, is_closing, has_received;
  char reason[REASON_SIZE];
};

static void end(evsi_channel *channel, const char *reason) {
  if (channel->is_closing)
    return;
  channel->is_closing = true;
  if (reason)
    snprintf(channel->reason, sizeof channel->reason, "%s", reason);
  channel->io->stream_close(channel->stream);
}

static void free_channel(evsi_channel *channel) {
  evsi_tls_session_free(channel->session);
  channel->io->timer_free(channel->handshake);
  evsi_buf_free(&channel->plain);
  evsi_free(channel);
}

static bool carry(evsi_channel *channel) {
  size_t size;
  char *bytes = evsi_tls_take(channel->session, &size);
  if (bytes)
    return channel->io->stream_write(channel->stream, bytes, size);
  return evsi_tls_problem(channel->session)[0] == '\0';
}

static void on_handshake_late(void *data) {
  evsi_channel *channel = data;
  char reason[REASON_SIZE];
  snprintf(reason, sizeof reason,
           "TLS was not agreed on within %" PRIu32
           " ms (handshakeTimeout); does the server speak TLS on this port?",
           channel->handshake_timeout_ms);
  end(channel, reason);
}

/* Tells what came out of the session; whoever is told may close the channel. */
static void tell(evsi_channel *channel) {
  if (!channel->is_connected && evsi_tls_is_ready(channel->session)) {
    channel->is_connected = true;
    channel->io->timer_stop(channel->handshake);
    channel->events->connected(channel->data);
  }
  channel->has_received |= channel->plain.size > 0;
  if (channel->plain.size > 0 && !channel->is_closing)
    channel->events->received(channel->data, channel->plain.data, channel->plain.size);
}

static void advance(evsi_channel *channel, const char *bytes, size_t size) {
  evsi_buf_clear(&channel->plain);
  bool is_fine = evsi_tls_receive(channel->session, bytes, size, &channel->plain);
  bool is_carried = carry(channel); /* an alert too says something to the server */
  tell(channel);
  if (is_fine && is_carried)
    return;
  const char *problem = evsi_tls_problem(channel->session);
  end(channel, problem[0] ? problem : "the connection was lost");
}

static void on_connected(void *data) {
  evsi_channel *channel = data;
  if (channel->is_closing)
    return;
  if (!channel->session) {
    channel->is_connected = true;
    channel->events->connected(channel->data);
    return;
  }
  channel->io->timer_start(channel->handshake, channel->handshake_timeout_ms);
  advance(channel, "", 0);
}

static void on_received(void *data, const char *bytes, size_t size) {
  evsi_channel *channel = data;
  if (channel->is_closing)
    return;
  if (channel->session)
    advance(channel, bytes, size);
  else
    channel->events->received(channel->data, bytes, size);
}

/* With TLS 1.3 a server refuses a client after the client's last word, and closes: its alert may be lost. */
static void explain_silence(evsi_channel *channel, const char *reason) {
  bool is_silent = channel->session && !channel->has_received && !channel->is_closing;
  if (is_silent && reason)
    snprintf(channel->reason, sizeof channel->reason,
             "%s before it said anything over TLS; does it want a client certificate (tls.cert, tls.key)?",
             reason);
}

static void on_closed(void *data, const char *reason) {
  evsi_channel *channel = data;
  explain_silence(channel, reason);
  channel->is_closing = true;
  channel->events->closed(channel->data, channel->reason[0] ? channel->reason : reason);
  free_channel(channel);
}

static const evsi_stream_events stream_events = {on_connected, on_received, on_closed};

evsi_channel *evsi_channel_open(const evsi_world *world, const evsi_channel_options *options,
                                const evsi_stream_events *events, void *data) {
  evsi_channel *channel = evsi_calloc(1, sizeof *channel);
  if (!channel)
    return NULL;
  channel->io = world->env->io;
  channel->events = events;
  channel->data = data;
  channel->handshake_timeout_ms = options->handshake_timeout_ms;
  if (options->tls) {
    channel->session = evsi_tls_session_new(options->tls, options->server_name);
    channel->handshake = channel->io->timer_new(world->loop, on_handshake_late, channel);
  }
  bool is_whole = !options->tls || (channel->session && channel->handshake);
  if (is_whole)
    channel->stream = channel->io->stream_open(world->loop, &options->address, &stream_events, channel);
  if (channel->stream)
    return channel;
  free_channel(channel);
  return NULL;
}

bool evsi_channel_write(evsi_channel *channel, char *bytes, size_t size) {
  if (!channel->session)
    return channel->io->stream_write(channel->stream, bytes, size);
  bool is_fine = !channel->is_closing && evsi_tls_send(channel->session, bytes, size);
  evsi_free(bytes);
  bool is_carried = is_fine && carry(channel);
  if (is_carried)
    return true;
  end(channel, evsi_tls_problem(channel->session));
  return false;
}

void evsi_channel_close(evsi_channel *channel) {
  end(channel, NULL);
}
