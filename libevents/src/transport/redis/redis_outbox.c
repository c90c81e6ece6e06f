/* SPDX-License-Identifier: MIT
 * redis_outbox.c - see redis_outbox.h. Which topic may be a target: redis_target.c. */
#include "transport/redis/redis_outbox.h"

#include <stdio.h>
#include <string.h>

#include "transport/redis/redis_error.h"
#include "transport/redis/redis_letters.h"

enum { PAGE_BYTES = 4194304, ROWS_MOST = 100, COPIES_MOST = 10000 };

/* How long after its last use an empty one is forgotten: longer than any step that may still fill it. */
static const uint64_t unused_ms = 3600 * 1000;

/* How long a target remembers what came: while anybody may still send it, and after it is in the archive. */
static const uint64_t sent_ms = 30ULL * 24 * 3600 * 1000, finished_ms = 3600 * 1000;

/* One letter on its way; texts end in a NUL. */
typedef struct row {
  char *letter, *target, *type, *entry, *copy;
  size_t entry_size;
  bool is_called;
} row;

typedef struct evsi_redis_outbox {
  char *name; /* of the stream */
  bool is_empty;
  void (*next)(evsi_redis_request *request);
  row rows[ROWS_MOST];
  size_t row_count;
  size_t called[ROWS_MOST]; /* rows of the call that is open */
  size_t called_count;
  json_t *copies;  /* "<name>/<letter>": copy, of this request */
  json_t *streams; /* names whose outboxes are still to be looked at */
  char error[EVSI_REDIS_ERROR_TEXT];
} outbox;

/* ---- life ------------------------------------------------------------------------------------- */

static void clear_rows(outbox *box) {
  for (size_t i = 0; i < box->row_count; i++) {
    evsi_free(box->rows[i].letter);
    evsi_free(box->rows[i].target);
    evsi_free(box->rows[i].type);
    evsi_free(box->rows[i].entry);
    evsi_free(box->rows[i].copy);
  }
  memset(box->rows, 0, sizeof box->rows);
  box->row_count = 0;
}

void evsi_redis_outbox_free(outbox *box) {
  if (!box)
    return;
  clear_rows(box);
  evsi_free(box->name);
  json_decref(box->copies);
  json_decref(box->streams);
  evsi_free(box);
}

static outbox *outbox_of(evsi_redis_request *request) {
  if (!request->outbox) {
    request->outbox = evsi_calloc(1, sizeof *request->outbox);
    if (request->outbox && !(request->outbox->copies = json_object())) {
      evsi_free(request->outbox);
      request->outbox = NULL;
    }
  }
  if (!request->outbox)
    evsi_redis_request_answer(request, EVS_NOMEM, evsi_text("out of memory"));
  return request->outbox;
}

static bool is_refused(evsi_redis_request *request, const evsi_redis_reply *reply, const char *what) {
  if (reply->type == EVSI_REDIS_ERROR)
    evsi_redis_error_text(reply, what, request->outbox->error);
  return reply->type == EVSI_REDIS_ERROR || reply->type == EVSI_REDIS_LOST;
}

/* ---- the end of a page: from the outbox to the archive ------------------------------------------ */

static void read_page(evsi_redis_request *request);

static void on_remembered(evsi_redis_request *request, uint64_t tag, const evsi_redis_reply *reply) {
  (void)request, (void)tag, (void)reply; /* the key ends later, that is all */
}

static char *sent_key(const evsi_redis_layout *layout, const outbox *box, const row *each) {
  evsi_buf suffix = {0};
  evsi_buf_addf(&suffix, ":%s/%s", box->name, each->letter);
  char *key = suffix.failed
                  ? NULL
                  : evsi_redis_key(layout, EVSI_REDIS_SENT_KEY, evsi_text(each->target), suffix.data);
  evsi_buf_free(&suffix);
  return key;
}

static void forget_keys(evsi_redis_request *request) {
  const outbox *box = request->outbox;
  const evsi_redis_layout *layout = &request->transport->config.layout;
  request->step = read_page;
  for (size_t i = 0; i < box->row_count && !request->is_answered; i++) {
    char *key = box->rows[i].copy ? sent_key(layout, box, &box->rows[i]) : NULL;
    evsi_redis_args args = {0};
    if (!key)
      continue;
    evsi_redis_arg_text(&args, "PEXPIRE");
    evsi_redis_arg_text(&args, key);
    evsi_redis_arg_u64(&args, finished_ms);
    evsi_redis_request_send(request, &args, on_remembered, 0);
    evsi_free(key);
  }
}

static void on_finished(evsi_redis_request *request, uint64_t tag, const evsi_redis_reply *reply) {
  outbox *box = request->outbox;
  (void)tag;
  if (is_refused(request, reply, "archiving what was sent to another topic"))
    request->step = box->next;
}

static void finish_page(evsi_redis_request *request) {
  outbox *box = request->outbox;
  const evsi_redis_layout *layout = &request->transport->config.layout;
  evs_bytes name = evsi_text(box->name);
  evsi_redis_request_script call = {.script = EVSI_REDIS_SENT, .keys = 3};
  size_t sent = 0;
  evsi_redis_arg_key(&call.args, evsi_redis_key(layout, EVSI_REDIS_OUTBOX_KEY, name, ""));
  evsi_redis_arg_key(&call.args, evsi_redis_key(layout, EVSI_REDIS_ARCHIVE, name, ""));
  evsi_redis_arg_key(&call.args, evsi_redis_key(layout, EVSI_REDIS_ARCHIVED, name, ""));
  evsi_redis_arg_u64(&call.args, EVSI_ARCHIVE_MOST);
  evsi_redis_arg_u64(&call.args, evsi_archive_ms);
  for (size_t i = 0; i < box->row_count; i++) {
    if (!box->rows[i].copy)
      continue;
    evsi_redis_arg_text(&call.args, box->rows[i].letter);
    evsi_redis_arg_text(&call.args, box->rows[i].copy);
    sent++;
  }
  /* A target that refuses would be asked without end: whoever comes next tries it again. */
  request->step = sent < box->row_count ? box->next : forget_keys;
  if (sent > 0)
    evsi_redis_request_call(request, &call, on_finished, 0);
  evsi_redis_args_free(&call.args);
}

/* ---- to the targets, one after the other --------------------------------------------------------- */

static void on_sent(evsi_redis_request *request, uint64_t tag, const evsi_redis_reply *reply) {
  outbox *box = request->outbox;
  (void)tag;
  if (is_refused(request, reply, "sending to another topic"))
    return;
  evsi_redis_retention_touch(request->transport, box->rows[box->called[0]].target);
  for (size_t i = 0; i < box->called_count; i++) {
    row *each = &box->rows[box->called[i]];
    evs_bytes copy = evsi_redis_text(evsi_redis_item(evsi_redis_item(reply, i), 0));
    evsi_redis_id id;
    char name[EVSI_REDIS_NAME_MAX + EVSI_REDIS_ID_TEXT];
    if (!evsi_redis_id_parse(copy, &id))
      continue;
    each->copy = evsi_strndup(copy.data, copy.size);
    snprintf(name, sizeof name, "%s/%s", box->name, each->letter);
    if (each->copy && json_object_size(box->copies) < COPIES_MOST)
      json_object_set_new(box->copies, name, json_string(each->copy));
  }
}

static const row *find_uncalled(const outbox *box) {
  for (size_t i = 0; i < box->row_count; i++) {
    if (!box->rows[i].is_called)
      return &box->rows[i];
  }
  return NULL;
}

static void send_next(evsi_redis_request *request) {
  outbox *box = request->outbox;
  const row *first = find_uncalled(box);
  evsi_redis_request_script call = {.script = EVSI_REDIS_SEND, .keys = 1};
  if (!first) {
    request->step = finish_page;
    return;
  }
  const evsi_redis_layout *layout = &request->transport->config.layout;
  evsi_redis_arg_key(&call.args, evsi_redis_stream_key(layout, evsi_text(first->target)));
  box->called_count = 0;
  for (size_t i = 0; i < box->row_count; i++) {
    row *each = &box->rows[i];
    if (each->is_called || strcmp(each->target, first->target) != 0)
      continue;
    evsi_redis_arg_key(&call.args, sent_key(layout, box, each));
    each->is_called = true;
    call.keys++;
    box->called[box->called_count++] = i;
  }
  evsi_redis_arg_u64(&call.args, sent_ms);
  for (size_t i = 0; i < box->called_count; i++)
    evsi_redis_arg(&call.args, box->rows[box->called[i]].entry, box->rows[box->called[i]].entry_size);
  evsi_redis_request_call(request, &call, on_sent, 0);
}

/* ---- types of a target are registered before their first event ----------------------------------- */

static void on_registered(evsi_redis_request *request, uint64_t tag, const evsi_redis_reply *reply) {
  (void)tag;
  is_refused(request, reply, "registering a topic");
}

static bool is_repeated(const outbox *box, size_t at) {
  for (size_t i = 0; i < at; i++) {
    if (strcmp(box->rows[i].target, box->rows[at].target) == 0 &&
        strcmp(box->rows[i].type, box->rows[at].type) == 0)
      return true;
  }
  return false;
}

static void register_types(evsi_redis_request *request) {
  const outbox *box = request->outbox;
  request->step = send_next;
  for (size_t i = 0; i < box->row_count && !request->is_answered; i++) {
    if (box->rows[i].type[0] && !is_repeated(box, i))
      evsi_redis_request_register(request, box->rows[i].target, box->rows[i].type, on_registered);
  }
}

/* ---- reading ----------------------------------------------------------------------------------- */

static char *copy_text(const evsi_redis_reply *reply, size_t at) {
  evs_bytes text = evsi_redis_text(evsi_redis_item(reply, at));
  return evsi_strndup(text.data ? text.data : "", text.size);
}

static bool add_row(outbox *box, const evsi_redis_reply *reply) {
  row *each = &box->rows[box->row_count++];
  each->letter = copy_text(reply, 0);
  each->target = copy_text(reply, 1);
  each->type = copy_text(reply, 2);
  each->entry = copy_text(reply, 3);
  each->entry_size = evsi_redis_text(evsi_redis_item(reply, 3)).size;
  return each->letter && each->target && each->type && each->entry;
}

static void on_page(evsi_redis_request *request, uint64_t tag, const evsi_redis_reply *reply) {
  outbox *box = request->outbox;
  (void)tag;
  request->step = box->next;
  if (is_refused(request, reply, "reading " EVSI_REDIS_OUTBOX_KEY))
    return;
  box->is_empty = reply->count == 0;
  if (box->is_empty)
    return;
  for (size_t i = 0; i < reply->count && i < ROWS_MOST; i++) {
    if (!add_row(box, evsi_redis_item(reply, i))) {
      evsi_redis_request_answer(request, EVS_NOMEM, evsi_text("out of memory"));
      return;
    }
  }
  request->step = register_types;
}

static void read_page(evsi_redis_request *request) {
  outbox *box = request->outbox;
  evsi_redis_request_script call = {.script = EVSI_REDIS_OUTBOX, .keys = 1};
  clear_rows(box);
  evsi_redis_arg_key(&call.args, evsi_redis_key(&request->transport->config.layout, EVSI_REDIS_OUTBOX_KEY,
                                                evsi_text(box->name), ""));
  evsi_redis_arg_u64(&call.args, PAGE_BYTES);
  evsi_redis_request_call(request, &call, on_page, 0);
}

void evsi_redis_outbox_send(evsi_redis_request *request, const char *name,
                            void (*next)(evsi_redis_request *request)) {
  outbox *box = outbox_of(request);
  if (!box)
    return;
  evsi_free(box->name);
  box->name = evsi_strdup(name);
  box->next = next;
  box->is_empty = false;
  request->step = read_page;
  if (!box->name)
    evsi_redis_request_answer(request, EVS_NOMEM, evsi_text("out of memory"));
}

const char *evsi_redis_outbox_copy(const evsi_redis_request *request, const char *name, const char *letter) {
  char key[EVSI_REDIS_NAME_MAX + EVSI_REDIS_ID_TEXT];
  snprintf(key, sizeof key, "%s/%s", name, letter);
  return request->outbox ? json_string_value(json_object_get(request->outbox->copies, key)) : NULL;
}

const char *evsi_redis_outbox_error(const evsi_redis_request *request) {
  return request->outbox && request->outbox->error[0] ? request->outbox->error : NULL;
}

/* ---- what others left behind --------------------------------------------------------------------- */

static void on_marked(evsi_redis_request *request, uint64_t tag, const evsi_redis_reply *reply) {
  (void)tag;
  evsi_redis_request_refused(request, reply, "writing evs:outboxes");
}

void evsi_redis_outbox_mark(evsi_redis_request *request, const char *name) {
  evsi_redis_request_script call = {.script = EVSI_REDIS_MARK, .keys = 1};
  request->transport->uses_outboxes = true;
  evsi_redis_arg_text(&call.args, request->transport->config.layout.outboxes);
  evsi_redis_arg_text(&call.args, name);
  evsi_redis_arg_text(&call.args, "");
  evsi_redis_request_call(request, &call, on_marked, 0);
}

static void on_forgotten(evsi_redis_request *request, uint64_t tag, const evsi_redis_reply *reply) {
  (void)tag;
  is_refused(request, reply, "forgetting an outbox");
}

/* Only those who write into outboxes may forget them. */
static void forget_empty(evsi_redis_request *request) {
  outbox *box = request->outbox;
  evsi_redis_request_script call = {.script = EVSI_REDIS_MARK, .keys = 1};
  if (!box->is_empty || !request->transport->uses_outboxes)
    return;
  box->is_empty = false;
  evsi_redis_arg_text(&call.args, request->transport->config.layout.outboxes);
  evsi_redis_arg_text(&call.args, box->name);
  evsi_redis_arg_u64(&call.args, unused_ms);
  evsi_redis_request_call(request, &call, on_forgotten, 0);
}

static void replay_next(evsi_redis_request *request) {
  outbox *box = request->outbox;
  size_t left = json_array_size(box->streams);
  if (box->error[0])
    evsi_redis_log(request->transport, 2, "%s", box->error);
  box->error[0] = '\0';
  forget_empty(request);
  if (request->open > 0)
    return; /* this again, when that is answered */
  if (left == 0) {
    evsi_redis_request_answer(request, EVS_OK, evsi_text("{}"));
    return;
  }
  const char *name = json_string_value(json_array_get(box->streams, left - 1));
  evsi_redis_outbox_send(request, name ? name : "", replay_next);
  json_array_remove(box->streams, left - 1);
}

static void end_replay(void *transport) {
  ((evs_transport *)transport)->is_replaying = false;
}

static void begin_replay(evsi_redis_request *request) {
  outbox *box = outbox_of(request);
  request->transport->is_replaying = true;
  request->extra = request->transport;
  request->extra_free = end_replay;
  if (!box)
    return;
  box->streams = json_incref(request->transport->outboxes);
  request->step = replay_next;
}

static json_t *names_of(const evsi_redis_reply *reply) {
  json_t *names = json_array();
  for (size_t i = 0; i < reply->count; i++) {
    evs_bytes name = evsi_redis_text(evsi_redis_item(reply, i));
    if (name.size > 0)
      json_array_append_new(names, json_stringn(name.data, name.size));
  }
  return names;
}

void evsi_redis_outbox_seen(evs_transport *transport, const evsi_redis_reply *names) {
  if (names->count == 0 || !transport->command.is_up || transport->is_closing || transport->is_replaying)
    return;
  transport->outboxes = names_of(names);
  if (transport->outboxes)
    evsi_redis_request_own(transport, begin_replay);
  json_decref(transport->outboxes);
  transport->outboxes = NULL;
}
