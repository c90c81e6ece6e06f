/* SPDX-License-Identifier: MIT
 * config_schema_test.c - docs/configuration.schema.json is the table's, and says of every case of a
 * configuration what the table says. EVS_UPDATE_DOCS=1 writes it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "base/alloc.h"
#include "config/config_walk.h"
#include "schema/schema.h"

#define DOCUMENT EVS_SOURCE_DIR "/docs/configuration.schema.json"
#define GENERATED EVS_SOURCE_DIR "/tests/unit/config/problems.json"
#define CASES EVS_SOURCE_DIR "/tests/unit/config/cases/"
static const char *const files[] = {"keys.json",    "synonyms.json", "unsupported.json",  "environment.json",
                                    "redis.json",   "routing.json",  "subscription.json", "schemas.json",
                                    "sending.json", "plugins.json"};

/* What the table gives, as it is written: a member that is there twice is an error. */
static json_t *published(void) {
  evsi_buf text = {0};
  json_error_t why;
  evsi_config_table_schema(&text);
  assert_false(text.failed);
  json_t *schema = json_loadb(text.data, text.size, JSON_REJECT_DUPLICATES, &why);
  if (!schema)
    fail_msg("line %d: %s", why.line, why.text);
  evsi_buf_free(&text);
  return schema;
}

static void the_published_schema_is_the_table(void **state) {
  (void)state;
  json_t *schema = published();
  if (getenv("EVS_UPDATE_DOCS"))
    assert_int_equal(json_dump_file(schema, DOCUMENT, JSON_INDENT(1)), 0);
  json_t *document = json_load_file(DOCUMENT, 0, NULL);
  if (!json_equal(document, schema))
    fail_msg("%s is behind the table: run this test with EVS_UPDATE_DOCS=1", DOCUMENT);
  json_decref(document);
  json_decref(schema);
}

static evsi_schema *compile(const char *part) {
  json_t *schema = published();
  evsi_schema *compiled = NULL;
  evs_error *error = NULL;
  json_object_set_new(schema, "$ref", json_string(part));
  char *text = json_dumps(schema, 0);
  if (evsi_schema_compile(evsi_text(text), NULL, &compiled, &error) != EVS_OK)
    fail_msg("%s", evs_error_json(error));
  free(text);
  json_decref(schema);
  return compiled;
}

/* Two keys that contradict each other are nothing that a schema says. */
static bool is_of_one_key(const json_t *problems) {
  size_t i;
  json_t *problem;
  json_array_foreach(problems, i, problem) {
    if (!strstr(json_string_value(json_object_get(problem, "message")), "is given twice"))
      return true;
  }
  return false;
}

/* 1: the table takes it, 0: it does not, -1: it is no object at all. */
static int by_table(const evsi_section *section, const char *text) {
  evsi_check check;
  int verdict = -1;
  assert_true(evsi_check_init(&check, false));
  json_t *input = evsi_check_parse(&check, text, strlen(text)), *given = json_object();
  if (input) {
    evsi_walk(&check, section, input, given, given);
    verdict = !is_of_one_key(check.problems);
  }
  json_decref(input);
  json_decref(given);
  evsi_check_free(&check);
  return verdict;
}

static bool by_schema(const evsi_schema *schema, const char *text, char **out_why) {
  evsi_validation *validation = evsi_validation_create();
  bool is_valid = false;
  assert_int_equal(evsi_schema_validate(schema, validation, evsi_text(text), &is_valid, NULL), EVS_OK);
  assert_int_equal(evsi_schema_report(schema, validation, EVSI_REPORT_OWN, 3, out_why, NULL), EVS_OK);
  evsi_validation_free(validation);
  return is_valid;
}

/* What a variable will hold nobody knows: there the schema takes what the table may refuse. */
static size_t compare(const evsi_section *section, const evsi_schema *schema, const char *name, char *text) {
  char *why = NULL;
  int table = by_table(section, text);
  if (table < 0 || strstr(text, "${")) {
    free(text);
    return 0;
  }
  bool is_valid = by_schema(schema, text, &why);
  if (is_valid != table)
    fail_msg("%s: the table says %s, the schema %s", name, table ? "valid" : "invalid", why);
  evsi_free(why);
  free(text);
  return 1;
}

/* One wrong value of each key, as config_problems_test.c has them. */
static size_t compare_generated(const evsi_schema *documents, const evsi_schema *subscriptions) {
  json_t *cases = json_load_file(GENERATED, 0, NULL);
  const char *name;
  json_t *entry;
  size_t compared = 0;
  json_object_foreach(cases, name, entry) {
    const json_t *options = json_object_get(entry, "subscription"),
                 *config = json_object_get(entry, "config");
    if (options)
      compared += compare(&evsi_section_subscription, subscriptions, name, json_dumps(options, 0));
    else if (config)
      compared += compare(&evsi_section_system, documents, name, json_dumps(config, 0));
  }
  json_decref(cases);
  return compared;
}

static void table_and_schema_agree_on_every_case(void **state) {
  (void)state;
  evsi_schema *documents = compile("#/$defs/The-document");
  evsi_schema *subscriptions = compile("#/$defs/Options-of-a-subscription");
  size_t compared = 0;
  for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
    char path[512];
    size_t index;
    json_t *entry;
    snprintf(path, sizeof path, CASES "%s", files[i]);
    json_t *cases = json_load_file(path, 0, NULL);
    assert_non_null(cases);
    json_array_foreach(cases, index, entry) {
      const char *name = json_string_value(json_object_get(entry, "name"));
      const char *text = json_string_value(json_object_get(entry, "text"));
      const json_t *options = json_object_get(entry, "subscription");
      char *document =
          text ? strdup(text) : json_dumps(options ? options : json_object_get(entry, "config"), 0);
      compared += options ? compare(&evsi_section_subscription, subscriptions, name, document)
                          : compare(&evsi_section_system, documents, name, document);
    }
    json_decref(cases);
  }
  compared += compare_generated(documents, subscriptions);
  evsi_schema_free(documents);
  evsi_schema_free(subscriptions);
  print_message("%zu cases compared\n", compared);
  assert_true(compared > 800);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_published_schema_is_the_table),
      cmocka_unit_test(table_and_schema_agree_on_every_case),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
