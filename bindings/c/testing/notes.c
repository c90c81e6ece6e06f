/* SPDX-License-Identifier: MIT
 * notes.c - what went through a kit, and what it says where a test expected something else. */
#include "kit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- taking notes ----------------------------------------------------------------------------- */

static json_t *text_of(evs_bytes bytes) {
  return json_stringn(bytes.size ? bytes.data : "", bytes.size);
}

json_t *evst_full_type(const evs_message *message) {
  bool has_prefix = message->origin_prefix.size > 0;
  return json_sprintf("%.*s%s%.*s", (int)message->origin_prefix.size,
                      has_prefix ? message->origin_prefix.data : "", has_prefix ? "." : "",
                      (int)message->type.size, message->type.data);
}

bool evst_note_handled(evs_testing *kit, const evs_message *message, evs_status status) {
  json_t *body = message->content_type.size == 0
                     ? json_loadb(message->body.data, message->body.size, JSON_DECODE_ANY, NULL)
                     : NULL;
  const char *outcome = status != EVS_OK ? "failed" : kit->asks_again ? "later" : "done";
  json_t *note = json_pack("{s:o,s:o,s:o?,s:o,s:i,s:i,s:o,s:s,s:s,s:I}", "type", text_of(message->type),
                           "fullType", evst_full_type(message), "body", body, "id", text_of(message->id),
                           "attempt", (int)message->attempt, "deliveries", (int)message->deliveries,
                           "pattern", text_of(message->pattern), "outcome", outcome, "status",
                           evs_status_name(status), "at", (json_int_t)kit->now_ms);
  return note && json_array_append_new(kit->handled, note) == 0;
}

static json_t *published_note(const json_t *from) {
  const json_t *event = json_object_get(from, "event"), *header = json_object_get(event, "header");
  return json_pack("{s:O,s:O,s:O?,s:O,s:O?,s:O,s:O,s:O,s:O}", "type", json_object_get(header, "type"),
                   "fullType", json_object_get(from, "type"), "body", json_object_get(event, "body"), "id",
                   json_object_get(header, "id"), "headers", json_object_get(event, "headers"), "topic",
                   json_object_get(from, "topic"), "partition", json_object_get(from, "partition"), "outcome",
                   json_object_get(from, "outcome"), "at", json_object_get(from, "since"));
}

/* One page of what came to a transport; gives whether there is more. */
static evs_status look_at(evs_testing *kit, const char *transport, bool *out_more, evs_error **out_error) {
  size_t index;
  json_t *event;
  json_t *page = NULL, *from = json_object_get(kit->next, transport);
  evs_status status =
      evst_call(kit, "testing.published", json_pack("{s:s,s:O}", "transport", transport, "from", from), &page,
                out_error);
  if (status != EVS_OK)
    return status;
  json_array_foreach(json_object_get(page, "events"), index, event) {
    json_array_append_new(kit->published, published_note(event));
  }
  json_object_set(kit->next, transport, json_object_get(page, "next"));
  *out_more = json_is_true(json_object_get(page, "more"));
  json_decref(page);
  return EVS_OK;
}

evs_status evst_look(evs_testing *kit, evs_error **out_error) {
  evs_status status = EVS_OK;
  json_t *names = json_deep_copy(kit->next), *number;
  const char *name;
  json_object_foreach(names, name, number) {
    bool more = status == EVS_OK;
    while (more && status == EVS_OK)
      status = look_at(kit, name, &more, out_error);
  }
  json_decref(names);
  return status;
}

/* ---- looking at them -------------------------------------------------------------------------- */

bool evst_fits(const evs_testing *kit, const char *pattern, evs_bytes full_type) {
  int32_t matches = 0;
  evs_error *error = NULL;
  evs_pattern_matches((evs_bytes){pattern, strlen(pattern)}, full_type,
                      (evs_bytes){kit->prefix, strlen(kit->prefix)}, &matches, &error);
  evs_error_free(error);
  return matches != 0;
}

static bool fits(const evs_testing *kit, const json_t *note, const char *pattern) {
  const json_t *full_type = json_object_get(note, "fullType");
  return evst_fits(kit, pattern, (evs_bytes){json_string_value(full_type), json_string_length(full_type)});
}

/* Those that match, and have the outcome unless it is NULL. */
static json_t *select_notes(const evs_testing *kit, const json_t *notes, const char *pattern,
                            const char *outcome) {
  size_t index;
  json_t *note, *found = json_array();
  json_array_foreach(notes, index, note) {
    const char *word = json_string_value(json_object_get(note, "outcome"));
    if (fits(kit, note, pattern) && (!outcome || (word && strcmp(word, outcome) == 0)))
      json_array_append(found, note);
  }
  return found;
}

static evs_status give(evs_testing *kit, const json_t *notes, const char *pattern, char **out_json,
                       evs_error **out_error) {
  json_t *found = select_notes(kit, notes, pattern, NULL);
  char *text = found ? json_dumps(found, JSON_COMPACT) : NULL;
  json_decref(found);
  *out_json = text;
  return text ? EVS_OK : evst_nomem(out_error);
}

evs_status evs_testing_published(evs_testing *kit, const char *pattern, char **out_json,
                                 evs_error **out_error) {
  evs_status status = evst_look(kit, out_error);
  return status == EVS_OK ? give(kit, kit->published, pattern, out_json, out_error) : status;
}

evs_status evs_testing_handled(evs_testing *kit, const char *pattern, char **out_json,
                               evs_error **out_error) {
  return give(kit, kit->handled, pattern, out_json, out_error);
}

/* ---- expecting -------------------------------------------------------------------------------- */

/* In one line: an error's message has no other. */
static void add_row(char *text, size_t size, const json_t *note) {
  size_t used = strlen(text);
  char *body = json_dumps(json_object_get(note, "body"), JSON_COMPACT | JSON_ENCODE_ANY);
  const json_t *attempt = json_object_get(note, "attempt");
  snprintf(text + used, size - used, "%s %lld ms: %s %s, ", text[used - 1] == ':' ? "" : ";",
           (long long)json_integer_value(json_object_get(note, "at")),
           json_string_value(json_object_get(note, "fullType")), body ? body : "null");
  used = strlen(text);
  if (attempt)
    snprintf(text + used, size - used, "attempt %lld, ", (long long)json_integer_value(attempt));
  used = strlen(text);
  snprintf(text + used, size - used, "%s", json_string_value(json_object_get(note, "outcome")));
  free(body);
}

static evs_status expect(evs_testing *kit, const json_t *notes, const char *verb, const char *pattern,
                         size_t times, evs_error **out_error) {
  enum { TEXT_MAX = 4096 };
  bool is_handled = notes == kit->handled;
  json_t *found = select_notes(kit, notes, pattern, is_handled ? "done" : "stored"), *note;
  size_t count = json_array_size(found), index;
  char *text = count == times ? NULL : calloc(1, TEXT_MAX);
  json_decref(found);
  if (count == times)
    return EVS_OK;
  if (!text)
    return evst_nomem(out_error);
  snprintf(text, TEXT_MAX, "expected %zu event%s to be %s that match %s; there are %zu. All that were %s:%s",
           times, times == 1 ? "" : "s", verb, pattern, count, verb,
           json_array_size(notes) ? "" : " nothing");
  json_array_foreach(notes, index, note) {
    add_row(text, TEXT_MAX, note);
  }
  evs_status status = evs_error_create(EVS_NOT_FOUND, NULL, text, out_error);
  free(text);
  return status;
}

evs_status evs_testing_expect_published(evs_testing *kit, const char *pattern, size_t times,
                                        evs_error **out_error) {
  evs_status status = evst_look(kit, out_error);
  return status == EVS_OK ? expect(kit, kit->published, "published", pattern, times, out_error) : status;
}

evs_status evs_testing_expect_handled(evs_testing *kit, const char *pattern, size_t times,
                                      evs_error **out_error) {
  return expect(kit, kit->handled, "handled", pattern, times, out_error);
}
