/* SPDX-License-Identifier: MIT
 * order_no_memory_test.c - an ordered stream that goes to another member while any one allocation fails: its
 * entry is given once more, to that member or to another, and nothing is left of it when it was settled. */
#include "unit/support/shortage.h"
#include "unit/transport/file_fixture.h"

#define ALL "[{\"pattern\":\"*\"}]"
#define BRIEF ",\"sessionTimeout\":200" /* they look at each other often */
enum { ALLOCATIONS_MAX = 1000 };

typedef struct pair {
  evs_host *members[2];
  size_t seen[2]; /* entries of each that were looked at */
} pair;

/* The member that was given an entry since, with that entry; NULL: none yet. */
static evs_host *given_to(pair *both, const entry **out) {
  for (int i = 0; i < 2; i++) {
    evs_host *host = both->members[i];
    if (host->entry_count > both->seen[i]) {
      *out = &host->entries[both->seen[i]++];
      return host;
    }
  }
  return NULL;
}

static bool has_any(void *data) {
  const pair *both = data;
  return both->members[0]->entry_count > both->seen[0] || both->members[1]->entry_count > both->seen[1];
}

static bool knows_other(void *data) {
  return strstr(((evs_host *)data)->members, "\"self\":false") != NULL;
}

static const char *name_of_other(evs_host *host) {
  static char name[64];
  EXPECT_SOON(knows_other, host);
  const char *at = strstr(host->members, "\"self\":false");
  while (strncmp(at, "\"consumer\":\"", 12) != 0)
    at--;
  sscanf(at, "\"consumer\":\"%63[^\"]", name);
  return name;
}

/* As the engine does: what the transport has no memory for is told again. */
static evs_status settle_one(evs_host *host, evs_tp_settlement settlement) {
  size_t before = host->settled_count;
  evs_status status = EVS_NOMEM;
  for (int i = 0; status == EVS_NOMEM && i < ALLOCATIONS_MAX; i++, before++) {
    the_transport->settle(host->transport, &settlement, 1);
    wait_count(&host->settled_count, before + 1);
    status = host->settled[before].status;
  }
  return status;
}

static bool hand_over_short_of(pair *both, long allowed) {
  const entry *given = NULL;
  evs_status status = EVS_CONFLICT;
  publish_in_order(both->members[0]);
  EXPECT_SOON(has_any, both);
  evs_host *host = given_to(both, &given);
  evs_tp_settlement away = settlement_of(given, EVS_SETTLE_HAND_OVER);
  away.member = bytes(name_of_other(host));
  shortage_begin(allowed, false);
  settle_one(host, away);
  bool was_short = shortage_end();
  while (status != EVS_OK) {
    EXPECT_SOON(has_any, both);
    host = given_to(both, &given);
    status = settle_one(host, settlement_of(given, EVS_SETTLE_ACK));
  }
  return was_short;
}

static void a_stream_that_goes_to_another_member_is_given_on(void **state) {
  (void)state;
  pair both = {{host_new(BRIEF), host_new(BRIEF)}, {0, 0}};
  EXPECT_SOON(is_connected, both.members[0]);
  EXPECT_SOON(is_connected, both.members[1]);
  join_as(both.members[0], "g", "one", "t", ALL);
  join_as(both.members[1], "g", "other", "t", ALL);
  for (long allowed = 0; hand_over_short_of(&both, allowed); allowed++)
    assert_true(allowed < ALLOCATIONS_MAX);
  host_close(both.members[0]);
  host_close(both.members[1]);
}

static long alive_before;

static void start_counting(void) {
  shortage_begin(SHORTAGE_NEVER, false);
  alive_before = shortage_alive();
}

static int on_redis(void **state) {
  start_counting();
  the_transport = &evsi_redis_transport;
  the_place = NULL;
  return fixture_clear(state);
}

static int on_a_file(void **state) {
  start_counting();
  return on_file(state);
}

/* The worker of a file may end a little later. */
static int expect_nothing_left(int left) {
  if (open_hosts == 0)
    TEST_UNTIL(shortage_alive() == alive_before);
  return left;
}

static int redis_leave(void **state) {
  return expect_nothing_left(fixture_leave(state));
}

static int a_file_leave(void **state) {
  return expect_nothing_left(file_leave(state));
}

#define ON(test, where, leave)                                                                               \
  { #test " (" #where ")", test, on_##where, leave, NULL }

int main(void) {
  const struct CMUnitTest tests[] = {
      ON(a_stream_that_goes_to_another_member_is_given_on, redis, redis_leave),
      ON(a_stream_that_goes_to_another_member_is_given_on, a_file, a_file_leave),
  };
  return cmocka_run_group_tests(tests, fixture_start, fixture_end);
}
