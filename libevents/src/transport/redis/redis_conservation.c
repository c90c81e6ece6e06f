/* SPDX-License-Identifier: MIT
 * redis_conservation.c - the request `conservation`: is every event that was added for a group acknowledged,
 * dead, pending, unread, or trimmed by force? All counters of a stream are taken at one moment. Entries that
 * are unread at that moment cannot change but by trimming, so they are counted afterwards, page by page, and
 * once more if something unread was trimmed meanwhile: the numbers are exact on a live system. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "transport/redis/redis_request.h"

enum { OTHER_GROUPS_MOST = 3, SPAN_MOST = 2500, TRIES_MOST = 5 };

typedef struct stream_counts {
  json_t *groups; /* names */
  char newest[EVSI_REDIS_ID_TEXT];
  int64_t added, length, trimmed;
  uint32_t tries;
} stream_counts;

typedef struct group_counts {
  size_t stream;
  char *name;
  char from[EVSI_REDIS_ID_TEXT + 1]; /* where counting goes on */
  int64_t base, acked, dead, pending, unread, trimmed, handed;
  bool has_base, is_ours, is_new, is_seen_again;
} group_counts;

typedef struct counts {
  stream_counts *streams;
  size_t stream_count;
  group_counts *groups;
  size_t group_count;
  uint32_t tries;
  bool is_second_look, has_changed;
} counts;

static counts *of(const evsi_redis_request *request) {
  return request->extra;
}

static void forget_groups(counts *all) {
  for (size_t i = 0; i < all->group_count; i++)
    evsi_free(all->groups[i].name);
  evsi_free(all->groups);
  all->groups = NULL;
  all->group_count = 0;
}

static void counts_free(void *data) {
  counts *all = data;
  if (!all)
    return;
  forget_groups(all);
  for (size_t i = 0; all->streams && i < all->stream_count; i++)
    json_decref(all->streams[i].groups);
  evsi_free(all->streams);
  evsi_free(all);
}

static void no_memory(evsi_redis_request *request) {
  evsi_redis_request_answer(request, EVS_NOMEM, evsi_text("out of memory"));
}

static void copy_id(char *out, size_t size, const evsi_redis_reply *reply, const char *before) {
  evs_bytes text = evsi_redis_text(reply);
  snprintf(out, size, "%s%.*s", before, (int)text.size, text.data ? text.data : "");
}

/* ---- calling the script ----------------------------------------------------------------------- */

static evsi_redis_request_script begin(const evsi_redis_request *request, size_t stream,
                                       const json_t *groups) {
  const evsi_redis_layout *layout = &request->transport->config.layout;
  evs_bytes name = evsi_text(request->streams[stream].name);
  evsi_redis_request_script call = {.script = EVSI_REDIS_AUDIT};
  char suffix[EVSI_REDIS_NAME_MAX];
  size_t i;
  json_t *each;
  evsi_redis_arg_key(&call.args, evsi_redis_stream_key(layout, name));
  evsi_redis_arg_key(&call.args, evsi_redis_key(layout, EVSI_REDIS_RETENTION, name, ""));
  json_array_foreach(groups, i, each) {
    snprintf(suffix, sizeof suffix, ":%s", json_string_value(each));
    evsi_redis_arg_key(&call.args, evsi_redis_key(layout, "evs:meta:", name, suffix));
  }
  call.keys = call.args.count;
  return call;
}

/* ---- the answer ------------------------------------------------------------------------------- */

static json_t *number_or_null(bool is_known, int64_t number) {
  return is_known ? json_integer(number) : json_null();
}

static json_t *group_row(const evsi_redis_request *request, const group_counts *group) {
  const evsi_redis_known *known = &request->streams[group->stream];
  int64_t added = of(request)->streams[group->stream].added;
  int64_t sum = group->acked + group->dead + group->pending + group->unread + group->trimmed;
  bool is_known = group->is_ours && group->has_base && added >= 0;
  int64_t missing = added - group->base - sum;
  json_t *row = json_pack(
      "{s:o,s:o,s:s,s:I,s:I}", "topic", json_stringn(known->topic.data, known->topic.size), "partition",
      number_or_null(known->partition != EVS_PARTITION_NONE, known->partition), "group", group->name,
      "pending", (json_int_t)group->pending, "unread", (json_int_t)group->unread);
  json_object_set_new(row, "published", number_or_null(is_known, added - group->base));
  json_object_set_new(row, "acknowledged", number_or_null(group->is_ours, group->acked));
  json_object_set_new(row, "dead", number_or_null(group->is_ours, group->dead));
  json_object_set_new(row, "trimmed", number_or_null(group->is_ours, group->trimmed));
  json_object_set_new(row, "handedOver", number_or_null(group->is_ours, group->handed));
  json_object_set_new(row, "unaccounted", number_or_null(is_known, missing));
  json_object_set_new(row, "holds", is_known ? json_boolean(missing == 0) : json_null());
  json_object_set_new(row, "isNew", json_boolean(group->is_new));
  return row;
}

static json_t *stream_row(const evsi_redis_request *request, size_t at) {
  const evsi_redis_known *known = &request->streams[at];
  const stream_counts *stream = &of(request)->streams[at];
  int64_t others = stream->added - stream->length - stream->trimmed;
  json_t *row =
      json_pack("{s:o,s:o,s:I,s:I}", "topic", json_stringn(known->topic.data, known->topic.size), "partition",
                number_or_null(known->partition != EVS_PARTITION_NONE, known->partition), "entries",
                (json_int_t)stream->length, "trimmed", (json_int_t)stream->trimmed);
  json_object_set_new(row, "added", number_or_null(stream->added >= 0, stream->added));
  json_object_set_new(row, "removedByOthers", number_or_null(stream->added >= 0 && others >= 0, others));
  return row;
}

static void answer(evsi_redis_request *request) {
  const counts *all = of(request);
  json_t *streams = json_array(), *groups = json_array(), *holds = json_true();
  for (size_t i = 0; i < all->stream_count; i++)
    json_array_append_new(streams, stream_row(request, i));
  for (size_t i = 0; i < all->group_count; i++) {
    json_t *row = group_row(request, &all->groups[i]);
    if (json_is_false(json_object_get(row, "holds")))
      holds = json_false();
    json_array_append_new(groups, row);
  }
  json_t *document = json_pack("{s:o,s:o,s:o}", "holds", holds, "streams", streams, "groups", groups);
  evsi_redis_request_json(request, document);
  json_decref(document);
}

/* ---- groups whose counters begin now ---------------------------------------------------------- */

static void on_begun(evsi_redis_request *request, uint64_t tag, const evsi_redis_reply *reply) {
  (void)request, (void)tag, (void)reply; /* one that may only look begins nothing, and still sees all */
}

static void begin_new(evsi_redis_request *request) {
  const counts *all = of(request);
  request->step = answer;
  for (size_t i = 0; i < all->group_count && !request->is_answered; i++) {
    group_counts *group = &all->groups[i];
    int64_t added = all->streams[group->stream].added;
    char base[24];
    if (!group->is_ours || group->has_base || added < 0)
      continue;
    group->base = added - group->acked - group->dead - group->pending - group->unread - group->trimmed;
    group->has_base = group->is_new = true;
    json_t *names = json_pack("[s]", group->name);
    evsi_redis_request_script call = begin(request, group->stream, names);
    json_decref(names);
    snprintf(base, sizeof base, "%lld", (long long)group->base);
    evsi_redis_arg_text(&call.args, "begin");
    evsi_redis_arg_text(&call.args, group->name);
    evsi_redis_arg_text(&call.args, base);
    evsi_redis_request_call(request, &call, on_begun, i);
  }
}

/* ---- counters, at one moment ------------------------------------------------------------------ */

static void look(evsi_redis_request *request);
static void count_unread(evsi_redis_request *request);

/* The second look decides whether what was counted between the two is what there was at the first. */
static void decide(evsi_redis_request *request) {
  counts *all = of(request);
  for (size_t i = 0; i < all->group_count; i++)
    all->has_changed = all->has_changed || !all->groups[i].is_seen_again;
  if (!all->has_changed || ++all->tries >= TRIES_MOST) {
    if (all->has_changed)
      evsi_redis_request_answer(
          request, EVS_AGAIN,
          evsi_text("unread entries are being trimmed, or groups come and go: ask again"));
    else
      begin_new(request);
    return;
  }
  look(request);
}

static bool take_group(evsi_redis_request *request, size_t stream, const evsi_redis_reply *found) {
  counts *all = of(request);
  group_counts *grown = evsi_realloc(all->groups, (all->group_count + 1) * sizeof *grown);
  evs_bytes name = evsi_redis_text(evsi_redis_item(found, 0));
  if (!grown)
    return false;
  all->groups = grown;
  group_counts *group = &grown[all->group_count];
  *group = (group_counts){.stream = stream, .name = evsi_strndup(name.data, name.size)};
  if (!group->name)
    return false;
  all->group_count++;
  copy_id(group->from, sizeof group->from, evsi_redis_item(found, 1), "(");
  group->pending = evsi_redis_integer(evsi_redis_item(found, 2));
  group->has_base = evsi_redis_text(evsi_redis_item(found, 3)).size > 0;
  group->base = evsi_redis_integer(evsi_redis_item(found, 3));
  group->acked = evsi_redis_integer(evsi_redis_item(found, 4));
  group->dead = evsi_redis_integer(evsi_redis_item(found, 5));
  group->trimmed = evsi_redis_integer(evsi_redis_item(found, 6));
  group->handed = evsi_redis_integer(evsi_redis_item(found, 7));
  group->is_ours = evsi_redis_text(evsi_redis_item(found, 8)).size > 0;
  return true;
}

static void compare_group(counts *all, size_t stream, const evsi_redis_reply *found) {
  for (size_t i = 0; i < all->group_count; i++) {
    group_counts *group = &all->groups[i];
    if (group->stream != stream || !evsi_redis_is(evsi_redis_item(found, 0), group->name))
      continue;
    group->is_seen_again = true;
    if (group->trimmed != evsi_redis_integer(evsi_redis_item(found, 6)))
      all->has_changed = true;
  }
}

static void on_counters(evsi_redis_request *request, uint64_t tag, const evsi_redis_reply *reply);

static void ask_counters(evsi_redis_request *request, size_t stream) {
  size_t i;
  json_t *each, *groups = of(request)->streams[stream].groups;
  evsi_redis_request_script call = begin(request, stream, groups);
  evsi_redis_arg_text(&call.args, "counters");
  json_array_foreach(groups, i, each) {
    evsi_redis_arg(&call.args, json_string_value(each), json_string_length(each));
  }
  evsi_redis_request_call(request, &call, on_counters, stream);
}

static void ask_again(evsi_redis_request *request, size_t at, const evsi_redis_reply *reply) {
  stream_counts *stream = &of(request)->streams[at];
  json_decref(stream->groups);
  stream->groups = json_array();
  for (size_t i = 1; i < reply->count; i++) {
    evs_bytes name = evsi_redis_text(evsi_redis_item(reply, i));
    json_array_append_new(stream->groups, json_stringn(name.data ? name.data : "", name.size));
  }
  if (stream->tries++ < OTHER_GROUPS_MOST)
    ask_counters(request, at);
}

static void on_counters(evsi_redis_request *request, uint64_t tag, const evsi_redis_reply *reply) {
  counts *all = of(request);
  stream_counts *stream = &all->streams[tag];
  if (evsi_redis_request_refused(request, reply, "reading counters"))
    return;
  if (evsi_redis_is(evsi_redis_item(reply, 0), "GROUPS")) {
    ask_again(request, (size_t)tag, reply);
    return;
  }
  for (size_t i = 5; i < reply->count; i++) {
    if (all->is_second_look)
      compare_group(all, (size_t)tag, evsi_redis_item(reply, i));
    else if (!take_group(request, (size_t)tag, evsi_redis_item(reply, i)))
      no_memory(request);
  }
  if (all->is_second_look)
    return;
  stream->added = evsi_redis_integer(evsi_redis_item(reply, 1));
  stream->length = evsi_redis_integer(evsi_redis_item(reply, 2));
  copy_id(stream->newest, sizeof stream->newest, evsi_redis_item(reply, 3), "");
  stream->trimmed = evsi_redis_integer(evsi_redis_item(reply, 4));
}

static void ask_all(evsi_redis_request *request, bool is_second_look) {
  counts *all = of(request);
  all->is_second_look = is_second_look;
  for (size_t i = 0; i < request->stream_count && !request->is_answered; i++) {
    all->streams[i].tries = 0;
    ask_counters(request, i);
  }
}

static void look_again(evsi_redis_request *request) {
  request->step = decide;
  ask_all(request, true);
}

static void look(evsi_redis_request *request) {
  forget_groups(of(request));
  of(request)->has_changed = false;
  request->step = count_unread;
  ask_all(request, false);
}

/* ---- what is unread --------------------------------------------------------------------------- */

static void ask_span(evsi_redis_request *request, size_t at);

static void on_span(evsi_redis_request *request, uint64_t tag, const evsi_redis_reply *reply) {
  group_counts *group = &of(request)->groups[tag];
  if (evsi_redis_request_refused(request, reply, "counting unread entries"))
    return;
  group->unread += evsi_redis_integer(evsi_redis_item(reply, 1));
  if (evsi_redis_text(evsi_redis_item(reply, 2)).size == 0)
    return;
  copy_id(group->from, sizeof group->from, evsi_redis_item(reply, 2), "(");
  ask_span(request, (size_t)tag);
}

static void ask_span(evsi_redis_request *request, size_t at) {
  const group_counts *group = &of(request)->groups[at];
  evsi_redis_request_script call = begin(request, group->stream, NULL);
  evsi_redis_arg_text(&call.args, "span");
  evsi_redis_arg_text(&call.args, group->from);
  evsi_redis_arg_text(&call.args, of(request)->streams[group->stream].newest);
  evsi_redis_arg_u64(&call.args, SPAN_MOST);
  evsi_redis_request_call(request, &call, on_span, at);
}

static void count_unread(evsi_redis_request *request) {
  request->step = look_again;
  for (size_t i = 0; i < of(request)->group_count && !request->is_answered; i++)
    ask_span(request, i);
}

/* ---- starting --------------------------------------------------------------------------------- */

static void start(evsi_redis_request *request) {
  counts *all = evsi_calloc(1, sizeof *all);
  request->extra = all;
  request->extra_free = counts_free;
  if (all)
    all->streams = evsi_calloc(request->stream_count + 1, sizeof *all->streams);
  if (!all || !all->streams) {
    no_memory(request);
    return;
  }
  all->stream_count = request->stream_count;
  look(request);
}

void evsi_redis_request_conservation(evsi_redis_request *request) {
  evsi_redis_request_streams(request, start);
}
