/* SPDX-License-Identifier: MIT
 * stored_entry_fuzz.c - libFuzzer target: any bytes as a stored entry and as what was kept beside it. The
 * engine delivers it, the host settles in all ways, and what is parked comes again with what the engine kept.
 * Beyond not crashing, each delivery of an entry must end in exactly one settlement, with a record or state
 * that is JSON.
 *
 * Input: what the host does, a letter for each message in turn, as often as needed; the kept state; the
 * fields of the entry; each chunk ended by 0xFF. */
#include "base/alloc.h"
#include "consume/consume.h"
#include "event/json_scan.h"
#include "fuzz/fields.h"
#include "transport/redis/redis_entry.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { ROUNDS_MAX = 12, TURNS_MAX = 4096, TAKE = 16, SESSION_MS = 40000, EVENTS_MAX = 10000 };
#define OFFSET "1763920000000-0"

/* ---- a world without time, sockets and servers --------------------------------------------------- */

static struct {
  uint64_t now_ms, group;
  void (*on_time)(void *data);
  void *on_time_data;
  uint64_t token; /* of the settlement that was asked for, 0: none */
  evsi_buf kept;  /* its state */
  bool comes_again;
} world;

static void on_loop_wake(evsi_loop *loop) {
  (void)loop;
}
static evsi_timer *timer_new(evsi_loop *loop, void (*fire)(void *data), void *data) {
  (void)loop;
  world.on_time = fire;
  world.on_time_data = data;
  return (evsi_timer *)&world;
}
static void timer_start(evsi_timer *timer, uint64_t delay_ms) {
  (void)timer, (void)delay_ms;
}
static void timer_stop(evsi_timer *timer) {
  (void)timer;
}
static void timer_free(evsi_timer *timer) {
  (void)timer;
}
static uint64_t now_ms(void) {
  return world.now_ms;
}
static uint64_t now_us(void) {
  return world.now_ms * 1000;
}
static bool random_bytes(void *bytes, size_t size) {
  memset(bytes, 0, size);
  return true;
}
static const evsi_io io = {.loop_wake = on_loop_wake,
                           .timer_new = timer_new,
                           .timer_start = timer_start,
                           .timer_stop = timer_stop,
                           .timer_free = timer_free};
static const evsi_env env = {now_ms, now_us, now_ms, random_bytes, &io, NULL};

/* ---- a transport that looks at what it is told --------------------------------------------------- */

static void require_object(evs_bytes text) {
  size_t offset;
  fuzz_require(text.size > 1 && *text.data == '{' && evsi_json_check(text, &offset) == NULL);
}

static void settle(evs_transport *transport, const evs_tp_settlement *settlements, size_t count) {
  (void)transport;
  fuzz_require(count == 1 && world.token == 0);
  const evs_tp_settlement *told = settlements;
  fuzz_require(told->kind >= EVS_SETTLE_ACK && told->kind <= EVS_SETTLE_HAND_OVER && told->token != 0);
  fuzz_require(evsi_bytes_equal(told->offset, evsi_text(OFFSET)) && told->letter_count <= EVENTS_MAX);
  if (told->kind == EVS_SETTLE_DEAD_LETTER)
    require_object(told->record);
  for (size_t i = 0; i < told->letter_count; i++)
    require_object(told->letters[i].record);
  if (told->state.size > 0)
    require_object(told->state);
  world.token = told->token;
  world.comes_again = told->kind == EVS_SETTLE_PARK || told->kind == EVS_SETTLE_RELEASE;
  if (told->kind == EVS_SETTLE_PARK || told->state.size > 0) {
    evsi_buf_clear(&world.kept);
    evsi_buf_add_bytes(&world.kept, told->state);
  }
}

static void join(evs_transport *transport, const evs_tp_group *group) {
  (void)transport;
  world.group = group->group;
}
static void on_group(evs_transport *transport, uint64_t group) {
  (void)transport, (void)group;
}
static const evs_transport_ops ops = {.struct_size = sizeof ops,
                                      .type = "redis-streams",
                                      .capabilities = EVS_CAP_DLQ | EVS_CAP_DIRECT,
                                      .join = join,
                                      .leave = on_group,
                                      .resume = on_group,
                                      .settle = settle};

static void no_topic(void *data, const char *pattern, char out_topic[201]) {
  (void)data, (void)pattern;
  out_topic[0] = '\0';
}
static void no_log(void *data, int32_t level, const char *message, const evsi_log_field *fields) {
  (void)data, (void)level, (void)message, (void)fields;
}

/* ---- the engine ---------------------------------------------------------------------------------- */

typedef struct engine {
  evsi_config *config;
  evsi_link link;
  evsi_tasks tasks;
  evsi_stats stats;
  evsi_records records;
  evsi_wake wake;
  evsi_consume *consume;
} engine;

static void subscribe(engine *under_test, const char *options) {
  uint64_t token;
  fuzz_require(evsi_consume_subscribe(under_test->consume, options, strlen(options), &token, NULL) == EVS_OK);
}

static void open_engine(engine *under_test) {
  static const char config[] = "{\"service\":\"shop\",\"transports\":{\"main\":{\"type\":\"redis-streams\"}},"
                               "\"consumer\":{\"maxRetries\":2,"
                               "\"retry\":{\"baseDelay\":1000,\"jitter\":0}}}";
  memset(under_test, 0, sizeof *under_test);
  fuzz_require(evsi_config_load(config, sizeof config - 1, &under_test->config, NULL) == EVS_OK);
  under_test->link =
      (evsi_link){.ops = &ops, .state = EVSI_LINK_OPEN, .config = &under_test->config->transports[0]};
  evsi_tasks_init(&under_test->tasks, &env, NULL);
  evsi_stats_init(&under_test->stats, &env, 100);
  evsi_wake_init(&under_test->wake);
  evsi_records_init(&under_test->records, &under_test->wake);
  const evsi_consume_setup parts = {.config = under_test->config,
                                    .env = &env,
                                    .tasks = &under_test->tasks,
                                    .stats = &under_test->stats,
                                    .records = &under_test->records,
                                    .wake = &under_test->wake,
                                    .links = &under_test->link,
                                    .topic_of = no_topic,
                                    .log = no_log};
  under_test->consume = evsi_consume_new(&parts);
  fuzz_require(under_test->consume != NULL);
  subscribe(under_test, "{\"pattern\":\"order.*\",\"concurrency\":100}");
  subscribe(under_test, "{\"pattern\":\"order.paid\",\"concurrency\":100,\"handlerTimeout\":30000}");
  evsi_consume_start(under_test->consume, 0);
  evsi_tasks_run(&under_test->tasks);
  fuzz_require(world.group != 0);
}

static void close_engine(engine *under_test) {
  evsi_consume_free(under_test->consume);
  evsi_records_destroy(&under_test->records);
  evsi_wake_destroy(&under_test->wake);
  evsi_stats_destroy(&under_test->stats);
  evsi_tasks_destroy(&under_test->tasks);
  evsi_config_free(under_test->config);
}

/* ---- the host ------------------------------------------------------------------------------------ */

static void end_message(engine *under_test, const evs_message *message, char action) {
  enum { TOO_LATE = 5 };
  static const uint32_t kinds[] = {
      0, EVS_FAIL_RETRY, EVS_FAIL_REJECT, EVS_FAIL_LATER, EVS_FAIL_RELEASE, EVS_FAIL_RETRY, 0, 0};
  const evs_failure failure = {.struct_size = sizeof failure,
                               .kind = kinds[action & 7],
                               .delivery = message->delivery,
                               .error_class = message->type,
                               .message = message->body};
  if ((action & 7) == TOO_LATE) {
    world.now_ms += SESSION_MS;
    world.on_time(world.on_time_data);
  }
  if (failure.kind == 0)
    evsi_consume_ack(under_test->consume, &message->delivery, 1);
  else
    evsi_consume_fail(under_test->consume, &failure, 1);
}

/* Takes messages and ends them until there are none. */
static void host_turn(engine *under_test, evs_bytes actions, size_t *at) {
  for (int i = 0; i < TURNS_MAX; i++) {
    bool left;
    evs_batch *batch = evsi_batch_new();
    fuzz_require(batch && evsi_consume_take(under_test->consume, batch, TAKE, &left));
    size_t count = batch->message_count;
    for (size_t n = 0; n < count; n++)
      end_message(under_test, &batch->messages[n], actions.size ? actions.data[(*at)++ % actions.size] : 0);
    evsi_batch_free(batch);
    evsi_tasks_run(&under_test->tasks);
    if (count == 0)
      return;
  }
}

static void deliver(engine *under_test, const evsi_redis_reply *fields) {
  evs_tp_entry entry = {.struct_size = sizeof entry,
                        .partition = EVS_PARTITION_NONE,
                        .deliveries = 1,
                        .topic = evsi_text("order-events"),
                        .offset = evsi_text(OFFSET),
                        .state = evsi_bytes(world.kept.data, world.kept.size)};
  evsi_buf found = {0};
  evsi_redis_entry_read(fields, &entry);
  if (entry.flags & EVS_ENTRY_MALFORMED) {
    evsi_redis_entry_as_json(fields, &found);
    entry.data = evsi_bytes(found.data, found.size);
    require_object(entry.data);
  }
  evsi_consume_deliver(under_test->consume, world.group, &entry, 1);
  evsi_tasks_run(&under_test->tasks);
  evsi_buf_free(&found);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static fuzz_fields list;
  const uint8_t *end = data + size;
  engine under_test;
  size_t at = 0;
  memset(&world, 0, sizeof world);
  world.now_ms = 1000;
  evs_bytes actions = fuzz_chunk(&data, end);
  evsi_buf_add_bytes(&world.kept, fuzz_chunk(&data, end));
  const evsi_redis_reply *fields = fuzz_read_fields(&list, data, end);
  open_engine(&under_test);
  world.comes_again = true;
  for (int round = 0; round < ROUNDS_MAX && world.comes_again; round++) {
    deliver(&under_test, fields);
    host_turn(&under_test, actions, &at);
    fuzz_require(world.token != 0);
    const evs_tp_outcome outcome = {.struct_size = sizeof outcome, .token = world.token, .status = EVS_OK};
    world.token = 0;
    evsi_consume_settled(under_test.consume, &outcome, 1);
    fuzz_require(evsi_consume_idle(under_test.consume, NULL));
  }
  close_engine(&under_test);
  evsi_buf_free(&world.kept);
  return 0;
}
