/* SPDX-License-Identifier: MIT
 * registry_test.c - versions of types: which may follow, which number they get, what is found, what a folder
 * keeps of them. */
#include "schema_fixture.h"

#include "base/env.h"
#include "schema/body.h"
#include "schema/registry_folder.h"
#include "support/folder.h"

#define ORDER "{\"type\":\"object\",\"properties\":{\"id\":{\"type\":\"string\"}},\"required\":[\"id\"]}"
#define ORDER_NOTE                                                                                           \
  "{\"type\":\"object\",\"properties\":{\"id\":{\"type\":\"string\"},\"note\":{\"type\":\"string\"}},"       \
  "\"required\":[\"id\"]}"
#define ORDER_TITLE                                                                                          \
  "{\"title\":\"T\",\"type\":\"object\",\"properties\":{\"id\":{\"type\":\"string\"}},\"required\":[\"id\"]" \
  "}"
#define ORDER_NUMBER                                                                                         \
  "{\"type\":\"object\",\"properties\":{\"id\":{\"type\":\"integer\"}},\"required\":[\"id\"]}"

static evsi_registry *registry_of(const char *mode, evsi_compat_policy policy) {
  evsi_registry_setup setup = {.env = evsi_env_default(), .rule = {.policy = policy}};
  assert_true(evsi_compat_rule_parse(mode, &setup.rule));
  evsi_registry *registry = evsi_registry_new(&setup);
  assert_non_null(registry);
  return registry;
}

static evs_status add(evsi_registry *registry, const char *version, const char *text, char out_number[40],
                      char **out_error) {
  evsi_registration in = {
      .type = evsi_text("order.placed"), .version = evsi_text(version), .text = evsi_text(text)};
  evsi_plan plan;
  evs_error *error = NULL;
  evs_status status = evsi_registry_plan(registry, &in, &plan, &error);
  if (out_error)
    *out_error = error ? strdup(evs_error_json(error)) : NULL;
  evs_error_free(error);
  if (status != EVS_OK)
    return status;
  assert_int_equal(evsi_registry_commit(registry, &plan, NULL), EVS_OK);
  if (out_number)
    snprintf(out_number, 40, "%s", plan.same->name);
  evsi_plan_free(&plan);
  return EVS_OK;
}

static void must_add(evsi_registry *registry, const char *version, const char *text, const char *number) {
  char name[40];
  if (add(registry, version, text, name, NULL) != EVS_OK)
    fail_msg("%s is refused", text);
  assert_string_equal(name, number);
}

static void must_refuse(evsi_registry *registry, const char *version, const char *text, evs_status status,
                        const char *why) {
  char *error = NULL;
  assert_int_equal(add(registry, version, text, NULL, &error), status);
  if (!error || !strstr(error, why))
    fail_msg("%s does not say %s", error, why);
  free(error);
}

static const char *found(evsi_registry *registry, const char *version) {
  evsi_schema_version *out;
  return evsi_registry_find(registry, evsi_text("order.placed"), evsi_text(version), &out) ==
                 EVSI_SCHEMA_FOUND
             ? out->name
             : "none";
}

static void a_version_is_chosen_by_what_changes(void **state) {
  (void)state;
  evsi_registry *registry = registry_of("none", EVSI_COMPAT_PRAGMATIC);
  must_add(registry, NULL, ORDER, "1.0.0");
  must_add(registry, NULL, ORDER, "1.0.0");
  must_add(registry, NULL, ORDER_TITLE, "1.0.1");
  must_add(registry, NULL, ORDER_NOTE, "1.1.0");
  must_add(registry, NULL, ORDER_NUMBER, "2.0.0");
  must_add(registry, "2.0.0", ORDER_NUMBER, "2.0.0");
  must_add(registry, "10.2.3", ORDER_NUMBER, "10.2.3");
  assert_string_equal(found(registry, NULL), "10.2.3");
  assert_string_equal(found(registry, "latest"), "10.2.3");
  assert_string_equal(found(registry, "1.0.1"), "1.0.1");
  assert_string_equal(found(registry, "1.0.2"), "none");
  assert_string_equal(found(registry, "x"), "none");
  evsi_registry_free(registry);
}

static void a_version_that_came_from_elsewhere_since_it_was_planned_is_not_added_again(void **state) {
  (void)state;
  evsi_registry *registry = registry_of("none", EVSI_COMPAT_PRAGMATIC);
  evsi_registration in = {.type = evsi_text("order.placed"), .text = evsi_text(ORDER), .is_own = true};
  evsi_registry_walk walk = {NULL, 0};
  evsi_plan plan;
  assert_int_equal(evsi_registry_plan(registry, &in, &plan, NULL), EVS_OK);
  must_add(registry, "1.0.0", ORDER, "1.0.0");
  assert_int_equal(evsi_registry_commit(registry, &plan, NULL), EVS_OK);
  const evsi_schema_version *only = evsi_registry_next(registry, &walk);
  assert_ptr_equal(plan.same, only);
  assert_true(only->is_own);
  assert_null(evsi_registry_next(registry, &walk));
  evsi_plan_free(&plan);
  evsi_registry_free(registry);
}

static void versions_never_change_and_only_go_up(void **state) {
  (void)state;
  evsi_registry *registry = registry_of("none", EVSI_COMPAT_PRAGMATIC);
  must_add(registry, "1.2.0", ORDER, "1.2.0");
  must_refuse(registry, "1.2.0", ORDER_NOTE, EVS_CONFLICT, "versions never change");
  must_refuse(registry, "1.1.9", ORDER_NOTE, EVS_CONFLICT, "versions only go up");
  must_refuse(registry, "1.3", ORDER, EVS_VALIDATION, "no version");
  must_refuse(registry, "01.3.0", ORDER, EVS_VALIDATION, "no version");
  must_refuse(registry, "1.3.0", "{\"type\":\"strin\"}", EVS_VALIDATION, "/type");
  must_refuse(registry, "1.3.0", "{", EVS_VALIDATION, "");
  evsi_schema_version *version;
  evsi_registry_find(registry, evsi_text("order.placed"), evsi_text("1.2.0"), &version);
  evsi_registry_remove(version, 1);
  must_refuse(registry, "1.2.0", ORDER, EVS_CONFLICT, "was removed");
  assert_string_equal(found(registry, "1.2.0"), "1.2.0");
  assert_string_equal(found(registry, NULL), "none");
  evsi_registry_free(registry);
}

static void what_may_not_follow_is_refused_with_path_and_version(void **state) {
  (void)state;
  evsi_registry *registry = registry_of("backward-transitive", EVSI_COMPAT_PRAGMATIC);
  must_add(registry, NULL, ORDER, "1.0.0");
  must_add(registry, NULL, ORDER_NOTE, "1.1.0");
  must_refuse(registry, NULL, ORDER_NUMBER, EVS_CONFLICT, "\"path\":\"/id\"");
  must_refuse(registry, NULL, ORDER_NUMBER, EVS_CONFLICT, "backward compatible with version 1.0.0");
  must_refuse(registry, NULL, ORDER_NUMBER, EVS_CONFLICT, "\"found\":\"type\"");
  evsi_compat_rule none = {EVSI_COMPAT_NONE, false, EVSI_COMPAT_PRAGMATIC};
  assert_int_equal(evsi_registry_set_rule(registry, evsi_text("order.placed"), &none, NULL), EVS_OK);
  must_add(registry, NULL, ORDER_NUMBER, "2.0.0");
  evsi_registry_free(registry);
}

static void only_a_transitive_mode_sees_what_came_before_the_last(void **state) {
  (void)state;
  const char *without = "{\"type\":\"object\",\"properties\":{\"id\":{\"type\":\"string\"}}}";
  const char *note =
      "{\"type\":\"object\",\"properties\":{\"id\":{\"type\":\"string\"},\"note\":{\"type\":\"string\"}}}";
  const char *other =
      "{\"type\":\"object\",\"properties\":{\"id\":{\"type\":\"string\"},\"note\":{\"type\":\"integer\"}}}";
  evsi_registry *pairwise = registry_of("backward", EVSI_COMPAT_PRAGMATIC);
  evsi_registry *transitive = registry_of("backward-transitive", EVSI_COMPAT_PRAGMATIC);
  must_add(pairwise, NULL, note, "1.0.0");
  must_add(pairwise, "2.0.0", without, "2.0.0");
  must_add(pairwise, "3.0.0", other, "3.0.0");
  must_add(transitive, NULL, note, "1.0.0");
  must_add(transitive, "2.0.0", without, "2.0.0");
  must_refuse(transitive, "3.0.0", other, EVS_CONFLICT, "version 1.0.0");
  evsi_registry_free(pairwise);
  evsi_registry_free(transitive);
}

static void on_refused(void *data, const evsi_stored *item, const evs_error *error) {
  (void)data;
  fail_msg("%s@%s: %s", item->type, item->version, evs_error_json(error));
}

static void a_schema_may_refer_to_another_type(void **state) {
  (void)state;
  evsi_registry *registry = registry_of("none", EVSI_COMPAT_PRAGMATIC);
  evsi_stored_set set = {.items = NULL};
  static const char *const texts[][3] = {
      {"a.order", "1.0.0", "{\"properties\":{\"to\":{\"$ref\":\"../z.address/1.0.0\"}}}"},
      {"b.order", "1.0.0", "{\"properties\":{\"to\":{\"$ref\":\"https://example.com/address\"}}}"},
      {"z.address", "1.0.0",
       "{\"$id\":\"https://example.com/address\",\"type\":\"object\",\"required\":[\"city\"]}"},
  };
  for (size_t i = 0; i < 3; i++) {
    evsi_stored *item = evsi_stored_add(&set);
    item->type = evsi_strdup(texts[i][0]);
    item->version = evsi_strdup(texts[i][1]);
    item->text = evsi_strdup(texts[i][2]);
  }
  evsi_registry_load(registry, &set, &(evsi_load){.is_own = true, .refused = on_refused});
  for (size_t i = 0; i < 3; i++)
    assert_true(set.items[i].is_through);
  evsi_body_rules rules = {.registry = registry};
  evsi_judgement judgement;
  assert_int_equal(
      evsi_body_judge(&rules, evsi_text("a.order"), evsi_text(""), evsi_text("{\"to\":{}}"), &judgement),
      EVSI_BODY_INVALID);
  assert_string_equal(judgement.reason, "/to lacks \"city\"");
  evsi_judgement_free(&judgement);
  evsi_stored_free(&set);
  evsi_registry_free(registry);
}

static void which_schema_counts_is_a_matter_of_rules(void **state) {
  (void)state;
  evsi_registry *registry = registry_of("none", EVSI_COMPAT_PRAGMATIC);
  must_add(registry, "1.0.0", ORDER, "1.0.0");
  must_add(registry, "2.0.0", ORDER_NUMBER, "2.0.0");
  evsi_body_rules rules = {.registry = registry};
  evs_bytes type = evsi_text("order.placed"), other = evsi_text("other.type");
  static const struct {
    const char *version, *body;
    evsi_on_unknown_version on_unknown;
    evsi_body_state state;
  } cases[] = {
      {"1.0.0", "{\"id\":\"a\"}", EVSI_UNKNOWN_LATEST, EVSI_BODY_VALID},
      {"2.0.0", "{\"id\":\"a\"}", EVSI_UNKNOWN_LATEST, EVSI_BODY_INVALID},
      {"", "{\"id\":1}", EVSI_UNKNOWN_DLQ, EVSI_BODY_VALID},
      {"3.0.0", "{\"id\":1}", EVSI_UNKNOWN_LATEST, EVSI_BODY_VALID},
      {"3.0.0", "{\"id\":1}", EVSI_UNKNOWN_DLQ, EVSI_BODY_INVALID},
      {"3.0.0", "{\"id\":1}", EVSI_UNKNOWN_FETCH, EVSI_BODY_UNKNOWN},
      {"2.0.0", "{\"id\":1,\"id\":2}", EVSI_UNKNOWN_LATEST, EVSI_BODY_INVALID},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    evsi_judgement judgement;
    rules.on_unknown = cases[i].on_unknown;
    evsi_body_state found_state =
        evsi_body_judge(&rules, type, evsi_text(cases[i].version), evsi_text(cases[i].body), &judgement);
    if (found_state != cases[i].state)
      fail_msg("case %zu: %d, %s", i, found_state, judgement.reason);
    evsi_judgement_free(&judgement);
  }
  evsi_judgement judgement;
  assert_int_equal(evsi_body_judge(&rules, other, evsi_text("1.0.0"), evsi_text("1"), &judgement),
                   EVSI_BODY_UNCHECKED);
  rules.required = true;
  assert_int_equal(evsi_body_judge(&rules, other, evsi_text("1.0.0"), evsi_text("1"), &judgement),
                   EVSI_BODY_INVALID);
  evsi_judgement_free(&judgement);
  evsi_registry_free(registry);
}

static void the_policy_of_the_type_says_how_it_is_written_and_read(void **state) {
  (void)state;
  evsi_registry *registry = registry_of("none", EVSI_COMPAT_PRAGMATIC);
  must_add(registry, NULL, "{\"properties\":{\"id\":{\"default\":1}},\"required\":[\"id\"]}", "1.0.0");
  evsi_body_rules writer = {.registry = registry, .is_writing = true}, reader = {.registry = registry};
  evs_bytes type = evsi_text("order.placed"), none = evsi_text("");
  evsi_judgement judgement;
  assert_int_equal(evsi_body_judge(&writer, type, none, evsi_text("{\"id\":1,\"x\":1}"), &judgement),
                   EVSI_BODY_INVALID);
  evsi_judgement_free(&judgement);
  assert_int_equal(evsi_body_judge(&reader, type, none, evsi_text("{\"x\":1}"), &judgement), EVSI_BODY_VALID);
  assert_string_equal(judgement.filled, "{\"x\":1,\"id\":1}");
  evsi_judgement_free(&judgement);
  evsi_compat_rule strict = {EVSI_COMPAT_NONE, false, EVSI_COMPAT_STRICT};
  evsi_registry_set_rule(registry, type, &strict, NULL);
  assert_int_equal(evsi_body_judge(&writer, type, none, evsi_text("{\"id\":1,\"x\":1}"), &judgement),
                   EVSI_BODY_VALID);
  assert_int_equal(evsi_body_judge(&reader, type, none, evsi_text("{\"x\":1}"), &judgement),
                   EVSI_BODY_INVALID);
  evsi_judgement_free(&judgement);
  evsi_registry_free(registry);
}

/* ---- hostile ---------------------------------------------------------------------------------------- */

static void large_and_deep_schemas_follow_each_other_within_bounds(void **state) {
  (void)state;
  enum { MEMBERS = 100000, DEPTH = 5000 };
  evsi_registry *registry = registry_of("full-transitive", EVSI_COMPAT_STRICT);
  for (int version = 0; version < 2; version++) {
    evsi_buf text = {0};
    evsi_buf_add_text(&text, "{\"properties\":{");
    for (int i = 0; i < MEMBERS; i++)
      evsi_buf_addf(&text, "%s\"m%d\":{\"maximum\":%d}", i ? "," : "", i, i + version);
    evsi_buf_add_text(&text, "}}");
    evs_status status = add(registry, NULL, text.data, NULL, NULL);
    assert_int_equal(status, version ? EVS_CONFLICT : EVS_OK);
    evsi_buf_free(&text);
  }
  evsi_buf deep = {0};
  for (int i = 0; i < DEPTH; i++)
    evsi_buf_add_text(&deep, "{\"items\":");
  evsi_buf_add_text(&deep, "true");
  for (int i = 0; i < DEPTH; i++)
    evsi_buf_add_text(&deep, "}");
  assert_int_equal(add(registry, NULL, deep.data, NULL, NULL), EVS_CONFLICT);
  evsi_buf_free(&deep);
  evsi_registry_free(registry);
}

static void differences_are_told_by_place(void **state) {
  (void)state;
  evsi_buf out = {0};
  assert_int_equal(evsi_schema_diff(evsi_text("{\"a\":1,\"b\":{\"c\":[1,2]},\"d\":\"x\"}"),
                                    evsi_text("{\"b\":{\"c\":[1,3]},\"d\":\"x\",\"e\":null,\"a\":1.0}"), &out,
                                    NULL),
                   EVS_OK);
  assert_string_equal(out.data,
                      "{\"path\":\"/b/c/1\",\"change\":\"changed\",\"before\":\"2\",\"after\":\"3\"},"
                      "{\"path\":\"/e\",\"change\":\"added\",\"after\":\"null\"}");
  evsi_buf_free(&out);
}

/* ---- a folder ------------------------------------------------------------------------------------- */

static void read_into(evsi_registry *registry, const char *folder, uint64_t *fingerprint,
                      bool expect_change) {
  evsi_stored_set set = {.items = NULL};
  bool changed;
  evs_error *error = NULL;
  if (evsi_schema_folder_read(folder, fingerprint, &set, &changed, &error) != EVS_OK)
    fail_msg("%s", evs_error_message(error));
  assert_int_equal(changed, expect_change);
  if (changed)
    evsi_registry_load(registry, &set, &(evsi_load){.is_trusted = true});
  evsi_stored_free(&set);
}

static void a_folder_keeps_versions_rules_and_removals(void **state) {
  (void)state;
  char folder[FOLDER_SIZE];
  folder_make(folder);
  evsi_registry *registry = registry_of("none", EVSI_COMPAT_PRAGMATIC);
  must_add(registry, NULL, ORDER, "1.0.0");
  must_add(registry, NULL, ORDER_NUMBER, "2.0.0");
  evsi_compat_rule rule = {EVSI_COMPAT_FULL, true, EVSI_COMPAT_STRICT};
  evsi_registry_set_rule(registry, evsi_text("order.placed"), &rule, NULL);
  evsi_registry_walk walk = {NULL, 0};
  evsi_schema_version *each, *last = NULL;
  while ((each = evsi_registry_next(registry, &walk))) {
    assert_int_equal(evsi_schema_folder_add(folder, each, "order.placed", NULL), EVS_OK);
    last = each;
  }
  evs_error *error = NULL;
  assert_int_equal(evsi_schema_folder_add(folder, last, "order.placed", &error), EVS_CONFLICT);
  evs_error_free(error);
  evsi_registry_remove(last, 77);
  assert_int_equal(evsi_schema_folder_note(folder, registry, "order.placed", NULL), EVS_OK);
  evsi_registry_free(registry);

  uint64_t fingerprint = 0;
  registry = registry_of("none", EVSI_COMPAT_PRAGMATIC);
  read_into(registry, folder, &fingerprint, true);
  read_into(registry, folder, &fingerprint, false);
  assert_string_equal(found(registry, NULL), "1.0.0");
  assert_string_equal(found(registry, "2.0.0"), "2.0.0");
  evsi_compat_rule kept;
  assert_true(evsi_registry_rule(registry, evsi_text("order.placed"), &kept));
  assert_string_equal(evsi_compat_rule_word(&kept), "full-transitive");
  assert_int_equal(kept.policy, EVSI_COMPAT_STRICT);
  evsi_registry_free(registry);
  folder_remove(folder);
}

static void a_folder_that_is_not_there_is_told(void **state) {
  (void)state;
  evsi_stored_set set = {.items = NULL};
  uint64_t fingerprint = 0;
  bool changed;
  evs_error *error = NULL;
  assert_int_equal(evsi_schema_folder_read("/nonexistent/schemas", &fingerprint, &set, &changed, &error),
                   EVS_CONFIG);
  assert_non_null(strstr(evs_error_message(error), "/nonexistent/schemas"));
  evs_error_free(error);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_version_is_chosen_by_what_changes),
      cmocka_unit_test(a_version_that_came_from_elsewhere_since_it_was_planned_is_not_added_again),
      cmocka_unit_test(versions_never_change_and_only_go_up),
      cmocka_unit_test(what_may_not_follow_is_refused_with_path_and_version),
      cmocka_unit_test(only_a_transitive_mode_sees_what_came_before_the_last),
      cmocka_unit_test(a_schema_may_refer_to_another_type),
      cmocka_unit_test(which_schema_counts_is_a_matter_of_rules),
      cmocka_unit_test(the_policy_of_the_type_says_how_it_is_written_and_read),
      cmocka_unit_test(large_and_deep_schemas_follow_each_other_within_bounds),
      cmocka_unit_test(differences_are_told_by_place),
      cmocka_unit_test(a_folder_keeps_versions_rules_and_removals),
      cmocka_unit_test(a_folder_that_is_not_there_is_told),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
