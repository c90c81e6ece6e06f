/* SPDX-License-Identifier: MIT
 * asyncapi.h - what a system publishes and receives, as an AsyncAPI 3 document: a channel for each topic, a
 * message for each version of a type's schema, and operations of this service. */
#ifndef EVSI_ASYNCAPI_H
#define EVSI_ASYNCAPI_H

#include <jansson.h>

#include "base/buf.h"
#include "route/router.h"
#include "schema/registry.h"

typedef struct evsi_asyncapi_parts {
  evsi_router *router;
  const evsi_config *config;
  const evsi_registry *registry;
  json_t *subscriptions; /* array of {name, pattern, group, transport, …} */
} evsi_asyncapi_parts;

/* The text of the document, freed with evsi_free(); NULL: no memory. On the thread that adds schemas. */
char *evsi_asyncapi_document(const evsi_asyncapi_parts *parts);

#endif
