/* SPDX-License-Identifier: MIT
 * request.c - rare operations by name: those of the system wait here until their condition holds, the rest
 * goes to a transport. A request ends exactly once: with its answer, its time limit, or the close. */
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/json_text.h"
#include "route/coverage.h"
#include "system/request_methods.h"
#include "system/system.h"

enum { DEFAULT_TIMEOUT_MS = 10000, METHOD_MAX = 32, EXAMINED_MAX = 1000 };
/* Who answers, where that is no transport. */
enum { BY_SYSTEM = -1, BY_SCHEMAS = -2 };

struct evsi_request_waiter {
  pthread_mutex_t lock;
  pthread_cond_t done;
  uint32_t holders;
  bool is_told;
  evsi_report *report; /* NULL though told: there was no memory for it */
};

struct evsi_request {
  evsi_task task;
  evs_system *system;
  uint64_t id;
  uint64_t token;
  evsi_request_waiter *waiter;
  evsi_report *no_memory; /* what is told where there is no memory for the answer */
  uint64_t deadline_ms;
  evsi_request_then then; /* takes the answer of a question that no host made, or NULL */
  void *then_data;
  int32_t link;      /* the transport that answers, or BY_… */
  int32_t only;      /* of an own one: the transport that it is about; -1: all of them */
  uint32_t deadline; /* of disconnect, ms */
  char method[METHOD_MAX];
  char *params;
  evsi_config *config; /* of a reload */
};

bool evsi_is_telling(const char *method) {
  return strcmp(method, "transport.tell") == 0;
}

static void waiter_drop(evsi_request_waiter *waiter) {
  pthread_mutex_lock(&waiter->lock);
  uint32_t left = --waiter->holders;
  pthread_mutex_unlock(&waiter->lock);
  if (left > 0)
    return;
  evsi_report_free(waiter->report);
  pthread_cond_destroy(&waiter->done);
  pthread_mutex_destroy(&waiter->lock);
  evsi_free(waiter);
}

static void free_request(evsi_request *request) {
  evsi_config_free(request->config);
  evsi_report_free(request->no_memory);
  evsi_free(request->params);
  evsi_free(request);
}

/* Tells whoever asked, and ends the request. `error` is NULL for an answer. */
static void tell(evsi_request *request, const evs_error *error, evs_bytes json) {
  evs_report report = {.kind = EVS_REPORT_REQUEST, .token = request->token, .detail = json};
  if (error) {
    report.status = evs_error_status(error);
    report.message = evsi_text(evs_error_message(error));
    report.detail = evsi_text(evs_error_json(error));
  }
  evsi_request_waiter *waiter = request->waiter;
  bool is_wanted = waiter || request->token != 0;
  evsi_report *copy = is_wanted ? evsi_report_new(&report) : NULL;
  if (waiter) {
    pthread_mutex_lock(&waiter->lock);
    waiter->report = copy;
    waiter->is_told = true;
    pthread_cond_signal(&waiter->done);
    pthread_mutex_unlock(&waiter->lock);
    waiter_drop(waiter);
  } else if (is_wanted) {
    evsi_records_add(&request->system->records, copy ? copy : request->no_memory);
    request->no_memory = copy ? request->no_memory : NULL;
  }
  free_request(request);
}

/* The only end of a request: whoever took it out of the slots calls this. */
static void finish(evsi_request *request, evs_status status, const char *path, evs_bytes json_or_message) {
  evs_error *error = NULL;
  if (request->then) {
    request->then(request->then_data, status, json_or_message);
    free_request(request);
    return;
  }
  if (status != EVS_OK)
    evsi_error(&error, status, path, "%s: %.*s", request->method, (int)json_or_message.size,
               json_or_message.size ? json_or_message.data : "");
  tell(request, error, json_or_message);
  evs_error_free(error);
}

static evsi_request *take_out(evs_system *system, uint64_t id) {
  pthread_mutex_lock(&system->lock);
  evsi_request *request = evsi_slots_remove(&system->requests, id);
  pthread_mutex_unlock(&system->lock);
  return request;
}

void evsi_requests_refuse(evs_system *system, uint64_t id, evs_status status, const char *path,
                          evs_bytes json_or_message) {
  evsi_request *request = take_out(system, id);
  if (request)
    finish(request, status, path, json_or_message);
}

void evsi_requests_fail(evs_system *system, uint64_t id, evs_error *error) {
  evsi_request *request = take_out(system, id);
  if (request)
    tell(request, error, evsi_bytes(NULL, 0));
  evs_error_free(error);
}

void evsi_requests_answer(evs_system *system, uint64_t id, evs_status status, evs_bytes json_or_message) {
  evsi_requests_refuse(system, id, status, NULL, json_or_message);
}

/* Why it is not connected yet; false when every transport that is asked for is. only: one of them, or -1. */
static bool why_not_connected(evs_system *system, int32_t only, char *text, size_t size, bool *out_fatal) {
  bool missing = false;
  *out_fatal = false;
  pthread_mutex_lock(&system->lock);
  for (uint32_t i = 0; i < system->link_count && !missing; i++) {
    const struct evs_host *host = &system->hosts[i];
    missing = !host->connected && (only < 0 || (uint32_t)only == i);
    if (missing) {
      *out_fatal = host->fatal;
      snprintf(text, size, "transport %s is not connected%s%s", system->links[i].config->name,
               host->message[0] ? ": " : "", host->message);
    }
  }
  pthread_mutex_unlock(&system->lock);
  return missing;
}

static bool is_ready(evs_system *system, int32_t only) {
  return evsi_schemas_ready(system) &&
         evsi_consume_ready(system->consume, only < 0 ? NULL : &system->links[only]);
}

static bool is_disconnected(const evs_system *system, int32_t only) {
  return !evsi_link_is_ending(system, (uint32_t)only);
}

/* Has the condition that an own request waits for come true? Then says so, or why it never will. */
static bool is_due(evs_system *system, const evsi_request *request, evs_status *out_status, char *text,
                   size_t size) {
  bool fatal = false;
  *out_status = EVS_OK;
  snprintf(text, size, "{}");
  if (strcmp(request->method, "connect") == 0) {
    if (why_not_connected(system, request->only, text, size, &fatal)) {
      *out_status = EVS_TRANSPORT;
      return fatal;
    }
    return is_ready(system, request->only);
  }
  if (strcmp(request->method, "disconnect") == 0)
    return is_disconnected(system, request->only);
  if (strcmp(request->method, "ready") == 0)
    return is_ready(system, request->only);
  bool is_flushed = evsi_publisher_in_flight(system->publisher) == 0;
  return strcmp(request->method, "flush") == 0 ? is_flushed
                                               : is_flushed && evsi_consume_drained(system->consume);
}

/* What an own request waits for in vain. */
static const char *what_is_missing(const evs_system *system, const char *method) {
  if (strcmp(method, "flush") == 0)
    return "events still wait for the store";
  if (strcmp(method, "disconnect") == 0)
    return "handlers still run, or the transport does not end";
  if (strcmp(method, "drain") == 0)
    return "messages are still being handled";
  return evsi_schemas_ready(system) ? "the store has not taken every subscription"
                                    : "the registry of schemas could not be read";
}

bool evsi_requests_drain(evs_system *system) {
  uint32_t cursor = 0;
  bool is_drained = false;
  pthread_mutex_lock(&system->lock);
  for (const evsi_request *each; !is_drained && (each = evsi_slots_next(&system->requests, &cursor));)
    is_drained = strcmp(each->method, "drain") == 0;
  pthread_mutex_unlock(&system->lock);
  return is_drained;
}

static void time_out(evs_system *system, const evsi_request *request) {
  char text[400];
  bool fatal;
  if (strcmp(request->method, "connect") == 0 &&
      why_not_connected(system, request->only, text, sizeof text, &fatal)) {
    evsi_requests_answer(system, request->id, EVS_TRANSPORT, evsi_text(text));
    return;
  }
  if (request->link != BY_SYSTEM)
    snprintf(text, sizeof text, "no answer from the store to %s in time", request->method);
  else
    snprintf(text, sizeof text, "not done in time: %s", what_is_missing(system, request->method));
  evsi_requests_answer(system, request->id, EVS_TIMEOUT, evsi_text(text));
}

bool evsi_requests_check(evs_system *system) {
  uint64_t now = evsi_now_ms(system->host_env);
  char text[400];
  uint32_t cursor = 0;
  for (;;) {
    evs_status status;
    pthread_mutex_lock(&system->lock);
    evsi_request *request = evsi_slots_next(&system->requests, &cursor);
    pthread_mutex_unlock(&system->lock);
    if (!request)
      break;
    if (request->link == BY_SYSTEM && is_due(system, request, &status, text, sizeof text))
      evsi_requests_answer(system, request->id, status, evsi_text(text));
    else if (now >= request->deadline_ms)
      time_out(system, request);
  }
  pthread_mutex_lock(&system->lock);
  bool some_wait = system->requests.used > 0;
  pthread_mutex_unlock(&system->lock);
  return some_wait;
}

/* What is posted before the seal is still run; what comes later is refused. */
static bool post(evs_system *system, evsi_request *request) {
  pthread_mutex_lock(&system->lock);
  bool is_open = !system->requests_sealed;
  if (is_open)
    evsi_tasks_post(&system->tasks, &request->task);
  pthread_mutex_unlock(&system->lock);
  return is_open;
}

void evsi_requests_abort(evs_system *system) {
  uint32_t cursor = 0;
  pthread_mutex_lock(&system->lock);
  system->requests_sealed = true;
  pthread_mutex_unlock(&system->lock);
  evsi_tasks_run(&system->tasks); /* those that were posted before find the system closing */
  for (;;) {
    pthread_mutex_lock(&system->lock);
    evsi_request *request = evsi_slots_next(&system->requests, &cursor);
    pthread_mutex_unlock(&system->lock);
    if (!request)
      return;
    evsi_requests_answer(system, request->id, EVS_CLOSED, evsi_text("the system was closed"));
  }
}

/* Connects one transport, or all that are not. False: the request was answered. */
static bool connect_links(evs_system *system, const evsi_request *request) {
  char why[400];
  int expected = EVSI_NEW;
  atomic_compare_exchange_strong(&system->state, &expected, EVSI_OPEN);
  for (uint32_t i = 0; i < system->link_count; i++) {
    if (request->only >= 0 && (uint32_t)request->only != i)
      continue;
    if (!evsi_link_connect(system, i, why, sizeof why)) {
      evsi_requests_answer(system, request->id, EVS_TRANSPORT, evsi_text(why));
      return false;
    }
  }
  evsi_schemas_look(system);
  return true;
}

/* To whom it goes. Nothing follows a call of this: the answer may come, and free the request, within it. */
static void pass_on(evs_system *system, const evsi_request *request) {
  const evsi_link *link = &system->links[request->link];
  if (evsi_is_operations_method(request->method))
    evsi_operations_begin(system, link->index, request->method, request->params, request->id);
  else if (strcmp(request->method, "fleet") == 0 && !evsi_link_announces(link))
    evsi_fleet_answer_self(system, request->id);
  else if (evsi_is_edit(system, request->method, request->params))
    evsi_edit_begin(system, link->index, request->params, request->id);
  else if (link->ops->request)
    link->ops->request(link->transport, request->method, request->params, strlen(request->params),
                       request->id);
  else
    evsi_requests_answer(system, request->id, EVS_UNSUPPORTED,
                         evsi_text("the transport answers no requests"));
}

static bool is_closed_link(evs_system *system, const evsi_request *request) {
  char text[160];
  if (evsi_link_is_open(&system->links[request->link]) ||
      evsi_link_is_ending(system, (uint32_t)request->link))
    return false;
  snprintf(text, sizeof text, "transport %.64s is not connected", system->links[request->link].config->name);
  evsi_requests_answer(system, request->id, EVS_TRANSPORT, evsi_text(text));
  return true;
}

static void answer_coverage(evs_system *system, uint64_t request) {
  evsi_buf out = {0};
  evsi_buf_add_text(&out, "{");
  evsi_router_unused(system->router, &out);
  evsi_buf_add_text(&out, ",");
  evsi_router_compare(system->router, EXAMINED_MAX, &out);
  evsi_buf_add_text(&out, ",\"unmatched\":");
  evsi_stats_labels_json(&system->stats, EVSI_LABEL_TYPE, EVSI_LABELED_UNROUTED, &out);
  char *routes = evsi_router_routes_json(system->router);
  evsi_buf_addf(&out, ",\"routes\":%s}", routes ? routes : "");
  if (out.failed || !routes)
    evsi_requests_answer(system, request, EVS_NOMEM, evsi_text("out of memory"));
  else
    evsi_requests_answer(system, request, EVS_OK, evsi_bytes(out.data, out.size));
  evsi_free(routes);
  evsi_buf_free(&out);
}

/* An own request that waits for nothing. */
static void answer_at_once(evs_system *system, evsi_request *request) {
  evsi_config *config = request->config;
  request->config = NULL;
  if (config)
    evsi_reload_apply(system, config, request->id);
  else if (strcmp(request->method, "coverage") == 0)
    answer_coverage(system, request->id);
  else if (strcmp(request->method, "testing.advance") == 0)
    evsi_testing_advance(system, request->params, request->id);
}

static void run_request(evsi_task *task) {
  evsi_request *request = (evsi_request *)task;
  evs_system *system = request->system;
  pthread_mutex_lock(&system->lock);
  request->id = evsi_slots_add(&system->requests, request);
  pthread_mutex_unlock(&system->lock);
  if (request->id == 0) {
    finish(request, EVS_NOMEM, NULL, evsi_text("out of memory"));
    return;
  }
  if (atomic_load(&system->state) >= EVSI_CLOSING && !evsi_is_telling(request->method)) {
    evsi_requests_answer(system, request->id, EVS_CLOSED, evsi_text("the system was closed"));
    return;
  }
  if (strcmp(request->method, "connect") == 0 && !connect_links(system, request))
    return;
  if (strcmp(request->method, "disconnect") == 0)
    evsi_link_disconnect(system, (uint32_t)request->only, request->deadline);
  else if (strcmp(request->method, "flush") == 0 || strcmp(request->method, "drain") == 0)
    evsi_publisher_flush(system->publisher);
  evsi_system_tick(system);
  if (request->link == BY_SYSTEM)
    answer_at_once(system, request);
  else if (request->link == BY_SCHEMAS)
    evsi_schemas_begin(system, request->method, request->params, request->id);
  else if (!is_closed_link(system, request))
    pass_on(system, request);
}

/* The transport that a request names, or the first one that is not memory-only. */
static evs_status choose_link(evs_system *system, const json_t *params, int32_t *out_link,
                              evs_error **out_error) {
  const char *name = json_string_value(json_object_get(params, "transport"));
  *out_link = 0;
  for (uint32_t i = 0; i < system->link_count; i++) {
    bool fits = name ? strcmp(system->links[i].config->name, name) == 0
                     : (system->links[i].ops->capabilities & EVS_CAP_PERSISTENCE) != 0;
    if (fits) {
      *out_link = (int32_t)i;
      return EVS_OK;
    }
  }
  return name ? evsi_error(out_error, EVS_NOT_FOUND, "/transport", "there is no transport named %.64s", name)
              : EVS_OK;
}

/* Which transport an own request is about. */
static evs_status choose_only(evs_system *system, const char *method, const json_t *params,
                              evsi_request *request, evs_error **out_error) {
  enum { DEADLINE_MAX_MS = 3600000 };
  const json_t *name = json_object_get(params, "transport"), *deadline = json_object_get(params, "deadline");
  bool is_disconnect = strcmp(method, "disconnect") == 0;
  json_int_t ms = deadline ? json_integer_value(deadline) : system->opened_with->consumer.close_deadline_ms;
  if (is_disconnect && !json_is_string(name))
    return evsi_error(out_error, EVS_VALIDATION, "/transport",
                      "say which transport: the whole system ends by closing it");
  if (is_disconnect && ((deadline && !json_is_integer(deadline)) || ms < 0 || ms > DEADLINE_MAX_MS))
    return evsi_error(out_error, EVS_VALIDATION, "/deadline", "deadline must be milliseconds from 0 to %d",
                      DEADLINE_MAX_MS);
  request->deadline = (uint32_t)ms;
  return json_is_string(name) ? choose_link(system, params, &request->only, out_error) : EVS_OK;
}

static evs_status check_note(const json_t *params, const char *name, const char *path,
                             evs_error **out_error) {
  enum { NOTE_MAX = 200 };
  const json_t *value = json_object_get(params, name);
  size_t size = json_string_length(value);
  if (!value || json_is_null(value) || (size >= 1 && size <= NOTE_MAX))
    return EVS_OK;
  return evsi_error(out_error, EVS_VALIDATION, path, "%s must be a text of 1 to %d bytes", name, NOTE_MAX);
}

/* A program that does not say who asks is named by its service and host. */
static evs_status note_actor(const evs_system *system, json_t *params, evs_error **out_error) {
  evsi_buf name = {0};
  evs_status status = check_note(params, "actor", "/actor", out_error);
  if (status == EVS_OK)
    status = check_note(params, "address", "/address", out_error);
  if (status != EVS_OK || json_is_string(json_object_get(params, "actor")))
    return status;
  evsi_buf_addf(&name, "%s@%s", system->opened_with->service, system->identity.host);
  if (name.failed || json_object_set_new(params, "actor", json_string(name.data)) != 0)
    status = evsi_error_nomem(out_error);
  evsi_buf_free(&name);
  return status;
}

/* Arguments as they go on: those of a change with who asked. */
static evs_status take_params(evs_system *system, evsi_request *request, evs_bytes given, json_t *params,
                              evs_error **out_error) {
  bool is_change = evsi_method_changes(request->method);
  bool is_fault = strcmp(request->method, "testing.fail") == 0;
  evs_status status = is_change ? note_actor(system, params, out_error) : EVS_OK;
  if (is_fault &&
      json_object_set_new(params, "originPrefix", json_string(system->opened_with->origin_prefix)) != 0)
    status = evsi_error_nomem(out_error);
  if (status != EVS_OK)
    return status;
  if (is_change || is_fault)
    request->params = evsi_json_text(params);
  else
    request->params = given.size ? evsi_strndup(given.data, given.size) : evsi_strdup("{}");
  return request->params ? EVS_OK : evsi_error_nomem(out_error);
}

static evs_status prepare(evs_system *system, const char *method, evs_bytes params, evsi_request *request,
                          evs_error **out_error) {
  bool is_own = evsi_method_is_own(method);
  bool is_schemas = evsi_is_schemas_method(method);
  if (!is_own && !is_schemas && !evsi_method_is_of_transport(method))
    return evsi_error(out_error, EVS_NOT_FOUND, NULL,
                      "there is no request named %.64s (docs/requests.md lists them)", method);
  json_error_t why = {.line = 0};
  json_t *root = params.size ? evsi_json_load(params, JSON_REJECT_DUPLICATES, &why) : json_object();
  if (!root && json_error_code(&why) == json_error_out_of_memory)
    return evsi_error_nomem(out_error);
  if (!json_is_object(root)) {
    json_decref(root);
    return evsi_error(out_error, EVS_VALIDATION, NULL, "the arguments of %s must be a JSON object", method);
  }
  request->only = -1;
  request->link = is_schemas ? BY_SCHEMAS : BY_SYSTEM;
  snprintf(request->method, sizeof request->method, "%s", method);
  evs_status status = is_own || is_schemas ? EVS_OK : choose_link(system, root, &request->link, out_error);
  if (status == EVS_OK && evsi_method_is_of_link(method))
    status = choose_only(system, method, root, request, out_error);
  if (status == EVS_OK && strcmp(method, "reload") == 0)
    status = evsi_reload_check(system, root, &request->config, out_error);
  if (status == EVS_OK)
    status = take_params(system, request, params, root, out_error);
  json_decref(root);
  if (status == EVS_OK && request->link >= 0 && atomic_load(&system->state) == EVSI_NEW)
    status = evsi_error(out_error, EVS_TRANSPORT, NULL,
                        "the system is not connected: make the request \"connect\" first");
  return status;
}

/* Whoever asked with a token gets a report, also when there is no memory for one by then. */
static evs_status foresee(evsi_request *request, evs_error **out_error) {
  const evs_report report = {.kind = EVS_REPORT_REQUEST,
                             .token = request->token,
                             .status = EVS_NOMEM,
                             .message = evsi_text("out of memory")};
  if (!request->waiter)
    request->no_memory = evsi_report_new(&report);
  return request->waiter || request->no_memory ? EVS_OK : evsi_error_nomem(out_error);
}

evs_status evsi_request_start(evs_system *system, const char *method, evs_bytes params, uint32_t timeout_ms,
                              uint64_t token, evsi_request_waiter *waiter, evs_error **out_error) {
  evsi_request *request = evsi_calloc(1, sizeof *request);
  if (!request)
    return evsi_error_nomem(out_error);
  request->task.run = run_request;
  request->system = system;
  request->token = token;
  request->waiter = waiter;
  request->deadline_ms = evsi_now_ms(system->host_env) + (timeout_ms ? timeout_ms : DEFAULT_TIMEOUT_MS);
  evs_status status = foresee(request, out_error);
  if (status == EVS_OK)
    status = prepare(system, method, params, request, out_error);
  if (status != EVS_OK) {
    free_request(request);
    return status;
  }
  if (!post(system, request)) {
    free_request(request);
    return evsi_error(out_error, EVS_CLOSED, NULL, "the system was closed: open a new one");
  }
  return EVS_OK;
}

void evsi_request_inner(evs_system *system, uint32_t link, const char *method, char *params,
                        evsi_request_then fn, void *data) {
  evsi_request *request = evsi_calloc(1, sizeof *request);
  if (!request) {
    evsi_free(params);
    fn(data, EVS_NOMEM, evsi_text("out of memory"));
    return;
  }
  request->system = system;
  request->then = fn;
  request->then_data = data;
  request->link = (int32_t)link;
  request->params = params;
  request->deadline_ms = evsi_now_ms(system->host_env) + DEFAULT_TIMEOUT_MS;
  snprintf(request->method, sizeof request->method, "%s", method);
  run_request(&request->task);
}

static evs_status take_answer(evsi_request_waiter *waiter, char **out_json, evs_error **out_error) {
  const evsi_report *report = waiter->report;
  if (!report)
    return evsi_error_nomem(out_error);
  if (report->public.status != EVS_OK)
    return evsi_error_again(out_error, report->public.status, report->public.detail);
  *out_json = evsi_strndup(report->public.detail.data, report->public.detail.size);
  return *out_json ? EVS_OK : evsi_error_nomem(out_error);
}

evs_status evsi_request_call(evs_system *system, const char *method, evs_bytes params, uint32_t timeout_ms,
                             char **out_json, evs_error **out_error) {
  enum { GRACE_MS = 1000 };
  evsi_request_waiter *waiter = evsi_calloc(1, sizeof *waiter);
  if (!waiter)
    return evsi_error_nomem(out_error);
  pthread_mutex_init(&waiter->lock, NULL);
  evsi_cond_init(&waiter->done);
  waiter->holders = 2;
  uint64_t limit = timeout_ms ? timeout_ms : DEFAULT_TIMEOUT_MS;
  uint64_t deadline_us = evsi_now_us(system->host_env) + (limit + GRACE_MS) * 1000;
  evs_status status = evsi_request_start(system, method, params, timeout_ms, 0, waiter, out_error);
  if (status != EVS_OK) {
    waiter->holders = 1;
    waiter_drop(waiter);
    return status;
  }
  bool in_time = true;
  pthread_mutex_lock(&waiter->lock);
  while (!waiter->is_told && in_time)
    in_time = evsi_cond_wait(&waiter->done, &waiter->lock, deadline_us);
  status = waiter->is_told ? take_answer(waiter, out_json, out_error)
                           : evsi_error(out_error, EVS_TIMEOUT, NULL, "%s: no answer in time", method);
  pthread_mutex_unlock(&waiter->lock);
  waiter_drop(waiter);
  return status;
}
