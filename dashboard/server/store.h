/* SPDX-License-Identifier: MIT
 * store.h - asks the system's requests (docs/requests.md) for handlers: with a time limit, without waiting
 * for a store that is known to be away, and once a second at most for what every open page polls. */
#ifndef EVSD_STORE_H
#define EVSD_STORE_H

#include <jansson.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>

#include "document.h"
#include "libevents.h"

struct evs_dashboard;
struct evsd_request;

/* What is shared between pages. */
typedef enum { EVSD_SHARED_GROUPS, EVSD_SHARED_FINGERPRINTS, EVSD_SHARED } evsd_shared;

/* Why there is no answer. */
typedef struct evsd_failure {
  evs_status status;
  char message[512];
  char path[128];
} evsd_failure;

typedef struct evsd_store_slot {
  pthread_mutex_t lock; /* held while asking: others wait for the same answer */
  uint64_t at_ms;
  evsd_document *answer;
  evsd_failure failure;
} evsd_store_slot;

typedef struct evsd_store {
  evsd_store_slot slots[EVSD_SHARED];
  _Atomic uint64_t calls;
} evsd_store;

void evsd_store_init(evsd_store *store);
void evsd_store_destroy(evsd_store *store);

/* The answer's text (evs_string_free), or NULL and why. Takes `params` over. */
char *evsd_store_text(struct evs_dashboard *dashboard, const char *method, json_t *params,
                      uint32_t timeout_ms, evsd_failure *failure);
/* The same, parsed (json_decref), within 3 s. */
json_t *evsd_store_json(struct evs_dashboard *dashboard, const char *method, json_t *params,
                        evsd_failure *failure);
/* For handlers: a failure becomes the answer. */
json_t *evsd_store_ask(struct evsd_request *request, const char *method, json_t *params);
/* The newest shared answer, at most a second old (evsd_document_drop). */
evsd_document *evsd_store_shared(struct evs_dashboard *dashboard, evsd_shared what, evsd_failure *failure);
/* After a change: the next one that asks gets a new answer. */
void evsd_store_forget(struct evs_dashboard *dashboard);

/* Answers with the problem that a failure stands for. */
void evsd_store_problem(struct evsd_request *request, const evsd_failure *failure);
const char *evsd_failure_code(evs_status status);

/* {actor, address} of who asks, for archive and audit. */
json_t *evsd_actor_params(const struct evsd_request *request);

#endif
