/* SPDX-License-Identifier: MIT
 * json.h - JSON from outside, read on a small stack: civetweb gives its threads 100 KiB, and jansson
 * recurses. */
#ifndef EVSD_JSON_H
#define EVSD_JSON_H

#include <jansson.h>
#include <stdbool.h>

#include "libevents.h"

/* How deep lists and objects may stand in each other: what jansson needs for it fits several times. */
enum { EVSD_DEPTH_MAX = 64 };

/* Is it nested no deeper than that? */
bool evsd_json_is_flat(evs_bytes text);
/* Parses; what is nested deeper is null. NULL: not JSON, or memory is short. */
json_t *evsd_json_load(evs_bytes text);
/* The members of an object but its `body`, `raw` and `entry`, which are not ours to understand. */
json_t *evsd_json_frame(evs_bytes object);

#endif
