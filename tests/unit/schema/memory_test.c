/* SPDX-License-Identifier: MIT
 * memory_test.c - every single allocation may fail: the call says so, and nothing is lost or left half made.
 */
#include "schema_fixture.h"

#include <stdio.h>
#include <sys/stat.h>

#include "base/env.h"
#include "schema/body.h"
#include "schema/registry_folder.h"
#include "support/folder.h"
#include "unit/support/shortage.h"

static const char schema_text[] =
    "{\"$id\":\"http://x/"
    "s\",\"$dynamicAnchor\":\"n\",\"type\":\"object\",\"required\":[\"a\","
    "\"b\"],\"unevaluatedProperties\":false,"
    "\"properties\":{\"a\":{\"pattern\":\"^a+$\",\"format\":\"uri-reference\",\"title\":\"t\"},\"b\":{\"$"
    "ref\":\"#/$defs/list\"},\"c\":{\"$dynamicRef\":\"#n\"}},"
    "\"patternProperties\":{\"^x-\":{\"multipleOf\":0.5}},"
    "\"$defs\":{\"list\":{\"uniqueItems\":true,\"items\":{\"const\":{\"k\":[1]}"
    "},\"contains\":{\"maximum\":7,\"default\":1}}}}";
static const char body[] =
    "{\"a\":\"b\\u0061\",\"b\":[{\"k\":[1]},{\"k\":[1]},0,1,2,3,4,5],\"c\":{},\"x-1\":1.25,\"z\":0}";

static const char valid_body[] = "{\"a\":\"aa\",\"b\":[{\"k\":[1]}]}";

/* The same without regular expressions. */
static const char plain_text[] =
    "{\"$id\":\"http://x/s\",\"$dynamicAnchor\":\"n\",\"type\":\"object\",\"required\":[\"a\",\"b\"],"
    "\"unevaluatedProperties\":false,\"properties\":{\"a\":{\"title\":\"t\"},\"b\":{\"$ref\":\"#/$defs/"
    "list\"},"
    "\"c\":{\"$dynamicRef\":\"#n\"},\"x-1\":{\"multipleOf\":0.5}},"
    "\"$defs\":{\"list\":{\"uniqueItems\":true,\"items\":{\"const\":{\"k\":[1]}},"
    "\"contains\":{\"maximum\":7,\"default\":1}}}}";

/* Compiles, validates and reports. The first status that is not fine. */
static evs_status whole_way(void *text) {
  evsi_schema_options options = {.asserts_format = true};
  evsi_schema *schema = NULL;
  evsi_validation *validation = NULL;
  char *report = NULL;
  bool valid = true;
  evs_status status = evsi_schema_compile(evsi_text(text), &options, &schema, NULL);
  if (status == EVS_OK && !(validation = evsi_validation_create()))
    status = EVS_NOMEM;
  if (status == EVS_OK)
    status = evsi_schema_validate(schema, validation, evsi_text(body), &valid, NULL);
  if (status == EVS_OK)
    status = evsi_schema_report(schema, validation, EVSI_REPORT_OWN, 10, &report, NULL);
  if (status == EVS_OK) {
    assert_false(valid);
    evsi_free(report);
    report = NULL;
    status = evsi_schema_validate(schema, validation, evsi_text(valid_body), &valid, NULL);
  }
  if (status == EVS_OK)
    status = evsi_schema_report(schema, validation, EVSI_REPORT_BASIC, 10, &report, NULL);
  if (status == EVS_OK)
    assert_true(valid);
  evsi_free(report);
  evsi_validation_free(validation);
  evsi_schema_free(schema);
  return status;
}

/* As writers and readers have it. */
static evs_status whole_reading(void *none) {
  (void)none;
  static const char text[] = "{\"properties\":{\"a\":{\"default\":[1]},\"b\":{}},\"required\":[\"a\",\"b\"]}";
  evs_schema *schema = NULL;
  evsi_verdict verdict = {.is_valid = false};
  evs_status status = evsi_validator_new(evsi_text(text), NULL, &schema, NULL);
  if (status == EVS_OK)
    status = evsi_validator_judge(schema, EVSI_READ_FILLED, evsi_text("{\"b\":1}"), &verdict, NULL);
  if (status == EVS_OK)
    assert_string_equal(verdict.filled, "{\"b\":1,\"a\":[1]}");
  evsi_free(verdict.filled);
  if (status == EVS_OK)
    status = evsi_validator_judge(schema, EVSI_READ_CLOSED, evsi_text("{\"c\":1}"), &verdict, NULL);
  if (status == EVS_OK)
    evsi_free(verdict.report);
  evsi_validator_free(schema);
  return status;
}

static bool look_up(void *meta, const char *uri, evs_bytes *out_text) {
  *out_text = evsi_text(meta);
  return strcmp(uri, "http://x/meta") == 0;
}

/* By a meta-schema of somebody's own, which leaves out a vocabulary. */
static evs_status whole_dialect(void *none) {
  (void)none;
  static char meta[] = "{\"$schema\":\"https://json-schema.org/draft/2020-12/schema\",\"$vocabulary\":{"
                       "\"https://json-schema.org/draft/2020-12/vocab/core\":true}}";
  const evsi_schema_options options = {.lookup = look_up, .user = meta};
  evsi_schema *schema = NULL;
  evsi_validation *validation = NULL;
  bool valid = true;
  evs_status status = evsi_schema_compile(evsi_text("{\"$schema\":\"http://x/meta\",\"type\":\"string\"}"),
                                          &options, &schema, NULL);
  if (status == EVS_OK && !(validation = evsi_validation_create()))
    status = EVS_NOMEM;
  if (status == EVS_OK)
    status = evsi_schema_validate(schema, validation, evsi_text("1"), &valid, NULL);
  assert_true(valid);
  evsi_validation_free(validation);
  evsi_schema_free(schema);
  return status;
}

/* Two versions get into a registry, the second with reasons; a body is judged. */
static evs_status whole_registry(void *none) {
  (void)none;
  static const char *const texts[] = {"{\"type\":\"integer\"}", "{\"type\":\"string\"}"};
  evsi_registry_setup setup = {.env = evsi_env_default()};
  evsi_registry *registry = evsi_registry_new(&setup);
  evs_status status = registry ? EVS_OK : EVS_NOMEM;
  for (int i = 0; i < 2 && status == EVS_OK; i++) {
    evsi_registration in = {.type = evsi_text("a.b"), .text = evsi_text(texts[i]), .registered_by = "ann"};
    evsi_plan plan;
    status = evsi_registry_plan(registry, &in, &plan, NULL);
    if (status == EVS_OK)
      status = evsi_registry_commit(registry, &plan, NULL);
    evsi_plan_free(&plan);
  }
  evsi_body_rules rules = {.registry = registry};
  evsi_judgement judgement;
  if (status == EVS_OK) {
    evsi_body_state state =
        evsi_body_judge(&rules, evsi_text("a.b"), evsi_text("2.0.0"), evsi_text("7"), &judgement);
    assert_true(state == EVSI_BODY_INVALID || state == EVSI_BODY_NO_MEMORY);
    status = state == EVSI_BODY_NO_MEMORY ? EVS_NOMEM : EVS_OK;
    evsi_judgement_free(&judgement);
  }
  evsi_registry_free(registry);
  return status;
}

static const char other_text[] =
    "{\"properties\":{\"b\":{\"items\":{\"enum\":[1]}}},\"patternProperties\":{\"a\":true}}";
static const char other_plain_text[] = "{\"properties\":{\"b\":{\"items\":{\"enum\":[1]}}}}";

/* Compares a schema with itself, and with one that it is not compatible with. */
static evs_status whole_comparison(void *text) {
  evsi_schema *schemas[2] = {NULL, NULL};
  char *report = NULL;
  bool allowed_to = false;
  evs_status status = evsi_schema_compile(evsi_text(text), NULL, &schemas[0], NULL);
  if (status == EVS_OK)
    status = evsi_schema_compile(evsi_text(text == schema_text ? other_text : other_plain_text), NULL,
                                 &schemas[1], NULL);
  if (status == EVS_OK) {
    evsi_compat_question question = {.earlier = (const evsi_schema *const *)schemas,
                                     .earlier_count = 2,
                                     .candidate = schemas[0],
                                     .mode = EVSI_COMPAT_FULL,
                                     .is_transitive = true,
                                     .policy = EVSI_COMPAT_STRICT};
    status = evsi_compat_check(&question, &allowed_to, &report, NULL);
  }
  if (status == EVS_OK)
    assert_false(allowed_to);
  evsi_free(report);
  evsi_schema_free(schemas[0]);
  evsi_schema_free(schemas[1]);
  return status;
}

static void each_failed_allocation_of_a_validation_is_reported(void **state) {
  (void)state;
  shortage_of_each(whole_way, (void *)plain_text, SHORTAGE_IS_TOLD);
}

/* Borne is only this: an expression that got no machine code is interpreted. */
static void each_failed_allocation_of_a_validation_leaves_the_verdict_right(void **state) {
  (void)state;
  shortage_of_each(whole_way, (void *)schema_text, SHORTAGE_IS_BORNE);
}

static void each_failed_allocation_of_a_dialect_is_reported(void **state) {
  (void)state;
  shortage_of_each(whole_dialect, NULL, SHORTAGE_IS_TOLD);
}

static void each_failed_allocation_of_a_comparison_is_reported(void **state) {
  (void)state;
  shortage_of_each(whole_comparison, (void *)plain_text, SHORTAGE_IS_TOLD);
}

static void each_failed_allocation_of_a_comparison_leaves_the_verdict_right(void **state) {
  (void)state;
  shortage_of_each(whole_comparison, (void *)schema_text, SHORTAGE_IS_BORNE);
}

static void each_failed_allocation_of_a_reading_is_reported(void **state) {
  (void)state;
  shortage_of_each(whole_reading, NULL, SHORTAGE_IS_TOLD);
}

static void each_failed_allocation_of_a_registry_is_reported(void **state) {
  (void)state;
  shortage_of_each(whole_registry, NULL, SHORTAGE_IS_TOLD);
}

static void write_text(const char *folder, const char *name, const char *text) {
  char path[FOLDER_SIZE + 64];
  snprintf(path, sizeof path, "%s/%s", folder, name);
  FILE *file = fopen(path, "w");
  assert_non_null(file);
  fputs(text, file);
  fclose(file);
}

/* Reads a folder: all of it or nothing. */
static evs_status read_folder(void *folder) {
  uint64_t fingerprint = 0;
  bool is_changed = false;
  evsi_stored_set set = {.items = NULL};
  evs_error *error = NULL;
  evs_status status = evsi_schema_folder_read(folder, &fingerprint, &set, &is_changed, &error);
  if (status == EVS_OK) {
    assert_int_equal(set.count, 2); /* the rule, the version */
    assert_string_equal(set.items[1].registered_by, "ann");
  }
  evs_error_free(error);
  evsi_stored_free(&set);
  return status;
}

static void each_failed_allocation_of_a_folder_is_reported(void **state) {
  (void)state;
  char folder[FOLDER_SIZE], type[FOLDER_SIZE + 32];
  folder_make(folder);
  snprintf(type, sizeof type, "%s/order.paid", folder);
  assert_int_equal(mkdir(type, 0700), 0);
  write_text(type, "1.0.0.json", "{\"type\":\"object\"}");
  write_text(type, "type.json",
             "{\"compatibility\":\"full\",\"versions\":{\"1.0.0\":{\"registeredBy\":\"ann\"}}}");
  shortage_of_each(read_folder, folder, SHORTAGE_IS_BORNE); /* whether "." is a type */
  folder_remove(folder);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(each_failed_allocation_of_a_validation_is_reported),
      cmocka_unit_test(each_failed_allocation_of_a_validation_leaves_the_verdict_right),
      cmocka_unit_test(each_failed_allocation_of_a_dialect_is_reported),
      cmocka_unit_test(each_failed_allocation_of_a_comparison_is_reported),
      cmocka_unit_test(each_failed_allocation_of_a_comparison_leaves_the_verdict_right),
      cmocka_unit_test(each_failed_allocation_of_a_reading_is_reported),
      cmocka_unit_test(each_failed_allocation_of_a_registry_is_reported),
      cmocka_unit_test(each_failed_allocation_of_a_folder_is_reported),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
