/* SPDX-License-Identifier: MIT
 * dead_letter.h - a dead letter as users see it: built from the stored entry and the record beside it.
 * How and where it is stored is a transport's business. Pure; any thread. */
#ifndef EVSI_DEAD_LETTER_H
#define EVSI_DEAD_LETTER_H

#include <stdbool.h>

#include "base/buf.h"
#include "libevents.h"

/* One stored dead letter. `id` is its whole id, <transport>/<topic>[:<partition>]/<entry>. Of a large event
 * only the beginning may be there: then the sizes are larger than what data and raw hold. */
typedef struct evsi_dead_letter {
  evs_bytes id;
  evs_bytes topic;
  int32_t partition;
  bool is_malformed; /* data is JSON text of what was found */
  evs_bytes data;    /* envelope; empty: its body was trimmed before it died */
  evs_bytes raw;
  uint64_t data_size, raw_size;
  evs_bytes record;  /* JSON written when it died, or empty */
  evs_bytes archive; /* JSON written when it was archived, or empty */
  evs_bytes note;    /* JSON {text, by, at} of what somebody noted on it, or empty */
} evsi_dead_letter;

/* How much of a letter is shown. */
typedef struct evsi_dead_view {
  bool is_row;       /* the size instead of body, stack and history */
  uint64_t max_body; /* a longer body is shown by its beginning */
} evsi_dead_view;

/* The parts of its event as they stand in the text. */
typedef struct evsi_dead_event {
  evs_bytes header, headers;
  evs_bytes body;     /* may be only its beginning; raw bytes where they stand beside the envelope */
  uint64_t body_size; /* of the whole body */
  bool is_raw;
} evsi_dead_event;

/* Appends `"header":…,"headers":…,"body":…` of an entry; bytes that are no JSON become "raw" (base64), an
 * entry that cannot be read becomes "entry". */
void evsi_stored_json(evsi_buf *out, evs_bytes data, evs_bytes raw, bool is_malformed);

/* False when there is no event that can be read. */
bool evsi_dead_letter_event(const evsi_dead_letter *letter, evsi_dead_event *out);

/* Appends the dead letter as one JSON object. */
void evsi_dead_letter_json(const evsi_dead_letter *letter, const evsi_dead_view *view, evsi_buf *out);

#endif
