/* SPDX-License-Identifier: MIT
 * metaschema.h - the meta-schemas of both drafts, which any schema may refer to. */
#ifndef EVSI_METASCHEMA_H
#define EVSI_METASCHEMA_H

#include <stdbool.h>

#include "libevents.h"

/* False when the URI (without fragment) is none of theirs. */
bool evsi_metaschema_find(const char *uri, evs_bytes *out_text);

#endif
