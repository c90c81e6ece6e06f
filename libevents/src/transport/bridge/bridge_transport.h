/* SPDX-License-Identifier: MIT
 * bridge_transport.h - a transport that the program is itself: what is asked of it becomes records for
 * evs_poll(), and what it answers comes as the request "transport.tell" (docs/plugins.md). */
#ifndef EVSI_BRIDGE_TRANSPORT_H
#define EVSI_BRIDGE_TRANSPORT_H

#include "libevents_transport.h"

extern const evs_transport_ops evsi_bridge_transport;

#endif
