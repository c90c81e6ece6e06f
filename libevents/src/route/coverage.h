/* SPDX-License-Identifier: MIT
 * coverage.h - what the route table is worth: which routes no event took, which can never be taken since an
 * earlier one takes all of theirs, and which pairs meet without one being a special case of the other. */
#ifndef EVSI_COVERAGE_H
#define EVSI_COVERAGE_H

#include "base/buf.h"
#include "route/router.h"

/* Appends the members `"neverHit":[…],"shadowed":[…],"overlapping":[…],"examined":n`. Numbers of routes are
 * places in the configuration. Pairs are looked for among the first 1,000 routes by rank: `examined` says how
 * many that were. */
void evsi_router_coverage(const evsi_router *router, evsi_buf *out);

#endif
