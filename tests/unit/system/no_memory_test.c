/* SPDX-License-Identifier: MIT
 * no_memory_test.c - an opened system while any one allocation fails, on whichever thread: what was asked
 * ends with an answer or a defined error, what was published with one report, and nothing is left when it was
 * closed. */
#include <poll.h>
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

enum { CALL_MS = 30000, CLOSE_MS = 50, ALLOCATIONS_MAX = 20000 };

static char folder[FOLDER_SIZE];
static redis_server server;

typedef struct store {
  const char *name;
  char config[1024];
} store;

#define CONFIG                                                                                               \
  "{\"service\":\"shop\",\"transports\":{\"main\":%s},\"routing\":{\"routes\":[{\"name\":\"r\","             \
  "\"pattern\":\"order.*\",\"transport\":\"main\",\"topic\":\"orders\"}]},\"publisher\":{\"rateLimiting\":{" \
  "\"maxRequests\":100000,\"timeWindow\":1000}}}"

static store stores[] = {
    {.name = "memory"},
    {.name = "file"},
    {.name = "redis"},
    {.name = "held",
     .config = "{\"service\":\"shop\",\"transports\":{\"main\":{\"type\":\"memory\"}},\"testing\":{"
               "\"holdClock\":true}}"},
    {.name = "bridge",
     .config =
         "{\"service\":\"shop\",\"transports\":{\"main\":{\"type\":\"bridge\"}},\"publisher\":{\"batching\":"
         "{\"maxSize\":10}},\"schemas\":{\"types\":{\"order.paid\":{\"1.0.0\":\"{}\"}}}}"},
};

static evs_status open_it(void *config) {
  evs_system *system = NULL;
  evs_error *error = NULL;
  evs_status status = evs_system_open(config, strlen(config), &system, &error);
  evs_error_free(error);
  evs_system_release(system);
  return status == EVS_INTERNAL ? EVS_NOMEM : status; /* no loop: it cannot say for want of what */
}

static void opening_without_memory_is_told(void **state) {
  store *on = *state;
  shortage_of_each(open_it, on->config, SHORTAGE_IS_BORNE);
}

/* Gives whether the allocation behind so many others failed. */
static bool connect_short_of(const store *on, long allowed) {
  char *answer = NULL;
  evs_error *error = NULL;
  evs_system *system = host_open("%s", on->config);
  shortage_begin(allowed, false);
  evs_status status = evs_call(system, "connect", "{}", 2, CALL_MS, &answer, &error);
  bool was_short = shortage_end();
  assert_true(status == EVS_OK || (was_short && (status == EVS_NOMEM || status == EVS_TRANSPORT)));
  evs_error_free(error);
  evs_string_free(answer);
  host_close(system, CLOSE_MS);
  return was_short;
}

static void connecting_without_memory_is_told_or_tried_again(void **state) {
  const store *on = *state;
  long before = shortage_alive();
  shortage_begin(SHORTAGE_NEVER, false);
  for (long allowed = 0; connect_short_of(on, allowed); allowed++)
    assert_true(allowed < ALLOCATIONS_MAX);
  TEST_UNTIL(shortage_alive() == before); /* the worker of a file may end a little later */
}

/* A store that memory was too short for is away for a moment. */
static void until_it_is_back(evs_system *system) {
  json_decref(host_call(system, "connect", "{}"));
}

/* Asks while the allocation behind so many others fails, or all that follow. Gives whether it has to be asked
 * again: there was such a one, or one before took the store away. */
static bool ask_short_of(evs_system *system, const char *const request[2], long allowed, bool goes_on) {
  const char *method = request[0], *params = request[1];
  char *answer = NULL;
  evs_error *error = NULL;
  shortage_begin(allowed, goes_on);
  evs_status status = evs_call(system, method, params, strlen(params), CALL_MS, &answer, &error);
  bool was_short = shortage_end();
  bool is_away = status == EVS_TRANSPORT;
  bool is_right =
      status == EVS_OK || status == EVS_UNSUPPORTED || is_away || (was_short && status == EVS_NOMEM);
  if (!is_right)
    fail_msg("%s after %ld allocations: %s %s", method, allowed, evs_status_name(status),
             evs_error_json(error));
  if (is_away)
    until_it_is_back(system);
  evs_error_free(error);
  evs_string_free(answer);
  return was_short || is_away;
}

static void a_rehearsal_without_memory_is_told(void **state) {
  static const char *const requests[][2] = {{"testing.fail", "{\"outcome\":\"full\",\"pattern\":\"none.*\"}"},
                                            {"testing.published", "{}"}};
  const store *on = *state;
  long before = shortage_alive();
  shortage_begin(SHORTAGE_NEVER, false);
  evs_system *system = host_connect("%s", on->config);
  host_publish(system, "order.placed", "1");
  for (size_t i = 0; i < sizeof requests / sizeof *requests; i++)
    for (long allowed = 0; ask_short_of(system, requests[i], allowed, false); allowed++)
      assert_true(allowed < ALLOCATIONS_MAX);
  host_close(system, CLOSE_MS);
  TEST_UNTIL(shortage_alive() == before);
}

static void each_request_without_memory_is_answered(void **state) {
  static const char *const requests[][2] = {
      /* NULL: its configuration */
      {"coverage", "{}"},
      {"reload", NULL},
      {"topics", "{}"},
      {"groups", "{}"},
      {"asyncapi", "{}"},
      {"schemas.register", "{\"type\":\"order.paid\",\"schema\":{\"type\":\"object\"}}"},
      {"schemas.list", "{\"schemas\":true}"},
      {"schemas.validate", "{\"type\":\"order.paid\",\"body\":1}"},
      {"dlq.requeue", "{\"ids\":[\"main/orders/1\"],\"edit\":{\"body\":\"{}\"}}"},
      {"tail", "{\"limit\":5}"},
      {"dlq.list", "{}"},
      {"dlq.groups", "{}"},
      {"dlq.count", "{}"},
      {"fleet", "{}"},
      {"retention", "{}"},
      {"conservation", "{}"},
      {"doctor", "{}"},
      {"operations.start", "{\"kind\":\"discard\",\"filter\":{\"type\":\"order.none\"}}"},
      {"operations.list", "{}"},
      {"replay.start", "{\"filter\":{\"type\":\"order.none\"}}"},
      {"replay.list", "{}"},
      {"dlq.archive", "{}"},
      {"dlq.export", "{}"},
      {"dlq.requeue", "{\"filter\":{}}"},
      {"dlq.discard", "{\"filter\":{}}"},
      {"groups.pause", "{\"group\":\"other\"}"},
      {"groups.resume", "{\"group\":\"other\"}"},
      {"schemas.compat", "{\"type\":\"order.paid\",\"schema\":{\"type\":\"string\"}}"},
      {"schemas.diff", "{\"type\":\"order.paid\",\"from\":\"1.0.0\",\"schema\":{\"type\":\"string\"}}"},
      {"audit", "{}"},
      {"delayed", "{}"},
  };
  const store *on = *state;
  long before = shortage_alive();
  shortage_begin(SHORTAGE_NEVER, false);
  evs_system *system = host_connect("%s", on->config);
  host_subscribe(system, "{\"pattern\":\"order.*\",\"group\":\"g\"}");
  host_ready(system);
  host_publish(system, "order.placed", "1");
  for (size_t i = 0; i < sizeof requests / sizeof *requests; i++) {
    char params[2048];
    if (requests[i][1])
      snprintf(params, sizeof params, "%s", requests[i][1]);
    else
      snprintf(params, sizeof params, "{\"config\":%s}", on->config);
    const char *const request[2] = {requests[i][0], params};
    for (long allowed = 0; ask_short_of(system, request, allowed, false); allowed++)
      assert_true(allowed < ALLOCATIONS_MAX);
    for (long allowed = 0; ask_short_of(system, request, allowed, true); allowed++)
      assert_true(allowed < ALLOCATIONS_MAX);
  }
  host_close(system, CLOSE_MS);           /* what was delivered is nobody's */
  TEST_UNTIL(shortage_alive() == before); /* the worker of a file may end a little later */
}

/* The token of the next report of a kind; a poll that memory is too short for is tried again. */
static uint64_t next_report(evs_system *system, uint32_t kind) {
  for (uint64_t until = test_now_ms() + CALL_MS; test_now_ms() < until;) {
    evs_batch *batch = NULL;
    size_t count = 0;
    evs_status status = evs_poll(system, EVS_POLL_REPORTS, 1, 1000, &batch, NULL);
    assert_true(status == EVS_OK || status == EVS_AGAIN || status == EVS_NOMEM);
    if (status != EVS_OK)
      continue;
    const evs_report *report = evs_batch_reports(batch, &count);
    uint64_t token = count && report->kind == kind ? report->token : 0;
    evs_batch_release(batch);
    if (token)
      return token;
  }
  return 0;
}

/* Gives whether there was a shortage; what was subscribed is there in the end. */
static bool subscribe_short_of(evs_system *system, long allowed) {
  static const char options[] =
      "{\"pattern\":\"order.*\",\"group\":\"late\",\"filter\":{\"a\":[\"b\",\"c\"]}}";
  evs_error *error = NULL;
  uint64_t token = 0;
  shortage_begin(allowed, false);
  evs_status status = evs_subscribe(system, options, sizeof options - 1, &token, &error);
  bool was_short = shortage_end();
  if (status != EVS_OK && (status != EVS_NOMEM || !was_short))
    fail_msg("after %ld allocations: %s", allowed, evs_error_json(error));
  evs_error_free(error);
  if (status == EVS_OK)
    assert_int_equal(evs_unsubscribe(system, token, NULL), EVS_OK);
  return was_short;
}

/* Gives whether there was a shortage. */
static bool unsubscribe_short_of(evs_system *system, long allowed) {
  uint64_t token = host_subscribe(system, "{\"pattern\":\"order.*\",\"group\":\"late\"}");
  shortage_begin(allowed, false);
  assert_int_equal(evs_unsubscribe(system, token, NULL), EVS_OK);
  assert_int_equal(next_report(system, EVS_REPORT_UNSUBSCRIBED), token);
  return shortage_end();
}

static void each_subscription_that_ends_without_memory_says_so(void **state) {
  const store *on = *state;
  long before = shortage_alive();
  shortage_begin(SHORTAGE_NEVER, false);
  evs_system *system = host_connect("%s", on->config);
  for (long allowed = 0; unsubscribe_short_of(system, allowed); allowed++)
    assert_true(allowed < ALLOCATIONS_MAX);
  host_close(system, CALL_MS);
  TEST_UNTIL(shortage_alive() == before); /* the worker of a file may end a little later */
}

static void each_subscription_without_memory_is_there_or_refused(void **state) {
  const store *on = *state;
  long before = shortage_alive();
  shortage_begin(SHORTAGE_NEVER, false);
  evs_system *system = host_connect("%s", on->config);
  for (long allowed = 0; subscribe_short_of(system, allowed); allowed++)
    assert_true(allowed < ALLOCATIONS_MAX);
  host_ready(system);
  host_close(system, CALL_MS);
  TEST_UNTIL(shortage_alive() == before); /* the worker of a file may end a little later */
}

/* Gives whether there was a shortage. */
static bool publish_short_of(evs_system *system, long allowed) {
  evs_event event = host_event("order.placed", "{\"n\":1}");
  evs_error *error = NULL;
  size_t accepted = 0;
  event.token = (uint64_t)allowed + 1;
  shortage_begin(allowed, false);
  evs_status status = evs_publish(system, &event, 1, &accepted, &error);
  evs_error_free(error);
  assert_true(status == EVS_OK || status == EVS_NOMEM);
  if (accepted)
    assert_int_equal(next_report(system, EVS_REPORT_PUBLISH), event.token);
  return shortage_end();
}

static void each_event_without_memory_has_its_report(void **state) {
  const store *on = *state;
  long before = shortage_alive();
  shortage_begin(SHORTAGE_NEVER, false);
  evs_system *system = host_connect("%s", on->config);
  for (int i = 0; i < 2; i++) /* each group has an entry of its own */
    host_subscribe(system, "{\"pattern\":\"order.*\",\"group\":\"g%d\"}", i);
  host_ready(system);
  host_publish(system, "order.placed", "1");
  for (long allowed = 0; publish_short_of(system, allowed); allowed++)
    assert_true(allowed < ALLOCATIONS_MAX);
  host_publish(system, "order.placed", "1");
  host_close(system, CLOSE_MS);           /* nobody handles them */
  TEST_UNTIL(shortage_alive() == before); /* the worker of a file may end a little later */
}

#define KEEPING                                                                                              \
  "{\"service\":\"shop\",\"transports\":{\"main\":{\"type\":\"file\",\"path\":\"%s/schemas.db\"}},"          \
  "\"schemas\":{\"registry\":\"transport\",\"refresh\":100%s}}"
#define DECLARED ",\"types\":{\"order.paid\":{\"1.0.0\":\"{}\"},\"order.sent\":{\"1.0.0\":\"{}\"}}"

static bool knows_both(evs_system *system) {
  char *answer = NULL;
  evs_status status = evs_call(system, "schemas.list", "{}", 2, CALL_MS, &answer, NULL);
  bool knows = status == EVS_OK && strstr(answer, "order.paid") && strstr(answer, "order.sent");
  assert_true(status == EVS_OK || status == EVS_NOMEM);
  evs_string_free(answer);
  return knows;
}

/* Each place from where memory is asked for fails once. */
static void each_schema_that_is_declared_gets_into_the_store(void **state) {
  (void)state;
  char *answer = NULL;
  long before = shortage_alive();
  shortage_begin(SHORTAGE_NEVER, false);
  evs_system *system = host_open(KEEPING, folder, DECLARED);
  shortage_of_places(0);
  while (evs_call(system, "connect", "{}", 2, CALL_MS, &answer, NULL) != EVS_OK)
    continue;
  evs_string_free(answer);
  TEST_UNTIL(knows_both(system));
  shortage_end();
  host_close(system, CLOSE_MS);
  system = host_connect(KEEPING, folder, "");
  TEST_UNTIL(knows_both(system));
  host_close(system, CLOSE_MS);
  TEST_UNTIL(shortage_alive() == before); /* the worker of a file may end a little later */
}

static bool is_readable(evs_system *system) {
  struct pollfd look = {.fd = evs_system_wake_fd(system), .events = POLLIN};
  return poll(&look, 1, 0) == 1;
}

/* Gives whether there was a shortage; a host that waits for the descriptor comes back for what is left. */
static bool take_short_of(evs_system *system, long allowed) {
  evs_batch *batch = NULL;
  host_publish(system, "order.placed", "1");
  shortage_begin(allowed, false);
  evs_status status = evs_poll(system, EVS_POLL_MESSAGES, 1, CALL_MS, &batch, NULL);
  bool was_short = shortage_end();
  assert_true(status == EVS_OK || (was_short && status == EVS_NOMEM));
  assert_true(status == EVS_OK || is_readable(system));
  evs_batch_release(batch);
  if (status != EVS_OK)
    host_next(system);
  return was_short;
}

static void what_memory_was_too_short_to_take_is_still_announced(void **state) {
  const store *on = *state;
  evs_system *system = host_connect("%s", on->config);
  host_subscribe(system, "{\"pattern\":\"order.*\",\"group\":\"g\",\"concurrency\":1000}");
  host_ready(system);
  for (long allowed = 0; take_short_of(system, allowed); allowed++)
    assert_true(allowed < ALLOCATIONS_MAX);
  host_close(system, CLOSE_MS);
}

static int setup(void **state) {
  (void)state;
  char transports[3][256] = {"{\"type\":\"memory\"}"};
  folder_make(folder);
  redis_server_start(&server, NULL);
  snprintf(transports[1], sizeof transports[1], "{\"type\":\"file\",\"path\":\"%s/events.db\"}", folder);
  snprintf(transports[2], sizeof transports[2],
           "{\"type\":\"redis-streams\",\"url\":\"%s\",\"reconnect\":{\"baseDelay\":1,\"maxDelay\":5}}",
           server.url);
  for (int i = 0; i < 3; i++)
    snprintf(stores[i].config, sizeof stores[i].config, CONFIG, transports[i]);
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
      ON(opening_without_memory_is_told, stores[0]),
      ON(opening_without_memory_is_told, stores[1]),
      ON(opening_without_memory_is_told, stores[2]),
      ON(opening_without_memory_is_told, stores[3]),
      ON(opening_without_memory_is_told, stores[4]),
      ON(connecting_without_memory_is_told_or_tried_again, stores[0]),
      ON(connecting_without_memory_is_told_or_tried_again, stores[1]),
      ON(connecting_without_memory_is_told_or_tried_again, stores[2]),
      ON(a_rehearsal_without_memory_is_told, stores[3]),
      ON(each_request_without_memory_is_answered, stores[0]),
      ON(each_request_without_memory_is_answered, stores[1]),
      ON(each_subscription_without_memory_is_there_or_refused, stores[0]),
      ON(each_subscription_without_memory_is_there_or_refused, stores[1]),
      ON(each_subscription_without_memory_is_there_or_refused, stores[2]),
      ON(each_subscription_that_ends_without_memory_says_so, stores[0]),
      ON(what_memory_was_too_short_to_take_is_still_announced, stores[0]),
      ON(each_event_without_memory_has_its_report, stores[0]),
      ON(each_event_without_memory_has_its_report, stores[1]),
      ON(each_event_without_memory_has_its_report, stores[2]),
      ON(each_event_without_memory_has_its_report, stores[3]),
  };
  const struct CMUnitTest long_ones[] = {
      /* a lost connection is made again after a second */
      cmocka_unit_test(each_schema_that_is_declared_gets_into_the_store),
      ON(each_request_without_memory_is_answered, stores[2]),
  };
  return cmocka_run_group_tests(tests, setup, teardown) +
         (getenv("EVS_LONG") ? cmocka_run_group_tests(long_ones, setup, teardown) : 0);
}
