/* SPDX-License-Identifier: MIT
 * bridge.h - a program whose transport is its own, as a system with a bridge sees it: answers its calls. */
#ifndef BRIDGE_H
#define BRIDGE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/host.h"

#define BRIDGE                                                                                               \
  "{\"service\":\"shop\",\"transports\":{\"main\":{\"type\":\"bridge\",\"retry\":{\"maxRetries\":1,"         \
  "\"baseDelay\":1,"                                                                                         \
  "\"jitter\":0}}}}"
#define ENVELOPE "{\\\"header\\\":{\\\"id\\\":\\\"e\\\",\\\"type\\\":\\\"a.b\\\"},\\\"body\\\":7}"

/* The next call to the program's transport, which must be this one. */
static inline json_t *next_call(evs_system *system, const char *call) {
  host_report report;
  assert_true(host_report_of(system, EVS_REPORT_TRANSPORT, &report, 20000));
  json_t *detail = json_loads(report.message, 0, NULL);
  assert_string_equal(json_string_value(json_object_get(detail, "call")), call);
  return detail;
}

static inline evs_status tell(evs_system *system, const char *members) {
  char params[1000];
  char *answer = NULL;
  snprintf(params, sizeof params, "{\"transport\":\"main\",%s}", members);
  evs_status status = evs_call(system, "transport.tell", params, strlen(params), 20000, &answer, NULL);
  evs_string_free(answer);
  return status;
}

static inline evs_system *open_connected(void) {
  evs_system *system = host_open(BRIDGE);
  const char *params = "{}";
  assert_int_equal(evs_request(system, "connect", params, strlen(params), 0, 9, NULL), EVS_OK);
  json_decref(next_call(system, "connect"));
  assert_int_equal(tell(system, "\"state\":{\"connected\":true}"), EVS_OK);
  host_report report;
  assert_true(host_report_of(system, EVS_REPORT_REQUEST, &report, 20000));
  assert_int_equal(report.status, EVS_OK);
  return system;
}

/* Subscribes; gives the number that the program's transport is to use. */
static inline int subscribe(evs_system *system) {
  char members[80];
  host_subscribe(system, "{\"pattern\":\"a.b\"}");
  json_t *call = next_call(system, "subscribe");
  assert_string_equal(json_string_value(json_object_get(call, "topic")), "a-events");
  assert_string_equal(json_string_value(json_object_get(call, "group")), "shop");
  int number = (int)json_integer_value(json_object_get(call, "subscription"));
  json_decref(call);
  snprintf(members, sizeof members, "\"subscribed\":[{\"subscription\":%d}]", number);
  assert_int_equal(tell(system, members), EVS_OK);
  host_ready(system);
  return number;
}

static inline void give(evs_system *system, int subscription, int delivery, const char *data) {
  char members[600];
  snprintf(members, sizeof members, "\"entries\":[{\"subscription\":%d,\"delivery\":%d,\"data\":\"%s\"}]",
           subscription, delivery, data);
  assert_int_equal(tell(system, members), EVS_OK);
}

static inline void assert_settled(evs_system *system, int delivery, const char *outcome) {
  json_t *call = next_call(system, "settle");
  assert_int_equal(json_integer_value(json_object_get(call, "delivery")), delivery);
  assert_string_equal(json_string_value(json_object_get(call, "outcome")), outcome);
  json_decref(call);
}

static inline void close_answered(evs_system *system, int subscription) {
  char members[80];
  assert_int_equal(evs_system_close(system, 1000, NULL), EVS_OK);
  if (subscription) {
    json_decref(next_call(system, "unsubscribe"));
    snprintf(members, sizeof members, "\"unsubscribed\":[%d],\"closed\":true", subscription);
  }
  const char *params = "{\"transport\":\"main\",\"closed\":true}";
  json_decref(next_call(system, "close"));
  assert_int_equal(evs_request(system, "transport.tell", params, strlen(params), 0, 0, NULL), EVS_OK);
  host_report report;
  assert_true(host_report_of(system, EVS_REPORT_CLOSED, &report, 20000));
  evs_system_release(system);
}

#endif
