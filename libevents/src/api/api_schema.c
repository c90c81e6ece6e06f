/* SPDX-License-Identifier: MIT
 * api_schema.c - the boundary: schemas by themselves. Those of event types are requests. */
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/alloc.h"
#include "base/error.h"
#include "base/json_text.h"
#include "schema/compat.h"
#include "schema/validator.h"

enum { LIMIT_MAX = 10000 };

/* ---- options ------------------------------------------------------------------------------------ */

/* Text that has a size has data. */
static evs_status check_text(evs_bytes text, evs_error **out_error) {
  if (text.data || text.size == 0)
    return EVS_OK;
  return evsi_error(out_error, EVS_ARGUMENT, NULL, "the text has a size of %llu but no data",
                    (unsigned long long)text.size);
}

static evs_status refuse_option(const char *name, const char *expected, evs_error **out_error) {
  char path[80];
  snprintf(path, sizeof path, "/%.64s", name);
  return evsi_error(out_error, EVS_VALIDATION, path, "option %.64s: expected %s", name, expected);
}

/* An object with these members alone; NULL-terminated names. Empty text: an empty object. */
static evs_status load_options(evs_bytes json, const char *const *names, json_t **out,
                               evs_error **out_error) {
  const char *name;
  json_t *value;
  *out = json.size ? evsi_json_load(json, JSON_REJECT_DUPLICATES, NULL) : json_object();
  if (!json_is_object(*out))
    return evsi_error(out_error, EVS_VALIDATION, NULL, "the options must be a JSON object");
  json_object_foreach(*out, name, value) {
    const char *const *known = names;
    while (*known && strcmp(*known, name) != 0)
      known++;
    if (!*known)
      return refuse_option(name, "no such option", out_error);
  }
  return EVS_OK;
}

/* Which of the words the option is; the first where it is not given. */
static evs_status choose(const json_t *options, const char *name, const char *const words[], int *out,
                         evs_error **out_error) {
  const json_t *value = json_object_get(options, name);
  const char *text = json_string_value(value);
  evsi_buf expected = {0};
  *out = 0;
  if (!value)
    return EVS_OK;
  for (int i = 0; words[i]; i++) {
    *out = i;
    if (text && strcmp(text, words[i]) == 0)
      return EVS_OK;
    evsi_buf_addf(&expected, "%s\"%s\"", i ? " or " : "", words[i]);
  }
  evs_status status = refuse_option(name, expected.data ? expected.data : "another word", out_error);
  evsi_buf_free(&expected);
  return status;
}

/* ---- compiling ---------------------------------------------------------------------------------- */

/* Texts of the option `documents`, made when they are asked for and kept until the end. */
typedef struct documents {
  const json_t *given;
  json_t *texts;
} documents;

static bool look_up(void *user, const char *uri, evs_bytes *out_text) {
  documents *known = user;
  json_t *document = json_object_get(known->given, uri);
  if (!document)
    return false;
  if (!json_is_string(document)) {
    char *text = evsi_json_text(document);
    document = text ? json_string(text) : NULL;
    evsi_free(text);
    if (!document || json_array_append_new(known->texts, document) != 0)
      return false;
  }
  *out_text = evsi_bytes(json_string_value(document), json_string_length(document));
  return true;
}

static evs_status compile(evs_bytes text, const json_t *options, evs_schema **out_schema,
                          evs_error **out_error) {
  static const char *const drafts[] = {"2020-12", "draft-07", NULL};
  static const char *const formats[] = {"annotation", "assertion", NULL};
  const json_t *uri = json_object_get(options, "uri");
  documents known = {.given = json_object_get(options, "documents")};
  int draft = 0, format = 0;
  evs_status status = choose(options, "draft", drafts, &draft, out_error);
  if (status == EVS_OK)
    status = choose(options, "format", formats, &format, out_error);
  if (status == EVS_OK && uri && !json_is_string(uri))
    status = refuse_option("uri", "a text", out_error);
  if (status == EVS_OK && known.given && !json_is_object(known.given))
    status = refuse_option("documents", "an object of URI to schema", out_error);
  if (status != EVS_OK)
    return status;
  known.texts = json_array();
  evsi_schema_options how = {.draft = draft == 1 ? EVSI_DRAFT_07 : EVSI_DRAFT_2020_12,
                             .asserts_format = format == 1,
                             .uri = evsi_bytes(json_string_value(uri), json_string_length(uri)),
                             .lookup = look_up,
                             .user = &known};
  status = evsi_validator_new(text, &how, out_schema, out_error);
  json_decref(known.texts);
  return status;
}

evs_status evs_schema_compile(evs_bytes text, evs_bytes options_json, evs_schema **out_schema,
                              evs_error **out_error) {
  static const char *const names[] = {"draft", "format", "uri", "documents", NULL};
  json_t *options = NULL;
  if (!out_schema)
    return evsi_error(out_error, EVS_ARGUMENT, NULL, "out_schema is NULL");
  evs_status status = check_text(text, out_error);
  if (status == EVS_OK)
    status = check_text(options_json, out_error);
  if (status == EVS_OK)
    status = load_options(options_json, names, &options, out_error);
  if (status == EVS_OK)
    status = compile(text, options, out_schema, out_error);
  json_decref(options);
  return status;
}

void evs_schema_free(evs_schema *schema) {
  evsi_validator_free(schema);
}

/* ---- validating --------------------------------------------------------------------------------- */

static evs_status check_call(const evs_schema *schema, evs_bytes text, const void *out,
                             evs_error **out_error) {
  if (!schema || !out)
    return evsi_error(out_error, EVS_ARGUMENT, NULL, "the schema or an out-parameter is NULL");
  return check_text(text, out_error);
}

evs_status evs_schema_validate(const evs_schema *schema, evs_bytes text, int32_t *out_valid,
                               evs_error **out_error) {
  bool is_valid = false;
  evs_status status = check_call(schema, text, out_valid, out_error);
  if (status != EVS_OK)
    return status;
  evsi_validation *v = evsi_validator_lend(schema);
  if (!v)
    return evsi_error_nomem(out_error);
  status = evsi_schema_validate(evsi_validator_program(schema), v, text, &is_valid, out_error);
  evsi_validator_give_back(schema, v);
  if (status == EVS_OK)
    *out_valid = is_valid;
  return status;
}

static evs_status report(const evs_schema *schema, evs_bytes text, const json_t *options, char **out_json,
                         evs_error **out_error) {
  static const char *const forms[] = {"own", "basic", NULL};
  const json_t *limit = json_object_get(options, "limit");
  json_int_t most = limit ? json_integer_value(limit) : EVSI_ERRORS_LIMIT;
  bool is_valid;
  int form = 0;
  evs_status status = choose(options, "form", forms, &form, out_error);
  if (status == EVS_OK && (most < 1 || most > LIMIT_MAX))
    status = refuse_option("limit", "a whole number from 1 to 10000", out_error);
  if (status != EVS_OK)
    return status;
  evsi_validation *v = evsi_validator_lend(schema);
  if (!v)
    return evsi_error_nomem(out_error);
  const evsi_schema *program = evsi_validator_program(schema);
  status = evsi_schema_validate(program, v, text, &is_valid, out_error);
  if (status == EVS_OK)
    status = evsi_schema_report(program, v, form == 1 ? EVSI_REPORT_BASIC : EVSI_REPORT_OWN, (uint32_t)most,
                                out_json, out_error);
  evsi_validator_give_back(schema, v);
  return status;
}

evs_status evs_schema_report(const evs_schema *schema, evs_bytes text, evs_bytes options_json,
                             char **out_json, evs_error **out_error) {
  static const char *const names[] = {"form", "limit", NULL};
  json_t *options = NULL;
  evs_status status = check_call(schema, text, out_json, out_error);
  if (status == EVS_OK)
    status = check_text(options_json, out_error);
  if (status == EVS_OK)
    status = load_options(options_json, names, &options, out_error);
  if (status == EVS_OK)
    status = report(schema, text, options, out_json, out_error);
  json_decref(options);
  return status;
}

evs_status evs_schema_fill(const evs_schema *schema, evs_bytes text, char **out_text, evs_error **out_error) {
  evsi_verdict verdict;
  evs_status status = check_call(schema, text, out_text, out_error);
  if (status == EVS_OK)
    status = evsi_validator_judge(schema, EVSI_READ_FILLED, text, &verdict, out_error);
  if (status != EVS_OK)
    return status;
  evsi_free(verdict.report);
  *out_text = verdict.filled;
  return EVS_OK;
}

/* ---- comparing ---------------------------------------------------------------------------------- */

evs_status evs_schema_compat(const evs_schema *older, const evs_schema *newer, evs_bytes options_json,
                             char **out_json, evs_error **out_error) {
  static const char *const names[] = {"mode", "policy", NULL};
  static const char *const modes[] = {"backward", "forward", "full", NULL};
  static const evsi_compat_mode mode_values[] = {EVSI_COMPAT_BACKWARD, EVSI_COMPAT_FORWARD, EVSI_COMPAT_FULL};
  static const char *const policies[] = {"pragmatic", "strict", NULL};
  json_t *options = NULL;
  int mode = 0, policy = 0;
  bool allowed;
  if (!older || !newer || !out_json)
    return evsi_error(out_error, EVS_ARGUMENT, NULL, "a schema or out_json is NULL");
  evs_status status = check_text(options_json, out_error);
  if (status == EVS_OK)
    status = load_options(options_json, names, &options, out_error);
  if (status == EVS_OK)
    status = choose(options, "mode", modes, &mode, out_error);
  if (status == EVS_OK)
    status = choose(options, "policy", policies, &policy, out_error);
  json_decref(options);
  if (status != EVS_OK)
    return status;
  const evsi_schema *earlier = evsi_validator_program(older);
  evsi_compat_question question = {.earlier = &earlier,
                                   .earlier_count = 1,
                                   .candidate = evsi_validator_program(newer),
                                   .mode = mode_values[mode],
                                   .policy = policy == 1 ? EVSI_COMPAT_STRICT : EVSI_COMPAT_PRAGMATIC};
  return evsi_compat_check(&question, &allowed, out_json, out_error);
}
