/* SPDX-License-Identifier: MIT
 * api_pure.c - public functions about types, patterns and origins that need no system. */
#include <jansson.h>
#include <string.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/error.h"
#include "base/json_text.h"
#include "config/config.h"
#include "consume/expression.h"
#include "consume/matcher.h"
#include "event/pattern.h"
#include "event/pattern_trie.h"
#include "event/segment.h"
#include "event/type_name.h"
#include "libevents.h"

enum { ORIGINS_MAX = 1024 };

static evs_status check_span(evs_bytes bytes, const char *name, evs_error **out_error) {
  if (!bytes.data && bytes.size > 0)
    return evsi_error(out_error, EVS_ARGUMENT, NULL, "%s has a size of %llu but no data", name,
                      (unsigned long long)bytes.size);
  return EVS_OK;
}

static evs_status give_text(const char *text, char **out_text, evs_error **out_error) {
  char *copy = evsi_strdup(text);
  if (!copy)
    return evsi_error_nomem(out_error);
  *out_text = copy;
  return EVS_OK;
}

/* Empty stays empty; out has room for EVSI_TYPE_MAX + 1 bytes. */
static evs_status fold_prefix(evs_bytes prefix, char *out, evs_error **out_error) {
  out[0] = '\0';
  evs_status status = check_span(prefix, "origin_prefix", out_error);
  return status == EVS_OK && prefix.size > 0 ? evsi_prefix_fold(prefix, out, out_error) : status;
}

evs_status evs_config_check(const char *config_json, size_t config_size, char **out_json,
                            evs_error **out_error) {
  if (!out_json || (!config_json && config_size > 0))
    return evsi_error(out_error, EVS_ARGUMENT, NULL, "config_json and out_json must not be NULL");
  return evsi_config_report(config_json ? config_json : "", config_size, out_json, out_error);
}

evs_status evs_pattern_normalize(evs_bytes pattern, evs_bytes origin_prefix, int32_t extended_types,
                                 char **out_text, evs_error **out_error) {
  char prefix[EVSI_TYPE_MAX + 1], text[EVSI_PATTERN_MAX + 1];
  if (!out_text)
    return evsi_error(out_error, EVS_ARGUMENT, NULL, "out_text must not be NULL");
  evs_status status = check_span(pattern, "pattern", out_error);
  if (status == EVS_OK)
    status = fold_prefix(origin_prefix, prefix, out_error);
  if (status != EVS_OK)
    return status;
  evsi_origin_rule rule = {.origin_prefix = prefix, .extended_types = extended_types != 0};
  status = evsi_matcher_normalize(pattern, &rule, text, out_error);
  return status == EVS_OK ? give_text(text, out_text, out_error) : status;
}

static evs_status matches_one(const char *pattern, evs_bytes full_type, const char *prefix, bool *out_matches,
                              evs_error **out_error) {
  bool failed;
  if (evsi_pattern_is_expression(evsi_text(pattern)))
    return evsi_expression_matches(pattern, full_type, prefix, out_matches, out_error);
  *out_matches = evsi_pattern_matches_text(pattern, full_type, prefix, &failed);
  return failed ? evsi_error_nomem(out_error) : EVS_OK;
}

evs_status evs_pattern_matches(evs_bytes pattern, evs_bytes full_type, evs_bytes origin_prefix,
                               int32_t *out_matches, evs_error **out_error) {
  char prefix[EVSI_TYPE_MAX + 1], text[EVSI_PATTERN_MAX + 1], type[EVSI_MATCH_TEXT_MAX];
  if (!out_matches)
    return evsi_error(out_error, EVS_ARGUMENT, NULL, "out_matches must not be NULL");
  evs_status status = check_span(pattern, "pattern", out_error);
  if (status == EVS_OK)
    status = check_span(full_type, "full_type", out_error);
  if (status == EVS_OK)
    status = fold_prefix(origin_prefix, prefix, out_error);
  if (status != EVS_OK)
    return status;
  evsi_origin_rule rule = {.origin_prefix = prefix};
  status = evsi_matcher_normalize(pattern, &rule, text, out_error);
  if (status != EVS_OK)
    return status;
  if (full_type.size > sizeof type)
    return evsi_error(out_error, EVS_VALIDATION, "/type",
                      "the full type has %llu bytes, at most %zu are allowed",
                      (unsigned long long)full_type.size, sizeof type);
  for (uint64_t i = 0; i < full_type.size; i++)
    type[i] = evsi_fold(full_type.data[i]);
  bool matches;
  status = matches_one(text, evsi_bytes(type, full_type.size), prefix, &matches, out_error);
  if (status == EVS_OK)
    *out_matches = matches;
  return status;
}

evs_status evs_type_check(evs_bytes type, int32_t extended_types, evs_error **out_error) {
  char folded[EVSI_TYPE_MAX + 1];
  evs_status status = check_span(type, "type", out_error);
  return status == EVS_OK ? evsi_type_fold(type, NULL, extended_types != 0, folded, NULL, out_error) : status;
}

evs_status evs_full_type(evs_bytes type, evs_bytes origin_prefix, char **out_text, evs_error **out_error) {
  char prefix[EVSI_TYPE_MAX + 1], folded[EVSI_TYPE_MAX + 1];
  if (!out_text)
    return evsi_error(out_error, EVS_ARGUMENT, NULL, "out_text must not be NULL");
  evs_status status = check_span(type, "type", out_error);
  if (status == EVS_OK)
    status = fold_prefix(origin_prefix, prefix, out_error);
  if (status == EVS_OK)
    status = evsi_type_fold(type, NULL, true, folded, NULL, out_error);
  if (status != EVS_OK)
    return status;
  evsi_buf full = {0};
  evsi_buf_addf(&full, "%s%s%s", prefix, prefix[0] ? "." : "", folded);
  char *text = evsi_buf_take(&full);
  if (!text)
    return evsi_error_nomem(out_error);
  *out_text = text;
  return EVS_OK;
}

/* The query of evs_origin_delivered(), folded. */
typedef struct origin_query {
  char own[EVSI_TYPE_MAX + 1];
  char event[EVSI_TYPE_MAX + 1];
  char type[EVSI_TYPE_MAX + 1];
  const char *pattern;
  char **origins;
  uint32_t origin_count;
  bool origins_set;
} origin_query;

static evs_status read_prefix(const json_t *value, const char *path, char *out, evs_error **out_error) {
  out[0] = '\0';
  if (!value || json_is_null(value))
    return EVS_OK;
  if (!json_is_string(value))
    return evsi_error(out_error, EVS_VALIDATION, path, "%s must be a text or null", path + 1);
  if (json_string_length(value) == 0)
    return EVS_OK;
  return evsi_prefix_fold(evsi_bytes(json_string_value(value), json_string_length(value)), out, out_error);
}

static evs_status read_origins(const json_t *value, origin_query *query, evs_error **out_error) {
  char folded[EVSI_TYPE_MAX + 1];
  if (!value || json_is_null(value))
    return EVS_OK;
  if (!json_is_array(value) || json_array_size(value) > ORIGINS_MAX)
    return evsi_error(out_error, EVS_VALIDATION, "/origins",
                      "origins must be null or an array of at most %d prefixes", ORIGINS_MAX);
  query->origins_set = true;
  query->origins = evsi_calloc(json_array_size(value) + 1, sizeof *query->origins);
  if (!query->origins)
    return evsi_error_nomem(out_error);
  for (size_t i = 0; i < json_array_size(value); i++) {
    evs_status status = read_prefix(json_array_get(value, i), "/origins", folded, out_error);
    if (status != EVS_OK)
      return status;
    query->origins[i] = evsi_strdup(folded);
    if (!query->origins[i])
      return evsi_error_nomem(out_error);
    query->origin_count++;
  }
  return EVS_OK;
}

static evs_status read_origin_query(const json_t *root, origin_query *query, evs_error **out_error) {
  const json_t *type = json_object_get(root, "type");
  query->pattern = json_string_value(json_object_get(root, "pattern"));
  if (!query->pattern || !json_is_string(type))
    return evsi_error(
        out_error, EVS_VALIDATION, query->pattern ? "/type" : "/pattern",
        "the query must be a JSON object {originPrefix, origins, eventPrefix, type, pattern}, of which "
        "type and pattern are required texts");
  evs_status status =
      read_prefix(json_object_get(root, "originPrefix"), "/originPrefix", query->own, out_error);
  if (status == EVS_OK)
    status = read_prefix(json_object_get(root, "eventPrefix"), "/eventPrefix", query->event, out_error);
  if (status == EVS_OK)
    status = read_origins(json_object_get(root, "origins"), query, out_error);
  if (status == EVS_OK)
    status = evsi_type_fold(evsi_bytes(json_string_value(type), json_string_length(type)), NULL, true,
                            query->type, NULL, out_error);
  return status;
}

/* Asks the matcher that subscriptions use, with this one pattern in it. */
static evs_status ask_matcher(const origin_query *query, int32_t *out_delivered, evs_error **out_error) {
  uint32_t id;
  bool filtered;
  evsi_origin_rule rule = {.origin_prefix = query->own,
                           .origins = (const char *const *)query->origins,
                           .origin_count = query->origin_count,
                           .origins_set = query->origins_set,
                           .extended_types = true};
  evsi_matcher *matcher = evsi_matcher_new();
  if (!matcher)
    return evsi_error_nomem(out_error);
  evs_status status = evsi_matcher_add(matcher, query->pattern, &rule, 0, out_error);
  if (status == EVS_OK)
    *out_delivered =
        evsi_matcher_match(matcher, evsi_text(query->event), evsi_text(query->type), &id, 1, &filtered) > 0;
  evsi_matcher_free(matcher);
  return status;
}

evs_status evs_origin_delivered(const char *query_json, size_t query_size, int32_t *out_delivered,
                                evs_error **out_error) {
  json_error_t why;
  origin_query query = {.origins_set = false};
  if (!query_json || !out_delivered)
    return evsi_error(out_error, EVS_ARGUMENT, NULL, "query_json and out_delivered must not be NULL");
  json_t *root = evsi_json_load(evsi_bytes(query_json, query_size), JSON_REJECT_DUPLICATES, &why);
  if (!root)
    return evsi_json_refused(out_error, "the query", &why);
  evs_status status = read_origin_query(root, &query, out_error);
  if (status == EVS_OK)
    status = ask_matcher(&query, out_delivered, out_error);
  for (uint32_t i = 0; i < query.origin_count; i++)
    evsi_free(query.origins[i]);
  evsi_free(query.origins);
  json_decref(root);
  return status;
}
