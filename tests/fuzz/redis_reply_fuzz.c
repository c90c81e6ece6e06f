/* SPDX-License-Identifier: MIT
 * redis_reply_fuzz.c - libFuzzer target: any bytes as answers of a Redis server. A whole transport runs on a
 * model of the loop; after a proper handshake the input is what the server says. Beyond not crashing, every
 * publish and every settlement must have got exactly one outcome when the transport is closed.
 *
 * Input: records of one control byte and bytes up to the next 0xFF. Control: bit 0 chooses the connection,
 * bit 1 settles what is held, bit 2 cuts the connection afterwards, bit 3 publishes, bit 4 lets timers fire,
 * bits 5 to 7 start a request. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/world.h"
#include "transport/redis/redis_transport.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { STREAMS_MAX = 64, TIMERS_MAX = 64, HELD_MAX = 64, TURNS_MAX = 200, RECORDS_MAX = 64, GROUP = 1 };

static void require(int condition) {
  if (!condition)
    abort();
}

/* ---- a model of the loop ---------------------------------------------------------------------- */

struct evsi_loop {
  int unused;
};
struct evsi_timer {
  void (*fire)(void *data);
  void *data;
  bool is_set;
  uint64_t at_ms;
};
struct evsi_stream {
  const evsi_stream_events *events;
  void *data;
  bool is_connected, is_closing, is_closed;
};

static struct evsi_loop loop;
static evsi_timer *timers[TIMERS_MAX];
static evsi_stream *streams[STREAMS_MAX];
static size_t stream_count;
static uint64_t now = 1000;

static evsi_timer *timer_new(evsi_loop *of, void (*fire)(void *data), void *data) {
  (void)of;
  for (size_t i = 0; i < TIMERS_MAX; i++) {
    if (timers[i])
      continue;
    timers[i] = calloc(1, sizeof *timers[i]);
    timers[i]->fire = fire;
    timers[i]->data = data;
    return timers[i];
  }
  return NULL;
}

static void timer_start(evsi_timer *timer, uint64_t delay_ms) {
  timer->is_set = true;
  timer->at_ms = now + delay_ms;
}

static void timer_stop(evsi_timer *timer) {
  timer->is_set = false;
}

static void timer_free(evsi_timer *timer) {
  for (size_t i = 0; timer && i < TIMERS_MAX; i++) {
    if (timers[i] == timer)
      timers[i] = NULL;
  }
  free(timer);
}

static evsi_stream *stream_open(evsi_loop *of, const evsi_address *address, const evsi_stream_events *events,
                                void *data) {
  (void)of;
  (void)address;
  if (stream_count == STREAMS_MAX)
    return NULL;
  evsi_stream *stream = calloc(1, sizeof *stream);
  stream->events = events;
  stream->data = data;
  streams[stream_count++] = stream;
  return stream;
}

static bool stream_write(evsi_stream *stream, char *bytes, size_t size) {
  (void)size;
  evsi_free(bytes);
  return !stream->is_closing;
}

static void stream_close(evsi_stream *stream) {
  stream->is_closing = true;
}

static uint64_t now_ms(void) {
  return now;
}

static uint64_t now_us(void) {
  return now * 1000;
}

static bool random_bytes(void *bytes, size_t size) {
  memset(bytes, 7, size);
  return true;
}

static const evsi_io io = {.timer_new = timer_new,
                           .timer_start = timer_start,
                           .timer_stop = timer_stop,
                           .timer_free = timer_free,
                           .stream_open = stream_open,
                           .stream_write = stream_write,
                           .stream_close = stream_close};
static const evsi_env env = {now_ms, now_us, now_ms, random_bytes, &io, NULL};

static void say(evsi_stream *stream, const char *bytes, size_t size) {
  if (stream && stream->is_connected && !stream->is_closing)
    stream->events->received(stream->data, bytes, size);
}

static bool turn_streams(void) {
  static const char hello[] = "+PONG\r\n+OK\r\n*2\r\n$18\r\nproto-max-bulk-len\r\n$9\r\n536870912\r\n:5\r\n";
  bool any = false;
  for (size_t i = 0; i < stream_count; i++) {
    evsi_stream *stream = streams[i];
    if (stream->is_closing && !stream->is_closed) {
      stream->is_closed = any = true;
      stream->events->closed(stream->data, NULL);
    } else if (!stream->is_connected && !stream->is_closing) {
      stream->is_connected = any = true;
      stream->events->connected(stream->data);
      say(stream, hello, sizeof hello - 1);
    }
  }
  return any;
}

static bool turn_timers(void) {
  bool any = false;
  for (size_t i = 0; i < TIMERS_MAX; i++) {
    if (timers[i] && timers[i]->is_set && timers[i]->at_ms <= now) {
      timers[i]->is_set = false;
      any = true;
      timers[i]->fire(timers[i]->data);
    }
  }
  return any;
}

static void turn(void) {
  for (int i = 0; i < TURNS_MAX && (turn_streams() || turn_timers()); i++) {
  }
}

/* ---- a host that counts ----------------------------------------------------------------------- */

struct evs_host {
  evs_transport *transport;
  char offsets[HELD_MAX][64];
  size_t held;
  uint64_t published, published_outcomes, settled, settled_outcomes, requests, answers;
  int closed;
};

static void on_state(evs_host *host, int32_t connected, int32_t fatal, evs_bytes message, uint64_t next) {
  (void)host, (void)connected, (void)fatal, (void)message, (void)next;
}
static void on_closed(evs_host *host) {
  host->closed++;
}
static void on_published(evs_host *host, const evs_tp_outcome *outcomes, size_t count) {
  (void)outcomes;
  host->published_outcomes += count;
}
static void on_settled(evs_host *host, const evs_tp_outcome *outcomes, size_t count) {
  (void)outcomes;
  host->settled_outcomes += count;
}
static void on_replied(evs_host *host, uint64_t token, evs_status status, evs_bytes text) {
  (void)token, (void)status, (void)text;
  host->answers++;
}
static void on_group(evs_host *host, uint64_t group) {
  (void)host, (void)group;
}
/* Takes as many as it has room for. */
static size_t on_deliver(evs_host *host, uint64_t group, const evs_tp_entry *entries, size_t count) {
  (void)group;
  size_t i = 0;
  for (; i < count && host->held < HELD_MAX; i++) {
    require(entries[i].offset.size > 0 && entries[i].offset.size < sizeof host->offsets[0]);
    memcpy(host->offsets[host->held], entries[i].offset.data, entries[i].offset.size);
    host->offsets[host->held++][entries[i].offset.size] = '\0';
  }
  return i;
}
static uint32_t on_credits(evs_host *host, uint64_t group) {
  (void)group;
  return (uint32_t)(HELD_MAX - host->held);
}
static int32_t on_wants(evs_host *host, uint64_t group, evs_bytes topic, evs_bytes type) {
  (void)host, (void)group, (void)topic, (void)type;
  return 1;
}
static void on_members(evs_host *host, uint64_t group, evs_bytes topic, int32_t partition, uint64_t version,
                       evs_bytes json) {
  (void)host, (void)group, (void)topic, (void)partition, (void)version, (void)json;
}
static void on_count(evs_host *host, const char *counter, uint64_t amount) {
  (void)host, (void)counter, (void)amount;
}
static void on_log(evs_host *host, int32_t level, const char *message) {
  (void)host, (void)level, (void)message;
}

static void on_paused(evs_host *host, uint64_t group, int32_t is_paused) {
  (void)host;
  (void)group;
  (void)is_paused;
}

static const evs_host_ops ops = {
    sizeof ops, EVS_TRANSPORT_ABI, on_state,   on_closed, on_published, on_settled, on_replied, on_group,
    on_group,   on_deliver,        on_credits, on_wants,  on_members,   on_count,   on_log,     on_paused};

/* ---- what is done between answers ------------------------------------------------------------- */

static evs_bytes text(const char *bytes) {
  return (evs_bytes){bytes, strlen(bytes)};
}

static void publish(evs_host *host) {
  evs_tp_event event = {.struct_size = sizeof event, .partition = EVS_PARTITION_NONE, .token = 9};
  event.topic = text("t");
  event.full_type = text("a.b");
  event.data = text("{}");
  host->published++;
  evsi_redis_transport.publish(host->transport, &event, 1);
}

static void settle(evs_host *host) {
  static const evs_tp_letter letter = {.struct_size = sizeof letter, .data = {"1", 1}, .record = {"{}", 2}};
  static char offsets[HELD_MAX][64]; /* stay valid until the outcomes came */
  size_t count = host->held;
  memcpy(offsets, host->offsets, sizeof offsets);
  host->held = 0;
  for (size_t i = 0; i < count; i++) {
    evs_tp_settlement each = {.struct_size = sizeof each, .group = GROUP, .partition = EVS_PARTITION_NONE};
    each.kind = EVS_SETTLE_ACK + (uint32_t)(i % 5);
    each.token = i + 1;
    each.topic = text("t");
    each.offset = text(offsets[i]);
    each.member = text("other#1");
    each.record = text("{}");
    each.flags = i % 3 == 0 ? EVS_SETTLE_CHECK_MEMBERS : 0;
    if (each.kind != EVS_SETTLE_DEAD_LETTER && i % 2 == 1) {
      each.letters = &letter;
      each.letter_count = 1;
    }
    host->settled++;
    evsi_redis_transport.settle(host->transport, &each, 1);
  }
}

static void request(evs_host *host, unsigned which) {
  static const struct {
    const char *method, *params;
  } all[] = {{"topics", "{}"},
             {"groups", "{}"},
             {"tail", "{}"},
             {"doctor", "{}"},
             {"dlq.list", "{\"type\":\"a.*\"}"},
             {"dlq.get", "{\"id\":\"main/t/1-1\"}"},
             {"dlq.requeue", "{\"filter\":{}}"},
             {"dlq.discard", "{\"ids\":[\"main/t/1-1\",\"x\"]}"},
             {"dlq.list", "{\"order\":\"newest\",\"body\":false,\"fingerprint\":\"a\"}"},
             {"dlq.get", "{\"id\":\"main/t/1-1\",\"archived\":true,\"maxBody\":1}"},
             {"dlq.groups", "{}"},
             {"dlq.count", "{\"filter\":{\"since\":1}}"},
             {"dlq.count", "{}"},
             {"dlq.requeue", "{\"ids\":[\"main/t/1-1\"],\"edit\":{\"body\":\"1\"}}"},
             {"dlq.archive", "{}"},
             {"dlq.restore", "{\"ids\":[\"main/t/1-1\"]}"},
             {"audit", "{}"},
             {"job.list", "{}"},
             {"job.beat", "{\"id\":\"o\",\"owner\":\"w\",\"progress\":{}}"},
             {"job.bounds", "{\"kind\":\"restore\",\"filter\":{}}"},
             {"job.enter", "{\"id\":\"o\",\"owner\":\"w\",\"streams\":[\"t\"]}"},
             {"job.step", "{\"id\":\"o\",\"owner\":\"w\",\"kind\":\"requeue\",\"filter\":{},\"stream\":\"t\","
                          "\"bound\":\"9-9\",\"limit\":9}"},
             {"topics.remove", "{\"topic\":\"t\"}"}};
  enum { KINDS = sizeof all / sizeof all[0], STARTED_BY_ONE = 7 };
  if (which == 0 || host->requests > 8)
    return;
  /* Three bits choose among seven; which seven goes on with each request. */
  size_t at = (which - 1 + STARTED_BY_ONE * host->requests) % KINDS;
  host->requests++;
  evsi_redis_transport.request(host->transport, all[at].method, all[at].params, strlen(all[at].params),
                               host->requests);
}

static evsi_stream *newest(unsigned which) {
  for (size_t i = stream_count; i-- > 0;) {
    if (streams[i]->is_connected && !streams[i]->is_closing && which-- == 0)
      return streams[i];
  }
  return NULL;
}

static void run_record(evs_host *host, unsigned control, const char *bytes, size_t size) {
  evsi_stream *stream = newest(control & 1);
  if (control & 8)
    publish(host);
  request(host, control >> 5);
  turn();
  say(stream, bytes, size);
  turn();
  if (control & 2)
    settle(host);
  turn();
  if ((control & 4) && stream && !stream->is_closing) {
    stream->is_closing = stream->is_closed = true;
    stream->events->closed(stream->data, "cut");
  }
  if (control & 16)
    now += 6000;
  turn();
}

static void run_input(evs_host *host, const uint8_t *data, size_t size) {
  for (int i = 0; i < RECORDS_MAX && size > 0; i++) {
    unsigned control = *data++;
    size--;
    const uint8_t *end = memchr(data, 0xFF, size);
    size_t length = end ? (size_t)(end - data) : size;
    run_record(host, control, (const char *)data, length);
    data += length + (end ? 1 : 0);
    size -= length + (end ? 1 : 0);
  }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static const char config[] = "{\"sessionTimeout\":15000}";
  now = 1000;
  const evsi_world world = {&env, &loop, NULL};
  evs_host host = {0};
  const evs_bytes topics[] = {text("t")};
  evs_tp_group group = {.struct_size = sizeof group, .discover = 1, .group = GROUP, .topics = topics};
  group.name = text("g");
  group.consumer = text("c");
  group.topic_count = 1;
  group.subscriptions = text("[]");
  require(evsi_redis_transport.create(&ops, &host, &world, "main", config, sizeof config - 1, &host.transport,
                                      NULL) == EVS_OK);
  evsi_redis_transport.connect(host.transport);
  turn();
  evsi_redis_transport.join(host.transport, &group);
  publish(&host);
  turn();
  run_input(&host, data, size);
  evsi_redis_transport.close(host.transport, 100);
  turn();
  now += 100000;
  turn();
  require(host.closed == 1);
  require(host.published == host.published_outcomes && host.settled == host.settled_outcomes &&
          host.requests == host.answers);
  evsi_redis_transport.destroy(host.transport);
  for (size_t i = 0; i < stream_count; i++)
    free(streams[i]);
  stream_count = 0;
  for (size_t i = 0; i < TIMERS_MAX; i++)
    require(timers[i] == NULL);
  return 0;
}
