/* SPDX-License-Identifier: MIT
 * plugin_test.c - transports that are not built in: loaded from a shared object, or registered by the
 * program; and each way in which one does not fit, told before anything of it is called. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "libevents_transport.h"
#include "support/host.h"
#include "support/until.h"

#define JOURNAL EVS_BINARY_DIR "/examples/journal.so"
#define BROKEN EVS_BINARY_DIR "/tests/plugin_"
#define QUICK_RETRY "\"retry\":{\"maxRetries\":2,\"baseDelay\":1,\"maxDelay\":5,\"jitter\":0}"
#define SHOP(settings) "{\"service\":\"shop\",\"transports\":{\"main\":{\"type\":\"plugin\"," settings "}}}"

#define PATTERNS "\"capabilities\":[\"publish\",\"subscribe\",\"patternRouting\"]"
#define SHARED SHOP("\"library\":\"%s\",\"options\":{\"journal\":\"shared\"}")

static void a_shared_object_is_a_transport(void **state) {
  (void)state;
  evs_system *system = host_connect(
      SHOP(QUICK_RETRY "," PATTERNS ",\"library\":\"%s\",\"options\":{\"journal\":\"a\"}"), JOURNAL);
  host_subscribe(system, "{\"pattern\":\"order.*\"}");
  host_ready(system);
  host_report stored = host_publish(system, "order.placed", "{\"n\":1.50}");
  assert_string_equal(stored.topic, "order-events");
  host_message first = host_next(system);
  assert_string_equal(first.body, "{\"n\":1.50}");
  assert_true(host_fail(system, first.delivery, EVS_FAIL_RETRY, "NotYet"));
  host_message second = host_next(system);
  assert_int_equal(second.attempt, 2);
  assert_int_equal(second.deliveries, 2);
  assert_true(host_ack(system, second.delivery));
  json_decref(host_call(system, "drain", "{}"));
  json_t *status = host_status(system);
  const json_t *main = json_object_get(json_object_get(status, "transports"), "main");
  assert_string_equal(json_string_value(json_object_get(main, "type")), "journal");
  json_decref(status);
  host_close(system, 1000);
}

static void systems_share_what_the_plug_in_shares(void **state) {
  (void)state;
  evs_system *writer = host_connect(SHARED, JOURNAL), *reader = host_connect(SHARED, JOURNAL);
  host_subscribe(reader, "{\"pattern\":\"order.placed\",\"group\":\"readers\"}");
  host_ready(reader);
  host_publish(writer, "order.placed", "7");
  host_message message = host_next(reader);
  assert_string_equal(message.body, "7");
  /* What is not settled when its reader closes is there for the next one. */
  host_close(reader, 0);
  reader = host_connect(SHARED, JOURNAL);
  host_subscribe(reader, "{\"pattern\":\"order.placed\",\"group\":\"readers\"}");
  message = host_next(reader);
  assert_string_equal(message.body, "7");
  assert_true(host_ack(reader, message.delivery));
  host_close(reader, 1000);
  host_close(writer, 1000);
}

/* ---- what does not fit ------------------------------------------------------------------------- */

static void assert_refused(const char *config, const char *path, const char *text) {
  evs_system *system = NULL;
  evs_error *error = NULL;
  evs_status status = evs_system_open(config, strlen(config), &system, &error);
  if (status != EVS_CONFIG || strcmp(evs_error_path(error), path) != 0 ||
      !strstr(evs_error_message(error), text))
    fail_msg("%s: %d %s %s", config, (int)status, error ? evs_error_path(error) : "",
             error ? evs_error_message(error) : "");
  evs_error_free(error);
}

static void a_plug_in_that_does_not_fit_is_refused_with_the_reason(void **state) {
  static const char *const all[][2] = {
      {"no_entry", "it has no function evs_transport_entry"},
      {"no_table", "gives no transport"},
      {"other_version", "built for version 2 of the transport interface"},
      {"small_table", "table has 64 bytes"},
      {"no_settle", "lacks a function that it must have: join, leave, resume or settle"},
      {"no_type", "type must be a text"},
      {"direct", "capabilities that a plug-in cannot have"},
      {"useless", "can neither publish nor subscribe"},
  };
  char config[400];
  (void)state;
  for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
    snprintf(config, sizeof config, SHOP("\"capabilities\":[\"publish\"],\"library\":\"" BROKEN "%s.so\""),
             all[i][0]);
    assert_refused(config, "/transports/main/library", all[i][1]);
  }
  assert_refused(SHOP("\"library\":\"/nowhere/x.so\""), "/transports/main/library", "/nowhere/x.so");
  assert_refused(SHOP("\"library\":\"" EVS_SOURCE_DIR "/LICENSE\""), "/transports/main/library",
                 "cannot be loaded");
  assert_refused(SHOP("\"capabilities\":[\"publish\",\"delay\"],\"library\":\"" JOURNAL "\""),
                 "/transports/main/capabilities", "does not have the capability delay");
}

static void the_document_is_checked_before_anything_is_loaded(void **state) {
  static const struct {
    const char *config, *path, *text;
  } all[] = {
      {SHOP("\"options\":{}"), "/transports/main", "either \"library\" or \"plugin\""},
      {SHOP("\"library\":\"./a.so\",\"plugin\":\"a\""), "/transports/main",
       "either \"library\" or \"plugin\""},
      {SHOP("\"library\":\"a.so\""), "/transports/main", "no path"},
      {SHOP("\"library\":\"./a.so\",\"options\":[]"), "/transports/main/options", "must be an object"},
      {SHOP("\"library\":\"./a.so\",\"capabilities\":[\"fly\"]"), "/transports/main/capabilities/0",
       "no capability"},
      {"{\"service\":\"shop\",\"transports\":{\"main\":{\"type\":\"plugin\",\"library\":\"./a.so\"}},"
       "\"routing\":{\"routes\":[{\"pattern\":\"a.*\",\"transport\":\"main\",\"topic\":\"a\",\"partitions\":"
       "2}]}}",
       "/routing/routes/0/partitions", "none of the transports has"},
  };
  (void)state;
  for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
    evs_system *system = NULL;
    evs_error *error = NULL;
    evs_status status = evs_system_open(all[i].config, strlen(all[i].config), &system, &error);
    json_t *problems = host_refused(status, EVS_CONFIG, error);
    if (!host_has_problem(problems, all[i].path, all[i].text))
      fail_msg("%s: no problem at %s", all[i].config, all[i].path);
    json_decref(problems);
  }
}

static void options_of_a_plug_in_are_never_shown(void **state) {
  const char *config = SHOP("\"library\":\"./a.so\",\"options\":{\"password\":\"tops3cret\"}");
  char *report = NULL;
  (void)state;
  assert_int_equal(evs_config_check(config, strlen(config), &report, NULL), EVS_OK);
  assert_non_null(strstr(report, "\"options\":\"***\""));
  assert_null(strstr(report, "tops3cret"));
  evs_string_free(report);
}

static void a_transport_that_only_publishes_takes_no_subscription(void **state) {
  evs_error *error = NULL;
  uint64_t token;
  (void)state;
  evs_system *system = host_open(SHOP("\"library\":\"%s\",\"capabilities\":[\"publish\"]"), JOURNAL);
  const char *options = "{\"pattern\":\"a.b\"}";
  evs_status status = evs_subscribe(system, options, strlen(options), &token, &error);
  json_t *refusal = host_refused(status, EVS_CONFIG, error);
  assert_true(host_has_problem(refusal, "/transport", "takes no subscriptions"));
  json_decref(refusal);
  host_close(system, 0);
}

/* ---- registered -------------------------------------------------------------------------------- */

/* A transport that only notes what it is given. */
static struct {
  const evs_host_ops *ops;
  evs_host *host;
  _Atomic int woken, closed, published;
  char options[64];
} sink;

static evs_status sink_create(const evs_host_ops *ops, evs_host *host, const void *env, const char *name,
                              const char *config_json, size_t config_size, evs_transport **out_transport,
                              evs_error **out_error) {
  (void)name, (void)out_error;
  assert_null(env);
  sink.ops = ops;
  sink.host = host;
  snprintf(sink.options, sizeof sink.options, "%.*s", (int)config_size, config_json);
  *out_transport = (evs_transport *)&sink;
  return EVS_OK;
}

static void sink_connect(evs_transport *transport) {
  (void)transport;
  sink.ops->state(sink.host, 1, 0, (evs_bytes){NULL, 0}, 0);
  sink.ops->wake(sink.host, 1);
}

static void sink_close(evs_transport *transport, uint32_t deadline_ms) {
  (void)transport, (void)deadline_ms;
  sink.closed++;
  sink.ops->closed(sink.host);
}

static void sink_destroy(evs_transport *transport) {
  (void)transport;
}

static void sink_publish(evs_transport *transport, const evs_tp_event *events, size_t count) {
  (void)transport;
  for (size_t i = 0; i < count; i++) {
    evs_tp_outcome outcome = {.struct_size = sizeof outcome, .token = events[i].token, .status = EVS_OK};
    sink.published++;
    sink.ops->published(sink.host, &outcome, 1);
  }
}

static void sink_wake(evs_transport *transport) {
  (void)transport;
  if (sink.woken++ == 0)
    sink.ops->tell(sink.host, 42, host_bytes("{\"hello\":1}"));
}

static const evs_transport_ops sink_ops = {.struct_size = sizeof(evs_transport_ops),
                                           .abi = EVS_TRANSPORT_ABI,
                                           .type = "sink",
                                           .capabilities = EVS_CAP_PUBLISH,
                                           .create = sink_create,
                                           .connect = sink_connect,
                                           .close = sink_close,
                                           .destroy = sink_destroy,
                                           .publish = sink_publish,
                                           .wake = sink_wake};

static void a_program_registers_a_transport_and_names_it(void **state) {
  evs_transport_ops another = sink_ops;
  host_report told;
  (void)state;
  assert_refused(SHOP("\"plugin\":\"sink\""), "/transports/main/plugin", "call evs_transport_register()");
  assert_int_equal(evs_transport_register(&sink_ops, NULL), EVS_OK);
  assert_int_equal(evs_transport_register(&sink_ops, NULL), EVS_OK); /* twice is fine */
  assert_int_equal(evs_transport_register(&another, NULL), EVS_CONFLICT);
  assert_int_equal(evs_transport_register(NULL, NULL), EVS_ARGUMENT);
  another.abi = 9;
  assert_int_equal(evs_transport_register(&another, NULL), EVS_CONFIG);
  evs_system *system =
      host_connect(SHOP("\"plugin\":\"sink\",\"capabilities\":[\"publish\"],\"options\":{\"a\":1}"));
  assert_string_equal(sink.options, "{\"a\":1}");
  assert_int_equal(host_publish(system, "order.placed", "1").outcome, EVS_OUTCOME_STORED);
  assert_int_equal(sink.published, 1);
  TEST_UNTIL(sink.woken == 1);
  assert_true(host_report_of(system, EVS_REPORT_TRANSPORT, &told, 5000));
  assert_int_equal(told.token, 42);
  host_close(system, 1000);
  assert_int_equal(sink.closed, 1);
}

static void what_a_plug_in_answers_no_requests_about_is_unsupported(void **state) {
  (void)state;
  evs_error *error = NULL;
  char *answer = NULL;
  assert_int_equal(evs_transport_register(&sink_ops, NULL), EVS_OK);
  evs_system *system = host_connect(SHOP("\"plugin\":\"sink\",\"capabilities\":[\"publish\"]"));
  assert_int_equal(evs_call(system, "groups", NULL, 0, 5000, &answer, &error), EVS_UNSUPPORTED);
  evs_error_free(error);
  host_close(system, 1000);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_shared_object_is_a_transport),
      cmocka_unit_test(systems_share_what_the_plug_in_shares),
      cmocka_unit_test(a_plug_in_that_does_not_fit_is_refused_with_the_reason),
      cmocka_unit_test(the_document_is_checked_before_anything_is_loaded),
      cmocka_unit_test(options_of_a_plug_in_are_never_shown),
      cmocka_unit_test(a_transport_that_only_publishes_takes_no_subscription),
      cmocka_unit_test(a_program_registers_a_transport_and_names_it),
      cmocka_unit_test(what_a_plug_in_answers_no_requests_about_is_unsupported),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
