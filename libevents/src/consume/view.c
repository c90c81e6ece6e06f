/* SPDX-License-Identifier: MIT
 * view.c - how handlers see a body: held against the schema of its version, and where a subscription names
 * another, against that one, with what it lacks there filled in. The stored bytes stay as they are. */
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/json_text.h"
#include "consume/engine.h"

enum { WAIT_MS = 500 /* for the registry to be asked again */ };

static evs_bytes body_of(const evsi_entry *entry) {
  evs_bytes body = evsi_body_of(entry);
  return body.size ? body : evsi_text("null");
}

static evsi_body_rules rules_of(const evsi_consume *consume) {
  const evsi_config *config = consume->setup.config;
  return (evsi_body_rules){.registry = consume->setup.schemas,
                           .on_unknown = config->schemas.on_unknown,
                           .required = config->schemas.required};
}

static bool is_strict(const evsi_consume *consume) {
  return consume->setup.config->consumer.validation_mode == EVSI_VALIDATE_STRICT;
}

/* Keeps what handlers by this version see; NULL: no memory. */
static evsi_view *keep(evsi_entry *entry, const char *version, const evsi_judgement *judgement) {
  evsi_view *view = evsi_calloc(1, sizeof *view);
  if (!view)
    return NULL;
  snprintf(view->version, sizeof view->version, "%s", version);
  view->body = judgement->filled ? evsi_strdup(judgement->filled) : NULL;
  if (judgement->errors)
    view->validation = evsi_judgement_json(judgement, entry->envelope.type, body_of(entry));
  if ((judgement->filled && !view->body) || (judgement->errors && !view->validation)) {
    evsi_views_free(view);
    return NULL;
  }
  view->next = entry->views;
  entry->views = view; /* and is freed with the entry */
  return view;
}

static void tell(evsi_entry *entry, const evsi_judgement *judgement) {
  evsi_consume *consume = entry->group->consume;
  const char *version = judgement->version ? judgement->version->name : "?";
  char text[512];
  evsi_count(consume->setup.stats, EVSI_COUNT_UNFIT, 1);
  snprintf(text, sizeof text, "an event of type %.*s is not valid by version %s of its schema: %s",
           (int)entry->envelope.type.size, entry->envelope.type.data, version, judgement->reason);
  evsi_stats_error(consume->setup.stats, EVSI_SIDE_CONSUMER, &entry->labels, text);
  if (!is_strict(consume))
    evsi_consume_log(consume, EVSI_LOG_WARN, "an event is not valid by the schema of its type",
                     (evsi_log_field[]){{"type", entry->envelope.type},
                                        {"version", evsi_text(version)},
                                        {"id", entry->envelope.id},
                                        {"error", evsi_text(judgement->reason)},
                                        {NULL}});
}

/* The failure that the dead letter tells, with all errors. */
static void note_failure(evsi_entry *entry, const evsi_judgement *judgement) {
  evs_failure failure = {.error_class = evsi_text("ValidationError"),
                         .message = evsi_text(judgement->reason)};
  char *text = evsi_judgement_json(judgement, entry->envelope.type, body_of(entry));
  json_t *errors = text ? evsi_json_load(evsi_text(text), 0, NULL) : NULL;
  evsi_entry_state_failed(entry, &failure, 0);
  if (errors)
    json_object_set_new(entry->state.error, "validation", errors);
  evsi_free(text);
}

/* Whether the registry was asked since this version was missed, and it still is not there. */
static bool is_missing_for_good(evsi_entry *entry) {
  const evsi_consume_setup *setup = &entry->group->consume->setup;
  uint64_t since = entry->state.unmatched_since_ms;
  return setup->schemas_known_at(setup->data) > (since ? since : evsi_wall_ms(setup->env));
}

static void wait_for_version(evsi_entry *entry, evsi_outgoing *outgoing) {
  const evsi_consume_setup *setup = &entry->group->consume->setup;
  if (entry->state.unmatched_since_ms == 0)
    entry->state.unmatched_since_ms = evsi_wall_ms(setup->env);
  setup->look_for_schemas(setup->data);
  evsi_settle_as(entry, EVS_SETTLE_PARK, WAIT_MS, outgoing);
}

static evsi_body_state judge_stored(evsi_entry *entry, evsi_judgement *judgement) {
  evsi_body_rules rules = rules_of(entry->group->consume);
  evsi_body_state state =
      evsi_body_judge(&rules, entry->envelope.type, entry->envelope.version, body_of(entry), judgement);
  if (state != EVSI_BODY_UNKNOWN || !is_missing_for_good(entry))
    return state;
  rules.on_unknown = EVSI_UNKNOWN_DLQ;
  return evsi_body_judge(&rules, entry->envelope.type, entry->envelope.version, body_of(entry), judgement);
}

/* True: its handlers may see it. */
static bool take(evsi_entry *entry, evsi_body_state state, const evsi_judgement *judgement,
                 evsi_outgoing *outgoing) {
  switch (state) {
  case EVSI_BODY_UNCHECKED:
    return true;
  case EVSI_BODY_VALID:
    if (!judgement->filled || keep(entry, "", judgement))
      return true;
    break;
  case EVSI_BODY_UNKNOWN:
    wait_for_version(entry, outgoing);
    return false;
  case EVSI_BODY_INVALID:
    tell(entry, judgement);
    if (is_strict(entry->group->consume)) {
      note_failure(entry, judgement);
      evsi_settle_dead(entry, NULL, NULL, outgoing);
      return false;
    }
    if (keep(entry, "", judgement))
      return true;
    break;
  case EVSI_BODY_NO_MEMORY:
    break;
  }
  evsi_settle_as(entry, EVS_SETTLE_RELEASE, 0, outgoing);
  return false;
}

static bool is_checked(const evsi_entry *entry) {
  const evsi_consume_setup *setup = &entry->group->consume->setup;
  return setup->schemas && setup->config->consumer.validation_mode != EVSI_VALIDATE_IGNORE &&
         entry->envelope.content_type.size == 0 &&
         (setup->config->schemas.required || !evsi_registry_is_empty(setup->schemas));
}

bool evsi_view_entry(evsi_entry *entry, evsi_outgoing *outgoing) {
  evsi_judgement judgement;
  if (!is_checked(entry))
    return true;
  evsi_body_state state = judge_stored(entry, &judgement);
  if (judgement.version)
    evsi_count(entry->group->consume->setup.stats, EVSI_COUNT_CHECKED, 1);
  bool may_go_on = take(entry, state, &judgement, outgoing);
  evsi_judgement_free(&judgement);
  return may_go_on;
}

static evsi_view *find(evsi_entry *entry, const char *version) {
  evsi_view *view = entry->views;
  while (view && strcmp(view->version, version) != 0)
    view = view->next;
  return view;
}

/* False: no memory. */
static bool judge_by_version(evsi_delivery *delivery, const char *version) {
  evsi_entry *entry = delivery->entry;
  evsi_body_rules rules = rules_of(entry->group->consume);
  rules.on_unknown = EVSI_UNKNOWN_DLQ;
  evsi_judgement judgement;
  evsi_body_state state =
      evsi_body_judge(&rules, entry->envelope.type, evsi_text(version), body_of(entry), &judgement);
  if (state == EVSI_BODY_VALID || state == EVSI_BODY_INVALID)
    delivery->view = keep(entry, version, &judgement);
  if (state == EVSI_BODY_INVALID && delivery->view) {
    tell(entry, &judgement);
    if (is_strict(entry->group->consume))
      note_failure(entry, &judgement);
  }
  evsi_judgement_free(&judgement);
  return state == EVSI_BODY_UNCHECKED || delivery->view;
}

evsi_delivery_state evsi_view_delivery(evsi_delivery *delivery) {
  evsi_entry *entry = delivery->entry;
  const char *version = delivery->subscription->options.version;
  delivery->view = find(entry, "");
  if (!version || !is_checked(entry) || evsi_bytes_equal(entry->envelope.version, evsi_text(version)))
    return EVSI_DELIVERY_QUEUED;
  delivery->view = find(entry, version);
  if (!delivery->view && !judge_by_version(delivery, version))
    return EVSI_DELIVERY_RELEASED;
  bool is_valid = !delivery->view || !delivery->view->validation;
  return is_valid || !is_strict(entry->group->consume) ? EVSI_DELIVERY_QUEUED : EVSI_DELIVERY_EXHAUSTED;
}

void evsi_views_free(evsi_view *view) {
  while (view) {
    evsi_view *next = view->next;
    evsi_free(view->body);
    evsi_free(view->validation);
    evsi_free(view);
    view = next;
  }
}
