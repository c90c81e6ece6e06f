/* SPDX-License-Identifier: MIT
 * file_end_test.c - the end of one transport of a file whose worker goes on for another: what was asked of it
 * too late is not done, and nobody looks for it any more. */
#include "unit/transport/file_fixture.h"
#include "unit/transport/gate.h"

static void what_is_asked_after_the_end_is_not_done(void **state) {
  (void)state;
  evs_host *one = host_connected(), *other = host_connected();
  other->delivering = gate_hold;
  join(other, "g", "t");
  publish(other, "t", "a.b", 1);
  gate_wait(1);
  the_transport->close(one->transport, 2000);
  publish(other, "t", "a.b", 1); /* so that the worker is held while it closes, too */
  gate_open(1);
  gate_wait(2);
  publish(one, "t", "a.b", 1);
  the_transport->resume(one->transport, GROUP);
  gate_open(INT_MAX);
  EXPECT_SOON(is_closed, one);
  publish(one, "t", "a.b", 1);
  the_transport->resume(one->transport, GROUP);
  the_transport->leave(one->transport, GROUP);
  host_free(one);
  assert_non_null(strstr(request(other, "topics", "{}"), "\"entries\":2,"));
  wait_count(&other->entry_count, 2);
  host_close(other);
}

static void what_is_asked_is_kept_until_the_worker_has_time(void **state) {
  (void)state;
  evs_host *one = host_connected(), *other = host_connected();
  char consumer[] = "patient", name[] = "late", subscriptions[] = "[{\"pattern\":\"a.*\"}]", topic[] = "t";
  gate_close();
  other->delivering = gate_hold;
  join(other, "g", "t");
  publish(other, "t", "a.b", 1);
  gate_wait(1);
  const evs_bytes topics[] = {bytes(topic)};
  const evs_tp_group group = {.struct_size = sizeof group,
                              .group = GROUP,
                              .prefetch = 1,
                              .name = bytes(name),
                              .consumer = bytes(consumer),
                              .subscriptions = bytes(subscriptions),
                              .topics = topics,
                              .topic_count = 1};
  the_transport->join(one->transport, &group);
  memset(consumer, '?', strlen(consumer));
  memset(name, '?', strlen(name));
  memset(subscriptions, '?', strlen(subscriptions));
  memset(topic, '?', strlen(topic));
  gate_open(INT_MAX);
  wait_flag(&one->joined, 1);
  const char *groups = request(one, "groups", "{}");
  assert_non_null(strstr(groups, "\"patient#"));
  assert_non_null(strstr(groups, "\"late\""));
  assert_null(strchr(groups, '?'));
  host_close(one);
  host_close(other);
}

int main(void) {
  const struct CMUnitTest tests[] = {TEST_ON_FILE(what_is_asked_after_the_end_is_not_done),
                                     TEST_ON_FILE(what_is_asked_is_kept_until_the_worker_has_time)};
  return cmocka_run_group_tests(tests, fixture_start, fixture_end);
}
