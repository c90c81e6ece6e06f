/* SPDX-License-Identifier: MIT
 * coverage.h - what the route table is worth: which routes no event took, which can never be taken since an
 * earlier one takes all of theirs, and which pairs meet without one being a special case of the other. */
#ifndef EVSI_COVERAGE_H
#define EVSI_COVERAGE_H

#include "base/buf.h"
#include "route/router.h"

/* Appends the member `"neverHit":[…]`. Numbers of routes are places in the configuration. */
void evsi_router_unused(const evsi_router *router, evsi_buf *out);
/* Appends the members `"shadowed":[…],"overlapping":[…],"examined":n`. Pairs are looked for among the first
 * routes by rank, at most so many: `examined` says how many that were. */
void evsi_router_compare(const evsi_router *router, uint32_t examined_max, evsi_buf *out);

#endif
