/* SPDX-License-Identifier: MIT
 * bridge_test.c - a transport that the program is itself, by its records and its request: what it is asked,
 * and what it may say that is wrong. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/bridge.h"
#include "support/until.h"

enum { SOON_MS = 50 };

static void an_event_goes_to_the_program_and_its_outcome_comes_back(void **state) {
  char members[120];
  (void)state;
  evs_system *system = open_connected();
  evs_event event = host_event("a.b", "7");
  event.token = 5;
  assert_int_equal(evs_publish(system, &event, 1, NULL, NULL), EVS_OK);
  json_t *call = next_call(system, "publish");
  const json_t *one = json_array_get(json_object_get(call, "events"), 0);
  assert_string_equal(json_string_value(json_object_get(one, "topic")), "a-events");
  assert_non_null(strstr(json_string_value(json_object_get(one, "data")), "\"body\":7"));
  snprintf(members, sizeof members, "\"published\":[{\"token\":%lld,\"offset\":\"x-1\"}]",
           (long long)json_integer_value(json_object_get(one, "token")));
  json_decref(call);
  assert_int_equal(tell(system, members), EVS_OK);
  assert_int_equal(tell(system, members), EVS_OK); /* nobody waits for it any more */
  host_report report;
  assert_true(host_report_of(system, EVS_REPORT_PUBLISH, &report, 20000));
  assert_int_equal(report.token, 5);
  assert_string_equal(report.offset, "x-1");
  close_answered(system, 0);
}

static void the_program_hears_how_a_message_ended_when_its_retries_are_through(void **state) {
  (void)state;
  evs_system *system = open_connected();
  int number = subscribe(system);
  give(system, number, 11, ENVELOPE);
  host_message first = host_next(system);
  assert_true(host_fail(system, first.delivery, EVS_FAIL_RETRY, "NotYet"));
  host_message second = host_next(system);
  assert_int_equal(second.attempt, 2);
  assert_true(host_ack(system, second.delivery));
  assert_settled(system, 11, "handled");
  give(system, number, 12, "what is no envelope"); /* dropped: there are no dead letters */
  assert_settled(system, 12, "handled");
  close_answered(system, number);
}

static void what_is_not_handled_at_the_end_goes_back(void **state) {
  (void)state;
  evs_system *system = open_connected();
  int number = subscribe(system);
  give(system, number, 11, ENVELOPE);
  host_next(system);
  assert_int_equal(evs_system_close(system, 0, NULL), EVS_OK);
  json_decref(next_call(system, "unsubscribe"));
  assert_settled(system, 11, "returned");
  json_decref(next_call(system, "close"));
  host_report report; /* nobody answers: it ends all the same */
  assert_true(host_report_of(system, EVS_REPORT_CLOSED, &report, 20000));
  evs_system_release(system);
}

static void what_makes_no_sense_is_ignored_or_refused(void **state) {
  static const char *const all[] = {
      "\"published\":[{\"token\":123456},{\"token\":-1},{},7,null],\"unsubscribed\":[99,\"x\",null]",
      "\"subscribed\":[{\"subscription\":99},{},5],\"state\":7,\"closed\":true",
      "\"published\":{},\"entries\":{},\"subscribed\":5,\"unsubscribed\":\"x\"",
      "\"unknown\":[1,2,3]",
  };
  char members[200];
  (void)state;
  evs_system *system = open_connected();
  int number = subscribe(system);
  for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
    assert_int_equal(tell(system, all[i]), EVS_OK);
  give(system, 99, 21, ENVELOPE); /* for nobody */
  assert_settled(system, 21, "returned");
  snprintf(members, sizeof members, "\"entries\":[{\"subscription\":%d,\"delivery\":22}]", number);
  assert_int_equal(tell(system, members), EVS_VALIDATION);
  assert_settled(system, 22, "returned");
  snprintf(members, sizeof members,
           "\"entries\":[{\"subscription\":%d,\"delivery\":23,\"data\":\"x\",\"raw\":\"?\"}]", number);
  assert_int_equal(tell(system, members), EVS_VALIDATION);
  assert_settled(system, 23, "returned");
  close_answered(system, number);
}

static void only_a_bridge_is_told_anything(void **state) {
  (void)state;
  evs_system *system = host_connect("{\"service\":\"shop\",\"transports\":{\"main\":{\"type\":\"memory\"}}}");
  assert_int_equal(tell(system, "\"closed\":true"), EVS_UNSUPPORTED);
  host_close(system, 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(an_event_goes_to_the_program_and_its_outcome_comes_back),
      cmocka_unit_test(the_program_hears_how_a_message_ended_when_its_retries_are_through),
      cmocka_unit_test(what_is_not_handled_at_the_end_goes_back),
      cmocka_unit_test(what_makes_no_sense_is_ignored_or_refused),
      cmocka_unit_test(only_a_bridge_is_told_anything),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
