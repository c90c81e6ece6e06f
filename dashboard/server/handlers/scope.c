/* SPDX-License-Identifier: MIT
 * scope.c - what a bulk call is about: dead letters by a filter, or up to 500 by their keys. */
#include <stdlib.h>
#include <string.h>

#include "../base64.h"
#include "entry.h"
#include "handlers.h"
#include "scope.h"

enum { KEYS_MAX = 500, RATE_MAX = 100000 };

static bool fail(evsd_request *request, const char *path, const char *message) {
  evsd_problem(request, 400, "bad_body", "%s", message);
  evsd_problem_set(request, "path", json_string(path));
  return false;
}

static bool is_filter_member(const char *name, const json_t *value) {
  static const char *const texts[] = {"topic", "type", "group", "subscription", "text", "fingerprint"};
  static const char *const numbers[] = {"since", "until", "minAttempts"};
  for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
    if (strcmp(texts[i], name) == 0)
      return json_is_string(value);
  }
  for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
    if (strcmp(numbers[i], name) == 0)
      return json_is_integer(value) && json_integer_value(value) >= 0;
  }
  return strcmp(name, "requeued") == 0 && json_is_boolean(value);
}

/* A search for text would tell a caller what bodies hold that he may not see. */
bool evsd_may_search(evsd_request *request) {
  if (!evsd_require(request, EVSD_PAYLOAD))
    return false;
  if (!evsd_is_redacting(request))
    return true;
  evsd_problem(request, 403, "redaction_active",
               "Bodies are redacted for you, so they cannot be searched for text; the role admin can.");
  return false;
}

static bool check_filter(evsd_request *request, json_t *filter) {
  const char *name;
  json_t *value;
  if (!json_is_object(filter))
    return fail(request, "/scope/filter", "\"filter\" must be an object.");
  json_object_foreach(filter, name, value) {
    if (!is_filter_member(name, value))
      return fail(
          request, "/scope/filter",
          "A filter has topic, type, group, subscription, text and fingerprint (texts), since, until and "
          "minAttempts (whole numbers), and requeued (true or false).");
  }
  return !json_object_get(filter, "text") || evsd_may_search(request);
}

static bool read_keys(evsd_request *request, json_t *keys, json_t *ids) {
  json_t *key;
  size_t i;
  if (!json_is_array(keys) || json_array_size(keys) == 0 || json_array_size(keys) > KEYS_MAX)
    return fail(request, "/scope/keys", "\"keys\" must be a list of 1 to 500 keys; use a filter for more.");
  json_array_foreach(keys, i, key) {
    char *id = json_is_string(key) ? evsd_id_of_key(json_string_value(key)) : NULL;
    if (!id)
      return fail(request, "/scope/keys", "\"keys\" has something that is not the key of a dead letter.");
    json_array_append_new(ids, json_string(id));
    free(id);
  }
  return true;
}

bool evsd_scope_read(evsd_request *request, evsd_scope *out) {
  json_t *scope = json_object_get(request->body, "scope");
  json_t *filter = json_object_get(scope, "filter"), *keys = json_object_get(scope, "keys");
  *out = (evsd_scope){0};
  if (!filter == !keys || json_object_size(scope) != 1)
    return fail(request, "/scope", "\"scope\" must be {\"filter\": {…}} or {\"keys\": […]}.");
  if (filter) {
    if (!check_filter(request, filter))
      return false;
    out->filter = json_incref(filter);
    return true;
  }
  out->ids = json_array();
  return read_keys(request, keys, out->ids);
}

void evsd_scope_free(evsd_scope *scope) {
  json_decref(scope->filter);
  json_decref(scope->ids);
}

const char *evsd_kind_read(evsd_request *request) {
  static const char *const kinds[] = {"requeue", "discard", "restore"};
  const char *kind = evsd_text(request->body, "kind", "");
  for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
    if (strcmp(kinds[i], kind) == 0)
      return kinds[i];
  }
  fail(request, "/kind", "\"kind\" must be requeue, discard or restore.");
  return NULL;
}

bool evsd_rate_read(evsd_request *request, uint32_t *out) {
  json_t *rate = json_object_get(request->body, "rate");
  json_int_t number = json_integer_value(rate);
  *out = 0;
  if (rate && (!json_is_integer(rate) || number < 1 || number > RATE_MAX))
    return fail(request, "/rate",
                "\"rate\" must be a whole number of entries in a second, from 1 to 100000.");
  *out = (uint32_t)number;
  return true;
}

void evsd_redrive_add(const evsd_request *request, json_t *params) {
  static const char *const names[] = {"to", "force", "canary", "stop"};
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
    json_t *value = json_object_get(request->body, names[i]);
    if (value)
      json_object_set(params, names[i], value);
  }
}

bool evsd_redrive_fits(evsd_request *request, const evsd_scope *scope) {
  bool has_rules = json_object_get(request->body, "canary") || json_object_get(request->body, "stop");
  return !scope->ids || !has_rules ||
         fail(request, "/scope", "\"canary\" and \"stop\" are for a filter: keys are done at once.");
}
