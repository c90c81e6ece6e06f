/* SPDX-License-Identifier: MIT
 * entry.h - one dead letter as the library gives it, its body apart from the rest. */
#ifndef EVSD_ENTRY_H
#define EVSD_ENTRY_H

#include "../request.h"
#include "jsontext.h"

typedef struct evsd_item {
  char *text;     /* the whole answer */
  json_t *frame;  /* everything but the body */
  evs_bytes body; /* exact bytes, within text or raw */
  char *raw;      /* decoded bytes of a body that is no JSON text, or NULL */
} evsd_item;

/* dlq.get; takes `params` over. False and why. */
bool evsd_item_get(evs_dashboard *dashboard, json_t *params, evsd_item *out, evsd_failure *failure);
void evsd_item_free(evsd_item *item);

/* The id of the path (free), or NULL after a problem. */
char *evsd_entry_id(evsd_request *request);
/* Answers that it is not there (any more), and who took it. */
void evsd_entry_gone(evsd_request *request, const char *id, int status);
/* Are bodies redacted for this caller? */
bool evsd_is_redacting(const evsd_request *request);

#endif
