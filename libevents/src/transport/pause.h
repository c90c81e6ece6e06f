/* SPDX-License-Identifier: MIT
 * pause.h - what the requests groups.pause and groups.resume take, keep and answer, alike in all transports.
 */
#ifndef EVSI_PAUSE_H
#define EVSI_PAUSE_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

/* Why these arguments are wrong, or NULL. */
const char *evsi_pause_check(const json_t *params);
/* {by, at, reason}: new; NULL when memory is short. */
json_t *evsi_pause_record(const json_t *params, uint64_t at_ms);
/* {group, paused}: new; record NULL: the group goes on. */
json_t *evsi_pause_answer(const json_t *params, const json_t *record);

#endif
