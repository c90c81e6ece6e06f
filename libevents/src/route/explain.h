/* SPDX-License-Identifier: MIT
 * explain.h - explaining beside the router: by a configuration that no system here has, and what of an
 * explanation others go on with. */
#ifndef EVSI_EXPLAIN_H
#define EVSI_EXPLAIN_H

#include <jansson.h>
#include <stdbool.h>

#include "event/header_filter.h"
#include "libevents.h"

/* The document of evs_explain_config(). `config` is a configuration, or the statistics of a system, which
 * carry the part that decides; `subscriptions` come from there too. */
evs_status evsi_explain_config(evs_bytes config, evs_bytes query, char **out_json, evs_error **out_error);

/* What evs_coverage_config() tells. */
evs_status evsi_coverage_config(evs_bytes config, char **out_json, evs_error **out_error);

/* The event that was explained, as far as the query tells it. */
typedef struct evsi_explained {
  evsi_envelope event; /* points into the explanation */
  evsi_headers headers;
  bool has_headers; /* else filters of headers are not asked */
} evsi_explained;

/* False when memory is short. Where its type was not valid, that of out_explained is empty. Give it back with
 * evsi_explained_free(). */
bool evsi_explained_read(const json_t *explanation, evs_bytes query, evsi_explained *out_explained);
void evsi_explained_free(evsi_explained *explained);

#endif
