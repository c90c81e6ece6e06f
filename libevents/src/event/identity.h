/* SPDX-License-Identifier: MIT
 * identity.h - ids, timestamps and hashes of events. */
#ifndef EVSI_IDENTITY_H
#define EVSI_IDENTITY_H

#include <stdint.h>

#include "base/env.h"
#include "libevents.h"

/* UUID version 7 (RFC 9562 section 5.7) of that time: 36 characters and a NUL. Within one millisecond and
 * process the ids rise (section 6.2, method 1: a counter in rand_a). Any thread. */
void evsi_uuid7(const evsi_env *env, uint64_t wall_ms, char out_text[37]);

/* RFC 3339 UTC with milliseconds: 24 characters and a NUL. */
void evsi_timestamp(uint64_t wall_ms, char out_text[25]);
/* 1 when the text is an RFC 3339 date-time, else 0. */
int evsi_timestamp_valid(evs_bytes text);
/* Milliseconds since 1970 of a timestamp in the form that evsi_timestamp() writes; 0 for any other. */
uint64_t evsi_timestamp_ms(evs_bytes text);

/* SHA-256 in lower-case hex (OpenSSL). 0 on success. */
int evsi_sha256_hex(evs_bytes bytes, char out_hex[65]);

#endif
