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
  for (int i = 0; i < ROUNDS; i++)
    come_and_go(system); /* what is made once is there */
  long before = shortage_alive();
  for (int i = 0; i < ROUNDS; i++)
    come_and_go(system);
  TEST_UNTIL(shortage_alive() < before + ROUNDS); /* once a second a name may get what counts its rates */
  host_close(system, CALL_MS);
}

/* Its bytes are lent until the batch is released: those of its group, too. */
static void a_message_that_a_host_still_reads_outlives_its_group(void **state) {
  (void)state;
  evs_system *system = host_connect("{\"service\":\"shop\",\"transports\":{\"main\":{\"type\":\"memory\"}}}");
  uint64_t token = host_subscribe(system, "{\"pattern\":\"order.*\",\"group\":\"early\",\"name\":\"s\"}");
  evs_batch *batch = NULL;
  size_t count = 0;
  host_ready(system);
  host_publish(system, "order.placed", "1");
  assert_int_equal(evs_poll(system, EVS_POLL_MESSAGES, 1, CALL_MS, &batch, NULL), EVS_OK);
  const evs_message *message = evs_batch_messages(batch, &count);
  assert_int_equal(count, 1);
  assert_true(host_ack(system, message->delivery));
  host_report ended;
  assert_int_equal(evs_unsubscribe(system, token, NULL), EVS_OK);
  assert_true(host_report_of(system, EVS_REPORT_UNSUBSCRIBED, &ended, CALL_MS));
  come_and_go(system); /* takes the I/O thread past the end of the other group */
  assert_int_equal(message->group.size, 5);
  assert_memory_equal(message->group.data, "early", 5);
  evs_batch_release(batch);
  host_close(system, CALL_MS);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_subscription_that_ended_is_forgotten),
      cmocka_unit_test(a_message_that_a_host_still_reads_outlives_its_group),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
