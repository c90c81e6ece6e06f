/* SPDX-License-Identifier: MIT
 * envelope_open.h - a stored event whose body is compressed, as it would stand there if it were not. Pure;
 * any thread. */
#ifndef EVSI_ENVELOPE_OPEN_H
#define EVSI_ENVELOPE_OPEN_H

#include "base/buf.h"
#include "libevents.h"

/* Appends the envelope to out_data, and the body to out_raw where it is no JSON. False, and nothing is of
 * use: the event is not compressed, cannot be read, or its body has more than `most` bytes. */
bool evsi_envelope_open(evs_bytes data, evs_bytes raw, uint64_t most, evsi_buf *out_data, evsi_buf *out_raw);

#endif
