/* SPDX-License-Identifier: MIT
 * config_cases_test.c - runs the cases in tests/unit/config/cases: a document (or raw text), or options of a
 * subscription in a system of this or the usual document, and the problems, warnings and settings that must
 * come of it, no more and no fewer. Texts of a case are parts to be found. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "base/alloc.h"
#include "config/config.h"

#define CASES EVS_SOURCE_DIR "/tests/unit/config/cases/"

static const char some_transports[] =
    "{\"service\":\"s\",\"transports\":{\"m\":{\"type\":\"memory\"},"
    "\"r\":{\"type\":\"redis-streams\"},"
    "\"p\":{\"type\":\"plugin\",\"plugin\":\"p\",\"capabilities\":[\"publish\"]},"
    "\"q\":{\"type\":\"bridge\"}}}";

static int failures;

static void complain(const json_t *entry, const char *what, const json_t *got) {
  char *text = got ? json_dumps(got, JSON_COMPACT | JSON_ENCODE_ANY) : NULL;
  print_error("%s: %s: %s\n", json_string_value(json_object_get(entry, "name")), what, text ? text : "");
  free(text);
  failures++;
}

/* path and suggestion must be equal, other texts contain what is asked for. */
static int problem_fits(const json_t *expected, const json_t *got) {
  const char *key;
  json_t *value;
  json_object_foreach((json_t *)expected, key, value) {
    const json_t *there = json_object_get(got, key);
    int exact = strcmp(key, "path") == 0 || strcmp(key, "suggestion") == 0 || !json_is_string(value);
    if (exact ? !json_equal(value, there)
              : !json_is_string(there) || !strstr(json_string_value(there), json_string_value(value)))
      return 0;
  }
  return 1;
}

static void compare_list(const json_t *entry, const char *key, const json_t *got) {
  const json_t *expected = json_object_get(entry, key);
  size_t index;
  json_t *value;
  if (!expected)
    return;
  if (json_array_size(expected) != json_array_size(got)) {
    complain(entry, key, got);
    return;
  }
  json_array_foreach(expected, index, value) if (!problem_fits(value, json_array_get(got, index)))
      complain(entry, key, json_array_get(got, index));
}

/* Is everything in `part` also in `whole`? Lists are compared entry by entry. The depth is the case's own. */
static int contains(const json_t *whole, const json_t *part) {
  const char *key;
  json_t *value;
  size_t index;
  if (json_is_object(part)) {
    json_object_foreach((json_t *)part, key,
                        value) if (!json_object_get(whole, key) ||
                                   !contains(json_object_get(whole, key), value)) return 0;
    return json_is_object(whole);
  }
  if (json_is_array(part)) {
    json_array_foreach(part, index, value) if (!json_array_get(whole, index) ||
                                               !contains(json_array_get(whole, index), value)) return 0;
    return json_array_size(part) == json_array_size(whole);
  }
  return json_equal(whole, part);
}

static void check_hidden(const json_t *entry, const char *shown) {
  size_t index;
  json_t *value;
  json_array_foreach(json_object_get(entry, "hidden"), index,
                     value) if (strstr(shown, json_string_value(value)))
      complain(entry, "shows what must be hidden", value);
}

static void set_environment(const json_t *entry, int on) {
  const char *key;
  json_t *value;
  json_object_foreach(json_object_get(entry, "env"), key, value) {
    if (on)
      setenv(key, json_string_value(value), 1);
    else
      unsetenv(key);
  }
}

static char *text_of(const json_t *entry, const char *key) {
  const char *text = json_string_value(json_object_get(entry, "text"));
  return text ? strdup(text) : json_dumps(json_object_get(entry, key), 0);
}

/* Loading must agree with the report: what is valid loads, what is not gives the same problems. */
static void check_load(const json_t *entry, const char *text, const json_t *report) {
  evsi_config *config = NULL;
  evs_error *error = NULL;
  evs_status status = evsi_config_load(text, strlen(text), &config, &error);
  int valid = json_is_true(json_object_get(report, "valid"));
  if (status != (valid ? EVS_OK : EVS_CONFIG))
    complain(entry, "load and report disagree", report);
  if (error) {
    json_t *document = json_loads(evs_error_json(error), 0, NULL);
    if (!json_equal(json_object_get(document, "problems"), json_object_get(report, "problems")))
      complain(entry, "problems of load and report differ", document);
    check_hidden(entry, evs_error_json(error));
    json_decref(document);
  }
  evs_error_free(error);
  evsi_config_free(config);
}

/* What is shown as normalised must mean the same when it is read again (but for hidden passwords). */
static void check_stable(const json_t *entry, const json_t *report) {
  char *text = json_dumps(json_object_get(report, "normalized"), 0);
  char *again = NULL;
  if (strstr(text, "***") || strstr(text, "${")) {
    free(text);
    return;
  }
  assert_int_equal(evsi_config_report(text, strlen(text), &again, NULL), EVS_OK);
  json_t *second = json_loads(again, 0, NULL);
  if (!json_equal(json_object_get(second, "normalized"), json_object_get(report, "normalized")))
    complain(entry, "the normalised document does not mean itself", second);
  json_decref(second);
  evsi_free(again);
  free(text);
}

static void run_document(const json_t *entry) {
  char *text = text_of(entry, "config"), *shown = NULL;
  assert_int_equal(evsi_config_report(text, strlen(text), &shown, NULL), EVS_OK);
  json_t *report = json_loads(shown, 0, NULL);
  assert_non_null(report);
  compare_list(entry, "problems", json_object_get(report, "problems"));
  compare_list(entry, "warnings", json_object_get(report, "warnings"));
  const json_t *normalized = json_object_get(entry, "normalized");
  if (normalized && !contains(json_object_get(report, "normalized"), normalized))
    complain(entry, "normalized", json_object_get(report, "normalized"));
  check_hidden(entry, shown);
  check_load(entry, text, report);
  if (json_is_true(json_object_get(report, "valid")))
    check_stable(entry, report);
  json_decref(report);
  evsi_free(shown);
  free(text);
}

static void run_subscription(const json_t *entry) {
  evsi_config *config = NULL;
  evsi_subscription_options options = {0};
  evs_error *error = NULL;
  char *text = text_of(entry, "subscription");
  const json_t *given = json_object_get(entry, "config");
  char *around = given ? json_dumps(given, 0) : strdup(some_transports);
  assert_int_equal(evsi_config_load(around, strlen(around), &config, NULL), EVS_OK);
  evs_status status = evsi_subscription_options_load(config, text, strlen(text), &options, &error);
  json_t *document = error ? json_loads(evs_error_json(error), 0, NULL) : json_object();
  compare_list(entry, "problems", json_object_get(document, "problems"));
  int expected = json_array_size(json_object_get(entry, "problems")) == 0;
  if (status != (expected ? EVS_OK : EVS_CONFIG))
    complain(entry, "status", document);
  json_decref(document);
  evs_error_free(error);
  evsi_subscription_options_free(&options);
  evsi_config_free(config);
  free(around);
  free(text);
}

static void run_file(const char *path) {
  json_error_t error;
  json_t *cases = json_load_file(path, 0, &error);
  size_t index;
  json_t *entry;
  if (!cases)
    fail_msg("%s: line %d: %s", path, error.line, error.text);
  failures = 0;
  json_array_foreach(cases, index, entry) {
    set_environment(entry, 1);
    if (json_object_get(entry, "subscription"))
      run_subscription(entry);
    else
      run_document(entry);
    set_environment(entry, 0);
  }
  print_message("%s: %zu cases\n", path + strlen(CASES), json_array_size(cases));
  assert_true(json_array_size(cases) > 0);
  json_decref(cases);
  assert_int_equal(failures, 0);
}

#define CASE_FILE(name, file)                                                                                \
  static void name(void **state) {                                                                           \
    (void)state;                                                                                             \
    run_file(CASES file);                                                                                    \
  }
CASE_FILE(keys_types_and_ranges_are_checked, "keys.json")
CASE_FILE(synonyms_mean_the_same, "synonyms.json")
CASE_FILE(parts_that_are_not_built_are_refused, "unsupported.json")
CASE_FILE(batching_limits_and_compression_are_checked, "sending.json")
CASE_FILE(environment_variables_are_replaced, "environment.json")
CASE_FILE(redis_urls_are_taken_apart_and_hidden, "redis.json")
CASE_FILE(routing_and_features_are_checked, "routing.json")
CASE_FILE(subscription_options_are_checked, "subscription.json")
CASE_FILE(schemas_are_compiled_and_compared, "schemas.json")
CASE_FILE(plug_ins_say_where_they_come_from, "plugins.json")

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(keys_types_and_ranges_are_checked),
      cmocka_unit_test(synonyms_mean_the_same),
      cmocka_unit_test(parts_that_are_not_built_are_refused),
      cmocka_unit_test(batching_limits_and_compression_are_checked),
      cmocka_unit_test(environment_variables_are_replaced),
      cmocka_unit_test(redis_urls_are_taken_apart_and_hidden),
      cmocka_unit_test(routing_and_features_are_checked),
      cmocka_unit_test(subscription_options_are_checked),
      cmocka_unit_test(schemas_are_compiled_and_compared),
      cmocka_unit_test(plug_ins_say_where_they_come_from),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
