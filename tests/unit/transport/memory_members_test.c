/* SPDX-License-Identifier: MIT
 * memory_members_test.c - two members that one transport has in one group, as when the last subscription of a
 * group ends and a new one begins it again: each answers for its own entries only. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/world.h"
#include "transport/memory/memory_transport.h"

enum { FORMER = 1, PRESENT = 2, TOKENS = 3 };

/* What the host was told. */
static struct {
  uint32_t credits[TOKENS];
  size_t delivered[TOKENS], left[TOKENS];
  char offset[TOKENS][32]; /* of the last entry */
  evs_status settled;
} host;

static evsi_timer *timer_new(evsi_loop *loop, void (*fire)(void *data), void *data) {
  (void)loop, (void)fire;
  return data;
}

static void timer_start(evsi_timer *timer, uint64_t delay_ms) {
  (void)timer, (void)delay_ms;
}

static void timer_end(evsi_timer *timer) {
  (void)timer;
}

static void loop_wake(evsi_loop *loop) {
  (void)loop;
}

static void on_state(evs_host *of, int32_t connected, int32_t fatal, evs_bytes message,
                     uint64_t next_try_ms) {
  (void)of, (void)connected, (void)fatal, (void)message, (void)next_try_ms;
}

static void on_outcomes(evs_host *of, const evs_tp_outcome *outcomes, size_t count) {
  (void)of;
  if (count > 0)
    host.settled = outcomes[count - 1].status;
}

static void on_joined(evs_host *of, uint64_t group) {
  (void)of, (void)group;
}

static void on_left(evs_host *of, uint64_t group) {
  (void)of;
  host.left[group]++;
}

static size_t on_deliver(evs_host *of, uint64_t group, const evs_tp_entry *entries, size_t count) {
  (void)of;
  host.delivered[group] += count;
  host.credits[group] -= (uint32_t)count;
  evsi_bytes_copy(host.offset[group], sizeof host.offset[group], entries[count - 1].offset);
  return count;
}

static uint32_t on_credits(evs_host *of, uint64_t group) {
  (void)of;
  return host.credits[group];
}

static int32_t on_wants(evs_host *of, uint64_t group, evs_bytes topic, evs_bytes full_type) {
  (void)of, (void)group, (void)topic, (void)full_type;
  return 1;
}

static void on_closed(evs_host *of) {
  (void)of;
}

static const evs_host_ops host_ops = {.struct_size = sizeof host_ops,
                                      .abi = EVS_TRANSPORT_ABI,
                                      .state = on_state,
                                      .closed = on_closed,
                                      .published = on_outcomes,
                                      .settled = on_outcomes,
                                      .joined = on_joined,
                                      .left = on_left,
                                      .deliver = on_deliver,
                                      .credits = on_credits,
                                      .wants = on_wants};

static evsi_env env;
static evsi_io io;
static evsi_tasks tasks;

static evs_transport *open_transport(void) {
  static const char config[] = "{}";
  evs_transport *transport = NULL;
  memset(&host, 0, sizeof host);
  env = *evsi_env_default();
  io = *env.io;
  io.timer_new = timer_new;
  io.timer_start = timer_start;
  io.timer_stop = timer_end;
  io.timer_free = timer_end;
  io.loop_wake = loop_wake;
  env.io = &io;
  evsi_tasks_init(&tasks, &env, NULL);
  const evsi_world world = {.env = &env, .tasks = &tasks};
  assert_int_equal(
      evsi_memory_transport.create(&host_ops, NULL, &world, "main", config, strlen(config), &transport, NULL),
      EVS_OK);
  evsi_memory_transport.connect(transport);
  return transport;
}

static void close_transport(evs_transport *transport) {
  evsi_memory_transport.close(transport, 0);
  evsi_memory_transport.destroy(transport);
  evsi_tasks_destroy(&tasks);
}

static void join(evs_transport *transport, uint64_t token, uint32_t credits) {
  const evs_tp_group group = {
      .struct_size = sizeof group, .group = token, .name = evsi_text("mail"), .consumer = evsi_text("me")};
  host.credits[token] = credits;
  evsi_memory_transport.join(transport, &group);
}

static void publish(evs_transport *transport) {
  const evs_tp_event event = {.struct_size = sizeof event,
                              .partition = EVS_PARTITION_NONE,
                              .token = 1,
                              .topic = evsi_text("user-events"),
                              .full_type = evsi_text("user.created"),
                              .data = evsi_text("{}")};
  evsi_memory_transport.publish(transport, &event, 1);
}

static evs_status acknowledge(evs_transport *transport, uint64_t token, uint64_t holder) {
  const evs_tp_settlement settlement = {.struct_size = sizeof settlement,
                                        .kind = EVS_SETTLE_ACK,
                                        .group = token,
                                        .token = 1,
                                        .partition = EVS_PARTITION_NONE,
                                        .topic = evsi_text("user-events"),
                                        .offset = evsi_text(host.offset[holder])};
  evsi_memory_transport.settle(transport, &settlement, 1);
  return host.settled;
}

static void a_member_leaves_when_its_own_entries_are_settled(void **state) {
  (void)state;
  evs_transport *transport = open_transport();
  join(transport, FORMER, 1);
  publish(transport);
  assert_int_equal(host.delivered[FORMER], 1);
  evsi_memory_transport.leave(transport, FORMER);
  join(transport, PRESENT, 1);
  publish(transport);
  assert_int_equal(host.delivered[PRESENT], 1);
  assert_int_equal(host.left[FORMER], 0);
  assert_int_equal(acknowledge(transport, FORMER, FORMER), EVS_OK);
  assert_int_equal(host.left[FORMER], 1); /* although the other one still has an entry */
  assert_int_equal(acknowledge(transport, PRESENT, PRESENT), EVS_OK);
  close_transport(transport);
}

static void what_another_member_holds_is_not_handed_back_by_one_that_leaves(void **state) {
  (void)state;
  evs_transport *transport = open_transport();
  join(transport, PRESENT, 1);
  publish(transport);
  join(transport, FORMER, 0);
  host.credits[PRESENT] = 1;
  evsi_memory_transport.leave(transport, FORMER);
  assert_int_equal(host.left[FORMER], 1);
  assert_int_equal(host.delivered[PRESENT], 1);
  assert_int_equal(acknowledge(transport, PRESENT, PRESENT), EVS_OK);
  close_transport(transport);
}

static void an_entry_is_settled_by_the_member_that_has_it(void **state) {
  (void)state;
  evs_transport *transport = open_transport();
  join(transport, FORMER, 1);
  publish(transport);
  join(transport, PRESENT, 1);
  assert_int_equal(acknowledge(transport, PRESENT, FORMER), EVS_CONFLICT);
  assert_int_equal(acknowledge(transport, FORMER, FORMER), EVS_OK);
  close_transport(transport);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_member_leaves_when_its_own_entries_are_settled),
      cmocka_unit_test(what_another_member_holds_is_not_handed_back_by_one_that_leaves),
      cmocka_unit_test(an_entry_is_settled_by_the_member_that_has_it),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
