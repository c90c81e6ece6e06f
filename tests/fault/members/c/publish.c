/* SPDX-License-Identifier: MIT
 * publish.c - the publisher: writes what it is about to send, sends it, writes what it was told. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "member.h"

enum { BATCH_MAX = 1000, LINE_MAX = 1 << 20, WAIT_MS = 120000 }; /* beyond every event's own time limit */

/* What became of an event, by EVS_OUTCOME_…. */
static const char *const outcomes[] = {"unknown", "stored", "refused", "unknown"};

typedef struct letters {
  json_t *lines[BATCH_MAX]; /* {id, key, seq, type, body} */
  size_t count;
} letters;

static evs_bytes text_of(const json_t *line, const char *name) {
  const json_t *text = json_object_get(line, name);
  return (evs_bytes){json_string_value(text), json_string_length(text)};
}

static size_t read_batch(FILE *file, letters *batch, size_t most) {
  static char line[LINE_MAX];
  batch->count = 0;
  while (batch->count < most && fgets(line, sizeof line, file)) {
    json_t *event = json_loads(line, 0, NULL);
    if (!event)
      member_fail("a line of the events", NULL);
    batch->lines[batch->count++] = event;
  }
  return batch->count;
}

/* Sends the events of a batch once; keeps those whose outcome nobody knows. */
static void send_once(member *self, letters *batch) {
  evs_event events[BATCH_MAX];
  evs_batch *answer = NULL;
  evs_error *error = NULL;
  size_t count, unknown = 0;
  for (size_t i = 0; i < batch->count; i++) {
    const json_t *line = batch->lines[i];
    events[i] = (evs_event){.struct_size = sizeof events[i],
                            .type = text_of(line, "type"),
                            .body = text_of(line, "body"),
                            .id = text_of(line, "id"),
                            .key = text_of(line, "key")};
    member_write(self, "sending", json_copy(batch->lines[i]));
  }
  if (evs_publish_wait(self->system, events, batch->count, WAIT_MS, &answer, &error) != EVS_OK)
    member_fail("publish", error);
  const evs_report *reports = evs_batch_reports(answer, &count);
  for (size_t i = 0; i < count; i++) {
    json_t *line = batch->lines[i];
    const char *outcome = outcomes[reports[i].outcome];
    member_write(self, "sent",
                 json_pack("{s:O,s:s,s:s#}", "id", json_object_get(line, "id"), "outcome", outcome, "message",
                           reports[i].message.data ? reports[i].message.data : "",
                           (int)reports[i].message.size));
    if (reports[i].outcome == EVS_OUTCOME_UNKNOWN)
      batch->lines[unknown++] = line;
    else
      json_decref(line);
  }
  batch->count = unknown;
  evs_batch_release(answer);
}

void member_publish(member *self) {
  static letters batch;
  const json_t *options = json_object_get(self->job, "publish");
  long pause = (long)json_integer_value(json_object_get(options, "pause"));
  size_t most = (size_t)json_integer_value(json_object_get(options, "batch"));
  bool again = json_is_true(json_object_get(options, "again"));
  FILE *file = fopen(json_string_value(json_object_get(options, "events")), "re");
  if (!file)
    member_fail("the events", NULL);
  while (!member_stopping && read_batch(file, &batch, most < BATCH_MAX ? most : BATCH_MAX) > 0) {
    do
      send_once(self, &batch);
    while (again && batch.count > 0 && !member_stopping);
    for (size_t i = 0; i < batch.count; i++)
      json_decref(batch.lines[i]);
    member_sleep(pause);
  }
  fclose(file);
  member_write(self, "done", json_object());
}
