/* SPDX-License-Identifier: MIT
 * uri.h - references of schemas: put together with their base as RFC 3986 has it. Nothing is fetched. */
#ifndef EVSI_URI_H
#define EVSI_URI_H

#include <stdbool.h>

#include "base/buf.h"

/* Appends the target of `reference` seen from `base` (absolute, without fragment, or empty). */
void evsi_uri_resolve(evs_bytes base, evs_bytes reference, evsi_buf *out);

/* Splits at the first '#'; a fragment that is not there is empty. */
void evsi_uri_split(evs_bytes uri, evs_bytes *out_without, evs_bytes *out_fragment);

/* Appends `text` with its percent escapes undone; what is none stays. */
void evsi_uri_unescape(evs_bytes text, evsi_buf *out);

#endif
