/* SPDX-License-Identifier: MIT
 * redis_fixture.h - for tests of the transport alone: a small host that records what the transport tells it,
 * on a real loop against a real server. Several hosts share one loop, so that one test has several members.
 */
#ifndef REDIS_FIXTURE_H
#define REDIS_FIXTURE_H

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <pthread.h>

#include "base/tasks.h"
#include "base/world.h"
#include "support/redis_server.h"
#include "support/until.h"
#include "transport/redis/redis_transport.h"

enum { ENTRIES_MAX = 32768, OUTCOMES_MAX = 32768, REPLIES_MAX = 64, GROUP = 7 };

typedef struct entry {
  char topic[64], offset[48], data[256], requeue[256], state[128];
  int32_t partition;
  uint32_t flags, deliveries;
  uint64_t group, wait_ms;
} entry;

typedef struct outcome {
  uint64_t token;
  evs_status status;
  uint32_t flags;
  char offset[48], message[256];
} outcome;

struct evs_host {
  evs_transport *transport;
  evsi_world world;
  entry *entries;
  size_t entry_count;
  outcome *published, *settled;
  size_t published_count, settled_count;
  uint32_t credits;
  _Atomic bool is_short_of_memory; /* it takes no entry */
  size_t refused;
  void (*delivering)(evs_host *host); /* is called first, or NULL */
  int credits_are_spent;              /* each delivered entry takes one; else there are always as many */
  int is_connected, is_fatal, joined, left, is_closed, is_paused;
  size_t again; /* how often it is to ask once more */
  uint64_t lease_until_ms;
  char message[512], last_log[512];
  size_t warning_count;
  char members[4096];
  uint64_t members_version, commands, reconnects, recreated, claimed, stale, reloaded;
  uint64_t trimmed, trimmed_by_force, delayed_moved, trimmed_letters, clashes, removed_consumers;
  const char *wanted; /* full types that host->wants() takes; NULL: any */
  struct {
    uint64_t token;
    evs_status status;
    char *text;
  } replies[REPLIES_MAX];
  size_t reply_count;
};

/* ---- the loop --------------------------------------------------------------------------------- */

typedef struct test_loop {
  evsi_loop *loop;
  evsi_timer *timer;
  bool (*holds)(void *data);
  void *data;
  uint64_t end_ms;
  bool result;
} test_loop;

static test_loop the_loop;
static redis_server server;
static const evs_transport_ops *the_transport = &evsi_redis_transport;
static const char *the_place; /* members of its options that say where it is; NULL: the server */
static evsi_tasks tasks;
/* What is waited for is told by a thread of its own where the transport is a file. */
static pthread_mutex_t told = PTHREAD_MUTEX_INITIALIZER;
static int open_hosts;
static const evsi_env *host_env; /* of hosts that are made; NULL: the real one */

static inline void on_look(void *data) {
  (void)data;
  const evsi_env *env = evsi_env_default();
  pthread_mutex_lock(&told);
  the_loop.result = the_loop.holds && the_loop.holds(the_loop.data);
  pthread_mutex_unlock(&told);
  if (the_loop.result || env->now_ms() >= the_loop.end_ms)
    env->io->loop_stop(the_loop.loop);
  else
    env->io->timer_start(the_loop.timer, 1);
}

static inline void on_wake(void *data) {
  (void)data;
  evsi_tasks_run(&tasks);
}

static inline bool run_until(bool (*holds)(void *data), void *data, uint64_t ms) {
  const evsi_env *env = evsi_env_default();
  the_loop.holds = holds;
  the_loop.data = data;
  the_loop.end_ms = env->now_ms() + ms;
  env->io->timer_start(the_loop.timer, 0);
  env->io->loop_run(the_loop.loop);
  return the_loop.result;
}

static inline void run_for(uint64_t ms) {
  run_until(NULL, NULL, ms);
}

/* Runs the loop until an expression over `arg` holds; the expression is a function of this name. */
#define EXPECT_SOON(holds, data) assert_true(run_until(holds, data, test_deadline_ms()))

/* ---- the host's functions --------------------------------------------------------------------- */

static inline void copy(char *out, size_t size, evs_bytes text) {
  snprintf(out, size, "%.*s", (int)text.size, text.size ? text.data : "");
}

static inline void on_state(evs_host *host, int32_t connected, int32_t fatal, evs_bytes message,
                            uint64_t next) {
  (void)next;
  host->is_connected = connected;
  host->is_fatal = fatal;
  copy(host->message, sizeof host->message, message);
}

static inline void on_closed(evs_host *host) {
  assert_false(host->is_closed);
  host->is_closed = 1;
}

static inline void add_outcomes(outcome *list, size_t *count, const evs_tp_outcome *outcomes, size_t added) {
  pthread_mutex_lock(&told);
  for (size_t i = 0; i < added; i++) {
    assert_true(*count < OUTCOMES_MAX);
    outcome *each = &list[(*count)++];
    each->token = outcomes[i].token;
    each->status = outcomes[i].status;
    each->flags = outcomes[i].flags;
    copy(each->offset, sizeof each->offset, outcomes[i].offset);
    copy(each->message, sizeof each->message, outcomes[i].message);
  }
  pthread_mutex_unlock(&told);
}

static inline void on_published(evs_host *host, const evs_tp_outcome *outcomes, size_t count) {
  add_outcomes(host->published, &host->published_count, outcomes, count);
}

static inline void on_settled(evs_host *host, const evs_tp_outcome *outcomes, size_t count) {
  add_outcomes(host->settled, &host->settled_count, outcomes, count);
}

static inline void on_replied(evs_host *host, uint64_t token, evs_status status, evs_bytes text) {
  assert_true(host->reply_count < REPLIES_MAX);
  host->replies[host->reply_count].token = token;
  host->replies[host->reply_count].status = status;
  host->replies[host->reply_count++].text = strndup(text.data ? text.data : "", text.size);
}

static inline void on_joined(evs_host *host, uint64_t group) {
  (void)group;
  pthread_mutex_lock(&told);
  host->joined++;
  pthread_mutex_unlock(&told);
}

static inline void on_left(evs_host *host, uint64_t group) {
  (void)group;
  host->left++;
}

static inline size_t on_deliver(evs_host *host, uint64_t group, const evs_tp_entry *entries, size_t count) {
  if (host->delivering)
    host->delivering(host);
  pthread_mutex_lock(&told);
  if (host->is_short_of_memory) {
    host->refused += count;
    pthread_mutex_unlock(&told);
    return 0;
  }
  for (size_t i = 0; i < count; i++) {
    assert_true(host->entry_count < ENTRIES_MAX);
    entry *each = &host->entries[host->entry_count++];
    copy(each->topic, sizeof each->topic, entries[i].topic);
    copy(each->offset, sizeof each->offset, entries[i].offset);
    copy(each->data, sizeof each->data, entries[i].data);
    copy(each->requeue, sizeof each->requeue, entries[i].requeue);
    copy(each->state, sizeof each->state, entries[i].state);
    each->partition = entries[i].partition;
    each->flags = entries[i].flags;
    each->deliveries = entries[i].deliveries;
    each->group = group;
    each->wait_ms = entries[i].wait_ms;
  }
  pthread_mutex_unlock(&told);
  if (host->credits_are_spent)
    host->credits -= (uint32_t)count < host->credits ? (uint32_t)count : host->credits;
  return count;
}

static inline uint32_t on_credits(evs_host *host, uint64_t group) {
  (void)group;
  return host->credits;
}

static inline int32_t on_wants(evs_host *host, uint64_t group, evs_bytes topic, evs_bytes type) {
  (void)group;
  (void)topic;
  return !host->wanted || strncmp(host->wanted, type.data, type.size) == 0 ||
         strncmp(type.data, "*", type.size) == 0;
}

static inline void on_members(evs_host *host, uint64_t group, evs_bytes topic, int32_t partition,
                              uint64_t version, evs_bytes json) {
  (void)group;
  (void)topic;
  (void)partition;
  host->members_version = version;
  copy(host->members, sizeof host->members, json);
}

static inline void on_count(evs_host *host, const char *counter, uint64_t amount) {
  if (strcmp(counter, "reconnects") == 0)
    host->reconnects += amount;
  else if (strcmp(counter, "groupsRecreated") == 0)
    host->recreated += amount;
  else if (strcmp(counter, "claimedMessages") == 0)
    host->claimed += amount;
  else if (strcmp(counter, "staleSettlements") == 0)
    host->stale += amount;
  else if (strcmp(counter, "scriptsReloaded") == 0)
    host->reloaded += amount;
  else if (strcmp(counter, "commands") == 0)
    host->commands += amount;
  else if (strcmp(counter, "delayedMoved") == 0)
    host->delayed_moved += amount;
  else if (strcmp(counter, "trimmedMessages") == 0)
    host->trimmed += amount;
  else if (strcmp(counter, "trimmedByForce") == 0)
    host->trimmed_by_force += amount;
  else if (strcmp(counter, "trimmedDeadLetters") == 0)
    host->trimmed_letters += amount;
  else if (strcmp(counter, "consumerNameClashes") == 0)
    host->clashes += amount;
  else if (strcmp(counter, "staleConsumersRemoved") == 0)
    host->removed_consumers += amount;
  else
    fail_msg("unknown counter %s", counter);
}

static inline void on_log(evs_host *host, int32_t level, const char *message) {
  snprintf(host->last_log, sizeof host->last_log, "%s", message);
  host->warning_count += level >= 2;
  if (getenv("EVS_TEST_LOG"))
    fprintf(stderr, "log %d: %s\n", (int)level, message);
}

static inline void on_paused(evs_host *host, uint64_t group, int32_t is_paused) {
  (void)group;
  pthread_mutex_lock(&told);
  host->is_paused = is_paused;
  pthread_mutex_unlock(&told);
}

static inline void on_lease(evs_host *host, const evs_tp_place *stream, uint64_t until_ms) {
  (void)stream;
  host->lease_until_ms = until_ms;
}

static inline void on_again(evs_host *host, uint64_t group) {
  (void)group;
  pthread_mutex_lock(&told);
  host->again++;
  pthread_mutex_unlock(&told);
}

static const evs_host_ops host_ops = {
    sizeof host_ops, EVS_TRANSPORT_ABI, on_state,   on_closed,  on_published, on_settled, on_replied,
    on_joined,       on_left,           on_deliver, on_credits, on_wants,     on_members, on_count,
    on_log,          on_paused,         on_lease,   NULL,       NULL,         NULL,       on_again};

/* ---- hosts ------------------------------------------------------------------------------------ */

static inline evs_host *host_new(const char *more_options) {
  char options[2048];
  evs_host *host = calloc(1, sizeof *host);
  host->entries = calloc(ENTRIES_MAX, sizeof *host->entries);
  host->published = calloc(OUTCOMES_MAX, sizeof *host->published);
  host->settled = calloc(OUTCOMES_MAX, sizeof *host->settled);
  host->credits = 10000;
  host->world = (evsi_world){host_env ? host_env : evsi_env_default(), the_loop.loop, &tasks};
  if (the_place)
    snprintf(options, sizeof options, "{%s,\"sessionTimeout\":600%s}", the_place, more_options);
  else
    snprintf(options, sizeof options,
             "{\"host\":\"127.0.0.1\",\"port\":%d,\"sessionTimeout\":600,\"discoverInterval\":100,"
             "\"reconnect\":{\"baseDelay\":20,\"maxDelay\":200}%s}",
             server.port, more_options);
  assert_int_equal(the_transport->create(&host_ops, host, &host->world, "main", options, strlen(options),
                                         &host->transport, NULL),
                   EVS_OK);
  open_hosts++;
  the_transport->connect(host->transport);
  return host;
}

static inline bool is_connected(void *data) {
  return ((evs_host *)data)->is_connected;
}

static inline evs_host *host_connected(void) {
  evs_host *host = host_new("");
  EXPECT_SOON(is_connected, host);
  return host;
}

static inline bool is_closed(void *data) {
  return ((evs_host *)data)->is_closed;
}

static inline void host_free(evs_host *host) {
  int was_closed = host->is_closed;
  the_transport->destroy(host->transport);
  run_for(20); /* closing handles end */
  assert_int_equal(host->is_closed, was_closed);
  open_hosts--;
  for (size_t i = 0; i < host->reply_count; i++)
    free(host->replies[i].text);
  free(host->entries);
  free(host->published);
  free(host->settled);
  free(host);
}

static inline void host_close(evs_host *host) {
  the_transport->close(host->transport, 2000);
  EXPECT_SOON(is_closed, host);
  host_free(host);
}

/* ---- doing things ----------------------------------------------------------------------------- */

static inline evs_bytes bytes(const char *text) {
  return (evs_bytes){text, text ? strlen(text) : 0};
}

static inline void publish(evs_host *host, const char *topic, const char *type, size_t count) {
  static char data[ENTRIES_MAX][128];
  static evs_tp_event events[ENTRIES_MAX];
  assert_true(count <= ENTRIES_MAX);
  for (size_t i = 0; i < count; i++) {
    snprintf(data[i], sizeof data[i], "{\"v\":1,\"header\":{\"id\":\"e%zu\",\"type\":\"%s\"},\"body\":%zu}",
             i, type, i);
    events[i] =
        (evs_tp_event){.struct_size = sizeof events[i], .partition = EVS_PARTITION_NONE, .token = i + 1};
    events[i].topic = bytes(topic);
    events[i].full_type = bytes(type);
    events[i].data = bytes(data[i]);
  }
  the_transport->publish(host->transport, events, count);
}

typedef struct number_wanted {
  const size_t *count;
  size_t least;
} number_wanted;

static inline bool is_reached(void *data) {
  const number_wanted *wanted = data;
  return *wanted->count >= wanted->least;
}

static inline void wait_count(const size_t *count, size_t least) {
  number_wanted wanted = {count, least};
  EXPECT_SOON(is_reached, &wanted);
}

static inline void publish_and_wait(evs_host *host, const char *topic, const char *type, size_t count) {
  size_t before = host->published_count;
  publish(host, topic, type, count);
  wait_count(&host->published_count, before + count);
  for (size_t i = before; i < host->published_count; i++)
    assert_int_equal(host->published[i].status, EVS_OK);
}

typedef struct flag_wanted {
  const int *flag;
  int least;
} flag_wanted;

static inline bool is_flag_reached(void *data) {
  const flag_wanted *wanted = data;
  return *wanted->flag >= wanted->least;
}

static inline void wait_flag(const int *flag, int least) {
  flag_wanted wanted = {flag, least};
  EXPECT_SOON(is_flag_reached, &wanted);
}

static inline void join_as(evs_host *host, const char *name, const char *consumer, const char *topic,
                           const char *subscriptions) {
  evs_bytes topics[1] = {bytes(topic)};
  evs_tp_group group = {.struct_size = sizeof group, .group = GROUP, .prefetch = 256};
  group.name = bytes(name);
  group.consumer = bytes(consumer);
  group.topics = topic ? topics : NULL;
  group.topic_count = topic ? 1 : 0;
  group.discover = topic ? 0 : 1;
  group.subscriptions = bytes(subscriptions);
  int before = host->joined;
  the_transport->join(host->transport, &group);
  wait_flag(&host->joined, before + 1);
}

static inline void join(evs_host *host, const char *name, const char *topic) {
  join_as(host, name, "c", topic, "[{\"pattern\":\"*\"}]");
}

static inline evs_tp_settlement settlement_of(const entry *each, uint32_t kind) {
  evs_tp_settlement made = {.struct_size = sizeof made, .kind = kind, .group = each->group, .token = 1};
  made.partition = each->partition;
  made.topic = bytes(each->topic);
  made.offset = bytes(each->offset);
  made.flags = each->state[0] ? EVS_SETTLE_HAS_STATE : 0;
  return made;
}

/* Settles entries [from, end) as they are and waits for the outcomes; gives how many were EVS_OK. */
static inline size_t settle_all(evs_host *host, size_t from, size_t end, uint32_t kind) {
  size_t before = host->settled_count, good = 0;
  for (size_t i = from; i < end; i++) {
    evs_tp_settlement each = settlement_of(&host->entries[i], kind);
    each.record = bytes("{\"originalId\":\"x\",\"group\":\"g\",\"subscriptions\":[\"s\"],\"attempts\":4,"
                        "\"error\":{\"class\":\"E\",\"message\":\"no luck\"},\"requeueCount\":0}");
    the_transport->settle(host->transport, &each, 1);
  }
  wait_count(&host->settled_count, before + end - from);
  for (size_t i = before; i < host->settled_count; i++)
    good += host->settled[i].status == EVS_OK;
  return good;
}

/* The answer of a request; lives as long as the host. */
static inline const char *request(evs_host *host, const char *method, const char *params) {
  size_t before = host->reply_count;
  the_transport->request(host->transport, method, params, strlen(params), before + 1);
  wait_count(&host->reply_count, before + 1);
  assert_int_equal(host->replies[before].token, before + 1);
  return host->replies[before].text;
}

/* ---- around each test ------------------------------------------------------------------------- */

static inline int fixture_start(void **state) {
  (void)state;
  signal(SIGPIPE,
         SIG_IGN); /* here the loop runs on this thread; in a system all signals are blocked on its */
  redis_server_start(&server, NULL);
  return 0;
}

static inline int fixture_end(void **state) {
  (void)state;
  redis_server_stop(&server);
  return 0;
}

/* A loop of its own for each test: what a failed test leaves behind does not run on. */
static inline int fixture_clear(void **state) {
  const evsi_env *env = evsi_env_default();
  (void)state;
  open_hosts = 0;
  the_loop.loop = env->io->loop_new(on_wake, NULL);
  evsi_tasks_init(&tasks, env, the_loop.loop);
  the_loop.timer = env->io->timer_new(the_loop.loop, on_look, NULL);
  return the_loop.timer && redis_number(&server, "FLUSHALL") >= 0 ? 0 : -1;
}

static inline int fixture_leave(void **state) {
  const evsi_env *env = evsi_env_default();
  (void)state;
  if (open_hosts > 0)
    return 0;
  env->io->timer_free(the_loop.timer);
  env->io->loop_free(the_loop.loop);
  return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_clear, fixture_leave)

/* One event of a strictly ordered topic. */
static inline void publish_in_order(evs_host *host) {
  EXPECT_SOON(is_connected, host);
  size_t before = host->published_count;
  evs_tp_event event = {.struct_size = sizeof event, .partition = EVS_PARTITION_NONE, .token = before + 1};
  event.topic = bytes("t");
  event.full_type = bytes("a.b");
  event.data = bytes("{\"v\":1,\"header\":{\"id\":\"e1\",\"type\":\"a.b\"},\"body\":1}");
  event.ordering = EVS_ORDER_STRICT;
  the_transport->publish(host->transport, &event, 1);
  wait_count(&host->published_count, before + 1);
  assert_int_equal(host->published[before].status, EVS_OK);
}

#endif
