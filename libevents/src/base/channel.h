/* SPDX-License-Identifier: MIT
 * channel.h - a byte stream of the environment, with TLS in it or without: whoever uses it need not know.
 * All on the loop's thread. */
#ifndef EVSI_CHANNEL_H
#define EVSI_CHANNEL_H

#include "base/env.h"
#include "base/tls.h"
#include "base/world.h"

typedef struct evsi_channel evsi_channel;

typedef struct evsi_channel_options {
  evsi_address address;
  const evsi_tls *tls;     /* NULL: none; lent until the channel is connected */
  const char *server_name; /* of the certificate; lent during the call */
  uint32_t handshake_timeout_ms;
} evsi_channel_options;

/* Events as those of a stream (env.h): connected once TLS is agreed on; `closed` last, exactly once.
 * NULL: no memory. */
evsi_channel *evsi_channel_open(const evsi_world *world, const evsi_channel_options *options,
                                const evsi_stream_events *events, void *data);
/* Takes `bytes` (from evsi_alloc). False: the channel is gone. */
bool evsi_channel_write(evsi_channel *channel, char *bytes, size_t size);
void evsi_channel_close(evsi_channel *channel); /* `closed` follows later */

#endif
