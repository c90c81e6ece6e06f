/* SPDX-License-Identifier: MIT
 * redis_move.c - see redis_move.h. */
#include "transport/redis/redis_move.h"

#include <stdio.h>
#include <string.h>

#include "base/json_text.h"
#include "transport/redis/redis_error.h"

/* An event that came back so often and died each time is not sent again unless that is forced. */
enum { REDRIVES_DEFAULT = 10, REDRIVES_MOST = 1000000 };

static const struct {
  const char *word, *done;
} kinds[] = {[EVSI_MOVE_REQUEUE] = {"requeue", "requeued"},
             [EVSI_MOVE_DISCARD] = {"discard", "discarded"},
             [EVSI_MOVE_PURGE] = {"purge", "discarded"},
             [EVSI_MOVE_RESTORE] = {"restore", "restored"}};

static const char dry_prefix[] = "would_be_";

const char *evsi_redis_move_done(evsi_redis_move_kind kind) {
  return kinds[kind].done;
}

bool evsi_redis_move_is_done(evsi_redis_move_kind kind, const char *outcome) {
  size_t skipped = strncmp(outcome, dry_prefix, sizeof dry_prefix - 1) == 0 ? sizeof dry_prefix - 1 : 0;
  return strcmp(outcome + skipped, kinds[kind].done) == 0;
}

bool evsi_redis_move_kind_of(const char *word, evsi_redis_move_kind *out) {
  for (size_t i = 0; word && i < sizeof kinds / sizeof kinds[0]; i++) {
    *out = (evsi_redis_move_kind)i;
    if (strcmp(word, kinds[i].word) == 0)
      return true;
  }
  return false;
}

char *evsi_redis_move_note(const json_t *params, const char *operation) {
  static const char *const names[][2] = {{"by", "actor"}, {"address", "address"}, {"reason", "reason"}};
  json_t *note = json_object();
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
    json_t *value = json_object_get(params, names[i][1]);
    if (json_is_string(value))
      json_object_set(note, names[i][0], value);
  }
  if (operation)
    json_object_set_new(note, "operation", json_string(operation));
  char *text = note ? evsi_json_text(note) : NULL;
  json_decref(note);
  return text;
}

static char *refuse_options(evsi_redis_request *request, const char *why) {
  evsi_redis_request_answer(request, EVS_VALIDATION, evsi_text(why));
  return NULL;
}

char *evsi_redis_move_options(evsi_redis_request *request, bool is_canary) {
  static const char *const flags[] = {"allGroups", "dryRun"};
  const json_t *redrives = json_object_get(request->params, "maxRedrives");
  const char *to = evsi_redis_request_text(request, "to");
  json_int_t most = REDRIVES_DEFAULT;
  if (redrives && !json_is_null(redrives)) {
    most = json_integer_value(redrives);
    if (!json_is_integer(redrives) || most < 1 || most > REDRIVES_MOST)
      return refuse_options(request, "maxRedrives must be 1 to 1000000; without a limit: force");
  }
  if (json_is_true(json_object_get(request->params, "force")))
    most = 0;
  json_t *options =
      json_pack("{s:I,s:I,s:I,s:b,s:s*}", "maxRedrives", most, "most", (json_int_t)EVSI_ARCHIVE_MOST,
                "longest", (json_int_t)evsi_archive_ms, "isCanary", is_canary, "to", to);
  for (size_t i = 0; options && i < sizeof flags / sizeof flags[0]; i++)
    json_object_set_new(options, flags[i],
                        json_boolean(json_is_true(json_object_get(request->params, flags[i]))));
  char *text = options ? evsi_json_text(options) : NULL;
  json_decref(options);
  if (!text)
    evsi_redis_request_answer(request, EVS_NOMEM, evsi_text("out of memory"));
  return text;
}

/* ---- sending ---------------------------------------------------------------------------------- */

/* Takes the key. */
static void put_progress(evsi_redis_args *args, const evsi_redis_layout *layout,
                         const evsi_redis_move *move) {
  char suffix[EVSI_REDIS_NAME_MAX];
  snprintf(suffix, sizeof suffix, ":%s", move->operation ? move->operation : "");
  evsi_redis_arg_key(args, evsi_redis_key(layout, EVSI_REDIS_PROGRESS, move->name, suffix));
}

static void put_job(evsi_redis_args *args, const evsi_redis_move *move) {
  evsi_redis_arg_text(args, move->owner ? move->owner : "");
  evsi_redis_arg_text(args, move->position ? move->position : "");
}

static void put_entries(evsi_redis_args *args, const evsi_redis_move *move) {
  for (size_t i = move->from; i < move->from + move->count; i++) {
    const char *id = json_string_value(json_array_get(move->ids, i));
    const char *slash = id ? strrchr(id, '/') : NULL;
    evsi_redis_arg_text(args, slash ? slash + 1 : "");
    if (move->kind == EVSI_MOVE_RESTORE)
      continue;
    evsi_redis_arg_bytes(args, move->data);
    evsi_redis_arg_bytes(args, move->raw);
  }
}

static void put_restore(evsi_redis_request_script *call, const evsi_redis_layout *layout,
                        const evsi_redis_move *move) {
  call->script = EVSI_REDIS_RESTORE;
  call->keys = 6;
  evsi_redis_arg_key(&call->args, evsi_redis_dlq_key(layout, move->name));
  evsi_redis_arg_key(&call->args, evsi_redis_key(layout, EVSI_REDIS_ARCHIVE, move->name, ""));
  evsi_redis_arg_key(&call->args, evsi_redis_key(layout, EVSI_REDIS_ARCHIVED, move->name, ""));
  evsi_redis_arg_key(&call->args, evsi_redis_key(layout, EVSI_REDIS_INDEX, move->name, ""));
  put_progress(&call->args, layout, move);
  evsi_redis_arg_key(&call->args, evsi_redis_key(layout, EVSI_REDIS_NOTES, move->name, ""));
  put_job(&call->args, move);
}

static void put_move(evsi_redis_request_script *call, const evs_transport *transport,
                     const evsi_redis_move *move) {
  const evsi_redis_layout *layout = &transport->config.layout;
  evsi_buf head = {0};
  evsi_redis_letter_id(transport, move->name, evsi_bytes(NULL, 0), &head);
  call->script = EVSI_REDIS_MOVE;
  call->keys = 9;
  evsi_redis_arg_key(&call->args, evsi_redis_dlq_key(layout, move->name));
  evsi_redis_arg_key(&call->args, evsi_redis_stream_key(layout, move->name));
  evsi_redis_arg_key(&call->args, evsi_redis_key(layout, EVSI_REDIS_ARCHIVE, move->name, ""));
  evsi_redis_arg_key(&call->args, evsi_redis_key(layout, EVSI_REDIS_ARCHIVED, move->name, ""));
  evsi_redis_arg_key(&call->args, evsi_redis_key(layout, EVSI_REDIS_INDEX, move->name, ""));
  put_progress(&call->args, layout, move);
  evsi_redis_arg_key(&call->args, evsi_redis_key(layout, EVSI_REDIS_OUTBOX_KEY, move->name, ""));
  evsi_redis_arg_key(&call->args, evsi_redis_key(layout, EVSI_REDIS_NOTES, move->name, ""));
  evsi_redis_arg_key(&call->args, evsi_redis_key(layout, EVSI_REDIS_IDS, move->name, ""));
  evsi_redis_arg_text(&call->args, kinds[move->kind].word);
  evsi_redis_arg_text(&call->args, move->note ? move->note : "{}");
  evsi_redis_arg(&call->args, head.data, head.size);
  put_job(&call->args, move);
  evsi_redis_arg_text(&call->args, move->options);
  evsi_redis_arg_u64(&call->args, transport->config.idempotent_ms);
  evsi_redis_arg_u64(&call->args, transport->config.idempotent_max);
  call->args.body.failed |= head.failed;
  evsi_buf_free(&head);
}

void evsi_redis_move_send(evsi_redis_request *request, const evsi_redis_move *move, evsi_redis_request_fn fn,
                          uint64_t tag) {
  evsi_redis_request_script call = {0};
  if (move->kind == EVSI_MOVE_RESTORE)
    put_restore(&call, &request->transport->config.layout, move);
  else
    put_move(&call, request->transport, move);
  put_entries(&call.args, move);
  evsi_redis_request_call(request, &call, fn, tag);
}

/* ---- what became of it ------------------------------------------------------------------------ */

/* Somebody was there before: the archive knows what was done. */
static const char *gone_outcome(evs_bytes note) {
  json_t *root = evsi_json_load(note, 0, NULL);
  const char *action = json_string_value(json_object_get(root, "action"));
  const char *outcome = action && strcmp(action, "discarded") == 0 ? "already_discarded" : "already_requeued";
  json_decref(root);
  return outcome;
}

static json_t *error_result(const char *id, evs_bytes message) {
  return json_pack("{s:s,s:s,s:o}", "id", id, "outcome", "error", "message",
                   json_stringn(message.data ? message.data : "", message.size));
}

static json_t *limit_result(const char *id, int64_t count) {
  return json_pack("{s:s,s:s,s:o}", "id", id, "outcome", "too_often", "message",
                   json_sprintf("it came back %lld times and died each time: mend why, raise maxRedrives, or "
                                "use force",
                                (long long)count));
}

json_t *evsi_redis_move_result(const evsi_redis_request *request, evsi_redis_move_kind kind, const char *id,
                               const evsi_redis_reply *outcome) {
  const evsi_redis_reply *word = evsi_redis_item(outcome, 0);
  evs_bytes value = evsi_redis_text(evsi_redis_item(outcome, 1)), name, entry;
  if (outcome->type == EVSI_REDIS_ERROR) {
    char text[EVSI_REDIS_ERROR_TEXT];
    evsi_redis_error_text(outcome, "moving a dead letter", text);
    return error_result(id, evsi_text(text));
  }
  if (evsi_redis_is(word, "EMPTY"))
    return error_result(
        id, evsi_text("its body was removed from the stream before it died: nothing is left to requeue"));
  if (evsi_redis_is(word, "LIMIT"))
    return limit_result(id, evsi_redis_integer(evsi_redis_item(outcome, 1)));
  if (evsi_redis_is(word, "DRY"))
    return json_pack("{s:s,s:o}", "id", id, "outcome", json_sprintf("%s%s", dry_prefix, kinds[kind].done));
  if (evsi_redis_is(word, "REPLAYED"))
    return error_result(
        id, evsi_text("it failed in a replay, whose group is gone: replay it again, or requeue it "
                      "to all groups"));
  if (evsi_redis_is(word, "NONE"))
    return json_pack("{s:s,s:s}", "id", id, "outcome", "not_found");
  if (evsi_redis_is(word, "GONE"))
    return json_pack("{s:s,s:s}", "id", id, "outcome", gone_outcome(value));
  if (evsi_redis_is(word, "KEPT"))
    return json_pack("{s:s,s:s,s:s}", "id", id, "outcome", "not_restorable", "message",
                     "only what was discarded can be restored; this one was sent again");
  if (!evsi_redis_is(word, "OK"))
    return error_result(id, evsi_text("the server gave an unexpected answer"));
  json_t *result = json_pack("{s:s,s:s}", "id", id, "outcome", kinds[kind].done);
  if (kind == EVSI_MOVE_REQUEUE && value.size > 0)
    json_object_set_new(result, "offset", json_stringn(value.data ? value.data : "", value.size));
  if (kind == EVSI_MOVE_RESTORE && evsi_redis_letter_split(request->transport, id, &name, &entry)) {
    evsi_buf text = {0};
    evsi_redis_letter_id(request->transport, name, value, &text);
    json_object_set_new(result, "newId", text.failed ? NULL : json_stringn(text.data, text.size));
    evsi_buf_free(&text);
  }
  return result;
}
