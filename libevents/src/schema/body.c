/* SPDX-License-Identifier: MIT
 * body.c - see body.h. */
#include "schema/body.h"

#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/json_text.h"
#include "event/identity.h"

/* Not valid by something else than a keyword. */
static evsi_body_state refuse(evsi_judgement *out, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
static evsi_body_state refuse(evsi_judgement *out, const char *format, ...) {
  evsi_buf errors = {0};
  va_list args;
  va_start(args, format);
  vsnprintf(out->reason, sizeof out->reason, format, args);
  va_end(args);
  evsi_buf_add_text(&errors, "[{\"instancePath\":\"\",\"schemaPath\":\"\",\"keyword\":\"\",\"message\":");
  evsi_buf_add_json(&errors, out->reason, strlen(out->reason));
  evsi_buf_add_text(&errors, "}]");
  out->errors = evsi_buf_take(&errors);
  return out->errors ? EVSI_BODY_INVALID : EVSI_BODY_NO_MEMORY;
}

/* From the report: the list of errors, and the first one in words. */
static evsi_body_state take_report(const char *report, evsi_judgement *out) {
  json_t *root = evsi_json_load(evsi_text(report), 0, NULL);
  const json_t *errors = json_object_get(root, "errors"), *first = json_array_get(errors, 0);
  const char *path = json_string_value(json_object_get(first, "instancePath"));
  const char *message = json_string_value(json_object_get(first, "message"));
  out->has_more = json_is_true(json_object_get(root, "more"));
  out->errors = errors ? evsi_json_text(errors) : NULL;
  snprintf(out->reason, sizeof out->reason, "%.100s%s%.140s", path ? path : "", path && *path ? " " : "it ",
           message ? message : "is not valid");
  json_decref(root);
  return out->errors ? EVSI_BODY_INVALID : EVSI_BODY_NO_MEMORY;
}

/* What the policy of a type takes for granted, its writers and readers do. */
static evsi_reading reading_of(const evsi_body_rules *rules, const evsi_schema_version *version) {
  if (evsi_schema_type_policy(version->type) == EVSI_COMPAT_STRICT)
    return EVSI_READ_PLAIN;
  return rules->is_writing ? EVSI_READ_CLOSED : EVSI_READ_FILLED;
}

static evsi_body_state judge(evsi_schema_version *version, evsi_reading reading, evs_bytes body,
                             evsi_judgement *out) {
  evsi_verdict verdict = {.is_valid = false};
  evs_error *error = NULL;
  evsi_body_state state = EVSI_BODY_VALID;
  out->version = version;
  evs_status status = evsi_version_judge(version, reading, body, &verdict, &error);
  if (status == EVS_NOMEM)
    state = EVSI_BODY_NO_MEMORY;
  else if (status != EVS_OK)
    state = refuse(out, "%s", evs_error_message(error));
  else if (!verdict.is_valid)
    state = take_report(verdict.report, out);
  evs_error_free(error);
  evsi_free(verdict.report);
  out->filled = verdict.filled;
  return state;
}

static int shown(evs_bytes text) {
  enum { SHOWN_MAX = 100 };
  return (int)(text.size < SHOWN_MAX ? text.size : SHOWN_MAX);
}

/* The version that counts; EVSI_BODY_VALID where there is one. */
static evsi_body_state choose(const evsi_body_rules *rules, evs_bytes type, evs_bytes version,
                              evsi_schema_version **out_version, evsi_judgement *out) {
  evsi_schema_found found = evsi_registry_find(rules->registry, type, version, out_version);
  if (found == EVSI_SCHEMA_NO_TYPE)
    return rules->required
               ? refuse(out, "type %.*s has no schema, and schemas.required is set", shown(type), type.data)
               : EVSI_BODY_UNCHECKED;
  if (found == EVSI_SCHEMA_FOUND) {
    bool is_gone = rules->is_writing && atomic_load(&(*out_version)->removed_ms);
    return is_gone
               ? refuse(out, "version %s of %.*s was removed", (*out_version)->name, shown(type), type.data)
               : EVSI_BODY_VALID;
  }
  if (rules->on_unknown == EVSI_UNKNOWN_FETCH)
    return EVSI_BODY_UNKNOWN;
  if (rules->on_unknown == EVSI_UNKNOWN_LATEST &&
      evsi_registry_find(rules->registry, type, evsi_bytes(NULL, 0), out_version) == EVSI_SCHEMA_FOUND)
    return EVSI_BODY_VALID;
  return refuse(out, "version %.*s of %.*s is not known", shown(version), version.data ? version.data : "",
                shown(type), type.data);
}

evsi_body_state evsi_body_judge(const evsi_body_rules *rules, evs_bytes type, evs_bytes version,
                                evs_bytes body, evsi_judgement *out) {
  evsi_schema_version *chosen = NULL;
  *out = (evsi_judgement){.version = NULL};
  evsi_body_state state = choose(rules, type, version, &chosen, out);
  return state == EVSI_BODY_VALID ? judge(chosen, reading_of(rules, chosen), body, out) : state;
}

void evsi_judgement_free(evsi_judgement *judgement) {
  evsi_free(judgement->errors);
  evsi_free(judgement->filled);
  judgement->errors = judgement->filled = NULL;
}

char *evsi_judgement_json(const evsi_judgement *judgement, evs_bytes type, evs_bytes body) {
  evsi_buf out = {0};
  char hash[65] = "";
  evsi_sha256_hex(body, hash);
  evsi_buf_add_text(&out, "{\"type\":");
  evsi_buf_add_json(&out, type.data ? type.data : "", type.size);
  if (judgement->version)
    evsi_buf_addf(&out, ",\"version\":\"%s\",\"schemaHash\":\"%s\"", judgement->version->name,
                  judgement->version->hash);
  else
    evsi_buf_add_text(&out, ",\"version\":null,\"schemaHash\":null");
  evsi_buf_addf(&out, ",\"bodyHash\":\"%s\",\"errors\":%s,\"more\":%s}", hash,
                judgement->errors ? judgement->errors : "[]", judgement->has_more ? "true" : "false");
  return evsi_buf_take(&out);
}

/* An error as errors of this library tell problems. */
static json_t *problem_of(const json_t *error, const char *place) {
  const char *path = json_string_value(json_object_get(error, "instancePath"));
  json_t *found = json_object_get(error, "actual"), *expected = json_object_get(error, "expected");
  return json_pack("{s:s+,s:O,s:o,s:o,s:O,s:n}", "path", place, path ? path : "", "message",
                   json_object_get(error, "message"), "found", found ? json_incref(found) : json_null(),
                   "expected", expected ? json_incref(expected) : json_null(), "keyword",
                   json_object_get(error, "keyword"), "suggestion");
}

evs_status evsi_judgement_error(const evsi_judgement *judgement, evs_bytes type, const char *place,
                                evs_error **out_error) {
  json_t *errors = evsi_json_load(evsi_text(judgement->errors), 0, NULL), *problems = json_array(), *each;
  char message[512];
  size_t i;
  json_array_foreach(errors, i, each) json_array_append_new(problems, problem_of(each, place));
  snprintf(message, sizeof message, "the body is not valid by %s%s%s%.*s: %s",
           judgement->version ? "version " : "the schemas",
           judgement->version ? judgement->version->name : "", " of ", shown(type),
           type.data ? type.data : "", judgement->reason);
  char *text = problems ? evsi_json_text(problems) : NULL;
  json_decref(errors);
  json_decref(problems);
  evs_status status =
      text ? evsi_error_problems(out_error, EVS_VALIDATION, message, text) : evsi_error_nomem(out_error);
  evsi_free(text);
  return status;
}
