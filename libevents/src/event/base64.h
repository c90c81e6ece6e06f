/* SPDX-License-Identifier: MIT
 * base64.h - bytes as text in JSON (RFC 4648, with padding). Pure; any thread. */
#ifndef EVSI_BASE64_H
#define EVSI_BASE64_H

#include "base/buf.h"
#include "libevents.h"

/* Appends bytes in base64, without quotes. */
void evsi_base64(evsi_buf *out, evs_bytes bytes);
/* Appends the bytes of a text; false when it is no base64. */
bool evsi_base64_decode(evsi_buf *out, evs_bytes text);

#endif
