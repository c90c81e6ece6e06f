/* SPDX-License-Identifier: MIT
 * type_name.h - the grammar of event types and origin prefixes: check, fold, join. Any thread. */
#ifndef EVSI_TYPE_NAME_H
#define EVSI_TYPE_NAME_H

#include <stdbool.h>

#include "libevents.h"

enum { EVSI_TYPE_MAX = 255 };

/* Checks and folds to lower case a type as a caller gives it; the own origin prefix (folded, may be "") is
 * stripped once first. out: at least EVSI_TYPE_MAX + 1 bytes, NUL-terminated.
 * *out_folded (may be NULL): something was upper case. errors: EVS_VALIDATION, what and where */
evs_status evsi_type_fold(evs_bytes type, const char *own_prefix, bool extended, char *out, bool *out_folded,
                          evs_error **out_error);

/* Same for an origin prefix: segments [a-z0-9_-]+ after folding. */
evs_status evsi_prefix_fold(evs_bytes prefix, char *out, evs_error **out_error);

/* [a-z0-9]+(-[a-z0-9]+)*, of any length. */
bool evsi_topic_is_valid(evs_bytes topic);

#endif
