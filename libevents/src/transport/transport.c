/* SPDX-License-Identifier: MIT
 * transport.c - the registry: the only file that names a concrete transport. */
#include "transport/transport.h"

#include <string.h>

#include "base/error.h"
#include "transport/bridge/bridge_transport.h"
#include "transport/file/file_transport.h"
#include "transport/memory/memory_transport.h"
#include "transport/plugin.h"
#include "transport/redis/redis_transport.h"

evs_status evsi_transport_find(const evsi_transport_config *config, evs_transport_ops *out_ops,
                               evs_error **out_error) {
  static const evs_transport_ops *const known[] = {&evsi_memory_transport, &evsi_redis_transport,
                                                   &evsi_file_transport, &evsi_bridge_transport};
  if (config->library || config->plugin)
    return evsi_plugin_load(config, out_ops, out_error);
  for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
    if (strcmp(known[i]->type, config->type) != 0)
      continue;
    *out_ops = *known[i];
    if (known[i] == &evsi_bridge_transport)
      out_ops->capabilities = config->capabilities;
    return EVS_OK;
  }
  return evsi_error(out_error, EVS_CONFIG, "/type", "transport type %s is not built in", config->type);
}
