/* SPDX-License-Identifier: MIT
 * gate.c - see gate.h. One limiter and one queue for each type, each topic, or for all. A job that waits
 * holds up those of its key only; the I/O thread lets it go on, or ends it at its deadline. */
#include "publish/gate.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/alloc.h"
#include "base/map.h"

/* Beyond so many keys, what cannot get a limiter of its own shares one. */
enum { KEYS_MAX = 10000, MERGED_MAX = 16 /* more than KEYS_MAX has bits */ };

typedef struct gate_key {
  char *name;
  evsi_limiter *limiter;
  evsi_job *first, *last; /* that wait */
  UT_hash_handle hh;
} gate_key;

struct evsi_gate {
  evsi_task task;
  evsi_publisher *publisher;
  evsi_timer *timer;      /* @thread io */
  _Atomic bool is_closed; /* events have to ask */
  pthread_mutex_t lock;
  /* @locks lock from here on */
  evsi_rate_limiting policy;
  gate_key *keys;
};

/* ---- keys ------------------------------------------------------------------------------------- */

static void free_key(evsi_gate *gate, gate_key *key) {
  HASH_DEL(gate->keys, key);
  evsi_limiter_free(key->limiter);
  evsi_free(key->name);
  evsi_free(key);
}

/* @locks gate. Those that are as if they had never been. */
static void forget_rested(evsi_gate *gate, uint64_t now_us) {
  gate_key *key, *next;
  HASH_ITER(hh, gate->keys, key, next) {
    if (!key->first && evsi_limiter_is_rested(key->limiter, now_us))
      free_key(gate, key);
  }
}

static evs_bytes name_of(const evsi_gate *gate, const evsi_job *job) {
  switch (gate->policy.scope) {
  case EVSI_RATE_PER_TYPE:
    return job->sends[0].event.full_type;
  case EVSI_RATE_PER_TOPIC:
    return job->sends[0].event.topic;
  case EVSI_RATE_PER_SYSTEM:
    break;
  }
  return evsi_text("*"); /* neither a type nor a topic */
}

static gate_key *make_key(evsi_gate *gate, evs_bytes name, uint64_t now_us) {
  gate_key *key = evsi_calloc(1, sizeof *key);
  if (!key)
    return NULL;
  key->name = evsi_strndup(name.data, name.size);
  key->limiter = key->name ? evsi_limiter_new(&gate->policy.rate, now_us) : NULL;
  if (key->limiter)
    HASH_ADD_KEYPTR(hh, gate->keys, key->name, name.size, key);
  if (key->limiter && key->hh.tbl)
    return key;
  evsi_limiter_free(key->limiter);
  evsi_free(key->name);
  evsi_free(key);
  return NULL;
}

/* @locks gate. NULL when memory is short. */
static gate_key *find_key(evsi_gate *gate, evs_bytes name, uint64_t now_us) {
  gate_key *key = NULL;
  HASH_FIND(hh, gate->keys, name.data, name.size, key);
  if (key)
    return key;
  if (HASH_COUNT(gate->keys) >= KEYS_MAX)
    forget_rested(gate, now_us);
  if (HASH_COUNT(gate->keys) < KEYS_MAX)
    return make_key(gate, name, now_us);
  name = evsi_text("*");
  HASH_FIND(hh, gate->keys, name.data, name.size, key);
  return key ? key : make_key(gate, name, now_us);
}

/* ---- waiting ---------------------------------------------------------------------------------- */

static void append(gate_key *key, evsi_job *job) {
  job->next = NULL;
  *(key->first ? &key->last->next : &key->first) = job;
  key->last = job;
}

static evsi_job *take_first(gate_key *key) {
  evsi_job *job = key->first;
  key->first = job->next;
  return job;
}

/* ---- ending ----------------------------------------------------------------------------------- */

/* Ends a list of jobs that never came to a transport. */
static void end_all(const evsi_gate *gate, evsi_job *jobs, evs_status status, const char *why) {
  while (jobs) {
    evsi_job *job = jobs;
    uint32_t count = job->send_count;
    jobs = job->next;
    for (uint32_t i = 0; i < count; i++)
      evsi_job_settle(gate->publisher, &job->sends[i],
                      &(evsi_ending){.status = status, .outcome = EVS_OUTCOME_REFUSED, .message = why});
    for (uint32_t i = 0; i < count; i++)
      evsi_job_release(gate->publisher, &job->sends[i], NULL); /* the last one frees it */
  }
}

static void refuse(const evsi_gate *gate, evsi_job *job, const evsi_rate *rate, uint64_t wait_us) {
  char why[256];
  snprintf(why, sizeof why,
           "the limit of %u events in %" PRIu64
           " ms (publisher.rateLimiting) is reached: the next one passes in "
           "%" PRIu64 " ms; or let events wait with onLimit: wait",
           rate->max_requests, rate->window_us / 1000, (wait_us + 999) / 1000);
  job->next = NULL;
  end_all(gate, job, EVS_RATE_LIMITED, why);
}

/* ---- coming ----------------------------------------------------------------------------------- */

typedef enum { PASSES, WAITS, IS_LIMITED, NO_MEMORY } verdict;

static void count_limited(evsi_publisher *publisher, const evsi_job *job) {
  evsi_count(publisher->setup.stats, EVSI_COUNT_RATE_LIMITED, 1);
  evsi_count_labels(&job->labels, EVSI_LABELED_LIMITED, 1);
}

/* @locks gate */
static verdict judge(evsi_gate *gate, evsi_job *job, uint64_t *out_wait_us) {
  uint64_t now_us = evsi_now_us(gate->publisher->setup.env);
  gate_key *key = find_key(gate, name_of(gate, job), now_us);
  if (!key)
    return NO_MEMORY;
  if (gate->policy.enabled && !key->first && evsi_limiter_take(key->limiter, now_us, out_wait_us))
    return PASSES;
  if (gate->policy.enabled)
    count_limited(gate->publisher, job);
  if (gate->policy.enabled && gate->policy.on_limit == EVSI_RATE_REJECT)
    return IS_LIMITED;
  append(key, job); /* also while the gate opens: behind those that still wait */
  return WAITS;
}

bool evsi_gate_is_open(const evsi_gate *gate) {
  return !atomic_load(&gate->is_closed);
}

bool evsi_gate_passes(evsi_gate *gate, evsi_job *job) {
  uint64_t wait_us = 0;
  if (evsi_gate_is_open(gate))
    return true;
  pthread_mutex_lock(&gate->lock);
  verdict found = judge(gate, job, &wait_us);
  evsi_rate rate = gate->policy.rate;
  pthread_mutex_unlock(&gate->lock);
  switch (found) {
  case PASSES:
    return true;
  case WAITS:
    evsi_tasks_post(gate->publisher->setup.tasks, &gate->task);
    return false;
  case IS_LIMITED:
    refuse(gate, job, &rate, wait_us);
    return false;
  case NO_MEMORY:
    break;
  }
  job->next = NULL;
  end_all(gate, job, EVS_NOMEM, "out of memory");
  return false;
}

/* ---- going on --------------------------------------------------------------------------------- */

/* @locks gate. Takes out those whose deadline is over; *next_ms becomes the first of the others. */
static void take_late(gate_key *key, uint64_t now_ms, evsi_job **late, uint64_t *next_ms) {
  evsi_job *rest = key->first;
  key->first = NULL;
  while (rest) {
    evsi_job *job = rest;
    rest = job->next;
    if (job->deadline_ms <= now_ms) {
      job->next = *late;
      *late = job;
      continue;
    }
    append(key, job);
    *next_ms = job->deadline_ms < *next_ms ? job->deadline_ms : *next_ms;
  }
}

/* @locks gate. Hands on what may pass, in order: while the lock is held, so that nobody gets ahead. Gives how
 * long the first that stays has to wait. */
static uint64_t let_pass(evsi_gate *gate, gate_key *key, uint64_t now_us) {
  uint64_t wait_us = UINT64_MAX;
  while (key->first && (!gate->policy.enabled || evsi_limiter_take(key->limiter, now_us, &wait_us)))
    evsi_publisher_hand_on(gate->publisher, take_first(key));
  return key->first ? wait_us : UINT64_MAX;
}

/* @thread io */
static void run(evsi_gate *gate) {
  const evsi_env *env = gate->publisher->setup.env;
  evsi_job *late = NULL;
  uint64_t wait_us = UINT64_MAX, next_ms = UINT64_MAX;
  gate_key *key, *following;
  pthread_mutex_lock(&gate->lock);
  uint64_t now_us = evsi_now_us(env);
  HASH_ITER(hh, gate->keys, key, following) {
    if (!key->first)
      continue;
    take_late(key, now_us / 1000, &late, &next_ms);
    uint64_t wait = let_pass(gate, key, now_us);
    wait_us = wait < wait_us ? wait : wait_us;
  }
  if (!gate->policy.enabled)
    atomic_store(&gate->is_closed, false); /* all that waited went on */
  pthread_mutex_unlock(&gate->lock);
  end_all(gate, late, EVS_TIMEOUT,
          "publisher.rateLimiting let no more events pass in time: the event is not stored");
  uint64_t delay_ms = wait_us == UINT64_MAX ? UINT64_MAX : (wait_us + 999) / 1000;
  if (next_ms != UINT64_MAX && next_ms - now_us / 1000 < delay_ms)
    delay_ms = next_ms - now_us / 1000;
  if (delay_ms != UINT64_MAX)
    env->io->timer_start(gate->timer, delay_ms);
  else
    env->io->timer_stop(gate->timer);
}

static void on_task(evsi_task *task) {
  run((evsi_gate *)task);
}

static void on_timer(void *data) {
  run(data);
}

/* ---- life ------------------------------------------------------------------------------------- */

evsi_gate *evsi_gate_new(evsi_publisher *publisher, const evsi_rate_limiting *policy) {
  evsi_gate *gate = evsi_calloc(1, sizeof *gate);
  if (!gate)
    return NULL;
  gate->task.run = on_task;
  gate->publisher = publisher;
  gate->policy = *policy;
  atomic_init(&gate->is_closed, policy->enabled);
  pthread_mutex_init(&gate->lock, NULL);
  gate->timer = publisher->setup.env->io->timer_new(publisher->setup.loop, on_timer, gate);
  if (gate->timer)
    return gate;
  evsi_gate_free(gate);
  return NULL;
}

static bool is_before(const evsi_job *a, const evsi_job *b) {
  return a->sends[0].sequence < b->sends[0].sequence;
}

/* Of two lists, each in the order in which it was accepted. */
static evsi_job *merge(evsi_job *a, evsi_job *b) {
  evsi_job *all = NULL, **end = &all;
  while (a && b) {
    evsi_job **earlier = is_before(a, b) ? &a : &b;
    *end = *earlier;
    end = &(*earlier)->next;
    *earlier = *end;
  }
  *end = a ? a : b;
  return all;
}

/* Counts up as a binary number is: at i stands what waited for 2^i keys. So each job is merged a few times,
 * however many keys there are. */
static void add_list(evsi_job *merged[MERGED_MAX], evsi_job *list) {
  size_t i = 0;
  for (; merged[i]; i++) {
    list = merge(merged[i], list);
    merged[i] = NULL;
  }
  merged[i] = list;
}

/* @locks gate. All that waits, in the order in which it was accepted. */
static evsi_job *take_all(evsi_gate *gate) {
  evsi_job *merged[MERGED_MAX] = {NULL}, *all = NULL;
  gate_key *key, *next;
  HASH_ITER(hh, gate->keys, key, next) {
    if (key->first)
      add_list(merged, key->first);
    free_key(gate, key);
  }
  for (size_t i = 0; i < MERGED_MAX; i++)
    all = merge(merged[i], all);
  return all;
}

/* Without memory for a key, what waits for it passes. */
void evsi_gate_change(evsi_gate *gate, const evsi_rate_limiting *policy) {
  pthread_mutex_lock(&gate->lock);
  uint64_t now_us = evsi_now_us(gate->publisher->setup.env);
  evsi_job *waiting = take_all(gate);
  gate->policy = *policy;
  atomic_store(&gate->is_closed, true);
  while (waiting) {
    evsi_job *job = waiting;
    waiting = job->next;
    gate_key *key = find_key(gate, name_of(gate, job), now_us);
    if (key)
      append(key, job);
    else
      evsi_publisher_hand_on(gate->publisher, job);
  }
  pthread_mutex_unlock(&gate->lock);
  evsi_tasks_post(gate->publisher->setup.tasks, &gate->task);
}

void evsi_gate_abort(evsi_gate *gate, const char *why) {
  pthread_mutex_lock(&gate->lock);
  evsi_job *waiting = take_all(gate);
  pthread_mutex_unlock(&gate->lock);
  end_all(gate, waiting, EVS_CLOSED, why);
}

void evsi_gate_free(evsi_gate *gate) {
  if (!gate)
    return;
  gate->publisher->setup.env->io->timer_free(gate->timer);
  take_all(gate); /* there are only keys left */
  pthread_mutex_destroy(&gate->lock);
  evsi_free(gate);
}
