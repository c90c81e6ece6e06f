/* SPDX-License-Identifier: MIT
 * leftovers_test.c - what a system held for something that ended is given back then, not when the system is
 * closed: counted by the blocks that are alive. */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "support/host.h"
#include "support/until.h"
#include "unit/support/shortage.h"

enum { CALL_MS = 30000, ROUNDS = 20 };

/* Subscribes, handles an event, and ends the subscription. */
static void come_and_go(evs_system *system) {
  uint64_t token = host_subscribe(system, "{\"pattern\":\"order.*\",\"group\":\"late\",\"name\":\"s\"}");
  host_report ended;
  host_ready(system);
  host_publish(system, "order.placed", "1");
  host_message message = host_next(system);
  assert_true(host_ack(system, message.delivery));
  assert_int_equal(evs_unsubscribe(system, token, NULL), EVS_OK);
  assert_true(host_report_of(system, EVS_REPORT_UNSUBSCRIBED, &ended, CALL_MS));
  assert_int_equal(ended.token, token);
}

static void a_subscription_that_ended_is_forgotten(void **state) {
  (void)state;
  shortage_begin(SHORTAGE_NEVER, false); /* counts */
  evs_system *system = host_connect("{\"service\":\"shop\",\"transports\":{\"main\":{\"type\":\"memory\"}}}");
  host_subscribe(system, "{\"pattern\":\"other.*\",\"group\":\"late\"}"); /* its group stays */
  for (int i = 0; i < ROUNDS; i++)
    come_and_go(system); /* what is made once is there */
  long before = shortage_alive();
  for (int i = 0; i < ROUNDS; i++)
    come_and_go(system);
  TEST_UNTIL(shortage_alive() < before + ROUNDS); /* once a second a name may get what counts its rates */
  host_close(system, CALL_MS);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_subscription_that_ended_is_forgotten),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
