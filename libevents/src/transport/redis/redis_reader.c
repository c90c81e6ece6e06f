/* SPDX-License-Identifier: MIT
 * redis_reader.c - the blocking read of a group: one read serves all its streams, on a connection that does
 * nothing else. COUNT counts for each stream, so what the group may take is shared out among them. */
#include <string.h>

#include "transport/redis/redis_error.h"
#include "transport/redis/redis_internal.h"

enum { WAKE_AGAIN_MS = 10, AHEAD_ENTRIES_MIN = 64, AHEAD_BYTES_MAX = 1024 * 1024 };
static const evsi_retry_policy RETRY = {0, EVS_BACKOFF_EXPONENTIAL, 50, 5000, 0.2};

/* ---- what came -------------------------------------------------------------------------------- */

static void note_failure(evsi_redis_group *group, const evsi_redis_reply *reply) {
  evs_transport *transport = group->transport;
  evsi_redis_error_class error = evsi_redis_error_classify(reply);
  char text[EVSI_REDIS_ERROR_TEXT];
  if (error == EVSI_REDIS_ERROR_CONNECTION)
    return;
  group->read_failures++;
  group->read_retry_ms =
      evsi_redis_now(transport) + evsi_backoff_delay(transport->world->env, &RETRY, group->read_failures);
  evsi_redis_group_retry_at(group, group->read_retry_ms);
  if (error == EVSI_REDIS_ERROR_LOST_GROUP || error == EVSI_REDIS_ERROR_WRONGTYPE) {
    evsi_redis_group_resync(group); /* finds out which stream it is */
    return;
  }
  evsi_redis_error_text(reply, "reading", text);
  evsi_redis_log(transport, error == EVSI_REDIS_ERROR_SECURITY ? 3 : 2, "%s", text);
}

/* Finds out whose entries came: the server answers in the order that it was asked, leaving out streams
 * without any. Gives how many of them answered. */
static size_t sort_answer(evsi_redis_group *group, const evsi_redis_reply *reply) {
  size_t at = 0, answered = 0;
  group->arriving = 0;
  for (; answered < reply->count; answered++) {
    const evsi_redis_reply *each = evsi_redis_item(reply, answered);
    while (at < group->read_count && !evsi_redis_is(evsi_redis_item(each, 0), group->read_set[at]->key))
      group->read_set[at++]->is_hot = false;
    if (at == group->read_count)
      return answered;
    evsi_redis_stream *stream = group->read_set[at++];
    size_t count = evsi_redis_item(each, 1)->count;
    stream->is_hot = count >= group->read_each;
    group->answered[answered] = stream;
    group->arriving += count;
  }
  while (at < group->read_count)
    group->read_set[at++]->is_hot = false;
  return answered;
}

static size_t size_of(const evsi_redis_reply *reply) {
  size_t size = reply->text.size;
  for (size_t i = 0; i < reply->count; i++)
    size += size_of(evsi_redis_item(reply, i));
  return size;
}

/* The server works on the next read while the host gets these. Not for few, which gain nothing and would wait
 * for the writing; nor for large ones, of which the host may want no more; nor where one member has all in
 * order. */
static void read_ahead(evsi_redis_group *group, const evsi_redis_reply *reply, size_t answered) {
  bool may = group->transport->command.is_up && !group->is_leaving && group->arriving >= AHEAD_ENTRIES_MIN &&
             size_of(reply) <= AHEAD_BYTES_MAX;
  for (size_t i = 0; i < answered && may; i++)
    may = group->answered[i]->ordering == EVS_ORDER_NONE;
  if (!may)
    return;
  evsi_redis_reader_pump(group);
  evsi_redis_conn_flush(&group->reader);
}

static void take_entries(evsi_redis_group *group, const evsi_redis_reply *reply) {
  size_t answered = sort_answer(group, reply);
  read_ahead(group, reply, answered);
  group->arriving = 0;
  for (size_t i = 0; i < answered; i++)
    evsi_redis_deliver(group->answered[i], evsi_redis_item(evsi_redis_item(reply, i), 1), 1);
}

static void on_read(void *data, uint64_t tag, const evsi_redis_reply *reply) {
  evsi_redis_group *group = data;
  evs_transport *transport = group->transport;
  bool was_woken = reply->type == EVSI_REDIS_NIL && group->is_blocking && evsi_redis_now(transport) + 5 < tag;
  group->is_reading = false;
  group->must_wake = false;
  if (reply->type == EVSI_REDIS_ARRAY) {
    group->read_failures = 0;
    group->quiet = 0;
    take_entries(group, reply);
  } else if (reply->type == EVSI_REDIS_NIL) {
    group->read_failures = 0;
    group->quiet += group->read_count;
    for (size_t i = 0; i < group->read_count; i++)
      group->read_set[i]->is_hot = false;
  } else {
    note_failure(group, reply);
  }
  if (was_woken)
    evsi_redis_beat_soon(transport); /* another member may have given us something */
  evsi_redis_work_later(transport);
}

/* ---- asking ----------------------------------------------------------------------------------- */

typedef struct read_plan {
  size_t each;
  bool is_blocking;
} read_plan;

/* Live streams, or those of them that had more to give, beginning behind those of the last turn. */
static size_t choose(evsi_redis_group *group, bool only_hot, size_t most, size_t *rotate) {
  size_t count = 0, i = 0;
  for (; i < group->stream_count && count < most; i++) {
    evsi_redis_stream *stream = group->streams[(*rotate + i) % group->stream_count];
    if ((stream->is_hot || !only_hot) && evsi_redis_order_may_read(stream))
      group->read_set[count++] = stream;
  }
  if (i < group->stream_count)
    *rotate = (*rotate + i) % group->stream_count;
  return count;
}

static size_t count_live(const evsi_redis_group *group) {
  size_t live = 0;
  for (size_t i = 0; i < group->stream_count; i++) {
    const evsi_redis_stream *stream = group->streams[i];
    if (evsi_redis_order_may_read(stream))
      live++;
    else if (stream->state == EVSI_STREAM_RECOVER || stream->state == EVSI_STREAM_RECOVERING)
      return 0; /* it compares lists: nothing may be on its way */
  }
  return live;
}

/* Streams that had more to give are read by turns with all streams, so that none starves. Of many of the
 * former some are read at a time, since what comes from one stream is acknowledged together. With fewer
 * credits than streams it goes round without waiting, and waits on all only after a round without an entry.
 */
static read_plan plan_read(evsi_redis_group *group, size_t live, size_t credits) {
  enum { HOT_TURNS = 3, HOT_EACH = 16 };
  size_t most = credits / HOT_EACH > 0 ? credits / HOT_EACH : 1;
  size_t hot = group->hot_turns < HOT_TURNS ? choose(group, true, most, &group->rotate_hot) : 0;
  group->hot_turns = hot == 0 ? 0 : hot < most ? HOT_TURNS : group->hot_turns + 1;
  if (hot > 0) {
    group->read_count = hot;
    return (read_plan){credits / hot, false};
  }
  bool is_round = credits < live && group->quiet < live;
  group->read_count = choose(group, false, is_round ? credits : live, &group->rotate);
  bool any_hot = false;
  for (size_t i = 0; i < group->stream_count; i++)
    any_hot = any_hot || group->streams[i]->is_hot;
  size_t each = group->read_count > 0 ? credits / group->read_count : 0;
  return (read_plan){each > 0 ? each : 1, !is_round && !any_hot};
}

static bool send_read(evsi_redis_group *group, read_plan plan) {
  const evsi_redis_config *config = &group->transport->config;
  evsi_redis_args args = {0};
  evsi_redis_arg_text(&args, "XREADGROUP");
  evsi_redis_arg_text(&args, "GROUP");
  evsi_redis_arg_text(&args, group->name);
  evsi_redis_arg_text(&args, group->member);
  evsi_redis_arg_text(&args, "COUNT");
  evsi_redis_arg_u64(&args, plan.each);
  if (plan.is_blocking) {
    evsi_redis_arg_text(&args, "BLOCK");
    evsi_redis_arg_u64(&args, config->block_ms);
  }
  evsi_redis_arg_text(&args, "STREAMS");
  for (size_t i = 0; i < group->stream_count; i++)
    group->streams[i]->is_in_read = false;
  for (size_t i = 0; i < group->read_count; i++) {
    evsi_redis_arg_text(&args, group->read_set[i]->key);
    group->read_set[i]->is_in_read = true;
  }
  for (size_t i = 0; i < group->read_count; i++)
    evsi_redis_arg_text(&args, ">");
  /* A server whose clock is set back blocks for longer than it was told: the own clock decides. */
  uint32_t timeout = config->command_timeout_ms + (plan.is_blocking ? config->block_ms : 0);
  uint64_t end = evsi_redis_now(group->transport) + config->block_ms;
  bool is_sent = evsi_redis_conn_send(&group->reader, &args, timeout, on_read, group, end);
  evsi_redis_args_free(&args);
  return is_sent;
}

void evsi_redis_reader_pump(evsi_redis_group *group) {
  evs_transport *transport = group->transport;
  uint64_t now = evsi_redis_now(transport);
  if (group->is_reading || !group->reader.is_up || now < group->read_retry_ms || now < group->short_ms)
    return;
  size_t live = count_live(group);
  size_t credits = live > 0 ? evsi_redis_credits(group) : 0;
  if (credits <= group->arriving)
    return;
  credits -= group->arriving;
  if (credits > transport->config.batch_size)
    credits = transport->config.batch_size;
  read_plan plan = plan_read(group, live, credits);
  group->read_each = plan.each;
  group->is_blocking = plan.is_blocking;
  group->is_reading = true;
  if (!send_read(group, plan))
    group->is_reading = false;
}

/* ---- waking our own read ---------------------------------------------------------------------- */

static void on_woken(void *data, uint64_t token, const evsi_redis_reply *reply) {
  evsi_redis_group *group = evsi_redis_group_find(data, token);
  if (!group)
    return;
  group->is_waking = false;
  /* Not blocked yet: the read is still on its way. Without the permission it ends by itself. */
  if (reply->type == EVSI_REDIS_INTEGER && reply->integer == 0 && group->is_reading && group->must_wake)
    evsi_redis_group_retry_at(group, evsi_redis_now(group->transport) + WAKE_AGAIN_MS);
}

void evsi_redis_reader_wake(evsi_redis_group *group) {
  evsi_redis_args args = {0};
  if (!group->is_reading || !group->is_blocking)
    return;
  group->must_wake = true;
  if (group->is_waking || group->reader.client_id == 0)
    return;
  evsi_redis_arg_text(&args, "CLIENT");
  evsi_redis_arg_text(&args, "UNBLOCK");
  evsi_redis_arg_u64(&args, (uint64_t)group->reader.client_id);
  group->is_waking = true;
  if (!evsi_redis_conn_send(&group->transport->command, &args, 0, on_woken, group->transport, group->token))
    group->is_waking = false;
  evsi_redis_args_free(&args);
}

/* ---- its connection --------------------------------------------------------------------------- */

static void on_up(void *data) {
  evsi_redis_group_resync(data);
  evsi_redis_work_later(((evsi_redis_group *)data)->transport);
}

static void on_down(void *data, const char *reason, bool fatal, uint64_t next_try_ms) {
  evsi_redis_group *group = data;
  (void)next_try_ms;
  group->is_reading = false;
  group->must_wake = false;
  if (group->transport->command.is_up)
    evsi_redis_log(group->transport, fatal ? 3 : 2, "reader of group %s: %s", group->name, reason);
}

const evsi_redis_conn_events evsi_redis_reader_events = {on_up, on_down, NULL};
