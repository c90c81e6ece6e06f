/* SPDX-License-Identifier: MIT
 * body.c - the body of an entry's event, wherever it is stored; what is compressed is undone once, when it is
 * known that somebody here takes it. */
#include "base/compress.h"
#include "consume/engine.h"
#include "event/json_scan.h"

evs_bytes evsi_body_of(const evsi_entry *entry) {
  if (entry->envelope.encoding.size > 0)
    return evsi_bytes(entry->plain.data, entry->plain.size);
  return entry->envelope.content_type.size > 0 ? entry->stored.raw : entry->envelope.body;
}

/* Each event of an entry with several would be as large as all of them may be together. */
static const char *decompress(evsi_entry *entry, const char **out_class) {
  size_t offset;
  evsi_encoding encoding = evsi_encoding_of(entry->envelope.encoding);
  bool is_known = encoding == EVSI_ENCODING_ZSTD || encoding == EVSI_ENCODING_LZ4;
  *out_class = is_known ? "DecompressionFailed" : "UnknownEncoding";
  if (entry->carrier)
    return "one of several events of an entry cannot be compressed";
  const char *why = evsi_decompress(encoding, entry->stored.raw,
                                    entry->group->consume->setup.config->limits.body_bytes, &entry->plain);
  if (why || entry->envelope.content_type.size > 0)
    return why;
  why = evsi_json_check(evsi_body_of(entry), &offset);
  return why ? "the compressed body is not valid JSON" : NULL;
}

bool evsi_body_open(evsi_entry *entry, evsi_outgoing *outgoing) {
  const char *error_class;
  if (entry->envelope.encoding.size == 0 || entry->plain.data)
    return true;
  const char *why = decompress(entry, &error_class);
  if (why == evsi_decompress_no_memory) { /* handed back: memory may be there when it comes again */
    evsi_settle_as(entry, EVS_SETTLE_RELEASE, 0, outgoing);
    return false;
  }
  if (why) {
    evsi_count(entry->group->consume->setup.stats, EVSI_COUNT_MALFORMED, 1);
    evsi_settle_dead(entry, error_class, why, outgoing);
    return false;
  }
  entry->cost += entry->plain.size;
  entry->group->held_bytes += entry->plain.size;
  return true;
}
