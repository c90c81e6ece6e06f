/* SPDX-License-Identifier: MIT
 * store_requests_acceptance_test.c - what a store tells about itself is the same of Redis and of a file: what
 * waits to be due, who is connected, how healthy it is, its newest events, and what was taken of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/host.h"
#include "support/scene.h"
#include "support/until.h"

static evs_system *connect_as(const char *service) {
  return host_connect("{\"service\":\"%s\",\"transports\":{\"main\":{%s}},\"fleet\":{\"interval\":100}}",
                      service, store.transport);
}

static const char *text_in(const json_t *object, const char *name) {
  return json_string_value(json_object_get(object, name));
}

/* It was the last thing that was done here, by ann. */
static void expect_audited(evs_system *system, const char *action) {
  json_t *audit = host_call(system, "audit", "{}");
  const json_t *row = json_array_get(json_object_get(audit, "items"), 0);
  assert_string_equal(text_in(row, "action"), action);
  assert_string_equal(text_in(row, "actor"), "ann");
  json_decref(audit);
}

static void what_waits_to_be_due_is_taken_back_once(void **state) {
  (void)state;
  evs_system *system = connect_as("shop");
  evs_event event = host_event("order.placed", "1");
  event.delay_ms = 3600000;
  assert_int_equal(host_try(system, &event).outcome, EVS_OUTCOME_STORED);
  json_t *page = host_call(system, "delayed", "{}"), *items = json_object_get(page, "items");
  assert_int_equal(json_array_size(items), 1);
  const char *id = text_in(json_array_get(items, 0), "id");
  json_t *done = host_call(system, "delayed.cancel",
                           "{\"ids\":[\"%s\",\"%s\",\"main/x\",\"other/s/@1\"],\"actor\":\"ann\"}", id, id),
         *results = json_object_get(done, "results");
  assert_int_equal(json_integer_value(json_object_get(done, "cancelled")), 1);
  assert_int_equal(json_array_size(results), 4);
  assert_string_equal(text_in(json_array_get(results, 0), "outcome"), "cancelled");
  for (size_t i = 1; i < 4; i++)
    assert_string_equal(text_in(json_array_get(results, i), "outcome"), "not_found");
  json_t *left = host_call(system, "delayed", "{}");
  assert_int_equal(json_array_size(json_object_get(left, "items")), 0);
  expect_audited(system, "delayed.cancel");
  json_decref(left);
  json_decref(done);
  json_decref(page);
  host_close(system, 1000);
}

static void taking_back_needs_ids(void **state) {
  (void)state;
  char *answer = NULL;
  evs_system *system = connect_as("shop");
  static const char *const wrong[] = {"{}", "{\"ids\":[]}", "{\"ids\":7}"};
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
    assert_int_equal(evs_call(system, "delayed.cancel", wrong[i], strlen(wrong[i]), 20000, &answer, NULL),
                     EVS_VALIDATION);
  host_close(system, 1000);
}

/* Rejects the one event there is: it becomes a dead letter. */
static void bury_one(evs_system *system) {
  host_subscribe(system, "{\"pattern\":\"order.*\",\"group\":\"shop\"}");
  host_ready(system);
  host_publish(system, "order.placed", "{\"n\":1}");
  assert_true(host_fail(system, host_next(system).delivery, EVS_FAIL_REJECT, "Broken"));
  json_decref(host_call(system, "drain", "{}"));
}

static void what_is_exported_is_imported_again_as_it_was(void **state) {
  (void)state;
  evs_system *system = connect_as("shop");
  bury_one(system);
  json_t *page = host_call(system, "dlq.export", "{}");
  const json_t *line = json_array_get(json_object_get(page, "items"), 0);
  assert_int_equal(json_integer_value(json_object_get(line, "v")), 1);
  char *text = json_dumps(line, JSON_COMPACT);
  json_t *lines = json_pack("{s:[s]}", "lines", text);
  char *params = json_dumps(lines, JSON_COMPACT);
  json_decref(
      host_call(system, "dlq.discard", "{\"ids\":[\"%s\"],\"reason\":\"moved\"}", text_in(line, "id")));
  json_t *done = host_call(system, "dlq.import", "%s", params);
  assert_int_equal(json_integer_value(json_object_get(done, "imported")), 1);
  json_t *again = host_call(system, "dlq.export", "{}");
  const json_t *back = json_array_get(json_object_get(again, "items"), 0);
  assert_true(json_equal(json_object_get(back, "fields"), json_object_get(line, "fields")));
  json_decref(again);
  json_decref(done);
  json_decref(lines);
  json_decref(page);
  free(params);
  free(text);
  host_close(system, 1000);
}

/* How many instances of the service are there; -1: one has no statistics. */
static int instances_of(evs_system *system, const char *service) {
  json_t *fleet = host_call(system, "fleet", "{}"), *each;
  size_t i;
  int count = 0;
  json_array_foreach(json_object_get(fleet, "instances"), i, each) {
    if (!json_is_object(json_object_get(each, "stats")))
      count = -1000;
    count += strcmp(text_in(each, "service"), service) == 0;
  }
  json_decref(fleet);
  return count < 0 ? -1 : count;
}

static void the_fleet_is_who_is_connected(void **state) {
  (void)state;
  evs_system *systems[3] = {connect_as("shop"), connect_as("shop"), connect_as("mail")};
  TEST_UNTIL(instances_of(systems[2], "shop") == 2 && instances_of(systems[0], "mail") == 1);
  host_close(systems[1], 1000);
  TEST_UNTIL(instances_of(systems[0], "shop") == 1);
  host_close(systems[2], 1000);
  host_close(systems[0], 1000);
}

static void the_doctor_finds_a_new_store_healthy_and_says_what_it_promises(void **state) {
  (void)state;
  evs_system *system = connect_as("shop");
  json_t *found = host_call(system, "doctor", "{}");
  assert_true(json_is_true(json_object_get(found, "ok")));
  assert_true(json_is_array(json_object_get(found, "findings")));
  assert_non_null(strstr(text_in(found, "guarantee"), "at least once"));
  assert_non_null(text_in(json_object_get(found, "server"), "version"));
  json_decref(found);
  host_close(system, 1000);
}

static void the_tail_begins_with_the_newest_and_goes_on_behind_them(void **state) {
  (void)state;
  static const char *const types[] = {"order.placed"};
  evs_system *system = connect_as("shop");
  host_publish_many(system, types, 1, 0, 7);
  json_t *newest = host_call(system, "tail", "{\"limit\":3}"), *entries = json_object_get(newest, "entries");
  assert_int_equal(json_array_size(entries), 3);
  for (size_t i = 0; i < 3; i++)
    assert_int_equal(json_integer_value(json_object_get(json_array_get(entries, i), "body")), 4 + i);
  host_publish(system, "order.placed", "7");
  char *positions = json_dumps(json_object_get(newest, "positions"), JSON_COMPACT);
  json_t *next = host_call(system, "tail", "{\"limit\":3,\"positions\":%s}", positions);
  entries = json_object_get(next, "entries");
  assert_int_equal(json_array_size(entries), 1);
  assert_int_equal(json_integer_value(json_object_get(json_array_get(entries, 0), "body")), 7);
  free(positions);
  json_decref(next);
  json_decref(newest);
  host_close(system, 1000);
}

static void no_more_is_taken_than_the_prefetch_allows(void **state) {
  (void)state;
  static const char *const types[] = {"order.placed", "user.made"};
  evs_system *system = connect_as("shop");
  host_publish_many(system, types, 2, 0, 8);
  host_subscribe(system, "{\"pattern\":\"*\",\"group\":\"shop\",\"prefetch\":1}");
  host_ready(system);
  host_message first = host_next(system);
  long long pending =
      store_pending(system, "order-events", "shop") + store_pending(system, "user-events", "shop");
  assert_int_equal(pending, 1);
  assert_true(host_ack(system, first.delivery));
  host_close(system, 1000);
}

static evs_status try_to_remove(evs_system *system, const char *params) {
  char *answer = NULL;
  evs_error *error = NULL;
  evs_status status = evs_call(system, "topics.remove", params, strlen(params), 20000, &answer, &error);
  evs_string_free(answer);
  evs_error_free(error);
  return status;
}

/* Rows that a request's answer has in this list. */
static size_t rows_of(evs_system *system, const char *method, const char *list) {
  json_t *answer = host_call(system, method, "{}");
  size_t count = json_array_size(json_object_get(answer, list));
  json_decref(answer);
  return count;
}

/* Makes one dead letter, one event that waits, and three that a group has read. */
static evs_system *fill_topic(void) {
  evs_system *consumer = connect_as("shop"), *system = connect_as("shop");
  host_publish_many(system, (const char *const[]){"order.placed"}, 1, 0, 3);
  evs_event event = host_event("order.placed", "9");
  event.delay_ms = 3600000;
  assert_int_equal(host_try(system, &event).outcome, EVS_OUTCOME_STORED);
  host_subscribe(consumer, "{\"pattern\":\"order.*\",\"group\":\"shop\",\"prefetch\":1}");
  host_ready(consumer);
  assert_true(host_fail(consumer, host_next(consumer).delivery, EVS_FAIL_REJECT, "Broken"));
  assert_true(host_ack(consumer, host_next(consumer).delivery));
  assert_int_equal(try_to_remove(system, "{\"topic\":\"order-events\"}"), EVS_CONFLICT);
  host_close(consumer, 1000);
  return system;
}

static void a_topic_that_nobody_uses_is_removed_with_all_that_is_kept_of_it(void **state) {
  (void)state;
  evs_system *system = fill_topic();
  host_publish(system, "user.made", "1");
  json_t *done = host_call(system, "topics.remove", "{\"topic\":\"order-events\",\"actor\":\"ann\"}");
  assert_int_equal(json_integer_value(json_object_get(done, "entries")), 3);
  json_t *topics = host_call(system, "topics", "{}"), *list = json_object_get(topics, "topics");
  assert_int_equal(json_array_size(list), 1);
  assert_string_equal(text_in(json_array_get(list, 0), "topic"), "user-events");
  assert_int_equal(rows_of(system, "groups", "groups"), 0);
  assert_int_equal(rows_of(system, "dlq.list", "items"), 0);
  assert_int_equal(rows_of(system, "delayed", "items"), 0);
  expect_audited(system, "topics.remove");
  json_decref(topics);
  json_decref(done);
  host_close(system, 1000);
}

static void a_topic_that_was_removed_begins_anew(void **state) {
  (void)state;
  host_close(fill_topic(), 1000);
  evs_system *system = connect_as("shop");
  json_decref(host_call(system, "topics.remove", "{\"topic\":\"order-events\"}"));
  host_close(system, 1000);
  system = connect_as("shop");
  host_publish(system, "order.placed", "77");
  host_subscribe(system, "{\"pattern\":\"order.*\",\"group\":\"shop\",\"from\":\"earliest\"}");
  host_ready(system);
  host_message message = host_next(system);
  assert_string_equal(message.body, "77");
  assert_true(host_ack(system, message.delivery));
  assert_int_equal(rows_of(system, "dlq.list", "items"), 0);
  host_close(system, 1000);
}

static void a_topic_with_members_is_removed_by_force_only(void **state) {
  (void)state;
  evs_system *consumer = connect_as("shop"), *system = connect_as("shop");
  host_publish(system, "order.placed", "1");
  host_subscribe(consumer, "{\"pattern\":\"order.*\",\"group\":\"shop\"}");
  host_ready(consumer);
  host_next(consumer);
  assert_int_equal(try_to_remove(system, "{\"topic\":\"order-events\"}"), EVS_CONFLICT);
  assert_int_equal(try_to_remove(system, "{\"topic\":\"order-events\",\"force\":true}"), EVS_OK);
  host_close(consumer, 1000);
  host_close(system, 1000);
}

static void a_topic_to_be_removed_has_to_be_named(void **state) {
  (void)state;
  evs_system *system = connect_as("shop");
  assert_int_equal(try_to_remove(system, "{}"), EVS_VALIDATION);
  assert_int_equal(try_to_remove(system, "{\"topic\":\"\"}"), EVS_VALIDATION);
  assert_int_equal(try_to_remove(system, "{\"topic\":\"a{b}\"}"), EVS_VALIDATION);
  assert_int_equal(try_to_remove(system, "{\"topic\":\"order-events:1\"}"), EVS_VALIDATION);
  assert_int_equal(try_to_remove(system, "{\"topic\":\"never-seen\"}"), EVS_OK);
  host_close(system, 1000);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      SCENE_ON_BOTH(what_waits_to_be_due_is_taken_back_once),
      SCENE_ON_BOTH(taking_back_needs_ids),
      SCENE_ON_BOTH(what_is_exported_is_imported_again_as_it_was),
      SCENE_ON_BOTH(the_fleet_is_who_is_connected),
      SCENE_ON_BOTH(the_doctor_finds_a_new_store_healthy_and_says_what_it_promises),
      SCENE_ON_BOTH(no_more_is_taken_than_the_prefetch_allows),
      SCENE_ON_BOTH(a_topic_that_nobody_uses_is_removed_with_all_that_is_kept_of_it),
      SCENE_ON_BOTH(a_topic_that_was_removed_begins_anew),
      SCENE_ON_BOTH(a_topic_with_members_is_removed_by_force_only),
      SCENE_ON_BOTH(a_topic_to_be_removed_has_to_be_named),
      SCENE_ON_BOTH(the_tail_begins_with_the_newest_and_goes_on_behind_them),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
