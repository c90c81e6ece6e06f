/* SPDX-License-Identifier: MIT
 * envelope_edit.h - another body for a stored event: all else stays byte for byte, the header says what was
 * done. Pure; any thread. */
#ifndef EVSI_ENVELOPE_EDIT_H
#define EVSI_ENVELOPE_EDIT_H

#include "base/buf.h"
#include "libevents.h"

typedef struct evsi_edit {
  evs_bytes body; /* JSON text, or with is_raw any bytes, which are stored beside the envelope */
  bool is_raw;
  evs_bytes content_type; /* of raw bytes; empty: that of the event */
  evs_bytes actor;
} evsi_edit;

/* Appends the envelope `data`, whose body may stand beside it in `raw`, with the edit's body: `hash` is
 * renewed, `editedFrom` is the hash before, `editedBy` the actor. NULL, or why not (static text). */
const char *evsi_envelope_edit(evs_bytes data, evs_bytes raw, const evsi_edit *edit, evsi_buf *out);

#endif
