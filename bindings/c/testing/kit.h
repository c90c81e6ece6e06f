/* SPDX-License-Identifier: MIT
 * kit.h - what the files of the kit share. */
#ifndef EVST_KIT_H
#define EVST_KIT_H

#include <jansson.h>
#include <stdbool.h>

#include "libevents_testing.h"

typedef struct evst_consumer {
  struct evst_consumer *next;
  uint64_t token;
  evs_testing_handler handler;
  void *data;
} evst_consumer;

struct evs_testing {
  evs_system *system;
  evst_consumer *consumers;
  json_t *handled;   /* notes, in order */
  json_t *published; /* the same, as far as they were looked at */
  json_t *next;      /* name of a transport to the number of the note to go on with */
  char *prefix;      /* of the system */
  uint64_t now_ms;
  bool asks_again; /* a handler wants its event once more, at once */
};

/* A request by name; takes the reference to `params`. gives: *out_answer, json_decref(); NULL when it fails
 */
evs_status evst_call(evs_testing *kit, const char *method, json_t *params, json_t **out_answer,
                     evs_error **out_error);
evs_status evst_nomem(evs_error **out_error);

/* ---- notes.c ---- */
/* False: out of memory. */
bool evst_note_handled(evs_testing *kit, const evs_message *message, evs_status status);
/* Fetches what was published since the last time. */
evs_status evst_look(evs_testing *kit, evs_error **out_error);

#endif
