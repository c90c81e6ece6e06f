/* SPDX-License-Identifier: MIT
 * file_worker.c - the one thread of a process that works on a file: takes jobs, does many of them in one
 * transaction, and wakes by itself for what is due. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/backoff.h"
#include "base/wake.h"
#include "transport/file/file_internal.h"
#include "transport/file/file_open.h"

enum { SLEEP_MAX_MS = 60000 };
static const evsi_retry_policy OPEN_RETRY = {0, EVS_BACKOFF_EXPONENTIAL, 100, 5000, 0.2};
static const evsi_retry_policy WORK_RETRY = {0, EVS_BACKOFF_EXPONENTIAL, 20, 1000, 0.2};

static pthread_mutex_t workers_lock = PTHREAD_MUTEX_INITIALIZER;
static evsi_file_worker *workers; /* @locks workers_lock */

uint64_t evsi_file_now(const evsi_file_worker *worker) {
  return evsi_now_ms(worker->env);
}

uint64_t evsi_file_wall(const evsi_file_worker *worker) {
  return evsi_wall_ms(worker->env);
}

/* ---- jobs ------------------------------------------------------------------------------------- */

void evsi_file_job_free(evsi_file_job *job) {
  if (!job)
    return;
  evsi_file_note_free(job->note);
  evsi_free(job->bytes);
  evsi_free(job);
}

static void append(evsi_file_job **first, evsi_file_job **last, evsi_file_job *job) {
  job->next = NULL;
  *(*last ? &(*last)->next : first) = job;
  *last = job;
}

void evsi_file_worker_add(evsi_file_worker *worker, evsi_file_job *job) {
  pthread_mutex_lock(&worker->lock);
  bool is_late = job->transport->is_closing_asked && job->transport->is_detached;
  if (!is_late)
    append(&worker->jobs_first, &worker->jobs_last, job);
  pthread_cond_broadcast(&worker->changed);
  pthread_mutex_unlock(&worker->lock);
  if (is_late)
    evsi_file_job_free(job);
}

/* What was asked of a transport after it ended. @locks worker->lock */
static void drop_jobs_of(evsi_file_worker *worker, const evs_transport *transport) {
  evsi_file_job *each = worker->jobs_first;
  worker->jobs_first = worker->jobs_last = NULL;
  while (each) {
    evsi_file_job *job = each;
    each = job->next;
    if (job->transport == transport)
      evsi_file_job_free(job);
    else
      append(&worker->jobs_first, &worker->jobs_last, job);
  }
}

void evsi_file_worker_stir(evsi_file_worker *worker) {
  pthread_mutex_lock(&worker->lock);
  worker->is_stirred = true;
  pthread_cond_broadcast(&worker->changed);
  pthread_mutex_unlock(&worker->lock);
}

static bool give_up(void *data) {
  evsi_file_worker *worker = data;
  pthread_mutex_lock(&worker->lock);
  bool is_given_up = worker->is_given_up;
  pthread_mutex_unlock(&worker->lock);
  return is_given_up;
}

static void close_transport(evs_transport *transport, uint64_t deadline_ms) {
  transport->is_closing = true;
  transport->close_deadline_ms = evsi_file_now(transport->worker) + deadline_ms;
  for (evsi_file_group *group = transport->groups; group; group = group->next)
    evsi_file_group_leave(transport, group->token);
}

static void resume(evs_transport *transport, uint64_t token) {
  evsi_file_group *group = evsi_file_group_find(transport, token);
  if (group)
    group->is_ready = true;
}

/* Takes the job. */
static void dispatch(evsi_file_worker *worker, evsi_file_job *job) {
  evs_transport *transport = job->transport;
  switch (job->kind) {
  case EVSI_FILE_CONNECT:
    transport->next = worker->transports;
    worker->transports = transport;
    break;
  case EVSI_FILE_PUBLISH:
    if (worker->is_open)
      append(&worker->publishes_first, &worker->publishes_last, job);
    else
      evsi_file_publish_refuse(job, "the file is not open", 0);
    return;
  case EVSI_FILE_SETTLE:
    evsi_file_settle_add(transport, job->as.settlements, job->count);
    break;
  case EVSI_FILE_JOIN:
    evsi_file_group_join(transport, job->as.group);
    break;
  case EVSI_FILE_LEAVE:
    evsi_file_group_leave(transport, job->token);
    break;
  case EVSI_FILE_RESUME:
    resume(transport, job->token);
    break;
  case EVSI_FILE_RECALL:
    evsi_file_order_recall(transport, job->as.places, job->count);
    break;
  case EVSI_FILE_REQUEST:
    append(&transport->requests_first, &transport->requests_last, job);
    return;
  case EVSI_FILE_ANNOUNCE:
    if (worker->is_open)
      evsi_file_announce(worker, job);
    break;
  case EVSI_FILE_CLOSE:
    close_transport(transport, job->token);
    break;
  }
  evsi_file_job_free(job);
}

/* ---- opening ---------------------------------------------------------------------------------- */

/* Whom there was no memory for is told when it is looked at again. */
static void tell_state(evsi_file_worker *worker, const char *why, uint64_t next_try_ms) {
  bool is_fatal = worker->is_fatal;
  for (evs_transport *each = worker->transports; each; each = each->next) {
    if (worker->is_open && each->is_told_connected)
      continue;
    bool is_told = evsi_file_note_state(each, worker->is_open, is_fatal, why, next_try_ms);
    each->is_told_connected = is_told && worker->is_open;
    worker->is_fatal = worker->is_fatal && is_told;
  }
}

static void open_wake_file(evsi_file_worker *worker) {
  char path[4200];
  snprintf(path, sizeof path, "%s-wake", worker->path);
  if (worker->wake_fd < 0)
    worker->wake_fd =
        open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644); /* without it others look now and then */
}

static void open_file(evsi_file_worker *worker) {
  uint64_t now = evsi_file_now(worker);
  bool is_untold = false;
  for (evs_transport *each = worker->transports; each; each = each->next)
    is_untold |= worker->is_open && !each->is_told_connected;
  if (is_untold)
    tell_state(worker, "connected", 0);
  if (worker->is_open || worker->is_fatal || now < worker->open_retry_ms || !worker->transports)
    return;
  evsi_file_db *db = &worker->store.db;
  db->give_up = give_up;
  db->give_up_data = worker;
  db->patience_ms = worker->transports->config.lock_timeout_ms;
  worker->is_open = evsi_file_open(db, worker->path, &worker->is_fatal);
  if (worker->is_open) {
    open_wake_file(worker);
    worker->failures = 0;
    worker->poll_ms = 0;
    tell_state(worker, "connected", 0);
    return;
  }
  char why[EVSI_FILE_WHY];
  snprintf(why, sizeof why, "%s", db->why);
  evsi_file_db_close(db); /* with its statements: while one is left, what it has locked stays locked */
  uint64_t delay = evsi_backoff_delay(worker->env, &OPEN_RETRY, ++worker->failures);
  worker->open_retry_ms = now + delay;
  tell_state(worker, why, worker->is_fatal ? 0 : delay);
}

/* ---- transactions ----------------------------------------------------------------------------- */

bool evsi_file_begin_work(evsi_file_worker *worker, bool may_write) {
  return evsi_file_store_begin(&worker->store, evsi_file_wall(worker), may_write);
}

static void note_trouble(evsi_file_worker *worker) {
  evs_transport *any = worker->transports;
  worker->retry_ms = evsi_file_now(worker) + evsi_backoff_delay(worker->env, &WORK_RETRY, ++worker->failures);
  if (any)
    evsi_file_log(any, evsi_file_is_transient(&worker->store.db) ? 2 : 3, "%s; it is tried again",
                  worker->store.db.why);
}

static void look_at_all(evsi_file_worker *worker) {
  for (evs_transport *each = worker->transports; each; each = each->next) {
    for (evsi_file_group *group = each->groups; group; group = group->next)
      group->is_ready = true;
  }
}

/* Groups look at topics, members and pauses when anything of it has changed. */
static void look_at_news(evsi_file_worker *worker) {
  worker->store.db.error = SQLITE_OK;
  int64_t news = evsi_file_get(&worker->store.db, 0, "SELECT number FROM news", "");
  for (evs_transport *each = worker->transports; each; each = each->next) {
    for (evsi_file_group *group = each->groups; group && each->news != news; group = group->next)
      group->is_looking = true;
    each->news = news;
  }
}

bool evsi_file_end_work(evsi_file_worker *worker) {
  evsi_file_store *store = &worker->store;
  if (!evsi_file_store_end(store)) {
    store->is_stirring = false;
    note_trouble(worker);
    return false;
  }
  worker->failures = 0;
  if (store->is_stirring) {
    store->is_stirring = false;
    if (worker->wake_fd >= 0 && pwrite(worker->wake_fd, "!", 1, 0) != 1)
      worker->wake_fd = -1; /* they find it a little later */
    look_at_all(worker);
    look_at_news(worker);
  }
  return true;
}

/* ---- a turn ----------------------------------------------------------------------------------- */

static bool has_work(evsi_file_worker *worker) {
  uint64_t now = evsi_file_now(worker);
  bool has = false;
  if (now < worker->retry_ms)
    return false;
  for (evs_transport *each = worker->transports; each; each = each->next) {
    has = has || each->settling_first || (each->groups && now >= each->beat_ms);
    for (evsi_file_group *group = each->groups; group; group = group->next)
      has = evsi_file_group_has_work(group) || evsi_file_has_entries(group) || has;
  }
  return has;
}

enum { HANDFULS_MAX = 64 };

typedef struct turn {
  evsi_file_handful *handfuls[HANDFULS_MAX];
  size_t count;
} turn;

static void work_of(evs_transport *transport, turn *now) {
  evsi_file_settle_all(transport);
  if (transport->groups && evsi_file_now(transport->worker) >= transport->beat_ms)
    evsi_file_beat(transport);
  for (evsi_file_group *group = transport->groups; group; group = group->next) {
    evsi_file_group_work(group);
    evsi_file_handful *handful = now->count < HANDFULS_MAX ? evsi_file_fetch(group) : NULL;
    if (handful)
      now->handfuls[now->count++] = handful;
  }
}

static void forget_left(evs_transport *transport) {
  for (evsi_file_group **link = &transport->groups; *link;) {
    evsi_file_group *group = *link;
    if (group->state != EVSI_GROUP_LEFT) {
      link = &group->next;
      continue;
    }
    *link = group->next;
    evsi_file_group_free(group);
  }
}

static void work(evsi_file_worker *worker) {
  turn now = {.count = 0};
  if (!worker->is_open || !has_work(worker))
    return;
  bool is_done = evsi_file_begin_work(worker, true);
  for (evs_transport *each = worker->transports; is_done && each; each = each->next)
    work_of(each, &now);
  is_done = evsi_file_end_work(worker);
  for (evs_transport *each = worker->transports; each; each = each->next) {
    evsi_file_settle_told(each, is_done);
    for (evsi_file_group *group = each->groups; group; group = group->next)
      (is_done ? evsi_file_group_tell : evsi_file_group_undo)(group);
  }
  for (size_t i = 0; i < now.count; i++)
    (is_done ? evsi_file_deliver : evsi_file_forget_handful)(now.handfuls[i]);
  for (evs_transport *each = worker->transports; each; each = each->next)
    forget_left(each);
}

static void look_at_due(evsi_file_worker *worker) {
  for (evs_transport *each = worker->transports; each; each = each->next) {
    for (evsi_file_group *group = each->groups; group; group = group->next)
      group->is_ready = group->is_ready || group->due_ms > 0;
  }
}

/* Did another process change something? */
static void poll_file(evsi_file_worker *worker, bool is_stirred) {
  uint64_t now = evsi_file_now(worker);
  if (!worker->is_open || !worker->transports || (!is_stirred && now < worker->poll_ms))
    return;
  worker->poll_ms = now + worker->transports->config.poll_ms;
  worker->delayed_ms = 0; /* the wall clock may have been set, too */
  look_at_due(worker);
  if (!is_stirred && !evsi_file_is_there(&worker->store.db))
    evsi_file_log(
        worker->transports, 3,
        "%s was removed or replaced while it was used: what is stored from now on is in no file that has a "
        "name; restart what uses it",
        worker->path);
  if (!evsi_file_has_changed(&worker->store.db))
    return;
  look_at_all(worker);
  look_at_news(worker);
}

static void end_transport(evs_transport *transport, const char *why) {
  evsi_file_settle_fail(transport, why);
  while (transport->requests_first) {
    evsi_file_job *job = transport->requests_first;
    transport->requests_first = job->next;
    evsi_file_note_replied(job, EVS_TRANSPORT, evsi_text(why));
    evsi_file_job_free(job);
  }
  while (transport->groups) {
    evsi_file_group *group = transport->groups;
    transport->groups = group->next;
    evsi_file_group_free(group);
  }
}

static void close_done(evsi_file_worker *worker) {
  uint64_t now = evsi_file_now(worker);
  for (evs_transport **link = &worker->transports; *link;) {
    evs_transport *each = *link;
    bool is_idle = !each->groups && !each->settling_first && !each->requests_first;
    bool is_hopeless = !worker->is_open && !each->settling_first;
    if (!each->is_closing || (!is_idle && !is_hopeless && now < each->close_deadline_ms)) {
      link = &each->next;
      continue;
    }
    *link = each->next;
    end_transport(each, "the transport was closed before the file could be written");
    evsi_file_note_closed(each);
    pthread_mutex_lock(&worker->lock);
    drop_jobs_of(worker, each);
    each->is_detached = true; /* from here on it may be gone */
    pthread_cond_broadcast(&worker->changed);
    pthread_mutex_unlock(&worker->lock);
  }
}

/* ---- when to wake ----------------------------------------------------------------------------- */

static void sooner(uint64_t *wake, uint64_t at) {
  if (at < *wake)
    *wake = at;
}

static uint64_t next_of_group(const evsi_file_group *group, uint64_t earliest) {
  bool is_waiting = group->is_ready || evsi_file_group_has_work(group);
  if (is_waiting || (group->due_ms > 0 && group->due_ms < earliest))
    return earliest;
  return group->due_ms > 0 ? group->due_ms : UINT64_MAX;
}

/* What needs a transaction waits until one may be tried again. */
static uint64_t next_of(const evs_transport *transport, uint64_t earliest) {
  uint64_t wake = transport->settling_first ? earliest : UINT64_MAX;
  if (transport->groups)
    sooner(&wake, transport->beat_ms);
  for (const evsi_file_group *group = transport->groups; group; group = group->next)
    sooner(&wake, next_of_group(group, earliest));
  sooner(&wake, transport->retention_ms);
  return wake > earliest ? wake : earliest;
}

static uint64_t next_wake(const evsi_file_worker *worker) {
  uint64_t now = evsi_file_now(worker), wake = now + SLEEP_MAX_MS;
  uint64_t earliest = worker->retry_ms > now ? worker->retry_ms : now;
  if (!worker->is_open && worker->transports && !worker->is_fatal)
    sooner(&wake, worker->open_retry_ms);
  if (worker->is_open && worker->transports)
    sooner(&wake, worker->poll_ms);
  if (worker->is_open && worker->delayed_ms > 0)
    sooner(&wake, worker->delayed_ms > earliest ? worker->delayed_ms : earliest);
  for (const evs_transport *each = worker->transports; each; each = each->next) {
    if (each->is_closing)
      sooner(&wake, each->close_deadline_ms);
    if (worker->is_open)
      sooner(&wake, next_of(each, earliest));
  }
  return wake > now ? wake : now;
}

/* Waits for jobs until something is due; false: it ends. */
static bool wait_for_jobs(evsi_file_worker *worker, evsi_file_job **out_jobs, bool *out_stirred) {
  uint64_t wake_us = next_wake(worker) * 1000;
  pthread_mutex_lock(&worker->lock);
  while (!worker->jobs_first && !worker->is_stirred && !worker->is_stopping &&
         evsi_cond_wait(&worker->changed, &worker->lock, wake_us)) {
  }
  *out_jobs = worker->jobs_first;
  *out_stirred = worker->is_stirred;
  worker->jobs_first = worker->jobs_last = NULL;
  worker->is_stirred = false;
  bool goes_on = !worker->is_stopping || *out_jobs;
  pthread_mutex_unlock(&worker->lock);
  return goes_on;
}

static void *run(void *data) {
  evsi_file_worker *worker = data;
  evsi_file_job *jobs;
  bool is_stirred;
  while (wait_for_jobs(worker, &jobs, &is_stirred)) {
    while (jobs) {
      evsi_file_job *job = jobs;
      jobs = job->next;
      dispatch(worker, job);
    }
    open_file(worker);
    poll_file(worker, is_stirred);
    evsi_file_publish_all(worker);
    evsi_file_ripen(worker);
    work(worker);
    for (evs_transport *each = worker->transports; each; each = each->next) {
      evsi_file_requests(each);
      evsi_file_retention_look(each);
    }
    close_done(worker);
  }
  return NULL;
}

/* ---- life ------------------------------------------------------------------------------------- */

static void worker_free(evsi_file_worker *worker) {
  evsi_file_watched_free(worker);
  evsi_file_store_free(&worker->store);
  if (worker->wake_fd >= 0)
    close(worker->wake_fd);
  pthread_cond_destroy(&worker->changed);
  pthread_mutex_destroy(&worker->lock);
  evsi_free(worker->path);
  evsi_free(worker);
}

static evsi_file_worker *worker_new(const char *path, const evsi_env *env) {
  evsi_file_worker *worker = evsi_calloc(1, sizeof *worker);
  sigset_t all, before;
  if (!worker)
    return NULL;
  pthread_mutex_init(&worker->lock, NULL);
  evsi_cond_init(&worker->changed);
  worker->env = env;
  worker->wake_fd = -1;
  worker->path = evsi_strdup(path);
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  bool has_thread = worker->path && pthread_create(&worker->thread, NULL, run, worker) == 0;
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  if (has_thread)
    return worker;
  worker_free(worker);
  return NULL;
}

evsi_file_worker *evsi_file_worker_use(const char *path, const evsi_env *env) {
  pthread_mutex_lock(&workers_lock);
  evsi_file_worker *worker = workers;
  while (worker && strcmp(worker->path, path) != 0)
    worker = worker->next;
  if (!worker && (worker = worker_new(path, env))) {
    worker->next = workers;
    workers = worker;
  }
  if (worker)
    worker->users++;
  pthread_mutex_unlock(&workers_lock);
  return worker;
}

static bool take_out(evsi_file_worker *worker) {
  pthread_mutex_lock(&workers_lock);
  bool is_last = --worker->users == 0;
  evsi_file_worker **link = &workers;
  while (*link != worker)
    link = &(*link)->next;
  if (is_last)
    *link = worker->next;
  pthread_mutex_unlock(&workers_lock);
  return is_last;
}

void evsi_file_worker_leave(evsi_file_worker *worker, evs_transport *transport) {
  pthread_mutex_lock(&worker->lock);
  worker->is_given_up = !transport->is_detached; /* it is late: nothing is waited for any more */
  pthread_cond_broadcast(&worker->changed);
  while (!transport->is_detached)
    pthread_cond_wait(&worker->changed, &worker->lock);
  worker->is_given_up = false;
  pthread_mutex_unlock(&worker->lock);
  if (!take_out(worker))
    return;
  pthread_mutex_lock(&worker->lock);
  worker->is_stopping = true;
  pthread_cond_broadcast(&worker->changed);
  pthread_mutex_unlock(&worker->lock);
  pthread_join(worker->thread, NULL);
  worker_free(worker);
}
