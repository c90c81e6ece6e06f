/* SPDX-License-Identifier: MIT
 * kind.c - which subscriptions of a group take events of a type, remembered for the last one: the next event
 * is mostly of the same. */
#include <string.h>

#include "base/alloc.h"
#include "consume/engine.h"

enum { NUMBERS_MAX = 16 };

struct evsi_kind {
  uint64_t version; /* of the matcher when it was asked; 0: nothing is remembered */
  bool is_filtered;
  uint32_t count;
  uint32_t numbers[NUMBERS_MAX];
  evsi_label *label;      /* NULL: memory was short */
  evs_bytes prefix, type; /* point into text */
  char text[EVSI_PATTERN_MAX];
};

evsi_kind *evsi_kind_new(void) {
  return evsi_calloc(1, sizeof(evsi_kind));
}

/* The type fits: dispatch.c lets no longer one through. */
static void remember(evsi_kind *kind, const evsi_matcher *matcher, const evsi_envelope *envelope) {
  char *at = kind->text;
  kind->prefix = evsi_bytes_place(&at, envelope->origin_prefix);
  kind->type = evsi_bytes_place(&at, envelope->type);
  kind->version = evsi_matcher_version(matcher);
}

/* Of the whole type, which fits, too. */
static evsi_label *find_label(const evsi_entry *entry) {
  char full[EVSI_PATTERN_MAX];
  size_t size = evsi_bytes_copy(full, sizeof full, entry->envelope.origin_prefix);
  if (size > 0)
    full[size++] = '.';
  size += evsi_bytes_copy(full + size, sizeof full - size, entry->envelope.type);
  return evsi_stats_label(entry->group->consume->setup.stats, EVSI_LABEL_TYPE, evsi_bytes(full, size));
}

uint32_t evsi_kind_match(evsi_entry *entry, uint32_t *out_numbers, uint32_t max, bool *out_filtered) {
  const evsi_matcher *matcher = entry->group->matcher;
  const evsi_envelope *envelope = &entry->envelope;
  evsi_kind *kind = entry->group->kind;
  if (kind->version == evsi_matcher_version(matcher) && kind->label &&
      evsi_bytes_equal(kind->type, envelope->type) &&
      evsi_bytes_equal(kind->prefix, envelope->origin_prefix)) {
    entry->labels.type = kind->label;
    memcpy(out_numbers, kind->numbers, kind->count * sizeof *out_numbers);
    *out_filtered = kind->is_filtered;
    return kind->count;
  }
  uint32_t count =
      evsi_matcher_match(matcher, envelope->origin_prefix, envelope->type, out_numbers, max, out_filtered);
  kind->version = 0;
  kind->label = entry->labels.type = find_label(entry);
  if (count > NUMBERS_MAX)
    return count;
  kind->count = count;
  kind->is_filtered = *out_filtered;
  memcpy(kind->numbers, out_numbers, count * sizeof *out_numbers);
  remember(kind, matcher, envelope);
  return count;
}
