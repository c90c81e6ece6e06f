/* SPDX-License-Identifier: MIT
 * error_test.c - errors from building to reading, and the list of statuses. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <jansson.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/error.h"

static void an_error_tells_status_message_path_and_json(void **state) {
  (void)state;
  evs_error *error = NULL;
  assert_int_equal(evsi_error(&error, EVS_VALIDATION, "/type", "byte %d of \"%s\"", 3, "a b"),
                   EVS_VALIDATION);
  assert_int_equal(evs_error_status(error), EVS_VALIDATION);
  assert_string_equal(evs_error_message(error), "byte 3 of \"a b\"");
  assert_string_equal(evs_error_path(error), "/type");
  json_t *json = json_loads(evs_error_json(error), 0, NULL);
  assert_string_equal(json_string_value(json_object_get(json, "code")), "EVS_VALIDATION");
  assert_string_equal(json_string_value(json_object_get(json, "message")), "byte 3 of \"a b\"");
  assert_string_equal(json_string_value(json_object_get(json, "path")), "/type");
  assert_true(json_is_string(json_object_get(json, "hint")));
  assert_int_equal(json_array_size(json_object_get(json, "problems")), 0);
  json_decref(json);
  evs_error_free(error);
}

static void a_library_above_builds_the_same_errors(void **state) {
  (void)state;
  evs_error *error = NULL;
  assert_int_equal(evs_error_create(EVS_CONFIG, "/port", "100% wrong", &error), EVS_CONFIG);
  assert_int_equal(evs_error_status(error), EVS_CONFIG);
  assert_string_equal(evs_error_message(error), "100% wrong");
  assert_string_equal(evs_error_path(error), "/port");
  evs_error_free(error);
  assert_int_equal(evs_error_create(EVS_CONFLICT, NULL, NULL, NULL), EVS_CONFLICT);
  assert_string_equal(evs_error_message(evs_last_error()), "");
}

static void an_error_is_never_built_with_a_status_that_is_none(void **state) {
  (void)state;
  assert_int_equal(evs_error_create(EVS_OK, NULL, "fine", NULL), EVS_INTERNAL);
  assert_int_equal(evs_error_create(EVS_RATE_LIMITED - 1, NULL, "unknown", NULL), EVS_INTERNAL);
  assert_int_equal(evs_error_create(1, NULL, "positive", NULL), EVS_INTERNAL);
}

static void problems_are_carried_as_they_are(void **state) {
  (void)state;
  evs_error *error = NULL;
  evsi_error_problems(&error, EVS_CONFIG, "two faults", "[{\"path\":\"/a\"},{\"path\":\"/b\"}]");
  json_t *json = json_loads(evs_error_json(error), 0, NULL);
  assert_int_equal(json_array_size(json_object_get(json, "problems")), 2);
  json_decref(json);
  evs_error_free(error);
}

static void the_last_error_is_kept_only_without_out_error_and_survives_free(void **state) {
  (void)state;
  evs_error *error = NULL;
  evsi_error(NULL, EVS_CLOSED, NULL, "first");
  evsi_error(&error, EVS_TIMEOUT, NULL, "given away");
  assert_string_equal(evs_error_message(evs_last_error()), "first");
  evs_error_free(error);
  evs_error_free((evs_error *)evs_last_error());
  assert_string_equal(evs_error_message(evs_last_error()), "first");
  evsi_error(NULL, EVS_CONFLICT, NULL, "second");
  assert_int_equal(evs_error_status(evs_last_error()), EVS_CONFLICT);
}

static void *other_thread(void *seen) {
  *(const evs_error **)seen = evs_last_error();
  evsi_error(NULL, EVS_INTERNAL, NULL, "of the other thread");
  return NULL;
}

static void each_thread_has_its_own_last_error(void **state) {
  (void)state;
  const evs_error *seen = NULL;
  pthread_t thread;
  evsi_error(NULL, EVS_CLOSED, NULL, "mine");
  pthread_create(&thread, NULL, other_thread, &seen);
  pthread_join(thread, NULL);
  assert_null(seen);
  assert_string_equal(evs_error_message(evs_last_error()), "mine");
}

static void a_message_is_always_utf8_on_one_line(void **state) {
  (void)state;
  evs_error *error = NULL;
  char huge[5000];
  memset(huge, 'x', sizeof huge);
  memcpy(huge, "\xC3\n\xFF", 3);
  memset(huge + 2000, 0xC3, 100);
  evsi_error(&error, EVS_VALIDATION, NULL, "%.*s", (int)sizeof huge, huge);
  const char *message = evs_error_message(error);
  assert_true(evsi_utf8_valid(message, strlen(message)));
  assert_memory_equal(message, "???xx", 5);
  assert_in_range(strlen(message), 1000, 2048);
  evs_error_free(error);
}

static void *no_memory(void *ptr, size_t size) {
  if (size == 0)
    free(ptr);
  return NULL;
}

static void lack_of_memory_is_told_without_memory(void **state) {
  (void)state;
  evs_error *error = NULL;
  evsi_alloc_replace(no_memory);
  evs_status status = evsi_error(&error, EVS_VALIDATION, "/a", "text");
  evsi_alloc_replace(NULL);
  assert_int_equal(status, EVS_NOMEM);
  assert_int_equal(evs_error_status(error), EVS_NOMEM);
  json_t *json = json_loads(evs_error_json(error), 0, NULL);
  assert_string_equal(json_string_value(json_object_get(json, "message")), evs_error_message(error));
  json_decref(json);
  evs_error_free(error);
  evs_error_free(error);
}

static void the_status_list_agrees_with_the_names(void **state) {
  (void)state;
  json_t *list = json_loads(evs_status_list(), 0, NULL);
  assert_int_equal(json_array_size(list), 17);
  for (size_t i = 0; i < json_array_size(list); i++) {
    const json_t *item = json_array_get(list, i);
    assert_int_equal(json_integer_value(json_object_get(item, "code")), -(json_int_t)i);
    assert_string_equal(json_string_value(json_object_get(item, "name")), evs_status_name(-(evs_status)i));
    assert_true(json_is_string(json_object_get(item, "class")));
    assert_true(json_is_boolean(json_object_get(item, "retriable")));
    assert_true(json_string_length(json_object_get(item, "text")) > 0);
  }
  assert_true(json_is_true(json_object_get(json_array_get(list, 4), "retriable")));
  assert_string_equal(evs_status_name(EVS_CONFIG), "EVS_CONFIG");
  assert_string_equal(evs_status_name(-99), "EVS_UNKNOWN");
  json_decref(list);
}

static void accessors_take_null(void **state) {
  (void)state;
  assert_int_equal(evs_error_status(NULL), EVS_OK);
  assert_string_equal(evs_error_message(NULL), "");
  assert_string_equal(evs_error_path(NULL), "");
  assert_string_equal(evs_error_json(NULL), "{}");
  evs_error_free(NULL);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(an_error_tells_status_message_path_and_json),
      cmocka_unit_test(a_library_above_builds_the_same_errors),
      cmocka_unit_test(an_error_is_never_built_with_a_status_that_is_none),
      cmocka_unit_test(problems_are_carried_as_they_are),
      cmocka_unit_test(the_last_error_is_kept_only_without_out_error_and_survives_free),
      cmocka_unit_test(each_thread_has_its_own_last_error),
      cmocka_unit_test(a_message_is_always_utf8_on_one_line),
      cmocka_unit_test(lack_of_memory_is_told_without_memory),
      cmocka_unit_test(the_status_list_agrees_with_the_names),
      cmocka_unit_test(accessors_take_null),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
