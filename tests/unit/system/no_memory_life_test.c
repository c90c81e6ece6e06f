/* SPDX-License-Identifier: MIT
 * no_memory_life_test.c - two systems at work on a store while memory fails once at each place that asks for
 * it, on whichever thread: what is asked is answered, what was stored is handled, and nothing is left. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/folder.h"
#include "support/host.h"
#include "support/redis_server.h"
#include "support/until.h"
#include "unit/support/shortage.h"

enum {
  CALL_MS = 30000,
  CLOSE_MS = 1000,
  SYSTEMS = 2,
  EVENTS = 24,
  ROUNDS = 8,
  FAILED_MIN = 50,
  TRIES_MAX = 5000,
  GAP = 40,
  ID_SIZE = 256
};

#define CONFIG                                                                                               \
  "{\"service\":\"shop\",\"transports\":{\"main\":{%s}},\"routing\":{\"routes\":["                           \
  "{\"pattern\":\"order.*\",\"transport\":\"main\",\"topic\":\"orders\"%s},"                                 \
  "{\"pattern\":\"keyed.*\",\"transport\":\"main\",\"topic\":\"keyed\",\"partitions\":2,"                    \
  "\"ordering\":\"%s\"}]},\"fleet\":{\"interval\":100},"                                                     \
  "\"consumer\":{\"concurrency\":4,\"retry\":{\"maxRetries\":3,\"baseDelay\":1,\"maxDelay\":5}},"            \
  "\"publisher\":{\"retry\":{\"baseDelay\":1,\"maxDelay\":5,\"maxRetries\":1000}},"                          \
  "\"schemas\":{\"registry\":\"%s\",\"refresh\":100,\"types\":{\"order.sent\":{\"1.0.0\":"                   \
  "{\"properties\":{\"n\":{},\"more\":{\"default\":1}}}}}}}"

typedef struct store {
  bool keeps; /* what can be read again */
  char config[2048], reloaded[2048];
} store;

/* What became of the events of a round, by their number. */
typedef struct life {
  const store *on;
  evs_system *systems[SYSTEMS];
  int times[EVENTS];
  bool is_stored[EVENTS], is_done[EVENTS];
} life;

static store stores[3];
static char folder[FOLDER_SIZE];
static redis_server server;

/* May the same be done again? What ends otherwise must be one of the defined ends. */
static bool was_short(evs_status status, evs_error *error, const char *what) {
  bool is_short = status == EVS_NOMEM || status == EVS_TRANSPORT;
  if (status == EVS_TIMEOUT || status == EVS_INTERNAL || status == EVS_ARGUMENT)
    fail_msg("%s: %s %s", what, evs_status_name(status), evs_error_json(error));
  evs_error_free(error);
  return is_short;
}

/* Asks until it is answered; NULL: with a refusal. */
static json_t *ask(evs_system *system, const char *method, const char *params) {
  for (int i = 0; i < TRIES_MAX; i++) {
    char *answer = NULL;
    evs_error *error = NULL;
    evs_status status = evs_call(system, method, params, strlen(params), CALL_MS, &answer, &error);
    if (was_short(status, error, method)) {
      if (status == EVS_TRANSPORT)
        test_pause(); /* until it is connected again */
      continue;
    }
    json_t *root = status == EVS_OK ? json_loads(answer, JSON_DECODE_ANY, NULL) : NULL;
    evs_string_free(answer);
    return root;
  }
  fail_msg("%s is never answered", method);
  return NULL;
}

static void do_ask(evs_system *system, const char *method, const char *params) {
  json_decref(ask(system, method, params));
}

static evs_system *open_it(const store *on) {
  evs_system *system = NULL;
  for (int i = 0; !system && i < TRIES_MAX; i++) {
    evs_error *error = NULL;
    evs_status status = evs_system_open(on->config, strlen(on->config), &system, &error);
    evs_error_free(error);
    assert_true(status == EVS_OK || status == EVS_NOMEM || status == EVS_INTERNAL); /* no loop */
  }
  assert_non_null(system);
  do_ask(system, "connect", "{}");
  return system;
}

static void subscribe(evs_system *system, const char *options) {
  for (int i = 0; i < TRIES_MAX; i++) {
    uint64_t token = 0;
    evs_error *error = NULL;
    evs_status status = evs_subscribe(system, options, strlen(options), &token, &error);
    if (was_short(status, error, options))
      continue;
    assert_int_equal(status, EVS_OK);
    return;
  }
  fail_msg("%s is never subscribed", options);
}

/* Of the group `apart` each member takes what the other does not; of `twice` each event has two handlers. */
static void join_groups(evs_system *system, bool is_first) {
  subscribe(system, "{\"pattern\":\"order.*\",\"group\":\"g\"}");
  subscribe(system, "{\"pattern\":\"keyed.*\",\"group\":\"g\",\"topics\":[\"keyed-events\"]}");
  subscribe(system, is_first ? "{\"pattern\":\"order.placed\",\"group\":\"apart\"}"
                             : "{\"pattern\":\"order.sent\",\"group\":\"apart\"}");
  subscribe(system, "{\"pattern\":\"order.*\",\"group\":\"twice\"}");
  subscribe(system, "{\"pattern\":\"order.placed\",\"group\":\"twice\"}");
  do_ask(system, "ready", "{}");
}

/* Publishes an event until it is stored; what has no known end may be there twice. */
static void publish(life *of, int number) {
  char body[24], id[16], key[16];
  static const char *const types[] = {"order.placed", "keyed.placed", "order.sent", "keyed.placed"};
  evs_event event = host_event(types[number % 4], "");
  snprintf(body, sizeof body, "{\"n\":%d}", number);
  snprintf(id, sizeof id, "e-%d", number);
  snprintf(key, sizeof key, "k-%d", number % 3);
  event.body = host_bytes(body);
  event.id = host_bytes(id);
  event.key = host_bytes(key);
  event.delay_ms = of->on->keeps && number % 6 == 4 ? 5 : 0;
  for (int i = 0; !of->is_stored[number] && i < TRIES_MAX; i++) {
    size_t count = 0;
    evs_batch *batch = NULL;
    evs_error *error = NULL;
    evs_status status = evs_publish_wait(of->systems[number % SYSTEMS], &event, 1, CALL_MS, &batch, &error);
    evs_error_free(error);
    assert_true(status == EVS_OK || status == EVS_NOMEM);
    const evs_report *report = evs_batch_reports(batch, &count);
    of->is_stored[number] = status == EVS_OK && count == 1 && report->outcome == EVS_OUTCOME_STORED;
    evs_batch_release(batch);
  }
  assert_true(of->is_stored[number]);
}

/* In the group `g` the first time it fails, or is put off; every fourth is rejected. */
static void settle(life *of, evs_system *system, const evs_message *message) {
  int number = atoi(message->body.data + strlen("{\"n\":"));
  assert_in_range(number, 0, EVENTS - 1);
  bool is_watched = message->group.size == 1;
  evs_failure failure = {.struct_size = sizeof failure,
                         .delivery = message->delivery,
                         .kind = !is_watched               ? UINT32_MAX
                                 : number % 4 == 3         ? EVS_FAIL_REJECT
                                 : of->times[number]++ > 0 ? UINT32_MAX
                                 : number % 4 == 1         ? EVS_FAIL_RETRY
                                 : number % 4 == 2         ? EVS_FAIL_LATER
                                                           : UINT32_MAX,
                         .delay_ms = 5,
                         .error_class = host_bytes("Broken"),
                         .message = host_bytes("no luck")};
  for (int i = 0; i < TRIES_MAX; i++) {
    size_t stale = 0;
    evs_error *error = NULL;
    evs_status status = failure.kind == UINT32_MAX ? evs_ack(system, &message->delivery, 1, &stale, &error)
                                                   : evs_fail(system, &failure, 1, &stale, &error);
    if (was_short(status, error, "settling"))
      continue;
    of->is_done[number] |= is_watched && (failure.kind == UINT32_MAX || failure.kind == EVS_FAIL_REJECT);
    return;
  }
}

static void handle(life *of) {
  for (int i = 0; i < SYSTEMS && of->systems[i]; i++) {
    size_t count = 0;
    evs_batch *batch = NULL;
    if (evs_poll(of->systems[i], EVS_POLL_MESSAGES, 16, 1, &batch, NULL) != EVS_OK)
      continue;
    const evs_message *messages = evs_batch_messages(batch, &count);
    for (size_t j = 0; j < count; j++)
      settle(of, of->systems[i], &messages[j]);
    evs_batch_release(batch);
  }
}

static bool all_are_done(life *of) {
  handle(of);
  for (int i = 0; i < EVENTS; i++)
    if (of->is_stored[i] && !of->is_done[i])
      return false;
  return true;
}

/* The requests that change what became a dead letter, one after the other. */
static void operate(evs_system *system, const char *id) {
  static const char *const changes[][2] = {
      {"dlq.get", "{\"id\":\"%s\"}"},
      {"dlq.note", "{\"ids\":[\"%s\"],\"note\":\"seen\"}"},
      {"dlq.requeue", "{\"ids\":[\"%s\"],\"dryRun\":true}"},
      {"dlq.requeue", "{\"ids\":[\"%s\"],\"edit\":{\"body\":\"1\"},\"dryRun\":true}"},
      {"dlq.discard", "{\"ids\":[\"%s\"],\"reason\":\"old\"}"},
      {"dlq.restore", "{\"ids\":[\"%s\"]}"},
      {"delayed.cancel", "{\"ids\":[\"%s\"]}"},
  };
  char params[ID_SIZE + 64];
  for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    snprintf(params, sizeof params, changes[i][1], id);
#pragma GCC diagnostic pop
    do_ask(system, changes[i][0], params);
  }
}

static void export_and_import(evs_system *system) {
  json_t *page = ask(system, "dlq.export", "{}"), *lines = json_array(), *item;
  size_t i;
  json_array_foreach(json_object_get(page, "items"), i, item) {
    char *line = json_dumps(item, JSON_COMPACT);
    json_array_append_new(lines, json_string(line));
    free(line);
  }
  json_t *params = json_pack("{s:o}", "lines", lines);
  char *text = json_dumps(params, JSON_COMPACT);
  do_ask(system, "dlq.import", text);
  free(text);
  json_decref(params);
  json_decref(page);
}

static void look(evs_system *system, const store *on) {
  static const char *const requests[][2] = {
      {"coverage", "{}"},
      {"topics", "{}"},
      {"groups", "{}"},
      {"asyncapi", "{}"},
      {"schemas.register", "{\"type\":\"order.paid\",\"schema\":{\"type\":\"object\"}}"},
      {"schemas.register", "{\"type\":\"order.paid\",\"schema\":{\"type\":\"object\",\"title\":\"o\"}}"},
      {"schemas.set", "{\"type\":\"order.paid\",\"compatibility\":\"none\"}"},
      {"schemas.list", "{\"schemas\":true}"},
      {"schemas.get", "{\"type\":\"order.paid\"}"},
      {"schemas.validate", "{\"type\":\"order.paid\",\"body\":1}"},
      {"schemas.compat", "{\"type\":\"order.paid\",\"schemaText\":\"{}\"}"},
      {"schemas.diff", "{\"type\":\"order.paid\",\"from\":\"1.0.0\",\"schemaText\":\"true\"}"},
      {"schemas.remove", "{\"type\":\"order.paid\",\"version\":\"1.0.0\"}"},
      {"schemas.read", "{}"},
      {"tail", "{\"limit\":5}"},
      {"fleet", "{}"},
      {"retention", "{}"},
      {"conservation", "{}"},
      {"doctor", "{}"},
      {"dlq.list", "{\"text\":\"luck\"}"},
      {"dlq.groups", "{}"},
      {"dlq.count", "{}"},
      {"dlq.count", "{\"type\":\"order.*\"}"},
      {"dlq.archive", "{}"},
      {"delayed", "{}"},
      {"audit", "{}"},
      {"copy.look", "{}"},
      {"groups.pause", "{\"group\":\"other\"}"},
      {"groups.resume", "{\"group\":\"other\"}"},
      {"replay.start", "{\"filter\":{\"topic\":\"none\"}}"},
      {"replay.list", "{}"},
      {"operations.start", "{\"kind\":\"requeue\",\"filter\":{\"topic\":\"keyed-events\"},\"key\":\"k\"}"},
      {"operations.list", "{}"},
      {"dlq.requeue", "{\"filter\":{\"type\":\"keyed.*\"},\"to\":\"elsewhere\",\"create\":true}"},
      {"dlq.discard", "{\"filter\":{\"type\":\"none.*\"}}"},
  };
  char reload[2304];
  for (size_t i = 0; i < sizeof requests / sizeof *requests; i++)
    do_ask(system, requests[i][0], requests[i][1]);
  snprintf(reload, sizeof reload, "{\"config\":%s}", on->reloaded);
  do_ask(system, "reload", reload);
  json_t *page = ask(system, "dlq.list", "{}"), *item;
  size_t i;
  json_array_foreach(json_object_get(page, "items"), i, item)
      operate(system, json_string_value(json_object_get(item, "id")));
  json_decref(page);
  export_and_import(system);
}

/* Those of one topic come once more; of them nothing is asked but to be taken. */
static void replay_some(evs_system *system) {
  char options[ID_SIZE];
  json_t *started = ask(system, "replay.start", "{\"filter\":{\"topic\":\"order-events\"}}");
  snprintf(options, sizeof options, "{\"pattern\":\"order.*\",\"replay\":\"%s\"}",
           json_string_value(json_object_get(started, "id")));
  subscribe(system, options);
  json_decref(started);
}

/* Another system takes their place: what they could not even hand back for want of memory is left by them
 * now. */
static void follow(life *of) {
  evs_system *next = open_it(of->on);
  join_groups(next, true);
  join_groups(next, false);
  for (int i = 0; i < SYSTEMS; i++) {
    host_close(of->systems[i], CLOSE_MS);
    of->systems[i] = NULL;
  }
  of->systems[0] = next;
}

static void live(const store *on) {
  life lived = {.on = on};
  for (int i = 0; i < SYSTEMS; i++)
    lived.systems[i] = open_it(on);
  if (on->keeps)
    shortage_of_places(GAP); /* to connect is tried again later and later */
  for (int i = 0; i < SYSTEMS; i++)
    join_groups(lived.systems[i], i == 0);
  for (int i = 0; i < EVENTS; i++) {
    publish(&lived, i);
    handle(&lived);
  }
  if (on->keeps)
    replay_some(lived.systems[0]);
  for (int i = 0; i < EVENTS && !all_are_done(&lived); i++)
    test_pause();
  look(lived.systems[0], on);
  shortage_end();
  follow(&lived);
  TEST_UNTIL(all_are_done(&lived));
  host_close(lived.systems[0], CALL_MS);
}

/* The worker of a file may end a little later. */
static void expect_nothing_left(long before) {
  for (uint64_t until = test_now_ms() + CALL_MS; shortage_alive() != before && test_now_ms() < until;)
    test_pause();
  if (shortage_alive() != before)
    fail_msg("%ld blocks are left", shortage_alive() - before);
}

static void a_life_with_each_place_short_of_memory_once_loses_nothing(void **state) {
  const store *on = *state;
  long before = shortage_alive();
  for (int i = 0; i < ROUNDS; i++) {
    size_t failed = shortage_places();
    shortage_begin(SHORTAGE_NEVER, false); /* counts */
    if (!on->keeps)
      shortage_of_places(0);
    live(on);
    assert_true(i > 0 || shortage_places() - failed > FAILED_MIN);
    expect_nothing_left(before);
  }
}

static int setup(void **state) {
  (void)state;
  char transports[3][320] = {"\"type\":\"memory\",\"name\":\"bus\""};
  folder_make(folder);
  redis_server_start(&server, NULL);
  snprintf(transports[1], sizeof transports[1],
           "\"type\":\"file\",\"path\":\"%s/events.db\",\"sessionTimeout\":3000", folder);
  snprintf(transports[2], sizeof transports[2],
           "\"type\":\"redis-streams\",\"url\":\"%s\",\"discoverInterval\":50,\"retentionInterval\":100,"
           "\"sessionTimeout\":3000,\"reconnect\":{\"baseDelay\":1,\"maxDelay\":5}",
           server.url);
  stores[1].keeps = stores[2].keeps = true;
  for (int i = 0; i < 3; i++) {
    const char *registry = i > 0 ? "transport" : "memory";
    snprintf(stores[i].config, sizeof stores[i].config, CONFIG, transports[i],
             i > 0 ? ",\"retention\":{\"maxMessages\":1000}" : "", "per-key", registry);
    snprintf(stores[i].reloaded, sizeof stores[i].reloaded, CONFIG, transports[i],
             i > 0 ? ",\"retention\":{\"maxMessages\":999}" : "", "per-key", registry);
  }
  return 0;
}

static int teardown(void **state) {
  (void)state;
  redis_server_stop(&server);
  folder_remove(folder);
  return 0;
}

#define ON(test, store)                                                                                      \
  { #test, test, NULL, NULL, &(store) }

int main(void) {
  const struct CMUnitTest tests[] = {
      ON(a_life_with_each_place_short_of_memory_once_loses_nothing, stores[0]),
      ON(a_life_with_each_place_short_of_memory_once_loses_nothing, stores[1]),
      ON(a_life_with_each_place_short_of_memory_once_loses_nothing, stores[2]),
  };
  return cmocka_run_group_tests(tests, setup, teardown);
}
