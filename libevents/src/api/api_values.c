/* SPDX-License-Identifier: MIT
 * api_values.c - the plainest public functions: version, names of statuses, delays, hashes and partitions. */
#include "base/alloc.h"
#include "base/backoff.h"
#include "event/identity.h"
#include "libevents.h"
#include "route/partition.h"

const char *evs_version(void) {
  return EVS_VERSION;
}

const char *evs_status_name(evs_status status) {
  switch (status) {
#define EVS_STATUS(code, name, class, retriable, text, source, cure)                                         \
  case code:                                                                                                 \
    return #name;
#include "base/errors.def"
  default:
    return "EVS_UNKNOWN";
  }
}

/* Turned into text before it is passed on: `false` may be a macro. */
#define STATUS_ITEM(code, name, class, retriable, text)                                                      \
  "{\"code\":" code ",\"name\":\"" name "\",\"class\":\"" class "\",\"retriable\":" retriable                \
                                                                ",\"text\":\"" text "\"}"

const char *evs_status_list(void) {
  return "["
#define EVS_STATUS_FIRST(code, name, class, retriable, text, source, cure)                                   \
  STATUS_ITEM(#code, #name, class, #retriable, text)
#define EVS_STATUS(code, name, class, retriable, text, source, cure)                                         \
  "," STATUS_ITEM(#code, #name, class, #retriable, text)
#include "base/errors.def"
         "]";
}

void evs_string_free(char *text) {
  evsi_free(text);
}

uint64_t evs_retry_delay(int32_t strategy, uint64_t base_delay_ms, uint64_t max_delay_ms, uint32_t retry) {
  return evsi_backoff_plain(strategy, base_delay_ms, max_delay_ms, retry);
}

evs_status evs_body_hash(evs_bytes body, char out_hex[65]) {
  if (!out_hex || (!body.data && body.size > 0))
    return EVS_ARGUMENT;
  return evsi_sha256_hex(body, out_hex) == 0 ? EVS_OK : EVS_INTERNAL;
}

uint32_t evs_partition_for_key(evs_bytes key, uint32_t partitions) {
  return key.data || key.size == 0 ? evsi_partition_of_key(key, partitions) : 0;
}

uint32_t evs_key_slot(evs_bytes key) {
  return key.data || key.size == 0 ? evsi_slot_of_key(key) : 0;
}
