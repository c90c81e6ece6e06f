/* SPDX-License-Identifier: MIT
 * memory_bus_test.c - several systems and several threads in one process: a named bus, many publishers and
 * pollers, and systems that come and go meanwhile. Worth most under ThreadSanitizer. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/host.h"
#include "support/until.h"

#define ON(bus, service)                                                                                     \
  "{\"service\":\"" service "\",\"transports\":{\"main\":{\"type\":\"memory\",\"name\":\"" bus "\","         \
  "\"retry\":{\"baseDelay\":1,\"maxDelay\":20,\"jitter\":0}}}}"

enum { SOON_MS = 50 };

static void systems_on_a_named_bus_get_each_others_events(void **state) {
  (void)state;
  evs_system *shop = host_connect(ON("pair", "shop"));
  evs_system *mail = host_connect(ON("pair", "mail"));
  evs_system *apart = host_connect(ON("other", "apart"));
  host_subscribe(mail, "{\"pattern\":\"user.created\"}");
  host_subscribe(apart, "{\"pattern\":\"user.created\"}");
  host_ready(mail);
  host_ready(apart);
  host_publish(shop, "user.created", "1");
  host_message message = host_next(mail), none;
  assert_string_equal(message.origin, "shop");
  assert_true(host_ack(mail, message.delivery));
  assert_false(host_take(apart, &none, SOON_MS));
  host_close(shop, 1000);
  host_close(mail, 1000);
  host_close(apart, 1000);
}

static void members_of_one_group_share_its_events(void **state) {
  (void)state;
  enum { COUNT = 40 };
  evs_system *members[2] = {host_connect(ON("share", "a")), host_connect(ON("share", "b"))};
  for (int i = 0; i < 2; i++) {
    host_subscribe(members[i], "{\"pattern\":\"user.created\",\"group\":\"workers\",\"prefetch\":4}");
    host_ready(members[i]);
  }
  for (int i = 0; i < COUNT; i++)
    host_publish(members[0], "user.created", "1");
  int handled[2] = {0, 0};
  TEST_UNTIL(({
    for (int i = 0; i < 2; i++) {
      host_message message;
      if (host_take(members[i], &message, 0)) {
        handled[i]++;
        assert_true(host_ack(members[i], message.delivery));
      }
    }
    handled[0] + handled[1] == COUNT;
  }));
  assert_true(handled[0] > 0 && handled[1] > 0);
  host_message none;
  assert_false(host_take(members[0], &none, SOON_MS));
  assert_false(host_take(members[1], &none, SOON_MS));
  host_close(members[0], 1000);
  host_close(members[1], 1000);
}

static void what_a_closing_system_holds_goes_to_another_unharmed(void **state) {
  (void)state;
  evs_system *first = host_connect(ON("hand", "a"));
  host_subscribe(first, "{\"pattern\":\"user.created\",\"group\":\"workers\",\"concurrency\":3}");
  host_ready(first);
  for (int i = 0; i < 5; i++) {
    char body[16];
    snprintf(body, sizeof body, "%d", i);
    host_publish(first, "user.created", body);
  }
  for (int i = 0; i < 3; i++)
    host_next(first); /* held and never settled */
  evs_system *second = host_connect(ON("hand", "b"));
  host_subscribe(second, "{\"pattern\":\"user.created\",\"group\":\"workers\"}");
  host_ready(second);
  host_close(first, 0);
  int seen[5] = {0};
  for (int i = 0; i < 5; i++) {
    host_message message = host_next(second);
    seen[atoi(message.body)]++;
    assert_int_equal(message.attempt, 1);
    assert_true(host_ack(second, message.delivery));
  }
  for (int i = 0; i < 5; i++)
    assert_int_equal(seen[i], 1);
  host_close(second, 1000);
}

static void what_a_closed_system_parked_is_retried_by_another(void **state) {
  (void)state;
  evs_system *first = host_connect(ON("parked", "a"));
  host_subscribe(first, "{\"pattern\":\"user.created\",\"group\":\"workers\"}");
  host_ready(first);
  host_publish(first, "user.created", "1");
  evs_system *second = host_connect(ON("parked", "b"));
  host_subscribe(second, "{\"pattern\":\"user.created\",\"group\":\"workers\"}");
  host_ready(second);
  assert_true(host_later(first, host_next(first).delivery, 300));
  host_close(first, 1000);
  host_message message = host_next(second);
  assert_true(host_ack(second, message.delivery));
  host_close(second, 1000);
}

/* ---- threads ---- */

enum { PUBLISHERS = 4, POLLERS = 2, EACH = 500, VECTOR = 20 };

typedef struct test_crowd {
  evs_system *system;
  atomic_int handled[PUBLISHERS * EACH];
  atomic_int total, stored, failed;
  atomic_bool done;
} test_crowd;

typedef struct publisher {
  test_crowd *crowd;
  int number;
} publisher;

static void *publish_many(void *data) {
  const publisher *self = data;
  char bodies[VECTOR][16];
  evs_event events[VECTOR];
  for (int from = 0; from < EACH; from += VECTOR) {
    for (int i = 0; i < VECTOR; i++) {
      snprintf(bodies[i], sizeof bodies[i], "%d", self->number * EACH + from + i);
      events[i] = host_event("user.created", bodies[i]);
      events[i].token = (uint64_t)self->number * EACH + (uint64_t)(from + i + 1);
    }
    for (size_t offered = 0; offered < VECTOR;) {
      size_t accepted = 0;
      evs_publish(self->crowd->system, events + offered, VECTOR - offered, &accepted, NULL);
      offered += accepted;
    }
  }
  return NULL;
}

static void settle_one(test_crowd *crowd, const evs_message *message) {
  char number[16];
  snprintf(number, sizeof number, "%.*s", (int)message->body.size, message->body.data);
  int index = atoi(number);
  /* Every tenth fails the first time. */
  if (index % 10 == 0 && message->attempt == 1) {
    evs_failure failure = {.struct_size = sizeof failure, .delivery = message->delivery};
    evs_fail(crowd->system, &failure, 1, NULL, NULL);
    atomic_fetch_add(&crowd->failed, 1);
    return;
  }
  atomic_fetch_add(&crowd->handled[index], 1);
  evs_ack(crowd->system, &message->delivery, 1, NULL, NULL);
  atomic_fetch_add(&crowd->total, 1);
}

static void *poll_many(void *data) {
  test_crowd *crowd = data;
  while (!atomic_load(&crowd->done)) {
    evs_batch *batch = NULL;
    size_t messages_count, reports_count;
    if (evs_poll(crowd->system, EVS_POLL_MESSAGES | EVS_POLL_REPORTS, 16, 20, &batch, NULL) != EVS_OK)
      continue;
    const evs_message *messages = evs_batch_messages(batch, &messages_count);
    const evs_report *reports = evs_batch_reports(batch, &reports_count);
    for (size_t i = 0; i < messages_count; i++)
      settle_one(crowd, &messages[i]);
    for (size_t i = 0; i < reports_count; i++)
      atomic_fetch_add(&crowd->stored, reports[i].outcome == EVS_OUTCOME_STORED);
    evs_batch_release(batch);
  }
  return NULL;
}

static void many_publishers_and_pollers_lose_and_repeat_nothing(void **state) {
  (void)state;
  static test_crowd crowd;
  pthread_t threads[PUBLISHERS + POLLERS];
  publisher publishers[PUBLISHERS];
  crowd.system = host_connect("{\"service\":\"shop\",\"publisher\":{\"maxInFlight\":100},"
                              "\"transports\":{\"main\":{\"type\":\"memory\",\"retry\":{\"baseDelay\":1}}}}");
  host_subscribe(crowd.system, "{\"pattern\":\"user.created\",\"concurrency\":8,\"prefetch\":32}");
  host_ready(crowd.system);
  for (int i = 0; i < POLLERS; i++)
    assert_int_equal(pthread_create(&threads[PUBLISHERS + i], NULL, poll_many, &crowd), 0);
  for (int i = 0; i < PUBLISHERS; i++) {
    publishers[i] = (publisher){&crowd, i};
    assert_int_equal(pthread_create(&threads[i], NULL, publish_many, &publishers[i]), 0);
  }
  for (int i = 0; i < PUBLISHERS; i++)
    pthread_join(threads[i], NULL);
  json_decref(host_call(crowd.system, "flush", "{}"));
  TEST_UNTIL(atomic_load(&crowd.total) >= PUBLISHERS * EACH &&
             atomic_load(&crowd.stored) >= PUBLISHERS * EACH);
  json_decref(host_call(crowd.system, "drain", "{}"));
  atomic_store(&crowd.done, true);
  for (int i = 0; i < POLLERS; i++)
    pthread_join(threads[PUBLISHERS + i], NULL);
  assert_int_equal(atomic_load(&crowd.total), PUBLISHERS * EACH);
  assert_int_equal(atomic_load(&crowd.stored), PUBLISHERS * EACH);
  assert_int_equal(atomic_load(&crowd.failed), PUBLISHERS * EACH / 10);
  for (int i = 0; i < PUBLISHERS * EACH; i++)
    assert_int_equal(atomic_load(&crowd.handled[i]), 1);
  host_close(crowd.system, 1000);
}

static void *publish_until_done(void *data) {
  test_crowd *crowd = data;
  evs_event event = host_event("user.created", "1");
  while (!atomic_load(&crowd->done)) {
    if (evs_publish(crowd->system, &event, 1, NULL, NULL) != EVS_OK)
      test_pause();
  }
  return NULL;
}

static void systems_may_come_and_go_while_others_publish_on_their_bus(void **state) {
  (void)state;
  enum { ROUNDS = 20 };
  static test_crowd crowd;
  pthread_t thread;
  int got_some = 0;
  crowd.system = host_connect(ON("busy", "publisher"));
  assert_int_equal(pthread_create(&thread, NULL, publish_until_done, &crowd), 0);
  for (int i = 0; i < ROUNDS; i++) {
    evs_system *guest = host_connect(ON("busy", "guest"));
    host_subscribe(guest, "{\"pattern\":\"user.created\"}");
    host_ready(guest);
    host_message message = host_next(guest);
    got_some += host_ack(guest, message.delivery);
    host_close(guest, 0);
  }
  atomic_store(&crowd.done, true);
  pthread_join(thread, NULL);
  assert_int_equal(got_some, ROUNDS);
  host_close(crowd.system, 1000);
}

static void every_event_accepted_around_a_close_is_reported(void **state) {
  (void)state;
  enum { ROUNDS = 20 };
  for (int round = 0; round < ROUNDS; round++) {
    static test_crowd crowd;
    pthread_t thread;
    atomic_store(&crowd.done, false);
    crowd.system = host_connect(ON("ending", "publisher"));
    assert_int_equal(pthread_create(&thread, NULL, publish_until_done, &crowd), 0);
    TEST_UNTIL(host_stat(crowd.system, "publisher", "totalMessagesSent") > 0);
    host_report last;
    assert_int_equal(evs_system_close(crowd.system, 1000, NULL), EVS_OK);
    assert_true(host_report_of(crowd.system, EVS_REPORT_CLOSED, &last, 5000));
    atomic_store(&crowd.done, true);
    pthread_join(thread, NULL);
    json_t *stats = host_stats(crowd.system);
    assert_int_equal(json_integer_value(json_object_get(stats, "inFlight")), 0);
    json_decref(stats);
    evs_system_release(crowd.system);
  }
}

static void *ask_until_closed(void *data) {
  test_crowd *crowd = data;
  uint64_t *asked = calloc(1, sizeof *asked);
  while (evs_request(crowd->system, "ready", NULL, 0, 0, 1, NULL) == EVS_OK)
    ++*asked;
  return asked;
}

static uint64_t answers_until_closed(evs_system *system) {
  uint64_t answers = 0;
  size_t count = 0;
  evs_status status = EVS_OK;
  while (status != EVS_CLOSED) {
    evs_batch *batch = NULL;
    status = evs_poll(system, EVS_POLL_REPORTS, 256, 5000, &batch, NULL);
    assert_int_not_equal(status, EVS_AGAIN);
    if (status != EVS_OK)
      continue;
    const evs_report *reports = evs_batch_reports(batch, &count);
    for (size_t i = 0; i < count; i++)
      answers += reports[i].kind == EVS_REPORT_REQUEST;
    evs_batch_release(batch);
  }
  return answers;
}

static void every_request_accepted_around_a_close_is_answered(void **state) {
  (void)state;
  enum { ROUNDS = 20 };
  for (int round = 0; round < ROUNDS; round++) {
    test_crowd crowd = {.system = host_connect(ON("asking", "asker"))};
    pthread_t thread;
    void *asked = NULL;
    host_report first;
    assert_int_equal(pthread_create(&thread, NULL, ask_until_closed, &crowd), 0);
    assert_true(host_report_of(crowd.system, EVS_REPORT_REQUEST, &first, 5000));
    assert_int_equal(evs_system_close(crowd.system, 1000, NULL), EVS_OK);
    uint64_t answers = 1 + answers_until_closed(crowd.system);
    pthread_join(thread, &asked);
    assert_int_equal(answers, *(uint64_t *)asked);
    free(asked);
    evs_system_release(crowd.system);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(systems_on_a_named_bus_get_each_others_events),
      cmocka_unit_test(members_of_one_group_share_its_events),
      cmocka_unit_test(what_a_closing_system_holds_goes_to_another_unharmed),
      cmocka_unit_test(what_a_closed_system_parked_is_retried_by_another),
      cmocka_unit_test(many_publishers_and_pollers_lose_and_repeat_nothing),
      cmocka_unit_test(systems_may_come_and_go_while_others_publish_on_their_bus),
      cmocka_unit_test(every_event_accepted_around_a_close_is_reported),
      cmocka_unit_test(every_request_accepted_around_a_close_is_answered),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
