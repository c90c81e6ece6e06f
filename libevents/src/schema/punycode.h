/* SPDX-License-Identifier: MIT
 * punycode.h - internationalized labels of host names: RFC 3492, and what it means for whole names. */
#ifndef EVSI_PUNYCODE_H
#define EVSI_PUNYCODE_H

#include <stdbool.h>

#include "base/buf.h"

/* Writes a host name with its xn-- labels decoded, and dots in their place for the other separators. False: a
 * label is empty, too long once it is encoded, or wrongly encoded; or the whole is. Short of memory:
 * out->failed. */
bool evsi_hostname_decode(evs_bytes name, evsi_buf *out);

#endif
