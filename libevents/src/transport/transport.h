/* SPDX-License-Identifier: MIT
 * transport.h - the registry of transports, and one configured transport of a system. */
#ifndef EVSI_TRANSPORT_H
#define EVSI_TRANSPORT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#include "config/config.h"
#include "libevents_transport.h"

/* The functions of a transport type, or NULL. A new transport is a folder and a line in transport.c. */
const evs_transport_ops *evsi_transport_find(const char *type);

/* One transport of an opened system. */
typedef struct evsi_link {
  const evs_transport_ops *ops;
  evs_transport *transport;
  const evsi_transport_config *config;
  uint32_t index;
  atomic_bool connected;
} evsi_link;

static inline bool evsi_link_is_direct(const evsi_link *link) {
  return (link->ops->capabilities & EVS_CAP_DIRECT) != 0;
}
/* Do other systems see the store behind it? */
static inline bool evsi_link_announces(const evsi_link *link) {
  return link->ops->struct_size > offsetof(evs_transport_ops, announce) && link->ops->announce;
}

#endif
