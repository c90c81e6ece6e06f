/* SPDX-License-Identifier: MIT
 * kit.c - opening a system whose clock is held, moving it, and running handlers in between. */
#include "kit.h"

#include <stdlib.h>
#include <string.h>

enum { MESSAGES_AT_ONCE = 64, HANDLED_AT_ONCE = 100000 };

evs_status evst_nomem(evs_error **out_error) {
  return evs_error_create(EVS_NOMEM, NULL, "out of memory", out_error);
}

evs_status evst_call(evs_testing *kit, const char *method, json_t *params, json_t **out_answer,
                     evs_error **out_error) {
  char *text = params ? json_dumps(params, JSON_COMPACT) : NULL, *answer = NULL;
  json_decref(params);
  *out_answer = NULL;
  if (!text)
    return evst_nomem(out_error);
  evs_status status = evs_call(kit->system, method, text, strlen(text), 0, &answer, out_error);
  free(text);
  if (status == EVS_OK && !(*out_answer = json_loads(answer, 0, NULL)))
    status = evst_nomem(out_error);
  evs_string_free(answer);
  return status;
}

evs_status evst_ask(evs_testing *kit, const char *method, json_t *params, evs_error **out_error) {
  json_t *answer = NULL;
  evs_status status = evst_call(kit, method, params, &answer, out_error);
  json_decref(answer);
  return status;
}

/* ---- opening ---------------------------------------------------------------------------------- */

static void set_default(json_t *config, const char *name, json_t *value) {
  if (!json_object_get(config, name))
    json_object_set(config, name, value);
  json_decref(value);
}

/* What was given, or nothing, with a memory transport where it has none and its clock held; NULL: no JSON. */
static json_t *rehearsal_of(const char *config_json, size_t config_size) {
  json_t *config = config_json ? json_loadb(config_json, config_size, 0, NULL) : json_object();
  if (!json_is_object(config)) {
    json_decref(config);
    return NULL;
  }
  set_default(config, "service", json_string("test"));
  set_default(config, "transports", json_pack("{s:{s:s}}", "main", "type", "memory"));
  json_object_set_new(config, "testing", json_pack("{s:b}", "holdClock", 1));
  return config;
}

static evs_status begin(evs_testing *kit, const json_t *config, evs_error **out_error) {
  const char *name, *prefix = json_string_value(json_object_get(config, "originPrefix"));
  json_t *each;
  char *text = json_dumps(config, JSON_COMPACT);
  kit->handled = json_array();
  kit->published = json_array();
  kit->next = json_object();
  kit->prefix = strdup(prefix ? prefix : "");
  json_object_foreach(json_object_get(config, "transports"), name, each) {
    json_object_set_new(kit->next, name, json_integer(0));
  }
  evs_status status = text && kit->handled && kit->published && kit->next && kit->prefix
                          ? evs_system_open(text, strlen(text), &kit->system, out_error)
                          : evst_nomem(out_error);
  free(text);
  return status == EVS_OK ? evst_ask(kit, "connect", json_object(), out_error) : status;
}

evs_status evs_testing_open(const char *config_json, size_t config_size, evs_testing **out_kit,
                            evs_error **out_error) {
  json_t *config = rehearsal_of(config_json, config_size);
  if (!config)
    return evs_error_create(EVS_CONFIG, NULL, "the configuration is not a JSON object", out_error);
  evs_testing *kit = calloc(1, sizeof *kit);
  evs_status status = kit ? begin(kit, config, out_error) : evst_nomem(out_error);
  json_decref(config);
  if (status == EVS_OK)
    *out_kit = kit;
  else
    evs_testing_close(kit);
  return status;
}

void evs_testing_close(evs_testing *kit) {
  if (!kit)
    return;
  evs_system_release(kit->system);
  while (kit->consumers) {
    evst_consumer *consumer = kit->consumers;
    kit->consumers = consumer->next;
    free(consumer);
  }
  evst_faults_free(kit);
  json_decref(kit->handled);
  json_decref(kit->published);
  json_decref(kit->next);
  free(kit->prefix);
  free(kit);
}

evs_system *evs_testing_system(evs_testing *kit) {
  return kit->system;
}

uint64_t evs_testing_now(const evs_testing *kit) {
  return kit->now_ms;
}

evs_status evs_testing_subscribe(evs_testing *kit, const char *options_json, evs_testing_handler handler,
                                 void *data, evs_error **out_error) {
  evst_consumer *consumer = calloc(1, sizeof *consumer);
  if (!consumer)
    return evst_nomem(out_error);
  *consumer = (evst_consumer){.handler = handler, .data = data};
  evs_status status =
      evs_subscribe(kit->system, options_json, strlen(options_json), &consumer->token, out_error);
  if (status != EVS_OK) {
    free(consumer);
    return status;
  }
  consumer->next = kit->consumers;
  kit->consumers = consumer;
  return evst_ask(kit, "ready", json_object(), out_error);
}

/* ---- handlers --------------------------------------------------------------------------------- */

static void settle_one(evs_testing *kit, const evs_message *message, evs_status status) {
  const char *name = evs_status_name(status);
  if (status == EVS_OK && !kit->asks_again) {
    evs_ack(kit->system, &message->delivery, 1, NULL, NULL);
    return;
  }
  evs_failure failure = {.struct_size = sizeof failure,
                         .kind = status == EVS_OK ? EVS_FAIL_LATER : EVS_FAIL_RETRY,
                         .delivery = message->delivery,
                         .error_class = {name, strlen(name)},
                         .message = {name, strlen(name)}};
  evs_fail(kit->system, &failure, 1, NULL, NULL);
}

static evs_status handle(evs_testing *kit, const evs_message *message, evs_error **out_error) {
  const evst_consumer *consumer = kit->consumers;
  while (consumer && consumer->token != message->subscription)
    consumer = consumer->next;
  if (!consumer)
    return evs_error_create(EVS_ARGUMENT, NULL,
                            "a message came for a subscription that the kit does not know: make it with "
                            "evs_testing_subscribe()",
                            out_error);
  kit->asks_again = false;
  evs_status status = consumer->handler(consumer->data, message);
  if (status == EVS_OK && !kit->asks_again)
    status = evst_mishap(kit, message);
  settle_one(kit, message, status);
  return evst_note_handled(kit, message, status) ? EVS_OK : evst_nomem(out_error);
}

/* Handles all that waits; gives how many messages that were. */
static evs_status run_handlers(evs_testing *kit, size_t *out_count, evs_error **out_error) {
  *out_count = 0;
  while (*out_count < HANDLED_AT_ONCE) {
    evs_batch *batch = NULL;
    evs_error *error = NULL;
    size_t count = 0;
    evs_status status = evs_poll(kit->system, EVS_POLL_MESSAGES, MESSAGES_AT_ONCE, 0, &batch, &error);
    evs_error_free(error);
    if (status == EVS_AGAIN)
      return EVS_OK;
    if (status != EVS_OK)
      return evs_error_create(status, NULL, "messages could not be taken", out_error);
    const evs_message *messages = evs_batch_messages(batch, &count);
    for (size_t i = 0; i < count && status == EVS_OK; i++)
      status = handle(kit, &messages[i], out_error);
    evs_batch_release(batch);
    if (status != EVS_OK)
      return status;
    *out_count += count;
  }
  return EVS_OK;
}

/* ---- time ------------------------------------------------------------------------------------- */

/* One step of the clock; gives what is left of the way. */
static evs_status move(evs_testing *kit, uint64_t ms, uint64_t *out_left, evs_error **out_error) {
  json_t *answer = NULL;
  evs_status status =
      evst_call(kit, "testing.advance", json_pack("{s:I}", "ms", (json_int_t)ms), &answer, out_error);
  if (status != EVS_OK)
    return status;
  kit->now_ms = (uint64_t)json_integer_value(json_object_get(answer, "now"));
  *out_left = (uint64_t)json_integer_value(json_object_get(answer, "left"));
  json_decref(answer);
  return EVS_OK;
}

evs_status evs_testing_settle(evs_testing *kit, evs_error **out_error) {
  uint64_t left = 0;
  size_t count = 1, before = json_array_size(kit->handled);
  evs_status status = EVS_OK;
  while (status == EVS_OK && count > 0) {
    if (json_array_size(kit->handled) - before > HANDLED_AT_ONCE)
      return evs_error_create(
          EVS_CONFLICT, NULL,
          "100000 handlers ran while the clock stood still, and more wait: does one publish "
          "what it handles?",
          out_error);
    status = move(kit, 0, &left, out_error);
    if (status == EVS_OK)
      status = run_handlers(kit, &count, out_error);
  }
  return status;
}

evs_status evs_testing_advance(evs_testing *kit, uint64_t ms, evs_error **out_error) {
  uint64_t left = ms;
  evs_status status = evs_testing_settle(kit, out_error);
  while (status == EVS_OK && left > 0) {
    status = move(kit, left, &left, out_error);
    if (status == EVS_OK)
      status = evs_testing_settle(kit, out_error);
  }
  return status;
}

/* ---- publishing ------------------------------------------------------------------------------- */

evs_status evs_testing_publish(evs_testing *kit, const evs_event *event, evs_error **out_error) {
  enum { WAIT_MS = 10000 };
  evs_batch *batch = NULL;
  size_t count = 0;
  evs_status status = evs_publish_wait(kit->system, event, 1, WAIT_MS, &batch, out_error);
  if (status != EVS_OK)
    return status;
  const evs_report *report = evs_batch_reports(batch, &count);
  if (count == 1 && report->status != EVS_OK)
    status = evs_error_create(report->status, NULL, report->message.data, out_error);
  evs_batch_release(batch);
  evs_status settled = evs_testing_settle(kit, status == EVS_OK ? out_error : NULL);
  return status != EVS_OK ? status : settled;
}
