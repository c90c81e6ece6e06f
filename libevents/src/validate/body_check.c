/* SPDX-License-Identifier: MIT
 * body_check.c - see body_check.h. */
#include "validate/body_check.h"

#include "base/error.h"

/* Without schemas there is nothing to hold it against, unless each type must have one. */
static bool is_checked(const evsi_body_check *check, const evs_event *event) {
  return check->config->publisher.validation_mode != EVSI_VALIDATE_IGNORE && event->content_type.size == 0 &&
         (check->config->schemas.required || !evsi_registry_is_empty(check->schemas));
}

static evsi_body_rules rules_of(const evsi_body_check *check) {
  const evsi_config *config = check->config;
  return (evsi_body_rules){.registry = check->schemas,
                           .on_unknown = config->schemas.on_unknown == EVSI_UNKNOWN_LATEST
                                             ? EVSI_UNKNOWN_LATEST
                                             : EVSI_UNKNOWN_DLQ,
                           .required = config->schemas.required,
                           .is_writing = true};
}

static evs_status refuse(const evsi_body_check *check, const evsi_judgement *judgement, const char *type,
                         evs_error **out_error) {
  evsi_count(check->stats, EVSI_COUNT_SEND_UNFIT, 1);
  evs_error *error = NULL;
  evs_status status = evsi_judgement_error(judgement, evsi_text(type), "/body", &error);
  if (check->config->publisher.validation_mode == EVSI_VALIDATE_STRICT) {
    *out_error = error;
    return status;
  }
  evsi_stats_error(check->stats, EVSI_SIDE_PUBLISHER, NULL, evs_error_message(error));
  evs_error_free(error);
  return EVS_OK;
}

evs_status evsi_body_check_event(const evsi_body_check *check, const char *type, const evs_event *event,
                                 evs_bytes *out_version, evs_error **out_error) {
  const evsi_schema_version *current =
      event->version.size ? NULL : evsi_registry_current(check->schemas, evsi_text(type));
  *out_version = event->version.size ? event->version : evsi_text(current ? current->name : "1.0.0");
  if (!is_checked(check, event))
    return EVS_OK;
  evsi_judgement judgement;
  evsi_body_rules rules = rules_of(check);
  evs_bytes body = event->body.size ? event->body : evsi_text("null");
  evsi_body_state state = evsi_body_judge(&rules, evsi_text(type), *out_version, body, &judgement);
  evs_status status = EVS_OK;
  if (judgement.version)
    evsi_count(check->stats, EVSI_COUNT_SEND_CHECKED, 1);
  if (state == EVSI_BODY_NO_MEMORY)
    status = evsi_error_nomem(out_error);
  else if (state == EVSI_BODY_INVALID)
    status = refuse(check, &judgement, type, out_error);
  evsi_judgement_free(&judgement);
  return status;
}
