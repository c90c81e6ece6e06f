/* SPDX-License-Identifier: MIT
 * file_replay.c - what the engine of operations asks for replays: bounds of the streams that are meant, the
 * next entries of one, what is left to handle, and the end. Entries are copied into a feed beside their
 * stream, which only subscriptions of the replay read. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json_text.h"
#include "event/envelope.h"
#include "event/pattern.h"
#include "event/stored_batch.h"
#include "transport/file/file_request.h"

enum { PAGE = 500, FEED_MOST = 1000 /* entries that wait in a feed */ };

/* ---- what is meant ---------------------------------------------------------------------------- */

typedef struct replay {
  int64_t first, last;  /* numbers */
  int64_t since, until; /* times */
  const char *type;     /* exact or a pattern, NULL: any */
  char pattern[EVSI_PATTERN_MAX + 1];
} replay;

static bool take_number(const json_t *filter, const char *name, int64_t *out) {
  const json_t *value = json_object_get(filter, name);
  if (!value || json_is_null(value))
    return true;
  *out = json_integer_value(value);
  return json_is_integer(value) && *out >= 0;
}

static bool take_offset(const json_t *filter, const char *name, int64_t *out) {
  const json_t *value = json_object_get(filter, name);
  const char *text = json_string_value(value);
  char *end = NULL;
  if (!value || json_is_null(value))
    return true;
  if (!text || *text < '0' || *text > '9')
    return false;
  *out = strtoll(text, &end, 10);
  return *end == '\0';
}

static bool take_type(replay *out, const json_t *filter) {
  const json_t *value = json_object_get(filter, "type");
  const evsi_origin_rule rule = {.origin_prefix = "", .extended_types = true};
  if (!value || json_is_null(value))
    return true;
  out->type = json_string_length(value) > 0 ? json_string_value(value) : NULL;
  if (!out->type || !strchr(out->type, '*'))
    return out->type != NULL;
  return evsi_pattern_normalize(evsi_text(out->type), &rule, out->pattern, NULL) == EVS_OK;
}

static const char *load(evsi_file_request *request, replay *out) {
  static const char *const members[] = {"topic", "type", "since", "until", "fromOffset", "toOffset"};
  json_t *filter = evsi_file_given(request, "filter");
  size_t known = 0;
  *out = (replay){.first = 1, .last = INT64_MAX, .until = INT64_MAX};
  for (size_t i = 0; i < sizeof members / sizeof members[0]; i++)
    known += json_object_get(filter, members[i]) != NULL;
  if (known < json_object_size(filter))
    return "a filter of a replay has topic, type, since, until, fromOffset and toOffset only";
  if (!take_number(filter, "since", &out->since) || !take_number(filter, "until", &out->until))
    return "since and until of a replay are milliseconds since 1970";
  if (!take_offset(filter, "fromOffset", &out->first) || !take_offset(filter, "toOffset", &out->last))
    return "fromOffset and toOffset of a replay are offsets as receipts have them";
  return take_type(out, filter) ? NULL : "type of a replay is a type, or a valid pattern";
}

static bool is_type(const replay *made, evs_bytes data) {
  char full[EVSI_PATTERN_MAX];
  evsi_envelope envelope;
  evsi_buf scratch = {0};
  bool is_wanted = false, failed = false;
  if (!evsi_envelope_decode(data, &envelope, &scratch)) {
    int size = snprintf(full, sizeof full, "%.*s%s%.*s", (int)envelope.origin_prefix.size,
                        envelope.origin_prefix.size ? envelope.origin_prefix.data : "",
                        envelope.origin_prefix.size ? "." : "", (int)envelope.type.size,
                        envelope.type.size ? envelope.type.data : "");
    bool fits = size > 0 && (size_t)size < sizeof full;
    is_wanted =
        fits && (made->pattern[0] ? evsi_pattern_matches_text(made->pattern, evsi_text(full), "", &failed) ||
                                        evsi_pattern_matches_text(made->pattern, envelope.type, "", &failed)
                                  : evsi_bytes_equal(envelope.type, evsi_text(made->type)) ||
                                        strcmp(full, made->type) == 0);
  }
  evsi_buf_free(&scratch);
  return is_wanted;
}

/* With several events it is meant as a whole, when one of them is. */
static bool is_wanted(const replay *made, const evsi_file_event *event) {
  evsi_stored_batch batch;
  bool wants = false;
  if (!made->type)
    return true;
  if (!event->is_batch || evsi_stored_batch_decode(event->data, &batch))
    return is_type(made, event->data);
  for (uint32_t i = 0; i < batch.count && !wants; i++)
    wants = is_type(made, batch.events[i]);
  evsi_stored_batch_free(&batch);
  return wants;
}

/* The lowest number that was stored then or later; times only grow, as far as the clock does. */
static int64_t number_at(evsi_file_store *store, const evsi_file_stream *stream, int64_t time) {
  int64_t low = stream->first, high = stream->last + 1;
  while (low < high) {
    int64_t middle = low + (high - low) / 2;
    int64_t at = evsi_file_get(&store->db, INT64_MAX, "SELECT at FROM entry WHERE id = ?", "i",
                               evsi_file_place(stream->id, middle));
    if (at < time)
      low = middle + 1;
    else
      high = middle;
  }
  return low;
}

static int64_t first_of(evsi_file_store *store, const evsi_file_stream *stream, const replay *made) {
  int64_t first = made->since > 0 ? number_at(store, stream, made->since) : 1;
  return first > made->first ? first : made->first;
}

static int64_t last_of(evsi_file_store *store, const evsi_file_stream *stream, const replay *made) {
  int64_t last = made->until < INT64_MAX ? number_at(store, stream, made->until + 1) - 1 : stream->last;
  return last < made->last ? last : made->last;
}

/* ---- bounds ----------------------------------------------------------------------------------- */

void evsi_file_replay_bounds(evsi_file_request *request) {
  json_t *filter = evsi_file_given(request, "filter"), *bounds;
  bool is_whole = json_object_size(filter) == (json_object_get(filter, "topic") ? 1U : 0U);
  json_int_t count = 0;
  replay made;
  const char *why = load(request, &made);
  if (why) {
    evsi_file_refuse(request, EVS_VALIDATION, "%s", why);
    return;
  }
  bounds = json_object();
  sqlite3_stmt *row = evsi_file_query(&request->store->db,
                                      "SELECT id FROM stream WHERE feed IS NULL AND (?1 IS NULL OR topic = "
                                      "?1) AND last >= first ORDER BY name",
                                      "t", json_string_value(json_object_get(filter, "topic")));
  while (evsi_file_next(&request->store->db, row)) {
    const evsi_file_stream *stream = evsi_file_stream_by_id(request->store, sqlite3_column_int64(row, 0));
    int64_t last = stream ? last_of(request->store, stream, &made) : 0;
    if (!stream || first_of(request->store, stream, &made) > last)
      continue;
    json_object_set_new(bounds, stream->name, json_sprintf("%" PRId64, last));
    count += stream->last - stream->first + 1;
  }
  evsi_file_answer(request, json_pack("{s:o,s:o}", "bounds", bounds, "count",
                                      is_whole ? json_integer(count) : json_null()));
}

/* ---- one step --------------------------------------------------------------------------------- */

/* What is acknowledged leaves the feed; gives how many stay. */
static int64_t sweep(evsi_file_store *store, evsi_file_stream *feed) {
  sqlite3_stmt *row =
      evsi_file_query(&store->db, "SELECT id, delivered FROM reader WHERE stream = ? LIMIT 1", "i", feed->id);
  if (evsi_file_next(&store->db, row)) {
    int64_t reader = sqlite3_column_int64(row, 0), through = sqlite3_column_int64(row, 1);
    evsi_file_done(row);
    int64_t lowest = evsi_file_get(&store->db, 0, "SELECT min(id) FROM pending WHERE id BETWEEN ? AND ?",
                                   "ii", evsi_file_place(reader, 0), evsi_file_place(reader + 1, 0) - 1);
    if (lowest > 0 && evsi_file_number_of(lowest) <= through)
      through = evsi_file_number_of(lowest) - 1;
    evsi_file_cut(store, feed, through);
  }
  return feed->last - feed->first + 1;
}

typedef struct step {
  evsi_file_stream *stream, *feed;
  const char *id;
  int64_t position, bound;
  json_int_t done, skipped;
  bool is_end;
} step;

static void feed_one(evsi_file_store *store, const step *made, evsi_file_event event, int64_t number) {
  char requeue[160];
  snprintf(requeue, sizeof requeue, "{\"replay\":\"%.64s\",\"offset\":\"%" PRId64 "\"}", made->id, number);
  event.requeue = evsi_text(requeue);
  evsi_file_append(store, made->feed, &event);
}

/* Copies the next ones; with a type many may be looked at for few. */
static void feed_some(evsi_file_request *request, step *made, const replay *wanted) {
  evsi_file_store *store = request->store;
  json_int_t limit = (json_int_t)evsi_file_param_number(request, "limit", 1, PAGE);
  int64_t first = made->stream->first - 1, looked = 0, most = wanted->type ? PAGE : limit;
  if (made->position < first) {
    int64_t gone = (first < made->bound ? first : made->bound) - made->position;
    made->skipped = wanted->type ? 0 : gone;
    made->position += gone;
  }
  sqlite3_stmt *row = evsi_file_query(
      &store->db,
      "SELECT id, data, raw, requeue, batch, more FROM entry WHERE id > ? AND id <= ? ORDER BY id LIMIT ?",
      "iii", evsi_file_place(made->stream->id, made->position),
      evsi_file_place(made->stream->id, made->bound), most);
  while (made->done < limit && evsi_file_next(&store->db, row)) {
    evsi_file_event event;
    evsi_file_event_read(row, 1, &event);
    made->position = evsi_file_number_of(sqlite3_column_int64(row, 0));
    looked++;
    if (!is_wanted(wanted, &event))
      continue;
    feed_one(store, made, event, made->position);
    made->done++;
  }
  evsi_file_done(row);
  made->is_end = made->position >= made->bound || (looked < most && made->done < limit);
}

static void answer_step(evsi_file_request *request, const step *made, bool is_owner, bool is_full) {
  evsi_file_answer(request,
                   json_pack("{s:b,s:o,s:b,s:b,s:I,s:I,s:i,s:[]}", "isOwner", is_owner, "position",
                             made->position > 0 ? json_sprintf("%" PRId64, made->position) : json_string(""),
                             "isEnd", made->is_end, "isFull", is_full, "done", made->done, "skipped",
                             made->skipped, "failed", 0, "errors"));
}

static bool begin(evsi_file_request *request, replay *wanted, step *made) {
  const char *name = evsi_file_param(request, "stream"), *bound = evsi_file_param(request, "bound");
  const char *position = evsi_file_param(request, "position"), *why = load(request, wanted);
  made->id = evsi_file_param(request, "id");
  made->stream = name ? evsi_file_stream_find(request->store, name, false) : NULL;
  if (why || !made->stream || !bound || !made->id) {
    evsi_file_refuse(request, EVS_VALIDATION, "%s", why ? why : "the replay cannot be read");
    return false;
  }
  bool is_new = !evsi_file_feed_find(request->store, made->stream, made->id, false);
  made->feed = evsi_file_feed_find(request->store, made->stream, made->id, true);
  made->bound = strtoll(bound, NULL, 10);
  made->position =
      position ? strtoll(position, NULL, 10) : first_of(request->store, made->stream, wanted) - 1;
  if (is_new)
    evsi_file_news(request->store); /* whoever subscribed to it finds the feed */
  return made->feed != NULL;
}

void evsi_file_replay_step(evsi_file_request *request) {
  replay wanted;
  step made = {.stream = NULL};
  if (!begin(request, &wanted, &made))
    return;
  evsi_file_db *db = &request->store->db;
  bool is_owner =
      evsi_file_get(db, 0, "SELECT 1 FROM progress WHERE operation = ? AND stream = ? AND owner = ?", "tit",
                    made.id, made.stream->id, evsi_file_param(request, "owner")) == 1;
  bool is_full = is_owner && sweep(request->store, made.feed) >= FEED_MOST;
  if (is_owner && !is_full) {
    feed_some(request, &made, &wanted);
    evsi_file_run(
        db,
        "UPDATE progress SET position = ?, done = done + ?, skipped = skipped + ? WHERE operation = ? AND"
        " stream = ?",
        "iiiti", made.position, (int64_t)made.done, (int64_t)made.skipped, made.id, made.stream->id);
  }
  answer_step(request, &made, is_owner, is_full);
}

/* ---- what is left, and the end ---------------------------------------------------------------- */

static evsi_file_stream *feed_of(evsi_file_request *request, const json_t *name) {
  const char *id = evsi_file_param(request, "id");
  evsi_file_stream *stream =
      json_is_string(name) ? evsi_file_stream_find(request->store, json_string_value(name), false) : NULL;
  return stream && id ? evsi_file_feed_find(request->store, stream, id, false) : NULL;
}

void evsi_file_request_job_left(evsi_file_request *request) {
  json_int_t count = 0;
  size_t i;
  json_t *name;
  json_array_foreach(evsi_file_given(request, "streams"), i, name) {
    evsi_file_stream *feed = feed_of(request, name);
    count += feed ? sweep(request->store, feed) : 0;
  }
  evsi_file_answer(request, json_pack("{s:I}", "unhandled", count));
}

static void drop(evsi_file_request *request, evsi_file_stream *feed) {
  evsi_file_db *db = &request->store->db;
  sqlite3_stmt *row = evsi_file_query(db, "SELECT id FROM reader WHERE stream = ?", "i", feed->id);
  while (evsi_file_next(db, row))
    evsi_file_run(db, "DELETE FROM pending WHERE id BETWEEN ? AND ?", "ii",
                  evsi_file_place(sqlite3_column_int64(row, 0), 0),
                  evsi_file_place(sqlite3_column_int64(row, 0) + 1, 0) - 1);
  evsi_file_cut(request->store, feed, feed->last);
}

void evsi_file_request_job_gate(evsi_file_request *request) {
  const char *state = evsi_file_param(request, "state"), *id = evsi_file_param(request, "id");
  bool is_running = state && strcmp(state, "running") == 0,
       is_aborted = state && strcmp(state, "aborted") == 0;
  char name[EVSI_FILE_NAME_MAX];
  size_t i;
  json_t *stream;
  snprintf(name, sizeof name, "@replay-%.64s", id ? id : "");
  if (is_running)
    evsi_file_run(&request->store->db, "DELETE FROM paused WHERE name = ?", "t", name);
  else
    evsi_file_run(&request->store->db, "INSERT OR REPLACE INTO paused (name, record) VALUES (?, ?)", "tt",
                  name,
                  is_aborted ? "{\"by\":\"replay\",\"reason\":\"it was aborted\"}"
                             : "{\"by\":\"replay\",\"reason\":\"it is paused\"}");
  json_array_foreach(evsi_file_given(request, "streams"), i, stream) {
    evsi_file_stream *feed = is_aborted ? feed_of(request, stream) : NULL;
    if (feed)
      drop(request, feed);
  }
  evsi_file_news(request->store);
  evsi_file_answer(request, json_object());
}

void evsi_file_replay_forget(evsi_file_store *store, const char *id) {
  char name[EVSI_FILE_NAME_MAX];
  sqlite3_stmt *row = evsi_file_query(&store->db, "SELECT id FROM stream WHERE feed = ?", "t", id);
  while (evsi_file_next(&store->db, row)) {
    int64_t feed = sqlite3_column_int64(row, 0);
    evsi_file_run(&store->db, "DELETE FROM pending WHERE reader IN (SELECT id FROM reader WHERE stream = ?)",
                  "i", feed);
    evsi_file_run(&store->db, "DELETE FROM reading WHERE reader IN (SELECT id FROM reader WHERE stream = ?)",
                  "i", feed);
    evsi_file_run(&store->db, "DELETE FROM reader WHERE stream = ?", "i", feed);
    evsi_file_run(&store->db, "DELETE FROM entry WHERE id BETWEEN ? AND ?", "ii", evsi_file_place(feed, 0),
                  evsi_file_place(feed + 1, 0) - 1);
  }
  evsi_file_run(&store->db, "DELETE FROM stream WHERE feed = ?", "t", id);
  snprintf(name, sizeof name, "@replay-%.64s", id);
  evsi_file_run(&store->db, "DELETE FROM paused WHERE name = ?", "t", name);
}
