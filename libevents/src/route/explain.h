/* SPDX-License-Identifier: MIT
 * explain.h - explaining beside the router: by a configuration that no system here has, and what of an
 * explanation others go on with. */
#ifndef EVSI_EXPLAIN_H
#define EVSI_EXPLAIN_H

#include <jansson.h>
#include <stdbool.h>

#include "libevents.h"

/* The document of evs_explain_config(). `config` is a configuration, or the statistics of a system, which
 * carry the part that decides; `subscriptions` come from there too. */
evs_status evsi_explain_config(evs_bytes config, evs_bytes query, char **out_json, evs_error **out_error);

/* Origin prefix and type of the event that was explained; false when its type was not valid. */
bool evsi_explained_event(const json_t *explanation, evs_bytes *out_origin, evs_bytes *out_type);

#endif
