/* SPDX-License-Identifier: MIT
 * schema_requests.c - the requests schemas.…: what reads is answered at once, what changes goes into the
 * queue of schema_change.c. */
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/json_text.h"
#include "system/schemas.h"

/* ---- arguments ------------------------------------------------------------------------------------ */

static evs_bytes text_in(const json_t *params, const char *name) {
  const json_t *text = json_object_get(params, name);
  return evsi_bytes(json_string_value(text), json_string_length(text));
}

evs_status evsi_schema_param(const json_t *params, const char *text_name, const char *value_name,
                             char **out_text, evs_error **out_error) {
  const json_t *text = json_object_get(params, text_name), *value = json_object_get(params, value_name);
  *out_text = NULL;
  if (json_is_string(text))
    *out_text = evsi_strndup(json_string_value(text), json_string_length(text));
  else if (value)
    *out_text = evsi_json_text(value);
  return *out_text || (!value && !json_is_string(text)) ? EVS_OK : evsi_error_nomem(out_error);
}

evs_status evsi_schema_rule_params(const json_t *params, evsi_compat_rule *rule, evs_error **out_error) {
  const json_t *mode = json_object_get(params, "compatibility"), *policy = json_object_get(params, "policy");
  const char *word = json_string_value(policy);
  if (mode && (!json_is_string(mode) || !evsi_compat_rule_parse(json_string_value(mode), rule)))
    return evsi_error(
        out_error, EVS_VALIDATION, "/compatibility",
        "compatibility is none, backward, forward or full, the last three also with -transitive");
  if (policy && (!word || (strcmp(word, "pragmatic") != 0 && strcmp(word, "strict") != 0)))
    return evsi_error(out_error, EVS_VALIDATION, "/policy", "policy is pragmatic or strict");
  if (word)
    rule->policy = strcmp(word, "strict") == 0 ? EVSI_COMPAT_STRICT : EVSI_COMPAT_PRAGMATIC;
  return EVS_OK;
}

/* The version that `type` and the member `name` of the arguments mean; not given: the latest. */
static evs_status find(evsi_schemas *schemas, const json_t *params, const char *name,
                       evsi_schema_version **out_version, evs_error **out_error) {
  char type[EVSI_TYPE_MAX + 1], path[16];
  evs_bytes version = text_in(params, name);
  evs_status status = evsi_type_fold(text_in(params, "type"), "", true, type, NULL, out_error);
  if (status != EVS_OK)
    return status;
  snprintf(path, sizeof path, "/%s", name);
  switch (evsi_registry_find(schemas->registry, evsi_text(type), version, out_version)) {
  case EVSI_SCHEMA_FOUND:
    return EVS_OK;
  case EVSI_SCHEMA_NO_TYPE:
    return evsi_error(out_error, EVS_NOT_FOUND, "/type", "there is no schema of type %s", type);
  case EVSI_SCHEMA_NO_VERSION:
    break;
  }
  return evsi_error(out_error, EVS_NOT_FOUND, path, "there is no version %.*s of type %s",
                    (int)(version.size < 64 ? version.size : 64), version.size ? version.data : "", type);
}

/* ---- what reads ----------------------------------------------------------------------------------- */

typedef evs_status (*reader)(evsi_schemas *schemas, const json_t *params, evsi_buf *out,
                             evs_error **out_error);

static void add_version(evsi_schemas *schemas, const evsi_schema_version *version, bool with_text,
                        evsi_buf *out) {
  evsi_compat_rule rule;
  evsi_registry_rule(schemas->registry, evsi_text(evsi_schema_type_name(version->type)), &rule);
  evsi_version_json(version, &rule, with_text, out);
}

static evs_status list(evsi_schemas *schemas, const json_t *params, evsi_buf *out, evs_error **out_error) {
  static const char *const kinds[] = {[EVSI_SCHEMAS_IN_MEMORY] = "memory",
                                      [EVSI_SCHEMAS_IN_FOLDER] = "folder",
                                      [EVSI_SCHEMAS_IN_TRANSPORT] = "transport"};
  bool has_type = json_is_string(json_object_get(params, "type")), any = false;
  bool with_text = json_is_true(json_object_get(params, "schemas"));
  char type[EVSI_TYPE_MAX + 1] = "";
  evsi_registry_walk walk = {NULL, 0};
  const evsi_schema_version *each;
  evs_status status =
      has_type ? evsi_type_fold(text_in(params, "type"), "", true, type, NULL, out_error) : EVS_OK;
  if (status != EVS_OK)
    return status;
  evsi_buf_add_text(out, "{\"items\":[");
  while ((each = evsi_registry_next(schemas->registry, &walk))) {
    if (has_type && strcmp(type, evsi_schema_type_name(each->type)) != 0)
      continue;
    evsi_buf_add_text(out, any ? "," : "");
    add_version(schemas, each, with_text, out);
    any = true;
  }
  evsi_buf_addf(
      out, "],\"registry\":{\"kind\":\"%s\",\"alarm\":", kinds[schemas->system->opened_with->schemas.where]);
  if (schemas->alarm[0])
    evsi_buf_add_json(out, schemas->alarm, strlen(schemas->alarm));
  else
    evsi_buf_add_text(out, "null");
  evsi_buf_add_text(out, "}}");
  return EVS_OK;
}

static evs_status get(evsi_schemas *schemas, const json_t *params, evsi_buf *out, evs_error **out_error) {
  evsi_schema_version *version;
  evs_status status = find(schemas, params, "version", &version, out_error);
  if (status == EVS_OK)
    add_version(schemas, version, true, out);
  return status;
}

/* The verdict as the answer of schemas.validate, without its braces. */
static evs_status add_verdict(const evsi_schema_version *version, evs_bytes body, const json_t *params,
                              evsi_buf *out, evs_error **out_error) {
  const json_t *limit = json_object_get(params, "limit"), *form = json_object_get(params, "form");
  json_int_t most = limit ? json_integer_value(limit) : EVSI_ERRORS_LIMIT;
  bool is_basic = json_is_string(form) && strcmp(json_string_value(form), "basic") == 0, is_valid;
  const evsi_schema *program = evsi_validator_program(version->schema);
  char *report = NULL;
  if (most < 1 || most > 10000)
    return evsi_error(out_error, EVS_VALIDATION, "/limit", "limit is a whole number from 1 to 10000");
  evsi_validation *v = evsi_validator_lend(version->schema);
  if (!v)
    return evsi_error_nomem(out_error);
  evs_status status = evsi_schema_validate(program, v, body, &is_valid, out_error);
  if (status == EVS_OK)
    status = evsi_schema_report(program, v, is_basic ? EVSI_REPORT_BASIC : EVSI_REPORT_OWN, (uint32_t)most,
                                &report, out_error);
  evsi_validator_give_back(version->schema, v);
  if (status == EVS_OK && is_basic)
    evsi_buf_addf(out, "\"valid\":%s,\"errors\":[],\"more\":false,\"output\":%s", is_valid ? "true" : "false",
                  report);
  else if (status == EVS_OK)
    evsi_buf_add(out, report + 1, strlen(report) - 2);
  evsi_free(report);
  return status;
}

/* With what is left out and has a default, where that is asked for. */
static evs_status fill(const evsi_schema_version *version, const json_t *params, char **body,
                       evs_error **out_error) {
  evsi_verdict verdict;
  if (!json_is_true(json_object_get(params, "fill")))
    return EVS_OK;
  evs_status status =
      evsi_validator_judge(version->schema, EVSI_READ_FILLED, evsi_text(*body), &verdict, out_error);
  if (status != EVS_OK)
    return status;
  evsi_free(verdict.report);
  if (verdict.filled) {
    evsi_free(*body);
    *body = verdict.filled;
  }
  return EVS_OK;
}

static evs_status validate(evsi_schemas *schemas, const json_t *params, evsi_buf *out,
                           evs_error **out_error) {
  evsi_schema_version *version;
  evs_status status = find(schemas, params, "version", &version, out_error);
  char *body = NULL;
  if (status == EVS_OK)
    status = evsi_schema_param(params, "bodyText", "body", &body, out_error);
  if (status != EVS_OK)
    return status;
  if (!body)
    return evsi_error(out_error, EVS_VALIDATION, "/body",
                      "there is no body: give bodyText, or body as a value");
  const char *type = evsi_schema_type_name(version->type);
  evsi_buf_add_text(out, "{\"type\":");
  evsi_buf_add_json(out, type, strlen(type));
  evsi_buf_addf(out, ",\"version\":\"%s\",", version->name);
  status = fill(version, params, &body, out_error);
  if (status == EVS_OK)
    status = add_verdict(version, evsi_text(body), params, out, out_error);
  if (json_is_true(json_object_get(params, "fill"))) {
    evsi_buf_add_text(out, ",\"bodyText\":");
    evsi_buf_add_json(out, body, strlen(body));
  }
  evsi_buf_add_text(out, "}");
  evsi_free(body);
  return status;
}

static evs_status compat(evsi_schemas *schemas, const json_t *params, evsi_buf *out, evs_error **out_error) {
  char type[EVSI_TYPE_MAX + 1];
  evsi_compat_rule rule;
  char *text = NULL, *report = NULL;
  evs_status status = evsi_type_fold(text_in(params, "type"), "", true, type, NULL, out_error);
  if (status == EVS_OK) {
    evsi_registry_rule(schemas->registry, evsi_text(type), &rule);
    status = evsi_schema_rule_params(params, &rule, out_error);
  }
  if (status == EVS_OK)
    status = evsi_schema_param(params, "schemaText", "schema", &text, out_error);
  if (status == EVS_OK && !text)
    status =
        evsi_error(out_error, EVS_VALIDATION, "/schema", "there is no schema: give schemaText, or schema");
  evsi_registration in = {.type = evsi_text(type), .text = evsi_text(text), .rule = &rule};
  if (status == EVS_OK)
    status = evsi_registry_compare(schemas->registry, &in, &report, out_error);
  if (status == EVS_OK) {
    evsi_buf_add(out, report, strlen(report) - 1);
    evsi_buf_addf(out, ",\"compatibility\":\"%s\",\"policy\":\"%s\"}", evsi_compat_rule_word(&rule),
                  evsi_compat_policy_word(rule.policy));
  }
  evsi_free(report);
  evsi_free(text);
  return status;
}

/* Both directions, as the member `compatibility` of schemas.diff. */
static evs_status add_directions(const evsi_schema_version *from, const evs_schema *to,
                                 evsi_compat_policy policy, evsi_buf *out, evs_error **out_error) {
  static const evsi_compat_mode modes[] = {EVSI_COMPAT_BACKWARD, EVSI_COMPAT_FORWARD};
  static const char *const names[] = {"backward", "forward"};
  const evsi_schema *earlier = evsi_validator_program(from->schema);
  json_t *result = json_object(), *reasons = json_array();
  evs_status status = EVS_OK;
  for (int i = 0; i < 2 && status == EVS_OK; i++) {
    evsi_compat_question question = {.earlier = &earlier,
                                     .earlier_count = 1,
                                     .candidate = evsi_validator_program(to),
                                     .mode = modes[i],
                                     .policy = policy};
    char *report = NULL;
    bool allowed;
    status = evsi_compat_check(&question, &allowed, &report, out_error);
    json_t *root = report ? evsi_json_load(evsi_text(report), 0, NULL) : NULL;
    json_object_set(result, names[i], json_object_get(root, "verdict"));
    json_array_extend(reasons, json_object_get(root, "reasons"));
    json_decref(root);
    evsi_free(report);
  }
  json_object_set_new(result, "reasons", reasons);
  char *text = status == EVS_OK ? evsi_json_text(result) : NULL;
  json_decref(result);
  if (text)
    evsi_buf_addf(out, ",\"compatibility\":%s", text);
  else if (status == EVS_OK)
    status = evsi_error_nomem(out_error);
  evsi_free(text);
  return status;
}

static evs_status add_diff(evsi_schemas *schemas, const evsi_schema_version *from, const evs_schema *to,
                           evs_bytes to_text, evsi_buf *out, evs_error **out_error) {
  evsi_compat_rule rule;
  evsi_registry_rule(schemas->registry, evsi_text(evsi_schema_type_name(from->type)), &rule);
  evsi_buf_add_text(out, ",\"changes\":[");
  evs_status status = evsi_schema_diff(evsi_text(from->text), to_text, out, out_error);
  evsi_buf_add_text(out, "]");
  if (status == EVS_OK)
    status = add_directions(from, to, rule.policy, out, out_error);
  evsi_buf_add_text(out, "}");
  return status;
}

static evs_status diff(evsi_schemas *schemas, const json_t *params, evsi_buf *out, evs_error **out_error) {
  evsi_schema_version *from, *to = NULL;
  evs_schema *given = NULL;
  char *text = NULL;
  evs_status status = find(schemas, params, "from", &from, out_error);
  if (status == EVS_OK)
    status = evsi_schema_param(params, "schemaText", "schema", &text, out_error);
  if (status == EVS_OK && text)
    status = evsi_registry_compile(schemas->registry, evsi_schema_type_name(from->type), evsi_text(text),
                                   &given, out_error);
  else if (status == EVS_OK)
    status = find(schemas, params, "to", &to, out_error);
  if (status == EVS_OK) {
    evsi_buf_addf(out, "{\"from\":\"%s\",\"to\":", from->name);
    if (to)
      evsi_buf_addf(out, "\"%s\"", to->name);
    else
      evsi_buf_add_text(out, "null");
    status =
        add_diff(schemas, from, to ? to->schema : given, evsi_text(to ? to->text : text), out, out_error);
  }
  evsi_validator_free(given);
  evsi_free(text);
  return status;
}

/* ---- the table ------------------------------------------------------------------------------------ */

static const struct {
  const char *method;
  reader read; /* or NULL: it changes something */
  evsi_change_kind change;
} methods[] = {
    {"schemas.list", list, 0},
    {"schemas.get", get, 0},
    {"schemas.validate", validate, 0},
    {"schemas.compat", compat, 0},
    {"schemas.diff", diff, 0},
    {"schemas.register", NULL, EVSI_CHANGE_REGISTER},
    {"schemas.set", NULL, EVSI_CHANGE_SET},
    {"schemas.remove", NULL, EVSI_CHANGE_REMOVE},
    {"asyncapi", evsi_asyncapi_read, 0},
};

enum { METHODS = sizeof methods / sizeof methods[0] };

static size_t index_of(const char *method) {
  size_t i = 0;
  while (i < METHODS && strcmp(methods[i].method, method) != 0)
    i++;
  return i;
}

bool evsi_is_schemas_method(const char *method) {
  return index_of(method) < METHODS;
}

static void answer(evsi_schemas *schemas, reader read, const json_t *params, uint64_t request) {
  evsi_buf out = {0};
  evs_error *error = NULL;
  evs_status status = read(schemas, params, &out, &error);
  if (status == EVS_OK && out.failed)
    evsi_error_nomem(&error);
  if (error)
    evsi_requests_fail(schemas->system, request, error);
  else
    evsi_requests_answer(schemas->system, request, EVS_OK, evsi_bytes(out.data, out.size));
  evsi_buf_free(&out);
}

void evsi_schemas_begin(evs_system *system, const char *method, const char *params, uint64_t request) {
  size_t index = index_of(method);
  json_t *root = evsi_json_load(evsi_text(params), 0, NULL);
  if (root && methods[index].read) {
    answer(system->schemas, methods[index].read, root, request);
    json_decref(root);
    return;
  }
  evsi_schema_change *change = root ? evsi_calloc(1, sizeof *change) : NULL;
  if (!change) {
    json_decref(root);
    evsi_requests_answer(system, request, EVS_NOMEM, evsi_text("out of memory"));
    return;
  }
  change->kind = methods[index].change;
  change->request = request;
  change->params = root;
  evsi_schema_change_add(system->schemas, change);
}
