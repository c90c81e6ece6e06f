/* SPDX-License-Identifier: MIT
 * file_publish.c - events in: all that wait go into one transaction. An event is stored, or known from
 * before, or waits to be due; its outcome is told once that is committed. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "transport/file/file_internal.h"

enum { RIPEN_AT_ONCE = 1000, FORGET_EVERY = 1000, EVENTS_AT_ONCE = 5000, BYTES_AT_ONCE = 4 << 20 };

/* ---- outcomes --------------------------------------------------------------------------------- */

/* Outcomes of a job, with room for their offsets behind them. */
bool evsi_file_publish_make(evsi_file_job *job) {
  job->note->outcomes = evsi_calloc(job->count, sizeof(evs_tp_outcome) + EVSI_FILE_NUMBER_TEXT);
  job->note->count = job->count;
  return job->note->outcomes != NULL;
}

static char *offset_at(const evsi_file_job *job, size_t at) {
  return (char *)(job->note->outcomes + job->count) + at * EVSI_FILE_NUMBER_TEXT;
}

static void tell_refused(evsi_file_job *job, const char *why, uint32_t flags) {
  job->note->text = evsi_strdup(why);
  for (size_t i = 0; i < job->count; i++)
    job->note->outcomes[i] =
        (evs_tp_outcome){.struct_size = sizeof *job->note->outcomes,
                         .token = job->as.events[i].token,
                         .status = EVS_TRANSPORT,
                         .flags = EVS_TP_NOT_SENT | flags,
                         .message = evsi_text(job->note->text ? job->note->text : "out of memory")};
  evsi_file_note_published(job);
}

void evsi_file_publish_refuse(evsi_file_job *job, const char *why, uint32_t flags) {
  tell_refused(job, why, EVS_TP_TRANSIENT | flags);
  evsi_file_job_free(job);
}

/* ---- storing ---------------------------------------------------------------------------------- */

static void note_limits(evsi_file_store *store, const evsi_file_stream *stream, evs_bytes limits) {
  evs_bytes none = evsi_bytes(NULL, 0);
  evsi_file_run(&store->db, "UPDATE stream SET limits = ?1 WHERE id = ?2 AND limits IS NOT ?1", "si",
                limits.size ? limits : none, stream->id);
}

static void store_delayed(evsi_file_worker *worker, const evsi_file_stream *stream, const evs_tp_event *event,
                          char *out_offset) {
  evsi_file_store *store = &worker->store;
  int64_t due = (int64_t)(store->now_ms + event->delay_ms);
  evsi_file_run(&store->db, "INSERT INTO delayed (stream, due, data, raw) VALUES (?, ?, ?, ?)", "iibb",
                stream->id, due, event->data, event->raw.size ? event->raw : evsi_bytes(NULL, 0));
  snprintf(out_offset, EVSI_FILE_NUMBER_TEXT, "@%016" PRId64,
           (int64_t)sqlite3_last_insert_rowid(store->db.sql));
  uint64_t at = evsi_file_now(worker) + event->delay_ms;
  if (at < worker->delayed_ms)
    worker->delayed_ms = at;
  store->is_stirring = true;
}

static void store_now(evsi_file_store *store, evsi_file_stream *stream, const evs_tp_event *event,
                      char *out_offset) {
  const evsi_file_event stored = {.data = event->data, .raw = event->raw};
  snprintf(out_offset, EVSI_FILE_NUMBER_TEXT, "%" PRId64, evsi_file_append(store, stream, &stored));
}

static uint32_t level_of(const evs_transport *transport, const evs_tp_event *event) {
  return event->acknowledgement ? event->acknowledgement : transport->config.acknowledgement;
}

static void refuse_one(evs_tp_outcome *outcome, evs_status status, const char *why) {
  outcome->status = status;
  outcome->flags = EVS_TP_NOT_SENT;
  outcome->message = evsi_text(why);
}

/* The retention of a route is the same text for all its events. */
typedef struct last_stream {
  evsi_file_stream *stream;
  const char *limits;
} last_stream;

/* Whoever named an order first has decided; who asks for another is told. */
static void register_topic(const evs_transport *transport, const evs_tp_event *event) {
  const evsi_file_topic topic = {.name = event->topic,
                                 .type = event->full_type,
                                 .partitions = event->partitions,
                                 .ordering = event->ordering,
                                 .on_dead_letter = event->on_dead_letter};
  if (evsi_file_register(&transport->worker->store, &topic) != event->ordering &&
      event->ordering != EVS_ORDER_NONE)
    evsi_file_log(
        transport, 2,
        "topic %.*s is registered with another ordering than a route here asks for: the former holds",
        (int)event->topic.size, event->topic.data);
}

static void publish_one(evsi_file_job *job, size_t at, last_stream *last) {
  evs_transport *transport = job->transport;
  evsi_file_store *store = &transport->worker->store;
  const evs_tp_event *event = &job->as.events[at];
  evs_tp_outcome *outcome = &job->note->outcomes[at];
  char name[EVSI_FILE_NAME_MAX], *offset = offset_at(job, at);
  *outcome = (evs_tp_outcome){.struct_size = sizeof *outcome, .token = event->token};
  if (level_of(transport, event) == EVS_ACKNOWLEDGE_REPLICATED) {
    refuse_one(outcome, EVS_UNSUPPORTED, "a file has no replicas: ask for `fsynced`");
    return;
  }
  if (!evsi_file_stream_name(event->topic, event->partition, name)) {
    refuse_one(outcome, EVS_VALIDATION, "the name of the topic is too long");
    return;
  }
  register_topic(transport, event);
  evsi_file_stream *stream = evsi_file_stream_find(store, name, true);
  if (!stream)
    return;
  if (stream != last->stream || event->retention.data != last->limits) {
    note_limits(store, stream, event->retention);
    evsi_file_retention_touch(transport, name);
  }
  *last = (last_stream){stream, event->retention.data};
  outcome->acknowledgement = level_of(transport, event);
  if (evsi_file_known(store, stream->id, event->id, transport->config.idempotent_ms, offset)) {
    outcome->flags = EVS_TP_DUPLICATE;
  } else {
    if (event->delay_ms > 0)
      store_delayed(transport->worker, stream, event, offset);
    else
      store_now(store, stream, event, offset);
    if (transport->config.idempotent_ms > 0 && event->id.size > 0)
      evsi_file_remember(store, stream->id, event->id, offset);
  }
  outcome->offset = evsi_text(offset);
}

static void forget_ids(const evs_transport *transport, const evsi_file_stream *stream) {
  evsi_file_store *store = &transport->worker->store;
  if (transport->config.idempotent_ms == 0 || !stream || ++store->since_forgotten < FORGET_EVERY)
    return;
  store->since_forgotten = 0;
  evsi_file_forget(store, stream->id, transport->config.idempotent_ms, transport->config.idempotent_max);
}

static void publish_job(evsi_file_job *job) {
  last_stream last = {NULL, NULL};
  for (size_t i = 0; i < job->count; i++) {
    publish_one(job, i, &last);
    forget_ids(job->transport, last.stream);
  }
}

/* Does any of these have to be on the disk before it counts as stored? */
static bool wants_sync(const evsi_file_job *jobs) {
  for (const evsi_file_job *job = jobs; job; job = job->next) {
    bool wants = job->transport->config.is_full_sync;
    for (size_t i = 0; !wants && i < job->count; i++)
      wants = level_of(job->transport, &job->as.events[i]) == EVS_ACKNOWLEDGE_FSYNCED;
    if (wants)
      return true;
  }
  return false;
}

static uint64_t bytes_of(const evsi_file_job *job) {
  uint64_t bytes = 0;
  for (size_t i = 0; i < job->count; i++)
    bytes += job->as.events[i].data.size + job->as.events[i].raw.size;
  return bytes;
}

/* Takes as many jobs as one transaction should have, and as there is room for; the first one in any case. */
static evsi_file_job *take_some(evsi_file_worker *worker, uint64_t room) {
  evsi_file_job *first = worker->publishes_first, *last = first;
  uint64_t events = first->count, bytes = bytes_of(first), most = room < BYTES_AT_ONCE ? room : BYTES_AT_ONCE;
  for (evsi_file_job *next; (next = last->next) != NULL; last = next) {
    events += next->count;
    bytes += bytes_of(next);
    if (events > EVENTS_AT_ONCE || bytes > most)
      break;
  }
  worker->publishes_first = last->next;
  if (!last->next)
    worker->publishes_last = NULL;
  last->next = NULL;
  return first;
}

static void end_jobs(evsi_file_worker *worker, evsi_file_job *jobs, bool is_done, const char *why) {
  while (jobs) {
    evsi_file_job *job = jobs;
    jobs = job->next;
    if (is_done)
      evsi_file_note_published(job);
    else
      tell_refused(job, why, evsi_file_is_transient(&worker->store.db) ? EVS_TP_TRANSIENT | EVS_TP_HELD : 0);
    evsi_file_job_free(job);
  }
}

void evsi_file_publish_all(evsi_file_worker *worker) {
  bool is_done = true; /* nobody overtakes what is held back */
  while (worker->publishes_first) {
    uint64_t room = UINT64_MAX;
    is_done = is_done && evsi_file_find_room(&worker->store.db, bytes_of(worker->publishes_first), &room);
    evsi_file_job *jobs = take_some(worker, room);
    if (is_done) {
      evsi_file_set_full_sync(&worker->store.db, wants_sync(jobs));
      is_done = evsi_file_begin_work(worker, true);
      for (evsi_file_job *job = jobs; is_done && job; job = job->next)
        publish_job(job);
      is_done = evsi_file_end_work(worker);
    }
    char why[EVSI_FILE_WHY];
    snprintf(why, sizeof why, "%s", worker->store.db.why);
    end_jobs(worker, jobs, is_done, why);
  }
}

/* ---- delayed events --------------------------------------------------------------------------- */

static size_t move_due(evsi_file_worker *worker) {
  evsi_file_store *store = &worker->store;
  size_t count = 0;
  int64_t ids[RIPEN_AT_ONCE];
  sqlite3_stmt *row = evsi_file_query(
      &store->db, "SELECT id, stream, data, raw FROM delayed WHERE due <= ? ORDER BY due, id LIMIT ?", "ii",
      (int64_t)store->now_ms, (int64_t)RIPEN_AT_ONCE);
  while (evsi_file_next(&store->db, row)) {
    evsi_file_stream *stream = evsi_file_stream_by_id(store, sqlite3_column_int64(row, 1));
    const evsi_file_event event = {.data = evsi_file_bytes(row, 2), .raw = evsi_file_bytes(row, 3)};
    if (stream)
      evsi_file_append(store, stream, &event);
    ids[count++] = sqlite3_column_int64(row, 0);
  }
  for (size_t i = 0; i < count; i++)
    evsi_file_run(&store->db, "DELETE FROM delayed WHERE id = ?", "i", ids[i]);
  return count;
}

/* When the next one is due, on our monotonic clock. */
static void plan_next(evsi_file_worker *worker) {
  worker->store.db.error = SQLITE_OK;
  int64_t due = evsi_file_get(&worker->store.db, -1, "SELECT min(due) FROM delayed", "");
  int64_t wall = (int64_t)evsi_file_wall(worker), now = (int64_t)evsi_file_now(worker);
  worker->delayed_ms = due < 0 ? UINT64_MAX : (uint64_t)(now + (due > wall ? due - wall : 0));
}

void evsi_file_ripen(evsi_file_worker *worker) {
  if (!worker->is_open || evsi_file_now(worker) < worker->retry_ms)
    return;
  if (worker->delayed_ms == 0)
    plan_next(worker);
  if (evsi_file_now(worker) < worker->delayed_ms)
    return;
  bool is_done = evsi_file_begin_work(worker, true);
  if (is_done)
    move_due(worker);
  is_done = evsi_file_end_work(worker);
  if (is_done)
    plan_next(worker);
}
