/* SPDX-License-Identifier: MIT
 * registry_inner.h - the parts of the registry, for each other. */
#ifndef EVSI_REGISTRY_INNER_H
#define EVSI_REGISTRY_INNER_H

#include <pthread.h>

#include "base/map.h"
#include "schema/registry.h"

struct evsi_schema_type {
  UT_hash_handle hh;
  evsi_compat_rule rule;             /* for the thread that adds */
  _Atomic evsi_compat_policy policy; /* of the rule, for all threads */
  evsi_schema_version **versions;    /* the lowest first; guarded by the registry's lock */
  uint32_t count;
  uint32_t capacity;
  char name[];
};

struct evsi_registry {
  evsi_registry_setup setup;
  pthread_rwlock_t lock;       /* held by the thread that adds while it does, and by who finds */
  evsi_schema_type *types;     /* in the order of their names */
  _Atomic uint32_t type_count; /* none: nobody needs the lock */
};

/* Without the lock: for the thread that adds. */
evsi_schema_type *evsi_registry_type(const evsi_registry *registry, evs_bytes type);
evsi_schema_version *evsi_type_version(const evsi_schema_type *type, const evsi_number *number);
evsi_schema_version *evsi_type_latest(const evsi_schema_type *type); /* NULL: all were removed */
void evsi_version_free(evsi_schema_version *version);

#endif
