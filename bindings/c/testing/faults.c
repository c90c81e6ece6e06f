/* SPDX-License-Identifier: MIT
 * faults.c - what goes wrong on demand: on the way into the transport, and behind a handler. */
#include "kit.h"

#include <stdlib.h>
#include <string.h>

evs_status evs_testing_fail_publish(evs_testing *kit, const char *pattern, const char *outcome,
                                    uint32_t times, evs_error **out_error) {
  const char *name;
  json_t *number;
  evs_status status = EVS_OK;
  json_object_foreach(kit->next, name, number) {
    json_t *params = json_pack("{s:s,s:s,s:s,s:I}", "transport", name, "pattern", pattern, "outcome", outcome,
                               "times", (json_int_t)times);
    if (status == EVS_OK)
      status = evst_ask(kit, "testing.fail", params, out_error);
    else
      json_decref(params);
  }
  return status;
}

evs_status evs_testing_fail_handling(evs_testing *kit, const char *pattern, const char *outcome,
                                     uint32_t times, evs_error **out_error) {
  bool is_crash = strcmp(outcome, "crashed") == 0;
  size_t size = strlen(pattern);
  char *normal = NULL;
  if (!is_crash && strcmp(outcome, "failed") != 0)
    return evs_error_create(EVS_VALIDATION, "/outcome", "outcome must be failed or crashed", out_error);
  evs_status status = evs_pattern_normalize(
      (evs_bytes){pattern, size}, (evs_bytes){kit->prefix, strlen(kit->prefix)}, 1, &normal, out_error);
  evs_string_free(normal);
  if (status != EVS_OK)
    return status;
  evst_fault *fault = calloc(1, sizeof *fault + size + 1), **end = &kit->faults;
  if (!fault)
    return evst_nomem(out_error);
  fault->left = times;
  fault->is_crash = is_crash;
  memcpy(fault->pattern, pattern, size);
  while (*end)
    end = &(*end)->next;
  *end = fault;
  return EVS_OK;
}

evs_status evst_mishap(evs_testing *kit, const evs_message *message) {
  json_t *full_type = evst_full_type(message);
  evs_bytes text = {json_string_value(full_type), json_string_length(full_type)};
  evst_fault *fault = kit->faults;
  while (fault && (fault->left == 0 || !evst_fits(kit, fault->pattern, text)))
    fault = fault->next;
  json_decref(full_type);
  if (!fault)
    return EVS_OK;
  fault->left--;
  kit->asks_again = fault->is_crash;
  return fault->is_crash ? EVS_OK : EVS_INTERNAL;
}

void evst_faults_free(evs_testing *kit) {
  while (kit->faults) {
    evst_fault *fault = kit->faults;
    kit->faults = fault->next;
    free(fault);
  }
}
