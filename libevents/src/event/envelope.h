/* SPDX-License-Identifier: MIT
 * envelope.h - the stored form of one event: {"v":1,"header":{…},"headers":{…},"body":…}, as
 * docs/wire-format.md has it. The body's bytes are never re-encoded. */
#ifndef EVSI_ENVELOPE_H
#define EVSI_ENVELOPE_H

#include <stdbool.h>

#include "base/buf.h"
#include "libevents.h"

enum { EVSI_WIRE_VERSION = 1, EVSI_BODY_MAX = 64 * 1024 * 1024 /* the most that limits.bodyBytes can be */ };

/* How an envelope is written. */
typedef enum evsi_form {
  EVSI_FORM_OWN,
  EVSI_FORM_PUBLISHED, /* without `v`: as the published library reads it */
  EVSI_FORMS
} evsi_form;

/* All spans; empty ones are absent. */
typedef struct evsi_envelope {
  evs_bytes id, type, origin, origin_prefix, timestamp, version, hash, content_type;
  evs_bytes encoding; /* how the body is compressed, which then travels beside the envelope, too */
  evs_bytes key;      /* only of events of an ordered topic */
  evs_bytes headers;  /* JSON object text */
  evs_bytes body;     /* JSON text; or empty when it travels beside (content_type or encoding set) */
} evsi_envelope;

/* Appends the envelope. Texts of the header are escaped; headers and body go in as they are. */
void evsi_envelope_encode(evsi_buf *out, const evsi_envelope *envelope, evsi_form form);
/* The bytes that it appends in the own form, of an event that was checked. */
size_t evsi_envelope_size(const evsi_envelope *envelope);

/* Finds the parts in `data`. Spans point into data, or into `scratch` where an escape had to be undone.
 * A missing `v` is the published library's form ({header, body}); an unknown one is refused.
 * Returns NULL, or why it is malformed (static text). */
extern const char evsi_envelope_no_memory[]; /* then it may well be a proper event */
const char *evsi_envelope_decode(evs_bytes data, evsi_envelope *out_envelope, evsi_buf *scratch);

/* Of what could not be decoded: the header alone, to tell whose event it was. False where there is none. */
bool evsi_envelope_header(evs_bytes data, evsi_envelope *out_envelope, evsi_buf *scratch);

#endif
