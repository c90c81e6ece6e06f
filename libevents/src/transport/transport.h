/* SPDX-License-Identifier: MIT
 * transport.h - the registry of transports, and one configured transport of a system. */
#ifndef EVSI_TRANSPORT_H
#define EVSI_TRANSPORT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#include "config/config.h"
#include "libevents_transport.h"

/* The functions of a configured transport: built in, in a shared object, or registered by the program. A new
 * built-in one is a folder and a line in transport.c. errors: EVS_CONFIG for a plug-in that does not fit */
evs_status evsi_transport_find(const evsi_transport_config *config, evs_transport_ops *out_ops,
                               evs_error **out_error);

typedef enum {
  EVSI_LINK_NEW,  /* not connected yet */
  EVSI_LINK_OPEN, /* connect() was called */
  EVSI_LINK_OFF   /* the program asked to disconnect it */
} evsi_link_state;

/* One transport of an opened system. */
typedef struct evsi_link {
  evs_transport_ops table;
  const evs_transport_ops *ops; /* the table; NULL functions are those that it does without */
  evs_transport *transport;
  const evsi_transport_config *config;
  uint32_t index;
  atomic_bool connected;
  _Atomic int state; /* evsi_link_state, changed on the I/O thread */
} evsi_link;

static inline bool evsi_link_is_open(const evsi_link *link) {
  return atomic_load(&link->state) == EVSI_LINK_OPEN;
}
static inline bool evsi_link_is_off(const evsi_link *link) {
  return atomic_load(&link->state) == EVSI_LINK_OFF;
}
static inline bool evsi_link_is_plugin(const evsi_link *link) {
  return link->config->library || link->config->plugin;
}

static inline bool evsi_link_is_direct(const evsi_link *link) {
  return (link->ops->capabilities & EVS_CAP_DIRECT) != 0;
}
/* Do other systems see the store behind it? */
static inline bool evsi_link_announces(const evsi_link *link) {
  return link->ops->announce != NULL;
}

#endif
