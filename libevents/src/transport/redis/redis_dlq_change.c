/* SPDX-License-Identifier: MIT
 * redis_dlq_change.c - the requests `dlq.requeue`, `dlq.discard` and `dlq.restore`: by ids, or by a filter in
 * pages. Each letter is moved once by a script, so repeating a request repeats nothing. A filter takes what
 * is there when the request begins: what fails again meanwhile is not taken again. */
#include <stdio.h>
#include <string.h>

#include "event/base64.h"
#include "event/envelope_edit.h"
#include "transport/redis/redis_audit.h"
#include "transport/redis/redis_move.h"
#include "transport/redis/redis_outbox.h"

enum { LIMIT_DEFAULT = 10000, LIMIT_MOST = 1000000, RESULTS_MOST = 10000, SCOPE_IDS = 20 };

typedef struct change {
  evsi_redis_move_kind kind;
  char *note, *options;
  bool is_edit, is_dry;
  const char *to;  /* another topic, or NULL */
  json_t *ids;     /* given, or those of the page that is moved */
  json_t *results; /* the first ones; the counts go on */
  evsi_buf data, raw;
  uint64_t selected;
  char (*bounds)[EVSI_REDIS_ID_TEXT]; /* of each stream: its newest letter at the start */
} change;

static void change_free(void *data) {
  change *made = data;
  if (!made)
    return;
  evsi_free(made->note);
  evsi_free(made->options);
  evsi_free(made->bounds);
  evsi_buf_free(&made->data);
  evsi_buf_free(&made->raw);
  json_decref(made->ids);
  json_decref(made->results);
  evsi_free(made);
}

/* ---- answering -------------------------------------------------------------------------------- */

static void answer(evsi_redis_request *request) {
  const change *made = request->extra;
  json_int_t done = made->is_dry ? 0 : (json_int_t)request->done;
  json_t *document = json_pack("{s:I,s:O}", evsi_redis_move_done(made->kind), done, "results", made->results);
  if (made->is_dry)
    json_object_set_new(document, "wouldBe", json_integer((json_int_t)request->done));
  evsi_redis_request_json(request, document);
  json_decref(document);
}

/* What it was about: the filter, or the first ids and their number. */
static json_t *scope_of(const evsi_redis_request *request) {
  json_t *filter = json_object_get(request->params, "filter"), *ids = json_object_get(request->params, "ids");
  json_t *some = json_array();
  if (!json_is_array(ids)) {
    json_decref(some);
    return json_pack("{s:O}", "filter", filter);
  }
  for (size_t i = 0; i < json_array_size(ids) && i < SCOPE_IDS; i++)
    json_array_append(some, json_array_get(ids, i));
  return json_pack("{s:o,s:I}", "ids", some, "total", (json_int_t)json_array_size(ids));
}

/* What went to another topic: where it is there, or why it is not yet. */
static void add_copies(evsi_redis_request *request) {
  const change *made = request->extra;
  size_t i;
  json_t *result;
  if (!made->to || made->is_dry)
    return;
  json_array_foreach(made->results, i, result) {
    const char *id = json_string_value(json_object_get(result, "id"));
    const char *outcome = json_string_value(json_object_get(result, "outcome"));
    evs_bytes name, entry;
    if (!id || !outcome || strcmp(outcome, "requeued") != 0 ||
        !evsi_redis_letter_split(request->transport, id, &name, &entry))
      continue;
    char stream[EVSI_REDIS_NAME_MAX];
    snprintf(stream, sizeof stream, "%.*s", (int)name.size, name.data);
    const char *copy = evsi_redis_outbox_copy(request, stream, entry.data);
    const char *why = evsi_redis_outbox_error(request);
    json_object_set_new(result, "topic", json_string(made->to));
    if (copy)
      json_object_set_new(result, "offset", json_string(copy));
    else if (why)
      json_object_set_new(result, "message", json_sprintf("on its way, tried again: %s", why));
  }
}

static void finish(evsi_redis_request *request) {
  static const char *const actions[] = {[EVSI_MOVE_REQUEUE] = "dlq.requeue",
                                        [EVSI_MOVE_DISCARD] = "dlq.discard",
                                        [EVSI_MOVE_PURGE] = "dlq.purge",
                                        [EVSI_MOVE_RESTORE] = "dlq.restore"};
  const change *made = request->extra;
  add_copies(request);
  if (made->is_dry) {
    answer(request);
    return;
  }
  bool is_all = request->done == made->selected;
  const evsi_redis_audit_row row = {.action = made->is_edit ? "dlq.edit" : actions[made->kind],
                                    .scope = scope_of(request),
                                    .count = request->done,
                                    .result = request->done == 0 ? "nothing"
                                              : is_all           ? "done"
                                                                 : "partly"};
  request->step = answer;
  evsi_redis_audit(request, &row);
}

/* ---- moving ----------------------------------------------------------------------------------- */

static void add_result(evsi_redis_request *request, json_t *result) {
  change *made = request->extra;
  const char *outcome = json_string_value(json_object_get(result, "outcome"));
  request->done += outcome && evsi_redis_move_is_done(made->kind, outcome);
  if (json_array_size(made->results) < RESULTS_MOST)
    json_array_append(made->results, result);
  json_decref(result);
}

/* One call moves letters [from, end) of the list: its tag says which. */
static uint64_t tag_of(size_t from, size_t end) {
  return (uint64_t)from << 16 | (uint64_t)(end - from);
}

static void on_moved(evsi_redis_request *request, uint64_t tag, const evsi_redis_reply *reply) {
  const change *made = request->extra;
  size_t from = (size_t)(tag >> 16), count = (size_t)(tag & 0xffff);
  bool is_refused = reply->type != EVSI_REDIS_ARRAY;
  for (size_t i = 0; i < count; i++) {
    const char *id = json_string_value(json_array_get(made->ids, from + i));
    add_result(request, evsi_redis_move_result(request, made->kind, id ? id : "",
                                               is_refused ? reply : evsi_redis_item(reply, i)));
  }
}

static void send(evsi_redis_request *request, evs_bytes name, size_t from, size_t end) {
  const change *made = request->extra;
  const evsi_redis_move move = {.kind = made->kind,
                                .name = name,
                                .note = made->note,
                                .options = made->options,
                                .ids = made->ids,
                                .from = from,
                                .count = end - from,
                                .data = evsi_bytes(made->data.data, made->data.size),
                                .raw = evsi_bytes(made->raw.data, made->raw.size)};
  bool is_sent_elsewhere = made->to && !made->is_dry;
  char stream[EVSI_REDIS_NAME_MAX];
  snprintf(stream, sizeof stream, "%.*s", (int)name.size, name.data);
  if (is_sent_elsewhere)
    evsi_redis_outbox_mark(request, stream);
  if (!request->is_answered)
    evsi_redis_move_send(request, &move, on_moved, tag_of(from, end));
  if (is_sent_elsewhere)
    evsi_redis_outbox_send(request, stream, request->step);
}

/* ---- by ids ----------------------------------------------------------------------------------- */

static bool name_at(const evsi_redis_request *request, size_t at, evs_bytes *out_name) {
  const change *made = request->extra;
  const char *id = json_string_value(json_array_get(made->ids, at));
  evs_bytes entry;
  return id && evsi_redis_letter_split(request->transport, id, out_name, &entry);
}

/* The next letters of one stream, each turn. */
static void change_ids(evsi_redis_request *request) {
  const change *made = request->extra;
  size_t total = json_array_size(made->ids), end = request->at + 1;
  evs_bytes name, next;
  if (request->at >= total) {
    finish(request);
    return;
  }
  if (!name_at(request, request->at, &name)) {
    json_t *id = json_array_get(made->ids, request->at++);
    add_result(request, json_pack("{s:O,s:s}", "id", id, "outcome", "not_found"));
    return;
  }
  while (end < total && end - request->at < EVSI_MOVES_AT_ONCE && name_at(request, end, &next) &&
         evsi_bytes_equal(name, next))
    end++;
  send(request, name, request->at, end);
  request->at = end;
}

/* ---- with an edit ----------------------------------------------------------------------------- */

static void refuse_edit(evsi_redis_request *request, const char *why) {
  char text[256];
  snprintf(text, sizeof text, "the dead letter cannot be edited: %s", why);
  evsi_redis_request_answer(request, EVS_VALIDATION, evsi_text(text));
}

static const char *edit_letter(evsi_redis_request *request, const evsi_dead_letter *letter) {
  change *made = request->extra;
  const json_t *edit = json_object_get(request->params, "edit"), *body = json_object_get(edit, "body");
  const json_t *raw = json_object_get(edit, "raw");
  const char *type = json_string_value(json_object_get(edit, "contentType"));
  const char *actor = evsi_redis_request_text(request, "actor");
  evsi_edit wanted = {.is_raw = json_is_string(raw), .content_type = evsi_text(type)};
  wanted.actor = evsi_text(actor ? actor : "unknown");
  if (wanted.is_raw == json_is_string(body))
    return "give either \"body\", JSON text, or \"raw\", base64";
  if (letter->is_malformed || letter->data.size == 0)
    return "it holds no event that can be read";
  if (wanted.is_raw &&
      !evsi_base64_decode(&made->raw, evsi_bytes(json_string_value(raw), json_string_length(raw))))
    return "raw is not base64";
  if (wanted.is_raw && made->raw.size == 0)
    return "raw must not be empty";
  wanted.body = wanted.is_raw ? evsi_bytes(made->raw.data, made->raw.size)
                              : evsi_bytes(json_string_value(body), json_string_length(body));
  return evsi_envelope_edit(letter->data, letter->raw, &wanted, &made->data);
}

static void on_original(evsi_redis_request *request, uint64_t tag, const evsi_redis_reply *reply) {
  const evsi_redis_reply *rows = evsi_redis_letters_rows(reply);
  evsi_buf scratch = {0};
  evsi_dead_letter letter;
  evs_bytes name;
  (void)tag;
  request->step = change_ids;
  if (evsi_redis_request_refused(request, reply, "reading a dead letter") || rows->count == 0 ||
      !name_at(request, 0, &name))
    return; /* one that is gone: the script knows why */
  evsi_redis_letter_read(request->transport, name, evsi_redis_item(rows, 0), &letter, &scratch);
  const char *why = edit_letter(request, &letter);
  if (why)
    refuse_edit(request, why);
  evsi_buf_free(&scratch);
}

static void read_original(evsi_redis_request *request) {
  const change *made = request->extra;
  const char *id = json_string_value(json_array_get(made->ids, 0));
  evs_bytes name, entry;
  request->step = change_ids;
  if (!id || !evsi_redis_letter_split(request->transport, id, &name, &entry))
    return;
  char *key = evsi_redis_dlq_key(&request->transport->config.layout, name);
  const evsi_redis_page page = {.key = key ? key : "", .from = entry.data, .to = entry.data, .most = 1};
  evsi_redis_letters_read(request, &page, on_original, 0);
  evsi_free(key);
}

/* ---- by filter -------------------------------------------------------------------------------- */

static void on_page(evsi_redis_request *request, uint64_t tag, const evsi_redis_reply *reply) {
  change *made = request->extra;
  evsi_redis_known *known = &request->streams[tag];
  const evsi_redis_reply *rows = evsi_redis_letters_rows(reply);
  evs_bytes last = evsi_redis_letters_last(reply);
  evsi_buf scratch = {0};
  if (evsi_redis_request_refused(request, reply, "reading dead letters"))
    return;
  json_array_clear(made->ids);
  for (size_t i = 0; i < rows->count && made->selected < request->limit; i++) {
    evsi_dead_letter letter;
    evsi_redis_letter_read(request->transport, evsi_text(known->name), evsi_redis_item(rows, i), &letter,
                           &scratch);
    if (!evsi_dead_filter_takes(&request->filter, &letter))
      continue;
    json_array_append_new(made->ids, json_stringn(letter.id.data, letter.id.size));
    made->selected++;
  }
  evsi_buf_free(&scratch);
  snprintf(known->position, sizeof known->position, "%.*s", (int)last.size, last.size ? last.data : "");
  if (evsi_redis_letters_ended(reply))
    request->at++;
  if (json_array_size(made->ids) > 0)
    send(request, evsi_text(known->name), 0, json_array_size(made->ids));
}

static void change_page(evsi_redis_request *request) {
  const change *made = request->extra;
  while (request->at < request->stream_count && made->bounds[request->at][0] == '\0')
    request->at++; /* it was empty when the request began */
  if (request->at >= request->stream_count || made->selected >= request->limit) {
    finish(request);
    return;
  }
  const evsi_redis_known *known = &request->streams[request->at];
  char from[EVSI_REDIS_ID_TEXT + 1];
  snprintf(from, sizeof from, "%s%s", known->position[0] ? "(" : "-", known->position);
  const evsi_redis_page page = {.key = known->dlq,
                                .from = from,
                                .to = made->bounds[request->at],
                                .most = EVSI_MOVES_AT_ONCE,
                                .longest = EVSI_LETTERS_ROW_BYTES};
  evsi_redis_letters_read(request, &page, on_page, request->at);
}

static void on_bound(evsi_redis_request *request, uint64_t tag, const evsi_redis_reply *reply) {
  const change *made = request->extra;
  evs_bytes last = evsi_redis_letters_last(reply);
  if (!evsi_redis_request_refused(request, reply, "reading dead letters"))
    snprintf(made->bounds[tag], EVSI_REDIS_ID_TEXT, "%.*s", (int)last.size, last.size ? last.data : "");
}

static void find_bounds(evsi_redis_request *request) {
  change *made = request->extra;
  request->step = change_page;
  made->bounds = evsi_calloc(request->stream_count + 1, sizeof *made->bounds);
  if (!made->bounds)
    evsi_redis_request_answer(request, EVS_NOMEM, evsi_text("out of memory"));
  for (size_t i = 0; i < request->stream_count && !request->is_answered; i++)
    evsi_redis_letters_bound(request, request->streams[i].dlq, on_bound, i);
}

/* ---- starting --------------------------------------------------------------------------------- */

static void begin_ids(evsi_redis_request *request, json_t *ids) {
  change *made = request->extra;
  made->ids = json_incref(ids);
  made->selected = json_array_size(ids);
  request->step = made->is_edit ? read_original : change_ids;
  if (made->is_edit && made->selected != 1)
    evsi_redis_request_answer(request, EVS_VALIDATION, evsi_text("an edit needs ids with exactly one id"));
}

static void begin_filter(evsi_redis_request *request, const json_t *filter) {
  change *made = request->extra;
  made->ids = json_array();
  if (made->is_edit || made->kind == EVSI_MOVE_RESTORE)
    evsi_redis_request_answer(request, EVS_VALIDATION, evsi_text("give ids, a list of texts"));
  else if (!json_is_object(filter))
    evsi_redis_request_answer(request, EVS_VALIDATION,
                              evsi_text("give either ids, a list of texts, or a filter"));
  else if (evsi_redis_request_filter(request, filter, true))
    evsi_redis_request_streams(request, find_bounds);
}

static void select_letters(evsi_redis_request *request) {
  json_t *ids = json_object_get(request->params, "ids");
  if (json_is_array(ids))
    begin_ids(request, ids);
  else
    begin_filter(request, json_object_get(request->params, "filter"));
}

static void begin(evsi_redis_request *request, evsi_redis_move_kind kind) {
  change *made = evsi_calloc(1, sizeof *made);
  request->extra = made;
  request->extra_free = change_free;
  request->limit = evsi_redis_request_number(request, "limit", LIMIT_DEFAULT, LIMIT_MOST);
  if (made) {
    made->kind = kind;
    made->results = json_array();
    made->note = evsi_redis_move_note(request->params, NULL);
    made->is_dry = json_is_true(json_object_get(request->params, "dryRun"));
    made->to = kind == EVSI_MOVE_REQUEUE ? evsi_redis_request_text(request, "to") : NULL;
    made->is_edit = kind == EVSI_MOVE_REQUEUE && json_object_get(request->params, "edit") != NULL;
  }
  if (!made || !made->results || !made->note)
    evsi_redis_request_answer(request, EVS_NOMEM, evsi_text("out of memory"));
  else if ((made->options = evsi_redis_move_options(request, false)))
    evsi_redis_target_check(request, select_letters);
}

void evsi_redis_request_dlq_requeue(evsi_redis_request *request) {
  begin(request, EVSI_MOVE_REQUEUE);
}

void evsi_redis_request_dlq_discard(evsi_redis_request *request) {
  begin(request,
        json_is_true(json_object_get(request->params, "purge")) ? EVSI_MOVE_PURGE : EVSI_MOVE_DISCARD);
}

void evsi_redis_request_dlq_restore(evsi_redis_request *request) {
  begin(request, EVSI_MOVE_RESTORE);
}
