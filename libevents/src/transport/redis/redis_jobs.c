/* SPDX-License-Identifier: MIT
 * redis_jobs.c - the requests `job.bounds`, `job.enter` and `job.step` of the operations engine. How far an
 * operation is in a stream stands in evs:op:{T}:<operation>, in the slot of what it moves, and is written by
 * the script that moves: a step is done with its count, or not at all. */
#include <stdio.h>
#include <string.h>

#include "transport/redis/redis_jobs.h"
#include "transport/redis/redis_move.h"
#include "transport/redis/redis_outbox.h"
#include "transport/redis/redis_replay.h"

static const uint64_t progress_ms = 30ULL * 24 * 3600 * 1000;

static bool load_kind(evsi_redis_request *request, evsi_redis_move_kind *out) {
  bool is_known = evsi_redis_move_kind_of(evsi_redis_request_text(request, "kind"), out);
  if (!is_known)
    evsi_redis_request_answer(request, EVS_VALIDATION, evsi_text("there is no such kind of operation"));
  return is_known && evsi_redis_request_filter(request, json_object_get(request->params, "filter"), true);
}

static bool is_replay(const evsi_redis_request *request) {
  const char *kind = evsi_redis_request_text(request, "kind");
  return kind && strcmp(kind, "replay") == 0;
}

/* Key of the letters that are moved. */
static char *source_of(const evsi_redis_request *request, evsi_redis_move_kind kind, evs_bytes name) {
  const evsi_redis_layout *layout = &request->transport->config.layout;
  return kind == EVSI_MOVE_RESTORE ? evsi_redis_key(layout, EVSI_REDIS_ARCHIVE, name, "")
                                   : evsi_redis_dlq_key(layout, name);
}

/* ---- job.bounds: the newest letter of each stream ---------------------------------------------- */

static void answer_bounds(evsi_redis_request *request) {
  json_t *document = json_pack("{s:O}", "bounds", request->result);
  evsi_redis_request_json(request, document);
  json_decref(document);
}

static void on_bound(evsi_redis_request *request, uint64_t tag, const evsi_redis_reply *reply) {
  evs_bytes last = evsi_redis_letters_last(reply);
  if (!evsi_redis_request_refused(request, reply, "reading dead letters") && last.size > 0)
    json_object_set_new(request->result, request->streams[tag].name, json_stringn(last.data, last.size));
}

static void find_bounds(evsi_redis_request *request) {
  evsi_redis_move_kind kind;
  evsi_redis_move_kind_of(evsi_redis_request_text(request, "kind"), &kind);
  request->step = answer_bounds;
  request->result = json_object();
  for (size_t i = 0; i < request->stream_count && !request->is_answered; i++) {
    char *key = source_of(request, kind, evsi_text(request->streams[i].name));
    evsi_redis_letters_bound(request, key ? key : "", on_bound, i);
    evsi_free(key);
  }
}

static void list_streams(evsi_redis_request *request) {
  evsi_redis_request_streams(request, find_bounds);
}

void evsi_redis_request_job_bounds(evsi_redis_request *request) {
  evsi_redis_move_kind kind;
  if (is_replay(request)) {
    evsi_redis_replay_bounds(request);
    return;
  }
  char *options = load_kind(request, &kind) ? evsi_redis_move_options(request, false) : NULL;
  if (options)
    evsi_redis_target_check(request, list_streams);
  evsi_free(options);
}

/* ---- job.enter: a new owner, and how far the one before came ----------------------------------- */

static const char *name_at(const evsi_redis_request *request, size_t at) {
  const char *name = json_string_value(json_array_get(json_object_get(request->params, "streams"), at));
  return name ? name : "";
}

static void on_owned(evsi_redis_request *request, uint64_t tag, const evsi_redis_reply *reply) {
  (void)tag;
  evsi_redis_request_refused(request, reply, "writing " EVSI_REDIS_PROGRESS);
}

static const char *why(const evsi_redis_reply *word) {
  return evsi_redis_is(word, "LIMIT") ? "it came back too often: mend why, or use force"
         : evsi_redis_is(word, "REPLAYED")
             ? "it failed in a replay, whose group is gone: requeue it to all groups"
             : "nothing is left of it to requeue";
}

static void add_error(const evsi_redis_request *request, json_t *row, const char *name, evs_bytes entry,
                      const evsi_redis_reply *word) {
  evsi_buf id = {0};
  evsi_redis_letter_id(request->transport, evsi_text(name), entry, &id);
  json_array_append_new(
      json_object_get(row, "errors"),
      json_pack("{s:o,s:s}", "id", id.failed ? NULL : json_stringn(id.data, id.size), "message", why(word)));
  evsi_buf_free(&id);
}

static void on_progress(evsi_redis_request *request, uint64_t tag, const evsi_redis_reply *reply) {
  const char *name = name_at(request, (size_t)tag);
  if (evsi_redis_request_refused(request, reply, "reading " EVSI_REDIS_PROGRESS))
    return;
  json_t *row = json_pack("{s:s,s:[]}", "position", "", "errors");
  for (size_t i = 0; i + 1 < reply->count; i += 2) {
    evs_bytes field = evsi_redis_text(evsi_redis_item(reply, i));
    const evsi_redis_reply *value = evsi_redis_item(reply, i + 1);
    evs_bytes text = evsi_redis_text(value);
    if (evsi_bytes_equal(field, evsi_text("position")))
      json_object_set_new(row, "position", json_stringn(text.data ? text.data : "", text.size));
    else if (field.size > 2 && memcmp(field.data, "e:", 2) == 0)
      add_error(request, row, name, evsi_bytes(field.data + 2, field.size - 2), value);
    else if (field.size > 0 && !evsi_bytes_equal(field, evsi_text("owner")) &&
             !evsi_bytes_equal(field, evsi_text("copies")))
      json_object_set_new(row, field.data, json_integer((json_int_t)evsi_redis_integer(value)));
  }
  json_object_set_new(request->result, name, row);
}

static void answer_progress(evsi_redis_request *request) {
  json_t *document = json_pack("{s:O}", "streams", request->result);
  evsi_redis_request_json(request, document);
  json_decref(document);
}

/* In this order: whoever owned it before is refused from the first command on, so the last tells all. */
static void enter(evsi_redis_request *request, const char *key, const char *owner, size_t at) {
  evsi_redis_args args = {0};
  evsi_redis_arg_text(&args, "HSET");
  evsi_redis_arg_text(&args, key);
  evsi_redis_arg_text(&args, "owner");
  evsi_redis_arg_text(&args, owner);
  evsi_redis_request_send(request, &args, on_owned, at);
  if (request->is_answered)
    return;
  evsi_redis_arg_text(&args, "PEXPIRE");
  evsi_redis_arg_text(&args, key);
  evsi_redis_arg_u64(&args, progress_ms);
  evsi_redis_request_send(request, &args, on_owned, at);
  if (request->is_answered)
    return;
  evsi_redis_arg_text(&args, "HGETALL");
  evsi_redis_arg_text(&args, key);
  evsi_redis_request_send(request, &args, on_progress, at);
}

void evsi_redis_request_job_enter(evsi_redis_request *request) {
  const char *id = evsi_redis_request_text(request, "id"), *owner = evsi_redis_request_text(request, "owner");
  size_t count = json_array_size(json_object_get(request->params, "streams"));
  char suffix[EVSI_REDIS_NAME_MAX];
  snprintf(suffix, sizeof suffix, ":%s", id ? id : "");
  const evsi_redis_layout *layout = &request->transport->config.layout;
  request->step = answer_progress;
  request->result = json_object();
  for (size_t i = 0; i < count && !request->is_answered; i++) {
    char *key = evsi_redis_key(layout, EVSI_REDIS_PROGRESS, evsi_text(name_at(request, i)), suffix);
    enter(request, key ? key : "", owner ? owner : "", i);
    evsi_free(key);
  }
}

/* ---- job.step: moves the next letters of one stream -------------------------------------------- */

typedef struct job_step {
  evsi_redis_move_kind kind;
  json_t *ids;
  char position[EVSI_REDIS_ID_TEXT];
  bool is_end;
} job_step;

static void step_free(void *data) {
  job_step *made = data;
  if (made)
    json_decref(made->ids);
  evsi_free(made);
}

static bool is_sent_elsewhere(const evsi_redis_request *request) {
  const job_step *made = request->extra;
  return made->kind == EVSI_MOVE_REQUEUE && evsi_redis_request_text(request, "to");
}

/* What was moved is counted; that it did not all get to its topic is a failure which passes. */
static void answer_step(evsi_redis_request *request) {
  const char *why = evsi_redis_outbox_error(request);
  if (why)
    evsi_redis_request_answer(request, EVS_TRANSPORT, evsi_text(why));
  else
    evsi_redis_request_json(request, request->result);
}

static void on_moved(evsi_redis_request *request, uint64_t tag, const evsi_redis_reply *reply) {
  const job_step *made = request->extra;
  json_int_t done = 0, failed = 0, count = (json_int_t)json_array_size(made->ids);
  json_t *errors = json_array();
  bool is_owner = !evsi_redis_is(evsi_redis_item(reply, 0), "FENCED");
  (void)tag;
  if (evsi_redis_request_refused(request, reply, "moving dead letters")) {
    json_decref(errors);
    return;
  }
  for (json_int_t i = 0; is_owner && i < count; i++) {
    const char *id = json_string_value(json_array_get(made->ids, (size_t)i));
    json_t *result =
        evsi_redis_move_result(request, made->kind, id ? id : "", evsi_redis_item(reply, (size_t)i));
    const char *outcome = json_string_value(json_object_get(result, "outcome"));
    bool is_error = outcome && (strcmp(outcome, "error") == 0 || strcmp(outcome, "too_often") == 0);
    done += outcome && evsi_redis_move_is_done(made->kind, outcome);
    failed += is_error;
    if (is_error)
      json_array_append(errors, result);
    json_decref(result);
  }
  request->result = json_pack("{s:b,s:s,s:b,s:I,s:I,s:I,s:o}", "isOwner", is_owner, "position",
                              made->position, "isEnd", made->is_end, "done", done, "failed", failed,
                              "skipped", count - done - failed, "errors", errors);
  if (!is_sent_elsewhere(request))
    answer_step(request);
}

/* Also where nothing is selected: the place that was looked at is kept. */
static void move(evsi_redis_request *request) {
  const job_step *made = request->extra;
  const char *id = evsi_redis_request_text(request, "id"), *owner = evsi_redis_request_text(request, "owner");
  const char *stream = evsi_redis_request_text(request, "stream");
  bool is_canary = json_is_true(json_object_get(request->params, "isCanary"));
  char *note = evsi_redis_move_note(request->params, id);
  char *options = note ? evsi_redis_move_options(request, is_canary) : NULL;
  const evsi_redis_move wanted = {.kind = made->kind,
                                  .name = evsi_text(stream),
                                  .note = note,
                                  .options = options,
                                  .ids = made->ids,
                                  .count = json_array_size(made->ids),
                                  .operation = id,
                                  .owner = owner,
                                  .position = made->position};
  if (options && is_sent_elsewhere(request)) {
    evsi_redis_outbox_mark(request, stream);
    evsi_redis_outbox_send(request, stream, answer_step);
  }
  if (options && !request->is_answered)
    evsi_redis_move_send(request, &wanted, on_moved, 0);
  else
    evsi_redis_request_answer(request, EVS_NOMEM, evsi_text("out of memory"));
  evsi_free(options);
  evsi_free(note);
}

static void set_position(job_step *made, evs_bytes id) {
  if (id.size > 0)
    snprintf(made->position, sizeof made->position, "%.*s", (int)id.size, id.data);
}

static void on_page(evsi_redis_request *request, uint64_t tag, const evsi_redis_reply *reply) {
  job_step *made = request->extra;
  const evsi_redis_reply *rows = evsi_redis_letters_rows(reply);
  evs_bytes name = evsi_text(evsi_redis_request_text(request, "stream"));
  evsi_buf scratch = {0};
  bool is_full = false;
  (void)tag;
  if (evsi_redis_request_refused(request, reply, "reading dead letters"))
    return;
  for (size_t i = 0; i < rows->count && !is_full; i++) {
    const evsi_redis_reply *row = evsi_redis_item(rows, i);
    evsi_dead_letter letter;
    evsi_redis_letter_read(request->transport, name, row, &letter, &scratch);
    if (!evsi_dead_filter_takes(&request->filter, &letter))
      continue;
    json_array_append_new(made->ids, json_stringn(letter.id.data, letter.id.size));
    is_full = json_array_size(made->ids) >= request->limit;
    if (is_full)
      set_position(made, evsi_redis_text(evsi_redis_item(row, 0)));
  }
  evsi_buf_free(&scratch);
  if (!is_full)
    set_position(made, evsi_redis_letters_last(reply));
  made->is_end = !is_full && evsi_redis_letters_ended(reply);
  request->step = move;
}

static void begin_step(evsi_redis_request *request) {
  const char *stream = evsi_redis_request_text(request, "stream");
  const char *position = evsi_redis_request_text(request, "position");
  const char *bound = evsi_redis_request_text(request, "bound");
  job_step *made = evsi_calloc(1, sizeof *made);
  request->extra = made;
  request->extra_free = step_free;
  request->limit = evsi_redis_request_number(request, "limit", 1, EVSI_MOVES_AT_ONCE);
  if (!made || !(made->ids = json_array())) {
    evsi_redis_request_answer(request, EVS_NOMEM, evsi_text("out of memory"));
    return;
  }
  if (!stream || !bound || !load_kind(request, &made->kind)) {
    evsi_redis_request_answer(request, EVS_VALIDATION, evsi_text("the operation cannot be read"));
    return;
  }
  char from[EVSI_REDIS_ID_TEXT + 1] = "-";
  if (position) {
    snprintf(from, sizeof from, "(%s", position);
    set_position(made, evsi_text(position));
  }
  char *key = source_of(request, made->kind, evsi_text(stream));
  const evsi_redis_page page = {.key = key ? key : "",
                                .from = from,
                                .to = bound,
                                .most = EVSI_MOVES_AT_ONCE,
                                .longest = EVSI_LETTERS_ROW_BYTES};
  evsi_redis_letters_read(request, &page, on_page, 0);
  evsi_free(key);
}

void evsi_redis_request_job_step(evsi_redis_request *request) {
  if (is_replay(request))
    evsi_redis_replay_step(request);
  else
    begin_step(request);
}
