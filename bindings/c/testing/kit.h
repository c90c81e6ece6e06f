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

/* So many handlers whose good end shall count as another. */
typedef struct evst_fault {
  struct evst_fault *next;
  uint32_t left;
  bool is_crash;
  char pattern[];
} evst_fault;

struct evs_testing {
  evs_system *system;
  evst_consumer *consumers;
  evst_fault *faults;
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
/* The same where the answer says nothing. */
evs_status evst_ask(evs_testing *kit, const char *method, json_t *params, evs_error **out_error);
evs_status evst_nomem(evs_error **out_error);

/* ---- faults.c ---- */
/* What shall become of a message that was handled well: EVS_OK, or EVS_INTERNAL; or kit->asks_again. */
evs_status evst_mishap(evs_testing *kit, const evs_message *message);
void evst_faults_free(evs_testing *kit);

/* ---- notes.c ---- */
bool evst_fits(const evs_testing *kit, const char *pattern, evs_bytes full_type);
/* "<prefix>.<type>" */
json_t *evst_full_type(const evs_message *message);
/* False: out of memory. */
bool evst_note_handled(evs_testing *kit, const evs_message *message, evs_status status);
/* Fetches what was published since the last time. */
evs_status evst_look(evs_testing *kit, evs_error **out_error);

#endif
