/* SPDX-License-Identifier: MIT
 * testing_kit_test.c - libevents_testing.h: a clock in the test's hands, what went through, and what the kit
 * says of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "libevents_testing.h"
#include "support/host.h"

#define RETRY "{\"consumer\":{\"retry\":{\"maxRetries\":3,\"baseDelay\":1000,\"maxDelay\":60000}}}"

typedef struct shop {
  evs_testing *kit;
  int failures; /* so many times its handler fails yet */
  int sum;
  const char *invoice_id;
  char seen[128];
} shop;

static evs_testing *open_kit(const char *config) {
  evs_testing *kit = NULL;
  assert_int_equal(evs_testing_open(config, config ? strlen(config) : 0, &kit, NULL), EVS_OK);
  return kit;
}

static evs_status takes(void *data, const evs_message *message) {
  shop *at = data;
  size_t size = strlen(at->seen);
  snprintf(at->seen + size, sizeof at->seen - size, "%llu/%u ", (unsigned long long)evs_testing_now(at->kit),
           message->attempt);
  return at->failures-- > 0 ? EVS_TRANSPORT : EVS_OK;
}

static void publish(evs_testing *kit, const char *type) {
  evs_event event = host_event(type, "{\"amount\": 5}");
  assert_int_equal(evs_testing_publish(kit, &event, NULL), EVS_OK);
}

static void handlers_run_at_their_exact_time(void **state) {
  (void)state;
  shop at = {.kit = open_kit(RETRY), .failures = 3};
  assert_int_equal(evs_testing_subscribe(at.kit, "{\"pattern\":\"order.*\"}", takes, &at, NULL), EVS_OK);
  publish(at.kit, "order.placed");
  assert_int_equal(evs_testing_advance(at.kit, 999, NULL), EVS_OK);
  assert_string_equal(at.seen, "0/1 ");
  assert_int_equal(evs_testing_advance(at.kit, 3600000, NULL), EVS_OK);
  assert_string_equal(at.seen, "0/1 1000/2 3000/3 7000/4 ");
  assert_int_equal(evs_testing_now(at.kit), 3600999);
  assert_int_equal(evs_testing_expect_handled(at.kit, "order.*", 1, NULL), EVS_OK);
  evs_testing_close(at.kit);
}

static void an_expectation_says_what_there_was(void **state) {
  (void)state;
  evs_error *error = NULL;
  evs_testing *kit = open_kit("{\"originPrefix\":\"eu\"}");
  publish(kit, "order.placed");
  assert_int_equal(evs_testing_expect_published(kit, "order.*", 1, NULL), EVS_OK);
  assert_int_equal(evs_testing_expect_published(kit, "order.paid", 1, &error), EVS_NOT_FOUND);
  assert_string_equal(evs_error_message(error),
                      "expected 1 event to be published that match order.paid; there are 0. All that were "
                      "published: 0 ms: eu.order.placed {\"amount\":5}, stored");
  evs_error_free(error);
  assert_int_equal(evs_testing_expect_handled(kit, "*", 1, &error), EVS_NOT_FOUND);
  assert_non_null(strstr(evs_error_message(error), "handled: nothing"));
  evs_error_free(error);
  evs_testing_close(kit);
}

static void what_went_through_is_given_as_json(void **state) {
  (void)state;
  char *text = NULL;
  shop at = {.kit = open_kit(NULL)};
  assert_int_equal(evs_testing_subscribe(at.kit, "{\"pattern\":\"order.*\"}", takes, &at, NULL), EVS_OK);
  publish(at.kit, "user.created");
  publish(at.kit, "order.placed");
  assert_int_equal(evs_testing_published(at.kit, "order.*", &text, NULL), EVS_OK);
  json_t *events = json_loads(text, 0, NULL);
  assert_int_equal(json_array_size(events), 1);
  assert_string_equal(json_string_value(json_object_get(json_array_get(events, 0), "topic")), "order-events");
  json_decref(events);
  free(text);
  assert_int_equal(evs_testing_handled(at.kit, "*", &text, NULL), EVS_OK);
  assert_non_null(strstr(text, "\"outcome\":\"done\""));
  free(text);
  evs_testing_close(at.kit);
}

static void publishing_fails_on_demand(void **state) {
  (void)state;
  evs_testing *kit = open_kit(NULL);
  evs_event event = host_event("order.placed", "1");
  assert_int_equal(evs_testing_fail_publish(kit, "order.*", "refused", 1, NULL), EVS_OK);
  assert_int_equal(evs_testing_publish(kit, &event, NULL), EVS_TRANSPORT);
  assert_int_equal(evs_testing_publish(kit, &event, NULL), EVS_OK);
  assert_int_not_equal(evs_testing_fail_publish(kit, "order.*", "sometimes", 1, NULL), EVS_OK);
  evs_testing_close(kit);
}

static void what_handlers_did_was_for_nothing_as_the_test_asks(void **state) {
  (void)state;
  shop at = {.kit = open_kit(RETRY)};
  assert_int_equal(evs_testing_subscribe(at.kit, "{\"pattern\":\"order.*\"}", takes, &at, NULL), EVS_OK);
  assert_int_equal(evs_testing_fail_handling(at.kit, "order.*", "failed", 1, NULL), EVS_OK);
  assert_int_equal(evs_testing_fail_handling(at.kit, "order.placed", "crashed", 1, NULL), EVS_OK);
  assert_int_equal(evs_testing_fail_handling(at.kit, "*", "sometimes", 1, NULL), EVS_VALIDATION);
  assert_int_equal(evs_testing_fail_handling(at.kit, "a..b", "failed", 1, NULL), EVS_VALIDATION);
  publish(at.kit, "order.placed");
  assert_int_equal(evs_testing_advance(at.kit, 60000, NULL), EVS_OK);
  assert_string_equal(at.seen, "0/1 1000/2 1000/2 ");
  assert_int_equal(evs_testing_expect_handled(at.kit, "order.*", 1, NULL), EVS_OK);
  evs_testing_close(at.kit);
}

static evs_status pays(void *data, const evs_message *message) {
  (void)message;
  ((shop *)data)->sum += 5;
  return EVS_OK;
}

static evs_status invoices(void *data, const evs_message *message) {
  shop *at = data;
  evs_event event = host_event("invoice.sent", "1");
  (void)message;
  at->sum = 5;
  event.id = host_bytes(at->invoice_id);
  return evs_publish(evs_testing_system(at->kit), &event, 1, NULL, NULL);
}

static evs_status breaks(void *data, const evs_message *message) {
  (void)data;
  (void)message;
  return EVS_NOT_FOUND;
}

static void sum_of(void *data, char *out, size_t size) {
  snprintf(out, size, "%d", ((shop *)data)->sum);
}

static void a_handler_that_counts_twice_is_found(void **state) {
  (void)state;
  evs_error *error = NULL;
  shop at = {.kit = open_kit(NULL), .invoice_id = ""};
  evs_event event = host_event("order.placed", "{\"amount\": 5}");
  const evs_testing_idempotence paying = {pays, &at, sum_of}, sending = {invoices, &at, sum_of};
  assert_int_equal(evs_testing_expect_idempotent(at.kit, &event, &paying, &error), EVS_CONFLICT);
  assert_non_null(strstr(evs_error_message(error), "changed 5 to 10"));
  evs_error_free(error);
  assert_int_equal(evs_testing_expect_idempotent(at.kit, &event, &sending, &error), EVS_CONFLICT);
  assert_non_null(strstr(evs_error_message(error), "published invoice.sent as a new event"));
  evs_error_free(error);
  at.invoice_id = "invoice-1";
  assert_int_equal(evs_testing_expect_idempotent(at.kit, &event, &sending, NULL), EVS_OK);
  const evs_testing_idempotence breaking = {breaks, &at, NULL};
  assert_int_equal(evs_testing_expect_idempotent(at.kit, &event, &breaking, NULL), EVS_NOT_FOUND);
  evs_testing_close(at.kit);
}

static evs_status leaves(void *data, const evs_message *message) {
  ((shop *)data)->sum++;
  return evs_unsubscribe(evs_testing_system(((shop *)data)->kit), message->subscription, NULL);
}

static evs_status goes_on(void *data, const evs_message *message) {
  shop *at = data;
  evs_event event = {.struct_size = sizeof event, .type = message->type};
  return ++at->sum < 50 ? evs_publish(evs_testing_system(at->kit), &event, 1, NULL, NULL) : EVS_OK;
}

static evs_status closes(void *data, const evs_message *message) {
  (void)message;
  ((shop *)data)->sum++;
  return evs_system_close(evs_testing_system(((shop *)data)->kit), 0, NULL);
}

static void a_handler_may_unsubscribe_itself_publish_and_close(void **state) {
  (void)state;
  static const struct {
    evs_testing_handler handler;
    int times, times_again;
    evs_status last;
  } rows[] = {{leaves, 1, 1, EVS_OK}, {goes_on, 50, 51, EVS_OK}, {closes, 1, 1, EVS_CLOSED}};
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    shop at = {.kit = open_kit(NULL)};
    evs_event event = host_event("order.placed", "1");
    assert_int_equal(evs_testing_subscribe(at.kit, "{\"pattern\":\"order.*\"}", rows[i].handler, &at, NULL),
                     EVS_OK);
    assert_int_equal(evs_testing_publish(at.kit, &event, NULL), rows[i].last);
    assert_int_equal(at.sum, rows[i].times);
    assert_int_equal(evs_testing_publish(at.kit, &event, NULL), rows[i].last);
    assert_int_equal(at.sum, rows[i].times_again);
    evs_testing_close(at.kit);
  }
}

static void a_kit_is_for_memory_only(void **state) {
  (void)state;
  static const char *const configs[] = {"[]", "{", "{\"transports\":{\"main\":{\"type\":\"redis-streams\"}}}",
                                        "{\"transports\":{\"main\":{\"type\":\"memory\",\"name\":\"bus\"}}}"};
  for (size_t i = 0; i < sizeof configs / sizeof configs[0]; i++) {
    evs_testing *kit = NULL;
    assert_int_equal(evs_testing_open(configs[i], strlen(configs[i]), &kit, NULL), EVS_CONFIG);
    assert_null(kit);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(handlers_run_at_their_exact_time),
      cmocka_unit_test(an_expectation_says_what_there_was),
      cmocka_unit_test(what_went_through_is_given_as_json),
      cmocka_unit_test(publishing_fails_on_demand),
      cmocka_unit_test(what_handlers_did_was_for_nothing_as_the_test_asks),
      cmocka_unit_test(a_handler_that_counts_twice_is_found),
      cmocka_unit_test(a_handler_may_unsubscribe_itself_publish_and_close),
      cmocka_unit_test(a_kit_is_for_memory_only),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
