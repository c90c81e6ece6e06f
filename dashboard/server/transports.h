/* SPDX-License-Identifier: MIT
 * transports.h - what the system says of its transports. Asks no store. */
#ifndef EVSD_TRANSPORTS_H
#define EVSD_TRANSPORTS_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

struct evs_dashboard;

/* [{name, type, connected, since, lastError, nextTry}] */
json_t *evsd_transports_json(struct evs_dashboard *dashboard);
/* Are all connected? If not, `why` names one and its last error. */
bool evsd_transports_connected(struct evs_dashboard *dashboard, char *why, size_t size);
/* Does one of them keep dead letters? */
bool evsd_transports_keep(const json_t *transports);

#endif
