/* SPDX-License-Identifier: MIT
 * redis_transport.h - the transport `redis-streams`, for the registry. */
#ifndef EVSI_REDIS_TRANSPORT_H
#define EVSI_REDIS_TRANSPORT_H

#include "base/env.h"
#include "libevents_transport.h"

extern const evs_transport_ops evsi_redis_transport;

#endif
