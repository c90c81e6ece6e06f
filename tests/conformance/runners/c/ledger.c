/* SPDX-License-Identifier: MIT
 * ledger.c - see ledger.h. */
#include "ledger.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DEFERRALS_MAX = 100 };

static json_int_t add(json_t *counts, const char *name, json_int_t amount) {
  json_int_t sum = json_integer_value(json_object_get(counts, name)) + amount;
  json_object_set_new(counts, name, json_integer(sum));
  return sum;
}

static void add_by_name(json_t *section, const char *counts, const json_t *name) {
  add(json_object_get(section, counts), json_string_value(name), 1);
}

static bool routes_to_several(const json_t *config) {
  size_t i;
  json_t *route;
  json_array_foreach(json_object_get(json_object_get(config, "routing"), "routes"), i, route) {
    if (json_array_size(json_object_get(route, "transports")) > 1)
      return true;
  }
  return false;
}

void ledger_begin(test_ledger *ledger, const json_t *config) {
  const json_t *deferrals = json_object_get(json_object_get(config, "consumer"), "maxDeferrals");
  ledger->max_deferrals = deferrals ? json_integer_value(deferrals) : DEFERRALS_MAX;
  ledger->has_fan_out = routes_to_several(config);
  ledger->deferrals = json_object();
  ledger->expected = json_pack("{s:i, s:{s:i}, s:{s:i, s:i, s:i, s:{}, s:{}, s:{}}}", "inFlight", 0,
                               "publisher", "failedMessages", 0, "consumer", "totalMessagesReceived", 0,
                               "handledMessages", 0, "failedMessages", 0, "totalMessagesReceivedByType",
                               "totalMessagesReceivedByTopic", "totalMessagesReceivedByTransport");
  json_t *sent = json_pack("{s:i, s:i, s:{}, s:{}}", "totalMessagesSent", 0, "duplicateMessages", 0,
                           "totalMessagesSentByTopic", "totalMessagesSentByTransport");
  /* A receipt names one transport, so that of events for several it does not tell how often they were stored.
   */
  if (!ledger->has_fan_out)
    json_object_update(json_object_get(ledger->expected, "publisher"), sent);
  json_decref(sent);
}

void ledger_end(test_ledger *ledger) {
  json_decref(ledger->expected);
  json_decref(ledger->deferrals);
}

void ledger_published(test_ledger *ledger, const json_t *receipt, bool failed) {
  json_t *publisher = json_object_get(ledger->expected, "publisher");
  if (failed)
    add(publisher, "failedMessages", 1);
  if (failed || ledger->has_fan_out)
    return;
  add(publisher, "totalMessagesSent", 1);
  add(publisher, "duplicateMessages", json_is_true(json_object_get(receipt, "duplicate")));
  add_by_name(publisher, "totalMessagesSentByTopic", json_object_get(receipt, "topic"));
  add_by_name(publisher, "totalMessagesSentByTransport", json_object_get(receipt, "transport"));
}

static bool is_deferred_too_often(test_ledger *ledger, const json_t *run) {
  return add(ledger->deferrals, json_string_value(json_object_get(run, "id")), 1) > ledger->max_deferrals;
}

void ledger_ran(test_ledger *ledger, const json_t *run, const json_t *word) {
  json_t *consumer = json_object_get(ledger->expected, "consumer");
  const char *prefix = json_string_value(json_object_get(run, "originPrefix"));
  const char *plain = json_is_string(word) ? json_string_value(word) : word ? "" : "succeed";
  char full[600];
  snprintf(full, sizeof full, "%s%s%s", prefix ? prefix : "", prefix && *prefix ? "." : "",
           json_string_value(json_object_get(run, "type")));
  add(consumer, "totalMessagesReceived", 1);
  add(json_object_get(consumer, "totalMessagesReceivedByType"), full, 1);
  add_by_name(consumer, "totalMessagesReceivedByTopic", json_object_get(run, "topic"));
  add_by_name(consumer, "totalMessagesReceivedByTransport", json_object_get(run, "transport"));
  bool is_later = json_object_get(word, "later") != NULL;
  if (strcmp(plain, "succeed") == 0)
    add(consumer, "handledMessages", 1);
  else if (!is_later || is_deferred_too_often(ledger, run))
    add(consumer, "failedMessages", 1);
}

const json_t *ledger_expected(test_ledger *ledger) {
  const char *added = getenv("EVS_LEDGER_ADDED"); /* so that a test sees that it is seen */
  if (added && ledger->expected)
    add(json_object_get(ledger->expected, "consumer"), "totalMessagesReceived", atoi(added));
  return ledger->expected;
}
