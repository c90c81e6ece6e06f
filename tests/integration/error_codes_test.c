/* SPDX-License-Identifier: MIT
 * error_codes_test.c - every code of evs_status_list() comes out of a call as a host makes it. A code that
 * nothing here provokes fails the test. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <jansson.h>

#include "libevents.h"
#include "support/host.h"

#define MEMORY "{\"service\":\"shop\",\"transports\":{\"main\":{\"type\":\"memory\"}}%s}"
/* Port 1 of this machine answers nobody. */
#define AWAY                                                                                                 \
  "{\"service\":\"shop\",\"transports\":{\"main\":{\"type\":\"redis-streams\",\"url\":\"redis://"            \
  "127.0.0.1:1\"}},"                                                                                         \
  "\"publisher\":{\"maxInFlight\":1}}"

/* The sanitizers would end the process where memory is refused. */
__attribute__((visibility("default"))) const char *__asan_default_options(void);
__attribute__((visibility("default"))) const char *__tsan_default_options(void);
const char *__asan_default_options(void) {
  return "allocator_may_return_null=1";
}
const char *__tsan_default_options(void) {
  return "allocator_may_return_null=1";
}

/* A failed call has the code in its error, too, with a message. */
static evs_status told(evs_status status, evs_error **from) {
  evs_error *error = *from;
  assert_non_null(error);
  assert_int_equal(evs_error_status(error), status);
  assert_true(strlen(evs_error_message(error)) > 0);
  evs_error_free(error);
  return status;
}

static evs_status call(evs_system *system, const char *method, const char *params, uint32_t timeout_ms) {
  char *answer = NULL;
  evs_error *error = NULL;
  evs_status status = evs_call(system, method, params, strlen(params), timeout_ms, &answer, &error);
  evs_string_free(answer);
  return status == EVS_OK ? status : told(status, &error);
}

static evs_status open_fails(const char *config) {
  evs_system *system = NULL;
  evs_error *error = NULL;
  return told(evs_system_open(config, strlen(config), &system, &error), &error);
}

static evs_status publish(evs_system *system, evs_event *event) {
  return host_try(system, event).status;
}

static evs_status provoke_ok(void) {
  return evs_type_check(host_bytes("order.placed"), 0, NULL);
}

static evs_status provoke_config(void) {
  return open_fails("{\"servise\":\"shop\"}");
}

static evs_status provoke_validation(void) {
  evs_error *error = NULL;
  return told(evs_type_check(host_bytes("order..placed"), 0, &error), &error);
}

static evs_status provoke_routing(void) {
  evs_system *system = host_connect(MEMORY, "");
  evs_event event = host_event("order.placed", "1");
  event.partition = 3;
  evs_status status = publish(system, &event);
  host_close(system, 1000);
  return status;
}

static evs_status provoke_transport(void) {
  evs_system *system = host_open(AWAY);
  evs_status status = call(system, "connect", "{}", 200);
  host_close(system, 0);
  return status;
}

static evs_status provoke_timeout(void) {
  evs_system *system = host_connect(MEMORY, "");
  host_subscribe(system, "{\"pattern\":\"order.*\"}");
  host_ready(system);
  host_publish(system, "order.placed", "1");
  evs_status status = call(system, "drain", "{}", 50); /* nobody takes it */
  host_close(system, 0);
  return status;
}

static evs_status provoke_closed(void) {
  evs_system *system = host_connect(MEMORY, "");
  evs_error *error = NULL;
  evs_event event = host_event("order.placed", "1");
  assert_int_equal(evs_system_close(system, 1000, NULL), EVS_OK);
  evs_status status = told(evs_publish(system, &event, 1, NULL, &error), &error);
  evs_system_release(system);
  return status;
}

static evs_status provoke_queue_full(void) {
  evs_system *system = host_open(AWAY);
  evs_error *error = NULL;
  size_t accepted;
  evs_event events[2] = {host_event("order.placed", "1"), host_event("order.placed", "2")};
  call(system, "connect", "{}", 100);
  evs_status status = told(evs_publish(system, events, 2, &accepted, &error), &error);
  assert_int_equal(accepted, 1);
  host_close(system, 0);
  return status;
}

static evs_status provoke_not_found(void) {
  evs_system *system = host_connect(MEMORY, "");
  evs_error *error = NULL;
  evs_status status = told(evs_unsubscribe(system, 7, &error), &error);
  host_close(system, 1000);
  return status;
}

static evs_status provoke_conflict(void) {
  evs_system *system = host_connect(MEMORY, "");
  json_decref(host_call(system, "schemas.register", "{\"type\":\"a.b\",\"schema\":{\"type\":\"string\"}}"));
  evs_status status =
      call(system, "schemas.register", "{\"type\":\"a.b\",\"schema\":{\"type\":\"number\"}}", 0);
  host_close(system, 1000);
  return status;
}

static evs_status provoke_unsupported(void) {
  evs_system *system = host_connect(MEMORY, "");
  evs_status status = call(system, "dlq.list", "{}", 0);
  host_close(system, 1000);
  return status;
}

/* A system needs descriptors. */
static evs_status provoke_internal(void) {
  struct rlimit before, none;
  assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
  none = before;
  none.rlim_cur = 0;
  assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
  evs_status status = open_fails("{\"service\":\"shop\",\"transports\":{\"main\":{\"type\":\"memory\"}}}");
  assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
  return status;
}

static evs_status provoke_again(void) {
  evs_system *system = host_connect(MEMORY, "");
  evs_batch *batch = NULL;
  evs_status status = evs_poll(system, EVS_POLL_MESSAGES, 1, 0, &batch, NULL);
  host_close(system, 1000);
  return status;
}

static evs_status provoke_forked(void) {
  evs_system *system = host_connect(MEMORY, "");
  int how = 0;
  pid_t child = fork();
  if (child == 0)
    _exit(-call(system, "ready", "{}", 0));
  assert_int_equal(waitpid(child, &how, 0), child);
  host_close(system, 1000);
  return -WEXITSTATUS(how);
}

static evs_status provoke_nomem(void) {
  evs_system *system = host_connect(MEMORY, "");
  evs_event event = host_event("order.placed", "1");
  evs_batch *reports = NULL;
  evs_error *error = NULL;
  /* It needs a place for the report of each before it looks at the first. */
  evs_status status = told(evs_publish_wait(system, &event, (size_t)1 << 46, 1000, &reports, &error), &error);
  /* As many bytes as no number has. */
  assert_int_equal(told(evs_publish_wait(system, &event, (size_t)1 << 61, 1000, &reports, &error), &error),
                   status);
  host_close(system, 1000);
  return status;
}

static evs_status provoke_argument(void) {
  evs_error *error = NULL;
  return told(evs_system_stats(NULL, NULL, &error), &error);
}

static evs_status provoke_rate_limited(void) {
  evs_system *system = host_connect(
      MEMORY, ",\"publisher\":{\"rateLimiting\":{\"enabled\":true,\"maxRequests\":1,\"timeWindow\":60000,"
              "\"onLimit\":\"reject\"}}");
  evs_event event = host_event("order.placed", "1");
  assert_int_equal(publish(system, &event), EVS_OK);
  evs_status status = publish(system, &event);
  host_close(system, 1000);
  return status;
}

static evs_status (*const provocations[])(void) = {
    provoke_ok,          provoke_config,       provoke_validation, provoke_routing,   provoke_transport,
    provoke_timeout,     provoke_closed,       provoke_queue_full, provoke_not_found, provoke_conflict,
    provoke_unsupported, provoke_internal,     provoke_again,      provoke_forked,    provoke_nomem,
    provoke_argument,    provoke_rate_limited,
};
enum { PROVOCATIONS = sizeof provocations / sizeof *provocations };

static void every_code_comes_out_of_a_call(void **state) {
  (void)state;
  json_t *list = json_loads(evs_status_list(), 0, NULL), *entry;
  bool was_seen[64] = {false};
  size_t i;
  for (int n = 0; n < PROVOCATIONS; n++) {
    print_message("%s\n", evs_status_name(-n));
    evs_status status = provocations[n]();
    assert_true(status <= 0 && status > -64);
    was_seen[-status] = true;
    if (status != -n) /* the codes go down by one, and so does the list above */
      fail_msg("provocation %d gave %s", n, evs_status_name(status));
  }
  assert_true(json_array_size(list) >= 17);
  json_array_foreach(list, i, entry) {
    json_int_t code = json_integer_value(json_object_get(entry, "code"));
    if (!was_seen[-code])
      fail_msg("nothing provokes %s", json_string_value(json_object_get(entry, "name")));
  }
  json_decref(list);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(every_code_comes_out_of_a_call)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
