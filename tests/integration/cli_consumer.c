/* SPDX-License-Identifier: MIT
 * cli_consumer.c - a consumer for the tests of the command: settles COUNT messages the same way and ends.
 * Prints "ready" once the store has the group, and one line per message.
 *
 *   cli_consumer URL PATTERN GROUP reject|ack COUNT MESSAGE */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <libevents.h>

static void check(evs_status status, evs_error *error) {
  if (status == EVS_OK)
    return;
  fprintf(stderr, "%s: %s\n", evs_status_name(status), evs_error_message(error));
  exit(1);
}

static void call(evs_system *system, const char *method) {
  char *answer = NULL;
  evs_error *error = NULL;
  check(evs_call(system, method, "{}", 2, 10000, &answer, &error), error);
  evs_string_free(answer);
}

static void settle(evs_system *system, const evs_message *message, char **argv) {
  evs_error *error = NULL;
  printf("%.*s %.*s\n", (int)message->id.size, message->id.data, (int)message->body.size, message->body.data);
  fflush(stdout);
  if (strcmp(argv[4], "ack") == 0) {
    check(evs_ack(system, &message->delivery, 1, NULL, &error), error);
    return;
  }
  evs_failure failure = {.struct_size = sizeof failure,
                         .kind = EVS_FAIL_REJECT,
                         .delivery = message->delivery,
                         .error_class = {"WebhookError", 12},
                         .message = {argv[6], strlen(argv[6])},
                         .stack = {"forward\n  at line 7", 19}};
  check(evs_fail(system, &failure, 1, NULL, &error), error);
}

int main(int argc, char **argv) {
  if (argc != 7)
    return 2;
  char config[1024], options[1024];
  snprintf(config, sizeof config,
           "{\"service\": \"cli-test\", \"transports\": {\"main\": {\"type\": \"redis-streams\", \"url\": "
           "\"%s\"}}}",
           argv[1]);
  snprintf(options, sizeof options, "{\"pattern\": \"%s\", \"group\": \"%s\"}", argv[2], argv[3]);
  evs_system *system = NULL;
  evs_error *error = NULL;
  uint64_t subscription = 0;
  check(evs_system_open(config, strlen(config), &system, &error), error);
  check(evs_subscribe(system, options, strlen(options), &subscription, &error), error);
  call(system, "connect");
  call(system, "ready");
  puts("ready");
  fflush(stdout);
  for (int left = atoi(argv[5]); left > 0;) {
    evs_batch *batch = NULL;
    evs_status status = evs_poll(system, EVS_POLL_MESSAGES, 16, 1000, &batch, &error);
    if (status == EVS_AGAIN) {
      evs_error_free(error);
      continue;
    }
    check(status, error);
    size_t count = 0;
    const evs_message *messages = evs_batch_messages(batch, &count);
    for (size_t i = 0; i < count && left > 0; i++, left--)
      settle(system, &messages[i], argv);
    evs_batch_release(batch);
  }
  check(evs_system_close(system, 5000, &error), error);
  evs_system_release(system);
  return 0;
}
