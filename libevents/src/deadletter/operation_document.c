/* SPDX-License-Identifier: MIT
 * operation_document.c - what is written about an operation: made from a request, changed by another, shown
 * to hosts. Its states: running, paused, and the ends done, aborted and stopped (by a rule of its own). */
#include <stdio.h>
#include <string.h>

#include "deadletter/operations_inner.h"

enum {
  RATE_MOST = 100000,
  KEY_MOST = 200,
  GROUP_MOST = 200,
  CANARY_MOST = 1000,
  OUTCOME_MS = 60000,
  OUTCOME_MS_MOST = 86400000,
  LEAST = 20
};

static bool is_word(const json_t *value, const char *const *words) {
  for (; *words; words++) {
    if (json_is_string(value) && strcmp(json_string_value(value), *words) == 0)
      return true;
  }
  return false;
}

static bool is_rate(const json_t *rate) {
  json_int_t value = json_integer_value(rate);
  return !rate || json_is_null(rate) || (json_is_integer(rate) && value >= 1 && value <= RATE_MOST);
}

static const char rate_is_wrong[] = "rate must be 1 to 100000 a second, or null for no limit";

static void copy(json_t *to, const json_t *from, const char *name) {
  json_t *value = json_object_get(from, name);
  json_object_set_new(to, name, value ? json_incref(value) : json_null());
}

static bool is_absent(const json_t *value) {
  return !value || json_is_null(value);
}

static bool is_between(const json_t *value, json_int_t least, json_int_t most) {
  return is_absent(value) ||
         (json_is_integer(value) && json_integer_value(value) >= least && json_integer_value(value) <= most);
}

static bool is_text(const json_t *value, size_t most) {
  return json_string_length(value) > 0 && json_string_length(value) <= most;
}

static bool is_share(const json_t *value) {
  return json_is_number(value) && json_number_value(value) > 0 && json_number_value(value) <= 1;
}

/* What is wrong with the arguments: where, and why; NULL: nothing. */
static const char *refuse(const json_t *params, const char **out_path) {
  static const char *const kinds[] = {"requeue", "discard", "restore", "replay", NULL};
  static const char *const requeue[] = {"requeue", NULL};
  const json_t *kind = json_object_get(params, "kind"), *key = json_object_get(params, "key");
  const json_t *group = json_object_get(params, "group");
  const json_t *canary = json_object_get(params, "canary"), *stop = json_object_get(params, "stop");
  const struct {
    const char *path, *why;
    bool is_right;
  } rules[] = {
      {"/kind", "kind must be \"requeue\", \"discard\" or \"restore\"", is_word(kind, kinds)},
      {"/filter", "filter must be an object; {} selects everything",
       json_is_object(json_object_get(params, "filter"))},
      {"/key", "key must be a text of 1 to 200 bytes", is_absent(key) || is_text(key, KEY_MOST)},
      {"/group", "group must be a text of 1 to 200 bytes", is_absent(group) || is_text(group, GROUP_MOST)},
      {"/rate", rate_is_wrong, is_rate(json_object_get(params, "rate"))},
      {"/canary", "canary is for kind \"requeue\": {\"count\", \"outcomeTimeout\"?}",
       is_absent(canary) || (json_is_object(canary) && is_word(kind, requeue))},
      {"/canary/count", "canary.count must be 1 to 1000",
       is_absent(canary) || (json_is_integer(json_object_get(canary, "count")) &&
                             is_between(json_object_get(canary, "count"), 1, CANARY_MOST))},
      {"/canary/outcomeTimeout", "canary.outcomeTimeout must be 1 to 86400000 ms",
       is_absent(canary) || is_between(json_object_get(canary, "outcomeTimeout"), 1, OUTCOME_MS_MOST)},
      {"/stop", "stop is for kind \"requeue\": {\"share\", \"least\"?}",
       is_absent(stop) || (json_is_object(stop) && is_word(kind, requeue))},
      {"/stop/share", "stop.share must be more than 0 and at most 1",
       is_absent(stop) || is_share(json_object_get(stop, "share"))},
      {"/stop/least", "stop.least must be 1 to 1000000",
       is_absent(stop) || is_between(json_object_get(stop, "least"), 1, 1000000)},
  };
  for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++) {
    *out_path = rules[i].path;
    if (!rules[i].is_right)
      return rules[i].why;
  }
  return NULL;
}

/* A member of an object, or what it is when it was left out. */
static json_t *given_or(const json_t *object, const char *name, json_int_t fallback) {
  json_t *value = json_object_get(object, name);
  return is_absent(value) ? json_integer(fallback) : json_incref(value);
}

static void set_rules(json_t *document, const json_t *params) {
  const json_t *canary = json_object_get(params, "canary"), *stop = json_object_get(params, "stop");
  json_t *none = json_null();
  json_object_set_new(document, "canary",
                      is_absent(canary)
                          ? json_incref(none)
                          : json_pack("{s:O,s:o,s:n}", "count", json_object_get(canary, "count"),
                                      "outcomeTimeout", given_or(canary, "outcomeTimeout", OUTCOME_MS),
                                      "passedAt"));
  json_object_set_new(document, "stop",
                      is_absent(stop) ? json_incref(none)
                                      : json_pack("{s:O,s:o}", "share", json_object_get(stop, "share"),
                                                  "least", given_or(stop, "least", LEAST)));
  json_object_set_new(document, "stopped", none);
}

/* Without a name the replay is for a handler of its own. */
static void set_group(json_t *document, json_t *group, const char *id) {
  char own[80];
  snprintf(own, sizeof own, "@replay-%.64s", id);
  json_object_set_new(document, "group", json_is_string(group) ? json_incref(group) : json_string(own));
}

bool evsi_operation_is_replay(const json_t *document) {
  const json_t *kind = json_object_get(document, "kind");
  return json_is_string(kind) && strcmp(json_string_value(kind), "replay") == 0;
}

json_t *evsi_operation_new(const json_t *params, const char *id, uint64_t now_ms, evsi_refusal *out_refusal) {
  static const char *const copied[] = {"kind",    "filter", "rate", "key",         "actor",
                                       "address", "reason", "to",   "maxRedrives", "create"};
  static const char *const flags[] = {"allGroups", "force"};
  *out_refusal = (evsi_refusal){0};
  out_refusal->why = refuse(params, &out_refusal->path);
  if (out_refusal->why)
    return NULL;
  json_t *document = json_pack("{s:s,s:s,s:I,s:I,s:n}", "id", id, "state", "running", "startedAt",
                               (json_int_t)now_ms, "updatedAt", (json_int_t)now_ms, "endedAt");
  for (size_t i = 0; i < sizeof copied / sizeof copied[0]; i++)
    copy(document, params, copied[i]);
  for (size_t i = 0; i < sizeof flags / sizeof flags[0]; i++)
    json_object_set_new(document, flags[i], json_boolean(json_is_true(json_object_get(params, flags[i]))));
  set_rules(document, params);
  if (evsi_operation_is_replay(document))
    set_group(document, json_object_get(params, "group"), id);
  return document;
}

json_t *evsi_operation_streams(const json_t *document) {
  json_t *names = json_array(), *bound;
  const char *name;
  json_object_foreach(json_object_get(json_object_get(document, "snapshot"), "bounds"), name, bound) {
    json_array_append_new(names, json_string(name));
  }
  return names;
}

bool evsi_operation_is_state(const json_t *document, const char *state) {
  const json_t *value = json_object_get(document, "state");
  return json_is_string(value) && strcmp(json_string_value(value), state) == 0;
}

bool evsi_operation_is_ended(const json_t *document) {
  return !evsi_operation_is_state(document, "running") && !evsi_operation_is_state(document, "paused");
}

static json_t *remaining(const json_t *document, const json_t *view) {
  static const char *const names[] = {"done", "skipped", "failed"};
  const json_t *count = json_object_get(json_object_get(document, "snapshot"), "count");
  json_int_t left = json_integer_value(count);
  if (!json_is_integer(count))
    return json_null();
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
    left -= json_integer_value(json_object_get(view, names[i]));
  return json_integer(left > 0 && !evsi_operation_is_state(document, "done") ? left : 0);
}

json_t *evsi_operation_view(const json_t *document, const json_t *progress) {
  json_t *view = json_pack("{s:i,s:i,s:i,s:n,s:[],s:n}", "done", 0, "skipped", 0, "failed", 0, "again",
                           "errors", "lastError");
  json_object_update(view, (json_t *)document);
  json_int_t changed = json_integer_value(json_object_get(document, "updatedAt"));
  json_int_t beaten = json_integer_value(json_object_get(progress, "updatedAt"));
  json_object_update(view, (json_t *)progress);
  json_object_set_new(view, "updatedAt", json_integer(beaten > changed ? beaten : changed));
  json_object_set_new(view, "remaining", remaining(document, view));
  return view;
}

const char *evsi_operation_change(json_t *document, const json_t *params, uint64_t now_ms) {
  static const char *const states[] = {"running", "paused", "aborted", NULL};
  json_t *state = json_object_get(params, "state"), *rate = json_object_get(params, "rate");
  if (state && !is_word(state, states))
    return "state must be \"running\", \"paused\" or \"aborted\"";
  if (!is_rate(rate))
    return rate_is_wrong;
  if (!state && !rate)
    return "give a state, a rate, or both";
  if (evsi_operation_is_ended(document))
    return "the operation has ended";
  if (state)
    json_object_set(document, "state", state);
  if (rate)
    json_object_set(document, "rate", rate);
  json_object_set_new(document, "updatedAt", json_integer((json_int_t)now_ms));
  if (evsi_operation_is_ended(document))
    json_object_set_new(document, "endedAt", json_integer((json_int_t)now_ms));
  return NULL;
}

json_t *evsi_operation_row(const json_t *document, const json_t *by, const char *what, uint64_t count) {
  static const char *const who[] = {"actor", "address", "reason"};
  char name[40];
  snprintf(name, sizeof name, "%s.%s", evsi_operation_is_replay(document) ? "replay" : "operations", what);
  json_t *row =
      json_pack("{s:s,s:O,s:I,s:O,s:{s:O,s:O}}", "action", name, "result", json_object_get(document, "state"),
                "count", (json_int_t)count, "operation", json_object_get(document, "id"), "scope", "kind",
                json_object_get(document, "kind"), "filter", json_object_get(document, "filter"));
  for (size_t i = 0; row && i < sizeof who / sizeof who[0]; i++)
    copy(row, by, who[i]);
  return row;
}
