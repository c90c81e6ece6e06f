/* SPDX-License-Identifier: MIT
 * registry_load.h - schemas as a store keeps them, all at once, and how they get into a registry. */
#ifndef EVSI_REGISTRY_LOAD_H
#define EVSI_REGISTRY_LOAD_H

#include "schema/registry.h"

/* One version of a type, or what the store says of the type (then text is NULL). Texts are freed with the
 * set. */
typedef struct evsi_stored {
  char *type;
  char *version;
  char *text;
  char *registered_by;
  uint64_t registered_ms;
  uint64_t removed_ms;
  bool has_rule;
  evsi_compat_rule rule;
  bool is_through; /* of loading */
} evsi_stored;

typedef struct evsi_stored_set {
  evsi_stored *items;
  uint32_t count;
  uint32_t capacity;
} evsi_stored_set;

/* A new item, all zero; NULL: no memory. Valid until the next. */
evsi_stored *evsi_stored_add(evsi_stored_set *set);
void evsi_stored_free(evsi_stored_set *set);

typedef struct evsi_load {
  bool is_own;     /* this system said them itself */
  bool is_trusted; /* they are not held against each other */
  void (*refused)(void *data, const evsi_stored *item, const evs_error *error);
  void *data;
} evsi_load;

/* Adds what is not there, whatever refers to what; takes over rules and removals. What may not be added is
 * told, and what is there stays. The thread that adds. */
void evsi_registry_load(evsi_registry *registry, evsi_stored_set *set, const evsi_load *how);

#endif
