/* SPDX-License-Identifier: MIT
 * memory_reload_test.c - another configuration while events are published and handled on several threads:
 * none is lost, each goes where a configuration said, and what was replaced is given back. */
#include <setjmp.h>
#include <stdarg.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "support/host.h"
#include "support/until.h"

#define CONFIG                                                                                               \
  "{\"service\":\"shop\",\"transports\":{\"main\":{\"type\":\"memory\"}},\"consumer\":{\"concurrency\":%d}," \
  "\"routing\":{\"routes\":[{\"name\":\"r\",\"pattern\":\"order.*\",\"transport\":\"main\",\"topic\":\"%"    \
  "s\"}]}}"

enum { THREADS = 3, EVENTS = 2000, RELOADS = 60 };

static evs_system *system_of_test;
static atomic_uint stored[2], stopped;

static void *publish_some(void *unused) {
  (void)unused;
  for (int i = 0; i < EVENTS; i++) {
    evs_event event = host_event("order.placed", "1");
    evs_batch *batch = NULL;
    size_t count;
    if (evs_publish_wait(system_of_test, &event, 1, 20000, &batch, NULL) != EVS_OK)
      break;
    const evs_report *report = evs_batch_reports(batch, &count);
    bool is_first = report->topic.size == 10 && memcmp(report->topic.data, "one-events", 10) == 0;
    if (report->outcome == EVS_OUTCOME_STORED)
      atomic_fetch_add(&stored[!is_first], 1);
    evs_batch_release(batch);
  }
  atomic_fetch_add(&stopped, 1);
  return NULL;
}

/* What rare readers do meanwhile. */
static void *look_around(void *unused) {
  (void)unused;
  while (atomic_load(&stopped) < THREADS) {
    char *text = NULL;
    uint64_t token;
    static const char query[] = "{\"type\":\"order.placed\"}",
                      options[] = "{\"pattern\":\"order.*\",\"group\":\"g\"}";
    if (evs_explain(system_of_test, query, sizeof query - 1, &text, NULL) == EVS_OK)
      evs_string_free(text);
    if (evs_system_stats(system_of_test, &text, NULL) == EVS_OK)
      evs_string_free(text);
    if (evs_subscribe(system_of_test, options, sizeof options - 1, &token, NULL) == EVS_OK)
      evs_unsubscribe(system_of_test, token, NULL);
  }
  return NULL;
}

static void a_reload_amid_traffic_loses_nothing(void **state) {
  (void)state;
  pthread_t threads[THREADS + 1];
  system_of_test = host_connect(CONFIG, 50, "one");
  host_subscribe(system_of_test, "{\"pattern\":\"order.*\"}");
  host_ready(system_of_test);
  for (int i = 0; i < THREADS; i++)
    assert_int_equal(pthread_create(&threads[i], NULL, publish_some, NULL), 0);
  assert_int_equal(pthread_create(&threads[THREADS], NULL, look_around, NULL), 0);
  uint32_t handled = 0;
  for (int i = 1; handled < THREADS * EVENTS; i++) {
    host_message message;
    if (i <= RELOADS)
      json_decref(
          host_call(system_of_test, "reload", "{\"config\":" CONFIG "}", 10 + i % 7, i % 2 ? "two" : "one"));
    for (int n = 0; n < 50 && host_take(system_of_test, &message, n ? 0 : 20); n++)
      handled += strcmp(message.group, "shop") == 0 && host_ack(system_of_test, message.delivery);
    if (atomic_load(&stopped) == THREADS &&
        host_stat(system_of_test, "publisher", "totalMessagesSent") <= handled)
      break;
  }
  for (int i = 0; i <= THREADS; i++)
    pthread_join(threads[i], NULL);
  assert_int_equal(atomic_load(&stored[0]) + atomic_load(&stored[1]), THREADS * EVENTS);
  assert_true(atomic_load(&stored[0]) > 0 && atomic_load(&stored[1]) > 0);
  assert_int_equal(handled, THREADS * EVENTS);
  host_close(system_of_test, 5000);
}

static void the_generation_is_that_of_the_new_configuration(void **state) {
  (void)state;
  evs_system *system = host_connect(CONFIG, 1, "one");
  json_t *before = host_stats(system);
  json_t *answer = host_call(system, "reload", "{\"config\":" CONFIG "}", 1, "two");
  json_t *after = host_stats(system);
  assert_false(json_equal(json_object_get(before, "generation"), json_object_get(after, "generation")));
  assert_true(json_equal(json_object_get(answer, "generation"), json_object_get(after, "generation")));
  json_decref(host_call(system, "reload", "{\"config\":" CONFIG "}", 1, "one"));
  json_t *again = host_stats(system);
  assert_true(json_equal(json_object_get(before, "generation"), json_object_get(again, "generation")));
  json_decref(before);
  json_decref(answer);
  json_decref(after);
  json_decref(again);
  host_close(system, 1000);
}

static json_t *refusal_of(evs_system *system, const char *config) {
  char params[2048], *answer = NULL;
  evs_error *error = NULL;
  snprintf(params, sizeof params, "{\"config\":%s}", config);
  evs_status status = evs_call(system, "reload", params, strlen(params), 0, &answer, &error);
  return host_refused(status, EVS_CONFIG, error);
}

static void a_secret_that_differs_is_told_and_not_shown(void **state) {
  (void)state;
  static const char format[] =
      "{\"service\":\"shop\",\"transports\":{\"main\":{\"type\":\"memory\"},\"r\":{\"type\":"
      "\"redis-streams\",\"password\":\"%s\"}}}";
  char other[512];
  evs_system *system = host_open(format, "hunter2");
  snprintf(other, sizeof other, format, "hunter3");
  json_t *error = refusal_of(system, other);
  char *shown = json_dumps(error, 0);
  assert_true(host_has_problem(error, "/transports/r", "secret"));
  assert_null(strstr(shown, "hunter"));
  free(shown);
  json_decref(error);
  host_close(system, 1000);
}

static void transports_cannot_come_go_or_change_places(void **state) {
  (void)state;
  evs_system *system =
      host_open("{\"service\":\"shop\",\"transports\":{\"a\":{\"type\":\"memory\"},\"b\":{\"type\":"
                "\"memory\"}},\"routing\":{\"defaultTransport\":\"a\"}}");
  json_t *error = refusal_of(system, "{\"service\":\"shop\",\"transports\":{\"a\":{\"type\":\"memory\"}}}");
  assert_true(host_has_problem(error, "/transports/b", "cannot change"));
  json_decref(error);
  error =
      refusal_of(system, "{\"service\":\"shop\",\"transports\":{\"b\":{\"type\":\"memory\"},\"a\":{\"type\":"
                         "\"memory\"}},\"routing\":{\"defaultTransport\":\"a\"}}");
  assert_true(host_has_problem(error, "/transports/b", "order of transports"));
  json_decref(error);
  host_close(system, 1000);
}

static void what_is_below_the_log_level_is_not_logged(void **state) {
  (void)state;
  evs_system *system = host_connect(CONFIG, 1, "one");
  host_report log;
  json_decref(host_call(system, "reload", "{\"config\":" CONFIG "}", 2, "two"));
  while (host_report_of(system, EVS_REPORT_LOG, &log, 5000) && !strstr(log.message, "another configuration"))
    ;
  assert_non_null(strstr(log.message, "another configuration"));
  json_decref(host_call(system, "reload",
                        "{\"config\":{\"service\":\"shop\",\"logLevel\":\"error\",\"transports\":{\"main\":{"
                        "\"type\":\"memory\"}}}}"));
  assert_false(host_report_of(system, EVS_REPORT_LOG, &log, 50));
  host_close(system, 1000);
}

/* The next line that comes out of a pipe. */
static json_t *line_of(int from) {
  char text[4096];
  size_t size = 0;
  while (size < sizeof text && read(from, text + size, 1) == 1 && text[size] != '\n')
    size++;
  return json_loadb(text, size, JSON_REJECT_DUPLICATES, NULL);
}

static void records_go_to_standard_error_where_that_is_asked_for(void **state) {
  (void)state;
  int ends[2], before = dup(STDERR_FILENO);
  host_report log;
  evs_system *system = host_connect(CONFIG, 1, "one");
  while (host_report_of(system, EVS_REPORT_LOG, &log, 50)) /* what connecting had to say */
    ;
  assert_int_equal(pipe(ends), 0);
  dup2(ends[1], STDERR_FILENO);
  json_decref(
      host_call(system, "reload",
                "{\"config\":{\"service\":\"shop\",\"logOutput\":\"stderr\",\"transports\":{\"main\":{"
                "\"type\":\"memory\"}}}}"));
  dup2(before, STDERR_FILENO);
  json_t *record = line_of(ends[0]);
  assert_string_equal(json_string_value(json_object_get(record, "level")), "info");
  assert_string_equal(json_string_value(json_object_get(record, "component")), "system");
  assert_non_null(strstr(json_string_value(json_object_get(record, "message")), "another configuration"));
  assert_false(host_report_of(system, EVS_REPORT_LOG, &log, 50));
  json_decref(record);
  host_close(system, 1000);
  close(before);
  close(ends[0]);
  close(ends[1]);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_reload_amid_traffic_loses_nothing),
      cmocka_unit_test(the_generation_is_that_of_the_new_configuration),
      cmocka_unit_test(a_secret_that_differs_is_told_and_not_shown),
      cmocka_unit_test(transports_cannot_come_go_or_change_places),
      cmocka_unit_test(what_is_below_the_log_level_is_not_logged),
      cmocka_unit_test(records_go_to_standard_error_where_that_is_asked_for),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
