/* SPDX-License-Identifier: MIT
 * config_build.c - small readers of a checked document, and the values that configuration and subscriptions
 * have in common: retry policies, modes, origins. */
#include "config/config_build.h"

#include <string.h>

#include "base/alloc.h"
#include "event/type_name.h"

const char *evsi_get_text(const json_t *object, const char *key) {
  return json_string_value(json_object_get(object, key));
}

int64_t evsi_get_int(const json_t *object, const char *key) {
  return json_integer_value(json_object_get(object, key));
}

bool evsi_get_bool(const json_t *object, const char *key) {
  return json_is_true(json_object_get(object, key));
}

evsi_validation_mode evsi_get_mode(const json_t *object, evsi_validation_mode otherwise) {
  const char *mode = evsi_get_text(object, "validationMode");
  if (!mode)
    return otherwise;
  if (strcmp(mode, "strict") == 0)
    return EVSI_VALIDATE_STRICT;
  return strcmp(mode, "ignore") == 0 ? EVSI_VALIDATE_IGNORE : EVSI_VALIDATE_WARN;
}

void evsi_retry_override(evsi_retry_policy *policy, const json_t *retry) {
  const json_t *value;
  if (json_is_integer(value = json_object_get(retry, "maxRetries")))
    policy->max_retries = (uint32_t)json_integer_value(value);
  if (json_is_integer(value = json_object_get(retry, "baseDelay")))
    policy->base_delay_ms = (uint64_t)json_integer_value(value);
  if (json_is_integer(value = json_object_get(retry, "maxDelay")))
    policy->max_delay_ms = (uint64_t)json_integer_value(value);
  if (json_is_number(value = json_object_get(retry, "jitter")))
    policy->jitter = json_number_value(value);
  const char *strategy = evsi_get_text(retry, "backoffStrategy");
  if (!strategy)
    return;
  if (strcmp(strategy, "fixed") == 0)
    policy->strategy = EVS_BACKOFF_FIXED;
  else
    policy->strategy = strcmp(strategy, "fibonacci") == 0 ? EVS_BACKOFF_FIBONACCI : EVS_BACKOFF_EXPONENTIAL;
}

char *evsi_build_text(evsi_check *check, const char *text) {
  if (!text)
    return NULL;
  char *copy = evsi_strdup(text);
  if (!copy)
    check->nomem = true;
  return copy;
}

void *evsi_build_array(evsi_check *check, size_t count, size_t size) {
  void *array = evsi_calloc(count ? count : 1, size);
  if (!array)
    check->nomem = true;
  return array;
}

/* "" stands for events without a prefix and needs no check. */
static char *fold_origin(evsi_check *check, const char *origin) {
  char folded[EVSI_TYPE_MAX + 1] = "", found[EVSI_FOUND_SIZE];
  evs_error *error = NULL;
  if (!*origin)
    return evsi_build_text(check, "");
  evs_status status = evsi_prefix_fold(evsi_text(origin), folded, &error);
  if (status == EVS_OK)
    return evsi_build_text(check, folded);
  if (status == EVS_NOMEM)
    check->nomem = true;
  evsi_text_cut(origin, found, sizeof found);
  evsi_check_problem(check, &(evsi_problem){.message = evs_error_message(error),
                                            .found = found,
                                            .expected = "segments of a-z, 0-9, '_' and '-' joined by '.'"});
  evs_error_free(error);
  return NULL;
}

bool evsi_build_origins(evsi_check *check, json_t *list, char ***out_origins, uint32_t *out_count) {
  size_t index;
  json_t *entry;
  bool fine = true;
  char **origins = evsi_build_array(check, json_array_size(list), sizeof *origins);
  *out_origins = origins;
  *out_count = 0;
  json_array_foreach(list, index, entry) {
    if (!origins || !json_is_string(entry))
      continue;
    size_t mark = evsi_check_push_index(check, index);
    char *folded = fold_origin(check, json_string_value(entry));
    evsi_check_pop(check, mark);
    fine &= folded != NULL;
    if (!folded)
      continue;
    origins[(*out_count)++] = folded;
    if (json_array_set_new(list, index, json_string(folded)) != 0)
      check->nomem = true;
  }
  return fine && origins != NULL;
}
