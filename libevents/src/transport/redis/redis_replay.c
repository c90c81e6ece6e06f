/* SPDX-License-Identifier: MIT
 * redis_replay.c - what the operations engine asks for replays: the bounds of the streams that are meant, the
 * next entries of one of them, what is left to handle, and the end. A replay's entries are copied into a feed
 * in the slot of their stream, which only members with its id read. */
#include "transport/redis/redis_replay.h"

#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "event/envelope.h"
#include "event/pattern.h"
#include "event/stored_batch.h"
#include "transport/redis/redis_jobs.h"
#include "transport/redis/redis_letters.h"

enum { PAGE = 500, FEED_MOST = 1000 /* entries that wait in a feed */ };

static const json_t *given(const evsi_redis_request *request, const char *name) {
  return json_object_get(request->params, name);
}

static const char *text_of(const json_t *object, const char *name) {
  const char *text = json_string_value(json_object_get(object, name));
  return text && *text ? text : NULL;
}

/* ---- what is meant ---------------------------------------------------------------------------- */

typedef struct replay {
  evsi_redis_id first, last;
  const char *type; /* exact, or NULL */
  char pattern[EVSI_PATTERN_MAX + 1];
  json_t *ids;
  char position[EVSI_REDIS_ID_TEXT];
  bool is_end;
} replay;

static void replay_free(void *data) {
  replay *made = data;
  if (made)
    json_decref(made->ids);
  evsi_free(made);
}

static bool refuse(evsi_redis_request *request, const char *why) {
  evsi_redis_request_answer(request, EVS_VALIDATION, evsi_text(why));
  return false;
}

static bool take_number(const json_t *filter, const char *name, uint64_t *out) {
  const json_t *value = json_object_get(filter, name);
  if (!value || json_is_null(value))
    return true;
  if (!json_is_integer(value) || json_integer_value(value) < 0)
    return false;
  *out = (uint64_t)json_integer_value(value);
  return true;
}

static bool take_offset(const json_t *filter, const char *name, evsi_redis_id *out) {
  const json_t *value = json_object_get(filter, name);
  if (!value || json_is_null(value))
    return true;
  return json_is_string(value) &&
         evsi_redis_id_parse(evsi_bytes(json_string_value(value), json_string_length(value)), out);
}

static bool take_type(replay *made, const json_t *filter) {
  const json_t *value = json_object_get(filter, "type");
  if (!value || json_is_null(value))
    return true;
  made->type = text_of(filter, "type");
  if (!made->type || !strchr(made->type, '*'))
    return made->type != NULL;
  const evsi_origin_rule rule = {.origin_prefix = "", .extended_types = true};
  return evsi_pattern_normalize(evsi_text(made->type), &rule, made->pattern, NULL) == EVS_OK;
}

static bool is_member(const char *name) {
  static const char *const all[] = {"topic", "type", "since", "until", "fromOffset", "toOffset"};
  for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
    if (strcmp(all[i], name) == 0)
      return true;
  }
  return false;
}

/* Reads the filter; false: it is wrong, and that was answered. */
static bool load(evsi_redis_request *request) {
  json_t *filter = json_object_get(request->params, "filter"), *value;
  replay *made = evsi_calloc(1, sizeof *made);
  uint64_t since = 0, until = UINT64_MAX;
  const char *name;
  request->extra = made;
  request->extra_free = replay_free;
  if (!made || !(made->ids = json_array())) {
    evsi_redis_request_answer(request, EVS_NOMEM, evsi_text("out of memory"));
    return false;
  }
  json_object_foreach(filter, name, value) {
    if (!is_member(name))
      return refuse(request,
                    "a filter of a replay has topic, type, since, until, fromOffset and toOffset only");
  }
  made->last = (evsi_redis_id){UINT64_MAX, UINT64_MAX};
  if (!take_number(filter, "since", &since) || !take_number(filter, "until", &until))
    return refuse(request, "since and until of a replay are milliseconds since 1970");
  if (!take_offset(filter, "fromOffset", &made->first) || !take_offset(filter, "toOffset", &made->last))
    return refuse(request, "fromOffset and toOffset of a replay are offsets as receipts have them");
  if (!take_type(made, filter))
    return refuse(request, "type of a replay is a type, or a valid pattern");
  if (since > made->first.ms)
    made->first = (evsi_redis_id){since, 0};
  if (until < made->last.ms)
    made->last = (evsi_redis_id){until, UINT64_MAX};
  return true;
}

static bool is_wanted(const replay *made, evs_bytes type, evs_bytes prefix) {
  char full[EVSI_PATTERN_MAX];
  bool failed = false;
  if (!made->type)
    return true;
  int size = prefix.size ? snprintf(full, sizeof full, "%.*s.%.*s", (int)prefix.size, prefix.data,
                                    (int)type.size, type.size ? type.data : "")
                         : snprintf(full, sizeof full, "%.*s", (int)type.size, type.size ? type.data : "");
  if (type.size == 0 || size < 0 || (size_t)size >= sizeof full)
    return false;
  if (!made->pattern[0])
    return evsi_bytes_equal(type, evsi_text(made->type)) || strcmp(full, made->type) == 0;
  return evsi_pattern_matches_text(made->pattern, evsi_text(full), "", &failed) ||
         evsi_pattern_matches_text(made->pattern, type, "", &failed);
}

/* ---- bounds ----------------------------------------------------------------------------------- */

static void answer_bounds(evsi_redis_request *request) {
  const json_t *filter = given(request, "filter");
  bool is_whole = json_object_size(filter) == (json_object_get(filter, "topic") ? 1U : 0U);
  json_t *document = json_pack("{s:O,s:o}", "bounds", request->result, "count",
                               is_whole ? json_integer((json_int_t)request->count) : json_null());
  evsi_redis_request_json(request, document);
  json_decref(document);
}

static void on_bound(evsi_redis_request *request, uint64_t tag, const evsi_redis_reply *reply) {
  const replay *made = request->extra;
  char text[EVSI_REDIS_ID_TEXT];
  evsi_redis_id newest;
  if (evsi_redis_request_refused(request, reply, "reading a stream") ||
      !evsi_redis_id_parse(evsi_redis_letters_last(reply), &newest) ||
      evsi_redis_id_compare(made->first, newest) > 0)
    return;
  evs_bytes bound =
      evsi_redis_id_text(evsi_redis_id_compare(made->last, newest) < 0 ? made->last : newest, text);
  json_object_set_new(request->result, request->streams[tag].name, json_stringn(bound.data, bound.size));
}

static void on_length(evsi_redis_request *request, uint64_t tag, const evsi_redis_reply *reply) {
  (void)tag;
  if (!evsi_redis_request_refused(request, reply, "XLEN of a stream"))
    request->count += (uint64_t)evsi_redis_integer(reply);
}

static void find_bounds(evsi_redis_request *request) {
  request->step = answer_bounds;
  request->result = json_object();
  for (size_t i = 0; i < request->stream_count && !request->is_answered; i++) {
    evsi_redis_args args = {0};
    evsi_redis_letters_bound(request, request->streams[i].key, on_bound, i);
    if (request->is_answered)
      return;
    evsi_redis_arg_text(&args, "XLEN");
    evsi_redis_arg_text(&args, request->streams[i].key);
    evsi_redis_request_send(request, &args, on_length, i);
  }
}

void evsi_redis_replay_bounds(evsi_redis_request *request) {
  json_t *topic = json_object_get(json_object_get(request->params, "filter"), "topic");
  if (!load(request))
    return;
  if (json_is_string(topic))
    json_object_set(request->params, "topic", topic);
  evsi_redis_request_streams(request, find_bounds);
}

/* ---- one step --------------------------------------------------------------------------------- */

static void put_feed(const evsi_redis_request *request, evsi_redis_args *args, evs_bytes name,
                     const char *id) {
  const evsi_redis_layout *layout = &request->transport->config.layout;
  char suffix[EVSI_REDIS_NAME_MAX];
  snprintf(suffix, sizeof suffix, ":%s", id ? id : "");
  evsi_redis_arg_key(args, evsi_redis_key(layout, EVSI_REDIS_FEED, name, suffix));
}

static void set_position(replay *made, evs_bytes id) {
  if (id.size > 0)
    snprintf(made->position, sizeof made->position, "%.*s", (int)id.size, id.data);
}

static void on_fed(evsi_redis_request *request, uint64_t tag, const evsi_redis_reply *reply) {
  replay *made = request->extra;
  const evsi_redis_reply *word = evsi_redis_item(reply, 0);
  bool is_full = evsi_redis_is(word, "FULL"), is_fed = evsi_redis_is(word, "OK");
  bool is_all = is_fed && evsi_redis_integer(evsi_redis_item(reply, 4)) == 1;
  const char *before = evsi_redis_request_text(request, "position");
  (void)tag;
  if (evsi_redis_request_refused(request, reply, "replaying"))
    return;
  set_position(made, evsi_redis_text(evsi_redis_item(reply, 3)));
  json_t *document =
      json_pack("{s:b,s:s,s:b,s:b,s:I,s:I,s:i,s:[]}", "isOwner", !evsi_redis_is(word, "FENCED"), "position",
                is_fed   ? made->position
                : before ? before
                         : "",
                "isEnd", made->is_end && is_all, "isFull", is_full, "done",
                (json_int_t)evsi_redis_integer(evsi_redis_item(reply, 1)), "skipped",
                (json_int_t)evsi_redis_integer(evsi_redis_item(reply, 2)), "failed", 0, "errors");
  evsi_redis_request_json(request, document);
  json_decref(document);
}

static void feed(evsi_redis_request *request) {
  const replay *made = request->extra;
  const evsi_redis_layout *layout = &request->transport->config.layout;
  const char *id = evsi_redis_request_text(request, "id");
  evs_bytes name = evsi_text(evsi_redis_request_text(request, "stream"));
  evsi_redis_request_script call = {.script = EVSI_REDIS_REPLAY, .keys = 3};
  char suffix[EVSI_REDIS_NAME_MAX];
  size_t i;
  json_t *each;
  snprintf(suffix, sizeof suffix, ":%s", id ? id : "");
  evsi_redis_arg_key(&call.args, evsi_redis_stream_key(layout, name));
  put_feed(request, &call.args, name, id);
  evsi_redis_arg_key(&call.args, evsi_redis_key(layout, EVSI_REDIS_PROGRESS, name, suffix));
  evsi_redis_arg_text(&call.args, "feed");
  evsi_redis_arg_text(&call.args, evsi_redis_request_text(request, "owner"));
  evsi_redis_arg_text(&call.args, made->position);
  evsi_redis_arg_text(&call.args, evsi_redis_request_text(request, "group"));
  evsi_redis_arg_text(&call.args, id ? id : "");
  evsi_redis_arg_u64(&call.args, FEED_MOST);
  json_array_foreach(made->ids, i, each) {
    evsi_redis_arg_text(&call.args, json_string_value(each));
  }
  evsi_redis_request_call(request, &call, on_fed, 0);
}

/* What cannot be read is of no type. */
static bool is_wanted_event(const replay *made, evs_bytes data) {
  evsi_envelope envelope;
  evsi_buf scratch = {0};
  bool is = !evsi_envelope_decode(data, &envelope, &scratch) &&
            is_wanted(made, envelope.type, envelope.origin_prefix);
  evsi_buf_free(&scratch);
  return is;
}

static bool is_wanted_batch(const replay *made, evs_bytes data) {
  evsi_stored_batch batch = {0};
  bool is = false;
  if (evsi_stored_batch_decode(data, &batch))
    return false;
  for (uint32_t i = 0; i < batch.count && !is; i++)
    is = is_wanted_event(made, batch.events[i]);
  evsi_stored_batch_free(&batch);
  return is;
}

/* An entry is replayed as a whole: with several events, when one of them is meant. */
static bool has_wanted(const replay *made, const evsi_redis_reply *row) {
  const evsi_redis_reply *kind = evsi_redis_item(row, 1);
  evs_bytes text = evsi_redis_text(evsi_redis_item(row, 2));
  if (!made->type)
    return true;
  if (evsi_redis_is(kind, "batch"))
    return is_wanted_batch(made, text);
  return evsi_redis_is(kind, "event") ? is_wanted_event(made, text)
                                      : is_wanted(made, text, evsi_redis_text(evsi_redis_item(row, 3)));
}

static void on_page(evsi_redis_request *request, uint64_t tag, const evsi_redis_reply *reply) {
  replay *made = request->extra;
  const evsi_redis_reply *rows = evsi_redis_item(reply, 1);
  bool is_full = false;
  (void)tag;
  if (evsi_redis_request_refused(request, reply, "reading what is replayed"))
    return;
  for (size_t i = 0; i < rows->count && !is_full; i++) {
    const evsi_redis_reply *row = evsi_redis_item(rows, i);
    evs_bytes id = evsi_redis_text(evsi_redis_item(row, 0));
    set_position(made, id);
    if (!has_wanted(made, row))
      continue;
    json_array_append_new(made->ids, json_stringn(id.data ? id.data : "", id.size));
    is_full = json_array_size(made->ids) >= request->limit && i + 1 < rows->count;
  }
  made->is_end = !is_full && evsi_redis_integer(evsi_redis_item(reply, 0)) == 1;
  request->step = feed;
}

void evsi_redis_replay_step(evsi_redis_request *request) {
  const char *stream = evsi_redis_request_text(request, "stream");
  const char *position = evsi_redis_request_text(request, "position");
  const char *bound = evsi_redis_request_text(request, "bound"),
             *owner = evsi_redis_request_text(request, "owner");
  char first[EVSI_REDIS_ID_TEXT], from[EVSI_REDIS_ID_TEXT + 1];
  if (!load(request))
    return;
  if (!stream || !bound || !owner || !evsi_redis_request_text(request, "group")) {
    refuse(request, "the replay cannot be read");
    return;
  }
  replay *made = request->extra;
  request->limit = evsi_redis_request_number(request, "limit", 1, PAGE);
  if (position)
    snprintf(from, sizeof from, "(%s", position);
  else
    snprintf(from, sizeof from, "%s", evsi_redis_id_text(made->first, first).data);
  set_position(made, evsi_text(position));
  evsi_redis_request_script call = {.script = EVSI_REDIS_REPLAY, .keys = 1};
  evsi_redis_arg_key(&call.args,
                     evsi_redis_stream_key(&request->transport->config.layout, evsi_text(stream)));
  evsi_redis_arg_text(&call.args, "page");
  evsi_redis_arg_text(&call.args, from);
  evsi_redis_arg_text(&call.args, bound);
  /* With a type many may be looked at for few; without one each that is looked at is taken. */
  evsi_redis_arg_u64(&call.args, made->type ? PAGE : request->limit);
  evsi_redis_arg_text(&call.args, made->type ? "1" : "0");
  evsi_redis_request_call(request, &call, on_page, 0);
}

/* ---- what is left, and the end ---------------------------------------------------------------- */

static void answer_left(evsi_redis_request *request) {
  json_t *document = json_pack("{s:I}", "unhandled", (json_int_t)request->count);
  evsi_redis_request_json(request, document);
  json_decref(document);
}

static void on_left(evsi_redis_request *request, uint64_t tag, const evsi_redis_reply *reply) {
  (void)tag;
  if (!evsi_redis_request_refused(request, reply, "looking at a replay"))
    request->count += (uint64_t)evsi_redis_integer(reply);
}

void evsi_redis_request_job_left(evsi_redis_request *request) {
  size_t i;
  json_t *name;
  const char *group = evsi_redis_request_text(request, "group");
  request->step = answer_left;
  json_array_foreach(given(request, "streams"), i, name) {
    evsi_redis_request_script call = {.script = EVSI_REDIS_REPLAY, .keys = 1};
    put_feed(request, &call.args, evsi_text(json_string_value(name)), evsi_redis_request_text(request, "id"));
    evsi_redis_arg_text(&call.args, "left");
    evsi_redis_arg_text(&call.args, group ? group : "");
    evsi_redis_request_call(request, &call, on_left, i);
    if (request->is_answered)
      return;
  }
}

static void on_noted(evsi_redis_request *request, uint64_t tag, const evsi_redis_reply *reply) {
  (void)tag;
  evsi_redis_request_refused(request, reply, "ending or pausing a replay");
}

static void drop(evsi_redis_request *request, const char *id) {
  const evsi_redis_layout *layout = &request->transport->config.layout;
  char due[EVSI_REDIS_NAME_MAX];
  size_t i;
  json_t *name;
  snprintf(due, sizeof due, ":" EVSI_REDIS_REPLAY_GROUP "%s", id);
  json_array_foreach(given(request, "streams"), i, name) {
    evsi_redis_request_script call = {.script = EVSI_REDIS_REPLAY, .keys = 2};
    put_feed(request, &call.args, evsi_text(json_string_value(name)), id);
    evsi_redis_arg_key(&call.args,
                       evsi_redis_key(layout, "evs:due:", evsi_text(json_string_value(name)), due));
    evsi_redis_arg_text(&call.args, "drop");
    evsi_redis_request_call(request, &call, on_noted, i);
    if (request->is_answered)
      return;
  }
}

static void done(evsi_redis_request *request) {
  evsi_redis_pause_ask(request->transport); /* the own members follow at once */
  evsi_redis_request_answer(request, EVS_OK, evsi_text("{}"));
}

void evsi_redis_request_job_gate(evsi_redis_request *request) {
  const char *state = evsi_redis_request_text(request, "state"), *id = evsi_redis_request_text(request, "id");
  bool is_running = state && strcmp(state, "running") == 0,
       is_aborted = state && strcmp(state, "aborted") == 0;
  char field[EVSI_REDIS_NAME_MAX];
  evsi_redis_args args = {0};
  request->step = done;
  snprintf(field, sizeof field, EVSI_REDIS_REPLAY_GROUP "%s", id ? id : "");
  evsi_redis_arg_text(&args, is_running ? "HDEL" : "HSET");
  evsi_redis_arg_text(&args, EVSI_REDIS_PAUSED);
  evsi_redis_arg_text(&args, field);
  if (!is_running)
    evsi_redis_arg_text(&args, is_aborted ? "{\"by\":\"replay\",\"reason\":\"it was aborted\"}"
                                          : "{\"by\":\"replay\",\"reason\":\"it is paused\"}");
  evsi_redis_request_send(request, &args, on_noted, 0);
  if (is_aborted && !request->is_answered)
    drop(request, id ? id : "");
}
