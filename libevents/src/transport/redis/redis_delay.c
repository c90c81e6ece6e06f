/* SPDX-License-Identifier: MIT
 * redis_delay.c - moves delayed events into their streams when they are due, by the server's clock. Whoever
 * is connected does it, by a timer; the script moves each once. evs:delays names the streams that have some.
 */
#include <stdio.h>
#include <string.h>

#include "transport/redis/redis_error.h"
#include "transport/redis/redis_publish.h"

enum {
  MOVE_MOST = 500,
  MOVE_BYTES = 4 << 20,
  IDLE_MS = 3600000,
  RETRY_MS = 1000,
  REFUSED_MS = 600000,
  ANNOUNCED_MS = 60000, /* so soon it is looked again at what was announced */
  SCORE_TEXT = 32
};

#define ANNOUNCED "0" /* somebody has to look */

/* A stream that has, or had, delayed events. */
struct evsi_redis_delayed {
  evs_transport *transport;
  UT_hash_handle hh;
  uint64_t due_ms; /* monotonic clock; 0: nothing is known to wait */
  bool is_moving;
  char noted[SCORE_TEXT]; /* in the index, before it was looked at; empty: not known */
  char name[EVSI_REDIS_NAME_MAX];
};

static void set_timer(evs_transport *transport) {
  const evsi_io *io = transport->world->env->io;
  uint64_t now = evsi_redis_now(transport), next = UINT64_MAX;
  for (const evsi_redis_delayed *each = transport->delayed; each; each = each->hh.next) {
    if (each->due_ms > 0 && !each->is_moving && each->due_ms < next)
      next = each->due_ms;
  }
  if (next == UINT64_MAX || transport->is_finished)
    io->timer_stop(transport->delay_timer);
  else
    io->timer_start(transport->delay_timer, next > now ? next - now : 0);
}

static evsi_redis_delayed *find(evs_transport *transport, evs_bytes name) {
  evsi_redis_delayed *found = NULL;
  HASH_FIND(hh, transport->delayed, name.data, name.size, found);
  if (found || name.size == 0 || name.size >= EVSI_REDIS_NAME_MAX)
    return found;
  found = evsi_calloc(1, sizeof *found);
  if (!found)
    return NULL;
  found->transport = transport;
  memcpy(found->name, name.data, name.size);
  HASH_ADD_KEYPTR(hh, transport->delayed, found->name, name.size, found);
  if (found->hh.tbl)
    return found;
  evsi_free(found);
  return NULL;
}

/* ---- the index -------------------------------------------------------------------------------- */

static void on_ignored(void *data, uint64_t tag, const evsi_redis_reply *reply) {
  (void)data;
  (void)tag;
  (void)reply; /* whoever looks at the stream next corrects it */
}

void evsi_redis_delay_announce(const evs_transport *transport, evsi_redis_conn *conn, const char *name) {
  evsi_redis_args args = {0};
  evsi_redis_arg_text(&args, "ZADD");
  evsi_redis_arg_text(&args, transport->config.layout.delays);
  evsi_redis_arg_text(&args, "LT");
  evsi_redis_arg_text(&args, ANNOUNCED);
  evsi_redis_arg_text(&args, name);
  evsi_redis_conn_send(conn, &args, 0, on_ignored, NULL, 0);
  evsi_redis_args_free(&args);
}

/* Found out: when the next is due. noted: what the index said before. */
static void expect(evs_transport *transport, const char *name, const char *noted, int64_t ms, evs_bytes at) {
  evsi_redis_delayed *stream = find(transport, evsi_text(name));
  evsi_redis_args args = {0};
  evsi_redis_arg_text(&args, transport->config.layout.delays);
  evsi_redis_arg_text(&args, name);
  evsi_redis_arg_text(&args, noted);
  evsi_redis_arg_bytes(&args, at);
  evsi_redis_arg_u64(&args, ANNOUNCED_MS);
  if (at.size > 0)
    evsi_redis_script_call(&transport->scripts, EVSI_REDIS_EXPECT, 1, &args, on_ignored, NULL, 0);
  evsi_redis_args_free(&args);
  if (!stream)
    return; /* out of memory: found again with the next look */
  stream->due_ms = ms < 0 ? 0 : evsi_redis_now(transport) + (uint64_t)ms;
  set_timer(transport);
}

void evsi_redis_delay_stored(evs_transport *transport, const char *name, int64_t ms, evs_bytes at) {
  expect(transport, name, ANNOUNCED, ms, at);
}

/* ---- moving ----------------------------------------------------------------------------------- */

/* Somebody else has to move them: a user that may only look, for example, is refused each time. */
static void note_refused(evs_transport *transport, const char *text) {
  if (!transport->is_delay_refused)
    evsi_redis_log(transport, 2, "%s; they are left to others", text);
  transport->is_delay_refused = true;
  transport->delay_again_ms = evsi_redis_now(transport) + REFUSED_MS;
  for (evsi_redis_delayed *each = transport->delayed; each; each = each->hh.next)
    each->due_ms = 0;
}

static void on_moved(void *data, uint64_t tag, const evsi_redis_reply *reply) {
  evsi_redis_delayed *stream = data;
  evs_transport *transport = stream->transport;
  (void)tag;
  stream->is_moving = false;
  if (reply->type == EVSI_REDIS_ARRAY) {
    evsi_redis_count(transport, "delayedMoved", (uint64_t)evsi_redis_integer(evsi_redis_item(reply, 0)));
    expect(transport, stream->name, stream->noted, evsi_redis_integer(evsi_redis_item(reply, 1)),
           evsi_redis_text(evsi_redis_item(reply, 2)));
    evsi_redis_retention_touch(transport, stream->name);
    return;
  }
  stream->due_ms = evsi_redis_now(transport) + RETRY_MS;
  if (reply->type == EVSI_REDIS_ERROR) {
    char text[EVSI_REDIS_ERROR_TEXT];
    evsi_redis_error_text(reply, "moving delayed events into their stream", text);
    if (evsi_redis_error_classify(reply) == EVSI_REDIS_ERROR_SECURITY)
      note_refused(transport, text);
    else
      evsi_redis_log(transport, 2, "%s; they wait (%s)", text, stream->name);
  }
  set_timer(transport);
}

static void on_noted(void *data, uint64_t tag, const evsi_redis_reply *reply) {
  evsi_redis_delayed *stream = data;
  evs_bytes noted = evsi_redis_text(reply);
  (void)tag;
  if (reply->type == EVSI_REDIS_STRING && noted.size < SCORE_TEXT)
    snprintf(stream->noted, SCORE_TEXT, "%.*s", (int)noted.size, noted.data);
}

/* Before it is looked at: what is announced from then on is not overwritten. */
static void read_index(evsi_redis_delayed *stream) {
  evs_transport *transport = stream->transport;
  evsi_redis_args args = {0};
  evsi_redis_arg_text(&args, "ZSCORE");
  evsi_redis_arg_text(&args, transport->config.layout.delays);
  evsi_redis_arg_text(&args, stream->name);
  stream->noted[0] = '\0';
  evsi_redis_conn_send(&transport->command, &args, 0, on_noted, stream, 0);
  evsi_redis_args_free(&args);
}

static void move(evsi_redis_delayed *stream) {
  evs_transport *transport = stream->transport;
  const evsi_redis_layout *layout = &transport->config.layout;
  evs_bytes name = evsi_text(stream->name);
  evsi_redis_args args = {0};
  read_index(stream);
  evsi_redis_arg_key(&args, evsi_redis_stream_key(layout, name));
  evsi_redis_arg_key(&args, evsi_redis_key(layout, EVSI_REDIS_DELAY, name, ""));
  evsi_redis_arg_key(&args, evsi_redis_key(layout, EVSI_REDIS_DELAYED, name, ""));
  evsi_redis_arg_u64(&args, MOVE_MOST);
  evsi_redis_arg_u64(&args, MOVE_BYTES);
  evsi_redis_arg_u64(&args, IDLE_MS);
  stream->is_moving =
      evsi_redis_script_call(&transport->scripts, EVSI_REDIS_RIPEN, 3, &args, on_moved, stream, 0);
  if (!stream->is_moving)
    stream->due_ms = evsi_redis_now(transport) + RETRY_MS;
  evsi_redis_args_free(&args);
}

static void on_timer(void *data) {
  evs_transport *transport = data;
  uint64_t now = evsi_redis_now(transport);
  for (evsi_redis_delayed *each = transport->delayed; each; each = each->hh.next) {
    if (each->due_ms > 0 && each->due_ms <= now && !each->is_moving)
      move(each);
  }
  set_timer(transport);
}

/* ---- what others stored ----------------------------------------------------------------------- */

void evsi_redis_delay_seen(evs_transport *transport, const evsi_redis_reply *streams) {
  uint64_t now = evsi_redis_now(transport);
  if (now < transport->delay_again_ms)
    return; /* this user may not move them */
  for (size_t i = 0; i + 1 < streams->count; i += 2) {
    evsi_redis_delayed *stream = find(transport, evsi_redis_text(evsi_redis_item(streams, i)));
    uint64_t due = now + (uint64_t)evsi_redis_integer(evsi_redis_item(streams, i + 1));
    if (stream && (stream->due_ms == 0 || due < stream->due_ms))
      stream->due_ms = due;
  }
  set_timer(transport);
}

/* ---- life ------------------------------------------------------------------------------------- */

bool evsi_redis_delay_init(evs_transport *transport) {
  transport->delay_timer = transport->world->env->io->timer_new(transport->world->loop, on_timer, transport);
  return transport->delay_timer != NULL;
}

void evsi_redis_delay_free(evs_transport *transport) {
  evsi_redis_delayed *each, *next;
  HASH_ITER(hh, transport->delayed, each, next) {
    HASH_DEL(transport->delayed, each);
    evsi_free(each);
  }
  transport->world->env->io->timer_free(transport->delay_timer);
}
