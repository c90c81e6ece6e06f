/* SPDX-License-Identifier: MIT
 * header_filter.h - which events a subscription takes by their headers: an object of names, each with the
 * text that the header must have, a list of texts of which it must have one, or null where it must not be
 * there. `header.` before a name means a member of the envelope's header. */
#ifndef EVSI_HEADER_FILTER_H
#define EVSI_HEADER_FILTER_H

#include <jansson.h>
#include <stdbool.h>

#include "event/envelope.h"

/* The headers of an envelope, read when the first filter needs them. Begins as all zero. */
typedef struct evsi_headers {
  json_t *tree;   /* given back with json_decref() */
  bool no_memory; /* they could not be read: what was said of filters since means nothing */
} evsi_headers;

/* filter: NULL takes everything. */
bool evsi_header_filter_takes(const json_t *filter, const evsi_envelope *envelope, evsi_headers *headers);

/* Can it be asked for? False only for `header.` and a member that there is not. */
bool evsi_header_filter_knows(const char *name);

extern const char evsi_header_filter_names[]; /* what can stand behind `header.`, for error texts */

#endif
