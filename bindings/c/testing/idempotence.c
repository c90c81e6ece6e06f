/* SPDX-License-Identifier: MIT
 * idempotence.c - delivers an event twice and compares what the handler left behind after each time. */
#include "kit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SNAPSHOT_MAX = 65536, TEXT_MAX = 2 * SNAPSHOT_MAX + 1024 };

typedef struct evst_twice {
  evs_testing *kit;
  const evs_testing_idempotence *subject;
  evs_status status;   /* of the handler */
  int count;           /* deliveries that were handled */
  size_t published[3]; /* before the first, after each */
  char *snapshots[2];
} evst_twice;

static size_t look(evst_twice *twice) {
  evst_look(twice->kit, NULL);
  return json_array_size(twice->kit->published);
}

static evs_status deliver(void *data, const evs_message *message) {
  evst_twice *twice = data;
  if (twice->count >= 2)
    return EVS_OK;
  if (twice->count == 0)
    twice->published[0] = look(twice);
  twice->status = twice->subject->handler(twice->subject->data, message);
  if (twice->status != EVS_OK)
    return EVS_OK; /* it is told by the assertion */
  if (twice->subject->snapshot)
    twice->subject->snapshot(twice->subject->data, twice->snapshots[twice->count], SNAPSHOT_MAX);
  twice->count++;
  twice->published[twice->count] = look(twice);
  twice->kit->asks_again = twice->count < 2;
  return EVS_OK;
}

/* Was an event of this id published for the first delivery? */
static bool is_known(const evst_twice *twice, const json_t *event) {
  for (size_t i = twice->published[0]; i < twice->published[1]; i++) {
    if (json_equal(json_object_get(json_array_get(twice->kit->published, i), "id"),
                   json_object_get(event, "id")))
      return true;
  }
  return false;
}

static evs_status judge(const evst_twice *twice, char *text, evs_error **out_error) {
  if (twice->status != EVS_OK)
    return evs_error_create(twice->status, NULL, "the handler failed", out_error);
  if (twice->count < 2)
    return evs_error_create(EVS_CONFLICT, NULL,
                            "the event was not handled twice: its type does not come to the handler",
                            out_error);
  if (strcmp(twice->snapshots[0], twice->snapshots[1]) != 0) {
    snprintf(text, TEXT_MAX, "the handler is not idempotent; its second delivery changed %s to %s",
             twice->snapshots[0], twice->snapshots[1]);
    return evs_error_create(EVS_CONFLICT, NULL, text, out_error);
  }
  for (size_t i = twice->published[1]; i < twice->published[2]; i++) {
    const json_t *event = json_array_get(twice->kit->published, i);
    if (is_known(twice, event))
      continue;
    snprintf(text, TEXT_MAX,
             "the handler is not idempotent; its second delivery published %s as a new event %s: give it an "
             "id that "
             "follows from the event that is handled",
             json_string_value(json_object_get(event, "type")),
             json_string_value(json_object_get(event, "id")));
    return evs_error_create(EVS_CONFLICT, NULL, text, out_error);
  }
  return EVS_OK;
}

static evs_status run(evst_twice *twice, const evs_event *event, evs_error **out_error) {
  evs_testing *kit = twice->kit;
  json_t *options = json_pack("{s:s%,s:s}", "pattern", event->type.data, (size_t)event->type.size, "group",
                              "assert-idempotent");
  char *text = options ? json_dumps(options, JSON_COMPACT) : NULL;
  json_decref(options);
  evs_status status =
      text ? evs_testing_subscribe(kit, text, deliver, twice, out_error) : evst_nomem(out_error);
  free(text);
  if (status != EVS_OK)
    return status;
  evst_consumer *consumer = kit->consumers, **at = &kit->consumers;
  status = evs_testing_publish(kit, event, out_error);
  if (status == EVS_OK)
    status = evs_testing_advance(kit, 1, out_error);
  evs_unsubscribe(kit->system, consumer->token, NULL);
  while (*at != consumer)
    at = &(*at)->next;
  *at = consumer->next;
  free(consumer);
  return status;
}

evs_status evs_testing_expect_idempotent(evs_testing *kit, const evs_event *event,
                                         const evs_testing_idempotence *subject, evs_error **out_error) {
  char *memory = calloc(1, 2 * SNAPSHOT_MAX + TEXT_MAX);
  if (!memory)
    return evst_nomem(out_error);
  evst_twice twice = {.kit = kit, .subject = subject, .snapshots = {memory, memory + SNAPSHOT_MAX}};
  evs_status status = run(&twice, event, out_error);
  if (status == EVS_OK)
    status = judge(&twice, memory + 2 * SNAPSHOT_MAX, out_error);
  free(memory);
  return status;
}
