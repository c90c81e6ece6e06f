/* SPDX-License-Identifier: MIT
 * base64.h - bytes as base64, and ids of dead letters as base64url without padding: they contain slashes,
 * which proxies decode on the way. */
#ifndef EVSD_BASE64_H
#define EVSD_BASE64_H

#include <stdbool.h>
#include <stddef.h>

#include "libevents.h"

/* Texts are freed with free(); NULL when memory is short, or what is decoded is not base64. */
char *evsd_base64_encode(evs_bytes bytes);
char *evsd_base64_decode(const char *text, size_t *out_size);
char *evsd_key_of_id(const char *id);
/* NULL also when it is no UTF-8 text of 1 to 1,024 bytes. */
char *evsd_id_of_key(const char *key);

#endif
