/* SPDX-License-Identifier: MIT
 * message.h - messages, reports and events as the JSON of scenarios. */
#ifndef MESSAGE_H
#define MESSAGE_H

#include <jansson.h>

#include "libevents.h"

/* Everything that a handler was given. */
json_t *message_json(const evs_message *message);
json_t *report_json(const evs_report *report);

/* An event of a scenario with the texts that it lends. */
typedef struct test_event {
  evs_event event;
  char *body, *headers;
} test_event;

test_event message_event_of(const json_t *event, uint64_t token);
void message_event_free(test_event *event);

#endif
