/* SPDX-License-Identifier: MIT
 * bridge_no_memory_test.c - the transport of a program while each allocation fails once: the program is asked
 * a little later, and what it gives is handled. */
#include "support/bridge.h"
#include "support/until.h"
#include "unit/support/shortage.h"

enum { SHORT_MAX = 10000, MOMENT_MS = 10 };

/* Gives whether the allocation behind so many others failed; the program is asked to subscribe all the same.
 */
static bool subscribe_short_of(long allowed) {
  evs_system *system = open_connected();
  uint64_t token = 0;
  const char *options = "{\"pattern\":\"a.b\"}";
  shortage_begin(allowed, false);
  evs_status status = evs_subscribe(system, options, strlen(options), &token, NULL);
  assert_true(status == EVS_OK || status == EVS_NOMEM);
  json_t *call = status == EVS_OK ? next_call(system, "subscribe") : NULL;
  bool was_short = shortage_end();
  close_answered(system, (int)json_integer_value(json_object_get(call, "subscription")));
  json_decref(call);
  return was_short;
}

static void without_memory_the_program_is_asked_a_little_later(void **state) {
  (void)state;
  for (long allowed = 0; subscribe_short_of(allowed); allowed++)
    assert_true(allowed < SHORT_MAX);
}

/* The first message fails, and comes again. */
static void handle_one(evs_system *system, bool *has_failed) {
  host_message message;
  if (!host_take(system, &message, MOMENT_MS))
    return;
  if (*has_failed)
    host_ack(system, message.delivery);
  else
    *has_failed = host_fail(system, message.delivery, EVS_FAIL_RETRY, "Broken");
}

static bool hears_of(evs_system *system, long delivery) {
  host_report report;
  if (!host_report_of(system, EVS_REPORT_TRANSPORT, &report, MOMENT_MS))
    return false;
  json_t *call = json_loads(report.message, 0, NULL);
  bool is_it = json_integer_value(json_object_get(call, "delivery")) == delivery &&
               strcmp(json_string_value(json_object_get(call, "outcome")), "handled") == 0;
  json_decref(call);
  return is_it;
}

/* Gives an entry, and again where memory was short, which may be one time too many. */
static bool give_short_of(evs_system *system, int subscription, long allowed) {
  char members[600];
  evs_status status = EVS_NOMEM;
  bool has_failed = false, is_handled = false;
  snprintf(members, sizeof members, "\"entries\":[{\"subscription\":%d,\"delivery\":%ld,\"data\":\"%s\"}]",
           subscription, allowed + 1, ENVELOPE);
  shortage_begin(allowed, false);
  for (int i = 0; i < 2 && status != EVS_OK; i++)
    status = tell(system, members);
  assert_int_equal(status, EVS_OK);
  for (uint64_t until = test_now_ms() + test_deadline_ms(); !is_handled && test_now_ms() < until;) {
    handle_one(system, &has_failed);
    is_handled = hears_of(system, allowed + 1);
  }
  assert_true(is_handled);
  return shortage_end();
}

static void an_entry_that_memory_was_too_short_for_is_not_lost(void **state) {
  (void)state;
  evs_system *system = open_connected();
  int subscription = subscribe(system);
  for (long allowed = 0; give_short_of(system, subscription, allowed); allowed++)
    assert_true(allowed < SHORT_MAX);
  close_answered(system, subscription);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(without_memory_the_program_is_asked_a_little_later),
      cmocka_unit_test(an_entry_that_memory_was_too_short_for_is_not_lost),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
