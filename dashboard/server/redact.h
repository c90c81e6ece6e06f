/* SPDX-License-Identifier: MIT
 * redact.h - replaces members of a body by their JSON pointers and leaves every other byte as it is. */
#ifndef EVSD_REDACT_H
#define EVSD_REDACT_H

#include <jansson.h>

#include "libevents.h"

/* The text that is put in place of a value. */
#define EVSD_REDACTED "\"[redacted]\""

/* `pointers`: texts such as "/card/number"; a segment "*" stands for every member and element. Gives a new
 * text (free) and adds to `out_found` the pointers that were there; NULL when memory is short. */
char *evsd_redact(evs_bytes body, const json_t *pointers, json_t *out_found);

#endif
