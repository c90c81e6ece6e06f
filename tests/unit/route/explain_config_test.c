/* SPDX-License-Identifier: MIT
 * explain_config_test.c - explaining by a document that comes from elsewhere: whole or in part, with secrets
 * and variables that are none of ours, and wrong. That it says what the system itself says is tested with
 * real systems (tests/integration/redis_groups_acceptance_test.c). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "libevents.h"
#include "unit/support/shortage.h"

static json_t *explain(const char *config, const char *query) {
  char *text = NULL;
  evs_error *error = NULL;
  if (evs_explain_config(config, strlen(config), query, strlen(query), &text, &error) != EVS_OK)
    fail_msg("%s", evs_error_json(error));
  json_t *root = json_loads(text, 0, NULL);
  evs_string_free(text);
  return root;
}

static void assert_topic(const char *config, const char *query, const char *topic) {
  json_t *root = explain(config, query);
  assert_string_equal(json_string_value(json_object_get(root, "topic")), topic);
  json_decref(root);
}

static void refused(const char *config, const char *query, evs_status status, const char *path) {
  char *text = NULL;
  evs_error *error = NULL;
  assert_int_equal(evs_explain_config(config, strlen(config), query, strlen(query), &text, &error), status);
  assert_non_null(strstr(evs_error_json(error), path));
  evs_error_free(error);
}

#define MAIN "\"transports\":{\"main\":{\"type\":\"memory\"}}"

static void a_part_of_a_configuration_is_enough(void **state) {
  (void)state;
  assert_topic("{" MAIN "}", "{\"type\":\"order.paid\"}", "order-events");
  assert_topic("{" MAIN ",\"routing\":{\"topicMapping\":{\"order.paid\":\"money\"}}}",
               "{\"type\":\"order.paid\"}", "money-events");
}

static void transports_need_only_names(void **state) {
  (void)state;
  json_t *root =
      explain("{\"transports\":{\"far\":{\"type\":\"from the future\",\"password\":7},\"near\":null}}",
              "{\"type\":\"order.paid\"}");
  assert_string_equal(json_string_value(json_array_get(json_object_get(root, "transports"), 0)), "far");
  json_decref(root);
}

static void variables_of_another_process_stay_as_they_are(void **state) {
  (void)state;
  setenv("EVS_TEST_TOPIC", "leaked", 1);
  json_t *root = explain("{" MAIN ",\"routing\":{\"routes\":[{\"pattern\":\"a.b\",\"transport\":\"main\","
                         "\"name\":\"${EVS_TEST_TOPIC}\"}]}}",
                         "{\"type\":\"a.b\"}");
  const json_t *route = json_array_get(json_object_get(root, "routes"), 0);
  assert_string_equal(json_string_value(json_object_get(route, "name")), "${EVS_TEST_TOPIC}");
  json_decref(root);
}

static size_t receivers(const char *config, const char *query) {
  json_t *root = explain(config, query);
  size_t count = json_array_size(json_object_get(root, "subscriptions"));
  json_decref(root);
  return count;
}

static void filters_of_headers_are_asked_when_headers_are_given(void **state) {
  (void)state;
  static const char config[] =
      "{" MAIN ",\"subscriptions\":[{\"name\":\"eu\",\"group\":\"g\",\"pattern\":\"a.*\","
      "\"filter\":{\"region\":\"eu\"}},{\"name\":\"all\",\"group\":\"g\",\"pattern\":"
      "\"/^a/\",\"filter\":null}]}";
  assert_int_equal(receivers(config, "{\"type\":\"a.b\"}"), 2);
  assert_int_equal(receivers(config, "{\"type\":\"a.b\",\"headers\":{\"region\":\"eu\"}}"), 2);
  assert_int_equal(receivers(config, "{\"type\":\"a.b\",\"headers\":{}}"), 1);
  refused(config, "{\"type\":\"a.b\",\"headers\":{\"region\":1}}", EVS_VALIDATION, "/headers");
}

static void an_expression_that_is_too_much_work_is_undecided(void **state) {
  (void)state;
  json_t *root = explain("{" MAIN ",\"subscriptions\":[{\"name\":\"bomb\",\"group\":\"g\",\"pattern\":"
                         "\"/a*a*a*a*a*a*a*a*[bc]/\"}]}",
                         "{\"type\":\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"}");
  const json_t *found = json_array_get(json_object_get(root, "subscriptions"), 0);
  assert_string_equal(json_string_value(json_object_get(found, "name")), "bomb");
  assert_true(json_is_true(json_object_get(found, "undecided")));
  json_decref(root);
}

static void routes_of_a_document_are_compared(void **state) {
  (void)state;
  static const char config[] =
      "{" MAIN ",\"routing\":{\"routes\":[{\"pattern\":\"order.*\",\"transport\":\"main\",\"priority\":5},"
      "{\"pattern\":\"order.paid\",\"transport\":\"main\"},{\"pattern\":\"*.paid\",\"transport\":\"main\"}]}"
      "}";
  char *text = NULL;
  evs_error *error = NULL;
  assert_int_equal(evs_coverage_config(config, strlen(config), &text, &error), EVS_OK);
  json_t *root = json_loads(text, 0, NULL);
  json_t *shadowed = json_array_get(json_object_get(root, "shadowed"), 0);
  assert_int_equal(json_integer_value(json_object_get(shadowed, "route")), 1);
  assert_int_equal(json_integer_value(json_object_get(shadowed, "by")), 0);
  assert_int_equal(json_array_size(json_object_get(root, "overlapping")), 1);
  assert_int_equal(json_integer_value(json_object_get(root, "examined")), 3);
  json_decref(root);
  evs_string_free(text);
  assert_int_equal(evs_coverage_config("{}", 2, &text, &error), EVS_CONFIG);
  evs_error_free(error);
  assert_int_equal(evs_coverage_config(NULL, 0, &text, NULL), EVS_ARGUMENT);
}

static void subscriptions_of_the_document_receive(void **state) {
  (void)state;
  static const char config[] =
      "{" MAIN ",\"originPrefix\":\"eu\",\"subscriptions\":["
      "{\"name\":\"own\",\"group\":\"g\",\"pattern\":\"a.b\",\"origins\":null},"
      "{\"name\":\"other\",\"group\":\"g\",\"pattern\":\"a.c\",\"origins\":null},"
      "{\"name\":\"far\",\"group\":\"h\",\"pattern\":\"a.*\",\"origins\":[\"us\"]}]}";
  json_t *own = explain(config, "{\"type\":\"a.b\"}"),
         *far = explain(config, "{\"type\":\"a.b\",\"originPrefix\":\"us\"}");
  /* The own origin is implied where origins are given. */
  json_t *wanted =
      json_loads("[{\"name\":\"own\",\"group\":\"g\"},{\"name\":\"far\",\"group\":\"h\"}]", 0, NULL);
  assert_true(json_equal(json_object_get(own, "subscriptions"), wanted));
  json_decref(wanted);
  wanted = json_loads("[{\"name\":\"far\",\"group\":\"h\"}]", 0, NULL);
  assert_true(json_equal(json_object_get(far, "subscriptions"), wanted));
  json_decref(wanted);
  json_decref(own);
  json_decref(far);
}

static void what_is_wrong_is_named(void **state) {
  (void)state;
  static const char query[] = "{\"type\":\"a.b\"}";
  refused("{", query, EVS_CONFIG, "JSON");
  refused("[]", query, EVS_CONFIG, "object");
  refused("{}", query, EVS_CONFIG, "transports");
  refused("{\"transports\":7}", query, EVS_CONFIG, "/transports");
  refused("{" MAIN ",\"routing\":{\"routs\":[]}}", query, EVS_CONFIG, "/routing/routs");
  refused("{" MAIN ",\"routing\":{\"routes\":[{\"pattern\":\"a..b\",\"transport\":\"main\"}]}}", query,
          EVS_CONFIG, "/routing/routes/0/pattern");
  refused("{" MAIN ",\"subscriptions\":[7]}", query, EVS_CONFIG, "/subscriptions");
  refused("{" MAIN ",\"subscriptions\":[{\"pattern\":\"a..b\"}]}", query, EVS_VALIDATION, "a..b");
  refused("{" MAIN "}", "{}", EVS_VALIDATION, "/type");
  refused("{" MAIN "}", "[", EVS_VALIDATION, "JSON");
}

static void null_arguments_are_refused(void **state) {
  (void)state;
  char *text = NULL;
  assert_int_equal(evs_explain_config(NULL, 0, "{}", 2, &text, NULL), EVS_ARGUMENT);
  assert_int_equal(evs_explain_config("{}", 2, NULL, 0, &text, NULL), EVS_ARGUMENT);
  assert_int_equal(evs_explain_config("{}", 2, "{}", 2, NULL, NULL), EVS_ARGUMENT);
}

/* ---- without memory ------------------------------------------------------------------------------ */

static evs_status explain_all(void *none) {
  (void)none;
  static const char config[] =
      "{" MAIN ",\"routing\":{\"routes\":[{\"pattern\":\"a.*\",\"transport\":\"main\"}]},"
      "\"subscriptions\":[{\"name\":\"s\",\"group\":\"g\",\"pattern\":\"a.b\"}]}";
  static const char query[] = "{\"type\":\"a.b\"}";
  char *text = NULL;
  evs_error *error = NULL;
  evs_status status = evs_explain_config(config, sizeof config - 1, query, sizeof query - 1, &text, &error);
  evs_error_free(error);
  evs_string_free(text);
  return status;
}

static void lack_of_memory_is_told_at_every_step(void **state) {
  (void)state;
  shortage_of_each(explain_all, NULL, SHORTAGE_IS_TOLD);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_part_of_a_configuration_is_enough),
      cmocka_unit_test(transports_need_only_names),
      cmocka_unit_test(variables_of_another_process_stay_as_they_are),
      cmocka_unit_test(filters_of_headers_are_asked_when_headers_are_given),
      cmocka_unit_test(an_expression_that_is_too_much_work_is_undecided),
      cmocka_unit_test(routes_of_a_document_are_compared),
      cmocka_unit_test(subscriptions_of_the_document_receive),
      cmocka_unit_test(what_is_wrong_is_named),
      cmocka_unit_test(null_arguments_are_refused),
      cmocka_unit_test(lack_of_memory_is_told_at_every_step),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
