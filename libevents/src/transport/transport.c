/* SPDX-License-Identifier: MIT
 * transport.c - the registry: the only file that names a concrete transport. */
#include "transport/transport.h"

#include <string.h>

#include "transport/file/file_transport.h"
#include "transport/memory/memory_transport.h"
#include "transport/redis/redis_transport.h"

const evs_transport_ops *evsi_transport_find(const char *type) {
  static const evs_transport_ops *const known[] = {&evsi_memory_transport, &evsi_redis_transport,
                                                   &evsi_file_transport};
  for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
    if (strcmp(known[i]->type, type) == 0)
      return known[i];
  }
  return NULL;
}
