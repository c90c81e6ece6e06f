/* SPDX-License-Identifier: MIT
 * store.c - see store.h. */
#include "store.h"

#include <stdio.h>
#include <string.h>

#include "json.h"
#include "request.h"
#include "transports.h"

/* Short, so that the threads of a stopping dashboard and of pages that wait are soon free again. */
enum { CALL_TIMEOUT_MS = 3000, SHARED_MS = 1000 };

void evsd_store_init(evsd_store *store) {
  for (int i = 0; i < EVSD_SHARED; i++)
    pthread_mutex_init(&store->slots[i].lock, NULL);
}

void evsd_store_destroy(evsd_store *store) {
  for (int i = 0; i < EVSD_SHARED; i++) {
    evsd_document_drop(store->slots[i].answer);
    pthread_mutex_destroy(&store->slots[i].lock);
  }
}

static void fail(evsd_failure *failure, evs_status status, const char *path, const char *message) {
  failure->status = status;
  snprintf(failure->message, sizeof failure->message, "%s", message);
  snprintf(failure->path, sizeof failure->path, "%s", path);
}

char *evsd_store_text(evs_dashboard *dashboard, const char *method, json_t *params, uint32_t timeout_ms,
                      evsd_failure *failure) {
  evs_error *error = NULL;
  char *answer = NULL, why[512];
  char *text = json_dumps(params, JSON_COMPACT);
  json_decref(params);
  *failure = (evsd_failure){0};
  if (!text) {
    fail(failure, EVS_NOMEM, "", "out of memory");
    return NULL;
  }
  if (atomic_load(&dashboard->is_stopping)) {
    fail(failure, EVS_CLOSED, "", "the dashboard is being stopped");
  } else if (!evsd_transports_connected(dashboard, why, sizeof why)) {
    fail(failure, EVS_TRANSPORT, "", why); /* asking would only wait */
  } else {
    atomic_fetch_add_explicit(&dashboard->store.calls, 1, memory_order_relaxed);
    if (evs_call(dashboard->system, method, text, strlen(text), timeout_ms, &answer, &error) != EVS_OK)
      fail(failure, evs_error_status(error), evs_error_path(error), evs_error_message(error));
    evs_error_free(error);
  }
  free(text);
  return answer;
}

json_t *evsd_store_json(evs_dashboard *dashboard, const char *method, json_t *params, evsd_failure *failure) {
  char *text = evsd_store_text(dashboard, method, params, CALL_TIMEOUT_MS, failure);
  json_t *answer = text ? evsd_json_load((evs_bytes){text, strlen(text)}) : NULL;
  if (text && !answer)
    fail(failure, EVS_INTERNAL, "", "the answer of the library is not JSON: please report it");
  evs_string_free(text);
  return answer;
}

json_t *evsd_store_ask(evsd_request *request, const char *method, json_t *params) {
  evsd_failure failure;
  json_t *answer = evsd_store_json(request->dashboard, method, params, &failure);
  if (!answer)
    evsd_store_problem(request, &failure);
  return answer;
}

evsd_document *evsd_store_shared(evs_dashboard *dashboard, evsd_shared what, evsd_failure *failure) {
  static const char *const methods[EVSD_SHARED] = {"groups", "dlq.groups"};
  evsd_store_slot *slot = &dashboard->store.slots[what];
  pthread_mutex_lock(&slot->lock);
  uint64_t now = evsd_now_ms();
  if (slot->at_ms == 0 || now - slot->at_ms >= SHARED_MS) {
    evsd_document_drop(slot->answer);
    slot->answer =
        evsd_document_new(evsd_store_json(dashboard, methods[what], json_object(), &slot->failure));
    slot->at_ms = evsd_now_ms();
  }
  evsd_document *answer = evsd_document_hold(slot->answer);
  *failure = slot->failure;
  pthread_mutex_unlock(&slot->lock);
  return answer;
}

void evsd_store_forget(evs_dashboard *dashboard) {
  for (int i = 0; i < EVSD_SHARED; i++) {
    evsd_store_slot *slot = &dashboard->store.slots[i];
    pthread_mutex_lock(&slot->lock);
    slot->at_ms = 0;
    pthread_mutex_unlock(&slot->lock);
  }
}

static const struct {
  evs_status status;
  int http;
  const char *code;
} meanings[] = {
    {EVS_VALIDATION, 422, "refused"},           {EVS_ARGUMENT, 422, "refused"},
    {EVS_NOT_FOUND, 404, "not_found"},          {EVS_CONFLICT, 409, "conflict"},
    {EVS_UNSUPPORTED, 501, "unsupported"},      {EVS_TRANSPORT, 503, "store_unavailable"},
    {EVS_TIMEOUT, 503, "store_unavailable"},    {EVS_CLOSED, 503, "closed"},
    {EVS_QUEUE_FULL, 503, "store_unavailable"}, {EVS_NOMEM, 503, "out_of_memory"},
};

const char *evsd_failure_code(evs_status status) {
  for (size_t i = 0; i < sizeof meanings / sizeof meanings[0]; i++) {
    if (meanings[i].status == status)
      return meanings[i].code;
  }
  return "internal";
}

void evsd_store_problem(evsd_request *request, const evsd_failure *failure) {
  int http = 500;
  for (size_t i = 0; i < sizeof meanings / sizeof meanings[0]; i++) {
    if (meanings[i].status == failure->status)
      http = meanings[i].http;
  }
  if (http == 422 && !request->body) /* it stood in the address */
    http = 400;
  evsd_problem(request, http, evsd_failure_code(failure->status), "%s", failure->message);
  if (failure->path[0])
    evsd_problem_set(request, "path", json_string(failure->path));
}

json_t *evsd_actor_params(const evsd_request *request) {
  return json_pack("{s:s, s:s}", "actor", request->caller.name, "address", request->address);
}
