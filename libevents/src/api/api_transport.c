/* SPDX-License-Identifier: MIT
 * api_transport.c - the boundary: transports that a program registers. */
#include "base/error.h"
#include "libevents_transport.h"
#include "transport/plugin.h"

evs_status evs_transport_register(const evs_transport_ops *ops, evs_error **out_error) {
  if (!ops)
    return evsi_error(out_error, EVS_ARGUMENT, NULL, "ops is NULL");
  return evsi_plugin_register(ops, out_error);
}
