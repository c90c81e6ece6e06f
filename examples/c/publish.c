/* SPDX-License-Identifier: MIT
 * publish.c - publishes several events at once and reads each one's outcome.
 *
 *   cc publish.c -levents -o publish && ./publish redis://127.0.0.1:6379 */
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

/* Every event has its own outcome: that one is refused does not stop the others. */
static size_t print_outcomes(const evs_batch *batch) {
  size_t count = 0, stored = 0;
  const evs_report *reports = evs_batch_reports(batch, &count);
  for (size_t i = 0; i < count; i++) {
    const evs_report *report = &reports[i];
    if (report->outcome == EVS_OUTCOME_STORED) {
      stored++;
      printf("stored  %.*s as %.*s/%.*s\n", (int)report->id.size, report->id.data, (int)report->topic.size,
             report->topic.data, (int)report->offset.size, report->offset.data);
    } else {
      /* After EVS_OUTCOME_UNKNOWN the event may or may not be stored: publish it again with the same id. */
      printf("%s %.*s\n", report->outcome == EVS_OUTCOME_REFUSED ? "refused" : "unknown",
             (int)report->message.size, report->message.data);
    }
  }
  return stored;
}

int main(int argc, char **argv) {
  const char *url = argc > 1 ? argv[1] : "redis://127.0.0.1:6379";
  char config[1024];
  snprintf(
      config, sizeof config,
      "{\"service\": \"shop\", \"transports\": {\"main\": {\"type\": \"redis-streams\", \"url\": \"%s\"}}}",
      url);
  evs_error *error = NULL;
  evs_system *system = NULL;
  char *answer = NULL;
  check(evs_system_open(config, strlen(config), &system, &error), error);
  check(evs_call(system, "connect", "{}", 2, 5000, &answer, &error), error);
  evs_string_free(answer);

  evs_event events[3] = {
      {.struct_size = sizeof(evs_event),
       .type = bytes("order.placed"),
       .body = bytes("{\"id\": 7, \"total\": 12.5}"),
       .key = bytes("7"),
       .headers = bytes("{\"correlationId\": \"checkout-42\"}")},
      {.struct_size = sizeof(evs_event), .type = bytes("order.paid"), .body = bytes("{\"id\": 7}")},
      {.struct_size = sizeof(evs_event), .type = bytes("not a type!"), .body = bytes("{}")},
  };
  evs_batch *reports = NULL;
  check(evs_publish_wait(system, events, 3, 10000, &reports, &error), error);
  size_t stored = print_outcomes(reports);
  evs_batch_release(reports);

  evs_system_release(system);
  return stored == 2 ? 0 : 1;
}
