/* SPDX-License-Identifier: MIT
 * memory.c - the quick start: publish and handle one event in one process, with no server.
 *
 *   cc memory.c -levents -o memory && ./memory */
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

static evs_bytes bytes(const char *text) {
  return (evs_bytes){text, strlen(text)};
}

int main(void) {
  static const char config[] = "{\"service\": \"shop\", \"transports\": {\"main\": {\"type\": \"memory\"}}}";
  static const char options[] = "{\"pattern\": \"order.*\"}";
  evs_error *error = NULL;
  evs_system *system = NULL;
  char *answer = NULL;

  check(evs_system_open(config, strlen(config), &system, &error), error);
  uint64_t subscription = 0;
  check(evs_subscribe(system, options, strlen(options), &subscription, &error), error);
  check(evs_call(system, "connect", "{}", 2, 0, &answer, &error), error);
  evs_string_free(answer);

  evs_event event = {
      .struct_size = sizeof event, .type = bytes("order.placed"), .body = bytes("{\"id\": 7}")};
  evs_batch *reports = NULL;
  check(evs_publish_wait(system, &event, 1, 5000, &reports, &error), error);
  evs_batch_release(reports);

  evs_batch *batch = NULL;
  check(evs_poll(system, EVS_POLL_MESSAGES, 16, 5000, &batch, &error), error);
  size_t count = 0;
  const evs_message *messages = evs_batch_messages(batch, &count);
  for (size_t i = 0; i < count; i++) {
    printf("%.*s %.*s\n", (int)messages[i].type.size, messages[i].type.data, (int)messages[i].body.size,
           messages[i].body.data);
    check(evs_ack(system, &messages[i].delivery, 1, NULL, &error), error);
  }
  evs_batch_release(batch);

  evs_system_release(system);
  return count == 1 ? 0 : 1;
}
