/* SPDX-License-Identifier: MIT
 * subscribe.c - handles events of a pattern until it has seen some, then closes in order.
 *
 *   cc subscribe.c -levents -o subscribe && ./subscribe redis://127.0.0.1:6379 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <libevents.h>

enum { WANTED = 10 };

static void check(evs_status status, evs_error *error) {
  if (status == EVS_OK)
    return;
  fprintf(stderr, "%s: %s\n", evs_status_name(status), evs_error_message(error));
  exit(1);
}

static void call(evs_system *system, const char *method) {
  char *answer = NULL;
  evs_error *error = NULL;
  check(evs_call(system, method, "{}", 2, 5000, &answer, &error), error);
  evs_string_free(answer);
}

static void publish_some(evs_system *system) {
  evs_error *error = NULL;
  for (int i = 0; i < WANTED; i++) {
    char body[64];
    evs_event event = {.struct_size = sizeof event, .type = {"order.placed", 12}};
    event.body = (evs_bytes){body, (uint64_t)snprintf(body, sizeof body, "{\"id\": %d}", i)};
    check(evs_publish(system, &event, 1, NULL, &error), error); /* token 0: no report is wanted */
  }
}

/* One batch: handle each message, then acknowledge them together. An entry that is not acknowledged is
 * delivered again, to this process or to another of the group. */
static size_t handle_batch(evs_system *system, const evs_batch *batch) {
  uint64_t done[64];
  size_t count = 0;
  evs_error *error = NULL;
  const evs_message *messages = evs_batch_messages(batch, &count);
  for (size_t i = 0; i < count; i++) {
    const evs_message *message = &messages[i];
    printf("%.*s %.*s (attempt %u, %.*s at %.*s)\n", (int)message->type.size, message->type.data,
           (int)message->body.size, message->body.data, message->attempt, (int)message->topic.size,
           message->topic.data, (int)message->offset.size, message->offset.data);
    done[i] = message->delivery;
  }
  check(evs_ack(system, done, count, NULL, &error), error);
  return count;
}

static void handle(evs_system *system, size_t wanted) {
  for (size_t handled = 0; handled < wanted;) {
    evs_batch *batch = NULL;
    evs_error *error = NULL;
    evs_status status = evs_poll(system, EVS_POLL_MESSAGES, 64, 1000, &batch, &error);
    if (status == EVS_AGAIN) { /* nothing came within the second */
      evs_error_free(error);
      continue;
    }
    check(status, error);
    handled += handle_batch(system, batch);
    evs_batch_release(batch);
  }
}

/* Begin to close, then take records until the last one: nothing that was handled is handled again. */
static void close_in_order(evs_system *system) {
  evs_error *error = NULL;
  check(evs_system_close(system, 5000, &error), error);
  for (;;) {
    evs_batch *batch = NULL;
    evs_status status = evs_poll(system, EVS_POLL_MESSAGES | EVS_POLL_REPORTS, 64, 1000, &batch, NULL);
    if (status == EVS_OK)
      evs_batch_release(batch);
    else if (status != EVS_AGAIN)
      break; /* EVS_CLOSED: the last record was taken */
  }
  evs_system_release(system);
}

int main(int argc, char **argv) {
  static const char options[] = "{\"pattern\": \"order.*\", \"group\": \"billing\", \"concurrency\": 64}";
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
  call(system, "connect");
  publish_some(system);
  handle(system, WANTED);
  close_in_order(system);
  return 0;
}
