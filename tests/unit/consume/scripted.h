/* SPDX-License-Identifier: MIT
 * scripted.h - for tests of the engine alone: a transport that does what the test says and remembers what it
 * was told, and a clock that the test moves. */
#ifndef SCRIPTED_H
#define SCRIPTED_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "consume/consume.h"

#define ID "1763920000000-0"
enum { SETTLED_MAX = 16, LETTERS_MAX = 16, MESSAGES_MAX = 64 };
enum { TIME_LIMITS, LINGERING, TIMERS }; /* the timers of the engine */

/* ---- the world -------------------------------------------------------------------------------- */

/* One settlement as the transport got it. */
typedef struct settled {
  uint64_t token, delay_ms, members_version;
  uint32_t kind, flags;
  json_t *state, *record; /* NULL: empty */
  char offset[40], member[40];
  size_t letter_count;
  char letters[LETTERS_MAX][128];
  json_t *records[LETTERS_MAX];
} settled;

static struct {
  uint64_t now_ms;
  struct {
    void (*fire)(void *data);
    void *data;
    bool is_started;
  } timers[TIMERS];
  size_t timer_count;
  evsi_config *config;
  evsi_link link;
  evsi_tasks tasks;
  evsi_stats stats;
  evsi_records records;
  evsi_wake wake;
  evsi_consume *consume;
  uint64_t group, subscription;
  settled settled[SETTLED_MAX];
  size_t settled_count;
  char recalled[256];      /* offsets, a blank behind each */
  bool is_short_of_memory; /* it cannot take what it is asked */
} world;

static evsi_registry *the_schemas; /* by which bodies are looked at, or NULL */

static inline void on_loop_wake(evsi_loop *loop) {
  (void)loop;
}

static inline evsi_timer *timer_new(evsi_loop *loop, void (*fire)(void *data), void *data) {
  (void)loop;
  size_t number = world.timer_count++ % TIMERS;
  world.timers[number].fire = fire;
  world.timers[number].data = data;
  return (evsi_timer *)&world.timers[number];
}

static inline size_t timer_number(const evsi_timer *timer) {
  return (size_t)((const char *)timer - (const char *)world.timers) / sizeof world.timers[0];
}

static inline void timer_start(evsi_timer *timer, uint64_t delay_ms) {
  (void)delay_ms;
  world.timers[timer_number(timer)].is_started = true;
}

static inline void timer_stop(evsi_timer *timer) {
  world.timers[timer_number(timer)].is_started = false;
}

static inline void fire(int number) {
  world.timers[number].is_started = false;
  world.timers[number].fire(world.timers[number].data);
}

/* The I/O thread: what was asked of it, and what had waited for others to go with. */
static inline void turn(void) {
  evsi_tasks_run(&world.tasks);
  while (world.timers[LINGERING].is_started)
    fire(LINGERING);
}

static inline void timer_free(evsi_timer *timer) {
  (void)timer;
}

static inline uint64_t now_ms(void) {
  return world.now_ms;
}

static inline uint64_t now_us(void) {
  return world.now_ms * 1000;
}

static inline bool random_bytes(void *bytes, size_t size) {
  memset(bytes, 0, size);
  return true;
}

static const evsi_io io = {.loop_wake = on_loop_wake,
                           .timer_new = timer_new,
                           .timer_start = timer_start,
                           .timer_stop = timer_stop,
                           .timer_free = timer_free};
static const evsi_env env = {now_ms, now_us, now_ms, random_bytes, &io, NULL};

/* Where one allocation fails it may be one of these. */
static inline json_t *json_of(evs_bytes text) {
  json_t *root = text.size ? json_loadb(text.data, text.size, 0, NULL) : NULL;
  return root || !text.size ? root : json_loadb(text.data, text.size, 0, NULL);
}

static inline void copy(char *out, size_t size, evs_bytes text) {
  snprintf(out, size, "%.*s", (int)text.size, text.size ? text.data : "");
}

static inline void settle(evs_transport *transport, const evs_tp_settlement *settlements, size_t count) {
  (void)transport;
  for (size_t i = 0; i < count; i++) {
    const evs_tp_settlement *from = &settlements[i];
    assert_true(world.settled_count < SETTLED_MAX && from->letter_count <= LETTERS_MAX);
    settled *to = &world.settled[world.settled_count++];
    to->token = from->token;
    to->kind = from->kind;
    to->flags = from->flags;
    to->delay_ms = from->delay_ms;
    to->members_version = from->members_version;
    to->state = json_of(from->state);
    to->record = json_of(from->record);
    copy(to->offset, sizeof to->offset, from->offset);
    copy(to->member, sizeof to->member, from->member);
    to->letter_count = from->letter_count;
    for (size_t at = 0; at < to->letter_count; at++) {
      assert_int_equal(from->letters[at].struct_size, sizeof from->letters[at]);
      copy(to->letters[at], sizeof to->letters[at], from->letters[at].data);
      to->records[at] = json_of(from->letters[at].record);
    }
  }
}

static inline void join(evs_transport *transport, const evs_tp_group *group) {
  (void)transport;
  world.group = group->group;
}

static inline void on_group(evs_transport *transport, uint64_t group) {
  (void)transport;
  (void)group;
}

static inline void recall(evs_transport *transport, const evs_tp_place *places, size_t count) {
  (void)transport;
  if (world.is_short_of_memory) {
    evsi_consume_again(world.consume, places[0].group);
    return;
  }
  for (size_t i = 0; i < count; i++) {
    size_t used = strlen(world.recalled);
    snprintf(world.recalled + used, sizeof world.recalled - used, "%.*s ", (int)places[i].offset.size,
             places[i].offset.data);
  }
}

#define SCRIPTED(more)                                                                                       \
  {                                                                                                          \
    .struct_size = sizeof(evs_transport_ops), .type = "redis-streams", .capabilities = EVS_CAP_DLQ | (more), \
    .join = join, .leave = on_group, .resume = on_group, .settle = settle, .recall = recall                  \
  }

static const evs_transport_ops scripted = SCRIPTED(EVS_CAP_DIRECT);
static const evs_transport_ops scripted_far = SCRIPTED(0); /* is told on the I/O thread */

static inline void no_topic(void *data, const char *pattern, char out_topic[201]) {
  (void)data;
  (void)pattern;
  out_topic[0] = '\0';
}

static inline void no_log(void *data, int32_t level, const char *message, const evsi_log_field *fields) {
  (void)data;
  (void)level;
  (void)fields;
  (void)message;
}

static inline int setup_with(const char *option) {
  static const char format[] =
      "{\"service\":\"shop\",\"transports\":{\"main\":{\"type\":\"redis-streams\"%s}},\"consumer\":{"
      "\"prefetch\":4,\"verifyHash\":false,\"maxRetries\":2,\"retry\":{\"baseDelay\":1000,\"jitter\":0}}}";
  char config[sizeof format + 64];
  int size = snprintf(config, sizeof config, format, option);
  memset(&world, 0, sizeof world);
  world.now_ms = 1000;
  if (evsi_config_load(config, (size_t)size, &world.config, NULL) != EVS_OK)
    return -1;
  world.link = (evsi_link){.ops = &scripted, .state = EVSI_LINK_OPEN, .config = &world.config->transports[0]};
  evsi_tasks_init(&world.tasks, &env, NULL);
  evsi_stats_init(&world.stats, &env, 100);
  evsi_wake_init(&world.wake);
  evsi_records_init(&world.records, &world.wake);
  const evsi_consume_setup parts = {.config = world.config,
                                    .env = &env,
                                    .tasks = &world.tasks,
                                    .stats = &world.stats,
                                    .records = &world.records,
                                    .wake = &world.wake,
                                    .links = &world.link,
                                    .schemas = the_schemas,
                                    .topic_of = no_topic,
                                    .log = no_log};
  world.consume = evsi_consume_new(&parts);
  return world.consume ? 0 : -1;
}

static inline int setup(void **state) {
  (void)state;
  return setup_with("");
}

static inline int setup_without_dead_letters(void **state) {
  (void)state;
  return setup_with(",\"enableDLQ\":false");
}

static inline int teardown(void **state) {
  (void)state;
  evsi_consume_free(world.consume);
  evsi_records_destroy(&world.records);
  evsi_wake_destroy(&world.wake);
  evsi_stats_destroy(&world.stats);
  evsi_tasks_destroy(&world.tasks);
  evsi_config_free(world.config);
  for (size_t i = 0; i < world.settled_count; i++) {
    json_decref(world.settled[i].state);
    json_decref(world.settled[i].record);
    for (size_t at = 0; at < world.settled[i].letter_count; at++)
      json_decref(world.settled[i].records[at]);
  }
  return 0;
}

/* ---- what the tests do ------------------------------------------------------------------------ */

static inline uint64_t subscribe(const char *options) {
  uint64_t token = 0;
  assert_int_equal(evsi_consume_subscribe(world.consume, options, strlen(options), &token, NULL), EVS_OK);
  evsi_consume_start(world.consume, 0);
  turn();
  assert_true(world.group != 0);
  return token;
}

static inline void deliver(const char *data, const char *kept) {
  const evs_tp_entry entry = {.struct_size = sizeof entry,
                              .partition = EVS_PARTITION_NONE,
                              .flags = EVS_ENTRY_BATCH,
                              .deliveries = 3,
                              .topic = evsi_text("order-events"),
                              .offset = evsi_text(ID),
                              .data = evsi_text(data),
                              .state = kept ? evsi_text(kept) : evsi_bytes(NULL, 0)};
  evsi_consume_deliver(world.consume, world.group, &entry, 1);
}

/* A batch of events of this type with bodies 0, 1, …; the caller frees. */
static inline char *batch_of(int count, const char *type) {
  evsi_buf text = {0};
  evsi_buf_add_text(&text, "{\"data\":[");
  for (int i = 0; i < count; i++)
    evsi_buf_addf(&text, "%s{\"header\":{\"id\":\"e-%d\",\"type\":\"%s\"},\"body\":%d}", i ? "," : "", i,
                  type, i);
  evsi_buf_add_text(&text, "],\"metadata\":{\"batch\":true}}");
  return evsi_buf_take(&text);
}

static inline void deliver_orders(int count, const char *kept) {
  char *data = batch_of(count, "order.paid");
  deliver(data, kept);
  evsi_free(data);
}

/* A message, copied. */
typedef struct taken {
  uint64_t delivery;
  uint32_t attempt, deliveries;
  char offset[40], body[32];
} taken;

static inline size_t take(taken out[MESSAGES_MAX], size_t most) {
  bool left;
  memset(out, 0, MESSAGES_MAX * sizeof out[0]);
  evs_batch *batch = evsi_batch_new();
  assert_true(evsi_consume_take(world.consume, batch, most, &left));
  for (size_t i = 0; i < batch->message_count; i++) {
    const evs_message *message = &batch->messages[i];
    out[i].delivery = message->delivery;
    out[i].attempt = message->attempt;
    out[i].deliveries = message->deliveries;
    copy(out[i].offset, sizeof out[i].offset, message->offset);
    copy(out[i].body, sizeof out[i].body, message->body);
  }
  size_t count = batch->message_count;
  evsi_batch_free(batch);
  return count;
}

static inline void ack(uint64_t delivery) {
  assert_int_equal(evsi_consume_ack(world.consume, &delivery, 1), 0);
}

static inline void fail_as(uint64_t delivery, uint32_t kind, uint64_t delay_ms) {
  const evs_failure failure = {.struct_size = sizeof failure,
                               .kind = kind,
                               .delivery = delivery,
                               .delay_ms = delay_ms,
                               .error_class = evsi_text("Broken"),
                               .message = evsi_text("no luck")};
  assert_int_equal(evsi_consume_fail(world.consume, &failure, 1), 0);
}

/* The newest settlement; there must be so many. */
static inline const settled *last(size_t count) {
  assert_int_equal(world.settled_count, count);
  return &world.settled[count - 1];
}

static inline void answer_with(const settled *to, uint32_t flags) {
  const evs_tp_outcome outcome = {.struct_size = sizeof outcome,
                                  .flags = flags,
                                  .token = to->token,
                                  .status = flags ? EVS_CONFLICT : EVS_OK};
  evsi_consume_settled(world.consume, &outcome, 1);
}

static inline const json_t *state_of(const settled *of, const char *index) {
  return json_object_get(json_object_get(of->state, "b"), index);
}

static inline uint64_t counted(evsi_counter counter) {
  return atomic_load(&world.stats.counters[counter]);
}

static inline void members(const char *json, uint64_t version) {
  evsi_consume_members(world.consume, world.group, evsi_text("order-events"), EVS_PARTITION_NONE, version,
                       evsi_text(json));
}

#define ORDERS "{\"pattern\":\"order.*\",\"concurrency\":100}"

#endif
