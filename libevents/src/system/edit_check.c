/* SPDX-License-Identifier: MIT
 * edit_check.c - a dead letter that goes back with another body: that is held against the schema of its event
 * first, so that nobody mends one failure by making the next. */
#include <jansson.h>
#include <string.h>

#include "base/alloc.h"
#include "base/json_text.h"
#include "system/system.h"

typedef struct edit_check {
  evs_system *system;
  uint32_t link;
  uint64_t request;
  char *params;
} edit_check;

static const char *text_in(const json_t *object, const char *name) {
  return json_string_value(json_object_get(object, name));
}

bool evsi_is_edit(const evs_system *system, const char *method, const char *params) {
  if (strcmp(method, "dlq.requeue") != 0 || evsi_registry_is_empty(evsi_schemas_registry(system)))
    return false;
  json_t *root = evsi_json_load(evsi_text(params), 0, NULL);
  bool is_edit = text_in(json_object_get(root, "edit"), "body") != NULL;
  json_decref(root);
  return is_edit;
}

/* As a consumer would judge. */
static evsi_body_state judge(const edit_check *check, const json_t *letter, const json_t *body,
                             evsi_judgement *out) {
  const json_t *header = json_object_get(letter, "header");
  evsi_body_rules rules = {.registry = evsi_schemas_registry(check->system)};
  return evsi_body_judge(&rules, evsi_text(text_in(header, "type")), evsi_text(text_in(header, "version")),
                         evsi_bytes(json_string_value(body), json_string_length(body)), out);
}

/* True: refused, and answered. */
static bool is_refused(const edit_check *check, evs_bytes answer) {
  json_t *letter = evsi_json_load(answer, 0, NULL),
         *params = evsi_json_load(evsi_text(check->params), 0, NULL);
  const char *type = text_in(json_object_get(letter, "header"), "type");
  evsi_judgement judgement;
  evs_error *error = NULL;
  evsi_body_state state =
      judge(check, letter, json_object_get(json_object_get(params, "edit"), "body"), &judgement);
  if (state == EVSI_BODY_INVALID)
    evsi_judgement_error(&judgement, evsi_text(type), "/edit/body", &error);
  if (error)
    evsi_requests_fail(check->system, check->request, error);
  evsi_judgement_free(&judgement);
  json_decref(letter);
  json_decref(params);
  return error != NULL;
}

/* What cannot be read goes on: the transport says what is wrong with it. */
static void on_letter(void *data, evs_status status, evs_bytes json_or_message) {
  edit_check *check = data;
  const evsi_link *link = &check->system->links[check->link];
  if (status == EVS_CLOSED)
    evsi_requests_answer(check->system, check->request, EVS_CLOSED, json_or_message);
  else if (!evsi_link_is_open(link))
    evsi_requests_answer(check->system, check->request, EVS_TRANSPORT, evsi_text("it was disconnected"));
  else if (status != EVS_OK || !is_refused(check, json_or_message))
    link->ops->request(link->transport, "dlq.requeue", check->params, strlen(check->params), check->request);
  evsi_free(check->params);
  evsi_free(check);
}

void evsi_edit_begin(evs_system *system, uint32_t link, const char *params, uint64_t request) {
  edit_check *check = evsi_calloc(1, sizeof *check);
  json_t *root = evsi_json_load(evsi_text(params), 0, NULL);
  const char *id = json_string_value(json_array_get(json_object_get(root, "ids"), 0));
  json_t *question = json_pack("{s:s,s:i}", "id", id ? id : "", "maxBody", 0);
  char *text = question ? evsi_json_text(question) : NULL;
  json_decref(question);
  json_decref(root);
  if (check)
    *check = (edit_check){system, link, request, evsi_strdup(params)};
  if (check && check->params && text) {
    evsi_request_inner(system, link, "dlq.get", text, on_letter, check);
    return;
  }
  if (check)
    evsi_free(check->params);
  evsi_free(check);
  evsi_free(text);
  evsi_requests_answer(system, request, EVS_NOMEM, evsi_text("out of memory"));
}
