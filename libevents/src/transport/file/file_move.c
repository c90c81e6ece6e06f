/* SPDX-License-Identifier: MIT
 * file_move.c - see file_move.h. A letter, its copy and the archive change in one transaction, also where the
 * copy goes to another topic. */
#include "transport/file/file_move.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/json_text.h"
#include "event/envelope.h"

/* An event that came back so often and died each time is not sent again unless that is forced. */
enum { REDRIVES_DEFAULT = 10, REDRIVES_MOST = 1000000, ARCHIVE_MOST = 1000000, TRIM_AT_ONCE = 1000 };
static const int64_t ARCHIVE_MS = INT64_C(30) * 24 * 3600 * 1000;
static const char REPLAY_GROUP[] = "@replay-", DRY[] = "would_be_";

static const struct {
  const char *word, *done;
} kinds[] = {[EVSI_FILE_REQUEUE] = {"requeue", "requeued"},
             [EVSI_FILE_DISCARD] = {"discard", "discarded"},
             [EVSI_FILE_PURGE] = {"purge", "discarded"},
             [EVSI_FILE_RESTORE] = {"restore", "restored"}};

bool evsi_file_move_kind_of(const char *word, evsi_file_move_kind *out) {
  for (size_t i = 0; word && i < sizeof kinds / sizeof kinds[0]; i++) {
    *out = (evsi_file_move_kind)i;
    if (strcmp(word, kinds[i].word) == 0)
      return true;
  }
  return false;
}

const char *evsi_file_move_done(evsi_file_move_kind kind) {
  return kinds[kind].done;
}

bool evsi_file_move_is_done(const evsi_file_move *move, const json_t *result) {
  const char *outcome = json_string_value(json_object_get(result, "outcome"));
  size_t skipped = outcome && strncmp(outcome, DRY, strlen(DRY)) == 0 ? strlen(DRY) : 0;
  return outcome && strcmp(outcome + skipped, kinds[move->kind].done) == 0;
}

void evsi_file_move_free(evsi_file_move *move) {
  evsi_buf_free(&move->data);
  evsi_buf_free(&move->raw);
}

/* ---- options ---------------------------------------------------------------------------------- */

static bool check_redrives(evsi_file_request *request, evsi_file_move *move) {
  const json_t *given = evsi_file_given(request, "maxRedrives");
  move->redrives_most = REDRIVES_DEFAULT;
  if (given && !json_is_null(given)) {
    move->redrives_most = json_integer_value(given);
    if (!json_is_integer(given) || move->redrives_most < 1 || move->redrives_most > REDRIVES_MOST) {
      evsi_file_refuse(request, EVS_VALIDATION, "maxRedrives must be 1 to 1000000; without a limit: force");
      return false;
    }
  }
  if (json_is_true(evsi_file_given(request, "force")))
    move->redrives_most = 0;
  return true;
}

static bool refuse_target(evsi_file_request *request, evs_status status, const char *to, const char *why) {
  evsi_file_refuse(request, status, "to: %.200s %s", to, why);
  return false;
}

/* The topic to which an event may be sent instead of its own: one that is registered, or made on purpose. */
static bool check_target(evsi_file_request *request, evsi_file_move *move) {
  const json_t *to = evsi_file_given(request, "to");
  evs_bytes topic;
  int32_t partition;
  if (!to || json_is_null(to))
    return true;
  const char *name = json_string_value(to);
  if (!name || strlen(name) != json_string_length(to) || !evsi_file_is_topic(name)) {
    evsi_file_refuse(request, EVS_VALIDATION,
                     "to must be the name of a topic, <topic> or <topic>:<partition>");
    return false;
  }
  evsi_file_split_name(evsi_text(name), &topic, &partition);
  int64_t partitions =
      evsi_file_get(&request->store->db, -1, "SELECT partitions FROM topic WHERE name = ?", "s", topic);
  if (partitions < 0 && !json_is_true(evsi_file_given(request, "create")))
    return refuse_target(request, EVS_NOT_FOUND, name,
                         "is no topic that anything was published to: with \"create\" it becomes one");
  if (partitions > 0 && (partition == EVS_PARTITION_NONE || partition >= partitions))
    return refuse_target(request, EVS_VALIDATION, name,
                         "names no partition of a topic that has them: give <topic>:<partition>");
  if (partitions == 0 && partition != EVS_PARTITION_NONE)
    return refuse_target(request, EVS_VALIDATION, name,
                         "names a partition of a topic that has none: leave the number out");
  move->to = name;
  return true;
}

bool evsi_file_move_load(evsi_file_request *request, evsi_file_move_kind kind, evsi_file_move *out) {
  memset(out, 0, sizeof *out);
  out->kind = kind;
  out->all_groups = json_is_true(evsi_file_given(request, "allGroups"));
  out->is_dry = json_is_true(evsi_file_given(request, "dryRun"));
  out->is_canary = json_is_true(evsi_file_given(request, "isCanary"));
  out->is_edit = kind == EVSI_FILE_REQUEUE && evsi_file_given(request, "edit") != NULL;
  if (!check_redrives(request, out))
    return false;
  return kind != EVSI_FILE_REQUEUE || check_target(request, out);
}

/* ---- outcomes --------------------------------------------------------------------------------- */

static json_t *outcome_of(const char *id, const char *outcome) {
  return json_pack("{s:s,s:s}", "id", id, "outcome", outcome);
}

static json_t *error_of(const char *id, const char *message) {
  return json_pack("{s:s,s:s,s:s}", "id", id, "outcome", "error", "message", message);
}

/* Somebody was there before: the archive knows what was done. */
static json_t *gone(evsi_file_request *request, const char *id, int64_t letter) {
  sqlite3_stmt *row =
      evsi_file_query(&request->store->db, "SELECT archive FROM archive WHERE letter = ?", "i", letter);
  if (!evsi_file_next(&request->store->db, row))
    return outcome_of(id, "not_found");
  json_t *about = evsi_file_json_value(row, 0);
  const char *action = json_string_value(json_object_get(about, "action"));
  json_t *result =
      outcome_of(id, action && strcmp(action, "discarded") == 0 ? "already_discarded" : "already_requeued");
  json_decref(about);
  evsi_file_done(row);
  return result;
}

/* ---- the archive ------------------------------------------------------------------------------ */

static json_t *note_of(const evsi_file_request *request, const evsi_file_move *move, const char *action) {
  static const char *const names[][2] = {{"by", "actor"}, {"address", "address"}, {"reason", "reason"}};
  json_t *note = json_pack("{s:s,s:I,s:s*,s:s*}", "action", action, "at", (json_int_t)request->store->now_ms,
                           "operation", move->operation, "to", move->to);
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
    json_t *value = evsi_file_given(request, names[i][1]);
    if (json_is_string(value))
      json_object_set(note, names[i][0], value);
  }
  return note;
}

/* Takes the note; gives the letter's own note along. */
static void keep(evsi_file_request *request, int64_t letter, json_t *note) {
  evsi_file_db *db = &request->store->db;
  sqlite3_stmt *row =
      evsi_file_query(db, "SELECT note FROM letter WHERE id = ? AND note IS NOT NULL", "i", letter);
  if (evsi_file_next(db, row)) {
    json_object_set_new(note, "note", evsi_file_json_value(row, 0));
    evsi_file_done(row);
  }
  char *text = note ? evsi_json_text(note) : NULL;
  evsi_file_run(
      db,
      "INSERT INTO archive (letter, stream, at, data, raw, requeue, batch, more, dead, fingerprint, back,"
      " archive) SELECT id, stream, ?, data, raw, requeue, batch, more, dead, fingerprint, back, ?"
      " FROM letter WHERE id = ?",
      "iti", (int64_t)request->store->now_ms, text ? text : "{}", letter);
  evsi_free(text);
  json_decref(note);
}

void evsi_file_archive_trim(evsi_file_store *store) {
  evsi_file_run(&store->db,
                "DELETE FROM archive WHERE id IN (SELECT id FROM archive WHERE at < ?1"
                " OR id <= (SELECT max(id) FROM archive) - ?2 ORDER BY id LIMIT ?3)",
                "iii", (int64_t)store->now_ms - ARCHIVE_MS, (int64_t)ARCHIVE_MOST, (int64_t)TRIM_AT_ONCE);
}

/* ---- sending again ---------------------------------------------------------------------------- */

/* A letter, as its row was when it was looked at. */
typedef struct letter {
  int64_t number, stream;
  const char *id;
  evsi_file_event event;
  json_t *record;
  int64_t count; /* how often it came back before */
} letter;

static char *requeue_field(const evsi_file_move *move, const letter *from) {
  json_t *made = json_pack("{s:s,s:I,s:s*}", "from", from->id, "count", (json_int_t)from->count + 1,
                           "operation", move->operation);
  json_t *group = json_object_get(from->record, "group"),
         *names = json_object_get(from->record, "subscriptions");
  if (!move->all_groups && !move->to && json_is_string(group))
    json_object_set(made, "group", group);
  if (!move->all_groups && !move->to && json_array_size(names) > 0)
    json_object_set(made, "subscriptions", names);
  char *text = made ? evsi_json_text(made) : NULL;
  json_decref(made);
  return text;
}

/* The group of a replay is gone, or will be: nobody would ever take the copy. */
static bool was_replayed(const letter *from) {
  const char *group = json_string_value(json_object_get(from->record, "group"));
  return group && strncmp(group, REPLAY_GROUP, strlen(REPLAY_GROUP)) == 0;
}

static evs_bytes span(const evsi_buf *buf) {
  return buf->size > 0 ? evsi_bytes(buf->data, buf->size) : evsi_bytes(NULL, 0);
}

/* Under which id a copy is stored once: that of its event, and which copy it is. */
static void copy_id(const evsi_envelope *envelope, const letter *from, evsi_buf *out) {
  if (envelope->id.size == 0)
    return;
  evsi_buf_add_bytes(out, envelope->id);
  evsi_buf_addf(out, "/r%" PRId64, from->count + 1);
}

static void register_target(evsi_file_request *request, const char *to, const evsi_envelope *envelope) {
  evs_bytes topic;
  int32_t partition;
  evsi_buf type = {0};
  evsi_file_split_name(evsi_text(to), &topic, &partition);
  evsi_buf_add_bytes(&type, envelope->origin_prefix);
  evsi_buf_add_text(&type, envelope->origin_prefix.size > 0 ? "." : "");
  evsi_buf_add_bytes(&type, envelope->type);
  const evsi_file_topic about = {.name = topic,
                                 .type = span(&type),
                                 .partitions = partition == EVS_PARTITION_NONE ? 0 : (uint32_t)partition + 1};
  evsi_file_register(request->store, &about);
  evsi_buf_free(&type);
}

/* Stores the event again; gives the place of the copy in `out_offset`. */
static bool send(evsi_file_request *request, const evsi_file_move *move, const letter *from,
                 char out_offset[EVSI_FILE_NUMBER_TEXT]) {
  evsi_file_store *store = request->store;
  uint64_t window = request->transport->config.idempotent_ms;
  evsi_envelope envelope = {0};
  evsi_buf scratch = {0}, id = {0};
  evsi_file_event copy = from->event;
  if (move->is_edit) {
    copy.data = span(&move->data);
    copy.raw = span(&move->raw);
  }
  if (copy.data.size > 0 && evsi_envelope_decode(copy.data, &envelope, &scratch))
    memset(&envelope, 0, sizeof envelope);
  if (move->to)
    register_target(request, move->to, &envelope);
  evsi_file_stream *stream =
      move->to ? evsi_file_stream_find(store, move->to, true) : evsi_file_stream_by_id(store, from->stream);
  char *requeue = requeue_field(move, from);
  copy.requeue = evsi_text(requeue);
  copy_id(&envelope, from, &id);
  int64_t number;
  bool may_stay = requeue && !move->to && !move->all_groups;
  if (may_stay && evsi_file_let_go(store, from->number, &copy, &number))
    snprintf(out_offset, EVSI_FILE_NUMBER_TEXT, "%" PRId64, number);
  else if (stream && requeue && !evsi_file_known(store, stream->id, span(&id), window, out_offset)) {
    number = evsi_file_append(store, stream, &copy);
    snprintf(out_offset, EVSI_FILE_NUMBER_TEXT, "%" PRId64, number);
    if (window > 0 && id.size > 0)
      evsi_file_remember(store, stream->id, span(&id), out_offset);
    if (move->is_canary && move->operation)
      evsi_file_run(&store->db, "INSERT OR IGNORE INTO canary (operation, copy) VALUES (?, ?)", "ti",
                    move->operation, evsi_file_place(stream->id, number));
  }
  evsi_free(requeue);
  evsi_buf_free(&scratch);
  evsi_buf_free(&id);
  return stream != NULL;
}

static json_t *requeue(evsi_file_request *request, const evsi_file_move *move, const letter *from) {
  char offset[EVSI_FILE_NUMBER_TEXT] = "";
  uint64_t size = move->is_edit ? move->data.size + move->raw.size : evsi_file_event_size(&from->event);
  if (!move->all_groups && !move->to && was_replayed(from))
    return error_of(from->id,
                    "it failed in a replay, whose group is gone: replay it again, or requeue it to all "
                    "groups");
  if (move->redrives_most > 0 && from->count >= move->redrives_most)
    return json_pack("{s:s,s:s,s:o}", "id", from->id, "outcome", "too_often", "message",
                     json_sprintf("it came back %" PRId64
                                  " times and died each time: mend why, raise maxRedrives, or "
                                  "use force",
                                  from->count));
  if (size == 0)
    return error_of(from->id,
                    "its body was removed from the stream before it died: nothing is left to requeue");
  if (move->is_dry)
    return outcome_of(from->id, "would_be_requeued");
  if (!send(request, move, from, offset))
    return error_of(from->id, "its stream is gone");
  json_t *note = note_of(request, move, move->is_edit ? "edited" : "requeued");
  json_object_set_new(note, "copy", json_string(offset));
  keep(request, from->number, note);
  evsi_file_letter_remove(request->store, from->number);
  json_t *result = outcome_of(from->id, "requeued");
  json_object_set_new(result, "offset", json_string(offset));
  if (move->to)
    json_object_set_new(result, "topic", json_string(move->to));
  return result;
}

static json_t *discard(evsi_file_request *request, const evsi_file_move *move, const letter *from) {
  if (move->is_dry)
    return outcome_of(from->id, "would_be_discarded");
  if (move->kind == EVSI_FILE_DISCARD)
    keep(request, from->number, note_of(request, move, "discarded"));
  evsi_file_letter_remove(request->store, from->number);
  return outcome_of(from->id, "discarded");
}

/* ---- back from the archive -------------------------------------------------------------------- */

static json_t *restore(evsi_file_request *request, const char *id, int64_t number) {
  evsi_file_db *db = &request->store->db;
  char stream[EVSI_FILE_NAME_MAX];
  evsi_file_event event;
  evsi_buf text = {0};
  int64_t former;
  sqlite3_stmt *row = evsi_file_query(
      db, "SELECT stream, data, raw, requeue, batch, more, dead, archive FROM archive WHERE letter = ?", "i",
      number);
  if (!evsi_file_next(db, row))
    return outcome_of(id, "not_found");
  json_t *about = evsi_file_json_value(row, 7);
  const char *action = json_string_value(json_object_get(about, "action"));
  if (!action || strcmp(action, "discarded") != 0) {
    evsi_file_done(row);
    json_decref(about);
    return json_pack("{s:s,s:s,s:s}", "id", id, "outcome", "not_restorable", "message",
                     "only what was discarded can be restored; this one was sent again");
  }
  evsi_file_event_read(row, 1, &event);
  int64_t letter_number =
      evsi_file_letter_write(request->store, sqlite3_column_int64(row, 0), &event, evsi_file_bytes(row, 6));
  evsi_file_done(row);
  const json_t *note = json_object_get(about, "note");
  char *note_text = json_is_object(note) ? evsi_json_text(note) : NULL;
  evsi_file_run(db, "UPDATE letter SET note = ? WHERE id = ?", "ti", note_text, letter_number);
  evsi_file_run(db, "DELETE FROM archive WHERE letter = ?", "i", number);
  evsi_free(note_text);
  json_decref(about);
  evsi_file_letter_split(request->transport->name, id, stream, &former);
  evsi_file_letter_id(request->transport->name, stream, letter_number, &text);
  json_t *result =
      json_pack("{s:s,s:s,s:s}", "id", id, "outcome", "restored", "newId", text.data ? text.data : "");
  evsi_buf_free(&text);
  return result;
}

/* ---- one -------------------------------------------------------------------------------------- */

json_t *evsi_file_move_one(evsi_file_request *request, evsi_file_move *move, const char *id) {
  evsi_file_db *db = &request->store->db;
  char stream[EVSI_FILE_NAME_MAX];
  letter from = {.id = id ? id : ""};
  if (!id || !evsi_file_letter_split(request->transport->name, id, stream, &from.number))
    return outcome_of(from.id, "not_found");
  if (move->kind == EVSI_FILE_RESTORE)
    return restore(request, id, from.number);
  sqlite3_stmt *row =
      evsi_file_query(db,
                      "SELECT l.stream, l.data, l.raw, l.requeue, l.batch, l.more, l.dead FROM letter l"
                      " JOIN stream s ON s.id = l.stream WHERE l.id = ? AND s.name = ?",
                      "it", from.number, stream);
  if (!evsi_file_next(db, row))
    return gone(request, id, from.number);
  from.stream = sqlite3_column_int64(row, 0);
  evsi_file_event_read(row, 1, &from.event);
  from.record = evsi_file_json_value(row, 6);
  json_int_t count = json_integer_value(json_object_get(from.record, "requeueCount"));
  from.count = count > 0 ? count : 0;
  json_t *result = (move->kind == EVSI_FILE_REQUEUE ? requeue : discard)(request, move, &from);
  evsi_file_done(row);
  json_decref(from.record);
  return result;
}
