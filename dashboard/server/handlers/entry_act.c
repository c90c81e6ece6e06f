/* SPDX-License-Identifier: MIT
 * entry_act.c - POST /dlq/entries/{key}:requeue, :discard, :restore and :note: acts on one dead letter.
 * Somebody else may have been faster: then 409 says who. */
#include <stdlib.h>
#include <string.h>

#include "../base64.h"
#include "../redact.h"
#include "entry.h"
#include "handlers.h"
#include "scope.h"

enum { BODY_MAX = 64 << 20, NOTE_MAX = 2000 };

/* Asks for this one id; gives its result {id, outcome, …}, or NULL after an answer. Takes `params` over. */
static json_t *act(evsd_request *request, const char *method, const char *id, json_t *params) {
  json_object_set_new(params, "ids", json_pack("[s]", id));
  json_t *answer = evsd_store_ask(request, method, params);
  if (!answer)
    return NULL;
  json_t *result = json_incref(json_array_get(json_object_get(answer, "results"), 0));
  json_decref(answer);
  evsd_store_forget(request->dashboard);
  if (!result)
    evsd_problem(request, 500, "internal", "The library gave no result: please report it.");
  return result;
}

/* What an outcome other than the wanted one means. */
static void answer_other(evsd_request *request, const char *id, const json_t *result) {
  const char *outcome = evsd_text(result, "outcome", "?");
  if (strcmp(outcome, "error") == 0)
    evsd_problem(request, 503, "store_refused", "%s", evsd_text(result, "message", "The store refused."));
  else if (strcmp(outcome, "too_often") == 0)
    evsd_problem(request, 409, "too_often",
                 "It was requeued and died again too often. Mend why, then use \"force\".");
  else if (strcmp(outcome, "not_restorable") == 0)
    evsd_problem(request, 409, "not_restorable", "Only discarded dead letters can be restored.");
  else
    evsd_entry_gone(request, id, 409);
}

/* A redacted text that comes back edited would destroy what the caller did not see. */
static bool may_edit(evsd_request *request, const char *id) {
  evsd_item item;
  evsd_failure failure;
  if (!evsd_require(request, EVSD_EDIT))
    return false;
  if (!evsd_is_redacting(request))
    return true;
  if (!evsd_item_get(request->dashboard, json_pack("{s:s}", "id", id), &item, &failure)) {
    if (failure.status == EVS_NOT_FOUND)
      evsd_entry_gone(request, id, 409);
    else
      evsd_store_problem(request, &failure);
    return false;
  }
  json_t *found = json_array();
  char *shown = item.raw ? NULL : evsd_redact(item.body, request->dashboard->options.redact, found);
  bool is_whole = shown && json_array_size(found) == 0;
  free(shown);
  json_decref(found);
  evsd_item_free(&item);
  if (!is_whole)
    evsd_problem(
        request, 403, "redaction_active",
        "Parts of this body are redacted for you, so an edit would overwrite them; the role admin can.");
  return is_whole;
}

/* {"body": text} or {"raw": base64} of the body's `edit`; NULL after a problem. */
static json_t *edit_of(evsd_request *request) {
  json_t *edit = json_object_get(request->body, "edit");
  json_t *text = json_object_get(edit, "bodyText"), *raw = json_object_get(edit, "raw");
  json_t *given = text ? text : raw;
  if (!json_is_object(edit) || json_object_size(edit) != 1 || !json_is_string(given) ||
      json_string_length(given) > BODY_MAX) {
    evsd_problem(request, 400, "bad_body", "\"edit\" must be {\"bodyText\": text} or {\"raw\": base64}.");
    return NULL;
  }
  return json_pack("{s:O}", text ? "body" : "raw", given);
}

static void requeue(evsd_request *request, const char *id) {
  json_t *params = evsd_actor_params(request);
  if (json_object_get(request->body, "edit")) {
    json_t *edit = may_edit(request, id) ? edit_of(request) : NULL;
    if (!edit) {
      json_decref(params);
      return;
    }
    json_object_set_new(params, "edit", edit);
  }
  evsd_redrive_add(request, params);
  json_t *result = act(request, "dlq.requeue", id, params);
  if (result && strcmp(evsd_text(result, "outcome", ""), "requeued") == 0)
    evsd_reply_json(request, 200,
                    json_pack("{s:s, s:o, s:n}", "outcome", "requeued", "offset",
                              evsd_member(result, "offset"), "operation"));
  else if (result)
    answer_other(request, id, result);
  json_decref(result);
}

void evsd_post_entry_requeue(evsd_request *request) {
  static const char *const known[] = {"edit", "to", "force", NULL};
  if (!evsd_body_members(request, known))
    return;
  char *id = evsd_entry_id(request);
  if (id)
    requeue(request, id);
  free(id);
}

void evsd_post_entry_discard(evsd_request *request) {
  static const char *const known[] = {"reason", NULL};
  const char *reason = NULL;
  if (!evsd_body_members(request, known) || !evsd_body_text(request, "reason", EVSD_REASON_MAX, &reason))
    return;
  char *id = evsd_entry_id(request);
  if (!id)
    return;
  json_t *params = evsd_actor_params(request);
  if (reason)
    json_object_set_new(params, "reason", json_string(reason));
  json_t *result = act(request, "dlq.discard", id, params);
  if (result && strcmp(evsd_text(result, "outcome", ""), "discarded") == 0)
    evsd_reply_json(request, 200, json_pack("{s:s}", "outcome", "discarded"));
  else if (result)
    answer_other(request, id, result);
  json_decref(result);
  free(id);
}

void evsd_post_entry_restore(evsd_request *request) {
  static const char *const known[] = {NULL};
  if (!evsd_body_members(request, known))
    return;
  char *id = evsd_entry_id(request);
  json_t *result = id ? act(request, "dlq.restore", id, evsd_actor_params(request)) : NULL;
  const char *outcome = evsd_text(result, "outcome", "");
  if (strcmp(outcome, "restored") == 0) {
    char *key = evsd_key_of_id(evsd_text(result, "newId", id));
    evsd_reply_json(request, 200, json_pack("{s:s, s:s}", "outcome", "restored", "key", key ? key : ""));
    free(key);
  } else if (strcmp(outcome, "not_found") == 0) {
    evsd_problem(request, 404, "not_found", "There is no such dead letter in the archive.");
  } else if (result) {
    answer_other(request, id, result);
  }
  json_decref(result);
  free(id);
}

/* The text of the body as dlq.note takes it: null takes the note away. False after a problem. */
static bool note_read(evsd_request *request, json_t *params) {
  json_t *text = json_object_get(request->body, "text");
  if (!json_is_null(text) &&
      (!json_is_string(text) || json_string_length(text) == 0 || json_string_length(text) > NOTE_MAX)) {
    evsd_problem(request, 400, "bad_body", "\"text\" must be a text of 1 to 2000 bytes, or null for none.");
    return false;
  }
  json_object_set(params, "note", text);
  return true;
}

void evsd_post_entry_note(evsd_request *request) {
  static const char *const known[] = {"text", NULL};
  char *id = evsd_body_members(request, known) ? evsd_entry_id(request) : NULL;
  json_t *params = id ? evsd_actor_params(request) : NULL;
  json_t *result =
      params && note_read(request, params) ? act(request, "dlq.note", id, json_incref(params)) : NULL;
  if (result && strcmp(evsd_text(result, "outcome", ""), "noted") == 0)
    evsd_reply_json(request, 200, json_pack("{s:s}", "outcome", "noted"));
  else if (result)
    answer_other(request, id, result);
  json_decref(result);
  json_decref(params);
  free(id);
}
