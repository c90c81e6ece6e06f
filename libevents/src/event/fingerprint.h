/* SPDX-License-Identifier: MIT
 * fingerprint.h - which failures are alike: the same group, type, error class, and message but for what
 * varies from one event to the next. One pass over the message, no pattern language. Pure; any thread. */
#ifndef EVSI_FINGERPRINT_H
#define EVSI_FINGERPRINT_H

#include "base/buf.h"
#include "libevents.h"

enum { EVSI_FINGERPRINT_TEXT = 17 };

/* What failed, and how. */
typedef struct evsi_failure_kind {
  evs_bytes group;
  evs_bytes type;
  evs_bytes error_class;
  evs_bytes message;
} evsi_failure_kind;

/* 16 hex digits of a SHA-256. */
void evsi_fingerprint(const evsi_failure_kind *kind, char out_hex[EVSI_FINGERPRINT_TEXT]);

/* Appends the message with a `#` for each number, UUID and run of hex digits, and a `*` for what stands in
 * quotes. */
void evsi_message_template(evs_bytes message, evsi_buf *out);

#endif
