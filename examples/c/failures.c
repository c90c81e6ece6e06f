/* SPDX-License-Identifier: MIT
 * failures.c - an event whose handling fails: it is retried, becomes a dead letter, is requeued once the
 * cause is repaired, and is handled.
 *
 *   cc failures.c -levents -ljansson -o failures && ./failures redis://127.0.0.1:6379 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <jansson.h>
#include <libevents.h>

static bool webhook_is_up;

static void check(evs_status status, evs_error *error) {
  if (status == EVS_OK)
    return;
  fprintf(stderr, "%s: %s\n", evs_status_name(status), evs_error_message(error));
  exit(1);
}

static evs_bytes bytes(const char *text) {
  return (evs_bytes){text, strlen(text)};
}

static json_t *call(evs_system *system, const char *method, const char *params) {
  char *text = NULL;
  evs_error *error = NULL;
  check(evs_call(system, method, params, strlen(params), 5000, &text, &error), error);
  json_t *answer = json_loads(text, 0, NULL);
  evs_string_free(text);
  return answer;
}

static void settle(evs_system *system, const evs_message *message) {
  evs_error *error = NULL;
  if (webhook_is_up) {
    printf("attempt %u: delivered\n", message->attempt);
    check(evs_ack(system, &message->delivery, 1, NULL, &error), error);
    return;
  }
  printf("attempt %u: failed\n", message->attempt);
  /* EVS_FAIL_REJECT instead of RETRY makes it a dead letter at once: for what no retry can cure. */
  evs_failure failure = {.struct_size = sizeof failure,
                         .kind = EVS_FAIL_RETRY,
                         .delivery = message->delivery,
                         .error_class = bytes("WebhookError"),
                         .message = bytes("webhook down: 503")};
  check(evs_fail(system, &failure, 1, NULL, &error), error);
}

/* Settles what comes until `wanted` messages were there. */
static void handle(evs_system *system, size_t wanted) {
  for (size_t seen = 0; seen < wanted;) {
    evs_batch *batch = NULL;
    evs_error *error = NULL;
    evs_status status = evs_poll(system, EVS_POLL_MESSAGES, 1, 1000, &batch, &error);
    if (status == EVS_AGAIN) {
      evs_error_free(error);
      continue;
    }
    check(status, error);
    size_t count = 0;
    const evs_message *messages = evs_batch_messages(batch, &count);
    for (size_t i = 0; i < count; i++)
      settle(system, &messages[i]);
    seen += count;
    evs_batch_release(batch);
  }
}

static json_t *wait_for_dead_letter(evs_system *system) {
  for (;;) {
    json_t *page =
        call(system, "dlq.list", "{\"topic\": \"order-events\", \"group\": \"notifier\", \"limit\": 1}");
    json_t *item = json_incref(json_array_get(json_object_get(page, "items"), 0));
    json_decref(page);
    if (item)
      return item;
    usleep(20000);
  }
}

static void requeue(evs_system *system, const json_t *dead_letter) {
  const char *id = json_string_value(json_object_get(dead_letter, "id"));
  const json_t *cause = json_object_get(dead_letter, "error");
  printf("dead letter %s: %s\n", id, json_string_value(json_object_get(cause, "message")));
  json_t *params = json_pack("{s:[s]}", "ids", id);
  char *text = json_dumps(params, 0);
  json_t *answer = call(system, "dlq.requeue", text);
  printf("requeued %d\n", (int)json_integer_value(json_object_get(answer, "requeued")));
  json_decref(answer);
  json_decref(params);
  free(text);
}

int main(int argc, char **argv) {
  static const char options[] = "{\"pattern\": \"order.placed\", \"group\": \"notifier\", \"maxRetries\": 2,"
                                " \"retry\": {\"baseDelay\": 50, \"maxDelay\": 100}}";
  const char *url = argc > 1 ? argv[1] : "redis://127.0.0.1:6379";
  char config[1024];
  snprintf(
      config, sizeof config,
      "{\"service\": \"shop\", \"transports\": {\"main\": {\"type\": \"redis-streams\", \"url\": \"%s\"}}}",
      url);
  evs_error *error = NULL;
  evs_system *system = NULL;
  uint64_t subscription = 0;
  check(evs_system_open(config, strlen(config), &system, &error), error);
  check(evs_subscribe(system, options, strlen(options), &subscription, &error), error);
  json_decref(call(system, "connect", "{}"));

  evs_event event = {
      .struct_size = sizeof event, .type = bytes("order.placed"), .body = bytes("{\"id\": 7}")};
  check(evs_publish(system, &event, 1, NULL, &error), error);
  handle(system, 3); /* maxRetries 2: three attempts */
  json_t *dead_letter = wait_for_dead_letter(system);

  webhook_is_up = true;
  requeue(system, dead_letter);
  handle(system, 1);

  json_decref(dead_letter);
  evs_system_release(system);
  return 0;
}
