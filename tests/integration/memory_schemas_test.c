/* SPDX-License-Identifier: MIT
 * memory_schemas_test.c - schemas of event types in a whole system: what publishers are refused, what
 * handlers see, and the requests; kept in memory and in a folder. Public ABI. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "support/folder.h"
#include "support/host.h"
#include "support/until.h"

#define TYPES_1                                                                                              \
  "\"order.placed\":{\"1.0.0\":{\"type\":\"object\",\"properties\":{\"id\":{\"type\":\"string\"}},"          \
  "\"required\":[\"id\"]}}"
#define TYPES_2                                                                                              \
  "\"order.placed\":{\"1.0.0\":{\"type\":\"object\",\"properties\":{\"id\":{\"type\":\"string\"}},"          \
  "\"required\":[\"id\"]},\"1.1.0\":{\"type\":\"object\",\"properties\":{\"id\":{\"type\":\"string\"},"      \
  "\"channel\":{\"type\":\"string\",\"default\":\"web\"}},\"required\":[\"id\",\"channel\"]}}"
#define CONFIG                                                                                               \
  "{\"service\":\"shop\",\"transports\":{\"main\":{\"type\":\"memory\"}},\"publisher\":{\"validationMode\":" \
  "\"%s\"},"                                                                                                 \
  "\"schemas\":{\"types\":{%s}%s}}"

static host_report try_body(evs_system *system, const char *body, const char *version) {
  evs_event event = host_event("order.placed", body);
  event.version = host_bytes(version ? version : "");
  return host_try(system, &event);
}

static host_message handled(evs_system *system) {
  host_message message = host_next(system);
  assert_true(host_ack(system, message.delivery));
  return message;
}

static evs_error *refused_call(evs_system *system, const char *method, const char *params,
                               evs_status expected) {
  evs_error *error = NULL;
  char *json = NULL;
  evs_status status = evs_call(system, method, params, strlen(params), 5000, &json, &error);
  if (status != expected)
    fail_msg("%s gives %s: %s", method, evs_status_name(status), error ? evs_error_json(error) : json);
  return error;
}

/* ---- publishing ----------------------------------------------------------------------------------- */

static void strict_refuses_a_body_with_its_problems(void **state) {
  (void)state;
  evs_system *system = host_connect(CONFIG, "strict", TYPES_1, "");
  assert_int_equal(try_body(system, "{\"id\":\"a\"}", NULL).outcome, EVS_OUTCOME_STORED);
  host_report report = try_body(system, "{\"id\":7}", NULL);
  assert_int_equal(report.outcome, EVS_OUTCOME_REFUSED);
  assert_int_equal(report.status, EVS_VALIDATION);
  assert_non_null(strstr(report.message, "version 1.0.0 of order.placed: /id"));
  assert_int_equal(try_body(system, "{\"id\":\"a\",\"extra\":1}", NULL).outcome, EVS_OUTCOME_REFUSED);
  assert_int_equal(try_body(system, "{}", "1.0.0").outcome, EVS_OUTCOME_REFUSED);
  assert_int_equal(host_try(system, &(evs_event){.struct_size = sizeof(evs_event),
                                                 .type = host_bytes("other.type"),
                                                 .body = host_bytes("1")})
                       .outcome,
                   EVS_OUTCOME_STORED);
  assert_int_equal(host_stat(system, "publisher", "validatedMessages"), 4);
  assert_int_equal(host_stat(system, "publisher", "schemaViolations"), 3);
  host_close(system, 1000);
}

static void warn_delivers_and_counts_and_ignore_does_not_look(void **state) {
  (void)state;
  evs_system *system = host_connect(CONFIG, "warn", TYPES_1, "");
  assert_int_equal(try_body(system, "{\"id\":7}", NULL).outcome, EVS_OUTCOME_STORED);
  assert_int_equal(host_stat(system, "publisher", "schemaViolations"), 1);
  host_close(system, 1000);
  system = host_connect(CONFIG, "ignore", TYPES_1, "");
  assert_int_equal(try_body(system, "{\"id\":7}", NULL).outcome, EVS_OUTCOME_STORED);
  assert_int_equal(host_stat(system, "publisher", "validatedMessages"), 0);
  host_close(system, 1000);
}

static void the_strict_policy_leaves_unnamed_members_to_the_schema(void **state) {
  (void)state;
  evs_system *system = host_connect(CONFIG, "strict", TYPES_1, ",\"policy\":\"strict\"");
  assert_int_equal(try_body(system, "{\"id\":\"a\",\"extra\":1}", NULL).outcome, EVS_OUTCOME_STORED);
  host_close(system, 1000);
}

static void a_required_schema_must_be_there(void **state) {
  (void)state;
  evs_system *system = host_connect(CONFIG, "strict", TYPES_1, ",\"required\":true");
  evs_event event = host_event("other.type", "1");
  host_report report = host_try(system, &event);
  assert_int_equal(report.outcome, EVS_OUTCOME_REFUSED);
  assert_non_null(strstr(report.message, "has no schema"));
  host_close(system, 1000);
}

static void the_header_says_the_version_that_was_used(void **state) {
  (void)state;
  evs_system *system = host_connect(CONFIG, "strict", TYPES_2, "");
  host_subscribe(system, "{\"pattern\":\"*\"}");
  host_ready(system);
  try_body(system, "{\"id\":\"a\",\"channel\":\"shop\"}", NULL);
  assert_string_equal(handled(system).version, "1.1.0");
  try_body(system, "{\"id\":\"a\"}", "1.0.0");
  assert_string_equal(handled(system).version, "1.0.0");
  host_publish(system, "other.type", "1");
  assert_string_equal(handled(system).version, "1.0.0");
  host_close(system, 0);
}

/* ---- consuming ------------------------------------------------------------------------------------ */

static void warn_tells_the_handler_what_is_wrong(void **state) {
  (void)state;
  evs_system *system = host_connect(CONFIG, "ignore", TYPES_1, "");
  host_subscribe(system, "{\"pattern\":\"order.placed\"}");
  host_ready(system);
  try_body(system, "{\"id\":\"a\"}", NULL);
  assert_string_equal(handled(system).validation, "");
  try_body(system, "{\"id\":7}", NULL);
  host_message message = handled(system);
  assert_string_equal(message.body, "{\"id\":7}");
  assert_non_null(
      strstr(message.validation, "{\"type\":\"order.placed\",\"version\":\"1.0.0\",\"schemaHash\":\""));
  assert_non_null(strstr(message.validation,
                         "\"errors\":[{\"instancePath\":\"/id\",\"schemaPath\":\"/properties/id/type\""));
  assert_int_equal(host_stat(system, "consumer", "schemaViolations"), 1);
  json_t *stats = host_stats(system);
  const char *error = json_string_value(json_object_get(json_object_get(stats, "consumer"), "lastError"));
  assert_non_null(strstr(error, "an event of type order.placed is not valid by version 1.0.0 of its schema"));
  json_decref(stats);
  host_close(system, 0);
}

static void a_handler_reads_by_the_version_that_it_asks_for(void **state) {
  (void)state;
  evs_system *system = host_connect(CONFIG, "strict", TYPES_2, "");
  host_subscribe(system, "{\"pattern\":\"order.placed\",\"name\":\"old\",\"version\":\"1.0.0\"}");
  uint64_t newer =
      host_subscribe(system, "{\"pattern\":\"order.placed\",\"name\":\"new\",\"version\":\"1.1.0\"}");
  host_ready(system);
  try_body(system, "{ \"id\": \"a\" }", "1.0.0");
  for (int i = 0; i < 2; i++) {
    host_message message = host_next(system);
    assert_string_equal(message.body, message.subscription == newer ? "{ \"id\": \"a\" ,\"channel\":\"web\"}"
                                                                    : "{ \"id\": \"a\" }");
    assert_string_equal(message.version, "1.0.0");
    host_ack(system, message.delivery);
  }
  host_close(system, 1000);
}

static void explain_names_the_schema(void **state) {
  (void)state;
  evs_system *system = host_connect(CONFIG, "strict", TYPES_2, "");
  const char *query = "{\"type\":\"order.placed\"}";
  char *json = NULL;
  assert_int_equal(evs_explain(system, query, strlen(query), &json, NULL), EVS_OK);
  assert_non_null(strstr(json, "\"schema\":{\"type\":\"order.placed\",\"version\":\"1.1.0\"}"));
  evs_string_free(json);
  host_close(system, 0);
}

/* ---- requests ------------------------------------------------------------------------------------- */

static void versions_are_registered_listed_and_removed(void **state) {
  (void)state;
  evs_system *system = host_open("{\"service\":\"shop\",\"transports\":{\"main\":{\"type\":\"memory\"}}}");
  json_t *answer =
      host_call(system, "schemas.register",
                "{\"type\":\"User.Created\",\"schema\":{\"type\":\"object\",\"title\":\"A user\"},"
                "\"compatibility\":\"full\",\"actor\":\"ann\"}");
  assert_string_equal(json_string_value(json_object_get(answer, "version")), "1.0.0");
  assert_string_equal(json_string_value(json_object_get(answer, "outcome")), "registered");
  assert_string_equal(json_string_value(json_object_get(answer, "compatibility")), "full");
  json_decref(answer);
  answer = host_call(
      system, "schemas.register",
      "{\"type\":\"user.created\",\"dryRun\":true,\"schemaText\":\"{\\\"type\\\": \\\"object\\\"}\"}");
  assert_string_equal(json_string_value(json_object_get(answer, "outcome")), "would_be_registered");
  assert_string_equal(json_string_value(json_object_get(answer, "version")), "1.0.1");
  json_decref(answer);
  answer = host_call(system, "schemas.get", "{\"type\":\"user.created\"}");
  assert_string_equal(json_string_value(json_object_get(answer, "title")), "A user");
  assert_string_equal(json_string_value(json_object_get(answer, "registeredBy")), "ann");
  assert_true(json_is_true(json_object_get(answer, "latest")));
  json_decref(answer);
  json_decref(host_call(system, "schemas.set", "{\"type\":\"user.created\",\"compatibility\":\"none\"}"));
  answer =
      host_call(system, "schemas.register", "{\"type\":\"user.created\",\"schema\":{\"type\":\"array\"}}");
  assert_string_equal(json_string_value(json_object_get(answer, "version")), "2.0.0");
  json_decref(answer);
  json_decref(host_call(system, "schemas.remove", "{\"type\":\"user.created\",\"version\":\"2.0.0\"}"));
  answer = host_call(system, "schemas.list", "{\"type\":\"user.created\"}");
  json_t *items = json_object_get(answer, "items");
  assert_int_equal(json_array_size(items), 2);
  assert_true(json_is_true(json_object_get(json_array_get(items, 0), "latest")));
  assert_true(json_is_integer(json_object_get(json_array_get(items, 1), "removedAt")));
  json_decref(answer);
  host_close(system, 0);
}

static void a_refused_registration_tells_place_and_reason(void **state) {
  (void)state;
  evs_system *system = host_open(CONFIG, "strict", TYPES_1, "");
  evs_error *error =
      refused_call(system, "schemas.register",
                   "{\"type\":\"order.placed\",\"schema\":{\"properties\":{\"id\":{\"type\":\"integer\"}}}}",
                   EVS_CONFLICT);
  assert_non_null(strstr(evs_error_json(error), "{\"path\":\"/id\","));
  assert_non_null(strstr(evs_error_json(error), "backward compatible with version 1.0.0"));
  evs_error_free(error);
  error = refused_call(system, "schemas.register", "{\"type\":\"order.placed\",\"schema\":{\"type\":1}}",
                       EVS_VALIDATION);
  assert_non_null(strstr(evs_error_json(error), "\"path\":\"/type\""));
  evs_error_free(error);
  error = refused_call(system, "schemas.get", "{\"type\":\"no.such\"}", EVS_NOT_FOUND);
  assert_string_equal(evs_error_path(error), "/type");
  evs_error_free(error);
  host_close(system, 0);
}

static void bodies_are_validated_compared_and_diffed_on_request(void **state) {
  (void)state;
  evs_system *system = host_open(CONFIG, "strict", TYPES_2, "");
  json_t *answer =
      host_call(system, "schemas.validate", "{\"type\":\"order.placed\",\"bodyText\":\"{\\\"id\\\":7}\"}");
  assert_true(json_is_false(json_object_get(answer, "valid")));
  assert_int_equal(json_array_size(json_object_get(answer, "errors")), 2);
  json_decref(answer);
  answer = host_call(system, "schemas.validate",
                     "{\"type\":\"order.placed\",\"body\":{\"id\":\"a\"},\"fill\":true}");
  assert_true(json_is_true(json_object_get(answer, "valid")));
  assert_string_equal(json_string_value(json_object_get(answer, "bodyText")),
                      "{\"id\":\"a\",\"channel\":\"web\"}");
  json_decref(answer);
  answer =
      host_call(system, "schemas.compat",
                "{\"type\":\"order.placed\",\"schema\":{\"type\":\"string\"},\"compatibility\":\"forward\"}");
  assert_string_equal(json_string_value(json_object_get(answer, "verdict")), "incompatible");
  assert_string_equal(json_string_value(json_object_get(answer, "compatibility")), "forward");
  json_decref(answer);
  answer =
      host_call(system, "schemas.diff", "{\"type\":\"order.placed\",\"from\":\"1.0.0\",\"to\":\"1.1.0\"}");
  assert_int_equal(json_array_size(json_object_get(answer, "changes")), 2);
  json_t *compatibility = json_object_get(answer, "compatibility");
  assert_string_equal(json_string_value(json_object_get(compatibility, "backward")), "compatible");
  json_decref(answer);
  host_close(system, 0);
}

static void a_folder_is_shared_by_systems(void **state) {
  (void)state;
  char folder[FOLDER_SIZE], path[96];
  folder_make(folder);
  char options[128];
  snprintf(options, sizeof options, ",\"registry\":\"folder\",\"folder\":\"%s\",\"refresh\":100", folder);
  evs_system *first = host_connect(CONFIG, "strict", TYPES_1, options);
  evs_system *second = host_connect(CONFIG, "strict", "", options);
  assert_int_equal(try_body(second, "{\"id\":7}", NULL).outcome, EVS_OUTCOME_REFUSED);
  json_decref(host_call(second, "schemas.register",
                        "{\"type\":\"order.placed\",\"schema\":{\"type\":\"object\",\"properties\":"
                        "{\"id\":{\"type\":\"string\"},\"n\":{\"type\":\"integer\"}}}}"));
  snprintf(path, sizeof path, "%s/order.placed/1.1.0.json", folder);
  assert_int_equal(access(path, R_OK), 0);
  /* The first one writes by what it said itself until it knows better, and reads what is new. */
  const char *ask = "{\"type\":\"order.placed\",\"version\":\"1.1.0\"}";
  char *json = NULL;
  TEST_WITHIN(test_deadline_ms(),
              evs_call(first, "schemas.get", ask, strlen(ask), 5000, &json, NULL) == EVS_OK);
  evs_string_free(json);
  host_close(first, 0);
  host_close(second, 0);
  folder_remove(folder);
}

static void wrong_schemas_are_told_with_the_configuration(void **state) {
  (void)state;
  static const char *const wrong = "{\"service\":\"s\",\"transports\":{\"m\":{\"type\":\"memory\"}},"
                                   "\"schemas\":{\"registry\":\"folder\",\"types\":{"
                                   "\"a.b\":{\"1.0\":true,\"1.0.0\":7},\"a b\":{}}}}";
  static const char *const broken =
      "{\"service\":\"s\",\"transports\":{\"m\":{\"type\":\"memory\"}},\"schemas\":{\"types\":{"
      "\"a.b\":{\"1.0.0\":{\"minimum\":\"1\"}},\"a.c\":{\"1.0.0\":{\"type\":\"string\"},\"1.1.0\":{\"type\":"
      "\"null\"}}}}}";
  evs_system *system = NULL;
  evs_error *error = NULL;
  evs_status status = evs_system_open(wrong, strlen(wrong), &system, &error);
  json_t *json = host_refused(status, EVS_CONFIG, error);
  assert_true(host_has_problem(json, "/schemas/folder", "is required"));
  assert_true(host_has_problem(json, "/schemas/types/a.b/1.0", "no version"));
  assert_true(host_has_problem(json, "/schemas/types/a.b/1.0.0", "no schema"));
  assert_true(host_has_problem(json, "/schemas/types/a b", "not allowed"));
  json_decref(json);
  error = NULL;
  status = evs_system_open(broken, strlen(broken), &system, &error);
  json = host_refused(status, EVS_CONFIG, error);
  assert_true(host_has_problem(json, "/schemas/types/a.b/1.0.0/minimum", ""));
  assert_true(host_has_problem(json, "/schemas/types/a.c/1.1.0", ""));
  json_decref(json);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(strict_refuses_a_body_with_its_problems),
      cmocka_unit_test(warn_delivers_and_counts_and_ignore_does_not_look),
      cmocka_unit_test(the_strict_policy_leaves_unnamed_members_to_the_schema),
      cmocka_unit_test(a_required_schema_must_be_there),
      cmocka_unit_test(the_header_says_the_version_that_was_used),
      cmocka_unit_test(warn_tells_the_handler_what_is_wrong),
      cmocka_unit_test(a_handler_reads_by_the_version_that_it_asks_for),
      cmocka_unit_test(explain_names_the_schema),
      cmocka_unit_test(versions_are_registered_listed_and_removed),
      cmocka_unit_test(a_refused_registration_tells_place_and_reason),
      cmocka_unit_test(bodies_are_validated_compared_and_diffed_on_request),
      cmocka_unit_test(a_folder_is_shared_by_systems),
      cmocka_unit_test(wrong_schemas_are_told_with_the_configuration),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
