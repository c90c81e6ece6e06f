/* SPDX-License-Identifier: MIT
 * file_transport.c - the file transport behind the transport interface: what libevents asks becomes a job for
 * the worker of the file. Everything here is @thread io. */
#include "transport/file/file_transport.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "transport/file/file_internal.h"

enum { JOB_BYTES = 256 << 10, CONNECT_AGAIN_MS = 100 };

/* ---- life ------------------------------------------------------------------------------------- */

static void file_destroy(evs_transport *transport) {
  if (!transport)
    return;
  if (transport->watch)
    transport->world->env->io->watch_free(transport->watch);
  evsi_file_job_free(transport->closing);
  if (transport->worker)
    evsi_file_worker_leave(transport->worker, transport);
  evsi_file_notes_free(transport);
  json_decref(transport->used);
  evsi_file_config_free(&transport->config);
  evsi_free(transport->name);
  evsi_free(transport);
}

static evs_status file_create(const evs_host_ops *ops, evs_host *host, const void *env, const char *name,
                              const char *config_json, size_t config_size, evs_transport **out_transport,
                              evs_error **out_error) {
  evs_transport *transport = evsi_calloc(1, sizeof *transport);
  if (!transport)
    return evsi_error_nomem(out_error);
  evsi_file_notes_init(transport);
  transport->ops = ops;
  transport->host = host;
  transport->world = env;
  transport->name = evsi_strdup(name);
  transport->used = json_object();
  transport->closing = evsi_calloc(1, sizeof *transport->closing);
  evs_status status = evsi_file_config_load(&transport->config, config_json, config_size, out_error);
  if (status == EVS_OK &&
      (!transport->name || !transport->used || !transport->closing || !transport->closed_note))
    status = evsi_error_nomem(out_error);
  if (status == EVS_OK)
    *out_transport = transport;
  else
    file_destroy(transport);
  return status;
}

/* One name for one file: workers are found by it. */
static void full_path(const char *path, char out[PATH_MAX]) {
  char folder[PATH_MAX], real[PATH_MAX];
  const char *slash = strrchr(path, '/');
  snprintf(folder, sizeof folder, "%.*s", slash ? (int)(slash - path + 1) : 1, slash ? path : ".");
  const char *base = slash ? slash + 1 : path;
  if (!realpath(folder, real) ||
      (size_t)snprintf(out, PATH_MAX, "%s/%s", strcmp(real, "/") ? real : "", base) >= PATH_MAX)
    snprintf(out, PATH_MAX, "%s", path);
}

static evsi_file_job *job_new(evs_transport *transport, evsi_file_job_kind kind, size_t bytes) {
  evsi_file_job *job = transport->worker ? evsi_calloc(1, sizeof *job) : NULL;
  if (!job)
    return NULL;
  bool is_answered = kind == EVSI_FILE_PUBLISH || kind == EVSI_FILE_REQUEST;
  job->transport = transport;
  job->kind = kind;
  job->bytes = evsi_alloc(bytes + 1); /* never none, so that what is placed there has a place */
  if (is_answered)
    job->note = evsi_file_note_new(kind == EVSI_FILE_PUBLISH ? EVSI_NOTE_PUBLISHED : EVSI_NOTE_REPLIED);
  if (job->bytes && (job->note || !is_answered))
    return job;
  evsi_file_job_free(job);
  return NULL;
}

static void file_connect(evs_transport *transport) {
  char path[PATH_MAX];
  full_path(transport->config.path, path);
  if (!transport->worker)
    transport->worker = evsi_file_worker_use(path, transport->world->env);
  evsi_file_job *job = job_new(transport, EVSI_FILE_CONNECT, 0);
  transport->is_detached = !job;
  if (job) {
    evsi_file_worker_add(transport->worker, job);
    return;
  }
  uint64_t next_ms = evsi_now_ms(transport->world->env) + CONNECT_AGAIN_MS;
  transport->ops->state(transport->host, 0, 0, evsi_text("no memory, or no thread, to work on the file"),
                        next_ms);
  transport->ops->wake(transport->host, CONNECT_AGAIN_MS);
}

static void file_wake(evs_transport *transport) {
  if (transport->is_detached && !transport->is_closing_asked)
    file_connect(transport);
}

static void on_stirred(void *data) {
  evs_transport *transport = data;
  evsi_file_worker_stir(transport->worker);
}

void evsi_file_transport_watch(evs_transport *transport) {
  char path[PATH_MAX + 8];
  if (transport->watch)
    return;
  snprintf(path, sizeof path, "%s-wake", transport->worker->path);
  transport->watch =
      transport->world->env->io->watch_new(transport->world->loop, path, on_stirred, transport);
}

static void file_close(evs_transport *transport, uint32_t deadline_ms) {
  if (transport->is_closing_asked)
    return;
  transport->is_closing_asked = true;
  if (!transport->worker || transport->is_detached) { /* it was never connected */
    transport->is_detached = true;
    transport->ops->closed(transport->host);
    return;
  }
  evsi_file_job *job = transport->closing;
  transport->closing = NULL;
  *job = (evsi_file_job){.transport = transport, .kind = EVSI_FILE_CLOSE, .token = deadline_ms};
  evsi_file_worker_add(transport->worker, job);
}

/* ---- events ----------------------------------------------------------------------------------- */

static void refuse_all(evs_transport *transport, const evs_tp_event *events, size_t count) {
  for (size_t i = 0; i < count; i++) {
    const evs_tp_outcome outcome = {.struct_size = sizeof outcome,
                                    .flags = EVS_TP_TRANSIENT | EVS_TP_NOT_SENT,
                                    .token = events[i].token,
                                    .status = EVS_NOMEM,
                                    .message = evsi_text("not stored: out of memory")};
    transport->ops->published(transport->host, &outcome, 1);
  }
}

static void publish_run(evs_transport *transport, const evs_tp_event *events, size_t count) {
  evsi_file_job *job = job_new(transport, EVSI_FILE_PUBLISH, count * sizeof *events);
  if (job)
    job->count = count;
  if (!job || !evsi_file_publish_make(job)) {
    evsi_file_job_free(job);
    refuse_all(transport, events, count);
    return;
  }
  memcpy(job->bytes, events, count * sizeof *events);
  job->as.events = job->bytes;
  evsi_file_worker_add(transport->worker, job);
}

/* In jobs that are small beside what is left of a disk: each is stored as a whole, or held back. */
static void file_publish(evs_transport *transport, const evs_tp_event *events, size_t count) {
  while (count > 0) {
    uint64_t bytes = 0;
    size_t run = 0;
    while (run < count && (run == 0 || bytes < JOB_BYTES)) {
      bytes += events[run].data.size + events[run].raw.size;
      run++;
    }
    publish_run(transport, events, run);
    events += run;
    count -= run;
  }
}

static void file_settle(evs_transport *transport, const evs_tp_settlement *settlements, size_t count) {
  evsi_file_job *job = job_new(transport, EVSI_FILE_SETTLE, count * sizeof *settlements);
  if (!job) {
    for (size_t i = 0; i < count; i++) {
      const evs_tp_outcome outcome = {.struct_size = sizeof outcome,
                                      .token = settlements[i].token,
                                      .status = EVS_NOMEM,
                                      .message = evsi_text("out of memory")};
      transport->ops->settled(transport->host, &outcome, 1);
    }
    return;
  }
  memcpy(job->bytes, settlements, count * sizeof *settlements);
  job->as.settlements = job->bytes;
  job->count = count;
  evsi_file_worker_add(transport->worker, job);
}

/* ---- groups ----------------------------------------------------------------------------------- */

static size_t size_of_group(const evs_tp_group *spec) {
  size_t size = sizeof *spec + spec->topic_count * sizeof(evs_bytes);
  size += spec->partition_count * sizeof(int32_t);
  size += spec->name.size + spec->consumer.size + spec->subscriptions.size + spec->replay.size + 4;
  size += spec->from.size + 1;
  for (uint64_t i = 0; i < spec->topic_count; i++)
    size += spec->topics[i].size + 1;
  return size;
}

static void file_join(evs_transport *transport, const evs_tp_group *spec) {
  evsi_file_job *job = job_new(transport, EVSI_FILE_JOIN, size_of_group(spec));
  if (!job) {
    transport->ops->again(transport->host, spec->group);
    return;
  }
  evs_tp_group *copy = job->bytes;
  evs_bytes *topics = (evs_bytes *)(copy + 1);
  int32_t *partitions = (int32_t *)(topics + spec->topic_count);
  char *at = (char *)(partitions + spec->partition_count);
  *copy = *spec;
  if (spec->partition_count > 0)
    memcpy(partitions, spec->partitions, spec->partition_count * sizeof *partitions);
  copy->partitions = partitions;
  copy->from = evsi_bytes_place(&at, spec->from);
  copy->name = evsi_bytes_place(&at, spec->name);
  copy->consumer = evsi_bytes_place(&at, spec->consumer);
  copy->subscriptions = evsi_bytes_place(&at, spec->subscriptions);
  copy->replay = evsi_bytes_place(&at, spec->replay);
  for (uint64_t i = 0; i < spec->topic_count; i++)
    topics[i] = evsi_bytes_place(&at, spec->topics[i]);
  copy->topics = topics;
  job->as.group = copy;
  evsi_file_worker_add(transport->worker, job);
}

static void add_about_group(evs_transport *transport, evsi_file_job_kind kind, uint64_t token) {
  evsi_file_job *job = job_new(transport, kind, 0);
  if (!job) {
    transport->ops->again(transport->host, token);
    return;
  }
  job->token = token;
  evsi_file_worker_add(transport->worker, job);
}

static void file_leave(evs_transport *transport, uint64_t group) {
  if (transport->worker)
    add_about_group(transport, EVSI_FILE_LEAVE, group);
  else
    transport->ops->left(transport->host, group);
}

static void file_resume(evs_transport *transport, uint64_t group) {
  if (transport->worker)
    add_about_group(transport, EVSI_FILE_RESUME, group);
}

static void file_recall(evs_transport *transport, const evs_tp_place *places, size_t count) {
  size_t size = count * sizeof *places;
  for (size_t i = 0; i < count; i++)
    size += places[i].topic.size + places[i].offset.size + 2;
  evsi_file_job *job = job_new(transport, EVSI_FILE_RECALL, size);
  if (!job) {
    transport->ops->again(transport->host, places[0].group);
    return;
  }
  job->as.places = job->bytes;
  char *at = (char *)(job->as.places + count);
  for (size_t i = 0; i < count; i++) {
    job->as.places[i] = places[i];
    job->as.places[i].topic = evsi_bytes_place(&at, places[i].topic);
    job->as.places[i].offset = evsi_bytes_place(&at, places[i].offset);
  }
  job->count = count;
  evsi_file_worker_add(transport->worker, job);
}

/* ---- the rest --------------------------------------------------------------------------------- */

static void file_request(evs_transport *transport, const char *method, const char *params_json,
                         size_t params_size, uint64_t token) {
  char text[300];
  evsi_file_job *job = job_new(transport, EVSI_FILE_REQUEST, strlen(method) + params_size + 2);
  if (!job || transport->is_closing_asked) {
    snprintf(text, sizeof text, "%.200s is not open: %.40s is not possible now", transport->config.path,
             method);
    evsi_file_job_free(job);
    transport->ops->replied(transport->host, token, EVS_TRANSPORT, evsi_text(text));
    return;
  }
  char *at = job->bytes;
  job->token = token;
  job->as.request.method = at;
  evsi_bytes_place(&at, evsi_text(method));
  job->as.request.params = at;
  evsi_bytes_place(&at, evsi_bytes(params_json, params_size));
  evsi_file_worker_add(transport->worker, job);
}

static void file_announce(evs_transport *transport, evs_bytes service, evs_bytes instance, evs_bytes document,
                          uint32_t ttl_ms) {
  evsi_file_job *job =
      job_new(transport, EVSI_FILE_ANNOUNCE, service.size + instance.size + document.size + 3);
  if (!job)
    return; /* it comes again soon */
  char *at = job->bytes;
  job->as.announcement.service = evsi_bytes_place(&at, service);
  job->as.announcement.instance = evsi_bytes_place(&at, instance);
  job->as.announcement.document = evsi_bytes_place(&at, document);
  job->as.announcement.ttl_ms = ttl_ms;
  evsi_file_worker_add(transport->worker, job);
}

const evs_transport_ops evsi_file_transport = {
    .struct_size = sizeof(evs_transport_ops),
    .abi = EVS_TRANSPORT_ABI,
    .type = "file",
    .capabilities = EVS_CAP_PUBLISH | EVS_CAP_SUBSCRIBE | EVS_CAP_PATTERN_ROUTING | EVS_CAP_BATCHING |
                    EVS_CAP_PARTITIONING | EVS_CAP_CONSUMER_GROUPS | EVS_CAP_PERSISTENCE | EVS_CAP_DLQ |
                    EVS_CAP_DELAY | EVS_CAP_DURABILITY | EVS_CAP_RETENTION | EVS_CAP_REPLAY |
                    EVS_CAP_ORDERING,
    .create = file_create,
    .connect = file_connect,
    .close = file_close,
    .destroy = file_destroy,
    .publish = file_publish,
    .join = file_join,
    .leave = file_leave,
    .resume = file_resume,
    .settle = file_settle,
    .request = file_request,
    .announce = file_announce,
    .recall = file_recall,
    .wake = file_wake,
};
