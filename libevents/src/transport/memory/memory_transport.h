/* SPDX-License-Identifier: MIT
 * memory_transport.h - events within one process: ordered, groups, retries; nothing is kept. */
#ifndef EVSI_MEMORY_TRANSPORT_H
#define EVSI_MEMORY_TRANSPORT_H

#include "libevents_transport.h"

extern const evs_transport_ops evsi_memory_transport;

#endif
