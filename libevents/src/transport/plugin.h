/* SPDX-License-Identifier: MIT
 * plugin.h - transports that are not built in: of a shared object, or registered by the program. Each is held
 * against what this library expects before anything of it is called. Any thread. */
#ifndef EVSI_PLUGIN_H
#define EVSI_PLUGIN_H

#include "config/config.h"
#include "libevents_transport.h"

/* Writes the plug-in's functions; those that it does not know are NULL.
 * errors: EVS_CONFIG with a path within the transport's configuration */
evs_status evsi_plugin_load(const evsi_transport_config *config, evs_transport_ops *out_ops,
                            evs_error **out_error);

/* See evs_transport_register(). */
evs_status evsi_plugin_register(const evs_transport_ops *ops, evs_error **out_error);

#endif
