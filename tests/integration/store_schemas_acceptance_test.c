/* SPDX-License-Identifier: MIT
 * store_schemas_acceptance_test.c - schemas of event types, kept in the store for all services: bodies that
 * break them become dead letters with their errors, an edited one is checked before it goes back, and what
 * happens when others change the registry, at the same time or by hand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "support/host.h"
#include "support/scene.h"
#include "support/until.h"

#define ORDER                                                                                                \
  "{\"type\":\"order.placed\",\"version\":\"%s\",\"schema\":{\"type\":\"object\",\"properties\":{\"id\":{"   \
  "\"type\":\"%s\"}},"                                                                                       \
  "\"required\":[\"id\"]}}"

#define QUICK ",\"refresh\":100"
#define TOPIC "order-events"
#define ODD_KEY "order.placed@2.0.0"
#define ODD_VALUE "{\"schemaText\":\"{\\\"type\\\":\\\"null\\\"}\"}"

/* What somebody does who goes past the library. */
static void change_by_hand(const char *sql, int count, const char *const *command) {
  sqlite3 *file = NULL;
  if (!store.is_file) {
    redis_words(&store.server, count, command);
    return;
  }
  test_require(sqlite3_open(store.place, &file) == SQLITE_OK, "the file opens");
  sqlite3_busy_timeout(file, 10000);
  test_require(sqlite3_exec(file, sql, NULL, NULL, NULL) == SQLITE_OK, sqlite3_errmsg(file));
  sqlite3_close(file);
}

static evs_system *connect_as(const char *service, const char *mode, const char *schemas) {
  return host_connect("{\"service\":\"%s\",\"validationMode\":\"%s\",\"transports\":{\"main\":{%s}},"
                      "\"schemas\":{\"registry\":\"transport\"%s}}",
                      service, mode, store.transport, schemas);
}

static host_report try_body(evs_system *system, const char *body) {
  evs_event event = host_event("order.placed", body);
  return host_try(system, &event);
}

static bool knows(evs_system *system, const char *version) {
  char params[128], *json = NULL;
  evs_error *error = NULL;
  snprintf(params, sizeof params, "{\"type\":\"order.placed\",\"version\":\"%s\"}", version);
  evs_status status = evs_call(system, "schemas.get", params, strlen(params), 5000, &json, &error);
  evs_string_free(json);
  evs_error_free(error);
  return status == EVS_OK;
}

static size_t versions_known(evs_system *system) {
  json_t *answer = host_call(system, "schemas.list", "{}");
  size_t count = json_array_size(json_object_get(answer, "items"));
  json_decref(answer);
  return count;
}

static bool has_alarm(evs_system *system, const char *text) {
  json_t *answer = host_call(system, "schemas.list", "{}");
  const char *alarm = json_string_value(json_object_get(json_object_get(answer, "registry"), "alarm"));
  bool has = text ? alarm && strstr(alarm, text) : !alarm;
  json_decref(answer);
  return has;
}

/* It knows the schema that this one registers, and handles by it. */
static evs_system *connect_consumer(evs_system *registrar) {
  evs_system *consumer = connect_as("two", "strict", QUICK);
  json_decref(host_call(registrar, "schemas.register", ORDER, "1.0.0", "string"));
  TEST_WITHIN(test_deadline_ms(), knows(consumer, "1.0.0"));
  host_subscribe(consumer, "{\"pattern\":\"order.placed\",\"group\":\"shop\"}");
  host_ready(consumer);
  return consumer;
}

static void a_schema_is_known_to_all_services(void **state) {
  (void)state;
  evs_system *first = connect_as("one", "strict", QUICK), *second = connect_as("two", "strict", QUICK);
  json_decref(host_call(first, "schemas.register", ORDER, "1.0.0", "string"));
  TEST_WITHIN(test_deadline_ms(), knows(second, "1.0.0"));
  assert_int_equal(try_body(second, "{\"id\":7}").outcome, EVS_OUTCOME_REFUSED);
  evs_system *third = connect_as("three", "strict", QUICK);
  assert_true(knows(third, "1.0.0"));
  json_t *answer = host_call(third, "audit", "{}");
  const json_t *row = json_array_get(json_object_get(answer, "items"), 0);
  assert_string_equal(json_string_value(json_object_get(row, "action")), "schemas.register");
  json_decref(answer);
  host_close(first, 0);
  host_close(second, 0);
  host_close(third, 0);
}

static void an_invalid_body_is_a_dead_letter_with_its_errors(void **state) {
  (void)state;
  evs_system *registrar = connect_as("one", "ignore", QUICK), *consumer = connect_consumer(registrar);
  assert_int_equal(try_body(registrar, "{\"id\":7}").outcome, EVS_OUTCOME_STORED);
  assert_int_equal(try_body(registrar, "{\"id\":\"fine\"}").outcome, EVS_OUTCOME_STORED);
  host_message message = host_next(consumer);
  assert_string_equal(message.body, "{\"id\":\"fine\"}");
  host_ack(consumer, message.delivery);
  TEST_WITHIN(test_deadline_ms(), store_dead(consumer, TOPIC) == 1);
  json_t *answer = host_call(consumer, "dlq.list", "{}");
  const json_t *letter = json_array_get(json_object_get(answer, "items"), 0),
               *error = json_object_get(letter, "error");
  const json_t *validation = json_object_get(error, "validation");
  const json_t *first = json_array_get(json_object_get(validation, "errors"), 0);
  assert_string_equal(json_string_value(json_object_get(error, "class")), "ValidationError");
  assert_int_equal(json_integer_value(json_object_get(letter, "attempts")), 0);
  assert_string_equal(json_string_value(json_object_get(validation, "version")), "1.0.0");
  assert_int_equal(json_string_length(json_object_get(validation, "schemaHash")), 64);
  assert_string_equal(json_string_value(json_object_get(validation, "bodyHash")),
                      json_string_value(json_object_get(json_object_get(letter, "header"), "hash")));
  assert_string_equal(json_string_value(json_object_get(first, "instancePath")), "/id");
  assert_string_equal(json_string_value(json_object_get(first, "keyword")), "type");
  json_decref(answer);
  host_close(registrar, 0);
  host_close(consumer, 1000);
}

static void an_edited_body_must_be_valid(void **state) {
  (void)state;
  evs_system *registrar = connect_as("one", "ignore", QUICK), *consumer = connect_consumer(registrar);
  try_body(registrar, "{\"id\":7}");
  TEST_WITHIN(test_deadline_ms(), store_dead(consumer, TOPIC) == 1);
  json_t *answer = host_call(consumer, "dlq.list", "{}");
  const json_t *letter = json_array_get(json_object_get(answer, "items"), 0);
  char params[256], *json = NULL;
  evs_error *error = NULL;
  const char *id = json_string_value(json_object_get(letter, "id"));
  snprintf(params, sizeof params, "{\"ids\":[\"%s\"],\"edit\":{\"body\":\"{\\\"id\\\":8}\"}}", id);
  assert_int_equal(evs_call(consumer, "dlq.requeue", params, strlen(params), 5000, &json, &error),
                   EVS_VALIDATION);
  assert_non_null(strstr(evs_error_json(error), "\"path\":\"/edit/body/id\""));
  evs_error_free(error);
  assert_int_equal(store_dead(consumer, TOPIC), 1);
  json_decref(host_call(consumer, "dlq.requeue",
                        "{\"ids\":[\"%s\"],\"edit\":{\"body\":\"{\\\"id\\\":\\\"8\\\"}\"}}", id));
  host_message message = host_next(consumer);
  assert_string_equal(message.body, "{\"id\":\"8\"}");
  host_ack(consumer, message.delivery);
  json_decref(answer);
  host_close(registrar, 0);
  host_close(consumer, 1000);
}

static void a_handler_that_reads_by_another_version_fails_alone(void **state) {
  (void)state;
  evs_system *system = connect_as("one", "strict", QUICK);
  json_decref(host_call(system, "schemas.register", "{\"type\":\"order.placed\",\"schema\":true}"));
  json_decref(host_call(system, "schemas.set", "{\"type\":\"order.placed\",\"compatibility\":\"none\"}"));
  json_decref(host_call(system, "schemas.register", ORDER, "2.0.0", "string"));
  host_subscribe(system, "{\"pattern\":\"order.placed\",\"name\":\"old\"}");
  host_subscribe(system, "{\"pattern\":\"order.placed\",\"name\":\"new\",\"version\":\"2.0.0\"}");
  host_ready(system);
  evs_event event = host_event("order.placed", "{\"n\":1}");
  event.version = host_bytes("1.0.0");
  assert_int_equal(host_try(system, &event).outcome, EVS_OUTCOME_STORED);
  host_message message = host_next(system);
  host_ack(system, message.delivery);
  TEST_WITHIN(test_deadline_ms(), store_dead(system, TOPIC) == 1);
  json_t *answer = host_call(system, "dlq.list", "{}");
  const json_t *letter = json_array_get(json_object_get(answer, "items"), 0);
  assert_string_equal(json_string_value(json_object_get(letter, "subscription")), "new");
  assert_int_equal(json_array_size(json_object_get(letter, "subscriptions")), 1);
  json_decref(answer);
  host_close(system, 1000);
}

static void an_unknown_version_waits_until_the_registry_was_asked(void **state) {
  (void)state;
  evs_system *late = connect_as("late", "strict", ",\"onUnknownVersion\":\"fetch\",\"refresh\":3600000");
  host_subscribe(late, "{\"pattern\":\"order.placed\"}");
  host_ready(late);
  evs_system *writer = connect_as("writer", "ignore", QUICK);
  json_decref(host_call(writer, "schemas.register", ORDER, "1.0.0", "string"));
  json_decref(host_call(late, "schemas.register", ORDER, "1.0.0", "string")); /* which makes it look */
  json_decref(host_call(writer, "schemas.register",
                        "{\"type\":\"order.placed\",\"version\":\"1.1.0\",\"schema\":{\"type\":"
                        "\"object\",\"properties\":{\"id\":{\"type\":[\"string\",\"null\"]}}}}"));
  assert_int_equal(try_body(writer, "{\"id\":null}").outcome, EVS_OUTCOME_STORED);
  host_message message = host_next(late);
  assert_string_equal(message.version, "1.1.0");
  host_ack(late, message.delivery);
  evs_event event = host_event("order.placed", "{\"id\":\"a\"}");
  event.version = host_bytes("9.0.0");
  host_try(writer, &event);
  TEST_WITHIN(test_deadline_ms(), store_dead(writer, TOPIC) == 1);
  host_close(writer, 0);
  host_close(late, 1000);
}

static void a_lost_registry_and_a_version_put_in_by_hand_are_told(void **state) {
  (void)state;
  evs_system *system = connect_as("one", "strict", QUICK);
  json_decref(host_call(system, "schemas.register", ORDER, "1.0.0", "string"));
  change_by_hand("CREATE TABLE elsewhere AS SELECT * FROM registry; DELETE FROM registry", 3,
                 (const char *const[]){"RENAME", "evs:schemas", "evs:elsewhere"});
  TEST_WITHIN(test_deadline_ms(), has_alarm(system, "not kept any more"));
  assert_int_equal(try_body(system, "{\"id\":7}").outcome, EVS_OUTCOME_REFUSED);
  change_by_hand("INSERT INTO registry SELECT * FROM elsewhere", 3,
                 (const char *const[]){"RENAME", "evs:elsewhere", "evs:schemas"});
  TEST_WITHIN(test_deadline_ms(), has_alarm(system, NULL));
  change_by_hand("INSERT INTO registry VALUES ('" ODD_KEY "', '" ODD_VALUE "')", 4,
                 (const char *const[]){"HSET", "evs:schemas", ODD_KEY, ODD_VALUE});
  TEST_WITHIN(test_deadline_ms(), has_alarm(system, "2.0.0"));
  assert_false(knows(system, "2.0.0"));
  assert_true(host_stat(system, "transport", "schemaAlarms") >= 2);
  host_close(system, 0);
}

static void services_that_register_at_once_get_versions_of_their_own(void **state) {
  (void)state;
  enum { SERVICES = 4, EACH = 5 };
  evs_system *systems[SERVICES];
  for (int i = 0; i < SERVICES; i++)
    systems[i] = connect_as("one", "strict", QUICK);
  for (int n = 0; n < EACH; n++) {
    for (int i = 0; i < SERVICES; i++) {
      char params[128];
      snprintf(params, sizeof params, "{\"type\":\"order.placed\",\"schema\":{\"title\":\"%d of %d\"}}", n,
               i);
      assert_int_equal(evs_request(systems[i], "schemas.register", params, strlen(params), 20000, 7, NULL),
                       EVS_OK);
    }
    for (int i = 0; i < SERVICES; i++) {
      host_report report;
      assert_true(host_report_of(systems[i], EVS_REPORT_REQUEST, &report, (uint32_t)test_deadline_ms()));
      if (report.status != EVS_OK)
        fail_msg("%s", report.message);
    }
  }
  for (int i = 0; i < SERVICES; i++)
    TEST_WITHIN(test_deadline_ms(), versions_known(systems[i]) == SERVICES * EACH);
  for (int i = 0; i < SERVICES; i++)
    host_close(systems[i], 0);
}

/* Nothing tells the second one of what the first did: it learns of it by being refused. */
static void who_knows_less_than_the_store_reads_before_it_registers(void **state) {
  (void)state;
  static const char rarely[] = ",\"refresh\":3600000";
  evs_system *first = connect_as("one", "strict", rarely), *second = connect_as("two", "strict", rarely);
  for (int i = 0; i < 3; i++) {
    char params[128];
    snprintf(params, sizeof params, "{\"type\":\"order.placed\",\"schema\":{\"title\":\"%d\"}}", i);
    json_decref(host_call(i % 2 ? second : first, "schemas.register", "%s", params));
  }
  assert_int_equal(versions_known(first), 3);
  host_close(first, 0);
  host_close(second, 0);
}

static void what_the_configuration_declares_is_registered_on_connecting(void **state) {
  (void)state;
  static const char *const types = ",\"types\":{\"order.placed\":{\"1.0.0\":{\"type\":\"object\","
                                   "\"properties\":{\"id\":{\"type\":\"string\"}}}}}";
  static const char *const others = ",\"types\":{\"order.placed\":{\"2.0.0\":{\"type\":\"object\","
                                    "\"properties\":{\"id\":{\"type\":\"integer\"}}}}}";
  evs_system *first = connect_as("one", "strict", types), *second = connect_as("two", "strict", types);
  evs_system *other = connect_as("other", "strict", "");
  assert_true(knows(other, "1.0.0"));
  host_close(other, 0);
  evs_system *third = connect_as("three", "strict", others);
  assert_true(has_alarm(third, "is not used"));
  assert_false(knows(third, "2.0.0"));
  host_close(first, 0);
  host_close(second, 0);
  host_close(third, 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      SCENE_ON_BOTH(a_schema_is_known_to_all_services),
      SCENE_ON_BOTH(an_invalid_body_is_a_dead_letter_with_its_errors),
      SCENE_ON_BOTH(an_edited_body_must_be_valid),
      SCENE_ON_BOTH(a_handler_that_reads_by_another_version_fails_alone),
      SCENE_ON_BOTH(an_unknown_version_waits_until_the_registry_was_asked),
      SCENE_ON_BOTH(a_lost_registry_and_a_version_put_in_by_hand_are_told),
      SCENE_ON_BOTH(services_that_register_at_once_get_versions_of_their_own),
      SCENE_ON_BOTH(who_knows_less_than_the_store_reads_before_it_registers),
      SCENE_ON_BOTH(what_the_configuration_declares_is_registered_on_connecting),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
