/* SPDX-License-Identifier: MIT
 * work.c - work NAME COUNT: does one thing of the hot path COUNT times; work: names them all. What counts
 * instructions is switched on in measured() alone, so nothing that prepares or cleans up counts, and no other
 * thread. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "event/envelope.h"
#include "event/pattern_trie.h"
#include "libevents.h"
#include "transport/redis/redis_command.h"
#include "transport/redis/redis_reply.h"

enum { BATCH = 256, PATTERNS = 10000, PATIENCE_MS = 30000, BODY = 256 };

/* What the tasks work on; each uses what it needs. */
typedef struct work {
  char body[BODY + 1];
  evsi_envelope envelope;
  evsi_buf out, scratch;
  evsi_pattern_trie *trie;
  long found;
  evs_schema *schema;
  evsi_redis_parser *parser;
  evs_system *system;
} work;

static void require(int condition, const char *what) {
  if (condition)
    return;
  fprintf(stderr, "work: %s\n", what);
  exit(1);
}

static evs_bytes text(const char *value) {
  return (evs_bytes){value, strlen(value)};
}

/* ---- events ----------------------------------------------------------------------------------- */

static void make_envelope(work *on) {
  on->envelope =
      (evsi_envelope){.id = text("019ab1f3-5c00-7c5e-8a54-0c1d6a2f7b10"),
                      .type = text("order.placed"),
                      .origin = text("shop"),
                      .timestamp = text("2025-11-23T17:46:40.000Z"),
                      .version = text("1.0.0"),
                      .hash = text("44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"),
                      .headers = text("{\"correlationId\":\"c1\"}"),
                      .body = text(on->body)};
}

static void encode(work *on) {
  evsi_buf_clear(&on->out);
  evsi_envelope_encode(&on->out, &on->envelope, EVSI_FORM_OWN);
}

static void make_encoded(work *on) {
  make_envelope(on);
  encode(on);
}

static void decode(work *on) {
  evsi_envelope found;
  evsi_buf_clear(&on->scratch);
  require(!evsi_envelope_decode((evs_bytes){on->out.data, on->out.size}, &found, &on->scratch),
          "not decoded");
}

static void hash(work *on) {
  char hex[65];
  require(evs_body_hash(text(on->body), hex) == EVS_OK, "not hashed");
}

static void make_trie(work *on) {
  char pattern[64];
  on->trie = evsi_pattern_trie_new();
  for (uint32_t i = 0; i < PATTERNS; i++) {
    snprintf(pattern, sizeof pattern, i % 2 ? "area%u.*.done" : "area%u.order.*", i);
    require(evsi_pattern_trie_add(on->trie, pattern, i), "no memory");
  }
}

static bool count_match(void *data, uint32_t id) {
  (void)id;
  ((work *)data)->found++;
  return true;
}

static void match(work *on) {
  evsi_pattern_trie_match(on->trie, text("area4711.order.done"), count_match, on);
}

/* ---- schemas ---------------------------------------------------------------------------------- */

static void make_schema(work *on) {
  static const char schema[] =
      "{\"type\":\"object\",\"required\":[\"id\",\"name\"],\"additionalProperties\":false,\"properties\":{"
      "\"id\":{\"type\":\"integer\",\"minimum\":1},\"name\":{\"type\":\"string\",\"maxLength\":40},"
      "\"tags\":{\"type\":\"array\",\"items\":{\"type\":\"string\"}},\"price\":{\"type\":\"number\"},"
      "\"state\":{\"enum\":[\"new\",\"paid\"]}}}";
  require(evs_schema_compile(text(schema), text(""), &on->schema, NULL) == EVS_OK, "not compiled");
}

static void validate(work *on) {
  static const char body[] =
      "{\"id\":7,\"name\":\"a table of oak\",\"tags\":[\"oak\",\"round\"],\"price\":199.5,\"state\":"
      "\"paid\"}";
  int32_t is_valid = 0;
  require(evs_schema_validate(on->schema, text(body), &is_valid, NULL) == EVS_OK && is_valid, "not valid");
}

/* ---- Redis ------------------------------------------------------------------------------------ */

static void command(work *on) {
  evsi_buf_clear(&on->scratch);
  evsi_redis_put_head(&on->scratch, 5);
  evsi_redis_put_text(&on->scratch, "XADD");
  evsi_redis_put_text(&on->scratch, "stream:{order-events}");
  evsi_redis_put_text(&on->scratch, "*");
  evsi_redis_put_text(&on->scratch, "data");
  evsi_redis_put(&on->scratch, on->out.data, on->out.size);
}

static void make_reply(work *on) {
  make_encoded(on);
  on->parser = evsi_redis_parser_new();
  evsi_buf_addf(
      &on->scratch,
      "*1\r\n*2\r\n$21\r\nstream:{order-events}\r\n*1\r\n*2\r\n$15\r\n1763920000000-0\r\n*2\r\n$4\r\ndata\r\n"
      "$%zu\r\n",
      on->out.size);
  evsi_buf_add(&on->scratch, on->out.data, on->out.size);
  evsi_buf_add(&on->scratch, "\r\n", 2);
}

static void reply(work *on) {
  const evsi_redis_reply *found = NULL;
  require(evsi_redis_parser_feed(on->parser, on->scratch.data, on->scratch.size), "no memory");
  require(evsi_redis_parser_next(on->parser, &found) == 1, "no reply");
}

/* ---- a whole system over memory --------------------------------------------------------------- */

static void make_system(work *on) {
  static const char config[] = "{\"service\":\"guard\",\"transports\":{\"main\":{\"type\":\"memory\"}}}";
  static const char options[] = "{\"pattern\":\"bench.*\",\"concurrency\":4096,\"prefetch\":4096}";
  char *answer = NULL;
  uint64_t subscription;
  require(evs_system_open(config, sizeof config - 1, &on->system, NULL) == EVS_OK &&
              evs_subscribe(on->system, options, sizeof options - 1, &subscription, NULL) == EVS_OK &&
              evs_call(on->system, "connect", "{}", 2, PATIENCE_MS, &answer, NULL) == EVS_OK,
          "no system");
  evs_string_free(answer);
}

static void publish(work *on) {
  evs_event events[BATCH];
  size_t taken = 0;
  for (size_t i = 0; i < BATCH; i++)
    events[i] = (evs_event){
        .struct_size = sizeof *events, .token = i + 1, .type = text("bench.tick"), .body = text(on->body)};
  require(evs_publish(on->system, events, BATCH, &taken, NULL) == EVS_OK && taken == BATCH, "not published");
}

/* Takes what was published, and its outcomes. */
static void handle(work *on) {
  uint64_t deliveries[BATCH];
  size_t left = BATCH;
  while (left > 0) {
    evs_batch *batch = NULL;
    size_t count = 0;
    require(evs_poll(on->system, EVS_POLL_MESSAGES | EVS_POLL_REPORTS, BATCH, PATIENCE_MS, &batch, NULL) ==
                EVS_OK,
            "nothing came");
    const evs_message *messages = evs_batch_messages(batch, &count);
    for (size_t i = 0; i < count; i++)
      deliveries[i] = messages[i].delivery;
    if (count > 0)
      require(evs_ack(on->system, deliveries, count, NULL, NULL) == EVS_OK, "not acknowledged");
    left -= count;
    evs_batch_release(batch);
  }
}

/* ---- measuring -------------------------------------------------------------------------------- */

typedef struct task {
  const char *name;
  long at_once; /* so many of what is counted are one run */
  void (*prepare)(work *on);
  void (*before)(work *on); /* what a run needs, or NULL */
  void (*run)(work *on);    /* what is measured */
  void (*after)(work *on);  /* what has to follow, or NULL */
} task;

static const task tasks[] = {{"encode", 1, make_envelope, NULL, encode, NULL},
                             {"decode", 1, make_encoded, NULL, decode, NULL},
                             {"hash", 1, make_envelope, NULL, hash, NULL},
                             {"match", 1, make_trie, NULL, match, NULL},
                             {"validate", 1, make_schema, NULL, validate, NULL},
                             {"redis-command", 1, make_encoded, NULL, command, NULL},
                             {"redis-reply", 1, make_reply, NULL, reply, NULL},
                             {"memory-publish", BATCH, make_system, NULL, publish, handle},
                             {"memory-handle", BATCH, make_system, publish, handle, NULL}};

static void measured(const task *one, work *on) {
  one->run(on);
}

static void perform(const task *one, long count) {
  /* Through a pointer that nothing is known of, so that it stays a function of its own. */
  void (*volatile measure)(const task *, work *) = measured;
  work on = {.found = 0};
  snprintf(on.body, sizeof on.body, "{\"id\":7,\"pad\":\"%0238d\"}", 0);
  one->prepare(&on);
  for (long done = 0; done < count; done += one->at_once) {
    if (one->before)
      one->before(&on);
    measure(one, &on);
    if (one->after)
      one->after(&on);
  }
  printf("{\"compiler\": \"%s\", \"done\": %ld}\n", __VERSION__, count);
}

int main(int argc, char **argv) {
  for (size_t i = 0; i < sizeof tasks / sizeof tasks[0]; i++) {
    if (argc == 1)
      puts(tasks[i].name);
    else if (argc == 3 && strcmp(tasks[i].name, argv[1]) == 0)
      perform(&tasks[i], strtol(argv[2], NULL, 10));
  }
  return 0;
}
