/* SPDX-License-Identifier: MIT
 * vectors_test.c - runs every shared vector of every file through the public interface only, so that what
 * holds here holds for each binding. The folder is the first argument, else EVS_VECTORS, else the sources'.
 * Prints per file how many ran, then `N vectors`; exits 1 when one is wrong or was left out. */
#include <dirent.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "libevents.h"

/* Does the library do what the vector says? `why` gets what it did instead. */
typedef bool (*check_fn)(const json_t *vector, char *why, size_t room);

static evs_bytes bytes_of(const json_t *text) {
  evs_bytes bytes = {json_string_value(text), json_string_length(text)};
  return bytes;
}

static evs_bytes member(const json_t *vector, const char *name) {
  return bytes_of(json_object_get(vector, name));
}

static bool differ(char *why, size_t room, const char *format, ...) __attribute__((format(printf, 3, 4)));
static bool differ(char *why, size_t room, const char *format, ...) {
  va_list args;
  va_start(args, format);
  vsnprintf(why, room, format, args);
  va_end(args);
  return false;
}

static bool check_flag(const json_t *vector, const char *name, bool found, char *why, size_t room) {
  const json_t *expected = json_object_get(vector, name);
  if (!json_is_boolean(expected))
    return differ(why, room, "the vector has no flag \"%s\"", name);
  return json_is_true(expected) == found || differ(why, room, "%s is %s", name, found ? "true" : "false");
}

static bool check_text(const json_t *vector, const char *name, const char *found, char *why, size_t room) {
  const char *expected = json_string_value(json_object_get(vector, name));
  if (!expected)
    return differ(why, room, "the vector has no text \"%s\"", name);
  return (found && strcmp(expected, found) == 0) ||
         differ(why, room, "%s is %s", name, found ? found : "nothing");
}

static bool check_number(const json_t *vector, const char *name, uint64_t found, char *why, size_t room) {
  const json_t *expected = json_object_get(vector, name);
  if (!json_is_integer(expected))
    return differ(why, room, "the vector has no number \"%s\"", name);
  return (uint64_t)json_integer_value(expected) == found ||
         differ(why, room, "%s is %llu", name, (unsigned long long)found);
}

static bool failed(evs_error *error, char *why, size_t room) {
  differ(why, room, "%s", evs_error_message(error));
  evs_error_free(error);
  return false;
}

static bool check_pattern(const json_t *vector, char *why, size_t room) {
  int32_t matches = 0;
  evs_error *error = NULL;
  if (evs_pattern_matches(member(vector, "pattern"), member(vector, "type"), member(vector, "originPrefix"),
                          &matches, &error) != EVS_OK)
    return failed(error, why, room);
  return check_flag(vector, "matches", matches == 1, why, room);
}

static bool check_syntax(const json_t *vector, char *why, size_t room) {
  char *text = NULL;
  evs_error *error = NULL;
  evs_bytes none = {NULL, 0};
  evs_status status = evs_pattern_normalize(member(vector, "pattern"), none, 0, &text, &error);
  if (status != EVS_OK && status != EVS_VALIDATION)
    return failed(error, why, room);
  evs_error_free(error);
  bool ok = check_flag(vector, "valid", status == EVS_OK, why, room);
  if (ok && status == EVS_OK)
    ok = check_text(vector, "normalized", text, why, room);
  evs_string_free(text);
  return ok;
}

static bool check_type(const json_t *vector, char *why, size_t room) {
  evs_error *error = NULL;
  evs_status status = evs_type_check(member(vector, "type"), 0, &error);
  if (status != EVS_OK && status != EVS_VALIDATION)
    return failed(error, why, room);
  evs_error_free(error);
  return check_flag(vector, "valid", status == EVS_OK, why, room);
}

static bool check_full_type(const json_t *vector, char *why, size_t room) {
  char *text = NULL;
  evs_error *error = NULL;
  if (evs_full_type(member(vector, "type"), member(vector, "originPrefix"), &text, &error) != EVS_OK)
    return failed(error, why, room);
  bool ok = check_text(vector, "full", text, why, room);
  evs_string_free(text);
  return ok;
}

static bool explain_topic(evs_system *system, const json_t *vector, char *why, size_t room) {
  evs_error *error = NULL;
  char *answer = NULL;
  json_t *query = json_pack("{s:O}", "type", json_object_get(vector, "type"));
  char *text = json_dumps(query, JSON_COMPACT);
  json_decref(query);
  evs_status status = evs_explain(system, text, strlen(text), &answer, &error);
  free(text);
  if (status != EVS_OK)
    return failed(error, why, room);
  json_t *told = json_loads(answer, 0, NULL);
  bool ok = check_text(vector, "topic", json_string_value(json_object_get(told, "topic")), why, room);
  json_decref(told);
  evs_string_free(answer);
  return ok;
}

static bool check_topic(const json_t *vector, char *why, size_t room) {
  evs_system *system = NULL;
  evs_error *error = NULL;
  char *config = json_dumps(json_object_get(vector, "config"), JSON_COMPACT);
  if (!config)
    return differ(why, room, "the vector has no configuration");
  evs_status status = evs_system_open(config, strlen(config), &system, &error);
  free(config);
  if (status != EVS_OK)
    return failed(error, why, room);
  bool ok = explain_topic(system, vector, why, room);
  evs_system_release(system);
  return ok;
}

static bool check_origin(const json_t *vector, char *why, size_t room) {
  int32_t delivered = 0;
  evs_error *error = NULL;
  json_t *query = json_pack(
      "{s:O, s:O, s:O, s:O, s:O}", "originPrefix", json_object_get(vector, "originPrefix"), "origins",
      json_object_get(vector, "origins"), "eventPrefix", json_object_get(vector, "event_prefix"), "type",
      json_object_get(vector, "type"), "pattern", json_object_get(vector, "pattern"));
  if (!query)
    return differ(why, room, "the vector lacks a member");
  char *text = json_dumps(query, JSON_COMPACT);
  json_decref(query);
  evs_status status = evs_origin_delivered(text, strlen(text), &delivered, &error);
  free(text);
  if (status != EVS_OK)
    return failed(error, why, room);
  return check_flag(vector, "delivered", delivered == 1, why, room);
}

static int32_t strategy_of(const json_t *vector) {
  static const char *const names[] = {"fixed", "exponential", "fibonacci"};
  const char *name = json_string_value(json_object_get(vector, "backoffStrategy"));
  for (int32_t i = 0; name && i < 3; i++)
    if (strcmp(names[i], name) == 0)
      return i;
  return -1;
}

static bool check_backoff(const json_t *vector, char *why, size_t room) {
  int32_t strategy = strategy_of(vector);
  const json_t *delays = json_object_get(vector, "delay_ms_before_retry_1_to_8");
  uint64_t base = (uint64_t)json_integer_value(json_object_get(vector, "baseDelay"));
  uint64_t max = (uint64_t)json_integer_value(json_object_get(vector, "maxDelay"));
  if (strategy < 0 || json_array_size(delays) != 8)
    return differ(why, room, "the vector has no known strategy or not eight delays");
  for (uint32_t retry = 1; retry <= 8; retry++) {
    uint64_t found = evs_retry_delay(strategy, base, max, retry);
    if (found != (uint64_t)json_integer_value(json_array_get(delays, retry - 1)))
      return differ(why, room, "the delay before retry %u is %llu", retry, (unsigned long long)found);
  }
  return true;
}

static bool check_hash(const json_t *vector, char *why, size_t room) {
  char hex[65] = "";
  const json_t *text = json_object_get(vector, "body_text");
  const json_t *body = json_object_get(vector, "body");
  char *compact = body ? json_dumps(body, JSON_COMPACT | JSON_ENCODE_ANY) : NULL;
  if (!text && !compact)
    return differ(why, room, "the vector has no body");
  evs_bytes bytes = {compact, compact ? strlen(compact) : 0};
  evs_status status = evs_body_hash(text ? bytes_of(text) : bytes, hex);
  free(compact);
  return status == EVS_OK ? check_text(vector, "sha256", hex, why, room)
                          : differ(why, room, "%s", evs_status_name(status));
}

static bool check_partition(const json_t *vector, char *why, size_t room) {
  uint32_t partitions = (uint32_t)json_integer_value(json_object_get(vector, "partitions"));
  return check_number(vector, "partition", evs_partition_for_key(member(vector, "key"), partitions), why,
                      room);
}

static bool check_slot(const json_t *vector, char *why, size_t room) {
  return check_number(vector, "slot", evs_key_slot(member(vector, "key")), why, room);
}

static evs_schema *compiled(const json_t *vector, const char *name, char *why, size_t room) {
  evs_schema *schema = NULL;
  evs_error *error = NULL;
  evs_bytes none = {NULL, 0};
  if (evs_schema_compile(member(vector, name), none, &schema, &error) != EVS_OK)
    failed(error, why, room);
  return schema;
}

/* Is each of the texts that `expected` lists there, and no other one? */
static bool check_list(const json_t *expected, json_t *found, char *why, size_t room) {
  size_t missing = 0;
  for (size_t i = 0; i < json_array_size(expected); i++) {
    size_t at = 0;
    while (at < json_array_size(found) && !json_equal(json_array_get(found, at), json_array_get(expected, i)))
      at++;
    missing += json_array_remove(found, at) != 0;
  }
  if (!missing && json_array_size(found) == 0)
    return true;
  char *rest = json_dumps(found, JSON_COMPACT);
  differ(why, room, "%zu are missing, and beside it told: %s", missing, rest ? rest : "?");
  free(rest);
  return false;
}

/* "instancePath schemaPath" of each error of a report. */
static json_t *paths_of(const char *report) {
  json_t *told = json_loads(report, 0, NULL), *paths = json_array(), *error = NULL;
  size_t i = 0;
  json_array_foreach(json_object_get(told, "errors"), i, error) {
    json_array_append_new(paths,
                          json_sprintf("%s %s", json_string_value(json_object_get(error, "instancePath")),
                                       json_string_value(json_object_get(error, "schemaPath"))));
  }
  json_decref(told);
  return paths;
}

static bool check_schema(const json_t *vector, char *why, size_t room) {
  int32_t valid = 0;
  char *report = NULL;
  evs_error *error = NULL;
  evs_bytes none = {NULL, 0};
  evs_schema *schema = compiled(vector, "schema", why, room);
  if (!schema)
    return false;
  evs_status status = evs_schema_validate(schema, member(vector, "text"), &valid, &error);
  if (status == EVS_OK)
    status = evs_schema_report(schema, member(vector, "text"), none, &report, &error);
  evs_schema_free(schema);
  if (status != EVS_OK)
    return failed(error, why, room);
  json_t *paths = paths_of(report);
  evs_string_free(report);
  bool ok = check_flag(vector, "valid", valid == 1, why, room) &&
            check_list(json_object_get(vector, "errors"), paths, why, room);
  json_decref(paths);
  return ok;
}

static bool check_compat(const json_t *vector, char *why, size_t room) {
  char *answer = NULL;
  evs_error *error = NULL;
  evs_schema *older = compiled(vector, "older", why, room);
  evs_schema *newer = older ? compiled(vector, "newer", why, room) : NULL;
  if (!newer) {
    evs_schema_free(older);
    return false;
  }
  json_t *options = json_pack("{s:O, s:O}", "mode", json_object_get(vector, "mode"), "policy",
                              json_object_get(vector, "policy"));
  char *text = json_dumps(options, JSON_COMPACT);
  evs_bytes bytes = {text, text ? strlen(text) : 0};
  evs_status status = evs_schema_compat(older, newer, bytes, &answer, &error);
  free(text);
  json_decref(options);
  evs_schema_free(older);
  evs_schema_free(newer);
  if (status != EVS_OK)
    return failed(error, why, room);
  json_t *told = json_loads(answer, 0, NULL);
  evs_string_free(answer);
  bool ok = check_text(vector, "verdict", json_string_value(json_object_get(told, "verdict")), why, room);
  json_decref(told);
  return ok;
}

static bool check_faults(const json_t *vector, char *why, size_t room) {
  evs_schema *schema = NULL;
  evs_error *error = NULL;
  evs_bytes none = {NULL, 0};
  json_t *paths = json_array(), *problem = NULL;
  size_t i = 0;
  evs_status status = evs_schema_compile(member(vector, "schema"), none, &schema, &error);
  evs_schema_free(schema);
  json_t *told = json_loads(status == EVS_VALIDATION ? evs_error_json(error) : "{}", 0, NULL);
  json_array_foreach(json_object_get(told, "problems"), i, problem) {
    json_array_append(paths, json_object_get(problem, "path"));
  }
  bool ok = check_list(json_object_get(vector, "paths"), paths, why, room);
  json_decref(told);
  json_decref(paths);
  evs_error_free(error);
  return ok;
}

static const struct {
  const char *file;
  check_fn check;
} suites[] = {
    {"backoff.json", check_backoff},      {"full_types.json", check_full_type},
    {"hashes.json", check_hash},          {"origins.json", check_origin},
    {"partitions.json", check_partition}, {"pattern_syntax.json", check_syntax},
    {"expressions.json", check_pattern},  {"patterns.json", check_pattern},
    {"schema_compat.json", check_compat}, {"schema_faults.json", check_faults},
    {"schemas.json", check_schema},       {"slots.json", check_slot},
    {"topics.json", check_topic},         {"types.json", check_type},
};
enum { SUITE_COUNT = sizeof suites / sizeof *suites };

/* Runs one file; adds to *total. False when a vector is wrong or the file cannot be read. */
static bool run_file(const char *folder, size_t suite, size_t *total) {
  char path[4096], why[1024];
  json_error_t fault;
  snprintf(path, sizeof path, "%s/%s", folder, suites[suite].file);
  json_t *vectors = json_load_file(path, JSON_REJECT_DUPLICATES, &fault);
  if (!json_is_array(vectors) || json_array_size(vectors) == 0) {
    printf("%s: no vectors: %s\n", suites[suite].file, vectors ? "not a list with entries" : fault.text);
    json_decref(vectors);
    return false;
  }
  size_t ran = 0, wrong = 0;
  for (size_t i = 0; i < json_array_size(vectors); i++) {
    const json_t *vector = json_array_get(vectors, i);
    ran++;
    if (suites[suite].check(vector, why, sizeof why))
      continue;
    wrong++;
    char *shown = json_dumps(vector, JSON_COMPACT | JSON_ENCODE_ANY);
    printf("%s: entry %zu is wrong: %s: %s\n", suites[suite].file, i, why, shown ? shown : "?");
    free(shown);
  }
  printf("%s: ran %zu of %zu\n", suites[suite].file, ran, json_array_size(vectors));
  bool ok = wrong == 0 && ran == json_array_size(vectors);
  *total += ran;
  json_decref(vectors);
  return ok;
}

/* A file that nobody here runs would look as if it held. */
static bool all_known(const char *folder) {
  DIR *dir = opendir(folder);
  if (!dir) {
    printf("%s: cannot be read\n", folder);
    return false;
  }
  bool ok = true;
  for (const struct dirent *entry; (entry = readdir(dir));) {
    const char *dot = strrchr(entry->d_name, '.');
    bool is_known = !dot || strcmp(dot, ".json") != 0;
    for (size_t i = 0; i < SUITE_COUNT && !is_known; i++)
      is_known = strcmp(entry->d_name, suites[i].file) == 0;
    if (!is_known)
      printf("%s: no check knows this file\n", entry->d_name);
    ok = ok && is_known;
  }
  closedir(dir);
  return ok;
}

int main(int argc, char **argv) {
  const char *given = argc > 1 ? argv[1] : getenv("EVS_VECTORS");
  const char *folder = given ? given : EVS_SOURCE_DIR "/tests/conformance/vectors";
  size_t total = 0;
  bool ok = all_known(folder);
  for (size_t i = 0; i < SUITE_COUNT; i++)
    ok = run_file(folder, i, &total) && ok;
  printf("%zu vectors\n", total);
  return ok ? 0 : 1;
}
