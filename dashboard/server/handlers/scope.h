/* SPDX-License-Identifier: MIT
 * scope.h - the parts that bulk calls on dead letters have in common. Each read answers where it fails. */
#ifndef EVSD_SCOPE_H
#define EVSD_SCOPE_H

#include "../request.h"

/* A filter (object), or ids (array). */
typedef struct evsd_scope {
  json_t *filter, *ids;
} evsd_scope;

bool evsd_scope_read(evsd_request *request, evsd_scope *out);
void evsd_scope_free(evsd_scope *scope);
/* "requeue", "discard" or "restore"; NULL after a problem. */
const char *evsd_kind_read(evsd_request *request);
/* 0 where the body has none. */
bool evsd_rate_read(evsd_request *request, uint32_t *out);
/* Adds what the body says of where and how to requeue (to, force, canary, stop): the core checks it, and
 * names what is wrong with it. */
void evsd_redrive_add(const evsd_request *request, json_t *params);
/* Are there rules that only an operation can keep? Then keys are refused, false after a problem. */
bool evsd_redrive_fits(evsd_request *request, const evsd_scope *scope);
/* May the caller select by text? */
bool evsd_may_search(evsd_request *request);

#endif
