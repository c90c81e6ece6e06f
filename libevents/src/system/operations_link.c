/* SPDX-License-Identifier: MIT
 * operations_link.c - joins the engine of operations to one transport of a system: its questions are requests
 * to the transport that no host made. */
#include <string.h>

#include "base/json_text.h"
#include "deadletter/operations.h"
#include "system/system.h"

/* One for each transport on which a host asked for operations. */
struct evsi_operations_link {
  evs_system *system;
  uint32_t link;
  evsi_operations *engine;
};

/* A question of the engine. */
typedef struct question {
  evsi_answer_fn fn;
  void *context;
} question;

static void on_answer(void *data, evs_status status, evs_bytes json_or_message) {
  question asked = *(question *)data;
  json_t *answer = NULL;
  evsi_free(data);
  if (status == EVS_OK) {
    answer = evsi_json_load(json_or_message, 0, NULL);
    status = answer ? EVS_OK : EVS_NOMEM;
    json_or_message = evsi_text("out of memory");
  }
  char *message = status == EVS_OK ? NULL : evsi_strndup(json_or_message.data, json_or_message.size);
  asked.fn(asked.context, status, answer, message);
  evsi_free(message);
  json_decref(answer);
}

static void ask(void *data, const char *method, json_t *params, evsi_answer_fn fn, void *context) {
  struct evsi_operations_link *operations = data;
  question *asked = evsi_alloc(sizeof *asked);
  char *text = evsi_json_text(params);
  json_decref(params);
  if (!asked || !text) {
    evsi_free(asked);
    evsi_free(text);
    fn(context, EVS_NOMEM, NULL, "out of memory");
    return;
  }
  *asked = (question){fn, context};
  evsi_request_inner(operations->system, operations->link, method, text, on_answer, asked);
}

static void answer(void *data, uint64_t request, const evsi_operations_answer *answer) {
  struct evsi_operations_link *operations = data;
  evsi_requests_refuse(operations->system, request, answer->status, answer->path, answer->json_or_message);
}

static void note(void *data, int32_t level, const char *message) {
  struct evsi_operations_link *operations = data;
  evsi_system_log(operations->system, level, operations->system->links[operations->link].config->name,
                  message);
}

static evsi_operations *engine_of(evs_system *system, uint32_t link) {
  if (!system->operations)
    system->operations = evsi_calloc(system->link_count, sizeof *system->operations);
  if (!system->operations)
    return NULL;
  struct evsi_operations_link *operations = &system->operations[link];
  if (operations->engine)
    return operations->engine;
  operations->system = system;
  operations->link = link;
  const evsi_operations_setup setup = {.env = system->env,
                                       .loop = system->loop,
                                       .data = operations,
                                       .ask = ask,
                                       .answer = answer,
                                       .log = note};
  operations->engine = evsi_operations_new(&setup);
  return operations->engine;
}

static bool is_replay_method(const char *method) {
  return strncmp(method, "replay.", strlen("replay.")) == 0;
}

bool evsi_is_operations_method(const char *method) {
  return strncmp(method, "operations.", strlen("operations.")) == 0 || is_replay_method(method);
}

void evsi_operations_begin(evs_system *system, uint32_t link, const char *method, const char *params,
                           uint64_t request) {
  bool is_replay = is_replay_method(method);
  uint64_t needed = is_replay ? EVS_CAP_REPLAY : EVS_CAP_DLQ;
  if ((system->links[link].ops->capabilities & needed) == 0) {
    evsi_requests_answer(system, request, EVS_UNSUPPORTED,
                         evsi_text(is_replay ? "this transport keeps no events that could be replayed"
                                             : "this transport keeps no dead letters, so there are no "
                                               "operations on them"));
    return;
  }
  evsi_operations *engine = engine_of(system, link);
  if (engine)
    evsi_operations_request(engine, method, params, request);
  else
    evsi_requests_answer(system, request, EVS_NOMEM, evsi_text("out of memory"));
}

void evsi_operations_end(evs_system *system) {
  for (uint32_t i = 0; system->operations && i < system->link_count; i++) {
    if (system->operations[i].engine)
      evsi_operations_stop(system->operations[i].engine);
  }
}

void evsi_operations_release(evs_system *system) {
  for (uint32_t i = 0; system->operations && i < system->link_count; i++)
    evsi_operations_free(system->operations[i].engine);
  evsi_free(system->operations);
}
