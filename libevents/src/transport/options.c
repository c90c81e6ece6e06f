/* SPDX-License-Identifier: MIT
 * options.c - see options.h. */
#include "transport/options.h"

#include <string.h>

#include "base/json_text.h"
#include "libevents.h"

enum { RETENTION_DEFAULT = 100000 };

uint32_t evsi_option_number(const json_t *options, const char *key, uint32_t fallback, uint32_t low,
                            uint32_t high) {
  const json_t *value = json_object_get(options, key);
  if (!json_is_number(value))
    return fallback;
  double given = json_number_value(value);
  if (given < low)
    return low;
  return given > high ? high : (uint32_t)given;
}

uint64_t evsi_option_large(const json_t *options, const char *key, uint64_t fallback) {
  json_int_t given = json_integer_value(json_object_get(options, key));
  return given > 0 ? (uint64_t)given : fallback;
}

bool evsi_option_is(const json_t *options, const char *key, const char *word) {
  const char *text = json_string_value(json_object_get(options, key));
  return text && strcmp(text, word) == 0;
}

uint32_t evsi_option_acknowledgement(const json_t *options) {
  if (json_is_object(json_object_get(options, "acknowledgement")))
    return EVS_ACKNOWLEDGE_REPLICATED; /* by so many, as it says */
  if (evsi_option_is(options, "acknowledgement", "none"))
    return EVS_ACKNOWLEDGE_NONE;
  return evsi_option_is(options, "acknowledgement", "fsynced") ? EVS_ACKNOWLEDGE_FSYNCED
                                                               : EVS_ACKNOWLEDGE_STORED;
}

/* Something is always bounded: a stream that nobody bounds grows until there is no room. */
char *evsi_option_retention(const json_t *options) {
  json_t *given = json_object_get(options, "retention");
  json_t *retention = json_is_object(given) ? json_copy(given) : json_object();
  if (evsi_option_large(retention, "maxMessages", 0) == 0 && evsi_option_large(retention, "maxAge", 0) == 0 &&
      evsi_option_large(retention, "maxSize", 0) == 0)
    json_object_set_new(retention, "maxMessages", json_integer(RETENTION_DEFAULT));
  char *text = evsi_json_text(retention);
  json_decref(retention);
  return text;
}
