/* SPDX-License-Identifier: MIT
 * dead_letter.h - a dead letter as users see it: built from the stored entry and the record beside it.
 * How and where it is stored is a transport's business. Pure; any thread. */
#ifndef EVSI_DEAD_LETTER_H
#define EVSI_DEAD_LETTER_H

#include <stdbool.h>

#include "base/buf.h"
#include "event/pattern_trie.h"
#include "libevents.h"

/* One stored dead letter. `id` is its whole id, <transport>/<topic>[:<partition>]/<entry>. */
typedef struct evsi_dead_letter {
  evs_bytes id;
  evs_bytes topic;
  int32_t partition;
  bool is_malformed; /* data is JSON text of what was found */
  evs_bytes data;    /* envelope; empty: its body was trimmed before it died */
  evs_bytes raw;
  evs_bytes record; /* JSON written when it died, or empty */
} evsi_dead_letter;

/* What to select; empty texts select everything. Zero it, then load. */
typedef struct evsi_dead_filter {
  char *topic, *type, *group, *text;
  evsi_pattern_trie *pattern; /* of `type`, if it is one */
} evsi_dead_filter;

/* Appends `"header":…,"headers":…,"body":…` of an entry; bytes that are no JSON become "raw" (base64), an
 * entry that cannot be read becomes "entry". */
void evsi_stored_json(evsi_buf *out, evs_bytes data, evs_bytes raw, bool is_malformed);

/* Appends the dead letter as one JSON object. */
void evsi_dead_letter_json(const evsi_dead_letter *letter, evsi_buf *out);

/* Takes topic, type, group and text of a JSON object's text. errors: EVS_VALIDATION, EVS_NOMEM */
evs_status evsi_dead_filter_load(evsi_dead_filter *filter, const char *json, evs_error **out_error);
void evsi_dead_filter_free(evsi_dead_filter *filter);
bool evsi_dead_filter_takes(const evsi_dead_filter *filter, const evsi_dead_letter *letter);

/* The field `requeue` of the entry that goes back: {"group","subscriptions","from","count"}; for all groups
 * without the first two. Freed with evsi_free(); NULL when memory is short. */
char *evsi_dead_letter_requeue(const evsi_dead_letter *letter, bool all_groups);

/* Appends bytes in base64, without quotes. */
void evsi_base64(evsi_buf *out, evs_bytes bytes);

#endif
